//! What keeping the port means, as tests: every [`EventStore`] runs [`run`] in a test of its own.
//!
//! The suite panics at the first broken promise, naming it. It knows a store only through the port and through a
//! [`Harness`], which makes fresh logs and opens them again. It does not kill processes or break files: those
//! tests belong to each store.

// A suite of assertions: panicking is how it reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, missing_docs)]

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::{AppendError, AppendMax, BoundsError, EventStore, LEAF_BYTES_MAX, READ_BYTES_MAX, READ_LEAVES_MAX};

/// Longest that the suite waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the suite reaches one kind of store.
pub trait Harness {
    /// Where one log lives: a directory, a stream name. Dropped when its test is done.
    type Home: Sync;

    /// A new, empty log.
    fn fresh(&self) -> Self::Home;

    /// Opens the log, beside other openings of it that may exist.
    fn open(&self, home: &Self::Home) -> Box<dyn EventStore>;

    /// A leaf of exactly `bytes` bytes that differs for each `seed`, when `bytes` leaves room for it. Overridden by
    /// stores that must be able to parse a leaf; then of at least [`Harness::leaf_bytes_min`].
    fn leaf(&self, seed: u64, bytes: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ bytes as u64;
        let mut leaf = Vec::with_capacity(bytes + 8);
        while leaf.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            leaf.extend_from_slice(&(state ^ (state >> 29)).to_be_bytes());
        }
        leaf.truncate(bytes);
        leaf
    }

    /// The shortest leaf that [`Harness::leaf`] can make.
    fn leaf_bytes_min(&self) -> usize {
        1
    }
}

/// Runs the whole suite.
pub fn run<H: Harness + Sync>(harness: &H) {
    an_empty_store_has_no_leaves(harness);
    leaves_come_back_as_they_were_given(harness);
    a_conflict_tells_the_head_and_writes_nothing(harness);
    a_refused_batch_leaves_nothing_of_itself(harness);
    the_largest_batches_are_taken(harness);
    a_read_is_bounded_in_leaves_and_bytes(harness);
    reopening_keeps_everything(harness);
    racing_writers_never_share_a_position(harness);
    follow_wakes_at_an_append_and_gives_up_in_time(harness);
}

fn batch<H: Harness>(harness: &H, from: u64, count: u64, bytes: usize) -> Vec<Vec<u8>> {
    (from..from + count).map(|seed| harness.leaf(seed, bytes.max(harness.leaf_bytes_min()))).collect()
}

/// Appends at the head, in batches as large as the store takes.
fn append_all(store: &dyn EventStore, leaves: &[Vec<u8>]) {
    let AppendMax { leaves: count, bytes } = store.append_max();
    for batch in leaves.chunks(count.min(bytes / LEAF_BYTES_MAX)) {
        store.append(store.head().unwrap(), batch).unwrap();
    }
}

/// The whole log, by as many reads as it takes.
pub fn read_all(store: &dyn EventStore) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let page = store.read(all.len() as u64, usize::MAX).unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    assert_eq!(store.head().unwrap(), all.len() as u64, "head is the number of leaves");
    all
}

pub fn an_empty_store_has_no_leaves<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    assert_eq!(store.head().unwrap(), 0);
    for from in [0, 1, u64::from(u32::MAX), u64::MAX] {
        assert!(store.read(from, 10).unwrap().is_empty(), "nothing at {from}");
    }
    assert_eq!(store.follow(0, Duration::ZERO).unwrap(), 0);
}

