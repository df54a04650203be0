//! The classification of acts (7-2): natures with their types of attachments, the tree of matières.
//!
//! ```text
//! RetourClassification
//! ├── DateClassification
//! ├── NaturesActes/NatureActe+ @CodeNatureActe @Libelle @TypeAbrege
//! │   └── TypePJNatureActe* @CodeTypePJ @Libelle        (second generation: one or more)
//! └── Matieres/Matiere1+ @CodeMatiere @Libelle
//!     └── Matiere2+ … Matiere5*
//! ```
//!
//! Each prefecture has its own, dated; an act names the version that it was classified under. [`Classification::type_pj`] and
//! [`Classification::matiere`] answer what a version admits, [`Classification::compare`] what changed to a later one. As JSON
//! ([`Classification::to_json`]) a version is kept beside other data, within the same bounds.
//!
//! Source: `actesv1_1.xsd`, RetourClassification, in both generations. Which version is in force is not known here.

use greffe_events::ident::Nature;
use jiff::civil::Date;

use super::nom::TypePj;

mod comparaison;
mod json;
mod lecture;

pub use comparaison::{Changement, Element};
pub use json::{ClassificationError, JSON_BYTES_MAX};
pub(super) use lecture::classification;

/// Most matières, all levels together: five times the longest classification seen, which has 291.
pub const MATIERES_MAX: usize = 1_500;
/// Most types of attachments of one nature: ten times the most seen, which is 54.
pub const TYPES_PJ_MAX: usize = 500;
/// Most natures in a message: there are six; others are left out.
pub const NATURES_MAX: usize = 50;
/// Deepest level of matière (schema).
pub const NIVEAUX_MAX: usize = 5;
/// Longest label, in characters: twice the longest seen, which has 255.
pub const LIBELLE_CHARS_MAX: usize = 500;

/// A version of the classification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// Its date, which names the version.
    pub date: Date,
    /// The natures, each at most once.
    pub natures: Vec<NatureClassee>,
    /// Matières of the first level.
    pub matieres: Vec<MatiereClassee>,
}

/// A nature of acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatureClassee {
    /// Which.
    pub nature: Nature,
    /// Its two letters (`TypeAbrege`).
    pub abrege: String,
    /// Its label.
    pub libelle: String,
    /// Types of attachments, each at most once; none in the first generation.
    pub types_pj: Vec<TypePjClasse>,
}

/// A type of attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePjClasse {
    /// Its five characters.
    pub code: TypePj,
    /// Its label.
    pub libelle: String,
}

/// A matière, with those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatiereClassee {
    /// Its number at its level.
    pub code: u16,
    /// Its label.
    pub libelle: String,
    /// Those below, each code at most once; none at level 5.
    pub sous: Vec<MatiereClassee>,
}

impl Classification {
    /// A matière by its numbers from the first level on (`7.1` is `[7, 1]`); none where this version has no such matière.
    pub fn matiere(&self, niveaux: impl IntoIterator<Item = u16>) -> Option<&MatiereClassee> {
        let mut ici = self.matieres.as_slice();
        let mut trouvee = None;
        for code in niveaux {
            let matiere = ici.iter().find(|matiere| matiere.code == code)?;
            ici = &matiere.sous;
            trouvee = Some(matiere);
        }
        trouvee
    }

    /// Whether acts of a nature may have an attachment of a type; none where this version says nothing about it: it does not list
    /// the nature, or lists no types for it (first generation).
    pub fn type_pj(&self, nature: Nature, type_pj: &TypePj) -> Option<bool> {
        let classee = self.natures.iter().find(|classee| classee.nature == nature)?;
        let types = &classee.types_pj;
        (!types.is_empty()).then(|| types.iter().any(|classe| classe.code == *type_pj))
    }

    /// Every matière with its numbers, each before those below it, in order.
    pub fn toutes_les_matieres(&self) -> Vec<(Vec<u16>, &MatiereClassee)> {
        let mut toutes = Vec::new();
        let mut reste: Vec<(Vec<u16>, &MatiereClassee)> =
            self.matieres.iter().rev().map(|matiere| (vec![matiere.code], matiere)).collect();
        while let Some((codes, matiere)) = reste.pop() {
            reste.extend(matiere.sous.iter().rev().map(|sous| {
                let codes = codes.iter().copied().chain([sous.code]).collect();
                (codes, sous)
            }));
            toutes.push((codes, matiere));
        }
        toutes
    }
}
#[cfg(test)]
mod tests;
