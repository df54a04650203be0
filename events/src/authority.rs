//! Who may sign what (DESIGN §5): a pure decision over what the earlier leaves say of the keys.
//!
//! Each event type asks for signers in a given order. A signer is either a key *in force* with a *role* for an
//! *organisation*, or exactly one named key that proves its possession. Delegations, revocation and recovery
//! are not here yet: no event opens them.

mod familles;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Data, Role};
use crate::dossier::Dossier;
use crate::event::Event;
use crate::horodatage::Horodatage;
use crate::ident::Organisation;
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

/// What the log says of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Whose it is.
    pub organisation: Organisation,
    /// What it may sign. Empty for the keys that never sign events: the log's own and the recovery keys.
    pub roles: Vec<Role>,
    /// In force from (included).
    pub valable_du: Horodatage,
    /// In force until (excluded); none for the keys of the opening.
    pub valable_jusqu: Option<Horodatage>,
    /// Leaf that enrolled it.
    pub index: u64,
}

impl KeyRecord {
    /// Whether the key is in force at that instant (Unix ms).
    pub fn is_in_force(&self, at_ms: u64) -> bool {
        self.valable_du.unix_ms() <= at_ms && self.valable_jusqu.is_none_or(|end| at_ms < end.unix_ms())
    }
}

/// The records of the keys that a decision may ask about.
#[derive(Debug, Clone, Default)]
pub struct KnownKeys(Vec<(KeyId, KeyRecord)>);

impl KnownKeys {
    /// Looks each of the keys of [`keys_concerned`] up.
    pub fn look_up<E>(
        event: &Event,
        signers: &[KeyId],
        mut find: impl FnMut(&KeyId) -> Result<Option<KeyRecord>, E>,
    ) -> Result<Self, E> {
        let mut known = Vec::new();
        for key in keys_concerned(event, signers) {
            if let Some(record) = find(&key)? {
                known.push((key, record));
            }
        }
        Ok(Self(known))
    }

    /// The record of a key, if it is enrolled.
    pub fn get(&self, key: &KeyId) -> Option<&KeyRecord> {
        self.0.iter().find(|(id, _)| id == key).map(|(_, record)| record)
    }
}

/// The keys whose records the decision needs: the signers', and those that the event brings in.
pub fn keys_concerned(event: &Event, signers: &[KeyId]) -> Vec<KeyId> {
    let mut keys = signers.to_vec();
    keys.extend(enrolments(event, 0).into_iter().map(|(key, _)| key));
    keys
}

/// The keys that an admitted event enrols, with their records.
pub fn enrolments(event: &Event, index: u64) -> Vec<(KeyId, KeyRecord)> {
    match &event.data {
        Data::CleEnrolee(data) => {
            let record = KeyRecord {
                organisation: data.organisation.clone(),
                roles: data.roles.clone(),
                valable_du: data.valable_du,
                valable_jusqu: Some(data.valable_jusqu),
                index,
            };
            vec![(data.cle, record)]
        }
        Data::RegistreOuvert(data) => {
            let record = |roles: Vec<Role>| KeyRecord {
                organisation: data.operateur.organisation.clone(),
                roles,
                valable_du: Horodatage::from_unix_ms(0),
                valable_jusqu: None,
                index,
            };
            let mut keys =
                vec![(data.operateur.cle, record(vec![Role::Operateur])), (data.noeud, record(vec![Role::Registre]))];
            // The vkey was read when the event was.
            keys.extend(data.log_key().map(|key| (key, record(Vec::new()))));
            keys.extend(data.recouvrement.iter().map(|key| (*key, record(Vec::new()))));
            keys
        }
        _ => Vec::new(),
    }
}

/// One required signer.
enum Signer<'a> {
    /// A key in force with one of these roles, of this organisation.
    Entitled(&'a Organisation, Needed),
    /// This key and no other; its record is not asked for.
    Possession(KeyId),
}

/// Which role a signer must have.
#[derive(Clone, Copy)]
enum Needed {
    Role(Role),
    /// Any key of the organisation that may sign something.
    AnySigning,
}

impl Needed {
    fn admits(self, roles: &[Role]) -> bool {
        match self {
            Self::Role(role) => roles.contains(&role),
            Self::AnySigning => roles.iter().any(|role| !matches!(role, Role::Auditeur(_) | Role::Registre)),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Role(role) => role.to_string(),
            Self::AnySigning => "any signing role".to_owned(),
        }
    }
}

