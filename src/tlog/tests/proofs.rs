//! The `.tlog-proof` file: round trips, and what must be refused.

use proptest::prelude::*;

use super::notes::{ORIGIN, cosigner, name, signer};
use super::*;
use crate::tlog::proof::{MAX_EXTRA_BYTES, MAX_PROOF_BYTES};

/// A proof for leaf `index` of a signed tree of `size` leaves.
fn proved(index: u64, size: u64) -> TlogProof {
    let nodes = AllNodes::of(leaves(size));
    let checkpoint = Checkpoint::new(ORIGIN, size, root(size, &nodes).unwrap()).unwrap();
    let note = checkpoint.sign(&signer(ORIGIN, 1)).unwrap();
    TlogProof::new(index, inclusion_proof(index, size, &nodes).unwrap(), note.to_string()).unwrap()
}

fn key() -> Verifier {
    signer(ORIGIN, 1).verifier().clone()
}

#[test]
fn a_proof_is_laid_out_as_the_specification_shows() {
    let proof = proved(2, 3).with_extra(b"hello".to_vec()).unwrap();
    let sibling = node_hash(&leaf(0), &leaf(1));
    let expected = format!("c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 2\n{sibling}\n\n{}", proof.checkpoint());
    assert_eq!(proof.to_string(), expected);
    let single = proved(0, 1);
    assert_eq!(single.to_string(), format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", single.checkpoint()));
    assert_eq!(TlogProof::parse(single.to_string().as_bytes()), Ok(single));
}

#[test]
fn a_proof_verifies_for_its_leaf_its_index_and_its_log_only() {
    let proof = proved(300, 700);
    let checkpoint = proof.verify(&leaf(300), &key()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (ORIGIN, 700));
    assert!(matches!(
        proof.verify(&leaf(301), &key()),
        Err(TlogProofError::Inclusion(ProofError::RootMismatch { .. }))
    ));
    let elsewhere = TlogProof::new(301, proof.hashes().to_vec(), proof.checkpoint()).unwrap();
    assert!(matches!(elsewhere.verify(&leaf(300), &key()), Err(TlogProofError::Inclusion(_))));
    let beyond = TlogProof::new(700, proof.hashes().to_vec(), proof.checkpoint()).unwrap();
    assert_eq!(
        beyond.verify(&leaf(300), &key()),
        Err(TlogProofError::Inclusion(ProofError::IndexOutOfTree { index: 700, size: 700 }))
    );
    let short = TlogProof::new(300, proof.hashes()[1..].to_vec(), proof.checkpoint()).unwrap();
    assert!(matches!(short.verify(&leaf(300), &key()), Err(TlogProofError::Inclusion(ProofError::Length { .. }))));
    for other in [signer(ORIGIN, 2), signer("other.example", 1)] {
        assert!(matches!(proof.verify(&leaf(300), other.verifier()), Err(TlogProofError::Checkpoint(_))));
    }
}

#[test]
fn cosignatures_in_a_proof_are_found() {
    let witness = cosigner("witness.example", 9);
    let bare = proved(3, 9);
    let checkpoint = Checkpoint::open(bare.checkpoint().as_bytes(), &key()).unwrap();
    let mut note = Note::parse(bare.checkpoint().as_bytes()).unwrap();
    note.add(witness.cosign(&checkpoint, 1_800_000_000).unwrap()).unwrap();
    let proof = TlogProof::new(3, bare.hashes().to_vec(), note.to_string()).unwrap();
    let proof = TlogProof::parse(proof.to_string().as_bytes()).unwrap();
    let opened = proof.verify_witnessed(&leaf(3), &key(), &[witness.verifier().clone()]).unwrap();
    assert_eq!(opened.cosignatures.len(), 1);
    assert_eq!(opened.cosignatures[0].name, name("witness.example"));
    assert_eq!(opened.cosignatures[0].cosigned_at_s, Some(1_800_000_000));
}

#[test]
fn malformed_proofs_are_refused_with_their_cause() {
    let good = proved(2, 7).with_extra(b"hello".to_vec()).unwrap().to_string();
    let hash = leaf(0).to_string();
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "{from:?}");
        good.replacen(from, to, 1)
    };
    for (text, expected) in [
        (String::new(), TlogProofError::Header),
        (replace("proof@v1", "proof@v2"), TlogProofError::Header),
        (replace("proof@v1\n", "proof@v1 \n"), TlogProofError::Header),
        (replace("proof@v1\n", "proof@v1\r\n"), TlogProofError::Header),
        (format!("\n{good}"), TlogProofError::Header),
        (replace("aGVsbG8=", "aGVsbG8"), TlogProofError::Extra),
        (replace("aGVsbG8=", "aGVsbG9="), TlogProofError::Extra),
        (replace("aGVsbG8=", ""), TlogProofError::Extra),
        (replace("extra a", "Extra a"), TlogProofError::Index),
        (replace("extra aGVsbG8=\n", "extra aGVsbG8=\nextra aGVsbG8=\n"), TlogProofError::Index),
        (replace("index 2\n", ""), TlogProofError::Index),
        (replace("index 2", "index 02"), TlogProofError::Index),
        (replace("index 2", "index +2"), TlogProofError::Index),
        (replace("index 2", "index  2"), TlogProofError::Index),
        (replace("index 2", "index 2 "), TlogProofError::Index),
        (replace("index 2", "index -2"), TlogProofError::Index),
        (replace("index 2", "index"), TlogProofError::Index),
        (replace("index 2", "index 9223372036854775807"), TlogProofError::Index),
        (replace("index 2\n", "index 2\nextra aGVsbG8=\n"), TlogProofError::Hash { position: 0 }),
        (replace("index 2\n", "index 2\nAAAA\n"), TlogProofError::Hash { position: 0 }),
        (replace("index 2\n", &format!("index 2\n{hash} \n")), TlogProofError::Hash { position: 0 }),
        (replace("index 2\n", &format!("index 2\n{}", format!("{hash}\n").repeat(64))), TlogProofError::TooManyHashes),
        (good.split_once("\n\n").unwrap().0.to_owned(), TlogProofError::CheckpointMissing),
        (format!("{}\n\n", good.split_once("\n\n").unwrap().0), CheckpointError::Note(NoteError::Unsigned).into()),
        (replace("\n\n", "\n\n\n"), CheckpointError::Lines.into()),
        (format!("{good}\n"), CheckpointError::Note(NoteError::Unsigned).into()),
        ("x".repeat(MAX_PROOF_BYTES + 1), TlogProofError::TooLong { actual: MAX_PROOF_BYTES + 1 }),
    ] {
        assert_eq!(
            TlogProof::parse(text.as_bytes()),
            Err(expected),
            "{:?}",
            text.chars().take(300).collect::<String>()
        );
    }
    assert_eq!(TlogProof::parse(b"\xff"), Err(TlogProofError::Utf8));
    assert!(proved(0, 1).with_extra(vec![]).is_err());
    assert!(proved(0, 1).with_extra(vec![0; MAX_EXTRA_BYTES + 1]).is_err());
    assert_eq!(TlogProof::new(0, vec![leaf(0); 64], proved(0, 1).checkpoint()), Err(TlogProofError::TooManyHashes));
}

