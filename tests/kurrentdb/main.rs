//! The store on KurrentDB, over the real protocol: against a small server of our own that fails on demand, and against a real one where
//! `GREFFE_TEST_KURRENTDB` holds its connection string.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod contrat;
mod migration;
#[path = "../support/node.rs"]
mod node;
mod noeuds;
mod pannes;
mod refus;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use greffe::store::kurrentdb::KurrentdbStore;
use greffe::store::kurrentdb::address::Address;
use greffe_events::key::{KeyId, Signature};
use greffe_events::leaf::Fields;

/// Opens the stream of a connection string.
fn open(url: &str) -> KurrentdbStore {
    KurrentdbStore::open(&Address::parse(url).unwrap()).unwrap()
}

/// The shortest leaf of [`leaf`].
const LEAF_BYTES_MIN: usize = 170;

/// A leaf of so many bytes, different for each seed. Its signature verifies nothing, which no store looks at.
fn leaf(seed: u64, bytes: usize) -> Vec<u8> {
    let mut signature = [0; 64];
    signature[..8].copy_from_slice(&seed.to_be_bytes());
    let build = |filling: usize| {
        let payload = format!(r#"{{"type":"greffe.essai.v1","data":"{}"}}"#, "x".repeat(filling));
        Fields {
            recorded_at_ms: seed,
            received_at_ms: seed,
            previous: None,
            rank: seed,
            signatures: vec![(KeyId([7; 32]), Signature(signature))],
            payload: payload.as_bytes(),
        }
        .encode()
    };
    build(bytes - build(0).len())
}

fn leaves(from: u64, count: u64) -> Vec<Vec<u8>> {
    (from..from + count).map(|seed| leaf(seed, 400)).collect()
}
