//! Kinds of messages: their codes and root elements.
//!
//! Source: `actesv1_1.xsd` for the elements; the codes stand in file names (`…-1-1_0.xml`). What each kind says is in
//! [`super::message`].

macro_rules! codes {
    ($($variant:ident $code:literal $racine:literal $doc:literal;)*) => {
        /// Kind of a message, by its code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CodeMessage {
            $(#[doc = $doc] $variant,)*
        }

        impl CodeMessage {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// `1-1` to `7-3`; `ANO` for the anomaly of an envelope, which has no code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// Local name of the root element.
            pub fn racine(self) -> &'static str {
                match self { $(Self::$variant => $racine),* }
            }
        }
    };
}
codes! {
    Acte "1-1" "Acte" "An act, to the prefecture.";
    ArActe "1-2" "ARActe" "Receipt of an act.";
    AnomalieActe "1-3" "AnomalieActe" "Refusal of an act.";
    CourrierSimple "2-1" "CourrierSimple" "Plain letter of the prefecture.";
    ReponseCourrierSimple "2-2" "ReponseCourrierSimple" "Answer to a 2-1.";
    DemandePieceComplementaire "3-1" "DemandePieceComplementaire" "The prefecture asks for documents.";
    ArDemandePieceComplementaire "3-2" "ARDemandePieceComplementaire" "Receipt of a 3-1.";
    RefusPieceComplementaire "3-3" "RefusPieceComplementaire" "Refusal to send documents.";
    PieceComplementaire "3-4" "PieceComplementaire" "The documents asked for.";
    ArPieceComplementaire "3-5" "ARPieceComplementaire" "Receipt of a 3-3 or 3-4.";
    LettreObservations "4-1" "LettreObservations" "The prefecture's observations.";
    ArLettreObservations "4-2" "ARLettreObservations" "Receipt of a 4-1.";
    RejetLettreObservations "4-3" "RejetLettreObservations" "Refusal to answer a 4-1.";
    ReponseLettreObservations "4-4" "ReponseLettreObservations" "Answer to a 4-1.";
    ArReponseRejetLettreObservations "4-5" "ARReponseRejetLettreObservations" "Receipt of a 4-3 or 4-4.";
    DefereTa "5-1" "DefereTA" "Referral to the administrative court.";
    Annulation "6-1" "Annulation" "Withdrawal of a transmission.";
    ArAnnulation "6-2" "ARAnnulation" "Receipt of a 6-1.";
    DemandeClassification "7-1" "DemandeClassification" "Request of the classification.";
    RetourClassification "7-2" "RetourClassification" "The classification.";
    ReponseClassificationSansChangement "7-3" "ReponseClassificationSansChangement" "The classification did not change.";
    AnomalieEnveloppe "ANO" "AnomalieEnveloppe" "Refusal of an envelope and of all its messages.";
}

impl CodeMessage {
    /// Whether the State says it, to a collectivité; all others go to the State.
    pub fn est_de_l_etat(self) -> bool {
        matches!(
            self,
            Self::ArActe
                | Self::AnomalieActe
                | Self::CourrierSimple
                | Self::DemandePieceComplementaire
                | Self::ArPieceComplementaire
                | Self::LettreObservations
                | Self::ArReponseRejetLettreObservations
                | Self::DefereTa
                | Self::ArAnnulation
                | Self::RetourClassification
                | Self::ReponseClassificationSansChangement
                | Self::AnomalieEnveloppe
        )
    }

    /// The kind of a code `1-1` to `7-3`.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.as_str() == code && *c != Self::AnomalieEnveloppe)
    }

    /// The kind of a root element.
    pub(super) fn from_racine(racine: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.racine() == racine)
    }
}
