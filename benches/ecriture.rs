//! What the write path carries: the built node over loopback, its CPU, and the bounds of the same machine in the same run.
//!
//! ```sh
//! cargo bench --bench ecriture                          # batches of 100, single events, the machine's own prices
//! cargo bench --bench ecriture -- --events 1000000      # the same log, a million events long: start, memory, price per event
//! cargo bench --bench ecriture -- --only lots           # one of: machine, lots, seuls
//! ```
//!
//! Events are signed before anything is measured: half acts with two pieces, half their acknowledgements, by fifty communes and their
//! prefecture. Every answer is read to its end and has to be what a good event gets. CPU is what the kernel counted for each
//! process: the load's own is subtracted from the cores before the node is compared with what they could verify. `TMPDIR` chooses
//! the disk. PostgreSQL is asked where its server is installed; skipped aloud elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "it prints what it measured"
)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use ed25519_dalek::VerifyingKey;
use greffe::http::auth;
use greffe_events::Uuid;
use greffe_events::dsse::{Envelope, PAYLOAD_TYPE, pae};
use greffe_events::horodatage::Horodatage;
use greffe_events::key::SecretKey;
use greffe_events::piece::{Empreinte, engagement};
use rayon::prelude::*;
use serde_json::{Value, json};

const ORIGIN: &str = "charge.greffe.invalid";
const OPERATOR: &str = "urn:siren:139600019";
const PREFECTURE: &str = "urn:siren:214400152";
const COMMUNES: usize = 50;
const BATCH: usize = 100;
/// Connections that post batches: enough that the node never waits for the next one.
const BATCH_CONNECTIONS: usize = 8;
const DOCUMENT: &[u8] = b"%PDF-1.7 deliberation";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let events: usize = value("--events").map_or(0, |text| text.parse().expect("--events is a number"));
    let only = value("--only");
    let runs = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let strict = strict_signature();
    let cores = std::thread::available_parallelism().unwrap().get();
    println!("{cores} cores; verify_strict on all of them at once: {:.1} µs of CPU each", strict * 1e6);
    if runs("machine") {
        machine();
    }
    let root = tempfile::tempdir().unwrap();
    let mut world = World::new(root.path());
    if events > 0 {
        million(&mut world, events);
        return;
    }
    if runs("lots") {
        lots(&mut world, cores);
    }
    if runs("seuls") {
        for connections in [1, 16, 64, 256] {
            seuls(&mut world, connections);
        }
    }
}

/// CPU seconds of one strict verification by a key that is read already, with all cores at it.
fn strict_signature() -> f64 {
    const COUNT: usize = 20_000;
    let key = SecretKey::from_seed(&[7; 32]);
    let message = pae(PAYLOAD_TYPE, &vec![b'x'; 1_000]);
    let public = VerifyingKey::from_bytes(&key.id().0).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(&key.sign(&message).0);
    let verify = || (0..COUNT).into_par_iter().for_each(|_| public.verify_strict(&message, &signature).unwrap());
    verify();
    let before = own_cpu();
    verify();
    verify();
    (own_cpu() - before) / (2 * COUNT) as f64
}

// --- the machine's own prices ---

fn machine() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = File::create(dir.path().join("sync")).unwrap();
    let bytes = vec![7; 1_000];
    let mut syncs: Vec<Duration> = (0..500)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&bytes).unwrap();
            file.sync_all().unwrap();
            start.elapsed()
        })
        .collect();
    syncs.sort_unstable();
    println!("fsync of a 1 KB append: p50 {} p99 {}", ms(syncs[250]), ms(syncs[495]));
    postgres(dir.path());
}

/// `insert` of 1 KB, each its own transaction, durable: over a socket, by 1 and by 16 clients.
fn postgres(dir: &Path) {
    let found = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let Some(bin) = found.map(|entry| entry.path().join("bin")).find(|bin| bin.join("initdb").exists()) else {
        println!("PostgreSQL: skipped, no server is installed");
        return;
    };
    match run_postgres(&bin, dir) {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(why) => println!("PostgreSQL: skipped, {why}"),
    }
}

