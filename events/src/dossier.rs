//! Life cycles: pure state machines, one per family.
//!
//! A life cycle forbids what is impossible (an accusé for an act never transmitted) and tolerates what real
//! systems do. What is late or irregular in law is no refusal: views say so.
//!
//! [`Dossier::after`] is decision and transition in one, so that nothing can be applied that was not admitted.

mod acte;
mod adherent;
mod piece;
mod registre;

use serde::{Deserialize, Serialize};

use crate::catalogue::Data;
use crate::event::Event;
use crate::refusal::{Code, Refusal};

pub use acte::Acte;
pub use adherent::{Adherent, CLES_MAX, Cle, DELEGATIONS_MAX, Delegation, RECOUVREMENT_MS};
pub use piece::PieceEffacee;
pub use registre::{CleJournal, JOURNAL_MAX, Registre};

/// Where and when a leaf is recorded: what life cycles know of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// Position in the log.
    pub index: u64,
    /// Unix ms.
    pub recorded_at_ms: u64,
}

/// The state of a dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dossier {
    /// The log: open, with the keys that govern it.
    Registre(Box<Registre>),
    /// A member.
    Adherent(Box<Adherent>),
    /// An act.
    Acte(Acte),
    /// A piece, erased.
    Piece(PieceEffacee),
}

/// Takes the state of one family out of a dossier; none for a dossier without leaves.
macro_rules! of_family {
    ($before:expr, $family:path) => {
        match $before {
            None => None,
            Some($family(state)) => Some(&*state),
            Some(_) => return Err(wrong_family()),
        }
    };
}

impl Dossier {
    /// The state after an event, or why the life cycle forbids it. `before` is none for a dossier without leaves.
    pub fn after(before: Option<&Self>, event: &Event, at: Recording) -> Result<Self, Refusal> {
        let subject = &event.subject;
        match &event.data {
            Data::RegistreOuvert(_)
            | Data::RegistreRefus(_)
            | Data::RegistreOperateurRemplace(_)
            | Data::RegistreJournalRemplace(_)
            | Data::RegistreNoeudRemplace(_)
            | Data::RegistreRecouvrementRemplace(_) => {
                Registre::after(of_family!(before, Self::Registre), &event.data, at).map(Box::new).map(Self::Registre)
            }
            Data::AdherentInscrit(_)
            | Data::AdherentModifie(_)
            | Data::AdherentSorti(_)
            | Data::CleEnrolee(_)
            | Data::CleRecouvree(_)
            | Data::CleOpposition(_)
            | Data::CleRevoquee(_)
            | Data::CleCompromise(_)
            | Data::DelegationAccordee(_)
            | Data::DelegationRetiree(_) => {
                Adherent::after(of_family!(before, Self::Adherent), &event.data, at).map(Box::new).map(Self::Adherent)
            }
            Data::ActeTransmis(_) => Acte::transmis(of_family!(before, Self::Acte), subject).map(Self::Acte),
            Data::ActeAccuseReception(data) => {
                Acte::accuse(of_family!(before, Self::Acte), subject, data).map(Self::Acte)
            }
            Data::PieceEffacee(_) => PieceEffacee::effacee(of_family!(before, Self::Piece), subject).map(Self::Piece),
        }
    }
}

fn wrong_family() -> Refusal {
    Refusal::new(Code::AttributeInvalid, "the dossier is of another family").at("subject")
}
