//! The files of an extract: each follows the first leaf that cites it, and is what that leaf cites.

use std::collections::{HashMap, VecDeque};

use greffe_events::Event;
use greffe_events::ident::Organisation;
use greffe_events::piece::{Designation, Empreinte, Piece, engagement};
use sha2::{Digest, Sha256};

use crate::audit::acquis::Acquis;
use crate::audit::doubt::{Doubt, DoubtCode};
use crate::audit::judge::{Bench, Name};
use crate::audit::report::PieceCounts;
use crate::extrait::declaration::ComptePieces;
use crate::ledger::pieces::Card;

/// A citation.
#[derive(Debug)]
struct Citation {
    index: u64,
    at: usize,
    organisation: Organisation,
    piece: Piece,
}

impl Citation {
    fn doubt(&self, code: DoubtCode, detail: impl std::fmt::Display) -> Doubt {
        Doubt::new(code, detail).at(self.index).field(format!("data.pieces[{}]", self.at))
    }
}

/// The files so far. **Memory**: some 30 bytes for each file that is here, and each citation of one that is not.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// What the newest leaf is the first to cite, in order.
    attendues: VecDeque<Citation>,
    /// Files that are here, by the name of whose they are and their reference: their size, and whether they were cited as public.
    jointes: HashMap<Name, (u64, bool)>,
    /// Those that are not: the first citation of each.
    absentes: HashMap<Name, Citation>,
    carte: Option<Card>,
    counts: PieceCounts,
}

/// A file whose bytes come now.
pub(super) struct Arrivee {
    citation: Option<Citation>,
    digest: Sha256,
    taille: u64,
}

impl Arrivee {
    /// The next of its bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.taille += bytes.len() as u64;
        if self.citation.is_some() {
            self.digest.update(bytes);
        }
    }
}

fn name(bench: &Bench, organisation: &Organisation, reference: Empreinte) -> Name {
    bench.name(2, &[organisation.abrege().as_bytes(), &reference.0])
}

fn is_public(piece: &Piece) -> bool {
    matches!(piece.designation, Designation::Publique { .. })
}

impl Pieces {
    /// A leaf of the period: what it cites comes next, unless it came before.
    pub fn cited(&mut self, index: u64, event: &Event, bench: &Bench, doubt: &mut dyn FnMut(Doubt)) {
        self.rest(bench);
        for (at, piece) in event.data.pieces().iter().enumerate() {
            let organisation = event.source.clone();
            let name = name(bench, &organisation, piece.reference());
            let citation = Citation { index, at, organisation, piece: piece.clone() };
            if let Some((taille, est_publique)) = self.jointes.get(&name) {
                // Verified by its first citation: as this one says, if this one says the same.
                if *taille != piece.taille || *est_publique != is_public(piece) {
                    self.counts.differs += 1;
                    let detail = "an earlier leaf cites it with another size, or another way";
                    doubt(citation.doubt(DoubtCode::PieceDiffers, detail));
                }
            } else if !self.absentes.contains_key(&name)
                && !self.attendues.iter().any(|other| other.piece.reference() == piece.reference())
            {
                self.attendues.push_back(citation);
            }
        }
    }

    /// What did not come when it was its turn is not here.
    pub fn rest(&mut self, bench: &Bench) {
        for citation in self.attendues.drain(..) {
            let name = name(bench, &citation.organisation, citation.piece.reference());
            self.absentes.insert(name, citation);
        }
    }

    /// The card that stands before the bytes.
    pub fn card(&mut self, bytes: &[u8]) {
        // One that can't be read speaks for no file, which is told when that comes.
        self.carte = serde_json::from_slice(bytes).ok();
    }

    /// The bytes of a file begin.
    pub fn begin(&mut self, organisation: &Organisation, reference: Empreinte) -> Arrivee {
        let is_it =
            |citation: &Citation| citation.organisation == *organisation && citation.piece.reference() == reference;
        let at = self.attendues.iter().position(is_it);
        Arrivee { citation: at.and_then(|at| self.attendues.remove(at)), digest: Sha256::new(), taille: 0 }
    }

    /// They end.
    pub fn end(
        &mut self,
        arrived: Arrivee,
        of: (&Organisation, Empreinte),
        bench: &Bench,
        doubt: &mut dyn FnMut(Doubt),
    ) {
        let (card, (organisation, reference)) = (self.carte.take(), of);
        let Some(citation) = arrived.citation else {
            self.counts.differs += 1;
            doubt(Doubt::new(DoubtCode::PieceForeign, format_args!("{reference} of {organisation}")));
            return;
        };
        let sha256 = Empreinte(arrived.digest.finalize().into());
        let (taille, cited) = (arrived.taille, citation.piece.taille);
        let sel = card.as_ref().and_then(|card| card.sel);
        let why = match &citation.piece.designation {
            _ if taille != cited => Some(format!("it has {taille} bytes, cited are {cited}")),
            _ if card.as_ref().is_none_or(|card| card.sha256 != sha256 || card.taille != taille) => {
                Some("its card is of another file".to_owned())
            }
            Designation::Publique { sha256: cited, .. } if *cited != sha256 => {
                Some(format!("its digest is {sha256}, cited is {cited}"))
            }
            Designation::Engagee { engagement: cited }
                if sel.is_none_or(|sel| engagement(&sel.0, sha256) != *cited) =>
            {
                Some(format!("with its sel it does not make the engagement {cited}"))
            }
            _ => None,
        };
        match why {
            Some(why) => {
                self.counts.differs += 1;
                doubt(citation.doubt(DoubtCode::PieceDiffers, format_args!("{reference} of {organisation}: {why}")));
            }
            None => self.counts.good += 1,
        }
        self.jointes.insert(name(bench, organisation, reference), (taille, is_public(&citation.piece)));
    }

    /// Whether a leaf that the extract is about cites this file.
    pub fn is_cited(&self, organisation: &Organisation, reference: Empreinte, bench: &Bench) -> bool {
        let name = name(bench, organisation, reference);
        self.jointes.contains_key(&name) || self.absentes.contains_key(&name)
    }

    /// Tells the erased from the missing; the counts, and those that the node declares.
    pub fn finish(
        mut self,
        acquis: &Acquis,
        bench: &Bench,
        doubt: &mut dyn FnMut(Doubt),
    ) -> (PieceCounts, ComptePieces) {
        self.rest(bench);
        let mut absent: Vec<Citation> = self.absentes.into_values().collect();
        absent.sort_unstable_by_key(|citation| (citation.index, citation.at));
        for citation in absent {
            let reference = citation.piece.reference();
            if acquis.erasure(&citation.organisation, reference).is_some() {
                self.counts.erased += 1;
                continue;
            }
            self.counts.absent += 1;
            let detail = format!("{reference} is cited and not here, and no leaf here says that it was erased");
            doubt(citation.doubt(DoubtCode::PieceAbsent, detail));
        }
        for (organisation, reference, index) in acquis.erasures() {
            if self.jointes.contains_key(&name(bench, organisation, reference)) {
                let detail = format!("{reference} of {organisation} is here");
                doubt(Doubt::new(DoubtCode::PieceKept, detail).at(index));
            }
        }
        let (jointes, counts) = (self.jointes.len() as u64, self.counts);
        (counts, ComptePieces { jointes, effacees: counts.erased, absentes: counts.absent })
    }
}
