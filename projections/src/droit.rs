//! The law of legality control: since when an act is executory, until when the prefect can refer it to the administrative court
//! (déféré) and what moved that day, what else is due. Pure: from the facts of the act, the calendar of its place and the day
//! that is asked about. Nothing of it is ever stored.
//!
//! | rule | source | here |
//! |---|---|---|
//! | executory = published, or notified where it concerns a person, **and** transmitted where it is of those to transmit; the AR proves it, it is no condition | CGCT L2131-1, L2131-2 (and L2131-3 until 30/6/2022) | [`executoire()`] |
//! | déféré within two months of reception | CGCT L2131-6 | [`defere()`] |
//! | the delay is *franc*; a last day on a Saturday, Sunday or public holiday moves to the next working day | CE 5/6/2009 n°312682; CE 15/12/2023 n°472836 | [`calendrier`] |
//! | documents asked for (3-1) within two months of reception: two months anew from reception of the complete documents (3-5), or from refusal, explicit (3-3) or of two months' silence | CE 13/1/1988 n°68166 | `courriers` |
//! | a request for explanations (2-1) does not extend | CE 15/5/2013 n°357031 | [`defere()`] |
//! | observations (4-1) within the delay are a recours gracieux: two months anew from refusal, explicit (4-3) or of two months' silence | CE 18/4/1986 n°62470 | `courriers` |
//! | they may follow a request for documents | CE 4/11/1996 n°114956 | [`defere()`] |
//! | only the first extends | TA Versailles 6/12/1988 (Lebon T.); domain page | [`defere()`] |
//! | a letter counts from its arrival | CE 31/3/2017 n°396909 | `courriers` |
//! | silence is not franc, nor moved to a working day | domain page: received on 5/1, refused on 5/3, last day 6/5 | [`calendrier`] |
//! | an explicit refusal after silence, before the delay has run out, makes it run anew | CJA R421-2; of a déféré no ruling says so | `courriers` |
//! | urbanism authorisations decided since 28/11/2025: a recours gracieux does not extend | C. urb. L600-12-2 (law 2025-1129); whether it binds the prefect is unsettled | [`defere()`] |
//! | transmission in 15 days, suspensions, budgets, silence | [`echeances()`] | [`echeances()`] |
//!
//! Where the law or the facts leave a point open, two days are given and the reason is named ([`Incertitude`]): `au_plus_tot` is what to
//! sort on so as not to miss it, `au_plus_tard` what to wait for before a delay is *purgé*. Of a letter it is taken as said that
//! its documents were needed (whether they were is the court's to judge: a request that was useless extends nothing), and
//! of one delivery that the prefecture acknowledged, that it was complete.

pub mod calendrier;
mod courriers;
mod defere;
pub mod echeances;
mod executoire;
mod jugement;
mod phrases;
mod plage;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::Serialize;

pub use calendrier::Calendrier;
pub use defere::{
    DansLeDelai, Defere, Depot, ETAPES_MAX, Effet, EtatDefere, Ligne, Quoi, SansEffet, Silence, defere,
    defere_sans_etapes,
};
pub use echeances::{Condition, Echeance, EtatEcheance, Regle, echeances};
pub use executoire::{Executoire, Motif, executoire};
pub use plage::Incertitude;

/// The facts of an act that count.
#[derive(Debug, Clone)]
pub struct Faits<'a> {
    /// Of its place.
    pub calendrier: &'a Calendrier,
    /// Two letters.
    pub nature: &'a str,
    /// Subject matter, `2.2`; none for an act that was never transmitted.
    pub matiere: Option<&'a str>,
    /// Date of the decision, which stands for that of its signature.
    pub decide_le: Option<Date>,
    /// Day on which its transmission was recorded, the last time; none if it never was.
    pub transmis_le: Option<Date>,
    /// The last transmission was rejected.
    pub rejete: bool,
    /// Cancelled.
    pub annule: bool,
    /// What was said of it, in any order.
    pub etapes: &'a [Etape],
}

