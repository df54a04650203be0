//! A folder: a copy of `D` that nobody writes, or one that a node is serving. That node signs a checkpoint for each batch and
//! puts it into the folder within a second, so of the last leaves nobody can tell yet; of all others everything.
//!
//! Read: `registre.sqlite`, `checkpoint`, `pieces/` where it is there, the hashes in `index.sqlite`, and the rollback guard beside it. Nothing is
//! written, also on read-only media.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::hashes::IndexHashes;
use super::history::{Evidence, verify_history};
use super::leaves::{Leaves, ReadError, StoreLeaves};
use super::report::Report;
use super::{AuditError, Control};
use crate::ledger::folder::Folder;
use crate::ledger::pieces::Pieces;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use crate::tlog::Verifier;
use crate::tlog::note::MAX_NOTE_BYTES;

/// Verifies the ledger in `dir`. `since` is an older checkpoint, the note's bytes.
///
/// # Errors
///
/// Where there is no ledger, or the system refuses to read it. A damaged one is a report with doubts.
pub fn verify_folder(
    dir: &Path,
    pinned: Option<&Verifier>,
    since: Option<&[u8]>,
    control: &mut Control,
) -> Result<Report, AuditError> {
    let folder = Folder::new(dir);
    // At the beginning or at the end: it may be started or stopped meanwhile.
    let was_open = folder.is_open();
    // Before the store: the leaves that a running node adds in between are reported, not a checkpoint without leaves.
    let checkpoint = read_note(&folder.checkpoint())?;
    let pieces = folder.pieces();
    let evidence = Evidence {
        pinned: pinned.cloned(),
        checkpoint,
        since: match since {
            Some(since) => Some(since.to_vec()),
            None => kept_checkpoint(&folder, pinned, was_open)?,
        },
        pieces: pieces.is_dir().then(|| Pieces::at_rest(pieces)),
        hashes: IndexHashes::open(&folder.index()),
        is_growing: Some(Box::new(move || was_open || folder.is_open())),
    };
    match SqliteStore::open_read_only(dir) {
        Ok(store) => verify_history(&mut StoreLeaves(&store), evidence, control),
        Err(error @ (StoreError::Missing { .. } | StoreError::Version { .. })) => Err(error.into()),
        Err(error) => verify_history(&mut Unopened(error.into()), evidence, control),
    }
}

/// An older checkpoint that stands by: the last one that a pinned key signed before it was replaced, or the rollback guard beside the
/// folder. A history that is cut off, with an old checkpoint put back, contradicts the guard. While a node serves the folder, its
/// guard is newer than what was read.
fn kept_checkpoint(folder: &Folder, pinned: Option<&Verifier>, is_open: bool) -> Result<Option<Vec<u8>>, AuditError> {
    let former = match pinned {
        Some(pinned) => read_note(&folder.former_checkpoint(pinned.key_id()))?,
        None => None,
    };
    match former {
        None if !is_open => read_note(&folder.default_guard()),
        former => Ok(former),
    }
}

/// A store that does not open for what is wrong with its content.
struct Unopened(ReadError);

impl Leaves for Unopened {
    fn read(&mut self, _: u64, _: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Err(match &self.0 {
            ReadError::Gap { expected, found } => ReadError::Gap { expected: *expected, found: *found },
            ReadError::Damaged(detail) => ReadError::Damaged(detail.clone()),
            ReadError::Unavailable(detail) => ReadError::Unavailable(detail.clone()),
            ReadError::NotEntitled { url, status, has_token } => {
                ReadError::NotEntitled { url: url.clone(), status: *status, has_token: *has_token }
            }
        })
    }
}

/// A note's bytes, bounded; none where there is no such file.
pub fn read_note(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let fails = |source| AuditError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fails(source)),
    };
    let mut note = Vec::new();
    // One byte more than a note has: a longer file is refused as a note, not cut into one.
    file.take(MAX_NOTE_BYTES as u64 + 1).read_to_end(&mut note).map_err(fails)?;
    Ok(Some(note))
}
