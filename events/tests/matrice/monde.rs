//! A log in which keys of every kind stand, each named `whose/which`.

use greffe_events::authority::Standing;
use greffe_events::horodatage::Horodatage;
use greffe_events::key::{KeyId, SecretKey};
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal, Uuid};
use serde_json::{Value, json};

use crate::journal::Journal;

pub const NOW_MS: u64 = 1_795_169_730_000;
pub const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// The operator's key.
pub const OPERATEUR: &str = "registre/operateur";
pub const ORIGIN: &str = "greffe.example";

/// Every kind of signer. The keys of the log; those of a commune with each role and in each state; those of others.
pub const CLES: &[&str] = &[
    "registre/operateur",
    "registre/operateur-ancienne",
    "registre/noeud",
    "registre/noeud-ancienne",
    "registre/journal",
    "registre/journal-ancienne",
    "registre/recouvrement-1",
    "registre/recouvrement-2",
    "registre/recouvrement-3",
    "registre/recouvrement-ancienne",
    "operateur/collectivite",
    "commune/collectivite",
    "commune/transmetteur",
    "commune/comptable",
    "commune/fournisseur",
    "commune/acheteur",
    "commune/soumissionnaire",
    "commune/auditeur",
    "commune/expiree",
    "commune/future",
    "commune/revoquee",
    "commune/compromise",
    "commune/en-attente",
    "commune/objectee-revoquee",
    "voisine/collectivite",
    "voisine/abandonnee",
    "voisine/recouvree",
    "fournisseur/fournisseur",
    "fournisseur/soumissionnaire",
    "fournisseur/transmetteur",
    "comptable/comptable",
    "comptable/collectivite",
    "prefecture/045",
    "prefecture/039",
    "prefecture/collectivite",
    "passerelle/transmetteur",
    "passerelle/collectivite",
    "passerelle/expiree",
    "passerelle-mandatee/transmetteur",
    "passerelle-autre-famille/transmetteur",
    "passerelle-expiree/transmetteur",
    "passerelle-retiree/transmetteur",
    "passerelle-revenue/abandonnee",
    "passerelle-revenue/transmetteur",
    "passerelle-sans/transmetteur",
    "sortie/collectivite",
    "revenue/abandonnee",
    "revenue/collectivite",
    "auditeur/auditeur",
    "inconnue/inconnue",
    "nouvelle/nouvelle",
];

/// Every organisation that is or was a member.
pub const ORGANISATIONS: &[&str] = &[
    "operateur",
    "commune",
    "voisine",
    "prefecture",
    "fournisseur",
    "comptable",
    "passerelle",
    "passerelle-mandatee",
    "passerelle-autre-famille",
    "passerelle-expiree",
    "passerelle-retiree",
    "passerelle-revenue",
    "passerelle-sans",
    "sortie",
    "revenue",
    "auditeur",
    "sans-cle",
];

/// The key of a name.
pub fn cle(name: &str) -> SecretKey {
    SecretKey::from_seed(&Empreinte::of(name.as_bytes()).0)
}

/// The organisation of a name.
pub fn organisation(name: &str) -> String {
    match name {
        "operateur" => "urn:siren:219600012".to_owned(),
        "commune" => "urn:siren:214502494".to_owned(),
        "voisine" => "urn:siren:210703385".to_owned(),
        "prefecture" => "urn:siren:214400152".to_owned(),
        "fournisseur" => "urn:siren:491011698".to_owned(),
        "comptable" => "urn:siren:130004955".to_owned(),
        "sortie" => "urn:siren:219600020".to_owned(),
        "revenue" => "urn:siren:139600019".to_owned(),
        other => format!("urn:iso6523:0060:{other}"),
    }
}

pub fn dossier(name: &str) -> String {
    let organisation = organisation(name);
    let tail = organisation.strip_prefix("urn:siren:").or(organisation.strip_prefix("urn:iso6523:")).unwrap();
    format!("adherent/{tail}")
}

pub fn date(ms: u64) -> Horodatage {
    Horodatage::from_unix_ms(ms)
}

/// An event signed at an instant.
pub fn event_at(ms: u64, event_type: &str, source: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": organisation(source),
        "type": format!("greffe.{event_type}.v1"), "subject": subject, "time": date(ms),
        "datacontenttype": "application/json", "registre": ORIGIN, "data": data,
    })
}

