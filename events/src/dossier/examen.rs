//! What the prefecture examined of an act that was transmitted.

use serde::{Deserialize, Serialize};

use super::{Acte, Recording};
use crate::catalogue::{Data, SuiteExamen};
use crate::event::Event;
use crate::refusal::{Code, Refusal};

/// The examinations of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examen {
    /// Last leaf that was seen; what came after is unseen.
    pub jusqu_a: u64,
    /// What was concluded last.
    pub suite: SuiteExamen,
}

impl Examen {
    pub(super) fn after(
        before: Option<&Self>,
        event: &Event,
        acte: Option<&Acte>,
        at: Recording,
    ) -> Result<Self, Refusal> {
        let Data::ActeExamine(data) = &event.data else { return Err(super::wrong_family()) };
        if acte.is_none_or(|acte| acte.transmissions == 0) {
            let detail = format!("{} was never transmitted here", event.subject.identifier());
            return Err(Refusal::new(Code::ActeInconnu, detail).at("subject"));
        }
        let jusqu_a = data.jusqu_a.get();
        if jusqu_a >= at.index {
            let detail = format!("leaf {jusqu_a} does not exist yet");
            return Err(Refusal::new(Code::DataInvalid, detail).at("data.jusqu_a"));
        }
        // Two agents may examine one act: what either saw is seen.
        Ok(Self { jusqu_a: before.map_or(jusqu_a, |before| before.jusqu_a.max(jusqu_a)), suite: data.suite })
    }
}
