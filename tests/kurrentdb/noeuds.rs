//! Several nodes over one stream: one gapless history, whatever they are posted at once and whatever fails between them and the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use greffe::audit::verify_receipt;
use greffe::ledger::answer::{Answer, Unavailable};
use greffe::ledger::folder::Folder;
use greffe::ledger::head::Receipt;
use greffe::ledger::opening::NewLedger;
use greffe::ledger::{Ledger, LedgerError, Options};
use greffe::store::contract::read_all;
use greffe::store::place::Place;
use greffe::tlog::{Checkpoint, Frontier, TlogProof, leaf_hash, verify_consistency};
use greffe_events::dsse::Envelope;
use greffe_events::leaf::Leaf;

use crate::server::{Cluster, Fault};
use crate::support::{
    COMMUNE, OPERATOR, ORIGIN, acte, deposit_acte, enrolment, key, member, now_ms, options, recorded, signed,
    submit_bytes,
};

/// Longest that anything that must happen is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream and the folders of its nodes.
struct Nodes {
    cluster: Cluster,
    place: Place,
    root: tempfile::TempDir,
}

impl Nodes {
    /// A new ledger in a stream, whose commune has a key, and the open nodes.
    fn start(servers: usize, nodes: usize) -> (Self, Vec<Arc<Ledger>>) {
        let cluster = Cluster::start(servers);
        let place: Place = format!("{}&waitMs=3000", cluster.url("greffe")).parse().unwrap();
        let this = Self { cluster, place, root: tempfile::tempdir().unwrap() };
        let folder = this.folder(0);
        NewLedger {
            folder: &folder,
            store: &this.place,
            guard: &folder.default_guard(),
            origin: ORIGIN.parse().unwrap(),
            operator: OPERATOR.parse().unwrap(),
            operator_key: &key(1),
            recovery: [key(4).id(), key(5).id(), key(6).id()],
            now_ms: now_ms(),
        }
        .create()
        .unwrap();
        let first = this.open(0).unwrap();
        recorded(&first, &member(COMMUNE, "commune"), &[1]);
        recorded(&first, &enrolment(COMMUNE, 10, &["collectivite"]), &[1, 10]);
        let mut ledgers = vec![Arc::new(first)];
        for node in 1..nodes {
            this.give_keys(node);
            ledgers.push(Arc::new(this.open(node).unwrap()));
        }
        (this, ledgers)
    }

    fn folder(&self, node: usize) -> Folder {
        Folder::new(self.root.path().join(format!("noeud-{node}")))
    }

    /// What an operator copies to a further node: keys, and the guard of the moment.
    fn give_keys(&self, node: usize) {
        let (from, to) = (self.folder(0), self.folder(node));
        copy(&from.root().join("cles"), &to.root().join("cles"));
        std::fs::copy(from.default_guard(), to.default_guard()).unwrap();
    }

    fn options(&self, node: usize) -> Options {
        Options { store: self.place.clone(), has_other_nodes: true, ..options(&self.folder(node)) }
    }

    fn open(&self, node: usize) -> Result<Ledger, LedgerError> {
        Ledger::open(&self.options(node), &mut |_, _| ())
    }

