//! Uploads, citations, quotas, the sweep and erasure of one depot, without a node around it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use greffe_events::catalogue::{ActeTransmis, Data, EventType};
use greffe_events::dossier::{Dossier, Recording};
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use greffe_events::{Code, Refusal, Uuid};
use serde_json::json;

use super::accounts::UPLOADS_PER_ORGANISATION_MAX;
use super::depot::now_ms;
use super::upkeep::{SWEEP_PIECES_MAX, Swept, UNCITED_KEPT};
use super::*;
use crate::ledger::index::IndexWriter;
use crate::tlog::{Edge, leaf_hash};

const HOUR_MS: u64 = 3_600_000;
const KEPT_MS: u64 = UNCITED_KEPT.as_secs() * 1_000;
const SEL: Option<Empreinte> = Some(Empreinte([7; 32]));

fn commune() -> Organisation {
    "urn:siren:214502494".parse().unwrap()
}

fn passerelle() -> Organisation {
    "urn:iso6523:0060:123456789".parse().unwrap()
}

/// A depot over an index that holds whatever was said to be admitted.
struct World {
    dir: tempfile::TempDir,
    index: IndexWriter,
    edge: Edge,
    depot: Depot,
}

impl World {
    fn new(quota: Quota) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        let index = IndexWriter::open(&path, 0, |_| Err(IndexError::Row { path: path.clone(), what: String::new() }));
        let index = index.unwrap();
        let depot = Depot::open(dir.path().join("pieces"), quota, index.reader()).unwrap();
        Self { index, edge: Edge::new(), depot, dir }
    }

    fn open() -> Self {
        Self::new(Quota::default())
    }

    /// The node starts again.
    fn reopen(&mut self, quota: Quota) {
        self.depot = Depot::open(self.dir.path().join("pieces"), quota, self.index.reader()).unwrap();
    }

    fn upload(
        &self,
        organisation: &Organisation,
        bytes: &[u8],
        sel: Option<Empreinte>,
    ) -> Result<Empreinte, PieceError> {
        let mut deposit = self.depot.deposit(announced(organisation, bytes, sel))?;
        deposit.write(bytes)?;
        self.depot.finish(deposit)
    }

    /// As the sequencer does once the leaf is durable. Signatures and rights are not this index' matter.
    fn admit(&mut self, source: &Organisation, subject: &greffe_events::ident::Subject, data: &Data) {
        let (now, registre) = (Horodatage::from_unix_ms(now_ms()), "greffe.test".parse().unwrap());
        let payload = Event::write(Uuid::now_v7(), source, subject, now, &registre, data);
        let envelope = Envelope::sign(payload, &[&SecretKey::from_seed(&[1; 32])]).unwrap();
        let event = Event::of(&envelope).unwrap();
        let place = self.index.place(&event).unwrap();
        let leaf =
            Leaf { recorded_at_ms: now_ms(), received_at_ms: 0, previous: place.previous, rank: place.rank, envelope };
        let at = Recording { index: self.index.size(), recorded_at_ms: leaf.recorded_at_ms, received_at_ms: 0 };
        let after = Dossier::after(place.dossier.as_ref(), &event, at, None).unwrap();
        self.index.begin().unwrap();
        self.index.add(&leaf, &event, Empreinte::of(leaf.envelope.payload()), &after).unwrap();
        let hash = leaf_hash(&leaf.encode());
        self.edge.push(hash);
        self.index.commit(&mut self.edge, hash);
    }

    fn cite(&mut self, source: &Organisation, numero: u32, data: &Data) {
        let subject = format!("acte/045-214502494-20260717-D{numero}-DE").parse().unwrap();
        self.admit(source, &subject, data);
    }

    fn erase(&mut self, organisation: &Organisation, reference: Empreinte) {
        let data = serde_json::value::to_raw_value(&json!({
            "demandeur": "personne-concernee", "motif": "droit-effacement", "base_legale": "rgpd-17-1-a",
        }));
        let data = EventType::PieceEffacee.read(&data.unwrap()).unwrap();
        self.admit(&passerelle(), &organisation.dossier_piece(reference), &data);
    }

    fn sweep_after(&self, ms: u64) -> Swept {
        self.depot.sweep(now_ms() + ms, SWEEP_PIECES_MAX).unwrap()
    }

    fn check(&self, depositors: &[Organisation], data: &Data) -> Result<(), Refusal> {
        self.depot.check_cited(depositors, data).unwrap()
    }

    fn holds(&self, organisation: &Organisation, reference: Empreinte) -> bool {
        let place = self.depot.pieces.place(organisation, reference);
        let card = card_place(&place);
        assert_eq!(place.exists(), card.exists(), "bytes and card come and go together");
        place.exists()
    }

    /// Every file under the folder, the accounts apart.
    fn files(&self) -> usize {
        fn count(path: &Path) -> usize {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        let accounts = fs::read_dir(self.dir.path().join("pieces"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("comptes.sqlite"));
        count(&self.dir.path().join("pieces")) - accounts.count()
    }
}

fn announced(organisation: &Organisation, bytes: &[u8], sel: Option<Empreinte>) -> Announced {
    let nom = Some("acte.pdf".to_owned());
    Announced { organisation: organisation.clone(), sha256: Empreinte::of(bytes), sel, nom, taille: None }
}

fn cite(reference: Empreinte, taille: usize) -> Piece {
    serde_json::from_value(json!({"role":"acte","type":"application/pdf","taille":taille,"engagement":reference}))
        .unwrap()
}

fn acte(reference: Empreinte, taille: usize) -> Data {
    Data::ActeTransmis(ActeTransmis {
        matiere: "4.1".parse().unwrap(),
        classification: "2026-01-01".parse().unwrap(),
        arrondissement: None,
        precedent: None,
        document_papier: None,
        pieces: vec![cite(reference, taille)],
    })
}

fn set_age(world: &World, organisation: &Organisation, reference: Empreinte, age: Duration) {
    let card = card_place(&world.depot.pieces.place(organisation, reference));
    File::open(card).unwrap().set_modified(SystemTime::now() - age).unwrap();
    world.depot.forget(organisation, reference);
}

#[test]
fn a_piece_is_kept_byte_for_byte_and_any_changed_byte_is_found() {
    let world = World::open();
    let pieces = world.depot.pieces();
    let bytes = b"%PDF-1.7 \xff\x00 octets".to_vec();
    for sel in [None, SEL] {
        let reference = world.upload(&commune(), &bytes, sel).unwrap();
        assert_eq!(world.upload(&commune(), &bytes, sel).unwrap(), reference, "again is the same");
        let mut piece = cite(reference, bytes.len());
        if sel.is_none() {
            let nom = "045-214502494-20170717-D201717-DE-1-1_1.pdf".to_owned();
            piece.designation = Designation::Publique { nom, sha256: reference };
        }
        assert_eq!(pieces.read_small(&commune(), reference, 1_000).unwrap().as_deref(), Some(bytes.as_slice()));
        assert_eq!(pieces.verify(&commune(), &piece).unwrap(), PieceState::Good);
        let place = pieces.place(&commune(), reference);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            fs::write(&place, &altered).unwrap();
            assert_eq!(pieces.verify(&commune(), &piece).unwrap(), PieceState::Differs, "byte {at}");
        }
        fs::remove_file(&place).unwrap();
        assert_eq!(pieces.verify(&commune(), &piece).unwrap(), PieceState::Absent);
    }
}

