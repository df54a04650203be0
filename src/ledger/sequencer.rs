//! The sequencer: one thread that gives events their order (DESIGN §7).
//!
//! ```text
//! fair queue (`queue`) → drain what waits (≤ 1,024 events, ≤ 8 MiB) → clock → decide each, in order, over the index and what
//! the batch itself adds → store.append(at = head, batch): all or nothing, durable → tree, tiles, index
//! → one signed checkpoint for the batch → proofs → wake followers and those who wait
//! ```
//!
//! No timer: under low load a batch is one event, under load batches grow by themselves. Nothing is signed and nobody
//! is answered before the store has the leaves. When the store cannot say whether it has them, the process must stop:
//! what is on disk decides at restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use greffe_events::dossier::Dossier;
use greffe_events::dsse::Envelope;
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::{Event, Recorded, Refusal, Uuid};
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use super::admission::{Decision, Prepared, decide};
use super::answer::{Kept, Told, Unavailable, Written};
use super::cles::{NodeKeys, Successor};
use super::clock::{Clock, ClockWatch};
use super::head::{Head, Receipt, id_of};
use super::index::{IndexError, IndexWriter, Place};
use super::metrics::{self, Metrics, Stage};
use super::nodes;
use super::queue::Queue;
use super::refus::{NodeVoice, RefusalKey, RefusalWatch, is_recorded};
use super::tail::{self, Tail};
use crate::store::{AppendError, EventStore, StoreError};
use crate::tlog::{Checkpoint, Edge, EdgeNodes, Hash, NoteSigner, TlogProof, inclusion_proof, leaf_hash};

/// What was posted together, and where its answers go: they stay together and in order.
#[derive(Debug)]
pub struct Group {
    /// At least one, prepared.
    pub prepared: Vec<Prepared>,
    /// Gets one answer for each, in order, unless the process stops.
    pub answer: oneshot::Sender<Vec<Told>>,
}

/// Why the sequencer ended the process' work.
#[derive(Debug, Error)]
pub enum Fatal {
    /// The append is in doubt, or another node wrote.
    #[error("{0}")]
    Append(#[from] AppendError),
    /// Leaf `index` is another node's, and this one is to be alone.
    #[error(
        "leaf {index} is not of this node: another one writes to the same stream, and files are not shared between nodes"
    )]
    OtherNode {
        /// The first such leaf.
        index: u64,
    },
    /// The store can't be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The index failed after the store had the leaves.
    #[error("{0}")]
    Index(#[from] IndexError),
    /// A proof or checkpoint could not be made.
    #[error("the tree: {0}")]
    Tree(String),
}

/// The sequencer's own state. Owned by its thread.
pub struct Sequencer {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) index: IndexWriter,
    pub(super) edge: Edge,
    pub(super) keys: NodeKeys,
    pub(super) voice: NodeVoice,
    pub(super) head: watch::Sender<Arc<Head>>,
    pub(super) guard_failed: Arc<AtomicBool>,
    pub(super) clock: Clock,
    pub(super) clock_watch: ClockWatch,
    pub(super) refusals: RefusalWatch,
    pub(super) metrics: Arc<Metrics>,
    /// Takes what was written, for the views.
    pub(super) tail: Arc<Tail>,
    /// Where nodes share the store: the rollback guard, written before a head is seen.
    pub(super) guard: Option<PathBuf>,
    /// Whether no other node may write: then leaves that are not of this one end it.
    pub(super) is_alone: bool,
    /// The batch of which the store did not say whether it took it.
    pub(super) unsettled: Option<Vec<Vec<u8>>>,
}

/// What a submission becomes, once the batch is durable.
enum Outcome {
    /// The leaf at this index, new or not.
    Leaf { index: u64, is_new: bool },
    /// A refusal, with the leaf that records it.
    Refused(Refusal, Option<u64>),
    /// A refusal that is not recorded.
    RefusedTooOften(Refusal, KeyId),
}

/// Where the answers of a group go.
type Answers = oneshot::Sender<Vec<Told>>;

