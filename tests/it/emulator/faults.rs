//! Troubles that are brought on, as a client meets them.

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Fault, Settings, StartError, Trouble};

use super::harness::{Cloud, PROJECT, body, connections};

#[tokio::test]
async fn a_refusal_comes_before_the_effect_and_as_often_as_it_was_asked_for() {
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

/// A route's name stands in the body when it is added, and percent-encoded in the path when it is deleted.
#[tokio::test]
async fn a_fault_may_be_for_one_thing_only() {
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
async fn an_answer_is_lost_after_the_effect() {
    let cloud = Cloud::start().await;
    let fault = Fault::new("CreateEnhancedConnection", Trouble::LoseAnswer).times(1);
    cloud.emulator.inject(fault).expect("a good fault");
    let lost = cloud.try_call("POST", &connections(), body("test")).await.expect_err("there is no answer");
    assert!(lost.is_request() && !lost.is_connect() && !lost.is_timeout(), "{lost:?}");
    assert_eq!(cloud.emulator.connections(PROJECT).len(), 1);
    cloud.call("POST", &connections(), body("test")).await.refused(400, "DLI.0006");
    assert_eq!(cloud.emulator.requests().len(), 2);
}

#[tokio::test]
async fn soft_truncated_and_throttled() {
    let cloud = Cloud::start().await;
    let soft = Fault::new("*", Trouble::FailSoftly { text: "not now".to_owned() });
    let all = [soft, Fault::new("*", Trouble::TruncateAnswer), Fault::throttle("*")];
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

/// Whom the gateway does not believe, no trouble befalls.
#[tokio::test]
async fn a_signature_is_looked_at_first() {
    let cloud = Cloud::start().await;
    cloud.emulator.inject(Fault::throttle("*").times(1)).expect("a good fault");
    let mut draft = cloud.draft("GET", &connections(), b"");
    draft.header("Authorization").push('0');
    cloud.send(draft).await.refused(401, "APIGW.0301");
    cloud.get(&connections()).await.refused(429, "APIGW.0308");
}

#[tokio::test]
async fn faults_from_the_start_come_back_with_a_reset() {
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
