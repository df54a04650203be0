//! A log in memory for tests: real leaves, unsigned, as many of whatever type a test wants; and a view of it.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use greffe_events::dsse::Envelope;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::{KeyId, SecretKey, Signature};
use greffe_events::leaf::Leaf;
use greffe_events::{Data, Event};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Digest, Log, LogError, Projection, Recorded, Runner};

/// When the first leaf is recorded; each a second after the one before.
pub(crate) const NOW_MS: u64 = 1_795_169_730_000;

pub(crate) fn organisation(siren: &str) -> Organisation {
    format!("urn:siren:{siren}").parse().unwrap()
}

/// A key of its own for each number; 1 signs every event of the tests.
pub(crate) fn cle(seed: u8) -> KeyId {
    SecretKey::from_seed(&[seed; 32]).id()
}

pub(crate) fn hex(byte: &str) -> String {
    byte.repeat(32)
}

/// The leaves so far.
#[derive(Clone, Default)]
pub(crate) struct Histoire {
    leaves: Vec<Vec<u8>>,
    last_of: HashMap<String, u64>,
}

impl Histoire {
    /// One event of every type and some more, which together are one story.
    pub(crate) fn entiere() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/tests/echantillons");
        let mut samples: Vec<Value> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
            .collect();
        samples.sort_by_key(|event| event["time"].as_str().unwrap().parse::<Horodatage>().unwrap());
        let mut story = Self::default();
        for event in samples {
            let ms = event["time"].as_str().unwrap().parse::<Horodatage>().unwrap().unix_ms();
            story.push(event.to_string().into_bytes(), ms, event["subject"].as_str().unwrap());
        }
        story
    }

    pub(crate) fn post(&mut self, source: &str, subject: &Subject, data: &Data) -> u64 {
        self.post_changed(source, subject, data, "", "")
    }

    /// Posts the event with one text in it replaced.
    pub(crate) fn post_changed(&mut self, source: &str, subject: &Subject, data: &Data, from: &str, to: &str) -> u64 {
        let index = self.leaves.len() as u64;
        let ms = NOW_MS + 1_000 * index;
        let id = format!("01935a4c-0000-7000-8000-{index:012x}").parse().unwrap();
        let time = Horodatage::from_unix_ms(ms);
        let payload = Event::write(id, &organisation(source), subject, time, &"greffe.example".parse().unwrap(), data);
        let payload = String::from_utf8(payload).unwrap().replacen(from, to, 1).into_bytes();
        self.push(payload, ms, subject.as_str())
    }

    /// Posts the data of that type, by an organisation that signs with a key of its own.
    pub(crate) fn dit(&mut self, source: &str, event_type: &str, subject: &str, data: &Value) -> u64 {
        let event_type: greffe_events::EventType = format!("greffe.{event_type}.v1").parse().unwrap();
        let raw = serde_json::value::RawValue::from_string(data.to_string()).unwrap();
        self.post(source, &subject.parse().unwrap(), &event_type.read(&raw).unwrap())
    }

    fn push(&mut self, payload: Vec<u8>, recorded_at_ms: u64, subject: &str) -> u64 {
        let index = self.leaves.len() as u64;
        let previous = self.last_of.insert(subject.to_owned(), index);
        let envelope = Envelope::new(payload, vec![(cle(1), Signature([2; 64]))]).unwrap();
        self.leaves
            .push(Leaf { recorded_at_ms, received_at_ms: recorded_at_ms - 5, previous, rank: 0, envelope }.encode());
        index
    }
}

impl Log for Histoire {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.leaves.len() as u64)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        // Short pages: the batches of two buildings differ.
        let leaves = self.leaves.iter().skip(usize::try_from(from).unwrap()).take(max.min(3));
        Ok((from..).zip(leaves).map(|(index, leaf)| Arc::new(Recorded::new(index, leaf.clone()))).collect())
    }
}

/// A view of a log.
pub(crate) struct Vue {
    pub(crate) dir: TempDir,
    pub(crate) runner: Runner,
}

impl Vue {
    pub(crate) fn of(projection: impl Projection + 'static, log: &dyn Log) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner::open(dir.path(), Box::new(projection)).unwrap();
        let mut view = Self { dir, runner };
        view.follow(log);
        assert_eq!(view.runner.status().failure, None);
        view
    }

    pub(crate) fn follow(&mut self, log: &dyn Log) {
        self.runner.catch_up(log, |_| ControlFlow::Continue(())).unwrap();
    }

    pub(crate) fn digest(&self) -> Digest {
        self.runner.digest().unwrap()
    }

    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        self.runner.reader().read(|conn, _| query(conn)).unwrap()
    }
}

/// A view of the whole story is the same however it was built, and each of its tables says something, but for `empty` ones.
pub(crate) fn assert_rebuildable<P: Projection + 'static>(projection: impl Fn() -> P, empty: &[&str]) -> Vue {
    let story = Histoire::entiere();
    let mut view = Vue::of(projection(), &story);
    assert_eq!(view.runner.position(), story.head().unwrap());
    for table in projection().tables() {
        let count: u32 =
            view.read(|conn| conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)));
        assert_eq!(count == 0, empty.contains(table), "{count} rows in {table}");
    }
    let followed = view.digest();
    view.runner.rebuild(&story, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(view.digest(), followed);
    view
}
