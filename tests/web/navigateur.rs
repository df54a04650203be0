//! Headless Chromium over the demonstration: axe-core finds nothing on any page, with and without JavaScript, in light and in dark, on a
//! narrow screen too; the browser verifies a receipt by itself, and sees that one was altered. What is done there is in
//! `navigateur.mjs`. Skipped aloud without Chromium, Node, or the modules that `npm ci` installs in this folder.
#![allow(clippy::print_stderr)]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::node::{Serving, arg, run, succeed, text};
use crate::visite::demande;

/// Acts of the year that is shown.
const ACTES: &str = "60";

/// Who looks, and the key in the demonstration's folder.
const LECTEURS: [(&str, &str); 3] = [
    ("prefecture", "membres/179600010.pem"),
    ("commune", "membres/219600012.pem"),
    ("operateur", "hors-ligne/operateur.pem"),
];

/// Where Debian's package puts it, or another.
fn chromium() -> String {
    std::env::var("GREFFE_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned())
}

fn is_here(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    asked.is_ok_and(|output| output.status.success())
}

#[test]
fn nobody_is_kept_out_of_a_page_and_the_browser_verifies_by_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web");
    let has_modules =
        ["axe-core", "playwright-core"].iter().all(|name| folder.join("node_modules").join(name).exists());
    if !Path::new(&chromium()).exists() || !is_here("node") || !has_modules {
        eprintln!("skipped: Chromium, Node or the modules of tests/web are not installed (npm ci --prefix tests/web)");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("demo");
    let told = run(&["demo", "--dir", arg(&dir), "--listen", "127.0.0.1:0", "--actes", ACTES, "--once"]);
    assert!(told.status.success(), "{}{}", text(&told.stdout), text(&told.stderr));
    let serving = Serving::start(&dir.join("registre"));
    let liens: serde_json::Map<_, _> = LECTEURS
        .iter()
        .map(|(lecteur, key)| ((*lecteur).to_owned(), json!(link(&serving, arg(&dir.join(key))))))
        .collect();
    let request = root.path().join("demande.json");
    // Where pictures for the README go, if somebody wants them.
    let images = std::env::var("GREFFE_IMAGES").ok();
    let asked = json!({ "url": serving.url, "chromium": chromium(), "liens": liens, "images": images });
    std::fs::write(&request, asked.to_string()).unwrap();
    let output = Command::new("node").arg(folder.join("navigateur.mjs")).arg(&request).output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.matches("vu: ").count() > 120, "{said}");
    serving.stop();
}

/// A link that the node takes: it takes none of the second in which it started.
fn link(serving: &Serving, key: &str) -> String {
    loop {
        let link = succeed(&["token", "--link", "--key", key, "--url", &serving.url]).trim().to_owned();
        let (address, path) = (serving.url.trim_start_matches("http://"), &link[serving.url.len()..]);
        if demande(address, "GET", path, &[], None).status == 200 {
            return link;
        }
    }
}
