//! The feed: what was recorded, in its order, as far as the reader may see it. Page by page, or as a stream; one cursor for both.
//!
//! ```text
//! GET /v1/events?after=<index>&limit=&type=&famille=&source=&departement=&sujet=
//!     {"evenements":[{"index":41,"recorded_at":…,"event":{…},…}],"suite":57,"a_jour":true}
//! GET /v1/feed?after=<index>&type=…        Last-Event-ID: <index>      text/event-stream (`flot`)
//! ```
//!
//! The cursor is an index: the last leaf that was looked at, whether or not it was for the reader. `after` and `Last-Event-ID` take it
//! (the latter wins: a client that connects again repeats the address); without it the feed begins with leaf 0. `suite` says where to go on, also where
//! nothing matched; `a_jour` that nothing more is there now. A cursor beyond the log is refused (`cursor-ahead`), because a log never gets shorter.
//!
//! A filter has one value or several, separated by commas: `type` a type or the beginning of some (`greffe.acte.*`), `famille` the word before the
//! slash of a subject, `source` a SIREN or `ICD:identifier`, `departement` that of an act, `sujet` a whole dossier.
//!
//! **What a reader sees is what `GET /v1/events/{index}` gives it** ([`super::access`]), at that moment. What it may not see is passed over without a trace; what becomes
//! readable later (a submission that is opened) is not said again: the leaf that opens it is, and its dossier can be asked for.
//!
//! **Bounded.** A page walks at most `PARCOURS_MAX` leaves, and holds at most `limit` of them and `PAGE_BYTES_MAX`. Walks of the store take turns,
//! a block of leaves each, on as many threads as there are cores. Streams: `places` of the node, [`FOLLOWERS_OF_EACH_MAX`] of them for one organisation.

pub(super) mod filtre;
mod flot;
pub(super) mod recentes;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use greffe_events::Recorded;
use serde::Deserialize;

use self::filtre::Filtre;
use super::bounds::{FOLLOWERS_OF_EACH_MAX, overloaded};
use super::feuille::{EvenementJson, Feuille};
use super::places::Full;
use super::problem::{Cause, Problem};
use super::request::{Params, bad_parameter, single_header};
use super::session::Session;
use super::vues::limite;
use super::{App, Node};
use crate::ledger::LedgerError;

/// Leaves that a page looks at, at most: some tenths of a second.
pub(super) const PARCOURS_MAX: usize = 10_000;
/// From which size on a page ends, in bytes of its leaves as shown.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Leaves read from the store at once, in turn with others who walk.
pub(super) const BLOCK_LEAVES: usize = 500;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A page, as it is described; its events are written as they were made.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "PageDuFil")]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct Page<'a> {
    /// Events, in the order of the log.
    evenements: Vec<EvenementJson<'a>>,
    /// The cursor to go on with; none in an empty log.
    suite: Option<u64>,
    /// Whether nothing more is there now.
    a_jour: bool,
}

/// The query of both.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Demande {
    pub(super) after: Option<String>,
    pub(super) limit: Option<u32>,
    #[serde(rename = "type")]
    pub(super) event_type: Option<String>,
    pub(super) famille: Option<String>,
    pub(super) source: Option<String>,
    pub(super) departement: Option<String>,
    pub(super) sujet: Option<String>,
}

impl Demande {
    /// The first leaf to look at, of a log of so many.
    pub(super) fn from(&self, headers: &HeaderMap, size: u64) -> Result<u64, Problem> {
        let (cursor, wrong) = match single_header(headers, &LAST_EVENT_ID)? {
            Some(id) => (Some(id), Problem::new(Cause::HeaderInvalid, "the id of a leaf").at(LAST_EVENT_ID.as_str())),
            None => (self.after.as_deref(), bad_parameter("after", "the index of a leaf, in its one spelling")),
        };
        let Some(cursor) = cursor else { return Ok(0) };
        let last = cursor.parse::<u64>().ok().filter(|last| last.to_string() == cursor).ok_or(wrong)?;
        if last >= size {
            let detail = format!("the log has {size} leaves, the cursor is {last}");
            return Err(Problem::new(Cause::CursorAhead, detail).at("after"));
        }
        Ok(last + 1)
    }
}

