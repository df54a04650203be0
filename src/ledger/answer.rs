//! What the sequencer says of each submission, and what a poster is told in the end.
//!
//! ```text
//! sequencer ── Told ──► whoever waits ── receipt made, on its own thread ──► Answer
//! ```

use std::sync::Arc;

use greffe_events::key::KeyId;
use greffe_events::{Refusal, Uuid};
use thiserror::Error;

use super::clock::ClockFault;
use super::head::{Head, Receipt, in_json};
use super::sequencer::Fatal;
use super::tail;
use crate::tlog::{Hash, TlogProof};

/// What becomes of one event, as the sequencer tells it: receipts are made from it by whoever waits for them
/// ([`Ledger::answer`](super::Ledger::answer)), on threads of their own.
#[derive(Debug)]
pub enum Told {
    /// It is in the log.
    Recorded {
        /// Where.
        kept: Kept,
        /// False where the same bytes were recorded before.
        is_new: bool,
    },
    /// It is not admitted; the leaf that records the refusal, where one does.
    Refused(Refusal, Option<Kept>),
    /// It is not admitted, and that is recorded no more: that key had too many refusals.
    RefusedTooOften(Refusal, KeyId),
    /// Neither: try later.
    Unavailable(Unavailable),
}

impl Told {
    /// Whether making its answer reads the store.
    pub fn reads_the_store(&self) -> bool {
        matches!(self, Self::Recorded { kept: Kept::Before(_), .. } | Self::Refused(_, Some(Kept::Before(_))))
    }
}

/// A leaf, for its receipt.
#[derive(Debug)]
pub enum Kept {
    /// Written with this batch: all that a receipt needs.
    Now {
        /// Its index.
        index: u64,
        /// Its inclusion proof against the batch's head.
        hashes: Vec<Hash>,
        /// The batch.
        written: Arc<Written>,
    },
    /// Written before: it is read again.
    Before(u64),
}

/// A batch that is durable, and the head over it.
#[derive(Debug)]
pub struct Written {
    /// The signed head.
    pub head: Arc<Head>,
    /// Index of its first leaf.
    pub at: u64,
    /// When it was recorded, Unix ms.
    pub recorded_at_ms: u64,
    /// Its leaves.
    pub leaves: tail::Batch,
    /// The ids of their events.
    ids: Vec<Uuid>,
    /// The proof of its first leaf: those of the others are under the same checkpoint.
    proof: TlogProof,
    /// That checkpoint, for receipts written as JSON.
    checkpoint_json: String,
}

impl Written {
    pub(super) fn new(
        head: Arc<Head>,
        at: u64,
        recorded_at_ms: u64,
        leaves: tail::Batch,
        ids: Vec<Uuid>,
    ) -> Result<Self, Fatal> {
        let proof = TlogProof::new(at, Vec::new(), head.checkpoint.clone());
        let proof = proof.map_err(|error| Fatal::Tree(error.to_string()))?;
        let checkpoint_json = in_json(&head.checkpoint);
        Ok(Self { head, at, recorded_at_ms, leaves, ids, proof, checkpoint_json })
    }

    fn leaf(&self, index: u64) -> Option<(&Uuid, &[u8])> {
        let at = usize::try_from(index.checked_sub(self.at)?).ok()?;
        Some((self.ids.get(at)?, self.leaves.get(at)?.bytes()))
    }

    /// The receipt of one of its leaves; none where the leaf is of another batch.
    pub fn receipt(&self, index: u64, hashes: Vec<Hash>) -> Result<Option<Receipt>, Fatal> {
        let Some((id, leaf)) = self.leaf(index) else { return Ok(None) };
        let proof = self.proof.of_leaf(index, hashes).map_err(|error| Fatal::Tree(error.to_string()))?;
        Ok(Some(Receipt::new(id.to_string(), leaf, self.recorded_at_ms, &proof)))
    }

    /// Writes the JSON of that receipt; false where the leaf is of another batch.
    pub fn write_receipt(&self, text: &mut String, index: u64, hashes: &[Hash]) -> bool {
        let Some((id, leaf)) = self.leaf(index) else { return false };
        let id = id.hyphenated();
        let mut buffer = Uuid::encode_buffer();
        let id = id.encode_lower(&mut buffer);
        Receipt::write_json(text, id, leaf, self.recorded_at_ms, (index, hashes), &self.checkpoint_json);
        true
    }
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
    /// It is not admitted, and that is recorded no more: that key had too many refusals.
    RefusedTooOften(Refusal, KeyId),
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
    /// Other nodes wrote first, again and again.
    #[error("other nodes wrote first each time; post the same bytes again")]
    Contended,
    /// The store did not say in time whether it took it.
    #[error("nobody knows yet whether it was recorded; post the same bytes again")]
    Unsettled,
    /// The node stops. Whether this submission was recorded is known after its restart: post it again.
    #[error("the node is stopping; post the same bytes again later")]
    Stopping,
}
