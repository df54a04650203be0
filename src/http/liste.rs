//! How lists are answered: as JSON, or as CSV where the reader asks for it (`Accept: text/csv`), and where the next page is.
//!
//! The cursor stands in the body (`suite`), and as the address of the next page in the header `Link: <…>; rel="next"` (RFC 8288), with
//! the filters of this one: a program follows that without knowing what a cursor is, and CSV has no other place for it.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, LINK, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::csv::{self, Tableau};
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

/// How a list is asked for.
pub(super) struct Demande {
    uri: Uri,
    media_type: &'static str,
}

impl<S: Sync> FromRequestParts<S> for Demande {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self { uri: parts.uri.clone(), media_type: negotiate(&parts.headers, &[JSON, CSV])? })
    }
}

impl Demande {
    /// The answer. Writing a page takes a moment: to be called where work may block.
    pub(super) fn repond<L: Liste>(&self, liste: &L) -> Result<Response, Problem> {
        let mut response = if self.media_type == CSV {
            let table = csv::write(liste.lignes()).map_err(|error| Problem::internal(&error))?;
            let name = format!("attachment; filename=\"greffe-{}.csv\"", L::Ligne::NOM);
            ([(CONTENT_TYPE, CSV_TYPE.to_owned()), (CONTENT_DISPOSITION, name)], table).into_response()
        } else {
            Json(liste).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from(ACCEPT));
        if let Some(suite) = liste.suite() {
            let link = HeaderValue::from_str(&format!("<{}>; rel=\"next\"", next(&self.uri, &suite)));
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
