//! `dli_elastic_resource_pools`.

use serde_json::json;
use terraform_provider_dli::dli::wire::Pool;

use super::{block, columns, one_error, read};
use crate::acceptance::harness::{Cloud, PROJECT, for_one_terraform};

const KIND: &str = "dli_elastic_resource_pools";
const ADDRESS: &str = "data.dli_elastic_resource_pools.it";

fn pool(name: &str, status: &str) -> Pool {
    Pool { name: name.to_owned(), status: status.to_owned(), ..Pool::default() }
}

#[test]
fn every_pool_is_returned() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let full = Pool {
            fail_reason: "no network is left".into(),
            cidr_in_vpc: "172.16.0.0/18".into(),
            charging_mode: 2,
            min_cu: 16,
            max_cu: 128,
            actual_cu: 32,
            owner: "somebody".into(),
            description: "für alles".into(),
            create_time: 1_553_168_490_000,
            ..pool("a_pool", "FAILED")
        };
        cloud.edit(|account| account.put_pool(full));
        cloud.edit(|account| account.put_pool(pool("b_pool", "CREATING")));
        cloud.edit(|account| account.put_pool(pool("c_pool", "SCALING")));
        let workspace = cloud.workspace(terraform);
        read(&cloud, &workspace, &block(KIND, ""));

        let state = workspace.state(ADDRESS);
        let pools = &state["elastic_resource_pools"];
        assert_eq!(
            pools[0],
            json!({
                "name": "a_pool", "status": "FAILED", "fail_reason": "no network is left",
                "cidr_in_vpc": "172.16.0.0/18",
                "charging_mode": "yearly_monthly", "min_cu": 16, "max_cu": 128, "actual_cu": 32, "queues": [],
                "owner": "somebody", "description": "für alles", "created_at": "2019-03-21T11:41:30Z",
                "can_be_bound": false,
            })
        );
        let wanted = json!([
            ["b_pool", "CREATING", null, [], false],
            ["c_pool", "SCALING", null, [], true],
            ["pool1", "AVAILABLE", "pay_per_use", ["pooled1", "pooled2"], true],
            ["pool2", "AVAILABLE", "pay_per_use", [], true],
            ["pool3", "AVAILABLE", "pay_per_use", ["pooled3"], true],
        ]);
        let facts = ["name", "status", "charging_mode", "queues", "can_be_bound"];
        assert_eq!(json!(columns(pools, &facts)[1..]), wanted);
        assert_eq!((&state["region"], &state["project_id"]), (&json!("eu-west-101"), &json!(PROJECT)));
    });
}

/// The service's own filter also matches `pool10` for `pool1`.
#[test]
fn pools_are_filtered_by_name_and_status() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.edit(|account| account.put_pool(pool("pool10", "FAILED")));
        let workspace = cloud.workspace(terraform);
        let cases: [(&str, &[&str]); 3] =
            [("name = \"pool1\"", &["pool1"]), ("status = \"FAILED\"", &["pool10"]), ("name = \"pool\"", &[])];
        for (arguments, wanted) in cases {
            read(&cloud, &workspace, &block(KIND, arguments));
            let names = columns(&workspace.state(ADDRESS)["elastic_resource_pools"], &["name"]).concat();
            assert_eq!(names, wanted, "{arguments}");
        }
        workspace.configure(&block(KIND, "status = \"available\""));
        let error = one_error(&workspace.run(&["validate"]).expect_code(1));
        assert!(
            error.contains("\"available\" is not a valid status. Allowed: AVAILABLE, SCALING, CREATING, FAILED."),
            "{error}"
        );
    });
}
