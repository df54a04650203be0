//! A member and all its rights: its keys that are not revoked, recoveries that wait, the delegations it gave, its exit.
//!
//! What an enrolment says of a key never changes and stands in the key's record ([`crate::authority::KeyRecord`]); here
//! stands what does change. The state is read for each event that the member signs, so it stays small: what has ended is
//! dropped.

use serde::{Deserialize, Serialize};

use crate::authority::Standing;
use crate::catalogue::{Categorie, Data, DelegationAccordee, Famille};
use crate::dossier::Recording;
use crate::event::Event;
use crate::ident::{Departement, Organisation};
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

/// How long a recovered key waits, in milliseconds: 72 hours, in which a key of the organisation may object (DESIGN §5).
pub const RECOUVREMENT_MS: u64 = 72 * 3_600 * 1_000;

/// Most keys of one member that are not revoked: each agent of a prefecture, each software of a département.
pub const CLES_MAX: usize = 100;

/// Most delegates of one member: each of its softwares may have its own.
pub const DELEGATIONS_MAX: usize = 32;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adherent {
    /// What kind of body it is.
    pub categorie: Categorie,
    /// Where it lies or what it controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departement: Option<Departement>,
    /// Leaf of its admission; of the last, where it left and came back.
    pub inscrit: u64,
    /// Whether it left.
    pub sorti: bool,
    /// Whether it ever had a key.
    pub a_eu_une_cle: bool,
    /// Its keys that are not revoked, in the order of their enrolment; those out of validity included.
    pub cles: Vec<Cle>,
    /// Keys that the operator ended and that may object to a recovery still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ecartees: Vec<Ecartee>,
    /// What others sign in its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<Delegation>,
}

/// A key of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cle {
    /// The public key.
    pub cle: KeyId,
    /// For a recovered key: from when on (Unix ms) it is in force, and the keys before it are no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recouvree_ms: Option<u64>,
}

/// A key that the operator ended, not the member.
///
/// Otherwise the operator could end all keys of a member, bring in one of its own, and nobody could object: a key that it ended
/// less than [`RECOUVREMENT_MS`] before a recovery objects to it as if it were there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ecartee {
    /// The public key.
    pub cle: KeyId,
    /// Since when, Unix ms.
    pub depuis_ms: u64,
}

/// What another organisation signs in a member's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Who.
    pub delegataire: Organisation,
    /// What.
    pub familles: Vec<Famille>,
    /// Until when (excluded), Unix ms.
    pub jusqu_ms: u64,
    /// Leaf that gave it.
    pub index: u64,
}

impl Adherent {
    pub(super) fn after(before: Option<&Self>, event: &Event, at: Recording) -> Result<Self, Refusal> {
        let data = &event.data;
        if let Data::AdherentInscrit(data) = data {
            if before.is_some_and(|member| !member.sorti) {
                let detail = format!("{} is a member already", data.organisation);
                return Err(Refusal::new(Code::AdherentDejaInscrit, detail).at("subject"));
            }
            return Ok(Self {
                categorie: data.categorie,
                departement: data.departement,
                inscrit: at.index,
                sorti: false,
                a_eu_une_cle: before.is_some_and(|member| member.a_eu_une_cle),
                cles: Vec::new(),
                ecartees: before.map(|member| member.ecartees.clone()).unwrap_or_default(),
                delegations: Vec::new(),
            });
        }
        let Some(member) = before else {
            let detail = "the organisation is not a member: adherent.inscrit comes first";
            return Err(Refusal::new(Code::AdherentInconnu, detail).at("subject"));
        };
        // A key may turn out to be compromised after its organisation left.
        if member.sorti && !matches!(data, Data::CleCompromise(_)) {
            return Err(Refusal::new(Code::AdherentSorti, "the organisation has left").at("subject"));
        }
        let mut member = member.clone();
        member.settle(at.recorded_at_ms);
        if data.adherent().is_some_and(|organisation| *organisation != event.source) {
            // On the operator's part.
            member.set_aside(data, at.recorded_at_ms);
        }
        member.apply(data, at)?;
        Ok(member)
    }

    /// Remembers the keys that the operator is about to end, those that wait apart.
    fn set_aside(&mut self, data: &Data, at_ms: u64) {
        let ends = |cle: &&Cle| match data {
            Data::CleRevoquee(data) => data.cle == cle.cle,
            Data::CleCompromise(data) => data.cle == cle.cle,
            Data::AdherentSorti(_) => true,
            _ => false,
        };
        let ended = self.cles.iter().filter(|cle| cle.recouvree_ms.is_none()).filter(ends);
        self.ecartees.extend(ended.map(|cle| Ecartee { cle: cle.cle, depuis_ms: at_ms }));
        // The newest: no more of them than a member has keys.
        let many = self.ecartees.len().saturating_sub(CLES_MAX);
        self.ecartees.drain(..many);
    }

