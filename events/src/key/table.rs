//! The frozen rule for a key that signs often, with multiples of its point computed once.
//!
//! Strict verification (`verify_strict`) accepts (R, S) by A over M exactly when
//!
//! ```text
//! S < ℓ,  A and R decode to points that are not of small order,  bytes([S]B − [k]A) = bytes(R),  k = SHA-512(R ‖ A ‖ M) mod ℓ
//! ```
//!
//! The last equation gives R the canonical bytes of a point of the curve; so R needs no decoding of its own, and its order may
//! be asked of the point that was computed. Everything else is the same equation over tables of B and −A. That both ways accept the
//! same signatures is tested with the C2SP CCTV vectors, and on random and altered signatures.

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, VartimeEdwardsPrecomputation};
use curve25519_dalek::traits::VartimePrecomputedMultiscalarMul;
use sha2::{Digest, Sha512};

use super::{KeyId, Signature};

/// The multiples of one key's point and of the base point, some 16 KB.
pub(super) struct Table {
    key: KeyId,
    /// Of −A and B, in that order.
    multiples: VartimeEdwardsPrecomputation,
}

impl Table {
    /// None for a key that is no point, or one of small order: nothing verifies under those.
    pub(super) fn new(key: KeyId) -> Option<Self> {
        let point = CompressedEdwardsY(key.0).decompress().filter(|point| !point.is_small_order())?;
        let multiples = VartimeEdwardsPrecomputation::new([-point, ED25519_BASEPOINT_POINT]);
        Some(Self { key, multiples })
    }

    /// Whether the signature is the key's.
    pub(super) fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let (r_bytes, s_bytes) = signature.0.split_at(32);
        let Ok(s_bytes) = <[u8; 32]>::try_from(s_bytes) else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s_bytes)) else { return false };
        let digest = Sha512::new().chain_update(r_bytes).chain_update(self.key.0).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&digest.into());
        let r = self.multiples.vartime_multiscalar_mul([k, s]);
        r.compress().0.as_slice() == r_bytes && !r.is_small_order()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table(of {})", self.key)
    }
}