pub fn vkey(name: &str) -> String {
    let key = [&[1], cle(name).id().0.as_slice()].concat();
    let hash = Empreinte::of(&[ORIGIN.as_bytes(), b"\n", &key].concat());
    format!("{ORIGIN}+{}+{}", data_encoding::HEXLOWER.encode(&hash.0[..4]), data_encoding::BASE64.encode(&key))
}

/// The data of leaf 0.
pub fn opening() -> Value {
    json!({
        "origine": ORIGIN, "vkey": vkey("registre/journal-ancienne"), "noeud": cle("registre/noeud-ancienne").id(),
        "operateur": { "organisation": organisation("operateur"), "cle": cle("registre/operateur-ancienne").id() },
        "recouvrement": [
            cle("registre/recouvrement-ancienne").id(), cle("registre/recouvrement-2").id(),
            cle("registre/recouvrement-3").id(),
        ],
    })
}

/// The data of an enrolment or of a recovery, valid for three years around now.
pub fn enrolment(member: &str, key: &str, roles: &[&str]) -> Value {
    enrolment_between(member, key, roles, NOW_MS - 500 * DAY_MS, NOW_MS + 500 * DAY_MS)
}

fn enrolment_between(member: &str, key: &str, roles: &[&str], from_ms: u64, until_ms: u64) -> Value {
    json!({
        "organisation": organisation(member), "cle": cle(key).id(), "roles": roles,
        "valable_du": date(from_ms), "valable_jusqu": date(until_ms),
    })
}

pub fn delegation(member: &str, delegate: &str, familles: &[&str], until_ms: u64) -> Value {
    json!({
        "organisation": organisation(member), "delegataire": organisation(delegate), "familles": familles,
        "jusqu": date(until_ms),
    })
}

pub fn mandat() -> Value {
    json!([{ "role": "mandat", "type": "application/pdf", "taille": 9, "engagement": "ab".repeat(32) }])
}

pub fn piece(role: &str) -> Value {
    json!({ "role": role, "type": "application/pdf", "taille": 9, "engagement": "cd".repeat(32) })
}

pub fn acte(owner: &str, numero: &str) -> String {
    format!("acte/045-{}-20260717-{numero}-DE", organisation(owner).strip_prefix("urn:siren:").unwrap())
}

pub fn transmis() -> Value {
    json!({ "matiere": "7.1", "classification": "2026-01-01", "pieces": [piece("acte")] })
}

/// The log.
pub struct Monde {
    pub journal: Journal,
    /// The same before its first leaf.
    pub vide: Journal,
}

impl Monde {
    pub fn new() -> Self {
        let mut monde = Self { journal: Journal::default(), vide: Journal::default() };
        monde.open();
        monde.admit();
        monde.end_some_keys();
        monde.delegate();
        // One act of the commune's and one of each that left or came back, for what is said about them later.
        for (owner, numero) in [("commune", "D1"), ("voisine", "D1")] {
            let key = if owner == "voisine" { "voisine/recouvree" } else { "commune/collectivite" };
            monde.submit(DAY_MS / 2, "acte.transmis", owner, &acte(owner, numero), transmis(), &[key]);
        }
        monde
    }

    /// Takes an event, `ago_ms` before now.
    fn submit(&mut self, ago_ms: u64, event_type: &str, source: &str, subject: &str, data: Value, signers: &[&str]) {
        let ms = NOW_MS - ago_ms;
        let event = event_at(ms, event_type, source, subject, data);
        let event = Event::parse(event.to_string().as_bytes()).unwrap_or_else(|refusal| panic!("{event}: {refusal}"));
        let keys: Vec<_> = signers.iter().map(|name| cle(name).id()).collect();
        self.journal.submit(&event, &keys, ms).unwrap_or_else(|refusal| panic!("{event_type} {subject}: {refusal}"));
    }

