//! The store: one gapless sequence of leaves, and nothing else.
//!
//! [`EventStore`] is the whole of what the ledger asks of a database (DESIGN §7). It is narrow on
//! purpose, so that an embedded SQLite file ([`sqlite`]) and a KurrentDB stream (`kurrentdb`) can both keep it, and
//! so that [`contract`], one suite of tests, says what keeping it means.
//!
//! ```text
//! index   0        1        2              head = number of leaves = index of the next one
//!         leaf     leaf     leaf     …
//! ```
//!
//! A leaf is opaque bytes here. The store does not parse it, hash it, sign it or judge it, keeps no
//! Merkle tree and no other index: all of that is derived elsewhere and can be lost. Nor does it notice
//! that a *whole* older copy of itself was put back: the rollback guard does (DESIGN §7).
//!
//! Calls are synchronous and may block: make them from threads of your own, not from an async runtime's.
//!
//! **The fence.** [`EventStore::append`] names the position it writes at and is refused with
//! [`AppendError::Conflict`] when the head is elsewhere. Two nodes, two processes or two threads can
//! therefore race; for each position exactly one wins.

pub mod contract;
pub mod faulty;
#[cfg(feature = "kurrentdb")]
pub mod kurrentdb;
pub mod place;
pub mod room;
pub mod sqlite;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Largest leaf: a C2SP tlog-tiles entry carries its length in two bytes.
pub const LEAF_BYTES_MAX: usize = 65_535;
/// Most leaves in one append: a batch of the sequencer (DESIGN §7).
pub const APPEND_LEAVES_MAX: usize = 1_024;
/// Most bytes of leaves in one append: what the sequencer holds in memory while it signs.
pub const APPEND_BYTES_MAX: usize = 8 << 20;
/// Most leaves one read returns, however many were asked for: enough that the cost of a call vanishes,
/// few enough that a page of small leaves stays within the same memory as [`READ_BYTES_MAX`].
pub const READ_LEAVES_MAX: usize = 4_096;
/// Most bytes of leaves one read returns, except that it always returns at least one leaf.
pub const READ_BYTES_MAX: usize = 8 << 20;
/// Longest a single [`EventStore::follow`] blocks, whatever it was asked: a thread that is to stop
/// gets to look up at least this often.
pub const FOLLOW_WAIT_MAX: Duration = Duration::from_secs(30);

/// What one append of a store may hold. A batch is written whole or not at all, so a store with a smaller limit of its own says so
/// here, before the batch is decided, rather than cutting it in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendMax {
    /// Leaves; at most [`APPEND_LEAVES_MAX`].
    pub leaves: usize,
    /// Bytes of all leaves; at most [`APPEND_BYTES_MAX`], at least [`LEAF_BYTES_MAX`].
    pub bytes: usize,
}

impl AppendMax {
    /// The bounds of the port itself.
    pub const PORT: Self = Self { leaves: APPEND_LEAVES_MAX, bytes: APPEND_BYTES_MAX };
}

/// A gapless, append-only sequence of leaves.
pub trait EventStore: Send + Sync {
    /// What one append may hold; the same for as long as the store is open.
    fn append_max(&self) -> AppendMax {
        AppendMax::PORT
    }

    /// Whether other processes may write the same leaves: then a conflict is no accident.
    fn is_shared(&self) -> bool {
        false
    }

    /// Number of leaves; the index that the next one will get. Cheap: no scan.
    fn head(&self) -> Result<u64, StoreError>;

    /// Writes `leaves` at `at`, `at + 1`, … : all of them or none, durable when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`AppendError`] says for each case whether something may have been written. Two leave that open: after
    /// [`AppendError::InDoubt`] the caller **must stop the process**, since what is on disk decides at restart, and until then the
    /// store refuses further appends ([`AppendError::Halted`]); after [`AppendError::Unsettled`] it reads on.
    fn append(&self, at: u64, leaves: &[Vec<u8>]) -> Result<(), AppendError>;

    /// Consecutive leaves from index `from`: at most `max`, at most [`READ_LEAVES_MAX`], at most
    /// [`READ_BYTES_MAX`]. At least one if `max > 0` and `from < head`; none at or after the head.
    ///
    /// # Errors
    ///
    /// [`StoreError::Gap`] if the indices found are not consecutive: never a silent hole.
    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Waits until `head > from`, or for `wait_max` (bounded by [`FOLLOW_WAIT_MAX`]); returns the head
    /// either way.
    fn follow(&self, from: u64, wait_max: Duration) -> Result<u64, StoreError>;
}

