//! What may be said, by whom, and when: the events of one small log, and everything that must not pass.
// Builders take literals by value: that is how the tables read best.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod journal;

use greffe_events::catalogue::RegistreOuvert;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::{KeyId, SecretKey};
use greffe_events::{Code, Event, Refusal};
use serde_json::{Value, json};

use journal::Journal;

const NOW_MS: u64 = 1_795_169_730_000;
const OPERATOR: &str = "urn:siren:219600010";
const COMMUNE: &str = "urn:siren:214502494";
const OTHER_COMMUNE: &str = "urn:siren:210703385";
const PREFECTURE: &str = "urn:siren:214400152";
const ACTE: &str = "acte/045-214502494-20170717-D201717-DE";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn operator() -> Organisation {
    // The ninth digit is the Luhn key of the eight before.
    (0..10).find_map(|digit| format!("urn:siren:21960001{digit}").parse().ok()).unwrap()
}

/// A small log, refused or admitted at an instant of ours.
#[derive(Default)]
struct Log(Journal);

impl Log {
    fn submit(&mut self, event: &Value, signers: &[u8]) -> Result<(), Refusal> {
        self.submit_at(NOW_MS, event, signers)
    }

    fn submit_at(&mut self, now_ms: u64, event: &Value, signers: &[u8]) -> Result<(), Refusal> {
        let event = Event::parse(event.to_string().as_bytes())?;
        event.check_registre(&"greffe.example".parse::<Origin>().unwrap())?;
        let signers: Vec<KeyId> = signers.iter().map(|seed| key(*seed).id()).collect();
        self.0.submit(&event, &signers, now_ms)
    }

    fn refuses(&mut self, event: &Value, signers: &[u8], code: Code, field: &str) {
        let size = self.0.size();
        let refusal = self.submit(event, signers).expect_err(code.as_str());
        assert_eq!((refusal.code, refusal.field.as_deref().unwrap_or_default()), (code, field), "{refusal}");
        assert_eq!(self.0.size(), size);
    }
}

fn event(event_type: &str, source: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": "01935a4c-0000-7000-8000-000000000001", "source": source,
        "type": format!("greffe.{event_type}.v1"), "subject": subject, "time": "2026-11-20T10:15:30Z",
        "datacontenttype": "application/json", "registre": "greffe.example", "data": data,
    })
}

fn vkey(seed: u8) -> String {
    let mut bytes = vec![1];
    bytes.extend(key(seed).id().0);
    format!("greffe.example+00000000+{}", data_encoding::BASE64.encode(&bytes))
}

fn opening() -> Value {
    let source = operator().to_string();
    event(
        "registre.ouvert",
        &source,
        "registre/greffe.example",
        json!({
            "origine": "greffe.example", "vkey": vkey(3),
            "operateur": { "organisation": source, "cle": key(1).id() },
            "noeud": key(2).id(), "recouvrement": [key(4).id(), key(5).id(), key(6).id()],
        }),
    )
}

fn member(organisation: &str, categorie: &str) -> Value {
    let subject = format!("adherent/{}", &organisation[10..]);
    let data = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme", "departement": "045" });
    event("adherent.inscrit", &operator().to_string(), &subject, data)
}

fn enrolment(organisation: &str, seed: u8, roles: &[&str]) -> Value {
    let subject = format!("adherent/{}", &organisation[10..]);
    event(
        "cle.enrolee",
        &operator().to_string(),
        &subject,
        json!({
            "organisation": organisation, "cle": key(seed).id(), "roles": roles,
            "valable_du": "2026-01-01T00:00:00Z", "valable_jusqu": "2027-01-01T00:00:00Z",
        }),
    )
}

fn digest(byte: &str) -> String {
    byte.repeat(32)
}

