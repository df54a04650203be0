//! Rights that ended, over HTTP: the key neither signs nor reads, from that leaf on.

use serde_json::{Value, json};

use crate::monde::*;

fn dossier(organisation: &str) -> String {
    format!("adherent/{}", organisation.strip_prefix("urn:siren:").unwrap())
}

fn reads(node: &Node, seed: u8) -> u16 {
    node.send("GET", "/v1/actes", &[("authorization", &format!("Bearer {}", token(seed)))], None).status
}

#[test]
fn a_key_that_ended_reads_nothing_any_more() {
    let mut node = Node::open();
    let of = |organisation: &str, seed: u8| json!({ "organisation": organisation, "cle": key(seed).id() });
    let with = |mut data: Value, name: &str, value: Value| {
        data[name] = value;
        data
    };
    let commune = dossier(COMMUNE);
    for seed in [53, 54] {
        node.post(&enrolment(COMMUNE, seed, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY, seed]).expect(201);
        assert_eq!(reads(&node, seed), 200);
    }
    let revoked = event("cle.revoquee", COMMUNE, &commune, &with(of(COMMUNE, 53), "motif", json!("vol")));
    node.post(&revoked, &[53]).expect(201);
    let since = with(of(COMMUNE, 54), "depuis", json!(instant(-60)));
    node.post(&event("cle.compromise", OPERATOR, &commune, &since), &[OPERATOR_KEY]).expect(201);
    let mut recovery = enrolment(OTHER_COMMUNE, 55, &["collectivite"]);
    recovery["type"] = json!("greffe.cle.recouvree.v1");
    node.post(&recovery, &[OPERATOR_KEY, 55]).expect(201);
    for seed in [53, 54, 55] {
        let reply = node.send("GET", "/v1/actes", &[("authorization", &format!("Bearer {}", token(seed)))], None);
        assert_eq!(reply.problem(), (401, "token-key-not-in-force".to_owned()), "{seed}");
    }
    // What was to be recovered goes on reading meanwhile; and so does everybody else.
    assert_eq!((reads(&node, OTHER_COMMUNE_KEY), reads(&node, COMMUNE_KEY)), (200, 200));
    // A revoked key is told so when it signs, and its refusal is recorded: it is a key that the log knows.
    let again =
        node.post(&event("cle.revoquee", COMMUNE, &commune, &with(of(COMMUNE, 53), "motif", json!("vol"))), &[53]);
    assert_eq!(again.problem(), (403, "key-revoked".to_owned()));
    assert!(again.json()["refus"]["index"].is_u64());

    let left = json!({ "organisation": OTHER_COMMUNE, "motif": "fusion" });
    node.post(&event("adherent.sorti", OTHER_COMMUNE, &dossier(OTHER_COMMUNE), &left), &[OTHER_COMMUNE_KEY])
        .expect(201);
    assert_eq!(reads(&node, OTHER_COMMUNE_KEY), 401);
    let new = json!({ "cle": key(56).id() });
    let replaced = event("registre.operateur-remplace", OPERATOR, &format!("registre/{ORIGIN}"), &new);
    node.post(&replaced, &[OPERATOR_KEY, 4, 56]).problem();
    assert_eq!(reads(&node, OPERATOR_KEY), 200);
    node.post(&replaced, &[6, 4, 56]).expect(201);
    assert_eq!((reads(&node, OPERATOR_KEY), reads(&node, 56)), (401, 200));
    node.join();
}
