//! The response of each quirk.

use clap::ValueEnum;
use serde_json::{Value, json};
use terraform_provider_dli::{
    dli::wire::{ConnectionList, QueueList},
    emulator::Quirk,
};

use super::harness::{Cloud, PROJECT, body, body_with, connections};

fn names(rows: &Value, key: &str) -> Vec<String> {
    rows.as_array().expect("a list").iter().map(|row| row[key].as_str().expect("a name").to_owned()).collect()
}

/// An emulator with one connection that uses every field, and the path of the connection.
async fn with_one() -> (Cloud, String) {
    let cloud = Cloud::start().await;
    let hosts: Value = (0..8).map(|n| json!({"name": format!("h{n}"), "ip": "10.0.0.1"})).collect();
    let more = json!({"queues": ["q1", "pooled1"], "hosts": hosts, "tags": [{"key": "a", "value": "b"}]});
    let path = cloud.create(body_with("test", more)).await;
    cloud.call("POST", &format!("{path}/routes"), json!({"name": "r", "cidr": "10.0.0.0/8"})).await.ok(200);
    (cloud, path)
}

#[tokio::test]
async fn list_order_changes_with_each_read() {
    let (cloud, path) = with_one().await;
    let (again, other) = with_one().await;
    let plain = names(&cloud.get(&path).await.ok(200)["hosts"], "name");
    let orders = async |cloud: &Cloud, path: &str| {
        cloud.emulator.set_quirks([Quirk::ReshuffledOrder]);
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(names(&cloud.get(path).await.ok(200)["hosts"], "name"));
        }
        orders
    };
    let orders = (orders(&cloud, &path).await, orders(&again, &other).await);
    assert_eq!(orders.0, orders.1, "the seed is the same");
    let mut different = orders.0.clone();
    different.dedup();
    assert!(different.len() > 3, "{different:?}");
    for mut order in orders.0 {
        order.sort();
        assert_eq!(order, plain);
    }
    let mut queues =
        names(&cloud.get(&format!("/v1.0/{PROJECT}/queues?queue_type=all")).await.ok(200)["queues"], "queue_name");
    assert!(!queues.is_sorted(), "{queues:?}");
    queues.sort();
    assert_eq!(queues[0], "default");
}

#[tokio::test]
async fn values_and_keys_change_form() {
    let (cloud, path) = with_one().await;
    let queues = format!("/v1.0/{PROJECT}/queues?queue_type=all&with-charge-info=true");
    let plain: QueueList = serde_json::from_value(cloud.get(&queues).await.ok(200)).expect("it reads");
    let listed = cloud.get(&connections()).await.ok(200);
    let connection: ConnectionList = serde_json::from_value(listed).expect("it reads");

    cloud.emulator.set_quirks([Quirk::BooleansAsStrings, Quirk::NumbersAsStrings, Quirk::CamelCase]);
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["is_success"], &shown["isPrivis"]), (&json!("true"), &json!("true")));
    assert_eq!((&shown["create_time"], &shown["name"]), (&json!("1767225600000"), &json!("test")));
    let odd = cloud.get(&queues).await.ok(200);
    let first = odd["queues"][0].as_object().expect("an object");
    assert_eq!(first["queueName"], "default");
    assert_eq!(
        (&first["queueType"], &first["chargingMode"], &first["cuCount"]),
        (&json!("sql"), &json!("1"), &json!("16"))
    );
    assert!(!first.contains_key("queue_name") && first.contains_key("resource_mode"));
    // The wire types read every form as the same value.
    assert_eq!(serde_json::from_value::<QueueList>(odd).expect("it reads"), plain);
    let odd = cloud.get(&connections()).await.ok(200);
    assert_eq!(serde_json::from_value::<ConnectionList>(odd).expect("it reads"), connection);

    cloud.emulator.set_quirks([Quirk::StatusInProse, Quirk::UpperCaseNames]);
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["status"], &shown["name"]), (&json!("Active"), &json!("test")));
    let queue = &shown["available_queue_info"][0];
    assert_eq!((&queue["name"], &queue["status"]), (&json!("Q1"), &json!("Active")));
    assert_eq!(shown["elastic_resource_pools"][0]["name"], "POOL1");
    assert_eq!(shown["routes"][0]["name"], "r");
}

#[tokio::test]
async fn privilege_can_have_one_project_key() {
    let (cloud, path) = with_one().await;
    let id = path.rsplit('/').next().expect("an id");
    cloud.emulator.edit(PROJECT, |account| account.grant(id, "a1")).expect("no file").expect("allowed");
    for (quirks, expected) in [
        (&[][..], [Some("a1"), Some("a1")]),
        (&[Quirk::PrivilegeProjectId], [None, Some("a1")]),
        (&[Quirk::PrivilegeApplicantProjectId], [Some("a1"), None]),
    ] {
        cloud.emulator.set_quirks(quirks.iter().copied());
        let row = cloud.get(&format!("{path}/privileges")).await.ok(200)["privileges"][0].clone();
        assert_eq!(["applicant_project_id", "project_id"].map(|key| row[key].as_str()), expected);
    }
}

