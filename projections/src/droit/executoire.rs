//! Since when an act is executory, and why (CGCT L2131-1 to L2131-3).

use greffe_events::horodatage::Jour;
use serde::Serialize;

use super::{Faits, Genre};

/// Whether an act is executory. A suspension by the court is not known here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Executoire {
    /// Since which day; none where it is not.
    pub le: Option<Jour>,
    /// Why, or why not.
    pub motif: Motif,
    /// Whether the prefecture's acknowledgement proves the transmission.
    pub prouve: bool,
}

/// Why an act is executory, or is not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Motif {
    /// Published and transmitted.
    PublieEtTransmis,
    /// Notified and transmitted.
    NotifieEtTransmis,
    /// Published; nothing here says that it had to be transmitted.
    PublieSansTransmission,
    /// Nothing says that it was published.
    #[default]
    NonPublie,
    /// It concerns a person and nothing says that it was notified.
    NonNotifie,
    /// Its transmission was rejected.
    TransmissionRejetee,
    /// It was cancelled.
    Annule,
}

/// Individual decisions are executory on notification, contracts on either (CGCT L2131-1).
pub(super) const INDIVIDUEL: &str = "AI";
pub(super) const CONTRAT: &str = "CC";

/// Whether the act is executory, since when, and why.
pub fn executoire(faits: &Faits<'_>) -> Executoire {
    let is_not = |motif| Executoire { le: None, motif, prouve: false };
    if faits.annule {
        return is_not(Motif::Annule);
    }
    let (publie_le, notifie_le) = (faits.premiere(Genre::Publication), faits.premiere(Genre::Notification));
    let (known_le, known, missing) = match faits.nature {
        INDIVIDUEL => (notifie_le, Motif::NotifieEtTransmis, Motif::NonNotifie),
        CONTRAT if publie_le.is_none() => (notifie_le, Motif::NotifieEtTransmis, Motif::NonNotifie),
        _ => (publie_le, Motif::PublieEtTransmis, Motif::NonPublie),
    };
    let Some(known_le) = known_le else { return is_not(missing) };
    if faits.rejete {
        return is_not(Motif::TransmissionRejetee);
    }
    let recu_le = faits.recu_le();
    let (le, motif) = match recu_le.or(faits.transmis_le) {
        Some(transmis_le) => (known_le.max(transmis_le), known),
        None => (known_le, Motif::PublieSansTransmission),
    };
    Executoire { le: Some(Jour(le)), motif, prouve: recu_le.is_some() }
}
