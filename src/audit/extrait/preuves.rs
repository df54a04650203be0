//! The leaves of an extract, each with its proof to the one checkpoint.

use crate::audit::doubt::{Doubt, DoubtCode};
use crate::audit::judge::{Bench, Judged, judge};
use crate::tlog::{Checkpoint, Hash, TlogProof, verify_inclusion};

/// A tree head, not judged yet.
pub(super) struct Head {
    pub note: String,
    pub checkpoint: Checkpoint,
}

/// Judges leaves and their proofs.
pub(super) fn judge_proved(part: &[(u64, Vec<u8>)], head: &Head, bench: &Bench) -> Vec<(u64, Judged)> {
    let mut unreadable = Vec::new();
    let mut indices = Vec::with_capacity(part.len());
    let mut leaves = Vec::with_capacity(part.len());
    let mut proofs = Vec::with_capacity(part.len());
    for (index, bytes) in part {
        let read = TlogProof::parse(bytes).map_err(|error| error.to_string());
        let read = read.and_then(|proof| match proof.extra() {
            Some(leaf) if proof.index() == *index => Ok((leaf.to_vec(), proof)),
            Some(_) => Err(format!("the proof is of leaf {}", proof.index())),
            None => Err("the leaf is not in its proof's extra line".to_owned()),
        });
        match read {
            Ok((leaf, proof)) => {
                indices.push(*index);
                leaves.push(leaf);
                proofs.push(proof);
            }
            Err(error) => unreadable.push((*index, Doubt::new(DoubtCode::ExtractMalformed, error).at(*index))),
        }
    }
    let judged = judge(indices.iter().copied(), &leaves, bench);
    let mut all: Vec<(u64, Judged)> = indices
        .into_iter()
        .zip(proofs)
        .zip(judged)
        .map(|((index, proof), mut judged)| {
            judged.doubts.extend(not_in_tree(index, &judged.hash, &proof, head));
            (index, judged)
        })
        .collect();
    all.extend(unreadable.into_iter().map(|(index, doubt)| (index, Judged::unread(doubt))));
    all.sort_by_key(|(index, _)| *index);
    all
}

fn not_in_tree(index: u64, leaf: &Hash, proof: &TlogProof, head: &Head) -> Option<Doubt> {
    let Head { note, checkpoint } = head;
    if proof.checkpoint() != note {
        let detail = "it leads to another checkpoint than the extract's";
        return Some(Doubt::new(DoubtCode::ProofWrong, detail).at(index));
    }
    verify_inclusion(leaf, index, checkpoint.size(), proof.hashes(), &checkpoint.root())
        .err()
        .map(|error| Doubt::new(DoubtCode::ProofWrong, error).at(index))
}
