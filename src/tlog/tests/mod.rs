//! Tests of the log, one file per idea. What they share: trees made of numbered leaves, in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed assumption fails the test, as it should")]

mod edge;
mod fixtures;
mod notes;
mod proofs;
mod tiles;
mod tree;
mod vectors;

use std::collections::HashMap;
use std::convert::Infallible;

use super::*;

/// The hash of a leaf whose bytes are its number.
fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// MTH(D[n]) word for word as RFC 6962 §2.1 defines it: slow, and obviously right.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

/// Every node of a tree, computed at once, level by level.
struct AllNodes(Vec<Vec<Hash>>);

impl AllNodes {
    fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl Nodes for AllNodes {
    type Error = Infallible;

    fn node(&self, level: u8, n: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(n).unwrap()])
    }
}

/// Tiles kept as a disk would: by level and number, the widest seen.
#[derive(Default)]
struct TileMap(HashMap<(u8, u64), Vec<Hash>>);

impl TileMap {
    fn keep(&mut self, completed: Vec<FullTile>) {
        for tile in completed {
            let replaced = self.0.insert((tile.level, tile.n), tile.hashes);
            assert!(replaced.is_none(), "tile {}/{} was completed twice", tile.level, tile.n);
        }
    }

    /// Full tiles and the partial tiles of that edge.
    fn published(edge: &mut Edge) -> Self {
        let mut tiles = Self::default();
        tiles.keep(edge.take_completed());
        for tile in partial_tiles(edge.size()) {
            tiles.0.insert((tile.level(), tile.n()), edge.partial(tile.level()).to_vec());
        }
        tiles
    }
}

impl TileReader for TileMap {
    type Error = String;

    fn tile(&self, level: u8, n: u64, _width: u16) -> Result<Vec<Hash>, String> {
        self.0.get(&(level, n)).cloned().ok_or_else(|| format!("no tile {level}/{n}"))
    }
}

/// A reader that must not be asked.
struct NoReader;

impl TileReader for NoReader {
    type Error = String;

    fn tile(&self, level: u8, n: u64, _width: u16) -> Result<Vec<Hash>, String> {
        Err(format!("tile {level}/{n} was read back"))
    }
}
