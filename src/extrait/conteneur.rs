//! The file around an extract: a tar of one spelling (POSIX ustar), written and read as a stream.
//!
//! ```text
//! demande.json
//! checkpoint
//! feuilles/<index, 20 digits>.tlog-proof        in the order of the indices; after each leaf the files that it is the
//! pieces/<organisation>/<reference>.json        first to cite: their card, then their bytes
//! pieces/<organisation>/<reference>
//! declaration
//! two blocks of zeros, and nothing more
//! ```
//!
//! Headers hold a name and a size; all else in them is fixed (mode 0644, owner 0, time 0, no names), so each file has one
//! header and no other is read. Links, folders, long names, sparse files, absolute paths and `..` have no spelling here. Nothing is
//! compressed, so nothing expands: what a reader holds is bounded by [`Nom::bytes_max`] and, over all, by the file's own size.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use greffe_events::ident::Organisation;
use greffe_events::piece::{Empreinte, PLI_BYTES_MAX};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::tlog::note::MAX_NOTE_BYTES;
use crate::tlog::proof::MAX_PROOF_BYTES;

/// A tar is made of blocks of so many bytes.
const BLOCK: usize = 512;

/// Bytes of a piece read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Largest question or card, in bytes: a few short fields, and a file name of 255 characters with each escaped.
const JSON_BYTES_MAX: u64 = 8 * 1024;

/// Largest declaration, in bytes: some names and numbers, and a signature.
const DECLARATION_BYTES_MAX: u64 = 16 * 1024;

/// What one file of an extract is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nom {
    /// What was asked.
    Demande,
    /// The signed tree head that everything is proved against.
    Checkpoint,
    /// A leaf and its proof.
    Feuille(u64),
    /// What stands beside a piece: its digest, its size, its `sel`, its name.
    Fiche(Organisation, Empreinte),
    /// The bytes of a piece.
    Piece(Organisation, Empreinte),
    /// What the log declares that it gave.
    Declaration,
}

impl Nom {
    /// Most bytes of such a file.
    pub fn bytes_max(&self) -> u64 {
        match self {
            Self::Demande | Self::Fiche(..) => JSON_BYTES_MAX,
            Self::Checkpoint => MAX_NOTE_BYTES as u64,
            Self::Feuille(_) => MAX_PROOF_BYTES as u64,
            Self::Piece(..) => PLI_BYTES_MAX,
            Self::Declaration => DECLARATION_BYTES_MAX,
        }
    }

    /// Reads a name; none for any other than this format's.
    fn parse(text: &str) -> Option<Self> {
        let nom = match text.split_once('/') {
            None => match text {
                "demande.json" => Self::Demande,
                "checkpoint" => Self::Checkpoint,
                "declaration" => Self::Declaration,
                _ => return None,
            },
            Some(("feuilles", rest)) => Self::Feuille(rest.strip_suffix(".tlog-proof")?.parse().ok()?),
            Some(("pieces", rest)) => {
                let (organisation, rest) = rest.split_once('/')?;
                let organisation = Organisation::of_abrege(&organisation.replacen('_', ":", 1)).ok()?;
                match rest.strip_suffix(".json") {
                    Some(reference) => Self::Fiche(organisation, reference.parse().ok()?),
                    None => Self::Piece(organisation, rest.parse().ok()?),
                }
            }
            Some(_) => return None,
        };
        // One spelling.
        (nom.to_string() == text).then_some(nom)
    }
}

impl fmt::Display for Nom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demande => f.write_str("demande.json"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::Feuille(index) => write!(f, "feuilles/{index:020}.tlog-proof"),
            Self::Fiche(organisation, reference) => {
                write!(f, "pieces/{}/{reference}.json", organisation.abrege().replacen(':', "_", 1))
            }
            Self::Piece(organisation, reference) => {
                write!(f, "pieces/{}/{reference}", organisation.abrege().replacen(':', "_", 1))
            }
            Self::Declaration => f.write_str("declaration"),
        }
    }
}

