//! What auditors asked to read: kept on the node, never in the log.
//!
//! An auditor reads what others said, so those others may ask which of it was looked at, when, and with whose key. Each request with the token of a
//! key that has an `auditeur` role is noted before it is answered, a stream when it begins; one that can't be noted is not answered. What was asked stands here, not what was
//! answered. `greffe lectures` shows it, while the node runs too.
//!
//! ```text
//! D/lectures.sqlite   lectures(id, le_ms, cle, organisation, demande)     the newest LECTURES_MAX; 0600
//! ```
//!
//! Local on purpose: a reading concerns the reader too, and what is in a log is there for ever.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

/// Most readings kept; older ones go: some 150 MB, years of them where few audit.
pub const LECTURES_MAX: u64 = 1_000_000;

/// Longest request kept, in characters; the rest of a longer one is cut off.
const DEMANDE_CHARS_MAX: usize = 500;

/// Why readings can't be noted, or shown.
#[derive(Debug, Error)]
pub enum LecturesError {
    /// The file.
    #[error("lectures.sqlite: {0}")]
    Io(#[from] io::Error),
    /// SQLite refused.
    #[error("lectures.sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lecture {
    /// When it was asked for, Unix ms.
    pub le_ms: u64,
    /// With which key.
    pub cle: String,
    /// Whose.
    pub organisation: String,
    /// Method, path and query.
    pub demande: String,
}

/// The file, open for writing. One per node.
#[derive(Debug)]
pub struct Lectures {
    connection: Mutex<Connection>,
    max: u64,
}

impl Lectures {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, LecturesError> {
        Self::keeping(path, LECTURES_MAX)
    }

    fn keeping(path: &Path, max: u64) -> Result<Self, LecturesError> {
        // For its owner alone, whatever the process' mask.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let connection = Connection::open(path)?;
        // A power cut may take the last readings; a killed process none.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS lectures(
                 id INTEGER PRIMARY KEY AUTOINCREMENT, le_ms INTEGER NOT NULL, cle TEXT NOT NULL, organisation TEXT NOT NULL,
                 demande TEXT NOT NULL) STRICT;",
        )?;
        Ok(Self { connection: Mutex::new(connection), max })
    }

    /// Notes one.
    pub fn note(
        &self,
        le_ms: u64,
        cle: KeyId,
        organisation: &Organisation,
        demande: &str,
    ) -> Result<(), LecturesError> {
        let demande: String = demande.chars().take(DEMANDE_CHARS_MAX).collect();
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .prepare_cached("INSERT INTO lectures(le_ms, cle, organisation, demande) VALUES (?1, ?2, ?3, ?4)")?
            .execute((le_ms.cast_signed(), cle.to_string(), organisation.to_string(), demande))?;
        let oldest = connection.last_insert_rowid().saturating_sub_unsigned(self.max);
        connection.prepare_cached("DELETE FROM lectures WHERE id <= ?1")?.execute([oldest])?;
        Ok(())
    }
}

/// The newest readings of the file, at most `max`, oldest first: of one key or organisation, where one is asked for.
pub fn read(path: &Path, qui: Option<&str>, max: u32) -> Result<Vec<Lecture>, LecturesError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut select = connection.prepare(
        "SELECT le_ms, cle, organisation, demande FROM lectures WHERE ?1 IS NULL OR ?1 IN (cle, organisation)
         ORDER BY id DESC LIMIT ?2",
    )?;
    let rows = select.query_map((qui, max), |row| {
        Ok(Lecture {
            le_ms: row.get::<_, i64>(0)?.cast_unsigned(),
            cle: row.get(1)?,
            organisation: row.get(2)?,
            demande: row.get(3)?,
        })
    })?;
    let mut lectures = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    lectures.reverse();
    Ok(lectures)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_newest_are_kept_and_no_more_than_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lectures.sqlite");
        let organisations = ["urn:siren:214502494", "urn:siren:210703385"];
        for start in [0, 6] {
            // Opened again: it goes on.
            let lectures = Lectures::keeping(&path, 5).unwrap();
            for n in start..start + 6_u64 {
                let organisation = organisations[usize::from(n % 2 == 1)].parse().unwrap();
                lectures.note(n, KeyId([7; 32]), &organisation, &format!("GET /v1/events/{n}")).unwrap();
            }
            lectures.note(99, KeyId([8; 32]), &organisations[0].parse().unwrap(), &"é".repeat(10_000)).unwrap();
        }
        let seen = |qui, max| read(&path, qui, max).unwrap().iter().map(|lecture| lecture.le_ms).collect::<Vec<_>>();
        assert_eq!(seen(None, 100), [8, 9, 10, 11, 99]);
        assert_eq!(seen(None, 2), [11, 99]);
        assert_eq!(seen(Some(organisations[1]), 100), [9, 11]);
        assert_eq!(seen(Some(&KeyId([8; 32]).to_string()), 100), [99]);
        let lectures = read(&path, None, 1).unwrap();
        assert_eq!(lectures[0].demande.chars().count(), DEMANDE_CHARS_MAX);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
