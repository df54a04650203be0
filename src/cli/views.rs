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
use greffe_projections::{Digest, Failure, Projection, RunError, Runner, Status, rebuild_all};

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
    let mut runners = Vec::new();
    for view in views {
        let name = view.name();
        let runner = Runner::open(&folder.views(), view).with_context(|| format!("vue {name}"))?;
        runners.push((name, runner));
    }
    let mut stopped = false;
    for (name, outcome) in if rebuild { rebuilt(&mut runners, &log) } else { caught_up(&mut runners, &log) } {
        match outcome.with_context(|| format!("vue {name}"))? {
            Ok(digest) => print(format_args!("{name} {digest}"))?,
            Err(failure) => {
                say(format_args!("vue {name} : {failure}"));
                stopped = true;
            }
        }
    }
    Ok(if stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What became of a view: its digest, or the event that it can't apply.
type Outcomes = Vec<(&'static str, Result<Result<Digest, Failure>, RunError>)>;

/// The views of these names, or all.
fn chosen(names: &[String]) -> anyhow::Result<Vec<Box<dyn Projection>>> {
    let all = toutes();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|view| view.name() == name.as_str())) {
        let known: Vec<&str> = all.iter().map(|view| view.name()).collect();
        bail!("la vue {unknown} n'existe pas ; il y a {}", known.join(", "));
    }
    Ok(all.into_iter().filter(|view| names.is_empty() || names.iter().any(|name| name == view.name())).collect())
}

/// Builds all of them again, together.
fn rebuilt(runners: &mut [(&'static str, Runner)], log: &StoreLog) -> Outcomes {
    let bar = progress_bar("vues");
    let start = Instant::now();
    let progress = |status: &Status| {
        bar.set_length(status.position + status.lag);
        bar.set_position(status.position);
        ControlFlow::Continue(())
    };
    let outcomes = rebuild_all(runners.iter_mut().map(|(_, runner)| runner), log, progress);
    bar.finish_and_clear();
    let events = runners.iter().map(|(_, runner)| runner.position()).max().unwrap_or_default();
    say(format_args!("{events} événements en {:.1} s", start.elapsed().as_secs_f64()));
    let outcomes = runners.iter().zip(outcomes).map(|((name, runner), outcome)| {
        let digest = match outcome {
            Ok(_) => runner.digest().map(Ok),
            Err(RunError::Rebuild(failure)) => Ok(Err(failure)),
            Err(error) => Err(error),
        };
        (*name, digest)
    });
    outcomes.collect()
}

/// Brings each to the end of the log.
fn caught_up(runners: &mut [(&'static str, Runner)], log: &StoreLog) -> Outcomes {
    let outcomes = runners.iter_mut().map(|(name, runner)| {
        let bar = progress_bar(name);
        let start = Instant::now();
        let caught_up = runner.catch_up(log, |status| {
            bar.set_length(status.position + status.lag);
            bar.set_position(status.position);
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        let digest = caught_up.and_then(|status| {
            if let Some(failure) = status.failure {
                return Ok(Err(failure));
            }
            let seconds = start.elapsed().as_secs_f64();
            say(format_args!("vue {name} : {} événements en {seconds:.1} s", status.position));
            runner.digest().map(Ok)
        });
        (*name, digest)
    });
    outcomes.collect()
}
