//! A log in memory, judged by the real functions in the order of admission: rights, then life cycle.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;
use std::convert::Infallible;

use greffe_events::authority::{KeyRecord, Rights, RightsReader, Standing, authorise, enrolments, key_standing};
use greffe_events::dossier::{Adherent, Dossier, Recording, Registre};
use greffe_events::ident::{Organisation, Origin, Subject};
use greffe_events::key::KeyId;
use greffe_events::{Event, Refusal};

/// What the leaves so far say.
#[derive(Debug, Default, Clone)]
pub struct Journal {
    keys: HashMap<KeyId, KeyRecord>,
    dossiers: HashMap<Subject, Dossier>,
    size: u64,
}

impl RightsReader for Journal {
    type Error = Infallible;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, Infallible> {
        Ok(self.keys.get(key).cloned())
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, Infallible> {
        Ok(match self.dossiers.get(&organisation.dossier()) {
            Some(Dossier::Adherent(member)) => Some(*member.clone()),
            _ => None,
        })
    }

    fn log(&self, origin: &Origin) -> Result<Option<Registre>, Infallible> {
        Ok(match self.dossiers.get(&origin.dossier()) {
            Some(Dossier::Registre(log)) => Some(*log.clone()),
            _ => None,
        })
    }
}

impl Journal {
    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The state of a dossier, as the index keeps it.
    pub fn dossier(&self, subject: &Subject) -> Option<&Dossier> {
        self.dossiers.get(subject)
    }

    /// What a token of that key would meet.
    pub fn standing(&self, key: &KeyId, origin: &Origin, at_ms: u64) -> Option<Standing> {
        key_standing(key, origin, at_ms, self).unwrap().map(|(_, standing)| standing)
    }

    /// Whether it would be admitted.
    pub fn judge(&self, event: &Event, signers: &[KeyId], recorded_at_ms: u64) -> Result<Dossier, Refusal> {
        event.check_time(recorded_at_ms)?;
        let rights = Rights::look_up(event, signers, self).unwrap();
        authorise(event, signers, &rights, recorded_at_ms)?;
        let at = Recording { index: self.size, recorded_at_ms, received_at_ms: recorded_at_ms };
        let lie = event.dossier.lie().and_then(|subject| self.dossiers.get(&subject));
        Dossier::after(self.dossiers.get(&event.subject), event, at, lie)
    }

    /// Takes it, if it is admitted. The state goes through its stored form, as it does in a node.
    pub fn submit(&mut self, event: &Event, signers: &[KeyId], recorded_at_ms: u64) -> Result<(), Refusal> {
        let after = self.judge(event, signers, recorded_at_ms)?;
        let stored = serde_json::to_string(&after).unwrap();
        assert_eq!(serde_json::from_str::<Dossier>(&stored).unwrap(), after);
        self.keys.extend(enrolments(event, self.size));
        self.dossiers.insert(event.subject.clone(), after);
        self.size += 1;
        Ok(())
    }
    /// Whether these signers may say it, whatever its dossier is.
    pub fn entitled(&self, event: &Event, signers: &[KeyId], recorded_at_ms: u64) -> Result<(), Refusal> {
        authorise(event, signers, &Rights::look_up(event, signers, self).unwrap(), recorded_at_ms)
    }
}