#[test]
fn an_upload_that_is_not_what_was_announced_leaves_nothing() {
    let world = World::open();
    let mut deposit = world.depot.deposit(announced(&commune(), b"annonce", None)).unwrap();
    deposit.write(b"recu").unwrap();
    assert!(matches!(world.depot.finish(deposit), Err(PieceError::Mismatch { .. })));
    drop(world.depot.deposit(announced(&commune(), b"abandon", None)).unwrap());
    assert_eq!(world.files(), 0);
    let large = Announced { taille: Some(PIECE_BYTES_MAX + 1), ..announced(&commune(), b"", None) };
    assert!(matches!(world.depot.deposit(large), Err(PieceError::TooLarge)));
    assert_eq!(world.depot.usage(&commune()).unwrap(), Usage::default());
}

#[test]
fn what_a_kill_left_half_received_goes_at_the_next_start() {
    let mut world = World::open();
    let depot = world.dir.path().join("pieces/depot");
    fs::write(depot.join(".tmpAb12"), b"half a file").unwrap();
    world.reopen(Quota::default());
    assert_eq!(world.files(), 0);
    // Cut short between the accounts and the bytes' name: a card alone is never cited, and goes with the sweep.
    let reference = world.upload(&commune(), b"piece", None).unwrap();
    fs::remove_file(world.depot.pieces.place(&commune(), reference)).unwrap();
    world.reopen(Quota::default());
    assert_eq!(world.check(&[commune()], &acte(reference, 5)).unwrap_err().code, Code::PieceMissing);
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS).removed, 1);
    assert_eq!((world.files(), world.depot.usage(&commune()).unwrap()), (0, Usage::default()));
}

