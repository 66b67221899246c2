//! The same part, declared by two resources, and parts that exist before they are declared.

use terraform_provider_dli::dli::wire::QueueNames;

use super::{APPLY, apply, find_connection, labelled, setup, summaries};
use crate::acceptance::harness::{Cloud, Workspace, for_one_terraform};

const PROJECT: &str = "330e068af1334c9782f4226acc00a2e2";

/// A route, a binding and a privilege for each of these labels.
fn parts(id: &str, labels: &str) -> String {
    let kinds = [
        ("route", "name = \"r\"\n  cidr = \"10.1.0.0/16\"".to_owned()),
        ("binding", "queue = \"q1\"".to_owned()),
        ("privilege", format!("applicant_project_id = {PROJECT:?}")),
    ];
    let of_label = |label| kinds.iter().map(move |(kind, text)| labelled(kind, label, id, text));
    labels.chars().flat_map(of_label).collect()
}

/// Runs a test with a connection and a workspace in which the parts with these labels were applied.
fn with_parts(labels: &str, test: impl Fn(&Cloud, &str, &Workspace)) {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        apply(&workspace, &parts(&id, labels));
        test(&cloud, &id, &workspace);
    });
}

/// The number of routes, bindings and privileges.
fn counts(cloud: &Cloud, id: &str) -> [usize; 3] {
    let shown = find_connection(cloud, id);
    let shared = cloud.edit(|account| account.shared_with(id).map(std::collections::BTreeSet::len));
    [shown.routes.len(), shown.available_queue_info.len(), shared]
}

const STAYS: [&str; 3] = ["Binding Stays", "Privilege Stays", "Route Stays"];

#[test]
fn part_of_two_resources_is_a_plan_warning() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.configure(&parts(&id, "ab"));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        assert_eq!(summaries(&planned), ["Declared by Two Resources"; 3]);
        workspace.run(&APPLY).expect_code(0);
        let planned = workspace.run(&["plan", "-json", "-detailed-exitcode"]).expect_code(0);
        assert_eq!(summaries(&planned), ["Declared by Two Resources"; 3]);
        assert_eq!(counts(&cloud, &id), [1, 1, 1]);
    });
}

/// With a saved plan as well.
#[test]
fn part_stays_while_another_resource_declares_it() {
    for is_saved in [false, true] {
        with_parts("ab", |cloud, id, workspace| {
            let before = cloud.changes();
            workspace.configure(&parts(id, "b"));
            if is_saved {
                workspace.run(&["plan", "-out=saved"]).expect_code(0);
                workspace.run(&["apply", "saved"]).expect_code(0);
            } else {
                let applied = workspace.run(&APPLY).expect_code(0);
                // Once in the plan and once in the apply.
                assert_eq!(summaries(&applied), STAYS.map(|summary| [summary; 2]).concat());
            }
            assert_eq!(cloud.changes(), before);
            workspace.expect_no_changes();
            assert!(workspace.find_state("dli_enhanced_connection_route.a").is_none());
            assert!(!workspace.path().join(".terraform/dli").exists());

            workspace.destroy();
            assert_eq!(counts(cloud, id), [0, 0, 0]);
        });
    }
}

#[test]
fn part_stays_when_two_of_three_resources_are_removed() {
    with_parts("abc", |cloud, id, workspace| {
        let before = cloud.changes();
        apply(workspace, &parts(id, "c"));
        assert_eq!((cloud.changes(), counts(cloud, id)), (before, [1, 1, 1]));
        assert!(!workspace.path().join(".terraform/dli").exists());
    });
}

/// A plan that was not applied does not keep the parts.
#[test]
fn later_plan_removes_both() {
    with_parts("ab", |cloud, id, workspace| {
        workspace.configure(&parts(id, "b"));
        workspace.run(&["plan"]).expect_code(0);
        workspace.destroy();
        assert_eq!(counts(cloud, id), [0, 0, 0]);
    });
}

/// A saved plan does what it shows, whatever other plans in the directory found.
#[test]
fn saved_plan_does_not_depend_on_other_plans() {
    with_parts("a", |cloud, id, workspace| {
        let before = cloud.changes();
        workspace.configure(&parts(id, "b"));
        workspace.run(&["plan", "-out=renames"]).expect_code(0);
        workspace.configure("");
        workspace.run(&["plan"]).expect_code(0);
        workspace.run(&["apply", "renames"]).expect_code(0);
        assert_eq!(cloud.changes(), before, "the parts stay");

        workspace.run(&["plan", "-out=removes"]).expect_code(0);
        workspace.configure(&parts(id, "c"));
        workspace.run(&["plan"]).expect_code(0);
        let applied = workspace.run(&["apply", "-json", "removes"]).expect_code(0);
        applied.expect_no_diagnostics();
        assert_eq!(counts(cloud, id), [0, 0, 0]);
    });
}

