//! Every limit of the API with its reason, and the middleware that stands around all endpoints.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::Next;
use axum::response::IntoResponse;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Node;
use super::pieces::percent_decoded;
use super::places::Places;
use super::problem::{Cause, Problem, ProblemCode};
use crate::ledger::queue;
use crate::store::APPEND_LEAVES_MAX;
use crate::webhooks::{LIVRAISONS_MAX, LIVRAISONS_OF_EACH_MAX, LIVRAISONS_TO_EACH_MAX};

/// Connections open at once, where the process may have as many files ([`connections_max`]). One more takes the place of the one that was silent
/// longest.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Of the files that a process may have open, those that connections may take, in quarters: pieces and SQLite share the rest.
const CONNECTIONS_QUARTERS: u64 = 3;
/// Requests that the node works on at once; above, the answer is 503. Each holds at most an envelope and a receipt in memory.
pub const REQUESTS_MAX: usize = 512;
/// Uploads of pieces at once, which organisations share (`super::places`): each holds a file and a thread that writes.
pub const UPLOADS_MAX: usize = 64;
/// Downloads of pieces at once, shared likewise: each holds a file.
pub const DOWNLOADS_MAX: usize = 128;
/// Pages of the feed at once, each of which walks thousands of leaves; what is left of the requests is for everybody else.
pub const PAGES_MAX: usize = 128;
/// Pages of one organisation at once.
pub const PAGES_OF_EACH_MAX: usize = 8;
/// Addresses of webhooks tried at once for those who ask: each holds a thread for as long as an answer is waited for.
pub const ESSAIS_MAX: usize = 8;
/// The same for one organisation: whoever tries an address waits for its answer.
pub const ESSAIS_OF_EACH_MAX: usize = 1;
/// Streams of the feed at once, where there are twice as many connections at least: each holds one, and some tens of KiB.
pub const FOLLOWERS_MAX: usize = 2_000;
/// Streams of one organisation at once: its programs and its agents' screens; a gateway follows with one for all its members.
pub const FOLLOWERS_OF_EACH_MAX: usize = 64;
/// Extracts written at once, which organisations share likewise: each holds a thread, reads every leaf of one organisation, and lasts as
/// long as its reader takes.
pub const EXTRACTS_MAX: usize = 16;
/// Pieces of an extract that wait for the client: written ahead of it.
pub const EXTRACT_CHUNKS_QUEUED: usize = 4;
/// Requests that wait for a view at once: each holds a thread.
pub const WAITS_MAX: usize = 32;
/// Threads that read disks or compute at once: half of what tokio would start.
pub const THREADS_MAX: usize = 256;
/// Envelopes verified at once, per core: some to compute while others read their pieces' cards.
pub const VERIFICATIONS_PER_CORE: usize = 2;

/// Longest wait for the head of a request on a connection, idle ones kept open included.
pub const HEAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// Size from which a head of a request is refused, in bytes: what came with the bytes before is read, so up to twice as much. Also the
/// largest piece of a body read at once.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a request.
pub const HEADERS_MAX: usize = 64;
/// Longest silence within a body.
pub const BODY_SILENCE_MAX: Duration = Duration::from_secs(20);
/// Longest time for the whole body of an envelope.
pub const ENVELOPE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Most envelopes in a batch: what one batch of the sequencer holds, with a margin for round numbers.
pub const BATCH_LINES_MAX: usize = 1_000;
/// Largest body of a batch, in bytes: what one batch of the sequencer holds, in base64.
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Bytes of whole lines that are verified by one thread at once: enough that handing them over costs nothing beside it, few enough
/// that a batch of a hundred lines keeps several cores busy.
pub const BATCH_BLOCK_BYTES: usize = 64 * 1024;
/// Bytes of batches under way at once, in all requests; counted as they come, so that a slow client holds what it has sent.
pub const BATCHES_BYTES_MAX: usize = 64 << 20;
/// Longest time for the whole body of a batch: the largest one at 100 kB/s.
pub const BATCH_WAIT_MAX: Duration = Duration::from_secs(90);
/// Longest time for the whole body of a piece: the largest one at 100 kB/s.
pub const PIECE_WAIT_MAX: Duration = Duration::from_secs(1_600);
/// How much of a body that is too large is still read before the answer, in bytes: a client that writes before it reads
/// would otherwise see a broken connection instead of the reason.
pub const DRAIN_BYTES_MAX: usize = 1 << 20;
/// Longest time that a client leaves an answer unread.
pub const WRITE_SILENCE_MAX: Duration = Duration::from_secs(30);
/// What a piece comes and goes at, at the least, in bytes per second, after [`TRANSFER_GRACE`]: a slow line of the country.
pub const TRANSFER_BYTES_PER_S_MIN: u64 = 16 * 1024;
/// How long a transfer may take before its rate counts: a line starts slowly, and may stop for a moment.
pub const TRANSFER_GRACE: Duration = Duration::from_mins(1);
/// Longest wait for `?at_least=`.
pub const VIEW_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the requests under way when the node stops.
pub const STOP_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long the rest of an upload that is not kept is still read before the answer.
pub const UPLOAD_DRAIN_WAIT_MAX: Duration = Duration::from_secs(30);

/// Pieces of a body that wait for the disk during an upload.
pub const UPLOAD_CHUNKS_QUEUED: usize = 4;

