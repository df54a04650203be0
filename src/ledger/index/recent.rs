//! What is read again and again, as the newest committed batch leaves it: in memory, bounded.
//!
//! Members and the log are read for every event, and so is whether an identity is new. The sequencer alone writes here: when it
//! commits a batch, and when it had to look further down. Everybody reads. What is not here is among the rows behind, in the file, or nowhere.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use greffe_events::Uuid;
use greffe_events::authority::KeyRecord;
use greffe_events::dossier::Dossier;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;

use super::rows::Rows;
use super::{Set, Table};

/// Members, keys and sources that are kept, each; above, all of them are forgotten. Some 20 MB where all are full.
const KEPT_MAX: usize = 20_000;

/// Identities that are kept; above, they are forgotten with their sources. Some 10 MB.
const IDS_MAX: usize = 200_000;

/// Erased pieces that are kept; above, each is looked up in the file. Some 10 MB.
const ERASED_MAX: usize = 200_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Recent(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// Of members and of the log.
    dossiers: Table<Subject, (u64, Dossier)>,
    keys: Table<KeyId, KeyRecord>,
    sources: Table<Organisation, Source>,
    /// Identities in all `sources`.
    ids: usize,
    /// Every piece that was ever erased in some space; none where they are too many.
    erased: Option<Set<Empreinte>>,
}

/// One source of events.
#[derive(Debug)]
pub(super) struct Source {
    /// Number of its leaves.
    pub leaves: u64,
    /// The greatest id that it had used when this was read. Ids begin with their time, so almost every new one is above.
    pub floor: Option<Uuid>,
    /// The ids above, all of them.
    above: Set<Uuid>,
}

impl Source {
    /// A source of which everything that it has used is at most `floor`.
    pub fn new(leaves: u64, floor: Option<Uuid>) -> Self {
        Self { leaves, floor, above: Set::default() }
    }

    fn may_have_used(&self, id: Uuid) -> bool {
        self.floor.is_some_and(|floor| id <= floor) || self.above.contains(&id)
    }
}

/// Whether a dossier is read for more than its own events.
fn is_kept(dossier: &Dossier) -> bool {
    matches!(dossier, Dossier::Adherent(_) | Dossier::Registre(_))
}

impl Recent {
    /// With the pieces that the file says were erased.
    pub fn new(erased: Set<Empreinte>) -> Self {
        let erased = (erased.len() <= ERASED_MAX).then_some(erased);
        Self(RwLock::new(Tables { erased, ..Tables::default() }))
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn dossier(&self, subject: &Subject) -> Option<(u64, Dossier)> {
        self.read().dossiers.get(subject).cloned()
    }

    pub fn key(&self, key: &KeyId) -> Option<KeyRecord> {
        self.read().keys.get(key).cloned()
    }

    /// Number of leaves of a source; none where it is not known here.
    pub fn rank(&self, source: &Organisation) -> Option<u64> {
        self.read().sources.get(source).map(|source| source.leaves)
    }

    /// Whether a source has to be looked further for an id; none where the source is not known here.
    pub fn may_have_used(&self, source: &Organisation, id: Uuid) -> Option<bool> {
        self.read().sources.get(source).map(|source| source.may_have_used(id))
    }

    /// Whether a piece is among those that some leaf erased, in whichever space.
    pub fn may_be_erased(&self, piece: Empreinte) -> bool {
        self.read().erased.as_ref().is_none_or(|erased| erased.contains(&piece))
    }

    /// Keeps a dossier that was found further down.
    pub fn keep_dossier(&self, subject: &Subject, state: &(u64, Dossier)) {
        if is_kept(&state.1) {
            let mut tables = self.write();
            tables.dossiers.insert(subject.clone(), state.clone());
            tables.bound();
        }
    }

    /// Keeps a key that was found further down.
    pub fn keep_key(&self, key: KeyId, record: &KeyRecord) {
        let mut tables = self.write();
        tables.keys.insert(key, record.clone());
        tables.bound();
    }

    /// Keeps a source that was found further down, or nowhere.
    pub fn keep_source(&self, organisation: &Organisation, source: Source) {
        let mut tables = self.write();
        tables.sources.insert(organisation.clone(), source);
        tables.bound();
    }

    /// What a batch changes.
    pub fn follow(&self, batch: &Rows) {
        let mut tables = self.write();
        for (subject, state) in batch.dossiers.iter().filter(|(_, (_, dossier))| is_kept(dossier)) {
            tables.dossiers.insert(subject.clone(), state.clone());
        }
        tables.keys.extend(batch.keys.iter().map(|(key, record)| (*key, record.clone())));
        for (organisation, leaves) in &batch.sources {
            if let Some(source) = tables.sources.get_mut(organisation) {
                source.leaves = *leaves;
            }
        }
        let mut ids = 0;
        for (organisation, id) in batch.identities.keys() {
            if let Some(source) = tables.sources.get_mut(organisation)
                && source.floor.is_none_or(|floor| *id > floor)
            {
                ids += usize::from(source.above.insert(*id));
            }
        }
        tables.ids += ids;
        if let Some(erased) = &mut tables.erased {
            erased.extend(batch.erasures.iter().map(|erasure| erasure.reference));
        }
        tables.bound();
    }
}

impl Tables {
    /// Forgets rather than growing without end.
    fn bound(&mut self) {
        if self.dossiers.len().max(self.keys.len()).max(self.sources.len()) > KEPT_MAX || self.ids > IDS_MAX {
            *self = Self { erased: self.erased.take(), ..Self::default() };
        }
        self.erased = self.erased.take().filter(|erased| erased.len() <= ERASED_MAX);
    }
}
