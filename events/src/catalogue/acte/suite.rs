//! What happens to an act after its transmission: anomaly, publication, cancellation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AuteurDeclare;
use crate::catalogue::{Controle, invalid};
use crate::event::DossierId;
use crate::forme::{self, Liste, vocabulaire};
use crate::horodatage::Jour;
use crate::piece::{PIECES_MAX, Piece};
use crate::refusal::Refusal;
use crate::valeur::CodeOuvert;

vocabulaire! {
    /// What an anomaly is about.
    pub enum PorteeAnomalie {
        /// This act (ACTES message 1-3).
        Acte = "acte",
        /// The whole envelope, and every act in it (`AnomalieEnveloppe`, `ANO_….xml`).
        Enveloppe = "enveloppe",
    }

    /// How an act was made known (CGCT L2131-1).
    pub enum ModePublication {
        /// Posted up.
        Affichage = "affichage",
        /// On the collectivité's site.
        Electronique = "electronique",
        /// In a recueil des actes administratifs.
        Recueil = "recueil",
        /// Notified to the persons concerned: individual acts.
        Notification = "notification",
    }
}

/// The prefecture rejects an act (ACTES message 1-3, `AnomalieActe`, or an anomaly of its envelope), or, with
/// `auteur_declare`, a member states that it received a file saying so. Its words go into a piece of finalité `motif`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeAnomalie {
    /// Date that the message bears.
    pub date: Jour,
    /// Code of the anomaly (ACTES, `Nature` of the anomaly: `002` is a stale classification). An open list.
    pub code: CodeOuvert,
    /// What is rejected.
    pub portee: PorteeAnomalie,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeAnomalie {}

/// The collectivité published or notified an act. With transmission, where the law asks for it, it makes the act executory
/// (CGCT L2131-1); acts outside the list are executory on publication alone (L2131-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActePublie {
    /// How.
    pub mode: ModePublication,
    /// From when.
    pub date: Jour,
    /// Until when, for a posting that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jusqu_au: Option<Jour>,
    /// Certificate of posting, proof of notification.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActePublie {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        match self.jusqu_au {
            Some(end) if end < self.date => Err(invalid("data.jusqu_au", "it ends before it begins")),
            _ => Ok(()),
        }
    }
}

/// The collectivité asks to cancel the transmission of an act (ACTES message 6-1). Its reasons go into a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeAnnulationDemandee {
    /// The message, the reasons.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeAnnulationDemandee {}

/// The prefecture acknowledges the cancellation (ACTES message 6-2), or, with `auteur_declare`, a member states that it
/// received a file saying so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeAnnulationAcquittee {
    /// Day on which the prefecture received the request.
    pub date_reception: Jour,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeAnnulationAcquittee {}
