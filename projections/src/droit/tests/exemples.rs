//! A worked example for each ruling, and for each point that is unsettled.

use super::*;
use crate::droit::Genre::*;
use crate::droit::Incertitude as Doute;

/// The effect of the steps of a history, by genre.
fn effet(defere: &super::Defere, genre: Genre) -> (Effet, Option<SansEffet>) {
    let of = |ligne: &&Ligne| ligne.quoi == Quoi::Message(genre);
    let ligne = defere.etapes.iter().rfind(of).unwrap();
    (ligne.effet, ligne.raison)
}

/// The table of the domain page, from the reception of an act.
#[test]
fn two_months_francs_from_reception() {
    for (recu_le, last) in [
        ("2017-01-09", "2017-03-10"),
        ("2021-01-03", "2021-03-04"),
        ("2007-10-01", "2007-12-03"),
        ("2022-11-03", "2023-01-04"),
        ("2024-11-12", "2025-01-13"),
    ] {
        assert_eq!(Cas::recu(recu_le).bornes(), un(last));
    }
}

#[test]
fn nothing_runs_before_reception() {
    let cas = Cas::jamais_recu().dit(DemandePieces, "2026-01-20").dit(Observations, "2026-01-21");
    let defere = cas.defere("2026-02-01");
    assert_eq!((defere.etat, defere.au_plus_tot, defere.au_plus_tard), (EtatDefere::NonRecu, None, None));
    assert_eq!(effet(&defere, DemandePieces), (Effet::SansEffet, Some(SansEffet::RienNeCourt)));
    assert_eq!(effet(&defere, Observations), (Effet::SansEffet, Some(SansEffet::RienNeCourt)));
    let rejected = defere_of(&Faits { rejete: true, ..Cas::jamais_recu().dit(Anomalie, "2026-01-20").faits() });
    assert_eq!((rejected.etat, rejected.au_plus_tot), (EtatDefere::Rejete, None));
}

fn defere_of(faits: &Faits<'_>) -> super::Defere {
    defere(faits, day("2026-06-01"))
}

#[test]
fn received_at_the_end_of_december_the_last_day_is_given_twice() {
    let february = [Doute::QuantiemeAbsent];
    assert_eq!(Cas::recu("2024-12-30").bornes(), entre("2025-02-28", "2025-03-03", &february));
    assert_eq!(Cas::recu("2024-12-31").bornes(), entre("2025-02-28", "2025-03-03", &february));
    assert_eq!(Cas::recu("2023-12-30").bornes(), entre("2024-02-29", "2024-03-01", &february));
    // Where both move to the same working day there is no doubt left.
    assert_eq!(Cas::recu("2025-12-30").bornes(), un("2026-03-02"));
    let last_days = Cas::recu("2024-12-30");
    for (au_jour, etat) in [
        ("2025-02-28", EtatDefere::Ouvert),
        ("2025-03-01", EtatDefere::Incertain),
        ("2025-03-03", EtatDefere::Incertain),
        ("2025-03-04", EtatDefere::Purge),
    ] {
        assert_eq!(last_days.defere(au_jour).etat, etat, "{au_jour}");
    }
}

/// CE 13/1/1988 n°68166.
#[test]
fn documents_that_were_asked_for_open_two_months_when_they_come() {
    let asked = || Cas::recu("2026-01-12").dit(DemandePieces, "2026-02-16").dit(DemandePiecesAcquittee, "2026-02-17");
    let whole = asked().dit(PiecesTransmises, "2026-03-02").dit(PiecesAcquittees, "2026-03-03");
    assert_eq!(whole.bornes(), un("2026-05-04"));
    let history = whole.defere("2026-03-10");
    assert_eq!(effet(&history, DemandePieces), (Effet::Proroge, None));
    assert_eq!(effet(&history, DemandePiecesAcquittee), (Effet::Precise, None));
    assert_eq!(effet(&history, PiecesAcquittees), (Effet::Ouvre, None));
    assert_eq!(
        (history.etat, history.etapes[0].au_plus_tot.unwrap().to_string()),
        (EtatDefere::Ouvert, "2026-03-13".into())
    );
    // Refused, explicitly.
    assert_eq!(asked().dit(PiecesRefusees, "2026-02-24").bornes(), un("2026-04-27"));
    // Refused by silence from 17/2 on: 17/4, then two months francs.
    assert_eq!(asked().bornes(), un("2026-06-18"));
    let refused = asked().defere("2026-04-20");
    let silence = refused.etapes.last().unwrap();
    assert_eq!(silence.quoi, Quoi::Silence(Silence::PiecesImplicitementRefusees));
    assert_eq!((silence.le.to_string(), silence.feuille), ("2026-04-17".to_owned(), None));
}

