//! What must not be admitted: each with its own code, its status, and the field at fault.

use data_encoding::BASE64;
use greffe::http::auth::Requete;
use greffe::ledger::head::Receipt;
use greffe::tlog::{TlogProof, leaf_hash};
use greffe_events::Uuid;
use greffe_events::catalogue::RegistreRefus;
use greffe_events::dsse::{ENVELOPE_BYTES_MAX, Envelope, PAYLOAD_BYTES_MAX, PAYLOAD_TYPE, pae};
use greffe_events::piece::Empreinte;
use serde_json::json;

use crate::monde::*;

/// Signs any bytes at all, as no library of ours does.
fn signed(payload: impl Into<Vec<u8>>) -> String {
    let (payload, key) = (payload.into(), key(COMMUNE_KEY));
    let signature = key.sign(&pae(PAYLOAD_TYPE, &payload));
    json!({
        "payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(&payload),
        "signatures": [{ "keyid": key.id(), "sig": BASE64.encode(&signature.0) }],
    })
    .to_string()
}

#[test]
fn what_is_no_envelope_or_no_i_json_is_refused_before_anything_is_signed() {
    let node = Node::open();
    let size = node.ledger.head().size;
    let good = acte("X");
    let envelope = envelope(&good, &[COMMUNE_KEY]);
    let text = good.to_string();
    let insert = |member: &str| signed(text.replacen('{', &format!("{{{member},"), 1));
    let deep = format!("\"x\":{}{}", "[".repeat(40), "]".repeat(40));
    let table = [
        (String::new(), 400, "dsse-malformed"),
        ("null".to_owned(), 400, "dsse-malformed"),
        ("{}".to_owned(), 400, "dsse-malformed"),
        (text.clone(), 400, "dsse-malformed"),
        (format!("{envelope}\n{envelope}"), 400, "dsse-malformed"),
        (envelope.replace("\"payload\"", "\"payloadType\""), 400, "json-duplicate-name"),
        (envelope.replace("vnd.greffe.event+json", "vnd.other"), 400, "payload-type"),
        (envelope.replace("\"sig\":\"", "\"sig\":\"*"), 400, "base64-invalid"),
        (envelope.replace("ed25519:", "rsa:"), 400, "dsse-malformed"),
        (signed("[]"), 400, "json-malformed"),
        (signed(b"\xef\xbb\xbf{}".to_vec()), 400, "json-malformed"),
        (insert("\"id\":\"x\""), 400, "json-duplicate-name"),
        (insert(&deep), 400, "json-too-deep"),
        (insert("\"x\":9007199254740992"), 400, "json-number"),
        (insert("\"x\":1.5"), 400, "json-number"),
        (insert("\"x\":\"\\ud800\""), 400, "json-malformed"),
        (insert("\"x\":\"\\uffff\""), 400, "json-string"),
        (signed(format!("{{\"x\":\"{}\"}}", "x".repeat(PAYLOAD_BYTES_MAX))), 413, "too-large"),
        (" ".repeat(ENVELOPE_BYTES_MAX + 1), 413, "too-large"),
        (" ".repeat(8 * ENVELOPE_BYTES_MAX), 413, "too-large"),
    ];
    for (body, status, code) in table {
        let reply = node.post_bytes(body.as_bytes());
        assert_eq!(reply.problem(), (status, code.to_owned()), "{}", body.get(..300).unwrap_or(&body));
        assert_eq!(reply.json().get("refus"), None, "nobody signed it");
    }
    // Somebody else's signature under the commune's name.
    let (payload, mut signatures) = Envelope::sign(text.clone().into(), &[&key(COMMUNE_KEY)]).unwrap().into_parts();
    signatures[0].1 = key(OTHER_COMMUNE_KEY).sign(b"anything");
    let forged = Envelope::new(payload, signatures).unwrap().to_json();
    let reply = node.post_bytes(forged.as_bytes());
    assert_eq!(reply.problem(), (400, "signature-invalid".to_owned()));
    assert_eq!(reply.json()["champ"], "signatures[0].sig");
    let unsigned = format!("{}[]}}", &envelope[..envelope.find('[').unwrap()]);
    assert_eq!(node.post_bytes(unsigned.as_bytes()).problem(), (403, "signature-missing".to_owned()));
    let twice = envelope.replace(
        "\"signatures\":[",
        &format!("\"signatures\":[{},", &envelope[envelope.find('[').unwrap() + 1..envelope.len() - 2]),
    );
    assert_eq!(node.post_bytes(twice.as_bytes()).problem(), (400, "signature-repeated".to_owned()));
    assert_eq!(node.ledger.head().size, size, "none of it left a trace");
}

