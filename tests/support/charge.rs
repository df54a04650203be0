//! A commune that posts acts to a node, and the check that every receipt it was ever given holds.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use greffe::audit::verify_receipt;
use greffe::http::auth;
use greffe::ledger::head::Receipt;
use greffe::store::EventStore;
use greffe::store::sqlite::SqliteStore;
use greffe::tlog::{Checkpoint, Frontier, Hash, TlogProof, Verifier, leaf_hash};
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};

use crate::node::{Initialised, Serving, enrol};
use crate::support::{self, COMMUNE};

/// The log of these tests.
pub const ORIGIN: &str = "greffe.essai.invalid";

/// A number below `end`, different at each run.
pub fn random(end: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % end
}

/// What the node said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dit {
    /// 201 or 200, with a receipt that was verified and is kept.
    Recu { index: u64, is_new: bool },
    /// A problem: its status and code.
    Non(u16, String),
    /// No whole answer came.
    Rien,
}

/// What became of what was posted.
#[derive(Default)]
struct Sent {
    /// By index, as it was answered first.
    receipts: BTreeMap<u64, Receipt>,
    /// Every tree head that an answer was signed with, by size.
    heads: BTreeMap<u64, Hash>,
    /// Envelopes that nobody knows the fate of: no answer, or one that says to post them again.
    in_doubt: Vec<Envelope>,
    /// Of those posted again, how many had been recorded.
    known: usize,
}

/// The commune.
pub struct Charge {
    key: SecretKey,
    log: Verifier,
    sent: Mutex<Sent>,
    next: AtomicUsize,
}

/// The document of act number `n`: every other act has one of its own, so that faults fall into uploads too.
fn document(n: usize) -> Vec<u8> {
    if n.is_multiple_of(2) { format!("%PDF-1.7 acte {n}").into_bytes() } else { b"%PDF-1.7 acte".to_vec() }
}

impl Charge {
    /// Enrols the commune.
    pub fn enrol(root: &Path, ledger: &Initialised, node: &Serving) -> Self {
        let key = enrol(root, node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
        Self {
            key: SecretKey::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap(),
            log: Verifier::parse(&ledger.vkey).unwrap(),
            sent: Mutex::default(),
            next: AtomicUsize::new(0),
        }
    }

    pub fn agent() -> ureq::Agent {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        config.timeout_global(Some(std::time::Duration::from_mins(1))).build().into()
    }

    pub fn token(&self) -> String {
        auth::issue(&self.key, &ORIGIN.parse().unwrap(), support::now_ms() / 1_000)
    }

    /// Deposits a piece.
    pub fn deposit(&self, agent: &ureq::Agent, url: &str, bytes: &[u8], sel: Option<[u8; 32]>) -> Dit {
        let (target, sel) = (format!("/v1/pieces/{}", Empreinte::of(bytes)), sel.map(|sel| Empreinte(sel).to_string()));
        let bound = auth::Requete { method: "PUT", target: &target, sel: sel.as_deref(), nom: None };
        let token = auth::issue_for(&self.key, &ORIGIN.parse().unwrap(), support::now_ms() / 1_000, &bound);
        let mut request = agent.put(format!("{url}{target}")).header("Authorization", format!("Bearer {token}"));
        if let Some(sel) = sel {
            request = request.header("Greffe-Sel", sel);
        }
        match read(request.send(bytes)) {
            Some((201, _)) => Dit::Recu { index: 0, is_new: true },
            Some((status, body)) => problem(status, &body),
            None => Dit::Rien,
        }
    }

    /// The envelope of the next act, its pieces deposited; what the node said where it took one of them not.
    pub fn prepare(&self, agent: &ureq::Agent, url: &str) -> Result<Envelope, Dit> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let objet = json!({ "objet": format!("Objet {n}") }).to_string();
        for (bytes, sel) in [(document(n), None), (objet.into_bytes(), Some([7; 32]))] {
            match self.deposit(agent, url, &bytes, sel) {
                Dit::Recu { .. } => {}
                said => return Err(said),
            }
        }
        let mut acte = support::acte(n, &document(n));
        acte["registre"] = ORIGIN.into();
        Ok(Envelope::sign(acte.to_string().into_bytes(), &[&self.key]).unwrap())
    }

    /// Posts. A receipt is verified at once, and kept; what got none is kept to be posted again.
    pub fn post(&self, agent: &ureq::Agent, url: &str, envelope: &Envelope) -> Dit {
        let answer = agent.post(format!("{url}/v1/events")).content_type("application/json").send(envelope.to_json());
        let (status, body) = match read(answer) {
            Some((status @ (200 | 201), body)) => (status, body),
            other => {
                self.sent.lock().unwrap().in_doubt.push(envelope.clone());
                return other.map_or(Dit::Rien, |(status, body)| problem(status, &body));
            }
        };
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
        Dit::Recu { index: receipt.index, is_new: status == 201 }
    }

    /// Posts one more act; what the node said, of a piece or of the event.
    pub fn one(&self, agent: &ureq::Agent, url: &str) -> Dit {
        match self.prepare(agent, url) {
            Ok(envelope) => self.post(agent, url, &envelope),
            Err(said) => said,
        }
    }

    /// Posts until the node says no, or nothing: what it said.
    pub fn load(&self, url: &str) -> Dit {
        let agent = Self::agent();
        loop {
            let said = self.one(&agent, url);
            if !matches!(said, Dit::Recu { .. }) {
                return said;
            }
        }
    }

    /// Posts again whatever had no receipt, as an editor's software does: each is recorded once.
    pub fn settle(&self, url: &str) {
        let agent = Self::agent();
        let in_doubt = std::mem::take(&mut self.sent.lock().unwrap().in_doubt);
        for envelope in in_doubt {
            match self.post(&agent, url, &envelope) {
                Dit::Recu { is_new, .. } => self.sent.lock().unwrap().known += usize::from(!is_new),
                said => panic!("the node is well, and says {said:?}"),
            }
        }
    }

    /// Every receipt that was ever returned and every head that was ever signed, against the leaves that the store holds.
    pub fn check(&self, dir: &Path) {
        let store = SqliteStore::open_read_only(dir).unwrap();
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

    /// Receipts so far, and how many events that were posted again had been recorded.
    pub fn counts(&self) -> (usize, usize) {
        let sent = self.sent.lock().unwrap();
        (sent.receipts.len(), sent.known)
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<(u16, String)> {
    let mut answer = answer.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.body_mut().read_to_string().ok()?))
}

fn problem(status: u16, body: &str) -> Dit {
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{status}: {body}"));
    for name in ["title", "titre", "detail"] {
        assert!(!problem[name].as_str().unwrap().is_empty(), "{name}");
    }
    assert!(!problem["detail"].as_str().unwrap().contains("/tmp"), "a path of the machine: {problem}");
    Dit::Non(status, problem["code"].as_str().unwrap().to_owned())
}
