//! The published head of the log, and receipts against it.

use data_encoding::BASE64;
use greffe_events::horodatage::Horodatage;
use greffe_events::leaf::Leaf;
use serde::{Deserialize, Serialize};

use crate::tlog::{Hash, TlogProof, TlogProofError, Verifier, write_proof};

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

    /// Writes the JSON of [`Receipt::new`], byte for byte, without making its texts: no character of theirs has another spelling
    /// in JSON but the ends of lines. `checkpoint_json` is the proof's checkpoint inside a JSON string, [`in_json`].
    pub fn write_json(
        text: &mut String,
        id: &str,
        leaf: &[u8],
        recorded_at_ms: u64,
        (index, hashes): (u64, &[Hash]),
        checkpoint_json: &str,
    ) {
        text.reserve(256 + leaf.len().div_ceil(3) * 4 + hashes.len() * 46 + checkpoint_json.len());
        text.push_str("{\"id\":\"");
        text.push_str(id);
        text.push_str("\",\"index\":");
        text.push_str(&index.to_string());
        text.push_str(",\"recorded_at\":\"");
        text.push_str(&Horodatage::from_unix_ms(recorded_at_ms).to_string());
        text.push_str("\",\"leaf\":\"");
        BASE64.encode_append(leaf, text);
        text.push_str("\",\"proof\":\"");
        write_proof(text, "\\n", None, index, hashes, checkpoint_json);
        text.push_str("\"}");
    }

    /// The bare `.tlog-proof`: the same proof, with the leaf as its `extra` line, so that the file verifies alone.
    pub fn to_tlog_proof(&self) -> Result<String, TlogProofError> {
        let leaf = BASE64.decode(self.leaf.as_bytes()).unwrap_or_default();
        Ok(TlogProof::parse(self.proof.as_bytes())?.with_extra(leaf)?.to_string())
    }
}

/// A text as it stands between the quotes of a JSON string.
pub fn in_json(text: &str) -> String {
    // A text always serialises.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// The id of a leaf's event, for its receipt; a leaf of the log always has one.
pub fn id_of(leaf: &Leaf) -> String {
    let claimed = greffe_events::event::ClaimedIdentity::of(leaf.envelope.payload());
    claimed.id.map(|id| id.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_receipt_written_at_once_has_the_bytes_of_one_made_first() {
        let root = Hash::from_bytes([7; 32]).to_string();
        let checkpoint =
            format!("commune.example\n1000\n{root}\n\n\u{2014} commune.example {}\n", BASE64.encode(&[3; 68]));
        for (index, hashes, leaf, ms) in [
            (0, vec![], &b""[..], 0),
            (999, vec![Hash::from_bytes([1; 32]), Hash::from_bytes([0xff; 32])], b"leaf!", 1_795_169_730_007),
        ] {
            let proof = TlogProof::new(index, hashes.clone(), checkpoint.clone()).unwrap();
            let made = Receipt::new("an-id".to_owned(), leaf, ms, &proof);
            let mut written = String::new();
            Receipt::write_json(&mut written, "an-id", leaf, ms, (index, &hashes), &in_json(&checkpoint));
            assert_eq!(written, serde_json::to_string(&made).unwrap());
        }
        assert_eq!(in_json("\"\\\n\t\u{1}é"), r#"\"\\\n\t\u0001é"#);
    }
}
