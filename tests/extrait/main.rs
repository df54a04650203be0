//! Extracts: what a log holds about one organisation, in one file that a stranger verifies with the log's key and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../support/node.rs"]
mod node;
#[path = "../support/mod.rs"]
mod support;

mod alterations;
mod commande;
mod monde;
mod periodes;
mod recit;
mod voisins;
