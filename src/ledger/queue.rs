//! The queue before the sequencer: bounded, and fair between those who post.
//!
//! ```text
//! lane of a member ─┐   each lane first in, first out;
//! lane of another  ─┼─► the lanes take turns (deficit round robin: Shreedhar and Varghese, SIGCOMM 1995)  ─► one batch
//! lane of strangers ┘
//! ```
//!
//! What enters is a *group*: one event, or all good lines of one NDJSON body, which stay together and in order. At its turn
//! a lane gains [`TURN_EVENTS`] of credit, and gives what its credit pays for: a lane that has thousands of events waiting moves no
//! slower, but whoever has one waits for one turn of each of the others, never for their whole queues.
//!
//! Bounds: each lane has its own, and all together; beyond the latter a lane may still hold one turn's worth, so that those who
//! flood can't keep out those who don't. Pure but for [`Queue`], which puts a lock and a wait around it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use greffe_events::ident::Organisation;

use crate::store::{APPEND_BYTES_MAX, APPEND_LEAVES_MAX, AppendMax};

/// Events of one lane that go before the next lane's turn: some sixteen lanes share a batch.
pub const TURN_EVENTS: usize = 64;

/// Most events that wait in one lane: two batches of the sequencer, or two bodies of 1,000 lines.
pub const LANE_EVENTS_MAX: usize = 2 * APPEND_LEAVES_MAX;

/// Most bytes of events that wait in one lane: two batches.
pub const LANE_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX;

/// Events that wait in all lanes together, above which a lane may hold no more than [`TURN_EVENTS`].
pub const QUEUE_EVENTS_MAX: usize = 8 * APPEND_LEAVES_MAX;

/// The same in bytes.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// How much more than that the lanes with one turn's worth may bring, all together: a bound on memory.
const RESERVE: usize = 2;

/// Most bytes of events in one batch. With everything that a leaf adds it stays under [`APPEND_BYTES_MAX`].
pub const BATCH_BYTES_MAX: usize = APPEND_BYTES_MAX * 3 / 4;

/// Most that a leaf has beyond its event (four signatures: 422 bytes), or that the leaf which records a refusal has at all.
const LEAF_OVERHEAD_MAX: usize = 1_024;

const _: () = assert!(BATCH_BYTES_MAX + APPEND_LEAVES_MAX * LEAF_OVERHEAD_MAX <= APPEND_BYTES_MAX);

/// What one batch may hold, so that its leaves fit into one append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMax {
    /// Events.
    pub events: usize,
    /// Bytes of events.
    pub bytes: usize,
}

impl BatchMax {
    /// The batches of a store.
    pub fn of(append: AppendMax) -> Self {
        let bytes = append.bytes.saturating_sub(append.leaves * LEAF_OVERHEAD_MAX);
        Self { events: append.leaves, bytes: bytes.min(BATCH_BYTES_MAX) }
    }

    /// Cuts what was posted together into parts that fit, in order; `bytes` of one of them never exceeds a batch.
    pub fn parts<T>(self, posted: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
        let (mut parts, mut filled): (Vec<Vec<T>>, usize) = (Vec::new(), 0);
        for one in posted {
            let size = bytes(&one);
            match parts.last_mut() {
                Some(part) if part.len() < self.events && filled + size <= self.bytes => {
                    filled += size;
                    part.push(one);
                }
                _ => {
                    filled = size;
                    parts.push(vec![one]);
                }
            }
        }
        parts
    }
}

/// Longest that what is queued goes on being worked on after the stop; the rest is told to come again.
pub const DRAIN_WAIT_MAX: Duration = Duration::from_secs(20);

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Everything in it was signed by enrolled keys of this organisation.
    Of(Organisation),
    /// Unknown keys, or several organisations at once: all of those share one lane.
    Shared,
}

/// Something that waits.
#[derive(Debug)]
struct Waiting<T> {
    group: T,
    events: usize,
    bytes: usize,
    since: Instant,
}

/// What waits for one lane's turn.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<Waiting<T>>,
    events: usize,
    bytes: usize,
    credit: usize,
}

