//! What the endpoints over views share: waiting for an event, cursors, limits, and whom a reader reads for.
//!
//! A cursor is opaque: a reader gives back the `suite` that it got, with the same filters. `at_least` waits until the view has
//! applied that event, at most [`VIEW_WAIT_MAX`]: read your own writes. One that the log does not have is refused (`index-ahead`). A page may hold fewer than its limit and still have a
//! `suite`: there may be more.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use greffe_events::authority::RightsReader;
use greffe_events::catalogue::Famille;
use greffe_events::dossier::Adherent;
use greffe_events::ident::Organisation;
use greffe_projections::liste::{Acces, CHACUN, LIMITE_MAX, Tranche, de_la_prefecture, du_departement};
use greffe_projections::{ReadError, ViewReader, WaitError, adherents};
use serde::{Deserialize, Serialize};

use super::access::Reader;
use super::bounds::{VIEW_WAIT_MAX, overloaded};
use super::csv::Tableau;
use super::liste::Liste;
use super::problem::{Cause, Problem};
use super::request::bad_parameter;
use super::{App, Node};
use crate::vues::Lecteurs;

/// Rows in a page, unless asked otherwise.
pub(super) const LIMIT_DEFAULT: u32 = 50;

/// First byte of a cursor: what its other eight mean.
const CURSOR_BELOW_INDEX: u8 = 1;

