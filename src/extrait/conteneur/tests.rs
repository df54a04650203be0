#![allow(clippy::unwrap_used)]
use super::*;

fn organisation() -> Organisation {
    "urn:siren:214502494".parse().unwrap()
}

fn noms() -> Vec<Nom> {
    let reference = Empreinte([0xab; 32]);
    let far: Organisation = format!("urn:iso6523:0060:{}", "a".repeat(50)).parse().unwrap();
    vec![
        Nom::Demande,
        Nom::Checkpoint,
        Nom::Feuille(0),
        Nom::Fiche(organisation(), reference),
        Nom::Piece(organisation(), reference),
        // Too long for one field of the header.
        Nom::Fiche(far.clone(), reference),
        Nom::Piece(far, reference),
        Nom::Feuille(u64::MAX),
        Nom::Declaration,
    ]
}

fn ecrit() -> Vec<u8> {
    let mut file = Ecrivain::new(Vec::new());
    for nom in noms() {
        file.fichier(&nom, nom.to_string().as_bytes()).unwrap();
    }
    file.finis().unwrap()
}

fn lu(bytes: &[u8]) -> Result<Vec<(Nom, Vec<u8>)>, ConteneurError> {
    let mut file = Lecteur::new(bytes);
    let mut all = Vec::new();
    while let Some((nom, taille)) = file.suivant()? {
        let contenu = file.contenu()?;
        assert_eq!(contenu.len() as u64, taille);
        all.push((nom, contenu));
    }
    Ok(all)
}

