//! The write path: from a posted envelope to a leaf with its receipt (DESIGN §§6, 7).
//!
//! | module | what it does |
//! |---|---|
//! | [`folder`] | which file stands where |
//! | [`pieces`] | files, kept before any event cites them |
//! | [`admission`] | what happens to one submission, in order |
//! | [`queue`] | what waits for the sequencer: bounded, members take turns |
//! | [`sequencer`] | order, durability, checkpoint, proofs: one thread |
//! | [`answer`] | what it says of each submission, and what the poster is told |
//! | [`index`] | derived: what admission and proofs read of the earlier leaves |
//! | [`cles`] | the private keys of the log and of the node, and their successors |
//! | [`head`] | the signed head, and receipts |
//! | [`tail`] | what was written last, in memory, for the views |
//! | [`guard`], [`clock`] | refuse to write a second history, or a false time |
//! | [`refus`] | refusals as leaves |
//! | [`nodes`] | several nodes over one store |
//! | [`metrics`] | how long each stage takes, what waits, what is refused |
//! | [`opening`] | the first leaf of a new ledger |
//!
//! [`Ledger`] is the whole as others use it. It never reads a view.

pub mod admission;
pub mod answer;
pub mod cles;
pub mod clock;
pub mod folder;
pub mod guard;
pub mod head;
pub mod index;
pub mod metrics;
pub mod nodes;
pub mod opening;
pub mod pieces;
pub mod queue;
pub mod refus;
pub mod sequencer;
pub mod tail;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use greffe_events::authority::RightsReader;
use greffe_events::catalogue::{Data, RegistreOuvert};
use greffe_events::dossier::{CleJournal, Registre};
use greffe_events::ident::Origin;
use greffe_events::key::KeyCache;
use greffe_events::leaf::Leaf;
use greffe_events::{Event, Refusal};
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use self::admission::Prepared;
use self::answer::{Answer, Kept, Told, Unavailable};
use self::cles::NodeKeys;
use self::clock::{Clock, ClockWatch};
use self::folder::{Folder, FolderError};
use self::guard::GuardError;
use self::head::{Head, Receipt};
use self::index::{IndexError, IndexReader, IndexWriter};
use self::metrics::{Metrics, Outcome, Stage};
use self::pieces::{Depot, PieceError, Pieces, Quota};
use self::queue::{Lane, NotQueued, Queue};
use self::refus::{NodeVoice, RefusalWatch};
use self::sequencer::{Fatal, Group, Sequencer, make_receipt, sign_head};
use self::tail::{Tail, TailReader};
use crate::store::place::Place;
use crate::store::{EventStore, READ_LEAVES_MAX, StoreError};
use crate::tlog::{
    Edge, Hash, TILE_WIDTH, TileNodes, TileReader, Verifier, consistency_proof, inclusion_proof, leaf_hash, root,
};

/// Why a ledger can't be opened or read.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The derived index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A file of the folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The rollback guard.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// A piece.
    #[error(transparent)]
    Piece(#[from] PieceError),
    /// Leaf 0 is not an opening.
    #[error("the store is no ledger of ours: {0}")]
    NotOpened(String),
    /// A key of the folder is not the one that leaf 0 names.
    #[error("{path} is not the key that the log's first event names")]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// Simulated time, for a log that may belong to somebody.
    #[error("{0} takes the machine's clock and no other")]
    FalseClock(Origin),
    /// The tree.
    #[error(transparent)]
    Sequencer(#[from] Fatal),
    /// The system refused a thread.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
}

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub folder: Folder,
    /// Where its leaves are.
    pub store: Place,
    /// Whether other nodes may write to the same store, where it can be shared.
    pub has_other_nodes: bool,
    /// The rollback guard; none: beside the folder.
    pub guard: Option<PathBuf>,
    /// The operator says that the store is the newest state, although the guard is missing or says otherwise.
    pub accept_store: bool,
    /// What one organisation may keep in pieces.
    pub quota: Quota,
}

