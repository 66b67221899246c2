//! Everything under `examples/` that users copy is formatted, applied, imported and destroyed.
//!
//! An example is any directory with configurations, so new examples are tested automatically. Each is used unchanged,
//! with the provider example where it has no provider block; an override file adds keys and endpoints.

use std::fs;
use std::path::{Path, PathBuf};

use super::harness::{Cloud, Workspace, for_each_terraform, for_one_terraform, for_one_terraform_since_1_14};
use super::terraform::Terraform;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
/// The connection ID in examples; it is the one in the documents.
const CONNECTION: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";

/// An import block for the object of an example, in a file of its own.
const IMPORT: &str = "import-by-identity.tf";

/// The directories with configurations, sorted by name.
fn examples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(EXAMPLES)];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "tf") && !found.contains(&folder) {
                found.push(folder.clone());
            }
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a readable directory").path())
}

/// A workspace with the example, for this emulator.
fn workspace(terraform: &Terraform, cloud: &Cloud, example: &Path) -> Workspace {
    let is_of_networks = example.ends_with("dli_network_check");
    let block = if is_of_networks { cloud.provider_block_with_vpc("") } else { cloud.provider_block("") };
    let workspace = Workspace::new(terraform).with_provider(&block);
    let within = |file: &str| workspace.path().join(file);
    fs::rename(within("provider.tf"), within("cloud_override.tf")).expect("a file written by the harness");
    fs::remove_file(within("versions.tf")).expect("a file written by the harness");
    for path in entries(&Path::new(EXAMPLES).join("provider")).chain(entries(example)) {
        let is_import = path.ends_with(IMPORT);
        if !is_import
            && path.extension().is_some_and(|kind| ["tf", "tfvars", "txt"].iter().any(|wanted| kind == *wanted))
        {
            fs::copy(&path, within(&path.file_name().expect("a file").to_string_lossy())).expect("both paths exist");
        }
    }
    workspace
}

/// Whether this is a resource example.
fn is_of_resource(example: &Path) -> bool {
    example.starts_with(Path::new(EXAMPLES).join("resources"))
}

/// Whether this is a data source example.
fn is_of_data_source(example: &Path) -> bool {
    example.starts_with(Path::new(EXAMPLES).join("data-sources"))
}

/// Whether this is an action example, which needs Terraform 1.14.
fn is_of_action(example: &Path) -> bool {
    example.starts_with(Path::new(EXAMPLES).join("actions"))
}

/// Applies each chosen example, requires an empty plan, runs `more`, and requires that nothing is
/// left.
fn check_examples(chosen: fn(&Path) -> bool, more: impl Fn(&Terraform, &Cloud, &Workspace, &Path)) {
    let examples: Vec<_> = examples().into_iter().filter(|example| chosen(example)).collect();
    assert!(!examples.is_empty(), "no example found");
    let test = |terraform: &Terraform| {
        for example in &examples {
            say(example);
            let cloud = Cloud::start();
            let workspace = workspace(terraform, &cloud, example);
            workspace.run(&["validate"]).expect_code(0);
            workspace.save_plan();
            workspace.apply();
            more(terraform, &cloud, &workspace, example);
            workspace.destroy();
            cloud.expect_empty();
        }
    };
    if examples.iter().any(|example| is_of_action(example)) {
        for_one_terraform_since_1_14(test);
    } else {
        for_one_terraform(test);
    }
}

#[expect(clippy::print_stdout, reason = "names the example above a failure message")]
fn say(example: &Path) {
    println!("{}", example.display());
}

#[test]
fn examples_are_formatted() {
    for_each_terraform(|terraform| {
        Workspace::new(terraform).run(&["fmt", "-check", "-recursive", "-diff", EXAMPLES]).expect_code(0);
    });
}

/// All examples except resources, data sources and actions, which have tests of their own.
#[test]
fn examples_apply_and_destroy() {
    check_examples(
        |example| !(is_of_resource(example) || is_of_data_source(example) || is_of_action(example)),
        |_, _, _, _| {},
    );
}

#[test]
fn data_source_examples_apply_and_destroy() {
    check_examples(is_of_data_source, |_, _, _, _| {});
}

#[test]
fn action_examples_apply_and_destroy() {
    check_examples(is_of_action, |_, _, _, _| {});
}

#[test]
fn resource_examples_apply_and_import() {
    check_examples(is_of_resource, |terraform, cloud, original, example| {
        let Ok(script) = fs::read_to_string(example.join("import.sh")) else { return };
        let connection = cloud.connection().id;
        let mut imports = 0;
        for command in script.lines().filter_map(|line| line.strip_prefix("terraform import ")) {
            let (address, id) = command.split_once(' ').expect("an address and an ID");
            let imported = workspace(terraform, cloud, example);
            imported.run(&["import", address, &id.replace(CONNECTION, &connection)]).expect_code(0);
            let [left, right] = [&imported, original].map(|workspace| {
                let mut state = workspace.state(address);
                // Only the configuration contains these, so import cannot restore them.
                for name in ["timeouts", "wait_for_bindings"] {
                    state.as_object_mut().expect("attributes").remove(name);
                }
                state
            });
            assert_eq!(left, right, "left: {command}");
            imports += 1;
        }
        assert!(imports > 0, "{} has no command", example.display());
    });
}

#[test]
fn resource_examples_import_by_identity() {
    for_one_terraform_since_1_14(|terraform| {
        let mut imports = 0;
        for example in examples().into_iter().filter(|example| is_of_resource(example)) {
            let Ok(block) = fs::read_to_string(example.join(IMPORT)) else { continue };
            say(&example);
            let cloud = Cloud::start();
            let original = workspace(terraform, &cloud, &example);
            original.save_plan();
            original.apply();
            let address = block.lines().find_map(|line| line.trim().strip_prefix("to = ")).expect("an address");
            let importing = original.fresh();
            importing.write("import.tf", &block.replace(CONNECTION, &cloud.connection().id));
            importing.write("provider.tf", &cloud.provider_block(""));
            importing.run(&["plan", "-generate-config-out=generated.tf"]).expect_code(0);
            importing.plan().expect(&[(address, "import")]);
            imports += 1;
        }
        assert_eq!(imports, 4, "one for each resource");
    });
}

/// Each query is validated offline and run.
#[test]
fn list_resource_examples_run() {
    for_one_terraform_since_1_14(|terraform| {
        let folders: Vec<_> = entries(&Path::new(EXAMPLES).join("list-resources")).collect();
        assert_eq!(folders.len(), 4, "one for each resource");
        for folder in folders {
            say(&folder);
            let cloud = Cloud::start();
            let resource = Path::new(EXAMPLES).join("resources/dli_enhanced_connection");
            let workspace = workspace(terraform, &cloud, &resource);
            workspace.save_plan();
            workspace.apply();
            let query = fs::read_to_string(folder.join("list-resource.tfquery.hcl")).expect("a query");
            workspace.write("list.tfquery.hcl", &query.replace(CONNECTION, &cloud.connection().id));
            workspace.run(&["validate", "-query"]).expect_code(0);
            workspace.run(&["query"]).expect_code(0);
        }
    });
}
