//! The clock of recording: honest, or the node says that it is not (DESIGN §6, "Clock").
//!
//! `recorded_at` never decreases, and is never clamped in silence. A wall clock that stands behind the last
//! record by more than [`BEHIND_MS_MAX`], or that moved against the monotonic clock by more than
//! [`JUMP_MS_MAX`] between two batches, makes the node answer 503 `horloge`. After a jump it must run steadily
//! for [`STEADY_MS`] before it is believed again.
//!
//! The watch is pure: the two clocks are read by the caller and passed in. [`Clock`] is what reads them, for everything of a
//! node that asks what time it is, but for its files, whose times are the file system's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use greffe_events::ident::Origin;
use thiserror::Error;

/// A wall clock this far behind the last record is wrong, not late; NTP steps smaller errors away.
pub const BEHIND_MS_MAX: u64 = 2_000;

/// Between two batches the two clocks may drift apart by this much.
pub const JUMP_MS_MAX: u64 = 2_000;

/// How long the wall clock must agree with the monotonic one after a jump.
pub const STEADY_MS: u64 = 10_000;

/// Both clocks, read together, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Unix time.
    pub wall_ms: u64,
    /// Time since some fixed instant of this process.
    pub monotonic_ms: u64,
}

/// What tells a node the time: the machine's clocks, or a [`Hand`] that somebody turns, which a log of a name that is nobody's
/// takes, and no other ([`Clock::may_serve`]).
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Machine { started: Instant },
    Hand(Arc<AtomicU64>),
}

impl Default for Clock {
    /// The machine's.
    fn default() -> Self {
        Self(Source::Machine { started: Instant::now() })
    }
}

impl Clock {
    /// Both clocks, now. A hand moves them together: turning it is no jump.
    pub fn read(&self) -> Reading {
        match &self.0 {
            Source::Machine { started } => {
                let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                Reading { wall_ms: ms(wall), monotonic_ms: ms(started.elapsed()) }
            }
            Source::Hand(hand) => {
                let now = hand.load(Ordering::SeqCst);
                Reading { wall_ms: now, monotonic_ms: now }
            }
        }
    }

    /// Unix milliseconds, now.
    pub fn now_ms(&self) -> u64 {
        self.read().wall_ms
    }

    /// Whether it may tell the time to that log: the machine's clock to any, a hand to none but those whose name ends with
    /// `.invalid`, which can belong to nobody (RFC 6761 §6.4). A receipt says the log's name: who reads it knows.
    pub fn may_serve(&self, origin: &Origin) -> bool {
        let host = origin.as_str().split('/').next().unwrap_or_default();
        matches!(self.0, Source::Machine { .. }) || host.ends_with(".invalid")
    }
}

/// A clock that stands still until it is turned, and never goes back: simulated time.
#[derive(Debug)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// Shows that instant, Unix ms.
    pub fn at(now_ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(now_ms)))
    }

    /// Turns it to a later instant, Unix ms; an earlier one leaves it where it is.
    pub fn turn_to(&self, now_ms: u64) {
        self.0.fetch_max(now_ms, Ordering::SeqCst);
    }

    /// The clock that shows it.
    pub fn clock(&self) -> Clock {
        Clock(Source::Hand(Arc::clone(&self.0)))
    }
}

/// Why the clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClockFault {
    /// It stands before what is already recorded.
    #[error("the clock is {behind_ms} ms behind the last record")]
    Behind {
        /// By how much.
        behind_ms: u64,
    },
    /// It moved while the monotonic clock did not.
    #[error("the clock jumped by {by_ms} ms; it must run steadily for {STEADY_MS} ms")]
    Jumped {
        /// By how much, signed.
        by_ms: i64,
    },
}

/// Watches the clocks of one node. Owned by the sequencer.
#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<Reading>,
    /// Since when, on the monotonic clock, the wall clock runs steadily after a jump, and how far it jumped.
    jump: Option<(u64, i64)>,
}

