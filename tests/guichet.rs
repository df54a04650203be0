//! At the counter: what the command line says and keeps for people who make mistakes, edit their drafts, lose receipts and replace
//! keys.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use node::*;
use serde_json::{Value, json};
use support::{COMMUNE, OPERATOR, VOISINE};

const ORIGIN: &str = "greffe.essai.invalid";

/// Longest wait for something that a thread of the node does within a second.
const WAIT_MAX: Duration = Duration::from_secs(30);

fn write(root: &Path, name: &str, draft: &Value) -> PathBuf {
    let file = root.join(name);
    std::fs::write(&file, draft.to_string()).unwrap();
    file
}

/// A draft that admits an organisation.
fn member(organisation: &str) -> Value {
    json!({ "type": "greffe.adherent.inscrit.v1", "source": OPERATOR, "subject": format!("adherent/{}", &organisation[10..]),
            "data": { "organisation": organisation, "categorie": "commune", "denomination": "Organisme d'essai", "departement": "045" } })
}

/// The JSON of a file that must be there.
fn read(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// Everything that `greffe post` said, and its code.
fn post(node: &Serving, file: &Path, keys: &[&Path]) -> (Option<i32>, String) {
    let keys = keys.iter().flat_map(|key| ["--key", arg(key)]);
    let args: Vec<&str> = ["post", "--url", &node.url, arg(file)].into_iter().chain(keys).collect();
    let output = run(&args);
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_log_key_is_replaced_from_the_command_line_and_its_receipt_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let next = ledger.dir.join("cles/journal.suivante.pem");
    succeed(&["key", "new", arg(&next)]);
    let vkey = succeed(&["key", "show", "--origin", ORIGIN, arg(&next)]);
    let vkey = vkey.trim();
    // The node takes the file over as it takes the key in use.
    let own = root.path().join("journal-2.pem");
    std::fs::copy(&next, &own).unwrap();
    let draft = json!({ "type": "greffe.registre.journal-remplace.v1", "source": OPERATOR,
                        "subject": format!("registre/{ORIGIN}"), "data": { "vkey": vkey } });
    let file = write(root.path(), "journal.json", &draft);
    let recovery = |n: u8| root.path().join(format!("registre.hors-ligne/recouvrement-{n}.pem"));
    let (code, said) = post(&node, &file, &[&recovery(1), &recovery(2), &own]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("doit la publier") && said.contains(vkey) && said.contains(&ledger.vkey), "{said}");
    let receipt = format!("{}.recu.json", arg(&file));
    succeed(&["verify", &receipt, "--vkey", vkey]);

    // The former key does not verify it, and the reason is told.
    let said = fail(&["verify", &receipt, "--vkey", &ledger.vkey], 1);
    assert!(said.contains("[receipt-other-key]") && said.contains("several keys"), "{said}");
    let other = said.replace(ORIGIN, "");
    assert!(other.contains(&vkey[ORIGIN.len()..ORIGIN.len() + 9]), "who signed: {said}");
    // Whoever pinned it hears what ties it to the new one, and not that nothing was pinned.
    let said = fail(&["verify", &node.url, "--key", arg(&ledger.operator_key), "--vkey", &ledger.vkey], 3);
    assert!(said.contains("rien ne relie la clé épinglée") && !said.contains("aucune clé"), "{said}");
    // Later events are under the new key, without a word.
    let (code, said) = post(&node, &write(root.path(), "membre.json", &member(COMMUNE)), &[&ledger.operator_key]);
    assert!(code == Some(0) && !said.contains("publier"), "{said}");
}

#[test]
fn a_draft_that_is_edited_for_the_next_event_overwrites_nothing_of_the_former_one() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let operator = ledger.operator_key.as_path();
    let file = write(root.path(), "membre.json", &member(COMMUNE));
    let envelope = format!("{}.dsse.json", arg(&file));
    let receipt = format!("{}.recu.json", arg(&file));
    assert_eq!(post(&node, &file, &[operator]).0, Some(0));
    let first = read(&receipt);
    let first_envelope = std::fs::read(&envelope).unwrap();
    let id = first["id"].as_str().unwrap();
    let (aside_envelope, aside_receipt) =
        (format!("{}.avant/{id}.dsse.json", arg(&file)), format!("{}.avant/{id}.recu.json", arg(&file)));

    write(root.path(), "membre.json", &member(VOISINE));
    let (code, said) = post(&node, &file, &[operator]);
    assert!(code == Some(0) && said.contains(&aside_receipt), "{said}");
    let second = read(&receipt);
    assert_ne!(second["index"], first["index"]);
    assert_eq!(
        (read(&aside_receipt), std::fs::read(&aside_envelope).unwrap()),
        (first.clone(), first_envelope.clone())
    );

    // Edited again into something that is refused: neither of the two is lost.
    let mut wrong = member(COMMUNE);
    wrong["data"]["departement"] = json!("039");
    write(root.path(), "membre.json", &wrong);
    let (code, said) = post(&node, &file, &[operator]);
    assert!(code == Some(1) && said.contains("[adherent-deja-inscrit]"), "{said}");
    assert_eq!(read(&aside_receipt), first);
    assert_eq!(read(&format!("{}.avant/{}.recu.json", arg(&file), second["id"].as_str().unwrap())), second);

    // The first draft again is the first event again, with its receipt.
    write(root.path(), "membre.json", &member(COMMUNE));
    let (code, said) = post(&node, &file, &[operator]);
    assert!(code == Some(0) && said.contains("déjà enregistré"), "{said}");
    assert_eq!(std::fs::read(&envelope).unwrap(), first_envelope);
    assert_eq!((&read(&receipt)["id"], &read(&receipt)["index"]), (&first["id"], &first["index"]));

    // What is no envelope of anybody's is not touched.
    std::fs::write(&envelope, "des notes à garder").unwrap();
    write(root.path(), "membre.json", &member(VOISINE));
    std::fs::remove_file(format!("{}.avant/{}.dsse.json", arg(&file), second["id"].as_str().unwrap())).unwrap();
    let (code, said) = post(&node, &file, &[operator]);
    assert!(code == Some(1) && said.contains("rangez-le ailleurs"), "{said}");
    assert_eq!(std::fs::read_to_string(&envelope).unwrap(), "des notes à garder");
}

