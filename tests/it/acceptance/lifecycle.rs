//! A connection from its creation to its end: the document's example, changes in place and by replacement, import,
//! drift, and the end.

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Host;

use super::harness::{Cloud, for_each_terraform};

const ADDRESS: &str = "dli_enhanced_connection.test";
const CREATE: &[(&str, &str)] = &[(ADDRESS, "create")];
const UPDATE: &[(&str, &str)] = &[(ADDRESS, "update")];
const REPLACE: &[(&str, &str)] = &[(ADDRESS, "replace")];
/// The attributes that only the service knows.
const COMPUTED: [&str; 4] = ["bindings", "created_at", "id", "status"];

/// The document's example request.
const EXAMPLE: &str = include_str!("../../../examples/quickstart/main.tf");

/// The connection with these attributes beside the three that are required.
fn connection(attributes: &str) -> String {
    format!(
        r#"
resource "dli_enhanced_connection" "test" {{
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  {attributes}
}}
"#
    )
}

fn host(name: &str, ip: &str) -> Host {
    Host { name: name.to_owned(), ip: ip.to_owned() }
}

#[test]
fn the_documents_own_example_from_create_to_destroy() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);

        let created = workspace.step(EXAMPLE, CREATE);
        created.expect_changed(
            ADDRESS,
            &["bindings", "created_at", "dest_network_id", "dest_vpc_id", "hosts", "id", "name", "queues", "status"],
        );
        let requests = cloud.requests();
        let create = requests.iter().find(|request| request.method == "POST").expect("it was created");
        assert_eq!(
            serde_json::from_slice::<Value>(&create.body).expect("it is JSON"),
            json!({
                "name": "test",
                "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
                "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
                "queues": ["q1", "q2"],
                "hosts": [
                    { "ip": "192.168.0.1", "name": "ecs-97f8-0001" },
                    { "ip": "192.168.0.2", "name": "ecs-97f8-0002" }
                ]
            })
        );
        let state = workspace.state(ADDRESS);
        assert_eq!(state["id"], cloud.connection().id);
        assert_eq!(state["status"], "ACTIVE");
        assert_eq!(state["bindings"]["q1"]["status"], "ACTIVE");
        assert_eq!(state["bindings"].as_object().map(serde_json::Map::len), Some(2));

        let changed = workspace.step(&EXAMPLE.replace("192.168.0.2", "192.168.0.22"), UPDATE);
        changed.expect_changed(ADDRESS, &["hosts[\"ecs-97f8-0002\"]"]);
        assert_eq!(
            cloud.connection().hosts,
            [host("ecs-97f8-0001", "192.168.0.1"), host("ecs-97f8-0002", "192.168.0.22")]
        );
        let id = state["id"].as_str().expect("it has one");
        assert_eq!(cloud.changes(), ["POST".to_owned(), format!("PUT /{id}")]);

        workspace.expect_import(ADDRESS, &[]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn queues_are_bound_and_unbound_in_place() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"q1\"]"), CREATE);
        let id = cloud.connection().id;
        workspace.step(&connection("queues = [\"q2\"]"), UPDATE);
        assert_eq!(cloud.connection().id, id);
        let bound: Vec<_> = cloud.connection().available_queue_info.into_iter().map(|queue| queue.name).collect();
        assert_eq!(bound, ["q2"]);
        let mut requests = cloud.changes().split_off(1);
        requests.sort();
        assert_eq!(requests, [format!("POST /{id}/associate-queue"), format!("POST /{id}/disassociate-queue")]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// The service stores queue names in lower case.
#[test]
fn the_case_of_a_queue_is_no_drift() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("queues = [\"Q1\", \"q2\"]"), CREATE);
        assert_eq!(workspace.state(ADDRESS)["queues"], json!(["Q1", "q2"]));
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn what_the_service_cannot_change_replaces_the_connection() {
    let other = "aaaaaaaa-c310-4621-913d-4c4d655d8495";
    let vpc = "22094d8f-c310-4621-913d-4c4d655d8495";
    let network = "78f2562a-36e4-4b39-95b9-f5aab22e1281";
    let before = connection(&format!("routetable_id = {vpc:?}"));
    let changes = [
        ("name", before.replace("= \"test\"", "= \"test2\"")),
        ("dest_vpc_id", before.replacen(vpc, other, 1)),
        ("dest_network_id", before.replace(network, other)),
        ("routetable_id", connection(&format!("routetable_id = {other:?}"))),
        ("routetable_id", connection("")),
    ];
    for_each_terraform(|terraform| {
        for (attribute, after) in &changes {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            workspace.step(&before, CREATE);
            let id = cloud.connection().id;
            let plan = workspace.step(after, REPLACE);
            plan.expect_replaced_by(ADDRESS, &[*attribute]);
            let mut all = [&COMPUTED[..], &[*attribute]].concat();
            all.sort_unstable();
            plan.expect_changed(ADDRESS, &all);
            assert_ne!(cloud.connection().id, id);
            workspace.destroy();
            cloud.expect_empty();
        }
    });
}

