//! What verifying a history costs, against the one price that can't be saved: a strict signature verification each.
//!
//! `history/100000` is a valid history of 100,000 leaves in memory, half acts and half acknowledgements. The line that
//! is printed compares it with *cores ÷ verify_strict* of the same run, and with strict verifications alone on all cores:
//! where two "cores" share one core's arithmetic, the second is the bound that can be reached.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark prints what it measured")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::VerifyingKey;
use greffe::audit::{Control, Evidence, Verdict, verify_history};
use greffe::ledger::opening::vkey;
use greffe::tlog::{Checkpoint, Frontier, KeyName, NoteSigner, Verifier, leaf_hash};
use greffe_events::Event;
use greffe_events::dsse::{Envelope, PAYLOAD_TYPE, pae};
use greffe_events::horodatage::Horodatage;
use greffe_events::key::{KeyId, SecretKey, Signature};
use greffe_events::leaf::Leaf;
use rayon::prelude::*;
use serde_json::{Value, json};

const LEAVES: usize = 100_000;
const ORIGIN: &str = "greffe.example";
const OPERATOR: &str = "urn:siren:219600012";
const COMMUNE: &str = "urn:siren:214502494";
const PREFECTURE: &str = "urn:siren:214400152";
const START_MS: u64 = 1_795_169_730_000;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// Writes leaves as a sequencer would, one a millisecond.
#[derive(Default)]
struct Writer {
    leaves: Vec<Vec<u8>>,
    last: HashMap<String, u64>,
    ranks: HashMap<String, u64>,
}

impl Writer {
    fn write(&mut self, event_type: &str, source: &str, subject: String, data: &Value, seeds: &[u8]) {
        let index = self.leaves.len() as u64;
        let now = START_MS + index;
        let id = format!("01935a4c-0000-7000-8000-{index:012x}");
        let event = json!({
            "specversion": "1.0", "id": id, "source": source, "type": format!("greffe.{event_type}.v1"),
            "subject": subject, "time": Horodatage::from_unix_ms(now), "datacontenttype": "application/json",
            "registre": ORIGIN, "data": data,
        });
        let keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
        let envelope = Envelope::sign(event.to_string().into_bytes(), &keys.iter().collect::<Vec<_>>()).unwrap();
        let rank = self.ranks.entry(source.to_owned()).or_default();
        let previous = self.last.insert(subject, index);
        let leaf = Leaf { recorded_at_ms: now, received_at_ms: now, previous, rank: *rank, envelope };
        *rank += 1;
        self.leaves.push(leaf.encode());
    }
}

fn history() -> Vec<Vec<u8>> {
    let mut writer = Writer::default();
    let log = vkey(&ORIGIN.parse().unwrap(), &key(3)).unwrap().to_string();
    let opening = json!({
        "origine": ORIGIN, "vkey": log, "operateur": { "organisation": OPERATOR, "cle": key(1).id() },
        "noeud": key(2).id(), "recouvrement": [key(4).id(), key(5).id(), key(6).id()],
    });
    writer.write("registre.ouvert", OPERATOR, format!("registre/{ORIGIN}"), &opening, &[1]);
    for (who, categorie, seed, role) in
        [(COMMUNE, "commune", 10, "collectivite"), (PREFECTURE, "prefecture", 12, "prefecture:045")]
    {
        let subject = format!("adherent/{}", &who[10..]);
        let member =
            json!({ "organisation": who, "categorie": categorie, "denomination": "Organisme", "departement": "045" });
        writer.write("adherent.inscrit", OPERATOR, subject.clone(), &member, &[1]);
        let enrolment = json!({
            "organisation": who, "cle": key(seed).id(), "roles": [role],
            "valable_du": "2020-01-01T00:00:00Z", "valable_jusqu": "2099-01-01T00:00:00Z",
        });
        writer.write("cle.enrolee", OPERATOR, subject, &enrolment, &[1, seed]);
    }
    for numero in 0.. {
        let subject = format!("acte/045-{}-20260717-D{numero}-DE", &COMMUNE[10..]);
        let act = json!({
            "matiere": "7.1", "classification": "2026-01-01", "pieces": [
                { "role": "acte", "type": "application/pdf", "taille": 12, "typologie": "99_DE",
                  "nom": format!("{}-1-1_1.pdf", &subject[5..]), "sha256": "ab".repeat(32) },
                { "role": "confidentiel", "finalite": "objet", "type": "application/json", "taille": 20,
                  "engagement": "cd".repeat(32) },
            ],
        });
        writer.write("acte.transmis", COMMUNE, subject.clone(), &act, &[10]);
        if writer.leaves.len() == LEAVES {
            break;
        }
        let acknowledgement = json!({ "date_reception": "2026-11-20" });
        writer.write("acte.accuse-reception", PREFECTURE, subject, &acknowledgement, &[12]);
        if writer.leaves.len() == LEAVES {
            break;
        }
    }
    writer.leaves
}

