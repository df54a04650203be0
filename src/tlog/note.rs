//! Signed notes (C2SP signed-note v1.0.0).
//!
//! ```text
//! text, one or more lines ⏎
//! ⏎
//! — <key name> base64( u32be key id ‖ signature ) ⏎        one or more such lines
//! ```
//!
//! UTF-8, no ASCII control character but the newline. The *last* blank line separates text and signatures.
//!
//! [`Note::parse`] checks the form and no signature; [`Note::verify`] checks signatures of known keys: unknown ones
//! are ignored, one bad signature of a known key rejects the note, and one good one at least is needed. Texts of notes
//! mean nothing here: see [`super::checkpoint`].

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey};

use super::base64::decode_base64;
use super::key::{Algorithm, KeyError, KeyName, Verifier};

/// Most signature lines read. The specification wants 16 accepted; witnesses of a policy with spares stay below.
pub const MAX_SIGNATURES: usize = 64;

/// Most bytes in a note: [`MAX_SIGNATURES`] ML-DSA-44 cosignatures (2,432 bytes, 3,244 of base64) with their names,
/// and the text of a checkpoint.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;

/// "em dash (U+2014), space (U+0020)".
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Bytes of the key id before the signature proper.
const KEY_ID_BYTES: usize = 4;

/// A text and at least one signature line. Nothing says that the signatures are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_id: u32,
    signature: Vec<u8>,
}

/// A signature that a known key did make on the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// Who signed.
    pub name: KeyName,
    /// Label of the key.
    pub key_id: u32,
    /// For a cosignature, when its maker says it signed: seconds since 1970.
    pub cosigned_at_s: Option<u64>,
}

/// A note of which at least one known key vouches for the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedNote {
    /// The note, with the lines of unknown keys as well.
    pub note: Note,
    /// Known keys that signed, each once, in the order of their lines.
    pub verified: Vec<VerifiedSignature>,
}

/// Why bytes are no note, or a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Above [`MAX_NOTE_BYTES`].
    #[error("a note has at most {MAX_NOTE_BYTES} bytes, not {actual}")]
    TooLong {
        /// Bytes given.
        actual: usize,
    },
    /// "Signed notes MUST be valid UTF-8".
    #[error("a note is UTF-8")]
    Utf8,
    /// "MUST NOT contain any ASCII control characters … other than newline".
    #[error("control character {character:#04x} at byte {at}")]
    ControlCharacter {
        /// The character.
        character: u8,
        /// Its position in the note.
        at: usize,
    },
    /// Text or signatures do not end in a newline.
    #[error("a note's text and its signatures end in a newline")]
    FinalNewline,
    /// No blank line, or nothing behind the last one.
    #[error("a note has a blank line and signatures behind it")]
    Unsigned,
    /// A line behind the last blank line is not `— name base64`.
    #[error("signature line {line} is malformed")]
    SignatureLine {
        /// Line among the signatures, from 1.
        line: usize,
    },
    /// Above [`MAX_SIGNATURES`].
    #[error("a note has at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// Two known keys share name and key id: which of them signed can't be told.
    #[error("two different known keys are called {name}+{key_id:08x}")]
    AmbiguousKey {
        /// Their name.
        name: KeyName,
        /// Their key id.
        key_id: u32,
    },
    /// "If a signature from a known key fails to verify, clients SHOULD reject the whole note."
    #[error("the signature of {name}+{key_id:08x} does not verify")]
    BadSignature {
        /// Who is said to have signed.
        name: KeyName,
        /// Label of the key.
        key_id: u32,
    },
    /// "If no signature from a known key verifies successfully, clients MUST reject the note."
    #[error("no known key signed the note")]
    NoKnownSignature,
}

/// Parses a note and checks the signatures of the known keys.
pub fn open(note: &[u8], known: &[Verifier]) -> Result<OpenedNote, NoteError> {
    let note = Note::parse(note)?;
    let verified = note.verify(known)?;
    Ok(OpenedNote { note, verified })
}