/// The cursor of the page that starts before this leaf.
pub(crate) fn cursor(index: u64) -> String {
    let mut bytes = vec![CURSOR_BELOW_INDEX];
    bytes.extend_from_slice(&index.to_be_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

/// Before which leaf the page of this cursor starts.
pub(super) fn read_cursor(text: &str) -> Result<u64, Problem> {
    match BASE64URL_NOPAD.decode(text.as_bytes()).as_deref() {
        Ok([CURSOR_BELOW_INDEX, index @ ..]) => index.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
    .ok_or_else(|| bad_parameter("apres", "apres is the suite of an earlier page"))
}

/// How many rows a page may hold.
pub(super) fn limite(limit: Option<u32>) -> Result<u32, Problem> {
    let limite = limit.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMITE_MAX).contains(&limite) {
        Ok(limite)
    } else {
        Err(bad_parameter("limit", format!("limit is 1 to {LIMITE_MAX}")))
    }
}

/// Where a page starts and how much it holds.
pub(super) fn tranche(limit: Option<u32>, apres: Option<&str>) -> Result<Tranche, Problem> {
    Ok(Tranche { apres: apres.map(read_cursor).transpose()?, limite: limite(limit)? })
}

/// One of a closed list of words.
pub(super) fn mot<T: Copy>(
    name: &'static str,
    text: Option<&str>,
    words: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if words.iter().any(|word| as_str(*word) == text) {
        return Ok(Some(text.to_owned()));
    }
    let known: Vec<&str> = words.iter().map(|word| as_str(*word)).collect();
    Err(bad_parameter(name, format!("{name} is one of: {}", known.join(" "))))
}

/// A page of any view: `{"lignes":[…],"suite":"<cursor>"|null}`.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Page{T}")]
pub(super) struct PageJson<T> {
    lignes: Vec<T>,
    suite: Option<String>,
}

impl<T> PageJson<T> {
    /// A page, and the cursor of the next.
    pub fn new(lignes: Vec<T>, suite: Option<String>) -> Self {
        Self { lignes, suite }
    }
}

impl<T: Serialize + Tableau> Liste for PageJson<T> {
    type Ligne = T;

    fn lignes(&self) -> &[T] {
        &self.lignes
    }

    fn suite(&self) -> Option<String> {
        self.suite.clone()
    }
}

impl<T> From<greffe_projections::liste::Page<T>> for PageJson<T> {
    fn from(page: greffe_projections::liste::Page<T>) -> Self {
        Self { lignes: page.lignes, suite: page.suite.map(cursor) }
    }
}

/// The query of one row of a view.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindQuery {
    pub at_least: Option<u64>,
}

/// Waits until the view has applied this event.
pub(super) async fn wait_for(
    node: &Node,
    at_least: Option<u64>,
    view: impl FnOnce(&Lecteurs) -> &ViewReader + Send + 'static,
) -> Result<(), Problem> {
    let Some(index) = at_least else { return Ok(()) };
    let place = Arc::clone(&node.limits.waits).try_acquire_owned().map_err(|_| overloaded("waiting requests"))?;
    node.blocking(move |app| {
        if index >= app.ledger.head().size {
            known_to_the_store(app, index)?;
        }
        let waited = view(&app.vues).wait_for(index, VIEW_WAIT_MAX);
        drop(place);
        waited.map(|_| ()).map_err(|error| behind(index, error))
    })
    .await
}

/// Whether the log has a leaf there, which another node may have written just now: the store's head decides. Where the store does not
/// tell, the wait does.
fn known_to_the_store(app: &App, index: u64) -> Result<(), Problem> {
    match app.ledger.store().head() {
        Ok(size) if index >= size => {
            let (last, detail) = (size.saturating_sub(1), format!("the log has {size} leaves, none at {index}"));
            let conseil = format!(
                "La dernière feuille de ce registre est à l'indice {last} : vérifiez celui que vous attendez, et l'adresse du nœud."
            );
            Err(Problem::new(Cause::IndexAhead, detail).at("at_least").advise(conseil))
        }
        _ => Ok(()),
    }
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

/// For whom the reader reads exchanges of a family: itself, whom it audits, and, where it is a gateway, the members for whom it
/// signs that family now. The view knows which delegations there may be; the ledger says whether they are in force.
pub(super) fn organisations(app: &App, reader: &Reader, famille: Famille) -> Result<Vec<Organisation>, Problem> {
    let mut organisations = reader.organisations().unwrap_or_default();
    if !reader.is_gateway() {
        return Ok(organisations);
    }
    let (own, now_ms) = (reader.organisation(), app.ledger.now_ms());
    let name = own.to_string();
    let delegators = app.vues.adherents.read(|view, _| adherents::delegants(view, &name, now_ms))?;
    let Some(delegate) = member(app, own)? else { return Ok(organisations) };
    for (delegator, _) in delegators {
        let Ok(delegator) = delegator.parse::<Organisation>() else { continue };
        let in_force = member(app, &delegator)?.is_some_and(|member| member.delegates(own, &delegate, famille, now_ms));
        if in_force && !organisations.contains(&delegator) {
            organisations.push(delegator);
        }
    }
    Ok(organisations)
}

fn member(app: &App, organisation: &Organisation) -> Result<Option<Adherent>, Problem> {
    Ok(app.ledger.index().member(organisation)?)
}

/// What the reader may see in a view of the exchanges of a family.
pub(super) fn acces(app: &App, reader: &Reader, famille: Famille) -> Result<Acces, Problem> {
    if reader.reads_everything() {
        return Ok(Acces::Tout);
    }
    let organisations = organisations(app, reader, famille)?;
    Ok(Acces::De(organisations.iter().map(ToString::to_string).chain([CHACUN.to_owned()]).collect()))
}

/// What the reader may see of members and of the journal: what concerns itself, whom it audits, and its départements. A
/// delegation lets a gateway read exchanges, not the life of its members.
pub(crate) fn acces_propre(reader: &Reader) -> Acces {
    match reader.organisations() {
        None => Acces::Tout,
        Some(organisations) => {
            let departements = reader.departements().iter().map(|departement| du_departement(departement.as_str()));
            let prefectures = reader.prefectures().iter().map(|departement| de_la_prefecture(departement.as_str()));
            Acces::De(organisations.iter().map(ToString::to_string).chain(departements).chain(prefectures).collect())
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
