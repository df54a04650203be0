//! The event types: one file per family, one struct per type's `data`.
//!
//! Adding a type is one line in `types!`, one struct here, its signers in `authority`, its life cycle in
//! `dossier`. A published type never changes: a new version is a new type. Field names are the domain's, in
//! French; a field that this code does not know is kept, since it is signed, and ignored.

pub mod acte;
pub mod adherent;
pub mod cle;
pub mod delegation;
pub mod piece;
pub mod registre;
pub mod role;

use schemars::Schema;
use serde_json::value::RawValue;

use crate::forme::Objet;
use crate::ident::{Organisation, Subject};
use crate::piece::Piece;
use crate::refusal::{Code, Refusal};

pub use acte::{ActeAccuseReception, ActeTransmis, AuteurDeclare, Qualite};
pub use adherent::{AdherentInscrit, AdherentModifie, AdherentSorti, Categorie, MotifSortie};
pub use cle::{CleCompromise, CleEnrolee, CleOpposition, CleRecouvree, CleRevoquee, MotifRevocation};
pub use delegation::{DelegationAccordee, DelegationRetiree, Famille};
pub use piece::PieceEffacee;
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
    ActeTransmis "greffe.acte.transmis.v1" ACTE;
    ActeAccuseReception "greffe.acte.accuse-reception.v1" ACTE;
    PieceEffacee "greffe.piece.effacee.v1" PIECE;
}

impl std::str::FromStr for EventType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or(())
    }
}

impl Data {
    /// The files this event cites.
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Self::ActeTransmis(data) => &data.pieces,
            Self::ActeAccuseReception(data) => &data.pieces,
            Self::DelegationAccordee(data) => &data.pieces,
            Self::RegistreOuvert(_)
            | Self::RegistreRefus(_)
            | Self::RegistreOperateurRemplace(_)
            | Self::RegistreJournalRemplace(_)
            | Self::RegistreNoeudRemplace(_)
            | Self::RegistreRecouvrementRemplace(_)
            | Self::AdherentInscrit(_)
            | Self::AdherentModifie(_)
            | Self::AdherentSorti(_)
            | Self::CleEnrolee(_)
            | Self::CleRecouvree(_)
            | Self::CleOpposition(_)
            | Self::CleRevoquee(_)
            | Self::CleCompromise(_)
            | Self::DelegationRetiree(_)
            | Self::PieceEffacee(_) => &[],
        }
    }

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
        let message = error.into_inner().to_string();
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
