//! ACTES against files of the field and the ministry's schema, which live outside the project.
//!
//! `GREFFE_FIXTURES` names their folder; without it each test says on stderr that it was skipped. The outcomes are
//! those that the tests of S²LOW, Stela and Pastell state for the same files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use greffe::formats::actes::archive::{self, Entree};
use greffe::formats::actes::enveloppe::{
    self, Autorite, Enveloppe, EnveloppeClMisill, EnveloppeMisillCl, IdCl, Referent,
};
use greffe::formats::actes::lecture::{LectureError, Lu};
use greffe::formats::actes::lot::{Lot, LotError};
use greffe::formats::actes::message::{
    self, Acte, ArActe, CodeMessage, FichierSigne, Generation, Matieres, Message, Signature,
};
use greffe::formats::actes::{Ecart, Severite, ecriture, nom};
use greffe_events::ident::{Departement, IdActe, Nature, Siren};
use jiff::civil::Date;

const JOUR: Date = Date::constant(2026, 11, 20);

/// The fixtures, or one line that says why not.
fn fixtures(test: &str) -> Option<PathBuf> {
    let dossier = std::env::var_os("GREFFE_FIXTURES").map(PathBuf::from);
    if dossier.is_none() {
        eprintln!("skipped: GREFFE_FIXTURES is not set ({test})");
    }
    dossier
}

fn codes(ecarts: &[Ecart]) -> Vec<&'static str> {
    ecarts.iter().map(Ecart::code).collect()
}

#[test]
fn every_message_of_the_field_is_read_or_recognised() {
    let Some(dossier) = fixtures("every_message_of_the_field_is_read_or_recognised") else { return };
    let anomalie = "034-000000000-20170701-20170721D-AI-1-3_0.xml";
    let ar_stela = "stela/006-210600235-20180522-684-AI-1-2_5279.xml";
    // File, code, generation where it is read, deviations.
    let cases: &[(&str, &str, Option<Generation>, &[&str])] = &[
        ("s2low/ok/045-214502494-20170717-D201717-DE-1-1_0.xml", "1-1", Some(Generation::Gen1), &[]),
        ("s2low/fichier-metier-signe.xml", "1-1", Some(Generation::Gen1), &[]),
        (
            "s2low/test-archive-MISILCL/034-000000000-20170701-20170721D-AI-1-2_0.xml",
            "1-2",
            Some(Generation::Gen1),
            &[],
        ),
        ("s2low/ar/001-000000000-20170130-TEST42-DE-1-2_0.xml", "1-2", Some(Generation::Gen1), &[]),
        ("s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml", "ANO", None, &[]),
        (&format!("s2low/test-message-anomalie/{anomalie}"), "1-3", None, &[]),
        (&format!("s2low/test-message-anomalie-avec-erreur/{anomalie}"), "1-3", None, &[]),
        (&format!("s2low/test-message-anomalie-avec-erreur-mal-presentee/{anomalie}"), "1-3", None, &[]),
        ("s2low/test-courrier-simple/034-000000000-20170701-20170725A-AI-2-1_0.xml", "2-1", None, &[]),
        ("s2low/test-courrier-simple-renumerote/034-000000000-20170701-20170725A-AI-2-1_17.xml", "2-1", None, &[]),
        ("s2low/test-defere-ta/034-000000000-20170701-20170725A-AI-5-1_0.xml", "5-1", None, &[]),
        ("s2low/reponses/001-000000000-20170130-TEST42-DE-3-3_0.xml", "3-3", None, &[]),
        ("s2low/reponses/001-000000000-20170130-TEST42-DE-3-4_0.xml", "3-4", None, &[]),
        ("s2low/classification/classification.xml", "7-2", None, &[]),
        (ar_stela, "1-2", Some(Generation::Gen2), &[]),
        ("stela/044-214400152----1-3_1.xml", "1-3", None, &[]),
        ("stela/exemple_codes_matieres.xml", "7-2", None, &[]),
        ("pastell/034-491011698-20171207-CL20171227_06-DE-1-1_0.xml", "1-1", Some(Generation::Gen2), &[]),
        ("pastell/034-491011698-20171207-CL20171227_06-DE-1-2.xml", "1-2", Some(Generation::Gen2), &[]),
        ("pastell/actes-generique-aractes.xml", "1-2", Some(Generation::Gen2), &[]),
        ("pastell/999-1234----7-2_1.xml", "7-2", None, &[]),
        ("pastell/999-1234----7-2_7.xml", "7-2", None, &[]),
        ("pastell/classification-exemple.xml", "7-2", None, &[]),
        ("pastell/actes-generique-classification.xml", "7-2", None, &[]),
        ("pastell/faketdt-classification.xml", "7-2", None, &[]),
    ];
    for (chemin, code, generation, ecarts) in cases {
        let octets = fs::read(dossier.join("actes").join(chemin)).expect(chemin);
        let lecture = message::read(&octets, JOUR).unwrap_or_else(|e| panic!("{chemin}: {e}"));
        assert_eq!(lecture.valeur.code().as_str(), *code, "{chemin}");
        let lue = match &lecture.valeur {
            Message::Acte(acte) => Some(acte.generation),
            Message::ArActe(ar) => Some(ar.acte.generation),
            Message::Autre { .. } => None,
        };
        assert_eq!(lue, *generation, "{chemin}");
        assert_eq!(codes(&lecture.ecarts), *ecarts, "{chemin}");
    }
}

