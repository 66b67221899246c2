//! Operations on queues, and the queues that can be bound.

use serde_json::{Value, json};

use super::harness::{Cloud, PROJECT, body, body_with, connections};

fn names(list: &Value) -> Vec<&str> {
    list["queues"].as_array().expect("a list").iter().map(|row| row["queue_name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn list_returns_requested_fields_only() {
    let cloud = Cloud::start().await;
    let list = async |query: &str| cloud.get(&format!("/v1.0/{PROJECT}/queues{query}")).await.ok(200);
    assert_eq!(
        names(&list("").await),
        ["default", "pooled2", "q1", "q3", "shared1", "yearly1"],
        "sql is the default type"
    );
    assert_eq!(names(&list("?queue_type=general").await), ["pooled1", "pooled3", "q2"]);
    let all = list("?queue_type=all").await;
    let every = ["default", "pooled1", "pooled2", "pooled3", "q1", "q2", "q3", "shared1", "yearly1"];
    assert_eq!(names(&all), every);
    assert_eq!((&all["is_success"], &all["message"]), (&json!(true), &json!("")));
    assert_eq!(all["queues"][0].get("charging_mode"), None);
    assert_eq!(list("?with-charge-info=true").await["queues"][0]["charging_mode"], 1);
    assert_eq!(names(&list("?queue_type=all&order=queue_name_desc").await)[0], "yearly1");
    assert_eq!(names(&list("?queue_type=all&page-size=4&current-page=2").await), ["q1", "q2", "q3", "shared1"]);
    assert_eq!(names(&list("?tags=a=b").await), Vec::<&str>::new());
    for wrong in ["queue_type=spark", "order=x", "page-size=x", "current-page=-1"] {
        cloud.get(&format!("/v1.0/{PROJECT}/queues?{wrong}")).await.refused(400, "DLI.0001");
    }
}

/// "Show" spells four keys in camel case and omits the network.
#[tokio::test]
async fn show_uses_camel_case_keys() {
    let cloud = Cloud::start().await;
    let show = async |name: &str| cloud.get(&format!("/v1.0/{PROJECT}/queues/{name}")).await;
    assert_eq!(
        show("POOLED1").await.ok(200),
        json!({
            "is_success": true, "message": "", "queueName": "pooled1", "queueType": "general", "description": "",
            "owner": "emulator", "cuCount": 16, "chargingMode": 1, "resource_mode": 1,
            "elastic_resource_pool_name": "pool1", "create_time": 1_704_067_200_000_i64,
        })
    );
    assert_eq!(show("shared1").await.ok(200)["resource_mode"], 0);
    assert_eq!(show("missing").await.refused(400, "DLI.0002"), "There is no queue named missing");
}

#[tokio::test]
async fn queue_is_bound_and_unbound() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let post = async |tail: &str, body: Value| cloud.call("POST", &format!("{path}/{tail}"), body).await;
    let bound = async || {
        let shown = cloud.get(&path).await.ok(200);
        let names = |list: &str| {
            let rows = shown[list].as_array().expect("a list").iter();
            rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        };
        (names("available_queue_info"), names("elastic_resource_pools"))
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();

    assert_eq!(
        post("associate-queue", json!({"queues": ["Q1", "q2"]})).await.ok(200),
        json!({"is_success": true, "message": "associated peer connection for queues: {Q1,q2}."})
    );
    assert_eq!(bound().await, (owned(&["q1", "q2"]), vec![]));
    post("associate-queue", json!({"queues": ["q1"]})).await.ok(200);
    assert_eq!(bound().await, (owned(&["q1", "q2"]), vec![]), "bound once");

    // Binding a queue in a pool binds the pool.
    post("associate-queue", json!({"queues": ["pooled1"]})).await.ok(200);
    assert_eq!(bound().await, (owned(&["q1", "q2"]), owned(&["pool1"])));
    assert_eq!(
        post("disassociate-queue", json!({"queues": ["q1"], "elastic_resource_pools": ["pool1"]})).await.ok(200),
        json!({"is_success": true, "message": "Disassociated peer connection for queues:{q1,pool1}."})
    );
    assert_eq!(bound().await, (owned(&["q2"]), vec![]));
    post("associate-queue", json!({"elastic_resource_pools": ["pool1"]})).await.ok(200);
    post("disassociate-queue", json!({"queues": ["Pooled1", "Q2"]})).await.ok(200);
    assert_eq!(bound().await, (vec![], vec![]));

    // An unbound queue and a missing queue.
    post("disassociate-queue", json!({"queues": ["q1", "default"]})).await.ok(200);
    post("disassociate-queue", json!({"queues": ["missing"]})).await.refused(400, "DLI.0002");
    post("disassociate-queue", json!({"elastic_resource_pools": ["missing"]})).await.refused(400, "DLI.0002");
}

/// Creation and binding reject the queue without effect.
#[tokio::test]
async fn shared_queue_cannot_be_bound() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let cases = [
        (json!({"queues": ["q1", "default"]}), "DLI.0007", "default"),
        (json!({"queues": ["q1", "DEFAULT"]}), "DLI.0007", "default"),
        (json!({"queues": ["q1", "shared1"]}), "DLI.0007", "shared1"),
        (json!({"queues": ["q1", "missing"]}), "DLI.0002", "missing"),
        (json!({"queues": ["q1", "q-1"]}), "DLI.0001", "q-1"),
        (json!({"queues": ["q1"], "elastic_resource_pools": ["missing"]}), "DLI.0002", "missing"),
    ];
    for (names, code, named) in cases {
        let text = cloud.call("POST", &format!("{path}/associate-queue"), names.clone()).await.refused(400, code);
        assert!(text.contains(named), "{text}");
        let text = cloud.call("POST", &connections(), body_with("other", names)).await.refused(400, code);
        assert!(text.contains(named), "{text}");
    }
    assert_eq!(cloud.get(&path).await.ok(200)["available_queue_info"], json!([]));
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);
}
