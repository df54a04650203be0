//! The index's SQLite file: its tables, one row at a time to read, many at once to write.
//!
//! The file is not synced at each commit: after a power cut it may lack the newest rows, never be torn (WAL).

use std::path::Path;

use greffe_events::Uuid;
use greffe_events::authority::KeyRecord;
use greffe_events::catalogue::RegistreRefus;
use greffe_events::dossier::Dossier;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row, ToSql, params};

use super::rows::Rows;
use super::{Erasure, FORMAT, IndexError, KnownIdentity, Set};
use crate::ledger::refus::REFUSALS_COMPARED_MAX;
use crate::tlog::{Hash, decode_tile, encode_tile};

/// Pages of 4 KiB in the write-ahead log that make SQLite move them into the file: 16 MiB, written at one go.
const CHECKPOINT_FRAMES: u32 = 4_096;

/// Page cache of the writing connection, in KiB: the upper pages of every table.
const WRITER_CACHE_KIB: i64 = 8 * 1_024;

/// Opens the file; makes it where it is missing. An error where it is of another format, or damaged.
pub(super) fn open_or_make(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_FRAMES, |_| Ok(()))?;
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
         CREATE TABLE refus (idx INTEGER PRIMARY KEY, cle BLOB NOT NULL, code TEXT NOT NULL, sel BLOB NOT NULL,
             empreinte BLOB NOT NULL) STRICT;
         CREATE INDEX refus_par_cle ON refus (cle, code, idx);
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

/// Opens the file, which exists, for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Writes rows in one transaction, each table in the order of its keys: neighbours share pages.
pub(super) fn write(connection: &mut Connection, rows: &Rows) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let upsert = |sql: &str, rows: Vec<Box<[&dyn ToSql]>>| -> rusqlite::Result<()> {
        let mut statement = transaction.prepare_cached(sql)?;
        rows.iter().try_for_each(|row| statement.execute(&**row).map(|_| ()))
    };
    let mut identities: Vec<_> =
        rows.identities.iter().map(|((source, id), known)| (source.to_string(), id.as_bytes(), known)).collect();
    identities.sort_unstable_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let identities = identities.iter().map(|(source, id, known)| -> Box<[&dyn ToSql]> {
        Box::new([source, *id, &known.index, &known.payload.0, &known.author.0])
    });
    upsert("INSERT OR REPLACE INTO evenements VALUES (?1, ?2, ?3, ?4, ?5)", identities.collect())?;

    let mut dossiers = Vec::with_capacity(rows.dossiers.len());
    for (subject, (last, state)) in &rows.dossiers {
        dossiers.push((subject.as_str(), last, to_json(state)?));
    }
    dossiers.sort_unstable();
    let dossiers =
        dossiers.iter().map(|(subject, last, state)| -> Box<[&dyn ToSql]> { Box::new([subject, *last, state]) });
    upsert("INSERT OR REPLACE INTO dossiers VALUES (?1, ?2, ?3)", dossiers.collect())?;

    let sources: Vec<_> = rows.sources.iter().map(|(source, leaves)| (source.to_string(), leaves)).collect();
    let sources = sources.iter().map(|(source, leaves)| -> Box<[&dyn ToSql]> { Box::new([source, *leaves]) });
    upsert("INSERT OR REPLACE INTO sources VALUES (?1, ?2)", sources.collect())?;

    let mut keys = Vec::with_capacity(rows.keys.len());
    for (key, record) in &rows.keys {
        keys.push((key.0, to_json(record)?));
    }
    let keys = keys.iter().map(|(key, record)| -> Box<[&dyn ToSql]> { Box::new([key, record]) });
    upsert("INSERT OR REPLACE INTO cles VALUES (?1, ?2)", keys.collect())?;

    for refused in &rows.refusals {
        let refus = &refused.refus;
        transaction.prepare_cached("INSERT OR REPLACE INTO refus VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
            refused.index,
            refus.cle.0,
            refus.code,
            refus.sel.0,
            refus.empreinte.0
        ])?;
        for organisation in &refused.organisations {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO refuses VALUES (?1, ?2)")?
                .execute(params![organisation.to_string(), refused.index])?;
        }
    }

    let mut citations: Vec<_> = rows.citations.iter().collect();
    citations.sort_unstable_by_key(|(piece, _)| **piece);
    let mut cite = transaction.prepare_cached("INSERT OR IGNORE INTO citations VALUES (?1, ?2, ?3)")?;
    for (piece, citing) in citations {
        for (source, subject) in citing {
            cite.execute(params![piece.0, source.to_string(), subject.as_str()])?;
        }
    }
    drop(cite);

    for erasure in &rows.erasures {
        transaction.prepare_cached("INSERT OR REPLACE INTO effacements VALUES (?1, ?2, ?3)")?.execute(params![
            erasure.index,
            erasure.organisation.to_string(),
            erasure.reference.0
        ])?;
    }

    let mut tile = transaction.prepare_cached("INSERT OR REPLACE INTO tuiles VALUES (?1, ?2, ?3)")?;
    for ((level, n), hashes) in &rows.tiles {
        tile.execute(params![level, n, encode_tile(hashes)])?;
    }
    drop(tile);
    if let Some((last, recorded_at_ms, size)) = &rows.head {
        transaction.execute(
            "UPDATE etat SET taille = ?1, recorded_at_ms = ?2, dernier = ?3",
            params![size, recorded_at_ms, last.as_bytes()],
        )?;
    }
    transaction.commit()
}

fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Rows of the file, read one at a time.
pub(super) struct Reader<'a> {
    pub connection: &'a Connection,
    pub path: &'a Path,
}

impl Reader<'_> {
    pub fn sqlite(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Sqlite { path: self.path.to_owned(), source }
    }

    pub fn row(&self, what: impl std::fmt::Display) -> IndexError {
        IndexError::Row { path: self.path.to_owned(), what: what.to_string() }
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, IndexError> {
        let found =
            self.connection.prepare_cached(sql).and_then(|mut statement| statement.query_row(params, read).optional());
        found.map_err(|source| self.sqlite(source))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, IndexError> {
        let found =
            self.connection.prepare_cached(sql).and_then(|mut statement| statement.query_map(params, read)?.collect());
        found.map_err(|source| self.sqlite(source))
    }

    /// Begins a reading transaction: what is read until its end is read from the file as it is now, or a little later.
    pub fn begin(&self) -> Result<(), IndexError> {
        self.execute("BEGIN")
    }

    /// Ends it.
    pub fn end(&self) -> Result<(), IndexError> {
        self.execute("COMMIT")
    }

    fn execute(&self, sql: &str) -> Result<(), IndexError> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        done.map(|_| ()).map_err(|source| self.sqlite(source))
    }

    /// Leaves that the file holds the rows of, `recorded_at` of the newest in Unix ms, and its hash.
    pub fn state(&self) -> Result<(u64, u64, Vec<u8>), IndexError> {
        let read = |row: &Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let state = self.one("SELECT taille, recorded_at_ms, dernier FROM etat", [], read)?;
        state.ok_or_else(|| self.row("its state"))
    }

    pub fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        let record: Option<String> = self.one("SELECT fiche FROM cles WHERE cle = ?1", [key.0], |row| row.get(0))?;
        record.map(|text| serde_json::from_str(&text).map_err(|_| self.row(format_args!("key {key}")))).transpose()
    }

    /// The last leaf of a dossier, and its state.
    pub fn dossier(&self, subject: &Subject) -> Result<Option<(u64, Dossier)>, IndexError> {
        let sql = "SELECT dernier, etat FROM dossiers WHERE sujet = ?1";
        let row: Option<(u64, String)> = self.one(sql, [subject.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((last, state)) = row else { return Ok(None) };
        let state = serde_json::from_str(&state).map_err(|_| self.row(format_args!("dossier {subject}")))?;
        Ok(Some((last, state)))
    }

    /// Number of leaves of a source.
    pub fn rank(&self, source: &Organisation) -> Result<Option<u64>, IndexError> {
        self.one("SELECT feuilles FROM sources WHERE source = ?1", [source.to_string()], |row| row.get(0))
    }

    /// The greatest id that a source has used.
    pub fn greatest_id(&self, source: &Organisation) -> Result<Option<Uuid>, IndexError> {
        let sql = "SELECT id FROM evenements WHERE source = ?1 ORDER BY id DESC LIMIT 1";
        self.one(sql, [source.to_string()], |row| Ok(Uuid::from_bytes(row.get(0)?)))
    }

    pub fn identity(&self, source: &Organisation, id: Uuid) -> Result<Option<KnownIdentity>, IndexError> {
        let sql = "SELECT idx, payload, auteur FROM evenements WHERE source = ?1 AND id = ?2";
        self.one(sql, params![source.to_string(), id.as_bytes()], |row| {
            Ok(KnownIdentity { index: row.get(0)?, payload: Empreinte(row.get(1)?), author: KeyId(row.get(2)?) })
        })
    }

    /// The leaf that records this refusal of this payload, among the newest of that key and code.
    pub fn refusal(&self, key: &KeyId, code: &str, payload: &[u8]) -> Result<Option<u64>, IndexError> {
        let sql = "SELECT idx, sel, empreinte FROM refus WHERE cle = ?1 AND code = ?2 ORDER BY idx DESC LIMIT ?3";
        let rows = self.all(sql, params![key.0, code, REFUSALS_COMPARED_MAX], |row| {
            Ok((row.get(0)?, Empreinte(row.get(1)?), Empreinte(row.get(2)?)))
        })?;
        let same = |(_, sel, empreinte): &(u64, _, _)| RegistreRefus::empreinte(sel, payload) == *empreinte;
        Ok(rows.into_iter().find(same).map(|(index, ..)| index))
    }

    /// Leaves of refusals that concern an organisation (none: all), newest first, before `before`.
    pub fn refusals(&self, organisation: Option<&Organisation>, before: i64, max: u32) -> Result<Vec<u64>, IndexError> {
        match organisation {
            None => {
                let sql = "SELECT idx FROM refus WHERE idx < ?1 ORDER BY idx DESC LIMIT ?2";
                self.all(sql, params![before, max], |row| row.get(0))
            }
            Some(organisation) => {
                let sql = "SELECT idx FROM refuses WHERE organisation = ?1 AND idx < ?2 ORDER BY idx DESC LIMIT ?3";
                self.all(sql, params![organisation.to_string(), before, max], |row| row.get(0))
            }
        }
    }

    /// Who cites a piece, in which dossier: at most `max` pairs, at most `of_each` of one organisation.
    pub fn citations(
        &self,
        piece: Empreinte,
        of_each: u32,
        max: u32,
    ) -> Result<Vec<(Organisation, Subject)>, IndexError> {
        let next = "SELECT source FROM citations WHERE piece = ?1 AND source > ?2 ORDER BY source LIMIT 1";
        let of = "SELECT sujet FROM citations WHERE piece = ?1 AND source = ?2 LIMIT ?3";
        let (mut found, mut source) = (Vec::new(), String::new());
        while found.len() < max as usize {
            let Some(citing) = self.one(next, params![piece.0, source], |row| row.get::<_, String>(0))? else { break };
            let organisation: Organisation = citing.parse().map_err(|_| self.row("a citation"))?;
            for subject in self.all(of, params![piece.0, citing, of_each], |row| row.get::<_, String>(0))? {
                let subject = subject.parse().map_err(|_| self.row("a citation"))?;
                found.push((organisation.clone(), subject));
            }
            source = citing;
        }
        found.truncate(max as usize);
        Ok(found)
    }

    /// Whether an organisation cites a piece in its own name.
    pub fn is_cited(&self, organisation: &Organisation, piece: Empreinte) -> Result<bool, IndexError> {
        let sql = "SELECT 1 FROM citations WHERE piece = ?1 AND source = ?2 LIMIT 1";
        Ok(self.one(sql, params![piece.0, organisation.to_string()], |_| Ok(()))?.is_some())
    }

    /// The leaf that erased an organisation's piece, if one did.
    pub fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, IndexError> {
        let sql = "SELECT idx FROM effacements WHERE organisation = ?1 AND piece = ?2";
        self.one(sql, params![organisation.to_string(), piece.0], |row| row.get(0))
    }

    /// Every piece that some organisation's copy was erased of.
    pub fn erased(&self) -> Result<Set<Empreinte>, IndexError> {
        let rows = self.all("SELECT DISTINCT piece FROM effacements", [], |row| Ok(Empreinte(row.get(0)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// The erasures at or after a leaf, in order, at most `max`.
    pub fn erasures(&self, from: u64, max: u32) -> Result<Vec<Erasure>, IndexError> {
        let sql = "SELECT idx, organisation, piece FROM effacements WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
        let rows: Vec<(u64, String, [u8; 32])> =
            self.all(sql, params![from, max], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.into_iter()
            .map(|(index, organisation, piece)| {
                let organisation = organisation.parse().map_err(|_| self.row(format_args!("erasure {index}")))?;
                Ok(Erasure { index, organisation, reference: Empreinte(piece) })
            })
            .collect()
    }

    pub fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        let sql = "SELECT hachages FROM tuiles WHERE niveau = ?1 AND n = ?2";
        let bytes: Option<Vec<u8>> = self.one(sql, params![level, n], |row| row.get(0))?;
        let wrong = || self.row(format_args!("tile {level}/{n}"));
        let bytes = bytes.ok_or_else(wrong)?;
        let wanted = bytes.get(..usize::from(width) * 32).ok_or_else(wrong)?;
        decode_tile(wanted, width).map_err(|_| wrong())
    }
}
