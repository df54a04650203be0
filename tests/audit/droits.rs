//! Rights over time, as the auditor sees them: by the leaf's own moment, and what is disputed told apart from what is doubted.

use greffe::audit::Verdict;
use greffe_events::horodatage::Horodatage;
use greffe_events::key::SecretKey;
use greffe_events::leaf::Leaf;
use serde_json::{Value, json};

use crate::world::{COMMUNE, OPERATOR, OTHER_COMMUNE, World, act, codes, codes_at, enrolment, event, key, next_after};

const HOUR_MS: u64 = 3_600_000;

fn recorded_at(leaf: &[u8]) -> u64 {
    Leaf::decode(leaf).unwrap().recorded_at_ms
}

/// Adds a leaf that is signed and recorded at an instant.
fn add(leaves: &mut Vec<Vec<u8>>, at_ms: u64, mut event: Value, keys: &[&SecretKey]) {
    event["time"] = json!(Horodatage::from_unix_ms(at_ms));
    let leaf = next_after(leaves, &event, keys, |leaf| {
        (leaf.recorded_at_ms, leaf.received_at_ms) = (at_ms, at_ms);
    });
    leaves.push(leaf);
}

fn dossier(organisation: &str) -> String {
    format!("adherent/{}", &organisation[10..])
}

#[test]
fn what_a_compromised_key_signed_is_disputed_and_not_doubted() {
    let world = World::new();
    let mut leaves = world.leaves.clone();
    let now_ms = recorded_at(leaves.last().unwrap());
    let of_key = |leaf: &&Vec<u8>| Leaf::decode(leaf).unwrap().envelope.signers().any(|signer| signer == key(10).id());
    let compromised = |since_ms: u64| {
        let data =
            json!({ "organisation": COMMUNE, "cle": key(10).id(), "depuis": Horodatage::from_unix_ms(since_ms) });
        event("cle.compromise", OPERATOR, &dossier(COMMUNE), data)
    };
    let first_act_ms = recorded_at(&leaves[world.act]);
    let since = |ms: u64, leaves: &[Vec<u8>]| {
        leaves.iter().filter(of_key).filter(|leaf| recorded_at(leaf) >= ms).count() as u64
    };
    let all = leaves.iter().filter(of_key).count() as u64;
    assert!(all > since(first_act_ms, &leaves) && since(first_act_ms, &leaves) >= 3);

    let until = leaves.len() as u64;
    add(&mut leaves, now_ms, compromised(first_act_ms), &[&key(1)]);
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!(report.verdict, Verdict::Good, "{report}");
    let [dispute] = report.disputes.as_slice() else { panic!("{report}") };
    assert_eq!((dispute.key, dispute.organisation.to_string().as_str()), (key(10).id(), COMMUNE));
    assert_eq!((dispute.until, dispute.leaves), (until, since(first_act_ms, &world.leaves)));
    assert!(report.to_string().contains(&format!("disputed: {} leaves signed by {}", dispute.leaves, key(10).id())));

    // Later it turns out to be worse: the same dispute, wider. A narrower word takes nothing back.
    for ms in [0, now_ms] {
        add(&mut leaves, now_ms, compromised(ms), &[&key(1)]);
        let report = world.judge(&leaves, &world.sign(&leaves));
        let [dispute] = report.disputes.as_slice() else { panic!("{report}") };
        assert_eq!((dispute.until, dispute.leaves, report.verdict), (until, all, Verdict::Good));
    }
    // And what it signs from then on had no right to be there.
    add(&mut leaves, now_ms, act(COMMUNE, 9), &[&key(10)]);
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!(
        (codes(&report), codes_at(&report, leaves.len() - 1)),
        (vec!["authority"], vec!["authority"]),
        "{report}"
    );
}

