//! The verification of a whole history, as a pipeline with bounded memory.
//!
//! ```text
//! reader thread     read chunk n+2 │ …            at most READ_AHEAD chunks wait
//! every core        judge chunk n+1               (rayon)
//! one of them       apply chunk n, tree           meanwhile
//! ```
//!
//! The signed checkpoint and the older one are opened first, with the pinned key, or else with the one that leaf 0 names;
//! their roots are compared when the tree reaches their sizes. Whatever is found, every leaf is looked at.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use greffe_events::Event;
use greffe_events::catalogue::{Data, RegistreOuvert};
use greffe_events::leaf::Leaf;
use rayon::prelude::*;

use super::doubt::{Doubt, DoubtCode};
use super::hashes::{Comparison, Hashes, MadeTile};
use super::judge::{Bench, Judged, judge};
use super::leaves::{CHUNK_LEAVES_MAX, Leaves, ReadError};
use super::report::{Counts, Doubts, NotChecked, PieceCounts, Report, Verdict};
use super::state::State;
use super::{AuditError, Control};
use crate::ledger::pieces::Pieces;
use crate::tlog::{Checkpoint, EMPTY_ROOT, Edge, Hash, TILE_WIDTH, TileCoordinates, Verifier, partial_tiles};

/// Chunks read ahead.
const READ_AHEAD: usize = 2;

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
    let Evidence { pinned, checkpoint, since, pieces, hashes } = evidence;
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
    run.finish(bench.pieces.is_some(), comparison)
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
    verifier: Option<Verifier>,
    is_pinned: bool,
    checkpoint: Option<(Checkpoint, String)>,
    since: Option<Checkpoint>,
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
}

