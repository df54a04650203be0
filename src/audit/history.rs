//! The verification of a whole history, as a pipeline with bounded memory.
//!
//! ```text
//! reader thread     read chunk n+2 │ …            at most READ_AHEAD chunks wait
//! every core        judge chunk n+1               (rayon)
//! one of them       apply chunk n, tree           meanwhile
//! ```
//!
//! Roots are taken where the tree reaches the sizes that the checkpoint and an older one claim; whose word these notes are is
//! told at the end, when the leaves have named the log's keys ([`super::journal`]). Whatever is found, every leaf is looked at.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use greffe_events::Event;
use greffe_events::catalogue::{Data, RegistreOuvert};
use greffe_events::leaf::Leaf;
use rayon::prelude::*;

use super::doubt::{Doubt, DoubtCode};
use super::hashes::{Comparison, Hashes, MadeTile};
use super::journal::{Journal, Vouching};
use super::judge::{AbsentPiece, Bench, Judged, judge};
use super::leaves::{CHUNK_LEAVES_MAX, Leaves, ReadError};
use super::report::{Counts, Doubts, NotChecked, PieceCounts, Report, Verdict};
use super::state::State;
use super::{AuditError, Control};
use crate::ledger::pieces::Pieces;
use crate::tlog::note::Note;
use crate::tlog::{
    Checkpoint, CheckpointError, EMPTY_ROOT, Edge, Hash, TILE_WIDTH, TileCoordinates, Verifier, partial_tiles,
};

/// Chunks read ahead.
const READ_AHEAD: usize = 2;
/// Leaves that one core judges at once: enough for their signatures to share work, few enough that all cores end together.
const JUDGED_TOGETHER: usize = 64;

/// What comes with the leaves.
#[derive(Default)]
pub struct Evidence {
    /// The log's key, as the auditor got it from elsewhere.
    pub pinned: Option<Verifier>,
    /// The signed checkpoint, the note's bytes.
    pub checkpoint: Option<Vec<u8>>,
    /// An older checkpoint that the auditor kept, the note's bytes.
    pub since: Option<Vec<u8>>,
    /// Cited files, if they are to be read again.
    pub pieces: Option<Pieces>,
    /// The tree's hashes that are kept beside the leaves.
    pub hashes: Hashes,
    /// Whether a node is adding leaves, asked at the end; none: nobody is.
    pub is_growing: Option<Box<dyn Fn() -> bool>>,
}

type Chunk = Result<Vec<Vec<u8>>, ReadError>;

/// Verifies a history.
///
/// # Errors
///
/// Where the leaves can't be had, or the caller cancelled. What speaks against the history is in the report.
pub fn verify_history(
    leaves: &mut dyn Leaves,
    evidence: Evidence,
    control: &mut Control,
) -> Result<Report, AuditError> {
    let Evidence { pinned, checkpoint, since, pieces, hashes, is_growing } = evidence;
    let bench = Bench::new(pieces.as_ref())?;
    let mut run = Run::open(leaves, pinned, checkpoint.as_deref(), since.as_deref())?;
    run.hashes_unreadable = match &hashes {
        Hashes::Unreadable(why) => Some(why.clone()),
        Hashes::NotGiven | Hashes::Kept(_) => None,
    };
    let comparison = std::thread::scope(|scope| {
        let (sender, chunks) = sync_channel(READ_AHEAD);
        let reader = scope.spawn(move || read_ahead(leaves, &sender));
        let comparer = match hashes {
            Hashes::Kept(kept) if run.checkpoint.is_some() => {
                let (sender, tiles) = sync_channel(READ_AHEAD);
                run.tiles = Some(sender);
                Some(scope.spawn(move || compare(Comparison::new(kept), &tiles)))
            }
            _ => None,
        };
        // Takes the receiver: when it ends, the reader does.
        let result = run.stream(chunks, &bench, control);
        run.tiles = None;
        reader.join().map_err(|_| AuditError::Panicked)?;
        result?;
        comparer.map(|comparer| comparer.join().map_err(|_| AuditError::Panicked)?).transpose()
    })?;
    run.finish(bench.pieces, comparison, is_growing.as_deref())
}

fn read_ahead(leaves: &mut dyn Leaves, sender: &SyncSender<Chunk>) {
    let mut from = 0;
    loop {
        let mut chunk = leaves.read(from, CHUNK_LEAVES_MAX);
        let ends = match &mut chunk {
            Ok(leaves) => {
                leaves.truncate(CHUNK_LEAVES_MAX);
                from += leaves.len() as u64;
                leaves.is_empty()
            }
            Err(_) => true,
        };
        // Nobody listens any more after a cancellation.
        if sender.send(chunk).is_err() || ends {
            return;
        }
    }
}

