//! `greffe doctor` on folders as operators find them, and `greffe.toml` as they write it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use node::*;
use serde_json::Value;

const ORIGIN: &str = "doctor.greffe.example";

/// Everything in a folder: each file with its bytes.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // What SQLite keeps beside a -wal for those who read it, and makes anew for each first one.
        if arg(&path).ends_with("-shm") {
            continue;
        }
        if path.is_dir() {
            all.extend(content(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

/// What `greffe doctor` finds, by code, and its exit code. It must not change anything.
fn examine(dir: &Path, more: &[&str]) -> (i32, BTreeMap<String, (String, String)>) {
    let before = content(dir.parent().unwrap());
    let args = [&["doctor", "--dir", arg(dir), "--json", "--url", "http://127.0.0.1:9"], more].concat();
    let output = run(&args);
    assert_eq!(content(dir.parent().unwrap()), before, "it changes nothing");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let word = |constat: &Value, name: &str| constat[name].as_str().unwrap().to_owned();
    let constats = found["constats"].as_array().unwrap().iter();
    let constats: BTreeMap<_, _> = constats
        .map(|constat| {
            assert_eq!(constat["niveau"] == "bon", constat["conseil"].is_null(), "a fault says what to do: {constat}");
            (word(constat, "code"), (word(constat, "niveau"), word(constat, "dit")))
        })
        .collect();
    let worst = ["faute", "avis", "bon"].iter().find(|niveau| constats.values().any(|found| found.0 == **niveau));
    assert_eq!(found["verdict"], **worst.unwrap());
    (output.status.code().unwrap(), constats)
}

fn ledger(root: &Path) -> PathBuf {
    let ledger = init(root, ORIGIN);
    Serving::start(&ledger.dir).stop();
    ledger.dir
}

#[test]
fn a_good_folder_is_good_and_each_harm_is_named_with_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let dir = ledger(root.path());
    let (code, found) = examine(&dir, &["--complet"]);
    assert_eq!(code, 0, "{found:?}");
    for good in [
        "dossier",
        "cle-journal",
        "cle-noeud",
        "feuilles",
        "horloge",
        "point-de-controle",
        "temoin",
        "index",
        "vue",
        "noeud",
        "historique",
    ] {
        assert_eq!(found[good].0, "bon", "{good}: {found:?}");
    }
    assert_eq!(found["sauvegarde"].0, "avis");

    let guard = dir.with_extension("garde");
    let harmed = |code: &str, more: &[&str]| {
        let (exit, found) = examine(&dir, more);
        let (niveau, dit) = &found[code];
        assert_eq!(i32::from(niveau == "faute"), exit, "{found:?}");
        (niveau.clone(), dit.clone())
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(&dir.join("cles/journal.pem"), 0o644);
        assert_eq!(harmed("cle-journal", &[]).0, "faute");
        set(&dir.join("cles/journal.pem"), 0o600);
        set(&dir, 0o755);
        assert_eq!(harmed("dossier", &[]).0, "faute");
        set(&dir, 0o700);
    }
    let kept = fs::read(&guard).unwrap();
    fs::remove_file(&guard).unwrap();
    let (niveau, dit) = harmed("temoin", &[]);
    assert!(niveau == "faute" && dit.contains("manque"), "{dit}");
    let inside = dir.join("garde");
    fs::write(&inside, &kept).unwrap();
    let (niveau, dit) = harmed("temoin", &["--guard", arg(&inside)]);
    assert!(niveau == "faute" && dit.contains("dans le dossier"), "{dit}");
    fs::remove_file(&inside).unwrap();
    fs::write(&guard, b"rien").unwrap();
    assert_eq!(harmed("temoin", &[]).0, "avis");
    fs::write(&guard, &kept).unwrap();

    fs::write(dir.join("cles/noeud.pem"), b"rien").unwrap();
    assert_eq!(harmed("cle-noeud", &[]).0, "faute");
    fs::remove_file(dir.join("index.sqlite")).unwrap();
    assert_eq!(examine(&dir, &[]).1["index"].0, "avis");
    fs::remove_file(dir.join("registre.sqlite")).unwrap();
    assert_eq!(examine(&dir, &[]).1["feuilles"].0, "avis");
    fs::write(dir.join("registre.sqlite"), b"").unwrap();
    assert_eq!(harmed("feuilles", &[]).0, "faute");
}

#[test]
fn what_is_of_another_ledger_is_told() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (dir, others) = (ledger(one.path()), ledger(other.path()));
    let view = |dir: &Path| {
        let views = fs::read_dir(dir.join("vues")).unwrap().map(|entry| entry.unwrap().path());
        views.into_iter().find(|path| arg(path).contains("journal-v") && arg(path).ends_with(".sqlite")).unwrap()
    };
    fs::copy(view(&others), view(&dir)).unwrap();
    for suffix in ["", "-wal"] {
        let (from, to) = (others.join(format!("index.sqlite{suffix}")), dir.join(format!("index.sqlite{suffix}")));
        let _ = fs::remove_file(&to);
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    let _ = fs::remove_file(dir.join("index.sqlite-shm"));
    let said = fail(&["doctor", "--dir", arg(&dir), "--url", "http://127.0.0.1:9"], 1);
    assert!(said.contains("FAUTE  la vue journal n'est pas de ce registre"), "{said}");
    assert!(said.contains("→ « greffe views rebuild journal »"), "{said}");
    assert!(said.contains("l'index n'est pas de ce registre"), "{said}");
    fs::copy(others.join("cles/journal.pem"), dir.join("cles/journal.pem")).unwrap();
    assert_eq!(examine(&dir, &[]).1["point-de-controle"].0, "faute");
}

#[test]
fn a_running_node_is_reached_and_its_folder_read_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), ORIGIN);
    let node = Serving::start(&ledger.dir);
    let said = succeed(&["doctor", "--dir", arg(&ledger.dir), "--url", &node.url]);
    assert!(said.contains("répond et se dit prêt"), "{said}");
    let said = succeed(&["doctor", "--dir", arg(&ledger.dir), "--url", "http://127.0.0.1:9"]);
    assert!(said.contains("un nœud tient ce dossier, mais"), "{said}");
    node.stop();
}

