//! The classification of acts: which matières exist, and which types of attachments each nature admits (ACTES messages 7-1 to 7-3).
//!
//! A prefecture publishes it, dated; each collectivité uses one version, and an act that names a stale one is rejected (1-3, code
//! 002). The dossier `classification/<organisation>` holds the versions that an organisation published (a prefecture) or received
//! (a collectivité, as constats). Codes stand here; their labels are free text and stay in the message, which is cited.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::acte::Matiere;
use crate::catalogue::{AuteurDeclare, Controle, invalid};
use crate::event::DossierId;
use crate::forme::{self, Liste, objets};
use crate::horodatage::Jour;
use crate::ident::{Departement, Nature};
use crate::piece::{PIECES_MAX, Piece};
use crate::refusal::Refusal;
use crate::valeur::TypePiece;

/// Most matières of a classification: five times the longest seen, of 291.
pub const MATIERES_MAX: usize = 1_500;

/// Most types of attachments of one nature: ten times the most seen.
pub const TYPES_MAX: usize = 500;

/// Most natures: there are six.
pub const NATURES_MAX: usize = 6;

/// The collectivité asks which classification is in force (ACTES message 7-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassificationDemandee {
    /// Date of the version that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Jour>,
    /// The message.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ClassificationDemandee {}

/// The prefecture publishes a classification (ACTES message 7-2), or, with `auteur_declare`, a member states that it received a
/// file saying so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassificationPubliee {
    /// Date of this version (ACTES, `DateClassification`).
    pub date: Jour,
    /// For which département.
    pub departement: Departement,
    /// Natures, with the types of attachments that each admits; none listed: any.
    pub natures: Liste<NatureClassee, NATURES_MAX>,
    /// The matières that an act may name, 2 to 5 levels.
    pub matieres: Liste<Matiere, MATIERES_MAX>,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The message, with the labels; for a constat it must be there.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ClassificationPubliee {
    fn controle(&self, _: &DossierId) -> Result<(), Refusal> {
        for (at, nature) in self.natures.iter().enumerate() {
            if self.natures[..at].iter().any(|other| other.nature == nature.nature) {
                return Err(invalid(&format!("data.natures[{at}].nature"), "a nature stands once"));
            }
        }
        Ok(())
    }
}

/// A nature of acts in a classification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct NatureClassee {
    /// Which.
    pub nature: Nature,
    /// Types of attachments, five characters (`99_DE`).
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub types: Liste<TypePiece, TYPES_MAX>,
}

objets! { NatureClassee }

/// The prefecture says that the classification did not change (ACTES message 7-3), or, with `auteur_declare`, a member states that
/// it received a file saying so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassificationInchangee {
    /// Date of the version in force.
    pub date: Jour,
    /// For which département.
    pub departement: Departement,
    /// Who the file says wrote it. There: a constat of whoever received the file. Absent: the source's own word.
    #[serde(default, deserialize_with = "forme::objet_option", skip_serializing_if = "Option::is_none")]
    pub auteur_declare: Option<AuteurDeclare>,
    /// The files: for a constat at least the message itself.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ClassificationInchangee {}
