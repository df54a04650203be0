//! Hashes of the Merkle tree (RFC 6962 §2.1).
//!
//! ```text
//! leaf hash  = SHA-256( 0x00 ‖ leaf )
//! node hash  = SHA-256( 0x01 ‖ left (32) ‖ right (32) )
//! empty tree = SHA-256( "" )
//! ```
//!
//! The two prefixes keep a leaf from ever passing for a node (second preimages). In text a hash is standard,
//! padded base64 (tlog-checkpoint, tlog-proof). Which hashes go together is the business of [`super::tree`].

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use super::base64::decode_base64;

/// Bytes in a SHA-256 hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash: of a leaf, of an inner node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

/// The root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Why a text is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Not canonical, padded, standard base64 (RFC 4648 §4; stray bits after the end are refused, §3.5).
    #[error("a hash must be standard base64")]
    Base64,
    /// Not 32 bytes once decoded.
    #[error("a hash has 32 bytes, not {actual}")]
    Length {
        /// Bytes found.
        actual: usize,
    },
}

/// Hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(leaf);
    Hash(hasher.finalize().into())
}

/// Hash of the node whose children are `left` and `right`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    // One buffer, one call: this runs about once for each leaf of the log and twenty times a proof.
    let mut preimage = [0x01; 1 + 2 * HASH_BYTES];
    preimage[1..=HASH_BYTES].copy_from_slice(&left.0);
    preimage[1 + HASH_BYTES..].copy_from_slice(&right.0);
    Hash(Sha256::digest(preimage).into())
}

impl Hash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Lowercase hexadecimal, as our JSON writes digests.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Parses what [`Display`](fmt::Display) writes, and nothing else.
    pub fn from_base64(text: &str) -> Result<Self, HashError> {
        let bytes = decode_base64(text).ok_or(HashError::Base64)?;
        Self::try_from(bytes.as_slice())
    }
}

impl From<[u8; HASH_BYTES]> for Hash {
    fn from(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = HashError;

    fn try_from(bytes: &[u8]) -> Result<Self, HashError> {
        <[u8; HASH_BYTES]>::try_from(bytes).map(Self).map_err(|_| HashError::Length { actual: bytes.len() })
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::from_base64(text)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BASE64.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}