/// `GET /v1/events`.
pub(super) async fn page(
    State(node): State<Node>,
    session: Session,
    Params(demande): Params<Demande>,
) -> Result<Response, Problem> {
    let (filtre, limite) = (Filtre::of(&demande)?, limite(demande.limit)? as usize);
    // So that nobody's walks take the requests of all.
    let _place = node.limits.pages.take(session.reader.organisation()).map_err(|_| overloaded("pages of the feed"))?;
    let size = node.app().ledger.head().size;
    let from = demande.from(&HeaderMap::new(), size)?;
    let reader = Arc::new((session.reader, filtre));
    let (mut next, mut json, mut found) = (from, br#"{"evenements":["#.to_vec(), 0);
    while next < size && next - from < PARCOURS_MAX as u64 && found < limite && json.len() < PAGE_BYTES_MAX {
        let reader = Arc::clone(&reader);
        let (bytes, wanted) = (PAGE_BYTES_MAX - json.len(), limite - found);
        let (chosen, looked) = read_block(&node, next, BLOCK_LEAVES, move |app, leaves| {
            let (reader, filtre) = &*reader;
            let (mut chosen, mut room, mut looked) = (Vec::new(), bytes, 0);
            for leaf in leaves.iter().take_while(|leaf| leaf.index() < size) {
                if filtre.admits(leaf) && reader.reads(&leaf.audience).selon(app)? {
                    let json = leaf.json()?;
                    room = room.saturating_sub(json.len());
                    chosen.push(json);
                }
                looked += 1;
                if chosen.len() == wanted || room == 0 {
                    break;
                }
            }
            Ok((chosen, looked))
        })
        .await?;
        if looked == 0 {
            break;
        }
        next += looked;
        for leaf in chosen {
            json.extend_from_slice(if found == 0 { b"" } else { b"," });
            json.extend_from_slice(&leaf);
            found += 1;
        }
    }
    let suite = next.checked_sub(1);
    let end = serde_json::json!({ "suite": suite, "a_jour": next >= size }).to_string();
    json.extend_from_slice(b"],");
    json.extend_from_slice(end.trim_start_matches('{').as_bytes());
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// `GET /v1/feed`.
pub(super) async fn feed(
    State(node): State<Node>,
    session: Session,
    Params(demande): Params<Demande>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if demande.limit.is_some() {
        return Err(bad_parameter("limit", "a stream has no limit"));
    }
    let filtre = Filtre::of(&demande)?;
    let from = demande.from(&headers, node.app().ledger.head().size)?;
    let place = node.limits.followers.take(session.reader.organisation());
    let place = place.map_err(|full| match full {
        Full::OfEach => {
            let detail = format!("one organisation has at most {FOLLOWERS_OF_EACH_MAX} streams at once");
            Problem::new(Cause::TooManyFollowers, detail).retry_after(30)
        }
        Full::OfAll => overloaded("streams"),
    })?;
    let flot = flot::begin(node, session, filtre, from, place);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // A proxy that waits for more before it sends would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(flot)).into_response())
}

/// Has a block of at most `max` leaves from `from` on read from the store and made ready, in turn with others who walk.
pub(super) async fn read_block<T: Send + 'static>(
    node: &Node,
    from: u64,
    max: usize,
    judge: impl FnOnce(&App, Vec<Arc<Feuille>>) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = Arc::clone(&node.limits.walks).acquire_owned().await;
    let turn = turn.map_err(|error| Problem::internal(&error))?;
    node.blocking(move |app| {
        // Of those that are published.
        let size = app.ledger.head().size;
        let stored = app.ledger.store().read(from, max).map_err(LedgerError::from)?;
        let leaves = (from..size)
            .zip(stored)
            .map(|(index, bytes)| Feuille::of(Arc::new(Recorded::new(index, bytes)), app).map(Arc::new));
        let judged = judge(app, leaves.collect::<Result<_, _>>()?);
        drop(turn);
        judged
    })
    .await
}
