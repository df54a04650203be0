//! Who may sign what (DESIGN §5): a pure decision over what the earlier leaves say of keys, members and the log.
//!
//! Each event type asks for signers in a given order (the table in `authority/signers.rs`). A signer is a key *in force*
//! that governs the log, or speaks for an organisation with a *role*, its own or by *delegation*; or exactly one named key that proves its
//! possession. Everything is judged by the state at the leaf's own index and by its `recorded_at`.

mod familles;
mod rights;
mod signers;

use crate::catalogue::{Data, Famille, Role};
use crate::event::{DossierId, Event};
use crate::ident::Organisation;
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

pub use familles::{Parole, parole};
pub use rights::{KeyRecord, Rights, RightsReader, Standing, enrolments, key_standing};

/// One required signer.
enum Signer<'a> {
    /// A key in force, of this organisation.
    Of(&'a Organisation, Needed<'a>),
    /// A key in force of this organisation with this role; or, for the family, a key of role `transmetteur` of an
    /// organisation to which it is delegated.
    Speaker(&'a Organisation, Role, Famille),
    /// The key that the event is about, in force or not, as long as it was not revoked.
    Itself(&'a Organisation),
    /// A key of this organisation, out of validity or not, that does not wait itself and was not revoked; or whose end is the
    /// operator's doing, shortly before.
    Objector(&'a Organisation),
    /// This key and no other; it is not enrolled yet.
    Possession(KeyId),
}

/// What a signer of an organisation must be.
#[derive(Clone, Copy)]
enum Needed<'a> {
    /// It has this role.
    Role(Role),
    /// It has one of these roles.
    OneOf(&'a [Role]),
    /// It signs something for its organisation.
    AnySigning,
    /// It is a recovery key of the log.
    Recovery,
}

impl Signer<'_> {
    /// Who it must be.
    fn name(&self) -> String {
        match self {
            Self::Of(organisation, Needed::Recovery) => {
                format!("a recovery key of the log, which {organisation} keeps")
            }
            Self::Of(organisation, needed) => format!("a key of {organisation} with {}", needed.name()),
            Self::Speaker(organisation, role, _) => format!("a key of {organisation} with the role {role}"),
            Self::Itself(organisation) | Self::Objector(organisation) => format!("a key of {organisation}"),
            Self::Possession(key) => format!("the key {key} itself"),
        }
    }
}

impl Needed<'_> {
    fn name(self) -> String {
        match self {
            Self::Role(role) => format!("the role {role}"),
            Self::OneOf(roles) => {
                let names: Vec<String> = roles.iter().map(ToString::to_string).collect();
                format!("the role {}", names.join(" or "))
            }
            Self::AnySigning => "a role that signs for its organisation".to_owned(),
            Self::Recovery => "the right to recover the log".to_owned(),
        }
    }
}

/// Whether a role signs in the name of an organisation, rather than governing the log or only reading.
fn speaks(role: Role) -> bool {
    !matches!(role, Role::Operateur | Role::Registre | Role::Auditeur(_))
}

/// Whether these signers, in this order, may make this event at that instant (Unix ms). Signatures themselves are
/// verified elsewhere.
pub fn authorise(event: &Event, signers: &[KeyId], rights: &Rights, recorded_at_ms: u64) -> Result<(), Refusal> {
    let decision = Decision { event, rights, at_ms: recorded_at_ms };
    let required = decision.required_signers(signers)?;
    let type_name = event.data.event_type().as_str();
    for (at, (signer, requirement)) in signers.iter().zip(&required).enumerate() {
        let field = format!("signatures[{at}].keyid");
        let wanted = || format!("place {} of {} is for {}", at + 1, required.len(), requirement.name());
        let own_place = required.iter().position(|other| matches!(other, Signer::Possession(key) if key == signer));
        if let Some(place) = own_place.filter(|place| *place != at) {
            // Somebody before it is missing, or the order is another.
            let detail = format!("{}; the key that stands there signs at place {}", wanted(), place + 1);
            return Err(Refusal::new(Code::SignatureMissing, detail).at(field));
        }
        decision.check_signer(signer, requirement).map_err(|refusal| match (&refusal.field, required.len()) {
            (Some(_), _) => refusal,
            (None, 1) => refusal.at(field),
            (None, _) => Refusal::new(refusal.code, format!("{}; {}", refusal.detail, wanted())).at(field),
        })?;
    }
    if signers.len() > required.len() {
        let detail = format!("{type_name} asks for {} signatures, got {}", required.len(), signers.len());
        return Err(Refusal::new(Code::SignatureExtra, detail).at(format!("signatures[{}]", required.len())));
    }
    if let Some(missing) = required.get(signers.len()) {
        let detail = format!(
            "{type_name} asks for {} signatures; place {} is for {}",
            required.len(),
            signers.len() + 1,
            missing.name()
        );
        return Err(Refusal::new(Code::SignatureMissing, detail).at("signatures"));
    }
    decision.check_named_keys()?;
    decision.check_departement()?;
    decision.check_delegate()
}

