//! The control API as documented in its help.

use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::dli::vpc::Subnet;
use terraform_provider_dli::emulator::{CONTROL_API, Emulator, Settings};

use super::harness::{Cloud, NOWHERE, PROJECT, body, body_with, client, connections};
use super::state_file::saved;

/// Status and body of an unsigned request.
pub(super) async fn control(emulator: &Emulator, method: &str, tail: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/_emulator/{tail}", emulator.endpoint());
    let mut request = client().request(method.parse().expect("a method"), url);
    if !body.is_null() || method == "PUT" {
        request = request.body(body.to_string());
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") })
}

const DONE: (u16, Value) = (204, Value::Null);

#[tokio::test]
async fn state_can_be_read_and_replaced() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body_with("test", json!({"queues": ["q1"]}))).await;
    cloud.call("POST", &format!("{path}/routes"), json!({"name": "r", "cidr": "10.0.0.0/8"})).await.ok(200);
    let shown = cloud.get(&path).await.ok(200);
    let (status, state) = control(&cloud.emulator, "GET", "state", Value::Null).await;
    assert_eq!((status, &state["projects"][PROJECT]["connections"][0]["name"]), (200, &json!("test")));

    assert_eq!(control(&cloud.emulator, "POST", "reset", Value::Null).await, DONE);
    cloud.get(&path).await.refused(400, "DLI.0001");
    assert_eq!(control(&cloud.emulator, "PUT", "state", state.clone()).await, DONE);
    assert_eq!(cloud.get(&path).await.ok(200), shown);

    let (status, refused) =
        control(&cloud.emulator, "PUT", "state", json!({"format": "terraform", "version": 1})).await;
    assert!(status == 400 && refused["error"].as_str().is_some_and(|text| text.contains("not a state")), "{refused}");
    assert_eq!(cloud.get(&path).await.ok(200), shown);
}

/// A state may be larger than the gateway's limit for a request.
#[tokio::test]
async fn large_state_can_be_restored() {
    let cloud = Cloud::start().await;
    cloud.create(body("test")).await;
    let (_, state) = control(&cloud.emulator, "GET", "state", Value::Null).await;
    assert_eq!(control(&cloud.emulator, "POST", "reset", Value::Null).await, DONE);
    let padded = state.to_string() + &" ".repeat(20 * 1024 * 1024);
    let url = format!("{}/_emulator/state", cloud.emulator.endpoint());
    let put = client().put(url).body(padded).send().await.expect("an answer");
    assert_eq!((put.status().as_u16(), cloud.emulator.connections(PROJECT).len()), (204, 1));
}

#[tokio::test]
async fn time_delays_outcomes_quirks_and_faults() {
    let cloud = Cloud::start().await;
    let emulator = &cloud.emulator;
    assert_eq!(control(emulator, "PUT", "delays", json!({"binding": "1h", "delete": "1m"})).await, DONE);
    for fate in [json!({"name": "Q1", "err_msg": "no subnet"}), json!({"err_msg": null})] {
        assert_eq!(control(emulator, "POST", "fates", fate).await, DONE);
    }
    let path = cloud.create(body("test")).await;
    let states = async || {
        let bound = cloud.get(&path).await.ok(200)["available_queue_info"].clone();
        let text = |row: &Value| {
            format!("{}{}", row["status"].as_str().expect("a text"), row["err_msg"].as_str().expect("a text"))
        };
        bound.as_array().expect("a list").iter().map(text).collect::<Vec<_>>()
    };
    cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": ["q2", "q1"]})).await.ok(200);
    assert_eq!(states().await, ["CREATING", "CREATING"]);
    let (code, now) = control(emulator, "POST", "clock", json!({"advance": "1h"})).await;
    assert_eq!((code, now), (200, json!({"now": "2026-01-01T01:00:00Z", "advance": "1h", "skew": "0s"})));
    assert_eq!(states().await, ["ACTIVE", "FAILEDno subnet"]);

    let quirks = json!(["names-not-unique", "status-in-prose"]);
    assert_eq!(control(emulator, "PUT", "quirks", quirks.clone()).await, DONE);
    assert_eq!(control(emulator, "GET", "quirks", Value::Null).await, (200, quirks));
    cloud.create(body("test")).await;

    let mut fault = json!({"operation": "ShowEnhancedConnection", "containing": null, "times": 2,
        "trouble": {"refuse": {"status": 500, "code": "DLI.0999", "text": "busy"}}});
    assert_eq!(control(emulator, "POST", "faults", fault.clone()).await, (200, json!({"id": 1})));
    fault["id"] = json!(1);
    assert_eq!(control(emulator, "GET", "faults", Value::Null).await, (200, json!([fault])));
    cloud.get(&path).await.refused(500, "DLI.0999");
    assert_eq!(control(emulator, "GET", "faults", Value::Null).await.1[0]["times"], 1);
    assert_eq!(control(emulator, "DELETE", "faults", Value::Null).await, DONE);
    cloud.call("DELETE", &path, Value::Null).await.ok(200);
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "Active", "its deletion takes a minute");

    assert_eq!(control(emulator, "POST", "reset", Value::Null).await, DONE);
    let path = cloud.create(body_with("test", json!({"queues": ["q1"]}))).await;
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["status"], &shown["create_time"]), (&json!("ACTIVE"), &json!(1_767_225_600_000_i64)));
    assert_eq!(shown["available_queue_info"][0]["status"], "ACTIVE");
}

