//! The requests of a refresh: reads of the same connection share a response, and reads of many connections a list. The
//! result equals that of single reads.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use terraform_provider_dli::dli::wire::{Host, QueueNames, Tag};
use terraform_provider_dli::emulator::Quirk;

use super::connection::{ADDRESS, connection};
use super::harness::{Cloud, Running, Workspace, for_one_terraform};
use super::terraform::Terraform;

const SHOW: &str = "ShowEnhancedConnection";
const LIST: &str = "ListEnhancedConnections";
const SHOW_TAGS: &str = "ShowResourceTags";
const LIST_TAGS: &str = "ListResourcesByTags";

/// `count` connections with a tag each.
fn tagged_connections(count: usize) -> String {
    format!(
        r#"
resource "dli_enhanced_connection" "test" {{
  count           = {count}
  name            = "test_${{count.index}}"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  tags            = {{ number = count.index }}
}}
"#
    )
}

/// A workspace with this many connections in the state and at the service.
fn with_connections(terraform: &Terraform, cloud: &Cloud, count: usize) -> Workspace {
    let workspace = cloud.workspace_with(terraform, "plan_checks = false");
    workspace.configure(&tagged_connections(count));
    workspace.run(&["apply", "-auto-approve", "-parallelism=40"]).expect_code(0);
    workspace
}

fn id_of(cloud: &Cloud, name: &str) -> String {
    cloud.connections().into_iter().find(|connection| connection.name == name).expect("it exists").id
}

/// A tag that differs from that of the configuration.
fn other_tag() -> Tag {
    Tag { key: "number".to_owned(), value: "other".to_owned() }
}

/// Runs an empty plan and returns the number of requests for each operation.
#[track_caller]
fn requests_of_plan(cloud: &Cloud, workspace: &Workspace, code: i32) -> BTreeMap<&'static str, usize> {
    let before = cloud.requests().len();
    workspace.run(&["plan", "-detailed-exitcode"]).expect_code(code);
    let mut counts = BTreeMap::new();
    for request in &cloud.requests()[before..] {
        *counts.entry(request.operation.unwrap_or("unknown")).or_default() += 1;
    }
    counts
}

#[test]
fn parts_share_the_read_of_their_connection() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let mut parts = connection("");
        for number in 0..30 {
            let route = format!("name = \"r{number}\"\n  cidr = \"10.{number}.0.0/16\"");
            write!(
                parts,
                "resource \"dli_enhanced_connection_route\" \"r{number}\" {{\n  connection_id = {ADDRESS}.id\n  \
                 {route}\n}}\n"
            )
            .expect("writing to a string succeeds");
        }
        for name in ["q1", "q2", "q3"] {
            write!(
                parts,
                "resource \"dli_enhanced_connection_binding\" \"{name}\" {{\n  connection_id = {ADDRESS}.id\n  queue = \
                 \"{name}\"\n}}\n"
            )
            .expect("writing to a string succeeds");
        }
        workspace.configure(&parts);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(requests_of_plan(&cloud, &workspace, 0), BTreeMap::from([(SHOW, 1)]));
        // A route that was removed elsewhere is still noticed.
        let id = cloud.connection().id;
        cloud.edit(|account| account.delete_route(&id, "r7"));
        let plan = workspace.plan();
        plan.expect(&[("dli_enhanced_connection_route.r7", "create")]);
    });
}

#[test]
fn many_connections_are_read_from_lists() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = with_connections(terraform, &cloud, 250);
        let all = BTreeMap::from([(SHOW, 1), (LIST, 1), (SHOW_TAGS, 1), (LIST_TAGS, 1)]);
        assert_eq!(requests_of_plan(&cloud, &workspace, 0), all);
        // The service may return smaller pages.
        cloud.emulator().set_quirks([Quirk::PagesOf100]);
        let pages = BTreeMap::from([(SHOW, 1), (LIST, 3), (SHOW_TAGS, 1), (LIST_TAGS, 3)]);
        assert_eq!(requests_of_plan(&cloud, &workspace, 0), pages);
        // A region without the tag API: the list of connections still serves.
        cloud.emulator().set_quirks([Quirk::NoTagApi]);
        let shows = requests_of_plan(&cloud, &workspace, 0);
        assert_eq!((shows[SHOW], shows[LIST], shows[LIST_TAGS]), (1, 1, 1), "{shows:?}");
    });
}

#[test]
fn three_connections_take_at_most_three_reads() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = with_connections(terraform, &cloud, 3);
        // Other connections of the project, which a list returns too.
        let few = requests_of_plan(&cloud, &workspace, 0);
        assert!(few[SHOW] + few[LIST] <= 3, "{few:?}");
    });
}

/// Changes elsewhere are seen, whatever the lists return.
#[test]
fn lists_do_not_hide_changes() {
    let faults = [
        None,
        Some("ListEnhancedConnections:stale=8s"),
        Some("ListEnhancedConnections:refuse=403,IAM.0003,Policy doesn't allow it"),
        Some("List*:refuse=500,DLI.0999,Internal error*40"),
        Some("ListResourcesByTags:refuse=403,IAM.0003,Policy doesn't allow it"),
        Some("ListEnhancedConnections:truncate-answer*3"),
        Some("ListEnhancedConnections:throttle*2"),
    ];
    for_one_terraform(|terraform| {
        // Most of the time, the provider waits before it repeats a request.
        std::thread::scope(|scope| {
            for fault in faults {
                scope.spawn(move || lists_do_not_hide_changes_with(terraform, fault));
            }
        });
    });
}

