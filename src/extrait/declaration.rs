//! What the log declares of an extract that was given: a signed note (C2SP signed-note v1.0.0) under the key that signed its checkpoint.
//!
//! ```text
//! <origin>/extrait ⏎
//! one line of JSON, the declaration ⏎
//! ⏎
//! — <origin> <signature> ⏎
//! ```
//!
//! The log's key and not the node's: who verifies has pinned it, whereas the node's is known from leaves, of which an extract could leave
//! out the one that replaced it. **No declaration can be taken for a checkpoint**, nor the other way round: a note's signature covers its text
//! alone, whatever name stands beside it, so the texts differ. The second line of a checkpoint is a decimal number, that of a declaration
//! begins with `{`; and no checkpoint of this log begins with `<origin>/extrait`.
//!
//! What the file proves by itself is told there again; the log's word alone is that nothing of the organisation follows up to the
//! checkpoint, and how much others said of its dossiers.

use greffe_events::piece::Empreinte;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::demande::Demande;
use crate::tlog::note::NoteError;
use crate::tlog::{Algorithm, Note, NoteSigner, Verifier};

/// What follows the log's name on the first line.
const SUITE: &str = "/extrait";

/// The version that is written.
pub const VERSION: u32 = 1;

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// [`VERSION`].
    pub version: u32,
    /// What was asked.
    pub demande: Demande,
    /// Leaves of the tree that everything is proved against.
    pub taille: u64,
    /// Its root, base64.
    pub racine: String,
    /// Which leaves that period holds.
    pub periode: Etendue,
    /// What the organisation itself said.
    pub paroles: Paroles,
    /// Leaves of the period that others said about its dossiers, or that refuse it.
    pub dossiers: u64,
    /// Leaves besides that are needed to judge these.
    pub appui: u64,
    /// Files; none where none were asked for.
    pub pieces: Option<ComptePieces>,
    /// SHA-256 of every byte of the extract before the declaration's own header.
    pub sha256: Empreinte,
}

/// A period, in indices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Etendue {
    /// Its first leaf.
    pub debut: u64,
    /// The first leaf after it.
    pub fin: u64,
}

/// Leaves of one source, by their ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paroles {
    /// Before the period: the rank of the first one within.
    pub avant: u64,
    /// Within.
    pub dedans: u64,
    /// In all, up to the checkpoint.
    pub total: u64,
}

/// Files that leaves of the period cite; one cited twice counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComptePieces {
    /// In the extract.
    pub jointes: u64,
    /// Erased, as a leaf says.
    pub effacees: u64,
    /// Not there, and no leaf says why.
    pub absentes: u64,
}

/// Why bytes are no declaration of a log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeclarationError {
    /// No note, or not signed by the log.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The log signed it, and it is something else: a checkpoint, for one.
    #[error("it begins with {0:?}")]
    Other(String),
    /// Not the JSON of one, or that of a later version.
    #[error("malformed: {0}")]
    Form(String),
}

impl Declaration {
    /// The note, signed by the log.
    pub fn sign(&self, log: &NoteSigner) -> Result<Note, NoteError> {
        // Numbers, texts and no map: nothing in it can fail to serialise.
        let said = serde_json::to_string(self).unwrap_or_default();
        log.sign(format!("{}{SUITE}\n{said}\n", log.verifier().name()))
    }

