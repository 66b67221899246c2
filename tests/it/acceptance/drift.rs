//! External changes are shown and reverted; a different form of the same value is no drift.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use terraform_provider_dli::dli::wire::{Host, QueueNames, Tag};
use terraform_provider_dli::emulator::{ApiError, ProjectService, Quirk};

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Workspace, for_one_terraform};

/// A connection with every collection that can be changed externally.
const ALL_COLLECTIONS: &str = r#"
  queues                 = ["q1", "Pooled1"]
  elastic_resource_pools = ["pool2"]

  hosts = {
    "Node-1" = "192.168.0.1"
    "node-2" = "192.168.0.2"
  }
  routes = {
    r4 = "192.168.2.0/24"
    r6 = "2407:C080:802:be7::/64"
  }
  tags = {
    team = "größe"
    env  = ""
  }
"#;

/// Response variants on which documents, SDKs and live responses disagree.
const RESPONSE_VARIANTS: [Quirk; 8] = [
    Quirk::ReshuffledOrder,
    Quirk::UpperCaseNames,
    Quirk::CamelCase,
    Quirk::BooleansAsStrings,
    Quirk::NumbersAsStrings,
    Quirk::PrivilegeProjectId,
    Quirk::StatusInProse,
    Quirk::SoftFailures,
];

