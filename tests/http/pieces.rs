//! Pieces over HTTP: who uploads, what is cited by whom, quotas, erasure; and that no answer tells what another holds.

use greffe::http::auth::Requete;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use greffe::ledger::folder::read_secret_key;
use greffe::ledger::pieces::Quota;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use serde_json::json;

use crate::monde::*;

const GATEWAY: &str = "urn:siren:214400152";
const GATEWAY_KEY: u8 = 70;
const SEL: [u8; 32] = [5; 32];

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

fn place(node: &Node, organisation: &str, reference: Empreinte) -> PathBuf {
    let (name, space) = (reference.to_string(), organisation.rsplit("siren:").next().unwrap());
    node.folder.pieces().join(space).join(&name[..2]).join(name)
}

/// The commune's act with its objet; the event, and the objet's bytes with their reference.
fn acte_with_objet(numero: &str) -> (serde_json::Value, Vec<u8>, Empreinte) {
    let objet = format!("{{\"objet\":\"M. Untel, dossier {numero}\"}}").into_bytes();
    let cited = engagement(&SEL, Empreinte::of(&objet));
    let mut event = acte(numero);
    event["data"]["pieces"].as_array_mut().unwrap().push(json!({
        "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": objet.len(), "engagement": cited,
    }));
    (event, objet, cited)
}

#[test]
fn only_a_key_whose_events_cite_pieces_uploads_some() {
    let node = Node::open();
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, OPERATOR_KEY] {
        node.deposit(seed, PDF, None).expect(201);
    }
    assert_eq!(node.deposit(AUDITOR_KEY, PDF, None).problem(), (403, "token-not-entitled".to_owned()));
    assert_eq!(node.deposit(99, PDF, None).problem(), (401, "token-key-unknown".to_owned()));
    let authorization = format!("Bearer {}", deposit_token(COMMUNE_KEY, "/v1/pieces/abc", None));
    let named = node.send("PUT", "/v1/pieces/abc", &[("authorization", &authorization)], Some(PDF));
    assert_eq!(named.problem(), (400, "query-invalid".to_owned()), "which is no digest");
    // The node's own key signs refusals, which cite nothing.
    let key: SecretKey = read_secret_key(&node.folder.node_key()).unwrap();
    let path = format!("/v1/pieces/{}", Empreinte::of(PDF));
    let bound = Requete { method: "PUT", target: &path, ..Requete::default() };
    let authorization = format!("Bearer {}", token_for(&key, &bound));
    let reply = node.send("PUT", &path, &[("authorization", &authorization)], Some(PDF));
    assert_eq!(reply.problem(), (403, "token-not-entitled".to_owned()));
}

#[test]
fn what_a_gateway_uploads_its_member_cites_by_the_gateways_signature_and_by_no_other() {
    let node = Node::open();
    node.post(&member(GATEWAY, "operateur"), &[OPERATOR_KEY]).expect(201);
    node.post(&enrolment(GATEWAY, GATEWAY_KEY, &["transmetteur"]), &[OPERATOR_KEY, GATEWAY_KEY]).expect(201);
    let (event, objet, cited) = acte_with_objet("G1");
    node.deposit(GATEWAY_KEY, PDF, None).expect(201);
    node.deposit(GATEWAY_KEY, &objet, Some(SEL)).expect(201);
    // Without a delegation the gateway's word is nobody's, and nothing of it enters the member's space.
    assert_eq!(node.post(&event, &[GATEWAY_KEY]).problem().1, "delegation-missing");
    assert_eq!(
        node.post(&event, &[COMMUNE_KEY]).problem().1,
        "piece-missing",
        "the gateway's files are not the member's"
    );
    assert!(!place(&node, COMMUNE, cited).exists());
    let delegation = json!({
        "organisation": COMMUNE, "delegataire": GATEWAY, "familles": ["actes"], "jusqu": instant(86_400),
    });
    let subject = format!("adherent/{}", &COMMUNE[10..]);
    node.post(&crate::monde::event("delegation.accordee", COMMUNE, &subject, &delegation), &[COMMUNE_KEY]).expect(201);
    let index = node.post(&event, &[GATEWAY_KEY]).expect(201).json()["index"].as_u64().unwrap();
    // From now on it is where the event's source says: read by the member, by the prefecture, and by the view.
    assert!(place(&node, COMMUNE, cited).exists());
    for seed in [COMMUNE_KEY, PREFECTURE_KEY] {
        assert_eq!(node.get_as(seed, &format!("/v1/pieces/{cited}")).expect(200).body, objet);
    }
    let acte = node.get_as(COMMUNE_KEY, &format!("/v1/actes/{}?at_least={index}", id_acte("G1"))).expect(200).json();
    assert_eq!(acte["objet"], "M. Untel, dossier G1");
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, &format!("/v1/pieces/{cited}")).status, 404);
}

