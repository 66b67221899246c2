//! A file lock that protects the creation journal from concurrent changes by other processes.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

/// How long a process waits for the lock. Others hold it for a few file operations, unless they are stopped.
const TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// The lock of the journal's directory, held until it is dropped. It leaves no file behind.
///
/// On systems other than Unix, the provider cannot lock a directory, and the lock has no effect.
#[derive(Debug)]
pub(super) struct JournalLock {
    _directory: Option<File>,
}

impl JournalLock {
    /// Creates the directory if it does not exist, and waits for the lock, at most a second.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot be created or locked. Some network file systems have no locks.
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        let started = Instant::now();
        loop {
            let error = match Self::try_acquire(path) {
                // Another process may remove the empty directory, and the one above it, before it is locked.
                Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::WouldBlock].contains(&error.kind()) => error,
                result => return result,
            };
            if started.elapsed() >= TIMEOUT {
                return Err(error);
            }
            thread::sleep(PAUSE);
        }
    }

    #[cfg(unix)]
    fn try_acquire(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        fs::create_dir_all(path)?;
        let directory = File::open(path)?;
        directory.try_lock()?;
        let (locked, current) = (directory.metadata()?, path.metadata()?);
        if (locked.dev(), locked.ino()) != (current.dev(), current.ino()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { _directory: Some(directory) })
    }

    #[cfg(not(unix))]
    fn try_acquire(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path).map(|()| Self { _directory: None })
    }
}
