//! Pieces: depositing a file before an event cites it, and reading one.
//!
//! `PUT /v1/pieces/{sha256}` streams the bytes to disk; the answer is the same whether or not they were known. With
//! `Greffe-Sel` (64 hex digits) the piece is cited by its engagement, which is then its reference. `Greffe-Nom` keeps
//! the file's original name beside it, percent-encoded UTF-8 (RFC 8187 §3.2.3 without its prefix).
//!
//! `GET /v1/pieces/{reference}` gives the bytes to their depositor and to whoever reads an act that cites them.

use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use greffe_events::event::DossierId;
use greffe_events::ident::Organisation;
use greffe_events::piece::{Empreinte, PIECE_BYTES_MAX};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::io::ReaderStream;

use super::access::Reader;
use super::bounds::{PIECE_WAIT_MAX, UPLOAD_CHUNKS_QUEUED, is_too_slow, overloaded};
use super::problem::{Cause, Problem};
use super::request::{announced_length, next_chunk, single_header, too_large, too_slow};
use super::{App, Node};
use crate::ledger::pieces::{Deposit, NOM_CHARS_MAX};

const GREFFE_SEL: HeaderName = HeaderName::from_static("greffe-sel");
const GREFFE_NOM: HeaderName = HeaderName::from_static("greffe-nom");

/// Citations of one piece that are looked through for one that the reader may see. An annexe may be cited by hundreds
/// of acts of one collectivité.
const CITATIONS_READ_MAX: u32 = 10_000;

/// Bytes read at a time from a file that is sent.
const SEND_BYTES: usize = 64 * 1024;

/// What the depositor needs to cite its piece.
#[derive(Serialize)]
pub(super) struct Deposited {
    reference: Empreinte,
    sha256: Empreinte,
    taille: u64,
}

/// `PUT /v1/pieces/{sha256}`.
pub(super) async fn put(
    State(node): State<Node>,
    reader: Reader,
    Path(sha256): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Deposited>), Problem> {
    if !reader.may_deposit() {
        return Err(Problem::new(Cause::TokenNotEntitled, "a key that signs nothing deposits nothing"));
    }
    let sha256: Empreinte = sha256.parse().map_err(|_| Problem::not_found())?;
    let sel = sel(&headers)?;
    let nom = nom(&headers)?;
    if announced_length(&headers).is_some_and(|length| length > PIECE_BYTES_MAX) {
        return Err(too_large(PIECE_BYTES_MAX));
    }
    let _permit = node.limits.uploads.try_acquire().map_err(|_| overloaded("uploads"))?;
    let (deposit, taille) =
        tokio::time::timeout(PIECE_WAIT_MAX, receive(&node, body)).await.unwrap_or_else(|_| Err(too_slow()))?;
    let organisation = reader.organisation().clone();
    let finish = move |app: &App| Ok(app.ledger.pieces().finish(deposit, &organisation, sha256, sel, nom)?);
    let reference = node.blocking(finish).await?;
    Ok((StatusCode::CREATED, Json(Deposited { reference, sha256, taille })))
}

/// Brings a body to disk: read here, written by a thread. Dropped half-way, nothing is left.
async fn receive(node: &Node, mut body: Body) -> Result<(Deposit, u64), Problem> {
    let (chunks, mut queued) = mpsc::channel::<Bytes>(UPLOAD_CHUNKS_QUEUED);
    let write = node.blocking(move |app| {
        let mut deposit = app.ledger.pieces().deposit()?;
        while let Some(chunk) = queued.blocking_recv() {
            deposit.write(&chunk)?;
        }
        Ok(deposit)
    });
    let read = async move {
        let (begun, mut taille) = (Instant::now(), 0);
        while let Some(chunk) = next_chunk(&mut body).await? {
            taille += chunk.len() as u64;
            if is_too_slow(begun, taille) {
                return Err(too_slow());
            }
            // Refused only where writing failed, which tells why itself.
            if chunks.send(chunk).await.is_err() {
                break;
            }
        }
        Ok::<u64, Problem>(taille)
    };
    let (written, read) = tokio::join!(write, read);
    Ok((written?, read?))
}

