//! The leaves of an extract, replayed in order: as [`crate::audit::state`] replays a history, for one of which only a part is there.
//!
//! | rule | of which leaves |
//! |---|---|
//! | instants never decrease, no identity twice, the log's name | all |
//! | rank follows rank | the organisation's own, from the last before the period to the first after it |
//! | `previous` names the leaf before it here | the organisation's member dossier; its other dossiers, within the period that the log declares |
//! | it is asked for by another ([`crate::extrait::appui`]) | all that the extract is not about |
//! | the signers had the right | all; but where the organisation carried files for an owner whose delegation is not shown |
//! | the life cycle admits it | dossiers that are here from their opening on |
//!
//! Of other members' dossiers only some leaves are here: their states go on over the gaps.
//!
//! **Memory**: about 100 bytes for each leaf and dossier, some hundred for each leaf of a member's dossier; each has at least 1,024 bytes in the file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;

use greffe_events::authority::{KeyRecord, Standing, authorise};
use greffe_events::catalogue::{Data, Role};
use greffe_events::dossier::{Dossier, Recording};
use greffe_events::event::DossierId;
use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal};

use crate::audit::acquis::Acquis;
use crate::audit::doubt::{Doubt, DoubtCode};
use crate::audit::judge::{Name, Read, of_refusal};
use crate::extrait::appui::{Candidats, demande, reponse};
use crate::extrait::choix::{concerne, est_titulaire};
use crate::extrait::declaration::{Etendue, Paroles};
use crate::extrait::demande::{Demande, Periode, Place};

/// What the leaves so far say.
#[derive(Debug)]
pub(super) struct Rejeu {
    demande: Demande,
    periode: Periode,
    /// The log's name, by the first leaf.
    pub origin: Option<String>,
    recorded_at_ms: u64,
    identities: HashSet<Name>,
    dossiers: HashMap<Name, Suite>,
    /// Which leaves are within the period, as far as is known.
    pub bornes: Bornes,
    /// Of the leaves that others here name as the one before them in a dossier of the organisation's, and that are not here: the last, and
    /// the leaf that names it.
    absente: Option<(u64, u64)>,
    /// Rank and place of the organisation's newest leaf.
    parole: Option<(u64, Place)>,
    avant: Option<u64>,
    /// The organisation's own leaves around the period: the last before it, the first after it.
    voisines: [Option<u64>; 2],
    /// Leaves that the extract is not about.
    appuis: Candidats,
    /// Erasures among them.
    effacements: Vec<(u64, Organisation, Empreinte)>,
    /// What leaves that are believed say.
    pub acquis: Acquis,
    /// Counts.
    pub comptes: Comptes,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Comptes {
    pub paroles: u64,
    pub dossiers: u64,
    pub appui: u64,
    /// Leaves by type.
    pub types: BTreeMap<&'static str, u64>,
    /// Leaves whose signers' rights nothing here tells.
    pub droits_inconnus: u64,
    /// Leaves whose dossier begins before what is here.
    pub cycles_inconnus: u64,
}

/// Where leaves stand to the period, by what they say of their recording.
#[derive(Debug, Default)]
pub(super) struct Bornes {
    avant: Option<u64>,
    dedans: Option<(u64, u64)>,
    apres: Option<u64>,
}

impl Bornes {
    fn note(&mut self, index: u64, place: Place) {
        match place {
            Place::Avant => self.avant = Some(index),
            Place::Dedans => self.dedans = Some((self.dedans.map_or(index, |(first, _)| first), index)),
            Place::Apres => self.apres = self.apres.or(Some(index)),
        }
    }

