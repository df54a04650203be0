//! Periods: closed on both sides by the organisation's own leaves before and after.

use greffe::audit::Verdict;
use greffe::extrait::conteneur::Nom;
use greffe::extrait::declaration::Paroles;
use greffe::extrait::demande::{Borne, Demande};
use greffe_events::leaf::Leaf;
use serde_json::json;

use crate::monde::*;
use crate::support::*;

const JOUR_MS: u64 = 86_400_000;

/// Where the commune's own leaves are in the log.
fn siennes(monde: &Monde) -> Vec<u64> {
    let leaves = monde.feuilles();
    (0..).zip(&leaves).filter(|(_, (_, event))| event.source.to_string() == COMMUNE).map(|(index, _)| index).collect()
}

fn indices(du: u64, au: u64) -> Demande {
    let borne = |index: u64| Some(index.to_string().parse().unwrap());
    Demande { du: borne(du), au: borne(au), ..tout(COMMUNE) }
}

#[test]
fn a_period_is_closed_by_the_leaves_before_and_after_it() {
    let monde = Monde::new();
    let own = siennes(&monde);
    let [delegation, first, second, third] = own[..] else { panic!("{own:?}") };
    // (period, leaves before, within, whether one after closes it)
    for (du, au, avant, dedans, is_closed) in [
        (0, third, 0, 4, false),
        (first, second, 1, 2, true),
        (first + 1, second - 1, 2, 0, true),
        (second, third, 2, 2, false),
        (third + 1, third + 1, 4, 0, false),
        (0, delegation - 1, 0, 0, true),
        (10_000, 20_000, 4, 0, false),
    ] {
        let demande = indices(du, au);
        let report = monde.verifie(&monde.extrait(&demande));
        assert_eq!(report.verdict, Verdict::Good, "{du} to {au}: {report}");
        assert_eq!(report.paroles, Paroles { avant, dedans, total: 4 }, "{du} to {au}");
        let is_open = report.not_checked.iter().any(|not| not.code == "last-rank");
        assert_eq!(is_open, !is_closed, "{du} to {au}: {report}");
        let ranks = format!("ranks {avant} to {}, are all", avant + dedans.max(1) - 1);
        assert_eq!(report.to_string().contains(&ranks), dedans > 0, "{report}");
    }
}

#[test]
fn a_leaf_that_closes_a_period_cannot_be_left_out() {
    let monde = Monde::new();
    let own = siennes(&monde);
    let files = fichiers(&monde.extrait(&indices(own[1], own[2])));
    let places = places_de(&files, COMMUNE);
    assert_eq!(places.len(), 4, "two within, one on each side");
    // The node takes care to declare what is left.
    let before = monde.redeclare(&sans(&files, places[0]), |said| said.appui -= 1);
    assert!(codes(&monde.verifie(&before)).contains(&"rank-gap"));
    let after = monde.redeclare(&sans(&files, places[3]), |said| said.appui -= 1);
    assert_eq!(codes(&monde.verifie(&after)), ["extract-contradicted"]);
}

#[test]
fn days_are_those_of_paris_and_a_day_without_leaves_is_said_so() {
    let monde = Monde::new();
    let (last, _) = monde.feuilles().pop().unwrap();
    let day = |days: u64| jour(Leaf::decode(&last).unwrap().recorded_at_ms, days);
    for (du, au, avant, dedans) in [(Some(0), Some(1), 0, 4), (Some(2), Some(3), 4, 0), (None, Some(0), 0, 4)] {
        let (du, au) = (du.map(day), au.map(day));
        let demande = Demande { du, au, ..tout(COMMUNE) };
        let report = monde.verifie(&monde.extrait(&demande));
        assert_eq!(report.verdict, Verdict::Good, "{report}");
        assert_eq!(report.paroles, Paroles { avant, dedans, total: 4 }, "{report}");
    }
}

#[test]
fn without_files_it_says_that_it_has_none() {
    let monde = Monde::new();
    let extrait = monde.extrait(&Demande { pieces: false, ..tout(COMMUNE) });
    let report = monde.verifie(&extrait);
    assert_eq!((report.verdict, report.pieces), (Verdict::Good, None), "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "pieces"));
    assert!(extrait.len() < monde.de(COMMUNE).len());
}

/// The day so many days after that instant, in Paris.
fn jour(ms: u64, days: u64) -> Borne {
    let instant = jiff::Timestamp::from_millisecond(i64::try_from(ms + days * JOUR_MS).unwrap()).unwrap();
    let paris = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    instant.to_zoned(paris).date().to_string().parse().unwrap()
}

#[test]
fn what_others_said_first_in_a_period_of_days_cannot_be_left_out() {
    let monde = Monde::new();
    // Recorded two days from now: the prefecture acknowledges the third act, the commune publishes it.
    let accuse = monde.glisse_plus_tard(&accuse_de(PREFECTURE, COMMUNE, 3), &[12], 2 * JOUR_MS);
    let publie = json!({ "mode": "affichage", "date": "2026-07-18" });
    let publie = event("acte.publie", COMMUNE, &format!("acte/{}", id_de(COMMUNE, 3)), publie);
    monde.glisse_plus_tard(&publie, &[10], 2 * JOUR_MS);
    let (leaf, _) = &monde.feuilles()[usize::try_from(accuse).unwrap()];
    let du = Some(jour(Leaf::decode(leaf).unwrap().recorded_at_ms, 0));
    let extrait = monde.extrait(&Demande { du, ..tout(COMMUNE) });
    let report = monde.verifie(&extrait);
    assert_eq!(codes(&report), Vec::<&str>::new(), "{report}");
    assert_eq!((report.paroles.dedans, report.dossiers), (1, 1), "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "days"), "{report}");
    let files = fichiers(&extrait);
    assert_eq!(declaration(&files, &monde.vkey).periode.debut, accuse);
    let first = files.iter().position(|file| file.nom == Nom::Feuille(accuse)).unwrap();
    let report = monde.verifie(&monde.redeclare(&sans(&files, first), |said| said.dossiers -= 1));
    assert_eq!(codes(&report), ["dossier-gap"], "{report}");
}
