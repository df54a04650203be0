//! Pieces: the files that events cite, kept byte for byte before any event may cite them (DESIGN §1.6).
//!
//! ```text
//! pieces/<organisation>/<aa>/<reference>        the bytes
//! pieces/<organisation>/<aa>/<reference>.json   its card: digest, size, and for a committed piece sel and name
//! pieces/depot/                                 uploads under way
//! ```
//!
//! `reference` is what the event cites: the SHA-256 of a public piece, the engagement of any other. Each organisation
//! has its own space, so that an upload never reveals whether somebody else holds the same bytes, and erasing one's
//! piece takes nothing from another.
//!
//! Durable steps of an upload: bytes to `depot/`, fsync; card beside its place, fsync; rename into place; fsync of the
//! folder. The bytes' name is the last to appear: what is there is whole.
//!
//! Not here: who may read a piece (`http::access`), erasure and the sweep of pieces never cited (not built yet).

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use greffe_events::catalogue::Data;
use greffe_events::ident::Organisation;
use greffe_events::piece::{Designation, Empreinte, PIECE_BYTES_MAX, Piece, engagement};
use greffe_events::{Code, Refusal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::folder::{replace_file, sync_parent};

/// Bytes read at a time from an upload.
const CHUNK_BYTES: usize = 64 * 1024;

/// Longest original file name kept on a card, in characters.
pub const NOM_CHARS_MAX: usize = 255;

/// Largest confidential piece that a view reads, in bytes; ours have some hundred.
pub const CONFIDENTIEL_BYTES_MAX: u64 = 64 * 1024;

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

/// The pieces of one ledger.
#[derive(Debug, Clone)]
pub struct Pieces {
    root: PathBuf,
}

/// An upload whose bytes are still coming. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct Deposit {
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    taille: u64,
}

impl Deposit {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PieceError> {
        self.taille = self.taille.saturating_add(bytes.len() as u64);
        if self.taille > PIECE_BYTES_MAX {
            return Err(PieceError::TooLarge);
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|source| io_at("write", self.file.path(), source))
    }
}

impl Pieces {
    /// The pieces under `root`; makes the folder.
    pub fn open(root: PathBuf) -> Result<Self, PieceError> {
        let depot = root.join("depot");
        fs::create_dir_all(&depot).map_err(|source| io_at("create", &depot, source))?;
        // What a killed process left half received: nobody was told that it is there.
        let left = fs::read_dir(&depot).map_err(|source| io_at("read", &depot, source))?;
        for entry in left.flatten() {
            fs::remove_file(entry.path()).map_err(|source| io_at("remove", &entry.path(), source))?;
        }
        Ok(Self { root })
    }

    /// The pieces of a copied folder: nothing is made.
    pub fn at_rest(root: PathBuf) -> Self {
        Self { root }
    }

    /// Begins an upload.
    pub fn deposit(&self) -> Result<Deposit, PieceError> {
        let depot = self.root.join("depot");
        let file =
            tempfile::NamedTempFile::new_in(&depot).map_err(|source| io_at("create a file in", &depot, source))?;
        Ok(Deposit { file, hasher: Sha256::new(), taille: 0 })
    }

