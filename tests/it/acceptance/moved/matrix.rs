//! Every combination of what a moved connection has and what its new configuration declares.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use terraform_provider_dli::dli::wire::{Connection, CreateConnection, Host, Tag};
use terraform_provider_dli::emulator::Emulator;

use super::old_provider::OldProvider;
use super::{HUAWEICLOUD, moved};
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, for_each_terraform, for_one_terraform};
use crate::acceptance::terraform::Terraform;

const VPC: &str = "22094d8f-c310-4621-913d-4c4d655d8495";
const NETWORK: &str = "78f2562a-36e4-4b39-95b9-f5aab22e1281";
const ROUTE_TABLE: &str = "11094d8f-c310-4621-913d-4c4d655d8495";
/// The default tag of both providers.
const DEFAULT: (&str, &str) = ("env", "prod");

/// What the new configuration declares of what the connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Same,
    Less,
    Nothing,
}

/// A connection of the old provider and its new configuration.
#[derive(Debug)]
struct Case {
    name: String,
    /// Whether it has hosts and routes.
    hosts: bool,
    /// The tags of the old configuration, without the default tags.
    own: bool,
    default: bool,
    /// The route table in the old state.
    route_table: Option<&'static str>,
    content: Content,
}

fn cases(contents: &[Content], has_default: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for hosts in [false, true] {
        for own in [false, true] {
            for route_table in [None, Some(""), Some(ROUTE_TABLE)] {
                for content in contents.iter().copied() {
                    let name = format!("c{}", cases.len());
                    cases.push(Case { name, hosts, own, default: has_default, route_table, content });
                }
            }
        }
    }
    cases
}

impl Case {
    fn address(&self) -> String {
        format!("dli_enhanced_connection.{}", self.name)
    }

    /// All tags, as the old provider set them.
    fn tags(&self) -> BTreeMap<&str, &str> {
        let own = [("own", "1"), ("team", "a")].into_iter().filter(|_| self.own);
        own.chain(Some(DEFAULT).filter(|_| self.default)).collect()
    }

    fn has_route_table(&self) -> bool {
        self.route_table.is_some_and(|id| !id.is_empty())
    }

    /// Creates the connection and returns its instance in the old state.
    fn create(&self, cloud: &Cloud) -> Value {
        let hosts = [("a", "10.0.0.1"), ("b", "10.0.0.2")].into_iter().filter(|_| self.hosts);
        let hosts: Vec<_> = hosts.map(|(name, ip)| Host { name: name.into(), ip: ip.into() }).collect();
        let tags = self.tags().into_iter().map(|(key, value)| Tag { key: key.into(), value: value.into() });
        let request = CreateConnection {
            name: self.name.clone(),
            dest_vpc_id: VPC.to_owned(),
            dest_network_id: NETWORK.to_owned(),
            routetable_id: self.has_route_table().then(|| ROUTE_TABLE.to_owned()),
            hosts: hosts.clone(),
            tags: tags.collect(),
            ..CreateConnection::default()
        };
        let id = cloud.edit(|account| account.create(request));
        let mut routes = Vec::new();
        for (name, cidr) in [("r1", "10.1.0.0/16"), ("r2", "10.2.0.0/16")].into_iter().filter(|_| self.hosts) {
            cloud.edit(|account| account.add_route(&id, name, cidr));
            routes.push(json!({ "name": name, "cidr": cidr }));
        }
        let hosts: Vec<_> = hosts.iter().map(|host| json!({ "name": host.name, "ip": host.ip })).collect();
        json!({
            "mode": "managed",
            "type": "huaweicloud_dli_datasource_connection",
            "name": self.name,
            "provider": format!("provider[{HUAWEICLOUD:?}]"),
            "instances": [{ "schema_version": 0, "private": "bnVsbA==", "attributes": {
                "id": id, "region": "eu-west-101", "name": self.name, "vpc_id": VPC, "subnet_id": NETWORK,
                "route_table_id": self.route_table, "queues": [], "hosts": hosts, "routes": routes,
                "tags": if self.tags().is_empty() { Value::Null } else { json!(self.tags()) }, "status": "ACTIVE",
            } }],
        })
    }

    /// The new configuration and the moved block.
    fn configuration(&self) -> String {
        let Self { name, content, .. } = self;
        let is_less = *content == Content::Less;
        let mut attributes = String::new();
        if *content != Content::Nothing {
            let pick = |all: &'static str, less: &'static str| if is_less { less } else { all };
            if self.hosts {
                attributes +=
                    pick("hosts = { a = \"10.0.0.1\", b = \"10.0.0.2\" }\n", "hosts = { a = \"10.0.0.1\" }\n");
                attributes += pick(
                    "routes = { r1 = \"10.1.0.0/16\", r2 = \"10.2.0.0/16\" }\n",
                    "routes = { r1 = \"10.1.0.0/16\" }\n",
                );
            }
            if self.own {
                attributes += pick("tags = { own = \"1\", team = \"a\" }\n", "tags = { own = \"1\" }\n");
            }
        }
        if *content == Content::Same && self.has_route_table() {
            writeln!(attributes, "routetable_id = {ROUTE_TABLE:?}").expect("a string");
        }
        format!(
            "resource \"dli_enhanced_connection\" {name:?} {{\n  name = {name:?}\n  dest_vpc_id = {VPC:?}\n  \
             dest_network_id = {NETWORK:?}\n{attributes}}}\n{}",
            moved("huaweicloud", 0, name)
        )
    }

