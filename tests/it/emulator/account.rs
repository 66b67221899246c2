//! The operations of DNS and EPS. Huawei's SDK tests their results.

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Fault, Settings, operations_of};

use super::harness::{Cloud, PROJECT};

const TARGET: &str = "e0000000-0000-4000-8000-000000000001";

async fn pool(cloud: &Cloud) -> Value {
    let pools = cloud.get(&format!("/v3/{PROJECT}/elastic-resource-pools?name=pool2")).await.ok(200);
    pools["elastic_resource_pools"][0].clone()
}

async fn migrate(cloud: &Cloud) -> super::harness::Reply {
    let resource = pool(cloud).await["resource_id"].clone();
    let body = json!({
        "project_id": PROJECT, "resource_id": resource, "resource_type": "dli-elastic-resource-pool", "region_id": "r",
    });
    cloud.call("POST", &format!("/v1.0/enterprise-projects/{TARGET}/resources-migrate"), body).await
}

/// The gateway treats these services as it treats DLI.
#[tokio::test]
async fn gateway_checks_apply() {
    let cloud = Cloud::start().await;
    let mut unsigned = cloud.draft("GET", "/v2/nameservers", b"");
    unsigned.headers.retain(|(name, _)| name != "Authorization");
    cloud.send(unsigned).await.refused(401, "APIGW.0301");
    cloud.call("POST", "/v2/nameservers", json!({})).await.refused(404, "APIGW.0101");
    for operation in operations_of(&["DNS", "EPS"]) {
        cloud.emulator.inject(Fault::refuse(operation, 403, "APIGW.0302", "no").times(1)).expect("a fault");
    }
    cloud.get("/v2/nameservers").await.refused(403, "APIGW.0302");
    migrate(&cloud).await.refused(403, "APIGW.0302");
    assert_eq!(pool(&cloud).await["enterprise_project_id"], "0", "a rejected request changes nothing");
    cloud.emulator.clear_faults();
    cloud.emulator.set_limit(Some("1/1m".parse().expect("a limit")));
    cloud.get("/v2/nameservers").await.ok(200);
    cloud.get("/v2/nameservers").await.refused(429, "APIGW.0308");
}

/// The form of the documents' example.
#[tokio::test]
async fn errors_of_eps_are_nested() {
    let cloud = Cloud::start().await;
    let filter = format!("/v1.0/enterprise-projects/{TARGET}/resources/filter");
    let valid = json!({"projects": [PROJECT], "resource_types": ["vpcs"]});
    let empty = json!({"resources": [], "errors": [], "total_count": 0});
    assert_eq!(cloud.call("POST", &filter, valid.clone()).await.ok(200), empty);
    for (field, value, code) in [
        ("resource_types", json!(["ecs"]), "EPS.0025"),
        ("resource_types", json!(7), "EPS.0002"),
        ("projects", json!([]), "EPS.0020"),
        ("projects", json!(["a-b"]), "EPS.0022"),
        ("limit", json!(0), "EPS.0017"),
        ("offset", json!(-1), "EPS.0018"),
    ] {
        let mut body = valid.clone();
        body[field] = value;
        let reply = cloud.call("POST", &filter, body).await;
        assert_eq!((reply.status, &reply.body["error"]["error_code"]), (400, &json!(code)), "{}", reply.body);
    }
    let nowhere = cloud.call("POST", "/v1.0/enterprise-projects/x/resources/filter", valid).await;
    assert_eq!((nowhere.status, &nowhere.body["error"]["error_code"]), (404, &json!("EPS.0005")));
}

#[tokio::test]
async fn migration_is_saved() {
    let home = tempfile::tempdir().expect("a directory");
    let settings = Settings { state: Some(home.path().join("state.json")), ..Settings::default() };
    let cloud = Cloud::with(settings.clone()).await;
    migrate(&cloud).await.ok(204);
    cloud.emulator.stop().await;
    let again = Cloud::with(settings).await;
    assert_eq!(pool(&again).await["enterprise_project_id"], TARGET);
}
