//! The resources against a server with scripted responses: how unusual and failing responses change the state.

#![expect(clippy::unwrap_used, reason = "a panic fails the test and shows the line")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use serde_json::json;
use terraform_provider_dli::framework::server::{ResourceChange, ResourceResponse, Server};
use terraform_provider_dli::framework::value::{UNKNOWN, Value};
use terraform_provider_dli::protocol::json;
use terraform_provider_dli::provider::{CreationJournal, DliProvider};

const TYPE: &str = "dli_enhanced_connection";
const ID: &str = "2a620c33-5609-40c9-affd-2b6453071b0f";

/// The status of a request that gets no response.
const NO_RESPONSE: u16 = 0;

/// A server with a status and body for each method and last path segment, and a log of the requests.
struct Service {
    endpoint: String,
    requested: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(respond: impl Fn(&str) -> (u16, serde_json::Value) + Clone + Send + Sync + 'static) -> Self {
        let requested = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requested);
        let handle = move |request: Request| {
            let last = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let line = format!("{} {last}", request.method());
            let (status, body) = respond(&line);
            log.lock().unwrap().push(line);
            async move {
                if status == NO_RESPONSE {
                    std::future::pending::<()>().await;
                }
                Response::builder().status(status).body(body.to_string()).unwrap()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await });
        Self { endpoint, requested }
    }

    fn requested(&self) -> Vec<String> {
        self.requested.lock().unwrap().clone()
    }

    /// A provider with this server as its endpoint.
    async fn provider(&self) -> Server {
        self.configured(DliProvider::new(Box::new(|_| None), CreationJournal::default())).await
    }

    async fn configured(&self, provider: DliProvider) -> Server {
        let server = Server::new(provider);
        let diagnostics = server.configure(&self.configuration()).await;
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        server
    }

    fn configuration(&self) -> Value {
        Value::map([
            ("region", "eu-west-101".into()),
            ("project_id", "0123456789abcdef0123456789abcdef".into()),
            ("access_key", "AKEXAMPLE".into()),
            ("secret_key", "SKEXAMPLE".into()),
            ("security_token", Value::Null),
            ("endpoints", Value::map([("dli", self.endpoint.as_str().into())])),
            ("insecure", Value::Null),
            ("cacert_file", Value::Null),
        ])
    }
}

fn connection_body() -> serde_json::Value {
    json!({
        "is_success": true, "id": ID, "name": "test", "status": "ACTIVE",
        "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281",
        "create_time": 1_553_168_490_000_i64, "hosts": [],
        "available_queue_info": [{"name": "q1", "status": "FAILED", "err_msg": "CIDR conflict"}],
    })
}

fn success() -> serde_json::Value {
    json!({"is_success": true, "message": ""})
}

fn api_error(code: &str, text: &str) -> serde_json::Value {
    json!({"error_code": code, "error_msg": text})
}

/// A state file of the first version of the provider.
#[test]
fn first_version_state_is_upgraded() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../data/state/connection-v0.1-first.tfstate")).unwrap();
    let server = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let upgraded = |index: usize| {
        let instance = &file["resources"][index]["instances"][0];
        let version = instance["schema_version"].as_i64().unwrap();
        assert_eq!(version, 0);
        let ty = server.state_type(TYPE, version).unwrap();
        let state = json::decode(instance["attributes"].to_string().as_bytes(), &ty).unwrap();
        server.upgrade_state(TYPE, version, state).unwrap()
    };
    let all = upgraded(0);
    assert_eq!(*all.get("hosts"), map(&[("ecs-97f8-0001", "192.168.0.1"), ("ecs-97f8-0002", "192.168.0.2")]));
    assert_eq!(*all.get("queues"), queues(&["Q2", "pooled1", "q1"]));
    // Declared tags were managed; attributes that this version did not have are not.
    assert_eq!(*all.get("tags_all"), map(&[("env", ""), ("team", "größe")]));
    for index in [1, 2] {
        assert_eq!(*upgraded(index).get("tags_all"), map(&[]));
    }
    for new in ["routes", "elastic_resource_pools", "region", "project_id", "ipv6_enable", "timeouts"] {
        assert_eq!(*all.get(new), Value::Null, "{new}");
    }
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::map(entries.iter().map(|(key, value)| (*key, Value::from(*value))))
}

fn queues(names: &[&str]) -> Value {
    Value::set(names.iter().map(|name| Value::from(*name)))
}

fn object(changes: &[(&str, Value)]) -> Value {
    let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let mut object = provider.resources.schema(TYPE).unwrap().empty();
    object.set_attribute("name", "test".into());
    // The server of these tests never finishes a binding.
    object.set_attribute("wait_for_bindings", false.into());
    object.set_attribute("dest_vpc_id", "22094d8f-c310-4621-913d-4c4d655d8495".into());
    object.set_attribute("dest_network_id", "78f2562a-36e4-4b39-95b9-f5aab22e1281".into());
    for (name, value) in changes {
        object.set_attribute(name, value.clone());
    }
    object
}

/// The state of an existing connection with these attributes.
fn state(changes: &[(&str, Value)]) -> Value {
    let mut state = object(changes);
    state.set_attribute("id", ID.into());
    state.set_attribute("status", "ACTIVE".into());
    state.set_attribute("created_at", "2019-03-21T11:41:30Z".into());
    state.set_attribute("bindings", Value::map::<&str>([]));
    state.set_attribute("region", "eu-west-101".into());
    state.set_attribute("project_id", "0123456789abcdef0123456789abcdef".into());
    let tags = if state.get("tags").is_null() { Value::map::<&str>([]) } else { state.get("tags").clone() };
    state.set_attribute("tags_all", tags);
    state
}

fn update(before: &[(&str, Value)], after: &[(&str, Value)]) -> ResourceChange {
    let (prior, planned, config) = (state(before), state(after), object(after));
    ResourceChange { type_name: TYPE.into(), prior, planned, config, private: Vec::new(), identity: Value::Null }
}

fn texts(outcome: &ResourceResponse) -> String {
    let texts = outcome.diagnostics.iter().map(|d| format!("{:?} {}: {}", d.severity, d.summary, d.detail));
    texts.collect::<Vec<_>>().join("\n")
}

/// The tag API has its own "not found"; the connection was read just before.
#[tokio::test]
async fn missing_tags_do_not_remove_the_connection() {
    let service = Service::start(|requested| match requested {
        "GET tags" => (404, api_error("DLI.0023", "resource not found")),
        _ => (200, connection_body()),
    });
    let service = service.await;
    let state = state(&[("tags", map(&[("a", "1")]))]);
    let outcome = service.provider().await.read(TYPE, state.clone(), Vec::new(), Value::Null).await;
    assert_eq!(outcome.state, state);
    assert!(outcome.diagnostics.has_errors() && texts(&outcome).contains("DLI.0023"), "{}", texts(&outcome));
}

