//! What can be read from a ledger: the runner of projections, and the views.
//!
//! ```text
//! log (leaves) ──► runner ──► <dir>/<name>-v<version>.sqlite ──► ViewReader ──► pages, lists, exports
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`log`] | where leaves come from: the one thing the runner asks of a store |
//! | [`projection`] | what a view declares: its name, version, tables, and what an event does to them |
//! | [`runner`] | moves a view along the log: exactly once, in batches, isolating its failure; rebuilds |
//! | [`batch`] | one batch of leaves onto the tables, in one transaction |
//! | [`mod@file`] | the SQLite file of a view: making, recognising, replacing |
//! | [`digest`] | one hash over all rows, to compare two buildings of a view |
//! | [`reader`] | reading connections, and waiting until the view has caught up |
//! | [`recorded`] | one leaf, read at most once for all views |
//! | [`pieces`] | the files that events cite, in every view |
//! | [`legalite`] | the view of acts: how far each has come, and what follows in law |
//!
//! A view is disposable (DESIGN, promise 8): whatever is wrong with its file, the answer is to build it again.
//! Nothing here writes events.

pub mod batch;
pub mod digest;
#[cfg(test)]
mod essais;
pub mod file;
pub mod legalite;
pub mod log;
pub mod pieces;
pub mod projection;
pub mod reader;
pub mod recorded;
pub mod runner;

pub use digest::Digest;
pub use log::{Log, LogError, Recent};
pub use pieces::PieceRow;
pub use projection::{ApplyError, Projection};
pub use recorded::Recorded;
pub use reader::{ReadError, ViewReader, WaitError};
pub use runner::{Failure, RunError, Runner, Status};
