//! What else is due, beside the déféré: each rule a function, pure, from the facts and the day that is asked about.
//!
//! | rule | source |
//! |---|---|
//! | individual decisions and contracts are transmitted within 15 days of their signature | CGCT L2131-1, L2131-2 |
//! | a suspension asked for within 10 days of reception, of acts of urbanism, contracts and delegations of public service, suspends at once | CGCT L2131-6 |
//! | and lapses one month after reception if the judge has not ruled: executory again | CGCT L2131-6 |
//! | a suspension asked for with a déféré is ruled within one month | CGCT L2131-6 |
//! | within 48 hours where a public or individual freedom, or the neutrality of public services, is at stake | CGCT L2131-6 |
//! | a budget that is not balanced: the regional chamber of accounts is seised within 30 days of transmission | CGCT L1612-5 |
//! | an act that nobody answers for 30 days | practice of S²LOW, no law |
//!
//! Facts that only people know (whether a suspension was asked for, whether a budget is balanced) are a [`Condition`], never guessed.

use greffe_events::horodatage::Jour;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;

use super::calendrier::mois_de;
use super::executoire::{CONTRAT, INDIVIDUEL};
use super::plage::{Incertitude, Plage};
use super::{Faits, Genre};

/// Days to transmit an individual decision or a contract (CGCT L2131-1, L2131-2).
pub const TRANSMISSION_JOURS: i64 = 15;

/// Days to ask for a suspension that takes effect at once (CGCT L2131-6).
pub const SUSPENSION_JOURS: i64 = 10;

/// Months after which such a suspension lapses, and in which a suspension asked for with a déféré is ruled (CGCT L2131-6).
pub const SUSPENSION_MOIS: i32 = 1;

/// Days, 48 hours, to rule on a suspension for a freedom or neutrality (CGCT L2131-6).
pub const LIBERTES_JOURS: i64 = 2;

/// Days to seise the regional chamber of accounts (CGCT L1612-5).
pub const BUDGET_JOURS: i64 = 30;

/// Days without an answer after which S²LOW gives an act up.
pub const SILENCE_JOURS: i64 = 30;

/// Something due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Echeance {
    /// Which rule.
    pub regle: Regle,
    /// Its text.
    pub source: &'static str,
    /// Whether that the rule applies here is our inference.
    pub inference: bool,
    /// Last day, counted shortest.
    pub au_plus_tot: Jour,
    /// Last day, counted longest.
    pub au_plus_tard: Jour,
    /// Why the two differ.
    pub incertitudes: Vec<Incertitude>,
    /// What must hold for the rule to apply, and the facts do not say.
    pub condition: Option<Condition>,
    /// Where it stands.
    pub etat: EtatEcheance,
    /// Days late, or days left until `au_plus_tot`; none once it was kept, or the day has passed and nothing tells.
    pub jours: Option<u32>,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Regle {
    /// To transmit an individual decision or a contract.
    TransmissionQuinzeJours,
    /// To ask for a suspension that takes effect at once.
    SuspensionDixJours,
    /// That suspension lapses: the act is executory again from this day.
    FinDeSuspension,
    /// To rule on the suspension asked for with the déféré.
    SuspensionJugee,
    /// To rule on a suspension for a freedom or neutrality.
    QuaranteHuitHeures,
    /// To seise the regional chamber of accounts of a budget.
    SaisineChambreComptes,
    /// The prefecture answers a transmission.
    ReponseDeLaPrefecture,
}

/// What only people know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The act is one of those to transmit.
    SoumisATransmission,
    /// The prefect asked for the suspension.
    SuspensionDemandee,
    /// The prefect asked for it, for a freedom or the neutrality of public services; hours are not in the facts.
    LiberteOuNeutralite,
    /// The budget is not balanced.
    BudgetDesequilibre,
}

/// Where something due stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EtatEcheance {
    /// Done in time.
    Tenue,
    /// Done, or still to do, too late: `jours` days.
    EnRetard,
    /// Still to come: in `jours` days.
    ACourir,
    /// The day has passed; the facts do not say what was done.
    Passee,
}

const DEFERE: &str = "CGCT L2131-6";

