//! The derived index: what the write path must know of the earlier leaves.
//!
//! Everything here follows from the leaves and is caught up from them at start; the file may be deleted. Two parts:
//! the tiles of the Merkle tree, the partial ones of the right edge included, and the *admission index*: identities,
//! dossiers with their state, ranks, keys, refusals, citations.
//!
//! ```text
//! rows of the open batch   IndexWriter   the sequencer's alone; dropped where the store does not take the batch
//! rows not in the file yet behind        durable in the store; seen by all; bounded
//! rows of the file         file          SQLite, written behind in large transactions
//! ```
//!
//! Who reads looks from the top down. Readers begin at the second: they never see what is not durable. The file may lack the newest
//! leaves, after a kill or a power cut, never have others: should it belong to another history than the store, it is made anew.

mod behind;
mod file;
mod read;
mod recent;
mod rows;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use greffe_events::authority::{KeyRecord, RightsReader};
use greffe_events::catalogue::Data;
use greffe_events::dossier::{Adherent, Dossier, Recording, Registre};
use greffe_events::ident::{Organisation, Origin, Subject};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_events::{Event, Refusal, Uuid};
use rusqlite::Connection;
use thiserror::Error;

use self::behind::{Behind, WriterThread};
use self::file::Reader;
use self::recent::{Recent, Source};
use self::rows::Rows;
use crate::tlog::{Edge, Hash, TILE_WIDTH, TileReader, partial_tiles};

/// Looked up several times for every event, so with a faster hash than the standard library's. What stands in them was said by
/// members, who sign it and are few; the hash is seeded at random.
type Table<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
type Set<T> = std::collections::HashSet<T, foldhash::fast::RandomState>;

/// Format of the file; another one is made anew.
pub const FORMAT: i64 = 6;

pub use read::{Erasure, IndexReader};

/// Why the index failed.
#[derive(Debug, Error)]
pub enum IndexError {
    /// SQLite refused.
    #[error("{path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A row is not what this code wrote.
    #[error("{path}: {what} can't be read; delete the file, it is rebuilt from the leaves")]
    Row {
        /// The file.
        path: PathBuf,
        /// Which.
        what: String,
    },
    /// The system refused a thread.
    #[error("{path}: can't start the thread that writes it: {source}")]
    Thread {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file could not be written for a while, and no more is kept in memory.
    #[error("{path} can't be written: no more is kept in memory")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A leaf of the store contradicts the leaves before it.
    #[error("leaf {index} of the store contradicts the leaves before it: {why}")]
    Leaf {
        /// Which leaf.
        index: u64,
        /// How.
        why: String,
    },
}

/// What one event adds: computed before its leaf is made, written with it.
#[derive(Debug)]
pub struct Place {
    /// The preceding leaf of its dossier.
    pub previous: Option<u64>,
    /// Number of earlier leaves of its source.
    pub rank: u64,
    /// State of the dossier before.
    pub dossier: Option<Dossier>,
    /// State of the dossier that its life cycle asks too, if it asks one.
    pub lie: Option<Dossier>,
}

/// An event of the log that has the identity asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownIdentity {
    /// Where it is.
    pub index: u64,
    /// SHA-256 of its payload.
    pub payload: Empreinte,
    /// The key that signed it first.
    pub author: KeyId,
}

/// The index as the sequencer holds it.
#[derive(Debug)]
pub struct IndexWriter {
    path: PathBuf,
    /// Of the open batch.
    batch: Rows,
    behind: Arc<Behind>,
    recent: Arc<Recent>,
    /// Reads the file.
    connection: Connection,
    /// How often the file had been written when the reading transaction that is open began.
    reading: Cell<Option<u64>>,
    /// Leaves indexed and `recorded_at` of the newest in Unix ms, the open batch included.
    size: u64,
    recorded_at_ms: u64,
    /// The same without the open batch.
    committed: (u64, u64),
    _thread: WriterThread,
}

/// Removes the file, so that the next opening derives it again.
pub fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // Missing files are the usual case; one that can't be removed shows when it is opened.
        let _ = std::fs::remove_file(name);
    }
}