#[test]
fn what_says_something_wrong_is_refused_with_the_field_at_fault() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let act = || acte(&numero());
    let other_digest = json!(Empreinte::of(b"never deposited"));
    let table = [
        (changed(&act(), "/time", json!(instant(-7 * 86_400 - 60))), 422, "time-out-of-range", "time"),
        (changed(&act(), "/time", json!(instant(360))), 422, "time-out-of-range", "time"),
        (changed(&act(), "/type", json!("greffe.acte.transmis.v2")), 422, "type-unknown", "type"),
        (changed(&act(), "/id", json!("1")), 422, "attribute-invalid", "id"),
        (changed(&act(), "/specversion", json!("0.3")), 422, "attribute-invalid", "specversion"),
        (removed(&act(), "/source"), 422, "attribute-missing", "source"),
        (removed(&act(), "/data/matiere"), 422, "data-missing", "data.matiere"),
        (removed(&act(), "/data/pieces/0/taille"), 422, "data-missing", "data.pieces[0].taille"),
        (changed(&act(), "/data/matiere", json!("7")), 422, "data-invalid", "data.matiere"),
        (changed(&act(), "/data/pieces/0/sha256", other_digest), 422, "piece-missing", "data.pieces[0]"),
        (changed(&act(), "/data/pieces/0/taille", json!(1)), 422, "piece-mismatch", "data.pieces[0].taille"),
        (changed(&act(), "/source", json!(OTHER_COMMUNE)), 403, "not-owner", "source"),
    ];
    for (event, status, code, champ) in table {
        let reply = node.post(&event, &[COMMUNE_KEY]);
        assert_eq!(reply.problem(), (status, code.to_owned()), "{}", reply.text());
        assert_eq!(reply.json()["champ"], champ, "{}", reply.text());
        assert!(reply.json()["refus"]["index"].is_u64(), "an enrolled key signed it: the refusal is recorded");
    }
    // A piece deposited with a sel is cited by its engagement only.
    let secret = b"un autre fichier";
    node.deposit(COMMUNE_KEY, secret, Some([9; 32])).expect(201);
    let event = changed(&act(), "/data/pieces/0/sha256", json!(Empreinte::of(secret)));
    let event = changed(&event, "/data/pieces/0/taille", json!(secret.len()));
    assert_eq!(node.post(&event, &[COMMUNE_KEY]).problem(), (422, "piece-missing".to_owned()));
}

#[test]
fn who_signs_must_be_who_may() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let act = acte("Y");
    let table: [(&[u8], u16, &str, bool); 6] = [
        (&[99], 403, "key-unknown", false),
        (&[OTHER_COMMUNE_KEY], 403, "key-other-organisation", true),
        (&[OPERATOR_KEY], 403, "key-other-organisation", true),
        (&[COMMUNE_KEY, OTHER_COMMUNE_KEY], 403, "signature-extra", true),
        // A stranger's signature before the commune's: not the commune's doing.
        (&[99, COMMUNE_KEY], 403, "key-unknown", false),
        // A recovery key of the operator.
        (&[4], 403, "key-other-organisation", true),
    ];
    for (signers, status, code, is_recorded) in table {
        let reply = node.post(&act, signers);
        assert_eq!(reply.problem(), (status, code.to_owned()), "{signers:?}");
        assert_eq!(reply.json().get("refus").is_some(), is_recorded, "{signers:?}");
    }
    let by_prefecture = accuse("Y");
    assert_eq!(node.post(&by_prefecture, &[OTHER_PREFECTURE_KEY]).problem().1, "key-other-organisation");
    let by_other = changed(&by_prefecture, "/source", json!(OTHER_PREFECTURE));
    assert_eq!(node.post(&by_other, &[OTHER_PREFECTURE_KEY]).problem(), (403, "key-not-entitled".to_owned()));
    let enrolment = enrolment(OTHER_COMMUNE, 50, &["collectivite"]);
    assert_eq!(
        node.post(&enrolment, &[OPERATOR_KEY, OTHER_COMMUNE_KEY]).problem(),
        (403, "signature-missing".to_owned())
    );
    let mut ended = crate::monde::enrolment(COMMUNE, 51, &["collectivite"]);
    ended["time"] = json!(instant(-7_200));
    ended["data"]["valable_jusqu"] = json!(instant(-3_600));
    node.post(&ended, &[OPERATOR_KEY, COMMUNE_KEY, 51]).expect(201);
    assert_eq!(node.post(&act, &[51]).problem(), (403, "key-not-in-force".to_owned()));
}

