//! Reading the index, on connections of one's own: what is committed, and so durable in the store.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use greffe_events::authority::{KeyRecord, RightsReader};
use greffe_events::dossier::{Adherent, Dossier, Registre};
use greffe_events::ident::{Organisation, Origin, Subject};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use rusqlite::Connection;

use super::behind::Behind;
use super::file::{Reader, open_reader};
use super::recent::Recent;
use super::rows::Rows;
use super::{IndexError, as_log, as_member};
use crate::tlog::{Hash, TileReader};

/// Reading connections kept open between uses.
const READERS_MAX: usize = 16;

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

/// The index as everybody else reads it: what is committed, in memory or in the file.
#[derive(Debug)]
pub struct IndexReader {
    path: PathBuf,
    behind: Arc<Behind>,
    recent: Arc<Recent>,
    idle: Mutex<Vec<Connection>>,
}

impl IndexReader {
    pub(super) fn new(path: PathBuf, behind: Arc<Behind>, recent: Arc<Recent>) -> Self {
        Self { path, behind, recent, idle: Mutex::new(Vec::new()) }
    }

    fn with<T>(&self, read: impl FnOnce(Reader) -> Result<T, IndexError>) -> Result<T, IndexError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path).map_err(|source| IndexError::Sqlite { path: self.path.clone(), source })?,
        };
        let result = read(Reader { connection: &connection, path: &self.path });
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_MAX {
            idle.push(connection);
        }
        result
    }

    /// The state of a dossier.
    pub fn dossier(&self, subject: &Subject) -> Result<Option<Dossier>, IndexError> {
        Ok(self.newest(subject)?.map(|(_, dossier)| dossier))
    }

    /// The last leaf of a dossier.
    pub fn last_of(&self, subject: &Subject) -> Result<Option<u64>, IndexError> {
        Ok(self.newest(subject)?.map(|(last, _)| last))
    }

    fn newest(&self, subject: &Subject) -> Result<Option<(u64, Dossier)>, IndexError> {
        let known = self.recent.dossier(subject);
        match known.or_else(|| self.behind.look(|rows| rows.dossiers.get(subject).cloned())) {
            Some(newest) => Ok(Some(newest)),
            None => self.with(|reader| reader.dossier(subject)),
        }
    }

    /// Number of leaves of a source.
    pub fn leaves_of(&self, source: &Organisation) -> Result<u64, IndexError> {
        let known = self.recent.rank(source).or_else(|| self.behind.look(|rows| rows.sources.get(source).copied()));
        match known {
            Some(leaves) => Ok(leaves),
            None => Ok(self.with(|reader| reader.rank(source))?.unwrap_or(0)),
        }
    }

    /// Leaves that record refusals concerning one of these organisations (none: all), newest first, before index `before`: at
    /// most `max`.
    pub fn refusals(
        &self,
        organisations: Option<&[Organisation]>,
        before: Option<u64>,
        max: u32,
    ) -> Result<Vec<u64>, IndexError> {
        // SQLite numbers rows up to i64; no leaf is beyond.
        let before = before.and_then(|index| i64::try_from(index).ok()).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        self.behind.each(|rows| {
            let concerns = |concerned: &[Organisation]| {
                organisations.is_none_or(|organisations| concerned.iter().any(|one| organisations.contains(one)))
            };
            let earlier =
                rows.refusals.iter().filter(|refused| i64::try_from(refused.index).is_ok_and(|at| at < before));
            found.extend(earlier.filter(|refused| concerns(&refused.organisations)).map(|refused| refused.index));
        });
        self.with(|reader| {
            match organisations {
                None => found.extend(reader.refusals(None, before, max)?),
                Some(organisations) => {
                    for organisation in organisations {
                        found.extend(reader.refusals(Some(organisation), before, max)?);
                    }
                }
            }
            Ok(())
        })?;
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.dedup();
        found.truncate(max as usize);
        Ok(found)
    }

    /// Whether an organisation cites a piece in its own name.
    pub fn is_cited(&self, organisation: &Organisation, piece: Empreinte) -> Result<bool, IndexError> {
        let cites = |rows: &Rows| {
            let mut citing = rows.citations.get(&piece)?.iter();
            citing.any(|(source, _)| source == organisation).then_some(())
        };
        match self.behind.look(cites) {
            Some(()) => Ok(true),
            None => self.with(|reader| reader.is_cited(organisation, piece)),
        }
    }

    /// The leaf that erased an organisation's piece, if one did.
    pub fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, IndexError> {
        if !self.recent.may_be_erased(piece) {
            return Ok(None);
        }
        match self.behind.look(|rows| rows.erasure(organisation, piece)) {
            Some(index) => Ok(Some(index)),
            None => self.with(|reader| reader.erasure(organisation, piece)),
        }
    }

    /// The erasures at or after a leaf, in order, at most `max`.
    pub fn erasures(&self, from: u64, max: u32) -> Result<Vec<Erasure>, IndexError> {
        let mut recent = Vec::new();
        self.behind.each(|rows| recent.extend(rows.erasures.iter().filter(|erasure| erasure.index >= from).cloned()));
        let mut found = self.with(|reader| reader.erasures(from, max))?;
        found.extend(recent);
        found.sort_unstable_by_key(|erasure| erasure.index);
        found.dedup();
        found.truncate(max as usize);
        Ok(found)
    }

    /// Who cites a piece, in which dossier: at most `max` pairs, at most `of_each` of one organisation, so that none hides the
    /// others.
    pub fn citations(
        &self,
        piece: Empreinte,
        of_each: u32,
        max: u32,
    ) -> Result<Vec<(Organisation, Subject)>, IndexError> {
        let mut recent = Vec::new();
        self.behind.each(|rows| recent.extend(rows.citations.get(&piece).into_iter().flatten().cloned()));
        recent.extend(self.with(|reader| reader.citations(piece, of_each, max))?);
        let (mut seen, mut counts) = (HashSet::new(), HashMap::<Organisation, u32>::new());
        recent.retain(|citation| {
            seen.insert(citation.clone()) && {
                let count = counts.entry(citation.0.clone()).or_default();
                *count += 1;
                *count <= of_each
            }
        });
        recent.truncate(max as usize);
        Ok(recent)
    }
}

impl RightsReader for IndexReader {
    type Error = IndexError;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, IndexError> {
        let known = self.recent.key(key).or_else(|| self.behind.look(|rows| rows.keys.get(key).cloned()));
        if known.is_some() {
            return Ok(known);
        }
        let found = self.with(|reader| reader.key(key))?;
        if let Some(record) = &found {
            // A key is enrolled once, ever: what was found stays so.
            self.recent.keep_key(*key, record);
        }
        Ok(found)
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, IndexError> {
        let subject = organisation.dossier();
        as_member(self.dossier(&subject)?, &subject, &self.path)
    }

    fn log(&self, origin: &Origin) -> Result<Option<Registre>, IndexError> {
        let subject = origin.dossier();
        as_log(self.dossier(&subject)?, &subject, &self.path)
    }
}

impl TileReader for &IndexReader {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        match self.behind.look(|rows| rows.tile(level, n, width)) {
            Some(tile) => Ok(tile),
            None => self.with(|reader| reader.tile(level, n, width)),
        }
    }
}
