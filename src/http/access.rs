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
//! `auditeur:<département>` reads no accounting flow, invoice or tender, though DESIGN §5 gives it "that": only the dossiers of acts name a
//! département. That of the others would be their owner's as its member record says today, so that a change of the record would open or close
//! years of dossiers to a reader at once; and an invoice has two owners. Whoever is to audit those is given `auditeur:<siren>` for each organisation.
//!
//! An extract is for whoever reads all of an organisation. Of *other* members it shows what its leaves are judged by, though the view of members hides it from that
//! reader: membership, keys that signed, delegations that were used (`extrait::appui`); without them nobody could verify a signature.
//!
//! Of a submission the buyer, and whoever audits it, reads what the buyer itself said, and the rest once its opening has begun: before, not
//! even that something came, when or from whom. (The register of deposits in the view of tenders tells it that something came.)
//!
//! One event, its receipt, a refusal and the feed ask the same question of the same [`Audience`].
//!
//! What a reader may not see is answered exactly as what is not there: no answer tells that something exists. What
//! asks for a *role*, whatever is there (depositing a piece, entry bundles), is answered 403.

use greffe_events::authority::KeyRecord;
use greffe_events::catalogue::{Portee, RegistreRefus, Role};
use greffe_events::event::DossierId;
use greffe_events::ident::{Departement, IdActe, IdPli, Organisation, Siren};
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
    /// Of prefectures and auditors.
    departements: Vec<Departement>,
    /// Of prefectures alone.
    prefectures: Vec<Departement>,
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
            prefectures: Vec::new(),
        };
        for role in &record.roles {
            match role {
                Role::Operateur | Role::Auditeur(Portee::Tout) => reader.reads_everything = true,
                Role::Auditeur(Portee::Siren(siren)) => reader.audited.push(*siren),
                Role::Prefecture(departement) => {
                    reader.departements.push(*departement);
                    reader.prefectures.push(*departement);
                }
                Role::Auditeur(Portee::Departement(departement)) => reader.departements.push(*departement),
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

    /// The départements of which it is the prefecture.
    pub fn prefectures(&self) -> &[Departement] {
        &self.prefectures
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

    /// Whether it reads what is said about this dossier, whoever says it. The log's own is for those who read everything.
    pub fn reads_dossier<'a>(&self, dossier: &'a DossierId) -> Lecture<'a> {
        let reads = match dossier {
            DossierId::Registre(_) => self.reads_everything,
            DossierId::Acte(acte) => self.reads_acte(acte),
            DossierId::Examen(acte) => self.reads_everything || self.prefectures.contains(&acte.departement),
            DossierId::Pli(pli) => {
                let is_buyer = self.reads_organisation(&pli.consultation.acheteur);
                if is_buyer && !self.reads_organisation(&pli.soumissionnaire) {
                    return Lecture::DesOuverture(pli);
                }
                self.reads_organisation(&pli.soumissionnaire)
            }
            DossierId::Adherent(_)
            | DossierId::Quarantaine(_)
            | DossierId::Classification(_)
            | DossierId::Piece(..)
            | DossierId::Flux(_)
            | DossierId::Facture(_)
            | DossierId::Consultation(_) => dossier.titulaires().iter().any(|owner| self.reads_organisation(owner)),
        };
        if reads { Lecture::Oui } else { Lecture::Non }
    }

    /// Whether it reads a leaf.
    pub fn reads<'a>(&self, audience: &'a Audience) -> Lecture<'a> {
        let is_refused = audience.refuses.iter().any(|organisation| self.reads_organisation(organisation));
        // What it wrote is no secret to whoever signed, for another perhaps.
        if is_refused || self.reads_organisation(&audience.source) || audience.signataires.contains(&self.organisation)
        {
            return Lecture::Oui;
        }
        self.reads_dossier(&audience.dossier)
    }
}

/// Whether something may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lecture<'a> {
    /// It may.
    Oui,
    /// It may not.
    Non,
    /// By the buyer of a submission that somebody else speaks of: once its opening has begun.
    DesOuverture(&'a IdPli),
}

impl Lecture<'_> {
    /// The same once the log was asked.
    pub fn selon<F: Faits>(self, faits: &F) -> Result<bool, F::Error> {
        match self {
            Self::Oui => Ok(true),
            Self::Non => Ok(false),
            Self::DesOuverture(pli) => faits.ouverture_commencee(pli),
        }
    }
}

/// What a decision asks of the log, as it stands now.
pub trait Faits {
    /// Why it could not be read.
    type Error;

    /// Whose key this is.
    fn organisation_of(&self, key: &KeyId) -> Result<Option<Organisation>, Self::Error>;
    /// Whether the opening of a submission has begun ([`greffe_events::dossier::Pli::ouverture_commencee`]).
    fn ouverture_commencee(&self, pli: &IdPli) -> Result<bool, Self::Error>;
}

/// Who may read one leaf. It never changes, but for what [`Lecture::DesOuverture`] says.
#[derive(Debug, Clone)]
pub struct Audience {
    /// Who speaks.
    source: Organisation,
    /// Of a refusal: whoever signed what was refused, and in whose name.
    refuses: Vec<Organisation>,
    /// Whose keys signed the leaf.
    signataires: Vec<Organisation>,
    dossier: DossierId,
}

impl Audience {
    /// Of what that source says about that dossier, signed with these keys; `refus` is what a recorded refusal says.
    pub fn of<F: Faits>(
        source: Organisation,
        dossier: DossierId,
        signers: impl IntoIterator<Item = KeyId>,
        refus: Option<&RegistreRefus>,
        faits: &F,
    ) -> Result<Self, F::Error> {
        let mut signataires = Vec::new();
        for key in signers {
            signataires.extend(faits.organisation_of(&key)?);
        }
        let mut refuses = Vec::new();
        if let Some(refus) = refus {
            refuses.extend(refus.source_refusee.clone());
            refuses.extend(faits.organisation_of(&refus.cle)?);
        }
        Ok(Self { source, refuses, signataires, dossier })
    }

    /// What the leaf is about.
    pub fn dossier(&self) -> &DossierId {
        &self.dossier
    }

    /// Who says it.
    pub fn source(&self) -> &Organisation {
        &self.source
    }
}

#[cfg(test)]
mod tests;
