//! Extracts: what the log holds about one organisation, as one file (docs/FORMAT.md §10).
//!
//! ```text
//! GET /v1/extraits/{organisation}?du=&au=&pieces=     application/x-tar
//! ```
//!
//! `organisation` is a SIREN or `ICD:identifier`; `du` and `au` are days (Paris) or indices, both included; `pieces=false` leaves the
//! files out. It is given to whoever reads all of that organisation: its own keys, its auditors, the operator; to others it is not
//! there. The answer is as of the newest signed head when it was asked for, and is streamed: one that breaks off ends without
//! its declaration, which every reader notices.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use greffe_events::authority::{KeyRecord, RightsReader};
use greffe_events::dossier::CleJournal;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::piece::Empreinte;
use greffe_projections::journal::{self, extrait as vue};
use hyper::body::Frame;
use rusqlite::Connection;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::access::Reader;
use super::bounds::{EXTRACT_CHUNKS_QUEUED, is_too_slow, overloaded};
use super::problem::{Cause, Problem};
use super::request::{Params, bad_parameter, parameter};
use super::vues::wait_for;
use super::{App, Node};
use crate::extrait::choix::choisis;
use crate::extrait::demande::Demande;
use crate::extrait::ecriture::ecris;
use crate::extrait::{ExtraitError, Fonds, Lue};
use crate::ledger::cles;
use crate::ledger::head::Head;
use crate::ledger::index::IndexError;
use crate::ledger::pieces::Pieces;
use crate::tlog::{Hash, NoteSigner, TileNodes, TileReader, inclusion_proof};

/// Leaves that the view proposes at a time.
const PAGE: u32 = 4_096;

/// Bytes handed to the client at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// The query.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtraitQuery {
    du: Option<String>,
    au: Option<String>,
    pieces: Option<bool>,
}

/// `GET /v1/extraits/{organisation}`.
pub(super) async fn get(
    State(node): State<Node>,
    reader: Reader,
    Path(organisation): Path<String>,
    Params(query): Params<ExtraitQuery>,
) -> Result<Response, Problem> {
    let organisation = Organisation::of_abrege(&organisation).map_err(|_| Problem::not_found())?;
    let demande = Demande {
        organisation,
        du: parameter("du", query.du.as_deref())?,
        au: parameter("au", query.au.as_deref())?,
        pieces: query.pieces.unwrap_or(true),
    };
    demande.check().map_err(|error| bad_parameter("au", error.to_string()))?;
    if !reader.reads_organisation(&demande.organisation) {
        return Err(Problem::not_found());
    }
    let place = node.limits.extracts.take(reader.organisation()).map_err(|_| overloaded("extracts"))?;
    // Counted before the head is taken: no fewer are under it.
    let spoke = demande.organisation.clone();
    let spoken = node.blocking(move |app| Ok(app.ledger.index().leaves_of(&spoke)?)).await?;
    let head = node.app().ledger.head();
    wait_for(&node, head.size.checked_sub(1), |vues| &vues.journal).await?;
    let name = format!("extrait-{}.tar", demande.organisation.abrege().replace(':', "_"));
    let chosen = node.blocking(move |app| {
        let mut fonds = NodeFonds::new(app.clone(), head);
        let choix = choisis(&mut fonds, &demande, &mut |_, _| ());
        // The view only proposes leaves: the log's word goes for none that it forgot.
        let total = match &choix {
            Ok(choix) => choix.paroles.total,
            Err(ExtraitError::Inconnu(_)) => 0,
            Err(_) => spoken,
        };
        if total < spoken {
            let detail = format!("the view shows {total} of {spoken} events of {}", demande.organisation);
            return Err(ExtraitError::Incomplet(detail).into());
        }
        // Given back by the work, not by a client that left.
        Ok((fonds, demande, choix?, place))
    });
    let (mut fonds, demande, choix, place) = chosen.await?;
    let (chunks, queued) = mpsc::channel(EXTRACT_CHUNKS_QUEUED);
    tokio::spawn(async move {
        let write = move |_: &App| {
            let sortie = Sortie { chunks: chunks.clone(), waiting: Vec::new(), sent: 0, begun: Instant::now() };
            if let Err(error) = ecris(&mut fonds, &demande, &choix, sortie, &mut |_, _| ()) {
                // The answer has begun: it breaks off, and the log says why.
                tracing::warn!(%error, "an extract broke off");
                let _ = chunks.blocking_send(Err(io::Error::other("the extract broke off")));
            }
            drop(place);
            Ok(())
        };
        // What went wrong was said above.
        let _ = node.blocking(write).await;
    });
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::new(Flux(queued))).into_response())
}

