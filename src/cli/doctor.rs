//! `greffe doctor`: looks at a ledger's folder and says what is wrong with it and what to do. It never changes anything (of a file that has a
//! `-wal`, SQLite makes its `-shm` anew, which holds nothing).
//!
//! Quick by default: permissions, room, clock, keys, guard, and whether index and views are of this ledger. `--complet` also verifies the
//! whole history, as `greffe verify` does with the folder's own word for its key: that finds damage, not an operator who rewrote everything.
//!
//! Exit codes: 0 nothing has to be mended (there may be advice); 1 something has to; 2 the folder could not be examined.

mod derive;
mod machine;
mod registre;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::{Outcome, print, say};
use crate::ledger::folder::Folder;

/// It could not be examined: nothing speaks for or against it.
const NOT_EXAMINED: u8 = 2;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// Témoin de retour en arrière ; <dossier>.garde par défaut.
    #[arg(long, env = "GREFFE_GUARD", value_name = "FICHIER")]
    guard: Option<PathBuf>,
    /// Adresse du nœud qui sert ce dossier, s'il tourne.
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Vérifie aussi tout l'historique : long sur un grand registre.
    #[arg(long)]
    complet: bool,
    /// Écrit les constats en JSON, pour un programme.
    #[arg(long)]
    json: bool,
}

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Niveau {
    /// As it should be.
    Bon,
    /// Works, and should be looked at.
    Avis,
    /// Has to be mended.
    Faute,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Constat {
    /// Stable word for what was looked at.
    code: &'static str,
    niveau: Niveau,
    /// What was found.
    dit: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    conseil: Option<String>,
}

impl Constat {
    fn bon(code: &'static str, dit: impl Into<String>) -> Self {
        Self { code, niveau: Niveau::Bon, dit: dit.into(), conseil: None }
    }

    fn avis(code: &'static str, dit: impl Into<String>, conseil: impl Into<String>) -> Self {
        Self { code, niveau: Niveau::Avis, dit: dit.into(), conseil: Some(conseil.into()) }
    }

    fn faute(code: &'static str, dit: impl Into<String>, conseil: impl Into<String>) -> Self {
        Self { code, niveau: Niveau::Faute, dit: dit.into(), conseil: Some(conseil.into()) }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
struct Examen<'a> {
    version: &'static str,
    dossier: &'a Path,
    verdict: Niveau,
    constats: Vec<Constat>,
}

pub fn run(args: &Args) -> Outcome {
    if let Err(error) = std::fs::read_dir(&args.dir) {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => "n'existe pas ; « greffe init » crée un registre".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "ne se laisse pas lire ; lancez cette commande sous le compte qui tient le registre".to_owned()
            }
            _ => format!("ne se laisse pas lire : {error}"),
        };
        say(format_args!("greffe : {} {what}.", args.dir.display()));
        return Ok(ExitCode::from(NOT_EXAMINED));
    }
    let folder = Folder::new(&args.dir);
    let guard = args.guard.clone().unwrap_or_else(|| folder.default_guard());
    let is_open = folder.is_open();
    let mut constats = machine::permissions(&folder);
    constats.extend(machine::disk(&folder, &guard));
    let store = registre::open(&folder, &mut constats);
    if let Some(store) = &store {
        constats.extend(registre::clock(store));
        let origin = registre::opening(store, &mut constats);
        let key = origin.as_ref().and_then(|origin| registre::log_key(&folder, origin, &mut constats));
        constats.extend(registre::guard(&folder, &guard, store.head, key.as_ref()));
        constats.extend(derive::index(&folder, store, is_open));
        constats.extend(derive::views(&folder, store, is_open));
        constats.push(machine::node(&args.url, origin.as_ref(), is_open));
    }
    constats.extend(derive::webhooks(&folder));
    constats.push(machine::backup());
    if args.complet {
        constats.push(registre::whole(&args.dir));
    }
    let verdict = constats.iter().map(|constat| constat.niveau).max().unwrap_or(Niveau::Bon);
    let examen = Examen { version: env!("CARGO_PKG_VERSION"), dossier: folder.root(), verdict, constats };
    if args.json {
        print(serde_json::to_string_pretty(&examen)?)?;
    } else {
        tell(&examen)?;
    }
    Ok(if verdict == Niveau::Faute { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tell(examen: &Examen) -> anyhow::Result<()> {
    print(format_args!("greffe {} examine {}", examen.version, examen.dossier.display()))?;
    for constat in &examen.constats {
        let mark = match constat.niveau {
            Niveau::Bon => "bon  ",
            Niveau::Avis => "AVIS ",
            Niveau::Faute => "FAUTE",
        };
        print(format_args!("{mark}  {}", constat.dit))?;
        if let Some(conseil) = &constat.conseil {
            print(format_args!("       → {conseil}"))?;
        }
    }
    let count = |niveau| examen.constats.iter().filter(|constat| constat.niveau == niveau).count();
    say(match (count(Niveau::Faute), count(Niveau::Avis)) {
        (0, 0) => "Rien à corriger.".to_owned(),
        (0, avis) => format!("Rien à corriger ; {avis} avis."),
        (fautes, avis) => format!("{fautes} faute(s) à corriger, {avis} avis."),
    });
    Ok(())
}