/// A group within its batch.
struct Pending {
    /// Taken out once their leaves are durable.
    prepared: Vec<Prepared>,
    answer: Answers,
    outcomes: Vec<Outcome>,
}

/// The leaves of a batch, before they are durable.
#[derive(Default)]
struct Batch {
    leaves: Vec<Vec<u8>>,
    ids: Vec<Uuid>,
    hashes: Vec<Hash>,
    refusals: Vec<(RefusalKey, u64)>,
    /// What the node itself says in it, with the index of its leaf.
    own: Vec<(u64, Prepared)>,
    successors: Vec<Successor>,
}

/// Closes the queue however the sequencer ends, a panic included: whoever waits learns it.
struct AtTheEnd(Arc<Queue<Group>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Sequencer {
    /// Works until the queue is closed and empty, or something fatal happens.
    pub fn run(mut self, queue: Arc<Queue<Group>>) -> Result<(), Fatal> {
        let queue = AtTheEnd(queue);
        while let Some(taken) = queue.0.take() {
            for wait in taken.waits {
                self.metrics.took(Stage::Wait, wait);
            }
            if taken.groups.is_empty() {
                self.join()?;
                continue;
            }
            let (mut groups, mut lost) = (taken.groups, 0);
            while let Some(again) = self.batch(groups)? {
                lost += 1;
                if !self.join()? {
                    refuse_all(again, Unavailable::Store);
                    break;
                }
                if lost == nodes::LOST_MAX {
                    refuse_all(again, Unavailable::Contended);
                    break;
                }
                std::thread::sleep(nodes::pause(lost));
                groups = again;
            }
        }
        Ok(())
    }

    /// Decides a batch and writes it. Gives it back where another node wrote first: it is to be decided again.
    fn batch(&mut self, groups: Vec<Group>) -> Result<Option<Vec<Group>>, Fatal> {
        if !self.is_guarded()? {
            refuse_all(groups, Unavailable::Guard);
            return Ok(None);
        }
        let recorded_at_ms = match self.clock_watch.recorded_at(self.clock.read(), self.index.recorded_at_ms()) {
            Ok(instant) => instant,
            Err(fault) => {
                tracing::error!(%fault, "horloge");
                refuse_all(groups, Unavailable::Clock(fault));
                return Ok(None);
            }
        };
        self.metrics.batch(groups.iter().map(|group| group.prepared.len()).sum());
        let mut watch = Stopwatch { metrics: Arc::clone(&self.metrics), since: Instant::now() };
        let at = self.index.size();
        if let Err(error) = self.index.begin() {
            tracing::error!(%error, "nothing is recorded until the index can be written");
            refuse_all(groups, Unavailable::Store);
            return Ok(None);
        }
        let mut batch = Batch::default();
        let mut pending = Vec::with_capacity(groups.len());
        for Group { prepared, answer } in groups {
            let decided = prepared.into_iter().map(|prepared| self.decide(prepared, recorded_at_ms, &mut batch));
            let (prepared, outcomes) = decided.collect::<Result<_, _>>()?;
            pending.push(Pending { prepared, answer, outcomes });
        }
        watch.took(Stage::Decide);
        let Some(last) = batch.hashes.last().copied() else {
            self.index.rollback();
            let head = self.head.borrow().clone();
            let nothing = Arc::new(Written::new(head, at, recorded_at_ms, tail::Batch::default(), Vec::new())?);
            return self.answer(pending, &nothing).map(|()| None);
        };
        match self.store.append(at, &batch.leaves) {
            Ok(()) => {}
            Err(AppendError::NotWritten(error)) => {
                tracing::error!(%error, "the store took nothing");
                self.index.rollback();
                tell_all(pending, Unavailable::Store);
                return Ok(None);
            }
            Err(AppendError::Unsettled(error)) => {
                tracing::error!(%error, "the store did not say whether it took a batch");
                self.index.rollback();
                self.unsettled = Some(batch.leaves);
                tell_all(pending, Unavailable::Unsettled);
                return Ok(None);
            }
            Err(AppendError::Conflict { actual }) if self.store.is_shared() => {
                tracing::debug!(at, actual, "another node wrote first");
                self.index.rollback();
                let again = |Pending { prepared, answer, .. }| Group { prepared, answer };
                return Ok(Some(pending.into_iter().map(again).collect()));
            }
            Err(error) => {
                tell_all(pending, Unavailable::Stopping);
                return Err(error.into());
            }
        }
        let leaves = recorded(at, std::mem::take(&mut batch.leaves), std::mem::take(&mut batch.own), &mut pending);
        self.tail.push(&leaves);
        watch.took(Stage::Append);
        for hash in &batch.hashes {
            self.edge.push(*hash);
        }
        let before = self.head.borrow().clone();
        for successor in std::mem::take(&mut batch.successors) {
            self.keys.succeed(successor, &before).map_err(|error| Fatal::Tree(error.to_string()))?;
        }
        let head = Arc::new(self.sign_head()?);
        watch.took(Stage::Tree);
        self.refusals.remember(std::mem::take(&mut batch.refusals));
        let written = Arc::new(Written::new(Arc::clone(&head), at, recorded_at_ms, leaves, batch.ids)?);
        let told = self.told(pending, &written)?;
        self.index.commit(&mut self.edge, last);
        watch.took(Stage::Index);
        // Whoever is answered or woken can read what was committed.
        let is_seen = self.publish(head);
        for (answer, told) in told {
            let unseen = |_| Told::Unavailable(Unavailable::Guard);
            // The poster may have left.
            let _ = answer.send(if is_seen { told } else { told.into_iter().map(unseen).collect() });
        }
        watch.took(Stage::Answer);
        Ok(None)
    }

    /// Decides one submission, and gives it back with what becomes of it.
    fn decide(
        &mut self,
        prepared: Prepared,
        recorded_at_ms: u64,
        batch: &mut Batch,
    ) -> Result<(Prepared, Outcome), Fatal> {
        let decision = decide(&prepared, &self.voice.origin, recorded_at_ms, &self.index)?;
        let outcome = match (decision, &prepared.event) {
            (Decision::Known(index), _) => Outcome::Leaf { index, is_new: false },
            (Decision::Admitted { place, after }, Ok(event)) => {
                match self.keys.successor(&event.data, &self.voice.origin) {
                    Ok(successor) => {
                        batch.successors.extend(successor);
                        let (prepared, index) = self.add(prepared, &place, &after, recorded_at_ms, batch)?;
                        return Ok((prepared, Outcome::Leaf { index, is_new: true }));
                    }
                    Err(refusal) => Outcome::Refused(refusal, None),
                }
            }
            (Decision::Refused(refusal, Some(author)), _) if self.is_to_record(&prepared, &refusal) => {
                let key = RefusalKey { author, code: refusal.code, payload: prepared.payload };
                self.refuse(&prepared, key, refusal, recorded_at_ms, batch)?
            }
            (Decision::Refused(refusal, _), _) => Outcome::Refused(refusal, None),
            // An event that could not be read is never admitted.
            (Decision::Admitted { .. }, Err(refusal)) => Outcome::Refused(refusal.clone(), None),
        };
        Ok((prepared, outcome))
    }

    fn is_to_record(&self, prepared: &Prepared, refusal: &Refusal) -> bool {
        is_recorded(refusal.code) && prepared.registre().is_some_and(|registre| registre == self.voice.origin)
    }

    /// A refusal with its leaf: the one that there is, a new one, or none where its key had too many.
    fn refuse(
        &mut self,
        prepared: &Prepared,
        key: RefusalKey,
        refusal: Refusal,
        recorded_at_ms: u64,
        batch: &mut Batch,
    ) -> Result<Outcome, Fatal> {
        if let Some(index) = self.refusals.known(&key) {
            return Ok(Outcome::Refused(refusal, Some(index)));
        }
        // Before the comparison with earlier refusals, which costs: it is within the budget too.
        if !self.refusals.has_room(key.author, recorded_at_ms) {
            return Ok(Outcome::RefusedTooOften(refusal, key.author));
        }
        let payload = prepared.envelope.payload();
        let known = self.index.refusal(&key.author, refusal.code.as_str(), payload)?;
        let index = if let Some(index) = known {
            index
        } else {
            self.refusals.count(key.author, recorded_at_ms);
            self.record_refusal(payload, key.author, &refusal, recorded_at_ms, batch)?
        };
        batch.refusals.push((key, index));
        Ok(Outcome::Refused(refusal, Some(index)))
    }

    fn record_refusal(
        &mut self,
        payload: &[u8],
        key: KeyId,
        refusal: &Refusal,
        recorded_at_ms: u64,
        batch: &mut Batch,
    ) -> Result<u64, Fatal> {
        let mut sel = [0; 32];
        getrandom::fill(&mut sel).map_err(|error| Fatal::Tree(format!("no randomness: {error}")))?;
        // Replaced earlier in this batch, the old one may sign no more.
        let node_key = batch.successors.iter().rev().find_map(Successor::node).unwrap_or(self.keys.node());
        let wrong = |refusal: Refusal| Fatal::Tree(format!("the node's own refusal is refused: {refusal}"));
        let bytes = self.voice.refuse(payload, key, refusal, sel, Uuid::now_v7(), recorded_at_ms);
        let event = Event::parse(&bytes).map_err(wrong)?;
        let envelope = Envelope::sign(bytes, &[node_key]).map_err(wrong)?;
        let prepared = Prepared::new(envelope, Ok(event), Ok(()), recorded_at_ms);
        match decide(&prepared, &self.voice.origin, recorded_at_ms, &self.index)? {
            Decision::Admitted { place, after } => {
                let (prepared, index) = self.add(prepared, &place, &after, recorded_at_ms, batch)?;
                batch.own.push((index, prepared));
                Ok(index)
            }
            Decision::Refused(refusal, _) => Err(wrong(refusal)),
            Decision::Known(_) => Err(Fatal::Tree("the node's own refusal is known already".to_owned())),
        }
    }

    /// Makes the next leaf of what is admitted; gives it back, with the index.
    fn add(
        &mut self,
        mut prepared: Prepared,
        place: &Place,
        after: &Dossier,
        recorded_at_ms: u64,
        batch: &mut Batch,
    ) -> Result<(Prepared, u64), Fatal> {
        let Ok(event) = &prepared.event else {
            return Err(Fatal::Tree("an event that could not be read was admitted".to_owned()));
        };
        let index = self.index.size();
        // The envelope is the leaf's for a moment, rather than copied.
        let leaf = Leaf {
            recorded_at_ms,
            received_at_ms: prepared.received_at_ms.min(recorded_at_ms),
            previous: place.previous,
            rank: place.rank,
            envelope: prepared.envelope,
        };
        self.index.add(&leaf, event, prepared.payload, after)?;
        let bytes = leaf.encode();
        batch.hashes.push(leaf_hash(&bytes));
        batch.leaves.push(bytes);
        batch.ids.push(event.id);
        prepared.envelope = leaf.envelope;
        Ok((prepared, index))
    }

    pub(super) fn sign_head(&self) -> Result<Head, Fatal> {
        sign_head(&self.edge, self.keys.signer(), self.voice.origin.as_str())
    }

    /// Answers a batch that wrote nothing.
    fn answer(&self, pending: Vec<Pending>, written: &Arc<Written>) -> Result<(), Fatal> {
        for (answer, told) in self.told(pending, written)? {
            let _ = answer.send(told);
        }
        Ok(())
    }

    /// What each poster is told, with the inclusion proofs of the leaves that were just written.
    fn told(&self, pending: Vec<Pending>, written: &Arc<Written>) -> Result<Vec<(Answers, Vec<Told>)>, Fatal> {
        // One reader for the whole batch: the proofs of neighbours share their tiles.
        let nodes = EdgeNodes::new(&self.edge, &self.index);
        let kept = |index: u64| -> Result<Kept, Fatal> {
            if index < written.at {
                return Ok(Kept::Before(index));
            }
            let hashes =
                inclusion_proof(index, written.head.size, &nodes).map_err(|error| Fatal::Tree(error.to_string()))?;
            Ok(Kept::Now { index, hashes, written: Arc::clone(written) })
        };
        let tell = |outcome: Outcome| -> Result<Told, Fatal> {
            Ok(match outcome {
                Outcome::Leaf { index, is_new } => {
                    self.metrics.event(if is_new { metrics::Outcome::Recorded } else { metrics::Outcome::Known });
                    Told::Recorded { kept: kept(index)?, is_new }
                }
                Outcome::Refused(refusal, index) => {
                    self.metrics.refusal(refusal.code.as_str());
                    Told::Refused(refusal, index.map(kept).transpose()?)
                }
                Outcome::RefusedTooOften(refusal, key) => {
                    self.metrics.refusal(refusal.code.as_str());
                    Told::RefusedTooOften(refusal, key)
                }
            })
        };
        pending
            .into_iter()
            .map(|Pending { answer, outcomes, .. }| {
                Ok((answer, outcomes.into_iter().map(tell).collect::<Result<_, Fatal>>()?))
            })
            .collect()
    }
}

/// The leaves from index `at` on, which are durable, with what was read of them before they were: taken out of those that were
/// posted, and of what the node itself said.
fn recorded(at: u64, leaves: Vec<Vec<u8>>, own: Vec<(u64, Prepared)>, pending: &mut [Pending]) -> tail::Batch {
    let posted = pending.iter_mut().flat_map(|pending| pending.prepared.drain(..).zip(&pending.outcomes));
    let posted = posted.filter_map(|(prepared, outcome)| match outcome {
        Outcome::Leaf { index, is_new: true } => Some((*index, prepared)),
        _ => None,
    });
    let (mut posted, mut own) = (posted.peekable(), own.into_iter().peekable());
    let mut recorded = |(index, bytes)| {
        let is_it = |(of, _): &(u64, Prepared)| *of == index;
        match posted.next_if(is_it).or_else(|| own.next_if(is_it)) {
            Some((_, Prepared { envelope, event: Ok(event), .. })) => Recorded::written(index, bytes, envelope, event),
            _ => Recorded::new(index, bytes),
        }
    };
    (at..).zip(leaves).map(|leaf| Arc::new(recorded(leaf))).collect()
}

/// Tells the stages of a batch from each other.
struct Stopwatch {
    metrics: Arc<Metrics>,
    since: Instant,
}

impl Stopwatch {
    fn took(&mut self, stage: Stage) {
        let now = Instant::now();
        self.metrics.took(stage, now.duration_since(self.since));
        self.since = now;
    }
}

/// Signs the head of a tree.
pub(super) fn sign_head(edge: &Edge, signer: &NoteSigner, origin: &str) -> Result<Head, Fatal> {
    let (size, root) = (edge.size(), edge.root());
    let note = Checkpoint::new(origin, size, root).and_then(|checkpoint| checkpoint.sign(signer));
    let checkpoint = note.map_err(|error| Fatal::Tree(error.to_string()))?.to_string();
    Ok(Head { size, root, checkpoint, verifier: signer.verifier().clone() })
}

/// The receipt of a leaf against a head.
pub(super) fn make_receipt(index: u64, leaf: &[u8], hashes: Vec<Hash>, head: &Head) -> Result<Receipt, Fatal> {
    let proof =
        TlogProof::new(index, hashes, head.checkpoint.clone()).map_err(|error| Fatal::Tree(error.to_string()))?;
    let decoded = Leaf::decode(leaf).map_err(|error| Fatal::Tree(format!("leaf {index}: {error}")))?;
    Ok(Receipt::new(id_of(&decoded), leaf, decoded.recorded_at_ms, &proof))
}

fn refuse_all(groups: Vec<Group>, why: Unavailable) {
    for Group { prepared, answer } in groups {
        // The poster may have left.
        let _ = answer.send(prepared.iter().map(|_| Told::Unavailable(why)).collect());
    }
}

fn tell_all(pending: Vec<Pending>, why: Unavailable) {
    for Pending { answer, outcomes, .. } in pending {
        let _ = answer.send(outcomes.iter().map(|_| Told::Unavailable(why)).collect());
    }
}
