//! Tiles: how a log publishes its tree (C2SP tlog-tiles, §Merkle Tree).
//!
//! ```text
//! tile (L, N)  = the hashes MTH(D[(N·256 + i)·256^L : (N·256 + i + 1)·256^L]), i from 0: level 8·L of the tree
//! full         256 hashes, 8,192 bytes; immutable
//! partial      1 to 255 hashes, at the right edge: floor(size / 256^L) mod 256
//!
//! path         tile/<L>/<N>[.p/<W>]          hashes
//!              tile/entries/<N>[.p/<W>]      the leaves themselves: super::bundle
//!              N in groups of three digits, all but the last behind an x: 1234067 → x001/x234/067
//! ```
//!
//! Paths are relative, without leading slash: good for a URL and for a directory. This module names tiles and
//! moves their bytes; it does not keep them, nor combine their hashes ([`super::tiles`]).

use std::fmt;
use std::str::FromStr;

use super::decimal;
use super::hash::{HASH_BYTES, Hash};
use super::tree::MAX_TREE_SIZE;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;

/// Highest tile level that a path may name: "between 0 and 63". (A tree of 2^63 leaves ends at level 7.)
pub const MAX_TILE_LEVEL: u8 = 63;

/// Highest tile number: that of the last level-0 tile of the largest tree.
pub const MAX_TILE_NUMBER: u64 = MAX_TREE_SIZE >> TILE_HEIGHT;

/// Longest path that is worth reading: `tile/entries/`, six groups of four characters and slashes, `.p/255`.
const MAX_PATH_BYTES: usize = 64;

/// Where a tile is: level, number, and how many hashes it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileCoordinates {
    level: u8,
    n: u64,
    width: u16,
}

/// Where a bundle of entries is: its number, and how many entries it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleCoordinates {
    n: u64,
    width: u16,
}

/// What a path under `tile/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// Hashes.
    Tile(TileCoordinates),
    /// Entries.
    Entries(BundleCoordinates),
}

/// Why a path or some bytes are no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// The one spelling of a path is not respected.
    #[error("not a tile path: {path:?}")]
    Path {
        /// The path, cut to 64 bytes.
        path: String,
    },
    /// Above [`MAX_TILE_LEVEL`].
    #[error("a tile level is at most {MAX_TILE_LEVEL}, not {level}")]
    Level {
        /// Level given.
        level: u8,
    },
    /// Above [`MAX_TILE_NUMBER`].
    #[error("a tile number is at most {MAX_TILE_NUMBER}, not {n}")]
    Number {
        /// Number given.
        n: u64,
    },
    /// "Empty tiles MUST NOT be served", and none is wider than 256.
    #[error("a tile holds 1 to {TILE_WIDTH} hashes, not {width}")]
    Width {
        /// Width given.
        width: usize,
    },
    /// The bytes of a tile of that width have another length.
    #[error("a tile of {width} hashes has {expected} bytes, not {actual}")]
    Length {
        /// Hashes the tile should hold.
        width: u16,
        /// Bytes it should have.
        expected: usize,
        /// Bytes found.
        actual: usize,
    },
}

impl TileCoordinates {
    /// The tile of that level and number, `width` hashes wide.
    pub fn new(level: u8, n: u64, width: u16) -> Result<Self, TileError> {
        if level > MAX_TILE_LEVEL {
            return Err(TileError::Level { level });
        }
        check_number_and_width(n, width)?;
        Ok(Self { level, n, width })
    }

    /// Tile level: the hashes are at level 8 × this of the tree.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Position within the level.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Hashes held, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it can still grow.
    pub fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// Whether all its hashes are those of complete subtrees of a tree of `size` leaves.
    pub fn exists_in(&self, size: u64) -> bool {
        // n < 2^55 and width ≤ 256: no overflow.
        size.unbounded_shr(u32::from(TILE_HEIGHT) * u32::from(self.level))
            >= self.n * u64::from(TILE_WIDTH) + u64::from(self.width)
    }
}

impl BundleCoordinates {
    /// The bundle of that number, of `width` entries.
    pub fn new(n: u64, width: u16) -> Result<Self, TileError> {
        check_number_and_width(n, width)?;
        Ok(Self { n, width })
    }

    /// Position: its first entry is number 256 × this.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Entries held, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Index of its first entry.
    pub fn first_index(&self) -> u64 {
        self.n * u64::from(TILE_WIDTH)
    }

    /// Whether all its entries are in a tree of `size` leaves.
    pub fn exists_in(&self, size: u64) -> bool {
        size >= self.first_index() + u64::from(self.width)
    }
}

