//! The newest leaves, made ready once for all who follow.
//!
//! ```text
//! Ledger::tail ──► one task (`suit`) ──► window of ready leaves ──► each follower, at its own pace
//!                                        └─ no longer here: the follower reads the store
//! ```
//!
//! The task runs while somebody follows, and holds leaves for no follower in particular: whoever is slower than the window is long reads
//! the store, and holds nothing back. Followers are woken at most every [`PAUSE`]: a busy log reaches a thousand of them in blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greffe_events::Recorded;
use tokio::sync::watch;

use super::super::Node;
use super::super::feuille::Feuille;
use super::super::problem::Problem;
use crate::ledger::LedgerError;

/// Most leaves in the window: what a busy node writes in some seconds.
const LEAVES_MAX: usize = 4_096;
/// Most bytes of leaves in the window; what is made of them is some four times as much again.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Leaves made ready at once.
const BLOCK_LEAVES: usize = 512;
/// How long the task rests after it has come up.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it waits before it tries again after the log could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// The window. Shared by the node's followers.
#[derive(Debug)]
pub(in super::super) struct Recentes {
    kept: Mutex<Kept>,
    /// The index after the last leaf of the window; said at each new block.
    end: watch::Sender<u64>,
    followers: watch::Sender<usize>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Kept {
    first: u64,
    /// Consecutive.
    leaves: VecDeque<Arc<Feuille>>,
    bytes: usize,
    is_followed: bool,
}

impl Default for Recentes {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            end: watch::Sender::new(0),
            followers: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        }
    }
}

impl Recentes {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all streams, now and from now on.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Tells when streams end.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// Tells of new leaves in the window.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Leaves from `from` on, at most `max`: none at the end; nothing where the window begins later.
    pub(in super::super) fn read(&self, from: u64, max: usize) -> Option<Vec<Arc<Feuille>>> {
        let kept = self.lock();
        let skipped = usize::try_from(from.checked_sub(kept.first)?).ok()?;
        Some(kept.leaves.iter().skip(skipped).take(max).cloned().collect())
    }

    fn push(&self, leaves: Vec<Arc<Feuille>>) {
        // Dropped after the lock.
        let mut spent = Vec::new();
        let mut kept = self.lock();
        kept.bytes += leaves.iter().map(|leaf| leaf.bytes().len()).sum::<usize>();
        kept.leaves.extend(leaves);
        while kept.leaves.len() > LEAVES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.leaves.pop_front() else { break };
            kept.first += 1;
            kept.bytes -= oldest.bytes().len();
            spent.push(oldest);
        }
        let end = kept.first + kept.leaves.len() as u64;
        drop(kept);
        self.end.send_replace(end);
    }

    /// The window begins anew, empty, at this leaf.
    fn begin(&self, at: u64) {
        let mut kept = self.lock();
        *kept = Kept { first: at, is_followed: true, ..Kept::default() };
        drop(kept);
        self.end.send_replace(at);
    }

    /// Whether nobody follows any more: then the window is empty, and the next follower begins it.
    fn ends(&self) -> bool {
        let mut kept = self.lock();
        if *self.followers.borrow() > 0 {
            return false;
        }
        *kept = Kept { first: kept.first + kept.leaves.len() as u64, ..Kept::default() };
        true
    }
}

/// One who follows, until dropped.
pub(in super::super) struct Suiveur {
    recentes: Arc<Recentes>,
}

impl Suiveur {
    /// Follows, and has the window followed if nobody did.
    pub fn new(node: &Node) -> Self {
        let recentes = Arc::clone(&node.recentes);
        let mut kept = recentes.lock();
        recentes.followers.send_modify(|count| *count += 1);
        if !std::mem::replace(&mut kept.is_followed, true) {
            tokio::spawn(follow(node.clone()));
        }
        drop(kept);
        Self { recentes }
    }
}

impl Suiveur {
    /// What it reads.
    pub fn recentes(&self) -> &Recentes {
        &self.recentes
    }
}

impl Drop for Suiveur {
    fn drop(&mut self) {
        self.recentes.followers.send_modify(|count| *count -= 1);
    }
}

/// Keeps the window up to date while somebody follows.
async fn follow(node: Node) {
    let ledger = &node.app().ledger;
    let mut head = ledger.subscribe();
    let mut followers = node.recentes.followers.subscribe();
    // Made here: while nobody follows, nothing is kept for this task.
    let tail = Arc::new(ledger.tail());
    let mut at = head.borrow_and_update().size;
    node.recentes.begin(at);
    loop {
        let size = head.borrow_and_update().size;
        if at < size {
            let tail = Arc::clone(&tail);
            let read = node.blocking(move |app| {
                let leaves = tail.read(at, BLOCK_LEAVES, |from, max| {
                    let stored = app.ledger.store().read(from, max).map_err(LedgerError::from)?;
                    let numbered = (from..).zip(stored);
                    Ok::<_, Problem>(numbered.map(|(index, bytes)| Arc::new(Recorded::new(index, bytes))).collect())
                })?;
                let within = leaves.into_iter().take_while(|leaf| leaf.index() < size);
                within.map(|leaf| Feuille::of(leaf, app).map(Arc::new)).collect::<Result<Vec<_>, _>>()
            });
            match read.await {
                Ok(leaves) if !leaves.is_empty() => {
                    at += leaves.len() as u64;
                    node.recentes.push(leaves);
                    if at == size {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                // Its cause is in the node's log.
                _ => tokio::time::sleep(RETRY).await,
            }
        } else {
            tokio::select! {
                changed = head.changed() => if changed.is_err() {
                    return;
                },
                _ = followers.wait_for(|count| *count == 0) => {}
            }
        }
        if node.recentes.ends() {
            return;
        }
    }
}