/// Progress of a start: leaves indexed, of how many.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// A ledger that is open for writing. Shared by everything that serves it.
pub struct Ledger {
    folder: Folder,
    store: Arc<dyn EventStore>,
    index: IndexReader,
    depot: Arc<Depot>,
    keys: KeyCache,
    opening: RegistreOuvert,
    clock: Clock,
    queue: Arc<Queue<Group>>,
    metrics: Arc<Metrics>,
    tail: Arc<Tail>,
    head: watch::Receiver<Arc<Head>>,
    guard_failed: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<Result<(), Fatal>>>>,
    /// The guard's and the pieces' upkeep's: they end after the sequencer.
    followers: Mutex<Vec<(&'static str, JoinHandle<()>)>>,
    _lock: folder::Lock,
}

impl Ledger {
    /// Opens the ledger of a folder: locks it, checks the guard, catches the index up, starts the sequencer.
    pub fn open(options: &Options, progress: Progress) -> Result<Self, LedgerError> {
        Self::open_by(options, Clock::default(), progress)
    }

    /// The same by another clock than the machine's, for a log that may have one ([`Clock::may_serve`]). No option leads here.
    pub fn open_by(options: &Options, clock: Clock, progress: Progress) -> Result<Self, LedgerError> {
        let folder = &options.folder;
        let lock = folder.lock()?;
        let store = options.store.open(folder.root())?;
        let opening = read_opening(store.as_ref())?;
        if !clock.may_serve(&opening.origine) {
            return Err(LedgerError::FalseClock(opening.origine));
        }
        let guard = options.guard.clone().unwrap_or_else(|| folder.default_guard());
        folder.check_outside(&guard)?;
        let size = store.head()?;
        if options.accept_store {
            // What the operator vouches for is the store, not what was derived from it.
            index::remove(&folder.index());
        }
        let mut index = IndexWriter::open(&folder.index(), size, |at| read_hash(store.as_ref(), at))?;
        let mut edge = catch_up(store.as_ref(), &mut index, size, progress)?;
        if !options.accept_store
            && let Err(error) = check_guard(&guard, &opening.origine, &index)
        {
            if !matches!(error, LedgerError::Guard(GuardError::Forked { .. }) | LedgerError::Index(_)) {
                return Err(error);
            }
            // The tiles may be damaged rather than the leaves: derive them again before a word about the store.
            drop(index);
            index::remove(&folder.index());
            index = IndexWriter::open(&folder.index(), size, |at| read_hash(store.as_ref(), at))?;
            edge = catch_up(store.as_ref(), &mut index, size, progress)?;
            check_guard(&guard, &opening.origine, &index)?;
        }
        let keys = NodeKeys::open(folder, &opening.origine, &named_log(&opening.origine, &index)?)?;
        let head = sign_head(&edge, keys.signer(), opening.origine.as_str())?;
        let guard_failed = Arc::new(AtomicBool::new(false));
        let is_shared = store.is_shared();
        // Before the first answer, so that a fresh start is guarded from its first leaf on.
        folder::replace_file(&guard, head.checkpoint.as_bytes())
            .map_err(|source| GuardError::Io { path: guard.clone(), source })?;
        let metrics = Arc::new(Metrics::default());
        metrics.guarded(size);
        let (head_sender, head) = watch::channel(Arc::new(head));
        let guarded = head_sender.subscribe();
        let guard_thread = guard::keep(
            (!is_shared).then(|| guard.clone()),
            folder.checkpoint(),
            guarded,
            Arc::clone(&guard_failed),
            Arc::clone(&metrics),
        )
        .map_err(LedgerError::Thread)?;
        let depot = Arc::new(Depot::open(folder.pieces(), options.quota, index.reader())?);
        let upkeep = pieces::upkeep::keep(Arc::clone(&depot), head_sender.subscribe()).map_err(LedgerError::Thread)?;
        // The first value counts as seen by new receivers: say it once more for the folder's own copy.
        head_sender.send_modify(|_| ());
        let voice = NodeVoice { operator: opening.operateur.organisation.clone(), origin: opening.origine.clone() };
        let index_reader = index.reader();
        let tail = Arc::new(Tail::default());
        let sequencer = Sequencer {
            store: Arc::clone(&store),
            index,
            edge,
            keys,
            voice,
            head: head_sender,
            guard_failed: Arc::clone(&guard_failed),
            clock: clock.clone(),
            clock_watch: ClockWatch::default(),
            refusals: RefusalWatch::default(),
            metrics: Arc::clone(&metrics),
            tail: Arc::clone(&tail),
            guard: is_shared.then_some(guard),
            is_alone: !options.has_other_nodes,
            unsettled: None,
        };
        let queue = Arc::new(Queue::new(store.append_max()));
        let mut followers = vec![("guard's", guard_thread), ("pieces'", upkeep)];
        if is_shared {
            let follower = nodes::follow(Arc::clone(&store), head.clone(), Arc::clone(&queue));
            followers.push(("store's", follower.map_err(LedgerError::Thread)?));
        }
        let waiting = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("sequenceur".to_owned())
            .spawn(move || sequencer.run(waiting))
            .map_err(LedgerError::Thread)?;
        Ok(Self {
            folder: folder.clone(),
            store,
            index: index_reader,
            depot,
            keys: KeyCache::default(),
            opening,
            clock,
            queue,
            metrics,
            tail,
            head,
            guard_failed,
            threads: Mutex::new(vec![thread]),
            followers: Mutex::new(followers),
            _lock: lock,
        })
    }

