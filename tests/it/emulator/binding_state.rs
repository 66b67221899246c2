//! The state of a binding depends on the clock only.

use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::Settings;

use super::harness::{Cloud, PROJECT, body, body_with, connections};

/// Status, error and time of the first binding in the list.
fn first(shown: &Value, list: &str) -> (String, String, i64) {
    let binding = &shown[list][0];
    let text = |field: &str| binding[field].as_str().expect("a text").to_owned();
    (text("status"), text("err_msg"), binding["update_time"].as_i64().expect("a number"))
}

fn state(status: &str, error: &str, time: i64) -> (String, String, i64) {
    (status.to_owned(), error.to_owned(), time)
}

async fn cloud() -> Cloud {
    let failing = [("q2", "Failed to get subnet"), ("pool1", "CIDR conflict")];
    let failing = failing.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    Cloud::with(Settings { binding_delay: Duration::from_mins(1), failing, ..Settings::default() }).await
}

#[tokio::test]
async fn binding_state_follows_time_not_reads() {
    let cloud = cloud().await;
    let path = cloud.create(body_with("test", json!({"queues": ["q1"]}))).await;
    for _ in 0..50 {
        let shown = cloud.get(&path).await.ok(200);
        assert_eq!(first(&shown, "available_queue_info"), state("CREATING", "", 1_767_225_600_000));
        assert_eq!(shown["status"], "ACTIVE", "a connection knows no other state");
    }
    cloud.clock.advance(Duration::from_millis(59_999));
    assert_eq!(first(&cloud.get(&path).await.ok(200), "available_queue_info").0, "CREATING");
    cloud.clock.advance(Duration::from_millis(1));
    let active = state("ACTIVE", "", 1_767_225_660_000);
    assert_eq!(first(&cloud.get(&path).await.ok(200), "available_queue_info"), active);
    cloud.clock.advance(Duration::from_mins(10));
    assert_eq!(first(&cloud.get(&path).await.ok(200), "available_queue_info"), active);
}

#[tokio::test]
async fn failed_binding_stays_until_rebound() {
    let cloud = cloud().await;
    let path = cloud.create(body("test")).await;
    let post = async |tail: &str, body: Value| cloud.call("POST", &format!("{path}/{tail}"), body).await;
    post("associate-queue", json!({"queues": ["Q2", "pooled1"]})).await.ok(200);
    assert_eq!(
        first(&cloud.get(&path).await.ok(200), "elastic_resource_pools"),
        state("CREATING", "", 1_767_225_600_000)
    );
    cloud.clock.advance(Duration::from_mins(1));
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!(first(&shown, "available_queue_info"), state("FAILED", "Failed to get subnet", 1_767_225_660_000));
    assert_eq!(first(&shown, "elastic_resource_pools"), state("FAILED", "CIDR conflict", 1_767_225_660_000));

    assert!(post("disassociate-queue", json!({"queues": ["q2"]})).await.refused(400, "DLI.0007").contains("q2"));
    post("disassociate-queue", json!({"queues": ["pooled1"]})).await.refused(400, "DLI.0007");
    assert_eq!(cloud.get(&path).await.ok(200), shown);

    post("associate-queue", json!({"queues": ["q2"]})).await.ok(200);
    assert_eq!(
        first(&cloud.get(&path).await.ok(200), "available_queue_info"),
        state("CREATING", "", 1_767_225_660_000)
    );
    post("disassociate-queue", json!({"queues": ["q2"]})).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["available_queue_info"], json!([]));
}

/// "A connection that is being created cannot be deleted."
#[tokio::test]
async fn creating_connection_cannot_be_deleted() {
    let cloud = cloud().await;
    let path = cloud.create(body_with("test", json!({"queues": ["q1", "q2"]}))).await;
    cloud.call("DELETE", &path, Value::Null).await.refused(400, "DLI.0007");
    cloud.clock.advance(Duration::from_mins(1));
    // A later binding is not part of the creation.
    cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": ["pooled1"]})).await.ok(200);
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
}

/// The outcome can be set for a name, for the next binding, and for an existing binding.
#[tokio::test]
async fn binding_outcome_can_be_changed() {
    let cloud = Cloud::start().await;
    let emulator = &cloud.emulator;
    let bound = async |queue: &str| {
        let path = cloud.create(body(&format!("c{}", emulator.requests().len()))).await;
        cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": [queue]})).await.ok(200);
        let (status, error, _) = first(&cloud.get(&path).await.ok(200), "available_queue_info");
        (status, error)
    };
    let state = |status: &str, error: &str| (status.to_owned(), error.to_owned());
    emulator.set_binding_outcome("Q1", Some("CIDR conflict"));
    assert_eq!(bound("q1").await, state("FAILED", "CIDR conflict"));
    assert_eq!(bound("q2").await, state("ACTIVE", ""));
    emulator.set_next_binding_outcome(None);
    emulator.set_next_binding_outcome(Some("no agency"));
    assert_eq!(bound("q1").await, state("ACTIVE", ""));
    assert_eq!(bound("q2").await, state("FAILED", "no agency"));
    assert_eq!(bound("q2").await, state("ACTIVE", ""));
    emulator.set_binding_outcome("q1", None);
    assert_eq!(bound("q1").await, state("ACTIVE", ""));
}

#[tokio::test]
async fn binding_settles_by_edit_or_time() {
    let cloud = Cloud::start().await;
    cloud.emulator.set_binding_delay(Duration::from_hours(1));
    let path = cloud.create(body_with("test", json!({"queues": ["q1", "q2"]}))).await;
    let id = path.rsplit('/').next().expect("an id");
    cloud.clock.advance(Duration::from_secs(1));
    let settled = cloud.emulator.edit(PROJECT, |account| account.set_binding_result(id, "q1", Some("CIDR conflict")));
    settled.expect("no file").expect("it is bound");
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!(first(&shown, "available_queue_info"), state("FAILED", "CIDR conflict", 1_767_225_601_000));
    assert_eq!(shown["available_queue_info"][1]["status"], "CREATING");
    let missing = cloud.emulator.edit(PROJECT, |account| account.set_binding_result(id, "q3", None)).expect("no file");
    assert_eq!(missing.expect_err("it is not bound").code, "DLI.0002");

    // Signatures use the clock, not the emulator's advanced time.
    cloud.emulator.advance(Duration::from_hours(1));
    assert_eq!(cloud.get(&path).await.ok(200)["available_queue_info"][1]["status"], "ACTIVE");
}

#[tokio::test]
async fn deletion_can_be_delayed() {
    let cloud = Cloud::with(Settings { delete_delay: Duration::from_mins(1), ..Settings::default() }).await;
    let path = cloud.create(body_with("test", json!({"queues": ["q1"]}))).await;
    for _ in 0..2 {
        cloud.call("DELETE", &path, Value::Null).await.ok(200);
        assert_eq!(cloud.get(&path).await.ok(200)["status"], "ACTIVE");
        cloud.clock.advance(Duration::from_millis(29_999));
    }
    cloud.call("PUT", &path, json!({"hosts": []})).await.refused(400, "DLI.0007");
    cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": ["q1"]})).await.refused(400, "DLI.0007");
    cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0006");
    cloud.clock.advance(Duration::from_millis(2));
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "DELETED");
    cloud.call("PUT", &path, json!({"hosts": []})).await.refused(400, "DLI.0001");

    cloud.emulator.set_delete_delay(Duration::ZERO);
    let path = cloud.create(body("test")).await;
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "DELETED");
}
