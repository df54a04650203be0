//! Whoever changes a byte at rest without the log's key: found, and where.

use greffe::audit::Verdict;
use greffe_events::dsse::Envelope;
use greffe_events::leaf::Leaf;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::world::{COMMUNE, World, act, codes, codes_at, event_of, key, next, pieces_of};

/// Codes of which one must be told at a leaf whose region was changed; none: only its hash shows it.
fn expected(region: &str) -> &'static [&'static str] {
    match region {
        "version" | "algorithm" => &["leaf-malformed"],
        "recorded_at" => &["time-out-of-range", "leaf-malformed"],
        "previous" => &["previous-wrong"],
        "rank" => &["rank-wrong"],
        "count" => &["leaf-malformed", "payload-malformed", "signature-invalid"],
        "key" | "signature" => &["signature-invalid"],
        "payload" => &["signature-invalid", "payload-malformed"],
        _ => &[],
    }
}

#[test]
fn any_flipped_byte_of_a_stored_leaf_is_found_at_its_leaf() {
    let world = World::new();
    for (index, leaf) in world.leaves.iter().enumerate() {
        let payload = 34 + 97 * usize::from(leaf[33]);
        let regions = [
            ("version", vec![0]),
            ("recorded_at", vec![1]),
            ("recorded_at, lowest byte", vec![8]),
            ("received_at", vec![16]),
            ("previous", vec![17, 24]),
            ("rank", vec![25, 32]),
            ("count", vec![33]),
            ("algorithm", vec![34]),
            ("key", vec![35, 66]),
            ("signature", vec![67, 99, 130]),
            ("payload", vec![payload, usize::midpoint(payload, leaf.len()), leaf.len() - 1]),
        ];
        for (region, offsets) in regions {
            for at in offsets {
                let mut altered = leaf.clone();
                altered[at] ^= 1;
                world.replace(index, &altered);
                let report = world.verify();
                let found = codes_at(&report, index);
                assert_eq!(report.verdict, Verdict::Doubt, "leaf {index}, {region}, byte {at}");
                let first_of_kind = expected(region).iter().any(|code| found.contains(code));
                assert!(expected(region).is_empty() || first_of_kind, "leaf {index}, {region}, byte {at}: {report}");
                // The folder's index still has the hashes that the log signed: the leaf is named, and no other.
                let altered: Vec<_> = report.doubts.iter().filter(|d| d.code.as_str() == "leaf-altered").collect();
                assert_eq!(altered.len(), 1, "{report}");
                assert_eq!(altered[0].index, Some(index as u64), "{region}, byte {at}");
                assert!(found.contains(&"root-mismatch"), "{report}");
            }
        }
        world.replace(index, leaf);
    }
    assert_eq!(world.verify().verdict, Verdict::Good, "put back, it is what it was");
}