    /// What leaf 0 says.
    pub fn opening(&self) -> &RegistreOuvert {
        &self.opening
    }

    /// Unix milliseconds, now, by the clock that this ledger records by.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The log's public key of today.
    pub fn verifier(&self) -> Verifier {
        self.head().verifier.clone()
    }

    /// The log's public keys, oldest first, each with the leaf that names it.
    pub fn journal(&self) -> Result<Vec<CleJournal>, LedgerError> {
        let log = RightsReader::log(&self.index, &self.opening.origine)?;
        Ok(log.map(|log| log.journal).unwrap_or_default())
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The leaves.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// The derived index.
    pub fn index(&self) -> &IndexReader {
        &self.index
    }

    /// The files, to be read.
    pub fn pieces(&self) -> &Pieces {
        self.depot.pieces()
    }

    /// The files, where new ones are taken in.
    pub fn depot(&self) -> &Depot {
        &self.depot
    }

    /// The signed head.
    pub fn head(&self) -> Arc<Head> {
        self.head.borrow().clone()
    }

    /// Tells of every new head.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Head>> {
        self.head.clone()
    }

    /// Follows what this node writes, as it has it in memory; what is not there is in the store.
    pub fn tail(&self) -> TailReader {
        self.tail.reader()
    }

    /// The figures of the write path.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The same as text, with what waits and the head as they are now.
    pub fn metrics_text(&self) -> String {
        self.metrics.render(self.queue.waiting(), self.head().size)
    }

    /// Reads and verifies envelopes, each by itself: CPU-bound, in no order with others. Several cost less together than one by one.
    pub fn prepare(
        &self,
        envelopes: &[&[u8]],
        received_at_ms: u64,
    ) -> Result<Vec<Result<Prepared, Refusal>>, LedgerError> {
        let started = Instant::now();
        let now_ms = self.clock.now_ms();
        let mut all = admission::prepare(envelopes, received_at_ms, now_ms, &self.keys, &self.index, &self.depot)?;
        for prepared in &mut all {
            match prepared {
                Ok(prepared) => {
                    let author = prepared.envelope.signers().next();
                    let record = author.map(|key| RightsReader::key(&self.index, &key)).transpose()?.flatten();
                    prepared.poster = record.map(|record| record.organisation);
                }
                Err(refusal) => self.metrics.refusal(refusal.code.as_str()),
            }
        }
        self.metrics.took(Stage::Verify, started.elapsed());
        Ok(all)
    }

