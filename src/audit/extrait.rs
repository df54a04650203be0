//! An extract, verified offline with the log's key and nothing else (docs/FORMAT.md §10).
//!
//! ```text
//! each leaf ─ inclusion proof ─ the one checkpoint ─ signed by the log's key
//!   │ judge      its own signatures, on every core
//!   ▼
//! rejeu          order, ranks without a gap, rights by the key events that are here
//! pieces         each file is what its leaf cites
//! declaration    signed by the log's key, as the checkpoint is: what was asked, how many leaves there are, and every byte
//! ```
//!
//! The file is read once, as a stream; see [`crate::extrait::conteneur`] for what is refused before anything of it is read.

mod confrontation;
mod pieces;
mod portee;
mod preuves;
mod rejeu;
mod report;

use std::io::Read;
use std::sync::atomic::Ordering;

use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;
use rayon::prelude::*;

use self::confrontation::{Found, declared};
use self::pieces::Pieces;
use self::portee::{not_checked, proved};
use self::preuves::{Head, judge_proved};
use self::rejeu::Rejeu;
use super::doubt::{Doubt, DoubtCode};
use super::journal::{Journal, Vouching};
use super::judge::{Bench, Judged};
use super::report::{Doubts, Verdict};
use super::{AuditError, Control};
use crate::extrait::conteneur::{ConteneurError, Lecteur, Nom};
use crate::extrait::declaration::Paroles;
use crate::extrait::demande::Demande;
use crate::tlog::{Checkpoint, Note, Verifier};

pub use self::report::ExtractReport;

/// Leaves judged at once, and their bytes: enough for all cores, bounded where each is as large as can be.
const BATCH_LEAVES_MAX: usize = 1_024;
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Leaves that one core judges at once, so that their signatures share work.
const JUDGED_TOGETHER: usize = 64;

/// Verifies an extract. Progress is told in bytes.
///
/// # Errors
///
/// Where the file can't be read, or the caller cancelled. What speaks against it is in the report.
pub fn verify_extract(
    entree: impl Read,
    pinned: Option<&Verifier>,
    control: &mut Control,
) -> Result<ExtractReport, AuditError> {
    let bench = Bench::new(None)?;
    let mut run = Run {
        bench: &bench,
        doubts: Doubts::default(),
        head: None,
        rejeu: None,
        pieces: Pieces::default(),
        waiting: Vec::new(),
        waiting_bytes: 0,
        declaration: None,
        signatures: 0,
        is_whole: false,
    };
    let mut file = Lecteur::new(entree);
    loop {
        if control.cancelled.load(Ordering::Relaxed) {
            return Err(AuditError::Cancelled(file.position()));
        }
        match file.suivant().and_then(|next| run.take(next, &mut file)) {
            Ok(true) => (control.progress)(file.position(), 0),
            Ok(false) => break,
            Err(ConteneurError::Io(error)) => return Err(AuditError::Unreadable(error.to_string())),
            Err(error) => {
                run.flush();
                run.doubts.push(Doubt::new(DoubtCode::ExtractMalformed, error));
                break;
            }
        }
    }
    Ok(run.finish(pinned))
}

/// The declaration, not judged yet, and the digest of the bytes before it.
struct Declared {
    note: Vec<u8>,
    sha256: Empreinte,
}

/// One verification under way.
struct Run<'a> {
    bench: &'a Bench<'a>,
    doubts: Doubts,
    head: Option<Head>,
    rejeu: Option<Rejeu>,
    pieces: Pieces,
    /// Leaves that are not judged yet: index, and the bytes of their proofs.
    waiting: Vec<(u64, Vec<u8>)>,
    waiting_bytes: usize,
    declaration: Option<Declared>,
    signatures: u64,
    /// Whether the file was read to its end: of one that was not, nothing is said to be missing.
    is_whole: bool,
}

