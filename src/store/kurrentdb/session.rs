//! One client, and every call that is made through it, from threads that may block.
//!
//! The client lives in a small runtime of its own, which goes with it: a client that is given up takes its connections and tasks along.
//! Two clocks bound each call: a timeout inside the runtime, and the caller's own wait, in case the runtime itself is kept busy or the
//! client panics. What a failed call means is [`Failure`]'s matter, when to try again the store's.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use eventstore::{
    AppendToStreamOptions, Client, Error, ExpectedRevision, ReadStreamOptions, RecordedEvent, ResolvedEvent,
    StreamPosition,
};
use greffe_events::Uuid;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::address::Address;
use super::fault::{Failure, Fault};
use super::record::Record;
use crate::store::READ_BYTES_MAX;

/// Threads of the runtime: one that works, one in case the client keeps it busy.
const THREADS: usize = 2;

/// How much longer the calling thread waits than the runtime's own timeout.
const WATCHDOG: Duration = Duration::from_secs(1);

/// How long an answer of the leader vouches for the stream. A client connects again in silence where a connection broke while nothing
/// was asked; for a server to stop, lose leaves, and be back takes longer than this.
pub const CONFIRMED: Duration = Duration::from_millis(250);

/// Who must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The leader: its answer is the newest there is.
    Leader,
    /// Any: what it has is committed, but newer leaves may be missing.
    Any,
}

/// A leaf as it was read, with the id of its record.
pub type Kept = (Uuid, Vec<u8>);

/// A client of one stream.
pub struct Session {
    client: Client,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    address: Address,
    /// When the stream was last known, through this client, to go on from what this process has seen.
    confirmed: Mutex<Option<Instant>>,
}

impl Session {
    /// A client; it connects at its first call.
    pub fn open(address: &Address) -> Result<Self, Fault> {
        let fails = |detail: String| Fault::Unreachable { doing: "making a client", detail };
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("kurrentdb")
            .enable_all()
            .build()
            .map_err(|error| fails(error.to_string()))?;
        let client = Client::with_runtime_handle(runtime.handle().clone(), address.settings.clone())
            .map_err(|error| fails(error.to_string()))?;
        Ok(Self { client, runtime: Some(runtime), address: address.clone(), confirmed: Mutex::new(None) })
    }

    /// Whether the stream was just known to go on from what this process has seen, by an answer of the leader.
    pub fn is_confirmed(&self) -> bool {
        self.confirmation().is_some_and(|at| at.elapsed() < CONFIRMED)
    }

    /// It is.
    pub fn confirm(&self) {
        *self.confirmation() = Some(Instant::now());
    }

    /// That may be over: the client may have moved to another server.
    pub fn unconfirm(&self) {
        *self.confirmation() = None;
    }

    fn confirmation(&self) -> MutexGuard<'_, Option<Instant>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends records at `at`; the revision of the last one.
    pub fn append(&self, bound: Duration, at: u64, records: Arc<[Record]>) -> Result<u64, Failure> {
        let expected = at.checked_sub(1).map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let options =
            AppendToStreamOptions::default().expected_revision(expected).requires_leader(true).deadline(bound);
        let options = match &self.address.credentials {
            Some(credentials) => options.authenticated(credentials.clone()),
            None => options,
        };
        let (client, stream) = (self.client.clone(), self.address.stream.clone());
        self.call("appending", bound, async move {
            let events: Vec<_> = records.iter().map(Record::event).collect();
            let written = client.append_to_stream(stream, &options, events).await;
            written.map(|written| written.next_expected_version).map_err(|error| Failure::of("appending", &error))
        })
    }

    /// Leaves from `from`, at most `max` and, but for the first, [`READ_BYTES_MAX`]. None where the stream is shorter, or not there.
    pub fn read(&self, bound: Duration, from: u64, max: usize, node: Node) -> Result<Vec<Kept>, Failure> {
        let options = self.reading(bound, node).position(StreamPosition::Position(from)).max_count(max);
        let (client, stream) = (self.client.clone(), self.address.stream.clone());
        self.call("reading leaves", bound, async move {
            let fails = |error: Error| Failure::of("reading leaves", &error);
            let mut leaves: Vec<Kept> = Vec::new();
            let mut bytes = 0;
            let mut reading = match client.read_stream(stream.as_str(), &options).await {
                Err(Error::ResourceNotFound) => return Ok(leaves),
                reading => reading.map_err(fails)?,
            };
            loop {
                let next = match reading.next().await {
                    Err(Error::ResourceNotFound) => None,
                    next => next.map_err(fails)?,
                };
                let Some(event) = next else { return Ok(leaves) };
                let expected = from + leaves.len() as u64;
                let (id, leaf) = leaf_of(event.get_original_event(), &stream, expected).map_err(Failure::Refused)?;
                bytes += leaf.len();
                if leaves.len() == max || (bytes > READ_BYTES_MAX && !leaves.is_empty()) {
                    return Ok(leaves);
                }
                leaves.push((id, leaf));
            }
        })
    }