    /// Queues events that stay in order, and together as far as one batch of the store holds them; one answer for each comes when they are
    /// durable, or refused.
    pub async fn submit_all(&self, prepared: Vec<Prepared>) -> Vec<Told> {
        let size = |prepared: &Prepared| prepared.envelope.payload().len();
        let lane = lane(&prepared);
        let mut closed = None;
        let mut waiting = Vec::new();
        for part in self.queue.batch_max().parts(prepared, size) {
            let (events, bytes) = (part.len(), part.iter().map(size).sum());
            let (answer, told) = oneshot::channel();
            // What follows a part that is not queued must not overtake it.
            if closed.is_none() {
                closed = match self.queue.push(lane.clone(), Group { prepared: part, answer }, events, bytes) {
                    Ok(()) => None,
                    Err(NotQueued::Full) => Some(Unavailable::QueueFull),
                    Err(NotQueued::Closed) => Some(Unavailable::Stopping),
                };
            }
            waiting.push((events, closed, told));
        }
        let mut all = Vec::new();
        for (events, closed, told) in waiting {
            let told = match closed {
                None => told.await.map_err(|_| Unavailable::Stopping),
                Some(why) => Err(why),
            };
            all.extend(told.unwrap_or_else(|why| {
                (0..events).for_each(|_| self.metrics.event(Outcome::Unavailable));
                (0..events).map(|_| Told::Unavailable(why)).collect()
            }));
        }
        all
    }

    /// What to answer, with its receipt. Reads the store where the leaf was there before.
    pub fn answer(&self, told: Told) -> Result<Answer, LedgerError> {
        Ok(match told {
            Told::Recorded { kept, is_new } => Answer::Recorded { receipt: self.receipt_of(kept)?, is_new },
            Told::Refused(refusal, kept) => {
                Answer::Refused(refusal, kept.map(|kept| self.receipt_of(kept)).transpose()?)
            }
            Told::RefusedTooOften(refusal, key) => Answer::RefusedTooOften(refusal, key),
            Told::Unavailable(why) => Answer::Unavailable(why),
        })
    }

    fn receipt_of(&self, kept: Kept) -> Result<Box<Receipt>, LedgerError> {
        match kept {
            Kept::Now { index, hashes, written } => {
                let receipt = written.receipt(index, hashes)?.map(Box::new);
                receipt.ok_or_else(|| Fatal::Tree(format!("leaf {index} is not of its batch")).into())
            }
            Kept::Before(index) => {
                let receipt = self.receipt(index)?.map(Box::new);
                receipt.ok_or_else(|| Fatal::Tree(format!("the store lost leaf {index}")).into())
            }
        }
    }

    /// Queues one event; its answer comes when it is durable, or refused. For callers that may block on the store.
    pub async fn submit(&self, prepared: Prepared) -> Result<Answer, LedgerError> {
        let told = self.submit_all(vec![prepared]).await.pop();
        self.answer(told.unwrap_or(Told::Unavailable(Unavailable::Stopping)))
    }

    /// Whether the sequencer works. False after a fatal error: the process should end. False once closed.
    pub fn is_writing(&self) -> bool {
        self.queue.is_open()
    }

    /// Whether the rollback guard is kept; where not, nothing is signed until it is again.
    pub fn is_guarded(&self) -> bool {
        !self.guard_failed.load(Ordering::Relaxed)
    }

    /// One leaf.
    pub fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        if index >= self.head().size {
            return Ok(None);
        }
        Ok(self.store.read(index, 1)?.into_iter().next())
    }

    /// The receipt of a leaf, against the newest head.
    pub fn receipt(&self, index: u64) -> Result<Option<Receipt>, LedgerError> {
        let head = self.head();
        let Some(leaf) = self.leaf(index)? else { return Ok(None) };
        let hashes = self.inclusion(index, head.size)?;
        Ok(Some(make_receipt(index, &leaf, hashes, &head)?))
    }

    /// The inclusion proof of leaf `index` in the tree of `size` leaves, which is published.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        let nodes = TileNodes::new(size, &self.index);
        inclusion_proof(index, size, &nodes).map_err(|error| Fatal::Tree(error.to_string()).into())
    }

    /// The proof that the tree of `to` leaves, which is published, extends the one of `from`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, LedgerError> {
        let nodes = TileNodes::new(to, &self.index);
        consistency_proof(from, to, &nodes).map_err(|error| Fatal::Tree(error.to_string()).into())
    }

    /// The first `width` hashes of a tile that is published.
    pub fn tile(&self, level: u8, n: u64, width: u16) -> Result<Vec<Hash>, LedgerError> {
        Ok((&self.index).tile(level, n, width)?)
    }

    /// The `width` leaves of an entry bundle that is published.
    pub fn bundle(&self, n: u64, width: u16) -> Result<Vec<Vec<u8>>, LedgerError> {
        let (mut at, end) = (n * u64::from(TILE_WIDTH), n * u64::from(TILE_WIDTH) + u64::from(width));
        let mut leaves = Vec::with_capacity(usize::from(width));
        while at < end {
            let some = self.store.read(at, usize::try_from(end - at).unwrap_or(READ_LEAVES_MAX))?;
            if some.is_empty() {
                break;
            }
            at += some.len() as u64;
            leaves.extend(some);
        }
        Ok(leaves)
    }

    /// Takes no more, finishes what is queued within [`queue::DRAIN_WAIT_MAX`], writes the guard a last time.
    pub fn close(&self) -> Result<(), LedgerError> {
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(());
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|_| Err(Fatal::Tree("the sequencer panicked".to_owned())));
            result = result.and(ended);
        }
        let followers = std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        for (whose, thread) in followers {
            if thread.join().is_err() {
                result = result.and(Err(Fatal::Tree(format!("the {whose} thread panicked"))));
            }
        }
        Ok(result?)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the ledger did not close well");
        }
    }
}

