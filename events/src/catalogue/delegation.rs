//! Delegations: another organisation signs given families of events for a member, until a date.
//!
//! Never keys, members or delegations themselves. The events say the member as their `source`; the key that signs them is
//! the delegate's. There is one delegation from a member to a delegate: the latest says which families, and until when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Role, invalid};
use crate::forme;
use crate::horodatage::Horodatage;
use crate::ident::Organisation;
use crate::piece::{Designation, Piece, RolePiece};
use crate::refusal::Refusal;

/// A family of exchanges, as delegations name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Famille {
    /// Acts sent to the prefecture.
    Actes,
    /// Flows and invoices.
    Comptabilite,
    /// Tenders and submissions.
    Marches,
}

/// Most families of one delegation: all of them.
const FAMILLES_MAX: usize = 3;

impl Famille {
    /// The roles of which a member's key needs one to hand this family out: nobody delegates what it may not sign.
    pub(crate) fn roles_deleguants(self) -> &'static [Role] {
        match self {
            Self::Actes => &[Role::Collectivite],
            Self::Comptabilite => &[Role::Collectivite, Role::Comptable, Role::Fournisseur],
            Self::Marches => &[Role::Acheteur, Role::Soumissionnaire],
        }
    }
}

/// A member lets another organisation sign for it; or the operator records that it did so on paper (*par mandat*): then
/// `pieces` holds the signed mandate and the `source` is the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DelegationAccordee {
    /// The member in whose name will be signed.
    pub organisation: Organisation,
    /// Who will sign, with its keys of role `transmetteur`.
    pub delegataire: Organisation,
    /// What; at least one.
    #[schemars(length(min = 1, max = 3))]
    #[serde(deserialize_with = "forme::mots")]
    pub familles: Vec<Famille>,
    /// Until when (excluded).
    pub jusqu: Horodatage,
    /// The signed mandate, role `mandat`, cited by engagement; none where the member itself signs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    pub pieces: Vec<Piece>,
}

impl DelegationAccordee {
    /// Whether the operator records it from a signed mandate.
    pub fn est_par_mandat(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// What the form alone does not say.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.delegataire == self.organisation {
            return Err(invalid("data.delegataire", "nobody delegates to itself"));
        }
        if !(1..=FAMILLES_MAX).contains(&self.familles.len()) {
            return Err(invalid("data.familles", "a delegation has 1 to 3 families"));
        }
        for (at, famille) in self.familles.iter().enumerate() {
            if self.familles[..at].contains(famille) {
                return Err(invalid(&format!("data.familles[{at}]"), "this family stands twice"));
            }
        }
        match self.pieces.as_slice() {
            [] => Ok(()),
            [mandat]
                if mandat.role == RolePiece::Mandat && matches!(mandat.designation, Designation::Engagee { .. }) =>
            {
                Ok(())
            }
            _ => Err(invalid("data.pieces", "the only piece is the signed mandate, role mandat, cited by engagement")),
        }
    }
}

/// A delegation ends, at this leaf: withdrawn by the member or the operator, or given back by the delegate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DelegationRetiree {
    /// The member in whose name was signed.
    pub organisation: Organisation,
    /// Who signed.
    pub delegataire: Organisation,
}