#[tokio::test]
async fn list_can_lack_collections() {
    let (cloud, path) = with_one().await;
    let shown = cloud.get(&path).await.ok(200);
    cloud.emulator.set_quirks([Quirk::BriefLists]);
    assert_eq!(cloud.get(&path).await.ok(200), shown);
    let row = cloud.get(&connections()).await.ok(200)["connections"][0].clone();
    let mut expected = shown;
    let fields = expected.as_object_mut().expect("an object");
    for name in ["available_queue_info", "elastic_resource_pools", "hosts", "routes", "is_success", "message"] {
        fields.remove(name).unwrap_or_else(|| panic!("show returns no {name}"));
    }
    assert_eq!(row, expected);
}

#[tokio::test]
async fn connection_name_can_be_reused() {
    let (cloud, _) = with_one().await;
    cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0006");
    cloud.emulator.set_quirks([Quirk::NamesNotUnique]);
    cloud.create(body("test")).await;
    assert_eq!(names(&cloud.get(&connections()).await.ok(200)["connections"], "name"), ["test", "test"]);
}

/// Service errors only; gateway errors are unchanged.
#[tokio::test]
async fn service_error_can_be_http_200() {
    let (cloud, path) = with_one().await;
    cloud.emulator.set_quirks([Quirk::SoftFailures, Quirk::BooleansAsStrings]);
    let soft = cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": ["missing"]})).await.ok(200);
    assert_eq!(soft, json!({"is_success": "false", "message": "There is no queue named missing"}));
    cloud.get("/nothing").await.refused(404, "APIGW.0101");
}

#[tokio::test]
async fn region_can_omit_operations() {
    let (cloud, path) = with_one().await;
    let routes = format!("{}/routes", path.replace("v2.0", "v3"));
    let tags = format!("/v3/{PROJECT}/dli_enhanced_datasource/{}/tags", path.rsplit('/').next().expect("an id"));
    let route = |name: &str, cidr: &str| json!({"name": name, "cidr": cidr});
    cloud.emulator.set_quirks([Quirk::NoV3Routes]);
    cloud.call("POST", &routes, route("a", "11.0.0.0/8")).await.refused(404, "APIGW.0101");
    cloud.call("DELETE", &format!("{routes}/r"), Value::Null).await.refused(404, "APIGW.0101");
    cloud.call("POST", &format!("{path}/routes"), route("a", "11.0.0.0/8")).await.ok(200);
    cloud.get(&tags).await.ok(200);

    let properties = format!("/v3/{PROJECT}/queues/q1/properties");
    cloud.get(&properties).await.ok(200);
    cloud.emulator.set_quirks([Quirk::NoQueueProperties]);
    cloud.get(&properties).await.refused(404, "APIGW.0101");

    cloud.emulator.set_quirks([Quirk::NoTagApi]);
    cloud.get(&tags).await.refused(404, "APIGW.0101");
    for tail in ["create", "delete"] {
        cloud.call("POST", &format!("{tags}/{tail}"), json!({"tags": []})).await.refused(404, "APIGW.0101");
    }
    cloud.call("DELETE", &format!("{routes}/r"), Value::Null).await.ok(200);
}

#[tokio::test]
async fn deleted_connection_has_four_error_forms() {
    let (cloud, path) = with_one().await;
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "DELETED");
    let id = path.rsplit('/').next().expect("an id");
    let shapes = [
        (Quirk::GoneAsDli0001, 400, "DLI.0001", "does not exist"),
        (Quirk::GoneAsDli0001IsNotExist, 400, "DLI.0001", "is not exist"),
        (Quirk::GoneAsDli0002, 400, "DLI.0002", ""),
        (Quirk::GoneAsDli0023, 404, "DLI.0023", ""),
    ];
    for (quirk, status, code, words) in shapes {
        cloud.emulator.set_quirks([quirk]);
        let text = cloud.get(&path).await.refused(status, code);
        assert!(text.contains(id) && text.contains(words), "{text}");
        assert_eq!(cloud.call("DELETE", &path, Value::Null).await.refused(status, code), text);
    }
}

#[test]
fn quirk_name_is_read_back() {
    for quirk in Quirk::value_variants() {
        assert_eq!(Quirk::from_str(&quirk.name(), false), Ok(*quirk));
        assert_eq!(serde_json::to_value(quirk).expect("it writes"), quirk.name());
    }
    assert_eq!(Quirk::GoneAsDli0001IsNotExist.name(), "gone-as-dli-0001-is-not-exist");
    let error = serde_json::from_value::<Quirk>("camelcase".into()).expect_err("misspelt").to_string();
    assert!(error.contains("`camelcase`") && error.contains("`camel-case`, "), "{error}");
}
