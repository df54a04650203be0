//! The smallest state that can extend an RFC 6962 tree: its peaks.
//!
//! ```text
//! size 13 = 8 + 4 + 1:   peaks = [ (3,0) 8 leaves, (2,2) 4 leaves, (0,12) 1 leaf ]    widest first
//! ```
//!
//! At most 63 hashes, whatever the size: enough to replay a whole history and compare its root with each
//! checkpoint on the way, and to stop and resume. It cannot make proofs: see [`super::edge`] for that.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::tree::MAX_TREE_SIZE;

/// An append-only tree reduced to its peaks, the complete subtrees that make it up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit set in `size`, widest first.
    peaks: Vec<Hash>,
}

/// Why peaks make no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// One peak for each bit set in the size, no more, no fewer.
    #[error("a tree of {size} leaves has {expected} peaks, not {actual}")]
    PeakCount {
        /// Leaves in the tree.
        size: u64,
        /// Peaks that such a tree has.
        expected: usize,
        /// Peaks given.
        actual: usize,
    },
    /// Above [`MAX_TREE_SIZE`].
    #[error("a tree has at most {MAX_TREE_SIZE} leaves, not {size}")]
    TooLarge {
        /// Size given.
        size: u64,
    },
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves with these peaks, widest first.
    ///
    /// The peaks are taken at their word: compare [`root`](Self::root) with a checkpoint.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        if size > MAX_TREE_SIZE {
            return Err(FrontierError::TooLarge { size });
        }
        let expected = size.count_ones() as usize;
        if peaks.len() != expected {
            return Err(FrontierError::PeakCount { size, expected, actual: peaks.len() });
        }
        Ok(Self { size, peaks })
    }

    /// Appends a leaf. Two hashes on average.
    pub fn push(&mut self, leaf_hash: Hash) {
        let mut subtree = leaf_hash;
        // A carry in binary addition: equal subtrees on the right merge.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                subtree = node_hash(&left, &subtree);
            }
        }
        self.peaks.push(subtree);
        self.size += 1;
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees, widest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }
}
