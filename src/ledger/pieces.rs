//! Pieces: the files that events cite, kept byte for byte before any event may cite them (DESIGN §1.6).
//!
//! ```text
//! pieces/<organisation>/<aa>/<reference>        the bytes
//! pieces/<organisation>/<aa>/<reference>.json   its card: digest, size, and for a committed piece sel and name
//! pieces/depot/                                 uploads under way
//! pieces/comptes.sqlite                         who keeps how much; derived, may be deleted (accounts)
//! ```
//!
//! `reference` is what the event cites: the SHA-256 of a public piece, the engagement of any other. Each organisation
//! has its own space, so that an upload never reveals whether somebody else holds the same bytes, and erasing one's
//! piece takes nothing from another.
//!
//! | module | what it does |
//! |---|---|
//! | here | the places, the card, reading and verifying a piece: on a copied folder too |
//! | [`depot`] | uploads and citations |
//! | [`accounts`] | quotas, and which pieces to look at again |
//! | [`upkeep`] | the sweep of what nobody cites, and erasure |
//!
//! Who may read a piece is `http::access`' matter; who may cite it, admission's.

pub mod accounts;
pub mod depot;
pub mod upkeep;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use greffe_events::ident::Organisation;
use greffe_events::piece::{Designation, Empreinte, PIECE_BYTES_MAX, Piece, engagement};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::index::IndexError;

pub use accounts::{Quota, Usage};
pub use depot::{Announced, Deposit, Depot};

/// Bytes read at a time when a piece is verified.
const CHUNK_BYTES: usize = 64 * 1024;

/// Largest card: two digests, a size, and the longest name, every character of it escaped.
const CARD_BYTES_MAX: usize = 8 * 1024;

/// Longest original file name kept on a card, in characters.
pub const NOM_CHARS_MAX: usize = 255;

/// What stands beside a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Digest of the bytes.
    pub sha256: Empreinte,
    /// Their number.
    pub taille: u64,
    /// The salt of the engagement; none for a public piece. Secret: whoever has it can guess at the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sel: Option<Empreinte>,
    /// The name that the depositor gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nom: Option<String>,
}

/// Why a piece is not taken or not given.
#[derive(Debug, Error)]
pub enum PieceError {
    /// Too many bytes.
    #[error("a piece has at most {PIECE_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are not those that were announced.
    #[error("the bytes received have the digest {actual}, announced was {announced}")]
    Mismatch {
        /// Announced.
        announced: Empreinte,
        /// Received.
        actual: Empreinte,
    },
    /// The organisation keeps as much as it may, uploads under way included.
    #[error("an organisation keeps at most {} bytes in {} pieces here", quota.bytes, quota.pieces)]
    Quota {
        /// How much that is.
        quota: Quota,
    },
    /// The organisation has too many uploads under way.
    #[error("an organisation has at most {} uploads under way", accounts::UPLOADS_PER_ORGANISATION_MAX)]
    TooManyUploads,
    /// A leaf erased this piece of this organisation, for good.
    #[error("the leaf {index} erased this piece")]
    Erased {
        /// Which leaf.
        index: u64,
    },
    /// The accounts.
    #[error("{path}: {source}")]
    Accounts {
        /// Their file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The derived index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The system refused.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl PieceError {
    /// Whether there is no room on the disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Accounts { source, .. } => source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            _ => false,
        }
    }
}

/// The pieces of a ledger, to be read: those of a copied folder too.
#[derive(Debug, Clone)]
pub struct Pieces {
    root: PathBuf,
}