pub fn leaves_come_back_as_they_were_given<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    let smallest = harness.leaf_bytes_min();
    let sizes = [smallest, smallest + 1, 4_000, 4_096, 4_097, 32_768, LEAF_BYTES_MAX - 1, LEAF_BYTES_MAX];
    let mut given = Vec::new();
    for (seed, bytes) in (0..).zip(sizes) {
        let leaf = harness.leaf(seed, bytes.max(smallest));
        store.append(given.len() as u64, std::slice::from_ref(&leaf)).unwrap();
        given.push(leaf);
        assert_eq!(store.head().unwrap(), given.len() as u64);
    }
    let more = batch(harness, 100, 3, 100);
    store.append(given.len() as u64, &more).unwrap();
    given.extend(more);
    assert_eq!(read_all(store.as_ref()), given);
    assert_eq!(store.read(2, 3).unwrap(), given[2..5]);
    assert!(store.read(2, 0).unwrap().is_empty(), "none asked, none given");
    assert!(store.read(given.len() as u64, 5).unwrap().is_empty(), "none at the head");
    // The same bytes again are another leaf.
    store.append(given.len() as u64, &given[..1]).unwrap();
    assert_eq!(store.read(given.len() as u64, 1).unwrap(), given[..1]);
}

pub fn a_conflict_tells_the_head_and_writes_nothing<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    let given = batch(harness, 0, 3, 50);
    for ahead in [1, 7, 1 << 40] {
        let error = store.append(ahead, &given).unwrap_err();
        assert!(matches!(error, AppendError::Conflict { actual: 0 }), "at {ahead} of an empty store: {error}");
    }
    store.append(0, &given).unwrap();
    for elsewhere in [0, 2, 4, 1 << 40] {
        let error = store.append(elsewhere, &given).unwrap_err();
        assert!(matches!(error, AppendError::Conflict { actual: 3 }), "at {elsewhere}: {error}");
    }
    assert_eq!(read_all(store.as_ref()), given);
    store.append(3, &given).expect("a conflict is an answer: the store goes on");
}

pub fn a_refused_batch_leaves_nothing_of_itself<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    let good = harness.leaf(1, 200.max(harness.leaf_bytes_min()));
    store.append(0, std::slice::from_ref(&good)).unwrap();
    let max = store.append_max();
    let too_many = max.leaves + 1;
    let too_heavy = max.bytes / 60_000 + 1;
    let cases: [(&str, Vec<Vec<u8>>, BoundsError); 5] = [
        ("no leaf", vec![], BoundsError::Leaves(0)),
        ("too many leaves", vec![good.clone(); too_many], BoundsError::Leaves(too_many)),
        ("too many bytes", vec![vec![7; 60_000]; too_heavy], BoundsError::Bytes(too_heavy * 60_000)),
        ("an empty leaf after a good one", vec![good.clone(), vec![]], BoundsError::Leaf { position: 1, bytes: 0 }),
        (
            "a leaf that is too long after a good one",
            vec![good.clone(), vec![7; LEAF_BYTES_MAX + 1]],
            BoundsError::Leaf { position: 1, bytes: LEAF_BYTES_MAX + 1 },
        ),
    ];
    for (case, leaves, expected) in cases {
        match store.append(1, &leaves) {
            Err(AppendError::Bounds(found)) => assert_eq!(found, expected, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
        assert_eq!(store.head().unwrap(), 1, "{case}: nothing was written");
    }
    let beyond = store.append(u64::MAX, std::slice::from_ref(&good)).unwrap_err();
    assert!(matches!(beyond, AppendError::Bounds(BoundsError::Index(u64::MAX))), "{beyond}");
    store.append(1, std::slice::from_ref(&good)).expect("a refusal is an answer: the store goes on");
}

pub fn the_largest_batches_are_taken<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    let AppendMax { leaves, bytes } = store.append_max();
    let mut given = batch(harness, 0, leaves as u64, 64);
    store.append(0, &given).unwrap();
    let heavy = batch(harness, 5_000, (bytes / LEAF_BYTES_MAX) as u64, LEAF_BYTES_MAX);
    store.append(given.len() as u64, &heavy).unwrap();
    given.extend(heavy);
    assert!(read_all(store.as_ref()) == given, "the largest batches come back as they were");
}

