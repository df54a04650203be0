//! What only the leaves before tell: order, `previous`, `rank`, rights, life cycles. One thread, leaf by leaf.
//!
//! **Memory**, for each leaf: its identity (16 bytes, 20 to 40 in a hash set by its fill); for each dossier: its name,
//! last leaf and state (about 50 bytes, 60 to 120 in a map); for each signature: when (8 bytes). A log with two leaves a dossier takes 50 to 100 bytes a leaf:
//! 10 million leaves, at most 1 GB. Keys and sources are some thousands. No leaf is kept.
//!
//! **After a doubt** the state goes on with what stands in the log, so that one fault is told once and not at every
//! later leaf: a leaf counts for its dossier and its source even if it had no right to be there, a wrong rank is taken
//! over. But what gives rights or moves a dossier is believed only if nothing speaks against it: a key enrolled by an
//! event that is badly signed, or without authority, is not enrolled.

use std::collections::{BTreeMap, HashMap, HashSet};

use greffe_events::authority::authorise;
use greffe_events::catalogue::Data;
use greffe_events::dossier::{Dossier, Recording};
use greffe_events::ident::Organisation;

use super::acquis::Acquis;
use super::doubt::{Doubt, DoubtCode};
use super::judge::{Name, Read, of_refusal};

/// What the leaves so far say.
#[derive(Debug, Default)]
pub struct State {
    origin: Option<String>,
    recorded_at_ms: u64,
    identities: HashSet<Name>,
    dossiers: HashMap<Name, Place>,
    sources: HashMap<Organisation, u64>,
    acquis: Acquis,
    types: BTreeMap<&'static str, u64>,
}

/// A dossier.
#[derive(Debug)]
struct Place {
    last: u64,
    /// None where no leaf of it could be believed.
    state: Option<Dossier>,
}

impl State {
    /// Before leaf 0. `origin` is the log's name, as pinned or as leaf 0 says; none where neither could be read.
    pub fn new(origin: Option<String>) -> Self {
        Self { origin, ..Self::default() }
    }

    /// The log's name.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Organisations that wrote.
    pub fn organisations(&self) -> u64 {
        self.sources.len() as u64
    }

    /// What leaves that are believed say of keys, members, the log and erased pieces.
    pub fn acquis(&self) -> &Acquis {
        &self.acquis
    }

    /// Dossiers opened.
    pub fn dossiers(&self) -> u64 {
        self.dossiers.len() as u64
    }

    /// Leaves by type.
    pub fn types(&self) -> &BTreeMap<&'static str, u64> {
        &self.types
    }

    /// Takes the next leaf. What was read of it is none where it could not be.
    pub fn apply(&mut self, index: u64, read: Option<Read>, doubt: &mut dyn FnMut(Doubt)) {
        let mut wrong = |found: Doubt| doubt(found.at(index));
        let is_opening = matches!(&read, Some(Read { event, .. }) if matches!(event.data, Data::RegistreOuvert(_)));
        if index == 0 && !is_opening {
            wrong(Doubt::new(DoubtCode::OpeningMissing, "leaf 0 must be greffe.registre.ouvert.v1"));
        }
        let Some(read) = read else { return };
        let event = &read.event;
        let mut is_believed = read.is_signed;
        *self.types.entry(event.data.event_type().as_str()).or_default() += 1;

        if let Some(origin) = &self.origin
            && event.registre.as_str() != origin
        {
            is_believed = false;
            let detail = format!("the event is for {}, this log is {origin}", event.registre.as_str());
            wrong(Doubt::new(DoubtCode::RegistreWrong, detail).field("registre"));
        }
        if read.recorded_at_ms < self.recorded_at_ms {
            let detail = format!("{} ms after 1970, after a leaf of {} ms", read.recorded_at_ms, self.recorded_at_ms);
            wrong(Doubt::new(DoubtCode::RecordedAtDecreases, detail).field("recorded_at"));
        }
        // Not the maximum: after one leaf far in the future every honest one would be in doubt.
        self.recorded_at_ms = read.recorded_at_ms;

        let place = self.dossiers.get(&read.subject);
        let previous = place.map(|place| place.last);
        if read.previous != previous {
            let detail = format!("states {}, is {}", shown(read.previous), shown(previous));
            wrong(Doubt::new(DoubtCode::PreviousWrong, detail).field("previous"));
        }
        let rank = self.sources.get(&event.source).copied().unwrap_or(0);
        if read.rank != rank {
            let detail = format!("states {}, {} wrote {rank} leaves before", read.rank, event.source);
            wrong(Doubt::new(DoubtCode::RankWrong, detail).field("rank"));
        }
        if !self.identities.insert(read.identity) {
            is_believed = false;
            let detail = format!("{} recorded {} before", event.source, event.id);
            wrong(Doubt::new(DoubtCode::IdentityRepeated, detail).field("id"));
        }

        for (at, piece) in event.data.pieces().iter().enumerate() {
            if let Some(index) = self.acquis.erasure(&event.source, piece.reference()) {
                let detail = format!("{} was erased by leaf {index}", piece.reference());
                wrong(Doubt::new(DoubtCode::PieceErased, detail).field(format!("data.pieces[{at}]")));
            }
        }
        let before = place.and_then(|place| place.state.as_ref());
        let rights = self.acquis.rights(event, &read.signers);
        if let Err(refusal) = authorise(event, &read.signers, &rights, read.recorded_at_ms) {
            is_believed = false;
            wrong(of_refusal(DoubtCode::Authority, &refusal));
        }
        if let Data::RegistreRefus(refus) = &event.data
            && self.acquis.key(&refus.cle).is_none()
        {
            let detail = format!("{} was not enrolled: its refusals are not recorded", refus.cle);
            wrong(Doubt::new(DoubtCode::RefusalMalformed, detail).field("data.cle"));
        }
        let at = Recording { index, recorded_at_ms: read.recorded_at_ms, received_at_ms: read.received_at_ms };
        let lie = read.lie.and_then(|name| self.dossiers.get(&name)).and_then(|place| place.state.as_ref());
        let after = match Dossier::after(before, event, at, lie) {
            Ok(after) => Some(after),
            Err(refusal) => {
                is_believed = false;
                wrong(of_refusal(DoubtCode::LifeCycle, &refusal));
                None
            }
        };

        if is_believed {
            self.acquis.believe(event, index, after.as_ref());
        }
        if read.is_signed {
            self.acquis.signed(&read.signers, read.recorded_at_ms);
        }
        let place = self.dossiers.entry(read.subject).or_insert(Place { last: index, state: None });
        place.last = index;
        if is_believed && after.is_some() {
            place.state = after;
        }
        self.sources.insert(read.event.source, read.rank.saturating_add(1));
    }
}

fn shown(previous: Option<u64>) -> String {
    previous.map_or_else(|| "none".to_owned(), |index| format!("leaf {index}"))
}
