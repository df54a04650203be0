//! A day known within two bounds, and why it is not one.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;

/// What the law, or the facts at hand, leave open; each makes two dates of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Incertitude {
    /// Counted from a day that the last month does not have (30 or 31 December, 31 July): doctrine takes that month's last day,
    /// the wording of the Conseil d'État the day after.
    QuantiemeAbsent,
    /// The last day is a holiday for some texts or usages of that place only.
    FerieDiscute,
    /// Neither CGCT L2131-6 nor a ruling says whether this delay is *franc*.
    FrancDiscute,
    /// The prefecture acknowledged the act with more than one date.
    ReceptionsDivergentes,
    /// A letter of the prefecture is dated; the day on which the member received it is not acknowledged (3-2, 4-2).
    ReceptionDuCourrier,
    /// The letter was sent within the delay and may have arrived after it; what counts is its arrival (CE 31/3/2017 n°396909).
    ArriveeHorsDelai,
    /// Documents asked for again, after the two months from reception that the ruling speaks of (CE 13/1/1988 n°68166) and within a
    /// delay that an earlier letter opened.
    DemandeApresDeuxMois,
    /// Documents came more than once, or after a refusal: which of them completed the act is not said.
    Completude,
    /// Documents were sent (3-4) and the prefecture did not acknowledge them (3-5).
    ReceptionDesPieces,
    /// A refusal or an answer is dated; the day on which the prefecture received it is not acknowledged (4-5).
    ReceptionDeLaReponse,
    /// An answer (4-4) that may be a refusal, from which two months run, or not, and then silence goes on.
    NatureDeLaReponse,
    /// The answer came after two months' silence had refused: CJA R421-2 lets the delay run again, no ruling says so of a déféré.
    ReponseApresSilence,
    /// Which letter the answer is to can't be told.
    CourrierIndetermine,
    /// The member may still answer: silence has not lasted two months.
    SilenceEnCours,
    /// Urbanism authorisation decided since 28 November 2025: a recours gracieux extends nothing any more (C. urb. L600-12-2);
    /// whether that binds the prefect's observations is unsettled.
    GracieuxUrbanisme,
    /// More messages than are examined ([`super::ETAPES_MAX`]).
    TropDEtapes,
}

impl Incertitude {
    /// For people, in French: follows « au plus tôt et au plus tard diffèrent : ».
    pub fn libelle(self) -> &'static str {
        match self {
            Self::QuantiemeAbsent => "le dernier mois n'a pas ce quantième : dernier jour du mois, ou lendemain",
            Self::FerieDiscute => "le dernier jour n'est férié que selon certains textes ou usages locaux",
            Self::FrancDiscute => "aucun texte ne dit si ce délai est franc",
            Self::ReceptionsDivergentes => "la préfecture a accusé réception à plusieurs dates",
            Self::ReceptionDuCourrier => "la date de réception du courrier par la collectivité n'est pas connue",
            Self::ArriveeHorsDelai => "le courrier, envoyé dans le délai, a pu arriver après son terme",
            Self::DemandeApresDeuxMois => "pièces demandées plus de deux mois après la réception de l'acte",
            Self::Completude => "rien ne dit quelle remise a complété l'acte",
            Self::ReceptionDesPieces => "la réception des pièces n'est pas acquittée",
            Self::ReceptionDeLaReponse => "la réception de la réponse n'est pas acquittée",
            Self::NatureDeLaReponse => "la réponse vaut peut-être refus, ou non",
            Self::ReponseApresSilence => "réponse venue après un refus né du silence",
            Self::CourrierIndetermine => "le courrier auquel il est répondu n'est pas identifié",
            Self::SilenceEnCours => "la collectivité peut encore répondre",
            Self::GracieuxUrbanisme => {
                "autorisation d'urbanisme décidée depuis le 28/11/2025 : un recours gracieux ne proroge plus le délai, \
                 celui du préfet peut-être"
            }
            Self::TropDEtapes => "trop de messages pour être tous examinés",
        }
    }
}

/// Why bounds differ.
pub(super) type Raisons = BTreeSet<Incertitude>;

/// A day between two bounds, `tot` ≤ `tard`; one day where they are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plage {
    pub(super) tot: Date,
    pub(super) tard: Date,
    /// Empty where the bounds are equal.
    pub(super) raisons: Raisons,
}

impl Plage {
    /// That day.
    pub(super) fn sur(jour: Date) -> Self {
        Self::new(jour, jour, [])
    }

    /// Between two days, for these reasons.
    pub(super) fn new(tot: Date, tard: Date, raisons: impl IntoIterator<Item = Incertitude>) -> Self {
        debug_assert!(tot <= tard, "{tot} is after {tard}");
        let raisons = if tot == tard { Raisons::new() } else { raisons.into_iter().collect() };
        Self { tot, tard, raisons }
    }

    /// What a delay that starts in here makes of it: `of` is that delay from one day.
    pub(super) fn puis(&self, of: impl Fn(Date) -> Self) -> Self {
        let (shortest, longest) = (of(self.tot), of(self.tard));
        let raisons = [&self.raisons, &shortest.raisons, &longest.raisons].into_iter().flatten().copied();
        // Where the month is short, a later start may give an earlier bound.
        Self::new(shortest.tot.min(longest.tot), longest.tard.max(shortest.tard), raisons)
    }
}
