//! Leaf v1: the stored record, and what the Merkle tree hashes.
//!
//! Big-endian, at most 65,535 bytes (the length prefix of a C2SP entry):
//!
//! ```text
//! u8  version = 1            implies payloadType and SHA-256
//! u64 recorded_at            Unix ms, never decreasing along the log
//! u64 received_at            Unix ms, last byte of the request read; ≤ recorded_at
//! u64 previous               1 + index of the preceding leaf of the same subject; 0 = opens the dossier
//! u64 rank                   number of earlier leaves of the same source
//! u8  n (1..4)
//! n × ( u8 algorithm = 1 Ed25519 | 32-byte public key | 64-byte signature )
//! payload bytes (the event) to the end
//! ```
//!
//! One value has one encoding and the other way round. Reading checks the form only: signatures, the event
//! inside, `previous` and `rank` are checked by those who know the rest of the log (`ledger`, `audit`).

use thiserror::Error;

use crate::dsse::{Envelope, PAYLOAD_BYTES_MAX, SIGNATURES_MAX};
use crate::key::{KeyId, Signature};
use crate::refusal::Refusal;

/// The version byte.
pub const LEAF_VERSION: u8 = 1;

/// The algorithm byte of Ed25519.
pub const ALGORITHM_ED25519: u8 = 1;

/// Largest leaf, in bytes.
pub const LEAF_BYTES_MAX: usize = 65_535;

const FIXED_BYTES: usize = 1 + 4 * 8 + 1;
const SIGNATURE_BYTES: usize = 1 + 32 + 64;

// The largest payload with the most signatures still fits: checked by the compiler.
const _: () = assert!(FIXED_BYTES + SIGNATURES_MAX * SIGNATURE_BYTES + PAYLOAD_BYTES_MAX <= LEAF_BYTES_MAX);

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// When the log recorded it, Unix milliseconds.
    pub recorded_at_ms: u64,
    /// When the last byte of the request had been read, Unix milliseconds.
    pub received_at_ms: u64,
    /// The preceding leaf of the same dossier.
    pub previous: Option<u64>,
    /// Number of earlier leaves of the same source.
    pub rank: u64,
    /// What was signed, and the signatures.
    pub envelope: Envelope,
}

/// Why bytes are not a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LeafError {
    /// Longer than a C2SP entry can be.
    #[error("a leaf has at most {LEAF_BYTES_MAX} bytes, got {0}")]
    TooLong(usize),
    /// Ends before its fields do.
    #[error("the leaf ends after {0} bytes, in the middle of its fields")]
    Truncated(usize),
    /// Another version.
    #[error("leaf version {0} is not known")]
    Version(u8),
    /// Another signature algorithm.
    #[error("signature algorithm {0} is not known")]
    Algorithm(u8),
    /// Received after it was recorded.
    #[error("received_at {received_at_ms} is after recorded_at {recorded_at_ms}")]
    ReceivedLater {
        /// Unix ms.
        received_at_ms: u64,
        /// Unix ms.
        recorded_at_ms: u64,
    },
    /// Number of signatures, a repeated key, or the payload's own rules.
    #[error("{0}")]
    Envelope(Refusal),
}

/// A leaf's fields as they stand in its bytes, whatever the payload is: for those who keep a leaf in another shape and
/// build the same bytes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields<'a> {
    /// When the log recorded it, Unix milliseconds.
    pub recorded_at_ms: u64,
    /// When the last byte of the request had been read, Unix milliseconds.
    pub received_at_ms: u64,
    /// The preceding leaf of the same dossier; below `u64::MAX`.
    pub previous: Option<u64>,
    /// Number of earlier leaves of the same source.
    pub rank: u64,
    /// Keys and signatures, in order; at most 255.
    pub signatures: Vec<(KeyId, Signature)>,
    /// The event's bytes.
    pub payload: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode((self.recorded_at_ms, self.received_at_ms, self.previous, self.rank), &self.signatures, self.payload)
    }

    /// Reads the bytes; the payload's own rules and the number of signatures are not checked.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, LeafError> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLong(bytes.len()));
        }
        let mut rest = Reader { bytes, total: bytes.len() };
        let (recorded_at_ms, received_at_ms, previous, rank) = rest.numbers()?;
        let [count] = rest.take()?;
        if received_at_ms > recorded_at_ms {
            return Err(LeafError::ReceivedLater { received_at_ms, recorded_at_ms });
        }
        let mut signatures = Vec::with_capacity(SIGNATURES_MAX);
        for _ in 0..count {
            let [algorithm] = rest.take()?;
            if algorithm != ALGORITHM_ED25519 {
                return Err(LeafError::Algorithm(algorithm));
            }
            signatures.push((KeyId(rest.take()?), Signature(rest.take()?)));
        }
        Ok(Self { recorded_at_ms, received_at_ms, previous, rank, signatures, payload: rest.bytes })
    }
}

