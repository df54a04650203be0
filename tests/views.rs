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
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use charge::{Charge, Dit, ORIGIN};
use greffe::ledger::Ledger;
use greffe::ledger::answer::{Kept, Told};
use greffe::ledger::tail::TailReader;
use greffe::vues::{StoreLog, toutes};
use greffe_projections::{Log, LogError, Recorded, Runner};
use node::*;

/// A ledger with some acts, whose node was stopped.
fn ledger(root: &Path) -> PathBuf {
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
    assert_eq!(names, ["legalite", "quarantaine", "adherents", "comptabilite", "marches", "journal"]);
    assert!(expected.lines().all(|line| line.ends_with("@13")), "the opening, a member, its key, ten acts: {expected}");
    assert_eq!(succeed(&["views", "rebuild", "--dir", arg(&dir)]), expected);

    let journal = dir.join("vues/journal-v2.sqlite");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(dir.join("vues/legalite-v3.sqlite")).unwrap();
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
    assert!(said.contains("legalite, quarantaine, adherents, comptabilite, marches, journal"), "{said}");
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

/// A ledger as its views read it, which must find in memory what was written from `from` on.
struct Suivi<'a> {
    ledger: &'a Ledger,
    tail: TailReader,
    from: u64,
}

impl Log for Suivi<'_> {
    fn head(&self) -> Result<u64, LogError> {
        Ok(self.ledger.head().size)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        self.tail.read(from, max, |from, max| {
            assert!(from < self.from, "leaf {from} is read from the store");
            let leaves = self.ledger.store().read(from, max.min(usize::try_from(self.from - from).unwrap())).unwrap();
            Ok((from..).zip(leaves).map(|(index, bytes)| Arc::new(Recorded::new(index, bytes))).collect())
        })
    }
}

#[test]
fn views_that_take_leaves_from_their_writer_come_out_as_from_the_store() {
    let root = tempfile::tempdir().unwrap();
    let (_, ledger) = support::open_with_members(root.path());
    let from = ledger.head().size;
    let open = |folder: &str| {
        let dir = root.path().join(folder);
        fs::create_dir(&dir).unwrap();
        toutes().map(|projection| Runner::open(&dir, projection).unwrap())
    };
    let mut followed: Vec<_> = open("suivies")
        .into_iter()
        .map(|runner| (runner, Suivi { ledger: &ledger, tail: ledger.tail(), from }))
        .collect();
    let catch_up = |followed: &mut [(Runner, Suivi)]| {
        for (runner, log) in followed {
            let status = runner.catch_up(log, |_| ControlFlow::Continue(())).unwrap();
            assert_eq!((status.position, status.failure), (ledger.head().size, None));
        }
    };
    catch_up(&mut followed);

    // Batches of one, and one of several: some refused with a leaf of the node's own, some known, the rest recorded.
    for n in 0..3 {
        support::deposit_acte(&ledger, n, b"acte");
    }
    support::recorded(&ledger, &support::acte(0, b"acte"), &[10]);
    catch_up(&mut followed);
    let one = support::acte(1, b"acte");
    let together = [
        (one.clone(), 10),
        (support::accuse(7, None), 12),
        (one, 10),
        (support::accuse(0, None), 12),
        (support::acte(2, b"un autre"), 10),
        (support::acte(2, b"acte"), 10),
    ];
    let envelopes: Vec<String> =
        together.iter().map(|(event, key)| support::signed(event, &[*key]).to_json()).collect();
    let bytes: Vec<&[u8]> = envelopes.iter().map(String::as_bytes).collect();
    let prepared = ledger.prepare(&bytes, support::now_ms()).unwrap().into_iter().map(Result::unwrap).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = runtime.block_on(ledger.submit_all(prepared));
    let [first, .., last] = &told[..] else { panic!("{told:?}") };
    for end in [first, last] {
        assert!(matches!(end, Told::Recorded { kept: Kept::Now { .. }, is_new: true }), "{end:?}");
    }
    assert_eq!(ledger.head().size, from + 1 + 5, "one of six is known");

    // What each leaf says in memory is what its bytes in the store say.
    let reader = Suivi { ledger: &ledger, tail: ledger.tail(), from };
    let written = reader.read(from + 1, 10).unwrap();
    let stored = ledger.store().read(from + 1, 10).unwrap();
    assert_eq!((written.len(), stored.len()), (5, 5));
    for ((index, written), stored) in (from + 1..).zip(&written).zip(stored) {
        let stored = Recorded::new(index, stored);
        assert_eq!((written.index(), written.bytes()), (index, stored.bytes()));
        assert_eq!(written.leaf(), stored.leaf());
        assert_eq!(written.event(), stored.event());
    }
    catch_up(&mut followed);
    let log = StoreLog::new(Arc::clone(ledger.store()));
    for ((followed, _), mut built) in followed.iter().zip(open("construites")) {
        built.catch_up(&log, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(followed.digest().unwrap(), built.digest().unwrap());
    }
}

/// The publications of that many acts, in one ledger that nobody has open.
fn long_ledger(root: &Path, events: usize) -> PathBuf {
    let (folder, ledger) = support::open_with_members(root);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for from in (0..events).step_by(500) {
        let publie = |n| {
            let data = serde_json::json!({ "mode": "affichage", "date": "2026-07-18" });
            support::event("acte.publie", support::COMMUNE, &format!("acte/{}", support::id_acte(n)), data)
        };
        let envelopes: Vec<String> = (from..from + 500).map(|n| support::signed(&publie(n), &[10]).to_json()).collect();
        let bytes: Vec<&[u8]> = envelopes.iter().map(String::as_bytes).collect();
        let prepared = ledger.prepare(&bytes, support::now_ms()).unwrap().into_iter().map(Result::unwrap).collect();
        let told = runtime.block_on(ledger.submit_all(prepared));
        let refused = told.iter().find(|told| !matches!(told, Told::Recorded { is_new: true, .. }));
        assert!(refused.is_none(), "{refused:?}");
    }
    folder.root().to_owned()
}

#[test]
fn a_rebuild_killed_at_any_instant_leaves_the_old_views_or_the_new_ones() {
    let root = tempfile::tempdir().unwrap();
    let dir = long_ledger(root.path(), 4_000);
    let expected = succeed(&["views", "digest", "--dir", arg(&dir)]);
    let start = Instant::now();
    assert_eq!(succeed(&["views", "rebuild", "--dir", arg(&dir)]), expected);
    let whole = start.elapsed();
    let mut killed = 0;
    for n in 0..10 {
        let mut rebuild = greffe();
        rebuild.args(["views", "rebuild", "--dir", arg(&dir)]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut rebuild = rebuild.spawn().unwrap();
        std::thread::sleep(whole * n / 10);
        // It may have ended by itself.
        let _ = rebuild.kill();
        killed += u32::from(!rebuild.wait().unwrap().success());
        assert_eq!(succeed(&["views", "digest", "--dir", arg(&dir)]), expected, "after the kill at {n} tenths");
    }
    assert!(killed > 0, "no rebuild was cut short");
    assert_eq!(succeed(&["views", "rebuild", "--dir", arg(&dir)]), expected);
    let left = fs::read_dir(dir.join("vues")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains("rebuild")).count(), 0, "what was cut short is tidied away");
}
