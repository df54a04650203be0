//! A store that fails on purpose: support for tests of whatever stands on [`EventStore`].
//!
//! It wraps a real store and makes chosen appends fail before or after they are committed (the caller can't tell which:
//! that is what [`AppendError::InDoubt`] means) or stall until released. It keeps the port's promise that
//! an append in doubt halts the store; [`FaultyStore::restart`] stands for the restart of the process.
//! Reads are passed through untouched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AppendError, AppendMax, EventStore, StoreError};

/// Longest that a stalled append waits for its release, so that a broken test ends.
pub const STALL_MAX: Duration = Duration::from_secs(30);

/// What happens to one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Certainly nothing is written; the store goes on ([`AppendError::NotWritten`]).
    Refused,
    /// In doubt, and in truth nothing is on disk.
    BeforeCommit,
    /// In doubt, and in truth everything is on disk.
    AfterCommit,
    /// Held before it is written until [`FaultyStore::release`], then done as usual.
    Stall,
}

/// A store with planned faults around `S`.
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Appends begun so far, whatever came of them.
    begun: u64,
    planned: BTreeMap<u64, Fault>,
    stalled: usize,
    /// Stalls that may go on.
    released: usize,
    halted: bool,
}

impl<S> FaultyStore<S> {
    /// Without faults until some are planned.
    pub fn new(inner: S) -> Self {
        Self { inner, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Plans `fault` for the `nth` append, counted from 0 since this store was made.
    pub fn plan(&self, nth: u64, fault: Fault) {
        self.state().planned.insert(nth, fault);
    }

    /// Appends begun so far.
    pub fn appends_begun(&self) -> u64 {
        self.state().begun
    }

    /// Waits until an append stalls; false if none did within `wait_max`.
    pub fn wait_stalled(&self, wait_max: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), wait_max, |state| state.stalled == 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lets one stalled append, or the next to stall, go on.
    pub fn release(&self) {
        self.state().released += 1;
        self.changed.notify_all();
    }

    /// Forgets that an append was in doubt, as a restart of the process does.
    pub fn restart(&self) {
        self.state().halted = false;
    }

    /// The store underneath.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stall(&self) {
        let mut state = self.state();
        state.stalled += 1;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, STALL_MAX, |state| state.released == 0);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.stalled -= 1;
        state.released = state.released.saturating_sub(1);
    }

    fn injected() -> StoreError {
        let source = std::io::Error::other("injected by FaultyStore");
        StoreError::Io { doing: "appending to", path: PathBuf::from("faulty"), source }
    }
}

impl<S: EventStore> EventStore for FaultyStore<S> {
    fn append_max(&self) -> AppendMax {
        self.inner.append_max()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn head(&self) -> Result<u64, StoreError> {
        self.inner.head()
    }

    fn append(&self, at: u64, leaves: &[Vec<u8>]) -> Result<(), AppendError> {
        let fault = {
            let mut state = self.state();
            let nth = state.begun;
            state.begun += 1;
            if state.halted {
                return Err(AppendError::Halted);
            }
            state.planned.remove(&nth)
        };
        match fault {
            None => self.inner.append(at, leaves),
            Some(Fault::Refused) => Err(AppendError::NotWritten(Self::injected())),
            Some(Fault::Stall) => {
                self.stall();
                self.inner.append(at, leaves)
            }
            Some(Fault::BeforeCommit) => {
                self.state().halted = true;
                Err(AppendError::InDoubt(Self::injected()))
            }
            Some(Fault::AfterCommit) => {
                // A conflict is an answer, not a doubt.
                self.inner.append(at, leaves)?;
                self.state().halted = true;
                Err(AppendError::InDoubt(Self::injected()))
            }
        }
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.read(from, max)
    }

    fn follow(&self, from: u64, wait_max: Duration) -> Result<u64, StoreError> {
        self.inner.follow(from, wait_max)
    }
}
