//! A fixed set of read-only connections, lent one at a time.
//!
//! Reads never wait for the writer (WAL); they wait for each other only when all connections are lent, and
//! then for a bounded time. A connection is lent for one short query, so no read transaction outlives it
//! and the write-ahead log can be recycled.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::StoreError;

/// Connections of one store. Reads are disk- or memory-bound; more would only hold more caches.
pub const READERS: usize = 4;
/// Longest wait for a free connection: a thousand times a full page's reading.
pub const READER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The idle connections; the lent ones are owned by their borrowers until given back.
pub struct Readers {
    idle: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

impl Readers {
    /// Connections that are already open and checked.
    pub fn new(connections: Vec<Connection>) -> Self {
        Self { idle: Mutex::new(connections), given_back: Condvar::new() }
    }

    /// Lends a connection to `query`.
    pub fn lend<T>(&self, query: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let start = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let conn = loop {
            if let Some(conn) = idle.pop() {
                break conn;
            }
            let Some(left) = READER_WAIT_MAX.checked_sub(start.elapsed()) else {
                return Err(StoreError::Busy { doing: "reading", waited_ms: start.elapsed().as_millis() });
            };
            idle = self.given_back.wait_timeout(idle, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(idle);
        let lent = Lent { conn: Some(conn), home: self };
        // `conn` is Some until `lent` is dropped.
        match &lent.conn {
            Some(conn) => query(conn),
            None => Err(StoreError::Busy { doing: "reading", waited_ms: 0 }),
        }
    }
}

/// Gives its connection back however the query ends, panics included.
struct Lent<'a> {
    conn: Option<Connection>,
    home: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            self.home.given_back.notify_one();
        }
    }
}
