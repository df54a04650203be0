//! Promise 4, read by strangers: Go's own notes and trees (`golang.org/x/mod/sumdb`) accept a log that we write,
//! and refuse it once any byte of it has changed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed assumption fails the test, as it should")]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ed25519_dalek::SigningKey;
use greffe::tlog::{
    BundleCoordinates, Checkpoint, Edge, EdgeNodes, Hash, KeyName, NoteSigner, TileCoordinates, TileReader,
    consistency_proof, decode_tile, encode_bundle, encode_tile, inclusion_proof, leaf_hash, tiles_for_size,
};
use serde_json::json;

/// Where Debian installs Go libraries.
const GOPATH: &str = "/usr/share/gocode";
const ORIGIN: &str = "greffe.example/registre";
/// Three full tiles, one partial, and a level above.
const SIZE: u64 = 1_000;

/// The Go program, built; `None`, said aloud, when this machine has no Go or no `x/mod`.
fn program(folder: &Path, test: &str) -> Option<PathBuf> {
    let missing = if Command::new("go").arg("version").output().is_err() {
        Some("go is not installed")
    } else if !Path::new(GOPATH).join("src/golang.org/x/mod/sumdb/tlog").is_dir() {
        Some("golang-golang-x-mod-dev is not installed")
    } else {
        None
    };
    if let Some(missing) = missing {
        skip(missing, test);
        return None;
    }
    let program = folder.join("sumdb");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("main.go")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/sumdb"))
        .env("GO111MODULE", "off")
        .env("GOPATH", GOPATH)
        .env("GOFLAGS", "")
        .env("GOCACHE", folder.join("gocache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(program)
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skip(missing: &str, test: &str) {
    eprintln!("skipped: {missing} ({test})");
}

/// Full tiles that were written to a folder.
struct Folder<'a>(&'a Path);

impl TileReader for Folder<'_> {
    type Error = std::io::Error;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, std::io::Error> {
        let tile = TileCoordinates::new(level, n, width).map_err(std::io::Error::other)?;
        decode_tile(&fs::read(self.0.join(tile.to_string()))?, width).map_err(std::io::Error::other)
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    file
}

fn entry(index: u64) -> Vec<u8> {
    format!("leaf {index} ").repeat(usize::try_from(index % 7).unwrap()).into_bytes()
}

/// A log in a folder, written with `src/tlog` alone: its files and its vkey.
fn log(folder: &Path) -> (Vec<PathBuf>, String) {
    let (mut edge, mut files) = (Edge::new(), Vec::new());
    let mut older = edge.root();
    for index in 0..SIZE {
        if index == 300 {
            older = edge.root();
        }
        edge.push(leaf_hash(&entry(index)));
    }
    for tile in edge.take_completed() {
        let path = TileCoordinates::new(tile.level, tile.n, 256).unwrap().to_string();
        files.push(write(folder, &path, &encode_tile(&tile.hashes)));
    }
    for tile in tiles_for_size(0, SIZE) {
        if tile.is_partial() {
            files.push(write(folder, &tile.to_string(), &encode_tile(edge.partial(tile.level()))));
        }
        if tile.level() == 0 {
            let first = tile.n() * 256;
            let entries: Vec<_> = (first..first + u64::from(tile.width())).map(entry).collect();
            let bundle = BundleCoordinates::new(tile.n(), tile.width()).unwrap();
            files.push(write(folder, &bundle.to_string(), &encode_bundle(&entries).unwrap()));
        }
    }
    let signer = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), SigningKey::from_bytes(&[7; 32])).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, SIZE, edge.root()).unwrap().sign(&signer).unwrap();
    files.push(write(folder, "checkpoint", checkpoint.to_string().as_bytes()));

    let nodes = EdgeNodes::new(&edge, Folder(folder));
    let text = |hashes: Vec<Hash>| hashes.iter().map(Hash::to_string).collect::<Vec<_>>();
    let included = |index, size| {
        let hashes = text(inclusion_proof(index, size, &nodes).unwrap());
        json!({"index": index, "size": size, "hashes": hashes})
    };
    let extended = |from, to| {
        let hashes = text(consistency_proof(from, to, &nodes).unwrap());
        json!({"from": from, "to": to, "hashes": hashes})
    };
    let mut remembered = extended(300, SIZE);
    remembered["from_root"] = json!(older.to_string());
    let proofs = json!({
        "inclusion": [included(0, SIZE), included(255, SIZE), included(256, 700), included(999, SIZE)],
        "consistency": [remembered, extended(1, SIZE), extended(256, SIZE), extended(512, 777), extended(SIZE, SIZE)],
    });
    files.push(write(folder, "proofs.json", proofs.to_string().as_bytes()));
    (files, signer.verifier().to_string())
}

