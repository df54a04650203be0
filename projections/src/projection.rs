//! What a view declares about itself.

use greffe_events::Recorded;
use rusqlite::{Connection, ErrorCode};
use thiserror::Error;

use crate::writer::Writer;

/// A read model: tables, and what each event does to them.
///
/// A projection is a function of the log: the same leaves give the same rows, in any batches, today or in ten years.
/// It reads no clock, no file and no other view, and keeps **no state but its tables** (hence `&self`): the runner may
/// roll a batch back and apply it again.
pub trait Projection: Send + Sync {
    /// Lowercase letters, digits and `_`; names the file.
    fn name(&self) -> &'static str;

    /// Raised with every change of the tables or of what an event does to them.
    fn version(&self) -> u32;

    /// Makes the empty tables, and the indexes that `apply` reads by.
    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()>;

    /// The `CREATE INDEX` of what only readers read by. A view that is built again gets them last, when its rows are there:
    /// sorted once, an index costs a fraction of what its rows cost one by one.
    fn indexes(&self) -> &'static str {
        ""
    }

    /// All tables that hold what the view says; they make its digest. Only virtual tables and their shadows may be left
    /// out, if they hold nothing that these do not.
    fn tables(&self) -> &'static [&'static str];

    /// Brings the tables from before the leaf to after it.
    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError>;
}

/// Why an event could not be applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The leaf is not what the projection can read; it stays so however often it is tried.
    #[error("{0}")]
    Leaf(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed: a constraint, a type, or the disk.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// A column that the view itself wrote does not read: the file is damaged.
pub(crate) fn is_unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}

impl ApplyError {
    /// A leaf that can't be read, with its reason.
    pub fn leaf(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Leaf(cause.into())
    }

    /// Whether the file or the machine is at fault rather than the event: the view is then not stopped at it.
    pub(crate) fn is_machine_fault(error: &rusqlite::Error) -> bool {
        matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ReadOnly
                    | ErrorCode::OperationInterrupted
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::DiskFull
                    | ErrorCode::CannotOpen
            )
        )
    }
}
