//! Routes: the documented example, both versions of the path, and the rules of the user guide.

use serde_json::{Value, json};

use super::harness::{Cloud, NOWHERE, PROJECT, body, connections};

/// The v3 path of a connection.
fn v3(path: &str) -> String {
    path.replace("/v2.0/", "/v3/")
}

#[tokio::test]
async fn route_is_added_shown_and_deleted() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let shown = async || cloud.get(&path).await.ok(200)["routes"].clone();
    assert_eq!(shown().await, json!([]));

    // The documented example is an address without a prefix length.
    let example = json!({"name": "string", "cidr": "127.0.0.0"});
    let added = cloud.call("POST", &format!("{}/routes", v3(&path)), example).await.ok(200);
    assert_eq!(added, json!({"is_success": true, "message": ""}));
    let older = json!({"name": "r-1_2", "cidr": "2407:C080:802:be7::/64"});
    cloud.call("POST", &format!("{path}/routes"), older).await.ok(200);

    let created = 1_767_225_600_000_i64;
    let both = json!([
        {"name": "string", "cidr": "127.0.0.0", "create_time": created},
        {"name": "r-1_2", "cidr": "2407:C080:802:be7::/64", "create_time": created},
    ]);
    assert_eq!(shown().await, both);
    assert_eq!(cloud.get(&connections()).await.ok(200)["connections"][0]["routes"], both);

    let deleted = cloud.call("DELETE", &format!("{}/routes/string", v3(&path)), Value::Null).await.ok(200);
    assert_eq!(deleted, json!({"is_success": true, "message": "Deleted"}));
    cloud.call("DELETE", &format!("{path}/routes/r-1_2"), Value::Null).await.ok(200);
    assert_eq!(shown().await, json!([]));
    let operations: Vec<_> = cloud.emulator.requests().into_iter().filter_map(|request| request.operation).collect();
    for name in [
        "CreateRouteToEnhancedConnection",
        "CreateEnhancedConnectionRoutes",
        "DeleteRouteFromEnhancedConnection",
        "DeleteEnhancedConnectionRoutes",
    ] {
        assert!(operations.contains(&name), "{operations:?}");
    }
}

/// Names are unique within a connection. Networks may overlap but not be equal.
#[tokio::test]
async fn route_name_and_cidr_are_validated() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let other = cloud.create(body("other")).await;
    let add = async |path: &str, name: &str, cidr: &str| {
        cloud.call("POST", &format!("{path}/routes"), json!({"name": name, "cidr": cidr})).await
    };
    add(&path, "wide", "192.168.0.0/16").await.ok(200);
    add(&path, "within", "192.168.2.0/24").await.ok(200);
    add(&path, &"a".repeat(64), "0.0.0.0/0").await.ok(200);
    add(&other, "wide", "192.168.0.0/16").await.ok(200);

    assert!(add(&path, "wide", "10.0.0.0/8").await.refused(400, "DLI.0006").contains("wide"));
    for same in ["192.168.2.0/24", "192.168.2.7/24"] {
        assert!(add(&path, "same", same).await.refused(400, "DLI.0006").contains("within"));
    }
    for name in ["", "a b", "a.b", "a/b", "ä", &"a".repeat(65)] {
        add(&path, name, "10.0.0.0/8").await.refused(400, "DLI.0001");
    }
    for cidr in ["", "10.0.0.0/33", "somewhere", "10.0.0"] {
        assert!(add(&path, "bad", cidr).await.refused(400, "DLI.0001").starts_with("The parameter cidr is invalid"));
    }
    cloud.call("POST", &format!("{path}/routes"), json!({"name": "bad"})).await.refused(400, "DLI.0001");
    assert_eq!(cloud.get(&path).await.ok(200)["routes"].as_array().map(Vec::len), Some(3));

    cloud.call("DELETE", &format!("{path}/routes/missing"), Value::Null).await.refused(400, "DLI.0002");
    let nowhere = format!("{}/{NOWHERE}", connections());
    add(&nowhere, "a", "10.0.0.0/8").await.refused(400, "DLI.0001");
    cloud.call("DELETE", &format!("{nowhere}/routes/a"), Value::Null).await.refused(400, "DLI.0001");
}

/// Changes like those of a console user.
#[tokio::test]
async fn routes_and_ipv6_can_be_edited() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let id = path.rsplit('/').next().expect("an id");
    let edited = cloud.emulator.edit(PROJECT, |account| {
        account.add_route(id, "a", "10.0.0.0/8")?;
        account.add_route(id, "b", "11.0.0.0/8")?;
        account.delete_route(id, "a")?;
        account.set_ipv6(id, true)
    });
    edited.expect("no file").expect("allowed");
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["routes"][0]["name"], &shown["ipv6_enable"]), (&json!("b"), &json!(true)));
    assert_eq!(shown["routes"].as_array().map(Vec::len), Some(1));
}
