//! Parts that exchange their names or networks in one apply.
//!
//! Terraform changes resources in no particular order, so each case is applied several times.

use std::collections::BTreeSet;

use terraform_provider_dli::emulator::Fault;

use super::{expect_failure, find_connection, part, setup, unbroken};
use crate::acceptance::harness::{Cloud, Workspace, for_one_terraform};

/// Applies of each case. `cargo test --test it exchanged -- --ignored` runs the longer tests.
const FEW: usize = 4;
const MANY: usize = 50;

/// The wait of a part, in tests that let it end: six times the consistency timeout.
const SHORT_WAIT: (&str, &str) = ("DLI_CONSISTENCY_TIMEOUT", "0.05");

/// Applies the two configurations in turn and requires that every apply succeeds.
fn alternate(workspace: &Workspace, configurations: [&str; 2], applies: usize, check: impl Fn(usize)) {
    let mut failures = Vec::new();
    for number in 0..=applies {
        workspace.configure(configurations[number % 2]);
        let finished = workspace.run(&["apply", "-auto-approve"]);
        if finished.status.success() { check(number % 2) } else { failures.push(finished.to_string()) }
    }
    assert!(failures.is_empty(), "{} of {applies} applies failed: {}", failures.len(), failures[0]);
    workspace.expect_no_changes();
}

/// The routes as `name network`.
fn routes(cloud: &Cloud, id: &str) -> BTreeSet<String> {
    find_connection(cloud, id).routes.into_iter().map(|route| format!("{} {}", route.name, route.cidr)).collect()
}

fn alternate_routes(configurations: impl Fn(&str) -> [String; 2], expected: [&[&str]; 2], applies: usize) {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let [first, second] = configurations(&id);
        alternate(&workspace, [&first, &second], applies, |which| {
            let expected: BTreeSet<_> = expected[which].iter().map(|route| (*route).to_owned()).collect();
            assert_eq!(routes(&cloud, &id), expected);
        });
        let conflicts = cloud.requests().iter().filter(|request| request.status == 400).count();
        assert_eq!(conflicts, 0, "the service refused a request");
    });
}

/// Two routes, `a` and `b`.
fn pair(id: &str, a: &str, b: &str) -> String {
    let route = |label: &str, cidr: &str| {
        let text = format!("name = {label:?}\n  cidr = {cidr:?}");
        part("dli_enhanced_connection_route", id, &text).replace("\"test\"", &format!("{label:?}"))
    };
    route("a", a) + &route("b", b)
}

const FIRST: &str = "10.1.0.0/16";
const SECOND: &str = "10.2.0.0/16";

fn swap(applies: usize) {
    let configurations = |id: &str| [pair(id, FIRST, SECOND), pair(id, SECOND, FIRST)];
    let expected: [&[&str]; 2] = [&["a 10.1.0.0/16", "b 10.2.0.0/16"], &["a 10.2.0.0/16", "b 10.1.0.0/16"]];
    alternate_routes(configurations, expected, applies);
}

fn rename(applies: usize) {
    let keyed = |id: &str, prefix: &str| {
        format!(
            "resource \"dli_enhanced_connection_route\" \"test\" {{\n  for_each = {{ for n in range(4) : \
             \"{prefix}${{n}}\" => \"10.${{n}}.0.0/16\" }}\n  connection_id = {id:?}\n  name = each.key\n  \
             cidr = each.value\n}}\n"
        )
    };
    let expected: [&[&str]; 2] = [
        &["x0 10.0.0.0/16", "x1 10.1.0.0/16", "x2 10.2.0.0/16", "x3 10.3.0.0/16"],
        &["y0 10.0.0.0/16", "y1 10.1.0.0/16", "y2 10.2.0.0/16", "y3 10.3.0.0/16"],
    ];
    alternate_routes(|id| [keyed(id, "x"), keyed(id, "y")], expected, applies);
}

/// Drops and restores the first element of the list behind `count`.
fn shift(applies: usize) {
    let counted = |id: &str, networks: &str| {
        format!(
            "locals {{\n  networks = {networks}\n}}\nresource \"dli_enhanced_connection_route\" \"test\" {{\n  \
             count = length(local.networks)\n  connection_id = {id:?}\n  name = \"r${{count.index}}\"\n  \
             cidr = local.networks[count.index]\n}}\n"
        )
    };
    let all = r#"["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]"#;
    let rest = r#"["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]"#;
    let expected: [&[&str]; 2] = [
        &["r0 10.0.0.0/16", "r1 10.1.0.0/16", "r2 10.2.0.0/16", "r3 10.3.0.0/16"],
        &["r0 10.1.0.0/16", "r1 10.2.0.0/16", "r2 10.3.0.0/16"],
    ];
    alternate_routes(|id| [counted(id, all), counted(id, rest)], expected, applies);
}

/// The names move to other networks: the routes are replaced, and a name may still be in use.
fn swap_names(applies: usize) {
    let named = |id: &str, a: &str, b: &str| {
        let route = |label: &str, name: &str, cidr: &str| {
            let text = format!("name = {name:?}\n  cidr = {cidr:?}");
            part("dli_enhanced_connection_route", id, &text).replace("\"test\"", &format!("{label:?}"))
        };
        route("a", a, FIRST) + &route("b", b, SECOND)
    };
    let expected: [&[&str]; 2] = [&["m 10.1.0.0/16", "n 10.2.0.0/16"], &["n 10.1.0.0/16", "m 10.2.0.0/16"]];
    alternate_routes(|id| [named(id, "m", "n"), named(id, "n", "m")], expected, applies);
}

