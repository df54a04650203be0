//! The write path, on real files: what is admitted, what is refused and recorded, what survives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use greffe::ledger::LedgerError;
use greffe::ledger::answer::{Answer, Unavailable};
use greffe::ledger::guard::GuardError;
use greffe::store::EventStore;
use greffe::store::sqlite::SqliteStore;
use greffe::tlog::{Checkpoint, Frontier, TlogProof, leaf_hash, verify_consistency};
use greffe_events::catalogue::Data;
use greffe_events::leaf::Leaf;
use greffe_events::{Code, Event};
use serde_json::{Value, json};
use support::*;

fn refused(answer: Answer) -> (Code, Option<u64>) {
    match answer {
        Answer::Refused(refusal, receipt) => (refusal.code, receipt.map(|receipt| receipt.index)),
        other => panic!("not refused: {other:?}"),
    }
}

fn leaf_at(ledger: &greffe::ledger::Ledger, index: u64) -> Leaf {
    Leaf::decode(&ledger.leaf(index).unwrap().unwrap()).unwrap()
}

fn verify_receipt(ledger: &greffe::ledger::Ledger, receipt: &greffe::ledger::head::Receipt) {
    let leaf = data_encoding::BASE64.decode(receipt.leaf.as_bytes()).unwrap();
    let proof = TlogProof::parse(receipt.proof.as_bytes()).unwrap();
    assert_eq!(proof.index(), receipt.index);
    proof.verify(&leaf_hash(&leaf), &ledger.verifier()).unwrap();
    let alone = TlogProof::parse(receipt.to_tlog_proof().unwrap().as_bytes()).unwrap();
    assert_eq!(alone.extra(), Some(leaf.as_slice()));
}

#[test]
fn an_act_becomes_a_leaf_whose_receipt_verifies_with_the_log_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger) = open_with_members(dir.path());
    let document = b"%PDF-1.7 acte";
    deposit_acte(&ledger, 1, document);
    let posted = acte(1, document);
    let envelope = signed(&posted, &[10]);
    let Ok(Answer::Recorded { receipt, is_new: true }) = submit_bytes(&ledger, envelope.to_json().as_bytes()) else {
        panic!("not recorded");
    };
    verify_receipt(&ledger, &receipt);
    let leaf = leaf_at(&ledger, receipt.index);
    assert_eq!(leaf.envelope, envelope, "the bytes that were signed are the bytes that are stored");
    assert_eq!((leaf.previous, leaf.rank), (None, 0));

    // The same bytes again: the same leaf, at any later size of the log.
    let accused = recorded(&ledger, &accuse(1, None), &[12]);
    assert_eq!(leaf_at(&ledger, accused.index).previous, Some(receipt.index));
    let Ok(Answer::Recorded { receipt: again, is_new: false }) = submit_bytes(&ledger, envelope.to_json().as_bytes())
    else {
        panic!("not known");
    };
    assert_eq!((again.index, &again.leaf), (receipt.index, &receipt.leaf));
    verify_receipt(&ledger, &again);

    // The commune's next event has the next rank, its dossier the right predecessor.
    let message = deposit(&ledger, COMMUNE, b"<AR nr 1>", Some([9; 32]));
    let constat = recorded(&ledger, &accuse(1, Some(message)), &[10]);
    let leaf = leaf_at(&ledger, constat.index);
    assert_eq!((leaf.previous, leaf.rank), (Some(accused.index), 1));
}