/// The lanes, without a lock.
#[derive(Debug)]
struct Lanes<T> {
    lines: HashMap<Lane, Line<T>>,
    /// Lanes with something waiting, the next turn first.
    turns: VecDeque<Lane>,
    events: usize,
    bytes: usize,
}

/// What the sequencer takes at once.
#[derive(Debug)]
pub struct Taken<T> {
    /// In the order in which it is to be decided.
    pub groups: Vec<T>,
    /// How long the first of each had waited.
    pub waits: Vec<Duration>,
}

impl<T> Lanes<T> {
    fn new() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), events: 0, bytes: 0 }
    }

    /// Queues a group of so many events and bytes; gives it back where its lane, or everything, is full.
    fn push(&mut self, lane: Lane, group: T, events: usize, bytes: usize, since: Instant) -> Result<(), T> {
        let (lane_events, lane_bytes) = self.lines.get(&lane).map_or((0, 0), |line| (line.events, line.bytes));
        let (lane_events, lane_bytes) = (lane_events + events, lane_bytes + bytes);
        let (all_events, all_bytes) = (self.events + events, self.bytes + bytes);
        let lane_is_full = lane_events > LANE_EVENTS_MAX || lane_bytes > LANE_BYTES_MAX;
        let all_is_full = all_events > QUEUE_EVENTS_MAX || all_bytes > QUEUE_BYTES_MAX;
        let reserve_is_full = all_events > RESERVE * QUEUE_EVENTS_MAX || all_bytes > RESERVE * QUEUE_BYTES_MAX;
        if lane_is_full || reserve_is_full || (all_is_full && lane_events > TURN_EVENTS) {
            return Err(group);
        }
        (self.events, self.bytes) = (all_events, all_bytes);
        let own = self.lines.entry(lane.clone()).or_insert_with(|| {
            self.turns.push_back(lane);
            Line { waiting: VecDeque::new(), events: 0, bytes: 0, credit: 0 }
        });
        (own.events, own.bytes) = (lane_events, lane_bytes);
        own.waiting.push_back(Waiting { group, events, bytes, since });
        Ok(())
    }

    /// The next batch: at most `events_max` events and `bytes_max` bytes, but always at least one group.
    fn take(&mut self, events_max: usize, bytes_max: usize, now: Instant) -> Taken<T> {
        let mut taken = Taken { groups: Vec::new(), waits: Vec::new() };
        let (mut events, mut bytes) = (0, 0);
        while let Some(lane) = self.turns.pop_front() {
            // A lane that has a turn has something waiting.
            let Some(line) = self.lines.get_mut(&lane) else { continue };
            line.credit += TURN_EVENTS;
            while let Some(next) = line.waiting.front() {
                if next.events > line.credit {
                    break;
                }
                let fits = events + next.events <= events_max && bytes + next.bytes <= bytes_max;
                if !fits && !taken.groups.is_empty() {
                    // It goes first in the next batch, with the credit that it has.
                    self.turns.push_front(lane);
                    return taken;
                }
                let Some(next) = line.waiting.pop_front() else { break };
                line.credit -= next.events;
                line.events -= next.events;
                line.bytes -= next.bytes;
                self.events -= next.events;
                self.bytes -= next.bytes;
                events += next.events;
                bytes += next.bytes;
                taken.waits.push(now.saturating_duration_since(next.since));
                taken.groups.push(next.group);
            }
            if line.waiting.is_empty() {
                self.lines.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
        }
        taken
    }
}

/// Why a group is not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotQueued {
    /// Its lane, or everything, is full.
    Full,
    /// The queue takes no more.
    Closed,
}

/// The queue, shared between those who post and the sequencer.
#[derive(Debug)]
pub struct Queue<T> {
    batch: BatchMax,
    state: Mutex<State<T>>,
    /// Notified, with `state` held, when something comes or the queue closes.
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    lanes: Lanes<T>,
    /// When it took no more.
    closed: Option<Instant>,
    /// Whether the sequencer is to look at the store although nothing waits.
    nudged: bool,
}

