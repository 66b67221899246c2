//! The examples that people copy: formatted as Terraform formats, valid, and applied.

use std::fs;
use std::path::Path;

use super::harness::{Cloud, Workspace, for_each_terraform};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_example_is_formatted() {
    for_each_terraform(|terraform| {
        Workspace::new(terraform).run(&["fmt", "-check", "-recursive", "-diff", EXAMPLES]).expect_code(0);
    });
}

#[test]
fn the_provider_example_is_valid() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.write("versions.tf", &read(&Path::new(EXAMPLES).join("provider/provider.tf")));
        workspace.run(&["validate"]).expect_code(0);
    });
}

#[test]
fn every_resource_example_is_applied_and_imported() {
    let directory = Path::new(EXAMPLES).join("resources");
    let resources: Vec<_> = fs::read_dir(&directory).expect("it is in the repository").filter_map(Result::ok).collect();
    assert!(!resources.is_empty());
    for_each_terraform(|terraform| {
        for resource in &resources {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            let import = read(&resource.path().join("import.sh"));
            let command = import.lines().last().and_then(|line| line.strip_prefix("terraform import "));
            let (address, _id) = command.and_then(|words| words.split_once(' ')).expect("its last line imports");
            // What is a part of a connection comes with one.
            let connection = address.replace("_binding.", ".").replace("_privilege.", ".").replace("_route.", ".");
            let mut created = vec![(address, "create")];
            created.extend((connection != address).then_some((connection.as_str(), "create")));
            workspace.step(&read(&resource.path().join("resource.tf")), &created);
            workspace.expect_import_by_command(address, &[]);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}
