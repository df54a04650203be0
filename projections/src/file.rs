//! The SQLite file of a view: `<dir>/<name>-v<version>.sqlite`.
//!
//! ```text
//! application_id  0x47525657 "GRVW"     user_version  the projection's version
//! table greffe_view   one row: position = leaves applied, last = SHA-256 of the leaf at position − 1
//! the projection's own tables
//! ```
//!
//! The position changes in the transaction that changes the rows, so whatever is on disk is a view of exactly
//! `position` leaves. WAL with `synchronous=NORMAL`: a power cut may lose the newest transactions, which are then
//! applied again; it does not tear one.
//!
//! A file that is truncated, foreign or made by other code is not repaired: `open` says `Found::Unusable` and the
//! runner makes an empty one, which the log fills again.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use crate::projection::Projection;
use crate::runner::RunError;

/// `application_id` of a view: "GRVW".
pub const APPLICATION_ID: i32 = 0x4752_5657;
/// Longest wait for a lock: only a shell of the operator's could hold one.
pub const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Statements that a writing connection keeps prepared: more than any view has.
const STATEMENTS_MAX: usize = 64;
/// Page cache of the writing connection, in KiB: the pages that a busy log changes again and again.
const CACHE_KIB: i32 = 12 * 1024;
/// The same while a view is built again, from nothing and for nobody yet.
const BUILDING_CACHE_KIB: i32 = 256 * 1024;
/// Pages of 4 KiB in the write-ahead log before they are moved into the file: each page that changed many times moves once.
const WAL_PAGES: u32 = 8_192;

/// Where the view's file is.
pub fn path(dir: &Path, projection: &dyn Projection) -> PathBuf {
    dir.join(format!("{}-v{}.sqlite", projection.name(), projection.version()))
}

/// Where it is built again, beside the one that serves.
pub fn rebuild_path(dir: &Path, projection: &dyn Projection) -> PathBuf {
    dir.join(format!("{}-v{}.rebuild.sqlite", projection.name(), projection.version()))
}

/// What stands at the path of a view.
pub(crate) enum Found {
    /// A view to go on with.
    View(Connection, Position),
    /// Nothing.
    Nothing,
    /// Something that can't be gone on with, and why.
    Unusable(String),
}

/// How far a view has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Leaves applied.
    pub leaves: u64,
    /// SHA-256 of the last one; zeros if none.
    pub last: [u8; 32],
}

impl Position {
    pub(crate) const START: Self = Self { leaves: 0, last: [0; 32] };

    pub(crate) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        conn.prepare_cached("SELECT position, last FROM greffe_view")?
            .query_row([], |row| Ok(Self { leaves: row.get::<_, i64>(0)?.cast_unsigned(), last: row.get(1)? }))
    }

    pub(crate) fn write(self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.prepare_cached("UPDATE greffe_view SET position = ?1, last = ?2")?
            .execute((self.leaves.cast_signed(), self.last))
            .map(drop)
    }
}

/// Opens what is at `path`, checking what can be checked without reading all of it. Damage further in shows later, as
/// an error of the statement that meets it.
pub(crate) fn open(path: &Path, projection: &dyn Projection) -> Result<Found, RunError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(RunError::Io { doing: "opening", path: path.to_owned(), source: error }),
        Ok(_) => {}
    }
    let expected = Connection::open_in_memory().and_then(|conn| {
        create_tables(&conn, projection)?;
        conn.execute_batch(projection.indexes())?;
        schema(&conn)
    });
    let expected = expected.map_err(|source| RunError::Sqlite { doing: "creating the tables", source })?;
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|conn| {
        set_pragmas(&conn)?;
        let application_id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if application_id != APPLICATION_ID {
            return Ok(Found::Unusable(format!("application_id {application_id:#010x}, not a view's")));
        }
        if schema(&conn)? != expected {
            return Ok(Found::Unusable("its tables are not those of this version's code".to_owned()));
        }
        let Some(position) = Position::read(&conn).optional()? else {
            return Ok(Found::Unusable("it has no position".to_owned()));
        };
        Ok(Found::View(conn, position))
    });
    match opened {
        Ok(found) => Ok(found),
        Err(error) if is_damage(&error) => Ok(Found::Unusable(error.to_string())),
        // Any other refusal (rights, locks, disk) is no reason to throw a view away.
        Err(source) => Err(RunError::Sqlite { doing: "opening the view", source }),
    }
}

/// Whether SQLite says that the file itself is broken.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        || matches!(error, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..))
}

