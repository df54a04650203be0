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
//! | [`actes`] | the view of acts sent to the prefecture |
//!
//! A view is disposable (DESIGN, promise 8): whatever is wrong with its file, the answer is to build it again.
//! Nothing here writes events.

pub mod actes;
pub mod batch;
pub mod digest;
pub mod file;
pub mod log;
pub mod projection;
pub mod reader;
pub mod runner;

pub use digest::Digest;
pub use log::{Log, LogError};
pub use projection::{ApplyError, Projection};
pub use reader::{ReadError, ViewReader, WaitError};
pub use runner::{Failure, RunError, Runner, Status};
