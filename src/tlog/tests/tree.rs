//! Roots and proofs against the definition, against `ct-merkle`, and against flipped bits.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

/// Sizes around which trees change shape.
const SHAPES: [u64; 15] = [1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512, 513, 599, 600, 601];

#[test]
fn every_proof_of_small_trees_verifies_and_no_other_claim_does() {
    let all = leaves(40);
    let nodes = AllNodes::of(all.clone());
    for size in 1..=40_u64 {
        let tree = mth(&all[..usize::try_from(size).unwrap()]);
        assert_eq!(root(size, &nodes).unwrap(), tree);
        for index in 0..size {
            let proof = inclusion_proof(index, size, &nodes).unwrap();
            verify_inclusion(&leaf(index), index, size, &proof, &tree).unwrap();
            for other in (0..size + 2).filter(|&other| other != index) {
                assert!(
                    verify_inclusion(&leaf(index), other, size, &proof, &tree).is_err(),
                    "{index} as {other}/{size}"
                );
                assert!(verify_inclusion(&leaf(other), index, size, &proof, &tree).is_err());
            }
        }
        for from in 1..=size {
            let older = mth(&all[..usize::try_from(from).unwrap()]);
            let proof = consistency_proof(from, size, &nodes).unwrap();
            verify_consistency(from, size, &proof, &older, &tree).unwrap();
            for other in (0..=size).filter(|&other| other != from) {
                assert!(verify_consistency(other, size, &proof, &older, &tree).is_err(), "{from} as {other} to {size}");
            }
        }
    }
}

#[test]
fn refusals_name_their_cause() {
    let nodes = AllNodes::of(leaves(8));
    let (r7, r8) = (root(7, &nodes).unwrap(), root(8, &nodes).unwrap());
    let inclusion = inclusion_proof(3, 8, &nodes).unwrap();
    let consistency = consistency_proof(7, 8, &nodes).unwrap();
    let length = |expected, actual| Err(ProofError::Length { expected, actual });

    assert_eq!(
        verify_inclusion(&leaf(3), 8, 8, &inclusion, &r8),
        Err(ProofError::IndexOutOfTree { index: 8, size: 8 })
    );
    assert_eq!(
        verify_inclusion(&leaf(0), 0, 0, &[], &EMPTY_ROOT),
        Err(ProofError::IndexOutOfTree { index: 0, size: 0 })
    );
    assert_eq!(verify_inclusion(&leaf(3), 3, 8, &inclusion[1..], &r8), length(3, 2));
    assert_eq!(verify_inclusion(&leaf(3), 3, 8, &[inclusion.clone(), vec![r7]].concat(), &r8), length(3, 4));
    assert!(matches!(verify_inclusion(&leaf(3), 3, 8, &inclusion, &r7), Err(ProofError::RootMismatch { .. })));
    assert!(matches!(
        verify_inclusion(&leaf(3), u64::MAX - 1, u64::MAX, &inclusion, &r7),
        Err(ProofError::Length { .. })
    ));
    assert!(matches!(verify_inclusion(&leaf(3), 0, u64::MAX, &[r7; 64], &r7), Err(ProofError::RootMismatch { .. })));

    assert_eq!(verify_consistency(8, 7, &consistency, &r8, &r7), Err(ProofError::SizesReversed { from: 8, to: 7 }));
    assert_eq!(verify_consistency(0, 8, &[], &EMPTY_ROOT, &r8), Err(ProofError::FromEmptyTree));
    assert_eq!(verify_consistency(0, 0, &[], &EMPTY_ROOT, &EMPTY_ROOT), Ok(()));
    assert!(verify_consistency(0, 0, &[], &r8, &r8).is_err(), "the empty tree has one root");
    assert_eq!(verify_consistency(7, 8, &consistency[1..], &r7, &r8), length(4, 3));
    assert_eq!(verify_consistency(8, 8, &consistency, &r8, &r8), length(0, 4));
    assert!(matches!(verify_consistency(8, 8, &[], &r7, &r8), Err(ProofError::RootMismatch { .. })));
    assert!(matches!(verify_consistency(7, 8, &consistency, &r7, &r7), Err(ProofError::RootMismatch { .. })));
    assert!(matches!(verify_consistency(7, 8, &consistency, &r8, &r8), Err(ProofError::OlderRootMismatch { .. })));

    assert_eq!(inclusion_proof(8, 8, &nodes), Err(ProveError::IndexOutOfTree { index: 8, size: 8 }));
    assert_eq!(consistency_proof(9, 8, &nodes), Err(ProveError::SizesReversed { from: 9, to: 8 }));
    assert_eq!(consistency_proof(0, 8, &nodes), Ok(vec![]));
    assert_eq!(root(u64::MAX, &nodes), Err(ProveError::TooLarge { size: u64::MAX }));
}

