//! `dli_enhanced_connection`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use terraform_provider_dli::dli::wire::{Binding, Connection};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::table::{Kind, NONE, OTHER_PROJECT, REPLACE, Row, UPDATE, check_table, row};
use crate::acceptance::harness::{Cloud, PROJECT};

pub(super) const KIND: &str = "dli_enhanced_connection";
/// The three required arguments of a connection.
pub(super) const DEFAULTS: &[(&str, &str)] = &[
    ("name", "\"{label}\""),
    ("dest_vpc_id", "\"22094d8f-c310-4621-913d-4c4d655d8495\""),
    ("dest_network_id", "\"78f2562a-36e4-4b39-95b9-f5aab22e1281\""),
];
/// Tags with this prefix are managed outside Terraform.
pub(super) const EXTERNAL_PREFIX: &str = "theirs";

/// The resource type, with a prelude that the rows refer to.
pub(super) fn kind() -> Kind {
    Kind {
        name: KIND,
        prelude: String::new(),
        defaults: DEFAULTS,
        computed: &["bindings", "created_at", "id", "ipv6_enable", "status"],
        expected,
        config_only: &["region", "wait_for_bindings", "timeouts"],
    }
}

#[test]
fn connection_attributes() {
    let a = "\"aaaaaaaa-c310-4621-913d-4c4d655d8495\"";
    let b = "\"bbbbbbbb-c310-4621-913d-4c4d655d8495\"";
    let upper = a.to_uppercase();
    let id = |name: &str, value: &str| format!("{name} = {value}");
    let other = format!("project_id = \"{OTHER_PROJECT}\"");
    let own = format!("project_id = \"{PROJECT}\"");
    let mut rows = vec![
        row("name", "name = \"before\"", "name = \"after\"", REPLACE, &["name"]),
        row("name", "name = \"in_case\"", "name = \"IN_CASE\"", REPLACE, &["name"]),
        row("dest_vpc_id", &id("dest_vpc_id", a), &id("dest_vpc_id", b), REPLACE, &["dest_vpc_id"]),
        row("dest_vpc_id", &id("dest_vpc_id", a), &id("dest_vpc_id", &upper), NONE, &[]),
        row("dest_network_id", &id("dest_network_id", a), &id("dest_network_id", b), REPLACE, &["dest_network_id"]),
        row("dest_network_id", &id("dest_network_id", a), &id("dest_network_id", &upper), NONE, &[]),
        row("routetable_id", &id("routetable_id", a), &id("routetable_id", b), REPLACE, &["routetable_id"]),
        row("routetable_id", "", &id("routetable_id", a), REPLACE, &["routetable_id"]),
        row("routetable_id", &id("routetable_id", a), "", REPLACE, &["routetable_id"]),
        // Without a provider region, and with endpoints, any region is accepted.
        row("region", "region = \"eu-west-101\"", "region = \"cn-north-4\"", REPLACE, &["region"])
            .of_provider("-region", "-region"),
        row("region", "", "region = \"cn-north-4\"", UPDATE, &["region"]).of_provider("-region", "-region"),
        row("region", "", "region = \"eu-west-101\"", NONE, &[]),
        row("region", "region = \"eu-west-101\"", "", NONE, &[]),
        row("project_id", &own, &other, REPLACE, &["project_id"]),
        row("project_id", "", &other, REPLACE, &["project_id"]),
        row("project_id", &other, "", NONE, &[]),
        row("queues", "queues = [\"q1\"]", "queues = [\"q1\", \"q2\"]", UPDATE, &["bindings[\"q2\"]", "queues"]),
        row("queues", "queues = [\"q1\", \"q2\"]", "queues = [\"q2\"]", UPDATE, &["bindings[\"q1\"]", "queues"]),
        row(
            "queues",
            "queues = [\"q1\"]",
            "queues = [\"pooled1\"]",
            UPDATE,
            &["bindings[\"pooled1\"]", "bindings[\"q1\"]", "queues"],
        ),
        row("queues", "queues = [\"q1\"]", "queues = []", UPDATE, &["bindings[\"q1\"]", "queues"]),
        row("queues", "queues = [\"q1\"]", "", UPDATE, &["queues"]),
        row("queues", "", "queues = [\"q1\"]", UPDATE, &["bindings", "queues"]),
        row("queues", "queues = [\"q1\", \"q2\"]", "queues = [\"Q2\", \"Q1\"]", NONE, &[]),
        row(
            "elastic_resource_pools",
            "elastic_resource_pools = [\"pool1\"]",
            "elastic_resource_pools = [\"pool2\", \"pool1\"]",
            UPDATE,
            &["bindings[\"pool2\"]", "elastic_resource_pools"],
        ),
        row(
            "elastic_resource_pools",
            "elastic_resource_pools = [\"pool1\"]",
            "elastic_resource_pools = [\"pool2\"]",
            UPDATE,
            &["bindings[\"pool1\"]", "bindings[\"pool2\"]", "elastic_resource_pools"],
        ),
        row(
            "elastic_resource_pools",
            "elastic_resource_pools = [\"pool1\"]",
            "elastic_resource_pools = []",
            UPDATE,
            &["bindings[\"pool1\"]", "elastic_resource_pools"],
        ),
        row("elastic_resource_pools", "elastic_resource_pools = [\"pool1\"]", "", UPDATE, &["elastic_resource_pools"]),
        row(
            "elastic_resource_pools",
            "",
            "elastic_resource_pools = [\"pool1\"]",
            UPDATE,
            &["bindings", "elastic_resource_pools"],
        ),
        row("wait_for_bindings", "", "wait_for_bindings = false", UPDATE, &["wait_for_bindings"]),
        row("wait_for_bindings", "wait_for_bindings = false", "", UPDATE, &["wait_for_bindings"]),
    ];
    rows.extend(collections());
    rows.extend(timeouts(&["create", "read", "update", "delete"]));
    check_table(&kind(), &rows, &[]);
}

