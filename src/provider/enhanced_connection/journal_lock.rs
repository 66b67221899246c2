//! A file lock that protects the creation journal from concurrent changes by other processes.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The lock of the journal's directory, held until it is dropped. It leaves no file behind.
///
/// On systems other than Unix, the provider cannot lock a directory, and the lock has no effect.
#[derive(Debug)]
pub(super) struct JournalLock {
    _directory: Option<File>,
}

impl JournalLock {
    /// Creates the directory if it does not exist, and waits for the lock. Other processes hold it for a few file
    /// operations at a time.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be created or locked. Some network file systems have no locks.
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        loop {
            fs::create_dir_all(path)?;
            // Another process may remove the empty directory at any time before it is locked.
            match Self::acquire_existing(path) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns `None` if the locked directory is no longer the one at `path`.
    #[cfg(unix)]
    fn acquire_existing(path: &Path) -> io::Result<Option<Self>> {
        use std::os::unix::fs::MetadataExt;
        let directory = File::open(path)?;
        directory.lock()?;
        let (locked, current) = (directory.metadata()?, path.metadata()?);
        let is_same = (locked.dev(), locked.ino()) == (current.dev(), current.ino());
        Ok(is_same.then_some(Self { _directory: Some(directory) }))
    }

    #[cfg(not(unix))]
    fn acquire_existing(_: &Path) -> io::Result<Option<Self>> {
        Ok(Some(Self { _directory: None }))
    }
}
