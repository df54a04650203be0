//! Whatever happens to rights, in whatever order: a key that ended never signs again.
//!
//! Random histories of two members and a few keys. What ended is kept by a model of its own, from what was admitted alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod journal;
#[path = "matrice/monde.rs"]
#[allow(dead_code)]
mod monde;

use std::collections::HashSet;

use greffe_events::EventType;
use greffe_events::authority::Standing;
use greffe_events::dossier::RECOUVREMENT_MS;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

use journal::Journal;
use monde::{
    NOW_MS, acte, cle, date, dossier, enrolment, of_key, organisation, standing, submit, transmis, transmit, with,
};

/// What may happen to rights: which, of which of two members, with which of a few keys, how many hours later.
type Step = (u8, bool, u8, u8, u8, u8);

/// Which keys ended, by what was admitted and nothing else.
#[derive(Default)]
struct Ended {
    keys: HashSet<String>,
    /// Keys by member, in the order of their enrolment.
    enrolled: Vec<(String, String)>,
    /// Recoveries that wait: member, key, until when.
    pending: Vec<(String, String, u64)>,
}

impl Ended {
    fn end(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
        self.pending.retain(|(_, pending, _)| pending != key);
    }

    fn pass(&mut self, ms: u64) {
        let (over, waiting) = self.pending.drain(..).partition(|(_, _, from_ms)| *from_ms <= ms);
        self.pending = waiting;
        let over: Vec<(String, String, u64)> = over;
        for (member, key, _) in over {
            let before = self.enrolled.iter().take_while(|(_, enrolled)| *enrolled != key);
            let lost: Vec<String> = before.filter(|(of, _)| *of == member).map(|(_, key)| key.clone()).collect();
            self.keys.extend(lost);
        }
    }

    fn take(&mut self, event_type: EventType, member: &str, key: &str, ms: u64) {
        match event_type {
            EventType::CleEnrolee => self.enrolled.push((member.to_owned(), key.to_owned())),
            EventType::CleRecouvree => {
                self.enrolled.push((member.to_owned(), key.to_owned()));
                self.pending.push((member.to_owned(), key.to_owned(), ms + RECOUVREMENT_MS));
            }
            EventType::CleOpposition | EventType::CleRevoquee | EventType::CleCompromise => self.end(key),
            EventType::AdherentSorti => {
                let of: Vec<String> =
                    self.enrolled.iter().filter(|(of, _)| of == member).map(|(_, key)| key.clone()).collect();
                for key in of {
                    self.end(&key);
                }
            }
            _ => {}
        }
    }
}

