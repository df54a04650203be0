//! Rights over time: recoveries and objections, exits and returns, delegations that end, the succession of the keys that
//! govern the log, bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod journal;
#[path = "matrice/monde.rs"]
#[allow(dead_code)]
mod monde;

use greffe_events::Code;
use greffe_events::authority::Standing;
use greffe_events::dossier::{CLES_MAX, CleJournal, DELEGATIONS_MAX, Dossier, RECOUVREMENT_MS};
use serde_json::{Value, json};

use journal::Journal;
use monde::{
    DAY_MS, Monde, NOW_MS, OPERATEUR, ORIGIN, acte, cle, date, delegation, dossier, enrolment, of_key, organisation,
    recover, standing, submit, transmit, with,
};

#[test]
fn a_recovered_key_waits_72_hours_and_then_replaces_the_lost_ones() {
    let mut log = Monde::new().journal;
    assert_eq!(RECOUVREMENT_MS, 259_200_000);
    let (lost, new) = ("voisine/recouvree", "voisine/nouvelle");
    recover(&mut log, NOW_MS, "voisine", new).unwrap();
    assert_eq!(recover(&mut log, NOW_MS, "voisine", "voisine/autre"), Err(Code::RecouvrementEnCours));
    let end = NOW_MS + RECOUVREMENT_MS;
    assert_eq!(standing(&log, new, end - 1), Some(Standing::Pending { from_ms: end }));
    assert_eq!(standing(&log, lost, end - 1), Some(Standing::InForce));
    transmit(&mut log, end - 1, "voisine", "R1", lost).unwrap();
    assert_eq!(transmit(&mut log, end - 1, "voisine", "R2", new), Err(Code::KeyPending));
    transmit(&mut log, end, "voisine", "R2", new).unwrap();
    assert_eq!(transmit(&mut log, end, "voisine", "R3", lost), Err(Code::KeyRevoked));
    // Too late to object, for the lost key and for the new one.
    for key in [lost, new] {
        let refused = submit(&mut log, end, "cle.opposition", "voisine", &dossier("voisine"), of_key(new), &[key]);
        assert_eq!(refused, Err(if key == lost { Code::KeyRevoked } else { Code::RecouvrementInconnu }));
    }
    // The next one may begin, and what waited is settled in the stored state.
    recover(&mut log, end, "voisine", "voisine/autre").unwrap();
    let Some(Dossier::Adherent(member)) = log.dossier(&dossier("voisine").parse().unwrap()) else { panic!() };
    assert_eq!(member.cles.iter().map(|key| key.cle).collect::<Vec<_>>(), [cle(new).id(), cle("voisine/autre").id()]);
}

#[test]
fn an_objection_ends_a_recovery_for_good() {
    let mut log = Monde::new().journal;
    recover(&mut log, NOW_MS, "voisine", "voisine/nouvelle").unwrap();
    let last = NOW_MS + RECOUVREMENT_MS - 1;
    let data = of_key("voisine/nouvelle");
    let subject = dossier("voisine");
    // Nobody else's matter, not even the operator's.
    for (source, key, code) in [
        ("commune", "commune/collectivite", Code::NotOwner),
        ("operateur", OPERATEUR, Code::NotOwner),
        ("voisine", "voisine/nouvelle", Code::KeyPending),
    ] {
        assert_eq!(submit(&mut log, last, "cle.opposition", source, &subject, data.clone(), &[key]), Err(code));
    }
    submit(&mut log, last, "cle.opposition", "voisine", &subject, data.clone(), &["voisine/recouvree"]).unwrap();
    assert_eq!(standing(&log, "voisine/nouvelle", last + DAY_MS), Some(Standing::Revoked));
    assert_eq!(standing(&log, "voisine/recouvree", last + DAY_MS), Some(Standing::InForce));
    // The same key is never enrolled again; another may be.
    assert_eq!(recover(&mut log, last + 1, "voisine", "voisine/nouvelle"), Err(Code::KeyAlreadyEnrolled));
    recover(&mut log, last + 1, "voisine", "voisine/autre").unwrap();
}

