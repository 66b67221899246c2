//! Queues of a connection: binding and unbinding in place, case of names, and pooled queues.

use serde_json::json;
use terraform_provider_dli::dli::wire::QueueNames;

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, for_one_terraform};

/// The queues and pools that the service has bound.
fn bound(cloud: &Cloud) -> Vec<String> {
    let connection = cloud.connection();
    let all = connection.available_queue_info.into_iter().chain(connection.elastic_resource_pools);
    all.map(|binding| binding.name).collect()
}

#[test]
fn swapping_queues_unbinds_and_binds() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\"]"), CREATE);
        let id = cloud.connection().id;
        let swapped = workspace.step(&connection("queues = [\"q2\"]"), UPDATE);
        swapped.expect_changed(ADDRESS, &["bindings[\"q1\"]", "bindings[\"q2\"]", "queues"]);
        assert_eq!(bound(&cloud), ["q2"]);
        let changes = cloud.changes().split_off(1);
        assert_eq!(changes, [format!("POST /{id}/disassociate-queue"), format!("POST /{id}/associate-queue")]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The names of one queue, for [`ProjectService`](terraform_provider_dli::emulator::ProjectService).
fn names(queue: &str) -> QueueNames {
    QueueNames { queues: vec![queue.to_owned()], ..QueueNames::default() }
}

/// The service stores queue names in lower case.
#[test]
fn queue_name_case_is_no_change() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"Q1\", \"q2\"]"), CREATE);
        assert_eq!(bound(&cloud), ["q1", "q2"]);
        assert_eq!(workspace.state(ADDRESS)["queues"], json!(["Q1", "q2"]));
        workspace.step(&connection("queues = [\"q1\", \"Q2\"]"), &[]);
        assert_eq!(cloud.changes(), ["POST"]);

        let id = cloud.connection().id;
        cloud.edit(|account| account.unbind(&id, &names("q2")));
        let drifted = workspace.plan();
        assert_eq!(drifted.change(ADDRESS)["before"]["queues"], json!(["Q1"]));
        cloud.edit(|account| account.bind(&id, &names("q2")));

        let fewer = workspace.step(&connection("queues = [\"q1\"]"), UPDATE);
        fewer.expect_changed(ADDRESS, &["bindings[\"q2\"]", "queues"]);
        assert_eq!(bound(&cloud), ["q1"]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The service reports the pool, never the queue.
#[test]
fn pooled_queue_is_no_drift_and_can_be_removed() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\", \"Pooled1\"]"), CREATE);
        assert_eq!(bound(&cloud), ["q1", "pool1"]);
        let state = workspace.state(ADDRESS);
        assert_eq!(state["queues"], json!(["Pooled1", "q1"]));
        assert_eq!(state["bindings"]["pooled1"]["status"], "ACTIVE");

        workspace.step(&connection("queues = [\"q1\"]"), UPDATE);
        assert_eq!(bound(&cloud), ["q1"]);
        workspace.step(&connection("queues = [\"pooled1\"]"), UPDATE);
        assert_eq!(bound(&cloud), ["pool1"]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn externally_changed_queues_are_restored() {
    let configuration = connection("queues = [\"q1\"]");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&configuration, CREATE);
        let id = cloud.connection().id;
        cloud.edit(|account| account.bind(&id, &names("q2")).and_then(|()| account.unbind(&id, &names("q1"))));
        let plan = workspace.step(&configuration, UPDATE);
        assert_eq!(plan.change(ADDRESS)["before"]["queues"], json!(["q2"]));
        assert_eq!(bound(&cloud), ["q1"]);
        workspace.destroy();
        cloud.expect_empty();
    });
}
