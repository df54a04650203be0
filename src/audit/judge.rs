//! What one leaf says of itself, judged without any other: on every core, in any order.
//!
//! Form of the leaf, I-JSON, each signature by the frozen rule, attributes, type and `data`, signing time against the
//! recording, and the files it cites. What depends on the leaves before it is [`super::state`]'s matter.

use greffe_events::catalogue::Data;
use greffe_events::dsse::Envelope;
use greffe_events::ident::{Organisation, Subject};
use greffe_events::key::{KeyCache, KeyId};
use greffe_events::leaf::{Leaf, LeafError};
use greffe_events::piece::Empreinte;
use greffe_events::{Code, Event, Refusal};
use sha2::{Digest, Sha256};

use super::doubt::{Doubt, DoubtCode};
use super::report::PieceCounts;
use crate::ledger::pieces::{PieceState, Pieces};
use crate::ledger::refus::is_recorded;
use crate::tlog::{Hash, leaf_hash};

/// Sixteen bytes that stand for a text in a map: SHA-256 of a secret of this run and the text, cut. Nobody can prepare
/// two texts that share one, since nobody knows the secret; by chance it takes some 2^64 texts.
pub type Name = [u8; 16];

/// What every judgement of one run shares.
#[derive(Debug)]
pub struct Bench<'a> {
    salt: [u8; 32],
    keys: KeyCache,
    /// Where cited files are, if they are looked at.
    pub pieces: Option<&'a Pieces>,
}

impl<'a> Bench<'a> {
    /// A run with a fresh secret.
    pub fn new(pieces: Option<&'a Pieces>) -> Result<Self, super::AuditError> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)
            .map_err(|error| super::AuditError::Unreadable(format!("the system gives no random numbers: {error}")))?;
        Ok(Self { salt, keys: KeyCache::default(), pieces })
    }

    /// The name of a text within a family of texts.
    pub fn name(&self, family: u8, parts: &[&[u8]]) -> Name {
        let mut hasher = Sha256::new();
        hasher.update(self.salt);
        hasher.update([family]);
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        name
    }
}

/// A leaf after everything that needs no other.
#[derive(Debug)]
pub struct Judged {
    /// Its hash in the tree.
    pub hash: Hash,
    /// What it says, where it could be read.
    pub read: Option<Read>,
    /// What speaks against it.
    pub doubts: Vec<Doubt>,
    /// Signatures that verify.
    pub signatures_good: u64,
    /// What became of the files it cites, those that are not there apart.
    pub pieces: PieceCounts,
    /// Files it cites that are not there: missing, or erased by some leaf.
    pub absent: Vec<AbsentPiece>,
}

impl Judged {
    /// A leaf that could not be had, for this reason.
    pub fn unread(doubt: Doubt) -> Self {
        Self { doubts: vec![doubt], ..Self::nothing(crate::tlog::EMPTY_ROOT) }
    }

    fn nothing(hash: Hash) -> Self {
        let (pieces, absent) = (PieceCounts::default(), Vec::new());
        Self { hash, read: None, doubts: Vec::new(), signatures_good: 0, pieces, absent }
    }
}

/// A cited file that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentPiece {
    /// The citing leaf.
    pub index: u64,
    /// Which of its pieces.
    pub at: usize,
    /// Who cites it.
    pub organisation: Organisation,
    /// The digest that names it.
    pub reference: Empreinte,
}

/// What a well-formed leaf says.
#[derive(Debug)]
pub struct Read {
    /// Unix ms.
    pub recorded_at_ms: u64,
    /// Unix ms.
    pub received_at_ms: u64,
    /// As the leaf states it.
    pub previous: Option<u64>,
    /// As the leaf states it.
    pub rank: u64,
    /// The keys, in order.
    pub signers: Vec<KeyId>,
    /// Whether all of them did sign.
    pub is_signed: bool,
    /// The event.
    pub event: Event,
    /// Stands for (source, id).
    pub identity: Name,
    /// Stands for the subject.
    pub subject: Name,
    /// Stands for the dossier that its life cycle asks too, if it asks one.
    pub lie: Option<Name>,
}

/// Judges leaves, each with its index. Signatures cost less together than one by one; each leaf is judged by itself.
pub fn judge(indices: impl IntoIterator<Item = u64>, leaves: &[impl AsRef<[u8]>], bench: &Bench) -> Vec<Judged> {
    let decoded: Vec<_> = leaves.iter().map(|bytes| Leaf::decode(bytes.as_ref())).collect();
    let mut verified =
        Envelope::verify_all(decoded.iter().flatten().map(|leaf| &leaf.envelope), &bench.keys).into_iter();
    let judged = indices.into_iter().zip(leaves).zip(decoded).map(|((index, bytes), leaf)| {
        let signed = leaf.map(|leaf| {
            let verdict = verified.next().unwrap_or_else(|| leaf.envelope.verify());
            (leaf, verdict)
        });
        judge_one(index, bytes.as_ref(), signed, bench)
    });
    judged.collect()
}

