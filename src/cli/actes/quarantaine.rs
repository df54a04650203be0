//! `greffe actes quarantaine`, `rattacher`, `ecarter`: messages that no act could receive.
//!
//! Attaching reads the message again, with its act now known: what it says is recorded in the act's dossier with the same files, and
//! the message is marked as attached to that leaf.

use std::process::ExitCode;

use anyhow::{Context, bail};
use greffe_events::Liste;
use greffe_events::catalogue::{MotifMiseAEcart, QuarantaineEcartee, QuarantaineRattachee};
use greffe_events::ident::{IdActe, IdQuarantaine};
use greffe_events::key::SecretKey;
use greffe_events::piece::RolePiece;
use greffe_events::valeur::IndexFeuille;

use super::Voix;
use super::depot::{Depot, post};
use super::lecture::FILE_BYTES_MAX;
use crate::cli::client::Client;
use crate::cli::{Outcome, print, say};
use crate::formats::actes::archive::Entree;
use crate::formats::actes::lot::Lot;

/// A reason, by its word.
pub(super) fn read_motif(text: &str) -> Result<MotifMiseAEcart, String> {
    let known = || MotifMiseAEcart::ALL.iter().map(|motif| motif.as_str());
    MotifMiseAEcart::ALL
        .iter()
        .copied()
        .find(|motif| motif.as_str() == text)
        .ok_or_else(|| format!("un motif parmi : {}", known().collect::<Vec<_>>().join(", ")))
}

/// Messages that wait.
pub(super) fn list(client: &Client, key: &SecretKey) -> Outcome {
    let mut next = Some("/v1/quarantaine?etat=en-attente&limit=1000".to_owned());
    let mut count = 0;
    while let Some(path) = next {
        let page = client.get_json(key, &path)?.context("la quarantaine n'est pas lisible avec cette clé")?;
        for row in page["lignes"].as_array().into_iter().flatten() {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            count += 1;
            print(format_args!(
                "{}  {}  [{}]  {}  {}",
                text("id"),
                text("message"),
                text("motif"),
                text("acte"),
                text("enregistre_le")
            ))?;
        }
        let suite = page["suite"].as_str();
        next = suite.map(|suite| format!("/v1/quarantaine?etat=en-attente&limit=1000&apres={suite}"));
    }
    say(format_args!("{count} message(s) en attente"));
    Ok(ExitCode::SUCCESS)
}

/// Records what the message says of the act, and marks it as attached.
pub(super) fn attach(client: &Client, key: &SecretKey, message: &str, acte: &IdActe) -> Outcome {
    let id: IdQuarantaine = message.parse().context("ce n'est pas l'identifiant d'un message")?;
    let row = client.get_json(key, &format!("/v1/quarantaine/{id}"))?.context("ce message n'est pas en quarantaine")?;
    let mut entries = Vec::new();
    let mut nom = String::new();
    for piece in row["pieces"].as_array().into_iter().flatten() {
        let role = piece["role"].as_str().unwrap_or_default();
        let is_of_message = piece["index"] == row["index"] && role != RolePiece::Confidentiel.as_str();
        if !is_of_message {
            continue;
        }
        let reference = piece["reference"].as_str().unwrap_or_default();
        let found = client.get_named_piece(key, reference, FILE_BYTES_MAX)?;
        let (octets, name) = found.with_context(|| format!("la pièce {reference} n'est plus là"))?;
        let name = name.unwrap_or_else(|| format!("{reference}.xml"));
        if role == RolePiece::Message.as_str() {
            nom.clone_from(&name);
        }
        entries.push(Entree { nom: name, octets });
    }
    let today = jiff::Zoned::now().date();
    let lot = Lot::from_entries(entries.clone(), today).or_else(|error| {
        let alone = entries.into_iter().find(|entry| entry.nom == nom).ok_or(error)?;
        Lot::from_message(alone.nom, alone.octets, today)
    });
    let lot = lot.map_err(|error| anyhow::anyhow!("{error}")).context("ce message ne se lit pas")?;
    let message = lot.messages.iter().find(|one| one.nom == nom).or(lot.messages.first());
    let message = message.context("ce message ne se lit pas : il ne peut qu'être écarté")?;
    let voix = Voix::default();
    let index = Depot::new(client, key, &voix).say_of(&lot, message, acte)?;
    let data = QuarantaineRattachee {
        acte: acte.clone(),
        feuille: IndexFeuille::new(index).context("cette feuille n'a pas d'indice")?,
        pieces: Liste::default(),
    };
    let done = post(client, key, &id.titulaire, &id.dossier(), &data.into(), None)?;
    match done {
        Ok(at) => say(format_args!("{acte} : enregistré à l'indice {index} ; message rattaché à l'indice {at}")),
        Err(problem) => bail!("{problem}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Sets the message aside.
pub(super) fn set_aside(client: &Client, key: &SecretKey, message: &str, motif: MotifMiseAEcart) -> Outcome {
    let id: IdQuarantaine = message.parse().context("ce n'est pas l'identifiant d'un message")?;
    let data = QuarantaineEcartee { motif, pieces: Liste::default() };
    match post(client, key, &id.titulaire, &id.dossier(), &data.into(), None)? {
        Ok(at) => say(format_args!("message écarté à l'indice {at}")),
        Err(problem) => bail!("{problem}"),
    }
    Ok(ExitCode::SUCCESS)
}
