//! What holds of any act, whatever was said of it.

use jiff::ToSpan as _;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const GENRES: [Genre; 19] = [
    Genre::Reception,
    Genre::Anomalie,
    Genre::CourrierSimple,
    Genre::CourrierSimpleRepondu,
    Genre::DemandePieces,
    Genre::DemandePiecesAcquittee,
    Genre::PiecesRefusees,
    Genre::PiecesTransmises,
    Genre::PiecesAcquittees,
    Genre::Observations,
    Genre::ObservationsAcquittees,
    Genre::ObservationsRejetees,
    Genre::ObservationsRepondues,
    Genre::ReponseObservationsAcquittee,
    Genre::Defere,
    Genre::AnnulationDemandee,
    Genre::AnnulationAcquittee,
    Genre::Publication,
    Genre::Notification,
];

/// A day of the two years around a leap day, both ends of the year included.
fn some_day() -> impl Strategy<Value = Date> {
    (0_i64..730).prop_map(|days| date(2023, 6, 1).saturating_add(days.days()))
}

prop_compose! {
    fn some_etape()(
        genre in prop::sample::select(GENRES.to_vec()),
        date in some_day(),
        later in prop_oneof![Just(0_i64), 0_i64..40, Just(-3_i64)],
        courrier in prop::option::weighted(0.3, some_day()),
        constat in any::<bool>(),
    ) -> Etape {
        Etape { feuille: 0, genre, date, enregistre_le: date.saturating_add(later.days()), courrier, constat }
    }
}

/// What is no déféré, which ends the question, and no second reception; some letters are named by their answers.
fn some_etapes(most: usize) -> impl Strategy<Value = Vec<Etape>> {
    prop::collection::vec(some_etape(), 0..most).prop_map(|mut etapes| {
        let letters: Vec<Date> = etapes
            .iter()
            .filter(|etape| matches!(etape.genre, Genre::DemandePieces | Genre::Observations))
            .map(|etape| etape.date)
            .collect();
        for (at, etape) in etapes.iter_mut().enumerate() {
            etape.feuille = at as u64;
            if let (Some(_), false) = (etape.courrier, letters.is_empty()) {
                etape.courrier = Some(letters[at % letters.len()]);
            }
        }
        etapes
    })
}

fn quietly(etapes: Vec<Etape>) -> Vec<Etape> {
    etapes.into_iter().filter(|etape| !matches!(etape.genre, Genre::Reception | Genre::Defere)).collect()
}

fn cas(departement: &str, matiere: &'static str, etapes: Vec<Etape>) -> Cas {
    let calendrier = Calendrier::du_departement(departement);
    Cas { calendrier, matiere: Some(matiere), decide_le: Some(date(2025, 12, 1)), etapes, ..Cas::jamais_recu() }
}

fn recu(le: Date) -> Etape {
    Etape { feuille: 999, ..etape(Genre::Reception, &le.to_string()) }
}

const PLACES: [&str; 4] = ["045", "067", "972", "978"];
const MATIERES: [&str; 3] = ["7.1", "2.2", "1.1"];

