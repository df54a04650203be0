//! A leaf as a record of the stream, and back, byte for byte.
//!
//! ```text
//! leaf v1                           record
//! payload (the event's JSON)   ──►  data, unchanged; content type application/json, so that KurrentDB's own screens show it
//! the event's `type`           ──►  event type
//! everything before it         ──►  custom metadata: {"recorded_at","received_at","previous","rank","signatures":[{"keyid","sig"}]}
//! SHA-256(u64 index ‖ leaf)    ──►  event id, as a UUIDv8 of its first 16 bytes
//! index                        ──►  revision
//! ```
//!
//! The id binds the record to its place and to every byte of its leaf. The server's idempotence compares ids alone: with an id of the
//! poster's, an append that two nodes made of the same event with different times would "succeed" for both, and fork the log.
//! For the same reason a record whose id is not that of the leaf that it holds is no leaf of ours: written by somebody
//! else, or overwritten since.
//!
//! Pure: no I/O. Signatures, and the event inside, are others' matter.

use std::borrow::Cow;

use data_encoding::BASE64;
use eventstore::EventData;
use greffe_events::Uuid;
use greffe_events::key::{KeyId, Signature};
use greffe_events::leaf::Fields;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Most bytes that a record counts beyond its leaf, by the server's own count: data + metadata + twice the event type. Four signatures, the
/// largest numbers and the longest type make 644.
pub const RECORD_EXTRA_MAX: usize = 672;

/// Longest event type, in bytes; ours have under 60.
pub const TYPE_BYTES_MAX: usize = 96;

/// The rest of a leaf, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Rest<'a> {
    recorded_at: u64,
    received_at: u64,
    previous: Option<u64>,
    rank: u64,
    #[serde(borrow)]
    signatures: Vec<Signed<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signed<'a> {
    keyid: KeyId,
    #[serde(borrow)]
    sig: Cow<'a, str>,
}

/// What the event says of itself that the record repeats.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// The event id of a leaf at an index.
pub fn id_of(index: u64, leaf: &[u8]) -> Uuid {
    let digest = Sha256::new().chain_update(index.to_be_bytes()).chain_update(leaf).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    Uuid::new_v8(id)
}

/// A record, as the stream keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its event id.
    pub id: Uuid,
    /// Its event type.
    pub kind: String,
    /// The event, byte for byte.
    pub data: Vec<u8>,
    /// The rest of the leaf, as JSON.
    pub rest: Vec<u8>,
}

impl Record {
    /// The record of a leaf at an index.
    ///
    /// # Errors
    ///
    /// Says why the bytes can't be kept as a record: they are no leaf, or its payload is no JSON object with a `type`.
    pub fn of_leaf(index: u64, leaf: &[u8]) -> Result<Self, String> {
        let fields = Fields::decode(leaf).map_err(|error| error.to_string())?;
        let typed: Typed =
            serde_json::from_slice(fields.payload).map_err(|error| format!("its payload is no event: {error}"))?;
        if typed.kind.len() > TYPE_BYTES_MAX {
            return Err(format!("its event type has {} bytes, more than {TYPE_BYTES_MAX}", typed.kind.len()));
        }
        let sign = |(keyid, signature): &(KeyId, Signature)| Signed {
            keyid: *keyid,
            sig: Cow::Owned(BASE64.encode(&signature.0)),
        };
        let rest = Rest {
            recorded_at: fields.recorded_at_ms,
            received_at: fields.received_at_ms,
            previous: fields.previous,
            rank: fields.rank,
            signatures: fields.signatures.iter().map(sign).collect(),
        };
        Ok(Self {
            id: id_of(index, leaf),
            kind: typed.kind.into_owned(),
            data: fields.payload.to_vec(),
            rest: serde_json::to_vec(&rest).map_err(|error| error.to_string())?,
        })
    }

    /// What the client sends.
    pub fn event(&self) -> EventData {
        let json = match serde_json::from_slice::<&RawValue>(&self.data) {
            // White space around the event would be lost: then it is kept as bytes, though no screen shows it as JSON.
            Ok(raw) if raw.get().len() == self.data.len() => EventData::json(&self.kind, &raw).ok(),
            _ => None,
        };
        let event = json.unwrap_or_else(|| EventData::binary(&self.kind, self.data.clone().into()));
        event.id(self.id).metadata(self.rest.clone().into())
    }

