//! Promises 2 to 5, kept offline: whoever holds the log's key finds any byte that changed, and anything that had no right
//! to be there. Each test fails when the check that it names is removed.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a failed assumption fails the test, and tables of cases read best with literals by value"
)]

mod droits;
mod erasure;
mod http;
mod receipts;
mod rules;
mod tampering;
mod world;

use std::sync::atomic::AtomicBool;

use greffe::audit::{AuditError, DoubtCode, Verdict, verify_folder};
use greffe::tlog::{Algorithm, KeyName, Verifier};
use world::{ORIGIN, World, codes, control, key};

#[test]
fn a_history_that_nobody_touched_is_good_and_says_what_was_not_checked() {
    let world = World::new();
    let (go_on, mut seen) = (AtomicBool::new(false), Vec::new());
    let mut progress = |done, total| seen.push((done, total));
    let report = verify_folder(&world.root, Some(&world.vkey), None, &mut control(&go_on, &mut progress)).unwrap();
    let size = world.leaves.len() as u64;
    assert_eq!((report.verdict, codes(&report)), (Verdict::Good, Vec::new()), "{report}");
    assert_eq!((report.size, report.counts.leaves, report.vouching.holds()), (Some(size), size, true));
    assert_eq!(report.checkpoint.as_deref().map(str::as_bytes), Some(world.checkpoint.as_slice()));
    let counts = &report.counts;
    assert_eq!((counts.organisations, counts.keys), (4, 9));
    assert_eq!(counts.by_type["greffe.acte.transmis.v1"], 6);
    assert_eq!(counts.by_type["greffe.registre.refus.v1"], 2);
    assert_eq!(counts.by_type.values().sum::<u64>(), size);
    // Each leaf has one, the three enrolments two.
    assert_eq!(counts.signatures, size + 3);
    let pieces = counts.pieces.unwrap();
    assert_eq!((pieces.good, pieces.differs, pieces.absent, pieces.unreadable), (12, 0, 0, 0));
    assert_eq!(seen.last(), Some(&(size, size)));
    for code in ["witnesses", "same-for-everybody", "timestamps", "earlier-checkpoint"] {
        assert!(report.not_checked.iter().any(|not| not.code == code), "{code}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["verdict"], &json["size"]), (&"good".into(), &size.into()));
}

#[test]
fn without_a_pinned_key_a_history_is_only_its_own_witness() {
    let world = World::new();
    let go_on = AtomicBool::new(false);
    let report = verify_folder(&world.root, None, None, &mut control(&go_on, &mut |_, _| ())).unwrap();
    assert_eq!((report.verdict, report.verdict.exit_code()), (Verdict::GoodButNotPinned, 3), "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "key-not-pinned"));
    let name = KeyName::new(ORIGIN).unwrap();
    let other = Verifier::new(name, Algorithm::Ed25519, key(99).signing_key().verifying_key()).unwrap();
    let report = verify_folder(&world.root, Some(&other), None, &mut control(&go_on, &mut |_, _| ())).unwrap();
    assert_eq!((report.verdict.exit_code(), codes(&report)), (1, vec!["checkpoint-invalid", "vkey-other"]));
}

#[test]
fn a_verification_can_be_stopped_and_a_missing_ledger_is_no_verdict() {
    let world = World::new();
    let stop = AtomicBool::new(true);
    let result = verify_folder(&world.root, Some(&world.vkey), None, &mut control(&stop, &mut |_, _| ()));
    assert!(matches!(result, Err(AuditError::Cancelled(_))));
    let nowhere = tempfile::tempdir().unwrap();
    let go_on = AtomicBool::new(false);
    let result = verify_folder(nowhere.path(), Some(&world.vkey), None, &mut control(&go_on, &mut |_, _| ()));
    assert!(matches!(result, Err(AuditError::Store(_))));
}

#[test]
fn a_report_says_each_fact_on_a_line_of_its_own() {
    let world = World::new();
    let text = world.verify().to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("The history is verified / L'historique est vérifié"));
    assert_eq!(lines.next(), Some("log: greffe.example"));
    assert!(text.lines().any(|line| line == "pieces good: 12") && text.lines().any(|line| line == "doubts: 0"));
    let mut broken = world.leaves.clone();
    broken.pop();
    let text = world.judge(&broken, &world.checkpoint).to_string();
    assert!(text.contains(DoubtCode::LeavesMissing.titre()), "{text}");
}