#[test]
fn what_the_log_already_holds_is_a_conflict() {
    let node = Node::open();
    node.transmit("Z");
    let again = acte("Z");
    assert_eq!(node.post(&again, &[COMMUNE_KEY]).problem(), (409, "acte-deja-transmis".to_owned()));
    assert_eq!(node.post(&accuse("jamais"), &[PREFECTURE_KEY]).problem(), (409, "acte-inconnu".to_owned()));
    node.post(&accuse("Z"), &[PREFECTURE_KEY]).expect(201);
    assert_eq!(node.post(&accuse("Z"), &[PREFECTURE_KEY]).problem(), (409, "accuse-deja-enregistre".to_owned()));
    let id = Uuid::now_v7();
    let with_id = |numero: &str| changed(&acte(numero), "/id", json!(id));
    node.post(&with_id("Z1"), &[COMMUNE_KEY]).expect(201);
    let reused = node.post(&with_id("Z2"), &[COMMUNE_KEY]);
    assert_eq!(reused.problem(), (409, "id-reused".to_owned()));
    assert_eq!(reused.json()["champ"], "id");
    assert_eq!(node.post(&member(COMMUNE, "commune"), &[OPERATOR_KEY]).problem().1, "adherent-deja-inscrit");
    let twice = enrolment(COMMUNE, OTHER_COMMUNE_KEY, &["collectivite"]);
    let reply = node.post(&twice, &[OPERATOR_KEY, COMMUNE_KEY, OTHER_COMMUNE_KEY]);
    assert_eq!(reply.problem(), (409, "key-already-enrolled".to_owned()));
}

#[test]
fn a_key_that_is_refused_too_often_is_still_told_why() {
    let node = Node::open();
    for at in 0..60 {
        node.post(&accuse(&format!("n{at}")), &[PREFECTURE_KEY]).expect(409);
    }
    let size = node.ledger.head().size;
    let held_back = node.post(&accuse("n60"), &[PREFECTURE_KEY]);
    assert_eq!(held_back.problem(), (429, "too-many-refusals".to_owned()));
    assert!(!held_back.header("retry-after").is_empty());
    let motif = &held_back.json()["motif"];
    assert_eq!((&motif["code"], &motif["champ"]), (&json!("acte-inconnu"), &json!("subject")));
    assert_eq!(motif["cle"], json!(key(PREFECTURE_KEY).id()));
    for name in ["title", "titre", "detail", "conseil"] {
        assert!(!motif[name].as_str().unwrap().is_empty(), "{name}");
    }
    assert_eq!(node.ledger.head().size, size);
}

#[test]
fn whoever_replays_the_envelopes_of_another_log_spends_nothing() {
    let node = Node::open();
    let size = node.ledger.head().size;
    for at in 0..70 {
        let elsewhere = changed(&accuse(&format!("n{at}")), "/registre", json!("other.example"));
        let reply = node.post(&elsewhere, &[PREFECTURE_KEY]);
        assert_eq!(reply.problem(), (422, "registre-wrong".to_owned()));
        assert_eq!(reply.json().get("refus"), None);
        // … nor whoever signs before it.
        let reply = node.post(&accuse(&format!("n{at}")), &[99, PREFECTURE_KEY]);
        assert_eq!(reply.problem(), (403, "key-unknown".to_owned()));
    }
    assert_eq!(node.ledger.head().size, size);
    let own = node.post(&accuse("n0"), &[PREFECTURE_KEY]);
    assert_eq!(own.expect(409).json()["refus"]["index"], size);
}