#[tokio::test]
async fn clock_limit_credentials_and_metadata() {
    let cloud = Cloud::start().await;
    let emulator = &cloud.emulator;
    let put = async |tail: &str, body: Value| assert_eq!(control(emulator, "PUT", tail, body).await, DONE, "{tail}");
    put("clock", json!({"skew": "-20m"})).await;
    cloud.get(&connections()).await.refused(401, "APIGW.0301");
    put("clock", json!({"skew": "0s"})).await;
    put("limit", json!("1/1s")).await;
    cloud.get(&connections()).await.ok(200);
    cloud.get(&connections()).await.refused(429, "APIGW.0308");
    put("limit", Value::Null).await;
    put("metadata", json!("v1")).await;
    put("credentials", json!({"lifetime": "5m"})).await;
    let key = client().get(format!("{}/openstack/latest/securitykey", emulator.endpoint()));
    let key = key.send().await.expect("an answer").text().await.expect("a body");
    assert!(key.contains("2026-01-01T00:05:00.000000Z"), "{key}");
    assert_eq!(control(emulator, "DELETE", "credentials", Value::Null).await, DONE);

    let url = format!("{}/_emulator/faults", emulator.endpoint());
    let posted = client().post(url).body("ShowQueue:throttle=5/1s*1@0.5/3").send().await.expect("an answer");
    assert_eq!(posted.status(), 200);
    let (_, faults) = control(emulator, "GET", "faults", Value::Null).await;
    assert_eq!(
        (&faults[0]["times"], &faults[0]["probability"], &faults[0]["seed"]),
        (&json!(1), &json!(0.5), &json!(3))
    );
}

#[tokio::test]
async fn log_can_be_read_from_a_number() {
    let cloud = Cloud::start().await;
    cloud.create(body("test")).await;
    cloud.get(&format!("{}?limit=0", connections())).await.ok(200);
    cloud.call("POST", &connections(), body("a-b")).await.refused(400, "DLI.0001");
    let (status, log) = control(&cloud.emulator, "GET", "requests", Value::Null).await;
    let log = log["requests"].as_array().expect("a list").clone();
    assert_eq!((status, log.len()), (200, 3), "what controls is not logged");
    let mut second = log[1].clone();
    for varying in ["request_id", "took_ms", "response_bytes"] {
        second.as_object_mut().expect("an object").remove(varying).expect("it is there");
    }
    assert_eq!(
        second,
        json!({"number": 2, "time": "2026-01-01T00:00:00Z", "method": "GET", "path": connections(), "query": "limit=0",
            "operation": "ListEnhancedConnections", "caller": "access key emulator of user terraform", "body": null,
            "body_bytes": 0, "status": 200, "code": null, "error": null, "fault": null})
    );
    assert_eq!((&log[2]["code"], &log[2]["body"]), (&json!("DLI.0001"), &body("a-b")));
    let (_, rest) = control(&cloud.emulator, "GET", "requests?since=2", Value::Null).await;
    assert_eq!(rest["requests"], json!([log[2]]));
    assert_eq!(control(&cloud.emulator, "GET", "requests?since=x", Value::Null).await.0, 400);
}

