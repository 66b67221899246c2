//! Upgrades from the first version: its state file, configuration and connections, recorded from a build of it in
//! `tests/data/state`.
//!
//! The first version had no pools, routes or `tags_all`, and no `region` or `project_id` on resources.

use std::fs;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::Settings;

use super::harness::{Cloud, Workspace, for_each_terraform};

const ALL: &str = "dli_enhanced_connection.all";
const BARE: &str = "dli_enhanced_connection.bare";
const NONE: &str = "dli_enhanced_connection.none";
const STATE: &str = include_str!("../../data/state/connection-v0.1-first.tfstate");
const CONFIGURATION: &str = include_str!("../../data/state/connection-v0.1-first.tf");
const CLOUD: &[u8] = include_bytes!("../../data/state/cloud-v0.1-first.json");

/// The cloud as the first version left it; the directory holds its files.
fn cloud(directory: &tempfile::TempDir) -> Cloud {
    let kept = directory.path().join("cloud.json");
    fs::write(&kept, CLOUD).expect("a writable directory");
    Cloud::start_with(Settings { state: Some(kept), ..Settings::default() })
}

fn begin(workspace: &Workspace) {
    workspace.configure(CONFIGURATION);
    workspace.write("terraform.tfstate", STATE);
}

fn attributes<'a>(state: &'a Value, name: &str) -> &'a Value {
    let resources = state["resources"].as_array().expect("resources in the state");
    let found = resources.iter().find(|resource| resource["name"] == name).expect("a resource in the state");
    &found["instances"][0]["attributes"]
}

/// The plan is empty with and without a refresh, and no value of the old state is lost.
#[test]
fn first_version_state_plans_empty() {
    let old: Value = serde_json::from_str(STATE).expect("valid JSON");
    for_each_terraform(|terraform| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = cloud(&directory);
        let workspace = cloud.workspace(terraform);
        begin(&workspace);
        workspace.expect_no_changes();

        // A refresh adds the new attributes and changes nothing else.
        workspace.run(&["apply", "-refresh-only", "-auto-approve"]).expect_code(0);
        for (address, name) in [(ALL, "all"), (BARE, "bare"), (NONE, "none")] {
            let new = workspace.state(address);
            for (attribute, value) in attributes(&old, name).as_object().expect("an object") {
                let mut new = new[attribute].clone();
                // The state now names the declared queue, not its pool.
                if attribute == "bindings"
                    && let Some(binding) = new.as_object_mut().and_then(|bindings| bindings.remove("pooled1"))
                {
                    new["pool1"] = binding;
                }
                assert_eq!(new, *value, "{address} {attribute}");
            }
        }
        let new = workspace.state(ALL);
        assert_eq!(new["tags_all"], json!({ "env": "", "team": "größe" }));
        assert_eq!((&new["region"], &new["routes"]), (&json!("eu-west-101"), &Value::Null));
        workspace.expect_no_changes();
        assert_eq!(cloud.changes(), [""; 0]);
        begin(&workspace);

        // Changes old and new attributes directly from the old state.
        let changed = CONFIGURATION.replace("192.168.0.2", "192.168.0.3").replace(
            "  tags            = {}\n",
            "  tags            = {}\n  elastic_resource_pools = [\"pool1\"]\n  routes = { r = \"10.1.0.0/16\" }\n",
        );
        let plan = workspace.step(&changed, &[(ALL, "update"), (NONE, "update")]);
        plan.expect_changed(ALL, &["hosts[\"ecs-97f8-0002\"]"]);
        plan.expect_changed(NONE, &["bindings", "elastic_resource_pools", "routes"]);
        let none = workspace.state(NONE);
        assert_eq!(none["bindings"]["pool1"]["status"], "ACTIVE");
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// Plans and applies a change without a refresh, and then destroys.
#[test]
fn first_version_state_works_without_refresh() {
    for_each_terraform(|terraform| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = cloud(&directory);
        let workspace = cloud.workspace(terraform);
        begin(&workspace);
        workspace.configure(&CONFIGURATION.replace("env  = \"\"", "env  = \"prod\""));
        let plan = workspace.plan_with(&["-refresh=false"]);
        plan.expect(&[(ALL, "update")]).expect_changed(ALL, &["tags[\"env\"]", "tags_all[\"env\"]"]);
        workspace.apply();
        let id = workspace.state(ALL)["id"].as_str().expect("it has one").to_owned();
        let tags = cloud.emulator().tags(super::harness::PROJECT, &id);
        assert_eq!(tags, [("env", "prod"), ("team", "größe")].map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(cloud.changes().len(), 2, "{:?}", cloud.changes());
        workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
        cloud.expect_empty();
    });
}
