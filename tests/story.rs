//! The whole story through the built program: a ledger, its members, real archives in, receipts out, verified by strangers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/archive.rs"]
mod archive;
#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use archive::write;
use greffe::formats::actes::archive::Entree;
use node::*;
use support::{COMMUNE, OPERATOR, PREFECTURE};

fn curl(node: &Serving, key: &Path, path: &str) -> (u16, Vec<u8>) {
    let token = succeed(&["token", "--url", &node.url, "--key", arg(key)]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(format!("{}{path}", node.url))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .call()
        .unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
}

#[test]
fn an_archive_goes_in_and_a_stranger_verifies_its_receipt() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), "greffe.essai.invalid");
    let node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let prefecture = enrol(root.path(), &node, &ledger.operator_key, PREFECTURE, "prefecture", "prefecture:045");
    let voisine = enrol(root.path(), &node, &ledger.operator_key, "urn:siren:210703385", "commune", "collectivite");

    let archive = archive::sample(root.path(), "045", COMMUNE, "2026_12");
    let import = ["actes", "import", arg(&archive), "--key", arg(&commune), "--url", &node.url];
    let said = succeed(&import);
    assert!(said.contains("045-214502494-20260717-2026_12-AI enregistré à l'indice 7"), "{said}");
    let said = succeed(&import);
    assert!(said.contains("déjà enregistré"), "twice adds nothing: {said}");

    // Read back by those who may, byte for byte; the objet is there, but not in the leaf.
    let path = "/v1/actes/045-214502494-20260717-2026_12-AI?at_least=7";
    let (status, body) = curl(&node, &prefecture, path);
    assert_eq!(status, 200);
    let acte: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(acte["objet"], "Titularisation d'un agent du service des espaces verts, à compter du 1er août");
    assert_eq!(acte["etat"], "transmis");
    let document = acte["pieces"].as_array().unwrap().iter().find(|piece| piece["role"] == "acte").unwrap();
    let (status, bytes) = curl(&node, &prefecture, &format!("/v1/pieces/{}", document["reference"].as_str().unwrap()));
    assert_eq!((status, bytes.as_slice()), (200, b"%PDF-1.7\nacte individuel\n".as_slice()));
    assert_eq!(curl(&node, &voisine, path).0, 404, "a neighbour sees nothing");
    let receipt_file = root.path().join("045-214502494-20260717-2026_12-AI.acte.recu.json");
    let receipt = std::fs::read_to_string(&receipt_file).unwrap();
    let leaf: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    let leaf = data_encoding::BASE64.decode(leaf["leaf"].as_str().unwrap().as_bytes()).unwrap();
    let leaf = text(&leaf);
    for secret in ["Titularisation", "Secr", "example.org", "0000000000"] {
        assert!(!leaf.contains(secret), "{secret} stands in the leaf");
    }

    // The accusé arrives as a file: a constat.
    let ar_file = archive::accuse(root.path(), "045", COMMUNE, "2026_12");
    succeed(&["actes", "import", arg(&ar_file), "--key", arg(&commune), "--url", &node.url]);
    let (_, body) = curl(&node, &commune, "/v1/actes/045-214502494-20260717-2026_12-AI?at_least=8");
    let acte: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&acte["etat"], &acte["date_reception"]), (&"recu".into(), &"2026-07-18".into()));
    assert_eq!(acte["accuses"][0]["constate_par"], COMMUNE);

    // A stranger, elsewhere, with the log's key alone.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("recu.json");
    std::fs::write(&copy, &receipt).unwrap();
    succeed(&["verify", arg(&copy), "--vkey", &ledger.vkey]);
    fail(&["verify", arg(&copy)], 3);
    let token = succeed(&["token", "--url", &node.url, "--key", arg(&commune)]);
    let bare = ureq::get(format!("{}/v1/events/7/receipt", node.url))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .header("Accept", "text/plain")
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let bare_file = elsewhere.path().join("recu.tlog-proof");
    std::fs::write(&bare_file, &bare).unwrap();
    succeed(&["verify", arg(&bare_file), "--vkey", &ledger.vkey]);
    let other = init(elsewhere.path(), "greffe.essai.invalid");
    fail(&["verify", arg(&copy), "--vkey", &other.vkey], 1);
    std::fs::write(&copy, receipt.replacen("\"index\": 7", "\"index\": 8", 1)).unwrap();
    fail(&["verify", arg(&copy), "--vkey", &ledger.vkey], 1);

    // An auditor, from afar and on a copy of the folder.
    succeed(&["verify", &node.url, "--key", arg(&ledger.operator_key), "--vkey", &ledger.vkey]);
    fail(&["verify", &node.url, "--key", arg(&ledger.operator_key)], 3);
    node.stop();
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
    fail(&["verify", arg(&ledger.dir), "--vkey", &other.vkey], 1);
}

