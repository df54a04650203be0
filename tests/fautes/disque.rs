//! The disk: power cut, syncs that fail, no room left, read-only.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use greffe::store::room::FREE_BYTES_MIN;

use crate::charge::{Charge, Dit, ORIGIN, random};
use crate::node::*;
use crate::panne::{Panne, after_power_cut, settle_shadow};
use crate::wait_until;

/// Power cuts in a row, each on what the last one left.
const CUTS: usize = 10;
/// Receipts at most before the cut, and then the longest time, in ms.
const RECEIPTS_MAX: u64 = 12;
const LOAD_MS_MAX: u64 = 40;
const POSTERS: usize = 4;

#[test]
fn a_power_cut_at_any_instant_loses_nothing_that_has_a_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut panne) = Panne::new(dir.path(), "power cut") else { return };
    let mut root = dir.path().join("disque-0");
    std::fs::create_dir(&root).unwrap();
    let ledger = init(&root, ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(&root, &ledger, &node);
    node.stop();
    for cut in 1..=CUTS {
        let ombre = dir.path().join(format!("ombre-{cut}"));
        panne.shadow(ombre.clone());
        settle_shadow(&root, &ombre);
        let node = panne.serve(&root.join("registre")).unwrap();
        charge.settle(&node.url);
        let url = node.url.clone();
        std::thread::scope(|scope| {
            for _ in 0..POSTERS {
                scope.spawn(|| assert_eq!(charge.load(&url), Dit::Rien));
            }
            let enough = charge.counts().0 + usize::try_from(random(RECEIPTS_MAX)).unwrap();
            wait_until("the load goes on", 60, || charge.counts().0 >= enough);
            std::thread::sleep(Duration::from_millis(random(LOAD_MS_MAX)));
            node.kill();
        });
        let after = dir.path().join(format!("disque-{cut}"));
        after_power_cut(&root, &ombre, &after);
        root = after;
        // Derived, never synced, made again: what was synced of them at some time is of no use to anybody.
        for derived in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "registre.sqlite-shm"] {
            let _ = std::fs::remove_file(root.join("registre").join(derived));
        }
        let _ = std::fs::remove_dir_all(root.join("registre/vues"));
        charge.check(&root.join("registre"));
    }
    let node = Serving::start(&root.join("registre"));
    charge.settle(&node.url);
    node.stop();
    charge.check(&root.join("registre"));
    let said = succeed(&["verify", arg(&root.join("registre")), "--vkey", &ledger.vkey]);
    assert!(said.contains("pieces absent: 0") && said.contains("pieces that differ: 0"), "{said}");
    let (receipts, _) = charge.counts();
    assert!(receipts > 2 * CUTS, "only {receipts} receipts: nothing was tested");
}

#[test]
fn what_the_disk_does_not_sync_is_not_acknowledged_and_the_node_ends_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let Some(panne) = Panne::new(dir.path(), "sync that fails") else { return };
    let ledger = init(dir.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(dir.path(), &ledger, &node);
    node.stop();
    let node = panne.serve(&ledger.dir).unwrap();
    let url = node.url.clone();
    std::thread::scope(|scope| {
        let posters: Vec<_> = (0..POSTERS).map(|_| scope.spawn(|| charge.load(&url))).collect();
        wait_until("the load begins", 30, || charge.counts().0 > 10);
        panne.order("fsync\n");
        for poster in posters {
            match poster.join().unwrap() {
                Dit::Rien => {}
                Dit::Non(503, code) => assert_eq!(code, "stopping"),
                said => panic!("{said:?}"),
            }
        }
    });
    let (success, said) = node.ended();
    assert!(!success, "a node that can't write any more does not end well");
    assert!(said.contains("the append is in doubt") && said.contains("disk I/O error"), "{said}");
    assert!(said.contains("le registre"), "{said}");
    let with_receipt = charge.counts().0;

    // The disk is well again: the same command, and what was in doubt is settled by posting it again.
    panne.order("");
    let node = panne.serve(&ledger.dir).unwrap();
    charge.settle(&node.url);
    assert!(charge.counts().0 > with_receipt, "nothing was in doubt: nothing was tested");
    assert!(matches!(charge.one(&Charge::agent(), &node.url), Dit::Recu { is_new: true, .. }));
    node.stop();
    charge.check(&ledger.dir);
    succeed(&["verify", arg(&ledger.dir), "--vkey", &ledger.vkey]);
}

/// A disk of its own in a namespace of its own, gone with the process that holds it.
struct Disque {
    holder: Child,
    dir: PathBuf,
}

impl Disque {
    /// Runs `mounts` in a new namespace, where it may mount; none, aloud, where the system allows no such thing.
    fn new(dir: PathBuf, mounts: &str, test: &str) -> Option<Self> {
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &format!("{mounts} && echo pret && exec cat")])
            .env("DISQUE", &dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok();
        let mut line = String::new();
        if let Some(holder) = &mut holder {
            BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        }
        match holder {
            Some(holder) if line == "pret\n" => Some(Self { holder, dir }),
            _ => {
                eprintln!("skipped: no file system can be mounted in a namespace here ({test})");
                None
            }
        }
    }

    /// The same command, run where the disk is mounted.
    fn within(&self, program: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--mount", "--preserve-credentials", "--target", &self.holder.id().to_string()]);
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    /// Where the disk is for those outside of the namespace.
    fn seen(&self) -> PathBuf {
        let within = self.dir.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(within)
    }

    fn serve(&self, dir: &Path) -> Result<Serving, String> {
        let mut command = greffe();
        command.args(["serve", "--dir", arg(dir), "--listen", "127.0.0.1:0"]);
        Serving::run(self.within(&command))
    }

    /// Leaves so many bytes free, in whole pages.
    fn fill(&self, free: usize) {
        let path = self.seen().join("bourrage");
        let mut file = std::fs::File::create(path).unwrap();
        let page = [0_u8; 4_096];
        let mut pages = 0_u64;
        while file.write_all(&page).is_ok() {
            pages += 1;
        }
        file.set_len(pages.saturating_sub(free as u64 / 4_096) * 4_096).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.seen().join("bourrage")).unwrap();
    }
}

