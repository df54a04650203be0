#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use greffe_events::Recorded;
use tempfile::TempDir;

use super::*;
use crate::Writer;
use crate::projection::ApplyError;
use crate::reader::{ReadError, WaitError};

mod ensemble;

const PATIENCE: Duration = Duration::from_secs(20);

struct Leaves(Mutex<Vec<Vec<u8>>>);

impl Leaves {
    /// `count` leaves "k<index mod 7>".
    fn of(count: usize) -> Self {
        Self(Mutex::new((0..count).map(|index| format!("k{}", index % 7).into_bytes()).collect()))
    }

    fn push(&self, leaf: &str) {
        self.0.lock().unwrap().push(leaf.into());
    }
}

impl Log for Leaves {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        // Short pages, as a store bounded in bytes gives.
        let leaves = self.0.lock().unwrap();
        let leaves = leaves.iter().skip(usize::try_from(from).unwrap()).take(max.min(300));
        Ok((from..).zip(leaves).map(|(index, leaf)| Arc::new(Recorded::new(index, leaf.clone()))).collect())
    }
}

/// Counts each word, and keeps each event; leaves that begin with "poison" can't be applied unless `cured`.
struct Words {
    cured: bool,
    version: u32,
}

const SICK: Words = Words { cured: false, version: 1 };

impl Projection for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(
            "CREATE TABLE words(word TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE seen(idx INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;",
        )
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX seen_by_word ON seen(word)"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["words", "seen"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let word = std::str::from_utf8(leaf.bytes()).map_err(ApplyError::leaf)?;
        // Written before the failure, so that a rollback is needed.
        tx.execute("INSERT INTO words VALUES (?1, 1) ON CONFLICT DO UPDATE SET n = n + 1", [word])?;
        if word.starts_with("poison") && !self.cured {
            return Err(ApplyError::leaf("poisoned"));
        }
        // A second application of the same event would break the key.
        tx.execute("INSERT INTO seen VALUES (?1, ?2)", (leaf.index(), word))?;
        Ok(())
    }
}

fn on(_: &Status) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn open(dir: &TempDir, projection: Words) -> Runner {
    Runner::open(dir.path(), Box::new(projection)).unwrap()
}

fn built(log: &Leaves) -> (TempDir, Runner) {
    let dir = tempfile::tempdir().unwrap();
    let mut runner = open(&dir, SICK);
    runner.catch_up(log, on).unwrap();
    (dir, runner)
}

fn total(reader: &ViewReader) -> (u64, i64) {
    reader
        .read(|conn, position| {
            let sum = conn.query_row("SELECT coalesce(sum(n), 0) FROM words", [], |row| row.get(0))?;
            Ok((position, sum))
        })
        .unwrap()
}

fn view_path(dir: &TempDir) -> PathBuf {
    file::path(dir.path(), &SICK)
}

#[test]
fn events_are_applied_exactly_once_whatever_the_batches() {
    let log = Leaves::of(5_000);
    let (_dir, whole) = built(&log);
    let dir = tempfile::tempdir().unwrap();
    let mut reopenings = 0;
    loop {
        let mut runner = open(&dir, SICK);
        let status = runner.catch_up(&log, |_| ControlFlow::Break(())).unwrap();
        assert_eq!(total(&runner.reader()), (status.position, i64::try_from(status.position).unwrap()));
        if status.lag == 0 {
            assert_eq!(runner.digest().unwrap(), whole.digest().unwrap());
            break;
        }
        reopenings += 1;
    }
    assert!(reopenings > 10, "the test must cut the way into pieces");
}

#[test]
fn a_crash_within_a_batch_loses_rows_and_position_together() {
    let log = Leaves::of(900);
    let (dir, mut runner) = built(&log);
    let before = runner.digest().unwrap();
    {
        // As `apply` does it, cut off before the commit.
        let tx = runner.conn.as_mut().unwrap().transaction().unwrap();
        for index in 900..950 {
            SICK.apply(&Writer::new(&tx), &Recorded::new(index, b"lost".to_vec())).unwrap();
        }
        Position { leaves: 950, last: [1; 32] }.write(&tx).unwrap();
    }
    drop(runner);
    let mut runner = open(&dir, SICK);
    assert_eq!((runner.position(), runner.digest().unwrap()), (900, before));
    log.push("next");
    assert_eq!(runner.catch_up(&log, on).unwrap().position, 901);
}

