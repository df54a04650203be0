//! The frozen rule for a key that signs often, with multiples of its point computed once.
//!
//! Strict verification (`verify_strict`) accepts (R, S) by A over M exactly when
//!
//! ```text
//! S < ℓ,  A and R decode to points that are not of small order,  bytes([S]B − [k]A) = bytes(R),  k = SHA-512(R ‖ A ‖ M) mod ℓ
//! ```
//!
//! The last equation gives R the canonical bytes of a point of the curve; so R needs no decoding of its own, and its order may
//! be asked of the point that was computed. Everything else is the same equation, of one signature alone: [S]B − [k]A is a sum of
//! ready multiples, one for each digit of either scalar, with the library's own addition. Only the last step, from points to
//! bytes, is taken for several signatures at once: it divides, and one division does for all. Nothing here is secret, so nothing
//! takes constant time. That both ways accept the same signatures is tested with the C2SP CCTV vectors, and on random and altered
//! signatures.

use std::sync::LazyLock;

use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::Identity;
use sha2::{Digest, Sha512};

use super::{KeyId, Signature};

/// The multiples of the base point, which every verification uses: 3.8 MB, 23 additions, made in 10 ms when the first table is.
static BASE: LazyLock<Multiples<11>> = LazyLock::new(|| Multiples::new(ED25519_BASEPOINT_POINT));

/// The multiples of one key's point: 215 KB, 43 additions, made in the time of some fifteen verifications.
pub(super) struct Table {
    key: KeyId,
    /// Of −A.
    multiples: Multiples<6>,
}

impl Table {
    /// None for a key that is no point, or one of small order: nothing verifies under those.
    pub(super) fn new(key: KeyId) -> Option<Self> {
        let point = CompressedEdwardsY(key.0).decompress().filter(|point| !point.is_small_order())?;
        Some(Self { key, multiples: Multiples::new(-point) })
    }

    /// [S]B − [k]A. The signature is the key's if those are the bytes of R; None if it is not in any case.
    pub(super) fn point(&self, message: &[u8], signature: &Signature) -> Option<EdwardsPoint> {
        let (r_bytes, s_bytes) = signature.0.split_at(32);
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s_bytes.try_into().ok()?))?;
        let digest = Sha512::new().chain_update(r_bytes).chain_update(self.key.0).chain_update(message).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&digest.into());
        let mut terms = Terms::with_capacity(Multiples::<11>::DIGITS + Multiples::<6>::DIGITS);
        BASE.take(&s, &mut terms);
        self.multiples.take(&k, &mut terms);
        let r = terms.sum();
        (!r.is_small_order()).then_some(r)
    }
}

/// Which of the signatures are those of points with the bytes of R.
pub(super) fn are_r(points: &[EdwardsPoint], signatures: &[&Signature]) -> Vec<bool> {
    let bytes = EdwardsPoint::compress_batch_alloc(points);
    bytes.iter().zip(signatures).map(|(bytes, signature)| bytes.0 == signature.0[..32]).collect()
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table(of {})", self.key)
    }
}

/// A point times 1 … 2^(`BITS`−1), times each power of 2^`BITS`. `BITS` is at most 56.
struct Multiples<const BITS: usize>(Vec<EdwardsPoint>);

impl<const BITS: usize> Multiples<BITS> {
    /// Digits of a scalar, which is below 2^253, and what the last one may carry.
    const DIGITS: usize = 253 / BITS + 1;
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

    /// Takes what adds up to the point times `scalar`, which is reduced.
    fn take(&self, scalar: &Scalar, terms: &mut Terms) {
        // So that eight bytes can be read from each place.
        let mut bytes = [0; 40];
        bytes[..32].copy_from_slice(scalar.as_bytes());
        let (mut carry, mut places) = (0, [0; MULTIPLES_MAX]);
        let from = terms.is_less.len();
        for at in 0..Self::DIGITS {
            let bit = at * BITS;
            let word = bytes[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            let digit = usize::try_from(word >> (bit % 8) & ((1 << BITS) - 1)).unwrap_or_default() + carry;
            // Above half, one more of the next power and the rest taken away again.
            carry = usize::from(digit > Self::HALF);
            let size = if carry == 1 { 2 * Self::HALF - digit } else { digit };
            if size > 0 {
                places[terms.is_less.len() - from] = at * Self::HALF + size - 1;
                terms.is_less.push(carry == 1);
            }
        }
        // Nothing but copies: as many reads as possible wait for memory at once.
        terms.points.extend(places[..terms.is_less.len() - from].iter().filter_map(|place| self.0.get(*place)));
    }
}

/// Most digits of a scalar.
const MULTIPLES_MAX: usize = Multiples::<6>::DIGITS;

/// Points to add up, some of them to be taken away.
struct Terms {
    points: Vec<EdwardsPoint>,
    is_less: Vec<bool>,
}

impl Terms {
    fn with_capacity(terms: usize) -> Self {
        Self { points: Vec::with_capacity(terms), is_less: Vec::with_capacity(terms) }
    }

    fn sum(&self) -> EdwardsPoint {
        let terms = self.points.iter().zip(&self.is_less);
        terms.fold(EdwardsPoint::identity(), |sum, (point, is_less)| if *is_less { sum - point } else { sum + point })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees(scalar: Scalar) {
        fn times<const BITS: usize>(multiples: &Multiples<BITS>, scalar: &Scalar) -> EdwardsPoint {
            let mut terms = Terms::with_capacity(0);
            multiples.take(scalar, &mut terms);
            assert!(terms.points.len() <= Multiples::<BITS>::DIGITS && terms.points.len() == terms.is_less.len());
            terms.sum()
        }
        let point = ED25519_BASEPOINT_POINT * Scalar::from(7_u8);
        assert_eq!(times(&Multiples::<6>::new(point), &scalar), point * scalar);
        assert_eq!(times(&BASE, &scalar), ED25519_BASEPOINT_POINT * scalar);
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