impl From<ExtraitError> for Problem {
    fn from(error: ExtraitError) -> Self {
        match error {
            ExtraitError::Inconnu(_) => Self::not_found(),
            ExtraitError::Incomplet(detail) => {
                tracing::error!(%detail, "the view journal lacks leaves");
                Self::new(Cause::ViewBehind, detail).retry_after(60)
            }
            other => Self::internal(&other),
        }
    }
}

/// Where the thread that writes puts its bytes: as fast as they are taken, but for a client that is too slow.
struct Sortie {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    waiting: Vec<u8>,
    sent: u64,
    begun: Instant,
}

impl Write for Sortie {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if is_too_slow(self.begun, self.sent) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.sent += self.waiting.len() as u64;
        let chunk = std::mem::take(&mut self.waiting);
        self.chunks.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The body of the answer.
struct Flux(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Flux {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

/// A running node as what extracts are taken from: as of one head, whatever is added meanwhile.
struct NodeFonds {
    app: App,
    head: Arc<Head>,
    nodes: TileNodes<Tuiles>,
}

/// The tree's tiles, as the ledger has them.
struct Tuiles(App);

impl TileReader for Tuiles {
    type Error = IndexError;

    fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, IndexError> {
        self.0.ledger.index().tile(level, n, width)
    }
}

impl NodeFonds {
    fn new(app: App, head: Arc<Head>) -> Self {
        let nodes = TileNodes::new(head.size, Tuiles(app.clone()));
        Self { app, head, nodes }
    }

    fn view<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ExtraitError> {
        // A view that began anew meanwhile would hide what it has not come to yet.
        let read = |view: &Connection, position| (position >= self.head.size).then(|| query(view)).transpose();
        let read = self.app.vues.journal.read(read).map_err(ExtraitError::illisible)?;
        read.ok_or_else(|| ExtraitError::Incomplet("the journal fell behind while it was read".to_owned()))
    }
}

impl Fonds for NodeFonds {
    fn checkpoint(&self) -> &str {
        &self.head.checkpoint
    }

    fn size(&self) -> u64 {
        self.head.size
    }

    fn leaf(&mut self, index: u64) -> Result<Vec<u8>, ExtraitError> {
        let leaf = self.app.ledger.leaf(index).map_err(ExtraitError::illisible)?;
        leaf.ok_or_else(|| ExtraitError::Altere(format!("leaf {index} is missing")))
    }

    fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, ExtraitError> {
        inclusion_proof(index, self.head.size, &self.nodes).map_err(ExtraitError::illisible)
    }

    fn concernant(&mut self, organisation: &Organisation, from: u64, below: u64) -> Result<Vec<u64>, ExtraitError> {
        self.view(|view| vue::concernant(view, &journal::de(organisation), from, below, PAGE))
    }

    fn parole_avant(&mut self, organisation: &Organisation, below: u64) -> Result<Option<u64>, ExtraitError> {
        self.view(|view| vue::parole_avant(view, &journal::de(organisation), below))
    }

    fn parole_depuis(&mut self, organisation: &Organisation, from: u64) -> Result<Option<u64>, ExtraitError> {
        let found = self.view(|view| vue::parole_depuis(view, &journal::de(organisation), from))?;
        Ok(found.filter(|index| *index < self.head.size))
    }

    fn derniere(&mut self, dossier: &Subject, below: u64) -> Result<Option<u64>, ExtraitError> {
        let mut last = self.app.ledger.index().last_of(dossier).map_err(ExtraitError::illisible)?;
        // As of the head: what was added meanwhile is passed over.
        while let Some(index) = last.filter(|index| *index >= below) {
            last = Lue::of(index, self.leaf(index)?)?.previous;
        }
        Ok(last)
    }

    fn du_membre(&mut self, organisation: &Organisation) -> Result<Vec<u64>, ExtraitError> {
        self.du_registre(&organisation.dossier())
    }

    fn du_registre(&mut self, dossier: &Subject) -> Result<Vec<u64>, ExtraitError> {
        let size = self.head.size;
        self.view(|view| vue::du_dossier(view, dossier.as_str(), size))
    }

    fn effacement(&mut self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, ExtraitError> {
        self.app.ledger.index().erasure(organisation, piece).map_err(ExtraitError::illisible)
    }

    fn cle(&mut self, key: &KeyId) -> Result<Option<KeyRecord>, ExtraitError> {
        self.app.ledger.index().key(key).map_err(ExtraitError::illisible)
    }

    fn pieces(&self) -> &Pieces {
        self.app.ledger.pieces()
    }

    fn signataire(&mut self, wanted: &CleJournal) -> Result<NoteSigner, ExtraitError> {
        cles::log_signer(self.app.ledger.folder(), wanted).map_err(|error| ExtraitError::Cle(error.to_string()))
    }
}
