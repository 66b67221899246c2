//! `dli_queues`.

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::Queue;

use super::{block, columns, read};
use crate::acceptance::harness::{Cloud, PROJECT, for_one_terraform};

const ADDRESS: &str = "data.dli_queues.it";

#[test]
fn every_queue_is_returned_with_its_mode() {
    const DEFAULT: &str = "It is the default queue, which is never bound.";
    const SHARED: &str = "It is a shared queue (pay-per-use, in no elastic resource pool).";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let full = Queue {
            queue_name: "a_full_one".into(),
            queue_type: "general".into(),
            charging_mode: 2,
            resource_mode: 1,
            elastic_resource_pool_name: "pool2".into(),
            cidr_in_vpc: "10.40.0.0/18".into(),
            create_time: 1_553_168_490_000,
            cu_count: 64,
            owner: "somebody".into(),
            description: "für \"alles\"".into(),
        };
        cloud.edit(|account| account.put_queue(full));
        let workspace = cloud.workspace(terraform);
        read(&cloud, &workspace, &block("dli_queues", ""));

        let state = workspace.state(ADDRESS);
        assert_eq!(
            state["queues"][0],
            json!({
                "name": "a_full_one", "type": "general", "resource_mode": "dedicated",
                "charging_mode": "yearly_monthly",
                "elastic_resource_pool": "pool2", "cidr_in_vpc": "10.40.0.0/18", "cu_count": 64, "owner": "somebody",
                "description": "für \"alles\"", "created_at": "2019-03-21T11:41:30Z", "can_be_bound": true,
                "reason": null,
            })
        );
        let facts = ["name", "resource_mode", "charging_mode", "elastic_resource_pool", "can_be_bound", "reason"];
        let wanted = json!([
            ["default", "shared", "pay_per_use", null, false, DEFAULT],
            ["pooled1", "dedicated", "pay_per_use", "pool1", true, null],
            ["pooled2", "dedicated", "pay_per_use", "pool1", true, null],
            ["pooled3", "dedicated", "pay_per_use", "pool3", true, null],
            ["q1", "dedicated", "pay_per_use", null, true, null],
            ["q2", "dedicated", "pay_per_use", null, true, null],
            ["q3", "dedicated", "pay_per_use", null, true, null],
            ["shared1", "shared", "pay_per_use", null, false, SHARED],
            ["yearly1", "shared", "yearly_monthly", null, true, null],
        ]);
        assert_eq!(json!(columns(&state["queues"], &facts)[1..]), wanted);
        assert_eq!((&state["region"], &state["project_id"]), (&json!("eu-west-101"), &json!(PROJECT)));
        assert_eq!((&state["name"], &state["type"]), (&Value::Null, &Value::Null));
    });
}

#[test]
fn queues_are_filtered_by_name_and_type() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let longer = Queue { queue_name: "q10".into(), queue_type: "sql".into(), ..Queue::default() };
        cloud.edit(|account| account.put_queue(longer));
        let workspace = cloud.workspace(terraform);
        let cases: [(&str, &[&str]); 4] = [
            ("name = \"Q1\"", &["q1"]),
            ("type = \"general\"", &["pooled1", "pooled3", "q2"]),
            ("name = \"q1\"\ntype = \"general\"", &[]),
            ("name = \"q\"", &[]),
        ];
        for (arguments, wanted) in cases {
            read(&cloud, &workspace, &block("dli_queues", arguments));
            let state = workspace.state(ADDRESS);
            let names: Vec<_> = state["queues"].as_array().expect("a list").iter().map(|row| &row["name"]).collect();
            assert_eq!(names, wanted, "{arguments}");
        }
        assert_eq!(workspace.state(ADDRESS)["name"], "q");
    });
}

/// Another project of the same account, and a project without permission.
#[test]
fn project_id_selects_another_project() {
    const OTHER: &str = "fedcba9876543210fedcba9876543210";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let own = Queue { queue_name: "other".into(), queue_type: "sql".into(), ..Queue::default() };
        cloud.emulator().edit(OTHER, |account| account.put_queue(own)).expect("an in-memory store").expect("allowed");
        let workspace = cloud.workspace(terraform);
        let arguments = format!("name = \"other\"\nproject_id = \"{OTHER}\"");
        read(&cloud, &workspace, &block("dli_queues", &arguments));
        let state = workspace.state(ADDRESS);
        assert_eq!((&state["project_id"], &state["queues"][0]["name"]), (&json!(OTHER), &json!("other")));
    });
}
