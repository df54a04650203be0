//! A flow: transmitted, acknowledged piece by piece, returned.
//!
//! Acquits and returns come in any number and order. What they say of one bordereau is joined, so that the state is the same
//! whatever the order: accepted, rejected, or both. A flow that was rejected as a whole may be sent again under its name.
//! A return that answers no single flow opens a dossier of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compte;
use crate::catalogue::flux::{BORDEREAUX_MAX, ResultatAcquit, Sens};
use crate::catalogue::{Data, FluxAcquitte};
use crate::event::Event;
use crate::ident::Organisation;
use crate::refusal::{Code, Refusal};

/// What acquits say of something, joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acquit {
    /// Accepted.
    Accepte,
    /// Rejected.
    Rejete,
    /// One says accepted, another rejected.
    Contradictoire,
}

impl Acquit {
    fn of(accepte: bool) -> Self {
        if accepte { Self::Accepte } else { Self::Rejete }
    }

    fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Contradictoire }
    }
}

/// What the events of a flow say together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flux {
    /// How often it was transmitted.
    pub transmissions: u32,
    /// The accountant that its owner named.
    pub comptable: Option<Organisation>,
    /// What its acquits say as a whole, joined: where they differ, in part.
    pub resultat: Option<ResultatAcquit>,
    /// What they say of each bordereau, by `sens-exercice-numero`; at most as many as a flow lists.
    pub bordereaux: BTreeMap<String, Acquit>,
    /// Whether any pièce justificative is rejected.
    pub justificatifs_rejetes: bool,
    /// How many acquits came.
    pub acquits: u32,
    /// How many returns came.
    pub retours: u32,
}

impl Flux {
    pub(super) fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let mut flux = before.cloned().unwrap_or_default();
        match &event.data {
            Data::FluxTransmis(data) => {
                if flux.transmissions > 0 && flux.resultat != Some(ResultatAcquit::Rejete) {
                    let detail = format!("{} was transmitted already", event.subject);
                    return Err(Refusal::new(Code::FluxDejaTransmis, detail).at("subject"));
                }
                let transmissions = flux.transmissions;
                flux =
                    Self { transmissions, comptable: data.comptable.clone(), retours: flux.retours, ..Self::default() };
                compte(&mut flux.transmissions);
            }
            Data::FluxAcquitte(data) => {
                flux.check_transmis(event)?;
                flux.check_comptable(event)?;
                flux.acquitte(data);
            }
            Data::FluxRetour(_) => {
                // A constat may open a dossier of its own; nobody named an accountant in one that was never transmitted.
                if !event.data.is_constat() {
                    flux.check_transmis(event)?;
                }
                flux.check_comptable(event)?;
                compte(&mut flux.retours);
            }
            _ => return Err(super::wrong_family()),
        }
        Ok(flux)
    }

    fn check_transmis(&self, event: &Event) -> Result<(), Refusal> {
        if self.transmissions > 0 {
            return Ok(());
        }
        Err(Refusal::new(Code::FluxInconnu, format!("{} was never transmitted here", event.subject)).at("subject"))
    }

    fn check_comptable(&self, event: &Event) -> Result<(), Refusal> {
        if event.data.is_constat() || self.comptable.as_ref() == Some(&event.source) {
            return Ok(());
        }
        let detail = format!("the owner of {} did not name {} as its accountant", event.subject, event.source);
        Err(Refusal::new(Code::ComptableNonDesigne, detail).at("source"))
    }

    fn acquitte(&mut self, data: &FluxAcquitte) {
        compte(&mut self.acquits);
        self.resultat = match self.resultat {
            Some(known) if known != data.resultat => Some(ResultatAcquit::Partiel),
            _ => Some(data.resultat),
        };
        self.justificatifs_rejetes |= data.justificatifs_rejetes.get() > 0;
        for element in &data.elements {
            let sens = match element.sens {
                Sens::Depense => 'D',
                Sens::Recette => 'R',
            };
            let key = format!("{sens}-{}-{}", element.exercice.get(), element.numero.get());
            let said = Acquit::of(element.accepte);
            if let Some(known) = self.bordereaux.get_mut(&key) {
                *known = known.join(said);
            } else if self.bordereaux.len() < BORDEREAUX_MAX {
                self.bordereaux.insert(key, said);
            }
        }
    }
}
