//! Values from another resource: the plan accepts them as unknown, and an invalid one fails at apply before any
//! request.

use super::harness::{Cloud, for_each_terraform};

const ADDRESS: &str = "dli_enhanced_connection.test";

/// A connection whose attributes are all unknown until `terraform_data.source` is created.
fn configuration(name: &str, queue: &str, host: &str, ip: &str) -> String {
    format!(
        r#"
resource "terraform_data" "source" {{
  input = {{
    name  = "{name}"
    queue = "{queue}"
    host  = "{host}"
    ip    = "{ip}"
    vpc   = "22094d8f-c310-4621-913d-4c4d655d8495"
  }}
}}

resource "dli_enhanced_connection" "test" {{
  name            = terraform_data.source.output.name
  dest_vpc_id     = terraform_data.source.output.vpc
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = [terraform_data.source.output.queue]
  hosts           = {{ (terraform_data.source.output.host) = terraform_data.source.output.ip }}
}}
"#
    )
}

#[test]
fn valid_unknown_values_are_applied() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let actions = [(ADDRESS, "create"), ("terraform_data.source", "create")];
        workspace.step(&configuration("test", "q1", "host", "192.168.0.1"), &actions);
        assert_eq!(cloud.connection().name, "test");
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn invalid_unknown_value_fails_before_requests() {
    let faults = [
        (configuration("not-allowed", "q1", "host", "192.168.0.1"), "name: \"not-allowed\""),
        (configuration("test", "DEFAULT", "host", "192.168.0.1"), "queues[\"DEFAULT\"]"),
        (configuration("test", "q1", "9bad", "192.168.0.1"), "hosts[\"9bad\"]"),
        (configuration("test", "q1", "host", "192.168.0.256"), "hosts[\"host\"]: \"192.168.0.256\""),
    ];
    for_each_terraform(|terraform| {
        for (configuration, named) in &faults {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            workspace.configure(configuration);
            workspace.plan().expect(&[(ADDRESS, "create"), ("terraform_data.source", "create")]);
            let applied = workspace.run(&["apply", "saved.tfplan"]).expect_code(1);
            assert_eq!(cloud.requests().len(), 0, "requests were sent: {:#?}", cloud.requests());
            assert!(applied.stderr.contains(named), "missing {named}:\n{applied}");
            assert!(applied.stderr.contains("DLI API Reference"), "the source is missing:\n{applied}");
        }
    });
}
