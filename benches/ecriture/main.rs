//! What the write path carries: the built node over loopback, its CPU, and the bounds of the same machine in the same run.
//!
//! ```sh
//! cargo bench --bench ecriture                          # batches of 100, single events, the machine's own prices
//! cargo bench --bench ecriture -- --events 1000000      # the same log, a million events long: start, memory, price per event
//! cargo bench --bench ecriture -- --only lots           # one of: machine, lots, seuls
//! ```
//!
//! Events are signed before anything is measured: half acts with two pieces, half their acknowledgements, by fifty communes and their
//! prefecture. Every answer is read to its end and has to be what a good event gets. CPU is what the kernel counted for each
//! process: the load's own is subtracted from the cores before the node is compared with what they could verify. `TMPDIR` chooses
//! the disk. PostgreSQL is asked where its server is installed; skipped aloud elsewhere.

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

mod machine;
#[path = "../monde/mod.rs"]
mod monde;

use self::machine::{machine, strict_signature};
use self::monde::connexion::{Cost, load, views_catch_up};
use self::monde::noeud::Node;
use self::monde::{BATCH, BATCH_CONNECTIONS, World, batches, ms};

const COMMUNES: usize = 50;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let events: usize = value("--events").map_or(0, |text| text.parse().expect("--events is a number"));
    let only = value("--only");
    let runs = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let strict = strict_signature();
    let cores = std::thread::available_parallelism().unwrap().get();
    println!("{cores} cores; verify_strict on all of them at once: {:.1} µs of CPU each", strict * 1e6);
    if runs("machine") {
        machine();
    }
    let root = tempfile::tempdir().unwrap();
    let mut world = World::new(root.path(), COMMUNES);
    if events > 0 {
        million(&mut world, events);
        return;
    }
    if runs("lots") {
        lots(&mut world, cores);
    }
    if runs("seuls") {
        for connections in [1, 16, 64, 256] {
            seuls(&mut world, connections);
        }
    }
}

fn lots(world: &mut World, cores: usize) {
    // Keys that sign often get their tables first.
    let warm = world.events(20_000);
    load(&world.node.address, BATCH_CONNECTIONS, &batches(&warm), |connection, body| {
        assert_eq!(connection.post_batch(body), BATCH);
    });
    drop(warm);
    for round in 1..=6 {
        world.is_mixed = round > 3;
        let of = if world.is_mixed { "each of many organisations" } else { "each of one organisation" };
        let events = world.events(60_000);
        let bodies = batches(&events);
        // Right before and right after: what the machine gives changes with its neighbours.
        let before = strict_signature();
        let cost = Cost::of(&world.node, BATCH_CONNECTIONS, &bodies, |connection, body| {
            assert_eq!(connection.post_batch(body), BATCH);
        });
        let (later, behind) = views_catch_up(&world.node);
        let strict = f64::midpoint(before, strict_signature());
        let rate = events.len() as f64 / cost.elapsed;
        let left = cores as f64 - cost.own_cpu / cost.elapsed;
        let of_path = left - cost.views_cpu() / cost.elapsed;
        let each = |seconds: f64| seconds * 1e6 / events.len() as f64;
        let path = cost.node_cpu() - cost.views_cpu();
        let views = cost.views_cpu() + later;
        println!(
            "batches of {BATCH}, {of}, {BATCH_CONNECTIONS} connections, round {round}: {rate:.0} events/s; p50 {} p99 {} a batch; \
             load {:.2} cores, node {:.2} of {left:.2} left; verify_strict {:.1} µs",
            cost.percentile(50),
            cost.percentile(99),
            cost.own_cpu / cost.elapsed,
            cost.node_cpu() / cost.elapsed,
            strict * 1e6,
        );
        println!(
            "  signature bound of the cores that the load leaves {:.0}/s: {:.0} % reached; of those that load and views leave {:.0}/s: {:.0} %",
            left / strict,
            100.0 * rate * strict / left,
            of_path / strict,
            100.0 * rate * strict / of_path,
        );
        println!(
            "  by CPU alone: write path {:.1} µs, {:.0} % of the bound; with the views {:.1} µs, {:.0} %; views {:.1} µs, {:.1} of them in the {} after the load's end",
            each(path),
            100.0 * strict * 1e6 / each(path),
            each(path + views),
            100.0 * strict * 1e6 / each(path + views),
            each(views),
            each(later),
            ms(behind),
        );
        println!("  µs of CPU per event under the load: {}", cost.threads(events.len()));
    }
    stages(&world.node);
}

