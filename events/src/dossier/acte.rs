//! An act: transmitted, then acknowledged or rejected by the prefecture itself, by a constat, or by both; published;
//! cancelled.
//!
//! Letters, answers and the referral (2-1 to 5-1) need an act that was transmitted and nothing else: what is late, answers nothing that is
//! known here, or comes after a cancellation, is recorded, and the law of the day says what it does.
//!
//! An anomaly before any acknowledgement frees the number: the act may be transmitted again, under the same identifier. Later
//! ones, and publications before the transmission or without one (CGCT L2131-3), are recorded and forbid nothing.

use serde::{Deserialize, Serialize};

use super::{Recording, compte};
use crate::catalogue::acte::ModePublication;
use crate::catalogue::{ActeAnnulationAcquittee, ActePublie, Data};
use crate::event::{DossierId, Event};
use crate::horodatage::{Horodatage, Jour};
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
    pub(super) fn after(before: Option<&Self>, event: &Event, at: Recording) -> Result<Self, Refusal> {
        let subject = &event.subject;
        check_passe(event, at)?;
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
            Data::ActeCourrierSimple(_)
            | Data::ActeReponseCourrierSimple(_)
            | Data::ActeDemandePieces(_)
            | Data::ActeAccuseDemandePieces(_)
            | Data::ActeRefusPieces(_)
            | Data::ActePiecesComplementaires(_)
            | Data::ActeAccusePieces(_)
            | Data::ActeLettreObservations(_)
            | Data::ActeAccuseLettreObservations(_)
            | Data::ActeRejetLettreObservations(_)
            | Data::ActeReponseLettreObservations(_)
            | Data::ActeAccuseReponseObservations(_)
            | Data::ActeDefere(_) => {}
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

/// Days that an event reports have come: a decision, a reception, a letter of tomorrow would move the law's dates to where nobody
/// can take them back. One day more than UTC's is admitted, for the places east of it.
fn check_passe(event: &Event, at: Recording) -> Result<(), Refusal> {
    let last = Horodatage::from_unix_ms(at.recorded_at_ms.saturating_add(DAY_MS)).jour_utc();
    let check = |jour: Jour, field: &str| {
        if jour <= last {
            return Ok(());
        }
        Err(Refusal::new(Code::DateFuture, format!("{jour} has not come yet")).at(field))
    };
    match &event.data {
        Data::ActeTransmis(_) => match &event.dossier {
            DossierId::Acte(id) => check(Jour(id.date), "subject"),
            _ => Ok(()),
        },
        Data::ActeAccuseReception(data) => check(data.date_reception, "data.date_reception"),
        Data::ActeAnomalie(data) => check(data.date, "data.date"),
        Data::ActePublie(data) => check(data.date, "data.date"),
        Data::ActeAnnulationAcquittee(data) => check(data.date_reception, "data.date_reception"),
        Data::ActeCourrierSimple(data) => check(data.date, "data.date"),
        Data::ActeDemandePieces(data) => check(data.date, "data.date"),
        Data::ActeLettreObservations(data) => check(data.date, "data.date"),
        Data::ActeReponseCourrierSimple(data) => check(data.courrier, "data.courrier"),
        Data::ActeRefusPieces(data) => check(data.courrier, "data.courrier"),
        Data::ActePiecesComplementaires(data) => check(data.courrier, "data.courrier"),
        Data::ActeRejetLettreObservations(data) => check(data.courrier, "data.courrier"),
        Data::ActeReponseLettreObservations(data) => check(data.courrier, "data.courrier"),
        Data::ActeAccuseDemandePieces(data) => {
            check(data.courrier, "data.courrier")?;
            data.date_reception.map_or(Ok(()), |jour| check(jour, "data.date_reception"))
        }
        Data::ActeAccuseLettreObservations(data) => {
            check(data.courrier, "data.courrier")?;
            data.date_reception.map_or(Ok(()), |jour| check(jour, "data.date_reception"))
        }
        Data::ActeAccusePieces(data) => check(data.date_reception, "data.date_reception"),
        Data::ActeAccuseReponseObservations(data) => check(data.date_reception, "data.date_reception"),
        Data::ActeDefere(data) => check(data.date_depot, "data.date_depot"),
        _ => Ok(()),
    }
}

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 3_600 * 1_000;
