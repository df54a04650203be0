//! The archive: gzip over tar, a flat list of files.
//!
//! Format: RFC 1952 (one or more members) over POSIX ustar, with the GNU `L` and PAX `x` long names. Bounds:
//! ACTES limits an archive to 157,286,400 bytes; the others are ours, against archives made to harm.
//!
//! Refused rather than repaired: links, devices, sparse files, paths, repeated names, bytes after the end. An
//! archive holds one list of files for every reader, or it is not taken: a PAX `size` that differs from
//! the header's, which readers interpret differently, is refused too.
//!
//! It does not look at what the files say ([`super::lot`] does) and writes nothing to disk.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header, PaxExtensions};
use thiserror::Error;

use flux::{Gunzip, Plafond};

mod flux;

/// Largest archive, compressed: the limit that ACTES sets (150 MiB).
pub const COMPRESSED_BYTES_MAX: u64 = 157_286_400;
/// Largest expansion, tar headers included (design §11): seven times the largest archive, since PDF hardly shrinks.
pub const EXPANDED_BYTES_MAX: u64 = 1 << 30;
/// Most files in one archive: an act with its annexes seldom has 100; a bulk deposit has some hundreds of acts.
pub const ENTRIES_MAX: usize = 5_000;
/// Longest file name: what common file systems take. The normalised form needs under 70.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest PAX or GNU extension: it carries one name and a few times, so a page is plenty.
const EXTENSION_BYTES_MAX: u64 = 4_096;
/// What is set aside for a file before its bytes arrive: a header may announce what never comes.
const INITIAL_CAPACITY_BYTES_MAX: u64 = 1 << 20;

/// Why an archive is not taken. `entry` names the entry concerned, as far as it could be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The archive itself passes the limit.
    #[error("the archive is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// What it expands to passes the limit.
    #[error("the archive expands to more than {bytes_max} bytes (at {entry:?})")]
    Bomb {
        /// The limit.
        bytes_max: u64,
        /// The entry being read.
        entry: String,
    },
    /// Not a gzip stream.
    #[error("the archive is not a gzip stream")]
    NotGzip,
    /// The bytes end too early.
    #[error("the archive is truncated (at {entry:?})")]
    Truncated {
        /// The entry being read.
        entry: String,
    },
    /// Bytes follow the end of the gzip stream or of the tar.
    #[error("bytes follow the end of the archive")]
    Trailing,
    /// Damaged: checksum, compressed data, tar header.
    #[error("the archive is damaged (at {entry:?}): {why}")]
    Corrupt {
        /// The entry being read.
        entry: String,
        /// What does not hold.
        why: String,
    },
    /// More gzip members than any tool makes.
    #[error("the archive has more than {members_max} gzip members")]
    TooManyMembers {
        /// The limit.
        members_max: u32,
    },
    /// More files than the limit.
    #[error("the archive has more than {entries_max} entries (at {entry:?})")]
    TooManyEntries {
        /// The limit.
        entries_max: usize,
        /// The first entry too many.
        entry: String,
    },
    /// A hard or symbolic link.
    #[error("{entry:?} is a link")]
    Link {
        /// The entry.
        entry: String,
    },
    /// A device or a fifo.
    #[error("{entry:?} is a device or a fifo")]
    Device {
        /// The entry.
        entry: String,
    },
    /// Another kind of entry than a plain file: sparse, continuous, vendor's own.
    #[error("{entry:?} is of a kind that is not taken ({kind:?})")]
    Kind {
        /// The entry.
        entry: String,
        /// The tar type byte.
        kind: char,
    },
    /// A name that is a path: absolute, `..`, a directory, a backslash, a control character, or empty.
    #[error("{entry:?} is not a plain file name: {why}")]
    Path {
        /// The entry.
        entry: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// A name that is not UTF-8.
    #[error("the name {entry:?} is not UTF-8")]
    NameEncoding {
        /// The name, undecodable bytes replaced.
        entry: String,
    },
    /// A name over the limit.
    #[error("the name {entry:?} is longer than {bytes_max} bytes")]
    NameTooLong {
        /// The beginning of the name.
        entry: String,
        /// The limit.
        bytes_max: usize,
    },
    /// Two entries of one name.
    #[error("{entry:?} occurs twice")]
    Duplicate {
        /// The name.
        entry: String,
    },
    /// No file at all.
    #[error("the archive holds no file")]
    Empty,
    /// The reader or the writer failed.
    #[error("reading or writing the archive: {0}")]
    Io(io::Error),
}