#[test]
fn what_is_no_message_of_actes_is_refused_by_its_root() {
    let Some(dossier) = fixtures("what_is_no_message_of_actes_is_refused_by_its_root") else { return };
    let octets = fs::read(dossier.join("actes/s2low/sae/reply-refus-sae.xml")).unwrap();
    let error = message::read(&octets, JOUR).unwrap_err();
    assert!(matches!(&error, LectureError::Racine { racine, .. } if racine == "ArchiveTransferReply"), "{error}");
}

fn lit_message(dossier: &std::path::Path, chemin: &str) -> Message {
    message::read(&fs::read(dossier.join("actes").join(chemin)).unwrap(), JOUR).unwrap().valeur
}

#[test]
fn the_values_of_known_messages_are_those_written_in_them() {
    let Some(dossier) = fixtures("the_values_of_known_messages_are_those_written_in_them") else { return };
    let Message::Acte(signe) = lit_message(&dossier, "s2low/fichier-metier-signe.xml") else { panic!("1-1") };
    assert_eq!(signe.document.signature, Some(Signature::Texte("ma signature".to_owned())));

    let Message::ArActe(ar) = lit_message(&dossier, "s2low/ar/001-000000000-20170130-TEST42-DE-1-2_0.xml") else {
        panic!("1-2")
    };
    assert_eq!((ar.acte.matieres.code().as_str(), ar.acte.annexes.len()), ("1.3.4", 2));
    assert_eq!(ar.acte.objet, "test de télétransmission");
    assert_eq!(ar.date_reception, Date::constant(2017, 6, 16));

    let stela = "stela/006-210600235-20180522-684-AI-1-2_5279.xml";
    let Message::ArActe(ar) = lit_message(&dossier, stela) else { panic!("1-2") };
    assert_eq!(ar.id_acte.valeur.unwrap().to_string(), "006-210600235-20180522-684-AI");
    assert_eq!(ar.acte.document_papier, Some(false), "written 0");
    assert!(ar.acte.objet.starts_with("Contrat à durée déterminée"), "ISO-8859-1");

    let pastell = "pastell/034-491011698-20171207-CL20171227_06-DE-1-1_0.xml";
    let Message::Acte(acte) = lit_message(&dossier, pastell) else { panic!("1-1") };
    assert_eq!((acte.document_papier, acte.nature), (Some(false), Nature::De));
    assert_eq!(acte.objet, "Fichier signé parapheur");
}

#[test]
fn envelopes_of_the_field_are_read_without_deviation() {
    let Some(dossier) = fixtures("envelopes_of_the_field_are_read_without_deviation") else { return };
    for (chemin, siren, retours) in [
        ("s2low/ok/EACT--214502494--20170717-6.xml", "214502494", 1),
        ("s2low/script-actes/TACT--000000000--20181024-3.xml", "000000000", 4),
        ("s2low/test-archive-MISILCL/TACT--SPREF0011-000000000-20170721-4.xml", "000000000", 0),
        ("s2low/test-courrier-simple-renumerote/TACT--SPREF0011-000000000-20170725-1.xml", "000000000", 0),
        ("s2low/test-defere-ta/TACT--SPREF0011-000000000-20170725-4.xml", "000000000", 0),
        ("stela/EACT--SPREF0441-214400152-20181012-9.xml", "214400152", 0),
    ] {
        let lecture = enveloppe::read(&fs::read(dossier.join("actes").join(chemin)).unwrap()).expect(chemin);
        assert_eq!(codes(&lecture.ecarts), [""; 0], "{chemin}");
        assert_eq!(lecture.valeur.siren().valeur.unwrap().as_str(), siren, "{chemin}");
        if let Enveloppe::ClMisill(cl) = lecture.valeur {
            assert_eq!(cl.courriels_retour.len(), retours, "{chemin}");
        } else {
            assert_eq!(retours, 0, "{chemin}");
        }
        assert!(nom::is_normalise(chemin.rsplit('/').next().unwrap()), "{chemin}");
    }
}

