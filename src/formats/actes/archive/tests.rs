#![allow(clippy::unwrap_used, clippy::expect_used)]

use flate2::write::GzEncoder;

use super::*;

fn entree(nom: &str, octets: &[u8]) -> Entree {
    Entree { nom: nom.to_owned(), octets: octets.to_vec() }
}

fn archive(entrees: &[Entree]) -> Vec<u8> {
    let mut octets = Vec::new();
    write(entrees, 1_700_000_000, &mut octets).unwrap();
    octets
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// One tar entry as hostile hands would make it: any name bytes, any type, any announced size.
fn bloc(nom: &[u8], kind: u8, size_bytes: u64, octets: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..nom.len()].copy_from_slice(nom);
    header.set_entry_type(EntryType::new(kind));
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header.set_cksum();
    let mut bloc = header.as_bytes().to_vec();
    bloc.extend_from_slice(octets);
    bloc.resize(bloc.len().next_multiple_of(512), 0);
    bloc
}

fn fichier(nom: &[u8], octets: &[u8]) -> Vec<u8> {
    bloc(nom, b'0', octets.len() as u64, octets)
}

fn tar_gz(blocs: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = blocs.concat();
    tar.extend_from_slice(&[0; 1024]);
    gzip(&tar)
}

fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    let body_bytes = key.len() + value.len() + 3;
    let length = (1..1_000_000).find(|n: &usize| *n == body_bytes + n.to_string().len()).unwrap();
    let mut record = format!("{length} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    bloc(b"pax", b'x', record.len() as u64, &record)
}

fn code(octets: &[u8]) -> &'static str {
    match read(octets) {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

#[test]
fn what_is_written_is_read_back_and_is_always_the_same_bytes() {
    let long = format!("{}.pdf", "A".repeat(200));
    let entrees = [entree("b.xml", b"<a/>"), entree("a.pdf", &[0; 2_000]), entree(&long, b""), entree("é.pdf", b"x")];
    let octets = archive(&entrees);
    assert_eq!(read(octets.as_slice()).unwrap(), entrees);
    assert_eq!(octets, archive(&entrees));
    let mut autre = Vec::new();
    write(&entrees, 1_700_000_001, &mut autre).unwrap();
    assert_ne!(octets, autre, "the date is in the bytes");
}

#[test]
fn writing_refuses_what_reading_would() {
    for (entrees, expected) in
        [(vec![entree("../a", b"")], "archive-path"), (vec![entree("a", b""), entree("a", b"")], "archive-duplicate")]
    {
        assert_eq!(write(&entrees, 0, Vec::new()).unwrap_err().code(), expected);
    }
}

#[test]
fn names_that_leave_the_archive_are_refused_in_every_way_to_write_them() {
    let cases: &[(&[u8], &str)] = &[
        (b"a.xml", "ok"),
        (b"./a.xml", "ok"),
        (b"/etc/passwd", "archive-path"),
        (b"../a.xml", "archive-path"),
        (b"./../a.xml", "archive-path"),
        (b"a/../../b", "archive-path"),
        (b"..", "archive-path"),
        (b"./", "archive-path"),
        (b"././a.xml", "archive-path"),
        (b"d/a.xml", "archive-path"),
        (b"d\\a.xml", "archive-path"),
        (b"a\n.xml", "archive-path"),
        (b"\xe9t\xe9.pdf", "archive-name-encoding"),
    ];
    for (nom, expected) in cases {
        let shown = String::from_utf8_lossy(nom);
        assert_eq!(code(&tar_gz(&[fichier(nom, b"x")])), *expected, "ustar {shown}");
        // The tar crate splits PAX records at line feeds, and refuses those whose length then differs.
        let pax_expected = if nom.contains(&b'\n') { "archive-corrupt" } else { *expected };
        assert_eq!(code(&tar_gz(&[pax("path", nom), fichier(b"ok.xml", b"x")])), pax_expected, "PAX {shown}");
        let mut gnu = nom.to_vec();
        gnu.push(0);
        let long = bloc(b"././@LongLink", b'L', gnu.len() as u64, &gnu);
        assert_eq!(code(&tar_gz(&[long, fichier(b"ok.xml", b"x")])), *expected, "GNU {shown}");
    }
    assert_eq!(code(&tar_gz(&[pax("path", b"a\0b"), fichier(b"ok.xml", b"x")])), "archive-path");
    let error = read(tar_gz(&[fichier(b"../a.xml", b"x")]).as_slice()).unwrap_err();
    assert!(error.to_string().contains("../a.xml"), "the entry is named: {error}");
}

#[test]
fn a_ustar_prefix_is_part_of_the_name() {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..1].copy_from_slice(b"a");
    header.as_mut_bytes()[345..347].copy_from_slice(b"..");
    header.set_size(0);
    header.set_cksum();
    assert_eq!(code(&tar_gz(&[header.as_bytes().to_vec()])), "archive-path");
}

