//! `moved` blocks (Terraform 1.8) that take connections over from other providers.
//!
//! `tests/data/move` has the state that the `huaweicloud` provider 1.97.1 wrote, its configuration, and the state of
//! the emulator at that time.

mod matrix;
mod old_provider;

use std::fs;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::Settings;

use self::old_provider::OldProvider;
use super::harness::{Cloud, Workspace, for_each_terraform, for_one_terraform};
use super::terraform::Terraform;

const STATE: &str = include_str!("../../data/move/huaweicloud-1.97.1.tfstate");
const CLOUD: &[u8] = include_bytes!("../../data/move/huaweicloud-1.97.1.emulator.json");
/// The address of the provider that wrote the state.
const HUAWEICLOUD: &str = "registry.terraform.io/huaweicloud/huaweicloud";
const CONNECTION: &str = "7356a2d7-e68d-456b-bbea-63d49f602b9e";
const BARE: &str = "07a6bc41-abba-4e94-a47b-4177c31ef5fa";

/// The new configuration of everything in the state, except for the associate with two pools.
const NEW: &str = r#"
resource "dli_enhanced_connection" "c" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1"]
  hosts           = { "ecs-97f8-0001" = "192.168.0.1", "ecs-97f8-0002" = "192.168.0.2" }
  routes          = { r1 = "10.1.0.0/24" }
  tags            = { team = "a" }
}
resource "dli_enhanced_connection_privilege" "p" {
  connection_id        = dli_enhanced_connection.c.id
  applicant_project_id = "1123456789abcdef0123456789abcdef"
}
resource "dli_enhanced_connection" "bare" {
  name            = "bare"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  routetable_id   = "11094d8f-c310-4621-913d-4c4d655d8495"
}
resource "dli_enhanced_connection_binding" "one" {
  connection_id         = dli_enhanced_connection.bare.id
  elastic_resource_pool = "pool1"
}
resource "dli_enhanced_connection" "two" {
  name            = "two_pools"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
}
"#;
/// Old and new names of the kinds.
const KINDS: [(&str, &str); 3] = [
    ("dli_datasource_connection", "dli_enhanced_connection"),
    ("dli_datasource_connection_associate", "dli_enhanced_connection_binding"),
    ("dli_datasource_connection_privilege", "dli_enhanced_connection_privilege"),
];

fn moved(provider: &str, kind: usize, name: &str) -> String {
    let (old, new) = KINDS[kind];
    format!("moved {{\n  from = {provider}_{old}.{name}\n  to   = {new}.{name}\n}}\n")
}

fn all_moved(provider: &str) -> String {
    let moves = [(0, "c"), (0, "bare"), (0, "two"), (1, "one"), (2, "p")];
    moves.map(|(kind, name)| moved(provider, kind, name)).concat()
}

/// The state without the data source, and without the resources that `is_dropped` chooses by type and name.
fn state_without(is_dropped: impl Fn(&str, &str) -> bool) -> String {
    let mut state: Value = serde_json::from_str(STATE).expect("valid JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    state["resources"].as_array_mut().expect("resources").retain(|resource| {
        resource["mode"] == "managed" && !is_dropped(&text(&resource["type"]), &text(&resource["name"]))
    });
    // Indented, as Terraform writes it.
    serde_json::to_string_pretty(&state).expect("JSON")
}

/// The state without the associate with two pools.
fn movable_state() -> String {
    state_without(|kind, name| kind.ends_with("_associate") && name == "two")
}

/// The cloud as the old provider left it; the directory holds its file.
fn cloud(directory: &tempfile::TempDir) -> Cloud {
    let kept = directory.path().join("cloud.json");
    fs::write(&kept, CLOUD).expect("a writable directory");
    Cloud::start_with(Settings { state: Some(kept), ..Settings::default() })
}

/// A workspace in the region of the state, with the old provider at this address.
fn workspace(terraform: &Terraform, cloud: &Cloud, old: &OldProvider, address: &str) -> Workspace {
    let block = cloud.provider_block("").replace("eu-west-101", "emulated");
    Workspace::new(terraform).with_provider(&block).with_variable("TF_REATTACH_PROVIDERS", &old.reattach(address))
}

