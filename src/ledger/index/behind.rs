//! What the store holds and the file does not yet: kept in memory for readers, written behind by a thread of its own.
//!
//! ```text
//! commit ──► fresh ──(a moment later, or when there is much)──► writing ──► the file
//!              newest                                             older      oldest: who reads looks in this order
//! ```
//!
//! Rows go into the file in large transactions, each table in the order of its keys: several times cheaper than a few at each batch.
//! A row leaves memory only after the file has it, so who looks in this order misses nothing. What is lost with the process follows
//! from the leaves, and is derived again at start.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::rows::Rows;
use super::{IndexError, file};

/// How long rows wait for company: under load it makes transactions large, and bounds what a start catches up after a kill.
const GATHER: Duration = Duration::from_millis(250);

/// Leaves whose rows are written without waiting longer.
const GATHERED_LEAVES: usize = 8_192;

/// Leaves whose rows may wait, beside those that are being written: some 20 MB. Above, the sequencer waits for the file.
const FRESH_LEAVES_MAX: usize = 16_384;

/// How long the sequencer waits for the file before it says that the store is unavailable.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(10);

/// Wait before a transaction that failed (disk full) is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Rows that the file does not hold yet.
#[derive(Debug, Default)]
pub(super) struct Behind {
    state: Mutex<State>,
    /// Notified, with `state` held, when rows come, when they are written, and at the end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    fresh: Rows,
    writing: Option<Arc<Rows>>,
    /// Transactions written so far.
    written: u64,
    is_closed: bool,
}

impl Behind {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the newest rows say, then the older ones. Where they say nothing, the file does.
    pub fn look<T>(&self, find: impl Fn(&Rows) -> Option<T>) -> Option<T> {
        let state = self.lock();
        find(&state.fresh).or_else(|| state.writing.as_deref().and_then(find))
    }

    /// Shows all rows to `read`, the older ones first. The file is to be read after, not before.
    pub fn each(&self, mut read: impl FnMut(&Rows)) {
        let state = self.lock();
        if let Some(writing) = state.writing.as_deref() {
            read(writing);
        }
        read(&state.fresh);
    }