/// All that is or was due for an act; what is over because the act was cancelled is left out.
pub fn echeances(faits: &Faits<'_>, au_jour: Date) -> Vec<Echeance> {
    if faits.annule {
        return Vec::new();
    }
    [
        transmission_quinze_jours(faits, au_jour),
        reponse_de_la_prefecture(faits, au_jour),
        suspension_dix_jours(faits, au_jour),
        fin_de_suspension(faits, au_jour),
        saisine_chambre_comptes(faits, au_jour),
        suspension_jugee(faits, au_jour),
        quarante_huit_heures(faits, au_jour),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Transmission of an individual decision or a contract within 15 days of its signature (CGCT L2131-1, L2131-2), counted from the date of
/// the decision. The transmission is recorded here, or happened at the latest when the prefecture received it.
pub fn transmission_quinze_jours(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    if !matches!(faits.nature, INDIVIDUEL | CONTRAT) {
        return None;
    }
    let last = Plage::sur(jours_apres(faits.decide_le?, TRANSMISSION_JOURS));
    let done = [faits.transmis_le, faits.recu_le()].into_iter().flatten().min();
    let condition = done.is_none().then_some(Condition::SoumisATransmission);
    Some(Echeance { condition, ..due(Regle::TransmissionQuinzeJours, "CGCT L2131-1, L2131-2", last, done, au_jour) })
}

/// An answer of the prefecture, acknowledgement or rejection, within 30 days of transmission: S²LOW's practice, after which an act
/// is taken for lost.
pub fn reponse_de_la_prefecture(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    let transmis_le = faits.transmis_le?;
    let rejected = faits.rejete.then(|| faits.etapes.iter().filter(|etape| etape.genre == Genre::Anomalie));
    let rejected = rejected.and_then(|etapes| etapes.map(|etape| etape.date).max());
    let last = Plage::sur(jours_apres(transmis_le, SILENCE_JOURS));
    let done = faits.recu_le().or(rejected);
    Some(due(Regle::ReponseDeLaPrefecture, "usage de S²LOW", last, done, au_jour))
}

/// A suspension of an act of urbanism (2), of a public contract or a delegation of public service (1.1, 1.2) may be asked for within 10 days
/// of reception, and takes effect at once (CGCT L2131-6).
pub fn suspension_dix_jours(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    let recu_le = suspendable(faits)?;
    let plain = jours_apres(recu_le, SUSPENSION_JOURS);
    let franc = faits.calendrier.ouvrable(jours_apres(plain, 1));
    let last = Plage::new(plain, franc.tard, [Incertitude::FrancDiscute]);
    Some(due(Regle::SuspensionDixJours, DEFERE, last, None, au_jour))
}

/// A suspension asked for within those 10 days lapses one month after reception if the judge has not ruled: from that day the act is
/// executory again (CGCT L2131-6).
pub fn fin_de_suspension(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    let last = mois_de(suspendable(faits)?, SUSPENSION_MOIS);
    let condition = Some(Condition::SuspensionDemandee);
    Some(Echeance { condition, ..due(Regle::FinDeSuspension, DEFERE, last, None, au_jour) })
}

/// A suspension asked for with the déféré is ruled within one month of it (CGCT L2131-6).
pub fn suspension_jugee(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    let last = mois_de(faits.premiere(Genre::Defere)?, SUSPENSION_MOIS);
    let condition = Some(Condition::SuspensionDemandee);
    Some(Echeance { condition, ..due(Regle::SuspensionJugee, DEFERE, last, None, au_jour) })
}

/// Where a public or individual freedom, or the neutrality of public services, is at stake, it is ruled within 48 hours (CGCT L2131-6): two
/// days, since the facts hold no hour.
pub fn quarante_huit_heures(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    let last = Plage::sur(jours_apres(faits.premiere(Genre::Defere)?, LIBERTES_JOURS));
    let condition = Some(Condition::LiberteOuNeutralite);
    Some(Echeance { condition, ..due(Regle::QuaranteHuitHeures, DEFERE, last, None, au_jour) })
}

/// Budgets have their own control: of one that is not balanced the regional chamber of accounts is seised within 30 days of its transmission
/// (CGCT L1612-5). That an act of nature BF or of matter 7.1 is a budget is inferred, and so is counting from its reception.
pub fn saisine_chambre_comptes(faits: &Faits<'_>, au_jour: Date) -> Option<Echeance> {
    const BUDGET: &str = "BF";
    const DECISIONS_BUDGETAIRES: (u8, u8) = (7, 1);
    if faits.nature != BUDGET && faits.matiere() != Some(DECISIONS_BUDGETAIRES) {
        return None;
    }
    let last = Plage::sur(jours_apres(faits.recu_le()?, BUDGET_JOURS));
    let condition = Some(Condition::BudgetDesequilibre);
    let due = due(Regle::SaisineChambreComptes, "CGCT L1612-5", last, None, au_jour);
    Some(Echeance { condition, inference: true, ..due })
}

/// First day on which nothing can come any more (« délai purgé »): the day after `au_plus_tard`.
pub fn purge_le(defere: &super::Defere) -> Option<Jour> {
    defere.au_plus_tard.map(|Jour(last)| Jour(jours_apres(last, 1)))
}

/// Reception of an act that a request within 10 days suspends at once: urbanism, public contracts, delegations of public service.
fn suspendable(faits: &Faits<'_>) -> Option<Date> {
    let is_of_those = matches!(faits.matiere()?, (2, _) | (1, 1 | 2));
    faits.recu_le().filter(|_| is_of_those)
}

fn jours_apres(jour: Date, jours: i64) -> Date {
    jour.saturating_add(jours.days())
}

/// What is due until `last`, done on that day or not.
fn due(regle: Regle, source: &'static str, last: Plage, done: Option<Date>, au_jour: Date) -> Echeance {
    let is_told = matches!(regle, Regle::TransmissionQuinzeJours | Regle::ReponseDeLaPrefecture);
    let days = |from: Date, to: Date| from.until(to).ok().and_then(|span| u32::try_from(span.get_days()).ok());
    let (etat, jours) = match done {
        Some(done) if done <= last.tard => (EtatEcheance::Tenue, None),
        Some(done) => (EtatEcheance::EnRetard, days(last.tard, done)),
        None if au_jour <= last.tard => (EtatEcheance::ACourir, days(au_jour, last.tot).or(Some(0))),
        None if is_told => (EtatEcheance::EnRetard, days(last.tard, au_jour)),
        None => (EtatEcheance::Passee, None),
    };
    Echeance {
        regle,
        source,
        inference: false,
        au_plus_tot: Jour(last.tot),
        au_plus_tard: Jour(last.tard),
        incertitudes: last.raisons.into_iter().collect(),
        condition: None,
        etat,
        jours,
    }
}