/// Rows for `hosts`, `routes` and `tags`.
fn collections() -> [Row; 18] {
    let hosts_a: &[&str] = &["hosts[\"a\"]"];
    let tags_a: &[&str] = &["tags[\"a\"]", "tags_all[\"a\"]"];
    let routes_a: &[&str] = &["routes[\"a\"]"];
    [
        row(
            "hosts",
            "hosts = { a = \"10.0.0.1\", b = \"10.0.0.2\" }",
            "hosts = { b = \"10.0.0.2\", a = \"10.0.0.3\" }",
            UPDATE,
            hosts_a,
        )
        .external_change(|account, id| account.set_ipv6(id, true)),
        row("hosts", "hosts = { b = \"10.0.0.2\" }", "hosts = { a = \"10.0.0.1\", b = \"10.0.0.2\" }", UPDATE, hosts_a),
        row("hosts", "hosts = { a = \"10.0.0.1\" }", "hosts = {}", UPDATE, hosts_a),
        row("hosts", "hosts = { a = \"10.0.0.1\" }", "", UPDATE, &["hosts"]),
        row("hosts", "", "hosts = { a = \"10.0.0.1\" }", UPDATE, &["hosts"]),
        row(
            "routes",
            "routes = { a = \"10.1.0.0/16\", b = \"10.2.0.0/16\" }",
            "routes = { a = \"10.3.0.0/16\", b = \"10.2.0.0/16\" }",
            UPDATE,
            routes_a,
        ),
        row(
            "routes",
            "routes = { a = \"10.1.0.0/16\", b = \"10.2.0.0/16\" }",
            "routes = { a = \"10.2.0.0/16\", b = \"10.1.0.0/16\" }",
            UPDATE,
            &["routes[\"a\"]", "routes[\"b\"]"],
        ),
        row(
            "routes",
            "routes = { b = \"10.2.0.0/16\" }",
            "routes = { a = \"2407:c080::/32\", b = \"10.2.0.0/16\" }",
            UPDATE,
            routes_a,
        ),
        row("routes", "routes = { a = \"10.1.0.0/16\" }", "routes = {}", UPDATE, routes_a),
        row("routes", "routes = { a = \"10.1.0.0/16\" }", "", UPDATE, &["routes"]),
        row("routes", "", "routes = { a = \"10.1.0.0/16\" }", UPDATE, &["routes"]),
        row("routes", "routes = { a = \"2407:c080:0::/32\" }", "routes = { a = \"2407:C080::/32\" }", NONE, &[]),
        row("tags", "tags = { a = \"1\", b = \"2\" }", "tags = { a = \"3\", b = \"2\" }", UPDATE, tags_a),
        row("tags", "tags = { b = \"2\" }", "tags = { a = \"\", b = \"2\" }", UPDATE, tags_a),
        row("tags", "tags = { a = \"1\", b = \"2\" }", "tags = { b = \"2\" }", UPDATE, tags_a),
        row("tags", "tags = { a = \"1\" }", "tags = {}", UPDATE, tags_a),
        row("tags", "tags = { a = \"1\" }", "", UPDATE, &["tags", "tags_all[\"a\"]"]),
        row("tags", "", "tags = { a = \"1\" }", UPDATE, &["tags", "tags_all[\"a\"]"]),
    ]
}

/// Rows that change each timeout, and add and remove the block. Only Terraform stores timeouts.
pub(super) fn timeouts(operations: &[&str]) -> Vec<Row> {
    let known = [
        ("create", "timeouts.create", "timeouts[\"create\"]"),
        ("read", "timeouts.read", "timeouts[\"read\"]"),
        ("update", "timeouts.update", "timeouts[\"update\"]"),
        ("delete", "timeouts.delete", "timeouts[\"delete\"]"),
    ];
    let block = |name: &str, value: &str| format!("timeouts {{\n  {name} = \"{value}\"\n}}");
    let mut rows = Vec::new();
    for (name, attribute, path) in known.into_iter().filter(|(name, ..)| operations.contains(name)) {
        rows.push(row(attribute, &block(name, "10m"), &block(name, "1h30m"), UPDATE, &[path]));
    }
    rows.push(row("timeouts.create", "", &block("create", "10m"), UPDATE, &["timeouts"]));
    rows.push(row("timeouts.create", &block("create", "10m"), "", UPDATE, &["timeouts"]));
    rows
}

