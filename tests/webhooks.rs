//! Webhooks of the built program: docs/WEBHOOKS.md holds true, its commands run as they stand; and a node killed at any instant goes on where it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/node.rs"]
mod node;
#[path = "support/recepteur.rs"]
mod recepteur;
#[path = "support/mod.rs"]
mod support;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use greffe::http::problem::Cause;
use greffe::webhooks::abonnement::{Arret, Motif};
use greffe::webhooks::{
    DELAIS, ECHECS_MAX, PAR_NOEUD_MAX, PAR_ORGANISME_MAX, REPONSE_MAX, RETRY_AFTER_MAX, SUSPENSION_APRES,
};
use node::*;
use recepteur::{Recepteur, Recu, Repond, repond};
use support::{COMMUNE, OPERATOR};

const PATIENCE: Duration = Duration::from_secs(30);

fn serve(dir: &Path) -> Serving {
    let mut command = greffe();
    command.args(["serve", "--dir", arg(dir), "--listen", "127.0.0.1:0", "--webhooks-prives"]);
    // Nobody listens there: whoever asked a proxy of the environment would deliver nothing.
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    Serving::run(command).unwrap_or_else(|said| panic!("greffe serve did not start: {said}"))
}

/// A member with its key, and what it takes to say something about it.
struct Membre {
    _dir: tempfile::TempDir,
    root: PathBuf,
    dir: PathBuf,
    operator_key: PathBuf,
    key: PathBuf,
}

impl Membre {
    fn new() -> (Self, Serving) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().to_owned();
        let ledger = init(&root, "greffe.essai.invalid");
        let node = serve(&ledger.dir);
        let key = enrol(&root, &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
        (Self { _dir: temp, root, dir: ledger.dir, operator_key: ledger.operator_key, key }, node)
    }

    /// Gives the member a further key: one more event that it reads.
    fn further_key(&self, node: &Serving, name: &str) {
        let key = self.root.join(format!("{name}.pem"));
        let public = succeed(&["key", "new", arg(&key)]);
        let draft = self.root.join(format!("{name}.json"));
        let event = serde_json::json!({
            "type": "greffe.cle.enrolee.v1", "source": OPERATOR, "subject": format!("adherent/{}", &COMMUNE[10..]),
            "data": { "organisation": COMMUNE, "cle": public.trim(), "roles": ["collectivite"],
                      "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z" },
        });
        std::fs::write(&draft, event.to_string()).unwrap();
        let (operator, own, new) = (arg(&self.operator_key), arg(&self.key), arg(&key));
        succeed(&["post", "--url", &node.url, "--key", operator, "--key", own, "--key", new, arg(&draft)]);
    }

    fn webhooks(&self, node: &Serving, args: &[&str]) -> (String, String) {
        let output =
            greffe().arg("webhooks").args(args).args(["--url", &node.url, "--key", arg(&self.key)]).output().unwrap();
        assert!(output.status.success(), "{args:?} {}{}", text(&output.stdout), text(&output.stderr));
        (text(&output.stdout).trim().to_owned(), text(&output.stderr))
    }

    /// Waits until the list of webhooks says so.
    fn until(&self, node: &Serving, holds: impl Fn(&str, &str) -> bool) {
        let begun = Instant::now();
        loop {
            let (listed, said) = self.webhooks(node, &["list"]);
            if holds(&listed, &said) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{listed}\n{said}");
        }
    }
}

#[test]
fn the_operator_lists_suspends_and_deletes_any_webhook_from_the_command_line() {
    let (membre, node) = Membre::new();
    let recepteur = Recepteur::new(|_, _| repond(200));
    let (id, _) = membre.webhooks(&node, &["add", &recepteur.url]);
    let operator = |args: &[&str]| {
        succeed(&[&["webhooks"], args, &["--url", &node.url, "--key", arg(&membre.operator_key)]].concat())
    };
    assert_eq!(operator(&["list"]), "", "none of its own");
    let listed = operator(&["list", "--tous"]);
    assert!(listed.starts_with(&id) && listed.trim().ends_with(COMMUNE), "{listed}");
    assert!(operator(&["suspension", &id]).contains("\tsuspendu\t"));
    let (_, said) = membre.webhooks(&node, &["list"]);
    assert!(said.contains("suspendu [operateur] : Adressez-vous à votre opérateur"), "{said}");
    let undone = fail(&["webhooks", "reprise", &id, "--url", &node.url, "--key", arg(&membre.key)], 1);
    assert!(undone.contains("[token-not-entitled]") && undone.contains("votre opérateur"), "{undone}");
    assert!(operator(&["reprise", &id]).contains("\tactif\t"));
    operator(&["rm", &id]);
    assert_eq!(membre.webhooks(&node, &["list"]).0, "");
}

