//! The gateway's signature check.

use std::time::Duration;

use serde_json::json;
use terraform_provider_dli::{
    dli::signature::{Authorization, Signable, payload_hash},
    emulator::{ACCESS_KEY, SECRET_KEY, Settings},
};

use super::harness::{Cloud, Draft, PROJECT, authorization, body, connections};
use crate::python::{self, Plain};

/// A modification of a draft.
type Change = fn(&mut Draft);

/// Signs a draft with other keys or headers.
fn signed_anew(mut draft: Draft, access_key: &str, secret_key: &str) -> Draft {
    draft.headers.retain(|(name, _)| name != "Authorization");
    let authorization = authorization(&draft, access_key, secret_key);
    draft.headers.push(("Authorization".to_owned(), authorization));
    draft
}

#[tokio::test]
async fn changed_signed_request_is_rejected() {
    let cloud = Cloud::start().await;
    let target = format!("{}?limit=2&name=a%20b", connections());
    let bytes = body("test").to_string();
    let signed = cloud.draft("GET", &target, bytes.as_bytes());
    cloud.send(signed.clone()).await.ok(200);

    let changes: [(&str, Change); 9] = [
        ("body", |draft| draft.body[3] ^= 1),
        ("body cut", |draft| draft.body.truncate(10)),
        ("query value", |draft| draft.target = draft.target.replace("limit=2", "limit=3")),
        ("query more", |draft| draft.target.push_str("&offset=0")),
        ("space for plus", |draft| draft.target = draft.target.replace("%20", "+")),
        ("path", |draft| draft.target = draft.target.replace(PROJECT, "58cc2c48765f481480c7db940d6409d1")),
        ("signed header", |draft| draft.header("X-Project-Id").push('0')),
        ("date", |draft| *draft.header("X-Sdk-Date") = "20260101T000001Z".to_owned()),
        ("signed header repeated", |draft| draft.headers.push(("X-Project-Id".to_owned(), "x".to_owned()))),
    ];
    for (what, change) in changes {
        let mut draft = signed.clone();
        change(&mut draft);
        let reply = cloud.send(draft).await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(
            reply.body,
            json!({
                "error_code": "APIGW.0301",
                "error_msg": "Incorrect IAM authentication information: verify aksk signature fail",
                "request_id": reply.request_id,
            })
        );
    }
    let mut method = signed.clone();
    method.method = "POST".to_owned();
    cloud.send(method).await.refused(401, "APIGW.0301");
    assert!(cloud.emulator.connections(PROJECT).is_empty());
}

#[tokio::test]
async fn missing_or_wrong_credentials_are_rejected() {
    let cloud = Cloud::start().await;
    let signed = cloud.draft("GET", &connections(), b"");
    let refused = async |draft: Draft| cloud.send(draft).await.refused(401, "APIGW.0301");
    assert!(refused(signed_anew(signed.clone(), "stranger", SECRET_KEY)).await.contains("stranger"));
    refused(signed_anew(signed.clone(), ACCESS_KEY, "emulator-secreT")).await;
    for missing in ["Authorization", "X-Sdk-Date", "X-Project-Id"] {
        let mut draft = signed.clone();
        draft.headers.retain(|(name, _)| name != missing);
        refused(draft).await;
    }
    for wrong in ["", "Basic x", "SDK-HMAC-SHA256", "SDK-HMAC-SHA256 Access=emulator, SignedHeaders=x-sdk-date"] {
        let mut draft = signed.clone();
        *draft.header("Authorization") = wrong.to_owned();
        refused(draft).await;
    }
    // A valid signature that does not cover the date.
    let host = [("Host", signed.headers[0].1.as_str())];
    let (path, payload_hash) = (connections(), payload_hash(b""));
    let signable = Signable { method: "GET", path: &path, query: &[], headers: &host, payload_hash: &payload_hash };
    let mut draft = signed.clone();
    *draft.header("Authorization") = Authorization::sign(&signable, "20260101T000000Z", ACCESS_KEY, SECRET_KEY);
    assert!(refused(draft).await.contains("not among the signed headers"));
}

/// Only the date must be signed. Case of names, additional headers and repeated query keys are accepted.
#[tokio::test]
async fn unsigned_headers_are_accepted() {
    let cloud = Cloud::start().await;
    let date = || ("x-SDK-date".to_owned(), "20260101T000000Z".to_owned());
    let target = format!("/v1.0/{PROJECT}/queues/q1?b=2&a=2+1&a=1&c&%7e=x");
    let mut draft = Cloud::sign("GET", &target, vec![date()], b"");
    draft.headers.push(("X-Project-Id".to_owned(), "unsigned".to_owned()));
    cloud.send(draft).await.ok(200);

    let bytes = body("test").to_string();
    let bytes = bytes.as_bytes();
    let announce = |value: &str| vec![date(), ("X-Sdk-Content-Sha256".to_owned(), value.to_owned())];
    let right = Cloud::sign("POST", &connections(), announce(&payload_hash(bytes)), bytes);
    let mut changed = right.clone();
    changed.body[3] ^= 1;
    cloud.send(changed).await.refused(401, "APIGW.0301");
    cloud.send(right).await.ok(201);
}