#[test]
fn documents_asked_for_too_late_extend_nothing() {
    let late = Cas::recu("2026-01-12").dit(DemandePieces, "2026-03-14").dit(PiecesAcquittees, "2026-03-20");
    assert_eq!(late.bornes(), un("2026-03-13"));
    let history = late.defere("2026-04-01");
    assert_eq!(effet(&history, DemandePieces), (Effet::SansEffet, Some(SansEffet::HorsDelai)));
    assert_eq!(effet(&history, PiecesAcquittees), (Effet::SansEffet, Some(SansEffet::SansDemande)));
    assert_eq!(history.etat, EtatDefere::Purge);
}

/// CE 15/5/2013 n°357031.
#[test]
fn a_request_for_explanations_does_not_extend() {
    let cas = Cas::recu("2026-01-12").dit(CourrierSimple, "2026-02-16").dit(CourrierSimpleRepondu, "2026-02-20");
    assert_eq!(cas.bornes(), un("2026-03-13"));
    let history = cas.defere("2026-03-01");
    assert_eq!(effet(&history, CourrierSimple), (Effet::SansEffet, Some(SansEffet::DemandeExplications)));
    assert_eq!(history.etapes[1].source, Some("CE 15/5/2013 n°357031"));
}

/// CE 18/4/1986 n°62470; the domain page: received on 5/1, implied refusal on 5/3, last day 6/5.
#[test]
fn observations_open_two_months_from_refusal_and_silence_is_not_franc() {
    let observed = || Cas::recu("2025-12-01").dit(Observations, "2026-01-02").dit(ObservationsAcquittees, "2026-01-05");
    assert_eq!(observed().bornes(), un("2026-05-06"));
    let history = observed().defere("2026-03-05");
    let silence = history.etapes.last().unwrap();
    assert_eq!(
        (silence.le.to_string(), silence.quoi),
        ("2026-03-05".into(), Quoi::Silence(Silence::ObservationsImplicitementRejetees))
    );
    // Rejected: two months from the day on which the prefecture received the rejection.
    let rejected = || observed().dit(ObservationsRejetees, "2026-01-20");
    assert_eq!(rejected().bornes(), un("2026-03-23"));
    assert_eq!(rejected().dit(ReponseObservationsAcquittee, "2026-01-22").bornes(), un("2026-03-23"));
    assert_eq!(rejected().dit(ReponseObservationsAcquittee, "2026-01-26").bornes(), un("2026-03-27"));
    // Rejected again: that confirms.
    let again = rejected().dit(ObservationsRejetees, "2026-02-10");
    assert_eq!(again.bornes(), un("2026-03-23"));
    assert_eq!(effet(&again.defere("2026-02-11"), ObservationsRejetees).1, Some(SansEffet::DejaDecide));
}

/// TA Versailles 6/12/1988.
#[test]
fn only_the_first_observations_extend() {
    let first = || {
        let cas = Cas::recu("2026-01-12").dit(Observations, "2026-02-02");
        cas.dit(ObservationsRejetees, "2026-02-10")
    };
    assert_eq!(first().bornes(), un("2026-04-13"));
    let again = first().dit(Observations, "2026-03-16").dit(ObservationsRejetees, "2026-03-30");
    assert_eq!(again.bornes(), un("2026-04-13"));
    let history = again.defere("2026-04-01");
    assert_eq!(effet(&history, Observations), (Effet::SansEffet, Some(SansEffet::PasLaPremiere)));
}

