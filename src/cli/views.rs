//! `greffe views`: the views of a ledger whose node is stopped: their digests, and building them again.
//!
//! A view is disposable: what is on disk can always be made again from the leaves. A node that runs owns its views; here the
//! folder is opened for reading, and a view that a node has open is not replaced.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use greffe_projections::{Digest, Projection, Runner};

use super::{Outcome, print, progress_bar, say};
use crate::ledger::folder::Folder;
use crate::store::EventStore;
use crate::store::sqlite::SqliteStore;
use crate::vues::{StoreLog, toutes};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Reconstruit les vues depuis les feuilles, puis écrit leur empreinte. Le nœud doit être arrêté.
    Rebuild(Args),
    /// Met les vues à jour et écrit l'empreinte de chacune : deux constructions du même registre ont la même.
    Digest(Args),
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// Vues ; toutes par défaut.
    #[arg(value_name = "VUE")]
    views: Vec<String>,
}

pub fn run(command: &Command) -> Outcome {
    let (args, rebuild) = match command {
        Command::Rebuild(args) => (args, true),
        Command::Digest(args) => (args, false),
    };
    let views = chosen(&args.views)?;
    let folder = Folder::new(&args.dir);
    let store = SqliteStore::open_read_only(&args.dir).with_context(|| args.dir.display().to_string())?;
    let log = StoreLog::new(Arc::new(store) as Arc<dyn EventStore>);
    std::fs::create_dir_all(folder.views()).with_context(|| folder.views().display().to_string())?;
    let mut stopped = false;
    for projection in views {
        let name = projection.name();
        match treat(&folder, projection, &log, rebuild).with_context(|| format!("vue {name}"))? {
            Ok(digest) => print(format_args!("{name} {digest}"))?,
            Err(failure) => {
                say(format_args!("vue {name} : {failure}"));
                stopped = true;
            }
        }
    }
    Ok(if stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The views of these names, or all.
fn chosen(names: &[String]) -> anyhow::Result<Vec<Box<dyn Projection>>> {
    let all = toutes();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|view| view.name() == name.as_str())) {
        let known: Vec<&str> = all.iter().map(|view| view.name()).collect();
        bail!("la vue {unknown} n'existe pas ; il y a {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|view| names.is_empty() || names.iter().any(|name| name == view.name())).collect())
}

/// Brings one view to the end of the log; its digest, or the event that it can't apply.
fn treat(
    folder: &Folder,
    projection: Box<dyn Projection>,
    log: &StoreLog,
    rebuild: bool,
) -> anyhow::Result<Result<Digest, greffe_projections::Failure>> {
    let name = projection.name();
    let mut runner = Runner::open(&folder.views(), projection)?;
    let bar = progress_bar(name);
    let start = Instant::now();
    let progress = |status: &greffe_projections::Status| {
        bar.set_length(status.position + status.lag);
        bar.set_position(status.position);
        ControlFlow::Continue(())
    };
    let status = if rebuild {
        match runner.rebuild(log, progress) {
            Err(greffe_projections::RunError::Rebuild(failure)) => return Ok(Err(failure)),
            other => other?,
        }
    } else {
        runner.catch_up(log, progress)?
    };
    bar.finish_and_clear();
    if let Some(failure) = status.failure {
        return Ok(Err(failure));
    }
    let seconds = start.elapsed().as_secs_f64();
    say(format_args!("vue {name} : {} événements en {seconds:.1} s", status.position));
    Ok(Ok(runner.digest()?))
}