    /// Opens a declaration that `log` must have signed.
    pub fn open(note: &[u8], log: &Verifier) -> Result<Self, DeclarationError> {
        if log.algorithm() != Algorithm::Ed25519 {
            return Err(NoteError::NoKnownSignature.into());
        }
        let note = Note::parse(note)?;
        note.verify(std::slice::from_ref(log))?;
        let (first, said) = note.text().split_once('\n').unwrap_or_default();
        if first.strip_suffix(SUITE) != Some(log.name().as_str()) {
            return Err(DeclarationError::Other(first.chars().take(100).collect()));
        }
        let form = |why: &dyn std::fmt::Display| DeclarationError::Form(why.to_string());
        let said = said.strip_suffix('\n').filter(|said| said.starts_with('{') && !said.contains('\n'));
        let said = said.ok_or_else(|| form(&"one line of JSON follows"))?;
        let said: Self = serde_json::from_str(said).map_err(|error| form(&error))?;
        if said.version != VERSION {
            return Err(form(&format_args!("version {}", said.version)));
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tlog::{Checkpoint, Hash, KeyName};
    use greffe_events::key::SecretKey;

    fn said() -> Declaration {
        Declaration {
            version: VERSION,
            demande: Demande {
                organisation: "urn:siren:214502494".parse().unwrap(),
                du: Some("2026-01-01".parse().unwrap()),
                au: None,
                pieces: false,
            },
            taille: 9,
            racine: "x".to_owned(),
            periode: Etendue { debut: 3, fin: 9 },
            paroles: Paroles { avant: 1, dedans: 2, total: 3 },
            dossiers: 4,
            appui: 5,
            pieces: None,
            sha256: Empreinte([7; 32]),
        }
    }

    /// The same secret key, under a name.
    fn log(name: &str) -> NoteSigner {
        let key = SecretKey::from_seed(&[1; 32]);
        NoteSigner::new(KeyName::new(name).unwrap(), key.signing_key().clone()).unwrap()
    }

    /// The note's signature, said to be made under another name: a signature covers the text alone.
    fn relabelled(note: &Note, as_name: &NoteSigner) -> Vec<u8> {
        let bytes = as_name.sign(note.text()).unwrap().to_string().into_bytes();
        assert!(bytes.starts_with(note.text().as_bytes()));
        bytes
    }

    #[test]
    fn a_declaration_is_read_as_it_was_signed_and_no_byte_of_it_can_change() {
        let log = log("greffe.example");
        let note = said().sign(&log).unwrap().to_string().into_bytes();
        assert_eq!(Declaration::open(&note, log.verifier()), Ok(said()));
        for at in 0..note.len() {
            let mut altered = note.clone();
            altered[at] ^= 1;
            let opened = Declaration::open(&altered, log.verifier());
            assert!(opened.is_err(), "byte {at}: {opened:?}");
        }
        let mut later = said();
        later.version = 2;
        let later = later.sign(&log).unwrap().to_string();
        assert!(matches!(Declaration::open(later.as_bytes(), log.verifier()), Err(DeclarationError::Form(_))));
    }

    #[test]
    fn a_checkpoint_is_no_declaration_and_a_declaration_is_no_checkpoint_under_whatever_name() {
        let own = log("greffe.example");
        // Logs of other names that somebody runs with the same key, one of which is called as declarations begin.
        let others = ["greffe.example/extrait", "greffe.example/extrait/extrait", "autre.example"];
        let declared = said().sign(&own).unwrap();
        for other in others.map(log).iter().chain([&own]) {
            let opened = Checkpoint::open(&relabelled(&declared, other), other.verifier());
            assert!(opened.is_err(), "{other:?}: {opened:?}");
            assert!(Checkpoint::parse(declared.text()).is_err());
            let head = Checkpoint::new(other.verifier().name().as_str(), 9, Hash::from_bytes([7; 32])).unwrap();
            let head = head.sign(other).unwrap();
            for reader in [other, &own] {
                let opened = Declaration::open(&relabelled(&head, reader), reader.verifier());
                assert!(opened.is_err(), "{other:?} read as {reader:?}: {opened:?}");
            }
            if other.verifier() != own.verifier() {
                let opened = Declaration::open(&relabelled(&declared, other), other.verifier());
                assert!(matches!(opened, Err(DeclarationError::Other(_))), "{other:?}: {opened:?}");
            }
        }
    }

    #[test]
    fn lines_more_than_one_are_no_declaration() {
        let log = log("greffe.example");
        let json = serde_json::to_string(&said()).unwrap();
        for text in [
            format!("greffe.example/extrait\n{json}\nmore\n"),
            format!("greffe.example/extrait\n\n{json}\n"),
            format!("greffe.example/extrait\n {json}\n"),
            format!("greffe.example/extrait\n{}\n", json.replace(",\"taille\"", ",\n\"taille\"")),
            "greffe.example/extrait\n".to_owned(),
        ] {
            let note = log.sign(text.as_str()).unwrap().to_string();
            let opened = Declaration::open(note.as_bytes(), log.verifier());
            assert!(matches!(opened, Err(DeclarationError::Form(_))), "{text}: {opened:?}");
        }
    }
}