#[tokio::test]
async fn other_missing_object_is_not_the_connection() {
    for text in ["Project 0123 does not exist", "Queue q1 does not exist"] {
        let service = Service::start(move |_| (400, api_error("DLI.0001", text))).await;
        let provider = service.provider().await;
        let outcome = provider.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
        assert!(outcome.state == state(&[]) && outcome.diagnostics.has_errors(), "{}", texts(&outcome));
        let destroy = ResourceChange { planned: Value::Null, config: Value::Null, ..update(&[], &[]) };
        let outcome = provider.apply(destroy).await;
        assert!(outcome.state == state(&[]) && outcome.diagnostics.has_errors(), "{}", texts(&outcome));
    }
}

#[tokio::test]
async fn every_not_found_response_removes_it() {
    let connection = format!("Connection {ID} does not exist");
    let mut deleted = connection_body();
    deleted["status"] = "DELETED".into();
    for (status, body) in [
        (404, api_error("DLI.0023", "not found")),
        (400, api_error("DLI.0002", "object does not exist")),
        (400, api_error("DLI.0001", &connection)),
        (200, deleted),
    ] {
        let service = Service::start(move |_| (status, body.clone())).await;
        let outcome = service.provider().await.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
        assert_eq!((outcome.state.is_null(), texts(&outcome).as_str()), (true, ""), "HTTP {status}");
    }
    let service = Service::start(|_| (404, api_error("APIGW.0101", "The API does not exist"))).await;
    let outcome = service.provider().await.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
    assert!(outcome.state == state(&[]) && outcome.diagnostics.has_errors());
}

/// A read can be stale. A part that is removed from the state by mistake would never be deleted.
#[tokio::test]
async fn stale_read_keeps_the_part() {
    let route = json!({"routes": [{"name": "r", "cidr": "10.1.0.0/16"}]});
    let binding = json!({"available_queue_info": [{"name": "q1", "status": "ACTIVE", "peer_id": "p"}]});
    let project = "11111111111111111111111111111111";
    let privileges = json!([{"applicant_project_id": project, "privileges": ["BIND_QUEUE"]}]);
    let parts = [
        ("route", vec![("name", "r"), ("cidr", "10.1.0.0/16")], route),
        ("binding", vec![("queue", "q1")], binding),
        ("privilege", vec![("applicant_project_id", project)], json!({"privileges": privileges})),
    ];
    for (part, attributes, there) in parts {
        let kind = format!("dli_enhanced_connection_{part}");
        let mut held = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()))
            .resources
            .schema(&kind)
            .unwrap()
            .empty();
        for (name, value) in [("connection_id", ID)].into_iter().chain(attributes) {
            held.set_attribute(name, value.into());
        }
        for destroys in [false, true] {
            let (reads, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let there = there.clone();
            let request_line = if part == "privilege" { "GET privileges".to_owned() } else { format!("GET {ID}") };
            let service = Service::start(move |requested| {
                let mut body = connection_body();
                body["available_queue_info"] = json!([]);
                if !requested.starts_with("GET") {
                    gone.fetch_add(1, Ordering::Relaxed);
                } else if requested == request_line
                    && reads.fetch_add(1, Ordering::Relaxed) > 0
                    && gone.load(Ordering::Relaxed) == 0
                {
                    body.as_object_mut().unwrap().extend(there.as_object().unwrap().clone());
                }
                (200, body)
            });
            let service = service.await;
            let provider = service.provider().await;
            if destroys {
                let (type_name, prior) = (kind.clone(), held.clone());
                let (planned, config) = (Value::Null, Value::Null);
                let destroy =
                    ResourceChange { type_name, prior, planned, config, private: Vec::new(), identity: Value::Null };
                let outcome = provider.apply(destroy).await;
                assert!(outcome.state.is_null() && !outcome.diagnostics.has_errors(), "{part}: {}", texts(&outcome));
                let changes: Vec<_> = service.requested().into_iter().filter(|line| !line.starts_with("GET")).collect();
                assert_eq!(changes.len(), 1, "{part}: {changes:?}");
            } else {
                let outcome = provider.read(&kind, held.clone(), Vec::new(), Value::Null).await;
                assert!(!outcome.state.is_null(), "{part}: {}", texts(&outcome));
            }
        }
    }
}

#[tokio::test]
async fn missing_response_fields_are_no_change() {
    let service =
        Service::start(|_| (200, json!({"is_success": true, "id": ID, "name": "", "status": "ACTIVE"}))).await;
    let outcome = service.provider().await.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
    for name in ["name", "dest_vpc_id", "dest_network_id"] {
        assert_eq!(outcome.state.get(name), state(&[]).get(name));
    }
}

#[tokio::test]
async fn created_but_unreadable_connection_is_untainted() {
    let service = Service::start(|requested| match requested {
        "POST enhanced-connections" => (201, json!({"is_success": true, "connection_id": ID})),
        "GET enhanced-connections" => (200, json!({"is_success": true, "count": 0, "connections": []})),
        _ => (403, api_error("DLI.0003", "no permission")),
    });
    let service = service.await;
    let open = [("id", UNKNOWN), ("status", UNKNOWN), ("created_at", UNKNOWN), ("bindings", UNKNOWN)];
    let create = ResourceChange { prior: Value::Null, planned: object(&open), config: object(&[]), ..update(&[], &[]) };
    let outcome = service.provider().await.apply(create).await;
    assert_eq!(outcome.state.get("id"), &ID.into());
    assert!(!outcome.diagnostics.has_errors() && texts(&outcome).contains("DLI.0003"), "{}", texts(&outcome));
}

/// Without the list, a lost response could not be told from another client's connection.
#[tokio::test]
async fn unreadable_list_prevents_the_creation() {
    let service = Service::start(|requested| match requested {
        "POST enhanced-connections" => (201, json!({"is_success": true, "connection_id": ID})),
        _ => (403, api_error("DLI.0003", "no permission")),
    });
    let service = service.await;
    let open = [("id", UNKNOWN), ("status", UNKNOWN), ("created_at", UNKNOWN), ("bindings", UNKNOWN)];
    let create = ResourceChange { prior: Value::Null, planned: object(&open), config: object(&[]), ..update(&[], &[]) };
    let outcome = service.provider().await.apply(create).await;
    assert!(outcome.state.is_null() && outcome.diagnostics.has_errors());
    assert!(texts(&outcome).contains("the permission to list connections"), "{}", texts(&outcome));
    assert_eq!(service.requested(), ["GET enhanced-connections"]);
}

