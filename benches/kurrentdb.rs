//! What the adapter adds to the bare client: the same appends and reads, over the real protocol, against the test server (streams in memory, no
//! disk, the same process), in turn, so that a machine that slows down slows both. `cargo bench --bench kurrentdb`
//!
//! The bare client sends events that were made beforehand; the adapter starts from leaves, and so pays for their records, their ids, and a second
//! thread that keeps its bound.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/kurrentdb/server.rs"]
mod server;
#[path = "../tests/kurrentdb/wire.rs"]
mod wire;

use std::time::{Duration, Instant};

use eventstore::{AppendToStreamOptions, Client, ExpectedRevision, ReadStreamOptions, StreamPosition};
use greffe::store::kurrentdb::KurrentdbStore;
use greffe::store::kurrentdb::address::Address;
use greffe::store::kurrentdb::record::Record;
use greffe::store::{EventStore, READ_LEAVES_MAX};
use greffe_events::key::{KeyId, Signature};
use greffe_events::leaf::Fields;

const LEAF_BYTES: usize = 1_000;
/// Appends of each size and side; the medians are compared.
const ROUNDS: usize = 400;

fn leaf(seed: u64) -> Vec<u8> {
    let payload = format!(r#"{{"type":"greffe.acte.transmis.v1","data":"{}"}}"#, "x".repeat(LEAF_BYTES - 190));
    let mut signature = [7; 64];
    signature[..8].copy_from_slice(&seed.to_be_bytes());
    let signatures = vec![(KeyId([7; 32]), Signature(signature))];
    Fields {
        recorded_at_ms: seed,
        received_at_ms: seed,
        previous: None,
        rank: seed,
        signatures,
        payload: payload.as_bytes(),
    }
    .encode()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let cluster = server::Cluster::start(1);
    let address = |stream: &str| Address::parse(&cluster.url(stream)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bare = runtime.block_on(async { Client::new(address("nu").settings).unwrap() });
    let store = KurrentdbStore::open(&address("adapte")).unwrap();
    println!("{:>20} {:>12} {:>12} {:>8}", "append, leaves", "bare", "adapter", "ratio");
    let mut head = 0;
    for count in [1, 16, 64, 256] {
        let (mut bare_times, mut own_times) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let leaves: Vec<_> = (head..head + count).map(leaf).collect();
            let records: Vec<_> =
                (head..).zip(&leaves).map(|(index, leaf)| Record::of_leaf(index, leaf).unwrap().event()).collect();
            let expected = head.checked_sub(1).map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
            let options = AppendToStreamOptions::default().expected_revision(expected).requires_leader(true);
            let start = Instant::now();
            runtime.block_on(bare.append_to_stream("nu", &options, records)).unwrap();
            bare_times.push(start.elapsed());
            let start = Instant::now();
            store.append(head, &leaves).unwrap();
            own_times.push(start.elapsed());
            head += count;
        }
        let (bare, own) = (median(bare_times), median(own_times));
        println!("{count:>20} {bare:>12.1?} {own:>12.1?} {:>8.2}", own.as_secs_f64() / bare.as_secs_f64());
    }
    let (mut bare_time, mut own_time, mut read) = (Duration::ZERO, Duration::ZERO, 0);
    while read < head {
        let start = Instant::now();
        let count = runtime.block_on(async {
            let options =
                ReadStreamOptions::default().position(StreamPosition::Position(read)).max_count(READ_LEAVES_MAX);
            let (mut reading, mut count) = (bare.read_stream("nu", &options).await.unwrap(), 0);
            while reading.next().await.unwrap().is_some() {
                count += 1;
            }
            count
        });
        bare_time += start.elapsed();
        let start = Instant::now();
        assert_eq!(store.read(read, READ_LEAVES_MAX).unwrap().len() as u64, count);
        own_time += start.elapsed();
        read += count;
    }
    let per_second = |time: Duration| f64::from(u32::try_from(read).unwrap()) / time.as_secs_f64();
    println!("catching up over {read} leaves of {LEAF_BYTES} bytes, leaves/s:");
    println!(
        "{:>20} {:>12.0} {:>12.0} {:>8.2}",
        "",
        per_second(bare_time),
        per_second(own_time),
        own_time.as_secs_f64() / bare_time.as_secs_f64()
    );
}
