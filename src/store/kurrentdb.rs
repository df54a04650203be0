//! The store on KurrentDB (EventStoreDB 20.6 and later): one stream is the log, through the crate `eventstore`.
//!
//! | module | what it does |
//! |---|---|
//! | [`record`] | a leaf as a record of the stream, and back: pure |
//! | [`address`] | connection strings |
//! | `session` | one client, its calls, each within a bound |
//! | [`fault`] | what each failure means |
//!
//! Revision = index, expected revision = the fence. This file decides when a call is made again, and when its result is believed:
//!
//! - **An append in doubt** (no answer, a connection that broke) is made again, the same records with the same ids, through a new client. It
//!   succeeds, or the place is taken; then the leaves that stand there are read from the leader and compared, byte for byte. Where
//!   neither comes about in time it is [`AppendError::Unsettled`].
//! - **Whoever writes or asks for the head asks the leader**, and looks first, unless the leader has answered a moment ago ([`CONFIRMED`]): do the
//!   stream's metadata let the server drop leaves? is the newest leaf that this store has seen committed still there? A cluster that lost it
//!   (all nodes lost power, or an old copy was put back) is refused until it has it again.
//! - **Leaves are read from any node**, so that reading goes on while there is no majority; only where that node has nothing more is the leader
//!   asked.
//! - **A client that failed is thrown away**: the crate's own never recovers from a failed first connection, nor from the death of the node
//!   that it chose.
//!
//! No subscription is used: the crate's can't be timed out, and panics on a stream that is not there. Followers ask for the head.
//!
//! What it does not do: create or change the stream's metadata, delete, scavenge, or read `$all`, whose positions are no indices.

pub mod address;
pub mod fault;
pub mod record;
mod session;

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use greffe_events::Uuid;

use self::address::Address;
use self::fault::Failure;
pub use self::fault::Fault;
use self::record::Record;
pub use self::session::CONFIRMED;
use self::session::{Node, Session};
use super::{AppendError, AppendMax, EventStore, FOLLOW_WAIT_MAX, READ_LEAVES_MAX, StoreError, check_bounds};

/// How long a call waits before it is made again: a server that restarts is not flooded.
pub const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How often a follower asks whether *another process* appended; appends of this one wake it at once.
pub const FOLLOW_POLL: Duration = Duration::from_millis(100);
/// Attempts that share the wait of one call: the first may meet a server that says nothing, the second chooses another.
const ATTEMPTS: u32 = 3;

/// A ledger in a stream.
pub struct KurrentdbStore {
    address: Address,
    session: Mutex<Option<Arc<Session>>>,
    /// The newest leaf that a thread of this process has seen committed.
    seen: Mutex<Seen>,
    /// Notified, with `seen` held, whenever `seen` grows.
    grown: Condvar,
}

/// How far the stream is known to reach.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    head: u64,
    /// Id of the record before the head; it is a hash of the leaf and its index.
    last: Uuid,
}

impl KurrentdbStore {
    /// Opens the stream of an address for appending and reading; it may be empty.
    pub fn open(address: &Address) -> Result<Self, StoreError> {
        let store =
            Self { address: address.clone(), session: Mutex::default(), seen: Mutex::default(), grown: Condvar::new() };
        store.head()?;
        Ok(store)
    }

