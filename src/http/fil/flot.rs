//! One stream (`text/event-stream`, WHATWG HTML §9.2) to one follower.
//!
//! ```text
//! retry: 2000                     once, at the beginning
//!
//! id: 41                          one event for each leaf; the id is its index
//! data: {"index":41,…}
//!
//! :                               every 15 s where nothing was sent: how far the log was looked through, so that whoever
//! id: 57                          connects again doesn't have it looked through again
//!
//! event: fin                      the end, and why: a problem, as in any other answer
//! data: {"code":"token-expired",…}
//! ```
//!
//! **A slow follower harms nobody.** Nothing is written for it before its connection took what was written last: one piece
//! of at most [`PIECE_BYTES`] and one leaf waits, never a queue of leaves. Where its client takes nothing for `WRITE_SILENCE_MAX`
//! it is cut, as anybody who reads no answer (`connexion`).

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::super::access::{Lecture, Reader};
use super::super::feuille::Feuille;
use super::super::places::Place;
use super::super::problem::{Cause, Problem};
use super::super::session::Session;
use super::super::{App, Node};
use super::filtre::Filtre;
use super::recentes::Suiveur;
use super::{BLOCK_LEAVES, read_block};

/// How often a stream where nothing happens says so.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// From which size on a piece is sent before more is added, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// How long at least a session that has not ended at its end goes on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long a client should wait before it connects again, in ms.
const RETRY_MS: u32 = 2_000;

/// What a stream sends, as the connection asks for it.
pub(super) struct Flot {
    pieces: mpsc::Receiver<Bytes>,
}

impl HttpBody for Flot {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Begins a stream at this leaf.
pub(super) fn begin(node: Node, session: Session, filtre: Filtre, from: u64, place: Place) -> Flot {
    // One piece waits for the connection at most.
    let (sender, pieces) = mpsc::channel(1);
    let following = Following {
        suiveur: Suiveur::new(&node),
        session: Arc::new(session),
        filtre: Arc::new(filtre),
        next: from,
        checked: from,
        node,
    };
    tokio::spawn(async move {
        following.run(sender).await;
        drop(place);
    });
    Flot { pieces }
}

/// One who follows.
struct Following {
    node: Node,
    suiveur: Suiveur,
    session: Arc<Session>,
    filtre: Arc<Filtre>,
    /// The first leaf not looked at.
    next: u64,
    /// Leaves before it don't end the session.
    checked: u64,
}

/// What looking at some leaves gave.
#[derive(Default)]
struct Vu {
    text: Vec<u8>,
    /// The first leaf not looked at.
    next: u64,
    /// That one can't be judged without asking the index.
    asks: bool,
}

impl Following {
    async fn run(mut self, pieces: mpsc::Sender<Bytes>) {
        let mut end = Instant::now() + self.session.lasts(self.node.app());
        let mut stopped = self.node.recentes.stopped();
        let mut news = self.node.recentes.news();
        let mut beat = Instant::now() + KEEP_ALIVE;
        if pieces.send(format!("retry: {RETRY_MS}\n\n").into()).await.is_err() {
            return;
        }
        let fin = loop {
            // Room first: what is looked at is sent.
            let room = tokio::select! {
                room = pieces.reserve() => room,
                // It has not even read what came before.
                () = tokio::time::sleep_until(end) => return,
                () = is_told(&mut stopped) => return,
            };
            let Ok(room) = room else { return };
            if *stopped.borrow() {
                break stopping();
            }
            news.mark_unchanged();
            let before = self.next;
            let text = match self.look().await {
                Ok(text) => text,
                Err(problem) => break problem,
            };
            if !text.is_empty() {
                room.send(text.into());
                beat = Instant::now() + KEEP_ALIVE;
                continue;
            }
            if self.next > before && Instant::now() < beat {
                continue;
            }
            tokio::select! {
                _ = news.changed() => {}
                () = pieces.closed() => return,
                () = is_told(&mut stopped) => break stopping(),
                () = tokio::time::sleep_until(end) => {
                    if let Err(problem) = self.check().await {
                        break problem;
                    }
                    // The clock was set back, or is a moment behind.
                    end = Instant::now() + self.session.lasts(self.node.app()).max(LOOK_AGAIN);
                }
                () = tokio::time::sleep_until(beat) => {
                    if let Err(problem) = self.check().await {
                        break problem;
                    }
                    room.send(self.alive());
                    beat = Instant::now() + KEEP_ALIVE;
                }
            }
        };
        let mut text = b"event: fin\n".to_vec();
        // Texts and numbers: nothing in it can fail to serialise.
        data(&mut text, &serde_json::to_vec(&fin).unwrap_or_default());
        // Told or not, it ends.
        let _ = pieces.send(text.into()).await;
    }

