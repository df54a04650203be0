//! `GET /metrics`: the figures of the write path, for a Prometheus server.
//!
//! Open to whoever reaches the node, like its health, because a scraper signs no five-minute token. Nothing in it is about anybody:
//! counts, durations and stable codes ([`crate::ledger::metrics`]). An operator who does not want to publish how busy a node is has the
//! proxy keep this path to the inside.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::Node;

/// openmetrics.io, text format; Prometheus has read it since 2.5.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`.
pub(super) async fn get(State(node): State<Node>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPENMETRICS)], node.app().ledger.metrics_text())
}
