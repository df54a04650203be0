//! Members: the organisations that the operator admits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::invalid;
use crate::forme;
use crate::ident::{Departement, Organisation};
use crate::refusal::Refusal;

/// The operator admits an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdherentInscrit {
    /// Who is admitted.
    pub organisation: Organisation,
    /// What kind of body it is.
    #[serde(deserialize_with = "forme::mot")]
    pub categorie: Categorie,
    /// Name of the public body, which it must have. Never there for a company: a sole trader's is a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120))]
    pub denomination: Option<String>,
    /// Where it lies, or, for a prefecture, what it controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departement: Option<Departement>,
}

/// Kinds of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Categorie {
    /// Commune.
    Commune,
    /// Établissement public de coopération intercommunale.
    Epci,
    /// Département.
    Departement,
    /// Région.
    Region,
    /// Any other local public body: syndicat, CCAS, régie, OPH…
    EtablissementPublic,
    /// Prefecture or sous-préfecture: a service of the State.
    Prefecture,
    /// Any other service of the State, the public accountant's included.
    Etat,
    /// The operator, or another mutualised operator or gateway.
    Operateur,
    /// Company, sole traders included.
    Entreprise,
}

/// Longest denomination, in characters.
const DENOMINATION_CHARS_MAX: usize = 120;

impl AdherentInscrit {
    /// What the form alone does not say.
    pub fn check(&self) -> Result<(), Refusal> {
        check_member(self.categorie, self.denomination.as_deref(), self.departement)
    }
}

/// The operator says anew what kind of body a member is, how it is called and where it lies: the whole of it, what is
/// absent here is no longer so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdherentModifie {
    /// Which member.
    pub organisation: Organisation,
    /// What kind of body it is.
    #[serde(deserialize_with = "forme::mot")]
    pub categorie: Categorie,
    /// Name of the public body, which it must have. Never there for a company: a sole trader's is a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120))]
    pub denomination: Option<String>,
    /// Where it lies, or, for a prefecture, what it controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departement: Option<Departement>,
}

impl AdherentModifie {
    /// What the form alone does not say.
    pub fn check(&self) -> Result<(), Refusal> {
        check_member(self.categorie, self.denomination.as_deref(), self.departement)
    }
}

/// A member leaves: at this leaf its keys end, and the delegations it gave and took. What it said stays, and what others
/// say of its dossiers goes on. `adherent.inscrit` admits it again; its next key then takes `cle.recouvree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdherentSorti {
    /// Which member.
    pub organisation: Organisation,
    /// Why.
    #[serde(deserialize_with = "forme::mot")]
    pub motif: MotifSortie,
}

/// Why a member leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MotifSortie {
    /// It wants to.
    Depart,
    /// It became part of another body (commune nouvelle, merged EPCI).
    Fusion,
    /// It exists no longer.
    Dissolution,
    /// The operator ends its membership.
    Exclusion,
}

fn check_member(
    categorie: Categorie,
    denomination: Option<&str>,
    departement: Option<Departement>,
) -> Result<(), Refusal> {
    let field = "data.denomination";
    match (denomination, categorie) {
        (Some(_), Categorie::Entreprise) => {
            Err(invalid(field, "a company's name may be a person's: it never stands in a leaf"))
        }
        (None, categorie) if categorie != Categorie::Entreprise => {
            Err(invalid(field, "a public body has a denomination"))
        }
        (Some(name), _)
            if name.trim() != name
                || name.chars().any(char::is_control)
                || !(1..=DENOMINATION_CHARS_MAX).contains(&name.chars().count()) =>
        {
            Err(invalid(field, "1 to 120 characters, no control characters, no space at either end"))
        }
        _ if categorie == Categorie::Prefecture && departement.is_none() => {
            Err(invalid("data.departement", "a prefecture controls a département"))
        }
        _ => Ok(()),
    }
}
