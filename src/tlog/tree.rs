//! The Merkle tree of RFC 6962 §2.1: root and proofs, over stored nodes.
//!
//! Only complete subtrees are ever stored: node (`level`, `n`) is the hash of the 2^`level` leaves that start at
//! `n` × 2^`level`. All else (the ragged right side of a tree whose size is no power of two) is computed.
//!
//! ```text
//! level 2        (2,0)                      size 7: MTH = H( (2,0), H( (1,2), (0,6) ) )
//! level 1    (1,0)    (1,1)    (1,2)
//! level 0    0   1    2   3    4   5    6   …leaves
//! ```
//!
//! A root costs about log₂(size) reads, a proof at most twice that. Not here: where nodes are kept
//! ([`super::edge`], [`super::tiles`]), and checking a proof, which needs no nodes ([`super::verify`]).

use super::hash::{EMPTY_ROOT, Hash, node_hash};

/// Most leaves a tree may have: 2^63 − 1, so that a size fits the signed integers of other implementations and no
/// two readers differ on what a size means.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

/// Most hashes a proof can hold in a tree of at most [`MAX_TREE_SIZE`] leaves: one a level, and one more to start
/// a consistency proof from. tlog-witness names the same bound, 63.
pub const MAX_PROOF_HASHES: usize = 63;

/// Where the hashes of complete subtrees are read.
pub trait Nodes {
    /// Why a node could not be read.
    type Error;

    /// The hash of the complete subtree of 2^`level` leaves number `n`.
    ///
    /// Asked only for nodes whose leaves all lie in the tree.
    fn node(&self, level: u8, n: u64) -> Result<Hash, Self::Error>;
}

impl<N: Nodes + ?Sized> Nodes for &N {
    type Error = N::Error;

    fn node(&self, level: u8, n: u64) -> Result<Hash, Self::Error> {
        (**self).node(level, n)
    }
}

/// Why a root or a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// No such leaf in a tree of that size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    IndexOutOfTree {
        /// Leaf asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree does not grow backwards.
    #[error("a tree of {to} leaves does not extend one of {from}")]
    SizesReversed {
        /// Size of the older tree.
        from: u64,
        /// Size of the newer tree.
        to: u64,
    },
    /// Above [`MAX_TREE_SIZE`].
    #[error("a tree has at most {MAX_TREE_SIZE} leaves, not {size}")]
    TooLarge {
        /// Size asked for.
        size: u64,
    },
    /// A node could not be read.
    #[error("node not read: {0}")]
    Nodes(E),
}

/// The root of the tree of the first `size` leaves: MTH(D\[0:size\]).
pub fn root<N: Nodes>(size: u64, nodes: &N) -> Result<Hash, ProveError<N::Error>> {
    check_size(size)?;
    if size == 0 { Ok(EMPTY_ROOT) } else { range(0, size, nodes).map_err(ProveError::Nodes) }
}

/// The audit path of leaf `index` in the tree of `size` leaves: PATH(index, D\[size\]) of RFC 6962 §2.1.1, from the
/// leaf's sibling up to the root's child.
pub fn inclusion_proof<N: Nodes>(index: u64, size: u64, nodes: &N) -> Result<Vec<Hash>, ProveError<N::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(ProveError::IndexOutOfTree { index, size });
    }
    let mut proof = Vec::with_capacity(MAX_PROOF_HASHES);
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        let sibling = if index < middle { (middle, end) } else { (begin, middle) };
        proof.push(range(sibling.0, sibling.1, nodes).map_err(ProveError::Nodes)?);
        (begin, end) = if index < middle { (begin, middle) } else { (middle, end) };
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `to` leaves extends the tree of `from` leaves: PROOF(from, D\[to\]) of RFC 6962
/// §2.1.2. Empty when `from` is 0 or equals `to`: there is nothing to prove (tlog-witness asks for the same).
pub fn consistency_proof<N: Nodes>(from: u64, to: u64, nodes: &N) -> Result<Vec<Hash>, ProveError<N::Error>> {
    check_size(to)?;
    if from > to {
        return Err(ProveError::SizesReversed { from, to });
    }
    if from == 0 || from == to {
        return Ok(Vec::new());
    }
    let mut proof = Vec::with_capacity(MAX_PROOF_HASHES);
    let (mut begin, mut end) = (0, to);
    // Until the range on hand ends where the old tree ended.
    while end != from {
        let middle = begin + split(end - begin);
        let sibling = if from <= middle { (middle, end) } else { (begin, middle) };
        proof.push(range(sibling.0, sibling.1, nodes).map_err(ProveError::Nodes)?);
        (begin, end) = if from <= middle { (begin, middle) } else { (middle, end) };
    }
    // The old root itself is known to the verifier; any smaller subtree is not (the flag `b` of SUBPROOF).
    if begin != 0 {
        proof.push(range(begin, end, nodes).map_err(ProveError::Nodes)?);
    }
    proof.reverse();
    Ok(proof)
}

fn check_size<E>(size: u64) -> Result<(), ProveError<E>> {
    if size > MAX_TREE_SIZE { Err(ProveError::TooLarge { size }) } else { Ok(()) }
}

/// The largest power of two smaller than `width` (k in RFC 6962 §2.1). `width` ≥ 2.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// MTH(D\[begin:end\]) for a non-empty range that starts where a complete subtree of its width could.
fn range<N: Nodes>(begin: u64, end: u64, nodes: &N) -> Result<Hash, N::Error> {
    // The range is a row of complete subtrees, widest first; fold them from the right, as MTH nests.
    let mut width = end - begin;
    let mut position = end;
    let mut folded: Option<Hash> = None;
    while width > 0 {
        let level = width.trailing_zeros();
        width &= width - 1;
        position -= 1 << level;
        // A level is below 64.
        #[expect(clippy::cast_possible_truncation, reason = "trailing_zeros of a non-zero u64 is at most 63")]
        let subtree = nodes.node(level as u8, position >> level)?;
        folded = Some(match folded {
            None => subtree,
            Some(right) => node_hash(&subtree, &right),
        });
    }
    Ok(folded.unwrap_or(EMPTY_ROOT))
}