pub fn a_read_is_bounded_in_leaves_and_bytes<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let store = harness.open(&home);
    let light = batch(harness, 0, READ_LEAVES_MAX as u64 + 1, 64);
    append_all(store.as_ref(), &light);
    assert_eq!(store.read(0, usize::MAX).unwrap().len(), READ_LEAVES_MAX, "bounded in leaves");
    let start = store.head().unwrap();
    let heavy = batch(harness, 0, 100, 60_000);
    append_all(store.as_ref(), &heavy);
    append_all(store.as_ref(), &heavy);
    let page = store.read(start, usize::MAX).unwrap();
    let bytes: usize = page.iter().map(Vec::len).sum();
    assert!(bytes <= READ_BYTES_MAX && bytes > READ_BYTES_MAX / 2, "bounded in bytes, but of use: {bytes}");
    assert!(page[..] == heavy.iter().chain(&heavy).cloned().collect::<Vec<_>>()[..page.len()]);
}

pub fn reopening_keeps_everything<H: Harness>(harness: &H) {
    let home = harness.fresh();
    let mut given = Vec::new();
    for round in 0..3 {
        let store = harness.open(&home);
        assert_eq!(read_all(store.as_ref()), given, "opening {round}");
        let more = batch(harness, round * 10, 7, 3_000);
        store.append(given.len() as u64, &more).unwrap();
        given.extend(more);
    }
    assert_eq!(read_all(harness.open(&home).as_ref()), given);
}

/// Two writers on openings of their own and two on a shared one, all at the same positions.
pub fn racing_writers_never_share_a_position<H: Harness + Sync>(harness: &H) {
    const ROUNDS: u64 = 25;
    let home = harness.fresh();
    let shared = harness.open(&home);
    let own = [harness.open(&home), harness.open(&home)];
    let writers: [&dyn EventStore; 4] = [shared.as_ref(), shared.as_ref(), own[0].as_ref(), own[1].as_ref()];
    let start = Barrier::new(writers.len());
    let race = |writer: u64, store: &dyn EventStore| {
        let mut won = Vec::new();
        for round in 0..ROUNDS {
            start.wait();
            // Two leaves, so that a torn batch would show.
            match store.append(2 * round, &batch(harness, 1_000_000 * writer + 2 * round, 2, 500)) {
                Ok(()) => won.push(round),
                Err(AppendError::Conflict { actual }) => {
                    assert_eq!(actual, 2 * (round + 1), "who loses learns where the head is");
                }
                Err(other) => panic!("writer {writer}, round {round}: {other}"),
            }
            start.wait();
        }
        won
    };
    let race = &race;
    let wins: Vec<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..).zip(writers).map(|(writer, store)| scope.spawn(move || race(writer, store))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut rounds: Vec<u64> = wins.iter().flatten().copied().collect();
    rounds.sort_unstable();
    assert_eq!(rounds, (0..ROUNDS).collect::<Vec<_>>(), "each position is won exactly once");
    let all = read_all(shared.as_ref());
    for (writer, won) in (0..).zip(&wins) {
        for &round in won {
            let position = usize::try_from(2 * round).unwrap();
            let expected = batch(harness, 1_000_000 * writer + 2 * round, 2, 500);
            assert_eq!(all[position..position + 2], expected, "what the winner wrote is what is there");
        }
    }
}

pub fn follow_wakes_at_an_append_and_gives_up_in_time<H: Harness + Sync>(harness: &H) {
    let home = harness.fresh();
    let (follower, elsewhere) = (harness.open(&home), harness.open(&home));
    let brief = Duration::from_millis(30);
    let start = Instant::now();
    assert_eq!(follower.follow(0, brief).unwrap(), 0, "nothing came");
    assert!(start.elapsed() >= brief, "it waited");
    let writers: [&dyn EventStore; 2] = [follower.as_ref(), elsewhere.as_ref()];
    for (at, writer) in (0..).zip(writers) {
        let start = Instant::now();
        thread::scope(|scope| {
            let following = scope.spawn(|| follower.follow(at, PATIENCE));
            writer.append(at, &batch(harness, at, 1, 100)).unwrap();
            assert_eq!(following.join().unwrap().unwrap(), at + 1);
        });
        assert!(start.elapsed() < PATIENCE, "an append wakes the follower");
        assert_eq!(follower.follow(at, PATIENCE).unwrap(), at + 1, "what is there already is not waited for");
    }
}