/// Doctrine's last day of a month that is too short comes before what the days before it give: there alone the shortest bound may fall.
fn has_short_month(le: Date) -> bool {
    le.day() > 27
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_earliest_day_is_never_after_the_latest_and_differs_only_for_a_reason(
        etapes in some_etapes(14), place in prop::sample::select(PLACES.to_vec()),
        matiere in prop::sample::select(MATIERES.to_vec()), au_jour in some_day(),
    ) {
        let cas = cas(place, matiere, etapes);
        let found = defere(&cas.faits(), au_jour);
        prop_assert!(found.au_plus_tot <= found.au_plus_tard, "{found}");
        prop_assert_eq!(found.au_plus_tot == found.au_plus_tard, found.incertitudes.is_empty());
        for ligne in &found.etapes {
            prop_assert!(ligne.au_plus_tot <= ligne.au_plus_tard, "{ligne}");
            prop_assert_eq!(ligne.au_plus_tot == ligne.au_plus_tard, ligne.incertitudes.is_empty());
            prop_assert_eq!(ligne.effet == Effet::SansEffet, ligne.raison.is_some());
        }
        let brief = defere_sans_etapes(&cas.faits(), au_jour);
        prop_assert_eq!(&Defere { etapes: found.etapes.clone(), ..brief }, &found);
        // Every step is told, once, by day; and they all have words.
        let told = found.etapes.iter().filter(|ligne| ligne.feuille.is_some()).count();
        prop_assert_eq!(told, cas.etapes.len());
        prop_assert!(found.etapes.is_sorted_by_key(|ligne| ligne.le));
        prop_assert_eq!(found.to_string().lines().count(), found.etapes.len() + 1);
    }

    #[test]
    fn a_later_reception_never_gives_an_earlier_last_day(
        etapes in some_etapes(10), le in some_day(), later in 1_i64..60, au_jour in some_day(),
    ) {
        let etapes = quietly(etapes);
        let of = |le: Date| {
            let cas = cas("045", "7.1", etapes.iter().copied().chain([recu(le)]).collect());
            defere(&cas.faits(), au_jour)
        };
        let (early, late) = (of(le), of(le.saturating_add(later.days())));
        prop_assert!(early.au_plus_tard <= late.au_plus_tard, "{early}\n{late}");
        if !has_short_month(le.saturating_add(later.days())) {
            prop_assert!(early.au_plus_tot <= late.au_plus_tot, "{early}\n{late}");
        }
    }

    #[test]
    fn no_step_brings_the_last_day_before_that_of_the_reception(
        etapes in some_etapes(10), le in some_day(), au_jour in some_day(),
    ) {
        let alone = defere(&cas("045", "2.2", vec![recu(le)]).faits(), au_jour);
        let etapes = quietly(etapes).into_iter().chain([recu(le)]).collect();
        let all = defere(&cas("045", "2.2", etapes).faits(), au_jour);
        prop_assert!(alone.au_plus_tot <= all.au_plus_tot && alone.au_plus_tard <= all.au_plus_tard);
    }

    #[test]
    fn requests_for_explanations_change_nothing(etapes in some_etapes(10), le in some_day(), au_jour in some_day()) {
        let without = cas("045", "7.1", etapes.clone());
        let letter = Etape { feuille: 1_000, ..etape(Genre::CourrierSimple, &le.to_string()) };
        let with = cas("045", "7.1", etapes.into_iter().chain([letter]).collect());
        let (without, with) = (defere(&without.faits(), au_jour), defere(&with.faits(), au_jour));
        let others: Vec<_> = with.etapes.into_iter().filter(|ligne| ligne.feuille != Some(1_000)).collect();
        prop_assert_eq!((without.etat, without.au_plus_tot, without.au_plus_tard, without.incertitudes, without.etapes),
            (with.etat, with.au_plus_tot, with.au_plus_tard, with.incertitudes, others));
    }

    #[test]
    fn the_order_of_the_log_does_not_matter(
        (etapes, shuffled) in some_etapes(12).prop_flat_map(|etapes| (Just(etapes.clone()), Just(etapes).prop_shuffle())),
        au_jour in some_day(),
    ) {
        let of = |etapes: Vec<Etape>| defere(&cas("045", "7.1", etapes).faits(), au_jour);
        let expected = of(etapes);
        prop_assert_eq!(&of(shuffled.clone()), &expected);
        // Nor do the leaves' numbers.
        let renumbered = shuffled.iter().enumerate().map(|(at, etape)| Etape { feuille: at as u64, ..*etape }).collect();
        let found = of(renumbered);
        prop_assert_eq!((found.etat, found.au_plus_tot, found.au_plus_tard, found.incertitudes),
            (expected.etat, expected.au_plus_tot, expected.au_plus_tard, expected.incertitudes));
    }

    #[test]
    fn nothing_is_purged_that_can_still_be_referred(etapes in some_etapes(10), au_jour in some_day()) {
        let cas = cas("045", "2.2", etapes);
        let found = defere(&cas.faits(), au_jour);
        if found.etat == EtatDefere::Purge {
            prop_assert!(found.au_plus_tard.is_some_and(|last| last.0 < au_jour));
        }
        for due in echeances(&cas.faits(), au_jour) {
            prop_assert!(due.au_plus_tot <= due.au_plus_tard);
            prop_assert_eq!(due.au_plus_tot == due.au_plus_tard, due.incertitudes.is_empty());
        }
    }
}
