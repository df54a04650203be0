//! Keys, notes, checkpoints and cosignatures: published vectors, round trips, and what must be refused.

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::tlog::cosignature::MAX_TIME_S;
use crate::tlog::note::{MAX_NOTE_BYTES, MAX_SIGNATURES};

/// Key, text and note of the examples of Go's `golang.org/x/mod/sumdb/note`.
const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
const GO_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

/// The note that opens the C2SP specification, and the checkpoint of tlog-checkpoint with its cosignature.
const C2SP_NOTE: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
const C2SP_CHECKPOINT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

pub(super) const ORIGIN: &str = "greffe.example/registre";

pub(super) fn name(name: &str) -> KeyName {
    KeyName::new(name).unwrap()
}

pub(super) fn signer(key_name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(name(key_name), SigningKey::from_bytes(&[seed; 32])).unwrap()
}

pub(super) fn cosigner(key_name: &str, seed: u8) -> Cosigner {
    Cosigner::new(name(key_name), SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn go_note() -> String {
    format!("{GO_TEXT}\n{GO_LINE}\n")
}

fn go_key() -> Verifier {
    Verifier::parse(GO_VKEY).unwrap()
}

#[test]
fn keys_and_notes_of_go_are_read_and_written_to_the_byte() {
    let key = go_key();
    assert_eq!(key.name().as_str(), "PeterNeumann");
    assert_eq!(key.key_id(), 0xc74f_20a3);
    assert_eq!(key.to_string(), GO_VKEY);
    let seed: [u8; 32] = BASE64.decode(GO_SEED.as_bytes()).unwrap().try_into().unwrap();
    let signer = NoteSigner::new(name("PeterNeumann"), SigningKey::from_bytes(&seed)).unwrap();
    assert_eq!(signer.verifier(), &key);
    assert_eq!(signer.sign(GO_TEXT).unwrap().to_string(), go_note());
    let opened = open(go_note().as_bytes(), &[key]).unwrap();
    assert_eq!(opened.note.text(), GO_TEXT);
    let by = VerifiedSignature { name: name("PeterNeumann"), key_id: 0xc74f_20a3, cosigned_at_s: None };
    assert_eq!(opened.verified, [by]);
}

#[test]
fn notes_of_the_specifications_parse_and_format_back() {
    for text in [C2SP_NOTE, C2SP_CHECKPOINT] {
        assert_eq!(Note::parse(text.as_bytes()).unwrap().to_string(), text);
    }
    let note = Note::parse(C2SP_NOTE.as_bytes()).unwrap();
    assert!(note.text().ends_with(":\n\ned è subito sera.\n"), "the last blank line separates");
    assert_eq!(note.signatures()[0].key_id(), 0x367b_a04b);
    let note = Note::parse(C2SP_CHECKPOINT.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_text(), note.text());
}

#[test]
fn mangled_vkeys_are_refused() {
    for begin in 0..GO_VKEY.len() {
        for end in begin + 1..=GO_VKEY.len() {
            assert!(Verifier::parse(&GO_VKEY[begin..end]).is_err() || end - begin == GO_VKEY.len());
        }
    }
    for at in 0..GO_VKEY.len() {
        let mut bytes = GO_VKEY.as_bytes().to_vec();
        bytes[at] += 1;
        assert!(Verifier::parse(str::from_utf8(&bytes).unwrap()).is_err(), "byte {at}");
    }
    let refused = |vkey: &str| Verifier::parse(vkey).unwrap_err();
    // The same key with another type byte and the id that goes with it.
    assert_eq!(
        refused("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
        KeyError::Algorithm { algorithm: 0x65 }
    );
    assert_eq!(
        refused("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="),
        KeyError::Vkey,
        "stray bits"
    );
    assert!(matches!(refused(&GO_VKEY.replace("c74f20a3", "c74f20a4")), KeyError::KeyId { .. }));
    assert_eq!(refused(&GO_VKEY.replace("c74f20a3", "C74F20A3")), KeyError::Vkey);
    assert_eq!(refused(&"a".repeat(5_000)), KeyError::TooLong { actual: 5_000 });
    let weak = format!("x+00000000+{}", BASE64.encode(&[&[1_u8, 1][..], &[0; 31]].concat()));
    assert_eq!(refused(&weak), KeyError::PublicKey, "the identity would accept forged signatures");
    for bad in ["", "a b", "a+b", "a\u{a0}b", "a\u{2028}b", "a\nb", "a\u{1}b"] {
        assert_eq!(KeyName::new(bad), Err(KeyError::Name { name: bad.to_owned() }));
    }
}

#[test]
fn malformed_notes_are_refused_with_their_cause() {
    let line = |n: usize| NoteError::SignatureLine { line: n };
    let control = |character, at| NoteError::ControlCharacter { character, at };
    for (note, expected) in [
        (String::new(), NoteError::Unsigned),
        (GO_TEXT.to_owned(), NoteError::Unsigned),
        (format!("{GO_TEXT}\n"), NoteError::Unsigned),
        (format!("{GO_TEXT}{GO_LINE}\n"), NoteError::Unsigned),
        (format!("{GO_TEXT}\n{GO_LINE}"), NoteError::FinalNewline),
        (format!("{GO_TEXT}\n{GO_LINE}\n\n"), NoteError::Unsigned),
        (format!("{GO_TEXT}\n{GO_LINE}\nx\n"), line(2)),
        (format!("{GO_TEXT}\n{}\n", GO_LINE.replace('—', "-")), line(1)),
        (format!("{GO_TEXT}\n {GO_LINE}\n"), line(1)),
        (format!("{GO_TEXT}\n{GO_LINE} \n"), line(1)),
        (format!("{GO_TEXT}\n{}\n", GO_LINE.trim_end_matches('=')), line(1)),
        (format!("{GO_TEXT}\n— PeterNeumann \n"), line(1)),
        (format!("{GO_TEXT}\n— PeterNeumann\n"), line(1)),
        (format!("{GO_TEXT}\n— PeterNeumann AAAA\n"), line(1)),
        (format!("{GO_TEXT}\n— PeterNeumann AAAAAA==\n"), line(1)),
        (format!("{GO_TEXT}\n—  AAAAAAA=\n"), line(1)),
        (format!("{GO_TEXT}\n— a+b AAAAAAA=\n"), line(1)),
        (format!("{GO_TEXT}\n— a\u{a0}b AAAAAAA=\n"), line(1)),
        (go_note().replace("you", "\tyou"), control(9, 3)),
        (go_note().replace('\n', "\r\n"), control(13, 56)),
        (format!("\0{}", go_note()), control(0, 0)),
        ("x".repeat(MAX_NOTE_BYTES + 1), NoteError::TooLong { actual: MAX_NOTE_BYTES + 1 }),
        (format!("{GO_TEXT}\n{}", format!("{GO_LINE}\n").repeat(MAX_SIGNATURES + 1)), NoteError::TooManySignatures),
    ] {
        assert_eq!(Note::parse(note.as_bytes()), Err(expected), "{:?}", note.chars().take(200).collect::<String>());
    }
    assert_eq!(Note::parse(b"a\xff\n\n\xe2\x80\x94 x AAAAAAA=\n"), Err(NoteError::Utf8));
    let note = go_note();
    let signature = || NoteSignature::parse(GO_LINE).unwrap();
    assert_eq!(Note::new("no newline", signature()), Err(NoteError::FinalNewline));
    assert_eq!(Note::new("", signature()), Err(NoteError::FinalNewline));
    assert_eq!(Note::new("a\tb\n", signature()), Err(control(9, 1)));
    let long = "x\n".repeat(MAX_NOTE_BYTES / 2);
    assert!(matches!(Note::new(long, signature()), Err(NoteError::TooLong { .. })));
    assert_eq!(Note::new(GO_TEXT, signature()).unwrap().to_string(), note);
}

#[test]
fn sixteen_signatures_at_least_are_accepted() {
    // signed-note: "MUST accept at least up to 16 signatures"; as large as ML-DSA-44 cosignatures are.
    let unknown: Vec<_> = (0..16).map(|n| format!("— witness{n} {}\n", BASE64.encode(&[n; 2_432]))).collect();
    let unknown = unknown.concat();
    let note = format!("{GO_TEXT}\n{unknown}{GO_LINE}\n");
    let opened = open(note.as_bytes(), &[go_key()]).unwrap();
    assert_eq!((opened.note.signatures().len(), opened.verified.len()), (17, 1));
    assert_eq!(opened.note.to_string(), note);
}

#[test]
fn only_signatures_of_known_keys_count() {
    let (alice, bob) = (signer("alice", 1), signer("bob", 2));
    let mut note = alice.sign("text\n").unwrap();
    let verify = |note: &Note, known: &[&NoteSigner]| {
        let known: Vec<_> = known.iter().map(|signer| signer.verifier().clone()).collect();
        note.verify(&known).map(|verified| verified.len())
    };
    assert_eq!(verify(&note, &[&alice]), Ok(1));
    assert_eq!(verify(&note, &[&bob]), Err(NoteError::NoKnownSignature));
    assert_eq!(verify(&note, &[]), Err(NoteError::NoKnownSignature));
    // The same name with another key, the same key with another name: neither is the known key.
    assert_eq!(verify(&note, &[&signer("alice", 2)]), Err(NoteError::NoKnownSignature));
    assert_eq!(verify(&note, &[&signer("alicia", 1)]), Err(NoteError::NoKnownSignature));

    note.add(bob.sign("another text\n").unwrap().signatures()[0].clone()).unwrap();
    assert_eq!(verify(&note, &[&alice]), Ok(1), "a bad signature of an unknown key is ignored");
    let bad = NoteError::BadSignature { name: name("bob"), key_id: bob.verifier().key_id() };
    assert_eq!(verify(&note, &[&alice, &bob]), Err(bad.clone()), "one of a known key is not");
    assert_eq!(verify(&note, &[&bob]), Err(bad));

    note.add(bob.sign("text\n").unwrap().signatures()[0].clone()).unwrap();
    assert_eq!(note.signatures().len(), 2, "a new signature takes the place of the old one");
    assert_eq!(verify(&note, &[&alice, &bob]), Ok(2));
    assert_eq!(verify(&note, &[&alice, &alice]), Ok(1), "a key given twice is one key");
}

#[test]
fn a_second_bad_line_of_a_known_key_is_not_overlooked() {
    let alice = signer("alice", 1);
    let good = alice.sign("text\n").unwrap();
    let twice = format!("{good}{}\n", good.signatures()[0]);
    assert_eq!(open(twice.as_bytes(), &[alice.verifier().clone()]).unwrap().verified.len(), 1);
    let bad = alice.sign("other\n").unwrap();
    let note = format!("{good}{}\n", bad.signatures()[0]);
    assert!(matches!(open(note.as_bytes(), &[alice.verifier().clone()]), Err(NoteError::BadSignature { .. })));
}

#[test]
fn secret_keys_never_show_in_debug() {
    let (signer, cosigner) = (signer("alice", 0xab), cosigner("alice", 0xab));
    for shown in [format!("{signer:?}"), format!("{cosigner:?}")] {
        assert!(shown.contains("alice+") && !shown.contains("171, 171") && !shown.contains("abab"), "{shown}");
        assert!(!shown.contains(&BASE64.encode(&[0xab; 30])), "{shown}");
    }
}

#[test]
fn checkpoints_malformed_are_refused_with_their_cause() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let size = |size: &str| CheckpointError::Size { size: size.to_owned() };
    let bad_root = |root: &str| CheckpointError::Root { root: root.to_owned() };
    for (text, expected) in [
        (String::new(), CheckpointError::Lines),
        ("\n".to_owned(), CheckpointError::Lines),
        ("o\n1\n".to_owned(), CheckpointError::Lines),
        (format!("o\n1\n{root}"), CheckpointError::Lines),
        (format!("\n1\n{root}\n"), CheckpointError::Lines),
        (format!("o\n1\n{root}\n\n"), CheckpointError::Lines),
        (format!("o\n1\n{root}\nx\n\n"), CheckpointError::Lines),
        (format!("o\n1\n{root}\n\nx\n"), CheckpointError::Lines),
        (format!("o\n01\n{root}\n"), size("01")),
        (format!("o\n00\n{root}\n"), size("00")),
        (format!("o\n+1\n{root}\n"), size("+1")),
        (format!("o\n-1\n{root}\n"), size("-1")),
        (format!("o\n 1\n{root}\n"), size(" 1")),
        (format!("o\n1 \n{root}\n"), size("1 ")),
        (format!("o\n٣\n{root}\n"), size("٣")),
        (format!("o\n0x1\n{root}\n"), size("0x1")),
        (format!("o\n9223372036854775808\n{root}\n"), size("9223372036854775808")),
        (format!("o\n99999999999999999999\n{root}\n"), size("99999999999999999999")),
        ("o\n1\nAAAA\n".to_owned(), bad_root("AAAA")),
        (format!("o\n1\n {root}\n"), bad_root(&format!(" {root}"))),
        (format!("o\n1\n{}\n", root.trim_end_matches('=')), bad_root(root.trim_end_matches('='))),
        (format!("o\n0\n{root}\n"), CheckpointError::EmptyTreeRoot { root: Hash::from_base64(root).unwrap() }),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
    }
    assert!(Checkpoint::parse(&format!("o\n9223372036854775807\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n0\n{EMPTY_ROOT}\n")).is_ok());
    let extended = format!("o\n1\n{root}\nfirst\nsecond\n");
    let checkpoint = Checkpoint::parse(&extended).unwrap();
    assert_eq!(checkpoint.extensions(), ["first", "second"]);
    assert_eq!(checkpoint.to_text(), extended);
    assert_eq!(checkpoint.sign(&signer("o", 1)), Err(CheckpointError::Extensions));
    for origin in ["", "a\nb", "a\tb"] {
        assert_eq!(Checkpoint::new(origin, 0, EMPTY_ROOT), Err(CheckpointError::Origin { origin: origin.to_owned() }));
    }
}

#[test]
fn a_checkpoint_of_one_log_never_passes_for_another() {
    let (log, other) = (signer(ORIGIN, 1), signer("other.example", 1));
    let checkpoint = Checkpoint::new(ORIGIN, 7, leaf(7)).unwrap();
    let note = checkpoint.sign(&log).unwrap().to_string();
    assert_eq!(Checkpoint::open(note.as_bytes(), log.verifier()), Ok(checkpoint.clone()));
    assert!(matches!(checkpoint.sign(&other), Err(CheckpointError::OtherLog { .. })));
    // Signed by our key, but about another origin.
    let forged = log.sign(Checkpoint::new("other.example", 7, leaf(7)).unwrap().to_text()).unwrap().to_string();
    assert_eq!(
        Checkpoint::open(forged.as_bytes(), log.verifier()),
        Err(CheckpointError::OtherLog { expected: name(ORIGIN), actual: "other.example".to_owned() })
    );
    assert!(matches!(
        Checkpoint::open(note.as_bytes(), other.verifier()),
        Err(CheckpointError::Note(NoteError::NoKnownSignature))
    ));
    // A note of the log that is no checkpoint.
    let speech = log.sign("hello\n").unwrap().to_string();
    assert_eq!(Checkpoint::open(speech.as_bytes(), log.verifier()), Err(CheckpointError::Lines));
}

#[test]
fn witnesses_cosign_but_never_stand_for_the_log() {
    let (log, w1, w2) = (signer(ORIGIN, 1), cosigner("witness.example/1", 2), cosigner("witness.example/2", 3));
    let checkpoint = Checkpoint::new(ORIGIN, 7, leaf(7)).unwrap();
    let mut note = checkpoint.sign(&log).unwrap();
    note.add(w1.cosign(&checkpoint, 1_679_315_147).unwrap()).unwrap();
    note.add(w2.cosign(&checkpoint, 0).unwrap()).unwrap();
    let ml_dsa = format!("— witness.example/3 {}", BASE64.encode(&[6; 2_432]));
    note.add(NoteSignature::parse(&ml_dsa).unwrap()).unwrap();
    let known = [w1.verifier().clone(), w2.verifier().clone()];
    let opened = Checkpoint::open_witnessed(note.to_string().as_bytes(), log.verifier(), &known).unwrap();
    assert_eq!(opened.checkpoint, checkpoint);
    let times: Vec<_> = opened.cosignatures.iter().map(|by| (by.name.as_str(), by.cosigned_at_s)).collect();
    assert_eq!(times, [("witness.example/1", Some(1_679_315_147)), ("witness.example/2", Some(0))]);
    assert_eq!(Checkpoint::open(note.to_string().as_bytes(), log.verifier()), Ok(checkpoint.clone()));

    let unsigned = Note::new(checkpoint.to_text(), w1.cosign(&checkpoint, 5).unwrap()).unwrap().to_string();
    assert_eq!(
        Checkpoint::open_witnessed(unsigned.as_bytes(), log.verifier(), &known),
        Err(CheckpointError::NotSignedByLog)
    );
    assert!(matches!(Checkpoint::open(unsigned.as_bytes(), w1.verifier()), Err(CheckpointError::NotALogKey { .. })));
}

#[test]
fn a_cosignature_binds_time_and_tree_and_is_no_plain_signature() {
    let witness = cosigner("witness.example/1", 2);
    let checkpoint = Checkpoint::new(ORIGIN, 7, leaf(7)).unwrap();
    let line = witness.cosign(&checkpoint, 1_679_315_147).unwrap();
    let verify = |text: String, line: &NoteSignature, key: &Verifier| {
        Note::new(text, line.clone()).unwrap().verify(std::slice::from_ref(key))
    };
    assert!(verify(checkpoint.to_text(), &line, witness.verifier()).is_ok());
    let grown = Checkpoint::new(ORIGIN, 8, leaf(7)).unwrap();
    assert!(matches!(verify(grown.to_text(), &line, witness.verifier()), Err(NoteError::BadSignature { .. })));

    let (prefix, blob) = line.to_string().rsplit_once(' ').map(|(p, b)| (p.to_owned(), b.to_owned())).unwrap();
    let mut blob = BASE64.decode(blob.as_bytes()).unwrap();
    assert_eq!(blob.len(), 4 + 8 + 64);
    assert_eq!(blob[4..12], 1_679_315_147_u64.to_be_bytes());
    for at in 4..blob.len() {
        blob[at] ^= 1;
        let line = NoteSignature::parse(&format!("{prefix} {}", BASE64.encode(&blob))).unwrap();
        assert!(verify(checkpoint.to_text(), &line, witness.verifier()).is_err(), "byte {at}");
        blob[at] ^= 1;
    }
    for cut in 5..blob.len() {
        let line = NoteSignature::parse(&format!("{prefix} {}", BASE64.encode(&blob[..cut]))).unwrap();
        assert!(verify(checkpoint.to_text(), &line, witness.verifier()).is_err(), "cut at {cut}");
    }
    // The message, word for word, signed as a plain note by the same key: another type, so another key id.
    let plain = signer("witness.example/1", 2);
    assert_ne!(plain.verifier().key_id(), witness.verifier().key_id());
    assert_eq!(Verifier::parse(&witness.verifier().to_string()).as_ref(), Ok(witness.verifier()));
    assert_eq!(witness.verifier().algorithm(), Algorithm::CosignatureV1);
    assert!(witness.cosign(&checkpoint, MAX_TIME_S).is_ok());
    assert!(witness.cosign(&checkpoint, MAX_TIME_S + 1).is_err());
}

#[test]
fn the_cosigned_message_is_the_one_of_the_specification() {
    use ed25519_dalek::{Signature, Verifier as _};
    let witness = cosigner("witness.example/1", 2);
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let line = witness.cosign(&Checkpoint::parse(text).unwrap(), 1_679_315_147).unwrap().to_string();
    let blob = BASE64.decode(line.rsplit_once(' ').unwrap().1.as_bytes()).unwrap();
    let message = format!("cosignature/v1\ntime 1679315147\n{text}");
    let signature = Signature::from_slice(&blob[12..]).unwrap();
    witness.verifier().public_key().verify(message.as_bytes(), &signature).unwrap();
}

proptest! {
    #[test]
    fn a_note_signed_is_a_note_opened(text in "([^\\x00-\\x1f]{0,20}\n){1,6}", key_name in "[a-z./0-9é]{1,20}", seed: u8) {
        let signer = signer(&key_name, seed);
        let note = signer.sign(text.clone()).unwrap();
        let opened = open(note.to_string().as_bytes(), &[signer.verifier().clone()]).unwrap();
        prop_assert_eq!(opened.note.text(), text);
        prop_assert_eq!(opened.note, note);
        prop_assert_eq!(&Verifier::parse(&signer.verifier().to_string()).unwrap(), signer.verifier());
    }

    #[test]
    fn a_flipped_bit_in_a_signed_checkpoint_is_never_accepted(at: prop::sample::Index, bit in 0_u32..8) {
        let log = signer(ORIGIN, 1);
        let note = Checkpoint::new(ORIGIN, 7, leaf(7)).unwrap().sign(&log).unwrap().to_string();
        let mut bytes = note.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(Checkpoint::open(&bytes, log.verifier()).is_err());
    }

    #[test]
    fn a_checkpoint_parses_back(origin in "[^\\x00-\\x1f]{1,30}", size in 1..=MAX_TREE_SIZE, root: [u8; 32]) {
        let checkpoint = Checkpoint::new(origin, size, root.into()).unwrap();
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_text()), Ok(checkpoint));
    }

    #[test]
    fn hostile_notes_never_panic_and_have_one_spelling(note in "([a-z0-9]{0,3}\n){1,4}\n(— [a-z]{1,3} [A-Za-z0-9+/]{7,8}={0,2}\n){0,3}") {
        if let Ok(parsed) = Note::parse(note.as_bytes()) {
            prop_assert_eq!(parsed.to_string(), note.clone());
        }
        let _ = Checkpoint::parse(&note);
    }
}
