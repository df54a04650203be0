//! The prices of the machine in the same run: a signature verified, an fsync, an insert of PostgreSQL.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ed25519_dalek::VerifyingKey;
use greffe_events::dsse::{PAYLOAD_TYPE, pae};
use greffe_events::key::SecretKey;
use rayon::prelude::*;

use crate::monde::{ms, own_cpu};

/// CPU seconds of one strict verification by a key that is read already, with all cores at it.
pub(crate) fn strict_signature() -> f64 {
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

pub(crate) fn machine() {
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
pub(crate) fn postgres(dir: &Path) {
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

pub(crate) fn run_postgres(bin: &Path, dir: &Path) -> Result<Vec<String>, String> {
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
