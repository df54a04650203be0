//! Batches: each line its own result, in order; a bad line harms no other; sent again, nothing is added.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use greffe::http::bounds::{BATCH_BYTES_MAX, BATCH_LINES_MAX};
use greffe::ledger::head::Receipt;
use greffe::tlog::{TlogProof, leaf_hash};
use greffe_events::piece::Empreinte;
use serde_json::{Value, json};

use crate::monde::*;

const NDJSON: &str = "application/x-ndjson";

fn post(node: &Node, body: &str) -> Reply {
    node.send("POST", "/v1/events", &[("content-type", NDJSON)], Some(body.as_bytes()))
}

/// The results of a batch that was taken.
#[track_caller]
fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!((reply.status, reply.header("content-type")), (200, NDJSON), "{}", reply.text());
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// (line, status, code of the problem).
fn outcome(result: &Value) -> (u64, u64, Option<&str>) {
    (result["line"].as_u64().unwrap(), result["status"].as_u64().unwrap(), result["problem"]["code"].as_str())
}

fn index(result: &Value) -> u64 {
    result["receipt"]["index"].as_u64().unwrap()
}

fn acts(numeros: impl IntoIterator<Item = String>) -> Vec<String> {
    numeros.into_iter().map(|numero| envelope(&acte(&numero), &[COMMUNE_KEY])).collect()
}

