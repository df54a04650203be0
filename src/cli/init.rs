//! `greffe init`: a new ledger.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::{KeyId, SecretKey};

use super::{Outcome, now_ms, print, say};
use crate::ledger::folder::{Folder, read_secret_key, write_secret_key};
use crate::ledger::opening::NewLedger;
use crate::store::place::Place;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre, à créer.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// Où seront les feuilles : sqlite (dans le dossier) ou un flux KurrentDB, esdb://hôte:2113?stream=…&passwordFile=…
    #[arg(long, env = "GREFFE_STORE", value_name = "ADRESSE", default_value = "sqlite", hide_env_values = true)]
    store: Place,
    /// Nom du registre, pour toujours ; d'ordinaire un nom de domaine : greffe.exemple.fr
    #[arg(long)]
    origin: Origin,
    /// Organisme qui tient le registre : urn:siren:<9 chiffres>
    #[arg(long)]
    operator: Organisation,
    /// Clé privée de l'opérateur, si elle existe déjà.
    #[arg(long, value_name = "FICHIER", conflicts_with = "offline")]
    operator_key: Option<PathBuf>,
    /// Les trois clés publiques de recouvrement, si elles existent déjà.
    #[arg(long, value_name = "ed25519:…", num_args = 3, requires = "operator_key")]
    recovery: Option<Vec<KeyId>>,
    /// Où écrire les clés hors ligne que la commande crée ; <dossier>.hors-ligne par défaut.
    #[arg(long, value_name = "DOSSIER")]
    offline: Option<PathBuf>,
    /// Témoin de retour en arrière ; <dossier>.garde par défaut. Hors du dossier et de ses sauvegardes.
    #[arg(long, env = "GREFFE_GUARD", value_name = "FICHIER")]
    guard: Option<PathBuf>,
}

pub fn run(args: &Args) -> Outcome {
    let folder = Folder::new(&args.dir);
    if folder.checkpoint().exists() {
        bail!("{} contient déjà un registre", args.dir.display());
    }
    let offline = args.offline.clone().unwrap_or_else(|| folder.beside("hors-ligne"));
    folder.check_outside(&offline)?;
    let (operator_key, recovery, made) = match (&args.operator_key, &args.recovery) {
        (Some(file), Some(recovery)) => {
            let recovery = <[KeyId; 3]>::try_from(recovery.as_slice()).context("il faut trois clés de recouvrement")?;
            (read_secret_key(file)?, recovery, false)
        }
        (Some(file), None) => (read_secret_key(file)?, make_recovery(&offline)?, true),
        (None, _) => (make(&offline.join("operateur.pem"))?, make_recovery(&offline)?, true),
    };
    let guard = args.guard.clone().unwrap_or_else(|| folder.default_guard());
    let new = NewLedger {
        folder: &folder,
        store: &args.store,
        guard: &guard,
        origin: args.origin.clone(),
        operator: args.operator.clone(),
        operator_key: &operator_key,
        recovery,
        now_ms: now_ms(),
    };
    let opening = new.create().context("le registre n'a pas été créé")?;
    say(format_args!("Registre « {} » créé dans {}.", opening.origine, args.dir.display()));
    if made {
        say(format_args!(
            "Mettez hors ligne, en lieux séparés, les clés de {} : celle de l'opérateur inscrit les adhérents, deux des \
             trois de recouvrement remplacent une clé perdue.",
            offline.display()
        ));
    }
    say(format_args!("Témoin de retour en arrière : {}. Ne le sauvegardez pas avec le dossier.", guard.display()));
    say("Publiez la clé du registre : c'est elle que chacun épingle pour vérifier.");
    print(opening.vkey)?;
    Ok(ExitCode::SUCCESS)
}

fn make(file: &Path) -> anyhow::Result<SecretKey> {
    let key = SecretKey::generate()?;
    write_secret_key(file, &key)?;
    Ok(key)
}

fn make_recovery(offline: &Path) -> anyhow::Result<[KeyId; 3]> {
    let make = |n: u8| make(&offline.join(format!("recouvrement-{n}.pem"))).map(|key| key.id());
    Ok([make(1)?, make(2)?, make(3)?])
}