#[tokio::test]
async fn partial_tag_change_is_in_the_state() {
    let service = Service::start(|requested| match requested {
        "POST delete" => (204, json!(null)),
        _ => (403, api_error("DLI.0003", "no permission")),
    });
    let service = service.await;
    let change = update(&[("tags", map(&[("a", "1"), ("b", "2")]))], &[("tags", map(&[("a", "1"), ("b", "3")]))]);
    let outcome = service.provider().await.apply(change).await;
    assert_eq!(outcome.state.get("tags"), &map(&[("a", "1")]));
    assert!(texts(&outcome).contains("Enhanced Connection: Tags"), "{}", texts(&outcome));
    assert_eq!(service.requested(), ["POST delete".to_owned(), "POST create".into(), format!("GET {ID}")]);
}

/// A FAILED binding cannot be unbound; the hosts are changed nevertheless.
#[tokio::test]
async fn failed_step_does_not_block_others() {
    let service = Service::start(|requested| match requested {
        "POST disassociate-queue" => (400, api_error("DLI.0007", "the binding has failed")),
        requested if requested.starts_with("GET") => (200, connection_body()),
        _ => (200, success()),
    });
    let service = service.await;
    let hosts = map(&[("h", "10.0.0.1")]);
    let change = update(&[("queues", queues(&["q1"]))], &[("queues", queues(&["q2"])), ("hosts", hosts.clone())]);
    let outcome = service.provider().await.apply(change).await;
    let (bind, unbind) = ("POST associate-queue".to_owned(), "POST disassociate-queue".to_owned());
    // The second read checks whether the binding is still being created.
    let requested = [format!("GET {ID}"), bind, unbind, format!("GET {ID}"), format!("PUT {ID}")];
    assert_eq!(service.requested(), requested);
    assert_eq!((outcome.state.get("hosts"), outcome.state.get("queues")), (&hosts, &queues(&["q2"])));
    let texts = texts(&outcome);
    assert!(!outcome.diagnostics.has_errors() && texts.contains("Failed Binding Left Behind"), "{texts}");
}

/// The emulator tests cover the cases with a retry.
#[tokio::test]
async fn forbidden_delete_is_not_retried() {
    let mut creating = connection_body();
    creating["available_queue_info"][0]["status"] = "CREATING".into();
    let service = Service::start(move |requested| match requested {
        requested if requested.starts_with("GET") => (200, creating.clone()),
        _ => (403, api_error("DLI.0003", "no permission")),
    });
    let service = service.await;
    let destroy = ResourceChange { planned: Value::Null, config: Value::Null, ..update(&[], &[]) };
    let provider = service.provider().await;
    let outcome = tokio::time::timeout(Duration::from_secs(10), provider.apply(destroy)).await.expect("a prompt error");
    assert!(outcome.state == state(&[]) && texts(&outcome).contains("DLI.0003"), "{}", texts(&outcome));
    assert_eq!(service.requested(), [format!("GET {ID}"), format!("DELETE {ID}")]);
}

/// The connection becomes ACTIVE between the rejection and the read.
#[tokio::test]
async fn delete_during_creation_is_retried_once() {
    for (rejections, is_gone) in [(1, true), (2, false)] {
        let deletions = Arc::new(AtomicUsize::new(0));
        let service = Service::start(move |requested| match requested {
            requested if requested.starts_with("GET") => {
                let mut shown = connection_body();
                if deletions.load(Ordering::Relaxed) > rejections {
                    shown["status"] = "DELETED".into();
                }
                (200, shown)
            }
            _ if deletions.fetch_add(1, Ordering::Relaxed) < rejections => {
                (400, api_error("DLI.0007", "being created"))
            }
            _ => (200, json!({ "is_success": true, "message": "" })),
        });
        let service = service.await;
        let destroy = ResourceChange { planned: Value::Null, config: Value::Null, ..update(&[], &[]) };
        let outcome = service.provider().await.apply(destroy).await;
        assert_eq!(outcome.state.is_null(), is_gone, "{}", texts(&outcome));
        // The provider first checks that the connection is the one in the state.
        let requested = ["GET", "DELETE", "GET", "DELETE", "GET"].map(|method| format!("{method} {ID}"));
        assert_eq!(service.requested(), requested[..if is_gone { 5 } else { 4 }]);
    }
}

/// The unknown part could select another cloud.
#[tokio::test]
async fn unknown_configuration_sends_nothing() {
    let service = Service::start(|_| (200, connection_body())).await;
    for name in ["region", "project_id", "access_key", "security_token", "endpoints", "insecure", "cacert_file"] {
        let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
        let mut configuration = service.configuration();
        configuration.set_attribute(name, UNKNOWN);
        let diagnostics = provider.configure(&configuration).await;
        assert!(!diagnostics.has_errors(), "{name}: {diagnostics:?}");
        let outcome = provider.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
        assert!(texts(&outcome).contains(name), "{name}: {}", texts(&outcome));
        assert_eq!(outcome.state, state(&[]));
    }
    assert_eq!(service.requested(), Vec::<String>::new());
}

/// A security token from the environment belongs to the key from the environment.
#[tokio::test]
async fn security_token_belongs_to_its_key() {
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    let handle = move |request: Request| {
        let token = request.headers().get("x-security-token").map(|value| value.to_str().unwrap().to_owned());
        seen.lock().unwrap().push(token);
        std::future::ready(connection_body().to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await });
    let service = Service { endpoint, requested: Arc::default() };

    let environment = |name: &str| match name {
        "HW_ACCESS_KEY" => Some("AKENVIRONMENT".to_owned()),
        "HW_SECRET_KEY" => Some("SKENVIRONMENT".to_owned()),
        "HW_SECURITY_TOKEN" => Some("TOKEN".to_owned()),
        _ => None,
    };
    let written = |key: &str, secret: &str, token: &str| [key, secret, token].map(Value::from);
    for [key, secret, token] in [
        written("AKEXAMPLE", "SKEXAMPLE", ""),
        [Value::Null, "SKEXAMPLE".into(), Value::Null],
        written("", "SKEXAMPLE", ""),
        written("", "", "WRITTEN"),
    ] {
        let provider = Server::new(DliProvider::new(Box::new(environment), CreationJournal::default()));
        let mut configuration = service.configuration();
        configuration.set_attribute("access_key", key);
        configuration.set_attribute("secret_key", secret);
        configuration.set_attribute("security_token", token);
        assert!(!provider.configure(&configuration).await.has_errors());
        provider.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
    }
    let seen = [None, Some("TOKEN"), Some("TOKEN"), Some("WRITTEN")];
    assert_eq!(*tokens.lock().unwrap(), seen.map(|token| token.map(str::to_owned)));
}