#[test]
fn only_plain_files_are_taken_and_directories_skipped() {
    for (kind, expected) in [
        (b'1', "archive-link"),
        (b'2', "archive-link"),
        (b'K', "archive-link"),
        (b'3', "archive-device"),
        (b'4', "archive-device"),
        (b'6', "archive-device"),
        (b'7', "archive-kind"),
        (b'S', "archive-kind"),
        (b'Z', "archive-kind"),
    ] {
        let octets = tar_gz(&[bloc(b"mal", kind, 0, b"")]);
        assert_eq!(code(&octets), expected, "{}", char::from(kind));
        assert!(read(octets.as_slice()).unwrap_err().to_string().contains("mal"));
    }
    let octets = tar_gz(&[bloc(b"./", b'5', 0, b""), bloc(b"d/", b'5', 0, b""), fichier(b"./a", b"x")]);
    assert_eq!(read(octets.as_slice()).unwrap(), [entree("a", b"x")]);
    assert_eq!(code(&tar_gz(&[bloc(b"../d/", b'5', 0, b""), fichier(b"a", b"x")])), "archive-path");
}

#[test]
fn one_name_occurs_once_however_it_is_spelled() {
    assert_eq!(code(&tar_gz(&[fichier(b"a", b"x"), fichier(b"./a", b"y")])), "archive-duplicate");
    assert_eq!(code(&tar_gz(&[fichier(b"a", b"x"), pax("path", b"a"), fichier(b"b", b"y")])), "archive-duplicate");
}

#[test]
fn names_and_extensions_have_a_length() {
    let long = vec![b'a'; NAME_BYTES_MAX + 1];
    assert_eq!(code(&tar_gz(&[pax("path", &long), fichier(b"b", b"y")])), "archive-name-too-long");
    assert_eq!(code(&tar_gz(&[pax("path", &long[1..]), fichier(b"b", b"y")])), "ok");
    let huge = vec![b'a'; 5_000];
    assert_eq!(code(&tar_gz(&[bloc(b"L", b'L', 5_000, &huge), fichier(b"b", b"y")])), "archive-name-too-long");
}

#[test]
fn records_that_tools_read_differently_are_refused() {
    assert_eq!(code(&tar_gz(&[pax("size", b"9"), fichier(b"b", b"y")])), "archive-corrupt");
    assert_eq!(code(&tar_gz(&[pax("size", b"1"), fichier(b"b", b"y")])), "ok");
    assert_eq!(code(&tar_gz(&[pax("GNU.sparse.major", b"1"), fichier(b"b", b"y")])), "archive-corrupt");
    assert_eq!(code(&tar_gz(&[pax("path", b"a"), pax("path", b"c"), fichier(b"b", b"y")])), "archive-corrupt");
    let global = bloc(b"g", b'g', 12, b"12 path=a/b\n");
    assert_eq!(code(&tar_gz(&[global, fichier(b"b", b"y")])), "archive-corrupt");
}

