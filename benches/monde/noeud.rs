//! The built node as a process: its address, its CPU thread by thread, its memory.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) started: Duration,
}

pub(crate) fn greffe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
    command.stdin(Stdio::null());
    command
}

impl Node {
    pub(crate) fn start(folder: &Path) -> Self {
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

    pub(crate) fn stop(&mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success() && self.child.wait().unwrap().success());
    }

    /// CPU seconds of each of its threads, by name.
    pub(crate) fn cpu(&self) -> BTreeMap<String, f64> {
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
    pub(crate) fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
    }

    pub(crate) fn get(&self, path: &str) -> String {
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
