//! Names and keys of those who sign notes (C2SP signed-note v1.0.0, §Format and §Signatures).
//!
//! ```text
//! key name  non-empty, no Unicode space, no '+'
//! key id    SHA-256( name ‖ 0x0A ‖ type ‖ public key )[:4], big-endian
//! vkey      <name>+<key id, 8 hex digits>+base64( type ‖ public key )
//! type      01 Ed25519   04 Ed25519 cosignature/v1   (06 ML-DSA-44 cosignature: not ours, refused by name)
//! ```
//!
//! A key id is a label, not a commitment: what is trusted is the whole public key of a [`Verifier`]. Not here: secret
//! keys ([`super::note::NoteSigner`], [`super::cosignature::Cosigner`] hold them; files are the caller's business).

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, SignatureError, VerifyingKey};
use sha2::{Digest, Sha256};

use super::base64::decode_base64;
use super::cosignature;

/// Longest vkey read: an ML-DSA-44 key (1,312 bytes, so 1.8 kB of base64) behind a name of 2 kB.
pub const MAX_VKEY_BYTES: usize = 4096;

/// The name of a key, for a log the same as its origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// How a key signs: the "signature type identifier byte".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Type 01: Ed25519 over the note text.
    Ed25519,
    /// Type 04: Ed25519 over a time and a checkpoint (tlog-cosignature).
    CosignatureV1,
}

/// A public key, the name it signs under and how: all that is needed to check signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: KeyName,
    key_id: u32,
    algorithm: Algorithm,
    key: VerifyingKey,
}

/// Why a name or a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or with a space, a plus or a control character.
    #[error("a key name is not empty and has no space, plus or control character: {name:?}")]
    Name {
        /// The name.
        name: String,
    },
    /// Longer than [`MAX_VKEY_BYTES`].
    #[error("a vkey has at most {MAX_VKEY_BYTES} bytes, not {actual}")]
    TooLong {
        /// Bytes given.
        actual: usize,
    },
    /// Not `name+hex+base64`.
    #[error("a vkey is name+hex+base64")]
    Vkey,
    /// Not 01 or 04.
    #[error("keys of type {algorithm:#04x} are not supported")]
    Algorithm {
        /// Type byte found.
        algorithm: u8,
    },
    /// Not 32 bytes, no point of the curve, or one of small order (it would accept forged signatures).
    #[error("not a sound Ed25519 public key")]
    PublicKey,
    /// The key id written is not the key's.
    #[error("the key's id is {computed:08x}, not {written:08x}")]
    KeyId {
        /// Id in the vkey.
        written: u32,
        /// Id of the key.
        computed: u32,
    },
}

impl KeyName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, KeyError> {
        let name = name.into();
        // "MUST be non-empty and MUST NOT contain any Unicode spaces or plus"; controls can't stand in a note at all.
        let forbidden = |c: char| c.is_whitespace() || c == '+' || c < ' ';
        if name.is_empty() || name.contains(forbidden) { Err(KeyError::Name { name }) } else { Ok(Self(name)) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Algorithm {
    /// Its type byte.
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    fn from_type_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            algorithm => Err(KeyError::Algorithm { algorithm }),
        }
    }
}

impl Verifier {
    /// Trusts `key` to sign as `name`.
    pub fn new(name: KeyName, algorithm: Algorithm, key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            return Err(KeyError::PublicKey);
        }
        Ok(Self { key_id: key_id(&name, algorithm, &key), name, algorithm, key })
    }

    /// Parses a vkey. One spelling a key: what was parsed formats back to the same text.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        if vkey.len() > MAX_VKEY_BYTES {
            return Err(KeyError::TooLong { actual: vkey.len() });
        }
        let (name, rest) = vkey.split_once('+').ok_or(KeyError::Vkey)?;
        let (written, key) = rest.split_once('+').ok_or(KeyError::Vkey)?;
        let name = KeyName::new(name)?;
        let written = HEXLOWER.decode(written.as_bytes()).ok().and_then(|id| <[u8; 4]>::try_from(id).ok());
        let written = u32::from_be_bytes(written.ok_or(KeyError::Vkey)?);
        let key = decode_base64(key).ok_or(KeyError::Vkey)?;
        let (&type_byte, key) = key.split_first().ok_or(KeyError::Vkey)?;
        let algorithm = Algorithm::from_type_byte(type_byte)?;
        let key = VerifyingKey::try_from(key).map_err(|_| KeyError::PublicKey)?;
        let verifier = Self::new(name, algorithm, key)?;
        if verifier.key_id != written {
            return Err(KeyError::KeyId { written, computed: verifier.key_id });
        }
        Ok(verifier)
    }

    /// Name that it signs under.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Label of the key in signature lines.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Checks a signature of `text`, the bytes behind the key id on a signature line. For a cosignature, the time it
    /// states, in seconds since 1970.
    pub(super) fn check(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, SignatureError> {
        match self.algorithm {
            Algorithm::Ed25519 => {
                self.key.verify_strict(text.as_bytes(), &Signature::from_slice(signature)?)?;
                Ok(None)
            }
            Algorithm::CosignatureV1 => cosignature::verify(&self.key, text, signature).map(Some),
        }
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        Self::parse(vkey)
    }
}

impl fmt::Display for Verifier {
    /// The vkey.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm.type_byte()];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.key_id, BASE64.encode_display(&key))
    }
}

/// `SHA-256(key name || 0x0A || signature type || public key)[:4]`.
pub(super) fn key_id(name: &KeyName, algorithm: Algorithm, key: &VerifyingKey) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name.as_str());
    hasher.update([b'\n', algorithm.type_byte()]);
    hasher.update(key.as_bytes());
    let digest: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, ..] = digest;
    u32::from_be_bytes([a, b, c, d])
}
