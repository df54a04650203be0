//! Extracts: what a log holds about one organisation over a period, in one file that verifies offline (docs/FORMAT.md §10).
//!
//! ```text
//! Demande  ──▶ choix      which leaves, and why each          over a Fonds: a folder (folder), a running node (http::extrait)
//!                ▼
//!              ecriture   leaves with their proofs, pieces, the log's declaration    ──▶ conteneur: a tar of one spelling
//!                                                                                           ▼
//!                                                                                     audit::extrait
//! ```
//!
//! The same log, the same question and the same head give the same bytes, whoever writes them. What is shown:
//!
//! | leaves | why |
//! |---|---|
//! | said by the organisation, about its dossiers, or refusing it ([`choix::concerne`]), within the period | they are the extract |
//! | the organisation's own right before and right after | their ranks close the period on both sides |
//! | the organisation's own member dossier, whole | it is its own |
//! | of other members what tells whether keys that signed here had the right to ([`appui`]) | signatures are judged by it |
//! | the log's own, refusals apart | its keys and the operator's, one after the other |
//! | erasures of cited pieces | they say why a file is not there |
//!
//! Of nobody anything else. Who may ask is not decided here: the operator who holds the folder, or `http::access`.

pub mod appui;
pub mod choix;
pub mod conteneur;
pub mod declaration;
pub mod demande;
pub mod ecriture;
pub mod folder;

use greffe_events::Event;
use greffe_events::authority::KeyRecord;
use greffe_events::dossier::CleJournal;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use thiserror::Error;

use crate::ledger::pieces::Pieces;
use crate::tlog::{Hash, NoteSigner};

/// Why an extract is not written.
#[derive(Debug, Error)]
pub enum ExtraitError {
    /// Nobody of that name ever spoke or was spoken of here.
    #[error("{0} is unknown to this log")]
    Inconnu(Organisation),
    /// The leaves, their index or a view can't be read.
    #[error("{0}")]
    Illisible(String),
    /// The leaves are not what the log signed.
    #[error("{0}: greffe verify tells more")]
    Altere(String),
    /// What proposes leaves lacks some.
    #[error("leaves are missing: {0}")]
    Incomplet(String),
    /// The log's private key is not at hand.
    #[error("the log's private key: {0}")]
    Cle(String),
    /// A piece was erased since the checkpoint.
    #[error("the piece {0} was erased meanwhile: ask again")]
    EffaceeEntretemps(Empreinte),
    /// Nobody takes the file.
    #[error("the extract can't be written: {0}")]
    Sortie(#[from] std::io::Error),
}

impl ExtraitError {
    /// Something that could not be read.
    pub fn illisible(error: impl std::fmt::Display) -> Self {
        Self::Illisible(error.to_string())
    }
}

/// Where an extract is taken from: a log as of one signed checkpoint. Indices given are below its size.
pub trait Fonds {
    /// The signed checkpoint, a note.
    fn checkpoint(&self) -> &str;
    /// Leaves that it covers.
    fn size(&self) -> u64;
    /// One leaf.
    fn leaf(&mut self, index: u64) -> Result<Vec<u8>, ExtraitError>;
    /// Its inclusion proof to the checkpoint.
    fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, ExtraitError>;
    /// Leaves from `from` on and below `below` that may concern an organisation, in order: all that do, perhaps others. At most
    /// a page; none at the end.
    fn concernant(&mut self, organisation: &Organisation, from: u64, below: u64) -> Result<Vec<u64>, ExtraitError>;
    /// The last leaf below `below` whose source the organisation is.
    fn parole_avant(&mut self, organisation: &Organisation, below: u64) -> Result<Option<u64>, ExtraitError>;
    /// The first one from `from` on.
    fn parole_depuis(&mut self, organisation: &Organisation, from: u64) -> Result<Option<u64>, ExtraitError>;
    /// The last leaf of a dossier below `below`, by another account than the one that proposes leaves; none where there is no other.
    fn derniere(&mut self, dossier: &Subject, below: u64) -> Result<Option<u64>, ExtraitError>;
    /// All leaves of a member dossier, in order.
    fn du_membre(&mut self, organisation: &Organisation) -> Result<Vec<u64>, ExtraitError>;
    /// All leaves of the log's own dossier that are no refusals, in order.
    fn du_registre(&mut self, dossier: &Subject) -> Result<Vec<u64>, ExtraitError>;
    /// The leaf that erased a piece; one that the checkpoint does not cover too, where it is known.
    fn effacement(&mut self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, ExtraitError>;
    /// What the enrolment of a key says.
    fn cle(&mut self, key: &KeyId) -> Result<Option<KeyRecord>, ExtraitError>;
    /// The files.
    fn pieces(&self) -> &Pieces;
    /// Signs with the log's private key, the one that it names so.
    fn signataire(&mut self, wanted: &CleJournal) -> Result<NoteSigner, ExtraitError>;
}

/// A leaf of a [`Fonds`], read.
pub(crate) struct Lue {
    pub index: u64,
    pub bytes: Vec<u8>,
    pub recorded_at_ms: u64,
    pub previous: Option<u64>,
    pub rank: u64,
    pub signers: Vec<KeyId>,
    pub event: Event,
}

impl Lue {
    /// Reads a leaf's bytes.
    pub fn of(index: u64, bytes: Vec<u8>) -> Result<Self, ExtraitError> {
        let illisible = |error: &dyn std::fmt::Display| ExtraitError::Illisible(format!("leaf {index}: {error}"));
        let leaf = Leaf::decode_recorded(&bytes).map_err(|error| illisible(&error))?;
        let event = Event::of(&leaf.envelope).map_err(|refusal| illisible(&refusal))?;
        let signers = leaf.envelope.signers().collect();
        let Leaf { recorded_at_ms, previous, rank, .. } = leaf;
        Ok(Self { index, bytes, recorded_at_ms, previous, rank, signers, event })
    }
}
