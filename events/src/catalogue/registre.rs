//! Events of the log itself: its opening (leaf 0) and its refusals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalogue::invalid;
use crate::forme;
use crate::ident::{Organisation, Origin};
use crate::key::{KeyId, PublicKey};
use crate::piece::Empreinte;
use crate::refusal::{Code, Refusal};

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
        let wrong = || invalid("data.vkey", "vkey is origin+8 hex digits+base64 of 0x01 and an Ed25519 public key");
        let rest =
            self.vkey.strip_prefix(self.origine.as_str()).and_then(|rest| rest.strip_prefix('+')).ok_or_else(wrong)?;
        let (hash, key) = rest.split_once('+').ok_or_else(wrong)?;
        let bytes = data_encoding::BASE64.decode(key.as_bytes()).map_err(|_| wrong())?;
        let key: [u8; 33] = bytes.try_into().map_err(|_| wrong())?;
        let [1, key @ ..] = key else { return Err(wrong()) };
        let hash_holds = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        if hash_holds { Ok(KeyId(key)) } else { Err(wrong()) }
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
            PublicKey::check(*key).map_err(|error| Refusal::new(Code::KeyWeak, error.to_string()).at(*field))?;
            if keys[..at].iter().any(|(_, earlier)| earlier == key) {
                return Err(invalid(field, "this key already serves another purpose"));
            }
        }
        Ok(())
    }
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