/// Compares tiles as they come.
fn compare(mut comparison: Comparison, tiles: &Receiver<Vec<MadeTile>>) -> Result<Comparison, AuditError> {
    for tiles in tiles {
        comparison.compare(&tiles).map_err(|error| AuditError::Unreadable(error.to_string()))?;
    }
    Ok(comparison)
}

/// One verification under way.
struct Run {
    /// The log's keys as far as anybody knows them before the leaves are read.
    journal: Journal,
    checkpoint: Option<Claim>,
    since: Option<Claim>,
    root_at_checkpoint: Option<Hash>,
    root_at_since: Option<Hash>,
    tree: Edge,
    /// Where tiles go to be compared, until the checkpoint's size is reached.
    tiles: Option<SyncSender<Vec<MadeTile>>>,
    hashes_unreadable: Option<String>,
    state: State,
    doubts: Doubts,
    signatures: u64,
    pieces: PieceCounts,
    /// Cited files that are not there, until the last leaf has told which of them were erased.
    absent: Vec<AbsentPiece>,
}

/// A note that says it is a checkpoint. Its size tells where to take the root; whose word it is, the leaves tell.
struct Claim {
    note: Vec<u8>,
    size: u64,
}

impl Run {
    /// Finds the log's key and what both checkpoints claim.
    fn open(
        leaves: &mut dyn Leaves,
        pinned: Option<Verifier>,
        checkpoint: Option<&[u8]>,
        since: Option<&[u8]>,
    ) -> Result<Self, AuditError> {
        let mut doubts = Doubts::default();
        let first = match leaves.read(0, 1) {
            Ok(first) => first.into_iter().next(),
            Err(ReadError::Unavailable(why)) => return Err(AuditError::Unreadable(why)),
            Err(error @ ReadError::NotEntitled { .. }) => return Err(AuditError::NotEntitled(error)),
            // Said when the leaves are streamed.
            Err(ReadError::Gap { .. } | ReadError::Damaged(_)) => None,
        };
        let opening = first.and_then(|leaf| read_opening(&leaf));
        let named = opening.as_ref().map(|opening| Verifier::parse(&opening.vkey));
        if let Some(Err(error)) = &named {
            doubts.push(Doubt::new(DoubtCode::OpeningInvalid, error).at(0).field("data.vkey"));
        }
        let journal = Journal::new(pinned, named.and_then(Result::ok));
        // What leaf 0 says comes first: where the pinned key is another log's, that is one doubt and not one for each leaf.
        let origin = match opening {
            Some(opening) => Some(opening.origine.as_str().to_owned()),
            None => journal.name().map(str::to_owned),
        };
        if checkpoint.is_none() {
            doubts.push(Doubt::new(DoubtCode::CheckpointMissing, "nothing says what the log signed"));
        }
        let mut claim = |note: Option<&[u8]>, code| {
            let note = note?;
            match claimed_size(note) {
                Ok(size) => Some(Claim { note: note.to_vec(), size }),
                Err(error) => {
                    doubts.push(Doubt::new(code, error));
                    None
                }
            }
        };
        let checkpoint = claim(checkpoint, DoubtCode::CheckpointInvalid);
        let since = claim(since, DoubtCode::SinceInvalid);
        let root_of_nothing =
            |claim: &Option<Claim>| claim.as_ref().and_then(|claim| (claim.size == 0).then_some(EMPTY_ROOT));
        Ok(Self {
            root_at_checkpoint: root_of_nothing(&checkpoint),
            root_at_since: root_of_nothing(&since),
            journal,
            checkpoint,
            since,
            tree: Edge::new(),
            tiles: None,
            hashes_unreadable: None,
            state: State::new(origin),
            doubts,
            signatures: 0,
            pieces: PieceCounts::default(),
            absent: Vec::new(),
        })
    }

    fn covered(&self) -> Option<u64> {
        self.checkpoint.as_ref().map(|claim| claim.size)
    }

