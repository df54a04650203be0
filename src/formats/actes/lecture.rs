//! What readers of messages share: finding elements and attributes, keeping their path, noting deviations.
//!
//! Elements are matched in the namespace of the schema; attributes there too, or without namespace, with a
//! deviation. An essential value that is missing or unreadable is an error; any other is a deviation.
//! No message is known here.

use greffe_events::ident::{IdActe, IdentError, Numero, Siren, compact_date};
use jiff::civil::Date;
use roxmltree::Node;
use thiserror::Error;

use super::xml::{Texte, XmlError};
use super::{ESPACE, Ecart, Motif};

/// Why a message is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LectureError {
    /// Not XML that we read.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The root is no message, or no envelope, of ACTES.
    #[error("the root element {racine:?} (namespace {espace:?}) is not {attendu}")]
    Racine {
        /// Its local name.
        racine: String,
        /// Its namespace, empty where it has none.
        espace: String,
        /// What was looked for.
        attendu: &'static str,
    },
    /// An essential element or attribute is missing.
    #[error("{chemin} is missing")]
    Absent {
        /// Its path.
        chemin: String,
    },
    /// An essential value is not of its form.
    #[error("{chemin} is not {attendu}: {texte:?}")]
    Valeur {
        /// Its path.
        chemin: String,
        /// What was looked for.
        attendu: &'static str,
        /// The beginning of what stands there.
        texte: String,
    },
    /// A nature that is none of the six.
    #[error("{chemin} is not a nature from 1 to 6: {texte:?}")]
    NatureInconnue {
        /// Its path.
        chemin: String,
        /// The beginning of what stands there.
        texte: String,
    },
    /// The nature of an anomaly that is no number: `ERREUR2` occurs, and nobody knows what it says.
    #[error("{chemin} is not the number of an anomaly: {texte:?}")]
    NatureAnomalie {
        /// Its path.
        chemin: String,
        /// The beginning of what stands there.
        texte: String,
    },
    /// A list over its bound.
    #[error("{chemin} occurs more than {max} times")]
    TropNombreux {
        /// Path of what is repeated.
        chemin: String,
        /// The bound.
        max: usize,
    },
    /// A number from which no identifier can be made.
    #[error("{chemin} is not a number of 1 to 15 characters: {texte:?}")]
    Numero {
        /// Its path.
        chemin: String,
        /// The beginning of what stands there.
        texte: String,
    },
}

impl LectureError {
    /// Stable code of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Xml(error) => error.code(),
            Self::Racine { .. } => "xml-racine",
            Self::Absent { .. } => "xml-missing",
            Self::Valeur { .. } => "xml-value",
            Self::NatureInconnue { .. } => "nature-inconnue",
            Self::NatureAnomalie { .. } => "anomalie-nature-illisible",
            Self::TropNombreux { .. } => "xml-too-many",
            Self::Numero { .. } => "numero-illisible",
        }
    }
}

/// What was read, with what deviates in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lecture<T> {
    /// The value.
    pub valeur: T,
    /// The deviations, in the order of the file.
    pub ecarts: Vec<Ecart>,
}

/// A text of a file and what it means; no value where it means nothing to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lu<T> {
    /// As it stands in the file.
    pub brut: String,
    /// What it means.
    pub valeur: Option<T>,
}

impl<T: std::fmt::Display> From<T> for Lu<T> {
    fn from(valeur: T) -> Self {
        Self { brut: valeur.to_string(), valeur: Some(valeur) }
    }
}

/// What an error repeats of a text: an identifier fits, a sentence does not.
pub(super) fn extrait(texte: &str) -> String {
    const EXTRAIT_CHARS_MAX: usize = 60;
    texte.chars().take(EXTRAIT_CHARS_MAX).collect()
}

/// Path of an element: the local names from the root.
pub(super) fn chemin(noeud: Node) -> String {
    let mut noms: Vec<&str> = noeud.ancestors().filter(Node::is_element).map(|n| n.tag_name().name()).collect();
    noms.reverse();
    noms.join("/")
}

