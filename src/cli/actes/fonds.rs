//! What is to be imported, in which order, and what of it was done before.
//!
//! Archives of a folder are taken by the day that their names bear, the collectivité's before the State's of that day, then by their
//! serial; what has another name comes after, by name. An answer that comes before its act waits until all others were taken.
//!
//! `greffe-import.jsonl`, beside the receipts, has one line for each archive that went well: into which log and in which voice, its name, its
//! digest, how it went. An archive of the same digest is not taken into that log again, so that an import that was broken off goes on where it was; delete the file to
//! have everything looked at anew. The node records nothing twice in any case.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use greffe_events::piece::Empreinte;
use sha2::{Digest, Sha256};

use super::depot::{Depot, Inconnus};
use super::lecture::is_archive;
use super::{Summary, receipts_folder};
use crate::formats::actes::nom::{Auteur, NomArchive};

/// Most archives of one folder: a region's year and more.
const ARCHIVES_MAX: usize = 1_000_000;

/// Name of the list of what was done.
const FAIT: &str = "greffe-import.jsonl";

/// What is to be imported.
pub(super) struct Plan {
    files: Vec<Place>,
}

struct Place {
    file: PathBuf,
    receipts: PathBuf,
    /// Of a folder of archives: where it is noted that it was done.
    noted: Option<PathBuf>,
}

/// Looks at what is to be imported.
pub(super) fn plan(files: &[PathBuf], receipts: Option<&Path>) -> anyhow::Result<Plan> {
    let mut all = Vec::new();
    for file in files {
        let archives = if file.is_dir() { archives_of(file)? } else { Vec::new() };
        if archives.is_empty() {
            all.push(Place { file: file.clone(), receipts: receipts_folder(file, receipts), noted: None });
            continue;
        }
        let folder = receipts.map_or_else(|| file.clone(), Path::to_owned);
        let noted = folder.join(FAIT);
        all.extend(archives.into_iter().map(|archive| Place {
            file: archive,
            receipts: folder.clone(),
            noted: Some(noted.clone()),
        }));
    }
    Ok(Plan { files: all })
}

/// The archives of a folder, in the order in which they were made.
fn archives_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut archives = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} : dossier illisible", folder.display()))? {
        let path = entry?.path();
        if is_archive(&path) && path.is_file() {
            if archives.len() == ARCHIVES_MAX {
                bail!("{} : plus de {ARCHIVES_MAX} archives", folder.display());
            }
            archives.push(path);
        }
    }
    archives.sort_by_cached_key(|path| order(path));
    Ok(archives)
}

fn order(path: &Path) -> impl Ord + use<> {
    let nom = path.file_name().map(|nom| nom.to_string_lossy().into_owned()).unwrap_or_default();
    let lu = NomArchive::parse(&nom).map(|lu| {
        let is_of_state = !matches!(lu.enveloppe.auteur, Auteur::Collectivite(_));
        (lu.enveloppe.date, is_of_state, lu.enveloppe.serie.get())
    });
    (lu.is_none(), lu, nom)
}

impl Plan {
    /// How many files.
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    /// Imports all; `tell` hears the lines of each file, and whether it is done with.
    pub(super) fn import(
        &self,
        depot: &mut Depot<'_>,
        tell: &mut dyn FnMut(&[String], bool) -> anyhow::Result<()>,
    ) -> anyhow::Result<Summary> {
        let mut summary = Summary::default();
        let mut waiting = Vec::new();
        let mut done = Fait { registre: depot.registre(), ..Fait::default() };
        for place in &self.files {
            let digest = place.noted.as_ref().map(|noted| done.look(noted, &place.file)).transpose()?;
            if let Some((_, true)) = digest {
                summary.known += 1;
                tell(&[], true)?;
                continue;
            }
            let mut lines = Vec::new();
            let mut hear = |line: &str| lines.push(line.to_owned());
            let (some, waits) = depot.file(&place.file, &place.receipts, Inconnus::Attendent, &mut hear)?;
            summary.add(&some);
            if waits {
                waiting.push((place, digest.map(|(digest, _)| digest)));
            } else if let (Some(noted), Some((digest, _)), 0) = (&place.noted, digest, some.failed) {
                done.note(noted, &place.file, digest, &some)?;
            }
            tell(&lines, !waits)?;
        }
        // All acts of this import are there now.
        for (place, digest) in waiting {
            let mut lines = Vec::new();
            let mut hear = |line: &str| lines.push(line.to_owned());
            let (some, _) = depot.file(&place.file, &place.receipts, Inconnus::EnQuarantaine, &mut hear)?;
            summary.add(&some);
            if let (Some(noted), Some(digest), 0) = (&place.noted, digest, some.failed) {
                done.note(noted, &place.file, digest, &some)?;
            }
            tell(&lines, true)?;
        }
        Ok(summary)
    }
}

/// What was done before.
#[derive(Default)]
struct Fait {
    /// Into which log, and in which voice.
    registre: String,
    read: HashSet<PathBuf>,
    digests: HashSet<Empreinte>,
}

impl Fait {
    /// The digest of an archive, and whether it was done with.
    fn look(&mut self, noted: &Path, file: &Path) -> anyhow::Result<(Empreinte, bool)> {
        if self.read.insert(noted.to_owned())
            && let Ok(list) = File::open(noted)
        {
            for line in BufReader::new(list).lines() {
                // A line that was cut off by a crash tells nothing: its archive is looked at again.
                let line = serde_json::from_str::<serde_json::Value>(&line?).ok();
                let digest = line.filter(|line| line["registre"] == self.registre.as_str());
                let digest =
                    digest.and_then(|line| line["sha256"].as_str().and_then(|text| text.parse::<Empreinte>().ok()));
                self.digests.extend(digest);
            }
        }
        let digest = digest_of(file)?;
        Ok((digest, self.digests.contains(&digest)))
    }

    fn note(&mut self, noted: &Path, file: &Path, digest: Empreinte, how: &Summary) -> anyhow::Result<()> {
        let line = serde_json::json!({
            "registre": self.registre,
            "archive": file.file_name().map(|nom| nom.to_string_lossy().into_owned()),
            "sha256": digest.to_string(),
            "enregistres": how.recorded, "deja_connus": how.known, "en_quarantaine": how.set_aside,
        });
        let mut list = OpenOptions::new().create(true).append(true).open(noted)?;
        writeln!(list, "{line}")?;
        self.digests.insert(digest);
        Ok(())
    }
}

fn digest_of(file: &Path) -> anyhow::Result<Empreinte> {
    let mut opened = File::open(file).with_context(|| format!("{} : fichier illisible", file.display()))?;
    let (mut hasher, mut bytes) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match opened.read(&mut bytes)? {
            0 => return Ok(Empreinte(hasher.finalize().into())),
            count => hasher.update(&bytes[..count]),
        }
    }
}
