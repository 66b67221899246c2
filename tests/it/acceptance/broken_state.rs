//! Damaged states: edited by hand, or written by a newer version. Each is a clear error that changes nothing at the
//! service.

use std::fs;

use serde_json::{Value, json};

use super::connection::{ADDRESS, CREATE, connection};
use super::harness::{Cloud, Workspace, for_one_terraform};

const STATE: &str = "terraform.tfstate";

/// Changes the only instance in the state file.
fn edit_state(workspace: &Workspace, change: impl FnOnce(&mut Value)) {
    let path = workspace.path().join(STATE);
    let mut state: Value =
        serde_json::from_slice(&fs::read(&path).expect("written by the apply")).expect("Terraform writes JSON");
    change(&mut state["resources"][0]["instances"][0]);
    fs::write(path, state.to_string()).expect("a writable directory");
}

fn cloud_with_connection(workspace: impl FnOnce(&Cloud) -> Workspace) -> (Cloud, Workspace) {
    let cloud = Cloud::start();
    let workspace = workspace(&cloud);
    workspace.step(&connection("hosts = { a = \"10.0.0.1\" }\n  queues = [\"q1\"]"), CREATE);
    (cloud, workspace)
}

/// Each case is an attribute, its value in the state, and a text that the error must contain.
#[test]
fn state_that_violates_the_schema_is_rejected() {
    for_one_terraform(|terraform| {
        let (cloud, workspace) = cloud_with_connection(|cloud| cloud.workspace(terraform));
        let good = fs::read(workspace.path().join(STATE)).expect("written by the apply");
        let before = cloud.changes().len();
        let cases: [(&str, Value, &str); 8] = [
            ("hosts", json!(7), "hosts"),
            ("hosts", json!({ "a": ["10.0.0.1"] }), "hosts"),
            ("queues", json!("q1"), "queues"),
            ("wait_for_bindings", json!("perhaps"), "wait_for_bindings"),
            ("bindings", json!([1]), "bindings"),
            // Null has the right type, but a required attribute is never null.
            ("name", json!(null), "Damaged State"),
            ("queues", json!([null]), "Damaged State"),
            // Terraform drops this one and the destroy succeeds, so it is the last case.
            ("no_such_attribute", json!(1), "no_such_attribute"),
        ];
        for (attribute, value, expected) in cases {
            fs::write(workspace.path().join(STATE), &good).expect("a writable directory");
            edit_state(&workspace, |instance| instance["attributes"][attribute] = value.clone());
            for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"]] {
                let refused = workspace.run(arguments);
                // Some Terraform versions drop an attribute that is not in the schema.
                if attribute == "no_such_attribute" && refused.status.success() {
                    continue;
                }
                let refused = refused.expect_code(1);
                assert!(refused.stderr.contains(expected), "{attribute} = {value}: {refused}");
                assert!(!refused.stderr.contains("panic"), "{refused}");
                assert!(!refused.stderr.contains("Bug in the Provider"), "{refused}");
            }
            if attribute != "no_such_attribute" {
                assert_eq!(cloud.changes().len(), before, "{attribute} = {value}");
            }
        }
    });
}

/// IDs that fit the schema but are malformed.
#[test]
fn malformed_id_in_state_is_an_error() {
    for_one_terraform(|terraform| {
        let (cloud, workspace) = cloud_with_connection(|cloud| cloud.workspace(terraform));
        let good = fs::read(workspace.path().join(STATE)).expect("written by the apply");
        let before = cloud.changes().len();
        for id in [json!(null), json!(""), json!("../queues"), json!("a b"), json!("name:test")] {
            fs::write(workspace.path().join(STATE), &good).expect("a writable directory");
            edit_state(&workspace, |instance| instance["attributes"]["id"] = id.clone());
            for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"]] {
                let refused = workspace.run(arguments).expect_code(1);
                // Terraform wraps lines.
                let error_text = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
                for expected in
                    ["Invalid Connection ID in the State", "Nothing was sent", "terraform import ADDRESS ID"]
                {
                    assert!(error_text.contains(expected), "{id}: missing {expected:?}: {refused}");
                }
            }
            assert_eq!(cloud.changes().len(), before, "{id}");
        }
    });
}

/// A valid ID of another connection, which must not be changed or deleted.
#[test]
fn foreign_id_in_state_is_an_error() {
    for_one_terraform(|terraform| {
        let (cloud, workspace) = cloud_with_connection(|cloud| cloud.workspace(terraform));
        let ours = cloud.connection().id;
        let other = cloud.edit(|account| {
            account.create(terraform_provider_dli::dli::wire::CreateConnection {
                name: "theirs".into(),
                dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".into(),
                dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".into(),
                ..Default::default()
            })
        });
        let before = cloud.changes().len();
        edit_state(&workspace, |instance| instance["attributes"]["id"] = json!(other));
        let (plan, apply, destroy) =
            (&["plan"][..], &["apply", "-auto-approve"][..], &["destroy", "-auto-approve"][..]);
        for arguments in [plan, apply, destroy, &["destroy", "-auto-approve", "-refresh=false"]] {
            let refused = workspace.run(arguments).expect_code(1);
            let error_text = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let by_name = ["The State Names Another Connection", &other, "\"theirs\"", "Nothing was changed"];
            // Terraform with resource identities sends the identity in the state, before any read.
            let by_identity = ["Identity Changed", &other, &ours, "terraform state rm ADDRESS"];
            let expected = if error_text.contains(by_identity[0]) { by_identity } else { by_name };
            for expected in expected {
                assert!(error_text.contains(expected), "missing {expected:?}: {refused}");
            }
        }
        assert_eq!((cloud.changes().len(), cloud.connections().len()), (before, 2));
    });
}

#[test]
fn state_of_a_newer_version_is_rejected() {
    for_one_terraform(|terraform| {
        let (cloud, workspace) = cloud_with_connection(|cloud| cloud.workspace(terraform));
        let before = cloud.changes().len();
        edit_state(&workspace, |instance| instance["schema_version"] = json!(99));
        let text = fs::read_to_string(workspace.path().join(STATE)).expect("it exists");
        for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"]] {
            let refused = workspace.run(arguments).expect_code(1);
            for expected in [ADDRESS, "newer"] {
                assert!(refused.stderr.contains(expected), "missing {expected:?}: {refused}");
            }
        }
        assert_eq!(fs::read_to_string(workspace.path().join(STATE)).expect("it exists"), text);
        assert_eq!(cloud.changes().len(), before);
    });
}

/// Private state is not trusted either.
#[test]
fn malformed_private_state_is_harmless() {
    for_one_terraform(|terraform| {
        let (_cloud, workspace) = cloud_with_connection(|cloud| cloud.workspace(terraform));
        for private in ["!!!", "AAAA", "eyJpbXBvcnRlZCI6"] {
            edit_state(&workspace, |instance| instance["private"] = json!(private));
            let planned = workspace.run(&["plan", "-detailed-exitcode"]);
            // Terraform itself rejects text that is not Base64.
            assert!(matches!(planned.status.code(), Some(0 | 1)), "{planned}");
            assert!(!planned.stderr.contains("panic"), "{planned}");
        }
    });
}
