//! An act: transmitted, then acknowledged by the prefecture itself, by a constat, or by both.

use serde::{Deserialize, Serialize};

use crate::catalogue::ActeAccuseReception;
use crate::horodatage::Jour;
use crate::ident::Subject;
use crate::refusal::{Code, Refusal};

/// An act that was transmitted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acte {
    /// Reception as the prefecture signed it.
    pub accuse_signe: Option<Jour>,
    /// Reception as the collectivité states it from a file.
    pub accuse_constate: Option<Jour>,
}

impl Acte {
    pub(super) fn transmis(before: Option<&Self>, subject: &Subject) -> Result<Self, Refusal> {
        match before {
            None => Ok(Self::default()),
            Some(_) => {
                Err(Refusal::new(Code::ActeDejaTransmis, format!("{subject} was transmitted already")).at("subject"))
            }
        }
    }

    pub(super) fn accuse(
        before: Option<&Self>,
        subject: &Subject,
        data: &ActeAccuseReception,
    ) -> Result<Self, Refusal> {
        let mut acte = before.cloned().ok_or_else(|| {
            Refusal::new(Code::ActeInconnu, format!("{subject} was never transmitted here")).at("subject")
        })?;
        let place = if data.is_constat() { &mut acte.accuse_constate } else { &mut acte.accuse_signe };
        if let Some(known) = place {
            let how = if data.is_constat() { "stated" } else { "signed" };
            let detail = format!("an acknowledgement of {known} is already {how} for {subject}");
            return Err(Refusal::new(Code::AccuseDejaEnregistre, detail).at("subject"));
        }
        *place = Some(data.date_reception);
        Ok(acte)
    }

    /// Day of reception: the prefecture's own word before a constat.
    pub fn date_reception(&self) -> Option<Jour> {
        self.accuse_signe.or(self.accuse_constate)
    }
}
