//! The HTTP API (DESIGN §9): one file per group of endpoints, and what they share.
//!
//! | module | endpoints or purpose |
//! |---|---|
//! | [`events`] | `POST /v1/events`, `GET /v1/events/{index}`, `GET /v1/events/{index}/receipt` |
//! | [`lots`] | `POST /v1/events` with a batch |
//! | [`fil`] | `GET /v1/events`, `GET /v1/feed` |
//! | [`refus`] | `GET /v1/refus`, `GET /v1/refus/{index}` |
//! | [`pieces`] | `PUT /v1/pieces/{sha256}`, `GET /v1/pieces/{reference}` |
//! | [`actes`] | `GET /v1/actes`, `GET /v1/actes/{id}` |
//! | [`adherents`] | `GET /v1/adherents`, `GET /v1/adherents/{organisation}` |
//! | [`flux`] | `GET /v1/flux`, `GET /v1/flux/totaux`, `GET /v1/flux/{id}` |
//! | [`factures`] | `GET /v1/factures`, `GET /v1/factures/totaux`, `GET /v1/factures/{id}` |
//! | [`consultations`] | `GET /v1/consultations`, `GET /v1/consultations/{id}`, its `retraits` and `plis` |
//! | [`journal`] | `GET /v1/journal`, `GET /v1/journal/{index}` |
//! | `vues` | what the endpoints over views share |
//! | [`tiles`] | `GET /checkpoint`, `GET /tile/…` (C2SP tlog-tiles) |
//! | [`proofs`] | `GET /v1/proof/inclusion`, `GET /v1/proof/consistency` |
//! | [`node`] | `GET /.well-known/greffe.json`, `GET /health/live`, `GET /health/ready` |
//! | [`metrics`] | `GET /metrics` |
//! | [`problem`] | every answer that is a no (RFC 9457) |
//! | [`auth`], `session`, [`access`] | who reads, for how long, and what they may read |
//! | [`lectures`] | what auditors asked to read |
//! | `feuille` | a leaf as readers ask for it |
//! | [`request`] | typed reading of paths, queries, bodies; work off the async threads |
//! | [`bounds`] | every limit, and the middleware around all endpoints |
//! | [`mod@serve`], `connexion` | connections, their timeouts and places, the graceful end |
//!
//! Nothing that reads a disk or verifies a signature runs on an async thread. What is public: checkpoint, hash tiles,
//! proofs, the node's card, health and figures. Everything else asks for a reader token. TLS is the reverse proxy's.

pub mod access;
pub mod actes;
pub mod adherents;
pub mod auth;
pub mod bounds;
mod connexion;
pub mod consultations;
pub mod events;
pub mod factures;
mod feuille;
pub mod fil;
pub mod flux;
pub mod journal;
pub mod lectures;
pub mod lots;
pub mod metrics;
pub mod node;
pub mod pieces;
mod places;
pub mod problem;
pub mod proofs;
pub mod refus;
pub mod request;
pub mod serve;
mod session;
pub mod tiles;
mod vues;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use self::bounds::Limits;
use self::fil::recentes::Recentes;
use self::lectures::Lectures;
use self::problem::{Cause, Problem};
use crate::ledger::Ledger;
use crate::vues::Lecteurs;

pub use self::serve::serve;

/// What the API serves. Clones share it.
#[derive(Clone)]
pub struct App {
    /// The ledger, open for writing.
    pub ledger: Arc<Ledger>,
    /// The views, and whether they follow the log.
    pub vues: Lecteurs,
    /// Notes what auditors read.
    pub lectures: Arc<Lectures>,
}

/// The state behind the endpoints: what is served, and what is left of the limits.
#[derive(Clone)]
pub struct Node {
    app: App,
    limits: Arc<Limits>,
    /// What followers of the feed read.
    recentes: Arc<Recentes>,
}

impl Node {
    /// Nothing is under way.
    pub fn new(app: App) -> Self {
        Self { app, limits: Arc::new(Limits::new()), recentes: Arc::default() }
    }
}

/// All endpoints of a node.
pub fn router(node: Node) -> Router {
    let limited = Router::new()
        .route("/v1/events", get(fil::page))
        .route("/v1/feed", get(fil::feed))
        .route("/v1/events/{index}", get(events::get))
        .route("/v1/events/{index}/receipt", get(events::receipt))
        .route("/v1/refus", get(refus::list))
        .route("/v1/refus/{index}", get(refus::find))
        .route("/v1/pieces/{reference}", get(pieces::get).put(pieces::put))
        .route("/v1/actes", get(actes::list))
        .route("/v1/actes/{id}", get(actes::find))
        .route("/v1/adherents", get(adherents::list))
        .route("/v1/adherents/{organisation}", get(adherents::find))
        .route("/v1/flux", get(flux::list))
        .route("/v1/flux/totaux", get(flux::totaux))
        .route("/v1/flux/{id}", get(flux::find))
        .route("/v1/factures", get(factures::list))
        .route("/v1/factures/totaux", get(factures::totaux))
        .route("/v1/factures/{id}", get(factures::find))
        .route("/v1/consultations", get(consultations::list))
        .route("/v1/consultations/{id}", get(consultations::find))
        .route("/v1/consultations/{id}/retraits", get(consultations::retraits))
        .route("/v1/consultations/{id}/plis", get(consultations::plis))
        .route("/v1/journal", get(journal::list))
        .route("/v1/journal/{index}", get(journal::find))
        .route("/checkpoint", get(tiles::checkpoint))
        .route("/tile/{*path}", get(tiles::tile))
        .route("/v1/proof/inclusion", get(proofs::inclusion))
        .route("/v1/proof/consistency", get(proofs::consistency))
        .layer(middleware::from_fn_with_state(node.clone(), bounds::limit_requests));
    // Health answers however many requests are under way.
    Router::new()
        .merge(limited)
        // Counted once its body has come: bodies that never come must not keep others out.
        .route("/v1/events", post(events::post))
        .route("/.well-known/greffe.json", get(node::card))
        .route("/health/live", get(node::live))
        .route("/health/ready", get(node::ready))
        .route("/metrics", get(metrics::get))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_method)
        .layer(middleware::from_fn_with_state(node.clone(), bounds::count_problems))
        .with_state(node)
        .layer(CatchPanicLayer::custom(bounds::answer_panic))
        .layer(middleware::from_fn(bounds::surround))
}

async fn nothing_here() -> Problem {
    Problem::new(Cause::NotFound, "no such path in this API")
}

async fn not_this_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Cause::MethodNotAllowed, format!("{method} is not for {}", uri.path()))
}