#[test]
fn leaves_that_wait_for_the_checkpoint_of_a_running_node_are_no_doubt_and_those_of_a_killed_one_are() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let checkpoint = ledger.dir.join("checkpoint");
    let before = std::fs::read(&checkpoint).unwrap();
    let (code, said) = post(&node, &write(root.path(), "membre.json", &member(COMMUNE)), &[&ledger.operator_key]);
    assert_eq!(code, Some(0), "{said}");
    let begun = Instant::now();
    while std::fs::read(&checkpoint).unwrap() == before {
        assert!(begun.elapsed() < WAIT_MAX, "the node writes no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    // As it stood a moment earlier; the node writes it again with its next leaf only.
    std::fs::write(&checkpoint, &before).unwrap();

    let verify = ["verify", arg(&ledger.dir), "--vkey", &ledger.vkey];
    let output = run(&verify);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("checkpoint: 1 leaves\nnot covered yet: 1 leaves") && said.contains("doubts: 0"), "{said}");
    assert!(text(&output.stderr).contains("1 feuille(s) de plus"), "{}", text(&output.stderr));

    node.kill();
    let said = fail(&verify, 1);
    assert!(said.contains("not-covered") && said.contains("was killed"), "{said}");
    Serving::start(&ledger.dir).stop();
    let said = succeed(&verify);
    assert!(said.contains("checkpoint: 2 leaves") && !said.contains("not covered"), "{said}");
}

#[test]
fn a_folder_of_another_log_than_the_pinned_one_is_one_mistake_and_not_one_for_each_leaf() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    node.stop();
    let key = root.path().join("autre.pem");
    succeed(&["key", "new", arg(&key)]);
    for origin in [ORIGIN, "autre.essai.invalid"] {
        let vkey = succeed(&["key", "show", "--origin", origin, arg(&key)]);
        let said = fail(&["verify", arg(&ledger.dir), "--vkey", vkey.trim()], 1);
        assert!(said.contains("doubts: 3\n") && said.contains("vkey-other"), "{said}");
    }
}

