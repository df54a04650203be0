//! What changed from one version of the classification to another.

use std::collections::BTreeMap;

use greffe_events::ident::Nature;

use super::super::nom::TypePj;
use super::Classification;

/// What a classification names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A nature of acts.
    Nature(Nature),
    /// A type of attachment of a nature.
    TypePj(Nature, TypePj),
    /// A matière, by its numbers from the first level on.
    Matiere(Vec<u16>),
}

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changement {
    /// What differs.
    pub element: Element,
    /// Its label in the earlier version; none where it was added.
    pub avant: Option<String>,
    /// Its label in the later one; none where it was removed.
    pub apres: Option<String>,
}

impl Classification {
    /// What differs in a later version: added, removed, renamed; natures, then types of attachments, then matières, each in order.
    /// Equal versions differ in nothing; the dates are not compared.
    pub fn compare(&self, nouvelle: &Self) -> Vec<Changement> {
        let mut libelles: BTreeMap<Element, (Option<String>, Option<String>)> = BTreeMap::new();
        for (element, libelle) in self.elements() {
            libelles.entry(element).or_default().0 = Some(libelle.to_owned());
        }
        for (element, libelle) in nouvelle.elements() {
            libelles.entry(element).or_default().1 = Some(libelle.to_owned());
        }
        libelles
            .into_iter()
            .filter(|(_, (avant, apres))| avant != apres)
            .map(|(element, (avant, apres))| Changement { element, avant, apres })
            .collect()
    }

    fn elements(&self) -> impl Iterator<Item = (Element, &str)> {
        let natures = self.natures.iter().map(|n| (Element::Nature(n.nature), n.libelle.as_str()));
        let types = self
            .natures
            .iter()
            .flat_map(|n| n.types_pj.iter().map(|t| (Element::TypePj(n.nature, t.code.clone()), t.libelle.as_str())));
        let matieres = self.toutes_les_matieres().into_iter();
        natures.chain(types).chain(matieres.map(|(codes, m)| (Element::Matiere(codes), m.libelle.as_str())))
    }
}