/// Whose turn it is: everything signed first by enrolled keys of one organisation takes that one's.
fn lane(prepared: &[Prepared]) -> Lane {
    let mut posters = prepared.iter().map(|prepared| prepared.poster.as_ref());
    match posters.next().flatten() {
        Some(first) if posters.all(|poster| poster == Some(first)) => Lane::Of(first.clone()),
        _ => Lane::Shared,
    }
}

/// Reads leaf 0.
pub fn read_opening(store: &dyn EventStore) -> Result<RegistreOuvert, LedgerError> {
    let leaf = store.read(0, 1)?.into_iter().next();
    let leaf = leaf.ok_or_else(|| LedgerError::NotOpened("it holds no leaf".to_owned()))?;
    let leaf = Leaf::decode(&leaf).map_err(|error| LedgerError::NotOpened(error.to_string()))?;
    match Event::of(&leaf.envelope) {
        Ok(Event { data: Data::RegistreOuvert(opening), .. }) => Ok(opening),
        Ok(_) => Err(LedgerError::NotOpened("its first event does not open a log".to_owned())),
        Err(refusal) => Err(LedgerError::NotOpened(refusal.to_string())),
    }
}

/// The log's own dossier, which an opened log has.
fn named_log(origin: &Origin, index: &IndexWriter) -> Result<Registre, LedgerError> {
    let log = RightsReader::log(index, origin)?;
    log.ok_or_else(|| LedgerError::NotOpened("its first event does not open it".to_owned()))
}

fn check_guard(guard: &Path, origin: &Origin, index: &IndexWriter) -> Result<(), LedgerError> {
    let log = named_log(origin, index)?;
    let key_of = |size| CleJournal::of_size(&log.journal, size).and_then(|key| Verifier::parse(&key.vkey).ok());
    guard::check(guard, key_of, index.size(), |at| root_at(at, index))
}

fn read_hash(store: &dyn EventStore, at: u64) -> Result<Hash, LedgerError> {
    let leaf = store.read(at, 1)?.into_iter().next();
    leaf.map(|leaf| leaf_hash(&leaf)).ok_or_else(|| LedgerError::NotOpened(format!("leaf {at} is missing")))
}

/// Brings the index to the store's size; returns the tree's right edge.
fn catch_up(
    store: &dyn EventStore,
    index: &mut IndexWriter,
    size: u64,
    progress: Progress,
) -> Result<Edge, LedgerError> {
    let mut edge = index.edge()?;
    while index.size() < size {
        let leaves = store.read(index.size(), READ_LEAVES_MAX)?;
        let Some(last) = leaves.last().map(|leaf| leaf_hash(leaf)) else {
            return Err(LedgerError::NotOpened(format!("the store ends at {} of {size} leaves", index.size())));
        };
        index.begin()?;
        for leaf in &leaves {
            index.catch_up(leaf)?;
            edge.push(leaf_hash(leaf));
        }
        index.commit(&mut edge, last);
        progress(index.size(), size);
    }
    Ok(edge)
}

fn root_at(at: u64, index: &IndexWriter) -> Result<Hash, LedgerError> {
    let nodes = TileNodes::new(at, index);
    root(at, &nodes).map_err(|error| Fatal::Tree(error.to_string()).into())
}
