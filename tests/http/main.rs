//! The HTTP API as its users meet it: a real ledger in a folder, a real listener, real requests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acces;
mod bornes;
mod droits;
mod fil;
mod histoire;
mod jetons;
mod journal;
mod lots;
mod monde;
mod pieces;
mod refus;
mod vues;