#[test]
fn nobody_cites_what_another_deposited() {
    let world = World::open();
    let reference = world.upload(&passerelle(), b"secret", SEL).unwrap();
    let data = acte(reference, 6);
    for depositors in [&[commune()][..], &[]] {
        assert_eq!(world.check(depositors, &data).unwrap_err().code, Code::PieceMissing);
    }
    assert!(!world.holds(&commune(), reference));
    assert_eq!(world.check(&[passerelle()], &data), Ok(()));
    for (wrong, field) in
        [(acte(reference, 7), "data.pieces[0].taille"), (acte(Empreinte::of(b"secret"), 6), "data.pieces[0]")]
    {
        assert_eq!(world.check(&[passerelle()], &wrong).unwrap_err().field.as_deref(), Some(field));
    }
}

#[test]
fn what_a_delegate_uploaded_is_the_members_once_it_is_cited_in_its_name() {
    let mut world = World::open();
    let reference = world.upload(&passerelle(), b"delib", SEL).unwrap();
    let data = acte(reference, 5);
    assert_eq!(world.check(&[commune(), passerelle()], &data), Ok(()));
    assert_eq!(world.check(&[commune(), passerelle()], &data), Ok(()), "again is the same");
    world.cite(&commune(), 1, &data);
    let one = Usage { bytes: 5, pieces: 1 };
    assert_eq!((world.depot.usage(&commune()).unwrap(), world.depot.usage(&passerelle()).unwrap()), (one, one));
    // The delegate's own copy, which its own events never cited, goes; the member's stays, and holds.
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS), Swept { removed: 1, kept: 1, failed: 0 });
    assert_eq!((world.holds(&commune(), reference), world.holds(&passerelle(), reference)), (true, false));
    assert_eq!(world.depot.pieces().verify(&commune(), &data.pieces()[0]).unwrap(), PieceState::Good);
    assert_eq!(world.depot.usage(&passerelle()).unwrap(), Usage::default());
}

#[test]
fn only_what_nobody_cites_is_swept_and_only_after_48_hours() {
    let mut world = World::open();
    let (cited, draft) =
        (world.upload(&commune(), b"cite", None).unwrap(), world.upload(&commune(), b"brouillon", None).unwrap());
    // The same bytes elsewhere: another organisation's citation keeps nothing of this one's.
    world.upload(&passerelle(), b"cite", None).unwrap();
    world.cite(&commune(), 1, &acte(cited, 4));
    assert_eq!(world.sweep_after(KEPT_MS - HOUR_MS), Swept::default());
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS), Swept { removed: 2, kept: 1, failed: 0 });
    assert!(world.holds(&commune(), cited) && !world.holds(&commune(), draft) && !world.holds(&passerelle(), cited));
    // What is cited is not looked at again, however far the clock jumps.
    assert_eq!(world.sweep_after(1_000 * KEPT_MS), Swept::default());
    assert_eq!(world.depot.usage(&commune()).unwrap(), Usage { bytes: 4, pieces: 1 });
    // Deposited again, it is on the schedule again, and kept again.
    world.upload(&commune(), b"cite", None).unwrap();
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS), Swept { removed: 0, kept: 1, failed: 0 });
}

