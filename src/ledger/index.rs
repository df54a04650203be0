//! The derived index: what the write path must know of the earlier leaves, in a local SQLite file.
//!
//! Everything here follows from the leaves and is caught up from them at start; the file may be deleted. Two parts:
//! the tiles of the Merkle tree, the partial ones of the right edge included, and the *admission index*: identities,
//! dossiers with their state, ranks, keys, refusals, citations.
//!
//! **Ownership.** The writer connection belongs to the sequencer. It opens a transaction for a batch, decides and
//! writes inside it (so that each event sees the ones before it), and commits only after the store has the leaves:
//! readers, on their own connections, never see what is not durable.
//!
//! The file is not synced at each commit: after a power cut it may lack the newest leaves, never have too many
//! or be torn (WAL). Should it belong to another history than the store, it is made anew.

mod read;

use std::path::{Path, PathBuf};

use greffe_events::authority::{KeyRecord, RightsReader, enrolments};
use greffe_events::catalogue::{Data, RegistreRefus};
use greffe_events::dossier::{Adherent, Dossier, Recording, Registre};
use greffe_events::event::DossierId;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_events::{Event, Refusal, Uuid};
use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

use crate::tlog::{Edge, Hash, TILE_WIDTH, TileReader, encode_tile, partial_tiles};

/// Format of the file; another one is made anew.
pub const FORMAT: i64 = 5;

use read::Reader;
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

/// The index as its one writer holds it.
#[derive(Debug)]
pub struct IndexWriter {
    connection: Connection,
    path: PathBuf,
    /// Leaves indexed, the open batch included.
    size: u64,
    recorded_at_ms: u64,
}

