//! Resources for one part of a connection, in configurations that do not manage the connection.

mod binding;
mod declared_twice;
mod exchanged;
mod interrupted_create;
mod kept_parts;
mod privilege;
mod route;
mod shared_connection;

use terraform_provider_dli::dli::wire::{self, CreateConnection};

use super::connection::connection;
use super::harness::{Cloud, Finished, Workspace};
use super::terraform::Terraform;

/// Creates a connection outside Terraform.
fn create_external(cloud: &Cloud, name: &str) -> String {
    let request = CreateConnection {
        name: name.to_owned(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        ..CreateConnection::default()
    };
    cloud.edit(|account| account.create(request))
}

/// Returns the connection with this ID.
#[track_caller]
fn find_connection(cloud: &Cloud, id: &str) -> wire::Connection {
    cloud.edit(|account| account.connection(id))
}

/// A cloud with a connection created outside Terraform, and an empty workspace.
fn setup(terraform: &Terraform) -> (Cloud, String, Workspace) {
    let cloud = Cloud::start();
    let id = create_external(&cloud, "theirs");
    let workspace = cloud.workspace(terraform);
    (cloud, id, workspace)
}

/// One part resource named `test` for the connection.
fn part(kind: &str, connection: &str, attributes: &str) -> String {
    format!("resource \"{kind}\" \"test\" {{\n  connection_id = \"{connection}\"\n  {attributes}\n}}\n")
}

/// As [`part`], with another label and without the prefix of the resource type.
fn labelled(kind: &str, label: char, connection: &str, attributes: &str) -> String {
    let text = part(&format!("dli_enhanced_connection_{kind}"), connection, attributes);
    text.replacen("\"test\"", &format!("\"{label}\""), 1)
}

/// The first lines of the warnings, sorted.
fn summaries(finished: &Finished) -> Vec<String> {
    let summary = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let mut summaries: Vec<_> = finished.diagnostics().into_iter().map(|warning| summary(warning.text)).collect();
    summaries.sort_unstable();
    summaries
}

const APPLY: [&str; 3] = ["apply", "-json", "-auto-approve"];

/// Applies a configuration.
#[track_caller]
fn apply(workspace: &Workspace, configuration: &str) -> Finished {
    workspace.configure(configuration);
    workspace.run(&APPLY).expect_code(0)
}

/// The printed text without line breaks.
fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Requires an apply that fails with one error with this summary and these texts.
#[track_caller]
fn expect_failure(workspace: &Workspace, summary: &str, words: &[&str]) -> Finished {
    let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
    assert_eq!(applied.stderr.matches("Error: ").count(), 1, "{applied}");
    let text = unbroken(&applied.stderr);
    assert!(text.contains(&format!("Error: {summary}")), "{applied}");
    for expected in words {
        assert!(text.contains(expected), "expected {expected:?}\n{applied}");
    }
    applied
}

/// Requires that each of these import IDs fails with its summary and imports nothing.
#[track_caller]
fn expect_import_failures(workspace: &Workspace, address: &str, ids: &[(&str, &str)]) {
    for (id, summary) in ids {
        let imported = workspace.run(&["import", address, id]).expect_code(1);
        assert!(imported.stderr.contains(&format!("Error: {summary}")), "{id}: {imported}");
        assert_eq!(workspace.find_state(address), None, "{id}");
    }
}
