//! What auditors asked to read: kept on the node, never in the log.
//!
//! An auditor reads what others said, so those others may ask which of it was looked at, when, and with whose key. Each request with the token of a
//! key that has an `auditeur` role is noted before it is answered, a stream when it begins; one that can't be noted is not answered. What was asked stands here, not what was
//! answered. `greffe lectures` shows it, while the node runs too.
//!
//! ```text
//! D/lectures.sqlite   0600
//!   demandes    one row for each day (UTC), key and request: when first and last, and how often
//!   condensees  one row for each day, key and route: how many requests that are told no more one by one
//! ```
//!
//! **Nobody empties it**: the same request again is counted in its row. Beyond [`PAR_ORGANISME_MAX`] rows of one organisation its own
//! oldest are condensed, and nobody else's: which dossier was asked for is gone, that something was asked on which route, how often, on which day and with which
//! key, stays. Whoever asks for a hundred thousand things of no interest hides among them what it asked for before, not that it looked there. There
//! are as many routes as the API has.
//!
//! **Retention**: three years after a request was last made ([`RETENTION_MS`]), then it is removed.
//!
//! Local on purpose: a reading concerns the reader too, and what is in a log is there for ever.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use rusqlite::{Connection, OpenFlags, Transaction};
use thiserror::Error;

/// Most requests of one organisation that are told one by one: some 20 MB. A whole log of 25 million leaves is read with as many.
pub const PAR_ORGANISME_MAX: u64 = 100_000;

/// How long readings are kept, in milliseconds: three years, the most that the CNIL admits for logs that are kept to control abuse
/// (délibération n° 2021-122, journalisation).
pub const RETENTION_MS: u64 = 3 * 365 * JOUR_MS;

/// A day, in milliseconds.
const JOUR_MS: u64 = 86_400_000;

/// Longest request of an auditor, in bytes: longer than any that the API documents. It is kept whole, so that nothing hides behind its beginning.
pub const DEMANDE_BYTES_MAX: usize = 2_000;

/// Why readings can't be noted, or shown.
#[derive(Debug, Error)]
pub enum LecturesError {
    /// The file.
    #[error("lectures.sqlite: {0}")]
    Io(#[from] io::Error),
    /// SQLite refused.
    #[error("lectures.sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Another version of this program made the file.
    #[error("lectures.sqlite has format {found}; this version reads format {VERSION} only")]
    Version {
        /// Its `user_version`.
        found: u32,
    },
}

/// The format of the file, its `user_version`.
const VERSION: u32 = 1;

/// What was asked on one day with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lecture {
    /// When it was asked for first that day, Unix ms; of condensed ones the day's beginning.
    pub premiere_ms: u64,
    /// And last; of condensed ones the same.
    pub derniere_ms: u64,
    /// How often.
    pub fois: u64,
    /// With which key.
    pub cle: String,
    /// Whose.
    pub organisation: String,
    /// Which operation of the API: method and path, what varies in it in braces.
    pub route: String,
    /// Method, path and query; none for requests that are condensed.
    pub demande: Option<String>,
}

/// What a file holds of somebody, or of all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Releve {
    /// The newest, oldest first; those that are condensed before the others.
    pub lectures: Vec<Lecture>,
    /// Rows beyond the limit that was asked for.
    pub laissees: u64,
    /// Requests that are told no more one by one.
    pub condensees: u64,
}

/// The file, open for writing. One per node.
#[derive(Debug)]
pub struct Lectures {
    ouvert: Mutex<Ouvert>,
    max: u64,
}

#[derive(Debug)]
struct Ouvert {
    connection: Connection,
    /// Rows of each organisation that asked since the start.
    lignes: HashMap<String, u64>,
    /// The day on which what is too old was removed last.
    jour: u64,
}

impl Lectures {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, LecturesError> {
        Self::keeping(path, PAR_ORGANISME_MAX)
    }