#[test]
fn no_bit_of_any_leaf_can_change_whatever_else_is_lost() {
    let world = World::new();
    let strategy = (0..world.leaves.len(), any::<prop::sample::Index>(), 0..8_u8);
    let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |(index, at, bit)| {
            let mut leaves = world.leaves.clone();
            let at = at.index(leaves[index].len());
            leaves[index][at] ^= 1 << bit;
            let report = world.judge(&leaves, &world.checkpoint);
            prop_assert_eq!(report.verdict, Verdict::Doubt);
            prop_assert!(codes(&report).contains(&"root-mismatch"), "leaf {} byte {}: {}", index, at, report);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_byte_of_the_checkpoint_can_change() {
    let world = World::new();
    for at in 0..world.checkpoint.len() {
        for mask in [1, 0x20] {
            let mut altered = world.checkpoint.clone();
            altered[at] ^= mask;
            let report = world.judge(&world.leaves, &altered);
            assert_eq!(codes(&report), ["checkpoint-invalid"], "byte {at}");
        }
    }
    std::fs::write(world.root.join("checkpoint"), &world.checkpoint[..world.checkpoint.len() - 1]).unwrap();
    assert_eq!(codes(&world.verify()), ["checkpoint-invalid"]);
    std::fs::remove_file(world.root.join("checkpoint")).unwrap();
    assert_eq!(codes(&world.verify()), ["checkpoint-missing"]);
}

#[test]
fn a_cited_piece_that_changed_or_is_gone_is_told() {
    let world = World::new();
    let event = event_of(&world.leaves[world.act]);
    let space = world.root.join("pieces").join(&COMMUNE[10..]);
    let (public, confidential) = pieces_of(1);
    for (piece, bytes) in event.data.pieces().iter().zip([public, confidential]) {
        let name = piece.reference().to_string();
        let place = space.join(&name[..2]).join(&name);
        assert_eq!(std::fs::read(&place).unwrap(), bytes);
        let mut altered = bytes.clone();
        altered[3] ^= 1;
        for wrong in [altered, bytes[1..].to_vec()] {
            std::fs::write(&place, wrong).unwrap();
            let report = world.verify();
            assert_eq!((codes(&report), codes_at(&report, world.act)), (vec!["piece-differs"], vec!["piece-differs"]));
            assert_eq!(report.counts.pieces.unwrap().differs, 1);
        }
        std::fs::remove_file(&place).unwrap();
        // There, and no file.
        std::fs::create_dir(&place).unwrap();
        let report = world.verify();
        assert_eq!(
            (codes(&report), report.counts.pieces.unwrap().unreadable),
            (vec!["piece-unreadable"], 1),
            "{report}"
        );
        std::fs::remove_dir(&place).unwrap();
        let report = world.verify();
        assert_eq!((codes(&report), codes_at(&report, world.act)), (vec!["piece-absent"], vec!["piece-absent"]));
        assert_eq!(report.counts.pieces.unwrap().absent, 1);
        std::fs::write(&place, &bytes).unwrap();
    }
    assert_eq!(world.verify().counts.pieces.unwrap().good, 12);
}

#[test]
fn a_leaf_cut_off_the_end_is_missed() {
    let world = World::new();
    let last = world.leaves.len() - 1;
    world.tamper("DELETE FROM leaves WHERE idx = ?1", &[&last]);
    let report = world.verify();
    assert_eq!((codes(&report), codes_at(&report, last)), (vec!["leaves-missing"], vec!["leaves-missing"]));
    world.tamper("DELETE FROM leaves WHERE idx >= ?1", &[&0]);
    assert!(codes(&world.verify()).contains(&"opening-missing"));
}

#[test]
fn an_old_checkpoint_put_back_over_a_history_cut_off_is_contradicted_by_what_was_kept() {
    let world = World::new();
    let (kept, all) = (world.act, world.leaves.len());
    world.tamper("DELETE FROM leaves WHERE idx >= ?1", &[&kept]);
    std::fs::write(world.root.join("checkpoint"), world.sign(&world.leaves[..kept])).unwrap();
    let report = world.verify();
    assert_eq!((codes(&report), codes_at(&report, kept)), (vec!["leaves-missing"], vec!["leaves-missing"]), "{report}");
    assert!(report.to_string().contains(&format!("index.sqlite holds the hashes of {all} leaves")), "{report}");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.root.join(format!("index.sqlite{suffix}")));
    }
    assert_eq!(codes(&world.verify()), Vec::<&str>::new(), "nothing is left that knew more");
    let guard = world.root.with_extension("garde");
    std::fs::write(&guard, &world.guard).unwrap();
    assert_eq!(codes(&world.verify()), ["since-newer"]);
}

#[test]
fn a_store_that_no_ledger_writes_is_in_doubt_and_not_an_error() {
    let world = World::new();
    world.replace(world.act, &[]);
    let report = world.verify();
    assert!(codes(&report).contains(&"store-damaged"), "{report}");
    world.replace(world.act, &world.leaves[world.act]);
    let connection = rusqlite::Connection::open(world.root.join("registre.sqlite")).unwrap();
    connection.execute_batch("DROP TRIGGER leaves_never_updated").unwrap();
    drop(connection);
    let report = world.verify();
    assert!(codes(&report).contains(&"store-damaged"), "{report}");
    assert!(report.doubts.iter().any(|doubt| doubt.detail.contains("schema")), "{report}");
}

#[test]
fn a_leaf_taken_out_of_the_middle_is_missed() {
    let world = World::new();
    world.tamper("DELETE FROM leaves WHERE idx = ?1", &[&world.act]);
    let report = world.verify();
    assert_eq!(codes_at(&report, world.act), ["leaf-missing"], "{report}");
    // And with the later ones moved up.
    for index in world.act + 1..world.leaves.len() {
        world.tamper("UPDATE leaves SET idx = ?1 WHERE idx = ?2", &[&(index - 1), &index]);
    }
    let report = world.verify();
    assert!(codes_at(&report, world.act).contains(&"leaf-altered"), "{report}");
    assert!(codes(&report).contains(&"leaves-missing") && codes(&report).contains(&"rank-wrong"), "{report}");
}

