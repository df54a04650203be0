//! Accounting flows, from their view (`greffe_projections::comptabilite`).
//!
//! ```text
//! GET /v1/flux?budget=&etat=&exercice=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/flux/totaux?budget=&at_least=       {"totaux":[…]}: bordereaux by budget, year and sense
//! GET /v1/flux/{id}?at_least=                 with all that was said
//! ```
//!
//! `budget` is a SIRET, or the SIREN of an organisation for all of its budgets. The owner of the budget sees its flows, and so
//! do the accountant that it names and the gateway that signs for it.

use axum::Json;
use axum::extract::{Path, State};
use greffe_events::catalogue::Famille;
use greffe_events::ident::{IdFlux, Siren, Siret};
use greffe_projections::comptabilite::{self, ETATS_FLUX, FiltreFlux, FluxRow, TotalFlux};
use serde::{Deserialize, Serialize};

use super::Node;
use super::access::Reader;
use super::problem::Problem;
use super::request::{Params, bad_parameter};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    budget: Option<String>,
    etat: Option<String>,
    exercice: Option<u16>,
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// A SIRET or a SIREN.
fn budget(text: &str) -> Result<String, Problem> {
    let holds = text.parse::<Siret>().is_ok() || text.parse::<Siren>().is_ok();
    if holds { Ok(text.to_owned()) } else { Err(bad_parameter("budget", "budget is a SIRET or a SIREN")) }
}

/// `GET /v1/flux`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    Params(query): Params<ListQuery>,
) -> Result<Json<PageJson<FluxRow>>, Problem> {
    let filtre = FiltreFlux {
        budget: query.budget.as_deref().map(budget).transpose()?,
        etat: mot("etat", query.etat.as_deref(), &ETATS_FLUX, |word| word)?,
        exercice: query.exercice,
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        let page = app.vues.comptabilite.read(|view, _| comptabilite::liste_flux(view, &acces, &filtre, tranche))?;
        Ok(Json(page.into()))
    })
    .await
}

/// The query of totals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotauxQuery {
    budget: String,
    at_least: Option<u64>,
}

/// Totals.
#[derive(Serialize)]
pub(super) struct Totaux {
    totaux: Vec<TotalFlux>,
}

/// `GET /v1/flux/totaux`.
pub(super) async fn totaux(
    State(node): State<Node>,
    reader: Reader,
    Params(query): Params<TotauxQuery>,
) -> Result<Json<Totaux>, Problem> {
    let budget = budget(&query.budget)?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        let totaux = app.vues.comptabilite.read(|view, _| comptabilite::totaux_flux(view, &acces, &budget))?;
        Ok(Json(Totaux { totaux }))
    })
    .await
}

/// `GET /v1/flux/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<FindQuery>,
) -> Result<Json<FluxRow>, Problem> {
    let id: IdFlux = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        let found = app.vues.comptabilite.read(|view, _| comptabilite::flux(view, &acces, &id.to_string()))?;
        found.map(Json).ok_or_else(Problem::not_found)
    })
    .await
}