impl Pieces {
    /// The pieces of a copied folder: nothing is made.
    pub fn at_rest(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where uploads under way are.
    fn depot(&self) -> PathBuf {
        self.root.join("depot")
    }

    /// The card of a piece, if this organisation deposited it.
    pub fn card(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Card>, PieceError> {
        Ok(self.dated_card(organisation, reference)?.map(|(card, _)| card))
    }

    /// The same, and when it was last written or cited.
    fn dated_card(
        &self,
        organisation: &Organisation,
        reference: Empreinte,
    ) -> Result<Option<(Card, SystemTime)>, PieceError> {
        let place = self.place(organisation, reference);
        if !place.is_file() {
            return Ok(None);
        }
        let card_place = card_place(&place);
        let read = || {
            let mut file = File::open(&card_place)?;
            let metadata = file.metadata()?;
            // It was renamed into place whole.
            let mut bytes = vec![0; usize::try_from(metadata.len()).unwrap_or(usize::MAX).min(CARD_BYTES_MAX)];
            file.read_exact(&mut bytes)?;
            Ok((serde_json::from_slice(&bytes)?, metadata.modified()?))
        };
        read().map(Some).map_err(|source| io_at("read", &card_place, source))
    }

    /// Opens the bytes of a piece.
    pub fn read(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<File>, PieceError> {
        let place = self.place(organisation, reference);
        match File::open(&place) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_at("open", &place, source)),
        }
    }

    /// The bytes of a small piece; none where it is missing, erased, or larger than `bytes_max`.
    pub fn read_small(
        &self,
        organisation: &Organisation,
        reference: Empreinte,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, PieceError> {
        let Some(file) = self.read(organisation, reference)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let place = self.place(organisation, reference);
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|source| io_at("read", &place, source))?;
        Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
    }

    /// Reads a cited piece again and compares it with its citation: for verification.
    pub fn verify(&self, organisation: &Organisation, piece: &Piece) -> Result<PieceState, PieceError> {
        let Some(mut file) = self.read(organisation, piece.reference())? else { return Ok(PieceState::Absent) };
        let place = self.place(organisation, piece.reference());
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut taille = 0_u64;
        loop {
            let count = file.read(&mut chunk).map_err(|source| io_at("read", &place, source))?;
            if count == 0 {
                break;
            }
            taille += count as u64;
            hasher.update(&chunk[..count]);
        }
        let actual = Empreinte(hasher.finalize().into());
        let holds = taille == piece.taille
            && match &piece.designation {
                Designation::Publique { sha256, .. } => *sha256 == actual,
                Designation::Engagee { engagement: cited } => match self.card(organisation, piece.reference()) {
                    Ok(Some(Card { sel: Some(sel), .. })) => *cited == engagement(&sel.0, actual),
                    _ => false,
                },
            };
        Ok(if holds { PieceState::Good } else { PieceState::Differs })
    }

    /// The organisations that keep something.
    fn spaces(&self) -> Result<Vec<Organisation>, PieceError> {
        let listed = depot::listed(&self.root)?;
        let names = listed.iter().filter_map(|path| path.file_name()?.to_str());
        Ok(names.filter_map(organisation_of_space).collect())
    }

    fn place(&self, organisation: &Organisation, reference: Empreinte) -> PathBuf {
        let name = reference.to_string();
        self.root.join(space(organisation)).join(&name[..2]).join(name)
    }
}

/// What became of a cited piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceState {
    /// There, and what the event says.
    Good,
    /// There, and something else.
    Differs,
    /// Not there.
    Absent,
}

/// The folder of an organisation: nine digits, or an ICD, an underscore and an identifier of letters, digits, dots and
/// hyphens.
fn space(organisation: &Organisation) -> String {
    organisation.dossier().identifier().replacen(':', "_", 1)
}

/// Whose folder it is.
fn organisation_of_space(space: &str) -> Option<Organisation> {
    let urn = match space.split_once('_') {
        Some((icd, id)) => format!("urn:iso6523:{icd}:{id}"),
        None => format!("urn:siren:{space}"),
    };
    urn.parse().ok()
}

fn card_place(place: &Path) -> PathBuf {
    place.with_extension("json")
}

fn io_at(doing: &'static str, path: &Path, source: io::Error) -> PieceError {
    PieceError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
