//! Pages for people (DESIGN §3): French, rendered here, whole without JavaScript, nothing loaded from elsewhere.
//!
//! | module | page or purpose |
//! |---|---|
//! | `accueil` | `/`: what Greffe is, or who is signed in and what can be seen |
//! | `entree` | `/session`: in by a one-time link, out again |
//! | `actes`, `acte` | `/actes`, `/actes/{id}`, its pieces and receipts |
//! | `chronologie` | what was said about an act, and by whom |
//! | `journal` | `/journal` |
//! | [`lien`] | the one-time link, signed with an enrolled key |
//! | `sessions`, `visiteur` | who came in by such a link, and what they may read *now* |
//! | `page`, `formulaire`, `refus` | what all pages share: frame, headers, forms, and the pages that say no |
//! | `mots`, `noms` | words, dates and names for people |
//! | `statique` | the style, and the script that verifies receipts |
//!
//! **A page shows what the API would show, no more**: rows come from the functions behind `/v1/…`, with the same
//! [`Reader`](crate::http::access::Reader), asked again at every request. Pages take no reader token, the API takes no cookie: neither opens the other.
//!
//! *Other sites* can neither act nor read in a visitor's name: the cookie is `SameSite=Strict`, what changes something is a POST whose
//! `Origin` is this site, no page may be framed, and answers are never compressed together with what others wrote.

mod accueil;
mod acte;
mod actes;
mod chronologie;
mod entree;
mod formulaire;
mod journal;
pub mod lien;
mod mots;
mod noms;
mod page;
mod refus;
mod sessions;
mod statique;
mod visiteur;

use axum::Router;
use axum::routing::{get, post};

pub use self::sessions::{LIENS_PAR_CLE_MAX, SESSIONS_PAR_CLE_MAX, Sessions};
use crate::http::Node;

/// Every page. A new one is a line here, and a line in `page::Ici` where it has a place in the menu.
pub(crate) fn routes() -> Router<Node> {
    Router::new()
        .route("/", get(accueil::montre))
        .route("/session", get(entree::propose).post(entree::entre))
        .route("/session/fin", post(entree::sort))
        .route("/actes", get(actes::montre))
        .route("/actes/{id}", get(acte::montre))
        .route("/pieces/{reference}", get(acte::piece))
        .route("/recus/{index}", get(acte::recu))
        .route("/journal", get(journal::montre))
        .route("/statique/{nom}", get(statique::donne))
}
