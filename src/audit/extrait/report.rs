//! What was found of an extract: facts, doubts, and what it does not prove.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::audit::doubt::{Doubt, DoubtCode};
use crate::audit::journal::Vouching;
use crate::audit::report::{Dispute, NotChecked, PieceCounts, Verdict};
use crate::extrait::declaration::Paroles;
use crate::extrait::demande::Demande;

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtractReport {
    /// The answer.
    pub verdict: Verdict,
    /// The log's name, as the extract says.
    pub origin: Option<String>,
    /// The key that judged the checkpoint.
    pub vkey: Option<String>,
    /// What the key that the auditor brought says of it.
    pub vouching: Vouching,
    /// What was asked; none where the file does not say.
    pub demande: Option<Demande>,
    /// Leaves that the checkpoint covers; none where it is nobody's word.
    pub size: Option<u64>,
    /// What the organisation said, by rank: from the leaves, the total too where they close the period.
    pub paroles: Paroles,
    /// Leaves of the period that others said about its dossiers.
    pub dossiers: u64,
    /// Leaves that help to judge these.
    pub appui: u64,
    /// Of which members key events stand among these: the organisation's own dossier is whole up to its last leaf here.
    pub membres: Vec<String>,
    /// All leaves, by type.
    pub by_type: BTreeMap<&'static str, u64>,
    /// Signatures that verify.
    pub signatures: u64,
    /// Files; none where none were asked for.
    pub pieces: Option<PieceCounts>,
    /// What is disputed because a key was compromised.
    pub disputes: Vec<Dispute>,
    /// How many doubts, by code: all of them.
    pub doubts_by_code: BTreeMap<DoubtCode, u64>,
    /// The first doubts.
    pub doubts: Vec<Doubt>,
    /// What is proved, in English; empty in doubt.
    pub proved: Vec<String>,
    /// What this extract does not prove.
    pub not_checked: Vec<NotChecked>,
}

impl ExtractReport {
    /// The answer, in English.
    pub fn title(&self) -> &'static str {
        match (self.verdict, self.vouching) {
            (Verdict::Good, _) => "The extract is verified",
            (Verdict::Doubt, _) => "The extract is in doubt",
            (Verdict::GoodButNotPinned, Vouching::SuccessorUnproved) => {
                "The extract agrees with itself, but the pinned log key was replaced before its checkpoint"
            }
            (Verdict::GoodButNotPinned, _) => "The extract agrees with itself, but no log key was pinned",
        }
    }

    /// The answer, in French.
    pub fn titre(&self) -> &'static str {
        match (self.verdict, self.vouching) {
            (Verdict::Good, _) => "L'extrait est vérifié",
            (Verdict::Doubt, _) => "L'extrait est mis en doute",
            (Verdict::GoodButNotPinned, Vouching::SuccessorUnproved) => {
                "L'extrait est cohérent, mais la clé épinglée a été remplacée avant son point de contrôle : épinglez la nouvelle"
            }
            (Verdict::GoodButNotPinned, _) => "L'extrait est cohérent, mais aucune clé de registre n'était épinglée",
        }
    }
}

impl fmt::Display for ExtractReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = || "unknown".to_owned();
        writeln!(f, "{} / {}", self.title(), self.titre())?;
        writeln!(f, "log: {}", self.origin.clone().unwrap_or_else(unknown))?;
        writeln!(f, "log key: {} ({})", self.vkey.clone().unwrap_or_else(unknown), self.vouching.title())?;
        match self.size {
            Some(size) => writeln!(f, "checkpoint: {size} leaves")?,
            None => writeln!(f, "checkpoint: none to be believed")?,
        }
        if let Some(demande) = &self.demande {
            let bound = |borne: Option<_>, open: &str| {
                borne.map_or_else(|| open.to_owned(), |borne: crate::extrait::demande::Borne| borne.to_string())
            };
            writeln!(f, "organisation: {}", demande.organisation)?;
            let (du, au) = (bound(demande.du, "the beginning"), bound(demande.au, "the checkpoint"));
            writeln!(f, "period: from {du} to {au}, both included")?;
        }
        let Paroles { avant, dedans, total } = self.paroles;
        writeln!(f, "leaves said by the organisation: {dedans} in the period, {avant} before it, {total} in all")?;
        writeln!(f, "leaves about its dossiers: {}", self.dossiers)?;
        writeln!(f, "leaves that help to judge these: {}", self.appui)?;
        for (name, count) in &self.by_type {
            writeln!(f, "  {name}: {count}")?;
        }
        self.membres.iter().try_for_each(|member| writeln!(f, "key events shown of: {member}"))?;
        writeln!(f, "signatures verified: {}", self.signatures)?;
        if let Some(pieces) = self.pieces {
            writeln!(f, "pieces good: {}", pieces.good)?;
            writeln!(f, "pieces that differ: {}", pieces.differs)?;
            writeln!(f, "pieces erased, as leaves say: {}", pieces.erased)?;
            writeln!(f, "pieces absent: {}", pieces.absent)?;
        }
        let total: u64 = self.doubts_by_code.values().sum();
        writeln!(f, "doubts: {total}")?;
        for (code, count) in &self.doubts_by_code {
            writeln!(f, "  {count} × {code}: {} / {}", code.title(), code.titre())?;
        }
        self.doubts.iter().try_for_each(|doubt| writeln!(f, "doubt: {doubt}"))?;
        if (self.doubts.len() as u64) < total {
            writeln!(f, "and {} more doubts", total - self.doubts.len() as u64)?;
        }
        for Dispute { key, organisation, since, until, leaves } in &self.disputes {
            writeln!(
                f,
                "disputed: {leaves} leaves here signed by {key} of {organisation}, recorded since {since} and before leaf {until}"
            )?;
        }
        self.proved.iter().try_for_each(|proved| writeln!(f, "proved: {proved}"))?;
        self.not_checked.iter().try_for_each(|not| writeln!(f, "not proved: {}", not.detail))
    }
}
