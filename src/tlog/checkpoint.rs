//! Checkpoints: a log's signed word on its tree (C2SP tlog-checkpoint v1.0.0).
//!
//! ```text
//! <origin> ⏎                            the log's name; not empty
//! <tree size> ⏎                         decimal, no leading zeroes
//! <base64 of the 32-byte root> ⏎
//! [<extension line> ⏎ …]                others' are kept, ours have none (some witnesses refuse them)
//! ⏎
//! — <origin> <signature> ⏎              a signed note: super::note
//! ```
//!
//! Opening one checks that the log's own key signed it and that the origin is the name of that key, so that a
//! checkpoint of one log never passes for another's. Not here: whether two checkpoints are consistent
//! ([`super::verify`]), and never signing two that are not (`ledger`, the rollback guard).

use super::decimal;
use super::hash::{EMPTY_ROOT, Hash};
use super::key::{Algorithm, KeyName, Verifier};
use super::note::{Note, NoteError, NoteSigner, VerifiedSignature};
use super::tree::MAX_TREE_SIZE;

/// A tree's name, size and root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// A checkpoint that its log signed, and the known witnesses that cosigned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// Cosignatures of known witnesses, one each; how many are enough is the reader's policy.
    pub cosignatures: Vec<VerifiedSignature>,
}

/// Why a text is no checkpoint, or is not the log's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Empty, or with a control character.
    #[error("an origin is a non-empty line: {origin:?}")]
    Origin {
        /// The origin.
        origin: String,
    },
    /// Fewer than three lines, an empty line, or no final newline.
    #[error("a checkpoint is three or more non-empty lines")]
    Lines,
    /// Not a decimal number without leading zeroes, or above [`MAX_TREE_SIZE`].
    #[error("not a tree size: {size:?}")]
    Size {
        /// The second line, or the number.
        size: String,
    },
    /// Not the base64 of 32 bytes.
    #[error("not a root hash: {root:?}")]
    Root {
        /// The third line.
        root: String,
    },
    /// The tree without leaves has one root.
    #[error("{root} is not the root of the empty tree")]
    EmptyTreeRoot {
        /// Root found beside size 0.
        root: Hash,
    },
    /// The origin is not the name of the log's key.
    #[error("the checkpoint is of {actual:?}, not {expected}")]
    OtherLog {
        /// Name of the log's key.
        expected: KeyName,
        /// Origin found.
        actual: String,
    },
    /// The key given as the log's signs cosignatures.
    #[error("{name}+{key_id:08x} is a witness's key, not a log's")]
    NotALogKey {
        /// The key's name.
        name: KeyName,
        /// Its label.
        key_id: u32,
    },
    /// Witnesses signed, the log did not.
    #[error("the log did not sign the checkpoint")]
    NotSignedByLog,
    /// We never sign extension lines.
    #[error("a checkpoint with extension lines is not ours to sign")]
    Extensions,
}

impl Checkpoint {
    /// The tree of `size` leaves of the log `origin`, without extension lines.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        if origin.is_empty() || origin.contains(|c| c < ' ') {
            return Err(CheckpointError::Origin { origin });
        }
        if size > MAX_TREE_SIZE {
            return Err(CheckpointError::Size { size: size.to_string() });
        }
        if size == 0 && root != EMPTY_ROOT {
            return Err(CheckpointError::EmptyTreeRoot { root });
        }
        Ok(Self { origin, size, root, extensions: Vec::new() })
    }

    /// Parses a note's text. [`to_text`](Self::to_text) gives the same bytes back.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let mut next = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Lines);
        let (origin, size, root) = (next()?, next()?, next()?);
        let size =
            decimal::parse(size, MAX_TREE_SIZE).ok_or_else(|| CheckpointError::Size { size: size.to_owned() })?;
        let root = Hash::from_base64(root).map_err(|_| CheckpointError::Root { root: root.to_owned() })?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Lines);
        }
        Ok(Self { extensions, ..Self::new(origin, size, root)? })
    }

    /// The note text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Extension lines that another implementation wrote. "Not auditable": never rely on them.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs as the log. "The log's key name in its signature line SHOULD match the origin line": ours always does.
    pub fn sign(&self, log: &NoteSigner) -> Result<Note, CheckpointError> {
        self.check_origin(log.verifier().name())?;
        if !self.extensions.is_empty() {
            return Err(CheckpointError::Extensions);
        }
        Ok(log.sign(self.to_text())?)
    }

    /// Opens a checkpoint that `log` must have signed.
    pub fn open(note: &[u8], log: &Verifier) -> Result<Self, CheckpointError> {
        Self::open_witnessed(note, log, &[]).map(|opened| opened.checkpoint)
    }

    /// Opens a checkpoint that `log` must have signed, and finds which of `witnesses` cosigned it.
    pub fn open_witnessed(
        note: &[u8],
        log: &Verifier,
        witnesses: &[Verifier],
    ) -> Result<WitnessedCheckpoint, CheckpointError> {
        if log.algorithm() != Algorithm::Ed25519 {
            return Err(CheckpointError::NotALogKey { name: log.name().clone(), key_id: log.key_id() });
        }
        let note = Note::parse(note)?;
        let known: Vec<Verifier> = witnesses.iter().chain([log]).cloned().collect();
        let (by_log, others): (Vec<_>, Vec<_>) = note
            .verify(&known)?
            .into_iter()
            .partition(|signature| signature.name == *log.name() && signature.key_id == log.key_id());
        if by_log.is_empty() {
            return Err(CheckpointError::NotSignedByLog);
        }
        // Parsed only now: "The text MUST be ignored unless the note is signed by a trusted key".
        let checkpoint = Self::parse(note.text())?;
        checkpoint.check_origin(log.name())?;
        let cosignatures = others.into_iter().filter(|signature| signature.cosigned_at_s.is_some()).collect();
        Ok(WitnessedCheckpoint { checkpoint, cosignatures })
    }

    fn check_origin(&self, expected: &KeyName) -> Result<(), CheckpointError> {
        if self.origin == expected.as_str() {
            return Ok(());
        }
        Err(CheckpointError::OtherLog { expected: expected.clone(), actual: self.origin.clone() })
    }
}
