//! Moves one view along the log.
//!
//! A runner owns the one writing connection of its view and belongs to one thread; its [`ViewReader`]s are for all.
//!
//! - **Exactly once.** Rows and position change in one transaction of at most [`BATCH_LEAVES_MAX`](crate::batch::BATCH_LEAVES_MAX) leaves. A crash
//!   loses whole batches, which are applied again.
//! - **Isolated.** An event that can't be applied stops this view before it, with what came before kept; status says where
//!   and why. It is tried again after [`Runner::retry`], a reopening (with better code) or a rebuild: not at every call.
//!   A full disk or a lost log stops nothing: that is [`RunError`], and the next call goes on.
//! - **Disposable.** A file that is damaged or made by other code is dropped at opening and filled again from the log.
//!   [`Runner::rebuild`] fills another file beside, while this one serves, and swaps them by renaming: a crash at any instant
//!   leaves one whole view under the view's name.
//! - **Of this log.** The file keeps the hash of the last leaf applied; the first catching up compares it with the log's.
//!
//! It does not choose when to run, follow the log, or run several views: the node does.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use thiserror::Error;
use tracing::{error, warn};

use crate::batch::{step, verify};
use crate::digest::{self, Digest};
use crate::file::{self, Found, Position};
use crate::log::{Log, LogError};
use crate::projection::Projection;
use crate::reader::{Shared, ViewReader};

pub use rebuild::rebuild_all;

/// Where a view is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Leaves applied.
    pub position: u64,
    /// Leaves of the log when the runner last looked that the view has not applied.
    pub lag: u64,
    /// Why the view is stopped, if it is.
    pub failure: Option<Failure>,
}

/// The event at which a view stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the leaf.
    pub index: u64,
    /// What the projection said.
    pub cause: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} can't be applied: {}", self.index, self.cause)
    }
}

/// Why a view could not be opened or moved, its events apart.
#[derive(Debug, Error)]
pub enum RunError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log gave no leaf below its own head.
    #[error("the log has {head} leaves but gives none at {position}")]
    Hole {
        /// Where it was read.
        position: u64,
        /// Its head.
        head: u64,
    },
    /// The view has applied other leaves than the log holds, or more: another log, or a restored backup. Rebuild, once it
    /// is clear which.
    #[error("the view has applied {position} leaves that are not the log's ({head} leaves)")]
    Diverged {
        /// Leaves applied.
        position: u64,
        /// The log's head.
        head: u64,
    },
    /// While rebuilding, an event could not be applied; the old file goes on serving.
    #[error("the rebuilding stopped: {0}")]
    Rebuild(Failure),
    /// The progress callback asked to stop before a rebuild was done; the old file goes on serving.
    #[error("the rebuilding was interrupted at {position}")]
    Interrupted {
        /// Leaves applied to the new file.
        position: u64,
    },
    /// Readers of this process did not finish in time for the swap; the old file goes on serving.
    #[error("readers of the view did not finish in time to replace it")]
    ReadersBusy,
    /// The view could not be opened again after a swap; the next catching up tries.
    #[error("the view is not open")]
    NotOpen,
    /// Another process moved the view meanwhile; the next catching up goes on from where it is.
    #[error("another process moved the view from {position}")]
    Moved {
        /// Where this process had left it.
        position: u64,
    },
    /// Another process has a file open that was to be swapped.
    #[error("{path} exists: another process has the view open")]
    OpenElsewhere {
        /// The `-wal` file that shows it.
        path: PathBuf,
    },
    /// `create_tables` and `tables` disagree: the digest would not cover the view.
    #[error("view {view}: table {table} is made but not declared, or declared but not made")]
    UndeclaredTable {
        /// The view.
        view: &'static str,
        /// The table.
        table: String,
    },
    /// A file operation failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite failed for a reason that is not the event's.
    #[error("{doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
}

/// One view and its way along the log.
pub struct Runner {
    dir: PathBuf,
    projection: Box<dyn Projection>,
    /// None only after a swap whose reopening failed; reopened by the next call.
    conn: Option<Connection>,
    /// What is on disk: changed after a commit, never before.
    position: Position,
    /// Whether `position.last` was found in the log since this runner opened.
    verified: bool,
    shared: Arc<Shared>,
}

impl Runner {
    /// Opens the view in `dir`, which exists; makes it, empty, if it is not there or can't be gone on with. Removes what a
    /// rebuild that was cut short left.
    pub fn open(dir: &Path, projection: Box<dyn Projection>) -> Result<Self, RunError> {
        file::remove(&file::rebuild_path(dir, projection.as_ref()))?;
        let (conn, position) = open_or_create(dir, projection.as_ref())?;
        let status = Status { position: position.leaves, lag: 0, failure: None };
        let shared = Arc::new(Shared::new(file::path(dir, projection.as_ref()), status));
        Ok(Self { dir: dir.to_owned(), projection, conn: Some(conn), position, verified: false, shared })
    }

    /// Reads the view, from any thread.
    pub fn reader(&self) -> ViewReader {
        ViewReader { shared: Arc::clone(&self.shared) }
    }

    /// Leaves applied and on disk.
    pub fn position(&self) -> u64 {
        self.position.leaves
    }

    /// Where the view is, how far behind, and whether it is stopped.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Waits for `rest_max`, or until a reader waits for an event ([`ViewReader::wait_for`]): between two catchings up, so that
    /// what a busy log records meanwhile is applied in one transaction.
    pub fn rest(&self, rest_max: Duration) {
        self.shared.rest(rest_max);
    }

