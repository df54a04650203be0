//! Who speaks an event of a family of exchanges: one signature, by a key of the source with the role of the deed.

use crate::catalogue::{Data, Famille, Role};
use crate::event::{DossierId, Event};
use crate::ident::Organisation;
use crate::refusal::{Code, Refusal};

/// Whose word an event is.
pub(super) struct Parole {
    /// The role that a key of the source needs.
    pub role: Role,
    /// The family that the source may let another sign for it; none where it speaks itself or not at all.
    pub delegable: Option<Famille>,
    /// Who owns the dossier. Any other source is refused; but a constat may come from an organisation to which one of
    /// them delegated the family.
    pub titulaires: Vec<Organisation>,
    /// Whether the source only states what a file from somebody else says.
    pub est_constat: bool,
}

/// Whose word it is; refused where nobody may say it.
pub(super) fn parole(event: &Event) -> Result<Parole, Refusal> {
    let DossierId::Acte(id) = &event.dossier else {
        return Err(Refusal::new(Code::AttributeInvalid, "the subject is an act").at("subject"));
    };
    let collectivite = Organisation::Siren(id.siren);
    Ok(match &event.data {
        Data::ActeAccuseReception(data) if !data.is_constat() => Parole {
            role: Role::Prefecture(id.departement),
            delegable: None,
            titulaires: vec![event.source.clone()],
            est_constat: false,
        },
        data => Parole {
            role: Role::Collectivite,
            delegable: Some(Famille::Actes),
            titulaires: vec![collectivite],
            est_constat: matches!(data, Data::ActeAccuseReception(_)),
        },
    })
}
