//! The edges: wrong paths and methods, limits, health, the end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use greffe::vues::toutes;
use greffe_events::piece::{Empreinte, PIECE_BYTES_MAX};
use greffe_projections::legalite::Legalite;
use greffe_projections::{ApplyError, Projection, Recorded, Writer, file};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

use crate::monde::*;

/// Sends bytes as they are on a connection of their own.
fn connect(node: &Node, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&node.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Reads until this text has come.
fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let (mut read, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut chunk).unwrap();
        read.extend_from_slice(&chunk[..count]);
        let so_far = String::from_utf8_lossy(&read);
        if so_far.contains(text) || count == 0 {
            assert!(so_far.contains(text), "{so_far}");
            return so_far.into_owned();
        }
    }
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_not_in_the_api_is_answered_with_a_problem() {
    let node = Node::fresh();
    for path in ["/rien", "/v1", "/v1/pes", "/openapi.yaml", "/v1/events/0/leaf", "/v1/events/", "/.well-known/"] {
        assert_eq!(node.get(path).problem(), (404, "not-found".to_owned()), "{path}");
    }
    for path in [
        "/v1/events/-1",
        "/v1/events/01",
        "/v1/events/x",
        "/v1/events/99999999999999999999",
        "/v1/actes/x",
        "/v1/pieces/x",
    ] {
        assert_eq!(node.get_as(OPERATOR_KEY, path).problem(), (404, "not-found".to_owned()), "{path}");
    }
    for (method, path, allowed) in [
        ("DELETE", "/v1/events/0", "GET"),
        ("DELETE", "/v1/events", "POST"),
        ("POST", "/checkpoint", "GET"),
        ("DELETE", "/v1/pieces/x", "PUT"),
        ("PUT", "/v1/actes", "GET"),
    ] {
        let body: Option<&[u8]> = if method == "GET" || method == "DELETE" { None } else { Some(b"") };
        let reply = node.send(method, path, &[], body);
        assert_eq!(reply.problem(), (405, "method-not-allowed".to_owned()), "{method} {path}");
        assert!(reply.header("allow").contains(allowed), "{method} {path}: {}", reply.header("allow"));
    }
    let authorization = format!("Bearer {}", token(OPERATOR_KEY));
    let headers = [("authorization", authorization.as_str()), ("accept", "application/pdf")];
    assert_eq!(node.send("GET", "/v1/events/0/receipt", &headers, None).problem(), (406, "not-acceptable".to_owned()));
}

