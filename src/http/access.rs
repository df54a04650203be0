//! Who may read what (DESIGN §§5, 9): a pure decision over what the log says of the reader's key.
//!
//! | reader | reads |
//! |---|---|
//! | role `operateur`, `auditeur:*` | everything |
//! | any key of an organisation | events of that source, the dossiers it owns with their pieces, its member dossier |
//! | `auditeur:<siren>` | the same of that organisation |
//! | `prefecture:<dep>`, `auditeur:<dep>` | acts of that département with their pieces; in views its members too |
//! | `transmetteur` | in views, exchanges of members that let it sign them, while they do |
//! | whoever signed an event, a gateway for instance | that event and its receipt |
//! | a refused one | the leaf that records its refusal |
//!
//! What a reader may not see is answered exactly as what is not there: no answer tells that something exists. What
//! asks for a *role*, whatever is there (depositing a piece, entry bundles), is answered 403.

use greffe_events::Event;
use greffe_events::authority::KeyRecord;
use greffe_events::catalogue::{Data, Portee, Role};
use greffe_events::event::DossierId;
use greffe_events::ident::{Departement, IdActe, Organisation, Siren};
use greffe_events::key::KeyId;

/// A reader, from its key's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Whose key it is.
    organisation: Organisation,
    reads_everything: bool,
    may_deposit: bool,
    is_gateway: bool,
    audited: Vec<Siren>,
    departements: Vec<Departement>,
}

impl Reader {
    /// The reader behind a key that is in force.
    pub fn of(record: &KeyRecord) -> Self {
        let mut reader = Self {
            organisation: record.organisation.clone(),
            reads_everything: false,
            may_deposit: false,
            is_gateway: false,
            audited: Vec::new(),
            departements: Vec::new(),
        };
        for role in &record.roles {
            match role {
                Role::Operateur | Role::Auditeur(Portee::Tout) => reader.reads_everything = true,
                Role::Auditeur(Portee::Siren(siren)) => reader.audited.push(*siren),
                Role::Prefecture(departement) | Role::Auditeur(Portee::Departement(departement)) => {
                    reader.departements.push(*departement);
                }
                Role::Transmetteur => reader.is_gateway = true,
                Role::Registre
                | Role::Collectivite
                | Role::Comptable
                | Role::Fournisseur
                | Role::Acheteur
                | Role::Soumissionnaire => {}
            }
            reader.may_deposit |= !matches!(role, Role::Auditeur(_) | Role::Registre);
        }
        reader
    }

    /// Whose key it is.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// Whether nothing is hidden from it.
    pub fn reads_everything(&self) -> bool {
        self.reads_everything
    }

    /// The organisations of which it reads everything; none for all of them.
    pub fn organisations(&self) -> Option<Vec<Organisation>> {
        let audited = self.audited.iter().map(|siren| Organisation::Siren(*siren));
        (!self.reads_everything).then(|| audited.chain([self.organisation.clone()]).collect())
    }

    /// Whether it is a gateway: it reads what delegations let it sign.
    pub fn is_gateway(&self) -> bool {
        self.is_gateway
    }

    /// The départements whose acts and members it reads.
    pub fn departements(&self) -> &[Departement] {
        &self.departements
    }

    /// Whether it may deposit pieces: its key signs events that cite some.
    pub fn may_deposit(&self) -> bool {
        self.may_deposit
    }

    /// Whether it reads what this organisation says and owns.
    pub fn reads_organisation(&self, organisation: &Organisation) -> bool {
        let is_audited = organisation.siren().is_some_and(|siren| self.audited.contains(&siren));
        self.reads_everything || is_audited || self.organisation == *organisation
    }

    /// Whether it reads this act, what is said about it, and its pieces.
    pub fn reads_acte(&self, acte: &IdActe) -> bool {
        self.reads_organisation(&Organisation::Siren(acte.siren)) || self.departements.contains(&acte.departement)
    }

    /// Whether it reads this dossier. The log's own is for those who read everything.
    pub fn reads_dossier(&self, dossier: &DossierId) -> bool {
        match dossier {
            DossierId::Registre(_) => self.reads_everything,
            DossierId::Adherent(organisation) | DossierId::Piece(organisation, _) => {
                self.reads_organisation(organisation)
            }
            DossierId::Acte(acte) => self.reads_acte(acte),
            DossierId::Flux(_) | DossierId::Facture(_) | DossierId::Consultation(_) | DossierId::Pli(_) => {
                dossier.titulaires().iter().any(|owner| self.reads_organisation(owner))
            }
        }
    }

    /// Whether it reads this event. `organisation_of` tells whose a key is: asked only for a recorded refusal.
    pub fn reads_event<E>(
        &self,
        event: &Event,
        organisation_of: impl FnOnce(&KeyId) -> Result<Option<Organisation>, E>,
    ) -> Result<bool, E> {
        if self.reads_organisation(&event.source) || self.reads_dossier(&event.dossier) {
            return Ok(true);
        }
        let Data::RegistreRefus(refus) = &event.data else { return Ok(false) };
        if refus.source_refusee.as_ref().is_some_and(|source| self.reads_organisation(source)) {
            return Ok(true);
        }
        Ok(organisation_of(&refus.cle)?.is_some_and(|organisation| self.reads_organisation(&organisation)))
    }
}

#[cfg(test)]
mod tests;
