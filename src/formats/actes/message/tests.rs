#![allow(clippy::unwrap_used)]

use greffe_events::ident::Nature;

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
fn a_receipt_stands_although_what_it_repeats_can_not_be_read() {
    let texte = String::from_utf8(ar(&format!("{ID} actes:DateReception=\"2024-03-01\""))).unwrap();
    let recu =
        &texte[texte.find("<actes:ActeRecu").unwrap()..texte.find("<actes:ClassificationDateVersionEn").unwrap()];
    let lit = |ancien: &str, nouveau: &str| {
        let lecture = read(texte.replace(ancien, nouveau).as_bytes(), jour()).unwrap();
        let codes: Vec<_> = lecture.ecarts.iter().map(super::super::Ecart::code).collect();
        let Message::ArActe(ar) = lecture.valeur else { panic!("{nouveau}") };
        (ar.acte, codes)
    };
    let (acte, codes) = lit("CodeNatureActe=\"1\"", "CodeNatureActe=\"9\"");
    let numero = "DEL2024_01".parse().unwrap();
    let attendu = ActeRecu::Partiel { date: Some(Date::constant(2024, 2, 29)), numero: Some(numero), nature: None };
    assert_eq!((acte, codes), (attendu, vec!["recu-illisible"]));
    let (acte, codes) = lit(recu, "");
    assert_eq!((acte.identite(), codes), ((None, None, None), vec!["absent"]));
}

const ID: &str = "actes:IDActe=\"045-214502494-20240229-DEL2024_01-DE\"";
const COURRIER: &str = "actes:DateCourrierPref=\"2024-03-05\"";

/// A message of a kind: attributes and content.
fn message_de(code: CodeMessage, attributs: &str, contenu: &str) -> Result<(Message, Vec<&'static str>), LectureError> {
    let racine = code.racine();
    let texte = format!("<actes:{racine} {ENTETE} {attributs}>{contenu}</actes:{racine}>");
    let lecture = read(texte.as_bytes(), jour())?;
    assert_eq!(lecture.valeur.code(), code);
    Ok((lecture.valeur, lecture.ecarts.iter().map(super::super::Ecart::code).collect()))
}

fn noms(message: &Message) -> Vec<&str> {
    message.citations().iter().map(|(_, fichier)| fichier.nom.as_str()).collect()
}

#[test]
fn every_letter_and_answer_is_read_in_its_own_form() {
    let description = "<actes:DescriptionPieces>Le plan &amp; l'avis</actes:DescriptionPieces>";
    let motif = "<actes:Motif>Illégal</actes:Motif>";
    let deux = format!("<actes:Documents>{DOCUMENT}{}</actes:Documents>", DOCUMENT.replace("halles", "plan"));
    for (code, contenu, texte, fichiers) in [
        ("2-1", DOCUMENT.to_owned(), None, &["halles.pdf"][..]),
        ("2-2", DOCUMENT.to_owned(), None, &["halles.pdf"]),
        ("3-1", format!("{description}{DOCUMENT}"), Some("Le plan & l'avis"), &["halles.pdf"]),
        ("3-2", String::new(), None, &[]),
        ("3-3", DOCUMENT.to_owned(), None, &["halles.pdf"]),
        ("3-4", deux, None, &["halles.pdf", "plan.pdf"]),
        ("4-1", format!("{motif}{DOCUMENT}"), Some("Illégal"), &["halles.pdf"]),
        ("4-2", String::new(), None, &[]),
        ("4-3", DOCUMENT.to_owned(), None, &["halles.pdf"]),
        ("4-4", DOCUMENT.to_owned(), None, &["halles.pdf"]),
    ] {
        let kind = CodeMessage::parse(code).unwrap();
        let (message, ecarts) = message_de(kind, &format!("{ID} {COURRIER}"), &contenu).unwrap();
        let courrier = message.courrier().unwrap();
        assert_eq!(courrier.reference.id_acte.valeur.as_ref().unwrap().numero.as_str(), "DEL2024_01", "{code}");
        assert_eq!(message.date_courrier(), Some(Date::constant(2024, 3, 5)), "{code}");
        assert_eq!((courrier.texte.as_deref(), noms(&message), ecarts), (texte, fichiers.to_vec(), vec![]), "{code}");
        // Nothing of it is essential: a letter that arrived must be shown, whatever it lacks.
        let (vide, ecarts) = message_de(kind, "", "").unwrap();
        let manques = 2 + usize::from(texte.is_some()) + usize::from(!fichiers.is_empty());
        assert_eq!((vide.date_courrier(), ecarts), (None, vec!["absent"; manques]), "{code}");
    }
    let anonyme = DOCUMENT.replace("halles.pdf", " ");
    let (message, ecarts) = message_de(CodeMessage::CourrierSimple, &format!("{ID} {COURRIER}"), &anonyme).unwrap();
    assert_eq!((noms(&message), ecarts), (vec![], vec!["absent", "absent"]));
    let (_, ecarts) = message_de(CodeMessage::ArLettreObservations, &format!("{ID} {COURRIER}"), DOCUMENT).unwrap();
    assert_eq!(ecarts, ["element-inconnu"]);
}

