//! What must hold of any bytes whatever, by parser: a panic is a finding, whether the parser's own or one of these assertions'.
//!
//! Run by `cargo fuzz` on bytes that it makes up, and by `tests/fuzz.rs` on the seeds and on what was once found.

use std::collections::HashSet;
use std::io::Write;
use std::sync::atomic::AtomicBool;

use greffe::audit::doubt::{DOUBTS_KEPT_MAX, DoubtCode};
use greffe::audit::{Control, Verdict, verify_extract};
use greffe::extrait::conteneur::{Ecrivain, Lecteur, Nom};
use greffe::formats::actes::archive::{self, Bounds};
use greffe::formats::actes::message::Generation;
use greffe::formats::actes::{ecriture, enveloppe};
use greffe::tlog::{
    BundleCoordinates, Checkpoint, Hash, Note, NoteSignature, TileCoordinates, TilePath, TlogProof, Verifier,
    decode_bundle, decode_tile, encode_bundle, encode_tile,
};
use greffe_events::dsse::{Envelope, SIGNATURES_MAX, check_payload};
use greffe_events::event::ClaimedIdentity;
use greffe_events::horodatage::Jour;
use greffe_events::ident::Organisation;
use greffe_events::json::{DEPTH_MAX, INTEGER_MAX, check_object};
use greffe_events::leaf::Leaf;
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event};
use serde_json::Value;

/// The properties, by name of the target.
pub type Cible = (&'static str, fn(&[u8]));

/// All of them.
pub const CIBLES: [Cible; 9] = [
    ("ijson", ijson),
    ("dsse", dsse),
    ("evenement", evenement),
    ("feuille", feuille),
    ("note", note),
    ("tuile", tuile),
    ("archive", archive),
    ("message", message),
    ("extrait", extrait),
];

/// What passes as I-JSON is read alike by another reader, which loses nothing: no name twice, exact integers, bounded depth.
pub fn ijson(octets: &[u8]) {
    let general = serde_json::from_slice::<Value>(octets);
    match check_object(octets) {
        Ok(()) => {
            let value = general.expect("what passes is JSON");
            assert!(value.is_object());
            assert_eq!(noms_ecrits(octets), noms(&value), "a name stands twice");
            check_value(&value, 1);
            let again = serde_json::to_vec(&value).unwrap();
            check_object(&again).expect("what passes can be written again");
            assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), value);
        }
        Err(refusal) if refusal.code == Code::JsonMalformed => {
            assert!(!general.is_ok_and(|value| value.is_object()), "refused as malformed, and it is not: {refusal}");
        }
        Err(_) => {}
    }
}