impl<T> Queue<T> {
    /// An empty queue before a store.
    pub fn new(append: AppendMax) -> Self {
        let state = State { lanes: Lanes::new(), closed: None, nudged: false };
        Self { batch: BatchMax::of(append), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// What one batch may hold: the most that a group may.
    pub fn batch_max(&self) -> BatchMax {
        self.batch
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a group of `events` events, `bytes` bytes altogether.
    pub fn push(&self, lane: Lane, group: T, events: usize, bytes: usize) -> Result<(), NotQueued> {
        let mut state = self.lock();
        if state.closed.is_some() {
            return Err(NotQueued::Closed);
        }
        state.lanes.push(lane, group, events, bytes, Instant::now()).map_err(|_| NotQueued::Full)?;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Wakes whoever takes, with an empty batch where nothing waits.
    pub fn nudge(&self) {
        self.lock().nudged = true;
        self.changed.notify_one();
    }

    /// The next batch; waits for one, or for a nudge. None once the queue is closed and empty, or has been closed for [`DRAIN_WAIT_MAX`].
    pub fn take(&self) -> Option<Taken<T>> {
        let mut state = self.lock();
        loop {
            if state.closed.is_some_and(|since| since.elapsed() >= DRAIN_WAIT_MAX) {
                return None;
            }
            if state.lanes.events > 0 {
                return Some(state.lanes.take(self.batch.events, self.batch.bytes, Instant::now()));
            }
            if state.closed.is_some() {
                return None;
            }
            if std::mem::take(&mut state.nudged) {
                return Some(Taken { groups: Vec::new(), waits: Vec::new() });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes no more; what waits is still given out, for [`DRAIN_WAIT_MAX`].
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed.get_or_insert_with(Instant::now);
        drop(state);
        self.changed.notify_all();
    }

    /// Whether it takes more.
    pub fn is_open(&self) -> bool {
        self.lock().closed.is_none()
    }

    /// Forgets what waits: the sequencer has ended. Whoever waits for an answer learns it by the end of its channel.
    pub fn abandon(&self) {
        self.close();
        let forgotten = std::mem::replace(&mut self.lock().lanes, Lanes::new());
        drop(forgotten);
    }

    /// (events, bytes) that wait.
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.lock();
        (state.lanes.events, state.lanes.bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lane(n: u32) -> Lane {
        // Any identifier is one under ISO 6523's code for the test.
        Lane::Of(format!("urn:iso6523:0060:{n:09}").parse().unwrap())
    }

    fn lanes() -> (Lanes<(u32, u32)>, Instant) {
        (Lanes::new(), Instant::now())
    }

    /// Who is in the next batch of the sequencer, in order.
    fn next(lanes: &mut Lanes<(u32, u32)>) -> Vec<(u32, u32)> {
        lanes.take(APPEND_LEAVES_MAX, BATCH_BYTES_MAX, Instant::now()).groups
    }

    #[test]
    fn a_flood_of_one_member_costs_another_one_turn_and_no_more() {
        let (mut lanes, now) = lanes();
        let mut flood = 0;
        while lanes.push(lane(1), (1, flood), 1, 1_000, now).is_ok() {
            flood += 1;
        }
        assert_eq!(flood as usize, LANE_EVENTS_MAX, "its own lane is bounded");
        lanes.push(lane(2), (2, 0), 1, 1_000, now).unwrap();
        let batch = next(&mut lanes);
        let place = batch.iter().position(|group| group.0 == 2).unwrap();
        assert_eq!(place, TURN_EVENTS);
        // Whoever posts again and again beside the flood is in every batch.
        for round in 1..=LANE_EVENTS_MAX / APPEND_LEAVES_MAX {
            lanes.push(lane(2), (2, 7), 1, 1_000, now).unwrap();
            assert!(next(&mut lanes).contains(&(2, 7)), "round {round}");
        }
    }

    #[test]
    fn bodies_of_a_thousand_lines_do_not_hold_up_single_events() {
        let (mut lanes, now) = lanes();
        for flooder in 0..4 {
            for body in 0..2 {
                lanes.push(lane(flooder), (flooder, body), 1_000, 100_000, now).unwrap();
            }
        }
        lanes.push(lane(99), (99, 0), 1, 1_000, now).unwrap();
        // A body goes when its lane has gathered credit for it: the single event is before all of them.
        let mut order = next(&mut lanes);
        assert_eq!(order.remove(0), (99, 0));
        while lanes.events > 0 {
            order.extend(next(&mut lanes));
        }
        // Who comes first among equals depends on where the last turn ended.
        order[..4].sort_unstable();
        order[4..].sort_unstable();
        let of = |body: u32| (0..4).map(move |flooder| (flooder, body)).collect::<Vec<_>>();
        assert_eq!(order, [of(0), of(1)].concat(), "each flooder its first body, then each its second");
    }

    #[test]
    fn those_who_flood_together_cannot_keep_out_who_does_not() {
        let (mut lanes, now) = lanes();
        let mut flooder = 0;
        while lanes.push(lane(flooder), (flooder, 0), 1_000, 1_000, now).is_ok() {
            flooder += 1;
        }
        assert_eq!(flooder as usize, QUEUE_EVENTS_MAX / 1_000);
        lanes.push(lane(50), (50, 0), QUEUE_EVENTS_MAX % 1_000, 1_000, now).unwrap();
        for event in 0..TURN_EVENTS {
            lanes.push(lane(99), (99, 0), 1, 1_000, now).unwrap_or_else(|_| panic!("event {event} is kept out"));
        }
        assert!(
            lanes.push(lane(99), (99, 0), 1, 1_000, now).is_err(),
            "beyond one turn the common bound holds for all"
        );
        // And even a crowd of them is bounded.
        let mut others = 100;
        while lanes.push(lane(others), (others, 0), 1, QUEUE_BYTES_MAX / 64, now).is_ok() {
            others += 1;
        }
        assert!(lanes.bytes <= RESERVE * QUEUE_BYTES_MAX);
    }

    #[test]
    fn a_lane_keeps_its_order_and_a_batch_its_bounds() {
        let (mut lanes, now) = lanes();
        for event in 0..2_000 {
            lanes.push(lane(1), (1, event), 1, 5_000, now).unwrap();
        }
        let mut order = Vec::new();
        while lanes.events > 0 {
            let batch = next(&mut lanes);
            assert!(batch.len() <= APPEND_LEAVES_MAX && batch.len() * 5_000 <= BATCH_BYTES_MAX);
            order.extend(batch);
        }
        assert_eq!(order, (0..2_000).map(|event| (1, event)).collect::<Vec<_>>());
        assert_eq!((lanes.bytes, lanes.lines.len(), lanes.turns.len()), (0, 0, 0), "nothing is left behind");
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_gives_out_what_it_holds() {
        let queue = Queue::new(AppendMax::PORT);
        queue.push(lane(1), 1, 1, 1).unwrap();
        queue.close();
        assert_eq!(queue.push(lane(1), 2, 1, 1), Err(NotQueued::Closed));
        assert_eq!(queue.take().unwrap().groups, [1]);
        assert!(queue.take().is_none());
    }

    #[test]
    fn what_is_posted_together_is_cut_where_a_batch_ends() {
        let max = BatchMax { events: 3, bytes: 100 };
        let cut = |sizes: &[usize]| max.parts(sizes.to_vec(), |size| *size);
        assert_eq!(cut(&[1, 1, 1, 1]), [vec![1, 1, 1], vec![1]]);
        assert_eq!(cut(&[60, 40, 1, 100, 100]), [vec![60, 40], vec![1], vec![100], vec![100]]);
        assert!(cut(&[]).is_empty());
        let port = BatchMax::of(AppendMax::PORT);
        assert_eq!((port.events, port.bytes), (APPEND_LEAVES_MAX, BATCH_BYTES_MAX));
        let small = BatchMax::of(AppendMax { leaves: 256, bytes: 884_736 });
        assert!(small.bytes + small.events * LEAF_OVERHEAD_MAX <= 884_736 && small.bytes >= 60_000);
    }

    #[test]
    fn a_nudge_wakes_once_and_never_before_what_waits() {
        let queue = Queue::new(AppendMax::PORT);
        queue.nudge();
        queue.nudge();
        queue.push(lane(1), 1, 1, 1).unwrap();
        assert_eq!(queue.take().unwrap().groups, [1]);
        assert!(queue.take().unwrap().groups.is_empty());
        queue.close();
        assert!(queue.take().is_none());
    }
}