#[test]
fn a_refusal_says_in_french_what_to_do_and_for_whom_the_place_is() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let operator = ledger.operator_key.as_path();
    let commune = enrol(root.path(), &node, operator, COMMUNE, "commune", "collectivite");
    let new = root.path().join("nouvelle.pem");
    let public = succeed(&["key", "new", arg(&new)]);
    let subject = format!("adherent/{}", &COMMUNE[10..]);
    let draft = json!({ "type": "greffe.cle.enrolee.v1", "source": OPERATOR, "subject": subject,
                        "data": { "organisation": COMMUNE, "cle": public.trim(), "roles": ["collectivite"],
                                  "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z" } });
    // The member's own key is forgotten.
    let (code, said) = post(&node, &write(root.path(), "b.json", &draft), &[operator, &new]);
    assert!(code == Some(1) && said.contains("[signature-missing]"), "{said}");
    assert!(said.contains(&format!("place 2 of 3 is for a key of {COMMUNE}")), "{said}");
    let conseil = greffe_events::Code::SignatureMissing.conseil();
    assert!(said.contains(&format!("\n  {conseil}\n  détail : ")), "{said}");
    // One key too many.
    let keys =
        [operator, commune.as_path(), new.as_path(), &root.path().join("registre.hors-ligne/recouvrement-1.pem")];
    let (_, said) = post(&node, &write(root.path(), "c.json", &draft), &keys);
    assert!(said.contains("[signature-extra]") && said.contains("effacez l'enveloppe"), "{said}");

    // The operator in the member's place.
    let delegation = json!({ "type": "greffe.delegation.accordee.v1", "source": OPERATOR, "subject": subject,
                             "data": { "organisation": COMMUNE, "delegataire": VOISINE, "familles": ["actes"],
                                       "jusqu": "2120-01-01T00:00:00Z" } });
    let (_, said) = post(&node, &write(root.path(), "d.json", &delegation), &[operator]);
    assert!(said.contains("[data-missing] — data.pieces") && said.contains("signed mandate"), "{said}");
    let objection = json!({ "type": "greffe.cle.opposition.v1", "source": OPERATOR, "subject": subject,
                            "data": { "organisation": COMMUNE, "cle": public.trim() } });
    let (_, said) = post(&node, &write(root.path(), "e.json", &objection), &[operator]);
    assert!(said.contains(&format!("only {COMMUNE} says this")) && !said.contains("operator says"), "{said}");

    // A key that is over before it begins to be used.
    let mut over = draft.clone();
    over["data"]["valable_jusqu"] = json!("2021-01-01T00:00:00Z");
    let (_, said) = post(&node, &write(root.path(), "f.json", &over), &[operator, &commune, &new]);
    assert!(said.contains("data.valable_jusqu"), "{said}");
    over["data"]["roles"] = json!(["maire"]);
    let said = fail(&["event", "check", arg(&write(root.path(), "g.json", &over)), "--origin", ORIGIN], 1);
    assert!(said.contains("data.roles[0]") && said.contains("collectivite") && !said.contains("line 1"), "{said}");

    // What is no refusal of an event has its advice too.
    let stranger = root.path().join("inconnue.pem");
    succeed(&["key", "new", arg(&stranger)]);
    let pdf = root.path().join("a.pdf");
    std::fs::write(&pdf, "%PDF-1.7\n").unwrap();
    let put = ["piece", "put", arg(&pdf), "--url", &node.url, "--key", arg(&stranger)];
    let said = fail(&put, 1);
    let conseil = greffe::http::problem::Cause::TokenKeyUnknown.conseil();
    assert!(said.contains(&format!("[token-key-unknown]\n  {conseil}")), "{said}");
    let said = fail(&["verify", &node.url, "--key", arg(&stranger), "--vkey", &ledger.vkey], 2);
    assert!(said.contains("ne reconnaît pas cette clé"), "{said}");
    let said = fail(&["verify", &node.url, "--vkey", &ledger.vkey], 2);
    assert!(said.contains("--key"), "{said}");
    fail(&[&put[..], &["--role", "mandate"]].concat(), 2);
    fail(&[&put[..], &["--type", "pdf"]].concat(), 2);
}

#[test]
fn a_mistake_of_the_command_line_is_told_once_and_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let said = fail(&["key", "show", arg(&path("nada.pem"))], 1);
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    let draft = write(root.path(), "membre.json", &member(COMMUNE));
    let said = fail(&["key", "show", arg(&draft)], 1);
    assert!(said.contains("Ed25519") && !said.contains("chmod"), "{said}");
    let said = fail(&["post", arg(&draft), "--url", "127.0.0.1:4191"], 1);
    assert!(said.contains("http://127.0.0.1:4191"), "{said}");

    std::fs::create_dir(path("vide")).unwrap();
    let said = fail(&["serve", "--dir", arg(&path("vide")), "--listen", "127.0.0.1:0"], 1);
    assert!(said.contains("greffe init"), "{said}");
    assert_eq!(std::fs::read_dir(path("vide")).unwrap().count(), 0);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    fail(&["demo", "--dir", arg(&path("demo")), "--listen", &listen], 1);
    assert!(!path("demo").exists());

    // A draft is for some log, and says which.
    let key = path("k.pem");
    succeed(&["key", "new", arg(&key)]);
    assert!(fail(&["event", "sign", arg(&draft), "--key", arg(&key)], 1).contains("--origin"));
    assert!(fail(&["event", "check", arg(&draft)], 1).contains("--origin"));
    succeed(&["event", "check", arg(&draft), "--origin", ORIGIN]);
    let said = fail(
        &[
            "event",
            "check",
            arg(&write(root.path(), "faux.json", &json!({ "type": "greffe.x.v1" }))),
            "--origin",
            ORIGIN,
        ],
        1,
    );
    assert!(said.contains("[attribute-missing]"), "{said}");
}