#[test]
fn two_leaves_that_changed_places_are_both_named() {
    let world = World::new();
    let (one, other) = (world.act, world.act + 2);
    world.replace(one, &world.leaves[other]);
    world.replace(other, &world.leaves[one]);
    let report = world.verify();
    let altered: Vec<_> = report.doubts.iter().filter(|d| d.code.as_str() == "leaf-altered").map(|d| d.index).collect();
    assert_eq!(altered, [Some(one as u64), Some(other as u64)], "{report}");
    assert!(codes_at(&report, one).contains(&"root-mismatch"));
}

#[test]
fn a_leaf_put_in_is_named_and_one_behind_the_checkpoint_is_not_covered() {
    let world = World::new();
    let added = next(&world.leaves, &act(COMMUNE, 9), &[&key(10)]);
    let end = world.leaves.len();
    world.tamper("INSERT INTO leaves VALUES (?1, ?2)", &[&end, &added]);
    let report = world.verify();
    // Its files were never deposited.
    for mut found in [codes(&report), codes_at(&report, end)] {
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, ["not-covered", "piece-absent"], "{report}");
    }

    for index in (world.act..=end).rev() {
        world.tamper("UPDATE leaves SET idx = ?1 WHERE idx = ?2", &[&(index + 1), &index]);
    }
    world.tamper("INSERT INTO leaves VALUES (?1, ?2)", &[&world.act, &added]);
    let report = world.verify();
    assert!(codes_at(&report, world.act).contains(&"leaf-altered"), "{report}");
    assert!(codes(&report).contains(&"root-mismatch"));
}

#[test]
fn a_leaf_signed_again_by_a_key_without_the_right_is_found_even_under_a_new_checkpoint() {
    let world = World::new();
    let mut leaf = Leaf::decode(&world.leaves[world.act]).unwrap();
    leaf.envelope = Envelope::sign(leaf.envelope.payload().to_vec(), &[&key(11)]).unwrap();
    let mut leaves = world.leaves.clone();
    leaves[world.act] = leaf.encode();
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert!(codes_at(&report, world.act).contains(&"authority"), "{report}");
    assert!(!codes(&report).contains(&"root-mismatch"), "the log itself signed it");
}

#[test]
fn kept_hashes_are_believed_only_where_the_log_signed_their_root() {
    let world = World::new();
    // recorded_at one millisecond on the last leaf: good in itself.
    let last = world.leaves.len() - 1;
    let mut leaf = Leaf::decode(&world.leaves[last]).unwrap();
    leaf.recorded_at_ms += 1;
    world.replace(last, &leaf.encode());
    let report = world.verify();
    assert_eq!(codes(&report), ["leaf-altered", "root-mismatch"]);
    assert_eq!(codes_at(&report, last).len(), 2);

    // Whoever changed the leaf changes the index too, but blames another leaf.
    let index = rusqlite::Connection::open(world.root.join("index.sqlite")).unwrap();
    let blamed = "UPDATE tuiles SET hachages = CAST(zeroblob(32) || substr(hachages, 33) AS BLOB) WHERE niveau = 0";
    assert_eq!(index.execute(blamed, []).unwrap(), 1);
    drop(index);
    let report = world.verify();
    assert_eq!(codes(&report), ["root-mismatch"], "{report}");
    assert!(report.doubts[0].detail.contains("which nobody signed"), "{report}");

    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.root.join(format!("index.sqlite{suffix}")));
    }
    let report = world.verify();
    assert_eq!((codes(&report), report.doubts[0].index), (vec!["root-mismatch"], None));
    assert!(!world.root.join("index.sqlite").exists(), "verifying writes nothing");
}