impl ArchiveError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "archive-too-large",
            Self::Bomb { .. } => "archive-bomb",
            Self::NotGzip => "archive-not-gzip",
            Self::Truncated { .. } => "archive-truncated",
            Self::Trailing => "archive-trailing",
            Self::Corrupt { .. } => "archive-corrupt",
            Self::TooManyMembers { .. } => "archive-members",
            Self::TooManyEntries { .. } => "archive-entries",
            Self::Link { .. } => "archive-link",
            Self::Device { .. } => "archive-device",
            Self::Kind { .. } => "archive-kind",
            Self::Path { .. } => "archive-path",
            Self::NameEncoding { .. } => "archive-name-encoding",
            Self::NameTooLong { .. } => "archive-name-too-long",
            Self::Duplicate { .. } => "archive-duplicate",
            Self::Empty => "archive-empty",
            Self::Io(_) => "archive-io",
        }
    }
}

/// One file of an archive or of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entree {
    /// Its name, without any directory.
    pub nom: String,
    /// Its bytes.
    pub octets: Vec<u8>,
}

impl From<(String, Vec<u8>)> for Entree {
    fn from((nom, octets): (String, Vec<u8>)) -> Self {
        Self { nom, octets }
    }
}

/// The bounds of a reading.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// See [`COMPRESSED_BYTES_MAX`].
    pub compressed_bytes_max: u64,
    /// See [`EXPANDED_BYTES_MAX`].
    pub expanded_bytes_max: u64,
    /// See [`ENTRIES_MAX`].
    pub entries_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            compressed_bytes_max: COMPRESSED_BYTES_MAX,
            expanded_bytes_max: EXPANDED_BYTES_MAX,
            entries_max: ENTRIES_MAX,
        }
    }
}

/// Reads a `.tar.gz` into its files, in their order, within the default bounds.
///
/// Stops at the first byte past a bound: memory stays under the expansion limit.
pub fn read(input: impl Read) -> Result<Vec<Entree>, ArchiveError> {
    read_within(input, Bounds::default())
}

/// [`read`] within given bounds.
pub fn read_within(input: impl Read, bounds: Bounds) -> Result<Vec<Entree>, ArchiveError> {
    let compressed = Plafond::new(input, bounds.compressed_bytes_max, || ArchiveError::TooLarge {
        bytes_max: bounds.compressed_bytes_max,
    });
    let expanded = Plafond::new(Gunzip::new(compressed), bounds.expanded_bytes_max, || ArchiveError::Bomb {
        bytes_max: bounds.expanded_bytes_max,
        entry: String::new(),
    });
    let mut archive = tar::Archive::new(expanded);
    let entrees = read_entries(&mut archive, bounds)?;
    // To the very end: the last gzip checksum is verified there, and nothing may hide behind the tar.
    let mut rest = archive.into_inner();
    let mut block = [0; 8_192];
    loop {
        match rest.read(&mut block).map_err(|e| flux::cause(e, ""))? {
            0 => break,
            n if block[..n].iter().all(|b| *b == 0) => {}
            _ => return Err(ArchiveError::Trailing),
        }
    }
    if entrees.is_empty() { Err(ArchiveError::Empty) } else { Ok(entrees) }
}

/// What a `L` or `x` entry says of the next one.
#[derive(Default)]
struct Extension {
    nom_gnu: Option<Vec<u8>>,
    nom_pax: Option<Vec<u8>>,
    size_bytes: Option<u64>,
}