fn judge_one(
    index: u64,
    bytes: &[u8],
    signed: Result<(Leaf, Result<(), Refusal>), LeafError>,
    bench: &Bench,
) -> Judged {
    let mut judged = Judged::nothing(leaf_hash(bytes));
    let mut doubts = Vec::new();
    match signed {
        Ok((leaf, verdict)) => judged.read = read(&leaf, verdict, &mut judged.signatures_good, &mut doubts, bench),
        Err(error) => doubts.push(malformed(&error)),
    }
    if let (Some(read), Some(pieces)) = (&judged.read, bench.pieces) {
        (judged.pieces, judged.absent) = check_pieces(index, &read.event, pieces, &mut doubts);
    }
    judged.doubts = doubts.into_iter().map(|doubt| doubt.at(index)).collect();
    judged
}

fn malformed(error: &LeafError) -> Doubt {
    match error {
        LeafError::Envelope(refusal) => {
            let code = match refusal.code {
                Code::SignatureMissing | Code::SignatureExtra | Code::SignatureRepeated => DoubtCode::LeafMalformed,
                _ => DoubtCode::PayloadMalformed,
            };
            Doubt::new(code, refusal)
        }
        other => Doubt::new(DoubtCode::LeafMalformed, other),
    }
}

fn read(
    leaf: &Leaf,
    verdict: Result<(), Refusal>,
    signatures_good: &mut u64,
    doubts: &mut Vec<Doubt>,
    bench: &Bench,
) -> Option<Read> {
    let is_signed = match verdict {
        Ok(()) => {
            *signatures_good = leaf.envelope.signatures().len() as u64;
            true
        }
        Err(refusal) => {
            doubts.push(of_refusal(DoubtCode::SignatureInvalid, &refusal));
            false
        }
    };
    let event = match Event::of(&leaf.envelope) {
        Ok(event) => event,
        Err(refusal) => {
            doubts.push(of_refusal(DoubtCode::EventMalformed, &refusal));
            return None;
        }
    };
    if let Err(refusal) = event.check_time(leaf.recorded_at_ms) {
        doubts.push(of_refusal(DoubtCode::TimeOutOfRange, &refusal));
    }
    if let Data::RegistreRefus(refus) = &event.data
        && !refus.code.parse::<Code>().is_ok_and(is_recorded)
    {
        let detail = format_args!("{:?} is no code under which a refusal is recorded", refus.code).to_string();
        doubts.push(Doubt::new(DoubtCode::RefusalMalformed, detail).field("data.code"));
    }
    let identity = bench.name(0, &[event.source.to_string().as_bytes(), event.id.as_bytes()]);
    let of_subject = |subject: &Subject| bench.name(1, &[subject.as_str().as_bytes()]);
    let subject = of_subject(&event.subject);
    let lie = event.dossier.lie().as_ref().map(of_subject);
    Some(Read {
        recorded_at_ms: leaf.recorded_at_ms,
        received_at_ms: leaf.received_at_ms,
        previous: leaf.previous,
        rank: leaf.rank,
        signers: leaf.envelope.signers().collect(),
        is_signed,
        event,
        identity,
        subject,
        lie,
    })
}

/// A doubt that a rule of admission speaks for.
pub fn of_refusal(code: DoubtCode, refusal: &Refusal) -> Doubt {
    let doubt = Doubt::new(code, format_args!("{}: {}", refusal.code, refusal.detail));
    match &refusal.field {
        Some(field) => doubt.field(field),
        None => doubt,
    }
}

fn check_pieces(
    index: u64,
    event: &Event,
    pieces: &Pieces,
    doubts: &mut Vec<Doubt>,
) -> (PieceCounts, Vec<AbsentPiece>) {
    let (mut counts, mut absent) = (PieceCounts::default(), Vec::new());
    for (at, piece) in event.data.pieces().iter().enumerate() {
        let field = format!("data.pieces[{at}]");
        match pieces.verify(&event.source, piece) {
            Ok(PieceState::Good) => counts.good += 1,
            Ok(PieceState::Absent) => {
                let organisation = event.source.clone();
                absent.push(AbsentPiece { index, at, organisation, reference: piece.reference() });
            }
            Ok(PieceState::Differs) => {
                counts.differs += 1;
                let detail = format!("the file kept for {} is another one than was cited", piece.reference());
                doubts.push(Doubt::new(DoubtCode::PieceDiffers, detail).field(field));
            }
            Err(error) => {
                counts.unreadable += 1;
                doubts.push(Doubt::new(DoubtCode::PieceUnreadable, error).field(field));
            }
        }
    }
    (counts, absent)
}
