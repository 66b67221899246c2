//! The provider against a second server that shares no code with the emulator.
//!
//! The server is written from the documents in Python and verifies signatures with Huawei's SDK signer, so an error
//! must be in both servers to go unnoticed.

use serde_json::{Value, json};

use super::harness::{PROJECT, Running, Workspace, for_one_terraform};
use super::terraform::Terraform;
use crate::python::python;

/// The access key that the server accepts.
const ACCESS_KEY: &str = "SECONDACCESSKEY";
const SECRET_KEY: &str = "canary-secret-of-the-second";

const OWNER: &str = "dli_enhanced_connection.owner";
const SHARED: &str = "dli_enhanced_connection.shared";
const PARTS: [&str; 4] = [
    "dli_enhanced_connection_binding.pool",
    "dli_enhanced_connection_binding.queue",
    "dli_enhanced_connection_privilege.stranger",
    "dli_enhanced_connection_route.route",
];

/// A running server, stopped on drop.
struct SecondServer {
    _running: Running,
    endpoint: String,
}

impl SecondServer {
    /// A binding stays CREATING for this many seconds.
    fn start(binding_seconds: &str) -> Self {
        let mut command = python("second_server.py");
        let running = Running::start(command.arg(binding_seconds), std::process::Stdio::null());
        let endpoint = running.first_line();
        Self { _running: running, endpoint }
    }

    fn workspace(&self, terraform: &Terraform) -> Workspace {
        Workspace::new(terraform).with_provider(&format!(
            "provider \"dli\" {{\n  region = \"eu-west-101\"\n  project_id = {PROJECT:?}\n  \
            access_key = {ACCESS_KEY:?}\n  \
             secret_key = {SECRET_KEY:?}\n  endpoints = {{ dli = {:?} }}\n}}\n",
            self.endpoint
        ))
    }

    /// The server's objects and its request log.
    fn contents(&self) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client without options");
        let text = runtime.block_on(async {
            client.get(format!("{}/held", self.endpoint)).send().await.expect("a response").text().await
        });
        serde_json::from_str(&text.expect("a complete response")).expect("valid JSON")
    }

    /// The connections at the server.
    fn connections(&self) -> Vec<Value> {
        self.contents()["projects"][PROJECT].as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn connection(&self, name: &str) -> Value {
        let found = self.connections().into_iter().find(|connection| connection["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {name} in {:#?}", self.connections()))
    }

    /// The requests whose error code satisfies `with`.
    fn rejected(&self, with: impl Fn(&str) -> bool) -> Vec<Value> {
        let requests = self.contents()["requests"].as_array().cloned().unwrap_or_default();
        requests.into_iter().filter(|request| request["code"].as_str().is_some_and(&with)).collect()
    }
}

/// A connection with inline parts, one with separate parts, the parts, and all data sources.
fn configuration(hosts: &str, tags: &str, bound: &str, route: &str) -> String {
    format!(
        r#"
resource "dli_enhanced_connection" "owner" {{
  name            = "owner"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  routetable_id   = "5c7e1b9e-5b67-4d0a-8a3e-6d3f1a2b4c5d"
  hosts           = {hosts}
  tags            = {tags}
  routes          = {{ "r-1" = {route:?}, "r_2" = "2407:c080:802:be7::/64" }}
  {bound}
}}

resource "dli_enhanced_connection" "shared" {{
  name            = "shared"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "88f2562a-36e4-4b39-95b9-f5aab22e1281"
}}

resource "dli_enhanced_connection_binding" "queue" {{
  connection_id = dli_enhanced_connection.shared.id
  queue         = "q3"
}}

resource "dli_enhanced_connection_binding" "pool" {{
  connection_id         = dli_enhanced_connection.shared.id
  elastic_resource_pool = "pool3"
}}

resource "dli_enhanced_connection_route" "route" {{
  connection_id = dli_enhanced_connection.shared.id
  name          = "warehouse"
  cidr          = {route:?}
}}

resource "dli_enhanced_connection_privilege" "stranger" {{
  connection_id        = dli_enhanced_connection.shared.id
  applicant_project_id = "330e068af1334c9782f4226acc00a2e2"
}}
"#
    )
}

const DATA: &str = r#"
data "dli_enhanced_connection" "owner" {
  name = "owner"
}

data "dli_enhanced_connections" "all" {}

data "dli_queues" "all" {}

data "dli_elastic_resource_pools" "all" {}

output "seen" {
  value = {
    connection  = data.dli_enhanced_connection.owner
    connections = sort([for connection in data.dli_enhanced_connections.all.connections : connection.name])
    bindable    = [for queue in data.dli_queues.all.queues : queue.name if queue.can_be_bound]
    pools       = [for pool in data.dli_elastic_resource_pools.all.elastic_resource_pools : pool.name]
  }
}
"#;

/// The configuration that the tests create first.
fn created() -> String {
    configuration(
        "{ \"b.example.com\" = \"192.168.0.2\", \"a\" = \"192.168.0.10\" }",
        "{ team = \"data\", stage = \"\", \"größe\" = \"a b_.:+-@\" }",
        "queues = [\"q1\"]\n  elastic_resource_pools = [\"pool1\"]",
        "192.168.2.0/24",
    )
}

