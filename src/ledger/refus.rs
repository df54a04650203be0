//! Refusals of authenticated submissions, as leaves: never swallowed, never a way to flood the log.
//!
//! One leaf per (payload, code), and per key at most [`REFUSALS_PER_KEY_MAX`] in [`REFUSALS_WINDOW_MS`]; above,
//! the answer is 429 and nothing is recorded.

use std::collections::HashMap;

use greffe_events::catalogue::RegistreRefus;
use greffe_events::event::ClaimedIdentity;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::{KeyId, SecretKey};
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal, Uuid};

use greffe_events::dsse::Envelope;

/// Refusals recorded for one key in one window: a broken system shows itself, a hostile one fills nothing.
pub const REFUSALS_PER_KEY_MAX: u32 = 60;

/// The window, in milliseconds: one hour.
pub const REFUSALS_WINDOW_MS: u64 = 3_600_000;

/// Keys whose rate is watched at once: above, ended windows are forgotten, then all of them.
const KEYS_WATCHED_MAX: usize = 10_000;

/// Earlier refusals of the same key and code that a new one is compared with: more than a window can hold.
pub const REFUSALS_COMPARED_MAX: u32 = 4 * REFUSALS_PER_KEY_MAX;

/// Counts refusals by key. Owned by the sequencer; starts anew with the process.
#[derive(Debug, Default)]
pub struct RefusalRate {
    windows: HashMap<KeyId, (u64, u32)>,
}

impl RefusalRate {
    /// Whether one more refusal of that key may be recorded now; counts it if so.
    pub fn admits(&mut self, key: KeyId, now_ms: u64) -> bool {
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
        *count <= REFUSALS_PER_KEY_MAX
    }
}

/// The node's own voice: signs refusals in the name of the operator.
#[derive(Debug)]
pub struct NodeVoice {
    /// The node's key, role `registre`.
    pub key: SecretKey,
    /// The operator.
    pub operator: Organisation,
    /// The log.
    pub origin: Origin,
}

impl NodeVoice {
    /// The signed event that records a refusal. `sel` is 32 fresh random bytes.
    pub fn refuse(
        &self,
        payload: &[u8],
        signer: KeyId,
        refusal: &Refusal,
        sel: [u8; 32],
        id: Uuid,
        now_ms: u64,
    ) -> Result<(Envelope, Event), Refusal> {
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
        let bytes = Event::write(id, &self.operator, &self.origin.dossier(), time, &self.origin, &data.into());
        let event = Event::parse(&bytes)?;
        Ok((Envelope::sign(bytes, &[&self.key])?, event))
    }
}

/// Refusals that say nothing about the poster's own right or care, and so leave no trace: the log's own state.
pub fn is_recorded(code: Code) -> bool {
    !matches!(code, Code::RegistreFerme | Code::RegistreDejaOuvert)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_fill_the_log_with_its_refusals() {
        let mut rate = RefusalRate::default();
        let (one, other) = (KeyId([1; 32]), KeyId([2; 32]));
        let admitted = (0..1_000).filter(|at| rate.admits(one, *at)).count();
        assert_eq!(admitted, REFUSALS_PER_KEY_MAX as usize);
        assert!(rate.admits(other, 1_000), "another key is not held back");
        assert!(rate.admits(one, REFUSALS_WINDOW_MS), "a new window");
    }

    #[test]
    fn the_watch_itself_is_bounded() {
        let mut rate = RefusalRate::default();
        for at in 0..3 * KEYS_WATCHED_MAX as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&at.to_be_bytes());
            rate.admits(KeyId(key), 0);
        }
        assert!(rate.windows.len() <= KEYS_WATCHED_MAX);
    }
}
