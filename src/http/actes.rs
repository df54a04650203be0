//! Acts, from their view (`greffe_projections::actes`), as far as the reader may see them.
//!
//! ```text
//! GET /v1/actes?siren=&departement=&nature=&etat=&limit=&apres=&at_least=      {"actes":[…],"suite":"<cursor>"|null}
//! GET /v1/actes/{id}?at_least=
//! ```
//!
//! Newest first. A cursor is opaque: a reader gives back the `suite` that it got, with the same filters. `at_least` waits
//! until the view has applied that event, at most [`VIEW_WAIT_MAX`]: read your own writes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use data_encoding::BASE64URL_NOPAD;
use greffe_events::ident::{Departement, IdActe, Nature, Siren};
use greffe_projections::actes::{self, Acces, ActeRow, Etat, Filtre, LIMITE_MAX};
use greffe_projections::{ReadError, WaitError};
use serde::{Deserialize, Serialize};

use super::access::{ActesLisibles, Reader};
use super::bounds::{VIEW_WAIT_MAX, overloaded};
use super::problem::{Cause, Problem};
use super::request::{Params, bad_parameter, parameter};
use super::{App, Node};

/// Acts in a page, unless asked otherwise.
const LIMIT_DEFAULT: u32 = 50;

/// First byte of a cursor: what its other eight mean.
const CURSOR_BELOW_INDEX: u8 = 1;

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
    let filtre = query.filtre(&reader)?;
    wait_for(&node, query.at_least).await?;
    node.blocking(move |app| page(app, &filtre).map(Json)).await
}

/// The query of one act.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindQuery {
    at_least: Option<u64>,
}

/// `GET /v1/actes/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    Params(query): Params<FindQuery>,
) -> Result<Json<ActeRow>, Problem> {
    let id: IdActe = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least).await?;
    node.blocking(move |app| {
        let acces = acces(reader.actes());
        let acte = app.actes.read(|view, _| actes::find(view, &id.to_string(), &acces))?;
        acte.map(Json).ok_or_else(Problem::not_found)
    })
    .await
}

impl ListQuery {
    /// The view's filter, each value checked.
    fn filtre(&self, reader: &Reader) -> Result<Filtre, Problem> {
        let siren: Option<Siren> = parameter("siren", self.siren.as_deref())?;
        let departement: Option<Departement> = parameter("departement", self.departement.as_deref())?;
        let nature: Option<Nature> = parameter("nature", self.nature.as_deref())?;
        if self.etat.as_deref().is_some_and(|etat| !Etat::ALL.iter().any(|known| known.as_str() == etat)) {
            return Err(bad_parameter("etat", "etat is transmis or recu"));
        }
        let limite = self.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMITE_MAX).contains(&limite) {
            return Err(bad_parameter("limit", format!("limit is 1 to {LIMITE_MAX}")));
        }
        let apres = self.apres.as_deref().map(read_cursor).transpose()?;
        Ok(Filtre {
            siren: siren.map(|siren| siren.to_string()),
            departement: departement.map(|departement| departement.to_string()),
            nature: nature.map(|nature| nature.to_string()),
            etat: self.etat.clone(),
            acces: acces(reader.actes()),
            apres,
            limite,
        })
    }
}

/// One page, and where the next begins if there is one.
fn page(app: &App, filtre: &Filtre) -> Result<Page, Problem> {
    let page = app.actes.read(|view, _| {
        let actes = actes::list(view, filtre)?;
        let Some(last) = actes.last().map(|acte| acte.transmis_index) else { return Ok(Page { actes, suite: None }) };
        let beyond = actes::list(view, &Filtre { apres: Some(last), limite: 1, ..filtre.clone() })?;
        Ok(Page { actes, suite: (!beyond.is_empty()).then(|| cursor(last)) })
    })?;
    Ok(page)
}

fn cursor(index: u64) -> String {
    let mut bytes = vec![CURSOR_BELOW_INDEX];
    bytes.extend_from_slice(&index.to_be_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

fn read_cursor(text: &str) -> Result<u64, Problem> {
    match BASE64URL_NOPAD.decode(text.as_bytes()).as_deref() {
        Ok([CURSOR_BELOW_INDEX, index @ ..]) => index.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
    .ok_or_else(|| bad_parameter("apres", "apres is the suite of an earlier page"))
}

fn acces(lisibles: ActesLisibles) -> Acces {
    match lisibles {
        ActesLisibles::Tous => Acces::Tout,
        ActesLisibles::De { sirens, departements } => Acces::Partiel {
            sirens: sirens.iter().map(ToString::to_string).collect(),
            departements: departements.iter().map(ToString::to_string).collect(),
        },
    }
}

/// Waits until the view has applied this event.
async fn wait_for(node: &Node, at_least: Option<u64>) -> Result<(), Problem> {
    let Some(index) = at_least else { return Ok(()) };
    let place = Arc::clone(&node.limits.waits).try_acquire_owned().map_err(|_| overloaded("waiting requests"))?;
    node.blocking(move |app| {
        let waited = app.actes.wait_for(index, VIEW_WAIT_MAX);
        drop(place);
        waited.map(|_| ()).map_err(|error| behind(index, error))
    })
    .await
}

fn behind(index: u64, error: WaitError) -> Problem {
    match error {
        WaitError::TimedOut { position } => {
            Problem::new(Cause::ViewBehind, format!("the view has {position} events, not yet the one at {index}"))
        }
        WaitError::Stopped(failure) => {
            let detail = format!("the view is stopped at event {}: the operator has to act", failure.index);
            Problem::new(Cause::ViewStopped, detail).retry_after(300)
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Busy { .. } => overloaded("readers of the view"),
            ReadError::Sqlite(error) => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_that_was_never_given_is_refused() {
        for index in [0, 1, u64::MAX] {
            assert_eq!(read_cursor(&cursor(index)).unwrap(), index);
        }
        for bad in ["", "0", "AQ", "AgAAAAAAAAAB", "AQAAAAAAAAABAA", "é", "AQAAAAAAAAAB="] {
            assert!(read_cursor(bad).is_err(), "{bad}");
        }
    }
}
