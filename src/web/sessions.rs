//! Who has come in by a one-time link, in this node's memory: a restart ends all sessions.
//!
//! A session is an opaque random name that the visitor's browser keeps, and here the key that signed the link: never rights. What that
//! key may read is asked of the log at every request (`super::visiteur`). Names are kept, and looked up, by their SHA-256 only: how long a
//! comparison takes tells of a digest, not of the name.
//!
//! **Once.** A link that was used is remembered until it has expired. What a restart forgets is refused otherwise: a link is used
//! neither before its own `iat` nor if it was made before the second after this run of the node began, so none that an earlier run took is
//! taken again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use greffe_events::key::KeyId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::lien::Lien;
use super::refus::Refus;

/// Longest session, in seconds: a working day.
pub const SESSION_SECONDS_MAX: u64 = 8 * 3_600;
/// Longest session without a request, in seconds: a meeting, not a night.
pub const SESSION_IDLE_SECONDS_MAX: u64 = 3_600;
/// Sessions of one key at once: an agent's browsers, or the few agents who share a key. One more ends the one that was silent longest.
pub const SESSIONS_PAR_CLE_MAX: usize = 8;
/// Sessions at once: every agent of a region, some hundred bytes each. One more ends the one that was silent longest.
pub const SESSIONS_MAX: usize = 20_000;
/// Links of one key used within their lifetime of some five minutes.
pub const LIENS_PAR_CLE_MAX: usize = 10;
/// Links remembered at once, of all keys.
pub const LIENS_MAX: usize = 20_000;

/// Bytes of a session's name: nobody guesses it.
const NOM_BYTES: usize = 32;

type Empreinte = [u8; 32];

/// The sessions of a node, and the links that were used.
#[derive(Debug)]
pub struct Sessions {
    /// When this run of the node began, Unix seconds.
    depuis_s: u64,
    etat: Mutex<Etat>,
}

#[derive(Debug, Default)]
struct Etat {
    ouvertes: HashMap<Empreinte, Ouverte>,
    /// Used links: until when each has to be remembered, Unix seconds.
    servis: HashMap<(KeyId, Uuid), u64>,
}

#[derive(Debug, Clone, Copy)]
struct Ouverte {
    key: KeyId,
    depuis_ms: u64,
    vue_ms: u64,
}

impl Ouverte {
    fn holds(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.depuis_ms) < SESSION_SECONDS_MAX * 1_000
            && now_ms.saturating_sub(self.vue_ms) < SESSION_IDLE_SECONDS_MAX * 1_000
    }
}

impl Sessions {
    /// None, from this instant on.
    pub fn since(now_ms: u64) -> Self {
        Self { depuis_s: now_ms / 1_000, etat: Mutex::default() }
    }

    fn etat(&self) -> MutexGuard<'_, Etat> {
        // Nothing in here panics half-way.
        self.etat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this link would open a session now.
    pub(super) fn check(&self, lien: &Lien, now_ms: u64) -> Result<(), Refus> {
        self.admits(&self.etat(), lien, now_ms)
    }

    /// Uses a link up: the name of the session that it opens.
    pub(super) fn open(&self, lien: &Lien, now_ms: u64) -> Result<String, Refus> {
        let mut nom = [0; NOM_BYTES];
        getrandom::fill(&mut nom).map_err(|_| Refus::SansAlea)?;
        let nom = BASE64URL_NOPAD.encode(&nom);
        let mut etat = self.etat();
        etat.servis.retain(|_, until_s| *until_s > now_ms / 1_000);
        self.admits(&etat, lien, now_ms)?;
        etat.servis.insert((lien.key, lien.jti), lien.until_s);
        etat.ouvertes.retain(|_, ouverte| ouverte.holds(now_ms));
        etat.make_room(|ouverte| ouverte.key == lien.key, SESSIONS_PAR_CLE_MAX);
        etat.make_room(|_| true, SESSIONS_MAX);
        etat.ouvertes.insert(empreinte(&nom), Ouverte { key: lien.key, depuis_ms: now_ms, vue_ms: now_ms });
        Ok(nom)
    }

    fn admits(&self, etat: &Etat, lien: &Lien, now_ms: u64) -> Result<(), Refus> {
        if lien.iat <= self.depuis_s {
            return Err(Refus::AvantDemarrage);
        }
        if lien.iat > now_ms / 1_000 {
            return Err(Refus::TropTot);
        }
        if etat.servis.contains_key(&(lien.key, lien.jti)) {
            return Err(Refus::DejaServi);
        }
        let of_key = etat.servis.iter().filter(|((key, _), until_s)| *key == lien.key && **until_s > now_ms / 1_000);
        if of_key.count() >= LIENS_PAR_CLE_MAX || etat.servis.len() >= LIENS_MAX {
            return Err(Refus::TropDeLiens);
        }
        Ok(())
    }