/// CE 4/11/1996 n°114956.
#[test]
fn observations_may_follow_documents() {
    let cas = Cas::recu("2026-01-12")
        .dit(DemandePieces, "2026-02-16")
        .dit(PiecesAcquittees, "2026-03-03")
        .dit(Observations, "2026-04-28")
        .dit(ObservationsAcquittees, "2026-04-29");
    // Within the delay that the documents opened (4/5), out of the first (13/3): silence on 29/6.
    assert_eq!(cas.bornes(), un("2026-08-31"));
    let history = cas.defere("2026-07-01");
    assert_eq!(effet(&history, Observations), (Effet::Proroge, None));
    let of = |ligne: &&Ligne| ligne.quoi == Quoi::Message(Observations);
    assert_eq!(history.etapes.iter().find(of).unwrap().source, Some("CE 4/11/1996 n°114956"));
    assert_eq!(history.etat, EtatDefere::Ouvert);
}

/// CE 31/3/2017 n°396909: the day of arrival counts.
#[test]
fn a_letter_that_arrives_after_the_delay_may_not_extend() {
    let sent = || Cas::recu("2026-01-12").dit(Observations, "2026-03-12");
    let arrived =
        |jour: &str| sent().dit(ObservationsAcquittees, jour).dit(ObservationsRejetees, "2026-03-20").bornes();
    assert_eq!(arrived("2026-03-13"), un("2026-05-21"));
    assert_eq!(arrived("2026-03-16"), entre("2026-03-13", "2026-05-21", &[Doute::ArriveeHorsDelai]));
}

#[test]
fn a_letter_whose_arrival_is_unknown_gives_two_days() {
    let letter = Etape { enregistre_le: day("2026-02-06"), ..etape(Observations, "2026-02-02") };
    let cas = || Cas::recu("2026-01-12").puis(letter);
    assert_eq!(cas().bornes(), entre("2026-06-03", "2026-06-08", &[Doute::ReceptionDuCourrier]));
    assert_eq!(cas().dit(ObservationsAcquittees, "2026-02-03").bornes(), un("2026-06-04"));
    // Whoever answers on the 4th had it by the 4th.
    let answered = cas().dit(ObservationsRepondues, "2026-02-04").bornes();
    assert_eq!(answered, entre("2026-04-07", "2026-06-05", &[Doute::ReceptionDuCourrier, Doute::NatureDeLaReponse]));
}

#[test]
fn an_answer_that_may_be_a_refusal_gives_two_days() {
    let cas = || {
        let observed = Cas::recu("2026-01-12").dit(Observations, "2026-02-02");
        observed.dit(ObservationsAcquittees, "2026-02-02").dit(ObservationsRepondues, "2026-02-20")
    };
    // As a refusal from 20/2; as none, silence on 2/4.
    assert_eq!(cas().bornes(), entre("2026-04-21", "2026-06-03", &[Doute::NatureDeLaReponse]));
    // A refusal that says so settles the later day, not the earlier one.
    let rejected = cas().dit(ObservationsRejetees, "2026-03-02").bornes();
    assert_eq!(rejected, entre("2026-04-21", "2026-05-04", &[Doute::NatureDeLaReponse]));
}

/// CJA R421-2.
#[test]
fn a_refusal_after_silence_may_open_the_delay_again() {
    let cas = |jour: &str| {
        let observed = Cas::recu("2026-01-12").dit(Observations, "2026-02-02");
        observed.dit(ObservationsAcquittees, "2026-02-02").dit(ObservationsRejetees, jour)
    };
    assert_eq!(cas("2026-04-02").bornes(), un("2026-06-03"));
    assert_eq!(cas("2026-05-04").bornes(), entre("2026-06-03", "2026-07-06", &[Doute::ReponseApresSilence]));
    // Once the delay has run out nothing opens it.
    assert_eq!(cas("2026-06-04").bornes(), un("2026-06-03"));
    let late = cas("2026-06-04").defere("2026-06-10");
    assert_eq!(effet(&late, ObservationsRejetees), (Effet::SansEffet, Some(SansEffet::DejaDecide)));
}