    fn leaves(&self) -> Vec<Vec<u8>> {
        read_all(self.place.open(Path::new("/nowhere")).unwrap().as_ref())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn envelope(n: usize) -> Envelope {
    signed(&acte(n, b"acte"), &[10])
}

fn submit(ledger: &Ledger, envelope: &Envelope) -> Answer {
    submit_bytes(ledger, envelope.to_json().as_bytes()).unwrap()
}

/// Deposits an act's files at each node: they are not shared.
fn deposit_everywhere(ledgers: &[Arc<Ledger>], n: usize) {
    for ledger in ledgers {
        deposit_acte(ledger, n, b"acte");
    }
}

/// Posts until it has a receipt, to one node after another, as an editor's software does.
fn post(ledgers: &[Arc<Ledger>], first: usize, envelope: &Envelope) -> Receipt {
    let start = Instant::now();
    for turn in first.. {
        match submit(&ledgers[turn % ledgers.len()], envelope) {
            Answer::Recorded { receipt, .. } => return *receipt,
            Answer::Unavailable(Unavailable::Stopping) => panic!("a node stops"),
            Answer::Unavailable(why) => assert!(start.elapsed() < PATIENCE, "{why}"),
            other => panic!("{other:?}"),
        }
    }
    unreachable!()
}

/// Waits until every node's head has `size` leaves.
fn wait_for(ledgers: &[Arc<Ledger>], size: u64) {
    let start = Instant::now();
    while ledgers.iter().any(|ledger| ledger.head().size < size) {
        assert!(start.elapsed() < PATIENCE, "{:?}", ledgers.iter().map(|one| one.head().size).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(5));
    }
}

/// One history: no gap, receipts that verify, heads that are roots of it and consistent.
fn check(leaves: &[Vec<u8>], ledgers: &[Arc<Ledger>], receipts: &[Receipt]) {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    let mut identities = std::collections::HashSet::new();
    for leaf in leaves {
        frontier.push(leaf_hash(leaf));
        roots.push(frontier.root());
        let leaf = Leaf::decode(leaf).unwrap();
        assert!(identities.insert(leaf.envelope.payload().to_vec()), "an event is recorded twice");
    }
    let log = ledgers[0].verifier();
    for receipt in receipts {
        verify_receipt(serde_json::to_string(receipt).unwrap().as_bytes(), &log).unwrap();
        let at = usize::try_from(receipt.index).unwrap();
        assert_eq!(data_encoding::BASE64.encode(&leaves[at]), receipt.leaf, "the receipt's leaf is there");
        let proof = TlogProof::parse(receipt.proof.as_bytes()).unwrap();
        let head = Checkpoint::open(proof.checkpoint().as_bytes(), &log).unwrap();
        assert_eq!(head.root(), roots[usize::try_from(head.size()).unwrap()], "a head of another history");
    }
    wait_for(ledgers, leaves.len() as u64);
    for ledger in ledgers {
        let head = ledger.head();
        assert_eq!((head.size, head.root), (leaves.len() as u64, frontier.root()));
        for size in [1, head.size / 2, head.size - 1] {
            let old = roots[usize::try_from(size).unwrap()];
            let proof = ledger.consistency(size, head.size).unwrap();
            verify_consistency(size, head.size, &proof, &old, &head.root).unwrap();
        }
    }
}

#[test]
fn three_nodes_under_concurrent_posts_write_one_gapless_history() {
    const POSTERS: usize = 6;
    const EACH: usize = 25;
    let (nodes, ledgers) = Nodes::start(3, 3);
    for n in 0..POSTERS * EACH {
        deposit_everywhere(&ledgers, n);
    }
    let (before, appends, start) = (nodes.leaves().len(), nodes.cluster.appends(), Instant::now());
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                let ledgers = &ledgers;
                scope.spawn(move || {
                    (0..EACH).map(|n| post(ledgers, poster, &envelope(poster * EACH + n))).collect::<Vec<_>>()
                })
            })
            .collect();
        posters.into_iter().flat_map(|poster| poster.join().unwrap()).collect()
    });
    println!("{} acts, {} appends, {:.1?}", receipts.len(), nodes.cluster.appends() - appends, start.elapsed());
    let leaves = nodes.leaves();
    assert_eq!(leaves.len(), before + POSTERS * EACH, "each act once");
    check(&leaves, &ledgers, &receipts);
}

#[test]
fn the_same_event_posted_to_all_nodes_at_once_is_recorded_once() {
    let (nodes, ledgers) = Nodes::start(1, 3);
    let before = nodes.leaves().len();
    let mut receipts = Vec::new();
    for n in 0..20 {
        deposit_everywhere(&ledgers, n);
        let envelope = envelope(n);
        let start = std::sync::Barrier::new(ledgers.len());
        let answers: Vec<Receipt> = thread::scope(|scope| {
            let posts: Vec<_> = (0..ledgers.len())
                .map(|node| {
                    let (ledgers, envelope, start) = (&ledgers, &envelope, &start);
                    scope.spawn(move || {
                        start.wait();
                        post(ledgers, node, envelope)
                    })
                })
                .collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|receipt| receipt.leaf == answers[0].leaf), "the same leaf");
        receipts.extend(answers);
    }
    let leaves = nodes.leaves();
    assert_eq!(leaves.len(), before + 20);
    check(&leaves, &ledgers, &receipts);
}

