//! How lists are answered: as JSON, or as CSV where the reader asks for it (`Accept: text/csv`), and where the next page is.
//!
//! The cursor stands in the body (`suite`), and as the address of the next page in the header `Link: <…>; rel="next"` (RFC 8288), with
//! the filters of this one: a program follows that without knowing what a cursor is, and CSV has no other place for it.
//!
//! Who asks again sends the `ETag` of what it has: where the view has not moved, nothing is read and the answer is 304 (`super::etag`).

use std::convert::Infallible;
use std::fmt::Debug;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, LINK, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use greffe_projections::ViewReader;
use rusqlite::Connection;
use serde::Serialize;
use uuid::Uuid;

use super::Node;
use super::csv::{self, Tableau};
use super::etag::{self, Etag, Known};
use super::problem::Problem;
use super::request::negotiate;

/// What lists are asked for.
const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// RFC 4180 §3: with the line of headers.
const CSV_TYPE: &str = "text/csv; charset=utf-8; header=present";

/// A page, or the whole of a list.
pub(super) trait Liste: Serialize {
    /// One row.
    type Ligne: Tableau;

    /// The rows.
    fn lignes(&self) -> &[Self::Ligne];

    /// Which `apres` the next page has.
    fn suite(&self) -> Option<String>;
}

/// How something of a view is asked for.
pub(super) struct Conditions {
    uri: Uri,
    known: Known,
    marque: Uuid,
}

impl FromRequestParts<Node> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Infallible> {
        Ok(Self { uri: parts.uri.clone(), known: Known::of(&parts.headers), marque: node.marque })
    }
}

impl Conditions {
    /// Reads from a view, unless the reader has what it would get: then the answer is there already. What it would get follows from the
    /// view's position, from what is asked for in which form, and from what the reader may see.
    fn read<T>(
        &self,
        vue: &ViewReader,
        acces: &dyn Debug,
        media_type: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Lu<T>, Problem> {
        let (uri, acces) = (self.uri.to_string(), format!("{acces:?}"));
        let lu = vue.read(|view, position| {
            let position = position.to_be_bytes();
            let parts: [&[u8]; 5] =
                [self.marque.as_bytes(), &position, media_type.as_bytes(), uri.as_bytes(), acces.as_bytes()];
            let etag = Etag::of(&parts);
            match etag.unchanged(&self.known) {
                Some(response) => Ok(Lu::Inchange(response)),
                None => Ok(Lu::Nouveau(read(view)?, etag)),
            }
        })?;
        Ok(lu)
    }

    /// One row, or a no.
    pub(super) fn un<T: Serialize>(
        &self,
        vue: &ViewReader,
        acces: &dyn Debug,
        read: impl FnOnce(&Connection) -> rusqlite::Result<Option<T>>,
        finish: impl FnOnce(&mut T),
    ) -> Result<Response, Problem> {
        match self.read(vue, acces, JSON, read)? {
            Lu::Inchange(response) => Ok(response),
            Lu::Nouveau(found, etag) => {
                let mut found = found.ok_or_else(Problem::not_found)?;
                finish(&mut found);
                Ok(etag.tag(Json(found).into_response()))
            }
        }
    }
}

/// What was read, or that the reader has it.
enum Lu<T> {
    Inchange(Response),
    Nouveau(T, Etag),
}

/// How a list is asked for.
pub(super) struct Demande {
    conditions: Conditions,
    media_type: &'static str,
}

impl FromRequestParts<Node> for Demande {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Problem> {
        let media_type = negotiate(&parts.headers, &[JSON, CSV])?;
        let Ok(conditions) = Conditions::from_request_parts(parts, node).await;
        Ok(Self { conditions, media_type })
    }
}

impl Demande {
    /// A list of a view: what is read in it, and what becomes of that.
    pub(super) fn lit<T, L: Liste>(
        &self,
        vue: &ViewReader,
        acces: &dyn Debug,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
        finish: impl FnOnce(T) -> Result<L, Problem>,
    ) -> Result<Response, Problem> {
        match self.conditions.read(vue, acces, self.media_type, read)? {
            Lu::Inchange(mut response) => {
                response.headers_mut().insert(VARY, HeaderValue::from(ACCEPT));
                Ok(response)
            }
            Lu::Nouveau(read, etag) => Ok(etag.tag(self.repond(&finish(read)?)?)),
        }
    }

    /// The answer, with the tag of its bytes. Writing a page takes a moment: to be called where work may block.
    pub(super) fn repond<L: Liste>(&self, liste: &L) -> Result<Response, Problem> {
        let mut response = if self.media_type == CSV {
            let table = csv::write(liste.lignes()).map_err(|error| Problem::internal(&error))?;
            let mut response = etag::bytes_as(CSV_TYPE, table);
            let name = format!("attachment; filename=\"greffe-{}.csv\"", L::Ligne::NOM);
            let name = HeaderValue::from_str(&name).map_err(|error| Problem::internal(&error))?;
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
            response
        } else {
            etag::json(liste)?
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from(ACCEPT));
        if let Some(suite) = liste.suite() {
            let link = HeaderValue::from_str(&format!("<{}>; rel=\"next\"", next(&self.conditions.uri, &suite)));
            headers.insert(LINK, link.map_err(|error| Problem::internal(&error))?);
        }
        Ok(response)
    }
}

/// The address of the page after this one: relative, since the node does not know how its proxy is called.
fn next(uri: &Uri, suite: &str) -> String {
    let query = uri.query().unwrap_or_default();
    let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("apres"));
    // Whatever stands in an address, nothing in it ends the address here.
    let cursor = format!("apres={suite}");
    let pairs: Vec<String> = others.map(escaped).chain([cursor]).collect();
    format!("{}?{}", escaped(uri.path()), pairs.join("&"))
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'<' | b'>' | b'"' | b'\\' | b'{' | b'}' | b'^' | b'`' | b'|' | 0x7f.. => format!("%{byte:02X}"),
            _ => char::from(byte).to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_next_page_keeps_the_filters_and_nothing_ends_its_address_early() {
        for (uri, expected) in [
            ("/v1/actes", "/v1/actes?apres=AQ"),
            ("/v1/actes?", "/v1/actes?apres=AQ"),
            ("/v1/actes?apres=xyz", "/v1/actes?apres=AQ"),
            ("/v1/actes?etat=recu&apres=xyz&limit=2", "/v1/actes?etat=recu&limit=2&apres=AQ"),
            ("/v1/actes?apresent=1", "/v1/actes?apresent=1&apres=AQ"),
            ("/v1/journal?code=%3E;{x}", "/v1/journal?code=%3E;%7Bx%7D&apres=AQ"),
        ] {
            assert_eq!(next(&uri.parse().unwrap(), "AQ"), expected, "{uri}");
        }
    }
}
