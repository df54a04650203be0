//! The sequencer: one thread that gives events their order (DESIGN §7).
//!
//! ```text
//! bounded queue → drain what waits (≤ 1,024 events, ≤ 8 MiB) → clock → decide each, in order, inside one index
//! transaction → store.append(at = head, batch): all or nothing, durable → tree, tiles, index commit
//! → one signed checkpoint for the batch → receipts → wake followers
//! ```
//!
//! No timer: under low load a batch is one event, under load batches grow by themselves. Nothing is signed and nobody
//! is answered before the store has the leaves. When the store cannot say whether it has them, the process must stop:
//! what is on disk decides at restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use greffe_events::leaf::Leaf;
use greffe_events::{Event, Refusal, Uuid};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use super::admission::{Decision, Prepared, decide};
use super::clock::{ClockFault, ClockWatch, Reading};
use super::head::{Head, Receipt, id_of};
use super::index::{IndexError, IndexWriter};
use super::refus::{NodeVoice, RefusalRate, is_recorded};
use crate::store::{APPEND_BYTES_MAX, APPEND_LEAVES_MAX, AppendError, EventStore, StoreError};
use crate::tlog::{Checkpoint, Edge, EdgeNodes, Hash, NoteSigner, TlogProof, inclusion_proof, leaf_hash};

/// Submissions that may wait for the sequencer: some batches. Beyond it the answer is 503.
pub const QUEUE_MAX: usize = 4 * APPEND_LEAVES_MAX;

/// One submission and where its answer goes.
#[derive(Debug)]
pub struct Submission {
    /// What was posted, prepared.
    pub prepared: Prepared,
    /// Gets exactly one answer, unless the process stops.
    pub answer: oneshot::Sender<Answer>,
}

/// What a poster is told.
#[derive(Debug)]
pub enum Answer {
    /// It is in the log.
    Recorded {
        /// The proof.
        receipt: Box<Receipt>,
        /// False where the same bytes were recorded before.
        is_new: bool,
    },
    /// It is not admitted; the receipt of the leaf that records the refusal, where one does.
    Refused(Refusal, Option<Box<Receipt>>),
    /// Neither: try later.
    Unavailable(Unavailable),
}

/// Why the node takes nothing now. Nothing was recorded, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unavailable {
    /// Too many submissions wait.
    #[error("too many submissions wait; try again")]
    QueueFull,
    /// The clock is not believed.
    #[error("{0}")]
    Clock(ClockFault),
    /// The rollback guard can't be written.
    #[error("the rollback guard can't be written, so nothing is signed")]
    Guard,
    /// The store took nothing, for certain.
    #[error("the store took nothing: disk full, read-only or busy")]
    Store,
    /// The node stops. Whether this submission was recorded is known after its restart: post it again.
    #[error("the node is stopping; post the same bytes again later")]
    Stopping,
    /// One key had too many refusals.
    #[error("this key had too many refusals in the last hour")]
    TooManyRefusals,
}

/// Why the sequencer ended the process' work.
#[derive(Debug, Error)]
pub enum Fatal {
    /// The append is in doubt, or another node wrote.
    #[error("{0}")]
    Append(#[from] AppendError),
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
    pub(super) signer: NoteSigner,
    pub(super) voice: NodeVoice,
    pub(super) head: watch::Sender<Arc<Head>>,
    pub(super) guard_failed: Arc<AtomicBool>,
    pub(super) clock: ClockWatch,
    pub(super) started: Instant,
    pub(super) rate: RefusalRate,
}

/// One submission within its batch.
struct Pending {
    answer: oneshot::Sender<Answer>,
    outcome: Outcome,
}

/// What a submission becomes, once the batch is durable.
enum Outcome {
    /// The leaf at this index, new or not.
    Leaf { index: u64, is_new: bool },
    /// A refusal, with the leaf that records it.
    Refused(Refusal, Option<u64>),
    /// Nothing.
    Unavailable(Unavailable),
}

/// The leaves of a batch, before they are durable.
#[derive(Default)]
struct Batch {
    leaves: Vec<Vec<u8>>,
    hashes: Vec<Hash>,
}

impl Sequencer {
    /// Works until the queue is closed and empty, or something fatal happens.
    pub fn run(mut self, mut queue: mpsc::Receiver<Submission>) -> Result<(), Fatal> {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.prepared.envelope.payload().len();
            let mut submissions = vec![first];
            // A refusal leaf is smaller than the payload bound, so counting payloads bounds the batch by far.
            while submissions.len() < APPEND_LEAVES_MAX && bytes < APPEND_BYTES_MAX / 2 {
                let Ok(next) = queue.try_recv() else { break };
                bytes += next.prepared.envelope.payload().len();
                submissions.push(next);
            }
            self.batch(submissions)?;
        }
        Ok(())
    }

