//! Room on the disk: looked at before a write, so that a disk that fills up is a refusal and not a write that broke half-way.

use std::path::Path;

/// Bytes left free on the store's disk, below which nothing is appended: the largest batch, its copy in the write-ahead log, the
/// derived index and the guard fit in several times over.
pub const FREE_BYTES_MIN: u64 = 64 << 20;

/// Bytes that an ordinary process may still write on the disk of `path`; none where the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(path).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
