//! Accounting flows between an ordonnateur and its accountant (PES v2, Hélios).
//!
//! The file itself is a piece, byte for byte; what stands here is what views and audits need of it without opening it. The
//! dossier names the budget (SIRET) and stands for the file's name; that name (`NomFic`), labels and third parties are free
//! text or persons and stay in pieces. A flow whose lists are longer than an event can hold says the total; the file says all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::partie::{PartieDeclaree, check_present, check_une};
use crate::catalogue::{Controle, invalid};
use crate::event::DossierId;
use crate::forme::{Liste, objets, vocabulaire};
use crate::horodatage::Jour;
use crate::ident::{IdFacture, Organisation};
use crate::piece::{PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::{CodBud, CodCol, CodeOuvert, Compte, Exercice, Montant, NumeroPes, PosteComptable};

/// Most bordereaux that one event lists; each takes some 200 of the payload's 60,000 bytes.
pub const BORDEREAUX_MAX: usize = 200;

/// Most lines of a retour that one event lists; each takes some 200 of the payload's 60,000 bytes.
pub const LIGNES_MAX: usize = 200;

vocabulaire! {
    /// Kinds of PES files from the ordonnateur (PES, `TypFic`).
    pub enum TypeFlux {
        /// Ordinary.
        Pesalr1 = "PESALR1",
        /// Ordinary, version 2.
        Pesalr2 = "PESALR2",
        /// Budget documents.
        Pesormc = "PESORMC",
    }

    /// What a flow holds: at least one.
    pub enum DomaineFlux {
        /// `PES_DepenseAller`.
        Depense = "depense",
        /// `PES_RecetteAller`.
        Recette = "recette",
        /// `PES_Facture`.
        Facture = "facture",
        /// `PES_PJ`.
        PieceJustificative = "piece-justificative",
        /// `PES_Marche`.
        Marche = "marche",
    }

    /// Expense or receipt.
    pub enum Sens {
        /// Mandats.
        Depense = "depense",
        /// Titres.
        Recette = "recette",
    }

    /// Kinds of bordereaux (PES, `TypBord`); 02 counts negative.
    pub enum TypeBordereau {
        /// Ordinary.
        Ordinaire = "01",
        /// Cancellation or reduction.
        Annulation = "02",
        /// Ordres de paiement or de recette.
        Ordre = "03",
        /// In retours only.
        Retour04 = "04",
        /// In retours only.
        Retour05 = "05",
        /// Receipts.
        Recette06 = "06",
    }

    /// What is signed in a PES file.
    pub enum SignatureFlux {
        /// Nothing.
        Aucune = "aucune",
        /// The whole flow.
        Flux = "flux",
        /// Each bordereau: certifies the service fait and makes it executory (CGCT D1617-23).
        Bordereaux = "bordereaux",
    }

    /// What an acquit says.
    pub enum ResultatAcquit {
        /// Accepted.
        Accepte = "accepte",
        /// Accepted in part.
        Partiel = "partiel",
        /// Rejected.
        Rejete = "rejete",
    }

    /// Why the accountant returns something (PES, `TypRestit`).
    pub enum TypeRestitution {
        /// 01: a rejection.
        Rejet = "01",
        /// 02: periodic.
        Periodique = "02",
    }

    /// State of a mandat or titre at the accountant's (PES, `EtatPce`).
    pub enum EtatPiece {
        /// 01: waiting.
        Instance = "01",
        /// 02: taken in charge.
        PriseEnCharge = "02",
        /// 03: partly (receipts).
        Partielle = "03",
        /// 04: rejected. After having been taken in charge, its number is never used again.
        Rejetee = "04",
        /// 05: settled.
        Soldee = "05",
    }
}

/// A bordereau of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Bordereau {
    /// Expense or receipt.
    pub sens: Sens,
    /// Budget year (`Exer`).
    pub exercice: Exercice,
    /// Its kind (`TypBord`).
    #[serde(rename = "type")]
    pub type_bordereau: TypeBordereau,
    /// Its number (`IdBord`), unique by year, kind and budget.
    pub numero: NumeroPes,
    /// Its date (`DteBordEm`).
    pub date: Jour,
    /// How many pieces it has (`NbrPce`).
    pub nombre_pieces: Compte,
    /// Total without tax (`MtBordHT`); with tax where there is no tax amount.
    pub montant_ht: Montant,
    /// Total of tax (`MtBordTVA`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub montant_tva: Option<Montant>,
    /// Running total of the year (`MtCumulAnnuel`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cumul_annuel: Option<Montant>,
}

