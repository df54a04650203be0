//! A small real ledger, written by the ledger itself and closed; and the hands of whoever tampers with it.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use greffe::audit::{Control, Evidence, Report, verify_folder, verify_history};
use greffe::ledger::answer::Answer;
use greffe::ledger::folder::{Folder, read_secret_key};
use greffe::ledger::head::Receipt;
use greffe::ledger::opening::NewLedger;
use greffe::ledger::pieces::{Announced, Depot, Quota};
use greffe::ledger::{Ledger, Options};
use greffe::store::place::Place;
use greffe::store::sqlite::SqliteStore;
use greffe::store::{EventStore, READ_LEAVES_MAX};
use greffe::tlog::{Checkpoint, Frontier, KeyName, NoteSigner, Verifier, leaf_hash};
use greffe_events::dsse::Envelope;
use greffe_events::event::ClaimedIdentity;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_events::{Event, Uuid};
use serde_json::{Value, json};

pub const ORIGIN: &str = "greffe.example";
pub const OPERATOR: &str = "urn:siren:219600012";
pub const COMMUNE: &str = "urn:siren:214502494";
pub const OTHER_COMMUNE: &str = "urn:siren:210703385";
pub const PREFECTURE: &str = "urn:siren:214400152";

/// Operator 1, recovery 4 to 6; commune 10, other commune 11, prefecture 12.
pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

pub struct World {
    _dir: tempfile::TempDir,
    pub root: PathBuf,
    pub vkey: Verifier,
    pub log_key: SecretKey,
    pub node_key: SecretKey,
    pub leaves: Vec<Vec<u8>>,
    pub checkpoint: Vec<u8>,
    pub receipts: Vec<Receipt>,
    /// Index of the first act of COMMUNE, which cites two pieces.
    pub act: usize,
    /// The rollback guard, which was beside the folder.
    pub guard: Vec<u8>,
    /// Index of the first recorded refusal.
    pub refusal: usize,
}

pub fn event(event_type: &str, source: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": format!("greffe.{event_type}.v1"),
        "subject": subject, "time": Horodatage::from_unix_ms(now_ms()), "datacontenttype": "application/json",
        "registre": ORIGIN, "data": data,
    })
}

pub fn member(organisation: &str, categorie: &str) -> Value {
    let data = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme", "departement": "045" });
    event("adherent.inscrit", OPERATOR, &format!("adherent/{}", &organisation[10..]), data)
}

pub fn enrolment(source: &str, organisation: &str, seed: u8, roles: &[&str]) -> Value {
    let data = json!({
        "organisation": organisation, "cle": key(seed).id(), "roles": roles,
        "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2099-01-01T00:00:00Z",
    });
    event("cle.enrolee", source, &format!("adherent/{}", &organisation[10..]), data)
}

pub fn act_subject(source: &str, numero: u32) -> String {
    format!("acte/045-{}-20260717-D{numero}-DE", &source[10..])
}

/// An act with a public piece and a confidential one; their bytes depend on its number alone.
pub fn act(source: &str, numero: u32) -> Value {
    let (public, confidential) = pieces_of(numero);
    let subject = act_subject(source, numero);
    let nom = format!("{}-1-1_1.pdf", &subject[5..]);
    let engagement = greffe_events::piece::engagement(&SEL, Empreinte::of(&confidential));
    let data = json!({
        "matiere": "7.1", "classification": "2026-01-01", "pieces": [
            { "role": "acte", "type": "application/pdf", "taille": public.len(), "nom": nom,
              "sha256": Empreinte::of(&public) },
            { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": confidential.len(),
              "engagement": engagement },
        ],
    });
    event("acte.transmis", source, &subject, data)
}

pub fn acknowledgement(subject: &str) -> Value {
    event("acte.accuse-reception", PREFECTURE, subject, json!({ "date_reception": "2026-11-20" }))
}

const SEL: [u8; 32] = [7; 32];

pub fn pieces_of(numero: u32) -> (Vec<u8>, Vec<u8>) {
    (format!("%PDF-1.7 délibération {numero}").into_bytes(), format!("{{\"objet\":\"objet {numero}\"}}").into_bytes())
}

