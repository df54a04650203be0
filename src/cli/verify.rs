//! `greffe verify`: a whole history, an extract or one receipt, trusting only the log's key.
//!
//! Exit codes: 0 all holds against the pinned key; 1 any doubt; 2 it could not be examined; 3 all holds, but no key was pinned.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};

use super::client::Client;
use super::{Outcome, erreur, now_ms, print, progress_bar, say};
use crate::audit::{
    Control, ReceiptError, Report, TokenProvider, verify_extract, verify_folder, verify_receipt, verify_url,
};
use crate::extrait::conteneur::est_tar;
use crate::ledger::folder::read_secret_key;
use crate::tlog::Verifier;

/// Largest receipt or checkpoint read, in bytes: a leaf in base64 and its proof.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A reader token is renewed after this many seconds; it is good for five minutes.
const TOKEN_RENEWED_AFTER_S: u64 = 120;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Adresse d'un nœud, dossier d'un registre (ou sa copie), extrait (.tar), ou reçu (.recu.json, .tlog-proof).
    what: String,
    /// Clé du registre, obtenue par ailleurs : le texte lui-même, ou un fichier qui le contient.
    #[arg(long, env = "GREFFE_VKEY")]
    vkey: Option<String>,
    /// Point de contrôle plus ancien, gardé par vous : l'historique doit le prolonger.
    #[arg(long, value_name = "FICHIER")]
    since: Option<PathBuf>,
    /// Clé enrôlée qui peut lire tout le registre (opérateur, auditeur), pour vérifier un nœud à distance.
    #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
    key: Option<PathBuf>,
    /// Écrit le rapport en JSON sur la sortie standard.
    #[arg(long)]
    json: bool,
}

/// It could not be examined: nothing speaks for or against it.
const NOT_EXAMINED: u8 = 2;

pub fn run(args: &Args) -> Outcome {
    verify(args).or_else(|error| {
        say(format_args!("greffe : rien n'a pu être vérifié : {}", erreur::dire(&error)));
        Ok(ExitCode::from(NOT_EXAMINED))
    })
}

fn verify(args: &Args) -> Outcome {
    let path = Path::new(&args.what);
    if path.is_file() {
        let is_extract = est_tar(&first_block(path)?);
        if is_extract && args.since.is_some() {
            bail!("--since ne s'applique pas à un extrait : il se vérifie contre son propre point de contrôle");
        }
        let verify = if is_extract { extract } else { receipt };
        return verify(path, args.vkey.as_deref(), args.json);
    }
    let report = examine(&args.what, args.vkey.as_deref(), args.key.as_deref(), args.since.as_deref())?;
    tell(&report, args.json)
}

/// Verifies a history and says what was found; the exit code of the verdict.
pub fn history(what: &str, vkey: Option<&str>, key: Option<&Path>, since: Option<&Path>) -> Outcome {
    tell(&examine(what, vkey, key, since)?, false)
}

fn examine(what: &str, vkey: Option<&str>, key: Option<&Path>, since: Option<&Path>) -> anyhow::Result<Report> {
    let pinned = vkey.map(pinned).transpose()?;
    let since = since.map(read_bounded).transpose()?;
    let bar = progress_bar("Vérification");
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let cancelled = AtomicBool::new(false);
    let mut control = Control { progress: &mut progress, cancelled: &cancelled };
    let report = if what.starts_with("http://") || what.starts_with("https://") {
        let token = key.map(|key| tokens(what, key, pinned.as_ref())).transpose()?;
        verify_url(what, token, pinned.as_ref(), since.as_deref(), &mut control)?
    } else if Path::new(what).is_dir() {
        verify_folder(Path::new(what), pinned.as_ref(), since.as_deref(), &mut control)?
    } else {
        bail!("{what} n'est ni une adresse http(s), ni un dossier, ni un fichier");
    };
    bar.finish_and_clear();
    Ok(report)
}

fn tell(report: &Report, json: bool) -> Outcome {
    if json {
        print(serde_json::to_string_pretty(report)?)?;
    } else {
        print(report)?;
    }
    if report.not_covered_yet > 0 {
        say(format_args!(
            "{} feuille(s) de plus attendent le prochain point de contrôle du nœud qui sert ce dossier : vérifiez-les plus tard.",
            report.not_covered_yet
        ));
    }
    say(report.titre());
    Ok(ExitCode::from(report.verdict.exit_code()))
}

