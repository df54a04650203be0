#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::file::beside;
use super::*;
use crate::store::contract::{self, Harness, read_all};
use crate::store::faulty::{Fault, FaultyStore};

struct Directories;

impl Harness for Directories {
    type Home = TempDir;

    fn fresh(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        SqliteStore::create(dir.path()).unwrap();
        dir
    }

    fn open(&self, home: &TempDir) -> Box<dyn EventStore> {
        Box::new(SqliteStore::open(home.path()).unwrap())
    }
}

#[test]
fn the_contract_is_kept() {
    contract::run(&Directories);
}

struct Wrapped;

impl Harness for Wrapped {
    type Home = TempDir;

    fn fresh(&self) -> TempDir {
        Directories.fresh()
    }

    fn open(&self, home: &TempDir) -> Box<dyn EventStore> {
        Box::new(FaultyStore::new(SqliteStore::open(home.path()).unwrap()))
    }
}

#[test]
fn a_faulty_store_without_faults_keeps_the_contract() {
    contract::run(&Wrapped);
}

fn leaves(count: u8, bytes: usize) -> Vec<Vec<u8>> {
    (1..=count).map(|byte| vec![byte; bytes]).collect()
}

/// A closed ledger of `count` leaves.
fn ledger(count: u8) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    store.append(0, &leaves(count, 1_000)).unwrap();
    dir
}

fn raw(dir: &TempDir) -> Connection {
    Connection::open(dir.path().join(FILE_NAME)).unwrap()
}

fn open_error(dir: &Path) -> StoreError {
    let writing = SqliteStore::open(dir).err().expect("opening must fail");
    let reading = SqliteStore::open_read_only(dir).err().expect("opening to read must fail");
    assert_eq!(writing.to_string(), reading.to_string(), "both openings refuse alike");
    writing
}

#[test]
fn two_handles_on_one_file_fence_each_other() {
    let dir = ledger(2);
    let (one, other) = (SqliteStore::open(dir.path()).unwrap(), SqliteStore::open(dir.path()).unwrap());
    one.append(2, &leaves(1, 10)).unwrap();
    assert!(matches!(other.append(2, &leaves(1, 20)), Err(AppendError::Conflict { actual: 3 })));
    other.append(3, &leaves(1, 20)).unwrap();
    assert!(matches!(one.append(3, &leaves(1, 10)), Err(AppendError::Conflict { actual: 4 })));
    assert_eq!(one.read(3, 9).unwrap(), leaves(1, 20));
}

#[test]
fn opening_never_makes_a_ledger_and_creating_never_replaces_one() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::Missing { .. }));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "a failed opening leaves nothing behind");
    SqliteStore::create(dir.path()).unwrap().append(0, &leaves(3, 10)).unwrap();
    assert!(matches!(SqliteStore::create(dir.path()), Err(StoreError::Exists { .. })));
    assert_eq!(SqliteStore::open(dir.path()).unwrap().head().unwrap(), 3);
}

#[test]
fn an_orphan_wal_is_not_replayed_into_a_new_ledger() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(beside(&dir.path().join(FILE_NAME), "-wal"), b"what is left of a ledger").unwrap();
    assert!(matches!(SqliteStore::create(dir.path()), Err(StoreError::Exists { .. })));
}

#[test]
fn a_creation_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(beside(&dir.path().join(FILE_NAME), ".new"), b"SQLite format 3\0 and then the power went").unwrap();
    assert_eq!(SqliteStore::create(dir.path()).unwrap().head().unwrap(), 0);
    assert!(!beside(&dir.path().join(FILE_NAME), ".new").exists());
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE_NAME), "registre;date;objet\n".repeat(500)).unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::NotADatabase { .. }));
}

#[test]
fn an_emptied_file_is_not_taken_for_a_new_ledger() {
    let dir = ledger(5);
    fs::write(dir.path().join(FILE_NAME), b"").unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::Damaged { .. }));
}

#[test]
fn a_truncated_file_is_refused() {
    let dir = ledger(200);
    let path = dir.path().join(FILE_NAME);
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 20 * 4_096);
    for kept in [whole.len() - 4_096, whole.len() / 2, 4_096, 100] {
        fs::write(&path, &whole[..kept]).unwrap();
        let error = open_error(dir.path());
        assert!(matches!(error, StoreError::Damaged { .. } | StoreError::NotADatabase { .. }), "{kept}: {error}");
    }
}

#[test]
fn an_overwritten_page_is_an_error_and_no_panic() {
    let dir = ledger(200);
    let path = dir.path().join(FILE_NAME);
    let whole = fs::read(&path).unwrap();
    for page in 0..whole.len() / 4_096 {
        let mut broken = whole.clone();
        broken[page * 4_096..][..4_096].fill(0xA5);
        fs::write(&path, &broken).unwrap();
        let outcome = SqliteStore::open_read_only(dir.path()).and_then(|store| {
            let mut from = 0;
            while from < 200 {
                let found = store.read(from, 50)?;
                assert!(!found.is_empty(), "page {page}: the reading stopped at {from} without an error");
                from += found.len() as u64;
            }
            Ok(())
        });
        assert!(outcome.is_err(), "page {page} is broken and nothing noticed");
    }
}

