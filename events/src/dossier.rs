//! Life cycles: pure state machines, one per family.
//!
//! A life cycle forbids what is impossible (an accusé for an act never transmitted) and tolerates what real
//! systems do. What is late or irregular in law is no refusal: views say so.
//!
//! [`Dossier::after`] is decision and transition in one, so that nothing can be applied that was not admitted.

mod acte;
mod adherent;

use serde::{Deserialize, Serialize};

use crate::catalogue::Data;
use crate::event::Event;
use crate::refusal::{Code, Refusal};

pub use acte::Acte;
pub use adherent::Adherent;

/// The state of a dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dossier {
    /// The log: open.
    Registre,
    /// A member.
    Adherent(Adherent),
    /// An act.
    Acte(Acte),
}

/// Takes the state of one family out of a dossier; none for a dossier without leaves.
macro_rules! of_family {
    ($before:expr, $family:path) => {
        match $before {
            None => None,
            Some($family(state)) => Some(state),
            Some(_) => return Err(wrong_family()),
        }
    };
}

impl Dossier {
    /// The state after an event, or why the life cycle forbids it. `before` is none for a dossier without leaves.
    pub fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let subject = &event.subject;
        match &event.data {
            Data::RegistreOuvert(_) => match before {
                None => Ok(Self::Registre),
                Some(_) => Err(Refusal::new(Code::RegistreDejaOuvert, "the opening is leaf 0 and no other").at("type")),
            },
            Data::RegistreRefus(_) => match before {
                Some(Self::Registre) => Ok(Self::Registre),
                _ => Err(Refusal::new(Code::RegistreFerme, "the log was never opened").at("subject")),
            },
            Data::AdherentInscrit(data) => {
                Adherent::inscrit(of_family!(before, Self::Adherent), data).map(Self::Adherent)
            }
            Data::CleEnrolee(data) => {
                Adherent::cle_enrolee(of_family!(before, Self::Adherent), data).map(Self::Adherent)
            }
            Data::ActeTransmis(_) => Acte::transmis(of_family!(before, Self::Acte), subject).map(Self::Acte),
            Data::ActeAccuseReception(data) => {
                Acte::accuse(of_family!(before, Self::Acte), subject, data).map(Self::Acte)
            }
        }
    }
}

fn wrong_family() -> Refusal {
    Refusal::new(Code::AttributeInvalid, "the dossier is of another family").at("subject")
}
