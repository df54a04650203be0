//! Reads an archive, a folder, or a message alone, each within bounds.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use super::super::erreur::Detail;
use crate::formats::actes::archive::{self, Entree};
use crate::formats::actes::identifiants::Identifiants;
use crate::formats::actes::lot::{Lot, MessageRefuse};
use crate::formats::actes::nom::NomFichier;

/// Largest message or folder file read, in bytes: what an archive may hold.
pub(super) const FILE_BYTES_MAX: u64 = 157_286_400;

/// Most files of one folder.
const FOLDER_FILES_MAX: usize = 1_000;

/// Whether a name is that of an archive.
pub(super) fn is_archive(file: &Path) -> bool {
    file.file_name().and_then(|nom| nom.to_str()).is_some_and(|nom| nom.to_ascii_lowercase().ends_with(".tar.gz"))
}

/// The submission in a file or folder.
pub(super) fn read(file: &Path) -> anyhow::Result<Lot> {
    let today = jiff::Zoned::now().date();
    let coded = |code: &str, error: &dyn std::fmt::Display| {
        anyhow::Error::new(Detail(error.to_string())).context(format!("rien d'@CTES ne s'y lit [{code}]"))
    };
    if file.is_dir() {
        let entries = read_folder(file)?;
        return Lot::from_entries(entries, today).map_err(|error| coded(error.code(), &error));
    }
    let opened = File::open(file).context("fichier illisible")?;
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml")) {
        let nom = file.file_name().and_then(|nom| nom.to_str()).context("le nom du fichier n'est pas de l'UTF-8")?;
        let octets = read_all(opened)?;
        return Lot::from_message(nom.to_owned(), octets.clone(), today).or_else(|error| {
            // A message of the State that can't be read is put aside: nobody will send it again.
            if !is_of_the_state(nom) {
                return Err(coded(error.code(), &error));
            }
            let refused = MessageRefuse {
                nom: nom.to_owned(),
                octets: Some(octets),
                identifiants: Identifiants::sans_message(nom, None),
                code: error.code(),
                detail: error.to_string(),
            };
            Ok(Lot {
                enveloppe: None,
                messages: Vec::new(),
                refuses: vec![refused],
                autres: Vec::new(),
                ecarts: Vec::new(),
            })
        });
    }
    let entries = archive::read(opened).map_err(|error| coded(error.code(), &error))?;
    Lot::from_entries(entries, today).map_err(|error| coded(error.code(), &error))
}

/// Whether a file's name is that of a message of the State.
fn is_of_the_state(nom: &str) -> bool {
    nom.starts_with("ANO_") || NomFichier::parse(nom).is_some_and(|lu| lu.code.est_de_l_etat())
}

fn read_all(file: File) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_BYTES_MAX {
        bail!("[too-large] plus de {FILE_BYTES_MAX} octets");
    }
    Ok(octets)
}

fn read_folder(folder: &Path) -> anyhow::Result<Vec<Entree>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            bail!("{} n'est pas un fichier ordinaire", entry.path().display());
        }
        if entries.len() == FOLDER_FILES_MAX {
            bail!("plus de {FOLDER_FILES_MAX} fichiers");
        }
        let nom =
            entry.file_name().into_string().map_err(|nom| anyhow::anyhow!("{} n'est pas de l'UTF-8", nom.display()))?;
        entries.push(Entree { nom, octets: read_all(File::open(entry.path())?)? });
    }
    entries.sort_by(|a, b| a.nom.cmp(&b.nom));
    Ok(entries)
}
