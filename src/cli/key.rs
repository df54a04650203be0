//! `greffe key`: makes and shows keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use greffe_events::key::SecretKey;

use super::{Outcome, print, say};
use crate::ledger::folder::{read_secret_key, write_secret_key};

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
        Command::Show { file } => print(read_secret_key(file)?.id())?,
    }
    Ok(ExitCode::SUCCESS)
}