fn signed(leaves: &[Vec<u8>]) -> (Vec<u8>, Verifier) {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.push(leaf_hash(leaf));
    }
    let signer = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), key(3).signing_key().clone()).unwrap();
    let note = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap().sign(&signer).unwrap();
    (note.to_string().into_bytes(), signer.verifier().clone())
}

fn verify(mut leaves: &[Vec<u8>], checkpoint: &[u8], vkey: &Verifier) {
    let evidence =
        Evidence { pinned: Some(vkey.clone()), checkpoint: Some(checkpoint.to_vec()), ..Evidence::default() };
    let cancelled = AtomicBool::new(false);
    let mut control = Control { progress: &mut |_, _| (), cancelled: &cancelled };
    let report = verify_history(&mut leaves, evidence, &mut control).unwrap();
    assert_eq!(report.verdict, Verdict::Good, "{report}");
}

/// Rounds of the comparison: each measures everything in turn, so that a machine that slows down slows all of it.
const ROUNDS: usize = 7;

fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn audit(c: &mut Criterion) {
    let leaves = history();
    let (checkpoint, vkey) = signed(&leaves);
    let signatures: Vec<(KeyId, Vec<u8>, Signature)> = leaves[..10_000]
        .iter()
        .flat_map(|leaf| {
            let (payload, signatures) = Leaf::decode(leaf).unwrap().envelope.into_parts();
            signatures.into_iter().map(move |(key, signature)| (key, pae(PAYLOAD_TYPE, &payload), signature))
        })
        .collect();

    // The key is read beforehand: the price of the signature equation and nothing else.
    let (id, message, signature) = signatures.last().unwrap();
    let public = VerifyingKey::from_bytes(&id.0).unwrap();
    let wire = ed25519_dalek::Signature::from_bytes(&signature.0);
    c.bench_function("verify_strict", |b| b.iter(|| black_box(&public).verify_strict(message, &wire).unwrap()));
    let mut round = leaves.iter().cycle();
    c.bench_function("leaf_decode_and_parse", |b| {
        b.iter(|| Event::of(&Leaf::decode(round.next().unwrap()).unwrap().envelope).unwrap());
    });
    let mut group = c.benchmark_group("history");
    group.sample_size(10).throughput(Throughput::Elements(LEAVES as u64));
    group.bench_function(LEAVES.to_string(), |b| b.iter(|| verify(&leaves, &checkpoint, &vkey)));
    group.finish();

    let count = u32::try_from(signatures.len()).unwrap();
    let public: HashMap<KeyId, VerifyingKey> =
        signatures.iter().map(|(id, ..)| (*id, VerifyingKey::from_bytes(&id.0).unwrap())).collect();
    let strict = |(id, message, signature): &(KeyId, Vec<u8>, Signature)| {
        let wire = ed25519_dalek::Signature::from_bytes(&signature.0);
        public[id].verify_strict(message, &wire).unwrap();
    };
    let cores = rayon::current_num_threads();
    let count = f64::from(count);
    #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
    let (leaf_count, core_count) = (LEAVES as f64, cores as f64);
    let rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|_| {
            let one = seconds(|| signatures.iter().for_each(strict)) / count;
            let all = seconds(|| signatures.par_iter().for_each(strict)) / count;
            [one, all, seconds(|| verify(&leaves, &checkpoint, &vkey)) / leaf_count]
        })
        .collect();
    let of = |pick: fn(&[f64; 3]) -> f64| median(rounds.iter().map(pick).collect());
    let micros = |pick| of(pick) * 1e6;
    let to_bound = rounds.iter().map(|[one, _, leaf]| 100.0 * one / (core_count * leaf)).collect();
    let to_cores = rounds.iter().map(|[_, all, leaf]| 100.0 * all / leaf).collect();
    println!(
        "medians of {ROUNDS} rounds: verify_strict {:.1} µs; on {cores} cores {:.1} µs; history {:.1} µs a leaf = {:.0} leaves/s: \
         {:.0} % of cores ÷ verify_strict, {:.0} % of what all cores verify with verify_strict",
        micros(|[one, ..]| *one),
        micros(|[_, all, _]| *all),
        micros(|[.., leaf]| *leaf),
        1.0 / of(|[.., leaf]| *leaf),
        median(to_bound),
        median(to_cores),
    );
}

criterion_group!(benches, audit);
criterion_main!(benches);
