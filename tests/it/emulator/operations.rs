//! The operations on connections compared with their documentation.

use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{Host, QueueNames};

use super::harness::{Cloud, NOWHERE, PROJECT, body, body_with, connections};

fn names(list: &Value) -> Vec<&str> {
    let rows = list["connections"].as_array().expect("a list");
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

/// The documented example and the response of "show".
#[tokio::test]
async fn documented_example_is_reproduced() {
    let cloud = Cloud::start().await;
    let request = json!({
        "name": "test",
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
        "queues": ["q1", "q2"],
        "hosts": [
            {"ip": "192.168.0.1", "name": "ecs-97f8-0001"},
            {"ip": "192.168.0.2", "name": "ecs-97f8-0002"},
        ],
    });
    let reply =
        cloud.call("POST", "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections", request).await;
    assert_eq!(reply.request_id.len(), 32);
    let created = reply.ok(201);
    let id = created["connection_id"].as_str().expect("an id");
    assert_eq!(created, json!({"is_success": true, "message": "", "connection_id": id}));
    assert_eq!((id.len(), id.matches('-').count()), (36, 4));

    let mut shown = cloud.get(&format!("{}/{id}", connections())).await.ok(200);
    for binding in shown["available_queue_info"].as_array_mut().expect("a list") {
        let peer = binding.as_object_mut().expect("an object").remove("peer_id").expect("a peer id");
        assert_eq!(peer.as_str().map(str::len), Some(36));
    }
    assert_eq!(
        shown,
        json!({
            "is_success": true,
            "message": "",
            "id": id,
            "name": "test",
            "status": "ACTIVE",
            "available_queue_info": [
                {"name": "q1", "status": "ACTIVE", "err_msg": "", "update_time": 1_767_225_600_000_i64},
                {"name": "q2", "status": "ACTIVE", "err_msg": "", "update_time": 1_767_225_600_000_i64},
            ],
            "elastic_resource_pools": [],
            "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
            "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
            "create_time": 1_767_225_600_000_i64,
            "hosts": [
                {"name": "ecs-97f8-0001", "ip": "192.168.0.1"},
                {"name": "ecs-97f8-0002", "ip": "192.168.0.2"},
            ],
            "routes": [],
            "ipv6_enable": false,
            "isPrivis": true,
        })
    );
}

#[tokio::test]
async fn deleted_connection_is_shown_and_listed() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body_with("gone", json!({"queues": ["q1"]}))).await;
    cloud.create(body("here")).await;
    assert_eq!(
        cloud.call("DELETE", &path, Value::Null).await.ok(200),
        json!({"is_success": true, "message": "Deleted"})
    );
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["status"], &shown["available_queue_info"]), (&json!("DELETED"), &json!([])));

    let list = async |query: &str| cloud.get(&format!("{}{query}", connections())).await.ok(200);
    let all = list("").await;
    assert_eq!((names(&all), &all["count"], &all["is_success"]), (vec!["gone", "here"], &json!(2), &json!(true)));
    assert_eq!(names(&list("?status=ACTIVE").await), ["here"]);
    assert_eq!(names(&list("?status=active").await), ["here"]);
    assert_eq!(names(&list("?status=Deleted").await), ["gone"]);
    cloud.get(&format!("{}?status=CREATING", connections())).await.refused(400, "DLI.0001");

    // A deleted connection cannot be changed, and its name is free.
    cloud.call("DELETE", &path, Value::Null).await.refused(400, "DLI.0001");
    cloud.call("PUT", &path, json!({"hosts": []})).await.refused(400, "DLI.0001");
    cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": ["q1"]})).await.refused(400, "DLI.0001");
    cloud.create(body("gone")).await;
}

