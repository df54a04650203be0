//! Which leaves an extract holds. Decided leaf by leaf from what it says; an index only proposes.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use greffe_events::Event;
use greffe_events::catalogue::Data;
use greffe_events::dossier::CleJournal;
use greffe_events::event::DossierId;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;

use super::appui::{Besoin, Besoins, demande, reponse};
use super::declaration::Paroles;
use super::demande::{Demande, Periode, Place};
use super::{ExtraitError, Fonds, Lue};

/// The leaves of one extract.
#[derive(Debug, Clone)]
pub struct Choix {
    /// The log's key, which signed the checkpoint.
    pub journal: CleJournal,
    /// All leaves, in order.
    pub feuilles: Vec<u64>,
    /// The indices of the period.
    pub periode: Range<u64>,
    /// What the organisation said, by rank.
    pub paroles: Paroles,
    /// Leaves of the period that others said of its dossiers.
    pub dossiers: u64,
}

impl Choix {
    /// Leaves that only help to judge the others.
    pub fn appui(&self) -> u64 {
        self.feuilles.len() as u64 - self.paroles.dedans - self.dossiers
    }
}

/// Whether an event concerns an organisation: it said it, the event is about a dossier of its own, or the event refuses it.
///
/// That is what `http::access` lets any of its keys read, with one exception: of a submission (`pli`) the dossier is the bidder's alone,
/// since the buyer reads nothing of it before it opens it. `organisation_of` tells whose a key is: asked only for a recorded refusal.
pub fn concerne<E>(
    organisation: &Organisation,
    event: &Event,
    organisation_of: impl FnOnce(&KeyId) -> Result<Option<Organisation>, E>,
) -> Result<bool, E> {
    if event.source == *organisation || est_titulaire(organisation, &event.dossier) {
        return Ok(true);
    }
    let Data::RegistreRefus(refus) = &event.data else { return Ok(false) };
    if refus.source_refusee.as_ref() == Some(organisation) {
        return Ok(true);
    }
    Ok(organisation_of(&refus.cle)?.as_ref() == Some(organisation))
}

/// Whether a dossier is the organisation's own.
pub fn est_titulaire(organisation: &Organisation, dossier: &DossierId) -> bool {
    match dossier {
        DossierId::Pli(id) => id.soumissionnaire == *organisation,
        dossier => dossier.titulaires().contains(organisation),
    }
}