/// A message about an act, a publication or a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etape {
    /// Whatever the caller finds it by: the index of its leaf.
    pub feuille: u64,
    /// What it is.
    pub genre: Genre,
    /// The day that it bears: for an acknowledgement (1-2, 3-2, 3-5, 4-2, 4-5, 6-2) the day of reception that it states, for a déféré
    /// that of its deposit, for anything else its own date. That of its recording where it has none.
    pub date: Date,
    /// Civil day, of the place, by which it had certainly been sent and received: that of its recording, or an earlier one that is known.
    pub enregistre_le: Date,
    /// Date of the letter of the prefecture that it answers or acknowledges (ACTES `DateCourrierPref`).
    pub courrier: Option<Date>,
    /// A constat of a file, not its author's own word. Only receptions are judged by it: the prefecture's own word comes first.
    pub constat: bool,
}

impl Etape {
    /// First day on which it can have been sent.
    fn envoi(&self) -> Date {
        self.date.min(self.enregistre_le)
    }
}

/// What a message is, by its code in ACTES, or what else is said of an act. In the order in which they happen on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Genre {
    /// Acknowledgement of the act (1-2).
    Reception,
    /// Rejection of its transmission (1-3).
    Anomalie,
    /// The prefecture asks for explanations (2-1).
    CourrierSimple,
    /// It is answered (2-2).
    CourrierSimpleRepondu,
    /// The prefecture asks for documents (3-1).
    DemandePieces,
    /// The member acknowledges that (3-2).
    DemandePiecesAcquittee,
    /// The member refuses them (3-3).
    PiecesRefusees,
    /// The member sends them (3-4).
    PiecesTransmises,
    /// The prefecture acknowledges them (3-5).
    PiecesAcquittees,
    /// Observations of the prefecture, which ask to withdraw or change the act (4-1).
    Observations,
    /// The member acknowledges them (4-2).
    ObservationsAcquittees,
    /// The member rejects them (4-3).
    ObservationsRejetees,
    /// The member answers them (4-4).
    ObservationsRepondues,
    /// The prefecture acknowledges the rejection or the answer (4-5).
    ReponseObservationsAcquittee,
    /// The prefect refers the act to the court (5-1).
    Defere,
    /// The member asks to cancel the act (6-1).
    AnnulationDemandee,
    /// The prefecture acknowledges that (6-2).
    AnnulationAcquittee,
    /// Published.
    Publication,
    /// Notified.
    Notification,
}

impl Genre {
    /// Its code in ACTES; none for publications and notifications, which are no messages.
    pub fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Reception => "1-2",
            Self::Anomalie => "1-3",
            Self::CourrierSimple => "2-1",
            Self::CourrierSimpleRepondu => "2-2",
            Self::DemandePieces => "3-1",
            Self::DemandePiecesAcquittee => "3-2",
            Self::PiecesRefusees => "3-3",
            Self::PiecesTransmises => "3-4",
            Self::PiecesAcquittees => "3-5",
            Self::Observations => "4-1",
            Self::ObservationsAcquittees => "4-2",
            Self::ObservationsRejetees => "4-3",
            Self::ObservationsRepondues => "4-4",
            Self::ReponseObservationsAcquittee => "4-5",
            Self::Defere => "5-1",
            Self::AnnulationDemandee => "6-1",
            Self::AnnulationAcquittee => "6-2",
            Self::Publication | Self::Notification => return None,
        })
    }
}

impl Faits<'_> {
    /// First day on which something of that kind happened.
    fn premiere(&self, genre: Genre) -> Option<Date> {
        self.etapes.iter().filter(|etape| etape.genre == genre).map(|etape| etape.date).min()
    }

    /// Acknowledgements that say when the prefecture received the act: its own word, or constats where there is none.
    fn receptions(&self) -> impl Iterator<Item = &Etape> {
        let of_kind = |etape: &&Etape| etape.genre == Genre::Reception;
        let has_own = self.etapes.iter().filter(of_kind).any(|etape| !etape.constat);
        self.etapes.iter().filter(of_kind).filter(move |etape| etape.constat != has_own)
    }

    /// First day on which the prefecture says that it received the act.
    fn recu_le(&self) -> Option<Date> {
        self.receptions().map(|etape| etape.date).min()
    }

    /// First and second level of the subject matter.
    fn matiere(&self) -> Option<(u8, u8)> {
        let mut levels = self.matiere?.split('.').map(str::parse);
        Some((levels.next()?.ok()?, levels.next()?.ok()?))
    }
}
