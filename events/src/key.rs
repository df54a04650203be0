//! Keys and signatures: Ed25519 (RFC 8032), and the one verification rule, frozen.
//!
//! - **At enrolment** ([`PublicKey::check`]) the 32 bytes must be the canonical encoding of a point of the
//!   prime-order subgroup that is not the identity.
//! - **At admission and at final audit** ([`KeyId::verify`], [`KeyCache::verify_all`]) `verify_strict` decides, or its very equation
//!   over precomputed tables, for each signature by itself; never a batch equation, which can disagree on crafted points.
//!
//! Together every mainstream verifier (cofactored or not, strict or not) accepts all that we admit; the C2SP
//! CCTV Ed25519 vectors test it. Secret keys are PKCS#8 PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes.

mod cache;
mod table;

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity;
use data_encoding::HEXLOWER;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::cache::{Claim, KeyCache};

/// What stands before the hex in a `keyid`.
const KEY_ID_PREFIX: &str = "ed25519:";

/// The name of a public key: its 32 bytes, not yet judged. Text form `ed25519:<64 lowercase hex>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 32]);

/// A 64-byte signature, not yet judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Why a key is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not `ed25519:` and 64 lowercase hex digits.
    #[error("a key id is ed25519: and 64 lowercase hex digits, got {0:?}")]
    Form(String),
    /// Not the encoding of a point, or not the canonical one.
    #[error("key {0} is not a canonically encoded curve point")]
    NotCanonical(KeyId),
    /// A point with a component of low order, the identity included.
    #[error("key {0} is not in the prime-order subgroup")]
    LowOrder(KeyId),
    /// Not a PKCS#8 PEM private key of this algorithm.
    #[error("not an Ed25519 private key in PKCS#8 PEM (make one with: openssl genpkey -algorithm ed25519)")]
    Pem,
    /// The system gave no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl KeyId {
    /// Whether `signature` over `message` is this key's, by the frozen rule. False for a key that is no point.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|point| verify_strict(&point, message, signature))
    }
}

/// The frozen rule itself.
fn verify_strict(point: &VerifyingKey, message: &[u8], signature: &Signature) -> bool {
    point.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_ID_PREFIX}{}", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", HEXLOWER.encode(&self.0[..4]))
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.strip_prefix(KEY_ID_PREFIX)
            .and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| KeyError::Form(text.chars().take(80).collect()))
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::Texte::deserialize(deserializer)?.0.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for KeyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^ed25519:[0-9a-f]{64}$", "description": "Ed25519 public key, lowercase hex"
        })
    }
}

/// A public key that passed the enrolment rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(KeyId);

impl PublicKey {
    /// Judges a key once, at enrolment. Costs about one scalar multiplication.
    pub fn check(id: KeyId) -> Result<Self, KeyError> {
        let compressed = CompressedEdwardsY(id.0);
        let point = compressed.decompress().ok_or(KeyError::NotCanonical(id))?;
        if point.compress() != compressed {
            return Err(KeyError::NotCanonical(id));
        }
        if point.is_identity() || !point.is_torsion_free() {
            return Err(KeyError::LowOrder(id));
        }
        Ok(Self(id))
    }

    /// Its name.
    pub fn id(self) -> KeyId {
        self.0
    }
}

/// A private key. Wiped from memory when dropped; never shown.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key of a 32-byte seed (RFC 8032 §5.1.5), for reproducible test vectors.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM private key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::Pem)
    }

    /// Writes a PKCS#8 PEM private key.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        // Version 1, without the public key: what openssl reads and writes.
        let bytes = ed25519_dalek::pkcs8::KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Pem)
    }

    /// Its public half.
    pub fn id(&self) -> KeyId {
        KeyId(self.0.verifying_key().to_bytes())
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// The key as the signing library holds it, for the log's notes.
    pub fn signing_key(&self) -> &SigningKey {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.id())
    }
}

