//! `greffe token`: a reader token, for `curl` and scripts.

use std::path::PathBuf;
use std::process::ExitCode;

use super::client::Client;
use super::{Outcome, now_ms, print};
use crate::http::auth;
use crate::ledger::folder::read_secret_key;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Clé enrôlée, fichier PEM.
    #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
    key: PathBuf,
    /// Adresse du nœud, pour apprendre le nom du registre.
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Nom du registre, si le nœud ne doit pas être interrogé.
    #[arg(long)]
    origin: Option<greffe_events::ident::Origin>,
}

pub fn run(args: &Args) -> Outcome {
    let key = read_secret_key(&args.key)?;
    let token = match &args.origin {
        Some(origin) => auth::issue(&key, origin, now_ms() / 1_000),
        None => Client::connect(&args.url)?.token(&key)?,
    };
    print(token)?;
    Ok(ExitCode::SUCCESS)
}