#[test]
fn what_is_written_is_read_and_other_programs_read_it_too() {
    let bytes = ecrit();
    let expected: Vec<_> = noms().into_iter().map(|nom| (nom.clone(), nom.to_string().into_bytes())).collect();
    assert_eq!(lu(&bytes).unwrap(), expected);
    assert!(est_tar(&bytes) && bytes.len().is_multiple_of(BLOCK));
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(names.collect::<Vec<_>>(), noms().iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn no_bit_of_a_header_or_between_files_can_change() {
    let bytes = ecrit();
    // Where contents are: what they say is for others to judge.
    let mut at = 0;
    let mut contents = Vec::new();
    for nom in noms() {
        let taille = nom.to_string().len();
        contents.push(at + BLOCK..at + BLOCK + taille);
        at += BLOCK + taille.next_multiple_of(BLOCK);
    }
    for at in (0..bytes.len()).filter(|at| !contents.iter().any(|content| content.contains(at))) {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(lu(&altered).is_err(), "byte {at}");
    }
    for end in (0..bytes.len()).step_by(64) {
        assert!(matches!(lu(&bytes[..end]), Err(ConteneurError::Tronque(_))), "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(lu(&longer), Err(ConteneurError::Bourrage(_))));
}

/// The extract up to where a file may come, then this header, with this content.
fn with(before: &[Nom], header: &tar::Header, content: &[u8]) -> Vec<u8> {
    let mut file = Ecrivain::new(Vec::new());
    for nom in before {
        file.fichier(nom, b"x").unwrap();
    }
    let mut bytes = file.sortie;
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    bytes
}

fn raw(name: &[u8], kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

#[test]
fn links_folders_strange_names_and_sizes_are_refused() {
    let begun = [Nom::Demande, Nom::Checkpoint, Nom::Feuille(1)];
    let feuille = b"feuilles/00000000000000000002.tlog-proof";
    assert!(matches!(
        lu(&with(&begun, &raw(feuille, tar::EntryType::Regular, 1), b"x")),
        Err(ConteneurError::Tronque(_))
    ));
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Char,
        tar::EntryType::Fifo,
        tar::EntryType::GNULongName,
        tar::EntryType::GNUSparse,
        tar::EntryType::XHeader,
        tar::EntryType::Continuous,
    ] {
        let read = lu(&with(&begun, &raw(feuille, kind, 1), b"x"));
        assert!(matches!(read, Err(ConteneurError::Entete { .. })), "{kind:?}: {read:?}");
    }
    let reference = "ab".repeat(32);
    for name in [
        "/feuilles/00000000000000000002.tlog-proof",
        "./feuilles/00000000000000000002.tlog-proof",
        "feuilles/../00000000000000000002.tlog-proof",
        "../demande.json",
        "feuilles/2.tlog-proof",
        "feuilles/00000000000000000002.tlog-proof/",
        "feuilles/+0000000000000000002.tlog-proof",
        "feuilles/99999999999999999999.tlog-proof",
        "FEUILLES/00000000000000000002.tlog-proof",
        "autre",
        "",
        &format!("pieces/214502495/{reference}.json"),
        &format!("pieces/../{reference}.json"),
        &format!("pieces/214502494/{}.json", reference.to_uppercase()),
        &format!("pieces/214502494/x/{reference}.json"),
    ] {
        let read = lu(&with(&begun, &raw(name.as_bytes(), tar::EntryType::Regular, 1), b"x"));
        assert!(matches!(read, Err(ConteneurError::Entete { .. })), "{name}: {read:?}");
    }
    // A size that is not there is never allocated.
    for size in [Nom::Feuille(2).bytes_max() + 1, 1 << 40, u64::MAX / 2] {
        let read = lu(&with(&begun, &raw(feuille, tar::EntryType::Regular, size), b"x"));
        assert!(matches!(read, Err(ConteneurError::Taille { .. } | ConteneurError::Entete { .. })), "{size}: {read:?}");
    }
    let read = lu(&with(&begun, &raw(feuille, tar::EntryType::Regular, 300_000), b"x"));
    assert!(matches!(read, Err(ConteneurError::Tronque(_))), "{read:?}");
}

#[test]
fn files_come_in_one_order_and_none_twice() {
    let (one, other) = (Empreinte([1; 32]), Empreinte([2; 32]));
    let fiche = |reference| Nom::Fiche(organisation(), reference);
    let piece = |reference| Nom::Piece(organisation(), reference);
    let begun = [Nom::Demande, Nom::Checkpoint];
    let good =
        [&begun[..], &[Nom::Feuille(3), fiche(one), piece(one), fiche(other), piece(other), Nom::Declaration]].concat();
    let write = |noms: &[Nom]| {
        let mut file = Ecrivain::new(Vec::new());
        for nom in noms {
            file.fichier(nom, b"x").unwrap();
        }
        file.finis().unwrap()
    };
    assert_eq!(lu(&write(&good)).unwrap().len(), good.len());
    let table: [&[Nom]; 12] = [
        &[Nom::Checkpoint],
        &[Nom::Demande, Nom::Feuille(0)],
        &[Nom::Demande, Nom::Demande],
        &[Nom::Demande, Nom::Checkpoint, Nom::Checkpoint],
        &[Nom::Demande, Nom::Checkpoint, Nom::Feuille(3), Nom::Feuille(3)],
        &[Nom::Demande, Nom::Checkpoint, Nom::Feuille(3), Nom::Feuille(2)],
        &[Nom::Demande, Nom::Checkpoint, fiche(one), piece(one)],
        &[Nom::Demande, Nom::Checkpoint, Nom::Feuille(3), piece(one)],
        &[Nom::Demande, Nom::Checkpoint, Nom::Feuille(3), fiche(one), piece(other)],
        &[Nom::Demande, Nom::Checkpoint, Nom::Feuille(3), fiche(one), Nom::Declaration],
        &[Nom::Demande, Nom::Checkpoint, Nom::Declaration, Nom::Declaration],
        &[Nom::Demande, Nom::Checkpoint, Nom::Declaration, Nom::Feuille(1)],
    ];
    for noms in table {
        assert!(matches!(lu(&write(noms)), Err(ConteneurError::Ordre(_))), "{noms:?}");
    }
    // Without a declaration it was not given whole.
    assert!(matches!(lu(&write(&good[..5])), Err(ConteneurError::Tronque(_))));
}