#[test]
fn a_piece_that_is_being_cited_is_not_swept_before_its_leaf_is_there() {
    let world = World::open();
    let reference = world.upload(&commune(), b"en vol", None).unwrap();
    set_age(&world, &commune(), reference, UNCITED_KEPT.saturating_sub(Duration::from_mins(1)));
    // Prepared a minute before its end; the sweep passes before the sequencer.
    assert!(world.depot.citable(&commune(), reference).unwrap().is_some());
    assert_eq!(world.sweep_after(KEPT_MS - HOUR_MS / 2).removed, 0);
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS).removed, 1, "and it is not kept for ever");
    assert!(world.depot.citable(&commune(), reference).unwrap().is_none());
}

#[test]
fn a_pass_of_the_sweep_is_bounded_and_the_next_goes_on() {
    let world = World::open();
    for n in 0..5_u8 {
        world.upload(&commune(), &[n], None).unwrap();
    }
    let now = now_ms() + KEPT_MS + HOUR_MS;
    let removed: Vec<u32> = (0..4).map(|_| world.depot.sweep(now, 2).unwrap().removed).collect();
    assert_eq!((removed, world.files()), (vec![2, 2, 1, 0], 0));
}

#[test]
fn a_file_from_the_future_is_swept_48_hours_from_now_and_not_in_a_century() {
    let world = World::open();
    let reference = world.upload(&commune(), b"demain", None).unwrap();
    let card = card_place(&world.depot.pieces.place(&commune(), reference));
    let century = SystemTime::now() + Duration::from_hours(100 * 365 * 24);
    File::open(card).unwrap().set_modified(century).unwrap();
    assert_eq!(world.sweep_after(KEPT_MS + HOUR_MS).kept, 1);
    assert_eq!(world.sweep_after(2 * KEPT_MS + 2 * HOUR_MS).removed, 1);
}

#[test]
fn accounts_that_are_lost_are_derived_from_what_is_there() {
    let mut world = World::open();
    let (cited, draft) =
        (world.upload(&commune(), b"cite", SEL).unwrap(), world.upload(&passerelle(), b"brouillon", SEL).unwrap());
    world.cite(&commune(), 1, &acte(cited, 4));
    set_age(&world, &passerelle(), draft, 2 * UNCITED_KEPT);
    for damage in [None, Some(b"not a database, but long enough to look at".as_slice())] {
        let path = world.dir.path().join("pieces/comptes.sqlite");
        world.depot = World::open().depot;
        crate::ledger::index::remove(&path);
        if let Some(bytes) = damage {
            fs::write(&path, bytes).unwrap();
        }
        world.reopen(Quota::default());
        assert_eq!(world.depot.usage(&commune()).unwrap(), Usage { bytes: 4, pieces: 1 });
        assert_eq!(world.depot.usage(&passerelle()).unwrap(), Usage { bytes: 9, pieces: 1 });
    }
    assert_eq!(world.sweep_after(0), Swept { removed: 1, kept: 0, failed: 0 }, "its time goes on");
    assert!(world.holds(&commune(), cited) && !world.holds(&passerelle(), draft));
}