    fn keeping(path: &Path, max: u64) -> Result<Self, LecturesError> {
        // For its owner alone, whatever the process' mask.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let connection = Connection::open(path)?;
        check_version(&connection)?;
        // A power cut may take the last readings; a killed process none.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS demandes(
                 id INTEGER PRIMARY KEY AUTOINCREMENT, jour INTEGER NOT NULL, organisation TEXT NOT NULL, cle TEXT NOT NULL,
                 route TEXT NOT NULL, demande TEXT NOT NULL, premiere_ms INTEGER NOT NULL, derniere_ms INTEGER NOT NULL, fois INTEGER NOT NULL,
                 UNIQUE (jour, cle, demande)) STRICT;
             CREATE INDEX IF NOT EXISTS demandes_par_organisation ON demandes(organisation, id);
             CREATE TABLE IF NOT EXISTS condensees(
                 jour INTEGER NOT NULL, cle TEXT NOT NULL, route TEXT NOT NULL, organisation TEXT NOT NULL, fois INTEGER NOT NULL,
                 PRIMARY KEY (jour, cle, route)) STRICT;",
        )?;
        connection.pragma_update(None, "user_version", VERSION)?;
        Ok(Self { ouvert: Mutex::new(Ouvert { connection, lignes: HashMap::new(), jour: 0 }), max })
    }

    /// Notes one: what was asked, and on which route of the API.
    pub fn note(
        &self,
        le_ms: u64,
        cle: KeyId,
        organisation: &Organisation,
        route: &str,
        demande: &str,
    ) -> Result<(), LecturesError> {
        let (cle, organisation, demande) = (cle.to_string(), organisation.to_string(), demande);
        let mut ouvert = self.ouvert.lock().unwrap_or_else(PoisonError::into_inner);
        let Ouvert { connection, lignes, jour: purge } = &mut *ouvert;
        let jour = le_ms / JOUR_MS;
        let tx = connection.transaction()?;
        if *purge != jour {
            let oldest = le_ms.saturating_sub(RETENTION_MS) / JOUR_MS;
            tx.execute("DELETE FROM demandes WHERE jour < ?1", [oldest.cast_signed()])?;
            tx.execute("DELETE FROM condensees WHERE jour < ?1", [oldest.cast_signed()])?;
            lignes.clear();
        }
        let mut known = match lignes.get(&organisation) {
            Some(known) => *known,
            None => tx
                .prepare_cached("SELECT count(*) FROM demandes WHERE organisation = ?1")?
                .query_row([&organisation], |row| row.get::<_, i64>(0))?
                .cast_unsigned(),
        };
        let again = tx
            .prepare_cached(
                "UPDATE demandes SET fois = fois + 1, derniere_ms = ?4 WHERE jour = ?1 AND cle = ?2 AND demande = ?3",
            )?
            .execute((jour.cast_signed(), &cle, &demande, le_ms.cast_signed()))?;
        if again == 0 {
            tx.prepare_cached(
                "INSERT INTO demandes(jour, organisation, cle, route, demande, premiere_ms, derniere_ms, fois)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1)",
            )?
            .execute((jour.cast_signed(), &organisation, &cle, route, &demande, le_ms.cast_signed()))?;
            known += 1;
        }
        while known > self.max {
            condense(&tx, &organisation)?;
            known -= 1;
        }
        tx.commit()?;
        lignes.insert(organisation, known);
        *purge = jour;
        Ok(())
    }
}

/// Refuses a file of another version of this program. A new one has nothing in it.
fn check_version(connection: &Connection) -> Result<(), LecturesError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))?;
    let is_new = found == 0 && !connection.table_exists(None, "demandes")?;
    if found == VERSION || is_new { Ok(()) } else { Err(LecturesError::Version { found }) }
}