#[test]
fn routes_swap_their_networks() {
    swap(FEW);
}

#[test]
fn renamed_routes_keep_their_networks() {
    rename(FEW);
}

#[test]
fn counted_routes_shift_their_networks() {
    shift(FEW);
}

#[test]
fn routes_swap_their_names() {
    swap_names(FEW);
}

#[test]
#[ignore = "takes some minutes"]
fn fifty_exchanges_of_routes_are_clean() {
    for exchange in [swap, rename, shift, swap_names] {
        exchange(MANY);
    }
}

#[test]
fn bindings_and_privileges_swap() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let projects = ["11111111111111111111111111111111", "22222222222222222222222222222222"];
        let configuration = |first: usize| {
            let one = |label: &str, index: usize| {
                let kinds = [
                    ("binding", format!("queue = {:?}", ["q1", "q2"][index])),
                    ("privilege", format!("applicant_project_id = {:?}", projects[index])),
                ];
                kinds.map(|(kind, text)| {
                    let kind = format!("dli_enhanced_connection_{kind}");
                    part(&kind, &id, &text).replace("\"test\"", &format!("{label:?}"))
                })
            };
            [one("a", first), one("b", 1 - first)].concat().concat()
        };
        alternate(&workspace, [&configuration(0), &configuration(1)], FEW, |_| {
            let queues = find_connection(&cloud, &id).available_queue_info;
            assert_eq!(queues.into_iter().map(|queue| queue.name).collect::<BTreeSet<_>>().len(), 2);
            assert_eq!(cloud.edit(|account| account.shared_with(&id).map(BTreeSet::len)), 2);
        });
    });
}

/// The service may refuse a new binding for a moment after it has removed the old one, with any code.
#[test]
fn refused_replacement_is_retried() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        workspace.configure(&part("dli_enhanced_connection_binding", &id, "queue = \"q1\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        for code in ["DLI.0006", "DLI.0007", "DLI.0012"] {
            let refused = Fault::refuse("AssociateQueueToEnhancedConnection", 400, code, "still in use").times(1);
            cloud.emulator().inject(refused).expect("a valid fault");
            let replace = "-replace=dli_enhanced_connection_binding.test";
            workspace.run(&["apply", "-auto-approve", replace]).expect_code(0);
        }
        workspace.expect_no_changes();
    });
}

/// Terraform changes one route at a time, so the other route cannot be removed meanwhile.
#[test]
fn swap_without_parallelism_needs_two_applies() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let workspace = workspace.with_variable(SHORT_WAIT.0, SHORT_WAIT.1);
        workspace.configure(&pair(&id, FIRST, SECOND));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        workspace.configure(&pair(&id, SECOND, FIRST));
        let failed = workspace.run(&["apply", "-auto-approve", "-parallelism=1"]).expect_code(1);
        assert_eq!(failed.stderr.matches("Error: ").count(), 1, "{failed}");
        let error = unbroken(&failed.stderr);
        for expected in ["is in the way", "-parallelism=1", "apply again", "The old route was removed"] {
            assert!(error.contains(expected), "expected {expected:?}\n{failed}");
        }
        assert!(error.contains("route \"a\" to the same network") || error.contains("route \"b\" to the same network"));
        workspace.run(&["apply", "-auto-approve", "-parallelism=1"]).expect_code(0);
        assert_eq!(routes(&cloud, &id), ["a 10.2.0.0/16", "b 10.1.0.0/16"].map(str::to_owned).into());
    });
}

/// With `create_before_destroy`, the old route is removed after the new one exists.
#[test]
fn create_before_destroy_needs_another_network() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let workspace = workspace.with_variable(SHORT_WAIT.0, SHORT_WAIT.1);
        let route = |name: &str, cidr: &str| {
            let text =
                format!("name = {name:?}\n  cidr = {cidr:?}\n  lifecycle {{\n    create_before_destroy = true\n  }}");
            part("dli_enhanced_connection_route", &id, &text)
        };
        workspace.configure(&route("old", FIRST));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        workspace.configure(&route("new", FIRST));
        let words = ["route \"old\" to the same network", "create_before_destroy", "DLI.0006"];
        expect_failure(&workspace, "Could Not Add the Route", &words);
        assert_eq!(routes(&cloud, &id), ["old 10.1.0.0/16"].map(str::to_owned).into());
        workspace.configure(&route("new", SECOND));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(routes(&cloud, &id), ["new 10.2.0.0/16"].map(str::to_owned).into());
    });
}

/// The plan finds it before anything is sent.
#[test]
fn network_of_two_resources_fails_at_once() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let before = cloud.changes();
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "60");
        workspace.configure(&pair(&id, FIRST, FIRST));
        let words = ["another resource declares the route", "each CIDR once", "Remove one of the resources"];
        expect_failure(&workspace, "Route Declared Twice", &words);
        assert_eq!(cloud.changes(), before);
    });
}