    /// The key behind a session's name; the session is not idle then.
    pub(super) fn find(&self, nom: &str, now_ms: u64) -> Option<KeyId> {
        let (mut etat, empreinte) = (self.etat(), empreinte(nom));
        let ouverte = etat.ouvertes.get_mut(&empreinte)?;
        if !ouverte.holds(now_ms) {
            etat.ouvertes.remove(&empreinte);
            return None;
        }
        ouverte.vue_ms = ouverte.vue_ms.max(now_ms);
        Some(ouverte.key)
    }

    /// Ends a session.
    pub(super) fn close(&self, nom: &str) {
        self.etat().ouvertes.remove(&empreinte(nom));
    }
}

impl Etat {
    /// Ends those that were silent longest, of these, until one more is at most so many.
    fn make_room(&mut self, of: impl Fn(&Ouverte) -> bool, max: usize) {
        while self.ouvertes.values().filter(|ouverte| of(ouverte)).count() >= max {
            let these = self.ouvertes.iter().filter(|(_, ouverte)| of(ouverte));
            let Some(silent) = these.min_by_key(|(_, ouverte)| ouverte.vue_ms).map(|(nom, _)| *nom) else { return };
            self.ouvertes.remove(&silent);
        }
    }
}

fn empreinte(nom: &str) -> Empreinte {
    Sha256::digest(nom.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use greffe_events::authority::KeyRecord;
    use greffe_events::horodatage::Horodatage;
    use greffe_events::key::SecretKey;

    use super::*;

    const NOW_MS: u64 = 1_795_169_730_000;

    fn lien(seed: u8, iat: u64) -> Lien {
        let record = KeyRecord {
            organisation: "urn:siren:214502494".parse().unwrap(),
            roles: Vec::new(),
            valable_du: Horodatage::from_unix_ms(0),
            valable_jusqu: None,
            index: 3,
        };
        Lien { key: SecretKey::from_seed(&[seed; 32]).id(), record, jti: Uuid::now_v7(), iat, until_s: iat + 330 }
    }

    #[test]
    fn a_link_opens_once_and_not_outside_its_run() {
        let (sessions, now_s) = (Sessions::since(NOW_MS - 1_000), NOW_MS / 1_000);
        let once = lien(10, now_s);
        sessions.check(&once, NOW_MS).unwrap();
        sessions.check(&once, NOW_MS).unwrap();
        let nom = sessions.open(&once, NOW_MS).unwrap();
        assert_eq!(sessions.find(&nom, NOW_MS), Some(once.key));
        assert_eq!(sessions.check(&once, NOW_MS), Err(Refus::DejaServi));
        assert_eq!(sessions.open(&once, NOW_MS + 329_000).unwrap_err(), Refus::DejaServi);
        assert_eq!(sessions.open(&lien(10, now_s - 1), NOW_MS).unwrap_err(), Refus::AvantDemarrage);
        assert_eq!(sessions.open(&lien(10, now_s + 1), NOW_MS).unwrap_err(), Refus::TropTot);
        sessions.close(&nom);
        assert_eq!(sessions.find(&nom, NOW_MS), None);
        assert_eq!(sessions.find("", NOW_MS), None);
    }

    #[test]
    fn a_session_ends_after_its_time_and_when_nobody_asks() {
        let sessions = Sessions::since(NOW_MS - 1_000);
        let idle = sessions.open(&lien(10, NOW_MS / 1_000), NOW_MS).unwrap();
        let busy = sessions.open(&lien(10, NOW_MS / 1_000), NOW_MS).unwrap();
        let hour = SESSION_IDLE_SECONDS_MAX * 1_000;
        for n in 1..=7 {
            assert!(sessions.find(&busy, NOW_MS + n * (hour - 1)).is_some(), "{n}");
        }
        assert!(sessions.find(&idle, NOW_MS + hour).is_none());
        let end = NOW_MS + SESSION_SECONDS_MAX * 1_000;
        assert!(sessions.find(&busy, NOW_MS + 8 * (hour - 1)).is_some());
        assert!(sessions.find(&busy, end).is_none());
        assert!(sessions.etat().ouvertes.is_empty());
    }

    #[test]
    fn neither_links_nor_sessions_of_one_key_grow_without_end() {
        let sessions = Sessions::since(NOW_MS - 1_000);
        let mut noms = Vec::new();
        for n in 0..LIENS_PAR_CLE_MAX as u64 {
            noms.push(sessions.open(&lien(10, NOW_MS / 1_000), NOW_MS + n).unwrap());
        }
        assert_eq!(sessions.open(&lien(10, NOW_MS / 1_000), NOW_MS).unwrap_err(), Refus::TropDeLiens);
        // Others are not kept out by it.
        sessions.open(&lien(11, NOW_MS / 1_000), NOW_MS).unwrap();
        let live = noms.iter().filter(|nom| sessions.find(nom, NOW_MS).is_some()).count();
        assert_eq!(live, SESSIONS_PAR_CLE_MAX);
        assert!(sessions.find(&noms[0], NOW_MS).is_none(), "the one silent longest ended");
        // Once those links have expired they are forgotten.
        let later = NOW_MS + 331_000;
        sessions.open(&lien(10, later / 1_000), later).unwrap();
        assert_eq!(sessions.etat().servis.len(), 1);
    }
}
