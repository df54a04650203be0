//! What some leaves add to the index, in memory: of the batch under way, or of batches that the file does not hold yet.

use greffe_events::authority::{KeyRecord, enrolments};
use greffe_events::catalogue::{Data, RegistreRefus};
use greffe_events::dossier::Dossier;
use greffe_events::event::DossierId;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_events::{Event, Uuid};

use super::{Erasure, KnownIdentity, Set, Table};
use crate::tlog::Hash;

/// A refusal, and the organisations that it concerns.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub index: u64,
    pub refus: RegistreRefus,
    pub organisations: Vec<Organisation>,
}

impl Refused {
    /// Whether it is the refusal of that payload, by that key, for that code.
    pub fn is_of(&self, key: &KeyId, code: &str, payload: &[u8]) -> bool {
        self.refus.cle == *key && self.refus.code == code && self.refus.is_about(payload)
    }
}

/// Rows of the index. Newer ones replace older ones.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Leaves that they come from.
    pub leaves: usize,
    pub identities: Table<(Organisation, Uuid), KnownIdentity>,
    /// Last leaf and state of each.
    pub dossiers: Table<Subject, (u64, Dossier)>,
    /// Number of leaves of each.
    pub sources: Table<Organisation, u64>,
    pub keys: Table<KeyId, KeyRecord>,
    pub refusals: Vec<Refused>,
    pub erasures: Vec<Erasure>,
    pub citations: Table<Empreinte, Set<(Organisation, Subject)>>,
    /// By level and number; partial ones of the right edge included.
    pub tiles: Table<(u8, u64), Vec<Hash>>,
    /// Hash of the newest leaf, its `recorded_at` in Unix ms, and how many there are then.
    pub head: Option<(Hash, u64, u64)>,
}

impl Rows {
    /// None yet, with room for about as many as these: batches resemble their neighbours, and tables that grow are filled twice.
    pub fn like(other: &Self) -> Self {
        fn table<K, V>(other: &Table<K, V>) -> Table<K, V> {
            Table::with_capacity_and_hasher(other.len(), foldhash::fast::RandomState::default())
        }
        Self {
            identities: table(&other.identities),
            dossiers: table(&other.dossiers),
            sources: table(&other.sources),
            citations: table(&other.citations),
            ..Self::default()
        }
    }

    /// Adds what a leaf brings; `refused` is whose key signed what it refuses, if it is a refusal.
    pub fn add(
        &mut self,
        index: u64,
        leaf: &Leaf,
        event: &Event,
        payload: Empreinte,
        after: &Dossier,
        refused: Option<Organisation>,
    ) {
        if let Data::RegistreRefus(refus) = &event.data {
            // And the one in whose name; often the same.
            let mut organisations: Vec<_> = refused.into_iter().chain(refus.source_refusee.clone()).collect();
            organisations.dedup();
            self.refusals.push(Refused { index, refus: refus.clone(), organisations });
        }
        let author = leaf.envelope.signers().next().unwrap_or(KeyId([0; 32]));
        self.leaves += 1;
        self.identities.insert((event.source.clone(), event.id), KnownIdentity { index, payload, author });
        self.dossiers.insert(event.subject.clone(), (index, after.clone()));
        self.sources.insert(event.source.clone(), leaf.rank + 1);
        self.keys.extend(enrolments(event, index));
        if let (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) = (&event.data, &event.dossier) {
            self.erasures.push(Erasure { index, organisation: organisation.clone(), reference: *reference });
        }
        for piece in event.data.pieces() {
            let citing = self.citations.entry(piece.reference()).or_default();
            citing.insert((event.source.clone(), event.subject.clone()));
        }
    }

    /// The leaf that erased an organisation's piece, if it is among these.
    pub fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Option<u64> {
        let mut erasures = self.erasures.iter();
        let found = erasures.find(|erasure| erasure.reference == piece && erasure.organisation == *organisation);
        found.map(|erasure| erasure.index)
    }

    /// The first `width` hashes of a tile. Whoever asks for them knows that the tile has as many.
    pub fn tile(&self, level: u8, n: u64, width: u16) -> Option<Vec<Hash>> {
        self.tiles.get(&(level, n))?.get(..usize::from(width)).map(<[Hash]>::to_vec)
    }

    /// Takes newer rows over these.
    pub fn merge(&mut self, newer: Self) {
        self.leaves += newer.leaves;
        self.identities.extend(newer.identities);
        self.dossiers.extend(newer.dossiers);
        self.sources.extend(newer.sources);
        self.keys.extend(newer.keys);
        self.refusals.extend(newer.refusals);
        self.erasures.extend(newer.erasures);
        for (piece, citing) in newer.citations {
            self.citations.entry(piece).or_default().extend(citing);
        }
        self.tiles.extend(newer.tiles);
        self.head = newer.head.or(self.head);
    }
}
