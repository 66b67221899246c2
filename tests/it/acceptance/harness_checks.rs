//! The harness fails where it should, shown with Terraform's built-in resource.

use super::harness::{Workspace, for_each_terraform, for_one_terraform};

const ADDRESS: &str = "terraform_data.a";

fn workspace(terraform: &super::terraform::Terraform) -> Workspace {
    let workspace = Workspace::new(terraform).discarded();
    workspace.write("versions.tf", "");
    workspace.configure("");
    workspace.run(&["init"]).expect_code(0);
    workspace
}

fn with_input(input: &str) -> String {
    format!("resource \"terraform_data\" \"a\" {{\n  input = {input}\n}}\n")
}

#[test]
fn harness_runs_a_full_lifecycle() {
    for_each_terraform(|terraform| {
        let workspace = workspace(terraform);
        let created = workspace.step(&with_input("{ x = 1, \"y.z\" = 2 }"), &[(ADDRESS, "create")]);
        created.expect_changed(ADDRESS, &["id", "input", "output"]);
        let updated = workspace.step(&with_input("{ x = 1, \"y.z\" = 3, w = 4 }"), &[(ADDRESS, "update")]);
        updated.expect_changed(ADDRESS, &["input[\"w\"]", "input[\"y.z\"]", "output"]);
        assert_eq!(workspace.state(ADDRESS)["output"]["y.z"], 3);
        let replacing = "resource \"terraform_data\" \"a\" {\n  input = 1\n  triggers_replace = 2\n}\n";
        let replaced = workspace.step(replacing, &[(ADDRESS, "replace")]);
        replaced.expect_replaced_by(ADDRESS, &["triggers_replace"]);
        workspace.expect_import(ADDRESS, &["input", "output", "triggers_replace"]);
        workspace.destroy();
        assert_eq!(workspace.find_state(ADDRESS), None);
    });
}

#[test]
#[should_panic(expected = "expected exit code 0")]
fn harness_reports_a_non_empty_plan() {
    for_one_terraform(|terraform| {
        workspace(terraform).step(&with_input("timestamp()"), &[(ADDRESS, "create")]);
    });
}

#[test]
#[should_panic(expected = r#"left: {"terraform_data.a": "create"}"#)]
fn harness_reports_an_unexpected_action() {
    for_one_terraform(|terraform| {
        workspace(terraform).step(&with_input("1"), &[(ADDRESS, "update")]);
    });
}

#[test]
#[should_panic(expected = "left: terraform_data.a")]
fn harness_reports_a_differing_import() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform);
        workspace.step(&with_input("1"), &[(ADDRESS, "create")]);
        workspace.expect_import(ADDRESS, &["output"]);
    });
}

#[test]
#[should_panic(expected = "expected that it would end within 1s")]
fn harness_reports_a_hanging_command() {
    for_one_terraform(|terraform| {
        let workspace = workspace(terraform);
        let sleep = "resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    \
        command = \"sleep 600\"\n  }\n}\n";
        workspace.configure(sleep);
        workspace.start(&["apply", "-auto-approve"]).wait_at_most(std::time::Duration::from_secs(1));
    });
}
