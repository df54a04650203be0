//! The node's two private keys, the log's and its own, and their succession (DESIGN §5).
//!
//! The key that follows lies beside the one in use, as `journal.suivante.pem` or `noeud.suivante.pem`, before the event that
//! names it is posted: an event that would leave the node without its key is refused. Once its leaf is durable the file takes
//! the place of the old one, which is gone; where the process is killed in between, at the next start.

use greffe_events::catalogue::Data;
use greffe_events::dossier::{CleJournal, Registre};
use greffe_events::ident::Origin;
use greffe_events::key::{KeyId, SecretKey};
use greffe_events::{Code, Refusal};

use super::LedgerError;
use super::folder::{Folder, FolderError, read_secret_key, replace_file};
use super::head::Head;
use crate::tlog::{KeyName, NoteSigner, Verifier};

/// One of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Log,
    Node,
}

/// The keys in use.
#[derive(Debug)]
pub struct NodeKeys {
    folder: Folder,
    name: KeyName,
    signer: NoteSigner,
    node: SecretKey,
}

/// A key that an admitted event names, and that the node holds; in use once its leaf is durable.
#[derive(Debug)]
pub struct Successor {
    purpose: Purpose,
    key: SecretKey,
}

impl Successor {
    /// The key, if it is the node's own.
    pub fn node(&self) -> Option<&SecretKey> {
        (self.purpose == Purpose::Node).then_some(&self.key)
    }
}

impl NodeKeys {
    /// Reads the keys that the log names now.
    pub fn open(folder: &Folder, origin: &Origin, log: &Registre) -> Result<Self, LedgerError> {
        let not_opened = |error: &dyn std::fmt::Display| LedgerError::NotOpened(error.to_string());
        let name = KeyName::new(origin.as_str()).map_err(|error| not_opened(&error))?;
        let newest = log.journal.last().ok_or_else(|| not_opened(&"it names no key of its own"))?;
        let log_key = load(folder, Purpose::Log, newest.cle)?;
        let signer =
            NoteSigner::new(name.clone(), log_key.signing_key().clone()).map_err(|error| not_opened(&error))?;
        Ok(Self { folder: folder.clone(), name, signer, node: load(folder, Purpose::Node, log.noeud)? })
    }

    /// Where they lie.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Signs tree heads.
    pub fn signer(&self) -> &NoteSigner {
        &self.signer
    }

    /// Signs refusals.
    pub fn node(&self) -> &SecretKey {
        &self.node
    }

    /// The key that an event brings in; refused where the node does not hold it.
    pub fn successor(&self, data: &Data, origin: &Origin) -> Result<Option<Successor>, Refusal> {
        let (purpose, wanted) = match data {
            Data::RegistreJournalRemplace(data) => (Purpose::Log, data.log_key(origin)?),
            Data::RegistreNoeudRemplace(data) => (Purpose::Node, data.cle),
            _ => return Ok(None),
        };
        let (_, next) = files(&self.folder, purpose);
        match read_secret_key(&next) {
            Ok(key) if key.id() == wanted => Ok(Some(Successor { purpose, key })),
            _ => {
                let detail =
                    "the node does not hold this key: put it into the folder's cles/ first, as <name>.suivante.pem";
                Err(Refusal::new(Code::CleAbsente, detail).at("data"))
            }
        }
    }

    /// Puts a successor in use, whose leaf is durable. `before` is the last head under the old keys.
    pub fn succeed(&mut self, successor: Successor, before: &Head) -> Result<(), LedgerError> {
        let Successor { purpose, key } = successor;
        match purpose {
            Purpose::Log => {
                // What the old key signed last ties it to its successor, for whoever pinned it.
                let kept = self.folder.former_checkpoint(self.signer.verifier().key_id());
                replace_file(&kept, before.checkpoint.as_bytes()).map_err(|source| FolderError::Io {
                    doing: "write",
                    path: kept,
                    source,
                })?;
                self.signer = NoteSigner::new(self.name.clone(), key.signing_key().clone())
                    .map_err(|error| LedgerError::NotOpened(error.to_string()))?;
            }
            Purpose::Node => self.node = key,
        }
        promote(&self.folder, purpose)
    }
}

/// Signs as the log with the private key of that name, the one in use or the one to come; nothing is moved.
pub fn log_signer(folder: &Folder, wanted: &CleJournal) -> Result<NoteSigner, LedgerError> {
    let (file, next) = files(folder, Purpose::Log);
    let mut key = read_secret_key(&file)?;
    if key.id() != wanted.cle && next.exists() {
        key = read_secret_key(&next)?;
    }
    if key.id() != wanted.cle {
        return Err(LedgerError::OtherKey { path: file });
    }
    let not_opened = |error: &dyn std::fmt::Display| LedgerError::NotOpened(error.to_string());
    let named = Verifier::parse(&wanted.vkey).map_err(|error| not_opened(&error))?;
    NoteSigner::new(named.name().clone(), key.signing_key().clone()).map_err(|error| not_opened(&error))
}

/// The file in use, and that of the key to come.
fn files(folder: &Folder, purpose: Purpose) -> (std::path::PathBuf, std::path::PathBuf) {
    let file = match purpose {
        Purpose::Log => folder.log_key(),
        Purpose::Node => folder.node_key(),
    };
    let next = file.with_extension("suivante.pem");
    (file, next)
}

fn promote(folder: &Folder, purpose: Purpose) -> Result<(), LedgerError> {
    let (file, next) = files(folder, purpose);
    std::fs::rename(&next, &file).map_err(|source| FolderError::Io { doing: "rename", path: next, source }.into())
}

/// The key that the log names: the one in use, or the one to come, which then takes its place.
fn load(folder: &Folder, purpose: Purpose, wanted: KeyId) -> Result<SecretKey, LedgerError> {
    let (file, next) = files(folder, purpose);
    let key = read_secret_key(&file)?;
    if key.id() == wanted {
        return Ok(key);
    }
    if next.exists() {
        let key = read_secret_key(&next)?;
        if key.id() == wanted {
            promote(folder, purpose)?;
            return Ok(key);
        }
    }
    Err(LedgerError::OtherKey { path: file })
}
