//! A view behind a log that comes and goes.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use greffe_events::key::SecretKey;
use greffe_projections::{ApplyError, Writer};
use rusqlite::Connection;

use super::*;
use crate::ledger::opening::vkey;
use crate::store::{AppendError, StoreError};
use crate::tlog::EMPTY_ROOT;

/// Counts leaves.
struct Compte;

impl Projection for Compte {
    fn name(&self) -> &'static str {
        "compte"
    }

    fn version(&self) -> u32 {
        1
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch("CREATE TABLE feuilles(idx INTEGER PRIMARY KEY) STRICT")
    }

    fn tables(&self) -> &'static [&'static str] {
        &["feuilles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        assert!(leaf.bytes() != b"panic", "a projection panics");
        tx.execute("INSERT INTO feuilles VALUES (?1)", [leaf.index()])?;
        Ok(())
    }
}

/// Leaves without a disk, which can't be read while `is_gone`.
#[derive(Default)]
struct Leaves {
    head: AtomicU64,
    is_gone: AtomicBool,
    leaf: Mutex<Vec<u8>>,
}

impl EventStore for Leaves {
    fn head(&self) -> Result<u64, StoreError> {
        if self.is_gone.load(Ordering::SeqCst) {
            return Err(StoreError::Missing { path: "/srv/greffe/registre.sqlite".into() });
        }
        Ok(self.head.load(Ordering::SeqCst))
    }

    fn append(&self, _: u64, _: &[Vec<u8>]) -> Result<(), AppendError> {
        Err(AppendError::ReadOnly)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        let left = usize::try_from(self.head()? - from).unwrap();
        Ok(vec![self.leaf.lock().unwrap().clone(); left.min(max)])
    }

    fn follow(&self, _: u64, _: Duration) -> Result<u64, StoreError> {
        self.head()
    }
}

fn head(size: u64) -> Arc<Head> {
    let verifier = vkey(&"greffe.example".parse().unwrap(), &SecretKey::from_seed(&[1; 32])).unwrap();
    Arc::new(Head { size, root: EMPTY_ROOT, checkpoint: String::new(), verifier })
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

fn follow(dir: &Path) -> (Follower, Arc<Leaves>, watch::Sender<Arc<Head>>) {
    let leaves = Arc::new(Leaves::default());
    let (sender, receiver) = watch::channel(head(0));
    let follower =
        Follower::follow(dir, Box::new(Compte), StoreLog::new(Arc::clone(&leaves) as Arc<dyn EventStore>), receiver);
    (follower.unwrap(), leaves, sender)
}

#[test]
fn a_log_that_cannot_be_read_shows_in_health_and_is_tried_again_without_a_new_head() {
    let dir = tempfile::tempdir().unwrap();
    let (follower, leaves, heads) = follow(dir.path());
    leaves.head.store(3, Ordering::SeqCst);
    heads.send_replace(head(3));
    follower.reader().wait_for(2, Duration::from_secs(30)).unwrap();
    assert_eq!(follower.health().trouble(), None);
    leaves.is_gone.store(true, Ordering::SeqCst);
    leaves.head.store(5, Ordering::SeqCst);
    heads.send_replace(head(5));
    wait_until("the trouble shows", || follower.health().trouble() == Some("the log can't be read"));
    leaves.is_gone.store(false, Ordering::SeqCst);
    follower.reader().wait_for(4, Duration::from_secs(30)).unwrap();
    wait_until("the trouble is over", || follower.health().trouble().is_none());
    // Dropping it ends its thread, which lets the store go.
    drop(follower);
    assert_eq!(Arc::strong_count(&leaves), 1);
}

#[test]
fn a_ledger_that_closes_leaves_the_view_at_its_last_leaf() {
    let dir = tempfile::tempdir().unwrap();
    let (follower, leaves, heads) = follow(dir.path());
    leaves.head.store(2, Ordering::SeqCst);
    drop(heads);
    follower.reader().wait_for(1, Duration::from_secs(30)).unwrap();
    wait_until("the thread ends", || Arc::strong_count(&leaves) == 1);
}

#[test]
fn a_projection_that_panics_shows_in_health() {
    let dir = tempfile::tempdir().unwrap();
    let (follower, leaves, heads) = follow(dir.path());
    *leaves.leaf.lock().unwrap() = b"panic".to_vec();
    leaves.head.store(1, Ordering::SeqCst);
    heads.send_replace(head(1));
    wait_until("the panic shows", || follower.health().trouble().is_some());
}
