//! Several nodes over one store: any of them may write, and the store's fence alone decides who did.
//!
//! ```text
//! batch decided at size n ── append(at = n) ──► written                     → signed, answered
//!                                           └─► conflict: another node wrote → join: take in its leaves, decide the batch again
//!                                           └─► unsettled: nobody knows yet  → 503; join takes it in, should it have been written
//! ```
//!
//! There is no election and no lock: who loses the fence has learnt what the winner wrote before it decides again, so an event that
//! both were posted is recorded once, and life cycles hold over all nodes. Each node signs heads of the one history with the
//! same key: whatever two of them say is consistent. A node that writes nothing is told by a thread of its own (`follow`).
//!
//! Before a head leaves such a node, its rollback guard holds it: a cluster can lose its newest leaves (DESIGN §7).
//!
//! Not here: files. What one node took in is not at the others.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use greffe_events::authority::RightsReader;
use tokio::sync::watch;

use super::cles::NodeKeys;
use super::folder::replace_file;
use super::head::Head;
use super::queue::Queue;
use super::sequencer::{Fatal, Group, Sequencer};
use crate::store::{EventStore, READ_LEAVES_MAX};
use crate::tlog::{TILE_WIDTH, TileReader, leaf_hash};

/// How often one batch is decided again because another node was first, before its posters are told to come again.
pub const LOST_MAX: u32 = 20;

/// Longest pause before a batch is decided again: some appends of the others.
const PAUSE_MAX: Duration = Duration::from_millis(64);

/// How long the follower waits for news at a time: the longest that a stop waits for it while the store answers.
const FOLLOW: Duration = Duration::from_secs(1);

/// How long a batch of this node's own takes at most between the store and the head.
const OWN: Duration = Duration::from_millis(200);

/// A pause before attempt number `lost`, at random so that two nodes don't meet again, longer each time.
pub(super) fn pause(lost: u32) -> Duration {
    let mut byte = [0];
    // Without randomness the nodes merely meet more often.
    let _ = getrandom::fill(&mut byte);
    let most = PAUSE_MAX.min(Duration::from_millis(1 << lost.min(10)));
    most * u32::from(byte[0]) / 255
}

impl Sequencer {
    /// Takes in the leaves that others wrote; false where the store can't be read now.
    ///
    /// # Errors
    ///
    /// Where what this node knows is not in the store any more, or what is new does not follow from it.
    pub(super) fn join(&mut self) -> Result<bool, Fatal> {
        let before = self.index.size();
        loop {
            let size = self.index.size();
            let Some(last) = size.checked_sub(1) else { return Ok(true) };
            let page = match self.store.read(last, READ_LEAVES_MAX) {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "what others wrote can't be read");
                    return Ok(false);
                }
            };
            let width = u16::try_from(last % u64::from(TILE_WIDTH)).unwrap_or_default() + 1;
            let known = (&self.index).tile(0, last / u64::from(TILE_WIDTH), width)?.pop();
            let Some((same, new)) = page.split_first().filter(|(same, _)| Some(leaf_hash(same)) == known) else {
                return Err(Fatal::Tree(format!(
                    "leaf {last} of the store is gone, or not the one that this node signed"
                )));
            };
            tracing::debug!(last, bytes = same.len(), new = new.len(), "joining");
            let Some(newest) = new.last().map(|leaf| leaf_hash(leaf)) else { break };
            if self.is_alone && self.unsettled.take().as_deref() != Some(new) {
                return Err(Fatal::OtherNode { index: size });
            }
            if let Err(error) = self.index.begin() {
                tracing::error!(%error, "what others wrote can't be indexed");
                return Ok(false);
            }
            for leaf in new {
                self.index.catch_up(leaf)?;
                self.edge.push(leaf_hash(leaf));
            }
            self.index.commit(&mut self.edge, newest);
        }
        if self.index.size() > before {
            self.follow_keys()?;
            let head = Arc::new(self.sign_head()?);
            self.publish(head);
        }
        // No batch is open: this ends the reading of the index that began here.
        self.index.rollback();
        Ok(true)
    }

    /// Takes the keys in use that the log names now: another node may have written their replacement.
    fn follow_keys(&mut self) -> Result<(), Fatal> {
        let Some(log) = RightsReader::log(&self.index, &self.voice.origin)? else { return Ok(()) };
        let is_signer = log.journal.last().is_some_and(|key| key.vkey == self.keys.signer().verifier().to_string());
        if !is_signer || log.noeud != self.keys.node().id() {
            let keys = NodeKeys::open(self.keys.folder(), &self.voice.origin, &log);
            self.keys = keys.map_err(|error| Fatal::Tree(format!("another node replaced a key: {error}")))?;
        }
        Ok(())
    }

    /// Lets everyone see a head, once the guard holds it where nodes share the store; false where it can't be written, and then
    /// nobody sees the head.
    pub(super) fn publish(&mut self, head: Arc<Head>) -> bool {
        if let Some(guard) = &self.guard {
            let written = replace_file(guard, head.checkpoint.as_bytes());
            self.guard_failed.store(written.is_err(), Ordering::Relaxed);
            if let Err(error) = written {
                tracing::error!(%error, guard = %guard.display(), "the rollback guard can't be written");
                return false;
            }
        }
        self.head.send_replace(head);
        true
    }

    /// Whether the guard is kept; where this thread keeps it, tries again first, so that every leaf of the index is in a head.
    pub(super) fn is_guarded(&mut self) -> Result<bool, Fatal> {
        let has_failed = self.guard_failed.load(Ordering::Relaxed);
        if self.guard.is_none() || (!has_failed && self.head.borrow().size == self.index.size()) {
            return Ok(!has_failed);
        }
        let head = Arc::new(self.sign_head()?);
        Ok(self.publish(head))
    }
}

/// Wakes the sequencer, from a thread of its own, when the store has leaves that are in no head of this node. Ends with the queue.
pub(super) fn follow(
    store: Arc<dyn EventStore>,
    mut head: watch::Receiver<Arc<Head>>,
    queue: Arc<Queue<Group>>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("suiveur".to_owned()).spawn(move || {
        while queue.is_open() {
            let size = head.borrow_and_update().size;
            match store.follow(size, FOLLOW) {
                Ok(found) if found > size => {
                    // A batch of this node's own is in its head in a moment.
                    let mut is_seen = || {
                        let seen = head.wait_for(|head| head.size >= found);
                        runtime.block_on(async { tokio::time::timeout(OWN, seen).await.is_ok() })
                    };
                    if !is_seen() {
                        queue.nudge();
                        is_seen();
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the store can't be followed");
                    std::thread::sleep(FOLLOW);
                }
            }
        }
    })
}
