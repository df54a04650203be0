//! What is kept beside a file: `<file>.dsse.json`, what was signed of it, and `<file>.recu.json`, its receipt.
//!
//! Both are of the event that the file says now. Where the file was edited for another event, those of the earlier one go
//! to `<file>.avant/`, as `<id>.dsse.json` and `<id>.recu.json`, and come back if the file says the earlier event again.
//! Nothing of one event is ever overwritten by another's.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use greffe_events::dsse::Envelope;
use greffe_events::ident::Origin;
use serde_json::Value;

use super::event::read_bounded;
use super::say;
use crate::ledger::folder::{replace_file, sync_parent};
use crate::ledger::head::Receipt;

const ENVELOPE: &str = "dsse.json";
const RECEIPT: &str = "recu.json";
/// The folder of what was kept of earlier events of the same file.
const ASIDE: &str = "avant";

/// Longest receipt read again, in bytes: a leaf in base64 and its proof.
const RECEIPT_BYTES_MAX: u64 = 256 * 1024;

/// Where the envelope of a file is kept.
pub fn envelope_path(file: &Path) -> PathBuf {
    suffixed(file, ENVELOPE)
}

/// Where the receipt of a file is kept.
pub fn receipt_path(file: &Path) -> PathBuf {
    suffixed(file, RECEIPT)
}

fn suffixed(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// The envelope that was signed of this very draft, for this log if one is given: the latest, or one that was set aside, which
/// then takes its place again.
pub fn envelope_of(file: &Path, draft: &[u8], origin: Option<&Origin>) -> anyhow::Result<Option<Envelope>> {
    let latest = envelope_path(file);
    for path in [latest.clone()].into_iter().chain(set_aside_envelopes(file)?) {
        if !path.exists() {
            continue;
        }
        let Ok(envelope) = Envelope::parse(&read_bounded(&path)?) else { continue };
        if !is_of(&envelope, draft, origin) {
            continue;
        }
        if path != latest {
            let receipt = suffixed(file, ASIDE).join(format!("{}.{RECEIPT}", id_of_envelope(&path)?));
            set_aside(file)?;
            std::fs::rename(&path, &latest)?;
            if receipt.exists() {
                std::fs::rename(receipt, receipt_path(file))?;
            }
            sync_parent(&latest)?;
        }
        return Ok(Some(envelope));
    }
    Ok(None)
}

/// Whether an envelope says what the draft says, for this log.
fn is_of(envelope: &Envelope, draft: &[u8], origin: Option<&Origin>) -> bool {
    let (Ok(Value::Object(draft)), Ok(Value::Object(sent))) =
        (serde_json::from_slice(draft), serde_json::from_slice(envelope.payload()))
    else {
        return false;
    };
    draft.iter().all(|(name, value)| sent.get(name) == Some(value))
        && origin.is_none_or(|origin| sent.get("registre").and_then(Value::as_str) == Some(origin.as_str()))
}

/// Envelopes of earlier events of this file, the newest first: an id begins with its time.
fn set_aside_envelopes(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = suffixed(file, ASIDE);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    found.retain(|path| path.to_string_lossy().ends_with(ENVELOPE));
    found.sort();
    found.reverse();
    Ok(found)
}

/// Makes room for another event of this file: what is kept of the earlier one goes aside, and that is said.
pub fn set_aside(file: &Path) -> anyhow::Result<()> {
    let (envelope, receipt) = (envelope_path(file), receipt_path(file));
    if envelope.exists() {
        set_one_aside(&envelope, ENVELOPE, &id_of_envelope(&envelope)?)?;
    }
    if receipt.exists() {
        set_one_aside(&receipt, RECEIPT, &id_of_receipt(&receipt)?)?;
    }
    Ok(())
}

/// Writes a receipt where it can be found again; never over another event's.
pub fn keep_receipt(path: &Path, receipt: &Receipt) -> anyhow::Result<()> {
    if path.exists() {
        let id = id_of_receipt(path)?;
        if id != receipt.id {
            set_one_aside(path, RECEIPT, &id)?;
        }
    }
    let text = serde_json::to_vec_pretty(receipt)?;
    replace_file(path, &text).with_context(|| format!("le reçu {} n'a pas pu être écrit", path.display()))
}

/// `<name>.<suffix>` becomes `<name>.avant/<id>.<suffix>`.
fn set_one_aside(path: &Path, suffix: &str, id: &str) -> anyhow::Result<()> {
    let text = path.to_str().context("le nom du fichier n'est pas de l'UTF-8")?;
    let folder = PathBuf::from(format!("{}{ASIDE}", text.strip_suffix(suffix).unwrap_or(text)));
    let aside = folder.join(format!("{id}.{suffix}"));
    if aside.exists() {
        bail!("{} et {} sont du même événement : rangez l'un des deux ailleurs", path.display(), aside.display());
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    sync_parent(&folder)?;
    std::fs::rename(path, &aside).with_context(|| path.display().to_string())?;
    sync_parent(&aside)?;
    say(format_args!("{} est d'un autre événement : gardé sous {}", path.display(), aside.display()));
    Ok(())
}

fn id_of_envelope(path: &Path) -> anyhow::Result<String> {
    let envelope = Envelope::parse(&read_bounded(path)?);
    let payload: Option<Value> = envelope.ok().and_then(|envelope| serde_json::from_slice(envelope.payload()).ok());
    id_of(path, payload.as_ref(), "une enveloppe")
}

fn id_of_receipt(path: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(RECEIPT_BYTES_MAX).read_to_end(&mut bytes))
        .with_context(|| path.display().to_string())?;
    id_of(path, serde_json::from_slice(&bytes).ok().as_ref(), "un reçu")
}

/// The id that names an event for ever; it becomes part of a file's name, so nothing else will do.
fn id_of(path: &Path, value: Option<&Value>, what: &str) -> anyhow::Result<String> {
    let id = value.and_then(|value| value.get("id")).and_then(Value::as_str);
    match id.and_then(|id| id.parse::<greffe_events::Uuid>().ok()) {
        Some(id) => Ok(id.to_string()),
        None => bail!("{} existe et n'est pas {what} : rangez-le ailleurs", path.display()),
    }
}