    /// Whether a period of these indices agrees with each of them, and with the question.
    pub fn agree(&self, said: Etendue, periode: &Periode, size: u64) -> bool {
        let Etendue { debut, fin } = said;
        debut <= fin
            && fin <= size
            && periode.debut().is_none_or(|first| debut == first.min(size))
            && periode.fin(size).is_none_or(|end| fin == end.max(debut))
            && self.avant.is_none_or(|index| index < debut)
            && self.dedans.is_none_or(|(first, last)| debut <= first && last < fin)
            && self.apres.is_none_or(|index| fin <= index)
    }
}

/// A dossier, as far as it is here.
#[derive(Debug)]
struct Suite {
    last: u64,
    /// None where leaves before are not here, or could not be believed.
    state: Option<Dossier>,
}

impl Rejeu {
    pub fn new(demande: Demande) -> Self {
        let periode = demande.periode();
        Self {
            bornes: Bornes::default(),
            absente: None,
            demande,
            periode,
            origin: None,
            recorded_at_ms: 0,
            identities: HashSet::new(),
            dossiers: HashMap::new(),
            parole: None,
            avant: None,
            voisines: [None, None],
            appuis: Candidats::default(),
            effacements: Vec::new(),
            acquis: Acquis::default(),
            comptes: Comptes::default(),
        }
    }

    /// The question.
    pub fn demande(&self) -> &Demande {
        &self.demande
    }

    /// Ranks as the leaves tell them; the total as far as they do, and whether a leaf after the period closes it.
    pub fn paroles(&self) -> (Paroles, bool) {
        let (total, is_closed) = match self.parole {
            None => (0, false),
            Some((rank, place)) => (rank.saturating_add(1), place == Place::Apres),
        };
        (Paroles { avant: self.avant.unwrap_or(total), dedans: self.comptes.paroles, total }, is_closed)
    }

    /// Takes the next leaf; whether it is one that the extract is about.
    pub fn apply(&mut self, index: u64, read: &Read, doubt: &mut dyn FnMut(Doubt)) -> bool {
        let mut wrong = |found: Doubt| doubt(found.at(index));
        let event = &read.event;
        let mut is_believed = read.is_signed;
        *self.comptes.types.entry(event.data.event_type().as_str()).or_default() += 1;
        if index == 0 && !matches!(event.data, Data::RegistreOuvert(_)) {
            wrong(Doubt::new(DoubtCode::OpeningMissing, "leaf 0 must be greffe.registre.ouvert.v1"));
        }
        let origin = self.origin.get_or_insert_with(|| event.registre.as_str().to_owned());
        if event.registre.as_str() != origin {
            is_believed = false;
            let detail = format!("the event is for {}, this log is {origin}", event.registre.as_str());
            wrong(Doubt::new(DoubtCode::RegistreWrong, detail).field("registre"));
        }
        if read.recorded_at_ms < self.recorded_at_ms {
            let detail = format!("{} ms after 1970, after a leaf of {} ms", read.recorded_at_ms, self.recorded_at_ms);
            wrong(Doubt::new(DoubtCode::RecordedAtDecreases, detail).field("recorded_at"));
        }
        self.recorded_at_ms = read.recorded_at_ms;
        if !self.identities.insert(read.identity) {
            is_believed = false;
            let detail = format!("{} recorded {} before", event.source, event.id);
            wrong(Doubt::new(DoubtCode::IdentityRepeated, detail).field("id"));
        }
        let place = self.periode.place(index, read.recorded_at_ms);
        self.bornes.note(index, place);
        let is_content = self.classify(event, place);
        if event.source == self.demande.organisation {
            self.follow_rank(index, read.rank, place, &mut wrong);
        }
        let is_followed = self.follow_dossier(index, read, place, &mut wrong);
        let rights = self.acquis.rights(event, &read.signers);
        match authorise(event, &read.signers, &rights, read.recorded_at_ms) {
            Ok(()) => {}
            Err(refusal) if self.carries_unseen(event, &read.signers, read.recorded_at_ms, &refusal) => {
                self.comptes.droits_inconnus += 1;
            }
            Err(refusal) => {
                is_believed = false;
                wrong(of_refusal(DoubtCode::Authority, &refusal));
            }
        }
        let after = if is_followed { self.after(index, read, &mut is_believed, &mut wrong) } else { None };
        if after.is_none() {
            self.comptes.cycles_inconnus += 1;
        }
        if is_believed {
            self.acquis.believe(event, index, after.as_ref());
        }
        if read.is_signed {
            self.acquis.signed(&read.signers, read.recorded_at_ms);
        }
        self.ask(index, read, is_content, &mut wrong);
        self.dossiers.insert(read.subject, Suite { last: index, state: after.filter(|_| is_believed) });
        is_content
    }

