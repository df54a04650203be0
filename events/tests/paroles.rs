//! Whose word each event of an exchange is: for each sample the role that its source's key needs, who may sign for it, and
//! which other source of the cast would be heard. Compared with `paroles.txt`, which was read line by line against DESIGN §5.
//!
//! `GREFFE_WRITE_PAROLES=1 cargo test -p greffe-events --test paroles` writes it anew; read the difference.
#![allow(clippy::unwrap_used)]

#[path = "echantillons/mod.rs"]
mod echantillons;

use std::fmt::Write;
use std::path::Path;

use echantillons::{avec, evenement, nomme, tous};
use greffe_events::Code;
use greffe_events::authority::parole;
use serde_json::json;

/// The cast: commune and buyer, prefecture, accountant, company, another company, operator.
const CAST: [(&str, &str); 6] = [
    ("commune", "urn:siren:214502494"),
    ("prefecture", "urn:siren:214400152"),
    ("comptable", "urn:siren:130004955"),
    ("entreprise", "urn:siren:491011698"),
    ("autre", "urn:siren:210703385"),
    ("operateur", "urn:siren:219600012"),
];

#[test]
fn each_word_is_its_speakers() {
    let mut table = String::new();
    for sample in tous() {
        let event = evenement(&sample.valeur);
        if matches!(event.subject.family(), "registre" | "adherent" | "piece") {
            continue;
        }
        let own = parole(&event).unwrap();
        assert!(own.titulaires.contains(&event.source), "{}: its own source is heard", sample.nom);
        assert_eq!(own.est_constat, event.data.is_constat(), "{}", sample.nom);
        write!(table, "{}:", sample.nom.trim_start_matches("greffe.")).unwrap();
        for (name, source) in CAST {
            let heard = parole(&evenement(&avec(&sample.valeur, "/source", json!(source))));
            let Ok(heard) = heard else { continue };
            if heard.titulaires.iter().any(|owner| owner.to_string() == source) {
                write!(table, " {name}={}", heard.role).unwrap();
            }
        }
        let by = match (own.signataire, own.delegable, own.est_constat) {
            (Some(_), _, _) => "that member's key".to_owned(),
            (_, None, _) => "itself".to_owned(),
            (_, Some(famille), false) => format!("itself or a delegate ({famille:?})"),
            (_, Some(famille), true) => format!("itself, a delegate, or who carries for it ({famille:?})"),
        };
        writeln!(table, "; signs {by}").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/paroles.txt");
    if std::env::var_os("GREFFE_WRITE_PAROLES").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == table, "tests/paroles.txt is stale: see the head of this test");
}

#[test]
fn nobody_says_anothers_status_in_its_own_word() {
    let status = |source: &str, liste: &str, code: &str| {
        let mut event = avec(&nomme("facture.statut.v1"), "/source", json!(source));
        event["data"] = json!({ "liste": liste, "code": code, "survenu_le": "2026-11-12T09:00:00Z" });
        parole(&evenement(&event)).map(|parole| parole.role.to_string()).map_err(|refusal| refusal.code)
    };
    let (seller, buyer, comptable) = (CAST[3].1, CAST[0].1, CAST[2].1);
    for (source, liste, code, expected) in [
        (seller, "chorus", "DEPOSEE", Ok("fournisseur")),
        (buyer, "chorus", "DEPOSEE", Err(Code::ConstatRequis)),
        (buyer, "chorus", "MANDATEE", Ok("collectivite")),
        (seller, "chorus", "MANDATEE", Err(Code::ConstatRequis)),
        (comptable, "chorus", "MISE_EN_PAIEMENT", Ok("comptable")),
        (buyer, "chorus", "MISE_EN_PAIEMENT", Err(Code::ConstatRequis)),
        (buyer, "chorus", "MISE_A_DISPOSITION", Err(Code::ConstatRequis)),
        (seller, "cdar", "213", Err(Code::ConstatRequis)),
        (seller, "cdar", "999", Ok("fournisseur")),
        (buyer, "cdar", "999", Ok("collectivite")),
        (comptable, "cdar", "999", Ok("comptable")),
    ] {
        assert_eq!(status(source, liste, code), expected.map(str::to_owned), "{code} by {source}");
    }
}