fn run_postgres(bin: &Path, dir: &Path) -> Result<Vec<String>, String> {
    let data = dir.join("pg");
    std::fs::create_dir(&data).map_err(|error| error.to_string())?;
    // The server refuses to run as root: as somebody else then, who owns its folder.
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let command = |name: &str| {
        let program = bin.join(name);
        if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        }
    };
    let succeed = |mut command: Command| -> Result<String, String> {
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    };
    if is_root {
        for folder in [dir, &data] {
            let mut chown = Command::new("chown");
            chown.arg("postgres").arg(folder);
            succeed(chown)?;
        }
    }
    let mut initdb = command("initdb");
    initdb.args(["-A", "trust", "-U", "charge", "-D"]).arg(&data);
    succeed(initdb)?;
    let socket = format!("-c listen_addresses= -c unix_socket_directories={}", data.display());
    let mut start = command("pg_ctl");
    start.arg("-D").arg(&data).args(["-w", "-l"]).arg(data.join("log")).args(["-o", &socket, "start"]);
    start.stdout(Stdio::null()).stderr(Stdio::null());
    if !start.status().is_ok_and(|status| status.success()) {
        return Err("the server does not start".to_owned());
    }
    let script = data.join("insert.sql");
    let measured = (|| {
        std::fs::write(&script, "insert into e(b) values (repeat('x', 1000));\n").map_err(|error| error.to_string())?;
        let mut create = command("psql");
        create.args(["-U", "charge", "-d", "postgres", "-h"]).arg(&data);
        create.args(["-c", "create table e(i bigserial primary key, b text)"]);
        succeed(create)?;
        let mut lines = Vec::new();
        for clients in ["1", "16", "64"] {
            let mut bench = command("pgbench");
            bench
                .args(["-U", "charge", "-n", "-T", "4", "-j", "1", "-c", clients, "-f"])
                .arg(&script)
                .arg("-h")
                .arg(&data);
            let text = succeed({
                bench.arg("postgres");
                bench
            })?;
            let of = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or(name).to_owned();
            lines.push(format!(
                "PostgreSQL insert 1 KB, {clients} client(s): {}; {}",
                of("tps"),
                of("latency average")
            ));
        }
        Ok(lines)
    })();
    let mut stop = command("pg_ctl");
    stop.arg("-D").arg(&data).args(["-m", "immediate", "stop"]);
    let _ = succeed(stop);
    measured
}

// --- the node and what it is sent ---

struct World {
    folder: PathBuf,
    node: Node,
    operator: SecretKey,
    communes: Vec<(String, SecretKey)>,
    prefecture: SecretKey,
    next: usize,
    /// Whether the acts of one batch are of many communes, each with its own key: as through a gateway that does not sign itself.
    is_mixed: bool,
}

struct Node {
    child: Child,
    address: String,
    started: Duration,
}

fn greffe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
    command.stdin(Stdio::null());
    command
}