#[tokio::test]
async fn list_supports_filters_and_pages() {
    let cloud = Cloud::start().await;
    for number in 0..103 {
        let even = if number % 2 == 0 { "yes" } else { "no" };
        let tags = json!({"tags": [{"key": "even", "value": even}, {"key": "all", "value": ""}]});
        cloud.create(body_with(&format!("c{number}"), tags)).await;
        cloud.clock.advance(Duration::from_millis(1));
    }
    let list = async |query: &str| cloud.get(&format!("{}?{query}", connections())).await.ok(200);
    let counted = async |query: &str| list(query).await["count"].clone();
    assert_eq!(counted("").await, 100);
    assert_eq!(counted("limit=0").await, 103);
    assert_eq!(counted("limit=7").await, 7);
    assert_eq!(counted("offset=100").await, 3);
    assert_eq!(names(&list("limit=2&offset=101").await), ["c101", "c102"]);
    assert_eq!(names(&list("name=c1").await), ["c1"], "a name is matched whole");
    assert_eq!(counted("name=C1").await, 0);
    assert_eq!(counted("tags=even%3Dyes&limit=0").await, 52);
    assert_eq!(counted("tags=even=no,all=&limit=0").await, 51);
    assert_eq!(counted("tags=even=no,other=x").await, 0);
    for wrong in ["limit=x", "limit=-1", "offset=1.5", "tags=even"] {
        cloud.get(&format!("{}?{wrong}", connections())).await.refused(400, "DLI.0001");
    }
    let page = list("limit=0").await;
    let times: Vec<_> =
        page["connections"].as_array().expect("a list").iter().map(|row| row["create_time"].as_i64()).collect();
    assert!(times.is_sorted() && times.len() == 103);
}

#[tokio::test]
async fn name_is_unique_until_deletion() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0006");
    cloud.create(body("Test")).await;
    let other = "/v2.0/0123456789abcdef0123456789abcdef/datasource/enhanced-connections";
    cloud.call("POST", other, body("test")).await.ok(201);
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    cloud.create(body("test")).await;
}

#[tokio::test]
async fn update_replaces_hosts_in_order() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body_with("test", json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}]}))).await;
    let hosts = json!([
        {"name": "z", "ip": "10.0.0.3"},
        {"name": "a", "ip": "10.0.0.2"},
        {"name": "a", "ip": "10.0.0.1"},
    ]);
    let answer = cloud.call("PUT", &path, json!({"hosts": hosts})).await.ok(200);
    assert_eq!(answer, json!({"is_success": true, "message": ""}));
    assert_eq!(cloud.get(&path).await.ok(200)["hosts"], hosts);
    cloud.call("PUT", &path, json!({})).await.refused(400, "DLI.0001");
    cloud.call("PUT", &path, json!({"hosts": null})).await.refused(400, "DLI.0001");
    cloud.call("PUT", &path, json!({"hosts": []})).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["hosts"], json!([]));
}

#[tokio::test]
async fn unknown_connection_does_not_exist() {
    let cloud = Cloud::start().await;
    let path = format!("{}/{NOWHERE}", connections());
    let calls = [
        ("GET", String::new(), Value::Null),
        ("DELETE", String::new(), Value::Null),
        ("PUT", String::new(), json!({"hosts": []})),
        ("POST", "/associate-queue".to_owned(), json!({"queues": ["q1"]})),
        ("POST", "/disassociate-queue".to_owned(), json!({"queues": ["q1"]})),
    ];
    for (method, tail, body) in calls {
        let reply = cloud.call(method, &format!("{path}{tail}"), body).await;
        assert!(!reply.body.as_object().expect("an object").contains_key("request_id"), "only the gateway has it");
        let text = reply.refused(400, "DLI.0001");
        assert_eq!(text, "Connection 2a620c33-5609-40c9-affd-2b6453071b0f does not exist");
    }
}

#[tokio::test]
async fn unpublished_path_or_method_is_rejected() {
    let cloud = Cloud::start().await;
    let path = connections();
    let unknown = [
        ("GET", "/".to_owned()),
        ("GET", format!("{path}/")),
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/{NOWHERE}/associate-queue")),
        ("GET", format!("/v3/{PROJECT}/datasource/enhanced-connections")),
        ("GET", format!("/v3/{PROJECT}/dli_queue/{NOWHERE}/tags")),
    ];
    for (method, path) in unknown {
        let reply = cloud.call(method, &path, Value::Null).await;
        assert_eq!(reply.body["request_id"], reply.request_id.as_str());
        reply.refused(404, "APIGW.0101");
    }
}

