//! No secret shows: whatever a command leaves is searched for the secrets that the tests use.
//!
//! Every secret of these tests has one of the [`MARKS`] in it, whatever form it comes in: secret key, security token, password,
//! IAM token, and those that the emulator's IAM and metadata service hand out. After every command all that it printed is
//! searched, and every file below its directory that it made or changed: state and its backup, plans, the provider's
//! notes, logs. Whole or in part, in clear or encoded, a mark fails the test.
//!
//! ```sh
//! TF_LOG=TRACE cargo test --test it acceptance; cat target/tmp/secret_search.txt
//! ```
//!
//! has each Terraform write the fullest log that it can, which is searched too, and tells what was searched. Two things are not
//! searched, for both are the test's own words and none of the provider's: files that a command found and left as they
//! were (configurations, files of Huawei Cloud's command line), and Terraform's copy of the configuration: in a plan the
//! members `tfconfig/`, and `configuration` in what `terraform show -json` prints of one.

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

/// Each secret has one of them in it. The first is that of the emulator's key and of all that the emulator hands out.
const MARKS: [&str; 3] = [SECRET_KEY, "emulator-password", "canary-secret"];

/// How much stands around a find in its message.
const AROUND: usize = 200;

/// The marks as they would show: as they are and encoded, each with the name of its form.
static FORMS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    MARKS
        .iter()
        .flat_map(|mark| forms(mark).into_iter().map(move |(form, text)| (format!("{mark}{form}"), text)))
        .collect()
});

/// What has been searched in this process.
static SEARCHED: Mutex<Searched> = Mutex::new(Searched { commands: 0, kinds: BTreeMap::new() });

#[derive(Default)]
struct Searched {
    commands: usize,
    /// How many of each kind, and their bytes.
    kinds: BTreeMap<&'static str, (usize, usize)>,
}

/// The files below a directory as they are before a command runs there.
#[derive(Debug)]
pub(super) struct Before {
    directory: PathBuf,
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
}

impl Before {
    /// None where the command has no directory of its own.
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), files: files_below(directory) }
    }

    /// Requires that neither what the command has printed nor what it has written shows a secret.
    #[track_caller]
    pub(super) fn expect_no_secret(&self, command: &str, stdout: &[u8], stderr: &[u8]) {
        let mut found = Vec::new();
        let mut kinds: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        let mut search = |kind: &'static str, name: String, bytes: &[u8]| {
            found.extend(find(bytes).map(|what| format!("{name}: {what}")));
            let (count, size) = kinds.entry(kind).or_default();
            (*count, *size) = (*count + 1, *size + bytes.len());
        };
        search("standard output", "its standard output".to_owned(), &without_configuration(stdout));
        search("standard error", "its standard error".to_owned(), stderr);
        for (path, state) in files_below(&self.directory) {
            if self.files.get(&path) == Some(&state) {
                continue;
            }
            // Another command in the same directory may have taken it away by now.
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
        note(&kinds);
        assert!(
            found.is_empty(),
            "$ cd {}\n$ {command}\nshows a secret:\n{}",
            self.directory.display(),
            found.join("\n")
        );
    }
}

/// The first place where a secret shows, in words.
pub(crate) fn find(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    FORMS.iter().find_map(|(name, form)| {
        let (before, after) = text.split_once(form.as_str())?;
        let start = before.char_indices().rev().nth(AROUND).map_or(0, |(at, _)| at);
        let end = after.char_indices().nth(AROUND).map_or(after.len(), |(at, _)| at);
        Some(format!("{name} in …{}{form}{}…", &before[start..], &after[..end]))
    })
}

/// A text in clear, as in a URL, in hexadecimal and base64, and as the numbers of its bytes in Rust's and Go's words.
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
    // Three bytes become four characters: what comes before moves it by 0, 1 or 2, and a character may hold a part of a
    // neighbour. What is between is the same in all of base64's alphabets, because it is all of letters and digits.
    for moved in 0..3 {
        let whole = text.len() - (3 - moved) % 3;
        let inner = &text.as_bytes()[(3 - moved) % 3..][..whole / 3 * 3];
        forms.push((" in base64", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner)));
    }
    forms
}

