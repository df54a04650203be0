//! Followers of the feed: a thousand that wait, and some that read nothing. Others post and follow meanwhile.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use greffe::http::auth;
use greffe::http::bounds::{FOLLOWERS_OF_EACH_MAX, WRITE_SILENCE_MAX};
use greffe_events::dsse::Envelope;
use greffe_events::key::SecretKey;
use serde_json::{Value, json};

use crate::charge::{Charge, Dit, ORIGIN};
use crate::node::*;
use crate::reseau::{Occupants, others_are_served};
use crate::support::{COMMUNE, now_ms};
use crate::wait_until;

/// Organisations that follow, each as often as it may.
const ORGANISATIONS: u32 = 16;

/// A node with the usual limit of files, which it may raise.
fn world(dir: &Path) -> (Initialised, Serving, Charge) {
    let ledger = init(dir, ORIGIN);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -Sn 1024; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_greffe")]);
    command.args(["serve", "--dir", arg(&ledger.dir), "--listen", "127.0.0.1:0"]);
    let node = Serving::run(command).unwrap();
    let charge = Charge::enrol(dir, &ledger, &node);
    (ledger, node, charge)
}

/// A SIREN of its own, with its check digit (Luhn).
fn siren(n: u32) -> String {
    let digits = format!("{:08}", 80_000_000 + n);
    let sum: u32 = (0..).zip(digits.bytes().rev()).fold(0, |sum, (at, digit)| {
        let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
        sum + digit / 10 + digit % 10
    });
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn key(file: &Path) -> SecretKey {
    SecretKey::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn token(key: &SecretKey) -> String {
    auth::issue(key, &ORIGIN.parse().unwrap(), now_ms() / 1_000)
}

fn request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n")
}

fn status(node: &Serving, token: &str) -> u16 {
    let request = Charge::agent().get(format!("{}/v1/feed", node.url));
    request.header("Authorization", format!("Bearer {token}")).call().unwrap().status().as_u16()
}

/// Follows until so many leaves of a family have come; their indices.
fn follow(node: &Serving, token: &str, famille: &str, count: usize) -> Vec<u64> {
    let request = Charge::agent().get(format!("{}/v1/feed?famille={famille}", node.url));
    let answer = request.header("Authorization", format!("Bearer {token}")).call().unwrap();
    let lines = BufReader::new(answer.into_body().into_reader()).lines().map(Result::unwrap);
    let leaves = lines.filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    leaves.take(count).map(|leaf| leaf["index"].as_u64().unwrap()).collect()
}

#[test]
fn a_thousand_followers_that_wait_keep_nobody_from_posting() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, node, charge) = world(dir.path());
    let operator = key(&ledger.operator_key);
    let mut held = Vec::new();
    for n in 0..ORGANISATIONS {
        let organisation = format!("urn:siren:{}", siren(n));
        let file = enrol(dir.path(), &node, &ledger.operator_key, &organisation, "commune", "collectivite");
        let reader = key(&file);
        let follows = Occupants::served(&node, FOLLOWERS_OF_EACH_MAX, &request("/v1/feed", &token(&reader)));
        held.push((reader, follows));
    }
    let count: usize = held.iter().map(|(_, follows)| follows.count).sum();
    assert!(count >= 1_000, "{count}");
    let indices = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&node, &token(&operator), "acte", 10));
        others_are_served(&charge, &node);
        follower.join().unwrap()
    });
    assert!(indices.is_sorted() && indices.len() == 10, "{indices:?}");
    // They are there still, so that one more of each is too many.
    for (reader, _) in &held {
        assert_eq!(status(&node, &token(reader)), 429);
    }
}

#[test]
fn followers_that_read_nothing_hold_nobody_and_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, node, charge) = world(dir.path());
    let agent = Charge::agent();
    let commune = key(&dir.path().join(format!("{}.pem", &COMMUNE[10..])));
    // More than what the system takes over from the node on all hands.
    for _ in 0..300 {
        let envelope = charge.prepare(&agent, &node.url).unwrap();
        let mut event: Value = serde_json::from_slice(envelope.payload()).unwrap();
        event["data"]["essai"] = json!("x".repeat(40_000));
        let envelope = Envelope::sign(event.to_string().into_bytes(), &[&commune]).unwrap();
        assert!(matches!(charge.post(&agent, &node.url, &envelope), Dit::Recu { .. }));
    }
    let slow = Occupants::served(&node, 4, &request("/v1/feed", &token(&commune)));
    let rest = FOLLOWERS_OF_EACH_MAX - slow.count;
    let _idle = Occupants::served(&node, rest, &request("/v1/feed?famille=pli", &token(&commune)));
    assert_eq!(status(&node, &token(&commune)), 429);
    others_are_served(&charge, &node);
    let read = follow(&node, &token(&key(&ledger.operator_key)), "acte", 310);
    assert!(read.len() == 310 && read.is_sorted());
    let limit = WRITE_SILENCE_MAX.as_secs() + 15;
    wait_until("they are ended", limit, || status(&node, &token(&commune)) == 200);
}
