//! Pieces: depositing a file before an event cites it, and reading one.
//!
//! `PUT /v1/pieces/{sha256}` streams the bytes to disk; the answer is the same whether or not they were known. With
//! `Greffe-Sel` (64 hex digits) the piece is cited by its engagement, which is then its reference. `Greffe-Nom` keeps
//! the file's original name beside it, percent-encoded UTF-8 (RFC 8187 §3.2.3 without its prefix).
//!
//! Whoever holds a key that signs events may deposit, with a token bound to that deposit ([`super::auth`]), into the space of the key's organisation and within its quota. An
//! event signed by a delegation cites what the member or the delegate deposited.
//!
//! `GET /v1/pieces/{reference}` gives the bytes to their depositor and to whoever reads an act that cites them; 410 where a
//! leaf erased them. To anybody else they are not there, and the answer takes as long whether they are or not: looking
//! through citations that the reader may not see takes time, so that answer comes at whole steps of `NOT_FOUND_STEP`.

use std::time::{Duration, Instant};

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
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::access::Reader;
use super::bounds::{PIECE_WAIT_MAX, UPLOAD_CHUNKS_QUEUED, UPLOAD_DRAIN_WAIT_MAX, is_too_slow, overloaded};
use super::places::Place;
use super::problem::{Cause, Problem};
use super::request::{announced_length, drain, next_chunk, single_header, too_large, too_slow};
use super::session::Session;
use super::{App, Node};
use crate::ledger::pieces::{Announced, Deposit, NOM_CHARS_MAX, PieceError};

pub(super) const GREFFE_SEL: HeaderName = HeaderName::from_static("greffe-sel");
pub(super) const GREFFE_NOM: HeaderName = HeaderName::from_static("greffe-nom");

/// Citations of one piece that are looked through for one that the reader may see: of one organisation, and in all. An annexe may
/// be cited by hundreds of acts of one collectivité, and a public model by most of them.
const CITATIONS_OF_EACH_MAX: u32 = 1_000;
const CITATIONS_READ_MAX: u32 = 50_000;

/// When the answer comes that a piece is not there: more than the looking takes, for a piece cited some thousand times.
const NOT_FOUND_STEP: Duration = Duration::from_millis(50);

/// Bytes read at a time from a file that is sent.
const SEND_BYTES: usize = 64 * 1024;

/// What the depositor needs to cite its piece.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "PieceDeposee")]
pub(super) struct Deposited {
    reference: Empreinte,
    sha256: Empreinte,
    taille: u64,
}

/// `PUT /v1/pieces/{sha256}`.
pub(super) async fn put(
    State(node): State<Node>,
    session: Session,
    Path(sha256): Path<String>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<(StatusCode, Json<Deposited>), Problem> {
    session.expect_bound()?;
    let reader = session.reader;
    if !reader.may_deposit() {
        return Err(Problem::new(Cause::TokenNotEntitled, "a key that signs nothing deposits nothing"));
    }
    let wrong =
        |_| Problem::new(Cause::QueryInvalid, "the SHA-256 of the file, as 64 lowercase hex digits").at("sha256");
    let sha256: Empreinte = sha256.parse().map_err(wrong)?;
    let announced = Announced {
        organisation: reader.organisation().clone(),
        sha256,
        sel: sel(&headers)?,
        nom: nom(&headers)?,
        taille: announced_length(&headers),
    };
    if announced.taille.is_some_and(|taille| taille > PIECE_BYTES_MAX) {
        return Err(too_large(PIECE_BYTES_MAX));
    }
    let permit = node.limits.uploads.take(reader.organisation()).map_err(|_| overloaded("uploads"))?;
    let begun = node.blocking(move |app: &App| Ok(app.ledger.depot().deposit(announced)?)).await;
    let deposit = match begun {
        Ok(deposit) => deposit,
        Err(problem) => {
            drop(permit);
            drain_upload(&mut body).await;
            return Err(problem);
        }
    };
    let (deposit, taille) = tokio::time::timeout(PIECE_WAIT_MAX, receive(&node, deposit, body))
        .await
        .unwrap_or_else(|_| Err(too_slow()))?;
    let reference = node.blocking(move |app: &App| Ok(app.ledger.depot().finish(deposit)?)).await?;
    Ok((StatusCode::CREATED, Json(Deposited { reference, sha256, taille })))
}

/// Brings a body to disk: read here, written by a thread. Dropped half-way, nothing is left.
async fn receive(node: &Node, mut deposit: Deposit, mut body: Body) -> Result<(Deposit, u64), Problem> {
    let (chunks, mut queued) = mpsc::channel::<Bytes>(UPLOAD_CHUNKS_QUEUED);
    let write = node.blocking(move |_| {
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
                drain_upload(&mut body).await;
                break;
            }
        }
        Ok::<u64, Problem>(taille)
    };
    let (written, read) = tokio::join!(write, read);
    Ok((written?, read?))
}

