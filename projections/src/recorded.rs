//! A leaf as views ask for it.

use greffe_events::leaf::LeafError;
use greffe_events::{Event, EventType, Recorded};
use serde::Deserialize;

use crate::projection::ApplyError;

impl From<&LeafError> for ApplyError {
    fn from(error: &LeafError) -> Self {
        Self::leaf(error.clone())
    }
}

/// What views ask of a leaf beside what it says of itself.
pub trait RecordedExt {
    /// The event, where it is of a type that the view shows. An event of another type is passed over unread, so that neither
    /// a type of a later version nor another view's trouble stops this one.
    fn shown(&self, shows: impl Fn(EventType) -> bool) -> Result<Option<&Event>, ApplyError>;

    /// When it was recorded, as views keep instants: Unix milliseconds.
    fn recorded_at_ms(&self) -> Result<i64, ApplyError>;
}

impl RecordedExt for Recorded {
    fn shown(&self, shows: impl Fn(EventType) -> bool) -> Result<Option<&Event>, ApplyError> {
        let type_of = || Ok::<_, ApplyError>(type_of(self.leaf()?.envelope.payload()));
        // Its type costs a fraction of the event: most views show one family of several.
        if !self.is_read() && !type_of()?.is_some_and(&shows) {
            return Ok(None);
        }
        match self.event()? {
            Ok(event) => Ok(shows(event.data.event_type()).then_some(event)),
            Err(refusal) if type_of()?.is_some_and(&shows) => Err(ApplyError::leaf(refusal.clone())),
            Err(_) => Ok(None),
        }
    }

    fn recorded_at_ms(&self) -> Result<i64, ApplyError> {
        Ok(self.leaf()?.recorded_at_ms.cast_signed())
    }
}

/// The type that a payload names, if this code knows it.
fn type_of(payload: &[u8]) -> Option<EventType> {
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(rename = "type")]
        event_type: String,
    }
    serde_json::from_slice::<Attributes>(payload).ok()?.event_type.parse().ok()
}
