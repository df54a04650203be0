//! The end of a tender: award, signature, notification, open data (DECP v2.0.3), modifications; or no contract.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::Controle;
use crate::catalogue::consultation::{LOTS_MAX, NatureContrat, Procedure};
use crate::catalogue::partie::{check_distincts, check_present};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::Jour;
use crate::ident::{Organisation, Siret};
use crate::piece::{PIECES_MAX, Piece};
use crate::refusal::Refusal;
use crate::valeur::{CodeOuvert, Compte, Cpv, DureeMois, Montant, NumeroLot, Taux};

/// Most holders of one contract.
pub const TITULAIRES_MAX: usize = 50;

/// Most subcontractors told at once.
pub const SOUS_TRAITANTS_MAX: usize = 50;

vocabulaire! {
    /// How companies stand together (DECP `typeGroupementOperateurs`).
    pub enum Groupement {
        /// Alone.
        Aucun = "aucun",
        /// Each for its part.
        Conjoint = "conjoint",
        /// Each for all.
        Solidaire = "solidaire",
    }

    /// General conditions (DECP `ccag`).
    pub enum Ccag {
        /// Works.
        Travaux = "travaux",
        /// Maîtrise d'œuvre.
        MaitriseOeuvre = "maitrise-oeuvre",
        /// Ordinary supplies and services.
        FournituresServices = "fournitures-services",
        /// Industrial contracts.
        Industriels = "industriels",
        /// Intellectual services.
        PrestationsIntellectuelles = "prestations-intellectuelles",
        /// Information and communication.
        Tic = "tic",
        /// None.
        Aucun = "aucun",
    }

    /// How a price is made (DECP `formePrix`).
    pub enum FormePrix {
        /// By unit.
        Unitaire = "unitaire",
        /// Fixed.
        Forfaitaire = "forfaitaire",
        /// Both.
        Mixte = "mixte",
    }

    /// What a place code is (DECP `typeCode`).
    pub enum TypeLieu {
        /// Postal code.
        CodePostal = "code-postal",
        /// Commune.
        Commune = "commune",
        /// Arrondissement.
        Arrondissement = "arrondissement",
        /// Canton.
        Canton = "canton",
        /// Département.
        Departement = "departement",
        /// Région.
        Region = "region",
        /// Country.
        Pays = "pays",
    }

    /// What changes a contract.
    pub enum NatureModification {
        /// Agreed.
        Avenant = "avenant",
        /// Decided by the buyer alone.
        DecisionUnilaterale = "decision-unilaterale",
        /// An act of subcontracting.
        SousTraitance = "sous-traitance",
        /// A change of an act of subcontracting.
        ModificationSousTraitance = "modification-sous-traitance",
        /// Another holder.
        Titulaire = "titulaire",
    }

    /// Why a consultation goes without sequel (CCP R2185-1).
    pub enum MotifSansSuite {
        /// The need is gone.
        BesoinDisparu = "besoin-disparu",
        /// Redefinition of the need.
        BesoinRedefini = "besoin-redefini",
        /// Budget.
        Budget = "budget",
        /// An irregularity of the procedure.
        Irregularite = "irregularite",
        /// Too little competition.
        ConcurrenceInsuffisante = "concurrence-insuffisante",
        /// Another reason, told in a piece.
        Autre = "autre",
    }

    /// Why a consultation bore nothing.
    pub enum CauseInfructueuse {
        /// No submission.
        AucunDepot = "aucun-depot",
        /// Only inappropriate, irregular or unacceptable ones.
        OffresEcartees = "offres-ecartees",
    }
}

/// A company, and which of its establishments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Entreprise {
    /// The company.
    pub organisation: Organisation,
    /// Its establishment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub siret: Option<Siret>,
}

/// A place (DECP `lieuExecution`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Lieu {
    /// Its code.
    pub code: CodeOuvert,
    /// What the code is.
    #[serde(rename = "type")]
    pub type_lieu: TypeLieu,
}

/// A subcontractor (DECP `actesSousTraitance`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct SousTraitant {
    /// Who.
    pub entreprise: Entreprise,
    /// For how much, without tax.
    pub montant: Montant,
    /// How long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duree_mois: Option<DureeMois>,
    /// How its price varies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variation_prix: Option<CodeOuvert>,
}

/// The essential data of a public contract (DECP v2.0.3, `marche`), beside what the dossier says already: buyer, object
/// (in its piece), dates of notification and publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct DonneesMarche {
    /// Establishment that buys.
    pub acheteur: Siret,
    /// Kind of contract.
    pub nature: NatureContrat,
    /// Procedure.
    pub procedure: Procedure,
    /// What is bought.
    pub cpv: Cpv,
    /// Purchasing techniques; codes of a list that decrees change.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub techniques: Liste<CodeOuvert, 10>,
    /// Ways of carrying out: instalments, purchase orders…
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub modalites_execution: Liste<CodeOuvert, 10>,
    /// Framework agreement that it comes under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accord_cadre: Option<CodeOuvert>,
    /// Whether it is innovative.
    pub innovant: bool,
    /// General conditions.
    pub ccag: Ccag,
    /// Offers received.
    pub offres_recues: Compte,
    /// Rate of the advance; none where there is no advance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avance: Option<Taux>,
    /// How the holders stand together.
    pub groupement: Groupement,
    /// Whether subcontracting is declared.
    pub sous_traitance: bool,
    /// Place.
    pub lieu: Lieu,
    /// Duration.
    pub duree_mois: DureeMois,
    /// Amount without tax.
    pub montant: Montant,
    /// Kinds of prices.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub types_prix: Liste<CodeOuvert, 10>,
    /// How the price is made.
    pub forme_prix: FormePrix,
    /// Holders, the mandataire first.
    pub titulaires: Liste<Entreprise, TITULAIRES_MAX>,
    /// Social considerations.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub considerations_sociales: Liste<CodeOuvert, 10>,
    /// Environmental considerations.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub considerations_environnementales: Liste<CodeOuvert, 10>,
    /// Share from the European Union.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origine_ue: Option<Taux>,
    /// Share from France.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origine_france: Option<Taux>,
}

