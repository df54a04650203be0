//! Verification by somebody who trusts nobody but a pinned log key (DESIGN §1.4, 1.5, §10 `greffe verify`).
//!
//! ```text
//!   Leaves (a folder at rest, or entry tiles over HTTP)
//!      │ chunks, read ahead by one thread
//!      ▼
//!   judge    every core: decode, I-JSON, signatures, event, pieces     needs no other leaf
//!      ▼
//!   state    one thread: order, previous, rank, rights, life cycles    while the next chunk is judged
//!      ▼
//!   history  tree against the signed checkpoint and an older one  ──▶  report: facts, doubts, what was not checked
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`leaves`], [`http`] | where leaves are read |
//! | [`judge`], [`acquis`], [`state`], [`history`] | the verification of a whole history |
//! | [`hashes`] | the hashes kept beside the leaves, every tile compared with what the leaves make |
//! | [`journal`] | the log's own keys, one after the other |
//! | [`folder`] | a folder at rest |
//! | [`receipt`] | one event, with the log's key and nothing else |
//! | [`extrait`] | what a log holds about one organisation, in one file |
//! | [`doubt`], [`report`] | what was found |
//!
//! Nothing here writes. Of what is derived only the hashes are looked at,
//! and believed in nothing. Signatures are verified one by
//! one with the frozen rule (`greffe_events::key`), never by a batch equation.

pub mod acquis;
pub mod doubt;
pub mod extrait;
pub mod folder;
pub mod hashes;
pub mod history;
pub mod http;
pub mod journal;
pub mod judge;
pub mod leaves;
pub mod receipt;
pub mod report;
pub mod state;

use std::sync::atomic::AtomicBool;

use thiserror::Error;

pub use doubt::{Doubt, DoubtCode};
pub use extrait::{ExtractReport, verify_extract};
pub use folder::verify_folder;
pub use history::{Evidence, verify_history};
pub use http::{HttpLeaves, HttpLog, TokenProvider, verify_url};
pub use leaves::{Leaves, ReadError, StoreLeaves};
pub use receipt::{ReceiptError, ReceiptReport, verify_receipt};
pub use report::{Report, Verdict};

/// Why there is no verdict at all. What speaks against a history is no error but a [`Doubt`].
#[derive(Debug, Error)]
pub enum AuditError {
    /// The folder or the store can't be opened.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file can't be read.
    #[error("read {path}: {source}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The leaves can't be had: network, rights, disk.
    #[error("the leaves can't be read: {0}")]
    Unreadable(String),
    /// The log gives its leaves to others: a [`ReadError::NotEntitled`].
    #[error("the leaves can't be read: {0}")]
    NotEntitled(ReadError),
    /// The caller wants no more of it.
    #[error("cancelled after {0} leaves")]
    Cancelled(u64),
    /// A thread ended badly: a defect of this program.
    #[error("the thread that reads the leaves panicked")]
    Panicked,
}

/// How a long verification talks with its caller.
pub struct Control<'a> {
    /// Told after every chunk: leaves verified, of how many (the checkpoint's size; 0 where it can't be opened).
    pub progress: &'a mut dyn FnMut(u64, u64),
    /// Set it to stop at the next chunk.
    pub cancelled: &'a AtomicBool,
}
