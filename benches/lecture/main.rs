//! What readers get from a long log: how long lists and totals take, how far views stay behind writers, and what followers of the feed cost.
//!
//! ```sh
//! cargo bench --bench lecture                           # over 200,000 events
//! cargo bench --bench lecture -- --events 1000000
//! cargo bench --bench lecture -- --only listes          # one of: listes, retard, fil
//! ```
//!
//! A region of 1,700 communes, their prefecture, their accountant and 200 suppliers: acts and their acknowledgements, budgets' flows and
//! their acquits, invoices and their statuses, tenders, all signed and posted as by anyone. Beside each figure stands what the machine does for the
//! same without Greffe, or the smallest request that there is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "it prints what it measured"
)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod fil;
mod listes;
#[path = "../monde/mod.rs"]
mod monde;
mod retard;

use std::time::Instant;

use self::monde::connexion::{load, views_catch_up};
use self::monde::echanges::Echanges;
use self::monde::{BATCH_CONNECTIONS, World, batches, ms};

const COMMUNES: usize = 1_700;
/// Events made and posted at a time.
const STEP: usize = 20_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let events: usize = value("--events").map_or(200_000, |text| text.parse().expect("--events is a number"));
    let only = value("--only");
    let runs = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let root = tempfile::tempdir().unwrap();
    let mut world = World::new(root.path(), COMMUNES);
    let mut echanges = Echanges::new(&world);
    if runs("fil") {
        fil::measure(&mut world);
    }
    if runs("retard") {
        retard::measure(&mut world);
    }
    if runs("listes") {
        let start = Instant::now();
        let head = fill(&mut world, &mut echanges, events);
        let (_, behind) = views_catch_up(&world.node);
        println!("{head} leaves after {:.0} s, views {} behind", start.elapsed().as_secs_f64(), ms(behind));
        listes::measure(&world, &echanges);
    }
}

/// Posts until the log has so many leaves: six in ten about acts, four about exchanges.
fn fill(world: &mut World, echanges: &mut Echanges, leaves: usize) -> usize {
    while world.head() < leaves {
        let acts = world.events(STEP * 6 / 10);
        let [opened, answered] = echanges.events(world, STEP / 10);
        for events in [acts, opened, answered] {
            load(&world.node.address, BATCH_CONNECTIONS, &batches(&events), |connection, body| {
                let recorded = connection.post_batch(body);
                assert_eq!(recorded, body.lines().count(), "{}", connection.refused());
            });
        }
    }
    world.head()
}
