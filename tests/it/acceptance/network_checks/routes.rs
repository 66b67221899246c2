//! Routes and host records against the networks of both sides.

use super::{
    OTHER_SUBNET, OTHER_VPC, SUBNET, VPC, VPC_OPERATIONS, WARNING, connection, count, expect, plan, put_pool, start,
    workspace,
};
use crate::acceptance::harness::{Cloud, PROJECT, for_one_terraform};
use terraform_provider_dli::dli::vpc::Subnet;
use terraform_provider_dli::dli::wire::Pool;

fn attributes(routes: &str) -> String {
    format!("elastic_resource_pools = [\"pool_a\"]\n  routes = {{ {routes} }}")
}

#[test]
fn route_should_not_cover_a_bound_pool() {
    for_one_terraform(|terraform| {
        let cloud = start();
        put_pool(&cloud, "pool_a", "10.30.0.0/18");
        let workspace = workspace(&cloud, terraform);
        let plan =
            |cidr: &str| plan(&workspace, &connection("test", (VPC, SUBNET), &attributes(&format!("r = {cidr:?}"))));
        for cidr in ["10.0.0.0/8", "10.30.0.0/18", "10.30.63.0/24"] {
            let words = ["Route Overlaps a Bound Network", "routes[\"r\"]", cidr, "10.30.0.0/18", "pool_a"];
            expect(&plan(cidr), &[(WARNING, &words)]);
        }
        for cidr in ["10.30.64.0/18", "10.29.0.0/16", "0.0.0.0/0"] {
            expect(&plan(cidr), &[]);
        }
    });
}

/// Enables or disables IPv6 of the subnet and the pool.
fn set_ipv6(cloud: &Cloud, of_subnet: bool, of_pool: bool) {
    let subnet = Subnet {
        id: SUBNET.into(),
        vpc_id: VPC.into(),
        cidr: "192.168.0.0/24".into(),
        cidr_v6: of_subnet.then(|| "2001:db8:1::/64".into()),
        ..Subnet::default()
    };
    cloud.edit(|project| project.networks().put_subnet(subnet));
    let first = cloud.emulator().pools(PROJECT).remove(0);
    let pool = Pool { name: "pool_a".into(), ipv6_enable: Some(of_pool), ..first };
    cloud.edit(|project| project.put_pool(pool));
}

#[test]
fn ipv6_route_needs_ipv6_on_both_sides() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let configuration = connection("test", (VPC, SUBNET), &attributes("r = \"2407:c080::/32\""));
        for (of_subnet, of_pool, without) in [
            (false, true, Some("not enabled for the subnet.")),
            (true, false, Some("not enabled for the elastic resource pool \"pool_a\".")),
            (false, false, Some("the subnet and for the elastic resource pool")),
            (true, true, None),
        ] {
            set_ipv6(&cloud, of_subnet, of_pool);
            let found = plan(&workspace, &configuration);
            match without {
                None => expect(&found, &[]),
                Some(without) => {
                    let words = ["IPv6 Route Without IPv6", "routes[\"r\"]", "2407:c080::/32", without];
                    expect(&found, &[(WARNING, &words)]);
                }
            }
        }
        set_ipv6(&cloud, false, false);
        expect(&plan(&workspace, &connection("test", (VPC, SUBNET), &attributes("r = \"10.2.0.0/16\""))), &[]);
    });
}

/// The state says whether an existing connection has IPv6.
#[test]
fn ipv6_route_of_an_existing_connection_needs_no_request() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        workspace.configure(&connection("test", (VPC, SUBNET), "routes = {}"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let before = cloud.requests().len();
        let routed = plan(&workspace, &connection("test", (VPC, SUBNET), "routes = { r = \"2407:c080::/32\" }"));
        expect(&routed, &[(WARNING, &["IPv6 Route Without IPv6", "not enabled for the subnet."])]);
        let names: Vec<_> = cloud.requests()[before..].iter().filter_map(|request| request.operation).collect();
        assert_eq!(names, ["ShowEnhancedConnection"], "the refresh only");
    });
}

