//! What fuzzing looks for, on the seeds that it starts from and on whatever it once found: `fuzz/graines/<target>/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, clippy::print_stdout)]

#[path = "../fuzz/src/lib.rs"]
mod proprietes;

use std::path::Path;

#[test]
fn every_seed_has_the_properties_that_fuzzing_looks_for() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/graines");
    for (target, property) in proprietes::CIBLES {
        let mut replayed = 0;
        for entry in std::fs::read_dir(seeds.join(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            // A panic names the seed by what was printed last.
            println!("{}", path.display());
            property(&bytes);
            // Cut and flipped at each place: what fuzzing would try first.
            for at in 0..bytes.len() {
                property(&bytes[..at]);
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                property(&flipped);
            }
            replayed += 1;
        }
        assert!(replayed >= 2, "{target}: {replayed} seeds");
    }
}
