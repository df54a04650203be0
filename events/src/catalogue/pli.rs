//! Submissions (plis) until the deadline and after: digest announced, files deposited, withdrawn, safety copy. What happens
//! from the opening on is in `depouillement`.
//!
//! A submission is sealed before it comes here: the event shows digests of *sealed* files and nothing that could be guessed
//! back. The poster says nothing about lateness: the life cycle computes it from when the request was received, and a late
//! submission is recorded with that verdict ("y compris hors délais").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::consultation::LOTS_MAX;
use crate::catalogue::partie::{PartieDeclaree, check_distincts, check_present};
use crate::catalogue::{Controle, invalid};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::Horodatage;
use crate::piece::{Empreinte, PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::{CleChiffrement, NumeroLot, NumeroPhase, Octets, Rang};

/// Most files of one submission.
pub const FICHIERS_MAX: usize = 100;

/// Most earlier submissions that one event names.
pub const PLIS_CITES_MAX: usize = 20;

vocabulaire! {
    /// What a file of a submission is.
    pub enum Enveloppe {
        /// Application and offer together.
        Unique = "unique",
        /// Application.
        Candidature = "candidature",
        /// Offer.
        Offre = "offre",
        /// A detached electronic signature.
        Signature = "signature",
        /// Anything else that goes with it: samples' slip, mock-up.
        Annexe = "annexe",
    }

    /// What a bidder means by depositing once more. Which one counts is a decision: `pli.qualifie`.
    pub enum Intention {
        /// The first, or on its own.
        Nouveau = "nouveau",
        /// In place of earlier ones (CCP R2151-6).
        Remplace = "remplace",
        /// Completes earlier ones (CE 20/12/2021 n°454801).
        Complete = "complete",
    }

    /// What is done with a copie de sauvegarde.
    pub enum OperationCopie {
        /// Received.
        Recue = "recue",
        /// Opened: in the cases of the arrêté only.
        Ouverte = "ouverte",
        /// Destroyed unopened.
        Detruite = "detruite",
    }

    /// On what a copie de sauvegarde stands.
    pub enum SupportCopie {
        /// Paper.
        Papier = "papier",
        /// A medium: USB key, disc.
        Physique = "physique",
        /// Deposited elsewhere electronically.
        Electronique = "electronique",
    }

    /// Why a copie de sauvegarde may be opened (arrêté of 22 March 2019, annexe 6).
    pub enum CauseCopie {
        /// A virus in the electronic submission.
        Virus = "virus",
        /// The electronic submission came late or incomplete, although its transmission began in time.
        RecueIncomplete = "recue-incomplete",
        /// The electronic submission could not be opened.
        Illisible = "illisible",
    }
}

/// A sealed file that is announced by its digest and follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct FichierAnnonce {
    /// What it is.
    pub enveloppe: Enveloppe,
    /// SHA-256 of the sealed file.
    pub empreinte: Empreinte,
    /// Its size.
    pub taille: Octets,
}

/// A sealed file that is there: one for each piece of role `pli`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct FichierDepose {
    /// The piece: its engagement.
    pub piece: Empreinte,
    /// What it is.
    pub enveloppe: Enveloppe,
    /// For which lots; none for all those of the submission.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// SHA-256 of the sealed file.
    pub empreinte: Empreinte,
    /// When it had come whole, as the profile's register says: per file (TA Limoges 10/5/2011).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recu_le: Option<Horodatage>,
}

/// To whom the files are sealed: `seuil` of the `cles` of the commission, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Scellement {
    /// How many members open together.
    pub seuil: Rang,
    /// Encryption keys of the members, by place.
    pub cles: Liste<CleChiffrement, 32>,
}

objets!(FichierAnnonce, FichierDepose, Scellement);

/// A bidder announces sealed files by their digests, before they are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliEmpreinteDeposee {
    /// In which round.
    pub phase: NumeroPhase,
    /// For which lots; none for all or where there are none.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// What will follow: one at least.
    pub fichiers: Liste<FichierAnnonce, FICHIERS_MAX>,
    /// When it came, as the profile's register says: for a constat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recu_le: Option<Horodatage>,
    /// Who deposited it elsewhere. There: a constat of the buyer. Absent: the bidder's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// Timestamps, the register.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliEmpreinteDeposee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_present("data.fichiers", !self.fichiers.is_empty(), "it announces a file")?;
        check_recu_le(self.recu_le, self.auteur_declare.as_ref())
    }
}

