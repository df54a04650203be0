//! Everything that can happen to a call on its way: whatever does, a batch is in the stream once and whole, or not at all, and the store
//! says which, or that nobody knows yet; within its time.

use std::thread;
use std::time::{Duration, Instant};

use greffe::store::contract::read_all;
use greffe::store::kurrentdb::Fault as Refused;
use greffe::store::{AppendError, EventStore, StoreError};
use tonic::Code;

use crate::server::{Cluster, Fault, Stored};
use crate::{leaves, open};

const STREAM: &str = "greffe";

/// The wait of a call in these tests, and what it may take at most: the last attempt may begin just before the end.
const WAIT_MS: u64 = 1_500;
const LATE: Duration = Duration::from_millis(2 * WAIT_MS);

fn url(cluster: &Cluster) -> String {
    format!("{}&waitMs={WAIT_MS}", cluster.url(STREAM))
}

/// Records of somebody else's batch at `at`, as another node of the same log would write them.
fn records_of(others: &[Vec<u8>], at: u64) -> Vec<Stored> {
    let elsewhere = Cluster::start(1);
    let store = open(&elsewhere.url(STREAM));
    // Ids depend on the index: the same index, over other leaves.
    store.append(0, &leaves(900, at)).unwrap();
    store.append(at, others).unwrap();
    elsewhere.records(STREAM).split_off(usize::try_from(at).unwrap())
}

#[test]
fn a_batch_whose_answer_is_lost_is_there_once() {
    let lost = [
        Fault::AnswerLost,
        Fault::Answer(Code::Unavailable, "shutting down"),
        Fault::Answer(Code::Aborted, "Operation timed out"),
        Fault::Answer(Code::Unknown, "?"),
        Fault::Answer(Code::DeadlineExceeded, "too late"),
    ];
    for is_forgetful in [false, true] {
        let cluster = Cluster::start(1);
        let store = open(&url(&cluster));
        let mut given = Vec::new();
        if is_forgetful {
            // Then only the leaves themselves can tell.
            cluster.forget_ids();
        }
        for fault in lost.clone() {
            let batch = leaves(given.len() as u64, 3);
            let before = cluster.appends();
            cluster.plan([fault.clone()]);
            store.append(given.len() as u64, &batch).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(cluster.appends(), before + 2, "{fault:?}: it was asked again");
            given.extend(batch);
            assert_eq!(read_all(&store), given, "{fault:?}");
        }
    }
}

#[test]
fn a_batch_that_never_arrived_is_sent_again() {
    let cluster = Cluster::start(1);
    let store = open(&url(&cluster));
    cluster.plan([Fault::CutBefore, Fault::CutBefore]);
    store.append(0, &leaves(0, 3)).unwrap();
    assert_eq!(read_all(&store), leaves(0, 3));
    assert_eq!(cluster.appends(), 3);
}

#[test]
fn a_batch_in_doubt_whose_place_another_took_is_a_conflict() {
    for is_forgetful in [false, true] {
        let cluster = Cluster::start(1);
        let store = open(&url(&cluster));
        store.append(0, &leaves(0, 2)).unwrap();
        let others = leaves(500, 3);
        if is_forgetful {
            cluster.forget_ids();
        }
        cluster.plan([Fault::CutBefore, Fault::Overtaken(records_of(&others, 2))]);
        let error = store.append(2, &leaves(2, 3)).unwrap_err();
        assert!(matches!(error, AppendError::Conflict { actual: 5 }), "{error}");
        assert_eq!(store.read(2, 3).unwrap(), others, "what stands there is the other's");
        store.append(5, &leaves(2, 3)).expect("a conflict is an answer");
    }
}

#[test]
fn a_batch_that_arrives_late_is_there_once_or_never() {
    // The first attempt stalls, the second is answered; then the first arrives after all.
    let cluster = Cluster::start(1);
    let store = open(&url(&cluster));
    cluster.plan([Fault::Stall]);
    let start = Instant::now();
    store.append(0, &leaves(0, 3)).unwrap();
    assert!(start.elapsed() < LATE);
    cluster.release();
    assert_eq!(read_all(&store), leaves(0, 3));

    // All attempts stall: nobody knows. It arrives, and is found by reading.
    cluster.plan(vec![Fault::Stall; 50]);
    let start = Instant::now();
    let error = store.append(3, &leaves(3, 3)).unwrap_err();
    assert!(matches!(error, AppendError::Unsettled(_)), "{error}");
    assert!(start.elapsed() < LATE, "in time: {:?}", start.elapsed());
    assert_eq!(store.head().unwrap(), 3, "reading goes on");
    cluster.forget_plans();
    cluster.release();
    assert_eq!(store.head().unwrap(), 6);
    assert_eq!(read_all(&store), leaves(0, 6));

    // The same, but another batch takes the place: the late one stays out for ever.
    cluster.plan(vec![Fault::Stall; 50]);
    let error = store.append(6, &leaves(6, 3)).unwrap_err();
    assert!(matches!(error, AppendError::Unsettled(_)), "{error}");
    cluster.forget_plans();
    store.append(6, &leaves(700, 2)).unwrap();
    cluster.release();
    assert_eq!(store.read(6, 10).unwrap(), leaves(700, 2));
}