/// No read tells the route table, so it stays as it was planned; an import cannot know it.
#[test]
fn the_route_table_is_kept_from_the_plan() {
    let route_table = "22094d8f-c310-4621-913d-4c4d655d8495";
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(&format!("routetable_id = {route_table:?}")), CREATE);
        assert_eq!(workspace.state(ADDRESS)["routetable_id"], route_table);
        assert_eq!(cloud.routetable_id(), Some(route_table.to_owned()));
        workspace.expect_import(ADDRESS, &["routetable_id"]);
    });
}

#[test]
fn a_connection_deleted_by_someone_else_is_planned_again() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let gone = cloud.connection().id;
        cloud.edit(|account| account.delete(&gone));
        workspace.step(EXAMPLE, CREATE);
        assert_ne!(cloud.connection().id, gone);

        let gone = cloud.connection().id;
        cloud.edit(|account| account.delete(&gone));
        workspace.destroy();
        cloud.expect_empty();
    });
}

#[test]
fn hosts_changed_by_someone_else_are_shown_and_put_back() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(EXAMPLE, CREATE);
        let id = cloud.connection().id;
        let edited = vec![host("ecs-97f8-0001", "10.0.0.1"), host("stranger", "10.0.0.2")];
        cloud.edit(|account| account.replace_hosts(&id, edited));
        let plan = workspace.step(EXAMPLE, UPDATE);
        plan.expect_changed(ADDRESS, &["hosts[\"ecs-97f8-0001\"]", "hosts[\"ecs-97f8-0002\"]", "hosts[\"stranger\"]"]);
        assert_eq!(
            cloud.connection().hosts,
            [host("ecs-97f8-0001", "192.168.0.1"), host("ecs-97f8-0002", "192.168.0.2")]
        );
    });
}

/// A collection that was never set belongs to someone else; one that is taken out takes what it held along.
#[test]
fn what_is_declared_is_what_is_owned() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(""), CREATE);
        let id = cloud.connection().id;
        cloud.edit(|account| account.replace_hosts(&id, vec![host("theirs", "10.0.0.1")]));
        workspace.expect_no_changes();

        workspace.step(&connection("hosts = { \"ours\" = \"10.0.0.2\" }"), UPDATE);
        assert_eq!(cloud.connection().hosts, [host("ours", "10.0.0.2")]);
        workspace.step(&connection(""), UPDATE);
        assert_eq!(cloud.connection().hosts, []);
        workspace.step(&connection("hosts = {}"), UPDATE);
        cloud.edit(|account| account.replace_hosts(&id, vec![host("theirs", "10.0.0.1")]));
        workspace.step(&connection("hosts = {}"), UPDATE);
        assert_eq!(cloud.connection().hosts, []);
        assert_eq!(cloud.connection().id, id);
    });
}

#[test]
fn tags_are_sent_at_create() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection("tags = { \"team\" = \"größe\", \"empty\" = \"\" }"), CREATE);
        let tags = cloud.tags();
        assert_eq!(tags.get("team").map(String::as_str), Some("größe"));
        assert_eq!(tags.get("empty").map(String::as_str), Some(""));
        assert_eq!(tags.len(), 2);
        workspace.destroy();
        cloud.expect_empty();
    });
}
