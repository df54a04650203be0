//! The HTTP API as its users meet it: a real ledger in a folder, a real listener, real requests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acces;
mod bornes;
mod description;
mod droits;
mod echanges;
mod extraits;
mod fil;
mod histoire;
mod jetons;
mod journal;
mod lots;
mod monde;
mod operateur;
mod pieces;
#[path = "../support/recepteur.rs"]
mod recepteur;
mod refus;
#[path = "../../events/tests/schema/mod.rs"]
mod schema;
mod tableurs;
mod travail;
mod vues;
mod webhooks;
