//! The API holds to its OpenAPI description whatever a program makes up of it: schemathesis asks, with good and bad values, and no answer
//! is a failure of the node or one that is not described. Skipped aloud where schemathesis is not installed
//! (`pip install -r tests/conformite/requirements.txt`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "support/node.rs"]
mod node;
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use node::*;

/// Values that the program makes up for each operation: enough to meet each parameter's edges within a token's five minutes.
const EXAMPLES: &str = "25";

/// Numbers are made from this, so that a failure can be met again.
const SEED: &str = "20261122";

#[test]
fn no_made_up_request_is_answered_otherwise_than_described() {
    let program = std::env::var("GREFFE_SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    if !Command::new(&program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: schemathesis is not installed (pip install -r tests/conformite/requirements.txt)");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let ledger = init(root.path(), "conformite.greffe.example");
    let node = Serving::start(&ledger.dir);
    let token = succeed(&["token", "--key", arg(&ledger.operator_key), "--url", &node.url]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformite");
    let bearer = format!("Authorization: Bearer {}", token.trim());
    // Out of a file: of a description that it is given by address, the program leaves out the operation that gives it.
    let description = root.path().join("description.json");
    std::fs::write(&description, greffe::http::openapi::document().to_string()).unwrap();
    let output = Command::new(&program)
        .current_dir(root.path())
        .args(["--config-file", arg(&folder.join("schemathesis.toml"))])
        .args(["run", arg(&description), "--url", &node.url, "--header", &bearer])
        .args(["--max-examples", EXAMPLES, "--seed", SEED, "--no-color", "--workers", "1"])
        .args(["--generation-database", "none"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .output()
        .unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    let paths = greffe::http::openapi::document()["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|methods| methods.as_object().unwrap().len()).sum();
    assert!(said.contains(&format!("Tested: {operations}\n")), "{operations}: {said}");
    node.stop();
}
