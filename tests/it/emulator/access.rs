//! A hostile web page can neither read nor change anything.

use serde_json::{Value, json};
use terraform_provider_dli::emulator::{Emulator, Settings};

use super::control::control;
use super::harness::{Cloud, body, client, connections};

/// What a browser sends for a page of another origin, or after DNS rebinding.
fn hostile(emulator: &Emulator) -> Vec<Vec<(&'static str, String)>> {
    let own = emulator.address().to_string();
    let port = emulator.address().port();
    let header = |name, value: &str| (name, value.to_owned());
    let rebound = format!("evil.example.com:{port}");
    vec![
        vec![
            header("host", &own),
            header("origin", "https://evil.example.com"),
            header("sec-fetch-site", "cross-site"),
        ],
        vec![header("host", &own), header("origin", "null")],
        // A subresource, whose request has no origin.
        vec![header("host", &own), header("sec-fetch-site", "cross-site"), header("sec-fetch-mode", "no-cors")],
        // A link or a frame.
        vec![header("host", &own), header("sec-fetch-site", "cross-site"), header("sec-fetch-mode", "navigate")],
        // Another port of this machine is the same site.
        vec![header("host", &own), header("origin", "http://127.0.0.1:3000"), header("sec-fetch-site", "same-site")],
        vec![header("host", &rebound)],
        vec![
            header("host", &rebound),
            header("origin", &format!("http://{rebound}")),
            header("sec-fetch-site", "same-origin"),
        ],
    ]
}

async fn send(emulator: &Emulator, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> (u16, String) {
    let request = client().request(method.parse().expect("a method"), format!("{}{path}", emulator.endpoint()));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let response = request.body(body.to_owned()).send().await.expect("an answer");
    assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control-")));
    (response.status().as_u16(), response.text().await.expect("a body"))
}

#[tokio::test]
async fn hostile_page_reads_and_changes_nothing() {
    let cloud = Cloud::start().await;
    cloud.create(body("secret_name")).await;
    let (_, document) = control(&cloud.emulator, "GET", "openapi.json", Value::Null).await;
    let everything = async || {
        let mut all = Vec::new();
        for tail in ["state", "settings", "requests"] {
            let mut value = control(&cloud.emulator, "GET", tail, Value::Null).await.1;
            value["clock"] = Value::Null;
            all.push(value);
        }
        all
    };
    let before = everything().await;
    let mut tried = 0;
    for headers in hostile(&cloud.emulator) {
        for (path, operations) in document["paths"].as_object().expect("an object") {
            let path = path.replace("{project}", "p").replace(['{', '}'], "");
            let methods = operations.as_object().expect("an object").keys().map(|method| method.to_ascii_uppercase());
            for method in methods.chain(["OPTIONS".to_owned()]) {
                let (status, text) = send(&cloud.emulator, &method, &path, &headers, "null").await;
                assert_eq!(status, 403, "{method} {path} {headers:?}: {text}");
                assert!(!text.contains("secret_name"), "{text}");
                tried += 1;
            }
        }
        // The service's own API without a signature, and the credentials of the server.
        for path in [&*connections(), "/openstack/latest/securitykey", "/v3/auth/tokens"] {
            let (status, text) = send(&cloud.emulator, "POST", path, &headers, "{}").await;
            assert_eq!(status, 403, "{path} {headers:?}: {text}");
        }
    }
    assert!(tried > 300, "{tried}");
    assert_eq!(everything().await, before);
}

/// The keys are public by default, so a signature alone does not protect from a page with a rebound name.
#[tokio::test]
async fn signed_request_needs_allowed_host() {
    let allowed_hosts = vec!["dli.example.com".to_owned()];
    let cloud = Cloud::with(Settings { allowed_hosts, ..Settings::default() }).await;
    let get = async |host: &str| {
        let mut headers = cloud.draft("GET", &connections(), b"").headers;
        headers.retain(|(name, _)| name != "Authorization");
        headers[0].1 = host.to_owned();
        cloud.send(Cloud::sign("GET", &connections(), headers, b"")).await
    };
    for host in ["localhost:1", "127.0.0.1", "[::1]:80", "dli-emulator:7080", "192.168.1.2", "dli.example.com:7080"] {
        get(host).await.ok(200);
    }
    let text = get("dli.eu-west-101.myhuaweicloud.eu").await.refused(403, "APIGW.0201");
    assert!(text.contains("--allowed-host dli.eu-west-101.myhuaweicloud.eu"), "{text}");
}

#[tokio::test]
async fn allowed_host_opens_control_api() {
    let settings = Settings { allowed_hosts: vec!["dli-emulator".to_owned()], ..Settings::default() };
    let emulator = Emulator::start(([0, 0, 0, 0], 0).into(), settings).await.expect("a free port");
    let get = async |host: &str| send(&emulator, "GET", "/_emulator/quirks", &[("host", host.to_owned())], "").await;
    assert_eq!(get("dli-emulator:7080").await, (200, "[]".to_owned()));
    for host in ["localhost", "127.0.0.1:7080", "other", "192.168.1.2"] {
        let (status, text) = get(host).await;
        assert!(status == 403 && text.contains("--allowed-host"), "{host}: {text}");
    }
}

/// The page has no data. Other sites may link to it, but not embed it.
#[tokio::test]
async fn page_is_for_browsers() {
    let cloud = Cloud::start().await;
    let get = async |path: &str, accept: &str| {
        let url = format!("{}{path}", cloud.emulator.endpoint());
        let linked = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        let request = linked.iter().fold(client().get(url), |request, (name, value)| request.header(*name, *value));
        request.header("accept", accept).send().await.expect("an answer")
    };
    for path in ["/", "/_emulator/ui"] {
        let page = get(path, "text/html,application/xhtml+xml,*/*;q=0.8").await;
        assert_eq!(
            (page.status().as_u16(), &page.headers()["x-frame-options"]),
            (200, &"DENY".parse().expect("a value"))
        );
        let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(page.text().await.expect("a body").starts_with("<!doctype html>"));
    }
    let other = client().get(cloud.emulator.endpoint()).header("accept", "application/json").send().await;
    let other = other.expect("an answer").text().await.expect("a body");
    let other: Value = serde_json::from_str(&other).expect("JSON");
    assert_eq!(other["error_code"], json!("APIGW.0101"));
    for (path, kind) in [("/_emulator/ui/main.js", "text/javascript"), ("/_emulator/ui/style.css", "text/css")] {
        let url = format!("{}{path}", cloud.emulator.endpoint());
        let file = client().get(url).send().await.expect("an answer");
        assert!(file.headers()["content-type"].to_str().expect("text").starts_with(kind));
    }
}