#[tokio::test]
async fn log_is_filtered_and_paged() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    cloud.fault("ShowEnhancedConnection:lose-answer*1");
    cloud.try_call("GET", &path, Value::Null).await.expect_err("the response is lost");
    for number in 0..5 {
        cloud.get(&format!("/v1.0/{PROJECT}/queues/q{number}")).await;
    }
    let numbers = async |query: &str| {
        let (status, page) = control(&cloud.emulator, "GET", &format!("requests?{query}"), Value::Null).await;
        assert_eq!((status, &page["last"]), (200, &json!(7)), "{page}");
        let rows = page["requests"].as_array().expect("a list").iter();
        (rows.map(|row| row["number"].as_u64().expect("a number")).collect::<Vec<_>>(), page["next"].clone())
    };
    for (query, expected, next) in [
        ("operation=ShowQueue&limit=2", vec![3, 4], json!(4)),
        ("operation=ShowQueue&limit=2&since=4", vec![5, 6], json!(6)),
        ("operation=ShowQueue&limit=2&since=6", vec![7], Value::Null),
        ("before=7&limit=3", vec![6, 5, 4], json!(4)),
        ("before=4&limit=3", vec![3, 2, 1], Value::Null),
        ("status=4xx", vec![3, 7], Value::Null),
        ("status=error", vec![3, 7], Value::Null),
        ("status=201", vec![1], Value::Null),
        ("method=post", vec![1], Value::Null),
        // The request that created it has its id in the response only.
        (&format!("connection={id}"), vec![1, 2], Value::Null),
        ("since=7", vec![], Value::Null),
        ("limit=0", vec![], Value::Null),
    ] {
        assert_eq!(numbers(query).await, (expected, next), "{query}");
    }
    let (status, shown) = control(&cloud.emulator, "GET", "requests/1", Value::Null).await;
    assert_eq!((status, &shown["response"]["connection_id"]), (200, &json!(id)));
    let headers = shown["headers"].as_array().expect("a list");
    let value =
        |name: &str| headers.iter().find(|header| header["name"] == name).expect("it was sent")["value"].clone();
    assert_eq!((value("authorization"), value("x-project-id")), (json!("withheld"), json!(PROJECT)));
    assert_eq!(control(&cloud.emulator, "GET", "requests/2", Value::Null).await.1["fault"], "lose-answer");
    for wrong in ["requests/0", "requests/8", "requests/x"] {
        assert_eq!(control(&cloud.emulator, "GET", wrong, Value::Null).await.0, 404);
    }
    assert_eq!(control(&cloud.emulator, "GET", "requests?status=bad", Value::Null).await.0, 400);
}

/// Tokens and keys are not in the log.
#[tokio::test]
async fn log_has_no_secrets() {
    let cloud = Cloud::start().await;
    let password = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
        "name": "terraform", "password": "emulator-password", "domain": {"name": "emulator"}}}}}});
    for (method, path, sent) in [
        ("PUT", "/meta-data/latest/api/token", Value::Null),
        ("POST", "/v3/auth/tokens", password),
        ("GET", "/openstack/latest/securitykey", Value::Null),
    ] {
        if path.contains("securitykey") {
            control(&cloud.emulator, "PUT", "metadata", json!("v1")).await;
        }
        let url = format!("{}{path}", cloud.emulator.endpoint());
        let request = client().request(method.parse().expect("a method"), url);
        let request = request.header("x-metadata-token-ttl-seconds", "60").body(sent.to_string());
        assert!(request.send().await.expect("an answer").status().is_success(), "{path}");
    }
    let (_, log) = control(&cloud.emulator, "GET", "requests", Value::Null).await;
    assert_eq!(log["requests"].as_array().map(Vec::len), Some(3));
    for number in 1..=3 {
        let (_, shown) = control(&cloud.emulator, "GET", &format!("requests/{number}"), Value::Null).await;
        let text = shown.to_string();
        // Every secret of the emulator contains this text.
        assert!(!text.contains("emulator-secret") && !text.contains("emulator-password"), "{text}");
        assert!(text.contains("withheld") || number == 2, "{text}");
    }
}

