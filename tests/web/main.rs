//! The pages as a browser meets them: a real ledger, a real listener, real requests; and headless Chromium (`navigateur`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod entree;
mod lecture;
#[allow(dead_code)]
#[path = "../http/monde.rs"]
mod monde;
mod navigateur;
#[path = "../support/node.rs"]
mod node;
#[path = "../support/mod.rs"]
mod support;
mod visite;

/// Pages are in no description of the API.
mod description {
    pub fn check(_: &str, _: &str, _: &crate::monde::Reply) {}
}
