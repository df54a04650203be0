//! Invoices, their statuses and their payment (EN 16931; Chorus Pro; CDAR, the life-cycle message of the 2026 reform).
//!
//! The dossier names seller, buyer and year, and stands for the number (BT-1). The number, the engagement (BT-13), the service
//! (BT-10) and the contract (BT-12) are texts that a party chose: they go into a piece of finalité `reference`; names, lines
//! and notes stay in the file, which is a piece byte for byte. An invoice that breaks rules is recorded with its verdict
//! (`controle`) and then rejected by a status. A correction is a new event of opposite sign, never an edit.

mod statut;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::partie::{PartieDeclaree, check_present, check_une};
use crate::catalogue::{Controle, invalid};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::{Horodatage, Jour};
use crate::ident::{IdConsultation, IdFacture, Organisation, Siret};
use crate::piece::{PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::{CategorieTva, CodeOuvert, Devise, Exercice, Montant, MontantSigne, NumeroPes, Taux, TypeDocument};

pub use statut::{Auteur, Avancement, EcartStatut, Effet, Statut};

vocabulaire! {
    /// In what format an invoice came.
    pub enum FormatFacture {
        /// UBL 2.1.
        Ubl = "ubl",
        /// UN/CEFACT CII.
        Cii = "cii",
        /// Factur-X: PDF/A-3 with CII.
        FacturX = "factur-x",
        /// PDF without data.
        Pdf = "pdf",
        /// Paper, scanned.
        Papier = "papier",
    }

    /// Which list a status code is of.
    pub enum ListeStatuts {
        /// Chorus Pro: `DEPOSEE`, `MANDATEE`…
        Chorus = "chorus",
        /// CDAR: `200`, `210`…
        Cdar = "cdar",
    }

    /// What a payment pays.
    pub enum NaturePaiement {
        /// The invoice.
        Principal = "principal",
        /// An advance.
        Avance = "avance",
        /// The retenue de garantie, given back.
        RetenueGarantie = "retenue-garantie",
        /// Late interest (CCP R2192-31).
        InteretsMoratoires = "interets-moratoires",
        /// The flat 40 € (CCP D2192-35).
        IndemniteForfaitaire = "indemnite-forfaitaire",
    }
}

/// Tax of one category and rate (BG-23).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Tva {
    /// Category (BT-118).
    pub categorie: CategorieTva,
    /// Rate (BT-119).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taux: Option<Taux>,
    /// Base (BT-116).
    pub base: MontantSigne,
    /// Tax (BT-117).
    pub montant: MontantSigne,
}

/// What a checker says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Controles {
    /// Which checker, with its version.
    pub moteur: CodeOuvert,
    /// Rules broken (`BR-CO-15`, `BR-FR-12_BT-49`): none where it conforms.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub regles: Liste<CodeOuvert, 100>,
}

/// A mandat, as the accounts know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Mandat {
    /// The budget.
    pub budget: Siret,
    /// Budget year.
    pub exercice: Exercice,
    /// Number of its bordereau.
    pub bordereau: NumeroPes,
    /// Its number.
    pub piece: NumeroPes,
}

