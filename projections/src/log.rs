//! Where leaves come from. The store is behind it; the runner knows no more of it than this.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use greffe_events::Recorded;
use thiserror::Error;

use crate::batch::BATCH_LEAVES_MAX;

/// The log, as projections read it: leaves in their order.
pub trait Log: Sync {
    /// Number of leaves.
    fn head(&self) -> Result<u64, LogError>;

    /// Consecutive leaves from index `from`: at most `max`, at least one if `from < head` and `max > 0`.
    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError>;
}

/// The log could not be read. Passing: the runner goes on from the same event at its next catching up.
#[derive(Debug, Error)]
#[error("the log can't be read: {0}")]
pub struct LogError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Most leaves kept for the views that come after the first: one of their transactions.
const RECENT_LEAVES_MAX: usize = BATCH_LEAVES_MAX;
/// Most bytes of leaves kept; what was read of them is about twice as much again.
const RECENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The leaves read last, shared by the views of a node: each is fetched and read once, not once a view. A view that is far
/// behind the others, or alone, reads past it.
#[derive(Debug, Default)]
pub struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Consecutive.
    leaves: VecDeque<Arc<Recorded>>,
    bytes: usize,
}

impl Recent {
    /// Leaves from `from` on: kept ones, or those that `read` fetches, which are kept if they follow on.
    pub fn read(
        &self,
        from: u64,
        max: usize,
        read: impl FnOnce(u64, usize) -> Result<Vec<Vec<u8>>, LogError>,
    ) -> Result<Vec<Arc<Recorded>>, LogError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.leaves.front().map_or(from, |leaf| leaf.index());
        let end = first + kept.leaves.len() as u64;
        if (first..end).contains(&from) {
            let at = usize::try_from(from - first).unwrap_or(usize::MAX);
            return Ok(kept.leaves.iter().skip(at).take(max).cloned().collect());
        }
        if from < first {
            drop(kept);
            return Ok(recorded(from, read(from, max)?));
        }
        // Read under the lock: the views that wait for it want the same leaves.
        let leaves = recorded(from, read(from, max)?);
        if from > end {
            *kept = Kept::default();
        }
        for leaf in &leaves {
            kept.bytes += leaf.bytes().len();
            kept.leaves.push_back(Arc::clone(leaf));
        }
        while kept.leaves.len() > RECENT_LEAVES_MAX || kept.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = kept.leaves.pop_front() else { break };
            kept.bytes -= oldest.bytes().len();
        }
        Ok(leaves)
    }
}

fn recorded(from: u64, leaves: Vec<Vec<u8>>) -> Vec<Arc<Recorded>> {
    (from..).zip(leaves).map(|(index, bytes)| Arc::new(Recorded::new(index, bytes))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whatever_the_order_of_reading_each_leaf_is_the_logs_own() {
        let recent = Recent::default();
        let fetched = Mutex::new(0);
        let read = |from: u64, max: usize| {
            let leaves = recent.read(from, max, |from, max| {
                *fetched.lock().unwrap() += 1;
                Ok((from..20_000.min(from + max as u64)).map(|index| index.to_be_bytes().to_vec()).collect())
            });
            let leaves = leaves.unwrap();
            assert!(!leaves.is_empty() && leaves.len() <= max);
            for (index, leaf) in (from..).zip(&leaves) {
                assert_eq!((leaf.index(), leaf.bytes()), (index, &index.to_be_bytes()[..]));
            }
            leaves.len()
        };
        assert_eq!(
            (read(0, 100), read(0, 100), *fetched.lock().unwrap()),
            (100, 100, 1),
            "the second view fetches nothing"
        );
        // The rest of what is kept, then what follows, far ahead, behind again, and past the bound.
        assert_eq!(read(90, 100), 10);
        for (from, max) in
            [(100, 50), (5_000, 10), (120, 10), (5_005, 10), (5_010, 9_990), (15_000, 5_000), (5_000, 10)]
        {
            read(from, max);
        }
        let kept = recent.kept.lock().unwrap();
        assert!(kept.leaves.len() <= RECENT_LEAVES_MAX && kept.bytes == kept.leaves.len() * 8);
    }
}
