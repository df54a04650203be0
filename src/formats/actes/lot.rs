//! A submission put together: envelope, messages, their files.
//!
//! From the files of an archive or of a folder. The envelope is found by its root element, not by its name; it lists the
//! messages; each message lists its files. What a message of its own cites must be there; what it repeats of
//! another one (the act in a receipt or an anomaly) need not. Files that nothing cites are kept and noted.
//!
//! The identifier of an act is computed from the envelope (département, SIREN) and the message (date, number, nature):
//! file names decide nothing. An answer carries its own, or repeats what identifies its act ([`Identifiants`]).
//!
//! A deposit of a collectivité is taken whole or not at all. Of what the State sends, each message stands for itself: one that can't
//! be read is set apart ([`MessageRefuse`]), since nobody will send it again.
//!
//! Source: the practice of S²LOW, Stela and the ministry (no schema says it). It knows no earlier submission: whether an
//! act was sent before, or a receipt answers one, is the ledger's business.

use greffe_events::ident::IdActe;
use jiff::civil::Date;
use thiserror::Error;

use super::archive::{ArchiveError, Entree, check_nom};
use super::enveloppe::{self, Enveloppe};
use super::identifiants::Identifiants;
use super::lecture::{Lecture, LectureError};
use super::message::{self, CodeMessage, Message};
use super::nom::{NomFichier, ORDRE_MAX};
use super::{Ecart, Motif};

use fichiers::Fichiers;

mod fichiers;
mod reconnaissance;

pub use super::message::Role;

/// Why files are not a submission.
#[derive(Debug, Error)]
pub enum LotError {
    /// A name that is not a plain file name.
    #[error(transparent)]
    Nom(#[from] ArchiveError),
    /// No envelope, nor the anomaly of one.
    #[error("no envelope among the files")]
    EnveloppeAbsente,
    /// Two envelopes.
    #[error("{premiere:?} and {seconde:?} are both envelopes")]
    EnveloppeMultiple {
        /// The first in the order of the files.
        premiere: String,
        /// The next.
        seconde: String,
    },
    /// A cited file is not there.
    #[error("{nom:?}, cited by {cite_par:?}, is missing")]
    FichierManquant {
        /// The missing file.
        nom: String,
        /// The file that cites it.
        cite_par: String,
    },
    /// A file is cited twice.
    #[error("{nom:?}, cited by {cite_par:?}, was cited before")]
    FichierRepete {
        /// The file.
        nom: String,
        /// The second file that cites it.
        cite_par: String,
    },
    /// The envelope or a message can't be read.
    #[error("{nom:?}: {source}")]
    Lecture {
        /// The file.
        nom: String,
        /// Why.
        source: LectureError,
    },
}

impl LotError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nom(error) => error.code(),
            Self::EnveloppeAbsente => "enveloppe-absente",
            Self::EnveloppeMultiple { .. } => "enveloppe-multiple",
            Self::FichierManquant { .. } => "fichier-manquant",
            Self::FichierRepete { .. } => "fichier-repete",
            Self::Lecture { source, .. } => source.code(),
        }
    }
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// None for a message alone.
    pub enveloppe: Option<EnveloppeDuLot>,
    /// In the order of the envelope.
    pub messages: Vec<MessageDuLot>,
    /// Messages of the State that can't be taken: unreadable, or without a file that they cite. To be put aside, not dropped.
    pub refuses: Vec<MessageRefuse>,
    /// Files that nothing cites, in their order.
    pub autres: Vec<Entree>,
    /// Deviations of the submission itself: those of the envelope and of the messages are with them.
    pub ecarts: Vec<Ecart>,
}

/// The envelope with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnveloppeDuLot {
    /// File name.
    pub nom: String,
    /// Its bytes, as received.
    pub octets: Vec<u8>,
    /// What they say.
    pub enveloppe: Enveloppe,
    /// Deviations, paths from its root.
    pub ecarts: Vec<Ecart>,
}

