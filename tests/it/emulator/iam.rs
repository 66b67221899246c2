//! Credentials issued by IAM and the metadata service, and their lifetimes.

use std::time::Duration;

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use terraform_provider_dli::{
    dli::signature,
    emulator::{Clock, Fault, IamAccount, Metadata, Settings},
};

use super::harness::{Cloud, Draft, PROJECT, authorization, body, client, connections};

const TOKENS: &str = "/v3/auth/tokens";
const KEYS: &str = "/v3.0/OS-CREDENTIAL/securitytokens";

/// Status, headers and body of an unsigned request.
async fn plain(
    cloud: &Cloud,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, HeaderMap, Value) {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = client().request(method, format!("{}{target}", cloud.emulator.endpoint()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The request body of golangsdk.
fn by_password(password: &str) -> Value {
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": "terraform", "password": password, "domain": {"name": "emulator"},
        }}},
        "scope": {"project": {"id": PROJECT}},
    }})
}

async fn token_for(cloud: &Cloud, asked: &Value) -> String {
    let (status, headers, body) = plain(cloud, "POST", TOKENS, &[], asked).await;
    assert_eq!(status, 201, "{body}");
    headers["x-subject-token"].to_str().expect("ASCII").to_owned()
}

/// A DLI request signed with temporary keys.
async fn with_keys(cloud: &Cloud, credential: &Value) -> u16 {
    let text = |name: &str| credential[name].as_str().expect("a text").to_owned();
    let headers = vec![
        ("X-Sdk-Date".to_owned(), signature::format_date(cloud.clock.now())),
        ("X-Security-Token".to_owned(), text("securitytoken")),
    ];
    let mut draft = Draft { method: "GET".to_owned(), target: connections(), headers, body: Vec::new() };
    draft.headers.push(("Authorization".to_owned(), authorization(&draft, &text("access"), &text("secret"))));
    cloud.send(draft).await.status
}

fn last_caller(cloud: &Cloud) -> Option<String> {
    cloud.emulator.requests().last().expect("a request").caller.as_ref().map(ToString::to_string)
}

fn from_now(cloud: &Cloud, span: Duration) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000000Z");
    (cloud.clock.now() + span).format(format).expect("a time")
}

#[tokio::test]
async fn password_returns_token_valid_for_a_day() {
    let cloud = Cloud::start().await;
    let (status, headers, answer) = plain(&cloud, "POST", TOKENS, &[], &by_password("emulator-password")).await;
    assert_eq!(status, 201, "{answer}");
    let day = Duration::from_hours(24);
    assert_eq!(
        (&answer["token"]["expires_at"], &answer["token"]["project"]["id"]),
        (&json!(from_now(&cloud, day)), &json!(PROJECT))
    );
    assert_eq!(last_caller(&cloud).as_deref(), Some("password of user terraform"));
    let log = cloud.emulator.requests();
    assert_eq!(log[0].operation, Some("KeystoneCreateUserTokenByPassword"));
    let logged = String::from_utf8_lossy(&log[0].body);
    assert!(
        logged.contains("withheld") && logged.contains(PROJECT) && !logged.contains("emulator-password"),
        "{logged}"
    );

    let token = headers["x-subject-token"].to_str().expect("ASCII");
    let shown = [("X-Auth-Token", token)];
    let (status, _, created) = plain(&cloud, "POST", &connections(), &shown, &body("test")).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(last_caller(&cloud).as_deref(), Some("token of user terraform"));
    let elsewhere = connections().replace(PROJECT, "58cc2c48765f481480c7db940d6409d1");
    let (status, _, refused) = plain(&cloud, "GET", &elsewhere, &shown, &Value::Null).await;
    assert_eq!((status, &refused["error_code"]), (403, &json!("APIGW.0302")));

    cloud.emulator.advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!(plain(&cloud, "GET", &connections(), &shown, &Value::Null).await.0, 200);
    cloud.emulator.advance(Duration::from_secs(1));
    let (status, _, refused) = plain(&cloud, "GET", &connections(), &shown, &Value::Null).await;
    assert_eq!((status, &refused["error_code"]), (401, &json!("APIGW.0301")));
    assert_eq!(
        (last_caller(&cloud), refused["error_msg"].as_str()),
        (None, Some("Incorrect IAM authentication information: decrypt token fail"))
    );
}