#[test]
fn a_poisoned_event_stops_its_view_there_and_no_other() {
    let log = Leaves::of(450);
    log.push("poison");
    log.push("after");
    let (dir, mut runner) = built(&log);
    let other_dir = tempfile::tempdir().unwrap();
    let mut other = open(&other_dir, Words { cured: true, version: 1 });
    assert_eq!(other.catch_up(&log, on).unwrap().position, 452, "another view goes on");

    let expected =
        Status { position: 450, lag: 2, failure: Some(Failure { index: 450, cause: "poisoned".to_owned() }) };
    assert_eq!(runner.status(), expected);
    assert_eq!(total(&runner.reader()), (450, 450), "what came before is kept, nothing of the event is");
    log.push("later");
    assert_eq!(runner.catch_up(&log, on).unwrap(), Status { lag: 3, ..expected.clone() }, "stopped, and it says so");
    let waited = runner.reader().wait_for(450, PATIENCE);
    assert_eq!(waited, Err(WaitError::Stopped(expected.failure.clone().unwrap())), "waiting is of no use");
    assert_eq!(runner.reader().wait_for(449, Duration::ZERO), Ok(450), "what is there is served");
    runner.retry();
    assert_eq!(runner.catch_up(&log, on).unwrap().failure, expected.failure, "the same code fails the same way");

    drop(runner);
    let mut fixed = open(&dir, Words { cured: true, version: 1 });
    assert_eq!(fixed.catch_up(&log, on).unwrap(), Status { position: 453, lag: 0, failure: None });
    other.catch_up(&log, on).unwrap();
    assert_eq!(fixed.digest().unwrap(), other.digest().unwrap());
}

#[test]
fn an_unreadable_leaf_and_a_broken_constraint_are_the_events_fault() {
    for leaf in [&b"\xff\xfe"[..], b"poison"] {
        let log = Leaves(Mutex::new(vec![leaf.to_vec()]));
        let (_dir, runner) = built(&log);
        assert_eq!(runner.status().failure.map(|failure| failure.index), Some(0));
    }
    let (_dir, mut runner) = built(&Leaves::of(1));
    runner.conn.as_ref().unwrap().execute_batch("INSERT INTO seen VALUES (1, 'in the way')").unwrap();
    let status = runner.catch_up(&Leaves::of(2), on).unwrap();
    assert!(status.failure.unwrap().cause.contains("UNIQUE"));
}

#[test]
fn a_full_disk_stops_nothing_for_good() {
    let log = Leaves::of(10);
    let (_dir, mut runner) = built(&log);
    for _ in 0..3_000 {
        log.push("grows the file");
    }
    runner.conn.as_ref().unwrap().execute_batch("PRAGMA max_page_count = 12").unwrap();
    let error = runner.catch_up(&log, on).unwrap_err();
    assert!(matches!(error, RunError::Sqlite { .. }), "{error}");
    assert_eq!(runner.status().failure, None);
    runner.conn.as_ref().unwrap().execute_batch("PRAGMA max_page_count = 1000000").unwrap();
    assert_eq!(runner.catch_up(&log, on).unwrap().lag, 0);
}