#[tokio::test]
async fn objects_are_paged() {
    let cloud = Cloud::start().await;
    let hosts: Vec<_> = (0..250).map(|n| json!({"name": format!("h{n}"), "ip": "10.0.0.1"})).collect();
    let more = json!({"queues": ["q1"], "elastic_resource_pools": ["pool1"], "hosts": hosts,
        "tags": [{"key": "owner", "value": "me"}]});
    let path = cloud.create(body_with("test", more)).await;
    let id = path.rsplit('/').next().expect("an id").to_owned();
    for number in 0..3 {
        cloud.create(body(&format!("other{number}"))).await;
    }
    cloud.emulator.edit(PROJECT, |service| service.grant(&id, "a1")).expect("no file").expect("allowed");
    let get = async |tail: &str| {
        let (status, found) = control(&cloud.emulator, "GET", tail, Value::Null).await;
        assert_eq!(status, 200, "{found}");
        found
    };
    let projects = get("projects").await;
    let counts = json!({"id": PROJECT, "connections": 4, "queues": 9, "elastic_resource_pools": 3, "vpcs": 1});
    assert_eq!(projects["projects"][1], counts);
    assert_eq!(projects["projects"][0]["connections"], 0, "the project of the provider block");

    let of = |tail: &str| format!("projects/{PROJECT}/{tail}");
    let found = get(&of("connections?q=other&limit=2&offset=1")).await;
    let names: Vec<_> =
        found["connections"].as_array().expect("a list").iter().map(|row| row["name"].clone()).collect();
    assert_eq!((names, &found["count"]), (vec![json!("other1"), json!("other0")], &json!(3)));
    let found = get(&of(&format!("connections/{id}"))).await;
    assert_eq!((&found["host_count"], &found["tags"]["owner"]), (&json!(250), &json!("me")));
    assert_eq!(found["shared_with"], json!([{"project": "a1", "bindings": []}]));
    let kinds: Vec<_> = found["bindings"].as_array().expect("a list").iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(kinds, ["queue", "elastic_resource_pool"]);
    let found = get(&of(&format!("connections/{id}/hosts?offset=240"))).await;
    assert_eq!((found["hosts"].as_array().map(Vec::len), &found["count"]), (Some(10), &json!(250)));
    assert_eq!(get(&of(&format!("connections/{id}/hosts?q=h24"))).await["count"], 11);
    assert_eq!(get(&of(&format!("connections/{id}/hosts"))).await["hosts"].as_array().map(Vec::len), Some(100));
    assert_eq!(get(&of("queues?q=pooled")).await["count"], 3);
    assert_eq!(get(&of("elastic-resource-pools")).await["elastic_resource_pools"][0]["queues"][1], "pooled2");
    assert_eq!(get(&of("vpcs")).await["vpcs"][0]["name"], "vpc-default");
    assert_eq!(get(&of("subnets")).await["subnets"][0]["vpc_name"], "vpc-default");
    assert_eq!(get(&of("route-tables")).await["route_tables"][0]["subnets"][0]["name"], "subnet-default");
    let missing = control(&cloud.emulator, "GET", &of(&format!("connections/{NOWHERE}/hosts")), Value::Null).await;
    assert_eq!(missing, (404, json!({"error": format!("connection {NOWHERE} does not exist")})));
}

