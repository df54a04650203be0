//! What else is due, and since when an act is executory.

use super::*;
use crate::droit::Genre::*;

#[test]
fn an_act_is_executory_once_it_is_published_and_transmitted() {
    let none = Cas::jamais_recu;
    let sent = || Cas { transmis_le: Some(day("2026-11-20")), ..Cas::jamais_recu() };
    let of = |nature: &'static str, cas: Cas| Cas { nature, ..cas };
    for (cas, le, motif, prouve) in [
        (none(), None, Motif::NonPublie, false),
        (sent(), None, Motif::NonPublie, false),
        (none().dit(Publication, "2026-11-18"), Some("2026-11-18"), Motif::PublieSansTransmission, false),
        (sent().dit(Publication, "2026-11-18"), Some("2026-11-20"), Motif::PublieEtTransmis, false),
        (sent().dit(Publication, "2026-11-25"), Some("2026-11-25"), Motif::PublieEtTransmis, false),
        (
            sent().dit(Publication, "2026-11-25").dit(Publication, "2026-11-18").dit(Reception, "2026-11-21"),
            Some("2026-11-21"),
            Motif::PublieEtTransmis,
            true,
        ),
        (of("AI", sent().dit(Publication, "2026-11-18")), None, Motif::NonNotifie, false),
        (of("AI", sent().dit(Notification, "2026-11-18")), Some("2026-11-20"), Motif::NotifieEtTransmis, false),
        (of("CC", sent().dit(Notification, "2026-11-18")), Some("2026-11-20"), Motif::NotifieEtTransmis, false),
        (of("CC", sent().dit(Publication, "2026-11-18")), Some("2026-11-20"), Motif::PublieEtTransmis, false),
        (sent().dit(Notification, "2026-11-18"), None, Motif::NonPublie, false),
    ] {
        let found = executoire(&cas.faits());
        assert_eq!((found.le.map(|le| le.to_string()).as_deref(), found.motif, found.prouve), (le, motif, prouve));
    }
    let published = sent().dit(Publication, "2026-11-18").dit(Reception, "2026-11-21");
    let rejected = executoire(&Faits { rejete: true, ..published.faits() });
    assert_eq!((rejected.le, rejected.motif), (None, Motif::TransmissionRejetee));
    let cancelled = executoire(&Faits { annule: true, ..published.faits() });
    assert_eq!((cancelled.le, cancelled.motif, cancelled.prouve), (None, Motif::Annule, false));
}

fn due(cas: &Cas, regle: Regle, au_jour: &str) -> Option<Echeance> {
    echeances(&cas.faits(), day(au_jour)).into_iter().find(|due| due.regle == regle)
}

/// CGCT L2131-1 and L2131-2.
#[test]
fn individual_decisions_and_contracts_are_transmitted_within_fifteen_days() {
    let signed = |nature, transmis_le: Option<&str>| Cas {
        nature,
        decide_le: Some(day("2026-03-02")),
        transmis_le: transmis_le.map(day),
        ..Cas::jamais_recu()
    };
    let of = |cas: &Cas| due(cas, Regle::TransmissionQuinzeJours, "2026-03-20").map(|due| (due.etat, due.jours));
    for (nature, transmis_le, expected) in [
        ("AI", Some("2026-03-17"), Some((EtatEcheance::Tenue, None))),
        ("CC", Some("2026-03-18"), Some((EtatEcheance::EnRetard, Some(1)))),
        ("AI", None, Some((EtatEcheance::EnRetard, Some(3)))),
        ("DE", Some("2026-03-30"), None),
        ("AR", None, None),
    ] {
        assert_eq!(of(&signed(nature, transmis_le)), expected, "{nature} {transmis_le:?}");
    }
    let early = due(&signed("AI", None), Regle::TransmissionQuinzeJours, "2026-03-10").unwrap();
    assert_eq!(
        (early.au_plus_tot.to_string(), early.etat, early.jours),
        ("2026-03-17".into(), EtatEcheance::ACourir, Some(7))
    );
    assert_eq!(early.condition, Some(Condition::SoumisATransmission));
    // Recorded here late, received by the prefecture in time.
    let imported = signed("AI", Some("2026-09-01")).dit(Reception, "2026-03-05");
    assert_eq!(of(&imported), Some((EtatEcheance::Tenue, None)));
}

/// CGCT L2131-6.
#[test]
fn a_suspension_within_ten_days_concerns_urbanism_and_contracts_and_lapses_after_a_month() {
    for (matiere, concerned) in
        [("2.1", true), ("2.2.1", true), ("1.1", true), ("1.2", true), ("1.4", false), ("7.1", false), ("", false)]
    {
        let cas = Cas { matiere: Some(matiere), ..Cas::recu("2026-03-02") };
        assert_eq!(due(&cas, Regle::SuspensionDixJours, "2026-03-03").is_some(), concerned, "{matiere}");
        assert_eq!(due(&cas, Regle::FinDeSuspension, "2026-03-03").is_some(), concerned, "{matiere}");
    }
    let cas = Cas { matiere: Some("2.2"), ..Cas::recu("2026-03-04") };
    let ask = due(&cas, Regle::SuspensionDixJours, "2026-03-10").unwrap();
    // The 14th is a Saturday: the day itself, or the Monday after.
    assert_eq!((ask.au_plus_tot.to_string(), ask.au_plus_tard.to_string()), ("2026-03-14".into(), "2026-03-16".into()));
    assert_eq!(
        (ask.etat, ask.jours, ask.incertitudes),
        (EtatEcheance::ACourir, Some(4), vec![Incertitude::FrancDiscute])
    );
    assert_eq!(due(&cas, Regle::SuspensionDixJours, "2026-03-17").unwrap().etat, EtatEcheance::Passee);
    let end = due(&cas, Regle::FinDeSuspension, "2026-03-17").unwrap();
    assert_eq!(
        (end.au_plus_tot.to_string(), end.condition),
        ("2026-04-04".into(), Some(Condition::SuspensionDemandee))
    );
    let short = Cas { matiere: Some("2.2"), ..Cas::recu("2026-01-31") };
    let end = due(&short, Regle::FinDeSuspension, "2026-02-01").unwrap();
    assert_eq!((end.au_plus_tot.to_string(), end.au_plus_tard.to_string()), ("2026-02-28".into(), "2026-03-01".into()));
}

