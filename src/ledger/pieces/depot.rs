//! Taking pieces in, and finding them when an event cites them.
//!
//! **An upload**, step by step: room is reserved; bytes go to `depot/`; fsync; the piece is counted, durably
//! ([`super::accounts`]); its card is renamed into place, the folder synced; then the bytes, the folder synced. The bytes'
//! name is the last to appear: what is there is whole, and whatever fails before leaves nothing that can be cited.
//!
//! **A citation** looks into the space of the event's source, then into those of whoever signs for it by a delegation:
//! found there, the piece is *taken over* into the source's space (a second name of the same bytes, counted for the
//! source), so that from then on a cited piece is always where the event's source says. The delegate's own copy goes with
//! the sweep, unless its own events cite it.
//!
//! **The lock.** Uploads and citations share it; the sweep and erasure ([`super::upkeep`]) take it alone, one piece at a
//! time: what a citation found can't be swept under it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use greffe_events::catalogue::Data;
use greffe_events::ident::Organisation;
use greffe_events::piece::{Designation, Empreinte, PIECE_BYTES_MAX, Piece, engagement};
use greffe_events::{Code, Refusal};
use sha2::{Digest, Sha256};

use super::accounts::{Accounts, Held, Quota, Reservation, Usage};
use super::upkeep::UNCITED_KEPT;
use super::{Card, PieceError, Pieces, card_place, io_at, organisation_of_space};
use crate::ledger::folder::sync_parent;
use crate::ledger::index::IndexReader;

/// How old a piece may be when it is cited without its time being started again: the rest of [`UNCITED_KEPT`], an hour,
/// is more than a submission ever waits between its preparation and its place in the index.
const AGE_AT_CITATION_MAX: Duration = UNCITED_KEPT.saturating_sub(Duration::from_hours(1));

/// Cards at hand, some 300 bytes each; above, all are forgotten.
const RECENT_MAX: usize = 20_000;

/// By space and reference, with the card's modification time.
type RecentCards = HashMap<(Organisation, Empreinte), (Arc<Card>, SystemTime)>;

/// The pieces of a ledger that is open for writing.
#[derive(Debug)]
pub struct Depot {
    pub(super) pieces: Pieces,
    pub(super) accounts: Arc<Accounts>,
    pub(super) index: IndexReader,
    pub(super) lock: RwLock<()>,
    /// What was taken in or found a moment ago: most pieces are cited right after their upload.
    recent: Mutex<RecentCards>,
}

/// What a depositor says of the bytes that follow.
#[derive(Debug, Clone)]
pub struct Announced {
    /// Whose piece it will be.
    pub organisation: Organisation,
    /// Digest of the bytes.
    pub sha256: Empreinte,
    /// The salt of the engagement; none for a public piece.
    pub sel: Option<Empreinte>,
    /// The file's name.
    pub nom: Option<String>,
    /// Number of bytes, where it is known.
    pub taille: Option<u64>,
}

impl Announced {
    /// What an event will cite.
    fn reference(&self) -> Empreinte {
        self.sel.map_or(self.sha256, |sel| engagement(&sel.0, self.sha256))
    }
}

/// An upload whose bytes are still coming. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct Deposit {
    announced: Announced,
    reservation: Reservation,
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    taille: u64,
}

impl Deposit {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PieceError> {
        self.taille = self.taille.saturating_add(bytes.len() as u64);
        if self.taille > PIECE_BYTES_MAX {
            return Err(PieceError::TooLarge);
        }
        self.reservation.cover(self.taille)?;
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(|source| io_at("write", self.file.path(), source))
    }
}

impl Depot {
    /// The pieces under `root`, whose leaves `index` knows; makes the folder.
    pub fn open(root: PathBuf, quota: Quota, index: IndexReader) -> Result<Self, PieceError> {
        let pieces = Pieces { root };
        let depot = pieces.depot();
        fs::create_dir_all(&depot).map_err(|source| io_at("create", &depot, source))?;
        // What a killed process left half received: nobody was told that it is there.
        let left = fs::read_dir(&depot).map_err(|source| io_at("read", &depot, source))?;
        for entry in left {
            let entry = entry.map_err(|source| io_at("read", &depot, source))?;
            fs::remove_file(entry.path()).map_err(|source| io_at("remove", &entry.path(), source))?;
        }
        let accounts = Accounts::open(&pieces.root.join("comptes.sqlite"), quota, || found(&pieces))?;
        Ok(Self { pieces, accounts: Arc::new(accounts), index, lock: RwLock::new(()), recent: Mutex::default() })
    }

    /// The same pieces, to be read.
    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// What an organisation keeps, uploads under way apart.
    pub fn usage(&self, organisation: &Organisation) -> Result<Usage, PieceError> {
        self.accounts.usage(organisation)
    }

