//! Who sees what over HTTP: what is not for a reader is answered exactly as what is not there.

use greffe::http::lectures;
use greffe_events::piece::{Empreinte, engagement};
use serde_json::json;

use crate::monde::*;

#[test]
fn nobody_sees_what_is_another_s() {
    let node = Node::open();
    let secret = b"{\"objet\":\"M. Untel\"}";
    let cited = engagement(&[5; 32], Empreinte::of(secret));
    node.deposit(COMMUNE_KEY, secret, Some([5; 32])).expect(201);
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let mut event = acte("A");
    event["data"]["pieces"].as_array_mut().unwrap().push(json!({
        "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": secret.len(), "engagement": cited,
    }));
    let index = node.post(&event, &[COMMUNE_KEY]).expect(201).json()["index"].as_u64().unwrap();
    // Deposited, cited by nothing: its depositor's alone.
    let draft = b"un brouillon";
    node.deposit(COMMUNE_KEY, draft, None).expect(201);
    // The same auditor's kinds, narrower.
    for (seed, role) in [(60, "auditeur:214502494"), (61, "auditeur:045"), (62, "auditeur:039")] {
        node.post(&enrolment(COUR, seed, &[role]), &[OPERATOR_KEY, 63, seed]).expect(403);
        assert_eq!(
            node.post(&enrolment(OTHER_PREFECTURE, seed, &[role]), &[OPERATOR_KEY, OTHER_PREFECTURE_KEY, seed]).status,
            201
        );
    }
    let acte_path = format!("/v1/actes/{}", id_acte("A"));
    let paths = [
        format!("/v1/events/{index}"),
        format!("/v1/events/{index}/receipt"),
        acte_path.clone(),
        format!("/v1/pieces/{}", Empreinte::of(PDF)),
        format!("/v1/pieces/{cited}"),
    ];
    node.get_as(OPERATOR_KEY, &format!("{acte_path}?at_least={index}")).expect(200);
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, OPERATOR_KEY, AUDITOR_KEY, 60, 61] {
        for path in &paths {
            assert_eq!(node.get_as(seed, path).status, 200, "{seed} {path}");
        }
        assert_eq!(node.get_as(seed, "/v1/actes").json()["lignes"].as_array().unwrap().len(), 1, "{seed}");
    }
    let missing = [
        "/v1/events/9999".to_owned(),
        "/v1/events/9999/receipt".to_owned(),
        format!("/v1/actes/{}", id_acte("jamais")),
        format!("/v1/pieces/{}", Empreinte::of(b"nowhere")),
        format!("/v1/pieces/{}", Empreinte::of(b"nowhere")),
    ];
    for seed in [OTHER_COMMUNE_KEY, OTHER_PREFECTURE_KEY, 62] {
        for (path, missing) in paths.iter().zip(&missing) {
            let (hidden, missing) = (node.get_as(seed, path), node.get_as(seed, missing));
            assert_eq!(hidden.problem(), (404, "not-found".to_owned()), "{seed} {path}");
            assert_eq!(hidden.body_but_id(), missing.body_but_id(), "{path} tells that it is there");
        }
        for filter in ["", "?siren=214502494", "?departement=045", "?etat=transmis"] {
            let list = node.get_as(seed, &format!("/v1/actes{filter}")).expect(200).json();
            assert_eq!(list, json!({ "lignes": [], "suite": null }), "{seed} {filter}");
        }
    }
    let draft = format!("/v1/pieces/{}", Empreinte::of(draft));
    node.get_as(COMMUNE_KEY, &draft).expect(200);
    for seed in [PREFECTURE_KEY, OTHER_COMMUNE_KEY, AUDITOR_KEY] {
        assert_eq!(node.get_as(seed, &draft).problem().1, "not-found", "{seed}");
    }
}

#[test]
fn a_piece_is_read_from_whoever_cites_it_in_an_act_that_the_reader_sees() {
    let node = Node::open();
    // Both communes hold the same bytes; only the commune's act cites them.
    node.deposit(OTHER_COMMUNE_KEY, PDF, None).expect(201);
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let path = format!("/v1/pieces/{}", Empreinte::of(PDF));
    assert_eq!(node.get_as(PREFECTURE_KEY, &path).problem().1, "not-found", "nothing cites it yet");
    node.post(&acte("P"), &[COMMUNE_KEY]).expect(201);
    node.get_as(PREFECTURE_KEY, &path).expect(200);
    node.get_as(OTHER_COMMUNE_KEY, &path).expect(200);
    assert_eq!(node.get_as(OTHER_PREFECTURE_KEY, &path).problem().1, "not-found");
}

