//! Witness cosignatures (C2SP tlog-cosignature, Ed25519 type 04).
//!
//! ```text
//! signed message   cosignature/v1 ⏎
//!                  time <unix seconds> ⏎
//!                  <the checkpoint's text, extension lines included>
//! signature line   — <name> base64( u32be key id ‖ u64be unix seconds ‖ 64-byte signature )
//! ```
//!
//! It says: at that time, this was the largest consistent tree that I had seen of this log. ML-DSA-44 cosignatures
//! (type 06) are lines of unknown keys to us: kept and ignored. Not here: judging how many and whose cosignatures are
//! enough, and the consistency check before cosigning (`witness`).

use std::fmt;

use ed25519_dalek::{Signature, SignatureError, Signer, SigningKey, VerifyingKey};

use super::checkpoint::Checkpoint;
use super::key::{Algorithm, KeyError, KeyName, Verifier};
use super::note::NoteSignature;

/// Latest time that a cosignature may state: "It MUST NOT exceed 2^63 - 1".
pub const MAX_TIME_S: u64 = i64::MAX as u64;

/// A time that no cosignature may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cosignature's time is at most {MAX_TIME_S} s, not {actual}")]
pub struct TimeTooLate {
    /// Time given, seconds since 1970.
    pub actual: u64,
}

/// A witness's secret key and name. Its `Debug` shows the public side only.
pub struct Cosigner {
    key: SigningKey,
    verifier: Verifier,
}

impl Cosigner {
    /// Cosigns as `name` with `key`, which no other cosigner may use: the message does not name its signer.
    pub fn new(name: KeyName, key: SigningKey) -> Result<Self, KeyError> {
        let verifier = Verifier::new(name, Algorithm::CosignatureV1, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// What others need to check its cosignatures.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Cosigns a checkpoint at `time_s`, seconds since 1970. Its consistency is the caller's to have checked.
    pub fn cosign(&self, checkpoint: &Checkpoint, time_s: u64) -> Result<NoteSignature, TimeTooLate> {
        if time_s > MAX_TIME_S {
            return Err(TimeTooLate { actual: time_s });
        }
        let signature = self.key.sign(&message(time_s, &checkpoint.to_text()));
        let signature = [time_s.to_be_bytes().as_slice(), &signature.to_bytes()].concat();
        Ok(NoteSignature::new(self.verifier.name().clone(), self.verifier.key_id(), signature))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier)
    }
}

/// The time that `signature` states, when it is a cosignature of `text` by `key`.
pub(super) fn verify(key: &VerifyingKey, text: &str, signature: &[u8]) -> Result<u64, SignatureError> {
    let (time_s, signature) = signature.split_first_chunk().ok_or_else(SignatureError::new)?;
    let time_s = u64::from_be_bytes(*time_s);
    if time_s > MAX_TIME_S {
        return Err(SignatureError::new());
    }
    key.verify_strict(&message(time_s, text), &Signature::from_slice(signature)?)?;
    Ok(time_s)
}

fn message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}
