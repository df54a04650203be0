//! Life cycles: pure state machines, one per family.
//!
//! A life cycle forbids what is impossible (an accusé for an act never transmitted) and tolerates what real
//! systems do. What is late or irregular in law is no refusal: views say so.
//!
//! [`Dossier::after`] is decision and transition in one, so that nothing can be applied that was not admitted.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Categorie, Data};
use crate::event::Event;
use crate::horodatage::Jour;
use crate::ident::Departement;
use crate::refusal::{Code, Refusal};

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

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adherent {
    /// What kind of body it is.
    pub categorie: Categorie,
    /// Where it lies or what it controls.
    pub departement: Option<Departement>,
    /// How many keys it ever had.
    pub cles: u32,
}

/// An act: transmitted, then acknowledged by the prefecture itself, by a constat, or by both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acte {
    /// Reception as the prefecture signed it.
    pub accuse_signe: Option<Jour>,
    /// Reception as the collectivité states it from a file.
    pub accuse_constate: Option<Jour>,
}

impl Dossier {
    /// The state after an event, or why the life cycle forbids it. `before` is none for a dossier without leaves.
    pub fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let wrong_family = || Refusal::new(Code::AttributeInvalid, "the dossier is of another family").at("subject");
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
                if before.is_some() {
                    let detail = format!("{} is a member already", data.organisation);
                    return Err(Refusal::new(Code::AdherentDejaInscrit, detail).at("subject"));
                }
                Ok(Self::Adherent(Adherent { categorie: data.categorie, departement: data.departement, cles: 0 }))
            }
            Data::CleEnrolee(data) => match before {
                Some(Self::Adherent(member)) => {
                    Ok(Self::Adherent(Adherent { cles: member.cles.saturating_add(1), ..member.clone() }))
                }
                Some(_) => Err(wrong_family()),
                None => {
                    let detail = format!("{} is not a member: adherent.inscrit comes first", data.organisation);
                    Err(Refusal::new(Code::AdherentInconnu, detail).at("subject"))
                }
            },
            Data::ActeTransmis(_) => {
                if before.is_some() {
                    let detail = format!("{} was transmitted already", event.subject);
                    return Err(Refusal::new(Code::ActeDejaTransmis, detail).at("subject"));
                }
                Ok(Self::Acte(Acte::default()))
            }
            Data::ActeAccuseReception(data) => {
                let mut acte = match before {
                    Some(Self::Acte(acte)) => acte.clone(),
                    Some(_) => return Err(wrong_family()),
                    None => {
                        let detail = format!("{} was never transmitted here", event.subject);
                        return Err(Refusal::new(Code::ActeInconnu, detail).at("subject"));
                    }
                };
                let place = if data.is_constat() { &mut acte.accuse_constate } else { &mut acte.accuse_signe };
                if let Some(known) = place {
                    let how = if data.is_constat() { "stated" } else { "signed" };
                    let detail = format!("an acknowledgement of {known} is already {how} for {}", event.subject);
                    return Err(Refusal::new(Code::AccuseDejaEnregistre, detail).at("subject"));
                }
                *place = Some(data.date_reception);
                Ok(Self::Acte(acte))
            }
        }
    }
}

impl Acte {
    /// Day of reception: the prefecture's own word before a constat.
    pub fn date_reception(&self) -> Option<Jour> {
        self.accuse_signe.or(self.accuse_constate)
    }
}