/// Plays the steps; gives how many events were admitted and how many keys ended.
fn play(steps: &[Step]) -> (usize, usize) {
    let mut log = Journal::default();
    let mut ms = NOW_MS;
    let mut operator = "registre/operateur-ancienne".to_owned();
    submit(&mut log, ms, "registre.ouvert", "operateur", "registre/greffe.example", monde::opening(), &[&operator])
        .unwrap();
    let mut ended = Ended::default();
    let mut admitted = 0;
    for (n, (what, other, key, signer, by_operator, hours)) in steps.iter().enumerate() {
        ms += u64::from(*hours) * 3_600_000;
        ended.pass(ms);
        let member = if *other { "voisine" } else { "commune" };
        let subject = dossier(member);
        let (key, signer) = (format!("{member}/{}", key % 8), format!("{member}/{}", signer % 8));
        let operator_signs = by_operator % 2 == 0;
        let (source, author) = if operator_signs { ("operateur", operator.clone()) } else { (member, signer.clone()) };
        let (event_type, name, data, signers) = match what % 10 {
            0 => {
                let data =
                    json!({ "organisation": organisation(member), "categorie": "commune", "denomination": member });
                (EventType::AdherentInscrit, "adherent.inscrit", data, vec![operator.clone()])
            }
            1 => {
                let data = json!({ "organisation": organisation(member), "motif": "depart" });
                (EventType::AdherentSorti, "adherent.sorti", data, vec![author])
            }
            2 | 3 => {
                let has_keys = ended.enrolled.iter().any(|(of, _)| of == member);
                let cosigner = has_keys.then(|| signer.clone());
                let signers = [Some(operator.clone()), cosigner, Some(key.clone())].into_iter().flatten().collect();
                (EventType::CleEnrolee, "cle.enrolee", enrolment(member, &key, &["collectivite"]), signers)
            }
            4 => {
                let data = enrolment(member, &key, &["collectivite"]);
                (EventType::CleRecouvree, "cle.recouvree", data, vec![operator.clone(), key.clone()])
            }
            5 => (EventType::CleOpposition, "cle.opposition", of_key(&key), vec![signer.clone()]),
            6 => {
                let data = with(of_key(&key), "motif", json!("vol"));
                (EventType::CleRevoquee, "cle.revoquee", data, vec![author])
            }
            7 => {
                let data = with(of_key(&key), "depuis", json!(date(ms)));
                (EventType::CleCompromise, "cle.compromise", data, vec![author])
            }
            8 => {
                let new = format!("registre/{n}");
                let data = json!({ "cle": cle(&new).id() });
                let signers = ["registre/recouvrement-2", "registre/recouvrement-3", &new].map(str::to_owned);
                (EventType::RegistreOperateurRemplace, "registre.operateur-remplace", data, signers.to_vec())
            }
            _ => (EventType::ActeTransmis, "acte.transmis", transmis(), vec![signer.clone()]),
        };
        let (source, subject) = match event_type {
            EventType::RegistreOperateurRemplace => ("operateur", "registre/greffe.example".to_owned()),
            EventType::ActeTransmis => (member, acte(member, &format!("P{n}"))),
            EventType::CleOpposition => (member, subject),
            EventType::AdherentInscrit | EventType::CleEnrolee | EventType::CleRecouvree => ("operateur", subject),
            _ => (source, subject),
        };
        let names: Vec<&str> = signers.iter().map(String::as_str).collect();
        if submit(&mut log, ms, name, source, &subject, data, &names).is_ok() {
            admitted += 1;
            for signer in &signers {
                assert!(!ended.keys.contains(signer), "step {n}: {name} signed by {signer}, which ended");
            }
            if event_type == EventType::RegistreOperateurRemplace {
                ended.end(&operator);
                operator.clone_from(&signers[2]);
            } else {
                ended.take(event_type, member, &key, ms);
            }
        }
        for key in &ended.keys {
            let told = standing(&log, key, ms);
            assert!(!matches!(told, Some(Standing::InForce)), "step {n}: {key} ended and is in force");
            if let Some((member, _)) = key.split_once('/').filter(|(member, _)| *member != "registre") {
                let refused = transmit(&mut log, ms, member, &format!("Q{n}"), key);
                assert!(refused.is_err(), "step {n}: {key} ended and transmits an act");
            }
        }
    }
    (admitted, ended.keys.len())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // The first steps make two members with a key each, so that something can happen.
    let begun = [(0, false, 0, 0, 0, 0), (0, true, 0, 0, 0, 0), (2, false, 0, 0, 0, 0), (2, true, 0, 0, 0, 0)];
    proptest::collection::vec(any::<Step>(), 1..60).prop_map(move |rest| [begun.to_vec(), rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_key_that_ended_never_signs_again(steps in steps()) {
        play(&steps);
    }
}

#[test]
fn the_random_histories_are_not_empty() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut total = (0, 0);
    for _ in 0..20 {
        let (admitted, ended) = play(&steps().new_tree(&mut runner).unwrap().current());
        total = (total.0 + admitted, total.1 + ended);
    }
    assert!(total.0 > 200 && total.1 > 40, "{total:?} events admitted and keys ended");
}