/// Plans and applies the moves: nothing is planned, and only reads are sent.
pub(super) fn take_over(terraform: &Terraform) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cloud = cloud(&directory);
    let old = OldProvider::start("huaweicloud");
    let workspace = workspace(terraform, &cloud, &old, HUAWEICLOUD);
    workspace.configure(&format!("{NEW}{}", all_moved("huaweicloud")));
    workspace.write("terraform.tfstate", &movable_state());
    let planned = workspace.run(&["plan", "-detailed-exitcode", "-out=moves.tfplan"]).expect_code(2);
    assert!(planned.stdout.contains("Plan: 0 to add, 0 to change, 0 to destroy."), "{planned}");
    assert_eq!(planned.stdout.matches("has moved to").count(), 5, "{planned}");
    // The only warning is about the development override.
    assert_eq!(planned.stdout.matches("Warning: ").count(), 1, "{planned}");
    let unrefreshed = workspace.run(&["plan", "-detailed-exitcode", "-refresh=false"]).expect_code(2);
    assert!(unrefreshed.stdout.contains("Plan: 0 to add, 0 to change, 0 to destroy."), "{unrefreshed}");

    workspace.run(&["apply", "moves.tfplan"]).expect_code(0);
    workspace.expect_no_changes();
    assert_eq!(cloud.changes(), [""; 0], "only reads were sent");
    assert!(!old.is_configured());
    let state = workspace.state("dli_enhanced_connection.c");
    assert_eq!((&state["id"], &state["region"]), (&json!(CONNECTION), &json!("emulated")));
    assert_eq!(state["bindings"]["q1"]["status"], "ACTIVE");
    let binding = workspace.state("dli_enhanced_connection_binding.one");
    assert_eq!(binding["id"], format!("{BARE}/elastic_resource_pool/pool1"));

    // The old provider is not needed any more, and the moved objects are like any other.
    let alone = Workspace::new(terraform).with_provider(&cloud.provider_block("").replace("eu-west-101", "emulated"));
    alone.configure(NEW);
    fs::copy(workspace.path().join("terraform.tfstate"), alone.path().join("terraform.tfstate")).expect("a state");
    alone.expect_no_changes();
    alone.destroy();
    cloud.expect_empty();
}

#[test]
fn huaweicloud_state_moves_without_a_change() {
    for_each_terraform(take_over);
}

/// Forks of the provider have the same types, and a private registry has another address.
#[test]
fn states_of_forks_and_other_hosts_move() {
    let cases = [
        ("flexibleengine", "registry.terraform.io/flexibleenginecloud/flexibleengine"),
        ("g42cloud", "registry.terraform.io/g42cloud-terraform/g42cloud"),
        ("huaweicloud", "mirror.example.com/cloud/huaweicloud"),
    ];
    for_one_terraform(|terraform| {
        for (name, address) in cases {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let cloud = cloud(&directory);
            let old = OldProvider::start(name);
            let workspace = workspace(terraform, &cloud, &old, address);
            let state = movable_state().replace(HUAWEICLOUD, address);
            workspace.write("terraform.tfstate", &state.replace("\"huaweicloud_", &format!("\"{name}_")));
            let required = format!(
                "terraform {{\n  required_providers {{\n    dli = {{ source = \"opendli/dli\" }}\n    {name} = {{ \
                 source = \"{address}\" }}\n  }}\n}}\n"
            );
            workspace.write("versions.tf", &required);
            workspace.configure(&format!("{NEW}{}", all_moved(name)));
            let planned = workspace.run(&["plan", "-detailed-exitcode", "-out=moves.tfplan"]).expect_code(2);
            assert!(planned.stdout.contains("Plan: 0 to add, 0 to change, 0 to destroy."), "{planned}");
            workspace.run(&["apply", "moves.tfplan"]).expect_code(0);
            workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
            assert_eq!(cloud.changes(), [""; 0], "only reads were sent");
        }
    });
}