#[test]
fn an_operator_who_ends_all_keys_still_waits_to_bring_one_in() {
    let mut log = Monde::new().journal;
    let subject = dossier("sans-cle");
    let enrol = |log: &mut Journal, key: &str| {
        let data = enrolment("sans-cle", key, &["collectivite"]);
        submit(log, NOW_MS, "cle.enrolee", "operateur", &subject, data, &[OPERATEUR, key])
    };
    enrol(&mut log, "sans-cle/une").unwrap();
    let data = with(of_key("sans-cle/une"), "motif", json!("perte"));
    submit(&mut log, NOW_MS, "cle.revoquee", "operateur", &subject, data, &[OPERATEUR]).unwrap();
    assert_eq!(
        enrol(&mut log, "sans-cle/deux"),
        Err(Code::SignatureMissing),
        "the second signature is a key of the member"
    );
    let data = json!({ "organisation": organisation("sans-cle"), "motif": "exclusion" });
    submit(&mut log, NOW_MS, "adherent.sorti", "operateur", &subject, data, &[OPERATEUR]).unwrap();
    assert_eq!(recover(&mut log, NOW_MS, "sans-cle", "sans-cle/deux"), Err(Code::AdherentSorti));
    let data = json!({ "organisation": organisation("sans-cle"), "categorie": "commune", "denomination": "De retour" });
    submit(&mut log, NOW_MS, "adherent.inscrit", "operateur", &subject, data, &[OPERATEUR]).unwrap();
    assert_eq!(enrol(&mut log, "sans-cle/deux"), Err(Code::SignatureMissing), "coming back changes nothing");
    recover(&mut log, NOW_MS, "sans-cle", "sans-cle/deux").unwrap();
    assert!(matches!(standing(&log, "sans-cle/deux", NOW_MS), Some(Standing::Pending { .. })));
}

#[test]
fn a_key_that_the_operator_ended_objects_to_the_recovery_that_follows() {
    let member = || {
        let mut log = Monde::new().journal;
        let data = enrolment("sans-cle", "sans-cle/une", &["collectivite"]);
        let keys = [OPERATEUR, "sans-cle/une"];
        submit(&mut log, NOW_MS, "cle.enrolee", "operateur", &dossier("sans-cle"), data, &keys).unwrap();
        log
    };
    let subject = dossier("sans-cle");
    let revoked = with(of_key("sans-cle/une"), "motif", json!("perte"));
    let left = json!({ "organisation": organisation("sans-cle"), "motif": "exclusion" });
    let back = json!({ "organisation": organisation("sans-cle"), "categorie": "commune", "denomination": "De retour" });
    let object = |log: &mut Journal, at_ms: u64| {
        let data = of_key("sans-cle/deux");
        submit(log, at_ms, "cle.opposition", "sans-cle", &subject, data, &["sans-cle/une"])
    };
    let by_operator = |log: &mut Journal, at_ms: u64, name: &str, data: &Value| {
        submit(log, at_ms, name, "operateur", &subject, data.clone(), &[OPERATEUR]).unwrap();
    };
    // Ended before the recovery, until its last instant; or while it waits.
    for (ended_ms, begun_ms) in [(NOW_MS, NOW_MS), (NOW_MS, NOW_MS + RECOUVREMENT_MS - 1), (NOW_MS + 9, NOW_MS)] {
        let mut log = member();
        if ended_ms <= begun_ms {
            by_operator(&mut log, ended_ms, "cle.revoquee", &revoked);
            recover(&mut log, begun_ms, "sans-cle", "sans-cle/deux").unwrap();
        } else {
            recover(&mut log, begun_ms, "sans-cle", "sans-cle/deux").unwrap();
            by_operator(&mut log, ended_ms, "cle.revoquee", &revoked);
        }
        let last = begun_ms + RECOUVREMENT_MS - 1;
        object(&mut log, last).unwrap();
        assert_eq!(standing(&log, "sans-cle/deux", last + DAY_MS), Some(Standing::Revoked));
        // It speaks of nothing else.
        let again = submit(&mut log, last, "cle.revoquee", "sans-cle", &subject, revoked.clone(), &["sans-cle/une"]);
        assert_eq!(again, Err(Code::KeyRevoked));
    }
    // By an exit, too.
    let mut log = member();
    by_operator(&mut log, NOW_MS, "adherent.sorti", &left);
    by_operator(&mut log, NOW_MS, "adherent.inscrit", &back);
    recover(&mut log, NOW_MS, "sans-cle", "sans-cle/deux").unwrap();
    object(&mut log, NOW_MS).unwrap();
    // Longer ago, or ended by the member itself, it objects no more: what was stolen holds up no recovery for good.
    let mut log = member();
    by_operator(&mut log, NOW_MS, "cle.revoquee", &revoked);
    recover(&mut log, NOW_MS + RECOUVREMENT_MS, "sans-cle", "sans-cle/deux").unwrap();
    assert_eq!(object(&mut log, NOW_MS + RECOUVREMENT_MS), Err(Code::KeyRevoked));
    let mut log = member();
    submit(&mut log, NOW_MS, "cle.revoquee", "sans-cle", &subject, revoked.clone(), &["sans-cle/une"]).unwrap();
    recover(&mut log, NOW_MS, "sans-cle", "sans-cle/deux").unwrap();
    assert_eq!(object(&mut log, NOW_MS), Err(Code::KeyRevoked));
    // Nor after the recovery came into force.
    let mut log = member();
    by_operator(&mut log, NOW_MS, "cle.revoquee", &revoked);
    recover(&mut log, NOW_MS, "sans-cle", "sans-cle/deux").unwrap();
    assert_eq!(object(&mut log, NOW_MS + RECOUVREMENT_MS), Err(Code::KeyRevoked));
}

