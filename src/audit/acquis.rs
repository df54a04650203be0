//! What leaves that are believed say, as far as later ones are judged by it: keys, members, the log, erased pieces; and what a
//! compromise disputes afterwards. A whole history and an extract of one are judged by the same.

use std::collections::HashMap;
use std::convert::Infallible;

use greffe_events::Event;
use greffe_events::authority::{KeyRecord, Rights, RightsReader, Standing, enrolments, key_standing};
use greffe_events::catalogue::{CleCompromise, Data};
use greffe_events::dossier::{Adherent, Dossier, Registre};
use greffe_events::event::DossierId;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;

use super::report::Dispute;

/// What is known so far.
#[derive(Debug, Default)]
pub struct Acquis {
    rights: Known,
    erasures: HashMap<(Organisation, Empreinte), u64>,
    /// For each key that signed, when: Unix ms, in the order of the leaves. A later compromise is measured against it.
    signed: HashMap<KeyId, Vec<u64>>,
    disputes: Vec<Dispute>,
}

/// Keys, members and the log.
#[derive(Debug, Default)]
struct Known {
    keys: HashMap<KeyId, KeyRecord>,
    members: HashMap<Organisation, Adherent>,
    log: Option<Registre>,
}

impl RightsReader for Known {
    type Error = Infallible;

    fn key(&self, key: &KeyId) -> Result<Option<KeyRecord>, Infallible> {
        Ok(self.keys.get(key).cloned())
    }

    fn member(&self, organisation: &Organisation) -> Result<Option<Adherent>, Infallible> {
        Ok(self.members.get(organisation).cloned())
    }

    fn log(&self, _: &Origin) -> Result<Option<Registre>, Infallible> {
        Ok(self.log.clone())
    }
}

impl Acquis {
    /// What a decision on this event may ask about.
    pub fn rights(&self, event: &Event, signers: &[KeyId]) -> Rights {
        Rights::look_up(event, signers, &self.rights).unwrap_or_else(|never| match never {})
    }

    /// Its enrolment, and whether it may sign at that instant.
    pub fn standing(&self, key: &KeyId, registre: &Origin, at_ms: u64) -> Option<(KeyRecord, Standing)> {
        key_standing(key, registre, at_ms, &self.rights).unwrap_or_else(|never| match never {})
    }

    /// What the enrolment of a key said.
    pub fn key(&self, key: &KeyId) -> Option<&KeyRecord> {
        self.rights.keys.get(key)
    }

    /// Keys enrolled.
    pub fn keys(&self) -> u64 {
        self.rights.keys.len() as u64
    }

    /// The log's dossier, with the chain of its keys; none where no opening could be believed.
    pub fn log(&self) -> Option<&Registre> {
        self.rights.log.as_ref()
    }

    /// Whose member dossiers are known.
    pub fn members(&self) -> impl Iterator<Item = &Organisation> {
        self.rights.members.keys()
    }

    /// What is disputed because a key was compromised.
    pub fn disputes(&self) -> &[Dispute] {
        &self.disputes
    }

    /// The leaf that erased a piece, if one that is believed did.
    pub fn erasure(&self, organisation: &Organisation, reference: Empreinte) -> Option<u64> {
        self.erasures.get(&(organisation.clone(), reference)).copied()
    }

    /// What leaves that are believed erased: whose copy, of which piece, and the leaf.
    pub fn erasures(&self) -> impl Iterator<Item = (&Organisation, Empreinte, u64)> {
        self.erasures.iter().map(|((organisation, reference), index)| (organisation, *reference, *index))
    }

    /// Takes over what an event says that nothing speaks against. `after` is its dossier's state after it, where that is known.
    pub fn believe(&mut self, event: &Event, index: u64, after: Option<&Dossier>) {
        self.rights.keys.extend(enrolments(event, index));
        if let (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) = (&event.data, &event.dossier) {
            self.erasures.insert((organisation.clone(), *reference), index);
        }
        match after {
            Some(Dossier::Registre(log)) => self.rights.log = Some(*log.clone()),
            Some(Dossier::Adherent(member)) => {
                if let DossierId::Adherent(organisation) = &event.dossier {
                    self.rights.members.insert(organisation.clone(), *member.clone());
                }
            }
            _ => {}
        }
        if let Data::CleCompromise(data) = &event.data {
            self.dispute(data, index);
        }
    }

    /// These keys signed a leaf that was recorded then (Unix ms).
    pub fn signed(&mut self, signers: &[KeyId], recorded_at_ms: u64) {
        for key in signers {
            self.signed.entry(*key).or_default().push(recorded_at_ms);
        }
    }

    /// A key was compromised: counts what it signed since then. Said again, the dispute only widens.
    fn dispute(&mut self, data: &CleCompromise, index: u64) {
        let signed = self.signed.get(&data.cle).map_or(&[][..], Vec::as_slice);
        let before = signed.partition_point(|at_ms| *at_ms < data.depuis.unix_ms());
        let leaves = (signed.len() - before) as u64;
        match self.disputes.iter_mut().find(|dispute| dispute.key == data.cle) {
            Some(known) if data.depuis < known.since => (known.since, known.leaves) = (data.depuis, leaves),
            Some(_) => {}
            None => {
                let (key, organisation, since) = (data.cle, data.organisation.clone(), data.depuis);
                self.disputes.push(Dispute { key, organisation, since, until: index, leaves });
            }
        }
    }
}
