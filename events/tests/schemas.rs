//! The JSON Schemas checked in under `schemas/` are those of the types, and leave no room for free text.
//!
//! `GREFFE_WRITE_SCHEMAS=1 cargo test -p greffe-events --test schemas` writes them anew.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use greffe_events::EventType;

#[test]
fn checked_in_schemas_are_fresh_and_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut expected = Vec::new();
    for event_type in EventType::ALL {
        let name = format!("{}.json", event_type.as_str());
        let mut text = serde_json::to_string_pretty(&event_type.schema()).unwrap();
        text.push('\n');
        let file = folder.join(&name);
        if std::env::var_os("GREFFE_WRITE_SCHEMAS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(stored, text, "{name} is stale: GREFFE_WRITE_SCHEMAS=1 cargo test -p greffe-events --test schemas");
        expected.push(name);
    }
    let mut present: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    present.sort();
    expected.sort();
    assert_eq!(present, expected, "a schema without its type");
}

/// Strings of our schemas that are free text, each with why it may stand in a leaf.
const REVIEWED: [(&str, &str); 6] = [
    ("AdherentInscrit.denomination", "name of a public body; refused for a company"),
    ("AdherentModifie.denomination", "the same"),
    ("RegistreOuvert.vkey", "its form is checked: origin, hash, key"),
    ("RegistreJournalRemplace.vkey", "its form is checked: origin, hash, key"),
    ("RegistreRefus.code", "written by the node, from its list"),
    ("Piece.nom", "the normalised name of an act's file; its form is checked"),
];

/// Patterns with room for a word that a poster chooses, each with why it may stand in a leaf.
const CHOSEN_WORDS: [(&str, &str); 7] = [
    ("CodeOuvert", "codes and numbers of lists that others keep; no space, 40 characters"),
    ("IdConsultation", "the buyer's own reference, 30 characters, public with its notice"),
    ("IdFacture", "names its parties by register numbers; the invoice's own number is a digest"),
    ("IdActe", "holds the collectivité's number of the act, 15 characters"),
    ("Organisation", "a register's number, 50 characters without space: a SIREN for all French bodies"),
    ("Origin", "the log's own name, chosen by the operator"),
    ("Piece.typologie", "5 characters, a code of ACTES"),
];

/// Longest text that a pattern without a list of its own may admit, in characters: codes, dates, amounts.
const SHORT_CHARS_MAX: usize = 20;

#[test]
fn no_field_has_room_for_a_person_that_nobody_reviewed() {
    let mut found = std::collections::BTreeSet::new();
    for event_type in EventType::ALL {
        let schema = serde_json::to_value(event_type.schema()).unwrap();
        let title = schema["title"].as_str().unwrap();
        strings(&schema, title, &mut found);
        for (name, def) in schema["$defs"].as_object().into_iter().flatten() {
            strings(def, name, &mut found);
        }
    }
    let reviewed: std::collections::BTreeSet<String> =
        REVIEWED.iter().chain(&CHOSEN_WORDS).map(|(name, _)| (*name).to_owned()).collect();
    // Both ways: a review that nothing needs any more goes too.
    let different: Vec<_> = found.symmetric_difference(&reviewed).collect();
    assert!(different.is_empty(), "free text goes into a confidential piece; or review {different:?}");
}

/// Names of the strings in a schema that are neither a closed list nor a digest, day, key or short number.
fn strings(schema: &serde_json::Value, at: &str, found: &mut std::collections::BTreeSet<String>) {
    let Some(words) = schema.as_object() else { return };
    let is_string = match &schema["type"] {
        serde_json::Value::String(kind) => kind == "string",
        serde_json::Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
        _ => false,
    };
    let is_closed = words.contains_key("const") || words.contains_key("enum");
    let is_formed = schema["pattern"].as_str().is_some_and(is_narrow);
    let has_format = matches!(schema["format"].as_str(), Some("uuid" | "date" | "date-time"));
    if is_string && !is_closed && !is_formed && !has_format {
        found.insert(at.to_owned());
    }
    for (word, part) in words {
        match (word.as_str(), part) {
            ("properties", serde_json::Value::Object(fields)) => {
                for (name, field) in fields {
                    strings(field, &format!("{at}.{name}"), found);
                }
            }
            ("items", part) => strings(part, &format!("{at}[]"), found),
            ("anyOf" | "oneOf", serde_json::Value::Array(parts)) => {
                for part in parts {
                    strings(part, at, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether a pattern admits digits, hexadecimal, or a few capitals only: no letters in any number.
fn is_narrow(pattern: &str) -> bool {
    let letters = ["A-Za-z", "A-Z0-9", "a-z0-9", "A-Z"];
    let Some(class) = letters.iter().find_map(|class| pattern.find(class)) else { return true };
    // The count that follows the class bounds it.
    let rest = &pattern[class..];
    let count = rest.find(']').map(|end| &rest[end + 1..]).unwrap_or_default();
    let max = count
        .strip_prefix('{')
        .and_then(|count| count.split('}').next())
        .and_then(|count| count.rsplit(',').next()?.parse::<usize>().ok());
    max.is_some_and(|max| max <= SHORT_CHARS_MAX) && !pattern.contains("A-Za-z")
}
