//! A ledger's folder as what extracts are taken from: by the operator who holds it, whether or not a node is serving it.
//!
//! The leaves are read once from the first to the last that the folder's checkpoint covers, and make the tree anew: nothing derived is
//! believed. Kept: the hash of each leaf in a temporary file (32 bytes), the index of each leaf that concerns the organisation, and
//! what the log says of members, keys and erasures.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;

use greffe_events::Event;
use greffe_events::authority::{KeyRecord, enrolments};
use greffe_events::catalogue::Data;
use greffe_events::dossier::CleJournal;
use greffe_events::event::DossierId;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use rayon::prelude::*;

use super::choix::concerne;
use super::ecriture::tete;
use super::{ExtraitError, Fonds};
use crate::ledger::cles;
use crate::ledger::folder::Folder;
use crate::ledger::pieces::Pieces;
use crate::store::sqlite::SqliteStore;
use crate::store::{EventStore, READ_LEAVES_MAX};
use crate::tlog::{
    Edge, EdgeNodes, Hash, NoteSigner, TILE_WIDTH, TileReader, decode_tile, encode_tile, inclusion_proof, leaf_hash,
};

/// Bytes of a full tile.
const TILE_BYTES: u64 = TILE_WIDTH as u64 * 32;

/// A folder, read as far as extracts of one organisation need it.
pub struct FolderFonds {
    folder: Folder,
    store: SqliteStore,
    pieces: Pieces,
    checkpoint: String,
    tree: Edge,
    tiles: Tiles,
    said: Said,
}

/// What the leaves say that an extract of one organisation asks for.
struct Said {
    organisation: Organisation,
    concernant: Vec<u64>,
    paroles: Vec<u64>,
    members: HashMap<Organisation, Vec<u64>>,
    registre: Vec<u64>,
    keys: HashMap<KeyId, KeyRecord>,
    erasures: HashMap<(Organisation, Empreinte), u64>,
}

impl FolderFonds {
    /// Reads a folder for the extracts of one organisation. `progress` is told how many leaves are read, of how many.
    pub fn open(
        dir: &Path,
        organisation: &Organisation,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ExtraitError> {
        let folder = Folder::new(dir);
        // Before the store, which a running node adds to.
        let checkpoint = std::fs::read_to_string(folder.checkpoint())
            .map_err(|error| ExtraitError::Illisible(format!("{}: {error}", folder.checkpoint().display())))?;
        let (size, root) = tete(&checkpoint)?;
        let store = SqliteStore::open_read_only(dir).map_err(ExtraitError::illisible)?;
        let said = Said {
            organisation: organisation.clone(),
            concernant: Vec::new(),
            paroles: Vec::new(),
            members: HashMap::new(),
            registre: Vec::new(),
            keys: HashMap::new(),
            erasures: HashMap::new(),
        };
        let pieces = Pieces::at_rest(folder.pieces());
        let tiles = Tiles::new()?;
        let mut fonds = Self { folder, store, pieces, checkpoint, tree: Edge::new(), tiles, said };
        while fonds.tree.size() < size {
            fonds.read_on(size)?;
            progress(fonds.tree.size(), size);
        }
        if fonds.tree.root() != root {
            return Err(ExtraitError::Altere(format!("the first {size} leaves are not what the log signed")));
        }
        Ok(fonds)
    }

    fn read_on(&mut self, size: u64) -> Result<(), ExtraitError> {
        let from = self.tree.size();
        let max = usize::try_from(size - from).unwrap_or(READ_LEAVES_MAX);
        let leaves = self.store.read(from, max).map_err(ExtraitError::illisible)?;
        if leaves.is_empty() {
            return Err(ExtraitError::Altere(format!("the checkpoint says {size} leaves, here are {from}")));
        }
        let read = leaves.par_iter().map(|bytes| {
            let event = Leaf::decode_recorded(bytes).map_err(|error| error.to_string());
            let event = event.and_then(|leaf| Event::of(&leaf.envelope).map_err(|refusal| refusal.to_string()));
            (leaf_hash(bytes), event)
        });
        for (index, (hash, event)) in (from..).zip(read.collect::<Vec<_>>()) {
            let event = event.map_err(|why| ExtraitError::Illisible(format!("leaf {index}: {why}")))?;
            self.said.hear(index, &event);
            self.tree.push(hash);
        }
        for tile in self.tree.take_completed() {
            self.tiles.keep(tile.level, tile.n, tile.hashes)?;
        }
        Ok(())
    }
}

impl Said {
    fn hear(&mut self, index: u64, event: &Event) {
        self.keys.extend(enrolments(event, index));
        match &event.dossier {
            DossierId::Registre(_) if !matches!(event.data, Data::RegistreRefus(_)) => self.registre.push(index),
            DossierId::Adherent(organisation) => {
                self.members.entry(organisation.clone()).or_default().push(index);
            }
            DossierId::Piece(organisation, reference) => {
                self.erasures.insert((organisation.clone(), *reference), index);
            }
            _ => {}
        }
        let keys = &self.keys;
        let whose = |key: &KeyId| Ok(keys.get(key).map(|record| record.organisation.clone()));
        if concerne(&self.organisation, event, whose).unwrap_or_else(|never: std::convert::Infallible| match never {}) {
            self.concernant.push(index);
        }
        if event.source == self.organisation {
            self.paroles.push(index);
        }
    }
}

impl Fonds for FolderFonds {
    fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    fn size(&self) -> u64 {
        self.tree.size()
    }

