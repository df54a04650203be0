//! Greffe: an event-sourced, provable ledger for the dematerialised exchanges of French local government.
//!
//! The map of this code is `docs/ARCHITECTURE.md`; the bytes it writes are in `docs/FORMAT.md`.

pub mod audit;
pub mod cli;
pub mod extrait;
pub mod formats;
pub mod http;
pub mod ledger;
pub mod store;
pub mod tlog;
pub mod vues;
pub mod web;
pub mod webhooks;