    /// Ends an upload: the bytes must have the announced digest. Returns the reference to cite it by. Depositing the
    /// same again is the same.
    pub fn finish(
        &self,
        deposit: Deposit,
        organisation: &Organisation,
        announced: Empreinte,
        sel: Option<Empreinte>,
        nom: Option<String>,
    ) -> Result<Empreinte, PieceError> {
        let Deposit { file, hasher, taille } = deposit;
        let actual = Empreinte(hasher.finalize().into());
        if actual != announced {
            return Err(PieceError::Mismatch { announced, actual });
        }
        let reference = sel.map_or(actual, |sel| engagement(&sel.0, actual));
        let place = self.place(organisation, reference);
        let folder = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|source| io_at("create", folder, source))?;
        file.as_file().sync_all().map_err(|source| io_at("sync", file.path(), source))?;
        let card = Card { sha256: actual, taille, sel, nom };
        let card_place = card_place(&place);
        let card = serde_json::to_vec(&card).map_err(|error| io_at("write", &card_place, error.into()))?;
        replace_file(&card_place, &card).map_err(|source| io_at("write", &card_place, source))?;
        file.persist(&place).map_err(|error| io_at("name", &place, error.error))?;
        sync_parent(&place).map_err(|source| io_at("sync", folder, source))?;
        // The folders' own names: another upload may have made them a moment ago and not synced them yet.
        for path in [folder, folder.parent().unwrap_or(folder)] {
            sync_parent(path).map_err(|source| io_at("sync", path, source))?;
        }
        Ok(reference)
    }

    /// The card of a piece, if this organisation deposited it.
    pub fn card(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Card>, PieceError> {
        let place = self.place(organisation, reference);
        if !place.is_file() {
            return Ok(None);
        }
        let card_place = card_place(&place);
        let bytes = fs::read(&card_place).map_err(|source| io_at("read", &card_place, source))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| io_at("read", &card_place, error.into()))
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

    /// Whether everything that an event cites was deposited by its source, with the size that it says.
    pub fn check_cited(&self, source: &Organisation, data: &Data) -> Result<Result<(), Refusal>, PieceError> {
        for (at, piece) in data.pieces().iter().enumerate() {
            let field = format!("data.pieces[{at}]");
            let Some(card) = self.card(source, piece.reference())? else {
                let detail = format!("{source} deposited no piece {}", piece.reference());
                return Ok(Err(Refusal::new(Code::PieceMissing, detail).at(field)));
            };
            if card.taille != piece.taille {
                let detail = format!("piece {} has {} bytes, not {}", piece.reference(), card.taille, piece.taille);
                return Ok(Err(Refusal::new(Code::PieceMismatch, detail).at(format!("{field}.taille"))));
            }
            let is_public = matches!(piece.designation, Designation::Publique { .. });
            if is_public != card.sel.is_none() {
                let detail = "a piece deposited with a sel is cited by engagement, one without by sha256";
                return Ok(Err(Refusal::new(Code::PieceMismatch, detail).at(field)));
            }
        }
        Ok(Ok(()))
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

    fn place(&self, organisation: &Organisation, reference: Empreinte) -> PathBuf {
        let subject = organisation.dossier();
        // An ISO 6523 identifier is letters, digits, dots and hyphens; the colon before it becomes an underscore.
        let space = subject.identifier().replace(':', "_");
        let name = reference.to_string();
        self.root.join(space).join(&name[..2]).join(name)
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

fn card_place(place: &Path) -> PathBuf {
    place.with_extension("json")
}

fn io_at(doing: &'static str, path: &Path, source: io::Error) -> PieceError {
    PieceError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn organisation(text: &str) -> Organisation {
        text.parse().unwrap()
    }

    fn deposited(
        pieces: &Pieces,
        who: &Organisation,
        bytes: &[u8],
        sel: Option<Empreinte>,
    ) -> Result<Empreinte, PieceError> {
        let mut deposit = pieces.deposit()?;
        deposit.write(bytes)?;
        pieces.finish(deposit, who, Empreinte::of(bytes), sel, Some("acte.pdf".to_owned()))
    }

    fn cite(reference: Empreinte, taille: u64, sel: Option<Empreinte>) -> Piece {
        let mut piece = serde_json::json!({"role":"acte","type":"application/pdf","taille":taille});
        if sel.is_some() {
            piece["engagement"] = serde_json::json!(reference);
        } else {
            piece["nom"] = serde_json::json!("045-214502494-20170717-D201717-DE-1-1_1.pdf");
            piece["sha256"] = serde_json::json!(reference);
        }
        serde_json::from_value(piece).unwrap()
    }

    #[test]
    fn a_piece_is_kept_byte_for_byte_and_any_changed_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let pieces = Pieces::open(dir.path().to_owned()).unwrap();
        let commune = organisation("urn:siren:214502494");
        let bytes = b"%PDF-1.7 \xff\x00 octets".to_vec();
        for sel in [None, Some(Empreinte([7; 32]))] {
            let reference = deposited(&pieces, &commune, &bytes, sel).unwrap();
            assert_eq!(deposited(&pieces, &commune, &bytes, sel).unwrap(), reference, "again is the same");
            let piece = cite(reference, bytes.len() as u64, sel);
            assert_eq!(pieces.read_small(&commune, reference, 1_000).unwrap().as_deref(), Some(bytes.as_slice()));
            assert_eq!(pieces.verify(&commune, &piece).unwrap(), PieceState::Good);
            let place = pieces.place(&commune, reference);
            for at in 0..bytes.len() {
                let mut altered = bytes.clone();
                altered[at] ^= 1;
                fs::write(&place, &altered).unwrap();
                assert_eq!(pieces.verify(&commune, &piece).unwrap(), PieceState::Differs, "byte {at}");
            }
            fs::remove_file(&place).unwrap();
            assert_eq!(pieces.verify(&commune, &piece).unwrap(), PieceState::Absent);
        }
    }

    #[test]
    fn an_upload_that_is_not_what_was_announced_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let pieces = Pieces::open(dir.path().to_owned()).unwrap();
        let commune = organisation("urn:siren:214502494");
        let mut deposit = pieces.deposit().unwrap();
        deposit.write(b"recu").unwrap();
        let error = pieces.finish(deposit, &commune, Empreinte::of(b"annonce"), None, None).unwrap_err();
        assert!(matches!(error, PieceError::Mismatch { .. }));
        drop(pieces.deposit().unwrap());
        assert_eq!(fs::read_dir(dir.path().join("depot")).unwrap().count(), 0);
        let mut deposit = pieces.deposit().unwrap();
        deposit.taille = PIECE_BYTES_MAX;
        assert!(matches!(deposit.write(b"x"), Err(PieceError::TooLarge)));
    }

    #[test]
    fn nobody_cites_what_another_deposited() {
        let dir = tempfile::tempdir().unwrap();
        let pieces = Pieces::open(dir.path().to_owned()).unwrap();
        let (commune, other) = (organisation("urn:siren:214502494"), organisation("urn:siren:210703385"));
        let sel = Some(Empreinte([7; 32]));
        let reference = deposited(&pieces, &commune, b"secret", sel).unwrap();
        assert!(pieces.card(&commune, reference).unwrap().is_some());
        assert!(pieces.card(&other, reference).unwrap().is_none());
        assert!(pieces.read(&other, reference).unwrap().is_none());
    }
}
