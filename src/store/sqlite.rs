//! The default store: leaves in one SQLite file, `registre.sqlite`, in WAL mode.
//!
//! What an append does to the disk, in order (SQLite 3, WAL, `synchronous=FULL`; sqlite.org/wal.html):
//!
//! 1. `fcntl` takes the WAL's write lock (`BEGIN IMMEDIATE`): from here no other process can append.
//! 2. The head is read *under that lock* and compared with `at`: the fence.
//! 3. `pwrite`s put one frame per changed page into `registre.sqlite-wal`; the last one is marked as the commit.
//!    Frames carry a running checksum: after a crash, what does not sum up is not there.
//! 4. `fsync` of `registre.sqlite-wal`; if this process created it, then also of the directory. If the log was
//!    recycled since the last commit, its new header was written and `fsync`ed before the frames.
//! 5. The shared-memory index shows the commit to readers; the lock goes; `append` returns.
//!
//! A kill before the end of 4 loses the whole append, after it none of it; in neither case part of it.
//!
//! Every [`CHECKPOINT_FRAMES`] frames the next append first moves the log into the main file (`fsync` log, `pwrite`
//! pages, `fsync` `registre.sqlite`), so that a failure there is reported *before* anything is written and is no
//! doubt. The log is then reused from its start. If readers keep it from being reused it grows; beyond
//! [`WAL_FRAMES_SOFT`] the append waits for them ([`RECYCLE_WAIT_MAX`]), beyond [`WAL_FRAMES_MAX`] it is refused.
//!
//! A disk with less than [`FREE_BYTES_MIN`] left is refused before step 1: nothing was begun, and the next append may succeed.
//!
//! If step 3 or 4 fails (I/O error, a disk that filled up meanwhile) SQLite rolls back in memory, but the frames may have reached the disk and
//! come back after a restart: [`AppendError::InDoubt`]. The store then halts, and **the caller stops the process**.
//! A failed `fsync` is never tried again: the kernel may have dropped the pages that it could not write.
//!
//! What it does not do: lock the directory against a second *node* (both could open; the fence makes one lose),
//! make the directory, survive the loss of the disk, or notice a restored older copy.

mod file;
mod readers;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::room::{self, FREE_BYTES_MIN};
use super::{
    AppendError, EventStore, FOLLOW_WAIT_MAX, LEAF_BYTES_MAX, READ_BYTES_MAX, READ_LEAVES_MAX, StoreError, check_bounds,
};
pub use file::{APPLICATION_ID, BUSY_WAIT_MAX, FILE_NAME, FORMAT};
use file::{beside, refusal};
use readers::{READERS, Readers};

/// Frames (pages of 4 KiB) in the log that make the next append checkpoint them: 4 MiB, SQLite's own default.
pub const CHECKPOINT_FRAMES: u64 = 1_000;
/// Frames above which an append waits a little for readers so that the log can be recycled: 64 MiB.
pub const WAL_FRAMES_SOFT: u64 = 16_384;
/// Frames at which appends are refused: 1 GiB. A log that long takes minutes to recover after a crash.
pub const WAL_FRAMES_MAX: u64 = 262_144;
/// How long an append waits for readers above [`WAL_FRAMES_SOFT`]; our own reads take a few milliseconds.
pub const RECYCLE_WAIT_MAX: Duration = Duration::from_millis(250);
/// How often a follower looks whether *another process* appended; appends of this one wake it at once.
pub const FOLLOW_POLL: Duration = Duration::from_millis(100);

/// A ledger in a SQLite file. One writing connection, some reading ones.
pub struct SqliteStore {
    path: PathBuf,
    /// Before `writer`, so dropped before it: the last connection to close moves the log into the main file and removes
    /// it, which a read-only connection can't. A ledger closed in good order is one file.
    readers: Readers,
    /// None when opened for reading only.
    writer: Option<Mutex<Writer>>,
    /// Highest head that a thread of this process has seen committed; only grows. Lags behind other processes.
    seen: Mutex<u64>,
    /// Notified, with `seen` held, whenever `seen` grows.
    grown: Condvar,
}

/// What the lock of the writer protects.
struct Writer {
    conn: Connection,
    /// Set for good by an append in doubt.
    halted: bool,
    bounds: WalBounds,
    /// Frames at which the next checkpoint is worth trying; above the usual after one that readers impeded.
    checkpoint_at: u64,
}