impl Note {
    /// A note of that text with a first signature.
    pub fn new(text: impl Into<String>, first: NoteSignature) -> Result<Self, NoteError> {
        let text = text.into();
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::FinalNewline);
        }
        let note = Self { text, signatures: vec![first] };
        note.check_length()?;
        Ok(note)
    }

    /// Parses a note. Signatures are NOT verified.
    pub fn parse(note: &[u8]) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong { actual: note.len() });
        }
        let note = str::from_utf8(note).map_err(|_| NoteError::Utf8)?;
        check_characters(note)?;
        // "the text is separated from the signatures by the last empty line in the note"
        let (text_end, lines) = note
            .rfind("\n\n")
            .and_then(|blank| Some((blank + 1, note.get(blank + 2..)?)))
            .ok_or(NoteError::Unsigned)?;
        if lines.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let lines = lines.strip_suffix('\n').ok_or(NoteError::FinalNewline)?;
        let mut signatures = Vec::new();
        for (position, line) in lines.split('\n').enumerate() {
            if position >= MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature = NoteSignature::parse(line).ok_or(NoteError::SignatureLine { line: position + 1 })?;
            signatures.push(signature);
        }
        Ok(Self { text: note[..text_end].to_owned(), signatures })
    }

    /// The text, its final newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line, in the place of those that the same key left before.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let mut note = self.clone();
        note.signatures.retain(|line| line.name != signature.name || line.key_id != signature.key_id);
        if note.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        note.signatures.push(signature);
        note.check_length()?;
        *self = note;
        Ok(())
    }

    /// Checks every line of a known key; the keys that signed, each once. Fails on a bad line of a known key and
    /// when no known key signed.
    pub fn verify(&self, known: &[Verifier]) -> Result<Vec<VerifiedSignature>, NoteError> {
        let mut verified: Vec<VerifiedSignature> = Vec::new();
        for NoteSignature { name, key_id, signature } in &self.signatures {
            let mut called_so = known.iter().filter(|key| key.name() == name && key.key_id() == *key_id);
            // "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both)".
            let Some(key) = called_so.next() else { continue };
            if called_so.any(|other| other != key) {
                return Err(NoteError::AmbiguousKey { name: name.clone(), key_id: *key_id });
            }
            let cosigned_at_s = key
                .check(&self.text, signature)
                .map_err(|_| NoteError::BadSignature { name: name.clone(), key_id: *key_id })?;
            if !verified.iter().any(|seen| seen.name == *name && seen.key_id == *key_id) {
                verified.push(VerifiedSignature { name: name.clone(), key_id: *key_id, cosigned_at_s });
            }
        }
        if verified.is_empty() { Err(NoteError::NoKnownSignature) } else { Ok(verified) }
    }

    fn check_length(&self) -> Result<(), NoteError> {
        let actual = self.to_string().len();
        if actual > MAX_NOTE_BYTES { Err(NoteError::TooLong { actual }) } else { Ok(()) }
    }
}

impl fmt::Display for Note {
    /// The note's bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    /// A line of that key; `signature` is what follows the key id, and is not empty.
    pub(super) fn new(name: KeyName, key_id: u32, signature: Vec<u8>) -> Self {
        Self { name, key_id, signature }
    }

    /// Parses a line without its newline, as a witness returns them (tlog-witness).
    pub fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let name = KeyName::new(name).ok()?;
        let blob = decode_base64(blob)?;
        let (key_id, signature) = blob.split_first_chunk::<KEY_ID_BYTES>()?;
        (!signature.is_empty()).then(|| Self::new(name, u32::from_be_bytes(*key_id), signature.to_vec()))
    }

    /// Who is said to have signed.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Label of the key that is said to have signed.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [&self.key_id.to_be_bytes(), self.signature.as_slice()].concat();
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, BASE64.encode_display(&blob))
    }
}

/// A secret Ed25519 key and the name it signs notes under. Its `Debug` shows the public side only.
pub struct NoteSigner {
    key: SigningKey,
    verifier: Verifier,
}

impl NoteSigner {
    /// Signs as `name` with `key`.
    pub fn new(name: KeyName, key: SigningKey) -> Result<Self, KeyError> {
        let verifier = Verifier::new(name, Algorithm::Ed25519, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// What others need to check its signatures.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// A note of that text, signed.
    pub fn sign(&self, text: impl Into<String>) -> Result<Note, NoteError> {
        let text = text.into();
        // "Ed25519 signatures are generated according to RFC 8032 over the note text."
        let signature = self.key.sign(text.as_bytes()).to_vec();
        Note::new(text, NoteSignature::new(self.verifier.name().clone(), self.verifier.key_id(), signature))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier)
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().enumerate().find(|&(_, byte)| byte < b' ' && byte != b'\n') {
        Some((at, character)) => Err(NoteError::ControlCharacter { character, at }),
        None => Ok(()),
    }
}