/// A bidder deposits a submission, or, with `auteur_declare`, the buyer states one that its profile received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliDepose {
    /// In which round.
    pub phase: NumeroPhase,
    /// For which lots; none for all or where there are none.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// What the bidder means by it.
    pub intention: Intention,
    /// Numbers of the bidder's earlier submissions that it replaces or completes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub plis: Liste<Uuid, PLIS_CITES_MAX>,
    /// Its files: one at least.
    pub fichiers: Liste<FichierDepose, FICHIERS_MAX>,
    /// To whom they are sealed; none where they are sealed by other means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scellement: Option<Scellement>,
    /// When the transmission began, as the bidder says: kept, what counts is when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmission_commencee_le: Option<Horodatage>,
    /// When it came, as the profile's register says: for a constat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recu_le: Option<Horodatage>,
    /// Who deposited it elsewhere. There: a constat of the buyer. Absent: the bidder's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The files, whom to write to, timestamps.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliDepose {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_present("data.fichiers", !self.fichiers.is_empty(), "a submission has a file")?;
        check_recu_le(self.recu_le, self.auteur_declare.as_ref())?;
        check_present(
            "data.plis",
            self.plis.is_empty() || self.intention != Intention::Nouveau,
            "it is said to be new",
        )?;
        if let Some(scellement) = &self.scellement {
            check_distincts("data.scellement.cles", &scellement.cles)?;
            let holds = (2..=scellement.cles.len()).contains(&usize::from(scellement.seuil.get()));
            check_present(
                "data.scellement.seuil",
                holds,
                "two members or more open together, and no more than there are",
            )?;
        }
        let cited: Vec<Empreinte> = self.fichiers.iter().map(|file| file.piece).collect();
        check_distincts("data.fichiers", &cited)?;
        let sealed: Vec<Empreinte> =
            self.pieces.iter().filter(|piece| piece.role == RolePiece::Pli).map(Piece::reference).collect();
        match cited.iter().position(|piece| !sealed.contains(piece)) {
            Some(at) => Err(invalid(&format!("data.fichiers[{at}].piece"), "it names no piece of role pli")),
            None => check_present("data.pieces", cited.len() == sealed.len(), "a piece of role pli stands in no file"),
        }
    }
}

/// Only whoever tells of a deposit elsewhere says when it came; a constat must.
fn check_recu_le(recu_le: Option<Horodatage>, auteur: Option<&PartieDeclaree>) -> Result<(), Refusal> {
    let holds = recu_le.is_some() == auteur.is_some();
    check_present("data.recu_le", holds, "it goes with auteur_declare, and only with it")
}

/// A bidder withdraws a submission. After the deadline its offer binds it: recorded with the verdict `tardif`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliRetire {
    /// When, as the profile's register says: for a constat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recu_le: Option<Horodatage>,
    /// Who withdrew it elsewhere. There: a constat of the buyer. Absent: the bidder's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// What it adds.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliRetire {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_recu_le(self.recu_le, self.auteur_declare.as_ref())
    }
}

/// The buyer receives, opens or destroys a copie de sauvegarde. It may be all that came of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PliCopieSauvegarde {
    /// What is done with it.
    pub operation: OperationCopie,
    /// When.
    pub le: Horodatage,
    /// In which round.
    pub phase: NumeroPhase,
    /// On what it stands; there when it is received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<SupportCopie>,
    /// Why it may be opened; there when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<CauseCopie>,
    /// The slip, minutes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for PliCopieSauvegarde {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let is = |operation| self.operation == operation;
        check_present("data.support", self.support.is_some() == is(OperationCopie::Recue), "it goes with recue")?;
        check_present("data.cause", self.cause.is_some() == is(OperationCopie::Ouverte), "it goes with ouverte")
    }
}