/// Reads on what is not kept: most clients read the answer once they have sent everything, and would else see a broken
/// connection instead of the reason.
async fn drain_upload(body: &mut Body) {
    let all = usize::try_from(PIECE_BYTES_MAX).unwrap_or(usize::MAX);
    // Told or not, it ends here.
    let _ = tokio::time::timeout(UPLOAD_DRAIN_WAIT_MAX, drain(body, all)).await;
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
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
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
    envoie(&node, reader, &reference).await
}

/// The bytes of a piece that this reader may see, as a file to keep.
pub(crate) async fn envoie(node: &Node, reader: Reader, reference: &str) -> Result<Response, Problem> {
    let reference: Empreinte = reference.parse().map_err(|_| Problem::not_found())?;
    let permit = node.limits.downloads.take(reader.organisation()).map_err(|_| overloaded("downloads"))?;
    let asked = Instant::now();
    let opened = node.blocking(move |app| open_readable(app, &reader, reference)).await;
    let Ouverte { file, taille, nom } = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            drop(permit);
            if problem.status() == StatusCode::NOT_FOUND {
                wait_for_the_step(asked).await;
            }
            return Err(problem);
        }
    };
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, disposition(nom.as_deref())),
        (CONTENT_LENGTH, taille.to_string()),
    ];
    let lent = Lent { file: tokio::fs::File::from_std(file), begun: Instant::now(), sent: 0, _permit: permit };
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(lent, SEND_BYTES))).into_response())
}

/// Waits until a whole number of `NOT_FOUND_STEP`s has passed.
async fn wait_for_the_step(asked: Instant) {
    let steps = asked.elapsed().as_millis() / NOT_FOUND_STEP.as_millis() + 1;
    let at = asked + NOT_FOUND_STEP * u32::try_from(steps).unwrap_or(1);
    tokio::time::sleep_until(at.into()).await;
}

/// A file to save, under the name that its depositor gave (RFC 6266 §4.3, RFC 8187).
fn disposition(nom: Option<&str>) -> String {
    use std::fmt::Write as _;
    let mut text = "attachment".to_owned();
    let Some(nom) = nom else { return text };
    text.push_str("; filename*=UTF-8''");
    for byte in nom.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// A piece that was opened to be sent.
struct Ouverte {
    file: std::fs::File,
    taille: u64,
    nom: Option<String>,
}

/// Opens a piece that this reader may see.
fn open_readable(app: &App, reader: &Reader, reference: Empreinte) -> Result<Ouverte, Problem> {
    let index = app.ledger.index();
    let mut erased = None;
    let mut open = |organisation: &Organisation| -> Result<Option<Ouverte>, Problem> {
        // Erased by a leaf, whether or not the bytes are still there for an instant.
        if let Some(index) = index.erasure(organisation, reference)? {
            erased = Some(PieceError::Erased { index });
            return Ok(None);
        }
        let Some(file) = app.ledger.pieces().read(organisation, reference)? else { return Ok(None) };
        let taille = file.metadata().map_err(|error| Problem::internal(&error))?.len();
        let nom = app.ledger.pieces().card(organisation, reference)?.and_then(|card| card.nom);
        Ok(Some(Ouverte { file, taille, nom }))
    };
    if let Some(own) = open(reader.organisation())? {
        return Ok(own);
    }
    let mut sources: Vec<Organisation> = Vec::new();
    for (source, subject) in index.citations(reference, CITATIONS_OF_EACH_MAX, CITATIONS_READ_MAX)? {
        let reads_dossier = || match DossierId::of(&subject) {
            Ok(dossier) => reader.reads_dossier(&dossier).selon(app),
            Err(_) => Ok(false),
        };
        if !sources.contains(&source) && (reader.reads_organisation(&source) || reads_dossier()?) {
            if let Some(cited) = open(&source)? {
                return Ok(cited);
            }
            sources.push(source);
        }
    }
    Err(erased.map_or_else(Problem::not_found, Problem::from))
}

/// A file that is being sent, and its place among the downloads. Whoever reads it too slowly is cut: the place is another's.
struct Lent {
    file: tokio::fs::File,
    begun: Instant,
    /// Bytes read from the file so far.
    sent: u64,
    _permit: Place,
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