#[test]
fn a_batch_that_nobody_answered_for_is_taken_in_once_it_shows() {
    // Alone, or not: the node's own late batch is no other node's.
    for has_other_nodes in [true, false] {
        let (nodes, ledgers) = Nodes::start(1, 1);
        drop(ledgers);
        let options = Options { has_other_nodes, ..nodes.options(0) };
        let ledger = Arc::new(Ledger::open(&options, &mut |_, _| ()).unwrap());
        let (before, envelope) = (nodes.leaves().len(), envelope(1));
        deposit_acte(&ledger, 1, b"acte");
        nodes.cluster.plan(vec![Fault::Stall; 100]);
        let answer = submit(&ledger, &envelope);
        assert!(matches!(answer, Answer::Unavailable(Unavailable::Unsettled)), "{answer:?}");
        assert_eq!(ledger.head().size, before as u64, "nothing is signed");
        nodes.cluster.forget_plans();
        nodes.cluster.release();
        wait_for(&[Arc::clone(&ledger)], before as u64 + 1);
        let Answer::Recorded { receipt, is_new: false } = submit(&ledger, &envelope) else { panic!() };
        check(&nodes.leaves(), &[ledger], &[*receipt]);
    }
}

#[test]
fn while_the_server_is_away_posts_are_told_so_in_time_and_then_taken_again() {
    let (nodes, ledgers) = Nodes::start(1, 1);
    let ledger = &ledgers[0];
    (0..3).for_each(|n| deposit_acte(ledger, n, b"acte"));
    let first = post(&ledgers, 0, &envelope(0));
    nodes.cluster.stop(0);
    for _ in 0..2 {
        let start = Instant::now();
        let answer = submit(ledger, &envelope(1));
        assert!(matches!(answer, Answer::Unavailable(Unavailable::Store | Unavailable::Unsettled)), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }
    assert!(ledger.is_writing(), "it goes on");
    nodes.cluster.restart(0);
    nodes.cluster.elect(0);
    let second = post(&ledgers, 0, &envelope(2));
    check(&nodes.leaves(), &ledgers, &[first, second]);
}

#[test]
fn a_node_that_is_to_be_alone_stops_when_another_writes() {
    let (nodes, ledgers) = Nodes::start(1, 2);
    let [first, second] = <[Arc<Ledger>; 2]>::try_from(ledgers).unwrap_or_else(|_| panic!());
    drop(second);
    let alone = Ledger::open(&Options { has_other_nodes: false, ..nodes.options(1) }, &mut |_, _| ()).unwrap();
    deposit_acte(&first, 1, b"acte");
    post(&[first], 0, &envelope(1));
    let start = Instant::now();
    while alone.is_writing() {
        assert!(start.elapsed() < PATIENCE, "it goes on beside another");
        thread::sleep(Duration::from_millis(5));
    }
    let error = alone.close().unwrap_err();
    assert!(error.to_string().contains("another one writes"), "{error}");
}

#[test]
fn an_event_is_judged_by_what_another_node_recorded() {
    let (_nodes, ledgers) = Nodes::start(1, 2);
    let revoked = crate::support::event(
        "cle.revoquee",
        COMMUNE,
        &format!("adherent/{}", &COMMUNE[10..]),
        serde_json::json!({ "organisation": COMMUNE, "cle": key(10).id(), "motif": "vol" }),
    );
    deposit_everywhere(&ledgers, 1);
    let before = ledgers[1].head().size;
    let answer = submit(&ledgers[0], &signed(&revoked, &[10]));
    assert!(matches!(answer, Answer::Recorded { .. }), "{answer:?}");
    // Whether or not the other has heard of it yet.
    let answer = submit(&ledgers[1], &envelope(1));
    let Answer::Refused(refusal, _) = answer else { panic!("{answer:?} after {before}") };
    assert_eq!(refusal.code.as_str(), "key-revoked");
}

#[test]
fn a_head_is_in_the_guard_before_anyone_sees_it() {
    let (nodes, ledgers) = Nodes::start(1, 1);
    deposit_acte(&ledgers[0], 1, b"acte");
    let guard = nodes.folder(0).default_guard();
    for n in 1..10 {
        deposit_acte(&ledgers[0], n, b"acte");
        let receipt = post(&ledgers, 0, &envelope(n));
        let kept = Checkpoint::open(&std::fs::read(&guard).unwrap(), &ledgers[0].verifier()).unwrap();
        assert!(kept.size() > receipt.index, "act {n}: {} in the guard", kept.size());
    }
    // Its disk goes away: nothing more is signed; and comes back.
    let away = nodes.root.path().join("ailleurs");
    std::fs::rename(&guard, &away).unwrap();
    std::fs::create_dir(&guard).unwrap();
    deposit_acte(&ledgers[0], 20, b"acte");
    let (size, late) = (ledgers[0].head().size, envelope(20));
    for _ in 0..2 {
        let answer = submit(&ledgers[0], &late);
        assert!(matches!(answer, Answer::Unavailable(Unavailable::Guard)), "{answer:?}");
        assert_eq!(ledgers[0].head().size, size);
    }
    std::fs::remove_dir(&guard).unwrap();
    let receipt = post(&ledgers, 0, &late);
    assert_eq!(receipt.index, size);
    check(&nodes.leaves(), &ledgers, &[receipt]);
}

/// Seconds of [`nodes_survive_everything_at_once`]; more with `GREFFE_SOAK_S`.
fn soak() -> Duration {
    Duration::from_secs(std::env::var("GREFFE_SOAK_S").ok().and_then(|text| text.parse().ok()).unwrap_or(12))
}

#[test]
fn nodes_survive_everything_at_once() {
    let (nodes, ledgers) = Nodes::start(3, 3);
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let before = nodes.leaves().len();
    let receipts: Vec<Receipt> = thread::scope(|scope| {
        let posters: Vec<_> = (0..4)
            .map(|poster| {
                let (ledgers, next, is_over) = (&ledgers, &next, &is_over);
                scope.spawn(move || {
                    let mut receipts = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        deposit_everywhere(ledgers, n);
                        receipts.push(post(ledgers, poster, &envelope(n)));
                    }
                    receipts
                })
            })
            .collect();
        let start = Instant::now();
        let mut leader = 0;
        for round in 0.. {
            if start.elapsed() > soak() {
                break;
            }
            nodes.cluster.plan(match round % 4 {
                0 => vec![Fault::AnswerLost, Fault::CutBefore],
                1 => vec![Fault::Stall],
                2 => vec![Fault::Answer(tonic::Code::Unavailable, "?"), Fault::AnswerLost],
                _ => vec![Fault::CutBefore; 3],
            });
            // The faults, and then some good moments.
            thread::sleep(Duration::from_millis(900));
            // The leader dies, the next one takes over; the dead one comes back.
            let old = leader;
            leader = (leader + 1) % 3;
            nodes.cluster.stop(old);
            thread::sleep(Duration::from_millis(50));
            nodes.cluster.elect(leader);
            nodes.cluster.restart(old);
            nodes.cluster.release();
        }
        is_over.store(true, Ordering::Relaxed);
        nodes.cluster.forget_plans();
        posters.into_iter().flat_map(|poster| poster.join().unwrap()).collect()
    });
    let leaves = nodes.leaves();
    println!("{} acts by three nodes, {} appends reached a leader", receipts.len(), nodes.cluster.appends());
    assert_eq!(leaves.len(), before + receipts.len(), "each act once");
    assert!(receipts.len() > 20, "only {} acts: nothing was tested", receipts.len());
    check(&leaves, &ledgers, &receipts);
}
