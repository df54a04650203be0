#![allow(clippy::unwrap_used)]

use super::*;
use crate::formats::actes::Severite;

const ENTETE: &str = "xmlns:actes=\"http://www.interieur.gouv.fr/ACTES#v1.1-20040216\" \
                      xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

const ATTRIBUTS: &str = "actes:Date=\"2024-02-29\" actes:NumeroInterne=\"DEL2024_01\" actes:CodeNatureActe=\"1\"";
const MATIERES: &str = "<actes:CodeMatiere1 actes:CodeMatiere=\"9\"/><actes:CodeMatiere2 actes:CodeMatiere=\"1\"/>";
const OBJET: &str = "<actes:Objet>Tarifs du marché &amp; des halles</actes:Objet>";
const CLASSIFICATION: &str = "<actes:ClassificationDateVersion>2023-06-01</actes:ClassificationDateVersion>";
const DOCUMENT: &str = "<actes:Document><actes:NomFichier>halles.pdf</actes:NomFichier></actes:Document>";
const ANNEXES: &str = "<actes:Annexes actes:Nombre=\"0\"/>";
const PAPIER: &str = "<actes:DocumentPapier>N</actes:DocumentPapier>";

fn jour() -> Date {
    Date::constant(2026, 11, 20)
}

/// The sample with some of its parts replaced.
fn gen2(remplace: &[(&str, &str)]) -> Vec<u8> {
    let mut texte = format!(
        "<actes:Acte {ENTETE} {ATTRIBUTS}>{MATIERES}{OBJET}{CLASSIFICATION}{DOCUMENT}{ANNEXES}{PAPIER}</actes:Acte>"
    );
    for (ancien, nouveau) in remplace {
        assert!(texte.contains(ancien), "{ancien}");
        texte = texte.replace(ancien, nouveau);
    }
    texte.into_bytes()
}

