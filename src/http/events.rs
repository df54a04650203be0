//! Events: posting one, reading one, its receipt.
//!
//! `POST /v1/events` takes one DSSE envelope and answers once it is durable: 201 with the receipt, 200 with the receipt
//! where the same bytes were recorded before, or a problem. Several at once: [`super::lots`].

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, LOCATION, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use greffe_events::Recorded;
use greffe_events::dsse::ENVELOPE_BYTES_MAX;

use super::access::Reader;
use super::bounds::{ENVELOPE_WAIT_MAX, overloaded};
use super::etag;
use super::feuille::Feuille;
use super::lots;
use super::problem::Problem;
use super::request::{index_in_path, negotiate, whole_body};
use super::{App, Node};
use crate::ledger::answer::Answer;
use crate::ledger::head::Receipt;

/// `POST /v1/events`. Any type of content may hold an envelope, except the one that says it holds several.
pub(super) async fn post(State(node): State<Node>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    if lots::is_batch(&headers) {
        return lots::post(&node, body).await;
    }
    let envelope = whole_body(body, ENVELOPE_BYTES_MAX, ENVELOPE_WAIT_MAX).await?;
    let _under_way = node.limits.requests.try_acquire().map_err(|_| overloaded("requests"))?;
    let received_at_ms = node.app().ledger.now_ms();
    let core = Arc::clone(&node.limits.verifications).acquire_owned().await;
    let core = core.map_err(|error| Problem::internal(&error))?;
    let prepare = move |app: &App| {
        let prepared = app.ledger.prepare(&[&envelope], received_at_ms)?.pop();
        drop(core);
        let prepared = prepared.ok_or_else(|| Problem::internal(&"an event without a verdict"))?;
        prepared.map_err(|refusal| Problem::refused(refusal, None))
    };
    let prepared = node.blocking(prepare).await?;
    let told = node.app().ledger.submit_all(vec![prepared]).await.pop();
    let told = told.ok_or_else(|| Problem::internal(&"an event without an answer"))?;
    let answer = if told.reads_the_store() {
        node.blocking(move |app| Ok(app.ledger.answer(told)?)).await?
    } else {
        node.app().ledger.answer(told)?
    };
    let (status, receipt) = answered(answer)?;
    let location = format!("/v1/events/{}", receipt.index);
    Ok((status, [(LOCATION, location)], Json(receipt)).into_response())
}

/// What an answer of the ledger is over HTTP.
pub(super) fn answered(answer: Answer) -> Result<(StatusCode, Receipt), Problem> {
    match answer {
        Answer::Recorded { receipt, is_new } => {
            Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, *receipt))
        }
        Answer::Refused(refusal, recorded) => Err(Problem::refused(refusal, recorded.map(|receipt| *receipt))),
        Answer::RefusedTooOften(refusal, key) => Err(Problem::refused_too_often(refusal, key)),
        Answer::Unavailable(why) => Err(why.into()),
    }
}

/// `GET /v1/events/{index}/receipt`: JSON, or the bare `.tlog-proof` with the leaf as its extra line.
pub(super) async fn receipt(
    State(node): State<Node>,
    reader: Reader,
    Path(index): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let index = index_in_path(&index)?;
    let media_type = negotiate(&headers, &["application/json", "text/plain"])?;
    let receipt = node.blocking(move |app| receipt_of(app, &reader, index)).await?;
    let vary = [(VARY, ACCEPT.as_str())];
    if media_type == "text/plain" {
        let proof = receipt.to_tlog_proof().map_err(|error| Problem::internal(&error))?;
        return Ok((vary, etag::bytes_as("text/plain; charset=utf-8", proof.into_bytes())).into_response());
    }
    Ok((vary, etag::json(&receipt)?).into_response())
}

/// The receipt of a leaf that this reader may see.
pub(crate) fn receipt_of(app: &App, reader: &Reader, index: u64) -> Result<Receipt, Problem> {
    readable_leaf(app, reader, index)?;
    app.ledger.receipt(index)?.ok_or_else(Problem::not_found)
}

/// `GET /v1/events/{index}`.
pub(super) async fn get(
    State(node): State<Node>,
    reader: Reader,
    Path(index): Path<String>,
) -> Result<Response, Problem> {
    let index = index_in_path(&index)?;
    let json = node.blocking(move |app| readable_leaf(app, &reader, index)?.json()).await?;
    Ok(etag::bytes_as("application/json", json))
}

/// A leaf that this reader may see; what it may not see is not there.
pub(super) fn readable_leaf(app: &App, reader: &Reader, index: u64) -> Result<Feuille, Problem> {
    let bytes = app.ledger.leaf(index)?.ok_or_else(Problem::not_found)?;
    let feuille = Feuille::of(Arc::new(Recorded::new(index, bytes)), app)?;
    if reader.reads(&feuille.audience).selon(app)? { Ok(feuille) } else { Err(Problem::not_found()) }
}
