//! Every event, whose it is, and who sees it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::essais::{Histoire, Vue, assert_rebuildable, cle, hex, organisation};
use crate::liste::{assert_searches, de_la_prefecture, du_departement};

const OPERATEUR: &str = "219600012";
const COMMUNE: &str = "214502494";
const PASSERELLE: &str = "210703385";
const ACTE: &str = "acte/045-214502494-20170717-D201717-DE";

fn everything(view: &Vue, acces: &Acces, filtre: &Filtre) -> Vec<EvenementRow> {
    view.read(|conn| list(conn, acces, filtre, Tranche { apres: None, limite: 1_000 })).lignes
}

fn of(names: &[String]) -> Acces {
    Acces::De(names.to_vec())
}

fn publie(story: &mut Histoire) -> u64 {
    story.dit(COMMUNE, "acte.publie", ACTE, &json!({ "mode": "affichage", "date": "2017-07-21" }))
}

/// All events of the tests are signed with the key of ones, which the gateway enrols as its own.
fn delegated() -> (Histoire, [u64; 3]) {
    let mut story = Histoire::default();
    let dossier = format!("adherent/{PASSERELLE}");
    let enrolment = json!({ "organisation": organisation(PASSERELLE), "cle": cle(1), "roles": ["transmetteur"],
        "valable_du": "2026-01-01T00:00:00Z", "valable_jusqu": "2029-01-01T00:00:00Z" });
    story.dit(OPERATEUR, "cle.enrolee", &dossier, &enrolment);
    let delegation = json!({ "organisation": organisation(COMMUNE), "delegataire": organisation(PASSERELLE),
        "familles": ["actes"], "jusqu": "2028-01-01T00:00:00Z" });
    let accordee = story.dit(COMMUNE, "delegation.accordee", &format!("adherent/{COMMUNE}"), &delegation);
    let during = publie(&mut story);
    let retrait = json!({ "organisation": organisation(COMMUNE), "delegataire": organisation(PASSERELLE) });
    story.dit(COMMUNE, "delegation.retiree", &format!("adherent/{COMMUNE}"), &retrait);
    let after = publie(&mut story);
    (story, [accordee, during, after])
}

#[test]
fn every_event_of_the_log_is_there_and_the_view_is_the_same_when_it_is_built_again() {
    let view = assert_rebuildable(|| Journal, &["delegations"]);
    let rows = everything(&view, &Acces::Tout, &Filtre::default());
    assert_eq!(rows.len() as u64, view.runner.position());
    let types: BTreeSet<_> = rows.iter().map(|row| row.event_type.as_str()).collect();
    assert_eq!(types.len(), greffe_events::EventType::ALL.len());
    assert!(rows.iter().any(|row| row.constat) && rows.iter().any(|row| row.refus.is_some()));
    for row in &rows {
        assert!(row.recu_le < row.enregistre_le, "received, then recorded");
    }
    for sql in [EVENEMENTS.tout, EVENEMENTS.de, DU_DOSSIER.tout, DU_DOSSIER.de, EVENEMENT] {
        view.read(|conn| {
            assert_searches(conn, sql);
            Ok(())
        });
    }
}

#[test]
fn it_says_whose_key_signed_and_by_which_delegation() {
    let (story, [accordee, during, after]) = delegated();
    let view = Vue::of(Journal, &story);
    let row = |index| view.read(|conn| find(conn, &Acces::Tout, index)).unwrap();
    for (index, delegation) in [(during, Some(accordee)), (after, None)] {
        let row = row(index);
        assert_eq!(row.source, organisation(COMMUNE).to_string());
        assert_eq!(row.signataire, Some(organisation(PASSERELLE).to_string()));
        assert_eq!((row.delegation_index, row.cles), (delegation, vec![cle(1).to_string()]));
    }
}

