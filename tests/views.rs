//! Promise 8: views are disposable. Dropped, damaged, built again beside a log that went on: they come out identical, and the
//! commands say so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/charge.rs"]
mod charge;
#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;

use charge::{Charge, Dit, ORIGIN};
use node::*;

/// A ledger with some acts, whose node was stopped.
fn ledger(root: &std::path::Path) -> PathBuf {
    let ledger = init(root, ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(root, &ledger, &node);
    let agent = Charge::agent();
    for _ in 0..10 {
        assert!(matches!(charge.one(&agent, &node.url), Dit::Recu { is_new: true, .. }));
    }
    node.stop();
    ledger.dir
}

#[test]
fn a_view_comes_out_the_same_whatever_happened_to_its_file() {
    let root = tempfile::tempdir().unwrap();
    let dir = ledger(root.path());
    let digest = || succeed(&["views", "digest", "--dir", arg(&dir)]);
    let expected = digest();
    let names: Vec<&str> = expected.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["legalite", "adherents", "comptabilite", "marches", "journal"]);
    assert!(expected.lines().all(|line| line.ends_with("@13")), "the opening, a member, its key, ten acts: {expected}");
    assert_eq!(succeed(&["views", "rebuild", "--dir", arg(&dir)]), expected);

    let journal = dir.join("vues/journal-v1.sqlite");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(dir.join("vues/legalite-v1.sqlite")).unwrap();
    assert_eq!(digest(), expected);

    // A row that a hand changed is not seen by itself: building the view again takes it out.
    let conn = rusqlite::Connection::open(&journal).unwrap();
    conn.execute("UPDATE evenements SET source = 'urn:siren:210703385' WHERE idx = 5", []).unwrap();
    drop(conn);
    assert_ne!(succeed(&["views", "digest", "--dir", arg(&dir), "journal"]), "");
    assert_ne!(digest(), expected);
    let rebuilt = succeed(&["views", "rebuild", "--dir", arg(&dir), "journal"]);
    assert_eq!((rebuilt.lines().count(), expected.contains(rebuilt.trim())), (1, true), "{rebuilt}");
    assert_eq!(digest(), expected);

    fs::remove_dir_all(dir.join("vues")).unwrap();
    assert_eq!(digest(), expected);
    let said = fail(&["views", "digest", "--dir", arg(&dir), "inconnue"], 1);
    assert!(said.contains("legalite, adherents, comptabilite, marches, journal"), "{said}");
}

#[test]
fn a_view_that_a_node_has_open_is_not_replaced_and_the_node_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let dir = ledger(root.path());
    let node = Serving::start(&dir);
    let said = fail(&["views", "rebuild", "--dir", arg(&dir), "legalite"], 1);
    assert!(said.contains("another process has the view open"), "{said}");
    let ready = Charge::agent().get(format!("{}/health/ready", node.url)).call().unwrap();
    assert_eq!(ready.status(), 200);
    node.stop();
}