#[test]
fn each_refusal_has_its_code_and_leaves_a_signed_trace_where_the_key_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger) = open_with_members(dir.path());
    let document = b"%PDF-1.7 acte";
    let good = acte(1, document);
    let with = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event
    };
    let size = ledger.head().size;
    // Nobody known signed these: nothing is recorded.
    assert_eq!(refused(submit(&ledger, &good, &[99])), (Code::KeyUnknown, None));
    let prepared = |envelope: &str| submit_bytes(&ledger, envelope.as_bytes()).unwrap_err().code;
    assert_eq!(prepared("{}"), Code::DsseMalformed);
    let other_payload = signed(&with("time", json!("2026-01-01T00:00:00Z")), &[10]).to_json();
    let stolen = signed(&good, &[10]).to_json();
    let payload_of = |text: &str| serde_json::from_str::<Value>(text).unwrap()["payload"].as_str().unwrap().to_owned();
    assert_eq!(prepared(&stolen.replace(&payload_of(&stolen), &payload_of(&other_payload))), Code::SignatureInvalid);
    // Signed well, but for another log, even where this one can't read the rest; or by a stranger before the commune.
    let elsewhere = with("registre", json!("other.invalid"));
    assert_eq!(refused(submit(&ledger, &elsewhere, &[10])), (Code::RegistreWrong, None));
    let mut later = elsewhere.clone();
    later["type"] = json!("greffe.acte.transmis.v9");
    assert_eq!(refused(submit(&ledger, &later, &[10])), (Code::TypeUnknown, None));
    assert_eq!(refused(submit(&ledger, &good, &[99, 10])), (Code::KeyUnknown, None));
    assert_eq!(ledger.head().size, size);

    // The commune's own mistakes are recorded, one leaf each.
    let cases = [
        (good.clone(), vec![10], Code::PieceMissing),
        (with("time", json!("2020-01-01T00:00:00Z")), vec![10], Code::TimeOutOfRange),
        (with("type", json!("greffe.acte.inconnu.v1")), vec![10], Code::TypeUnknown),
        (with("data", json!({})), vec![10], Code::DataMissing),
        (good.clone(), vec![11], Code::KeyOtherOrganisation),
        (good.clone(), vec![10, 11], Code::SignatureExtra),
        (accuse(1, None), vec![12], Code::ActeInconnu),
        (enrolment(COMMUNE, 50, &["collectivite"]), vec![1, 10], Code::SignatureMissing),
    ];
    for (at, (event, seeds, code)) in (size..).zip(cases) {
        let (refused_code, index) = refused(submit(&ledger, &event, &seeds));
        assert_eq!((refused_code, index), (code, Some(at)));
        let leaf = leaf_at(&ledger, at);
        let Data::RegistreRefus(refus) = Event::parse(leaf.envelope.payload()).unwrap().data else {
            panic!("not a refusal");
        };
        assert_eq!(refus.code, code.as_str());
        assert!(refus.is_about(event.to_string().as_bytes()));
        let text = String::from_utf8(leaf.envelope.payload().to_vec()).unwrap();
        assert!(!text.contains("matiere") && !text.contains("pdf"), "never the submitted content");
        // Once more: the same leaf.
        assert_eq!(refused(submit(&ledger, &event, &seeds)), (code, Some(at)));
    }

    // A size that is not the piece's, an id used again.
    deposit_acte(&ledger, 1, document);
    let mut wrong_size = good.clone();
    wrong_size["data"]["pieces"][0]["taille"] = json!(1);
    assert_eq!(refused(submit(&ledger, &wrong_size, &[10])).0, Code::PieceMismatch);
    recorded(&ledger, &good, &[10]);
    let mut reused = acte(2, document);
    reused["id"] = good["id"].clone();
    assert_eq!(refused(submit(&ledger, &reused, &[10])).0, Code::IdReused);
    // … which is told to nobody who may not speak for that source.
    assert_eq!(refused(submit(&ledger, &reused, &[11])).0, Code::KeyOtherOrganisation);
    assert_eq!(refused(submit(&ledger, &reused, &[99])).0, Code::KeyUnknown);
    // The same payload under a stranger's signature gives no receipt.
    assert_eq!(refused(submit(&ledger, &good, &[99])).0, Code::KeyUnknown);
    assert_eq!(refused(submit(&ledger, &good, &[11])).0, Code::KeyOtherOrganisation);
}

#[test]
fn a_piece_of_a_neighbour_cannot_be_cited() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger) = open_with_members(dir.path());
    let document = b"%PDF-1.7 acte";
    deposit(&ledger, VOISINE, document, None);
    deposit(&ledger, COMMUNE, json!({ "objet": "Objet 1" }).to_string().as_bytes(), Some([7; 32]));
    assert_eq!(refused(submit(&ledger, &acte(1, document), &[10])).0, Code::PieceMissing);
}

