//! Who speaks an event of a family of exchanges: one signature, by a key of the source with the role of the deed.

use crate::catalogue::{Data, Role};
use crate::event::{DossierId, Event};
use crate::ident::Organisation;
use crate::refusal::{Code, Refusal};

/// Whose word an event is.
pub(super) struct Parole {
    /// The role that a key of the source needs.
    pub role: Role,
}

/// Whose word it is; refused where the source is not the one who may say it of this dossier.
pub(super) fn parole(event: &Event) -> Result<Parole, Refusal> {
    let DossierId::Acte(id) = &event.dossier else {
        return Err(Refusal::new(Code::AttributeInvalid, "the subject is an act").at("subject"));
    };
    let own = matches!(&event.data, Data::ActeAccuseReception(data) if !data.is_constat());
    if own {
        return Ok(Parole { role: Role::Prefecture(id.departement) });
    }
    if event.source != Organisation::Siren(id.siren) {
        let detail = format!("the act belongs to urn:siren:{}, the source is {}", id.siren, event.source);
        return Err(Refusal::new(Code::NotOwner, detail).at("source"));
    }
    Ok(Parole { role: Role::Collectivite })
}