fn host(name: &str, ip: &str) -> Host {
    Host { name: name.to_owned(), ip: ip.to_owned() }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

fn queue(name: &str) -> QueueNames {
    QueueNames { queues: vec![name.to_owned()], ..QueueNames::default() }
}

fn pool(name: &str) -> QueueNames {
    QueueNames { elastic_resource_pools: vec![name.to_owned()], ..QueueNames::default() }
}

/// Names and values.
type Pairs = BTreeMap<String, String>;

/// The hosts, routes, tags and bound names of the only connection.
fn remote_content(cloud: &Cloud) -> (Pairs, Pairs, Pairs, BTreeSet<String>) {
    let shown = cloud.connection();
    let bound = shown.available_queue_info.into_iter().chain(shown.elastic_resource_pools);
    (
        shown.hosts.into_iter().map(|host| (host.name, host.ip)).collect(),
        shown.routes.into_iter().map(|route| (route.name, route.cidr)).collect(),
        cloud.tags(),
        bound.map(|binding| binding.name).collect(),
    )
}

/// An external change, as made in the console.
type ExternalChange = fn(&mut ProjectService<'_>, &str) -> Result<(), ApiError>;

/// Each external change, with exactly the paths that the plan must show.
const EXTERNAL_CHANGES: [(ExternalChange, &[&str]); 13] = [
    // Hosts: one changed, one added, one removed. The order changes each time.
    (
        |account, id| account.replace_hosts(id, vec![host("node-2", "10.0.0.9"), host("Node-1", "192.168.0.1")]),
        &["hosts[\"node-2\"]"],
    ),
    (
        |account, id| {
            let all = [host("x", "10.0.0.1"), host("node-2", "192.168.0.2"), host("Node-1", "192.168.0.1")];
            account.replace_hosts(id, all.into())
        },
        &["hosts[\"x\"]"],
    ),
    (|account, id| account.replace_hosts(id, vec![host("node-2", "192.168.0.2")]), &["hosts[\"Node-1\"]"]),
    // Routes: one changed, one added, one removed.
    (
        |account, id| account.delete_route(id, "r4").and_then(|()| account.add_route(id, "r4", "10.1.0.0/16")),
        &["routes[\"r4\"]"],
    ),
    (|account, id| account.add_route(id, "x", "10.1.0.0/16"), &["routes[\"x\"]"]),
    (|account, id| account.delete_route(id, "r6"), &["routes[\"r6\"]"]),
    // Tags.
    (|account, id| account.put_tags(id, vec![tag("env", "prod")]), &["tags[\"env\"]", "tags_all[\"env\"]"]),
    (|account, id| account.put_tags(id, vec![tag("x", "")]), &["tags[\"x\"]", "tags_all[\"x\"]"]),
    (|account, id| account.remove_tags(id, &[tag("team", "")]), &["tags[\"team\"]", "tags_all[\"team\"]"]),
    // Queues; a pooled queue is changed through its pool.
    (
        |account, id| account.unbind(id, &queue("q1")).and_then(|()| account.bind(id, &queue("q3"))),
        &["bindings[\"q1\"]", "bindings[\"q3\"]", "queues"],
    ),
    (|account, id| account.unbind(id, &pool("pool1")), &["bindings[\"pooled1\"]", "queues"]),
    // Pools.
    (|account, id| account.unbind(id, &pool("pool2")), &["bindings[\"pool2\"]", "elastic_resource_pools"]),
    (|account, id| account.bind(id, &pool("pool3")), &["bindings[\"pool3\"]", "elastic_resource_pools"]),
];

#[test]
fn external_changes_are_shown_and_reverted() {
    // The shown values come from the provider's read, so one Terraform version is enough.
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&connection(ALL_COLLECTIONS), CREATE);
        let (id, declared) = (cloud.connection().id, remote_content(&cloud));
        for (edit, shown) in EXTERNAL_CHANGES {
            cloud.edit(|account| edit(account, &id));
            assert_ne!(remote_content(&cloud), declared, "{shown:?}");
            workspace.plan().expect(UPDATE).expect_changed(ADDRESS, shown);
            workspace.run(&["apply", "-auto-approve"]).expect_code(0);
            assert_eq!(remote_content(&cloud), declared, "{shown:?}");
        }
        workspace.expect_no_changes();

        // All at once, except for changes that cancel each other.
        for at in [0, 3, 4, 5, 6, 7, 8, 9, 11, 12] {
            let edited = cloud.emulator().edit(super::harness::PROJECT, |account| EXTERNAL_CHANGES[at].0(account, &id));
            drop(edited.expect("an in-memory store"));
        }
        let changed: &[&str] = &[
            "bindings[\"pool2\"]",
            "bindings[\"pool3\"]",
            "bindings[\"q1\"]",
            "bindings[\"q3\"]",
            "elastic_resource_pools",
            "hosts[\"node-2\"]",
            "queues",
            "routes[\"r4\"]",
            "routes[\"r6\"]",
            "tags[\"env\"]",
            "tags[\"team\"]",
            "tags[\"x\"]",
            "tags_all[\"env\"]",
            "tags_all[\"team\"]",
            "tags_all[\"x\"]",
        ];
        workspace.step(&connection(ALL_COLLECTIONS), UPDATE).expect_changed(ADDRESS, changed);
        assert_eq!(remote_content(&cloud), declared);
        assert_eq!(cloud.connection().id, id);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// A connection with everything, one with separate part resources, and every data source with its value as an output,
/// so that any change shows.
fn every_resource_and_data_source() -> String {
    let mut text = connection(ALL_COLLECTIONS);
    text += &connection("").replace("\"test\"", "\"parts\"");
    text += r#"
resource "dli_enhanced_connection_binding" "queue" {
  connection_id = dli_enhanced_connection.parts.id
  queue         = "Pooled3"
}
resource "dli_enhanced_connection_binding" "pool" {
  connection_id         = dli_enhanced_connection.parts.id
  elastic_resource_pool = "pool1"
}
resource "dli_enhanced_connection_route" "route" {
  connection_id = dli_enhanced_connection.parts.id
  name          = "r-1"
  cidr          = "10.1.0.0/16"
}
resource "dli_enhanced_connection_privilege" "privilege" {
  connection_id        = dli_enhanced_connection.parts.id
  applicant_project_id = "ffffffffffffffffffffffffffffffff"
}
data "dli_enhanced_connection" "it" {
  id = dli_enhanced_connection.test.id
DEPENDS}
data "dli_enhanced_connections" "it" {
DEPENDS}
data "dli_queues" "it" {
DEPENDS}
data "dli_elastic_resource_pools" "it" {
DEPENDS}
output "shown" {
  value = [
    data.dli_enhanced_connection.it, data.dli_enhanced_connections.it, data.dli_queues.it,
    data.dli_elastic_resource_pools.it,
  ]
}
"#;
    // The data sources are read after all resources exist.
    let made = "  depends_on = [\n    dli_enhanced_connection.test, dli_enhanced_connection_binding.queue, \
                dli_enhanced_connection_binding.pool,\n    dli_enhanced_connection_route.route, \
                dli_enhanced_connection_privilege.privilege,\n  ]\n";
    text.replace("DEPENDS", made)
}

#[test]
fn response_variants_cause_no_drift() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&every_resource_and_data_source());
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        // The second connection was created before its parts.
        workspace.run(&["apply", "-refresh-only", "-auto-approve"]).expect_code(0);
        workspace.expect_no_changes();
        let quirks = RESPONSE_VARIANTS.iter().map(|&quirk| vec![quirk]).chain([RESPONSE_VARIANTS.to_vec()]);
        for quirks in quirks {
            cloud.emulator().set_quirks(quirks.clone());
            let planned = workspace.run(&["plan", "-detailed-exitcode"]);
            assert_eq!(planned.status.code(), Some(0), "{quirks:?}\n{planned}");
            // A changed computed attribute is no planned action, but a refresh reports it. (The exit code of
            // `-refresh-only` is 2 in any case.)
            let refreshed = workspace.run(&["plan", "-refresh-only"]).expect_code(0);
            let same = refreshed.stdout.contains("No changes. Your infrastructure still matches the configuration.");
            assert!(same, "{quirks:?}\n{refreshed}");
        }
    });
}