fn acte(source: &str) -> Value {
    event(
        "acte.transmis",
        source,
        ACTE,
        json!({
            "matiere": "7.1", "classification": "2026-01-01",
            "pieces": [
                { "role": "acte", "type": "application/pdf", "taille": 12, "typologie": "99_DE",
                  "nom": "045-214502494-20170717-D201717-DE-1-1_1.pdf", "sha256": digest("ab") },
                { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": 20, "engagement": digest("cd") },
            ],
        }),
    )
}

fn accuse(source: &str, constat: bool) -> Value {
    let mut data = json!({ "date_reception": "2026-11-20", "pieces": [
        { "role": "message", "type": "application/xml", "taille": 900, "engagement": digest("ef") } ] });
    if constat {
        data["auteur_declare"] = json!({ "qualite": "sous-prefecture", "departement": "045", "arrondissement": 1 });
    }
    event("acte.accuse-reception", source, ACTE, data)
}

/// Operator 1, node 2, log 3, recovery 4 to 6; commune 10, other commune 11, prefecture 12, auditor 13.
fn open_log() -> Log {
    let mut log = Log::default();
    log.submit(&opening(), &[1]).unwrap();
    for (organisation, categorie) in [(COMMUNE, "commune"), (OTHER_COMMUNE, "commune"), (PREFECTURE, "prefecture")] {
        log.submit(&member(organisation, categorie), &[1]).unwrap();
    }
    log.submit(&enrolment(COMMUNE, 10, &["collectivite"]), &[1, 10]).unwrap();
    log.submit(&enrolment(OTHER_COMMUNE, 11, &["collectivite"]), &[1, 11]).unwrap();
    log.submit(&enrolment(PREFECTURE, 12, &["prefecture:045"]), &[1, 12]).unwrap();
    log
}

fn changed(event: &Value, pointer: &str, value: Value) -> Value {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        object => object[name] = value,
    }
    event
}

fn removed(event: &Value, pointer: &str) -> Value {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    event
}

#[test]
fn an_act_goes_from_the_commune_to_the_prefecture_and_back() {
    assert_eq!(OPERATOR[..18], operator().to_string()[..18]);
    let mut log = open_log();
    log.submit(&acte(COMMUNE), &[10]).unwrap();
    log.submit(&accuse(COMMUNE, true), &[10]).unwrap();
    log.submit(&accuse(PREFECTURE, false), &[12]).unwrap();
    // A key of the opening can't be enrolled for anybody, the operator may enrol one more of its own.
    log.refuses(&enrolment(COMMUNE, 4, &["collectivite"]), &[1, 10, 4], Code::KeyAlreadyEnrolled, "data.cle");
    log.refuses(&enrolment(COMMUNE, 3, &["collectivite"]), &[1, 10, 3], Code::KeyAlreadyEnrolled, "data.cle");
    // Further keys ask for a key of the organisation.
    log.refuses(&enrolment(COMMUNE, 20, &["collectivite"]), &[1, 20], Code::SignatureMissing, "signatures[1].keyid");
    log.refuses(
        &enrolment(COMMUNE, 20, &["collectivite"]),
        &[1, 11, 20],
        Code::KeyOtherOrganisation,
        "signatures[1].keyid",
    );
    log.submit(&enrolment(COMMUNE, 20, &["collectivite"]), &[1, 10, 20]).unwrap();
}

