//! Injected faults as clients see them.

use std::time::Duration;

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Fault, FaultKind, LoggedRequest, Settings, StartError};

use super::harness::{Cloud, PROJECT, body, body_with, client, connections};

#[tokio::test]
async fn refuse_fault_prevents_effect_n_times() {
    let cloud = Cloud::start().await;
    let fault = Fault::refuse("CreateEnhancedConnection", 400, "DLI.0999", "service busy").times(2);
    cloud.emulator.inject(fault).expect("a good fault");
    for _ in 0..2 {
        cloud.get(&connections()).await.ok(200);
        let text = cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0999");
        assert_eq!(text, "service busy");
    }
    assert!(cloud.emulator.connections(PROJECT).is_empty());
    cloud.create(body("test")).await;
    let log = cloud.emulator.requests();
    assert_eq!((log[1].status, log[1].code.as_deref()), (400, Some("DLI.0999")));
    assert_eq!(log.iter().map(|request| request.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

/// The route name is in the body on creation and percent-encoded in the path on deletion.
#[tokio::test]
async fn fault_can_match_one_object() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let add = async |name: &str, cidr: &str| {
        cloud.call("POST", &format!("{path}/routes"), json!({"name": name, "cidr": cidr})).await
    };
    add("r-1", "10.1.0.0/16").await.ok(200);
    cloud.emulator.inject(Fault::refuse("*", 500, "DLI.0999", "").containing("r-1")).expect("a good fault");
    add("r-2", "10.2.0.0/16").await.ok(200);
    add("r-12", "10.3.0.0/16").await.refused(500, "DLI.0999");
    cloud.call("DELETE", &format!("{path}/routes/r%2D1"), Value::Null).await.refused(500, "DLI.0999");
    cloud.get(&format!("{}?name=r-1", connections())).await.refused(500, "DLI.0999");
    cloud.call("DELETE", &format!("{path}/routes/r-2"), Value::Null).await.ok(200);
    cloud.emulator.clear_faults();
    cloud.call("DELETE", &format!("{path}/routes/r-1"), Value::Null).await.ok(200);
}

#[tokio::test]
async fn lose_answer_takes_effect() {
    let cloud = Cloud::start().await;
    let fault = Fault::new("CreateEnhancedConnection", FaultKind::LoseAnswer).times(1);
    cloud.emulator.inject(fault).expect("a good fault");
    let lost = cloud.try_call("POST", &connections(), body("test")).await.expect_err("there is no answer");
    assert!(lost.is_request() && !lost.is_connect() && !lost.is_timeout(), "{lost:?}");
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);
    cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0006");
    assert_eq!(cloud.emulator.requests().len(), 2);
}

/// The log records the effect and the fault even if the client receives no response.
#[tokio::test]
async fn log_records_effect_and_fault() {
    let cloud = Cloud::start().await;
    let inject = |trouble| {
        cloud.emulator.inject(Fault::new("CreateEnhancedConnection", trouble).times(1)).expect("a good fault");
    };
    inject(FaultKind::FailSoftly { text: "busy".to_owned() });
    inject(FaultKind::CutRequest);
    inject(FaultKind::LoseAnswer);
    for _ in 0..3 {
        // Other tests check the response.
        let _ = cloud.try_call("POST", &connections(), body("test")).await;
    }
    let log = cloud.emulator.requests();
    assert_eq!(log.iter().map(LoggedRequest::is_done).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(log[2].fault_effect.fault, Some(FaultKind::LoseAnswer));

    cloud.emulator.set_binding_delay(Duration::from_hours(1));
    cloud.emulator.set_delete_delay(Duration::from_hours(1));
    let hour = FaultKind::Stale(Duration::from_hours(1));
    cloud.emulator.inject(Fault::new("List*", hour)).expect("a good fault");
    let id = cloud.emulator.connections(PROJECT)[0].id.clone();
    let seen = async |path: &str| {
        cloud.get(path).await.ok(200);
        let struck = cloud.emulator.requests().pop().expect("it was asked").fault_effect;
        (struck.is_stale, struck.shows_creating_binding, struck.shows_deleting)
    };
    let one = format!("{}/{id}", connections());
    assert_eq!((seen(&one).await, seen(&connections()).await), ((false, false, false), (false, false, false)));
    cloud.call("POST", &format!("{one}/associate-queue"), json!({"queues": ["q1"]})).await.ok(200);
    assert_eq!((seen(&one).await, seen(&connections()).await), ((false, true, false), (true, true, false)));
    // The bindings are removed at once, so the state equals the one before the binding.
    cloud.call("DELETE", &one, Value::Null).await.ok(200);
    assert_eq!((seen(&one).await, seen(&connections()).await), ((false, false, true), (false, false, true)));
}

#[tokio::test]
async fn soft_truncated_and_throttled_faults() {
    let cloud = Cloud::start().await;
    let soft = Fault::new("*", FaultKind::FailSoftly { text: "not now".to_owned() });
    let all = [soft, Fault::new("*", FaultKind::TruncateAnswer), Fault::throttle("*")];
    for fault in all {
        cloud.emulator.inject(fault.times(1)).expect("a good fault");
    }

    let answer = cloud.call("POST", &connections(), body("test")).await.ok(200);
    assert_eq!(answer, json!({"is_success": false, "message": "not now"}));
    assert!(cloud.emulator.connections(PROJECT).is_empty());

    let half = cloud.try_call("POST", &connections(), body("test")).await.expect("an answer");
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(&half).is_err(), "{half}");
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);

    let reply = cloud.get(&connections()).await;
    assert_eq!(reply.body["request_id"], reply.request_id.as_str(), "the gateway's form");
    assert!(reply.refused(429, "APIGW.0308").contains("limit:200,time:5 minute"));
    cloud.get(&connections()).await.ok(200);

    let log = cloud.emulator.requests();
    assert_eq!((log[0].status, log[0].code.as_deref(), log[0].error.as_deref()), (200, None, Some("not now")));
}