#[test]
fn a_database_of_something_else_is_refused_by_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    let conn = raw(&dir);
    conn.execute_batch("CREATE TABLE leaves(idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT").unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::Foreign { found: 0, .. }));
    conn.pragma_update(None, "application_id", 0x0f05_5112).unwrap();
    drop(conn);
    match open_error(dir.path()) {
        StoreError::Foreign { found, .. } => assert_eq!(found, 0x0f05_5112),
        other => panic!("{other}"),
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = ledger(3);
    raw(&dir).pragma_update(None, "user_version", FORMAT + 1).unwrap();
    let before = fs::read(dir.path().join(FILE_NAME)).unwrap();
    match open_error(dir.path()) {
        StoreError::Version { found, known, .. } => assert_eq!((found, known), (FORMAT + 1, FORMAT)),
        other => panic!("{other}"),
    }
    assert_eq!(fs::read(dir.path().join(FILE_NAME)).unwrap(), before);
}

#[test]
fn an_altered_schema_is_refused() {
    for alteration in [
        "DROP TRIGGER leaves_never_deleted",
        "CREATE TABLE notes(t TEXT)",
        "CREATE TRIGGER spy AFTER INSERT ON leaves BEGIN SELECT 1; END",
    ] {
        let dir = ledger(3);
        raw(&dir).execute_batch(alteration).unwrap();
        assert!(matches!(open_error(dir.path()), StoreError::Schema { .. }), "{alteration}");
    }
}

#[test]
fn a_slip_of_the_shell_rewrites_nothing() {
    let dir = ledger(3);
    for slip in ["DELETE FROM leaves", "UPDATE leaves SET leaf = x'00' WHERE idx = 1"] {
        let error = raw(&dir).execute_batch(slip).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{slip}: {error}");
    }
    assert_eq!(SqliteStore::open(dir.path()).unwrap().read(0, 9).unwrap(), leaves(3, 1_000));
}

/// Deletes one leaf as somebody would who means to, and puts the triggers back.
fn cut_out(dir: &TempDir, index: u64) {
    let conn = raw(dir);
    let name = "leaves_never_deleted";
    let sql: String =
        conn.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0)).unwrap();
    conn.execute_batch(&format!("DROP TRIGGER {name}; DELETE FROM leaves WHERE idx = {index}; {sql};")).unwrap();
}

#[test]
fn a_gap_is_an_error_and_never_a_shorter_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    for _ in 0..5 {
        store.append(store.head().unwrap(), &vec![vec![1; 10]; 1_000]).unwrap();
    }
    drop(store);
    cut_out(&dir, 700);
    let store = SqliteStore::open(dir.path()).expect("too old to be seen at opening");
    assert_eq!(store.read(0, 700).unwrap().len(), 700);
    for (from, max) in [(0, 701), (700, 1), (650, 200)] {
        match store.read(from, max) {
            Err(StoreError::Gap { expected: 700, found: 701 }) => {}
            other => panic!("from {from}: {:?}", other.map(|leaves| leaves.len())),
        }
    }
    drop(store);
    cut_out(&dir, 4_500);
    assert!(matches!(open_error(dir.path()), StoreError::Gap { expected: 4_500, found: 4_501 }));
}

#[test]
fn a_missing_first_leaf_is_seen_at_opening() {
    let dir = ledger(3);
    cut_out(&dir, 0);
    assert!(matches!(open_error(dir.path()), StoreError::Gap { expected: 0, found: 1 }));
}

#[test]
fn a_copy_at_rest_is_read_without_touching_its_folder() {
    let dir = ledger(50);
    let odd = dir.path().join("copie 100%?#été");
    fs::create_dir(&odd).unwrap();
    fs::copy(dir.path().join(FILE_NAME), odd.join(FILE_NAME)).unwrap();
    let store = SqliteStore::open_read_only(&odd).unwrap();
    assert_eq!(read_all(&store), leaves(50, 1_000));
    assert!(matches!(store.append(50, &leaves(1, 1)), Err(AppendError::ReadOnly)));
    drop(store);
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 1, "no -wal, no -shm");
}

/// A copy taken while the node runs: the newest leaves stand only in the -wal file.
fn copy_with_wal() -> TempDir {
    let dir = ledger(2);
    let store = SqliteStore::open(dir.path()).unwrap();
    store.append(2, &leaves(4, 1_000)).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        fs::copy(dir.path().join(&name), copy.path().join(&name)).unwrap();
    }
    copy
}

#[test]
fn a_copy_with_its_wal_is_read_to_the_end() {
    let copy = copy_with_wal();
    assert_eq!(SqliteStore::open_read_only(copy.path()).unwrap().head().unwrap(), 6);
    assert_eq!(SqliteStore::open(copy.path()).unwrap().head().unwrap(), 6, "and recovered when opened to write");
}