    /// Waits until there is room for another batch; whether there is.
    pub fn has_room(&self) -> bool {
        let full = |state: &mut State| state.fresh.leaves >= FRESH_LEAVES_MAX;
        let waited = self.changed.wait_timeout_while(self.lock(), ROOM_WAIT_MAX, full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !full(&mut state)
    }

    /// Takes the rows of a batch that is durable.
    pub fn push(&self, rows: Rows) {
        self.lock().fresh.merge(rows);
        self.changed.notify_all();
    }

    /// How often the file was written: rows leave with the very step that counts.
    pub fn written(&self) -> u64 {
        self.lock().written
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// The next rows to write; waits for them. None at the end, when all are written.
    fn next(&self) -> Option<Arc<Rows>> {
        let idle = |state: &mut State| state.fresh.leaves == 0 && !state.is_closed;
        let state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.fresh.leaves < GATHERED_LEAVES && !state.is_closed;
        let gathered = self.changed.wait_timeout_while(state, GATHER, few);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        if state.fresh.leaves == 0 {
            return None;
        }
        let next = Rows::like(&state.fresh);
        let rows = Arc::new(std::mem::replace(&mut state.fresh, next));
        state.writing = Some(Arc::clone(&rows));
        drop(state);
        self.changed.notify_all();
        Some(rows)
    }

    /// Writes until the end.
    fn write(&self, mut connection: Connection, path: &std::path::Path) {
        while let Some(rows) = self.next() {
            while let Err(error) = file::write(&mut connection, &rows) {
                tracing::error!(%error, path = %path.display(), "the derived index can't be written");
                if self.lock().is_closed {
                    // It is derived again at the next start.
                    return;
                }
                std::thread::sleep(RETRY);
            }
            let mut state = self.lock();
            state.writing = None;
            state.written += 1;
            drop(state);
            self.changed.notify_all();
        }
    }
}

/// The thread that writes; ends, with everything written, when dropped.
#[derive(Debug)]
pub(super) struct WriterThread {
    behind: Arc<Behind>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    pub fn start(behind: &Arc<Behind>, connection: Connection, path: PathBuf) -> Result<Self, IndexError> {
        let own = Arc::clone(behind);
        let at = path.clone();
        let thread = std::thread::Builder::new().name("index".to_owned()).spawn(move || own.write(connection, &at));
        let thread = thread.map_err(|source| IndexError::Thread { path, source })?;
        Ok(Self { behind: Arc::clone(behind), thread: Some(thread) })
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.behind.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the index's thread panicked: the file is derived again at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ledger::index::recent::Recent;
    use crate::ledger::index::{IndexReader, Set};
    use greffe_events::ident::{Organisation, Subject};
    use greffe_events::piece::Empreinte;

    fn piece(n: u32) -> Empreinte {
        Empreinte::of(&n.to_be_bytes())
    }

    fn rows(n: u32, leaves: usize) -> Rows {
        let organisation: Organisation = "urn:siren:214502494".parse().unwrap();
        let subject: Subject = organisation.dossier();
        let mut rows = Rows { leaves, ..Rows::default() };
        rows.citations.entry(piece(n)).or_default().insert((organisation, subject));
        rows
    }

    #[test]
    fn a_row_is_found_at_every_moment_of_its_way_into_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        let behind = Arc::new(Behind::default());
        let connection = file::open_or_make(&path).unwrap();
        let thread = WriterThread::start(&behind, connection, path.clone()).unwrap();
        let reader = IndexReader::new(path.clone(), Arc::clone(&behind), Arc::new(Recent::new(Set::default())));
        let found = |n| reader.citations(piece(n), 9, 9).unwrap().len() == 1;
        for n in 0..200 {
            // Each is as much as is written at once: the writer is at it all the time.
            assert!(behind.has_room());
            behind.push(rows(n, GATHERED_LEAVES));
            assert!((0..=n).all(found), "after {n}");
        }
        drop(thread);
        assert!(behind.look(|rows| (rows.leaves > 0).then_some(())).is_none(), "the end has written everything");
        assert!((0..200).all(found));
    }

    #[test]
    fn an_organisation_that_cites_a_piece_often_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        let behind = Arc::new(Behind::default());
        let connection = file::open_or_make(&path).unwrap();
        let thread = WriterThread::start(&behind, connection, path.clone()).unwrap();
        let citing = |urn: &str, dossiers: u32| {
            let organisation: Organisation = urn.parse().unwrap();
            let mut rows = Rows { leaves: 1, ..Rows::default() };
            let cited = (0..dossiers).map(|n| (organisation.clone(), format!("acte/{n}").parse().unwrap()));
            rows.citations.insert(piece(1), cited.collect());
            rows
        };
        let (often, once) = ("urn:siren:130025265", "urn:siren:214502494");
        behind.push(citing(often, 100));
        behind.push(citing(once, 1));
        let reader = IndexReader::new(path.clone(), Arc::clone(&behind), Arc::new(Recent::new(Set::default())));
        let found = |reader: &IndexReader| {
            let found = reader.citations(piece(1), 10, 50).unwrap();
            let of = |urn: &str| found.iter().filter(|(source, _)| source.to_string() == urn).count();
            (of(often), of(once))
        };
        assert_eq!(found(&reader), (10, 1), "in memory");
        drop(thread);
        assert_eq!(found(&reader), (10, 1), "in the file");
    }

    #[test]
    fn rows_that_cannot_be_written_yet_are_kept_and_bounded() {
        // Nobody writes: as when the disk is full.
        let behind = Behind::default();
        for n in 0..2 {
            assert!(behind.lock().fresh.leaves < FRESH_LEAVES_MAX);
            behind.push(rows(n, FRESH_LEAVES_MAX / 2));
        }
        assert!(behind.lock().fresh.leaves >= FRESH_LEAVES_MAX, "the next batch has to wait");
        assert!(behind.look(|rows| rows.citations.get(&piece(0)).map(|_| ())).is_some());
    }
}
