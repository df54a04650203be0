//! What the log declares of an extract, beside what the leaves and files that are here say.

use super::preuves::Head;
use super::rejeu::Rejeu;
use crate::audit::doubt::{Doubt, DoubtCode};
use crate::extrait::declaration::{ComptePieces, Declaration, DeclarationError, Etendue, Paroles};
use crate::tlog::{NoteError, Verifier};
use greffe_events::piece::Empreinte;

/// What the key that judges the checkpoint declared.
pub(super) fn declared(note: &[u8], log: Option<&Verifier>) -> Result<Declaration, DeclarationError> {
    Declaration::open(note, log.ok_or(NoteError::NoKnownSignature)?)
}

/// What the leaves and files say, beside what the log declares of them.
pub(super) struct Found<'a> {
    pub rejeu: &'a Rejeu,
    pub paroles: Paroles,
    /// Whether a leaf of the organisation follows the period.
    pub is_closed: bool,
    pub pieces: Option<ComptePieces>,
    pub head: &'a Head,
    pub sha256: Empreinte,
}

impl Found<'_> {
    pub fn compare(&self, said: &Declaration, doubt: &mut dyn FnMut(Doubt)) {
        let mut other = |what: &str, said: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
            let detail = format!("{what}: declared is {said}, here is {found}");
            doubt(Doubt::new(DoubtCode::ExtractContradicted, detail).field(what));
        };
        let comptes = &self.rejeu.comptes;
        if said.demande != *self.rejeu.demande() {
            other("demande", &"another question", &"demande.json");
        }
        let (size, root) = (self.head.checkpoint.size(), self.head.checkpoint.root());
        if said.taille != size {
            other("taille", &said.taille, &size);
        }
        if said.racine != root.to_string() {
            other("racine", &said.racine, &root);
        }
        let Etendue { debut, fin } = said.periode;
        if !self.rejeu.bornes.agree(said.periode, self.rejeu.periode(), size) {
            other("periode", &format_args!("leaves {debut} to {fin}, that one left out"), &"another");
        }
        for (what, said, found) in [
            ("paroles.avant", said.paroles.avant, self.paroles.avant),
            ("paroles.dedans", said.paroles.dedans, self.paroles.dedans),
            ("dossiers", said.dossiers, comptes.dossiers),
            ("appui", said.appui, comptes.appui),
        ] {
            if said != found {
                other(what, &said, &found);
            }
        }
        // What the leaves show is the least; nothing but a leaf that follows the period lets there be more.
        let total = self.paroles.total;
        if said.paroles.total < total || (!self.is_closed && said.paroles.total != total) {
            other("paroles.total", &said.paroles.total, &total);
        }
        if said.pieces != self.pieces {
            let shown = |pieces: Option<ComptePieces>| {
                pieces.map_or_else(
                    || "none".to_owned(),
                    |p| format!("{} here, {} erased, {} absent", p.jointes, p.effacees, p.absentes),
                )
            };
            other("pieces", &shown(said.pieces), &shown(self.pieces));
        }
        if said.sha256 != self.sha256 {
            other("sha256", &said.sha256, &self.sha256);
        }
        if let Some(gap) = self.rejeu.gap(debut) {
            doubt(gap);
        }
    }
}