/// A whole lifecycle, including writes, with all variants at once.
#[test]
fn lifecycle_with_all_response_variants() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        cloud.emulator().set_quirks(RESPONSE_VARIANTS);
        let workspace = cloud.workspace(terraform);
        workspace.configure(&every_resource_and_data_source());
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let changed = every_resource_and_data_source()
            .replace("192.168.", "192.169.")
            .replace("\"q1\"", "\"Q2\"")
            .replace("\"pool2\"", "\"pool3\"");
        workspace.configure(&changed.replace("10.1.0.0/16", "10.2.0.0/16").replace("env  = \"\"", "env  = \"test\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        workspace.expect_no_changes();
        workspace.destroy();
        cloud.expect_empty();
    });
}

fn has_warning(workspace: &Workspace, code: i32) -> bool {
    let planned = workspace.run(&["plan", "-detailed-exitcode"]).expect_code(code);
    planned.stdout.contains("Warning: Several Addresses for One Host Name")
}

#[test]
fn duplicate_host_names_are_a_warning() {
    let configuration = connection("hosts = { \"Node-1\" = \"192.168.0.1\", \"node-2\" = \"192.168.0.2\" }");
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.step(&configuration, CREATE);
        let id = cloud.connection().id;
        let edit = |hosts: Vec<Host>| cloud.edit(|account| account.replace_hosts(&id, hosts));
        edit(vec![host("NODE-2", "192.168.0.2"), host("node-1", "192.168.0.1")]);
        assert!(!has_warning(&workspace, 0));

        // The declared address is one of two: nothing to change, but a warning.
        let declared = [host("Node-1", "192.168.0.1"), host("node-2", "192.168.0.2")];
        edit([vec![host("Node-1", "10.0.0.9")], declared.to_vec()].concat());
        assert!(has_warning(&workspace, 0));
        cloud.emulator().set_quirks([Quirk::ReshuffledOrder]);
        assert!(has_warning(&workspace, 0));
        cloud.emulator().set_quirks([]);

        // Neither address is the declared one: the state shows one of them, and the apply removes both.
        edit(vec![host("Node-1", "10.0.0.9"), host("Node-1", "10.0.0.8"), declared[1].clone()]);
        assert!(has_warning(&workspace, 2));
        let plan = workspace.step(&configuration, UPDATE);
        plan.expect_changed(ADDRESS, &["hosts[\"Node-1\"]"]);
        assert_ne!(plan.change(ADDRESS)["before"]["hosts"]["Node-1"], Value::Null);
        assert_eq!(cloud.connection().hosts, declared);
        assert!(!has_warning(&workspace, 0));
    });
}
