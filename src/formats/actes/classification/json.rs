//! A version of the classification as compact JSON, kept beside other data.
//!
//! ```json
//! {"date":"2019-04-18","natures":[["DE","DE","Délibérations",[["99_DE","Délibération"]]]],
//!  "matieres":[[1,"Commande publique",[[1,"Marchés publics",[]]]]]}
//! ```
//!
//! A nature is its abbreviation of ours, that of the classification, its label, its types of attachments; a matière its number, its
//! label, those below it. What is read holds the bounds of [`super`] and names nothing twice.

use std::collections::HashSet;
use std::hash::Hash;

use greffe_events::horodatage::Jour;
use greffe_events::ident::Nature;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::super::nom::TypePj;
use super::{
    Classification, LIBELLE_CHARS_MAX, MATIERES_MAX, MatiereClassee, NIVEAUX_MAX, NatureClassee, TYPES_PJ_MAX,
    TypePjClasse,
};

/// Largest JSON that is read: the longest classification seen takes 25,000 bytes; forty times that.
pub const JSON_BYTES_MAX: usize = 1_000_000;

/// Why a text is no classification.
#[derive(Debug, Error)]
pub enum ClassificationError {
    /// Over [`JSON_BYTES_MAX`].
    #[error("the classification has {bytes} bytes, over {JSON_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON of this form.
    #[error("the classification is not of its form: {0}")]
    Form(#[from] serde_json::Error),
    /// Over a bound, or a code twice in one list.
    #[error("the classification is out of bounds: {0}")]
    Bounds(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Racine {
    date: Jour,
    natures: Vec<LigneNature>,
    matieres: Vec<LigneMatiere>,
}

#[derive(Serialize, Deserialize)]
struct LigneNature(Nature, String, String, Vec<(String, String)>);

#[derive(Serialize, Deserialize)]
struct LigneMatiere(u16, String, Vec<LigneMatiere>);

impl Classification {
    /// Writes it; at most some tens of kilobytes for any real one.
    pub fn to_json(&self) -> String {
        fn lignes(matieres: &[MatiereClassee]) -> Vec<LigneMatiere> {
            matieres.iter().map(|m| LigneMatiere(m.code, m.libelle.clone(), lignes(&m.sous))).collect()
        }
        let natures = self.natures.iter().map(|n| {
            let types = n.types_pj.iter().map(|t| (t.code.as_str().to_owned(), t.libelle.clone())).collect();
            LigneNature(n.nature, n.abrege.clone(), n.libelle.clone(), types)
        });
        let racine = Racine { date: Jour(self.date), natures: natures.collect(), matieres: lignes(&self.matieres) };
        // Strings and numbers only: writing them to memory does not fail.
        serde_json::to_string(&racine).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn from_json(texte: &str) -> Result<Self, ClassificationError> {
        if texte.len() > JSON_BYTES_MAX {
            return Err(ClassificationError::TooLarge { bytes: texte.len() });
        }
        let Racine { date, natures, matieres } = serde_json::from_str(texte)?;
        uniques(natures.iter().map(|n| n.0))?;
        let natures = natures.into_iter().map(nature).collect::<Result<_, _>>()?;
        let mut reste = MATIERES_MAX;
        let matieres = self::matieres(matieres, NIVEAUX_MAX, &mut reste)?;
        Ok(Self { date: date.0, natures, matieres })
    }
}

fn nature(LigneNature(nature, abrege, libelle, types): LigneNature) -> Result<NatureClassee, ClassificationError> {
    if types.len() > TYPES_PJ_MAX {
        return Err(ClassificationError::Bounds("too many types of attachments"));
    }
    uniques(types.iter().map(|(code, _)| code))?;
    let classe = |(code, libelle): (String, String)| {
        let code = TypePj::new(&code).ok_or(ClassificationError::Bounds("a type of attachment has 5 characters"))?;
        Ok(TypePjClasse { code, libelle: borne(libelle)? })
    };
    let types_pj = types.into_iter().map(classe).collect::<Result<_, ClassificationError>>()?;
    Ok(NatureClassee { nature, abrege: borne(abrege)?, libelle: borne(libelle)?, types_pj })
}

fn matieres(
    lignes: Vec<LigneMatiere>,
    niveaux: usize,
    reste: &mut usize,
) -> Result<Vec<MatiereClassee>, ClassificationError> {
    if niveaux == 0 && !lignes.is_empty() {
        return Err(ClassificationError::Bounds("more than five levels of matières"));
    }
    *reste = reste.checked_sub(lignes.len()).ok_or(ClassificationError::Bounds("too many matières"))?;
    uniques(lignes.iter().map(|ligne| ligne.0))?;
    let matiere = |LigneMatiere(code, libelle, sous)| {
        let sous = matieres(sous, niveaux.saturating_sub(1), reste)?;
        Ok(MatiereClassee { code, libelle: borne(libelle)?, sous })
    };
    lignes.into_iter().map(matiere).collect()
}

fn borne(libelle: String) -> Result<String, ClassificationError> {
    if libelle.chars().count() > LIBELLE_CHARS_MAX {
        return Err(ClassificationError::Bounds("a label is too long"));
    }
    Ok(libelle)
}

fn uniques<T: Eq + Hash>(codes: impl Iterator<Item = T>) -> Result<(), ClassificationError> {
    let mut vus = HashSet::new();
    for code in codes {
        if !vus.insert(code) {
            return Err(ClassificationError::Bounds("a code stands twice in one list"));
        }
    }
    Ok(())
}
