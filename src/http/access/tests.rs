//! Who reads what: one table of readers against one table of things.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use greffe_events::Event;
use greffe_events::catalogue::Data;
use greffe_events::horodatage::Horodatage;
use serde_json::{Value, json};

use super::*;

const OPERATOR: &str = "urn:siren:219600012";
const COMMUNE: &str = "urn:siren:214502494";
const OTHER_COMMUNE: &str = "urn:siren:210703385";
const PREFECTURE: &str = "urn:siren:491011698";
const ACTE: &str = "045-214502494-20170717-D201717-DE";

fn organisation(text: &str) -> Organisation {
    text.parse().unwrap()
}

fn reader(of: &str, roles: &[&str]) -> Reader {
    Reader::of(&KeyRecord {
        organisation: organisation(of),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        valable_du: Horodatage::from_unix_ms(0),
        valable_jusqu: None,
        index: 0,
    })
}

fn event(event_type: &str, source: &str, subject: &str, data: &Value) -> Event {
    let event = json!({
        "specversion": "1.0", "id": "01935a4c-0000-7000-8000-000000000001", "source": source,
        "type": format!("greffe.{event_type}.v1"), "subject": subject, "time": "2026-11-20T10:15:30Z",
        "datacontenttype": "application/json", "registre": "greffe.example", "data": data,
    });
    Event::parse(event.to_string().as_bytes()).unwrap()
}

fn transmis() -> Event {
    let piece = json!({ "role": "acte", "type": "application/pdf", "taille": 1, "engagement": "ab".repeat(32) });
    event(
        "acte.transmis",
        COMMUNE,
        &format!("acte/{ACTE}"),
        &json!({ "matiere": "7.1", "classification": "2026-01-01", "pieces": [piece] }),
    )
}

fn accuse() -> Event {
    event("acte.accuse-reception", PREFECTURE, &format!("acte/{ACTE}"), &json!({ "date_reception": "2026-11-20" }))
}

fn examen() -> Event {
    let data = json!({ "jusqu_a": 1, "suite": "sans-observation" });
    event("acte.examine", "urn:siren:130004955", &format!("examen/{ACTE}"), &data)
}

fn inscrit() -> Event {
    let data = json!({ "organisation": COMMUNE, "categorie": "commune", "denomination": "Commune" });
    event("adherent.inscrit", OPERATOR, "adherent/214502494", &data)
}

/// A refusal of what the commune's key signed, in the name of `claimed`.
fn refus(claimed: Option<&str>) -> Event {
    let mut data = json!({
        "cle": format!("ed25519:{}", "0a".repeat(32)), "code": "type-unknown", "sel": "00".repeat(32), "empreinte": "00".repeat(32),
    });
    if let Some(claimed) = claimed {
        data["source_refusee"] = json!(claimed);
    }
    event("registre.refus", OPERATOR, "registre/greffe.example", &data)
}

/// Where the opening of every submission has begun or not, and every key is that organisation's.
struct Monde {
    ouvert: bool,
    cles_de: Option<&'static str>,
}

impl Faits for Monde {
    type Error = Infallible;

    fn organisation_of(&self, _: &KeyId) -> Result<Option<Organisation>, Infallible> {
        Ok(self.cles_de.map(organisation))
    }

    fn ouverture_commencee(&self, _: &IdPli) -> Result<bool, Infallible> {
        Ok(self.ouvert)
    }
}

fn reads(reader: &Reader, event: &Event, monde: &Monde) -> bool {
    let refus = match &event.data {
        Data::RegistreRefus(refus) => Some(refus),
        _ => None,
    };
    let Ok(audience) = Audience::of(event.source.clone(), event.dossier.clone(), [], refus, monde);
    let Ok(reads) = reader.reads(&audience).selon(monde);
    reads
}

#[test]
fn each_reader_sees_what_is_its_own_and_nothing_else() {
    let things = [transmis(), accuse(), inscrit(), refus(None), refus(Some(OTHER_COMMUNE))];
    // In the order of `things`.
    let table = [
        (OPERATOR, &["operateur"][..], [true, true, true, true, true]),
        (OTHER_COMMUNE, &["auditeur:*"], [true, true, true, true, true]),
        // What the operator says is its own, but its lesser keys see no act.
        (OPERATOR, &["registre"], [false, false, true, true, true]),
        (COMMUNE, &["collectivite"], [true, true, true, true, true]),
        (COMMUNE, &["comptable"], [true, true, true, true, true]),
        (OTHER_COMMUNE, &["collectivite"], [false, false, false, false, true]),
        (PREFECTURE, &["prefecture:045"], [true, true, false, false, false]),
        // Another département: only what it said itself.
        (PREFECTURE, &["prefecture:039"], [false, true, false, false, false]),
        (OTHER_COMMUNE, &["prefecture:039"], [false, false, false, false, true]),
        (OTHER_COMMUNE, &["auditeur:214502494"], [true, true, true, true, true]),
        ("urn:iso6523:0060:123", &["auditeur:045"], [true, true, false, false, false]),
        ("urn:iso6523:0060:123", &["auditeur:039"], [false, false, false, false, false]),
        ("urn:iso6523:0060:123", &["transmetteur", "fournisseur", "acheteur", "soumissionnaire"], [false; 5]),
    ];
    let monde = Monde { ouvert: false, cles_de: Some(COMMUNE) };
    for (of, roles, expected) in table {
        let reader = reader(of, roles);
        assert_eq!(things.clone().map(|event| reads(&reader, &event, &monde)), expected, "{of} with {roles:?}");
    }
}

