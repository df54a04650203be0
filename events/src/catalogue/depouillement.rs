//! Submissions from the opening on: shares, opening, what was found, what was decided, what was told to the bidder.
//!
//! Reasons in words, marks and names go into pieces; a document that comes out is shown by a salted digest (its salt goes into
//! a piece), so that nobody who guesses a price can confirm it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::Controle;
use crate::catalogue::consultation::LOTS_MAX;
use crate::catalogue::partie::{check_distincts, check_present};
use crate::catalogue::pli::{Enveloppe, PLIS_CITES_MAX};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::{Horodatage, Jour};
use crate::ident::Organisation;
use crate::key::KeyId;
use crate::piece::{Empreinte, PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::{Classement, NumeroLot, Octets, Rang};

/// Most documents of one opened submission.
pub const DOCUMENTS_MAX: usize = 250;

/// Most companies of one group.
pub const MEMBRES_MAX: usize = 50;

vocabulaire! {
    /// Why a submission can't be read.
    pub enum CauseIllisible {
        /// Too few shares came back.
        PartsManquantes = "parts-manquantes",
        /// The shares contradict each other or the seal: the bidder prepared it wrongly.
        PartsIncoherentes = "parts-incoherentes",
        /// It does not decrypt.
        Dechiffrement = "dechiffrement",
        /// A file was corrupt when it came: its digest is the one deposited.
        Corrompu = "corrompu",
        /// A virus was found.
        Virus = "virus",
        /// No known format.
        Format = "format",
        /// Another cause, told in a piece.
        Autre = "autre",
    }

    /// What a deposit counts as, after the buyer looked at a bidder's deposits together.
    pub enum Qualification {
        /// It stands for itself.
        Retenu = "retenu",
        /// It replaces the ones named (CCP R2151-6).
        Remplace = "remplace",
        /// It completes the ones named (CE 20/12/2021 n°454801).
        Complete = "complete",
        /// It is left aside for the ones named.
        Ecarte = "ecarte",
    }

    /// What is decided of an application.
    pub enum DecisionCandidature {
        /// The bidder is asked for what is missing (CCP R2144-2).
        ACompleter = "a-completer",
        /// Admitted.
        Admise = "admise",
        /// Eliminated.
        Eliminee = "eliminee",
    }

    /// Why an application is eliminated.
    pub enum MotifCandidature {
        /// Excluded by law.
        Exclusion = "exclusion",
        /// Capacity.
        Capacites = "capacites",
        /// Incomplete.
        Incomplete = "incomplete",
        /// Late.
        HorsDelai = "hors-delai",
        /// Beyond the number of candidates.
        Nombre = "nombre",
        /// Another reason, told in a piece.
        Autre = "autre",
    }

    /// Why an offer is rejected (CCP L2152-1 and following).
    pub enum MotifOffre {
        /// Irregular.
        Irreguliere = "irreguliere",
        /// Unacceptable.
        Inacceptable = "inacceptable",
        /// Inappropriate.
        Inappropriee = "inappropriee",
        /// Abnormally low.
        AnormalementBasse = "anormalement-basse",
        /// Late.
        HorsDelai = "hors-delai",
        /// Another was better.
        NonRetenue = "non-retenue",
        /// No sequel.
        SansSuite = "sans-suite",
    }

    /// By what a rejection is told.
    pub enum Voie {
        /// The buyer profile.
        ProfilAcheteur = "profil-acheteur",
        /// Registered letter.
        LettreRecommandee = "lettre-recommandee",
        /// E-mail.
        Courriel = "courriel",
        /// By hand.
        MainPropre = "main-propre",
    }
}

/// A document that came out of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct DocumentOuvert {
    /// Out of which kind of file.
    pub enveloppe: Enveloppe,
    /// SHA-256(sel ‖ SHA-256(document)): `sel`, 32 random bytes, stands beside the document.
    pub empreinte_salee: Empreinte,
    /// Its size.
    pub taille: Octets,
    /// For which lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
}

objets!(DocumentOuvert);

/// A member of the commission gives its share of a submission, re-sealed to the session, as pieces of role `part`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliPartRestituee {
    /// The session: id of the event that announced it.
    pub seance: Uuid,
    /// The member, who signs this event.
    pub membre: KeyId,
    /// The shares, one per sealed file.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliPartRestituee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let is_there = self.pieces.iter().any(|piece| piece.role == RolePiece::Part);
        check_present("data.pieces", is_there, "a share is a piece of role part")
    }
}

/// A submission is opened, in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliOuvert {
    /// The session: id of the event that announced it.
    pub seance: Uuid,
    /// Places of the members whose shares were used; none where it was not sealed to a commission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub parts: Liste<Rang, 32>,
    /// Whether all shares, recomputed from the file key, are those that were sealed. No: the submission is irregular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts_coherentes: Option<bool>,
    /// What came out.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub documents: Liste<DocumentOuvert, DOCUMENTS_MAX>,
    /// The companies of the group, the mandataire left out.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub membres_groupement: Liste<Organisation, MEMBRES_MAX>,
    /// The documents, salts, minutes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliOuvert {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_distincts("data.parts", &self.parts)
    }
}

/// A submission can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliIllisible {
    /// The session: id of the event that announced it.
    pub seance: Uuid,
    /// Why.
    pub cause: CauseIllisible,
    /// Analysis, minutes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliIllisible {}

/// The buyer decides what a deposit counts as beside the same bidder's others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliQualifie {
    /// What it counts as.
    pub qualification: Qualification,
    /// Numbers of the other submissions that this is about.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub plis: Liste<Uuid, PLIS_CITES_MAX>,
    /// The reasons.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliQualifie {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let is_alone = self.qualification == Qualification::Retenu;
        check_present("data.plis", is_alone == self.plis.is_empty(), "the others are named unless it stands for itself")
    }
}

/// The buyer decides of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliCandidatureExaminee {
    /// The decision.
    pub decision: DecisionCandidature,
    /// Why, where it is eliminated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motif: Option<MotifCandidature>,
    /// For which lots; none for all those of the submission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// Decided on.
    pub date: Jour,
    /// The analysis.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliCandidatureExaminee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let is_eliminated = self.decision == DecisionCandidature::Eliminee;
        check_present("data.motif", self.motif.is_some() == is_eliminated, "it goes with eliminee, and only with it")
    }
}

/// The buyer rejects an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliOffreRejetee {
    /// Why.
    pub motif: MotifOffre,
    /// For which lots; none for all those of the submission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// Its place among the offers ranked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classement: Option<Classement>,
    /// Decided on.
    pub date: Jour,
    /// The analysis, the marks.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliOffreRejetee {}

/// The buyer tells a bidder that it is rejected: the standstill period runs from then (CCP R2182-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliRejetNotifie {
    /// For which lots; none for all those of the submission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// When it was sent.
    pub envoye_le: Horodatage,
    /// By what.
    pub voie: Voie,
    /// The letter, proof of delivery.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliRejetNotifie {}