/// Files of a fixture folder, and made-up ones, through a real archive.
fn lot(dossier: &std::path::Path, chemins: &[&str], inventes: &[&str]) -> Result<Lot, LotError> {
    let lus = chemins.iter().map(|chemin| Entree {
        nom: chemin.rsplit('/').next().unwrap().to_owned(),
        octets: fs::read(dossier.join("actes").join(chemin)).unwrap(),
    });
    let inventes = inventes.iter().map(|nom| Entree { nom: (*nom).to_owned(), octets: b"%PDF-1.4".to_vec() });
    let mut octets = Vec::new();
    archive::write(&lus.chain(inventes).collect::<Vec<_>>(), 0, &mut octets).unwrap();
    Lot::from_entries(archive::read(octets.as_slice()).unwrap(), JOUR)
}

#[test]
fn archives_put_together_from_the_field_are_whole_submissions() {
    let Some(dossier) = fixtures("archives_put_together_from_the_field_are_whole_submissions") else { return };
    let acte = ["s2low/ok/EACT--214502494--20170717-6.xml", "s2low/ok/045-214502494-20170717-D201717-DE-1-1_0.xml"];
    let pdf = "045-214502494-20170717-D201717-DE-1-1_1.pdf";
    let depot = lot(&dossier, &acte, &[pdf]).unwrap();
    let message = &depot.messages[0];
    // The names say DE, the XML says 4: the XML decides.
    assert_eq!(message.id_acte.as_ref().unwrap().to_string(), "045-214502494-20170717-D201717-CC");
    assert_eq!((codes(&message.ecarts), message.ecarts[0].severite()), (vec!["nom-different"], Severite::Remarque));
    assert_eq!((message.documents.len(), depot.autres.len()), (1, 0));
    let sans_pdf = lot(&dossier, &acte, &[]).unwrap_err();
    assert_eq!(sans_pdf.code(), "fichier-manquant");
    assert!(sans_pdf.to_string().contains(pdf));

    let id = "034-000000000-20170701-20170721D-AI";
    let d = "s2low/test-archive-MISILCL";
    let ar =
        lot(&dossier, &[&format!("{d}/TACT--SPREF0011-000000000-20170721-4.xml"), &format!("{d}/{id}-1-2_0.xml")], &[])
            .unwrap();
    assert_eq!(ar.messages[0].id_acte.as_ref().unwrap().to_string(), id);
    assert_eq!(codes(&ar.messages[0].ecarts), [""; 0]);

    for (d, envoi, message, pdf, code) in [
        ("test-courrier-simple", "20170725-1", "2-1_0", "2-1_1", CodeMessage::CourrierSimple),
        ("test-courrier-simple-renumerote", "20170725-1", "2-1_17", "2-1_16", CodeMessage::CourrierSimple),
        ("test-defere-ta", "20170725-4", "5-1_0", "5-1_1", CodeMessage::DefereTa),
    ] {
        let id = "034-000000000-20170701-20170725A-AI";
        let enveloppe = format!("s2low/{d}/TACT--SPREF0011-000000000-{envoi}.xml");
        let message = format!("s2low/{d}/{id}-{message}.xml");
        let lot = lot(&dossier, &[&enveloppe, &message], &[&format!("{id}-{pdf}.pdf")]).unwrap();
        let message = &lot.messages[0];
        assert_eq!((message.message.code(), message.documents.len()), (code, 1), "{d}");
        assert_eq!(message.id_acte.as_ref().unwrap().to_string(), id, "{d}");
    }

    let anomalie = [
        "s2low/test-message-anomalie-avec-erreur/TACT--SPREF0011-000000000-20170721-4.xml",
        "s2low/test-message-anomalie-avec-erreur/034-000000000-20170701-20170721D-AI-1-3_0.xml",
    ];
    assert_eq!(lot(&dossier, &anomalie, &[]).unwrap().messages[0].message.code(), CodeMessage::AnomalieActe);
    let stela = ["stela/EACT--SPREF0441-214400152-20181012-9.xml", "stela/044-214400152----1-3_1.xml"];
    let stela = lot(&dossier, &stela, &[]).unwrap();
    assert_eq!(stela.messages[0].message.code(), CodeMessage::AnomalieActe);
    assert_eq!(stela.messages[0].id_acte, None, "no IDActe: correlated later, by its content");
    let ano = lot(&dossier, &["s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml"], &[]).unwrap();
    assert_eq!(ano.messages[0].message.code(), CodeMessage::AnomalieEnveloppe);
}