/// A message with its bytes and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDuLot {
    /// File name.
    pub nom: String,
    /// Its bytes, as received.
    pub octets: Vec<u8>,
    /// What they say.
    pub message: Message,
    /// The act concerned, where it could be identified.
    pub id_acte: Option<IdActe>,
    /// All that tells which act it is about.
    pub identifiants: Identifiants,
    /// The files that it cites and that are there, in the order of the citations.
    pub documents: Vec<Fichier>,
    /// Deviations, paths from its root.
    pub ecarts: Vec<Ecart>,
}

/// A message that can't be taken, with what is known of it. Files that it cites, if any, are among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRefuse {
    /// File name.
    pub nom: String,
    /// Its bytes, as received; none where the file itself is missing.
    pub octets: Option<Vec<u8>>,
    /// What the file name and the envelope tell.
    pub identifiants: Identifiants,
    /// Stable code of the cause: that of [`LotError`].
    pub code: &'static str,
    /// The cause in words.
    pub detail: String,
}

/// A cited file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fichier {
    /// What it is to the message.
    pub role: Role,
    /// File name.
    pub nom: String,
    /// Its bytes, as received.
    pub octets: Vec<u8>,
}

impl Lot {
    /// Puts the files of an archive or a folder together. `aujourdhui`: see [`message::read`].
    pub fn from_entries<E: Into<Entree>>(
        entrees: impl IntoIterator<Item = E>,
        aujourdhui: Date,
    ) -> Result<Self, LotError> {
        let mut fichiers = Fichiers::new(entrees.into_iter().map(Into::into))?;
        let enveloppe = match fichiers.enveloppe()? {
            Some(nom) => {
                let octets = fichiers.prend(&nom, &nom)?;
                let Lecture { valeur, ecarts } = enveloppe::read(&octets).map_err(|e| lecture(&nom, e))?;
                Some(EnveloppeDuLot { nom, octets, enveloppe: valeur, ecarts })
            }
            None => None,
        };
        let a_lire = match &enveloppe {
            Some(e) => e.enveloppe.formulaires().iter().map(|f| (f.nom.clone(), e.nom.clone())).collect(),
            // The anomaly of an envelope travels without one.
            None => fichiers.anomalies(),
        };
        if a_lire.is_empty() {
            return Err(LotError::EnveloppeAbsente);
        }
        let du_cote_de_l_etat = !matches!(&enveloppe, Some(e) if matches!(e.enveloppe, Enveloppe::ClMisill(_)));
        let (mut messages, mut refuses) = (Vec::with_capacity(a_lire.len()), Vec::new());
        for (nom, cite_par) in a_lire {
            let enveloppe = enveloppe.as_ref().map(|e| (e.nom.as_str(), &e.enveloppe));
            let lu = match fichiers.prend(&nom, &cite_par) {
                Ok(octets) => match lit(&nom, &octets, enveloppe, &mut fichiers, aujourdhui) {
                    Ok(lu) => Ok((octets, lu)),
                    Err(cause) => Err((Some(octets), cause)),
                },
                Err(cause) => Err((None, cause)),
            };
            match lu {
                Ok((octets, lu)) => messages.push(MessageDuLot::new(nom, octets, lu)),
                // What a collectivité sends is whole or not at all; what the State sends is kept, message by message.
                Err((octets, cause)) if du_cote_de_l_etat => {
                    let identifiants = Identifiants::sans_message(&nom, enveloppe);
                    let (code, detail) = (cause.code(), cause.to_string());
                    refuses.push(MessageRefuse { nom, octets, identifiants, code, detail });
                }
                Err((_, cause)) => return Err(cause),
            }
        }
        let autres = fichiers.reste();
        let ecarts = autres.iter().map(|e| Ecart { chemin: e.nom.clone(), motif: Motif::NonReference }).collect();
        Ok(Self { enveloppe, messages, refuses, autres, ecarts })
    }

    /// A message alone: a receipt or an anomaly as the ministry's portal gives it. An act or a letter alone lacks its file.
    pub fn from_message(nom: String, octets: Vec<u8>, aujourdhui: Date) -> Result<Self, LotError> {
        check_nom(&nom)?;
        let mut fichiers = Fichiers::new(std::iter::empty())?;
        let lu = lit(&nom, &octets, None, &mut fichiers, aujourdhui)?;
        let messages = vec![MessageDuLot::new(nom, octets, lu)];
        Ok(Self { enveloppe: None, messages, refuses: Vec::new(), autres: Vec::new(), ecarts: Vec::new() })
    }
}

