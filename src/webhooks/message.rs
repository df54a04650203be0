//! What is sent, exactly as Standard Webhooks 1.0.0 says, signed with Ed25519 (`v1a`).
//!
//! ```text
//! POST <url>
//! Content-Type: application/json
//! webhook-id: msg_<subscription>_<index>_<digest>        the same however often it is sent
//! webhook-timestamp: 1795383000                 of this attempt, Unix seconds
//! webhook-signature: v1a,<base64 of the 64 bytes>       one for each key, separated by a space
//!
//! {"type":"greffe.acte.accuse-reception.v1","timestamp":"…","data":{"abonnement":"…","registre":"…","index":57,…}}
//! ```
//!
//! Signed is `<webhook-id>.<webhook-timestamp>.<body>`. A public key is written `whpk_<base64 of its 32 bytes>`.
//!
//! **One key for all subscriptions**, published with the node's card, where the specification would rather have one for each: with one key, whoever receives a
//! message could send it to another's address. Hence `abonnement` within what is signed: a receiver takes its own and no other's. And a message
//! leads to nothing but an event that its receiver may read already.
//!
//! **Succession.** `webhooks.pem` moved to `webhooks.ancienne.pem`, the node makes another at its next start and signs with both, until the old file
//! is taken away.

use data_encoding::{BASE64, HEXLOWER};
use greffe_events::horodatage::Horodatage;
use greffe_events::key::{KeyId, SecretKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::WebhooksError;
use crate::ledger::folder::{Folder, read_secret_key, write_secret_key};

/// The type of what is sent to try an address. No event is ever of it.
pub const TYPE_ESSAI: &str = "greffe.essai.v1";

/// The body.
#[derive(Debug, Serialize)]
pub struct Annonce<'a, T> {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: &'a str,
    /// When it was said: the event's `time`.
    pub timestamp: &'a str,
    /// What it leads to.
    pub data: T,
}

/// Which event.
#[derive(Debug, Serialize)]
pub struct Evenement<'a> {
    /// For which subscription.
    pub abonnement: Uuid,
    /// Of which log.
    pub registre: &'a str,
    /// At which place.
    pub index: u64,
    /// Its id, chosen by its source.
    pub id: &'a str,
    /// Who says it.
    pub source: &'a str,
    /// About which dossier.
    pub subject: &'a str,
    /// When it was recorded.
    pub recorded_at: Horodatage,
    /// Where it is read: a path, at the node's address that the receiver knows. Never an address to send a token to.
    pub url: String,
}

/// What an attempt to try an address says.
#[derive(Debug, Serialize)]
pub struct Essai<'a> {
    /// For which subscription.
    pub abonnement: Uuid,
    /// Of which log.
    pub registre: &'a str,
}

/// The id of the message that announces a leaf to a subscription. It holds the beginning of the leaf's digest: after a store that was
/// restored from a backup, another leaf may have that index.
pub fn id(abonnement: Uuid, index: u64, leaf: &[u8]) -> String {
    let digest = HEXLOWER.encode(&Sha256::digest(leaf)[..4]);
    format!("msg_{}_{index}_{digest}", abonnement.simple())
}

/// The id of a message that tries an address.
pub fn id_essai() -> String {
    format!("essai_{}", Uuid::now_v7().simple())
}

/// The headers of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signe {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp_s: u64,
    /// `webhook-signature`.
    pub signature: String,
}

/// Where the key before the one in use lies, beside it.
pub const FORMER_KEY: &str = "webhooks.ancienne.pem";

/// The keys that sign: the one in use, and the one before it while that lies in the folder.
#[derive(Debug)]
pub struct Cles(Vec<SecretKey>);

impl Cles {
    /// Reads them; makes the one in use where there is none.
    pub fn open_or_create(folder: &Folder) -> Result<Self, WebhooksError> {
        let path = folder.webhooks_key();
        if !path.exists() {
            write_secret_key(&path, &SecretKey::generate()?)?;
        }
        let mut cles = vec![read_secret_key(&path)?];
        let former = path.with_file_name(FORMER_KEY);
        if former.exists() {
            cles.push(read_secret_key(&former)?);
        }
        Ok(Self(cles))
    }

    /// Their public halves.
    pub fn publiques(&self) -> Vec<String> {
        self.0.iter().map(|cle| publique(&cle.id())).collect()
    }

    /// The headers of this body, sent now.
    pub fn signe(&self, id: &str, timestamp_s: u64, payload: &[u8]) -> Signe {
        let signed = [format!("{id}.{timestamp_s}.").as_bytes(), payload].concat();
        let signatures = self.0.iter().map(|cle| format!("v1a,{}", BASE64.encode(&cle.sign(&signed).0)));
        Signe { id: id.to_owned(), timestamp_s, signature: signatures.collect::<Vec<_>>().join(" ") }
    }
}

/// A public key as Standard Webhooks writes it.
pub fn publique(cle: &KeyId) -> String {
    format!("whpk_{}", BASE64.encode(&cle.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The vector of the reference server (svix-server, `test_asymmetric_key_signature`); its signature is the example of Standard Webhooks 1.0.0.
    #[test]
    fn the_published_vector_holds() {
        let pair = BASE64
            .decode(b"6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
            .unwrap();
        let cles = Cles(vec![SecretKey::from_seed(&pair[..32].try_into().unwrap())]);
        assert_eq!(cles.publiques(), [format!("whpk_{}", BASE64.encode(&pair[32..]))]);
        let signe = cles.signe("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(
            signe.signature,
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        );
    }

    #[test]
    fn a_key_that_was_moved_away_signs_on_beside_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let first = Cles::open_or_create(&folder).unwrap().publiques();
        assert_eq!(Cles::open_or_create(&folder).unwrap().publiques(), first);
        let path = folder.webhooks_key();
        std::fs::rename(&path, path.with_file_name("webhooks.ancienne.pem")).unwrap();
        let both = Cles::open_or_create(&folder).unwrap();
        assert_eq!((both.publiques().len(), &both.publiques()[1]), (2, &first[0]));
        assert_eq!(both.signe("a", 1, b"{}").signature.split(' ').count(), 2);
    }

    #[test]
    fn an_id_has_no_full_stop_and_is_the_same_for_the_same_leaf() {
        let one = Uuid::now_v7();
        assert_eq!(id(one, 41, b"a"), id(one, 41, b"a"));
        assert_ne!(id(one, 41, b"a"), id(one, 42, b"a"));
        assert_ne!(id(one, 41, b"a"), id(one, 41, b"b"), "another leaf of a restored log");
        assert!(!id(one, 41, b"a").contains('.') && !id_essai().contains('.'));
    }
}