/// The old type, a change of its resource in the state, and words of the error.
type Refused = (&'static str, fn(&mut Value), &'static [&'static str]);

/// What cannot be moved is refused with what to do, and the state is left alone.
#[test]
fn impossible_moves_say_what_to_do() {
    let two = r#"
resource "dli_enhanced_connection_binding" "two" {
  connection_id         = "6f4d36ce-08aa-4e8e-891f-39b14dca8e48"
  elastic_resource_pool = "pool1"
}
"#;
    let associate = |edit: fn(&mut Value)| {
        let mut state: Value =
            serde_json::from_str(&state_without(|kind, name| !(kind.ends_with("_associate") && name == "two")))
                .expect("valid JSON");
        edit(&mut state["resources"][0]);
        state.to_string()
    };
    let cases: [Refused; 5] = [
        (
            "huaweicloud_dli_datasource_connection_associate",
            |_| {},
            &["Not Exactly One Pool", "pool1, pool3", "destroy = false", "6f4d36ce-08aa-4e8e-891f-39b14dca8e48"],
        ),
        (
            "huaweicloud_dli_datasource_connection_associate",
            |resource| resource["instances"][0]["attributes"]["elastic_resource_pools"] = json!([]),
            &["Not Exactly One Pool", "no elastic resource pool"],
        ),
        (
            "huaweicloud_dli_datasource_connection_associate",
            |resource| resource["instances"][0]["schema_version"] = json!(3),
            &["Source State of an Unknown Version", "schema version 3"],
        ),
        (
            "huaweicloud_dli_datasource_connection_associate",
            |resource| resource["instances"][0]["attributes"]["elastic_resource_pools"] = json!({ "a": [1] }),
            &["Unreadable Value", "elastic_resource_pools"],
        ),
        (
            "huaweicloud_dli_queue",
            |resource| {
                resource["type"] = json!("huaweicloud_dli_queue");
                resource["instances"][0]["attributes"] = json!({ "id": "q1", "name": "q1" });
            },
            &["Move Not Supported", "flexibleengine_dli_datasource_connection_associate"],
        ),
    ];
    for_one_terraform(|terraform| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = cloud(&directory);
        let old = OldProvider::start("huaweicloud");
        for (kind, edit, expected) in cases {
            let workspace = workspace(terraform, &cloud, &old, HUAWEICLOUD);
            let block = format!("moved {{\n  from = {kind}.two\n  to   = dli_enhanced_connection_binding.two\n}}\n");
            workspace.configure(&format!("{two}{block}"));
            workspace.write("terraform.tfstate", &associate(edit));
            let planned = workspace.run(&["plan"]).expect_code(1);
            let text = planned.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
            for words in expected {
                assert!(text.contains(words), "{words}: {planned}");
            }
        }
        assert_eq!(cloud.requests().len(), 0, "a move works offline");
    });
}

/// The way for what cannot be moved, and for Terraform 1.7.
#[test]
fn removed_block_and_imports_take_over_several_pools() {
    let configuration = r#"
removed {
  from = huaweicloud_dli_datasource_connection_associate.two
  lifecycle {
    destroy = false
  }
}
import {
  to = dli_enhanced_connection_binding.two["pool1"]
  id = "6f4d36ce-08aa-4e8e-891f-39b14dca8e48/elastic_resource_pool/pool1"
}
import {
  to = dli_enhanced_connection_binding.two["pool3"]
  id = "6f4d36ce-08aa-4e8e-891f-39b14dca8e48/elastic_resource_pool/pool3"
}
resource "dli_enhanced_connection_binding" "two" {
  for_each              = toset(["pool1", "pool3"])
  connection_id         = "6f4d36ce-08aa-4e8e-891f-39b14dca8e48"
  elastic_resource_pool = each.value
}
"#;
    for_one_terraform(|terraform| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = cloud(&directory);
        let old = OldProvider::start("huaweicloud");
        let workspace = workspace(terraform, &cloud, &old, HUAWEICLOUD);
        workspace.configure(configuration);
        let state = state_without(|kind, name| !(kind.ends_with("_associate") && name == "two"));
        workspace.write("terraform.tfstate", &state);
        let planned = workspace.run(&["plan", "-refresh=false", "-out=saved.tfplan"]).expect_code(0);
        assert!(planned.stdout.contains("2 to import, 0 to add, 0 to change, 0 to destroy"), "{planned}");
        workspace.run(&["apply", "saved.tfplan"]).expect_code(0);
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
        assert_eq!(cloud.changes(), [""; 0], "only reads were sent");
    });
}

/// The old provider loses queues in pools, and keeps several addresses of one name.
#[test]
fn pooled_queues_and_several_addresses_are_taken_over() {
    let resource = r#"
resource "dli_enhanced_connection" "bare" {
  name            = "bare"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  routetable_id   = "11094d8f-c310-4621-913d-4c4d655d8495"
  queues          = ["pooled1"]
  hosts           = { a = "10.0.0.1" }
}
"#;
    for_one_terraform(|terraform| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = cloud(&directory);
        let old = OldProvider::start("huaweicloud");
        let workspace = workspace(terraform, &cloud, &old, HUAWEICLOUD);
        let address = "dli_enhanced_connection.bare";
        let hosts = [("a", "10.0.0.1"), ("a", "10.0.0.2")];
        let hosts: Vec<_> = hosts.map(|(name, ip)| json!({ "name": name, "ip": ip })).into();
        let mut state: Value =
            serde_json::from_str(&state_without(|kind, name| kind.contains("_connection_") || name != "bare"))
                .expect("valid JSON");
        state["resources"][0]["instances"][0]["attributes"]["hosts"] = hosts.into();
        workspace.write("terraform.tfstate", &state.to_string());
        workspace.configure(&format!("{resource}{}", moved("huaweicloud", 0, "bare")));
        let planned = workspace.run(&["plan", "-refresh=false"]).expect_code(0);
        let text = planned.stdout.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        for words in ["Several Addresses for One Host Name", "a (10.0.0.1, 10.0.0.2)"] {
            assert!(text.contains(words), "{words}: {planned}");
        }

        // The connection has no hosts at the service, so the plan adds the declared one.
        let plan = workspace.plan();
        plan.expect(&[(address, "update")]);
        plan.expect_changed(address, &["bindings", "hosts[\"a\"]", "queues"]);
        workspace.apply();
        assert_eq!(workspace.state(address)["queues"], json!(["pooled1"]));
        assert_eq!(cloud.changes(), [format!("PUT /{BARE}")], "the pool is bound already");
    });
}
