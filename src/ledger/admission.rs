//! Admission: what happens to one submission (DESIGN §6), in order, the first failure wins.
//!
//! ```text
//! parallel, before the queue (prepare):   size → DSSE, I-JSON → signatures → attributes, type, data → cited pieces
//! in sequence, by the sequencer (decide): identity recorded already → the verdicts above → registre, time
//!                                         → keys and rights → id reused → pieces → the dossier's life cycle
//! ```
//!
//! Verdicts of the parallel part travel with the submission and are pronounced in DESIGN's order. Who asks again for
//! what is recorded gets the receipt, at any time later. Pure but for the reads of [`Facts`].

use greffe_events::authority::{Rights, RightsReader, authorise};
use greffe_events::catalogue::Data;
use greffe_events::dossier::{Dossier, Recording};
use greffe_events::dsse::Envelope;
use greffe_events::event::{ClaimedIdentity, DossierId};
use greffe_events::ident::{Organisation, Origin};
use greffe_events::key::{KeyCache, KeyId};
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal, Uuid};

use super::LedgerError;
use super::index::{IndexError, IndexReader, IndexWriter, KnownIdentity, Place};
use super::pieces::Depot;

/// A submission after everything that needs no order: its signatures are good.
#[derive(Debug)]
pub struct Prepared {
    /// What was posted.
    pub envelope: Envelope,
    /// The event, or why it is none.
    pub event: Result<Event, Refusal>,
    /// Whether its pieces are there and citable.
    pub pieces: Result<(), Refusal>,
    /// When its last byte had been read, Unix ms.
    pub received_at_ms: u64,
    /// SHA-256 of the event's bytes.
    pub payload: Empreinte,
    /// Whose key signed first, where that is an enrolled key: whose turn in the queue it takes. Decides nothing.
    pub poster: Option<Organisation>,
}

impl Prepared {
    /// Puts one together, of a poster that is not known yet.
    pub fn new(
        envelope: Envelope,
        event: Result<Event, Refusal>,
        pieces: Result<(), Refusal>,
        received_at_ms: u64,
    ) -> Self {
        let payload = Empreinte::of(envelope.payload());
        Self { envelope, event, pieces, received_at_ms, payload, poster: None }
    }

    /// The log that it was written for, where that can be read.
    pub fn registre(&self) -> Option<Origin> {
        match &self.event {
            Ok(event) => Some(event.registre.clone()),
            Err(_) => ClaimedIdentity::of(self.envelope.payload()).registre,
        }
    }
}

