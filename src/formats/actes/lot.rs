//! A submission put together: envelope, messages, their files.
//!
//! From the files of an archive or of a folder. The envelope is found by its root element, not by its name; it lists the
//! messages; each message lists its files. What a message of its own cites must be there; what it repeats of
//! another one (the act in a receipt or an anomaly) need not. Files that nothing cites are kept and noted.
//!
//! The identifier of an act is computed from the envelope (département, SIREN) and the message (date, number, nature):
//! file names decide nothing. A receipt carries its own.
//!
//! Source: the practice of S²LOW, Stela and the ministry (no schema says it). It knows no earlier submission: whether an
//! act was sent before, or a receipt answers one, is the ledger's business.

use std::collections::HashMap;

use greffe_events::ident::{Departement, IdActe, Siren};
use jiff::civil::Date;
use thiserror::Error;

use super::archive::{ArchiveError, Entree, check_nom};
use super::enveloppe::{self, Enveloppe, RACINE_CL, RACINE_ETAT};
use super::lecture::{Lecture, LectureError};
use super::message::{self, Acte, ArActe, CodeMessage, Message};
use super::nom::{NomEnveloppe, NomFichier, ORDRE_MAX};
use super::sonde::{self, SondeError};
use super::xml::XmlError;
use super::{Ecart, Motif};

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
    /// The files that it cites and that are there, in the order of the citations.
    pub documents: Vec<Fichier>,
    /// Deviations, paths from its root.
    pub ecarts: Vec<Ecart>,
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

/// What a file is to its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The act, the letter.
    Document,
    /// An annex of the act.
    Annexe,
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
        let mut messages = Vec::with_capacity(a_lire.len());
        for (nom, cite_par) in a_lire {
            let octets = fichiers.prend(&nom, &cite_par)?;
            let enveloppe = enveloppe.as_ref().map(|e| &e.enveloppe);
            messages.push(message_du_lot(nom, octets, enveloppe, &mut fichiers, aujourdhui)?);
        }
        let autres = fichiers.reste();
        let ecarts = autres.iter().map(|e| Ecart { chemin: e.nom.clone(), motif: Motif::NonReference }).collect();
        Ok(Self { enveloppe, messages, autres, ecarts })
    }

    /// A message alone: a receipt or an anomaly as the ministry's portal gives it. An act alone lacks its file.
    pub fn from_message(nom: String, octets: Vec<u8>, aujourdhui: Date) -> Result<Self, LotError> {
        check_nom(&nom)?;
        let mut fichiers = Fichiers::new(std::iter::empty())?;
        let message = message_du_lot(nom, octets, None, &mut fichiers, aujourdhui)?;
        Ok(Self { enveloppe: None, messages: vec![message], autres: Vec::new(), ecarts: Vec::new() })
    }
}

fn lecture(nom: &str, source: LectureError) -> LotError {
    LotError::Lecture { nom: nom.to_owned(), source }
}

/// The files, each taken at most once.
struct Fichiers {
    entrees: Vec<Option<Entree>>,
    /// Every name that was ever there.
    positions: HashMap<String, usize>,
}

impl Fichiers {
    fn new(entrees: impl Iterator<Item = Entree>) -> Result<Self, LotError> {
        let mut fichiers = Self { entrees: Vec::new(), positions: HashMap::new() };
        for entree in entrees {
            check_nom(&entree.nom)?;
            if fichiers.positions.insert(entree.nom.clone(), fichiers.entrees.len()).is_some() {
                return Err(ArchiveError::Duplicate { entry: entree.nom }.into());
            }
            fichiers.entrees.push(Some(entree));
        }
        Ok(fichiers)
    }

    fn contient(&self, nom: &str) -> bool {
        self.positions.contains_key(nom)
    }

    fn prend(&mut self, nom: &str, cite_par: &str) -> Result<Vec<u8>, LotError> {
        let (nom, cite_par) = (nom.to_owned(), cite_par.to_owned());
        match self.positions.get(&nom).and_then(|position| self.entrees.get_mut(*position)) {
            None => Err(LotError::FichierManquant { nom, cite_par }),
            Some(place) => place.take().map(|e| e.octets).ok_or(LotError::FichierRepete { nom, cite_par }),
        }
    }

    fn reste(self) -> Vec<Entree> {
        self.entrees.into_iter().flatten().collect()
    }

    /// The one file whose root is that of an envelope.
    fn enveloppe(&self) -> Result<Option<String>, LotError> {
        let mut trouvee: Option<&str> = None;
        for Entree { nom, octets } in self.entrees.iter().flatten() {
            let annoncee = NomEnveloppe::parse(nom).is_some();
            match racine(octets) {
                Ok(Some(racine)) if racine == RACINE_CL || racine == RACINE_ETAT => {}
                Err(SondeError::Dtd) if annoncee => return Err(lecture(nom, XmlError::Dtd.into())),
                // Named as an envelope, and nothing that we can read: better its own error than "absent".
                _ if annoncee => {
                    enveloppe::read(octets).map_err(|e| lecture(nom, e))?;
                }
                _ => continue,
            }
            if let Some(premiere) = trouvee {
                return Err(LotError::EnveloppeMultiple { premiere: premiere.to_owned(), seconde: nom.clone() });
            }
            trouvee = Some(nom);
        }
        Ok(trouvee.map(ToOwned::to_owned))
    }

