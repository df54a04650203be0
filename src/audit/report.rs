//! What a verification found: facts, doubts, what nobody looked at, and the verdict. Said in JSON by `serde`, and one
//! fact a line by `Display`.

use std::collections::BTreeMap;
use std::fmt;

use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use serde::Serialize;

use super::doubt::{DOUBTS_KEPT_MAX, Doubt, DoubtCode};
use super::journal::{LogKey, Vouching};

/// The answer. A doubt outweighs everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was checked holds, against a key that the auditor already had.
    Good,
    /// Everything that was checked holds, but by the key that the history itself names: it proves that the history
    /// agrees with itself, not whose it is.
    GoodButNotPinned,
    /// Something does not hold.
    Doubt,
}

impl Verdict {
    /// In English.
    pub fn title(self) -> &'static str {
        match self {
            Self::Good => "The history is verified",
            Self::GoodButNotPinned => "The history agrees with itself, but no log key was pinned",
            Self::Doubt => "The history is in doubt",
        }
    }

    /// In French.
    pub fn titre(self) -> &'static str {
        match self {
            Self::Good => "L'historique est vérifié",
            Self::GoodButNotPinned => "L'historique est cohérent, mais aucune clé de journal n'était épinglée",
            Self::Doubt => "L'historique est mis en doute",
        }
    }

    /// The exit code of `greffe verify`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Doubt => 1,
            Self::GoodButNotPinned => 3,
        }
    }
}

/// What became of the cited files. One cited twice counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PieceCounts {
    /// Read again, and what was cited.
    pub good: u64,
    /// There, and another file.
    pub differs: u64,
    /// Not there, because a leaf erased it.
    pub erased: u64,
    /// Not there, and no leaf says why.
    pub absent: u64,
    /// There, and the system refused to read it.
    pub unreadable: u64,
}

impl std::ops::AddAssign for PieceCounts {
    fn add_assign(&mut self, other: Self) {
        self.good += other.good;
        self.differs += other.differs;
        self.erased += other.erased;
        self.absent += other.absent;
        self.unreadable += other.unreadable;
    }
}

/// What was counted on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Leaves read, those behind the checkpoint included.
    pub leaves: u64,
    /// Leaves whose event could be read, by type.
    pub by_type: BTreeMap<&'static str, u64>,
    /// Organisations that wrote.
    pub organisations: u64,
    /// Dossiers.
    pub dossiers: u64,
    /// Keys enrolled, those of the opening included.
    pub keys: u64,
    /// Signatures that verify.
    pub signatures: u64,
    /// Cited files; none where nobody looked.
    pub pieces: Option<PieceCounts>,
}

/// Something that this verification says nothing about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotChecked {
    /// Stable.
    pub code: &'static str,
    /// In English.
    pub detail: String,
}

impl NotChecked {
    /// One thing.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Leaves that a compromised key signed while somebody else had it, or may have had it: information, not a doubt. They
/// stand in the log as they were admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dispute {
    /// The key.
    pub key: KeyId,
    /// Whose it was.
    pub organisation: Organisation,
    /// Recorded from this instant on…
    pub since: Horodatage,
    /// … and before this leaf, which says so.
    pub until: u64,
    /// How many.
    pub leaves: u64,
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// The log's name.
    pub origin: Option<String>,
    /// The key that judged the checkpoints.
    pub vkey: Option<String>,
    /// What the key that the auditor brought says of this history.
    pub vouching: Vouching,
    /// The log's keys, oldest first.
    pub log_keys: Vec<LogKey>,
    /// Leaves that the checkpoint covers.
    pub size: Option<u64>,
    /// Root of the tree over as many of the leaves read; none where there are fewer. Base64.
    pub root: Option<String>,
    /// The checkpoint, where it is the log's.
    pub checkpoint: Option<String>,
    /// Leaves of the older checkpoint that the history was compared with.
    pub since: Option<u64>,
    /// Leaves that a running node added, and whose checkpoint is not in the folder yet: read, and not counted as proved.
    pub not_covered_yet: u64,
    /// Counts.
    pub counts: Counts,
    /// How many doubts, by code: all of them.
    pub doubts_by_code: BTreeMap<DoubtCode, u64>,
    /// The first doubts, at most [`DOUBTS_KEPT_MAX`].
    pub doubts: Vec<Doubt>,
    /// What is disputed because a key was compromised, in the order in which it was said.
    pub disputes: Vec<Dispute>,
    /// What nobody looked at.
    pub not_checked: Vec<NotChecked>,
}