#[test]
fn frontier_follows_the_definition_and_resumes_from_its_peaks() {
    let all = leaves(600);
    let mut frontier = Frontier::new();
    for size in 0..600_usize {
        assert_eq!(frontier.root(), mth(&all[..size]));
        let resumed = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec()).unwrap();
        assert_eq!(resumed, frontier);
        frontier.push(all[size]);
    }
    assert_eq!(
        Frontier::from_peaks(13, vec![EMPTY_ROOT; 2]),
        Err(FrontierError::PeakCount { size: 13, expected: 3, actual: 2 })
    );
    assert_eq!(Frontier::from_peaks(u64::MAX, vec![]), Err(FrontierError::TooLarge { size: u64::MAX }));
}

/// `ct-merkle` with the leaves 0, 1, 2 …
fn oracle(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(index.to_be_bytes().to_vec()));
    tree
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    encode_tile(proof)
}

fn agrees_with_oracle(size: u64, index: u64, from: u64) {
    let (nodes, oracle) = (AllNodes::of(leaves(size)), oracle(size));
    assert_eq!(root(size, &nodes).unwrap().as_ref(), oracle.root().as_bytes().as_slice());
    let inclusion = inclusion_proof(index, size, &nodes).unwrap();
    assert_eq!(bytes(&inclusion), oracle.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
    let consistency = consistency_proof(from, size, &nodes).unwrap();
    let added = usize::try_from(size - from).unwrap();
    assert_eq!(bytes(&consistency), oracle.prove_consistency(added).as_bytes());
}

#[test]
fn proofs_at_turning_points_are_those_of_an_independent_implementation() {
    for size in SHAPES {
        for index in [0, size / 2, size - 1] {
            agrees_with_oracle(size, index, index + 1);
        }
    }
}

/// A size, and a leaf of that tree.
fn size_and_index() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..700).prop_flat_map(|size| (Just(size), 0..size))
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

proptest! {
    #[test]
    fn proofs_are_those_of_an_independent_implementation((size, index) in size_and_index(), seed: u64) {
        agrees_with_oracle(size, index, 1 + seed % size);
    }

    #[test]
    fn a_flipped_bit_anywhere_breaks_an_inclusion_proof((size, index) in size_and_index(), bit in 0_usize..256, seed: usize) {
        let nodes = AllNodes::of(leaves(size));
        let tree = root(size, &nodes).unwrap();
        let proof = inclusion_proof(index, size, &nodes).unwrap();
        prop_assert!(verify_inclusion(&leaf(index), index, size, &proof, &tree).is_ok());
        prop_assert!(verify_inclusion(&flip(&leaf(index), bit), index, size, &proof, &tree).is_err());
        prop_assert!(verify_inclusion(&leaf(index), index, size, &proof, &flip(&tree, bit)).is_err());
        if !proof.is_empty() {
            let mut bad = proof.clone();
            let at = seed % bad.len();
            bad[at] = flip(&bad[at], bit);
            prop_assert!(verify_inclusion(&leaf(index), index, size, &bad, &tree).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_breaks_a_consistency_proof((size, index) in size_and_index(), bit in 0_usize..256, seed: usize) {
        let from = index + 1;
        let nodes = AllNodes::of(leaves(size));
        let (older, newer) = (root(from, &nodes).unwrap(), root(size, &nodes).unwrap());
        let proof = consistency_proof(from, size, &nodes).unwrap();
        prop_assert!(verify_consistency(from, size, &proof, &older, &newer).is_ok());
        prop_assert!(verify_consistency(from, size, &proof, &flip(&older, bit), &newer).is_err());
        prop_assert!(verify_consistency(from, size, &proof, &older, &flip(&newer, bit)).is_err());
        if !proof.is_empty() {
            let mut bad = proof.clone();
            let at = seed % bad.len();
            bad[at] = flip(&bad[at], bit);
            prop_assert!(verify_consistency(from, size, &bad, &older, &newer).is_err());
        }
    }

    #[test]
    fn hostile_numbers_never_panic(a: u64, b: u64, n in 0_usize..70) {
        let proof = vec![EMPTY_ROOT; n];
        let _ = verify_inclusion(&EMPTY_ROOT, a, b, &proof, &EMPTY_ROOT);
        let _ = verify_consistency(a, b, &proof, &EMPTY_ROOT, &EMPTY_ROOT);
    }
}