#[test]
fn a_member_reads_its_own_dossier_and_not_its_neighbour_s() {
    let node = Node::open();
    // Leaf 0 opens the log; then each member and its key: commune 1, 2, other commune 3, 4.
    for (seed, seen) in [
        (COMMUNE_KEY, &[1, 2][..]),
        (OTHER_COMMUNE_KEY, &[3, 4]),
        (PREFECTURE_KEY, &[5, 6]),
        (OPERATOR_KEY, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (AUDITOR_KEY, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ] {
        let found: Vec<u64> = (0..node.ledger.head().size)
            .filter(|index| node.get_as(seed, &format!("/v1/events/{index}")).status == 200)
            .collect();
        assert_eq!(found, seen, "{seed}");
    }
}

#[test]
fn what_an_auditor_asks_for_is_noted_on_the_node_and_nowhere_else() {
    let node = Node::open();
    let size = node.ledger.head().size;
    let path = node.folder.lectures();
    for seed in [COMMUNE_KEY, PREFECTURE_KEY, OPERATOR_KEY] {
        node.get_as(seed, "/v1/events/1").expect(if seed == PREFECTURE_KEY { 404 } else { 200 });
    }
    assert_eq!(lectures::read(&path, None, 100).unwrap().lectures, [], "only what auditors read");
    let asked =
        ["/v1/events/1", "/v1/events/999", "/v1/events?famille=acte&limit=3", "/tile/entries/000.p/1", "/v1/journal"];
    for path in asked {
        node.get_as(AUDITOR_KEY, path);
    }
    // Nothing hides behind what a request begins with, nor in the header that says where a stream goes on.
    let padded = format!("/v1/journal?{}sujet=registre/{ORIGIN}", "&".repeat(2_000));
    assert_eq!(node.get_as(AUDITOR_KEY, &padded).problem(), (400, "query-invalid".to_owned()));
    node.get_as(COMMUNE_KEY, &padded).expect(200);
    let bearer = format!("Bearer {}", token(AUDITOR_KEY));
    node.send("GET", "/v1/refus", &[("authorization", &bearer), ("last-event-id", "7")], None).expect(200);
    // A token that proves nothing is nobody's.
    node.get_as(99, "/v1/journal").expect(401);
    let noted = lectures::read(&path, None, 100).unwrap().lectures;
    assert_eq!((noted[0].route.as_str(), noted[3].route.as_str()), ("GET /v1/events/{index}", "GET /tile/{*path}"));
    assert_eq!(
        noted.iter().map(|one| one.demande.clone()).collect::<Vec<_>>(),
        asked.iter().chain([&"/v1/refus Last-Event-ID: 7"]).map(|path| Some(format!("GET {path}"))).collect::<Vec<_>>()
    );
    assert!(noted.iter().all(|one| one.organisation == COUR && one.cle == key(AUDITOR_KEY).id().to_string()));
    assert!(noted.is_sorted_by_key(|one| one.premiere_ms) && noted[0].premiere_ms.abs_diff(now_ms()) < 600_000);
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_greffe"))
        .args(["lectures", "--qui", COUR, "--limit", "2", "--dir"])
        .arg(node.folder.root())
        .output()
        .unwrap();
    let more = String::from_utf8(said.stderr).unwrap();
    assert!(more.contains("4 ligne(s) plus anciennes ne sont pas montrées"), "{more}");
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.lines().count() == 2 && said.ends_with("\tGET /v1/refus Last-Event-ID: 7\n"), "{said}");
    assert_eq!(node.ledger.head().size, size, "nothing of it is in the log");
    // Where it can't be noted it is not answered.
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE demandes").unwrap();
    assert_eq!(node.get_as(AUDITOR_KEY, "/v1/journal").problem(), (503, "store-unavailable".to_owned()));
    node.get_as(COMMUNE_KEY, "/v1/journal").expect(200);
}
