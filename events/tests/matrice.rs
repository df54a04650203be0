//! Every event type × every kind of signer: who is admitted, who is refused, and with which code.
//!
//! One log holds keys of every kind ([`monde`]); each event type has its samples, each with the signers that it asks for
//! ([`echantillons`]). At each place of a sample's signatures every key is tried in turn, with the real functions, on real
//! signed bytes. What comes out is compared with `matrice.txt`, which was read line by line against DESIGN §5, and with
//! rules that hold whatever stands there. `GREFFE_WRITE_MATRICE=1 cargo test -p greffe-events --test matrice` writes the
//! file anew; read the difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

#[path = "matrice/echantillons.rs"]
mod echantillons;
mod journal;
#[path = "matrice/monde.rs"]
#[allow(dead_code)]
mod monde;

use std::collections::BTreeMap;
use std::fmt::Write;

use greffe_events::dsse::Envelope;
use greffe_events::key::KeyId;
use greffe_events::{Event, EventType};

use echantillons::{Echantillon, echantillons};
use monde::{CLES, Monde, NOW_MS, ORGANISATIONS, cle, organisation};

/// The cell of an event signed by these keys: `admis`, or the code of the refusal.
fn cell(monde: &Monde, sample: &Echantillon, signers: &[&str]) -> &'static str {
    let keys: Vec<_> = signers.iter().map(|name| cle(name)).collect();
    let judged = Envelope::sign(sample.event.to_string().into_bytes(), &keys.iter().collect::<Vec<_>>())
        .and_then(|envelope| envelope.verify().map(|()| envelope))
        .and_then(|envelope| {
            let event = Event::of(&envelope)?;
            let signers: Vec<_> = envelope.signers().collect();
            let journal = if sample.opens_log { &monde.vide } else { &monde.journal };
            journal.judge(&event, &signers, NOW_MS)
        });
    judged.map_or_else(|refusal| refusal.code.as_str(), |_| "admis")
}

/// One place of one sample's signatures: what becomes of each key that stands there.
struct Row {
    event_type: EventType,
    title: String,
    /// The key that belongs there.
    rightful: &'static str,
    cells: Vec<(&'static str, &'static str)>,
}

fn rows(monde: &Monde) -> Vec<Row> {
    let mut rows = Vec::new();
    for event_type in EventType::ALL {
        for sample in echantillons(*event_type) {
            assert_eq!(sample.event["type"], event_type.as_str());
            for place in 0..sample.signers.len() {
                let cells = CLES.iter().map(|name| {
                    let mut signers = sample.signers.clone();
                    signers[place] = name;
                    (*name, cell(monde, &sample, &signers))
                });
                rows.push(Row {
                    event_type: *event_type,
                    title: format!("{}, signature {} of {}", sample.title, place + 1, sample.signers.len()),
                    rightful: sample.signers[place],
                    cells: cells.collect(),
                });
            }
        }
    }
    rows
}

/// Each sample with each other source, whatever key stands in each place: those that are admitted all the same.
fn said_by_others(monde: &Monde) -> Vec<String> {
    let mut admitted = Vec::new();
    let ids: Vec<KeyId> = CLES.iter().map(|name| cle(name).id()).collect();
    for event_type in EventType::ALL {
        for sample in echantillons(*event_type) {
            let own = sample.event["source"].clone();
            let signers: Vec<KeyId> = sample.signers.iter().map(|name| cle(name).id()).collect();
            for source in ORGANISATIONS.iter().filter(|source| own != organisation(source)) {
                let mut said = sample.event.clone();
                said["source"] = organisation(source).into();
                // Where it can't even be read there is nothing to judge.
                let Ok(event) = Event::parse(said.to_string().as_bytes()) else { continue };
                for place in 0..sample.signers.len() {
                    for (name, id) in CLES.iter().zip(&ids) {
                        let mut signers = signers.clone();
                        signers[place] = *id;
                        if monde.journal.judge(&event, &signers, NOW_MS).is_ok() {
                            let type_name = event_type.as_str();
                            admitted
                                .push(format!("{type_name}: {}, said by {source} with {name}: admis", sample.title));
                        }
                    }
                }
            }
        }
    }
    admitted
}

