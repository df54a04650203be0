//! A small ledger for tests: operator, two communes, a prefecture, and the events they post.
//!
//! Keys come from seeds: 1 operator, 4 to 6 recovery, 10 and 11 the communes, 12 the prefecture. The log's and the node's
//! keys are made by the ledger itself.
// Builders take literals by value: that is how the tables read best.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value
)]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use greffe::ledger::answer::Answer;
use greffe::ledger::folder::Folder;
use greffe::ledger::head::Receipt;
use greffe::ledger::opening::NewLedger;
use greffe::ledger::pieces::{Announced, Quota};
use greffe::ledger::{Ledger, LedgerError, Options};
use greffe::store::place::Place;
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use greffe_events::{Refusal, Uuid};
use serde_json::{Value, json};

pub const ORIGIN: &str = "greffe.test.invalid";
pub const OPERATOR: &str = "urn:siren:139600019";
pub const COMMUNE: &str = "urn:siren:214502494";
pub const VOISINE: &str = "urn:siren:210703385";
pub const PREFECTURE: &str = "urn:siren:214400152";

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Makes a ledger in `dir/registre`.
pub fn create(dir: &Path) -> Folder {
    let folder = Folder::new(dir.join("registre"));
    NewLedger {
        store: &Place::Folder,
        folder: &folder,
        guard: &folder.default_guard(),
        origin: ORIGIN.parse().unwrap(),
        operator: OPERATOR.parse().unwrap(),
        operator_key: &key(1),
        recovery: [key(4).id(), key(5).id(), key(6).id()],
        now_ms: now_ms(),
    }
    .create()
    .unwrap();
    folder
}

pub fn options(folder: &Folder) -> Options {
    Options {
        folder: folder.clone(),
        store: Place::Folder,
        has_other_nodes: false,
        guard: None,
        accept_store: false,
        quota: Quota::default(),
    }
}

pub fn try_open(folder: &Folder) -> Result<Ledger, LedgerError> {
    Ledger::open(&options(folder), &mut |_, _| ())
}

pub fn open(folder: &Folder) -> Ledger {
    try_open(folder).unwrap()
}

/// A ledger with its members and their keys.
pub fn open_with_members(dir: &Path) -> (Folder, Ledger) {
    let folder = create(dir);
    let ledger = open(&folder);
    for (organisation, categorie, seed, role) in [
        (COMMUNE, "commune", 10, "collectivite"),
        (VOISINE, "commune", 11, "collectivite"),
        (PREFECTURE, "prefecture", 12, "prefecture:045"),
    ] {
        recorded(&ledger, &member(organisation, categorie), &[1]);
        recorded(&ledger, &enrolment(organisation, seed, &[role]), &[1, seed]);
    }
    (folder, ledger)
}

pub fn event(event_type: &str, source: &str, subject: &str, data: Value) -> Value {
    let time = greffe_events::horodatage::Horodatage::from_unix_ms(now_ms());
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": format!("greffe.{event_type}.v1"),
        "subject": subject, "time": time, "datacontenttype": "application/json", "registre": ORIGIN, "data": data,
    })
}

pub fn member(organisation: &str, categorie: &str) -> Value {
    let subject = format!("adherent/{}", &organisation[10..]);
    let data = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme", "departement": "045" });
    event("adherent.inscrit", OPERATOR, &subject, data)
}

pub fn enrolment(organisation: &str, seed: u8, roles: &[&str]) -> Value {
    let subject = format!("adherent/{}", &organisation[10..]);
    let data = json!({
        "organisation": organisation, "cle": key(seed).id(), "roles": roles,
        "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z",
    });
    event("cle.enrolee", OPERATOR, &subject, data)
}

/// The identifier of the commune's act number `n`.
pub fn id_acte(n: usize) -> String {
    format!("045-214502494-20260717-D{n:06}-DE")
}

/// Deposits bytes for an organisation; the reference to cite.
pub fn deposit(ledger: &Ledger, organisation: &str, bytes: &[u8], sel: Option<[u8; 32]>) -> Empreinte {
    let announced = Announced {
        organisation: organisation.parse().unwrap(),
        sha256: Empreinte::of(bytes),
        sel: sel.map(Empreinte),
        nom: None,
        taille: None,
    };
    let mut deposit = ledger.depot().deposit(announced).unwrap();
    deposit.write(bytes).unwrap();
    ledger.depot().finish(deposit).unwrap()
}

/// An act of the commune with its document and its objet, not deposited.
pub fn acte(n: usize, document: &[u8]) -> Value {
    let objet = json!({ "objet": format!("Objet {n}") }).to_string();
    let engagement = engagement(&[7; 32], Empreinte::of(objet.as_bytes()));
    let id = id_acte(n);
    event(
        "acte.transmis",
        COMMUNE,
        &format!("acte/{id}"),
        json!({
            "matiere": "7.1", "classification": "2026-01-01", "arrondissement": 1,
            "pieces": [
                { "role": "acte", "type": "application/pdf", "typologie": "99_DE", "taille": document.len(),
                  "nom": format!("99_DE-{id}-1-1_1.pdf"), "sha256": Empreinte::of(document) },
                { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": objet.len(), "engagement": engagement },
            ],
        }),
    )
}

/// Deposits what [`acte`] cites.
pub fn deposit_acte(ledger: &Ledger, n: usize, document: &[u8]) {
    deposit(ledger, COMMUNE, document, None);
    deposit(ledger, COMMUNE, json!({ "objet": format!("Objet {n}") }).to_string().as_bytes(), Some([7; 32]));
}

/// The prefecture's own word, or the commune's constat of a message it deposited.
pub fn accuse(n: usize, message: Option<Empreinte>) -> Value {
    let mut data = json!({ "date_reception": "2026-07-18" });
    let source = if let Some(engagement) = message {
        data["auteur_declare"] = json!({ "qualite": "prefecture", "departement": "045" });
        data["pieces"] =
            json!([{ "role": "message", "type": "application/xml", "taille": 9, "engagement": engagement }]);
        COMMUNE
    } else {
        PREFECTURE
    };
    event("acte.accuse-reception", source, &format!("acte/{}", id_acte(n)), data)
}

pub fn signed(event: &Value, seeds: &[u8]) -> Envelope {
    let keys: Vec<SecretKey> = seeds.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(event.to_string().into_bytes(), &keys.iter().collect::<Vec<_>>()).unwrap()
}

/// Submits bytes as the HTTP layer does.
pub fn submit_bytes(ledger: &Ledger, envelope: &[u8]) -> Result<Answer, Refusal> {
    let prepared = ledger.prepare(&[envelope], now_ms()).unwrap().remove(0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    Ok(runtime.block_on(ledger.submit(prepared)).unwrap())
}

pub fn submit(ledger: &Ledger, event: &Value, seeds: &[u8]) -> Answer {
    submit_bytes(ledger, signed(event, seeds).to_json().as_bytes()).unwrap()
}

/// Submits what must be recorded.
pub fn recorded(ledger: &Ledger, event: &Value, seeds: &[u8]) -> Receipt {
    match submit(ledger, event, seeds) {
        Answer::Recorded { receipt, is_new: true } => *receipt,
        other => panic!("not recorded: {other:?}"),
    }
}