#[test]
fn a_rebuilt_view_is_the_same_and_its_readers_stay() {
    let log = Leaves::of(1_000);
    let (dir, mut runner) = built(&log);
    let reader = runner.reader();
    let before = runner.digest().unwrap();
    runner.conn.as_ref().unwrap().execute_batch("UPDATE words SET n = n + 1000").unwrap();
    assert_eq!(total(&reader), (1_000, 8_000));
    runner
        .rebuild(&log, |_| {
            assert_eq!(total(&reader), (1_000, 8_000), "the old one serves meanwhile");
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(total(&reader), (1_000, 1_000));
    assert_eq!(runner.digest().unwrap(), before);
    assert!(!file::rebuild_path(dir.path(), &SICK).exists());
    log.push("next");
    assert_eq!(runner.catch_up(&log, on).unwrap().position, 1_001);
    assert_eq!(total(&reader), (1_001, 1_001), "and they see what comes after");
}

#[test]
fn readers_in_a_crowd_never_see_a_torn_view_across_rebuilds() {
    let log = Leaves::of(700);
    let (_dir, mut runner) = built(&log);
    let reads = AtomicU32::new(0);
    let done = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            let reader = runner.reader();
            let (reads, done) = (&reads, &done);
            scope.spawn(move || {
                while done.load(Ordering::Relaxed) == 0 {
                    assert_eq!(total(&reader), (700, 700));
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..5 {
            let seen = reads.load(Ordering::Relaxed);
            runner.rebuild(&log, on).unwrap();
            while reads.load(Ordering::Relaxed) < seen + 20 {
                thread::yield_now();
            }
        }
        done.store(1, Ordering::Relaxed);
    });
}

#[test]
fn a_rebuild_cut_short_leaves_the_old_view_serving() {
    let log = Leaves::of(1_000);
    let (dir, mut runner) = built(&log);
    let before = runner.digest().unwrap();
    let error = runner.rebuild(&log, |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error, RunError::Interrupted { position: 300 }), "{error}");
    assert_eq!(runner.digest().unwrap(), before);
    drop(runner);
    // A crash leaves the unfinished file.
    let unfinished = file::rebuild_path(dir.path(), &SICK);
    file::create(&unfinished, &SICK).unwrap();
    let runner = open(&dir, SICK);
    assert_eq!(runner.digest().unwrap(), before);
    assert!(!unfinished.exists());
}

#[test]
fn a_rebuild_that_meets_poison_leaves_the_old_view_serving() {
    let log = Leaves::of(50);
    log.push("poison");
    let dir = tempfile::tempdir().unwrap();
    let mut runner = open(&dir, Words { cured: true, version: 1 });
    runner.catch_up(&log, on).unwrap();
    drop(runner);
    let mut runner = open(&dir, SICK);
    let error = runner.rebuild(&log, on).unwrap_err();
    assert!(matches!(error, RunError::Rebuild(Failure { index: 50, .. })), "{error}");
    assert_eq!(total(&runner.reader()), (51, 51));
}

#[test]
fn a_swap_under_a_foreign_reader_is_refused() {
    let log = Leaves::of(50);
    let (dir, mut runner) = built(&log);
    let shell = Connection::open(view_path(&dir)).unwrap();
    shell.query_row("SELECT count(*) FROM words", [], |_| Ok(())).unwrap();
    let error = runner.rebuild(&log, on).unwrap_err();
    assert!(matches!(error, RunError::OpenElsewhere { .. }), "{error}");
    assert_eq!(total(&runner.reader()), (50, 50));
    drop(shell);
    runner.rebuild(&log, on).unwrap();
}

#[test]
fn a_broken_file_is_built_again_from_the_log() {
    let log = Leaves::of(2_000);
    let (dir, runner) = built(&log);
    let digest = runner.digest().unwrap();
    drop(runner);
    let path = view_path(&dir);
    let whole = fs::read(&path).unwrap();
    let truncated = |kept: usize| whole[..kept].to_vec();
    let mut foreign = whole.clone();
    foreign[68..72].copy_from_slice(&[0; 4]);
    for (case, bytes) in [
        ("half", truncated(whole.len() / 2)),
        ("a page short", truncated(whole.len() - 4_096)),
        ("a header only", truncated(100)),
        ("empty", vec![]),
        ("no database", b"no database at all ".repeat(300)),
        ("of something else", foreign),
    ] {
        fs::write(&path, bytes).unwrap();
        let mut runner = open(&dir, SICK);
        assert_eq!(runner.position(), 0, "{case}: begun again");
        runner.catch_up(&log, on).unwrap();
        assert_eq!(runner.digest().unwrap(), digest, "{case}");
    }
}

#[test]
fn damage_found_only_in_use_is_built_again_too() {
    let log = Leaves::of(2_000);
    let (dir, runner) = built(&log);
    drop(runner);
    let path = view_path(&dir);
    let mut bytes = fs::read(&path).unwrap();
    // The header and the schema stand on the first page, the position on the second.
    bytes[2 * 4_096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let mut runner = open(&dir, SICK);
    assert_eq!(runner.position(), 2_000, "not seen at opening");
    log.push("next");
    runner.catch_up(&log, on).unwrap();
    assert_eq!(total(&runner.reader()), (2_001, 2_001));
}

#[test]
fn a_view_of_other_tables_is_not_gone_on_with() {
    let log = Leaves::of(10);
    let (dir, runner) = built(&log);
    runner.conn.as_ref().unwrap().execute_batch("ALTER TABLE seen ADD COLUMN forgotten TEXT").unwrap();
    drop(runner);
    assert_eq!(open(&dir, SICK).position(), 0);
}

#[test]
fn a_new_version_is_another_file() {
    let log = Leaves::of(10);
    let (dir, old) = built(&log);
    let mut new = open(&dir, Words { cured: false, version: 2 });
    assert_eq!(new.position(), 0);
    new.catch_up(&log, on).unwrap();
    assert_ne!(new.digest().unwrap(), old.digest().unwrap(), "a digest says of which version it is");
    assert_eq!(total(&old.reader()), (10, 10));
}

#[test]
fn a_view_of_another_log_is_refused() {
    let (dir, runner) = built(&Leaves::of(10));
    drop(runner);
    let mut runner = open(&dir, SICK);
    let shorter = runner.catch_up(&Leaves::of(9), on).unwrap_err();
    assert!(matches!(shorter, RunError::Diverged { position: 10, head: 9 }), "{shorter}");
    let other = Leaves(Mutex::new(vec![b"x".to_vec(); 20]));
    let error = runner.catch_up(&other, on).unwrap_err();
    assert!(matches!(error, RunError::Diverged { position: 10, head: 20 }), "{error}");
    assert_eq!(runner.catch_up(&Leaves::of(20), on).unwrap().position, 20);
}

#[test]
fn an_undeclared_table_is_refused() {
    struct Forgetful;
    impl Projection for Forgetful {
        fn name(&self) -> &'static str {
            "forgetful"
        }
        fn version(&self) -> u32 {
            1
        }
        fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
            conn.execute_batch("CREATE TABLE told(a INTEGER) STRICT; CREATE TABLE untold(a INTEGER) STRICT")
        }
        fn tables(&self) -> &'static [&'static str] {
            &["told"]
        }
        fn apply(&self, _: &Writer<'_>, _: &Recorded) -> Result<(), ApplyError> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    match Runner::open(dir.path(), Box::new(Forgetful)) {
        Err(RunError::UndeclaredTable { table, .. }) => assert_eq!(table, "untold"),
        other => panic!("{:?}", other.map(|runner| runner.status())),
    }
}

#[test]
fn wait_for_wakes_when_its_event_is_in_and_ends_in_time() {
    let log = Leaves::of(5);
    let (_dir, mut runner) = built(&log);
    let reader = runner.reader();
    assert_eq!(reader.wait_for(4, Duration::ZERO), Ok(5), "index 4 is the fifth leaf");
    let start = Instant::now();
    let brief = Duration::from_millis(20);
    assert_eq!(reader.wait_for(5, brief), Err(WaitError::TimedOut { position: 5 }));
    assert!(start.elapsed() >= brief);
    log.push("sixth");
    let start = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let position = reader.wait_for(5, PATIENCE);
            (position, total(&reader))
        });
        runner.catch_up(&log, on).unwrap();
        assert_eq!(waiting.join().unwrap(), (Ok(6), (6, 6)), "read your own writes");
    });
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_failed_query_gives_its_connection_back() {
    let (_dir, runner) = built(&Leaves::of(5));
    let reader = runner.reader();
    for _ in 0..3 * crate::reader::READERS_MAX {
        let failed = reader.read(|conn, _| conn.execute_batch("SELECT * FROM nowhere"));
        assert!(matches!(failed, Err(ReadError::Sqlite(_))));
        let written = reader.read(|conn, _| conn.execute_batch("DELETE FROM words"));
        assert!(written.is_err(), "a reader can't write");
    }
    assert_eq!(total(&reader), (5, 5));
}