/// All the text of an element, comments and CDATA boundaries aside. The tree is at most as deep as its bound.
pub(super) fn texte(noeud: Node) -> String {
    noeud.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect()
}

/// Reads while noting deviations.
#[derive(Default)]
pub(super) struct Lecteur {
    ecarts: Vec<Ecart>,
}

impl Lecteur {
    pub(super) fn new(texte: &Texte) -> Self {
        let mut lecteur = Self::default();
        if texte.windows_1252 {
            lecteur.note("/".to_owned(), Motif::Windows1252);
        }
        lecteur
    }

    pub(super) fn note(&mut self, chemin: String, motif: Motif) {
        self.ecarts.push(Ecart { chemin, motif });
    }

    pub(super) fn rend<T>(self, valeur: T) -> Lecture<T> {
        Lecture { valeur, ecarts: self.ecarts }
    }

    /// Notes the children that are none of the known ones: they are not read, which must show.
    pub(super) fn inconnus(&mut self, noeud: Node, connus: &[&str]) {
        for enfant in noeud.children().filter(Node::is_element) {
            let nom = enfant.tag_name();
            if nom.namespace() != Some(ESPACE) || !connus.contains(&nom.name()) {
                self.note(chemin(noeud), Motif::ElementInconnu(extrait(nom.name())));
            }
        }
    }

    pub(super) fn enfant<'a, 'i>(&mut self, noeud: Node<'a, 'i>, nom: &str) -> Option<Node<'a, 'i>> {
        let mut trouves = enfants(noeud, nom);
        let premier = trouves.next()?;
        if trouves.next().is_some() {
            self.note(chemin(premier), Motif::ElementRepete);
        }
        Some(premier)
    }

    pub(super) fn requis<'a, 'i>(&mut self, noeud: Node<'a, 'i>, nom: &str) -> Result<Node<'a, 'i>, LectureError> {
        let absent = || LectureError::Absent { chemin: format!("{}/{nom}", chemin(noeud)) };
        self.enfant(noeud, nom).ok_or_else(absent)
    }

    /// An optional element's text, as it stands.
    pub(super) fn texte_de(&mut self, noeud: Node, nom: &str) -> Option<String> {
        self.enfant(noeud, nom).map(texte)
    }

    /// A mandatory text without which we can do.
    pub(super) fn texte_attendu(&mut self, noeud: Node, nom: &str) -> Option<String> {
        let texte = self.texte_de(noeud, nom);
        if texte.is_none() {
            self.note(format!("{}/{nom}", chemin(noeud)), Motif::Absent);
        }
        texte
    }

    pub(super) fn attribut<'a>(&mut self, noeud: Node<'a, '_>, espace: &str, nom: &str) -> Option<&'a str> {
        if let Some(valeur) = noeud.attribute((espace, nom)) {
            return Some(valeur);
        }
        let valeur = noeud.attributes().find(|a| a.namespace().is_none() && a.name() == nom)?.value();
        self.note(format!("{}/@{nom}", chemin(noeud)), Motif::AttributSansEspace);
        Some(valeur)
    }

    pub(super) fn attribut_requis<'a>(&mut self, noeud: Node<'a, '_>, nom: &str) -> Result<&'a str, LectureError> {
        let absent = || LectureError::Absent { chemin: format!("{}/@{nom}", chemin(noeud)) };
        self.attribut(noeud, ESPACE, nom).filter(|v| !v.trim().is_empty()).ok_or_else(absent)
    }

    /// A mandatory attribute without which we can do: its absence, or a value out of form, is noted.
    pub(super) fn attribut_lu<T>(&mut self, noeud: Node, nom: &str, lit: impl Fn(&str) -> Option<T>) -> Lu<T> {
        let brut = self.attribut(noeud, ESPACE, nom).unwrap_or_default().trim().to_owned();
        let valeur = lit(&brut);
        if valeur.is_none() {
            let motif = if brut.is_empty() { Motif::Absent } else { Motif::Illisible(extrait(&brut)) };
            self.note(format!("{}/@{nom}", chemin(noeud)), motif);
        }
        Lu { brut, valeur }
    }

