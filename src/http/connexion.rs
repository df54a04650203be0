//! One connection's traffic, and whose place a newcomer gets when all are taken.
//!
//! There are [`CONNECTIONS_MAX`](super::bounds::CONNECTIONS_MAX) places, and whoever connects gets one: where none is left, the
//! connection that has been silent longest makes room, among those that the node is not working for. So neither idle connections
//! nor heads and bodies that never end keep anybody out, however many there are; a client whose idle connection was
//! taken connects again. A client that does not read its answer is cut after [`WRITE_SILENCE_MAX`], and so is one that lets the node
//! wait for longer than a slow line would: what it is sent lies in memory meanwhile.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::bounds::{WRITE_SILENCE_MAX, is_slower_than_borne};

/// How often a connection looks whether its client still reads.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// What goes on on one connection. Shared by its stream, its requests and the places.
pub(super) struct Trafic {
    opened: Instant,
    /// Last byte read or written, in ms after `opened`.
    moved_ms: AtomicU64,
    /// Since when what was to be written waits, in ms after `opened`; [`NOT_BLOCKED`] where nothing does.
    blocked_ms: AtomicU64,
    /// How long the writing of this answer has waited for its client before, in ms.
    waited_ms: AtomicU64,
    /// Bytes written of this answer.
    written: AtomicU64,
    /// A whole request was read and its answer has not begun: the client waits for the node, not the node for the client.
    is_working: AtomicBool,
    cut: Notify,
}

/// No write waits.
const NOT_BLOCKED: u64 = u64::MAX;

impl Trafic {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            moved_ms: AtomicU64::new(0),
            blocked_ms: AtomicU64::new(NOT_BLOCKED),
            waited_ms: AtomicU64::new(0),
            written: AtomicU64::new(0),
            is_working: AtomicBool::new(false),
            cut: Notify::new(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(self.now_ms().saturating_sub(self.moved_ms.load(Ordering::Relaxed)))
    }

    fn moved(&self) {
        self.moved_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(count) => {
                let since_ms = self.blocked_ms.swap(NOT_BLOCKED, Ordering::Relaxed);
                self.waited_ms.fetch_add(self.now_ms().saturating_sub(since_ms), Ordering::Relaxed);
                self.written.fetch_add(count.as_ref().map_or(0, |count| *count as u64), Ordering::Relaxed);
                self.moved();
            }
            Poll::Pending => {
                let since = (NOT_BLOCKED, self.now_ms());
                let _ = self.blocked_ms.compare_exchange(since.0, since.1, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// A request's head came; its body, where there is one, says itself when it ends.
    pub(super) fn begins(&self, has_body: bool) {
        self.is_working.store(!has_body, Ordering::Relaxed);
    }

    /// The answer is ready to be sent.
    pub(super) fn answers(&self) {
        self.is_working.store(false, Ordering::Relaxed);
        self.waited_ms.store(0, Ordering::Relaxed);
        self.written.store(0, Ordering::Relaxed);
        self.moved();
    }

    /// Whether its client takes an answer slower than is borne, or not at all.
    fn is_left_waiting(&self) -> bool {
        let now = self.now_ms().saturating_sub(self.blocked_ms.load(Ordering::Relaxed));
        let waited = Duration::from_millis(now + self.waited_ms.load(Ordering::Relaxed));
        Duration::from_millis(now) > WRITE_SILENCE_MAX
            || is_slower_than_borne(waited, self.written.load(Ordering::Relaxed))
    }

    /// Done when the connection is to be cut: its place is given to another, or its client does not read.
    pub(super) async fn is_cut(&self) {
        let does_not_read = async {
            while !self.is_left_waiting() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        tokio::select! {
            () = self.cut.notified() => {}
            () = does_not_read => {}
        }
    }
}

/// The places for connections.
pub(super) struct Places {
    max: usize,
    taken: Mutex<HashMap<u64, Arc<Trafic>>>,
    next: AtomicU64,
}

impl Places {
    /// So many, all free.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// A place for one more connection, at the cost of the one that has been silent longest where none is free; none where
    /// the node is working for all of them.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= self.max {
            let idle = taken.iter().filter(|(_, trafic)| !trafic.is_working.load(Ordering::Relaxed));
            let silent_longest = idle.max_by_key(|(_, trafic)| trafic.silence()).map(|(id, _)| *id)?;
            // Its place is another's from now on; the connection itself ends within a moment.
            if let Some(trafic) = taken.remove(&silent_longest) {
                trafic.cut.notify_one();
            }
        }
        let (id, trafic) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Trafic::new()));
        taken.insert(id, Arc::clone(&trafic));
        Some(Place { id, trafic, places: Arc::clone(self) })
    }
}

/// A place, given back when dropped.
pub(super) struct Place {
    id: u64,
    pub(super) trafic: Arc<Trafic>,
    places: Arc<Places>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// A stream that says when it moves.
pub(super) struct Suivi {
    pub(super) stream: TcpStream,
    pub(super) trafic: Arc<Trafic>,
}

impl AsyncRead for Suivi {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.trafic.moved();
        Poll::Ready(read)
    }
}

impl AsyncWrite for Suivi {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.trafic.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.trafic.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request's body that says when it has come whole.
pub(super) struct Corps {
    pub(super) body: Incoming,
    pub(super) trafic: Arc<Trafic>,
}

impl HttpBody for Corps {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.trafic.begins(false);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn waiting_counts_against_what_was_taken_and_from_each_answer_anew() {
        let trafic = Trafic::new();
        let minute = 60_000;
        trafic.wrote(&Poll::Pending);
        trafic.blocked_ms.store(0, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        trafic.wrote(&Poll::Ready(Ok(16 * 1024)));
        let waited_ms = trafic.waited_ms.load(Ordering::Relaxed);
        assert!((20..minute).contains(&waited_ms), "{waited_ms}");
        // Not waiting is no delay, however long it lasts.
        trafic.wrote(&Poll::Ready(Ok(1)));
        assert_eq!(trafic.waited_ms.load(Ordering::Relaxed), waited_ms);
        // A second is what so many bytes may take, beyond the first minute.
        trafic.waited_ms.store(minute + 900, Ordering::Relaxed);
        assert!(!trafic.is_left_waiting());
        trafic.waited_ms.store(minute + 1_001, Ordering::Relaxed);
        assert!(trafic.is_left_waiting());
        trafic.answers();
        assert!(!trafic.is_left_waiting());
    }

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_whoever_was_silent_longest_and_never_of_work() {
        let places = Places::new(3);
        let (working, idle, busy_reader) = (places.take().unwrap(), places.take().unwrap(), places.take().unwrap());
        working.trafic.begins(false);
        std::thread::sleep(Duration::from_millis(5));
        busy_reader.trafic.moved();
        let newcomer = places.take().unwrap();
        idle.trafic.is_cut().await;
        // What it held was given away already: dropping it frees nothing.
        drop(idle);
        assert_eq!(places.taken.lock().unwrap().len(), 3);
        newcomer.trafic.begins(false);
        busy_reader.trafic.begins(false);
        assert!(places.take().is_none(), "the node works for all of them");
        working.trafic.answers();
        assert!(places.take().is_some());
    }
}
