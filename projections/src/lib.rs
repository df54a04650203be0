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
//! | [`writer`] | what a projection writes its tables with |
//! | [`batch`] | one batch of leaves onto the tables, in one transaction |
//! | [`mod@file`] | the SQLite file of a view: making, recognising, replacing |
//! | [`digest`] | one hash over all rows, to compare two buildings of a view |
//! | [`reader`] | reading connections, and waiting until the view has caught up |
//! | [`recorded`] | what a view asks of one leaf, which is read at most once for all views |
//! | [`pieces`] | the files that events cite, in every view |
//! | [`liste`] | pages of a view: who sees which row, filters, cursors, a bounded walk |
//! | [`adherents`] | the view of members, their keys and delegations |
//! | [`dossiers`] | dossiers as their life cycle has them, in the views of exchanges |
//! | [`comptabilite`] | the view of accounting flows and invoices |
//! | [`marches`] | the view of tenders, their registers and submissions |
//! | [`journal`] | the view of every event: who said what, with which key, for whom |
//! | [`legalite`] | the view of acts: how far each has come, and what follows in law |
//! | [`droit`] | the law of legality control: what follows from the facts of an act, the calendar and the day |
//!
//! A view is disposable (DESIGN, promise 8): whatever is wrong with its file, the answer is to build it again.
//! Nothing here writes events.

pub mod adherents;
pub mod batch;
pub mod comptabilite;
pub mod digest;
pub mod dossiers;
pub mod droit;
#[cfg(test)]
mod essais;
pub mod file;
pub mod journal;
pub mod legalite;
pub mod liste;
pub mod log;
pub mod marches;
pub mod pieces;
pub mod projection;
pub mod quarantaine;
pub mod reader;
pub mod recorded;
pub mod runner;
pub mod writer;

pub use digest::Digest;
pub use greffe_events::Recorded;
pub use log::{Log, LogError, Recent};
pub use pieces::PieceRow;
pub use projection::{ApplyError, Projection};
pub use reader::{ReadError, ViewReader, WaitError};
pub use recorded::RecordedExt;
pub use runner::{Failure, RunError, Runner, Status, rebuild_all};
pub use writer::Writer;