#[test]
fn a_node_killed_while_it_sends_or_waits_sends_the_same_message_again_and_skips_none() {
    let (membre, node) = Membre::new();
    // Refused; then an answer that never comes in time; then taken.
    let recepteur = Recepteur::new(|_, before| match before {
        0 => repond(500),
        1 => Repond { apres: Duration::from_secs(15), ..repond(200) },
        _ => repond(200),
    });
    let (id, said) = membre.webhooks(&node, &["add", &recepteur.url]);
    assert!(said.contains("whpk_"), "{said}");
    membre.further_key(&node, "un");
    recepteur.attendre(1);
    membre.until(&node, |_, said| said.contains("1 tentative(s) en échec, la dernière [statut 500]"));
    node.kill();
    let node = serve(&membre.dir);
    let waited = { recepteur.attendre(2)[1].le - recepteur.recus()[0].le };
    assert!(waited >= Duration::from_secs(5), "the wait outlives the process: {waited:?}");
    node.kill();
    let node = serve(&membre.dir);
    let recus = recepteur.attendre(3);
    assert!(recus.iter().all(|recu| recu.id() == recus[0].id() && recu.body == recus[0].body));
    // Killed while it is busy telling: whatever was not stored comes again, and nothing is left out.
    for name in ["deux", "trois", "quatre"] {
        membre.further_key(&node, name);
    }
    node.kill();
    let node = serve(&membre.dir);
    membre.until(&node, |listed, _| {
        let livres: u64 = listed.split('\t').nth(2).unwrap().parse().unwrap();
        livres >= 4
    });
    let mut told: Vec<u64> = recepteur.recus().iter().map(Recu::index).collect();
    assert!(told.is_sorted(), "{told:?}");
    told.dedup();
    assert_eq!(told, (told[0]..told[0] + 4).collect::<Vec<_>>());
    membre.webhooks(&node, &["rm", &id]);
    assert_eq!(membre.webhooks(&node, &["list"]).0, "");
    node.stop();
}

#[test]
fn an_address_whose_certificate_nobody_known_signed_is_not_told_anything() {
    if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let (membre, node) = Membre::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let openssl = |args: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(args).current_dir(&membre.root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
    let made = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "tls.pem", "-out", "tls.crt"];
    assert!(openssl(&[&made[..], &subject].concat()).status().unwrap().success());
    let accept = port.to_string();
    let server = ["s_server", "-accept", &accept, "-cert", "tls.crt", "-key", "tls.pem", "-www"];
    let mut server = openssl(&server).spawn().unwrap();
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE, "openssl does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (id, _) = membre.webhooks(&node, &["add", &format!("https://localhost:{port}/")]);
    let output =
        greffe().args(["webhooks", "essai", &id, "--url", &node.url, "--key", arg(&membre.key)]).output().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\"motif\":\"tls\""), "{}", text(&output.stdout));
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/WEBHOOKS.md")).unwrap()
}

/// The commands of the page.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// The receiver of the page, ended with the test.
struct Fond(PathBuf);

