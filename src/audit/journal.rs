//! The log's own keys: which of them judges which tree head, and whether the one that the auditor pinned vouches for it.
//!
//! Leaf 0 names the first key; each `registre.journal-remplace` names the next, by two recovery keys (DESIGN §5). Heads of trees
//! that hold such a leaf are signed with the new key. Whoever pinned a key that was replaced trusts its successors only if
//! something that the pinned key signed shows that this is the log whose recovery keys named them: an older checkpoint.
//! Otherwise anybody could invent a leaf 0 that names the pinned key, and recovery keys of their own.

use greffe_events::dossier::Registre;
use serde::Serialize;

use crate::tlog::{Checkpoint, Verifier};

/// One key of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogKey {
    /// The leaf that names it.
    pub index: u64,
    /// The key.
    #[serde(serialize_with = "as_text")]
    pub vkey: Verifier,
}

fn as_text<S: serde::Serializer>(vkey: &Verifier, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(vkey)
}

/// What the key that the auditor brought says of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vouching {
    /// It signed the checkpoint.
    Pinned,
    /// It signed an earlier one, and the leaves name its successor, which signed the checkpoint.
    Successor,
    /// The leaves name its successor; but nothing that it signed was given.
    SuccessorUnproved,
    /// None was brought.
    NotPinned,
}

impl Vouching {
    /// Whether the history is that of the key that the auditor trusts.
    pub fn holds(self) -> bool {
        matches!(self, Self::Pinned | Self::Successor)
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Successor => "successor of the pinned key, which signed the earlier checkpoint",
            Self::SuccessorUnproved => "successor of the pinned key, by the history's own word",
            Self::NotPinned => "not pinned: named by the history itself",
        }
    }
}

/// The keys of one history.
#[derive(Debug)]
pub struct Journal {
    pinned: Option<Verifier>,
    /// Oldest first; empty where nothing names a key.
    chain: Vec<LogKey>,
}

impl Journal {
    /// Before the leaves are read; `named` is what leaf 0 says.
    pub fn new(pinned: Option<Verifier>, named: Option<Verifier>) -> Self {
        Self { pinned, chain: named.map(|vkey| LogKey { index: 0, vkey }).into_iter().collect() }
    }

    /// Takes over what the leaves say; nothing where no opening could be believed.
    pub fn follow(&mut self, log: Option<&Registre>) {
        let Some(log) = log else { return };
        let named =
            log.journal.iter().map(|key| Some(LogKey { index: key.index, vkey: Verifier::parse(&key.vkey).ok()? }));
        // A key that does not parse was a doubt at its leaf; the chain ends before it.
        self.chain = named.map_while(|key| key).collect();
    }

    /// The log's name.
    pub fn name(&self) -> Option<&str> {
        self.pinned.as_ref().or(self.chain.first().map(|key| &key.vkey)).map(|vkey| vkey.name().as_str())
    }

    /// All keys, oldest first.
    pub fn chain(&self) -> &[LogKey] {
        &self.chain
    }

    /// The key that the auditor pinned.
    pub fn pinned(&self) -> Option<&Verifier> {
        self.pinned.as_ref()
    }

    /// Whether a key was pinned that this log never had.
    pub fn is_foreign(&self) -> bool {
        self.pinned.is_some() && !self.chain.is_empty() && self.pinned_key().is_none()
    }

    fn pinned_key(&self) -> Option<&LogKey> {
        self.chain.iter().find(|key| self.pinned.as_ref() == Some(&key.vkey))
    }

    /// The key whose word the head of a tree of that many leaves is; none where nothing names one.
    pub fn judge(&self, size: u64) -> Option<&Verifier> {
        if self.pinned.is_some() && self.pinned_key().is_none() {
            return self.pinned.as_ref();
        }
        let newest = self.chain.iter().rev().find(|key| key.index < size).or(self.chain.first());
        newest.map(|key| &key.vkey)
    }

    /// What the pinned key says of the head of a tree of `size` leaves; `earlier` is a checkpoint that this history extends.
    pub fn vouching(&self, size: u64, earlier: Option<&Checkpoint>) -> Vouching {
        let Some(pinned) = &self.pinned else { return Vouching::NotPinned };
        if self.judge(size) == Some(pinned) {
            return Vouching::Pinned;
        }
        let is_tied = earlier.map(Checkpoint::size).is_some_and(|size| {
            self.judge(size) == Some(pinned) && self.pinned_key().is_some_and(|key| key.index < size)
        });
        if is_tied { Vouching::Successor } else { Vouching::SuccessorUnproved }
    }
}
