//! docs/FIL.md holds true: its commands run as they stand, one after the other, against a real node.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use greffe::http::bounds::{FOLLOWERS_OF_EACH_MAX, WRITE_SILENCE_MAX};
use greffe::http::problem::Cause;
use node::*;
use support::COMMUNE;

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FIL.md")).unwrap()
}

/// The commands of the page.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    for program in ["curl", "jq", "bash", "timeout"] {
        if !Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: {program} is not installed (the commands of FIL.md)");
            return;
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let ledger = init(dir.path(), "greffe.essai.invalid");
    let node = Serving::start(&ledger.dir);
    let key = enrol(dir.path(), &node, &ledger.operator_key, COMMUNE, "commune", "collectivite");
    let program = Path::new(env!("CARGO_BIN_EXE_greffe")).parent().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("exemples/bash");
    let path = format!("{}:{}:{}", arg(program), arg(&examples), std::env::var("PATH").unwrap());
    let run = |command: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", command]).current_dir(dir.path());
        bash.env("GREFFE_URL", &node.url).env("GREFFE_KEY", &key).env("PATH", &path);
        let output = bash.output().unwrap();
        assert!(output.status.success(), "{command}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    let page = page();
    let said: Vec<String> = commands(&page).into_iter().map(run).collect();
    let [first, rest, now, followed, stream] = said.as_slice() else { panic!("{} commands", said.len()) };
    assert!(first.contains("greffe.adherent.inscrit.v1") && first.contains("\"a_jour\""), "{first}");
    assert_eq!((rest.as_str(), now.as_str()), ("true\n", "0\n"));
    assert_eq!(followed, "", "there is no act");
    assert!(stream.starts_with("retry: 2000\n"), "{stream}");
    // The program goes on where it was.
    let follow = "UNE_FOIS=1 suivre.sh ou 'famille=adherent' | jq .index";
    assert_eq!((run(follow), run(follow)), ("1\n2\n".to_owned(), String::new()));
}

#[test]
fn the_limits_and_codes_of_the_page_are_the_nodes() {
    let page = page();
    for limit in [
        format!("{FOLLOWERS_OF_EACH_MAX} flux à la fois"),
        "pendant trente secondes".to_owned(),
        "regardé 10 000 feuilles".to_owned(),
    ] {
        assert!(page.replace('\n', " ").contains(&limit), "{limit}");
    }
    assert_eq!(WRITE_SILENCE_MAX.as_secs(), 30);
    let section = page.split("## En flux").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `")).skip(1).take(4);
    let codes: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(codes.len(), 4);
    for code in codes.into_iter().chain(["too-many-followers", "query-invalid", "cursor-ahead"]) {
        assert!(Cause::ALL.iter().any(|cause| cause.as_str() == code), "{code}");
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}
