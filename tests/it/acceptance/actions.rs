//! The action `dli_connectivity_test`: by trigger and by `-invoke`.

use std::time::Duration;

use terraform_provider_dli::emulator::{Fault, FaultKind};

use super::connection::{ADDRESS, CREATE};
use super::harness::{Cloud, Workspace, errors, for_one_terraform_since_1_14};

const INVOKE: &str = "-invoke=action.dli_connectivity_test.it";
/// Longer than any test.
const NEVER: Duration = Duration::from_hours(1);

fn action(arguments: &str) -> String {
    format!("action \"dli_connectivity_test\" \"it\" {{\n  config {{\n    queue = \"q1\"\n    {arguments}\n  }}\n}}\n")
}

/// A connection that invokes the action after its creation.
fn triggered(attributes: &str, arguments: &str) -> String {
    let trigger = "lifecycle {\n    action_trigger {\n      events  = [after_create]\n      actions = \
                   [action.dli_connectivity_test.it]\n    }\n  }";
    super::connection::connection(&format!("queues = [\"q1\"]\n  {attributes}\n  {trigger}")) + &action(arguments)
}

/// A bound queue without an action, so that a later command can invoke it.
fn bound(cloud: &Cloud, workspace: &Workspace, arguments: &str) {
    let connection = super::connection::connection("queues = [\"q1\"]\n  hosts = { db = \"192.168.0.31\" }");
    workspace.step(&connection, CREATE);
    workspace.configure(&(connection + &action(arguments)));
    assert_eq!(cloud.connections().len(), 1);
}

/// Terraform wraps errors at the width of a terminal.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn created_connection_is_tested() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        // The second address is known only after the create.
        let addresses = format!("addresses = [\"db:3306\", \"192.168.0.31:${{length({ADDRESS}.id)}}\", \"db:3306\"]");
        workspace.configure(&triggered("hosts = { db = \"192.168.0.31\" }", &addresses));
        let planned = workspace.save_plan();
        assert!(planned.stdout.contains("Actions: 1 to invoke"), "{planned}");
        let applied = workspace.apply();
        for line in ["Testing 2 addresses from queue \"q1\"", "db:3306 is reachable, 192.168.0.31:36 is reachable (0s)"]
        {
            assert!(applied.stdout.contains(line), "{applied}\nexpected {line}");
        }
        let started =
            cloud.requests().into_iter().filter(|request| request.operation == Some("CreateConnectivityTask"));
        assert_eq!(started.count(), 2, "a repeated address is tested once");
    });
}

#[test]
fn unreachable_addresses_fail_the_apply_but_keep_the_connection() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let addresses = "addresses = [\"db:3306\", \"192.168.0.31:22\", \"cache:6379\"]";
        workspace.configure(&triggered("", addresses));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert_eq!(applied.stderr.matches("Error: ").count(), 1, "{applied}");
        let error = unwrapped(&applied.stderr);
        for text in [
            "Addresses Not Reachable",
            "Queue \"q1\" does not reach 2 of 3 addresses: - db:3306: UNREACHABLE - cache:6379: UNREACHABLE Usual",
        ] {
            assert!(error.contains(text), "{error}\nexpected {text}");
        }
        assert_eq!(workspace.state(ADDRESS)["id"], cloud.connection().id);
        workspace.expect_no_changes();

        let invoked = workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(1);
        assert!(unwrapped(&invoked.stderr).contains("does not reach 2 of 3 addresses"), "{invoked}");
        workspace.configure(&triggered("hosts = { db = \"192.168.0.31\", cache = \"192.168.0.32\" }", addresses));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(0);
    });
}

#[test]
fn rejected_test_is_listed_with_the_others() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        bound(&cloud, &workspace, "addresses = [\"cache:6379\", \"db:3306\", \"192.168.0.31:22\"]");
        cloud.fault("CreateConnectivityTask:refuse=400,DLI.0001,The address is not allowed containing 192.168.0.31");
        let invoked = workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(1);
        let error = unwrapped(&invoked.stderr);
        let lines = "does not reach 2 of 3 addresses: - cache:6379: UNREACHABLE - 192.168.0.31:22: HTTP 400 Bad Request, \
                     DLI.0001: The address is not allowed";
        assert!(error.contains(lines), "{error}");
    });
}