fn lit_acte(octets: &[u8]) -> (Acte, Vec<&'static str>) {
    let lecture = read(octets, jour()).unwrap();
    let codes = lecture.ecarts.iter().map(super::super::Ecart::code).collect();
    match lecture.valeur {
        Message::Acte(acte) => (*acte, codes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_act_of_the_second_generation_is_read_whole() {
    let (acte, codes) = lit_acte(&gen2(&[]));
    assert_eq!(codes, [""; 0]);
    assert_eq!(acte.generation, Generation::Gen2);
    assert_eq!((acte.date, acte.numero.as_str(), acte.nature), (Date::constant(2024, 2, 29), "DEL2024_01", Nature::De));
    assert_eq!(acte.matieres.code(), "9.1");
    assert_eq!(acte.objet, "Tarifs du marché & des halles");
    assert_eq!(acte.classification_date, Some(Date::constant(2023, 6, 1)));
    assert_eq!((acte.document.nom.as_str(), acte.annexes.len()), ("halles.pdf", 0));
    assert_eq!(acte.document_papier, Some(false));
}

#[test]
fn the_first_generation_has_no_paper_and_freer_numbers() {
    let (acte, codes) = lit_acte(&gen2(&[(PAPIER, ""), ("DEL2024_01", "2024-01 b")]));
    assert_eq!(acte.generation, Generation::Gen1);
    assert_eq!((acte.numero.as_str(), acte.numero_brut.as_str()), ("2024_01_b", "2024-01 b"));
    assert_eq!(codes, ["numero-hors-forme"]);
    let type_pj = "99_DE-045-214502494-20240229-DEL2024_01-DE-1-1_1.pdf";
    let (acte, codes) = lit_acte(&gen2(&[(PAPIER, ""), ("halles.pdf", type_pj)]));
    assert_eq!((acte.generation, codes.as_slice()), (Generation::Gen2, &["document-papier-absent"][..]));
}

#[test]
fn the_encoding_that_decided_is_said() {
    let octets = |encodage: &str, euro: &[u8]| {
        let texte = String::from_utf8(gen2(&[("marché &amp; des halles", "XX")])).unwrap();
        let texte = format!("<?xml version='1.0' encoding='{encodage}'?>{texte}");
        let (avant, apres) = texte.split_once("XX").unwrap();
        [avant.as_bytes(), euro, apres.as_bytes()].concat()
    };
    for (encodage, euro, attendu, codes) in [
        ("ISO-8859-1", &b"\xe9"[..], "é", vec![]),
        ("ISO-8859-1", b"\x80", "€", vec!["encodage-windows-1252"]),
        ("windows-1252", b"\x80", "€", vec![]),
        ("UTF-8", "€".as_bytes(), "€", vec![]),
    ] {
        let (acte, trouves) = lit_acte(&octets(encodage, euro));
        assert_eq!((acte.objet, trouves), (format!("Tarifs du {attendu}"), codes), "{encodage}");
    }
}

#[test]
fn every_way_to_say_paper_is_understood() {
    for (contenu, expected, codes) in [
        ("<actes:DocumentPapier>O</actes:DocumentPapier>", Some(true), vec![]),
        ("<actes:DocumentPapier>1</actes:DocumentPapier>", Some(true), vec![]),
        ("<actes:DocumentPapier> n </actes:DocumentPapier>", Some(false), vec![]),
        ("<actes:DocumentPapier>0</actes:DocumentPapier>", Some(false), vec![]),
        ("<actes:DocumentPapier/>", None, vec![]),
        ("<actes:DocumentPapier xsi:nil=\"true\"/>", None, vec![]),
        ("<actes:DocumentPapier>bientôt</actes:DocumentPapier>", None, vec!["document-papier-inconnu"]),
    ] {
        let (acte, trouves) = lit_acte(&gen2(&[(PAPIER, contenu)]));
        assert_eq!((acte.document_papier, acte.generation), (expected, Generation::Gen2), "{contenu}");
        assert_eq!(trouves, codes, "{contenu}");
    }
}

#[test]
fn what_deviates_is_read_and_said() {
    let long = format!("<actes:Objet>{}</actes:Objet>", "é".repeat(501));
    let deux = format!("{DOCUMENT}<actes:Document><actes:NomFichier>b.pdf</actes:NomFichier></actes:Document>");
    let niveau_5 = format!("{MATIERES}<actes:CodeMatiere5 actes:CodeMatiere=\"3\"/>");
    let ordre = "045-214502494-20240229-DEL2024_01-DE-1-1_12345.pdf";
    let cases: &[(&str, &str, &[&str])] = &[
        (OBJET, &long, &["objet-long"]),
        (OBJET, "", &["absent"]),
        (MATIERES, "", &["absent", "absent"]),
        (MATIERES, &niveau_5, &["matiere-niveau-saute"]),
        ("CodeMatiere=\"9\"", "CodeMatiere=\"neuf\"", &["illisible"]),
        (CLASSIFICATION, "", &["absent"]),
        ("2023-06-01", "juin 2023", &["illisible"]),
        ("2023-06-01", "2023-06-01+02:00", &["date-avec-fuseau"]),
        ("2024-02-29", "2026-11-21", &["date-future"]),
        ("2024-02-29", "2026-11-20", &[]),
        ("Nombre=\"0\"", "Nombre=\"2\"", &["nombre-annexes"]),
        ("Nombre=\"0\"", "Nombre=\"-1\"", &["illisible"]),
        (ANNEXES, "", &["absent"]),
        (DOCUMENT, &deux, &["element-repete"]),
        ("halles.pdf", ordre, &["ordre-long"]),
        (PAPIER, "<actes:DocumentPapier/><actes:Surprise/>", &["element-inconnu"]),
        ("actes:Date=", "Date=", &["attribut-sans-espace"]),
        (
            CLASSIFICATION,
            "<actes:ClassificationDateVersion>2023-06-01</actes:ClassificationDateVersion>\
            <actes:PrecedentIdentifiantActe actes:IDActe=\"nul\"/>",
            &["illisible"],
        ),
    ];
    for (ancien, nouveau, codes) in cases {
        assert_eq!(&lit_acte(&gen2(&[(ancien, nouveau)])).1, codes, "{nouveau}");
    }
    assert!(Motif::Absent.severite() < Motif::DateFuture(jour()).severite());
    assert_eq!(Motif::NonReference.severite(), Severite::Anomalie);
}

#[test]
fn without_its_essentials_it_is_no_act() {
    let sans_racine = "<Acte/>".to_owned().into_bytes();
    for (octets, code, chemin) in [
        (gen2(&[("actes:Date=\"2024-02-29\"", "")]), "xml-missing", "Acte/@Date"),
        (gen2(&[("actes:NumeroInterne=\"DEL2024_01\"", "")]), "xml-missing", "Acte/@NumeroInterne"),
        (gen2(&[("actes:CodeNatureActe=\"1\"", "")]), "xml-missing", "Acte/@CodeNatureActe"),
        (gen2(&[(DOCUMENT, "")]), "xml-missing", "Acte/Document"),
        (gen2(&[("halles.pdf", " ")]), "xml-missing", "Acte/Document/NomFichier"),
        (gen2(&[("2024-02-29", "2024-02-30")]), "xml-value", "Acte/@Date"),
        (gen2(&[("CodeNatureActe=\"1\"", "CodeNatureActe=\"7\"")]), "nature-inconnue", "Acte/@CodeNatureActe"),
        (gen2(&[("CodeNatureActe=\"1\"", "CodeNatureActe=\"DE\"")]), "nature-inconnue", "Acte/@CodeNatureActe"),
        (gen2(&[("DEL2024_01", "DEL2024_01234567")]), "numero-illisible", "Acte/@NumeroInterne"),
        (gen2(&[("actes:Acte", "actes:Actes")]), "xml-racine", "Actes"),
        (gen2(&[("#v1.1-20040216", "#v9")]), "xml-racine", "v9"),
        (sans_racine, "xml-racine", "Acte"),
    ] {
        let error = read(&octets, jour()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(chemin), "{error}");
    }
}

#[test]
fn signatures_are_kept_as_they_stand() {
    let signe = |contenu: &str| {
        let fin = format!("</actes:NomFichier><actes:Signature>{contenu}</actes:Signature></actes:Document>");
        lit_acte(&gen2(&[("</actes:NomFichier></actes:Document>", &fin)])).0.document.signature.unwrap()
    };
    assert_eq!(signe("MIIB\n&#43;"), Signature::Texte("MIIB\n+".to_owned()));
    let xades = "\n<ds:Signature xmlns:ds=\"urn:x\"><ds:Value>é</ds:Value></ds:Signature> ";
    assert_eq!(signe(xades), Signature::Xml(xades.to_owned()));
    assert_eq!(signe(xades).taille_octets(), xades.len());
    assert_eq!(signe(""), Signature::Texte(String::new()));
}

#[test]
fn cdata_and_comments_do_not_cut_the_object() {
    let (acte, _) = lit_acte(&gen2(&[("marché &amp; des", "mar<!-- x -->ché <![CDATA[& ]]>des")]));
    assert_eq!(acte.objet, "Tarifs du marché & des halles");
}

fn ar(attributs: &str) -> Vec<u8> {
    format!(
        "<actes:ARActe {ENTETE} {attributs}><actes:ActeRecu {ATTRIBUTS}>{MATIERES}{OBJET}{CLASSIFICATION}{DOCUMENT}\
         {ANNEXES}{PAPIER}</actes:ActeRecu><actes:ClassificationDateVersionEnCours>2023-06-01\
         </actes:ClassificationDateVersionEnCours></actes:ARActe>"
    )
    .into_bytes()
}

#[test]
fn a_receipt_names_its_act_or_says_that_it_does_not() {
    let id = "actes:IDActe=\"045-214502494-20240229-DEL2024_01-DE\"";
    let date = "actes:DateReception=\"2024-03-01\"";
    for (attributs, lisible, codes) in [
        (format!("{id} {date}"), true, vec![]),
        (date.to_owned(), false, vec!["absent"]),
        (format!("{} {date}", id.replace("0229", "0228")), true, vec!["id-acte-contenu"]),
        (format!("{} {date}", id.replace("_01-DE", "_02-AR")), true, vec!["id-acte-contenu", "id-acte-contenu"]),
        (format!("{} {date}", id.replace("214502494", "214502495")), false, vec!["siren-invalide"]),
        (format!("{} {date}", id.replace("-DE", "-XX")), false, vec!["illisible"]),
    ] {
        let lecture = read(&ar(&attributs), jour()).unwrap();
        let trouves: Vec<_> = lecture.ecarts.iter().map(super::super::Ecart::code).collect();
        assert_eq!(trouves, codes, "{attributs}");
        let Message::ArActe(ar) = lecture.valeur else { panic!("{attributs}") };
        assert_eq!(ar.id_acte.valeur.is_some(), lisible, "{attributs}");
        assert_eq!(ar.date_reception, Date::constant(2024, 3, 1));
    }
    assert_eq!(read(&ar(id), jour()).unwrap_err().code(), "xml-missing");
}

#[test]
fn every_other_message_is_recognised_by_its_root() {
    for code in CodeMessage::ALL.iter().copied().filter(|c| !matches!(c, CodeMessage::Acte | CodeMessage::ArActe)) {
        let octets = format!(
            "<actes:{0} {ENTETE} actes:IDActe='045-214502494-20240229-N1-DE'><actes:NomFichier> a.pdf\n\
             </actes:NomFichier></actes:{0}>",
            code.racine()
        );
        let lecture = read(octets.as_bytes(), jour()).unwrap();
        let Message::Autre { code: trouve, racine, id_acte, fichiers } = lecture.valeur else { panic!("{code:?}") };
        assert_eq!((trouve, racine.as_str()), (code, code.racine()));
        assert!(id_acte.unwrap().valeur.is_some());
        assert_eq!(fichiers, ["a.pdf"]);
    }
    assert_eq!(CodeMessage::parse("4-5"), Some(CodeMessage::ArReponseRejetLettreObservations));
    assert_eq!(CodeMessage::parse("ANO"), None);
}
