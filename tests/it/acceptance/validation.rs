//! Every error of a configuration is reported at its place by `terraform validate` alone: no provider block,
//! credentials or network.

use std::collections::BTreeMap;

use super::harness::{Workspace, errors, for_each_terraform};

/// Each line with `# fault` has one error of its own kind, and the message must contain the text after it.
const FAULTS: &str = r#"
resource "dli_enhanced_connection" "many" {
  name            = "has-hyphen"                           # fault: name: "has-hyphen" contains '-'
  dest_vpc_id     = "not a uuid"                           # fault: dest_vpc_id: "not a uuid"
  dest_network_id = ""                                     # fault: dest_network_id: ""
  queues          = ["q1", "Default"]                      # fault: queues["Default"]
  routetable_id   = "{22094d8f-c310-4621-913d-4c4d655d8495}" # fault: routetable_id: "{22094d8f-c310-4621

  hosts = {
    "good-host"  = "192.168.0.1"
    "9bad"       = "192.168.0.1"   # fault: hosts["9bad"]
    "a b"        = "192.168.0.1"   # fault: hosts["a b"]
    ""           = "192.168.0.1"   # fault: hosts[""]
    "big"        = "256.1.1.1"     # fault: hosts["big"]
    "short"      = "192.168.1"     # fault: hosts["short"]
    "six"        = "fe80::1"       # fault: hosts["six"]
    "zero"       = "192.168.0.01"  # fault: hosts["zero"]
    "named"      = "localhost"     # fault: hosts["named"]
  }

  tags = {
    "good"    = ""
    "_sys_x"  = "1"      # fault: tags["_sys_x"]
    " leading" = "1"     # fault: tags[" leading"]
    "a/b"     = "1"      # fault: tags["a/b"]
    "comma"   = "a,b"    # fault: tags["comma"]
  }
}

resource "dli_enhanced_connection" "empty" {
  name            = ""                                     # fault: name: "" is empty
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["123"]                                # fault: queues["123"]
}

resource "dli_enhanced_connection" "underscore" {
  name            = "größe"                                # fault: name: "größe" contains 'ö'
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["_q"]                                 # fault: queues["_q"]
}

resource "dli_enhanced_connection" "null" {
  name            = "null"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  queues          = ["q1", null]                           # fault: queues contains null
}
"#;

#[test]
fn each_error_is_reported_once_at_its_line() {
    let expected: BTreeMap<u64, &str> =
        (1..).zip(FAULTS.lines()).filter_map(|(line, text)| Some((line, text.split_once("# fault: ")?.1))).collect();
    assert!(expected.len() >= 15);
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure(FAULTS);
        let validated = workspace.run(&["validate", "-json"]).expect_code(1);
        let mut found = errors(&validated);
        found.sort();
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, expected.keys().copied().collect::<Vec<_>>(), "left: lines with an error\n{found:#?}");
        for (line, message) in &found {
            assert!(message.contains(expected[line]), "line {line}: missing {:?}:\n{message}", expected[line]);
            assert!(message.contains("DLI API Reference"), "line {line}: the source is missing:\n{message}");
        }
    });
}

#[test]
fn more_than_twenty_equal_errors_are_summarized() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure(
            r#"
resource "dli_enhanced_connection" "test" {
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  hosts           = { for number in range(1000) : "9bad${number}" => "192.168.0.1" }
}
"#,
        );
        let found = errors(&workspace.run(&["validate", "-json"]).expect_code(1));
        assert_eq!(found.len(), 21, "{found:#?}");
        assert_eq!(found.iter().filter(|(_, message)| message.contains("980 more")).count(), 1, "{found:#?}");
    });
}

/// An unknown value is not an error.
#[test]
fn unknown_values_pass_validation() {
    for_each_terraform(|terraform| {
        let workspace = Workspace::new(terraform);
        workspace.configure(
            r#"
variable "unknown" {}

resource "dli_enhanced_connection" "test" {
  name            = var.unknown
  dest_vpc_id     = var.unknown
  dest_network_id = var.unknown
  queues          = [var.unknown]
  routetable_id   = var.unknown
  hosts           = { "a" = var.unknown, (var.unknown) = "192.168.0.1" }
  tags            = { "a" = var.unknown }
}
"#,
        );
        workspace.run(&["validate", "-json"]).expect_code(0);
    });
}