/// What is printed, but for the configuration where it is a plan in JSON.
fn without_configuration(printed: &[u8]) -> Cow<'_, [u8]> {
    let Ok(mut plan) = serde_json::from_slice::<Map<String, Value>>(printed) else { return Cow::Borrowed(printed) };
    plan.remove("configuration");
    Cow::Owned(serde_json::to_vec(&plan).expect("it was JSON"))
}

fn kind_of(name: &str) -> &'static str {
    match name {
        _ if Path::new(name).extension().is_some_and(|extension| extension == "log") => "logs",
        _ if name.contains("tfstate") => "states and their backups",
        _ => "other files",
    }
}

/// The files below a directory, with what changes when they are written.
fn files_below(directory: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        // What is gone in the meantime is nothing to look at.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                Ok(metadata) if metadata.is_file() => {
                    let modified = metadata.modified().expect("this system keeps it");
                    files.insert(entry.path(), (modified, metadata.len()));
                }
                _ => {}
            }
        }
    }
    files
}

/// What a plan consists of, but for the configuration in it.
fn members(plan: &Path) -> Vec<(String, Vec<u8>)> {
    let file = File::open(plan).expect("it was just read");
    let mut archive = zip::ZipArchive::new(file).unwrap_or_else(|error| panic!("{}: {error}", plan.display()));
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("there are so many");
        let name = member.name().unwrap_or_else(|error| panic!("{}: {error}", plan.display())).into_owned();
        if !name.starts_with("tfconfig/") {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{}, {name}: {error}", plan.display()));
            members.push((name, bytes));
        }
    }
    members
}

/// Adds to what was searched, and where logs are asked for, tells it.
fn note(kinds: &BTreeMap<&'static str, (usize, usize)>) {
    let mut searched = SEARCHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    searched.commands += 1;
    for (kind, (count, size)) in kinds {
        let (counts, sizes) = searched.kinds.entry(kind).or_default();
        (*counts, *sizes) = (*counts + count, *sizes + size);
    }
    if std::env::var_os("TF_LOG").is_some() {
        let mut told = format!("{} commands, each left without a secret:\n", searched.commands);
        for (kind, (count, size)) in &searched.kinds {
            let _ = writeln!(told, "{count:>9} {kind}, {size} bytes");
        }
        let _ = writeln!(told, "searched for {} marks of secrets in {} forms", MARKS.len(), FORMS.len());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secret_search.txt");
        fs::write(file, told).expect("cargo made the directory above");
    }
}

#[test]
fn whatever_form_it_comes_in_it_is_found() {
    // Made by Python's base64, hex and list.
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
fn wherever_it_is_left_it_is_found() {
    let plan = |member: &str| {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file(member, zip::write::SimpleFileOptions::default()).expect("it is the first");
        std::io::Write::write_all(&mut archive, b"{\"a\": \"emulator-password\"}").expect("it is memory");
        archive.finish().expect("it is memory").into_inner()
    };
    let in_clear = || b"canary-secret".to_vec();
    let cases = [
        ("", None),
        (r#"{"configuration": "canary-secret"}"#, None),
        ("", Some(("a.tfplan", plan("tfconfig/main.tf")))),
        ("canary-secret", None),
        (r#"{"planned_values": "canary-secret"}"#, None),
        ("", Some(("terraform.tfstate", in_clear()))),
        ("", Some((".terraform/notes/1.json", in_clear()))),
        ("", Some(("a.tfplan", plan("tfplan")))),
    ];
    for (at, (printed, file)) in cases.into_iter().enumerate() {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the directory above");
        fs::write(directory.path().join("main.tf"), in_clear()).expect("the directory is ours");
        let before = Before::in_directory(directory.path());
        if let Some((name, bytes)) = &file {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("it was joined")).expect("the directory is ours");
            fs::write(path, bytes).expect("the directory is ours");
        }
        for (stdout, stderr) in [(printed, ""), ("", if at == 1 { "" } else { printed })] {
            let searched = std::panic::catch_unwind(|| {
                before.expect_no_secret("a command", stdout.as_bytes(), stderr.as_bytes());
            });
            assert_eq!(searched.is_err(), at > 2, "{printed} {file:?}");
        }
    }
}
