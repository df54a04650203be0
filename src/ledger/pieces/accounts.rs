//! What each organisation keeps here: for its quota, and to know which pieces to look at again.
//!
//! ```text
//! pieces/comptes.sqlite
//!   pieces   one row per piece: whose, how large, and when to look whether an event cites it (none once one does)
//!   comptes  the sums by organisation, kept by triggers in the same transaction
//! ```
//!
//! **Never too little.** The row is on disk (`synchronous=FULL`) before the piece has its name, and goes after the piece
//! went: what is there is counted. A crash in between leaves a row without a piece, which the next sweep that looks at it
//! takes away. The file may be deleted while no node runs: it is derived from the folders, once, at the next start.
//!
//! **Uploads under way** are counted in memory, by reservations: what is reserved and what is kept never exceed the
//! quota together, however many uploads run at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;
use rusqlite::{Connection, OptionalExtension, params};

use super::PieceError;

/// Bytes that one organisation may keep, unless the operator says otherwise: decades of a commune's acts, and the
/// uploads of a gateway that serves a thousand of them until they are cited in its members' names.
pub const QUOTA_BYTES: u64 = 20 << 30;

/// Pieces that one organisation may keep, unless the operator says otherwise: small ones cost inodes, not bytes.
pub const QUOTA_PIECES: u64 = 1_000_000;

/// Uploads of one organisation at once: half of those that the node takes, so that nobody holds them all.
pub const UPLOADS_PER_ORGANISATION_MAX: u64 = 8;

/// Bytes reserved at a time for an upload whose length was not announced.
const RESERVE_STEP_BYTES: u64 = 8 << 20;

/// How the file was made; another one is derived again.
const FORMAT: i64 = 1;

/// What one organisation may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes.
    pub bytes: u64,
    /// Pieces.
    pub pieces: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { bytes: QUOTA_BYTES, pieces: QUOTA_PIECES }
    }
}

/// What one organisation keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub bytes: u64,
    /// Pieces.
    pub pieces: u64,
}

/// A piece found on disk, or one to look at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub organisation: Organisation,
    pub reference: Empreinte,
    pub taille: u64,
    /// Unix ms.
    pub since_ms: u64,
}

#[derive(Debug)]
pub(super) struct Accounts {
    path: PathBuf,
    quota: Quota,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    connection: Connection,
    /// Uploads under way: `pieces` counts them, `bytes` what they reserved.
    under_way: HashMap<Organisation, Usage>,
}

/// Room for one upload. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Reservation {
    accounts: Arc<Accounts>,
    organisation: Organisation,
    bytes: u64,
    /// The organisation has this piece already: it needs no room.
    is_known: bool,
    is_given_back: bool,
}

impl Accounts {
    /// Opens the accounts at `path`. Where there are none, or none that can be used, they are derived from what `found`
    /// finds on disk.
    pub fn open(
        path: &Path,
        quota: Quota,
        found: impl FnOnce() -> Result<Vec<Held>, PieceError>,
    ) -> Result<Self, PieceError> {
        let fails = |source| PieceError::Accounts { path: path.to_owned(), source };
        let connection = match open_existing(path) {
            Ok(Some(connection)) => connection,
            Ok(None) => derive(path, &found()?).map_err(fails)?,
            Err(error) if is_damage(&error) => {
                tracing::warn!(path = %path.display(), %error, "the accounts of pieces are derived again");
                crate::ledger::index::remove(path);
                derive(path, &found()?).map_err(fails)?
            }
            Err(source) => return Err(fails(source)),
        };
        let books = Mutex::new(Books { connection, under_way: HashMap::new() });
        Ok(Self { path: path.to_owned(), quota, books })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, source: rusqlite::Error) -> PieceError {
        PieceError::Accounts { path: self.path.clone(), source }
    }

    /// What an organisation keeps, uploads under way apart.
    pub fn usage(&self, organisation: &Organisation) -> Result<Usage, PieceError> {
        self.books().kept(organisation).map_err(|source| self.fails(source))
    }