#[test]
fn any_hash_that_changed_in_the_index_is_named_with_its_tile() {
    let mut world = World::new();
    world.grow(600);
    assert_eq!(world.verify().verdict, Verdict::Good, "{}", world.verify());
    let index = rusqlite::Connection::open(world.root.join("index.sqlite")).unwrap();
    let tiles: Vec<(u8, u64, Vec<u8>)> = index
        .prepare("SELECT niveau, n, hachages FROM tuiles ORDER BY niveau, n")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(tiles.iter().map(|(level, ..)| *level).collect::<Vec<_>>(), [0, 0, 0, 1]);
    let store = |level: u8, n: u64, hashes: &[u8]| {
        let row = rusqlite::params![level, n, hashes];
        index.execute("INSERT OR REPLACE INTO tuiles VALUES (?1, ?2, ?3)", row).unwrap();
    };
    for (level, n, hashes) in &tiles {
        for at in [0, hashes.len() / 2, hashes.len() - 1] {
            let mut altered = hashes.clone();
            altered[at] ^= 0x10;
            store(*level, *n, &altered);
            let report = world.verify();
            assert_eq!((report.verdict, codes(&report)), (Verdict::Doubt, vec!["hash-altered"]), "{report}");
            let [doubt] = &report.doubts[..] else { panic!("{report}") };
            let first_leaf = (n * 256 + at as u64 / 32) * 256_u64.pow((*level).into());
            assert_eq!(doubt.index, Some(first_leaf), "{report}");
            let field = doubt.field.as_deref().unwrap();
            assert!(field.starts_with(&format!("tile/{level}/{n:03}")), "{field}");
            assert!(field.ends_with(&format!("[{}]", at / 32)), "{field}");
            assert!(doubt.detail.contains("index.sqlite has"), "{}", doubt.detail);
        }
        // Cut by one, taken out, no hashes at all.
        store(*level, *n, &hashes[..hashes.len() - 32]);
        let report = world.verify();
        assert_eq!((codes(&report), report.doubts.len()), (vec!["hash-altered"], 1), "{report}");
        assert!(report.doubts[0].detail.contains("does not have"), "{report}");
        index.execute("DELETE FROM tuiles WHERE niveau = ?1 AND n = ?2", rusqlite::params![level, n]).unwrap();
        let report = world.verify();
        assert_eq!(report.doubts_by_code.values().sum::<u64>(), (hashes.len() as u64 / 32).min(101), "{report}");
        store(*level, *n, hashes);
    }
    assert_eq!(world.verify().verdict, Verdict::Good);
    drop(index);
    std::fs::write(world.root.join("index.sqlite"), b"no database, but a file of some length").unwrap();
    assert_eq!(codes(&world.verify()), ["hash-altered"], "{}", world.verify());
}

#[test]
fn an_index_that_lags_behind_the_leaves_is_no_doubt() {
    let mut world = World::new();
    let behind = std::fs::read(world.root.join("index.sqlite")).unwrap();
    world.grow(300);
    std::fs::write(world.root.join("index.sqlite"), behind).unwrap();
    let report = world.verify();
    assert_eq!(report.verdict, Verdict::Good, "{report}");
}

#[test]
fn a_history_that_extends_the_kept_checkpoint_is_good_and_any_other_is_not() {
    let world = World::new();
    let half = world.leaves.len() / 2;
    let kept = world.sign(&world.leaves[..half]);
    let report = world.judge_since(&world.leaves, &world.checkpoint, Some(&kept));
    assert_eq!((report.verdict, report.since), (Verdict::Good, Some(half as u64)), "{report}");
    assert!(!report.not_checked.iter().any(|not| not.code == "earlier-checkpoint"));

    // An old backup with its own, still valid checkpoint.
    let report = world.judge_since(&world.leaves[..half], &kept, Some(&world.checkpoint));
    assert_eq!(codes(&report), ["since-newer"], "{report}");

    // Another history of the same length, which the log's true key signs and in which every leaf is good.
    let mut leaves = world.leaves[..world.leaves.len() - 1].to_vec();
    leaves.push(next(&leaves, &act(COMMUNE, 9), &[&key(10)]));
    let rewritten = world.sign(&leaves);
    assert_eq!(world.judge(&leaves, &rewritten).verdict, Verdict::Good, "alone, nothing tells");
    let report = world.judge_since(&leaves, &rewritten, Some(&world.checkpoint));
    assert_eq!(codes(&report), ["since-contradicted"], "{report}");

    // A checkpoint of somebody else's is no yardstick.
    let foreign = crate::world::sign(&key(99), &world.leaves[..half]);
    let report = world.judge_since(&world.leaves, &world.checkpoint, Some(&foreign));
    assert_eq!(codes(&report), ["since-invalid"], "{report}");

    // A changed leaf before or after the kept checkpoint: the report says on which side.
    for (index, side) in [(half - 1, "before index"), (half, "at or after index")] {
        let mut leaves = world.leaves.clone();
        leaves[index][16] ^= 1;
        let report = world.judge_since(&leaves, &world.checkpoint, Some(&kept));
        let root = report.doubts.iter().find(|doubt| doubt.code.as_str() == "root-mismatch").unwrap();
        assert!(root.detail.contains(side), "{report}");
    }
}

#[test]
fn an_empty_history_under_a_signed_empty_tree_is_no_history() {
    let world = World::new();
    let report = world.judge(&[], &world.sign(&[]));
    assert_eq!(codes(&report), ["opening-missing"]);
    assert_eq!(json!(report.verdict), json!("doubt"));
}