/// Opens the file; makes it where it is missing, of another format, or damaged.
fn open_or_make(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.set_prepared_statement_cache_capacity(64);
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == FORMAT {
        return Ok(connection);
    }
    if format != 0 {
        return Err(rusqlite::Error::InvalidQuery);
    }
    connection.execute_batch(
        "BEGIN;
         CREATE TABLE etat (seul INTEGER PRIMARY KEY CHECK (seul = 0), taille INTEGER NOT NULL,
             recorded_at_ms INTEGER NOT NULL, dernier BLOB NOT NULL) STRICT;
         INSERT INTO etat VALUES (0, 0, 0, x'');
         CREATE TABLE tuiles (niveau INTEGER NOT NULL, n INTEGER NOT NULL, hachages BLOB NOT NULL,
             PRIMARY KEY (niveau, n)) STRICT, WITHOUT ROWID;
         CREATE TABLE evenements (source TEXT NOT NULL, id BLOB NOT NULL, idx INTEGER NOT NULL, payload BLOB NOT NULL,
             auteur BLOB NOT NULL, PRIMARY KEY (source, id)) STRICT, WITHOUT ROWID;
         CREATE TABLE dossiers (sujet TEXT PRIMARY KEY, dernier INTEGER NOT NULL, etat TEXT NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE sources (source TEXT PRIMARY KEY, feuilles INTEGER NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE cles (cle BLOB PRIMARY KEY, fiche TEXT NOT NULL) STRICT, WITHOUT ROWID;
         CREATE TABLE refus (cle BLOB NOT NULL, code TEXT NOT NULL, idx INTEGER NOT NULL, sel BLOB NOT NULL,
             empreinte BLOB NOT NULL, PRIMARY KEY (cle, code, idx)) STRICT, WITHOUT ROWID;
         CREATE TABLE refuses (organisation TEXT NOT NULL, idx INTEGER NOT NULL,
             PRIMARY KEY (organisation, idx)) STRICT, WITHOUT ROWID;
         CREATE TABLE citations (piece BLOB NOT NULL, source TEXT NOT NULL, sujet TEXT NOT NULL,
             PRIMARY KEY (piece, source, sujet)) STRICT, WITHOUT ROWID;
         CREATE TABLE effacements (idx INTEGER PRIMARY KEY, organisation TEXT NOT NULL, piece BLOB NOT NULL,
             UNIQUE (organisation, piece)) STRICT;
         COMMIT;",
    )?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(connection)
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
                    let known: Vec<u8> = index
                        .connection
                        .query_row("SELECT dernier FROM etat", [], |row| row.get(0))
                        .map_err(|source| index.sqlite(source))?;
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
        let connection = open_or_make(path).map_err(sqlite)?;
        let (size, recorded_at_ms) = connection
            .query_row("SELECT taille, recorded_at_ms FROM etat", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(sqlite)?;
        Ok(Self { connection, path: path.to_owned(), size, recorded_at_ms })
    }

    fn reader(&self) -> Reader<'_> {
        Reader { connection: &self.connection, path: &self.path }
    }

    fn sqlite(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Sqlite { path: self.path.clone(), source }
    }

    fn row(&self, what: impl std::fmt::Display) -> IndexError {
        IndexError::Row { path: self.path.clone(), what: what.to_string() }
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
    pub fn begin(&self) -> Result<(), IndexError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(|source| self.sqlite(source))
    }

    /// Forgets the batch.
    pub fn rollback(&mut self) -> Result<(), IndexError> {
        self.connection.execute_batch("ROLLBACK").map_err(|source| self.sqlite(source))?;
        let restored = self
            .connection
            .query_row("SELECT taille, recorded_at_ms FROM etat", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|source| self.sqlite(source))?;
        (self.size, self.recorded_at_ms) = restored;
        Ok(())
    }

    /// Ends the batch, whose leaves the store has; `edge` holds them already.
    ///
    /// # Panics
    ///
    /// If the tree and the index do not hold the same number of leaves: going on would sign a wrong root.
    pub fn commit(&mut self, edge: &mut Edge, last: Hash) -> Result<(), IndexError> {
        let sized = edge.size();
        assert_eq!(sized, self.size, "the tree and the index hold the same leaves");
        let mut write = || -> rusqlite::Result<()> {
            let mut tile = self.connection.prepare_cached("INSERT OR REPLACE INTO tuiles VALUES (?1, ?2, ?3)")?;
            for full in edge.take_completed() {
                tile.execute(params![full.level, full.n, encode_tile(&full.hashes)])?;
            }
            for partial in partial_tiles(sized) {
                tile.execute(params![partial.level(), partial.n(), encode_tile(edge.partial(partial.level()))])?;
            }
            drop(tile);
            self.connection
                .prepare_cached("UPDATE etat SET taille = ?1, recorded_at_ms = ?2, dernier = ?3")?
                .execute(params![sized, self.recorded_at_ms, last.as_bytes()])?;
            self.connection.execute_batch("COMMIT")
        };
        write().map_err(|source| self.sqlite(source))
    }

    /// The right edge of the tree, as last committed.
    pub fn edge(&self) -> Result<Edge, IndexError> {
        let reader = self.reader();
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
        Edge::restore(self.size, &partial).map_err(|error| self.row(error))
    }

    /// What the earlier leaves say of an event's dossier and source.
    pub fn place(&self, event: &Event) -> Result<Place, IndexError> {
        let dossier = self.reader().dossier(&event.subject)?;
        let rank = self
            .connection
            .prepare_cached("SELECT feuilles FROM sources WHERE source = ?1")
            .and_then(|mut statement| statement.query_row([event.source.to_string()], |row| row.get(0)).optional())
            .map_err(|source| self.sqlite(source))?
            .unwrap_or(0);
        let (previous, dossier) = dossier.unzip();
        let lie = match event.dossier.lie() {
            Some(subject) => self.reader().dossier(&subject)?.map(|(_, state)| state),
            None => None,
        };
        Ok(Place { previous, rank, dossier, lie })
    }

    /// The event that has this identity, if any.
    pub fn identity(&self, source: &Organisation, id: Uuid) -> Result<Option<KnownIdentity>, IndexError> {
        self.connection
            .prepare_cached("SELECT idx, payload, auteur FROM evenements WHERE source = ?1 AND id = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![source.to_string(), id.as_bytes()], |row| {
                        Ok(KnownIdentity {
                            index: row.get(0)?,
                            payload: Empreinte(row.get(1)?),
                            author: KeyId(row.get(2)?),
                        })
                    })
                    .optional()
            })
            .map_err(|source| self.sqlite(source))
    }

    /// The leaf that already records this refusal of this payload, if any.
    pub fn refusal(&self, key: &KeyId, code: &str, payload: &[u8]) -> Result<Option<u64>, IndexError> {
        self.connection
            .prepare_cached(
                "SELECT idx, sel, empreinte FROM refus WHERE cle = ?1 AND code = ?2 ORDER BY idx DESC LIMIT ?3",
            )
            .and_then(|mut statement| {
                let mut rows = statement.query(params![key.0, code, super::refus::REFUSALS_COMPARED_MAX])?;
                while let Some(row) = rows.next()? {
                    let (sel, empreinte) = (Empreinte(row.get(1)?), Empreinte(row.get(2)?));
                    if RegistreRefus::empreinte(&sel, payload) == empreinte {
                        return row.get(0).map(Some);
                    }
                }
                Ok(None)
            })
            .map_err(|source| self.sqlite(source))
    }

    /// Adds a leaf to the open batch.
    pub fn add(&mut self, leaf: &Leaf, event: &Event, payload: Empreinte, after: &Dossier) -> Result<(), IndexError> {
        self.add_rows(leaf, event, payload, after).map_err(|source| self.sqlite(source))?;
        self.size += 1;
        self.recorded_at_ms = leaf.recorded_at_ms;
        Ok(())
    }

    fn add_rows(&self, leaf: &Leaf, event: &Event, payload: Empreinte, after: &Dossier) -> rusqlite::Result<()> {
        let index = self.size;
        let source = event.source.to_string();
        let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
            self.connection.prepare_cached(sql)?.execute(values).map(|_| ())
        };
        let author = leaf.envelope.signers().next().unwrap_or(KeyId([0; 32]));
        let row: &[&dyn rusqlite::ToSql] = &[&source, event.id.as_bytes(), &index, &payload.0, &author.0];
        execute("INSERT INTO evenements VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
        let state = to_json(after)?;
        execute("INSERT OR REPLACE INTO dossiers VALUES (?1, ?2, ?3)", &[&event.subject.as_str(), &index, &state])?;
        execute("INSERT OR REPLACE INTO sources VALUES (?1, ?2)", &[&source, &(leaf.rank + 1)])?;
        for (key, record) in enrolments(event, index) {
            execute("INSERT INTO cles VALUES (?1, ?2)", &[&key.0, &to_json(&record)?])?;
        }
        if let Data::RegistreRefus(refus) = &event.data {
            let row: &[&dyn rusqlite::ToSql] = &[&refus.cle.0, &refus.code, &index, &refus.sel.0, &refus.empreinte.0];
            execute("INSERT INTO refus VALUES (?1, ?2, ?3, ?4, ?5)", row)?;
            // The one whose key signed, and the one in whose name; often the same.
            let signer = Reader { connection: &self.connection, path: &self.path }.key(&refus.cle).ok().flatten();
            let signer = signer.map(|record| record.organisation);
            for organisation in signer.iter().chain(&refus.source_refusee) {
                let row: &[&dyn rusqlite::ToSql] = &[&organisation.to_string(), &index];
                execute("INSERT OR IGNORE INTO refuses VALUES (?1, ?2)", row)?;
            }
        }
        if let (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) = (&event.data, &event.dossier) {
            let row: &[&dyn rusqlite::ToSql] = &[&index, &organisation.to_string(), &reference.0];
            execute("INSERT INTO effacements VALUES (?1, ?2, ?3)", row)?;
        }
        for piece in event.data.pieces() {
            let row: &[&dyn rusqlite::ToSql] = &[&piece.reference().0, &source, &event.subject.as_str()];
            execute("INSERT OR IGNORE INTO citations VALUES (?1, ?2, ?3)", row)?;
        }
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

fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

impl RightsReader for IndexWriter {
    type Error = IndexError;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        self.reader().key(key)
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, IndexError> {
        self.reader().member(organisation)
    }

    fn log(&self, origin: &Origin) -> Result<Option<Registre>, IndexError> {
        self.reader().log(origin)
    }
}

impl TileReader for &IndexWriter {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        self.reader().tile(level, n, width)
    }
}