#[test]
fn a_rest_ends_when_a_reader_waits_for_an_event() {
    let log = Leaves::of(5);
    let (_dir, mut runner) = built(&log);
    let reader = runner.reader();
    let brief = Duration::from_millis(20);
    let start = Instant::now();
    runner.rest(brief);
    assert!(start.elapsed() >= brief, "nobody waits");
    log.push("sixth");
    let start = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait_for(5, PATIENCE));
        // Whichever comes first, the rest does not last.
        runner.rest(PATIENCE);
        runner.catch_up(&log, on).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(6));
    });
    assert!(start.elapsed() < PATIENCE);
    // Who stopped waiting holds nobody.
    let start = Instant::now();
    runner.rest(brief);
    assert!(start.elapsed() >= brief);
}

#[test]
fn two_writers_of_one_view_apply_nothing_twice() {
    let log = Leaves::of(100);
    let (dir, mut first) = built(&log);
    let mut second = open(&dir, SICK);
    log.push("next");
    assert_eq!(second.catch_up(&log, on).unwrap().position, 101);
    log.push("later");
    let moved = first.catch_up(&log, on).unwrap_err();
    assert!(matches!(moved, RunError::Moved { position: 100 }), "{moved}");
    assert_eq!(first.catch_up(&log, on).unwrap(), Status { position: 102, lag: 0, failure: None });
    assert_eq!(first.digest().unwrap(), built(&log).1.digest().unwrap());
}

#[test]
fn files_of_earlier_versions_and_of_views_that_are_no_more_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "words-v1.sqlite",
        "words-v1.sqlite-wal",
        "words-v10.sqlite",
        "actes-v2.sqlite",
        "actes-v2.sqlite-shm",
        "notes.txt",
    ] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    file::remove_others(dir.path(), &[Box::new(SICK)]).unwrap();
    let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["notes.txt", "words-v1.sqlite", "words-v1.sqlite-wal"]);
}
