//! The JSON Schemas checked in under `schemas/` are those of the types.
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
