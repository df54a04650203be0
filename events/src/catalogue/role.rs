//! Roles: what a key may sign or read (DESIGN §5).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ident::{Departement, Siren};

/// What a key may sign (DESIGN §5). Text forms as in `prefecture:039` or `auditeur:*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Members and keys; never in the name of a member. Kept offline.
    Operateur,
    /// The node's: refusals.
    Registre,
    /// A gateway: what delegations allow.
    Transmetteur,
    /// Acts of its own organisation, and what it received about them.
    Collectivite,
    /// Acknowledgements for acts of that département.
    Prefecture(Departement),
    /// Public accountant.
    Comptable,
    /// Supplier.
    Fournisseur,
    /// Buyer.
    Acheteur,
    /// Bidder.
    Soumissionnaire,
    /// Signs nothing; reads within its scope.
    Auditeur(Portee),
}

/// What an auditor may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Portee {
    /// Everything.
    Tout,
    /// What concerns one organisation.
    Siren(Siren),
    /// What concerns one département.
    Departement(Departement),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operateur => f.write_str("operateur"),
            Self::Registre => f.write_str("registre"),
            Self::Transmetteur => f.write_str("transmetteur"),
            Self::Collectivite => f.write_str("collectivite"),
            Self::Prefecture(departement) => write!(f, "prefecture:{departement}"),
            Self::Comptable => f.write_str("comptable"),
            Self::Fournisseur => f.write_str("fournisseur"),
            Self::Acheteur => f.write_str("acheteur"),
            Self::Soumissionnaire => f.write_str("soumissionnaire"),
            Self::Auditeur(Portee::Tout) => f.write_str("auditeur:*"),
            Self::Auditeur(Portee::Siren(siren)) => write!(f, "auditeur:{siren}"),
            Self::Auditeur(Portee::Departement(departement)) => write!(f, "auditeur:{departement}"),
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, scope) = match text.split_once(':') {
            Some((name, scope)) => (name, Some(scope)),
            None => (text, None),
        };
        let role = match (name, scope) {
            ("operateur", None) => Self::Operateur,
            ("registre", None) => Self::Registre,
            ("transmetteur", None) => Self::Transmetteur,
            ("collectivite", None) => Self::Collectivite,
            ("prefecture", Some(scope)) => Self::Prefecture(scope.parse().map_err(|e| format!("{e}"))?),
            ("comptable", None) => Self::Comptable,
            ("fournisseur", None) => Self::Fournisseur,
            ("acheteur", None) => Self::Acheteur,
            ("soumissionnaire", None) => Self::Soumissionnaire,
            ("auditeur", Some("*")) => Self::Auditeur(Portee::Tout),
            ("auditeur", Some(scope)) if scope.len() == 9 => {
                Self::Auditeur(Portee::Siren(scope.parse().map_err(|e| format!("{e}"))?))
            }
            ("auditeur", Some(scope)) => {
                Self::Auditeur(Portee::Departement(scope.parse().map_err(|e| format!("{e}"))?))
            }
            _ => {
                return Err(
                    "a key is given one of collectivite, prefecture:<département>, comptable, fournisseur, acheteur, \
                     soumissionnaire, transmetteur, auditeur:<siren, département or *>"
                        .to_owned(),
                );
            }
        };
        Ok(role)
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Role {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(transmetteur|collectivite|prefecture:([0-9]{3}|02[AB])|comptable|fournisseur|acheteur|soumissionnaire|auditeur:([0-9]{9}|[0-9]{3}|02[AB]|\\*))$"
        })
    }
}