/// Why the store could not be opened, read or asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No ledger where one was expected. Opening never creates one: an empty ledger in the place of a
    /// mislaid one would start a second history.
    #[error("there is no ledger at {path}")]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// A ledger, or what is left of one, where one was to be created.
    #[error("{path} exists already; a ledger is created only where there is none")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The file is not a SQLite database at all.
    #[error("{path} is not a SQLite database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite database that belongs to something else.
    #[error("{path} is a SQLite database of something else (application_id {found:#010x}, expected {expected:#010x})")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `application_id`.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Written by a version of Greffe with another format.
    #[error("{path} has format {found}; this version reads format {known} only")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: u32,
        /// The only one this code knows.
        known: u32,
    },
    /// The tables or triggers are not those that were created.
    #[error("{path}: its schema was altered: {detail}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// Truncated or overwritten: the database's own structure does not hold together.
    #[error("{path} is damaged ({doing}): {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What was found.
        detail: String,
    },
    /// A hole in the sequence.
    #[error("gap in the ledger: expected leaf {expected}, found {found}")]
    Gap {
        /// The index that should have come.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// Read-only media, but part of the ledger stands only in the write-ahead log beside the file.
    #[error(
        "{path}: its newest leaves may be in the -wal file beside it, which can't be read on read-only media ({detail}); \
         copy the whole folder to where it can be written, and open it there"
    )]
    WalOnReadOnlyMedia {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// Others held a lock, or all reading connections, for longer than the bounded wait. Nothing changed.
    #[error("busy: {doing} waited for {waited_ms} ms")]
    Busy {
        /// What was waited for.
        doing: &'static str,
        /// How long, in milliseconds.
        waited_ms: u128,
    },
    /// The write-ahead log reached its bound, because a reader elsewhere keeps it from being recycled.
    #[error("{path} has grown to {bytes} bytes and can't be recycled: some process keeps a read transaction open")]
    WalOverflow {
        /// The `-wal` file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The disk is full, or as good as.
    #[error("the disk of {path} has {free} bytes left, of which none is used below {min}: make room there")]
    NoRoom {
        /// The database file.
        path: PathBuf,
        /// Bytes left.
        free: u64,
        /// [`room::FREE_BYTES_MIN`].
        min: u64,
    },
    /// The operating system refused a file operation.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// SQLite refused, for a reason that is none of the above (disk full and I/O errors included).
    #[error("{doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The stream on KurrentDB, or the way there.
    #[cfg(feature = "kurrentdb")]
    #[error(transparent)]
    Kurrentdb(#[from] kurrentdb::Fault),
}

impl StoreError {
    /// Whether nothing is wrong but that the store can't be reached now.
    pub fn is_passing(&self) -> bool {
        match self {
            #[cfg(feature = "kurrentdb")]
            Self::Kurrentdb(fault) => matches!(fault, kurrentdb::Fault::Unreachable { .. }),
            error => matches!(error, Self::Busy { .. }),
        }
    }
}

/// Why an append was not done, or may not have been.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The head is elsewhere. Nothing was written.
    #[error("the head is at {actual}, not where the append was to go")]
    Conflict {
        /// The head.
        actual: u64,
    },
    /// The caller broke a bound of the port. Nothing was written.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// Opened for reading only. Nothing was written.
    #[error("the ledger is open for reading only")]
    ReadOnly,
    /// Nothing was written, for certain; trying again later is sound.
    #[error("nothing was appended: {0}")]
    NotWritten(#[source] StoreError),
    /// The store failed after it began to write. **Stop the process**: only the disk knows.
    #[error("the append is in doubt, the process must stop: {0}")]
    InDoubt(#[source] StoreError),
    /// The server did not say in time whether it wrote the batch, which may even still arrive there. The caller goes on from what it
    /// reads: either the batch is there, or whatever takes its place keeps it out for ever, since its position is named.
    #[error("nobody knows yet whether the batch was appended: {0}")]
    Unsettled(#[source] StoreError),
    /// An earlier append is in doubt; nothing more was written.
    #[error("an earlier append is in doubt; nothing is appended until the process restarts")]
    Halted,
}

/// How a batch breaks the bounds of [`EventStore::append`]: a mistake of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BoundsError {
    /// No leaf, or too many.
    #[error("an append has at least one leaf and no more than its store takes, got {0}")]
    Leaves(usize),
    /// Too many bytes in total.
    #[error("an append has no more bytes than its store takes, got {0}")]
    Bytes(usize),
    /// One leaf is empty or too long.
    #[error("a leaf has 1 to {LEAF_BYTES_MAX} bytes, number {position} of the batch has {bytes}")]
    Leaf {
        /// Position within the batch, from 0.
        position: usize,
        /// Its length.
        bytes: usize,
    },
    /// The indices would leave the range of a signed 64-bit integer, which every store shares.
    #[error("index {0} is beyond what a store can number")]
    Index(u64),
}

/// Checks a batch against the bounds of its store. Every implementation calls this first, so that a
/// broken bound is the same answer everywhere and costs no lock.
pub fn check_bounds(max: AppendMax, at: u64, leaves: &[Vec<u8>]) -> Result<(), BoundsError> {
    if leaves.is_empty() || leaves.len() > max.leaves {
        return Err(BoundsError::Leaves(leaves.len()));
    }
    for (position, leaf) in leaves.iter().enumerate() {
        if leaf.is_empty() || leaf.len() > LEAF_BYTES_MAX {
            return Err(BoundsError::Leaf { position, bytes: leaf.len() });
        }
    }
    let bytes = leaves.iter().map(Vec::len).sum();
    if bytes > max.bytes {
        return Err(BoundsError::Bytes(bytes));
    }
    // In bounds: at most 1,024, so the cast is exact.
    if at.checked_add(leaves.len() as u64).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(BoundsError::Index(at));
    }
    Ok(())
}