fn run(program: &Path, folder: &Path, vkey: &str) -> Output {
    let mut command = Command::new(program);
    command.arg("-dir").arg(folder).args(["-vkey", vkey, "-proofs"]).arg(folder.join("proofs.json"));
    command.output().unwrap()
}

#[test]
fn go_reads_our_log_and_refuses_a_changed_byte() {
    let temporary = tempfile::tempdir().unwrap();
    let Some(program) = program(temporary.path(), "Go reads tiles written to a folder") else { return };
    let folder = temporary.path().join("log");
    let (files, vkey) = log(&folder);

    let accepted = run(&program, &folder, &vkey);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    assert_eq!(String::from_utf8_lossy(&accepted.stdout), "ok: 1000 leaves, 5 tiles, 4 bundles, 9 proofs\n");

    // 5 tiles, 4 bundles, the checkpoint, the proofs: whichever byte changes, Go sees it.
    assert_eq!(files.len(), 11);
    for file in files {
        let good = fs::read(&file).unwrap();
        for at in [good.len() / 3, good.len() / 2] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            let refused = run(&program, &folder, &vkey);
            assert!(!refused.status.success(), "byte {at} of {} was changed unseen", file.display());
            assert!(!refused.stderr.is_empty());
        }
        fs::write(&file, &good).unwrap();
    }

    let other = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), SigningKey::from_bytes(&[8; 32])).unwrap();
    assert!(!run(&program, &folder, &other.verifier().to_string()).status.success(), "another key was accepted");
}

#[test]
fn go_reads_a_running_node() {
    let temporary = tempfile::tempdir().unwrap();
    let Some(program) = program(temporary.path(), "Go reads a running node") else { return };
    let (folder, ledger) = support::open_with_members(temporary.path());
    let mut n = 0;
    while ledger.head().size < 300 {
        support::deposit_acte(&ledger, n, b"acte");
        support::recorded(&ledger, &support::acte(n, b"acte"), &[10]);
        n += 1;
    }
    let vkey = ledger.verifier().to_string();
    drop(ledger);
    let operator = temporary.path().join("operateur.pem");
    greffe::ledger::folder::write_secret_key(&operator, &support::key(1)).unwrap();
    let node = node::Serving::start(folder.root());
    let token = node::succeed(&["token", "--url", &node.url, "--key", node::arg(&operator)]);
    let get = |path: &str| -> serde_json::Value {
        let text = ureq::get(format!("{}{path}", node.url)).call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let proofs = json!({
        "inclusion": [get("/v1/proof/inclusion?index=0"), get("/v1/proof/inclusion?index=255&size=256"),
                      get("/v1/proof/inclusion?index=299"), get("/v1/proof/inclusion?index=7&size=100")],
        "consistency": [get("/v1/proof/consistency?from=1&to=300"), get("/v1/proof/consistency?from=256&to=300"),
                        get("/v1/proof/consistency?from=100&to=257")],
    });
    let file = temporary.path().join("proofs.json");
    fs::write(&file, proofs.to_string()).unwrap();
    let check = |token: &str| {
        let mut command = Command::new(&program);
        command.args(["-url", &node.url, "-vkey", &vkey, "-auth", token, "-proofs"]).arg(&file);
        command.output().unwrap()
    };
    let accepted = check(token.trim());
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    assert_eq!(String::from_utf8_lossy(&accepted.stdout), "ok: 300 leaves, 3 tiles, 2 bundles, 7 proofs\n");
    assert!(!check("").status.success(), "entries are for those entitled");
}
