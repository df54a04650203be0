//! A message that could not be placed: put aside once, then attached to an act, or set aside and perhaps attached after all.

use serde::{Deserialize, Serialize};

use crate::catalogue::Data;
use crate::event::Event;
use crate::refusal::{Code, Refusal};

/// Where the message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantaine {
    /// What became of it.
    pub sort: Sort,
}

/// What becomes of a message that was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// It waits.
    EnAttente,
    /// It was said of an act.
    Rattachee,
    /// Somebody decided that it is of no use.
    Ecartee,
}

impl Quarantaine {
    pub(super) fn after(before: Option<&Self>, event: &Event) -> Result<Self, Refusal> {
        let refuse = |code, detail: String| Err(Refusal::new(code, detail).at("subject"));
        let sort = before.map(|before| before.sort);
        let sort = match (&event.data, sort) {
            (Data::QuarantaineMise(_), None) => Sort::EnAttente,
            (Data::QuarantaineMise(_), Some(_)) => {
                return refuse(Code::QuarantaineDejaMise, format!("{} is put aside already", event.subject));
            }
            (Data::QuarantaineRattachee(_) | Data::QuarantaineEcartee(_), None) => {
                return refuse(Code::QuarantaineInconnue, format!("{} was never put aside", event.subject));
            }
            (Data::QuarantaineRattachee(_), Some(Sort::EnAttente | Sort::Ecartee)) => Sort::Rattachee,
            (Data::QuarantaineEcartee(_), Some(Sort::EnAttente)) => Sort::Ecartee,
            (Data::QuarantaineRattachee(_), Some(Sort::Rattachee))
            | (Data::QuarantaineEcartee(_), Some(Sort::Rattachee | Sort::Ecartee)) => {
                return refuse(Code::QuarantaineReglee, format!("{} found its place already", event.subject));
            }
            _ => return Err(super::wrong_family()),
        };
        Ok(Self { sort })
    }
}