    /// The attributes that the plan changes.
    fn changed(&self, refresh: bool) -> Vec<&'static str> {
        let mut changed = Vec::new();
        match self.content {
            Content::Less if self.hosts => changed.extend(["hosts[\"b\"]", "routes[\"r2\"]"]),
            Content::Nothing if self.hosts => changed.extend(["hosts", "routes"]),
            _ => {}
        }
        if self.content != Content::Same && self.has_route_table() {
            changed.push("routetable_id");
        }
        // Only the configured provider knows the default tags, and it looks at the state in a refresh.
        let unsplit = self.default && !refresh;
        match self.content {
            Content::Less if self.own => {
                changed.extend(["tags[\"team\"]", "tags_all[\"team\"]"]);
                changed.extend(unsplit.then_some("tags[\"env\"]"));
            }
            Content::Nothing if self.own => {
                changed.extend(["tags", "tags_all[\"own\"]", "tags_all[\"team\"]"]);
            }
            _ if !self.own && unsplit => changed.push("tags"),
            _ => {}
        }
        changed.sort_by_key(|path| path.replace('[', " "));
        changed
    }
}

/// Connections by name, with their tags.
type Held = BTreeMap<String, (Connection, BTreeMap<String, String>)>;

/// What the service holds.
fn held(emulator: &Emulator) -> Held {
    let connections = emulator.connections(PROJECT).into_iter();
    connections
        .map(|connection| {
            let tags = emulator.tags(PROJECT, &connection.id);
            (connection.name.clone(), (connection, tags))
        })
        .collect()
}

/// Runs the cases in one configuration: each plan changes exactly the expected attributes. Returns the cloud after the
/// apply, and what it held before.
fn run(terraform: &Terraform, cases: &[Case]) -> (Cloud, Held) {
    let cloud = Cloud::start();
    let old = OldProvider::start("huaweicloud");
    let resources: Vec<_> = cases.iter().map(|case| case.create(&cloud)).collect();
    let before = held(cloud.emulator());
    let defaults = format!("default_tags = {{ {} = {:?} }}", DEFAULT.0, DEFAULT.1);
    let arguments = if cases[0].default { defaults.as_str() } else { "" };
    let workspace = Workspace::new(terraform)
        .with_provider(&cloud.provider_block(arguments))
        .with_variable("TF_REATTACH_PROVIDERS", &old.reattach(HUAWEICLOUD));
    workspace.configure(&cases.iter().map(Case::configuration).collect::<String>());
    let state = json!({
        "version": 4, "terraform_version": "1.8.4", "serial": 1, "lineage": "5ea9e7a2-5d6b-ce0e-54db-facca2ce8e0a",
        "outputs": {}, "resources": resources, "check_results": null,
    });
    workspace.write("terraform.tfstate", &serde_json::to_string_pretty(&state).expect("JSON"));
    for refresh in [false, true] {
        let plan = workspace.plan_with(if refresh { &[] } else { &["-refresh=false"] });
        let changed = |case: &&Case| !case.changed(refresh).is_empty();
        let addresses: Vec<_> = cases.iter().filter(changed).map(Case::address).collect();
        plan.expect(&addresses.iter().map(|address| (address.as_str(), "update")).collect::<Vec<_>>());
        for case in cases {
            plan.expect_changed(&case.address(), &case.changed(refresh));
        }
    }
    workspace.apply();
    assert!(!old.is_configured());
    (cloud, before)
}

/// What the new configuration repeats or leaves out stays at the service, and no request is sent for it.
#[test]
fn same_or_no_content_changes_nothing_at_the_service() {
    for_one_terraform(|terraform| {
        for has_default in [false, true] {
            let (cloud, before) = run(terraform, &cases(&[Content::Same, Content::Nothing], has_default));
            assert_eq!(cloud.changes(), [""; 0]);
            assert_eq!(held(cloud.emulator()), before);
        }
    });
}

/// What the new configuration leaves out of a declared collection is planned, and only that is removed.
#[test]
fn less_content_removes_what_the_plan_says() {
    for_each_terraform(|terraform| {
        for has_default in [false, true] {
            let cases = cases(&[Content::Less], has_default);
            let (cloud, mut expected) = run(terraform, &cases);
            for case in &cases {
                let (connection, tags) = expected.get_mut(&case.name).expect("a created connection");
                connection.hosts.retain(|host| host.name != "b");
                connection.routes.retain(|route| route.name != "r2");
                tags.remove("team");
            }
            assert_eq!(held(cloud.emulator()), expected);
        }
    });
}
