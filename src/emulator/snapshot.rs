//! The state file: one JSON document, replaced atomically.
//!
//! It is written to a temporary file, synced and renamed, so that an interrupted write leaves the previous file
//! intact.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::project::Project;

/// Identifies the file format.
const FORMAT: &str = "dli-emulator state";
const VERSION: u32 = 1;

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file cannot be read.
    #[error("cannot read the state file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the state file {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file has another format.
    #[error("{} is not a state file of dli-emulator; choose another file or remove it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The file has an unsupported version.
    #[error("the state file {} has version {found}; this emulator reads version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// Read first, so that an unsupported version is reported as one.
#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(deserialize_with = "our_format")]
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct Loaded {
    projects: BTreeMap<String, Project>,
}

#[derive(Serialize)]
struct Saved<'a> {
    #[serde(flatten)]
    head: Head,
    projects: &'a BTreeMap<String, Project>,
}

fn our_format<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let format = String::deserialize(deserializer)?;
    if format == FORMAT { Ok(format) } else { Err(serde::de::Error::custom(format!("its format is {format:?}"))) }
}

/// Loads the projects of a state file. A missing file is created, so that an unwritable path is reported at start.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Project>, SnapshotError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let projects = BTreeMap::new();
            write(path, &encode(&projects))?;
            return Ok(projects);
        }
        Err(source) => return Err(SnapshotError::Read { path: path.to_owned(), source }),
    };
    decode(&text).map_err(|why| match why {
        DecodeError::Foreign(source) => SnapshotError::Foreign { path: path.to_owned(), source },
        DecodeError::Version(found) => SnapshotError::Version { path: path.to_owned(), found },
    })
}

/// Why a document cannot be used, whatever its source.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("not a state of dli-emulator")]
    Foreign(#[from] serde_json::Error),
    #[error("unsupported version {0}; this emulator reads version {VERSION}")]
    Version(u32),
}

/// Reads the projects of a document.
pub(super) fn decode(document: &[u8]) -> Result<BTreeMap<String, Project>, DecodeError> {
    let head: Head = serde_json::from_slice(document)?;
    if head.version != VERSION {
        return Err(DecodeError::Version(head.version));
    }
    Ok(serde_json::from_slice::<Loaded>(document)?.projects)
}

/// Encodes the projects as a document.
pub(super) fn encode(projects: &BTreeMap<String, Project>) -> Vec<u8> {
    let head = Head { format: FORMAT.to_owned(), version: VERSION };
    serde_json::to_vec(&Saved { head, projects }).expect("the state is structures of texts and numbers")
}

/// Replaces the state file.
pub(super) fn write(path: &Path, document: &[u8]) -> Result<(), SnapshotError> {
    replace(path, document).map_err(|source| SnapshotError::Write { path: path.to_owned(), source })
}

fn replace(path: &Path, document: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = BufWriter::new(File::create(&beside)?);
    file.write_all(document)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&beside, path)
}