#[test]
fn route_resource_is_checked() {
    for_one_terraform(|terraform| {
        let cloud = start();
        put_pool(&cloud, "pool_a", "10.30.0.0/18");
        let workspace = workspace(&cloud, terraform);
        let base = connection("test", (VPC, SUBNET), "elastic_resource_pools = [\"pool_a\"]");
        workspace.configure(&base);
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let plan = |cidr: &str| {
            let route = format!(
                "resource \"dli_enhanced_connection_route\" \"test\" {{\n  connection_id = \
                 dli_enhanced_connection.test.id\n  name = \"r\"\n  cidr = {cidr:?}\n}}\n"
            );
            plan(&workspace, &(base.clone() + &route))
        };
        expect(&plan("10.30.0.0/16"), &[(WARNING, &["Route Overlaps a Bound Network", "cidr:", "pool_a"])]);
        expect(&plan("2407:c080::/32"), &[(WARNING, &["IPv6 Route Without IPv6", "the subnet"])]);
        expect(&plan("10.31.0.0/16"), &[]);
    });
}

/// The route is a resource of its own, or was added elsewhere.
#[test]
fn new_pool_is_compared_with_existing_routes() {
    for_one_terraform(|terraform| {
        let cloud = start();
        put_pool(&cloud, "pool_a", "10.30.0.0/18");
        put_pool(&cloud, "pool_b", "10.31.0.0/18");
        let workspace = workspace(&cloud, terraform);
        workspace.configure(&connection("test", (VPC, SUBNET), ""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let id = cloud.connection().id;
        cloud.edit(|project| project.add_route(&id, "r", "10.30.0.0/16"));
        let plan = |pool: &str| {
            let attributes = format!("elastic_resource_pools = [{pool:?}]");
            plan(&workspace, &connection("test", (VPC, SUBNET), &attributes))
        };
        expect(&plan("pool_a"), &[(WARNING, &["Route Overlaps a Bound Network", "10.30.0.0/16", "pool_a"])]);
        expect(&plan("pool_b"), &[]);
        let binding = |pool: &str| {
            format!(
                "resource \"dli_enhanced_connection_binding\" \"test\" {{\n  connection_id = \
                 dli_enhanced_connection.test.id\n  elastic_resource_pool = {pool:?}\n}}\n"
            )
        };
        let base = connection("test", (VPC, SUBNET), "");
        let words = ["Route Overlaps a Bound Network", "10.30.0.0/16", "pool_a"];
        expect(&super::plan(&workspace, &(base.clone() + &binding("pool_a"))), &[(WARNING, &words)]);
        expect(&super::plan(&workspace, &(base + &binding("pool_b"))), &[]);
    });
}

/// The other VPC has the subnet 172.16.1.0/24 in 172.16.0.0/16, and 10.8.0.0/16.
#[test]
fn hosts_without_a_route_are_summed_up() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let plan = |routes: &str, hosts: &str| {
            let attributes = format!("{routes}\n  hosts = {{ {hosts} }}");
            plan(&workspace, &connection("test", (OTHER_VPC, OTHER_SUBNET), &attributes))
        };
        let inside = "a = \"172.16.1.0\", b = \"172.16.255.255\", c = \"10.8.0.0\"";
        expect(&plan("", inside), &[]);
        let before = count(&cloud, &VPC_OPERATIONS);
        expect(&plan("", "a = \"172.16.1.255\""), &[]);
        assert_eq!(count(&cloud, &VPC_OPERATIONS), before + 1, "the VPC is not needed");
        let outside = "a = \"172.17.0.0\", b = \"172.15.255.255\", c = \"10.9.0.0\", d = \"10.7.255.255\", \
                       e = \"172.16.1.1\"";
        let words = ["Host Addresses Outside", "hosts:", "4 host addresses", "a (172.17.0.0)", "and 1 more"];
        expect(&plan("", outside), &[(WARNING, &words)]);
        let routes = "routes = { r = \"172.17.0.0/24\", s = \"172.15.255.0/24\", t = \"10.0.0.0/8\" }";
        expect(&plan(routes, outside), &[]);
    });
}

/// Only new records are checked, and routes of the service count if the configuration has none.
#[test]
fn unchanged_hosts_are_not_checked() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let hosts = |hosts: &str| connection("test", (VPC, SUBNET), &format!("hosts = {{ {hosts} }}"));
        workspace.configure(&hosts("a = \"10.1.0.1\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        expect(&plan(&workspace, &hosts("a = \"10.1.0.1\", b = \"192.168.7.1\"")), &[]);
        let added = hosts("a = \"10.1.0.1\", b = \"10.2.0.1\"");
        let words = ["Host Addresses Outside", "1 host address", "b (10.2.0.1)"];
        expect(&plan(&workspace, &added), &[(WARNING, &words)]);
        let id = cloud.connection().id;
        cloud.edit(|project| project.add_route(&id, "elsewhere", "10.2.0.0/24"));
        expect(&plan(&workspace, &added), &[]);
    });
}
