//! What durability costs: appends to the embedded store, against a bare sync on the same disk, and reads.
//!
//! `TMPDIR` chooses the disk. One iteration of `append/n` is one append of n leaves of 1 KB, durable on return; the ratio of
//! `append/1` to `bare_fsync_1kb` (SQLite is built to use fsync) is what SQLite adds to the disk's own price.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::Write;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use greffe::store::sqlite::SqliteStore;
use greffe::store::{APPEND_LEAVES_MAX, EventStore, READ_LEAVES_MAX};

const LEAF_BYTES: usize = 1_000;

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..=u8::MAX).cycle().take(count).map(|seed| vec![seed; LEAF_BYTES]).collect()
}

fn bare_sync(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    for (name, all) in [("bare_fdatasync_1kb", false), ("bare_fsync_1kb", true)] {
        let mut file = File::create(dir.path().join(name)).unwrap();
        let bytes = vec![7; LEAF_BYTES];
        c.bench_function(name, |b| {
            b.iter(|| {
                file.write_all(&bytes).unwrap();
                if all { file.sync_all().unwrap() } else { file.sync_data().unwrap() }
            });
        });
    }
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for count in [1, 64, APPEND_LEAVES_MAX] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(dir.path()).unwrap();
        let batch = leaves(count);
        let mut head = 0;
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(count.to_string(), |b| {
            b.iter(|| {
                store.append(head, &batch).unwrap();
                head += count as u64;
            });
        });
    }
}

fn read(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    let batch = leaves(APPEND_LEAVES_MAX);
    for round in 0..64 {
        store.append(round * APPEND_LEAVES_MAX as u64, &batch).unwrap();
    }
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(READ_LEAVES_MAX as u64));
    let mut page = 0;
    group.bench_function(READ_LEAVES_MAX.to_string(), |b| {
        b.iter_batched(
            || {
                page = (page + 1) % 16;
                page * READ_LEAVES_MAX as u64
            },
            |from| assert_eq!(store.read(from, READ_LEAVES_MAX).unwrap().len(), READ_LEAVES_MAX),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    c.bench_function("head", |b| b.iter(|| store.head().unwrap()));
}

criterion_group!(benches, bare_sync, append, read);
criterion_main!(benches);