#[test]
fn uploads_at_once_never_exceed_the_quota_together() {
    let mut world = World::new(Quota { bytes: 100, pieces: 3 });
    let begin = |world: &World, n: u8, taille| {
        world.depot.deposit(Announced { taille, ..announced(&commune(), &[n; 40], None) })
    };
    let full = |result: Result<Deposit, PieceError>| matches!(result, Err(PieceError::Quota { .. }));
    let (mut first, mut second) = (begin(&world, 1, Some(40)).unwrap(), begin(&world, 2, None).unwrap());
    first.write(&[1; 40]).unwrap();
    second.write(&[2; 40]).unwrap();
    assert!(full(begin(&world, 3, Some(40))), "40 kept and 40 under way leave 20");
    let mut third = begin(&world, 3, None).unwrap();
    third.write(&[3; 20]).unwrap();
    assert!(matches!(third.write(&[3; 20]), Err(PieceError::Quota { .. })));
    // Somebody else's room is somebody else's.
    world.upload(&passerelle(), &[9; 90], None).unwrap();
    drop(third);
    world.depot.finish(first).unwrap();
    world.depot.finish(second).unwrap();
    assert_eq!(world.depot.usage(&commune()).unwrap(), Usage { bytes: 80, pieces: 2 });
    // What is there already needs no room, also when there is none.
    let small = world.upload(&commune(), &[4; 20], None).unwrap();
    assert_eq!(world.upload(&commune(), &[4; 20], None).unwrap(), small);
    assert!(full(begin(&world, 5, None)), "neither bytes nor a fourth piece");
    // Exact across a restart.
    world.reopen(Quota { bytes: 100, pieces: 3 });
    assert_eq!(world.depot.usage(&commune()).unwrap(), Usage { bytes: 100, pieces: 3 });
    assert!(full(begin(&world, 5, None)));
    world.reopen(Quota { bytes: 120, pieces: 4 });
    assert!(matches!(world.upload(&commune(), &[6; 21], None), Err(PieceError::Quota { .. })));
    world.upload(&commune(), &[6; 20], None).unwrap();
    assert_eq!(world.files(), 2 * (4 + 1), "what was refused left nothing");
}

#[test]
fn a_delegates_piece_beyond_the_members_quota_is_not_taken_over() {
    let world = World::new(Quota { bytes: 10, pieces: 10 });
    world.upload(&commune(), b"8 octets", None).unwrap();
    let reference = world.upload(&passerelle(), b"delib", SEL).unwrap();
    let refused = world.depot.check_cited(&[commune(), passerelle()], &acte(reference, 5));
    assert!(matches!(refused, Err(PieceError::Quota { .. })));
    assert!(!world.holds(&commune(), reference));
}

#[test]
fn one_organisation_does_not_hold_every_place_for_uploads() {
    let world = World::open();
    let begin = |organisation: &Organisation| world.depot.deposit(announced(organisation, b"lent", None));
    let mut slow: Vec<Deposit> = (0..UPLOADS_PER_ORGANISATION_MAX).map(|_| begin(&commune()).unwrap()).collect();
    assert!(matches!(begin(&commune()), Err(PieceError::TooManyUploads)));
    begin(&passerelle()).unwrap();
    slow.pop();
    begin(&commune()).unwrap();
}

#[test]
fn what_a_leaf_erased_is_gone_for_good_and_nobody_elses_is() {
    let mut world = World::open();
    let reference = world.upload(&commune(), b"M. Untel", SEL).unwrap();
    assert_eq!(world.upload(&passerelle(), b"M. Untel", SEL).unwrap(), reference);
    let data = acte(reference, 8);
    world.cite(&commune(), 1, &data);
    let mut under_way = world.depot.deposit(announced(&commune(), b"M. Untel", SEL)).unwrap();
    under_way.write(b"M. Untel").unwrap();
    world.erase(&commune(), reference);
    // The leaf is there, the removal not yet: nothing of it is cited or taken in any more.
    assert!(world.holds(&commune(), reference));
    assert_eq!(world.check(&[commune()], &data).unwrap_err().code, Code::PieceMissing);
    assert!(matches!(world.depot.finish(under_way), Err(PieceError::Erased { index: 1 })));
    assert!(matches!(world.upload(&commune(), b"M. Untel", SEL), Err(PieceError::Erased { index: 1 })));
    // By a delegate's copy neither.
    assert_eq!(world.check(&[commune(), passerelle()], &data).unwrap_err().code, Code::PieceMissing);
    // Killed here, the next start makes up for it; and again changes nothing.
    world.reopen(Quota::default());
    assert!(world.holds(&commune(), reference));
    for _ in 0..2 {
        assert_eq!(world.depot.erase(0).unwrap(), 2);
        assert!(
            !world.holds(&commune(), reference) && !world.holds(&passerelle(), reference),
            "its delegate's copy too"
        );
    }
    for organisation in [commune(), passerelle()] {
        assert_eq!(world.depot.usage(&organisation).unwrap(), Usage::default());
        assert_eq!(world.check(&[organisation], &data).unwrap_err().code, Code::PieceMissing);
    }
    assert!(matches!(world.upload(&commune(), b"M. Untel", SEL), Err(PieceError::Erased { index: 1 })));
    // The same bytes under another salt are another piece.
    assert_ne!(world.upload(&commune(), b"M. Untel", Some(Empreinte([8; 32]))).unwrap(), reference);
}

