//! The attributes of `dli_enhanced_connection_privilege`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::connection::{find, timeouts};
use super::route::{connection_id_in_other_project, connection_id_of, connections, upper_case_connection_id_of};
use super::table::{Kind, NONE, REPLACE, check_table, row};
use crate::acceptance::harness::Cloud;

pub(super) const KIND: &str = "dli_enhanced_connection_privilege";

#[test]
fn privilege_attributes() {
    let kind = Kind {
        name: KIND,
        prelude: connections(),
        defaults: &[("connection_id", "dli_enhanced_connection.one.id"), ("applicant_project_id", "md5(\"{label}\")")],
        computed: &["id", "privileges"],
        expected,
        config_only: &["region", "timeouts"],
    };
    let applicant = |letter: &str| format!("applicant_project_id = \"{}\"", letter.repeat(32));
    let mut rows = vec![
        row("connection_id", "", &connection_id_of("two"), REPLACE, &["connection_id"]),
        row("connection_id", "", &upper_case_connection_id_of("one"), NONE, &[]),
        row("applicant_project_id", &applicant("a"), &applicant("b"), REPLACE, &["applicant_project_id"]),
        row("region", "region = \"eu-west-101\"", "region = \"cn-north-4\"", REPLACE, &["region"])
            .of_provider("-region", "-region"),
        row("region", "", "region = \"eu-west-101\"", NONE, &[]),
        row("project_id", "", &connection_id_in_other_project(), REPLACE, &["connection_id", "project_id"]),
    ];
    rows.extend(timeouts(&["create", "read", "delete"]));
    check_table(&kind, &rows, &[]);
}

fn expected(cloud: &Cloud, state: &Value) -> BTreeMap<&'static str, Value> {
    let (project, shown) = find(cloud, &state["connection_id"]);
    let shared_with = cloud.emulator().edit(project, |account| account.shared_with(&shown.id).cloned());
    let shared_with = shared_with.expect("an in-memory store").unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let applicant = state["applicant_project_id"].as_str().expect("a required attribute");
    assert!(shared_with.contains(applicant), "not shared with {applicant}: {shared_with:?}");
    BTreeMap::from([
        ("id", json!(format!("{}/{applicant}", shown.id))),
        ("connection_id", json!(shown.id)),
        ("project_id", json!(project)),
        ("applicant_project_id", json!(applicant)),
        ("privileges", json!(["BIND_QUEUE"])),
    ])
}