/// A plan that was not applied does not keep the old part of a later replacement.
#[test]
fn discarded_plan_does_not_keep_a_replaced_part() {
    with_parts("a", |cloud, id, workspace| {
        workspace.configure(&parts(id, "b"));
        workspace.run(&["plan"]).expect_code(0);
        workspace.configure(&parts(id, "a"));
        let address = "dli_enhanced_connection_route.a";
        let before = cloud.changes().len();
        workspace.run(&["apply", "-auto-approve", &format!("-replace={address}")]).expect_code(0);
        let sent: Vec<_> =
            cloud.changes()[before..].iter().filter_map(|change| change.split(' ').next().map(str::to_owned)).collect();
        assert_eq!(sent, ["DELETE", "POST"], "the old route was removed");
        workspace.expect_no_changes();
    });
}

/// The service binds the pool of a queue, so removing the queue's resource must not unbind a declared pool.
#[test]
fn declared_pool_stays_when_its_queue_is_removed() {
    for_one_terraform(|terraform| {
        for pool_first in [true, false] {
            let (cloud, id, workspace) = setup(terraform);
            let queue = labelled("binding", 'q', &id, "queue = \"pooled1\"");
            let pool = labelled("binding", 'p', &id, "elastic_resource_pool = \"pool1\"");
            apply(&workspace, &if pool_first { queue.clone() + &pool } else { queue.clone() });
            let peering = find_connection(&cloud, &id).elastic_resource_pools;
            assert_eq!(peering.len(), 1);
            apply(&workspace, &pool);
            assert_eq!(find_connection(&cloud, &id).elastic_resource_pools, peering, "{pool_first}");
            workspace.expect_no_changes();
        }
    });
}

/// Without a `moved` block, a renamed resource is removed and created.
#[test]
fn renamed_resource_keeps_its_part() {
    with_parts("a", |cloud, id, workspace| {
        let before = cloud.changes();
        apply(workspace, &parts(id, "b"));
        assert_eq!(cloud.changes(), before);
        workspace.expect_no_changes();
        workspace.destroy();
        assert_eq!(counts(cloud, id), [0, 0, 0]);
    });
}

/// A replacement is planned twice by Terraform, and a tainted resource once, without its state.
#[test]
fn replaced_part_is_not_declared_twice() {
    with_parts("a", |cloud, id, workspace| {
        let kinds = ["route", "binding", "privilege"];
        let addresses = kinds.map(|kind| format!("dli_enhanced_connection_{kind}.a"));
        let before = cloud.changes().len();
        let replace: Vec<_> = addresses.iter().map(|address| format!("-replace={address}")).collect();
        let replace: Vec<_> = APPLY.into_iter().chain(replace.iter().map(String::as_str)).collect();
        workspace.run(&replace).expect_code(0).expect_no_diagnostics();
        assert_eq!(cloud.changes().len() - before, 6);
        for address in &addresses {
            workspace.run(&["taint", address]).expect_code(0);
        }
        workspace.run(&APPLY).expect_code(0).expect_no_diagnostics();
        assert_eq!(cloud.changes().len() - before, 12);
        assert_eq!(counts(cloud, id), [1, 1, 1]);
    });
}

#[test]
fn existing_part_is_announced_by_the_plan() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| {
            account.add_route(&id, "r", "10.1.0.0/16")?;
            account.bind(&id, &QueueNames { queues: vec!["q1".into()], ..QueueNames::default() })?;
            account.grant(&id, PROJECT)
        });
        workspace.configure(&parts(&id, "a"));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        let adopted = ["Binding Will Be Adopted", "Privilege Will Be Adopted", "Route Will Be Adopted"];
        assert_eq!(summaries(&planned), adopted);
        workspace.run(&APPLY).expect_code(0);
        workspace.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();

        let unchecked = cloud.workspace_with(terraform, "plan_checks = false");
        unchecked.configure(&parts(&id, "a"));
        unchecked.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();
    });
}