    pub(super) fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.lock.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an upload.
    pub fn deposit(&self, announced: Announced) -> Result<Deposit, PieceError> {
        if announced.taille.is_some_and(|taille| taille > PIECE_BYTES_MAX) {
            return Err(PieceError::TooLarge);
        }
        let reference = announced.reference();
        self.check_not_erased(&announced.organisation, reference)?;
        let reservation =
            self.accounts.reserve(&announced.organisation, reference, announced.taille.unwrap_or_default())?;
        let depot = self.pieces.depot();
        let file =
            tempfile::NamedTempFile::new_in(&depot).map_err(|source| io_at("create a file in", &depot, source))?;
        Ok(Deposit { announced, reservation, file, hasher: Sha256::new(), taille: 0 })
    }

    /// Ends an upload: the bytes must have the announced digest. Returns the reference to cite it by. Depositing the
    /// same again is the same.
    pub fn finish(&self, deposit: Deposit) -> Result<Empreinte, PieceError> {
        let Deposit { announced, reservation, file, hasher, taille } = deposit;
        let reference = announced.reference();
        let Announced { organisation, sha256, sel, nom, .. } = announced;
        let actual = Empreinte(hasher.finalize().into());
        if actual != sha256 {
            return Err(PieceError::Mismatch { announced: sha256, actual });
        }
        file.as_file().sync_all().map_err(|source| io_at("sync", file.path(), source))?;
        let card = Card { sha256, taille, sel, nom };
        self.put(&organisation, reference, &card, reservation, |place| {
            file.persist(place).map(drop).map_err(|e| e.error)
        })?;
        Ok(reference)
    }

    /// Gives a piece its place; `bring` gives the bytes their name.
    fn put(
        &self,
        organisation: &Organisation,
        reference: Empreinte,
        card: &Card,
        reservation: Reservation,
        bring: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), PieceError> {
        let place = self.pieces.place(organisation, reference);
        let put = || {
            let _shared = self.shared();
            self.check_not_erased(organisation, reference)?;
            let folder = place.parent().unwrap_or(&self.pieces.root);
            fs::create_dir_all(folder).map_err(|source| io_at("create", folder, source))?;
            reservation.keep(reference, card.taille, now_ms())?;
            self.write_card(&place, card)?;
            bring(&place).map_err(|source| io_at("name", &place, source))?;
            sync_parent(&place).map_err(|source| io_at("sync", folder, source))?;
            // The folders' own names: another upload may have made them a moment ago and not synced them yet.
            for path in [folder, folder.parent().unwrap_or(folder)] {
                sync_parent(path).map_err(|source| io_at("sync", path, source))?;
            }
            self.remember(organisation, reference, Arc::new(card.clone()), SystemTime::now());
            Ok(())
        };
        let done = put();
        if done.is_err() {
            self.tidy(organisation, reference);
        }
        done
    }

    /// After an upload that failed half-way: takes away what stands without its bytes. Should that fail too, the sweep does.
    fn tidy(&self, organisation: &Organisation, reference: Empreinte) {
        let _alone = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        let place = self.pieces.place(organisation, reference);
        if !matches!(place.try_exists(), Ok(false)) {
            return;
        }
        let _ = fs::remove_file(card_place(&place));
        if let Err(error) = self.accounts.remove(organisation, reference) {
            tracing::warn!(%error, "a piece that was not kept is counted until the next sweep");
        }
    }