/// The provider block has no URL, so the error names the variable.
#[tokio::test]
async fn invalid_url_variable_is_named() {
    for name in ["HW_AUTH_URL", "OS_AUTH_URL"] {
        let environment =
            move |requested: &str| (requested == name).then(|| "http://me:canary@iam.example.com".to_owned());
        let provider = Server::new(DliProvider::new(Box::new(environment), CreationJournal::default()));
        let mut configuration = Service::start(|_| (200, connection_body())).await.configuration();
        let diagnostics = provider.configure(&configuration).await;
        let [diagnostic] = diagnostics.iter().collect::<Vec<_>>()[..] else {
            panic!("expected one diagnostic: {diagnostics:?}")
        };
        assert_eq!(diagnostic.path.to_string(), "auth_url");
        let text =
            format!("{name} in the environment: the endpoint \"iam.example.com\" holds a user name or a password");
        assert!(diagnostic.detail.contains(&text) && !diagnostic.detail.contains("canary"), "{diagnostic:?}");
        // Sources with higher precedence still work.
        let endpoints = [("iam", "https://iam.example.com".into())];
        configuration.set_attribute("endpoints", Value::map(endpoints));
        assert!(!provider.configure(&configuration).await.has_errors());
    }
}

/// `endpoints.dli` takes precedence over the variable. An error about the variable names it.
#[tokio::test]
async fn endpoint_can_be_a_variable() {
    let service = Service::start(|_| (200, connection_body())).await;
    let configured = async |variable: &str, argument: Value| {
        let variable = variable.to_owned();
        let environment = move |name: &str| (name == "DLI_ENDPOINT").then(|| variable.clone());
        let provider = Server::new(DliProvider::new(Box::new(environment), CreationJournal::default()));
        let mut configuration = service.configuration();
        configuration.set_attribute("endpoints", argument);
        let diagnostics = provider.configure(&configuration).await;
        (provider, diagnostics)
    };
    let address = format!(" {} ", service.endpoint);
    let own = || Value::map([("dli", service.endpoint.as_str().into())]);
    let unrelated = || Value::map([("vpc", "https://127.0.0.1:1".into())]);
    for (variable, argument) in
        [(&*address, Value::Null), (&address, unrelated()), ("https://dli.example.com", own()), ("ftp://x", own())]
    {
        let before = service.requested().len();
        let (provider, diagnostics) = configured(variable, argument).await;
        assert!(!diagnostics.has_errors(), "{variable}: {diagnostics:?}");
        provider.read(TYPE, state(&[]), Vec::new(), Value::Null).await;
        assert!(service.requested().len() > before, "{variable}");
    }
    let another_region = "https://dli.cn-north-4.myhuaweicloud.com";
    for (variable, path, said) in [
        ("http://192.168.0.1:7080", "endpoints", "DLI_ENDPOINT in the environment: "),
        ("dli", "endpoints", "DLI_ENDPOINT in the environment: "),
        (another_region, "region", "but DLI_ENDPOINT in the environment is the address of \"cn-north-4\""),
    ] {
        let (_, diagnostics) = configured(variable, Value::Null).await;
        let [diagnostic] = diagnostics.iter().collect::<Vec<_>>()[..] else {
            panic!("expected one diagnostic: {diagnostics:?}")
        };
        assert_eq!(diagnostic.path.to_string(), path);
        assert!(diagnostic.detail.contains(said) && diagnostic.detail.contains("Allowed: "), "{diagnostic:?}");
    }
}

/// The secret ends with a line break. The error names the source without the secret.
#[tokio::test]
async fn secret_with_white_space_names_its_source() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let profile = json!({"name": "work", "accessKeyId": "AKWORK", "secretAccessKey": "canary\r"});
    std::fs::write(file.path(), json!({"current": "work", "profiles": [profile]}).to_string()).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let variable = |name: &'static str, value: &str| {
        let value = value.to_owned();
        move |requested: &str| match requested {
            "HW_ACCESS_KEY" if name == "OS_SECRET_KEY" => Some("AK".to_owned()),
            _ => (requested == name).then(|| value.clone()),
        }
    };
    let by_file = format!("the profile \"work\" in {path}");
    for (name, value, place) in [
        ("OS_SECRET_KEY", "canary\r", "OS_SECRET_KEY in the environment"),
        ("OS_AUTH_TOKEN", "canary token", "OS_AUTH_TOKEN in the environment"),
        ("HW_SHARED_CONFIG_FILE", &path, &by_file),
    ] {
        let provider = Server::new(DliProvider::new(Box::new(variable(name, value)), CreationJournal::default()));
        let mut configuration = Service::start(|_| (200, connection_body())).await.configuration();
        configuration.set_attribute("access_key", Value::Null);
        configuration.set_attribute("secret_key", Value::Null);
        let diagnostics = provider.configure(&configuration).await;
        let [diagnostic] = diagnostics.iter().collect::<Vec<_>>()[..] else {
            panic!("expected one diagnostic: {diagnostics:?}")
        };
        assert!(diagnostic.detail.contains("contains white space"), "{diagnostic:?}");
        assert!(diagnostic.detail.contains(place) && !diagnostic.detail.contains("canary"), "{diagnostic:?}");
    }
}

/// Without `wait_for_bindings`, no apply reports the failure.
#[tokio::test]
async fn failed_binding_of_managed_queues_is_a_warning() {
    let service = Service::start(|_| (200, connection_body())).await;
    for (managed, waits, expected) in [(true, false, true), (true, true, false), (false, false, false)] {
        let provider = service.provider().await;
        let managed = managed.then(|| ("queues", queues(&["q1"])));
        let attributes: Vec<_> = managed.into_iter().chain([("wait_for_bindings", waits.into())]).collect();
        let read = provider.read(TYPE, state(&attributes), Vec::new(), Value::Null).await;
        assert_eq!(texts(&read), "");
        let (prior, config) = (read.state, object(&attributes));
        let mut proposed = prior.clone();
        for name in ["queues", "wait_for_bindings"] {
            proposed.set_attribute(name, config.get(name).clone());
        }
        let type_name = TYPE.into();
        let request =
            ResourceChange { type_name, prior, planned: proposed, config, private: Vec::new(), identity: Value::Null };
        let plan = provider.plan(request).await;
        let warned = plan.diagnostics.iter().any(|warning| {
            warning.detail.contains("binding of q1 to the enhanced connection \"test\"\nStatus: FAILED: CIDR conflict")
        });
        assert_eq!(warned, expected, "{:?}", plan.diagnostics);
    }
}

fn with_bindings(queues: &[&str], pools: &[&str]) -> serde_json::Value {
    let active =
        |names: &[&str]| names.iter().map(|name| json!({"name": name, "status": "ACTIVE"})).collect::<Vec<_>>();
    let mut shown = connection_body();
    shown["available_queue_info"] = active(queues).into();
    shown["elastic_resource_pools"] = active(pools).into();
    shown
}