    fn anomalies(&self) -> Vec<(String, String)> {
        let est_anomalie = |octets: &[u8]| matches!(racine(octets), Ok(Some(racine)) if racine == CodeMessage::AnomalieEnveloppe.racine());
        let anomalies = self.entrees.iter().flatten().filter(|e| est_anomalie(&e.octets));
        anomalies.map(|e| (e.nom.clone(), e.nom.clone())).collect()
    }
}

/// The root that a file seems to have. Its name is ASCII in every encoding that we read.
fn racine(octets: &[u8]) -> Result<Option<String>, SondeError> {
    /// What may stand before a root: a declaration, a comment.
    const HEAD_BYTES_MAX: usize = 16_384;
    let head = String::from_utf8_lossy(&octets[..octets.len().min(HEAD_BYTES_MAX)]);
    // A PDF may hold mark-up too, further on.
    if !head.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Ok(None);
    }
    sonde::racine(&head).map(|racine| racine.map(ToOwned::to_owned))
}

fn message_du_lot(
    nom: String,
    octets: Vec<u8>,
    enveloppe: Option<&Enveloppe>,
    fichiers: &mut Fichiers,
    aujourdhui: Date,
) -> Result<MessageDuLot, LotError> {
    let Lecture { valeur: message, mut ecarts } = message::read(&octets, aujourdhui).map_err(|e| lecture(&nom, e))?;
    let id_acte = match &message {
        Message::Acte(acte) => id_de_l_acte(acte, enveloppe, &mut ecarts),
        Message::ArActe(ar) => id_de_l_ar(ar, enveloppe, &nom, &mut ecarts),
        Message::Autre { id_acte, .. } => id_acte.as_ref().and_then(|lu| lu.valeur.clone()),
    };
    compare_nom(&nom, message.code(), id_acte.as_ref(), &mut ecarts);
    if let (Some(Enveloppe::MisillCl(enveloppe)), Some(id)) = (enveloppe, &id_acte) {
        let destinataire = &enveloppe.destinataire;
        if destinataire.valeur.is_some_and(|siren| siren != id.siren) {
            let motif =
                Motif::AutreDestinataire { destinataire: destinataire.brut.clone(), siren: id.siren.to_string() };
            ecarts.push(Ecart { chemin: nom.clone(), motif });
        }
    }
    let mut documents = Vec::new();
    for (role, cite) in citations(&message) {
        if repete_un_autre(message.code()) && !fichiers.contient(cite) {
            continue;
        }
        documents.push(Fichier { role, nom: cite.to_owned(), octets: fichiers.prend(cite, &nom)? });
    }
    Ok(MessageDuLot { nom, octets, message, id_acte, documents, ecarts })
}

/// Whether the files that a message cites are those of the message it answers.
fn repete_un_autre(code: CodeMessage) -> bool {
    matches!(code, CodeMessage::ArActe | CodeMessage::AnomalieActe | CodeMessage::AnomalieEnveloppe)
}

fn citations(message: &Message) -> Vec<(Role, &str)> {
    let acte = match message {
        Message::Acte(acte) => acte,
        Message::ArActe(ar) => &ar.acte,
        Message::Autre { fichiers, .. } => return fichiers.iter().map(|f| (Role::Document, f.as_str())).collect(),
    };
    let annexes = acte.annexes.iter().map(|f| (Role::Annexe, f.nom.as_str()));
    std::iter::once((Role::Document, acte.document.nom.as_str())).chain(annexes).collect()
}

fn id_acte(departement: Departement, siren: Siren, acte: &Acte) -> IdActe {
    IdActe { departement, siren, date: acte.date, numero: acte.numero.clone(), nature: acte.nature }
}

fn id_de_l_acte(acte: &Acte, enveloppe: Option<&Enveloppe>, ecarts: &mut Vec<Ecart>) -> Option<IdActe> {
    if let Some(Enveloppe::ClMisill(enveloppe)) = enveloppe
        && let (Some(departement), Some(siren)) =
            (enveloppe.emetteur.departement.valeur, enveloppe.emetteur.siren.valeur)
    {
        return Some(id_acte(departement, siren, acte));
    }
    ecarts.push(Ecart { chemin: "Acte".to_owned(), motif: Motif::SansIdentifiant });
    None
}

/// Its own `IDActe`; else the addressee's SIREN, the content, and the département that the name or the sender gives.
fn id_de_l_ar(ar: &ArActe, enveloppe: Option<&Enveloppe>, nom: &str, ecarts: &mut Vec<Ecart>) -> Option<IdActe> {
    if let Some(id) = &ar.id_acte.valeur {
        return Some(id.clone());
    }
    let deduit = match enveloppe {
        Some(Enveloppe::MisillCl(enveloppe)) => enveloppe.destinataire.valeur.and_then(|siren| {
            let du_nom = NomFichier::parse(nom).and_then(|n| n.departement).map(|d| (d, "the file name"));
            let de_l_emetteur = enveloppe.emetteur.departement().valeur.map(|d| (d, "the sender"));
            du_nom.or(de_l_emetteur).map(|(departement, origine)| (id_acte(departement, siren, &ar.acte), origine))
        }),
        _ => None,
    };
    let (id, motif) = match deduit {
        Some((id, origine)) => (Some(id), Motif::IdActeDeduit(origine)),
        None => (None, Motif::SansIdentifiant),
    };
    ecarts.push(Ecart { chemin: "ARActe/@IDActe".to_owned(), motif });
    id
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