/// Takes the oldest request of an organisation out of the list, and counts it where its day, key and route are.
fn condense(tx: &Transaction<'_>, organisation: &str) -> rusqlite::Result<()> {
    let oldest = "SELECT id FROM demandes WHERE organisation = ?1 ORDER BY id LIMIT 1";
    let id: i64 = tx.prepare_cached(oldest)?.query_row([organisation], |row| row.get(0))?;
    tx.prepare_cached(
        "INSERT INTO condensees(jour, cle, route, organisation, fois)
         SELECT jour, cle, route, organisation, fois FROM demandes WHERE id = ?1
         ON CONFLICT(jour, cle, route) DO UPDATE SET fois = fois + excluded.fois",
    )?
    .execute([id])?;
    tx.prepare_cached("DELETE FROM demandes WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The newest readings of the file, at most `max`, oldest first: of one key or organisation, where one is asked for.
pub fn read(path: &Path, qui: Option<&str>, max: u32) -> Result<Releve, LecturesError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_version(&connection)?;
    let mut lectures = Vec::new();
    for sql in [
        "SELECT premiere_ms, derniere_ms, fois, cle, organisation, route, demande FROM demandes
         WHERE ?1 IS NULL OR ?1 IN (cle, organisation) ORDER BY id DESC LIMIT ?2",
        "SELECT jour * 86400000, jour * 86400000, fois, cle, organisation, route, NULL FROM condensees
         WHERE ?1 IS NULL OR ?1 IN (cle, organisation) ORDER BY jour DESC, cle, route LIMIT ?2",
    ] {
        let left = u64::from(max).saturating_sub(lectures.len() as u64).cast_signed();
        let mut select = connection.prepare(sql)?;
        let rows = select.query_map((qui, left), |row| {
            Ok(Lecture {
                premiere_ms: row.get::<_, i64>(0)?.cast_unsigned(),
                derniere_ms: row.get::<_, i64>(1)?.cast_unsigned(),
                fois: row.get::<_, i64>(2)?.cast_unsigned(),
                cle: row.get(3)?,
                organisation: row.get(4)?,
                route: row.get(5)?,
                demande: row.get(6)?,
            })
        })?;
        for row in rows {
            lectures.push(row?);
        }
    }
    lectures.reverse();
    let (rows, condensees) = connection.query_row(
        "SELECT (SELECT count(*) FROM demandes WHERE ?1 IS NULL OR ?1 IN (cle, organisation)) + count(*), coalesce(sum(fois), 0)
         FROM condensees WHERE ?1 IS NULL OR ?1 IN (cle, organisation)",
        [qui],
        |row| Ok((row.get::<_, u64>(0)?, row.get(1)?)),
    )?;
    let laissees = rows.saturating_sub(lectures.len() as u64);
    Ok(Releve { lectures, laissees, condensees })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const COUR: &str = "urn:siren:214502494";
    const AUTRE: &str = "urn:siren:210703385";

    fn note(lectures: &Lectures, le_ms: u64, seed: u8, organisation: &str, demande: &str) {
        let route = demande.split_inclusive("/v1/events/").next().unwrap();
        lectures.note(le_ms, KeyId([seed; 32]), &organisation.parse().unwrap(), route, demande).unwrap();
    }

    #[test]
    fn no_auditor_pushes_another_out_nor_its_own_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lectures.sqlite");
        let shown = |qui| {
            let lectures = read(&path, qui, 100).unwrap().lectures;
            lectures.into_iter().map(|one| (one.fois, one.demande.unwrap_or_default())).collect::<Vec<_>>()
        };
        let of = |n: u64| format!("GET /v1/events/{n}");
        for start in [0, 50] {
            // Opened again: it goes on.
            let lectures = Lectures::keeping(&path, 3).unwrap();
            if start == 0 {
                note(&lectures, 5, 8, AUTRE, "GET /v1/journal");
            }
            for n in start..start + 50 {
                note(&lectures, 10 + n, 7, COUR, &of(n));
            }
            // Again and again: counted.
            for _ in 0..9 {
                note(&lectures, 200, 7, COUR, &of(start + 49));
            }
        }
        // Each of the hundred stands there: three one by one, the others, of which one was made ten times, by their number.
        assert_eq!(shown(Some(COUR)), [(106, String::new()), (1, of(97)), (1, of(98)), (10, of(99))]);
        assert_eq!(shown(Some(AUTRE)), [(1, "GET /v1/journal".to_owned())]);
        let mut newest = read(&path, Some(&KeyId([7; 32]).to_string()), 1).unwrap();
        assert_eq!((newest.laissees, newest.condensees), (3, 106));
        let last = newest.lectures.remove(0);
        assert_eq!((last.premiere_ms, last.derniere_ms, last.fois), (109, 200, 10));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_older_than_the_retention_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lectures.sqlite");
        let lectures = Lectures::keeping(&path, 1).unwrap();
        for (le_ms, demande) in
            [(0, "GET /a"), (JOUR_MS, "GET /b"), (2 * JOUR_MS, "GET /c"), (RETENTION_MS + JOUR_MS, "GET /d")]
        {
            note(&lectures, le_ms, 7, COUR, demande);
        }
        let kept: Vec<_> =
            read(&path, None, 9).unwrap().lectures.into_iter().map(|one| (one.premiere_ms, one.demande)).collect();
        assert_eq!(kept[0], (JOUR_MS, None), "{kept:?}");
        assert_eq!(kept.len(), 3, "{kept:?}");
    }

    #[test]
    fn who_asks_for_much_of_no_interest_does_not_hide_where_it_looked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lectures.sqlite");
        let lectures = Lectures::keeping(&path, 3).unwrap();
        let cour: Organisation = COUR.parse().unwrap();
        let plis = "GET /v1/consultations/{id}/plis";
        for n in 0..2 {
            let demande = format!("GET /v1/consultations/214502494_M{n}/plis");
            lectures.note(5, KeyId([7; 32]), &cour, plis, &demande).unwrap();
        }
        for n in 0..50 {
            lectures.note(6, KeyId([7; 32]), &cour, "GET /v1/journal", &format!("GET /v1/journal?limit={n}")).unwrap();
        }
        let releve = read(&path, None, 100).unwrap();
        let condensed = releve.lectures.iter().filter(|one| one.demande.is_none());
        let condensed: Vec<_> = condensed.map(|one| (one.route.as_str(), one.fois)).collect();
        assert_eq!(condensed, [("GET /v1/journal", 47), (plis, 2)]);
        assert_eq!((releve.laissees, releve.condensees), (0, 49));
    }

    #[test]
    fn a_file_of_another_version_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lectures.sqlite");
        drop(Lectures::open(&path).unwrap());
        drop(Lectures::open(&path).unwrap());
        for version in [0, 9] {
            Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
            assert!(matches!(Lectures::open(&path), Err(LecturesError::Version { found }) if found == version));
            assert!(read(&path, None, 1).is_err());
        }
    }
}
