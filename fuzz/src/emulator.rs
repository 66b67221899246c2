//! Sequences of requests to the emulator and its control API, signed or not. The emulator never fails, and every
//! error has the documented form.

use std::{cell::RefCell, sync::Arc};

use axum::body::{Body, Bytes};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use terraform_provider_dli::{
    dli::signature::{self, Authorization, Signable},
    emulator::{ACCESS_KEY, Emulator, ManualClock, SECRET_KEY, Settings},
};
use time::macros::datetime;
use tokio::runtime::{Builder, Runtime};

use super::source::Source;

const PROJECT: &str = "48cc2c48765f481480c7db940d6409d1";
/// The time of the emulator and of the signatures.
const DATE: &str = "20260101T000000Z";

/// Methods and paths; `P` is the project, `C` the newest connection, `T` any text.
const CALLS: [(&str, &str); 33] = [
    ("POST", "/v2.0/P/datasource/enhanced-connections"),
    ("GET", "/v2.0/P/datasource/enhanced-connections"),
    ("GET", "/v2.0/P/datasource/enhanced-connections/C"),
    ("PUT", "/v2.0/P/datasource/enhanced-connections/C"),
    ("DELETE", "/v2.0/P/datasource/enhanced-connections/C"),
    ("POST", "/v2.0/P/datasource/enhanced-connections/C/associate-queue"),
    ("POST", "/v2.0/P/datasource/enhanced-connections/C/disassociate-queue"),
    ("POST", "/v3/P/datasource/enhanced-connections/C/routes"),
    ("POST", "/v2.0/P/datasource/enhanced-connections/C/routes"),
    ("DELETE", "/v3/P/datasource/enhanced-connections/C/routes/T"),
    ("DELETE", "/v2.0/P/datasource/enhanced-connections/C/routes/T"),
    ("GET", "/v2.0/P/datasource/enhanced-connections/C/privileges"),
    ("PUT", "/v1.0/P/authorization"),
    ("GET", "/v3/P/dli_enhanced_datasource/C/tags"),
    ("POST", "/v3/P/dli_enhanced_datasource/C/tags/create"),
    ("POST", "/v3/P/dli_enhanced_datasource/C/tags/delete"),
    ("GET", "/v1.0/P/queues"),
    ("GET", "/v1.0/P/queues/T"),
    ("GET", "/v3/P/elastic-resource-pools"),
    ("GET", "/v3/P/elastic-resource-pools/T/queues"),
    ("GET", "/v3/P/quotas"),
    ("GET", "/v2.0/T/datasource/enhanced-connections/T"),
    ("DELETE", "T"),
    ("PATCH", "/T/T"),
    ("POST", "/v3/auth/tokens"),
    ("POST", "/v3.0/OS-CREDENTIAL/securitytokens"),
    ("GET", "/v3/projects"),
    ("GET", "/v3/auth/domains"),
    ("PUT", "/meta-data/latest/api/token"),
    ("GET", "/meta-data/latest/api/token"),
    ("GET", "/openstack/latest/securitykey"),
    ("POST", "/v1.0/P/queues/T/connection-test"),
    ("GET", "/v1.0/P/queues/T/connection-test/T"),
];