    /// Opens the stream of an address where a new ledger is to begin. Refuses one that has records.
    pub fn create(address: &Address) -> Result<Self, StoreError> {
        let store = Self::open(address)?;
        match store.seen().head {
            0 => Ok(store),
            leaves => Err(Fault::Exists { stream: address.stream.clone(), leaves }.into()),
        }
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, head: u64, last: Uuid) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if head > seen.head {
            *seen = Seen { head, last };
            self.grown.notify_all();
        }
    }

    /// The client in use, or a new one.
    fn session(&self) -> Result<Arc<Session>, Failure> {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = current.as_ref() {
            return Ok(Arc::clone(session));
        }
        let session = Session::open(&self.address)
            .map(Arc::new)
            .map_err(|fault| Failure::NotDone { fault, is_client_dead: false })?;
        *current = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Gives a client up that a failure shows to be of no use, unless another thread did.
    fn after(&self, session: &Arc<Session>, failure: &Failure) {
        session.unconfirm();
        if failure.is_client_dead() {
            let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
                *current = None;
            }
        }
    }

    /// One attempt of a call that writes or asks for the newest state; looks at the stream first where that is due.
    fn attempt<T>(
        &self,
        clock: &Clock,
        call: impl FnOnce(&Session, Duration) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let session = self.session()?;
        let result = self.check(&session, clock).and_then(|()| call(&session, clock.attempt()));
        match &result {
            Ok(_) | Err(Failure::Conflict { .. }) => session.confirm(),
            Err(Failure::Refused(_)) => session.unconfirm(),
            Err(failure) => self.after(&session, failure),
        }
        result
    }

    /// Looks at the stream where no answer has just vouched for it.
    fn check(&self, session: &Session, clock: &Clock) -> Result<(), Failure> {
        if session.is_confirmed() {
            return Ok(());
        }
        let stream = || self.address.stream.clone();
        // Not a doubt: the call itself was not made.
        let not_done = |failure| match failure {
            Failure::Doubt(fault) => Failure::NotDone { fault, is_client_dead: true },
            other => other,
        };
        if let Some(setting) = session.truncation(clock.attempt()).map_err(not_done)? {
            return Err(Failure::Refused(Fault::Truncatable { stream: stream(), setting }));
        }
        let Seen { head, last } = self.seen();
        if let Some(index) = head.checked_sub(1) {
            let found = session.read(clock.attempt(), index, 1, Node::Leader).map_err(not_done)?;
            let lost = match found.first() {
                Some((id, _)) if *id == last => None,
                Some(_) => Some("another leaf stands in its place".to_owned()),
                None => Some("the stream ends before it".to_owned()),
            };
            if let Some(detail) = lost {
                return Err(Failure::Refused(Fault::RolledBack { stream: stream(), index, detail }));
            }
        }
        session.confirm();
        Ok(())
    }

    /// Makes a call again until it is answered, or the wait is over.
    fn persist<T>(&self, mut attempt: impl FnMut(&Clock) -> Result<T, Failure>) -> Result<T, Failure> {
        let clock = Clock::new(self.address.wait);
        loop {
            match attempt(&clock) {
                Err(Failure::NotDone { .. } | Failure::Doubt(_)) if clock.pause() => {}
                answered => return answered,
            }
        }
    }

    /// Reads leaves; from the leader, or from any node and then from the leader where that one had none.
    fn leaves(&self, from: u64, max: usize, node: Node) -> Result<Vec<Vec<u8>>, Failure> {
        let found = self.persist(|clock| match node {
            Node::Leader => self.attempt(clock, |session, bound| session.read(bound, from, max, node)),
            Node::Any => {
                let session = self.session()?;
                let found = session.read(clock.attempt(), from, max, node);
                found.inspect_err(|failure| self.after(&session, failure))
            }
        })?;
        if found.is_empty() && node == Node::Any {
            return self.leaves(from, max, Node::Leader);
        }
        Ok(found.into_iter().map(|(_, leaf)| leaf).collect())
    }

    /// Whether the leaves stand at `at`, by the leader's word.
    fn are_there(&self, at: u64, leaves: &[Vec<u8>]) -> Result<bool, Failure> {
        let mut found = Vec::with_capacity(leaves.len());
        while found.len() < leaves.len() {
            let more = self.leaves(at + found.len() as u64, leaves.len() - found.len(), Node::Leader)?;
            if more.is_empty() {
                return Ok(false);
            }
            found.extend(more);
        }
        Ok(found == leaves)
    }
}

