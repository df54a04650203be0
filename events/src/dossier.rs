//! Life cycles: pure state machines, one per family.
//!
//! A life cycle forbids what is impossible (an accusé for an act never transmitted) and tolerates what real
//! systems do. What is late or irregular in law is no refusal: views say so.
//!
//! [`Dossier::after`] is decision and transition in one, so that nothing can be applied that was not admitted.

mod acte;
mod adherent;
mod classification;
mod consultation;
mod examen;
mod facture;
mod flux;
mod piece;
mod pli;
mod quarantaine;
mod registre;

use serde::{Deserialize, Serialize};

use crate::catalogue::Data;
use crate::event::Event;
use crate::ident::Subject;
use crate::refusal::{Code, Refusal};

pub use acte::Acte;
pub use adherent::{Adherent, CLES_MAX, Cle, DELEGATIONS_MAX, Delegation, RECOUVREMENT_MS};
pub use classification::Classification;
pub use consultation::{Consultation, EtatLot, Membre, Phase, SEANCES_MAX, Seance, Verdict};
pub use examen::Examen;
pub use facture::{EtatFacture, Facture, Metier};
pub use flux::{Acquit, Flux};
pub use piece::PieceEffacee;
pub use pli::{Envoi, Pli};
pub use quarantaine::{Quarantaine, Sort};
pub use registre::{CleJournal, JOURNAL_MAX, Registre};

/// Where and when a leaf is recorded: what life cycles know of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// Position in the log.
    pub index: u64,
    /// Unix ms.
    pub recorded_at_ms: u64,
    /// When the last byte of the request was read, Unix ms; at most `recorded_at_ms`.
    pub received_at_ms: u64,
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
    /// What the prefecture examined of an act.
    Examen(Examen),
    /// A message that could not be placed.
    Quarantaine(Quarantaine),
    /// The classifications of an organisation.
    Classification(Classification),
    /// A flow.
    Flux(Box<Flux>),
    /// An invoice.
    Facture(Box<Facture>),
    /// A tender.
    Consultation(Box<Consultation>),
    /// A submission.
    Pli(Box<Pli>),
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
    ///
    /// `lie` is the state of the dossier that [`DossierId::lie`](crate::event::DossierId::lie) names, if it has leaves.
    pub fn after(before: Option<&Self>, event: &Event, at: Recording, lie: Option<&Self>) -> Result<Self, Refusal> {
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
                Adherent::after(of_family!(before, Self::Adherent), event, at).map(Box::new).map(Self::Adherent)
            }
            Data::PieceEffacee(_) => {
                PieceEffacee::effacee(of_family!(before, Self::Piece), &event.subject).map(Self::Piece)
            }
            // Families of exchanges: the type's family is the subject's.
            _ => match event.subject.family() {
                Subject::ACTE => Acte::after(of_family!(before, Self::Acte), event, at).map(Self::Acte),
                Subject::EXAMEN => {
                    Examen::after(of_family!(before, Self::Examen), event, of_family!(lie, Self::Acte), at)
                        .map(Self::Examen)
                }
                Subject::QUARANTAINE => {
                    Quarantaine::after(of_family!(before, Self::Quarantaine), event).map(Self::Quarantaine)
                }
                Subject::CLASSIFICATION => {
                    Classification::after(of_family!(before, Self::Classification), event).map(Self::Classification)
                }
                Subject::FLUX => Flux::after(of_family!(before, Self::Flux), event).map(Box::new).map(Self::Flux),
                Subject::FACTURE => {
                    Facture::after(of_family!(before, Self::Facture), event).map(Box::new).map(Self::Facture)
                }
                Subject::CONSULTATION => Consultation::after(of_family!(before, Self::Consultation), event, at)
                    .map(Box::new)
                    .map(Self::Consultation),
                Subject::PLI => {
                    let Some(Self::Consultation(consultation)) = lie else {
                        return Err(consultation::inconnue(event));
                    };
                    Pli::after(of_family!(before, Self::Pli), event, consultation, at).map(Box::new).map(Self::Pli)
                }
                _ => Err(wrong_family()),
            },
        }
    }
}

/// One more, as far as numbers go.
fn compte(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

fn wrong_family() -> Refusal {
    Refusal::new(Code::AttributeInvalid, "the dossier is of another family").at("subject")
}