    fn stream(&mut self, chunks: Receiver<Chunk>, bench: &Bench, control: &mut Control) -> Result<(), AuditError> {
        let total = self.covered().unwrap_or(0);
        let mut judged: Vec<Judged> = Vec::new();
        let mut from = 0_u64;
        for chunk in chunks {
            if control.cancelled.load(Ordering::Relaxed) {
                return Err(AuditError::Cancelled(self.tree.size()));
            }
            let leaves = match chunk {
                Ok(leaves) => leaves,
                Err(error) => {
                    self.apply(std::mem::take(&mut judged));
                    return self.unreadable(error);
                }
            };
            let before = std::mem::take(&mut judged);
            let judge_all = || -> Vec<Judged> {
                let parts = leaves.par_chunks(JUDGED_TOGETHER).enumerate();
                parts.flat_map_iter(|(at, part)| judge(from + (at * JUDGED_TOGETHER) as u64.., part, bench)).collect()
            };
            (judged, ()) = rayon::join(judge_all, || self.apply(before));
            from += leaves.len() as u64;
            (control.progress)(self.tree.size(), total);
        }
        self.apply(judged);
        self.hand_out_tiles(true);
        (control.progress)(self.tree.size(), total);
        Ok(())
    }

    fn unreadable(&mut self, error: ReadError) -> Result<(), AuditError> {
        let at = self.tree.size();
        match error {
            ReadError::Unavailable(why) => return Err(AuditError::Unreadable(why)),
            ReadError::NotEntitled { .. } => return Err(AuditError::NotEntitled(error)),
            ReadError::Gap { expected, .. } => {
                self.doubts.push(Doubt::new(DoubtCode::LeafMissing, &error).at(expected));
            }
            ReadError::Damaged(_) => self.doubts.push(Doubt::new(DoubtCode::StoreDamaged, &error).at(at)),
        }
        Ok(())
    }

    fn apply(&mut self, judged: Vec<Judged>) {
        let covered = self.covered();
        let since = self.since.as_ref().map(|claim| claim.size);
        for Judged { hash, read, doubts, signatures_good, pieces, absent } in judged {
            let index = self.tree.size();
            self.signatures += signatures_good;
            self.pieces += pieces;
            self.absent.extend(absent);
            for doubt in doubts {
                self.doubts.push(doubt);
            }
            self.state.apply(index, read, &mut |doubt| self.doubts.push(doubt));
            self.tree.push(hash);
            let size = Some(self.tree.size());
            if size == covered {
                self.root_at_checkpoint = Some(self.tree.root());
                self.hand_out_tiles(true);
                self.tiles = None;
            }
            if size == since {
                self.root_at_since = Some(self.tree.root());
            }
        }
        self.hand_out_tiles(false);
    }

    /// Lets tiles that have become full be compared; at the end of the tree the partial ones too.
    fn hand_out_tiles(&mut self, is_end: bool) {
        let full = self.tree.take_completed();
        let Some(sender) = &self.tiles else { return };
        let full = full.into_iter().filter_map(|tile| {
            let coordinates = TileCoordinates::new(tile.level, tile.n, TILE_WIDTH).ok()?;
            Some(MadeTile { coordinates, hashes: tile.hashes })
        });
        let mut tiles: Vec<MadeTile> = full.collect();
        if is_end {
            tiles.extend(
                partial_tiles(self.tree.size()).map(|coordinates| MadeTile {
                    coordinates,
                    hashes: self.tree.partial(coordinates.level()).to_vec(),
                }),
            );
        }
        // Nobody listens any more after a failure, which is told when that thread is joined.
        if !tiles.is_empty() && sender.send(tiles).is_err() {
            self.tiles = None;
        }
    }