/// The lists of networks have pages, and a row has a bounded number of subnets.
#[tokio::test]
async fn networks_are_paged() {
    let cloud = Cloud::start().await;
    let vpc = "22094d8f-c310-4621-913d-4c4d655d8495";
    for number in 1..=120 {
        let subnet = Subnet {
            id: format!("4779ab1c-7c1a-44b1-a02e-93dfc361b{number:03}"),
            name: format!("subnet-{number}"),
            vpc_id: vpc.to_owned(),
            cidr: format!("192.168.{number}.0/24"),
            ..Subnet::default()
        };
        cloud
            .emulator
            .edit(PROJECT, |service| service.networks().put_subnet(subnet))
            .expect("no file")
            .expect("a free network");
    }
    let tag = json!({"tag": {"key": "team", "value": "a"}});
    cloud.call("POST", &format!("/v2.0/{PROJECT}/vpcs/{vpc}/tags"), tag).await.ok(204);
    let get = async |tail: &str| {
        let (status, found) = control(&cloud.emulator, "GET", &format!("projects/{PROJECT}/{tail}"), Value::Null).await;
        assert_eq!(status, 200, "{found}");
        found
    };
    let vpcs = get("vpcs").await;
    assert_eq!((&vpcs["count"], &vpcs["vpcs"][0]["tags"]), (&json!(1), &json!({"team": "a"})));
    assert_eq!(get("vpcs?q=192.168").await["count"], 1);
    assert_eq!(get("vpcs?q=nothing").await, json!({"vpcs": [], "count": 0}));
    let subnets = get("subnets").await;
    assert_eq!((subnets["subnets"].as_array().map(Vec::len), &subnets["count"]), (Some(100), &json!(121)));
    let found = get("subnets?q=subnet-11&offset=1&limit=2").await;
    let names: Vec<_> = found["subnets"].as_array().expect("a list").iter().map(|row| row["name"].clone()).collect();
    // subnet-11 and subnet-110 to subnet-119
    assert_eq!((names, &found["count"]), (vec![json!("subnet-110"), json!("subnet-111")], &json!(11)));
    let tables = get("route-tables").await;
    let table = &tables["route_tables"][0];
    assert_eq!((table["subnets"].as_array().map(Vec::len), &table["subnet_count"]), (Some(10), &json!(121)));
    assert_eq!((&table["vpc_name"], &table["default"]), (&json!("vpc-default"), &json!(true)));
}

/// GET returns each setting in the form of PUT.
#[tokio::test]
async fn settings_can_be_written_back() {
    let arguments = ["", "--fail-binding", "q1=no subnet", "--limit", "900/5m", "--clock-skew=-1m"];
    let cloud = Cloud::with(clap::Parser::parse_from(arguments)).await;
    let emulator = &cloud.emulator;
    let (_, all) = control(emulator, "GET", "settings", Value::Null).await;
    for name in ["delays", "limit", "quirks", "credentials", "metadata"] {
        let (status, value) = control(emulator, "GET", name, Value::Null).await;
        assert_eq!((status, &value), (200, &all[name]), "{name}");
        assert_eq!(control(emulator, "PUT", name, value).await, DONE, "{name}");
    }
    assert_eq!((&all["limit"], &all["clock"]["skew"]), (&json!("900/5m"), &json!("-1m")));
    assert_eq!(all["fates"], json!([{"name": "q1", "err_msg": "no subnet"}]));
    control(emulator, "POST", "fates", json!({"err_msg": null})).await;
    let (_, fates) = control(emulator, "GET", "fates", Value::Null).await;
    assert_eq!(fates[1], json!({"name": null, "err_msg": null}));
    control(emulator, "DELETE", "fates", Value::Null).await;
    assert_eq!(control(emulator, "GET", "fates", Value::Null).await.1, json!([]));
    for number in 1..=2 {
        assert_eq!(
            control(emulator, "POST", "faults", json!({"trouble": "cut-answer"})).await.1,
            json!({ "id": number })
        );
    }
    assert_eq!(control(emulator, "DELETE", "faults/1", Value::Null).await, DONE);
    assert_eq!(control(emulator, "DELETE", "faults/1", Value::Null).await.0, 404);
    assert_eq!(control(emulator, "GET", "faults", Value::Null).await.1[0]["id"], 2);
    let (_, info) = control(emulator, "GET", "info", Value::Null).await;
    assert!(info["provider_block"].as_str().is_some_and(|block| block.contains(&emulator.endpoint())), "{info}");
}

