#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn names_seen_in_the_field_are_read_and_written_back() {
    for nom in [
        "SLO-EACT--214502494--20170717-5.tar.gz",
        "EACT--214502494--20170717-6.xml",
        "TACT--SPREF0011-000000000-20170721-4.xml",
        "EACT--PREF02A-214400152-20181012-9999.xml",
        "ANO_EACT--210703385--20170612-2.xml",
        "034-491011698-20171207-CL20171227_06-DE-1-1_0.xml",
        "034-491011698-20171207-CL20171227_06-DE-1-2.xml",
        "32_DP-034-491011698-20171207-CL20171227_06-DE-1-1_1.pdf",
        "006-210600235-20180522-684-AI-1-2_5279.xml",
        "044-214400152----1-3_1.xml",
        "--20171231-X-AU-7-3_1.xml",
    ] {
        assert!(is_normalise(nom), "{nom}");
    }
    let nom = NomFichier::parse("999-1234----7-2_1.xml").unwrap();
    assert_eq!((nom.siren, nom.code, nom.ordre), (None, CodeMessage::RetourClassification, Some(1)));
    let nom = NomFichier::parse("99_DE-044-214400152-20181012-2018-12-A-DE-1-1_12345.pdf").unwrap();
    assert_eq!(nom.numero.as_deref(), Some("2018-12-A"));
    assert_eq!(nom.ordre, Some(12_345));
}

#[test]
fn a_name_that_could_hold_a_person_is_not_normalised() {
    for nom in [
        "Arrêté Camille Exemple.pdf",
        "034-491011698-20171207-Camille Exemple-DE-1-1_1.pdf",
        "034-491011698-20171207-Camille-Exemple-DE-1-1_1.pdf",
        "034-491011698-20171207-N1-DE-1-1_Camille.pdf",
        "034-491011698-20171207-N1-DE-1-1_1.camille",
        "Camille-491011698-20171207-N1-DE-1-1_1.pdf",
        "034-Camille-20171207-N1-DE-1-1_1.pdf",
        "034-491011698-Camille-N1-DE-1-1_1.pdf",
        "034-491011698-20171207-N1-Camille-1-1_1.pdf",
        "034-491011698-20171207-N1-DE-1-1_01.pdf",
        "034-491011698-20171207-N1-DE-1-1_12345.pdf",
        "99_DE-99_DE-034-491011698-20171207-N1-DE-1-1_1.pdf",
        "EACT--CAMILLE0441-214400152-20181012-9.xml",
        "EACT--214502494--20170717-06.xml",
        "EACT--214502494--20170717-10000.xml",
        "EACT--214502494--20170717-0.xml",
        "999-1234----7-2_1.xml",
        "",
    ] {
        assert!(!is_normalise(nom), "{nom}");
    }
}

#[test]
fn serials_start_again_each_day_and_end_at_9999() {
    let date = |texte: &str| compact_date(texte).unwrap();
    let serie = |n| Serie::new(n).unwrap();
    let jour = date("20261231");
    assert_eq!(Serie::suivante(None, jour), Ok(serie(1)));
    assert_eq!(Serie::suivante(Some((jour, serie(41))), jour), Ok(serie(42)));
    assert_eq!(Serie::suivante(Some((jour, serie(41))), date("20270101")), Ok(serie(1)));
    assert_eq!(Serie::suivante(Some((jour, serie(SERIE_MAX))), jour), Err(SerieError::Epuisee { jour }));
    let demain = date("20270101");
    // A clock that went back must not make a name twice.
    let error = Serie::suivante(Some((demain, serie(1))), jour).unwrap_err();
    assert_eq!((error, error.code()), (SerieError::JourPasse { jour, derniere: demain }, "serie-jour-passe"));
}

#[test]
fn the_last_days_of_december_keep_their_calendar_year() {
    // ISO weeks put 2024-12-30 into 2025 and 2027-01-01 into 2026.
    for jour in ["20241229", "20241230", "20241231", "20251229", "20251231", "20270101"] {
        let nom = format!("SLO-EACT--214502494--{jour}-1.tar.gz");
        assert_eq!(NomArchive::parse(&nom).unwrap().to_string(), nom);
        let id: IdActe = format!("045-214502494-{jour}-N1-DE").parse().unwrap();
        let nom = NomFichier::new(&id, None, CodeMessage::Acte, 0, "xml").to_string();
        assert_eq!(nom, format!("045-214502494-{jour}-N1-DE-1-1_0.xml"));
    }
}

proptest! {
    #[test]
    fn no_name_makes_the_readers_fail(nom in "\\PC{0,80}|[A-Z0-9_.-]{0,80}|[0-9-]{0,30}-1-1_[0-9]{0,12}\\.pdf") {
        let _ = NomFichier::parse(&nom);
        let _ = NomArchive::parse(&nom);
        if is_normalise(&nom) {
            prop_assert!(nom.is_ascii());
        }
    }

    #[test]
    fn written_names_are_read_back(numero in "[A-Za-z0-9_]{1,15}", ordre in 0u32..=ORDRE_MAX, typed: bool) {
        let id: IdActe = format!("02A-214502494-20240229-{numero}-CC").parse().unwrap();
        let type_pj = typed.then(|| TypePj::new("99_DC").unwrap());
        let nom = NomFichier::new(&id, type_pj, CodeMessage::Acte, ordre, "pdf");
        prop_assert_eq!(NomFichier::parse(&nom.to_string()).unwrap(), nom.clone());
        prop_assert!(is_normalise(&nom.to_string()));
    }
}
