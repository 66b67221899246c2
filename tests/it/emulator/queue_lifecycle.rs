//! Creating, changing and deleting queues and elastic resource pools.

use serde_json::{Value, json};

use super::harness::{Cloud, PROJECT, body_with};

fn queues() -> String {
    format!("/v1.0/{PROJECT}/queues")
}

fn pools() -> String {
    format!("/v3/{PROJECT}/elastic-resource-pools")
}

/// The row with this name in a list.
async fn row(cloud: &Cloud, list: &str, name: &str) -> Value {
    let (path, key, field) = match list {
        "queues" => (format!("{}?queue_type=all", queues()), "queues", "queue_name"),
        _ => (pools(), "elastic_resource_pools", "elastic_resource_pool_name"),
    };
    let listed = cloud.get(&path).await.ok(200);
    let mut rows = listed[key].as_array().expect("a list").iter();
    rows.find(|row| row[field] == name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn queue_is_created_scaled_and_deleted() {
    let cloud = Cloud::start().await;
    let created = json!({"queue_name": "ETL", "cu_count": 16, "resource_mode": 1, "description": "d",
        "enterprise_project_id": "eps1", "platform": "aarch64", "feature": "ai", "engine": "hetuEngine"});
    let answer = cloud.call("POST", &queues(), created.clone()).await.ok(200);
    assert_eq!(answer, json!({"is_success": true, "message": "", "queue_name": "etl"}));
    let found = row(&cloud, "queues", "etl").await;
    for (key, value) in [
        ("queue_type", json!("sql")),
        ("cu_count", json!(16)),
        ("resource_mode", json!(1)),
        ("description", json!("d")),
        ("enterprise_project_id", json!("eps1")),
        ("platform", json!("aarch64")),
        ("feature", json!("ai")),
        ("engine", json!("hetuEngine")),
        ("create_time", json!(1_767_225_600_000_i64)),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    assert!(found["resource_id"].as_str().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok()), "{found}");
    assert_eq!(row(&cloud, "queues", "q1").await["enterprise_project_id"], "0");
    cloud.call("POST", &queues(), created).await.refused(400, "DLI.0006");
    assert_eq!(cloud.get(&format!("{}/ETL", queues())).await.ok(200)["cuCount"], 16);

    let path = format!("{}/etl", queues());
    let act = async |body: Value| cloud.call("PUT", &format!("{path}/action"), body).await;
    assert_eq!(act(json!({"action": "restart"})).await.ok(200)["queue_name"], "etl");
    act(json!({"action": "scale_out", "cu_count": 48})).await.ok(200);
    assert_eq!(row(&cloud, "queues", "etl").await["cu_count"], 64);
    act(json!({"action": "scale_in", "cu_count": 32})).await.ok(200);
    assert_eq!(row(&cloud, "queues", "etl").await["cu_count"], 32);
    for wrong in [
        json!({"action": "scale_in", "cu_count": 32}),
        json!({"action": "scale_out", "cu_count": 8}),
        json!({"action": "scale_out"}),
        json!({"action": "stop"}),
    ] {
        act(wrong).await.refused(400, "DLI.0001");
    }

    // A connection can bind it, and its network can change only before that.
    cloud.call("PUT", &path, json!({"cidr_in_vpc": "10.9.0.0/24"})).await.ok(200);
    assert_eq!(row(&cloud, "queues", "etl").await["cidr_in_vpc"], "10.9.0.0/24");
    cloud.create(body_with("test", json!({"queues": ["etl"]}))).await;
    let text = cloud.call("PUT", &path, json!({"cidr_in_vpc": "10.8.0.0/24"})).await.refused(400, "DLI.0007");
    assert!(text.contains("bound to the connection test"), "{text}");
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(row(&cloud, "queues", "etl").await, Value::Null);
    cloud.call("DELETE", &path, Value::Null).await.refused(400, "DLI.0002");
    act(json!({"action": "restart"})).await.refused(400, "DLI.0002");
}

#[tokio::test]
async fn invalid_queue_is_rejected() {
    let cloud = Cloud::start().await;
    for (change, code) in [
        (json!({"queue_name": "a b"}), "DLI.0001"),
        (json!({"queue_type": "spark"}), "DLI.0001"),
        (json!({"cu_count": 20}), "DLI.0001"),
        (json!({"cu_count": 0}), "DLI.0001"),
        (json!({"charging_mode": 2}), "DLI.0001"),
        (json!({"resource_mode": 2}), "DLI.0001"),
        (json!({"description": "d".repeat(129)}), "DLI.0001"),
        (json!({"elastic_resource_pool_name": "nowhere"}), "DLI.0002"),
        (json!({"elastic_resource_pool_name": "pool1", "cu_count": 100}), "DLI.0001"),
        (json!({"elastic_resource_pool_name": "pool1", "cu_count": 36}), "DLI.0001"),
    ] {
        let mut body = json!({"queue_name": "new", "cu_count": 16});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        cloud.call("POST", &queues(), body).await.refused(400, code);
        assert_eq!(row(&cloud, "queues", "new").await, Value::Null, "{change}");
    }
    cloud.call("POST", &queues(), json!({"queue_name": "new"})).await.refused(400, "DLI.0001");
    // A queue in a pool has the pool's network and is scaled by policies.
    let pooled = format!("{}/pooled1", queues());
    cloud.call("PUT", &pooled, json!({"cidr_in_vpc": "10.9.0.0/24"})).await.refused(400, "DLI.0007");
    let action = json!({"action": "scale_out", "cu_count": 16});
    cloud.call("PUT", &format!("{pooled}/action"), action).await.refused(400, "DLI.0007");
    cloud.call("PUT", &format!("{}/q2/action", queues()), json!({"action": "restart"})).await.refused(400, "DLI.0007");
}

#[tokio::test]
async fn queue_properties_are_set_listed_and_deleted() {
    let cloud = Cloud::start().await;
    let path = format!("/v3/{PROJECT}/queues/Q1/properties");
    let listed = async |tail: &str| {
        let list = cloud.get(&format!("{path}{tail}")).await.ok(200);
        let rows = list["properties"].as_array().expect("a list").iter();
        let text =
            |row: &Value| format!("{}={}", row["key"].as_str().expect("text"), row["value"].as_str().expect("text"));
        (rows.map(text).collect::<Vec<_>>(), list["count"].clone())
    };
    assert_eq!(listed("").await, (vec![], json!(0)));
    let set = json!({"properties": {"computeEngine.maxInstance": 4, "job.maxConcurrent": "8"}});
    cloud.call("POST", &path, set).await.ok(200);
    let set = json!({"properties": {"computeEngine.maxInstance": 5, "computeEngine.spark.nativeEnabled": true}});
    cloud.call("PUT", &path, set).await.ok(200);
    let all = ["computeEngine.maxInstance=5", "computeEngine.spark.nativeEnabled=true", "job.maxConcurrent=8"];
    assert_eq!(listed("").await, (all.map(str::to_owned).to_vec(), json!(3)));
    assert_eq!(listed("?limit=1&offset=1").await, (vec![all[1].to_owned()], json!(3)));
    for wrong in [json!({"properties": {"size": 1}}), json!({"properties": {"job.maxConcurrent": []}}), json!({})] {
        cloud.call("PUT", &path, wrong).await.refused(400, "DLI.0001");
    }
    cloud.call("DELETE", &path, json!({"keys": ["job.maxConcurrent", "absent"]})).await.ok(200);
    assert_eq!(listed("").await.0, all[..2]);
    let nowhere = format!("/v3/{PROJECT}/queues/nowhere/properties");
    cloud.get(&nowhere).await.refused(400, "DLI.0002");
    cloud.call("PUT", &nowhere, json!({"properties": {}})).await.refused(400, "DLI.0002");
    // A new queue of the same name has none.
    cloud.call("DELETE", &format!("{}/q1", queues()), Value::Null).await.ok(200);
    cloud.call("POST", &queues(), json!({"queue_name": "q1", "cu_count": 16})).await.ok(200);
    assert_eq!(listed("").await, (vec![], json!(0)));
}

#[tokio::test]
async fn pool_is_created_updated_and_deleted() {
    let cloud = Cloud::start().await;
    let created = json!({"elastic_resource_pool_name": "New", "min_cu": 64, "max_cu": 96, "description": "d",
        "enterprise_project_id": "eps1", "cidr_in_vpc": "10.80.0.0/16"});
    let answer = cloud.call("POST", &pools(), created.clone()).await.ok(200);
    assert_eq!(answer["elastic_resource_pool_name"], "new");
    let found = row(&cloud, "pools", "new").await;
    for (key, value) in [
        ("status", json!("AVAILABLE")),
        ("cidr_in_vpc", json!("10.80.0.0/16")),
        ("enterprise_project_id", json!("eps1")),
        ("label", json!({})),
        ("manager", json!("common")),
        ("charging_mode", json!(1)),
        ("current_cu", json!(64)),
        ("actual_cu", json!(64)),
        ("prepay_cu", json!(0)),
        ("queues", json!([])),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    assert!(found["id"].is_i64() && found["resource_id"].as_str().is_some_and(|id| id.len() == 36), "{found}");
    cloud.call("POST", &pools(), created).await.refused(400, "DLI.0006");

    let path = format!("{}/new", pools());
    cloud.call("PUT", &path, json!({"max_cu": 128, "description": ""})).await.ok(200);
    let found = row(&cloud, "pools", "new").await;
    assert_eq!((&found["max_cu"], &found["min_cu"], &found["description"]), (&json!(128), &json!(64), &json!("")));
    let text = cloud.call("PUT", &path, json!({"min_cu": 80})).await.refused(400, "DLI.0001");
    assert!(text.contains("exceeds the current size of 64 CUs"), "{text}");

    // A connection can bind it; it cannot be deleted while it holds a queue.
    cloud.create(body_with("test", json!({"elastic_resource_pools": ["new"]}))).await;
    let queue = json!({"queue_name": "in_new", "cu_count": 20, "elastic_resource_pool_name": "new"});
    cloud.call("POST", &queues(), queue).await.ok(200);
    assert_eq!(row(&cloud, "queues", "in_new").await["cidr_in_vpc"], "10.80.0.0/16");
    cloud.call("DELETE", &path, Value::Null).await.refused(400, "DLI.0007");
    cloud.call("DELETE", &format!("{}/in_new", queues()), Value::Null).await.ok(200);
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(row(&cloud, "pools", "new").await, Value::Null);
    cloud.call("DELETE", &path, Value::Null).await.refused(400, "DLI.0002");
    cloud.call("PUT", &path, json!({})).await.refused(400, "DLI.0002");

    let basic = json!({"elastic_resource_pool_name": "basic", "min_cu": 16, "max_cu": 64, "label": {"spec": "basic"}});
    cloud.call("POST", &pools(), basic).await.ok(200);
    let found = row(&cloud, "pools", "basic").await;
    assert_eq!((&found["label"], &found["cidr_in_vpc"]), (&json!({"spec": "basic"}), &json!("172.16.0.0/12")));
    for change in [
        json!({"elastic_resource_pool_name": "a b"}),
        json!({"min_cu": 16}),
        json!({"min_cu": 72}),
        json!({"min_cu": 96, "max_cu": 80}),
        json!({"max_cu": 64_000}),
        json!({"charging_mode": 2}),
        json!({"cidr_in_vpc": "x"}),
        json!({"description": "d".repeat(257)}),
    ] {
        let mut body = json!({"elastic_resource_pool_name": "other", "min_cu": 64, "max_cu": 96});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        cloud.call("POST", &pools(), body).await.refused(400, "DLI.0001");
    }
}

/// The lists do not return tags (documented), but can be filtered by tags.
#[tokio::test]
async fn lists_are_filtered_by_tags() {
    let cloud = Cloud::start().await;
    let tags = json!([{"key": "team", "value": "a"}, {"key": "stage", "value": "1"}]);
    let queue = json!({"queue_name": "tagged", "cu_count": 16, "tags": tags});
    cloud.call("POST", &queues(), queue.clone()).await.ok(200);
    // The huaweicloud provider replaces a queue if the list has a feature that was not requested.
    assert_eq!(row(&cloud, "queues", "tagged").await["feature"], "");
    let pool = json!({"elastic_resource_pool_name": "tagged", "min_cu": 64, "max_cu": 64, "tags": tags});
    cloud.call("POST", &pools(), pool).await.ok(200);
    for (filter, count) in [("team=a", 1), ("team=a,stage=1", 1), ("team=a,stage=2", 0), ("other=a", 0)] {
        let found = cloud.get(&format!("{}?tags={filter}", queues())).await.ok(200);
        assert_eq!(found["queues"].as_array().map(Vec::len), Some(count), "{filter}");
        let found = cloud.get(&format!("{}?tags={filter}", pools())).await.ok(200);
        assert_eq!(found["count"], count, "{filter}");
    }
    let mut invalid = queue;
    invalid["queue_name"] = json!("other");
    invalid["tags"] = json!([{"key": "", "value": ""}]);
    cloud.call("POST", &queues(), invalid).await.refused(400, "DLI.0001");
    // The number of a pool does not depend on the filter.
    assert_eq!(cloud.get(&format!("{}?name=tagged", pools())).await.ok(200)["elastic_resource_pools"][0]["id"], 4);
}

#[tokio::test]
async fn scaling_policies_are_replaced() {
    let cloud = Cloud::start().await;
    let of_queue = |queue: &str| format!("{}/pool1/queues/{queue}", pools());
    let policies = async |queue: &str| {
        let listed = cloud.get(&format!("{}/pool1/queues?queue_name={queue}", pools())).await.ok(200);
        listed["queues"][0].clone()
    };
    let policy = |start: &str, stop: &str, min: i64, max: i64| json!({"priority": 1, "impact_start_time": start, "impact_stop_time": stop, "min_cu": min, "max_cu": max});
    let found = policies("pooled1").await;
    assert_eq!(found["queue_scaling_policies"], json!([policy("00:00", "24:00", 16, 16)]));
    assert_eq!((&found["enterprise_project_id"], &found["engine"]), (&json!("0"), &json!("spark")));

    let mut night = policy("00:00", "06:00", 0, 96);
    night["inherit_elastic_resource_pool_max_cu"] = json!(true);
    let new = json!({"queue_scaling_policies": [policy("00:00", "24:00", 16, 32), night]});
    cloud.call("PUT", &of_queue("POOLED1"), new.clone()).await.ok(200);
    assert_eq!(policies("pooled1").await["queue_scaling_policies"], new["queue_scaling_policies"]);
    for (policies, said) in [
        (vec![], "lack the default one"),
        (vec![policy("00:00", "24:00", 16, 100)], "may have 100 CUs, and the pool at most 96"),
        (vec![policy("00:00", "24:00", 52, 52)], "at least 68 CUs in all, and the pool has a minimum of 64"),
    ] {
        let body = json!({ "queue_scaling_policies": policies });
        let text = cloud.call("PUT", &of_queue("pooled1"), body).await.refused(400, "DLI.0001");
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(policies("pooled1").await["queue_scaling_policies"], new["queue_scaling_policies"]);
    cloud.call("PUT", &of_queue("q1"), new).await.refused(400, "DLI.0002");
    // The pool must stay large enough for its queues.
    let text = cloud.call("PUT", &format!("{}/pool1", pools()), json!({"max_cu": 80})).await.refused(400, "DLI.0001");
    assert!(text.contains("may have 96 CUs"), "{text}");

    // A dedicated queue moves into the pool; there is no way back.
    let add = async |queue: &str| {
        cloud.call("POST", &format!("{}/pool1/queues", pools()), json!({ "queue_name": queue })).await
    };
    add("q1").await.ok(200);
    let found = row(&cloud, "queues", "q1").await;
    assert_eq!(
        (&found["elastic_resource_pool_name"], &found["cidr_in_vpc"]),
        (&json!("pool1"), &json!("10.30.0.0/18"))
    );
    assert_eq!(policies("q1").await["queue_scaling_policies"], json!([policy("00:00", "24:00", 16, 16)]));
    for queue in ["q1", "shared1"] {
        add(queue).await.refused(400, "DLI.0007");
    }
    add("nowhere").await.refused(400, "DLI.0002");
}
