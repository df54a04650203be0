//! Keys of members: enrolled, recovered, revoked, found to be compromised.
//!
//! A public key is enrolled once, ever. What an enrolment says never changes; whether the key may still sign is the
//! state of the member's dossier ([`crate::dossier::Adherent`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Role, invalid};
use crate::forme;
use crate::horodatage::Horodatage;
use crate::ident::Organisation;
use crate::key::{KeyId, PublicKey};
use crate::refusal::{Code, Refusal};

/// Most roles of one key: more than there are kinds of signing roles, with room for some départements.
pub const ROLES_MAX: usize = 16;

/// A key enters into force for an organisation. The new key signs too: possession, over organisation, roles and
/// validity. An organisation that ever had a key gets its next one with the signature of one in force, or by
/// [`CleRecouvree`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CleEnrolee {
    /// Whose key it is.
    pub organisation: Organisation,
    /// The public key.
    pub cle: KeyId,
    /// What it may sign or read; at least one. Neither `operateur` nor `registre`, which the log's own events give.
    #[schemars(length(min = 1, max = 16))]
    pub roles: Vec<Role>,
    /// In force from (included)…
    pub valable_du: Horodatage,
    /// … until (excluded).
    pub valable_jusqu: Horodatage,
}

impl CleEnrolee {
    /// What the form alone does not say; `time` is the event's.
    pub fn check(&self, time: Horodatage) -> Result<(), Refusal> {
        check_enrolment(self.cle, &self.roles, self.valable_du, self.valable_jusqu, time)
    }
}

/// All keys of an organisation are lost: the operator, who has made sure who asks, brings a new one in. It is in force
/// 72 hours later ([`crate::dossier::RECOUVREMENT_MS`]) unless a key of the organisation objects ([`CleOpposition`]);
/// from then on the keys enrolled before it are no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CleRecouvree {
    /// Whose key it is.
    pub organisation: Organisation,
    /// The public key.
    pub cle: KeyId,
    /// What it may sign or read; at least one. Neither `operateur` nor `registre`, which the log's own events give.
    #[schemars(length(min = 1, max = 16))]
    pub roles: Vec<Role>,
    /// In force from (included), and not before the 72 hours…
    pub valable_du: Horodatage,
    /// … until (excluded).
    pub valable_jusqu: Horodatage,
}

impl CleRecouvree {
    /// What the form alone does not say; `time` is the event's.
    pub fn check(&self, time: Horodatage) -> Result<(), Refusal> {
        check_enrolment(self.cle, &self.roles, self.valable_du, self.valable_jusqu, time)
    }
}

fn check_enrolment(
    cle: KeyId,
    roles: &[Role],
    valable_du: Horodatage,
    valable_jusqu: Horodatage,
    time: Horodatage,
) -> Result<(), Refusal> {
    if !(1..=ROLES_MAX).contains(&roles.len()) {
        return Err(invalid("data.roles", "a key has 1 to 16 roles"));
    }
    for (at, role) in roles.iter().enumerate() {
        let field = format!("data.roles[{at}]");
        if roles[..at].contains(role) {
            return Err(invalid(&field, "this role stands twice"));
        }
        if matches!(role, Role::Operateur | Role::Registre) {
            return Err(invalid(&field, format!("the role {role} is given by the log's own events only")));
        }
    }
    if valable_du >= valable_jusqu {
        return Err(invalid("data.valable_jusqu", "the validity ends before it begins"));
    }
    if valable_jusqu <= time {
        return Err(invalid("data.valable_jusqu", "the validity is over when the event is signed"));
    }
    check_key("data.cle", cle)
}

/// The enrolment rule for one key (frozen; see [`crate::key`]).
pub(crate) fn check_key(field: &str, cle: KeyId) -> Result<(), Refusal> {
    PublicKey::check(cle).map(|_| ()).map_err(|error| Refusal::new(Code::KeyWeak, error.to_string()).at(field))
}

/// A key of the organisation objects to a recovery that waits: the recovered key never comes into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CleOpposition {
    /// Whose keys these are.
    pub organisation: Organisation,
    /// The recovered key that is objected to.
    pub cle: KeyId,
}

/// A key ends, at this leaf and for good. What it signed before stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CleRevoquee {
    /// Whose key it is.
    pub organisation: Organisation,
    /// The key that ends.
    pub cle: KeyId,
    /// Why.
    #[serde(deserialize_with = "forme::mot")]
    pub motif: MotifRevocation,
}

/// Why a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MotifRevocation {
    /// Another takes its place.
    Remplacement,
    /// Nobody has it any more.
    Perte,
    /// Somebody else may have it.
    Vol,
    /// Its holder's charge, or the software that used it, ended.
    Cessation,
}

/// Somebody else had a key: what it signed since an instant is disputed. Nothing is deleted and no right is undone;
/// readers are told. The key ends at this leaf, if it had not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CleCompromise {
    /// Whose key it is.
    pub organisation: Organisation,
    /// The key.
    pub cle: KeyId,
    /// Leaves that it signed, recorded from this instant on and before this leaf, are disputed. Said again with an
    /// earlier instant, the dispute widens.
    pub depuis: Horodatage,
}

impl CleCompromise {
    /// What the form alone does not say; `time` is the event's.
    pub fn check(&self, time: Horodatage) -> Result<(), Refusal> {
        if self.depuis > time { Err(invalid("data.depuis", "a dispute begins in the past")) } else { Ok(()) }
    }
}
