//! The probes of transparency-dev/merkle, good and bad, when `GREFFE_FIXTURES` says where they are.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;

/// The folder of the fixtures; a test without it says so, once, and proves nothing.
fn fixtures(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("GREFFE_FIXTURES");
    if folder.is_none() {
        skip(test);
    }
    folder.map(PathBuf::from)
}

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn skip(test: &str) {
    eprintln!("skipped: GREFFE_FIXTURES is not set ({test})");
}

fn probes(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            probes(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

/// A Go `[]byte` in JSON: base64, null or missing for an empty one.
fn hash(value: &Value) -> Result<Hash, HashError> {
    Hash::try_from(BASE64.decode(value.as_str().unwrap_or_default().as_bytes()).unwrap().as_slice())
}

/// What is not 32 bytes long can't be a [`Hash`]. Where the probe's authors leave its refusal to the shape of the
/// proof, its digest stands for it, so that our verifier and not our decoder is judged.
fn stand_in(value: &Value) -> Hash {
    hash(value).unwrap_or_else(|_| Hash::from_bytes(Sha256::digest(value.as_str().unwrap_or_default()).into()))
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().map(|hashes| hashes.iter().map(stand_in).collect()).unwrap_or_default()
}

/// By the decoder or by the verifier.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Refusal {
    Hash(#[from] HashError),
    Proof(#[from] ProofError),
}

/// Every probe of that kind must be judged as `wantErr` says; `(good, bad)` counted.
fn judge(kind: &str, test: &str, verify: impl Fn(&Value) -> Result<(), Refusal>) {
    let Some(fixtures) = fixtures(test) else { return };
    let mut files = Vec::new();
    probes(&fixtures.join("merkle").join(kind), &mut files);
    let (mut good, mut bad) = (0, 0);
    for file in files {
        let probe: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let want_err = probe["wantErr"].as_bool().unwrap();
        let verdict = verify(&probe);
        assert_eq!(verdict.is_err(), want_err, "{}: {verdict:?}", file.display());
        *if want_err { &mut bad } else { &mut good } += 1;
    }
    assert!(good >= 6 && bad >= 90, "{kind}: only {good} good and {bad} bad probes were found");
}

#[test]
fn inclusion_probes_are_judged_as_their_authors_do() {
    judge("inclusion", "inclusion_probes_are_judged_as_their_authors_do", |probe| {
        let number = |name: &str| probe[name].as_u64().unwrap();
        let (leaf, root) = (hash(&probe["leafHash"])?, hash(&probe["root"])?);
        Ok(verify_inclusion(&leaf, number("leafIdx"), number("treeSize"), &hashes(&probe["proof"]), &root)?)
    });
}

#[test]
fn consistency_probes_are_judged_as_their_authors_do() {
    judge("consistency", "consistency_probes_are_judged_as_their_authors_do", |probe| {
        let number = |name: &str| probe[name].as_u64().unwrap();
        let (from, to) = (stand_in(&probe["root1"]), stand_in(&probe["root2"]));
        Ok(verify_consistency(number("size1"), number("size2"), &hashes(&probe["proof"]), &from, &to)?)
    });
}
