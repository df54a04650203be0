//! The log's own keys are replaced, and nobody who pinned the older one is deceived (DESIGN §5).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use greffe::audit::journal::Vouching;
use greffe::audit::{Control, Evidence, Verdict, verify_folder, verify_history};
use greffe::ledger::answer::Answer;
use greffe::ledger::folder::write_secret_key;
use greffe::ledger::{Ledger, LedgerError};
use greffe::tlog::{Checkpoint, Frontier, KeyName, NoteSigner, TlogProof, Verifier, leaf_hash};
use greffe_events::Code;
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use serde_json::{Value, json};
use support::*;

/// Two recovery keys name another key of the log.
fn log_succession(ledger: &Ledger, new: &SecretKey) -> Value {
    let vkey = greffe::ledger::opening::vkey(&ORIGIN.parse().unwrap(), new).unwrap().to_string();
    assert_ne!(vkey, ledger.verifier().to_string());
    event("registre.journal-remplace", OPERATOR, &format!("registre/{ORIGIN}"), json!({ "vkey": vkey }))
}

fn signed_by(event: &Value, keys: &[&SecretKey]) -> Vec<u8> {
    Envelope::sign(event.to_string().into_bytes(), keys).unwrap().to_json().into_bytes()
}

#[test]
fn the_log_goes_on_under_another_key_that_two_recovery_keys_name() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let old = ledger.verifier();
    let new = SecretKey::from_seed(&[77; 32]);
    let envelope = signed_by(&log_succession(&ledger, &new), &[&key(4), &key(6), &new]);
    let size = ledger.head().size;

    // The node would be left without its key: there is none, then it is another.
    let next = folder.log_key().with_extension("suivante.pem");
    for another in [None, Some(SecretKey::from_seed(&[78; 32]))] {
        if let Some(another) = another {
            write_secret_key(&next, &another).unwrap();
        }
        match submit_bytes(&ledger, &envelope).unwrap() {
            Answer::Refused(refusal, None) => assert_eq!(refusal.code, Code::CleAbsente),
            other => panic!("{other:?}"),
        }
        assert_eq!(ledger.head().size, size);
    }
    std::fs::remove_file(&next).unwrap();

    write_secret_key(&next, &new).unwrap();
    let Answer::Recorded { receipt, .. } = submit_bytes(&ledger, &envelope).unwrap() else { panic!("not recorded") };
    let current = ledger.verifier();
    assert_ne!(current, old);
    assert_eq!(current.to_string(), greffe::ledger::opening::vkey(&ORIGIN.parse().unwrap(), &new).unwrap().to_string());
    let proof = TlogProof::parse(receipt.proof.as_bytes()).unwrap();
    let leaf = ledger.leaf(receipt.index).unwrap().unwrap();
    proof.verify(&leaf_hash(&leaf), &current).unwrap();
    assert!(proof.verify(&leaf_hash(&leaf), &old).is_err(), "the old key signs nothing that holds its successor");
    assert!(!next.exists());
    recorded(&ledger, &member("urn:siren:491011698", "epci"), &[1]);
    let journal = ledger.journal().unwrap();
    assert_eq!(journal.iter().map(|key| key.index).collect::<Vec<_>>(), [0, receipt.index]);
    ledger.close().unwrap();
    drop(ledger);

    // It starts again; also where it was killed between the leaf and the change of files; not without the new key.
    open(&folder).close().unwrap();
    std::fs::rename(folder.log_key(), &next).unwrap();
    write_secret_key(&folder.log_key(), &SecretKey::from_seed(&[78; 32])).unwrap();
    open(&folder).close().unwrap();
    assert!(!next.exists());
    std::fs::remove_file(folder.log_key()).unwrap();
    write_secret_key(&folder.log_key(), &SecretKey::from_seed(&[78; 32])).unwrap();
    assert!(matches!(try_open(&folder), Err(LedgerError::OtherKey { .. })));

    // A stranger who pinned either key.
    let cancelled = std::sync::atomic::AtomicBool::new(false);
    let verify = |pinned: &Verifier, since: Option<&[u8]>| {
        let mut control = Control { progress: &mut |_, _| (), cancelled: &cancelled };
        verify_folder(folder.root(), Some(pinned), since, &mut control).unwrap()
    };
    let report = verify(&current, None);
    assert_eq!((report.verdict, report.vouching), (Verdict::Good, Vouching::Pinned), "{report}");
    let report = verify(&old, None);
    assert_eq!((report.verdict, report.vouching), (Verdict::Good, Vouching::Successor), "{report}");
    let kept = folder.former_checkpoint(old.key_id());
    let former = std::fs::read(&kept).unwrap();
    assert_eq!(Checkpoint::open(&former, &old).unwrap().size(), size);
    std::fs::remove_file(&kept).unwrap();
    let report = verify(&old, None);
    assert_eq!(report.verdict, Verdict::GoodButNotPinned, "nothing that the old key signed: {report}");
    assert!(report.not_checked.iter().any(|not| not.code == "key-replaced"), "{report}");
    assert_eq!(verify(&old, Some(&former)).verdict, Verdict::Good);
}

