//! `greffe event check`: why would an event be refused? Offline, as far as the event alone can tell.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use greffe_events::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use greffe_events::ident::Origin;
use greffe_events::{Event, Refusal};

use super::{Outcome, now_ms, print, say};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dit pourquoi un événement serait refusé, sans rien envoyer.
    Check {
        /// Fichiers : enveloppe DSSE, ou événement nu en JSON.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Nom du registre auquel il est destiné.
        #[arg(long)]
        origin: Option<Origin>,
    },
}

pub fn run(command: &Command) -> Outcome {
    let Command::Check { files, origin } = command;
    let mut all_hold = true;
    for file in files {
        let bytes = read_bounded(file)?;
        match check(&bytes, origin.as_ref()) {
            Ok((event, is_signed)) => {
                print(format_args!("{} : bon ({})", file.display(), event.data.event_type().as_str()))?;
                if !is_signed {
                    say("  événement nu : il n'est pas signé");
                }
            }
            Err(refusal) => {
                all_hold = false;
                let champ = refusal.field.as_deref().map(|field| format!(" — {field}")).unwrap_or_default();
                print(format_args!(
                    "{} : {} [{}]{champ} : {}",
                    file.display(),
                    refusal.code.titre(),
                    refusal.code,
                    refusal.detail
                ))?;
            }
        }
    }
    say("Non vérifié hors ligne : droits des clés, pièces déposées, état du dossier, identifiant déjà employé.");
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads a file that holds an envelope or an event.
pub fn read_bounded(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
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

fn check(bytes: &[u8], origin: Option<&Origin>) -> Result<(Event, bool), Refusal> {
    let (event, is_signed) = if is_envelope(bytes) {
        let envelope = Envelope::parse(bytes)?;
        envelope.verify()?;
        (Event::of(&envelope)?, true)
    } else {
        (Event::parse(bytes)?, false)
    };
    event.check_time(now_ms())?;
    if let Some(origin) = origin {
        event.check_registre(origin)?;
    }
    Ok((event, is_signed))
}
