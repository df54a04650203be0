//! The event types: one file per family, one struct per type's `data`.
//!
//! Adding a type is one line in `types!`, one struct here, its signers in `authority`, its life cycle in
//! `dossier`. A published type never changes: a new version is a new type. Field names are the domain's, in
//! French; a field that this code does not know is kept, since it is signed, and ignored.

pub mod acte;
pub mod adherent;
pub mod attribution;
pub mod classification;
pub mod cle;
pub mod commission;
pub mod consultation;
pub mod delegation;
pub mod depouillement;
pub mod examen;
pub mod facture;
pub mod flux;
pub mod partie;
pub mod piece;
pub mod pli;
pub mod quarantaine;
pub mod registre;
pub mod role;

use schemars::Schema;
use serde_json::value::RawValue;

use crate::event::DossierId;
use crate::forme::Objet;
use crate::ident::{Organisation, Subject};
use crate::json::without_place;
use crate::piece::Piece;
use crate::refusal::{Code, Refusal};

pub use acte::{
    ActeAccuseDemandePieces, ActeAccuseLettreObservations, ActeAccusePieces, ActeAccuseReception,
    ActeAccuseReponseObservations, ActeAnnulationAcquittee, ActeAnnulationDemandee, ActeAnomalie, ActeCourrierSimple,
    ActeDefere, ActeDemandePieces, ActeLettreObservations, ActePiecesComplementaires, ActePublie, ActeRefusPieces,
    ActeRejetLettreObservations, ActeReponseCourrierSimple, ActeReponseLettreObservations, ActeTransmis, AuteurDeclare,
    Qualite, SuiteObservations,
};
pub use adherent::{AdherentInscrit, AdherentModifie, AdherentSorti, Categorie, MotifSortie};
pub use attribution::{
    ConsultationAttribuee, ConsultationDonneesPubliees, ConsultationInfructueuse, ConsultationModifiee,
    ConsultationNotifiee, ConsultationSansSuite, ConsultationSignee,
};
pub use classification::{ClassificationDemandee, ClassificationInchangee, ClassificationPubliee, NatureClassee};
pub use cle::{CleCompromise, CleEnrolee, CleOpposition, CleRecouvree, CleRevoquee, MotifRevocation};
pub use commission::{
    ConsultationCleCommission, ConsultationClose, ConsultationSeanceContresignee, ConsultationSeanceOuverte,
};
pub use consultation::{
    ConsultationAvisPublie, ConsultationCreee, ConsultationDceModifie, ConsultationDcePublie, ConsultationDceRetire,
    ConsultationDelaiReporte, ConsultationPhaseOuverte, ConsultationQuestionPosee, ConsultationReponsePubliee,
    ConsultationTentativeRefusee,
};
pub use delegation::{DelegationAccordee, DelegationRetiree, Famille};
pub use depouillement::{
    PliCandidatureExaminee, PliIllisible, PliOffreRejetee, PliOuvert, PliPartRestituee, PliQualifie, PliRejetNotifie,
};
pub use examen::{ActeExamine, SuiteExamen};
pub use facture::{FactureDeposee, FacturePaiement, FactureStatut};
pub use flux::{FluxAcquitte, FluxRetour, FluxTransmis};
pub use partie::{PartieDeclaree, QualiteDeclaree};
pub use piece::PieceEffacee;
pub use pli::{PliCopieSauvegarde, PliDepose, PliEmpreinteDeposee, PliRetire};
pub use quarantaine::{
    MotifMiseAEcart, MotifQuarantaine, QuarantaineEcartee, QuarantaineMise, QuarantaineRattachee, TypeMessage,
};
pub use registre::{
    Operateur, RegistreJournalRemplace, RegistreNoeudRemplace, RegistreOperateurRemplace, RegistreOuvert,
    RegistreRecouvrementRemplace, RegistreRefus,
};
pub use role::{Portee, Role};