    /// Room for an upload of `bytes`, where it was said how many.
    pub fn reserve(
        self: &Arc<Self>,
        organisation: &Organisation,
        reference: Empreinte,
        bytes: u64,
    ) -> Result<Reservation, PieceError> {
        let mut books = self.books();
        let is_known = books.taille(organisation, reference).map_err(|source| self.fails(source))?.is_some();
        let under_way = books.under_way.get(organisation).copied().unwrap_or_default();
        if under_way.pieces >= UPLOADS_PER_ORGANISATION_MAX {
            return Err(PieceError::TooManyUploads);
        }
        let bytes = if is_known { 0 } else { bytes };
        if !is_known {
            self.check(&books, organisation, Usage { bytes, pieces: 1 })?;
        }
        let place = books.under_way.entry(organisation.clone()).or_default();
        place.pieces += 1;
        place.bytes += bytes;
        drop(books);
        let (accounts, organisation) = (Arc::clone(self), organisation.clone());
        Ok(Reservation { accounts, organisation, bytes, is_known, is_given_back: false })
    }

    /// Whether so much more fits beside what is kept and what is under way.
    fn check(&self, books: &Books, organisation: &Organisation, more: Usage) -> Result<(), PieceError> {
        let kept = books.kept(organisation).map_err(|source| self.fails(source))?;
        let under_way = books.under_way.get(organisation).copied().unwrap_or_default();
        let bytes = kept.bytes.saturating_add(under_way.bytes).saturating_add(more.bytes);
        let pieces = kept.pieces.saturating_add(under_way.pieces).saturating_add(more.pieces);
        if bytes > self.quota.bytes || pieces > self.quota.pieces {
            return Err(PieceError::Quota { quota: self.quota });
        }
        Ok(())
    }

    /// The piece is gone.
    pub fn remove(&self, organisation: &Organisation, reference: Empreinte) -> Result<(), PieceError> {
        self.execute("DELETE FROM pieces WHERE organisation = ?1 AND reference = ?2", organisation, reference, None)
    }

    /// The piece is cited: no need to look at it again.
    pub fn settle(&self, organisation: &Organisation, reference: Empreinte) -> Result<(), PieceError> {
        let sql = "UPDATE pieces SET depuis_ms = NULL WHERE organisation = ?1 AND reference = ?2";
        self.execute(sql, organisation, reference, None)
    }

    /// The piece was looked at for a citation since: its time runs from then.
    pub fn postpone(&self, organisation: &Organisation, reference: Empreinte, since_ms: u64) -> Result<(), PieceError> {
        let sql = "UPDATE pieces SET depuis_ms = ?3 WHERE organisation = ?1 AND reference = ?2";
        self.execute(sql, organisation, reference, Some(since_ms))
    }

    fn execute(
        &self,
        sql: &str,
        organisation: &Organisation,
        reference: Empreinte,
        since_ms: Option<u64>,
    ) -> Result<(), PieceError> {
        let books = self.books();
        let organisation = organisation.to_string();
        let done = books.connection.prepare_cached(sql).and_then(|mut statement| match since_ms {
            None => statement.execute(params![organisation, reference.0]),
            Some(since_ms) => statement.execute(params![organisation, reference.0, since_ms]),
        });
        done.map(drop).map_err(|source| self.fails(source))
    }

    /// Pieces that nobody is known to cite since before an instant (Unix ms), the oldest first, at most `max`.
    pub fn due(&self, before_ms: u64, max: u32) -> Result<Vec<Held>, PieceError> {
        self.books().due(before_ms, max).map_err(|source| self.fails(source))
    }
}

impl Books {
    fn kept(&self, organisation: &Organisation) -> rusqlite::Result<Usage> {
        self.connection
            .prepare_cached("SELECT octets, nombre FROM comptes WHERE organisation = ?1")?
            .query_row([organisation.to_string()], |row| Ok(Usage { bytes: row.get(0)?, pieces: row.get(1)? }))
            .optional()
            .map(Option::unwrap_or_default)
    }

    fn taille(&self, organisation: &Organisation, reference: Empreinte) -> rusqlite::Result<Option<u64>> {
        self.connection
            .prepare_cached("SELECT taille FROM pieces WHERE organisation = ?1 AND reference = ?2")?
            .query_row(params![organisation.to_string(), reference.0], |row| row.get(0))
            .optional()
    }

    /// Counts a piece, durably, and says from when to look at it again; one that is counted is not counted twice.
    fn add(&self, held: &Held) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO pieces VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET depuis_ms = excluded.depuis_ms",
            )?
            .execute(params![held.organisation.to_string(), held.reference.0, held.taille, held.since_ms])
            .map(drop)
    }

    fn due(&self, before_ms: u64, max: u32) -> rusqlite::Result<Vec<Held>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT organisation, reference, taille, depuis_ms FROM pieces WHERE depuis_ms <= ?1
             ORDER BY depuis_ms LIMIT ?2",
        )?;
        let rows = statement.query_map(params![before_ms, max], |row| {
            let organisation: String = row.get(0)?;
            let organisation = organisation
                .parse()
                .map_err(|_| rusqlite::Error::InvalidColumnType(0, organisation, rusqlite::types::Type::Text))?;
            Ok(Held { organisation, reference: Empreinte(row.get(1)?), taille: row.get(2)?, since_ms: row.get(3)? })
        })?;
        rows.collect()
    }
}