#[test]
fn documents_that_come_in_parts_give_two_days() {
    let parts = || {
        let asked = Cas::recu("2026-01-12").dit(DemandePieces, "2026-02-16");
        asked.dit(PiecesAcquittees, "2026-03-03").dit(PiecesAcquittees, "2026-03-24")
    };
    assert_eq!(parts().bornes(), entre("2026-05-04", "2026-05-26", &[Doute::Completude]));
    // After a refusal too.
    let refused = Cas::recu("2026-01-12").dit(DemandePieces, "2026-02-16").dit(PiecesRefusees, "2026-02-24");
    assert_eq!(
        refused.dit(PiecesAcquittees, "2026-03-24").bornes(),
        entre("2026-04-27", "2026-05-26", &[Doute::Completude])
    );
    // Sent, never acknowledged: they may not have arrived.
    let sent = Cas::recu("2026-01-12").dit(DemandePieces, "2026-02-16").dit(PiecesTransmises, "2026-03-03");
    assert_eq!(sent.bornes(), entre("2026-05-04", "2026-06-17", &[Doute::ReceptionDesPieces]));
}

#[test]
fn documents_asked_for_again_after_two_months_may_not_extend() {
    let cas = Cas::recu("2026-01-12")
        .dit(DemandePieces, "2026-02-16")
        .dit(PiecesAcquittees, "2026-03-03")
        .dit(DemandePieces, "2026-04-20")
        .dit(PiecesAcquittees, "2026-04-27");
    // The second delivery answers one letter or the other, which date alone could tell.
    let (tot, tard, raisons) = cas.bornes();
    assert_eq!((tot.as_str(), tard.as_str()), ("2026-05-04", "2026-08-21"));
    assert!(
        raisons.contains(&Doute::CourrierIndetermine) && raisons.contains(&Doute::DemandeApresDeuxMois),
        "{raisons:?}"
    );
    let named = |genre, jour, courrier| Etape { courrier: Some(day(courrier)), ..etape(genre, jour) };
    let cas = Cas::recu("2026-01-12")
        .dit(DemandePieces, "2026-02-16")
        .puis(named(PiecesAcquittees, "2026-03-03", "2026-02-16"))
        .dit(DemandePieces, "2026-04-20")
        .puis(named(PiecesAcquittees, "2026-04-27", "2026-04-20"));
    assert_eq!(cas.bornes(), entre("2026-05-04", "2026-06-29", &[Doute::DemandeApresDeuxMois]));
}

/// Stated from a file by the gateway and by the member.
#[test]
fn a_letter_that_is_said_twice_is_one_letter() {
    let again = Etape { enregistre_le: day("2026-02-20"), constat: true, ..etape(DemandePieces, "2026-02-16") };
    let answer = Etape { courrier: Some(day("2026-02-16")), ..etape(PiecesAcquittees, "2026-03-03") };
    for answer in [answer, Etape { courrier: None, ..answer }] {
        let cas = Cas::recu("2026-01-12").dit(DemandePieces, "2026-02-16").puis(again).puis(answer);
        assert_eq!(cas.bornes(), un("2026-05-04"));
        assert_eq!(effet(&cas.defere("2026-04-01"), DemandePieces), (Effet::SansEffet, Some(SansEffet::Repete)));
    }
    // Whoever recorded it first had it.
    let twice = Cas::recu("2026-01-12").puis(again).dit(DemandePieces, "2026-02-16");
    assert_eq!(twice.bornes(), un("2026-06-17"));
}

#[test]
fn an_answer_to_a_letter_that_is_not_here_decides_nothing_for_sure() {
    let other = Etape { courrier: Some(day("2026-01-30")), ..etape(ObservationsRejetees, "2026-02-20") };
    let cas =
        Cas::recu("2026-01-12").dit(Observations, "2026-02-02").dit(ObservationsAcquittees, "2026-02-02").puis(other);
    assert_eq!(cas.bornes(), entre("2026-04-21", "2026-06-03", &[Doute::CourrierIndetermine]));
}