macro_rules! types {
    ($($variant:ident $name:literal $family:ident;)*) => {
        /// What an event says, by type.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Data {
            $(#[doc = concat!("`", $name, "`")] $variant($variant),)*
        }

        /// An event type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The `type` attribute.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The family its subjects belong to.
            pub fn family(self) -> &'static str {
                match self { $(Self::$variant => Subject::$family,)* }
            }

            /// The JSON Schema of its `data`.
            pub fn schema(self) -> Schema {
                let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
                match self { $(Self::$variant => generator.into_root_schema_for::<$variant>(),)* }
            }

            /// Reads `data`.
            pub fn read(self, data: &RawValue) -> Result<Data, Refusal> {
                match self { $(Self::$variant => read_data(data).map(Data::$variant),)* }
            }
        }

        impl Data {
            /// The type this is the data of.
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType::$variant,)* }
            }
        }
        $(
            impl From<$variant> for Data {
                fn from(data: $variant) -> Self {
                    Self::$variant(data)
                }
            }
        )*

        impl serde::Serialize for Data {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(data) => data.serialize(serializer),)* }
            }
        }
    };
}

types! {
    RegistreOuvert "greffe.registre.ouvert.v1" REGISTRE;
    RegistreRefus "greffe.registre.refus.v1" REGISTRE;
    RegistreOperateurRemplace "greffe.registre.operateur-remplace.v1" REGISTRE;
    RegistreJournalRemplace "greffe.registre.journal-remplace.v1" REGISTRE;
    RegistreNoeudRemplace "greffe.registre.noeud-remplace.v1" REGISTRE;
    RegistreRecouvrementRemplace "greffe.registre.recouvrement-remplace.v1" REGISTRE;
    AdherentInscrit "greffe.adherent.inscrit.v1" ADHERENT;
    AdherentModifie "greffe.adherent.modifie.v1" ADHERENT;
    AdherentSorti "greffe.adherent.sorti.v1" ADHERENT;
    CleEnrolee "greffe.cle.enrolee.v1" ADHERENT;
    CleRecouvree "greffe.cle.recouvree.v1" ADHERENT;
    CleOpposition "greffe.cle.opposition.v1" ADHERENT;
    CleRevoquee "greffe.cle.revoquee.v1" ADHERENT;
    CleCompromise "greffe.cle.compromise.v1" ADHERENT;
    DelegationAccordee "greffe.delegation.accordee.v1" ADHERENT;
    DelegationRetiree "greffe.delegation.retiree.v1" ADHERENT;
    PieceEffacee "greffe.piece.effacee.v1" PIECE;
    ActeTransmis "greffe.acte.transmis.v1" ACTE;
    ActeAccuseReception "greffe.acte.accuse-reception.v1" ACTE;
    ActeAnomalie "greffe.acte.anomalie.v1" ACTE;
    ActePublie "greffe.acte.publie.v1" ACTE;
    ActeAnnulationDemandee "greffe.acte.annulation-demandee.v1" ACTE;
    ActeAnnulationAcquittee "greffe.acte.annulation-acquittee.v1" ACTE;
    ActeCourrierSimple "greffe.acte.courrier-simple.v1" ACTE;
    ActeReponseCourrierSimple "greffe.acte.reponse-courrier-simple.v1" ACTE;
    ActeDemandePieces "greffe.acte.demande-pieces.v1" ACTE;
    ActeAccuseDemandePieces "greffe.acte.accuse-demande-pieces.v1" ACTE;
    ActeRefusPieces "greffe.acte.refus-pieces.v1" ACTE;
    ActePiecesComplementaires "greffe.acte.pieces-complementaires.v1" ACTE;
    ActeAccusePieces "greffe.acte.accuse-pieces.v1" ACTE;
    ActeLettreObservations "greffe.acte.lettre-observations.v1" ACTE;
    ActeAccuseLettreObservations "greffe.acte.accuse-lettre-observations.v1" ACTE;
    ActeRejetLettreObservations "greffe.acte.rejet-lettre-observations.v1" ACTE;
    ActeReponseLettreObservations "greffe.acte.reponse-lettre-observations.v1" ACTE;
    ActeAccuseReponseObservations "greffe.acte.accuse-reponse-observations.v1" ACTE;
    ActeDefere "greffe.acte.defere.v1" ACTE;
    ActeExamine "greffe.acte.examine.v1" EXAMEN;
    QuarantaineMise "greffe.quarantaine.mise.v1" QUARANTAINE;
    QuarantaineRattachee "greffe.quarantaine.rattachee.v1" QUARANTAINE;
    QuarantaineEcartee "greffe.quarantaine.ecartee.v1" QUARANTAINE;
    ClassificationDemandee "greffe.classification.demandee.v1" CLASSIFICATION;
    ClassificationPubliee "greffe.classification.publiee.v1" CLASSIFICATION;
    ClassificationInchangee "greffe.classification.inchangee.v1" CLASSIFICATION;
    FluxTransmis "greffe.flux.transmis.v1" FLUX;
    FluxAcquitte "greffe.flux.acquitte.v1" FLUX;
    FluxRetour "greffe.flux.retour.v1" FLUX;
    FactureDeposee "greffe.facture.deposee.v1" FACTURE;
    FactureStatut "greffe.facture.statut.v1" FACTURE;
    FacturePaiement "greffe.facture.paiement.v1" FACTURE;
    ConsultationCreee "greffe.consultation.creee.v1" CONSULTATION;
    ConsultationAvisPublie "greffe.consultation.avis-publie.v1" CONSULTATION;
    ConsultationDcePublie "greffe.consultation.dce-publie.v1" CONSULTATION;
    ConsultationDceModifie "greffe.consultation.dce-modifie.v1" CONSULTATION;
    ConsultationDceRetire "greffe.consultation.dce-retire.v1" CONSULTATION;
    ConsultationQuestionPosee "greffe.consultation.question-posee.v1" CONSULTATION;
    ConsultationReponsePubliee "greffe.consultation.reponse-publiee.v1" CONSULTATION;
    ConsultationDelaiReporte "greffe.consultation.delai-reporte.v1" CONSULTATION;
    ConsultationPhaseOuverte "greffe.consultation.phase-ouverte.v1" CONSULTATION;
    ConsultationTentativeRefusee "greffe.consultation.tentative-refusee.v1" CONSULTATION;
    ConsultationCleCommission "greffe.consultation.cle-commission.v1" CONSULTATION;
    ConsultationClose "greffe.consultation.close.v1" CONSULTATION;
    ConsultationSeanceOuverte "greffe.consultation.seance-ouverte.v1" CONSULTATION;
    ConsultationSeanceContresignee "greffe.consultation.seance-contresignee.v1" CONSULTATION;
    ConsultationAttribuee "greffe.consultation.attribuee.v1" CONSULTATION;
    ConsultationSignee "greffe.consultation.signee.v1" CONSULTATION;
    ConsultationNotifiee "greffe.consultation.notifiee.v1" CONSULTATION;
    ConsultationDonneesPubliees "greffe.consultation.donnees-publiees.v1" CONSULTATION;
    ConsultationModifiee "greffe.consultation.modifiee.v1" CONSULTATION;
    ConsultationSansSuite "greffe.consultation.sans-suite.v1" CONSULTATION;
    ConsultationInfructueuse "greffe.consultation.infructueuse.v1" CONSULTATION;
    PliEmpreinteDeposee "greffe.pli.empreinte-deposee.v1" PLI;
    PliDepose "greffe.pli.depose.v1" PLI;
    PliRetire "greffe.pli.retire.v1" PLI;
    PliCopieSauvegarde "greffe.pli.copie-sauvegarde.v1" PLI;
    PliPartRestituee "greffe.pli.part-restituee.v1" PLI;
    PliOuvert "greffe.pli.ouvert.v1" PLI;
    PliIllisible "greffe.pli.illisible.v1" PLI;
    PliQualifie "greffe.pli.qualifie.v1" PLI;
    PliCandidatureExaminee "greffe.pli.candidature-examinee.v1" PLI;
    PliOffreRejetee "greffe.pli.offre-rejetee.v1" PLI;
    PliRejetNotifie "greffe.pli.rejet-notifie.v1" PLI;
}

