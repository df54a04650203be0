//! Acts sent to the prefecture (contrôle de légalité; CGCT L2131-1 and following).
//!
//! What identifies an act (département, SIREN, date of the decision, number, nature) stands in the `subject`
//! and nowhere else. There is no free text here: the *objet* may name somebody and goes into a confidential
//! piece, whatever the nature.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::{invalid, partie};
use crate::forme::{self, vocabulaire};
use crate::horodatage::Jour;
use crate::ident::{Departement, IdActe};
use crate::piece::{Designation, Finalite, Piece, RolePiece, id_du_nom};
use crate::refusal::Refusal;

mod courriers;
mod suite;

pub use courriers::{
    ActeAccuseDemandePieces, ActeAccuseLettreObservations, ActeAccusePieces, ActeAccuseReponseObservations,
    ActeCourrierSimple, ActeDefere, ActeDemandePieces, ActeLettreObservations, ActePiecesComplementaires,
    ActeRefusPieces, ActeRejetLettreObservations, ActeReponseCourrierSimple, ActeReponseLettreObservations,
    SuiteObservations,
};
pub use suite::{
    ActeAnnulationAcquittee, ActeAnnulationDemandee, ActeAnomalie, ActePublie, ModePublication, PorteeAnomalie,
};

/// A collectivité transmits an act (ACTES message 1-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeTransmis {
    /// Subject matter in the authority's classification, 2 to 5 levels.
    pub matiere: Matiere,
    /// Date of the classification used (ACTES, `ClassificationDateVersion`).
    pub classification: Jour,
    /// Arrondissement, one digit (ACTES, `Arrondissement`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 9))]
    pub arrondissement: Option<u8>,
    /// The act this one follows or modifies (ACTES, `PrecedentIdentifiantActe`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precedent: Option<IdActe>,
    /// Whether documents follow on paper (ACTES, `DocumentPapier`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_papier: Option<bool>,
    /// The act, its annexes, the messages it came in, its confidential fields.
    #[schemars(length(min = 1, max = 250))]
    pub pieces: Vec<Piece>,
}

impl ActeTransmis {
    /// What the form alone does not say; `id` is the act of the subject.
    pub fn check(&self, id: &IdActe) -> Result<(), Refusal> {
        partie::check_pieces(&self.pieces, false)?;
        let count = |role| self.pieces.iter().filter(|piece| piece.role == role).count();
        if count(RolePiece::Acte) != 1 {
            return Err(invalid("data.pieces", "exactly one piece has the role acte"));
        }
        let objets = self.pieces.iter().filter(|piece| piece.finalite == Some(Finalite::Objet)).count();
        if objets > 1 {
            return Err(invalid("data.pieces", "at most one confidential piece has the finalite objet"));
        }
        if self.arrondissement.is_some_and(|digit| digit > 9) {
            return Err(invalid("data.arrondissement", "an arrondissement is one digit"));
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            let Designation::Publique { nom, .. } = &piece.designation else { continue };
            let field = format!("data.pieces[{at}]");
            if !id.nature.is_public() {
                let detail = format!("pieces of an act of nature {} are cited by engagement", id.nature);
                return Err(invalid(&field, detail));
            }
            if piece.role != RolePiece::Acte {
                return Err(invalid(&field, "only the act itself is public; anything else is cited by engagement"));
            }
            if id_du_nom(nom).as_ref() != Some(id) {
                return Err(invalid(&format!("{field}.nom"), "the name of the public file is that of the act itself"));
            }
        }
        Ok(())
    }
}

/// The prefecture acknowledges an act (ACTES message 1-2), or, with `auteur_declare`, a member states
/// that it received a file saying so (a *constat*).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeAccuseReception {
    /// Day on which the prefecture received the act: the déféré's delay runs from it (CGCT L2131-6).
    pub date_reception: Jour,
    /// Date of the classification in force at the prefecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification_en_cours: Option<Jour>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 250))]
    pub pieces: Vec<Piece>,
}

impl ActeAccuseReception {
    /// Whether the source only states what a file says.
    pub fn is_constat(&self) -> bool {
        self.auteur_declare.is_some()
    }

    /// What the form alone does not say.
    pub fn check(&self) -> Result<(), Refusal> {
        partie::check_pieces(&self.pieces, self.is_constat())
    }
}

/// Who a file says wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuteurDeclare {
    /// In what quality.
    pub qualite: Qualite,
    /// For which département.
    pub departement: Departement,
    /// For which arrondissement, one digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 9))]
    pub arrondissement: Option<u8>,
}

vocabulaire! {
    /// Services of the State that write to collectivités (ACTES, `IDSGAR`, `IDPref`, `IDSousPref`).
    pub enum Qualite {
        /// Secrétariat général pour les affaires régionales.
        Sgar = "sgar",
        /// Prefecture.
        Prefecture = "prefecture",
        /// Sous-préfecture.
        SousPrefecture = "sous-prefecture",
    }
}

/// A subject matter: 2 to 5 numbers from 1 to 99, `7.1` or `8.2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Matiere {
    levels: [u8; 5],
}

impl Matiere {
    /// From the levels of an act, the first two mandatory.
    pub fn new(levels: &[u8]) -> Option<Self> {
        if !(2..=5).contains(&levels.len()) || levels.iter().any(|level| !(1..=99).contains(level)) {
            return None;
        }
        let mut all = [0; 5];
        all[..levels.len()].copy_from_slice(levels);
        Some(Self { levels: all })
    }

    /// Its levels, 2 to 5.
    pub fn levels(&self) -> impl Iterator<Item = u8> + '_ {
        self.levels.iter().copied().take_while(|level| *level != 0)
    }
}

impl fmt::Display for Matiere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, level) in self.levels().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            write!(f, "{level}")?;
        }
        Ok(())
    }
}

impl FromStr for Matiere {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a matière has 2 to 5 levels from 1 to 99, as in 7.1";
        let (mut levels, mut count) = ([0; 5], 0);
        for part in text.split('.') {
            // One spelling: no sign, no zero before.
            let holds = part.bytes().all(|b| b.is_ascii_digit()) && !part.starts_with('0');
            let level = part.parse().ok().filter(|_| holds).ok_or(WRONG)?;
            *levels.get_mut(count).ok_or(WRONG)? = level;
            count += 1;
        }
        Self::new(&levels[..count]).ok_or(WRONG)
    }
}

impl Serialize for Matiere {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Matiere {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::Texte::deserialize(deserializer)?.0.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Matiere {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Matiere".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[1-9][0-9]?(\\.[1-9][0-9]?){1,4}$" })
    }
}
