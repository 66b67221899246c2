//! Parts that stay although a resource for them is replaced, or is removed in the apply alone.

use super::{APPLY, apply, find_connection, labelled, setup, summaries, unbroken};
use crate::acceptance::connection::{ADDRESS, connection};
use crate::acceptance::harness::{Cloud, for_each_terraform, for_one_terraform};

const CREATE_FIRST: &str = "\n  lifecycle {\n    create_before_destroy = true\n  }";

/// A binding of a queue.
fn queue(label: char, id: &str, name: &str) -> String {
    labelled("binding", label, id, &format!("queue = {name:?}"))
}

/// The bound queues and pools, each with its peering.
fn peerings(cloud: &Cloud, id: &str) -> Vec<(String, String)> {
    let shown = find_connection(cloud, id);
    let all = shown.available_queue_info.into_iter().chain(shown.elastic_resource_pools);
    all.map(|binding| (binding.name, binding.peer_id)).collect()
}

/// The methods and last segments of the changes since `before`, sorted.
fn sent(cloud: &Cloud, before: usize) -> Vec<String> {
    let short = |change: &String| {
        let (method, path) = change.split_once(' ').unwrap_or((change, ""));
        format!("{method} {}", path.rsplit('/').next().unwrap_or_default())
    };
    let mut sent: Vec<_> = cloud.changes()[before..].iter().map(short).collect();
    sent.sort();
    sent
}

/// The first plan of a replacement writes which part stays, and its deletion finds it: Terraform plans the deletion of
/// an object with `create_before_destroy` in the apply.
#[test]
fn part_of_a_replaced_resource_stays() {
    let projects = ["330e068af1334c9782f4226acc00a2e2", "430e068af1334c9782f4226acc00a2e2"];
    for_each_terraform(|terraform| {
        for (lifecycle, is_saved) in [("", false), ("", true), (CREATE_FIRST, false), (CREATE_FIRST, true)] {
            let (cloud, id, workspace) = setup(terraform);
            let parts = |label, number: usize| {
                let kinds = [
                    ("route", format!("name = \"r{number}\"\n  cidr = \"10.{number}.0.0/16\"{lifecycle}")),
                    ("binding", format!("queue = \"q{number}\"{lifecycle}")),
                    ("privilege", format!("applicant_project_id = {:?}{lifecycle}", projects[number - 1])),
                ];
                kinds.map(|(kind, text)| labelled(kind, label, &id, &text)).concat()
            };
            apply(&workspace, &(parts('a', 1) + &parts('b', 1)));
            let (before, changes) = (peerings(&cloud, &id), cloud.changes().len());
            workspace.configure(&(parts('a', 2) + &parts('b', 1)));
            let planned = workspace.run(&["plan", "-json", "-out=saved"]).expect_code(0);
            assert_eq!(summaries(&planned), ["Binding Stays", "Privilege Stays", "Route Stays"]);
            if is_saved && lifecycle.is_empty() {
                // Another plan in the directory does not count.
                workspace.configure(&parts('a', 2));
                workspace.run(&["plan"]).expect_code(0);
                workspace.configure(&(parts('a', 2) + &parts('b', 1)));
            }
            workspace.run(if is_saved { &["apply", "saved"] } else { &APPLY }).expect_code(0);
            assert_eq!(sent(&cloud, changes), ["POST associate-queue", "POST routes", "PUT authorization"]);
            assert_eq!(peerings(&cloud, &id)[..1], before);
            workspace.expect_no_changes();
            assert!(!workspace.path().join(".terraform/dli").exists());
        }
    });
}

