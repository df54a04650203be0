//! The built program, run as its users run it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::print_stderr)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

/// The `greffe` command.
pub fn greffe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greffe"));
    command.env_remove("GREFFE_URL").env_remove("GREFFE_KEY").env_remove("GREFFE_VKEY").env_remove("GREFFE_DIR");
    command
}

/// Runs to the end; the output with its exit code.
pub fn run(args: &[&str]) -> Output {
    greffe().args(args).stdin(Stdio::null()).output().unwrap()
}

/// Runs what must succeed; its standard output.
pub fn succeed(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "greffe {args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs what must succeed; everything it said.
pub fn said(args: &[&str]) -> String {
    let output = run(args);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "greffe {args:?}\n{said}");
    said
}

/// Runs what must end with that code; everything it said.
pub fn fail(args: &[&str], code: i32) -> String {
    let output = run(args);
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "greffe {args:?}\n{said}");
    said
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A running `greffe serve`, killed when dropped.
pub struct Serving {
    child: Child,
    pub url: String,
    /// Reads its standard error, which would otherwise fill up and hold it; gives all of it at the end.
    said: Option<JoinHandle<String>>,
}

impl Serving {
    /// Starts a node on a free port and waits until it listens.
    pub fn start(dir: &Path) -> Self {
        let mut command = greffe();
        command.args(["serve", "--dir", arg(dir), "--listen", "127.0.0.1:0"]);
        Self::run(command).unwrap_or_else(|said| panic!("greffe serve did not start: {said}"))
    }

    /// Runs a command that becomes a node, and waits until it listens; where it ends instead, what it said.
    pub fn run(mut command: Command) -> Result<Self, String> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().to_owned();
        if !url.starts_with("http://") {
            return Err(text(&child.wait_with_output().unwrap().stderr));
        }
        let mut stderr = child.stderr.take().unwrap();
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).unwrap();
            text(&said)
        });
        Ok(Self { child, url, said: Some(said) })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: whether it ended well, and what it said on standard error.
    pub fn ended(mut self) -> (bool, String) {
        let success = self.child.wait().unwrap().success();
        (success, self.said.take().unwrap().join().unwrap())
    }

    /// SIGKILL: nothing of the process runs any more when this returns.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the end.
    pub fn stop(self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        let (success, said) = self.ended();
        assert!(success, "{said}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(said) = self.said.take().filter(|_| std::thread::panicking()) {
            eprintln!("{}", said.join().unwrap_or_default());
        }
    }
}

/// A ledger made by `greffe init`: where it is, its vkey, its operator's key.
pub struct Initialised {
    pub dir: PathBuf,
    pub vkey: String,
    pub operator_key: PathBuf,
}

pub fn init(root: &Path, origin: &str) -> Initialised {
    let dir = root.join("registre");
    let vkey = succeed(&["init", "--dir", arg(&dir), "--origin", origin, "--operator", crate::support::OPERATOR]);
    Initialised { dir, vkey: vkey.trim().to_owned(), operator_key: root.join("registre.hors-ligne/operateur.pem") }
}

/// Enrols an organisation of the Loiret with a new key, through `greffe post`; the key's file.
pub fn enrol(
    root: &Path,
    node: &Serving,
    operator_key: &Path,
    organisation: &str,
    categorie: &str,
    role: &str,
) -> PathBuf {
    enrol_in("045", root, node, operator_key, organisation, categorie, role)
}

/// The same, in another département.
pub fn enrol_in(
    departement: &str,
    root: &Path,
    node: &Serving,
    operator_key: &Path,
    organisation: &str,
    categorie: &str,
    role: &str,
) -> PathBuf {
    let key = root.join(format!("{}.pem", &organisation[10..]));
    let public = succeed(&["key", "new", arg(&key)]);
    let subject = format!("adherent/{}", &organisation[10..]);
    let member = serde_json::json!({
        "type": "greffe.adherent.inscrit.v1", "source": crate::support::OPERATOR, "subject": subject,
        "data": { "organisation": organisation, "categorie": categorie, "denomination": "Organisme d'essai", "departement": departement },
    });
    let enrolment = serde_json::json!({
        "type": "greffe.cle.enrolee.v1", "source": crate::support::OPERATOR, "subject": subject,
        "data": { "organisation": organisation, "cle": public.trim(), "roles": [role],
                  "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2120-01-01T00:00:00Z" },
    });
    let drafts = [
        root.join(format!("{}-membre.json", &organisation[10..])),
        root.join(format!("{}-cle.json", &organisation[10..])),
    ];
    std::fs::write(&drafts[0], member.to_string()).unwrap();
    std::fs::write(&drafts[1], enrolment.to_string()).unwrap();
    let operator = arg(operator_key);
    succeed(&["post", "--url", &node.url, "--key", operator, arg(&drafts[0])]);
    succeed(&["post", "--url", &node.url, "--key", operator, "--key", arg(&key), arg(&drafts[1])]);
    key
}