#[test]
fn each_key_signs_what_the_table_says_and_nothing_else() {
    let monde = Monde::new();
    let mut text = String::new();
    for row in rows(&monde) {
        writeln!(text, "{}: {}", row.event_type.as_str(), row.title).unwrap();
        let mut by_code: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
        for (name, code) in &row.cells {
            by_code.entry((*code != "admis", code)).or_default().push(name);
        }
        // The commonest refusal is that of all the others.
        let commonest = by_code.iter().filter(|((refused, _), _)| *refused).max_by_key(|(_, names)| names.len());
        let commonest = commonest.map(|(code, _)| *code);
        for (code, names) in &by_code {
            let names = if Some(*code) == commonest { "all others".to_owned() } else { names.join(" ") };
            writeln!(text, "    {}: {names}", code.1).unwrap();
        }
    }
    for line in said_by_others(&monde) {
        writeln!(text, "{line}").unwrap();
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrice.txt");
    if std::env::var_os("GREFFE_WRITE_MATRICE").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let stored = std::fs::read_to_string(file).unwrap_or_default();
    let differs = stored.lines().zip(text.lines()).find(|(stored, now)| stored != now);
    assert!(
        stored == text,
        "matrice.txt says otherwise, first at {differs:?}: GREFFE_WRITE_MATRICE=1 cargo test -p greffe-events --test \
         matrice, and read the difference"
    );
}

#[test]
fn whatever_the_table_says_some_keys_never_sign() {
    for row in rows(&Monde::new()) {
        let title = format!("{}: {}", row.event_type.as_str(), row.title);
        for (name, code) in &row.cells {
            let is_admitted = *code == "admis";
            let (owner, kind) = name.split_once('/').unwrap();
            if *name == row.rightful {
                let left = row.title.contains("of one that left");
                assert_eq!(is_admitted, !left, "{title}: {name} {code}");
                continue;
            }
            if !is_admitted {
                continue;
            }
            // Whoever is admitted beside the rightful one, in a place that is not the new key's own.
            assert!(!matches!(owner, "inconnue" | "nouvelle"), "{title}: {name} is enrolled nowhere");
            assert!(
                !["revoquee", "compromise", "abandonnee", "ancienne", "auditeur"]
                    .iter()
                    .any(|ended| kind.contains(ended)),
                "{title}: {name}"
            );
            assert!(owner != "sortie", "{title}: {name} speaks for an organisation that left");
            let is_log = matches!(row.event_type.family(), "registre");
            let is_member = matches!(row.event_type.family(), "adherent");
            match (owner, kind) {
                ("registre", "operateur") => assert!(is_log || is_member, "{title}: the operator speaks for a member"),
                ("registre", "noeud") => assert_eq!(row.event_type, EventType::RegistreRefus, "{title}"),
                ("registre", "journal") => panic!("{title}: the log's key signs tree heads only"),
                ("registre", _) => assert!(row.title.contains("recovery"), "{title}: {name}"),
                (owner, "transmetteur") if owner.starts_with("passerelle") => {
                    assert!(!is_log, "{title}: {name}");
                    assert!(
                        !is_member || row.title.contains("delegate"),
                        "{title}: {name} acts on rights by delegation"
                    );
                    assert!(
                        !matches!(owner, "passerelle-expiree" | "passerelle-retiree" | "passerelle-revenue"),
                        "{title}"
                    );
                }
                (_, "expiree" | "future") => {
                    assert_eq!(row.event_type, EventType::CleOpposition, "{title}: {name} signs out of its validity");
                }
                _ => assert!(!is_log, "{title}: {name}"),
            }
        }
    }
}

#[test]
fn a_signature_too_few_or_too_many_or_out_of_order_is_refused() {
    let monde = Monde::new();
    for event_type in EventType::ALL {
        for sample in echantillons(*event_type) {
            let title = format!("{} {}", event_type.as_str(), sample.title);
            let good = cell(&monde, &sample, &sample.signers);
            if good != "admis" {
                continue;
            }
            let fewer = &sample.signers[..sample.signers.len() - 1];
            assert_eq!(cell(&monde, &sample, fewer), "signature-missing", "{title}");
            for extra in CLES {
                let mut more = sample.signers.clone();
                more.push(extra);
                let expected = if sample.signers.contains(extra) { "signature-repeated" } else { "signature-extra" };
                assert_eq!(cell(&monde, &sample, &more), expected, "{title} and {extra}");
            }
            // Two recovery keys are interchangeable; everything else has its place.
            let mut turned = sample.signers.clone();
            turned.rotate_left(1);
            if turned != sample.signers {
                assert_ne!(cell(&monde, &sample, &turned), "admis", "{title} turned");
            }
        }
    }
}
