//! Transparency log, exactly as C2SP writes it. Pure: no I/O, imports nothing of ours.
//!
//! ```text
//!                  leaves (bytes)
//!                     │ hash::leaf_hash
//!                     ▼
//!   edge::Edge  ── full tiles ──▶ tile, bundle      what /tile/… serves
//!       │              │
//!       │ root         └──▶ tiles::TileNodes, edge::EdgeNodes ──▶ tree (root, proofs)
//!       ▼                                                             │
//!   checkpoint ── key, note (signed text) ── cosignature              │
//!       └───────────────────── proof (.tlog-proof) ◀──────────────────┘
//!                                    │
//!                                    ▼
//!                         verify (no tree needed), frontier (whole history)
//! ```
//!
//! | module | clause it keeps |
//! |---|---|
//! | [`hash`], [`tree`], [`verify`], [`frontier`] | RFC 6962 §2.1 |
//! | [`tile`], [`bundle`], [`tiles`], [`edge`] | C2SP tlog-tiles |
//! | [`key`], [`note`] | C2SP signed-note v1.0.0 |
//! | [`cosignature`] | C2SP tlog-cosignature, Ed25519 only |
//! | [`checkpoint`] | C2SP tlog-checkpoint v1.0.0 |
//! | [`proof`] | C2SP tlog-proof |
//!
//! Not here: what a leaf says (`greffe-events`), where tiles are kept (`ledger`), how they are served (`http`).

mod base64;
pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
mod decimal;
pub mod edge;
pub mod frontier;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tiles;
pub mod tree;
pub mod verify;

pub(crate) use base64::decode_base64;
pub use bundle::{BundleError, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError, WitnessedCheckpoint};
pub use cosignature::Cosigner;
pub use edge::{Edge, EdgeError, EdgeNodes, FullTile};
pub use frontier::{Frontier, FrontierError};
pub use hash::{EMPTY_ROOT, Hash, HashError, leaf_hash, node_hash};
pub use key::{Algorithm, KeyError, KeyName, Verifier};
pub use note::{Note, NoteError, NoteSignature, NoteSigner, OpenedNote, VerifiedSignature, open};
pub(crate) use proof::write_proof;
pub use proof::{TlogProof, TlogProofError};
pub use tile::{
    BundleCoordinates, TILE_HEIGHT, TILE_WIDTH, TileCoordinates, TileError, TilePath, decode_tile, encode_tile,
    hashes_at, partial_tiles, tiles_for_size,
};
pub use tiles::{NodeError, TileNodes, TileReader, full_tile_root};
pub use tree::{MAX_TREE_SIZE, Nodes, ProveError, consistency_proof, inclusion_proof, root};
pub use verify::{ProofError, verify_consistency, verify_inclusion};

#[cfg(test)]
mod tests;