#[test]
fn a_receipt_of_the_field_is_taken_alone() {
    let Some(dossier) = fixtures("a_receipt_of_the_field_is_taken_alone") else { return };
    for chemin in
        ["pastell/034-491011698-20171207-CL20171227_06-DE-1-2.xml", "stela/006-210600235-20180522-684-AI-1-2_5279.xml"]
    {
        let octets = fs::read(dossier.join("actes").join(chemin)).unwrap();
        let nom = chemin.rsplit('/').next().unwrap().to_owned();
        let lot = Lot::from_message(nom.clone(), octets, JOUR).unwrap();
        assert!(nom.starts_with(&lot.messages[0].id_acte.as_ref().unwrap().to_string()), "{chemin}");
        assert_eq!(codes(&lot.messages[0].ecarts), [""; 0], "{chemin}");
    }
}

fn modele() -> Acte {
    let id: IdActe = "045-214502494-20240229-N1-DE".parse().unwrap();
    let fichier = |nom: &str, signature: Option<Signature>| FichierSigne { nom: nom.to_owned(), signature };
    let xades = Signature::Xml("<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>".to_owned());
    Acte {
        generation: Generation::Gen2,
        date: Date::constant(2024, 12, 30),
        numero: "DEL2024_41".parse().unwrap(),
        numero_brut: "DEL2024_41".to_owned(),
        nature: Nature::De,
        matieres: Matieres([Some(3), Some(2), None, None, Some(1)]),
        objet: "Cession <n° 4> d'une \"œuvre\" à 5 € & 😀".to_owned(),
        precedent: Some(id.into()),
        classification_date: Some(Date::constant(2023, 6, 1)),
        document: fichier("a.pdf", Some(Signature::Texte("MIIB".to_owned()))),
        annexes: vec![fichier("b.pdf", Some(xades)), fichier("c&d.png", None)],
        document_papier: Some(true),
    }
}

#[test]
fn what_is_written_is_valid_by_the_schema() {
    let Some(dossier) = fixtures("what_is_written_is_valid_by_the_schema") else { return };
    if Command::new("xmllint").arg("--version").output().is_err() {
        eprintln!("skipped: xmllint is not installed (what_is_written_is_valid_by_the_schema)");
        return;
    }
    let siren = || Lu::from("214502494".parse::<Siren>().unwrap());
    let departement = || Lu::from("02A".parse::<Departement>().unwrap());
    let chiffre = |n: u8| Lu { brut: n.to_string(), valeur: Some(n) };
    let referent = Some(Referent {
        nom: Some("Service des assemblées".to_owned()),
        telephone: Some(String::new()),
        courriel: Some("actes@commune.test".to_owned()),
    });
    let formulaires = vec![FichierSigne { nom: "m.xml".to_owned(), signature: None }];
    let cl = Enveloppe::ClMisill(EnveloppeClMisill {
        emetteur: IdCl { siren: siren(), departement: departement(), arrondissement: chiffre(1), nature: chiffre(31) },
        referent: referent.clone(),
        courriels_retour: vec!["actes@commune.test".to_owned(); 2],
        formulaires: formulaires.clone(),
    });
    let etat = |emetteur| {
        let (referent, formulaires) = (referent.clone(), formulaires.clone());
        Enveloppe::MisillCl(EnveloppeMisillCl { emetteur, referent, formulaires, destinataire: siren() })
    };
    let acte = modele();
    let id: IdActe = "045-214502494-20241230-DEL2024_41-DE".parse().unwrap();
    let ar = ArActe {
        id_acte: id.into(),
        date_reception: Date::constant(2024, 12, 31),
        acte: acte.clone(),
        classification_en_cours: acte.classification_date,
    };
    let sous_prefecture = Autorite::SousPrefecture { departement: departement(), arrondissement: chiffre(2) };
    let ecrits = [
        ("acte", ecriture::acte(&acte).unwrap()),
        ("acte-nil", ecriture::acte(&Acte { document_papier: None, annexes: vec![], ..acte }).unwrap()),
        ("ar", ecriture::ar_acte(&ar).unwrap()),
        ("cl", ecriture::enveloppe(&cl).unwrap()),
        ("pref", ecriture::enveloppe(&etat(Autorite::Prefecture(departement()))).unwrap()),
        ("sgar", ecriture::enveloppe(&etat(Autorite::Sgar(departement()))).unwrap()),
        ("sous-pref", ecriture::enveloppe(&etat(sous_prefecture)).unwrap()),
    ];
    let travail = tempfile::tempdir().unwrap();
    for (nom, octets) in ecrits {
        let chemin = travail.path().join(nom);
        fs::write(&chemin, &octets).unwrap();
        let sortie = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(dossier.join("xsd/actes/gen2-stela-2018/actesv1_1.xsd"))
            .arg(&chemin)
            .output()
            .unwrap();
        let dit = String::from_utf8_lossy(&sortie.stderr).into_owned();
        assert!(sortie.status.success(), "{nom}: {dit}\n{}", String::from_utf8_lossy(&octets));
    }
}