#[tokio::test]
async fn signature_is_valid_within_15_minutes() {
    let cloud = Cloud::start().await;
    let signed = cloud.draft("GET", &connections(), b"");
    let minute = Duration::from_mins(1);
    cloud.clock.advance(15 * minute);
    cloud.send(signed.clone()).await.ok(200);
    cloud.clock.advance(Duration::from_secs(1));
    let text = cloud.send(signed.clone()).await.refused(401, "APIGW.0301");
    assert_eq!(
        text,
        "Incorrect IAM authentication information: signature expired, \
         signature time:20260101T000000Z,server time:20260101T001501Z"
    );
    cloud.clock.set(time::macros::datetime!(2025-12-31 23:45:00 UTC));
    cloud.send(signed.clone()).await.ok(200);
    cloud.clock.set(time::macros::datetime!(2025-12-31 23:44:59 UTC));
    cloud.send(signed).await.refused(401, "APIGW.0301");
}

#[tokio::test]
async fn security_token_is_checked() {
    let temporary = Settings { security_token: Some("TOKEN==".to_owned()), ..Settings::default() };
    let (temporary, permanent) = (Cloud::with(temporary).await, Cloud::start().await);
    let with = |cloud: &Cloud, token: &str| {
        let mut draft = cloud.draft("GET", &connections(), b"");
        draft.headers.push(("X-Security-Token".to_owned(), token.to_owned()));
        draft
    };
    // The header may be signed or not.
    temporary.send(signed_anew(with(&temporary, "TOKEN=="), ACCESS_KEY, SECRET_KEY)).await.ok(200);
    temporary.send(with(&temporary, "TOKEN==")).await.ok(200);
    temporary.send(with(&temporary, "TOKEN=")).await.refused(401, "APIGW.0301");
    temporary.get(&connections()).await.refused(401, "APIGW.0301");
    permanent.send(with(&permanent, "TOKEN==")).await.refused(401, "APIGW.0301");
}

/// A request signed by Huawei's signer is accepted, and rejected after one byte is changed. The accepted signature
/// equals the one of this repository.
#[tokio::test]
async fn signature_of_huawei_signer_is_accepted() {
    let cloud = Cloud::start().await;
    let host = cloud.emulator.address().to_string();
    let json = ("Content-Type", "application/json");
    let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let plain = |method: &str, target: &str, body: &str, more: &[(&str, &str)]| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = [("Host", host.as_str()), ("X-Sdk-Date", "20260101T000000Z")];
        Plain {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().chain(more).copied().map(header).collect(),
            body: body.as_bytes().to_vec(),
        }
    };
    let all = connections();
    let create = body("größe").to_string();
    let queues = format!("/v1.0/{PROJECT}/queues");
    let cases = [
        (plain("POST", &all, &body("test").to_string(), &[json, ("X-Project-Id", PROJECT)]), 201),
        (plain("POST", &all, &create, &[json]), 400),
        (plain("GET", &format!("{all}?tags=a%20b%3Dc%2Bd&name=t_1&limit=100&offset=0"), "", &[]), 200),
        (plain("GET", &format!("{queues}?z=1&a=2&a=1+1&A=3&%7E=~&e"), "", &[("User-Agent", " a  b ")]), 200),
        (plain("GET", &format!("{queues}/a%20b%7E"), "", &[]), 400),
        (plain("GET", &format!("{queues}/a%2Fb"), "", &[]), 400),
        (plain("POST", &all, &body("form").to_string(), &[("Content-Type", "text/plain")]), 201),
        (plain("GET", &queues, "", &[("Content-Type", "text/plain")]), 200),
    ];
    let requests: Vec<_> = cases.iter().map(|(request, _)| request.clone()).collect();
    for ((request, status), headers) in cases.into_iter().zip(python::sign(&requests, ACCESS_KEY, SECRET_KEY)) {
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let draft =
            Draft { method: request.method, target: format!("{}{query}", request.path), headers, body: request.body };
        let mut spoilt = draft.clone();
        let signature = spoilt.header("Authorization");
        let last = signature.pop();
        signature.push(if last == Some('0') { '1' } else { '0' });
        cloud.send(spoilt).await.refused(401, "APIGW.0301");
        let unsigned = draft.headers.iter().any(|(_, value)| value == "UNSIGNED-PAYLOAD");
        if !draft.body.is_empty() && !unsigned {
            let mut spoilt = draft.clone();
            spoilt.body[3] ^= 1;
            cloud.send(spoilt).await.refused(401, "APIGW.0301");
        }
        assert_eq!(cloud.send(draft.clone()).await.status, status, "{draft:?}");
    }

    let mut accepted = cloud.emulator.requests();
    accepted.retain(|request| request.status != 401);
    assert_eq!(accepted.len(), 8);
    let computed = python::recompute(&accepted, ACCESS_KEY, SECRET_KEY);
    for (request, computed) in accepted.iter().zip(computed) {
        let sent = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
        assert_eq!(sent, Some(&computed));
    }
}

/// This repository computes the same signature as Huawei's signer.
#[tokio::test]
async fn signature_equals_huawei_signer() {
    let cloud = Cloud::start().await;
    let path = cloud.create(body("test")).await;
    cloud.get(&format!("{}?tags=a%20b%3Dc%2Bd%2Cowner%3Dx%40y&limit=0", connections())).await.ok(200);
    cloud.call("PUT", &path, json!({"hosts": [{"name": "a", "ip": "10.0.0.1"}]})).await.ok(200);
    cloud.call("DELETE", &path, serde_json::Value::Null).await.ok(200);
    let received = cloud.emulator.requests();
    let computed = python::recompute(&received, ACCESS_KEY, SECRET_KEY);
    assert_eq!(computed.len(), 4);
    for (request, computed) in received.iter().zip(computed) {
        assert!(
            request.headers.contains(&("authorization".to_owned(), computed)),
            "{} {}",
            request.method,
            request.path
        );
    }
}