#[test]
fn a_member_that_left_says_nothing_and_others_go_on() {
    let mut log = Monde::new().journal;
    let data = json!({ "organisation": organisation("commune"), "motif": "fusion" });
    submit(&mut log, NOW_MS, "adherent.sorti", "commune", &dossier("commune"), data.clone(), &["commune/acheteur"])
        .unwrap();
    for (key, delegate) in [("commune/collectivite", false), ("passerelle-mandatee/transmetteur", true)] {
        assert_eq!(transmit(&mut log, NOW_MS, "commune", "S1", key), Err(Code::AdherentSorti), "{key} {delegate}");
    }
    assert_eq!(standing(&log, "commune/collectivite", NOW_MS), Some(Standing::MemberGone));
    let again = submit(&mut log, NOW_MS, "adherent.sorti", "operateur", &dossier("commune"), data, &[OPERATEUR]);
    assert_eq!(again, Err(Code::AdherentSorti));
    // The prefecture still answers about its acts.
    let own = json!({ "date_reception": "2026-11-20" });
    let subject = acte("commune", "D1");
    submit(&mut log, NOW_MS, "acte.accuse-reception", "prefecture", &subject, own, &["prefecture/045"]).unwrap();
    // Back again, its delegates have nothing left of what they were given.
    let data = json!({ "organisation": organisation("commune"), "categorie": "commune", "denomination": "De retour" });
    submit(&mut log, NOW_MS, "adherent.inscrit", "operateur", &dossier("commune"), data, &[OPERATEUR]).unwrap();
    let refused = transmit(&mut log, NOW_MS, "commune", "S2", "passerelle-mandatee/transmetteur");
    assert_eq!(refused, Err(Code::DelegationMissing));
    assert_eq!(transmit(&mut log, NOW_MS, "commune", "S2", "commune/collectivite"), Err(Code::KeyRevoked));
}

