//! `dli_enhanced_connection_route`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::connection::{DEFAULTS, find, timeouts};
use super::table::{Kind, NONE, OTHER_PROJECT, REPLACE, UPDATE, check_table, row};
use crate::acceptance::harness::Cloud;

pub(super) const KIND: &str = "dli_enhanced_connection_route";

/// The connections that the parts belong to: two here, and one of the same name in another project.
pub(super) fn connections() -> String {
    let elsewhere = format!("  project_id = \"{OTHER_PROJECT}\"\n");
    connection("one", "") + &connection("two", "") + &connection("elsewhere", &elsewhere)
}

/// One of these connections.
pub(super) fn connection(label: &str, more: &str) -> String {
    let required = DEFAULTS.iter().map(|(name, value)| format!("  {name} = {}\n", value.replace("{label}", label)));
    format!("resource \"dli_enhanced_connection\" \"{label}\" {{\n{}{more}}}\n\n", required.collect::<String>())
}

/// The `connection_id` line for one of them.
pub(super) fn connection_id_of(connection: &str) -> String {
    format!("connection_id = dli_enhanced_connection.{connection}.id")
}

/// The same, with an upper-case ID.
pub(super) fn upper_case_connection_id_of(connection: &str) -> String {
    format!("connection_id = upper(dli_enhanced_connection.{connection}.id)")
}

/// The `connection_id` line for the other project.
pub(super) fn connection_id_in_other_project() -> String {
    format!("{}\nproject_id = \"{OTHER_PROJECT}\"", connection_id_of("elsewhere"))
}

#[test]
fn route_attributes() {
    let kind = Kind {
        name: KIND,
        prelude: connections(),
        defaults: &[
            ("connection_id", "dli_enhanced_connection.one.id"),
            ("name", "\"{label}\""),
            ("cidr", "cidrsubnet(\"10.0.0.0/8\", 8, tonumber(split(\"_\", \"{label}\")[1]))"),
        ],
        computed: &["id"],
        expected,
        config_only: &["region", "timeouts"],
    };
    let mut rows = vec![
        row("connection_id", "", &connection_id_of("two"), REPLACE, &["connection_id"]),
        row("connection_id", "", &upper_case_connection_id_of("one"), NONE, &[]),
        row("name", "name = \"before\"", "name = \"after\"", REPLACE, &["name"]),
        row("name", "name = \"in-case\"", "name = \"IN-CASE\"", REPLACE, &["name"]),
        row("cidr", "cidr = \"192.168.1.0/24\"", "cidr = \"192.168.2.0/24\"", UPDATE, &["cidr"]),
        row("cidr", "cidr = \"2407:c080:0::/32\"", "cidr = \"2407:C080::/32\"", NONE, &[]),
        row("region", "region = \"eu-west-101\"", "region = \"cn-north-4\"", REPLACE, &["region"])
            .of_provider("-region", "-region"),
        row("region", "", "region = \"eu-west-101\"", NONE, &[]),
        row("project_id", "", &connection_id_in_other_project(), REPLACE, &["connection_id", "project_id"]),
    ];
    rows.extend(timeouts(&["create", "read", "update", "delete"]));
    check_table(&kind, &rows, &[]);
}

fn expected(cloud: &Cloud, state: &Value) -> BTreeMap<&'static str, Value> {
    let (project, shown) = find(cloud, &state["connection_id"]);
    let found = shown.routes.iter().find(|route| state["name"] == route.name.as_str());
    let route = found.unwrap_or_else(|| panic!("the cloud has no such route: {state:#}"));
    BTreeMap::from([
        ("id", json!(format!("{}/{}", shown.id, route.name))),
        ("connection_id", json!(shown.id)),
        ("project_id", json!(project)),
        ("name", json!(route.name)),
        ("cidr", json!(route.cidr)),
    ])
}
