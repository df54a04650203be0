//! What surrounds the ledger: who may read its files, the room on its disks, the node that serves it.

use std::path::Path;
use std::time::Duration;

use greffe_events::ident::Origin;

use super::Constat;
use crate::ledger::folder::{Folder, FolderError, read_secret_key};
use crate::webhooks::message::FORMER_KEY;

/// Room below which the node will soon refuse, in bytes: the largest piece a few times over.
const ROOM_MIN: u64 = 1 << 30;
/// Room below which somebody should look, in hundredths of the disk.
const ROOM_SHARE_MIN: u64 = 10;
/// Longest wait for the node's answer.
const NODE_WAIT_MAX: Duration = Duration::from_secs(5);
/// Largest card that is read, in bytes.
const CARD_BYTES_MAX: u64 = 64 * 1024;

/// The folder is its owner's alone, and its two keys are keys that nobody else may read.
pub fn permissions(folder: &Folder) -> Vec<Constat> {
    let mut constats = Vec::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(metadata) = std::fs::metadata(folder.root()) {
            let mode = metadata.permissions().mode() & 0o777;
            constats.push(match mode & 0o077 {
                0 => Constat::bon("dossier", "le dossier n'est ouvert qu'à son propriétaire"),
                _ => Constat::faute(
                    "dossier",
                    format!("le dossier est ouvert à d'autres que son propriétaire (mode {mode:o})"),
                    format!("chmod 700 {}", folder.root().display()),
                ),
            });
        }
    }
    let webhooks = folder.webhooks_key();
    let former = webhooks.with_file_name(FORMER_KEY);
    let needed = [("cle-journal", folder.log_key(), "du journal"), ("cle-noeud", folder.node_key(), "du nœud")];
    let optional = [("cle-webhooks", webhooks, "des webhooks"), ("cle-webhooks", former, "ancienne des webhooks")];
    let there = optional.into_iter().filter(|(_, path, _)| path.exists());
    for (code, path, whose) in needed.into_iter().chain(there) {
        constats.push(match read_secret_key(&path) {
            Ok(_) => Constat::bon(code, format!("la clé {whose} est lisible, par son propriétaire seul")),
            Err(FolderError::Readable { mode, .. }) => Constat::faute(
                code,
                format!("la clé {whose} peut être lue par d'autres (mode {mode:o})"),
                format!("chmod 600 {} ; si quelqu'un a pu la lire, remplacez-la (registre.*-remplace)", path.display()),
            ),
            Err(error) => Constat::faute(
                code,
                format!("la clé {whose} manque ou ne se lit pas : {error}"),
                "remettez-la depuis son coffre ; perdue, elle se remplace avec les clés de recouvrement",
            ),
        });
    }
    constats
}

/// Room on the disks of the folder and of the guard.
pub fn disk(folder: &Folder, guard: &Path) -> Vec<Constat> {
    let guard_folder = guard.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    [("disque", folder.root(), "du registre"), ("disque-garde", guard_folder, "du témoin")]
        .into_iter()
        .map(|(code, path, whose)| match rustix::fs::statvfs(path) {
            Ok(found) => {
                let (free, total) = (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize);
                let share = free.saturating_mul(100) / total.max(1);
                let dit = format!("disque {whose} : {} Mio libres, {share} %", free >> 20);
                let conseil = "faites de la place : disque plein, le nœud refuse (507, 503) sans rien perdre";
                match (free < ROOM_MIN, share < ROOM_SHARE_MIN) {
                    (true, _) => Constat::faute(code, dit, conseil),
                    (_, true) => Constat::avis(code, dit, conseil),
                    _ => Constat::bon(code, dit),
                }
            }
            Err(error) => Constat::avis(
                code,
                format!("la place sur le disque {whose} est inconnue : {error}"),
                "vérifiez que ce dossier existe",
            ),
        })
        .collect()
}

/// The node that serves the folder, where it can be reached.
pub fn node(url: &str, origin: Option<&Origin>, is_open: bool) -> Constat {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(NODE_WAIT_MAX)).build().into();
    let get = |path: &str| -> Option<(u16, serde_json::Value)> {
        let mut answer = agent.get(format!("{}{path}", url.trim_end_matches('/'))).call().ok()?;
        let body = answer.body_mut().with_config().limit(CARD_BYTES_MAX).read_to_vec().ok()?;
        Some((answer.status().as_u16(), serde_json::from_slice(&body).ok()?))
    };
    let Some((_, card)) = get("/.well-known/greffe.json") else {
        return if is_open {
            let dit = format!("un nœud tient ce dossier, mais {url} ne répond pas");
            Constat::avis("noeud", dit, "donnez son adresse avec --url")
        } else {
            Constat::bon("noeud", "aucun nœud ne sert ce dossier en ce moment")
        };
    };
    if let Some(origin) = origin
        && card["origin"] != origin.as_str()
    {
        let dit = format!("le nœud de {url} sert un autre registre");
        return Constat::avis("noeud", dit, "donnez l'adresse du nœud de ce dossier avec --url");
    }
    match get("/health/ready") {
        Some((200, _)) => Constat::bon("noeud", format!("le nœud de {url} répond et se dit prêt")),
        Some((_, problem)) => {
            let detail = problem["detail"].as_str().unwrap_or("sans dire pourquoi").to_owned();
            Constat::faute("noeud", format!("le nœud de {url} n'est pas prêt : {detail}"), "son journal dit le détail")
        }
        None => Constat::avis("noeud", format!("l'état du nœud de {url} est illisible"), "voyez son journal"),
    }
}

/// What can't be known.
pub fn backup() -> Constat {
    Constat::avis(
        "sauvegarde",
        "l'âge de la dernière sauvegarde est inconnu : rien dans le dossier ne le dit",
        "vérifiez-la vous-même, sans le témoin (.garde) ; « greffe verify COPIE » dit si elle est entière",
    )
}
