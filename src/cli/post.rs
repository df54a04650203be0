//! `greffe post`: signs and posts events.
//!
//! A file holds a signed envelope, a whole event, or a draft: `type`, `source`, `subject`, `data`; the rest is filled in.
//! What is signed is written to `<file>.dsse.json` before it is sent, and sent again from there as long as the draft, the keys
//! and the log are the same: a command that is repeated after a lost answer records nothing twice. The receipt goes to
//! `<file>.recu.json`; what is kept of an earlier event of the same file stays ([`super::kept`]). Several files go together, in
//! their order, as batches.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Origin;
use greffe_events::key::SecretKey;
use greffe_events::{Event, Uuid};
use serde_json::{Map, Value};

use super::client::{Client, Posted};
use super::event::{is_envelope, read_bounded};
use super::{Outcome, kept, now_ms, print, say};
use crate::http::bounds::BATCH_BYTES_MAX;
use crate::ledger::folder::{read_secret_key, replace_file};

/// Files in one batch: of the largest envelopes, the largest body that a node takes holds as many.
const BATCH_FILES_MAX: usize = BATCH_BYTES_MAX / (ENVELOPE_BYTES_MAX + 1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Événements en JSON : enveloppe signée, événement entier, ou brouillon (type, source, subject, data).
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Adresse du nœud, par exemple <http://127.0.0.1:4180>
    #[arg(long, env = "GREFFE_URL", default_value = "http://127.0.0.1:4180")]
    url: String,
    /// Clé qui signe un brouillon ou un événement, fichier PEM ; plusieurs dans l'ordre que demande son type.
    #[arg(long, env = "GREFFE_KEY", value_name = "FICHIER")]
    key: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Outcome {
    let client = Client::connect(&args.url)?;
    let keys = args.key.iter().map(|file| read_secret_key(file)).collect::<Result<Vec<_>, _>>()?;
    let envelopes =
        args.files.iter().map(|file| signed(file, &keys, client.origin())).collect::<Result<Vec<_>, _>>()?;
    let mut all_hold = true;
    let mut files = args.files.iter();
    for batch in envelopes.chunks(BATCH_FILES_MAX) {
        let posted = if let [one] = batch { vec![client.post(one)?] } else { client.post_all(batch)? };
        for (posted, file) in posted.into_iter().zip(&mut files) {
            all_hold &= tell(file, posted)?;
        }
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what became of a file and keeps its receipt; whether it is recorded.
fn tell(file: &Path, posted: Posted) -> anyhow::Result<bool> {
    let (receipt, what) = match posted {
        Posted::New(receipt) => (receipt, "enregistré à l'indice"),
        Posted::Known(receipt) => (receipt, "déjà enregistré, à l'indice"),
        Posted::Refused(problem) => {
            // What was refused must be changed, and then signed anew.
            let _ = std::fs::remove_file(kept::envelope_path(file));
            print(format_args!("{} : refusé : {problem}", file.display()))?;
            return Ok(false);
        }
    };
    kept::keep_receipt(&kept::receipt_path(file), &receipt)?;
    print(format_args!("{} : {what} {}", file.display(), receipt.index))?;
    Ok(true)
}

fn signed(file: &Path, keys: &[SecretKey], origin: &Origin) -> anyhow::Result<Envelope> {
    let bytes = read_bounded(file)?;
    if is_envelope(&bytes) {
        return Envelope::parse(&bytes).with_context(|| file.display().to_string());
    }
    let target = kept::envelope_path(file);
    if let Some(envelope) = kept::envelope_of(file, &bytes, Some(origin))? {
        if !envelope.signers().eq(keys.iter().map(SecretKey::id)) {
            bail!(
                "{} porte déjà ce brouillon, avec d'autres signatures : envoyez cette enveloppe, ou effacez-la",
                target.display()
            );
        }
        say(format_args!("{} : renvoi de ce qui était déjà signé ({})", file.display(), target.display()));
        return Ok(envelope);
    }
    if keys.is_empty() {
        bail!("{} n'est pas signé : donnez la clé qui signe (--key)", file.display());
    }
    let event = complete(&bytes, Some(origin)).with_context(|| file.display().to_string())?;
    Event::parse(&event).with_context(|| file.display().to_string())?;
    let envelope =
        Envelope::sign(event, &keys.iter().collect::<Vec<_>>()).with_context(|| file.display().to_string())?;
    kept::set_aside(file)?;
    replace_file(&target, envelope.to_json().as_bytes())
        .with_context(|| format!("{} n'a pas pu être écrit", target.display()))?;
    Ok(envelope)
}

/// Fills the attributes in that a draft leaves out.
pub fn complete(draft: &[u8], origin: Option<&Origin>) -> anyhow::Result<Vec<u8>> {
    let Value::Object(mut event) =
        serde_json::from_slice(draft).context("ce n'est pas du JSON en UTF-8 sans marque d'ordre (BOM)")?
    else {
        bail!("un événement est un objet JSON");
    };
    let fill = |event: &mut Map<String, Value>, name: &str, value: String| {
        event.entry(name).or_insert(Value::String(value));
    };
    fill(&mut event, "specversion", "1.0".to_owned());
    fill(&mut event, "id", Uuid::now_v7().to_string());
    fill(&mut event, "time", Horodatage::from_unix_ms(now_ms()).to_string());
    fill(&mut event, "datacontenttype", "application/json".to_owned());
    if let Some(origin) = origin {
        fill(&mut event, "registre", origin.to_string());
    }
    Ok(serde_json::to_vec(&Value::Object(event))?)
}