    /// Whether the leaf is one that the extract is about.
    fn classify(&mut self, event: &Event, place: Place) -> bool {
        let organisation = &self.demande.organisation;
        let whose = |key: &_| Ok::<_, Infallible>(self.acquis.key(key).map(|record| record.organisation.clone()));
        let concerns = concerne(organisation, event, whose).unwrap_or_else(|never| match never {});
        let is_content = place == Place::Dedans && concerns;
        *match (is_content, event.source == *organisation) {
            (true, true) => &mut self.comptes.paroles,
            (true, false) => &mut self.comptes.dossiers,
            (false, _) => &mut self.comptes.appui,
        } += 1;
        is_content
    }

    /// What the leaf asks for; one that the extract is not about waits until others ask for it. A doubt where none ever can.
    fn ask(&mut self, index: u64, read: &Read, is_content: bool, wrong: &mut dyn FnMut(Doubt)) {
        let event = &read.event;
        let organisation = &self.demande.organisation;
        let record_of = |key: &_| Ok::<_, Infallible>(self.acquis.key(key).cloned());
        let demande = demande(organisation, event, &read.signers, record_of).unwrap_or_else(|never| match never {});
        let has_its_place = match &event.dossier {
            _ if is_content => true,
            DossierId::Registre(_) => !matches!(event.data, Data::RegistreRefus(_)),
            DossierId::Adherent(membre) => membre == organisation,
            _ => false,
        };
        if has_its_place {
            return self.appuis.ask(demande);
        }
        match &event.dossier {
            DossierId::Adherent(_) => {}
            DossierId::Piece(membre, reference) => self.effacements.push((index, membre.clone(), *reference)),
            _ if event.source == *organisation => {}
            _ => {
                let detail = format!("it is {}'s, about {}", event.source, event.subject);
                return wrong(Doubt::new(DoubtCode::LeafForeign, detail));
            }
        }
        self.appuis.wait(index, reponse(event), demande);
    }

    /// What is missing of the organisation's dossiers, where the period begins with that leaf.
    pub fn gap(&self, debut: u64) -> Option<Doubt> {
        let (previous, index) = self.absente.filter(|(previous, _)| *previous >= debut)?;
        let detail = format!("the one before it in its dossier, leaf {previous}, is of the period and not here");
        Some(Doubt::new(DoubtCode::DossierGap, detail).at(index).field("previous"))
    }

    /// The period that was asked for.
    pub fn periode(&self) -> &Periode {
        &self.periode
    }

    /// The leaves that nothing here asks for. `is_cited` tells whether a leaf that the extract is about cites a file.
    pub fn unasked(&mut self, is_cited: impl Fn(&Organisation, Empreinte) -> bool) -> Vec<u64> {
        let mut appuis = std::mem::take(&mut self.appuis);
        self.voisines.into_iter().flatten().for_each(|index| appuis.take(index));
        for (index, organisation, reference) in std::mem::take(&mut self.effacements) {
            if is_cited(&organisation, reference) {
                appuis.take(index);
            }
        }
        appuis.unasked()
    }

    fn follow_rank(&mut self, index: u64, rank: u64, place: Place, wrong: &mut dyn FnMut(Doubt)) {
        let detail = match self.parole {
            None if place == Place::Avant || rank == 0 => None,
            None => Some(format!("rank {rank} comes first, and no leaf of rank {} before it", rank - 1)),
            Some((before, _)) if rank <= before => Some(format!("rank {rank} after rank {before}")),
            // Beyond the two that close the period, only those are here that others need.
            Some((_, earlier)) if earlier == place && place != Place::Dedans => None,
            Some((before, _)) if rank == before + 1 => None,
            Some((before, _)) => Some(format!("rank {rank} after rank {before}: {} missing", rank - before - 1)),
        };
        if let Some(detail) = detail {
            wrong(Doubt::new(DoubtCode::RankGap, detail).field("rank"));
        }
        self.avant = match place {
            Place::Avant => None,
            Place::Dedans | Place::Apres => self.avant.or(Some(rank)),
        };
        match place {
            Place::Avant => self.voisines[0] = Some(index),
            Place::Dedans => {}
            Place::Apres => self.voisines[1] = self.voisines[1].or(Some(index)),
        }
        self.parole = Some((rank, place));
    }

