//! `/session`: in by a one-time link, and out.
//!
//! ```text
//! GET  /session?lien=…     who would come in, and the button; changes nothing, however often it is asked for
//! POST /session            lien=…; uses the link up: 303 to /, with the cookie
//! POST /session/fin        ends the session
//! ```

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use greffe_events::authority::key_standing;
use maud::html;
use serde::Deserialize;

use super::formulaire::{Filtres, vient_de_ce_site};
use super::lien::{self, LIEN_BYTES_MAX, Lien};
use super::mots;
use super::noms::Noms;
use super::page::{Cadre, trouve};
use super::refus::{Non, Refus};
use super::visiteur::{cookie, nom_de_session};
use crate::http::access::Reader;
use crate::http::problem::Problem;
use crate::http::request::whole_body;
use crate::http::{App, Node};

/// Largest form, in bytes: the field's name and its token, whose characters need no escape.
const FORM_BYTES_MAX: usize = LIEN_BYTES_MAX + 64;
/// Longest time for it.
const FORM_WAIT_MAX: Duration = Duration::from_secs(10);

/// Where a link leads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LienQuery {
    lien: Option<String>,
}

/// `GET /session`.
pub(super) async fn propose(
    State(node): State<Node>,
    Filtres { query, .. }: Filtres<LienQuery>,
) -> Result<Response, Non> {
    let token = query.lien.ok_or(Refus::Illisible)?;
    let (now_ms, asked) = (node.app().ledger.now_ms(), token.clone());
    let (lien, nom) = node.blocking(move |app| Ok(reconnais(app, &asked, now_ms))).await??;
    node.sessions().check(&lien, now_ms).or_else(|refus| match refus {
        // Good in a moment: the page may as well be read meanwhile.
        Refus::TropTot => Ok(()),
        refus => Err(refus),
    })?;
    let contenu = html! {
        p { "Vous allez entrer au nom de " strong { (nom) } ", avec la clé qui a signé ce lien :" }
        ul { @for role in &lien.record.roles { li { (mots::role(role)) } } }
        p.technique { "Clé " code { (lien.key) } }
        form method="post" action="/session" {
            input type="hidden" name="lien" value=(token);
            button.principal type="submit" { "Entrer" }
        }
        p { "Ce lien ne sert qu'une fois. Si vous ne l'attendiez pas, ou s'il nomme un autre organisme que le vôtre, fermez cette page." }
    };
    Ok(trouve(&Cadre::default().page("Entrer", &contenu)))
}

/// `POST /session`.
pub(super) async fn entre(State(node): State<Node>, headers: HeaderMap, body: Body) -> Result<Response, Non> {
    let est_sur = vient_de_ce_site(&headers)?;
    let body = whole_body(body, FORM_BYTES_MAX, FORM_WAIT_MAX).await?;
    let token = std::str::from_utf8(&body).ok().and_then(|form| form.strip_prefix("lien=")).ok_or(Refus::Illisible)?;
    let (now_ms, token) = (node.app().ledger.now_ms(), token.to_owned());
    let (lien, _) = node.blocking(move |app| Ok(reconnais(app, &token, now_ms))).await??;
    let nom = node.sessions().open(&lien, now_ms)?;
    tracing::info!(cle = %lien.key, organisation = %lien.record.organisation, "came in to read pages");
    Ok(ailleurs(&cookie(Some(&nom), est_sur)))
}

/// `POST /session/fin`.
pub(super) async fn sort(State(node): State<Node>, headers: HeaderMap) -> Result<Response, Non> {
    let est_sur = vient_de_ce_site(&headers)?;
    if let Some(nom) = nom_de_session(&headers) {
        node.sessions().close(&nom);
    }
    Ok(ailleurs(&cookie(None, est_sur)))
}

/// A link that is good now, and what its organisation is called.
fn reconnais(app: &App, token: &str, now_ms: u64) -> Result<(Lien, String), Non> {
    let origin = &app.ledger.opening().origine;
    let find = |key: &_| key_standing(key, origin, now_ms, app.ledger.index());
    let lien = lien::verify(token, origin, now_ms, find).map_err(Problem::from)??;
    let organisation = lien.record.organisation.to_string();
    let nom = Noms::de(app, &Reader::of(&lien.record), [organisation.as_str()])?.nom(&organisation);
    Ok((lien, nom))
}

/// To the first page, with this cookie.
fn ailleurs(cookie: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/"))]).into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
