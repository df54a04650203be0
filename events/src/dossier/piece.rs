//! A piece as a dossier: opened by its erasure, and closed by it.

use serde::{Deserialize, Serialize};

use crate::ident::Subject;
use crate::refusal::{Code, Refusal};

/// A piece that was erased. Its citations are other dossiers' matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceEffacee {}

impl PieceEffacee {
    pub(super) fn effacee(before: Option<&Self>, subject: &Subject) -> Result<Self, Refusal> {
        match before {
            None => Ok(Self {}),
            Some(_) => Err(Refusal::new(Code::PieceDejaEffacee, format!("{subject} was erased already")).at("subject")),
        }
    }
}
