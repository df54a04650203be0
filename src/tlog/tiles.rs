//! A tree's nodes read from its tiles (C2SP tlog-tiles, §Merkle Tree: "The Merkle Tree levels between those expressed
//! by the tile hashes are reconstructed by hashing the leaves").
//!
//! ```text
//! node (level, n):  tile level L = level / 8, height k = level mod 8 inside the tile
//!
//!        k=2         ○             of a tile's 256 hashes, height k holds 256 / 2^k;
//!        k=1     ○       ○         a partial tile holds width / 2^k of them
//!        k=0   ○   ○   ○   ○  …    ← the tile's own hashes
//! ```
//!
//! Rebuilding a tile costs 255 hashes, so a rebuilt one is kept for the next nodes: many proofs share few tiles.
//! The tiles are taken at their word: a proof made from a false tile fails to verify, and that is the check. Not
//! here: where tiles are kept (a [`TileReader`] of the caller), and the growing right side ([`super::edge`]).

use std::cell::RefCell;
use std::collections::HashMap;

use super::hash::{Hash, node_hash};
use super::tile::{TILE_HEIGHT, TILE_WIDTH, hashes_at, partial_width};
use super::tree::Nodes;

/// Rebuilt tiles kept by one reader, 16 KB each: enough for every tile that the proofs of a batch of 1,024 leaves
/// touch, and for a reader's bounded memory. At the limit all are dropped.
const MAX_REBUILT_TILES: usize = 64;

/// Where tiles are read.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error;

    /// The first `width` hashes of tile `n` of `level`. A reader may return more (the tile has grown since).
    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, Self::Error>;
}

impl<R: TileReader + ?Sized> TileReader for &R {
    type Error = R::Error;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, Self::Error> {
        (**self).tile(level, n, width)
    }
}

/// Why tiles give no node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError<E> {
    /// Some of the node's leaves are not in the tree.
    #[error("the tree of {size} leaves has no complete subtree {n} at level {level}")]
    NotInTree {
        /// Level asked for.
        level: u8,
        /// Number asked for.
        n: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The reader returned too few hashes.
    #[error("tile {n} of level {level} has {actual} hashes, fewer than {expected}")]
    TileTooNarrow {
        /// Tile level.
        level: u8,
        /// Tile number.
        n: u64,
        /// Hashes asked for.
        expected: u16,
        /// Hashes returned.
        actual: usize,
    },
    /// The reader failed.
    #[error("tile not read: {0}")]
    Reader(E),
}

/// The nodes of the tree of `size` leaves, read from its tiles.
#[derive(Debug)]
pub struct TileNodes<R> {
    size: u64,
    tiles: RebuiltTiles<R>,
}

impl<R: TileReader> TileNodes<R> {
    /// Nodes of the tree of `size` leaves. Asks the reader only for tiles that such a tree has.
    pub fn new(size: u64, reader: R) -> Self {
        Self { size, tiles: RebuiltTiles::new(reader) }
    }
}

impl<R: TileReader> Nodes for TileNodes<R> {
    type Error = NodeError<R::Error>;

    fn node(&self, level: u8, n: u64) -> Result<Hash, Self::Error> {
        let place = Place::in_tree(level, n, self.size)?;
        let hashes = hashes_at(self.size, place.tile_level);
        let is_full = place.tile_n < hashes >> TILE_HEIGHT;
        self.tiles.node(&place, if is_full { TILE_WIDTH } else { partial_width(hashes) })
    }
}

/// The hash that stands above a full tile, one level up; `None` when there are not exactly 256 hashes.
pub fn full_tile_root(hashes: &[Hash]) -> Option<Hash> {
    if hashes.len() != usize::from(TILE_WIDTH) {
        return None;
    }
    Subtree::from_hashes(hashes).root()
}

/// Where in the tiles a node is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) tile_level: u8,
    pub(super) tile_n: u64,
    /// Height above the tile's own hashes, 0 to 7.
    pub(super) height: u8,
    /// Position at that height inside the tile.
    pub(super) position: usize,
}

