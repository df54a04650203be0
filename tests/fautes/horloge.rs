//! The clock: what a node does whose wall clock jumps.

use std::time::{Duration, Instant};

use greffe::ledger::clock::STEADY_MS;

use crate::charge::{Charge, Dit, ORIGIN};
use crate::node::*;
use crate::panne::Panne;
use crate::wait_until;

/// Posts one act until it is taken; how long the node said `horloge`.
fn silence(charge: &Charge, node: &Serving) -> Duration {
    let agent = Charge::agent();
    let envelope = charge.prepare(&agent, &node.url).unwrap();
    let started = Instant::now();
    wait_until("the clock is believed again", 60, || match charge.post(&agent, &node.url, &envelope) {
        Dit::Recu { is_new, .. } => {
            assert!(is_new);
            true
        }
        said => {
            assert_eq!(said, Dit::Non(503, "horloge".to_owned()));
            false
        }
    });
    started.elapsed()
}

#[test]
fn a_clock_that_jumps_silences_the_node_until_it_runs_steadily_and_no_leaf_is_dated_before_another() {
    let dir = tempfile::tempdir().unwrap();
    let Some(panne) = Panne::new(dir.path(), "clock that jumps") else { return };
    let ledger = init(dir.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(dir.path(), &ledger, &node);
    node.stop();
    let node = panne.serve(&ledger.dir).unwrap();
    assert!(silence(&charge, &node) < Duration::from_secs(2), "a clock that is right is believed");
    // Forward, then back to where it was: each time ten steady seconds, and nobody does anything.
    let steady = Duration::from_millis(STEADY_MS - 500);
    for order in ["horloge 8000\n", ""] {
        panne.order(order);
        assert!(silence(&charge, &node) > steady, "after {order:?}");
        assert!(silence(&charge, &node) < Duration::from_secs(2));
    }
    // A minute ahead, recorded, stopped; at the next start the clock is right, which is behind the last record.
    node.stop();
    panne.order("horloge 60000\n");
    let node = panne.serve(&ledger.dir).unwrap();
    assert!(matches!(charge.one(&Charge::agent(), &node.url), Dit::Recu { is_new: true, .. }));
    node.stop();
    panne.order("");
    let node = panne.serve(&ledger.dir).unwrap();
    assert_eq!(
        charge.one(&Charge::agent(), &node.url),
        Dit::Non(503, "horloge".to_owned()),
        "no date is clamped in silence"
    );
    node.stop();
    panne.order("horloge 60000\n");
    let node = panne.serve(&ledger.dir).unwrap();
    charge.settle(&node.url);
    node.stop();
    charge.check(&ledger.dir);
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
}
