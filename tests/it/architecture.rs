//! The arrows between the rooms: who may import whom, and what a room must not know at all.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, the rooms that it may import, and crates that it must not name.
const ROOMS: [(&str, &[&str], &[&str]); 7] = [
    ("plugin", &["protocol"], &["reqwest", "axum"]),
    ("protocol", &["framework"], &["reqwest", "axum", "http"]),
    ("framework", &[], &["tonic", "prost", "reqwest", "axum", "http", "serde_json", "rmp"]),
    ("provider", &["framework", "client", "dli"], &["tonic", "prost", "reqwest", "axum", "http", "rmp"]),
    ("client", &["dli"], &["tonic", "prost", "axum"]),
    ("dli", &[], &["tonic", "prost", "reqwest", "axum", "http", "tokio"]),
    ("emulator", &["dli"], &["tonic", "prost", "reqwest"]),
];

fn files_of(room: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.join(room)];
    let mut files = vec![source.join(format!("{room}.rs"))];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

/// The code of a file without comments and without its unit tests, which may reach for a server or a client.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("the file can be read");
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_arrow_runs_against_the_house() {
    let mut against = Vec::new();
    let mut looked_at = 0;
    for (room, may_import, must_not_know) in ROOMS {
        for file in files_of(room) {
            // A server for the client's unit tests.
            if file.ends_with("client/test_server.rs") {
                continue;
            }
            looked_at += 1;
            let code = code_of(&file);
            for (other, ..) in ROOMS {
                let named = code.contains(&format!("crate::{other}")) || names_in_group(&code, other);
                if other != room && named && !may_import.contains(&other) {
                    against.push(format!("{} imports {other}", file.display()));
                }
            }
            for name in must_not_know {
                let used = [format!("{name}::"), format!("use {name};")].iter().any(|text| word(&code, text));
                if used {
                    against.push(format!("{} knows {name}", file.display()));
                }
            }
        }
    }
    assert!(looked_at > 60, "only {looked_at} files were looked at");
    assert_eq!(against, Vec::<String>::new());
}

/// Whether `use crate::{…}` names the room.
fn names_in_group(code: &str, room: &str) -> bool {
    code.split("use crate::{").skip(1).any(|rest| {
        let group = rest.split("\n};").next().unwrap_or_default();
        group.lines().any(|line| line.trim_start().starts_with(&format!("{room}::")))
    })
}

/// Whether `text` stands in the code and does not continue a longer name or path.
fn word(code: &str, text: &str) -> bool {
    code.match_indices(text).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}