fn lists_do_not_hide_changes_with(terraform: &Terraform, fault: Option<&str>) {
    let cloud = Cloud::start();
    let workspace = with_connections(terraform, &cloud, 6);
    let [created, updated] = [1, 2].map(|index| format!("{ADDRESS}[{index}]"));
    let [deleted, tagged] = ["test_1", "test_2"].map(|name| id_of(&cloud, name));
    if let Some(fault) = fault {
        cloud.fault(fault);
    }
    cloud.edit(|account| account.delete(&deleted));
    cloud.edit(|account| account.put_tags(&tagged, vec![other_tag()]));
    workspace.plan().expect(&[(&created, "create"), (&updated, "update")]);
    // A create request needs the list.
    cloud.emulator().clear_faults();
    workspace.run(&["apply", "-auto-approve"]).expect_code(0);
    assert_eq!(cloud.connections().len(), 6, "{fault:?}");
    workspace.expect_no_changes();
}

/// The service takes longer for a page than for all the objects.
#[test]
fn slow_lists_are_not_waited_for() {
    for_one_terraform(|terraform| {
        std::thread::scope(|scope| {
            for operation in [LIST, LIST_TAGS] {
                scope.spawn(move || {
                    let cloud = Cloud::start();
                    let workspace = with_connections(terraform, &cloud, 6);
                    let [deleted, tagged] = ["test_1", "test_2"].map(|name| id_of(&cloud, name));
                    cloud.edit(|account| account.delete(&deleted));
                    cloud.edit(|account| account.put_tags(&tagged, vec![other_tag()]));
                    cloud.fault(&format!("{operation}:delay=10m"));
                    let began = Instant::now();
                    let planned = workspace.run(&["plan", "-json", "-out=saved.tfplan"]).expect_code(0);
                    let took = began.elapsed();
                    // The limit for a page, and as much again for a busy machine.
                    assert!(took < Duration::from_secs(30), "{operation}: {took:?}");
                    planned.expect_no_diagnostics();
                    let [created, updated] = [1, 2].map(|index| format!("{ADDRESS}[{index}]"));
                    workspace.saved_plan().expect(&[(&created, "create"), (&updated, "update")]);
                });
            }
        });
    });
}

/// The provider does not treat a field that a list omits as empty.
#[test]
fn lists_without_collections_change_nothing() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace_with(terraform, "plan_checks = false");
        let with = |label: &str, attributes: &str| {
            format!(
                "resource \"dli_enhanced_connection\" {label:?} {{\n  name = {label:?}\n  dest_vpc_id = \
                 \"22094d8f-c310-4621-913d-4c4d655d8495\"\n  dest_network_id = \
                 \"78f2562a-36e4-4b39-95b9-f5aab22e1281\"\n{attributes}}}\n\
                 output {label:?} {{\n  value = keys(dli_enhanced_connection.{label}.bindings)\n}}\n"
            )
        };
        let configuration = [
            with("hosts", "  hosts = { a = \"10.0.0.1\" }\n"),
            with("routes", "  routes = { r = \"10.1.0.0/16\" }\n"),
            with("queues", "  queues = [\"q1\"]\n"),
            with("no_hosts", "  hosts = {}\n"),
            with("no_routes", "  routes = {}\n"),
            with("no_queues", "  queues = []\n"),
            with("bare", ""),
        ];
        workspace.configure(&configuration.concat());
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        cloud.emulator().set_quirks([Quirk::BriefLists]);
        let counts = requests_of_plan(&cloud, &workspace, 0);
        assert!(counts[LIST] <= 1 && counts[SHOW] <= 7, "{counts:?}");
        // Something is added to each connection that has nothing.
        let [hosts, routes, queues, bare] =
            ["no_hosts", "no_routes", "no_queues", "bare"].map(|name| id_of(&cloud, name));
        let host = Host { name: "a".to_owned(), ip: "10.0.0.1".to_owned() };
        cloud.edit(|account| account.replace_hosts(&hosts, vec![host]));
        cloud.edit(|account| account.add_route(&routes, "r", "10.2.0.0/16"));
        for (id, queue) in [(queues, "q2"), (bare, "q3")] {
            let names = QueueNames { queues: vec![queue.to_owned()], ..QueueNames::default() };
            cloud.edit(|account| account.bind(&id, &names));
        }
        let plan = workspace.plan();
        let updated = ["no_hosts", "no_routes", "no_queues"].map(|name| format!("dli_enhanced_connection.{name}"));
        plan.expect(&[0, 1, 2].map(|index| (updated[index].as_str(), "update")));
        assert_eq!(plan.0["output_changes"]["bare"]["after"], serde_json::json!(["q3"]));
    });
}

/// Terraform's own change is not undone because a list does not have it yet.
#[test]
fn outdated_list_does_not_undo_an_apply() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = with_connections(terraform, &cloud, 4);
        cloud.fault("ListEnhancedConnections:stale=30s");
        let changed = tagged_connections(4).replace("  tags ", "  hosts           = { a = \"10.0.0.1\" }\n  tags ");
        workspace.configure(&changed);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let shows = requests_of_plan(&cloud, &workspace, 0);
        assert_eq!((shows[LIST], shows[SHOW]), (1, 4), "the list is outdated: {shows:?}");
    });
}

/// One debug process that serves two runs, one right after the other.
#[test]
fn second_run_of_a_process_reads_again() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = with_connections(terraform, &cloud, 3);
        let provider = Running::start(Command::new(workspace.provider()).arg("--debug"), Stdio::null());
        let workspace = workspace.after_shell_line(&provider.first_line());
        requests_of_plan(&cloud, &workspace, 0);
        let id = &cloud.connections()[0].id;
        cloud.edit(|account| account.remove_tags(id, &[Tag { key: "number".to_owned(), value: String::new() }]));
        requests_of_plan(&cloud, &workspace, 2);
        provider.signal("INT");
        provider.wait().expect_code(0);
    });
}
