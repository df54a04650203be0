//! `greffe actes`: ACTES archives, folders or messages, as anyone's; and what could not be placed.
//!
//! For each message: is it recorded already? Which act is it about? Then its files are deposited, the event is signed and posted, the
//! receipt kept ([`depot`]). Nothing is recorded twice; what can't be recorded is named with its reason, and the rest goes on.
//!
//! A folder of archives is imported in the order in which they were made ([`fonds`]), and can be broken off: what was done is noted
//! beside the receipts.

mod depot;
mod fonds;
mod lecture;
mod quarantaine;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use greffe_events::ident::{IdActe, Organisation, Siren};
use greffe_events::key::SecretKey;

use super::client::Client;
use super::{Outcome, Target, print, progress_bar, say};
use crate::ledger::folder::read_secret_key;
use depot::Depot;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dépose des archives ACTES (.tar.gz), des dossiers d'archives, des archives dépaquetées ou des messages reçus seuls (.xml).
    Import {
        /// Fichiers ou dossiers ; un dossier qui contient des archives est pris dans l'ordre où elles furent faites.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Où écrire les reçus ; à côté de chaque fichier par défaut.
        #[arg(long, value_name = "DOSSIER")]
        receipts: Option<PathBuf>,
        #[command(flatten)]
        voix: Voix,
        #[command(flatten)]
        target: Target,
    },
    /// Montre les messages qu'aucun acte n'a pu recevoir et qui attendent.
    Quarantaine {
        #[command(flatten)]
        target: Target,
    },
    /// Rattache un message en quarantaine à son acte : ce qu'il dit est enregistré au dossier de l'acte.
    Rattacher {
        /// L'identifiant du message : ce que « greffe actes quarantaine » montre.
        message: String,
        /// L'identifiant de l'acte.
        acte: IdActe,
        #[command(flatten)]
        target: Target,
    },
    /// Écarte un message en quarantaine.
    Ecarter {
        /// L'identifiant du message.
        message: String,
        /// Pourquoi : doublon, autre-destinataire, illisible ou sans-objet.
        #[arg(long, value_parser = quarantaine::read_motif)]
        motif: greffe_events::catalogue::MotifMiseAEcart,
        #[command(flatten)]
        target: Target,
    },
}

/// In whose name messages are taken.
#[derive(Debug, Clone, Default, Args)]
pub struct Voix {
    /// Pour quelle collectivité, quand ni l'enveloppe ni le message ne le disent.
    #[arg(long, value_name = "SIREN")]
    pub pour: Option<Siren>,
    /// La préfecture dont les messages de l'État sont la parole : sa clé les signe. Sans cela, ce sont des constats.
    #[arg(long, value_name = "SIREN")]
    pub prefecture: Option<Siren>,
}

/// How an import went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Events recorded now.
    pub recorded: usize,
    /// Recorded before.
    pub known: usize,
    /// Put into quarantine now.
    pub set_aside: usize,
    /// Refused or unreadable.
    pub failed: usize,
}

impl Summary {
    fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.known += other.known;
        self.set_aside += other.set_aside;
        self.failed += other.failed;
    }
}

pub fn run(command: &Command) -> Outcome {
    match command {
        Command::Import { files, receipts, voix, target } => run_import(files, receipts.as_deref(), voix, target),
        Command::Quarantaine { target } => quarantaine::list(&Client::connect(&target.url)?, &one_key(target)?),
        Command::Rattacher { message, acte, target } => {
            quarantaine::attach(&Client::connect(&target.url)?, &one_key(target)?, message, acte)
        }
        Command::Ecarter { message, motif, target } => {
            quarantaine::set_aside(&Client::connect(&target.url)?, &one_key(target)?, message, *motif)
        }
    }
}

fn one_key(target: &Target) -> anyhow::Result<SecretKey> {
    let [key] = target.key.as_slice() else { bail!("une seule clé signe cela : --key") };
    Ok(read_secret_key(key)?)
}

fn run_import(files: &[PathBuf], receipts: Option<&Path>, voix: &Voix, target: &Target) -> Outcome {
    let client = Client::connect(&target.url)?;
    let key = one_key(target)?;
    let plan = fonds::plan(files, receipts)?;
    let bar = progress_bar("Import");
    bar.set_length(plan.count() as u64);
    let mut depot = Depot::new(&client, &key, voix);
    let summary = plan.import(&mut depot, &mut |lines, is_done| {
        bar.suspend(|| lines.iter().try_for_each(print))?;
        if is_done {
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    say(format_args!(
        "{} enregistré(s), {} déjà connu(s), {} en quarantaine, {} en échec",
        summary.recorded, summary.known, summary.set_aside, summary.failed
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
    voix: &Voix,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Summary> {
    let mut depot = Depot::new(client, key, voix);
    let mut summary = Summary::default();
    for file in files {
        summary.add(&depot.file(file, &receipts_folder(file, receipts), depot::Inconnus::EnQuarantaine, tell)?.0);
    }
    Ok(summary)
}

fn receipts_folder(file: &Path, receipts: Option<&Path>) -> PathBuf {
    let beside = || file.parent().map(Path::to_owned).unwrap_or_default();
    receipts.map_or_else(beside, Path::to_owned)
}

/// An organisation with a SIREN.
fn organisation(siren: Siren) -> Organisation {
    Organisation::Siren(siren)
}