#[test]
fn a_delegation_says_its_latest_word_and_ends_on_time() {
    let mut log = Monde::new().journal;
    let subject = dossier("commune");
    let (delegate, key) = ("passerelle-sans", "passerelle-sans/transmetteur");
    let grant = |log: &mut Journal, familles: &[&str], until_ms: u64| {
        let data = delegation("commune", delegate, familles, until_ms);
        submit(log, NOW_MS, "delegation.accordee", "commune", &subject, data, &["commune/collectivite"])
    };
    assert_eq!(grant(&mut log, &["actes"], NOW_MS), Err(Code::DataInvalid), "over before it begins");
    grant(&mut log, &["actes"], NOW_MS + 10).unwrap();
    transmit(&mut log, NOW_MS + 9, "commune", "D1A", key).unwrap();
    assert_eq!(transmit(&mut log, NOW_MS + 10, "commune", "D2", key), Err(Code::DelegationMissing));
    grant(&mut log, &["comptabilite"], NOW_MS + 10).unwrap();
    assert_eq!(
        transmit(&mut log, NOW_MS + 1, "commune", "D2", key),
        Err(Code::DelegationMissing),
        "another family now"
    );
    let withdrawn = json!({ "organisation": organisation("commune"), "delegataire": organisation(delegate) });
    let withdraw =
        |log: &mut Journal| submit(log, NOW_MS, "delegation.retiree", delegate, &subject, withdrawn.clone(), &[key]);
    withdraw(&mut log).unwrap();
    assert_eq!(withdraw(&mut log), Err(Code::DelegationInconnue));
    for (delegate, code) in
        [("jamais-vue", Code::AdherentInconnu), ("commune", Code::DataInvalid), ("sortie", Code::AdherentInconnu)]
    {
        let data = delegation("commune", delegate, &["actes"], NOW_MS + 10);
        let refused =
            submit(&mut log, NOW_MS, "delegation.accordee", "commune", &subject, data, &["commune/collectivite"]);
        assert_eq!(refused, Err(code), "{delegate}");
    }
}

#[test]
fn nothing_of_a_member_grows_without_end() {
    let mut log = Monde::new().journal;
    let (member, subject) = ("sans-cle", dossier("sans-cle"));
    for n in 0..=CLES_MAX {
        let key = format!("sans-cle/{n}");
        let data = enrolment(member, &key, &["collectivite"]);
        let signers = if n == 0 { vec![OPERATEUR, &key] } else { vec![OPERATEUR, "sans-cle/0", &key] };
        let verdict = submit(&mut log, NOW_MS, "cle.enrolee", "operateur", &subject, data, &signers);
        assert_eq!(verdict.err(), (n == CLES_MAX).then_some(Code::LimiteAtteinte), "key {n}");
    }
    // One that ends makes room.
    let data = with(of_key("sans-cle/7"), "motif", json!("cessation"));
    submit(&mut log, NOW_MS, "cle.revoquee", member, &subject, data.clone(), &["sans-cle/7"]).unwrap();
    let again = submit(&mut log, NOW_MS, "cle.revoquee", "operateur", &subject, data, &[OPERATEUR]);
    assert_eq!(again, Err(Code::CleDejaRevoquee));
    recover(&mut log, NOW_MS, member, "sans-cle/derniere").unwrap();

    for n in 0..=DELEGATIONS_MAX {
        let delegate = format!("delegataire-{n}");
        let data =
            json!({ "organisation": organisation(&delegate), "categorie": "operateur", "denomination": delegate });
        submit(&mut log, NOW_MS, "adherent.inscrit", "operateur", &dossier(&delegate), data, &[OPERATEUR]).unwrap();
        let data = delegation(member, &delegate, &["actes"], NOW_MS + DAY_MS);
        let verdict = submit(&mut log, NOW_MS, "delegation.accordee", member, &subject, data, &["sans-cle/0"]);
        assert_eq!(verdict.err(), (n == DELEGATIONS_MAX).then_some(Code::LimiteAtteinte), "delegate {n}");
    }
    // Another word to a delegate that is one is no further delegation.
    let data = delegation(member, "delegataire-0", &["comptabilite"], NOW_MS + DAY_MS);
    submit(&mut log, NOW_MS, "delegation.accordee", member, &subject, data, &["sans-cle/0"]).unwrap();
    let stored = serde_json::to_string(log.dossier(&subject.parse().unwrap()).unwrap()).unwrap();
    assert!(stored.len() < 16_000, "{} bytes are read for each of its events", stored.len());
}

