//! Where the leaves of a history are read: a store at rest, memory, or [`super::http`].

use thiserror::Error;

#[cfg(feature = "kurrentdb")]
use crate::store::kurrentdb::Fault;
use crate::store::{EventStore, StoreError};

/// Most leaves asked for at once. With [`crate::store::READ_BYTES_MAX`] it bounds the memory of the pipeline, which
/// holds about five chunks; large enough that the ends of chunks, where cores wait for each other, do not show.
pub const CHUNK_LEAVES_MAX: usize = 4_096;

/// A source of consecutive leaves. Believed in nothing: what it gives is verified.
pub trait Leaves: Send {
    /// Consecutive leaves from index `from`: at least one and at most `max`, or none at the end of the history.
    fn read(&mut self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, ReadError>;
}

/// Why leaves were not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// An index is missing while later ones are there. Speaks against the history.
    #[error("leaf {expected} is missing, leaf {found} follows")]
    Gap {
        /// The index that should have come.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// What is there is not what a log gives. Speaks against the history.
    #[error("{0}")]
    Damaged(String),
    /// They may be there, but can't be had now: no verdict.
    #[error("{0}")]
    Unavailable(String),
    /// The log gives them to others than whoever asks: no verdict.
    #[error("{url}: HTTP {status}: {}", why_not(*status, *has_token))]
    NotEntitled {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was given.
        has_token: bool,
    },
}

fn why_not(status: u16, has_token: bool) -> &'static str {
    match (status, has_token) {
        (_, false) => "entries need a token",
        (401, true) => "the token's key is not enrolled here, or not in force",
        (_, true) => "the role of the token's key does not read all entries",
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gap { expected, found } => Self::Gap { expected, found },
            StoreError::NotADatabase { .. }
            | StoreError::Foreign { .. }
            | StoreError::Schema { .. }
            | StoreError::Damaged { .. } => Self::Damaged(error.to_string()),
            #[cfg(feature = "kurrentdb")]
            StoreError::Kurrentdb(Fault::Foreign { .. } | Fault::RolledBack { .. }) => Self::Damaged(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The leaves of a store, which nobody writes meanwhile.
pub struct StoreLeaves<'a>(pub &'a dyn EventStore);

impl Leaves for StoreLeaves<'_> {
    fn read(&mut self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(self.0.read(from, max)?)
    }
}

/// Leaves in memory.
impl Leaves for &[Vec<u8>] {
    fn read(&mut self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.len());
        Ok(self[from..].iter().take(max).cloned().collect())
    }
}
