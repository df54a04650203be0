//! The README's first command: it tells a year that ends now, run again adds nothing, and everything it says to try works as
//! it is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use greffe::ledger::clock::Hand;
use greffe::ledger::{Ledger, LedgerError};
use node::{arg, greffe, run, succeed, text};

/// Acts of the year that is told here.
const ACTES: &str = "20";

/// A demonstration that serves, and what it printed; killed when dropped.
struct Servie {
    child: Child,
    imprime: Vec<String>,
}

impl Servie {
    /// Runs again what was made under `root`, with `greffe` on the path as the README has it.
    fn reprend(root: &Path) -> Self {
        let mut command = greffe();
        command.current_dir(root).env("PATH", path()).args(["demo", "--listen", "127.0.0.1:0", "--actes", ACTES]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut imprime: Vec<String> = Vec::new();
        for line in stdout.lines() {
            let line = line.unwrap();
            let is_last = line.is_empty() && imprime.iter().any(|line| line == "N'importe qui");
            imprime.push(line);
            if is_last {
                break;
            }
        }
        Self { child, imprime }
    }

    /// The commands that it tells each kind of user.
    fn commandes(&self) -> Vec<(&str, &str)> {
        let mut user = "";
        let told = self.imprime.iter().skip_while(|line| !line.starts_with("À essayer")).skip(1);
        let mut commands = Vec::new();
        for line in told.filter(|line| !line.is_empty()) {
            match line.strip_prefix("  ") {
                None => user = line,
                Some(comment) if comment.starts_with('#') => {}
                Some(command) => commands.push((user, command)),
            }
        }
        commands
    }
}

impl Drop for Servie {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built program first.
fn path() -> std::ffi::OsString {
    let here = Path::new(env!("CARGO_BIN_EXE_greffe")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([here].into_iter().chain(std::env::split_paths(&others))).unwrap()
}

/// Types a line; its standard output.
fn tape(root: &Path, line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).current_dir(root).env("PATH", path()).output().unwrap();
    assert!(output.status.success(), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn size(said: &str) -> &str {
    said.lines().find_map(|line| line.strip_prefix("checkpoint: ")).unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn the_demonstration_tells_a_year_once_and_what_it_says_to_try_works_as_printed() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: curl is not here, and the demonstration's commands use it");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("greffe-demo");
    let first = run(&["demo", "--dir", arg(&dir), "--listen", "127.0.0.1:0", "--actes", ACTES, "--once"]);
    let said = format!("{}{}", text(&first.stdout), text(&first.stderr));
    assert!(first.status.success(), "{said}");
    for expected in [
        "Organismes : 15 inscrits, 16 clés, 3 délégations",
        "Actes : 21 archives transmises",
        "Comptabilité : 33 flux",
        "Marchés : 5 consultations",
        "Refus, chacun consigné et signé par le nœud : 5",
        "[seance-non-contresignee]",
        "L'historique est vérifié",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let servie = Servie::reprend(root.path());
    let again = servie.imprime.join("\n");
    assert_eq!(size(&again), size(&said), "run again it records nothing");

    let commands = servie.commandes();
    let users: std::collections::BTreeSet<_> = commands.iter().map(|(user, _)| user).collect();
    assert_eq!(users.len(), 10, "{users:?}");
    for (user, command) in &commands {
        let shown = tape(root.path(), command);
        let expected = match *user {
            "Secrétaire de mairie (Exempleville)" if command.starts_with("curl") => ";recu;",
            "Secrétaire de mairie (Exempleville)" => "déjà enregistré",
            "Préfecture" => "réparation de la toiture;",
            "Comptable public" if command.contains("totaux") => ";20712,10",
            "Comptable public" => ";mise-en-paiement;",
            "Fournisseur (Bâtisseurs Fictifs)" => ";4890,00;0,00",
            "Acheteur (Pays d'Exemple)" if command.contains("/plis") => ";hors-delai;",
            "Acheteur (Pays d'Exemple)" => "urn:siren:299600031;",
            "Soumissionnaire (Fournitures Imaginaires)" if command.contains("ouverte") => "_T14;travaux;",
            "Soumissionnaire (Fournitures Imaginaires)" => ";en-temps;urn:siren:299600023",
            "Auditeur d'une commune (Exempleville)" if command.contains(" export ") => "",
            "Auditeur d'une commune (Exempleville)" => "L'extrait est vérifié",
            "Auditeur de tout (chambre des comptes)" if command.contains("verify") => "L'historique est vérifié",
            "Auditeur de tout (chambre des comptes)" => "facture est déjà",
            "Logiciel d'un éditeur (syndicat numérique, par délégation)" => "greffe.flux.transmis.v1",
            "N'importe qui" => "Le récépissé est vérifié",
            other => panic!("{other}: {command}"),
        };
        assert!(shown.contains(expected), "{user}\n{command}\n{shown}");
        neighbours_get_nothing_of_it(root.path(), user, command, &shown);
    }

    // Every receipt, refusals' too, verifies anywhere with the log's key alone.
    let vkey = dir.join("vkey");
    let leaves: usize = size(&said).split(' ').next().unwrap().parse().unwrap();
    let mut receipts: Vec<_> =
        std::fs::read_dir(dir.join("recus")).unwrap().map(|entry| entry.unwrap().path()).collect();
    receipts.extend(std::fs::read_dir(dir.join("recus/apres-anomalie")).unwrap().map(|entry| entry.unwrap().path()));
    receipts.retain(|path| path.is_file());
    assert_eq!(receipts.len(), leaves - 1, "one for each leaf but the opening");
    for receipt in receipts.iter().step_by(10) {
        succeed(&["verify", arg(receipt), "--vkey", arg(&vkey)]);
    }
}

/// What is one's own is shown to no neighbour who types the same with its own key. (What the prefecture waits for may be the neighbour's
/// own; tenders that are published are everybody's.)
fn neighbours_get_nothing_of_it(root: &Path, user: &str, command: &str, shown: &str) {
    let key = "greffe-demo/membres/";
    let Some((before, rest)) = command.split_once(key) else { return };
    if user == "Préfecture" || command.contains("ouverte=true") || command.contains(" import ") {
        return;
    }
    let (_, after) = rest.split_once(".pem").unwrap();
    // A commune that is no party to any of it.
    let line = format!("{before}{key}219600038.pem{after}");
    let output = Command::new("sh").args(["-c", &line]).current_dir(root).env("PATH", path()).output().unwrap();
    let seen = format!("{}{}", text(&output.stdout), text(&output.stderr));
    if command.starts_with("curl") {
        for row in shown.lines().skip(1) {
            assert!(!seen.contains(row), "{line}\n{seen}");
        }
        if shown.lines().count() == 1 {
            assert!(!seen.contains("urn:siren:2196000"), "{line}\n{seen}");
        }
    } else {
        assert!(!output.status.success(), "{line}\n{seen}");
    }
}

#[test]
fn a_year_that_was_cut_off_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let (dir, recus) = (root.path().join("demo"), root.path().join("demo/recus"));
    let demo = ["demo", "--dir", arg(&dir), "--listen", "127.0.0.1:0", "--actes", "2", "--once"];
    let mut cut = greffe().args(demo).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Not what was half written when it was cut.
    let is_receipt = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".recu.json");
    let kept = || {
        let files = std::fs::read_dir(&recus).into_iter().flatten();
        files.filter(|file| is_receipt(&file.as_ref().unwrap().file_name())).count()
    };
    let started = std::time::Instant::now();
    while kept() <= 100 {
        assert!(started.elapsed() < std::time::Duration::from_mins(2), "the year is not told");
        std::thread::yield_now();
    }
    cut.kill().unwrap();
    cut.wait().unwrap();
    let before = kept();
    let rest = run(&demo);
    let said = format!("{}{}", text(&rest.stdout), text(&rest.stderr));
    assert!(rest.status.success() && said.contains("L'historique est vérifié"), "{said}");
    let leaves: usize = size(&said).split(' ').next().unwrap().parse().unwrap();
    assert_eq!(kept(), leaves - 1, "each leaf has its one receipt");
    assert!(before < kept(), "it was cut off before its end");
}

#[test]
fn no_ledger_that_may_be_somebody_s_takes_simulated_time() {
    let root = tempfile::tempdir().unwrap();
    let real = node::init(root.path(), "greffe.exemple.fr");
    let options = support::options(&greffe::ledger::folder::Folder::new(&real.dir));
    let hand = Hand::at(support::now_ms());
    match Ledger::open_by(&options, hand.clock(), &mut |_, _| ()) {
        Err(LedgerError::FalseClock(origin)) => assert_eq!(origin.as_str(), "greffe.exemple.fr"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a ledger of a name that may be somebody's was opened in simulated time"),
    }
    // The folder is as it was.
    Ledger::open(&options, &mut |_, _| ()).unwrap();
}