    fn open(&mut self) {
        let subject = "registre/greffe.example";
        self.submit(400 * DAY_MS, "registre.ouvert", "operateur", subject, opening(), &["registre/operateur-ancienne"]);
        let (first, second) = ("registre/recouvrement-ancienne", "registre/recouvrement-3");
        let mut replace = |event_type: &str, data: Value, signers: &[&str]| {
            self.submit(390 * DAY_MS, event_type, "operateur", subject, data, signers);
        };
        let new = |name: &str| json!({ "cle": cle(name).id() });
        let operator = "registre/operateur";
        replace("registre.operateur-remplace", new(operator), &[first, second, operator]);
        let journal = json!({ "vkey": vkey("registre/journal") });
        replace("registre.journal-remplace", journal, &[second, first, "registre/journal"]);
        replace("registre.noeud-remplace", new("registre/noeud"), &[operator, "registre/noeud"]);
        let recovery = json!({ "ancienne": cle(first).id(), "cle": cle("registre/recouvrement-1").id() });
        replace("registre.recouvrement-remplace", recovery, &[first, second, "registre/recouvrement-1"]);
    }

    fn member(&mut self, ago_ms: u64, name: &str, categorie: &str) {
        let data = json!({
            "organisation": organisation(name), "categorie": categorie, "denomination": name, "departement": "045",
        });
        self.submit(ago_ms, "adherent.inscrit", "operateur", &dossier(name), data, &["registre/operateur"]);
    }

    fn key(&mut self, ago_ms: u64, name: &str, cosigner: Option<&str>, data: Value) {
        let member = name.split_once('/').unwrap().0;
        let signers: Vec<&str> = ["registre/operateur"].into_iter().chain(cosigner).chain([name]).collect();
        self.submit(ago_ms, "cle.enrolee", "operateur", &dossier(member), data, &signers);
    }

    fn admit(&mut self) {
        let ago = 300 * DAY_MS;
        for name in ORGANISATIONS {
            let categorie = match *name {
                "prefecture" => "prefecture",
                passerelle if passerelle.starts_with("passerelle") => "operateur",
                _ => "commune",
            };
            self.member(ago, name, categorie);
        }
        // Of each organisation the first key signs for the others.
        let mut first: Option<(&str, &str)> = None;
        for name in CLES.iter().filter(|name| !name.starts_with("registre/")) {
            let (member, kind) = name.split_once('/').unwrap();
            if ["inconnue", "nouvelle"].contains(&member)
                || ["en-attente", "recouvree", "objectee-revoquee"].contains(&kind)
            {
                continue;
            }
            let role = match kind {
                "045" => "prefecture:045",
                "039" => "prefecture:039",
                "auditeur" => "auditeur:*",
                "expiree" | "future" | "revoquee" | "compromise" | "abandonnee" => "collectivite",
                role => role,
            };
            // Came back: a recovery gives its next key.
            if ["revenue/collectivite", "passerelle-revenue/transmetteur"].contains(name) {
                continue;
            }
            let data = match kind {
                "expiree" => enrolment_between(member, name, &[role], NOW_MS - 200 * DAY_MS, NOW_MS),
                "future" => enrolment_between(member, name, &[role], NOW_MS + 1, NOW_MS + DAY_MS),
                _ => enrolment(member, name, &[role]),
            };
            let cosigner = first.filter(|(of, _)| *of == member).map(|(_, key)| key);
            self.key(ago, name, cosigner, data);
            first = first.filter(|(of, _)| *of == member).or(Some((member, name)));
        }
    }

    fn end_some_keys(&mut self) {
        let ends = |key: &str, more: (&str, Value)| {
            let member = key.split_once('/').unwrap().0;
            let mut data = json!({ "organisation": organisation(member), "cle": cle(key).id() });
            data[more.0] = more.1;
            data
        };
        let revoked = ends("commune/revoquee", ("motif", json!("perte")));
        self.submit(100 * DAY_MS, "cle.revoquee", "commune", &dossier("commune"), revoked, &["commune/collectivite"]);
        let disputed = ends("commune/compromise", ("depuis", json!(date(NOW_MS - 150 * DAY_MS))));
        self.submit(
            100 * DAY_MS,
            "cle.compromise",
            "operateur",
            &dossier("commune"),
            disputed,
            &["registre/operateur"],
        );
        for (name, motif) in [("sortie", "fusion"), ("revenue", "depart"), ("passerelle-revenue", "depart")] {
            if name == "passerelle-revenue" {
                // What it was given before it left, it does not find again.
                let data = delegation("commune", name, &["actes", "comptabilite"], NOW_MS + DAY_MS);
                let data_signers = &["commune/collectivite"];
                self.submit(90 * DAY_MS, "delegation.accordee", "commune", &dossier("commune"), data, data_signers);
            }
            let data = json!({ "organisation": organisation(name), "motif": motif });
            self.submit(80 * DAY_MS, "adherent.sorti", "operateur", &dossier(name), data, &["registre/operateur"]);
        }
        for name in ["revenue", "passerelle-revenue"] {
            self.member(70 * DAY_MS, name, "commune");
        }
        for (ago, name, roles) in [
            (60 * DAY_MS, "revenue/collectivite", ["collectivite"]),
            (60 * DAY_MS, "passerelle-revenue/transmetteur", ["transmetteur"]),
            (60 * DAY_MS, "voisine/recouvree", ["collectivite"]),
            (10 * DAY_MS, "commune/objectee-revoquee", ["collectivite"]),
            (DAY_MS, "commune/en-attente", ["collectivite"]),
        ] {
            let member = name.split_once('/').unwrap().0;
            let data = enrolment(member, name, &roles);
            self.submit(ago, "cle.recouvree", "operateur", &dossier(member), data, &["registre/operateur", name]);
            if name.ends_with("objectee-revoquee") {
                let data = json!({ "organisation": organisation(member), "cle": cle(name).id() });
                let signer = &["commune/collectivite"];
                self.submit(9 * DAY_MS, "cle.opposition", member, &dossier(member), data, signer);
            }
        }
    }

