//! Leaves from a server that stumbles, lies or is somebody else's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use greffe::audit::{AuditError, HttpLog, Leaves, ReadError, TokenProvider, Verdict, verify_url};
use greffe::tlog::{encode_bundle, encode_tile, leaf_hash};

use crate::world::{WAIT_MAX, World, codes, codes_at, control};

/// Status and body.
type Answered = (u16, Vec<u8>);
type Answerer = dyn Fn(&str, Option<&str>) -> Answered + Send + Sync;

/// Answers each connection once, until the test's process ends.
fn serve(answer: Arc<Answerer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let path = lines.next().unwrap().unwrap().split(' ').nth(1).unwrap().to_owned();
                let headers: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let token = headers.iter().find_map(|line| {
                    line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, v)| v)
                });
                let (status, body) = answer(&path, token);
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            });
        }
    });
    url
}

/// The tile of level 0 of at most 256 leaves.
fn hashes(leaves: &[Vec<u8>]) -> Vec<u8> {
    encode_tile(&leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>())
}

fn token() -> TokenProvider {
    Box::new(|| Ok("jeton".to_owned()))
}

fn verify(world: &World, url: &str, token: Option<TokenProvider>) -> Result<greffe::audit::Report, AuditError> {
    verify_url(url, token, Some(&world.vkey), None, &mut control(&AtomicBool::new(false), &mut |_, _| ()))
}

#[test]
fn a_log_is_verified_from_afar_by_whoever_may_read_it() {
    let world = World::new();
    let (checkpoint, leaves) = (world.checkpoint.clone(), world.leaves.clone());
    let hashes = hashes(&leaves);
    let first = AtomicUsize::new(0);
    let url = serve(Arc::new(move |path, token| match path {
        // Restarting: the first answers are 503.
        "/checkpoint" if first.fetch_add(1, Ordering::Relaxed) < 2 => (503, Vec::new()),
        "/checkpoint" => (200, checkpoint.clone()),
        path if path.starts_with("/tile/entries/") && token != Some("Bearer jeton") => (401, Vec::new()),
        path if path == format!("/tile/entries/000.p/{}", leaves.len()) => (200, encode_bundle(&leaves).unwrap()),
        path if path == format!("/tile/0/000.p/{}", leaves.len()) => (200, hashes.clone()),
        _ => (404, Vec::new()),
    }));
    let report = verify(&world, &format!("{url}/"), Some(token())).unwrap();
    assert_eq!((report.verdict, report.counts.leaves), (Verdict::Good, world.leaves.len() as u64), "{report}");
    assert!(report.not_checked.iter().any(|not| not.code == "pieces"));
    let error = verify(&world, &url, None).unwrap_err().to_string();
    assert!(error.contains("token"), "{error}");
    assert!(
        verify(&world, &url, Some(Box::new(|| Err("no key".to_owned())))).unwrap_err().to_string().contains("no key")
    );
}

#[test]
fn a_server_that_changes_keeps_back_or_garbles_leaves_is_found_out() {
    let world = World::new();
    let mut changed = world.leaves.clone();
    // received_at: nothing else says what it was.
    changed[world.act][9..17].fill(0);
    let whole = encode_bundle(&world.leaves).unwrap();
    let cases: [(&str, Answered, &[&str]); 4] = [
        ("changed", (200, encode_bundle(&changed).unwrap()), &["root-mismatch"]),
        ("kept back", (404, Vec::new()), &["leaves-missing", "opening-missing"]),
        ("cut", (200, whole[..whole.len() - 1].to_vec()), &["leaves-missing", "opening-missing", "store-damaged"]),
        (
            "one too many",
            (200, [whole.as_slice(), &[0, 0]].concat()),
            &["leaves-missing", "opening-missing", "store-damaged"],
        ),
    ];
    for (what, (status, body), expected) in cases {
        let checkpoint = world.checkpoint.clone();
        let url = serve(Arc::new(move |path, _| match path {
            "/checkpoint" => (200, checkpoint.clone()),
            _ => (status, body.clone()),
        }));
        let report = verify(&world, &url, Some(token())).unwrap();
        assert_eq!(codes(&report), expected, "{what}: {report}");
    }
    let url = serve(Arc::new(|_, _| (200, b"not a note".to_vec())));
    assert!(codes(&verify(&world, &url, None).unwrap()).contains(&"checkpoint-invalid"));
    let url = serve(Arc::new(|_, _| (200, vec![b'x'; 300 * 1024])));
    assert!(verify(&world, &url, None).unwrap_err().to_string().contains("more than"));
}

