//! `docs/EVENTS.md` is the catalogue of the types, generated from them.
//!
//! `GREFFE_WRITE_EVENTS=1 cargo test -p greffe-events --test catalogue_doc` writes it anew.
#![allow(clippy::unwrap_used)]

#[path = "echantillons/mod.rs"]
mod echantillons;
#[path = "catalogue_doc/fiches.rs"]
mod fiches;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use greffe_events::EventType;
use greffe_events::authority::parole;
use serde_json::Value;

const HEAD: &str = "# Events

What can be written to a Greffe ledger, type by type. **Generated** from the types of `greffe-events`, their samples and their
life cycles: `GREFFE_WRITE_EVENTS=1 cargo test -p greffe-events --test catalogue_doc`. Bytes, envelopes and signatures are in
[FORMAT.md](FORMAT.md); JSON Schemas in [`events/schemas`](../events/schemas); a whole sample of each type in
[`events/tests/echantillons`](../events/tests/echantillons), which together play one story.

Rules that hold for every type:

- **Nothing that could name a person stands in an event** but a SIREN: no free text, no name, no reason in words. Such things go into
  a *confidential piece* (role `confidentiel`, with its `finalite`), which can be erased. A test walks all schemas.
- In the tables, `*` marks a field that is mandatory. A longer list of words stands under [Words](#words).
- `subject` and `source` are attributes of the event ([FORMAT.md](FORMAT.md)). The operator is the organisation that leaf 0 names.
- Money is a decimal string, days are `YYYY-MM-DD`, instants RFC 3339. Fields that are not known here are kept and ignored.
- Every list, number and text has a bound. A code of a list that its keeper may lengthen is kept as it came, and judged by readers.
- A **constat** (`auteur_declare`) is the word of an owner of the dossier about a file that it received; it cites that file. Without
  it, the event is the source's own word.
- What is late or irregular in law is recorded with its verdict; what is impossible is refused with a code.

Subjects:

| family | subject | owners |
|---|---|---|
| acts | `acte/DEP-SIREN-YYYYMMDD-NUM-NAT` | the collectivité |
| what the prefecture examined | `examen/` and the act's identifier | the act's prefecture; nobody else reads it |
| messages that could not be placed | `quarantaine/RECEIVER_UUID` | who received it |
| classifications | `classification/SIREN` | the prefecture that publishes, or the collectivité that received |
| flows | `flux/SIRET_REPERE`, `REPERE` = 32 hex digits that stand for the file's name (`NomFic`) | the body of the budget |
| invoices | `facture/SELLER_BUYER_YEAR_REPERE`, `REPERE` stands for the number (BT-1) | seller and buyer |
| tenders | `consultation/BUYER_REFERENCE` | the buyer |
| submissions | `pli/BUYER_REFERENCE_BIDDER_UUID` | bidder and buyer |

A party is `<SIREN>` or `<ICD>:<id>`. `REPERE` = the first 16 bytes of SHA-256(`greffe-repere-v1` ‖ 0 ‖ family ‖ 0 ‖ the identifier's
other parts, each followed by 0 ‖ the text, its spaces collapsed to one and trimmed): both sides compute it without asking each
other, nobody reads the text in it. The text itself goes into a piece of finalité `reference`.

";

#[test]
fn the_catalogue_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/EVENTS.md");
    let text = catalogue();
    if std::env::var_os("GREFFE_WRITE_EVENTS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == text, "docs/EVENTS.md is stale: see the head of this test");
}

#[test]
fn each_type_of_an_exchange_says_when_it_is_admitted() {
    for event_type in EventType::ALL {
        let is_exchange = !matches!(event_type.family(), "registre" | "adherent" | "piece");
        let name = event_type.as_str();
        assert_eq!(fiches::fiche(*event_type).is_some(), is_exchange, "{name}: see catalogue_doc/fiches.rs");
        assert_eq!(fiches::gouvernance(*event_type).is_none(), is_exchange, "{name}: see catalogue_doc/fiches.rs");
    }
}

fn catalogue() -> String {
    let mut text = HEAD.to_owned();
    let mut shapes: BTreeMap<String, Value> = BTreeMap::new();
    let mut family = "";
    for event_type in EventType::ALL {
        if event_type.family() != family {
            family = event_type.family();
            writeln!(text, "## {family}\n").unwrap();
        }
        one(&mut text, *event_type, &mut shapes);
    }
    text.push_str("## Values\n\n| name | form |\n|---|---|\n");
    let is_list = |shape: &Value| shape["oneOf"][0]["const"].is_string();
    let is_object = |shape: &Value| shape["properties"].is_object();
    for (name, shape) in shapes.iter().filter(|(_, shape)| !is_list(shape) && !is_object(shape)) {
        writeln!(text, "| `{name}` | {} |", form(shape)).unwrap();
    }
    text.push_str("\n## Objects\n");
    for (name, shape) in shapes.iter().filter(|(_, shape)| is_object(shape)) {
        writeln!(text, "\n### `{name}`\n\n{}\n", flat(&shape["description"])).unwrap();
        fields(&mut text, shape, &shapes);
    }
    text.push_str("\n## Words\n");
    for (name, shape) in shapes.iter().filter(|(_, shape)| is_list(shape)) {
        writeln!(text, "\n### `{name}`\n\n{}\n\n| word | meaning |\n|---|---|", flat(&shape["description"])).unwrap();
        for word in shape["oneOf"].as_array().unwrap() {
            writeln!(text, "| `{}` | {} |", word["const"].as_str().unwrap(), flat(&word["description"])).unwrap();
        }
    }
    text
}

fn one(text: &mut String, event_type: EventType, shapes: &mut BTreeMap<String, Value>) {
    let schema = serde_json::to_value(event_type.schema()).unwrap();
    for (name, shape) in schema["$defs"].as_object().into_iter().flatten() {
        shapes.insert(name.clone(), shape.clone());
    }
    writeln!(text, "### `{}`\n\n{}\n", event_type.as_str(), flat(&schema["description"])).unwrap();
    if let Some(fiche) = fiches::fiche(event_type) {
        writeln!(text, "- **Signed by** {}", signers(event_type)).unwrap();
        writeln!(text, "- **Admitted** {}", fiche.admis).unwrap();
        if !fiche.refus.is_empty() {
            let codes: Vec<String> =
                fiche.refus.iter().map(|code| format!("`{}` ({})", code.as_str(), code.titre())).collect();
            writeln!(text, "- **Refused** with {}", codes.join("; ")).unwrap();
        }
        text.push('\n');
    } else {
        let fiches::Gouvernance { subject, signatures } = fiches::gouvernance(event_type).unwrap();
        let samples = echantillons::tous();
        let sample = samples.iter().find(|sample| sample.valeur["type"] == event_type.as_str()).unwrap();
        let family = sample.valeur["subject"].as_str().unwrap().split('/').next().unwrap().to_owned();
        assert!(subject.starts_with(&format!("{family}/")), "{}: {subject}", event_type.as_str());
        writeln!(text, "- **Subject** `{subject}`\n- **Source, and who signs, in order:** {signatures}\n").unwrap();
    }
    if schema["properties"].as_object().is_some_and(|fields| !fields.is_empty()) {
        fields(text, &schema, shapes);
        text.push('\n');
    }
}

/// Whose word the samples of a type are.
fn signers(event_type: EventType) -> String {
    let mut said = Vec::new();
    for sample in echantillons::tous().iter().filter(|sample| sample.valeur["type"] == event_type.as_str()) {
        let event = echantillons::evenement(&sample.valeur);
        let parole = parole(&event).unwrap();
        let how = match (parole.est_constat, parole.signataire, parole.delegable) {
            (true, ..) => "as a constat",
            (_, Some(_), _) => "by the key that `membre` names, never by delegation",
            (_, _, None) => "never by delegation",
            (_, _, Some(_)) => "or its delegate",
        };
        let role = match parole.role.to_string() {
            role if role.starts_with("prefecture:") => "prefecture:<département>".to_owned(),
            role => role,
        };
        let line = format!("a key of the source of role `{role}`, {how}");
        if !said.contains(&line) {
            said.push(line);
        }
    }
    said.join("; ")
}

/// Longest closed list whose words stand beside each field that takes one.
const WORDS_SHOWN_MAX: usize = 12;

/// The words of a field that takes one of a short closed list.
fn words(field: &Value, shapes: &BTreeMap<String, Value>) -> String {
    let text = field.to_string();
    let list = shapes.iter().find(|(name, _)| text.contains(&format!("#/$defs/{name}\"")));
    let list = list.and_then(|(_, shape)| shape["oneOf"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let words: Vec<String> = list.iter().filter_map(|word| Some(format!("`{}`", word["const"].as_str()?))).collect();
    if words.is_empty() || words.len() > WORDS_SHOWN_MAX { String::new() } else { format!(": {}", words.join(", ")) }
}

fn fields(text: &mut String, schema: &Value, shapes: &BTreeMap<String, Value>) {
    text.push_str("| field | form | meaning |\n|---|---|---|\n");
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().unwrap() {
        let star = if required.contains(&name.as_str()) { " *" } else { "" };
        let words = words(field, shapes);
        writeln!(text, "| `{name}`{star} | {}{words} | {} |", form(field), flat(&field["description"])).unwrap();
    }
}

/// What a value looks like.
fn form(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return format!("`{}`", name.trim_start_matches("#/$defs/"));
    }
    if let Some(parts) = schema["anyOf"].as_array() {
        return parts.iter().filter(|part| part["type"] != "null").map(form).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    };
    match kind.unwrap_or_default() {
        "array" => {
            let max = schema["maxItems"].as_u64().map_or_else(String::new, |max| format!(" of at most {max}"));
            format!("list{max}: {}", form(&schema["items"]))
        }
        "integer" => format!("integer, {} to {}", flat(&schema["minimum"]), flat(&schema["maximum"])),
        "string" => {
            let format_of = match (schema["pattern"].as_str(), schema["format"].as_str(), schema["maxLength"].as_u64())
            {
                (Some(pattern), ..) => format!("`{}`", pattern.replace('|', "\\|")),
                (_, Some(format), _) => format.to_owned(),
                (_, _, Some(max)) => format!("text of at most {max} characters"),
                _ => "text, its form checked".to_owned(),
            };
            match schema["description"].as_str() {
                Some(description) if schema["pattern"].is_string() => {
                    format!("{}: {format_of}", flat(&description.into()))
                }
                _ => format_of,
            }
        }
        other => other.to_owned(),
    }
}

/// One line of a table.
fn flat(text: &Value) -> String {
    match text {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
