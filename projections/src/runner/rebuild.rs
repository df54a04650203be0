//! Building views again, several at once: each leaf is read once for all of them.
//!
//! ```text
//! log ──► chunk: read, on all cores ──► a short queue for each view ──► the view's own thread, into a file beside
//! ```
//!
//! No view waits for another but by the length of that queue, so that no core rests while there is work. A view whose event
//! can't be applied drops out alone; its old file goes on serving.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use greffe_events::Recorded;
use rayon::prelude::*;
use rusqlite::Connection;
use tracing::{info, warn};

use super::{RunError, Runner, Status};
use crate::batch::{BATCH_LEAVES_MAX, step};
use crate::file::{self, Position};
use crate::log::{Log, LogError};

/// Builds these views again from the first leaf and puts each in the place of its old file when it has reached the head; what became of
/// each, in their order. `progress` is called after each chunk with how far the log was read, and may break off.
pub fn rebuild_all<'r>(
    runners: impl IntoIterator<Item = &'r mut Runner>,
    log: &dyn Log,
    mut progress: impl FnMut(&Status) -> ControlFlow<()>,
) -> Vec<Result<Status, RunError>> {
    let mut views: Vec<_> = runners.into_iter().map(Building::begin).collect();
    if let Err(error) = build(&mut views, log, &mut progress) {
        // The first tells why; the others say how far they came.
        let mut cause = Some(error);
        for view in &mut views {
            if let Ok((_, position)) = &view.outcome {
                view.outcome = Err(cause.take().unwrap_or(RunError::Interrupted { position: position.leaves }));
            }
        }
    }
    views.into_iter().map(|view| view.end(log)).collect()
}

/// Chunks that wait for a view at most, so that one which is slow for a moment holds nobody up; more only costs memory.
const CHUNKS_AHEAD: usize = 2;

/// One chunk of the log: what a view is given to read.
struct Chunk {
    head: u64,
    from: u64,
    leaves: Vec<Arc<Recorded>>,
}

impl Chunk {
    /// Reads the leaves from `from` on, and what they say, on all cores.
    fn read(log: &dyn Log, from: u64) -> Result<Self, LogError> {
        let head = log.head()?;
        let leaves = if from < head { log.read(from, BATCH_LEAVES_MAX)? } else { Vec::new() };
        leaves.par_iter().for_each(|leaf| {
            // What can't be read stops the view that asks for it, not this.
            let _ = leaf.event();
        });
        Ok(Self { head, from, leaves })
    }
}

impl Log for Chunk {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.from + self.leaves.len() as u64)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        let at = usize::try_from(from.saturating_sub(self.from)).unwrap_or(usize::MAX);
        Ok(self.leaves.iter().skip(at).take(max).cloned().collect())
    }
}

/// Gives each view every chunk up to the head; progress is what was given, of which a few chunks may still wait.
fn build(
    views: &mut [Building<'_>],
    log: &dyn Log,
    progress: &mut impl FnMut(&Status) -> ControlFlow<()>,
) -> Result<(), RunError> {
    std::thread::scope(|scope| {
        let mut takers = Vec::with_capacity(views.len());
        for view in views.iter_mut().filter(|view| view.goes_on()) {
            let (give, chunks) = mpsc::sync_channel(CHUNKS_AHEAD);
            scope.spawn(move || view.take_all(&chunks));
            takers.push(give);
        }
        let mut from = 0;
        loop {
            let chunk = Arc::new(Chunk::read(log, from)?);
            if chunk.leaves.is_empty() && chunk.from < chunk.head {
                return Err(RunError::Hole { position: chunk.from, head: chunk.head });
            }
            from += chunk.leaves.len() as u64;
            // Whoever takes no more has dropped out.
            takers.retain(|give| give.send(Arc::clone(&chunk)).is_ok());
            if chunk.leaves.is_empty() || takers.is_empty() {
                return Ok(());
            }
            let status = Status { position: from, lag: chunk.head.saturating_sub(from), failure: None };
            if progress(&status).is_break() {
                return Err(RunError::Interrupted { position: from });
            }
        }
    })
}

/// A view that is built again.
struct Building<'r> {
    runner: &'r mut Runner,
    /// The file beside.
    new: PathBuf,
    outcome: Result<(Connection, Position), RunError>,
}

impl<'r> Building<'r> {
    fn begin(runner: &'r mut Runner) -> Self {
        let new = file::rebuild_path(&runner.dir, runner.projection.as_ref());
        let begun = file::remove(&new).and_then(|()| {
            let conn = file::create_without_indexes(&new, runner.projection.as_ref())?;
            file::set_building(&conn)
                .map_err(|source| RunError::Sqlite { doing: "preparing the rebuilt view", source })?;
            Ok((conn, Position::START))
        });
        Self { runner, new, outcome: begun }
    }

    fn goes_on(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Applies chunks as they come; the empty one is the head, where what only readers need is added.
    fn take_all(&mut self, chunks: &mpsc::Receiver<Arc<Chunk>>) {
        while let Ok(chunk) = chunks.recv() {
            if chunk.leaves.is_empty() {
                return self.index();
            }
            self.take(&chunk);
            if !self.goes_on() {
                return;
            }
        }
    }

    /// Applies a chunk.
    fn take(&mut self, chunk: &Chunk) {
        let Ok((conn, position)) = &mut self.outcome else { return };
        let end = chunk.from + chunk.leaves.len() as u64;
        while position.leaves < end {
            match step(conn, self.runner.projection.as_ref(), chunk, end, *position) {
                Ok((next, None)) => *position = next,
                Ok((_, Some(failure))) => return self.outcome = Err(RunError::Rebuild(failure)),
                Err(error) => return self.outcome = Err(error),
            }
        }
    }

    /// Adds what only readers need.
    fn index(&mut self) {
        let Ok((conn, _)) = &self.outcome else { return };
        if let Err(error) = file::create_indexes(conn, self.runner.projection.as_ref()) {
            self.outcome = Err(error);
        }
    }

    /// Puts the new file in the place of the old one, or removes it.
    fn end(self, log: &dyn Log) -> Result<Status, RunError> {
        let Self { runner, new, outcome } = self;
        let built = outcome.and_then(|(conn, _)| {
            // The last connection to close moves the log into the file and removes it.
            conn.close().map_err(|(_, source)| RunError::Sqlite { doing: "closing the rebuilt view", source })?;
            runner.swap(&new)
        });
        let name = runner.projection.name();
        if let Err(error) = built {
            // The cause of the failure counts, not that of the tidying; the next opening tidies again.
            if let Err(left) = file::remove(&new) {
                warn!(view = name, %left, "an unfinished rebuild can't be removed");
            }
            runner.reopen()?;
            return Err(error);
        }
        let head = log.head()?;
        let position = runner.position.leaves;
        runner.shared.set_status(|status| {
            *status = Status { position, lag: head.saturating_sub(position), failure: None };
        });
        info!(view = name, position, "the view was built again");
        Ok(runner.status())
    }
}