    fn finish(
        mut self,
        pieces: Option<&Pieces>,
        comparison: Option<Comparison>,
        is_growing: Option<&dyn Fn() -> bool>,
    ) -> Result<Report, AuditError> {
        if self.tree.size() == 0 {
            self.doubts.push(Doubt::new(DoubtCode::OpeningMissing, "no leaf was read"));
        }
        self.tell_erased_from_missing(pieces);
        self.journal.follow(self.state.acquis().log());
        if let (true, Some(pinned), [first, ..]) =
            (self.journal.is_foreign(), self.journal.pinned(), self.journal.chain())
        {
            let detail = format!("leaf 0 names {}, pinned is {pinned}", first.vkey);
            self.doubts.push(Doubt::new(DoubtCode::VkeyOther, detail).at(0).field("data.vkey"));
        }
        let note = self.checkpoint.take();
        let checkpoint = note.as_ref().and_then(|claim| self.open_checkpoint(claim, DoubtCode::CheckpointInvalid));
        let since = self.since.take().and_then(|claim| self.open_checkpoint(&claim, DoubtCode::SinceInvalid));
        let since_holds = since.as_ref().and_then(|since| self.compare_since(since));
        let has_hashes = comparison.is_some();
        let earlier = since.as_ref().zip(since_holds).map(|(since, holds)| (since.size(), holds));
        let not_covered_yet = self.tell_uncovered(checkpoint.as_ref(), is_growing);
        self.compare_checkpoint(checkpoint.as_ref(), earlier, comparison)?;
        let tied_by = since.as_ref().filter(|_| since_holds == Some(true));
        let size = checkpoint.as_ref().map(Checkpoint::size);
        let vouching = self.journal.vouching(size.unwrap_or(0), tied_by);
        let verdict = match (self.doubts.is_empty(), vouching.holds()) {
            (false, _) => Verdict::Doubt,
            (true, true) => Verdict::Good,
            (true, false) => Verdict::GoodButNotPinned,
        };
        let pieces = pieces.map(|_| self.pieces);
        let not_checked = not_checked(vouching, since.is_some(), pieces, has_hashes);
        let (doubts, doubts_by_code) = self.doubts.into_parts();
        Ok(Report {
            verdict,
            origin: self.state.origin().map(str::to_owned),
            vkey: self.journal.judge(size.unwrap_or(0)).map(ToString::to_string),
            vouching,
            log_keys: self.journal.chain().to_vec(),
            size,
            root: size.and(self.root_at_checkpoint).map(|root| root.to_string()),
            checkpoint: size.and(note).map(|claim| String::from_utf8_lossy(&claim.note).into_owned()),
            since: since.as_ref().map(Checkpoint::size),
            not_covered_yet,
            counts: Counts {
                leaves: self.tree.size(),
                by_type: self.state.types().clone(),
                organisations: self.state.organisations(),
                dossiers: self.state.dossiers(),
                keys: self.state.acquis().keys(),
                signatures: self.signatures,
                pieces,
            },
            disputes: self.state.acquis().disputes().to_vec(),
            doubts_by_code,
            doubts,
            not_checked,
        })
    }

    /// Opens a note with the key that judges a tree of its size.
    fn open_checkpoint(&mut self, claim: &Claim, code: DoubtCode) -> Option<Checkpoint> {
        let Some(verifier) = self.journal.judge(claim.size) else {
            let detail = "no key was pinned and leaf 0 names none, so nothing tells who signed it";
            self.doubts.push(Doubt::new(code, detail));
            return None;
        };
        Checkpoint::open(&claim.note, verifier).map_err(|error| self.doubts.push(Doubt::new(code, error))).ok()
    }

    /// Which of the files that are not there a leaf erased; and which of those that a leaf erased are still there.
    fn tell_erased_from_missing(&mut self, pieces: Option<&Pieces>) {
        for AbsentPiece { index, at, organisation, reference } in std::mem::take(&mut self.absent) {
            if self.state.acquis().erasure(&organisation, reference).is_some() {
                self.pieces.erased += 1;
                continue;
            }
            self.pieces.absent += 1;
            let detail = format!("{reference} is cited and not there, and no leaf says that it was erased");
            self.doubts.push(Doubt::new(DoubtCode::PieceAbsent, detail).at(index).field(format!("data.pieces[{at}]")));
        }
        let Some(pieces) = pieces else { return };
        for (organisation, reference, index) in self.state.acquis().erasures() {
            // One that can't be looked at is no reason for a doubt of its own.
            if matches!(pieces.read(organisation, reference), Ok(Some(_))) {
                let detail = format!("{reference} of {organisation} is still there; a node that starts removes it");
                self.doubts.push(Doubt::new(DoubtCode::PieceKept, detail).at(index));
            }
        }
    }

    /// Whether the history begins with the older tree; none where that could not be told.
    fn compare_since(&mut self, since: &Checkpoint) -> Option<bool> {
        let Some(root) = self.root_at_since else {
            let detail = format!("it has {} leaves, here are {}", since.size(), self.tree.size());
            self.doubts.push(Doubt::new(DoubtCode::SinceNewer, detail).at(self.tree.size()));
            return None;
        };
        let holds = root == since.root();
        if !holds {
            let detail = format!(
                "the first {} leaves have the root {root}, the kept checkpoint says {}: both signed notes together prove it",
                since.size(),
                since.root()
            );
            self.doubts.push(Doubt::new(DoubtCode::SinceContradicted, detail));
        }
        Some(holds)
    }

    /// How many leaves wait for the checkpoint of the node that adds them. Where none runs, what follows the checkpoint is a
    /// doubt: a node that stops leaves one that covers all.
    fn tell_uncovered(&mut self, signed: Option<&Checkpoint>, is_growing: Option<&dyn Fn() -> bool>) -> u64 {
        let Some(signed) = signed else { return 0 };
        let uncovered = self.tree.size().saturating_sub(signed.size());
        if uncovered == 0 || is_growing.is_some_and(|is_growing| is_growing()) {
            return uncovered;
        }
        let detail = format!(
            "{uncovered} leaves follow the {} that were signed: so it is where a node was killed, which signs them when it \
             starts again, where a folder was copied while a node wrote, and where somebody else added them",
            signed.size()
        );
        self.doubts.push(Doubt::new(DoubtCode::NotCovered, detail).at(signed.size()));
        0
    }

