//! The tree's hashes as somebody keeps them beside the leaves: a folder's `index.sqlite`, a node's `/tile/<L>/<N>`.
//!
//! They are derived, and nobody's word; they are compared with the ones that the leaves make, every tile of every level, on a
//! thread of its own while the leaves stream by. What a difference means, the signed root tells:
//!
//! - The leaves make the root: a kept hash that differs is altered, and whoever proves with it fails. Each is named.
//! - The leaves do not, but the kept leaf hashes do: they *are* what the log signed, and each leaf whose hash differs is
//!   proved to be altered.
//! - Neither does: the first difference is only said as what it is.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::doubt::{DOUBTS_KEPT_MAX, Doubt, DoubtCode};
use super::leaves::ReadError;
use crate::ledger::index;
use crate::tlog::{Checkpoint, Frontier, Hash, TILE_WIDTH, TileCoordinates, hashes_at};

/// Altered leaves named one by one; more are one statement.
const LEAVES_NAMED_MAX: usize = 20;

/// A tile as the leaves make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeTile {
    /// Which, and how wide.
    pub coordinates: TileCoordinates,
    /// Its hashes.
    pub hashes: Vec<Hash>,
}

/// Hashes that are kept somewhere.
pub trait KeptHashes: Send {
    /// Where, in words.
    fn place(&self) -> &str;
    /// How many leaves they are the hashes of; where more are said than there are, hashes are missing.
    fn size(&self) -> u64;
    /// For each of these tiles as many of its hashes, from the first, as are kept and readable.
    fn read(&mut self, tiles: &[TileCoordinates]) -> Result<Vec<Vec<Hash>>, ReadError>;
}

/// What an auditor has of them.
#[derive(Default)]
pub enum Hashes {
    /// None.
    #[default]
    NotGiven,
    /// Something that should hold them, and can't be read.
    Unreadable(String),
    /// These.
    Kept(Box<dyn KeptHashes>),
}

/// Those of a folder's derived index.
#[derive(Debug)]
pub struct IndexHashes {
    connection: Connection,
    size: u64,
}

impl IndexHashes {
    /// Opens the index file at `index`: not given where there is none, or one of another format.
    pub fn open(index: &Path) -> Hashes {
        if !index.exists() {
            return Hashes::NotGiven;
        }
        match Self::try_open(index) {
            Ok(Some(kept)) => Hashes::Kept(Box::new(kept)),
            Ok(None) => Hashes::NotGiven,
            Err(error) => Hashes::Unreadable(error.to_string()),
        }
    }

    fn try_open(index: &Path) -> rusqlite::Result<Option<Self>> {
        let mut wal = index.as_os_str().to_owned();
        wal.push("-wal");
        let absolute = std::path::absolute(index).map_err(|_| rusqlite::Error::InvalidPath(index.to_owned()))?;
        let text = absolute.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(index.to_owned()))?;
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        // Immutable: a copy on read-only media opens too, and nothing is made beside it. What stands in a -wal only is
        // not seen then; where it holds something, SQLite has to read it.
        let has_wal = std::fs::metadata(&wal).is_ok_and(|found| found.len() > 0);
        let uri = format!("file:{escaped}{}", if has_wal { "" } else { "?immutable=1" });
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri, flags)?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if format != index::FORMAT {
            return Ok(None);
        }
        let size = connection.query_row("SELECT taille FROM etat", [], |row| row.get(0))?;
        Ok(Some(Self { connection, size }))
    }

    fn tile(&self, tile: &TileCoordinates) -> Option<Vec<Hash>> {
        let bytes: Vec<u8> = self
            .connection
            .prepare_cached("SELECT hachages FROM tuiles WHERE niveau = ?1 AND n = ?2")
            .and_then(|mut select| select.query_row((tile.level(), tile.n()), |row| row.get(0)).optional())
            .ok()??;
        Some(hashes_of(&bytes, tile.width()))
    }
}

/// The whole hashes at the beginning of some bytes, at most `width`.
pub(super) fn hashes_of(bytes: &[u8], width: u16) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks::<32>();
    hashes.iter().take(width.into()).copied().map(Hash::from_bytes).collect()
}

impl KeptHashes for IndexHashes {
    fn place(&self) -> &'static str {
        "index.sqlite"
    }

    fn size(&self) -> u64 {
        self.size
    }

    /// A row that can't be read keeps nothing.
    fn read(&mut self, tiles: &[TileCoordinates]) -> Result<Vec<Vec<Hash>>, ReadError> {
        Ok(tiles.iter().map(|tile| self.tile(tile).unwrap_or_default()).collect())
    }
}

/// A kept hash that is not the one that the leaves make.
#[derive(Debug)]
struct Altered {
    tile: TileCoordinates,
    position: u16,
    kept: Option<Hash>,
    made: Hash,
}

impl Altered {
    fn doubt(&self, place: &str) -> Doubt {
        let Self { tile, position, kept, made } = self;
        let kept = kept.map_or_else(|| "does not have this hash".to_owned(), |kept| format!("has {kept}"));
        let detail = format!("{place} {kept}, the leaves make {made}: proofs that use it fail");
        let below = u64::from(TILE_WIDTH).pow(tile.level().into());
        let first_leaf = (tile.n() * u64::from(TILE_WIDTH) + u64::from(*position)) * below;
        Doubt::new(DoubtCode::HashAltered, detail).at(first_leaf).field(format!("{tile}[{position}]"))
    }
}

