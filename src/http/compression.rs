//! What is compressed, and what is not: gzip or zstd, as the client asks (`Accept-Encoding`).
//!
//! Compressed: JSON, CSV, pages and figures. Not: pieces and tiles, which are compressed or random already; leaves and receipts are
//! mostly base64 of such bytes, and small.
//!
//! **BREACH** (CRIME's heir): whoever can put guesses into a body beside a secret, and sees how long the compressed body is, finds the
//! secret out bit by bit. Two ways to put a guess there:
//!
//! - *by the request*: nothing of a request is repeated in an answer that holds a secret (only in problems, which hold none), and no other
//!   site can make a browser ask in a reader's name: the API knows no cookie and CORS is closed, the cookie of pages (`crate::web`) is `SameSite=Strict`;
//! - *by the log*: one member's event stands in a list beside another's. Leaves have no room for free text (DESIGN, promise 9), and
//!   each guess would be a signed event, for ever in the log under its author's name. One text is freely chosen and confidential: the
//!   objet of an act, read from its piece. **So acts are not compressed** ([`never`]), nor the pages of those who have come in, and whatever shows such a text must not be.

use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

/// Shorter bodies are not worth it: they fit into one packet anyway.
const BYTES_MIN: u64 = 1_024;

/// What is compressed.
const TYPES: [&str; 6] = [
    "application/json",
    "application/openmetrics-text",
    "application/problem+json",
    "text/csv",
    "text/css",
    "text/html",
];

/// An answer that shows text which others chose beside secrets.
#[derive(Debug, Clone, Copy)]
struct Never;

/// The answer, never to be compressed.
pub(crate) fn never(mut response: Response) -> Response {
    response.extensions_mut().insert(Never);
    response
}

/// Whether an answer is worth it, by its head.
type IsWorth = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// The layer. It compresses on the threads that answer, hence fast rather than small.
pub(super) fn layer() -> CompressionLayer<And<SizeAbove, IsWorth>> {
    let is_worth: IsWorth = is_compressed;
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(BYTES_MIN).and(is_worth))
}

fn is_compressed(_: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    TYPES.contains(&media_type) && extensions.get::<Never>().is_none()
}
