//! A ledger's folder: which file stands where, and who may read it.
//!
//! ```text
//! D/registre.sqlite    the leaves: the one thing that can't be rebuilt (store)
//! D/pieces/            files that events cite (pieces)
//! D/cles/journal.pem   the log's key, signs checkpoints      0600, never in a backup that leaves the operator
//! D/cles/noeud.pem     the node's key, signs refusals        0600
//! D/checkpoint         the last signed checkpoint, for whoever verifies a copy of the folder
//! D/index.sqlite       derived; may be deleted
//! D/vues/              derived; may be deleted
//! D/verrou             locked while a node runs
//! D.garde              the rollback guard: beside the folder, not in it, and not in its backups (guard)
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use greffe_events::key::SecretKey;
use thiserror::Error;

/// The paths of one ledger.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// Why a file of the folder can't be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The system refused.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another process has the ledger open.
    #[error("another greffe process has {0} open")]
    Locked(PathBuf),
    /// Others than the owner may read a secret.
    #[error("{path} holds a secret and others may read it (mode {mode:o}): chmod 600 {path}")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a private key.
    #[error("{path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: greffe_events::key::KeyError,
    },
}

/// Largest file that holds a private key, in bytes; a PKCS#8 PEM Ed25519 key has 119.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

impl Folder {
    /// The ledger in `root`. Nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The derived index.
    pub fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    /// Where views live.
    pub fn views(&self) -> PathBuf {
        self.root.join("vues")
    }

    /// Where pieces live.
    pub fn pieces(&self) -> PathBuf {
        self.root.join("pieces")
    }

    /// The log's private key.
    pub fn log_key(&self) -> PathBuf {
        self.root.join("cles/journal.pem")
    }

    /// The node's private key.
    pub fn node_key(&self) -> PathBuf {
        self.root.join("cles/noeud.pem")
    }

    /// The last signed checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// The rollback guard's usual place: beside the folder.
    pub fn default_guard(&self) -> PathBuf {
        let mut name = self.root.file_name().map_or_else(|| "greffe".into(), ToOwned::to_owned);
        name.push(".garde");
        self.root.with_file_name(name)
    }

    /// Locks the ledger for this process; released when the file is dropped, or the process ends.
    pub fn lock(&self) -> Result<File, FolderError> {
        let path = self.root.join("verrou");
        let io = |doing, source| FolderError::Io { doing, path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| io("open", source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked(self.root.clone())),
            Err(TryLockError::Error(source)) => Err(io("lock", source)),
        }
    }
}

/// Reads a private key, which only its owner may read.
pub fn read_secret_key(path: &Path) -> Result<SecretKey, FolderError> {
    let io = |doing, source| FolderError::Io { doing, path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(|source| io("read", source))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(FolderError::Readable { path: path.to_owned(), mode });
        }
    }
    if metadata.len() > KEY_FILE_BYTES_MAX {
        let source = greffe_events::key::KeyError::Pem;
        return Err(FolderError::Key { path: path.to_owned(), source });
    }
    let pem = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(|source| io("read", source))?);
    SecretKey::from_pem(&pem).map_err(|source| FolderError::Key { path: path.to_owned(), source })
}

/// Writes a new private key, readable by its owner only. Never over a file that exists.
pub fn write_secret_key(path: &Path, key: &SecretKey) -> Result<(), FolderError> {
    let io = |doing, source| FolderError::Io { doing, path: path.to_owned(), source };
    let pem = key.to_pem().map_err(|source| FolderError::Key { path: path.to_owned(), source })?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| io("create the folder of", source))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|source| io("create", source))?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| io("write", source))?;
    sync_parent(path).map_err(|source| io("sync the folder of", source))
}

/// Replaces a file: whole old or whole new content after a crash, new after this returns.
///
/// Steps: write beside it, fsync the file, rename, fsync the folder.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_parent(path)
}

/// Makes a new name in a folder durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cles/k.pem");
        let key = SecretKey::generate().unwrap();
        write_secret_key(&path, &key).unwrap();
        assert_eq!(read_secret_key(&path).unwrap().id(), key.id());
        assert!(matches!(write_secret_key(&path, &key), Err(FolderError::Io { .. })), "never over a key");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(matches!(read_secret_key(&path), Err(FolderError::Readable { mode: 0o640, .. })));
        }
    }

    #[test]
    fn two_nodes_cannot_open_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let first = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::Locked(_))));
        drop(first);
        folder.lock().unwrap();
    }

    #[test]
    fn the_guard_stands_beside_the_folder_and_not_in_it() {
        let folder = Folder::new("/srv/greffe");
        assert_eq!(folder.default_guard(), Path::new("/srv/greffe.garde"));
    }
}