impl TilePath {
    /// Parses `tile/…`; a path has one spelling, so anything that would not format back to itself is refused.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        let parsed = (path.len() <= MAX_PATH_BYTES).then(|| parse_parts(path)).flatten();
        parsed.ok_or_else(|| TileError::Path { path: path.chars().take(MAX_PATH_BYTES).collect() })
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(tile) => tile.fmt(f),
            Self::Entries(bundle) => bundle.fmt(f),
        }
    }
}

impl fmt::Display for TileCoordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_number_and_width(f, self.n, self.width)
    }
}

impl fmt::Display for BundleCoordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_number_and_width(f, self.n, self.width)
    }
}

/// The bytes of a tile: its hashes one after the other.
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile of that width; exactly that many bytes are needed.
pub fn decode_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    check_number_and_width(0, width)?;
    let expected = usize::from(width) * HASH_BYTES;
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if bytes.len() != expected || !rest.is_empty() {
        return Err(TileError::Length { width, expected, actual: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The partial tiles of a tree of `size` leaves, lowest level first: "floor(s / 256^l) mod 256 entries" each, and
/// none where that is 0.
pub fn partial_tiles(size: u64) -> impl Iterator<Item = TileCoordinates> {
    tile_levels().filter_map(move |level| {
        let hashes = hashes_at(size, level);
        let width = partial_width(hashes);
        (width > 0).then_some(TileCoordinates { level, n: hashes >> TILE_HEIGHT, width })
    })
}

/// The tiles to write when a tree grows from `from` to `to` leaves: the full tiles that it completes, level by
/// level, then the partial tiles of the new size. Nothing when it does not grow.
pub fn tiles_for_size(from: u64, to: u64) -> impl Iterator<Item = TileCoordinates> {
    let full = tile_levels().flat_map(move |level| {
        let completed = hashes_at(from, level) >> TILE_HEIGHT..hashes_at(to, level) >> TILE_HEIGHT;
        completed.map(move |n| TileCoordinates { level, n, width: TILE_WIDTH })
    });
    full.chain(partial_tiles(if from < to { to } else { 0 }))
}

/// Tile levels of the largest tree: 256^8 leaves are out of reach.
pub(super) fn tile_levels() -> impl Iterator<Item = u8> {
    0..(64 / TILE_HEIGHT)
}

/// Complete subtrees of 256^`level` leaves in a tree of `size` leaves: the hashes that tiles of that level hold.
pub fn hashes_at(size: u64, level: u8) -> u64 {
    size.unbounded_shr(u32::from(TILE_HEIGHT) * u32::from(level))
}

/// Width of the last tile of a level that holds that many hashes, 0 when it is full: the number modulo 256.
pub(super) fn partial_width(hashes: u64) -> u16 {
    hashes.to_le_bytes()[0].into()
}

fn check_number_and_width(n: u64, width: u16) -> Result<(), TileError> {
    if n > MAX_TILE_NUMBER {
        return Err(TileError::Number { n });
    }
    if width == 0 || width > TILE_WIDTH {
        return Err(TileError::Width { width: width.into() });
    }
    Ok(())
}

fn parse_parts(path: &str) -> Option<TilePath> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        None => (rest, TILE_WIDTH),
        // ".p/256" would be a second name for the full tile.
        Some((number, width)) => {
            (number, u16::try_from(decimal::parse(width, u64::from(TILE_WIDTH) - 1)?).ok().filter(|&w| w > 0)?)
        }
    };
    let n = parse_number(number)?;
    if level == "entries" {
        return BundleCoordinates::new(n, width).ok().map(TilePath::Entries);
    }
    let level = u8::try_from(decimal::parse(level, MAX_TILE_LEVEL.into())?).ok()?;
    TileCoordinates::new(level, n, width).ok().map(TilePath::Tile)
}

/// `x001/x234/067` → 1234067; no more groups than the number needs.
fn parse_number(text: &str) -> Option<u64> {
    if text.starts_with("x000/") {
        return None;
    }
    let (leading, last) = text.rsplit_once('/').map_or((None, text), |(leading, last)| (Some(leading), last));
    let leading = leading.into_iter().flat_map(|groups| groups.split('/'));
    let groups = leading.map(|group| group.strip_prefix('x')).chain([Some(last)]);
    groups.into_iter().try_fold(0_u64, |number, group| {
        let group = group.filter(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))?;
        number.checked_mul(1000)?.checked_add(group.parse().ok()?)
    })
}

fn write_number_and_width(f: &mut fmt::Formatter<'_>, n: u64, width: u16) -> fmt::Result {
    let mut divisor = 1;
    while n / divisor >= 1000 {
        divisor *= 1000;
    }
    while divisor > 1 {
        write!(f, "x{:03}/", n / divisor % 1000)?;
        divisor /= 1000;
    }
    write!(f, "{:03}", n % 1000)?;
    if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
}
