//! A route of a connection that is managed elsewhere.

use terraform_provider_dli::emulator::{Fault, FaultKind, Quirk};

use super::{connection, create_external, expect_failure, expect_import_failures, find_connection, part, setup};
use crate::acceptance::harness::{Cloud, for_each_terraform, for_one_terraform};

const ADDRESS: &str = "dli_enhanced_connection_route.test";
const CREATE: &[(&str, &str)] = &[(ADDRESS, "create")];
const UPDATE: &[(&str, &str)] = &[(ADDRESS, "update")];
const REPLACE: &[(&str, &str)] = &[(ADDRESS, "replace")];

fn route(connection: &str, name: &str, cidr: &str) -> String {
    part("dli_enhanced_connection_route", connection, &format!("name = \"{name}\"\n  cidr = \"{cidr}\""))
}

/// The existing routes: name and network.
fn routes(cloud: &Cloud, id: &str) -> Vec<String> {
    find_connection(cloud, id).routes.into_iter().map(|route| format!("{} {}", route.name, route.cidr)).collect()
}

#[test]
fn route_lifecycle() {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.add_route(&id, "theirs", "10.1.0.0/16"));
        workspace.step(&route(&id, "ours", "192.168.2.0/24"), CREATE);
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16", "ours 192.168.2.0/24"]);
        assert_eq!(workspace.state(ADDRESS)["id"], format!("{id}/ours"));
        workspace.expect_import(ADDRESS, &[]);

        let changed = workspace.step(&route(&id, "ours", "2407:c080:802:be7::/64"), UPDATE);
        changed.expect_changed(ADDRESS, &["cidr"]);
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16", "ours 2407:c080:802:be7::/64"]);
        workspace.expect_import(ADDRESS, &[]);

        let sent = cloud.changes();
        workspace.step(&route(&id, "ours", "2407:C080:0802:BE7::/64"), &[]);
        let timeouts = "name = \"ours\"\n  cidr = \"2407:c080:802:be7::/64\"\n  timeouts {\n    \
        create = \"1m\"\n    read = \
                        \"2m\"\n    update = \"3m\"\n    delete = \"4m\"\n  }";
        let limited = part("dli_enhanced_connection_route", &id, timeouts);
        workspace.step(&limited, UPDATE).expect_changed(ADDRESS, &["timeouts"]);
        assert_eq!(cloud.changes(), sent);

        workspace.destroy();
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16"]);
    });
}

#[test]
fn changed_name_or_connection_replaces_route() {
    for_each_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.edit(|account| account.add_route(&id, "theirs", "10.1.0.0/16"));
        workspace.step(&route(&id, "ours", "192.168.2.0/24"), CREATE);
        let replaced = workspace.step(&route(&id, "renamed", "192.168.2.0/24"), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["name"]);
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16", "renamed 192.168.2.0/24"]);
        let moved = "name = \"renamed\"\n  cidr = \"192.168.2.0/24\"\n  \
                     project_id = \"fedcba9876543210fedcba9876543210\"";
        workspace.configure(&part("dli_enhanced_connection_route", &id, moved));
        workspace.plan().expect(REPLACE).expect_replaced_by(ADDRESS, &["project_id"]);
        let other = create_external(&cloud, "other");
        let replaced = workspace.step(&route(&other, "renamed", "192.168.2.0/24"), REPLACE);
        replaced.expect_replaced_by(ADDRESS, &["connection_id"]);
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16"]);

        workspace.destroy();
        assert_eq!(routes(&cloud, &other), Vec::<String>::new());
        assert_eq!(routes(&cloud, &id), ["theirs 10.1.0.0/16"]);
    });
}

#[test]
fn externally_changed_route_is_restored() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let configuration = route(&id, "ours", "192.168.2.0/24");
        workspace.step(&configuration, CREATE);
        cloud.edit(|account| account.delete_route(&id, "ours"));
        workspace.step(&configuration, CREATE);
        cloud.edit(|account| {
            account.delete_route(&id, "ours").and_then(|()| account.add_route(&id, "ours", "10.0.0.1"))
        });
        let drifted = workspace.step(&configuration, UPDATE);
        assert_eq!(drifted.change(ADDRESS)["before"]["cidr"], "10.0.0.1/32");
        assert_eq!(routes(&cloud, &id), ["ours 192.168.2.0/24"]);
        cloud.edit(|account| account.delete_route(&id, "ours"));
        workspace.run(&["destroy", "-auto-approve", "-refresh=false"]).expect_code(0);
    });
}

