//! Sharing a connection with other projects.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Cloud, NOWHERE, PROJECT, body, connections};

const OTHER: &str = "330e068af1334c9782f4226acc00a2e2";
const BIND: &[&str] = &["BIND_QUEUE"];
const THIRD: &str = "0123456789abcdef0123456789abcdef";

fn request(action: &str, project: &str, id: &str, privileges: &[&str]) -> Value {
    json!({
        "projectId": project,
        "action": action,
        "privileges": [{"object": format!("edsconnections.{id}"), "privileges": privileges}],
    })
}

#[tokio::test]
async fn privilege_is_granted_shown_and_revoked() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let put = async |body: Value| cloud.call("PUT", &format!("/v1.0/{PROJECT}/authorization"), body).await;
    // The documented response, and the field whose absence is significant.
    let shown = async || {
        let listed = cloud.get(&connections()).await.ok(200)["connections"][0]["isPrivis"].clone();
        assert_eq!(cloud.get(&path).await.ok(200)["isPrivis"], listed);
        let privileges = cloud.get(&format!("{path}/privileges")).await.ok(200);
        assert_eq!((&privileges["connection_id"], &privileges["is_success"]), (&json!(id), &json!(true)));
        (privileges["privileges"].clone(), listed)
    };
    let object = format!("edsconnections.{id}");
    let row = |project: &str| {
        json!({"object": object, "applicant_project_id": project, "project_id": project,
        "privileges": ["BIND_QUEUE"]})
    };
    assert_eq!(shown().await, (json!([]), json!(true)));

    assert_eq!(put(request("grant", OTHER, &id, BIND)).await.ok(200), json!({"is_success": true, "message": ""}));
    put(request("grant", OTHER, &id, BIND)).await.ok(200);
    put(request("update", THIRD, &id, BIND)).await.ok(200);
    put(request("grant", "a", &id, &[])).await.ok(200);
    assert_eq!(shown().await, (json!([row(THIRD), row(OTHER)]), json!(false)));
    put(request("revoke", OTHER, &id, BIND)).await.ok(200);
    put(request("revoke", OTHER, &id, BIND)).await.ok(200);
    assert_eq!(shown().await, (json!([row(THIRD)]), json!(false)));
    put(request("update", THIRD, &id, &[])).await.ok(200);
    assert_eq!(shown().await, (json!([]), json!(true)));

    let edited = cloud.emulator.edit(PROJECT, |account| {
        account.grant(&id, OTHER)?;
        account.grant(&id, THIRD)?;
        account.revoke(&id, OTHER)
    });
    edited.expect("no file").expect("allowed");
    assert_eq!(shown().await, (json!([row(THIRD)]), json!(false)));
}

#[tokio::test]
async fn invalid_grant_is_rejected() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let wrong = [
        request("give", OTHER, &id, BIND),
        request("grant", "not-a-project", &id, BIND),
        request("grant", "", &id, BIND),
        request("grant", OTHER, &id, &["BIND_QUEUE", "DROP_QUEUE"]),
        request("grant", OTHER, NOWHERE, BIND),
        json!({"projectId": OTHER, "action": "grant", "privileges": [
            {"object": format!("queues.{id}"), "privileges": ["BIND_QUEUE"]},
        ]}),
        json!({"projectId": OTHER, "action": "grant", "privileges": [
            {"object": format!("edsconnections.{id}"), "privileges": ["BIND_QUEUE"]},
            {"object": format!("edsconnections.{NOWHERE}"), "privileges": ["BIND_QUEUE"]},
        ]}),
        json!({"project_id": OTHER, "action": "grant", "privileges": []}),
    ];
    for body in wrong {
        cloud.call("PUT", &format!("/v1.0/{PROJECT}/authorization"), body).await.refused(400, "DLI.0001");
    }
    assert_eq!(cloud.get(&format!("{path}/privileges")).await.ok(200)["privileges"], json!([]), "nothing by halves");

    let text = cloud.get(&format!("{}/{NOWHERE}/privileges", connections())).await.refused(400, "DLI.0001");
    assert_eq!(text, format!("Connection {NOWHERE} does not exist"));
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    cloud.get(&format!("{path}/privileges")).await.refused(400, "DLI.0001");
}

