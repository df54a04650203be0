//! `greffe migrate`: the leaves of a ledger, one by one, from one store to another.
//!
//! What is copied are leaf bytes, so indices, receipts and proofs stay what they are. Keys, pieces, guard and derived files are not touched:
//! the same folder is served from the new store afterwards. A copy that was interrupted goes on where the target ends. At the end both stores
//! are read from their first leaf and their roots compared.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};

use super::{Outcome, print, progress_bar, say};
use crate::ledger::folder::Folder;
use crate::store::place::Place;
use crate::store::sqlite::{FILE_NAME, SqliteStore};
use crate::store::{AppendError, EventStore, READ_LEAVES_MAX};
use crate::tlog::{Frontier, Hash, leaf_hash};

/// How often in a row a batch may be left unsettled by the target before the command gives up; it can be started again.
const UNSETTLED_MAX: u32 = 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dossier du registre, arrêté.
    #[arg(long, env = "GREFFE_DIR")]
    dir: PathBuf,
    /// Où sont les feuilles : sqlite ou esdb://…
    #[arg(long, value_name = "ADRESSE")]
    from: Place,
    /// Où elles iront : sqlite ou esdb://…, vide ou commencé par cette commande.
    #[arg(long, value_name = "ADRESSE")]
    to: Place,
}

pub fn run(args: &Args) -> Outcome {
    let folder = Folder::new(&args.dir);
    // No node writes through this folder meanwhile.
    let _lock = folder.lock()?;
    let from = args.from.open(folder.root()).with_context(|| format!("départ : {}", args.from))?;
    let to = open_target(&args.to, folder.root()).with_context(|| format!("arrivée : {}", args.to))?;
    let size = copy(from.as_ref(), to.as_ref())?;
    let (left, right) =
        (root_of("Racine de départ", from.as_ref(), size)?, root_of("Racine d'arrivée", to.as_ref(), size)?);
    ensure!(left == right, "les racines diffèrent : ne servez pas {}", args.to);
    ensure!(from.head()? == size, "des feuilles se sont ajoutées au départ : arrêtez tous ses nœuds et recommencez");
    ensure!(to.head()? == size, "l'arrivée a plus de feuilles que le départ : quelqu'un d'autre y écrit");
    say(format_args!("{size} feuilles, même racine. Servez désormais ce dossier avec --store et l'adresse d'arrivée."));
    print(format_args!("{size} {left}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The target, made where it does not exist yet.
fn open_target(place: &Place, folder: &Path) -> anyhow::Result<std::sync::Arc<dyn EventStore>> {
    if matches!(place, Place::Folder) && !folder.join(FILE_NAME).exists() {
        return Ok(std::sync::Arc::new(SqliteStore::create(folder)?));
    }
    Ok(place.open(folder)?)
}

/// Copies what the target lacks; how many leaves there are.
fn copy(from: &dyn EventStore, to: &dyn EventStore) -> anyhow::Result<u64> {
    let size = from.head()?;
    let mut done = to.head()?;
    ensure!(done <= size, "l'arrivée a {done} feuilles, le départ {size} : ce n'est pas une copie de ce registre");
    if let Some(last) = done.checked_sub(1) {
        ensure!(from.read(last, 1)? == to.read(last, 1)?, "la feuille {last} de l'arrivée n'est pas celle du départ");
    }
    let bar = progress_bar("Copie");
    bar.set_length(size);
    let max = to.append_max();
    let mut unsettled = 0;
    while done < size {
        let page = from.read(done, READ_LEAVES_MAX)?;
        ensure!(!page.is_empty(), "le départ finit à {done} sur {size} feuilles");
        let mut rest = page.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let count = rest.iter().take(max.leaves).take_while(|leaf| {
                bytes += leaf.len();
                bytes <= max.bytes
            });
            let (batch, later) = rest.split_at(count.count());
            match to.append(done, batch) {
                Ok(()) => (done, rest, unsettled) = (done + batch.len() as u64, later, 0),
                Err(AppendError::Unsettled(error)) if unsettled < UNSETTLED_MAX => {
                    tracing::warn!(%error, "asking the target where it ends");
                    unsettled += 1;
                    let head = to.head()?;
                    if head == done + batch.len() as u64 && to.read(done, batch.len())? == batch {
                        (done, rest) = (head, later);
                    }
                }
                Err(AppendError::Conflict { actual }) => {
                    bail!("l'arrivée finit à {actual} et non à {done} : quelqu'un d'autre y écrit");
                }
                Err(error) => return Err(error.into()),
            }
            bar.set_position(done);
        }
    }
    bar.finish_and_clear();
    Ok(size)
}

/// The root of the first `size` leaves, read again.
fn root_of(what: &str, store: &dyn EventStore, size: u64) -> anyhow::Result<Hash> {
    let bar = progress_bar(what);
    bar.set_length(size);
    let mut tree = Frontier::new();
    while tree.size() < size {
        let left = usize::try_from(size - tree.size()).unwrap_or(READ_LEAVES_MAX);
        let page = store.read(tree.size(), left)?;
        ensure!(!page.is_empty(), "il n'y a que {} feuilles sur {size}", tree.size());
        for leaf in &page {
            tree.push(leaf_hash(leaf));
        }
        bar.set_position(tree.size());
    }
    bar.finish_and_clear();
    Ok(tree.root())
}
