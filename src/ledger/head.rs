//! The published head of the log, and receipts against it.

use data_encoding::BASE64;
use greffe_events::horodatage::Horodatage;
use greffe_events::leaf::Leaf;
use serde::{Deserialize, Serialize};

use crate::tlog::{Hash, TlogProof, TlogProofError, Verifier};

/// The tree as last signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// The signed checkpoint (c2sp.org/tlog-checkpoint).
    pub checkpoint: String,
    /// Whose signature it bears: the log's key of that size.
    pub verifier: Verifier,
}

/// Proof that an event is in the log, verifiable with the log's public key and nothing else.
///
/// `{"id","index","recorded_at","leaf":"<base64>","proof":"<tlog-proof text>"}`. The leaf is what is proved; id,
/// index and instant repeat what it says, for whoever does not want to read bytes. Never trust them alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Recu")]
pub struct Receipt {
    /// The event's id.
    pub id: String,
    /// Position in the log.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Horodatage,
    /// The leaf, standard base64.
    pub leaf: String,
    /// The proof (c2sp.org/tlog-proof), without `extra`.
    pub proof: String,
}

impl Receipt {
    /// Puts one together.
    pub fn new(id: String, leaf: &[u8], recorded_at_ms: u64, proof: &TlogProof) -> Self {
        Self {
            id,
            index: proof.index(),
            recorded_at: Horodatage::from_unix_ms(recorded_at_ms),
            leaf: BASE64.encode(leaf),
            proof: proof.text(),
        }
    }

    /// The bare `.tlog-proof`: the same proof, with the leaf as its `extra` line, so that the file verifies alone.
    pub fn to_tlog_proof(&self) -> Result<String, TlogProofError> {
        let leaf = BASE64.decode(self.leaf.as_bytes()).unwrap_or_default();
        Ok(TlogProof::parse(self.proof.as_bytes())?.with_extra(leaf)?.to_string())
    }
}

/// The id of a leaf's event, for its receipt; a leaf of the log always has one.
pub fn id_of(leaf: &Leaf) -> String {
    let claimed = greffe_events::event::ClaimedIdentity::of(leaf.envelope.payload());
    claimed.id.map(|id| id.to_string()).unwrap_or_default()
}
