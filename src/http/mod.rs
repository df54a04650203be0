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
//! | [`travail`] | `GET /v1/travail/{liste}`, `GET /v1/actes/statistiques`, `GET /v1/classifications` |
//! | [`quarantaine`] | `GET /v1/quarantaine`, `GET /v1/quarantaine/{id}` |
//! | [`flux`] | `GET /v1/flux`, `GET /v1/flux/totaux`, `GET /v1/flux/{id}` |
//! | [`factures`] | `GET /v1/factures`, `GET /v1/factures/totaux`, `GET /v1/factures/{id}` |
//! | [`consultations`] | `GET /v1/consultations`, `GET /v1/consultations/{id}`, its `retraits` and `plis` |
//! | [`journal`] | `GET /v1/journal`, `GET /v1/journal/{index}` |
//! | [`extrait`] | `GET /v1/extraits/{organisation}` |
//! | [`webhooks`] | `/v1/webhooks…`, and whose turn it is to be told |
//! | `vues` | what the endpoints over views share |
//! | `liste`, `csv` | how lists are answered: JSON or CSV, and where the next page is |
//! | `etag` | who asks again for what it has gets 304 |
//! | `compression`, [`cors`] | what is compressed; which sites' pages may read answers |
//! | [`tiles`] | `GET /checkpoint`, `GET /tile/…` (C2SP tlog-tiles) |
//! | [`proofs`] | `GET /v1/proof/inclusion`, `GET /v1/proof/consistency` |
//! | [`node`] | `GET /.well-known/greffe.json`, `GET /health/live`, `GET /health/ready` |
//! | [`metrics`] | `GET /metrics` |
//! | [`openapi`], `docs` | `GET /openapi.json`, `GET /docs` |
//! | [`crate::web`] | pages for people, beside the API |
//! | `routes`, `operation` | every operation: the router and its description are made of one list |
//! | [`problem`] | every answer that is a no (RFC 9457) |
//! | [`auth`], `session`, [`access`] | who reads, for how long, and what they may read |
//! | [`lectures`] | what auditors asked to read |
//! | `feuille` | a leaf as readers ask for it |
//! | [`request`] | typed reading of paths, queries, bodies; work off the async threads |
//! | [`bounds`] | every limit |
//! | `trace` | around every request: its id, its line in the log, its figures |
//! | [`mod@serve`], `connexion` | connections, their timeouts and places, the graceful end |
//!
//! Nothing that reads a disk or verifies a signature runs on an async thread. What is public: checkpoint, hash tiles,
//! proofs, the node's card, health and figures. Everything else asks for a reader token. TLS is the reverse proxy's.

pub mod access;
pub mod actes;
pub mod adherents;
pub mod auth;
pub mod bounds;
pub(crate) mod compression;
mod connexion;
pub mod consultations;
pub mod cors;
mod csv;
mod docs;
pub(crate) mod etag;
pub mod events;
pub mod extrait;
pub mod factures;
mod feuille;
pub mod fil;
pub mod flux;
pub mod journal;
pub mod lectures;
mod liste;
pub mod lots;
pub mod metrics;
pub mod node;
pub mod openapi;
mod operation;
pub mod pieces;
mod places;
pub mod problem;
pub mod proofs;
pub mod quarantaine;
pub mod refus;
pub mod request;
mod routes;
pub mod serve;
pub(crate) mod session;
pub mod tiles;
mod trace;
pub mod travail;
pub(crate) mod vues;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use uuid::Uuid;

use self::bounds::Limits;
use self::cors::Site;
use self::fil::recentes::Recentes;
use self::lectures::Lectures;
use self::metrics::Mesures;
use self::operation::Operation;
use self::problem::{Cause, Problem};
use crate::ledger::Ledger;
use crate::vues::Lecteurs;
use crate::web::{self, Sessions};
use crate::webhooks::Webhooks;

pub use self::serve::serve;

/// What the API serves. Clones share it.
#[derive(Clone)]
pub struct App {
    /// The ledger, open for writing.
    pub ledger: Arc<Ledger>,
    /// The views, and whether they follow the log.
    pub vues: Lecteurs,
    /// Sites whose pages may read answers in a browser; none unless named.
    pub sites: Vec<Site>,
    /// Notes what auditors read.
    pub lectures: Arc<Lectures>,
    /// What members have announced to them.
    pub webhooks: Arc<Webhooks>,
}

/// The state behind the endpoints: what is served, and what is left of the limits.
#[derive(Clone)]
pub struct Node {
    app: App,
    limits: Arc<Limits>,
    /// Of this run of the node: part of the tags of what views show.
    marque: Uuid,
    mesures: Arc<Mesures>,
    /// What followers of the feed read.
    recentes: Arc<Recentes>,
    /// Who has come in to read pages.
    sessions: Arc<Sessions>,
}

impl Node {
    /// Nothing is under way.
    pub fn new(app: App) -> Self {
        Self {
            sessions: Arc::new(Sessions::since(app.ledger.now_ms())),
            app,
            limits: Arc::new(Limits::new()),
            marque: Uuid::now_v7(),
            mesures: Arc::default(),
            recentes: Arc::default(),
        }
    }
}

/// All endpoints of a node.
pub fn router(node: Node) -> Router {
    let cors = cors::layer(&node.app.sites);
    let (mut limited, mut free) = (Router::new(), Router::new());
    for Operation { path, hors_limite, handler, .. } in routes::all() {
        // Health answers however many requests are under way.
        let router = if hors_limite { &mut free } else { &mut limited };
        *router = std::mem::take(router).route(path, handler);
    }
    // Pages for people are no operations of the API: their addresses may change.
    limited = limited.merge(web::routes());
    free.merge(limited.layer(middleware::from_fn_with_state(node.clone(), bounds::limit_requests)))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_method)
        .layer(middleware::from_fn_with_state(node.clone(), bounds::count_problems))
        .with_state(node.clone())
        .layer(compression::layer())
        .layer(middleware::from_fn(etag::compare))
        .layer(CatchPanicLayer::custom(bounds::answer_panic))
        .layer(option_layer(cors))
        .layer(middleware::from_fn_with_state(node, trace::surround))
}

async fn nothing_here() -> Problem {
    Problem::new(Cause::NotFound, "no such path in this API")
}

async fn not_this_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Cause::MethodNotAllowed, format!("{method} is not for {}", uri.path()))
}
