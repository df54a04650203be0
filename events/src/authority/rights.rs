//! What a decision knows of keys, members and the log: read from the earlier leaves, then asked without I/O.

use serde::{Deserialize, Serialize};

use crate::authority::familles;
use crate::catalogue::{Data, Role};
use crate::dossier::{Adherent, Registre};
use crate::event::{DossierId, Event};
use crate::horodatage::Horodatage;
use crate::ident::{Organisation, Origin};
use crate::key::KeyId;

/// What the enrolment of one key says. It never changes; whether the key may still sign is the state of its dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Whose it is.
    pub organisation: Organisation,
    /// What it may sign. Empty for the keys that sign no event of an exchange: the log's own and the recovery keys.
    pub roles: Vec<Role>,
    /// In force from (included).
    pub valable_du: Horodatage,
    /// In force until (excluded); none for the keys that govern the log.
    pub valable_jusqu: Option<Horodatage>,
    /// Leaf that enrolled it.
    pub index: u64,
}

impl KeyRecord {
    /// A key that governs the log.
    fn of_log(organisation: &Organisation, roles: Vec<Role>, index: u64) -> Self {
        let valable_du = Horodatage::from_unix_ms(0);
        Self { organisation: organisation.clone(), roles, valable_du, valable_jusqu: None, index }
    }

    /// Whether it governs the log rather than speaking for a member: such keys come from the log's own events only.
    fn governs_log(&self) -> bool {
        self.roles.iter().all(|role| matches!(role, Role::Operateur | Role::Registre))
    }

    fn is_valid(&self, at_ms: u64) -> bool {
        self.valable_du.unix_ms() <= at_ms && self.valable_jusqu.is_none_or(|end| at_ms < end.unix_ms())
    }
}

/// Whether a key may sign what its roles say, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    InForce,
    /// Outside its validity.
    OutOfValidity,
    /// A recovered key that waits.
    Pending {
        /// Until then, Unix ms.
        from_ms: u64,
    },
    /// Ended for good: revoked, replaced, compromised, or given up by a recovery.
    Revoked,
    /// Its organisation left.
    MemberGone,
}

/// Where the state of the earlier leaves is read.
pub trait RightsReader {
    /// Why it could not be read.
    type Error;

    /// What the enrolment of a key says.
    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, Self::Error>;
    /// The dossier of a member.
    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, Self::Error>;
    /// The dossier of the log of that name.
    fn log(&self, origin: &Origin) -> Result<Option<Registre>, Self::Error>;
}

/// What one decision may ask about.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    keys: Vec<(KeyId, KeyRecord)>,
    members: Vec<(Organisation, Adherent)>,
    log: Option<Registre>,
}

impl Rights {
    /// Reads what [`super::authorise`] asks for.
    pub fn look_up<R: RightsReader>(event: &Event, signers: &[KeyId], reader: &R) -> Result<Self, R::Error> {
        let mut rights = Self::default();
        let brought_in = enrolments(event, 0).into_iter().map(|(key, _)| key);
        let named = match &event.data {
            Data::CleRevoquee(data) => Some(data.cle),
            Data::CleCompromise(data) => Some(data.cle),
            _ => None,
        };
        for key in signers.iter().copied().chain(brought_in).chain(named) {
            rights.read_key(key, reader)?;
        }
        rights.read_member(&event.source, reader)?;
        if let DossierId::Adherent(organisation) = &event.dossier {
            rights.read_member(organisation, reader)?;
        } else if !matches!(event.dossier, DossierId::Registre(_)) {
            for owner in familles::parole(event).map(|parole| parole.titulaires).unwrap_or_default() {
                rights.read_member(&owner, reader)?;
            }
        }
        if let Data::DelegationAccordee(data) = &event.data {
            rights.read_member(&data.delegataire, reader)?;
        }
        let asks_log = matches!(event.dossier, DossierId::Registre(_) | DossierId::Adherent(_))
            || rights.keys.iter().any(|(_, record)| record.governs_log());
        if asks_log {
            rights.log = reader.log(&event.registre)?;
        }
        Ok(rights)
    }

    fn read_key<R: RightsReader>(&mut self, key: KeyId, reader: &R) -> Result<(), R::Error> {
        if self.key(&key).is_none()
            && let Some(record) = reader.key(&key)?
        {
            self.read_member(&record.organisation, reader)?;
            self.keys.push((key, record));
        }
        Ok(())
    }

    fn read_member<R: RightsReader>(&mut self, organisation: &Organisation, reader: &R) -> Result<(), R::Error> {
        if self.member(organisation).is_none()
            && let Some(member) = reader.member(organisation)?
        {
            self.members.push((organisation.clone(), member));
        }
        Ok(())
    }

    pub(super) fn key(&self, key: &KeyId) -> Option<&KeyRecord> {
        self.keys.iter().find(|(id, _)| id == key).map(|(_, record)| record)
    }

    pub(super) fn member(&self, organisation: &Organisation) -> Option<&Adherent> {
        self.members.iter().find(|(id, _)| id == organisation).map(|(_, member)| member)
    }

    pub(super) fn log(&self) -> Option<&Registre> {
        self.log.as_ref()
    }

    /// Whether a known key may sign at that instant (Unix ms).
    pub(super) fn standing(&self, key: &KeyId, record: &KeyRecord, at_ms: u64) -> Standing {
        let of_dossier = if record.governs_log() {
            self.log.as_ref().map(|log| log.standing(key))
        } else {
            self.member(&record.organisation).map(|member| member.standing(key, at_ms))
        };
        // A key without its dossier is none of a history that follows the rules.
        match of_dossier.unwrap_or(Standing::Revoked) {
            Standing::InForce if !record.is_valid(at_ms) => Standing::OutOfValidity,
            standing => standing,
        }
    }
}

/// What the log says of one key, for whoever shows it and not to sign an event: its enrolment, and whether it is in force
/// at that instant (Unix ms). None for a key that was never enrolled.
pub fn key_standing<R: RightsReader>(
    key: &KeyId,
    origin: &Origin,
    at_ms: u64,
    reader: &R,
) -> Result<Option<(KeyRecord, Standing)>, R::Error> {
    let mut rights = Rights::default();
    rights.read_key(*key, reader)?;
    let Some(record) = rights.key(key).cloned() else { return Ok(None) };
    if record.governs_log() {
        rights.log = reader.log(origin)?;
    }
    let standing = rights.standing(key, &record, at_ms);
    Ok(Some((record, standing)))
}

/// The keys that an admitted event enrols, with their records.
pub fn enrolments(event: &Event, index: u64) -> Vec<(KeyId, KeyRecord)> {
    let of_log = |roles| KeyRecord::of_log(&event.source, roles, index);
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
        Data::CleRecouvree(data) => {
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
            let mut keys =
                vec![(data.operateur.cle, of_log(vec![Role::Operateur])), (data.noeud, of_log(vec![Role::Registre]))];
            // The vkey was read when the event was.
            keys.extend(data.log_key().map(|key| (key, of_log(Vec::new()))));
            keys.extend(data.recouvrement.iter().map(|key| (*key, of_log(Vec::new()))));
            keys
        }
        Data::RegistreOperateurRemplace(data) => vec![(data.cle, of_log(vec![Role::Operateur]))],
        Data::RegistreNoeudRemplace(data) => vec![(data.cle, of_log(vec![Role::Registre]))],
        Data::RegistreRecouvrementRemplace(data) => vec![(data.cle, of_log(Vec::new()))],
        Data::RegistreJournalRemplace(data) => {
            data.log_key(&event.registre).map(|key| (key, of_log(Vec::new()))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
