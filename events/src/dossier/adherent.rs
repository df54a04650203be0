//! A member: admitted, then given keys.

use serde::{Deserialize, Serialize};

use crate::catalogue::{AdherentInscrit, Categorie, CleEnrolee};
use crate::ident::Departement;
use crate::refusal::{Code, Refusal};

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adherent {
    /// What kind of body it is.
    pub categorie: Categorie,
    /// Where it lies or what it controls.
    pub departement: Option<Departement>,
    /// How many keys it ever had.
    pub cles: u32,
}

impl Adherent {
    pub(super) fn inscrit(before: Option<&Self>, data: &AdherentInscrit) -> Result<Self, Refusal> {
        if before.is_some() {
            let detail = format!("{} is a member already", data.organisation);
            return Err(Refusal::new(Code::AdherentDejaInscrit, detail).at("subject"));
        }
        Ok(Self { categorie: data.categorie, departement: data.departement, cles: 0 })
    }

    pub(super) fn cle_enrolee(before: Option<&Self>, data: &CleEnrolee) -> Result<Self, Refusal> {
        let Some(member) = before else {
            let detail = format!("{} is not a member: adherent.inscrit comes first", data.organisation);
            return Err(Refusal::new(Code::AdherentInconnu, detail).at("subject"));
        };
        Ok(Self { cles: member.cles.saturating_add(1), ..member.clone() })
    }
}
