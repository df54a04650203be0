//! Reading a view: a few read-only connections, and waiting until the view has caught up.
//!
//! Readers outlive a rebuild. While the new file takes the place of the old, no connection may be lent: a connection
//! that first read after the swap would join the old main file with the new `-wal`. So the runner *closes* the pool (it
//! waits for the lent ones, new readers wait for it), swaps, and opens it again; readers notice only a short wait.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use thiserror::Error;

use crate::file::{BUSY_WAIT_MAX, Position};
use crate::runner::{Failure, Status};

/// Connections lent at once, per view: one a core of a small server, and a few to spare.
pub const READERS_MAX: usize = 4;
/// Longest wait for a connection.
pub const LEND_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest that [`ViewReader::wait_for`] waits, whatever it was asked: a request must not hold its thread longer.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest that a swap waits for the readers to finish; queries are bounded pages.
pub const SWAP_WAIT_MAX: Duration = Duration::from_secs(30);

/// Why a view could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// All connections stayed lent, or a swap went on, for longer than the bounded wait.
    #[error("no connection to the view was free for {waited_ms} ms")]
    Busy {
        /// How long, in milliseconds.
        waited_ms: u128,
    },
    /// The query failed.
    #[error("the view can't be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Why waiting for an event to be in the view ended without it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WaitError {
    /// Not within the time.
    #[error("the view has come to {position} only")]
    TimedOut {
        /// Leaves applied.
        position: u64,
    },
    /// The view is stopped before that event: waiting longer is of no use.
    #[error("the view is stopped: {0}")]
    Stopped(Failure),
}

/// Reads one view, from any thread; clones share the connections.
#[derive(Clone)]
pub struct ViewReader {
    pub(crate) shared: Arc<Shared>,
}

/// What the runner of a view and its readers share.
pub(crate) struct Shared {
    path: PathBuf,
    pool: Mutex<Pool>,
    /// Notified whenever a connection comes back or the pool opens again.
    pool_changed: Condvar,
    state: Mutex<State>,
    /// Notified with every change of the status.
    moved: Condvar,
    /// Notified when a reader begins to wait for an event.
    asked: Condvar,
}

struct State {
    /// Written by the runner alone, after each commit.
    status: Status,
    /// Readers that wait for an event.
    waiting: u32,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Connections that borrowers own now; at most [`READERS_MAX`].
    lent: usize,
    /// Set while the file is being swapped: nothing is lent.
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ViewReader {
    /// Runs `query` in one read transaction: all it sees is the view at one position, which it is given.
    pub fn read<T>(&self, query: impl FnOnce(&Connection, u64) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let mut lent = self.shared.lend()?;
        // Some until `lent` is dropped.
        let Some(conn) = lent.conn.as_mut() else { return Err(ReadError::Busy { waited_ms: 0 }) };
        let tx = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let position = Position::read(&tx)?.leaves;
        let answer = query(&tx, position)?;
        tx.finish()?;
        Ok(answer)
    }

    /// Waits until the event at `index` has been applied (`?at_least=`), at most `wait_max` and [`WAIT_MAX`]; returns the
    /// position.
    pub fn wait_for(&self, index: u64, wait_max: Duration) -> Result<u64, WaitError> {
        let is_missing = |state: &mut State| state.status.position <= index && state.status.failure.is_none();
        let mut state = lock(&self.shared.state);
        if is_missing(&mut state) {
            state.waiting += 1;
            self.shared.asked.notify_all();
            let waited = self.shared.moved.wait_timeout_while(state, wait_max.min(WAIT_MAX), is_missing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        let status = &state.status;
        match &status.failure {
            _ if status.position > index => Ok(status.position),
            Some(failure) => Err(WaitError::Stopped(failure.clone())),
            None => Err(WaitError::TimedOut { position: status.position }),
        }
    }

    /// Where the view is, how far behind, and whether it is stopped.
    pub fn status(&self) -> Status {
        self.shared.status()
    }
}

impl Shared {
    pub(crate) fn new(path: PathBuf, status: Status) -> Self {
        Self {
            path,
            pool: Mutex::default(),
            pool_changed: Condvar::new(),
            state: Mutex::new(State { status, waiting: 0 }),
            moved: Condvar::new(),
            asked: Condvar::new(),
        }
    }

    pub(crate) fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.state).status);
        self.moved.notify_all();
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.state).status.clone()
    }

    /// Waits, unless a reader does.
    pub(crate) fn rest(&self, rest_max: Duration) {
        let nobody_waits = |state: &mut State| state.waiting == 0;
        // Whichever ends it.
        let _ = self.asked.wait_timeout_while(lock(&self.state), rest_max, nobody_waits);
    }

    fn lend(&self) -> Result<Lent<'_>, ReadError> {
        let start = Instant::now();
        let unavailable = |pool: &mut Pool| pool.closed || pool.lent >= READERS_MAX;
        let waited = self.pool_changed.wait_timeout_while(lock(&self.pool), LEND_WAIT_MAX, unavailable);
        let (mut pool, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        if outcome.timed_out() {
            return Err(ReadError::Busy { waited_ms: start.elapsed().as_millis() });
        }
        // Opened under the lock, so that no opening straddles a swap.
        let conn = match pool.idle.pop() {
            Some(conn) => conn,
            None => connect(&self.path)?,
        };
        pool.lent += 1;
        Ok(Lent { conn: Some(conn), home: self })
    }

    /// Runs `swap` while no reader has the file open; false, without running it, if readers did not finish in time.
    pub(crate) fn while_closed(&self, swap: impl FnOnce()) -> bool {
        let mut pool = lock(&self.pool);
        pool.closed = true;
        let waited = self.pool_changed.wait_timeout_while(pool, SWAP_WAIT_MAX, |pool| pool.lent > 0);
        let (mut pool, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let free = pool.lent == 0;
        if free {
            pool.idle.clear();
            swap();
        }
        pool.closed = false;
        drop(pool);
        self.pool_changed.notify_all();
        free
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_WAIT_MAX)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    Ok(conn)
}

/// A connection on loan; given back however the query ends.
struct Lent<'a> {
    conn: Option<Connection>,
    home: &'a Shared,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.home.pool);
        pool.lent -= 1;
        // One that something left in a transaction would show an old view for ever: it is closed instead.
        pool.idle.extend(self.conn.take().filter(Connection::is_autocommit));
        drop(pool);
        self.home.pool_changed.notify_all();
    }
}