/// A collectivité sends a flow to its accountant (`PES_Aller`). The file goes into the piece of role `flux`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FluxTransmis {
    /// Kind of file (`TypFic`).
    pub type_flux: TypeFlux,
    /// What it holds.
    pub domaines: Liste<DomaineFlux, 5>,
    /// Where it goes (`IdPost`).
    pub poste: PosteComptable,
    /// Of which collectivité (`CodCol`).
    pub collectivite: CodCol,
    /// Of which budget (`CodBud`).
    pub budget: CodBud,
    /// The accountant's organisation: the only one whose own acquits and returns are admitted here. Absent: constats only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comptable: Option<Organisation>,
    /// What is signed in the file.
    pub signature: SignatureFlux,
    /// The bordereaux, the first of them where there are more than the event holds.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub bordereaux: Liste<Bordereau, BORDEREAUX_MAX>,
    /// How many bordereaux the file has.
    pub bordereaux_total: Compte,
    /// How many mandats and titres the file has.
    pub pieces_total: Compte,
    /// How many pièces justificatives the file carries (`PES_PJ`).
    pub justificatifs_total: Compte,
    /// Deviations found in the file, by code: what we think of it, beside it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub ecarts: Liste<CodeOuvert, 50>,
    /// The file; its name in a piece of finalité `reference`.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FluxTransmis {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        check_present("data.domaines", !self.domaines.is_empty(), "an empty flow is refused")?;
        if usize::try_from(self.bordereaux_total.get()).is_ok_and(|total| total < self.bordereaux.len()) {
            return Err(invalid("data.bordereaux_total", "the total is less than the list"));
        }
        for (at, bordereau) in self.bordereaux.iter().enumerate() {
            let same = |other: &&Bordereau| {
                (other.sens, other.exercice, other.type_bordereau, other.numero)
                    == (bordereau.sens, bordereau.exercice, bordereau.type_bordereau, bordereau.numero)
            };
            if self.bordereaux[..at].iter().find(same).is_some() {
                let detail = "a bordereau is unique by sens, exercice, type and number";
                return Err(invalid(&format!("data.bordereaux[{at}]"), detail));
            }
        }
        check_une(&self.pieces, RolePiece::Flux)
    }
}

/// What an acquit says of one bordereau.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct ElementAcquit {
    /// Expense or receipt, as `DomaineAck` says.
    pub sens: Sens,
    /// Budget year (`ExerciceBord`).
    pub exercice: Exercice,
    /// Number of the bordereau (`NumBord`).
    pub numero: NumeroPes,
    /// Whether it is accepted (`EtatAck`).
    pub accepte: bool,
    /// Code of the error (`NumAnoAck`). Its label stays in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalie: Option<CodeOuvert>,
}

/// The accountant acknowledges a flow, in whole or in part (`PES_ACQUIT`), or, with `auteur_declare`, a member states
/// that it received a file saying so. Acquits may come in any number and order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FluxAcquitte {
    /// Date that the acquit bears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Jour>,
    /// What it says of the flow as a whole.
    pub resultat: ResultatAcquit,
    /// Bordereau by bordereau.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub elements: Liste<ElementAcquit, BORDEREAUX_MAX>,
    /// How many pièces justificatives it accepts. Their identifiers stay in the file.
    pub justificatifs_acceptes: Compte,
    /// How many it rejects.
    pub justificatifs_rejetes: Compte,
    /// Code of an error of the whole flow (`NumAnoAck`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalie: Option<CodeOuvert>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FluxAcquitte {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let rejects = self.elements.iter().any(|element| !element.accepte) || self.justificatifs_rejetes.get() > 0;
        let accepts = self.elements.iter().any(|element| element.accepte) || self.justificatifs_acceptes.get() > 0;
        let contradicts = match self.resultat {
            ResultatAcquit::Accepte => rejects,
            ResultatAcquit::Rejete => accepts,
            ResultatAcquit::Partiel => false,
        };
        check_present("data.resultat", !contradicts, "it contradicts the elements")
    }
}

/// A payment, where the accountant tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct Emargement {
    /// Day of payment (`DtePay`).
    pub date: Jour,
    /// How much (`MtPay`).
    pub montant: Montant,
}

/// State of one mandat or titre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct LigneRetour {
    /// Expense or receipt.
    pub sens: Sens,
    /// Budget year.
    pub exercice: Exercice,
    /// Kind of its bordereau.
    pub type_bordereau: TypeBordereau,
    /// Number of its bordereau.
    pub bordereau: NumeroPes,
    /// Number of the piece (`IdPce`).
    pub piece: NumeroPes,
    /// Its state.
    pub etat: EtatPiece,
    /// Code of the reason of a rejection. Its words stay in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motif: Option<CodeOuvert>,
    /// Day on which it was taken in charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prise_en_charge: Option<Jour>,
    /// Payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paiement: Option<Emargement>,
    /// The invoice that it settles, where it is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facture: Option<IdFacture>,
}

/// The accountant tells what became of mandats and titres (`PES_Retour`), or, with `auteur_declare`, a member states that
/// it received a file saying so. A return that answers no single flow has a dossier of its own, named after its own file,
/// which a constat opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FluxRetour {
    /// Why (`TypRestit`).
    pub type_restitution: TypeRestitution,
    /// Date that the return bears.
    pub date: Jour,
    /// The lines, or those of them that this event holds.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lignes: Liste<LigneRetour, LIGNES_MAX>,
    /// How many lines the file has.
    pub lignes_total: Compte,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<PartieDeclaree>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for FluxRetour {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        let is_less = usize::try_from(self.lignes_total.get()).is_ok_and(|total| total < self.lignes.len());
        check_present("data.lignes_total", !is_less, "the total is less than the list")
    }
}

objets!(Bordereau, ElementAcquit, Emargement, LigneRetour);
