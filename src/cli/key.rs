//! `greffe key`: makes and shows keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use greffe_events::ident::Origin;
use greffe_events::key::SecretKey;

use super::{Outcome, print, say};
use crate::ledger::folder::{read_secret_key, write_secret_key};
use crate::ledger::opening::vkey;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Crée une clé privée Ed25519 (PKCS#8 PEM, lisible par vous seul) et montre sa clé publique.
    New {
        /// Fichier à créer ; jamais écrasé.
        file: PathBuf,
    },
    /// Montre la clé publique d'une clé privée.
    Show {
        /// Fichier PEM.
        file: PathBuf,
        /// La montre comme clé de ce registre : ce que chacun épingle (nom+8 hex+base64).
        #[arg(long, value_name = "NOM")]
        origin: Option<Origin>,
    },
}

pub fn run(command: &Command) -> Outcome {
    match command {
        Command::New { file } => {
            let key = SecretKey::generate()?;
            write_secret_key(file, &key)?;
            say(format_args!("Clé privée écrite dans {} : gardez-la, ne la transmettez jamais.", file.display()));
            print(key.id())?;
        }
        Command::Show { file, origin: None } => print(read_secret_key(file)?.id())?,
        Command::Show { file, origin: Some(origin) } => print(vkey(origin, &read_secret_key(file)?)?)?,
    }
    Ok(ExitCode::SUCCESS)
}
