//! The files of the demonstration: real ACTES archives, both ways, written to a folder and read back from there by the same
//! import as anyone's.

use std::path::{Path, PathBuf};

use anyhow::Context;
use greffe_events::ident::{IdActe, Numero, Siren};
use jiff::civil::Date;

use super::document::pdf;
use super::modeles::Modele;
use super::region::{DEPARTEMENT, Organisme};
use crate::formats::actes::archive::{self, Entree};
use crate::formats::actes::ecriture::{self, ActeADeposer, Depot, FichierADeposer};
use crate::formats::actes::enveloppe::{Autorite, Enveloppe, EnveloppeMisillCl, IdCl, Referent};
use crate::formats::actes::lecture::Lu;
use crate::formats::actes::message::{Acte, ArActe, CodeMessage, FichierSigne, Generation, Matieres};
use crate::formats::actes::nom::{
    Auteur, NomArchive, NomEnveloppe, NomFichier, Quadrigramme, Serie, Trigramme, TypePj,
};

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
    let annexes = if n % 4 == 1 {
        vec![fichier(Some("99_AU"), pdf(&["Annexe".to_owned(), acte.objet.clone()]))?]
    } else {
        Vec::new()
    };
    let depot = Depot {
        trigramme: Trigramme::new("GRF").context("trigramme")?,
        quadrigramme: Quadrigramme::Test,
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
        date: envoi.transmission,
        // Never used twice by a collectivité, on no day.
        serie: Serie::new(u16::try_from(envoi.rang)?).context("plus de 9 999 dépôts")?,
        actes: vec![ActeADeposer { acte: acte.clone(), document, annexes }],
        mtime_s: 0,
    };
    let written = depot.archive().map_err(|error| anyhow::anyhow!("{error}"))?;
    let archive = folder.join(&written.nom);
    std::fs::write(&archive, &written.octets).with_context(|| archive.display().to_string())?;
    let id = written.ids.into_iter().next().context("une archive sans acte")?;
    Ok((ActeEcrit { id, acte }, archive))
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
    let siren: Siren = demo.id.siren;
    let mut acte = demo.acte.clone();
    acte.document.nom = NomFichier::new(&demo.id, None, CodeMessage::Acte, 1, "pdf").to_string();
    let ar = ArActe {
        id_acte: demo.id.clone().into(),
        date_reception: jour,
        classification_en_cours: acte.classification_date,
        acte,
    };
    let message = NomFichier::new(&demo.id, None, CodeMessage::ArActe, 1, "xml").to_string();
    let departement: Lu<_> = demo.id.departement.into();
    let enveloppe = Enveloppe::MisillCl(EnveloppeMisillCl {
        emetteur: Autorite::SousPrefecture { departement, arrondissement: 1.into() },
        referent: None,
        formulaires: vec![FichierSigne { nom: message.clone(), signature: None }],
        destinataire: siren.into(),
    });
    let serie = Serie::new(u16::try_from(serie)?).context("plus de 9 999 accusés")?;
    let auteur = Auteur::Etat { autorite: format!("SPREF{}1", demo.id.departement), destinataire: siren };
    let nom = NomEnveloppe { quadrigramme: Quadrigramme::Test, auteur, date: jour, serie };
    let errors = |error: ecriture::EcritureError| anyhow::anyhow!("{error}");
    let entries = [
        Entree { nom: nom.to_string(), octets: ecriture::enveloppe(&enveloppe).map_err(errors)? },
        Entree { nom: message, octets: ecriture::ar_acte(&ar).map_err(errors)? },
    ];
    let mut octets = Vec::new();
    archive::write(&entries, 0, &mut octets).map_err(|error| anyhow::anyhow!("{error}"))?;
    let trigramme = Trigramme::new("GRF").context("trigramme")?;
    let path = folder.join(NomArchive { trigramme, enveloppe: nom }.to_string());
    std::fs::write(&path, octets).with_context(|| path.display().to_string())?;
    Ok(path)
}