#[test]
fn only_a_route_with_the_same_cidr_is_adopted() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        // Shortens the wait for another resource to remove the route.
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "0.05");
        cloud.edit(|account| account.add_route(&id, "single", "127.0.0.0"));
        workspace.configure(&route(&id, "single", "127.0.0.0/32"));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(applied.stdout.contains("Warning: Route Already Exists"), "{applied}");
        assert_eq!(cloud.changes(), Vec::<String>::new());
        workspace.expect_import(ADDRESS, &[]);

        let other = workspace.fresh();
        other.configure(&route(&id, "single", "10.0.0.0/8"));
        let import = format!("terraform import ADDRESS {id}/single");
        expect_failure(&other, "Route Leads Elsewhere", &["127.0.0.0/32", "10.0.0.0/8", &import]);
        // A second name for the same network is rejected by the service.
        other.configure(&route(&id, "another", "127.0.0.0/32"));
        expect_failure(&other, "Could Not Add the Route", &["DLI.0006", &import]);
        assert_eq!(routes(&cloud, &id), ["single 127.0.0.0"]);
        workspace.destroy();
        assert_eq!(routes(&cloud, &id), Vec::<String>::new());
    });
}

/// The apply of such a plan would create one of the two.
#[test]
fn name_or_network_of_another_route_is_a_plan_error() {
    for_one_terraform(|terraform| {
        let (_cloud, id, workspace) = setup(terraform);
        let other = route(&id, "b", "10.2.0.0/16").replace("\"test\"", "\"other\"");
        for (name, cidr, attribute) in [("a", "10.2.0.0/16", "cidr"), ("b", "10.1.0.0/16", "name")] {
            workspace.configure(&(route(&id, name, cidr) + &other));
            let planned = workspace.run(&["plan", "-json"]).expect_code(1);
            let errors: Vec<_> = planned.diagnostics().into_iter().map(|error| error.text).collect();
            let [error] = errors.as_slice() else { panic!("{errors:#?}") };
            assert!(error.starts_with("Route Declared Twice"), "{error}");
            assert!(error.contains(&format!("change its {attribute}")), "{error}");
        }
        workspace.step(
            &(route(&id, "a", "10.1.0.0/16") + &other),
            &[(ADDRESS, "create"), ("dli_enhanced_connection_route.other", "create")],
        );
        // An exchange of the networks declares each once.
        let exchanged = route(&id, "a", "10.2.0.0/16") + &other.replace("10.2.0.0", "10.1.0.0");
        workspace.configure(&exchanged);
        workspace.run(&["plan", "-json"]).expect_code(0).expect_no_diagnostics();
    });
}

#[test]
fn half_updated_route_is_recreated() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        // Shortens the time for which a refused route is added again.
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "0.05");
        workspace.step(&route(&id, "ours", "192.168.2.0/24"), CREATE);
        workspace.configure(&route(&id, "ours", "192.168.3.0/24"));
        let refused = Fault::refuse("CreateRouteToEnhancedConnection", 400, "DLI.0009", "not today");
        cloud.emulator().inject(refused).expect("a valid fault");
        expect_failure(&workspace, "Could Not Change the Route", &["not today", "The old route was removed"]);
        assert_eq!(routes(&cloud, &id), Vec::<String>::new());
        cloud.emulator().clear_faults();
        workspace.step(&route(&id, "ours", "192.168.3.0/24"), CREATE);
        assert_eq!(routes(&cloud, &id), ["ours 192.168.3.0/24"]);
    });
}

#[test]
fn route_survives_lost_responses_and_old_regions() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        cloud.emulator().set_quirks([Quirk::NoV3Routes, Quirk::ReshuffledOrder]);
        for operation in ["CreateEnhancedConnectionRoutes", "DeleteEnhancedConnectionRoutes"] {
            cloud.emulator().inject(Fault::new(operation, FaultKind::LoseAnswer).times(1)).expect("a valid fault");
        }
        workspace.configure(&route(&id, "ours", "192.168.2.0/24"));
        workspace.plan().expect(CREATE);
        let applied = workspace.apply();
        assert!(!applied.stdout.contains("Warning: Route Already Exists"), "{applied}");
        workspace.step(&route(&id, "ours", "192.168.3.0/24"), UPDATE);
        assert_eq!(routes(&cloud, &id), ["ours 192.168.3.0/24"]);
        workspace.destroy();
        assert_eq!(routes(&cloud, &id), Vec::<String>::new());
    });
}

