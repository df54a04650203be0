//! The rollback guard (DESIGN §7): the log's last checkpoint, kept where backups of the store don't reach.
//!
//! A restored backup has a valid, shorter history; were the node to write on it, it would sign a second one.
//! So the node keeps its own last signed checkpoint in a file outside its folder, at most [`GUARD_AGE_MAX`] old,
//! and at start refuses a store that does not extend it. The guard is a signed note: nobody without the log's key
//! can make one.
//!
//! Not here: the root of the store at a size (the caller asks the index), nor any comparison with other people's
//! checkpoints (witnesses, later).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use super::folder::replace_file;
use super::head::Head;
use super::metrics::Metrics;
use crate::tlog::note::Note;
use crate::tlog::{Checkpoint, CheckpointError, Hash, Verifier};

/// How old the guard may be while the node writes.
pub const GUARD_AGE_MAX: Duration = Duration::from_millis(500);

/// Largest guard file, in bytes: a checkpoint with some cosignatures.
const GUARD_BYTES_MAX: u64 = 64 * 1024;

/// Why the node may not write.
#[derive(Debug, Error)]
pub enum GuardError {
    /// There is a history but no guard: nobody can say whether it is the whole one.
    #[error(
        "the rollback guard {path} is missing, and the store holds {size} leaves: it may be a restored backup. \
         If you know that it is the newest state, start once with --accept-store"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// Leaves in the store.
        size: u64,
    },
    /// The store ends before the guard.
    #[error(
        "the store holds {size} leaves, but this log signed {guarded}: a backup was restored. Writing on it would \
         sign a second history. Bring the newer store back (guard: {path})"
    )]
    RolledBack {
        /// The guard.
        path: PathBuf,
        /// Leaves in the store.
        size: u64,
        /// Leaves that the log signed.
        guarded: u64,
    },
    /// Another history.
    #[error("the first {guarded} leaves of the store are not those that this log signed (guard: {path})")]
    Forked {
        /// The guard.
        path: PathBuf,
        /// Leaves that the log signed.
        guarded: u64,
    },
    /// The guard is not the log's.
    #[error("the rollback guard {path} is not a checkpoint of this log: {source}")]
    Foreign {
        /// The guard.
        path: PathBuf,
        /// Why not.
        source: CheckpointError,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The guard.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Compares the store with the guard. `key_of` gives the log's key for a tree of a size, `root_at` gives the store's root at a size that it has.
pub fn check<E: From<GuardError>>(
    path: &Path,
    key_of: impl FnOnce(u64) -> Option<Verifier>,
    size: u64,
    root_at: impl FnOnce(u64) -> Result<Hash, E>,
) -> Result<(), E> {
    let io = |source| GuardError::Io { path: path.to_owned(), source };
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(GuardError::Missing { path: path.to_owned(), size }.into());
        }
        Err(error) => return Err(io(error).into()),
    };
    if length > GUARD_BYTES_MAX {
        return Err(io(io::Error::other("too large for a checkpoint")).into());
    }
    let note = std::fs::read(path).map_err(io)?;
    let foreign = |source| GuardError::Foreign { path: path.to_owned(), source };
    // Only to know which key to ask: nothing is believed before its signature.
    let claimed = Note::parse(&note).map_err(|error| foreign(error.into()))?;
    let claimed = Checkpoint::parse(claimed.text()).map_err(foreign)?;
    let log = key_of(claimed.size()).ok_or_else(|| foreign(CheckpointError::NotSignedByLog))?;
    let guarded = Checkpoint::open(&note, &log).map_err(foreign)?;
    if guarded.size() > size {
        return Err(GuardError::RolledBack { path: path.to_owned(), size, guarded: guarded.size() }.into());
    }
    if root_at(guarded.size())? != guarded.root() {
        return Err(GuardError::Forked { path: path.to_owned(), guarded: guarded.size() }.into());
    }
    Ok(())
}

/// Keeps the guard, and the folder's own `checkpoint`, up to date from a thread of its own.
///
/// Where nodes share a store the guard must hold a head before it is seen: then the sequencer writes it, and none is given here.
///
/// The thread ends when the head's sender is dropped, after a last write.
pub fn keep(
    guard: Option<PathBuf>,
    checkpoint: PathBuf,
    mut head: watch::Receiver<Arc<Head>>,
    failed: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("garde".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                // After a failure it is tried again whether or not the head moves: nothing moves it meanwhile.
                let is_open = if failed.load(Ordering::Relaxed) {
                    !matches!(tokio::time::timeout(GUARD_AGE_MAX, head.changed()).await, Ok(Err(_)))
                } else {
                    head.changed().await.is_ok()
                };
                let (size, note) = {
                    let head = head.borrow_and_update();
                    (head.size, head.checkpoint.clone())
                };
                let written =
                    guard.iter().chain([&checkpoint]).try_for_each(|path| replace_file(path, note.as_bytes()));
                match &written {
                    Ok(()) => metrics.guarded(size),
                    Err(error) => {
                        tracing::error!(%error, ?guard, "the rollback guard can't be written");
                    }
                }
                if guard.is_some() {
                    failed.store(written.is_err(), Ordering::Relaxed);
                }
                if !is_open {
                    return;
                }
                tokio::time::sleep(GUARD_AGE_MAX).await;
            }
        });
    })
}