/// Returns the connection with this ID and its project.
pub(super) fn find(cloud: &Cloud, id: &Value) -> (&'static str, Connection) {
    let found = [PROJECT, OTHER_PROJECT].into_iter().find_map(|project| {
        let connections = cloud.emulator().connections(project);
        Some((project, connections.into_iter().find(|one| *id == one.id.as_str() && !one.is_deleted())?))
    });
    found.unwrap_or_else(|| panic!("the cloud has no connection {id}"))
}

fn expected(cloud: &Cloud, state: &Value) -> BTreeMap<&'static str, Value> {
    let (project, shown) = find(cloud, &state["id"]);
    let mut tags = cloud.emulator().tags(project, &shown.id);
    tags.retain(|key, _| !key.starts_with(EXTERNAL_PREFIX));
    // A collection that is not configured is not in the state.
    let declared = |name: &str, expected: Map<String, Value>| {
        if state[name].is_null() { Value::Null } else { Value::Object(expected) }
    };
    let hosts = shown.hosts.iter().map(|host| (host.name.clone(), json!(host.ip))).collect();
    let routes = shown.routes.iter().map(|route| (route.name.clone(), json!(route.cidr))).collect();
    if state["tags"].is_null() {
        // Other tags than the default ones are not managed.
        tags.retain(|key, _| !state["tags_all"][key].is_null());
    }
    let own = tags.iter().filter(|(key, _)| !state["tags"][key].is_null());
    let own = own.map(|(key, value)| (key.clone(), json!(value))).collect();
    let bindings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    let queues = cloud.emulator().queues(project);
    // A declared queue stands for its pool, unless the pool is declared as well.
    let name_in_state = |binding: &Binding| {
        let holds =
            |attribute: &str, name: &str| state[attribute].as_array().into_iter().flatten().any(|held| *held == name);
        let mut members = queues.iter().filter(|queue| queue.elastic_resource_pool_name == binding.name);
        match members.find(|queue| holds("queues", &queue.queue_name)) {
            Some(queue) if !holds("elastic_resource_pools", &binding.name) => queue.queue_name.clone(),
            _ => binding.name.clone(),
        }
    };
    BTreeMap::from([
        ("id", json!(shown.id)),
        ("name", json!(shown.name)),
        ("dest_vpc_id", json!(shown.dest_vpc_id)),
        ("dest_network_id", json!(shown.dest_network_id)),
        ("routetable_id", json!(cloud.emulator().routetable_id(project, &shown.id))),
        ("project_id", json!(project)),
        ("status", json!("ACTIVE")),
        ("created_at", time_of(shown.create_time)),
        ("ipv6_enable", json!(shown.ipv6_enable)),
        ("queues", bound(cloud, project, state, "queues", &shown)),
        ("elastic_resource_pools", bound(cloud, project, state, "elastic_resource_pools", &shown)),
        ("bindings", bindings.map(|binding| (name_in_state(binding), peering(binding))).collect::<Map<_, _>>().into()),
        ("hosts", declared("hosts", hosts)),
        ("routes", declared("routes", routes)),
        ("tags", declared("tags", own)),
        ("tags_all", json!(tags)),
    ])
}

/// The declared names, after checking that the service has bound exactly their targets.
fn bound(cloud: &Cloud, project: &str, state: &Value, attribute: &str, shown: &Connection) -> Value {
    let queues = cloud.emulator().queues(project);
    let names = |attribute: &str| -> Vec<String> {
        let names = state[attribute].as_array().cloned().unwrap_or_default();
        names.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
    };
    let home = |name: String| match queues.iter().find(|queue| queue.queue_name == name) {
        Some(queue) if !queue.elastic_resource_pool_name.is_empty() => queue.elastic_resource_pool_name.clone(),
        _ => name,
    };
    let wanted: BTreeSet<_> = names("queues").into_iter().map(home).chain(names("elastic_resource_pools")).collect();
    let there = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    let there: BTreeSet<_> = there.map(|binding| binding.name.clone()).collect();
    // A collection that is not configured is not managed: any binding may be there.
    let is_managed = ["queues", "elastic_resource_pools"].iter().all(|attribute| !state[attribute].is_null());
    let is_expected = if is_managed { there == wanted } else { there.is_superset(&wanted) };
    assert!(is_expected, "the bound names {there:?} differ from the declared ones: {state:#}");
    state[attribute].clone()
}

/// A peering as the state shows it.
pub(super) fn peering(binding: &Binding) -> Value {
    json!({
        "status": binding.status,
        "peer_id": binding.peer_id,
        "error": Some(&binding.err_msg).filter(|text| !text.is_empty()),
        "updated_at": time_of(binding.update_time),
    })
}

fn time_of(milliseconds: i64) -> Value {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).expect("a valid time");
    json!(time.format(&Rfc3339).expect("a formatted time"))
}
