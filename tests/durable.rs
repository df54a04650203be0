//! Promise 1: whatever has a receipt survives a kill at any instant, with no repair step; and no second history is ever signed.
//!
//! `GREFFE_KILL_ROUNDS=1000 cargo test --test durable` looks longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/charge.rs"]
mod charge;
#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::process::Stdio;
use std::time::Duration;

use charge::{Charge, Dit, ORIGIN, random};
use node::*;

/// Posters at once: enough that batches hold several events, and that the kill falls between all of them.
const POSTERS: usize = 6;
/// Longest time under load before the kill, in ms: some tens of batches.
const LOAD_MS_MAX: u64 = 160;
/// Longest time of a node that is killed before it serves, in ms: about as long as it takes to start.
const START_MS_MAX: u64 = 80;

/// Rounds of killing.
fn rounds() -> usize {
    std::env::var("GREFFE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

#[test]
fn every_receipt_ever_returned_is_there_after_a_kill_at_any_instant() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(root.path(), &ledger, &node);
    let mut serving = Some(node);
    for round in 0..rounds() {
        let node = serving.take().unwrap();
        let url = node.url.clone();
        std::thread::scope(|scope| {
            for _ in 0..POSTERS {
                scope.spawn(|| assert_eq!(charge.load(&url), Dit::Rien, "it was killed, not asked to stop"));
            }
            std::thread::sleep(Duration::from_millis(random(LOAD_MS_MAX)));
            node.kill();
        });
        if round % 5 == 0 {
            // And once more while it reads its store again.
            let mut starting = greffe()
                .args(["serve", "--dir", arg(&ledger.dir), "--listen", "127.0.0.1:0"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(random(START_MS_MAX)));
            starting.kill().unwrap();
            starting.wait().unwrap();
        }
        let node = Serving::start(&ledger.dir);
        charge.settle(&node.url);
        if round % 10 == 0 {
            charge.check(&ledger.dir);
        }
        serving = Some(node);
    }
    serving.take().unwrap().stop();
    charge.check(&ledger.dir);
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
    let (receipts, known) = charge.counts();
    println!("{} rounds, {receipts} receipts, {known} events recorded whose answer was lost", rounds());
    assert!(receipts > 2 * rounds(), "only {receipts} receipts: nothing was tested");
    assert!(rounds() < 50 || known > 0, "no kill fell between the record and its answer");
}