/// What the `data` of a type of exchange says beyond the form of its fields.
pub(crate) trait Controle {
    /// Rules between its fields, and with what the subject names.
    fn controle(&self, _dossier: &DossierId) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Types of the families of exchanges: which of them can be constats, which not.
macro_rules! echanges {
    (constats: $($constat:ident)* ; paroles: $($parole:ident)*) => {
        impl Data {
            /// The files this event cites.
            pub fn pieces(&self) -> &[Piece] {
                match self {
                    Self::ActeTransmis(data) => &data.pieces,
                    Self::ActeAccuseReception(data) => &data.pieces,
                    $(Self::$constat(data) => &data.pieces,)*
                    $(Self::$parole(data) => &data.pieces,)*
                    Self::DelegationAccordee(data) => &data.pieces,
                    // The log's own events, those of members and of pieces cite none.
                    _ => &[],
                }
            }

            /// Whether the source only states what a file says (DESIGN §5).
            pub fn is_constat(&self) -> bool {
                match self {
                    Self::ActeAccuseReception(data) => data.is_constat(),
                    $(Self::$constat(data) => data.auteur_declare.is_some(),)*
                    _ => false,
                }
            }

            /// Rules between the fields of an exchange, and with its subject.
            pub fn check_echange(&self, dossier: &DossierId) -> Result<(), Refusal> {
                match self {
                    Self::ActeTransmis(data) => return match dossier {
                        DossierId::Acte(id) => data.check(id),
                        _ => Ok(()),
                    },
                    $(Self::$constat(data) => data.controle(dossier)?,)*
                    $(Self::$parole(data) => data.controle(dossier)?,)*
                    _ => {}
                }
                partie::check_pieces(self.pieces(), self.is_constat())?;
                partie::check_engagees(self.pieces())
            }
        }
    };
}

echanges! {
    constats: ActeAnomalie ActeAnnulationAcquittee ActeCourrierSimple ActeDemandePieces ActeAccusePieces
        ActeLettreObservations ActeAccuseReponseObservations ActeDefere QuarantaineMise ClassificationPubliee
        ClassificationInchangee FluxAcquitte FluxRetour FactureDeposee FactureStatut FacturePaiement
        ConsultationDceRetire ConsultationQuestionPosee PliEmpreinteDeposee PliDepose PliRetire;
    paroles: ActePublie ActeAnnulationDemandee ActeReponseCourrierSimple ActeAccuseDemandePieces ActeRefusPieces
        ActePiecesComplementaires ActeAccuseLettreObservations ActeRejetLettreObservations
        ActeReponseLettreObservations ActeExamine QuarantaineRattachee QuarantaineEcartee ClassificationDemandee
        FluxTransmis ConsultationCreee ConsultationAvisPublie
        ConsultationDcePublie ConsultationDceModifie ConsultationReponsePubliee ConsultationDelaiReporte
        ConsultationPhaseOuverte ConsultationTentativeRefusee ConsultationCleCommission ConsultationClose
        ConsultationSeanceOuverte ConsultationSeanceContresignee ConsultationAttribuee ConsultationSignee
        ConsultationNotifiee ConsultationDonneesPubliees ConsultationModifiee ConsultationSansSuite
        ConsultationInfructueuse PliCopieSauvegarde PliPartRestituee PliOuvert PliIllisible PliQualifie
        PliCandidatureExaminee PliOffreRejetee PliRejetNotifie
}

impl std::str::FromStr for EventType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or(())
    }
}

