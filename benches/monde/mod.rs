//! What the benches share: a node, a world of organisations with their keys, what they send, and how it is sent.

#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod connexion;
pub(crate) mod echanges;
pub(crate) mod noeud;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use greffe_events::Uuid;
use greffe_events::dsse::Envelope;
use greffe_events::horodatage::Horodatage;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use rayon::prelude::*;
use serde_json::{Value, json};

use self::connexion::Connection;
use self::noeud::{Node, greffe};

pub(crate) const ORIGIN: &str = "charge.greffe.invalid";
pub(crate) const OPERATOR: &str = "urn:siren:139600019";
pub(crate) const PREFECTURE: &str = "214400152";
pub(crate) const BATCH: usize = 100;
/// Connections that post batches: enough that the node never waits for the next one.
pub(crate) const BATCH_CONNECTIONS: usize = 8;
pub(crate) const DOCUMENT: &[u8] = b"%PDF-1.7 deliberation";

pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) node: Node,
    pub(crate) operator: SecretKey,
    pub(crate) communes: Vec<(String, SecretKey)>,
    pub(crate) prefecture: SecretKey,
    pub(crate) next: usize,
    /// Whether the acts of one batch are of many communes, each with its own key: as through a gateway that does not sign itself.
    pub(crate) is_mixed: bool,
}

impl World {
    pub(crate) fn new(root: &Path, communes: usize) -> Self {
        let folder = root.join("registre");
        let made =
            greffe().args(["init", "--origin", ORIGIN, "--operator", OPERATOR, "--dir"]).arg(&folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let pem = std::fs::read_to_string(root.join("registre.hors-ligne/operateur.pem")).unwrap();
        let operator = SecretKey::from_pem(&pem).unwrap();
        let communes = (0..communes)
            .map(|n| {
                let mut seed = [9; 32];
                seed[..8].copy_from_slice(&n.to_be_bytes());
                (siren(n), SecretKey::from_seed(&seed))
            })
            .collect();
        let node = Node::start(&folder);
        let world = Self {
            folder,
            node,
            operator,
            communes,
            prefecture: SecretKey::from_seed(&[8; 32]),
            is_mixed: false,
            next: 0,
        };
        let mut lines = Vec::new();
        for (siren, key) in &world.communes {
            lines.extend(world.enrolment(siren, "commune", &["collectivite", "acheteur"], key));
        }
        lines.extend(world.enrolment(PREFECTURE, "prefecture", &["prefecture:039"], &world.prefecture));
        world.record(&lines);
        let mut connection = Connection::open(&world.node.address);
        for (siren, key) in &world.communes {
            connection.put_piece(key, DOCUMENT, None);
            connection.put_piece(key, objet(siren).as_bytes(), Some([7; 32]));
        }
        world
    }

    /// Leaves of the log.
    pub(crate) fn head(&self) -> usize {
        let checkpoint = self.node.get("/checkpoint");
        let note = checkpoint.split_once("\r\n\r\n").unwrap().1;
        note.lines().nth(1).unwrap().parse().unwrap()
    }

    /// Posts events in batches, one after the other; all of them have to be new.
    pub(crate) fn record(&self, events: &[String]) {
        let mut connection = Connection::open(&self.node.address);
        for lines in events.chunks(1_000) {
            let recorded = connection.post_batch(&lines.join("\n"));
            assert_eq!(recorded, lines.len(), "{}", connection.refused());
        }
    }

    /// A member and its key.
    pub(crate) fn enrolment(&self, siren: &str, categorie: &str, roles: &[&str], key: &SecretKey) -> [String; 2] {
        let (subject, organisation) = (format!("adherent/{siren}"), format!("urn:siren:{siren}"));
        let mut member = json!({ "organisation": organisation, "categorie": categorie, "departement": "039" });
        if categorie != "entreprise" {
            member["denomination"] = "Organisme".into();
        }
        let enrolment = json!({
            "organisation": organisation, "cle": key.id(), "roles": roles,
            "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z",
        });
        [
            signed(&event("adherent.inscrit", OPERATOR, &subject, &member), &[&self.operator]),
            signed(&event("cle.enrolee", OPERATOR, &subject, &enrolment), &[&self.operator, key]),
        ]
    }

    /// Whose act `n` is: a batch is one organisation's, as its own system sends it, unless they are mixed.
    pub(crate) fn commune(&self, n: usize) -> &(String, SecretKey) {
        let turn = if self.is_mixed { n } else { n / BATCH };
        &self.communes[turn % self.communes.len()]
    }

    /// So many signed events: acts, and then their acknowledgements.
    pub(crate) fn events(&mut self, count: usize) -> Vec<String> {
        let first = self.next;
        self.next += count.div_ceil(2);
        let subject = |n: usize| {
            let (siren, _) = self.commune(n);
            format!("acte/039-{siren}-20260717-D{n}-DE")
        };
        let acts = (first..self.next).into_par_iter().map(|n| {
            let (siren, key) = self.commune(n);
            let subject = subject(n);
            let committed = engagement(&[7; 32], Empreinte::of(objet(siren).as_bytes()));
            let data = json!({
                "matiere": "7.1", "classification": "2026-01-01", "pieces": [
                    { "role": "acte", "type": "application/pdf", "taille": DOCUMENT.len(), "typologie": "99_DE",
                      "nom": format!("99_DE-{}-1-1_1.pdf", &subject[5..]), "sha256": Empreinte::of(DOCUMENT) },
                    { "role": "confidentiel", "finalite": "objet", "type": "application/json",
                      "taille": objet(siren).len(), "engagement": committed },
                ],
            });
            signed(&event("acte.transmis", &format!("urn:siren:{siren}"), &subject, &data), &[key])
        });
        let acts: Vec<String> = acts.collect();
        let acknowledgements = (first..self.next).into_par_iter().map(|n| {
            let data = json!({ "date_reception": "2026-11-20" });
            signed(
                &event("acte.accuse-reception", &format!("urn:siren:{PREFECTURE}"), &subject(n), &data),
                &[&self.prefecture],
            )
        });
        let mut events = acts;
        let acknowledgements: Vec<String> = acknowledgements.collect();
        events.extend(acknowledgements);
        events.truncate(count);
        events
    }
}

pub(crate) fn objet(siren: &str) -> String {
    json!({ "objet": format!("Travaux de voirie {siren}") }).to_string()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn event(event_type: &str, source: &str, subject: &str, data: &Value) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": format!("greffe.{event_type}.v1"),
        "subject": subject, "time": Horodatage::from_unix_ms(now), "datacontenttype": "application/json",
        "registre": ORIGIN, "data": data,
    })
}

pub(crate) fn signed(event: &Value, keys: &[&SecretKey]) -> String {
    Envelope::sign(event.to_string().into_bytes(), keys).unwrap().to_json()
}

pub(crate) fn siren(n: usize) -> String {
    luhn(&format!("2139{n:04}"))
}

/// These digits and the one that completes them.
pub(crate) fn luhn(body: &str) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

pub(crate) fn batches(events: &[String]) -> Vec<String> {
    events.chunks(BATCH).map(|lines| lines.join("\n")).collect()
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// CPU seconds of this process, its ended threads included.
pub(crate) fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
