//! `greffe lectures`: what auditors asked a node to read.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use greffe_events::horodatage::Horodatage;

use super::{Outcome, print};
use crate::http::lectures;
use crate::ledger::folder::Folder;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// D'une clé (ed25519:…) ou d'un organisme (urn:…) seulement.
    #[arg(long, value_name = "CLÉ|ORGANISME")]
    qui: Option<String>,
    /// Combien, les dernières.
    #[arg(long, default_value_t = 1_000)]
    limit: u32,
}

pub fn run(args: &Args) -> Outcome {
    let path = Folder::new(&args.dir).lectures();
    if !path.exists() {
        bail!("{} n'existe pas : aucun nœud n'a encore servi ce dossier", path.display());
    }
    for lecture in lectures::read(&path, args.qui.as_deref(), args.limit)? {
        let le = Horodatage::from_unix_ms(lecture.le_ms);
        print(format_args!("{le}\t{}\t{}\t{}", lecture.organisation, lecture.cle, lecture.demande.escape_debug()))?;
    }
    Ok(ExitCode::SUCCESS)
}
