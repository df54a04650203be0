//! One batch of leaves onto one view: all of them and the new position in one transaction, or none.
//!
//! Pure but for the connection it is given. It decides what stops a view (an event) and what does not (the machine); it
//! keeps no status and chooses no file: the runner does.

use std::sync::Arc;

use greffe_events::Recorded;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::file::Position;
use crate::log::Log;
use crate::projection::{ApplyError, Projection};
use crate::runner::{Failure, RunError};
use crate::writer::Writer;

/// Most leaves applied in one transaction: enough to make its cost vanish, few enough that readers of the view see it
/// move, and that a failing event costs little to come back to.
pub const BATCH_LEAVES_MAX: usize = 2_000;

/// Is the view one of this log?
pub(crate) fn verify(log: &dyn Log, head: u64, position: Position) -> Result<(), RunError> {
    let Some(last) = position.leaves.checked_sub(1) else { return Ok(()) };
    let diverged = RunError::Diverged { position: position.leaves, head };
    if position.leaves > head {
        return Err(diverged);
    }
    let leaf = log.read(last, 1)?.into_iter().next().ok_or(RunError::Hole { position: last, head })?;
    if Sha256::digest(leaf.bytes())[..] == position.last { Ok(()) } else { Err(diverged) }
}

/// Applies one batch; returns the position that is now on disk, and what stopped the batch short if anything did.
pub(crate) fn step(
    conn: &mut Connection,
    projection: &dyn Projection,
    log: &dyn Log,
    head: u64,
    from: Position,
) -> Result<(Position, Option<Failure>), RunError> {
    let wanted = usize::try_from(head - from.leaves).unwrap_or(usize::MAX).min(BATCH_LEAVES_MAX);
    let mut leaves = log.read(from.leaves, wanted)?;
    leaves.truncate(wanted);
    if leaves.first().is_none_or(|leaf| leaf.index() != from.leaves) {
        return Err(RunError::Hole { position: from.leaves, head });
    }
    let Err((index, cause)) = apply(conn, projection, from, &leaves)? else {
        return Ok((after(from, &leaves), None));
    };
    // The whole batch was rolled back. What precedes the failing event went well once and does again.
    let failure = Failure { index, cause: cause.to_string() };
    leaves.truncate(usize::try_from(index - from.leaves).unwrap_or(usize::MAX));
    if leaves.is_empty() {
        return Ok((from, Some(failure)));
    }
    match apply(conn, projection, from, &leaves)? {
        Ok(()) => Ok((after(from, &leaves), Some(failure))),
        // Then it is no function of the log; stopping where it failed this time is all that is true.
        Err((index, cause)) => Ok((from, Some(Failure { index, cause: format!("only when applied again: {cause}") }))),
    }
}

fn after(from: Position, leaves: &[Arc<Recorded>]) -> Position {
    let last = leaves.last().map_or(from.last, |leaf| Sha256::digest(leaf.bytes()).into());
    Position { leaves: from.leaves + leaves.len() as u64, last }
}

/// Applies all of `leaves` and moves the position, in one transaction; or names the event that can't be applied, and
/// changes nothing.
fn apply(
    conn: &mut Connection,
    projection: &dyn Projection,
    from: Position,
    leaves: &[Arc<Recorded>],
) -> Result<Result<(), (u64, ApplyError)>, RunError> {
    let fails = |source| RunError::Sqlite { doing: "applying events", source };
    let tx = conn.transaction().map_err(fails)?;
    // Two writers would apply events twice: whoever finds the view elsewhere than it left it stands back.
    if Position::read(&tx).map_err(fails)? != from {
        return Err(RunError::Moved { position: from.leaves });
    }
    let writer = Writer::new(&tx);
    for leaf in leaves {
        match projection.apply(&writer, leaf) {
            Ok(()) => {}
            Err(ApplyError::Sqlite(source)) if ApplyError::is_machine_fault(&source) => return Err(fails(source)),
            Err(cause) => return Ok(Err((leaf.index(), cause))),
        }
    }
    drop(writer);
    after(from, leaves).write(&tx).map_err(fails)?;
    tx.commit().map_err(fails)?;
    Ok(Ok(()))
}