/// Mean of each stage, from the node's own figures.
fn stages(node: &Node) {
    let text = node.get("/metrics");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    let batches = value("greffe_batch_events_count");
    println!("  batches of the sequencer: {:.0} events on average", value("greffe_batch_events_sum") / batches);
    for stage in ["verify", "wait", "decide", "append", "tree", "index", "answer"] {
        let (sum, count) = (
            value(&format!("greffe_stage_seconds_sum{{stage=\"{stage}\"}}")),
            value(&format!("greffe_stage_seconds_count{{stage=\"{stage}\"}}")),
        );
        println!("  {stage}: {:.3} ms on average, {sum:.2} s in all", sum / count * 1e3);
    }
}

fn seuls(world: &mut World, connections: usize) {
    let events = world.events(if connections == 1 { 2_000 } else { 8_000 });
    // An acknowledgement comes after its act: the first half is answered before the second begins.
    let (acts, acknowledgements) = events.split_at(events.len() / 2);
    let mut costs = [acts, acknowledgements]
        .map(|half| Cost::of(&world.node, connections, half, |connection, envelope| connection.post(envelope)));
    let elapsed: f64 = costs.iter().map(|cost| cost.elapsed).sum();
    let node_cpu: f64 = costs.iter().map(Cost::node_cpu).sum();
    let [first, second] = &mut costs;
    first.times.append(&mut second.times);
    first.times.sort_unstable();
    println!(
        "single events, {connections} connection(s): {:.0} events/s; p50 {} p99 {}; node {:.0} µs of CPU each",
        events.len() as f64 / elapsed,
        first.percentile(50),
        first.percentile(99),
        node_cpu * 1e6 / events.len() as f64,
    );
}

fn million(world: &mut World, count: usize) {
    const STEP: usize = 10_000;
    let mut first = None;
    let mut done = 0;
    while done < count {
        let events = world.events(STEP);
        let cost = Cost::of(&world.node, BATCH_CONNECTIONS, &batches(&events), |connection, body| {
            assert_eq!(connection.post_batch(body), BATCH);
        });
        done += STEP;
        // The second step is the first that counts: tables are made, caches are warm.
        if done == STEP * 2 || done % (count / 10).max(STEP) == 0 {
            let per_event = cost.node_cpu() / STEP as f64;
            // Right then: the price of a signature tells how fast the machine is at this moment.
            let signatures = per_event / strict_signature();
            println!(
                "at {done}: {:.0} events/s, {:.1} µs of CPU each: {signatures:.2} × verify_strict ({:+.0} % against {}), {:.0} % of the signature bound; resident {:.0} MB; {}",
                STEP as f64 / cost.elapsed,
                per_event * 1e6,
                100.0 * (signatures / *first.get_or_insert(signatures) - 1.0),
                STEP * 2,
                100.0 / signatures,
                world.node.resident_mb(),
                cost.threads(STEP),
            );
        }
    }
    stages(&world.node);
    world.node.stop();
    let again = Node::start(&world.folder);
    println!("start over {done} events after a stop: {}; resident {:.0} MB", ms(again.started), again.resident_mb());
    drop(again);
    let mut killed = Node::start(&world.folder);
    let events = batches(&world.events(STEP));
    load(&killed.address, BATCH_CONNECTIONS, &events, |connection, body| {
        assert_eq!(connection.post_batch(body), BATCH);
    });
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    let again = Node::start(&world.folder);
    println!("start after a kill under load: {}", ms(again.started));
}
