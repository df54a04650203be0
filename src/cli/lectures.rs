//! `greffe lectures`: what auditors asked a node to read.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use greffe_events::horodatage::Horodatage;

use super::{Outcome, print, say};
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
    let releve = lectures::read(&path, args.qui.as_deref(), args.limit)?;
    for lecture in &releve.lectures {
        let le = Horodatage::from_unix_ms(lecture.premiere_ms);
        let demande = match &lecture.demande {
            Some(demande) => demande.escape_debug().to_string(),
            None => format!("{}, ce jour-là, sans le détail", lecture.route),
        };
        let fois = if lecture.fois > 1 { format!("\t{} fois", lecture.fois) } else { String::new() };
        print(format_args!("{le}\t{}\t{}\t{demande}{fois}", lecture.organisation, lecture.cle))?;
    }
    if releve.laissees > 0 {
        say(format_args!("{} ligne(s) plus anciennes ne sont pas montrées : --limit", releve.laissees));
    }
    if releve.condensees > 0 {
        say(format_args!(
            "{} demande(s), les plus anciennes de leur organisme, ne sont plus gardées que par leur nombre, leur jour, leur clé et leur route",
            releve.condensees
        ));
    }
    Ok(ExitCode::SUCCESS)
}