/// One decision under way.
struct Decision<'a> {
    event: &'a Event,
    rights: &'a Rights,
    at_ms: u64,
}

impl Decision<'_> {
    fn check_signer(&self, signer: &KeyId, requirement: &Signer) -> Result<(), Refusal> {
        let refuse = |code, detail: String| Err(Refusal::new(code, detail));
        let organisation = match requirement {
            Signer::Possession(key) if key == signer => return Ok(()),
            Signer::Possession(_) => return refuse(Code::SignatureMissing, format!("{signer} is another key")),
            Signer::Of(organisation, _)
            | Signer::Speaker(organisation, ..)
            | Signer::Itself(organisation)
            | Signer::Objector(organisation) => *organisation,
        };
        let Some(record) = self.rights.key(signer) else {
            return refuse(Code::KeyUnknown, format!("{signer} is not enrolled"));
        };
        let is_delegate = matches!(requirement, Signer::Speaker(..)) && record.roles.contains(&Role::Transmetteur);
        if record.organisation != *organisation && !is_delegate {
            let detail = format!("{signer} belongs to {}, not to {organisation}", record.organisation);
            return refuse(Code::KeyOtherOrganisation, detail);
        }
        self.check_standing(signer, record, requirement)?;
        match requirement {
            Signer::Speaker(_, _, famille) if record.organisation != *organisation => {
                self.check_delegation(organisation, &record.organisation, *famille)
            }
            Signer::Speaker(_, role, _) => self.check_role(signer, record, Needed::Role(*role)),
            Signer::Of(_, needed) => self.check_role(signer, record, *needed),
            _ => self.check_role(signer, record, Needed::AnySigning),
        }
    }

    fn check_standing(&self, signer: &KeyId, record: &KeyRecord, requirement: &Signer) -> Result<(), Refusal> {
        let is_admitted_late = matches!(requirement, Signer::Itself(_) | Signer::Objector(_));
        let refuse = |code, detail: String| Err(Refusal::new(code, detail));
        match self.rights.standing(signer, record, self.at_ms) {
            Standing::InForce => Ok(()),
            Standing::OutOfValidity if is_admitted_late => Ok(()),
            Standing::OutOfValidity => {
                let end = record.valable_jusqu.map_or_else(|| "without end".to_owned(), |end| end.to_string());
                let detail = format!("{signer} is in force from {} until {end}", record.valable_du);
                refuse(Code::KeyNotInForce, detail)
            }
            Standing::Pending { .. } if matches!(requirement, Signer::Itself(_)) => Ok(()),
            Standing::Pending { from_ms } => {
                let from = crate::horodatage::Horodatage::from_unix_ms(from_ms);
                refuse(Code::KeyPending, format!("{signer} is in force from {from}, unless somebody objects"))
            }
            Standing::Revoked
                if matches!(requirement, Signer::Objector(_))
                    && self
                        .rights
                        .member(&record.organisation)
                        .is_some_and(|member| member.objects_still(signer, self.at_ms)) =>
            {
                Ok(())
            }
            Standing::Revoked => refuse(Code::KeyRevoked, format!("{signer} ended before")),
            Standing::MemberGone => refuse(Code::AdherentSorti, format!("{} has left", record.organisation)),
        }
    }

    fn check_role(&self, signer: &KeyId, record: &KeyRecord, needed: Needed) -> Result<(), Refusal> {
        let holds = match needed {
            Needed::Role(role) => record.roles.contains(&role),
            Needed::OneOf(roles) => roles.iter().any(|role| record.roles.contains(role)),
            Needed::AnySigning => record.roles.iter().any(|role| speaks(*role)),
            Needed::Recovery => self.rights.log().is_some_and(|log| log.recouvrement.contains(signer)),
        };
        if holds {
            Ok(())
        } else {
            Err(Refusal::new(Code::KeyNotEntitled, format!("{signer} lacks {}", needed.name())))
        }
    }

    /// Whether `delegate` signs the family in the name of `organisation`.
    fn check_delegation(
        &self,
        organisation: &Organisation,
        delegate: &Organisation,
        famille: Famille,
    ) -> Result<(), Refusal> {
        let holds = match (self.rights.member(organisation), self.rights.member(delegate)) {
            (Some(member), Some(delegate_member)) => member.delegates(delegate, delegate_member, famille, self.at_ms),
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            let detail = format!("{organisation} lets {delegate} sign no event of this family now");
            Err(Refusal::new(Code::DelegationMissing, detail))
        }
    }

    /// "A public key is enrolled once, ever"; and a key that ends is one of the organisation it is said of.
    fn check_named_keys(&self) -> Result<(), Refusal> {
        let (organisation, cle) = match &self.event.data {
            // Before the opening there are no keys; a second opening is the life cycle's matter.
            Data::RegistreOuvert(_) => return Ok(()),
            Data::CleRevoquee(data) => (&data.organisation, data.cle),
            Data::CleCompromise(data) => (&data.organisation, data.cle),
            data => {
                for (key, _) in enrolments(self.event, 0) {
                    if let Some(record) = self.rights.key(&key) {
                        let detail = format!("{key} was enrolled at index {}", record.index);
                        let field =
                            if matches!(data, Data::RegistreJournalRemplace(_)) { "data.vkey" } else { "data.cle" };
                        return Err(Refusal::new(Code::KeyAlreadyEnrolled, detail).at(field));
                    }
                }
                return Ok(());
            }
        };
        let refuse = |code, detail: String| Err(Refusal::new(code, detail).at("data.cle"));
        match self.rights.key(&cle) {
            None => refuse(Code::KeyUnknown, format!("{cle} is not enrolled")),
            Some(record) if record.organisation != *organisation => {
                let detail = format!("{cle} belongs to {}, not to {organisation}", record.organisation);
                refuse(Code::KeyOtherOrganisation, detail)
            }
            Some(record) if !record.roles.iter().any(|role| speaks(*role) || matches!(role, Role::Auditeur(_))) => {
                refuse(Code::DataInvalid, "a key that governs the log is replaced by an event of the log".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    /// An act is sent to the prefecture of its collectivité (CGCT L2131-2): under another département it would not see it.
    fn check_departement(&self) -> Result<(), Refusal> {
        let (Data::ActeTransmis(_), DossierId::Acte(id)) = (&self.event.data, &self.event.dossier) else {
            return Ok(());
        };
        let owner = Organisation::Siren(id.siren);
        match self.rights.member(&owner).and_then(|member| member.departement) {
            Some(known) if known != id.departement => {
                let detail = format!("{owner} lies in {known}, the act's identifier names {}", id.departement);
                Err(Refusal::new(Code::DepartementAutre, detail).at("subject"))
            }
            _ => Ok(()),
        }
    }

    /// A delegate is a member: otherwise nobody could ever sign by that delegation.
    fn check_delegate(&self) -> Result<(), Refusal> {
        let Data::DelegationAccordee(data) = &self.event.data else { return Ok(()) };
        match self.rights.member(&data.delegataire) {
            Some(member) if !member.sorti => Ok(()),
            _ => {
                let detail = format!("{} is not a member", data.delegataire);
                Err(Refusal::new(Code::AdherentInconnu, detail).at("data.delegataire"))
            }
        }
    }
}