#[test]
fn nobody_speaks_for_another() {
    let mut log = open_log();
    log.refuses(&acte(COMMUNE), &[99], Code::KeyUnknown, "signatures[0].keyid");
    log.refuses(&acte(COMMUNE), &[11], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(&acte(COMMUNE), &[1], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(&acte(COMMUNE), &[4], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(&acte(OTHER_COMMUNE), &[11], Code::NotOwner, "source");
    log.refuses(&acte(COMMUNE), &[10, 11], Code::SignatureExtra, "signatures[1]");
    log.submit(&acte(COMMUNE), &[10]).unwrap();
    log.refuses(&accuse(COMMUNE, false), &[10], Code::KeyNotEntitled, "signatures[0].keyid");
    log.refuses(&accuse(PREFECTURE, false), &[10], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(&accuse(OTHER_COMMUNE, true), &[11], Code::NotOwner, "source");
    log.refuses(&accuse(PREFECTURE, true), &[12], Code::NotOwner, "source");
    // The prefecture of another département.
    log.submit(&enrolment(PREFECTURE, 22, &["prefecture:039"]), &[1, 12, 22]).unwrap();
    log.refuses(&accuse(PREFECTURE, false), &[22], Code::KeyNotEntitled, "signatures[0].keyid");
    // Only the operator admits, and it cannot hand its own role out.
    log.refuses(&member("urn:siren:491011698", "commune"), &[10], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(
        &enrolment(COMMUNE, 30, &["collectivite", "operateur"]),
        &[1, 10, 30],
        Code::DataInvalid,
        "data.roles[1]",
    );
    log.refuses(&enrolment(COMMUNE, 30, &["registre"]), &[1, 10, 30], Code::DataInvalid, "data.roles[0]");
    log.refuses(&enrolment(COMMUNE, 30, &["collectivite"]), &[2, 10, 30], Code::KeyNotEntitled, "signatures[0].keyid");
    log.refuses(&enrolment(COMMUNE, 30, &["collectivite"]), &[1, 10], Code::SignatureMissing, "signatures");
    log.refuses(
        &enrolment(COMMUNE, 30, &["collectivite"]),
        &[1, 10, 31],
        Code::SignatureMissing,
        "signatures[2].keyid",
    );
    // A key that reads only signs nothing.
    log.submit(&enrolment(COMMUNE, 13, &["auditeur:*"]), &[1, 10, 13]).unwrap();
    log.refuses(&accuse(COMMUNE, true), &[13], Code::KeyNotEntitled, "signatures[0].keyid");
    log.refuses(&enrolment(COMMUNE, 40, &["collectivite"]), &[1, 13, 40], Code::KeyNotEntitled, "signatures[1].keyid");
}

#[test]
fn a_key_signs_only_within_its_validity() {
    let mut log = open_log();
    let enrolled = |from: &str, until: &str| {
        let event = enrolment(COMMUNE, 50, &["collectivite"]);
        changed(&changed(&event, "/data/valable_du", json!(from)), "/data/valable_jusqu", json!(until))
    };
    log.refuses(
        &enrolled("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
        &[1, 10, 50],
        Code::DataInvalid,
        "data.valable_jusqu",
    );
    log.submit(&enrolled("2026-11-20T10:15:31Z", "2026-11-20T10:15:33Z"), &[1, 10, 50]).unwrap();
    for (offset_ms, code) in [
        (0, Some(Code::KeyNotInForce)),
        (999, Some(Code::KeyNotInForce)),
        (3_000, Some(Code::KeyNotInForce)),
        (1_000, None),
    ] {
        let verdict = log.submit_at(NOW_MS + offset_ms, &acte(COMMUNE), &[50]);
        assert_eq!(verdict.err().map(|refusal| refusal.code), code, "{offset_ms} ms later");
    }
}

#[test]
fn the_life_cycle_forbids_what_is_impossible() {
    let mut log = Log::default();
    log.refuses(&member(COMMUNE, "commune"), &[1], Code::KeyUnknown, "signatures[0].keyid");
    let mut log = open_log();
    log.refuses(&opening(), &[1], Code::RegistreDejaOuvert, "type");
    log.refuses(&member(COMMUNE, "commune"), &[1], Code::AdherentDejaInscrit, "subject");
    log.refuses(&enrolment("urn:siren:491011698", 60, &["collectivite"]), &[1, 60], Code::AdherentInconnu, "subject");
    log.refuses(&accuse(PREFECTURE, false), &[12], Code::ActeInconnu, "subject");
    log.refuses(&accuse(COMMUNE, true), &[10], Code::ActeInconnu, "subject");
    log.submit(&acte(COMMUNE), &[10]).unwrap();
    log.refuses(&acte(COMMUNE), &[10], Code::ActeDejaTransmis, "subject");
    log.submit(&accuse(PREFECTURE, false), &[12]).unwrap();
    log.refuses(&accuse(PREFECTURE, false), &[12], Code::AccuseDejaEnregistre, "subject");
    // A constat after the prefecture's own word is late, not impossible.
    log.submit(&accuse(COMMUNE, true), &[10]).unwrap();
    log.refuses(&accuse(COMMUNE, true), &[10], Code::AccuseDejaEnregistre, "subject");
}

#[test]
fn each_attribute_and_field_is_checked_and_named() {
    let mut log = open_log();
    let good = acte(COMMUNE);
    for name in ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "registre", "data"] {
        log.refuses(&removed(&good, &format!("/{name}")), &[10], Code::AttributeMissing, name);
    }
    let bad_attributes = [
        ("specversion", json!("0.3")),
        ("specversion", json!(1)),
        ("id", json!("x")),
        ("id", json!("01935A4C-0000-7000-8000-000000000001")),
        ("id", json!("01935a4c-0000-4000-8000-000000000001")),
        ("source", json!("urn:siren:214502495")),
        ("subject", json!("acte/x")),
        ("subject", json!("registre/greffe.example")),
        ("subject", json!("facture/1")),
        ("time", json!("2026-11-20")),
        ("time", json!("2026-11-20T10:15:60Z")),
        ("datacontenttype", json!("text/xml")),
        ("registre", json!("Not An Origin")),
    ];
    for (name, value) in bad_attributes {
        log.refuses(&changed(&good, &format!("/{name}"), value), &[10], Code::AttributeInvalid, name);
    }
    let number = changed(&good, "/specversion", json!(1)).to_string();
    let refusal = Event::parse(number.as_bytes()).unwrap_err();
    assert_eq!(
        refusal.detail, "invalid type: integer `1`, expected a string",
        "no line and column of the attribute alone"
    );
    log.refuses(&changed(&good, "/data", json!(null)), &[10], Code::AttributeMissing, "data");
    log.refuses(&changed(&good, "/registre", json!("other.example")), &[10], Code::RegistreWrong, "registre");
    log.refuses(&changed(&good, "/type", json!("greffe.acte.inconnu.v1")), &[10], Code::TypeUnknown, "type");
    log.refuses(&changed(&good, "/time", json!("2026-11-20T10:20:31Z")), &[10], Code::TimeOutOfRange, "time");
    log.refuses(&changed(&good, "/time", json!("2026-11-13T10:15:29Z")), &[10], Code::TimeOutOfRange, "time");
    for (missing, field) in [
        ("/data/matiere", "data.matiere"),
        ("/data/classification", "data.classification"),
        ("/data/pieces", "data.pieces"),
        ("/data/pieces/0/role", "data.pieces[0].role"),
        ("/data/pieces/1/type", "data.pieces[1].type"),
    ] {
        log.refuses(&removed(&good, missing), &[10], Code::DataMissing, field);
    }
    let bad_fields = [
        ("/data/matiere", json!("7"), "data.matiere"),
        ("/data/matiere", json!("7.1.0"), "data.matiere"),
        ("/data/matiere", json!("07.1"), "data.matiere"),
        ("/data/classification", json!("2026-02-30"), "data.classification"),
        ("/data/arrondissement", json!(10), "data.arrondissement"),
        ("/data/precedent", json!("x"), "data.precedent"),
        ("/data/pieces", json!([]), "data.pieces"),
        ("/data/pieces/0/role", json!("annexe"), "data.pieces"),
        ("/data/pieces/0/taille", json!(157_286_401), "data.pieces[0]"),
        ("/data/pieces/0/sha256", json!("zz"), "data.pieces[0].sha256"),
        ("/data", json!("x"), "data"),
        ("/data", json!(["7.1", "2026-01-01", null, null, null, []]), "data"),
        ("/data/pieces/0", json!(["acte", null, "application/pdf", null, 12]), "data.pieces[0]"),
        ("/data/pieces/0/role", json!({ "acte": null }), "data.pieces[0].role"),
        ("/data/pieces/1/finalite", json!({ "objet": null }), "data.pieces[1].finalite"),
        ("/data/pieces/0/type", json!("application/nom-d-une-personne"), "data.pieces[0]"),
        ("/data/pieces/0/nom", json!("045-214502494-20170717-AUTRE-DE-1-1_1.pdf"), "data.pieces[0].nom"),
    ];
    for (pointer, value, field) in bad_fields {
        log.refuses(&changed(&good, pointer, value), &[10], Code::DataInvalid, field);
    }
    // An individual decision never shows its files.
    let individual = changed(&good, "/subject", json!("acte/045-214502494-20170717-D201717-AI"));
    log.refuses(&individual, &[10], Code::DataInvalid, "data.pieces[0]");
    // Only the act itself is public.
    let mut envelope = good.clone();
    envelope["data"]["pieces"].as_array_mut().unwrap().push(json!({
        "role": "enveloppe", "type": "application/xml", "taille": 9,
        "nom": "045-214502494-20170717-D201717-DE-1-1_2.xml", "sha256": digest("ee") }));
    log.refuses(&envelope, &[10], Code::DataInvalid, "data.pieces[2]");
    log.refuses(
        &changed(&accuse(COMMUNE, true), "/data/auteur_declare", json!(["prefecture", "045", null])),
        &[10],
        Code::DataInvalid,
        "data.auteur_declare",
    );
    // A constat cites its file; a company has no name here; a key is a strong one.
    log.refuses(&changed(&accuse(COMMUNE, true), "/data/pieces", json!([])), &[10], Code::DataInvalid, "data.pieces");
    log.refuses(&member("urn:siren:491011698", "entreprise"), &[1], Code::DataInvalid, "data.denomination");
    let weak = changed(
        &enrolment(COMMUNE, 70, &["collectivite"]),
        "/data/cle",
        json!(format!("ed25519:01{}", "00".repeat(31))),
    );
    log.refuses(&weak, &[1, 10, 70], Code::KeyWeak, "data.cle");
    log.refuses(
        &changed(&enrolment(COMMUNE, 70, &["maire"]), "/data/roles", json!(["maire"])),
        &[1, 10, 70],
        Code::DataInvalid,
        "data.roles[0]",
    );
    log.refuses(
        &changed(&member(COMMUNE, "commune"), "/subject", json!("adherent/210703385")),
        &[1],
        Code::AttributeInvalid,
        "subject",
    );
    // What is not known is kept and ignored.
    log.submit(&changed(&good, "/data/champ_inconnu", json!({"a": [1, null]})), &[10]).unwrap();
}

#[test]
fn an_opening_whose_keys_serve_two_purposes_or_are_weak_is_refused() {
    let good = opening();
    let mut log = Log::default();
    log.refuses(&good, &[2], Code::SignatureMissing, "signatures[0].keyid");
    log.refuses(&changed(&good, "/data/noeud", json!(key(1).id())), &[1], Code::DataInvalid, "data.noeud");
    log.refuses(
        &changed(&good, "/data/recouvrement/2", json!(key(3).id())),
        &[1],
        Code::DataInvalid,
        "data.recouvrement[2]",
    );
    log.refuses(&changed(&good, "/data/vkey", json!("greffe.example+0+AQ==")), &[1], Code::DataInvalid, "data.vkey");
    log.refuses(&changed(&good, "/data/origine", json!("other.example")), &[1], Code::AttributeInvalid, "registre");
    let zero = format!("ed25519:{}", "00".repeat(32));
    log.refuses(&changed(&good, "/data/recouvrement/0", json!(zero)), &[1], Code::KeyWeak, "data.recouvrement[0]");
    log.submit(&good, &[1]).unwrap();
    let data: RegistreOuvert = serde_json::from_value(good["data"].clone()).unwrap();
    assert_eq!(data.log_key().unwrap(), key(3).id());
}

/// The operator erases a piece of this organisation.
fn effacement(organisation: &str) -> Value {
    let data = json!({ "demandeur": "juridiction", "motif": "decision", "base_legale": "decision-justice" });
    event("piece.effacee", &operator().to_string(), &format!("piece/{organisation}/{}", digest("cd")), data)
}

#[test]
fn a_piece_is_erased_once_by_the_operator_alone_and_without_a_word_of_text() {
    let mut log = open_log();
    let good = effacement("214502494");
    log.refuses(&good, &[10], Code::KeyOtherOrganisation, "signatures[0].keyid");
    log.refuses(&changed(&good, "/source", json!(COMMUNE)), &[10], Code::KeyNotEntitled, "signatures[0].keyid");
    for field in ["demandeur", "motif", "base_legale"] {
        let text = changed(&good, &format!("/data/{field}"), json!("à la demande de M. Untel"));
        log.refuses(&text, &[1], Code::DataInvalid, &format!("data.{field}"));
    }
    for subject in [
        "piece/214502494".to_owned(),
        format!("piece/214502495/{}", digest("cd")),
        format!("piece/214502494/{}", digest("CD")),
        format!("piece/214502494/{}/x", digest("cd")),
        "acte/045-214502494-20170717-D201717-DE".to_owned(),
    ] {
        log.refuses(&changed(&good, "/subject", json!(subject)), &[1], Code::AttributeInvalid, "subject");
    }
    log.submit(&good, &[1]).unwrap();
    log.refuses(&good, &[1], Code::PieceDejaEffacee, "subject");
    // Another organisation's copy is another piece.
    log.submit(&effacement("210703385"), &[1]).unwrap();
}

#[test]
fn what_a_poster_writes_is_what_is_read() {
    for value in [
        opening(),
        member(COMMUNE, "commune"),
        enrolment(COMMUNE, 10, &["collectivite", "auditeur:045"]),
        acte(COMMUNE),
        accuse(COMMUNE, true),
        effacement("214502494"),
        effacement("0060:123456789"),
    ] {
        let event = Event::parse(value.to_string().as_bytes()).unwrap();
        let written = Event::write(event.id, &event.source, &event.subject, event.time, &event.registre, &event.data);
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), value);
        assert_eq!(Event::parse(&written).unwrap(), event);
    }
}

#[test]
fn an_act_that_its_prefecture_would_not_see_is_refused() {
    let mut log = open_log();
    let elsewhere = ACTE.replace("acte/045", "acte/039");
    let mut act = acte(COMMUNE);
    act["subject"] = json!(elsewhere);
    act["data"]["pieces"][0]["nom"] = json!("039-214502494-20170717-D201717-DE-1-1_1.pdf");
    log.refuses(&act, &[10], Code::DepartementAutre, "subject");
    // The operator had it wrong: once that is put right, the same act is admitted.
    let corrected =
        json!({ "organisation": COMMUNE, "departement": "039", "denomination": "Organisme", "categorie": "commune" });
    let subject = format!("adherent/{}", &COMMUNE[10..]);
    log.submit(&event("adherent.modifie", &operator().to_string(), &subject, corrected), &[1]).unwrap();
    log.submit(&act, &[10]).unwrap();
}

#[test]
fn a_classification_is_published_by_a_prefecture_in_its_own_dossier() {
    let mut log = open_log();
    let data = json!({ "date": "2026-01-01", "departement": "045", "natures": [], "matieres": ["1.1"] });
    let published = |source: &str, owner: &str| {
        event("classification.publiee", source, &format!("classification/{}", &owner[10..]), data.clone())
    };
    log.refuses(&published(COMMUNE, COMMUNE), &[10], Code::KeyNotEntitled, "signatures[0].keyid");
    log.refuses(&published(PREFECTURE, COMMUNE), &[12], Code::NotOwner, "source");
    let mut of_another = published(PREFECTURE, PREFECTURE);
    of_another["data"]["departement"] = json!("039");
    log.refuses(&of_another, &[12], Code::KeyNotEntitled, "signatures[0].keyid");
    log.submit(&published(PREFECTURE, PREFECTURE), &[12]).unwrap();
}