#[test]
fn one_key_cannot_flood_the_log_with_refusals() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger) = open_with_members(dir.path());
    let mut limited = 0;
    for n in 0..80 {
        match submit(&ledger, &acte(n, b"jamais deposee"), &[10]) {
            Answer::Refused(..) => {}
            Answer::RefusedTooOften(refusal, by) => {
                assert_eq!((refusal.code, by), (Code::PieceMissing, key(10).id()), "the reason is told all the same");
                limited += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(limited, 20);
    // What was recorded is found again, and costs nothing more.
    let (first, size) = (acte(600, b"jamais deposee"), ledger.head().size);
    let Answer::RefusedTooOften(..) = submit(&ledger, &first, &[10]) else { panic!("beyond the rate") };
    assert_eq!(ledger.head().size, size);
    // Its good events still pass, and so do others' refusals.
    deposit_acte(&ledger, 500, b"acte");
    recorded(&ledger, &acte(500, b"acte"), &[10]);
    assert_eq!(refused(submit(&ledger, &accuse(9, None), &[12])).0, Code::ActeInconnu);
}

#[test]
fn what_was_recorded_is_there_after_a_restart_and_without_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    for n in 0..300 {
        deposit_acte(&ledger, n, b"acte");
        recorded(&ledger, &acte(n, b"acte"), &[10]);
    }
    let head = ledger.head();
    drop(ledger);
    for without in ["", "index.sqlite"] {
        if !without.is_empty() {
            std::fs::remove_file(folder.root().join(without)).unwrap();
        }
        let ledger = open(&folder);
        assert_eq!((ledger.head().size, ledger.head().root), (head.size, head.root));
        verify_receipt(&ledger, &ledger.receipt(3).unwrap().unwrap());
        assert_eq!(refused(submit(&ledger, &acte(7, b"acte"), &[10])).0, Code::ActeDejaTransmis);
        let hashes = ledger.consistency(17, ledger.head().size).unwrap();
        let mut frontier = Frontier::new();
        for index in 0..17 {
            frontier.push(leaf_hash(&ledger.leaf(index).unwrap().unwrap()));
        }
        verify_consistency(17, ledger.head().size, &hashes, &frontier.root(), &ledger.head().root).unwrap();
        ledger.close().unwrap();
        // The refusal above made the history longer: go on from there.
        let size = ledger.head().size;
        assert!(size == head.size + 1 || size == head.size, "{size}");
        drop(ledger);
        if without.is_empty() {
            let ledger = open(&folder);
            assert_eq!(ledger.head().size, head.size + 1);
            drop(ledger);
            break;
        }
    }
    std::fs::remove_file(folder.root().join("index.sqlite")).unwrap();
    let ledger = open(&folder);
    assert_eq!(ledger.head().size, head.size + 1);
    verify_receipt(&ledger, &ledger.receipt(299).unwrap().unwrap());
    assert_eq!(refused(submit(&ledger, &acte(8, b"acte"), &[10])).0, Code::ActeDejaTransmis);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_restored_backup_cannot_sign_a_second_history() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    drop(ledger);
    let backup = dir.path().join("sauvegarde");
    copy_folder(folder.root(), &backup);
    let ledger = open(&folder);
    deposit_acte(&ledger, 1, b"acte");
    let receipt = recorded(&ledger, &acte(1, b"acte"), &[10]);
    drop(ledger);

    std::fs::remove_dir_all(folder.root()).unwrap();
    copy_folder(&backup, folder.root());
    match try_open(&folder) {
        Err(LedgerError::Guard(GuardError::RolledBack { size, guarded, .. })) => {
            assert_eq!((size, guarded), (receipt.index, receipt.index + 1));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a restored backup was opened for writing"),
    }
    // Without its guard a history is not believed either, unless the operator says so.
    std::fs::remove_file(folder.default_guard()).unwrap();
    assert!(matches!(try_open(&folder), Err(LedgerError::Guard(GuardError::Missing { .. }))));
    let accepted = greffe::ledger::Options { accept_store: true, ..options(&folder) };
    drop(greffe::ledger::Ledger::open(&accepted, &mut |_, _| ()).unwrap());
    drop(open(&folder));
}

#[test]
fn another_history_of_the_same_length_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    drop(ledger);
    let backup = dir.path().join("sauvegarde");
    copy_folder(folder.root(), &backup);
    for (place, n) in [(folder.root().to_owned(), 1), (backup.clone(), 2)] {
        // Two nodes each write one event on the same past.
        let guard = dir.path().join(format!("garde-{n}"));
        std::fs::copy(folder.default_guard(), &guard).unwrap();
        let options = greffe::ledger::Options {
            folder: greffe::ledger::folder::Folder::new(place),
            store: greffe::store::place::Place::Folder,
            has_other_nodes: false,
            guard: Some(guard),
            accept_store: n == 2,
            quota: greffe::ledger::pieces::Quota::default(),
        };
        let ledger = greffe::ledger::Ledger::open(&options, &mut |_, _| ()).unwrap();
        deposit_acte(&ledger, n, b"acte");
        recorded(&ledger, &acte(n, b"acte"), &[10]);
    }
    let options = greffe::ledger::Options {
        folder: greffe::ledger::folder::Folder::new(backup),
        store: greffe::store::place::Place::Folder,
        has_other_nodes: false,
        guard: Some(dir.path().join("garde-1")),
        accept_store: false,
        quota: greffe::ledger::pieces::Quota::default(),
    };
    match greffe::ledger::Ledger::open(&options, &mut |_, _| ()) {
        Err(LedgerError::Guard(GuardError::Forked { .. })) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a forked history was opened for writing"),
    }
}

/// Looks again until it holds; fails after ten seconds.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn the_guard_follows_while_the_node_runs_and_a_node_without_it_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = create(dir.path());
    let away = dir.path().join("ailleurs");
    std::fs::create_dir(&away).unwrap();
    let guard = away.join("garde");
    std::fs::copy(folder.default_guard(), &guard).unwrap();
    let options = greffe::ledger::Options { guard: Some(guard.clone()), ..options(&folder) };
    let ledger = greffe::ledger::Ledger::open(&options, &mut |_, _| ()).unwrap();
    recorded(&ledger, &member(COMMUNE, "commune"), &[1]);
    let guarded = || {
        let note = std::fs::read(&guard).ok()?;
        Some(Checkpoint::open(&note, &ledger.verifier()).unwrap().size())
    };
    wait_until("the guard on disk reaches the head", || guarded() == Some(ledger.head().size));

    // Its place is gone: soon nothing is recorded any more, and the node says so.
    std::fs::rename(&away, dir.path().join("parti")).unwrap();
    let mut organisations = ["urn:siren:210703385", "urn:siren:214400152", "urn:siren:491011698"].into_iter();
    recorded(&ledger, &member(organisations.next().unwrap(), "commune"), &[1]);
    wait_until("the node notices", || !ledger.is_guarded());
    let size = ledger.head().size;
    let answer = submit(&ledger, &member(organisations.next().unwrap(), "commune"), &[1]);
    assert!(matches!(answer, Answer::Unavailable(Unavailable::Guard)), "{answer:?}");
    assert_eq!(ledger.head().size, size);

    // It comes back: the node goes on by itself.
    std::fs::rename(dir.path().join("parti"), &away).unwrap();
    wait_until("the node recovers", || ledger.is_guarded());
    recorded(&ledger, &member(organisations.next().unwrap(), "commune"), &[1]);
    wait_until("the guard on disk reaches the head", || guarded() == Some(ledger.head().size));
}

