//! Pieces and the machine under them: a kill at any instant, a disk that is full.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use greffe::http::auth::{Requete, issue_for};
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;
use node::*;
use support::COMMUNE;

const ORIGIN: &str = "greffe.essai.invalid";

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn token(url: &str, key: &Path) -> String {
    format!("Bearer {}", succeed(&["token", "--url", url, "--key", arg(key)]).trim())
}

fn secret(key: &Path) -> SecretKey {
    SecretKey::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap()
}

/// Status and body; none where the connection broke.
fn put(agent: &ureq::Agent, url: &str, key: &SecretKey, bytes: &[u8]) -> Option<(u16, String)> {
    let target = format!("/v1/pieces/{}", Empreinte::of(bytes));
    let bound = Requete { method: "PUT", target: &target, ..Requete::default() };
    let token = issue_for(key, &ORIGIN.parse().unwrap(), support::now_ms() / 1_000, &bound);
    let mut answer =
        agent.put(format!("{url}{target}")).header("Authorization", format!("Bearer {token}")).send(bytes).ok()?;
    Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
}

fn get(url: &str, token: &str, path: &str) -> (u16, Vec<u8>) {
    let mut answer = agent().get(format!("{url}{path}")).header("Authorization", token).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().with_config().limit(1 << 26).read_to_vec().unwrap())
}

/// Bytes that no other upload has.
fn bytes(n: u32, len: usize) -> Vec<u8> {
    n.to_be_bytes().iter().copied().cycle().take(len).collect()
}

#[test]
fn an_upload_that_was_answered_survives_a_kill_and_one_that_was_not_leaves_no_half() {
    const ROUNDS: u32 = 4;
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let mut node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let kept: Mutex<Vec<u32>> = Mutex::default();
    for round in 0..ROUNDS {
        let (url, key) = (node.url.clone(), secret(&commune));
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (url, key, kept) = (&url, &key, &kept);
                scope.spawn(move || {
                    let agent = agent();
                    for n in 0.. {
                        let n = round * 1_000_000 + thread * 100_000 + n;
                        match put(&agent, url, key, &bytes(n, 200_000)) {
                            Some((201, _)) => kept.lock().unwrap().push(n),
                            Some((status, body)) => panic!("{status}: {body}"),
                            None => return,
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(150 + u64::from(round) * 131));
            node.kill();
        });
        node = Serving::start(&ledger.dir);
        assert_eq!(std::fs::read_dir(ledger.dir.join("pieces/depot")).unwrap().count(), 0, "round {round}");
    }
    let bearer = token(&node.url, &commune);
    let kept = kept.into_inner().unwrap();
    assert!(kept.len() > ROUNDS as usize, "only {} uploads were answered: nothing was tested", kept.len());
    for n in kept {
        let expected = bytes(n, 200_000);
        let (status, found) = get(&node.url, &bearer, &format!("/v1/pieces/{}", Empreinte::of(&expected)));
        assert!(status == 200 && found == expected, "{n}: {status}");
    }
    // Whatever has its name is whole, whether it was answered or not.
    let space = ledger.dir.join("pieces").join(&COMMUNE[10..]);
    for folder in std::fs::read_dir(space).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(Empreinte::of(&std::fs::read(&path).unwrap()).to_string(), name);
                assert!(path.with_extension("json").exists(), "{name} has no card");
            }
        }
    }
    node.stop();
}

/// Serves a copy of the ledger on a file system of its own of that size; none where the system does not let us.
fn serve_on_small_disk(root: &Path, size: &str) -> Option<Serving> {
    let disk = root.join("disque");
    std::fs::create_dir(&disk).unwrap();
    let mount = r#"mount -t tmpfs -o size="$2" tmpfs "$1""#;
    let can = Command::new("unshare")
        .args(["-rm", "sh", "-c", mount, "sh", arg(&disk), size])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !can.is_ok_and(|status| status.success()) {
        return None;
    }
    let script = format!(
        r#"set -e; {mount}; cp -a "$3/registre" "$3/registre.garde" "$1/"; exec "$4" serve --dir "$1/registre" --listen 127.0.0.1:0"#
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, "sh", arg(&disk), size, arg(root), env!("CARGO_BIN_EXE_greffe")]);
    Some(Serving::run(command).unwrap())
}

#[test]
fn a_full_disk_is_said_and_nothing_half_kept_is_left() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let commune = enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    node.stop();
    let Some(node) = serve_on_small_disk(root.path(), "24m") else {
        eprintln!("SKIPPED: this system lets nobody mount a small file system (unshare -rm, mount -t tmpfs)");
        return;
    };
    let (agent, bearer, key) = (agent(), token(&node.url, &commune), secret(&commune));
    let path = |bytes: &[u8]| format!("/v1/pieces/{}", Empreinte::of(bytes));
    let first = bytes(1, 8 << 20);
    assert_eq!(put(&agent, &node.url, &key, &first).unwrap().0, 201);
    // Larger than what is left: refused, its part removed, and the node goes on.
    for _ in 0..3 {
        let (status, body) = put(&agent, &node.url, &key, &bytes(2, 20 << 20)).unwrap();
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, problem["code"].as_str()), (507, Some("disk-full")), "{body}");
        assert_eq!(problem["titre"], "Le disque du nœud est plein");
        assert_eq!(get(&node.url, &bearer, &path(&bytes(2, 20 << 20))).0, 404);
    }
    assert_eq!(put(&agent, &node.url, &key, &bytes(3, 4 << 20)).unwrap().0, 201, "the parts are gone");
    // To the last block: whatever was answered with 201 is there, whatever was not is not.
    let mut kept = vec![first, bytes(3, 4 << 20)];
    let mut refused = None;
    for n in 4..2_000 {
        let piece = bytes(n, 100_000);
        match put(&agent, &node.url, &key, &piece).unwrap() {
            (201, _) => kept.push(piece),
            (507, _) => {
                refused = Some(piece);
                break;
            }
            (status, body) => panic!("{status}: {body}"),
        }
    }
    let refused = refused.expect("the disk was never full");
    for piece in &kept {
        assert!(get(&node.url, &bearer, &path(piece)) == (200, piece.clone()));
    }
    assert_eq!(get(&node.url, &bearer, &path(&refused)).0, 404);
    assert_eq!(get(&node.url, &bearer, "/health/live").0, 200);
}
