//! What the write path pays for proof: hashing, appending, proving, signing.
//!
//! The bar: a proof of each leaf of a batch must cost far less than checking the signature of its event (55 µs).
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may stop; criterion's macros document nothing")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use greffe::tlog::{
    Checkpoint, Edge, EdgeNodes, Hash, KeyName, NoteSigner, TileNodes, TileReader, decode_tile, encode_tile,
    full_tile_root, inclusion_proof, leaf_hash, node_hash, partial_tiles, verify_inclusion,
};

const ORIGIN: &str = "greffe.example/registre";
const MILLION: u64 = 1_000_000;
const BATCH: u64 = 1_024;

/// Tiles in memory, as a cache or a disk would return them.
#[derive(Default)]
struct Tiles(HashMap<(u8, u64), Vec<Hash>>);

impl TileReader for Tiles {
    type Error = &'static str;

    fn tile(&self, level: u8, n: u64, _width: u16) -> Result<Vec<Hash>, &'static str> {
        self.0.get(&(level, n)).cloned().ok_or("no such tile")
    }
}

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// A tree of a million leaves: its edge and its full tiles.
fn million() -> (Edge, Tiles) {
    let (mut edge, mut tiles) = (Edge::new(), Tiles::default());
    for index in 0..MILLION {
        edge.push(leaf(index));
    }
    tiles.0.extend(edge.take_completed().into_iter().map(|tile| ((tile.level, tile.n), tile.hashes)));
    (edge, tiles)
}

fn hashing(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    let record = vec![7; 1_024];
    group
        .throughput(Throughput::Bytes(1_024))
        .bench_function("leaf of 1 KB", |b| b.iter(|| leaf_hash(black_box(&record))));
    let (left, right) = (leaf(1), leaf(2));
    group.throughput(Throughput::Elements(1));
    group.bench_function("node", |b| b.iter(|| node_hash(black_box(&left), black_box(&right))));
    let tile: Vec<Hash> = (0..256).map(leaf).collect();
    let bytes = encode_tile(&tile);
    group.bench_function("tile to bytes", |b| b.iter(|| encode_tile(black_box(&tile))));
    group.bench_function("bytes to tile", |b| b.iter(|| decode_tile(black_box(&bytes), 256)));
    group.bench_function("root of a tile", |b| b.iter(|| full_tile_root(black_box(&tile))));
    group.finish();
}

fn growing(c: &mut Criterion) {
    let (edge, tiles) = million();
    let mut group = c.benchmark_group("tree of 1,000,000");
    let batch: Vec<Hash> = (MILLION..MILLION + BATCH).map(leaf).collect();
    group.throughput(Throughput::Elements(BATCH));
    let grow = |mut edge: Edge| {
        for hash in &batch {
            edge.push(*hash);
        }
        edge
    };
    group.bench_function("push 1,024 leaves and root", |b| {
        b.iter_batched(
            || edge.clone(),
            |edge| {
                let edge = grow(edge);
                (edge.root(), edge)
            },
            BatchSize::SmallInput,
        );
    });
    let grown = grow(edge.clone());
    group.bench_function("prove 1,024 fresh leaves", |b| {
        b.iter(|| {
            let nodes = EdgeNodes::new(&grown, &tiles);
            (MILLION..MILLION + BATCH)
                .map(|index| inclusion_proof(index, grown.size(), &nodes).unwrap().len())
                .sum::<usize>()
        });
    });
    group.throughput(Throughput::Elements(1));
    let mut all = Tiles(tiles.0.clone());
    all.0.extend(partial_tiles(MILLION).map(|tile| ((tile.level(), tile.n()), edge.partial(tile.level()).to_vec())));
    let scattered = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15) % MILLION;
    let mut index = 0;
    group.bench_function("prove any leaf, tiles not yet rebuilt", |b| {
        b.iter(|| {
            index += 1;
            inclusion_proof(scattered(index), MILLION, &TileNodes::new(MILLION, &all)).unwrap()
        });
    });
    let proof = inclusion_proof(123_456, MILLION, &TileNodes::new(MILLION, &all)).unwrap();
    let root = edge.root();
    group.bench_function("verify inclusion", |b| {
        b.iter(|| verify_inclusion(&leaf(123_456), 123_456, MILLION, black_box(&proof), &root).unwrap());
    });
    group.finish();
}

fn signing(c: &mut Criterion) {
    let signer = NoteSigner::new(KeyName::new(ORIGIN).unwrap(), SigningKey::from_bytes(&[7; 32])).unwrap();
    let checkpoint = Checkpoint::new(ORIGIN, MILLION, leaf(0)).unwrap();
    let note = checkpoint.sign(&signer).unwrap().to_string();
    let mut group = c.benchmark_group("checkpoint");
    group.throughput(Throughput::Elements(1));
    group.bench_function("sign", |b| b.iter(|| checkpoint.sign(black_box(&signer)).unwrap().to_string()));
    group.bench_function("open", |b| {
        b.iter(|| Checkpoint::open(black_box(note.as_bytes()), signer.verifier()).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = hashing, growing, signing
}
criterion_main!(benches);
