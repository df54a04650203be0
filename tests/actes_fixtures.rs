//! ACTES against files of the field and the ministry's schema, which live outside the project.
//!
//! `GREFFE_FIXTURES` names their folder; without it each test says on stderr that it was skipped. The outcomes are
//! those that the tests of S²LOW, Stela and Pastell state for the same files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use greffe::formats::actes::archive::{self, Entree};
use greffe::formats::actes::classification::{Classification, Element};
use greffe::formats::actes::enveloppe::{self, Enveloppe};
use greffe::formats::actes::lot::{Lot, LotError};
use greffe::formats::actes::message::{self, CodeMessage, Generation, Message, Signature};
use greffe::formats::actes::{Ecart, Severite, ecriture, nom};
use greffe_events::ident::Nature;
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

/// What a file of the field is to us.
enum Lue {
    /// An envelope.
    Enveloppe,
    /// A message of that code.
    Message(&'static str),
    /// Refused, with that code.
    Refusee(&'static str),
}

use Lue::{Enveloppe as Env, Message as Msg, Refusee};

/// File; what it is; deviations; valid by the first generation's schema, by the second's.
#[rustfmt::skip]
const FICHIERS: [(&str, Lue, &[&str], bool, bool); 34] = [
    ("s2low/ok/EACT--214502494--20170717-6.xml", Env, &[], true, true),
    ("s2low/ok/045-214502494-20170717-D201717-DE-1-1_0.xml", Msg("1-1"), &[], true, false),
    ("s2low/script-actes/TACT--000000000--20181024-3.xml", Env, &[], true, true),
    ("s2low/fichier-metier-signe.xml", Msg("1-1"), &[], true, false),
    ("s2low/test-archive-MISILCL/TACT--SPREF0011-000000000-20170721-4.xml", Env, &[], true, true),
    ("s2low/test-archive-MISILCL/034-000000000-20170701-20170721D-AI-1-2_0.xml", Msg("1-2"), &[], true, false),
    ("s2low/ar/001-000000000-20170130-TEST42-DE-1-2_0.xml", Msg("1-2"), &[], true, false),
    ("s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml", Msg("ANO"), &[], true, true),
    ("s2low/test-message-anomalie/034-000000000-20170701-20170721D-AI-1-3_0.xml", Msg("1-3"), &[], true, false),
    ("s2low/test-message-anomalie-avec-erreur/TACT--SPREF0011-000000000-20170721-4.xml", Env, &[], true, true),
    ("s2low/test-message-anomalie-avec-erreur/034-000000000-20170701-20170721D-AI-1-3_0.xml", Msg("1-3"), &["nature-anomalie"], false, false),
    ("s2low/test-message-anomalie-avec-erreur-mal-presentee/034-000000000-20170701-20170721D-AI-1-3_0.xml", Refusee("anomalie-nature-illisible"), &[], false, false),
    ("s2low/test-courrier-simple/TACT--SPREF0011-000000000-20170725-1.xml", Env, &[], true, true),
    ("s2low/test-courrier-simple/034-000000000-20170701-20170725A-AI-2-1_0.xml", Msg("2-1"), &[], true, true),
    ("s2low/test-courrier-simple-renumerote/TACT--SPREF0011-000000000-20170725-1.xml", Env, &[], true, true),
    ("s2low/test-courrier-simple-renumerote/034-000000000-20170701-20170725A-AI-2-1_17.xml", Msg("2-1"), &[], true, true),
    ("s2low/test-defere-ta/TACT--SPREF0011-000000000-20170725-4.xml", Env, &[], true, true),
    ("s2low/test-defere-ta/034-000000000-20170701-20170725A-AI-5-1_0.xml", Msg("5-1"), &[], true, true),
    ("s2low/reponses/001-000000000-20170130-TEST42-DE-3-3_0.xml", Msg("3-3"), &[], true, true),
    ("s2low/reponses/001-000000000-20170130-TEST42-DE-3-4_0.xml", Msg("3-4"), &[], true, true),
    ("s2low/classification/classification.xml", Msg("7-2"), &[], true, false),
    ("s2low/sae/reply-refus-sae.xml", Refusee("xml-racine"), &[], false, false),
    ("stela/006-210600235-20180522-684-AI-1-2_5279.xml", Msg("1-2"), &[], false, true),
    ("stela/044-214400152----1-3_1.xml", Msg("1-3"), &["matiere-niveau-saute"], false, true),
    ("stela/EACT--SPREF0441-214400152-20181012-9.xml", Env, &[], true, true),
    ("stela/exemple_codes_matieres.xml", Msg("7-2"), &[], false, true),
    ("pastell/034-491011698-20171207-CL20171227_06-DE-1-1_0.xml", Msg("1-1"), &[], false, true),
    ("pastell/034-491011698-20171207-CL20171227_06-DE-1-2.xml", Msg("1-2"), &[], false, true),
    ("pastell/actes-generique-aractes.xml", Msg("1-2"), &[], false, true),
    ("pastell/999-1234----7-2_1.xml", Msg("7-2"), &[], false, true),
    ("pastell/999-1234----7-2_7.xml", Msg("7-2"), &[], false, true),
    ("pastell/classification-exemple.xml", Msg("7-2"), &[], false, true),
    ("pastell/actes-generique-classification.xml", Msg("7-2"), &[], false, true),
    ("pastell/faketdt-classification.xml", Msg("7-2"), &[], true, false),
];

/// Every file of the folder, as a path from it.
fn presents(dossier: &Path) -> Vec<String> {
    let (mut a_voir, mut presents) = (vec![dossier.to_owned()], Vec::new());
    while let Some(ici) = a_voir.pop() {
        for entree in fs::read_dir(ici).unwrap() {
            let chemin = entree.unwrap().path();
            if chemin.is_dir() {
                a_voir.push(chemin);
            } else if chemin.extension().is_some_and(|extension| extension == "xml") {
                presents.push(chemin.strip_prefix(dossier).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    presents.sort();
    presents
}

#[test]
fn every_file_of_the_field_has_the_outcome_that_its_own_tests_state() {
    let Some(dossier) = fixtures("every_file_of_the_field_has_the_outcome_that_its_own_tests_state") else { return };
    let dossier = dossier.join("actes");
    let mut connus: Vec<_> = FICHIERS.iter().map(|(chemin, ..)| (*chemin).to_owned()).collect();
    connus.sort();
    assert_eq!(presents(&dossier), connus);
    for (chemin, lue, ecarts, ..) in &FICHIERS {
        let octets = fs::read(dossier.join(chemin)).expect(chemin);
        let trouves = match lue {
            Env => enveloppe::read(&octets).unwrap_or_else(|e| panic!("{chemin}: {e}")).ecarts,
            Msg(code) => {
                let lecture = message::read(&octets, JOUR).unwrap_or_else(|e| panic!("{chemin}: {e}"));
                assert_eq!(lecture.valeur.code().as_str(), *code, "{chemin}");
                lecture.ecarts
            }
            Refusee(code) => {
                assert_eq!(message::read(&octets, JOUR).unwrap_err().code(), *code, "{chemin}");
                continue;
            }
        };
        assert_eq!(codes(&trouves), *ecarts, "{chemin}");
    }
}

/// What of the field we can write again, in the generation that it has, and what the schemas say of the field's own files.
#[test]
fn the_generation_of_a_file_is_the_one_whose_schema_takes_it() {
    let test = "the_generation_of_a_file_is_the_one_whose_schema_takes_it";
    let Some(dossier) = fixtures(test) else { return };
    if Command::new("xmllint").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "xmllint (libxml2-utils) must be installed where CI is set");
        eprintln!("skipped: xmllint is not installed ({test})");
        return;
    }
    let valides = |schema: &str| -> Vec<bool> {
        let sortie = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(dossier.join("xsd/actes").join(schema).join("actesv1_1.xsd"))
            .args(FICHIERS.iter().map(|(chemin, ..)| chemin))
            .current_dir(dossier.join("actes"))
            .output()
            .unwrap();
        let dit = String::from_utf8_lossy(&sortie.stderr).into_owned();
        FICHIERS.iter().map(|(chemin, ..)| dit.contains(&format!("{chemin} validates"))).collect()
    };
    let (gen1, gen2) = (valides("gen1-parapheur-v5"), valides("gen2-stela-2018"));
    for ((chemin, lue, _, attendu_1, attendu_2), (gen1, gen2)) in FICHIERS.iter().zip(gen1.into_iter().zip(gen2)) {
        assert_eq!((gen1, gen2), (*attendu_1, *attendu_2), "{chemin}");
        let Msg(_) = lue else { continue };
        let lu = lit_message(&dossier, chemin);
        if let Some(acte) = lu.acte() {
            let attendue = if gen2 { Generation::Gen2 } else { Generation::Gen1 };
            assert_eq!(acte.generation, attendue, "{chemin}");
        }
        for (generation, valide) in [(Generation::Gen1, gen1), (Generation::Gen2, gen2)] {
            if valide {
                // Nothing valid is lost: what was read of it can be written, and is read back equal.
                let octets = ecriture::message(&lu, generation).unwrap_or_else(|e| panic!("{chemin}: {e}"));
                let relu = message::read(&octets, JOUR).unwrap().valeur;
                assert_eq!(ecriture::message(&relu, generation).unwrap(), octets, "{chemin}");
            }
        }
    }
}

fn lit_message(dossier: &Path, chemin: &str) -> Message {
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
    let acte = ar.acte.entier().unwrap();
    assert_eq!((acte.matieres.code().as_str(), acte.annexes.len()), ("1.3.4", 2));
    assert_eq!(acte.objet, "test de télétransmission");
    assert_eq!(ar.date_reception, Date::constant(2017, 6, 16));

    let stela = "stela/006-210600235-20180522-684-AI-1-2_5279.xml";
    let Message::ArActe(ar) = lit_message(&dossier, stela) else { panic!("1-2") };
    assert_eq!(ar.id_acte.valeur.unwrap().to_string(), "006-210600235-20180522-684-AI");
    let acte = ar.acte.entier().unwrap();
    assert_eq!(acte.document_papier, Some(false), "written 0");
    assert!(acte.objet.starts_with("Contrat à durée déterminée"), "ISO-8859-1");

    let pastell = "pastell/034-491011698-20171207-CL20171227_06-DE-1-1_0.xml";
    let Message::Acte(acte) = lit_message(&dossier, pastell) else { panic!("1-1") };
    assert_eq!((acte.document_papier, acte.nature), (Some(false), Nature::De));
    assert_eq!(acte.objet, "Fichier signé parapheur");

    let d = "034-000000000-20170701";
    let anomalie = format!("s2low/test-message-anomalie/{d}-20170721D-AI-1-3_0.xml");
    let Message::AnomalieActe(anomalie) = lit_message(&dossier, &anomalie) else { panic!("1-3") };
    assert_eq!((anomalie.nature, anomalie.detail.as_deref()), (42, Some("Ca ne fonctionne pas")));
    assert_eq!(anomalie.acte.entier().unwrap().numero.as_str(), "20170721D");
    let courrier = lit_message(&dossier, &format!("s2low/test-courrier-simple/{d}-20170725A-AI-2-1_0.xml"));
    assert_eq!(courrier.date_courrier(), Some(Date::constant(2017, 7, 25)));
    let defere = lit_message(&dossier, &format!("s2low/test-defere-ta/{d}-20170725A-AI-5-1_0.xml"));
    let Message::DefereTa(defere) = defere else { panic!("5-1") };
    assert_eq!((defere.date_depot, defere.pieces.len()), (Some(Date::constant(2017, 7, 1)), 1));
    assert_eq!(defere.nature_illegalite.as_deref(), Some("NATURE_TEST"));
    let pieces = lit_message(&dossier, "s2low/reponses/001-000000000-20170130-TEST42-DE-3-4_0.xml");
    assert_eq!(pieces.courrier().unwrap().documents.len(), 2);
    let ano = lit_message(&dossier, "s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml");
    let Message::AnomalieEnveloppe(ano) = ano else { panic!("ANO") };
    assert_eq!((ano.nature, ano.enveloppe.unwrap().formulaires.len()), (5, 1));
}

fn lit_classification(dossier: &Path, chemin: &str) -> Classification {
    match lit_message(dossier, chemin) {
        Message::RetourClassification(classification) => *classification,
        other => panic!("{chemin}: {other:?}"),
    }
}

#[test]
fn seven_historical_classifications_are_read_whole() {
    let Some(dossier) = fixtures("seven_historical_classifications_are_read_whole") else { return };
    // File, date, types of attachments, matières by level.
    for (chemin, date, types_pj, niveaux) in [
        ("s2low/classification/classification.xml", (2004, 4, 1), 0, [9, 57, 0, 0, 0]),
        ("pastell/faketdt-classification.xml", (2004, 4, 1), 0, [9, 57, 0, 0, 0]),
        ("pastell/actes-generique-classification.xml", (2017, 11, 13), 61, [9, 57, 0, 0, 0]),
        ("stela/exemple_codes_matieres.xml", (2017, 12, 8), 118, [9, 57, 225, 0, 0]),
        ("pastell/999-1234----7-2_7.xml", (2018, 11, 28), 115, [9, 57, 225, 0, 0]),
        ("pastell/classification-exemple.xml", (2019, 3, 1), 115, [9, 57, 105, 10, 0]),
        ("pastell/999-1234----7-2_1.xml", (2019, 4, 18), 115, [9, 57, 225, 0, 0]),
    ] {
        let classification = lit_classification(&dossier, chemin);
        assert_eq!(classification.date, Date::constant(date.0, date.1, date.2), "{chemin}");
        assert_eq!(classification.natures.len(), 6, "{chemin}");
        assert_eq!(classification.natures.iter().map(|n| n.types_pj.len()).sum::<usize>(), types_pj, "{chemin}");
        let mut trouves = [0; 5];
        for (codes, _) in classification.toutes_les_matieres() {
            trouves[codes.len() - 1] += 1;
        }
        assert_eq!(trouves, niveaux, "{chemin}");
        let json = classification.to_json();
        assert!(json.len() < 30_000, "{chemin}: {} bytes", json.len());
        assert_eq!(Classification::from_json(&json).unwrap(), classification, "{chemin}");
    }
    let recente = lit_classification(&dossier, "pastell/999-1234----7-2_1.xml");
    assert_eq!(recente.matiere([1, 1]).unwrap().libelle, "Marchés publics");
    let type_pj = nom::TypePj::new("99_DE").unwrap();
    let ancienne = lit_classification(&dossier, "s2low/classification/classification.xml");
    assert_eq!((recente.type_pj(Nature::De, &type_pj), ancienne.type_pj(Nature::De, &type_pj)), (Some(true), None));
    assert_eq!(recente.type_pj(Nature::Cc, &type_pj), Some(false));
    let changements = ancienne.compare(&recente);
    assert!(changements.iter().any(|c| matches!(c.element, Element::TypePj(..)) && c.avant.is_none()));
    assert_eq!(recente.compare(&lit_classification(&dossier, "pastell/999-1234----7-2_7.xml")), []);
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
fn lot(dossier: &Path, chemins: &[&str], inventes: &[&str]) -> Result<Lot, LotError> {
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
    let anomalie = lot(&dossier, &anomalie, &[]).unwrap();
    assert_eq!(anomalie.messages[0].id_acte.as_ref().unwrap().to_string(), "034-000000000-20170701-20170721D-AI");
    let mal_presentee = [
        "s2low/test-message-anomalie-avec-erreur/TACT--SPREF0011-000000000-20170721-4.xml",
        "s2low/test-message-anomalie-avec-erreur-mal-presentee/034-000000000-20170701-20170721D-AI-1-3_0.xml",
    ];
    let mal_presentee = lot(&dossier, &mal_presentee, &[]).unwrap();
    let refuse = &mal_presentee.refuses[0];
    assert_eq!((mal_presentee.messages.len(), refuse.code), (0, "anomalie-nature-illisible"));
    assert!(refuse.octets.is_some() && refuse.identifiants.siren.is_some() && refuse.identifiants.nom.is_some());
    let stela = ["stela/EACT--SPREF0441-214400152-20181012-9.xml", "stela/044-214400152----1-3_1.xml"];
    let stela = lot(&dossier, &stela, &[]).unwrap();
    assert_eq!(stela.messages[0].message.code(), CodeMessage::AnomalieActe);
    // No IDActe, and a name without date, number and nature: by the envelope's SIREN and what is repeated of the act.
    assert_eq!(stela.messages[0].id_acte.as_ref().unwrap().to_string(), "044-214400152-20181001-123456-DE");
    let identifiants = &stela.messages[0].identifiants;
    assert_eq!(identifiants.cites[0], "99_DE-044-214400152-20181012-123456-DE-1-1_1.pdf", "another date");
    let ano = lot(&dossier, &["s2low/test-anomalie/ANO_EACT--210703385--20170612-2.xml"], &[]).unwrap();
    assert_eq!(ano.messages[0].message.code(), CodeMessage::AnomalieEnveloppe);
    let identifiants = &ano.messages[0].identifiants;
    assert_eq!(identifiants.enveloppe.as_ref().unwrap().to_string(), "EACT--210703385--20170612-2.xml");
    assert_eq!(identifiants.cites, ["007-210703385-20170519-2017_048-DE-1-1_0.xml"]);
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