#[test]
fn a_wal_that_cannot_be_read_is_explained_and_not_ignored() {
    let copy = copy_with_wal();
    // Stands for read-only media, which root would not notice: the -shm file can't be made.
    std::os::unix::fs::symlink("/nowhere/at/all", beside(&copy.path().join(FILE_NAME), "-shm")).unwrap();
    match SqliteStore::open_read_only(copy.path()) {
        Err(error @ StoreError::WalOnReadOnlyMedia { .. }) => assert!(error.to_string().contains("copy"), "{error}"),
        other => panic!("{:?}", other.map(|store| store.head())),
    }
}

#[test]
fn the_wal_is_recycled_and_a_reader_that_stays_bounds_it() {
    let dir = ledger(1);
    let bounds = WalBounds { checkpoint: 50, soft: 200, max: 400 };
    let store = SqliteStore::open_bounded(dir.path(), bounds).unwrap();
    let wal = beside(&dir.path().join(FILE_NAME), "-wal");
    let frames = || fs::metadata(&wal).unwrap().len() / 4_120;
    let append = || store.append(store.head().unwrap(), &leaves(10, 4_000));
    for _ in 0..100 {
        append().unwrap();
    }
    assert!(frames() < bounds.soft, "1,000 pages went through a log of {} frames", frames());

    let staying = raw(&dir);
    staying.execute_batch("BEGIN; SELECT count(*) FROM leaves").unwrap();
    let refusal = (0..100).find_map(|_| append().err()).expect("the log is bounded");
    assert!(matches!(refusal, AppendError::NotWritten(StoreError::WalOverflow { .. })), "{refusal}");
    assert!(frames() < bounds.max + 50, "{} frames", frames());
    staying.execute_batch("COMMIT").unwrap();
    append().expect("the reader left: the store goes on");
    assert!(frames() < bounds.soft);
}

#[test]
fn a_lock_held_elsewhere_is_no_doubt() {
    let dir = ledger(1);
    let store = SqliteStore::open(dir.path()).unwrap();
    store.writer.as_ref().unwrap().lock().unwrap().conn.busy_timeout(Duration::ZERO).unwrap();
    let other = raw(&dir);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.append(1, &leaves(1, 1)), Err(AppendError::NotWritten(StoreError::Busy { .. }))));
    other.execute_batch("COMMIT").unwrap();
    store.append(1, &leaves(1, 1)).unwrap();
}

#[test]
fn a_full_disk_halts_the_store_and_loses_nothing() {
    let dir = ledger(2);
    let store = SqliteStore::open(dir.path()).unwrap();
    // SQLITE_FULL, from SQLite's own bound on the file.
    store.writer.as_ref().unwrap().lock().unwrap().conn.execute_batch("PRAGMA max_page_count = 10").unwrap();
    let refusal = store.append(2, &leaves(100, 4_000)).unwrap_err();
    assert!(matches!(refusal, AppendError::InDoubt(StoreError::Sqlite { .. })), "{refusal}");
    assert!(matches!(store.append(2, &leaves(1, 1)), Err(AppendError::Halted)), "not even one that would fit");
    assert_eq!(read_all(&store), leaves(2, 1_000), "reading goes on");
    drop(store);
    assert_eq!(read_all(&SqliteStore::open(dir.path()).unwrap()), leaves(2, 1_000));
}

#[test]
fn faults_strike_the_append_they_were_planned_for() {
    let dir = ledger(1);
    let store = FaultyStore::new(SqliteStore::open(dir.path()).unwrap());
    store.plan(1, Fault::Refused);
    store.plan(2, Fault::BeforeCommit);
    store.plan(4, Fault::AfterCommit);
    store.append(1, &leaves(1, 1)).unwrap();
    assert!(matches!(store.append(2, &leaves(1, 1)), Err(AppendError::NotWritten(_))));
    assert!(matches!(store.append(2, &leaves(1, 1)), Err(AppendError::InDoubt(_))));
    assert!(matches!(store.append(2, &leaves(1, 1)), Err(AppendError::Halted)));
    store.restart();
    assert_eq!(store.head().unwrap(), 2, "before the commit: nothing there");
    assert!(matches!(store.append(2, &leaves(1, 1)), Err(AppendError::InDoubt(_))));
    assert_eq!(store.head().unwrap(), 3, "after the commit: all there");
    assert_eq!(store.appends_begun(), 5);
}

#[test]
fn a_stalled_append_waits_for_its_release() {
    let dir = ledger(1);
    let store = FaultyStore::new(SqliteStore::open(dir.path()).unwrap());
    store.plan(0, Fault::Stall);
    std::thread::scope(|scope| {
        let append = scope.spawn(|| store.append(1, &leaves(1, 1)));
        assert!(store.wait_stalled(Duration::from_secs(20)));
        assert_eq!(store.head().unwrap(), 1, "reads go on meanwhile");
        store.release();
        append.join().unwrap().unwrap();
    });
    assert_eq!(store.head().unwrap(), 2);
}