#[test]
fn the_store_follows_the_leader() {
    let cluster = Cluster::start(3);
    let store = open(&url(&cluster));
    let mut head = 0;
    for (leader, dies) in [(1, false), (2, false), (0, true), (1, true), (2, true), (0, true)] {
        if dies {
            let old = (leader + 2) % 3;
            cluster.stop(old);
            cluster.elect(leader);
            store.append(head, &leaves(head, 2)).unwrap_or_else(|error| panic!("{old} died, {leader} leads: {error}"));
            cluster.restart(old);
        } else {
            cluster.elect(leader);
            store.append(head, &leaves(head, 2)).unwrap_or_else(|error| panic!("{leader} leads: {error}"));
        }
        head += 2;
        assert_eq!(read_all(&store), leaves(0, head));
    }
}

#[test]
fn without_a_majority_writes_are_refused_in_time_and_reads_go_on() {
    let cluster = Cluster::start(3);
    let store = open(&url(&cluster));
    store.append(0, &leaves(0, 5)).unwrap();
    cluster.lose_majority();
    let start = Instant::now();
    store.append(5, &leaves(5, 1)).unwrap_err();
    assert!(start.elapsed() < LATE, "in time: {:?}", start.elapsed());
    assert_eq!(store.read(1, 4).unwrap(), leaves(1, 4), "reads go on");
    cluster.elect(2);
    store.append(5, &leaves(5, 1)).expect("it recovers by itself");
    assert_eq!(read_all(&store), leaves(0, 6));
}

#[test]
fn while_the_server_is_away_calls_end_in_time_and_then_go_on() {
    let cluster = Cluster::start(1);
    let store = open(&url(&cluster));
    store.append(0, &leaves(0, 2)).unwrap();
    cluster.stop(0);
    for round in 0..2 {
        let start = Instant::now();
        let error = store.append(2, &leaves(2, 2)).unwrap_err();
        assert!(matches!(error, AppendError::NotWritten(_) | AppendError::Unsettled(_)), "{round}: {error}");
        assert!(start.elapsed() < LATE, "{round}: {:?}", start.elapsed());
        let start = Instant::now();
        assert!(store.head().is_err() && store.read(0, 1).is_err());
        assert!(start.elapsed() < 2 * LATE, "{round}: {:?}", start.elapsed());
    }
    cluster.restart(0);
    cluster.elect(0);
    store.append(2, &leaves(2, 2)).unwrap();
    assert_eq!(read_all(&store), leaves(0, 4));

    // It comes back while a call waits.
    cluster.stop(0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.append(4, &leaves(4, 2)));
        thread::sleep(Duration::from_millis(WAIT_MS / 4));
        cluster.restart(0);
        cluster.elect(0);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(read_all(&store), leaves(0, 6));
}

#[test]
fn a_follower_that_lags_does_not_hide_leaves() {
    let cluster = Cluster::start(2);
    let store = open(&url(&cluster));
    store.append(0, &leaves(0, 6)).unwrap();
    // The client stays with the node that led.
    cluster.elect(1);
    cluster.lag(4);
    assert_eq!(read_all(&store), leaves(0, 6));
    assert_eq!(store.follow(5, Duration::ZERO).unwrap(), 6);
}

#[test]
fn a_cluster_that_lost_leaves_is_not_written_on() {
    let others = records_of(&leaves(800, 3), 3);
    let cases: [(&str, usize, &[Stored]); 3] =
        [("shorter", 3, &[]), ("others in their place", 3, &others[..2]), ("others, and more", 3, &others)];
    for (case, kept, then) in cases {
        let cluster = Cluster::start(1);
        let store = open(&url(&cluster));
        store.append(0, &leaves(0, 5)).unwrap();
        let whole = cluster.records(STREAM);
        cluster.replace_while_down(STREAM, whole[..kept].iter().chain(then).cloned().collect());
        let error = store.append(5, &leaves(5, 1)).unwrap_err();
        let AppendError::NotWritten(StoreError::Kurrentdb(Refused::RolledBack { index: 4, .. })) = error else {
            panic!("{case}: {error}");
        };
        let error = store.head().unwrap_err();
        assert!(matches!(error, StoreError::Kurrentdb(Refused::RolledBack { .. })), "{case}: {error}");
        assert_eq!(cluster.records(STREAM).len(), kept + then.len(), "{case}: nothing was written");

        // Once the node is back that has them, it goes on.
        cluster.replace(STREAM, whole);
        store.append(5, &leaves(5, 1)).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
}
