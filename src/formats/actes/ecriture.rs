//! Writing messages, envelopes and archives, to the letter of either generation of the schema.
//!
//! What was written is read again before it is given: a value that does not come back equal is an error, never a wrong file.
//! What a generation can't say (paper and types of attachments in the first) is an error too, not left out in silence.
//!
//! Source: `actesv1_1.xsd` in both generations, [`super::nom`] for names. It validates lengths and forms that the schema
//! gives, not whether matters and attachment types exist.

use greffe_events::ident::{Departement, IdActe};
use jiff::civil::Date;
use thiserror::Error;

use super::archive::ArchiveError;
use super::enveloppe::{self as enveloppes, Autorite, Enveloppe, EnveloppeClMisill, RACINE_CL, RACINE_ETAT};
use super::lecture::{Lecture, LectureError, Lu};
use super::message::{self as messages, Acte, ActeRecu, CodeMessage, Generation, Message};

use page::Page;

mod depot;
mod enveloppe;
mod message;
mod page;

pub use depot::{ArchiveEcrite, Depot, FichierADeposer, MessageADeposer};

/// Why a value can't be written.
#[derive(Debug, Error)]
pub enum EcritureError {
    /// The schema requires a value that is not there, or has another form.
    #[error("{champ} is missing, or not of the form that the schema gives")]
    Champ {
        /// Element or attribute.
        champ: &'static str,
    },
    /// A message that does not travel that way: a receipt in an envelope of a collectivité.
    #[error("a message {} does not travel in this envelope", .code.as_str())]
    Sens {
        /// Its kind.
        code: CodeMessage,
    },
    /// A character that XML does not have.
    #[error("{champ} holds a character that XML does not have (U+{code:04X})")]
    Caractere {
        /// Element or attribute.
        champ: &'static str,
        /// The character.
        code: u32,
    },
    /// What was written is not read back equal.
    #[error("what was written does not read back equal: {0}")]
    Relecture(String),
    /// The archive can't be made.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl EcritureError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Champ { .. } => "ecriture-champ",
            Self::Sens { .. } => "ecriture-sens",
            Self::Caractere { .. } => "ecriture-caractere",
            Self::Relecture(_) => "ecriture-relecture",
            Self::Archive(error) => error.code(),
        }
    }
}

/// Writes a message of any kind, in a generation of the schema, whatever generation an act in it was read from.
pub fn message(message: &Message, generation: Generation) -> Result<Vec<u8>, EcritureError> {
    let octets = message::message(message, generation)?;
    let mut lu = relit(messages::read(&octets, Date::MAX))?;
    let mut voulu = message.clone();
    for message in [&mut lu, &mut voulu] {
        met_au_propre(message);
    }
    if let Some(acte) = acte_mut(&mut voulu) {
        acte.generation = generation;
    }
    if lu == voulu { Ok(octets) } else { Err(differe()) }
}

/// Writes an envelope of either kind. The generations agree about them.
pub fn enveloppe(enveloppe: &Enveloppe) -> Result<Vec<u8>, EcritureError> {
    let octets = match enveloppe {
        Enveloppe::ClMisill(cl) => {
            Page::document(RACINE_CL, &[], Generation::Gen2, |page| enveloppe::de_collectivite(page, cl))?
        }
        Enveloppe::MisillCl(etat) => {
            Page::document(RACINE_ETAT, &[], Generation::Gen2, |page| enveloppe::de_l_etat(page, etat))?
        }
    };
    let mut lue = relit(enveloppes::read(&octets))?;
    let mut voulue = enveloppe.clone();
    for enveloppe in [&mut lue, &mut voulue] {
        match enveloppe {
            Enveloppe::ClMisill(cl) => enveloppe_au_propre(cl),
            Enveloppe::MisillCl(etat) => {
                propre(&mut etat.destinataire);
                match &mut etat.emetteur {
                    Autorite::Sgar(departement) | Autorite::Prefecture(departement) => propre(departement),
                    Autorite::SousPrefecture { departement, arrondissement } => {
                        propre(departement);
                        propre(arrondissement);
                    }
                }
            }
        }
    }
    if lue == voulue { Ok(octets) } else { Err(differe()) }
}

fn relit<T>(lecture: Result<Lecture<T>, LectureError>) -> Result<T, EcritureError> {
    lecture.map(|l| l.valeur).map_err(|e| EcritureError::Relecture(e.to_string()))
}

fn differe() -> EcritureError {
    EcritureError::Relecture("a field differs".to_owned())
}

/// What is compared of a value that is there is the value, not how a file spelt it.
fn propre<T: std::fmt::Display>(lu: &mut Lu<T>) {
    if let Some(valeur) = &lu.valeur {
        lu.brut = valeur.to_string();
    }
}

fn enveloppe_au_propre(enveloppe: &mut EnveloppeClMisill) {
    let emetteur = &mut enveloppe.emetteur;
    propre(&mut emetteur.siren);
    propre(&mut emetteur.departement);
    propre(&mut emetteur.arrondissement);
    propre(&mut emetteur.nature);
}

fn met_au_propre(message: &mut Message) {
    if let Some(id) = id_acte_mut(message) {
        propre(id);
    }
    if let Some(precedent) = acte_mut(message).and_then(|acte| acte.precedent.as_mut()) {
        propre(precedent);
    }
    if let Message::AnomalieEnveloppe(anomalie) = message
        && let Some(enveloppe) = &mut anomalie.enveloppe
    {
        enveloppe_au_propre(enveloppe);
    }
}

fn acte_mut(message: &mut Message) -> Option<&mut Acte> {
    let recu = match message {
        Message::Acte(acte) => return Some(acte),
        Message::ArActe(ar) => &mut ar.acte,
        Message::AnomalieActe(anomalie) => &mut anomalie.acte,
        _ => return None,
    };
    match recu {
        ActeRecu::Entier(acte) => Some(acte),
        ActeRecu::Partiel { .. } => None,
    }
}

fn id_acte_mut(message: &mut Message) -> Option<&mut Lu<IdActe>> {
    match message {
        Message::ArActe(ar) => Some(&mut ar.id_acte),
        Message::ArPieceComplementaire(ar) | Message::ArReponseRejetLettreObservations(ar) => {
            Some(&mut ar.reference.id_acte)
        }
        Message::DefereTa(defere) => Some(&mut defere.id_acte),
        Message::Annulation(annulation) => Some(&mut annulation.id_acte),
        Message::ArAnnulation(ar) => Some(&mut ar.id_acte),
        _ => message.courrier_mut().map(|courrier| &mut courrier.reference.id_acte),
    }
}

fn valeur<T>(champ: &'static str, lu: Option<T>) -> Result<T, EcritureError> {
    lu.ok_or(EcritureError::Champ { champ })
}

/// A day that `xsd:date` has: there is no year 0.
fn date(champ: &'static str, date: Option<Date>) -> Result<String, EcritureError> {
    let date = valeur(champ, date)?;
    if date.year() < 1 { Err(EcritureError::Champ { champ }) } else { Ok(date.to_string()) }
}

/// A département within the pattern of the schema: it begins with 0 or 9.
fn departement(lu: Option<Departement>) -> Result<Departement, EcritureError> {
    let tient = |departement: &Departement| departement.as_str().starts_with(['0', '9']);
    valeur("Departement", lu.filter(tient))
}

#[cfg(test)]
mod tests;