    fn batch(&mut self, submissions: Vec<Submission>) -> Result<(), Fatal> {
        if self.guard_failed.load(Ordering::Relaxed) {
            refuse_all(submissions, Unavailable::Guard);
            return Ok(());
        }
        let recorded_at_ms = match self.clock.recorded_at(self.read_clocks(), self.index.recorded_at_ms()) {
            Ok(instant) => instant,
            Err(fault) => {
                tracing::error!(%fault, "horloge");
                refuse_all(submissions, Unavailable::Clock(fault));
                return Ok(());
            }
        };
        let at = self.index.size();
        self.index.begin()?;
        let mut batch = Batch::default();
        let mut pending = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let outcome = self.decide(&submission.prepared, recorded_at_ms, &mut batch)?;
            pending.push(Pending { answer: submission.answer, outcome });
        }
        if batch.leaves.is_empty() {
            self.index.rollback()?;
            return self.answer(pending);
        }
        match self.store.append(at, &batch.leaves) {
            Ok(()) => {}
            Err(AppendError::NotWritten(error)) => {
                tracing::error!(%error, "the store took nothing");
                self.index.rollback()?;
                for Pending { answer, .. } in pending {
                    // The poster may have left.
                    let _ = answer.send(Answer::Unavailable(Unavailable::Store));
                }
                return Ok(());
            }
            Err(error) => {
                for Pending { answer, .. } in pending {
                    let _ = answer.send(Answer::Unavailable(Unavailable::Stopping));
                }
                return Err(error.into());
            }
        }
        for hash in &batch.hashes {
            self.edge.push(*hash);
        }
        let head = self.sign_head()?;
        let answered = self.answer_against(&head, pending);
        // Not empty: checked above.
        let last = batch.hashes[batch.hashes.len() - 1];
        self.index.commit(&mut self.edge, last)?;
        // Whoever is answered or woken can read what was committed.
        self.head.send_replace(Arc::new(head));
        for (answer, told) in answered? {
            let _ = answer.send(told);
        }
        Ok(())
    }

    fn read_clocks(&self) -> Reading {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let monotonic = self.started.elapsed();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Reading { wall_ms: ms(wall), monotonic_ms: ms(monotonic) }
    }

    fn decide(&mut self, prepared: &Prepared, recorded_at_ms: u64, batch: &mut Batch) -> Result<Outcome, Fatal> {
        let decision = decide(prepared, &self.voice.origin, recorded_at_ms, &self.index)?;
        Ok(match (decision, &prepared.event) {
            (Decision::Known(index), _) => Outcome::Leaf { index, is_new: false },
            (Decision::Admitted { place, after }, Ok(event)) => {
                let leaf = Leaf {
                    recorded_at_ms,
                    received_at_ms: prepared.received_at_ms.min(recorded_at_ms),
                    previous: place.previous,
                    rank: place.rank,
                    envelope: prepared.envelope.clone(),
                };
                let index = self.add(&leaf, event, &after, batch)?;
                Outcome::Leaf { index, is_new: true }
            }
            (Decision::Refused(refusal, Some(key)), _) if is_recorded(refusal.code) => {
                let payload = prepared.envelope.payload();
                if let Some(index) = self.index.refusal(&key, refusal.code.as_str(), payload)? {
                    return Ok(Outcome::Refused(refusal, Some(index)));
                }
                if !self.rate.admits(key, recorded_at_ms) {
                    return Ok(Outcome::Unavailable(Unavailable::TooManyRefusals));
                }
                let index = self.record_refusal(payload, key, &refusal, recorded_at_ms, batch)?;
                Outcome::Refused(refusal, Some(index))
            }
            (Decision::Refused(refusal, _), _) => Outcome::Refused(refusal, None),
            // An event that could not be read is never admitted.
            (Decision::Admitted { .. }, Err(refusal)) => Outcome::Refused(refusal.clone(), None),
        })
    }

    fn record_refusal(
        &mut self,
        payload: &[u8],
        key: greffe_events::key::KeyId,
        refusal: &Refusal,
        recorded_at_ms: u64,
        batch: &mut Batch,
    ) -> Result<u64, Fatal> {
        let mut sel = [0; 32];
        getrandom::fill(&mut sel).map_err(|error| Fatal::Tree(format!("no randomness: {error}")))?;
        let wrong = |refusal: Refusal| Fatal::Tree(format!("the node's own refusal is refused: {refusal}"));
        let (envelope, event) =
            self.voice.refuse(payload, key, refusal, sel, Uuid::now_v7(), recorded_at_ms).map_err(wrong)?;
        let prepared = Prepared { envelope, event: Ok(event), pieces: Ok(()), received_at_ms: recorded_at_ms };
        match (decide(&prepared, &self.voice.origin, recorded_at_ms, &self.index)?, &prepared.event) {
            (Decision::Admitted { place, after }, Ok(event)) => {
                let leaf = Leaf {
                    recorded_at_ms,
                    received_at_ms: recorded_at_ms,
                    previous: place.previous,
                    rank: place.rank,
                    envelope: prepared.envelope.clone(),
                };
                self.add(&leaf, event, &after, batch)
            }
            (Decision::Refused(refusal, _), _) => Err(wrong(refusal)),
            _ => Err(Fatal::Tree("the node's own refusal is known already".to_owned())),
        }
    }

    fn add(
        &mut self,
        leaf: &Leaf,
        event: &Event,
        after: &greffe_events::dossier::Dossier,
        batch: &mut Batch,
    ) -> Result<u64, Fatal> {
        let index = self.index.size();
        self.index.add(leaf, event, after)?;
        let bytes = leaf.encode();
        batch.hashes.push(leaf_hash(&bytes));
        batch.leaves.push(bytes);
        Ok(index)
    }

    fn sign_head(&self) -> Result<Head, Fatal> {
        sign_head(&self.edge, &self.signer, self.voice.origin.as_str())
    }

    /// Answers a batch that wrote nothing, against the head as it stands.
    fn answer(&mut self, pending: Vec<Pending>) -> Result<(), Fatal> {
        let head = self.head.borrow().clone();
        for (answer, told) in self.answer_against(&head, pending)? {
            let _ = answer.send(told);
        }
        Ok(())
    }

    fn answer_against(
        &self,
        head: &Head,
        pending: Vec<Pending>,
    ) -> Result<Vec<(oneshot::Sender<Answer>, Answer)>, Fatal> {
        // One reader for the whole batch: the proofs of neighbours share their tiles.
        let nodes = EdgeNodes::new(&self.edge, &self.index);
        let receipt = |index: u64| -> Result<Box<Receipt>, Fatal> {
            let leaf = self.store.read(index, 1)?.into_iter().next();
            let leaf = leaf.ok_or_else(|| Fatal::Tree(format!("the store lost leaf {index}")))?;
            let hashes = inclusion_proof(index, head.size, &nodes).map_err(|error| Fatal::Tree(error.to_string()))?;
            make_receipt(index, &leaf, hashes, head).map(Box::new)
        };
        pending
            .into_iter()
            .map(|Pending { answer, outcome }| {
                let told = match outcome {
                    Outcome::Leaf { index, is_new } => Answer::Recorded { receipt: receipt(index)?, is_new },
                    Outcome::Refused(refusal, index) => Answer::Refused(refusal, index.map(&receipt).transpose()?),
                    Outcome::Unavailable(why) => Answer::Unavailable(why),
                };
                Ok((answer, told))
            })
            .collect()
    }
}

/// Signs the head of a tree.
pub(super) fn sign_head(edge: &Edge, signer: &NoteSigner, origin: &str) -> Result<Head, Fatal> {
    let (size, root) = (edge.size(), edge.root());
    let note = Checkpoint::new(origin, size, root).and_then(|checkpoint| checkpoint.sign(signer));
    let checkpoint = note.map_err(|error| Fatal::Tree(error.to_string()))?.to_string();
    Ok(Head { size, root, checkpoint })
}

/// The receipt of a leaf against a head.
pub(super) fn make_receipt(index: u64, leaf: &[u8], hashes: Vec<Hash>, head: &Head) -> Result<Receipt, Fatal> {
    let proof =
        TlogProof::new(index, hashes, head.checkpoint.clone()).map_err(|error| Fatal::Tree(error.to_string()))?;
    let decoded = Leaf::decode(leaf).map_err(|error| Fatal::Tree(format!("leaf {index}: {error}")))?;
    Ok(Receipt::new(id_of(&decoded), leaf, decoded.recorded_at_ms, &proof))
}

fn refuse_all(submissions: Vec<Submission>, why: Unavailable) {
    for submission in submissions {
        // The poster may have left.
        let _ = submission.answer.send(Answer::Unavailable(why));
    }
}
