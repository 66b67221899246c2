//! The connection lifecycle: the documented example, changes in place, replacement, import, drift and destroy.

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Host;

use super::connection::{ADDRESS, CREATE, EXAMPLE, REPLACE, UPDATE, connection};
use super::harness::{Cloud, for_each_terraform, for_one_terraform};

/// The computed attributes.
const COMPUTED: [&str; 5] = ["bindings", "created_at", "id", "ipv6_enable", "status"];

fn host(name: &str, ip: &str) -> Host {
    Host { name: name.to_owned(), ip: ip.to_owned() }
}

#[test]
fn documented_example_lifecycle() {
    for_each_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);

        let created = workspace.step(EXAMPLE, CREATE);
        created.expect_changed(
            ADDRESS,
            &[
                "bindings",
                "created_at",
                "dest_network_id",
                "dest_vpc_id",
                "hosts",
                "id",
                "ipv6_enable",
                "name",
                "project_id",
                "queues",
                "region",
                "status",
                "tags_all",
            ],
        );
        let requests = cloud.requests();
        let create = requests.iter().find(|request| request.method == "POST").expect("a created connection");
        assert_eq!(
            serde_json::from_slice::<Value>(&create.body).expect("valid JSON"),
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
fn immutable_arguments_replace_the_connection() {
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
    for_one_terraform(|terraform| {
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
