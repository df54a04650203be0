//! Promise 1: whatever has a receipt survives a kill at any instant, with no repair step; and no second history is ever signed.
//!
//! `GREFFE_KILL_ROUNDS=1000 cargo test --test durable` looks longer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greffe::audit::verify_receipt;
use greffe::http::auth;
use greffe::ledger::head::Receipt;
use greffe::store::EventStore;
use greffe::store::sqlite::SqliteStore;
use greffe::tlog::{Checkpoint, Frontier, Hash, TlogProof, Verifier, leaf_hash};
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use node::*;
use serde_json::json;
use support::COMMUNE;

const ORIGIN: &str = "greffe.essai.invalid";

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

/// A number below `end`, different at each run.
fn random(end: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % end
}

/// What happened to the events that were posted.
#[derive(Default)]
struct Sent {
    /// By index: the receipt as it was answered, and the first tree that it was proved against.
    receipts: BTreeMap<u64, Receipt>,
    /// Every tree head that an answer was signed with.
    heads: BTreeMap<u64, Hash>,
    /// Envelopes whose answer never came.
    in_doubt: Vec<Envelope>,
    /// Of those posted again, how many the node knew.
    known: usize,
}

struct World {
    commune: SecretKey,
    log: Verifier,
    sent: Mutex<Sent>,
    next: AtomicUsize,
}

/// The document of act number `n`: every other act has one of its own, so that the kill falls into uploads too.
fn document(n: usize) -> Vec<u8> {
    if n.is_multiple_of(2) { format!("%PDF-1.7 acte {n}").into_bytes() } else { b"%PDF-1.7 acte".to_vec() }
}

impl World {
    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder().http_status_as_error(false).build().into()
    }

    /// Whether the piece is there; false where the node is gone.
    fn deposit(&self, agent: &ureq::Agent, url: &str, bytes: &[u8], sel: Option<[u8; 32]>) -> bool {
        let token = auth::issue(&self.commune, &ORIGIN.parse().unwrap(), support::now_ms() / 1_000);
        let mut request = agent
            .put(format!("{url}/v1/pieces/{}", Empreinte::of(bytes)))
            .header("Authorization", format!("Bearer {token}"));
        if let Some(sel) = sel {
            request = request.header("Greffe-Sel", Empreinte(sel).to_string());
        }
        match request.send(bytes).map(|answer| answer.status().as_u16()) {
            Ok(201) => true,
            Ok(status) => panic!("deposit: {status}"),
            Err(_) => false,
        }
    }

    /// Deposits what act number `n` cites.
    fn deposit_acte(&self, agent: &ureq::Agent, url: &str, n: usize) -> bool {
        let objet = json!({ "objet": format!("Objet {n}") }).to_string();
        self.deposit(agent, url, &document(n), None) && self.deposit(agent, url, objet.as_bytes(), Some([7; 32]))
    }

    fn envelope(&self, n: usize) -> Envelope {
        let mut acte = support::acte(n, &document(n));
        acte["registre"] = ORIGIN.into();
        Envelope::sign(acte.to_string().into_bytes(), &[&self.commune]).unwrap()
    }

    /// Posts; the status, none where no whole answer came. A receipt is verified at once, and kept.
    fn post(&self, agent: &ureq::Agent, url: &str, envelope: &Envelope) -> Option<u16> {
        let answer = agent.post(format!("{url}/v1/events")).content_type("application/json").send(envelope.to_json());
        let mut answer = answer.ok()?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().ok()?;
        match status {
            200 | 201 => {
                let report = verify_receipt(body.as_bytes(), &self.log).unwrap();
                assert!(report.payload == envelope.payload(), "the receipt of another event");
                let receipt: Receipt = serde_json::from_str(&body).unwrap();
                let proof = TlogProof::parse(receipt.proof.as_bytes()).unwrap();
                let head = Checkpoint::open(proof.checkpoint().as_bytes(), &self.log).unwrap();
                let mut sent = self.sent.lock().unwrap();
                let signed = *sent.heads.entry(head.size()).or_insert(head.root());
                assert_eq!(signed, head.root(), "two trees of {} leaves were signed", head.size());
                let kept = sent.receipts.entry(receipt.index).or_insert_with(|| receipt.clone());
                assert_eq!(kept.leaf, receipt.leaf, "two leaves at {}", receipt.index);
                Some(status)
            }
            // Stopping, or a queue that is full: as if no answer had come.
            503 => None,
            _ => panic!("{status}: {body}"),
        }
    }

    /// Deposits and posts until the node is gone.
    fn load(&self, url: &str) {
        let agent = Self::agent();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if !self.deposit_acte(&agent, url, n) {
                return;
            }
            let envelope = self.envelope(n);
            if self.post(&agent, url, &envelope).is_none() {
                self.sent.lock().unwrap().in_doubt.push(envelope);
                return;
            }
        }
    }

    /// Posts again whatever had no answer, as an editor's software does: each is recorded once.
    fn settle(&self, url: &str) {
        let agent = Self::agent();
        let in_doubt = std::mem::take(&mut self.sent.lock().unwrap().in_doubt);
        for envelope in in_doubt {
            let status = self.post(&agent, url, &envelope).expect("a node that was just started answers");
            self.sent.lock().unwrap().known += usize::from(status == 200);
        }
    }

    /// Every receipt that was ever returned, against the leaves that the store holds in the end.
    fn check(&self, store: &dyn EventStore) {
        let sent = self.sent.lock().unwrap();
        let (mut frontier, mut index, end) = (Frontier::new(), 0, store.head().unwrap());
        while index < end {
            // A hole is an error of the store.
            for leaf in store.read(index, 4_096).unwrap() {
                if let Some(receipt) = sent.receipts.get(&index) {
                    let receipt = data_encoding::BASE64.decode(receipt.leaf.as_bytes()).unwrap();
                    assert!(leaf == receipt, "another leaf at {index} than its receipt says");
                }
                frontier.push(leaf_hash(&leaf));
                index += 1;
                if let Some(root) = sent.heads.get(&index) {
                    assert_eq!(frontier.root(), *root, "the tree of {index} leaves that was signed is another one");
                }
            }
        }
        let last = sent.receipts.keys().last().copied().unwrap_or(0);
        assert!(last < end, "the event at {last} had a receipt, and the log ends at {end}");
    }
}

#[test]
fn every_receipt_ever_returned_is_there_after_a_kill_at_any_instant() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let world = World {
        commune: SecretKey::from_pem(&std::fs::read_to_string(commune).unwrap()).unwrap(),
        log: Verifier::parse(&ledger.vkey).unwrap(),
        sent: Mutex::default(),
        next: AtomicUsize::new(0),
    };
    let mut serving = Some(node);
    for round in 0..rounds() {
        let node = serving.take().unwrap();
        let url = node.url.clone();
        std::thread::scope(|scope| {
            for _ in 0..POSTERS {
                scope.spawn(|| world.load(&url));
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
        world.settle(&node.url);
        if round % 10 == 0 {
            world.check(&SqliteStore::open_read_only(&ledger.dir).unwrap());
        }
        serving = Some(node);
    }
    serving.take().unwrap().stop();
    world.check(&SqliteStore::open_read_only(&ledger.dir).unwrap());
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
    let sent = world.sent.lock().unwrap();
    assert!(sent.receipts.len() > 2 * rounds(), "only {} receipts: nothing was tested", sent.receipts.len());
    assert!(rounds() < 50 || sent.known > 0, "no kill fell between the record and its answer");
}
