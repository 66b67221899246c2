//! Generated connections of every kind that the service can hold: imported with generated configuration and planned
//! without changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use terraform_provider_dli::dli::rules;
use terraform_provider_dli::dli::wire::{BINDING_FAILED, Binding, Connection, CreateConnection, Host, Tag};

use super::harness::{Cloud, for_each_terraform, for_one_terraform};
use super::terraform::Terraform;

/// The number of connections of all tests.
const MANY: usize = 200;
/// Standalone queues and pooled queues, some in another case.
const QUEUES: [&str; 7] = ["q1", "Q2", "q3", "yearly1", "pooled1", "Pooled2", "pooled3"];
const POOLS: [&str; 3] = ["pool1", "pool2", "pool3"];
/// Names that a binding can have.
const TARGETS: [&str; 7] = ["q1", "q2", "q3", "yearly1", "pool1", "pool2", "pool3"];

/// A generated connection and its history.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    queues: Vec<&'static str>,
    pools: Vec<&'static str>,
    /// Names whose binding fails.
    failing: Vec<&'static str>,
    /// Whether its bindings are still being created.
    slow: bool,
    hosts: Vec<Host>,
    /// As entered by a user: without a prefix, with host bits, IPv6 in any spelling.
    routes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    ipv6: bool,
    /// Whether a connection of the same name existed before and is deleted.
    second: bool,
}

fn connection_strategy() -> impl Strategy<Value = Generated> {
    let bound = (subsequence(&QUEUES, 0..=4), subsequence(&POOLS, 0..=3), subsequence(&TARGETS, 0..=2), any::<bool>());
    let held = (vec(host(), 0..=12), btree_map("[a-zA-Z0-9_-]{1,64}", cidr(), 0..=5), tags());
    (bound, held, any::<[bool; 2]>()).prop_map(
        |((queues, pools, failing, slow), (hosts, routes, tags), [ipv6, second])| {
            let mut networks = BTreeSet::new();
            let routes = routes.into_iter().filter(|(_, cidr)| networks.insert(rules::network(cidr))).collect();
            Generated { queues, pools, failing, slow, hosts, routes, tags, ipv6, second }
        },
    )
}

/// Few names, so that names repeat with equal or different addresses and in another case.
fn host() -> impl Strategy<Value = Host> {
    let few = select(&["a", "A", "db", "Db", "x_1.-", "ecs-97f8-0001", "test.test.com"]).prop_map(str::to_owned);
    let name = prop_oneof![few, "[a-zA-Z][a-zA-Z0-9._-]{0,127}"];
    (name, 0..3_u8, any::<u8>()).prop_map(|(name, c, d)| Host { name, ip: format!("10.0.{c}.{d}") })
}

fn cidr() -> impl Strategy<Value = String> {
    fn text(address: impl Display, prefix: Option<u8>) -> String {
        prefix.map_or_else(|| address.to_string(), |prefix| format!("{address}/{prefix}"))
    }
    prop_oneof![
        (any::<[u8; 4]>(), option::of(0..=32_u8)).prop_map(|(octets, prefix)| text(Ipv4Addr::from(octets), prefix)),
        (any::<[u8; 16]>(), option::of(0..=128_u8)).prop_map(|(octets, prefix)| text(Ipv6Addr::from(octets), prefix)),
        // An unusual spelling that no library produces.
        (any::<[u16; 2]>(), 1..=48_u8).prop_map(|([a, b], prefix)| format!("{a:04X}:{b:04x}:0:0:0:0:0:0/{prefix}")),
    ]
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = "[a-zA-Z0-9_.:+@ äöß键值ключκόσμε한글ไทย-]{1,24}";
    let key = key.prop_filter("a key that the document forbids", |key| rules::TAG_KEY.allows(key));
    let value = prop_oneof![Just(String::new()), Just(" a b ".to_owned()), "[a-zA-Z0-9_.:+@ äß值ключ한글-]{0,40}"];
    btree_map(key, value, 0..=8)
}

/// Generates the same connections in each run.
pub(super) fn generate() -> Vec<Generated> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[6; 32]));
    let mut one = || connection_strategy().new_tree(&mut runner).expect("enough allowed keys").current();
    (0..MANY).map(|_| one()).collect()
}