impl Place {
    /// The place of node (`level`, `n`), when all its leaves are among the `size` first.
    pub(super) fn in_tree<E>(level: u8, n: u64, size: u64) -> Result<Self, NodeError<E>> {
        if n >= size.unbounded_shr(level.into()) {
            return Err(NodeError::NotInTree { level, n, size });
        }
        let (tile_level, height) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        // 2^(8 − height) nodes of that height in a tile: the lowest bits of n are the position among them.
        let position = usize::from(n.to_le_bytes()[0] & (u8::MAX >> height));
        Ok(Self { tile_level, tile_n: n >> (TILE_HEIGHT - height), height, position })
    }
}

/// A tile with all the nodes above its hashes, growing from the left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subtree {
    /// By height: 0 the tile's own hashes, 8 its root once it is full. Height k holds width / 2^k nodes.
    heights: [Vec<Hash>; TILE_HEIGHT as usize + 1],
}

impl Subtree {
    pub(super) fn from_hashes(hashes: &[Hash]) -> Self {
        let mut subtree = Self::default();
        for hash in hashes.iter().take(TILE_WIDTH.into()) {
            subtree.push(*hash);
        }
        subtree
    }

    /// Appends a hash and the nodes that it completes: two hashings on average, never more than eight.
    pub(super) fn push(&mut self, hash: Hash) {
        let mut node = hash;
        for height in &mut self.heights {
            height.push(node);
            match height.as_slice() {
                [.., left, right] if height.len().is_multiple_of(2) => node = node_hash(left, right),
                _ => return,
            }
        }
    }

    pub(super) fn node(&self, height: u8, position: usize) -> Option<Hash> {
        self.heights.get(usize::from(height))?.get(position).copied()
    }

    /// The tile's own hashes.
    pub(super) fn hashes(&self) -> &[Hash] {
        &self.heights[0]
    }

    pub(super) fn into_hashes(self) -> Vec<Hash> {
        let [hashes, ..] = self.heights;
        hashes
    }

    /// The last complete node of that height.
    pub(super) fn last(&self, height: u8) -> Option<Hash> {
        self.heights.get(usize::from(height))?.last().copied()
    }

    /// The node above a full tile.
    pub(super) fn root(&self) -> Option<Hash> {
        self.last(TILE_HEIGHT)
    }
}

/// Tiles of a reader, rebuilt once.
#[derive(Debug)]
pub(super) struct RebuiltTiles<R> {
    reader: R,
    rebuilt: RefCell<HashMap<(u8, u64), Subtree>>,
}

impl<R: TileReader> RebuiltTiles<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, rebuilt: RefCell::default() }
    }

    /// The node at `place`, in a tile of which the first `width` hashes are in the tree.
    pub(super) fn node(&self, place: &Place, width: u16) -> Result<Hash, NodeError<R::Error>> {
        let &Place { tile_level: level, tile_n: n, height, position } = place;
        let too_narrow = |actual| NodeError::TileTooNarrow { level, n, expected: width, actual };
        if let Some(subtree) = self.rebuilt.borrow().get(&(level, n)) {
            return subtree.node(height, position).ok_or_else(|| too_narrow(subtree.hashes().len()));
        }
        let hashes = self.reader.tile(level, n, width).map_err(NodeError::Reader)?;
        let hashes = hashes.get(..usize::from(width)).ok_or_else(|| too_narrow(hashes.len()))?;
        let subtree = Subtree::from_hashes(hashes);
        let node = subtree.node(height, position).ok_or_else(|| too_narrow(hashes.len()))?;
        let mut rebuilt = self.rebuilt.borrow_mut();
        if rebuilt.len() >= MAX_REBUILT_TILES {
            rebuilt.clear();
        }
        rebuilt.insert((level, n), subtree);
        Ok(node)
    }
}
