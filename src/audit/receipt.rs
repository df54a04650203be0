//! One event, verified with the log's key and nothing else (DESIGN §1.5).
//!
//! Two forms: the JSON receipt `{"id","index","recorded_at","leaf","proof"}`, and a bare `.tlog-proof` whose `extra` is the
//! leaf. What JSON repeats beside the leaf must be what the leaf says.
//!
//! ```text
//! leaf ─ hash ─ inclusion proof ─ root ─ checkpoint ─ signed by the log's key
//!   └─ the event's own signatures, by the keys that the leaf names
//! ```

use std::fmt;

use greffe_events::Event;
use greffe_events::horodatage::Horodatage;
use greffe_events::leaf::Leaf;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::report::NotChecked;
use crate::tlog::note::{Note, NoteError};
use crate::tlog::proof::MAX_PROOF_BYTES;
use crate::tlog::{CheckpointError, TlogProof, TlogProofError, Verifier, decode_base64, leaf_hash};

/// Largest receipt: a proof, a leaf in base64, the JSON around them with escaped line feeds.
pub const RECEIPT_BYTES_MAX: usize = 2 * MAX_PROOF_BYTES;

/// Why a receipt proves nothing.
#[derive(Debug, Error)]
pub enum ReceiptError {
    /// Above [`RECEIPT_BYTES_MAX`].
    #[error("a receipt has at most {RECEIPT_BYTES_MAX} bytes, not {0}")]
    TooLarge(usize),
    /// Neither form.
    #[error("neither a JSON receipt nor a .tlog-proof: {0}")]
    Form(String),
    /// The leaf is not there, twice there and different, or not base64.
    #[error("the leaf: {0}")]
    LeafMissing(String),
    /// Proof or checkpoint.
    #[error("{0}")]
    Proof(#[from] TlogProofError),
    /// The checkpoint is signed, and not by the key given.
    #[error("signed by {}, not by {expected}: {}", signers.join(", "), other_key_hint(*is_same_name))]
    OtherKey {
        /// The log's key, as it was given: the vkey.
        expected: String,
        /// Who signed: the name and the id of each key.
        signers: Vec<String>,
        /// Whether one of them has the name of the key given.
        is_same_name: bool,
    },
    /// The bytes are in the log, but are no leaf of ours.
    #[error("the leaf is malformed: {0}")]
    Leaf(#[from] greffe_events::leaf::LeafError),
    /// The event's signatures, or the event.
    #[error("the event: {0}")]
    Event(greffe_events::Refusal),
    /// The JSON says something else than the leaf.
    #[error("{field} says {stated}, the leaf says {actual}")]
    Repeated {
        /// Which.
        field: &'static str,
        /// In the JSON.
        stated: String,
        /// In the leaf or the proof.
        actual: String,
    },
}

fn other_key_hint(is_same_name: bool) -> &'static str {
    if is_same_name {
        "the log has several keys, one after the other: verify with the one that was its own when the receipt was made"
    } else {
        "the receipt is of another log"
    }
}

impl ReceiptError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "receipt-too-large",
            Self::Form(_) => "receipt-malformed",
            Self::LeafMissing(_) => "receipt-leaf",
            Self::Proof(_) => "receipt-proof",
            Self::OtherKey { .. } => "receipt-other-key",
            Self::Leaf(_) => "leaf-malformed",
            Self::Event(refusal) => refusal.code.as_str(),
            Self::Repeated { .. } => "receipt-contradicts-leaf",
        }
    }
}

/// A key that signed the event, and nothing about its right to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// `ed25519:<hex>`.
    pub keyid: String,
}

/// What a good receipt proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptReport {
    /// The log.
    pub origin: String,
    /// Position in it.
    pub index: u64,
    /// When the log says that it recorded it.
    pub recorded_at: Horodatage,
    /// The event's id.
    pub id: String,
    /// In whose name it speaks.
    pub source: String,
    /// What it is about.
    pub subject: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it says that it was signed.
    pub time: Horodatage,
    /// The keys that signed it, in order.
    pub signers: Vec<Signer>,
    /// Leaves of the tree that the log signed.
    pub size: u64,
    /// Its root, base64.
    pub root: String,
    /// The event, as it was signed.
    #[serde(skip)]
    pub payload: Vec<u8>,
    /// What is proved, in English.
    pub proved: Vec<String>,
    /// What was not looked at.
    pub not_checked: Vec<NotChecked>,
}

/// The JSON form, as it was read.
#[derive(Deserialize)]
struct Wire {
    id: String,
    index: u64,
    recorded_at: String,
    leaf: String,
    proof: String,
}

