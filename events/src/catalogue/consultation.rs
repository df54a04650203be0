//! Tenders, as the buyer profile must trace them (arrêté of 22 March 2019, annexe 7): from the consultation's creation to the
//! end of its deadline. The commission is in `commission`, the award in `attribution`, submissions in `pli`.
//!
//! What the consultation is about, questions, answers and reasons are free text: they go into pieces. Deadlines are instants:
//! whether a submission came in time is computed by the life cycle from the time of its reception, never stated by a poster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::partie::{PartieDeclaree, check_distincts, check_present};
use crate::catalogue::{Controle, invalid};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::{Horodatage, Jour};
use crate::ident::{IdConsultation, Organisation, Siret};
use crate::piece::{Finalite, PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::{
    CodeOuvert, Cpv, DureeJours, DureeMois, IndexFeuille, NumeroLot, NumeroPhase, Octets, Rang, VersionDce,
};

/// Most lots of one consultation; each takes some 50 of the payload's 60,000 bytes.
pub const LOTS_MAX: usize = 300;

/// Most bidders invited to one round.
pub const INVITES_MAX: usize = 200;

vocabulaire! {
    /// Procedures (code de la commande publique; DECP `procedure`).
    pub enum Procedure {
        /// Adapted.
        Adaptee = "adaptee",
        /// Open call for tenders.
        AppelOffresOuvert = "appel-offres-ouvert",
        /// Restricted call for tenders.
        AppelOffresRestreint = "appel-offres-restreint",
        /// With negotiation.
        Negociation = "negociation",
        /// Without publicity or competition.
        SansPublicite = "sans-publicite",
        /// Competitive dialogue.
        DialogueCompetitif = "dialogue-competitif",
        /// Innovation partnership.
        PartenariatInnovation = "partenariat-innovation",
        /// Design contest.
        Concours = "concours",
        /// Dynamic purchasing system.
        SystemeDynamique = "systeme-dynamique",
        /// Concession: negotiated, open.
        ConcessionNegocieeOuverte = "concession-negociee-ouverte",
        /// Concession: not negotiated, open.
        ConcessionNonNegocieeOuverte = "concession-non-negociee-ouverte",
        /// Concession: negotiated, restricted.
        ConcessionNegocieeRestreinte = "concession-negociee-restreinte",
        /// Concession: not negotiated, restricted.
        ConcessionNonNegocieeRestreinte = "concession-non-negociee-restreinte",
    }

    /// Kinds of contracts (DECP `nature`).
    pub enum NatureContrat {
        /// Public contract.
        Marche = "marche",
        /// Framework agreement.
        AccordCadre = "accord-cadre",
        /// Contract under a framework agreement.
        MarcheSubsequent = "marche-subsequent",
        /// Partnership contract.
        MarchePartenariat = "marche-partenariat",
        /// Defence or security.
        MarcheDefense = "marche-defense",
        /// Concession of works.
        ConcessionTravaux = "concession-travaux",
        /// Concession of services.
        ConcessionService = "concession-service",
        /// Concession of public service.
        ConcessionServicePublic = "concession-service-public",
        /// Delegation of public service.
        DelegationServicePublic = "delegation-service-public",
    }

    /// What is bought.
    pub enum CategorieAchat {
        /// Works.
        Travaux = "travaux",
        /// Supplies.
        Fournitures = "fournitures",
        /// Services.
        Services = "services",
    }

    /// What a round collects.
    pub enum ObjetPhase {
        /// Applications.
        Candidatures = "candidatures",
        /// Offers, with or without applications.
        Offres = "offres",
        /// Answers in a dialogue or negotiation.
        Dialogue = "dialogue",
        /// Last offers.
        OffresFinales = "offres-finales",
    }

    /// What a notice is for.
    pub enum NatureAvis {
        /// Preinformation.
        Preinformation = "preinformation",
        /// Contract notice.
        Initial = "initial",
        /// Correction.
        Rectificatif = "rectificatif",
        /// Cancellation.
        Annulation = "annulation",
        /// Intention to award.
        Intention = "intention",
        /// Award.
        Attribution = "attribution",
        /// Modification of a contract.
        Modification = "modification",
    }

    /// Where a notice stands.
    pub enum SupportAvis {
        /// Buyer profile.
        ProfilAcheteur = "profil-acheteur",
        /// Bulletin officiel des annonces des marchés publics.
        Boamp = "boamp",
        /// Official Journal of the European Union.
        Joue = "joue",
        /// A journal of legal notices.
        Jal = "jal",
        /// Trade press.
        PresseSpecialisee = "presse-specialisee",
        /// Elsewhere.
        Autre = "autre",
    }

    /// Why a deadline is extended.
    pub enum MotifReport {
        /// The DCE changed (CCP R2151-4).
        DceModifie = "dce-modifie",
        /// An answer came late (CCP R2151-4).
        ReponseTardive = "reponse-tardive",
        /// The profile was out of order.
        Panne = "panne",
        /// Another reason, told in a piece.
        Autre = "autre",
    }

    /// Why an attempt to submit failed.
    pub enum CauseTentative {
        /// Too large.
        Taille = "taille",
        /// Format or name of a file.
        Format = "format",
        /// Transmission broke off.
        Interruption = "interruption",
        /// Sign-in or certificate.
        Authentification = "authentification",
        /// Signature refused.
        Signature = "signature",
        /// A virus was found.
        Virus = "virus",
        /// The profile was out of order.
        Panne = "panne",
        /// The profile no longer took submissions.
        HorsDelai = "hors-delai",
        /// Another cause, told in a piece.
        Autre = "autre",
    }
}

/// A lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Lot {
    /// Its number.
    pub numero: NumeroLot,
    /// What is bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpv: Option<Cpv>,
}