    fn compare_checkpoint(
        &mut self,
        signed: Option<&Checkpoint>,
        earlier: Option<(u64, bool)>,
        mut comparison: Option<Comparison>,
    ) -> Result<(), AuditError> {
        if let Some(why) = &self.hashes_unreadable {
            let detail = format!("index.sqlite can't be read: {why}; without it the node derives it again");
            self.doubts.push(Doubt::new(DoubtCode::HashAltered, detail));
        }
        let Some(signed) = signed else { return Ok(()) };
        let leaves = self.tree.size();
        let known = leaves.max(signed.size());
        if let Some(doubt) = comparison.as_ref().and_then(|comparison| comparison.cut_off(known)) {
            self.doubts.push(doubt);
        }
        if self.root_at_checkpoint == Some(signed.root()) {
            for doubt in comparison.iter().flat_map(Comparison::altered_hashes) {
                self.doubts.push(doubt);
            }
            return Ok(());
        }
        let covered = leaves.min(signed.size());
        let located = comparison.as_mut().map(|comparison| comparison.locate(covered, signed)).transpose();
        let (first, altered) = located.map_err(|error| AuditError::Unreadable(error.to_string()))?.unwrap_or_default();
        let doubt = match self.root_at_checkpoint {
            None => {
                let detail = format!("the checkpoint says {}, here are {leaves}", signed.size());
                Doubt::new(DoubtCode::LeavesMissing, detail).at(leaves)
            }
            Some(root) => {
                let when = match earlier {
                    Some((since, true)) => format!(", at or after index {since}"),
                    Some((since, false)) => format!(", before index {since} at least"),
                    None => String::new(),
                };
                let hint = match first {
                    Some(first) if altered.is_empty() => {
                        let place = comparison.as_ref().map_or("something", Comparison::place);
                        format!("; {place}, which nobody signed, has another hash for leaf {first}")
                    }
                    _ => String::new(),
                };
                let detail = format!(
                    "the leaves have the root {root}, the log signed {}: the bytes of some leaf or the order of the \
                     leaves changed{when}{hint}",
                    signed.root()
                );
                let doubt = Doubt::new(DoubtCode::RootMismatch, detail);
                first.into_iter().fold(doubt, Doubt::at)
            }
        };
        self.doubts.push(doubt);
        for doubt in altered {
            self.doubts.push(doubt);
        }
        Ok(())
    }
}

fn read_opening(leaf: &[u8]) -> Option<RegistreOuvert> {
    let leaf = Leaf::decode(leaf).ok()?;
    match Event::of(&leaf.envelope).ok()?.data {
        Data::RegistreOuvert(opening) => Some(opening),
        _ => None,
    }
}

/// How many leaves a note says that it is the head of.
fn claimed_size(note: &[u8]) -> Result<u64, CheckpointError> {
    Ok(Checkpoint::parse(Note::parse(note)?.text())?.size())
}

fn not_checked(vouching: Vouching, has_since: bool, pieces: Option<PieceCounts>, has_hashes: bool) -> Vec<NotChecked> {
    let mut not = Vec::new();
    match vouching {
        Vouching::Pinned | Vouching::Successor => {}
        Vouching::NotPinned => {
            let detail = "that this log key is the operator's: the history itself names it";
            not.push(NotChecked::new("key-not-pinned", detail));
        }
        Vouching::SuccessorUnproved => {
            let detail = "that the log key is the pinned one's successor: give a checkpoint that the pinned one signed (--since)";
            not.push(NotChecked::new("key-replaced", detail));
        }
    }
    not.push(NotChecked::new("witnesses", "witnesses: no cosignature was looked for"));
    not.push(NotChecked::new("same-for-everybody", "that the operator showed everybody the same log"));
    not.push(NotChecked::new("timestamps", "that the times of recording are true: they are the operator's word"));
    if !has_since {
        not.push(NotChecked::new("earlier-checkpoint", "that the history extends one seen earlier: none was given"));
    }
    not.push(NotChecked::new("refusals", "what refused submissions said: the log keeps salted digests of them"));
    if !has_hashes {
        not.push(NotChecked::new("hashes", "hashes kept beside the leaves: there were none to compare"));
    }
    not.push(NotChecked::new("derived", "views, and what else is derived from the leaves and made anew at will"));
    if pieces.is_none() {
        not.push(NotChecked::new("pieces", "the files that events cite: none were given"));
    }
    not
}