#[test]
fn a_refusal_is_found_again_by_the_one_refused_and_by_nobody_else() {
    let mut node = Node::open();
    let mut refused = Vec::new();
    for at in 0..3 {
        let reply = node.post(&accuse(&format!("r{at}")), &[PREFECTURE_KEY]);
        refused.push(reply.expect(409).json()["refus"]["index"].as_u64().unwrap());
    }
    // A neighbour that speaks in the commune's name: both are told.
    let act = acte("V");
    let reply = node.post(&act, &[OTHER_COMMUNE_KEY]);
    let usurped = reply.expect(403).json()["refus"]["index"].as_u64().unwrap();
    for _ in 0..2 {
        let list = |seed: u8, query: &str| {
            let page = node.get_as(seed, &format!("/v1/refus{query}")).expect(200).json();
            let of = page["lignes"].as_array().unwrap().iter().map(|refus| refus["index"].as_u64().unwrap());
            (of.collect::<Vec<_>>(), page["suite"].as_str().map(str::to_owned))
        };
        assert_eq!(list(PREFECTURE_KEY, ""), (vec![refused[2], refused[1], refused[0]], None));
        let (page, suite) = list(PREFECTURE_KEY, "?limit=2");
        assert_eq!(page, [refused[2], refused[1]]);
        let suite = suite.unwrap();
        assert_eq!(list(PREFECTURE_KEY, &format!("?limit=2&apres={suite}")), (vec![refused[0]], None));
        assert_eq!(list(COMMUNE_KEY, ""), (vec![usurped], None));
        assert_eq!(list(OTHER_COMMUNE_KEY, ""), (vec![usurped], None));
        assert_eq!(list(OTHER_PREFECTURE_KEY, ""), (vec![], None));
        let all = vec![usurped, refused[2], refused[1], refused[0]];
        assert_eq!(list(OPERATOR_KEY, "").0, all);
        assert_eq!(list(AUDITOR_KEY, "?limit=3"), (all[..3].to_vec(), Some(suite)));

        let one = node.get_as(COMMUNE_KEY, &format!("/v1/refus/{usurped}")).expect(200).json();
        assert_eq!((&one["code"], &one["source_refusee"]), (&json!("key-other-organisation"), &json!(COMMUNE)));
        assert_eq!(one["cle"], json!(key(OTHER_COMMUNE_KEY).id()));
        assert_eq!(one["id_refuse"], act["id"]);
        for name in ["title", "titre", "conseil"] {
            assert!(!one[name].as_str().unwrap().is_empty(), "{name}");
        }
        // The proof: what was refused, and that it is in the log.
        let refus: RegistreRefus = serde_json::from_value(one.clone()).unwrap();
        assert!(refus.is_about(act.to_string().as_bytes()));
        let receipt: Receipt = serde_json::from_value(one["receipt"].clone()).unwrap();
        let leaf = BASE64.decode(receipt.leaf.as_bytes()).unwrap();
        TlogProof::parse(receipt.proof.as_bytes()).unwrap().verify(&leaf_hash(&leaf), &node.verifier()).unwrap();

        for (seed, index) in [(OTHER_PREFECTURE_KEY, usurped), (PREFECTURE_KEY, usurped), (COMMUNE_KEY, refused[0])] {
            assert_eq!(node.get_as(seed, &format!("/v1/refus/{index}")).problem().0, 404);
        }
        // A leaf that is no refusal, and none at all.
        for path in ["/v1/refus/0", "/v1/refus/100000"] {
            assert_eq!(node.get_as(OPERATOR_KEY, path).problem().0, 404);
        }
        assert_eq!(node.get("/v1/refus").problem(), (401, "token-missing".to_owned()));
        assert_eq!(node.get_as(COMMUNE_KEY, "/v1/refus?limit=0").problem().1, "query-invalid");
        node = node.restarted();
    }
}

#[test]
fn a_piece_that_is_not_what_was_announced_is_not_kept() {
    let node = Node::open();
    let path = format!("/v1/pieces/{}", Empreinte::of(PDF));
    let put = |path: &str, name: &str, value: &str| {
        let said = |header: &str| (name == header).then_some(value);
        let bound = Requete { method: "PUT", target: path, sel: said("greffe-sel"), nom: said("greffe-nom") };
        let authorization = format!("Bearer {}", token_for(&key(COMMUNE_KEY), &bound));
        node.send("PUT", path, &[("authorization", &authorization), (name, value)], Some(PDF))
    };
    let other = format!("/v1/pieces/{}", Empreinte::of(b"another"));
    assert_eq!(put(&other, "x-nothing", "").problem(), (422, "digest-mismatch".to_owned()));
    for (name, value) in [
        ("greffe-sel", "00".repeat(31)),
        ("greffe-sel", "AB".repeat(32)),
        ("greffe-nom", "%zz".to_owned()),
        ("greffe-nom", "..%2Fsecret".to_owned()),
        ("greffe-nom", "a%00b".to_owned()),
        ("greffe-nom", "x".repeat(256)),
    ] {
        let reply = put(&path, name, &value);
        assert_eq!(
            (reply.problem(), &reply.json()["champ"]),
            ((400, "header-invalid".to_owned()), &json!(name)),
            "{value}"
        );
    }
    for bad in [
        "/v1/pieces/abc",
        &path.to_uppercase().replace("/V1/PIECES", "/v1/pieces"),
        "/v1/pieces/..%2f..%2fcles%2fnoeud.pem",
    ] {
        assert_eq!(put(bad, "x-nothing", "").problem(), (400, "query-invalid".to_owned()), "{bad}");
    }
    assert_eq!(std::fs::read_dir(node.folder.pieces().join("depot")).unwrap().count(), 0);
    assert_eq!(node.get_as(COMMUNE_KEY, &path).problem().1, "not-found");
    // Who signs nothing deposits nothing.
    assert_eq!(node.deposit(AUDITOR_KEY, PDF, None).problem(), (403, "token-not-entitled".to_owned()));
    let anonymous = node.send("PUT", &path, &[], Some(PDF));
    assert_eq!(anonymous.problem(), (401, "token-missing".to_owned()));
    put(&path, "greffe-nom", "d%C3%A9lib%C3%A9ration.pdf").expect(201);
}
