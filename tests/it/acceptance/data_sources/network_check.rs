//! `dli_network_check`: the findings of network checks as data. The emulator has the VPC 192.168.0.0/16 with the subnet
//! 192.168.0.0/24.

use serde_json::Value;
use terraform_provider_dli::dli::wire::{CreateConnection, Host, Pool};

use super::{block, columns, one_error, read};
use crate::acceptance::harness::{Cloud, PROJECT, Workspace, errors, for_one_terraform};
use crate::acceptance::terraform::Terraform;

const KIND: &str = "dli_network_check";
const ADDRESS: &str = "data.dli_network_check.it";
const VPC: &str = "22094d8f-c310-4621-913d-4c4d655d8495";
const SUBNET: &str = "78f2562a-36e4-4b39-95b9-f5aab22e1281";
const NOTHING: &str = "00000000-0000-4000-8000-000000000000";

fn workspace(cloud: &Cloud, terraform: &Terraform) -> Workspace {
    Workspace::new(terraform).with_provider(&cloud.provider_block_with_vpc(""))
}

fn put_pool(cloud: &Cloud, name: &str, cidr: &str) {
    let first = cloud.emulator().pools(PROJECT).remove(0);
    let pool = Pool { name: name.to_owned(), cidr_in_vpc: cidr.to_owned(), ..first };
    cloud.edit(|project| project.put_pool(pool));
}

fn create(cloud: &Cloud, name: &str, pools: &[&str], hosts: &[(&str, &str)]) -> String {
    let host = |(name, ip): &(&str, &str)| Host { name: (*name).to_owned(), ip: (*ip).to_owned() };
    let request = CreateConnection {
        name: name.into(),
        dest_vpc_id: VPC.into(),
        dest_network_id: SUBNET.into(),
        elastic_resource_pools: pools.iter().map(|name| (*name).to_owned()).collect(),
        hosts: hosts.iter().map(host).collect(),
        ..CreateConnection::default()
    };
    cloud.edit(|project| project.create(request))
}

/// Severity and summary of each finding.
fn found(state: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let rows = columns(&state["findings"], &["severity", "summary"]);
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(severity, summary)| ((*severity).to_owned(), (*summary).to_owned())).collect()
}

#[test]
fn connection_is_checked_with_everything_in_it() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = workspace(&cloud, terraform);
        put_pool(&cloud, "pool_a", "192.168.0.0/25");
        put_pool(&cloud, "pool_b", "192.168.0.64/26");
        put_pool(&cloud, "pool_c", "192.168.64.0/18");
        create(&cloud, "other", &["pool_b"], &[]);
        // It has failed because of its network.
        cloud.emulator().set_binding_outcome("pool_a", Some("CIDR conflict"));
        let id = create(
            &cloud,
            "test",
            &["pool_a", "pool_c"],
            &[("z", "10.9.0.1"), ("db", "192.168.3.4"), ("a", "10.8.0.1")],
        );
        cloud.edit(|project| project.add_route(&id, "r", "192.168.64.0/20"));
        cloud.edit(|project| project.add_route(&id, "six", "2407:c080::/32"));
        read(&cloud, &workspace, &block(KIND, &format!("connection_id = {id:?}")));
        let state = workspace.state(ADDRESS);
        let expected = [
            ("error", "Network Overlaps the Subnet"),
            ("warning", "Host Addresses Outside of the Connection"),
            ("warning", "IPv6 Route Without IPv6"),
            ("warning", "Network Overlaps the VPC"),
            ("warning", "Networks Overlap Each Other"),
            ("warning", "Route Overlaps a Bound Network"),
        ];
        assert_eq!((found(&state), &state["ok"]), (pairs(&expected), &false.into()));
        let details = state["findings"].to_string();
        for words in ["192.168.0.0/25", "a (10.8.0.1), z (10.9.0.1)", "pool_b", "\\\"other\\\"", "192.168.64.0/20"] {
            assert!(details.contains(words), "missing {words}: {details}");
        }
    });
}

#[test]
fn subnet_is_checked_without_a_connection() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = workspace(&cloud, terraform);
        put_pool(&cloud, "pool_a", "10.1.0.0/18");
        put_pool(&cloud, "pool_b", "10.1.32.0/20");
        let subnet = format!("dest_network_id = {SUBNET:?}");
        let range = cloud.emulator().subnets(PROJECT)[0].neutron_subnet_id.clone();
        for (arguments, expected) in [
            (subnet.clone(), &[][..]),
            (format!("{subnet}\ndest_vpc_id = {VPC:?}\nqueues = [\"q1\"]"), &[]),
            (
                format!("{subnet}\nelastic_resource_pools = [\"pool_a\", \"pool_b\"]"),
                &[("error", "Networks Overlap Each Other")],
            ),
            (format!("{subnet}\nqueues = [\"none\"]"), &[("warning", "Queue or Pool Not Found")]),
            (format!("{subnet}\nqueues = [\"q1\", \"Shared1\"]"), &[("error", "Queue Cannot Be Bound")]),
            (format!("dest_network_id = {NOTHING:?}"), &[("error", "Subnet Does Not Exist")]),
            (
                format!("{subnet}\ndest_vpc_id = {NOTHING:?}"),
                &[("error", "Subnet in Another VPC"), ("error", "VPC Does Not Exist")],
            ),
            (
                format!("dest_network_id = {range:?}\ndest_vpc_id = {VPC:?}"),
                &[("error", "Not the Network ID of the Subnet")],
            ),
        ] {
            read(&cloud, &workspace, &block(KIND, &arguments));
            let state = workspace.state(ADDRESS);
            assert_eq!(found(&state), pairs(expected), "{arguments}");
            assert_eq!(state["ok"], expected.iter().all(|(severity, _)| *severity != "error"), "{arguments}");
        }
    });
}

