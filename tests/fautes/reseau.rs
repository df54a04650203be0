//! The line: clients that are silent, slow, or never finish, in numbers. Others are served meanwhile.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use greffe::http::bounds::{DOWNLOADS_MAX, HEAD_BYTES_MAX, HEADERS_MAX, WRITE_SILENCE_MAX};
use greffe_events::piece::Empreinte;

use crate::charge::{Charge, Dit, ORIGIN};
use crate::node::*;
use crate::wait_until;

/// Connections that hold the node, where the system allows as many.
const SILENT: usize = 10_000;
/// Files that a process uses for other things than connections, about.
const OTHER_FILES: usize = 100;
/// Longest wait of an ordinary client: a machine that is busy with other tests, not a node that is held.
const PATIENCE: Duration = Duration::from_secs(5);

/// A ledger with its commune, served by a node with the usual limit of files of a service.
fn world(dir: &std::path::Path) -> (Initialised, Serving, Charge) {
    let ledger = init(dir, ORIGIN);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 1024; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_greffe")]);
    command.args(["serve", "--dir", arg(&ledger.dir), "--listen", "127.0.0.1:0"]);
    let node = Serving::run(command).unwrap();
    let charge = Charge::enrol(dir, &ledger, &node);
    (ledger, node, charge)
}

/// A process that holds connections to the node; this very program, with as many files as it may have.
pub struct Occupants {
    child: Child,
    pub count: usize,
}

impl Occupants {
    /// Opens so many connections, says these bytes on each, and from then on one more byte on each in turn where `drips`.
    fn hold(node: &Serving, wanted: usize, says: &str, drips: bool) -> Self {
        Self::start(node, wanted, says, if drips { "drip" } else { "" })
    }

    /// Opens so many connections, asks for this on each, and reads no more of the answers than that they are good.
    pub fn served(node: &Serving, wanted: usize, asks: &str) -> Self {
        Self::start(node, wanted, asks, "answer")
    }

    fn start(node: &Serving, wanted: usize, says: &str, does: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "reseau::occupants", "--ignored", "--nocapture"])
            .env("OCCUPANTS", wanted.to_string())
            .env("OCCUPANTS_ADDRESS", node.url.trim_start_matches("http://"))
            .env("OCCUPANTS_SAY", says)
            .env("OCCUPANTS_DO", does)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let held = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("held ")?.parse().ok());
        let count = held.expect("the occupants say how many they are");
        if count < wanted {
            eprintln!("skipped: {count} connections in the place of {wanted}: the limit of files allows no more");
        }
        Self { child, count }
    }
}

impl Drop for Occupants {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "no test: the process that Occupants starts"]
fn occupants() {
    let Ok(address) = std::env::var("OCCUPANTS_ADDRESS") else { return };
    let (says, does) = (std::env::var("OCCUPANTS_SAY").unwrap(), std::env::var("OCCUPANTS_DO").unwrap());
    let wanted: usize = std::env::var("OCCUPANTS").unwrap().parse().unwrap();
    let limit = text(&Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap().stdout);
    let limit = limit.trim().parse().unwrap_or(usize::MAX);
    let mut held = Vec::new();
    for _ in 0..wanted.min(limit - OTHER_FILES) {
        // The node may have taken the place of an earlier one: its connection stays open on this side.
        let mut stream = TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(says.as_bytes());
        if does == "answer" {
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(text(&status), "HTTP/1.1 200");
        }
        held.push(stream);
    }
    println!("held {}", held.len());
    for mut stream in held.iter().cycle() {
        if does == "drip" {
            // A whole turn in some seconds: no connection is ever silent for long.
            std::thread::sleep(Duration::from_millis(2));
            let _ = stream.write_all(b"x");
        } else {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// Asks and posts on new connections, for a while: everybody is served in ordinary time.
#[track_caller]
pub fn others_are_served(charge: &Charge, node: &Serving) {
    let longest = (0..10)
        .map(|_| {
            let (agent, started) = (Charge::agent(), Instant::now());
            let said = charge.one(&agent, &node.url);
            assert!(matches!(said, Dit::Recu { is_new: true, .. }), "{said:?}");
            assert_eq!(agent.get(format!("{}/checkpoint", node.url)).call().unwrap().status(), 200);
            assert_eq!(agent.get(format!("{}/health/ready", node.url)).call().unwrap().status(), 200);
            started.elapsed()
        })
        .max();
    assert!(longest < Some(PATIENCE), "{longest:?}");
}

#[test]
fn ten_thousand_silent_connections_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    let silent = Occupants::hold(&node, SILENT, "", false);
    assert!(silent.count > 800, "{} connections hold nothing", silent.count);
    others_are_served(&charge, &node);
}

#[test]
fn heads_that_never_end_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    let _slow = Occupants::hold(&node, 1_500, "GET /checkpoint HTTP/1.1\r\nhost: x\r\nx-slow: ", true);
    others_are_served(&charge, &node);
}

#[test]
fn bodies_that_never_come_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 50000\r\n\r\n{\"payload";
    let _half = Occupants::hold(&node, 1_500, head, false);
    others_are_served(&charge, &node);
}

#[test]
fn bodies_that_drip_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    let head = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 50000\r\n\r\n{\"payload";
    let _slow = Occupants::hold(&node, 1_500, head, true);
    others_are_served(&charge, &node);
}

#[test]
fn a_head_that_is_too_large_is_refused_at_once_and_costs_nobody_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    let address = node.url.trim_start_matches("http://");
    let many = "x-some: x\r\n".repeat(HEADERS_MAX + 1);
    let long = format!("x-long: {}\r\n", "x".repeat(4 * HEAD_BYTES_MAX));
    for headers in [many, long] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The node may answer and close before it has read everything.
            let _ = stream.write_all(format!("GET /checkpoint HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let answer = text(&answer);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
    }
    others_are_served(&charge, &node);
}

#[test]
fn downloads_that_nobody_reads_give_their_places_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_ledger, node, charge) = world(dir.path());
    // Larger than what the system takes over from the node on all hands.
    let piece = vec![b'x'; 24 << 20];
    assert!(matches!(charge.deposit(&Charge::agent(), &node.url, &piece, None), Dit::Recu { .. }));
    let path = format!("/v1/pieces/{}", Empreinte::of(&piece));
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", charge.token());
    // One organisation gets half of them at most.
    let _greedy = Occupants::hold(&node, DOWNLOADS_MAX / 2, &head, false);
    let download = || {
        let request = Charge::agent().get(format!("{}{path}", node.url));
        request.header("Authorization", format!("Bearer {}", charge.token())).call().ok()
    };
    let status = |answer: &ureq::http::Response<ureq::Body>| answer.status().as_u16();
    // Whoever asks in the meantime may take a place that a greedy one then misses: such an answer stays unread too.
    let mut unread = Vec::new();
    wait_until("its places are taken", 20, || {
        let answer = download();
        let is_full = answer.as_ref().is_some_and(|answer| status(answer) == 503);
        unread.push(answer);
        is_full
    });
    others_are_served(&charge, &node);
    let limit = WRITE_SILENCE_MAX.as_secs() + 15;
    wait_until("the places are given back", limit, || download().is_some_and(|answer| status(&answer) == 200));
}