    fn delegate(&mut self) {
        let subject = dossier("commune");
        for (delegate, familles, until_ms) in [
            ("passerelle", &["actes", "comptabilite"][..], NOW_MS + 1),
            ("passerelle-autre-famille", &["comptabilite"], NOW_MS + DAY_MS),
            ("passerelle-expiree", &["actes", "comptabilite"], NOW_MS),
            ("passerelle-retiree", &["actes", "comptabilite"], NOW_MS + DAY_MS),
        ] {
            // The supplier lets the same gateway sign its submissions, and nothing else.
            let data = delegation("fournisseur", "passerelle", &["marches"], NOW_MS + DAY_MS);
            let signers = &["fournisseur/soumissionnaire"];
            self.submit(DAY_MS, "delegation.accordee", "fournisseur", &dossier("fournisseur"), data, signers);
            let data = delegation("commune", delegate, familles, until_ms);
            self.submit(DAY_MS, "delegation.accordee", "commune", &subject, data, &["commune/collectivite"]);
        }
        let mut data =
            delegation("commune", "passerelle-mandatee", &["actes", "comptabilite", "marches"], NOW_MS + DAY_MS);
        data["pieces"] = mandat();
        self.submit(DAY_MS, "delegation.accordee", "operateur", &subject, data, &["registre/operateur"]);
        let data =
            json!({ "organisation": organisation("commune"), "delegataire": organisation("passerelle-retiree") });
        self.submit(DAY_MS, "delegation.retiree", "commune", &subject, data, &["commune/acheteur"]);
    }
}

/// One more event of a log: admitted, or refused with its code.
pub fn submit(
    journal: &mut Journal,
    ms: u64,
    event_type: &str,
    source: &str,
    subject: &str,
    data: Value,
    signers: &[&str],
) -> Result<(), Code> {
    let event = event_at(ms, event_type, source, subject, data).to_string();
    let signers: Vec<KeyId> = signers.iter().map(|name| cle(name).id()).collect();
    let code = |refusal: Refusal| refusal.code;
    let event = Event::parse(event.as_bytes()).map_err(code)?;
    journal.submit(&event, &signers, ms).map_err(code)
}

pub fn of_key(name: &str) -> Value {
    json!({ "organisation": organisation(name.split_once('/').unwrap().0), "cle": cle(name).id() })
}

pub fn with(mut data: Value, name: &str, value: Value) -> Value {
    data[name] = value;
    data
}

pub fn standing(journal: &Journal, name: &str, ms: u64) -> Option<Standing> {
    journal.standing(&cle(name).id(), &ORIGIN.parse().unwrap(), ms)
}

pub fn recover(journal: &mut Journal, ms: u64, member: &str, key: &str) -> Result<(), Code> {
    let data = enrolment(member, key, &["collectivite"]);
    submit(journal, ms, "cle.recouvree", "operateur", &dossier(member), data, &[OPERATEUR, key])
}

pub fn transmit(journal: &mut Journal, ms: u64, source: &str, numero: &str, key: &str) -> Result<(), Code> {
    submit(journal, ms, "acte.transmis", source, &acte(source, numero), transmis(), &[key])
}