    fn leaf(&mut self, index: u64) -> Result<Vec<u8>, ExtraitError> {
        let leaf = self.store.read(index, 1).map_err(ExtraitError::illisible)?.pop();
        leaf.ok_or_else(|| ExtraitError::Altere(format!("leaf {index} is missing")))
    }

    fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, ExtraitError> {
        let nodes = EdgeNodes::new(&self.tree, &self.tiles);
        inclusion_proof(index, self.tree.size(), &nodes).map_err(ExtraitError::illisible)
    }

    fn concernant(&mut self, organisation: &Organisation, from: u64, below: u64) -> Result<Vec<u64>, ExtraitError> {
        debug_assert_eq!(*organisation, self.said.organisation);
        let begin = self.said.concernant.partition_point(|index| *index < from);
        let later = self.said.concernant[begin..].iter().copied();
        Ok(later.take_while(|index| *index < below).take(READ_LEAVES_MAX).collect())
    }

    fn parole_avant(&mut self, organisation: &Organisation, below: u64) -> Result<Option<u64>, ExtraitError> {
        debug_assert_eq!(*organisation, self.said.organisation);
        let before = self.said.paroles.partition_point(|index| *index < below);
        Ok(before.checked_sub(1).map(|at| self.said.paroles[at]))
    }

    fn parole_depuis(&mut self, organisation: &Organisation, from: u64) -> Result<Option<u64>, ExtraitError> {
        debug_assert_eq!(*organisation, self.said.organisation);
        let before = self.said.paroles.partition_point(|index| *index < from);
        Ok(self.said.paroles.get(before).copied())
    }

    fn derniere(&mut self, _: &Subject, _: u64) -> Result<Option<u64>, ExtraitError> {
        // Each leaf was read, and told here itself whether it concerns the organisation.
        Ok(None)
    }

    fn du_membre(&mut self, organisation: &Organisation) -> Result<Vec<u64>, ExtraitError> {
        Ok(self.said.members.get(organisation).cloned().unwrap_or_default())
    }

    fn du_registre(&mut self, _: &Subject) -> Result<Vec<u64>, ExtraitError> {
        Ok(self.said.registre.clone())
    }

    fn effacement(&mut self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, ExtraitError> {
        Ok(self.said.erasures.get(&(organisation.clone(), piece)).copied())
    }

    fn cle(&mut self, key: &KeyId) -> Result<Option<KeyRecord>, ExtraitError> {
        Ok(self.said.keys.get(key).cloned())
    }

    fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    fn signataire(&mut self, wanted: &CleJournal) -> Result<NoteSigner, ExtraitError> {
        cles::log_signer(&self.folder, wanted).map_err(|error| ExtraitError::Cle(error.to_string()))
    }
}

/// The tree's full tiles: the leaves' own hashes in a temporary file, the few above them in memory.
struct Tiles {
    leaves: Mutex<File>,
    above: HashMap<(u8, u64), Vec<Hash>>,
}

impl Tiles {
    fn new() -> io::Result<Self> {
        Ok(Self { leaves: Mutex::new(tempfile::tempfile()?), above: HashMap::new() })
    }

    fn keep(&mut self, level: u8, n: u64, hashes: Vec<Hash>) -> io::Result<()> {
        if level > 0 {
            self.above.insert((level, n), hashes);
            return Ok(());
        }
        // Full tiles come in order, one after the other.
        self.leaves.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).write_all(&encode_tile(&hashes))
    }
}

impl TileReader for Tiles {
    type Error = io::Error;

    fn tile(&self, level: u8, n: u64, _: u16) -> io::Result<Vec<Hash>> {
        if level > 0 {
            return Ok(self.above.get(&(level, n)).cloned().unwrap_or_default());
        }
        let mut file = self.leaves.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(n * TILE_BYTES))?;
        let mut bytes = vec![0; usize::from(TILE_WIDTH) * 32];
        file.read_exact(&mut bytes)?;
        decode_tile(&bytes, TILE_WIDTH).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}