impl IndexWriter {
    /// Opens the index of a store that holds `store_size` leaves; `leaf_hash_at` gives the hash of one of them.
    /// An index that is not of this history is made anew, from nothing.
    pub fn open<E: From<IndexError>>(
        path: &Path,
        store_size: u64,
        leaf_hash_at: impl FnOnce(u64) -> Result<Hash, E>,
    ) -> Result<Self, E> {
        if let Ok(index) = Self::open_existing(path) {
            let is_of_store = match index.size.checked_sub(1) {
                None => true,
                Some(last) if last < store_size => {
                    let (_, _, known) = index.file()?.state()?;
                    leaf_hash_at(last)?.as_bytes().as_slice() == known
                }
                Some(_) => false,
            };
            if is_of_store {
                return Ok(index);
            }
        }
        tracing::warn!(path = %path.display(), "the derived index is not of this store: it is made anew");
        remove(path);
        Ok(Self::open_existing(path)?)
    }

    fn open_existing(path: &Path) -> Result<Self, IndexError> {
        let sqlite = |source| IndexError::Sqlite { path: path.to_owned(), source };
        let writing = file::open_or_make(path).map_err(sqlite)?;
        let connection = file::open_reader(path).map_err(sqlite)?;
        let reader = Reader { connection: &connection, path };
        let (size, recorded_at_ms, _) = reader.state()?;
        let recent = Arc::new(Recent::new(reader.erased()?));
        let behind = Arc::new(Behind::default());
        let thread = WriterThread::start(&behind, writing, path.to_owned())?;
        Ok(Self {
            path: path.to_owned(),
            batch: Rows::default(),
            behind,
            recent,
            connection,
            reading: Cell::new(None),
            size,
            recorded_at_ms,
            committed: (size, recorded_at_ms),
            _thread: thread,
        })
    }

    /// The same index for everybody else.
    pub fn reader(&self) -> IndexReader {
        IndexReader::new(self.path.clone(), Arc::clone(&self.behind), Arc::clone(&self.recent))
    }

