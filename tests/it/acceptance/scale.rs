//! The maximum number of hosts, through real Terraform. `benches/cost.rs` measures the cost.

use std::collections::BTreeMap;

use super::harness::{Cloud, for_one_terraform};

const ADDRESS: &str = "dli_enhanced_connection.test";

/// Long enough that one message exceeds gRPC's default limit of 4 MiB.
fn host(number: usize) -> String {
    format!("host-{number:05}.{}.example.com", "a-long-department-name".repeat(3))
}

const CONFIGURATION: &str = r#"
resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  hosts           = jsondecode(file("hosts.json"))
}
"#;

fn hosts() -> BTreeMap<String, String> {
    (0..20_000).map(|number| (host(number), format!("10.0.{}.{}", number / 250, number % 250))).collect()
}

fn json(hosts: &BTreeMap<String, String>) -> String {
    serde_json::to_string(hosts).expect("a map of strings")
}

#[test]
fn twenty_thousand_hosts_are_created() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.write("hosts.json", &json(&hosts()));
        workspace.step(CONFIGURATION, &[(ADDRESS, "create")]);
        assert_eq!(cloud.connection().hosts.len(), 20_000);
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn one_of_twenty_thousand_hosts_is_changed() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let mut hosts = hosts();
        workspace.write("hosts.json", &json(&hosts));
        workspace.configure(CONFIGURATION);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);

        hosts.insert(host(12_345), "10.9.9.9".to_owned());
        workspace.write("hosts.json", &json(&hosts));
        let shown = workspace.save_plan();
        let lines: Vec<_> = shown.stdout.lines().filter(|line| line.contains("host-")).map(str::trim).collect();
        assert_eq!(lines, [format!("~ {:?} = \"10.0.49.95\" -> \"10.9.9.9\"", host(12_345))]);
        let plan = workspace.saved_plan();
        plan.expect(&[(ADDRESS, "update")]);
        workspace.apply();
        plan.expect_changed(ADDRESS, &[&format!("hosts[{:?}]", host(12_345))]);
        assert_eq!(cloud.connection().hosts.len(), 20_000);

        workspace.destroy();
        cloud.expect_empty();
    });
}
