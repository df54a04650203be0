//! What the node declares of an extract that it gave: a statement under its own key (role `registre`, DESIGN §5).
//!
//! DSSE v1 in its JSON form as events have it, with a payload type of its own, so that no declaration can be posted as an event
//! and no event can be taken for a declaration. One signature. What the file proves by itself is told there again; the node's word
//! alone is that nothing of the organisation follows up to the checkpoint, and how much others said of its dossiers.

use data_encoding::BASE64;
use greffe_events::dsse::pae;
use greffe_events::ident::Origin;
use greffe_events::key::{KeyId, SecretKey, Signature};
use greffe_events::piece::Empreinte;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::demande::Demande;

/// The payload type.
pub const PAYLOAD_TYPE: &str = "application/vnd.greffe.extrait+json";

/// The version that is written.
pub const VERSION: u32 = 1;

/// The statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// [`VERSION`].
    pub version: u32,
    /// The log.
    pub registre: Origin,
    /// What was asked.
    pub demande: Demande,
    /// Leaves of the tree that everything is proved against.
    pub taille: u64,
    /// Its root, base64.
    pub racine: String,
    /// What the organisation itself said.
    pub paroles: Paroles,
    /// Leaves of the period that others said about its dossiers, or that refuse it.
    pub dossiers: u64,
    /// Leaves besides that are needed to judge these.
    pub appui: u64,
    /// Files; none where none were asked for.
    pub pieces: Option<ComptePieces>,
    /// SHA-256 of every byte of the extract before the declaration's own header.
    pub sha256: Empreinte,
}

/// Leaves of one source, by their ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paroles {
    /// Before the period: the rank of the first one within.
    pub avant: u64,
    /// Within.
    pub dedans: u64,
    /// In all, up to the checkpoint.
    pub total: u64,
}

/// Files that leaves of the period cite; one cited twice counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComptePieces {
    /// In the extract.
    pub jointes: u64,
    /// Erased, as a leaf says.
    pub effacees: u64,
    /// Not there, and no leaf says why.
    pub absentes: u64,
}

/// Why bytes are no declaration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeclarationError {
    /// Not the JSON of one.
    #[error("malformed: {0}")]
    Form(String),
    /// Of something else, or of a later version.
    #[error("it is a {0}")]
    Other(String),
    /// Not signed by the key that it names.
    #[error("the signature of {0} does not verify")]
    Signature(KeyId),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: [WireSignature; 1],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: KeyId,
    sig: String,
}

impl Declaration {
    /// The envelope, signed by the node.
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        // Numbers, texts and no map: nothing in either can fail to serialise.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        let sig = BASE64.encode(&key.sign(&pae(PAYLOAD_TYPE, &payload)).0);
        let wire = Wire {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: BASE64.encode(&payload),
            signatures: [WireSignature { keyid: key.id(), sig }],
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads an envelope, verifies its signature, and tells whose it is. Whether that key is the node's, the log says.
    pub fn open(envelope: &[u8]) -> Result<(Self, KeyId), DeclarationError> {
        let form = |error: serde_json::Error| DeclarationError::Form(error.to_string());
        let wire: Wire = serde_json::from_slice(envelope).map_err(form)?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(DeclarationError::Other(wire.payload_type.chars().take(100).collect()));
        }
        let base64 = |text: &str| {
            BASE64.decode(text.as_bytes()).map_err(|error| DeclarationError::Form(format!("not base64: {error}")))
        };
        let payload = base64(&wire.payload)?;
        let [WireSignature { keyid, sig }] = wire.signatures;
        let sig = base64(&sig)?.try_into().map(Signature);
        let sig = sig.map_err(|_| DeclarationError::Form("a signature has 64 bytes".to_owned()))?;
        if !keyid.verify(&pae(PAYLOAD_TYPE, &payload), &sig) {
            return Err(DeclarationError::Signature(keyid));
        }
        let said: Self = serde_json::from_slice(&payload).map_err(form)?;
        if said.version != VERSION {
            return Err(DeclarationError::Other(format!("declaration of version {}", said.version)));
        }
        Ok((said, keyid))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use greffe_events::dsse::Envelope;

    fn said() -> Declaration {
        Declaration {
            version: VERSION,
            registre: "greffe.example".parse().unwrap(),
            demande: Demande {
                organisation: "urn:siren:214502494".parse().unwrap(),
                du: Some("2026-01-01".parse().unwrap()),
                au: None,
                pieces: false,
            },
            taille: 9,
            racine: "x".to_owned(),
            paroles: Paroles { avant: 1, dedans: 2, total: 3 },
            dossiers: 4,
            appui: 5,
            pieces: None,
            sha256: Empreinte([7; 32]),
        }
    }

    #[test]
    fn a_declaration_is_read_as_it_was_signed_and_no_byte_of_it_can_change() {
        let key = SecretKey::from_seed(&[1; 32]);
        let envelope = said().sign(&key);
        assert_eq!(Declaration::open(&envelope), Ok((said(), key.id())));
        for at in 0..envelope.len() {
            let mut altered = envelope.clone();
            altered[at] ^= 1;
            let opened = Declaration::open(&altered);
            assert!(opened.is_err(), "byte {at}: {opened:?}");
        }
        let mut later = said();
        later.version = 2;
        assert!(matches!(Declaration::open(&later.sign(&key)), Err(DeclarationError::Other(_))));
    }

    #[test]
    fn an_event_is_no_declaration_and_a_declaration_is_no_event() {
        let key = SecretKey::from_seed(&[1; 32]);
        assert!(Envelope::parse(&said().sign(&key)).is_err());
        let payload = serde_json::to_vec(&said()).unwrap();
        let event = Envelope::sign(payload, &[&key]).unwrap().to_json();
        assert!(matches!(Declaration::open(event.as_bytes()), Err(DeclarationError::Other(_))));
        // The same bytes, said to be the other type: the signature covers it.
        let relabelled = event.replace(greffe_events::dsse::PAYLOAD_TYPE, PAYLOAD_TYPE);
        assert!(matches!(Declaration::open(relabelled.as_bytes()), Err(DeclarationError::Signature(_))));
    }
}
