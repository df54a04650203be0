//! One leaf of the log as projections take it: read at most once, by whichever view asks first, for all of them.
//!
//! What a leaf says is read as far as a view asks: the record's own fields, then the event. Leaves of the log were admitted,
//! so their payload is not checked for I-JSON again; that their fields are those of their type is.

use std::sync::OnceLock;

use greffe_events::leaf::{Leaf, LeafError};
use greffe_events::{Event, EventType, Refusal};
use serde::Deserialize;

use crate::projection::ApplyError;

/// A leaf and its place.
#[derive(Debug)]
pub struct Recorded {
    index: u64,
    bytes: Vec<u8>,
    leaf: OnceLock<Result<Leaf, LeafError>>,
    event: OnceLock<Result<Event, Refusal>>,
}

impl Recorded {
    /// The leaf at `index`. Nothing is read yet.
    pub fn new(index: u64, bytes: Vec<u8>) -> Self {
        Self { index, bytes, leaf: OnceLock::new(), event: OnceLock::new() }
    }

    /// Its place in the log, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record: times, previous leaf, signatures.
    pub fn leaf(&self) -> Result<&Leaf, ApplyError> {
        let leaf = self.leaf.get_or_init(|| Leaf::decode_recorded(&self.bytes));
        leaf.as_ref().map_err(|error| ApplyError::leaf(error.clone()))
    }

    /// The event, where it is of a type that the view shows. An event of another type is passed over unread, so that neither
    /// a type of a later version nor another view's trouble stops this one.
    pub fn event(&self, shows: impl FnOnce(EventType) -> bool) -> Result<Option<&Event>, ApplyError> {
        let leaf = self.leaf()?;
        match self.event.get_or_init(|| Event::of(&leaf.envelope)) {
            Ok(event) => Ok(shows(event.data.event_type()).then_some(event)),
            Err(refusal) => match type_of(leaf.envelope.payload()) {
                Some(event_type) if shows(event_type) => Err(ApplyError::leaf(refusal.clone())),
                _ => Ok(None),
            },
        }
    }

    /// When it was recorded, as views keep instants: Unix milliseconds.
    pub fn recorded_at_ms(&self) -> Result<i64, ApplyError> {
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
