//! The opening commission of a tender: its keys, its sessions.
//!
//! No single agent can open a submission: it is sealed to `seuil` of `membres` keys, one per member, made for this
//! consultation alone and signed by the member's own enrolled key. Each member speaks with that key and no other, so
//! these events are never signed by delegation. One signature per event: who countersigns posts an event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::Controle;
use crate::catalogue::consultation::{LOTS_MAX, ObjetPhase};
use crate::catalogue::partie::{check_distincts, check_present};
use crate::event::DossierId;
use crate::forme::{Liste, vocabulaire};
use crate::key::KeyId;
use crate::piece::{Empreinte, PIECES_MAX, Piece};
use crate::refusal::Refusal;
use crate::valeur::{CleChiffrement, Compte, NumeroLot, NumeroPhase, Rang};

vocabulaire! {
    /// Who keeps a member's encryption key.
    pub enum Garde {
        /// The member.
        Membre = "membre",
        /// In escrow: fewer than the threshold may be.
        Sequestre = "sequestre",
    }
}

/// A member of the opening commission gives the key to which shares are sealed for it, in this consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationCleCommission {
    /// The member's place: the x of its share.
    pub rang: Rang,
    /// The enrolled key with which this event is signed, and everything that this member says.
    pub membre: KeyId,
    /// The encryption key, used for this consultation and no other.
    pub cle_chiffrement: CleChiffrement,
    /// Who keeps it.
    pub garde: Garde,
    /// Who the member is.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationCleCommission {}

/// The buyer closes a round whose deadline has passed, and says what its register holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationClose {
    /// Which round.
    pub phase: NumeroPhase,
    /// Submissions received, late ones included.
    pub depots: Compte,
    /// Late ones.
    pub hors_delai: Compte,
    /// Withdrawn ones.
    pub retires: Compte,
    /// SHA-256 of the register as exported, the piece of role `preuve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registre: Option<Empreinte>,
    /// The register.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationClose {}

/// A session of opening is announced, with the keys to which members re-seal their shares. Its name is this event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationSeanceOuverte {
    /// Of which round, whose deadline has passed.
    pub phase: NumeroPhase,
    /// What is opened.
    pub objet: ObjetPhase,
    /// Of which lots; none for all.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// Keys of the session; none where submissions were not sealed to a commission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub cles_seance: Liste<CleChiffrement, 16>,
    /// Who sits, minutes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationSeanceOuverte {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_distincts("data.cles_seance", &self.cles_seance)?;
        check_present("data.lots", check_distincts("data.lots", &self.lots).is_ok(), "a lot stands twice")
    }
}

/// A member countersigns the keys of a session: before the threshold is reached, no share is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationSeanceContresignee {
    /// The session: id of the event that announced it.
    pub seance: Uuid,
    /// The member, who signs this event.
    pub membre: KeyId,
    /// What it adds.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationSeanceContresignee {}