/// Whether these signers, in this order, may make this event at that instant. `dossier` is the state of the
/// event's dossier before it. Signatures themselves are verified elsewhere.
pub fn authorise(
    event: &Event,
    signers: &[KeyId],
    known: &KnownKeys,
    dossier: Option<&Dossier>,
    recorded_at_ms: u64,
) -> Result<(), Refusal> {
    let required = required_signers(event, known, signers, dossier)?;
    for (at, (signer, requirement)) in signers.iter().zip(&required).enumerate() {
        check_signer(at, signer, requirement, known, recorded_at_ms)?;
    }
    if signers.len() > required.len() {
        let detail = format!("{} asks for {} signatures, got {}", type_of(event), required.len(), signers.len());
        return Err(Refusal::new(Code::SignatureExtra, detail).at(format!("signatures[{}]", required.len())));
    }
    if let Some(missing) = required.get(signers.len()) {
        let who = match missing {
            Signer::Entitled(organisation, needed) => format!("{organisation} with {}", needed.name()),
            Signer::Possession(key) => format!("the key {key} itself"),
        };
        let detail = format!("{} asks for {} signatures; the next is by {who}", type_of(event), required.len());
        return Err(Refusal::new(Code::SignatureMissing, detail).at("signatures"));
    }
    check_new_keys(event, known)
}

fn type_of(event: &Event) -> &'static str {
    event.data.event_type().as_str()
}

/// The table of DESIGN §5.
fn required_signers<'a>(
    event: &'a Event,
    known: &'a KnownKeys,
    signers: &[KeyId],
    dossier: Option<&Dossier>,
) -> Result<Vec<Signer<'a>>, Refusal> {
    let source = &event.source;
    let by_role = |role| Signer::Entitled(source, Needed::Role(role));
    Ok(match &event.data {
        Data::RegistreOuvert(data) => vec![Signer::Possession(data.operateur.cle)],
        Data::RegistreRefus(_) => vec![by_role(Role::Registre)],
        Data::AdherentInscrit(_) => vec![by_role(Role::Operateur)],
        Data::CleEnrolee(data) => {
            check_roles_given(event, &data.roles, &data.organisation, known, signers)?;
            let mut required = vec![by_role(Role::Operateur)];
            if matches!(dossier, Some(Dossier::Adherent(member)) if member.cles > 0) {
                required.push(Signer::Entitled(&data.organisation, Needed::AnySigning));
            }
            required.push(Signer::Possession(data.cle));
            required
        }
        Data::ActeTransmis(_) | Data::ActeAccuseReception(_) => {
            let parole = familles::parole(event)?;
            vec![Signer::Entitled(source, Needed::Role(parole.role))]
        }
    })
}

/// The roles that govern the log itself go to the operator's own keys only.
fn check_roles_given(
    event: &Event,
    roles: &[Role],
    organisation: &Organisation,
    known: &KnownKeys,
    signers: &[KeyId],
) -> Result<(), Refusal> {
    // Judged only where the operator signs at all; otherwise the signer's own check speaks.
    let by_operator =
        signers.first().and_then(|key| known.get(key)).is_some_and(|record| record.organisation == event.source);
    match roles.iter().position(|role| matches!(role, Role::Operateur | Role::Registre)) {
        Some(at) if by_operator && *organisation != event.source => {
            let detail = format!("the role {} belongs to the operator's own keys", roles[at]);
            Err(Refusal::new(Code::DataInvalid, detail).at(format!("data.roles[{at}]")))
        }
        _ => Ok(()),
    }
}

fn check_signer(
    at: usize,
    signer: &KeyId,
    requirement: &Signer,
    known: &KnownKeys,
    recorded_at_ms: u64,
) -> Result<(), Refusal> {
    let refuse = |code, detail: String| Err(Refusal::new(code, detail).at(format!("signatures[{at}].keyid")));
    let (organisation, needed) = match requirement {
        Signer::Possession(key) if key == signer => return Ok(()),
        Signer::Possession(key) => {
            return refuse(Code::SignatureMissing, format!("signature {at} must be by the key {key} itself"));
        }
        Signer::Entitled(organisation, needed) => (*organisation, *needed),
    };
    let Some(record) = known.get(signer) else {
        return refuse(Code::KeyUnknown, format!("{signer} is not enrolled"));
    };
    if record.organisation != *organisation {
        let detail = format!("{signer} belongs to {}, not to {organisation}", record.organisation);
        return refuse(Code::KeyOtherOrganisation, detail);
    }
    if !record.is_in_force(recorded_at_ms) {
        let end = record.valable_jusqu.map_or_else(|| "without end".to_owned(), |end| end.to_string());
        return refuse(Code::KeyNotInForce, format!("{signer} is in force from {} until {end}", record.valable_du));
    }
    if !needed.admits(&record.roles) {
        return refuse(Code::KeyNotEntitled, format!("{signer} lacks {}", needed.name()));
    }
    Ok(())
}

/// "A public key is enrolled once, ever."
fn check_new_keys(event: &Event, known: &KnownKeys) -> Result<(), Refusal> {
    if let Data::CleEnrolee(data) = &event.data
        && let Some(record) = known.get(&data.cle)
    {
        let detail = format!("{} was enrolled at index {}", data.cle, record.index);
        return Err(Refusal::new(Code::KeyAlreadyEnrolled, detail).at("data.cle"));
    }
    Ok(())
}
