//! `terraform test`: modules with mocked providers, which invent IDs. `guide_scripts` runs the example of the guide.

use super::connection::connection;
use super::harness::{Workspace, for_one_terraform};

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