/// Makes an empty view at `path`, where nothing is.
pub(crate) fn create(path: &Path, projection: &dyn Projection) -> Result<Connection, RunError> {
    let conn = create_without_indexes(path, projection)?;
    create_indexes(&conn, projection)?;
    Ok(conn)
}

/// Makes an empty view at `path`, where nothing is, which still lacks the indexes that only readers need.
pub(crate) fn create_without_indexes(path: &Path, projection: &dyn Projection) -> Result<Connection, RunError> {
    let made = Connection::open(path).and_then(|mut conn| {
        set_pragmas(&conn)?;
        // One transaction: a crash leaves an empty file, which `open` finds unusable.
        let tx = conn.transaction()?;
        create_tables(&tx, projection)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", projection.version())?;
        tx.commit()?;
        Ok(conn)
    });
    let conn = made.map_err(|source| RunError::Sqlite { doing: "creating the view", source })?;
    match undeclared_table(&conn, projection) {
        Ok(None) => Ok(conn),
        Ok(Some(table)) => Err(RunError::UndeclaredTable { view: projection.name(), table }),
        Err(source) => Err(RunError::Sqlite { doing: "listing the tables", source }),
    }
}

/// Adds the indexes that only readers need.
pub(crate) fn create_indexes(conn: &Connection, projection: &dyn Projection) -> Result<(), RunError> {
    conn.execute_batch(projection.indexes()).map_err(|source| RunError::Sqlite { doing: "making the indexes", source })
}

/// For a file that nobody reads before it is whole, and that is thrown away if it does not become so: nothing has to survive
/// a crash. A transaction is still all or nothing.
pub(crate) fn set_building(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "MEMORY", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "cache_size", -BUILDING_CACHE_KIB)
}

fn create_tables(conn: &Connection, projection: &dyn Projection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "CREATE TABLE greffe_view(id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL, last BLOB NOT NULL) STRICT;
         INSERT INTO greffe_view VALUES (1, 0, zeroblob(32));",
    )?;
    projection.create_tables(conn)
}

/// A table that the projection made but does not declare would escape the digest; one that it declares must be there.
fn undeclared_table(conn: &Connection, projection: &dyn Projection) -> rusqlite::Result<Option<String>> {
    let made = conn
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'greffe_view'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let declared = projection.tables();
    let missing = declared.iter().find(|&&table| !made.iter().any(|name| name == table)).map(|&table| table.to_owned());
    Ok(made.iter().find(|name| !declared.contains(&name.as_str())).cloned().or(missing))
}

fn schema(conn: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    conn.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn set_pragmas(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.busy_timeout(BUSY_WAIT_MAX)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "cell_size_check", true)
}

/// Removes from `dir` the files of views, or of their earlier versions, that are none of these: nobody keeps them up to date, and
/// what an erasure would take out of them stays in.
pub fn remove_others(dir: &Path, projections: &[Box<dyn Projection>]) -> Result<(), RunError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Io { doing, path, source }
    };
    let kept: Vec<String> = projections.iter().map(|view| format!("{}-v{}.", view.name(), view.version())).collect();
    for entry in std::fs::read_dir(dir).map_err(io("listing", dir))? {
        let path = entry.map_err(io("listing", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains(".sqlite") && !kept.iter().any(|view| name.starts_with(view)) {
            std::fs::remove_file(&path).map_err(io("removing", &path))?;
        }
    }
    Ok(())
}

/// Removes a view's file and what SQLite keeps beside it, the log first: it must never meet another main file.
pub(crate) fn remove(path: &Path) -> Result<(), RunError> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        let file = beside(path, suffix);
        match std::fs::remove_file(&file) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(RunError::Io { doing: "removing", path: file, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts the closed file `new` in the place of the closed file `old`: whoever opens `old` finds one of the two, whole.
///
/// # Errors
///
/// [`RunError::OpenElsewhere`] if either still has a `-wal` file, which SQLite removes with its last connection: some
/// other process has it open, and its log would be replayed into the wrong file.
pub(crate) fn replace(old: &Path, new: &Path) -> Result<(), RunError> {
    for path in [old, new] {
        let wal = beside(path, "-wal");
        if wal.exists() {
            return Err(RunError::OpenElsewhere { path: wal });
        }
    }
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Io { doing, path, source }
    };
    File::open(new).and_then(|file| file.sync_all()).map_err(io("syncing", new))?;
    std::fs::rename(new, old).map_err(io("renaming", new))?;
    let dir = old.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("syncing", dir))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