#[test]
fn damaged_tiles_are_derived_again_and_never_held_against_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let head = ledger.head();
    drop(ledger);
    for accept_store in [false, true] {
        let index = rusqlite::Connection::open(folder.index()).unwrap();
        let changed = index.execute("UPDATE tuiles SET hachages = zeroblob(length(hachages))", []).unwrap();
        assert!(changed > 0);
        drop(index);
        let options = greffe::ledger::Options { accept_store, ..options(&folder) };
        let ledger = greffe::ledger::Ledger::open(&options, &mut |_, _| ()).unwrap();
        assert_eq!(ledger.head().root, head.root);
    }
}

#[test]
fn the_guard_cannot_stand_in_the_folder_it_guards() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    drop(ledger);
    let inside = folder.root().join("garde");
    std::fs::copy(folder.default_guard(), &inside).unwrap();
    let options = greffe::ledger::Options { guard: Some(inside), ..options(&folder) };
    assert!(matches!(greffe::ledger::Ledger::open(&options, &mut |_, _| ()), Err(LedgerError::Folder(_))));
}

#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = create(dir.path());
    let mode = std::fs::metadata(folder.root()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_same_piece_deposited_at_once_is_deposited() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ledger) = open_with_members(dir.path());
    std::thread::scope(|scope| {
        let deposits: Vec<_> =
            (0..8).map(|_| scope.spawn(|| deposit(&ledger, COMMUNE, b"la meme", Some([3; 32])))).collect();
        for deposit in deposits {
            deposit.join().unwrap();
        }
    });
}