/// C. urb. L600-12-2.
#[test]
fn observations_on_a_new_urbanism_authorisation_may_not_extend() {
    let observed = |matiere, decide_le: &str| {
        let cas = Cas { matiere, decide_le: Some(day(decide_le)), ..Cas::recu("2026-01-12") };
        cas.dit(Observations, "2026-02-02").dit(ObservationsRejetees, "2026-02-20").bornes()
    };
    let doubt = entre("2026-03-13", "2026-04-21", &[Doute::GracieuxUrbanisme]);
    assert_eq!(observed(Some("2.2"), "2025-11-28"), doubt);
    assert_eq!(observed(Some("2.2.1"), "2026-01-02"), doubt);
    assert_eq!(observed(Some("2.2"), "2025-11-27"), un("2026-04-21"));
    assert_eq!(observed(Some("2.1"), "2026-01-02"), un("2026-04-21"));
    assert_eq!(observed(None, "2026-01-02"), un("2026-04-21"));
    // Documents asked for are another matter.
    let cas = Cas { matiere: Some("2.2"), decide_le: Some(day("2026-01-05")), ..Cas::recu("2026-01-12") };
    assert_eq!(cas.dit(DemandePieces, "2026-02-16").dit(PiecesAcquittees, "2026-03-03").bornes(), un("2026-05-04"));
}

#[test]
fn while_silence_runs_the_member_may_still_answer() {
    let cas = || Cas::recu("2026-01-12").dit(Observations, "2026-02-02").dit(ObservationsAcquittees, "2026-02-02");
    let running = &[Doute::SilenceEnCours];
    assert_eq!(cas().bornes_au("2026-02-10"), entre("2026-04-13", "2026-06-03", running));
    assert_eq!(cas().bornes_au("2026-04-01"), entre("2026-06-02", "2026-06-03", running));
    assert_eq!(cas().bornes_au("2026-04-02"), un("2026-06-03"));
    assert_eq!(cas().dit(ObservationsRejetees, "2026-02-10").bornes_au("2026-02-10"), un("2026-04-13"));
}

#[test]
fn the_prefectures_own_word_of_reception_comes_first() {
    let constat = |jour| Etape { constat: true, ..etape(Reception, jour) };
    assert_eq!(Cas::jamais_recu().puis(constat("2026-01-08")).bornes(), un("2026-03-09"));
    let both = Cas::jamais_recu().puis(constat("2026-01-08")).dit(Reception, "2026-01-12");
    assert_eq!(both.bornes(), un("2026-03-13"));
    let twice = Cas::recu("2026-01-12").dit(Reception, "2026-01-12");
    assert_eq!(twice.bornes(), un("2026-03-13"));
    assert_eq!(effet(&twice.defere("2026-02-01"), Reception), (Effet::SansEffet, Some(SansEffet::DejaRecu)));
    let differing = Cas::recu("2026-01-12").dit(Reception, "2026-01-14");
    assert_eq!(differing.bornes(), entre("2026-03-13", "2026-03-16", &[Doute::ReceptionsDivergentes]));
}

#[test]
fn a_referral_ends_the_question_and_says_whether_it_came_in_time() {
    let referred = |recu_le: &str, depose_le: &str| Cas::recu(recu_le).dit(Defere, depose_le).defere("2026-06-01");
    for (recu_le, depose_le, verdict) in [
        ("2026-01-12", "2026-03-13", DansLeDelai::Oui),
        ("2026-01-12", "2026-03-14", DansLeDelai::Non),
        ("2024-12-30", "2025-02-28", DansLeDelai::Oui),
        ("2024-12-30", "2025-03-03", DansLeDelai::Incertain),
        ("2024-12-30", "2025-03-04", DansLeDelai::Non),
    ] {
        let defere = referred(recu_le, depose_le);
        let depot = defere.depot.unwrap();
        assert_eq!((defere.etat, defere.au_plus_tot, defere.au_plus_tard), (EtatDefere::Defere, None, None));
        assert_eq!((depot.feuille, depot.le.to_string(), depot.dans_le_delai), (1, depose_le.to_owned(), verdict));
        assert_eq!(effet(&defere, Defere), (Effet::Clot, None));
    }
    // Whatever is said later does not change what was in time.
    let cas = Cas::recu("2026-01-12").dit(Defere, "2026-03-20").dit(Observations, "2026-03-10");
    assert_eq!(cas.defere("2026-06-01").depot.unwrap().dans_le_delai, DansLeDelai::Oui);
    let unreceived = Cas::jamais_recu().dit(Defere, "2026-03-20").defere("2026-06-01");
    assert_eq!(unreceived.depot.unwrap().dans_le_delai, DansLeDelai::Incertain);
}