    fn alive(&self) -> Bytes {
        match self.next.checked_sub(1) {
            Some(last) => format!(":\nid: {last}\n\n").into(),
            None => Bytes::from_static(b":\n\n"),
        }
    }

    /// What comes next: empty where nothing does, or nothing that the follower is told.
    async fn look(&mut self) -> Result<Vec<u8>, Problem> {
        let mut text = Vec::new();
        while text.len() < PIECE_BYTES {
            let Some(leaves) = self.suiveur.recentes().read(self.next, BLOCK_LEAVES) else {
                // Behind the window: a block from the store, with the rights as they are then.
                let block = self.block().await?;
                self.next = block.next;
                text.extend(block.text);
                return Ok(text);
            };
            let until = leaves.iter().find(|leaf| leaf.index() >= self.checked && self.session.may_end_with(leaf));
            let until = until.map(|leaf| leaf.index());
            let free: Vec<_> =
                leaves.into_iter().take_while(|leaf| until.is_none_or(|end| leaf.index() < end)).collect();
            if free.is_empty() && until.is_none() {
                return Ok(text);
            }
            let seen = choose(&self.session.reader, &self.filtre, &free, self.next, None)?;
            self.next = seen.next;
            text.extend(seen.text);
            if seen.asks {
                let (session, filtre) = (Arc::clone(&self.session), Arc::clone(&self.filtre));
                let next = self.next;
                let asked = self.node.blocking(move |app| {
                    let rest: Vec<_> = free.into_iter().skip_while(|leaf| leaf.index() < next).collect();
                    choose(&session.reader, &filtre, &rest, next, Some(app))
                });
                let asked = asked.await?;
                self.next = asked.next;
                text.extend(asked.text);
            } else if let Some(leaf) = until.filter(|leaf| *leaf == self.next) {
                if !text.is_empty() {
                    // What came before that leaf is sent, whatever it says.
                    return Ok(text);
                }
                self.check().await?;
                self.checked = leaf + 1;
            }
        }
        Ok(text)
    }

    async fn block(&self) -> Result<Vu, Problem> {
        let (session, filtre, next) = (Arc::clone(&self.session), Arc::clone(&self.filtre), self.next);
        read_block(&self.node, next, BLOCK_LEAVES, move |app, leaves| {
            session.check(app)?;
            choose(&session.reader, &filtre, &leaves, next, Some(app))
        })
        .await
    }

    /// Whether the session still holds.
    async fn check(&self) -> Result<(), Problem> {
        let session = Arc::clone(&self.session);
        self.node.blocking(move |app| session.check(app)).await
    }
}

/// Done when streams end.
async fn is_told(stopped: &mut watch::Receiver<bool>) {
    // A node that is gone has stopped.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn stopping() -> Problem {
    Problem::new(Cause::Stopping, "connect again in a moment, with the last id")
}

/// What the follower is told of consecutive leaves from `next` on; without the index as far as that is not asked.
fn choose(
    reader: &Reader,
    filtre: &Filtre,
    leaves: &[Arc<Feuille>],
    next: u64,
    index: Option<&App>,
) -> Result<Vu, Problem> {
    let mut seen = Vu { next, ..Vu::default() };
    for leaf in leaves {
        if filtre.admits(leaf) {
            let reads = match (reader.reads(&leaf.audience), index) {
                (Lecture::DesOuverture(_), None) => {
                    seen.asks = true;
                    return Ok(seen);
                }
                (lecture, Some(app)) => lecture.selon(app)?,
                (lecture, None) => lecture == Lecture::Oui,
            };
            if reads {
                // Writing to a vector can't fail.
                let _ = writeln!(seen.text, "id: {}", leaf.index());
                data(&mut seen.text, &leaf.json()?);
            }
        }
        seen.next = leaf.index() + 1;
        if seen.text.len() >= PIECE_BYTES {
            break;
        }
    }
    Ok(seen)
}

/// The data of an event, which ends with it. A line end within, which JSON has between its tokens only, begins another line.
fn data(text: &mut Vec<u8>, json: &[u8]) {
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.push(b'\n');
}
