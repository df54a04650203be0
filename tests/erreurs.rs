//! What the command line says when something is wrong: in French what and where, with its code, then what to do; scripts read the exit code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use node::*;
use serde_json::json;
use support::COMMUNE;

const ORIGIN: &str = "greffe.essai.invalid";

/// Runs what must end with that code and say these things, and nothing of the parser's or the system's as its own sentence.
#[track_caller]
fn said(args: &[&str], code: i32, parts: &[&str]) {
    let said = fail(args, code);
    for part in parts {
        assert!(said.contains(part), "{args:?}: not said: {part}\n{said}");
    }
    let sentence =
        said.lines().find(|line| line.starts_with("greffe : ")).unwrap_or_else(|| panic!("{args:?}: {said}"));
    // A code is no word of a sentence.
    let words = sentence.split('[').map(|part| part.rsplit(']').next().unwrap()).collect::<String>();
    for english in ["error", "No such", "invalid", "denied", "refused", "required", "unexpected", "os error"] {
        assert!(!words.contains(english), "{args:?}: {sentence}");
    }
}

#[test]
fn a_wrong_command_line_is_told_in_french_with_its_usage() {
    said(&["serve"], 2, &["il manque --dir <DIR>", "usage : greffe serve", "« greffe serve --help » dit tout"]);
    said(&["serve", "--lisen", "x"], 2, &["« --lisen » n'est pas une option", "vouliez-vous dire --listen ?"]);
    said(&["serv"], 2, &["« serv » n'est pas une commande", "vouliez-vous dire serve", "« greffe --help »"]);
    said(&["serve", "--dir", "x", "--listen", "ici"], 2, &["« ici » ne convient pas à --listen", "détail : "]);
    said(&["export", "--siren", "219600012", "--from", "hier"], 2, &["« hier »", "détail : un jour AAAA-MM-JJ"]);
    said(
        &["serve", "--dir", "x", "--webhooks-ca", "rien.pem"],
        2,
        &["« rien.pem » ne convient pas à --webhooks-ca", "rien.pem est illisible"],
    );
    said(&["serve", "--dir", "x", "--webhooks-refuses", "10.0.0.1/8"], 2, &["« 10.0.0.1/8 »", "203.0.113.0/24"]);
    said(&["serve", "--dir"], 2, &["il manque la valeur de --dir"]);
    said(&["token", "--key", "x", "--sel", "y"], 2, &["il manque --request"]);
    said(&["serve", "--dir", "x", "--dir", "y"], 2, &["--dir <DIR> ne se donne qu'une fois"]);
    // What is no fault is told as ever.
    assert!(succeed(&["--version"]).starts_with("greffe "));
    assert!(succeed(&["serve", "--help"]).contains("--listen"));
}

#[test]
fn what_can_not_be_read_is_named_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (missing, no_key) = (root.path().join("absent.pem"), file("clé.pem", "-----BEGIN CERTIFICATE-----\n"));
    let open = root.path().join("ouverte.pem");
    succeed(&["key", "new", arg(&open)]);
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    said(
        &["key", "show", arg(&missing)],
        1,
        &["absent.pem : introuvable", "Vérifiez le chemin", "détail : No such file"],
    );
    said(&["key", "show", arg(&no_key)], 1, &["clé.pem : ce n'est pas une clé privée Ed25519", "greffe key new"]);
    said(&["key", "show", arg(&open)], 1, &["d'autres que vous peuvent le lire", "chmod 600"]);
    said(&["key", "show", arg(root.path())], 1, &["ce n'est pas une clé privée Ed25519"]);
    said(&["serve", "--dir", arg(&missing)], 1, &["n'est pas un registre"]);
    said(&["token", "--key", arg(&open), "--url", "http://127.0.0.1:9"], 1, &["d'autres que vous"]);
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    said(
        &["token", "--key", arg(&open), "--url", "http://127.0.0.1:9"],
        1,
        &["ne répond pas", "connexion refusée", "--url"],
    );
    said(&["verify", arg(&missing), "--vkey", "x"], 2, &["rien n'a pu être vérifié"]);
}

#[test]
fn an_event_that_would_be_refused_is_told_before_it_is_sent() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let draft = root.path().join("acte.json");
    let post = |text: &str, parts: &[&str]| {
        std::fs::write(&draft, text).unwrap();
        said(&["post", "--url", &node.url, "--key", arg(&ledger.operator_key), arg(&draft)], 1, parts);
    };
    let event = json!({ "type": "greffe.acte.transmis.v1", "source": COMMUNE, "subject": "acte/045", "data": {} });
    post(&event.to_string(), &["acte.json : ", "[attribute-invalid] — subject", "\n  détail : "]);
    post("[1]", &["acte.json : un événement est un objet JSON"]);
    post("{", &["acte.json : ce n'est pas du JSON", "détail : EOF"]);
    post(r#"{"payloadType":"x"}"#, &["acte.json : L'envoi n'est pas une enveloppe DSSE [dsse-malformed]"]);
    let missing = root.path().join("rien.json");
    said(
        &["post", "--url", &node.url, "--key", arg(&ledger.operator_key), arg(&missing)],
        1,
        &["rien.json est illisible : introuvable"],
    );
}

#[test]
fn whose_key_does_not_read_everything_is_told_what_it_can_verify() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let role = format!("auditeur:{}", &support::OPERATOR[10..]);
    let auditor = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "etat", &role);
    let stranger = root.path().join("inconnue.pem");
    succeed(&["key", "new", arg(&stranger)]);
    let verify = ["verify", &node.url, "--vkey", &ledger.vkey];
    let with = |key| [&verify[..], &["--key", key]].concat();
    said(&with(arg(&auditor)), 2, &["[token-not-entitled]", "greffe export --siren", "détail : "]);
    said(&with(arg(&stranger)), 2, &["le nœud ne reconnaît pas cette clé"]);
    said(&verify, 2, &["[token-missing]", "--key"]);
    let one = root.path().join("extrait.tar");
    succeed(&[
        "export",
        "--siren",
        &support::OPERATOR[10..],
        "--url",
        &node.url,
        "--key",
        arg(&auditor),
        "--out",
        arg(&one),
    ]);
    succeed(&["verify", arg(&one), "--vkey", &ledger.vkey]);
}