#[tokio::test]
async fn failed_login_has_iam_error_body() {
    let cloud = Cloud::start().await;
    let (status, _, wrong) = plain(&cloud, "POST", TOKENS, &[], &by_password("emulator")).await;
    let said =
        json!({"error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}});
    assert_eq!((status, wrong), (401, said));
    let spoilt = |pointer: &str, value: Value| {
        let mut asked = by_password("emulator-password");
        *asked.pointer_mut(pointer).expect("it is there") = value;
        asked
    };
    let user = "/auth/identity/password/user";
    for (asked, status, said) in [
        (spoilt(&format!("{user}/name"), json!("nobody")), 401, "wrong"),
        (spoilt(&format!("{user}/domain"), json!({"name": "elsewhere"})), 401, "wrong"),
        (spoilt(&format!("{user}/domain"), Value::Null), 400, "domain"),
        (spoilt("/auth/scope", json!({"project": {"name": "nowhere"}})), 404, "nowhere"),
        (spoilt("/auth/scope", json!({"domain": {"name": "elsewhere"}})), 401, "requires authentication"),
        (spoilt("/auth/identity", json!({})), 400, "identity.password"),
        (json!([]), 400, "body"),
    ] {
        let (found, _, refused) = plain(&cloud, "POST", TOKENS, &[], &asked).await;
        assert_eq!((found, &refused["error"]["code"]), (status, &json!(status)), "{refused}");
        assert!(refused["error"]["message"].as_str().is_some_and(|text| text.contains(said)), "{refused}");
    }
    for id in [json!({"id": "a0000000000000000000000000000001", "password": "emulator-password"})] {
        token_for(&cloud, &spoilt(user, id)).await;
    }
    let named = spoilt("/auth/scope", json!({"project": {"name": "emulated"}}));
    let (_, _, answer) = plain(&cloud, "POST", TOKENS, &[], &named).await;
    assert_eq!(answer["token"]["project"]["id"], "0123456789abcdef0123456789abcdef");
    let (_, _, answer) =
        plain(&cloud, "POST", TOKENS, &[], &spoilt("/auth/scope", json!({"domain": {"name": "emulator"}}))).await;
    assert_eq!(answer["token"]["domain"]["name"], "emulator");
    assert_eq!(answer["token"]["project"], Value::Null);
}

#[tokio::test]
async fn agency_can_be_assumed() {
    let cloud = Cloud::start().await;
    let assume = |name: &str, key: &str| {
        json!({"auth": {
            "identity": {
                "methods": ["assume_role"],
                "assume_role": {"domain_name": "emulator", key: name, "duration_seconds": 900},
            },
            "scope": {"project": {"id": PROJECT}},
        }})
    };
    assert_eq!(plain(&cloud, "POST", TOKENS, &[], &assume("dli-agency", "xrole_name")).await.0, 401, "nobody asks");
    let token = token_for(&cloud, &by_password("emulator-password")).await;
    let shown = [("X-Auth-Token", token.as_str())];
    let (status, headers, answer) = plain(&cloud, "POST", TOKENS, &shown, &assume("dli-agency", "xrole_name")).await;
    assert_eq!((status, last_caller(&cloud).as_deref()), (201, Some("token of user terraform")), "{answer}");
    let token = headers["x-subject-token"].to_str().expect("ASCII").to_owned();
    assert_eq!(plain(&cloud, "GET", &connections(), &[("X-Auth-Token", &token)], &Value::Null).await.0, 200);
    assert_eq!(last_caller(&cloud).as_deref(), Some("token of agency dli-agency"));
    cloud.call("POST", TOKENS, assume("nobody", "agency_name")).await.ok(404);

    let keys = cloud.call("POST", KEYS, assume("dli-agency", "agency_name")).await.ok(201)["credential"].clone();
    assert_eq!(last_caller(&cloud).as_deref(), Some("access key emulator of user terraform"));
    assert_eq!(
        cloud.emulator.requests().last().expect("a request").operation,
        Some("CreateTemporaryAccessKeyByAgency")
    );
    assert_eq!(keys["expires_at"], from_now(&cloud, Duration::from_mins(15)));
    assert_eq!(with_keys(&cloud, &keys).await, 200);
    let access = keys["access"].as_str().expect("a text");
    assert_eq!(last_caller(&cloud), Some(format!("temporary key {access} of agency dli-agency")));
    let mut spoilt = keys.clone();
    spoilt["securitytoken"] = json!("other");
    assert_eq!(with_keys(&cloud, &spoilt).await, 401);
    cloud.emulator.advance(Duration::from_mins(15));
    assert_eq!(with_keys(&cloud, &keys).await, 401);

    let mut asked = assume("dli-agency", "agency_name");
    asked["auth"]["identity"]["assume_role"]["duration_seconds"] = json!(899);
    cloud.call("POST", KEYS, asked).await.ok(400);
}

#[tokio::test]
async fn token_returns_temporary_keys_until_revoked() {
    let cloud = Cloud::start().await;
    let token = token_for(&cloud, &by_password("emulator-password")).await;
    let by_header = json!({"auth": {"identity": {"methods": ["token"], "token": {"duration_seconds": 86_400}}}});
    let by_body = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}});
    let (status, _, first) = plain(&cloud, "POST", KEYS, &[("X-Auth-Token", &token)], &by_header).await;
    assert_eq!((status, &first["credential"]["expires_at"]), (201, &json!(from_now(&cloud, Duration::from_hours(24)))));
    let (status, _, second) = plain(&cloud, "POST", KEYS, &[], &by_body).await;
    assert_eq!((status, last_caller(&cloud).as_deref()), (201, Some("token of user terraform")));
    assert!(!String::from_utf8_lossy(&cloud.emulator.requests().last().expect("one").body).contains(&token));
    assert_eq!(plain(&cloud, "POST", KEYS, &[], &by_header).await.0, 401);
    for keys in [&first, &second] {
        assert_eq!(with_keys(&cloud, &keys["credential"]).await, 200);
    }

    cloud.emulator.revoke_credentials();
    for keys in [&first, &second] {
        assert_eq!(with_keys(&cloud, &keys["credential"]).await, 401);
    }
    assert_eq!(plain(&cloud, "GET", &connections(), &[("X-Auth-Token", &token)], &Value::Null).await.0, 401);
    cloud.get(&connections()).await.ok(200);

    cloud.emulator.set_credential_lifetime(Some(Duration::from_secs(5)));
    let token = token_for(&cloud, &by_password("emulator-password")).await;
    cloud.emulator.advance(Duration::from_secs(5));
    assert_eq!(plain(&cloud, "GET", &connections(), &[("X-Auth-Token", &token)], &Value::Null).await.0, 401);
}

