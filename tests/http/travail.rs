//! Work lists, statistics, classifications and the quarantine over HTTP: whose they are, and for whom they are not there.

use serde_json::json;

use crate::monde::*;

/// A node with an act that is received, a letter that waits, a message in quarantine, a classification; its last leaf.
fn world() -> (Node, u64) {
    let node = Node::open();
    for (seed, role) in [(60, "auditeur:214502494"), (61, "auditeur:045"), (62, "auditeur:039")] {
        let enrolled = enrolment(OTHER_PREFECTURE, seed, &[role]);
        node.post(&enrolled, &[OPERATOR_KEY, OTHER_PREFECTURE_KEY, seed]).expect(201);
    }
    node.transmit("T1");
    node.transmit("T2");
    node.post(&accuse("T1"), &[PREFECTURE_KEY]).expect(201);
    let acte = format!("acte/{}", id_acte("T1"));
    let lettre = event("acte.demande-pieces", PREFECTURE, &acte, &json!({ "date": "2026-11-20" }));
    node.post(&lettre, &[PREFECTURE_KEY]).expect(201);
    let version = json!({ "date": "2026-03-01", "departement": "045", "natures": [], "matieres": ["7.1"] });
    let published = event("classification.publiee", PREFECTURE, "classification/491011698", &version);
    node.post(&published, &[PREFECTURE_KEY]).expect(201);
    let bytes = b"<illisible";
    node.deposit(COMMUNE_KEY, bytes, Some([7; 32])).expect(201);
    let engagement = greffe_events::piece::engagement(&[7; 32], greffe_events::piece::Empreinte::of(bytes));
    let piece =
        json!({ "role": "message", "type": "application/xml", "taille": bytes.len(), "engagement": engagement });
    let mise = json!({ "message": "inconnu", "motif": "illisible", "pieces": [piece] });
    let subject = "quarantaine/214502494_01990000-0000-7000-8000-000000000001";
    let last = node.post(&event("quarantaine.mise", COMMUNE, subject, &mise), &[COMMUNE_KEY]);
    let last = last.expect(201).json()["index"].as_u64().unwrap();
    (node, last)
}

#[test]
fn each_list_is_for_whom_it_is() {
    let (node, last) = world();
    let commune = [COMMUNE_KEY, 60];
    // Path, who gets it and how many rows, everybody else being told that there is nothing there.
    let table: Vec<(&str, Vec<u8>, usize)> = vec![
        ("/v1/travail/a-acquitter?departement=045", vec![PREFECTURE_KEY, 61, AUDITOR_KEY, OPERATOR_KEY], 1),
        ("/v1/travail/silencieux?departement=045", vec![PREFECTURE_KEY, 61, AUDITOR_KEY, OPERATOR_KEY], 0),
        ("/v1/travail/pieces-attendues?departement=045", vec![PREFECTURE_KEY, 61, AUDITOR_KEY, OPERATOR_KEY], 1),
        // What the prefecture examined is for it alone, and for those who read everything.
        ("/v1/travail/a-examiner?departement=045", vec![PREFECTURE_KEY, AUDITOR_KEY, OPERATOR_KEY], 1),
        ("/v1/travail/a-suivre?departement=045", vec![PREFECTURE_KEY, AUDITOR_KEY, OPERATOR_KEY], 0),
        ("/v1/travail/expirent?departement=045", vec![PREFECTURE_KEY, AUDITOR_KEY, OPERATOR_KEY], 0),
        ("/v1/travail/a-repondre?siren=214502494", [&commune[..], &[AUDITOR_KEY, OPERATOR_KEY]].concat(), 1),
        ("/v1/travail/refuses?siren=214502494", [&commune[..], &[AUDITOR_KEY, OPERATOR_KEY]].concat(), 0),
        ("/v1/travail/a-publier?siren=214502494", [&commune[..], &[AUDITOR_KEY, OPERATOR_KEY]].concat(), 2),
        ("/v1/actes/statistiques?par=nature&departement=045", vec![PREFECTURE_KEY, 61, AUDITOR_KEY, OPERATOR_KEY], 1),
        (
            "/v1/quarantaine/214502494_01990000-0000-7000-8000-000000000001",
            [&commune[..], &[AUDITOR_KEY, OPERATOR_KEY]].concat(),
            0,
        ),
    ];
    let everybody =
        [COMMUNE_KEY, OTHER_COMMUNE_KEY, PREFECTURE_KEY, OTHER_PREFECTURE_KEY, AUDITOR_KEY, OPERATOR_KEY, 60, 61, 62];
    for (path, readers, rows) in table {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}at_least={last}");
        for seed in everybody {
            let reply = node.get_as(seed, &path);
            if readers.contains(&seed) {
                let page = reply.expect(200).json();
                assert_eq!(page["lignes"].as_array().map_or(0, Vec::len), rows, "{seed} {path}: {page}");
            } else {
                assert_eq!(reply.problem(), (404, "not-found".to_owned()), "{seed} {path}");
            }
        }
    }
    // A list without rows is no secret, and shows nothing of others.
    for seed in everybody {
        let page = node.get_as(seed, "/v1/quarantaine").expect(200).json();
        let sees = commune.contains(&seed) || [AUDITOR_KEY, OPERATOR_KEY].contains(&seed);
        assert_eq!(page["lignes"].as_array().unwrap().len(), usize::from(sees), "{seed}");
        let known = node.get_as(seed, "/v1/classifications?departement=045").expect(200).json();
        assert_eq!(known["lignes"][0]["date"], "2026-03-01", "{seed}");
    }
    assert_eq!(node.get_as(OTHER_COMMUNE_KEY, "/v1/classifications?siren=214502494").problem().0, 404);
}