#[test]
fn what_the_prefecture_examined_is_for_the_prefecture_alone() {
    let monde = Monde { ouvert: true, cles_de: Some(COMMUNE) };
    for (of, role, expected) in [
        (PREFECTURE, "prefecture:045", true),
        (PREFECTURE, "prefecture:039", false),
        ("urn:siren:130004955", "prefecture:045", true),
        (COMMUNE, "collectivite", false),
        (COMMUNE, "transmetteur", false),
        (OTHER_COMMUNE, "auditeur:045", false),
        (OTHER_COMMUNE, "auditeur:214502494", false),
        (OTHER_COMMUNE, "auditeur:*", true),
        (OPERATOR, "operateur", true),
    ] {
        assert_eq!(reads(&reader(of, &[role]), &examen(), &monde), expected, "{of} with {role}");
    }
}

#[test]
fn a_refusal_by_a_key_that_is_gone_is_for_those_who_read_everything() {
    let nobody = Monde { ouvert: false, cles_de: None };
    assert!(!reads(&reader(COMMUNE, &["collectivite"]), &refus(None), &nobody));
    assert!(reads(&reader(OPERATOR, &["operateur"]), &refus(None), &nobody));
}

#[test]
fn the_buyer_learns_of_a_submission_once_its_opening_begins() {
    const BIDDER: &str = PREFECTURE;
    let subject = "pli/214502494_2026-M12_491011698_01990000-0000-7000-8000-000000000001";
    let retire = event("pli.retire", BIDDER, subject, &json!({}));
    let copie = json!({ "operation": "recue", "le": "2026-11-20T10:15:30Z", "phase": 1, "support": "papier" });
    let copie = event("pli.copie-sauvegarde", COMMUNE, subject, &copie);
    // The bidder's word before and after, the buyer's own word.
    for (of, role, expected) in [
        (BIDDER, "soumissionnaire", [true, true, true]),
        (COMMUNE, "acheteur", [false, true, true]),
        (OTHER_COMMUNE, "auditeur:214502494", [false, true, true]),
        (OTHER_COMMUNE, "auditeur:491011698", [true, true, true]),
        (OTHER_COMMUNE, "acheteur", [false, false, false]),
        (OTHER_COMMUNE, "auditeur:*", [true, true, true]),
        (OPERATOR, "operateur", [true, true, true]),
        (OPERATOR, "transmetteur", [false, false, false]),
        (OTHER_COMMUNE, "prefecture:045", [false, false, false]),
    ] {
        let reader = reader(of, &[role]);
        let at = |ouvert, event| reads(&reader, event, &Monde { ouvert, cles_de: None });
        assert_eq!([at(false, &retire), at(true, &retire), at(false, &copie)], expected, "{of} with {role}");
    }
}

#[test]
fn a_list_shows_the_acts_that_can_be_read_one_by_one() {
    let acte: IdActe = ACTE.parse().unwrap();
    for (of, roles) in [
        (OPERATOR, "operateur"),
        (OPERATOR, "registre"),
        (COMMUNE, "collectivite"),
        (OTHER_COMMUNE, "collectivite"),
        (OTHER_COMMUNE, "auditeur:214502494"),
        (OTHER_COMMUNE, "auditeur:045"),
        (PREFECTURE, "prefecture:045"),
        (PREFECTURE, "prefecture:039"),
        ("urn:iso6523:0060:123", "collectivite"),
    ] {
        let reader = reader(of, &[roles]);
        let is_listed = reader.organisations().is_none_or(|organisations| {
            organisations.iter().any(|one| one.siren() == Some(acte.siren))
                || reader.departements().contains(&acte.departement)
        });
        assert_eq!(is_listed, reader.reads_acte(&acte), "{of} with {roles}");
    }
}

#[test]
fn a_key_that_only_reads_deposits_nothing() {
    assert!(!reader(COMMUNE, &["auditeur:*"]).may_deposit());
    assert!(!reader(COMMUNE, &[]).may_deposit());
    assert!(reader(COMMUNE, &["auditeur:*", "collectivite"]).may_deposit());
}