impl Node {
    fn start(folder: &Path) -> Self {
        let start = Instant::now();
        let mut child = greffe()
            .args(["serve", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").expect("greffe serve says where it listens").to_owned();
        Self { child, address, started: start.elapsed() }
    }

    fn stop(&mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success());
    }

    /// CPU seconds of each of its threads, by name.
    fn cpu(&self) -> BTreeMap<String, f64> {
        let mut by_name = BTreeMap::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().flatten() {
            let (Ok(name), Ok(stat)) = (
                std::fs::read_to_string(task.path().join("comm")),
                std::fs::read_to_string(task.path().join("schedstat")),
            ) else {
                continue;
            };
            let ns: f64 = stat.split(' ').next().unwrap().parse().unwrap();
            *by_name.entry(name.trim().to_owned()).or_default() += ns / 1e9;
        }
        by_name
    }

    /// Resident memory, in MB.
    fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU seconds of this process, its ended threads included.
fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn siren(n: usize) -> String {
    // Luhn over nine digits, the last one the check.
    let body = format!("2139{n:04}");
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn event(event_type: &str, source: &str, subject: &str, data: &Value) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    json!({
        "specversion": "1.0", "id": Uuid::now_v7(), "source": source, "type": format!("greffe.{event_type}.v1"),
        "subject": subject, "time": Horodatage::from_unix_ms(now), "datacontenttype": "application/json",
        "registre": ORIGIN, "data": data,
    })
}

fn signed(event: &Value, keys: &[&SecretKey]) -> String {
    Envelope::sign(event.to_string().into_bytes(), keys).unwrap().to_json()
}

impl World {
    fn new(root: &Path) -> Self {
        let folder = root.join("registre");
        let made =
            greffe().args(["init", "--origin", ORIGIN, "--operator", OPERATOR, "--dir"]).arg(&folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let pem = std::fs::read_to_string(root.join("registre.hors-ligne/operateur.pem")).unwrap();
        let operator = SecretKey::from_pem(&pem).unwrap();
        let communes = (0..COMMUNES)
            .map(|n| {
                let mut seed = [9; 32];
                seed[..8].copy_from_slice(&n.to_be_bytes());
                (siren(n), SecretKey::from_seed(&seed))
            })
            .collect();
        let node = Node::start(&folder);
        let world = Self {
            folder,
            node,
            operator,
            communes,
            prefecture: SecretKey::from_seed(&[8; 32]),
            is_mixed: false,
            next: 0,
        };
        let mut lines = Vec::new();
        for (siren, key) in &world.communes {
            lines.extend(world.enrolment(&format!("urn:siren:{siren}"), "commune", "collectivite", key));
        }
        lines.extend(world.enrolment(PREFECTURE, "prefecture", "prefecture:039", &world.prefecture));
        let mut connection = Connection::open(&world.node.address);
        assert_eq!(connection.post_batch(&lines.join("\n")), lines.len());
        for (siren, key) in &world.communes {
            connection.put_piece(key, DOCUMENT, None);
            connection.put_piece(key, objet(siren).as_bytes(), Some([7; 32]));
        }
        world
    }

    fn enrolment(&self, organisation: &str, categorie: &str, role: &str, key: &SecretKey) -> [String; 2] {
        let subject = format!("adherent/{}", &organisation[10..]);
        let member = json!({ "organisation": organisation, "categorie": categorie, "denomination": "Organisme", "departement": "039" });
        let enrolment = json!({
            "organisation": organisation, "cle": key.id(), "roles": [role],
            "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z",
        });
        [
            signed(&event("adherent.inscrit", OPERATOR, &subject, &member), &[&self.operator]),
            signed(&event("cle.enrolee", OPERATOR, &subject, &enrolment), &[&self.operator, key]),
        ]
    }

    /// So many signed events: acts, and then their acknowledgements.
    /// Whose act `n` is: a batch is one organisation's, as its own system sends it, unless they are mixed.
    fn commune(&self, n: usize) -> &(String, SecretKey) {
        let turn = if self.is_mixed { n } else { n / BATCH };
        &self.communes[turn % COMMUNES]
    }

    fn events(&mut self, count: usize) -> Vec<String> {
        let first = self.next;
        self.next += count.div_ceil(2);
        let subject = |n: usize| {
            let (siren, _) = self.commune(n);
            format!("acte/039-{siren}-20260717-D{n}-DE")
        };
        let acts = (first..self.next).into_par_iter().map(|n| {
            let (siren, key) = self.commune(n);
            let subject = subject(n);
            let committed = engagement(&[7; 32], Empreinte::of(objet(siren).as_bytes()));
            let data = json!({
                "matiere": "7.1", "classification": "2026-01-01", "pieces": [
                    { "role": "acte", "type": "application/pdf", "taille": DOCUMENT.len(), "typologie": "99_DE",
                      "nom": format!("99_DE-{}-1-1_1.pdf", &subject[5..]), "sha256": Empreinte::of(DOCUMENT) },
                    { "role": "confidentiel", "finalite": "objet", "type": "application/json",
                      "taille": objet(siren).len(), "engagement": committed },
                ],
            });
            signed(&event("acte.transmis", &format!("urn:siren:{siren}"), &subject, &data), &[key])
        });
        let acts: Vec<String> = acts.collect();
        let acknowledgements = (first..self.next).into_par_iter().map(|n| {
            let data = json!({ "date_reception": "2026-11-20" });
            signed(&event("acte.accuse-reception", PREFECTURE, &subject(n), &data), &[&self.prefecture])
        });
        let mut events = acts;
        let acknowledgements: Vec<String> = acknowledgements.collect();
        events.extend(acknowledgements);
        events.truncate(count);
        events
    }
}

fn objet(siren: &str) -> String {
    json!({ "objet": format!("Travaux de voirie {siren}") }).to_string()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// HTTP/1.1 on one connection kept open, with as little work as can be: it is the load, not what is measured.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Status of the answer; its body is in the buffer.
    fn send(&mut self, head: &str, body: &[u8]) -> (u16, usize) {
        let mut request = format!("{head}host: x\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).unwrap();
        self.buffer.clear();
        let mut chunk = vec![0; 64 * 1024];
        let (mut head_end, mut total) = (None, usize::MAX);
        while self.buffer.len() < total {
            let count = self.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the node closed the connection");
            self.buffer.extend_from_slice(&chunk[..count]);
            if head_end.is_none()
                && let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                total = end + 4 + length.parse::<usize>().unwrap();
                head_end = Some(end + 4);
            }
        }
        (std::str::from_utf8(&self.buffer[9..12]).unwrap().parse().unwrap(), head_end.unwrap())
    }

    /// Posts a batch; how many of its lines are new events.
    fn post_batch(&mut self, body: &str) -> usize {
        let (status, start) =
            self.send("POST /v1/events HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n", body.as_bytes());
        let answer = &self.buffer[start..];
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
        let lines = answer.split(|byte| *byte == b'\n');
        lines.filter(|line| line[..line.len().min(40)].windows(12).any(|window| window == b"\"status\":201")).count()
    }

    fn post(&mut self, envelope: &str) {
        let (status, start) = self.send("POST /v1/events HTTP/1.1\r\n", envelope.as_bytes());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&self.buffer[start..]));
    }

    fn put_piece(&mut self, key: &SecretKey, bytes: &[u8], sel: Option<[u8; 32]>) {
        let (target, sel) = (format!("/v1/pieces/{}", Empreinte::of(bytes)), sel.map(|sel| Empreinte(sel).to_string()));
        let bound = auth::Requete { method: "PUT", target: &target, sel: sel.as_deref(), nom: None };
        let token = auth::issue_for(key, &ORIGIN.parse().unwrap(), now_s(), &bound);
        let sel = sel.map(|sel| format!("greffe-sel: {sel}\r\n")).unwrap_or_default();
        let head = format!("PUT {target} HTTP/1.1\r\nauthorization: Bearer {token}\r\n{sel}");
        let (status, start) = self.send(&head, bytes);
        assert!(matches!(status, 200 | 201), "{}", String::from_utf8_lossy(&self.buffer[start..]));
    }
}

// --- what is measured ---

/// Sends bodies over so many connections, each its next one as soon as the last is answered; how long each took.
fn load<T: Sync>(
    address: &str,
    connections: usize,
    bodies: &[T],
    send: impl Fn(&mut Connection, &T) + Sync,
) -> (Duration, Vec<Duration>) {
    let next = AtomicUsize::new(0);
    let times = Arc::new(Mutex::new(Vec::with_capacity(bodies.len())));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                let mut own = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    send(&mut connection, body);
                    own.push(start.elapsed());
                }
                times.lock().unwrap().extend(own);
            });
        }
    });
    let elapsed = start.elapsed();
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    times.sort_unstable();
    (elapsed, times)
}

