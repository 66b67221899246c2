//! Elastic resource pools, their queues, and quotas.

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{Pool, Queue};

use super::harness::{Cloud, PROJECT};

fn names(list: &Value, rows: &str, key: &str) -> Vec<String> {
    let rows = list[rows].as_array().expect("a list").iter();
    rows.map(|row| row[key].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn pools_are_listed_with_queues() {
    let cloud = Cloud::start().await;
    let list = async |query: &str| cloud.get(&format!("/v3/{PROJECT}/elastic-resource-pools{query}")).await.ok(200);
    let named = async |query: &str| names(&list(query).await, "elastic_resource_pools", "elastic_resource_pool_name");
    let all = list("").await;
    assert_eq!((&all["is_success"], &all["count"]), (&json!(true), &json!(3)));
    let first = &all["elastic_resource_pools"][0];
    assert_eq!((&first["queues"], &first["status"]), (&json!(["pooled1", "pooled2"]), &json!("AVAILABLE")));
    assert_eq!(first["cidr_in_vpc"], "10.30.0.0/18");
    assert_eq!(named("").await, ["pool1", "pool2", "pool3"]);
    assert_eq!(named("?name=ool2").await, ["pool2"], "matches any part of the name");
    assert_eq!(named("?status=available&limit=2&offset=1").await, ["pool2", "pool3"]);
    assert_eq!(list("?limit=1").await["count"], 3, "the count includes all pages");
    assert_eq!(named("?status=FAILED").await, Vec::<String>::new());
    for wrong in ["status=GONE", "limit=x", "limit=0", "offset=-1"] {
        cloud.get(&format!("/v3/{PROJECT}/elastic-resource-pools?{wrong}")).await.refused(400, "DLI.0001");
    }
}

#[tokio::test]
async fn queues_of_one_pool_are_listed() {
    let cloud = Cloud::start().await;
    let list = async |tail: &str| cloud.get(&format!("/v3/{PROJECT}/elastic-resource-pools/{tail}")).await;
    let all = list("pool1/queues").await.ok(200);
    assert_eq!(names(&all, "queues", "queue_name"), ["pooled1", "pooled2"]);
    assert_eq!((&all["count"], &all["queues"][1]["queue_type"]), (&json!(2), &json!("sql")));
    let page = list("pool1/queues?limit=1&offset=1").await.ok(200);
    assert_eq!((names(&page, "queues", "queue_name"), &page["count"]), (vec!["pooled2".to_owned()], &json!(2)));
    assert_eq!(names(&list("pool1/queues?queue_name=pooled1").await.ok(200), "queues", "queue_name"), ["pooled1"]);
    assert_eq!(list("pool2/queues").await.ok(200)["queues"], json!([]));
    list("missing/queues").await.refused(400, "DLI.0002");
}

#[tokio::test]
async fn queues_and_pools_can_be_changed() {
    let cloud = Cloud::start().await;
    let edit = |work: fn(&mut terraform_provider_dli::emulator::ProjectService<'_>) -> Result<(), _>| {
        cloud.emulator.edit(PROJECT, work).expect("no state file to write")
    };
    let pool = |name: &str| Pool { name: name.to_owned(), ..Pool::default() };
    assert_eq!(edit(|account| account.remove_pool("pool1")).expect_err("it holds queues").code, "DLI.0007");
    edit(|account| account.remove_queue("POOLED3")).expect("it is there");
    edit(|account| account.remove_pool("pool3")).expect("it is empty");
    assert_eq!(edit(|account| account.remove_pool("pool3")).expect_err("it is gone").code, "DLI.0002");
    cloud.emulator.edit(PROJECT, |account| account.put_pool(pool("pool4"))).expect("no file").expect("a good name");
    let bad = cloud.emulator.edit(PROJECT, |account| account.put_pool(pool("Pool4"))).expect("no file");
    assert_eq!(bad.expect_err("an upper-case name").code, "DLI.0001");
    let queue = |pool: &str| Queue {
        queue_name: "New1".to_owned(),
        queue_type: "sql".to_owned(),
        elastic_resource_pool_name: pool.to_owned(),
        ..Queue::default()
    };
    let lost = cloud.emulator.edit(PROJECT, |account| account.put_queue(queue("missing"))).expect("no file");
    assert_eq!(lost.expect_err("no such pool").code, "DLI.0002");
    cloud.emulator.edit(PROJECT, |account| account.put_queue(queue("pool4"))).expect("no file").expect("a pool");

    let pools = cloud.get(&format!("/v3/{PROJECT}/elastic-resource-pools")).await.ok(200);
    assert_eq!(names(&pools, "elastic_resource_pools", "elastic_resource_pool_name"), ["pool1", "pool2", "pool4"]);
    assert_eq!(pools["elastic_resource_pools"][2]["queues"], json!(["new1"]));
    cloud.get(&format!("/v1.0/{PROJECT}/queues/pooled3")).await.refused(400, "DLI.0002");
    assert_eq!(cloud.get(&format!("/v1.0/{PROJECT}/queues/new1")).await.ok(200)["queueName"], "new1");
}

#[tokio::test]
async fn quotas_exclude_connections() {
    let cloud = Cloud::start().await;
    let quotas = cloud.get(&format!("/v3/{PROJECT}/quotas")).await.ok(200)["quotas"].clone();
    assert_eq!(names(&quotas, "resources", "type"), ["CU", "QUEUE", "ELASTIC_RESOURCE_POOL"]);
    assert_eq!(quotas["resources"][2]["used"], 3);
}