#[test]
fn whoever_has_one_place_needs_not_name_it_and_what_is_misspelt_is_told() {
    let (node, last) = world();
    let rows = |seed: u8, path: &str| {
        let page = node.get_as(seed, &format!("{path}?at_least={last}")).expect(200).json();
        page["lignes"].as_array().unwrap().len()
    };
    assert_eq!((rows(PREFECTURE_KEY, "/v1/travail/a-examiner"), rows(COMMUNE_KEY, "/v1/travail/a-publier")), (1, 2));
    for (seed, path, code) in [
        (OPERATOR_KEY, "/v1/travail/a-examiner", "query-invalid"),
        (OPERATOR_KEY, "/v1/travail/a-publier", "query-invalid"),
        (PREFECTURE_KEY, "/v1/travail/a-examiner?siren=214502494", "query-invalid"),
        (COMMUNE_KEY, "/v1/travail/a-publier?departement=045", "query-invalid"),
        (PREFECTURE_KEY, "/v1/travail/a-examiner?apres=AQAAAAAAAAAB", "query-invalid"),
        (PREFECTURE_KEY, "/v1/travail/a-examiner?limit=0", "query-invalid"),
        (PREFECTURE_KEY, "/v1/travail/a-examiner?liste=x", "query-invalid"),
        (PREFECTURE_KEY, "/v1/travail/tout", "not-found"),
        (PREFECTURE_KEY, "/v1/actes/statistiques?par=objet", "query-invalid"),
        (PREFECTURE_KEY, "/v1/actes/statistiques?du=2026-13", "query-invalid"),
        (PREFECTURE_KEY, "/v1/actes/statistiques?au=2026", "query-invalid"),
        (COMMUNE_KEY, "/v1/classifications?departement=045&siren=214502494", "query-invalid"),
        (COMMUNE_KEY, "/v1/quarantaine?motif=autre", "query-invalid"),
        (COMMUNE_KEY, "/v1/quarantaine/x", "not-found"),
    ] {
        assert_eq!(node.get_as(seed, path).problem().1, code, "{path}");
    }
    let page = node.get_as(COMMUNE_KEY, "/v1/travail/a-publier?limit=1").expect(200).json();
    let next = format!("/v1/travail/a-publier?limit=1&apres={}", page["suite"].as_str().unwrap());
    let second = node.get_as(COMMUNE_KEY, &next).expect(200).json();
    assert_eq!((&page["lignes"][0]["numero"], &second["lignes"][0]["numero"]), (&"T1".into(), &"T2".into()));
    assert!(second["suite"].is_null());
}
