//! Several views built again together.

use super::*;

/// `words`, under another name.
struct Named(&'static str, Words);

impl Projection for Named {
    fn name(&self) -> &'static str {
        self.0
    }
    fn version(&self) -> u32 {
        self.1.version()
    }
    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        self.1.create_tables(conn)
    }
    fn indexes(&self) -> &'static str {
        self.1.indexes()
    }
    fn tables(&self) -> &'static [&'static str] {
        self.1.tables()
    }
    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        self.1.apply(tx, leaf)
    }
}

/// Three views of which the second can't apply poison, caught up with the log.
fn three(dir: &TempDir, log: &Leaves) -> Vec<Runner> {
    let open = |(name, cured)| Runner::open(dir.path(), Box::new(Named(name, Words { cured, version: 1 }))).unwrap();
    let mut runners: Vec<_> = [("one", true), ("two", false), ("three", true)].into_iter().map(open).collect();
    for runner in &mut runners {
        runner.catch_up(log, on).unwrap();
    }
    runners
}

fn digests(runners: &[Runner]) -> Vec<Digest> {
    runners.iter().map(|runner| runner.digest().unwrap()).collect()
}

/// Changes a row by hand, so that a view that was built again differs from one that was not.
fn tamper(runners: &[Runner]) {
    for runner in runners {
        runner.conn.as_ref().unwrap().execute("UPDATE words SET n = n + 1", []).unwrap();
    }
}

#[test]
fn each_comes_out_as_alone_and_the_whole_way_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = Leaves::of(2_500);
    let mut runners = three(&dir, &log);
    let expected = digests(&runners);
    tamper(&runners);
    assert!(digests(&runners).iter().zip(&expected).all(|(tampered, whole)| tampered != whole));
    let (mut seen, mut grown) = (Vec::new(), false);
    let outcomes = rebuild_all(&mut runners, &log, |status| {
        seen.push(status.position);
        if !std::mem::replace(&mut grown, true) {
            log.push("late");
        }
        ControlFlow::Continue(())
    });
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap().position == 2_501), "{outcomes:?}");
    assert!(seen.is_sorted() && seen.last() == Some(&2_501), "{seen:?}");
    for (runner, alone) in runners.iter().zip(three(&tempfile::tempdir().unwrap(), &log)) {
        assert_eq!((runner.digest().unwrap().position, runner.status().lag), (2_501, 0));
        assert_eq!(total(&runner.reader()), total(&alone.reader()));
    }
}

#[test]
fn one_that_meets_poison_drops_out_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = Leaves::of(700);
    log.push("poison");
    let mut runners = three(&dir, &log);
    tamper(&runners);
    let before = digests(&runners);
    log.push("after");
    let outcomes = rebuild_all(&mut runners, &log, on);
    assert!(matches!(&outcomes[1], Err(RunError::Rebuild(failure)) if failure.index == 700), "{outcomes:?}");
    for at in [0, 2] {
        assert_eq!(outcomes[at].as_ref().unwrap().position, 702);
        assert_ne!(runners[at].digest().unwrap().sha256, before[at].sha256);
    }
    assert_eq!(runners[1].digest().unwrap(), before[1], "its old file goes on serving");
    assert!(fs::read_dir(dir.path()).unwrap().all(|file| !file.unwrap().path().to_string_lossy().contains("rebuild")));
}

/// A log that can't be read from some leaf on.
struct Broken<'a>(&'a Leaves, u64);

impl Log for Broken<'_> {
    fn head(&self) -> Result<u64, LogError> {
        self.0.head()
    }
    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        if from >= self.1 { Err(LogError("gone".into())) } else { self.0.read(from, max) }
    }
}

#[test]
fn a_log_that_breaks_off_and_an_interruption_replace_none() {
    let dir = tempfile::tempdir().unwrap();
    let log = Leaves::of(900);
    let mut runners = three(&dir, &log);
    tamper(&runners);
    let before = digests(&runners);
    let outcomes = rebuild_all(&mut runners, &Broken(&log, 600), on);
    assert!(matches!(outcomes[0], Err(RunError::Log(_))), "{outcomes:?}");
    assert!(outcomes[1..].iter().all(|outcome| matches!(outcome, Err(RunError::Interrupted { position: 600 }))));
    let outcomes = rebuild_all(&mut runners, &log, |_| ControlFlow::Break(()));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(RunError::Interrupted { .. }))), "{outcomes:?}");
    assert_eq!(digests(&runners), before, "half a view is none");
    assert!(rebuild_all([], &log, on).is_empty());
}
