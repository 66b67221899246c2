//! Bindings that fail or time out: the apply ends at once, says why and how to continue, and the next apply completes
//! the same connection.

use std::time::{Duration, Instant};

use serde_json::json;
use terraform_provider_dli::dli::wire::{BINDING_ACTIVE, Connection};
use time::OffsetDateTime;

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Finished, Running, Workspace, for_each_terraform, for_one_terraform};

/// The longest time from the service's change to the end of the apply, including Terraform.
const MAX_DELAY: Duration = Duration::from_secs(2);
/// Longer than any test.
const NEVER: Duration = Duration::from_hours(1);

/// A connection and its only binding.
struct Case {
    name: &'static str,
    attribute: &'static str,
    /// The name of the binding at the service.
    binding: &'static str,
    /// The service's error message for the binding.
    err_msg: &'static str,
    /// The cause that the error text must give, from the user guide.
    cause: &'static str,
}

/// The messages are from the documents and from user reports.
const CASES: [Case; 3] = [
    Case {
        name: "queue",
        attribute: r#"queues = ["q1"]"#,
        binding: "q1",
        err_msg: "CIDR conflict with the VPC",
        cause: "overlaps",
    },
    Case {
        name: "pool",
        attribute: r#"elastic_resource_pools = ["pool2"]"#,
        binding: "pool2",
        err_msg: "Failed to get subnet 86ddcf50-233a-449d-9811-cfef2f603213",
        cause: "DLI Datasource Connections Agency Access",
    },
    Case {
        name: "pooled",
        attribute: r#"queues = ["pooled1"]"#,
        binding: "pool1",
        err_msg: "Create peering failed",
        cause: "5 to 10 minutes",
    },
];

impl Case {
    fn address(&self) -> String {
        format!("dli_enhanced_connection.{}", self.name)
    }

    #[track_caller]
    fn connection(&self, cloud: &Cloud) -> Connection {
        let found = cloud.connections().into_iter().find(|connection| connection.name == self.name);
        found.unwrap_or_else(|| panic!("there is no connection {}", self.name))
    }

    /// Whether this binding, and no other, is ACTIVE.
    fn is_bound(&self, cloud: &Cloud) -> bool {
        let connection = self.connection(cloud);
        let bindings: Vec<_> =
            connection.available_queue_info.iter().chain(&connection.elastic_resource_pools).collect();
        matches!(bindings[..], [only] if only.name == self.binding && only.has_status(BINDING_ACTIVE))
    }
}

/// The connections of all cases, with or without their bindings.
fn configuration(bound: bool) -> String {
    let one = |case: &Case| {
        let attribute = if bound { case.attribute } else { "" };
        let bare = connection(attribute).replace("\"test\" {", &format!("\"{}\" {{", case.name));
        bare.replace("= \"test\"", &format!("= {:?}", case.name))
    };
    CASES.iter().map(one).collect()
}

fn actions_for_all(action: &'static str) -> Vec<(String, &'static str)> {
    CASES.iter().map(|case| (case.address(), action)).collect()
}

#[track_caller]
fn step(workspace: &Workspace, configuration: &str, action: &'static str) {
    let actions = actions_for_all(action);
    let actions: Vec<_> = actions.iter().map(|(address, action)| (address.as_str(), *action)).collect();
    workspace.step(configuration, &actions);
}

/// The number of times this connection was read.
fn read_count(cloud: &Cloud, id: &str) -> usize {
    let is_read_of = |path: &str| path.ends_with(&format!("/enhanced-connections/{id}"));
    cloud.requests().iter().filter(|request| request.method == "GET" && is_read_of(&request.path)).count()
}

/// Waits until an apply waits for its bindings, lets all of them fail, and requires that the apply ends in time.
#[track_caller]
fn fail_all(cloud: &Cloud, applying: Running) -> Finished {
    let bound = |case: &Case| {
        let found = cloud.connections().into_iter().find(|connection| connection.name == case.name);
        found.filter(|found| !found.available_queue_info.is_empty() || !found.elastic_resource_pools.is_empty())
    };
    applying.wait_for("all bindings are being created", || CASES.iter().all(|case| bound(case).is_some()));
    let before: Vec<_> = CASES.iter().map(|case| read_count(cloud, &case.connection(cloud).id)).collect();
    let are_read_again =
        || CASES.iter().zip(&before).all(|(case, before)| read_count(cloud, &case.connection(cloud).id) > *before);
    applying.wait_for("all connections are read", are_read_again);

    for case in &CASES {
        let id = case.connection(cloud).id;
        cloud.edit(|account| account.set_binding_result(&id, case.binding, Some(case.err_msg)));
    }
    let (failed, failed_at) = (Instant::now(), OffsetDateTime::now_utc());
    let applied = applying.wait_at_most(Duration::from_mins(1)).expect_code(1);
    let total = failed.elapsed();
    let last = cloud.requests().last().expect("at least one request").at - failed_at;
    #[expect(clippy::print_stdout, reason = "shows the measured delay")]
    {
        println!("the provider ended {last:.3} after the failure, and Terraform ended after {total:.3?}");
    }
    assert!(last < MAX_DELAY, "the last request came {last} after the failure");
    // Terraform writes its state and stops the provider, which takes longer while other tests run.
    assert!(total < MAX_DELAY + Duration::from_secs(1), "Terraform ended {total:?} after the failure");
    applied
}

