//! Reading the index, on connections of one's own: what is committed, and so durable in the store.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use greffe_events::authority::{KeyRecord, RightsReader};
use greffe_events::dossier::{Adherent, Dossier, Registre};
use greffe_events::ident::{Organisation, Origin, Subject};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::IndexError;
use crate::tlog::{Hash, TileReader, decode_tile};

/// Reading connections kept open between uses.
const READERS_MAX: usize = 16;

/// One reading connection, borrowed.
pub(super) struct Reader<'a> {
    pub connection: &'a Connection,
    pub path: &'a Path,
}

impl Reader<'_> {
    fn sqlite(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Sqlite { path: self.path.to_owned(), source }
    }

    fn row(&self, what: impl std::fmt::Display) -> IndexError {
        IndexError::Row { path: self.path.to_owned(), what: what.to_string() }
    }

    pub fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        let record: Option<String> = self
            .connection
            .prepare_cached("SELECT fiche FROM cles WHERE cle = ?1")
            .and_then(|mut statement| statement.query_row([key.0], |row| row.get(0)).optional())
            .map_err(|source| self.sqlite(source))?;
        record.map(|text| serde_json::from_str(&text).map_err(|_| self.row(format_args!("key {key}")))).transpose()
    }

    /// The last leaf of a dossier, and its state.
    pub fn dossier(&self, subject: &Subject) -> Result<Option<(u64, Dossier)>, IndexError> {
        let row: Option<(u64, String)> = self
            .connection
            .prepare_cached("SELECT dernier, etat FROM dossiers WHERE sujet = ?1")
            .and_then(|mut statement| {
                statement.query_row([subject.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(|source| self.sqlite(source))?;
        let Some((last, state)) = row else { return Ok(None) };
        let state = serde_json::from_str(&state).map_err(|_| self.row(format_args!("dossier {subject}")))?;
        Ok(Some((last, state)))
    }

    pub fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, IndexError> {
        let subject = organisation.dossier();
        match self.dossier(&subject)? {
            None => Ok(None),
            Some((_, Dossier::Adherent(member))) => Ok(Some(*member)),
            Some(_) => Err(self.row(format_args!("dossier {subject}"))),
        }
    }

    pub fn log(&self, origin: &Origin) -> Result<Option<Registre>, IndexError> {
        let subject = origin.dossier();
        match self.dossier(&subject)? {
            None => Ok(None),
            Some((_, Dossier::Registre(log))) => Ok(Some(*log)),
            Some(_) => Err(self.row(format_args!("dossier {subject}"))),
        }
    }
}

impl TileReader for Reader<'_> {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        let bytes: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT hachages FROM tuiles WHERE niveau = ?1 AND n = ?2")
            .and_then(|mut statement| statement.query_row(params![level, n], |row| row.get(0)).optional())
            .map_err(|source| self.sqlite(source))?;
        let wrong = || self.row(format_args!("tile {level}/{n}"));
        let bytes = bytes.ok_or_else(wrong)?;
        let wanted = bytes.get(..usize::from(width) * 32).ok_or_else(wrong)?;
        decode_tile(wanted, width).map_err(|_| wrong())
    }
}

/// The index as everybody else reads it: what is committed, on connections of their own.
#[derive(Debug)]
pub struct IndexReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl IndexReader {
    /// Readers of the file at `path`, which exists.
    pub fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    fn with<T>(&self, read: impl FnOnce(Reader) -> Result<T, IndexError>) -> Result<T, IndexError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open_with_flags(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )
            .map_err(|source| IndexError::Sqlite { path: self.path.clone(), source })?,
        };
        let result = read(Reader { connection: &connection, path: &self.path });
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_MAX {
            idle.push(connection);
        }
        result
    }

    /// Leaves that record refusals concerning one of these organisations (none: all), newest first, before index `before`: at most
    /// `max`.
    pub fn refusals(
        &self,
        organisations: Option<&[Organisation]>,
        before: Option<u64>,
        max: u32,
    ) -> Result<Vec<u64>, IndexError> {
        // SQLite numbers rows up to i64; no leaf is beyond.
        let before = before.and_then(|index| i64::try_from(index).ok()).unwrap_or(i64::MAX);
        self.with(|reader| {
            let select = |sql: &str, first: &dyn rusqlite::ToSql| -> rusqlite::Result<Vec<u64>> {
                let mut statement = reader.connection.prepare_cached(sql)?;
                statement.query_map(params![first, before, max], |row| row.get(0))?.collect()
            };
            let Some(organisations) = organisations else {
                let sql = "SELECT DISTINCT idx FROM refus WHERE ?1 IS NULL AND idx < ?2 ORDER BY idx DESC LIMIT ?3";
                return select(sql, &rusqlite::types::Null).map_err(|source| reader.sqlite(source));
            };
            let mut found = Vec::new();
            for organisation in organisations {
                let sql = "SELECT idx FROM refuses WHERE organisation = ?1 AND idx < ?2 ORDER BY idx DESC LIMIT ?3";
                found.extend(select(sql, &organisation.to_string()).map_err(|source| reader.sqlite(source))?);
            }
            found.sort_unstable_by(|one, other| other.cmp(one));
            found.dedup();
            found.truncate(max as usize);
            Ok(found)
        })
    }

    /// Who cites a piece, in which dossier: at most `max` pairs.
    pub fn citations(&self, piece: Empreinte, max: u32) -> Result<Vec<(Organisation, Subject)>, IndexError> {
        self.with(|reader| {
            let rows: Vec<(String, String)> = reader
                .connection
                .prepare_cached("SELECT source, sujet FROM citations WHERE piece = ?1 LIMIT ?2")
                .and_then(|mut statement| {
                    statement.query_map(params![piece.0, max], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
                })
                .map_err(|source| reader.sqlite(source))?;
            rows.into_iter()
                .map(|(source, subject)| match (source.parse(), subject.parse()) {
                    (Ok(source), Ok(subject)) => Ok((source, subject)),
                    _ => Err(reader.row("a citation")),
                })
                .collect()
        })
    }
}