/// Threshold of an opening commission: `seuil` of `membres` open together, no fewer can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Quorum {
    /// How many members open a submission together: two or more.
    pub seuil: Rang,
    /// How many members there are.
    pub membres: Rang,
}

objets!(Lot, Quorum);

/// A buyer creates a consultation. What it is about goes into a piece of finalité `objet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationCreee {
    /// Procedure.
    pub procedure: Procedure,
    /// Kind of contract.
    pub nature: NatureContrat,
    /// What is bought.
    pub categorie: CategorieAchat,
    /// What the first round collects.
    pub objet_phase: ObjetPhase,
    /// Deadline of the first round; none only without publicity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_limite: Option<Horodatage>,
    /// Establishment that buys, of the buyer that the subject names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acheteur_siret: Option<Siret>,
    /// What is bought, the main code first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub cpv: Liste<Cpv, 20>,
    /// Its lots; none where it is not divided.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<Lot, LOTS_MAX>,
    /// Duration of the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duree_mois: Option<DureeMois>,
    /// How long offers bind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validite_offres_jours: Option<DureeJours>,
    /// Threshold of the opening commission: submissions are sealed to its members. Absent: sealed by other means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Quorum>,
    /// The consultation that this one restarts or follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precedente: Option<IdConsultation>,
    /// What it is about, whom to ask.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationCreee {
    fn controle(&self, dossier: &DossierId) -> Result<(), Refusal> {
        let has_deadline = self.date_limite.is_some() || self.procedure == Procedure::SansPublicite;
        check_present("data.date_limite", has_deadline, "only a consultation without publicity has no deadline")?;
        if let (Some(siret), DossierId::Consultation(id)) = (self.acheteur_siret, dossier)
            && id.acheteur.siren() != Some(siret.siren())
        {
            return Err(invalid("data.acheteur_siret", "it is not one of the buyer's"));
        }
        let lots: Vec<NumeroLot> = self.lots.iter().map(|lot| lot.numero).collect();
        check_distincts("data.lots", &lots)?;
        if let Some(quorum) = &self.quorum
            && !(2..=quorum.membres.get()).contains(&quorum.seuil.get())
        {
            return Err(invalid("data.quorum", "two members or more open together, and no more than there are"));
        }
        let has_objet = self.pieces.iter().any(|piece| piece.finalite == Some(Finalite::Objet));
        check_present("data.pieces", has_objet, "a piece of finalité objet says what it is about")
    }
}

