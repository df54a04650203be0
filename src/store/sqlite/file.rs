//! The file `registre.sqlite`: its making, its marks, and how one is recognised or refused.
//!
//! ```text
//! application_id  0x47524546 "GREF"      at byte 68 of the file, where file(1) looks too
//! user_version    1                      the format; there is no other yet
//! table leaves    idx INTEGER PRIMARY KEY   0, 1, 2, …
//!                 leaf BLOB NOT NULL        1 to 65,535 bytes
//! triggers        refuse UPDATE and DELETE: no slip of the sqlite3 shell rewrites a ledger
//! ```
//!
//! The triggers stop accidents, not adversaries; what an adversary does, the Merkle tree shows.
//! Making and opening are two acts: [`create`] wants no file there, [`open_writer`] wants one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::StoreError;

/// Name of the file in the ledger's directory.
pub const FILE_NAME: &str = "registre.sqlite";
/// `application_id` of a ledger: "GREF".
pub const APPLICATION_ID: u32 = 0x4752_4546;
/// The format this code reads and writes.
pub const FORMAT: u32 = 1;
/// Longest wait for a lock that another process holds. A commit takes milliseconds; whoever holds a lock
/// for seconds is stuck, and the caller had better know.
pub const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// How many of the newest indices an opening checks for consecutiveness: the largest append, which is
/// all that a broken commit could have touched.
const TAIL_CHECKED: usize = crate::store::APPEND_LEAVES_MAX;

/// Everything in the schema, as (name, SQL), sorted by name. Compared word for word at opening.
const SCHEMA: [(&str, &str); 3] = [
    ("leaves", "CREATE TABLE leaves(idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT"),
    (
        "leaves_never_deleted",
        "CREATE TRIGGER leaves_never_deleted BEFORE DELETE ON leaves BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    ),
    (
        "leaves_never_updated",
        "CREATE TRIGGER leaves_never_updated BEFORE UPDATE ON leaves BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    ),
];

/// `<path>` with `suffix` added to its last component: `-wal`, `-shm`, `.new`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Gives SQLite's refusals the names of the port.
pub fn refusal(path: &Path, doing: &'static str, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase { path: path.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.to_owned(), doing, detail: source.to_string() }
        }
        Some(ErrorCode::DatabaseBusy) => StoreError::Busy { doing, waited_ms: BUSY_WAIT_MAX.as_millis() },
        _ => StoreError::Sqlite { doing, source },
    }
}

fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { doing, path, source }
}

/// Makes an empty ledger at `path`, whole or not at all.
///
/// It is made complete under another name, closed, fsynced, and then hard-linked to its name, which fails
/// if the name is taken; then the directory is fsynced. A crash in between leaves `.new`, which the next
/// attempt removes.
pub fn create(path: &Path) -> Result<(), StoreError> {
    // An orphan -wal would be replayed into the new file at its first opening.
    for taken in [path.to_owned(), beside(path, "-wal"), beside(path, "-journal")] {
        if taken.try_exists().map_err(io(&taken, "looking for"))? {
            return Err(StoreError::Exists { path: taken });
        }
    }
    let new = beside(path, ".new");
    for leftover in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm"), beside(&new, "-journal")] {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&leftover, "removing")(error));
            }
            _ => {}
        }
    }
    let fails = |source| refusal(&new, "creating the ledger", source);
    let conn = Connection::open(&new).map_err(fails)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID).map_err(fails)?;
    conn.pragma_update(None, "user_version", FORMAT).map_err(fails)?;
    for (_, sql) in SCHEMA {
        conn.execute_batch(sql).map_err(fails)?;
    }
    set_durability(&conn, &new)?;
    conn.close().map_err(|(_, source)| fails(source))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(io(&new, "syncing"))?;
    std::fs::hard_link(&new, path).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => io(path, "naming")(source),
    })?;
    std::fs::remove_file(&new).map_err(io(&new, "removing"))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io(dir, "syncing"))
}

/// The one connection that writes.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    must_hold_bytes(path)?;
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_marks(&conn, path)?;
    set_durability(&conn, path)?;
    check_sequence(&conn, path)?;
    Ok(conn)
}

/// One connection that reads, beside a writer or another reader of the same file.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_marks(&conn, path)?;
    Ok(conn)
}

/// One connection that reads a ledger at rest: a copied folder, a mounted disc.
///
/// Where no `-wal` stands beside it, the file is all there is and nobody has it open (whoever opens a ledger
/// makes one), so it is read as immutable, which needs to create nothing. Where one does, leaves may stand
/// only there, and SQLite must be able to make its `-shm` file to read them; ignoring the `-wal` instead
/// would show an older ledger as if it were the whole.
pub fn open_at_rest(path: &Path) -> Result<Connection, StoreError> {
    must_hold_bytes(path)?;
    let wal = beside(path, "-wal");
    let wal_bytes = match std::fs::metadata(&wal) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io(&wal, "looking for")(error)),
    };
    let conn = if wal_bytes == 0 {
        let fails = |source| refusal(path, "opening", source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let conn = Connection::open_with_flags(immutable_uri(path)?, flags).map_err(fails)?;
        harden(&conn).map_err(fails)?;
        conn
    } else {
        connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?
    };
    check_marks(&conn, path).and_then(|()| check_sequence(&conn, path)).map_err(|error| match error {
        StoreError::Sqlite { source, .. }
            if wal_bytes > 0
                && matches!(
                    source.sqlite_error_code(),
                    Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure)
                ) =>
        {
            StoreError::WalOnReadOnlyMedia { path: path.to_owned(), detail: source.to_string() }
        }
        other => other,
    })?;
    Ok(conn)
}