#[test]
fn a_history_that_merely_names_the_pinned_key_as_replaced_is_not_its() {
    // The log that the auditor knows.
    let theirs = tempfile::tempdir().unwrap();
    let (_, known) = open_with_members(theirs.path());
    let pinned = known.verifier();
    let genuine = known.head().checkpoint.clone();

    // An invented one: its leaf 0 names the pinned key, and recovery keys of the forger's own, which name the forger's key.
    let forger = SecretKey::from_seed(&[66; 32]);
    let vkey = greffe::ledger::opening::vkey(&ORIGIN.parse().unwrap(), &forger).unwrap();
    let opening = json!({
        "origine": ORIGIN, "vkey": pinned.to_string(), "operateur": { "organisation": OPERATOR, "cle": key(1).id() },
        "noeud": key(2).id(), "recouvrement": [key(4).id(), key(5).id(), key(6).id()],
    });
    let subject = format!("registre/{ORIGIN}");
    let events = [
        signed_by(&event("registre.ouvert", OPERATOR, &subject, opening), &[&key(1)]),
        signed_by(&log_succession(&known, &forger), &[&key(4), &key(5), &forger]),
    ];
    let leaves: Vec<Vec<u8>> = (0_u64..)
        .zip(&events)
        .map(|(index, envelope)| {
            let envelope = Envelope::parse(envelope).unwrap();
            let previous = index.checked_sub(1);
            let now = now_ms();
            Leaf { recorded_at_ms: now, received_at_ms: now, previous, rank: index, envelope }.encode()
        })
        .collect();
    let mut tree = Frontier::new();
    for leaf in &leaves {
        tree.push(leaf_hash(leaf));
    }
    let signer = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), forger.signing_key().clone()).unwrap();
    let note = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap().sign(&signer).unwrap().to_string();
    let judge = |pinned: &Verifier, since: Option<&str>| {
        let evidence = Evidence {
            pinned: Some(pinned.clone()),
            checkpoint: Some(note.clone().into_bytes()),
            since: since.map(|note| note.as_bytes().to_vec()),
            ..Evidence::default()
        };
        let cancelled = std::sync::atomic::AtomicBool::new(false);
        let mut control = Control { progress: &mut |_, _| (), cancelled: &cancelled };
        verify_history(&mut leaves.as_slice(), evidence, &mut control).unwrap()
    };
    assert_eq!(judge(&vkey, None).verdict, Verdict::Good, "as the forger's own it holds together");
    assert_eq!(judge(&pinned, None).verdict, Verdict::GoodButNotPinned);
    let report = judge(&pinned, Some(&genuine));
    assert_eq!(report.verdict, Verdict::Doubt, "what the pinned key signed contradicts it: {report}");
}

#[test]
fn the_nodes_key_can_be_replaced_within_a_batch_that_holds_refusals() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, ledger) = open_with_members(dir.path());
    let new = SecretKey::from_seed(&[79; 32]);
    write_secret_key(&folder.node_key().with_extension("suivante.pem"), &new).unwrap();
    let replaced =
        event("registre.noeud-remplace", OPERATOR, &format!("registre/{ORIGIN}"), json!({ "cle": new.id() }));
    let again = member(COMMUNE, "commune");
    let prepared = [signed_by(&replaced, &[&key(1), &new]), signed_by(&again, &[&key(1)])]
        .map(|envelope| ledger.prepare(&[&envelope], now_ms()).unwrap().remove(0).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = runtime.block_on(ledger.submit_all(prepared.into()));
    let answers: Vec<_> = told.into_iter().map(|told| ledger.answer(told).unwrap()).collect();
    let [Answer::Recorded { .. }, Answer::Refused(_, Some(refusal))] = &answers[..] else { panic!("{answers:?}") };
    let leaf = Leaf::decode(&ledger.leaf(refusal.index).unwrap().unwrap()).unwrap();
    assert_eq!(leaf.envelope.signers().next(), Some(new.id()));
    ledger.close().unwrap();
    drop(ledger);
    open(&folder).close().unwrap();
}
