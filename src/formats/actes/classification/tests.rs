#![allow(clippy::unwrap_used)]

use super::*;
use crate::formats::actes::message::{self, Message};
use crate::formats::actes::{Ecart, lecture::LectureError};

const TYPES: &str = "<a:TypePJNatureActe a:CodeTypePJ='99_DE' a:Libelle='Délibération'/>\
                     <a:TypePJNatureActe a:CodeTypePJ='21_RP' a:Libelle='Rapport'/>";

fn matiere(niveau: usize, code: &str, libelle: &str, sous: &str) -> String {
    format!("<a:Matiere{niveau} a:CodeMatiere='{code}' a:Libelle='{libelle}'>{sous}</a:Matiere{niveau}>")
}

fn sept_deux(natures: &str, matieres: &str) -> String {
    format!(
        "<a:RetourClassification xmlns:a='http://www.interieur.gouv.fr/ACTES#v1.1-20040216'><a:DateClassification>\
         2019-04-18</a:DateClassification><a:NaturesActes>{natures}</a:NaturesActes><a:Matieres>{matieres}\
         </a:Matieres></a:RetourClassification>"
    )
}

fn nature(code: &str, types: &str) -> String {
    format!(
        "<a:NatureActe a:CodeNatureActe='{code}' a:Libelle='Nature {code}' a:TypeAbrege='N{code}'>{types}</a:NatureActe>"
    )
}

fn modele() -> String {
    let profonde = matiere(5, "5", "cinq", "");
    let profonde = matiere(2, "1", "un.un", &matiere(3, "3", "trois", &matiere(4, "4", "quatre", &profonde)));
    let commande = matiere(1, "1", "Commande publique", &(profonde + &matiere(2, "10", "Autres", "")));
    let voeux = matiere(1, "9", "Autres domaines", &matiere(2, "4", "Voeux et motions", ""));
    sept_deux(&(nature("1", TYPES) + &nature("6", "")), &(commande + &voeux))
}

fn lit(texte: &str) -> Result<(Classification, Vec<&'static str>), LectureError> {
    let lecture = message::read(texte.as_bytes(), Date::constant(2026, 11, 20))?;
    let codes = lecture.ecarts.iter().map(Ecart::code).collect();
    match lecture.valeur {
        Message::RetourClassification(classification) => Ok((*classification, codes)),
        other => panic!("{other:?}"),
    }
}

fn type_pj(code: &str) -> TypePj {
    TypePj::new(code).unwrap()
}

#[test]
fn matieres_are_found_at_each_of_five_levels_and_nowhere_else() {
    let (classification, ecarts) = lit(&modele()).unwrap();
    assert_eq!((classification.date, ecarts), (Date::constant(2019, 4, 18), vec![]));
    for (niveaux, attendu) in [
        (&[1u16][..], Some("Commande publique")),
        (&[1, 1], Some("un.un")),
        (&[1, 10], Some("Autres")),
        (&[1, 1, 3, 4, 5], Some("cinq")),
        (&[9, 4], Some("Voeux et motions")),
        (&[9, 1], None),
        (&[1, 1, 3, 4, 5, 6], None),
        (&[2], None),
        (&[], None),
    ] {
        let libelle = classification.matiere(niveaux.iter().copied()).map(|m| m.libelle.as_str());
        assert_eq!(libelle, attendu, "{niveaux:?}");
    }
    let codes: Vec<_> = classification.toutes_les_matieres().into_iter().map(|(codes, _)| codes).collect();
    let attendus: [&[u16]; 8] = [&[1], &[1, 1], &[1, 1, 3], &[1, 1, 3, 4], &[1, 1, 3, 4, 5], &[1, 10], &[9], &[9, 4]];
    assert_eq!(codes, attendus);
}

#[test]
fn a_type_is_admitted_refused_or_not_spoken_of() {
    let (classification, _) = lit(&modele()).unwrap();
    for (nature, code, attendu) in [
        (Nature::De, "99_DE", Some(true)),
        (Nature::De, "99_AR", Some(false)),
        // Listed without types, as in the first generation; not listed.
        (Nature::Au, "99_AU", None),
        (Nature::Cc, "99_CO", None),
    ] {
        assert_eq!(classification.type_pj(nature, &type_pj(code)), attendu, "{nature:?} {code}");
    }
}

