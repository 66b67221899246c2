//! The state file, which one process at a time uses and which is replaced atomically.
//!
//! A document is written to a temporary file, synced and renamed, so that an interrupted write leaves the previous file
//! intact. The lock is an operating system lock on a second file, because the rename replaces the first one. It ends
//! with the process, however that ends; the lock file itself stays.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, error::Error, process};

use super::project::Project;
use super::snapshot::{self, DecodeError, VERSION};

/// How long to wait for another process that is about to end.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct StateFileError {
    problem: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StateFileError {
    fn new(problem: String, source: impl Error + Send + Sync + 'static) -> Self {
        Self { problem, source: Some(source.into()) }
    }
}

/// A state file that no other process uses. Dropping it releases the lock.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    lock: File,
}

impl StateFile {
    /// Locks a state file and loads its projects. A missing file is created, so that an unwritable path is reported at
    /// start. A file of an older version is kept under its name with `.v` and the version, and upgraded.
    pub(super) async fn open(path: &Path) -> Result<(Self, BTreeMap<String, Project>), StateFileError> {
        let cannot = |what| move |error| StateFileError::new(format!("cannot {what} {}", path.display()), error);
        // Different paths of one file must have the same lock, and a link must stay a link.
        let real = real_path(path).map_err(cannot("write the state file"))?;
        let lock = lock(path, &suffixed(&real, ".lock")).await?;
        let file = Self { path: real, lock };
        let projects = match fs::read(&file.path) {
            Ok(text) => {
                let (projects, version) = snapshot::decode(&text).map_err(|why| {
                    let advice = "choose another file or remove it";
                    let problem = format!("cannot use the state file {}: {why}; {advice}", path.display());
                    // The problem contains `why` already.
                    let source = match why {
                        DecodeError::Foreign(error) => Some(error.into()),
                        DecodeError::Version(_) => None,
                    };
                    StateFileError { problem, source }
                })?;
                if version < VERSION {
                    let backup = suffixed(&file.path, &format!(".v{version}"));
                    // An earlier upgrade may have kept one already.
                    if !backup.exists() {
                        fs::copy(&file.path, backup).map_err(cannot("keep the previous version of the state file"))?;
                    }
                    file.write(&snapshot::encode(&projects))?;
                }
                projects
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let projects = BTreeMap::new();
                file.write(&snapshot::encode(&projects))?;
                projects
            }
            Err(error) => return Err(cannot("read the state file")(error)),
        };
        Ok((file, projects))
    }

    /// Records the user of the file, for the error of another process.
    pub(super) fn record_user(&self, endpoint: &str) {
        let text = format!("process {}, {endpoint}\n", process::id());
        // The lock is what matters; without the text the error names no process.
        let _ = self.lock.set_len(0).and_then(|()| (&self.lock).write_all(text.as_bytes()));
    }

    /// Replaces the document. It is on the disk when this returns.
    pub(super) fn write(&self, document: &[u8]) -> Result<(), StateFileError> {
        let replace = || {
            let temporary = suffixed(&self.path, ".new");
            let mut file = BufWriter::new(File::create(&temporary)?);
            file.write_all(document)?;
            file.into_inner()?.sync_all()?;
            fs::rename(&temporary, &self.path)?;
            sync_directory(&self.path)
        };
        replace()
            .map_err(|error| StateFileError::new(format!("cannot write the state file {}", self.path.display()), error))
    }
}

/// Locks the lock file of the state file `path`. Waits a moment for a process that is about to end.
async fn lock(path: &Path, lock_path: &Path) -> Result<File, StateFileError> {
    let shown = path.display();
    let cannot =
        |error| StateFileError::new(format!("cannot write the state file {shown}: it cannot be locked"), error);
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(lock_path);
    let file = open().map_err(|error| StateFileError::new(format!("cannot write the state file {shown}"), error))?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
    }
    let user = fs::read_to_string(lock_path).unwrap_or_default();
    let user = user.trim().replace(char::is_control, "\u{fffd}");
    let user = if user.is_empty() { user } else { format!(" ({user})") };
    let problem = format!(
        "the state file {shown} is in use by another dli-emulator{user}; stop that one, or choose another file with \
         --state"
    );
    Err(StateFileError { problem, source: None })
}

/// The path without links. The file itself may be missing.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(directory.canonicalize()?.join(name))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes the new name of a renamed file to the disk. Windows has no such operation.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}
