//! Proofs that a leaf is in a log, for verification offline (C2SP tlog-proof). Files end in `.tlog-proof`.
//!
//! ```text
//! c2sp.org/tlog-proof@v1 ⏎
//! [extra <base64> ⏎]                    opaque, authenticated by nothing
//! index <leaf index> ⏎
//! <base64 hash> ⏎ …                     inclusion proof, from the leaf's sibling to the root's child
//! ⏎
//! <checkpoint, verbatim>                super::checkpoint
//! ```
//!
//! Parsing checks the form, of the checkpoint too, and no signature; [`TlogProof::verify`] checks everything, for the
//! leaf hash that the caller computed from the leaf itself. What the leaf says is beyond this module.

use std::fmt;

use data_encoding::BASE64;

use super::base64::decode_base64;
use super::checkpoint::{Checkpoint, CheckpointError, WitnessedCheckpoint};
use super::decimal;
use super::hash::Hash;
use super::key::Verifier;
use super::note::{MAX_NOTE_BYTES, Note};
use super::tree::{MAX_PROOF_HASHES, MAX_TREE_SIZE};
use super::verify::{ProofError, verify_inclusion};

/// Most bytes of extra data: what an entry bundle's entry may hold, since extra data may stand for a leaf.
pub const MAX_EXTRA_BYTES: usize = u16::MAX as usize;

/// Most bytes in a proof: the fixed lines (128), extra data in base64, the hashes (45 each), a note.
pub const MAX_PROOF_BYTES: usize = 128 + MAX_EXTRA_BYTES.div_ceil(3) * 4 + MAX_PROOF_HASHES * 45 + MAX_NOTE_BYTES;

/// "The first line MUST be the string".
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A leaf's index, its inclusion proof and the checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: String,
}

/// Why bytes are no proof, or one proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Above [`MAX_PROOF_BYTES`].
    #[error("a tlog-proof has at most {MAX_PROOF_BYTES} bytes, not {actual}")]
    TooLong {
        /// Bytes given.
        actual: usize,
    },
    /// Not UTF-8.
    #[error("a tlog-proof is UTF-8")]
    Utf8,
    /// Another format, or another version of this one.
    #[error("a tlog-proof begins with the line {HEADER}")]
    Header,
    /// Not base64, empty, or above [`MAX_EXTRA_BYTES`].
    #[error("extra data is 1 to {MAX_EXTRA_BYTES} bytes in base64")]
    Extra,
    /// No `index` line where it must be, not a canonical decimal number, or above the largest tree.
    #[error("the leaf's index is missing or malformed")]
    Index,
    /// Not the base64 of 32 bytes.
    #[error("hash {position} of the proof is malformed")]
    Hash {
        /// Position, from 0.
        position: usize,
    },
    /// More than the largest tree needs.
    #[error("a proof has at most {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// No blank line before the checkpoint.
    #[error("the checkpoint is missing")]
    CheckpointMissing,
    /// The checkpoint is malformed or not the log's.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The hashes do not lead from the leaf to the checkpoint's root.
    #[error("inclusion: {0}")]
    Inclusion(#[from] ProofError),
}

impl TlogProof {
    /// A proof for leaf `index`; `checkpoint` is the note's bytes, which are kept verbatim.
    pub fn new(index: u64, hashes: Vec<Hash>, checkpoint: impl Into<String>) -> Result<Self, TlogProofError> {
        let checkpoint = checkpoint.into();
        let note = Note::parse(checkpoint.as_bytes()).map_err(CheckpointError::Note)?;
        Checkpoint::parse(note.text())?;
        Self { extra: None, index: 0, hashes: Vec::new(), checkpoint }.of_leaf(index, hashes)
    }

