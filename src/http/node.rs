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

/// Version of the API under `/v1`.
const API: &str = "v1";
/// What this node does: takes events, and answers readers.
const ROLES: &[&str] = &["ecriture", "lecture"];
/// The card changes with the log's key only; readers pin that key elsewhere.
const CARD_CACHE: &str = "public, max-age=300";

/// One of the log's keys, and the leaf that names it.
#[derive(Serialize)]
struct LogKey {
    index: u64,
    vkey: String,
}

#[derive(Serialize)]
struct Card<'a> {
    origin: &'a Origin,
    vkey: String,
    journal: Vec<LogKey>,
    operator: &'a Organisation,
    api: &'static str,
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
        roles: ROLES,
    };
    Ok(([(CACHE_CONTROL, CARD_CACHE)], Json(serde_json::json!(card))))
}

#[derive(Serialize)]
pub(super) struct Healthy {
    status: &'static str,
}

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<Healthy> {
    Json(Healthy { status: "live" })
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
    for health in &app.vues.health {
        if let Some(failure) = health.status().failure {
            // The cause may quote the event, or name a path: it stands in the node's log.
            wrong.push(format!("vue {}: stopped at event {}", health.view(), failure.index));
        }
        wrong.extend(health.trouble().map(|trouble| format!("vue {}: {trouble}", health.view())));
    }
    if wrong.is_empty() {
        return Ok(Json(Healthy { status: "ready" }));
    }
    Err(Problem::new(Cause::NotReady, wrong.join("; ")))
}
