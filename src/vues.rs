//! Keeping views up to date: one thread per view, which owns the view's [`Runner`] and follows the log's head.
//!
//! ```text
//! Ledger::subscribe ──► thread "vue-<name>" ──► Runner::catch_up ──► ViewReader (pages, lists)
//!         StoreLog ─────────┘  (each leaf read once for all)     └─► Health     (is it following? if not, why)
//! ```
//!
//! A view applies what comes after a quiet moment at once, and then rests ([`REST`]): what a busy log records meanwhile is
//! one transaction. A reader that waits for its own event (`?at_least=`) ends the rest.
//!
//! The thread holds the store, not the ledger: a ledger that closes ends it, and so does dropping the [`Follower`].
//! An event that a view can't apply stops that view only (its `Status` says so); a log that can't be read, or a full
//! disk, is tried again every [`RETRY`] and shows in [`Health`] until it is over.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;
use greffe_projections::adherents::Adherents;
use greffe_projections::comptabilite::Comptabilite;
use greffe_projections::file;
use greffe_projections::journal::Journal;
use greffe_projections::legalite::{Legalite, OBJET_PIECE_BYTES_MAX, PieceSource, PieceUnreadable};
use greffe_projections::marches::Marches;
use greffe_projections::quarantaine::Quarantaine;
use greffe_projections::{Log, LogError, Projection, Recent, Recorded, RunError, Runner, Status, ViewReader};
use thiserror::Error;
use tokio::sync::watch;

use crate::ledger::Ledger;
use crate::ledger::head::Head;
use crate::ledger::pieces::Pieces;
use crate::ledger::tail::{Tail, TailReader};
use crate::store::EventStore;

/// How much less of a busy core a view gets than the write path, as `nice` counts: about a tenth.
const NICENESS: i32 = 10;

/// Lets the write path go first on a busy machine: a view that follows later does so in larger, cheaper batches.
fn give_way() {
    // What the system calls a process here is a thread.
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        tracing::warn!(%error, "a view works at the priority of the write path");
    }
}

/// How long a view waits before it tries again after something failed.
pub const RETRY: Duration = Duration::from_secs(1);

/// How long a view rests after it caught up. Each transaction writes whole pages, which many events share: a few a second cost
/// little beside a busy log, and who looks does not notice.
pub const REST: Duration = Duration::from_millis(100);

/// Why a view can't be followed.
#[derive(Debug, Error)]
pub enum FollowError {
    /// Its folder or file.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its folder can't be made, or the system refused a thread.
    #[error("view {view}: {source}")]
    System {
        /// The view.
        view: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// The log as projections read it: what the node wrote last as it had it in memory, the rest from the store. Clones, one for each
/// view, share the leaves read last.
#[derive(Clone)]
pub struct StoreLog {
    store: Arc<dyn EventStore>,
    recent: Arc<Recent>,
    tail: TailReader,
}

impl StoreLog {
    /// The log in this store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, recent: Arc::default(), tail: Arc::new(Tail::default()).reader() }
    }

    /// The log that this ledger writes.
    pub fn of(ledger: &Ledger) -> Self {
        Self { tail: ledger.tail(), ..Self::new(Arc::clone(ledger.store())) }
    }
}

impl Log for StoreLog {
    fn head(&self) -> Result<u64, LogError> {
        self.store.head().map_err(|error| LogError(error.into()))
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Arc<Recorded>>, LogError> {
        let stored = |from, max| self.store.read(from, max).map_err(|error| LogError(error.into()));
        self.tail.read(from, max, |from, max| self.recent.read(from, max, stored))
    }
}

/// The pieces, as the view of acts reads their objets.
pub struct StorePieces(pub Pieces);

impl PieceSource for StorePieces {
    fn read(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable> {
        let read = self.0.read_small(organisation, reference, OBJET_PIECE_BYTES_MAX);
        read.map_err(|error| PieceUnreadable(error.into()))
    }
}

/// How many views a node has.
pub const NOMBRE: usize = 6;

/// Every view of a node.
pub fn toutes() -> [Box<dyn Projection>; NOMBRE] {
    [
        Box::new(Legalite),
        Box::new(Quarantaine),
        Box::new(Adherents),
        Box::new(Comptabilite),
        Box::new(Marches),
        Box::new(Journal),
    ]
}

/// The views of a node, each followed by a thread of its own, until they are dropped.
pub struct Vues {
    followers: Vec<Follower>,
    lecteurs: Lecteurs,
}

/// Reads the views. Clones share their connections.
#[derive(Clone)]
pub struct Lecteurs {
    /// Acts.
    pub legalite: ViewReader,
    /// Messages that could not be placed.
    pub quarantaine: ViewReader,
    /// Members.
    pub adherents: ViewReader,
    /// Flows and invoices.
    pub comptabilite: ViewReader,
    /// Tenders and submissions.
    pub marches: ViewReader,
    /// Every event.
    pub journal: ViewReader,
    /// Whether each follows the log.
    pub health: Vec<Health>,
}

impl Vues {
    /// Opens the views in `dir`, which is made, and follows the ledger from where each is.
    pub fn start(dir: &Path, ledger: &Ledger) -> Result<Self, FollowError> {
        Self::start_these(dir, toutes(), ledger)
    }

