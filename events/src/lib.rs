//! What can be written to a Greffe ledger.
//!
//! Pure: no I/O, no clock of its own. Bytes come in, values and verdicts come out.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ident`], [`horodatage`], [`valeur`] | identifiers, instants and days, money and codes, checked when made |
//! | [`json`] | I-JSON, the one reading of a payload |
//! | [`dsse`], [`key`] | envelopes, keys, the frozen verification rule |
//! | [`leaf`], [`recorded`] | the stored record; one in its place, read at most once |
//! | [`piece`] | how an event cites a file |
//! | [`event`], [`catalogue`] | CloudEvents and the types with their `data` |
//! | [`authority`], [`dossier`] | who may sign what; life cycles |
//! | [`refusal`] | why something is not admitted, with its stable code |
//!
//! `schemas/` holds the JSON Schemas of every type's `data`, generated from the structs; a test keeps them fresh.

pub mod authority;
pub mod catalogue;
pub mod dossier;
pub mod dsse;
pub mod event;
mod forme;
pub mod horodatage;
pub mod ident;
pub mod json;
pub mod key;
pub mod leaf;
pub mod piece;
pub mod recorded;
pub mod refusal;
pub mod valeur;

pub use catalogue::{Data, EventType};
pub use event::Event;
pub use forme::Liste;
pub use recorded::Recorded;
pub use refusal::{Code, Refusal};
pub use uuid::Uuid;