fn check_value(value: &Value, depth: u32) {
    match value {
        Value::Number(number) => {
            let integer = number.as_i64().expect("an integer");
            assert!((-INTEGER_MAX..=INTEGER_MAX).contains(&integer), "{integer}");
        }
        Value::Array(items) => {
            assert!(depth <= DEPTH_MAX);
            for item in items {
                check_value(item, depth + 1);
            }
        }
        Value::Object(members) => {
            assert!(depth <= DEPTH_MAX);
            for member in members.values() {
                check_value(member, depth + 1);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// How many names a value holds, at every depth.
fn noms(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(noms).sum(),
        Value::Object(members) => members.len() + members.values().map(noms).sum::<usize>(),
        _ => 0,
    }
}

/// How many names a JSON text writes: colons outside of strings.
fn noms_ecrits(octets: &[u8]) -> usize {
    let (mut in_string, mut escaped, mut colons) = (false, false, 0);
    for byte in octets {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b':') => colons += 1,
            _ => {}
        }
    }
    colons
}

/// An envelope that is read can be written and is read the same; its own rules hold; nothing in it makes a reader fail.
pub fn dsse(octets: &[u8]) {
    let Ok(envelope) = Envelope::parse(octets) else { return };
    let value: Value = serde_json::from_slice(octets).expect("an envelope is JSON");
    let payload = value["payload"].as_str().unwrap().trim_end_matches('=');
    assert!(!payload.contains('='), "padding in the middle, which no other reader takes");
    assert_eq!(Envelope::parse(envelope.to_json().as_bytes()).as_ref(), Ok(&envelope));
    check_payload(envelope.payload()).expect("the payload of an envelope is I-JSON within its bounds");
    let signers: HashSet<_> = envelope.signers().map(|key| key.to_string()).collect();
    assert!((1..=SIGNATURES_MAX).contains(&envelope.signatures().len()));
    assert_eq!(signers.len(), envelope.signatures().len(), "a key signs twice");
    let _ = envelope.verify();
    let claimed = ClaimedIdentity::of(envelope.payload());
    if let Ok(event) = Event::of(&envelope) {
        assert_eq!(
            claimed,
            ClaimedIdentity { source: Some(event.source), id: Some(event.id), registre: Some(event.registre) }
        );
    }
    let (payload, signatures) = envelope.clone().into_parts();
    assert_eq!(Envelope::new(payload, signatures), Ok(envelope));
}

/// An event that is read can be written anew and is read the same.
pub fn evenement(octets: &[u8]) {
    let Ok(event) = Event::parse(octets) else { return };
    let written = Event::write(event.id, &event.source, &event.subject, event.time, &event.registre, &event.data);
    assert_eq!(Event::parse(&written).as_ref(), Ok(&event));
    assert!(event.data.pieces().iter().all(|piece| !piece.media_type.is_empty()));
}

/// A leaf that is read is written with the very bytes that were read: they are what the tree hashed.
pub fn feuille(octets: &[u8]) {
    let Ok(leaf) = Leaf::decode(octets) else { return };
    assert!(leaf.encode() == octets, "another encoding of the same leaf");
    assert!(leaf.received_at_ms <= leaf.recorded_at_ms);
    let _ = leaf.envelope.verify();
    let _ = Event::of(&leaf.envelope);
}

/// Notes, checkpoints, proofs and keys have one spelling: what is read is written byte for byte.
pub fn note(octets: &[u8]) {
    if let Ok(note) = Note::parse(octets) {
        assert!(note.to_string().as_bytes() == octets, "another spelling of the same note");
    }
    if let Ok(proof) = TlogProof::parse(octets) {
        assert!(proof.to_string().as_bytes() == octets, "another spelling of the same proof");
        let _ = Note::parse(proof.checkpoint().as_bytes());
    }
    let Ok(texte) = std::str::from_utf8(octets) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(texte) {
        assert_eq!(checkpoint.to_text(), texte);
    }
    if let Ok(vkey) = Verifier::parse(texte) {
        assert_eq!(vkey.to_string(), texte);
    }
    if let Some(line) = NoteSignature::parse(texte) {
        assert_eq!(line.to_string(), texte);
    }
    if let Ok(hash) = Hash::from_base64(texte) {
        assert_eq!(hash.to_string(), texte);
    }
}

/// Paths, tiles and bundles have one spelling, and no width reads more or less than is there.
pub fn tuile(octets: &[u8]) {
    if let Ok(texte) = std::str::from_utf8(octets)
        && let Ok(path) = TilePath::parse(texte)
    {
        assert_eq!(path.to_string(), texte);
        match path {
            TilePath::Tile(tile) => assert_eq!(TileCoordinates::new(tile.level(), tile.n(), tile.width()), Ok(tile)),
            TilePath::Entries(bundle) => assert_eq!(BundleCoordinates::new(bundle.n(), bundle.width()), Ok(bundle)),
        }
    }
    let Some(([high, low], rest)) = octets.split_first_chunk::<2>() else { return };
    let width = u16::from_be_bytes([*high, *low]);
    if let Ok(hashes) = decode_tile(rest, width) {
        assert_eq!(hashes.len(), usize::from(width));
        assert!(encode_tile(&hashes) == rest);
    }
    if let Ok(entries) = decode_bundle(rest, width) {
        assert_eq!(entries.len(), usize::from(width));
        assert!(encode_bundle(&entries).unwrap() == rest);
    }
}

/// Bounds of the archives that are made up.
const BOUNDS: Bounds = Bounds { compressed_bytes_max: 1 << 20, expanded_bytes_max: 1 << 20, entries_max: 32 };

/// An archive never expands beyond its bounds; what it holds are plain files, each once, and can be put into an archive again.
///
/// The first byte says whether the rest is the archive, or the tar that is first compressed: made-up bytes seldom have the
/// right checksum.
pub fn archive(octets: &[u8]) {
    let Some((mode, rest)) = octets.split_first() else { return };
    let compressed = if mode % 2 == 0 {
        rest.to_vec()
    } else {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(rest).unwrap();
        gzip.finish().unwrap()
    };
    let files = match archive::read_within(compressed.as_slice(), BOUNDS) {
        Ok(files) => files,
        Err(error) => {
            assert!(!error.code().is_empty() && error.to_string().len() < 2_000);
            return;
        }
    };
    assert!((1..=BOUNDS.entries_max).contains(&files.len()));
    assert!(files.iter().map(|file| file.octets.len() as u64).sum::<u64>() <= BOUNDS.expanded_bytes_max);
    for file in &files {
        archive::check_nom(&file.nom).unwrap();
    }
    let names: HashSet<_> = files.iter().map(|file| &file.nom).collect();
    assert_eq!(names.len(), files.len());
    let mut again = Vec::new();
    archive::write(&files, 0, &mut again).unwrap();
    // Wider bounds: long names take headers of their own, and padding may differ.
    let wider = Bounds { expanded_bytes_max: 2 * BOUNDS.expanded_bytes_max, ..BOUNDS };
    assert_eq!(archive::read_within(again.as_slice(), wider).unwrap(), files);
}

/// What of a message or an envelope of ACTES can be written in a generation of the schema is read back the same.
pub fn message(octets: &[u8]) {
    let Jour(jour) = "9999-12-31".parse().unwrap();
    let lit = |octets: &[u8]| greffe::formats::actes::message::read(octets, jour);
    match lit(octets) {
        Ok(lecture) => {
            for generation in [Generation::Gen1, Generation::Gen2] {
                let Ok(written) = ecriture::message(&lecture.valeur, generation) else { continue };
                let again = lit(&written).expect("what is written is read").valeur;
                assert_eq!(again.code(), lecture.valeur.code());
                assert_eq!(ecriture::message(&again, generation).expect("and written again"), written);
            }
        }
        Err(error) => assert!(!error.code().is_empty()),
    }
    match enveloppe::read(octets) {
        Ok(lecture) => {
            let Ok(written) = ecriture::enveloppe(&lecture.valeur) else { return };
            let again = enveloppe::read(&written).expect("what is written is read").valeur;
            assert_eq!(ecriture::enveloppe(&again).expect("and written again"), written);
        }
        Err(error) => assert!(!error.code().is_empty()),
    }
}

/// An extract is verified to a report, which doubts what is not one; what is in its container has one spelling and bounded sizes.
///
/// The first byte says whether the rest is the file, or its files one after the other (kind, length in two bytes, content), around which the
/// container is made: made-up bytes seldom have the right checksum.
pub fn extrait(octets: &[u8]) {
    let Some((mode, rest)) = octets.split_first() else { return };
    let file = if mode % 2 == 0 { rest.to_vec() } else { conteneur(rest) };
    let mut lecteur = Lecteur::new(file.as_slice());
    let mut again = Ecrivain::new(Vec::new());
    let is_whole = loop {
        let Ok(next) = lecteur.suivant() else { break false };
        let Some((nom, taille)) = next else { break true };
        let Ok(contenu) = lecteur.contenu() else { break false };
        assert!(contenu.len() as u64 == taille && taille <= nom.bytes_max(), "{nom}");
        again.fichier(&nom, &contenu).unwrap();
    };
    assert!(lecteur.position() <= file.len() as u64);
    if is_whole {
        assert!(again.finis().unwrap() == file, "another spelling of the same extract");
    }
    let mut control = Control { progress: &mut |_, _| (), cancelled: &AtomicBool::new(false) };
    let report = verify_extract(file.as_slice(), None, &mut control).expect("bytes in memory can be read");
    assert!(report.verdict != Verdict::Good && report.proved.is_empty(), "no key was pinned");
    assert!(is_whole || report.verdict == Verdict::Doubt, "a part of an extract");
    assert!(report.doubts.len() <= DOUBTS_KEPT_MAX + DoubtCode::ALL.len());
    assert!(!report.to_string().is_empty());
}

fn conteneur(mut rest: &[u8]) -> Vec<u8> {
    let mut file = Ecrivain::new(Vec::new());
    let whose: Organisation = "urn:siren:214502494".parse().unwrap();
    let mut index = 0;
    while let Some(([kind, high, low], after)) = rest.split_first_chunk::<3>() {
        let (content, after) = after.split_at(after.len().min(usize::from(u16::from_be_bytes([*high, *low]))));
        rest = after;
        let reference = Empreinte([*kind; 32]);
        let nom = match kind % 8 {
            0 => Nom::Demande,
            1 => Nom::Checkpoint,
            2 | 3 => Nom::Feuille(index),
            4 => Nom::Fiche(whose.clone(), reference),
            5 => Nom::Piece(whose.clone(), Empreinte([kind - 1; 32])),
            _ => Nom::Declaration,
        };
        // Leaves 0, 1, 2, …, of which 3 passes one over.
        index += match kind % 8 {
            2 => 1,
            3 => 2,
            _ => 0,
        };
        file.fichier(&nom, content).unwrap();
    }
    file.finis().unwrap()
}
