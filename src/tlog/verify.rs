//! Checking Merkle proofs with nothing but the proof (RFC 6962 §2.1.1 and §2.1.2; RFC 9162 §2.1.3.2 and §2.1.4.2
//! write the same checks as algorithms).
//!
//! The shape of a proof follows from the two numbers alone, so its length is checked first and exactly. Going up
//! from the leaf, the path is in two parts:
//!
//! ```text
//! inner   levels where the leaf's path and the right edge of the tree still differ:
//!         the sibling is on the right or on the left, as the bits of the index say
//! border  levels above, where the path runs along the right edge: siblings are all on the left
//! ```
//!
//! Not here: making proofs ([`super::tree`]), and whether a root is anyone's word ([`super::checkpoint`]).

use super::hash::{EMPTY_ROOT, Hash, node_hash};

/// Why a Merkle proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No such leaf in a tree of that size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    IndexOutOfTree {
        /// Leaf claimed.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The "newer" tree is the smaller.
    #[error("a tree of {to} leaves does not extend one of {from}")]
    SizesReversed {
        /// Size of the older tree.
        from: u64,
        /// Size of the newer tree.
        to: u64,
    },
    /// Every tree extends the empty one: such a proof says nothing about the newer root.
    #[error("a consistency proof from the empty tree proves nothing")]
    FromEmptyTree,
    /// The two numbers call for another count of hashes.
    #[error("the proof has {actual} hashes where {expected} are needed")]
    Length {
        /// Hashes that a proof of this shape has.
        expected: usize,
        /// Hashes found.
        actual: usize,
    },
    /// The hashes do not lead to the root.
    #[error("the proof leads to root {computed}, not {expected}")]
    RootMismatch {
        /// Root to reach.
        expected: Hash,
        /// Root reached.
        computed: Hash,
    },
    /// The hashes do not lead to the older root.
    #[error("the proof leads to older root {computed}, not {expected}")]
    OlderRootMismatch {
        /// Root to reach.
        expected: Hash,
        /// Root reached.
        computed: Hash,
    },
}

/// Checks that the leaf with hash `leaf_hash` is number `index` in the tree of `size` leaves with root `root`.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfTree { index, size });
    }
    let inner = bit_length(index ^ (size - 1));
    let border = ones_from(index, inner);
    check_length(inner + border, proof)?;

    let (inner_path, border_path) = proof.split_at(inner);
    let mut hash = *leaf_hash;
    for (level, sibling) in inner_path.iter().enumerate() {
        hash = if index >> level & 1 == 0 { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) };
    }
    check_root(root, border_path.iter().fold(hash, |hash, sibling| node_hash(sibling, &hash)))
}

/// Checks that the tree of `to` leaves with root `root_to` begins with the tree of `from` leaves with root
/// `root_from`.
///
/// Two equal sizes need equal roots and an empty proof. `from` = 0 < `to` is refused: it would accept any `root_to`.
pub fn verify_consistency(
    from: u64,
    to: u64,
    proof: &[Hash],
    root_from: &Hash,
    root_to: &Hash,
) -> Result<(), ProofError> {
    if from > to {
        return Err(ProofError::SizesReversed { from, to });
    }
    if from == to {
        check_length(0, proof)?;
        if from == 0 {
            check_root(&EMPTY_ROOT, *root_from)?;
        }
        return check_root(root_to, *root_from);
    }
    if from == 0 {
        return Err(ProofError::FromEmptyTree);
    }

    // The path starts at the last complete subtree of the old tree, of 2^shift leaves. When that subtree is the
    // whole old tree, its hash is the old root and the proof leaves it out.
    let shift = from.trailing_zeros() as usize;
    let above = bit_length((from - 1) ^ (to - 1));
    let inner = above - shift;
    let border = ones_from(from - 1, above);
    let whole = from.is_power_of_two();
    check_length(usize::from(!whole) + inner + border, proof)?;

    let (seed, path) = match proof.split_first() {
        Some((first, rest)) if !whole => (*first, rest),
        _ => (*root_from, proof),
    };
    let (inner_path, border_path) = path.split_at(inner);
    let (mut older, mut newer) = (seed, seed);
    for (level, sibling) in inner_path.iter().enumerate() {
        if (from - 1) >> (shift + level) & 1 == 1 {
            older = node_hash(sibling, &older);
            newer = node_hash(sibling, &newer);
        } else {
            // On the right of the old tree's end: leaves that only the new tree has.
            newer = node_hash(&newer, sibling);
        }
    }
    for sibling in border_path {
        older = node_hash(sibling, &older);
        newer = node_hash(sibling, &newer);
    }
    if older != *root_from {
        return Err(ProofError::OlderRootMismatch { expected: *root_from, computed: older });
    }
    check_root(root_to, newer)
}

fn check_length(expected: usize, proof: &[Hash]) -> Result<(), ProofError> {
    if proof.len() == expected { Ok(()) } else { Err(ProofError::Length { expected, actual: proof.len() }) }
}

fn check_root(expected: &Hash, computed: Hash) -> Result<(), ProofError> {
    if computed == *expected { Ok(()) } else { Err(ProofError::RootMismatch { expected: *expected, computed }) }
}

/// Bits needed to write `number`; 0 for 0.
fn bit_length(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()) as usize
}

/// Ones in `number` at bit `from` and above.
fn ones_from(number: u64, from: usize) -> usize {
    // Shifting by 64 is no shift in Rust; there is nothing above bit 63.
    number.unbounded_shr(u32::try_from(from).unwrap_or(u32::MAX)).count_ones() as usize
}
