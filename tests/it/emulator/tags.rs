//! Operations on tags.

use serde_json::{Value, json};

use super::harness::{Cloud, NOWHERE, PROJECT, body_with};

fn numbered(from: usize, to: usize) -> Value {
    (from..to).map(|number| json!({"key": format!("k{number:02}"), "value": "v"})).collect()
}

#[tokio::test]
async fn tags_are_listed_added_and_removed() {
    let cloud = Cloud::start().await;
    let created = json!({"tags": [{"key": "owner", "value": "me"}, {"key": "empty", "value": ""}]});
    let path = cloud.create(body_with("test", created)).await;
    let id = path.rsplit('/').next().expect("an id");
    let path = format!("/v3/{PROJECT}/dli_enhanced_datasource/{id}/tags");
    let change =
        async |what: &str, tags: Value| cloud.call("POST", &format!("{path}/{what}"), json!({"tags": tags})).await;
    let empty = json!({"key": "empty", "value": ""});
    assert_eq!(cloud.get(&path).await.ok(200), json!({"tags": [empty, {"key": "owner", "value": "me"}], "count": 2}));

    let added = json!([{"key": "owner", "value": "you"}, {"key": "größe", "value": "ü 1"}]);
    assert_eq!(change("create", added).await.ok(204), Value::Null);
    let all = json!([empty, {"key": "größe", "value": "ü 1"}, {"key": "owner", "value": "you"}]);
    assert_eq!(cloud.get(&path).await.ok(200), json!({"tags": all, "count": 3}));
    assert_eq!(cloud.get(&format!("{path}?limit=1&offset=1")).await.ok(200), json!({"tags": [all[1]], "count": 3}));

    change("delete", json!([{"key": "owner", "value": "you"}, {"key": "absent"}])).await.ok(204);
    assert_eq!(cloud.get(&path).await.ok(200)["count"], 2);
    assert_eq!(cloud.emulator.tags(PROJECT, id).len(), 2);

    // The limit of 20 applies to the connection, not to the request.
    change("create", numbered(0, 19)).await.refused(400, "DLI.0001");
    assert_eq!(cloud.get(&path).await.ok(200)["count"], 2);
    change("create", numbered(0, 18)).await.ok(204);
    change("create", json!([{"key": "k00", "value": "overwritten"}])).await.ok(204);
    change("create", json!([{"key": "one_more", "value": ""}])).await.refused(400, "DLI.0001");
    change("create", json!([{"key": "_sys_a", "value": ""}])).await.refused(400, "DLI.0001");
    change("create", json!([{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])).await.refused(400, "DLI.0001");

    let nowhere = path.replace(id, NOWHERE);
    cloud.get(&nowhere).await.refused(400, "DLI.0001");
    cloud.call("POST", &format!("{nowhere}/create"), json!({"tags": []})).await.refused(400, "DLI.0001");
    cloud.call("POST", &format!("{nowhere}/delete"), json!({"tags": []})).await.refused(400, "DLI.0001");
}
