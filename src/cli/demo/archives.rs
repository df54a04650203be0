//! The files of the demonstration: real ACTES archives, both ways, written to a folder and read back from there by the same
//! import as anyone's.

use std::path::{Path, PathBuf};

use anyhow::Context;
use greffe_events::ident::{IdActe, Numero};
use jiff::civil::Date;

use super::document::pdf;
use super::modeles::Modele;
use super::region::{DEPARTEMENT, Organisme};
use crate::formats::actes::ecriture::{ArchiveEcrite, Depot, FichierADeposer, MessageADeposer};
use crate::formats::actes::enveloppe::{Autorite, Enveloppe, EnveloppeClMisill, EnveloppeMisillCl, IdCl, Referent};
use crate::formats::actes::message::{Acte, ArActe, CodeMessage, FichierSigne, Generation, Matieres, Message};
use crate::formats::actes::nom::{NomFichier, Quadrigramme, Serie, Trigramme, TypePj};

/// An act of the demonstration.
pub struct ActeEcrit {
    /// What it is.
    pub id: IdActe,
    /// What it says: what an accusé repeats.
    pub acte: Acte,
}

/// How an act is sent.
#[derive(Debug, Clone, Copy)]
pub struct Envoi {
    /// Which of the acts of its collectivité it is, from 1.
    pub rang: usize,
    /// Decided on.
    pub decision: Date,
    /// Sent on.
    pub transmission: Date,
    /// Date of the classification used.
    pub classification: Date,
}

/// Writes the archive of act number `n`; where it is.
pub fn write_acte(
    folder: &Path,
    organisme: &Organisme,
    modele: &Modele,
    n: usize,
    envoi: &Envoi,
) -> anyhow::Result<(ActeEcrit, PathBuf)> {
    let acte = acte(modele, envoi)?;
    let lines = [
        organisme.nom.to_owned(),
        format!("Acte n° {} du {}", acte.numero_brut, acte.date),
        acte.objet.clone(),
        "Document de démonstration : tout y est inventé.".to_owned(),
    ];
    let document = fichier(Some(modele.type_pj), pdf(&lines))?;
    let mut fichiers = vec![document];
    if n % 4 == 1 {
        fichiers.push(fichier(Some("99_AU"), pdf(&["Annexe".to_owned(), acte.objet.clone()]))?);
    }
    let enveloppe = Enveloppe::ClMisill(EnveloppeClMisill {
        emetteur: IdCl {
            siren: organisme.siren.into(),
            departement: DEPARTEMENT.parse::<greffe_events::ident::Departement>()?.into(),
            arrondissement: 1.into(),
            nature: 31.into(),
        },
        referent: Some(Referent {
            nom: Some("Secrétariat (démonstration)".to_owned()),
            telephone: Some("0000000000".to_owned()),
            courriel: Some("mairie@demo.invalid.org".to_owned()),
        }),
        courriels_retour: vec!["mairie@demo.invalid.org".to_owned()],
        formulaires: Vec::new(),
    });
    let message = MessageADeposer { message: Message::Acte(Box::new(acte.clone())), fichiers, signature: None };
    // Never used twice by a collectivité, on no day.
    let (written, archive) = write(folder, enveloppe, envoi.transmission, envoi.rang, message)?;
    let id = written.ids.into_iter().flatten().next().context("une archive sans acte")?;
    Ok((ActeEcrit { id, acte }, archive))
}

/// Writes the archive of one message.
fn write(
    folder: &Path,
    enveloppe: Enveloppe,
    date: Date,
    serie: usize,
    message: MessageADeposer,
) -> anyhow::Result<(ArchiveEcrite, PathBuf)> {
    let depot = Depot {
        trigramme: Trigramme::new("GRF").context("trigramme")?,
        quadrigramme: Quadrigramme::Test,
        enveloppe,
        date,
        serie: u16::try_from(serie).ok().and_then(Serie::new).context("plus de 9 999 envois")?,
        generation: Generation::Gen2,
        messages: vec![message],
        mtime_s: 0,
    };
    let written = depot.archive().map_err(|error| anyhow::anyhow!("{error}"))?;
    let archive = folder.join(&written.nom);
    std::fs::write(&archive, &written.octets).with_context(|| archive.display().to_string())?;
    Ok((written, archive))
}

fn acte(modele: &Modele, envoi: &Envoi) -> anyhow::Result<Acte> {
    let date = envoi.decision;
    let numero_brut = format!("{}{}_{:03}", modele.prefixe, date.year(), envoi.rang);
    let [first, second] = modele.matiere;
    Ok(Acte {
        generation: Generation::Gen2,
        date,
        numero: numero_brut.parse::<Numero>()?,
        numero_brut,
        nature: modele.nature,
        matieres: Matieres([Some(first), Some(second), None, None, None]),
        objet: modele.objet.to_owned(),
        precedent: None,
        classification_date: Some(envoi.classification),
        document: FichierSigne { nom: String::new(), signature: None },
        annexes: Vec::new(),
        document_papier: Some(false),
    })
}

fn fichier(type_pj: Option<&str>, octets: Vec<u8>) -> anyhow::Result<FichierADeposer> {
    let type_pj = type_pj.map(|code| TypePj::new(code).context("type de pièce")).transpose()?;
    Ok(FichierADeposer { type_pj, extension: "pdf".to_owned(), octets, signature: None })
}

/// Writes the archive in which the sous-préfecture acknowledges an act.
pub fn write_accuse(folder: &Path, demo: &ActeEcrit, serie: usize, jour: Date) -> anyhow::Result<PathBuf> {
    let mut acte = demo.acte.clone();
    acte.document.nom = NomFichier::new(&demo.id, None, CodeMessage::Acte, 1, "pdf").to_string();
    let ar = ArActe {
        id_acte: demo.id.clone().into(),
        date_reception: jour,
        classification_en_cours: acte.classification_date,
        acte: acte.into(),
    };
    let enveloppe = Enveloppe::MisillCl(EnveloppeMisillCl {
        emetteur: Autorite::SousPrefecture { departement: demo.id.departement.into(), arrondissement: 1.into() },
        referent: None,
        formulaires: Vec::new(),
        destinataire: demo.id.siren.into(),
    });
    let message = MessageADeposer { message: Message::ArActe(Box::new(ar)), fichiers: Vec::new(), signature: None };
    Ok(write(folder, enveloppe, jour, serie, message)?.1)
}