/// CGCT L2131-6.
#[test]
fn a_suspension_is_ruled_within_a_month_or_48_hours_of_the_referral() {
    let cas = Cas::recu("2026-01-12").dit(Defere, "2026-03-02");
    let ruled = due(&cas, Regle::SuspensionJugee, "2026-03-10").unwrap();
    assert_eq!(
        (ruled.au_plus_tot.to_string(), ruled.condition),
        ("2026-04-02".into(), Some(Condition::SuspensionDemandee))
    );
    let urgent = due(&cas, Regle::QuaranteHuitHeures, "2026-03-10").unwrap();
    assert_eq!((urgent.au_plus_tot.to_string(), urgent.etat), ("2026-03-04".into(), EtatEcheance::Passee));
    assert_eq!(due(&Cas::recu("2026-01-12"), Regle::SuspensionJugee, "2026-03-10"), None);
}

/// CGCT L1612-5.
#[test]
fn an_unbalanced_budget_goes_to_the_chamber_of_accounts_within_thirty_days() {
    let budget = due(&Cas::recu("2026-04-10"), Regle::SaisineChambreComptes, "2026-04-11").unwrap();
    assert_eq!((budget.au_plus_tot.to_string(), budget.inference), ("2026-05-10".into(), true));
    assert_eq!(budget.condition, Some(Condition::BudgetDesequilibre));
    let of = |nature, matiere| Cas { nature, matiere: Some(matiere), ..Cas::recu("2026-04-10") };
    assert!(due(&of("BF", "7.2"), Regle::SaisineChambreComptes, "2026-04-11").is_some());
    assert_eq!(due(&of("DE", "7.2"), Regle::SaisineChambreComptes, "2026-04-11"), None);
}

#[test]
fn an_act_that_nobody_answers_is_late_after_thirty_days() {
    let sent = || Cas { transmis_le: Some(day("2026-03-02")), ..Cas::jamais_recu() };
    let state = |cas: &Cas, au_jour| {
        let due = due(cas, Regle::ReponseDeLaPrefecture, au_jour).unwrap();
        (due.etat, due.jours)
    };
    assert_eq!(state(&sent(), "2026-04-01"), (EtatEcheance::ACourir, Some(0)));
    assert_eq!(state(&sent(), "2026-04-03"), (EtatEcheance::EnRetard, Some(2)));
    assert_eq!(state(&sent().dit(Reception, "2026-03-03"), "2026-04-03"), (EtatEcheance::Tenue, None));
    let rejected = sent().dit(Anomalie, "2026-03-04");
    assert_eq!(state(&rejected, "2026-04-03"), (EtatEcheance::EnRetard, Some(2)), "transmitted again since");
    let found = echeances(&Faits { rejete: true, ..rejected.faits() }, day("2026-04-03"));
    assert_eq!(found[0].etat, EtatEcheance::Tenue);
    assert_eq!(echeances(&Faits { annule: true, ..rejected.faits() }, day("2026-04-03")), []);
}

#[test]
fn the_delay_is_purged_on_the_day_after_the_last() {
    let defere = Cas::recu("2024-12-30").defere("2025-01-10");
    assert_eq!(echeances::purge_le(&defere).unwrap().to_string(), "2025-03-04");
    assert_eq!(echeances::purge_le(&Cas::jamais_recu().defere("2025-01-10")), None);
}

/// The same instant is another day elsewhere, and so is the deadline.
#[test]
fn the_day_of_an_instant_is_that_of_the_place() {
    // 2026-01-11T22:30:00Z.
    const INSTANT_MS: u64 = 1_768_170_600_000;
    for (departement, recu_le, last) in [
        ("045", "2026-01-11", "2026-03-12"),
        ("02A", "2026-01-11", "2026-03-12"),
        ("974", "2026-01-12", "2026-03-13"),
        ("976", "2026-01-12", "2026-03-13"),
        ("971", "2026-01-11", "2026-03-12"),
        ("988", "2026-01-12", "2026-03-13"),
    ] {
        let calendrier = Calendrier::du_departement(departement);
        let jour = calendrier.jour_civil(INSTANT_MS).to_string();
        assert_eq!(jour, recu_le, "{departement}");
        assert_eq!(Cas { calendrier, ..Cas::recu(&jour) }.bornes(), un(last), "{departement}");
    }
}