#[test]
fn a_bad_line_harms_no_other_and_order_is_kept() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let size = node.ledger.head().size;
    let [first, second] = ["L1", "L2"].map(|numero| envelope(&acte(numero), &[COMMUNE_KEY]));
    let forged = first.replace("\"sig\":\"", "\"sig\":\"AAAA");
    let lines = [
        first.clone(),
        "{ this is no JSON".to_owned(),
        // What follows from a line before it is admitted, across sources.
        envelope(&accuse("L1"), &[PREFECTURE_KEY]),
        forged,
        String::new(),
        envelope(&acte("L1"), &[COMMUNE_KEY]),
        envelope(&accuse("L9"), &[PREFECTURE_KEY]),
        second.clone(),
        first.clone(),
        "x".repeat(200_000),
    ];
    let reply = post(&node, &lines.join("\n"));
    let results = results(&reply);
    assert_eq!(
        results.iter().map(outcome).collect::<Vec<_>>(),
        [
            (1, 201, None),
            (2, 400, Some("dsse-malformed")),
            (3, 201, None),
            (4, 400, Some("dsse-malformed")),
            (6, 409, Some("acte-deja-transmis")),
            (7, 409, Some("acte-inconnu")),
            (8, 201, None),
            (9, 200, None),
            (10, 413, Some("too-large")),
        ]
    );
    // Two acts, an acknowledgement, and two refusals between them: in the order of the lines.
    assert_eq!([0, 2, 6].map(|at| index(&results[at])), [size, size + 1, size + 4]);
    assert_eq!([4, 5].map(|at| results[at]["problem"]["refus"]["index"].as_u64().unwrap()), [size + 2, size + 3]);
    assert_eq!(results[7]["receipt"], results[0]["receipt"], "the same bytes in one batch are one event");
    assert_eq!(node.ledger.head().size, size + 5);
    for result in [&results[0], &results[2], &results[6]] {
        let receipt: Receipt = serde_json::from_value(result["receipt"].clone()).unwrap();
        let leaf = data_encoding::BASE64.decode(receipt.leaf.as_bytes()).unwrap();
        TlogProof::parse(receipt.proof.as_bytes()).unwrap().verify(&leaf_hash(&leaf), &node.verifier()).unwrap();
    }
    let problem = &results[4]["problem"];
    assert_eq!((&problem["champ"], &problem["status"]), (&json!("subject"), &json!(409)));
    for name in ["title", "titre", "detail", "conseil"] {
        assert!(!problem[name].as_str().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_member_its_key_and_its_first_act_come_in_one_batch() {
    let node = Node::fresh();
    let lines = [
        envelope(&member(COMMUNE, "commune"), &[OPERATOR_KEY]),
        envelope(&enrolment(COMMUNE, COMMUNE_KEY, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY]),
        envelope(&acte("M"), &[COMMUNE_KEY]),
    ];
    let results = results(&post(&node, &format!("{}\r\n", lines.join("\r\n"))));
    let codes: Vec<_> = results.iter().map(outcome).collect();
    assert_eq!(codes, [(1, 201, None), (2, 201, None), (3, 422, Some("piece-missing"))]);
    // Whoever was answered can read at once.
    node.get_as(COMMUNE_KEY, &format!("/v1/events/{}", index(&results[1]))).expect(200);
}

#[test]
fn a_batch_sent_again_adds_nothing_even_after_a_restart() {
    let mut node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let lines = acts((0..300).map(|n| format!("R{n}")));
    let body = lines.join("\n") + "\n";
    let first = results(&post(&node, &body));
    assert!(first.iter().all(|result| result["status"] == 201), "{first:?}");
    let indices: Vec<u64> = first.iter().map(index).collect();
    assert_eq!(indices, (indices[0]..indices[0] + 300).collect::<Vec<_>>());
    let size = node.ledger.head().size;
    for again in 0..2 {
        if again == 1 {
            node = node.restarted();
        }
        // In another company and another order, after some that are new.
        let new = acts([format!("N{again}")]);
        let reversed: Vec<_> = new.iter().chain(lines.iter().rev()).cloned().collect();
        let repeated = results(&post(&node, &reversed.join("\n")));
        assert_eq!(repeated[0]["status"], 201);
        for (known, original) in repeated[1..].iter().zip(first.iter().rev()) {
            assert_eq!((&known["status"], index(known)), (&json!(200), index(original)));
            assert_eq!(known["receipt"]["leaf"], original["receipt"]["leaf"]);
        }
        assert_eq!(node.ledger.head().size, size + 1 + again);
    }
    let single = node.post_bytes(lines[7].as_bytes());
    assert_eq!(single.expect(200).json()["index"], indices[7]);
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let size = node.ledger.head().size;
    let good = envelope(&acte("W"), &[COMMUNE_KEY]);
    let too_many = [vec![good.as_str()], vec!["{}"; BATCH_LINES_MAX]].concat().join("\n");
    let too_long = format!("{good}\n{}", "x\n".repeat(BATCH_BYTES_MAX / 2));
    for (body, status, code) in [
        ("", 400, "dsse-malformed"),
        (" \n\r\n", 400, "dsse-malformed"),
        (too_many.as_str(), 413, "too-large"),
        (too_long.as_str(), 413, "too-large"),
    ] {
        assert_eq!(post(&node, body).problem(), (status, code.to_owned()));
    }
    assert_eq!(node.ledger.head().size, size, "not even its good line");
    let most = [vec![good.as_str()], vec!["{}"; BATCH_LINES_MAX - 1]].concat().join("\n");
    let results = results(&post(&node, &most));
    assert_eq!((results.len(), &results[0]["status"]), (BATCH_LINES_MAX, &json!(201)));
    assert_eq!(outcome(&results[BATCH_LINES_MAX - 1]), (BATCH_LINES_MAX as u64, 400, Some("dsse-malformed")));
}

#[test]
fn a_batch_that_breaks_off_leaves_nothing() {
    use std::io::Write;
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let size = node.ledger.head().size;
    let body = acts((0..20).map(|n| format!("B{n}"))).join("\n");
    let mut stream = TcpStream::connect(&node.address).unwrap();
    let head =
        format!("POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: {NDJSON}\r\ncontent-length: 1000000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    // The server says why, or closes; either way nothing is recorded.
    let _ = Read::read_to_string(&mut stream, &mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(results(&post(&node, &body)).iter().filter(|result| result["status"] == 201).count(), 20);
    assert_eq!(node.ledger.head().size, size + 20);
}

#[test]
fn a_batch_is_told_as_a_whole_that_the_node_stops() {
    let node = Node::open();
    node.ledger.close().unwrap();
    let reply = post(&node, &acts(["S1".to_owned(), "S2".to_owned()]).join("\n"));
    assert_eq!(reply.problem(), (503, "stopping".to_owned()));
    assert!(!reply.header("retry-after").is_empty());
}

#[test]
fn a_body_that_comes_byte_by_byte_takes_no_more_room_than_its_bytes() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let mut stream = TcpStream::connect(&node.address).unwrap();
    let head =
        format!("POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: {NDJSON}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // As many pieces of a body as there are KiB for all batches, and some more.
    stream.write_all(&b"1\r\nx\r\n".repeat(70_000)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let answered = stream.read(&mut [0; 1_000]);
    assert!(answered.is_err(), "it is still being read: {answered:?}");
    let lines = acts(["G1".to_owned()]);
    assert_eq!(results(&post(&node, &lines[0])).len(), 1);
}

#[test]
fn what_a_line_erases_no_later_line_cites() {
    let node = Node::open();
    node.deposit(COMMUNE_KEY, PDF, None).expect(201);
    let [first, second] = ["E1", "E2"].map(|numero| envelope(&acte(numero), &[COMMUNE_KEY]));
    let erasure = envelope(&effacement(COMMUNE, Empreinte::of(PDF)), &[OPERATOR_KEY]);
    // Looked for together before any of them is decided, the piece is there for all.
    let results = results(&post(&node, &[first, erasure, second].join("\n")));
    assert_eq!(results.iter().map(outcome).collect::<Vec<_>>()[..2], [(1, 201, None), (2, 201, None)]);
    assert_eq!(outcome(&results[2]), (3, 422, Some("piece-missing")));
}
