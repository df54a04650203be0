//! What an answer means for a subscription. Pure: the clock and chance are arguments.
//!
//! | answer | the message | the subscription |
//! |---|---|---|
//! | 2xx | delivered | goes on |
//! | 410 | stays | suspended (`parti`) |
//! | anything else, or none | tried again after the next wait, or after `Retry-After` if that is longer | waits |
//! | the same, the last wait being over | a dead letter | goes on |
//! | that, nothing having succeeded for [`super::SUSPENSION_APRES`] | stays | suspended (`sans-reponse`) |

use std::time::Duration;

use super::Options;
use super::abonnement::{Arret, Echec, Etat, Mort, Motif};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reponse {
    /// Answered 2xx.
    Livre,
    /// Anything else.
    Echec {
        /// Why.
        motif: Motif,
        /// What was answered.
        statut: Option<u16>,
        /// The wait that was asked for.
        retry_after: Option<Duration>,
    },
}

/// The status that ends a subscription (Standard Webhooks, RFC 9110 §15.5.11).
pub const GONE: u16 = 410;

/// Most that chance adds to a wait, as its inverse: those that failed together come back apart.
const GIGUE: u32 = 10;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where a subscription is after this answer to the message of the leaf `index`, and what is given up. `alea` is chance, 0 to 255.
pub fn apres(
    etat: &Etat,
    index: u64,
    reponse: Reponse,
    now_ms: u64,
    alea: u8,
    options: &Options,
) -> (Etat, Option<Mort>) {
    let (motif, statut, retry_after) = match reponse {
        Reponse::Livre => {
            let livre = Etat { position: index + 1, livres: etat.livres + 1, ..Etat::default() };
            return (Etat { derniere_livraison_ms: Some(now_ms), dernier_echec: etat.dernier_echec, ..livre }, None);
        }
        Reponse::Echec { motif, statut, retry_after } => (motif, statut, retry_after),
    };
    // Another leaf than the one that was tried before: that one is not for this reader any more.
    let before = if etat.position == index { etat.tentatives } else { 0 };
    let echec = Echec { le_ms: now_ms, motif, statut };
    let since = etat.en_echec_depuis_ms.unwrap_or(now_ms);
    let failed = Etat {
        position: index,
        tentatives: before + 1,
        prochaine_ms: None,
        en_echec_depuis_ms: Some(since),
        dernier_echec: Some(echec),
        ..etat.clone()
    };
    if statut == Some(GONE) {
        return (Etat { arret: Some(Arret::Parti), ..failed }, None);
    }
    let Some(wait) = options.delais.get(before as usize) else {
        if now_ms.saturating_sub(since) >= millis(options.suspension) {
            return (Etat { arret: Some(Arret::SansReponse), ..failed }, None);
        }
        let mort = Mort { index, tentatives: failed.tentatives, echec, renvoi: false };
        return (Etat { position: index + 1, tentatives: 0, ..failed }, Some(mort));
    };
    let jittered = *wait + *wait / GIGUE * u32::from(alea) / 255;
    let asked = retry_after.unwrap_or_default().min(options.retry_after);
    let prochaine_ms = now_ms.saturating_add(millis(jittered.max(asked)));
    (Etat { prochaine_ms: Some(prochaine_ms), ..failed }, None)
}

/// Where a subscription is once it is resumed: it tries at once, and its patience begins anew.
pub fn repris(etat: &Etat) -> Etat {
    Etat { tentatives: 0, prochaine_ms: None, arret: None, en_echec_depuis_ms: None, ..etat.clone() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ECHEC: Reponse = Reponse::Echec { motif: Motif::Statut, statut: Some(500), retry_after: None };

    fn fail(etat: &Etat, now_ms: u64) -> (Etat, Option<Mort>) {
        apres(etat, 41, ECHEC, now_ms, 0, &Options::default())
    }

    #[test]
    fn a_message_is_tried_ten_times_within_some_76_hours_and_then_given_up() {
        let (mut etat, mut now_ms, mut times) = (Etat { position: 41, ..Etat::default() }, 1_000, Vec::new());
        loop {
            let (next, mort) = fail(&etat, now_ms);
            if let Some(mort) = mort {
                assert_eq!((mort.index, mort.tentatives, next.position, next.tentatives), (41, 10, 42, 0));
                assert_eq!((next.arret, next.en_echec_depuis_ms), (None, Some(1_000)), "its patience goes on");
                break;
            }
            now_ms = next.prochaine_ms.unwrap();
            times.push((now_ms - 1_000) / 1_000);
            etat = next;
        }
        // The table of Standard Webhooks 1.0.0, in seconds.
        assert_eq!(times, [5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105]);
    }

    #[test]
    fn chance_adds_a_tenth_at_most_and_retry_after_a_day() {
        let etat = Etat { position: 41, tentatives: 1, ..Etat::default() };
        let wait = |alea, retry_after_s: Option<u64>| {
            let reponse = Reponse::Echec {
                motif: Motif::Statut,
                statut: Some(503),
                retry_after: retry_after_s.map(Duration::from_secs),
            };
            apres(&etat, 41, reponse, 0, alea, &Options::default()).0.prochaine_ms.unwrap() / 1_000
        };
        assert_eq!((wait(0, None), wait(255, None)), (300, 330));
        assert_eq!((wait(0, Some(10)), wait(0, Some(3_600)), wait(0, Some(u64::MAX))), (300, 3_600, 86_400));
    }

    #[test]
    fn what_fails_for_days_is_suspended_and_what_is_gone_at_once() {
        let since = Some(0);
        let etat = Etat { position: 41, tentatives: 9, en_echec_depuis_ms: since, ..Etat::default() };
        let (suspended, mort) = fail(&etat, millis(super::super::SUSPENSION_APRES));
        assert_eq!((suspended.arret, mort), (Some(Arret::SansReponse), None));
        assert_eq!(suspended.position, 41, "nothing is lost by it");
        // A first failure after days without anything to say has all its attempts.
        let (tried, _) = fail(&Etat { tentatives: 0, ..etat }, millis(super::super::SUSPENSION_APRES) * 2);
        assert_eq!((tried.arret, tried.tentatives), (None, 1));
        let gone = Reponse::Echec { motif: Motif::Statut, statut: Some(410), retry_after: None };
        let (gone, mort) = apres(&Etat { position: 41, ..Etat::default() }, 41, gone, 5, 0, &Options::default());
        assert_eq!((gone.arret, gone.position, mort), (Some(Arret::Parti), 41, None));
        let again = repris(&gone);
        assert_eq!((again.arret, again.position, again.tentatives, again.prochaine_ms), (None, 41, 0, None));
    }

    #[test]
    fn a_delivery_ends_the_failure_and_a_leaf_passed_over_its_count() {
        let etat = Etat { position: 41, tentatives: 3, en_echec_depuis_ms: Some(1), livres: 6, ..Etat::default() };
        let (livre, _) = apres(&etat, 44, Reponse::Livre, 9, 0, &Options::default());
        let expected = Etat { position: 45, livres: 7, derniere_livraison_ms: Some(9), ..Etat::default() };
        assert_eq!(livre, expected);
        let (other, _) = apres(&etat, 44, ECHEC, 9, 0, &Options::default());
        assert_eq!((other.position, other.tentatives, other.en_echec_depuis_ms), (44, 1, Some(1)));
    }
}