/// The beginning of a file, which tells what it is.
fn first_block(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut block = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(512).read_to_end(&mut block));
    file.with_context(|| format!("{} est illisible", path.display()))?;
    Ok(block)
}

fn extract(path: &Path, vkey: Option<&str>, json: bool) -> Outcome {
    let pinned = vkey.map(pinned).transpose()?;
    let file = std::fs::File::open(path).with_context(|| format!("{} est illisible", path.display()))?;
    let bar = progress_bar("Vérification");
    bar.set_length(file.metadata().map_or(0, |metadata| metadata.len()));
    let mut progress = |done, _| bar.set_position(done);
    let cancelled = AtomicBool::new(false);
    let mut control = Control { progress: &mut progress, cancelled: &cancelled };
    let report = verify_extract(std::io::BufReader::new(file), pinned.as_ref(), &mut control)?;
    bar.finish_and_clear();
    if json {
        print(serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report)?;
    }
    say(report.titre());
    Ok(ExitCode::from(report.verdict.exit_code()))
}

fn receipt(path: &Path, vkey: Option<&str>, json: bool) -> Outcome {
    /// As for a history: nothing was proved against a key of the auditor's own.
    const NOT_PINNED: u8 = 3;
    let bytes = read_bounded(path)?;
    let Some(vkey) = vkey else {
        say("Un reçu ne prouve rien sans la clé du registre : donnez-la avec --vkey.");
        return Ok(ExitCode::from(NOT_PINNED));
    };
    match verify_receipt(&bytes, &pinned(vkey)?) {
        Ok(report) => {
            if json {
                print(serde_json::to_string_pretty(&report)?)?;
            } else {
                print(&report)?;
            }
            say("Le reçu est vérifié.");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            print(format_args!("{} [{}]: {error}", path.display(), error.code()))?;
            say(match error {
                ReceiptError::OtherKey { is_same_name: true, .. } => {
                    "Ce registre a eu plusieurs clés : vérifiez avec celle du jour où ce reçu a été rendu."
                }
                ReceiptError::OtherKey { .. } => "Ce reçu est d'un autre registre que la clé donnée.",
                _ => "Le reçu n'est pas valable.",
            });
            Ok(ExitCode::FAILURE)
        }
    }
}

fn pinned(vkey: &str) -> anyhow::Result<Verifier> {
    let path = Path::new(vkey);
    let is_text = vkey.contains('+');
    if !is_text && !path.is_file() {
        bail!("{vkey} : ce fichier n'existe pas, et ce n'est pas une clé de registre (nom+8 hex+base64)");
    }
    let text = if path.is_file() {
        String::from_utf8(read_bounded(path)?).context("la clé du registre n'est pas du texte")?
    } else {
        vkey.to_owned()
    };
    Verifier::parse(text.trim()).with_context(|| format!("{vkey} n'est pas une clé de registre (nom+8 hex+base64)"))
}

fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} est illisible", path.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{} a plus de {FILE_BYTES_MAX} octets : ce n'est ni un reçu ni un point de contrôle", path.display());
    }
    Ok(bytes)
}

/// Tokens of an enrolled key, renewed before they expire.
fn tokens(url: &str, key: &Path, pinned: Option<&Verifier>) -> anyhow::Result<TokenProvider> {
    let key = read_secret_key(key)?;
    let client = Client::connect(url)?;
    if let Some(pinned) = pinned {
        client.expect_log(pinned)?;
    }
    let mut last: Option<(u64, String)> = None;
    Ok(Box::new(move || {
        let now_s = now_ms() / 1_000;
        match &last {
            Some((made_s, token)) if now_s.saturating_sub(*made_s) < TOKEN_RENEWED_AFTER_S => Ok(token.clone()),
            _ => {
                let token = client.token(&key).map_err(|error| error.to_string())?;
                last = Some((now_s, token.clone()));
                Ok(token)
            }
        }
    }))
}
