//! A binding that is still being created delays the deletion, and unchanged bindings stay known in the plan.

use std::sync::Arc;
use std::time::Duration;

use terraform_provider_dli::emulator::{ManualClock, Settings};
use time::OffsetDateTime;

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, for_each_terraform, for_one_terraform};

/// The service rejects the deletion of a connection that is still being created; the provider waits.
#[test]
fn creating_binding_delays_delete() {
    let delay = Duration::from_mins(1);
    for_one_terraform(|terraform| {
        let clock = Arc::new(ManualClock::new(OffsetDateTime::now_utc()));
        let cloud = Cloud::start_with(Settings { binding_delay: delay, clock: clock.clone(), ..Settings::default() });
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\"]\n  wait_for_bindings = false"), CREATE);
        assert_eq!(workspace.state(ADDRESS)["bindings"]["q1"]["status"], "CREATING");

        let destroying = workspace.start(&["destroy", "-auto-approve"]);
        destroying
            .wait_for("a delete request is rejected", || cloud.changes().iter().any(|sent| sent.starts_with("DELETE")));
        assert_eq!(cloud.connections().len(), 1);
        clock.advance(delay);
        destroying.wait().expect_code(0);
        cloud.expect_empty();
    });
}

/// References to the peering of a queue must not change because another queue is added or removed.
#[test]
fn other_entries_of_bindings_stay_known() {
    let peer_reference = |peer: &str| {
        format!("resource \"terraform_data\" \"peer\" {{\n  input = {ADDRESS}.bindings[{peer:?}].peer_id\n}}\n")
    };
    let configuration = |queues: &str| connection(&format!("queues = {queues}")) + &peer_reference("q1");
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&configuration(r#"["q1"]"#), &[(ADDRESS, "create"), ("terraform_data.peer", "create")]);
        let added = workspace.step(&configuration(r#"["q1", "q2"]"#), UPDATE);
        added.expect_changed(ADDRESS, &["bindings[\"q2\"]", "queues"]);
        // A queue in a pool has the peering of its pool.
        let pooled = workspace.step(&configuration(r#"["q1", "Pooled1"]"#), UPDATE);
        pooled.expect_changed(ADDRESS, &["bindings[\"pooled1\"]", "bindings[\"q2\"]", "queues"]);
        let bindings = workspace.state(ADDRESS)["bindings"].clone();
        assert_eq!(bindings["pooled1"]["peer_id"], cloud.connection().elastic_resource_pools[0].peer_id);
        let removed = workspace.step(&configuration(r#"["q1"]"#), UPDATE);
        removed.expect_changed(ADDRESS, &["bindings[\"pooled1\"]", "queues"]);
        assert_eq!(cloud.connection().elastic_resource_pools.len(), 0);
    });
}
