//! A receiver of webhooks on a port of its own, over TLS where it has a certificate: keeps what comes, answers as told, and verifies signatures with nothing of ours.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Recu {
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    pub le: Instant,
}

impl Recu {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The leaf that it announces.
    pub fn index(&self) -> u64 {
        self.json()["data"]["index"].as_u64().unwrap_or_else(|| panic!("{}", self.json()))
    }

    /// Whether one of its signatures is of this key (`whpk_…`), by the words of Standard Webhooks.
    pub fn is_signed_by(&self, whpk: &str) -> bool {
        let key = BASE64.decode(whpk.strip_prefix("whpk_").unwrap().as_bytes()).unwrap();
        let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
        let mut signed = format!("{}.{}.", self.id(), self.headers["webhook-timestamp"]).into_bytes();
        signed.extend_from_slice(&self.body);
        self.headers["webhook-signature"].split(' ').any(|signature| {
            let signature = BASE64.decode(signature.strip_prefix("v1a,").unwrap().as_bytes()).unwrap();
            key.verify_strict(&signed, &Signature::from_slice(&signature).unwrap()).is_ok()
        })
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Repond {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// How long it takes.
    pub apres: Duration,
}

pub fn repond(status: u16) -> Repond {
    Repond { status, headers: Vec::new(), apres: Duration::ZERO }
}

/// The receiver, until the process ends.
pub struct Recepteur {
    pub url: String,
    pub port: u16,
    recus: Arc<(Mutex<Vec<Recu>>, Condvar)>,
}

impl Recepteur {
    /// Answers what `say` says of a message and how many came before it.
    pub fn new(say: impl Fn(&Recu, usize) -> Repond + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", say)
    }

    pub fn on(address: &str, say: impl Fn(&Recu, usize) -> Repond + Send + Sync + 'static) -> Self {
        Self::with(address, "http", |client| client, say)
    }

    /// The same over TLS, with this certificate.
    pub fn tls(config: Arc<ServerConfig>, say: impl Fn(&Recu, usize) -> Repond + Send + Sync + 'static) -> Self {
        let over = move |client| StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), client);
        Self::with("127.0.0.1:0", "https", over, say)
    }

    fn with<S: Read + Write>(
        address: &str,
        scheme: &str,
        over: impl Fn(TcpStream) -> S + Send + Sync + 'static,
        say: impl Fn(&Recu, usize) -> Repond + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let recus: Arc<(Mutex<Vec<Recu>>, Condvar)> = Arc::default();
        let (kept, say, over) = (Arc::clone(&recus), Arc::new(say), Arc::new(over));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (kept, say, over) = (Arc::clone(&kept), Arc::clone(&say), Arc::clone(&over));
                std::thread::spawn(move || recevoir(over(client.unwrap()), &kept, &*say));
            }
        });
        Self { url: format!("{scheme}://127.0.0.1:{port}/greffe"), port, recus }
    }

    /// All that came so far.
    pub fn recus(&self) -> Vec<Recu> {
        self.recus.0.lock().unwrap().clone()
    }

    /// The first `count` that come.
    #[track_caller]
    pub fn attendre(&self, count: usize) -> Vec<Recu> {
        let (recus, told) = &*self.recus;
        let recus = recus.lock().unwrap();
        let (recus, timeout) = told.wait_timeout_while(recus, PATIENCE, |recus| recus.len() < count).unwrap();
        assert!(!timeout.timed_out(), "{} came, of {count}: {recus:#?}", recus.len());
        recus[..count].to_vec()
    }
}

fn recevoir(
    client: impl Read + Write,
    recus: &(Mutex<Vec<Recu>>, Condvar),
    say: &(dyn Fn(&Recu, usize) -> Repond + Send + Sync),
) {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    // Nothing, or no handshake: whoever came is gone.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    assert!(line.starts_with("POST "), "{line}");
    let target = line.split(' ').nth(1).unwrap().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let recu = Recu { target, headers, body, le: Instant::now() };
    let before = {
        let mut kept = recus.0.lock().unwrap();
        kept.push(recu.clone());
        kept.len() - 1
    };
    let repond = say(&recu, before);
    recus.1.notify_all();
    std::thread::sleep(repond.apres);
    let more: Vec<String> = repond.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let more = more.concat();
    let answer = format!("HTTP/1.1 {} X\r\n{more}content-length: 3\r\nconnection: close\r\n\r\nok\n", repond.status);
    // Whoever does not wait for it is gone.
    let _ = reader.get_mut().write_all(answer.as_bytes());
    let _ = reader.get_mut().flush();
}