/// The one header of a file.
fn entete(nom: &Nom, taille: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = tar::Header::new_ustar();
    header.set_path(nom.to_string())?;
    header.set_size(taille);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Zeros after a file of that size, up to the end of its last block.
fn bourrage(taille: u64) -> usize {
    let last = usize::try_from(taille % BLOCK as u64).unwrap_or_default();
    if last == 0 { 0 } else { BLOCK - last }
}

/// Whether bytes, the first of a file, begin a tar.
pub fn est_tar(debut: &[u8]) -> bool {
    debut.get(257..262) == Some(b"ustar")
}

/// Writes an extract.
#[derive(Debug)]
pub struct Ecrivain<W> {
    sortie: W,
    empreinte: Sha256,
}

impl<W: Write> Ecrivain<W> {
    /// Nothing is written yet.
    pub fn new(sortie: W) -> Self {
        Self { sortie, empreinte: Sha256::new() }
    }

    /// A small file.
    pub fn fichier(&mut self, nom: &Nom, bytes: &[u8]) -> io::Result<()> {
        self.copie(nom, bytes.len() as u64, bytes)
    }

    /// A file of that size, as it is read. One that turns out to have another size is an error.
    pub fn copie(&mut self, nom: &Nom, taille: u64, mut contenu: impl Read) -> io::Result<()> {
        self.ecris(&entete(nom, taille)?)?;
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(taille).unwrap_or(CHUNK_BYTES).max(1))];
        let mut reste = taille;
        while reste > 0 {
            let count = contenu.read(&mut chunk)?;
            if count == 0 || count as u64 > reste {
                return Err(io::Error::new(ErrorKind::InvalidData, format!("{nom} has another size than {taille}")));
            }
            self.ecris(&chunk[..count])?;
            reste -= count as u64;
        }
        self.ecris(&[0; BLOCK][..bourrage(taille)])
    }

    fn ecris(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.empreinte.update(bytes);
        self.sortie.write_all(bytes)
    }

    /// Digest of all bytes written so far.
    pub fn empreinte(&self) -> Empreinte {
        Empreinte(self.empreinte.clone().finalize().into())
    }

    /// Writes the end.
    pub fn finis(mut self) -> io::Result<W> {
        self.sortie.write_all(&[0; 2 * BLOCK])?;
        self.sortie.flush()?;
        Ok(self.sortie)
    }
}

/// Why a file is no extract, as far as its container goes.
#[derive(Debug, Error)]
pub enum ConteneurError {
    /// The system refused: nothing is said of the file.
    #[error("{0}")]
    Io(io::Error),
    /// It ends in the middle.
    #[error("the file ends at byte {0}, in the middle: it was not written or not received whole")]
    Tronque(u64),
    /// A header of another spelling: a link, a folder, another owner, a name that this format has not.
    #[error("at byte {at}: no header of an extract ({nom:?})")]
    Entete {
        /// Where.
        at: u64,
        /// The name, as far as it can be read.
        nom: String,
    },
    /// Larger than such a file is.
    #[error("{nom} has {taille} bytes, at most {} are read", nom.bytes_max())]
    Taille {
        /// Which.
        nom: Nom,
        /// By its header.
        taille: u64,
    },
    /// Files in another order, twice, or one missing.
    #[error("{0} does not stand here in an extract: another order, twice, or something before it is missing")]
    Ordre(Nom),
    /// Bytes between two files, or after the end.
    #[error("at byte {0}: bytes where an extract has zeros, or none")]
    Bourrage(u64),
}

/// Reads an extract, file by file. Order and form are checked here; what files say is not.
#[derive(Debug)]
pub struct Lecteur<R> {
    entree: R,
    /// Bytes read.
    at: u64,
    empreinte: Sha256,
    /// Bytes of the present file that are not read yet.
    reste: u64,
    bourrage: usize,
    dernier: Option<Nom>,
    derniere_feuille: Option<u64>,
}

