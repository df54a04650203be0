//! Where a history was changed: the leaf hashes that the folder's derived index still holds.
//!
//! The root tells that something changed, never what. `D/index.sqlite` keeps the hash of every leaf, in the tiles of level
//! 0. It is anybody's file; but if its hashes make the very root that the log signed, they *are* the log's, and each leaf
//! whose hash differs is proved to be altered. Otherwise the first difference is only said as what it is.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::doubt::{Doubt, DoubtCode};
use crate::tlog::{Checkpoint, Frontier, Hash, TILE_WIDTH, decode_tile};

/// Altered leaves named one by one; more are one statement.
const NAMED_MAX: usize = 20;

/// Leaf hashes as somebody kept them.
#[derive(Debug)]
pub struct KeptHashes {
    connection: Connection,
    tile: Option<(u64, Vec<Hash>)>,
}

impl KeptHashes {
    /// Of a folder's index; none where there is no such file, or it can't be read.
    pub fn open(index: &Path) -> Option<Self> {
        let mut wal = index.as_os_str().to_owned();
        wal.push("-wal");
        let text = std::path::absolute(index).ok()?.to_str()?.to_owned();
        let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        // Immutable: a copy on read-only media opens too, and nothing is made beside it. What stands in a -wal only is
        // not seen then; where it holds something, SQLite has to read it.
        let has_wal = std::fs::metadata(&wal).is_ok_and(|found| found.len() > 0);
        let uri = format!("file:{escaped}{}", if has_wal { "" } else { "?immutable=1" });
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri, flags).ok()?;
        Some(Self { connection, tile: None })
    }

    fn leaf_hash(&mut self, index: u64) -> Option<Hash> {
        let n = index / u64::from(TILE_WIDTH);
        if self.tile.as_ref().is_none_or(|(at, _)| *at != n) {
            self.tile = Some((n, self.read(n).unwrap_or_default()));
        }
        let (_, hashes) = self.tile.as_ref()?;
        hashes.get(usize::try_from(index % u64::from(TILE_WIDTH)).ok()?).copied()
    }

    fn read(&self, n: u64) -> Option<Vec<Hash>> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT hachages FROM tuiles WHERE niveau = 0 AND n = ?1")
            .and_then(|mut select| select.query_row([n], |row| row.get(0)).optional())
            .ok()?;
        let bytes = bytes?;
        decode_tile(&bytes, u16::try_from(bytes.len() / 32).ok()?).ok()
    }
}

/// The comparison of a history with kept hashes, while it streams by.
#[derive(Debug)]
pub struct Comparison {
    kept: KeptHashes,
    tree: Frontier,
    /// The kept hashes ended, or could not be read.
    has_ended: bool,
    differing: Vec<u64>,
    differing_total: u64,
}

impl Comparison {
    /// With nothing compared yet.
    pub fn new(kept: KeptHashes) -> Self {
        Self { kept, tree: Frontier::new(), has_ended: false, differing: Vec::new(), differing_total: 0 }
    }

    /// The next leaf's hash.
    pub fn push(&mut self, hash: Hash) {
        let index = self.tree.size();
        let Some(kept) = self.next() else { return };
        if kept != hash {
            self.differing_total += 1;
            if self.differing.len() < NAMED_MAX {
                self.differing.push(index);
            }
        }
    }

    fn next(&mut self) -> Option<Hash> {
        if self.has_ended {
            return None;
        }
        let Some(kept) = self.kept.leaf_hash(self.tree.size()) else {
            self.has_ended = true;
            return None;
        };
        self.tree.push(kept);
        Some(kept)
    }

    /// What it says of a history of `leaves` leaves (none behind the checkpoint) that does not make the signed root:
    /// the place, or the leaves that are proved to be altered.
    pub fn locate(mut self, leaves: u64, signed: &Checkpoint) -> (Option<u64>, Vec<Doubt>) {
        while self.tree.size() < signed.size() && self.next().is_some() {}
        let first = self.differing.first().copied();
        if self.tree.size() != signed.size() || self.tree.root() != signed.root() {
            return (first, Vec::new());
        }
        let altered = |index: u64, detail: &str| Doubt::new(DoubtCode::LeafAltered, detail).at(index);
        let one = "the log signed the root of hashes that are kept in index.sqlite; this leaf's is another";
        let doubts = match first {
            None => Vec::new(),
            Some(first) if self.differing_total > 1 && self.differing_total == leaves.saturating_sub(first) => {
                vec![altered(
                    first,
                    &format!("{one}, and so is every one after it: a leaf was put in, taken out or moved here"),
                )]
            }
            Some(_) => self.differing.iter().map(|index| altered(*index, one)).collect(),
        };
        (first, doubts)
    }
}