/// A `check` block shows the texts as a warning, even if `plan_checks` is off.
#[test]
fn findings_fail_a_check_block() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let block_without_checks = cloud.provider_block_with_vpc("plan_checks = false");
        let workspace = Workspace::new(terraform).with_provider(&block_without_checks);
        put_pool(&cloud, "pool_a", "192.168.0.0/18");
        let check = "check \"network\" {\n  assert {\n    condition     = data.dli_network_check.it.ok\n    \
                     error_message = join(\" \", data.dli_network_check.it.findings[*].detail)\n  }\n}\n";
        let arguments = format!("dest_network_id = {SUBNET:?}\nelastic_resource_pools = [\"pool_a\"]");
        workspace.configure(&(block(KIND, &arguments) + check));
        let planned = workspace.run(&["plan", "-json"]).expect_code(0);
        let diagnostics = planned.diagnostics();
        let is_it = |text: &str| text.contains("192.168.0.0/18") && text.contains(SUBNET);
        assert!(diagnostics.len() == 1 && !diagnostics[0].is_error && is_it(&diagnostics[0].text), "{diagnostics:#?}");
    });
}

/// What cannot be read is an error, not "ok".
#[test]
fn unreadable_network_is_an_error() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let configuration = block(KIND, &format!("dest_network_id = {SUBNET:?}"));
        let unknown = cloud.workspace(terraform);
        unknown.configure(&configuration);
        let error = one_error(&unknown.run(&["plan"]).expect_code(1));
        assert!(error.contains("Could Not Check the Network") && error.contains("Set endpoints.vpc"), "{error}");
        assert!(cloud.requests().is_empty());

        let workspace = workspace(&cloud, terraform);
        workspace.configure(&configuration);
        cloud.fault("ShowSubnet:refuse=403,VPC.2201,Policy doesn't allow it");
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        assert!(error.contains("Needed: the IAM action vpc:subnets:get"), "{error}");
        cloud.emulator().clear_faults();
        workspace.configure(&block(KIND, &format!("connection_id = {NOTHING:?}")));
        let error = one_error(&workspace.run(&["plan"]).expect_code(1));
        assert!(error.contains("Could Not Check the Network") && error.contains(NOTHING), "{error}");
    });
}

/// Each instance shows the error of a failed request.
#[test]
fn instances_share_requests() {
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        let workspace = workspace(&cloud, terraform);
        put_pool(&cloud, "pool_a", "10.1.0.0/18");
        let targets = "queues = [\"q1\"]\nelastic_resource_pools = [\"pool_a\"]";
        let arguments = format!("count = 20\ndest_vpc_id = {VPC:?}\ndest_network_id = {SUBNET:?}\n{targets}");
        workspace.configure(&block(KIND, &arguments));
        workspace.run(&["plan"]).expect_code(0);
        let mut names: Vec<_> = cloud.requests().iter().filter_map(|request| request.operation).collect();
        names.sort_unstable();
        let expected =
            ["ListElasticResourcePools", "ListEnhancedConnections", "ListQueues", "ListSubnets", "ShowVpcV3"];
        assert_eq!(names, expected);
        for operation in expected {
            cloud.fault(&format!("{operation}:refuse=403,DLI.0015,no permission"));
            let found = workspace.run(&["plan", "-json"]).expect_code(1).diagnostics();
            assert_eq!(found.iter().filter(|diagnostic| diagnostic.is_error).count(), 20, "{operation}");
            cloud.emulator().clear_faults();
        }
    });
}

#[test]
fn arguments_exclude_each_other() {
    for_one_terraform(|terraform| {
        let workspace = Cloud::start().workspace(terraform);
        for (arguments, expected) in [
            ("queues = [\"q1\"]".to_owned(), "connection_id or dest_network_id Must Be Set"),
            (
                format!("connection_id = {NOTHING:?}\ndest_network_id = {SUBNET:?}"),
                "Only One of connection_id and dest_network_id Can Be Set",
            ),
            (
                format!("connection_id = {NOTHING:?}\ndest_vpc_id = {VPC:?}"),
                "Only One of connection_id and dest_vpc_id Can Be Set",
            ),
            ("dest_network_id = \"subnet\"".to_owned(), "is not a UUID"),
        ] {
            workspace.configure(&block(KIND, &arguments));
            let found = errors(&workspace.run(&["validate", "-json"]));
            assert!(found.len() == 1 && found[0].1.contains(expected), "{found:?}");
        }
    });
}
