//! `greffe actes import`: ACTES archives, folders or messages, as anyone's.
//!
//! For each act: is it recorded already with the same message? Else deposit its files, sign, post, keep the receipt. Nothing
//! is recorded twice; what can't be recorded is named with its reason, and the rest goes on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use greffe_events::catalogue::Data;
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, RolePiece};

use super::client::{Client, Posted};
use super::erreur::{self, Detail};
use super::kept::keep_receipt;
use super::{Outcome, Target, print, progress_bar, say};
use crate::formats::actes::archive::{self, Entree};
use crate::formats::actes::evenements::{Issue, Proposition, evenements};
use crate::formats::actes::lot::Lot;
use crate::ledger::folder::read_secret_key;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dépose des archives ACTES (.tar.gz), des archives dépaquetées (un dossier par archive), ou des accusés reçus seuls (.xml).
    Import {
        /// Fichiers ou dossiers.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Où écrire les reçus ; à côté de chaque fichier par défaut.
        #[arg(long, value_name = "DOSSIER")]
        receipts: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
}

/// Largest message or folder file read, in bytes: what an archive may hold.
const FILE_BYTES_MAX: u64 = 157_286_400;

/// Most files of one folder.
const FOLDER_FILES_MAX: usize = 1_000;

/// How an import went.
#[derive(Debug, Default)]
pub struct Summary {
    /// Events recorded now.
    pub recorded: usize,
    /// Recorded before.
    pub known: usize,
    /// Recognised, no event for it yet.
    pub not_yet: usize,
    /// Refused or unreadable.
    pub failed: usize,
}

impl Summary {
    fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.known += other.known;
        self.not_yet += other.not_yet;
        self.failed += other.failed;
    }
}

