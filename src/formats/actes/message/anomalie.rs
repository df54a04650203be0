//! Refusals: of an act (1-3), of an envelope with all that it held (ANO).
//!
//! ```text
//! AnomalieActe                                AnomalieEnveloppe
//! ├── Date, Nature, Detail?                   ├── Date, Nature, Detail?
//! ├── ActeRecu (as Acte)                      └── EnveloppeRecue (as EnveloppeCLMISILL)
//! └── ClassificationDateVersionEnCours
//! ```
//!
//! Neither names the act by `IDActe`: it is found by what is repeated of it. A refusal must be readable although
//! what it refuses may not be, so only its own nature is essential. The schema wants three digits there; the ministry
//! sends `2` and `5` too, which are read. `ERREUR2` is not.

use jiff::civil::Date;
use roxmltree::Node;

use super::super::Motif;
use super::super::enveloppe::{self, EnveloppeClMisill};
use super::super::lecture::{Lecteur, LectureError, chemin, extrait, texte};
use super::acte::{ActeRecu, acte_recu};

/// Highest nature of an anomaly: three digits (schema).
pub const NATURE_ANOMALIE_MAX: u16 = 999;

/// Natures of the anomaly of an envelope that the schema lists.
pub const NATURES_ENVELOPPE: [u16; 6] = [1, 2, 3, 4, 5, 100];

/// 1-3: the prefecture refuses an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalieActe {
    /// Day of the refusal.
    pub date: Option<Date>,
    /// Why, as a code: 2 is a stale classification. Written with three digits.
    pub nature: u16,
    /// Why, in words. May name persons.
    pub detail: Option<String>,
    /// What was refused.
    pub acte: ActeRecu,
    /// The classification in force.
    pub classification_en_cours: Option<Date>,
}

/// ANO: the State refuses an envelope, hence every message in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnomalieEnveloppe {
    /// Day of the refusal.
    pub date: Option<Date>,
    /// Why, as a code.
    pub nature: u16,
    /// Why, in words. May name persons.
    pub detail: Option<String>,
    /// What was refused; none where it can't be read.
    pub enveloppe: Option<EnveloppeClMisill>,
}

pub(super) fn anomalie_acte(
    lecteur: &mut Lecteur,
    noeud: Node,
    aujourdhui: Date,
) -> Result<AnomalieActe, LectureError> {
    lecteur.inconnus(noeud, &["Date", "Nature", "Detail", "ActeRecu", "ClassificationDateVersionEnCours"]);
    let date = lecteur.date_de(noeud, "Date");
    let (nature, brut) = nature(lecteur, noeud)?;
    if brut.len() != 3 {
        lecteur.note(format!("{}/Nature", chemin(noeud)), Motif::NatureAnomalie(extrait(&brut)));
    }
    let detail = lecteur.texte_de(noeud, "Detail");
    let acte = acte_recu(lecteur, noeud, aujourdhui);
    let classification_en_cours = lecteur.date_de(noeud, "ClassificationDateVersionEnCours");
    Ok(AnomalieActe { date, nature, detail, acte, classification_en_cours })
}

pub(super) fn anomalie_enveloppe(lecteur: &mut Lecteur, noeud: Node) -> Result<AnomalieEnveloppe, LectureError> {
    lecteur.inconnus(noeud, &["Date", "Nature", "Detail", "EnveloppeRecue"]);
    let date = lecteur.date_de(noeud, "Date");
    let (nature, brut) = nature(lecteur, noeud)?;
    if !NATURES_ENVELOPPE.contains(&nature) {
        lecteur.note(format!("{}/Nature", chemin(noeud)), Motif::NatureAnomalie(extrait(&brut)));
    }
    let detail = lecteur.texte_de(noeud, "Detail");
    let enveloppe =
        lecteur.requis(noeud, "EnveloppeRecue").and_then(|recue| enveloppe::de_collectivite(lecteur, recue));
    let enveloppe = match enveloppe {
        Ok(enveloppe) => Some(enveloppe),
        Err(error) => {
            lecteur.note(format!("{}/EnveloppeRecue", chemin(noeud)), Motif::RecuIllisible(error.to_string()));
            None
        }
    };
    Ok(AnomalieEnveloppe { date, nature, detail, enveloppe })
}

/// The nature and the digits that say it.
fn nature(lecteur: &mut Lecteur, noeud: Node) -> Result<(u16, String), LectureError> {
    let brut = texte(lecteur.requis(noeud, "Nature")?).trim().to_owned();
    let chiffres = !brut.is_empty() && brut.bytes().all(|b| b.is_ascii_digit());
    match brut.parse().ok().filter(|nature| chiffres && *nature <= NATURE_ANOMALIE_MAX) {
        Some(nature) => Ok((nature, brut)),
        None => {
            Err(LectureError::NatureAnomalie { chemin: format!("{}/Nature", chemin(noeud)), texte: extrait(&brut) })
        }
    }
}