/// One of two connections is being deleted, so neither is changed.
#[tokio::test]
async fn grant_on_deleting_connection_changes_nothing() {
    let cloud = Cloud::start().await;
    cloud.emulator.set_delete_delay(Duration::from_mins(1));
    let [stays, goes] = [cloud.create(body("stays")).await, cloud.create(body("goes")).await];
    cloud.call("DELETE", &goes, Value::Null).await.ok(200);
    let ids = [&stays, &goes].map(|path| path.rsplit('/').next().expect("an id").to_owned());
    let both = ids.map(|id| json!({"object": format!("edsconnections.{id}"), "privileges": ["BIND_QUEUE"]}));
    let body = json!({"projectId": OTHER, "action": "grant", "privileges": both});
    cloud.call("PUT", &format!("/v1.0/{PROJECT}/authorization"), body).await.refused(400, "DLI.0007");
    assert_eq!(cloud.get(&format!("{stays}/privileges")).await.ok(200)["privileges"], json!([]));
}

/// The rights are those of the User Guide; the error codes and the separate bindings are inferences.
#[tokio::test]
async fn other_project_uses_a_shared_connection() {
    let cloud = Cloud::start().await;
    let owned = cloud.create(body("test")).await;
    let id = owned.rsplit('/').next().expect("an id").to_owned();
    let list = format!("/v2.0/{OTHER}/datasource/enhanced-connections");
    let shared = format!("{list}/{id}");
    let routes = format!("/v3/{OTHER}/datasource/enhanced-connections/{id}/routes");
    let queues = json!({"queues": ["q1"]});
    let associate = format!("{shared}/associate-queue");
    let privilege = async |action| {
        let path = format!("/v1.0/{PROJECT}/authorization");
        cloud.call("PUT", &path, request(action, OTHER, &id, BIND)).await.ok(200);
    };
    assert_eq!(cloud.get(&list).await.ok(200)["connections"], json!([]));
    cloud.get(&shared).await.refused(400, "DLI.0001");
    cloud.call("POST", &associate, queues.clone()).await.refused(400, "DLI.0001");

    privilege("grant").await;
    let shown = cloud.get(&shared).await.ok(200);
    assert_eq!((&shown["name"], &shown["isPrivis"]), (&json!("test"), &json!(false)));
    assert_eq!(cloud.get(&list).await.ok(200)["connections"][0]["id"], json!(id));
    cloud.get(&format!("/v2.0/330e068a/datasource/enhanced-connections/{id}")).await.refused(400, "DLI.0001");

    cloud.call("POST", &associate, queues.clone()).await.ok(200);
    cloud.call("POST", &routes, json!({"name": "r1", "cidr": "10.0.0.0/24"})).await.ok(200);
    let queue_names = async |path: &str| {
        let shown = cloud.get(path).await.ok(200);
        let names = shown["available_queue_info"].as_array().expect("a list").iter().map(|row| row["name"].clone());
        (names.collect::<Vec<_>>(), shown["routes"][0]["name"].clone())
    };
    assert_eq!(queue_names(&shared).await, (vec![json!("q1")], json!("r1")));
    assert_eq!(queue_names(&owned).await, (vec![], json!("r1")));
    cloud.call("POST", &format!("{owned}/associate-queue"), json!({"queues": ["q2"]})).await.ok(200);
    assert_eq!(queue_names(&shared).await.0, [json!("q1")]);
    assert_eq!(cloud.get(&connections()).await.ok(200)["count"], json!(1));

    let tag = json!({"tags": [{"key": "k", "value": "v"}]});
    for (method, path, body) in [
        ("DELETE", shared.clone(), Value::Null),
        ("PUT", shared.clone(), json!({"hosts": []})),
        ("POST", format!("/v3/{OTHER}/dli_enhanced_datasource/{id}/tags/create"), tag),
        ("PUT", format!("/v1.0/{OTHER}/authorization"), request("grant", THIRD, &id, BIND)),
    ] {
        cloud.call(method, &path, body).await.refused(400, "DLI.0007");
    }

    privilege("revoke").await;
    cloud.get(&shared).await.refused(400, "DLI.0001");
    privilege("grant").await;
    assert_eq!(queue_names(&shared).await.0, [json!("q1")]);
    cloud.call("POST", &format!("{shared}/disassociate-queue"), queues).await.ok(200);
    cloud.call("DELETE", &format!("{routes}/r1"), Value::Null).await.ok(200);
    assert_eq!(queue_names(&owned).await, (vec![json!("q2")], Value::Null));
}