#[test]
fn a_recovered_key_is_believed_from_the_72nd_hour_on_and_the_lost_one_until_then() {
    let world = World::new();
    let now_ms = recorded_at(world.leaves.last().unwrap());
    let in_force_ms = now_ms + 72 * HOUR_MS;
    let recovered = |leaves: &mut Vec<Vec<u8>>| {
        let mut recovery = enrolment(OPERATOR, OTHER_COMMUNE, 21, &["collectivite"]);
        recovery["type"] = json!("greffe.cle.recouvree.v1");
        add(leaves, now_ms, recovery, &[&key(1), &key(21)]);
    };
    let object = |leaves: &mut Vec<Vec<u8>>| {
        let data = json!({ "organisation": OTHER_COMMUNE, "cle": key(21).id() });
        add(leaves, now_ms, event("cle.opposition", OTHER_COMMUNE, &dossier(OTHER_COMMUNE), data), &[&key(11)]);
    };
    for (objected, at_ms, seed, expected) in [
        (false, in_force_ms - 1, 21, Some("authority")),
        (false, in_force_ms - 1, 11, None),
        (false, in_force_ms, 21, None),
        (false, in_force_ms, 11, Some("authority")),
        (true, in_force_ms, 21, Some("authority")),
        (true, in_force_ms, 11, None),
    ] {
        let mut leaves = world.leaves.clone();
        recovered(&mut leaves);
        if objected {
            object(&mut leaves);
        }
        add(&mut leaves, at_ms, act(OTHER_COMMUNE, 9), &[&key(seed)]);
        let report = world.judge(&leaves, &world.sign(&leaves));
        let found: Vec<&str> = codes(&report);
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{objected} {at_ms} {seed}: {report}");
    }
}

#[test]
fn a_delegate_is_believed_while_its_delegation_lasts() {
    const GATEWAY: &str = "urn:iso6523:0060:passerelle";
    let world = World::new();
    let now_ms = recorded_at(world.leaves.last().unwrap());
    let mut begun = world.leaves.clone();
    let gateway = "adherent/0060:passerelle";
    let data = json!({ "organisation": GATEWAY, "categorie": "operateur", "denomination": "Passerelle" });
    add(&mut begun, now_ms, event("adherent.inscrit", OPERATOR, gateway, data), &[&key(1)]);
    let mut enrolled = enrolment(OPERATOR, COMMUNE, 30, &["transmetteur"]);
    (enrolled["subject"], enrolled["data"]["organisation"]) = (json!(gateway), json!(GATEWAY));
    add(&mut begun, now_ms, enrolled, &[&key(1), &key(30)]);
    let until_ms = now_ms + HOUR_MS;
    let data = json!({
        "organisation": COMMUNE, "delegataire": GATEWAY, "familles": ["actes"],
        "jusqu": Horodatage::from_unix_ms(until_ms),
    });
    let mut granted = begun.clone();
    add(&mut granted, now_ms, event("delegation.accordee", COMMUNE, &dossier(COMMUNE), data), &[&key(10)]);
    let mut withdrawn = granted.clone();
    let data = json!({ "organisation": COMMUNE, "delegataire": GATEWAY });
    add(&mut withdrawn, now_ms, event("delegation.retiree", OPERATOR, &dossier(COMMUNE), data), &[&key(1)]);
    for (leaves, at_ms, source, expected) in [
        (&begun, now_ms, COMMUNE, Some("authority")),
        (&granted, until_ms - 1, COMMUNE, None),
        (&granted, until_ms, COMMUNE, Some("authority")),
        (&granted, now_ms, OTHER_COMMUNE, Some("authority")),
        (&withdrawn, now_ms, COMMUNE, Some("authority")),
    ] {
        let mut leaves = leaves.clone();
        add(&mut leaves, at_ms, act(source, 9), &[&key(30)]);
        let report = world.judge(&leaves, &world.sign(&leaves));
        assert_eq!(codes(&report), expected.into_iter().collect::<Vec<_>>(), "{at_ms} {source}: {report}");
    }
}
