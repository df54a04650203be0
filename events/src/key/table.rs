//! The frozen rule for a key that signs often, with multiples of its point computed once.
//!
//! Strict verification (`verify_strict`) accepts (R, S) by A over M exactly when
//!
//! ```text
//! S < ℓ,  A and R decode to points that are not of small order,  bytes([S]B − [k]A) = bytes(R),  k = SHA-512(R ‖ A ‖ M) mod ℓ
//! ```
//!
//! The last equation gives R the canonical bytes of a point of the curve; so R needs no decoding of its own, and its order may
//! be asked of the point that was computed. Everything else is the same equation: [S]B and [k]A are sums of ready multiples, one
//! for each digit of the scalar, with the library's own addition. Nothing here is secret, so nothing takes constant time. That
//! both ways accept the same signatures is tested with the C2SP CCTV vectors, and on random and altered signatures.

use std::sync::LazyLock;

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::Identity;
use sha2::{Digest, Sha512};

use super::{KeyId, Signature};

/// The multiples of the base point, which every verification uses: 640 KB, 32 additions.
static BASE: LazyLock<Multiples<8>> = LazyLock::new(|| Multiples::new(ED25519_BASEPOINT_POINT));

/// The multiples of one key's point: 80 KB, made in the time of two or three verifications.
pub(super) struct Table {
    key: KeyId,
    /// Of A.
    multiples: Multiples<4>,
}

impl Table {
    /// None for a key that is no point, or one of small order: nothing verifies under those.
    pub(super) fn new(key: KeyId) -> Option<Self> {
        let point = CompressedEdwardsY(key.0).decompress().filter(|point| !point.is_small_order())?;
        Some(Self { key, multiples: Multiples::new(point) })
    }

    /// Whether the signature is the key's.
    pub(super) fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let (r_bytes, s_bytes) = signature.0.split_at(32);
        let Ok(s_bytes) = <[u8; 32]>::try_from(s_bytes) else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s_bytes)) else { return false };
        let digest = Sha512::new().chain_update(r_bytes).chain_update(self.key.0).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&digest.into());
        let r = BASE.times(&s) - self.multiples.times(&k);
        r.compress().0.as_slice() == r_bytes && !r.is_small_order()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table(of {})", self.key)
    }
}

/// A point times 1 … 2^(`BITS`−1), times each power of 2^`BITS`. `BITS` divides 8.
struct Multiples<const BITS: usize>(Vec<EdwardsPoint>);

impl<const BITS: usize> Multiples<BITS> {
    /// Digits of a scalar.
    const DIGITS: usize = 256 / BITS;
    /// Largest digit, either side of zero.
    const HALF: usize = 1 << (BITS - 1);

    fn new(point: EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(Self::DIGITS * Self::HALF);
        let mut power = point;
        for _ in 0..Self::DIGITS {
            let mut multiple = power;
            for _ in 1..Self::HALF {
                multiples.push(multiple);
                multiple += power;
            }
            multiples.push(multiple);
            power = multiple + multiple;
        }
        Self(multiples)
    }

    /// The point times `scalar`, which is reduced: below 2^253, so that the last digit has no carry.
    fn times(&self, scalar: &Scalar) -> EdwardsPoint {
        let mut sum = EdwardsPoint::identity();
        let mut carry = 0;
        for (at, multiples) in self.0.chunks_exact(Self::HALF).enumerate() {
            let bit = at * BITS;
            let digit = usize::from(scalar.as_bytes()[bit / 8] >> (bit % 8)) % (2 * Self::HALF) + carry;
            // Above half, one more of the next power and the rest taken away again.
            carry = usize::from(digit > Self::HALF);
            if carry == 1 {
                if let Some(less) = (2 * Self::HALF - digit).checked_sub(1) {
                    sum -= &multiples[less];
                }
            } else if let Some(more) = digit.checked_sub(1) {
                sum += &multiples[more];
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(scalar: Scalar) {
        let point = ED25519_BASEPOINT_POINT * Scalar::from(7_u8);
        assert_eq!(Multiples::<4>::new(point).times(&scalar), point * scalar);
        assert_eq!(BASE.times(&scalar), ED25519_BASEPOINT_POINT * scalar);
    }

    #[test]
    fn multiples_are_the_library_s_at_every_edge() {
        agrees(Scalar::ZERO);
        agrees(-Scalar::ONE);
        for bit in 0..253 {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 1 << (bit % 8);
            let power = Scalar::from_bytes_mod_order(bytes);
            for scalar in [power, power - Scalar::ONE, power + Scalar::ONE, -power] {
                agrees(scalar);
            }
        }
        // Every digit half, one above it, the largest: the longest carries.
        for byte in [0x77, 0x78, 0x80, 0x81, 0x87, 0x88, 0x89, 0x99, 0xff] {
            let mut bytes = [byte; 32];
            bytes[31] = 0x0f;
            agrees(Scalar::from_bytes_mod_order(bytes));
        }
    }

    proptest! {
        #[test]
        fn multiples_are_the_library_s(bytes: [u8; 32]) {
            agrees(Scalar::from_bytes_mod_order(bytes));
        }
    }
}