#[test]
fn damage_and_ends_are_told_apart() {
    let whole = archive(&[entree("a", &[7; 3_000])]);
    assert_eq!(code(b""), "archive-not-gzip");
    assert_eq!(code(b"PK\x03\x04 not gzip"), "archive-not-gzip");
    for cut in [1, 5, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        assert_eq!(code(&whole[..cut]), "archive-truncated", "cut at {cut} of {}", whole.len());
    }
    let mut trailing = whole.clone();
    trailing.extend_from_slice(b"garbage");
    assert_eq!(code(&trailing), "archive-trailing");
    let mut wrong_checksum = whole.clone();
    let position = wrong_checksum.len() - 6;
    wrong_checksum[position] ^= 1;
    assert_eq!(code(&wrong_checksum), "archive-corrupt");
    assert_eq!(code(&gzip(&[b'x'; 2_048])), "archive-corrupt", "gzip, but no tar");
    assert_eq!(code(&gzip(&bloc(b"a", b'0', 9_999, b"short"))), "archive-truncated");
    assert_eq!(code(&tar_gz(&[])), "archive-empty");
    let mut hidden = [fichier(b"a", b"x"), vec![0; 1_024], fichier(b"b", b"hidden")].concat();
    hidden.extend_from_slice(&[0; 1_024]);
    assert_eq!(code(&gzip(&hidden)), "archive-trailing", "nothing hides behind the end");
}

#[test]
fn several_gzip_members_are_one_archive() {
    let mut tar = fichier(b"a", &[7; 3_000]);
    tar.extend_from_slice(&[0; 1_024]);
    let (before, after) = tar.split_at(700);
    let octets = [gzip(before), gzip(b""), gzip(after)].concat();
    assert_eq!(read(octets.as_slice()).unwrap(), [entree("a", &[7; 3_000])]);
    assert_eq!(code(&[archive(&[entree("a", b"")]), gzip(b"").repeat(40_000)].concat()), "archive-members");
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let bounds = Bounds { expanded_bytes_max: 100_000, ..Bounds::default() };
    let bomb = archive(&[entree("petit", b"x"), entree("bombe", &vec![0; 5_000_000])]);
    assert!(bomb.len() < 10_000);
    let error = read_within(bomb.as_slice(), bounds).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("bombe")), ("archive-bomb", true), "{error}");
    let many: Vec<_> = (0..60).map(|n| entree(&n.to_string(), &[0; 2_000])).collect();
    assert_eq!(read_within(archive(&many).as_slice(), bounds).unwrap_err().code(), "archive-bomb");
    // Zeros behind the end of the tar expand too.
    let tail = [archive(&[entree("a", b"x")]), gzip(&vec![0; 5_000_000])].concat();
    assert_eq!(read_within(tail.as_slice(), bounds).unwrap_err().code(), "archive-bomb");
    // An announced size alone sets nothing aside.
    assert_eq!(code(&tar_gz(&[bloc(b"a", b'0', EXPANDED_BYTES_MAX + 1, b"")])), "archive-bomb");
    let bounds = Bounds { entries_max: 59, ..Bounds::default() };
    assert_eq!(read_within(archive(&many).as_slice(), bounds).unwrap_err().code(), "archive-entries");
}

#[test]
fn the_limit_of_actes_is_the_last_byte_taken() {
    let octets = archive(&[entree("a", b"x")]);
    let bytes = octets.len() as u64;
    let at = |compressed_bytes_max| {
        read_within(octets.as_slice(), Bounds { compressed_bytes_max, ..Bounds::default() }).map_err(|e| e.code())
    };
    assert!(at(bytes).is_ok());
    assert_eq!(at(bytes - 1).unwrap_err(), "archive-too-large");
}

/// A gzip stream of stored blocks without end: one entry of 200 MB.
struct Stored {
    pending: Vec<u8>,
    given: u64,
}

impl Read for Stored {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            let data = if self.given == 0 { bloc(b"gros", b'0', 200_000_000, b"") } else { vec![0xa5; 0xffff] };
            if self.given == 0 {
                self.pending.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
            }
            let length = u16::try_from(data.len()).unwrap();
            self.pending.push(0);
            self.pending.extend_from_slice(&length.to_le_bytes());
            self.pending.extend_from_slice(&(!length).to_le_bytes());
            self.pending.extend_from_slice(&data);
        }
        let n = buf.len().min(self.pending.len());
        buf[..n].copy_from_slice(&self.pending[..n]);
        self.pending.drain(..n);
        self.given += n as u64;
        Ok(n)
    }
}

#[test]
fn a_stream_past_the_real_limit_is_cut_there() {
    let mut endless = Stored { pending: Vec::new(), given: 0 };
    assert_eq!(read(&mut endless).unwrap_err().code(), "archive-too-large");
    assert!(endless.given > 157_286_400 && endless.given < 157_286_400 + 100_000, "{}", endless.given);
}
