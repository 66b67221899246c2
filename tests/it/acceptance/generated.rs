//! Connections that others have made, of every kind that the service can hold: imported by import blocks, written by
//! Terraform as a configuration, and taken over unedited without a change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use terraform_provider_dli::dli::rules;
use terraform_provider_dli::dli::wire::{BINDING_FAILED, Binding, Connection, CreateConnection, Host, Route, Tag};

use super::connection::{ADDRESS, connection};
use super::harness::{Cloud, PROJECT, Workspace, for_each_terraform, for_one_terraform};

/// How many connections there are at once.
const MANY: usize = 200;
const QUEUES: [&str; 7] = ["q1", "q2", "q3", "yearly1", "pooled1", "Pooled2", "pooled3"];
const POOLS: [&str; 3] = ["pool1", "pool2", "pool3"];
/// What a binding can be made for, in the service's words.
const TARGETS: [&str; 7] = ["q1", "q2", "q3", "yearly1", "pool1", "pool2", "pool3"];

/// One connection and how it came about.
#[derive(Debug, Clone)]
struct Made {
    request: CreateConnection,
    /// As they are written: prefix-less, with host bits, IPv6 in any spelling.
    routes: BTreeMap<String, String>,
    /// What cannot be bound.
    failing: Vec<&'static str>,
    /// Whether its bindings are never done.
    slow: bool,
    ipv6: bool,
}

fn host() -> impl Strategy<Value = Host> {
    // Names are few enough to occur twice, with the same address or another one, and in another case.
    let name = select(vec!["a", "A", "db", "Db", "x_1.-", "ecs-97f8-0001", "test.test.com"]).prop_map(str::to_owned);
    let name = proptest::prop_oneof![name, "[a-zA-Z][a-zA-Z0-9._-]{0,30}"];
    (name, any::<[u8; 4]>()).prop_map(|(name, [_, b, c, d])| Host { name, ip: format!("10.{}.{c}.{d}", b % 3) })
}

fn cidr() -> impl Strategy<Value = String> {
    let (four, six) = (any::<[u8; 4]>(), any::<[u8; 16]>());
    proptest::prop_oneof![
        (four, option::of(0..=32_u8)).prop_map(|(octets, prefix)| network(std::net::Ipv4Addr::from(octets), prefix)),
        (six, option::of(0..=128_u8)).prop_map(|(octets, prefix)| network(std::net::Ipv6Addr::from(octets), prefix)),
        // The same in the spelling that no library writes.
        (any::<[u16; 3]>(), 1..=48_u8)
            .prop_map(|([a, b, c], prefix)| format!("{:04X}:{b:04X}:{c:04x}:0:0:0:0:0/{prefix}", a | 0x2000)),
    ]
}

fn network(address: impl std::fmt::Display, prefix: Option<u8>) -> String {
    prefix.map_or_else(|| address.to_string(), |prefix| format!("{address}/{prefix}"))
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let text = |length: &'static str| format!("[a-zA-Z0-9_.:+@äößéñ键值ключтегκόσμε한글ไทยहिनदी-]{length}");
    let key = proptest::strategy::Strategy::prop_filter(
        text("{1,20}").as_str().prop_map_regex(),
        "reserved",
        |key| rules::TAG_KEY.allows(key),
    );
    let value = proptest::prop_oneof![Just(String::new()), text("{0,30}").as_str().prop_map_regex(), Just(" a b ".to_owned())];
    btree_map(key, value, 0..=8)
}
