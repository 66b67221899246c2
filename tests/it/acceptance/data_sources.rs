//! The data sources: each attribute is compared with the emulator.

mod connection;
mod connections;
mod connectivity;
mod network_check;
mod pools;
mod queues;

use std::fs;
use std::path::Path;

use serde_json::Value;
use terraform_provider_dli::emulator::Quirk;

use super::harness::{Cloud, Finished, Workspace, for_one_terraform};

/// Reads the configuration's data sources into the state and requires that nothing changes on a second read, in any
/// order and form of the response.
#[track_caller]
fn read(cloud: &Cloud, workspace: &Workspace, configuration: &str) {
    workspace.configure(configuration);
    workspace.save_plan();
    workspace.apply();
    let quirks = [Quirk::ReshuffledOrder, Quirk::CamelCase, Quirk::NumbersAsStrings, Quirk::StatusInProse];
    cloud.emulator().set_quirks([&quirks[..], &[Quirk::UpperCaseNames, Quirk::PrivilegeProjectId]].concat());
    for _ in 0..2 {
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
    }
    cloud.emulator().set_quirks([]);
}

/// A data source, and an output of its whole value, so that any change of it shows in the plan.
fn block(kind: &str, arguments: &str) -> String {
    format!("data \"{kind}\" \"it\" {{\n{arguments}\n}}\n\noutput \"it\" {{\n  value = data.{kind}.it\n}}\n")
}

/// These attributes of each element.
fn columns(list: &Value, names: &[&str]) -> Vec<Vec<Value>> {
    let rows = list.as_array().expect("a list").iter();
    rows.map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect()
}

/// Returns the only error, without line breaks: Terraform wraps lines at the width of the terminal.
#[track_caller]
fn one_error(finished: &Finished) -> String {
    assert_eq!(finished.stderr.matches("Error: ").count(), 1, "{finished}");
    finished.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn data_source_examples_apply_without_drift() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data-sources");
    let examples: Vec<_> =
        fs::read_dir(directory).expect("a directory in the repository").filter_map(Result::ok).collect();
    assert_eq!(examples.len(), 6);
    for_one_terraform(|terraform| {
        for example in &examples {
            let cloud = Cloud::start();
            let workspace = Workspace::new(terraform).with_provider(&cloud.provider_block_with_vpc(""));
            let text = fs::read_to_string(example.path().join("data-source.tf")).expect("every directory has one");
            read(&cloud, &workspace, &text);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}
