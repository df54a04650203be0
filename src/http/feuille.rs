//! A leaf as readers ask for it: what decides whether they see it, and how it is shown. Made once for all of them.
//!
//! ```text
//! {"index":41,"recorded_at":"…","received_at":"…","previous":17,"rank":3,
//!  "signatures":[{"keyid":"ed25519:…","sig":"…"}],"event":{…},"leaf":"<base64>"}
//! ```
//!
//! `event` is the payload as it was signed; `leaf` is what is proved.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use data_encoding::BASE64;
use greffe_events::authority::RightsReader;
use greffe_events::catalogue::Data;
use greffe_events::dossier::Dossier;
use greffe_events::event::DossierId;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{IdPli, Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::leaf::Leaf;
use greffe_events::{EventType, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::App;
use super::access::{Audience, Faits};
use super::problem::Problem;

/// A leaf and who may see it.
#[derive(Debug)]
pub(super) struct Feuille {
    recorded: Arc<Recorded>,
    pub event_type: EventType,
    pub subject: Subject,
    pub audience: Audience,
    json: OnceLock<Bytes>,
}

/// What an event says of itself that readers and filters go by. Read alone where nobody has read the event: its data costs
/// several times as much.
#[derive(Deserialize)]
struct Attributs {
    #[serde(rename = "type")]
    event_type: String,
    source: Organisation,
    subject: Subject,
}

impl Feuille {
    /// Of a leaf of the log. May read the index.
    pub fn of(recorded: Arc<Recorded>, app: &App) -> Result<Self, Problem> {
        let leaf = recorded.leaf().map_err(|error| Problem::internal(error))?;
        let attributs: Attributs =
            serde_json::from_slice(leaf.envelope.payload()).map_err(|error| Problem::internal(&error))?;
        let event_type = attributs.event_type.parse();
        let event_type = event_type.map_err(|()| Problem::internal(&"a type that this version does not know"))?;
        let refus = if event_type == EventType::RegistreRefus {
            match recorded.event().map_err(|error| Problem::internal(error))? {
                Ok(event) => match &event.data {
                    Data::RegistreRefus(refus) => Some(refus),
                    _ => None,
                },
                Err(refusal) => return Err(Problem::internal(refusal)),
            }
        } else {
            None
        };
        let dossier = DossierId::of(&attributs.subject).map_err(|error| Problem::internal(&error))?;
        let audience = Audience::of(attributs.source, dossier, leaf.envelope.signers(), refus, app)?;
        Ok(Self { event_type, subject: attributs.subject, audience, json: OnceLock::new(), recorded })
    }

    /// Its place in the log.
    pub fn index(&self) -> u64 {
        self.recorded.index()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.recorded.bytes()
    }

    /// The record.
    pub fn leaf(&self) -> Result<&Leaf, Problem> {
        self.recorded.leaf().map_err(|error| Problem::internal(error))
    }

    /// How it is shown.
    pub fn json(&self) -> Result<Bytes, Problem> {
        if let Some(made) = self.json.get() {
            return Ok(made.clone());
        }
        let json = EvenementJson::of(self.index(), self.bytes(), self.leaf()?)?;
        let made = serde_json::to_vec(&json).map_err(|error| Problem::internal(&error))?;
        Ok(self.json.get_or_init(|| made.into()).clone())
    }
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Evenement")]
pub(super) struct EvenementJson<'a> {
    index: u64,
    recorded_at: Horodatage,
    received_at: Horodatage,
    previous: Option<u64>,
    rank: u64,
    signatures: Vec<SignatureJson>,
    #[schemars(schema_with = "super::openapi::objet")]
    event: &'a RawValue,
    leaf: String,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Signature")]
pub(super) struct SignatureJson {
    keyid: KeyId,
    sig: String,
}

impl<'a> EvenementJson<'a> {
    fn of(index: u64, bytes: &[u8], leaf: &'a Leaf) -> Result<Self, Problem> {
        let signatures = leaf.envelope.signatures().iter();
        let signatures = signatures
            .map(|(key, signature)| SignatureJson { keyid: *key, sig: BASE64.encode(&signature.0) })
            .collect();
        Ok(Self {
            index,
            recorded_at: Horodatage::from_unix_ms(leaf.recorded_at_ms),
            received_at: Horodatage::from_unix_ms(leaf.received_at_ms),
            previous: leaf.previous,
            rank: leaf.rank,
            signatures,
            event: serde_json::from_slice(leaf.envelope.payload()).map_err(|error| Problem::internal(&error))?,
            leaf: BASE64.encode(bytes),
        })
    }
}

impl Faits for App {
    type Error = Problem;

    fn organisation_of(&self, key: &KeyId) -> Result<Option<Organisation>, Problem> {
        Ok(self.ledger.index().key(key)?.map(|record| record.organisation))
    }

    fn ouverture_commencee(&self, pli: &IdPli) -> Result<bool, Problem> {
        let index = self.ledger.index();
        let states = (index.dossier(&pli.dossier())?, index.dossier(&pli.consultation.dossier())?);
        Ok(match states {
            (Some(Dossier::Pli(pli)), Some(Dossier::Consultation(consultation))) => {
                pli.ouverture_commencee(&consultation)
            }
            _ => false,
        })
    }
}