/// With `count`, the removal of an entry gives each later resource the part of the next one.
#[test]
fn shifted_parts_stay() {
    for_one_terraform(|terraform| {
        for (after, unbound) in [(r#"["q2", "q3"]"#, 1), (r#"["q2", "q3", "q1"]"#, 0)] {
            let (cloud, id, workspace) = setup(terraform);
            let counted = |queues: &str| {
                let all = format!("count = length({queues})\n  queue = {queues}[count.index]");
                labelled("binding", 'a', &id, &all)
            };
            apply(&workspace, &counted(r#"["q1", "q2", "q3"]"#));
            let (mut peered, changes) = (peerings(&cloud, &id), cloud.changes().len());
            peered.retain(|(name, _)| after.contains(name));
            let applied = apply(&workspace, &counted(after));
            assert_eq!(sent(&cloud, changes), vec!["POST disassociate-queue"; unbound]);
            assert_eq!(peerings(&cloud, &id), peered);
            let summaries = summaries(&applied);
            let expected = [("Already Bound", peered.len()), ("Binding Stays", 2 * peered.len())];
            let expected: Vec<_> = expected.iter().flat_map(|(summary, count)| vec![*summary; *count]).collect();
            assert_eq!(summaries, expected, "by the creation, and by the plan and the deletion");
            workspace.expect_no_changes();
        }
    });
}

/// The old object of a replacement is left over if its removal fails. The next apply removes it.
#[test]
fn part_of_a_leftover_object_stays_once_it_is_declared() {
    for_one_terraform(|terraform| {
        for is_declared in [true, false] {
            let (cloud, id, workspace) = setup(terraform);
            let first = |name: &str| labelled("binding", 'a', &id, &format!("queue = {name:?}{CREATE_FIRST}"));
            apply(&workspace, &first("q1"));
            let before = peerings(&cloud, &id);
            cloud.fault("DisassociateQueueFromEnhancedConnection:refuse=403,DLI.0003,no permission");
            workspace.configure(&first("q2"));
            workspace.run(&APPLY).expect_code(1);
            cloud.emulator().clear_faults();
            if is_declared {
                workspace.configure(&(first("q2") + &queue('b', &id, "q1")));
                let import = format!("{id}/queue/q1");
                workspace.run(&["import", "dli_enhanced_connection_binding.b", &import]).expect_code(0);
            }
            workspace.run(&APPLY).expect_code(0);
            assert_eq!(peerings(&cloud, &id).contains(&before[0]), is_declared);
            workspace.expect_no_changes();
        }
    });
}

/// The service binds the pool once for all its queues.
#[test]
fn pool_stays_for_a_new_queue_in_it() {
    for_one_terraform(|terraform| {
        // Another resource, the same resource, and the pool itself.
        for (label, target) in
            [('b', "queue = \"pooled2\""), ('a', "queue = \"pooled2\""), ('a', "elastic_resource_pool = \"pool1\"")]
        {
            let (cloud, id, workspace) = setup(terraform);
            apply(&workspace, &queue('a', &id, "pooled1"));
            let (before, changes) = (peerings(&cloud, &id), cloud.changes());
            workspace.configure(&labelled("binding", label, &id, target));
            let planned = workspace.run(&["plan", "-json"]).expect_code(0);
            assert!(summaries(&planned).contains(&"Binding Stays".to_owned()), "{planned}");
            workspace.run(&APPLY).expect_code(0);
            assert_eq!((peerings(&cloud, &id), cloud.changes()), (before, changes), "{label} {target}");
            workspace.expect_no_changes();
        }
    });
}

/// The connection declares another queue of the pool, which is new or not.
#[test]
fn pool_stays_for_a_queue_of_the_connection() {
    for_one_terraform(|terraform| {
        for before in ["", "queues = [\"pooled2\"]"] {
            let cloud = Cloud::start();
            let workspace = cloud.workspace(terraform);
            let separate = queue('a', "ID", "pooled1").replace("\"ID\"", &format!("{ADDRESS}.id"));
            apply(&workspace, &(connection(before) + &separate));
            let id = cloud.connection().id;
            let (peering, changes) = (peerings(&cloud, &id), cloud.changes());
            assert_eq!(peering.len(), 1);
            workspace.configure(&connection("queues = [\"pooled2\"]"));
            let planned = workspace.run(&["plan", "-json"]).expect_code(0);
            assert!(summaries(&planned).contains(&"Binding Stays".to_owned()), "{planned}");
            workspace.run(&APPLY).expect_code(0);
            assert_eq!((peerings(&cloud, &id), cloud.changes()), (peering, changes), "{before:?}");
            workspace.expect_no_changes();
        }
    });
}

/// The new object of a tainted one adopts its part, and the old one does not remove it.
#[test]
fn unwritable_directory_does_not_fail_the_apply_of_a_tainted_binding() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        apply(&workspace, &labelled("binding", 'a', &id, &format!("queue = \"q1\"{CREATE_FIRST}")));
        let (before, changes) = (peerings(&cloud, &id), cloud.changes());
        std::fs::create_dir_all(workspace.path().join(".terraform")).expect("a writable directory");
        workspace.write(".terraform/dli", "");
        workspace.run(&["taint", "dli_enhanced_connection_binding.a"]).expect_code(0);
        let applied = workspace.run(&APPLY).expect_code(0);
        assert!(!summaries(&applied).iter().any(|summary| summary.starts_with("Cannot")), "{applied}");
        assert_eq!((peerings(&cloud, &id), cloud.changes()), (before, changes));
        workspace.expect_no_changes();
    });
}

#[test]
fn replacement_warns_about_the_pool_of_a_queue() {
    const MAY_BE_UNBOUND: &str = "Elastic Resource Pool May Be Unbound";
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = cloud.workspace(terraform);
        let bound = |name: &str| queue('a', "ID", name).replace("\"ID\"", &format!("{ADDRESS}.id"));
        apply(&workspace, &(connection("") + &bound("pooled1")));
        workspace.configure(&(connection("") + &bound("q1")));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        assert_eq!(summaries(&planned), [MAY_BE_UNBOUND]);
        let text = &planned.diagnostics()[0].text;
        assert!(unbroken(text).contains("binding of the queue pooled1 of the connection"), "{text}");

        // The connection is replaced, and the pool is bound to the new one.
        workspace.configure(&(connection("").replace("\"test\"\n", "\"other\"\n") + &bound("pooled1")));
        workspace.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();

        workspace.configure(&(connection("") + &bound("q1")));
        let applied = workspace.run(&APPLY).expect_code(0);
        assert_eq!(summaries(&applied), [MAY_BE_UNBOUND, "Elastic Resource Pool Unbound"]);
        let id = cloud.connection().id;
        assert_eq!(peerings(&cloud, &id).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["q1"]);
    });
}