impl ClockWatch {
    /// The instant to record at, not before `last_recorded_ms`; or why there is none.
    pub fn recorded_at(&mut self, now: Reading, last_recorded_ms: u64) -> Result<u64, ClockFault> {
        if let Some(last) = self.last.replace(now) {
            let expected = last.wall_ms.saturating_add(now.monotonic_ms.saturating_sub(last.monotonic_ms));
            if now.wall_ms.abs_diff(expected) > JUMP_MS_MAX {
                let by_ms = i64::try_from(i128::from(now.wall_ms) - i128::from(expected)).unwrap_or(i64::MAX);
                self.jump = Some((now.monotonic_ms, by_ms));
            }
        }
        if let Some((since_ms, by_ms)) = self.jump {
            if now.monotonic_ms.saturating_sub(since_ms) < STEADY_MS {
                return Err(ClockFault::Jumped { by_ms });
            }
            self.jump = None;
        }
        let behind_ms = last_recorded_ms.saturating_sub(now.wall_ms);
        if behind_ms > BEHIND_MS_MAX {
            return Err(ClockFault::Behind { behind_ms });
        }
        Ok(now.wall_ms.max(last_recorded_ms))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(wall_ms: u64, monotonic_ms: u64) -> Reading {
        Reading { wall_ms, monotonic_ms }
    }

    #[test]
    fn a_clock_behind_the_last_record_is_not_clamped_in_silence() {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.recorded_at(at(10_000, 0), 12_000), Ok(12_000), "small steps back wait at the last record");
        assert_eq!(watch.recorded_at(at(10_001, 1), 12_002), Err(ClockFault::Behind { behind_ms: 2_001 }));
        assert_eq!(watch.recorded_at(at(10_002, 2), 12_002), Ok(12_002));
    }

    #[test]
    fn a_jump_either_way_silences_the_node_until_the_clock_runs_steadily() {
        for jump in [3_000_i64, -3_000] {
            let mut watch = ClockWatch::default();
            assert_eq!(watch.recorded_at(at(100_000, 0), 0), Ok(100_000));
            let wall = 100_010_u64.saturating_add_signed(jump);
            assert_eq!(watch.recorded_at(at(wall, 10), 0), Err(ClockFault::Jumped { by_ms: jump }));
            assert_eq!(watch.recorded_at(at(wall + 9_999, 10_009), 0), Err(ClockFault::Jumped { by_ms: jump }));
            assert_eq!(watch.recorded_at(at(wall + 10_000, 10_010), 0), Ok(wall + 10_000));
        }
    }

    #[test]
    fn a_year_turned_by_hand_is_believed_and_only_by_a_log_of_nobody() {
        let hand = Hand::at(1_000_000);
        let (clock, mut watch) = (hand.clock(), ClockWatch::default());
        let mut last = 0;
        for day in 0..365 {
            hand.turn_to(1_000_000 + day * 86_400_000);
            last = watch.recorded_at(clock.read(), last).unwrap();
            assert_eq!(last, 1_000_000 + day * 86_400_000);
        }
        hand.turn_to(5);
        assert_eq!(clock.now_ms(), last, "it never goes back");
        for (origin, admitted) in [
            ("demo.greffe.invalid", true),
            ("demo.greffe.invalid/2026", true),
            ("greffe.exemple.fr", false),
            ("greffe.exemple.fr/x.invalid", false),
            ("invalid", false),
        ] {
            let origin: Origin = origin.parse().unwrap();
            assert_eq!(clock.may_serve(&origin), admitted, "{origin}");
            assert!(Clock::default().may_serve(&origin));
        }
    }

    #[test]
    fn a_clock_that_is_slewed_or_a_node_that_idles_is_believed() {
        let mut watch = ClockWatch::default();
        for second in 0..100 {
            let reading = at(100_000 + second * 1_001, second * 1_000);
            assert_eq!(watch.recorded_at(reading, 0), Ok(reading.wall_ms));
        }
        assert!(watch.recorded_at(at(100_000 + 99 * 1_001 + 3_600_000, 99_000 + 3_600_000), 0).is_ok());
    }
}