/// Chooses. `progress` is told how many leaves were looked at, of about how many.
pub fn choisis(
    fonds: &mut dyn Fonds,
    question: &Demande,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Choix, ExtraitError> {
    let mut choice = Selection {
        organisation: &question.organisation,
        pieces: question.pieces,
        found: BTreeSet::new(),
        ends: BTreeSet::new(),
        besoins: Besoins::default(),
        dossiers: HashMap::new(),
    };
    let opening = read(fonds, 0)?;
    let mut journal = CleJournal::named(&opening.event.data, 0);
    choice.found.insert(0);
    for index in fonds.du_registre(&opening.event.registre.dossier())? {
        journal = CleJournal::named(&read(fonds, index)?.event.data, index).or(journal);
        choice.found.insert(index);
    }
    let journal = journal.ok_or_else(|| ExtraitError::Altere("leaf 0 does not open a log".to_owned()))?;
    let period = bounds(fonds, &question.periode())?;
    let (mut paroles, mut dossiers) = (Paroles::default(), 0);
    let mut at = period.start;
    loop {
        let page = fonds.concernant(&question.organisation, at, period.end)?;
        let Some(last) = page.last() else { break };
        at = last + 1;
        for index in page {
            let leaf = read(fonds, index)?;
            if !choice.concerns(fonds, &leaf.event)? {
                continue;
            }
            if leaf.event.source == question.organisation {
                paroles.dedans += 1;
            } else {
                dossiers += 1;
            }
            choice.follow(&leaf, period.start)?;
            choice.take(fonds, &leaf)?;
            choice.erasures(fonds, &leaf.event)?;
        }
        progress(at - period.start, period.end - period.start);
    }
    choice.ends(fonds, period.end)?;
    let before = fonds.parole_avant(&question.organisation, period.start)?;
    let after = fonds.parole_depuis(&question.organisation, period.end)?;
    for index in before.into_iter().chain(after) {
        let leaf = read(fonds, index)?;
        if index < period.start {
            paroles.avant = leaf.rank + 1;
        }
        choice.take(fonds, &leaf)?;
    }
    if let Some(last) = fonds.parole_avant(&question.organisation, fonds.size())? {
        paroles.total = read(fonds, last)?.rank + 1;
    }
    let is_member = choice.members(fonds)?;
    if !is_member && paroles.total == 0 && dossiers == 0 {
        return Err(ExtraitError::Inconnu(question.organisation.clone()));
    }
    let feuilles = choice.found.into_iter().collect();
    Ok(Choix { journal, feuilles, periode: period, paroles, dossiers })
}

/// Reads one leaf.
pub(super) fn read(fonds: &mut dyn Fonds, index: u64) -> Result<Lue, ExtraitError> {
    let bytes = fonds.leaf(index)?;
    Lue::of(index, bytes)
}

/// All leaves of a member dossier, without a gap.
fn du_membre(fonds: &mut dyn Fonds, membre: &Organisation) -> Result<Vec<Lue>, ExtraitError> {
    let mut leaves: Vec<Lue> = Vec::new();
    for index in fonds.du_membre(membre)? {
        let leaf = read(fonds, index)?;
        if let Some(previous) = leaf.previous.filter(|previous| leaves.last().map(|last| last.index) != Some(*previous))
        {
            return Err(lacks(previous, &leaf.event.subject));
        }
        leaves.push(leaf);
    }
    let (dossier, size) = (membre.dossier(), fonds.size());
    let last = fonds.derniere(&dossier, size)?;
    match last.filter(|last| leaves.last().is_none_or(|leaf| leaf.index < *last)) {
        Some(last) => Err(lacks(last, &dossier)),
        None => Ok(leaves),
    }
}

fn lacks(index: u64, dossier: &Subject) -> ExtraitError {
    ExtraitError::Incomplet(format!("leaf {index} of {dossier} is not shown as one of its dossier"))
}

/// The indices of a period.
fn bounds(fonds: &mut dyn Fonds, periode: &Periode) -> Result<Range<u64>, ExtraitError> {
    let mut first_not = |before: Place| {
        let (mut low, mut high) = (0, fonds.size());
        while low < high {
            let middle = low + (high - low) / 2;
            if periode.place(middle, read(fonds, middle)?.recorded_at_ms) <= before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok::<_, ExtraitError>(low)
    };
    let start = first_not(Place::Avant)?;
    Ok(start..first_not(Place::Dedans)?.max(start))
}

struct Selection<'a> {
    organisation: &'a Organisation,
    pieces: bool,
    found: BTreeSet<u64>,
    /// Of each dossier of the organisation its last leaf so far.
    ends: BTreeSet<u64>,
    besoins: Besoins,
    /// Of each member that was asked about: its leaves, and what each answers.
    dossiers: HashMap<Organisation, Vec<(u64, Vec<Besoin>)>>,
}

impl Selection<'_> {
    fn concerns(&self, fonds: &mut dyn Fonds, event: &Event) -> Result<bool, ExtraitError> {
        concerne(self.organisation, event, |key| Ok(fonds.cle(key)?.map(|record| record.organisation)))
    }

    /// Notes that a leaf of the period continues a dossier, which must be here without a gap since the period's beginning.
    fn follow(&mut self, leaf: &Lue, start: u64) -> Result<(), ExtraitError> {
        if !est_titulaire(self.organisation, &leaf.event.dossier) {
            return Ok(());
        }
        if let Some(previous) = leaf.previous
            && !self.ends.remove(&previous)
            && previous >= start
        {
            return Err(lacks(previous, &leaf.event.subject));
        }
        self.ends.insert(leaf.index);
        Ok(())
    }

    /// Compares where its dossiers end, below the period's end, with another account of it.
    fn ends(&mut self, fonds: &mut dyn Fonds, end: u64) -> Result<(), ExtraitError> {
        for index in std::mem::take(&mut self.ends) {
            let event = read(fonds, index)?.event;
            if let Some(last) = fonds.derniere(&event.subject, end)?.filter(|last| *last > index) {
                return Err(lacks(last, &event.subject));
            }
        }
        Ok(())
    }

    /// Takes a leaf, and asks for what tells whether it had the right to be there.
    fn take(&mut self, fonds: &mut dyn Fonds, leaf: &Lue) -> Result<(), ExtraitError> {
        if self.found.insert(leaf.index) {
            let asked = demande(self.organisation, &leaf.event, &leaf.signers, |key| fonds.cle(key))?;
            self.besoins.ask(asked);
        }
        Ok(())
    }

    /// Takes the leaves that erased what an event cites.
    fn erasures(&mut self, fonds: &mut dyn Fonds, event: &Event) -> Result<(), ExtraitError> {
        if !self.pieces {
            return Ok(());
        }
        for piece in event.data.pieces() {
            let erased = fonds.effacement(&event.source, piece.reference())?;
            self.found.extend(erased.filter(|index| *index < fonds.size()));
        }
        Ok(())
    }

    /// Takes the organisation's own dossier, then what is asked for of others'. Whether it has one.
    fn members(&mut self, fonds: &mut dyn Fonds) -> Result<bool, ExtraitError> {
        let own = du_membre(fonds, self.organisation)?;
        for leaf in &own {
            self.take(fonds, leaf)?;
        }
        while let Some(besoin) = self.besoins.take() {
            let membre = besoin.membre();
            if membre == self.organisation {
                continue;
            }
            if !self.dossiers.contains_key(membre) {
                let leaves = du_membre(fonds, membre)?;
                let answers = leaves.iter().map(|leaf| (leaf.index, reponse(&leaf.event)));
                self.dossiers.insert(membre.clone(), answers.collect());
            }
            let answers = self.dossiers.get(membre).into_iter().flatten();
            let asked: Vec<u64> =
                answers.filter(|(_, answer)| answer.contains(&besoin)).map(|(index, _)| *index).collect();
            for index in asked {
                let leaf = read(fonds, index)?;
                self.take(fonds, &leaf)?;
            }
        }
        Ok(!own.is_empty())
    }
}
