//! Both sides of every documented limit.

use serde_json::{Value, json};

use super::harness::{Cloud, PROJECT, body, body_with, connections};

#[tokio::test]
async fn connection_fields_are_validated() {
    let cloud = Cloud::start().await;
    let name = |name: &str| json!({"name": name});
    let tag = |key: &str, value: &str| json!({"tags": [{"key": key, "value": value}]});
    let host = |name: &str, ip: &str| json!({"hosts": [{"name": name, "ip": ip}]});
    let tags =
        |count| json!({"tags": (0..count).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect::<Value>()});
    let good = [
        name(&"a".repeat(64)),
        name("_9"),
        json!({"dest_vpc_id": "22094D8F-C310-4621-913D-4C4D655D8495"}),
        json!({"routetable_id": "22094d8f-c310-4621-913d-4c4d655d8495"}),
        json!({"queues": [], "elastic_resource_pools": null, "tags": null, "hosts": null, "unknown": 1}),
        host(&"a".repeat(128), "255.255.255.255"),
        host("test.test.com", "0.0.0.0"),
        tags(20),
        tag(&"键".repeat(128), &"v".repeat(255)),
    ];
    let bad = [
        (name(&"a".repeat(65)), "name"),
        (name(""), "name"),
        (name("a-b"), "name"),
        (json!({"dest_vpc_id": "22094d8f"}), "dest_vpc_id"),
        (json!({"dest_network_id": "22094d8f-c310-4621-913d-4c4d655d849g"}), "dest_network_id"),
        (json!({"routetable_id": ""}), "routetable_id"),
        (host(&"a".repeat(129), "10.0.0.1"), "hosts[0].name"),
        (host("9bad", "10.0.0.1"), "hosts[0].name"),
        (host("a", "256.0.0.1"), "hosts[0].ip"),
        (host("a", "::1"), "hosts[0].ip"),
        (tags(21), "tags"),
        (tag(&"键".repeat(129), ""), "tags.key"),
        (tag("a", &"v".repeat(256)), "tags.value"),
        (tag("_sys_a", ""), "tags.key"),
        (tag(" a", ""), "tags.key"),
        (json!({"tags": [{"key": "a", "value": ""}, {"key": "a", "value": ""}]}), "tags"),
    ];
    for (number, more) in good.into_iter().enumerate() {
        cloud.create(body_with(&format!("good{number}"), more)).await;
    }
    for (number, (more, named)) in bad.into_iter().enumerate() {
        let text =
            cloud.call("POST", &connections(), body_with(&format!("bad{number}"), more)).await.refused(400, "DLI.0001");
        assert!(text.starts_with(&format!("The parameter {named} is invalid")), "{text}");
    }
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 9);
}

#[tokio::test]
async fn missing_field_or_wrong_type_is_rejected() {
    let cloud = Cloud::start().await;
    for field in ["name", "dest_vpc_id", "dest_network_id"] {
        let mut missing = body("test");
        missing.as_object_mut().expect("an object").remove(field);
        let text = cloud.call("POST", &connections(), missing).await.refused(400, "DLI.0001");
        assert!(text.contains(&format!("missing field `{field}`")), "{text}");
        for wrong in [Value::Null, json!(1), json!(["a"])] {
            cloud.call("POST", &connections(), body_with("test", json!({field: wrong}))).await.refused(400, "DLI.0001");
        }
    }
    let wrong = [
        json!({"queues": "q1"}),
        json!({"queues": [1]}),
        json!({"elastic_resource_pools": "pool1"}),
        json!({"hosts": {"a": "10.0.0.1"}}),
        json!({"hosts": [{"name": "a"}]}),
        json!({"tags": ["a"]}),
        json!({"routetable_id": 1}),
    ];
    for more in wrong {
        cloud.call("POST", &connections(), body_with("test", more)).await.refused(400, "DLI.0001");
    }
    for bytes in ["", "{", "[]", "null", "1", "\u{0}", "{\"name\":\"a\",\"name\":\"b\"}"] {
        let draft = cloud.draft("POST", &connections(), bytes.as_bytes());
        cloud.send(draft).await.refused(400, "DLI.0001");
    }
    assert!(cloud.emulator.connections(PROJECT).is_empty());
}

/// 20,000 host records are accepted quickly by creation and replacement; one more is rejected.
#[tokio::test]
async fn twenty_thousand_hosts_are_accepted() {
    let cloud = Cloud::start().await;
    let hosts = |count: usize| -> Value {
        (0..count)
            .map(|n| json!({"name": format!("host-{n}"), "ip": format!("10.0.{}.{}", n / 256, n % 256)}))
            .collect()
    };
    let path = cloud.create(body_with("test", json!({"hosts": hosts(20_000)}))).await;
    cloud
        .call("POST", &connections(), body_with("more", json!({"hosts": hosts(20_001)})))
        .await
        .refused(400, "DLI.0001");
    let text = cloud.call("PUT", &path, json!({"hosts": hosts(20_001)})).await.refused(400, "DLI.0001");
    assert_eq!(text, "The parameter hosts is invalid: 20001 records; at most 20000 are supported");
    cloud.call("PUT", &path, json!({"hosts": hosts(20_000)})).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["hosts"].as_array().map(Vec::len), Some(20_000));
}

/// 12 MB are read (and are not JSON); one byte more is rejected.
#[tokio::test]
async fn twelve_megabyte_body_is_accepted() {
    let cloud = Cloud::start().await;
    let most = 12 * 1024 * 1024;
    let draft = cloud.draft("POST", &connections(), &vec![b' '; most]);
    cloud.send(draft).await.refused(400, "DLI.0001");
    for length in [most + 1, 2 * most] {
        let draft = cloud.draft("POST", &connections(), &vec![b' '; length]);
        let reply = cloud.send(draft).await;
        assert_eq!(reply.body["request_id"], reply.request_id.as_str());
        reply.refused(413, "APIGW.0201");
    }
    assert!(cloud.emulator.requests().iter().all(|request| request.body.len() <= most));
}
