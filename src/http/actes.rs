//! Acts, from their view (`greffe_projections::actes`), as far as the reader may see them.
//!
//! ```text
//! GET /v1/actes?siren=&departement=&nature=&etat=&limit=&apres=&at_least=      {"actes":[…],"suite":"<cursor>"|null}
//! GET /v1/actes/{id}?at_least=
//! ```
//!
//! Newest first; cursors and `at_least` as in every view (`super::vues`). What an act is about is read from its
//! confidential piece when it is shown.

use axum::Json;
use axum::extract::{Path, State};
use greffe_events::catalogue::Famille;
use greffe_events::ident::{Departement, IdActe, Nature, Siren};
use greffe_projections::legalite::{self, Acces, ActeRow, Etat, Filtre, Objets};
use serde::{Deserialize, Serialize};

use super::access::Reader;
use super::problem::Problem;
use super::request::{Params, parameter};
use super::vues::{FindQuery, cursor, limite, mot, organisations, read_cursor, wait_for};
use super::{App, Node};
use crate::vues::StorePieces;

/// The query of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    siren: Option<String>,
    departement: Option<String>,
    nature: Option<String>,
    etat: Option<String>,
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// A page.
#[derive(Serialize)]
pub(super) struct Page {
    actes: Vec<ActeRow>,
    suite: Option<String>,
}

/// `GET /v1/actes`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page>, Problem> {
    let filtre = query.filtre()?;
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let filtre = Filtre { acces: acces(app, &reader)?, ..filtre };
        page(app, &filtre).map(Json)
    })
    .await
}

/// `GET /v1/actes/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<FindQuery>,
) -> Result<Json<ActeRow>, Problem> {
    let id: IdActe = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader)?;
        let acte = app.vues.legalite.read(|view, _| legalite::find(view, &id.to_string(), &acces))?;
        let mut acte = acte.ok_or_else(Problem::not_found)?;
        objets(app).fill(&mut acte);
        Ok(Json(acte))
    })
    .await
}

impl ListQuery {
    /// The view's filter, each value checked; what the reader may see is added later.
    fn filtre(&self) -> Result<Filtre, Problem> {
        let siren: Option<Siren> = parameter("siren", self.siren.as_deref())?;
        let departement: Option<Departement> = parameter("departement", self.departement.as_deref())?;
        let nature: Option<Nature> = parameter("nature", self.nature.as_deref())?;
        Ok(Filtre {
            siren: siren.map(|siren| siren.to_string()),
            departement: departement.map(|departement| departement.to_string()),
            nature: nature.map(|nature| nature.to_string()),
            etat: mot("etat", self.etat.as_deref(), &Etat::ALL, Etat::as_str)?,
            acces: Acces::Partiel { sirens: Vec::new(), departements: Vec::new() },
            apres: self.apres.as_deref().map(read_cursor).transpose()?,
            limite: limite(self.limit)?,
        })
    }
}

/// One page, and where the next begins if there is one.
fn page(app: &App, filtre: &Filtre) -> Result<Page, Problem> {
    let (mut actes, suite) = app.vues.legalite.read(|view, _| {
        let actes = legalite::list(view, filtre)?;
        let Some(last) = actes.last().map(|acte| acte.index) else { return Ok((actes, None)) };
        let beyond = legalite::list(view, &Filtre { apres: Some(last), limite: 1, ..filtre.clone() })?;
        Ok((actes, (!beyond.is_empty()).then(|| cursor(last))))
    })?;
    // The view's connection is given back first: files may be slow.
    let objets = objets(app);
    for acte in &mut actes {
        objets.fill(acte);
    }
    Ok(Page { actes, suite })
}

fn objets(app: &App) -> Objets<StorePieces> {
    Objets(StorePieces(app.ledger.pieces().clone()))
}

/// The acts of its own, of whom it audits, of members that it signs for, and of its départements.
fn acces(app: &App, reader: &Reader) -> Result<Acces, Problem> {
    if reader.reads_everything() {
        return Ok(Acces::Tout);
    }
    // A body without SIREN owns no act.
    let organisations = organisations(app, reader, Famille::Actes)?;
    Ok(Acces::Partiel {
        sirens: organisations
            .iter()
            .filter_map(greffe_events::ident::Organisation::siren)
            .map(|siren| siren.to_string())
            .collect(),
        departements: reader.departements().iter().map(ToString::to_string).collect(),
    })
}
