//! Tenders, their registers and submissions, from their view (`greffe_projections::marches`).
//!
//! ```text
//! GET /v1/consultations?acheteur=&procedure=&ouverte=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/consultations/{id}?at_least=                          what was said that is for the reader
//! GET /v1/consultations/{id}/retraits?limit=&apres=&at_least=   the register of withdrawals: the buyer's
//! GET /v1/consultations/{id}/plis?limit=&apres=&at_least=       the register of deposits; to a bidder its own submissions
//! ```
//!
//! Once a notice or the files are published every reader sees the tender. Of a submission nothing but that it came, when, and
//! whether in time is shown before it is opened, whoever asks but for its bidder.

use axum::Json;
use axum::extract::{Path, State};
use greffe_events::catalogue::Famille;
use greffe_events::catalogue::consultation::Procedure;
use greffe_events::ident::{IdConsultation, Organisation};
use greffe_projections::marches::{self, ConsultationRow, Filtre, PliRow, RetraitRow};
use serde::Deserialize;

use super::Node;
use super::access::Reader;
use super::problem::Problem;
use super::request::{Params, bad_parameter, now_ms};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    acheteur: Option<String>,
    procedure: Option<String>,
    ouverte: Option<bool>,
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// `GET /v1/consultations`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    Params(query): Params<ListQuery>,
) -> Result<Json<PageJson<ConsultationRow>>, Problem> {
    let acheteur = query.acheteur.as_deref().map(Organisation::of_abrege).transpose();
    let acheteur = acheteur.map_err(|error| bad_parameter("acheteur", error.to_string()))?;
    if query.ouverte == Some(false) {
        return Err(bad_parameter("ouverte", "ouverte is true, or left out"));
    }
    let filtre = Filtre {
        acheteur: acheteur.map(|acheteur| acheteur.to_string()),
        procedure: mot("procedure", query.procedure.as_deref(), Procedure::ALL, Procedure::as_str)?,
        ouverte_a_ms: query.ouverte.map(|_| now_ms().cast_signed()),
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let page = app.vues.marches.read(|view, _| marches::list(view, &acces, &filtre, tranche))?;
        Ok(Json(page.into()))
    })
    .await
}

/// `GET /v1/consultations/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<FindQuery>,
) -> Result<Json<ConsultationRow>, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let found = app.vues.marches.read(|view, _| marches::find(view, &acces, &id.to_string()))?;
        found.map(Json).ok_or_else(Problem::not_found)
    })
    .await
}

/// The query of a register.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistreQuery {
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// `GET /v1/consultations/{id}/retraits`.
pub(super) async fn retraits(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<RegistreQuery>,
) -> Result<Json<PageJson<RetraitRow>>, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let found = app.vues.marches.read(|view, _| marches::retraits(view, &acces, &id.to_string(), tranche))?;
        found.map(|page| Json(page.into())).ok_or_else(Problem::not_found)
    })
    .await
}

/// `GET /v1/consultations/{id}/plis`.
pub(super) async fn plis(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<RegistreQuery>,
) -> Result<Json<PageJson<PliRow>>, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let found = app.vues.marches.read(|view, _| marches::plis(view, &acces, &id.to_string(), tranche))?;
        found.map(|page| Json(page.into())).ok_or_else(Problem::not_found)
    })
    .await
}
