//! The attributes of `dli_enhanced_connection_binding`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::connection::{find, peering, timeouts};
use super::route::{
    connection, connection_id_in_other_project, connection_id_of, connections, upper_case_connection_id_of,
};
use super::table::{Kind, NONE, REPLACE, UPDATE, check_table, row};
use crate::acceptance::harness::Cloud;

pub(super) const KIND: &str = "dli_enhanced_connection_binding";

#[test]
fn binding_attributes() {
    let kind = Kind {
        name: KIND,
        prelude: connections(),
        defaults: &[("connection_id", "dli_enhanced_connection.{label}.id")],
        computed: &["error", "id", "peer_id", "status", "updated_at"],
        expected,
        config_only: &["region", "timeouts", "wait_for_bindings"],
    };
    let q1 = "queue = \"q1\"";
    let mut rows = vec![
        row("connection_id", q1, &format!("{q1}\n{}", connection_id_of("two")), REPLACE, &["connection_id"]),
        row("connection_id", q1, &format!("{q1}\n{}", upper_case_connection_id_of("{label}")), NONE, &[]),
        row("queue", q1, "queue = \"q2\"", REPLACE, &["queue"]),
        row("queue", q1, "queue = \"Q1\"", NONE, &[]),
        row("queue", q1, "elastic_resource_pool = \"pool1\"", REPLACE, &["elastic_resource_pool", "queue"]),
        row("queue", q1, "queue = \"pooled1\"", REPLACE, &["queue"]),
        row(
            "elastic_resource_pool",
            "elastic_resource_pool = \"pool1\"",
            "elastic_resource_pool = \"pool2\"",
            REPLACE,
            &["elastic_resource_pool"],
        ),
        row("wait_for_bindings", q1, &format!("{q1}\nwait_for_bindings = false"), UPDATE, &["wait_for_bindings"]),
        row(
            "region",
            &format!("{q1}\nregion = \"eu-west-101\""),
            &format!("{q1}\nregion = \"cn-north-4\""),
            REPLACE,
            &["region"],
        )
        .of_provider("-region", "-region"),
        row("region", q1, &format!("{q1}\nregion = \"eu-west-101\""), NONE, &[]),
        row(
            "project_id",
            q1,
            &format!("{q1}\n{}", connection_id_in_other_project()),
            REPLACE,
            &["connection_id", "project_id"],
        ),
    ];
    rows.extend(timeouts(&["create", "read", "delete"]).into_iter().map(|row| row.with(q1)));
    // One connection per row, so that no two rows bind the same target to one connection.
    let row_connections = (0..rows.len()).map(|at| format!("binding_{at:02}")).map(|label| connection(&label, ""));
    check_table(&Kind { prelude: kind.prelude + &row_connections.collect::<String>(), ..kind }, &rows, &[]);
}

fn expected(cloud: &Cloud, state: &Value) -> BTreeMap<&'static str, Value> {
    let (project, shown) = find(cloud, &state["connection_id"]);
    let attribute = if state["queue"].is_null() { "elastic_resource_pool" } else { "queue" };
    let name = state[attribute].as_str().expect("one of the two is set").to_lowercase();
    let queues = cloud.emulator().queues(project);
    let pool = queues.into_iter().find(|queue| queue.queue_name == name).map(|queue| queue.elastic_resource_pool_name);
    let target = pool.filter(|pool| !pool.is_empty()).unwrap_or_else(|| name.clone());
    let all: Vec<_> = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools).collect();
    let binding = all.iter().find(|binding| binding.name == target).unwrap_or_else(|| panic!("not bound: {state:#}"));
    let peering = peering(binding);
    let mut expected = BTreeMap::from([
        ("id", json!(format!("{}/{attribute}/{name}", shown.id))),
        ("connection_id", json!(shown.id)),
        ("project_id", json!(project)),
        ("queue", Value::Null),
        ("elastic_resource_pool", Value::Null),
    ]);
    expected.insert(attribute, json!(name));
    for field in ["status", "peer_id", "error", "updated_at"] {
        expected.insert(field, peering[field].clone());
    }
    expected
}