/// What is left of the limits that requests share.
pub struct Limits {
    pub(super) requests: Semaphore,
    pub(super) uploads: Arc<Places>,
    /// These two are lent for as long as the body of the answer lasts.
    pub(super) downloads: Arc<Places>,
    pub(super) followers: Arc<Places>,
    /// Lent for as long as the page is put together.
    pub(super) pages: Arc<Places>,
    /// The same.
    pub(super) extracts: Arc<Places>,
    /// These three are lent to the thread that sends, whatever becomes of who asked for it.
    pub(super) essais: Arc<Places>,
    pub(super) livraisons: Arc<Places>,
    /// By host and port.
    pub(super) destinations: Arc<Places<String>>,
    /// These three are lent to the work, not to the request: a client that leaves ends its request, but not the thread
    /// that works for it, and must not make room for more of them.
    pub(super) waits: Arc<Semaphore>,
    /// Blocks of the log that are walked for readers at once: one per core, so that walking leaves room for writing.
    pub(super) walks: Arc<Semaphore>,
    pub(super) verifications: Arc<Semaphore>,
    pub(super) threads: Arc<Semaphore>,
    /// In KiB, lent to a batch until it is answered.
    batches: Arc<Semaphore>,
}

// The good lines of one body make one batch of the sequencer.
const _: () = assert!(BATCH_LINES_MAX <= APPEND_LEAVES_MAX && BATCH_BYTES_MAX / 4 * 3 <= queue::BATCH_BYTES_MAX);

impl Limits {
    /// Nothing is under way.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            requests: Semaphore::new(REQUESTS_MAX),
            uploads: Places::new(UPLOADS_MAX),
            downloads: Places::new(DOWNLOADS_MAX),
            pages: Places::shared(PAGES_MAX, PAGES_OF_EACH_MAX),
            followers: Places::shared(FOLLOWERS_MAX.min(connections_max() / 2), FOLLOWERS_OF_EACH_MAX),
            walks: Arc::new(Semaphore::new(cores)),
            extracts: Places::new(EXTRACTS_MAX),
            essais: Places::shared(ESSAIS_MAX, ESSAIS_OF_EACH_MAX),
            livraisons: Places::shared(LIVRAISONS_MAX, LIVRAISONS_OF_EACH_MAX),
            destinations: Places::shared(LIVRAISONS_MAX, LIVRAISONS_TO_EACH_MAX),
            waits: Arc::new(Semaphore::new(WAITS_MAX)),
            verifications: Arc::new(Semaphore::new(VERIFICATIONS_PER_CORE * cores)),
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
            batches: Arc::new(Semaphore::new(BATCHES_BYTES_MAX / 1_024)),
        }
    }

    /// Makes the room that a batch holds enough for its bytes so far, where there is some.
    pub(super) fn grow_batch_room(&self, room: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Option<()> {
        let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(bytes.div_ceil(1_024).saturating_sub(held)).ok()?;
        if missing > 0 {
            let more = Arc::clone(&self.batches).try_acquire_many_owned(missing).ok()?;
            match room {
                Some(room) => room.merge(more),
                None => *room = Some(more),
            }
        }
        Some(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Connections open at once, with the files that this process may have: three quarters of them, 768 under the usual limit of 1,024.
pub fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 4 * CONNECTIONS_QUARTERS).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}

/// Whether a transfer of so many bytes, begun then, is slower than is borne.
pub(super) fn is_too_slow(begun: Instant, bytes: u64) -> bool {
    is_slower_than_borne(begun.elapsed(), bytes)
}

/// Whether so many bytes took longer than is borne.
pub(super) fn is_slower_than_borne(elapsed: Duration, bytes: u64) -> bool {
    elapsed > TRANSFER_GRACE + Duration::from_secs(bytes / TRANSFER_BYTES_PER_S_MIN)
}

/// Too many of this kind are under way.
pub(super) fn overloaded(what: &str) -> Problem {
    Problem::new(Cause::Overloaded, format!("too many {what} are under way"))
}

/// Refuses what is beyond [`REQUESTS_MAX`] instead of queueing it, and a path that is no text: it names nothing.
pub(super) async fn limit_requests(State(node): State<Node>, request: Request, next: Next) -> Response<Body> {
    if percent_decoded(request.uri().path()).is_none() {
        return Problem::not_found().into_response();
    }
    match node.limits.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => overloaded("requests").into_response(),
    }
}

/// A handler panicked: the answer says nothing of it.
// The signature is tower-http's.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn answer_panic(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Problem::internal(&"a handler panicked").into_response()
}

/// Counts the answers that are a no.
pub(super) async fn count_problems(State(node): State<Node>, request: Request, next: Next) -> Response<Body> {
    let response = next.run(request).await;
    if let Some(ProblemCode(code)) = response.extensions().get() {
        node.app().ledger.metrics().problem(code);
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_batch_holds_room_for_its_bytes_however_they_come() {
        let (limits, mut room) = (Limits::new(), None);
        for bytes in 1..=70_000 {
            limits.grow_batch_room(&mut room, bytes).unwrap();
        }
        assert_eq!(room.map(|room| room.num_permits()), Some(69));
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_words() {
        let response = answer_panic(Box::new("/srv/greffe/cles/noeud.pem"));
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "internal");
        assert!(!problem.to_string().contains("noeud.pem"));
    }
}