/// The comparison of a history with kept hashes, while it streams by.
pub struct Comparison {
    kept: Box<dyn KeptHashes>,
    /// Of the kept leaf hashes, in order.
    tree: Frontier,
    /// The kept leaf hashes ended.
    has_ended: bool,
    leaves: Vec<u64>,
    leaves_total: u64,
    hashes: Vec<Altered>,
    hashes_total: u64,
}

impl Comparison {
    /// With nothing compared yet.
    pub fn new(kept: Box<dyn KeptHashes>) -> Self {
        Self {
            kept,
            tree: Frontier::new(),
            has_ended: false,
            leaves: Vec::new(),
            leaves_total: 0,
            hashes: Vec::new(),
            hashes_total: 0,
        }
    }

    /// Compares tiles that the leaves made; those of level 0 come in order.
    pub fn compare(&mut self, made: &[MadeTile]) -> Result<(), ReadError> {
        let wanted: Vec<TileCoordinates> = made.iter().map(|tile| tile.coordinates).collect();
        let kept = self.kept.read(&wanted)?;
        for (tile, kept) in made.iter().zip(kept) {
            let coordinates = tile.coordinates;
            let in_kept = hashes_at(self.kept.size(), coordinates.level())
                .saturating_sub(coordinates.n() * u64::from(TILE_WIDTH));
            for (position, made) in (0_u16..).zip(&tile.hashes) {
                let kept = kept.get(usize::from(position)).copied();
                if kept != Some(*made) && (u64::from(position) < in_kept || kept.is_some()) {
                    self.hashes_total += 1;
                    if self.hashes.len() < DOUBTS_KEPT_MAX {
                        self.hashes.push(Altered { tile: coordinates, position, kept, made: *made });
                    }
                }
                if coordinates.level() == 0 {
                    self.leaf(kept, *made);
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, kept: Option<Hash>, made: Hash) {
        self.has_ended |= kept.is_none();
        let Some(kept) = kept.filter(|_| !self.has_ended) else { return };
        if kept != made {
            self.leaves_total += 1;
            if self.leaves.len() < LEAVES_NAMED_MAX {
                self.leaves.push(self.tree.size());
            }
        }
        self.tree.push(kept);
    }

    /// What it says of a history that ends before the leaves that the hashes were made of; `leaves` are there or signed for.
    pub fn cut_off(&self, leaves: u64) -> Option<Doubt> {
        let (made_of, place) = (self.kept.size(), self.kept.place());
        let detail = format!("{place} holds the hashes of {made_of} leaves");
        (made_of > leaves).then(|| Doubt::new(DoubtCode::LeavesMissing, detail).at(leaves))
    }

    /// What differs of hashes that are kept for leaves that make the signed root.
    pub fn altered_hashes(&self) -> Vec<Doubt> {
        let mut doubts: Vec<Doubt> = self.hashes.iter().map(|altered| altered.doubt(self.kept.place())).collect();
        let unnamed = self.hashes_total - doubts.len() as u64;
        if unnamed > 0 {
            let detail = format!("{unnamed} more hashes of {} are not what the leaves make", self.kept.place());
            doubts.push(Doubt::new(DoubtCode::HashAltered, detail));
        }
        doubts
    }

    /// What it says of a history of `leaves` leaves (none behind the checkpoint) that does not make the signed root:
    /// in words for where the first difference is, or the leaves that are proved to be altered.
    pub fn locate(&mut self, leaves: u64, signed: &Checkpoint) -> Result<(Option<u64>, Vec<Doubt>), ReadError> {
        self.read_on(signed.size())?;
        let first = self.leaves.first().copied();
        if self.tree.size() != signed.size() || self.tree.root() != signed.root() {
            return Ok((first, Vec::new()));
        }
        let altered = |index: u64, detail: &str| Doubt::new(DoubtCode::LeafAltered, detail).at(index);
        let one =
            format!("the log signed the root of hashes that are kept in {}; this leaf's is another", self.kept.place());
        let doubts = match first {
            None => Vec::new(),
            Some(first) if self.leaves_total > 1 && self.leaves_total == leaves.saturating_sub(first) => {
                vec![altered(
                    first,
                    &format!("{one}, and so is every one after it: a leaf was put in, taken out or moved here"),
                )]
            }
            Some(_) => self.leaves.iter().map(|index| altered(*index, &one)).collect(),
        };
        Ok((first, doubts))
    }

    /// Where they are kept.
    pub fn place(&self) -> &str {
        self.kept.place()
    }

    /// The kept leaf hashes behind the last leaf that there was.
    fn read_on(&mut self, size: u64) -> Result<(), ReadError> {
        let width = u64::from(TILE_WIDTH);
        while !self.has_ended && self.tree.size() < size {
            let n = self.tree.size() / width;
            let wanted = u16::try_from((size - n * width).min(width)).unwrap_or(TILE_WIDTH);
            let tile = TileCoordinates::new(0, n, wanted).map_err(|error| ReadError::Damaged(error.to_string()))?;
            let kept = self.kept.read(&[tile])?.pop().unwrap_or_default();
            let known = usize::try_from(self.tree.size() % width).unwrap_or(0);
            self.has_ended = kept.len() < usize::from(wanted);
            for hash in kept.into_iter().skip(known) {
                self.tree.push(hash);
            }
        }
        Ok(())
    }
}