    /// The file, for what is neither in the batch nor behind. One reading transaction serves a whole batch: locking the file for each
    /// row would cost as much as reading it. It begins anew when the file has been written since, because rows that are in the
    /// file are behind no more.
    fn file(&self) -> Result<Reader<'_>, IndexError> {
        let reader = Reader { connection: &self.connection, path: &self.path };
        let written = self.behind.written();
        if self.reading.get() != Some(written) {
            self.end_reading()?;
            reader.begin()?;
            self.reading.set(Some(written));
        }
        Ok(reader)
    }

    fn end_reading(&self) -> Result<(), IndexError> {
        match self.reading.take() {
            Some(_) => Reader { connection: &self.connection, path: &self.path }.end(),
            None => Ok(()),
        }
    }

    /// What the rows in memory say, the newest first.
    fn look<T>(&self, find: impl Fn(&Rows) -> Option<T>) -> Option<T> {
        find(&self.batch).or_else(|| self.behind.look(find))
    }

    /// Leaves indexed, the open batch included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `recorded_at` of the newest leaf, Unix ms; 0 in an empty log.
    pub fn recorded_at_ms(&self) -> u64 {
        self.recorded_at_ms
    }

    /// Begins a batch.
    ///
    /// # Errors
    ///
    /// [`IndexError::Full`] where the file could not be written for a while: nothing was begun, and later it may work.
    pub fn begin(&self) -> Result<(), IndexError> {
        // Whatever was read since the last one.
        self.end_reading()?;
        if self.behind.has_room() { Ok(()) } else { Err(IndexError::Full { path: self.path.clone() }) }
    }

    /// Forgets the batch.
    pub fn rollback(&mut self) {
        self.stop_reading();
        self.batch = Rows::default();
        (self.size, self.recorded_at_ms) = self.committed;
    }

    /// Ends the batch, whose leaves the store has; `edge` holds them already.
    ///
    /// # Panics
    ///
    /// If the tree and the index do not hold the same number of leaves: going on would sign a wrong root.
    pub fn commit(&mut self, edge: &mut Edge, last: Hash) {
        let sized = edge.size();
        assert_eq!(sized, self.size, "the tree and the index hold the same leaves");
        let next = Rows::like(&self.batch);
        let mut batch = std::mem::replace(&mut self.batch, next);
        batch.tiles.extend(edge.take_completed().into_iter().map(|full| ((full.level, full.n), full.hashes)));
        let partial = partial_tiles(sized);
        batch.tiles.extend(partial.map(|tile| ((tile.level(), tile.n()), edge.partial(tile.level()).to_vec())));
        batch.head = Some((last, self.recorded_at_ms, sized));
        self.recent.follow(&batch);
        self.committed = (self.size, self.recorded_at_ms);
        self.behind.push(batch);
        self.stop_reading();
    }

    /// Ends the reading transaction with its batch, so that the file's log can be moved into the file.
    fn stop_reading(&self) {
        if let Err(error) = self.end_reading() {
            // It is open still, and ended by the next batch's first reading.
            tracing::warn!(%error, "the index's reading transaction does not end");
        }
    }

    /// The right edge of the tree, as last committed.
    pub fn edge(&self) -> Result<Edge, IndexError> {
        let reader = self;
        let mut partial: Vec<Vec<Hash>> = Vec::new();
        let mut hashes = self.size;
        for level in 0.. {
            if hashes == 0 {
                break;
            }
            let width = u16::try_from(hashes % u64::from(TILE_WIDTH)).unwrap_or_default();
            partial.push(if width == 0 {
                Vec::new()
            } else {
                reader.tile(level, hashes / u64::from(TILE_WIDTH), width)?
            });
            hashes /= u64::from(TILE_WIDTH);
        }
        Edge::restore(self.size, &partial)
            .map_err(|error| IndexError::Row { path: self.path.clone(), what: error.to_string() })
    }

    /// What the earlier leaves say of an event's dossier and source.
    pub fn place(&self, event: &Event) -> Result<Place, IndexError> {
        let (previous, dossier) = self.dossier(&event.subject)?.unzip();
        let lie = match event.dossier.lie() {
            Some(subject) => self.dossier(&subject)?.map(|(_, state)| state),
            None => None,
        };
        Ok(Place { previous, rank: self.rank(&event.source)?, dossier, lie })
    }

    /// The last leaf of a dossier, and its state.
    fn dossier(&self, subject: &Subject) -> Result<Option<(u64, Dossier)>, IndexError> {
        if let Some(known) = self.batch.dossiers.get(subject) {
            return Ok(Some(known.clone()));
        }
        let known = self.recent.dossier(subject);
        if let Some(known) = known.or_else(|| self.behind.look(|rows| rows.dossiers.get(subject).cloned())) {
            return Ok(Some(known));
        }
        let found = self.file()?.dossier(subject)?;
        if let Some(state) = &found {
            self.recent.keep_dossier(subject, state);
        }
        Ok(found)
    }

    /// Number of leaves of a source.
    fn rank(&self, source: &Organisation) -> Result<u64, IndexError> {
        match self.batch.sources.get(source).copied().or_else(|| self.recent.rank(source)) {
            Some(known) => Ok(known),
            None => Ok(self.keep_source(source)?.0),
        }
    }

    /// Reads a source into `recent`; its number of leaves, and the greatest id that it has used.
    fn keep_source(&self, source: &Organisation) -> Result<(u64, Option<Uuid>), IndexError> {
        // Behind first: what moves into the file meanwhile is there then.
        let (mut behind, mut floor) = (None, None);
        self.behind.each(|rows| {
            behind = rows.sources.get(source).copied().or(behind);
            let used = rows.identities.keys().filter(|(other, _)| other == source);
            floor = floor.max(used.map(|(_, id)| *id).max());
        });
        let file = self.file()?;
        let leaves = match behind {
            Some(leaves) => leaves,
            None => file.rank(source)?.unwrap_or(0),
        };
        floor = floor.max(file.greatest_id(source)?);
        self.recent.keep_source(source, Source::new(leaves, floor));
        Ok((leaves, floor))
    }

    /// The event that has this identity, if any.
    pub fn identity(&self, source: &Organisation, id: Uuid) -> Result<Option<KnownIdentity>, IndexError> {
        let identity = (source.clone(), id);
        if let Some(known) = self.batch.identities.get(&identity) {
            return Ok(Some(*known));
        }
        let may_have_used = match self.recent.may_have_used(source, id) {
            Some(known) => known,
            None => self.keep_source(source)?.1.is_some_and(|floor| id <= floor),
        };
        if !may_have_used {
            return Ok(None);
        }
        match self.behind.look(|rows| rows.identities.get(&identity).copied()) {
            Some(known) => Ok(Some(known)),
            None => self.file()?.identity(source, id),
        }
    }

    /// The leaf that erased an organisation's piece, if one did.
    pub fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, IndexError> {
        let of = |rows: &Rows| rows.erasure(organisation, piece);
        if let Some(index) = of(&self.batch) {
            return Ok(Some(index));
        }
        if !self.recent.may_be_erased(piece) {
            return Ok(None);
        }
        match self.behind.look(of) {
            Some(index) => Ok(Some(index)),
            None => self.file()?.erasure(organisation, piece),
        }
    }

    /// The leaf that already records this refusal of this payload, if any.
    pub fn refusal(&self, key: &KeyId, code: &str, payload: &[u8]) -> Result<Option<u64>, IndexError> {
        let of = |rows: &Rows| {
            let same = rows.refusals.iter().find(|refused| refused.is_of(key, code, payload));
            same.map(|refused| refused.index)
        };
        match self.look(of) {
            Some(index) => Ok(Some(index)),
            None => self.file()?.refusal(key, code, payload),
        }
    }

    /// Adds a leaf to the open batch; `payload` is the digest of its event's bytes.
    pub fn add(&mut self, leaf: &Leaf, event: &Event, payload: Empreinte, after: &Dossier) -> Result<(), IndexError> {
        // Whom a refusal concerns beside its source: whoever's key signed.
        let signer = match &event.data {
            Data::RegistreRefus(refus) => self.key(&refus.cle)?.map(|record| record.organisation),
            _ => None,
        };
        self.batch.add(self.size, leaf, event, payload, after, signer);
        self.size += 1;
        self.recorded_at_ms = leaf.recorded_at_ms;
        Ok(())
    }

    /// Adds a leaf of the store to the open batch, after checking that it follows from the ones before.
    ///
    /// This is no audit: signatures and rights were judged when the leaf was admitted, and are judged again by `verify`.
    pub fn catch_up(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        let index = self.size;
        let wrong = |why: String| IndexError::Leaf { index, why };
        let leaf = Leaf::decode(bytes).map_err(|error| wrong(error.to_string()))?;
        let event = Event::of(&leaf.envelope).map_err(|refusal| wrong(refusal.to_string()))?;
        let place = self.place(&event)?;
        if (place.previous, place.rank) != (leaf.previous, leaf.rank) {
            return Err(wrong(format!(
                "previous {:?} and rank {} should be {:?} and {}",
                leaf.previous, leaf.rank, place.previous, place.rank
            )));
        }
        if leaf.recorded_at_ms < self.recorded_at_ms {
            return Err(wrong("it is recorded before the leaf before it".to_owned()));
        }
        let at = Recording { index, recorded_at_ms: leaf.recorded_at_ms, received_at_ms: leaf.received_at_ms };
        let after = Dossier::after(place.dossier.as_ref(), &event, at, place.lie.as_ref())
            .map_err(|refusal: Refusal| wrong(refusal.to_string()))?;
        self.add(&leaf, &event, Empreinte::of(leaf.envelope.payload()), &after)
    }
}

