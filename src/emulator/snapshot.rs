//! The state file: one JSON document, replaced atomically.
//!
//! It is written to a temporary file, synced and renamed, so that an interrupted write leaves the previous file
//! intact.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{borrow::Cow, collections::BTreeMap, error::Error};

use serde::{Deserialize, Serialize};

use super::project::Project;

const VERSION: u32 = 1;

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct SnapshotError {
    problem: String,
    source: Box<dyn Error + Send + Sync>,
}

impl SnapshotError {
    fn new(problem: String, source: impl Error + Send + Sync + 'static) -> Self {
        Self { problem, source: source.into() }
    }
}

/// Identifies the file format.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "dli-emulator state")]
    State,
}

/// Read first, so that an unsupported version is reported as one.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "format")]
    _format: Format,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    format: Format,
    version: u32,
    projects: Cow<'a, BTreeMap<String, Project>>,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it is not a state file of dli-emulator")]
    Foreign(#[from] serde_json::Error),
    #[error("it has version {0}; this emulator reads version {VERSION}")]
    Version(u32),
}

/// Loads the projects of a state file. A missing file is created, so that an unwritable path is reported at start.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Project>, SnapshotError> {
    match fs::read(path) {
        Ok(text) => decode(&text).map_err(|why| {
            let advice = "choose another file or remove it";
            SnapshotError::new(format!("cannot use the state file {}: {why}; {advice}", path.display()), why)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let projects = BTreeMap::new();
            write(path, &encode(&projects))?;
            Ok(projects)
        }
        Err(error) => Err(SnapshotError::new(format!("cannot read the state file {}", path.display()), error)),
    }
}

pub(super) fn decode(document: &[u8]) -> Result<BTreeMap<String, Project>, DecodeError> {
    let head: Head = serde_json::from_slice(document)?;
    if head.version != VERSION {
        return Err(DecodeError::Version(head.version));
    }
    Ok(serde_json::from_slice::<Document<'_>>(document)?.projects.into_owned())
}

pub(super) fn encode(projects: &BTreeMap<String, Project>) -> Vec<u8> {
    let document = Document { format: Format::State, version: VERSION, projects: Cow::Borrowed(projects) };
    serde_json::to_vec(&document).expect("the state is structures of texts and numbers")
}

pub(super) fn write(path: &Path, document: &[u8]) -> Result<(), SnapshotError> {
    let replace = || {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let mut file = BufWriter::new(File::create(&temporary)?);
        file.write_all(document)?;
        file.into_inner()?.sync_all()?;
        fs::rename(&temporary, path)
    };
    replace().map_err(|error| SnapshotError::new(format!("cannot write the state file {}", path.display()), error))
}