impl Run {
    /// Finds the log's key and opens both checkpoints with it.
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
            // Said when the leaves are streamed.
            Err(ReadError::Gap { .. } | ReadError::Damaged(_)) => None,
        };
        let opening = first.and_then(|leaf| read_opening(&leaf));
        let named = opening.as_ref().map(|opening| Verifier::parse(&opening.vkey));
        if let Some(Err(error)) = &named {
            doubts.push(Doubt::new(DoubtCode::OpeningInvalid, error).at(0).field("data.vkey"));
        }
        let named = named.and_then(Result::ok);
        if let (Some(pinned), Some(named)) = (&pinned, &named)
            && pinned != named
        {
            let detail = format!("leaf 0 names {named}, pinned is {pinned}");
            doubts.push(Doubt::new(DoubtCode::VkeyOther, detail).at(0).field("data.vkey"));
        }
        let is_pinned = pinned.is_some();
        let verifier = pinned.or(named);
        let origin = match &verifier {
            Some(verifier) => Some(verifier.name().as_str().to_owned()),
            None => opening.map(|opening| opening.origine.as_str().to_owned()),
        };
        let checkpoint = match checkpoint {
            None => {
                doubts.push(Doubt::new(DoubtCode::CheckpointMissing, "nothing says what the log signed"));
                None
            }
            Some(note) => open_checkpoint(note, verifier.as_ref(), DoubtCode::CheckpointInvalid, &mut doubts)
                .map(|opened| (opened, String::from_utf8_lossy(note).into_owned())),
        };
        let since =
            since.and_then(|note| open_checkpoint(note, verifier.as_ref(), DoubtCode::SinceInvalid, &mut doubts));
        let root_of_nothing = |size: u64| (size == 0).then_some(EMPTY_ROOT);
        Ok(Self {
            root_at_checkpoint: checkpoint.as_ref().and_then(|(opened, _)| root_of_nothing(opened.size())),
            root_at_since: since.as_ref().and_then(|opened| root_of_nothing(opened.size())),
            verifier,
            is_pinned,
            checkpoint,
            since,
            tree: Edge::new(),
            tiles: None,
            hashes_unreadable: None,
            state: State::new(origin),
            doubts,
            signatures: 0,
            pieces: PieceCounts::default(),
        })
    }

    fn covered(&self) -> Option<u64> {
        self.checkpoint.as_ref().map(|(opened, _)| opened.size())
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
                leaves.par_iter().enumerate().map(|(at, leaf)| judge(from + at as u64, leaf, bench)).collect()
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
            ReadError::Gap { expected, .. } => {
                self.doubts.push(Doubt::new(DoubtCode::LeafMissing, &error).at(expected));
            }
            ReadError::Damaged(_) => self.doubts.push(Doubt::new(DoubtCode::StoreDamaged, &error).at(at)),
        }
        Ok(())
    }

    fn apply(&mut self, judged: Vec<Judged>) {
        let covered = self.covered();
        let since = self.since.as_ref().map(Checkpoint::size);
        for Judged { hash, read, doubts, signatures_good, pieces } in judged {
            let index = self.tree.size();
            self.signatures += signatures_good;
            self.pieces += pieces;
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

    fn finish(mut self, looked_at_pieces: bool, comparison: Option<Comparison>) -> Result<Report, AuditError> {
        if self.tree.size() == 0 {
            self.doubts.push(Doubt::new(DoubtCode::OpeningMissing, "no leaf was read"));
        }
        let since_holds = self.compare_since();
        let has_hashes = comparison.is_some();
        self.compare_checkpoint(since_holds, comparison)?;
        let verdict = match (self.doubts.is_empty(), self.is_pinned) {
            (false, _) => Verdict::Doubt,
            (true, true) => Verdict::Good,
            (true, false) => Verdict::GoodButNotPinned,
        };
        let pieces = looked_at_pieces.then_some(self.pieces);
        let not_checked = not_checked(self.is_pinned, self.since.is_some(), pieces, has_hashes);
        let (doubts, doubts_by_code) = self.doubts.into_parts();
        let (size, checkpoint) = self.checkpoint.map(|(opened, note)| (opened.size(), note)).unzip();
        Ok(Report {
            verdict,
            origin: self.state.origin().map(str::to_owned),
            vkey: self.verifier.map(|verifier| verifier.to_string()),
            is_pinned: self.is_pinned,
            size,
            root: self.root_at_checkpoint.map(|root| root.to_string()),
            checkpoint,
            since: self.since.as_ref().map(Checkpoint::size),
            counts: Counts {
                leaves: self.tree.size(),
                by_type: self.state.types().clone(),
                organisations: self.state.organisations(),
                dossiers: self.state.dossiers(),
                keys: self.state.keys(),
                signatures: self.signatures,
                pieces,
            },
            doubts_by_code,
            doubts,
            disputes: self.state.disputes().to_vec(),
            not_checked,
        })
    }

    /// Whether the history begins with the older tree; none where that could not be told.
    fn compare_since(&mut self) -> Option<bool> {
        let since = self.since.as_ref()?;
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

    fn compare_checkpoint(
        &mut self,
        since_holds: Option<bool>,
        mut comparison: Option<Comparison>,
    ) -> Result<(), AuditError> {
        if let Some(why) = &self.hashes_unreadable {
            let detail = format!("index.sqlite can't be read: {why}; without it the node derives it again");
            self.doubts.push(Doubt::new(DoubtCode::HashAltered, detail));
        }
        let Some((signed, _)) = &self.checkpoint else { return Ok(()) };
        let leaves = self.tree.size();
        if leaves > signed.size() {
            let detail = format!("{} leaves follow the {} that were signed", leaves - signed.size(), signed.size());
            self.doubts.push(Doubt::new(DoubtCode::NotCovered, detail).at(signed.size()));
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
                let when = match (since_holds, &self.since) {
                    (Some(true), Some(since)) => format!(", at or after index {}", since.size()),
                    (Some(false), Some(since)) => format!(", before index {} at least", since.size()),
                    _ => String::new(),
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

fn open_checkpoint(
    note: &[u8],
    verifier: Option<&Verifier>,
    code: DoubtCode,
    doubts: &mut Doubts,
) -> Option<Checkpoint> {
    let Some(verifier) = verifier else {
        doubts.push(Doubt::new(code, "no key was pinned and leaf 0 names none, so nothing tells who signed it"));
        return None;
    };
    Checkpoint::open(note, verifier).map_err(|error| doubts.push(Doubt::new(code, error))).ok()
}

fn not_checked(is_pinned: bool, has_since: bool, pieces: Option<PieceCounts>, has_hashes: bool) -> Vec<NotChecked> {
    let mut not = Vec::new();
    if !is_pinned {
        not.push(NotChecked::new("key-not-pinned", "that this log key is the operator's: the history itself names it"));
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
