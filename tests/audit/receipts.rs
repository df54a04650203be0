//! A receipt in the hands of somebody who has the log's public key and nothing else.

use greffe::audit::verify_receipt;
use greffe::ledger::head::Receipt;
use greffe::tlog::{Algorithm, KeyName, TlogProof, Verifier, leaf_hash};
use serde_json::{Value, json};

use crate::world::{COMMUNE, ORIGIN, World, act, key, next, payload};

#[test]
fn a_receipt_verifies_with_the_logs_key_alone() {
    let world = World::new();
    let (receipts, vkey) = (world.receipts.clone(), world.vkey.to_string());
    let event = payload(&world.leaves[world.act]);
    let index = world.act;
    // The ledger is gone.
    drop(world);
    let vkey = Verifier::parse(&vkey).unwrap();
    for receipt in &receipts {
        let report = verify_receipt(&serde_json::to_vec(receipt).unwrap(), &vkey).unwrap();
        assert_eq!((report.index, &report.id), (receipt.index, &receipt.id));
        let bare = verify_receipt(receipt.to_tlog_proof().unwrap().as_bytes(), &vkey).unwrap();
        assert_eq!(bare, report);
    }
    let report = verify_receipt(&serde_json::to_vec(&receipts[index]).unwrap(), &vkey).unwrap();
    assert_eq!((report.source.as_str(), report.origin.as_str()), (COMMUNE, ORIGIN));
    assert_eq!(event["subject"], report.subject.as_str());
    assert_eq!(report.signers[0].keyid, key(10).id().to_string());
    assert!(report.not_checked.iter().any(|not| not.code == "right-to-sign"));
    assert!(report.to_string().starts_with("The receipt is verified / Le récépissé est vérifié\n"));
    let name = KeyName::new(ORIGIN).unwrap();
    let other = Verifier::new(name, Algorithm::Ed25519, key(99).signing_key().verifying_key()).unwrap();
    assert_eq!(
        verify_receipt(&serde_json::to_vec(&receipts[1]).unwrap(), &other).unwrap_err().code(),
        "receipt-other-key"
    );
}

#[test]
fn no_byte_of_a_receipt_can_change() {
    let world = World::new();
    for receipt in [&world.receipts[world.act], &world.receipts[0]] {
        let json = serde_json::to_vec(receipt).unwrap();
        let bare = receipt.to_tlog_proof().unwrap().into_bytes();
        for (form, good) in [("JSON", json), (".tlog-proof", bare)] {
            verify_receipt(&good, &world.vkey).unwrap();
            for at in 0..good.len() {
                for mask in [1, 0x20] {
                    let mut altered = good.clone();
                    altered[at] ^= mask;
                    let shown =
                        String::from_utf8_lossy(&altered[at.saturating_sub(20)..]).chars().take(40).collect::<String>();
                    assert!(verify_receipt(&altered, &world.vkey).is_err(), "{form}, byte {at}: {shown}");
                }
            }
            assert!(verify_receipt(&good[..good.len() - 1], &world.vkey).is_err());
        }
    }
}

#[test]
fn what_the_json_repeats_must_be_what_the_leaf_says() {
    let world = World::new();
    let good = serde_json::to_value(&world.receipts[world.act]).unwrap();
    let other = serde_json::to_value(&world.receipts[world.act + 1]).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        verify_receipt(receipt.to_string().as_bytes(), &world.vkey).unwrap_err().code()
    };
    for (field, value) in
        [("id", &other["id"]), ("index", &other["index"]), ("recorded_at", &json!("2026-01-01T00:00:00Z"))]
    {
        assert_eq!(refused(&|receipt| receipt[field] = value.clone()), "receipt-contradicts-leaf", "{field}");
    }
    assert_eq!(refused(&|receipt| receipt["leaf"] = other["leaf"].clone()), "receipt-proof");
    assert_eq!(refused(&|receipt| receipt["proof"] = other["proof"].clone()), "receipt-proof");
    assert_eq!(refused(&|receipt| receipt["leaf"] = json!("")), "receipt-proof");
    assert_eq!(refused(&|receipt| *receipt = json!([])), "receipt-malformed");
    // A proof without its leaf proves something of nobody knows what.
    let bare = world.receipts[world.act].proof.clone();
    assert_eq!(verify_receipt(bare.as_bytes(), &world.vkey).unwrap_err().code(), "receipt-leaf");
    assert_eq!(verify_receipt(&vec![b'{'; 4_000_000], &world.vkey).unwrap_err().code(), "receipt-too-large");
}

#[test]
fn what_the_log_signed_but_no_event_of_it_says_is_refused() {
    let world = World::new();
    // A tree of one leaf: its hash is the root, the proof empty.
    let receipt_of = |leaf: &[u8]| {
        let note = String::from_utf8(world.sign(&[leaf.to_vec()])).unwrap();
        let proof = TlogProof::new(0, Vec::new(), note).unwrap();
        proof.verify(&leaf_hash(leaf), &world.vkey).unwrap();
        serde_json::to_vec(&Receipt::new(String::new(), leaf, 0, &proof)).unwrap()
    };
    let code = |leaf: &[u8]| verify_receipt(&receipt_of(leaf), &world.vkey).unwrap_err().code();
    let good = next(&world.leaves, &act(COMMUNE, 9), &[&key(10)]);
    assert_eq!(code(&good), "receipt-contradicts-leaf", "all but the id that we left empty");
    assert_eq!(code(b"anything"), "leaf-malformed");
    let mut badly_signed = good.clone();
    badly_signed[100] ^= 1;
    assert_eq!(code(&badly_signed), "signature-invalid");
    let mut foreign = act(COMMUNE, 9);
    foreign["registre"] = json!("autre.example");
    let foreign = next(&world.leaves, &foreign, &[&key(10)]);
    assert!(verify_receipt(&receipt_of(&foreign), &world.vkey).unwrap_err().to_string().contains("autre.example"));
}
