//! `terraform test`: modules with mocked providers, which invent IDs, and the example of the guide.

use std::fs;

use super::connection::connection;
use super::harness::{Cloud, Workspace, for_one_terraform};

/// A module that uses the connection's ID and the IDs of another, mocked provider.
const MODULE: &str = r#"
resource "terraform_data" "vpc" {}

resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = terraform_data.vpc.id
  dest_network_id = terraform_data.vpc.id
}

resource "dli_enhanced_connection_route" "test" {
  connection_id = dli_enhanced_connection.test.id
  name          = "spark"
  cidr          = "192.168.2.0/24"
}

data "dli_enhanced_connection" "test" {
  id = dli_enhanced_connection.test.id
}

output "id" {
  value = data.dli_enhanced_connection.test.id
}
"#;

const MOCKED: &str = r#"
mock_provider "dli" {}
mock_provider "terraform" {}

run "plan" {
  command = plan
}

run "apply" {
  assert {
    condition     = output.id != ""
    error_message = "The connection has no ID."
  }
}
"#;

#[test]
fn module_test_with_mocked_providers_passes() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure(MODULE);
        workspace.write("module.tftest.hcl", MOCKED);
        let tested = workspace.run(&["test"]).expect_code(0);
        assert!(tested.stdout.contains("2 passed, 0 failed"), "{tested}");
    });
}

/// IDs that another provider or a test invents.
#[test]
fn unusual_ids_are_warnings() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure(&connection("").replace("22094d8f-c310-4621-913d-4c4d655d8495", "x7s9qwer"));
        let validated = workspace.run(&["validate"]).expect_code(0);
        assert!(validated.stdout.contains("Warning: Unusual VPC ID"), "{validated}");
    });
}

/// Mocked providers need Terraform 1.7.
#[test]
fn guide_example_passes() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/guides/testing");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = Workspace::new(terraform);
        for name in ["main.tf", "mocked.tftest.hcl", "emulator.tftest.hcl"] {
            let text = fs::read_to_string(format!("{example}/{name}")).expect("a file of the example");
            workspace.write(name, &text.replace("http://127.0.0.1:7080", &cloud.emulator().endpoint()));
        }
        let tested = workspace.run(&["test"]).expect_code(0);
        assert!(tested.stdout.contains("3 passed, 0 failed"), "{tested}");
        assert_eq!(cloud.changes().len(), 2, "a create and a delete request");
        cloud.expect_empty();
    });
}
