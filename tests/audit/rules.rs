//! The operator itself writes what must not stand in a log, and signs it with the log's true key: the tree is right, so
//! only the rules tell. Each case breaks one rule, and exactly that one is told.

use greffe::audit::Verdict;
use greffe_events::leaf::Leaf;
use serde_json::{Value, json};

use crate::world::{
    COMMUNE, OPERATOR, OTHER_COMMUNE, World, acknowledgement, act, act_subject, codes, codes_at, enrolment, event, key,
    member, next, next_after, now_ms, payload,
};

type Change = fn(&mut Leaf);

fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[test]
fn each_rule_that_a_new_leaf_breaks_is_told_at_that_leaf_and_no_other_is() {
    let world = World::new();
    let (node, commune, other, operator) = (&world.node_key, &key(10), &key(11), &key(1));
    let (prefecture, nobody) = (&key(12), &key(77));
    let good = act(COMMUNE, 9);
    let long_ago = greffe_events::horodatage::Horodatage::from_unix_ms(now_ms() - 8 * 24 * 3_600_000);
    let refusal = payload(&world.leaves[world.refusal]);
    let fresh_refusal =
        |change: &dyn Fn(Value) -> Value| change(with(refusal.clone(), "/id", json!(greffe_events::Uuid::now_v7())));
    let stranger = json!(key(77).id());
    let cases = [
        ("a good act", good.clone(), vec![commune], None),
        (
            "another log's event",
            with(good.clone(), "/registre", json!("autre.example")),
            vec![commune],
            Some("registre-wrong"),
        ),
        ("signed long ago", with(good.clone(), "/time", json!(long_ago)), vec![commune], Some("time-out-of-range")),
        (
            "an unknown type",
            with(good.clone(), "/type", json!("greffe.acte.vole.v1")),
            vec![commune],
            Some("event-malformed"),
        ),
        (
            "a field that is wrong",
            with(good.clone(), "/data/matiere", json!("7")),
            vec![commune],
            Some("event-malformed"),
        ),
        ("another commune's key", good.clone(), vec![other], Some("authority")),
        ("a key never enrolled", good.clone(), vec![nobody], Some("authority")),
        ("one signature too many", good.clone(), vec![commune, other], Some("authority")),
        ("an act of another", with(good.clone(), "/source", json!(OTHER_COMMUNE)), vec![other], Some("authority")),
        ("an act twice", act(COMMUNE, 1), vec![commune], Some("life-cycle")),
        (
            "an acknowledgement of nothing",
            acknowledgement(&act_subject(COMMUNE, 77)),
            vec![prefecture],
            Some("life-cycle"),
        ),
        ("a member twice", member(COMMUNE, "commune"), vec![operator], Some("life-cycle")),
        ("a good refusal", fresh_refusal(&|event| event), vec![node], None),
        ("the same id again", refusal.clone(), vec![node], Some("identity-repeated")),
        (
            "a refusal for no reason",
            fresh_refusal(&|event| with(event, "/data/code", json!("humeur"))),
            vec![node],
            Some("refusal-malformed"),
        ),
        (
            "a refusal that is never recorded",
            fresh_refusal(&|event| with(event, "/data/code", json!("registre-ferme"))),
            vec![node],
            Some("refusal-malformed"),
        ),
        (
            "a refusal of nobody",
            fresh_refusal(&|event| with(event, "/data/cle", stranger.clone())),
            vec![node],
            Some("refusal-malformed"),
        ),
        ("a refusal by a member", fresh_refusal(&|event| event), vec![commune], Some("authority")),
    ];
    for (what, event, keys, expected) in cases {
        let mut leaves = world.leaves.clone();
        leaves.push(next(&leaves, &event, &keys));
        let report = world.judge(&leaves, &world.sign(&leaves));
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(
            (codes(&report), codes_at(&report, leaves.len() - 1)),
            (expected.clone(), expected),
            "{what}: {report}"
        );
    }
}

