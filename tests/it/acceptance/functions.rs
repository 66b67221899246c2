//! Functions through Terraform 1.8 and later: results, unknown and null arguments, and errors at the right argument.

use serde_json::{Value, json};

use super::harness::{Cloud, Workspace, for_each_terraform};
use super::terraform::Terraform;

const HOSTS: &str = "# An MRS node\r\n127.0.0.1 localhost\r\n192.168.0.1\tnode-master1.example.com node-master1\r\n";

/// A workspace that does not configure the provider.
fn unconfigured(terraform: &Terraform) -> Workspace {
    let workspace = Workspace::new(terraform);
    workspace.write("hosts.txt", HOSTS);
    workspace
}

/// Calls both functions: their results, twice the same, and what Terraform does with unknown and null arguments.
pub(super) fn call_functions(terraform: &Terraform) {
    let workspace = unconfigured(terraform);
    workspace.configure(
        r#"
resource "terraform_data" "later" { input = "10.0.0.0/8" }
output "hosts" { value = provider::dli::hosts_from_text(file("${path.module}/hosts.txt")) }
output "overlap" { value = provider::dli::cidrs_overlap("10.0.0.0/8", "10.1.0.0/16") }
output "apart" { value = provider::dli::cidrs_overlap("10.0.0.0/8", "192.168.0.0/24") }
output "later" { value = provider::dli::cidrs_overlap(terraform_data.later.output, "10.1.0.0/16") }
"#,
    );
    let plan = workspace.plan();
    assert_eq!(plan.0["output_changes"]["later"]["after_unknown"], json!(true));
    workspace.apply();
    let outputs = workspace.run(&["output", "-json"]).expect_code(0).json();
    let value = |name: &str| -> &Value { &outputs[name]["value"] };
    let hosts = json!({ "node-master1.example.com": "192.168.0.1", "node-master1": "192.168.0.1" });
    assert_eq!(value("hosts"), &hosts);
    assert_eq!([value("overlap"), value("apart"), value("later")], [&json!(true), &json!(false), &json!(true)]);

    for (call, expected) in [
        (
            "hosts_from_text(\"10.0.0.1 a\\n10.0.0.300 b\")",
            &["\"text\" parameter", "line 2: \"10.0.0.300\" is not an IP address."][..],
        ),
        ("cidrs_overlap(\"10.0.0.0/8\", \"10.0.0\")", &["\"b\" parameter", "\"10.0.0\" is not a network"]),
        ("cidrs_overlap(\"x\", \"10.0.0.0/8\")", &["\"a\" parameter", "\"x\" is not a network"]),
        ("cidrs_overlap(null, \"10.0.0.0/8\")", &["null"]),
        ("cidrs_overlap(\"10.0.0.0/8\")", &["function"]),
    ] {
        workspace.configure(&format!("output \"wrong\" {{ value = provider::dli::{call} }}\n"));
        let planned = workspace.run(&["plan"]).expect_code(1);
        let text = planned.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        for words in expected {
            assert!(text.contains(words), "{call}: {words}: {planned}");
        }
    }
}

#[test]
fn functions_return_results_and_errors() {
    for_each_terraform(call_functions);
}

/// The result fits `hosts` as it is.
#[test]
fn hosts_from_text_fills_a_connection() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.write("hosts.txt", HOSTS);
        let hosts = "hosts = provider::dli::hosts_from_text(file(\"${path.module}/hosts.txt\"))";
        workspace.step(&super::connection::connection(hosts), super::connection::CREATE);
        assert_eq!(cloud.connection().hosts.len(), 2);
    });
}