#[test]
fn the_largest_proof_is_within_its_own_bound() {
    let extra = vec![7; MAX_EXTRA_BYTES];
    let hashes = vec![leaf(0); 63];
    let proof =
        TlogProof::new(MAX_TREE_SIZE - 1, hashes, proved(0, 1).checkpoint()).unwrap().with_extra(extra).unwrap();
    let text = proof.to_string();
    assert!(text.len() - proof.checkpoint().len() + note::MAX_NOTE_BYTES <= MAX_PROOF_BYTES);
    assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof));
}

proptest! {
    #[test]
    fn a_proof_parses_back_and_verifies(
        (size, index) in (1_u64..300).prop_flat_map(|size| (Just(size), 0..size)),
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..50)),
    ) {
        let proof = proved(index, size);
        let proof = match extra {
            Some(extra) => proof.with_extra(extra).unwrap(),
            None => proof,
        };
        let parsed = TlogProof::parse(proof.to_string().as_bytes()).unwrap();
        prop_assert_eq!(&parsed, &proof);
        prop_assert!(parsed.verify(&leaf(index), &key()).is_ok());
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_proof_is_never_accepted(at: prop::sample::Index, bit in 0_u32..8) {
        let mut bytes = proved(5, 11).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let verdict = TlogProof::parse(&bytes).and_then(|proof| proof.verify(&leaf(5), &key()));
        prop_assert!(verdict.is_err());
    }
}
