//! Values published by others: the eight leaves of the Certificate Transparency reference tests, and their roots.

use data_encoding::HEXLOWER;

use super::*;

const CT_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn ct_leaves() -> Vec<Hash> {
    CT_LEAVES.iter().map(|leaf| leaf_hash(&HEXLOWER.decode(leaf.as_bytes()).unwrap())).collect()
}

#[test]
fn roots_of_the_ct_leaves_are_those_of_the_reference() {
    let nodes = AllNodes::of(ct_leaves());
    let (mut frontier, mut edge) = (Frontier::new(), Edge::new());
    for (size, expected) in (0..).zip(CT_ROOTS) {
        assert_eq!(root(size, &nodes).unwrap().to_hex(), expected);
        assert_eq!(frontier.root().to_hex(), expected);
        assert_eq!(edge.root().to_hex(), expected);
        if let Some(leaf) = ct_leaves().get(usize::try_from(size).unwrap()) {
            frontier.push(*leaf);
            edge.push(*leaf);
        }
    }
}

#[test]
fn proofs_of_the_ct_leaves_are_those_of_the_reference() {
    let nodes = AllNodes::of(ct_leaves());
    let hex = |proof: Vec<Hash>| proof.iter().map(Hash::to_hex).collect::<Vec<_>>();
    assert_eq!(hex(inclusion_proof(0, 1, &nodes).unwrap()), Vec::<String>::new());
    assert_eq!(hex(inclusion_proof(2, 3, &nodes).unwrap()), [CT_ROOTS[2]]);
    assert_eq!(
        hex(inclusion_proof(1, 5, &nodes).unwrap()),
        [
            CT_ROOTS[1],
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
        ]
    );
    assert_eq!(
        hex(consistency_proof(1, 8, &nodes).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
        ]
    );
}

#[test]
fn a_leaf_never_hashes_as_a_node() {
    let (left, right) = (leaf(1), leaf(2));
    let both = [left.as_ref(), right.as_ref()].concat();
    assert_ne!(leaf_hash(&both), node_hash(&left, &right));
    assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
}

#[test]
fn a_hash_has_one_spelling() {
    let hash = leaf(7);
    assert_eq!(Hash::from_base64(&hash.to_string()), Ok(hash));
    assert_eq!(hash.to_string().len(), 44);
    let good = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert!(Hash::from_base64(good).is_ok());
    for (bad, why) in [
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I", "unpadded"),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=", "stray bits"),
        ("CsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=", "URL alphabet"),
        ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "newline"),
        (" CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "space"),
    ] {
        assert_eq!(Hash::from_base64(bad), Err(HashError::Base64), "{why}");
    }
    assert_eq!(Hash::from_base64("AAAA"), Err(HashError::Length { actual: 3 }));
    assert_eq!(Hash::from_base64(""), Err(HashError::Length { actual: 0 }));
}
