//! Leaves over HTTP: `/checkpoint` and `/tile/entries/<N>` of a running node (C2SP tlog-tiles), with a reader's token.
//!
//! Nothing that the server says is believed, and it can neither fill memory nor hold the verification up for ever: bodies,
//! waits and retries are bounded. Entries hold what members posted, so a node gives them to entitled readers only.

use std::time::Duration;

use ureq::Agent;
use ureq::http::StatusCode;

use super::hashes::{Hashes, KeptHashes, hashes_of};
use super::history::{Evidence, verify_history};
use super::leaves::{Leaves, ReadError};
use super::report::Report;
use super::{AuditError, Control};
use crate::tlog::bundle::MAX_BUNDLE_BYTES;
use crate::tlog::note::{MAX_NOTE_BYTES, Note};
use crate::tlog::{BundleCoordinates, Checkpoint, Hash, TILE_WIDTH, TileCoordinates, Verifier, decode_bundle};

/// Longest wait for a connection.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for one whole answer: 16 MB over a slow line.
const ANSWER_WAIT_MAX: Duration = Duration::from_mins(2);
/// Attempts at one request. With [`RETRY_WAIT`] doubled each time, a restart of the node is waited for.
const ATTEMPTS_MAX: u32 = 6;
/// Wait before the second attempt.
const RETRY_WAIT: Duration = Duration::from_millis(250);
/// Bundles asked for at once: hides the latency of a far server; at most 4 × 16 MB of answers.
const BUNDLES_AT_ONCE: u64 = 4;
/// Hash tiles asked for at once, of 8 KB each.
const TILES_AT_ONCE: usize = 8;

/// Largest answer to a request for a hash tile: a full one.
const MAX_TILE_BYTES: usize = TILE_WIDTH as usize * 32;

/// Gives the bearer token of the next requests. Asked before every few bundles: keep one until it is about to expire.
pub type TokenProvider = Box<dyn FnMut() -> Result<String, String> + Send>;

/// A log somewhere.
pub struct HttpLog {
    agent: Agent,
    base: String,
    token: Option<TokenProvider>,
}

/// The leaves of one, up to a checkpoint's size.
pub struct HttpLeaves {
    log: HttpLog,
    size: u64,
}

/// Verifies the log at `url` (scheme, host and path before `/checkpoint`).
///
/// # Errors
///
/// Where the server can't be reached or does not let us read. A wrong answer is a doubt in the report.
pub fn verify_url(
    url: &str,
    token: Option<TokenProvider>,
    pinned: Option<&Verifier>,
    since: Option<&[u8]>,
    control: &mut Control,
) -> Result<Report, AuditError> {
    let mut log = HttpLog::new(url, token);
    let note = log.checkpoint().map_err(|error| AuditError::Unreadable(error.to_string()))?;
    // The size only says how far to read; whose word it is, the verification tells.
    let claimed = Note::parse(&note).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
    let size = claimed.map_or(0, |checkpoint| checkpoint.size());
    let evidence = Evidence {
        pinned: pinned.cloned(),
        checkpoint: Some(note),
        since: since.map(<[u8]>::to_vec),
        hashes: Hashes::Kept(Box::new(log.hashes(size))),
        ..Evidence::default()
    };
    verify_history(&mut log.leaves(size), evidence, control)
}

impl HttpLog {
    /// The log at `url`. Nothing is asked yet.
    pub fn new(url: &str, token: Option<TokenProvider>) -> Self {
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_WAIT_MAX))
            .timeout_global(Some(ANSWER_WAIT_MAX))
            .http_status_as_error(false)
            .max_redirects(3)
            .build()
            .new_agent();
        Self { agent, base: url.trim_end_matches('/').to_owned(), token }
    }

    /// The signed checkpoint, the note's bytes.
    pub fn checkpoint(&mut self) -> Result<Vec<u8>, ReadError> {
        match get(&self.agent, &format!("{}/checkpoint", self.base), None, MAX_NOTE_BYTES)? {
            Some(note) => Ok(note),
            None => Err(ReadError::Unavailable(format!("{} has no /checkpoint: it is no log", self.base))),
        }
    }

    /// The hashes of its first `size` leaves, and of the tree over them.
    pub fn hashes(&self, size: u64) -> impl KeptHashes + use<> {
        HttpHashes { agent: self.agent.clone(), base: self.base.clone(), size }
    }

    /// Its first `size` leaves.
    pub fn leaves(self, size: u64) -> HttpLeaves {
        HttpLeaves { log: self, size }
    }
}

/// The hash tiles that a log serves.
struct HttpHashes {
    agent: Agent,
    base: String,
    size: u64,
}

impl KeptHashes for HttpHashes {
    fn place(&self) -> &str {
        &self.base
    }

    fn size(&self) -> u64 {
        self.size
    }

    /// What is no tile keeps nothing.
    fn read(&mut self, tiles: &[TileCoordinates]) -> Result<Vec<Vec<Hash>>, ReadError> {
        let mut read = Vec::with_capacity(tiles.len());
        for some in tiles.chunks(TILES_AT_ONCE) {
            let (agent, base) = (&self.agent, self.base.as_str());
            let answers: Vec<_> = std::thread::scope(|scope| {
                let requests: Vec<_> =
                    some.iter().map(|tile| scope.spawn(move || fetch_tile(agent, base, tile))).collect();
                requests.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
            });
            for answer in answers {
                read.push(answer.map_err(|_| ReadError::Unavailable("a request's thread panicked".to_owned()))??);
            }
        }
        Ok(read)
    }
}