    /// `xsd:date`; a time zone is left out and noted.
    pub(super) fn date(&mut self, texte: &str, chemin: &str) -> Option<Date> {
        let texte = texte.trim();
        let (jour, fuseau) = texte.split_at_checked(10)?;
        let fuseau_attendu = matches!(fuseau.as_bytes(), [] | [b'Z'] | [b'+' | b'-', _, _, b':', _, _]);
        let tirets = jour.as_bytes().get(4) == Some(&b'-') && jour.as_bytes().get(7) == Some(&b'-');
        let date = compact_date(&jour.replace('-', "")).filter(|_| fuseau_attendu && tirets)?;
        if !fuseau.is_empty() {
            self.note(chemin.to_owned(), Motif::DateAvecFuseau(texte.to_owned()));
        }
        Some(date)
    }

    pub(super) fn date_requise(&mut self, noeud: Node, nom: &str) -> Result<Date, LectureError> {
        let brut = self.attribut_requis(noeud, nom)?;
        let chemin = format!("{}/@{nom}", chemin(noeud));
        let valeur = |chemin| LectureError::Valeur { chemin, attendu: "a date", texte: extrait(brut) };
        self.date(brut, &chemin).ok_or_else(|| valeur(chemin))
    }

    /// A mandatory date attribute without which we can do.
    pub(super) fn date_lue(&mut self, noeud: Node, nom: &str) -> Option<Date> {
        let ici = format!("{}/@{nom}", chemin(noeud));
        let Some(brut) = self.attribut(noeud, ESPACE, nom).filter(|v| !v.trim().is_empty()) else {
            self.note(ici, Motif::Absent);
            return None;
        };
        self.date_ou_note(brut, ici)
    }

    fn date_ou_note(&mut self, brut: &str, ici: String) -> Option<Date> {
        let date = self.date(brut, &ici);
        if date.is_none() {
            self.note(ici, Motif::Illisible(extrait(brut)));
        }
        date
    }

    /// A mandatory date element without which we can do.
    pub(super) fn date_de(&mut self, noeud: Node, nom: &str) -> Option<Date> {
        let ici = format!("{}/{nom}", chemin(noeud));
        let Some(brut) = self.texte_de(noeud, nom) else {
            self.note(ici, Motif::Absent);
            return None;
        };
        self.date_ou_note(&brut, ici)
    }

    pub(super) fn siren(&mut self, brut: &str, chemin: &str) -> Lu<Siren> {
        let brut = brut.trim();
        let valeur = brut.parse().ok();
        if valeur.is_none() {
            self.note(chemin.to_owned(), Motif::Siren(extrait(brut)));
        }
        Lu { brut: brut.to_owned(), valeur }
    }

    /// An `IDActe`; a number of the first generation is brought to the identifier's form.
    pub(super) fn id_acte(&mut self, brut: &str, chemin: &str) -> Lu<IdActe> {
        let brut = brut.trim();
        let lu = |valeur| Lu { brut: brut.to_owned(), valeur };
        if let Ok(id) = brut.parse() {
            return lu(Some(id));
        }
        let Some((tete, numero, nature)) = decoupe_id(brut) else {
            self.note(chemin.to_owned(), Motif::Illisible(extrait(brut)));
            return lu(None);
        };
        let retenu = numero_retenu(numero);
        let valeur = retenu.as_ref().and_then(|n| format!("{tete}-{n}-{nature}").parse().ok());
        let siren = tete.split('-').nth(1).unwrap_or_default();
        match (&retenu, &valeur) {
            (Some(retenu), Some(_)) => self.numero_hors_forme(numero, retenu, chemin),
            _ if matches!(siren.parse::<Siren>(), Err(IdentError::SirenKey(_))) => {
                self.note(chemin.to_owned(), Motif::Siren(siren.to_owned()));
            }
            _ => self.note(chemin.to_owned(), Motif::Illisible(extrait(brut))),
        }
        lu(valeur)
    }

