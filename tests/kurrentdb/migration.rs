//! The built program over a stream: `init`, `serve`, `migrate`, `verify`.

use std::path::Path;

use greffe::store::EventStore;
use greffe::store::contract::read_all;
use greffe::store::sqlite::SqliteStore;
use serde_json::Value;

use crate::node::{Initialised, Serving, arg, enrol, fail, greffe, init, succeed};
use crate::server::{Cluster, Fault};
use crate::support::COMMUNE;
use crate::{leaves, open};

const ORIGIN: &str = "greffe.essai.invalid";

/// A node over a stream.
fn serve(dir: &Path, url: &str) -> Serving {
    let mut command = greffe();
    command.args(["serve", "--dir", arg(dir), "--store", url, "--listen", "127.0.0.1:0"]);
    Serving::run(command).unwrap_or_else(|said| panic!("greffe serve did not start: {said}"))
}

/// The command that moves a folder's leaves into a stream.
fn migration<'a>(dir: &'a Path, url: &'a str) -> [&'a str; 7] {
    ["migrate", "--dir", arg(dir), "--from", "sqlite", "--to", url]
}

fn checkpoint(node: &Serving) -> String {
    ureq::get(format!("{}/checkpoint", node.url)).call().unwrap().into_body().read_to_string().unwrap()
}

#[test]
fn a_ledger_is_made_and_served_on_a_stream() {
    let cluster = Cluster::start(3);
    let (root, url) = (tempfile::tempdir().unwrap(), cluster.url("greffe"));
    let dir = root.path().join("registre");
    let made =
        ["init", "--dir", arg(&dir), "--store", &url, "--origin", ORIGIN, "--operator", crate::support::OPERATOR];
    let vkey = succeed(&made).trim().to_owned();
    assert!(!dir.join("registre.sqlite").exists(), "the leaves are in the stream");
    let operator_key = root.path().join("registre.hors-ligne/operateur.pem");
    let ledger = Initialised { dir, vkey, operator_key };
    let node = serve(&ledger.dir, &url);
    enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    succeed(&["verify", &node.url, "--vkey", &ledger.vkey, "--key", arg(&ledger.operator_key)]);
    let before = checkpoint(&node);
    node.stop();
    assert_eq!(cluster.records("greffe").len(), 3);
    let first: Value = serde_json::from_slice(&cluster.records("greffe")[0].data).unwrap();
    assert_eq!(first["type"], "greffe.registre.ouvert.v1");

    // Everything derived is made again from the stream.
    std::fs::remove_file(ledger.dir.join("index.sqlite")).unwrap();
    let node = serve(&ledger.dir, &url);
    assert_eq!(checkpoint(&node), before);

    // A second ledger does not go into the same stream.
    let other = root.path().join("autre");
    let again =
        ["init", "--dir", arg(&other), "--store", &url, "--origin", ORIGIN, "--operator", crate::support::OPERATOR];
    assert!(fail(&again, 1).contains("holds 3 records already"));
}

#[test]
fn a_ledger_moves_to_a_stream_and_back_leaf_for_leaf() {
    let (root, cluster) = (tempfile::tempdir().unwrap(), Cluster::start(1));
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    enrol(root.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let before = checkpoint(&node);
    let url = cluster.url("greffe");
    let dir = arg(&ledger.dir);
    // Not while a node writes.
    assert!(fail(&migration(&ledger.dir, &url), 1).contains("autre processus greffe"));
    node.stop();

    let said = succeed(&migration(&ledger.dir, &url));
    assert!(said.starts_with("3 "), "{said}");
    let given = read_all(&SqliteStore::open_read_only(&ledger.dir).unwrap());
    assert_eq!(read_all(&open(&url)), given);
    let node = serve(&ledger.dir, &url);
    assert_eq!(checkpoint(&node), before, "the same log, signed alike");
    enrol(root.path(), &node, &ledger.operator_key, crate::support::VOISINE, "commune", "collectivite");
    succeed(&["verify", &node.url, "--vkey", &ledger.vkey, "--key", arg(&ledger.operator_key)]);
    let grown = checkpoint(&node);
    node.stop();

    // What was left behind is shorter now: no node writes on it.
    let mut old = greffe();
    old.args(["serve", "--dir", dir, "--listen", "127.0.0.1:0"]);
    let said = Serving::run(old).err().expect("a second history");
    assert!(said.contains("second history"), "{said}");

    // And back, to where the same leaves are already: only what is new is copied.
    let back = succeed(&["migrate", "--dir", dir, "--from", &url, "--to", "sqlite"]);
    assert!(back.starts_with("5 "), "{back}");
    let node = Serving::start(&ledger.dir);
    assert_eq!(checkpoint(&node), grown);
    node.stop();
    succeed(&["verify", dir, "--vkey", &ledger.vkey]);
}

#[test]
fn a_move_that_was_interrupted_goes_on_and_one_into_another_log_does_not() {
    let (root, cluster) = (tempfile::tempdir().unwrap(), Cluster::start(1));
    let given = leaves(0, 1_000);
    let dir = root.path().join("registre");
    std::fs::create_dir(&dir).unwrap();
    SqliteStore::create(&dir).unwrap().append(0, &given).unwrap();
    let url = cluster.url("moitie");
    let half = open(&url);
    half.append(0, &given[..200]).unwrap();
    // Answers are lost on the way.
    cluster.plan([Fault::AnswerLost, Fault::CutBefore, Fault::AnswerLost]);
    let said = succeed(&migration(&dir, &url));
    assert!(said.starts_with("1000 "), "{said}");
    assert_eq!(read_all(&half), given);
    // Again: nothing to do, and the roots are compared all the same.
    assert_eq!(succeed(&migration(&dir, &url)), said);

    let other = cluster.url("autre");
    open(&other).append(0, &leaves(5_000, 10)).unwrap();
    assert!(fail(&migration(&dir, &other), 1).contains("n'est pas celle du départ"));
    // Another leaf in the middle, which the last one does not show.
    let mut forged = given.clone();
    forged[5] = leaves(7_000, 1).remove(0);
    let forged_url = cluster.url("faux");
    forged.chunks(256).for_each(|batch| {
        let store = open(&forged_url);
        store.append(store.head().unwrap(), batch).unwrap();
    });
    assert!(fail(&migration(&dir, &forged_url), 1).contains("racines diffèrent"));
    let longer = cluster.url("plus");
    leaves(0, 1_100).chunks(256).for_each(|batch| {
        let store = open(&longer);
        store.append(store.head().unwrap(), batch).unwrap();
    });
    assert!(fail(&migration(&dir, &longer), 1).contains("pas une copie"));
}
