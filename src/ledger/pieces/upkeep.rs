//! What takes pieces away: the sweep of those that nobody cites, and erasure.
//!
//! **The sweep.** A piece is removed once [`UNCITED_KEPT`] has passed since its card was written, or since it was last found
//! for a citation, and no leaf of its organisation cites it. The instant is the card's modification time; the schedule
//! (`comptes.sqlite`) only says when to look. A citation starts the time again an hour before its end, under the lock that the
//! sweep takes alone: a piece that is cited at that instant either is safe until its leaf stands in the index, or is
//! refused as missing. A modification time in the future (the clock went back) starts now. A cited piece is never
//! swept, whatever the clock says; one that jumps forward sweeps uncited ones early.
//!
//! **Erasure.** The leaf comes first, durable; then this thread, which follows the log's head, takes bytes and card away.
//! At start it goes through all erasures again, so that a kill in between is made up for. What a leaf erased is not given
//! out, cited or taken in again meanwhile: whoever gives out or takes in asks the index. What a delegate deposited for it goes too.
//!
//! Removing twice is removing once; a kill at any instant leaves the piece there, to be removed, or gone.

use std::fs;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use greffe_events::ident::Organisation;
use greffe_events::piece::Empreinte;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::accounts::Held;
use super::depot::{Depot, now_ms, unix_ms};
use super::{PieceError, card_place, io_at};
use crate::ledger::folder::sync_parent;
use crate::ledger::head::Head;

/// How long a piece that no event cites is kept (DESIGN §9).
pub const UNCITED_KEPT: Duration = Duration::from_hours(48);

/// Between two passes of the sweep.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// Pieces that one pass looks at: some seconds of a disk's time at most. Where more are due, the next pass follows after
/// `SWEEP_PAUSE`.
pub const SWEEP_PIECES_MAX: u32 = 1_000;

/// Between two passes while more pieces are due.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Erasures read from the index at a time.
const ERASURES_READ_MAX: u32 = 100;

/// After a failure of the disk.
const RETRY: Duration = Duration::from_secs(30);

/// What one pass of the sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pieces removed.
    pub removed: u32,
    /// Pieces that are cited, or were looked at for a citation since.
    pub kept: u32,
    /// Pieces that could not be judged or removed now.
    pub failed: u32,
}

/// What to do with one piece that is due.
enum Due {
    Cited,
    Since(u64),
    Over,
}

impl Depot {
    /// One pass at `now_ms` (Unix ms): looks at no more than `max` pieces.
    pub fn sweep(&self, now_ms: u64, max: u32) -> Result<Swept, PieceError> {
        let kept_ms = u64::try_from(UNCITED_KEPT.as_millis()).unwrap_or(u64::MAX);
        let Some(before_ms) = now_ms.checked_sub(kept_ms) else { return Ok(Swept::default()) };
        let mut swept = Swept::default();
        for held in self.accounts.due(before_ms, max)? {
            match self.sweep_one(&held, now_ms, before_ms) {
                Ok(true) => swept.removed += 1,
                Ok(false) => swept.kept += 1,
                Err(error) => {
                    tracing::error!(%error, organisation = %held.organisation, "a piece can't be swept");
                    swept.failed += 1;
                    // Not the first of every pass to come.
                    self.accounts.postpone(&held.organisation, held.reference, now_ms)?;
                }
            }
        }
        Ok(swept)
    }