#[test]
fn a_server_whose_hash_tiles_are_not_those_of_its_leaves_is_found_out() {
    let world = World::new();
    let good = hashes(&world.leaves);
    let mut altered = good.clone();
    altered[5 * 32 + 7] ^= 1;
    let width = world.leaves.len() as u64;
    let cases: [(&str, Answered, u64, Option<u64>); 5] = [
        ("good", (200, good.clone()), 0, None),
        ("altered", (200, altered.clone()), 1, Some(5)),
        ("cut", (200, good[..good.len() - 1].to_vec()), 1, Some(width - 1)),
        ("none", (404, Vec::new()), width, Some(0)),
        ("too long", (200, vec![0; 256 * 32 + 1]), width, Some(0)),
    ];
    for (what, tile, found, first) in cases {
        let (checkpoint, entries) = (world.checkpoint.clone(), encode_bundle(&world.leaves).unwrap());
        let url = serve(Arc::new(move |path, _| match path {
            "/checkpoint" => (200, checkpoint.clone()),
            path if path.starts_with("/tile/entries/") => (200, entries.clone()),
            _ => tile.clone(),
        }));
        let report = verify(&world, &url, Some(token())).unwrap();
        assert_eq!(report.doubts_total(), found, "{what}: {report}");
        assert_eq!(codes(&report), if found == 0 { vec![] } else { vec!["hash-altered"] }, "{what}");
        assert_eq!(report.doubts.first().and_then(|doubt| doubt.index), first, "{what}: {report}");
        assert!(report.doubts.iter().all(|doubt| doubt.detail.contains(&url)), "{what}: {report}");
    }

    // A leaf that was changed while its hash was not: the tile says which.
    let mut changed = world.leaves.clone();
    changed[world.act][9..17].fill(0);
    let (checkpoint, entries) = (world.checkpoint.clone(), encode_bundle(&changed).unwrap());
    let url = serve(Arc::new(move |path, _| match path {
        "/checkpoint" => (200, checkpoint.clone()),
        path if path.starts_with("/tile/entries/") => (200, entries.clone()),
        _ => (200, good.clone()),
    }));
    let report = verify(&world, &url, Some(token())).unwrap();
    assert_eq!(codes_at(&report, world.act), ["root-mismatch", "leaf-altered"], "{report}");
}

#[test]
fn bundles_are_read_in_order_whatever_the_width_that_is_still_served() {
    let entries: Vec<Vec<u8>> = (0..1_600_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (all, log) = (entries.clone(), Arc::clone(&asked));
    let url = serve(Arc::new(move |path, _| {
        log.lock().unwrap().push(path.to_owned());
        // The log has grown: only full bundles are left.
        match path.strip_prefix("/tile/entries/").and_then(|n| n.parse::<usize>().ok()) {
            Some(n) if n < 6 => (200, encode_bundle(&all[n * 256..(n + 1) * 256]).unwrap()),
            _ => (404, Vec::new()),
        }
    }));
    let size = 1_300;
    let mut leaves = HttpLog::new(&url, None).leaves(size);
    let mut read = Vec::new();
    loop {
        let some = leaves.read(read.len() as u64, 4_096).unwrap();
        if some.is_empty() {
            break;
        }
        read.extend(some);
    }
    assert_eq!(read, entries[..1_300]);
    assert!(asked.lock().unwrap().contains(&"/tile/entries/005.p/20".to_owned()));
    assert_eq!(leaves.read(300, 2).unwrap(), entries[300..302]);
    // Behind what the server has.
    let mut beyond = HttpLog::new(&url, None).leaves(5_000);
    assert!(matches!(beyond.read(1_600, 10), Ok(leaves) if leaves.is_empty()));
    let mut nobody = HttpLog::new("http://127.0.0.1:1", None);
    assert!(matches!(nobody.checkpoint(), Err(ReadError::Unavailable(_))));
}
