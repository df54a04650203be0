//! What the events of all exchanges share: who a file says wrote it, and the rules of cited files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::invalid;
use crate::forme::{objets, vocabulaire};
use crate::ident::Organisation;
use crate::piece::{Designation, PIECES_MAX, Piece, RolePiece};
use crate::refusal::Refusal;

vocabulaire! {
    /// In what quality somebody wrote who does not sign here.
    pub enum QualiteDeclaree {
        /// The public accountant, or Hélios for it.
        Comptable = "comptable",
        /// Chorus Pro.
        ChorusPro = "chorus-pro",
        /// A plateforme agréée of the invoicing reform.
        PlateformeAgreee = "plateforme-agreee",
        /// The seller.
        Vendeur = "vendeur",
        /// The buyer.
        Acheteur = "acheteur",
        /// A bidder.
        Soumissionnaire = "soumissionnaire",
        /// Somebody who did not say who: the DCE is free to all.
        Anonyme = "anonyme",
        /// Anybody else.
        Tiers = "tiers",
    }
}

/// Who a file says wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self")]
pub struct PartieDeclaree {
    /// In what quality.
    pub qualite: QualiteDeclaree,
    /// Which organisation, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
}

objets!(PartieDeclaree);

/// The rules of every event's pieces: bounded, none twice in one role, a constat cites the file it is about. Only an act of
/// a public nature shows a file by name and digest: its own check says which.
pub(crate) fn check_pieces(pieces: &[Piece], is_constat: bool) -> Result<(), Refusal> {
    if pieces.len() > PIECES_MAX {
        return Err(invalid("data.pieces", format!("an event cites at most {PIECES_MAX} pieces")));
    }
    for (at, piece) in pieces.iter().enumerate() {
        if pieces[..at].iter().any(|earlier| earlier.reference() == piece.reference() && earlier.role == piece.role) {
            return Err(invalid(&format!("data.pieces[{at}]"), "this piece is cited twice in the same role"));
        }
    }
    if is_constat && !pieces.iter().any(|piece| matches!(piece.role, RolePiece::Message | RolePiece::Facture)) {
        return Err(invalid("data.pieces", "a constat cites the file it is about, with the role message"));
    }
    Ok(())
}

/// No piece is cited by name and digest.
pub(crate) fn check_engagees(pieces: &[Piece]) -> Result<(), Refusal> {
    match pieces.iter().position(|piece| matches!(piece.designation, Designation::Publique { .. })) {
        Some(at) => Err(invalid(&format!("data.pieces[{at}]"), "files of this event are cited by engagement")),
        None => Ok(()),
    }
}

/// Exactly one piece has this role.
pub(crate) fn check_une(pieces: &[Piece], role: RolePiece) -> Result<(), Refusal> {
    match pieces.iter().filter(|piece| piece.role == role).count() {
        1 => Ok(()),
        _ => Err(invalid("data.pieces", format!("exactly one piece has the role {}", role.as_str()))),
    }
}

/// No value stands twice.
pub(crate) fn check_distincts<T: PartialEq>(field: &str, values: &[T]) -> Result<(), Refusal> {
    match values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
        Some((at, _)) => Err(invalid(&format!("{field}[{at}]"), "it stands twice")),
        None => Ok(()),
    }
}

/// Something is there where it must be.
pub(crate) fn check_present(field: &str, is_there: bool, why: &str) -> Result<(), Refusal> {
    if is_there { Ok(()) } else { Err(invalid(field, why)) }
}
