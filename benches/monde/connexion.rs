//! The load: connections kept open, with as little work as can be, and what it cost the node.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use greffe::http::auth;
use greffe_events::key::SecretKey;
use greffe_events::piece::Empreinte;

use super::noeud::Node;
use super::{ORIGIN, ms, now_s, own_cpu};

/// HTTP/1.1 on one connection kept open, with as little work as can be: it is the load, not what is measured.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Status of the answer; its body is in the buffer.
    pub(crate) fn send(&mut self, head: &str, body: &[u8]) -> (u16, usize) {
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

    /// Reads something with a token.
    pub(crate) fn get(&mut self, path: &str, token: &str) -> (u16, &[u8]) {
        let (status, start) = self.send(&format!("GET {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n"), &[]);
        (status, &self.buffer[start..])
    }

    /// Posts a batch; how many of its lines are new events.
    pub(crate) fn post_batch(&mut self, body: &str) -> usize {
        let (status, start) =
            self.send("POST /v1/events HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n", body.as_bytes());
        let answer = &self.buffer[start..];
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(answer));
        let lines = answer.split(|byte| *byte == b'\n');
        lines.filter(|line| line[..line.len().min(40)].windows(12).any(|window| window == b"\"status\":201")).count()
    }

    /// The first lines of the last answer that tell of a refusal.
    pub(crate) fn refused(&self) -> String {
        let text = String::from_utf8_lossy(&self.buffer);
        text.lines().filter(|line| line.contains("\"detail\":")).take(3).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn post(&mut self, envelope: &str) {
        let (status, start) = self.send("POST /v1/events HTTP/1.1\r\n", envelope.as_bytes());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&self.buffer[start..]));
    }

    pub(crate) fn put_piece(&mut self, key: &SecretKey, bytes: &[u8], sel: Option<[u8; 32]>) {
        let (target, sel) = (format!("/v1/pieces/{}", Empreinte::of(bytes)), sel.map(|sel| Empreinte(sel).to_string()));
        let bound = auth::Requete { method: "PUT", target: &target, sel: sel.as_deref(), nom: None };
        let token = auth::issue_for(key, &ORIGIN.parse().unwrap(), now_s(), &bound);
        let sel = sel.map(|sel| format!("greffe-sel: {sel}\r\n")).unwrap_or_default();
        let head = format!("PUT {target} HTTP/1.1\r\nauthorization: Bearer {token}\r\n{sel}");
        let (status, start) = self.send(&head, bytes);
        assert!(matches!(status, 200 | 201), "{}", String::from_utf8_lossy(&self.buffer[start..]));
    }
}

/// Sends bodies over so many connections, each its next one as soon as the last is answered; how long each took.
pub(crate) fn load<T: Sync>(
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
pub(crate) struct Cost {
    pub(crate) elapsed: f64,
    pub(crate) own_cpu: f64,
    pub(crate) node_cpu: BTreeMap<String, f64>,
    pub(crate) times: Vec<Duration>,
}

impl Cost {
    pub(crate) fn of<T: Sync>(
        node: &Node,
        connections: usize,
        bodies: &[T],
        send: impl Fn(&mut Connection, &T) + Sync,
    ) -> Self {
        let (own, before) = (own_cpu(), node.cpu());
        let (elapsed, times) = load(&node.address, connections, bodies, send);
        let mut node_cpu = node.cpu();
        for (name, seconds) in &mut node_cpu {
            *seconds -= before.get(name).copied().unwrap_or_default();
        }
        Self { elapsed: elapsed.as_secs_f64(), own_cpu: own_cpu() - own, node_cpu, times }
    }

    pub(crate) fn percentile(&self, percent: usize) -> String {
        ms(self.times[(self.times.len() - 1) * percent / 100])
    }

    pub(crate) fn node_cpu(&self) -> f64 {
        self.node_cpu.values().sum()
    }

    pub(crate) fn views_cpu(&self) -> f64 {
        views(&self.node_cpu)
    }

    pub(crate) fn threads(&self, events: usize) -> String {
        let each = self.node_cpu.iter().filter(|(_, seconds)| **seconds > 0.01);
        each.map(|(name, seconds)| format!("{name} {:.1}", seconds * 1e6 / events as f64))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// CPU seconds of the views' threads.
pub(crate) fn views(cpu: &BTreeMap<String, f64>) -> f64 {
    cpu.iter().filter(|(name, _)| name.starts_with("vue-")).map(|(_, seconds)| seconds).sum()
}

/// Waits until the views do nothing any more: what they took meanwhile, in CPU seconds, and how long it lasted.
pub(crate) fn views_catch_up(node: &Node) -> (f64, Duration) {
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