/// The parallel part, at `now_ms` (Unix ms): reads and verifies each. A refusal here is of something that nobody signed.
pub fn prepare(
    envelopes: &[&[u8]],
    received_at_ms: u64,
    now_ms: u64,
    keys: &KeyCache,
    index: &IndexReader,
    depot: &Depot,
) -> Result<Vec<Result<Prepared, Refusal>>, LedgerError> {
    let read: Vec<_> = envelopes.iter().map(|envelope| Envelope::parse(envelope)).collect();
    let mut verified = Envelope::verify_all(read.iter().flatten(), keys).into_iter();
    let prepared = read.into_iter().map(|read| {
        let verify = |envelope: Envelope| {
            let verdict = verified.next().unwrap_or_else(|| envelope.verify());
            verdict.map(|()| envelope)
        };
        let envelope = match read.and_then(verify) {
            Ok(envelope) => envelope,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let event = Event::of(&envelope);
        let pieces = match &event {
            Ok(event) => check_pieces(event, &envelope, now_ms, index, depot)?,
            Err(_) => Ok(()),
        };
        Ok(Ok(Prepared::new(envelope, event, pieces, received_at_ms)))
    });
    prepared.collect()
}

/// Whether the pieces that an event is about are there.
///
/// Looked up only for signers who may say it, by what is recorded now: to anybody else, neither the answer nor
/// how long it takes tells what an organisation holds. Their event is refused for want of the right, unless a submission
/// before it in the queue gives it.
fn check_pieces(
    event: &Event,
    envelope: &Envelope,
    now_ms: u64,
    index: &IndexReader,
    depot: &Depot,
) -> Result<Result<(), Refusal>, LedgerError> {
    let erased = match (&event.data, &event.dossier) {
        (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) => Some((organisation, *reference)),
        _ => None,
    };
    if erased.is_none() && event.data.pieces().is_empty() {
        return Ok(Ok(()));
    }
    let signers: Vec<KeyId> = envelope.signers().collect();
    let rights = Rights::look_up(event, &signers, index)?;
    if authorise(event, &signers, &rights, now_ms).is_err() {
        let detail = "what gives the signers the right to cite it was recorded after this arrived: post it again";
        return Ok(Err(Refusal::new(Code::PieceMissing, detail).at("data.pieces")));
    }
    if let Some((organisation, reference)) = erased
        && depot.pieces().card(organisation, reference)?.is_none()
    {
        let detail = format!("{organisation} keeps no piece {reference} here: nothing to erase");
        return Ok(Err(Refusal::new(Code::PieceMissing, detail).at("subject")));
    }
    // Its source's pieces, and those of whoever signs for it by a delegation.
    let mut depositors = vec![event.source.clone()];
    for signer in &signers {
        if let Some(record) = index.key(signer)?
            && !depositors.contains(&record.organisation)
        {
            depositors.push(record.organisation);
        }
    }
    Ok(depot.check_cited(&depositors, &event.data)?)
}

/// What a decision reads of the earlier leaves, those of its own batch included.
pub trait Facts: RightsReader {
    /// How many they are: the index of the next.
    fn size(&self) -> u64;
    /// The event with this identity.
    fn identity(&self, source: &Organisation, id: Uuid) -> Result<Option<KnownIdentity>, Self::Error>;
    /// The leaf that erased an organisation's piece, if one did.
    fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, Self::Error>;
    /// Dossier, previous leaf and rank.
    fn place(&self, event: &Event) -> Result<Place, Self::Error>;
}

impl Facts for IndexWriter {
    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn identity(&self, source: &Organisation, id: Uuid) -> Result<Option<KnownIdentity>, IndexError> {
        Self::identity(self, source, id)
    }

    fn erasure(&self, organisation: &Organisation, piece: Empreinte) -> Result<Option<u64>, IndexError> {
        Self::erasure(self, organisation, piece)
    }

    fn place(&self, event: &Event) -> Result<Place, IndexError> {
        Self::place(self, event)
    }
}

/// What becomes of a submission.
#[derive(Debug)]
pub enum Decision {
    /// It becomes a leaf.
    Admitted {
        /// Its place.
        place: Place,
        /// State of its dossier after it.
        after: Dossier,
    },
    /// It is a leaf already: the same bytes.
    Known(u64),
    /// It is refused; the key that signed first, where it is enrolled.
    Refused(Refusal, Option<KeyId>),
}

/// The sequential part.
pub fn decide<F: Facts>(
    prepared: &Prepared,
    origin: &Origin,
    recorded_at_ms: u64,
    facts: &F,
) -> Result<Decision, F::Error> {
    let signers: Vec<KeyId> = prepared.envelope.signers().collect();
    let event = match &prepared.event {
        Ok(event) => event,
        Err(refusal) => return refuse(refusal.clone(), &signers, facts),
    };
    let known = facts.identity(&event.source, event.id)?;
    let is_same = known.is_some_and(|known| known.payload == prepared.payload);
    if let Some(known) = known
        && is_same
        && signers.first() == Some(&known.author)
    {
        return Ok(Decision::Known(known.index));
    }
    if let Err(refusal) = event.check_registre(origin).and_then(|()| event.check_time(recorded_at_ms)) {
        return refuse(refusal, &signers, facts);
    }
    let rights = Rights::look_up(event, &signers, facts)?;
    if let Err(refusal) = authorise(event, &signers, &rights, recorded_at_ms) {
        return refuse(refusal, &signers, facts);
    }
    if let Some(known) = known {
        if is_same {
            // Not its author, but entitled to have written it.
            return Ok(Decision::Known(known.index));
        }
        let detail = format!("{} already used {} for the event at index {}", event.source, event.id, known.index);
        return refuse(Refusal::new(Code::IdReused, detail).at("id"), &signers, facts);
    }
    if let Err(refusal) = &prepared.pieces {
        return refuse(refusal.clone(), &signers, facts);
    }
    // The pieces were looked for when the submission came; a leaf since may have erased one.
    for (at, piece) in event.data.pieces().iter().enumerate() {
        if let Some(index) = facts.erasure(&event.source, piece.reference())? {
            let detail = format!("the leaf {index} erased the piece {} of {}", piece.reference(), event.source);
            let refusal = Refusal::new(Code::PieceMissing, detail).at(format!("data.pieces[{at}]"));
            return refuse(refusal, &signers, facts);
        }
    }
    let place = facts.place(event)?;
    // As its leaf will say.
    let received_at_ms = prepared.received_at_ms.min(recorded_at_ms);
    let at = Recording { index: facts.size(), recorded_at_ms, received_at_ms };
    match Dossier::after(place.dossier.as_ref(), event, at, place.lie.as_ref()) {
        Ok(after) => Ok(Decision::Admitted { place, after }),
        Err(refusal) => refuse(refusal, &signers, facts),
    }
}

/// Only the author answers for a refusal: whoever puts a signature of its own before somebody else's spends nothing of theirs.
fn refuse<F: Facts>(refusal: Refusal, signers: &[KeyId], facts: &F) -> Result<Decision, F::Error> {
    let author = match signers.first() {
        Some(author) => facts.key(author)?.map(|_| *author),
        None => None,
    };
    Ok(Decision::Refused(refusal, author))
}