    fn apply(&mut self, data: &Data, at: Recording) -> Result<(), Refusal> {
        match data {
            Data::AdherentModifie(data) => {
                self.categorie = data.categorie;
                self.departement = data.departement;
            }
            Data::AdherentSorti(_) => {
                self.sorti = true;
                self.cles.clear();
                self.delegations.clear();
            }
            Data::CleEnrolee(data) => self.add_key(data.cle, None)?,
            Data::CleRecouvree(data) => {
                if let Some(pending) = self.cles.iter().find(|cle| cle.recouvree_ms.is_some()) {
                    let detail = format!("the recovery by {} waits already", pending.cle);
                    return Err(Refusal::new(Code::RecouvrementEnCours, detail).at("subject"));
                }
                self.add_key(data.cle, Some(at.recorded_at_ms.saturating_add(RECOUVREMENT_MS)))?;
            }
            Data::CleOpposition(data) => {
                let waits = |cle: &Cle| cle.cle == data.cle && cle.recouvree_ms.is_some();
                if !self.cles.iter().any(waits) {
                    let detail = format!("no recovery by {} waits", data.cle);
                    return Err(Refusal::new(Code::RecouvrementInconnu, detail).at("data.cle"));
                }
                self.cles.retain(|cle| !waits(cle));
            }
            Data::CleRevoquee(data) => {
                if !self.cles.iter().any(|cle| cle.cle == data.cle) {
                    let detail = format!("{} ended before", data.cle);
                    return Err(Refusal::new(Code::CleDejaRevoquee, detail).at("data.cle"));
                }
                self.cles.retain(|cle| cle.cle != data.cle);
            }
            Data::CleCompromise(data) => self.cles.retain(|cle| cle.cle != data.cle),
            Data::DelegationAccordee(data) => self.delegate(data, at)?,
            Data::DelegationRetiree(data) => {
                if !self.delegations.iter().any(|delegation| delegation.delegataire == data.delegataire) {
                    let detail = format!("{} holds no delegation of {}", data.delegataire, data.organisation);
                    return Err(Refusal::new(Code::DelegationInconnue, detail).at("data.delegataire"));
                }
                self.delegations.retain(|delegation| delegation.delegataire != data.delegataire);
            }
            _ => {}
        }
        Ok(())
    }

    /// Drops what time has ended.
    fn settle(&mut self, at_ms: u64) {
        let in_force = |cle: &Cle| cle.recouvree_ms.is_some_and(|from_ms| from_ms <= at_ms);
        if let Some(at) = self.cles.iter().rposition(in_force) {
            self.cles.drain(..at);
            self.cles[0].recouvree_ms = None;
            self.ecartees.clear();
        }
        let counted_from_ms = self.recovery_begun_ms().unwrap_or(at_ms);
        self.ecartees.retain(|ended| counted_from_ms < ended.depuis_ms.saturating_add(RECOUVREMENT_MS));
        self.delegations.retain(|delegation| at_ms < delegation.jusqu_ms);
    }

    /// When the recovery that waits began, Unix ms.
    fn recovery_begun_ms(&self) -> Option<u64> {
        self.cles.iter().find_map(|cle| cle.recouvree_ms).map(|from_ms| from_ms.saturating_sub(RECOUVREMENT_MS))
    }

    /// Whether a key that ended may object to the recovery that waits at that instant (Unix ms): the operator ended it, shortly
    /// before or meanwhile.
    pub fn objects_still(&self, key: &KeyId, at_ms: u64) -> bool {
        let Some(begun_ms) = self.recovery_begun_ms().filter(|begun_ms| at_ms < begun_ms + RECOUVREMENT_MS) else {
            return false;
        };
        let in_time = |ended: &Ecartee| begun_ms < ended.depuis_ms.saturating_add(RECOUVREMENT_MS);
        self.ecartees.iter().any(|ended| ended.cle == *key && in_time(ended))
    }

    fn add_key(&mut self, cle: KeyId, recouvree_ms: Option<u64>) -> Result<(), Refusal> {
        if self.cles.len() >= CLES_MAX {
            let detail = format!("a member has at most {CLES_MAX} keys that are not revoked");
            return Err(Refusal::new(Code::LimiteAtteinte, detail).at("subject"));
        }
        self.a_eu_une_cle = true;
        self.cles.push(Cle { cle, recouvree_ms });
        Ok(())
    }

    fn delegate(&mut self, data: &DelegationAccordee, at: Recording) -> Result<(), Refusal> {
        if data.jusqu.unix_ms() <= at.recorded_at_ms {
            return Err(Refusal::new(Code::DataInvalid, "the delegation ends before it begins").at("data.jusqu"));
        }
        self.delegations.retain(|delegation| delegation.delegataire != data.delegataire);
        if self.delegations.len() >= DELEGATIONS_MAX {
            let detail = format!("a member has at most {DELEGATIONS_MAX} delegates");
            return Err(Refusal::new(Code::LimiteAtteinte, detail).at("subject"));
        }
        let (delegataire, familles) = (data.delegataire.clone(), data.familles.clone());
        let jusqu_ms = data.jusqu.unix_ms();
        self.delegations.push(Delegation { delegataire, familles, jusqu_ms, index: at.index });
        Ok(())
    }

    /// What the dossier says of a key of this member at that instant (Unix ms), its validity aside.
    pub fn standing(&self, key: &KeyId, at_ms: u64) -> Standing {
        if self.sorti {
            return Standing::MemberGone;
        }
        let Some(at) = self.cles.iter().position(|cle| cle.cle == *key) else { return Standing::Revoked };
        let in_force = |cle: &Cle| cle.recouvree_ms.is_some_and(|from_ms| from_ms <= at_ms);
        if self.cles[at + 1..].iter().any(in_force) {
            return Standing::Revoked;
        }
        match self.cles[at].recouvree_ms {
            Some(from_ms) if at_ms < from_ms => Standing::Pending { from_ms },
            _ => Standing::InForce,
        }
    }

    /// Whether that organisation signs that family in this member's name at that instant (Unix ms). `delegate` is the
    /// organisation's own dossier: what it was given before it left, it does not find again when it comes back.
    pub fn delegates(&self, delegataire: &Organisation, delegate: &Self, famille: Famille, at_ms: u64) -> bool {
        !self.sorti
            && !delegate.sorti
            && self.delegations.iter().any(|delegation| {
                delegation.delegataire == *delegataire
                    && delegation.familles.contains(&famille)
                    && at_ms < delegation.jusqu_ms
                    && delegate.inscrit < delegation.index
            })
    }
}