    /// The proof of another leaf under the same checkpoint.
    pub fn of_leaf(&self, index: u64, hashes: Vec<Hash>) -> Result<Self, TlogProofError> {
        if index >= MAX_TREE_SIZE {
            return Err(TlogProofError::Index);
        }
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(TlogProofError::TooManyHashes);
        }
        Ok(Self { extra: None, index, hashes, checkpoint: self.checkpoint.clone() })
    }

    /// Adds opaque extra data, 1 to [`MAX_EXTRA_BYTES`] bytes ("If no extra data is present, this line is omitted").
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, TlogProofError> {
        if extra.is_empty() || extra.len() > MAX_EXTRA_BYTES {
            return Err(TlogProofError::Extra);
        }
        Ok(Self { extra: Some(extra), ..self })
    }

    /// Parses a `.tlog-proof`. Neither signatures nor hashes are verified. `to_string` gives the same bytes back.
    pub fn parse(proof: &[u8]) -> Result<Self, TlogProofError> {
        if proof.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::TooLong { actual: proof.len() });
        }
        let proof = str::from_utf8(proof).map_err(|_| TlogProofError::Utf8)?;
        let after_header = proof.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let after_header = after_header.ok_or(TlogProofError::Header)?;
        let (lines, checkpoint) = after_header.split_once("\n\n").ok_or(TlogProofError::CheckpointMissing)?;
        let mut lines = lines.split('\n').peekable();
        let extra = lines.next_if(|line| line.starts_with("extra ")).and_then(|line| line.strip_prefix("extra "));
        let extra = extra.map(|extra| decode_base64(extra).ok_or(TlogProofError::Extra)).transpose()?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|index| decimal::parse(index, MAX_TREE_SIZE)).ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        for (position, line) in lines.enumerate() {
            if position >= MAX_PROOF_HASHES {
                return Err(TlogProofError::TooManyHashes);
            }
            hashes.push(Hash::from_base64(line).map_err(|_| TlogProofError::Hash { position })?);
        }
        let parsed = Self::new(index, hashes, checkpoint)?;
        match extra {
            Some(extra) => parsed.with_extra(extra),
            None => Ok(parsed),
        }
    }

    /// The bytes of a `.tlog-proof`.
    pub fn text(&self) -> String {
        let extra = self.extra.as_ref().map_or(0, |extra| extra.len().div_ceil(3) * 4);
        let mut text = String::with_capacity(128 + extra + self.hashes.len() * 45 + self.checkpoint.len());
        write_proof(&mut text, "\n", self.extra.as_deref(), self.index, &self.hashes, &self.checkpoint);
        text
    }

    /// Index of the leaf.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The checkpoint, a signed note, verbatim.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Extra data: "Applications MUST NOT implicitly trust" it.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Checks that `log` signed a tree that has this leaf at this index; the checkpoint of that tree.
    pub fn verify(&self, leaf_hash: &Hash, log: &Verifier) -> Result<Checkpoint, TlogProofError> {
        self.verify_witnessed(leaf_hash, log, &[]).map(|opened| opened.checkpoint)
    }

    /// Checks the same, and finds which of `witnesses` cosigned the checkpoint.
    pub fn verify_witnessed(
        &self,
        leaf_hash: &Hash,
        log: &Verifier,
        witnesses: &[Verifier],
    ) -> Result<WitnessedCheckpoint, TlogProofError> {
        let opened = Checkpoint::open_witnessed(self.checkpoint.as_bytes(), log, witnesses)?;
        let checkpoint = &opened.checkpoint;
        verify_inclusion(leaf_hash, self.index, checkpoint.size(), &self.hashes, &checkpoint.root())?;
        Ok(opened)
    }
}

/// Writes a proof whose lines end as `newline` says. In a JSON string that is `\n`, and `checkpoint` as JSON writes it: nothing
/// else of a proof has another spelling there.
pub(crate) fn write_proof(
    text: &mut String,
    newline: &str,
    extra: Option<&[u8]>,
    index: u64,
    hashes: &[Hash],
    checkpoint: &str,
) {
    text.push_str(HEADER);
    text.push_str(newline);
    if let Some(extra) = extra {
        text.push_str("extra ");
        BASE64.encode_append(extra, text);
        text.push_str(newline);
    }
    text.push_str("index ");
    text.push_str(&index.to_string());
    for hash in hashes {
        text.push_str(newline);
        BASE64.encode_append(hash.as_bytes(), text);
    }
    text.push_str(newline);
    text.push_str(newline);
    text.push_str(checkpoint);
}

impl fmt::Display for TlogProof {
    /// The bytes of a `.tlog-proof`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