/// A seller hands in an invoice, or, with `auteur_declare`, its buyer states that it received one. The invoice goes into the
/// piece of role `facture`, its references into one of finalité `reference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactureDeposee {
    /// Format of the file.
    pub format: FormatFacture,
    /// Kind of document (BT-3): 380 invoice, 381 credit note…
    pub type_document: TypeDocument,
    /// Business process (BT-23).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cadre: Option<CodeOuvert>,
    /// Date of issue (BT-2), of the year that the subject names.
    pub date_facture: Jour,
    /// Date due (BT-9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_echeance: Option<Jour>,
    /// Currency (BT-5).
    pub devise: Devise,
    /// Total without tax (BT-109).
    pub montant_ht: MontantSigne,
    /// Total of tax (BT-110).
    pub montant_tva: MontantSigne,
    /// Total with tax (BT-112).
    pub montant_ttc: MontantSigne,
    /// Amount due (BT-115).
    pub montant_a_payer: MontantSigne,
    /// Tax by category and rate (BG-23).
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub tva: Liste<Tva, 30>,
    /// Establishment of the seller (BT-29).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendeur_siret: Option<Siret>,
    /// Establishment of the buyer (BT-46).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acheteur_siret: Option<Siret>,
    /// Another organisation that is to be paid (BG-10): factoring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beneficiaire: Option<Organisation>,
    /// The invoice that this one corrects or credits (BT-25).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rectifie: Option<IdFacture>,
    /// The tender that it comes from, where it is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consultation: Option<IdConsultation>,
    /// When it reached its buyer or platform, as a constat's file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recue_le: Option<Horodatage>,
    /// What a checker said of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controle: Option<Controles>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The invoice, its annexes, its references.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FactureDeposee {
    fn controle(&self, dossier: &DossierId) -> Result<(), Refusal> {
        let DossierId::Facture(id) = dossier else { return Ok(()) };
        if self.date_facture.0.year() != i16::try_from(id.annee).unwrap_or_default() {
            return Err(invalid("data.date_facture", format!("the subject names the year {}", id.annee)));
        }
        let is_of = |siret: &Option<Siret>, party: &Organisation| {
            siret.is_none_or(|siret| party.siren() == Some(siret.siren()))
        };
        check_present("data.vendeur_siret", is_of(&self.vendeur_siret, &id.vendeur), "it is not one of the seller's")?;
        check_present(
            "data.acheteur_siret",
            is_of(&self.acheteur_siret, &id.acheteur),
            "it is not one of the buyer's",
        )?;
        check_une(&self.pieces, RolePiece::Facture)
    }
}

/// An amount that a status carries (CDAR, `SpecifiedDocumentCharacteristic`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct MontantStatut {
    /// What it is: `MEN` is the amount cashed.
    #[serde(rename = "type")]
    pub type_montant: CodeOuvert,
    /// How much.
    pub montant: MontantSigne,
    /// At which rate of tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taux: Option<Taux>,
}

/// A status of an invoice, in any order: as a party says of its own deed, or, with `auteur_declare`, as a file says that one
/// of the parties received. A code that its list does not hold here is kept, with the verdict `statut-inconnu`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactureStatut {
    /// Which list the code is of.
    pub liste: ListeStatuts,
    /// The code.
    pub code: CodeOuvert,
    /// When it took effect: the payment delay runs from such instants (CCP R2192-10 and following).
    pub survenu_le: Horodatage,
    /// Codes of the reasons (CDAR, `ReasonCode`). Their words go into a piece of finalité `motif`.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub motifs: Liste<CodeOuvert, 20>,
    /// Amounts.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub montants: Liste<MontantStatut, 20>,
    /// The mandat, for statuses from the mandatement on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandat: Option<Mandat>,
    /// Retenue de garantie, kept out of late interest (CCP R2192-32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retenue_garantie: Option<Montant>,
    /// Named by the buyer: the accountant whose own word is admitted on this invoice from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comptable: Option<Organisation>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FactureStatut {}

/// A payment of an invoice, in whole or in part, or its correction: by the accountant that the buyer named, or, with
/// `auteur_declare`, as a file says that one of the parties received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FacturePaiement {
    /// What it pays.
    pub nature: NaturePaiement,
    /// Day of payment: late interest runs until then, included (CCP R2192-32).
    pub date: Jour,
    /// How much; below zero for a correction.
    pub montant: MontantSigne,
    /// In which currency.
    pub devise: Devise,
    /// By which mandat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandat: Option<Mandat>,
    /// Retenue de garantie withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retenue_garantie: Option<Montant>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FacturePaiement {}

objets!(Tva, Controles, Mandat, MontantStatut);