#[test]
fn wrong_files_are_named_with_their_reason_and_hold_no_other_up() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), "greffe.essai.invalid");
    let node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let not_gzip = root.path().join("x.tar.gz");
    std::fs::write(&not_gzip, "ceci n'est pas une archive").unwrap();
    let dtd = root.path().join("a.xml");
    std::fs::write(&dtd, r#"<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>"#).unwrap();
    let good = archive::sample(root.path(), "045", COMMUNE, "2026_1");
    let missing = root.path().join("absent.tar.gz");
    let files = [arg(&not_gzip), arg(&dtd), arg(&missing), arg(&good)];
    let mut args = vec!["actes", "import", "--key", arg(&commune), "--url", &node.url];
    args.extend(files);
    let said = fail(&args, 1);
    for expected in [
        "archive-not-gzip",
        "xml-dtd",
        "absent.tar.gz",
        "2026_1-AI enregistré",
        "1 enregistré(s), 0 déjà connu(s), 0 en quarantaine, 3 en échec",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }

    // Not for this log, not signed by who it says, not an event.
    let draft = root.path().join("brouillon.json");
    std::fs::write(&draft, r#"{"type":"greffe.acte.transmis.v1","source":"urn:siren:214502494","subject":"acte/045-214502494-20260717-X-DE","data":{}}"#).unwrap();
    let said = fail(&["post", "--url", &node.url, "--key", arg(&commune), arg(&draft)], 1);
    assert!(said.contains("data.matiere"), "{said}");
    let said = fail(&["event", "check", arg(&draft)], 1);
    assert!(said.contains("attribute-missing"), "{said}");
    let said = fail(&["serve", "--dir", arg(&ledger.dir), "--listen", "127.0.0.1:0"], 1);
    assert!(said.contains("autre processus greffe"), "{said}");
    let said = fail(&["init", "--dir", arg(&ledger.dir), "--origin", "autre.invalid", "--operator", OPERATOR], 1);
    assert!(said.contains("contient déjà un registre"), "{said}");
    let said = fail(&["actes", "import", arg(&good), "--key", arg(&commune), "--url", "http://127.0.0.1:9"], 1);
    assert!(said.contains("ne répond pas"), "{said}");
}

#[test]
fn archives_rebuilt_from_public_samples_are_imported_and_their_receipts_verify() {
    let Some(fixtures) = std::env::var_os("GREFFE_FIXTURES").map(PathBuf::from) else {
        eprintln!("skipped: GREFFE_FIXTURES is not set (archives rebuilt from public samples)");
        return;
    };
    let fixtures = fixtures.join("actes");
    let read = |name: &str| std::fs::read(fixtures.join(name)).unwrap();
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), "greffe.essai.invalid");
    let node = Serving::start(&ledger.dir);

    // S²LOW: envelope and 1-1, first generation.
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let document = b"%PDF-1.4 un acte".to_vec();
    let message = read("s2low/ok/045-214502494-20170717-D201717-DE-1-1_0.xml");
    let entries = [
        Entree {
            nom: "EACT--214502494--20170717-6.xml".to_owned(),
            octets: read("s2low/ok/EACT--214502494--20170717-6.xml"),
        },
        Entree { nom: "045-214502494-20170717-D201717-DE-1-1_0.xml".to_owned(), octets: message.clone() },
        Entree { nom: "045-214502494-20170717-D201717-DE-1-1_1.pdf".to_owned(), octets: document.clone() },
    ];
    let archive = write(root.path(), "SLO-EACT--214502494--20170717-6.tar.gz", &entries);
    let said = succeed(&["actes", "import", arg(&archive), "--key", arg(&commune), "--url", &node.url]);
    // The XML says nature 4, the file name DE: the XML decides.
    let id = "045-214502494-20170717-D201717-CC";
    assert!(said.contains(&format!("{id} enregistré")), "{said}");
    let (_, body) = curl(&node, &commune, &format!("/v1/actes/{id}?at_least=3"));
    let acte: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&acte["objet"], &acte["matiere"], &acte["nature"]), (&"test".into(), &"1.1".into(), &"CC".into()));
    for piece in acte["pieces"].as_array().unwrap() {
        let (status, bytes) = curl(&node, &commune, &format!("/v1/pieces/{}", piece["reference"].as_str().unwrap()));
        assert_eq!(status, 200);
        match piece["role"].as_str().unwrap() {
            "acte" => assert_eq!(bytes, document),
            "message" => assert_eq!(bytes, message),
            "enveloppe" => assert_eq!(bytes, entries[0].octets),
            _ => {}
        }
    }

    // Pastell: a 1-1 of the second generation, then the AR that came back for it, alone.
    let operator = &ledger.operator_key;
    let other = enrol_in("034", root.path(), &node, operator, "urn:siren:491011698", "epci", "collectivite");
    let name = "034-491011698-20171207-CL20171227_06-DE-1-1";
    let enveloppe = text(&entries[0].octets)
        .replace("214502494", "491011698")
        .replace("\"045\"", "\"034\"")
        .replace("045-491011698-20170717-D201717-DE-1-1_0.xml", &format!("{name}_0.xml"));
    let entries = [
        Entree { nom: "EACT--491011698--20171207-1.xml".to_owned(), octets: enveloppe.into_bytes() },
        Entree { nom: format!("{name}_0.xml"), octets: read(&format!("pastell/{name}_0.xml")) },
        Entree { nom: format!("32_DP-{name}_1.pdf"), octets: document },
    ];
    let archive = write(root.path(), "SLO-EACT--491011698--20171207-1.tar.gz", &entries);
    let ar = fixtures.join("pastell/034-491011698-20171207-CL20171227_06-DE-1-2.xml");
    let receipts = root.path().join("recus");
    std::fs::create_dir(&receipts).unwrap();
    let said = succeed(&[
        "actes",
        "import",
        arg(&archive),
        arg(&ar),
        "--receipts",
        arg(&receipts),
        "--key",
        arg(&other),
        "--url",
        &node.url,
    ]);
    let id = "034-491011698-20171207-CL20171227_06-DE";
    assert_eq!(said.matches(&format!("{id} enregistré")).count(), 2, "{said}");
    let (_, body) = curl(&node, &other, &format!("/v1/actes/{id}?at_least=7"));
    let acte: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&acte["objet"], &acte["etat"]), (&"Fichier signé parapheur".into(), &"recu".into()));
    assert_eq!(acte["date_reception"], "2017-12-27");
    for what in ["acte", "accuse"] {
        let receipt = receipts.join(format!("{id}.{what}.recu.json"));
        succeed(&["verify", arg(&receipt), "--vkey", &ledger.vkey]);
    }
    node.stop();
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
}