impl Reservation {
    /// Makes the reservation cover `bytes` of the upload.
    pub fn cover(&mut self, bytes: u64) -> Result<(), PieceError> {
        if self.is_known || bytes <= self.bytes {
            return Ok(());
        }
        let mut books = self.accounts.books();
        let missing = bytes - self.bytes;
        // A step ahead where it fits; where it does not, what is needed.
        let grown = [missing.max(RESERVE_STEP_BYTES), missing].into_iter().find_map(|more| {
            let fits = self.accounts.check(&books, &self.organisation, Usage { bytes: more, pieces: 0 });
            match fits {
                Ok(()) => Some(Ok(more)),
                Err(PieceError::Quota { .. }) => None,
                Err(error) => Some(Err(error)),
            }
        });
        let more = grown.unwrap_or(Err(PieceError::Quota { quota: self.accounts.quota }))?;
        books.under_way.entry(self.organisation.clone()).or_default().bytes += more;
        self.bytes += more;
        Ok(())
    }

    /// Turns the reservation into a piece that is counted, on disk when this returns.
    pub fn keep(mut self, reference: Empreinte, taille: u64, now_ms: u64) -> Result<(), PieceError> {
        let accounts = Arc::clone(&self.accounts);
        let mut books = accounts.books();
        let known = books.taille(&self.organisation, reference).map_err(|source| accounts.fails(source))?;
        self.give_back(&mut books);
        if known.is_none() {
            // Of a piece that was known when the upload began, nothing was reserved.
            accounts.check(&books, &self.organisation, Usage { bytes: taille, pieces: 1 })?;
        }
        let held = Held { organisation: self.organisation.clone(), reference, taille, since_ms: now_ms };
        books.add(&held).map_err(|source| accounts.fails(source))
    }

    fn give_back(&mut self, books: &mut Books) {
        let Some(place) = books.under_way.get_mut(&self.organisation) else { return };
        place.bytes -= self.bytes;
        place.pieces -= 1;
        if place.pieces == 0 {
            books.under_way.remove(&self.organisation);
        }
        self.is_given_back = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_given_back {
            let accounts = Arc::clone(&self.accounts);
            self.give_back(&mut accounts.books());
        }
    }
}

fn open_existing(path: &Path) -> rusqlite::Result<Option<Connection>> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open(path)?;
    set_pragmas(&connection)?;
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((format == FORMAT).then_some(connection))
}

/// Makes the file from what is on disk: whole, or not at all, so that a kill in between is harmless.
fn derive(path: &Path, found: &[Held]) -> rusqlite::Result<Connection> {
    crate::ledger::index::remove(path);
    let connection = Connection::open(path)?;
    set_pragmas(&connection)?;
    connection.execute_batch(
        "BEGIN;
         CREATE TABLE pieces (organisation TEXT NOT NULL, reference BLOB NOT NULL, taille INTEGER NOT NULL,
             depuis_ms INTEGER, PRIMARY KEY (organisation, reference)) STRICT, WITHOUT ROWID;
         CREATE INDEX a_revoir ON pieces (depuis_ms) WHERE depuis_ms IS NOT NULL;
         CREATE TABLE comptes (organisation TEXT PRIMARY KEY, octets INTEGER NOT NULL, nombre INTEGER NOT NULL)
             STRICT, WITHOUT ROWID;
         CREATE TRIGGER entree AFTER INSERT ON pieces BEGIN
             INSERT INTO comptes VALUES (new.organisation, new.taille, 1)
             ON CONFLICT DO UPDATE SET octets = octets + excluded.octets, nombre = nombre + 1;
         END;
         CREATE TRIGGER sortie AFTER DELETE ON pieces BEGIN
             UPDATE comptes SET octets = octets - old.taille, nombre = nombre - 1
             WHERE organisation = old.organisation;
         END;",
    )?;
    let books = Books { connection, under_way: HashMap::new() };
    for held in found {
        books.add(held)?;
    }
    books.connection.pragma_update(None, "user_version", FORMAT)?;
    books.connection.execute_batch("COMMIT")?;
    Ok(books.connection)
}

fn set_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
