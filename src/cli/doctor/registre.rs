//! The ledger itself: its store, its clock, its key, its guard, and at length its whole history.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use greffe_events::Event;
use greffe_events::catalogue::Data;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Origin;
use greffe_events::leaf::Leaf;

use super::Constat;
use crate::audit::{Control, verify_folder};
use crate::cli::now_ms;
use crate::ledger::folder::{Folder, read_secret_key};
use crate::ledger::opening::vkey;
use crate::store::EventStore;
use crate::store::sqlite::SqliteStore;
use crate::tlog::{Checkpoint, CheckpointError, Verifier};

/// How far the machine's clock may be behind the last leaf before the node refuses to write, in ms (DESIGN §6).
const BEHIND_MAX_MS: u64 = 2_000;
/// How old the last leaf may be before somebody should compare clock and calendar, in ms: a year.
const OLD_MS: u64 = 365 * 86_400_000;
/// Largest checkpoint that is read, in bytes.
const NOTE_BYTES_MAX: u64 = 64 * 1024;
/// What to do about a store that is not whole.
const RESTORE: &str =
    "n'y écrivez plus ; copiez le dossier, puis reprenez la dernière sauvegarde et comparez (greffe verify)";

/// The store, open for reading.
pub struct Feuilles {
    store: SqliteStore,
    /// How many leaves.
    pub head: u64,
}

impl Feuilles {
    /// One leaf's bytes.
    pub fn read(&self, index: u64) -> Option<Vec<u8>> {
        self.store.read(index, 1).ok()?.pop()
    }
}

/// Opens the store.
pub fn open(folder: &Folder, constats: &mut Vec<Constat>) -> Option<Feuilles> {
    let opened = SqliteStore::open_read_only(folder.root()).and_then(|store| store.head().map(|head| (store, head)));
    match opened {
        Ok((_, 0)) => {
            constats.push(Constat::faute("feuilles", "le registre ne contient aucune feuille", RESTORE));
            None
        }
        Ok((store, head)) => {
            constats.push(Constat::bon("feuilles", format!("le registre s'ouvre : {head} feuille(s)")));
            Some(Feuilles { store, head })
        }
        Err(crate::store::StoreError::Missing { .. }) if folder.log_key().exists() => {
            let conseil = "si ses feuilles sont dans KurrentDB c'est normal ; sinon remettez registre.sqlite";
            constats.push(Constat::avis("feuilles", "registre.sqlite n'est pas dans ce dossier", conseil));
            None
        }
        Err(crate::store::StoreError::Missing { .. }) => {
            let dit = "ce dossier n'est pas un registre : il n'a ni feuilles ni clés";
            constats.push(Constat::faute("feuilles", dit, "vérifiez le chemin ; « greffe init » crée un registre"));
            None
        }
        Err(error) => {
            constats.push(Constat::faute("feuilles", format!("le registre ne s'ouvre pas : {error}"), RESTORE));
            None
        }
    }
}

/// The machine's clock against the last leaf.
pub fn clock(store: &Feuilles) -> Vec<Constat> {
    let Some(last) = store.read(store.head - 1).and_then(|bytes| Leaf::decode(&bytes).ok()) else {
        return vec![Constat::faute("derniere-feuille", "la dernière feuille ne se lit pas", RESTORE)];
    };
    let (now, then) = (now_ms(), last.recorded_at_ms);
    let at = Horodatage::from_unix_ms(then);
    vec![if then > now.saturating_add(BEHIND_MAX_MS) {
        Constat::faute(
            "horloge",
            format!(
                "l'horloge retarde : la dernière feuille est du {at}, la machine dit {}",
                Horodatage::from_unix_ms(now)
            ),
            "mettez la machine à l'heure (NTP) : le nœud refuse d'écrire (503 horloge) jusque-là",
        )
    } else if now.saturating_sub(then) > OLD_MS {
        let dit = format!("la dernière feuille a plus d'un an : {at}");
        Constat::avis("horloge", dit, "vérifiez que l'horloge de la machine n'avance pas avant de démarrer le nœud")
    } else {
        Constat::bon("horloge", format!("l'horloge suit le registre, dont la dernière feuille est du {at}"))
    }]
}

/// The log's name, out of its first leaf.
pub fn opening(store: &Feuilles, constats: &mut Vec<Constat>) -> Option<Origin> {
    let event = store.read(0).and_then(|bytes| Event::of(&Leaf::decode(&bytes).ok()?.envelope).ok());
    let Some(Data::RegistreOuvert(opening)) = event.map(|event| event.data) else {
        constats.push(Constat::faute("ouverture", "la première feuille n'ouvre pas un registre", RESTORE));
        return None;
    };
    constats.push(Constat::bon("ouverture", format!("registre « {} »", opening.origine)));
    Some(opening.origine)
}