/// The hashes of a tile, fewer where the server has not as many.
fn fetch_tile(agent: &Agent, base: &str, tile: &TileCoordinates) -> Result<Vec<Hash>, ReadError> {
    let get_tile = |tile: &TileCoordinates| get(agent, &format!("{base}/{tile}"), None, MAX_TILE_BYTES);
    let mut answer = get_tile(tile);
    if matches!(answer, Ok(None)) && tile.is_partial() {
        // As for bundles: the log may have grown since.
        let full = TileCoordinates::new(tile.level(), tile.n(), TILE_WIDTH);
        answer = get_tile(&full.map_err(|error| ReadError::Unavailable(error.to_string()))?);
    }
    match answer {
        Ok(bytes) => Ok(hashes_of(&bytes.unwrap_or_default(), tile.width())),
        Err(ReadError::Damaged(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Leaves for HttpLeaves {
    fn read(&mut self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        if from >= self.size || max == 0 {
            return Ok(Vec::new());
        }
        let width = u64::from(TILE_WIDTH);
        let last_wanted = from.saturating_add(max as u64).min(self.size) - 1;
        let bundles = from / width..=(last_wanted / width).min(from / width + BUNDLES_AT_ONCE - 1);
        let token = self.log.token.as_mut().map(|token| token()).transpose().map_err(ReadError::Unavailable)?;
        let (agent, base, size, token) = (&self.log.agent, self.log.base.as_str(), self.size, token.as_deref());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let requests: Vec<_> =
                bundles.map(|n| scope.spawn(move || fetch_bundle(agent, base, token, n, size))).collect();
            requests.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut leaves = Vec::new();
        for answer in answers {
            let bundle = answer.map_err(|_| ReadError::Unavailable("a request's thread panicked".to_owned()))?;
            match bundle {
                Ok(Some(entries)) => leaves.extend(entries),
                // The history ends here: fewer leaves than the checkpoint says.
                Ok(None) => break,
                // What came before it is good to have; the next read starts at the fault.
                Err(_) if !leaves.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        let skipped = usize::try_from(from % width).unwrap_or(0);
        Ok(leaves.into_iter().skip(skipped).take(max).collect())
    }
}

/// The entries of bundle `n` in a log of `size` leaves; none where the server has none.
fn fetch_bundle(
    agent: &Agent,
    base: &str,
    token: Option<&str>,
    n: u64,
    size: u64,
) -> Result<Option<Vec<Vec<u8>>>, ReadError> {
    let width = u16::try_from((size - n * u64::from(TILE_WIDTH)).min(TILE_WIDTH.into())).unwrap_or(TILE_WIDTH);
    let mut served = width;
    let path = |width| BundleCoordinates::new(n, width).map_err(|error| ReadError::Unavailable(error.to_string()));
    let mut bytes = get(agent, &format!("{base}/{}", path(width)?), token, MAX_BUNDLE_BYTES)?;
    if bytes.is_none() && width < TILE_WIDTH {
        // "Clients … MUST be prepared to fall back to the full tile": the log may have grown since.
        served = TILE_WIDTH;
        bytes = get(agent, &format!("{base}/{}", path(TILE_WIDTH)?), token, MAX_BUNDLE_BYTES)?;
    }
    let Some(bytes) = bytes else { return Ok(None) };
    let entries = decode_bundle(&bytes, served)
        .map_err(|error| ReadError::Damaged(format!("entry bundle {n} is malformed: {error}")))?;
    Ok(Some(entries.into_iter().take(width.into()).map(<[u8]>::to_vec).collect()))
}

/// One file, with retries; none where there is none.
fn get(agent: &Agent, url: &str, token: Option<&str>, bytes_max: usize) -> Result<Option<Vec<u8>>, ReadError> {
    let mut wait = RETRY_WAIT;
    let mut attempt = 1;
    loop {
        let why = match get_once(agent, url, token, bytes_max) {
            Ok(answer) => return answer,
            Err(why) if attempt == ATTEMPTS_MAX => {
                return Err(ReadError::Unavailable(format!("{url}: {why} ({ATTEMPTS_MAX} attempts)")));
            }
            Err(why) => why,
        };
        tracing::debug!(url, why, attempt, "asking again");
        std::thread::sleep(wait);
        wait *= 2;
        attempt += 1;
    }
}

/// One attempt. The outer error is worth another one.
fn get_once(
    agent: &Agent,
    url: &str,
    token: Option<&str>,
    bytes_max: usize,
) -> Result<Result<Option<Vec<u8>>, ReadError>, String> {
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(|error| error.to_string())?;
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Ok(Ok(None));
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(format!("HTTP {status}"));
    }
    if status != StatusCode::OK {
        let error = if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            ReadError::NotEntitled { url: url.to_owned(), status: status.as_u16(), has_token: token.is_some() }
        } else {
            ReadError::Unavailable(format!("{url}: HTTP {status}"))
        };
        return Ok(Err(error));
    }
    match response.body_mut().with_config().limit(bytes_max as u64 + 1).read_to_vec() {
        Ok(body) if body.len() <= bytes_max => Ok(Ok(Some(body))),
        Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => {
            Ok(Err(ReadError::Damaged(format!("{url} answers with more than {bytes_max} bytes"))))
        }
        Err(error) => Err(error.to_string()),
    }
}
