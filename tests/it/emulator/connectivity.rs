//! Connectivity tests of queues.

use serde_json::json;

use super::harness::{Cloud, PROJECT, body_with};

#[tokio::test]
async fn bound_queue_reaches_addresses() {
    let cloud = Cloud::start().await;
    let path = |queue: &str| format!("/v1.0/{PROJECT}/queues/{queue}/connection-test");
    let outcome = async |queue: &str, address: &str| {
        let made = cloud.call("POST", &path(queue), json!({ "address": address })).await.ok(200);
        assert_eq!(made["is_success"], json!(true));
        let task = made["task_id"].as_i64().expect("a task has a number");
        let shown = cloud.get(&format!("{}/{task}", path(queue))).await.ok(200);
        cloud.get(&format!("{}/{task}", path("q3"))).await.refused(400, "DLI.0002");
        shown["connectivity"].as_str().expect("it has an outcome").to_owned()
    };
    assert_eq!(outcome("q1", "192.168.0.1:3306").await, "UNREACHABLE");
    let hosts = json!([{ "name": "db.example.com", "ip": "192.168.0.1" }]);
    let bound = json!({ "queues": ["q1"], "elastic_resource_pools": ["pool1"], "hosts": hosts });
    let connection = cloud.create(body_with("test", bound)).await;
    for queue in ["q1", "pooled1"] {
        for (address, expected) in [
            ("192.168.0.1:3306", "REACHABLE"),
            ("[2001:db8::1]:3306", "REACHABLE"),
            ("db.example.com:3306", "REACHABLE"),
            ("www.example.com:443", "UNREACHABLE"),
        ] {
            assert_eq!(outcome(queue, address).await, expected, "{queue} {address}");
        }
    }
    assert_eq!(outcome("q2", "192.168.0.1:3306").await, "UNREACHABLE");
    cloud.call("DELETE", &connection, json!(null)).await.ok(200);
    assert_eq!(outcome("Q1", "192.168.0.1:3306").await, "UNREACHABLE");
}

#[tokio::test]
async fn invalid_connectivity_task_is_rejected() {
    let cloud = Cloud::start().await;
    let post = async |queue: &str, body| {
        cloud.call("POST", &format!("/v1.0/{PROJECT}/queues/{queue}/connection-test"), body).await
    };
    post("missing", json!({ "address": "192.168.0.1:80" })).await.refused(400, "DLI.0002");
    post("q1", json!({ "address": "192.168.0.1" })).await.refused(400, "DLI.0001");
    post("q1", json!({})).await.refused(400, "DLI.0001");
    for task in ["1", "x"] {
        cloud.get(&format!("/v1.0/{PROJECT}/queues/q1/connection-test/{task}")).await.refused(400, "DLI.0002");
    }
}