/// The essential data of a concession (DECP v2.0.3, `contrat-concession`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct DonneesConcession {
    /// Establishment that grants.
    pub autorite: Siret,
    /// Kind of contract.
    pub nature: NatureContrat,
    /// Procedure.
    pub procedure: Procedure,
    /// Duration.
    pub duree_mois: DureeMois,
    /// Signed on.
    pub date_signature: Jour,
    /// Carried out from.
    pub date_debut_execution: Jour,
    /// Whole value without tax.
    pub valeur_globale: Montant,
    /// Public money.
    pub subvention_publique: Montant,
    /// Holders.
    pub concessionnaires: Liste<Entreprise, TITULAIRES_MAX>,
    /// Social considerations.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub considerations_sociales: Liste<CodeOuvert, 10>,
    /// Environmental considerations.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub considerations_environnementales: Liste<CodeOuvert, 10>,
}

objets!(Entreprise, Lieu, SousTraitant, DonneesMarche, DonneesConcession);

/// The buyer awards a lot, or the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationAttribuee {
    /// Which lot; none where the consultation has no lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
    /// To whom, the mandataire first: one at least.
    pub titulaires: Liste<Entreprise, TITULAIRES_MAX>,
    /// How they stand together.
    pub groupement: Groupement,
    /// For how much, without tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub montant: Option<Montant>,
    /// Offers received for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offres_recues: Option<Compte>,
    /// Decided on.
    pub date: Jour,
    /// Numbers of the submissions retained.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub plis: Liste<Uuid, TITULAIRES_MAX>,
    /// Report, minutes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationAttribuee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_present("data.titulaires", !self.titulaires.is_empty(), "an award has a holder")
    }
}

/// The contract of a lot is signed: tender files are kept five years from then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationSignee {
    /// Which lot; none where the consultation has no lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
    /// Number of the contract.
    pub marche: CodeOuvert,
    /// Signed on.
    pub date: Jour,
    /// The contract, who signed.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationSignee {}

/// The contract is notified to its holder: it takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationNotifiee {
    /// Which lot; none where the consultation has no lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
    /// Number of the contract.
    pub marche: CodeOuvert,
    /// Notified on: open data are due two months later.
    pub date: Jour,
    /// Proof of delivery.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationNotifiee {}

/// The essential data of a contract are published. Exactly one of `donnees_marche` and `donnees_concession` is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationDonneesPubliees {
    /// Which lot; none where the consultation has no lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
    /// Number of the contract.
    pub marche: CodeOuvert,
    /// Published on.
    pub date: Jour,
    /// Data of a public contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub donnees_marche: Option<DonneesMarche>,
    /// Data of a concession.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub donnees_concession: Option<DonneesConcession>,
    /// The file as published.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationDonneesPubliees {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let holders = match (&self.donnees_marche, &self.donnees_concession) {
            (Some(data), None) => &data.titulaires,
            (None, Some(data)) => &data.concessionnaires,
            _ => return check_present("data", false, "either donnees_marche or donnees_concession is there"),
        };
        check_present("data", !holders.is_empty(), "a contract has a holder")
    }
}

/// A contract is modified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationModifiee {
    /// Which lot; none where the consultation has no lots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<NumeroLot>,
    /// Number of the contract.
    pub marche: CodeOuvert,
    /// Number of the modification, from 1.
    pub numero: NumeroLot,
    /// What changes it.
    pub nature: NatureModification,
    /// Notified on.
    pub date_notification: Jour,
    /// Its data published on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_publication: Option<Jour>,
    /// The new whole amount without tax, where it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub montant: Option<Montant>,
    /// The new duration, where it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duree_mois: Option<DureeMois>,
    /// The new holders, where they change.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub titulaires: Liste<Entreprise, TITULAIRES_MAX>,
    /// Subcontractors that the act brings in or changes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub sous_traitants: Liste<SousTraitant, SOUS_TRAITANTS_MAX>,
    /// The act.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationModifiee {}

/// The buyer gives up the consultation, or lots of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationSansSuite {
    /// Which lots; none for the whole.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// Why.
    pub motif: MotifSansSuite,
    /// Decided on.
    pub date: Jour,
    /// The decision and its reasons.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationSansSuite {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_distincts("data.lots", &self.lots)
    }
}

/// The consultation, or lots of it, bore nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsultationInfructueuse {
    /// Which lots; none for the whole.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lots: Liste<NumeroLot, LOTS_MAX>,
    /// Why.
    pub cause: CauseInfructueuse,
    /// Decided on.
    pub date: Jour,
    /// The decision and its reasons.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ConsultationInfructueuse {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_distincts("data.lots", &self.lots)
    }
}