impl EventStore for KurrentdbStore {
    fn append_max(&self) -> AppendMax {
        self.address.append_max
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn head(&self) -> Result<u64, StoreError> {
        // Before the question: what is appended while it is answered need not be in the answer.
        let known = self.seen();
        let last = self.persist(|clock| self.attempt(clock, Session::last));
        let last = last.map_err(|failure| refusal("reading the head", failure))?;
        let (head, id) = last.map_or((0, Uuid::nil()), |(revision, id)| (revision + 1, id));
        if head < known.head || (head == known.head && id != known.last) {
            let detail =
                if head < known.head { "the stream ends before it" } else { "another leaf stands in its place" };
            let (stream, index) = (self.address.stream.clone(), known.head.saturating_sub(1));
            return Err(Fault::RolledBack { stream, index, detail: detail.to_owned() }.into());
        }
        self.saw(head, id);
        Ok(head)
    }

    fn append(&self, at: u64, leaves: &[Vec<u8>]) -> Result<(), AppendError> {
        check_bounds(self.append_max(), at, leaves)?;
        let not_written = |fault: Fault| AppendError::NotWritten(fault.into());
        if at < self.seen().head {
            // Were it the same batch again, the server would say yes to it.
            return Err(AppendError::Conflict { actual: self.head().map_err(AppendError::NotWritten)? });
        }
        let records = (at..).zip(leaves).enumerate().map(|(position, (index, leaf))| {
            Record::of_leaf(index, leaf).map_err(|detail| Fault::NotALeaf { position, detail })
        });
        let records: Arc<[Record]> = records.collect::<Result<_, _>>().map_err(not_written)?;
        let end = at + leaves.len() as u64;
        let last = records.last().map(|record| record.id).unwrap_or_default();
        let clock = Clock::new(self.address.wait);
        let mut is_in_doubt = false;
        loop {
            let appended = self.attempt(&clock, |session, bound| {
                let revision = session.append(bound, at, Arc::clone(&records))?;
                if revision + 1 == end {
                    return Ok(());
                }
                let detail = format!("the batch should end at {end}, the server says {}", revision + 1);
                Err(Failure::Doubt(Fault::Unreachable { doing: "appending", detail }))
            });
            let fault = match appended {
                Ok(()) => {
                    self.saw(end, last);
                    return Ok(());
                }
                Err(Failure::Conflict { actual }) if !is_in_doubt => return Err(AppendError::Conflict { actual }),
                Err(Failure::Conflict { actual }) => match self.are_there(at, leaves) {
                    Ok(true) => {
                        self.saw(end, last);
                        return Ok(());
                    }
                    Ok(false) => return Err(AppendError::Conflict { actual }),
                    Err(failure) => return Err(AppendError::Unsettled(refusal("settling an append", failure))),
                },
                Err(Failure::Refused(fault)) if !is_in_doubt => return Err(not_written(fault)),
                Err(Failure::Refused(fault)) => return Err(AppendError::Unsettled(fault.into())),
                Err(Failure::NotDone { fault, .. }) => fault,
                Err(Failure::Doubt(fault)) => {
                    is_in_doubt = true;
                    fault
                }
            };
            if !clock.pause() {
                return Err(if is_in_doubt { AppendError::Unsettled(fault.into()) } else { not_written(fault) });
            }
        }
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        // No store numbers leaves beyond i64.
        if max == 0 || i64::try_from(from).is_err() {
            return Ok(Vec::new());
        }
        let found = self.leaves(from, max.min(READ_LEAVES_MAX), Node::Any);
        found.map_err(|failure| refusal("reading leaves", failure))
    }

    /// While the server does not answer it may last as long as a call of the store.
    fn follow(&self, from: u64, wait_max: Duration) -> Result<u64, StoreError> {
        let wait_max = wait_max.min(FOLLOW_WAIT_MAX);
        let start = Instant::now();
        loop {
            let head = self.head()?;
            let left = wait_max.saturating_sub(start.elapsed());
            if head > from || left.is_zero() {
                return Ok(head);
            }
            // `seen` is read again under its lock, so an append between `head()` and here is not slept through.
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            drop(
                self.grown
                    .wait_timeout_while(seen, left.min(FOLLOW_POLL), |seen| seen.head <= from)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }
}

/// What a caller that only reads is told.
fn refusal(doing: &'static str, failure: Failure) -> StoreError {
    let conflict = || Fault::Unreachable { doing, detail: "the server answered with a conflict".to_owned() };
    failure.into_fault().unwrap_or_else(conflict).into()
}

/// The wait of one call of the store, and what each attempt may take of it.
struct Clock {
    start: Instant,
    wait: Duration,
}

impl Clock {
    fn new(wait: Duration) -> Self {
        Self { start: Instant::now(), wait }
    }

    fn left(&self) -> Duration {
        self.wait.saturating_sub(self.start.elapsed())
    }

    /// What one attempt may take. Never nothing: an attempt that is made has a chance.
    fn attempt(&self) -> Duration {
        (self.wait / ATTEMPTS).min(self.left()).max(RETRY_PAUSE)
    }

    /// Waits a little before the next attempt; false when there is none.
    fn pause(&self) -> bool {
        let left = self.left();
        if left.is_zero() {
            return false;
        }
        thread::sleep(RETRY_PAUSE.min(left));
        true
    }
}
