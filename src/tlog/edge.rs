//! The right edge of a growing tree: what the sequencer keeps in memory to append leaves, sign a root and hand out
//! proofs, without reading anything back.
//!
//! ```text
//!            level 2   ▒                     ▒ partial tile of each level: in memory, ≤ 255 hashes
//!            level 1   ████████▒               and the nodes above them (≤ 16 KB a level, 8 levels at most)
//!            level 0   █████████████████▒    █ full tiles: handed out once by take_completed, then the caller's
//! ```
//!
//! A leaf costs two hashings on average. Proofs of leaves pushed since the last `take_completed` touch memory only
//! (completed tiles are still at hand); older ones read full tiles through a [`TileReader`].
//!
//! Not here: writing tiles to disk, batches and checkpoints (`ledger`).

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, hashes_at, partial_width, tile_levels};
use super::tiles::{NodeError, Place, RebuiltTiles, Subtree, TileReader};
use super::tree::{MAX_TREE_SIZE, Nodes};

/// An append-only tree reduced to the partial tile of each level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// By tile level. Level L holds `hashes_at(size, L) mod 256` hashes, so never a full tile.
    partial: Vec<Subtree>,
    /// In order of completion.
    completed: Vec<Completed>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Completed {
    level: u8,
    n: u64,
    subtree: Subtree,
}

/// A tile that has just become full, and will never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Tile level.
    pub level: u8,
    /// Tile number.
    pub n: u64,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

/// Why partial tiles make no edge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// One entry (possibly empty) for each level at which the tree has hashes.
    #[error("a tree of {size} leaves has {expected} tile levels, not {actual}")]
    Levels {
        /// Leaves in the tree.
        size: u64,
        /// Levels of such a tree.
        expected: usize,
        /// Levels given.
        actual: usize,
    },
    /// The size decides how wide each partial tile is.
    #[error("the partial tile of level {level} has {expected} hashes, not {actual}")]
    Width {
        /// Tile level.
        level: usize,
        /// Hashes that it has at that size.
        expected: usize,
        /// Hashes given.
        actual: usize,
    },
    /// Above [`MAX_TREE_SIZE`].
    #[error("a tree has at most {MAX_TREE_SIZE} leaves, not {size}")]
    TooLarge {
        /// Size given.
        size: u64,
    },
}

impl Edge {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size` leaves, from the partial tile of each level, lowest first, as
    /// [`partial`](Self::partial) gave them; an empty one where the size leaves none.
    ///
    /// The hashes are taken at their word: compare [`root`](Self::root) with a checkpoint.
    pub fn restore(size: u64, partial_tiles: &[Vec<Hash>]) -> Result<Self, EdgeError> {
        if size > MAX_TREE_SIZE {
            return Err(EdgeError::TooLarge { size });
        }
        let levels: Vec<u8> = tile_levels().take_while(|&level| hashes_at(size, level) > 0).collect();
        if levels.len() != partial_tiles.len() {
            return Err(EdgeError::Levels { size, expected: levels.len(), actual: partial_tiles.len() });
        }
        for (level, hashes) in levels.into_iter().zip(partial_tiles) {
            let expected = usize::from(partial_width(hashes_at(size, level)));
            if hashes.len() != expected {
                return Err(EdgeError::Width { level: level.into(), expected, actual: hashes.len() });
            }
        }
        let partial = partial_tiles.iter().map(|hashes| Subtree::from_hashes(hashes)).collect();
        Ok(Self { size, partial, completed: Vec::new() })
    }

    /// Appends a leaf.
    ///
    /// Completed tiles wait for [`take_completed`](Self::take_completed): about 16 KB for 256 leaves until then.
    pub fn push(&mut self, leaf_hash: Hash) {
        self.size += 1;
        let mut hash = leaf_hash;
        for level in tile_levels() {
            let index = usize::from(level);
            if self.partial.len() <= index {
                self.partial.push(Subtree::default());
            }
            self.partial[index].push(hash);
            let Some(root) = self.partial[index].root() else { return };
            let subtree = std::mem::take(&mut self.partial[index]);
            self.completed.push(Completed { level, n: (hashes_at(self.size, level) >> TILE_HEIGHT) - 1, subtree });
            hash = root;
        }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        // Peaks from the narrowest to the widest: the bits of the size, tile level by tile level.
        let peaks = self.partial.iter().flat_map(|subtree| {
            let width = subtree.hashes().len();
            (0..TILE_HEIGHT).filter(move |height| width >> height & 1 == 1).filter_map(|height| subtree.last(height))
        });
        peaks.reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }

    /// The partial tile of that level: 0 to 255 hashes. Empty above the top of the tree.
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.partial.get(usize::from(level)).map_or(&[], Subtree::hashes)
    }

    /// The full tiles completed since the last call, in order of completion (a tile before the one above it).
    pub fn take_completed(&mut self) -> Vec<FullTile> {
        let completed = std::mem::take(&mut self.completed);
        completed
            .into_iter()
            .map(|Completed { level, n, subtree }| FullTile { level, n, hashes: subtree.into_hashes() })
            .collect()
    }

    /// The subtree of that tile, when it is in memory.
    fn subtree(&self, level: u8, n: u64) -> Option<&Subtree> {
        if hashes_at(self.size, level) >> TILE_HEIGHT == n {
            return self.partial.get(usize::from(level));
        }
        // From the back: proofs are wanted for the newest leaves.
        self.completed.iter().rev().find(|tile| tile.level == level && tile.n == n).map(|tile| &tile.subtree)
    }
}

/// The nodes of the tree that ends at an [`Edge`]: from memory first, else from full tiles.
#[derive(Debug)]
pub struct EdgeNodes<'a, R> {
    edge: &'a Edge,
    full: RebuiltTiles<R>,
}

impl<'a, R: TileReader> EdgeNodes<'a, R> {
    /// Joins the edge with a reader, which is asked for full tiles only.
    pub fn new(edge: &'a Edge, reader: R) -> Self {
        Self { edge, full: RebuiltTiles::new(reader) }
    }
}

impl<R: TileReader> Nodes for EdgeNodes<'_, R> {
    type Error = NodeError<R::Error>;

    fn node(&self, level: u8, n: u64) -> Result<Hash, Self::Error> {
        let place = Place::in_tree(level, n, self.edge.size)?;
        let in_memory = self.edge.subtree(place.tile_level, place.tile_n);
        match in_memory.and_then(|subtree| subtree.node(place.height, place.position)) {
            Some(node) => Ok(node),
            // In the tree and not at the edge: its tile is full.
            None => self.full.node(&place, TILE_WIDTH),
        }
    }
}
