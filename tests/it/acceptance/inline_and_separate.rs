//! Moving queues, pools and routes between a connection and resources of their own: no request changes anything at the
//! service.

use super::connection::{ADDRESS, CREATE, UPDATE, connection};
use super::harness::{Cloud, Workspace, for_each_terraform, for_one_terraform};

const INLINE: &str = "queues = [\"q1\"]\n  elastic_resource_pools = [\"pool1\"]\n  routes = { a = \"10.1.0.0/16\" }";

const PARTS: [(&str, &str, &str); 3] = [
    ("dli_enhanced_connection_binding.queue", "queue = \"q1\"", "queue/q1"),
    ("dli_enhanced_connection_binding.pool", "elastic_resource_pool = \"pool1\"", "elastic_resource_pool/pool1"),
    ("dli_enhanced_connection_route.a", "name = \"a\"\n  cidr = \"10.1.0.0/16\"", "a"),
];

/// The connection without these collections, and a resource for each part.
fn separate() -> String {
    let part = |(address, attributes, _): &(&str, &str, &str)| {
        let (kind, name) = address.split_once('.').expect("an address");
        format!("resource {kind:?} {name:?} {{\n  connection_id = {ADDRESS}.id\n  {attributes}\n}}\n")
    };
    connection("") + &PARTS.iter().map(part).collect::<String>()
}

fn imports(id: &str) -> String {
    let block =
        |(address, _, part): &(&str, &str, &str)| format!("import {{\n  to = {address}\n  id = \"{id}/{part}\"\n}}\n");
    PARTS.iter().map(block).collect()
}

/// Blocks that take the parts out of the state without destroying them.
fn removed() -> String {
    let block = |(address, ..): &(&str, &str, &str)| {
        format!("removed {{\n  from = {address}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n")
    };
    PARTS.iter().map(block).collect()
}

/// The peering IDs and routes at the service.
fn links(cloud: &Cloud) -> Vec<String> {
    let connection = cloud.connection();
    let bindings = connection.available_queue_info.iter().chain(&connection.elastic_resource_pools);
    let peers = bindings.map(|binding| format!("{} {}", binding.name, binding.peer_id));
    peers.chain(connection.routes.iter().map(|route| format!("{} {}", route.name, route.cidr))).collect()
}

fn actions(part: &'static str) -> Vec<(&'static str, &'static str)> {
    PARTS.iter().map(|(address, ..)| (*address, part)).chain([(ADDRESS, "update")]).collect()
}

/// A workspace with the inline form applied.
fn inline(cloud: &Cloud, workspace: Workspace) -> Workspace {
    workspace.step(&connection(INLINE), CREATE);
    assert_eq!(cloud.connection().routes.len(), 1);
    workspace
}

#[test]
fn inline_becomes_separate_without_a_request() {
    for_each_terraform(|terraform| {
        for with_imports in [false, true] {
            let cloud = Cloud::start();
            let workspace = inline(&cloud, cloud.workspace(terraform));
            let (before, sent) = (links(&cloud), cloud.changes());
            let blocks = if with_imports { imports(&cloud.connection().id) } else { String::new() };
            let action = if with_imports { "import" } else { "create" };
            workspace.step(&(separate() + &blocks), &actions(action));
            assert_eq!((links(&cloud), cloud.changes()), (before, sent));
        }
    });
}

/// With `removed` blocks, or by taking the resources out of the configuration.
#[test]
fn separate_becomes_inline_without_a_request() {
    for_each_terraform(|terraform| {
        for (removed, action) in [(removed(), "forget"), (String::new(), "delete")] {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            let created: Vec<_> =
                PARTS.iter().map(|(address, ..)| (*address, "create")).chain(CREATE.to_vec()).collect();
            workspace.step(&separate(), &created);
            let (before, sent) = (links(&cloud), cloud.changes());
            workspace.step(&(connection(INLINE) + &removed), &actions(action));
            assert_eq!((links(&cloud), cloud.changes()), (before, sent));
            // The connection owns the parts now.
            workspace.step(&connection("queues = []\n  elastic_resource_pools = []\n  routes = {}"), UPDATE);
            assert_eq!(links(&cloud), Vec::<String>::new());
        }
    });
}

/// In whatever order Terraform plans the connection and the removals.
#[test]
fn plan_says_that_parts_of_the_connection_stay() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        workspace.configure(&separate());
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        for configuration in [connection(INLINE), connection("")] {
            workspace.configure(&configuration);
            let planned = workspace.run(&["plan", "-json"]).expect_code(0);
            let warnings: Vec<_> = planned.diagnostics().into_iter().map(|warning| warning.text).collect();
            let stays = |noun: &str| warnings.iter().filter(|text| text.starts_with(&format!("{noun} Stays"))).count();
            let expected = if configuration.contains("q1") { (2, 1) } else { (0, 0) };
            assert_eq!((stays("Binding"), stays("Route")), expected, "{warnings:#?}");
        }
    });
}

#[test]
fn minimal_import_changes_nothing() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let all = format!("{INLINE}\n  hosts = {{ h = \"10.0.0.1\" }}\n  tags = {{ t = \"1\", u = \"2\" }}");
        cloud.workspace(terraform).step(&connection(&all), CREATE);
        let (before, sent, id) = (cloud.connection(), cloud.changes(), cloud.connection().id);
        let workspace = cloud.workspace(terraform);
        let block = format!("import {{\n  to = {ADDRESS}\n  id = {id:?}\n}}\n");
        workspace.configure(&(connection("") + &block));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        let warnings: Vec<_> = planned.diagnostics().into_iter().map(|warning| warning.text).collect();
        for (name, count, empty) in [
            ("queues", 1, "[]"),
            ("elastic_resource_pools", 1, "[]"),
            ("hosts", 1, "{}"),
            ("routes", 1, "{}"),
            ("tags", 2, "{}"),
        ] {
            let stays = match count {
                1 => "Its entry leaves the state and stays at the service.".to_owned(),
                count => format!("Its {count} entries leave the state and stay at the service."),
            };
            let expected = [format!("{name} is not set"), stays, format!("set {name} = {empty}")];
            let is_of = |text: &&String| expected.iter().all(|part| text.contains(part));
            assert_eq!(warnings.iter().filter(is_of).count(), 1, "{name}: {warnings:#?}");
        }
        assert_eq!(warnings.len(), 5, "{warnings:#?}");
        workspace.step(&(connection("") + &block), UPDATE);
        assert_eq!((cloud.connection(), cloud.changes(), cloud.tags().len()), (before, sent, 2));
    });
}
