//! A subscription: whose, to what, where to, and where it is.

use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a subscription asks for, in the words of the feed's query; all of it where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Filtres {
    /// Types of events, or beginnings of them.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Families of dossiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub famille: Option<String>,
    /// Who speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Départements of acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departement: Option<String>,
    /// Whole dossiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sujet: Option<String>,
}

/// A subscription that is not kept yet.
#[derive(Debug, Clone)]
pub struct Nouveau {
    /// Whose.
    pub organisation: Organisation,
    /// The key whose rights it has.
    pub cle: KeyId,
    /// Where to ([`super::adresse`]).
    pub url: String,
    /// To what.
    pub filtre: Filtres,
    /// The first leaf to look at.
    pub position: u64,
    /// When it was asked for, Unix ms.
    pub cree_ms: u64,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abonnement {
    /// Its name.
    pub id: Uuid,
    /// Whose.
    pub organisation: Organisation,
    /// The key whose rights it has: whoever asked for it, or resumed it.
    pub cle: KeyId,
    /// Where to.
    pub url: String,
    /// To what.
    pub filtre: Filtres,
    /// When it was asked for, Unix ms.
    pub cree_ms: u64,
    /// Where it is.
    pub etat: Etat,
    /// Dead letters kept.
    pub echecs: u64,
    /// Dead letters that made room for later ones.
    pub perdus: u64,
}

/// Where a subscription is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Etat {
    /// The first leaf whose announcement is not settled; those before it are delivered, dead letters, or not for it.
    pub position: u64,
    /// Attempts that the leaf at `position` has had; 0 where that leaf has not been looked at.
    pub tentatives: u32,
    /// When it is tried again, Unix ms.
    pub prochaine_ms: Option<u64>,
    /// Why nothing is sent any more.
    pub arret: Option<Arret>,
    /// Since when nothing has succeeded, Unix ms.
    pub en_echec_depuis_ms: Option<u64>,
    /// Messages delivered.
    pub livres: u64,
    /// When the last one was, Unix ms.
    pub derniere_livraison_ms: Option<u64>,
    /// The last attempt that failed.
    pub dernier_echec: Option<Echec>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echec {
    /// When, Unix ms.
    pub le_ms: u64,
    /// Why.
    pub motif: Motif,
    /// What was answered, where something was.
    pub statut: Option<u16>,
}

macro_rules! mots {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal $english:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
        pub enum $name {
            $(#[doc = $english] #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of that text.
            pub fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

mots! {
    /// Why an attempt failed. What was answered beside its status is neither read nor kept.
    Motif {
        Statut "statut" "Answered with a status that is not 2xx.";
        Redirection "redirection" "Answered with a redirection, which is not followed.";
        Adresse "adresse" "The name leads to no public address, or to none at all: which of the two is not told, as it would tell of inner names.";
        Liaison "liaison" "No connection, or one that broke.";
        Tls "tls" "The certificate is not that of the name, or of nobody known.";
        Delai "delai" "No answer in time.";
        Illisible "illisible" "Of a dead letter: the leaf is not for this reader any more.";
    }
}

mots! {
    /// Why a subscription sends nothing any more, until it is resumed.
    Arret {
        Parti "parti" "The address answered 410 Gone.";
        SansReponse "sans-reponse" "The address has failed for days.";
        Cle "cle" "The key is revoked, expired, or its organisation has left.";
        Operateur "operateur" "The operator suspended it.";
        Filtre "filtre" "This version of the node does not understand what is asked for.";
    }
}

impl Arret {
    /// What to do about it.
    pub fn conseil(self) -> &'static str {
        match self {
            Self::Parti => "Votre adresse a répondu 410 : reprenez-le si c'est une erreur, sinon supprimez-le.",
            Self::SansReponse => {
                "Réparez ce qui répond à cette adresse, essayez-la, puis reprenez : rien n'est perdu, le fil repart d'où il était."
            }
            Self::Cle => "Reprenez-le avec une clé en vigueur du même organisme : il repart d'où il était.",
            Self::Operateur => "Adressez-vous à votre opérateur : lui seul le reprend ou le supprime.",
            Self::Filtre => "Supprimez-le et refaites-en un avec les mots de cette version.",
        }
    }
}

/// A dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mort {
    /// The leaf that it announced.
    pub index: u64,
    /// How often it was tried.
    pub tentatives: u32,
    /// The last time.
    pub echec: Echec,
    /// Whether it waits to be sent again.
    pub renvoi: bool,
}
