//! The contract of the port, on the test server and on a real one.

use std::sync::atomic::{AtomicU64, Ordering};

use greffe::store::EventStore;
use greffe::store::contract::{self, Harness};
use greffe_events::Uuid;

use crate::server::Cluster;
use crate::{LEAF_BYTES_MIN, leaf, open};

/// Streams of one server.
struct Streams {
    /// Gives a connection string for a stream.
    url: Box<dyn Fn(&str) -> String + Sync>,
    made: AtomicU64,
}

impl Harness for Streams {
    type Home = String;

    fn fresh(&self) -> String {
        let name = format!("essai-{}-{}", Uuid::now_v7(), self.made.fetch_add(1, Ordering::Relaxed));
        (self.url)(&name)
    }

    fn open(&self, home: &String) -> Box<dyn EventStore> {
        Box::new(open(home))
    }

    fn leaf(&self, seed: u64, bytes: usize) -> Vec<u8> {
        leaf(seed, bytes)
    }

    fn leaf_bytes_min(&self) -> usize {
        LEAF_BYTES_MIN
    }
}

#[test]
fn the_contract_is_kept_on_one_node() {
    let cluster = Cluster::start(1);
    contract::run(&Streams { url: Box::new(move |stream| cluster.url(stream)), made: AtomicU64::new(0) });
}

#[test]
fn the_contract_is_kept_on_three_nodes() {
    let cluster = Cluster::start(3);
    contract::run(&Streams { url: Box::new(move |stream| cluster.url(stream)), made: AtomicU64::new(0) });
}

#[test]
fn the_contract_is_kept_on_a_real_server() {
    let Ok(server) = std::env::var("GREFFE_TEST_KURRENTDB") else {
        println!("skipped: the contract on a real KurrentDB (GREFFE_TEST_KURRENTDB holds no connection string)");
        return;
    };
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = move |stream: &str| format!("{server}{separator}stream={stream}");
    contract::run(&Streams { url: Box::new(url), made: AtomicU64::new(0) });
}