#[test]
fn a_receipt_of_an_answer_names_the_letter_and_must_say_when() {
    let infos = format!("<actes:InfosCourrierPref {ID} {COURRIER}/>");
    for code in [CodeMessage::ArPieceComplementaire, CodeMessage::ArReponseRejetLettreObservations] {
        let (message, ecarts) = message_de(code, "actes:DateReception='2024-04-02'", &infos).unwrap();
        assert_eq!((message.date_courrier(), ecarts), (Some(Date::constant(2024, 3, 5)), vec![]));
        assert!(message.id_acte().unwrap().valeur.is_some());
        let (Message::ArPieceComplementaire(ar) | Message::ArReponseRejetLettreObservations(ar)) = message else {
            panic!("{code:?}")
        };
        assert_eq!(ar.date_reception, Date::constant(2024, 4, 2));
        assert_eq!(message_de(code, "actes:DateReception='2024-04-02'", "").unwrap().1, ["absent"]);
        assert_eq!(message_de(code, "", &infos).unwrap_err().code(), "xml-missing");
        assert_eq!(message_de(code, "actes:DateReception='hier'", &infos).unwrap_err().code(), "xml-value");
    }
}

#[test]
fn the_referral_and_the_withdrawal_are_read() {
    let piece = DOCUMENT.replace("Document>", "PieceJointe>");
    let contenu = format!(
        "<actes:DateDepot>2024-05-01</actes:DateDepot><actes:NatureIllegalite>Incompétence</actes:NatureIllegalite>\
         <actes:PiecesJointes>{piece}{piece}</actes:PiecesJointes>"
    );
    let (message, ecarts) = message_de(CodeMessage::DefereTa, ID, &contenu).unwrap();
    assert_eq!((noms(&message).len(), ecarts), (2, vec![]));
    let Message::DefereTa(defere) = message else { panic!("5-1") };
    assert_eq!(defere.date_depot, Some(Date::constant(2024, 5, 1)));
    assert_eq!(defere.nature_illegalite.as_deref(), Some("Incompétence"));
    assert_eq!(message_de(CodeMessage::DefereTa, "", "").unwrap().1, ["absent"; 3]);

    let (message, ecarts) = message_de(CodeMessage::Annulation, ID, "").unwrap();
    assert_eq!((message.id_acte().unwrap().valeur.is_some(), ecarts), (true, vec![]));
    let attributs = format!("{ID} actes:DateReception='2024-05-02'");
    let (message, _) = message_de(CodeMessage::ArAnnulation, &attributs, "").unwrap();
    assert!(matches!(message, Message::ArAnnulation(ar) if ar.date_reception == Date::constant(2024, 5, 2)));
    assert_eq!(message_de(CodeMessage::ArAnnulation, ID, "").unwrap_err().code(), "xml-missing");
}

#[test]
fn an_anomaly_is_read_by_its_number_and_nothing_else_is_essential() {
    let recu = format!(
        "<actes:ActeRecu {ATTRIBUTS}>{MATIERES}{OBJET}{CLASSIFICATION}{DOCUMENT}{ANNEXES}{PAPIER}</actes:ActeRecu>"
    );
    let en_cours = "<actes:ClassificationDateVersionEnCours>2024-01-01</actes:ClassificationDateVersionEnCours>";
    let anomalie = |nature: &str, recu: &str| {
        let contenu =
            format!("<actes:Date>2024-03-02</actes:Date>{nature}<actes:Detail>Non</actes:Detail>{recu}{en_cours}");
        message_de(CodeMessage::AnomalieActe, "", &contenu).map(|(message, ecarts)| match message {
            Message::AnomalieActe(anomalie) => (*anomalie, ecarts),
            other => panic!("{other:?}"),
        })
    };
    for (nature, code, ecarts) in [
        ("002", 2, vec![]),
        ("999", 999, vec![]),
        ("042", 42, vec![]),
        ("2", 2, vec!["nature-anomalie"]),
        (" 42\n", 42, vec!["nature-anomalie"]),
        ("0002", 2, vec!["nature-anomalie"]),
    ] {
        let (lue, trouves) = anomalie(&format!("<actes:Nature>{nature}</actes:Nature>"), &recu).unwrap();
        assert_eq!((lue.nature, trouves), (code, ecarts), "{nature}");
        assert_eq!((lue.date, lue.detail.as_deref()), (Some(Date::constant(2024, 3, 2)), Some("Non")));
        assert_eq!(lue.acte.entier().unwrap().numero.as_str(), "DEL2024_01");
    }
    for nature in ["ERREUR2", "", "+2", "-1", "1000", "2.0", "99999999999"] {
        let error = anomalie(&format!("<actes:Nature>{nature}</actes:Nature>"), &recu).unwrap_err();
        assert_eq!(error.code(), "anomalie-nature-illisible", "{nature}");
        assert!(error.to_string().contains(nature));
    }
    assert_eq!(anomalie("", &recu).unwrap_err().code(), "xml-missing");
    let sans_document = recu.replace(DOCUMENT, "");
    let (lue, ecarts) = anomalie("<actes:Nature>001</actes:Nature>", &sans_document).unwrap();
    assert!(lue.acte.entier().is_none() && lue.acte.identite().0.is_some());
    assert_eq!(ecarts, ["recu-illisible"]);
}