#[test]
fn invalid_route_names_the_violated_rule() {
    let cases = [
        ("a.b", "10.0.0.0/8", "Invalid Route Name", "name: \"a.b\" contains '.'"),
        ("a", "10.0.0.1/8", "Invalid Route CIDR", "the network is 10.0.0.0/8"),
    ];
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        for (name, cidr, summary, words) in cases {
            workspace.configure(&route(&id, name, cidr));
            expect_failure(&workspace, summary, &[words]);
        }
        workspace.configure(&route("2a/62", "a", "10.0.0.0/8"));
        expect_failure(&workspace, "Invalid Connection ID", &["2a/62"]);
        assert_eq!(cloud.changes(), Vec::<String>::new());
    });
}

/// A warning on each plan would be noise.
#[test]
fn reserved_network_is_reported_when_it_changes() {
    for_one_terraform(|terraform| {
        let (_cloud, id, workspace) = setup(terraform);
        let inline = |cidr: &str| connection(&format!("routes = {{ a = {cidr:?}, b = \"10.0.0.0/8\" }}"));
        let warnings = |arguments: &[&str]| {
            let planned = workspace.run(&[arguments, &["-json"]].concat());
            let diagnostics = planned.expect_code(0).diagnostics().into_iter().map(|warning| warning.address);
            diagnostics.collect::<Vec<_>>()
        };
        let both = |cidr: &str| inline(cidr) + &route(&id, "a", cidr);
        workspace.configure(&both("100.125.3.0/24"));
        let all = ["dli_enhanced_connection.test", ADDRESS];
        let mut found = warnings(&["plan"]);
        found.sort_unstable();
        assert_eq!(found, all);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(warnings(&["plan"]), Vec::<String>::new());
        workspace.configure(&both("100.64.3.0/24"));
        let mut found = warnings(&["plan"]);
        found.sort_unstable();
        assert_eq!(found, all);
        workspace.configure(&both("10.9.0.0/16"));
        assert_eq!(warnings(&["plan"]), Vec::<String>::new());
    });
}

#[test]
fn import_of_a_missing_route_fails() {
    for_one_terraform(|terraform| {
        let (_cloud, id, workspace) = setup(terraform);
        workspace.configure(&route(&id, "ours", "10.0.0.0/8"));
        let ids = [
            (id.clone(), "Invalid Import ID"),
            (format!("{id}/a.b"), "Invalid Import ID"),
            ("2a62/ours".to_owned(), "Invalid Import ID"),
            (format!("{id}/ours"), "Route Not Found"),
            ("2a620c33-5609-40c9-affd-2b6453071b0f/ours".to_owned(), "Route Not Found"),
        ];
        let ids: Vec<_> = ids.iter().map(|(id, summary)| (id.as_str(), *summary)).collect();
        expect_import_failures(&workspace, ADDRESS, &ids);
    });
}

/// The new resource finds the existing route; deleting the old resource must not remove it.
#[test]
fn create_before_destroy_keeps_the_route() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let lasting =
            "name = \"ours\"\n  cidr = \"192.168.2.0/24\"\n  lifecycle {\n    create_before_destroy = true\n  }";
        workspace.step(&part("dli_enhanced_connection_route", &id, lasting), CREATE);
        workspace.plan_with(&["-replace", ADDRESS]).expect(REPLACE);
        workspace.apply();
        assert_eq!(routes(&cloud, &id), ["ours 192.168.2.0/24"]);
        workspace.destroy();
        assert_eq!(routes(&cloud, &id), Vec::<String>::new());
    });
}

/// One resource is deleted while another is created for the same route. The service may still show the old route, which
/// is not the new one.
#[test]
fn route_being_removed_is_not_adopted() {
    for_one_terraform(|terraform| {
        let (cloud, id, workspace) = setup(terraform);
        let workspace = workspace.with_variable("DLI_CONSISTENCY_TIMEOUT", "5");
        workspace.step(&route(&id, "ours", "192.168.2.0/24"), CREATE);
        cloud.fault("ShowEnhancedConnection:stale=3s");
        let other = route(&id, "ours", "192.168.2.0/24").replace("\"test\"", "\"other\"");
        // The delete comes first.
        let pause = "provisioner \"local-exec\" {\n    command = \"sleep 1\"\n  }";
        let other = other.replace("  name", "  depends_on = [terraform_data.pause]\n  name");
        workspace.configure(&format!("resource \"terraform_data\" \"pause\" {{\n  {pause}\n}}\n{other}"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        assert_eq!(routes(&cloud, &id), ["ours 192.168.2.0/24"]);
        cloud.emulator().clear_faults();
        workspace.expect_no_changes();
    });
}