fn deposit(depot: &Depot, source: &str, numero: u32) {
    let (public, confidential) = pieces_of(numero);
    let organisation: Organisation = source.parse().unwrap();
    for (bytes, sel) in [(public, None), (confidential, Some(Empreinte(SEL)))] {
        let organisation = organisation.clone();
        let announced = Announced { organisation, sha256: Empreinte::of(&bytes), sel, nom: None, taille: None };
        let mut deposit = depot.deposit(announced).unwrap();
        deposit.write(&bytes).unwrap();
        depot.finish(deposit).unwrap();
    }
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("registre");
        let folder = Folder::new(&root);
        let new = NewLedger {
            store: &Place::Folder,
            folder: &folder,
            guard: &folder.default_guard(),
            origin: ORIGIN.parse().unwrap(),
            operator: OPERATOR.parse().unwrap(),
            operator_key: &key(1),
            recovery: [key(4).id(), key(5).id(), key(6).id()],
            now_ms: now_ms(),
        };
        new.create().unwrap();
        let options = Options {
            folder: folder.clone(),
            store: Place::Folder,
            has_other_nodes: false,
            guard: None,
            accept_store: false,
            quota: Quota::default(),
        };
        let ledger = Ledger::open(&options, &mut |_, _| ()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let post = |event: &Value, seeds: &[u8]| {
            let keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
            let envelope = Envelope::sign(event.to_string().into_bytes(), &keys.iter().collect::<Vec<_>>()).unwrap();
            let prepared = ledger.prepare(&[envelope.to_json().as_bytes()], now_ms()).unwrap().remove(0).unwrap();
            runtime.block_on(ledger.submit(prepared)).unwrap()
        };
        let recorded = |event: &Value, seeds: &[u8]| match post(event, seeds) {
            Answer::Recorded { receipt, .. } => usize::try_from(receipt.index).unwrap(),
            other => panic!("{event} by {seeds:?}: {other:?}"),
        };
        for (organisation, categorie) in [(COMMUNE, "commune"), (OTHER_COMMUNE, "commune"), (PREFECTURE, "prefecture")]
        {
            recorded(&member(organisation, categorie), &[1]);
        }
        recorded(&enrolment(OPERATOR, COMMUNE, 10, &["collectivite"]), &[1, 10]);
        recorded(&enrolment(OPERATOR, OTHER_COMMUNE, 11, &["collectivite"]), &[1, 11]);
        recorded(&enrolment(OPERATOR, PREFECTURE, 12, &["prefecture:045"]), &[1, 12]);
        let mut first_act = None;
        for numero in 1..=3 {
            for (source, seed) in [(COMMUNE, 10), (OTHER_COMMUNE, 11)] {
                deposit(ledger.depot(), source, numero);
                let index = recorded(&act(source, numero), &[seed]);
                first_act.get_or_insert(index);
                if numero < 3 {
                    recorded(&acknowledgement(&act_subject(source, numero)), &[12]);
                }
            }
        }
        // Transmitted twice, and by somebody else: both refusals are recorded.
        let mut refusal = None;
        for (again, seed) in [(act(COMMUNE, 1), 10), (act(COMMUNE, 2), 11)] {
            match post(&again, &[seed]) {
                Answer::Refused(_, Some(receipt)) => refusal.get_or_insert(receipt.index),
                other => panic!("{other:?}"),
            };
        }
        let size = ledger.head().size;
        let receipts = (0..size).map(|index| ledger.receipt(index).unwrap().unwrap()).collect();
        ledger.close().unwrap();
        drop(ledger);
        let mut world = Self {
            vkey: Verifier::parse(
                &greffe::ledger::read_opening(&SqliteStore::open_read_only(&root).unwrap()).unwrap().vkey,
            )
            .unwrap(),
            log_key: read_secret_key(&folder.log_key()).unwrap(),
            node_key: read_secret_key(&folder.node_key()).unwrap(),
            leaves: Vec::new(),
            checkpoint: std::fs::read(folder.checkpoint()).unwrap(),
            guard: std::fs::read(folder.default_guard()).unwrap(),
            receipts,
            act: first_act.unwrap(),
            refusal: refusal.unwrap().try_into().unwrap(),
            root,
            _dir: dir,
        };
        world.leaves = world.stored();
        assert_eq!(world.leaves.len() as u64, size);
        // A copy of the folder, as an auditor gets it.
        std::fs::remove_file(folder.default_guard()).unwrap();
        world
    }

    pub fn stored(&self) -> Vec<Vec<u8>> {
        SqliteStore::open_read_only(&self.root).unwrap().read(0, READ_LEAVES_MAX).unwrap()
    }

    /// Admits `count` more members, so that the tree has full tiles; the node then indexes and signs them.
    pub fn grow(&mut self, count: u32) {
        let store = SqliteStore::open(&self.root).unwrap();
        let mut rank = self.leaves.iter().filter(|leaf| payload(leaf)["source"] == OPERATOR).count() as u64;
        let added: Vec<_> = (0..count)
            .map(|number| {
                let event = member(&format!("urn:siren:{}", siren(number)), "commune");
                let envelope = Envelope::sign(event.to_string().into_bytes(), &[&key(1)]).unwrap();
                let now = now_ms();
                let leaf = Leaf { recorded_at_ms: now, received_at_ms: now, previous: None, rank, envelope };
                rank += 1;
                leaf.encode()
            })
            .collect();
        store.append(self.leaves.len() as u64, &added).unwrap();
        drop(store);
        let folder = Folder::new(&self.root);
        let guard = folder.default_guard();
        std::fs::write(&guard, &self.guard).unwrap();
        let options = Options {
            folder: folder.clone(),
            store: Place::Folder,
            has_other_nodes: false,
            guard: None,
            accept_store: false,
            quota: Quota::default(),
        };
        Ledger::open(&options, &mut |_, _| ()).unwrap().close().unwrap();
        self.guard = std::fs::read(&guard).unwrap();
        std::fs::remove_file(&guard).unwrap();
        self.checkpoint = std::fs::read(folder.checkpoint()).unwrap();
        self.leaves.extend(added);
    }

    /// What `greffe verify DIR --vkey V` finds.
    pub fn verify(&self) -> Report {
        verify_folder(&self.root, Some(&self.vkey), None, &mut control(&AtomicBool::new(false), &mut |_, _| ()))
            .unwrap()
    }

    /// What it finds of these leaves with this checkpoint, without pieces and index.
    pub fn judge(&self, leaves: &[Vec<u8>], checkpoint: &[u8]) -> Report {
        self.judge_since(leaves, checkpoint, None)
    }

    pub fn judge_since(&self, mut leaves: &[Vec<u8>], checkpoint: &[u8], since: Option<&[u8]>) -> Report {
        let evidence = Evidence {
            pinned: Some(self.vkey.clone()),
            checkpoint: Some(checkpoint.to_vec()),
            since: since.map(<[u8]>::to_vec),
            ..Evidence::default()
        };
        verify_history(&mut leaves, evidence, &mut control(&AtomicBool::new(false), &mut |_, _| ())).unwrap()
    }

    /// The log's own signature under any leaves: the operator rewrites its history.
    pub fn sign(&self, leaves: &[Vec<u8>]) -> Vec<u8> {
        sign(&self.log_key, leaves)
    }

    /// Changes the stored leaves behind the store's back: the schema is as it was afterwards.
    pub fn tamper(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) {
        let connection = rusqlite::Connection::open(self.root.join("registre.sqlite")).unwrap();
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        let triggers: Vec<(String, String)> = connection
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(triggers.len(), 2);
        for (name, _) in &triggers {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        assert!(connection.execute(sql, values).unwrap() > 0);
        for (_, sql) in &triggers {
            connection.execute_batch(sql).unwrap();
        }
    }

    pub fn replace(&self, index: usize, leaf: &[u8]) {
        self.tamper("UPDATE leaves SET leaf = ?1 WHERE idx = ?2", &[&leaf, &index]);
    }
}

/// The number-th SIREN that nobody of the world has, its key digit included.
fn siren(number: u32) -> String {
    let body = format!("3{number:07}");
    let sum: u32 = body
        .bytes()
        .enumerate()
        .map(|(at, b)| u32::from(b - b'0') * (1 + u32::from(at % 2 == 1)))
        .map(|n| n / 10 + n % 10)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// A leaf that follows `leaves` as the sequencer would write it.
pub fn next(leaves: &[Vec<u8>], event: &Value, keys: &[&SecretKey]) -> Vec<u8> {
    next_after(leaves, event, keys, |_| ())
}

pub fn next_after(leaves: &[Vec<u8>], event: &Value, keys: &[&SecretKey], change: impl FnOnce(&mut Leaf)) -> Vec<u8> {
    let envelope = Envelope::sign(event.to_string().into_bytes(), keys).unwrap();
    let read = |leaf: &Vec<u8>| {
        let leaf = Leaf::decode(leaf).unwrap();
        let value: Value = serde_json::from_slice(leaf.envelope.payload()).unwrap();
        (leaf, value["subject"].clone())
    };
    let source = ClaimedIdentity::of(envelope.payload()).source;
    let earlier: Vec<_> = leaves.iter().map(read).collect();
    let of_source = |leaf: &Leaf| ClaimedIdentity::of(leaf.envelope.payload()).source == source;
    let last = earlier.last().map_or(0, |(leaf, _)| leaf.recorded_at_ms);
    let mut leaf = Leaf {
        recorded_at_ms: last,
        received_at_ms: last,
        previous: earlier.iter().rposition(|(_, subject)| *subject == event["subject"]).map(|at| at as u64),
        rank: earlier.iter().filter(|(leaf, _)| of_source(leaf)).count() as u64,
        envelope,
    };
    change(&mut leaf);
    leaf.encode()
}

pub fn sign(log_key: &SecretKey, leaves: &[Vec<u8>]) -> Vec<u8> {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.push(leaf_hash(leaf));
    }
    let signer = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), log_key.signing_key().clone()).unwrap();
    Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap().sign(&signer).unwrap().to_string().into_bytes()
}

pub fn control<'a>(cancelled: &'a AtomicBool, progress: &'a mut dyn FnMut(u64, u64)) -> Control<'a> {
    Control { progress, cancelled }
}

/// The codes of a report, each once, sorted by their text.
pub fn codes(report: &Report) -> Vec<&'static str> {
    let mut codes: Vec<_> = report.doubts_by_code.keys().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes
}

/// The codes at one leaf.
pub fn codes_at(report: &Report, index: usize) -> Vec<&'static str> {
    report.doubts.iter().filter(|doubt| doubt.index == Some(index as u64)).map(|doubt| doubt.code.as_str()).collect()
}

pub fn payload(leaf: &[u8]) -> Value {
    serde_json::from_slice(Leaf::decode(leaf).unwrap().envelope.payload()).unwrap()
}

pub fn event_of(leaf: &[u8]) -> Event {
    Event::parse(Leaf::decode(leaf).unwrap().envelope.payload()).unwrap()
}

/// Long enough for any test's wait, short enough to fail.
pub const WAIT_MAX: Duration = Duration::from_secs(20);
