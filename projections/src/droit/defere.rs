//! Until when the prefect can refer an act to the administrative court (CGCT L2131-6), and every step that moved that day.
//!
//! Messages are judged in the order of the days that they bear, whatever their order in the log. A row of the history shows what
//! was known of the delay on its day; the answer itself, what is known on the day that is asked about.

use greffe_events::horodatage::Jour;
use jiff::civil::Date;
use serde::Serialize;

use super::courriers::Messages;
use super::jugement::{Borne, Dossier};
use super::plage::{Incertitude, Raisons};
use super::{Etape, Faits, Genre};

/// Most messages of one act that are examined; real conversations have some ten. Of an act that has more, the first of them are, and
/// no `au_plus_tard` is given.
pub const ETAPES_MAX: usize = 64;

/// The delay of the déféré, on the day that is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Defere {
    /// Where the question stands.
    pub etat: EtatDefere,
    /// Last day, counted shortest: what to sort on, so as not to miss it. None before reception, and once the question is over.
    pub au_plus_tot: Option<Jour>,
    /// Last day, counted longest: after it nothing can come any more.
    pub au_plus_tard: Option<Jour>,
    /// Why the two differ; empty where they do not.
    pub incertitudes: Vec<Incertitude>,
    /// The referral, once there is one: the first.
    pub depot: Option<Depot>,
    /// Every step, by day: those that moved the delay, and those that did not, with the reason.
    pub etapes: Vec<Ligne>,
}

/// Where the question of the déféré stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EtatDefere {
    /// Nothing says that the prefecture received the act: no delay runs.
    #[default]
    NonRecu,
    /// The transmission was rejected: no delay runs.
    Rejete,
    /// The act can be referred.
    Ouvert,
    /// Past `au_plus_tot`, not past `au_plus_tard`.
    Incertain,
    /// Past `au_plus_tard`: « délai purgé ».
    Purge,
    /// It was referred.
    Defere,
    /// The act was cancelled.
    Annule,
}

/// A déféré.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Depot {
    /// What the caller finds the message by.
    pub feuille: u64,
    /// Day of its deposit at the court.
    pub le: Jour,
    /// Whether it came in time.
    pub dans_le_delai: DansLeDelai,
}

/// Whether a déféré came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DansLeDelai {
    /// Not after `au_plus_tot`.
    Oui,
    /// Between both, or nothing says when the prefecture received the act.
    Incertain,
    /// After `au_plus_tard`.
    Non,
}

/// A step of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Ligne {
    /// What the caller finds the message by; none for what no message says.
    pub feuille: Option<u64>,
    /// The day that it bears.
    pub le: Jour,
    /// What happened.
    pub quoi: Quoi,
    /// What it did to the delay.
    pub effet: Effet,
    /// Why it did nothing, where it did nothing.
    pub raison: Option<SansEffet>,
    /// The text or ruling that says so.
    pub source: Option<&'static str>,
    /// Last day after it, counted shortest.
    pub au_plus_tot: Option<Jour>,
    /// Last day after it, counted longest.
    pub au_plus_tard: Option<Jour>,
    /// Why the two differ.
    pub incertitudes: Vec<Incertitude>,
}

/// What happened: a message, or what the law takes silence for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum Quoi {
    /// A message, a publication, a notification.
    Message(Genre),
    /// Two months' silence, on a request for documents or on observations.
    Silence(Silence),
}

/// What the law takes silence for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// The documents are refused.
    PiecesImplicitementRefusees,
    /// The observations are rejected.
    ObservationsImplicitementRejetees,
}

/// What a step did to the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effet {
    /// Two months run from it.
    Ouvre,
    /// It stops the delay: two months will run from the answer, or from silence.
    Proroge,
    /// It says when a letter or an answer arrived, from which the delay is counted.
    Precise,
    /// It ends the question.
    Clot,
    /// Nothing.
    SansEffet,
}

/// Why a step did nothing to the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SansEffet {
    /// It is none of the steps that the delay depends on.
    EtrangerAuDelai,
    /// Nothing says that the prefecture received the act: no delay runs yet.
    RienNeCourt,
    /// The prefecture's own acknowledgement counts, or an earlier one of the same day.
    DejaRecu,
    /// Explanations were asked for, not documents.
    DemandeExplications,
    /// It came after the delay had run out.
    HorsDelai,
    /// The same letter, said again.
    Repete,
    /// Observations were made before: only the first extend.
    PasLaPremiere,
    /// No letter that extends is known that it would answer.
    SansDemande,
    /// What was asked is decided already, or the delay has run out.
    DejaDecide,
    /// Beyond [`ETAPES_MAX`].
    NonExamine,
}

/// Until when the act can be referred, as it is known on `au_jour`, a civil day of its place, and every step that moved that day.
pub fn defere(faits: &Faits<'_>, au_jour: Date) -> Defere {
    juge(faits, au_jour, true)
}

/// The same without its steps, for those who look at many acts.
pub fn defere_sans_etapes(faits: &Faits<'_>, au_jour: Date) -> Defere {
    juge(faits, au_jour, false)
}

fn juge(faits: &Faits<'_>, au_jour: Date, with_history: bool) -> Defere {
    let mut etapes: Vec<&Etape> = faits.etapes.iter().collect();
    etapes.sort_by_key(|etape| (etape.envoi(), etape.genre, etape.date, etape.feuille));
    let is_judged = |etape: &&Etape| !matches!(etape.genre, Genre::Publication | Genre::Notification);
    let judged: Vec<&Etape> = etapes.iter().copied().filter(is_judged).take(ETAPES_MAX).collect();
    let is_whole = judged.len() == etapes.iter().filter(|etape| is_judged(etape)).count();
    let dossier = Dossier { faits, messages: Messages::new(judged) };
    let now = dossier.juge(dossier.messages.etapes.len(), au_jour);
    let depot = dossier.depot();
    let history = if with_history { dossier.histoire(&now, &etapes, au_jour) } else { Vec::new() };
    let etat = match &now.delai {
        _ if faits.annule => EtatDefere::Annule,
        _ if depot.is_some() => EtatDefere::Defere,
        None if faits.rejete => EtatDefere::Rejete,
        None => EtatDefere::NonRecu,
        Some((shortest, _)) if au_jour <= shortest.le => EtatDefere::Ouvert,
        Some((_, longest)) if is_whole && au_jour > longest.le => EtatDefere::Purge,
        Some(_) => EtatDefere::Incertain,
    };
    let is_over = matches!(etat, EtatDefere::Annule | EtatDefere::Defere);
    let (au_plus_tot, mut au_plus_tard, mut incertitudes) = shown(now.delai.filter(|_| !is_over));
    if au_plus_tard.is_some() && !is_whole {
        au_plus_tard = None;
        incertitudes.push(Incertitude::TropDEtapes);
    }
    Defere { etat, au_plus_tot, au_plus_tard, incertitudes, depot, etapes: history }
}

/// Both days and why they differ.
pub(super) fn shown(delai: Option<(Borne, Borne)>) -> (Option<Jour>, Option<Jour>, Vec<Incertitude>) {
    let Some((shortest, longest)) = delai else { return (None, None, Vec::new()) };
    let raisons = if shortest.le == longest.le { Raisons::new() } else { &shortest.raisons | &longest.raisons };
    (Some(Jour(shortest.le)), Some(Jour(longest.le)), raisons.into_iter().collect())
}