#[test]
fn an_erasure_takes_no_copy_that_another_organisation_has_in_its_own_right() {
    let mut world = World::open();
    // A public document, and one that the other organisation cites too.
    for (index, sel) in [(1, None), (2, SEL)] {
        let reference = world.upload(&commune(), b"partage", sel).unwrap();
        assert_eq!(world.upload(&passerelle(), b"partage", sel).unwrap(), reference);
        if sel.is_some() {
            world.cite(&passerelle(), index, &acte(reference, 7));
        }
        world.erase(&commune(), reference);
        world.depot.erase(0).unwrap();
        assert!(!world.holds(&commune(), reference) && world.holds(&passerelle(), reference), "{sel:?}");
    }
}

#[test]
fn a_piece_that_cannot_be_removed_holds_no_other_up() {
    let mut world = World::open();
    let stuck = world.upload(&commune(), b"bloquee", SEL).unwrap();
    let other = world.upload(&commune(), b"suivante", SEL).unwrap();
    world.erase(&commune(), stuck);
    world.erase(&commune(), other);
    // A folder in the place of the bytes: no permission would stop a test that runs as root.
    let place = world.depot.pieces.place(&commune(), stuck);
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert!(world.depot.erase(0).is_err());
    assert!(!world.holds(&commune(), other));
    fs::remove_dir(&place).unwrap();
    assert_eq!(world.depot.erase(0).unwrap(), 2);
    assert_eq!(world.files(), 0);
}

#[test]
fn a_disk_that_is_full_is_told_from_any_other_failure() {
    let io = |error| io_at("write", Path::new("x"), io::Error::from_raw_os_error(error));
    let (full, over_quota, damaged) = (28, 122, 5);
    assert!(io(full).is_disk_full() && io(over_quota).is_disk_full() && !io(damaged).is_disk_full());
    let sqlite = |code| PieceError::Accounts {
        path: PathBuf::new(),
        source: rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None),
    };
    assert!(sqlite(rusqlite::ffi::SQLITE_FULL).is_disk_full() && !sqlite(rusqlite::ffi::SQLITE_IOERR).is_disk_full());
}

#[test]
fn a_sweep_that_races_a_citation_never_takes_what_the_citation_found() {
    let world = World::open();
    for n in 0..200_u32 {
        let reference = world.upload(&commune(), &n.to_be_bytes(), None).unwrap();
        // Ten minutes before its end; the sweep comes five minutes after it.
        set_age(&world, &commune(), reference, UNCITED_KEPT.saturating_sub(Duration::from_mins(10)));
        let now = now_ms() + 900_000;
        world.depot.accounts.postpone(&commune(), reference, now - KEPT_MS).unwrap();
        let found = std::thread::scope(|scope| {
            let citing = scope.spawn(|| world.depot.citable(&commune(), reference).unwrap().is_some());
            let sweeping = scope.spawn(|| world.depot.sweep(now, 10).unwrap());
            sweeping.join().unwrap();
            citing.join().unwrap()
        });
        assert_eq!(found, world.holds(&commune(), reference), "round {n}");
    }
}