/// What a load cost.
struct Cost {
    elapsed: f64,
    own_cpu: f64,
    node_cpu: BTreeMap<String, f64>,
    times: Vec<Duration>,
}

impl Cost {
    fn of<T: Sync>(node: &Node, connections: usize, bodies: &[T], send: impl Fn(&mut Connection, &T) + Sync) -> Self {
        let (own, before) = (own_cpu(), node.cpu());
        let (elapsed, times) = load(&node.address, connections, bodies, send);
        let mut node_cpu = node.cpu();
        for (name, seconds) in &mut node_cpu {
            *seconds -= before.get(name).copied().unwrap_or_default();
        }
        Self { elapsed: elapsed.as_secs_f64(), own_cpu: own_cpu() - own, node_cpu, times }
    }

    fn percentile(&self, percent: usize) -> String {
        ms(self.times[(self.times.len() - 1) * percent / 100])
    }

    fn node_cpu(&self) -> f64 {
        self.node_cpu.values().sum()
    }

    fn views_cpu(&self) -> f64 {
        views(&self.node_cpu)
    }

    fn threads(&self, events: usize) -> String {
        let each = self.node_cpu.iter().filter(|(_, seconds)| **seconds > 0.01);
        each.map(|(name, seconds)| format!("{name} {:.1}", seconds * 1e6 / events as f64))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// CPU seconds of the views' threads.
fn views(cpu: &BTreeMap<String, f64>) -> f64 {
    cpu.iter().filter(|(name, _)| name.starts_with("vue-")).map(|(_, seconds)| seconds).sum()
}

/// Waits until the views do nothing any more: what they took meanwhile, in CPU seconds, and how long it lasted.
fn views_catch_up(node: &Node) -> (f64, Duration) {
    let since = Instant::now();
    let first = views(&node.cpu());
    let (mut last, mut busy_until) = (first, Duration::ZERO);
    while since.elapsed() < busy_until + Duration::from_millis(400) {
        std::thread::sleep(Duration::from_millis(50));
        let now = views(&node.cpu());
        if now > last {
            (last, busy_until) = (now, since.elapsed());
        }
    }
    (last - first, busy_until)
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn batches(events: &[String]) -> Vec<String> {
    events.chunks(BATCH).map(|lines| lines.join("\n")).collect()
}

fn lots(world: &mut World, cores: usize) {
    // Keys that sign often get their tables first.
    let warm = world.events(20_000);
    load(&world.node.address, BATCH_CONNECTIONS, &batches(&warm), |connection, body| {
        assert_eq!(connection.post_batch(body), BATCH);
    });
    drop(warm);
    for round in 1..=6 {
        world.is_mixed = round > 3;
        let of = if world.is_mixed { "each of many organisations" } else { "each of one organisation" };
        let events = world.events(60_000);
        let bodies = batches(&events);
        // Right before and right after: what the machine gives changes with its neighbours.
        let before = strict_signature();
        let cost = Cost::of(&world.node, BATCH_CONNECTIONS, &bodies, |connection, body| {
            assert_eq!(connection.post_batch(body), BATCH);
        });
        let (later, behind) = views_catch_up(&world.node);
        let strict = f64::midpoint(before, strict_signature());
        let rate = events.len() as f64 / cost.elapsed;
        let left = cores as f64 - cost.own_cpu / cost.elapsed;
        let of_path = left - cost.views_cpu() / cost.elapsed;
        let each = |seconds: f64| seconds * 1e6 / events.len() as f64;
        let path = cost.node_cpu() - cost.views_cpu();
        let views = cost.views_cpu() + later;
        println!(
            "batches of {BATCH}, {of}, {BATCH_CONNECTIONS} connections, round {round}: {rate:.0} events/s; p50 {} p99 {} a batch; \
             load {:.2} cores, node {:.2} of {left:.2} left; verify_strict {:.1} µs",
            cost.percentile(50),
            cost.percentile(99),
            cost.own_cpu / cost.elapsed,
            cost.node_cpu() / cost.elapsed,
            strict * 1e6,
        );
        println!(
            "  signature bound of the cores that the load leaves {:.0}/s: {:.0} % reached; of those that load and views leave {:.0}/s: {:.0} %",
            left / strict,
            100.0 * rate * strict / left,
            of_path / strict,
            100.0 * rate * strict / of_path,
        );
        println!(
            "  by CPU alone: write path {:.1} µs, {:.0} % of the bound; with the views {:.1} µs, {:.0} %; views {:.1} µs, {:.1} of them in the {} after the load's end",
            each(path),
            100.0 * strict * 1e6 / each(path),
            each(path + views),
            100.0 * strict * 1e6 / each(path + views),
            each(views),
            each(later),
            ms(behind),
        );
        println!("  µs of CPU per event under the load: {}", cost.threads(events.len()));
    }
    stages(&world.node);
}

/// Mean of each stage, from the node's own figures.
fn stages(node: &Node) {
    let text = node.get("/metrics");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    let batches = value("greffe_batch_events_count");
    println!("  batches of the sequencer: {:.0} events on average", value("greffe_batch_events_sum") / batches);
    for stage in ["verify", "wait", "decide", "append", "tree", "index", "answer"] {
        let (sum, count) = (
            value(&format!("greffe_stage_seconds_sum{{stage=\"{stage}\"}}")),
            value(&format!("greffe_stage_seconds_count{{stage=\"{stage}\"}}")),
        );
        println!("  {stage}: {:.3} ms on average, {sum:.2} s in all", sum / count * 1e3);
    }
}

fn seuls(world: &mut World, connections: usize) {
    let events = world.events(if connections == 1 { 2_000 } else { 8_000 });
    // An acknowledgement comes after its act: the first half is answered before the second begins.
    let (acts, acknowledgements) = events.split_at(events.len() / 2);
    let mut costs = [acts, acknowledgements]
        .map(|half| Cost::of(&world.node, connections, half, |connection, envelope| connection.post(envelope)));
    let elapsed: f64 = costs.iter().map(|cost| cost.elapsed).sum();
    let node_cpu: f64 = costs.iter().map(Cost::node_cpu).sum();
    let [first, second] = &mut costs;
    first.times.append(&mut second.times);
    first.times.sort_unstable();
    println!(
        "single events, {connections} connection(s): {:.0} events/s; p50 {} p99 {}; node {:.0} µs of CPU each",
        events.len() as f64 / elapsed,
        first.percentile(50),
        first.percentile(99),
        node_cpu * 1e6 / events.len() as f64,
    );
}

fn million(world: &mut World, count: usize) {
    const STEP: usize = 10_000;
    let mut first = None;
    let mut done = 0;
    while done < count {
        let events = world.events(STEP);
        let cost = Cost::of(&world.node, BATCH_CONNECTIONS, &batches(&events), |connection, body| {
            assert_eq!(connection.post_batch(body), BATCH);
        });
        done += STEP;
        // The second step is the first that counts: tables are made, caches are warm.
        if done == STEP * 2 || done % (count / 10).max(STEP) == 0 {
            let per_event = cost.node_cpu() / STEP as f64;
            // Right then: the price of a signature tells how fast the machine is at this moment.
            let signatures = per_event / strict_signature();
            println!(
                "at {done}: {:.0} events/s, {:.1} µs of CPU each: {signatures:.2} × verify_strict ({:+.0} % against {}), {:.0} % of the signature bound; resident {:.0} MB; {}",
                STEP as f64 / cost.elapsed,
                per_event * 1e6,
                100.0 * (signatures / *first.get_or_insert(signatures) - 1.0),
                STEP * 2,
                100.0 / signatures,
                world.node.resident_mb(),
                cost.threads(STEP),
            );
        }
    }
    stages(&world.node);
    world.node.stop();
    let again = Node::start(&world.folder);
    println!("start over {done} events after a stop: {}; resident {:.0} MB", ms(again.started), again.resident_mb());
    drop(again);
    let mut killed = Node::start(&world.folder);
    let events = batches(&world.events(STEP));
    load(&killed.address, BATCH_CONNECTIONS, &events, |connection, body| {
        assert_eq!(connection.post_batch(body), BATCH);
    });
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    let again = Node::start(&world.folder);
    println!("start after a kill under load: {}", ms(again.started));
}