#[test]
fn no_answer_and_no_delay_tells_whether_another_holds_the_bytes() {
    let node = Node::open();
    let (event, objet, cited) = acte_with_objet("O1");
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    node.deposit(COMMUNE_KEY, &objet, Some(SEL)).expect(201);
    node.post(&event, &[COMMUNE_KEY]).expect(201);
    let unknown = Empreinte::of(b"nobody holds this");
    let authorization = format!("Bearer {}", token(OTHER_COMMUNE_KEY));
    for method in ["GET", "HEAD"] {
        let ask = |reference: Empreinte| {
            let start = Instant::now();
            let reply =
                node.send(method, &format!("/v1/pieces/{reference}"), &[("authorization", &authorization)], None);
            let mut names: Vec<String> =
                reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            names.retain(|line| !line.starts_with("x-request-id") && !line.starts_with("date"));
            names.sort();
            (reply.status, names, reply.body_but_id(), start.elapsed())
        };
        for hidden in [cited, Empreinte::of(PDF)] {
            let (hidden, unknown) = (ask(hidden), ask(unknown));
            assert_eq!((hidden.0, &hidden.1, &hidden.2), (404, &unknown.1, &unknown.2), "{method}");
            // Both at a whole step: looking through citations takes no visible time.
            for (_, _, _, took) in [&hidden, &unknown] {
                assert!(*took >= Duration::from_millis(50), "{method}: {took:?}");
            }
        }
    }
    // Uploading what another holds is uploading what nobody holds: status, body, and its own copy.
    let known = node.deposit(OTHER_COMMUNE_KEY, PDF, None);
    let fresh = node.deposit(OTHER_COMMUNE_KEY, b"%PDF-1.7 une nouveaute....", None);
    let shape = |reply: &Reply| {
        let body = reply.json();
        let digest = body["sha256"].clone();
        assert_eq!(body["reference"], digest);
        (reply.status, body.as_object().unwrap().keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(shape(&known), shape(&fresh));
    assert!(place(&node, OTHER_COMMUNE, Empreinte::of(PDF)).exists());
    // Citing in another's name: the refusal is the same whether that one holds the piece or not.
    for reference in [cited, unknown] {
        let event = changed(
            &acte("O2"),
            "/data/pieces/0",
            json!({
                "role": "acte", "type": "application/pdf", "taille": objet.len(), "engagement": reference,
            }),
        );
        assert_eq!(node.post(&event, &[OTHER_COMMUNE_KEY]).problem(), (403, "key-other-organisation".to_owned()));
        let own = changed(
            &changed(&event, "/source", json!(OTHER_COMMUNE)),
            "/subject",
            json!("acte/045-210703385-20260717-O2-DE"),
        );
        let reply = node.post(&own, &[OTHER_COMMUNE_KEY]);
        assert_eq!(reply.problem(), (422, "piece-missing".to_owned()));
        assert_eq!(reply.json()["detail"], format!("{OTHER_COMMUNE} deposited no piece {reference}"));
    }
}

#[test]
fn a_quota_is_one_organisations_own_and_says_so_before_the_bytes_are_sent() {
    let node = Node::open().restarted_after(Quota { bytes: 100, pieces: 3 }, |_| ());
    node.deposit(COMMUNE_KEY, &[1; 60], None).expect(201);
    let full = node.deposit(COMMUNE_KEY, &[2; 41], None);
    assert_eq!(full.problem(), (413, "piece-quota".to_owned()));
    assert_eq!(full.json()["titre"], "Le quota de pièces de l'organisme est atteint");
    node.deposit(OTHER_COMMUNE_KEY, &[2; 41], None).expect(201);
    node.deposit(COMMUNE_KEY, &[1; 60], None).expect(201);
    node.deposit(COMMUNE_KEY, &[3; 40], None).expect(201);
    assert_eq!(node.deposit(COMMUNE_KEY, b"x", None).problem().1, "piece-quota");
    // Across a restart; and where the operator gives more, it goes on.
    let node = node.restarted_after(Quota { bytes: 100, pieces: 3 }, |_| ());
    assert_eq!(node.deposit(COMMUNE_KEY, b"x", None).problem().1, "piece-quota");
    let node = node.restarted_after(Quota { bytes: 1_000, pieces: 3 }, |_| ());
    node.deposit(COMMUNE_KEY, b"x", None).expect(201);
    assert_eq!(node.deposit(COMMUNE_KEY, b"y", None).problem().1, "piece-quota", "a fourth piece");
    assert_eq!(std::fs::read_dir(node.folder.pieces().join("depot")).unwrap().count(), 0);
}

#[test]
fn an_erased_piece_is_gone_for_everybody_and_the_act_stays() {
    let node = Node::open();
    let (event, objet, cited) = acte_with_objet("E1");
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    node.deposit(COMMUNE_KEY, &objet, Some(SEL)).expect(201);
    let act = node.post(&event, &[COMMUNE_KEY]).expect(201).json()["index"].as_u64().unwrap();
    let path = format!("/v1/pieces/{cited}");
    let kept = [place(&node, COMMUNE, cited), place(&node, COMMUNE, cited).with_extension("json")];
    let saved = kept.clone().map(|path| std::fs::read(path).unwrap());

    let erasure = effacement(COMMUNE, cited);
    // Not the member's own key, in nobody's name; and not what is not there.
    assert_eq!(node.post(&erasure, &[COMMUNE_KEY]).problem().1, "key-other-organisation");
    let own = changed(&erasure, "/source", json!(COMMUNE));
    assert_eq!(node.post(&own, &[COMMUNE_KEY]).problem().1, "key-not-entitled");
    for wrong in [effacement(OTHER_COMMUNE, cited), effacement(COMMUNE, Empreinte([9; 32]))] {
        assert_eq!(node.post(&wrong, &[OPERATOR_KEY]).problem(), (422, "piece-missing".to_owned()));
    }
    for (pointer, value) in [("/data/motif", "M. Untel le demande"), ("/subject", "piece/214502494/cafe")] {
        let wrong = changed(&erasure, pointer, json!(value));
        assert_eq!(node.post(&wrong, &[OPERATOR_KEY]).status, 422, "{value}");
    }
    assert_eq!(node.get_as(COMMUNE_KEY, &path).expect(200).body, objet);

    let index = node.post(&erasure, &[OPERATOR_KEY]).expect(201).json()["index"].as_u64().unwrap();
    // From the receipt on, whether or not the bytes are still being removed.
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, OPERATOR_KEY] {
        assert_eq!(node.get_as(seed, &path).problem(), (410, "piece-effacee".to_owned()), "{seed}");
    }
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, &path).problem().0, 404, "not even that it was");
    assert_eq!(node.deposit(COMMUNE_KEY, &objet, Some(SEL)).problem(), (410, "piece-effacee".to_owned()));
    wait_until("bytes, digest, name and sel go", || kept.iter().all(|path| !path.exists()));
    assert_eq!(node.post(&effacement(COMMUNE, cited), &[OPERATOR_KEY]).problem().0, 422, "there is nothing left");
    assert_eq!(node.post(&erasure, &[OPERATOR_KEY]).expect(200).json()["index"], index, "the same again");
    let acte = node.get_as(PREFECTURE_KEY, &format!("/v1/actes/{}?at_least={index}", id_acte("E1"))).expect(200).json();
    assert_eq!((&acte["objet"], &acte["etat"]), (&json!(null), &json!("transmis")));
    assert_eq!(acte["pieces"][1]["effacee_index"], index);
    node.get_as(COMMUNE_KEY, &format!("/v1/events/{act}/receipt")).expect(200);
    // The member sees what was done with its piece; a neighbour does not.
    let seen = node.get_as(COMMUNE_KEY, &format!("/v1/events/{index}")).expect(200).json();
    assert_eq!(seen["event"]["data"]["base_legale"], "rgpd-17-1-a");
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, &format!("/v1/events/{index}")).status, 404);

    // Killed between the leaf and the removal: the next start makes up for it, also with a derived index made anew.
    let node = node.restarted_after(Quota::default(), |folder| {
        for (path, bytes) in kept.iter().zip(&saved) {
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::remove_file(folder.index()).unwrap();
    });
    wait_until("the start removes it", || kept.iter().all(|path| !path.exists()));
    assert_eq!(node.get_as(COMMUNE_KEY, &path).problem().0, 410);
    assert_eq!(node.deposit(COMMUNE_KEY, &objet, Some(SEL)).problem().0, 410);
}

#[test]
fn a_start_sweeps_what_nobody_cited_for_two_days_and_nothing_else() {
    let node = Node::open();
    let drafts = [b"vieux".as_slice(), b"recent"];
    for draft in drafts {
        node.deposit(COMMUNE_KEY, draft, None).expect(201);
    }
    node.transmit("S1");
    let [old, recent] = drafts.map(|bytes| place(&node, COMMUNE, Empreinte::of(bytes)));
    let cited = place(&node, COMMUNE, Empreinte::of(PDF));
    let node = node.restarted_after(Quota::default(), |folder| {
        for path in [&old, &cited] {
            let card = std::fs::File::open(path.with_extension("json")).unwrap();
            card.set_modified(SystemTime::now() - Duration::from_hours(49)).unwrap();
        }
        // What says when to look is derived again from the files.
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.pieces().join(format!("comptes.sqlite{suffix}")));
        }
    });
    wait_until("the draft goes", || !old.exists() && !old.with_extension("json").exists());
    assert!(recent.exists() && cited.exists());
    assert_eq!(node.get_as(COMMUNE_KEY, &format!("/v1/pieces/{}", Empreinte::of(PDF))).expect(200).body, PDF);
}