    /// The mandatory `IDActe` of an element, without which its envelope or its file name may still tell the act.
    pub(super) fn id_acte_de(&mut self, noeud: Node) -> Lu<IdActe> {
        let ici = format!("{}/@IDActe", chemin(noeud));
        if let Some(brut) = self.attribut(noeud, ESPACE, "IDActe") {
            return self.id_acte(brut, &ici);
        }
        self.note(ici, Motif::Absent);
        Lu { brut: String::new(), valeur: None }
    }

    pub(super) fn numero_hors_forme(&mut self, brut: &str, retenu: &Numero, chemin: &str) {
        let motif = Motif::NumeroHorsForme { brut: extrait(brut), retenu: retenu.to_string() };
        self.note(chemin.to_owned(), motif);
    }
}

pub(super) fn enfants<'a, 'i>(noeud: Node<'a, 'i>, nom: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    noeud.children().filter(move |n| n.is_element() && n.has_tag_name((ESPACE, nom)))
}

/// The children of a name, at most `max` of them.
pub(super) fn enfants_bornes<'a, 'i>(
    noeud: Node<'a, 'i>,
    nom: &str,
    max: usize,
) -> Result<impl Iterator<Item = Node<'a, 'i>>, LectureError> {
    if enfants(noeud, nom).nth(max).is_some() {
        return Err(LectureError::TropNombreux { chemin: format!("{}/{nom}", chemin(noeud)), max });
    }
    Ok(enfants(noeud, nom))
}

/// `DEP-SIREN-DATE`, the number (which may itself hold `-`), the nature.
fn decoupe_id(brut: &str) -> Option<(&str, &str, &str)> {
    let (reste, nature) = brut.rsplit_once('-')?;
    let tirets: Vec<usize> = reste.match_indices('-').map(|(position, _)| position).take(3).collect();
    let fin_de_tete = *tirets.get(2)?;
    Some((&reste[..fin_de_tete], &reste[fin_de_tete + 1..], nature))
}

/// The number as an identifier has it: each character that it does not take becomes `_`.
///
/// Two numbers that differ by such a character only (`12-A`, `12_A`) become one: the original is kept beside it.
pub(super) fn numero_retenu(brut: &str) -> Option<Numero> {
    let retenu: String = brut.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    retenu.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar() {
        for (texte, expected) in [
            ("2017-07-17", Some("2017-07-17")),
            (" 2017-07-17\n", Some("2017-07-17")),
            ("2017-07-17Z", Some("2017-07-17")),
            ("2017-07-17+02:00", Some("2017-07-17")),
            ("2024-12-31", Some("2024-12-31")),
            ("2017-02-30", None),
            ("2017-7-17", None),
            ("20170717", None),
            ("17-07-2017", None),
            ("2017-07-17T00:00:00", None),
            ("2017-07-é", None),
            ("", None),
        ] {
            let mut lecteur = Lecteur::default();
            assert_eq!(lecteur.date(texte, "x").map(|d| d.to_string()).as_deref(), expected, "{texte:?}");
            assert_eq!(lecteur.ecarts.len(), usize::from(expected.is_some() && texte.trim().len() > 10), "{texte:?}");
        }
    }

    #[test]
    fn identifiers_of_the_first_generation_are_brought_to_form() {
        for (brut, expected, code) in [
            ("034-000000000-20170701-20170721D-AI", Some("034-000000000-20170701-20170721D-AI"), None),
            (
                "034-000000000-20170701-2017-07 D-AI",
                Some("034-000000000-20170701-2017_07_D-AI"),
                Some("numero-hors-forme"),
            ),
            ("034-000000001-20170701-12-AI", None, Some("siren-invalide")),
            ("034-000000000-20170701-12-ZZ", None, Some("illisible")),
            ("034-000000000-20170701-AI", None, Some("illisible")),
            ("é-é", None, Some("illisible")),
            ("ééééé-ééé-é-é-é", None, Some("illisible")),
            ("", None, Some("illisible")),
        ] {
            let mut lecteur = Lecteur::default();
            let lu = lecteur.id_acte(brut, "x");
            assert_eq!(lu.valeur.map(|id| id.to_string()).as_deref(), expected, "{brut}");
            assert_eq!(lecteur.ecarts.first().map(Ecart::code), code, "{brut}");
        }
    }
}
