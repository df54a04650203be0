//! The log as anybody reads it: checkpoint, tiles, proofs; every hash is computed again here.

use greffe::tlog::{
    Checkpoint, Edge, Hash, TILE_WIDTH, decode_bundle, decode_tile, leaf_hash, verify_consistency, verify_inclusion,
};
use serde_json::{Value, json};

use crate::monde::*;

fn checkpoint(node: &Node) -> Checkpoint {
    let reply = node.get("/checkpoint");
    assert_eq!(reply.expect(200).header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-store");
    Checkpoint::open(&reply.body, &node.verifier()).unwrap()
}

fn root_of(hashes: &[Hash]) -> Hash {
    let mut edge = Edge::new();
    for hash in hashes {
        edge.push(*hash);
    }
    edge.root()
}

fn hashes(proof: &Value) -> Vec<Hash> {
    let texts = proof["hashes"].as_array().unwrap().iter();
    texts.map(|text| Hash::from_base64(text.as_str().unwrap()).unwrap()).collect()
}

#[test]
fn anybody_can_compute_the_published_root_from_what_is_published() {
    let node = Node::open();
    let checkpoint = checkpoint(&node);
    let size = checkpoint.size();
    let width = u16::try_from(size).unwrap();
    let tile = node.get(&format!("/tile/0/000.p/{width}"));
    assert_eq!(tile.expect(200).header("content-type"), "application/octet-stream");
    let leaf_hashes = decode_tile(&tile.body, width).unwrap();
    assert_eq!(root_of(&leaf_hashes), checkpoint.root());
    // Any width that was published.
    for earlier in 1..width {
        let tile = node.get(&format!("/tile/0/000.p/{earlier}"));
        assert_eq!(decode_tile(&tile.expect(200).body, earlier).unwrap(), leaf_hashes[..usize::from(earlier)]);
    }
    // The leaves themselves, for those who read everything.
    let path = format!("/tile/entries/000.p/{width}");
    for seed in [OPERATOR_KEY, AUDITOR_KEY] {
        let bundle = node.get_as(seed, &path);
        assert_eq!(bundle.expect(200).header("content-type"), "application/octet-stream");
        assert_eq!(bundle.header("cache-control"), "no-store");
        let entries = decode_bundle(&bundle.body, width).unwrap();
        assert_eq!(entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>(), leaf_hashes);
    }
    assert_eq!(node.get(&path).problem(), (401, "token-missing".to_owned()));
    for seed in [COMMUNE_KEY, PREFECTURE_KEY] {
        assert_eq!(node.get_as(seed, &path).problem(), (403, "token-not-entitled".to_owned()));
    }

    // Proofs ready made.
    for index in 0..size {
        for tree in index + 1..=size {
            let proof = node.get(&format!("/v1/proof/inclusion?index={index}&size={tree}")).expect(200).json();
            let (at, tree_width) = (usize::try_from(index).unwrap(), usize::try_from(tree).unwrap());
            let root = root_of(&leaf_hashes[..tree_width]);
            verify_inclusion(&leaf_hashes[at], index, tree, &hashes(&proof), &root).unwrap();
            assert_eq!(
                proof["checkpoint"].is_string(),
                tree == size,
                "a signed head, only where the proof leads to it"
            );
        }
    }
    for from in 1..=size {
        let proof = node.get(&format!("/v1/proof/consistency?from={from}")).expect(200).json();
        assert_eq!((&proof["from"], &proof["to"]), (&json!(from), &json!(size)));
        let older = root_of(&leaf_hashes[..usize::try_from(from).unwrap()]);
        verify_consistency(from, size, &hashes(&proof), &older, &checkpoint.root()).unwrap();
        let signed = proof["checkpoint"].as_str().unwrap();
        assert_eq!(Checkpoint::open(signed.as_bytes(), &node.verifier()).unwrap(), checkpoint);
    }
}

#[test]
fn a_full_tile_is_kept_by_caches_and_has_its_hash_one_level_up() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    while node.ledger.head().size < u64::from(TILE_WIDTH) + 3 {
        node.post(&acte(&numero()), &[COMMUNE_KEY]).expect(201);
    }
    let full = node.get("/tile/0/000");
    assert!(full.expect(200).header("cache-control").contains("immutable"));
    assert!(full.header("cache-control").starts_with("public"));
    let hashes = decode_tile(&full.body, TILE_WIDTH).unwrap();
    let up = node.get("/tile/1/000.p/1");
    assert_eq!(decode_tile(&up.expect(200).body, 1).unwrap(), [root_of(&hashes)]);
    // A prefix of what is full now, and the next one.
    assert_eq!(decode_tile(&node.get("/tile/0/000.p/200").expect(200).body, 200).unwrap(), hashes[..200]);
    node.get("/tile/0/001.p/3").expect(200);
    let bundle = node.get_as(AUDITOR_KEY, "/tile/entries/000");
    assert_eq!(decode_bundle(&bundle.expect(200).body, TILE_WIDTH).unwrap().len(), 256);
}

