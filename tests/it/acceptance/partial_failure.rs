//! Partial failures: the state holds what was done, the next apply does the rest, and transient failures are not
//! visible.

use std::collections::BTreeMap;

use serde_json::json;
use terraform_provider_dli::emulator::{Fault, FaultKind};

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Workspace, for_one_terraform};
use super::terraform::Terraform;

const ADD_ROUTE: &str = "CreateRouteToEnhancedConnection";

const FIVE: &str = r#"routes = {
    r1 = "10.1.0.0/16"
    r2 = "10.2.0.0/16"
    r3 = "10.3.0.0/16"
    r4 = "10.4.0.0/16"
    r5 = "10.5.0.0/16"
  }"#;

/// The routes at the service.
fn routes(cloud: &Cloud) -> BTreeMap<String, String> {
    cloud.connection().routes.into_iter().map(|route| (route.name, route.cidr)).collect()
}

/// The number of completed requests of an operation whose path or body contains this text.
fn completed_count(cloud: &Cloud, operation: &str, text: &str) -> usize {
    let requests = cloud.requests();
    let of_it = requests.iter().filter(|request| request.operation == Some(operation) && request.status < 300);
    of_it.filter(|request| request.path.contains(text) || String::from_utf8_lossy(&request.body).contains(text)).count()
}

/// The third of five routes is rejected until the fault is cleared.
#[track_caller]
fn reject_third_route(terraform: &Terraform, on_create: bool) {
    let cloud = Cloud::start();
    let workspace = cloud.workspace(terraform);
    if !on_create {
        workspace.step(&connection(""), CREATE);
    }
    let refused = Fault::refuse(ADD_ROUTE, 400, "DLI.0009", "The quota of routes is used up").containing("\"r3\"");
    cloud.emulator().inject(refused).expect("a valid fault");
    workspace.configure(&connection(FIVE));
    let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
    let error = applied.error_of(ADDRESS);
    let (holds, go_on) =
        if on_create { ("is in the state", "terraform untaint") } else { ("The state contains", "apply again") };
    for expected in [": Route r3", "DLI.0009", "The quota of routes is used up", holds, go_on] {
        assert!(error.contains(expected), "missing {expected:?}:\n{error}");
    }
    let there = json!({ "r1": "10.1.0.0/16", "r2": "10.2.0.0/16" });
    let (state, id) = (workspace.state(ADDRESS), cloud.connection().id);
    assert_eq!((&state["id"], &state["routes"]), (&json!(id), &there));
    assert_eq!(json!(routes(&cloud)), there);

    cloud.emulator().clear_faults();
    if on_create {
        workspace.run(&["untaint", ADDRESS]).expect_code(0);
    }
    let plan = workspace.step(&connection(FIVE), UPDATE);
    plan.expect_changed(ADDRESS, &["routes[\"r3\"]", "routes[\"r4\"]", "routes[\"r5\"]"]);
    assert_eq!((cloud.connection().id, routes(&cloud).len()), (id, 5));
    assert_eq!(completed_count(&cloud, "CreateEnhancedConnection", ""), 1, "created once in total");
    for name in ["r1", "r2", "r3", "r4", "r5"] {
        assert_eq!(completed_count(&cloud, ADD_ROUTE, &format!("{name:?}")), 1, "{name} was added once");
    }
    workspace.destroy();
    cloud.expect_empty();
}

#[test]
fn rejected_route_on_create_keeps_earlier_routes() {
    for_one_terraform(|terraform| reject_third_route(terraform, true));
}

#[test]
fn rejected_route_on_update_keeps_earlier_routes() {
    for_one_terraform(|terraform| reject_third_route(terraform, false));
}

/// Applies without errors or warnings, and requires an empty plan afterwards.
#[track_caller]
fn apply_without_diagnostics(workspace: &Workspace, configuration: &str) {
    workspace.configure(configuration);
    workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(0).expect_no_diagnostics();
    workspace.expect_no_changes();
}

/// Each transient fault meets each kind of write. A lost response is the hardest: the write was applied, and repeating
/// it would fail.
#[test]
fn transient_failures_are_retried_silently() {
    let before = format!(
        "{FIVE}\n  queues = [\"q1\"]\n  hosts = {{ a = \"10.0.0.1\" }}\n  tags = {{ kept = \"1\", old = \"1\" }}"
    );
    let after = before
        .replace("r1 = \"10.1", "r1 = \"10.11")
        .replace("r2 = ", "new = ")
        .replace("q1", "q2")
        .replace("10.0.0.1", "10.0.0.2")
        .replace("old", "new");
    let lost = |operation: &str| Fault::new(operation, FaultKind::LoseAnswer);
    // Terraform is not involved in retries.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let inject = |fault: Fault| cloud.emulator().inject(fault).expect("a valid fault");
        inject(Fault::throttle("CreateEnhancedConnection").times(1));
        inject(Fault::refuse(ADD_ROUTE, 500, "DLI.0999", "Internal error").containing("\"r1\"").times(2));
        inject(Fault::throttle(ADD_ROUTE).containing("\"r2\"").times(2));
        inject(Fault::refuse(ADD_ROUTE, 400, "DLI.0999", "Internal error").containing("\"r3\"").times(1));
        inject(lost(ADD_ROUTE).containing("\"r4\"").times(1));
        inject(Fault::refuse("ShowEnhancedConnection", 503, "APIGW.0201", "Backend unavailable").times(1));
        apply_without_diagnostics(&workspace, &connection(&before));
        let id = cloud.connection().id;
        assert_eq!((routes(&cloud).len(), completed_count(&cloud, ADD_ROUTE, "")), (5, 5));

        for operation in [
            ADD_ROUTE,
            "DeleteRouteFromEnhancedConnection",
            "AssociateQueueToEnhancedConnection",
            "DisassociateQueueFromEnhancedConnection",
            "UpdateEnhancedConnection",
            "BatchCreateResourceTags",
            "BatchDeleteResourceTags",
        ] {
            inject(lost(operation).times(1));
        }
        apply_without_diagnostics(&workspace, &connection(&after));
        let shown = cloud.connection();
        assert_eq!(
            (shown.id, shown.hosts[0].ip.as_str(), &*shown.available_queue_info[0].name),
            (id, "10.0.0.2", "q2")
        );
        assert_eq!(json!(cloud.tags()), json!({ "kept": "1", "new": "1" }));
        let routes = routes(&cloud);
        assert_eq!((routes.get("r1").map(String::as_str), routes.get("r2")), (Some("10.11.0.0/16"), None));
        assert_eq!(routes.get("new").map(String::as_str), Some("10.2.0.0/16"));
        assert_eq!(completed_count(&cloud, ADD_ROUTE, ""), 7, "none was added twice");
        assert_eq!(completed_count(&cloud, "DeleteRouteFromEnhancedConnection", ""), 2, "none was removed twice");
        assert_eq!(completed_count(&cloud, "CreateEnhancedConnection", ""), 1);

        inject(lost("DeleteEnhancedConnection").times(1));
        workspace.run(&["destroy", "-json", "-auto-approve"]).expect_code(0).expect_no_diagnostics();
        cloud.expect_empty();
    });
}
