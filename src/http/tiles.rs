//! The log as C2SP tlog-tiles publishes it: checkpoint, hash tiles, entry bundles.
//!
//! - `GET /checkpoint`: "MUST be `text/plain; charset=utf-8`"; never from a cache.
//! - `GET /tile/<L>/<N>[.p/<W>]`: `application/octet-stream`, immutable, public: leaves hold unpredictable signatures,
//!   so hashes give nothing away.
//! - `GET /tile/entries/<N>[.p/<W>]`: the leaves themselves, for those who read everything, uncompressed.
//!
//! A partial tile is served for every width up to the head's: each was or could have been published, and its content
//! follows from the tree. The path has one spelling, and is taken undecoded.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::Node;
use super::access::Reader;
use super::etag;
use super::problem::{Cause, Problem};
use crate::tlog::{BundleCoordinates, TileCoordinates, TilePath, encode_bundle, encode_tile};

const OCTETS: &str = "application/octet-stream";
/// A full tile never changes and is asked for again and again.
const FULL_TILE_CACHE: &str = "public, max-age=31536000, immutable";
/// Nor does a partial one, but it is soon of no use: "clients SHOULD prefer full tiles".
const PARTIAL_TILE_CACHE: &str = "public, max-age=3600, immutable";

/// `GET /checkpoint`.
pub(super) async fn checkpoint(State(node): State<Node>) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], node.app().ledger.head().checkpoint.clone()).into_response()
}

/// `GET /tile/…`.
pub(super) async fn tile(State(node): State<Node>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    match path_of(&parts.uri)? {
        TilePath::Tile(tile) => hashes(&node, tile).await,
        TilePath::Entries(bundle) => {
            let reader = Reader::from_request_parts(&mut parts, &node).await?;
            entries(&node, &reader, bundle).await
        }
    }
}

fn path_of(uri: &Uri) -> Result<TilePath, Problem> {
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    TilePath::parse(path).map_err(|error| Problem::new(Cause::NotFound, error.to_string()))
}

async fn hashes(node: &Node, tile: TileCoordinates) -> Result<Response, Problem> {
    if !tile.exists_in(node.app().ledger.head().size) {
        return Err(Problem::new(Cause::NotFound, "the tree does not reach so far"));
    }
    let hashes = node.blocking(move |app| Ok(app.ledger.tile(tile.level(), tile.n(), tile.width())?)).await?;
    let cache = if tile.is_partial() { PARTIAL_TILE_CACHE } else { FULL_TILE_CACHE };
    Ok(([(CACHE_CONTROL, cache)], etag::bytes_as(OCTETS, encode_tile(&hashes))).into_response())
}

async fn entries(node: &Node, reader: &Reader, bundle: BundleCoordinates) -> Result<Response, Problem> {
    if !reader.reads_everything() {
        return Err(Problem::new(Cause::TokenNotEntitled, "entry bundles are for operateur and auditeur:*"));
    }
    if !bundle.exists_in(node.app().ledger.head().size) {
        return Err(Problem::new(Cause::NotFound, "the log does not reach so far"));
    }
    let bytes = node
        .blocking(move |app| {
            let leaves = app.ledger.bundle(bundle.n(), bundle.width())?;
            if leaves.len() != usize::from(bundle.width()) {
                return Err(Problem::internal(&"the store holds fewer leaves than the head says"));
            }
            encode_bundle(&leaves).map_err(|error| Problem::internal(&error))
        })
        .await?;
    Ok(etag::bytes_as(OCTETS, bytes))
}