/// A notice is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationAvisPublie {
    /// What it is for.
    pub nature: NatureAvis,
    /// Where it stands.
    pub support: SupportAvis,
    /// Since when.
    pub date: Jour,
    /// Its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<CodeOuvert>,
    /// The deadline that it announces. It moves nothing: `consultation.delai-reporte` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_limite_annoncee: Option<Horodatage>,
    /// The notice.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationAvisPublie {}

/// The buyer publishes the files for bidders (DCE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationDcePublie {
    /// Its version: 1 for the first.
    pub version: VersionDce,
    /// The files.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationDcePublie {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_dce(&self.pieces)
    }
}

/// The buyer changes the files for bidders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationDceModifie {
    /// The new version.
    pub version: VersionDce,
    /// Whether the change is important: then bidders are owed time (CCP R2151-4).
    pub importante: bool,
    /// The files, the unchanged ones included.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationDceModifie {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_dce(&self.pieces)
    }
}

fn check_dce(pieces: &[Piece]) -> Result<(), Refusal> {
    let is_there = pieces.iter().any(|piece| piece.role == RolePiece::Dce);
    check_present("data.pieces", is_there, "a DCE has a file of role dce")
}

/// Somebody takes the DCE: a bidder that signs, or, with `auteur_declare`, whom the profile's own register says, nobody
/// included: access is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationDceRetire {
    /// Which version.
    pub version: VersionDce,
    /// Whether all its files.
    pub complet: bool,
    /// When, as the profile's register says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retire_le: Option<Horodatage>,
    /// Who took it. There: a constat of the buyer. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// An address to write to, the register.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationDceRetire {}

/// Somebody asks a question. Its text goes into a piece of finalité `texte`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationQuestionPosee {
    /// About which lots; none for all.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// When, as the profile's register says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posee_le: Option<Horodatage>,
    /// Who asked. There: a constat of the buyer. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The question.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationQuestionPosee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_texte(&self.pieces)
    }
}

/// The buyer answers, to all. The text goes into a piece of finalité `texte`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationReponsePubliee {
    /// Ids of the events that asked; none for a clarification of the buyer's own.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub questions: Liste<Uuid, 100>,
    /// The answer.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationReponsePubliee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_texte(&self.pieces)
    }
}

fn check_texte(pieces: &[Piece]) -> Result<(), Refusal> {
    let is_there = pieces.iter().any(|piece| piece.finalite == Some(Finalite::Texte));
    check_present("data.pieces", is_there, "a piece of finalité texte holds the words")
}

/// The buyer extends a deadline that has not passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationDelaiReporte {
    /// Of which round.
    pub phase: NumeroPhase,
    /// The new deadline, later than the one in force.
    pub date_limite: Horodatage,
    /// Why.
    pub motif: MotifReport,
    /// The reason in words.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationDelaiReporte {}

/// The buyer opens a further round: offers after applications, last offers after negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationPhaseOuverte {
    /// Its number: the next one.
    pub phase: NumeroPhase,
    /// What it collects.
    pub objet: ObjetPhase,
    /// Its deadline.
    pub date_limite: Horodatage,
    /// Who is invited; none where all are.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub invites: Liste<Organisation, INVITES_MAX>,
    /// Invitations.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationPhaseOuverte {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_distincts("data.invites", &self.invites)
    }
}

/// An attempt to submit that failed, as the buyer's profile saw it or as the bidder says (TA Nantes 4/9/2025 n°2513762: who
/// can't explain a refused attempt restarts the procedure).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationTentativeRefusee {
    /// In which round.
    pub phase: NumeroPhase,
    /// When.
    pub survenue_le: Horodatage,
    /// Why.
    pub cause: CauseTentative,
    /// Technical code of the profile or of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeOuvert>,
    /// The leaf that records the refusal, where this log made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refus: Option<IndexFeuille>,
    /// How much had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub octets_recus: Option<Octets>,
    /// Who tried, where the profile knows; a bidder that speaks for itself names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soumissionnaire: Option<Organisation>,
    /// Logs, screenshots, the explanation.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationTentativeRefusee {}