/// A dossier as that of a member; an error where it is another.
fn as_member(dossier: Option<Dossier>, subject: &Subject, path: &Path) -> Result<Option<Adherent>, IndexError> {
    match dossier {
        None => Ok(None),
        Some(Dossier::Adherent(member)) => Ok(Some(*member)),
        Some(_) => Err(IndexError::Row { path: path.to_owned(), what: format!("dossier {subject}") }),
    }
}

/// The same as that of the log.
fn as_log(dossier: Option<Dossier>, subject: &Subject, path: &Path) -> Result<Option<Registre>, IndexError> {
    match dossier {
        None => Ok(None),
        Some(Dossier::Registre(log)) => Ok(Some(*log)),
        Some(_) => Err(IndexError::Row { path: path.to_owned(), what: format!("dossier {subject}") }),
    }
}

impl RightsReader for IndexWriter {
    type Error = IndexError;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        let known = self.batch.keys.get(key).cloned().or_else(|| self.recent.key(key));
        if let Some(known) = known.or_else(|| self.behind.look(|rows| rows.keys.get(key).cloned())) {
            return Ok(Some(known));
        }
        let found = self.file()?.key(key)?;
        if let Some(record) = &found {
            self.recent.keep_key(*key, record);
        }
        Ok(found)
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, IndexError> {
        let subject = organisation.dossier();
        as_member(self.dossier(&subject)?.map(|(_, dossier)| dossier), &subject, &self.path)
    }

    fn log(&self, origin: &Origin) -> Result<Option<Registre>, IndexError> {
        let subject = origin.dossier();
        as_log(self.dossier(&subject)?.map(|(_, dossier)| dossier), &subject, &self.path)
    }
}

impl TileReader for &IndexWriter {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        match self.look(|rows| rows.tile(level, n, width)) {
            Some(tile) => Ok(tile),
            None => self.file()?.tile(level, n, width),
        }
    }
}