impl Leaf {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let numbers = (self.recorded_at_ms, self.received_at_ms, self.previous, self.rank);
        encode(numbers, self.envelope.signatures(), self.envelope.payload())
    }

    /// Reads the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        Self::read(bytes, Envelope::new)
    }

    /// The same, for bytes that our own log holds: that the payload is I-JSON was checked when it was admitted, and is not
    /// checked again.
    pub fn decode_recorded(bytes: &[u8]) -> Result<Self, LeafError> {
        Self::read(bytes, Envelope::assemble)
    }

    /// The leaf that these bytes were made of, by whoever still has its envelope: its numbers are all that is read.
    pub(crate) fn around(envelope: Envelope, bytes: &[u8]) -> Result<Self, LeafError> {
        let (recorded_at_ms, received_at_ms, previous, rank) = Reader { bytes, total: bytes.len() }.numbers()?;
        Ok(Self { recorded_at_ms, received_at_ms, previous, rank, envelope })
    }

    fn read(
        bytes: &[u8],
        envelope: impl FnOnce(Vec<u8>, Vec<(KeyId, Signature)>) -> Result<Envelope, Refusal>,
    ) -> Result<Self, LeafError> {
        let Fields { recorded_at_ms, received_at_ms, previous, rank, signatures, payload } = Fields::decode(bytes)?;
        let envelope = envelope(payload.to_vec(), signatures).map_err(LeafError::Envelope)?;
        Ok(Self { recorded_at_ms, received_at_ms, previous, rank, envelope })
    }
}

/// The numbers of a leaf, in their order: recorded, received, previous, rank.
type Numbers = (u64, u64, Option<u64>, u64);

/// Writes the fields in their order.
fn encode(numbers: Numbers, signatures: &[(KeyId, Signature)], payload: &[u8]) -> Vec<u8> {
    let (recorded_at_ms, received_at_ms, previous, rank) = numbers;
    let mut bytes = Vec::with_capacity(FIXED_BYTES + signatures.len() * SIGNATURE_BYTES + payload.len());
    bytes.push(LEAF_VERSION);
    bytes.extend_from_slice(&recorded_at_ms.to_be_bytes());
    bytes.extend_from_slice(&received_at_ms.to_be_bytes());
    bytes.extend_from_slice(&previous.map_or(0, |index| index + 1).to_be_bytes());
    bytes.extend_from_slice(&rank.to_be_bytes());
    // An envelope holds 1 to 4 signatures.
    bytes.push(u8::try_from(signatures.len()).unwrap_or(u8::MAX));
    for (key, signature) in signatures {
        bytes.push(ALGORITHM_ED25519);
        bytes.extend_from_slice(&key.0);
        bytes.extend_from_slice(&signature.0);
    }
    bytes.extend_from_slice(payload);
    bytes
}

struct Reader<'a> {
    bytes: &'a [u8],
    total: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], LeafError> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or(LeafError::Truncated(self.total))?;
        self.bytes = rest;
        Ok(*head)
    }

    /// The version, which must be ours, and the numbers after it.
    fn numbers(&mut self) -> Result<Numbers, LeafError> {
        let [version] = self.take()?;
        if version != LEAF_VERSION {
            return Err(LeafError::Version(version));
        }
        let mut number = || self.take().map(u64::from_be_bytes);
        Ok((number()?, number()?, number()?.checked_sub(1), number()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::key::SecretKey;
    use proptest::prelude::*;

    fn leaf(seeds: &[u8], previous: Option<u64>) -> Leaf {
        let keys: Vec<_> = seeds.iter().map(|seed| SecretKey::from_seed(&[*seed; 32])).collect();
        let envelope = Envelope::sign(br#"{"a":1}"#.to_vec(), &keys.iter().collect::<Vec<_>>()).unwrap();
        Leaf { recorded_at_ms: 2_000, received_at_ms: 1_999, previous, rank: 7, envelope }
    }

    #[test]
    fn each_field_has_its_place_and_each_fault_its_name() {
        let bytes = leaf(&[1, 2], Some(4)).encode();
        assert_eq!(bytes.len(), FIXED_BYTES + 2 * SIGNATURE_BYTES + 7);
        assert_eq!(bytes[1..9], 2_000_u64.to_be_bytes());
        assert_eq!(bytes[17..25], 5_u64.to_be_bytes());
        let altered = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            Leaf::decode(&bytes)
        };
        assert_eq!(altered(0, 2), Err(LeafError::Version(2)));
        assert_eq!(altered(34, 2), Err(LeafError::Algorithm(2)));
        assert!(matches!(altered(9, 1), Err(LeafError::ReceivedLater { .. })));
        for count in [0, 1, 3, 5, 255] {
            assert!(altered(33, count).is_err(), "{count} signatures");
        }
        for cut in 0..FIXED_BYTES + 2 * SIGNATURE_BYTES {
            assert!(matches!(Leaf::decode(&bytes[..cut]), Err(LeafError::Truncated(_))), "cut at {cut}");
        }
        assert!(matches!(Leaf::decode(&bytes[..bytes.len() - 1]), Err(LeafError::Envelope(_))));
        assert_eq!(Leaf::decode(&vec![1; LEAF_BYTES_MAX + 1]), Err(LeafError::TooLong(LEAF_BYTES_MAX + 1)));
    }

    proptest! {
        #[test]
        fn one_value_has_one_encoding(seeds in proptest::collection::hash_set(any::<u8>(), 1..=4), previous in proptest::option::of(0..u64::MAX)) {
            let leaf = leaf(&seeds.into_iter().collect::<Vec<_>>(), previous);
            prop_assert_eq!(&Leaf::decode(&leaf.encode()).unwrap(), &leaf);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..200, value: u8) {
            if let Ok(leaf) = Leaf::decode(&bytes) {
                prop_assert_eq!(leaf.encode(), bytes);
            }
            let mut near = leaf(&[3], None).encode();
            let at = at % near.len();
            near[at] = value;
            if let Ok(leaf) = Leaf::decode(&near) {
                prop_assert_eq!(leaf.encode(), near);
            }
        }
    }
}