fn checkpoint(path: &Path, log: &Verifier) -> Result<Option<Checkpoint>, String> {
    let size = match std::fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if size > NOTE_BYTES_MAX {
        return Err("trop grand".to_owned());
    }
    let note = std::fs::read(path).map_err(|error| error.to_string())?;
    Checkpoint::open(&note, log).map(Some).map_err(|error: CheckpointError| error.to_string())
}

/// The log's key: the one in the folder, if it signed the folder's last checkpoint.
pub fn log_key(folder: &Folder, origin: &Origin, constats: &mut Vec<Constat>) -> Option<Verifier> {
    let key = read_secret_key(&folder.log_key()).ok()?;
    let verifier = vkey(origin, &key).ok()?;
    match checkpoint(&folder.checkpoint(), &verifier) {
        Ok(Some(_)) => {
            constats.push(Constat::bon(
                "point-de-controle",
                "le dernier point de contrôle est signé par la clé du journal",
            ));
            Some(verifier)
        }
        Ok(None) => {
            let conseil = "le nœud l'écrit en démarrant ; sans nœud, une copie du dossier ne se vérifie pas";
            constats.push(Constat::avis("point-de-controle", "le fichier checkpoint manque", conseil));
            Some(verifier)
        }
        Err(error) => {
            constats.push(Constat::faute(
                "point-de-controle",
                format!("le point de contrôle n'est pas de la clé du dossier : {error}"),
                "cles/journal.pem est-elle celle de ce registre ? Remettez la bonne avant de démarrer",
            ));
            None
        }
    }
}

/// The rollback guard: beside the folder, the log's own, and not ahead of the store.
pub fn guard(folder: &Folder, path: &Path, head: u64, key: Option<&Verifier>) -> Vec<Constat> {
    const CODE: &str = "temoin";
    if folder.check_outside(path).is_err() {
        let conseil = "mettez-le hors du dossier et de ses sauvegardes (--guard), sur un autre disque si possible";
        return vec![Constat::faute(CODE, "le témoin est dans le dossier : une sauvegarde l'emporterait", conseil)];
    }
    let Some(key) = key else {
        return vec![Constat::avis(CODE, "le témoin n'a pas pu être comparé, faute de clé", "corrigez d'abord la clé")];
    };
    vec![match checkpoint(path, key) {
        Ok(None) => Constat::faute(
            CODE,
            format!("le témoin {} manque : le nœud refusera de démarrer", path.display()),
            "retrouvez-le ; si ce dossier est bien l'état le plus récent, démarrez une fois avec --accept-store",
        ),
        Ok(Some(guarded)) if guarded.size() > head => Constat::faute(
            CODE,
            format!("le registre a {head} feuille(s), mais {} ont été signées : c'est une sauvegarde", guarded.size()),
            "remettez l'état plus récent ; écrire sur celui-ci signerait un second historique",
        ),
        Ok(Some(guarded)) => {
            Constat::bon(CODE, format!("le témoin est à sa place et suit le registre ({} feuilles)", guarded.size()))
        }
        Err(error) => Constat::avis(
            CODE,
            format!("le témoin n'est pas de la clé du dossier : {error}"),
            "est-il d'un autre registre, ou d'avant le dernier remplacement de clé ? Le nœud tranche en démarrant",
        ),
    }]
}

/// The whole history, with the folder's own word for its key.
pub fn whole(dir: &Path) -> Constat {
    const CODE: &str = "historique";
    let bar = super::super::progress_bar("Vérification");
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let cancelled = AtomicBool::new(false);
    let verified = verify_folder(dir, None, None, &mut Control { progress: &mut progress, cancelled: &cancelled });
    bar.finish_and_clear();
    match verified {
        Ok(report) if report.doubts_total() == 0 => {
            let dit = format!("tout l'historique est cohérent : {} feuilles", report.size.unwrap_or_default());
            Constat::bon(CODE, dit)
        }
        Ok(report) => {
            let first = report.doubts.first().map(ToString::to_string).unwrap_or_default();
            let dit = format!("l'historique est mis en doute, {} fois ; d'abord : {first}", report.doubts_total());
            Constat::faute(CODE, dit, "« greffe verify DOSSIER --vkey CLÉ » dit tout ; n'écrivez plus sur ce dossier")
        }
        Err(error) => Constat::faute(CODE, format!("l'historique n'a pas pu être examiné : {error}"), RESTORE),
    }
}