#[tokio::test]
async fn project_is_found_by_region_name() {
    let project = |name: &str, id: &str| (name.to_owned(), id.to_owned());
    let iam_account = IamAccount {
        projects: vec![project("eu-west-101", "1"), project("twice", "2"), project("twice", "3")],
        ..IamAccount::default()
    };
    let cloud = Cloud::with(Settings { iam_account, ..Settings::default() }).await;
    for (name, ids) in [("eu-west-101", json!(["1"])), ("nowhere", json!([])), ("twice", json!(["2", "3"]))] {
        let answer = cloud.get(&format!("/v3/projects?name={name}")).await.ok(200);
        let found = answer["projects"].as_array().expect("a list").iter().map(|project| &project["id"]);
        assert_eq!(json!(found.collect::<Vec<_>>()), ids, "{name}");
    }
    let domains = cloud.get("/v3/auth/domains").await.ok(200);
    assert_eq!(domains["domains"][0]["id"], "d0000000000000000000000000000001");
    assert_eq!(plain(&cloud, "GET", "/v3/projects", &[], &Value::Null).await.0, 401);
    let token = token_for(&cloud, &by_password("emulator-password")).await;
    assert_eq!(plain(&cloud, "GET", "/v3/projects", &[("X-Auth-Token", &token)], &Value::Null).await.0, 200);
}

#[tokio::test]
async fn metadata_service_returns_agency_keys() {
    let cloud = Cloud::start().await;
    let key = "/openstack/latest/securitykey";
    let token_path = "/meta-data/latest/api/token";
    let ttl = [("X-Metadata-Token-Ttl-Seconds", "60")];
    let nothing = Value::Null;
    assert_eq!(plain(&cloud, "GET", key, &[], &nothing).await.0, 401);
    assert_eq!(plain(&cloud, "PUT", token_path, &[], &nothing).await.0, 400);
    let (status, _, token) = plain(&cloud, "PUT", token_path, &ttl, &nothing).await;
    let token = token.as_str().expect("a plain text").to_owned();
    assert_eq!(status, 200);
    let shown = [("X-Metadata-Token", token.as_str())];
    let (status, _, keys) = plain(&cloud, "GET", key, &shown, &nothing).await;
    assert_eq!(status, 200, "{keys}");
    assert_eq!(with_keys(&cloud, &keys["credential"]).await, 200);
    assert!(last_caller(&cloud).is_some_and(|caller| caller.ends_with("of agency ecs-agency")));
    cloud.emulator.advance(Duration::from_mins(1));
    assert_eq!(plain(&cloud, "GET", key, &shown, &nothing).await.0, 401);

    cloud.emulator.set_metadata(Metadata::V1);
    assert_eq!(plain(&cloud, "PUT", token_path, &ttl, &nothing).await.0, 405);
    assert_eq!(plain(&cloud, "GET", key, &[], &nothing).await.0, 200);
    cloud.emulator.set_metadata(Metadata::NoAgency);
    let (_, _, token) = plain(&cloud, "PUT", token_path, &ttl, &nothing).await;
    let shown = [("X-Metadata-Token", token.as_str().expect("a text"))];
    let (status, _, refused) = plain(&cloud, "GET", key, &shown, &nothing).await;
    assert!(status == 401 && refused.as_str().is_some_and(|text| text.contains("Cloud Service Agency")), "{refused}");
    cloud.emulator.set_metadata(Metadata::Absent);
    for (method, path) in [("PUT", token_path), ("GET", key)] {
        assert_eq!(plain(&cloud, method, path, &ttl, &nothing).await.0, 404);
    }
}

/// Patterns for DLI operations do not match IAM operations.
#[tokio::test]
async fn iam_fault_requires_exact_name() {
    let cloud = Cloud::start().await;
    cloud.emulator.inject(Fault::throttle("*")).expect("a good fault");
    let token = by_password("emulator-password");
    token_for(&cloud, &token).await;
    cloud.get(&connections()).await.refused(429, "APIGW.0308");
    let outage = Fault::refuse("KeystoneCreateUserTokenByPassword", 503, "503", "busy");
    cloud.emulator.inject(outage).expect("a good fault");
    let (status, _, refused) = plain(&cloud, "POST", TOKENS, &[], &token).await;
    assert_eq!((status, &refused["error"]["message"]), (503, &json!("busy")));
}
