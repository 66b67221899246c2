//! The emulator's memory does not grow with the number of requests.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    control::control,
    harness::{Cloud, PROJECT, body, body_with, connections},
};

/// The state as in a state file.
async fn projects(cloud: &Cloud) -> Value {
    control(&cloud.emulator, "GET", "state", Value::Null).await.1["projects"].clone()
}

#[tokio::test]
async fn read_project_is_not_stored() {
    let cloud = Cloud::start().await;
    for number in 0..3 {
        let found = cloud.get(&format!("/v1.0/{number}/queues")).await.ok(200);
        assert_eq!(found["queues"].as_array().map(Vec::len), Some(6), "it has its stock nevertheless");
        assert_eq!(cloud.emulator.pools(&number.to_string()).len(), 3);
    }
    cloud.fault("*:stale=1m");
    cloud.get(&connections()).await.ok(200);
    assert_eq!(projects(&cloud).await, json!({}));
    cloud.create(body("test")).await;
    assert_eq!(projects(&cloud).await.as_object().map(serde_json::Map::len), Some(1));
}

/// The contents are dropped when the deletion takes effect; a stale read still sees them.
#[tokio::test]
async fn deletion_drops_connection_contents() {
    let cloud = Cloud::start().await;
    cloud.emulator.set_delete_delay(Duration::from_mins(1));
    let more = json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}], "tags": [{"key": "a", "value": "b"}]});
    let path = cloud.create(body_with("test", more)).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let edited = cloud.emulator.edit(PROJECT, |account| {
        account.add_route(&id, "r", "10.0.0.0/8")?;
        account.grant(&id, "0123")
    });
    edited.expect("no file").expect("allowed");
    let held = async || {
        let record = projects(&cloud).await[PROJECT]["connections"][0].clone();
        let count = |field: &Value| field.as_array().map(Vec::len).or(field.as_object().map(serde_json::Map::len));
        ["hosts", "tags", "routes", "shared_with"].map(|field| count(&record[field]))
    };
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    cloud.clock.advance(Duration::from_secs(59));
    assert_eq!(cloud.get(&path).await.ok(200)["hosts"][0]["name"], "a");
    assert_eq!(held().await, [Some(1); 4]);

    cloud.clock.advance(Duration::from_secs(1));
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["status"], &shown["hosts"], &shown["routes"]), (&json!("DELETED"), &json!([]), &json!([])));
    assert_eq!((&shown["name"], &shown["create_time"]), (&json!("test"), &json!(1_767_225_600_000_i64)));
    assert_eq!(held().await, [Some(0); 4]);

    // Without a delay the deletion takes effect at once.
    cloud.emulator.set_delete_delay(Duration::ZERO);
    cloud.fault("Show*:stale=1m");
    let path = cloud.create(body_with("test", json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}]}))).await;
    cloud.clock.advance(Duration::from_mins(1));
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(projects(&cloud).await[PROJECT]["connections"][1]["hosts"], json!([]));
    assert_eq!(cloud.get(&path).await.ok(200)["hosts"][0]["name"], "a");
}

/// The time of deletion decides, not the time of creation.
#[tokio::test]
async fn newest_deleted_connections_are_kept() {
    let cloud = Cloud::start().await;
    let stays = cloud.create(body("stays")).await;
    let create = serde_json::from_value::<terraform_provider_dli::dli::wire::CreateConnection>(body("goes"));
    let create = create.expect("a good body");
    let edited = cloud.emulator.edit(PROJECT, |account| {
        let mut go = || account.create(create.clone()).and_then(|id| account.delete(&id).map(|()| id));
        (0..1_005).map(|_| go()).collect::<Result<Vec<_>, _>>()
    });
    let ids = edited.expect("no file").expect("allowed");
    cloud.clock.advance(Duration::from_millis(1));
    cloud.call("DELETE", &stays, Value::Null).await.ok(200);
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1_000);
    let show = async |id: &str| cloud.get(&format!("{}/{id}", connections())).await;
    show(&ids[5]).await.refused(400, "DLI.0001");
    for path in [&ids[6], &ids[1_004], &stays] {
        let id = path.rsplit('/').next().expect("an id");
        assert_eq!(show(id).await.ok(200)["status"], "DELETED");
    }
}
