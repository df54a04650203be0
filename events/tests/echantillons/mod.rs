//! Golden samples: one event of each type, and some more, that together are one story. Each file is
//! `<type>[.<variant>].json`, the whole event; their order is that of `time`. A new type needs one.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use greffe_events::dossier::{Dossier, Recording};
use greffe_events::ident::Subject;
use greffe_events::{Event, EventType, Refusal};
use serde_json::Value;

/// One sample.
#[derive(Debug, Clone)]
pub struct Echantillon {
    /// Its file, without `.json`.
    pub nom: String,
    /// The event as a poster writes it.
    pub valeur: Value,
}

/// All of them, in the order of the story.
pub fn tous() -> &'static [Echantillon] {
    static TOUS: OnceLock<Vec<Echantillon>> = OnceLock::new();
    TOUS.get_or_init(lus)
}

fn lus() -> Vec<Echantillon> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/echantillons");
    let mut samples: Vec<Echantillon> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| Echantillon {
            nom: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            valeur: serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap(),
        })
        .collect();
    samples.sort_by_key(|sample| (evenement(&sample.valeur).time, sample.nom.clone()));
    samples
}

/// The sample of this name: a type, or a type and a variant.
pub fn nomme(nom: &str) -> Value {
    let found = tous().iter().find(|sample| sample.nom == format!("greffe.{nom}"));
    found.unwrap_or_else(|| panic!("{nom}")).valeur.clone()
}

/// The sample of a type.
pub fn de(event_type: EventType) -> Option<Value> {
    tous().iter().find(|sample| sample.nom == event_type.as_str()).map(|sample| sample.valeur.clone())
}

/// The event that these bytes say.
pub fn evenement(value: &Value) -> Event {
    Event::parse(value.to_string().as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}: {value}"))
}

/// The same event with another value at a place.
pub fn avec(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = new,
        object => object[name] = new,
    }
    value
}

/// Dossiers in memory, moved by life cycles alone. States go through their stored form, as they do in a node.
#[derive(Debug, Default, Clone)]
pub struct Dossiers {
    etats: HashMap<Subject, Dossier>,
    index: u64,
}

impl Dossiers {
    /// After the events of exchanges of the story that were signed before the sample of this name.
    pub fn avant(nom: &str) -> Self {
        let mut dossiers = Self::default();
        for sample in tous() {
            if sample.nom == format!("greffe.{nom}") {
                return dossiers;
            }
            dossiers.poste(&sample.valeur).unwrap_or_else(|refusal| panic!("{}: {refusal}", sample.nom));
        }
        panic!("no sample {nom}")
    }

    /// Records an event at the instant of its signature.
    pub fn poste(&mut self, value: &Value) -> Result<(), Refusal> {
        let at_ms = evenement(value).time.unix_ms();
        self.poste_a(value, at_ms, at_ms)
    }

    /// Records an event received and recorded at these instants, Unix ms.
    pub fn poste_a(&mut self, value: &Value, received_at_ms: u64, recorded_at_ms: u64) -> Result<(), Refusal> {
        let event = evenement(value);
        if matches!(event.subject.family(), Subject::REGISTRE | Subject::ADHERENT | Subject::PIECE) {
            return Ok(());
        }
        let at = Recording { index: self.index, recorded_at_ms, received_at_ms };
        let lie = event.dossier.lie().and_then(|subject| self.etats.get(&subject));
        let after = Dossier::after(self.etats.get(&event.subject), &event, at, lie)?;
        let stored: Dossier = serde_json::from_str(&serde_json::to_string(&after).unwrap()).unwrap();
        assert_eq!(stored, after, "the stored form is whole");
        self.etats.insert(event.subject, stored);
        self.index += 1;
        Ok(())
    }

    /// How many events were recorded.
    pub fn taille(&self) -> u64 {
        self.index
    }

    /// The state of a dossier.
    pub fn etat(&self, subject: &str) -> &Dossier {
        &self.etats[&subject.parse().unwrap()]
    }
}
