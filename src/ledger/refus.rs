//! Refusals of authenticated submissions, as leaves: never swallowed, never a way to flood the log.
//!
//! One leaf per (payload, code), and per key at most [`REFUSALS_PER_KEY_MAX`] in [`REFUSALS_WINDOW_MS`]; above,
//! the answer is 429 with the reason, and nothing is recorded.
//!
//! Recorded is what an enrolled key signed *first* and *for this log*. An envelope is public to its readers: whoever replays it here
//! from another log, or under a signature of its own, must not spend what its author may have refused.

use std::collections::HashMap;

use greffe_events::catalogue::RegistreRefus;
use greffe_events::event::ClaimedIdentity;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal, Uuid};

/// Refusals recorded for one key in one window: a broken system shows itself, a hostile one fills nothing.
pub const REFUSALS_PER_KEY_MAX: u32 = 60;

/// The window, in milliseconds: one hour.
pub const REFUSALS_WINDOW_MS: u64 = 3_600_000;

/// Keys whose rate is watched at once: above, ended windows are forgotten, then all of them.
const KEYS_WATCHED_MAX: usize = 10_000;

/// Earlier refusals of the same key and code that a new one is compared with: more than a window can hold.
pub const REFUSALS_COMPARED_MAX: u32 = 4 * REFUSALS_PER_KEY_MAX;

/// Refusals of this process that are found again by the digest of their payload; above, all are forgotten.
const REFUSALS_REMEMBERED_MAX: usize = 20_000;

/// What makes a refusal the same as an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusalKey {
    /// The enrolled key that signed.
    pub author: KeyId,
    /// The reason.
    pub code: Code,
    /// SHA-256 of the payload.
    pub payload: Empreinte,
}

/// Counts refusals by key, and finds this process' own again. Owned by the sequencer; starts anew with the process.
#[derive(Debug, Default)]
pub struct RefusalWatch {
    windows: HashMap<KeyId, (u64, u32)>,
    remembered: HashMap<RefusalKey, u64>,
}

impl RefusalWatch {
    /// Whether one more refusal of that key may be recorded now.
    pub fn has_room(&self, key: KeyId, now_ms: u64) -> bool {
        match self.windows.get(&key) {
            Some((since_ms, count)) if now_ms.saturating_sub(*since_ms) < REFUSALS_WINDOW_MS => {
                *count < REFUSALS_PER_KEY_MAX
            }
            _ => true,
        }
    }

    /// Counts one.
    pub fn count(&mut self, key: KeyId, now_ms: u64) {
        if self.windows.len() >= KEYS_WATCHED_MAX {
            self.windows.retain(|_, (since_ms, _)| now_ms.saturating_sub(*since_ms) < REFUSALS_WINDOW_MS);
        }
        if self.windows.len() >= KEYS_WATCHED_MAX {
            self.windows.clear();
        }
        let (since_ms, count) = self.windows.entry(key).or_insert((now_ms, 0));
        if now_ms.saturating_sub(*since_ms) >= REFUSALS_WINDOW_MS {
            (*since_ms, *count) = (now_ms, 0);
        }
        *count = count.saturating_add(1);
    }

    /// The leaf of the same refusal, where this process recorded it not long ago.
    pub fn known(&self, key: &RefusalKey) -> Option<u64> {
        self.remembered.get(key).copied()
    }

    /// These refusals are durable.
    pub fn remember(&mut self, refusals: Vec<(RefusalKey, u64)>) {
        if self.remembered.len() + refusals.len() > REFUSALS_REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.extend(refusals);
    }
}

/// The node's own voice: signs refusals in the name of the operator.
#[derive(Debug)]
pub struct NodeVoice {
    /// The operator.
    pub operator: Organisation,
    /// The log.
    pub origin: Origin,
}

impl NodeVoice {
    /// The event that records a refusal, for the node's key to sign. `sel` is 32 fresh random bytes.
    pub fn refuse(
        &self,
        payload: &[u8],
        signer: KeyId,
        refusal: &Refusal,
        sel: [u8; 32],
        id: Uuid,
        now_ms: u64,
    ) -> Vec<u8> {
        let claimed = ClaimedIdentity::of(payload);
        let sel = Empreinte(sel);
        let data = RegistreRefus {
            // A SIREN may name a sole trader; any other text could name anybody.
            source_refusee: claimed.source.filter(|source| source.siren().is_some()),
            id_refuse: claimed.id,
            cle: signer,
            code: refusal.code.as_str().to_owned(),
            sel,
            empreinte: RegistreRefus::empreinte(&sel, payload),
        };
        let time = Horodatage::from_unix_ms(now_ms);
        Event::write(id, &self.operator, &self.origin.dossier(), time, &self.origin, &data.into())
    }
}

/// Refusals that say nothing about the poster's own right or care leave no trace: the log's own state, and what was addressed
/// to another log.
pub fn is_recorded(code: Code) -> bool {
    !matches!(code, Code::RegistreFerme | Code::RegistreDejaOuvert | Code::CleAbsente | Code::RegistreWrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_fill_the_log_with_its_refusals() {
        let mut watch = RefusalWatch::default();
        let (one, other) = (KeyId([1; 32]), KeyId([2; 32]));
        let mut admitted = 0;
        for at in 0..1_000 {
            if watch.has_room(one, at) {
                watch.count(one, at);
                admitted += 1;
            }
        }
        assert_eq!(admitted, REFUSALS_PER_KEY_MAX);
        assert!(watch.has_room(other, 1_000), "another key is not held back");
        assert!(watch.has_room(one, REFUSALS_WINDOW_MS), "a new window");
        watch.count(one, REFUSALS_WINDOW_MS);
        assert!(watch.has_room(one, REFUSALS_WINDOW_MS + 1), "which starts from nothing");
    }

    #[test]
    fn the_watch_itself_is_bounded() {
        let mut watch = RefusalWatch::default();
        for at in 0..3 * KEYS_WATCHED_MAX as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&at.to_be_bytes());
            watch.count(KeyId(key), 0);
            let refusal = RefusalKey { author: KeyId(key), code: Code::DataInvalid, payload: Empreinte(key) };
            watch.remember(vec![(refusal, at)]);
            assert_eq!(watch.known(&refusal), Some(at));
        }
        assert!(watch.windows.len() <= KEYS_WATCHED_MAX);
        assert!(watch.remembered.len() <= REFUSALS_REMEMBERED_MAX);
    }
}
