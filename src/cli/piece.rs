//! `greffe piece put`: deposits a file, and prints how an event cites it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, PIECE_BYTES_MAX, RolePiece, engagement};
use serde_json::json;

use super::client::Client;
use super::{Outcome, Target, print, say};
use crate::ledger::folder::read_secret_key;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dépose un fichier et écrit comment un événement le cite (à mettre dans data.pieces).
    Put {
        /// Le fichier.
        file: PathBuf,
        /// Ce qu'il est pour l'événement : acte, annexe, message, enveloppe, confidentiel, mandat, autre…
        #[arg(long, default_value = "autre", value_parser = role)]
        role: RolePiece,
        /// Son type, par exemple application/pdf
        #[arg(long = "type", value_name = "TYPE", default_value = "application/octet-stream", value_parser = media_type)]
        media_type: String,
        /// Document public par la loi : son nom et son empreinte figureront dans l'événement.
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        target: Target,
    },
}

fn role(text: &str) -> Result<RolePiece, String> {
    let known = || RolePiece::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    RolePiece::ALL.iter().copied().find(|role| role.as_str() == text).ok_or_else(|| format!("un de : {}", known()))
}

fn media_type(text: &str) -> Result<String, String> {
    let is_type = text.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
    if is_type { Ok(text.to_owned()) } else { Err("de la forme application/pdf".to_owned()) }
}

pub fn run(command: &Command) -> Outcome {
    let Command::Put { file, role, media_type, public, target } = command;
    let [key] = target.key.as_slice() else { bail!("un dépôt se signe avec une seule clé") };
    let key: SecretKey = read_secret_key(key)?;
    let length = std::fs::metadata(file).with_context(|| format!("{} est illisible", file.display()))?.len();
    if length > PIECE_BYTES_MAX {
        bail!("{} a {length} octets, une pièce en a au plus {PIECE_BYTES_MAX}", file.display());
    }
    let octets = std::fs::read(file).with_context(|| format!("{} est illisible", file.display()))?;
    let sha256 = Empreinte::of(&octets);
    let mut citation = json!({ "role": role, "type": media_type, "taille": octets.len() });
    let client = Client::connect(&target.url)?;
    if *public {
        let nom = file.file_name().and_then(|nom| nom.to_str()).context("le nom du fichier n'est pas de l'UTF-8")?;
        citation["nom"] = json!(nom);
        citation["sha256"] = json!(sha256);
        client.deposit(&key, &octets, sha256, None, Some(nom))?;
    } else {
        let mut sel = [0; 32];
        getrandom::fill(&mut sel).context("le système ne donne pas d'aléa")?;
        citation["engagement"] = json!(engagement(&sel, sha256));
        client.deposit(&key, &octets, sha256, Some(Empreinte(sel)), None)?;
    }
    say(format_args!("{} déposé ; citez-le avant 48 heures.", file.display()));
    print(citation)?;
    Ok(ExitCode::SUCCESS)
}
