//! What views cost: CPU per event while they follow the log in small steps, and events per second when they are built again.
//!
//! ```sh
//! cargo bench -p greffe-projections                         # 200,000 leaves: half acts with two pieces, half their acknowledgements
//! cargo bench -p greffe-projections --bench vues -- --events 1000000
//! ```
//!
//! Leaves are in memory, views on the disk that `TMPDIR` chooses; first each view alone, so that each reads the leaves itself, then
//! all five together, for which each leaf is read once. Signatures are not real: no view verifies them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "it prints what it measured"
)]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use greffe_events::Uuid;
use greffe_events::dsse::Envelope;
use greffe_events::horodatage::Horodatage;
use greffe_events::key::{KeyId, Signature};
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_projections::adherents::Adherents;
use greffe_projections::comptabilite::Comptabilite;
use greffe_projections::journal::Journal;
use greffe_projections::legalite::Legalite;
use greffe_projections::marches::Marches;
use greffe_projections::{Log, LogError, Projection, Recorded, Runner, rebuild_all};
use serde_json::json;

const COMMUNES: usize = 50;
/// Leaves that a node under load records between two looks of a view.
const STEP: usize = 100;
const NOW_MS: u64 = 1_795_169_730_000;

struct Leaves {
    leaves: Vec<Vec<u8>>,
    head: usize,
}

impl Log for Leaves {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.head as u64)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        let at = usize::try_from(from).unwrap();
        let leaves = &self.leaves[at..self.head.min(at + max)];
        Ok((from..).zip(leaves).map(|(index, leaf)| Arc::new(Recorded::new(index, leaf.clone()))).collect())
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let events = args.iter().position(|arg| arg == "--events").map_or(200_000, |at| args[at + 1].parse().unwrap());
    let start = Instant::now();
    let mut log = Leaves { leaves: (0..events).map(leaf).collect(), head: 0 };
    println!("{events} leaves made in {:.1} s", start.elapsed().as_secs_f64());
    let views: [fn() -> Box<dyn Projection>; 3] = [|| Box::new(Legalite), || Box::new(Journal), || Box::new(Adherents)];
    for view in views {
        measure("following", view, &mut log, STEP);
        measure("following", view, &mut log, 10 * STEP);
        measure("catching up", view, &mut log, events);
        rebuild(&[view], &log);
    }
    rebuild(
        &[
            || Box::new(Legalite),
            || Box::new(Adherents),
            || Box::new(Comptabilite),
            || Box::new(Marches),
            || Box::new(Journal),
        ],
        &log,
    );
}

/// A view follows a log that grows by `step` leaves at a time.
fn measure(what: &str, view: fn() -> Box<dyn Projection>, log: &mut Leaves, step: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut runner = Runner::open(dir.path(), view()).unwrap();
    let events = log.leaves.len();
    log.head = 0;
    let clock = Clock::start();
    while log.head < events {
        log.head = events.min(log.head + step);
        runner.catch_up(log, |_| ControlFlow::Continue(())).unwrap();
    }
    clock.tell(&format!("{} {what} in steps of {step}", view().name()), &runner, events);
}

/// Views are built again beside those that serve.
fn rebuild(views: &[fn() -> Box<dyn Projection>], log: &Leaves) {
    let dir = tempfile::tempdir().unwrap();
    let mut runners: Vec<_> = views.iter().map(|view| Runner::open(dir.path(), view()).unwrap()).collect();
    let clock = Clock::start();
    for outcome in rebuild_all(&mut runners, log, |_| ControlFlow::Continue(())) {
        outcome.unwrap();
    }
    let names: Vec<_> = views.iter().map(|view| view().name()).collect();
    clock.tell(&format!("{} built again", names.join(", ")), &runners[0], log.leaves.len());
}

struct Clock {
    cpu: f64,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { cpu: own_cpu(), wall: Instant::now() }
    }

    fn tell(&self, what: &str, runner: &Runner, events: usize) {
        let (cpu, wall) = (own_cpu() - self.cpu, self.wall.elapsed().as_secs_f64());
        assert_eq!((runner.position(), runner.status().failure), (events as u64, None));
        let (each, rate) = (cpu * 1e6 / events as f64, events as f64 / wall);
        println!("{what:>45}: {each:5.1} µs of CPU an event, {rate:7.0} events/s");
    }
}

/// Event number `n`: an act, or the acknowledgement of the act before it.
fn leaf(n: usize) -> Vec<u8> {
    let acte = n / 2;
    let siren = siren(21_390_000 + acte % COMMUNES);
    let objet = json!({ "objet": format!("Délibération {acte} sur les tarifs de la cantine") }).to_string();
    let reference = Empreinte::of(objet.as_bytes());
    let (source, event_type, data) = if n.is_multiple_of(2) {
        let data = json!({ "matiere": "7.1", "classification": "2026-01-01", "arrondissement": 1, "pieces": [
            { "role": "acte", "type": "application/pdf", "taille": 120_000, "typologie": "99_DE",
              "nom": format!("039-{siren}-20261120-DEL{acte}-DE-1-1_1.pdf"), "sha256": Empreinte::of(&acte.to_be_bytes()) },
            { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": objet.len(), "engagement": reference },
        ] });
        (siren.clone(), "greffe.acte.transmis.v1", data)
    } else {
        (self::siren(17_390_001), "greffe.acte.accuse-reception.v1", json!({ "date_reception": "2026-11-20" }))
    };
    let recorded_at_ms = NOW_MS + n as u64;
    let id = Uuid::from_u128(0x0193_5a4c_0000_7000_8000_0000_0000_0000 + n as u128);
    let event = json!({
        "specversion": "1.0", "id": id, "source": format!("urn:siren:{source}"), "type": event_type,
        "subject": format!("acte/039-{siren}-20261120-DEL{acte}-DE"), "time": Horodatage::from_unix_ms(recorded_at_ms).to_string(),
        "datacontenttype": "application/json", "registre": "charge.greffe.invalid", "data": data,
    });
    let envelope = Envelope::new(event.to_string().into_bytes(), vec![(KeyId([7; 32]), Signature([9; 64]))]).unwrap();
    Leaf { recorded_at_ms, received_at_ms: recorded_at_ms, previous: None, rank: 0, envelope }.encode()
}

/// Eight digits and the one that completes them (Luhn).
fn siren(body: usize) -> String {
    let digits = body.to_string();
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at.is_multiple_of(2) { 2 } else { 1 })
        .map(|value| value / 10 + value % 10)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// CPU seconds of this process.
fn own_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}
