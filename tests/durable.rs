//! Promise 1: whatever has a receipt survives a kill at any instant, with no repair step.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use node::*;
use serde_json::Value;

/// Rounds of killing; more by the environment for a longer search.
fn rounds() -> u64 {
    std::env::var("GREFFE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// Posters at once.
const POSTERS: u64 = 4;

/// A change of a member is an event without pieces, and each one's id makes it unique.
fn change(operator: &SecretKey, origin: &str) -> Envelope {
    let mut event = support::member(support::OPERATOR, "operateur");
    event["type"] = "greffe.adherent.modifie.v1".into();
    event["registre"] = origin.into();
    Envelope::sign(event.to_string().into_bytes(), &[operator]).unwrap()
}

#[test]
fn every_receipt_ever_returned_is_there_after_a_kill_at_any_instant() {
    let root = tempfile::tempdir().unwrap();
    let origin = "greffe.essai.invalid";
    let ledger = init(root.path(), origin);
    let operator = SecretKey::from_pem(&std::fs::read_to_string(&ledger.operator_key).unwrap()).unwrap();
    let node = Serving::start(&ledger.dir);
    let post = |url: &str, envelope: &Envelope| -> Option<Value> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer =
            agent.post(format!("{url}/v1/events")).content_type("application/json").send(envelope.to_json()).ok()?;
        let body = answer.body_mut().read_to_string().ok()?;
        match answer.status().as_u16() {
            200 | 201 => serde_json::from_str(&body).ok(),
            503 => None,
            status => panic!("{status}: {body}"),
        }
    };
    let mut member = support::member(support::OPERATOR, "operateur");
    member["registre"] = origin.into();
    post(&node.url, &Envelope::sign(member.to_string().into_bytes(), &[&operator]).unwrap()).unwrap();
    let receipts: Arc<Mutex<HashMap<u64, String>>> = Arc::default();
    let mut serving = Some(node);
    for round in 0..rounds() {
        let node = serving.take().unwrap();
        let url = node.url.clone();
        std::thread::scope(|scope| {
            for _ in 0..POSTERS {
                let (receipts, operator, url) = (&receipts, &operator, &url);
                scope.spawn(move || {
                    loop {
                        let Some(receipt) = post(url, &change(operator, origin)) else { return };
                        let leaf = receipt["leaf"].as_str().unwrap().to_owned();
                        receipts.lock().unwrap().insert(receipt["index"].as_u64().unwrap(), leaf);
                    }
                });
            }
            // Any instant: spread over the first hundreds of milliseconds of load, differently each round.
            std::thread::sleep(Duration::from_millis(60 + round * 97 % 400));
            node.kill();
        });
        let node = Serving::start(&ledger.dir);
        let token = succeed(&["token", "--url", &node.url, "--key", arg(&ledger.operator_key)]);
        for (index, leaf) in receipts.lock().unwrap().iter() {
            let mut answer = ureq::get(format!("{}/v1/events/{index}/receipt", node.url))
                .header("Authorization", format!("Bearer {}", token.trim()))
                .call()
                .unwrap_or_else(|error| {
                    panic!("round {round}: the event at {index} had a receipt and is gone: {error}")
                });
            let receipt: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
            assert_eq!(receipt["leaf"].as_str(), Some(leaf.as_str()), "round {round}: another leaf at {index}");
        }
        serving = Some(node);
    }
    let count = receipts.lock().unwrap().len();
    assert!(count as u64 > rounds(), "only {count} events were recorded: nothing was tested");
    serving.take().unwrap().stop();
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
}