#[tokio::test]
async fn event_follows_each_change() {
    let cloud = Cloud::start().await;
    let url = format!("{}/_emulator/events", cloud.emulator.endpoint());
    let mut events = client().get(url).send().await.expect("an answer");
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut next = async || {
        let chunk = events.chunk().await.expect("a stream").expect("it is open");
        let text = String::from_utf8(chunk.to_vec()).expect("text");
        serde_json::from_str::<Value>(text.trim().strip_prefix("data: ").expect("an event")).expect("JSON")
    };
    assert_eq!(next().await["requests"], 0);
    cloud.create(body("test")).await;
    assert_eq!(next().await["requests"], 1);
    control(&cloud.emulator, "PUT", "quirks", json!([])).await;
    assert!(next().await["changes"].as_u64() > Some(1));
    cloud.emulator.stop().await;
    assert_eq!(events.chunk().await.expect("a stream"), None);
}

const VPC: &str = "0b1c1f0e-6f6e-4f57-8b3a-0d9a4f0f0001";
const SUBNET: &str = "0b1c1f0e-6f6e-4f57-8b3a-0d9a4f0f0002";
const TABLE: &str = "0b1c1f0e-6f6e-4f57-8b3a-0d9a4f0f0003";

/// Every edit once, compared with the API's response.
#[tokio::test]
async fn edit_needs_no_signature() {
    let cloud = Cloud::start().await;
    let edit = async |name: &str, change: Value| {
        control(&cloud.emulator, "POST", "edit", json!({"project": PROJECT, name: change})).await
    };
    let (status, created) = edit("create_connection", body("test")).await;
    assert_eq!(status, 200);
    let id = created["connection_id"].as_str().expect("an id").to_owned();
    let on = |more: Value| {
        let mut change = json!({ "connection": id });
        change.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        change
    };
    let steps = [
        ("set_hosts", on(json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}]}))),
        ("add_route", on(json!({"name": "r", "cidr": "10.0.0.0/8"}))),
        ("add_route", on(json!({"name": "s", "cidr": "11.0.0.0/8"}))),
        ("delete_route", on(json!({"name": "r"}))),
        ("add_tags", on(json!({"tags": [{"key": "a", "value": "b"}, {"key": "c", "value": "d"}]}))),
        ("remove_tags", on(json!({"keys": ["a"]}))),
        ("put_pool", json!({"elastic_resource_pool_name": "pool9"})),
        ("put_queue", json!({"queue_name": "q9", "elastic_resource_pool_name": "pool9"})),
        ("bind", on(json!({"queues": ["q1", "q9"]}))),
        ("unbind", on(json!({"queues": ["q1"]}))),
        ("settle_binding", on(json!({"name": "pool9", "err_msg": "no subnet"}))),
        ("remove_queue", json!("q9")),
        ("remove_pool", json!("pool9")),
        ("grant", on(json!({"project": "a1"}))),
        ("grant", on(json!({"project": "a2"}))),
        ("revoke", on(json!({"project": "a1"}))),
        ("set_ipv6", on(json!({"enabled": true}))),
        ("put_vpc", json!({"id": VPC, "cidr": "10.0.0.0/16"})),
        ("put_subnet", json!({"id": SUBNET, "vpc_id": VPC, "cidr": "10.0.1.0/24"})),
        ("put_route_table", json!({"id": TABLE, "vpc_id": VPC, "subnets": [{"id": SUBNET}]})),
    ];
    for (name, change) in steps {
        assert!(CONTROL_API.contains(&format!("\"{name}\"")), "the help lacks {name}");
        assert_eq!(edit(name, change).await, DONE, "{name}");
    }
    let path = format!("{}/{id}", connections());
    let shown = cloud.get(&path).await.ok(200);
    assert_eq!((&shown["hosts"][0]["name"], &shown["routes"][0]["name"]), (&json!("a"), &json!("s")));
    assert_eq!((&shown["routes"][1], &shown["available_queue_info"]), (&Value::Null, &json!([])));
    assert_eq!(shown["elastic_resource_pools"][0]["err_msg"], "no subnet");
    assert_eq!((&shown["isPrivis"], &shown["ipv6_enable"]), (&json!(false), &json!(true)));
    assert_eq!(cloud.get(&format!("{path}/privileges")).await.ok(200)["privileges"][0]["applicant_project_id"], "a2");
    assert_eq!(cloud.emulator.tags(PROJECT, &id), [("c".to_owned(), "d".to_owned())].into());
    cloud.get(&format!("/v1.0/{PROJECT}/queues/q9")).await.refused(400, "DLI.0002");
    let table = cloud.get(&format!("/v1/{PROJECT}/routetables/{TABLE}")).await.ok(200);
    assert_eq!(table["routetable"]["subnets"], json!([{"id": SUBNET}]));
    for (name, id) in [("remove_route_table", TABLE), ("remove_subnet", SUBNET), ("remove_vpc", VPC)] {
        assert_eq!(edit(name, json!(id)).await, DONE, "{name}");
    }
    assert_eq!(cloud.get(&format!("/v1/{PROJECT}/vpcs?id={VPC}")).await.ok(200)["vpcs"], json!([]));
    assert_eq!(edit("delete_connection", json!(id)).await, DONE);
    assert_eq!(cloud.get(&path).await.ok(200)["status"], "DELETED");

    let wrong = [
        ("delete_connection", json!(NOWHERE), "does not exist"),
        ("rename", json!({}), "unknown variant `rename`, expected one of `create_connection`"),
        ("bind", json!({"connection": id, "queue": "q1"}), "unknown field `queue`"),
    ];
    for (name, change, said) in wrong {
        let (status, refused) = edit(name, change).await;
        assert!(status == 400 && refused["error"].as_str().is_some_and(|text| text.contains(said)), "{refused}");
    }
    for body in [json!({"remove_queue": "q1"}), json!({"project": "a-b", "remove_queue": "q1"}), Value::Null] {
        assert_eq!(control(&cloud.emulator, "POST", "edit", body).await.0, 400);
    }
}