/// Reads lowercase hex of exactly `N` bytes.
pub fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]
    use super::table::Table;
    use super::*;
    use curve25519_dalek::Scalar;
    use proptest::prelude::*;
    use sha2::Digest;

    #[derive(serde::Deserialize)]
    struct Vector {
        number: u32,
        key: String,
        sig: String,
        msg: String,
        flags: Option<Vec<String>>,
    }

    fn by(table: &Table, message: &[u8], signature: &Signature) -> bool {
        table.point(message, signature).is_some_and(|point| table::are_r(&[point], &[signature]) == [true])
    }

    fn cached(cache: &KeyCache, key: &KeyId, message: &[u8], signature: &Signature) -> bool {
        cache.verify_all(&[Claim { key: *key, message, signature }]) == [true]
    }

    fn verify_by_table(key: KeyId, message: &[u8], signature: &Signature) -> bool {
        Table::new(key).is_some_and(|table| by(&table, message, signature))
    }

    /// What we admit is what no verifier could refuse: exactly the CCTV vectors without any flag.
    #[test]
    fn cctv_vectors_with_any_oddity_are_refused_and_all_others_accepted() {
        let Some(fixtures) = std::env::var_os("GREFFE_FIXTURES") else {
            eprintln!("skipped: GREFFE_FIXTURES is not set (CCTV Ed25519 vectors)");
            return;
        };
        let text = std::fs::read(std::path::Path::new(&fixtures).join("ed25519/vectors.json")).unwrap();
        let vectors: Vec<Vector> = serde_json::from_slice(&text).unwrap();
        assert!(vectors.len() > 100);
        let mut accepted = 0;
        let cache = KeyCache::default();
        for vector in &vectors {
            let id = KeyId(hex_bytes(&vector.key).unwrap());
            let signature = Signature(hex_bytes(&vector.sig).unwrap());
            let ours = PublicKey::check(id).is_ok() && id.verify(vector.msg.as_bytes(), &signature);
            let strict = id.verify(vector.msg.as_bytes(), &signature);
            assert_eq!(cached(&cache, &id, vector.msg.as_bytes(), &signature), strict, "vector {}", vector.number);
            // No enrolment rule before it: the table must agree on every odd key too.
            assert_eq!(
                verify_by_table(id, vector.msg.as_bytes(), &signature),
                strict,
                "vector {} by the table",
                vector.number
            );
            let flags = vector.flags.as_deref().unwrap_or_default();
            assert_eq!(ours, flags.is_empty(), "vector {} with {flags:?}", vector.number);
            accepted += u32::from(ours);
        }
        assert!(accepted > 0, "some vectors are plain good signatures");
    }

    /// Points of low order and non-canonical encodings, from the curve's own arithmetic.
    #[test]
    fn weak_keys_cannot_be_enrolled() {
        use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
        for point in EIGHT_TORSION {
            let low_order = KeyId(point.compress().0);
            assert!(matches!(PublicKey::check(low_order), Err(KeyError::LowOrder(_))), "{low_order}");
        }
        for point in &EIGHT_TORSION[1..] {
            let mixed = KeyId((ED25519_BASEPOINT_POINT + point).compress().0);
            assert!(matches!(PublicKey::check(mixed), Err(KeyError::LowOrder(_))), "{mixed}");
        }
        // p + 1, p + 3 …: y coordinates that are not reduced.
        for low_byte in 0xed..=0xff_u8 {
            let mut bytes = [0xff; 32];
            bytes[0] = low_byte;
            bytes[31] = 0x7f;
            assert!(matches!(PublicKey::check(KeyId(bytes)), Err(KeyError::NotCanonical(_))));
        }
        assert!(PublicKey::check(SecretKey::from_seed(&[7; 32]).id()).is_ok());
    }

    /// What a lax verifier takes: A and R the identity, S zero, over any message. Without the fixtures too.
    #[test]
    fn the_signature_that_a_lax_verifier_takes_is_refused() {
        use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
        use ed25519_dalek::Verifier;
        let mut zero = [0; 64];
        zero[0] = 1;
        let identity = KeyId(EIGHT_TORSION[0].compress().0);
        let lax = VerifyingKey::from_bytes(&identity.0).unwrap();
        assert!(lax.verify(b"x", &ed25519_dalek::Signature::from_bytes(&zero)).is_ok(), "a lax verifier takes it");
        assert!(!identity.verify(b"x", &Signature(zero)));
        assert!(!cached(&KeyCache::default(), &identity, b"x", &Signature(zero)));
        assert!(Table::new(identity).is_none());
        // R of small order under a good key.
        let key = SecretKey::from_seed(&[9; 32]);
        let mut signature = key.sign(b"x");
        signature.0[..32].copy_from_slice(&EIGHT_TORSION[1].compress().0);
        assert!(!key.id().verify(b"x", &signature));
        assert!(!verify_by_table(key.id(), b"x", &signature));
        // R of small order whose equation holds: S = k·a makes [S]B − [k]A the identity, whatever a is.
        let mut hasher = sha2::Sha512::new();
        let identity_bytes = EIGHT_TORSION[0].compress().0;
        hasher.update(identity_bytes);
        hasher.update(key.id().0);
        hasher.update(b"x");
        let k = Scalar::from_bytes_mod_order_wide(&hasher.finalize().into());
        let mut crafted = [0; 64];
        crafted[..32].copy_from_slice(&identity_bytes);
        crafted[32..].copy_from_slice(&(k * key.signing_key().to_scalar()).to_bytes());
        let lax = VerifyingKey::from_bytes(&key.id().0).unwrap();
        assert!(lax.verify(b"x", &ed25519_dalek::Signature::from_bytes(&crafted)).is_ok(), "a lax verifier takes it");
        assert!(!key.id().verify(b"x", &Signature(crafted)));
        assert!(!verify_by_table(key.id(), b"x", &Signature(crafted)));
        // S + ℓ: the same scalar, not reduced.
        let good = key.sign(b"x");
        let order = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
        ];
        let mut carry = 0_u16;
        let mut unreduced = good;
        for (byte, more) in unreduced.0[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(more);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        assert!(!key.id().verify(b"x", &unreduced));
        assert!(verify_by_table(key.id(), b"x", &good) && !verify_by_table(key.id(), b"x", &unreduced));
        assert!(PublicKey::check(KeyId(ED25519_BASEPOINT_POINT.compress().0)).is_ok());
    }

    #[test]
    fn pem_of_openssl_reads_and_ours_reads_back() {
        // RFC 8410 §10.3, the example private key.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let key = SecretKey::from_pem(pem).unwrap();
        assert_eq!(key.id().to_string(), "ed25519:19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        assert_eq!(key.to_pem().unwrap().as_str(), pem);
        for bad in ["", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", &pem.replace("MC4C", "MC4D")] {
            assert_eq!(SecretKey::from_pem(bad).unwrap_err(), KeyError::Pem);
        }
        assert!(!format!("{key:?}").contains("1NTuctv5"));
    }

    #[test]
    fn a_key_id_has_one_spelling() {
        let id = SecretKey::from_seed(&[1; 32]).id();
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
        for bad in
            [id.to_string().to_uppercase(), id.to_string()[..70].to_owned(), id.to_string().replace("ed25519:", "")]
        {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_anywhere_breaks_a_signature(seed: [u8; 32], message in proptest::collection::vec(any::<u8>(), 1..200), bit in 0usize..512, place: prop::sample::Index) {
            let key = SecretKey::from_seed(&seed);
            let table = Table::new(key.id()).unwrap();
            let by_table = |message: &[u8], signature: &Signature| by(&table, message, signature);
            let signature = key.sign(&message);
            prop_assert!(key.id().verify(&message, &signature) && by_table(&message, &signature));
            let mut other = signature;
            other.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!key.id().verify(&message, &other) && !by_table(&message, &other));
            let mut altered = message.clone();
            let at = place.index(altered.len());
            altered[at] ^= 1;
            prop_assert!(!key.id().verify(&altered, &signature) && !by_table(&altered, &signature));
        }
    }
}
