//! `GET /metrics`: the figures of the write path ([`crate::ledger::metrics`]), of the views and of the answers, for a Prometheus server.
//!
//! | metric | what |
//! |---|---|
//! | `greffe_http_requests_total{method,route,status}` | answers |
//! | `greffe_http_request_duration_seconds{method,route}` | until the head of the answer |
//! | `greffe_http_requests_in_flight` | requests under way |
//! | `greffe_view_position_leaves{view}` | leaves that a view has applied |
//! | `greffe_view_lag_leaves{view}` | leaves of the head that it has not |
//! | `greffe_view_lag_seconds{view}` | since when the first of those is recorded; 0 where there is none |
//! | `greffe_view_built_ratio{view}` | how much of the log it has applied, 0 to 1: what is left of a rebuild |
//! | `greffe_webhooks_…` | webhooks ([`crate::webhooks::mesures`]) |
//! | `greffe_view_following{view}` | 1; 0 where it is stopped at an event or in trouble (`/health/ready` says which and why) |
//!
//! Open to whoever reaches the node, like its health, because a scraper signs no five-minute token. Nothing in it is about anybody:
//! counts, durations, routes and stable codes. An operator who does not want to publish how busy a node is has the proxy keep this path
//! to the inside.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use greffe_events::leaf::Leaf;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::problem::Problem;
use super::{App, Node};
use crate::vues::Health;

/// openmetrics.io, text format; Prometheus has read it since 2.5.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What ends such a text.
const END: &str = "# EOF\n";

type Route = [(&'static str, String); 2];
type Answer = [(&'static str, String); 3];
type View = [(&'static str, &'static str); 1];
type Real = Gauge<f64, AtomicU64>;

/// The figures of the answers and the views of one node, from its start on.
#[derive(Debug)]
pub(super) struct Mesures {
    registry: Registry,
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    position: Family<View, Gauge>,
    lag: Family<View, Gauge>,
    lag_seconds: Family<View, Real>,
    built: Family<View, Real>,
    following: Family<View, Gauge>,
}

/// A request under way, until it is dropped.
pub(super) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// 1 ms to 16 s, by factors of two.
fn duration_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

impl Default for Mesures {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("greffe");
        let mesures = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(duration_histogram),
            in_flight: Gauge::default(),
            position: Family::default(),
            lag: Family::default(),
            lag_seconds: Family::default(),
            built: Family::default(),
            following: Family::default(),
        };
        registry.register("http_requests", "Answers by method, route and status", mesures.requests.clone());
        let help = "Until the head of the answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, mesures.durations.clone());
        registry.register("http_requests_in_flight", "Requests under way", mesures.in_flight.clone());
        registry.register("view_position_leaves", "Leaves that the view has applied", mesures.position.clone());
        registry.register("view_lag_leaves", "Leaves of the head that the view has not applied", mesures.lag.clone());
        let help = "Since when the first leaf that the view has not applied is recorded";
        registry.register_with_unit("view_lag", help, Unit::Seconds, mesures.lag_seconds.clone());
        registry.register("view_built_ratio", "How much of the log the view has applied", mesures.built.clone());
        registry.register("view_following", "Whether the view follows the log", mesures.following.clone());
        Self { registry, ..mesures }
    }
}

impl Mesures {
    /// A request begins.
    pub(super) fn begins(&self) -> UnderWay {
        self.in_flight.inc();
        UnderWay(self.in_flight.clone())
    }

    /// A request was answered.
    pub(super) fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        // A client may invent methods; what is counted is bounded.
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS].contains(method);
        let method = if known { method.as_str() } else { "autre" };
        let route = [("method", method.to_owned()), ("route", route.to_owned())];
        let [one, two] = route.clone();
        self.requests.get_or_create(&[one, two, ("status", status.as_str().to_owned())]).inc();
        self.durations.get_or_create(&route).observe(took.as_secs_f64());
    }

    /// Looks where a view is.
    fn look(&self, app: &App, health: &Health, head: u64) {
        let view = [("view", health.view())];
        let status = health.status();
        let lag = head.saturating_sub(status.position);
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.position.get_or_create(&view).set(number(status.position));
        self.lag.get_or_create(&view).set(number(lag));
        self.lag_seconds.get_or_create(&view).set(if lag == 0 { 0.0 } else { age_of(app, status.position) });
        #[allow(clippy::cast_precision_loss, reason = "a share, for a graph")]
        let built = if head == 0 { 1.0 } else { (status.position as f64 / head as f64).min(1.0) };
        self.built.get_or_create(&view).set(built);
        let follows = status.failure.is_none() && health.trouble().is_none();
        self.following.get_or_create(&view).set(i64::from(follows));
    }
}

/// Since when a leaf is recorded, in seconds; not a number where the store does not tell.
fn age_of(app: &App, index: u64) -> f64 {
    let Ok(Some(bytes)) = app.ledger.leaf(index) else { return f64::NAN };
    Leaf::decode(&bytes).map_or(f64::NAN, |leaf| {
        Duration::from_millis(app.ledger.now_ms().saturating_sub(leaf.recorded_at_ms)).as_secs_f64()
    })
}

/// `GET /metrics`.
pub(super) async fn get(State(node): State<Node>) -> Result<impl IntoResponse, Problem> {
    let mesures = node.mesures.clone();
    let text = node
        .blocking(move |app| {
            let head = app.ledger.head().size;
            app.vues.health.iter().for_each(|health| mesures.look(app, health, head));
            let mut text = app.ledger.metrics_text();
            text.truncate(text.strip_suffix(END).map_or(text.len(), str::len));
            app.webhooks.mesures().write(&app.webhooks.magasin().compte()?, &mut text);
            // Writing to a String can't fail.
            let _ = encode(&mut text, &mesures.registry);
            Ok(text)
        })
        .await?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text))
}