    /// Whether the piece was removed.
    fn sweep_one(&self, held: &Held, now_ms: u64, before_ms: u64) -> Result<bool, PieceError> {
        let Held { organisation, reference, .. } = held;
        let _alone = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        match self.judge(organisation, *reference, now_ms, before_ms)? {
            Due::Cited => self.accounts.settle(organisation, *reference)?,
            Due::Since(since_ms) => self.accounts.postpone(organisation, *reference, since_ms)?,
            Due::Over => {
                self.remove(organisation, *reference)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn judge(
        &self,
        organisation: &Organisation,
        reference: Empreinte,
        now_ms: u64,
        before_ms: u64,
    ) -> Result<Due, PieceError> {
        if self.index.is_cited(organisation, reference)? {
            return Ok(Due::Cited);
        }
        let place = card_place(&self.pieces.place(organisation, reference));
        let since_ms = match fs::metadata(&place).and_then(|metadata| metadata.modified()) {
            Ok(modified) => unix_ms(modified),
            // An upload that a kill cut short.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Due::Over),
            Err(source) => return Err(io_at("read", &place, source)),
        };
        if since_ms > now_ms {
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms);
            let start_again = fs::File::open(&place).and_then(|file| file.set_modified(now));
            start_again.map_err(|source| io_at("touch", &place, source))?;
            return Ok(Due::Since(now_ms));
        }
        Ok(if since_ms <= before_ms { Due::Over } else { Due::Since(since_ms) })
    }

    /// Takes a piece away, for good when this returns: bytes, then card, then its place in the accounts. Whether it was there.
    fn remove(&self, organisation: &Organisation, reference: Empreinte) -> Result<bool, PieceError> {
        self.forget(organisation, reference);
        let place = self.pieces.place(organisation, reference);
        let mut was_there = false;
        for path in [place.clone(), card_place(&place)] {
            match fs::remove_file(&path) {
                Ok(()) => was_there = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(io_at("remove", &path, source)),
            }
        }
        if was_there {
            sync_parent(&place).map_err(|source| io_at("sync the folder of", &place, source))?;
        }
        self.accounts.remove(organisation, reference)?;
        Ok(was_there)
    }

    /// Removes what delegates deposited and the erased copy was taken over from: a committed piece whose space cites it in no
    /// event of its own. Whoever deposited the same under the same `sel` had it from there; a public document is everybody's.
    fn remove_copies(&self, reference: Empreinte) -> Result<(), PieceError> {
        for organisation in self.pieces.spaces()? {
            let card = self.pieces.card(&organisation, reference)?;
            if card.is_some_and(|card| card.sel.is_some()) && !self.index.is_cited(&organisation, reference)? {
                self.remove(&organisation, reference)?;
            }
        }
        Ok(())
    }

    /// Removes what the leaves from `from` on erased; where to go on next time.
    pub fn erase(&self, mut from: u64) -> Result<u64, PieceError> {
        loop {
            let erasures = self.index.erasures(from, ERASURES_READ_MAX)?;
            let Some(last) = erasures.last() else { return Ok(from) };
            let next = last.index + 1;
            // One that can't be removed now holds no other up.
            let mut done = Ok(());
            for erasure in &erasures {
                let _alone = self.lock.write().unwrap_or_else(PoisonError::into_inner);
                let removed = self
                    .remove(&erasure.organisation, erasure.reference)
                    .and_then(|was_there| if was_there { self.remove_copies(erasure.reference) } else { Ok(()) });
                done = done.and(removed);
            }
            done?;
            from = next;
        }
    }
}

/// Sweeps and erases from a thread of its own, which ends when the head's sender is dropped, after a last look.
pub fn keep(depot: Arc<Depot>, mut head: watch::Receiver<Arc<Head>>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new().name("pieces".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut erased_to = 0;
            let (mut next_erasure, mut next_sweep) = (Instant::now(), Instant::now());
            let mut is_open = true;
            while is_open {
                head.mark_unchanged();
                if next_erasure <= Instant::now() {
                    match depot.erase(erased_to) {
                        Ok(to) => erased_to = to,
                        Err(error) => {
                            tracing::error!(%error, "an erased piece is not removed yet");
                            next_erasure = Instant::now() + RETRY;
                        }
                    }
                }
                if next_sweep <= Instant::now() {
                    next_sweep = Instant::now() + sweep_now(&depot);
                }
                let wake = if next_erasure > Instant::now() { next_erasure.min(next_sweep) } else { next_sweep };
                is_open = !matches!(timeout_at(wake, head.changed()).await, Ok(Err(_)));
            }
            if let Err(error) = depot.erase(erased_to) {
                tracing::error!(%error, "an erased piece is removed at the next start");
            }
        });
    })
}

/// One pass; how long to wait for the next.
fn sweep_now(depot: &Depot) -> Duration {
    match depot.sweep(now_ms(), SWEEP_PIECES_MAX) {
        Ok(swept) => {
            if swept != Swept::default() {
                tracing::info!(swept.removed, swept.kept, swept.failed, "pieces that nobody cited were looked at");
            }
            let is_last = swept.removed + swept.kept + swept.failed < SWEEP_PIECES_MAX;
            if is_last { SWEEP_INTERVAL } else { SWEEP_PAUSE }
        }
        Err(error) => {
            tracing::error!(%error, "pieces are not swept now");
            RETRY
        }
    }
}