    /// Lets a stopped view try its event again at the next catching up.
    pub fn retry(&mut self) {
        self.shared.set_status(|status| status.failure = None);
    }

    /// Applies what the log holds beyond the view's position, up to the head it has now; `progress` is called after each
    /// batch and may break off. A view that stops at an event, or was stopped already, is no error here: see the status.
    pub fn catch_up(
        &mut self,
        log: &dyn Log,
        mut progress: impl FnMut(&Status) -> ControlFlow<()>,
    ) -> Result<Status, RunError> {
        let head = log.head()?;
        self.shared.set_status(|status| status.lag = head.saturating_sub(status.position));
        if self.status().failure.is_some() {
            return Ok(self.status());
        }
        self.reopen()?;
        match self.advance(log, head, &mut progress) {
            Err(RunError::Sqlite { doing, source }) if file::is_damage(&source) => {
                warn!(view = self.projection.name(), %source, doing, "the view is damaged; building it again from the log");
                self.start_over()?;
                self.advance(log, head, &mut progress)?;
            }
            Err(moved @ RunError::Moved { .. }) => {
                // Opened again, it says where it is.
                self.conn = None;
                return Err(moved);
            }
            other => other?,
        }
        Ok(self.status())
    }

    fn advance(
        &mut self,
        log: &dyn Log,
        head: u64,
        progress: &mut impl FnMut(&Status) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        let Some(conn) = self.conn.as_mut() else { return Ok(()) };
        if !self.verified {
            verify(log, head, self.position)?;
            self.verified = true;
        }
        while self.position.leaves < head {
            let (position, failure) = step(conn, self.projection.as_ref(), log, head, self.position)?;
            self.position = position;
            if let Some(failure) = &failure {
                error!(
                    view = self.projection.name(),
                    index = failure.index,
                    cause = failure.cause,
                    "the view is stopped"
                );
            }
            let stopped = failure.is_some();
            self.shared.set_status(|status| {
                *status = Status { position: position.leaves, lag: head.saturating_sub(position.leaves), failure };
            });
            if stopped || progress(&self.shared.status()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One hash over all rows of the view, and the position they belong to.
    pub fn digest(&self) -> Result<Digest, RunError> {
        let of = |source| RunError::Sqlite { doing: "hashing the view", source };
        let conn = self.conn.as_ref().ok_or(RunError::NotOpen)?;
        let tx = conn.unchecked_transaction().map_err(of)?;
        let (name, version) = (self.projection.name(), self.projection.version());
        let position = Position::read(&tx).map_err(of)?.leaves;
        let sha256 = digest::of_tables(&tx, name, version, self.projection.tables()).map_err(of)?;
        Ok(Digest { position, sha256 })
    }

    /// Builds the view again from the first leaf, in a file beside, and puts it in the place of the old one when it has
    /// reached the head. Readers go on with the old one until then. A stopped view that comes through goes on.
    pub fn rebuild(
        &mut self,
        log: &dyn Log,
        progress: impl FnMut(&Status) -> ControlFlow<()>,
    ) -> Result<Status, RunError> {
        let mut rebuilt = rebuild_all([self], log, progress);
        rebuilt.pop().unwrap_or(Err(RunError::NotOpen))
    }

    fn swap(&mut self, new: &Path) -> Result<(), RunError> {
        let old = file::path(&self.dir, self.projection.as_ref());
        let mut swapped = Ok(());
        let (conn, shared) = (&mut self.conn, &self.shared);
        let ran = shared.while_closed(|| {
            drop(conn.take());
            swapped = file::replace(&old, new);
        });
        swapped?;
        if !ran {
            return Err(RunError::ReadersBusy);
        }
        self.reopen()
    }

    /// Opens the view again after a swap, done or failed.
    fn reopen(&mut self) -> Result<(), RunError> {
        if self.conn.is_none() {
            let (conn, position) = open_or_create(&self.dir, self.projection.as_ref())?;
            self.conn = Some(conn);
            self.position = position;
            self.verified = false;
            self.shared.set_status(|status| status.position = position.leaves);
        }
        Ok(())
    }

    /// Drops a file whose damage showed only in use, and begins an empty one.
    fn start_over(&mut self) -> Result<(), RunError> {
        let path = file::path(&self.dir, self.projection.as_ref());
        let mut removed = Ok(());
        let (conn, shared) = (&mut self.conn, &self.shared);
        let ran = shared.while_closed(|| {
            drop(conn.take());
            removed = file::remove(&path);
        });
        removed?;
        if !ran {
            return Err(RunError::ReadersBusy);
        }
        self.reopen()?;
        self.shared.set_status(|status| status.position = 0);
        Ok(())
    }
}

fn open_or_create(dir: &Path, projection: &dyn Projection) -> Result<(Connection, Position), RunError> {
    let path = file::path(dir, projection);
    match file::open(&path, projection)? {
        Found::View(conn, position) => return Ok((conn, position)),
        Found::Nothing => {}
        Found::Unusable(why) => {
            warn!(view = projection.name(), path = %path.display(), why, "the view is unusable; building it again from the log");
        }
    }
    // Also where nothing is: an orphan -wal must not meet the new file.
    file::remove(&path)?;
    Ok((file::create(&path, projection)?, Position::START))
}

mod rebuild;
#[cfg(test)]
mod tests;