#[test]
fn every_answer_has_an_id_of_its_own_and_the_headers_of_an_api() {
    let node = Node::fresh();
    let mut ids = Vec::new();
    for path in ["/checkpoint", "/health/live", "/nowhere", "/v1/actes"] {
        let reply = node.get(path);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(reply.header("cache-control"), "no-store");
        ids.push(reply.header("x-request-id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert!(ids.len() == 4 && ids.iter().all(|id| id.len() == 36), "{ids:?}");
}

#[test]
fn a_request_is_named_by_whoever_asks_or_by_the_node_the_same_everywhere() {
    let node = Node::fresh();
    let ask = |path: &str, headers: &[(&str, &str)]| node.send("GET", path, headers, None);
    for path in ["/checkpoint", "/nowhere", "/v1/actes", "/v1/proof/inclusion?index=x"] {
        let reply = ask(path, &[("x-request-id", "mairie-42_a.1")]);
        assert_eq!(reply.header("x-request-id"), "mairie-42_a.1", "{path}");
        if reply.status != 200 {
            assert_eq!(reply.json()["requete"], "mairie-42_a.1", "{path}");
        }
    }
    let long = "a".repeat(65);
    for bad in ["", "a b", "<script>", "é", long.as_str()] {
        let reply = ask("/nowhere", &[("x-request-id", bad)]);
        let id = reply.header("x-request-id").to_owned();
        assert!(id != bad && id.parse::<greffe_events::Uuid>().is_ok(), "{bad:?}: {id}");
        assert_eq!(reply.json()["requete"], id, "{bad:?}");
    }
    let two = ask("/nowhere", &[("x-request-id", "a"), ("x-request-id", "b")]);
    assert!(two.header("x-request-id").parse::<greffe_events::Uuid>().is_ok());
}

#[test]
fn a_filter_that_is_misspelt_does_not_filter_nothing() {
    let node = Node::fresh();
    for (query, champ) in [
        ("siren=214502495", Some("siren")),
        ("departement=39", Some("departement")),
        ("nature=XX", Some("nature")),
        ("etat=perdu", Some("etat")),
        ("limit=0", Some("limit")),
        ("limit=1001", Some("limit")),
        ("apres=0", Some("apres")),
        ("limit=x", Some("limit")),
        ("limit=4294967296", Some("limit")),
        ("limit=", Some("limit")),
        ("at_least=-1", Some("at_least")),
        ("sirene=214502494", Some("sirene")),
        ("etat=recu&etat=transmis", Some("etat")),
    ] {
        let reply = node.get_as(OPERATOR_KEY, &format!("/v1/actes?{query}"));
        assert_eq!(reply.problem(), (400, "query-invalid".to_owned()), "{query}");
        assert_eq!(reply.json()["champ"].as_str(), champ, "{query}");
    }
    for (path, champ) in [
        ("/v1/flux/totaux", "budget"),
        ("/v1/factures?annee=deux", "annee"),
        ("/v1/adherents?membre=oui", "membre"),
        ("/v1/proof/inclusion?index=1.5", "index"),
        ("/v1/events?limit=tout", "limit"),
    ] {
        let reply = node.get_as(OPERATOR_KEY, path);
        assert_eq!((reply.problem(), reply.json()["champ"].as_str()), ((400, "query-invalid".to_owned()), Some(champ)));
    }
    let long = node.get_as(OPERATOR_KEY, &format!("/v1/actes?{}=1", "a".repeat(5_000)));
    assert!(long.problem().1 == "query-invalid" && long.text().len() < 2_000);
}

#[test]
fn a_piece_that_is_too_large_is_refused_before_it_is_sent() {
    let node = Node::open();
    let head = format!(
        "PUT /v1/pieces/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        Empreinte::of(b""),
        deposit_token(COMMUNE_KEY, &format!("/v1/pieces/{}", Empreinte::of(b"")), None),
        PIECE_BYTES_MAX + 1
    );
    let answer = read_until(&mut connect(&node, &head), "too-large");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let node = Node::open();
    let depot = node.folder.pieces().join("depot");
    let files = || std::fs::read_dir(&depot).unwrap().count();
    let head = format!(
        "PUT /v1/pieces/{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\nbegin",
        Empreinte::of(PDF),
        deposit_token(COMMUNE_KEY, &format!("/v1/pieces/{}", Empreinte::of(PDF)), None)
    );
    let stream = connect(&node, &head);
    wait_until("the upload begins", || files() == 1);
    drop(stream);
    wait_until("the upload is swept away", || files() == 0);
}

#[test]
fn who_asks_for_what_the_view_has_not_gets_a_delay_and_not_an_old_answer() {
    let node = Node::open();
    let last = node.ledger.head().size - 1;
    node.get_as(OPERATOR_KEY, &format!("/v1/actes?at_least={last}")).expect(200);
    // Somebody else writes into the view's file: the view can't.
    let mut view = Connection::open(file::path(&node.folder.views(), &Legalite)).unwrap();
    let held = view.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let index = node.transmit("V");
    for path in [format!("/v1/actes?at_least={index}"), format!("/v1/actes/{}?at_least={index}", id_acte("V"))] {
        let reply = node.get_as(OPERATOR_KEY, &path);
        assert_eq!(reply.problem(), (503, "view-behind".to_owned()));
        assert!(!reply.header("retry-after").is_empty());
    }
    held.finish().unwrap();
    node.get_as(OPERATOR_KEY, &format!("/v1/actes/{}?at_least={index}", id_acte("V"))).expect(200);
}

#[test]
fn who_waits_for_a_leaf_that_the_log_has_not_is_told_at_once_where_the_log_ends() {
    let node = Node::fresh();
    let size = node.ledger.head().size;
    let start = Instant::now();
    for at_least in [size, 1_000, u64::MAX] {
        for path in ["/v1/actes", &format!("/v1/actes/{}", id_acte("V")), "/v1/journal", "/v1/factures"] {
            let reply = node.get_as(OPERATOR_KEY, &format!("{path}?at_least={at_least}"));
            assert_eq!(reply.problem(), (409, "index-ahead".to_owned()), "{path}");
            let problem = reply.json();
            assert_eq!(problem["champ"], "at_least");
            assert!(problem["conseil"].as_str().unwrap().contains(&format!("à l'indice {} ", size - 1)), "{problem}");
        }
    }
    assert!(start.elapsed() < greffe::http::bounds::VIEW_WAIT_MAX);
    node.get_as(OPERATOR_KEY, &format!("/v1/journal?at_least={}", size - 1)).expect(200);
}

#[test]
fn health_says_that_the_node_lives_and_whether_it_writes() {
    let node = Node::fresh();
    assert_eq!(node.get("/health/live").expect(200).json(), json!({ "status": "live" }));
    assert_eq!(node.get("/health/ready").expect(200).json()["status"], "ready");
    // The sequencer ends; the process still answers, but takes nothing.
    node.ledger.close().unwrap();
    node.get("/health/live").expect(200);
    let not_ready = node.get("/health/ready");
    assert_eq!(not_ready.problem(), (503, "not-ready".to_owned()));
    assert!(not_ready.json()["detail"].as_str().unwrap().contains("ecriture"));
    let stopped = node.post(&member(COMMUNE, "commune"), &[OPERATOR_KEY]);
    assert_eq!(stopped.problem(), (503, "stopping".to_owned()));
    assert!(!stopped.header("retry-after").is_empty());
}

#[test]
fn the_figures_tell_what_happened_and_of_nobody() {
    let node = Node::open();
    node.transmit("F1");
    node.post(&accuse("F2"), &[PREFECTURE_KEY]).expect(409);
    node.get("/nowhere");
    node.get_as(OPERATOR_KEY, &format!("/v1/journal?at_least={}", node.ledger.head().size - 1)).expect(200);
    let reply = node.get("/metrics");
    let text = reply.expect(200).text();
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    let head = node.ledger.head().size;
    for line in [
        format!("greffe_head_leaves {head}"),
        // Everything but the opening and the leaf of the refusal.
        format!("greffe_events_total{{outcome=\"recorded\"}} {}", head - 2),
        "greffe_events_total{outcome=\"refused\"} 1".to_owned(),
        "greffe_refusals_total{code=\"acte-inconnu\"} 1".to_owned(),
        "greffe_problems_total{code=\"acte-inconnu\"} 1".to_owned(),
        "greffe_problems_total{code=\"not-found\"} 1".to_owned(),
        "greffe_queue_events 0".to_owned(),
        "greffe_http_requests_total{method=\"GET\",route=\"aucune\",status=\"404\"} 1".to_owned(),
        "greffe_http_requests_total{method=\"POST\",route=\"/v1/events\",status=\"409\"} 1".to_owned(),
        "greffe_http_requests_in_flight 1".to_owned(),
        format!("greffe_view_position_leaves{{view=\"journal\"}} {head}"),
        "greffe_view_lag_seconds{view=\"journal\"} 0.0".to_owned(),
        format!("greffe_stage_seconds_count{{stage=\"append\"}} {}", head - 1),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("siren") && !text.contains("ed25519") && !text.contains("acte/"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

/// A view that can't apply what a member is.
struct Broken;

impl Projection for Broken {
    fn name(&self) -> &'static str {
        "legalite"
    }

    fn version(&self) -> u32 {
        1
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch("CREATE TABLE rien(a INTEGER) STRICT")
    }

    fn tables(&self) -> &'static [&'static str] {
        &["rien"]
    }

    fn apply(&self, _: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        if leaf.index() == 1 { Err(ApplyError::leaf("/srv/greffe is no member")) } else { Ok(()) }
    }
}

#[test]
fn a_view_that_is_stopped_shows_in_health_and_nothing_else_stops() {
    let mut views = toutes();
    views[0] = Box::new(Broken);
    let node = Node::with_views(views);
    node.get("/health/ready").expect(200);
    node.post(&member(COMMUNE, "commune"), &[OPERATOR_KEY]).expect(201);
    let stopped = node.get_as(OPERATOR_KEY, "/v1/actes?at_least=1");
    assert_eq!(stopped.problem(), (503, "view-stopped".to_owned()));
    let not_ready = node.get("/health/ready");
    assert_eq!(not_ready.problem(), (503, "not-ready".to_owned()));
    let problem = not_ready.json();
    assert!(problem["detail"].as_str().unwrap().starts_with("vue legalite: stopped at event 1: "), "{problem}");
    let told = |view: &str| problem["vues"].as_array().unwrap().iter().find(|vue| vue["vue"] == view).unwrap().clone();
    let legalite = told("legalite");
    assert_eq!(
        (&legalite["etat"], &legalite["evenement"], &legalite["position"]),
        (&json!("arretee"), &json!(1), &json!(1))
    );
    // Where a file is, or what the event says, is for the node's log.
    assert!(!problem.to_string().contains("/srv/greffe"), "{problem}");
    assert!(["suit", "rattrape"].contains(&told("journal")["etat"].as_str().unwrap()));
    let figures = node.get("/metrics").text();
    for line in ["greffe_view_following{view=\"legalite\"} 0", "greffe_view_following{view=\"marches\"} 1"] {
        assert!(figures.lines().any(|found| found == line), "{line}\n{figures}");
    }
    let figure = |name: &str| {
        let line = figures.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{figures}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!((figure("greffe_view_lag_leaves{view=\"legalite\"}") - 1.0).abs() < 1e-9);
    assert!((figure("greffe_view_built_ratio{view=\"legalite\"}") - 0.5).abs() < 1e-9);
    assert!(figure("greffe_view_lag_seconds{view=\"legalite\"}") > 0.0, "the first leaf not applied has an age");
    node.get_as(OPERATOR_KEY, "/v1/adherents?at_least=1").expect(200);
    node.post(&enrolment(COMMUNE, COMMUNE_KEY, &["collectivite"]), &[OPERATOR_KEY, COMMUNE_KEY]).expect(201);
}

#[test]
fn what_was_begun_before_the_stop_is_finished() {
    let mut node = Node::fresh();
    let envelope = envelope(&member(COMMUNE, "commune"), &[OPERATOR_KEY]);
    let (first, rest) = envelope.split_at(envelope.len() / 2);
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        envelope.len()
    );
    let mut stream = connect(&node, &head);
    // The handler reads the body: the request is under way.
    read_until(&mut stream, "100 Continue");
    stream.write_all(first.as_bytes()).unwrap();
    node.stop();
    wait_until("no more connections are taken", || TcpStream::connect(&node.address).is_err());
    stream.write_all(rest.as_bytes()).unwrap();
    let answer = read_until(&mut stream, "\"proof\"");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    node.join();
    assert_eq!(node.ledger.head().size, 2);
}

#[test]
fn a_request_refused_for_its_head_is_answered_before_its_body_has_come() {
    let node = Node::fresh();
    let body = "x".repeat(2_000);
    let head = format!("PUT /v1/pieces/{} HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n", Empreinte::of(b"x"));
    let mut stream = connect(&node, &head);
    let answer = read_until(&mut stream, "token-missing");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    // The connection goes on: what was announced is taken and forgotten, and the next request is read.
    stream.write_all(body.as_bytes()).unwrap();
    stream.write_all(b"GET /checkpoint HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    read_until(&mut stream, "greffe");
}