impl Run<'_> {
    /// Takes the next file; false at the end, or where nothing more can be said.
    fn take<R: Read>(&mut self, next: Option<(Nom, u64)>, file: &mut Lecteur<R>) -> Result<bool, ConteneurError> {
        let malformed = |run: &mut Self, what: &str, error: &dyn std::fmt::Display| {
            run.doubts.push(Doubt::new(DoubtCode::ExtractMalformed, format_args!("{what}: {error}")));
            Ok(false)
        };
        match next {
            None => {
                self.is_whole = true;
                return Ok(false);
            }
            Some((Nom::Demande, _)) => {
                let read = serde_json::from_slice::<Demande>(&file.contenu()?).map_err(|error| error.to_string());
                let read =
                    read.and_then(|demande| demande.check().map(|()| demande).map_err(|error| error.to_string()));
                match read {
                    Ok(demande) => self.rejeu = Some(Rejeu::new(demande)),
                    Err(error) => return malformed(self, "demande.json", &error),
                }
            }
            Some((Nom::Checkpoint, _)) => {
                let note = String::from_utf8(file.contenu()?).unwrap_or_default();
                let read = Note::parse(note.as_bytes()).map_err(|error| error.to_string());
                match read.and_then(|read| Checkpoint::parse(read.text()).map_err(|error| error.to_string())) {
                    Ok(checkpoint) => self.head = Some(Head { note, checkpoint }),
                    Err(error) => {
                        self.doubts.push(Doubt::new(DoubtCode::CheckpointInvalid, error));
                        return Ok(false);
                    }
                }
            }
            Some((Nom::Feuille(index), _)) => {
                let proof = file.contenu()?;
                self.waiting_bytes += proof.len();
                self.waiting.push((index, proof));
                if self.waiting.len() >= BATCH_LEAVES_MAX || self.waiting_bytes >= BATCH_BYTES_MAX {
                    self.flush();
                }
            }
            Some((Nom::Fiche(..), _)) => {
                self.flush();
                self.pieces.card(&file.contenu()?);
            }
            Some((Nom::Piece(organisation, reference), _)) => self.piece(&organisation, reference, file)?,
            Some((Nom::Declaration, _)) => {
                self.flush();
                let sha256 = file.empreinte();
                self.declaration = Some(Declared { note: file.contenu()?, sha256 });
            }
        }
        Ok(true)
    }

    fn piece<R: Read>(
        &mut self,
        organisation: &Organisation,
        reference: Empreinte,
        file: &mut Lecteur<R>,
    ) -> Result<(), ConteneurError> {
        let mut arrived = self.pieces.begin(organisation, reference);
        file.passe(|bytes| arrived.add(bytes))?;
        let doubts = &mut self.doubts;
        self.pieces.end(arrived, (organisation, reference), self.bench, &mut |doubt| doubts.push(doubt));
        Ok(())
    }

    /// Judges the leaves that wait, and replays them.
    fn flush(&mut self) {
        self.waiting_bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let (Some(head), Some(rejeu)) = (&self.head, &mut self.rejeu) else { return };
        let judged: Vec<(u64, Judged)> =
            waiting.par_chunks(JUDGED_TOGETHER).flat_map_iter(|part| judge_proved(part, head, self.bench)).collect();
        let (doubts, pieces) = (&mut self.doubts, &mut self.pieces);
        for (index, judged) in judged {
            self.signatures += judged.signatures_good;
            for doubt in judged.doubts {
                doubts.push(doubt);
            }
            let Some(read) = judged.read else { continue };
            let is_content = rejeu.apply(index, &read, &mut |doubt| doubts.push(doubt));
            if is_content && rejeu.demande().pieces {
                pieces.cited(index, &read.event, self.bench, &mut |doubt| doubts.push(doubt));
            } else {
                pieces.rest(self.bench);
            }
        }
    }

    fn finish(mut self, pinned: Option<&Verifier>) -> ExtractReport {
        let (mut journal, mut size) = (Journal::new(pinned.cloned(), None), None);
        let mut report = ExtractReport {
            verdict: Verdict::Doubt,
            origin: None,
            vkey: None,
            vouching: Vouching::NotPinned,
            demande: None,
            size: None,
            paroles: Paroles::default(),
            dossiers: 0,
            appui: 0,
            membres: Vec::new(),
            by_type: std::collections::BTreeMap::new(),
            signatures: self.signatures,
            pieces: None,
            disputes: Vec::new(),
            doubts_by_code: std::collections::BTreeMap::new(),
            doubts: Vec::new(),
            proved: Vec::new(),
            not_checked: Vec::new(),
        };
        if let Some(mut rejeu) = self.rejeu.take() {
            journal.follow(rejeu.acquis.log());
            let (mut paroles, is_closed) = rejeu.paroles();
            if self.is_whole {
                size = self.judge_head(&journal);
                let doubts = &mut self.doubts;
                let mut pieces = std::mem::take(&mut self.pieces);
                pieces.rest(self.bench);
                let unasked = rejeu.unasked(|of, reference| pieces.is_cited(of, reference, self.bench));
                let (counts, said) = pieces.finish(&rejeu.acquis, self.bench, &mut |doubt| doubts.push(doubt));
                report.pieces = rejeu.demande().pieces.then_some(counts);
                if let (Some(Declared { note, sha256 }), Some(head)) = (self.declaration.take(), &self.head) {
                    match declared(&note, journal.judge(head.checkpoint.size())) {
                        Ok(declared) => {
                            let pieces = rejeu.demande().pieces.then_some(said);
                            let found = Found { rejeu: &rejeu, paroles, is_closed, pieces, head, sha256 };
                            found.compare(&declared, &mut |doubt| doubts.push(doubt));
                            paroles.total = declared.paroles.total;
                        }
                        Err(error) => doubts.push(Doubt::new(DoubtCode::ExtractUndeclared, error)),
                    }
                }
                // Where something else is wrong, it may be what would ask for them.
                if doubts.is_empty() {
                    for index in unasked {
                        doubts.push(Doubt::new(DoubtCode::LeafForeign, "nothing here asks for it").at(index));
                    }
                }
            }
            report.not_checked = not_checked(&rejeu, is_closed);
            report.membres = rejeu.acquis.members().map(ToString::to_string).collect();
            report.membres.sort_unstable();
            report.disputes = rejeu.acquis.disputes().to_vec();
            (report.paroles, report.dossiers, report.appui) = (paroles, rejeu.comptes.dossiers, rejeu.comptes.appui);
            report.demande = Some(rejeu.demande().clone());
            report.origin = rejeu.origin;
            report.by_type = rejeu.comptes.types;
        }
        report.size = size;
        report.vkey = journal.judge(size.unwrap_or(0)).map(ToString::to_string);
        report.vouching = journal.vouching(size.unwrap_or(0), None);
        report.verdict = match (self.doubts.is_empty(), report.vouching.holds()) {
            (false, _) => Verdict::Doubt,
            (true, true) => Verdict::Good,
            (true, false) => Verdict::GoodButNotPinned,
        };
        // By a key that anybody may have made, nothing is.
        if report.verdict == Verdict::Good {
            report.proved = proved(&report);
        }
        (report.doubts, report.doubts_by_code) = self.doubts.into_parts();
        report
    }

    /// Whether the checkpoint is the log's word; how many leaves it covers.
    fn judge_head(&mut self, journal: &Journal) -> Option<u64> {
        if let (true, Some(pinned), [first, ..]) = (journal.is_foreign(), journal.pinned(), journal.chain()) {
            let detail = format!("leaf 0 names {}, pinned is {pinned}", first.vkey);
            self.doubts.push(Doubt::new(DoubtCode::VkeyOther, detail).at(0).field("data.vkey"));
        }
        if journal.chain().is_empty() {
            self.doubts.push(Doubt::new(DoubtCode::OpeningMissing, "no leaf here opens the log"));
        }
        let head = self.head.as_ref()?;
        let Some(verifier) = journal.judge(head.checkpoint.size()) else {
            let detail = "no key was pinned and no leaf names one, so nothing tells who signed it";
            self.doubts.push(Doubt::new(DoubtCode::CheckpointInvalid, detail));
            return None;
        };
        match Checkpoint::open(head.note.as_bytes(), verifier) {
            Ok(checkpoint) => Some(checkpoint.size()),
            Err(error) => {
                self.doubts.push(Doubt::new(DoubtCode::CheckpointInvalid, error));
                None
            }
        }
    }
}