fn sel(headers: &HeaderMap) -> Result<Option<Empreinte>, Problem> {
    let wrong = |_| Problem::new(Cause::HeaderInvalid, "32 random bytes as 64 lowercase hex digits").at("greffe-sel");
    single_header(headers, &GREFFE_SEL)?.map(|text| text.parse().map_err(wrong)).transpose()
}

fn nom(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(text) = single_header(headers, &GREFFE_NOM)? else { return Ok(None) };
    let nom = percent_decoded(text).filter(|nom| {
        (1..=NOM_CHARS_MAX).contains(&nom.chars().count()) && !nom.chars().any(|c| c.is_control() || "/\\".contains(c))
    });
    let wrong = || {
        let detail =
            "a file name of 1 to 255 characters, percent-encoded UTF-8, without slashes and control characters";
        Problem::new(Cause::HeaderInvalid, detail).at("greffe-nom")
    };
    nom.ok_or_else(wrong).map(Some)
}

/// Percent-decoding (RFC 3986 §2.1) to UTF-8; none where a `%` is not followed by two hex digits.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (hex, after) = rest.split_first_chunk::<2>()?;
            bytes.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// `GET /v1/pieces/{reference}`.
pub(super) async fn get(
    State(node): State<Node>,
    reader: Reader,
    Path(reference): Path<String>,
) -> Result<Response, Problem> {
    let reference: Empreinte = reference.parse().map_err(|_| Problem::not_found())?;
    let permit = node.limits.downloads.clone().try_acquire_owned().map_err(|_| overloaded("downloads"))?;
    let (file, taille) = node.blocking(move |app| open_readable(app, &reader, reference)).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, "attachment".to_owned()),
        (CONTENT_LENGTH, taille.to_string()),
    ];
    let lent = Lent { file: tokio::fs::File::from_std(file), begun: Instant::now(), sent: 0, _permit: permit };
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(lent, SEND_BYTES))).into_response())
}

/// Opens a piece that this reader may see, with its size.
fn open_readable(app: &App, reader: &Reader, reference: Empreinte) -> Result<(std::fs::File, u64), Problem> {
    let open = |organisation: &Organisation| -> Result<Option<(std::fs::File, u64)>, Problem> {
        let Some(file) = app.ledger.pieces().read(organisation, reference)? else { return Ok(None) };
        let taille = file.metadata().map_err(|error| Problem::internal(&error))?.len();
        Ok(Some((file, taille)))
    };
    if let Some(own) = open(reader.organisation())? {
        return Ok(own);
    }
    for (source, subject) in app.ledger.index().citations(reference, CITATIONS_READ_MAX)? {
        let reads_dossier = || DossierId::of(&subject).is_ok_and(|dossier| reader.reads_dossier(&dossier));
        if (reader.reads_organisation(&source) || reads_dossier())
            && let Some(cited) = open(&source)?
        {
            return Ok(cited);
        }
    }
    Err(Problem::not_found())
}

/// A file that is being sent, and its place among the downloads. Whoever reads it too slowly is cut: the place is another's.
struct Lent {
    file: tokio::fs::File,
    begun: Instant,
    /// Bytes read from the file so far.
    sent: u64,
    _permit: OwnedSemaphorePermit,
}

impl tokio::io::AsyncRead for Lent {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if is_too_slow(self.begun, self.sent) {
            return std::task::Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = std::pin::Pin::new(&mut self.file).poll_read(context, buffer);
        self.sent += (buffer.filled().len() - before) as u64;
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_utf_8_once_decoded() {
        let table = [
            ("plan.pdf", Some("plan.pdf")),
            ("d%C3%A9lib%C3%a9ration%20n%C2%B0%201.pdf", Some("délibération n° 1.pdf")),
            ("100%25", Some("100%")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%FF", None),
        ];
        for (text, expected) in table {
            assert_eq!(percent_decoded(text).as_deref(), expected, "{text}");
        }
    }
}