#[test]
fn two_recovery_keys_replace_what_governs_the_log_and_the_chain_of_its_keys_stands_in_it() {
    let mut log = Monde::new().journal;
    let subject = "registre/greffe.example";
    let chain = |log: &Journal| match log.dossier(&subject.parse().unwrap()) {
        Some(Dossier::Registre(log)) => log.journal.clone(),
        other => panic!("{other:?}"),
    };
    let index = log.size();
    let recovered = |log: &mut Journal, event_type: &str, data: Value, new: &str| {
        let signers = ["registre/recouvrement-1", "registre/recouvrement-3", new];
        submit(log, NOW_MS, event_type, "operateur", subject, data, &signers)
    };
    recovered(&mut log, "registre.journal-remplace", json!({ "vkey": monde::vkey("journal/3") }), "journal/3").unwrap();
    let keys = chain(&log);
    let named: Vec<_> = keys.iter().map(|key| (key.index, key.cle)).collect();
    let first = cle("registre/journal-ancienne").id();
    assert_eq!(named, [(0, first), (2, cle("registre/journal").id()), (index, cle("journal/3").id())]);
    // A head that covers the leaf is signed with the key that it names.
    for (size, expected) in [(0, 0), (1, 0), (2, 0), (3, 1), (index, 1), (index + 1, 2), (u64::MAX, 2)] {
        assert_eq!(CleJournal::of_size(&keys, size), keys.get(expected), "a tree of {size} leaves");
    }
    assert_eq!(CleJournal::of_size(&[], 1), None);
    // A vkey that no reader of notes computes.
    for wrong in [
        monde::vkey("journal/4").replacen(ORIGIN, "autre.example", 1),
        monde::vkey("journal/4").replacen('+', "+0", 1),
        format!("{ORIGIN}+00000000+{}", monde::vkey("journal/4").rsplit_once('+').unwrap().1),
    ] {
        let refused = recovered(&mut log, "registre.journal-remplace", json!({ "vkey": wrong }), "journal/4");
        assert_eq!(refused, Err(Code::DataInvalid), "{wrong}");
    }
    // No key serves twice, and one that is gone is not replaced.
    let used = json!({ "cle": cle("commune/collectivite").id() });
    let refused = recovered(&mut log, "registre.operateur-remplace", used, "commune/collectivite");
    assert_eq!(refused, Err(Code::KeyAlreadyEnrolled));
    let gone = json!({ "ancienne": cle("registre/recouvrement-ancienne").id(), "cle": cle("r/4").id() });
    assert_eq!(recovered(&mut log, "registre.recouvrement-remplace", gone, "r/4"), Err(Code::CleDejaRevoquee));
    // The lost operator's key ends at that leaf, and its successor goes on with all of its rights.
    let new = json!({ "cle": cle("operateur/2").id() });
    recovered(&mut log, "registre.operateur-remplace", new, "operateur/2").unwrap();
    assert_eq!(standing(&log, OPERATEUR, NOW_MS), Some(Standing::Revoked));
    let data = json!({ "organisation": organisation("autre"), "categorie": "commune", "denomination": "Autre" });
    for (key, verdict) in [(OPERATEUR, Err(Code::KeyRevoked)), ("operateur/2", Ok(()))] {
        let told = submit(&mut log, NOW_MS, "adherent.inscrit", "operateur", &dossier("autre"), data.clone(), &[key]);
        assert_eq!(told, verdict, "{key}");
    }
}

#[test]
fn a_key_of_the_log_is_no_key_of_a_member() {
    let mut log = Monde::new().journal;
    let subject = dossier("operateur");
    for key in ["registre/noeud", "registre/recouvrement-1", "registre/journal", OPERATEUR] {
        for (event_type, name, value) in
            [("cle.revoquee", "motif", json!("vol")), ("cle.compromise", "depuis", json!(date(NOW_MS - 1)))]
        {
            let data = json!({ "organisation": organisation("operateur"), "cle": cle(key).id(), name: value });
            let told = submit(&mut log, NOW_MS, event_type, "operateur", &subject, data, &[OPERATEUR]);
            let itself = key == OPERATEUR && event_type == "cle.compromise";
            assert_eq!(told, Err(if itself { Code::KeyNotEntitled } else { Code::DataInvalid }), "{event_type} {key}");
        }
    }
    for role in ["operateur", "registre"] {
        let data = enrolment("operateur", "operateur/2", &[role]);
        let signers = [OPERATEUR, "operateur/collectivite", "operateur/2"];
        let told = submit(&mut log, NOW_MS, "cle.enrolee", "operateur", &subject, data, &signers);
        assert_eq!(told, Err(Code::DataInvalid), "{role}");
    }
}