    fn write_card(&self, place: &Path, card: &Card) -> Result<(), PieceError> {
        let (place, depot) = (card_place(place), self.pieces.depot());
        let write = || {
            let bytes = serde_json::to_vec(card)?;
            // Written where a killed process' remains are looked for.
            let mut file = tempfile::NamedTempFile::new_in(&depot)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&place).map_err(|error| error.error)?;
            sync_parent(&place)
        };
        write().map_err(|source| io_at("write", &place, source))
    }

    fn check_not_erased(&self, organisation: &Organisation, reference: Empreinte) -> Result<(), PieceError> {
        match self.index.erasure(organisation, reference)? {
            Some(index) => Err(PieceError::Erased { index }),
            None => Ok(()),
        }
    }

    /// Whether everything that an event cites was deposited, with the size that it says, by its source or by one of those
    /// who sign for it. What is found with one of those is taken over into the source's space.
    ///
    /// `depositors`: the source first, then whoever signs for it by a delegation in force. The caller judges that: for
    /// anybody else, what is looked up here would tell what an organisation holds.
    pub fn check_cited(&self, depositors: &[Organisation], data: &Data) -> Result<Result<(), Refusal>, PieceError> {
        for (at, piece) in data.pieces().iter().enumerate() {
            if let Err(refusal) = self.check_citation(depositors, piece)? {
                let field = match &refusal.field {
                    Some(field) => format!("data.pieces[{at}].{field}"),
                    None => format!("data.pieces[{at}]"),
                };
                return Ok(Err(refusal.at(field)));
            }
        }
        Ok(Ok(()))
    }

    fn check_citation(&self, depositors: &[Organisation], piece: &Piece) -> Result<Result<(), Refusal>, PieceError> {
        let reference = piece.reference();
        let mut found = None;
        for organisation in depositors {
            if let Some(card) = self.citable(organisation, reference)? {
                found = Some((organisation, card));
                break;
            }
        }
        let Some((holder, card)) = found else {
            let who = depositors.first().map_or_else(|| "whoever signs this".to_owned(), ToString::to_string);
            return Ok(Err(Refusal::new(Code::PieceMissing, format!("{who} deposited no piece {reference}"))));
        };
        if card.taille != piece.taille {
            let detail = format!("piece {reference} has {} bytes, not {}", card.taille, piece.taille);
            return Ok(Err(Refusal::new(Code::PieceMismatch, detail).at("taille")));
        }
        let is_public = matches!(piece.designation, Designation::Publique { .. });
        if is_public != card.sel.is_none() {
            let detail = "a piece deposited with a sel is cited by engagement, one without by sha256";
            return Ok(Err(Refusal::new(Code::PieceMismatch, detail)));
        }
        if let Some(source) = depositors.first()
            && source != holder
        {
            match self.take_over(holder, source, reference, &card) {
                Ok(()) => {}
                Err(PieceError::Erased { index }) => {
                    let detail = format!("the leaf {index} erased the piece {reference} of {source}");
                    return Ok(Err(Refusal::new(Code::PieceMissing, detail)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(()))
    }

    /// The card of a piece that may be cited now; it is then safe from the sweep for an hour at least.
    pub(super) fn citable(
        &self,
        organisation: &Organisation,
        reference: Empreinte,
    ) -> Result<Option<Arc<Card>>, PieceError> {
        let _shared = self.shared();
        // Erased by a leaf, and perhaps still there for an instant.
        if self.index.erasure(organisation, reference)?.is_some() {
            return Ok(None);
        }
        let now = SystemTime::now();
        let is_fresh = |since: &SystemTime| now.duration_since(*since).is_ok_and(|age| age < AGE_AT_CITATION_MAX);
        let known = self.recent().get(&(organisation.clone(), reference)).cloned();
        if let Some((card, _)) = known.filter(|(_, since)| is_fresh(since)) {
            return Ok(Some(card));
        }
        let Some((card, since)) = self.pieces.dated_card(organisation, reference)? else { return Ok(None) };
        let card = Arc::new(card);
        let since = if is_fresh(&since) {
            since
        } else {
            let place = card_place(&self.pieces.place(organisation, reference));
            let touched = File::open(&place).and_then(|file| file.set_modified(now));
            touched.map_err(|source| io_at("touch", &place, source))?;
            now
        };
        self.remember(organisation, reference, Arc::clone(&card), since);
        Ok(Some(card))
    }

    fn recent(&self) -> MutexGuard<'_, RecentCards> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `lock` held, so that the sweep does not take the piece at the same time.
    fn remember(&self, organisation: &Organisation, reference: Empreinte, card: Arc<Card>, since: SystemTime) {
        let mut recent = self.recent();
        if recent.len() >= RECENT_MAX {
            recent.clear();
        }
        recent.insert((organisation.clone(), reference), (card, since));
    }

    /// Asks the disk again at the next citation.
    pub(super) fn forget(&self, organisation: &Organisation, reference: Empreinte) {
        self.recent().remove(&(organisation.clone(), reference));
    }

    /// Gives bytes that `holder` deposited a name in the space of `source`.
    fn take_over(
        &self,
        holder: &Organisation,
        source: &Organisation,
        reference: Empreinte,
        card: &Card,
    ) -> Result<(), PieceError> {
        let reservation = self.accounts.reserve(source, reference, card.taille)?;
        let held = self.pieces.place(holder, reference);
        self.put(source, reference, card, reservation, |place| match fs::hard_link(&held, place) {
            // Another event that cites it was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        })
    }
}

/// Unix milliseconds, now.
pub(in crate::ledger) fn now_ms() -> u64 {
    unix_ms(SystemTime::now())
}

pub(super) fn unix_ms(instant: SystemTime) -> u64 {
    let since = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Every piece under the folder: for accounts that are derived anew.
fn found(pieces: &Pieces) -> Result<Vec<Held>, PieceError> {
    let mut found = Vec::new();
    for space in listed(&pieces.root)? {
        let Some(organisation) = space.file_name().and_then(|name| organisation_of_space(name.to_str()?)) else {
            continue;
        };
        for folder in listed(&space)? {
            for path in listed(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                let Some(reference) = name else { continue };
                let metadata = fs::metadata(&path).map_err(|source| io_at("read", &path, source))?;
                let card = fs::metadata(card_place(&path)).and_then(|card| card.modified());
                // Without a card it can't be cited, and its time may as well be over.
                let since_ms = card.map_or(0, unix_ms);
                found.push(Held { organisation: organisation.clone(), reference, taille: metadata.len(), since_ms });
            }
        }
    }
    Ok(found)
}

/// What stands in a folder; nothing in what is none.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, PieceError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>();
    read().map_err(|source| io_at("read", folder, source))
}
