//! Merkle proofs ready made (RFC 6962 §2.1.1 and §2.1.2), for those who keep no tiles. Public, as the tiles are.
//!
//! ```text
//! GET /v1/proof/inclusion?index=I[&size=N]      {"index","size","hashes":["<base64>",…],"checkpoint"}
//! GET /v1/proof/consistency?from=M[&to=N]       {"from","to","hashes":["<base64>",…],"checkpoint"}
//! ```
//!
//! `size` and `to` are the head's unless given. `checkpoint` is the signed head where the proof leads to it, and null
//! where it leads to an older tree: then the reader compares with the checkpoint that it kept. The leaf of an inclusion
//! proof is not named: whoever asks has it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Node;
use super::problem::Problem;
use super::request::{Params, bad_parameter};
use crate::ledger::head::Head;
use crate::tlog::Hash;

/// The query of an inclusion proof.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InclusionQuery {
    index: u64,
    size: Option<u64>,
}

/// An inclusion proof.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "PreuveInclusion")]
pub(super) struct InclusionJson {
    index: u64,
    size: u64,
    hashes: Vec<String>,
    checkpoint: Option<String>,
}

/// `GET /v1/proof/inclusion`.
pub(super) async fn inclusion(
    State(node): State<Node>,
    Params(query): Params<InclusionQuery>,
) -> Result<Json<InclusionJson>, Problem> {
    let head = node.app().ledger.head();
    let (index, size) = (query.index, query.size.unwrap_or(head.size));
    check_size("size", size, &head)?;
    if index >= size {
        return Err(bad_parameter("index", format!("a tree of {size} leaves has none at {index}")));
    }
    let hashes = node.blocking(move |app| Ok(app.ledger.inclusion(index, size)?)).await?;
    Ok(Json(InclusionJson { index, size, hashes: texts(&hashes), checkpoint: signed_at(&head, size) }))
}

/// The query of a consistency proof.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsistencyQuery {
    from: u64,
    to: Option<u64>,
}

/// A consistency proof.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "PreuveCoherence")]
pub(super) struct ConsistencyJson {
    from: u64,
    to: u64,
    hashes: Vec<String>,
    checkpoint: Option<String>,
}

/// `GET /v1/proof/consistency`.
pub(super) async fn consistency(
    State(node): State<Node>,
    Params(query): Params<ConsistencyQuery>,
) -> Result<Json<ConsistencyJson>, Problem> {
    let head = node.app().ledger.head();
    let (from, to) = (query.from, query.to.unwrap_or(head.size));
    check_size("to", to, &head)?;
    if !(1..=to).contains(&from) {
        return Err(bad_parameter("from", format!("from is 1 to {to}: the empty tree proves nothing")));
    }
    let hashes = node.blocking(move |app| Ok(app.ledger.consistency(from, to)?)).await?;
    Ok(Json(ConsistencyJson { from, to, hashes: texts(&hashes), checkpoint: signed_at(&head, to) }))
}

fn check_size(name: &'static str, size: u64, head: &Head) -> Result<(), Problem> {
    if size <= head.size { Ok(()) } else { Err(bad_parameter(name, format!("the log has {} leaves", head.size))) }
}

fn signed_at(head: &Head, size: u64) -> Option<String> {
    (head.size == size).then(|| head.checkpoint.clone())
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}