/// Bounds of the write-ahead log, in frames; smaller in tests.
#[derive(Clone, Copy)]
struct WalBounds {
    checkpoint: u64,
    soft: u64,
    max: u64,
}

const WAL_BOUNDS: WalBounds = WalBounds { checkpoint: CHECKPOINT_FRAMES, soft: WAL_FRAMES_SOFT, max: WAL_FRAMES_MAX };

impl SqliteStore {
    /// Makes an empty ledger in `dir`, which exists, and opens it. Refuses a directory that has one.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        file::create(&dir.join(FILE_NAME))?;
        Self::open(dir)
    }

    /// Opens the ledger in `dir` for appending and reading. Never makes one.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_bounded(dir, WAL_BOUNDS)
    }

    fn open_bounded(dir: &Path, bounds: WalBounds) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let conn = file::open_writer(&path)?;
        let readers = (0..READERS).map(|_| file::open_reader(&path)).collect::<Result<_, _>>()?;
        let writer = Writer { conn, halted: false, bounds, checkpoint_at: bounds.checkpoint };
        Self::with(path, Some(Mutex::new(writer)), readers)
    }

    /// Opens the ledger in `dir` for reading only, to verify a copy at rest: also on read-only media, if no `-wal` file
    /// came with it. Not for a ledger that a node is about to open: changes made meanwhile may go unnoticed.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE_NAME);
        let readers = (0..READERS).map(|_| file::open_at_rest(&path)).collect::<Result<_, _>>()?;
        Self::with(path, None, readers)
    }

    fn with(path: PathBuf, writer: Option<Mutex<Writer>>, readers: Vec<Connection>) -> Result<Self, StoreError> {
        let store = Self { path, writer, readers: Readers::new(readers), seen: Mutex::new(0), grown: Condvar::new() };
        let head = store.head()?;
        store.saw(head);
        Ok(store)
    }

    fn saw(&self, head: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if head > *seen {
            *seen = head;
            self.grown.notify_all();
        }
    }
}

impl EventStore for SqliteStore {
    fn head(&self) -> Result<u64, StoreError> {
        self.readers.lend(|conn| head_of(conn).map_err(|source| refusal(&self.path, "reading the head", source)))
    }

    fn append(&self, at: u64, leaves: &[Vec<u8>]) -> Result<(), AppendError> {
        check_bounds(self.append_max(), at, leaves)?;
        let writer = self.writer.as_ref().ok_or(AppendError::ReadOnly)?;
        writer.lock().unwrap_or_else(PoisonError::into_inner).append(&self.path, at, leaves)?;
        self.saw(at + leaves.len() as u64);
        Ok(())
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let max = max.min(READ_LEAVES_MAX);
        // No store numbers leaves beyond i64.
        let Ok(first) = i64::try_from(from) else { return Ok(Vec::new()) };
        self.readers.lend(|conn| {
            let fails = |source| refusal(&self.path, "reading leaves", source);
            let mut select = conn
                .prepare_cached("SELECT idx, leaf FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2")
                .map_err(fails)?;
            let mut rows = select.query((first, i64::try_from(max).unwrap_or(i64::MAX))).map_err(fails)?;
            let (mut leaves, mut expected, mut bytes) = (Vec::new(), from, 0);
            while let Some(row) = rows.next().map_err(fails)? {
                let index = row.get::<_, i64>(0).map_err(fails)?.cast_unsigned();
                if index != expected {
                    return Err(StoreError::Gap { expected, found: index });
                }
                let leaf = row.get_ref(1).map_err(fails)?.as_blob().map_err(|source| self.odd_leaf(index, &source))?;
                if leaf.is_empty() || leaf.len() > LEAF_BYTES_MAX {
                    return Err(self.odd_leaf(index, &format!("{} bytes", leaf.len())));
                }
                bytes += leaf.len();
                if bytes > READ_BYTES_MAX && !leaves.is_empty() {
                    break;
                }
                leaves.push(leaf.to_owned());
                expected += 1;
            }
            Ok(leaves)
        })
    }