#[test]
fn an_envelope_that_is_refused_may_be_unreadable_itself() {
    let insee = "xmlns:i='http://xml.insee.fr/schema'";
    let recue = format!(
        "<actes:EnveloppeRecue {insee}><actes:Emetteur><actes:IDCL i:SIREN='214502494' actes:Departement='045' \
         actes:Arrondissement='1' actes:Nature='31'/></actes:Emetteur><actes:AdressesRetour><actes:Email>a@b.fr\
         </actes:Email></actes:AdressesRetour><actes:FormulairesEnvoyes><actes:Formulaire><actes:NomFichier>m.xml\
         </actes:NomFichier></actes:Formulaire></actes:FormulairesEnvoyes></actes:EnveloppeRecue>"
    );
    for (nature, recue, lisible, ecarts) in [
        ("005", recue.as_str(), true, vec![]),
        ("5", &recue, true, vec![]),
        ("999", &recue, true, vec!["nature-anomalie"]),
        ("100", &recue.replace("m.xml", ""), false, vec!["recu-illisible"]),
        ("100", "", false, vec!["recu-illisible"]),
    ] {
        let contenu = format!("<actes:Date>2024-03-02</actes:Date><actes:Nature>{nature}</actes:Nature>{recue}");
        let (message, trouves) = message_de(CodeMessage::AnomalieEnveloppe, "", &contenu).unwrap();
        assert_eq!((noms(&message).len(), trouves), (usize::from(lisible), ecarts), "{nature}");
        let Message::AnomalieEnveloppe(anomalie) = message else { panic!("ANO") };
        assert_eq!(anomalie.enveloppe.is_some(), lisible);
    }
}

#[test]
fn requests_and_answers_about_the_classification_carry_a_date() {
    let date = "<actes:DateClassification>2024-01-01</actes:DateClassification>";
    let jour = Some(Date::constant(2024, 1, 1));
    for (code, contenu, attendue, ecarts) in [
        (CodeMessage::DemandeClassification, date, jour, vec![]),
        (CodeMessage::DemandeClassification, "", None, vec![]),
        (CodeMessage::ReponseClassificationSansChangement, date, jour, vec![]),
        (CodeMessage::ReponseClassificationSansChangement, "", None, vec!["absent"]),
    ] {
        let (message, trouves) = message_de(code, "", contenu).unwrap();
        assert_eq!(trouves, ecarts, "{code:?}");
        let (Message::DemandeClassification(lue) | Message::ReponseClassificationSansChangement(lue)) = message else {
            panic!("{code:?}")
        };
        assert_eq!(lue, attendue);
    }
}

#[test]
fn lists_without_end_are_refused() {
    let annexes = format!("<actes:Annexes>{}</actes:Annexes>", "<actes:Annexe/>".repeat(FICHIERS_MAX + 1));
    let error = read(&gen2(&[(ANNEXES, &annexes)]), jour()).unwrap_err();
    assert_eq!(error.code(), "xml-too-many", "{error}");
}

#[test]
fn codes_are_those_of_the_schema() {
    assert_eq!(CodeMessage::parse("4-5"), Some(CodeMessage::ArReponseRejetLettreObservations));
    assert_eq!(CodeMessage::parse("ANO"), None);
    let etat: Vec<_> = CodeMessage::ALL.iter().filter(|c| c.est_de_l_etat()).map(|c| c.as_str()).collect();
    assert_eq!(etat, ["1-2", "1-3", "2-1", "3-1", "3-5", "4-1", "4-5", "5-1", "6-2", "7-2", "7-3", "ANO"]);
}