/// Requires that each error contains the binding, the service's message, the cause and the next step.
#[track_caller]
fn expect_errors(applied: &Finished, next: &str) {
    for case in &CASES {
        let error = applied.error_of(&case.address());
        for expected in ["Binding Failed", case.name, case.binding, case.err_msg, case.cause, next] {
            assert!(error.contains(expected), "{}: missing {expected:?}:\n{error}", case.name);
        }
    }
}

#[test]
fn failed_binding_on_create_can_be_untainted() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&configuration(true));
        cloud.emulator().set_binding_delay(NEVER);
        let applied = fail_all(&cloud, workspace.start(&["apply", "-json", "-auto-approve"]));
        expect_errors(&applied, "terraform untaint");
        let ids: Vec<_> = CASES.iter().map(|case| case.connection(&cloud).id).collect();
        for (case, id) in CASES.iter().zip(&ids) {
            let state = workspace.state(&case.address());
            assert_eq!(state["id"], *id);
            // The state lists the binding under the declared queue, not under its pool.
            let name = if case.name == "pooled" { "pooled1" } else { case.binding };
            assert_eq!(state["bindings"][name]["error"], case.err_msg);
        }
        let tainted = workspace.plan().0.to_string();
        assert_eq!(tainted.matches("\"replace_because_tainted\"").count(), CASES.len(), "tainted by Terraform");

        cloud.emulator().set_binding_delay(Duration::ZERO);
        for case in &CASES {
            workspace.run(&["untaint", &case.address()]).expect_code(0);
        }
        step(&workspace, &configuration(true), "update");
        for (case, id) in CASES.iter().zip(&ids) {
            assert_eq!(case.connection(&cloud).id, *id, "it is the same connection");
            assert!(case.is_bound(&cloud), "{:#?}", case.connection(&cloud));
        }
        assert_eq!(cloud.changes().iter().filter(|change| *change == "POST").count(), CASES.len(), "created once each");
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn failed_binding_on_update_is_retried() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        step(&workspace, &configuration(false), "create");
        let ids: Vec<_> = CASES.iter().map(|case| case.connection(&cloud).id).collect();
        workspace.configure(&configuration(true));
        cloud.emulator().set_binding_delay(NEVER);
        let applied = fail_all(&cloud, workspace.start(&["apply", "-json", "-auto-approve"]));
        expect_errors(&applied, "apply again");
        assert!(!applied.stdout.contains("untaint"), "{applied}");

        cloud.emulator().set_binding_delay(Duration::ZERO);
        step(&workspace, &configuration(true), "update");
        for (case, id) in CASES.iter().zip(&ids) {
            assert_eq!(case.connection(&cloud).id, *id, "it is the same connection");
            assert!(case.is_bound(&cloud), "{:#?}", case.connection(&cloud));
        }
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The bindings become active after the failed apply, so only the taint is left to remove.
#[test]
fn binding_timeout_names_the_binding() {
    let bound = |timeout: &str| connection(&format!("queues = [\"q1\"]\n  timeouts {{\n    {timeout}\n  }}"));
    // The wait is the same with every Terraform version.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        for (timeout, on_create) in [("create = \"3s\"", true), ("update = \"2s\"", false)] {
            cloud.emulator().set_binding_delay(NEVER);
            if !on_create {
                workspace.step(&connection(""), CREATE);
            }
            workspace.configure(&bound(timeout));
            let applying = workspace.start(&["apply", "-json", "-auto-approve"]);
            let is_bound = || cloud.connections().iter().any(|shown| !shown.available_queue_info.is_empty());
            applying.wait_for("the binding is being created", is_bound);
            let began = Instant::now();
            let applied = applying.wait_at_most(Duration::from_secs(20)).expect_code(1);
            assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
            let error = applied.error_of(ADDRESS);
            let limit = if on_create { "3s" } else { "2s" };
            for expected in ["Timed Out", "q1", "CREATING", limit, "timeouts"] {
                assert!(error.contains(expected), "missing {expected:?}:\n{error}");
            }
            let id = cloud.connection().id;
            assert_eq!(workspace.state(ADDRESS)["queues"], json!(["q1"]));

            cloud.edit(|account| account.set_binding_result(&id, "q1", None));
            if on_create {
                workspace.run(&["untaint", ADDRESS]).expect_code(0);
            }
            workspace.expect_no_changes();
            assert_eq!(cloud.connection().id, id);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}