/// Creates and imports every kind of object.
#[test]
fn second_server_supports_imports() {
    for_one_terraform(|terraform| {
        let second = SecondServer::start("0.3");
        let workspace = second.workspace(terraform);
        workspace.configure(&created());
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        workspace.expect_import_by_command(OWNER, &["routetable_id"]);
        for part in PARTS {
            workspace.expect_import_by_command(part, &[]);
        }
        assert_eq!(second.rejected(|code| code.starts_with("APIGW.")), Vec::<Value>::new());
    });
}

/// Creates, changes, reads and destroys every kind of object.
#[test]
fn second_server_supports_every_operation() {
    for_one_terraform(|terraform| {
        let second = SecondServer::start("0.3");
        let workspace = second.workspace(terraform);
        let all: Vec<_> = [OWNER, SHARED].into_iter().chain(PARTS).map(|address| (address, "create")).collect();
        workspace.step(&created(), &all);
        expect(
            &second.connection("owner"),
            &json!({
                "hosts": [{ "name": "a", "ip": "192.168.0.10" }, { "name": "b.example.com", "ip": "192.168.0.2" }],
                "tags": { "team": "data", "stage": "", "größe": "a b_.:+-@" },
                "peerings": ["pool1", "q1"],
                "routes": { "r-1": "192.168.2.0/24", "r_2": "2407:c080:802:be7::/64" },
                "routetable_id": "5c7e1b9e-5b67-4d0a-8a3e-6d3f1a2b4c5d",
                "shared_with": [],
            }),
        );
        expect(
            &second.connection("shared"),
            &json!({
                "hosts": [], "tags": {}, "peerings": ["pool3", "q3"], "routes": { "warehouse": "192.168.2.0/24" },
                "routetable_id": null, "shared_with": ["330e068af1334c9782f4226acc00a2e2"],
            }),
        );

        let id = second.connection("owner")["id"].clone();
        let changed = configuration(
            "{ \"a\" = \"192.168.0.11\" }",
            "{ team = \"other\" }",
            "queues = [\"q2\"]\n  elastic_resource_pools = []",
            "192.168.3.0/24",
        );
        workspace.step(&changed, &[(OWNER, "update"), ("dli_enhanced_connection_route.route", "update")]);
        let owner = second.connection("owner");
        assert_eq!(owner["id"], id);
        expect(
            &owner,
            &json!({
                "hosts": [{ "name": "a", "ip": "192.168.0.11" }], "tags": { "team": "other" }, "peerings": ["q2"],
                "routes": { "r-1": "192.168.3.0/24", "r_2": "2407:c080:802:be7::/64" },
            }),
        );
        assert_eq!(second.connection("shared")["routes"], json!({ "warehouse": "192.168.3.0/24" }));

        workspace.step(&format!("{changed}{DATA}"), &[]);
        let seen = workspace.run(&["output", "-json", "seen"]).expect_code(0).json();
        assert_eq!(seen["connection"]["id"], id);
        assert_eq!(seen["connection"]["hosts"], json!({ "a": "192.168.0.11" }));
        assert_eq!(seen["connection"]["tags"], json!({ "team": "other" }));
        assert_eq!(seen["connections"], json!(["owner", "shared"]));
        assert_eq!(seen["bindable"], json!(["pooled1", "pooled2", "pooled3", "q1", "q2", "q3"]));
        assert_eq!(seen["pools"], json!(["pool1", "pool2", "pool3"]));

        workspace.destroy();
        assert_eq!(second.connections(), Vec::<Value>::new());
        assert_eq!(second.rejected(|code| code.starts_with("APIGW.")), Vec::<Value>::new());
    });
}

/// Requires these fields of the connection, with host records in any order.
#[track_caller]
fn expect(connection: &Value, wanted: &Value) {
    for (field, value) in wanted.as_object().expect("expected fields") {
        let mut found = connection[field].clone();
        if field == "hosts" {
            let hosts = found.as_array_mut().expect("a list");
            hosts.sort_by_key(|host| host["name"].to_string());
        }
        assert_eq!(&found, value, "{field} of {connection:#}");
    }
}

/// The server verifies signatures: it rejects a wrong key, and the provider reports that.
#[test]
fn second_server_rejects_a_wrong_key() {
    for_one_terraform(|terraform| {
        let second = SecondServer::start("0");
        let workspace = second.workspace(terraform);
        let block = std::fs::read_to_string(workspace.path().join("provider.tf")).expect("a written file");
        workspace.write("provider.tf", &block.replace(SECRET_KEY, "canary-secret-of-another"));
        workspace.configure(super::connection::EXAMPLE);
        let applied = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(applied.stderr.contains("APIGW.0301"), "{applied}");
        assert!(!second.rejected(|code| code == "APIGW.0301").is_empty());
        assert_eq!(second.connections(), Vec::<Value>::new());
    });
}
