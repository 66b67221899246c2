//! One cause of several errors is explained once in a run.

use std::net::TcpListener;

use terraform_provider_dli::emulator::Fault;

use crate::acceptance::connection::connection;
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_one_terraform};

/// Six connections.
fn six() -> String {
    connection("count = 6").replace("= \"test\"", "= \"test${count.index}\"")
}

#[test]
fn advice_for_one_cause_is_given_once() {
    // Terraform may hide the warning of a plan check, so an error gives the advice again.
    for plan_checks in [false, true] {
        expect_one_advice(plan_checks);
    }
}

fn expect_one_advice(plan_checks: bool) {
    for_one_terraform(|terraform| {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let workspace = Workspace::new(terraform).with_provider(&format!(
            "provider \"dli\" {{\n  project_id = {PROJECT:?}\n  access_key = \"a\"\n  secret_key = \"b\"\n  \
             plan_checks = {plan_checks}\n  endpoints = {{ dli = \"http://127.0.0.1:{port}\" }}\n}}\n"
        ));
        workspace.configure(&six());
        let mut errors = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).diagnostics();
        errors.retain(|diagnostic| diagnostic.is_error);
        assert_eq!(errors.len(), 6, "{errors:#?}");
        let (explained, short): (Vec<_>, Vec<_>) = errors.iter().partition(|error| error.text.contains("What to do: "));
        assert_eq!((explained.len(), short.len()), (1, 5), "{errors:#?}");
        for error in short {
            for expected in
                ["Object: ", "Call: ", "connection refused", "Nothing was created.", "Another message of this run"]
            {
                assert!(error.text.contains(expected), "{expected}: {error:?}");
            }
            assert!(error.text.lines().count() <= 8, "{error:?}");
        }
    });
}

/// The error lists all sources of credentials.
#[test]
fn missing_credentials_are_explained_once() {
    for_one_terraform(|terraform| {
        let workspace = Workspace::new(terraform).with_provider(&format!(
            "provider \"dli\" {{\n  project_id = {PROJECT:?}\n  plan_checks = false\n  \
             endpoints = {{ dli = \"http://127.0.0.1:1\", metadata = \"http://127.0.0.1:1\" }}\n}}\n"
        ));
        workspace.configure(&six());
        let errors = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).diagnostics();
        assert_eq!(errors.len(), 6, "{errors:#?}");
        let mut lines: Vec<_> = errors.iter().map(|error| error.text.lines().count()).collect();
        lines.sort_unstable();
        assert!(lines[4] <= 7 && lines[5] > 7, "{errors:#?}");
    });
}

/// The service's message is part of the cause.
#[test]
fn each_cause_has_its_own_advice() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        for (name, message) in [("test0", "one"), ("test1", "two"), ("test2", "two")] {
            let fault = Fault::refuse("CreateEnhancedConnection", 400, "DLI.0001", message);
            cloud.emulator().inject(fault.containing(format!("{name:?}"))).expect("a valid fault");
        }
        let workspace = cloud.workspace_with(terraform, "plan_checks = false");
        workspace.configure(&six().replace("count = 6", "count = 3"));
        let errors = workspace.run(&["apply", "-auto-approve", "-json"]).expect_code(1).diagnostics();
        let explained = errors.iter().filter(|error| error.text.contains("What to do: ")).count();
        assert_eq!((errors.len(), explained), (3, 2), "{errors:#?}");
    });
}
