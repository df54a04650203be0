//! The node about itself: its card, and its health.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use greffe_events::dossier::CleJournal;
use greffe_events::ident::{Organisation, Origin};
use serde::Serialize;

use super::Node;
use super::problem::{Cause, Problem};
use crate::vues::Health;

/// Version of the API under `/v1`.
const API: &str = "v1";
/// What this node does: takes events, and answers readers.
const ROLES: &[&str] = &["ecriture", "lecture"];
/// The card changes with the log's key only; readers pin that key elsewhere.
const CARD_CACHE: &str = "public, max-age=300";

/// One of the log's keys, and the leaf that names it.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "CleJournal")]
pub(super) struct LogKey {
    index: u64,
    vkey: String,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Carte")]
pub(super) struct Card<'a> {
    origin: &'a Origin,
    vkey: String,
    journal: Vec<LogKey>,
    operator: &'a Organisation,
    api: &'static str,
    /// Keys that sign webhooks (Standard Webhooks, `whpk_…`), the one in use first; none before the first webhook.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<String>,
    roles: &'static [&'static str],
}

/// `GET /.well-known/greffe.json` (RFC 8615). What it says of keys is to be compared with what was pinned, not trusted.
pub(super) async fn card(State(node): State<Node>) -> Result<impl IntoResponse, Problem> {
    let ledger = &node.app().ledger;
    let opening = ledger.opening();
    let journal = ledger.journal()?.into_iter().map(|CleJournal { index, vkey, .. }| LogKey { index, vkey }).collect();
    let card = Card {
        origin: &opening.origine,
        vkey: ledger.verifier().to_string(),
        journal,
        operator: &opening.operateur.organisation,
        api: API,
        webhooks: node.app().webhooks.cles_publiques(),
        roles: ROLES,
    };
    Ok(([(CACHE_CONTROL, CARD_CACHE)], Json(serde_json::json!(card))))
}

/// How the node is.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Sante")]
pub(super) struct Healthy {
    /// `live` or `ready`.
    status: &'static str,
    /// Where each view is; of a ready node.
    #[serde(skip_serializing_if = "Option::is_none")]
    vues: Option<Vec<EtatVue>>,
}

/// Where a view is.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct EtatVue {
    /// Its name.
    vue: &'static str,
    /// Whether it follows the log, catches up, is stopped at an event, or has a trouble that passes.
    etat: Suivi,
    /// Leaves that it has applied.
    position: u64,
    /// Leaves of the head that it has not.
    retard: u64,
    /// The event at which it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    evenement: Option<u64>,
    /// Why it does not follow. Never what an event says or where a file is: that stands in the node's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

/// Whether a view follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Suivi {
    Suit,
    Rattrape,
    Arretee,
    Empechee,
}

impl EtatVue {
    fn of(health: &Health, head: u64) -> Self {
        let status = health.status();
        let retard = head.saturating_sub(status.position);
        let (etat, cause) = match (&status.failure, health.trouble()) {
            (Some(_), _) => (Suivi::Arretee, Some("this version can't apply the event; the node's log says why")),
            (None, Some(trouble)) => (Suivi::Empechee, Some(trouble)),
            (None, None) => (if retard == 0 { Suivi::Suit } else { Suivi::Rattrape }, None),
        };
        let evenement = status.failure.map(|failure| failure.index);
        Self { vue: health.view(), etat, position: status.position, retard, evenement, cause }
    }

    /// What is wrong with it, if something is.
    fn wrong(&self) -> Option<String> {
        let cause = self.cause?;
        Some(match self.evenement {
            Some(index) => format!("vue {}: stopped at event {index}: {cause}", self.vue),
            None => format!("vue {}: {cause}", self.vue),
        })
    }
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<Healthy> {
    Json(Healthy { status: "live", vues: None })
}

/// `GET /health/ready`: it takes events and its views follow; else what does not.
pub(super) async fn ready(State(node): State<Node>) -> Result<Json<Healthy>, Problem> {
    let app = node.app();
    let mut wrong = Vec::new();
    if !app.ledger.is_writing() {
        wrong.push("ecriture: the sequencer has stopped; restart the node".to_owned());
    }
    if !app.ledger.is_guarded() {
        wrong.push("garde: the rollback guard can't be written, so nothing is recorded".to_owned());
    }
    let head = app.ledger.head().size;
    let vues: Vec<EtatVue> = app.vues.health.iter().map(|health| EtatVue::of(health, head)).collect();
    wrong.extend(vues.iter().filter_map(EtatVue::wrong));
    if wrong.is_empty() {
        return Ok(Json(Healthy { status: "ready", vues: Some(vues) }));
    }
    Err(Problem::new(Cause::NotReady, wrong.join("; ")).with_views(vues))
}