#[test]
fn each_sees_what_it_said_what_it_owns_and_what_refused_it() {
    let (mut story, [.., after]) = delegated();
    let refus = json!({ "cle": cle(1), "code": "type-unknown", "sel": hex("00"), "empreinte": hex("00"),
        "source_refusee": organisation(COMMUNE) });
    let refused = story.dit(OPERATEUR, "registre.refus", "registre/greffe.example", &refus);
    let accuse = json!({ "date_reception": "2017-07-21" });
    let accuse = story.dit("214400152", "acte.accuse-reception", ACTE, &accuse);
    let examen = json!({ "jusqu_a": 2, "suite": "sans-observation" });
    let examen = story.dit("214400152", "acte.examine", &ACTE.replace("acte/", "examen/"), &examen);
    let view = Vue::of(Journal, &story);
    let name = |siren| de(&organisation(siren));
    for (acces, expected) in [
        (Acces::Tout, vec![examen, accuse, refused, after, 3, 2, 1, 0]),
        (of(&[name(COMMUNE)]), vec![accuse, refused, after, 3, 2, 1]),
        // Its key signed them all.
        (of(&[name(PASSERELLE)]), vec![examen, accuse, refused, after, 3, 2, 1, 0]),
        (of(&[name("214400152")]), vec![examen, accuse]),
        (of(&[du_departement("045")]), vec![accuse, after, 2]),
        (of(&[de_la_prefecture("045")]), vec![examen]),
        (of(&[de_la_prefecture("039")]), vec![]),
        (of(&[du_departement("039")]), vec![]),
        (of(&[name(OPERATEUR)]), vec![refused, 0]),
    ] {
        let seen: Vec<u64> = everything(&view, &acces, &Filtre::default()).iter().map(|row| row.index).collect();
        assert_eq!(seen, expected, "{acces:?}");
        for index in 0..=examen {
            let found = view.read(|conn| find(conn, &acces, index)).is_some();
            assert_eq!(found, expected.contains(&index), "{acces:?} {index}");
        }
    }
    let shown = everything(&view, &Acces::Tout, &Filtre { code: Some("type-unknown".to_owned()), ..Filtre::default() });
    assert_eq!(shown[0].refus.as_ref().unwrap().source_refusee, Some(organisation(COMMUNE).to_string()));
}

/// What a filter lets through.
type Admits<'a> = Box<dyn Fn(&EvenementRow) -> bool + 'a>;

#[test]
fn filters_give_what_looking_at_every_event_would() {
    let view = assert_rebuildable(|| Journal, &["delegations"]);
    let all = everything(&view, &Acces::Tout, &Filtre::default());
    let text = |value: &str| Some(value.to_owned());
    let none = Filtre::default;
    let middle = all[all.len() / 2].enregistre_le.parse::<Horodatage>().unwrap().unix_ms().cast_signed();
    let at_ms = |row: &EvenementRow| row.enregistre_le.parse::<Horodatage>().unwrap().unix_ms().cast_signed();
    let sujet = all.iter().find(|row| row.sujet.starts_with("consultation/")).unwrap().sujet.clone();
    let cases: Vec<(Filtre, Admits<'_>)> = vec![
        (
            Filtre { event_type: text("greffe.flux.transmis.v1"), ..none() },
            Box::new(|row| row.event_type == "greffe.flux.transmis.v1"),
        ),
        (Filtre { source: text("urn:siren:214502494"), ..none() }, Box::new(|row| row.source == "urn:siren:214502494")),
        (Filtre { famille: text("pli"), ..none() }, Box::new(|row| row.sujet.starts_with("pli/"))),
        (Filtre { sujet: Some(sujet.clone()), ..none() }, Box::new(|row| row.sujet == sujet)),
        (Filtre { constat: Some(true), ..none() }, Box::new(|row| row.constat)),
        (Filtre { depuis_ms: Some(middle), ..none() }, Box::new(|row| at_ms(row) >= middle)),
        (Filtre { avant_ms: Some(middle), ..none() }, Box::new(|row| at_ms(row) < middle)),
    ];
    for (filtre, admits) in cases {
        let expected: Vec<&EvenementRow> = all.iter().filter(|row| admits(row)).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{filtre:?}");
        assert_eq!(everything(&view, &Acces::Tout, &filtre).iter().collect::<Vec<_>>(), expected, "{filtre:?}");
    }
    for hostile in ["' OR 1=1 --", "%", "_", "\0", ""] {
        let filtre = Filtre { famille: text(hostile), source: text(hostile), ..none() };
        assert_eq!(everything(&view, &Acces::Tout, &filtre), []);
    }
}

#[test]
fn an_event_of_a_later_version_is_listed_too() {
    let mut story = Histoire::default();
    let data = serde_json::from_value(json!({ "mode": "affichage", "date": "2017-07-21" })).unwrap();
    story.post_changed(COMMUNE, &ACTE.parse().unwrap(), &Data::ActePublie(data), "acte.publie.v1", "acte.publie.v7");
    let view = Vue::of(Journal, &story);
    let seen = everything(&view, &of(&[de(&organisation(COMMUNE))]), &Filtre::default());
    assert_eq!((seen.len(), seen[0].event_type.as_str()), (1, "greffe.acte.publie.v7"));
}
