//! How far the views stay behind the head while events keep coming.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::monde::connexion::{Connection, load, views_catch_up};
use crate::monde::noeud::Node;
use crate::monde::{BATCH, BATCH_CONNECTIONS, World, batches, ms};

/// How long each load lasts, in seconds.
const SECONDS: usize = 20;
/// Between two looks at the views.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn measure(world: &mut World) {
    for rate in [1_000, 5_000, 10_000] {
        let bodies = batches(&world.events(rate * SECONDS));
        let pace = Duration::from_secs_f64(BATCH as f64 / rate as f64);
        let looks = while_looking(&world.node, || {
            let mut connection = Connection::open(&world.node.address);
            let start = Instant::now();
            for (n, body) in bodies.iter().enumerate() {
                std::thread::sleep((start + pace * n as u32).saturating_duration_since(Instant::now()));
                assert_eq!(connection.post_batch(body), BATCH);
            }
            start.elapsed()
        });
        tell(&format!("{rate} events/s"), bodies.len() * BATCH, looks, &world.node);
    }
    let bodies = batches(&world.events(20_000 * SECONDS));
    let looks = while_looking(&world.node, || {
        let sent = load(&world.node.address, BATCH_CONNECTIONS, &bodies, |connection, body| {
            assert_eq!(connection.post_batch(body), BATCH);
        });
        sent.0
    });
    tell("as many as the node takes", bodies.len() * BATCH, looks, &world.node);
}

/// Seconds behind and leaves behind, of each view at each look.
type Looks = BTreeMap<String, Vec<(f64, f64)>>;

fn while_looking(node: &Node, work: impl FnOnce() -> Duration) -> (Duration, Looks) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = Looks::new();
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
                let text = node.get("/metrics");
                let of = |name: &str| -> BTreeMap<String, f64> {
                    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.split_once("\"} "));
                    lines.map(|(view, value)| (view.to_owned(), value.trim().parse().unwrap())).collect()
                };
                let leaves = of("greffe_view_lag_leaves{view=\"");
                for (view, seconds) in of("greffe_view_lag_seconds{view=\"") {
                    looks.entry(view.clone()).or_default().push((seconds, leaves[&view]));
                }
            }
            looks
        });
        let elapsed = work();
        ended.store(true, Ordering::Relaxed);
        (elapsed, looking.join().unwrap())
    })
}

fn tell(what: &str, events: usize, (elapsed, looks): (Duration, Looks), node: &Node) {
    let (_, behind) = views_catch_up(node);
    println!(
        "{what}: {:.0} events/s recorded for {:.0} s; all views at the head {} after the end",
        events as f64 / elapsed.as_secs_f64(),
        elapsed.as_secs_f64(),
        ms(behind)
    );
    for (view, mut looks) in looks {
        looks.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let at = |percent: usize| looks[(looks.len() - 1) * percent / 100];
        let ((p50, _), (p99, leaves)) = (at(50), at(99));
        println!("  {view:>14}: behind by p50 {p50:.3} s, p99 {p99:.3} s ({leaves:.0} leaves), {} looks", looks.len());
    }
}
