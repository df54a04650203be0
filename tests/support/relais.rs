//! A relay between a client and a node that loses and refuses on purpose, one request at a time.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It passes, and so does its answer.
    Passe,
    /// It passes; its answer is lost, and the connection with it.
    Perd,
    /// It does not pass: 503, come back after so many seconds.
    Refuse(u32),
}

/// One request that came, and the status that the node gave it.
#[derive(Debug, Clone)]
pub struct Vue {
    pub methode: String,
    pub corps: Vec<u8>,
    pub statut: Option<u16>,
}

/// A relay on a port of its own, until the process ends.
pub struct Relais {
    pub url: String,
    vues: Arc<Mutex<Vec<Vue>>>,
}

impl Relais {
    /// Relays to the node at `amont` (`http://host:port`); `sort` decides by method and number of the request so far.
    pub fn vers(amont: &str, sort: impl Fn(&str, usize) -> Sort + Send + 'static) -> Self {
        let amont = amont.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let vues: Arc<Mutex<Vec<Vue>>> = Arc::default();
        let kept = Arc::clone(&vues);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                relayer(client.unwrap(), &amont, &sort, &kept);
            }
        });
        Self { url, vues }
    }

    /// The requests of this method so far.
    pub fn vues(&self, methode: &str) -> Vec<Vue> {
        self.vues.lock().unwrap().iter().filter(|vue| vue.methode == methode).cloned().collect()
    }
}

fn relayer(mut client: TcpStream, amont: &str, sort: &impl Fn(&str, usize) -> Sort, vues: &Mutex<Vec<Vue>>) {
    let Some((head, corps)) = lire(&mut client) else { return };
    let methode = head.split(' ').next().unwrap().to_owned();
    let nth = vues.lock().unwrap().iter().filter(|vue| vue.methode == methode).count();
    let sort = sort(&methode, nth);
    if let Sort::Refuse(seconds) = sort {
        vues.lock().unwrap().push(Vue { methode, corps, statut: None });
        let problem = r#"{"titre":"Trop d'envois sont en attente","code":"queue-full","status":503}"#;
        let _ = write!(
            client,
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: {seconds}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{problem}",
            problem.len()
        );
        return;
    }
    // One request per connection, so that the end of the answer is the end of the stream.
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    lines.retain(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut node = TcpStream::connect(amont).unwrap();
    write!(node, "{}\r\nconnection: close\r\n\r\n", lines.join("\r\n")).unwrap();
    node.write_all(&corps).unwrap();
    let mut answer = Vec::new();
    node.read_to_end(&mut answer).unwrap();
    let statut = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    vues.lock().unwrap().push(Vue { methode, corps, statut: Some(statut) });
    if sort == Sort::Passe {
        let _ = client.write_all(&answer);
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// One request: its head with the empty line, its body.
fn lire(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut read, mut chunk) = (Vec::new(), [0; 8_192]);
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = read[end..].to_vec();
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => body.extend_from_slice(&chunk[..count]),
        }
    }
    Some((head, body))
}