#[tokio::test]
async fn invalid_control_request_is_rejected() {
    let cloud = Cloud::start().await;
    let wrong = [
        ("GET", "nothing", Value::Null, 404, "GET /_emulator/nothing"),
        ("GET", "reset", Value::Null, 405, "/_emulator/reset does not support GET; use POST"),
        ("POST", "clock", json!({"advance": "soon"}), 400, "expected number"),
        ("POST", "clock", json!({"back": "1m"}), 400, "`back`"),
        ("PUT", "delays", json!({"bind": "1m"}), 400, "`bind`"),
        ("PUT", "quirks", json!(["camelcase"]), 400, "camel-case"),
        ("POST", "fates", json!({"name": "q1", "error": "x"}), 400, "`error`"),
        ("PUT", "clock", json!({"skew": "soon"}), 400, "expected number"),
        ("PUT", "limit", json!("5"), 400, "200/5m"),
        ("PUT", "metadata", json!("v3"), 400, "no-agency"),
        ("POST", "faults", json!({"operation": "Create", "trouble": "lose-answer"}), 400, "CreateEnhancedConnection"),
    ];
    for (method, tail, body, status, said) in wrong {
        let (found, refused) = control(&cloud.emulator, method, tail, body).await;
        assert!(found == status && refused["error"].as_str().is_some_and(|text| text.contains(said)), "{refused}");
    }
    assert_eq!(control(&cloud.emulator, "PUT", "delays", json!({"latency": "1h"})).await, DONE);
    let begun = tokio::time::timeout(Duration::from_secs(30), control(&cloud.emulator, "POST", "reset", Value::Null));
    assert_eq!(begun.await.expect("control has no latency"), DONE);
    cloud.get(&connections()).await.ok(200);
}

#[tokio::test]
async fn control_requires_loopback_address() {
    let emulator = Emulator::start(([0, 0, 0, 0], 0).into(), Settings::default()).await.expect("a free port");
    for tail in ["state", "requests"] {
        let (status, refused) = control(&emulator, "GET", tail, Value::Null).await;
        assert!(status == 403 && refused["error"].as_str().is_some_and(|text| text.contains("loopback")), "{refused}");
    }
}

/// An edit is in the state file before the response.
#[tokio::test]
async fn edit_is_saved_in_state_file() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let cloud = Cloud::with(Settings { state: Some(file.clone()), ..Settings::default() }).await;
    let change = json!({"project": PROJECT, "create_connection": body("test")});
    control(&cloud.emulator, "POST", "edit", change).await;
    assert_eq!(saved(&file).len(), 1);
    control(&cloud.emulator, "POST", "reset", Value::Null).await;
    assert!(saved(&file).is_empty());
}