/// Methods, paths and bodies of the control API.
const CONTROL: [(&str, &str, &str); 22] = [
    ("PUT", "/_emulator/state", ""),
    ("GET", "/_emulator/state", ""),
    ("POST", "/_emulator/clock", r#"{"advance": "10m"}"#),
    ("POST", "/_emulator/clock", r#"{"advance": "584554530872y"}"#),
    ("PUT", "/_emulator/delays", r#"{"binding": "2s", "delete": "584554530872y"}"#),
    ("PUT", "/_emulator/quirks", r#"["reshuffled-order"]"#),
    ("GET", "/_emulator/quirks", ""),
    ("POST", "/_emulator/fates", r#"{"name": "q1", "err_msg": "no subnet"}"#),
    ("POST", "/_emulator/edit", ""),
    ("GET", "/_emulator/requests?since=1", ""),
    ("GET", "/_emulator/faults", ""),
    ("POST", "/_emulator/faults", ""),
    ("DELETE", "/_emulator/faults", ""),
    ("GET", "/_emulator/T", ""),
    ("PUT", "/_emulator/clock", r#"{"skew": "-584554530872y"}"#),
    ("PUT", "/_emulator/clock", r#"{"skew": "14m"}"#),
    ("PUT", "/_emulator/limit", r#""5/1s""#),
    ("PUT", "/_emulator/limit", r#""1/584554530872y""#),
    ("PUT", "/_emulator/credentials", r#"{"lifetime": "584554530872y"}"#),
    ("DELETE", "/_emulator/credentials", ""),
    ("PUT", "/_emulator/metadata", r#""v1""#),
    ("PUT", "/_emulator/metadata", r#""no-agency""#),
];

const PARAMETERS: [&str; 11] = [
    "limit",
    "offset",
    "name",
    "tags",
    "status",
    "page-size",
    "current-page",
    "order",
    "queue_type",
    "queue_name",
    "since",
];

/// Faults for other requests.
const FAULTS: [&str; 8] = [
    "*:clock-skew=-20m*1",
    "*:clock-skew=584554530872y@0.5/7",
    "*:stale=1h",
    "*:slow-binding=2s",
    "*:delay=1ms..584554530872y",
    "*:truncate-answer",
    "*:garble-answer*2 containing test",
    "*:refuse=503,DLI.0999,text",
];

/// Known names and passwords, and an unknown one.
const PEOPLE: [&str; 5] = ["emulator", "terraform", "emulator-password", "dli-agency", "nobody"];

struct Bench {
    runtime: Runtime,
    emulator: Emulator,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    fn new() -> Self {
        // Time is paused, so that long delays end at once.
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let clock = Arc::new(ManualClock::new(datetime!(2026-01-01 00:00 UTC)));
        let settings = Settings { clock, ..Settings::default() };
        let emulator = runtime.block_on(Emulator::start(([127, 0, 0, 1], 0).into(), settings)).expect("it starts");
        Self { runtime, emulator }
    }

    /// Status, whether the body must be JSON, and the body; `None` if the response is lost.
    fn send(&self, request: Request<Body>) -> (StatusCode, bool, Option<Bytes>) {
        self.runtime.block_on(async {
            let (head, body) = self.emulator.answer(request).await.into_parts();
            let is_json = head.headers.get("content-type").is_some_and(|kind| kind == "application/json");
            (head.status, is_json, body.collect().await.ok().map(http_body_util::Collected::to_bytes))
        })
    }
}

pub fn run(bytes: &[u8]) {
    BENCH.with_borrow_mut(|bench| {
        let bench = bench.get_or_insert_with(Bench::new);
        let reset = Request::post("/_emulator/reset").body(Body::empty()).expect("a request");
        assert_eq!(bench.send(reset).0, StatusCode::NO_CONTENT);
        let mut source = Source::new(bytes);
        let mut newest = "2a620c33-5609-40c9-affd-2b6453071b0f".to_owned();
        let mut troubled = false;
        for _ in 0..8 {
            if source.is_empty() {
                break;
            }
            let Some((request, what)) = request(&mut source, &newest) else { continue };
            let faults = what.contains("/_emulator/faults");
            let (status, is_json, body) = bench.send(request);
            troubled |= faults && status.is_success();
            if troubled {
                continue;
            }
            let body = body.expect("a response if there is no fault");
            let json: Value = match serde_json::from_slice(&body) {
                Err(error) if is_json => panic!("{what}: {error}: {body:?}"),
                read => read.unwrap_or_default(),
            };
            assert!(!status.is_server_error(), "{what}: {status} {body:?}");
            // DLI, the control API and IAM each have an error form; the metadata service returns plain text.
            let explained = json["error_code"].is_string()
                || json["error"].is_string()
                || json["error"]["code"] != Value::Null
                || json.is_string();
            assert!(
                !status.is_client_error() || explained || (!is_json && !body.is_empty()),
                "{what}: {status} {body:?}"
            );
            if let Some(id) = json["connection_id"].as_str() {
                id.clone_into(&mut newest);
            }
        }
    });
}

/// The next request and its description; `None` if no HTTP client could send it.
fn request(source: &mut Source<'_>, newest: &str) -> Option<(Request<Body>, String)> {
    let control = source.rarely(4);
    let (method, pattern, usual) = if control {
        CONTROL[source.below(CONTROL.len())]
    } else {
        let (method, pattern) = CALLS[source.below(CALLS.len())];
        (method, pattern, "")
    };
    let mut target = String::new();
    for (position, part) in pattern.split('/').enumerate() {
        target += if position == 0 { "" } else { "/" };
        match part {
            "P" => target += PROJECT,
            "C" => target += newest,
            "T" if source.rarely(2) => target += &source.text(),
            "T" => {
                target += &percent_encoding::utf8_percent_encode(&source.text(), percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            }
            part => target += part,
        }
    }
    for position in 0..source.below(4) {
        target += if position == 0 && !target.contains('?') { "?" } else { "&" };
        target += source.pick(&PARAMETERS);
        target += "=";
        target +=
            &percent_encoding::utf8_percent_encode(&source.text(), percent_encoding::NON_ALPHANUMERIC).to_string();
    }
    let body = match source.below(4) {
        _ if method == "GET" => Vec::new(),
        0 if !usual.is_empty() => usual.as_bytes().to_vec(),
        0 if pattern.ends_with("enhanced-connections") => format!(
            "{{\"name\":\"{}\",\"dest_vpc_id\":\"22094d8f-c310-4621-913d-4c4d655d8495\",\
             \"dest_network_id\":\"78f2562a-36e4-4b39-95b9-f5aab22e1281\",\"queues\":[\"q1\"]}}",
            source.pick(&["test", "a", "b"])
        )
        .into_bytes(),
        0 if pattern.ends_with("-queue") => br#"{"queues":["q1","q2"],"elastic_resource_pools":["pool1"]}"#.to_vec(),
        0 if pattern.ends_with("/routes") => br#"{"name":"test","cidr":"10.0.0.0/8"}"#.to_vec(),
        0 if pattern.ends_with("/connection-test") => {
            let address = source.pick(&["10.0.0.1:80", "[2001:db8::1]:80", "a.example:80"]);
            format!("{{\"address\":\"{address}\"}}").into_bytes()
        }
        0 if pattern.contains("/tags/") => br#"{"tags":[{"key":"test","value":"a"}]}"#.to_vec(),
        0 if pattern.ends_with("/authorization") => format!(
            "{{\"projectId\":\"0123\",\"action\":\"{}\",\"privileges\":[{{\"object\":\"edsconnections.{newest}\",\
             \"privileges\":[\"BIND_QUEUE\"]}}]}}",
            source.pick(&["grant", "revoke", "update", ""])
        )
        .into_bytes(),
        0 if pattern.ends_with("/faults") => source.pick(&FAULTS).as_bytes().to_vec(),
        0 if pattern.ends_with("tokens") => format!(
            "{{\"auth\":{{\"identity\":{{\"methods\":[\"{}\"],\"password\":{{\"user\":{{\"name\":\"{}\",\
             \"password\":\"{}\",\"domain\":{{\"name\":\"{}\"}}}}}},\"token\":{{\"duration_seconds\":{}}},\
             \"assume_role\":{{\"agency_name\":\"{}\",\"domain_name\":\"{}\",\"duration_seconds\":{}}}}},\
             \"scope\":{{\"project\":{{\"name\":\"cn-north-4\"}}}}}}}}",
            source.pick(&["password", "assume_role", "token"]),
            source.pick(&PEOPLE),
            source.pick(&PEOPLE),
            source.pick(&PEOPLE),
            source.integer(),
            source.pick(&PEOPLE),
            source.pick(&PEOPLE),
            source.integer(),
        )
        .into_bytes(),
        _ => source.body(),
    };
    let mut request = Request::builder().method(method).uri(&target).header("Host", "127.0.0.1");
    if !source.rarely(16) {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        let headers = [("host", "127.0.0.1"), ("x-sdk-date", DATE)];
        let payload_hash = signature::payload_hash(&body);
        let signable = Signable { method, path, query: &query, headers: &headers, payload_hash: &payload_hash };
        let authorization = Authorization::sign(&signable, DATE, ACCESS_KEY, SECRET_KEY);
        request = request.header("X-Sdk-Date", DATE).header("Authorization", authorization);
    } else {
        for name in [
            "X-Sdk-Date",
            "Authorization",
            "X-Project-Id",
            "X-Security-Token",
            "X-Sdk-Content-Sha256",
            "X-Auth-Token",
            "X-Metadata-Token",
            "X-Metadata-Token-Ttl-Seconds",
        ] {
            if source.rarely(2) {
                request = request.header(name, source.text());
            }
        }
    }
    let what = format!("{method} {target} {}", String::from_utf8_lossy(&body));
    Some((request.body(Body::from(body)).ok()?, what))
}
