//! Searches the output and files of each command for secrets.
//!
//! Every secret of these tests contains one of the [`MARKS`]: secret keys, security tokens, passwords, IAM tokens, and
//! the credentials of the emulator's IAM and metadata service. After each command, its output and all files that it
//! created or changed below its directory are searched: states, backups, plans, the creation journal and logs. A mark
//! in clear text or encoded fails the test.
//!
//! ```sh
//! TF_LOG=TRACE cargo test --test it acceptance; cat target/tmp/secret_search.txt
//! ```
//!
//! This writes and searches Terraform's full logs, and writes a list of what was searched.
//!
//! The tests' own text is not searched: files that a command does not change, such as configurations, and Terraform's
//! copy of the configuration (`tfconfig/` in a plan, `configuration` in the output of `terraform show -json`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::SystemTime;

use serde_json::{Map, Value};
use terraform_provider_dli::emulator::SECRET_KEY;

/// Each secret contains one of these. The emulator's own secrets and those that it issues contain the first.
const MARKS: [&str; 3] = [SECRET_KEY, "emulator-password", "canary-secret"];

/// The number of characters before and after a match in its message.
const CONTEXT: usize = 200;

/// The marks in clear text and encoded, each with a name.
static FORMS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    MARKS
        .iter()
        .flat_map(|mark| forms(mark).into_iter().map(move |(form, text)| (format!("{mark}{form}"), text)))
        .collect()
});

/// Statistics of the searches in this process.
static SEARCHED: Mutex<Searched> = Mutex::new(Searched { commands: 0, kinds: BTreeMap::new() });

#[derive(Default)]
struct Searched {
    commands: usize,
    /// The number of texts and bytes of each kind.
    kinds: BTreeMap<&'static str, (usize, usize)>,
}

/// The files below a directory before a command runs.
#[derive(Debug)]
pub(super) struct Before {
    directory: PathBuf,
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
}

impl Before {
    /// Lists the files. An empty path has none.
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), files: files_below(directory) }
    }

    /// Requires that the output and the written files contain no secret.
    #[track_caller]
    pub(super) fn expect_no_secret(&self, command: &str, stdout: &[u8], stderr: &[u8]) {
        let mut found = Vec::new();
        let mut kinds: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        let mut search = |kind: &'static str, name: String, bytes: &[u8]| {
            found.extend(find(bytes).map(|place| format!("{name}: {place}")));
            let (count, size) = kinds.entry(kind).or_default();
            (*count, *size) = (*count + 1, *size + bytes.len());
        };
        search("standard output", "standard output".to_owned(), &without_configuration(stdout));
        search("standard error", "standard error".to_owned(), stderr);
        for (path, state) in files_below(&self.directory) {
            if self.files.get(&path) == Some(&state) {
                continue;
            }
            // Another command in the same directory may have removed the file.
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                read => read.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            };
            let name = path.display().to_string();
            if bytes.starts_with(b"PK\x03\x04") {
                for (member, bytes) in members(&path) {
                    search("parts of plans", format!("{name}, {member}"), &bytes);
                }
            } else {
                search(kind_of(&name), name, &bytes);
            }
        }
        record(&kinds);
        assert!(
            found.is_empty(),
            "$ cd {}\n$ {command}\ncontains a secret:\n{}",
            self.directory.display(),
            found.join("\n")
        );
    }
}

/// Describes the first secret in these bytes.
pub(crate) fn find(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    FORMS.iter().find_map(|(name, form)| {
        let (before, after) = text.split_once(form.as_str())?;
        let start = before.char_indices().rev().nth(CONTEXT).map_or(0, |(at, _)| at);
        let end = after.char_indices().nth(CONTEXT).map_or(after.len(), |(at, _)| at);
        Some(format!("{name} in …{}{form}{}…", &before[start..], &after[..end]))
    })
}

/// A text in clear, percent-encoded, in hexadecimal and base64, and as byte lists in the notation of Rust and Go.
fn forms(text: &str) -> Vec<(&'static str, String)> {
    let numbers = |separator: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(separator);
    let mut forms = vec![
        ("", text.to_owned()),
        (
            " percent-encoded",
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        ),
        (" in hexadecimal", hex::encode(text)),
        (" in upper-case hexadecimal", hex::encode_upper(text)),
        (" in bytes", numbers(", ")),
        (" in bytes without commas", numbers(" ")),
    ];
    // Base64 encodes three bytes as four characters, so the text has three possible alignments. Characters that include
    // bits of neighboring bytes are left out. The alphabets differ only in symbols, which these texts do not produce.
    for moved in 0..3 {
        let whole = text.len() - (3 - moved) % 3;
        let inner = &text.as_bytes()[(3 - moved) % 3..][..whole / 3 * 3];
        forms.push((" in base64", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner)));
    }
    forms
}

