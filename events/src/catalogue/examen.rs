//! That the prefecture looked at an act: what empties its work list, and nobody else's matter.
//!
//! Such an event stands in a dossier of its own, `examen/<the act's identifier>`, read by the keys of that département's prefecture and
//! whoever reads everything. In the act's own dossier, the next leaf would point back at it and show the collectivité that
//! something is kept from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Controle;
use crate::forme::{Liste, vocabulaire};
use crate::piece::{PIECES_MAX, Piece};
use crate::valeur::IndexFeuille;

vocabulaire! {
    /// What an agent of the prefecture concludes.
    pub enum SuiteExamen {
        /// Nothing to say.
        SansObservation = "sans-observation",
        /// To be looked at again: a letter is being written, documents are awaited.
        ASuivre = "a-suivre",
    }
}

/// An agent of the prefecture examined an act. Notes go into a piece of finalité `texte`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActeExamine {
    /// Index of the last leaf of the act that the agent says it had seen: what came after is unseen.
    pub jusqu_a: IndexFeuille,
    /// The conclusion.
    pub suite: SuiteExamen,
    /// Notes.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub pieces: Liste<Piece, PIECES_MAX>,
}

impl Controle for ActeExamine {}