impl<R: Read> Lecteur<R> {
    /// Nothing is read yet.
    pub fn new(entree: R) -> Self {
        Self { entree, at: 0, empreinte: Sha256::new(), reste: 0, bourrage: 0, dernier: None, derniere_feuille: None }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Digest of all bytes before the declaration, once that is the present file.
    pub fn empreinte(&self) -> Empreinte {
        Empreinte(self.empreinte.clone().finalize().into())
    }

    /// The next file, and its size; none at the end, which only a declaration precedes. What is left of the present one is passed over.
    pub fn suivant(&mut self) -> Result<Option<(Nom, u64)>, ConteneurError> {
        self.passe(|_| ())?;
        let at = self.at;
        let mut block = [0; BLOCK];
        self.remplis(&mut block)?;
        if block == [0; BLOCK] {
            return self.fin(at);
        }
        let header = tar::Header::from_byte_slice(&block);
        let nom = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        let lu = Nom::parse(&nom).zip(header.size().ok());
        let lu = lu.filter(|(nom, taille)| entete(nom, *taille).is_ok_and(|header| header == block));
        let Some((nom, taille)) = lu else { return Err(ConteneurError::Entete { at, nom }) };
        if taille > nom.bytes_max() {
            return Err(ConteneurError::Taille { nom, taille });
        }
        if !self.peut_suivre(&nom) {
            return Err(ConteneurError::Ordre(nom));
        }
        if nom != Nom::Declaration {
            self.empreinte.update(block);
        }
        if let Nom::Feuille(index) = nom {
            self.derniere_feuille = Some(index);
        }
        (self.reste, self.bourrage) = (taille, bourrage(taille));
        self.dernier = Some(nom.clone());
        Ok(Some((nom, taille)))
    }

    fn peut_suivre(&self, nom: &Nom) -> bool {
        match (&self.dernier, nom) {
            (Some(Nom::Checkpoint | Nom::Feuille(_) | Nom::Piece(..)), Nom::Feuille(index)) => {
                self.derniere_feuille.is_none_or(|before| before < *index)
            }
            (Some(Nom::Fiche(organisation, reference)), Nom::Piece(of, named)) => {
                organisation == of && reference == named
            }
            (before, nom) => matches!(
                (before, nom),
                (None, Nom::Demande)
                    | (Some(Nom::Demande), Nom::Checkpoint)
                    | (Some(Nom::Feuille(_) | Nom::Piece(..)), Nom::Fiche(..))
                    | (Some(Nom::Checkpoint | Nom::Feuille(_) | Nom::Piece(..)), Nom::Declaration)
            ),
        }
    }

    fn fin(&mut self, at: u64) -> Result<Option<(Nom, u64)>, ConteneurError> {
        if self.dernier != Some(Nom::Declaration) {
            return Err(ConteneurError::Tronque(at));
        }
        let mut block = [0; BLOCK];
        self.remplis(&mut block)?;
        let mut more = [0];
        if block != [0; BLOCK] || lis(&mut self.entree, &mut more).map_err(ConteneurError::Io)? != 0 {
            return Err(ConteneurError::Bourrage(at));
        }
        Ok(None)
    }

    /// The rest of the present file, whole: bounded by what such a file may have.
    pub fn contenu(&mut self) -> Result<Vec<u8>, ConteneurError> {
        let mut bytes = Vec::new();
        self.passe(|chunk| bytes.extend_from_slice(chunk))?;
        Ok(bytes)
    }

    /// The same, piece by piece.
    pub fn passe(&mut self, mut vers: impl FnMut(&[u8])) -> Result<(), ConteneurError> {
        let is_covered = self.dernier != Some(Nom::Declaration);
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(self.reste).unwrap_or(CHUNK_BYTES))];
        while self.reste > 0 {
            let wanted = usize::try_from(self.reste).unwrap_or(CHUNK_BYTES).min(chunk.len());
            self.remplis(&mut chunk[..wanted])?;
            self.reste -= wanted as u64;
            if is_covered {
                self.empreinte.update(&chunk[..wanted]);
            }
            vers(&chunk[..wanted]);
        }
        let (at, mut zeros) = (self.at, [0; BLOCK]);
        let zeros = &mut zeros[..std::mem::take(&mut self.bourrage)];
        self.remplis(zeros)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(ConteneurError::Bourrage(at));
        }
        if is_covered {
            self.empreinte.update(zeros);
        }
        Ok(())
    }

    fn remplis(&mut self, bytes: &mut [u8]) -> Result<(), ConteneurError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match lis(&mut self.entree, &mut bytes[filled..]).map_err(ConteneurError::Io)? {
                0 => return Err(ConteneurError::Tronque(self.at)),
                count => {
                    filled += count;
                    self.at += count as u64;
                }
            }
        }
        Ok(())
    }
}

/// One read, however often a signal comes in between.
fn lis(entree: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match entree.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