#[test]
fn a_cancelled_act_has_no_last_day_whatever_comes_after() {
    let cas = Cas::recu("2026-01-12")
        .dit(AnnulationDemandee, "2026-01-20")
        .dit(AnnulationAcquittee, "2026-01-21")
        .dit(DemandePieces, "2026-01-25");
    let cancelled = defere_of(&Faits { annule: true, ..cas.faits() });
    assert_eq!((cancelled.etat, cancelled.au_plus_tot, cancelled.au_plus_tard), (EtatDefere::Annule, None, None));
    assert_eq!(effet(&cancelled, AnnulationDemandee), (Effet::SansEffet, Some(SansEffet::EtrangerAuDelai)));
    assert_eq!(effet(&cancelled, AnnulationAcquittee), (Effet::Clot, None));
}

#[test]
fn more_messages_than_are_examined_leave_the_later_day_open() {
    let mut cas = Cas::recu("2026-01-12");
    for _ in 0..ETAPES_MAX {
        cas = cas.dit(CourrierSimple, "2026-01-20");
    }
    let defere = cas.defere("2027-01-01");
    assert_eq!((defere.etat, defere.au_plus_tard), (EtatDefere::Incertain, None));
    assert_eq!(defere.incertitudes, [Doute::TropDEtapes]);
    assert_eq!(defere.etapes.len(), cas.etapes.len());
    assert_eq!(effet(&defere, CourrierSimple), (Effet::SansEffet, Some(SansEffet::NonExamine)));
}

/// What an agent and a mayor read.
#[test]
fn the_history_is_told_in_words() {
    let cas = Cas::recu("2025-12-01")
        .dit(Publication, "2025-12-03")
        .dit(CourrierSimple, "2025-12-10")
        .dit(Observations, "2026-01-02")
        .dit(ObservationsAcquittees, "2026-01-05")
        .dit(Observations, "2026-02-01");
    let told = cas.defere("2026-03-06").to_string();
    let expected = "\
01/12/2025 : la préfecture accuse réception de l'acte (1-2) ; deux mois en courent ; déféré possible jusqu'au 02/02/2026 [CGCT L2131-6]
03/12/2025 : l'acte est publié ; sans effet sur le délai : le délai n'en dépend pas ; déféré possible jusqu'au 02/02/2026
10/12/2025 : la préfecture demande des explications (2-1) ; sans effet sur le délai : des explications ne sont pas des pièces ; déféré possible jusqu'au 02/02/2026 [CE 15/5/2013 n°357031]
02/01/2026 : la préfecture fait des observations, qui valent recours gracieux (4-1) ; deux mois courront de la réponse, ou de deux mois de silence ; déféré possible jusqu'au 03/03/2026 au plus tôt, 04/05/2026 au plus tard (la collectivité peut encore répondre) [CE 18/4/1986 n°62470]
05/01/2026 : la collectivité accuse réception des observations (4-2) ; le délai se compte de cette date ; déféré possible jusqu'au 06/03/2026 au plus tôt, 06/05/2026 au plus tard (la collectivité peut encore répondre) [CE 18/4/1986 n°62470]
01/02/2026 : la préfecture fait des observations, qui valent recours gracieux (4-1) ; sans effet sur le délai : seul le premier recours gracieux proroge ; déféré possible jusqu'au 02/04/2026 au plus tôt, 06/05/2026 au plus tard (la collectivité peut encore répondre) [TA Versailles 6/12/1988 (Lebon T.)]
05/03/2026 : deux mois de silence valent rejet des observations ; deux mois en courent ; déféré possible jusqu'au 06/05/2026 [CE 18/4/1986 n°62470]
Déféré possible jusqu'au 06/05/2026";
    assert_eq!(told, expected);
}
