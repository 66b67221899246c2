//! The text of every known error, as real Terraform prints it: `tests/data/errors/NAME.txt`, compared as a whole.
//! `connect-timeout`, `timeout` and `queued-too-long` contain only the detail, because they come from a single call.
//!
//! Values that vary between runs are replaced: request IDs, connection IDs, ports, attempt counts. After a change of
//! the texts, run the tests with `UPDATE_ERRORS=1` and review the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use terraform_provider_dli::dli::error_catalog::KNOWN_ERRORS;

use super::harness::{Finished, Workspace};

mod bindings;
mod repeated;
mod responses;
mod servers;
mod transport_failures;

/// Golden files that show a known error in a second situation.
const ADDITIONAL_FILES: [&str; 6] = [
    "cidr-overlap-binding",
    "subnet-not-found-binding",
    "plan-401",
    "plan-403",
    "unexpected-response-403",
    "unexpected-response-empty",
];

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "errors"].iter().collect()
}

/// The name of a known error as a Terraform resource label.
fn label(name: &str) -> String {
    name.to_ascii_lowercase().replace(['.', '-'], "_")
}

/// Compares texts with their golden files and reports all differences.
#[track_caller]
fn expect_texts(texts: &BTreeMap<String, String>) {
    let update = std::env::var_os("UPDATE_ERRORS").is_some();
    let mut wrong = Vec::new();
    for (name, text) in texts {
        let file = directory().join(format!("{name}.txt"));
        if update {
            fs::write(&file, text).expect("a writable repository");
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        if kept != *text {
            wrong.push(format!("--- {name}.txt\n{kept}+++ is\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_ERRORS=1 writes what is:\n{}", wrong.join("\n"));
}

/// Makes Terraform print as it does to a terminal.
fn in_color(workspace: Workspace) -> Workspace {
    workspace.with_variable("TF_CLI_ARGS", "")
}

/// The printed messages by resource address; messages without an address have the key "".
fn printed_messages(finished: &Finished) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let plain = |text: &str| {
        // Color codes: escape, bracket, numbers, "m".
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
    };
    let (stderr, stdout) = (plain(&finished.stderr), plain(&finished.stdout));
    let mut lines = stderr.lines().chain(stdout.lines());
    while lines.by_ref().any(|line| line == "╷") {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "╵").collect();
        let stripped = block.iter().map(|line| line.trim_start_matches('│').strip_prefix(' ').unwrap_or_default());
        let tried =
            |line: &str| if line.starts_with("Tried: ") { "Tried: 3 times in 2s" } else { line.trim_end() }.to_owned();
        let text = stripped.map(tried).collect::<Vec<_>>().join("\n");
        let about = text.lines().find_map(|line| line.trim_start().strip_prefix("with ")?.strip_suffix(','));
        let about = about.unwrap_or_default().to_owned();
        found.entry(about).or_default().push(text.trim_end().to_owned() + "\n");
    }
    found
}

/// Returns the only message for a resource.
#[track_caller]
fn of(printed_messages: &BTreeMap<String, Vec<String>>, address: &str, finished: &Finished) -> String {
    match printed_messages.get(address).map(Vec::as_slice) {
        Some([text]) => text.clone(),
        other => panic!("{finished}\nexpected one message about {address}: {other:#?}"),
    }
}

/// Every known error has a golden file, and every golden file has a known error.
#[test]
fn every_known_error_has_a_golden_file() {
    let rows: BTreeSet<String> =
        KNOWN_ERRORS.iter().map(|trouble| trouble.name).chain(ADDITIONAL_FILES).map(str::to_owned).collect();
    let files = fs::read_dir(directory()).expect("the directory exists");
    let files = files.map(|entry| entry.expect("a readable file").file_name().to_string_lossy().into_owned());
    let files: BTreeSet<String> = files.map(|name| name.trim_end_matches(".txt").to_owned()).collect();
    assert_eq!(files, rows);
}
