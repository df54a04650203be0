//! Where leaves come from. The store is behind it; the runner knows no more of it than this.

use thiserror::Error;

/// The log, as a projection reads it: raw leaves in their order.
pub trait Log {
    /// Number of leaves.
    fn head(&self) -> Result<u64, LogError>;

    /// Consecutive leaves from index `from`: at most `max`, at least one if `from < head` and `max > 0`.
    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, LogError>;
}

/// The log could not be read. Passing: the runner goes on from the same event at its next catching up.
#[derive(Debug, Error)]
#[error("the log can't be read: {0}")]
pub struct LogError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
