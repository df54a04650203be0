//! Messages that nobody can place: an answer for an act that is not known here, an identifier that can't be read, a second receipt.
//!
//! A message that arrives and fits no act is put aside in a dossier of its own, with its bytes and the reason; from there somebody
//! attaches it to an act or sets it aside, by events. Nothing is dropped, and nothing waits unseen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{AuteurDeclare, Controle, invalid};
use crate::event::DossierId;
use crate::forme::{self, Liste, vocabulaire};
use crate::ident::IdActe;
use crate::piece::{PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;
use crate::valeur::IndexFeuille;

vocabulaire! {
    /// Kinds of messages (ACTES), by their codes.
    pub enum TypeMessage {
        /// 1-1, an act.
        Acte = "1-1",
        /// 1-2, receipt of an act.
        ArActe = "1-2",
        /// 1-3, refusal of an act.
        AnomalieActe = "1-3",
        /// 2-1, plain letter.
        CourrierSimple = "2-1",
        /// 2-2, answer to it.
        ReponseCourrierSimple = "2-2",
        /// 3-1, request for documents.
        DemandePieces = "3-1",
        /// 3-2, its receipt.
        ArDemandePieces = "3-2",
        /// 3-3, refusal.
        RefusPieces = "3-3",
        /// 3-4, documents.
        PiecesComplementaires = "3-4",
        /// 3-5, their receipt.
        ArPieces = "3-5",
        /// 4-1, observations.
        LettreObservations = "4-1",
        /// 4-2, their receipt.
        ArLettreObservations = "4-2",
        /// 4-3, refusal to answer.
        RejetLettreObservations = "4-3",
        /// 4-4, answer.
        ReponseLettreObservations = "4-4",
        /// 4-5, its receipt.
        ArReponseObservations = "4-5",
        /// 5-1, referral to the court.
        Defere = "5-1",
        /// 6-1, cancellation.
        Annulation = "6-1",
        /// 6-2, its receipt.
        ArAnnulation = "6-2",
        /// 7-1, request of the classification.
        DemandeClassification = "7-1",
        /// 7-2, the classification.
        RetourClassification = "7-2",
        /// 7-3, it did not change.
        ClassificationSansChangement = "7-3",
        /// Anomaly of an envelope, which has no code.
        AnomalieEnveloppe = "ano",
        /// It can't be told.
        Inconnu = "inconnu",
    }

    /// Why a message can't be placed.
    pub enum MotifQuarantaine {
        /// Its act was never transmitted here.
        ActeInconnu = "acte-inconnu",
        /// Several acts fit what it says.
        ActeAmbigu = "acte-ambigu",
        /// Nothing in it tells which act it is about.
        SansIdentifiant = "sans-identifiant",
        /// What it says of its act contradicts itself.
        IdentifiantsContradictoires = "identifiants-contradictoires",
        /// It is for another collectivité.
        AutreDestinataire = "autre-destinataire",
        /// It can't be read.
        Illisible = "illisible",
        /// The life cycle refuses it: an anomaly after the receipt, a second receipt.
        CycleContraire = "cycle-contraire",
        /// A date that can't be: after the day on which it arrived.
        DateImpossible = "date-impossible",
    }

    /// Why a message is set aside for good.
    pub enum MotifMiseAEcart {
        /// It says again what is recorded.
        Doublon = "doublon",
        /// It is not for this collectivité.
        AutreDestinataire = "autre-destinataire",
        /// Nobody can read it.
        Illisible = "illisible",
        /// It is about nothing that is here.
        SansObjet = "sans-objet",
    }
}

/// A message is put aside: who received it can't place it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantaineMise {
    /// What it is.
    pub message: TypeMessage,
    /// Why it can't be placed.
    pub motif: MotifQuarantaine,
    /// The act that it names, or that its parts make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acte: Option<IdActe>,
    /// Who the file says wrote it.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The message, its envelope, its files: all that came.
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for QuarantaineMise {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        if self.pieces.iter().any(|piece| piece.role == RolePiece::Message) {
            Ok(())
        } else {
            Err(invalid("data.pieces", "the message that is put aside has the role message"))
        }
    }
}

/// The message turned out to be about this act, and was said there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantaineRattachee {
    /// Which act.
    pub acte: IdActe,
    /// Index of the leaf that says it in the act's dossier, as who attaches it states.
    pub feuille: IndexFeuille,
    /// What proves it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for QuarantaineRattachee {}

/// The message is set aside. Words go into a piece of finalité `motif`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantaineEcartee {
    /// Why.
    pub motif: MotifMiseAEcart,
    /// Words.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for QuarantaineEcartee {}