    /// Revision and id of the leader's last record.
    pub fn last(&self, bound: Duration) -> Result<Option<(u64, Uuid)>, Failure> {
        let last = self.last_of(self.address.stream.clone(), "reading the head", bound)?;
        Ok(last.map(|last| (last.get_original_event().revision, last.get_original_event().id)))
    }

    /// Which setting of the stream's metadata lets the server drop leaves.
    pub fn truncation(&self, bound: Duration) -> Result<Option<String>, Failure> {
        const DOING: &str = "reading the stream's metadata";
        let Some(last) = self.last_of(format!("$${}", self.address.stream), DOING, bound)? else { return Ok(None) };
        let metadata: Metadata = serde_json::from_slice(&last.get_original_event().data)
            .map_err(|error| Failure::Refused(Fault::Refused { doing: DOING, detail: error.to_string() }))?;
        Ok(metadata.truncation())
    }

    fn last_of(&self, stream: String, doing: &'static str, bound: Duration) -> Result<Option<ResolvedEvent>, Failure> {
        let options = self.reading(bound, Node::Leader).position(StreamPosition::End).backwards().max_count(1);
        let client = self.client.clone();
        self.call(doing, bound, async move {
            let found = async { client.read_stream(stream, &options).await?.next().await };
            match found.await {
                Err(Error::ResourceNotFound) => Ok(None),
                found => found.map_err(|error| Failure::of(doing, &error)),
            }
        })
    }

    fn reading(&self, bound: Duration, node: Node) -> ReadStreamOptions {
        let options = ReadStreamOptions::default().requires_leader(node == Node::Leader).deadline(bound);
        match &self.address.credentials {
            Some(credentials) => options.authenticated(credentials.clone()),
            None => options,
        }
    }

    /// Runs a call in the runtime, and waits for it no longer than its bound.
    fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        bound: Duration,
        call: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let doubt = |detail: String| Failure::Doubt(Fault::Unreachable { doing, detail });
        let Some(runtime) = &self.runtime else { return Err(doubt("the client is closed".to_owned())) };
        let (answer, answered) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // The caller may have given up.
            let _ = answer.send(tokio::time::timeout(bound, call).await);
        });
        match answered.recv_timeout(bound + WATCHDOG) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Timeout) => Err(doubt(format!("no answer in {bound:?}"))),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(doubt("the client panicked".to_owned())),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waits for nothing: this may be any thread.
            runtime.shutdown_background();
        }
    }
}

/// The leaf of a record that should be number `expected` of the stream.
fn leaf_of(record: &RecordedEvent, stream: &str, expected: u64) -> Result<Kept, Fault> {
    let foreign = |detail| Fault::Foreign { stream: stream.to_owned(), revision: record.revision, detail };
    if record.revision != expected {
        return Err(foreign(format!("{expected} should come here: records before it were dropped")));
    }
    let leaf = Record::leaf_of(record.revision, record.id, &record.data, &record.custom_metadata).map_err(foreign)?;
    Ok((record.id, leaf))
}

/// The settings of a stream that make its records disappear (KurrentDB, "Stream metadata").
#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(rename = "$maxAge")]
    max_age: Option<serde_json::Value>,
    #[serde(rename = "$maxCount")]
    max_count: Option<serde_json::Value>,
    #[serde(rename = "$tb")]
    truncate_before: Option<serde_json::Value>,
}

impl Metadata {
    fn truncation(&self) -> Option<String> {
        let settings = [("$maxAge", &self.max_age), ("$maxCount", &self.max_count), ("$tb", &self.truncate_before)];
        // `$tb: 0` drops nothing.
        settings
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
            .find(|(name, value)| *name != "$tb" || value.as_u64() != Some(0))
            .map(|(name, value)| format!("{name}: {value}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_that_drop_records_are_named_and_others_are_not() {
        let found = |text: &str| serde_json::from_str::<Metadata>(text).unwrap().truncation();
        assert_eq!(found(r#"{"$maxAge":3600}"#).as_deref(), Some("$maxAge: 3600"));
        assert_eq!(found(r#"{"$acl":{},"$maxCount":5}"#).as_deref(), Some("$maxCount: 5"));
        assert_eq!(found(r#"{"$tb":9223372036854775807}"#).as_deref(), Some("$tb: 9223372036854775807"));
        assert_eq!(found(r#"{"$maxAge":null,"$tb":0,"$acl":{"$w":"greffe"},"$cacheControl":10}"#), None);
    }
}
