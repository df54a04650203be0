//! What we write, judged by libxml2 against the ministry's schemas, which live outside the project.
//!
//! `GREFFE_FIXTURES` names the folder of the schemas; without it, or without xmllint, the test says that it was skipped.
//! Where `CI` is set, a missing xmllint is a failure.
#![allow(clippy::print_stderr)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::super::*;
use super::modeles::{tous_les_messages, une_enveloppe};

/// Made-up values of each kind that are judged.
const ESSAIS: usize = 40;

fn xmllint(test: &str) -> bool {
    if Command::new("xmllint").arg("--version").output().is_ok() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "xmllint (libxml2-utils) must be installed where CI is set");
    eprintln!("skipped: xmllint is not installed ({test})");
    false
}

#[test]
fn whatever_is_written_is_valid_by_the_schema_of_its_generation() {
    let test = "whatever_is_written_is_valid_by_the_schema_of_its_generation";
    let Some(fixtures) = std::env::var_os("GREFFE_FIXTURES") else {
        eprintln!("skipped: GREFFE_FIXTURES is not set ({test})");
        return;
    };
    if !xmllint(test) {
        return;
    }
    let mut runner = TestRunner::deterministic();
    for (generation, schema) in [(Generation::Gen1, "gen1-parapheur-v5"), (Generation::Gen2, "gen2-stela-2018")] {
        let dossier = tempfile::tempdir().unwrap();
        let mut noms = Vec::new();
        let mut garde = |nom: String, octets: Vec<u8>| {
            std::fs::write(dossier.path().join(&nom), octets).unwrap();
            noms.push(nom);
        };
        for essai in 0..ESSAIS {
            for valeur in tous_les_messages(generation).new_tree(&mut runner).unwrap().current() {
                garde(format!("{}-{essai}.xml", valeur.code().as_str()), message(&valeur, generation).unwrap());
            }
            let valeur = une_enveloppe().new_tree(&mut runner).unwrap().current();
            garde(format!("enveloppe-{essai}.xml"), enveloppe(&valeur).unwrap());
        }
        assert_eq!(noms.len(), ESSAIS * (CodeMessage::ALL.len() + 1));
        let schema = Path::new(&fixtures).join("xsd/actes").join(schema).join("actesv1_1.xsd");
        let sortie = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(&schema)
            .args(&noms)
            .current_dir(dossier.path())
            .output()
            .unwrap();
        let dit = String::from_utf8_lossy(&sortie.stderr);
        let mut fautes = String::new();
        for nom in noms.iter().filter(|nom| !dit.contains(&format!("{nom} validates"))) {
            let pourquoi = dit.lines().find(|ligne| ligne.starts_with(nom.as_str())).unwrap_or(&dit);
            let octets = std::fs::read(dossier.path().join(nom)).unwrap();
            let _ = writeln!(fautes, "{pourquoi}\n{}", String::from_utf8_lossy(&octets));
        }
        assert!(sortie.status.success() && fautes.is_empty(), "{generation:?}: {fautes}");
    }
}