/// A piece that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The leaf that says so.
    pub index: u64,
    /// Whose copy.
    pub organisation: Organisation,
    /// The digest that names it.
    pub reference: Empreinte,
}

impl IndexReader {
    /// Whether an organisation cites a piece in its own name.
    pub fn is_cited(&self, organisation: &Organisation, piece: Empreinte) -> Result<bool, IndexError> {
        self.with(|reader| {
            reader
                .connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM citations WHERE piece = ?1 AND source = ?2)")
                .and_then(|mut statement| {
                    statement.query_row(params![piece.0, organisation.to_string()], |row| row.get(0))
                })
                .map_err(|source| reader.sqlite(source))
        })
    }

    /// The leaf that erased an organisation's piece, if one did.
    pub fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, IndexError> {
        self.with(|reader| {
            reader
                .connection
                .prepare_cached("SELECT idx FROM effacements WHERE organisation = ?1 AND piece = ?2")
                .and_then(|mut statement| {
                    statement.query_row(params![organisation.to_string(), piece.0], |row| row.get(0)).optional()
                })
                .map_err(|source| reader.sqlite(source))
        })
    }

    /// The erasures at or after a leaf, in order, at most `max`.
    pub fn erasures(&self, from: u64, max: u32) -> Result<Vec<Erasure>, IndexError> {
        self.with(|reader| {
            let rows: Vec<(u64, String, [u8; 32])> = reader
                .connection
                .prepare_cached(
                    "SELECT idx, organisation, piece FROM effacements WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![from, max], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                        .collect()
                })
                .map_err(|source| reader.sqlite(source))?;
            rows.into_iter()
                .map(|(index, organisation, piece)| {
                    let organisation = organisation.parse().map_err(|_| reader.row(format_args!("erasure {index}")))?;
                    Ok(Erasure { index, organisation, reference: Empreinte(piece) })
                })
                .collect()
        })
    }
}

impl RightsReader for IndexReader {
    type Error = IndexError;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        self.with(|reader| reader.key(key))
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, IndexError> {
        self.with(|reader| reader.member(organisation))
    }

    fn log(&self, origin: &Origin) -> Result<Option<Registre>, IndexError> {
        self.with(|reader| reader.log(origin))
    }
}

impl TileReader for &IndexReader {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        self.with(|reader| reader.tile(level, n, width))
    }
}
