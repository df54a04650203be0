//! A ledger's folder: which file stands where, and who may read it.
//!
//! ```text
//! D/registre.sqlite    the leaves: the one thing that can't be rebuilt (store)
//! D/pieces/            files that events cite (pieces); its comptes.sqlite is derived
//! D/cles/journal.pem   the log's key, signs checkpoints      0600, never in a backup that leaves the operator
//! D/cles/noeud.pem     the node's key, signs refusals        0600
//! D/checkpoint         the last signed checkpoint, for whoever verifies a copy of the folder
//! D/index.sqlite       derived; may be deleted
//! D/vues/              derived; may be deleted
//! D/lectures.sqlite    what auditors asked to read (http::lectures): the node's own memory, in no log
//! D/webhooks.sqlite    what members have announced to them, and where each is (webhooks): the node's own memory too; in backups
//! D/cles/webhooks.pem  signs announcements (webhooks::message); made with the first        0600
//! D/verrou             locked while a node runs
//! D.garde              the rollback guard: beside the folder, not in it, and not in its backups (guard)
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
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
    /// What must stand outside the folder and its backups stands in it.
    #[error("{path} lies inside {root}: it must not be in the backups of that folder")]
    Inside {
        /// The path.
        path: PathBuf,
        /// The folder.
        root: PathBuf,
    },
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
    /// The ledger in `root`. Nothing is made. The path is resolved, so that `.` has a name too.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root: PathBuf = root.into();
        Self { root: resolve(&root) }
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

    /// What auditors asked to read.
    pub fn lectures(&self) -> PathBuf {
        self.root.join("lectures.sqlite")
    }

    /// What members have announced to them.
    pub fn webhooks(&self) -> PathBuf {
        self.root.join("webhooks.sqlite")
    }

    /// The private key that signs announcements.
    pub fn webhooks_key(&self) -> PathBuf {
        self.root.join("cles/webhooks.pem")
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

    /// The last checkpoint that a former key of the log signed; by the id of its vkey.
    pub fn former_checkpoint(&self, key_id: u32) -> PathBuf {
        self.root.join(format!("checkpoint.{key_id:08x}"))
    }

    /// The rollback guard's usual place: beside the folder.
    pub fn default_guard(&self) -> PathBuf {
        self.beside("garde")
    }

    /// `D.<what>`, beside the folder.
    pub fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.root.file_name().map_or_else(|| "greffe".into(), ToOwned::to_owned);
        name.push(".");
        name.push(what);
        self.root.with_file_name(name)
    }

    /// Refuses a path inside the folder for what must not be in its backups.
    pub fn check_outside(&self, path: &Path) -> Result<(), FolderError> {
        let resolved = resolve(path);
        if resolved.starts_with(&self.root) {
            return Err(FolderError::Inside { path: path.to_owned(), root: self.root.clone() });
        }
        Ok(())
    }

    /// Makes the folder, for its owner alone: it will hold keys and other people's files.
    pub fn create(&self) -> Result<(), FolderError> {
        let io = |source| FolderError::Io { doing: "create", path: self.root.clone(), source };
        std::fs::create_dir_all(&self.root).map_err(io)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&self.root, std::fs::Permissions::from_mode(0o700)).map_err(io)?;
        }
        Ok(())
    }

    /// Locks the ledger for this process; released when the lock is dropped, or the process ends.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.root.join("verrou");
        let io = |doing, source| FolderError::Io { doing, path: path.clone(), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| io("open", source))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked(self.root.clone())),
            Err(TryLockError::Error(source)) => Err(io("lock", source)),
        }
    }

    /// Whether a node has the ledger open at this moment. Nothing is made; where it can't be told, no.
    pub fn is_open(&self) -> bool {
        let lock = File::open(self.root.join("verrou")).map(Lock);
        // Taken, it is given back at once.
        lock.is_ok_and(|lock| matches!(lock.0.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// A lock that is held. Given back by word, not only by closing the file: a process that was begun meanwhile holds a copy of the
/// handle for an instant.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Where that fails, closing does it.
        let _ = self.0.unlock();
    }
}

/// Where a path leads: links followed as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(name),
        _ => absolute,
    }
}

/// Reads a private key, which only its owner may read.
pub fn read_secret_key(path: &Path) -> Result<SecretKey, FolderError> {
    let io = |doing, source| FolderError::Io { doing, path: path.to_owned(), source };
    // Opened once: what is looked at is what is read.
    let file = File::open(path).map_err(|source| io("read", source))?;
    let metadata = file.metadata().map_err(|source| io("read", source))?;
    let mut pem = zeroize::Zeroizing::new(String::new());
    if file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut pem).is_err() {
        let source = greffe_events::key::KeyError::Pem;
        return Err(FolderError::Key { path: path.to_owned(), source });
    }
    // First whether it is a key at all: of a file that was given by mistake, who may read it does not matter.
    let key = SecretKey::from_pem(&pem).map_err(|source| FolderError::Key { path: path.to_owned(), source })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(FolderError::Readable { path: path.to_owned(), mode });
        }
    }
    Ok(key)
}

/// Writes a new private key, readable by its owner only. Never over a file that exists.
pub fn write_secret_key(path: &Path, key: &SecretKey) -> Result<(), FolderError> {
    let io = |doing, source| FolderError::Io { doing, path: path.to_owned(), source };
    let pem = key.to_pem().map_err(|source| FolderError::Key { path: path.to_owned(), source })?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| io("create the folder of", source))?;
    }
    // Whole or not at all: half a key would keep the node from starting.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(|source| io("create", source))?;
    file.write_all(pem.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|source| io("write", source))?;
    file.persist_noclobber(path).map_err(|error| io("create", error.error))?;
    sync_parent(path).map_err(|source| io("sync the folder of", source))
}

/// Replaces a file: whole old or whole new content after a crash, new after this returns.
///
/// Steps: write beside it under a name of its own, fsync the file, rename, fsync the folder. Readable by its owner only.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
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
        assert!(!folder.is_open() && !dir.path().join("verrou").exists());
        let first = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::Locked(_))));
        assert!(folder.is_open());
        drop(first);
        assert!(!folder.is_open());
        folder.lock().unwrap();
    }

    #[test]
    fn the_guard_stands_beside_the_folder_and_not_in_it() {
        let folder = Folder::new("/srv/greffe");
        assert_eq!(folder.default_guard(), Path::new("/srv/greffe.garde"));
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("registre");
        std::fs::create_dir_all(root.join("sous")).unwrap();
        // However the folder is spelled.
        let folder = Folder::new(root.join("sous/.."));
        assert_eq!(folder.default_guard(), dir.path().canonicalize().unwrap().join("registre.garde"));
        folder.check_outside(&folder.default_guard()).unwrap();
        for inside in ["garde", "sous/garde", "sous/../garde"] {
            assert!(matches!(folder.check_outside(&root.join(inside)), Err(FolderError::Inside { .. })), "{inside}");
        }
    }
}