impl Drop for Fond {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(&self.0) {
            let _ = Command::new("kill").arg(pid.trim()).status();
        }
    }
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let has = |program: &str, args: &[&str]| {
        let is_there = Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
        if !is_there {
            eprintln!("skipped: {program} {args:?} does not run here (the commands of WEBHOOKS.md)");
        }
        is_there
    };
    if !has("curl", &["--version"])
        || !has("jq", &["--version"])
        || !has("bash", &["--version"])
        || !has("openssl", &["version"])
        || !has("python3", &["-c", "import cryptography"])
    {
        return;
    }
    let (membre, node) = Membre::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = Path::new(env!("CARGO_BIN_EXE_greffe")).parent().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("exemples/python");
    let path = format!("{}:{}:{}", arg(program), arg(&examples), std::env::var("PATH").unwrap());
    let _fond = Fond(membre.root.join("recevoir.pid"));
    let run = |command: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", command]).current_dir(&membre.root);
        bash.env("GREFFE_URL", &node.url).env("GREFFE_KEY", &membre.key).env("PATH", &path);
        bash.env("WEBHOOK_URL", format!("http://127.0.0.1:{port}/greffe")).env("PORT", port.to_string());
        let output = bash.output().unwrap();
        assert!(output.status.success(), "{command}\n{}{}", text(&output.stdout), text(&output.stderr));
        if command.contains("recevoir.pid") {
            let begun = Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(begun.elapsed() < PATIENCE, "the receiver does not listen");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        text(&output.stdout)
    };
    let page = page();
    let said: Vec<String> = commands(&page).into_iter().map(run).collect();
    let [id, same, cle, started, essai, verified, repris, echecs, removed] = said.as_slice() else {
        panic!("{} commands", said.len())
    };
    assert_eq!(*same, format!("{}\nactif\n", id.trim()));
    assert!(cle.starts_with("whpk_") && cle.len() == 50, "{cle}");
    assert!(started.is_empty() && essai.contains("\"livre\":true"), "{essai}");
    assert_eq!(verified, "Signature Verified Successfully\n");
    assert!(repris.lines().count() == 2 && repris.lines().all(|line| line.contains("\tactif\t")), "{repris}");
    assert!(echecs.is_empty() && removed.is_empty());
    // The receiver of the page takes what is for it, and nothing else: a body that was changed, another's webhook, an old message.
    let log = std::fs::read_to_string(membre.root.join("recevoir.log")).unwrap();
    assert_eq!(log.matches("greffe.essai.v1").count(), 1, "{log}");
    let kept = std::fs::read_dir(membre.root.join("recus")).unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap();
    let send = |id: &str, timestamp: &str, body: &str| {
        let answer = ureq::post(format!("http://127.0.0.1:{port}/greffe"))
            .config()
            .http_status_as_error(false)
            .build()
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", read("signature"))
            .send(body);
        answer.unwrap().status().as_u16()
    };
    let name = kept.file_name().unwrap().to_str().unwrap();
    assert_eq!(send(name, &read("timestamp"), &read("corps")), 204, "once more");
    assert_eq!(send(name, &read("timestamp"), &format!("{} ", read("corps"))), 400);
    assert_eq!(send(name, "1600000000", &read("corps")), 400);
    assert_eq!(send("../autre", &read("timestamp"), &read("corps")), 400);
    assert_eq!(std::fs::read_dir(membre.root.join("recus")).unwrap().count(), 1);
}

#[test]
fn the_limits_and_words_of_the_page_are_the_nodes() {
    let page = page().replace('\n', " ");
    let said = |text: &str| assert!(page.contains(text), "{text}");
    let attempts: Vec<String> = DELAIS
        .iter()
        .map(|wait| match wait.as_secs() {
            seconds @ 0..60 => format!("{seconds} s"),
            seconds @ 60..3_600 => format!("{} min", seconds / 60),
            seconds => format!("{} h", seconds / 3_600),
        })
        .collect();
    said(&format!("| attente | aucune | {} |", attempts.join(" | ")));
    said("dix tentatives en tout");
    assert_eq!((DELAIS.len(), REPONSE_MAX.as_secs()), (9, 20));
    said("pas de réponse en vingt secondes");
    assert_eq!((RETRY_AFTER_MAX.as_secs(), SUSPENSION_APRES.as_secs()), (24 * 3_600, 5 * 86_400));
    said("jusqu'à 24 heures");
    said("rien n'a réussi depuis cinq jours");
    said(&format!("au plus {PAR_ORGANISME_MAX} webhooks, un nœud 1 000"));
    assert_eq!((PAR_NOEUD_MAX, ECHECS_MAX), (1_000, 1_000));
    said("les 1 000 derniers de chaque webhook");
    let words = Motif::ALL.iter().map(|word| word.as_str()).chain(Arret::ALL.iter().map(|word| word.as_str()));
    for word in words {
        said(&format!("| `{word}` |"));
    }
    said(&format!("`{}`", Cause::TooManyWebhooks.as_str()));
}
