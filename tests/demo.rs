//! The README's first command: it ends well, says what it did, and run again adds nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use node::{arg, run, succeed, text};

#[test]
fn the_demonstration_ends_well_and_run_again_adds_nothing() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("demo");
    let demo = ["demo", "--dir", arg(&dir), "--listen", "127.0.0.1:0", "--actes", "9", "--once"];
    let first = run(&demo);
    let said = format!("{}{}", text(&first.stdout), text(&first.stderr));
    assert!(first.status.success(), "{said}");
    for expected in [
        "8 organisme(s) inscrit(s)",
        "9 acte(s) transmis par 7 collectivités",
        "3 accusé(s) signé(s) par la préfecture, 3 constaté(s) d'après un fichier reçu",
        "key-other-organisation",
        "L'historique est vérifié",
        // 1 opening, 16 for the members, 9 acts, 6 acknowledgements, 1 refusal.
        "checkpoint: 33 leaves",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let again = run(&demo);
    let said = format!("{}{}", text(&again.stdout), text(&again.stderr));
    assert!(again.status.success() && said.contains("checkpoint: 33 leaves"), "{said}");

    // What it tells to try: a receipt, anywhere, with the log's key alone.
    let vkey = dir.join("vkey");
    let receipts: Vec<_> = std::fs::read_dir(dir.join("recus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(receipts.len(), 16 + 9 + 6);
    for receipt in &receipts {
        succeed(&["verify", arg(receipt), "--vkey", arg(&vkey)]);
    }
    succeed(&["verify", arg(&dir.join("registre")), "--vkey", arg(&vkey)]);
}
