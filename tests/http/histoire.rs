//! One act, from the mairie to the prefecture and back, as each side sees it.

use data_encoding::BASE64;
use greffe::tlog::{TlogProof, leaf_hash};
use greffe_events::event::ClaimedIdentity;
use greffe_events::leaf::Leaf;
use greffe_events::piece::{Empreinte, engagement};
use serde_json::{Value, json};

use crate::monde::*;

fn leaf_of(receipt: &Value) -> Vec<u8> {
    BASE64.decode(receipt["leaf"].as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn an_act_goes_from_the_commune_to_the_prefecture_and_its_receipts_verify_alone() {
    let node = Node::open();
    let id = id_acte("2026_041");

    // Files first. Depositing again is answered the same: nobody learns what was known.
    let deposited = node.deposit(COMMUNE_KEY, PDF, None);
    assert_eq!(
        deposited.expect(201).json(),
        json!({ "reference": Empreinte::of(PDF), "sha256": Empreinte::of(PDF), "taille": PDF.len() })
    );
    assert_eq!(node.deposit(COMMUNE_KEY, PDF, None).expect(201).body, deposited.body);
    let objet = "{\"objet\":\"Tarifs de la cantine\"}".as_bytes();
    let sel = [7; 32];
    let cited = engagement(&sel, Empreinte::of(objet));
    assert_eq!(node.deposit(COMMUNE_KEY, objet, Some(sel)).expect(201).json()["reference"], json!(cited));

    // The act.
    let mut event = acte("2026_041");
    let confidential = json!({
        "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": objet.len(), "engagement": cited,
    });
    event["data"]["pieces"].as_array_mut().unwrap().push(confidential);
    let envelope = envelope(&event, &[COMMUNE_KEY]);
    let posted = node.post_bytes(envelope.as_bytes());
    let receipt = posted.expect(201).json();
    let index = receipt["index"].as_u64().unwrap();
    assert_eq!(posted.header("location"), format!("/v1/events/{index}"));
    assert_eq!(receipt["id"], event["id"]);

    // Its receipt needs the log's public key and nothing else.
    let leaf = leaf_of(&receipt);
    let proof = TlogProof::parse(receipt["proof"].as_str().unwrap().as_bytes()).unwrap();
    let checkpoint = proof.verify(&leaf_hash(&leaf), &node.verifier()).unwrap();
    assert_eq!((proof.index(), checkpoint.origin()), (index, ORIGIN));
    let decoded = Leaf::decode(&leaf).unwrap();
    assert_eq!(decoded.envelope.payload(), event.to_string().as_bytes());
    assert!(decoded.received_at_ms <= decoded.recorded_at_ms);

    // Posted again, it is the same leaf.
    let again = node.post_bytes(envelope.as_bytes());
    assert_eq!(leaf_of(&again.expect(200).json()), leaf);
    assert_eq!(again.header("location"), posted.header("location"));

    // The event, byte for byte.
    let read = node.get_as(COMMUNE_KEY, &format!("/v1/events/{index}"));
    assert!(read.expect(200).text().contains(&event.to_string()), "the payload stands in the answer as it was signed");
    let read = read.json();
    assert_eq!(leaf_of(&read), leaf);
    assert_eq!(
        (read["index"].as_u64(), read["previous"].as_u64(), read["rank"].as_u64()),
        (Some(index), None, Some(0))
    );
    assert_eq!(read["signatures"][0]["keyid"], json!(key(COMMUNE_KEY).id()));
    assert_eq!(read["recorded_at"], receipt["recorded_at"]);

    // The bare proof, with the leaf in it.
    let path = format!("/v1/events/{index}/receipt");
    assert_eq!(leaf_of(&node.get_as(COMMUNE_KEY, &path).expect(200).json()), leaf);
    let authorization = format!("Bearer {}", token(COMMUNE_KEY));
    let bare = node.send("GET", &path, &[("authorization", &authorization), ("accept", "text/plain")], None);
    assert_eq!(bare.expect(200).header("content-type"), "text/plain; charset=utf-8");
    let bare = TlogProof::parse(&bare.body).unwrap();
    assert_eq!(bare.extra(), Some(leaf.as_slice()));
    bare.verify(&leaf_hash(&leaf), &node.verifier()).unwrap();

    // The prefecture acknowledges; both read the act as it is now.
    let accused = node.post(&accuse("2026_041"), &[PREFECTURE_KEY]).expect(201).json()["index"].as_u64().unwrap();
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, OPERATOR_KEY, AUDITOR_KEY] {
        let acte = node.get_as(seed, &format!("/v1/actes/{id}?at_least={accused}"));
        let acte = acte.expect(200).json();
        assert_eq!((&acte["id"], &acte["etat"]), (&json!(id.to_string()), &json!("recu")));
        assert_eq!((&acte["objet"], &acte["date_reception"]), (&json!("Tarifs de la cantine"), &json!("2026-11-20")));
        assert_eq!(acte["transmis_index"], index);
        let listed = node.get_as(seed, &format!("/v1/actes?departement=045&etat=recu&at_least={accused}"));
        assert_eq!(listed.expect(200).json(), json!({ "lignes": [acte], "suite": null }));
        assert_eq!(node.get_as(seed, "/v1/actes?etat=transmis").expect(200).json()["lignes"], json!([]));
    }
    let previous = node.get_as(PREFECTURE_KEY, &format!("/v1/events/{accused}")).expect(200).json();
    assert_eq!(previous["previous"].as_u64(), Some(index));

    // And the files.
    for (seed, reference, bytes) in [
        (COMMUNE_KEY, Empreinte::of(PDF), PDF),
        (COMMUNE_KEY, cited, objet),
        (PREFECTURE_KEY, Empreinte::of(PDF), PDF),
        (PREFECTURE_KEY, cited, objet),
    ] {
        let piece = node.get_as(seed, &format!("/v1/pieces/{reference}"));
        assert_eq!(piece.expect(200).body, bytes);
        assert_eq!(piece.header("content-type"), "application/octet-stream");
        assert!(piece.header("content-disposition").starts_with("attachment"));
        assert_eq!(piece.header("x-content-type-options"), "nosniff");
        assert_eq!(piece.header("cache-control"), "no-store");
        assert_eq!(piece.header("content-length"), bytes.len().to_string());
    }
}

#[test]
fn a_recorded_refusal_comes_with_its_receipt() {
    let node = Node::open();
    let event = accuse("1999_1");
    let envelope = envelope(&event, &[PREFECTURE_KEY]);
    let refused = node.post_bytes(envelope.as_bytes());
    assert_eq!(refused.problem(), (409, "acte-inconnu".to_owned()));
    let refus = refused.json()["refus"].clone();
    let index = refus["index"].as_u64().unwrap();
    let leaf = leaf_of(&refus["receipt"]);
    let proof = TlogProof::parse(refus["receipt"]["proof"].as_str().unwrap().as_bytes()).unwrap();
    proof.verify(&leaf_hash(&leaf), &node.verifier()).unwrap();
    let payload: Value = serde_json::from_slice(Leaf::decode(&leaf).unwrap().envelope.payload()).unwrap();
    assert_eq!((&payload["data"]["code"], &payload["data"]["id_refuse"]), (&json!("acte-inconnu"), &event["id"]));
    assert!(ClaimedIdentity::of(payload.to_string().as_bytes()).id.is_some());
    // The same again adds no leaf.
    let size = node.ledger.head().size;
    assert_eq!(node.post_bytes(envelope.as_bytes()).json()["refus"]["index"], index);
    assert_eq!(node.ledger.head().size, size);
    // The refused one reads it, another commune does not.
    node.get_as(PREFECTURE_KEY, &format!("/v1/events/{index}")).expect(200);
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, &format!("/v1/events/{index}")).problem().1, "not-found");
}

