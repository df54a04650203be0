//! Entry bundles: the leaves of a log, 256 at a time (C2SP tlog-tiles, §Log entries).
//!
//! ```text
//! bundle = entry × 1 to 256
//! entry  = u16be length ‖ length bytes
//! ```
//!
//! Entry i of bundle N is leaf N·256 + i; the bundle holds as many entries as the level-0 tile of the same number
//! holds hashes. Not here: what an entry says, and whether it is the one that was hashed (compare `leaf_hash`).

use super::tile::TILE_WIDTH;

/// Most bytes in an entry: what its u16 length can say.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Most bytes in a bundle: 256 entries of the greatest length. A reader needs no larger buffer.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (LENGTH_BYTES + MAX_ENTRY_BYTES);

const LENGTH_BYTES: usize = 2;

/// Why entries make no bundle, or bytes hold none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// "Empty tiles MUST NOT be served", and none holds more than 256.
    #[error("a bundle holds 1 to {TILE_WIDTH} entries, not {actual}")]
    Width {
        /// Entries given or asked for.
        actual: usize,
    },
    /// Longer than its length field can say.
    #[error("entry {position} has {actual} bytes; {MAX_ENTRY_BYTES} is the most")]
    EntryTooLong {
        /// Position in the bundle, from 0.
        position: usize,
        /// Bytes in the entry.
        actual: usize,
    },
    /// The bytes end before the entry does.
    #[error("the bundle ends within entry {position}")]
    Truncated {
        /// Position in the bundle, from 0.
        position: usize,
    },
    /// Bytes after the last entry.
    #[error("{actual} bytes follow the last entry")]
    Trailing {
        /// Bytes left over.
        actual: usize,
    },
}

/// The bytes of a bundle of these entries.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    check_width(entries.len())?;
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| LENGTH_BYTES + entry.as_ref().len()).sum());
    for (position, entry) in entries.iter().map(AsRef::as_ref).enumerate() {
        let length =
            u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong { position, actual: entry.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The `width` entries of a bundle, which must hold exactly that many.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    check_width(width.into())?;
    let mut entries = Vec::with_capacity(width.into());
    let mut rest = bytes;
    for position in 0..usize::from(width) {
        let (length, after) = rest.split_first_chunk().ok_or(BundleError::Truncated { position })?;
        let length = u16::from_be_bytes(*length).into();
        let (entry, after) = after.split_at_checked(length).ok_or(BundleError::Truncated { position })?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(BundleError::Trailing { actual: rest.len() }) }
}

fn check_width(width: usize) -> Result<(), BundleError> {
    if width == 0 || width > usize::from(TILE_WIDTH) { Err(BundleError::Width { actual: width }) } else { Ok(()) }
}