/// The output, without the configuration if it is a plan in JSON.
fn without_configuration(printed: &[u8]) -> Cow<'_, [u8]> {
    let Ok(mut plan) = serde_json::from_slice::<Map<String, Value>>(printed) else { return Cow::Borrowed(printed) };
    plan.remove("configuration");
    Cow::Owned(serde_json::to_vec(&plan).expect("a JSON object"))
}

fn kind_of(name: &str) -> &'static str {
    match name {
        _ if Path::new(name).extension().is_some_and(|extension| extension == "log") => "logs",
        _ if name.contains("tfstate") => "states and their backups",
        _ => "other files",
    }
}

/// The files below a directory, with modification time and size.
fn files_below(directory: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        // A directory may have been removed in the meantime.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                Ok(metadata) if metadata.is_file() => {
                    let modified = metadata.modified().expect("a system with modification times");
                    files.insert(entry.path(), (modified, metadata.len()));
                }
                _ => {}
            }
        }
    }
    files
}

/// The members of a plan file without the configuration.
fn members(plan: &Path) -> Vec<(String, Vec<u8>)> {
    let file = File::open(plan).expect("a readable file");
    let mut archive = zip::ZipArchive::new(file).unwrap_or_else(|error| panic!("{}: {error}", plan.display()));
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("an existing member");
        let name = member.name().unwrap_or_else(|error| panic!("{}: {error}", plan.display())).into_owned();
        if !name.starts_with("tfconfig/") {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{}, {name}: {error}", plan.display()));
            members.push((name, bytes));
        }
    }
    members
}

/// Updates the statistics, and writes them to a file if `TF_LOG` is set.
fn record(kinds: &BTreeMap<&'static str, (usize, usize)>) {
    let mut searched = SEARCHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    searched.commands += 1;
    for (kind, (count, size)) in kinds {
        let (counts, sizes) = searched.kinds.entry(kind).or_default();
        (*counts, *sizes) = (*counts + count, *sizes + size);
    }
    if std::env::var_os("TF_LOG").is_some() {
        let mut text = format!("{} commands without a secret in:\n", searched.commands);
        for (kind, (count, size)) in &searched.kinds {
            let _ = writeln!(text, "{count:>9} {kind}, {size} bytes");
        }
        let _ = writeln!(text, "searched for {} marks in {} forms", MARKS.len(), FORMS.len());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secret_search.txt");
        fs::write(file, text).expect("a directory created by cargo");
    }
}

#[test]
fn encoded_secrets_are_found() {
    // Encoded by Python.
    let shown = [
        "the key canary-secret-key.",
        "Y2FuYXJ5LXNlY3JldC0xLCBhbmQgbW9yZQ==",
        "a2NhbmFyeS1zZWNyZXQtMSwgYW5kIG1vcmU=",
        "a2VjYW5hcnktc2VjcmV0LTEsIGFuZCBtb3Jl",
        "aXM6ZW11bGF0b3ItcGFzc3dvcmQ=",
        "656d756c61746f722d736563726574",
        "x63616E6172792D736563726574y",
        "p=emulator%2Dpassword%21",
        "[83, 101, 99, 114, 101, 116, 32, 99, 97, 110, 97, 114, 121, 45, 115, 101, 99, 114, 101, 116]",
        "[83 101 99 114 101 116 32 101 109 117 108 97 116 111 114 45 115 101 99 114 101 116 46]",
    ];
    for text in shown {
        assert!(find(text.as_bytes()).is_some(), "{text}");
    }
    assert_eq!(find(b"emulator, secret, canary, password"), None);
}

#[test]
fn secrets_in_output_and_files_are_found() {
    let plan = |member: &str| {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file(member, zip::write::SimpleFileOptions::default()).expect("a new member");
        std::io::Write::write_all(&mut archive, b"{\"a\": \"emulator-password\"}").expect("an archive in memory");
        archive.finish().expect("an archive in memory").into_inner()
    };
    let secret = || b"canary-secret".to_vec();
    let cases = [
        ("", None),
        (r#"{"configuration": "canary-secret"}"#, None),
        ("", Some(("a.tfplan", plan("tfconfig/main.tf")))),
        ("canary-secret", None),
        (r#"{"planned_values": "canary-secret"}"#, None),
        ("", Some(("terraform.tfstate", secret()))),
        ("", Some((".terraform/notes/1.json", secret()))),
        ("", Some(("a.tfplan", plan("tfplan")))),
    ];
    for (at, (printed, file)) in cases.into_iter().enumerate() {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory created by cargo");
        fs::write(directory.path().join("main.tf"), secret()).expect("a writable directory");
        let before = Before::in_directory(directory.path());
        if let Some((name, bytes)) = &file {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a joined path")).expect("a writable directory");
            fs::write(path, bytes).expect("a writable directory");
        }
        for (stdout, stderr) in [(printed, ""), ("", if at == 1 { "" } else { printed })] {
            let searched = std::panic::catch_unwind(|| {
                before.expect_no_secret("a command", stdout.as_bytes(), stderr.as_bytes());
            });
            assert_eq!(searched.is_err(), at > 2, "{printed} {file:?}");
        }
    }
}
