//! Plays the scenes of the year against a node whose clock it turns: everything through the doors that anyone has.
//!
//! What was played has its receipt: run again, it is not played twice. A scene whose receipt was not kept is played with the same bytes, so
//! that the node answers with the one it gave.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use greffe_events::dsse::Envelope;
use greffe_events::event::Event;
use greffe_events::horodatage::Horodatage;
use serde_json::Value;

use super::scene::{Evenement, Quoi, Scene};
use crate::cli::actes;
use crate::cli::client::{Client, Posted, Problem};
use crate::cli::kept::keep_receipt;
use crate::ledger::clock::Hand;
use crate::ledger::head::Receipt;

/// Where scenes are played.
pub struct Theatre<'a> {
    /// The node, by its clock.
    pub client: &'a Client,
    /// That clock.
    pub hand: &'a Hand,
    /// The folder of receipts.
    pub recus: &'a Path,
}

impl Scene {
    /// Where its receipt goes, in the folder of receipts.
    pub fn recu(&self, recus: &Path) -> PathBuf {
        match &self.quoi {
            Quoi::Dit(_) | Quoi::EstRefuse(..) => recus.join(format!("{}.recu.json", self.nom)),
            Quoi::Importe(import) => {
                let folder = recus.join(import.rangement.unwrap_or_default());
                folder.join(format!("{}.{}.recu.json", import.id, import.quoi))
            }
        }
    }
}

impl Theatre<'_> {
    /// Plays one.
    pub fn joue(&self, scene: &Scene) -> anyhow::Result<()> {
        let recu = scene.recu(self.recus);
        if recu.exists() {
            return Ok(());
        }
        self.hand.turn_to(scene.quand_ms);
        match &scene.quoi {
            Quoi::Dit(evenement) => match self.depose(scene.quand_ms, evenement)? {
                Ok(receipt) => keep_receipt(&recu, &receipt),
                Err(problem) => bail!("{} : {problem}", scene.nom),
            },
            Quoi::EstRefuse(evenement, code, _) => match self.depose(scene.quand_ms, evenement)? {
                Ok(receipt) => bail!("{} : enregistré à l'indice {} au lieu d'être refusé", scene.nom, receipt.index),
                Err(problem) if problem.code == *code => keep_receipt(&recu, &recorded(&problem)?),
                Err(problem) => bail!("{} : {problem}", scene.nom),
            },
            Quoi::Importe(import) => {
                let folder = recu.parent().unwrap_or(self.recus);
                std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
                let mut lines = Vec::new();
                let files = std::slice::from_ref(&import.archive);
                let mut tell = |line: &str| lines.push(line.to_owned());
                let summary =
                    actes::import(self.client, &import.cle, files, Some(folder), &actes::Voix::default(), &mut tell)?;
                if summary.recorded + summary.known != 1 {
                    bail!("{} : {}", scene.nom, lines.join("\n"));
                }
                Ok(())
            }
        }
    }

    /// Deposits its files, signs it, posts it.
    fn depose(&self, quand_ms: u64, evenement: &Evenement) -> anyhow::Result<Result<Receipt, Problem>> {
        let Some(author) = evenement.cles.first() else { bail!("personne ne signe") };
        for fichier in &evenement.fichiers {
            let (sha256, nom) = (fichier.sha256(), fichier.nom.as_deref());
            self.client.deposit(author, &fichier.octets, sha256, Some(fichier.sel), nom)?;
        }
        let mut data = evenement.data.clone();
        if !evenement.fichiers.is_empty() {
            data["pieces"] =
                evenement.fichiers.iter().map(super::scene::Fichier::citation).collect::<Vec<Value>>().into();
        }
        let genre = evenement.genre;
        let data = serde_json::value::to_raw_value(&data)?;
        let data = genre.read(&data).map_err(|refusal| anyhow::anyhow!("{} : {refusal}", genre.as_str()))?;
        let (time, origin) = (Horodatage::from_unix_ms(quand_ms), self.client.origin());
        let payload = Event::write(evenement.id, &evenement.source, &evenement.sujet, time, origin, &data);
        let keys: Vec<_> = evenement.cles.iter().collect();
        Ok(match self.client.post(&Envelope::sign(payload, &keys)?)? {
            Posted::New(receipt) | Posted::Known(receipt) => Ok(receipt),
            Posted::Refused(problem) => Err(problem),
        })
    }
}

/// The receipt of the leaf that records a refusal.
fn recorded(problem: &Problem) -> anyhow::Result<Receipt> {
    let receipt = problem.refus.as_ref().and_then(|refus| refus.get("receipt"));
    let receipt = receipt.with_context(|| format!("un refus qui n'est pas consigné : {problem}"))?;
    Ok(serde_json::from_value(receipt.clone())?)
}