pub fn run(command: &Command) -> Outcome {
    let Command::Import { files, receipts, target } = command;
    let client = Client::connect(&target.url)?;
    let [key] = target.key.as_slice() else { bail!("un import se signe avec une seule clé") };
    let key = read_secret_key(key)?;
    let bar = progress_bar("Import");
    bar.set_length(files.len() as u64);
    let mut summary = Summary::default();
    for file in files {
        let mut lines = Vec::new();
        let some = import(&client, &key, std::slice::from_ref(file), receipts.as_deref(), &mut |line| {
            lines.push(line.to_owned());
        })?;
        bar.suspend(|| lines.iter().try_for_each(print))?;
        summary.add(&some);
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(format_args!(
        "{} enregistré(s), {} déjà connu(s), {} laissé(s) de côté, {} en échec",
        summary.recorded, summary.known, summary.not_yet, summary.failed
    ));
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Imports files in the order given; one that fails holds no other up.
///
/// `tell` hears one line per message.
pub fn import(
    client: &Client,
    key: &SecretKey,
    files: &[PathBuf],
    receipts: Option<&Path>,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    for file in files {
        let beside = file.parent().map(Path::to_owned).unwrap_or_default();
        let folder = receipts.map_or(beside, Path::to_owned);
        match read(file) {
            Ok(lot) => import_lot(client, key, file, &lot, &folder, &mut summary, tell)?,
            Err(reason) => {
                summary.failed += 1;
                tell(&format!("{} : échec : {}", file.display(), erreur::dire(&reason)));
            }
        }
    }
    Ok(summary)
}

fn import_lot(
    client: &Client,
    key: &SecretKey,
    file: &Path,
    lot: &Lot,
    receipts: &Path,
    summary: &mut Summary,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let ecarts = lot.ecarts.iter().chain(lot.enveloppe.iter().flat_map(|enveloppe| &enveloppe.ecarts));
    for ecart in ecarts.chain(lot.messages.iter().flat_map(|message| &message.ecarts)) {
        tell(&format!("{} : écart [{}] {ecart}", file.display(), ecart.code()));
    }
    let mut no_random = None;
    let mut sel = || {
        let mut bytes = [0; 32];
        if let Err(error) = getrandom::fill(&mut bytes) {
            no_random = Some(error);
        }
        bytes
    };
    let issues = evenements(lot, &mut sel);
    if let Some(error) = no_random {
        return Err(anyhow::Error::new(error).context("le système ne donne pas d'aléa"));
    }
    for (nom, issue) in issues {
        let place = format!("{} : {nom}", file.display());
        match issue {
            Issue::Evenement(proposition) => match submit(client, key, &proposition, receipts) {
                Ok(Some(index)) => {
                    summary.recorded += 1;
                    tell(&format!("{place} : {} enregistré à l'indice {index}", proposition.id));
                }
                Ok(None) => {
                    summary.known += 1;
                    tell(&format!("{place} : {} déjà enregistré", proposition.id));
                }
                Err(reason) => {
                    summary.failed += 1;
                    tell(&format!("{place} : échec : {}", erreur::dire(&reason)));
                }
            },
            Issue::PasEncore(code) => {
                summary.not_yet += 1;
                tell(&format!(
                    "{place} : message {} reconnu, pas encore enregistrable ; fichier laissé en place",
                    code.as_str()
                ));
            }
            Issue::Impossible(code, detail) => {
                summary.failed += 1;
                tell(&format!("{place} : échec [{code}] : {detail}"));
            }
        }
    }
    Ok(())
}

/// Reads an archive, a folder, or a message alone.
fn read(file: &Path) -> anyhow::Result<Lot> {
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
        return Lot::from_message(nom.to_owned(), octets, today).map_err(|error| coded(error.code(), &error));
    }
    let entries = archive::read(opened).map_err(|error| coded(error.code(), &error))?;
    Lot::from_entries(entries, today).map_err(|error| coded(error.code(), &error))
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

/// Records what a message says; none where it was recorded before.
fn submit(client: &Client, key: &SecretKey, proposition: &Proposition, receipts: &Path) -> anyhow::Result<Option<u64>> {
    let what = match &proposition.data {
        Data::ActeAccuseReception(_) => "accuse",
        _ => "acte",
    };
    let receipt_file = receipts.join(format!("{}.{what}.recu.json", proposition.id));
    if let Some(index) = recorded_at(client, key, proposition)? {
        if !receipt_file.exists()
            && let Some(receipt) = client.receipt(key, index)?
        {
            keep_receipt(&receipt_file, &receipt)?;
        }
        return Ok(None);
    }
    for fichier in &proposition.fichiers {
        client.deposit(key, &fichier.octets, fichier.sha256, fichier.sel, fichier.nom.as_deref())?;
    }
    let source = Organisation::Siren(proposition.id.siren);
    let time = Horodatage::from_unix_ms(client.now_ms());
    let subject = proposition.id.dossier();
    let payload = Event::write(client.new_id(), &source, &subject, time, client.origin(), &proposition.data);
    let envelope = Envelope::sign(payload, &[key])?;
    let receipt = match client.post(&envelope)? {
        Posted::New(receipt) | Posted::Known(receipt) => receipt,
        Posted::Refused(problem) => bail!("{problem}"),
    };
    keep_receipt(&receipt_file, &receipt)?;
    Ok(Some(receipt.index))
}

/// The leaf that already holds this very message with these very files, if one does.
fn recorded_at(client: &Client, key: &SecretKey, proposition: &Proposition) -> anyhow::Result<Option<u64>> {
    let path = format!("/v1/actes/{}", proposition.id);
    // With what was recorded a moment ago; where the view can't follow now, as it is.
    let newest = client.size()?.saturating_sub(1);
    let acte = client.get_json(key, &format!("{path}?at_least={newest}")).or_else(|_| client.get_json(key, &path))?;
    let Some(acte) = acte else { return Ok(None) };
    let theirs = acte.get("pieces").and_then(|pieces| pieces.as_array()).cloned().unwrap_or_default();
    let mut index = None;
    for (ours, piece) in proposition.fichiers.iter().zip(proposition.data.pieces()) {
        // Confidential fields are taken out of the message: the same message has the same ones.
        if piece.role == RolePiece::Confidentiel {
            continue;
        }
        let mut found = None;
        for candidate in &theirs {
            let text = |name: &str| candidate.get(name).and_then(|value| value.as_str()).unwrap_or_default();
            let number = |name: &str| candidate.get(name).and_then(serde_json::Value::as_u64);
            let is_same_kind = candidate.get("role") == serde_json::to_value(piece.role).ok().as_ref();
            if is_same_kind
                && number("taille") == Some(piece.taille)
                && client
                    .get_piece(key, text("reference"), FILE_BYTES_MAX)?
                    .is_some_and(|octets| Empreinte::of(&octets) == ours.sha256)
            {
                found = number("index");
                break;
            }
        }
        if found.is_none() {
            return Ok(None);
        }
        if piece.role == RolePiece::Message {
            index = found;
        }
    }
    Ok(index)
}
