//! The first leaf: a new ledger in an empty folder.

use greffe_events::authority::{Rights, authorise};
use greffe_events::catalogue::{Operateur, RegistreOuvert};
use greffe_events::dossier::{Dossier, Recording};
use greffe_events::dsse::Envelope;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::{KeyId, SecretKey};
use greffe_events::leaf::Leaf;
use greffe_events::{Data, Event, Refusal, Uuid};
use thiserror::Error;

use super::folder::{Folder, FolderError, replace_file, write_secret_key};
use crate::store::place::Place;
use crate::store::{AppendError, StoreError};
use crate::tlog::{Algorithm, Edge, KeyName, NoteSigner, Verifier, leaf_hash};

/// Why no ledger was made.
#[derive(Debug, Error)]
pub enum OpeningError {
    /// A file.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What was asked for makes no valid opening.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The log's key.
    #[error("{0}")]
    Log(String),
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// What a new ledger needs.
#[derive(Debug)]
pub struct NewLedger<'a> {
    /// Where.
    pub folder: &'a Folder,
    /// Where its leaves will be.
    pub store: &'a Place,
    /// The rollback guard.
    pub guard: &'a std::path::Path,
    /// The log's name, for ever.
    pub origin: Origin,
    /// Who operates it.
    pub operator: Organisation,
    /// The operator's key.
    pub operator_key: &'a SecretKey,
    /// Three recovery keys.
    pub recovery: [KeyId; 3],
    /// Now, Unix ms.
    pub now_ms: u64,
}

/// The log's verifier key of a public key: what everybody pins.
pub fn vkey(origin: &Origin, key: &SecretKey) -> Result<Verifier, OpeningError> {
    let name = KeyName::new(origin.as_str()).map_err(|error| OpeningError::Log(error.to_string()))?;
    Verifier::new(name, Algorithm::Ed25519, key.signing_key().verifying_key())
        .map_err(|error| OpeningError::Log(error.to_string()))
}

impl NewLedger<'_> {
    /// Makes the folder, the log's and the node's keys, and leaf 0. Refuses a folder that holds a ledger.
    pub fn create(&self) -> Result<RegistreOuvert, OpeningError> {
        let root = self.folder.root();
        self.folder.check_outside(self.guard)?;
        self.folder.create()?;
        let _lock = self.folder.lock()?;
        let fresh = || SecretKey::generate().map_err(|error| OpeningError::Log(error.to_string()));
        let (log_key, node_key) = (fresh()?, fresh()?);
        let opening = RegistreOuvert {
            origine: self.origin.clone(),
            vkey: vkey(&self.origin, &log_key)?.to_string(),
            operateur: Operateur { organisation: self.operator.clone(), cle: self.operator_key.id() },
            noeud: node_key.id(),
            recouvrement: self.recovery,
        };
        let leaf = self.first_leaf(&opening)?;
        // Only now does anything appear in the folder.
        let store = self.store.create(root)?;
        write_secret_key(&self.folder.log_key(), &log_key)?;
        write_secret_key(&self.folder.node_key(), &node_key)?;
        store.append(0, std::slice::from_ref(&leaf))?;
        let mut edge = Edge::new();
        edge.push(leaf_hash(&leaf));
        let name = KeyName::new(self.origin.as_str()).map_err(|error| OpeningError::Log(error.to_string()))?;
        let signer = NoteSigner::new(name, log_key.signing_key().clone())
            .map_err(|error| OpeningError::Log(error.to_string()))?;
        let head = super::sequencer::sign_head(&edge, &signer, self.origin.as_str())
            .map_err(|error| OpeningError::Log(error.to_string()))?;
        for path in [self.guard, &self.folder.checkpoint()] {
            replace_file(path, head.checkpoint.as_bytes())
                .map_err(|source| OpeningError::Io { path: path.to_owned(), source })?;
        }
        Ok(opening)
    }

    fn first_leaf(&self, opening: &RegistreOuvert) -> Result<Vec<u8>, OpeningError> {
        let time = Horodatage::from_unix_ms(self.now_ms);
        let data = Data::from(opening.clone());
        let payload = Event::write(Uuid::now_v7(), &self.operator, &self.origin.dossier(), time, &self.origin, &data);
        // The opening passes the same rules as any event.
        let event = Event::parse(&payload)?;
        let signers = [self.operator_key.id()];
        authorise(&event, &signers, &Rights::default(), self.now_ms)?;
        let at = Recording { index: 0, recorded_at_ms: self.now_ms, received_at_ms: self.now_ms };
        Dossier::after(None, &event, at, None)?;
        let envelope = Envelope::sign(payload, &[self.operator_key])?;
        let leaf = Leaf { recorded_at_ms: self.now_ms, received_at_ms: self.now_ms, previous: None, rank: 0, envelope };
        Ok(leaf.encode())
    }
}
