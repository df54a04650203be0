//! A message from the moment it could not be placed to what became of it, as those around it see it.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::essais::{Histoire, Vue, assert_rebuildable, hex, organisation};
use crate::liste::assert_searches;

const COMMUNE: &str = "214502494";
const PASSERELLE: &str = "130004955";
const ACTE: &str = "045-214502494-20170717-D201717-DE";

fn subject(n: u8) -> String {
    format!("quarantaine/{COMMUNE}_01990000-0000-7000-8000-0000000000{n:02x}")
}

fn message() -> serde_json::Value {
    json!({ "role": "message", "type": "application/xml", "taille": 9, "engagement": hex("ab") })
}

fn tranche() -> Tranche {
    Tranche { apres: None, limite: 100 }
}

fn of(siren: &str) -> Acces {
    Acces::De(vec![organisation(siren).to_string()])
}

#[test]
fn a_view_of_every_type_is_the_same_when_it_is_built_again() {
    assert_rebuildable(|| Quarantaine, &[]);
}

#[test]
fn each_message_says_why_it_waits_and_what_became_of_it() {
    let mut story = Histoire::default();
    let auteur = json!({ "qualite": "sous-prefecture", "departement": "045", "arrondissement": 1 });
    let mise = json!({ "message": "1-3", "motif": "cycle-contraire", "acte": ACTE, "auteur_declare": auteur, "pieces": [message()] });
    let first = story.dit(COMMUNE, "quarantaine.mise", &subject(1), &mise);
    let illisible = json!({ "message": "inconnu", "motif": "illisible", "pieces": [message()] });
    let second = story.dit(PASSERELLE, "quarantaine.mise", &subject(2), &illisible);
    let third = story.dit(COMMUNE, "quarantaine.mise", &subject(3), &illisible);
    let attached = story.dit(COMMUNE, "quarantaine.rattachee", &subject(1), &json!({ "acte": ACTE, "feuille": 0 }));
    let aside = story.dit(COMMUNE, "quarantaine.ecartee", &subject(2), &json!({ "motif": "doublon", "pieces": [
        { "role": "confidentiel", "finalite": "motif", "type": "application/json", "taille": 9, "engagement": hex("ac") }] }));
    let view = Vue::of(Quarantaine, &story);
    let listed = |acces: &Acces, filtre: &FiltreQuarantaine| {
        let page = view.read(|conn| list(conn, acces, filtre, tranche()));
        page.lignes.iter().map(|row| row.index).collect::<Vec<_>>()
    };
    let etat = |word: &str| FiltreQuarantaine { etat: Some(word.to_owned()), ..FiltreQuarantaine::default() };
    let all = FiltreQuarantaine::default();
    assert_eq!(listed(&Acces::Tout, &all), [third, second, first]);
    assert_eq!(listed(&of(COMMUNE), &all), [third, second, first]);
    assert_eq!(listed(&of(PASSERELLE), &all), [second]);
    assert_eq!(listed(&of("210703385"), &all), Vec::<u64>::new());
    assert_eq!(listed(&of(COMMUNE), &etat(EN_ATTENTE)), [third]);
    assert_eq!(listed(&of(COMMUNE), &etat(RATTACHEE)), [first]);
    assert_eq!(listed(&of(COMMUNE), &etat(ECARTEE)), [second]);
    let motif = FiltreQuarantaine { motif: Some("illisible".to_owned()), ..FiltreQuarantaine::default() };
    assert_eq!(listed(&Acces::Tout, &motif), [third, second]);
    let autre = FiltreQuarantaine { titulaire: Some(organisation("210703385").to_string()), ..all };
    assert_eq!(listed(&Acces::Tout, &autre), Vec::<u64>::new());

    let row = |n, acces: &Acces| view.read(|conn| find(conn, acces, subject(n).strip_prefix("quarantaine/").unwrap()));
    let one = row(1, &of(COMMUNE)).unwrap();
    assert_eq!((one.message.as_str(), one.motif.as_str(), one.etat.as_str()), ("1-3", "cycle-contraire", RATTACHEE));
    assert_eq!((one.acte.as_deref(), one.acte_rattache.as_deref(), one.feuille), (Some(ACTE), Some(ACTE), Some(0)));
    assert_eq!((one.regle_index, one.regle_par), (Some(attached), Some(organisation(COMMUNE).to_string())));
    assert_eq!(one.auteur_declare.unwrap().departement, "045");
    let two = row(2, &of(PASSERELLE)).unwrap();
    assert_eq!(
        (two.etat.as_str(), two.motif_ecart.as_deref(), two.regle_index),
        (ECARTEE, Some("doublon"), Some(aside))
    );
    assert_eq!(two.pieces.iter().map(|piece| piece.index).collect::<Vec<_>>(), [second, aside]);
    assert_eq!((row(1, &of(PASSERELLE)), row(9, &Acces::Tout)), (None, None));
}

#[test]
fn no_query_scans_a_table_or_sorts() {
    let conn = Connection::open_in_memory().unwrap();
    Quarantaine.create_tables(&conn).unwrap();
    for sql in [MESSAGES.tout, MESSAGES.de, PAR_INDEX, PAR_ID] {
        assert_searches(&conn, sql);
    }
}