/// The connection closes before the operation, after it, or in the middle of the response.
#[tokio::test]
async fn cut_request_and_cut_answer_close_connection() {
    let cloud = Cloud::start().await;
    cloud.fault("CreateEnhancedConnection:cut-request*1");
    cloud.try_call("POST", &connections(), body("test")).await.expect_err("there is no answer");
    assert!(cloud.emulator.connections(PROJECT).is_empty());
    assert_eq!(cloud.emulator.requests()[0].status, 0);

    cloud.fault("*:cut-answer");
    let cut = cloud.try_call("POST", &connections(), body("test")).await.expect_err("the body ends early");
    assert!(cut.is_body() || cut.is_decode(), "the head had arrived: {cut:?}");
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);

    cloud.emulator.clear_faults();
    cloud.fault("ListEnhancedConnections:garble-answer*1");
    let garbled = cloud.try_call("GET", &connections(), Value::Null).await.expect("an answer");
    assert!(garbled.contains("connection") && serde_json::from_str::<Value>(&garbled).is_err(), "{garbled}");
    cloud.get(&connections()).await.ok(200);
}

/// A response without a body is changed, too; the operation takes effect.
#[tokio::test]
async fn empty_response_is_garbled() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    let id = path.rsplit('/').next().expect("an id");
    let tags = format!("/v3/{PROJECT}/dli_enhanced_datasource/{id}/tags");
    let change = async |what: &str| {
        let body = json!({"tags": [{"key": "a", "value": "b"}]});
        cloud.try_call("POST", &format!("{tags}/{what}"), body).await.expect("an answer")
    };
    cloud.fault("BatchCreateResourceTags:truncate-answer*1");
    cloud.fault("BatchDeleteResourceTags:garble-answer*1");
    assert_eq!((change("create").await.as_str(), cloud.emulator.tags(PROJECT, id).len()), ("{", 1));
    assert_eq!((change("delete").await.as_str(), cloud.emulator.tags(PROJECT, id).len()), ("<html>", 0));
    assert_eq!(change("create").await, "", "each was met once");
}

/// Half of the body arrives with the Content-Length of the whole.
#[tokio::test]
async fn cut_answer_announces_full_length() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cloud = Cloud::start().await;
    let whole = cloud.try_call("GET", &connections(), Value::Null).await.expect("an answer");
    cloud.fault("*:cut-answer");
    let draft = cloud.draft("GET", &connections(), b"");
    let mut socket = tokio::net::TcpStream::connect(cloud.emulator.address()).await.expect("it listens");
    let mut lines = vec![format!("GET {} HTTP/1.1", draft.target)];
    lines.push("Connection: close".to_owned());
    lines.extend(draft.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    let request = lines.join("\r\n") + "\r\n\r\n";
    socket.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("text, and the end");
    let (head, half) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.to_ascii_lowercase().contains(&format!("content-length: {}", whole.len())), "{head}");
    assert_eq!(half, &whole[..whole.len() / 2]);
}