/// Without waiting, a failed binding does not fail the apply, but is a warning in that apply and in the next plan.
#[test]
fn failed_binding_without_waiting_is_a_warning() {
    let configuration = connection("queues = [\"q1\"]\n  wait_for_bindings = false");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&configuration);
        cloud.emulator().set_binding_outcome("q1", Some("CIDR conflict with the VPC"));
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0);
        let planned = workspace.run(&["plan", "-json", "-detailed-exitcode"]).expect_code(2);
        for diagnostics in [applied.diagnostics(), planned.diagnostics()] {
            let words = ["Binding Failed", "q1", "CIDR conflict with the VPC", "overlaps"];
            assert!(diagnostics.len() == 1 && !diagnostics[0].is_error, "one warning: {diagnostics:#?}");
            assert!(words.iter().all(|expected| diagnostics[0].text.contains(expected)), "{diagnostics:#?}");
        }
        cloud.emulator().set_binding_outcome("q1", None);
        workspace.step(&configuration, UPDATE);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The plan does not warn about a binding that the apply recreates: Terraform would repeat the warning after the apply.
#[test]
fn recreated_binding_is_not_reported() {
    const APPLY: [&str; 3] = ["apply", "-json", "-auto-approve"];
    const REASON: &str = "CIDR conflict with the VPC";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        // For the second queue, the service lists the pool.
        workspace.configure(&connection("queues = [\"q1\", \"pooled1\"]"));
        let fail_all = |id: &str| {
            for name in ["q1", "pool1"] {
                cloud.edit(|account| account.set_binding_result(id, name, Some(REASON)));
            }
        };
        let set_outcome = |reason| {
            for name in ["q1", "pool1"] {
                cloud.emulator().set_binding_outcome(name, reason);
            }
        };
        set_outcome(Some(REASON));
        workspace.run(&APPLY).expect_code(1);
        set_outcome(None);
        workspace.run(&["untaint", ADDRESS]).expect_code(0);
        let id = cloud.connection().id;
        workspace.run(&APPLY).expect_code(0).expect_no_diagnostics();
        assert_eq!(cloud.connection().id, id);

        fail_all(&id);
        workspace.run(&APPLY).expect_code(0).expect_no_diagnostics();
        fail_all(&id);
        workspace.run(&["taint", ADDRESS]).expect_code(0);
        workspace.run(&APPLY).expect_code(0).expect_no_diagnostics();
        let id = cloud.connection().id;
        fail_all(&id);
        let replace = format!("-replace={ADDRESS}");
        workspace.run(&[&APPLY[..], &[&replace]].concat()).expect_code(0).expect_no_diagnostics();
        assert_ne!(cloud.connection().id, id);

        // The plan does not recreate the failed binding, because of ignore_changes.
        let id = cloud.connection().id;
        cloud.edit(|account| account.set_binding_result(&id, "q1", Some(REASON)));
        workspace.configure(&connection(
            "queues = [\"q1\", \"pooled1\"]\n  lifecycle {\n    ignore_changes = [queues]\n  }",
        ));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0).diagnostics();
        assert!(planned.len() == 1 && planned[0].text.contains(REASON), "{planned:#?}");
    });
}

/// Only the wait was interrupted: the state is complete and not tainted.
#[test]
fn interrupt_ends_the_wait_with_complete_state() {
    let configuration = connection("queues = [\"q1\"]\n  hosts = { a = \"10.0.0.1\" }");
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&configuration);
        cloud.emulator().set_binding_delay(NEVER);
        let applying = workspace.start(&["apply", "-auto-approve"]);
        let was_read = || cloud.connections().first().is_some_and(|found| read_count(&cloud, &found.id) > 0);
        applying.wait_for("the connection is read", was_read);
        applying.signal_group("INT");
        let applied = applying.wait_at_most(Duration::from_secs(3));
        assert!(applied.status.code().is_some(), "Terraform ends by itself:\n{applied}");
        let (state, id) = (workspace.state(ADDRESS), cloud.connection().id);
        assert_eq!(
            (&state["id"], &state["queues"], &state["hosts"]),
            (&json!(id), &json!(["q1"]), &json!({ "a": "10.0.0.1" })),
            "{applied}"
        );
        cloud.edit(|account| account.set_binding_result(&id, "q1", None));
        workspace.expect_no_changes();
        workspace.destroy();
        cloud.expect_empty();
    });
}