/// Creates the connection directly in the emulator and returns its ID.
pub(super) fn create_in_emulator(cloud: &Cloud, name: &str, generated: &Generated) -> String {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let request = CreateConnection {
        name: name.to_owned(),
        dest_vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
        dest_network_id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
        queues: owned(&generated.queues),
        elastic_resource_pools: owned(&generated.pools),
        routetable_id: None,
        hosts: generated.hosts.clone(),
        tags: generated.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect(),
    };
    if generated.second {
        let first = CreateConnection { queues: vec![], elastic_resource_pools: vec![], ..request.clone() };
        let first = cloud.edit(|account| account.create(first));
        cloud.edit(|account| account.delete(&first));
    }
    let emulator = cloud.emulator();
    emulator.set_binding_delay(if generated.slow { Duration::from_hours(24) } else { Duration::ZERO });
    generated.failing.iter().for_each(|name| emulator.set_binding_outcome(name, Some("Failed to get subnet")));
    let id = cloud.edit(|account| account.create(request));
    generated.failing.iter().for_each(|name| emulator.set_binding_outcome(name, None));
    for (name, cidr) in &generated.routes {
        cloud.edit(|account| account.add_route(&id, name, cidr));
    }
    cloud.edit(|account| account.set_ipv6(&id, generated.ipv6));
    id
}

/// Requires that the state equals the connection in the emulator.
fn check(state: &Value, shown: &Connection, generated: &Generated) {
    let whole = format!("{shown:#?}\n{state:#}");
    assert_eq!(state["id"], shown.id, "{whole}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sorted = |attribute: &str| state[attribute].as_array().map(|all| all.iter().map(text).collect::<BTreeSet<_>>());
    let bound = |bindings: &[Binding]| {
        let bound = bindings.iter().filter(|binding| binding.status != BINDING_FAILED);
        let names: BTreeSet<_> = bound.map(|binding| binding.name.clone()).collect();
        (!names.is_empty()).then_some(names)
    };
    assert_eq!(sorted("queues"), bound(&shown.available_queue_info), "{whole}");
    assert_eq!(sorted("elastic_resource_pools"), bound(&shown.elastic_resource_pools), "{whole}");

    let mut hosts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for host in &shown.hosts {
        hosts.entry(&host.name).or_default().insert(&host.ip);
    }
    let pairs = |attribute: &str| -> BTreeMap<String, String> {
        state[attribute].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let read = pairs("hosts");
    assert!(read.keys().eq(hosts.keys()) && read.iter().all(|(name, ip)| hosts[&**name].contains(&**ip)), "{whole}");
    let networks = |routes: &BTreeMap<String, String>| -> BTreeMap<_, _> {
        routes.iter().map(|(name, cidr)| (name.clone(), rules::network(cidr))).collect()
    };
    assert_eq!(networks(&pairs("routes")), networks(&generated.routes), "{whole}");
    assert_eq!((pairs("tags"), pairs("tags_all")), (generated.tags.clone(), generated.tags.clone()), "{whole}");
    assert_eq!(state["ipv6_enable"], generated.ipv6, "{whole}");
    // An empty collection is not managed.
    for (attribute, empty) in
        [("hosts", hosts.is_empty()), ("routes", generated.routes.is_empty()), ("tags", generated.tags.is_empty())]
    {
        assert_eq!(state[attribute].is_null(), empty, "{attribute}\n{whole}");
    }
}

#[test]
fn generated_connections_import_by_id() {
    for_each_terraform(|terraform| check_imports(terraform, &generate()[..MANY / 2], |_, id| id.to_owned()));
}

#[test]
fn generated_connections_import_by_name() {
    for_one_terraform(|terraform| check_imports(terraform, &generate()[MANY / 2..], |name, _| format!("name:{name}")));
}

fn check_imports(terraform: &Terraform, many: &[Generated], import_id: fn(name: &str, id: &str) -> String) {
    let begun = Instant::now();
    let cloud = Cloud::start();
    let mut imports = String::new();
    let mut addresses = Vec::new();
    for (index, generated) in many.iter().enumerate() {
        let name = format!("Random_{index}");
        let id = create_in_emulator(&cloud, &name, generated);
        let id = import_id(&name, &id);
        let address = format!("dli_enhanced_connection.c{index}");
        writeln!(imports, "import {{\n  to = {address}\n  id = {id:?}\n}}").expect("a string");
        addresses.push(address);
    }
    let workspace = cloud.workspace(terraform);
    workspace.configure(&imports);
    workspace.run(&["plan", "-generate-config-out=generated.tf"]).expect_code(0);
    let wanted: Vec<_> = addresses.iter().map(|address| (&**address, "import")).collect();
    workspace.plan().expect(&wanted);
    workspace.apply();

    let state = workspace.run(&["show", "-json"]).expect_code(0).json();
    let resources = state["values"]["root_module"]["resources"].as_array().expect("a list");
    let states: BTreeMap<_, _> = resources.iter().map(|one| (one["values"]["name"].as_str(), &one["values"])).collect();
    let connections = cloud.connections();
    assert_eq!((states.len(), connections.len()), (many.len(), many.len()));
    for (shown, generated) in connections.iter().zip(many) {
        check(states[&Some(&*shown.name)], shown, generated);
    }
    assert_eq!(cloud.changes(), [""; 0], "only reads were sent");
    #[expect(clippy::print_stdout, reason = "shows the measured time")]
    {
        println!("{} connections with {} in {:.1?}", many.len(), terraform.version, begun.elapsed());
    }
}