#[test]
fn a_stop_under_load_finishes_what_is_queued_and_loses_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let ledger = std::sync::Arc::new(ledger);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let prepared = |n: usize| {
        let envelope = signed(&acte(n, b"acte"), &[10]).to_json();
        ledger.prepare(&[envelope.as_bytes()], now_ms()).unwrap().remove(0).unwrap()
    };
    for n in 0..150 {
        deposit_acte(&ledger, n, b"acte");
    }
    let before = ledger.head().size;
    // Queued before the stop: some alone, some together.
    let mut posts = Vec::new();
    for n in 0..50 {
        let (own, alone) = (std::sync::Arc::clone(&ledger), vec![prepared(n)]);
        posts.push(runtime.spawn(async move { own.submit_all(alone).await }));
    }
    let (own, together) = (std::sync::Arc::clone(&ledger), (50..150).map(prepared).collect());
    posts.push(runtime.spawn(async move { own.submit_all(together).await }));
    wait_until("the load begins", || ledger.head().size > before);
    ledger.close().unwrap();
    assert!(!ledger.is_writing());
    let told: Vec<Answer> = posts
        .into_iter()
        .flat_map(|post| runtime.block_on(post).unwrap())
        .map(|told| ledger.answer(told).unwrap())
        .collect();
    assert_eq!(told.len(), 150);
    let mut receipts = Vec::new();
    for answer in told {
        match answer {
            Answer::Recorded { receipt, is_new: true } => receipts.push(*receipt),
            Answer::Unavailable(Unavailable::Stopping) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(!receipts.is_empty());
    // What was told to be recorded is there, and nothing else.
    let store = SqliteStore::open(folder.root()).unwrap();
    assert_eq!(store.head().unwrap(), before + receipts.len() as u64);
    for receipt in &receipts {
        let leaf = store.read(receipt.index, 1).unwrap().remove(0);
        assert_eq!(data_encoding::BASE64.encode(&leaf), receipt.leaf);
    }
    drop(store);
    // New ones are told at once that the node stops.
    let answer = submit(&ledger, &acte(1, b"acte"), &[10]);
    assert!(matches!(answer, Answer::Unavailable(Unavailable::Stopping)), "{answer:?}");
    // And a restart goes on from there.
    drop(std::sync::Arc::into_inner(ledger));
    let ledger = open(&folder);
    assert_eq!(ledger.head().size, before + receipts.len() as u64);
}

#[test]
fn a_closed_ledger_leaves_its_last_word_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let head = ledger.head();
    let verifier = ledger.verifier();
    ledger.close().unwrap();
    for path in [folder.default_guard(), folder.checkpoint()] {
        let guarded = Checkpoint::open(&std::fs::read(&path).unwrap(), &verifier).unwrap();
        assert_eq!((guarded.size(), guarded.root()), (head.size, head.root), "{}", path.display());
    }
}

#[test]
fn a_stale_or_foreign_index_is_made_anew_from_the_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let head = ledger.head();
    drop(ledger);
    let other = tempfile::tempdir().unwrap();
    let (other_folder, other_ledger) = open_with_members(other.path());
    drop(other_ledger);
    std::fs::copy(other_folder.index(), folder.index()).unwrap();
    let ledger = open(&folder);
    assert_eq!(ledger.head().root, head.root);
    drop(ledger);
    std::fs::write(folder.index(), b"not a database at all, long enough to be looked at").unwrap();
    let ledger = open(&folder);
    assert_eq!(ledger.head().root, head.root);
}

#[test]
fn the_keys_of_the_folder_must_be_those_that_leaf_0_names() {
    let dir = tempfile::tempdir().unwrap();
    let folder = create(dir.path());
    let pem = std::fs::read(folder.log_key()).unwrap();
    std::fs::copy(folder.node_key(), folder.log_key()).unwrap();
    assert!(matches!(try_open(&folder), Err(LedgerError::OtherKey { .. })));
    std::fs::write(folder.log_key(), pem).unwrap();
    drop(open(&folder));
}

#[test]
fn events_posted_at_once_get_one_gapless_order() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let before = ledger.head().size;
    let total = 200;
    for n in 0..total {
        deposit_acte(&ledger, n, b"acte");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let ledger = std::sync::Arc::new(ledger);
    let receipts = runtime.block_on(async {
        let posts: Vec<_> = (0..total)
            .map(|n| {
                let envelope = signed(&acte(n, b"acte"), &[10]).to_json();
                let prepared = ledger.prepare(&[envelope.as_bytes()], now_ms()).unwrap().remove(0).unwrap();
                let ledger = std::sync::Arc::clone(&ledger);
                tokio::spawn(async move { ledger.submit(prepared).await.unwrap() })
            })
            .collect();
        let mut receipts = Vec::new();
        for post in posts {
            match post.await.unwrap() {
                Answer::Recorded { receipt, is_new: true } => receipts.push(*receipt),
                other => panic!("{other:?}"),
            }
        }
        receipts
    });
    let mut indices: Vec<u64> = receipts.iter().map(|receipt| receipt.index).collect();
    indices.sort_unstable();
    assert_eq!(indices, (before..before + total as u64).collect::<Vec<_>>());
    for receipt in &receipts {
        verify_receipt(&ledger, receipt);
    }
    for (rank, index) in indices.iter().enumerate() {
        assert_eq!(leaf_at(&ledger, *index).rank, rank as u64);
    }
    drop(ledger);
    assert_eq!(SqliteStore::open(folder.root()).unwrap().head().unwrap(), before + total as u64);
}