/// Two reads have different delays; both return the current state at the set time.
#[tokio::test]
async fn stale_fault_delays_reads() {
    let cloud = Cloud::start().await;
    let old = cloud.create(body("old")).await;
    cloud.fault("Show*:stale=2s");
    cloud.fault("ListEnhancedConnections:stale=5s");
    let new = cloud.create(body("new")).await;
    let hosts = json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}]});
    cloud.call("PUT", &old, hosts).await.ok(200);
    let count = async || cloud.get(&connections()).await.ok(200)["count"].clone();
    cloud.get(&new).await.refused(400, "DLI.0001");
    assert_eq!((cloud.get(&old).await.ok(200)["hosts"].clone(), count().await), (json!([]), json!(1)));

    cloud.clock.advance(Duration::from_secs(2));
    cloud.get(&new).await.ok(200);
    assert_eq!((cloud.get(&old).await.ok(200)["hosts"][0]["name"].clone(), count().await), (json!("a"), json!(1)));
    cloud.call("POST", &connections(), body("new")).await.refused(400, "DLI.0006");
    cloud.call("DELETE", &old, Value::Null).await.ok(200);
    assert_eq!(cloud.get(&old).await.ok(200)["status"], "ACTIVE");
    assert_eq!(count().await, 1, "that of 2 seconds ago is still what is seen");

    cloud.clock.advance(Duration::from_secs(3));
    let listed = cloud.get(&connections()).await.ok(200);
    assert_eq!((&listed["count"], &listed["connections"][0]["status"]), (&json!(2), &json!("ACTIVE")));
    assert_eq!(cloud.get(&old).await.ok(200)["status"], "DELETED");
    cloud.emulator.clear_faults();
    assert_eq!(cloud.get(&format!("{}?status=ACTIVE", connections())).await.ok(200)["count"], 1);
}