#[test]
fn what_is_no_tile_or_not_there_yet_is_not_found() {
    let node = Node::fresh();
    for path in [
        "/tile/0/000",
        "/tile/0/000.p/2",
        "/tile/0/001.p/1",
        "/tile/1/000.p/1",
        "/tile/63/000.p/1",
        "/tile/0/000.p/0",
        "/tile/0/000.p/256",
        "/tile/0/0",
        "/tile/0/x000/000.p/1",
        "/tile/0/%30%30%30.p/1",
        "/tile/64/000.p/1",
        "/tile/-1/000.p/1",
        "/tile/0/../../registre.sqlite",
        "/tile/0/000.p/1/",
    ] {
        let reply = node.get(path);
        assert_eq!(reply.problem(), (404, "not-found".to_owned()), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "it may be there soon");
    }
    node.get("/tile/0/000.p/1").expect(200);
    assert_eq!(node.get_as(OPERATOR_KEY, "/tile/entries/000.p/2").problem().1, "not-found");
}

#[test]
fn a_proof_of_what_is_not_in_the_tree_is_a_bad_question() {
    let node = Node::fresh();
    for (query, champ) in [
        ("inclusion?index=1", Some("index")),
        ("inclusion?index=0&size=2", Some("size")),
        ("inclusion?index=0&size=0", Some("index")),
        ("inclusion?index=18446744073709551615&size=18446744073709551615", Some("size")),
        ("inclusion", Some("index")),
        ("inclusion?index=-1", Some("index")),
        ("inclusion?index=0&index=0", Some("index")),
        ("inclusion?index=0&taille=1", Some("taille")),
        ("consistency?from=0", Some("from")),
        ("consistency?from=2", Some("from")),
        ("consistency?from=1&to=2", Some("to")),
        ("consistency?from=1&to=0", Some("from")),
        ("consistency", Some("from")),
    ] {
        let reply = node.get(&format!("/v1/proof/{query}"));
        assert_eq!(reply.problem(), (400, "query-invalid".to_owned()), "{query}");
        assert_eq!(reply.json()["champ"].as_str(), champ, "{query}");
    }
    let alone = node.get("/v1/proof/inclusion?index=0").expect(200).json();
    assert_eq!(alone["hashes"], json!([]));
}

#[test]
fn the_card_names_the_log_and_its_key() {
    let node = Node::fresh();
    let card = node.get("/.well-known/greffe.json").expect(200).json();
    assert_eq!(
        card,
        json!({
            "origin": ORIGIN, "vkey": node.verifier().to_string(), "operator": OPERATOR, "api": "v1",
            "roles": ["ecriture", "lecture"],
            "journal": [{ "index": 0, "vkey": node.verifier().to_string() }],
        })
    );
}