    fn follow(&self, from: u64, wait_max: Duration) -> Result<u64, StoreError> {
        let wait_max = wait_max.min(FOLLOW_WAIT_MAX);
        let start = Instant::now();
        loop {
            let head = self.head()?;
            self.saw(head);
            let left = wait_max.saturating_sub(start.elapsed());
            if head > from || left.is_zero() {
                return Ok(head);
            }
            // `seen` is read again under its lock, so a commit between `head()` and here is not slept through.
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            drop(
                self.grown
                    .wait_timeout_while(seen, left.min(FOLLOW_POLL), |seen| *seen <= from)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }
}

impl SqliteStore {
    fn odd_leaf(&self, index: u64, what: &dyn std::fmt::Display) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            doing: "reading leaves",
            detail: format!("leaf {index}: {what}"),
        }
    }
}

impl Writer {
    fn append(&mut self, path: &Path, at: u64, leaves: &[Vec<u8>]) -> Result<(), AppendError> {
        if self.halted {
            return Err(AppendError::Halted);
        }
        check_room(path).map_err(AppendError::NotWritten)?;
        self.recycle_wal(path).map_err(AppendError::NotWritten)?;
        let untouched = |source| AppendError::NotWritten(refusal(path, "beginning to append", source));
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(untouched)?;
        let actual = head_of(&tx).map_err(untouched)?;
        if actual != at {
            return Err(AppendError::Conflict { actual });
        }
        // From here on pages may spill to the log: whatever fails is in doubt.
        let written = insert(&tx, at, leaves).and_then(|()| tx.commit());
        written.map_err(|source| {
            self.halted = true;
            AppendError::InDoubt(refusal(path, "appending", source))
        })
    }

    /// Keeps the write-ahead log within its bounds, before an append. Writes no leaf.
    fn recycle_wal(&mut self, path: &Path) -> Result<(), StoreError> {
        let fails = |source| refusal(path, "recycling the write-ahead log", source);
        let (frames, moved) = self.checkpoint("NOOP").map_err(fails)?;
        if frames < self.bounds.checkpoint {
            self.checkpoint_at = self.bounds.checkpoint;
        }
        let nothing_to_move = frames == moved && frames < self.bounds.soft;
        if frames < self.bounds.max && (nothing_to_move || frames < self.checkpoint_at) {
            return Ok(());
        }
        let (mut frames, _) = self.checkpoint("PASSIVE").map_err(fails)?;
        if frames >= self.bounds.soft {
            self.conn.busy_timeout(RECYCLE_WAIT_MAX).map_err(fails)?;
            let recycled = self.checkpoint("TRUNCATE");
            self.conn.busy_timeout(BUSY_WAIT_MAX).map_err(fails)?;
            frames = recycled.map_err(fails)?.0;
        }
        self.checkpoint_at = frames + self.bounds.checkpoint;
        if frames < self.bounds.max {
            return Ok(());
        }
        let path = beside(path, "-wal");
        let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
        Err(StoreError::WalOverflow { path, bytes })
    }

    /// (frames in the log, frames of them that are in the main file too).
    fn checkpoint(&self, mode: &str) -> rusqlite::Result<(u64, u64)> {
        let counts = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        match counts {
            // −1 where SQLite does not know: another process is at it.
            Ok((frames, moved)) => Ok((u64::try_from(frames).unwrap_or(0), u64::try_from(moved).unwrap_or(0))),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok((0, 0)),
            Err(error) => Err(error),
        }
    }
}

/// Refuses to begin where the disk is nearly full.
fn check_room(path: &Path) -> Result<(), StoreError> {
    match room::free_bytes(path) {
        Some(free) if free < FREE_BYTES_MIN => {
            Err(StoreError::NoRoom { path: path.to_owned(), free, min: FREE_BYTES_MIN })
        }
        _ => Ok(()),
    }
}

fn head_of(conn: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> = conn.prepare_cached("SELECT max(idx) FROM leaves")?.query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, |last| last.cast_unsigned() + 1))
}

fn insert(conn: &Connection, at: u64, leaves: &[Vec<u8>]) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached("INSERT INTO leaves(idx, leaf) VALUES (?1, ?2)")?;
    for (index, leaf) in (at..).zip(leaves) {
        // In bounds: `check_bounds` kept the end of the batch within i64.
        insert.execute((index.cast_signed(), leaf))?;
    }
    Ok(())
}