/// `file:<path>?immutable=1`, the path's own `%`, `?` and `#` escaped (sqlite.org/uri.html §3.1).
fn immutable_uri(path: &Path) -> Result<String, StoreError> {
    let absolute = std::path::absolute(path).map_err(io(path, "resolving"))?;
    let text = absolute.to_str().ok_or_else(|| {
        io(path, "opening")(std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the path is not UTF-8"))
    })?;
    Ok(format!("file:{}?immutable=1", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")))
}

/// SQLite takes an empty file for a new database; here it is a ledger that lost everything.
fn must_hold_bytes(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(found) if found.len() == 0 => {
            Err(StoreError::Damaged { path: path.to_owned(), doing: "opening", detail: "the file is empty".to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StoreError::Missing { path: path.to_owned() })
        }
        Err(error) => Err(io(path, "opening")(error)),
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let fails = |source| refusal(path, "opening", source);
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fails)?;
    harden(&conn).map_err(fails)?;
    Ok(conn)
}

/// Settings that touch no file: a damaged or planted database gets errors, not trust.
fn harden(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_WAIT_MAX)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    // Memory-mapped, a failing disk is a SIGBUS; read, it is an error.
    conn.pragma_update(None, "mmap_size", 0)
}

/// The settings that promise 1 (durable) stands on, each read back: SQLite ignores what it cannot do.
fn set_durability(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let fails = |source| refusal(path, "setting durability", source);
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(fails)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(fails)?;
    // On macOS alone: fsync does not reach the disk there, F_FULLFSYNC does.
    conn.pragma_update(None, "fullfsync", true).map_err(fails)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true).map_err(fails)?;
    // SQLite's own checkpoint after commit drops its errors; ours, before the append, returns them.
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).map_err(fails)?;
    let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(fails)?;
    if mode != "wal" || synchronous != 2 {
        return Err(StoreError::Schema {
            path: path.to_owned(),
            detail: format!("wanted journal_mode=wal and synchronous=2, got {mode} and {synchronous}"),
        });
    }
    Ok(())
}

/// Is this file a ledger, and of the format this code knows?
fn check_marks(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let fails = |source| refusal(path, "reading the file's marks", source);
    // Signed in SQLite; compared as the 32 bits they are.
    let mark = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(fails);
    let application_id = mark("application_id")?.cast_unsigned();
    if application_id != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned(), found: application_id, expected: APPLICATION_ID });
    }
    let format = mark("user_version")?.cast_unsigned();
    if format != FORMAT {
        return Err(StoreError::Version { path: path.to_owned(), found: format, known: FORMAT });
    }
    let mut schema = conn.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").map_err(fails)?;
    let found = schema
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect::<Result<Vec<(String, Option<String>)>, _>>)
        .map_err(fails)?;
    let same = found.len() == SCHEMA.len()
        && found
            .iter()
            .zip(SCHEMA)
            .all(|((name, sql), ours)| (name.as_str(), sql.as_deref()) == (ours.0, Some(ours.1)));
    if same { Ok(()) } else { Err(StoreError::Schema { path: path.to_owned(), detail: format!("{found:?}") }) }
}

/// The sequence starts at 0 and its newest indices are consecutive: O(log n), not the O(n) of counting.
///
/// No crash can leave a hole, since each append is one transaction at the head; only a foreign hand can.
/// One in the middle is found by the first `read` across it, and a node reads all leaves when it builds its
/// Merkle index.
fn check_sequence(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let fails = |source| refusal(path, "checking the sequence", source);
    let first: Option<i64> = conn.query_row("SELECT min(idx) FROM leaves", [], |row| row.get(0)).map_err(fails)?;
    let Some(first) = first else { return Ok(()) };
    if first != 0 {
        return Err(StoreError::Gap { expected: 0, found: first.cast_unsigned() });
    }
    let mut newest = conn.prepare("SELECT idx FROM leaves ORDER BY idx DESC LIMIT ?1").map_err(fails)?;
    let limit = i64::try_from(TAIL_CHECKED).unwrap_or(i64::MAX);
    let tail = newest
        .query_map([limit], |row| row.get(0))
        .and_then(Iterator::collect::<Result<Vec<i64>, _>>)
        .map_err(fails)?;
    match tail.windows(2).find(|pair| pair[0] != pair[1] + 1) {
        Some(pair) => Err(StoreError::Gap { expected: (pair[1] + 1).cast_unsigned(), found: pair[0].cast_unsigned() }),
        None => Ok(()),
    }
}