#[tokio::test]
async fn projects_are_isolated() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    cloud.get(&path.replace(PROJECT, "0123456789abcdef0123456789abcdef")).await.refused(400, "DLI.0001");
    cloud.get("/v1.0/not-a-project/queues").await.refused(400, "DLI.0001");
    cloud.get(&format!("/v1.0/{}/queues", "a".repeat(64))).await.ok(200);
    cloud.get(&format!("/v1.0/{}/queues", "a".repeat(65))).await.refused(400, "DLI.0001");
}

/// The service's rules apply to changes made by tests.
#[tokio::test]
async fn test_can_read_and_edit_directly() {
    let cloud = Cloud::start().await;
    let routetable = "22094d8f-c310-4621-913d-4c4d655d8495";
    let path = cloud.create(body_with("test", json!({"routetable_id": routetable}))).await;
    let id = path.rsplit('/').next().expect("an id");
    let emulator = &cloud.emulator;
    assert_eq!(emulator.routetable_id(PROJECT, id).as_deref(), Some(routetable));

    let host = |name: &str| vec![Host { name: name.to_owned(), ip: "10.0.0.1".to_owned() }];
    emulator.edit(PROJECT, |account| account.replace_hosts(id, host("a"))).expect("no file").expect("allowed");
    let refusal = emulator.edit(PROJECT, |account| account.replace_hosts(id, host("9"))).expect("no file");
    assert_eq!(refusal.expect_err("a rule is broken").code, "DLI.0001");
    let queues = QueueNames { queues: vec!["Q1".to_owned()], ..QueueNames::default() };
    emulator.edit(PROJECT, |account| account.bind(id, &queues)).expect("no file").expect("allowed");
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["hosts"][0]["name"], &shown["available_queue_info"][0]["name"]), (&json!("a"), &json!("q1")));

    emulator.edit(PROJECT, |account| account.delete(id)).expect("no file").expect("allowed");
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "DELETED");
    assert!(emulator.connections(PROJECT).iter().all(terraform_provider_dli::dli::wire::Connection::is_deleted));

    let log = emulator.requests();
    assert_eq!(
        log.iter().map(|request| (request.method.as_str(), request.status)).collect::<Vec<_>>(),
        [("POST", 201), ("GET", 200), ("GET", 200)]
    );
    assert_eq!(log[0].path, connections());
    assert!(log[0].body.starts_with(b"{") && log[0].headers.iter().any(|(name, _)| name == "x-sdk-date"));
}

/// A request takes effect before its latency, even if the client disconnects.
#[tokio::test]
async fn latency_delays_response_not_effect() {
    let cloud = Cloud::start().await;
    cloud.emulator.set_latency(Duration::from_hours(1));
    {
        let body = body("test");
        let path = connections();
        let call = cloud.call("POST", &path, body);
        tokio::pin!(call);
        while cloud.emulator.requests().is_empty() {
            tokio::select! {
                _ = &mut call => panic!("the answer comes in an hour"),
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
        }
    }
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);
    cloud.emulator.set_latency(Duration::ZERO);
    cloud.get(&connections()).await.ok(200);
}

/// Delayed requests do not delay the shutdown.
#[tokio::test]
async fn stop_ends_pending_latency() {
    let cloud = Cloud::start().await;
    cloud.emulator.set_latency(Duration::from_hours(1));
    let draft = cloud.draft("GET", &connections(), b"");
    let endpoint = cloud.emulator.endpoint();
    let waiting = tokio::spawn(async move { super::harness::send(&super::harness::client(), &endpoint, draft).await });
    while cloud.emulator.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    cloud.emulator.stop().await;
    let reply =
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the waiting ends with the emulator");
    reply.expect("the request is answered").ok(200);
}