impl MessageDuLot {
    fn new(nom: String, octets: Vec<u8>, lu: Lu) -> Self {
        let Lu { message, id_acte, identifiants, documents, ecarts } = lu;
        Self { nom, octets, message, id_acte, identifiants, documents, ecarts }
    }
}

fn lecture(nom: &str, source: LectureError) -> LotError {
    LotError::Lecture { nom: nom.to_owned(), source }
}

/// What is read of a message, its bytes apart.
struct Lu {
    message: Message,
    id_acte: Option<IdActe>,
    identifiants: Identifiants,
    documents: Vec<Fichier>,
    ecarts: Vec<Ecart>,
}

/// Reads a message and takes its files; where one is missing, none is taken.
fn lit(
    nom: &str,
    octets: &[u8],
    enveloppe: Option<(&str, &Enveloppe)>,
    fichiers: &mut Fichiers,
    aujourdhui: Date,
) -> Result<Lu, LotError> {
    let Lecture { valeur: message, mut ecarts } = message::read(octets, aujourdhui).map_err(|e| lecture(nom, e))?;
    let identifiants = Identifiants::of(&message, nom, enveloppe);
    let id_acte = reconnaissance::acte(&message, &identifiants, enveloppe.map(|(_, e)| e), &mut ecarts);
    compare_nom(nom, message.code(), id_acte.as_ref(), &mut ecarts);
    if let (Some((_, Enveloppe::MisillCl(enveloppe))), Some(id)) = (enveloppe, &id_acte) {
        let destinataire = &enveloppe.destinataire;
        if destinataire.valeur.is_some_and(|siren| siren != id.siren) {
            let motif =
                Motif::AutreDestinataire { destinataire: destinataire.brut.clone(), siren: id.siren.to_string() };
            ecarts.push(Ecart { chemin: nom.to_owned(), motif });
        }
    }
    let mut cites = message.citations();
    if repete_un_autre(message.code()) {
        cites.retain(|(_, cite)| fichiers.contient(&cite.nom));
    }
    let noms: Vec<&str> = cites.iter().map(|(_, cite)| cite.nom.as_str()).collect();
    let octets = fichiers.prend_tous(&noms, nom)?;
    let documents =
        cites.iter().zip(octets).map(|((role, cite), octets)| Fichier { role: *role, nom: cite.nom.clone(), octets });
    let documents = documents.collect();
    Ok(Lu { message, id_acte, identifiants, documents, ecarts })
}

/// Whether the files that a message cites are those of the message it answers.
fn repete_un_autre(code: CodeMessage) -> bool {
    matches!(code, CodeMessage::ArActe | CodeMessage::AnomalieActe | CodeMessage::AnomalieEnveloppe)
}

/// Notes what a file name says differently. Parts that it leaves out say nothing.
fn compare_nom(nom: &str, code: CodeMessage, id: Option<&IdActe>, ecarts: &mut Vec<Ecart>) {
    let Some(lu) = NomFichier::parse(nom) else { return };
    let mut note = |motif| ecarts.push(Ecart { chemin: nom.to_owned(), motif });
    if lu.ordre.is_some_and(|ordre| ordre > ORDRE_MAX) {
        note(Motif::OrdreLong(nom.to_owned()));
    }
    if lu.code != code {
        note(Motif::NomDifferent("message code"));
    }
    let Some(id) = id else { return };
    let numero = lu.numero.as_deref().and_then(super::lecture::numero_retenu);
    for (differe, champ) in [
        (lu.departement.is_some_and(|d| d != id.departement), "département"),
        (lu.siren.is_some_and(|s| s != id.siren), "SIREN"),
        (lu.date.is_some_and(|d| d != id.date), "date"),
        (numero.is_some_and(|n| n != id.numero), "number"),
        (lu.nature.is_some_and(|n| n != id.nature), "nature"),
    ] {
        if differe {
            note(Motif::NomDifferent(champ));
        }
    }
}

#[cfg(test)]
mod tests;