fn read_entries<R: Read>(archive: &mut tar::Archive<R>, bounds: Bounds) -> Result<Vec<Entree>, ArchiveError> {
    let mut entrees: Vec<Entree> = Vec::new();
    let mut noms = HashSet::new();
    let mut extension = Extension::default();
    let mut dernier = String::new();
    let iterator = archive.entries().map_err(|e| flux::cause(e, ""))?.raw(true);
    for entry in iterator {
        let mut entry = entry.map_err(|e| flux::cause(e, &dernier))?;
        let kind = entry.header().entry_type();
        let size_bytes = entry.size();
        let brut = entry.header().path_bytes().into_owned();
        let shown = shown(&brut);
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader) {
            read_extension(&mut entry, kind, size_bytes, &shown, &mut extension)?;
            continue;
        }
        let Extension { nom_gnu, nom_pax, size_bytes: pax_size_bytes } = std::mem::take(&mut extension);
        let brut = nom_pax.or(nom_gnu).unwrap_or(brut);
        dernier = self::shown(&brut);
        if pax_size_bytes.is_some_and(|size| size != size_bytes) {
            return Err(corrupt(&dernier, "PAX and header give two sizes"));
        }
        check_kind(kind, &dernier)?;
        let nom = check_bytes(&brut, kind == EntryType::Directory)?;
        if kind == EntryType::Directory {
            continue;
        }
        if size_bytes > bounds.expanded_bytes_max {
            return Err(ArchiveError::Bomb { bytes_max: bounds.expanded_bytes_max, entry: dernier });
        }
        if entrees.len() == bounds.entries_max {
            return Err(ArchiveError::TooManyEntries { entries_max: bounds.entries_max, entry: dernier });
        }
        if !noms.insert(nom.clone()) {
            return Err(ArchiveError::Duplicate { entry: nom });
        }
        let capacity = usize::try_from(size_bytes.min(INITIAL_CAPACITY_BYTES_MAX)).unwrap_or_default();
        let mut octets = Vec::with_capacity(capacity);
        entry.read_to_end(&mut octets).map_err(|e| flux::cause(e, &nom))?;
        if octets.len() as u64 != size_bytes {
            return Err(ArchiveError::Truncated { entry: nom });
        }
        entrees.push(Entree { nom, octets });
    }
    if extension.nom_gnu.is_some() || extension.nom_pax.is_some() {
        return Err(ArchiveError::Truncated { entry: dernier });
    }
    Ok(entrees)
}

fn read_extension(
    entry: &mut impl Read,
    kind: EntryType,
    size_bytes: u64,
    shown: &str,
    extension: &mut Extension,
) -> Result<(), ArchiveError> {
    if size_bytes > EXTENSION_BYTES_MAX {
        return Err(ArchiveError::NameTooLong { entry: shown.to_owned(), bytes_max: NAME_BYTES_MAX });
    }
    let mut octets = Vec::new();
    entry.read_to_end(&mut octets).map_err(|e| flux::cause(e, shown))?;
    if octets.len() as u64 != size_bytes {
        return Err(ArchiveError::Truncated { entry: shown.to_owned() });
    }
    if kind == EntryType::GNULongName {
        // GNU ends the name with one NUL.
        if octets.last() == Some(&0) {
            octets.pop();
        }
        return match extension.nom_gnu.replace(octets) {
            None => Ok(()),
            Some(_) => Err(corrupt(shown, "two long names for one entry")),
        };
    }
    for record in PaxExtensions::new(&octets) {
        let record = record.map_err(|_| corrupt(shown, "unreadable PAX record"))?;
        let key = record.key_bytes();
        let decides = key == b"path" || key == b"size" || key.starts_with(b"GNU.sparse");
        if decides && (kind == EntryType::XGlobalHeader || key.starts_with(b"GNU")) {
            return Err(corrupt(shown, "a PAX record that readers interpret differently"));
        }
        if key == b"path" && extension.nom_pax.replace(record.value_bytes().to_vec()).is_some() {
            return Err(corrupt(shown, "two PAX names for one entry"));
        }
        if key == b"size" {
            let size = record.value().ok().and_then(|v| v.parse().ok());
            extension.size_bytes = Some(size.ok_or_else(|| corrupt(shown, "unreadable PAX size"))?);
        }
    }
    Ok(())
}