impl Report {
    /// The answer, in English.
    pub fn title(&self) -> &'static str {
        match (self.verdict, self.vouching) {
            (Verdict::GoodButNotPinned, Vouching::SuccessorUnproved) => {
                "The history agrees with itself, but nothing ties the pinned log key to its successor: give --since"
            }
            (verdict, _) => verdict.title(),
        }
    }

    /// The answer, in French.
    pub fn titre(&self) -> &'static str {
        match (self.verdict, self.vouching) {
            (Verdict::GoodButNotPinned, Vouching::SuccessorUnproved) => {
                "L'historique est cohérent, mais rien ne relie la clé épinglée à celle qui lui succède : donnez un point de \
                 contrôle que l'ancienne a signé (--since)"
            }
            (verdict, _) => verdict.titre(),
        }
    }

    /// All doubts, those beyond the list included.
    pub fn doubts_total(&self) -> u64 {
        self.doubts_by_code.values().sum()
    }
}

/// Doubts as they come: the first are kept, all are counted.
#[derive(Debug, Default)]
pub struct Doubts {
    kept: Vec<Doubt>,
    by_code: BTreeMap<DoubtCode, u64>,
}

impl Doubts {
    /// One more.
    pub fn push(&mut self, doubt: Doubt) {
        *self.by_code.entry(doubt.code).or_default() += 1;
        // The first of its kind is always kept: a flood of one kind must not hide another.
        if self.kept.len() < DOUBTS_KEPT_MAX || self.by_code.get(&doubt.code) == Some(&1) {
            self.kept.push(doubt);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_code.is_empty()
    }

    /// Takes them apart, those of the history as a whole first, then by leaf.
    pub fn into_parts(mut self) -> (Vec<Doubt>, BTreeMap<DoubtCode, u64>) {
        self.kept.sort_by_key(|doubt| doubt.index);
        (self.kept, self.by_code)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} / {}", self.title(), self.titre())?;
        let unknown = || "unknown".to_owned();
        writeln!(f, "log: {}", self.origin.clone().unwrap_or_else(unknown))?;
        let how = self.vouching.title();
        writeln!(f, "log key: {} ({how})", self.vkey.clone().unwrap_or_else(unknown))?;
        for pair in self.log_keys.windows(2) {
            writeln!(f, "log key until leaf {}: {}", pair[1].index, pair[0].vkey)?;
        }
        match self.size {
            Some(size) => writeln!(f, "checkpoint: {size} leaves")?,
            None => writeln!(f, "checkpoint: none to be believed")?,
        }
        if self.not_covered_yet > 0 {
            let yet = self.not_covered_yet;
            writeln!(
                f,
                "not covered yet: {yet} leaves more, of the node that serves this folder: its next checkpoint covers them"
            )?;
        }
        if let Some(root) = &self.root {
            writeln!(f, "root of the leaves: {root}")?;
        }
        if let Some(since) = self.since {
            writeln!(f, "compared with an older checkpoint of {since} leaves")?;
        }
        let counts = &self.counts;
        writeln!(f, "leaves read: {}", counts.leaves)?;
        for (name, count) in &counts.by_type {
            writeln!(f, "  {name}: {count}")?;
        }
        writeln!(f, "organisations: {}", counts.organisations)?;
        writeln!(f, "dossiers: {}", counts.dossiers)?;
        writeln!(f, "keys: {}", counts.keys)?;
        writeln!(f, "signatures verified: {}", counts.signatures)?;
        if let Some(pieces) = counts.pieces {
            writeln!(f, "pieces good: {}", pieces.good)?;
            writeln!(f, "pieces that differ: {}", pieces.differs + pieces.unreadable)?;
            writeln!(f, "pieces erased, as leaves say: {}", pieces.erased)?;
            writeln!(f, "pieces absent: {}", pieces.absent)?;
        }
        writeln!(f, "doubts: {}", self.doubts_total())?;
        for (code, count) in &self.doubts_by_code {
            writeln!(f, "  {count} × {code}: {} / {}", code.title(), code.titre())?;
        }
        for doubt in &self.doubts {
            writeln!(f, "doubt: {doubt}")?;
        }
        let kept = self.doubts.len() as u64;
        if kept < self.doubts_total() {
            writeln!(f, "and {} more doubts", self.doubts_total() - kept)?;
        }
        for Dispute { key, organisation, since, until, leaves } in &self.disputes {
            writeln!(
                f,
                "disputed: {leaves} leaves signed by {key} of {organisation}, recorded since {since} and before leaf {until}"
            )?;
        }
        self.not_checked.iter().try_for_each(|not| writeln!(f, "not checked: {}", not.detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_doubts_is_bounded_and_hides_no_other_kind() {
        let mut doubts = Doubts::default();
        for index in 0..10_000 {
            doubts.push(Doubt::new(DoubtCode::PreviousWrong, "x").at(index));
        }
        doubts.push(Doubt::new(DoubtCode::RootMismatch, "y"));
        let (kept, by_code) = doubts.into_parts();
        assert_eq!((kept.len(), by_code[&DoubtCode::PreviousWrong]), (DOUBTS_KEPT_MAX + 1, 10_000));
        assert_eq!(kept[0].code, DoubtCode::RootMismatch);
    }
}