#[test]
fn each_poll_reports_progress() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        bound(&cloud, &workspace, "addresses = [\"db:3306\", \"[2001:db8::1]:443\"]");
        cloud.emulator().set_connectivity_delay(NEVER);
        let invoking = workspace.start(&["apply", "-auto-approve", INVOKE]);
        invoking.wait_for_output("2 addresses without a result yet (0s)");
        cloud.emulator().advance(NEVER);
        let invoked = invoking.wait().expect_code(0);
        assert!(invoked.stdout.contains("db:3306 is reachable, [2001:db8::1]:443 is reachable (2s)"), "{invoked}");
    });
}

#[test]
fn test_without_a_result_ends_at_its_timeout() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        bound(&cloud, &workspace, "addresses = [\"db:3306\"]\n    timeout = \"300ms\"");
        cloud.emulator().set_connectivity_delay(NEVER);
        let invoked = workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(1);
        let error = unwrapped(&invoked.stderr);
        for text in [
            "No Result in Time",
            "The service returned no result within 300ms for 1 of 1 address tested from queue \"q1\": - db:3306",
            "What to do: Raise timeout, and invoke the action again",
        ] {
            assert!(error.contains(text), "{error}\nexpected {text}");
        }
        assert!(!error.contains("does not reach") && !error.contains("Usual causes"), "{error}");
    });
}

/// The emulator delays the result of the second test only.
#[test]
fn missing_results_and_unreachable_addresses_are_listed() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        bound(&cloud, &workspace, "addresses = [\"cache:6379\", \"db:3306\"]\n    timeout = \"3s\"");
        let late = Fault::new("ShowConnectivityTask", FaultKind::Delay { at_least: NEVER, at_most: NEVER });
        cloud.emulator().inject(late.containing("connection-test/2")).expect("a valid fault");
        let invoked = workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(1);
        let error = unwrapped(&invoked.stderr);
        for text in [
            "Address Not Reachable",
            "Queue \"q1\" does not reach 1 of 2 addresses: - cache:6379: UNREACHABLE The service",
            "The service returned no result within 3s for 1 of 2 addresses tested from queue \"q1\": - db:3306",
            "Usual causes",
            "What to do: Correct the cause, raise timeout, and invoke the action again",
        ] {
            assert!(error.contains(text), "{error}\nexpected {text}");
        }
    });
}

#[test]
fn interrupted_test_ends_at_once() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        bound(&cloud, &workspace, "addresses = [\"db:3306\"]");
        cloud.emulator().set_connectivity_delay(NEVER);
        let invoking = workspace.start(&["apply", "-auto-approve", INVOKE]);
        invoking.wait_for_output("1 address without a result yet");
        invoking.signal_group("INT");
        let invoked = invoking.wait_at_most(Duration::from_secs(5)).expect_code(1);
        assert!(invoked.stderr.contains("Interrupted: Could Not Test the Connectivity"), "{invoked}");
    });
}

#[test]
fn invalid_configuration_is_rejected_offline() {
    for_one_terraform_since_1_14(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        for (arguments, line, expected) in [
            ("addresses = [\"db\"]", 4, "addresses[0]: \"db\" is not HOST:PORT"),
            ("addresses = []", 4, "addresses is empty"),
            ("addresses = [\"db:1\"]\n    timeout = \"soon\"", 5, "timeout is \"soon\""),
            ("addresses = [\"db:1\"]\n    project_id = \"a/b\"", 5, "project_id"),
        ] {
            workspace.configure(&action(arguments));
            let found = errors(&workspace.run(&["validate", "-json"]));
            assert!(matches!(&found[..], [(at, text)] if *at == line && text.contains(expected)), "{found:?}");
        }
        assert_eq!(cloud.requests().len(), 0);
        workspace.configure(&action("addresses = [\"db:1\"]").replace("\"q1\"", "\"missing\""));
        let invoked = workspace.run(&["apply", "-auto-approve", INVOKE]).expect_code(1);
        let error = unwrapped(&invoked.stderr);
        assert!(error.contains("Could Not Test the Connectivity") && error.contains("queue \"missing\""), "{error}");
        assert!(error.contains("Correct queue, region or project_id") && !error.contains("re-create"), "{error}");
    });
}