#[test]
fn a_leaf_that_misplaces_itself_is_told() {
    let world = World::new();
    let good = act(COMMUNE, 9);
    let cases: [(&str, Change, &[&str]); 6] = [
        ("nothing", |_| (), &[]),
        ("a gap in the rank", |leaf| leaf.rank += 1, &["rank-wrong"]),
        ("a rank used before", |leaf| leaf.rank -= 1, &["rank-wrong"]),
        ("a dossier that was open", |leaf| leaf.previous = Some(0), &["previous-wrong"]),
        (
            "far in the past",
            |leaf| (leaf.recorded_at_ms, leaf.received_at_ms) = (leaf.recorded_at_ms - 1, 0),
            &["recorded-at-decreases"],
        ),
        ("long after it was signed", |leaf| leaf.recorded_at_ms += 8 * 24 * 3_600_000, &["time-out-of-range"]),
    ];
    for (what, change, expected) in cases {
        let mut leaves = world.leaves.clone();
        leaves.push(next_after(&leaves, &good, &[&key(10)], change));
        let report = world.judge(&leaves, &world.sign(&leaves));
        assert_eq!(codes(&report), expected, "{what}: {report}");
        if !expected.is_empty() {
            assert_eq!(codes_at(&report, leaves.len() - 1), expected, "{what}");
        }
    }
    // One fault is told once: what follows counts from what stands there.
    let mut leaves = world.leaves.clone();
    leaves.push(next_after(&leaves, &good, &[&key(10)], |leaf| leaf.rank += 5));
    let offset = next_after(&leaves, &act(COMMUNE, 10), &[&key(10)], |leaf| leaf.rank += 5);
    leaves.push(offset);
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!(report.doubts_total(), 1, "{report}");
}

#[test]
fn a_key_enrolled_without_right_gives_none() {
    let world = World::new();
    let mut leaves = world.leaves.clone();
    // A second key for the commune, without one of its own agreeing.
    leaves.push(next(&leaves, &enrolment(OPERATOR, COMMUNE, 20, &["collectivite"]), &[&key(1), &key(20)]));
    leaves.push(next(&leaves, &act(COMMUNE, 9), &[&key(20)]));
    let report = world.judge(&leaves, &world.sign(&leaves));
    let (enrolled, used) = (leaves.len() - 2, leaves.len() - 1);
    assert_eq!(
        (codes_at(&report, enrolled), codes_at(&report, used)),
        (vec!["authority"], vec!["authority"]),
        "{report}"
    );
    // With that agreement it does.
    leaves.truncate(enrolled);
    leaves.push(next(&leaves, &enrolment(OPERATOR, COMMUNE, 20, &["collectivite"]), &[&key(1), &key(10), &key(20)]));
    leaves.push(next(&leaves, &act(COMMUNE, 9), &[&key(20)]));
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!((report.verdict, report.counts.keys), (Verdict::Good, 10), "{report}");
    // A badly signed enrolment gives nothing either.
    let mut enrolling = Leaf::decode(&leaves[enrolled]).unwrap();
    let (payload, mut signatures) = enrolling.envelope.into_parts();
    signatures[0].1.0[40] ^= 1;
    enrolling.envelope = greffe_events::dsse::Envelope::new(payload, signatures).unwrap();
    leaves[enrolled] = enrolling.encode();
    let report = world.judge(&leaves, &world.sign(&leaves));
    let told = (codes_at(&report, enrolled), codes_at(&report, used));
    assert_eq!(told, (vec!["signature-invalid"], vec!["authority"]), "{report}");
}

#[test]
fn a_history_begins_with_its_opening_and_opens_once() {
    let world = World::new();
    let headless = &world.leaves[1..];
    let report = world.judge(headless, &world.sign(headless));
    assert!(codes_at(&report, 0).contains(&"opening-missing"), "{report}");

    // The opening may not be undone by a second one, however well signed.
    let mut leaves = world.leaves.clone();
    let again = with(payload(&leaves[0]), "/id", json!(greffe_events::Uuid::now_v7()));
    leaves.push(next(&leaves, &again, &[&key(1)]));
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!(codes_at(&report, leaves.len() - 1), ["life-cycle"], "{report}");

    // A vkey that is none.
    let opening = payload(&world.leaves[0]);
    let vkey = opening["data"]["vkey"].as_str().unwrap();
    let wrong = vkey.replacen(&vkey[15..23], "00000000", 1);
    let opening = event("registre.ouvert", OPERATOR, "registre/greffe.example", opening["data"].clone());
    let opening = with(opening, "/data/vkey", json!(wrong));
    let leaves = [next_after(&[], &opening, &[&key(1)], |leaf| {
        (leaf.recorded_at_ms, leaf.received_at_ms) = (now_ms(), now_ms());
    })];
    let report = world.judge(&leaves, &world.sign(&leaves));
    assert_eq!((codes(&report), codes_at(&report, 0)), (vec!["opening-invalid"], vec!["opening-invalid"]), "{report}");
}