#[tokio::test]
async fn slow_binding_fault_delays_binding() {
    let cloud = Cloud::start().await;
    cloud.fault("AssociateQueueToEnhancedConnection:slow-binding=1m*1");
    let path = cloud.create(body_with("test", json!({"queues": ["q1"]}))).await;
    for queue in ["q2", "q3"] {
        cloud.call("POST", &format!("{path}/associate-queue"), json!({"queues": [queue]})).await.ok(200);
    }
    let states = async || {
        let bound = cloud.get(&path).await.ok(200)["available_queue_info"].clone();
        bound.as_array().expect("a list").iter().map(|row| row["status"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["ACTIVE", "CREATING", "ACTIVE"]);
    cloud.clock.advance(Duration::from_mins(1));
    assert_eq!(states().await, ["ACTIVE", "ACTIVE", "ACTIVE"]);
}

/// The limit and its text are the gateway's. Each user has a separate limit, and logins have none.
#[tokio::test]
async fn requests_over_limit_are_throttled() {
    let limit = Some("3/2s".parse().expect("a limit"));
    let cloud = Cloud::with(Settings { limit, ..Settings::default() }).await;
    let statuses = async |count| {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(cloud.get(&connections()).await.status);
        }
        statuses
    };
    assert_eq!(statuses(5).await, [200, 200, 200, 429, 429]);
    let reply = cloud.get(&connections()).await;
    assert_eq!(reply.body["request_id"], reply.request_id.as_str());
    assert_eq!(
        reply.refused(429, "APIGW.0308"),
        "The throttling threshold has been reached: policy user over ratelimit,limit:3,time:2 second"
    );
    cloud.get("/v3/projects").await.ok(200);
    cloud.clock.advance(Duration::from_secs(2));
    assert_eq!(statuses(4).await, [200, 200, 200, 429]);
    cloud.emulator.set_limit(None);
    assert_eq!(statuses(10).await, [200; 10]);
}

/// The `Date` header, the signature check and its error text follow the emulator's clock.
#[tokio::test]
async fn clock_skew_affects_all_requests() {
    let cloud = Cloud::start().await;
    let date = async || {
        let response = client().get(cloud.emulator.endpoint()).send().await.expect("an answer");
        response.headers()["date"].to_str().expect("ASCII").to_owned()
    };
    assert_eq!(date().await, "Thu, 01 Jan 2026 00:00:00 GMT");
    for (minutes, server, shown) in [
        (20, "20260101T002000Z", "Thu, 01 Jan 2026 00:20:00 GMT"),
        (-20, "20251231T234000Z", "Wed, 31 Dec 2025 23:40:00 GMT"),
    ] {
        cloud.emulator.set_clock_skew(time::Duration::minutes(minutes));
        assert_eq!(
            cloud.get(&connections()).await.refused(401, "APIGW.0301"),
            format!(
                "Incorrect IAM authentication information: signature expired, \
                 signature time:20260101T000000Z,server time:{server}"
            )
        );
        assert_eq!(date().await, shown);
    }
    cloud.emulator.set_clock_skew(time::Duration::minutes(-15));
    let path = cloud.create(body("test")).await;
    assert_eq!(cloud.get(&path).await.ok(200)["create_time"], 1_767_225_600_000_i64 - 900_000);
}

/// Status and `Date` of the response to an unauthenticated request.
async fn date_of(cloud: &Cloud, method: &str, target: &str, contents: &Value) -> (u16, String) {
    let request = client().request(method.parse().expect("a method"), cloud.emulator.endpoint() + target);
    let answer = request.body(contents.to_string()).send().await.expect("an answer");
    (answer.status().as_u16(), answer.headers()["date"].to_str().expect("ASCII").to_owned())
}

/// A rejected request uses up the skew but no other fault. The effect has the correct time.
#[tokio::test]
async fn clock_skew_can_affect_one_request() {
    const RIGHT: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
    let cloud = Cloud::start().await;
    cloud.fault("CreateEnhancedConnection:throttle*1");
    cloud.fault("*:clock-skew=-20m*1 containing late");
    cloud.fault("*:clock-skew=20m*2");
    cloud.get("/v9/nothing").await.refused(404, "APIGW.0101");
    cloud.get("/v3/projects").await.ok(200);
    for (name, server) in [("late", "20251231T234000Z"), ("late", "20260101T002000Z"), ("early", "20260101T002000Z")] {
        let said = cloud.call("POST", &connections(), body(name)).await.refused(401, "APIGW.0301");
        assert!(said.ends_with(&format!("signature time:20260101T000000Z,server time:{server}")), "{said}");
    }
    cloud.call("POST", &connections(), body("test")).await.refused(429, "APIGW.0308");

    // The skew is within the limit of the signature check.
    cloud.fault("CreateEnhancedConnection:clock-skew=15m*1");
    let path = cloud.create(body("test")).await;
    assert_eq!(cloud.get(&path).await.ok(200)["create_time"], 1_767_225_600_000_i64);

    // DLI, IAM with and without a signature, and the metadata service.
    let early = "Thu, 01 Jan 2026 00:20:00 GMT".to_owned();
    for (operation, method, target, status) in [
        ("ListEnhancedConnections", "GET", connections(), 401),
        ("KeystoneListProjects", "GET", "/v3/projects".to_owned(), 401),
        ("KeystoneCreateUserTokenByPassword", "POST", "/v3/auth/tokens".to_owned(), 400),
        ("MetadataToken", "GET", "/meta-data/latest/api/token".to_owned(), 405),
    ] {
        cloud.fault(&format!("{operation}:clock-skew=20m*1"));
        assert_eq!(date_of(&cloud, method, &target, &json!({})).await, (status, early.clone()), "{operation}");
        assert_eq!(date_of(&cloud, method, &target, &json!({})).await, (status, RIGHT.to_owned()), "{operation}");
    }
    cloud.fault("KeystoneListProjects:clock-skew=20m*1");
    cloud.get("/v3/projects").await.refused(401, "APIGW.0301");
    cloud.get("/v3/projects").await.ok(200);
}

/// Faults do not apply to unauthenticated requests.
#[tokio::test]
async fn authentication_precedes_faults() {
    let cloud = Cloud::start().await;
    cloud.emulator.inject(Fault::throttle("*").times(1)).expect("a good fault");
    let mut draft = cloud.draft("GET", &connections(), b"");
    draft.header("Authorization").push('0');
    cloud.send(draft).await.refused(401, "APIGW.0301");
    cloud.get(&connections()).await.refused(429, "APIGW.0308");
}

#[tokio::test]
async fn reset_restores_initial_faults() {
    let faults = vec![Fault::throttle("*").times(1)];
    let cloud = Cloud::with(Settings { faults, ..Settings::default() }).await;
    for number in [1, 3] {
        cloud.get(&connections()).await.refused(429, "APIGW.0308");
        cloud.create(body("test")).await;
        assert_eq!(cloud.emulator.requests()[0].number, number, "numbers go on");
        cloud.emulator.reset().expect("no file");
        assert!(cloud.emulator.connections(PROJECT).is_empty() && cloud.emulator.requests().is_empty());
    }

    let faults = vec![Fault::throttle("CreateConnection")];
    let started = terraform_provider_dli::emulator::Emulator::start(
        ([127, 0, 0, 1], 0).into(),
        Settings { faults, ..Settings::default() },
    );
    assert!(matches!(started.await.expect_err("a misspelt operation"), StartError::Fault(_)));
}