#[test]
fn what_can_not_be_examined_is_no_verdict() {
    let root = tempfile::tempdir().unwrap();
    let said = fail(&["doctor", "--dir", arg(&root.path().join("absent"))], 2);
    assert!(said.contains("n'existe pas"), "{said}");
    let file = root.path().join("fichier");
    fs::write(&file, b"").unwrap();
    fail(&["doctor", "--dir", arg(&file)], 2);
    // A folder that is no ledger is one that was examined.
    let empty = root.path().join("vide");
    fs::create_dir(&empty).unwrap();
    let said = fail(&["doctor", "--dir", arg(&empty), "--url", "http://127.0.0.1:9"], 1);
    assert!(said.contains("n'est pas un registre"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = root.path().join("ferme");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        // Whoever may read everything reads this too.
        if fs::read_dir(&closed).is_err() {
            assert!(fail(&["doctor", "--dir", arg(&closed)], 2).contains("ne se laisse pas lire"));
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn settings_stand_in_a_file_below_the_environment_and_the_flags() {
    let root = tempfile::tempdir().unwrap();
    let dir = ledger(root.path());
    let file = root.path().join("greffe.toml");
    let doctor = |more: &[&str]| {
        let mut command = greffe();
        command.current_dir(root.path()).args(["doctor", "--json"]).args(more);
        command
    };
    let examined = |output: std::process::Output| {
        let found: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        found["dossier"].as_str().unwrap().to_owned()
    };
    let relative = dir.file_name().unwrap().to_str().unwrap();
    fs::write(&file, format!("dir = \"{relative}\"\nurl = \"http://127.0.0.1:9\"\n")).unwrap();
    assert_eq!(examined(doctor(&[]).output().unwrap()), arg(&dir.canonicalize().unwrap()));
    // Beside the file, wherever the command is run.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut named = doctor(&["--config", arg(&file)]);
    assert_eq!(examined(named.current_dir(elsewhere.path()).output().unwrap()), arg(&dir.canonicalize().unwrap()));
    let absent = root.path().join("absent");
    assert_eq!(doctor(&[]).env("GREFFE_DIR", &absent).output().unwrap().status.code(), Some(2));
    assert_eq!(doctor(&["--dir", arg(&absent)]).env("GREFFE_DIR", &dir).output().unwrap().status.code(), Some(2));
    for (wrong, told) in [
        ("dir = 'x'\nlisten_on = 'y'\n", "ligne 2 : listen_on n'est pas un réglage"),
        ("dir = \n", "ligne 1 : "),
        ("\nkey = '''-----BEGIN PRIVATE KEY-----'''", "ligne 2 : key : une clé ne s'écrit pas ici"),
    ] {
        fs::write(&file, wrong).unwrap();
        let output = doctor(&[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(text(&output.stderr).contains(told), "{wrong}: {}", text(&output.stderr));
    }
    fs::write(&file, format!("dir = \"{relative}\"\nlisten = \"partout\"\n")).unwrap();
    let output = greffe().current_dir(root.path()).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("« listen » vient de greffe.toml, ligne 2"), "{}", text(&output.stderr));
    let output = doctor(&["--config", arg(&absent)]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("absent"), "{}", text(&output.stderr));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::write(&file, format!("dir = \"{relative}\"\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let output = doctor(&[]).output().unwrap();
        assert!(text(&output.stderr).contains("d'autres que vous peuvent l'écrire"), "{}", text(&output.stderr));
    }
}
