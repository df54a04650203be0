//! The classifications that an organisation published or received: any order, any number; readers take the newest by date.

use serde::{Deserialize, Serialize};

use crate::catalogue::Data;
use crate::event::Event;
use crate::horodatage::Jour;
use crate::refusal::Refusal;

/// What is known of an organisation's classification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classification {
    /// Newest version that was published or confirmed.
    pub en_vigueur: Option<Jour>,
}

impl Classification {
    pub(super) fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let before = before.copied().unwrap_or_default();
        let date = match &event.data {
            Data::ClassificationDemandee(_) => return Ok(before),
            Data::ClassificationPubliee(data) => data.date,
            Data::ClassificationInchangee(data) => data.date,
            _ => return Err(super::wrong_family()),
        };
        Ok(Self { en_vigueur: Some(before.en_vigueur.map_or(date, |known| known.max(date))) })
    }
}