/// A set becomes authoritative when it is first managed: other bindings are removed, existing ones stay.
#[tokio::test]
async fn newly_managed_queues_unbind_others() {
    let service = Service::start(|requested| match requested {
        requested if requested.starts_with("GET") => (200, with_bindings(&["q1", "others"], &[])),
        _ => (200, success()),
    });
    let service = service.await;
    let mut change = update(&[], &[("queues", queues(&["Q1"]))]);
    change.planned.set_attribute("bindings", UNKNOWN);
    change.private = br#"{"imported":true}"#.to_vec();
    let outcome = service.provider().await.apply(change).await;
    assert_eq!(texts(&outcome), "");
    assert_eq!(service.requested(), [format!("GET {ID}"), "POST disassociate-queue".into(), format!("GET {ID}")]);
    assert_eq!(outcome.state.get("queues"), &queues(&["Q1"]));
    assert_eq!(outcome.state.get("bindings").get("q1").get("status"), &"ACTIVE".into());
    // The import marker stays until the route table is configured.
    assert_eq!(outcome.private, br#"{"imported":true}"#);
}

/// One queue replaces another of the same pool, whose binding stays.
#[tokio::test]
async fn pool_stays_bound_for_another_queue() {
    let service = Service::start(|requested| match requested {
        "GET queues" => {
            let queue = |name| json!({"queue_name": name, "elastic_resource_pool_name": "pool1"});
            (200, json!({"is_success": true, "queues": [queue("a"), queue("b")]}))
        }
        _ => (200, with_bindings(&[], &["pool1"])),
    });
    let service = service.await;
    let change = update(&[("queues", queues(&["a"]))], &[("queues", queues(&["b"]))]);
    let outcome = service.provider().await.apply(change).await;
    assert_eq!((texts(&outcome).as_str(), outcome.state.get("queues")), ("", &queues(&["b"])));
    assert_eq!(service.requested(), [format!("GET {ID}"), "GET queues".into()]);
}

#[tokio::test]
async fn newly_managed_hosts_are_a_plan_warning() {
    let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let plan = async |before: &[(&str, Value)], after: &[(&str, Value)]| planned(&provider, before, after, b"").await.0;
    let hosts = ("hosts", map(&[("a", "10.0.0.1")]));
    assert_eq!(plan(&[], std::slice::from_ref(&hosts)).await, ["Warning hosts"]);
    assert_eq!(plan(&[("hosts", map(&[]))], &[hosts]).await, Vec::<String>::new());
}

/// In a region without the tag API, the known tags stay and the provider warns.
#[tokio::test]
async fn tags_stay_without_a_tag_api() {
    let service = Service::start(|requested| match requested {
        "GET tags" => (404, api_error("APIGW.0101", "The API does not exist or has not been published")),
        _ => (200, connection_body()),
    });
    let service = service.await;
    let tags = map(&[("a", "1")]);
    let outcome = service.provider().await.read(TYPE, state(&[("tags", tags.clone())]), Vec::new(), Value::Null).await;
    assert_eq!(outcome.state.get("tags"), &tags);
    assert!(!outcome.diagnostics.has_errors() && texts(&outcome).contains("not published"), "{}", texts(&outcome));
}

/// The warnings of a plan, and the attributes that force a replacement.
async fn planned(
    provider: &Server,
    before: &[(&str, Value)],
    after: &[(&str, Value)],
    private: &[u8],
) -> (Vec<String>, Vec<String>) {
    let request = ResourceChange {
        type_name: TYPE.into(),
        prior: state(before),
        planned: state(after),
        config: object(after),
        private: private.to_vec(),
        identity: Value::Null,
    };
    let outcome = provider.plan(request).await;
    let warnings = outcome.diagnostics.iter().map(|d| format!("{:?} {}", d.severity, d.path));
    (warnings.collect(), outcome.replace.iter().map(ToString::to_string).collect())
}

/// If another attribute forces a replacement, the new connection gets the route table.
#[tokio::test]
async fn only_import_accepts_any_route_table() {
    const IMPORTED: &[u8] = br#"{"imported":true}"#;
    let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let table = ("routetable_id", Value::from("22094d8f-c310-4621-913d-4c4d655d8495"));
    let hosts = ("hosts", map(&[("a", "10.0.0.1")]));
    let none = Vec::<String>::new;
    let both = [table.clone(), hosts.clone()];
    let text = vec!["Warning routetable_id".to_owned(), "Warning hosts".to_owned()];
    assert_eq!(planned(&provider, &[], &both, IMPORTED).await, (text, none()));
    assert_eq!(planned(&provider, &[], &both, b"").await, (none(), vec!["routetable_id".to_owned()]));
    let renamed = [table, hosts, ("name", "other".into())];
    assert_eq!(planned(&provider, &[], &renamed, IMPORTED).await, (none(), vec!["name".to_owned()]));
}

/// The first refresh of a moved state takes default tags out of the declared ones, so the plan declares them again.
#[tokio::test]
async fn moved_default_tags_are_not_adopted() {
    let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let tags = map(&[("env", "prod")]);
    let mut prior = state(&[]);
    prior.set_attribute("tags_all", tags.clone());
    for (private, warnings) in [(&br#"{"moved":true}"#[..], 0), (b"", 1)] {
        let request = ResourceChange {
            type_name: TYPE.into(),
            prior: prior.clone(),
            planned: state(&[("tags", tags.clone())]),
            config: object(&[("tags", tags.clone())]),
            private: private.to_vec(),
            identity: Value::Null,
        };
        let outcome = provider.plan(request).await;
        assert_eq!(outcome.diagnostics.iter().count(), warnings, "{:?}", outcome.diagnostics);
        assert_eq!(outcome.planned.get("tags"), &tags);
    }
}

/// "Related resource not found" need not mean the connection, which still exists.
#[tokio::test]
async fn delete_of_a_visible_object_is_not_done() {
    for is_there in [true, false] {
        let service = Service::start(move |requested| match requested {
            requested if requested.starts_with("GET") && is_there => (200, connection_body()),
            _ => (404, api_error("DLI.0023", "related resource not found")),
        });
        let service = service.await;
        let destroy = ResourceChange { planned: Value::Null, config: Value::Null, ..update(&[], &[]) };
        let outcome = service.provider().await.apply(destroy).await;
        assert_eq!(outcome.state.is_null(), !is_there, "{}", texts(&outcome));
        assert_eq!(outcome.diagnostics.has_errors(), is_there);
    }
}

/// A part of a connection, without computed attributes.
fn part(kind: &str, attributes: &[(&str, Value)]) -> Value {
    let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
    let mut part = provider.resources.schema(kind).unwrap().empty();
    for (name, value) in [("connection_id", ID.into())].iter().chain(attributes) {
        part.set_attribute(name, value.clone());
    }
    part
}

/// A request to create a part.
fn creation(part: &str, attributes: &[(&str, Value)]) -> ResourceChange {
    let type_name = format!("dli_enhanced_connection_{part}");
    let config = self::part(&type_name, attributes);
    let mut planned = config.clone();
    for decided in ["id", "region", "project_id"] {
        planned.set_attribute(decided, UNKNOWN);
    }
    ResourceChange { type_name, prior: Value::Null, planned, config, private: Vec::new(), identity: Value::Null }
}

fn limits(limits: &[(&str, &str)]) -> (&'static str, Value) {
    let mut all = Value::map(["create", "read", "update", "delete"].map(|name| (name, Value::Null)));
    for (name, limit) in limits {
        all.set_attribute(name, (*limit).into());
    }
    ("timeouts", all)
}

fn route_to(cidr: &str) -> [(&'static str, Value); 2] {
    [("name", "r".into()), ("cidr", cidr.into())]
}

/// Applies, and sends an interrupt after this request.
async fn interrupted_at(service: &Service, request_line: &str, request: ResourceChange) -> ResourceResponse {
    let provider = service.provider().await;
    let interrupt = async {
        while !service.requested().iter().any(|requested| requested == request_line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Time for the response, if there is one.
        tokio::time::sleep(Duration::from_millis(200)).await;
        provider.stop();
    };
    tokio::join!(provider.apply(request), interrupt).0
}

/// With `-minimal-refresh`, Terraform 1.17 plans an existing object on its stored state. It reads the object and plans it
/// again only if that plan has a change.
#[tokio::test]
async fn minimal_refresh_plans_the_stored_state() {
    const ROUTE: &str = "dli_enhanced_connection_route";
    let mut body = connection_body();
    body["routes"] = json!([{"name": "r", "cidr": "10.1.0.0/16", "create_time": 0}]);
    let service = Service::start(move |_| (200, body.clone())).await;
    let provider = service.provider().await;
    let route = |timeouts: &[(&str, &str)]| {
        let mut route = part(ROUTE, &route_to("10.1.0.0/16"));
        for (name, value) in [limits(timeouts), ("id", format!("{ID}/r").into())] {
            route.set_attribute(name, value);
        }
        route.set_attribute("region", "eu-west-101".into());
        route.set_attribute("project_id", "0123456789abcdef0123456789abcdef".into());
        route
    };
    let plan = async |type_name: &str, prior: Value, proposed: Value| {
        let (mut config, type_name) = (proposed.clone(), type_name.to_owned());
        let schema = provider.resources.schema(&type_name).unwrap();
        for attribute in schema.body.attributes.iter().filter(|attribute| attribute.is_computed()) {
            config.set_attribute(attribute.name, Value::Null);
        }
        let outcome = provider
            .plan(ResourceChange {
                type_name,
                prior,
                planned: proposed,
                config,
                private: Vec::new(),
                identity: Value::Null,
            })
            .await;
        assert_eq!(outcome.diagnostics.iter().map(|d| &d.summary).collect::<Vec<_>>(), Vec::<&String>::new());
        outcome.planned
    };
    // The plan of an object without a change sends no request.
    let connection = state(&[("hosts", map(&[("a", "10.0.0.1")]))]);
    assert_eq!(plan(TYPE, connection.clone(), connection.clone()).await, connection);
    assert_eq!(service.requested(), Vec::<String>::new());

    // Two plans of one route, with a read in between, are not two resources.
    let (stored, changed) = (route(&[]), route(&[("create", "5m")]));
    assert_ne!(plan(ROUTE, stored.clone(), changed.clone()).await, stored);
    assert_eq!(service.requested(), Vec::<String>::new());
    let read = provider.read(ROUTE, stored.clone(), Vec::new(), Value::Null).await;
    assert_eq!(read.state, stored, "{}", texts(&read));
    assert_eq!(plan(ROUTE, read.state, changed.clone()).await, changed);
    assert_eq!(service.requested().len(), 1);

    // A change that was made elsewhere: the second plan starts from what the read found.
    let renamed = |hosts: &[(&str, &str)]| state(&[("hosts", map(hosts))]);
    let (stored, wanted) = (renamed(&[("a", "10.0.0.1")]), renamed(&[("a", "10.0.0.2")]));
    assert_eq!(plan(TYPE, stored.clone(), wanted.clone()).await.get("hosts"), wanted.get("hosts"));
    let read = provider.read(TYPE, stored, Vec::new(), Value::Null).await;
    assert_eq!(read.state.get("hosts"), &map(&[]), "the service has no hosts: {}", texts(&read));
    assert_eq!(plan(TYPE, read.state, wanted.clone()).await.get("hosts"), wanted.get("hosts"));
}

/// Otherwise Terraform would never delete the part.
#[tokio::test]
async fn possibly_created_part_is_in_the_state() {
    let project = "330e068af1334c9782f4226acc00a2e2";
    let parts = [
        ("binding", "POST associate-queue", vec![("queue", "q1".into())], format!("{ID}/queue/q1")),
        ("route", "POST routes", route_to("10.1.0.0/16").to_vec(), format!("{ID}/r")),
        ("privilege", "PUT authorization", vec![("applicant_project_id", project.into())], format!("{ID}/{project}")),
    ];
    let lives = parts.map(async |(kind, request_line, attributes, id)| {
        let service = Service::start(move |requested| match requested {
            "GET privileges" => (200, json!({"is_success": true, "privileges": []})),
            requested if requested == request_line => (NO_RESPONSE, json!({})),
            _ => (200, with_bindings(&[], &[])),
        });
        let outcome = interrupted_at(&service.await, request_line, creation(kind, &attributes)).await;
        let text = texts(&outcome);
        assert!(outcome.diagnostics.has_errors() && text.contains("Interrupted: Could Not"), "{text}");
        assert!(text.contains("in case it exists") && !text.contains("holds no"), "{text}");
        assert_eq!(outcome.state.get("id"), &id.into(), "{text}");
        for (name, value) in attributes {
            assert_eq!(outcome.state.get(name), &value);
        }
        assert!(outcome.state.is_wholly_known());
    });
    futures_util::future::join_all(lives).await;
}

/// The rejected request was not processed, and the next was not sent.
#[tokio::test]
async fn interrupt_during_backoff_is_reported() {
    let service = Service::start(|requested| match requested {
        "POST routes" => (429, api_error("APIGW.0308", "limit:1,time:1 hour")),
        _ => (200, connection_body()),
    });
    let outcome = interrupted_at(&service.await, "POST routes", creation("route", &route_to("10.1.0.0/16"))).await;
    let text = texts(&outcome);
    assert!(text.starts_with("Error Interrupted: Could Not Add the Route: "), "{text}");
    assert!(
        text.contains("Nothing was recorded in the state.") && !text.contains("429") && !text.contains("was sent"),
        "{text}"
    );
    assert!(outcome.state.is_null());
}

/// The timeout error includes the reason that the service gave.
#[tokio::test]
async fn timeout_reports_the_last_service_error() {
    let once_refused = |request_line: &'static str| {
        let count = Arc::new(AtomicUsize::new(0));
        Service::start(move |requested| match requested {
            requested if requested != request_line => (200, connection_body()),
            _ if count.fetch_add(1, Ordering::Relaxed) == 0 => (503, api_error("DLI.0999", "maintenance in region")),
            _ => (NO_RESPONSE, json!({})),
        })
    };
    let reading = async {
        let service = once_refused("GET 2a620c33-5609-40c9-affd-2b6453071b0f").await;
        let state = state(&[limits(&[("read", "2s")])]);
        let outcome = service.provider().await.read(TYPE, state.clone(), Vec::new(), Value::Null).await;
        assert_eq!(outcome.state, state);
        outcome
    };
    let adding = async {
        let service = once_refused("POST routes").await;
        let [name, cidr] = route_to("10.1.0.0/16");
        let outcome =
            service.provider().await.apply(creation("route", &[name, cidr, limits(&[("create", "2s")])])).await;
        assert_eq!(outcome.state.get("name"), &"r".into());
        outcome
    };
    let (reading, adding) = tokio::join!(reading, adding);
    for (outcome, summary, holds) in [
        (reading, "Could Not Read the Enhanced Connection", "\n\nThe state was not changed."),
        (adding, "Could Not Add the Route", "\n\nThe request was sent and may have taken effect"),
    ] {
        let text = texts(&outcome);
        assert!(text.starts_with(&format!("Error Timed Out: {summary}: ")), "{text}");
        let ends = "within 2s. This is what came of the latest attempt that ended:\nCall: ";
        let said = "\nResponse: HTTP 503 Service Unavailable, DLI.0999: maintenance in region\nTried: 2 times in ";
        for word in [ends, said, holds, "What it usually means: ", "raise the limit in the timeouts block."] {
            assert!(text.contains(word), "expected {word:?}: {text}");
        }
    }
}

/// The delete response is lost, and another client adds a route of the same name.
#[tokio::test]
async fn route_with_another_cidr_is_not_removed() {
    let service = || {
        let gone = Arc::new(AtomicUsize::new(0));
        Service::start(move |requested| {
            let mut shown = connection_body();
            shown["available_queue_info"] = json!([]);
            if requested == "DELETE r" && gone.fetch_add(1, Ordering::Relaxed) == 0 {
                return (504, json!({}));
            }
            let cidr = if gone.load(Ordering::Relaxed) == 0 { "10.1.0.0/16" } else { "10.9.0.0/16" };
            shown["routes"] = json!([{"name": "r", "cidr": cidr}]);
            (200, shown)
        })
    };
    let removals =
        |service: &Service| service.requested().into_iter().filter(|requested| requested == "DELETE r").count();
    let destroy = |cidr: &str| {
        let type_name = "dli_enhanced_connection_route".to_owned();
        let prior = part(&type_name, &route_to(cidr));
        ResourceChange {
            type_name,
            prior,
            planned: Value::Null,
            config: Value::Null,
            private: Vec::new(),
            identity: Value::Null,
        }
    };
    let of_its_own = async {
        let service = service().await;
        let outcome = service.provider().await.apply(destroy("10.1.0.0/16")).await;
        assert_eq!((texts(&outcome).as_str(), outcome.state.is_null(), removals(&service)), ("", true, 1));
    };
    let of_a_connection = async {
        let service = service().await;
        let change = update(&[("routes", map(&[("r", "10.1.0.0/16")]))], &[("routes", map(&[]))]);
        let outcome = service.provider().await.apply(change).await;
        assert_eq!((texts(&outcome).as_str(), removals(&service)), ("", 1));
    };
    let from_the_beginning = async {
        let service = service().await;
        let outcome = service.provider().await.apply(destroy("10.2.0.0/16")).await;
        assert!(
            texts(&outcome).starts_with("Warning Another Route of This Name Left in Place: "),
            "{}",
            texts(&outcome)
        );
        assert_eq!((outcome.state.is_null(), removals(&service)), (true, 0));
    };
    tokio::join!(of_its_own, of_a_connection, from_the_beginning);
}

/// A state edited by hand is not a bug of the provider.
#[tokio::test]
async fn unexpected_null_in_state_is_damage() {
    let service = Service::start(|_| (200, connection_body())).await;
    let provider = service.provider().await;
    let null = || Value::Null;
    let binding = |queue: Value| vec![("queue", queue)];
    let cases = [
        ("", state(&[("name", null())]), "name: expected string, found null."),
        ("", state(&[("queues", Value::set([null()]))]), "queues[…]: expected string, found null."),
        ("_route", part("dli_enhanced_connection_route", &[("cidr", "10.0.0.0/8".into())]), "name: expected string"),
        ("_privilege", part("dli_enhanced_connection_privilege", &[]), "applicant_project_id: expected string"),
        ("_binding", part("dli_enhanced_connection_binding", &binding(null())), "the binding has no name."),
        (
            "_binding",
            part("dli_enhanced_connection_binding", &[("connection_id", null()), ("queue", "q1".into())]),
            "connection_id: expected string, found null.",
        ),
    ];
    for (kind, state, fact) in cases {
        let type_name = format!("{TYPE}{kind}");
        let read = provider.read(&type_name, state.clone(), Vec::new(), Value::Null).await;
        let request = |planned: Value| {
            let (type_name, prior, config) = (type_name.clone(), state.clone(), planned.clone());
            ResourceChange { type_name, prior, planned, config, private: Vec::new(), identity: Value::Null }
        };
        let deleted = provider.apply(request(Value::Null)).await;
        let mut outcomes = vec![read, deleted];
        // The other attributes are not checked.
        if ["", "_route"].contains(&kind) {
            let planned = if kind.is_empty() { object(&[]) } else { part(&type_name, &route_to("10.1.0.0/16")) };
            outcomes.push(provider.apply(request(planned)).await);
        }
        for outcome in outcomes {
            let text = texts(&outcome);
            assert!(text.starts_with(&format!("Error Damaged State: In the state, {fact}")), "{text}");
            assert!(text.contains("damaged or edited by hand") && text.contains("terraform state rm"), "{text}");
            assert!(!text.contains("report it"), "{text}");
            assert_eq!(outcome.state, state);
        }
    }
    assert_eq!(service.requested(), Vec::<String>::new());
}

/// Runs a create until the connection exists, drops the call or awaits its response, then sends Shutdown.
///
/// Returns whether the journal entry is acknowledged.
async fn acknowledged_after(response_sent: bool, directory: &Path) -> bool {
    let status = if response_sent { 200 } else { NO_RESPONSE };
    let service = Service::start(move |call| match call {
        "POST enhanced-connections" => (201, json!({"is_success": true, "connection_id": ID})),
        "POST routes" => (status, success()),
        "GET enhanced-connections" => (200, json!({"is_success": true, "connections": [], "count": 0})),
        _ => (200, connection_body()),
    })
    .await;
    let provider = DliProvider::new(Box::new(|_| None), CreationJournal::new(Some(directory.to_owned()), None));
    let on_shutdown = provider.on_shutdown();
    let server = service.configured(provider).await;
    let routes = ("routes", map(&[("r", "10.1.0.0/16")]));
    let open = [("id", UNKNOWN), ("status", UNKNOWN), ("created_at", UNKNOWN), ("bindings", UNKNOWN), routes.clone()];
    let request =
        ResourceChange { prior: Value::Null, planned: object(&open), config: object(&[routes]), ..update(&[], &[]) };
    {
        let call = server.apply(request);
        tokio::pin!(call);
        let route_requested = async {
            while !service.requested().contains(&"POST routes".to_owned()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if response_sent {
            let outcome = call.await;
            assert!(!outcome.diagnostics.has_errors(), "{}", texts(&outcome));
        } else {
            tokio::select! {
                outcome = &mut call => panic!("the route request is never answered: {}", texts(&outcome)),
                () = route_requested => {}
            }
        }
    }
    on_shutdown();
    let entry = std::fs::read_dir(directory).unwrap().next().unwrap().unwrap().path();
    let entry: serde_json::Value = serde_json::from_slice(&std::fs::read(entry).unwrap()).unwrap();
    assert_eq!(entry["id"], ID);
    entry["told"] == true
}

#[tokio::test]
async fn only_a_sent_response_is_acknowledged() {
    for response_sent in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(acknowledged_after(response_sent, directory.path()).await, response_sent);
    }
}

/// The version that Pulumi's bridge reports.
const PULUMI: &str = "1.5.7+pulumi-terraform-bridge";

/// The request of a create with a route.
fn creation_with_route() -> ResourceChange {
    let routes = ("routes", map(&[("r", "10.1.0.0/16")]));
    let open = [("id", UNKNOWN), ("status", UNKNOWN), ("created_at", UNKNOWN), ("bindings", UNKNOWN), routes.clone()];
    let (planned, config) = (object(&open), object(&[routes]));
    ResourceChange { prior: Value::Null, planned, config, ..update(&[], &[]) }
}

/// Pulumi records nothing about a failed create, so its next run must find the connection.
#[tokio::test]
async fn failed_pulumi_create_is_adopted() {
    let directory = tempfile::tempdir().unwrap();
    let is_refused = Arc::new(AtomicUsize::new(1));
    let refused = Arc::clone(&is_refused);
    let service = Service::start(move |call| match call {
        "POST enhanced-connections" => (201, json!({"is_success": true, "connection_id": ID})),
        "POST routes" if refused.load(Ordering::SeqCst) == 1 => (400, api_error("DLI.0009", "too many routes")),
        "POST routes" => (200, success()),
        "GET enhanced-connections" => (200, json!({"is_success": true, "connections": [], "count": 0})),
        _ => (200, with_bindings(&[], &[])),
    })
    .await;
    for (client, is_taken_over) in [("1.11.4", false), (PULUMI, true)] {
        is_refused.store(1, Ordering::SeqCst);
        let home = directory.path().join(client);
        let start = || DliProvider::new(Box::new(|_| None), CreationJournal::new(Some(home.clone()), None));
        let provider = start();
        let on_shutdown = provider.on_shutdown();
        let server = Server::new(provider);
        server.set_client_version(client);
        assert!(!server.configure(&service.configuration()).await.has_errors());
        let text = texts(&server.apply(creation_with_route()).await);
        on_shutdown();
        assert!(text.contains("DLI.0009") && text.contains(ID), "{text}");
        let of_pulumi = ["pulumi up again", &format!("pulumi import TYPE NAME {ID}"), "records nothing"];
        let of_terraform = ["untaint", "is in the state", "marked"];
        let (expected, wrong) = if is_taken_over { (of_pulumi, of_terraform) } else { (of_terraform, of_pulumi) };
        assert!(expected.iter().all(|part| text.contains(part)), "{client}: {text}");
        assert!(!wrong.iter().any(|part| text.contains(part)), "{client}: {text}");

        is_refused.store(0, Ordering::SeqCst);
        let server = Server::new(start());
        server.set_client_version(client);
        assert!(!server.configure(&service.configuration()).await.has_errors());
        let next = server.apply(creation_with_route()).await;
        assert_eq!(!next.diagnostics.has_errors(), is_taken_over, "{client}: {}", texts(&next));
        let summary = if is_taken_over { "Connection of an Earlier Run Adopted" } else { "Left by an Earlier Run" };
        assert!(texts(&next).contains(summary), "{client}: {}", texts(&next));
    }
}

/// Pulumi creates a replacement before it deletes the old object. Whether Terraform does, a plan does not show.
#[tokio::test]
async fn pulumi_replacement_with_same_name_warns() {
    let service = Service::start(|_| (200, connection_body())).await;
    for (client, warns) in [("1.11.4", false), (PULUMI, true)] {
        let provider = Server::new(DliProvider::new(Box::new(|_| None), CreationJournal::default()));
        provider.set_client_version(client);
        assert!(!provider.configure(&service.configuration()).await.has_errors());
        let subnet = ("dest_network_id", Value::from("88f2562a-36e4-4b39-95b9-f5aab22e1281"));
        let (warnings, _) = planned(&provider, &[], std::slice::from_ref(&subnet), b"").await;
        assert_eq!(warnings.contains(&"Warning name".to_owned()), warns, "{warnings:?}");
        let (warnings, _) = planned(&provider, &[], &[subnet, ("name", "other".into())], b"").await;
        assert!(!warnings.contains(&"Warning name".to_owned()), "{warnings:?}");
        // A renamed route that keeps its network.
        let kind = "dli_enhanced_connection_route";
        let route = |name: &str| {
            let mut route = part(kind, &[("name", name.into()), ("cidr", "10.1.0.0/16".into())]);
            route.set_attribute("connection_id", ID.into());
            route
        };
        let (prior, config) = (route("old"), route("new"));
        let (type_name, proposed) = (kind.into(), config.clone());
        let request =
            ResourceChange { type_name, prior, planned: proposed, config, private: Vec::new(), identity: Value::Null };
        let plan = provider.plan(request).await;
        let warned = plan.diagnostics.iter().any(|warning| warning.summary.contains("Held by the Replaced Route"));
        assert_eq!(warned, warns, "{:?}", plan.diagnostics);
    }
}