    /// The same with these projections, in the order of [`toutes`].
    pub fn start_these(
        dir: &Path,
        projections: [Box<dyn Projection>; NOMBRE],
        ledger: &Ledger,
    ) -> Result<Self, FollowError> {
        std::fs::create_dir_all(dir).map_err(|source| FollowError::System { view: "vues", source })?;
        file::remove_others(dir, &projections)?;
        let log = StoreLog::of(ledger);
        let mut followers = Vec::with_capacity(NOMBRE);
        for projection in projections {
            followers.push(Follower::follow(dir, projection, log.clone(), ledger.subscribe())?);
        }
        let [legalite, quarantaine, adherents, comptabilite, marches, journal] =
            std::array::from_fn(|place| followers[place].reader());
        let health = followers.iter().map(Follower::health).collect();
        let lecteurs = Lecteurs { legalite, quarantaine, adherents, comptabilite, marches, journal, health };
        Ok(Self { followers, lecteurs })
    }

    /// Reads them.
    pub fn lecteurs(&self) -> Lecteurs {
        self.lecteurs.clone()
    }
}

impl Drop for Vues {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        for follower in &mut self.followers {
            drop(follower.stop.take());
        }
    }
}

/// Whether a view follows the log. Clones tell the same.
#[derive(Clone)]
pub struct Health {
    view: &'static str,
    reader: ViewReader,
    trouble: Arc<Mutex<Option<&'static str>>>,
}

impl Health {
    /// The view's name.
    pub fn view(&self) -> &'static str {
        self.view
    }

    /// Where the view is, and at which event it is stopped if it is.
    pub fn status(&self) -> Status {
        self.reader.status()
    }

    /// Why the view does not follow the log now; none where it does, or where it is stopped at an event. For anybody to
    /// read: no path of the machine stands in it, the node's log says more.
    pub fn trouble(&self) -> Option<&'static str> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, trouble: Option<&'static str>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// A view that follows a ledger, until it is dropped.
pub struct Follower {
    reader: ViewReader,
    health: Health,
    /// Dropped first, it ends the thread.
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Opens the view in `dir`, which is made, and follows the log from where the view is.
    fn follow(
        dir: &Path,
        projection: Box<dyn Projection>,
        log: StoreLog,
        head: watch::Receiver<Arc<Head>>,
    ) -> Result<Self, FollowError> {
        let view = projection.name();
        let system = |source| FollowError::System { view, source };
        let runner = Runner::open(dir, projection)?;
        let reader = runner.reader();
        let health = Health { view, reader: reader.clone(), trouble: Arc::default() };
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(system)?;
        let following = Following { runner, log, head, stopped, health: health.clone() };
        let thread = std::thread::Builder::new()
            .name(format!("vue-{view}"))
            .spawn(move || {
                give_way();
                runtime.block_on(following.run());
            })
            .map_err(system)?;
        Ok(Self { reader, health, stop: Some(stop), thread: Some(thread) })
    }

    /// Reads the view.
    pub fn reader(&self) -> ViewReader {
        self.reader.clone()
    }

    /// Whether it follows.
    pub fn health(&self) -> Health {
        self.health.clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(view = self.health.view, "the view's thread panicked");
        }
    }
}

/// What the thread owns.
struct Following {
    runner: Runner,
    log: StoreLog,
    head: watch::Receiver<Arc<Head>>,
    /// Its sender is dropped to end the thread.
    stopped: watch::Receiver<()>,
    health: Health,
}

impl Following {
    async fn run(mut self) {
        loop {
            self.head.mark_unchanged();
            let is_behind = self.catch_up();
            if !is_behind {
                self.runner.rest(REST);
            }
            tokio::select! {
                _ = self.stopped.changed() => return,
                () = tokio::time::sleep(RETRY), if is_behind => {}
                changed = self.head.changed(), if !is_behind => if changed.is_err() {
                    // The ledger closed: what it wrote last is in the store.
                    self.catch_up();
                    return;
                }
            }
        }
    }

    /// Applies what is there; true where it should be tried again soon.
    fn catch_up(&mut self) -> bool {
        let stopped = self.stopped.clone();
        let go_on =
            |_: &_| if stopped.has_changed().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        match self.runner.catch_up(&self.log, go_on) {
            Ok(_) => {
                self.health.set(None);
                false
            }
            Err(error) => {
                tracing::error!(view = self.health.view, %error, "the view does not follow the log");
                self.health.set(Some(in_short(&error)));
                true
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.health.set(Some("its thread panicked; restart the node"));
        }
    }
}

fn in_short(error: &RunError) -> &'static str {
    match error {
        RunError::Log(_) | RunError::Hole { .. } => "the log can't be read",
        RunError::Diverged { .. } => "it has applied other leaves than the log's; rebuild it",
        RunError::UndeclaredTable { .. } => "its tables are not those it declares",
        RunError::ReadersBusy | RunError::OpenElsewhere { .. } | RunError::Moved { .. } => "its file is in use",
        RunError::Rebuild(_)
        | RunError::Interrupted { .. }
        | RunError::NotOpen
        | RunError::Io { .. }
        | RunError::Sqlite { .. } => "its file can't be written",
    }
}

#[cfg(test)]
mod tests;
