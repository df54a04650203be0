//! `greffe event`: check and sign events, offline.
//!
//! `check` says why an event would be refused, as far as the event alone can tell. `sign` adds one signature: an event that
//! asks for several signers goes from hand to hand as a file, and no key leaves the machine of its holder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use greffe_events::dsse::{ENVELOPE_BYTES_MAX, Envelope, PAYLOAD_TYPE, pae};
use greffe_events::ident::Origin;
use greffe_events::{Code, Event, Refusal};

use super::post::complete;
use super::{Outcome, kept, now_ms, print, say};
use crate::ledger::folder::{read_secret_key, replace_file};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dit pourquoi un événement serait refusé, sans rien envoyer.
    Check {
        /// Fichiers : enveloppe DSSE, événement en JSON, ou brouillon (type, source, subject, data).
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Nom du registre auquel il est destiné.
        #[arg(long)]
        origin: Option<Origin>,
    },
    /// Ajoute une signature à un événement, sans rien envoyer : chaque signataire à son tour, la clé chez lui.
    Sign {
        /// Brouillon ou événement en JSON (l'enveloppe va dans <fichier>.dsse.json), ou enveloppe à compléter.
        file: PathBuf,
        /// Clé qui signe, fichier PEM.
        #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
        key: PathBuf,
        /// Nom du registre auquel un brouillon est destiné.
        #[arg(long)]
        origin: Option<Origin>,
        /// Place de cette signature dans l'ordre que demande le type (1 : l'auteur) ; par défaut à la suite.
        #[arg(long, value_name = "1…4", value_parser = clap::value_parser!(u8).range(1..=4))]
        place: Option<u8>,
    },
}

pub fn run(command: &Command) -> Outcome {
    match command {
        Command::Check { files, origin } => run_check(files, origin.as_ref()),
        Command::Sign { file, key, origin, place } => sign(file, key, origin.as_ref(), *place),
    }
}

fn run_check(files: &[PathBuf], origin: Option<&Origin>) -> Outcome {
    let mut all_hold = true;
    for file in files {
        let bytes = read_bounded(file)?;
        match check(&bytes, origin) {
            Ok((event, is_signed)) => {
                print(format_args!("{} : bon ({})", file.display(), event.data.event_type().as_str()))?;
                if !is_signed {
                    say("  il n'est pas signé");
                }
            }
            Err(refusal) => {
                all_hold = false;
                let champ = refusal.field.as_deref().map(|field| format!(" — {field}")).unwrap_or_default();
                let Refusal { code, detail, .. } = &refusal;
                print(format_args!("{} : {} [{code}]{champ}", file.display(), code.titre()))?;
                print(format_args!("  {}\n  détail : {detail}", code.conseil()))?;
            }
        }
    }
    say("Non vérifié hors ligne : droits des clés, pièces déposées, état du dossier, identifiant déjà employé.");
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sign(file: &Path, key: &Path, origin: Option<&Origin>, place: Option<u8>) -> Outcome {
    let key = read_secret_key(key)?;
    let bytes = read_bounded(file)?;
    let (payload, mut signatures, target) = if is_envelope(&bytes) {
        let envelope = Envelope::parse(&bytes).with_context(|| file.display().to_string())?;
        envelope.verify().with_context(|| file.display().to_string())?;
        let (payload, signatures) = envelope.into_parts();
        (payload, signatures, file.to_owned())
    } else {
        let target = kept::envelope_path(file);
        if kept::envelope_of(file, &bytes, origin)?.is_some() {
            bail!("{} existe déjà : complétez cette enveloppe, ou effacez-la pour recommencer", target.display());
        }
        let event = complete(&bytes, origin).with_context(|| file.display().to_string())?;
        if !has_attribute(&event, "registre") {
            bail!("{} ne dit pas à quel registre il est destiné : donnez son nom (--origin)", file.display());
        }
        (event, Vec::new(), target)
    };
    let event = Event::parse(&payload).with_context(|| file.display().to_string())?;
    if let Some(origin) = origin {
        event.check_registre(origin).with_context(|| file.display().to_string())?;
    }
    let place = place.map_or(signatures.len(), |place| usize::from(place) - 1);
    if place > signatures.len() {
        bail!("la place {} suppose {place} signature(s) avant elle, il y en a {}", place + 1, signatures.len());
    }
    signatures.insert(place, (key.id(), key.sign(&pae(PAYLOAD_TYPE, &payload))));
    let shown: serde_json::Value = serde_json::from_slice(&payload)?;
    let envelope = Envelope::new(payload, signatures)?;
    if target != file {
        kept::set_aside(file)?;
    }
    say(format_args!("Vous signez :\n{}", serde_json::to_string_pretty(&shown)?));
    replace_file(&target, envelope.to_json().as_bytes())
        .with_context(|| format!("{} n'a pas pu être écrit", target.display()))?;
    for (at, signer) in envelope.signers().enumerate() {
        print(format_args!("{} : signature {} par {signer}", target.display(), at + 1))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file that holds an envelope or an event.
pub fn read_bounded(file: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(ENVELOPE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} est illisible", file.display()))?;
    Ok(bytes)
}

/// Whether a JSON text is an envelope rather than a bare event.
pub fn is_envelope(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|value| value.get("payloadType").is_some())
}

fn has_attribute(event: &[u8], name: &str) -> bool {
    serde_json::from_slice::<serde_json::Value>(event).is_ok_and(|event| event.get(name).is_some())
}

fn check(bytes: &[u8], origin: Option<&Origin>) -> Result<(Event, bool), Refusal> {
    let (event, is_signed) = if is_envelope(bytes) {
        let envelope = Envelope::parse(bytes)?;
        envelope.verify()?;
        (Event::of(&envelope)?, true)
    } else {
        // A whole event is judged as it stands; a draft as it would be signed.
        let is_draft = has_attribute(bytes, "type") && !has_attribute(bytes, "specversion");
        let malformed = |error: anyhow::Error| Refusal::new(Code::JsonMalformed, error.root_cause().to_string());
        let event = if is_draft { complete(bytes, origin).map_err(malformed)? } else { bytes.to_owned() };
        if is_draft && !has_attribute(&event, "registre") {
            let detail = "a draft names no log: say which (--origin)";
            return Err(Refusal::new(Code::AttributeMissing, detail).at("registre"));
        }
        (Event::parse(&event)?, false)
    };
    event.check_time(now_ms())?;
    if let Some(origin) = origin {
        event.check_registre(origin)?;
    }
    Ok((event, is_signed))
}