#[test]
fn a_list_goes_on_where_its_page_ended_whatever_arrives_meanwhile() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let indices: Vec<u64> = (0..7).map(|_| node.transmit(&numero())).collect();
    let page_at = |index: u64, query: &str| {
        let page = node.get_as(COMMUNE_KEY, &format!("/v1/actes?at_least={index}&{query}")).expect(200).json();
        let acts = page["lignes"].as_array().unwrap().iter().map(|acte| acte["transmis_index"].as_u64().unwrap());
        (acts.collect::<Vec<_>>(), page["suite"].as_str().map(str::to_owned))
    };
    let page = |query: &str| page_at(indices[6], query);
    let newest_first: Vec<u64> = indices.iter().rev().copied().collect();
    let (first, suite) = page("limit=3");
    assert_eq!(first, newest_first[..3]);
    let newest = node.transmit(&numero());
    let (second, suite) = page(&format!("limit=3&apres={}", suite.unwrap()));
    assert_eq!(second, newest_first[3..6]);
    let (third, suite) = page(&format!("limit=3&apres={}", suite.unwrap()));
    assert_eq!((third, suite), (newest_first[6..].to_vec(), None));
    // A page that ends where the list ends says so.
    let (all, suite) = page_at(newest, "limit=8&siren=214502494&nature=DE&departement=045");
    assert_eq!((all.len(), suite), (8, None));
}
