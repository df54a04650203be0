//! One leaf of the log as its readers take it: read at most once, for all who hold it.
//!
//! What a leaf says is read as far as somebody asks: the record's own fields, then the event. Whoever wrote it has both at hand
//! and gives them along ([`Recorded::written`]). Leaves of the log were admitted, so their payload is not checked for I-JSON
//! again; that their fields are those of their type is.

use std::sync::OnceLock;

use crate::dsse::Envelope;
use crate::event::Event;
use crate::leaf::{Leaf, LeafError};
use crate::refusal::Refusal;

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

    /// The leaf at `index`, by whoever made `bytes` of this envelope, which holds this event.
    pub fn written(index: u64, bytes: Vec<u8>, envelope: Envelope, event: Event) -> Self {
        let leaf = Leaf::around(envelope, &bytes);
        debug_assert_eq!(leaf.as_ref().map(Leaf::encode).as_ref(), Ok(&bytes), "leaf {index}: another's envelope");
        debug_assert_eq!(leaf.as_ref().map(|leaf| Event::of(&leaf.envelope)), Ok(Ok(event.clone())), "leaf {index}");
        Self { index, bytes, leaf: leaf.into(), event: Ok(event).into() }
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
    pub fn leaf(&self) -> Result<&Leaf, &LeafError> {
        self.leaf.get_or_init(|| Leaf::decode_recorded(&self.bytes)).as_ref()
    }

    /// Whether somebody has read the event already, so that asking again costs nothing.
    pub fn is_read(&self) -> bool {
        self.event.get().is_some()
    }

    /// The event; the inner error where this code can't read it.
    pub fn event(&self) -> Result<Result<&Event, &Refusal>, &LeafError> {
        let leaf = self.leaf()?;
        Ok(self.event.get_or_init(|| Event::of(&leaf.envelope)).as_ref())
    }
}