    /// Whether the dossier is here from its opening up to this leaf.
    fn follow_dossier(&mut self, index: u64, read: &Read, place: Place, wrong: &mut dyn FnMut(Doubt)) -> bool {
        let event = &read.event;
        let known = self.dossiers.get(&read.subject);
        let last = known.map(|suite| suite.last);
        let is_known = last.is_none() || known.is_some_and(|suite| suite.state.is_some());
        // The log's own dossier is also that of all refusals, which are others'.
        if matches!(event.dossier, DossierId::Registre(_)) {
            return is_known;
        }
        if read.previous == last {
            return is_known;
        }
        let is_member = matches!(event.dossier, DossierId::Adherent(_));
        let is_own_member = matches!(&event.dossier, DossierId::Adherent(of) if *of == self.demande.organisation);
        let is_own = est_titulaire(&self.demande.organisation, &event.dossier) && place == Place::Dedans;
        let stated = read.previous.map_or_else(|| "none".to_owned(), |previous| format!("leaf {previous}"));
        let found = match (read.previous, last) {
            (Some(previous), _) if previous >= index => Some(DoubtCode::PreviousWrong),
            (previous, Some(last)) if previous.is_none_or(|previous| previous < last) => Some(DoubtCode::PreviousWrong),
            _ if is_own_member => Some(DoubtCode::DossierGap),
            _ if is_member => return is_known,
            (Some(previous), _) if is_own => {
                self.absente = self.absente.max(Some((previous, index)));
                None
            }
            _ => None,
        };
        if let Some(code) = found {
            let here = last.map_or_else(|| "none".to_owned(), |last| format!("leaf {last}"));
            let detail = format!("the leaf names as the one before it in {}: {stated}; here is {here}", event.subject);
            wrong(Doubt::new(code, detail).field("previous"));
        }
        false
    }

    /// The dossier's state after the leaf; none where it is not to be had.
    fn after(&self, index: u64, read: &Read, is_believed: &mut bool, wrong: &mut dyn FnMut(Doubt)) -> Option<Dossier> {
        let state = |name: &Name| self.dossiers.get(name).and_then(|suite| suite.state.as_ref());
        let lie = read.lie.as_ref().and_then(state);
        if read.lie.is_some() && lie.is_none() {
            return None;
        }
        let at = Recording { index, recorded_at_ms: read.recorded_at_ms, received_at_ms: read.received_at_ms };
        match Dossier::after(state(&read.subject), &read.event, at, lie) {
            Ok(after) => Some(after),
            Err(refusal) => {
                *is_believed = false;
                wrong(of_refusal(DoubtCode::LifeCycle, &refusal));
                None
            }
        }
    }

    /// Whether only the delegation of an owner is missing for whom the organisation carried a file: that is the owner's affair, and not
    /// shown.
    fn carries_unseen(&self, event: &Event, signers: &[KeyId], at_ms: u64, refusal: &Refusal) -> bool {
        let [signer] = signers else { return false };
        // Its own key has to be in force all the same.
        let own = |(record, standing): (KeyRecord, Standing)| {
            standing == Standing::InForce
                && record.organisation == self.demande.organisation
                && record.roles.contains(&Role::Transmetteur)
        };
        refusal.code == Code::DelegationMissing
            && event.data.is_constat()
            && event.source == self.demande.organisation
            && !event.dossier.titulaires().contains(&event.source)
            && self.acquis.standing(signer, &event.registre, at_ms).is_some_and(own)
    }
}
