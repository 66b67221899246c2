//! Requests that the service rejects: its message is shown, and the state holds exactly what was done.

use serde_json::json;

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, for_one_terraform};

/// Without plan checks, so that the service rejects the request instead of the plan.
const UNCHECKED: &str = "plan_checks = false";

#[test]
fn rejected_create_leaves_nothing() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, UNCHECKED);
        workspace.configure(&connection("queues = [\"shared1\"]"));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        let refused = cloud.requests().pop().expect("a sent request");
        let code = refused.code.expect("a rejected request");
        let wanted =
            ["Could Not Create the Enhanced Connection", &code, "shared1", &refused.request_id, "Nothing was created"];
        for expected in wanted {
            assert!(applied.stderr.contains(expected), "missing {expected}:\n{applied}");
        }
        assert_eq!(workspace.find_state(ADDRESS), None);
        cloud.expect_empty();
    });
}

/// One queue is unbound before the service rejects the other binding; independent changes are still made.
#[test]
fn partly_failed_update_is_resumed() {
    let before = "queues = [\"q1\"]\n  hosts = { \"a\" = \"10.0.0.1\" }";
    let after = "queues = [\"shared1\"]\n  hosts = { \"a\" = \"10.0.0.2\" }";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, UNCHECKED);
        workspace.step(&connection(before), CREATE);
        let id = cloud.connection().id;
        workspace.configure(&connection(after));
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(applied.stderr.contains("Queues and Elastic Resource Pools"), "{applied}");
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["queues"], &state["hosts"]), (&json!([]), &json!({ "a": "10.0.0.2" })));
        assert_eq!(state["id"], id, "neither removed nor tainted");

        let mended = workspace.step(&connection(&after.replace("shared1", "q2")), UPDATE);
        mended.expect_changed(ADDRESS, &["bindings[\"q2\"]", "queues"]);
        let bound: Vec<_> = cloud.connection().available_queue_info.into_iter().map(|queue| queue.name).collect();
        assert_eq!(bound, ["q2"]);
        assert_eq!(cloud.connection().id, id);
        workspace.destroy();
        cloud.expect_empty();
    });
}
