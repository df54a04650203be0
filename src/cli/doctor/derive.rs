//! What is derived from the leaves: index and views. Whatever is wrong with them, the node makes them again. And webhooks, which are not.

use std::path::Path;

use greffe_projections::file;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use sha2::{Digest, Sha256};

use super::Constat;
use super::registre::Feuilles;
use crate::ledger::folder::Folder;
use crate::ledger::index;
use crate::tlog::{TILE_WIDTH, leaf_hash};
use crate::vues::toutes;
use crate::webhooks::WebhooksError;
use crate::webhooks::magasin::{Compte, check_version, compter};

/// What to do: nothing, or one file less.
const AGAIN: &str = "rien : le nœud le refait en démarrant ; s'il ne le fait pas, supprimez ce fichier, nœud arrêté";

/// Opens a SQLite file such that nothing of it is changed: what has no `-wal` is read as it is, of what has one SQLite makes its `-shm` anew.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let wrong = || rusqlite::Error::InvalidPath(path.to_owned());
    let absolute = std::path::absolute(path).map_err(|_| wrong())?;
    let text = absolute.to_str().ok_or_else(wrong)?;
    let has_wal = std::fs::metadata(format!("{text}-wal")).is_ok_and(|found| found.len() > 0);
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}{}", if has_wal { "?mode=ro" } else { "?immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.busy_timeout(file::BUSY_WAIT_MAX)?;
    Ok(connection)
}

/// The index: of this ledger, as far as its last hash tells.
pub fn index(folder: &Folder, store: &Feuilles, is_open: bool) -> Vec<Constat> {
    const CODE: &str = "index";
    let path = folder.index();
    if !path.exists() {
        return vec![Constat::avis(
            CODE,
            "index.sqlite manque",
            "rien : le nœud le refait en démarrant, ce qui prend du temps",
        )];
    }
    let read = || -> rusqlite::Result<Option<(u64, Option<Vec<u8>>)>> {
        let connection = open(&path)?;
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if format != index::FORMAT {
            return Ok(None);
        }
        let size: u64 = connection.query_row("SELECT taille FROM etat", [], |row| row.get(0))?;
        let Some(last) = size.checked_sub(1) else { return Ok(Some((0, None))) };
        let width = u64::from(TILE_WIDTH);
        let mut select = connection.prepare("SELECT hachages FROM tuiles WHERE niveau = 0 AND n = ?1")?;
        let tile: Option<Vec<u8>> = select.query_row([last / width], |row| row.get(0)).optional()?;
        let at = usize::try_from(last % width).unwrap_or_default() * 32;
        Ok(Some((size, tile.and_then(|tile| tile.get(at..at + 32).map(<[u8]>::to_vec)))))
    };
    vec![match read() {
        Ok(Some((size, _))) if size > store.head && !is_open => Constat::avis(
            CODE,
            format!("l'index a {size} feuilles, le registre {} : il est d'un autre", store.head),
            AGAIN,
        ),
        Ok(Some((size, hash))) => {
            let own =
                size.checked_sub(1).and_then(|last| store.read(last)).map(|leaf| leaf_hash(&leaf).as_bytes().to_vec());
            match (size, own, hash) {
                (0, ..) => Constat::avis(CODE, "l'index est vide", AGAIN),
                (_, Some(own), Some(hash)) if own == hash => {
                    Constat::bon(CODE, format!("l'index est de ce registre ({size} feuilles)"))
                }
                // A node writes: it may be ahead of what was read of the store.
                (_, None, _) if is_open => Constat::bon(CODE, "l'index avance avec le nœud qui sert ce dossier"),
                _ => Constat::avis(CODE, "l'index n'est pas de ce registre", AGAIN),
            }
        }
        Ok(None) => Constat::avis(CODE, "l'index est d'un autre format", AGAIN),
        Err(error) => Constat::avis(CODE, format!("l'index ne se lit pas : {error}"), AGAIN),
    }]
}

/// Webhooks, where there are some: whether any is suspended, or has messages that were given up.
pub fn webhooks(folder: &Folder) -> Option<Constat> {
    const CODE: &str = "webhooks";
    let path = folder.webhooks();
    if !path.exists() {
        return None;
    }
    let compte = open(&path).map_err(WebhooksError::from).and_then(|connection| {
        check_version(&connection)?;
        Ok(compter(&connection)?)
    });
    Some(match compte {
        Ok(compte) if compte == Compte::default() => return None,
        Ok(Compte { suspendus: 0, echecs: 0, actifs, .. }) => {
            Constat::bon(CODE, format!("{actifs} webhook(s), aucun suspendu"))
        }
        Ok(Compte { suspendus, echecs, actifs, .. }) => Constat::avis(
            CODE,
            format!("{actifs} webhook(s) actif(s), {suspendus} suspendu(s), {echecs} message(s) abandonné(s)"),
            "prévenez leurs organismes : « greffe webhooks list » leur dit pourquoi et que faire",
        ),
        Err(error) => Constat::avis(
            CODE,
            format!("les webhooks ne se lisent pas : {error}"),
            "revenez à la version de greffe qui l'a écrit, ou reprenez-le d'une sauvegarde ; retiré, les organismes redemandent leurs webhooks",
        ),
    })
}

/// Each view: of this ledger, and how far behind.
pub fn views(folder: &Folder, store: &Feuilles, is_open: bool) -> Vec<Constat> {
    toutes()
        .iter()
        .map(|projection| {
            let (code, name) = ("vue", projection.name());
            let path = file::path(&folder.views(), projection.as_ref());
            if !path.exists() {
                return Constat::avis(code, format!("la vue {name} n'est pas faite"), "rien : le nœud la fait en démarrant");
            }
            let read = open(&path).and_then(|view| {
                view.query_row("SELECT position, last FROM greffe_view", [], |row| {
                    Ok((row.get::<_, u64>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
            });
            let again = format!("« greffe views rebuild {name} », nœud arrêté");
            match read {
                Ok((0, _)) => Constat::avis(code, format!("la vue {name} est vide"), "le nœud la remplit en tournant"),
                Ok((position, last)) => {
                    let own = store.read(position - 1).map(|leaf| Sha256::digest(&leaf).to_vec());
                    let behind = store.head.saturating_sub(position);
                    match own {
                        Some(own) if own == last && (behind == 0 || is_open) => {
                            Constat::bon(code, format!("la vue {name} suit le registre"))
                        }
                        Some(own) if own == last => Constat::avis(
                            code,
                            format!("la vue {name} a {behind} feuille(s) de retard"),
                            "le nœud la rattrape en tournant ; si elle reste en retard, /health/ready dit à quel événement",
                        ),
                        None if is_open => Constat::bon(code, format!("la vue {name} avance avec le nœud")),
                        _ => Constat::faute(code, format!("la vue {name} n'est pas de ce registre"), again),
                    }
                }
                Err(error) => Constat::avis(code, format!("la vue {name} ne se lit pas : {error}"), again),
            }
        })
        .collect()
}