    /// The leaf that a record holds, which the stream has at `revision`.
    ///
    /// # Errors
    ///
    /// Says what makes it somebody else's record, or an overwritten one.
    pub fn leaf_of(revision: u64, id: Uuid, data: &[u8], rest: &[u8]) -> Result<Vec<u8>, String> {
        let rest: Rest =
            serde_json::from_slice(rest).map_err(|error| format!("its metadata are not those of a leaf: {error}"))?;
        if rest.previous == Some(u64::MAX) || rest.signatures.len() > usize::from(u8::MAX) {
            return Err("its metadata are beyond the bounds of a leaf".to_owned());
        }
        let read = |signed: &Signed| -> Result<(KeyId, Signature), String> {
            let bytes = BASE64.decode(signed.sig.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
            Ok((signed.keyid, Signature(bytes.ok_or("its metadata hold no signature of 64 bytes")?)))
        };
        let fields = Fields {
            recorded_at_ms: rest.recorded_at,
            received_at_ms: rest.received_at,
            previous: rest.previous,
            rank: rest.rank,
            signatures: rest.signatures.iter().map(read).collect::<Result<_, _>>()?,
            payload: data,
        };
        let leaf = fields.encode();
        if id_of(revision, &leaf) != id {
            return Err(format!("its id {id} is not that of the leaf it seems to hold"));
        }
        Ok(leaf)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use greffe_events::dsse::{Envelope, PAYLOAD_BYTES_MAX};
    use greffe_events::key::SecretKey;
    use greffe_events::leaf::{LEAF_BYTES_MAX, Leaf};
    use proptest::prelude::*;

    use super::*;

    fn leaf(seeds: &[u8], numbers: (u64, u64, Option<u64>, u64), payload: Vec<u8>) -> Vec<u8> {
        let keys: Vec<_> = seeds.iter().map(|seed| SecretKey::from_seed(&[*seed; 32])).collect();
        let envelope = Envelope::sign(payload, &keys.iter().collect::<Vec<_>>()).unwrap();
        let (recorded_at_ms, received_at_ms, previous, rank) = numbers;
        Leaf { recorded_at_ms, received_at_ms, previous, rank, envelope }.encode()
    }

    #[test]
    fn the_largest_record_stays_within_its_bound() {
        let kind = "t".repeat(TYPE_BYTES_MAX);
        let head = format!(r#"{{"type":"{kind}","data":""#);
        let payload = format!("{head}{}\"}}", "x".repeat(PAYLOAD_BYTES_MAX - head.len() - 2)).into_bytes();
        let largest = leaf(&[1, 2, 3, 4], (u64::MAX, u64::MAX, Some(u64::MAX - 1), u64::MAX), payload);
        assert!(largest.len() <= LEAF_BYTES_MAX);
        let record = Record::of_leaf(0, &largest).unwrap();
        let counted = record.data.len() + record.rest.len() + 2 * record.kind.len();
        assert!(counted <= largest.len() + RECORD_EXTRA_MAX, "{} more", counted - largest.len());
    }

    #[test]
    fn what_is_no_leaf_is_not_recorded() {
        let good = leaf(&[1], (2, 1, None, 0), br#"{"type":"t"}"#.to_vec());
        Record::of_leaf(0, &good).unwrap();
        let untyped = leaf(&[1], (2, 1, None, 0), br#"{"a":1}"#.to_vec());
        let long = leaf(&[1], (2, 1, None, 0), format!(r#"{{"type":"{}"}}"#, "t".repeat(97)).into_bytes());
        for bad in [&b"\x07\x07"[..], &[], &good[..60], &untyped, &long] {
            assert!(Record::of_leaf(0, bad).is_err());
        }
    }

    #[test]
    fn a_record_that_anyone_else_wrote_or_altered_is_no_leaf() {
        let good = leaf(&[1, 2], (2_000, 1_999, Some(3), 7), br#"{"type":"t","a":"b"}"#.to_vec());
        let Record { id, data, rest, .. } = Record::of_leaf(5, &good).unwrap();
        assert_eq!(Record::leaf_of(5, id, &data, &rest).unwrap(), good);
        assert!(Record::leaf_of(6, id, &data, &rest).is_err(), "moved");
        assert!(Record::leaf_of(5, Uuid::nil(), &data, &rest).is_err(), "another id");
        // A redacted record is overwritten with 0xFF.
        assert!(Record::leaf_of(5, id, &vec![0xff; data.len()], &rest).is_err(), "redacted");
        let text = String::from_utf8(rest).unwrap();
        let mut altered: Vec<String> = ["", "{}", "null", r#"{"recorded_at":1}"#].map(str::to_owned).to_vec();
        for (from, to) in
            [("2000", "2001"), ("\"previous\":3", "\"previous\":18446744073709551615"), ("sig\":\"", "sig\":\"*")]
        {
            assert!(text.contains(from));
            altered.push(text.replacen(from, to, 1));
        }
        for rest in altered {
            assert!(Record::leaf_of(5, id, &data, rest.as_bytes()).is_err(), "{rest}");
        }
    }

    proptest! {
        #[test]
        fn a_leaf_is_built_again_from_its_record(
            index in 0..u64::MAX,
            seeds in proptest::collection::hash_set(any::<u8>(), 1..=4),
            received in 0..u64::MAX / 2,
            later in 0..u64::MAX / 2,
            previous in proptest::option::of(0..u64::MAX),
            rank: u64,
            text in "\\PC{0,60}",
            space in "[ \n\t]{0,2}",
        ) {
            let event = serde_json::json!({ "type": "greffe.essai.v1", "data": { "texte": text } });
            let payload = format!("{space}{event}{space}").into_bytes();
            let numbers = (received + later, received, previous, rank);
            let leaf = leaf(&seeds.into_iter().collect::<Vec<_>>(), numbers, payload.clone());
            let record = Record::of_leaf(index, &leaf).unwrap();
            prop_assert_eq!(&record.kind, "greffe.essai.v1");
            prop_assert_eq!(&record.data, &payload);
            prop_assert_eq!(Record::leaf_of(index, record.id, &record.data, &record.rest).unwrap(), leaf);
        }
    }
}
