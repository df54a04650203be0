//! An act: transmitted, then acknowledged or rejected by the prefecture itself, by a constat, or by both; published;
//! cancelled.
//!
//! An anomaly before any acknowledgement frees the number: the act may be transmitted again, under the same identifier. Later
//! ones, and publications before the transmission or without one (CGCT L2131-3), are recorded and forbid nothing.

use serde::{Deserialize, Serialize};

use super::compte;
use crate::catalogue::acte::ModePublication;
use crate::catalogue::{ActeAnnulationAcquittee, ActePublie, Data};
use crate::event::Event;
use crate::horodatage::Jour;
use crate::refusal::{Code, Refusal};

/// What the events of an act say together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acte {
    /// How often it was transmitted.
    pub transmissions: u32,
    /// Reception of the last transmission as the prefecture signed it.
    pub accuse_signe: Option<Jour>,
    /// Reception as the collectivité states it from a file.
    pub accuse_constate: Option<Jour>,
    /// The prefecture rejected the last transmission before acknowledging it.
    pub refuse: bool,
    /// Anomalies, those after an acknowledgement included.
    pub anomalies: u32,
    /// First publication.
    pub publie_le: Option<Jour>,
    /// First notification.
    pub notifie_le: Option<Jour>,
    /// Whether the collectivité asked to cancel.
    pub annulation_demandee: bool,
    /// Cancellation as the prefecture signed it.
    pub annulation_signee: Option<Jour>,
    /// Cancellation as the collectivité states it from a file.
    pub annulation_constatee: Option<Jour>,
}

impl Acte {
    pub(super) fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let subject = &event.subject;
        let refuse = |code, detail: String| Err(Refusal::new(code, detail).at("subject"));
        let mut acte = before.cloned().unwrap_or_default();
        match &event.data {
            Data::ActeTransmis(_) => {
                if acte.transmissions > 0 && !acte.refuse {
                    return refuse(Code::ActeDejaTransmis, format!("{subject} was transmitted already"));
                }
                compte(&mut acte.transmissions);
                acte.refuse = false;
                return Ok(acte);
            }
            Data::ActePublie(data) => {
                acte.publie(data);
                return Ok(acte);
            }
            _ if acte.transmissions == 0 => {
                return refuse(Code::ActeInconnu, format!("{subject} was never transmitted here"));
            }
            _ => {}
        }
        let is_constat = event.data.is_constat();
        match &event.data {
            Data::ActeAccuseReception(data) => {
                let place = if is_constat { &mut acte.accuse_constate } else { &mut acte.accuse_signe };
                if let Some(known) = place {
                    let how = if is_constat { "stated" } else { "signed" };
                    let detail = format!("an acknowledgement of {known} is already {how} for {subject}");
                    return refuse(Code::AccuseDejaEnregistre, detail);
                }
                *place = Some(data.date_reception);
                // It was received after all: an anomaly that came before frees nothing.
                acte.refuse = false;
            }
            Data::ActeAnomalie(_) => {
                compte(&mut acte.anomalies);
                acte.refuse = acte.date_reception().is_none();
            }
            Data::ActeAnnulationDemandee(_) => {
                if acte.annulation_demandee {
                    return refuse(Code::AnnulationDejaDemandee, format!("the cancellation of {subject} is asked for"));
                }
                acte.annulation_demandee = true;
            }
            Data::ActeAnnulationAcquittee(data) => acte.annule(data, event)?,
            _ => return Err(super::wrong_family()),
        }
        Ok(acte)
    }

    fn publie(&mut self, data: &ActePublie) {
        let place = match data.mode {
            ModePublication::Notification => &mut self.notifie_le,
            ModePublication::Affichage | ModePublication::Electronique | ModePublication::Recueil => {
                &mut self.publie_le
            }
        };
        *place = Some(place.map_or(data.date, |known| known.min(data.date)));
    }

    fn annule(&mut self, data: &ActeAnnulationAcquittee, event: &Event) -> Result<(), Refusal> {
        let subject = &event.subject;
        if !self.annulation_demandee {
            let detail = format!("nobody asked to cancel {subject} here");
            return Err(Refusal::new(Code::AnnulationNonDemandee, detail).at("subject"));
        }
        let is_constat = event.data.is_constat();
        let place = if is_constat { &mut self.annulation_constatee } else { &mut self.annulation_signee };
        if place.is_some() {
            let detail = format!("the cancellation of {subject} is acknowledged already");
            return Err(Refusal::new(Code::AnnulationDejaAcquittee, detail).at("subject"));
        }
        *place = Some(data.date_reception);
        Ok(())
    }

    /// Day of reception: the prefecture's own word before a constat.
    pub fn date_reception(&self) -> Option<Jour> {
        self.accuse_signe.or(self.accuse_constate)
    }

    /// Whether its cancellation is acknowledged.
    pub fn est_annule(&self) -> bool {
        self.annulation_signee.or(self.annulation_constatee).is_some()
    }
}
