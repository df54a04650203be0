//! Events of the log itself: its opening (leaf 0), its refusals, and the succession of its own keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::cle::check_key;
use crate::catalogue::invalid;
use crate::forme;
use crate::ident::{Organisation, Origin};
use crate::key::KeyId;
use crate::piece::Empreinte;
use crate::refusal::Refusal;

/// Leaf 0: what the log is, who operates it, and which keys can replace which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreOuvert {
    /// The log's name. Never reused.
    pub origine: Origin,
    /// The log's own key, `name+hash+base64` (c2sp.org/signed-note, "Verifier keys").
    #[schemars(length(max = 300))]
    pub vkey: String,
    /// Who keeps the log.
    #[serde(deserialize_with = "forme::objet")]
    pub operateur: Operateur,
    /// The node's online key, role `registre`: signs refusals, nothing else.
    pub noeud: KeyId,
    /// Three offline keys; any two together can replace the operator's key or the log's.
    pub recouvrement: [KeyId; 3],
}

/// The operator of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operateur {
    /// Its organisation.
    pub organisation: Organisation,
    /// Its key, role `operateur`, kept offline.
    pub cle: KeyId,
}

impl RegistreOuvert {
    /// The Ed25519 key inside the vkey (signature type 0x01).
    pub fn log_key(&self) -> Result<KeyId, Refusal> {
        log_key(&self.origine, &self.vkey)
    }

    /// All keys that the opening names, with the field of each.
    pub fn keys(&self) -> Result<[(&'static str, KeyId); 6], Refusal> {
        let [first, second, third] = self.recouvrement;
        Ok([
            ("data.operateur.cle", self.operateur.cle),
            ("data.noeud", self.noeud),
            ("data.vkey", self.log_key()?),
            ("data.recouvrement[0]", first),
            ("data.recouvrement[1]", second),
            ("data.recouvrement[2]", third),
        ])
    }

    /// Every key must pass the enrolment rule, and serve one purpose only.
    pub fn check(&self) -> Result<(), Refusal> {
        let keys = self.keys()?;
        for (at, (field, key)) in keys.iter().enumerate() {
            check_key(field, *key)?;
            if keys[..at].iter().any(|(_, earlier)| earlier == key) {
                return Err(invalid(field, "this key already serves another purpose"));
            }
        }
        Ok(())
    }
}

/// The Ed25519 key inside a vkey of that log: `origin+8 hex digits+base64 of 0x01 and the public key`.
fn log_key(origine: &Origin, vkey: &str) -> Result<KeyId, Refusal> {
    match read_vkey(vkey) {
        Some((name, key)) if name == origine.as_str() => Ok(key),
        _ => Err(invalid("data.vkey", "vkey is origin+8 hex digits+base64 of 0x01 and an Ed25519 public key")),
    }
}

/// The name and the Ed25519 key of a vkey; none where it is not one.
pub(crate) fn read_vkey(vkey: &str) -> Option<(&str, KeyId)> {
    let (name, rest) = vkey.split_once('+')?;
    let (hash, key) = rest.split_once('+')?;
    let bytes = data_encoding::BASE64.decode(key.as_bytes()).ok()?;
    let [1, key @ ..]: [u8; 33] = bytes.try_into().ok()? else { return None };
    let hash_holds = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    hash_holds.then_some((name, KeyId(key)))
}

/// Two recovery keys replace the operator's key, lost or stolen: the old one ends at this leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreOperateurRemplace {
    /// The operator's new key, role `operateur`. It signs too.
    pub cle: KeyId,
}

/// Two recovery keys replace the log's key: tree heads of a size that covers this leaf are signed with the new one, and with no
/// other. Whoever pinned the old key follows the chain of vkeys that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreJournalRemplace {
    /// The log's new key, `name+hash+base64` (c2sp.org/signed-note, "Verifier keys"), under the same name. It signs too.
    #[schemars(length(max = 300))]
    pub vkey: String,
}

impl RegistreJournalRemplace {
    /// The Ed25519 key inside the vkey, which must be one of that log.
    pub fn log_key(&self, origine: &Origin) -> Result<KeyId, Refusal> {
        log_key(origine, &self.vkey)
    }

    /// What the form alone does not say. The key hash must be the one that every reader of notes computes: a head under a
    /// vkey that nobody can read would end the log.
    pub fn check(&self, origine: &Origin) -> Result<(), Refusal> {
        let key = self.log_key(origine)?;
        check_key("data.vkey", key)?;
        // c2sp.org/signed-note, "Signatures": SHA-256(name ‖ "\n" ‖ 0x01 ‖ key), the first four bytes.
        let hash = Empreinte::of(&[origine.as_str().as_bytes(), b"\n\x01", &key.0].concat());
        let expected = format!("+{}+", data_encoding::HEXLOWER.encode(&hash.0[..4]));
        if self.vkey[origine.as_str().len()..].starts_with(&expected) {
            Ok(())
        } else {
            Err(invalid("data.vkey", "the key hash of the vkey is not that of its name and key"))
        }
    }
}

/// The operator replaces the node's online key, which signs refusals: the old one ends at this leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreNoeudRemplace {
    /// The node's new key, role `registre`. It signs too.
    pub cle: KeyId,
}

/// Two recovery keys, of which the one replaced may be one, replace one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreRecouvrementRemplace {
    /// The recovery key that ends.
    pub ancienne: KeyId,
    /// The one in its place. It signs too.
    pub cle: KeyId,
}

/// A submission that was refused, recorded and signed by the node. Never its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistreRefus {
    /// The `source` that the submission named, where it is a SIREN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_refusee: Option<Organisation>,
    /// The `id` that the submission named, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_refuse: Option<Uuid>,
    /// The enrolled key that signed it.
    pub cle: KeyId,
    /// The stable code of the reason.
    #[schemars(length(max = 60))]
    pub code: String,
    /// 32 random bytes, hex.
    pub sel: Empreinte,
    /// SHA-256(sel ‖ payload): whoever holds the payload can prove that it was this one.
    pub empreinte: Empreinte,
}

impl RegistreRefus {
    /// The salted digest of a payload.
    pub fn empreinte(sel: &Empreinte, payload: &[u8]) -> Empreinte {
        Empreinte::of(&[&sel.0, payload].concat())
    }

    /// Whether this refusal is about that payload.
    pub fn is_about(&self, payload: &[u8]) -> bool {
        Self::empreinte(&self.sel, payload) == self.empreinte
    }
}