/// Verifies a receipt of either form with the log's key.
pub fn verify_receipt(receipt: &[u8], log: &Verifier) -> Result<ReceiptReport, ReceiptError> {
    if receipt.len() > RECEIPT_BYTES_MAX {
        return Err(ReceiptError::TooLarge(receipt.len()));
    }
    if receipt.starts_with(b"c2sp.org/tlog-proof@") {
        let proof = TlogProof::parse(receipt)?;
        let leaf = proof.extra().map(<[u8]>::to_vec);
        let leaf = leaf.ok_or_else(|| {
            ReceiptError::LeafMissing("the proof has no extra line: it proves a leaf that is not here".to_owned())
        })?;
        return verify(&leaf, &proof, log);
    }
    let wire: Wire = serde_json::from_slice(receipt).map_err(|error| ReceiptError::Form(error.to_string()))?;
    let proof = TlogProof::parse(wire.proof.as_bytes())?;
    let leaf = decode_base64(&wire.leaf).ok_or_else(|| ReceiptError::LeafMissing("not base64".to_owned()))?;
    if proof.extra().is_some_and(|extra| extra != leaf) {
        return Err(ReceiptError::LeafMissing("the proof's extra line is another leaf".to_owned()));
    }
    let report = verify(&leaf, &proof, log)?;
    repeats("index", wire.index.to_string(), report.index.to_string())?;
    repeats("id", wire.id, report.id.clone())?;
    // As text: whoever reads it in the JSON reads the leaf's instant, in its one spelling.
    repeats("recorded_at", wire.recorded_at, report.recorded_at.to_string())?;
    Ok(report)
}

fn repeats(field: &'static str, stated: String, actual: String) -> Result<(), ReceiptError> {
    if stated == actual { Ok(()) } else { Err(ReceiptError::Repeated { field, stated, actual }) }
}

fn verify(bytes: &[u8], proof: &TlogProof, log: &Verifier) -> Result<ReceiptReport, ReceiptError> {
    let checkpoint = proof.verify(&leaf_hash(bytes), log).map_err(|error| match error {
        TlogProofError::Checkpoint(CheckpointError::Note(NoteError::NoKnownSignature)) => other_key(proof, log, error),
        error => error.into(),
    })?;
    let leaf = Leaf::decode(bytes)?;
    leaf.envelope.verify().map_err(ReceiptError::Event)?;
    let event = Event::of(&leaf.envelope).map_err(ReceiptError::Event)?;
    repeats("registre", event.registre.as_str().to_owned(), checkpoint.origin().to_owned())?;
    event.check_time(leaf.recorded_at_ms).map_err(ReceiptError::Event)?;
    let index = proof.index();
    let (origin, size) = (checkpoint.origin().to_owned(), checkpoint.size());
    let signers: Vec<_> = leaf.envelope.signers().map(|key| Signer { keyid: key.to_string() }).collect();
    let keys = signers.iter().map(|signer| signer.keyid.as_str()).collect::<Vec<_>>().join(", ");
    let proved = vec![
        format!("the holder of the key {log} signed a tree of {size} leaves in which this is leaf {index}"),
        format!("the event was signed by {keys}, for the log {origin}, and no byte of it changed since"),
    ];
    let not_checked = vec![
        NotChecked::new(
            "right-to-sign",
            "that these keys belong to that organisation and had the right to sign: the key events before this one prove it",
        ),
        NotChecked::new("dossier", "what came before and after in its dossier, a later revocation or erasure included"),
        NotChecked::new("timestamps", "that the time of recording is true: it is the operator's word"),
        NotChecked::new("same-for-everybody", "that the operator showed everybody the same log"),
        NotChecked::new("witnesses", "witnesses: no cosignature was looked for"),
        NotChecked::new("pieces", "the files that the event cites"),
    ];
    Ok(ReceiptReport {
        origin,
        index,
        recorded_at: Horodatage::from_unix_ms(leaf.recorded_at_ms),
        id: event.id.to_string(),
        source: event.source.to_string(),
        subject: event.subject.as_str().to_owned(),
        event_type: event.data.event_type().as_str().to_owned(),
        time: event.time,
        signers,
        size,
        root: checkpoint.root().to_string(),
        payload: leaf.envelope.payload().to_vec(),
        proved,
        not_checked,
    })
}

fn other_key(proof: &TlogProof, log: &Verifier, error: TlogProofError) -> ReceiptError {
    let Ok(note) = Note::parse(proof.checkpoint().as_bytes()) else { return error.into() };
    let signers = note.signatures();
    ReceiptError::OtherKey {
        expected: log.to_string(),
        is_same_name: signers.iter().any(|signer| signer.name() == log.name()),
        signers: signers.iter().map(|signer| format!("{}+{:08x}", signer.name(), signer.key_id())).collect(),
    }
}

impl fmt::Display for ReceiptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The receipt is verified / Le récépissé est vérifié")?;
        writeln!(f, "log: {}", self.origin)?;
        writeln!(f, "leaf: {} of {}", self.index, self.size)?;
        writeln!(f, "recorded at: {}", self.recorded_at)?;
        writeln!(f, "event: {} {}", self.event_type, self.id)?;
        writeln!(f, "source: {}", self.source)?;
        writeln!(f, "subject: {}", self.subject)?;
        writeln!(f, "signed at: {}", self.time)?;
        self.signers.iter().try_for_each(|signer| writeln!(f, "signed by: {}", signer.keyid))?;
        self.proved.iter().try_for_each(|proved| writeln!(f, "proved: {proved}"))?;
        self.not_checked.iter().try_for_each(|not| writeln!(f, "not checked: {}", not.detail))
    }
}