#[test]
fn what_can_not_be_read_is_left_out_and_said() {
    let m = |sous: &str| matiere(1, "1", "x", &(matiere(2, "1", "y", "") + sous));
    let long = "é".repeat(LIBELLE_CHARS_MAX + 1);
    for (natures, matieres, codes) in [
        (nature("1", TYPES), m(""), vec![]),
        (nature("7", TYPES) + &nature("1", TYPES), m(""), vec!["illisible"]),
        (nature("1", TYPES) + &nature("1", ""), m(""), vec!["code-repete"]),
        (nature("1", &TYPES.replace("21_RP", "21-RP")), m(""), vec!["illisible"]),
        (nature("1", &TYPES.replace("21_RP", "99_DE")), m(""), vec!["code-repete"]),
        (nature("1", &TYPES.replace("Rapport", &long)), m(""), vec!["illisible"]),
        (nature("1", TYPES), m(&matiere(2, "1", "z", "")), vec!["code-repete"]),
        (nature("1", TYPES), m(&matiere(2, "un", "z", "")), vec!["illisible"]),
        (nature("1", TYPES), m(&matiere(3, "1", "z", "")), vec!["element-inconnu"]),
    ] {
        let (classification, trouves) = lit(&sept_deux(&natures, &matieres)).unwrap();
        assert_eq!(trouves, codes, "{natures}{matieres}");
        assert_eq!((classification.natures.len(), classification.toutes_les_matieres().len()), (1, 2), "{natures}");
    }
    assert_eq!(lit(&modele().replace("2019-04-18", "avril")).unwrap_err().code(), "xml-value");
    assert_eq!(lit(&modele().replace("a:Matieres>", "a:Matiere>")).unwrap_err().code(), "xml-missing");
}

#[test]
fn a_classification_has_bounds() {
    let matieres: String = (0..MATIERES_MAX).fold(String::new(), |tout, n| tout + &matiere(2, &n.to_string(), "x", ""));
    let error = lit(&sept_deux(&nature("1", TYPES), &matiere(1, "1", "x", &matieres))).unwrap_err();
    assert_eq!(error.code(), "xml-too-many");
    let type_pj = "<a:TypePJNatureActe a:CodeTypePJ='99_DE' a:Libelle='x'/>".repeat(TYPES_PJ_MAX + 1);
    assert_eq!(lit(&sept_deux(&nature("1", &type_pj), "")).unwrap_err().code(), "xml-too-many");
    assert_eq!(lit(&sept_deux(&nature("1", "").repeat(NATURES_MAX + 1), "")).unwrap_err().code(), "xml-too-many");
}

#[test]
fn json_gives_the_same_classification_back_and_refuses_another() {
    let (classification, _) = lit(&modele()).unwrap();
    let json = classification.to_json();
    assert_eq!(
        json,
        "{\"date\":\"2019-04-18\",\"natures\":[[\"DE\",\"N1\",\"Nature 1\",[[\"99_DE\",\"Délibération\"],[\"21_RP\",\
         \"Rapport\"]]],[\"AU\",\"N6\",\"Nature 6\",[]]],\"matieres\":[[1,\"Commande publique\",[[1,\"un.un\",[[3,\
         \"trois\",[[4,\"quatre\",[[5,\"cinq\",[]]]]]]]],[10,\"Autres\",[]]]],[9,\"Autres domaines\",[[4,\
         \"Voeux et motions\",[]]]]]}"
    );
    assert_eq!(Classification::from_json(&json).unwrap(), classification);
    for (ancien, nouveau) in [
        ("\"AU\",\"N6\"", "\"DE\",\"N6\""),
        ("\"21_RP\"", "\"99_DE\""),
        ("\"21_RP\"", "\"rapport\""),
        ("[10,", "[1,"),
        ("[10,", "[-1,"),
        ("[5,\"cinq\",[]]", "[5,\"cinq\",[[6,\"six\",[]]]]"),
        ("2019-04-18", "2019-04-31"),
        ("\"matieres\"", "\"matiere\""),
        ("quatre", &"q".repeat(LIBELLE_CHARS_MAX + 1)),
        ("quatre", &"q".repeat(JSON_BYTES_MAX)),
    ] {
        assert!(json.contains(ancien), "{ancien}");
        assert!(Classification::from_json(&json.replacen(ancien, nouveau, 1)).is_err(), "{ancien}");
    }
    let sans_fin = format!("{{\"date\":\"2019-04-18\",\"natures\":[],\"matieres\":{}", "[[1,\"x\",".repeat(100_000));
    assert!(Classification::from_json(&sans_fin).is_err());
}

#[test]
fn two_versions_differ_in_what_was_added_removed_or_renamed() {
    let (ancienne, _) = lit(&modele()).unwrap();
    assert_eq!(ancienne.compare(&ancienne), []);
    let texte = modele()
        .replace("Voeux et motions", "Vœux et motions")
        .replace("21_RP", "22_RP")
        .replace("'10'", "'11'")
        .replace("2019-04-18", "2020-01-01");
    let (nouvelle, _) = lit(&texte).unwrap();
    let changement = |element, avant: Option<&str>, apres: Option<&str>| Changement {
        element,
        avant: avant.map(ToOwned::to_owned),
        apres: apres.map(ToOwned::to_owned),
    };
    assert_eq!(
        ancienne.compare(&nouvelle),
        [
            changement(Element::TypePj(Nature::De, type_pj("21_RP")), Some("Rapport"), None),
            changement(Element::TypePj(Nature::De, type_pj("22_RP")), None, Some("Rapport")),
            changement(Element::Matiere(vec![1, 10]), Some("Autres"), None),
            changement(Element::Matiere(vec![1, 11]), None, Some("Autres")),
            changement(Element::Matiere(vec![9, 4]), Some("Voeux et motions"), Some("Vœux et motions")),
        ]
    );
}