impl Data {
    /// The member that an event of the family of members is about; none for any other.
    pub fn adherent(&self) -> Option<&Organisation> {
        match self {
            Self::AdherentInscrit(data) => Some(&data.organisation),
            Self::AdherentModifie(data) => Some(&data.organisation),
            Self::AdherentSorti(data) => Some(&data.organisation),
            Self::CleEnrolee(data) => Some(&data.organisation),
            Self::CleRecouvree(data) => Some(&data.organisation),
            Self::CleOpposition(data) => Some(&data.organisation),
            Self::CleRevoquee(data) => Some(&data.organisation),
            Self::CleCompromise(data) => Some(&data.organisation),
            Self::DelegationAccordee(data) => Some(&data.organisation),
            Self::DelegationRetiree(data) => Some(&data.organisation),
            _ => None,
        }
    }
}

/// Reads one `data`, naming the field that is missing or wrong.
fn read_data<T: serde::de::DeserializeOwned>(data: &RawValue) -> Result<T, Refusal> {
    if let Ok(Objet(data)) = serde_json::from_str(data.get()) {
        return Ok(data);
    }
    // Once more, to learn where it went wrong.
    let mut reader = serde_json::Deserializer::from_str(data.get());
    serde_path_to_error::deserialize(&mut reader).map(|Objet(data)| data).map_err(|error| {
        let path = error.path().to_string();
        let message = without_place(&error.into_inner());
        let mut field = if path == "." { "data".to_owned() } else { format!("data.{path}") };
        // serde's words for a missing field are the only place where its name stands.
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        let code = match missing {
            Some((name, _)) => {
                field = format!("{field}.{name}");
                Code::DataMissing
            }
            None => Code::DataInvalid,
        };
        Refusal::new(code, message).at(field)
    })
}

/// A refusal of a field whose form is good but whose content is not.
pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::DataInvalid, detail).at(field)
}