impl Drop for Disque {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_full_disk_takes_nothing_says_so_and_the_same_node_goes_on_once_there_is_room() {
    let root = tempfile::tempdir().unwrap();
    let mounted = root.path().join("disque");
    std::fs::create_dir(&mounted).unwrap();
    let mounts = "mount -t tmpfs -o size=160m,mode=700 tmpfs \"$DISQUE\"";
    let Some(disque) = Disque::new(mounted.clone(), mounts, "disk full") else { return };
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(root.path(), &ledger, &node);
    node.stop();
    copy_folder(&ledger.dir, &disque.seen().join("registre"));
    std::fs::copy(root.path().join("registre.garde"), disque.seen().join("registre.garde")).unwrap();

    let agent = Charge::agent();
    let mut node = disque.serve(&mounted.join("registre")).unwrap();
    let min = usize::try_from(FREE_BYTES_MIN).unwrap();
    // To the last byte, and to where the node itself draws the line.
    for free in [0, 4_096, 64 * 1_024, min - 4_096] {
        let envelopes: Vec<_> = (0..5).map(|_| charge.prepare(&agent, &node.url).unwrap()).collect();
        disque.fill(free);
        for envelope in &envelopes {
            let said = charge.post(&agent, &node.url, envelope);
            assert_eq!(said, Dit::Non(503, "store-unavailable".to_owned()), "{free} bytes free");
        }
        if free == 0 {
            assert_eq!(charge.one(&agent, &node.url), Dit::Non(507, "disk-full".to_owned()), "a piece, too");
        }
        // What is there is still read.
        assert_eq!(agent.get(format!("{}/checkpoint", node.url)).call().unwrap().status(), 200);
        disque.free();
        assert!(node.lives(), "{free} bytes free: the node ended");
        // The same bytes, the same process; the guard may take its half second to be written again.
        wait_until("it goes on by itself", 10, || matches!(charge.one(&agent, &node.url), Dit::Recu { .. }));
        charge.settle(&node.url);
    }
    node.stop();
    // SQLite does not open what it sees through another process.
    copy_folder(&disque.seen().join("registre"), &root.path().join("copie"));
    charge.check(&root.path().join("copie"));
    succeed(&["verify", arg(&root.path().join("copie")), "--vkey", &ledger.vkey]);
}

#[test]
fn a_node_killed_on_a_full_disk_starts_again_once_there_is_room_and_says_why_not_before() {
    let root = tempfile::tempdir().unwrap();
    let mounted = root.path().join("disque");
    std::fs::create_dir(&mounted).unwrap();
    let mounts = "mount -t tmpfs -o size=160m,mode=700 tmpfs \"$DISQUE\"";
    let Some(disque) = Disque::new(mounted.clone(), mounts, "killed on a full disk") else { return };
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let charge = Charge::enrol(root.path(), &ledger, &node);
    node.stop();
    let dir = mounted.join("registre");
    copy_folder(&ledger.dir, &disque.seen().join("registre"));
    std::fs::copy(root.path().join("registre.garde"), disque.seen().join("registre.garde")).unwrap();
    let node = disque.serve(&dir).unwrap();
    let url = node.url.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| charge.load(&url));
        wait_until("the load begins", 30, || charge.counts().0 > 10);
        disque.fill(0);
        node.kill();
    });
    match disque.serve(&dir) {
        // It reads, and takes nothing.
        Ok(node) => assert!(matches!(charge.one(&Charge::agent(), &node.url), Dit::Non(503, _))),
        Err(said) => assert!(said.contains("No space left") || said.contains("full"), "{said}"),
    }
    disque.free();
    let node = disque.serve(&dir).unwrap();
    charge.settle(&node.url);
    assert!(matches!(charge.one(&Charge::agent(), &node.url), Dit::Recu { is_new: true, .. }));
    node.stop();
    // SQLite does not open what it sees through another process.
    copy_folder(&disque.seen().join("registre"), &root.path().join("copie"));
    charge.check(&root.path().join("copie"));
    succeed(&["verify", arg(&root.path().join("copie")), "--vkey", &ledger.vkey]);
}

#[test]
fn a_folder_that_cannot_be_written_is_not_served_and_the_reason_is_said() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let mounts = "mount --bind \"$DISQUE\" \"$DISQUE\" && mount -o remount,ro,bind \"$DISQUE\"";
    let Some(disque) = Disque::new(ledger.dir.clone(), mounts, "read-only folder") else { return };
    let Err(said) = disque.serve(&ledger.dir) else { panic!("a node serves what it can't write") };
    assert!(said.contains("Read-only file system") && said.contains("registre"), "{said}");
    drop(disque);
    Serving::start(&ledger.dir).stop();
}