fn corrupt(entry: &str, why: &str) -> ArchiveError {
    ArchiveError::Corrupt { entry: entry.to_owned(), why: why.to_owned() }
}

fn check_kind(kind: EntryType, shown: &str) -> Result<(), ArchiveError> {
    let entry = shown.to_owned();
    match kind {
        EntryType::Regular | EntryType::Directory => Ok(()),
        EntryType::Link | EntryType::Symlink | EntryType::GNULongLink => Err(ArchiveError::Link { entry }),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Err(ArchiveError::Device { entry }),
        other => Err(ArchiveError::Kind { entry, kind: char::from(other.as_byte()) }),
    }
}

/// A name as an error repeats it: its first characters, whatever its bytes.
fn shown(brut: &[u8]) -> String {
    const SHOWN_CHARS_MAX: usize = 120;
    String::from_utf8_lossy(brut).chars().take(SHOWN_CHARS_MAX).collect()
}

fn check_bytes(brut: &[u8], directory: bool) -> Result<String, ArchiveError> {
    if brut.len() > NAME_BYTES_MAX {
        return Err(ArchiveError::NameTooLong { entry: shown(brut), bytes_max: NAME_BYTES_MAX });
    }
    let texte = std::str::from_utf8(brut).map_err(|_| ArchiveError::NameEncoding { entry: shown(brut) })?;
    let texte = if directory { texte.strip_suffix('/').unwrap_or(texte) } else { texte };
    let nom = texte.strip_prefix("./").unwrap_or(texte);
    if directory && (nom.is_empty() || nom == ".") && !texte.is_empty() {
        return Ok(String::new());
    }
    check_nom(nom)?;
    Ok(nom.to_owned())
}

/// Whether a text is a plain file name: what an archive may hold, and what a folder may give in its place.
pub fn check_nom(nom: &str) -> Result<(), ArchiveError> {
    let path = |why| Err(ArchiveError::Path { entry: shown(nom.as_bytes()), why });
    match nom {
        "" => path("it is empty"),
        "." | ".." => path("it names a directory"),
        _ if nom.len() > NAME_BYTES_MAX => {
            Err(ArchiveError::NameTooLong { entry: shown(nom.as_bytes()), bytes_max: NAME_BYTES_MAX })
        }
        _ if nom.starts_with('/') => path("it is absolute"),
        _ if nom.split('/').any(|part| part == "..") => path("it climbs with '..'"),
        _ if nom.contains('/') => path("it is in a directory"),
        _ if nom.contains('\\') => path("it holds a backslash"),
        _ if nom.chars().any(char::is_control) => path("it holds a control character"),
        _ => Ok(()),
    }
}

/// Writes files as a `.tar.gz`, in the given order, mode 0644: the same input gives the same bytes.
pub fn write(entrees: &[Entree], mtime_s: u32, output: impl Write) -> Result<(), ArchiveError> {
    let mut noms = HashSet::new();
    let mut builder = Builder::new(GzBuilder::new().mtime(mtime_s).write(output, Compression::default()));
    for Entree { nom, octets } in entrees {
        check_nom(nom)?;
        if !noms.insert(nom) {
            return Err(ArchiveError::Duplicate { entry: nom.clone() });
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(u64::from(mtime_s));
        header.set_size(octets.len() as u64);
        builder.append_data(&mut header, nom, octets.as_slice()).map_err(ArchiveError::Io)?;
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(ArchiveError::Io)?;
    Ok(())
}

#[cfg(test)]
mod tests;
