//! The number of requests, missing permissions, and how to turn the checks off.

use terraform_provider_dli::dli::vpc::Vpc;

use super::{
    OTHER_SUBNET, OTHER_VPC, SUBNET, VPC, VPC_OPERATIONS, WARNING, connection, count, expect, plan, start, workspace,
};
use crate::acceptance::harness::{Cloud, Workspace, for_one_terraform};

/// A hundred connections to the subnets of three VPCs, with a pool, a route and hosts each.
fn hundred(cloud: &Cloud) -> String {
    let vpcs = ["a", "b", "c"].map(|digit| format!("{digit}0000000-0000-4000-8000-000000000000"));
    for (number, id) in vpcs.iter().enumerate() {
        let vpc = Vpc { id: id.clone(), cidr: format!("172.{}.0.0/16", 20 + number), ..Vpc::default() };
        cloud.edit(|project| project.networks().put_vpc(vpc));
    }
    (0..100_usize)
        .map(|index| {
            let (vpc, number) = (&vpcs[index % 3], index / 3);
            let subnet = format!("{}{index:03}", &vpc[..33]);
            let second = 20 + index % 3;
            super::put_subnet(cloud, &subnet, vpc, &format!("172.{second}.{number}.0/24"));
            let attributes = format!(
                "elastic_resource_pools = [\"pool{}\"]\n  hosts = {{ a = \"172.{second}.200.1\" }}\n  routes = {{ r = \
                 \"10.200.{index}.0/24\" }}",
                1 + index % 3
            );
            connection(&format!("c{index}"), (vpc, &subnet), &attributes)
        })
        .collect()
}

#[test]
fn hundred_connections_take_few_requests() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        expect(&plan(&workspace, &hundred(&cloud)), &[]);
        assert_eq!(count(&cloud, &["ListSubnets"]), 3, "one for each VPC");
        assert_eq!(count(&cloud, &["ShowVpcV3"]), 3, "one for each VPC");
        assert!(count(&cloud, &VPC_OPERATIONS) <= 10);
        assert_eq!(count(&cloud, &["ListElasticResourcePools", "ListEnhancedConnections", "ListQueues"]), 2);
        assert_eq!(cloud.requests().len(), 8, "no other request");
    });
}

/// A plan without changes asks nothing about networks.
#[test]
fn unchanged_connections_take_no_request() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let attributes = "queues = [\"q1\"]\n  hosts = { a = \"10.1.0.1\" }\n  routes = { r = \"10.2.0.0/16\", s = \
                          \"2407:c080::/32\" }";
        workspace.configure(&connection("test", (VPC, SUBNET), attributes));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        let before = cloud.requests().len();
        workspace.run(&["plan", "-detailed-exitcode"]).expect_code(0);
        let names: Vec<_> = cloud.requests()[before..].iter().filter_map(|request| request.operation).collect();
        assert_eq!(names, ["ShowEnhancedConnection"]);
    });
}

/// The rights are missing, or nobody answers: the plan continues.
#[test]
fn missing_rights_are_one_warning() {
    for_one_terraform(|terraform| {
        for (faults, words) in [
            (
                &["ListSubnets", "ShowSubnet", "ShowVpc*", "ShowRouteTable"][..],
                &["vpc:subnets:get", "vpc:vpcs:get"][..],
            ),
            (&["ShowVpc*"], &["Needed: the IAM action vpc:vpcs:get"]),
        ] {
            let cloud = start();
            let workspace = workspace(&cloud, terraform);
            for fault in faults {
                cloud.fault(&format!("{fault}:refuse=403,VPC.2201,Policy doesn't allow it to be performed"));
            }
            let words = [&["Networks Were Not Checked", "The plan continues"], words].concat();
            expect(&plan(&workspace, &hundred(&cloud)), &[(WARNING, &words)]);
            assert!(count(&cloud, &VPC_OPERATIONS) <= 10, "a refused call is not repeated");
        }
    });
}

#[test]
fn unreachable_service_is_one_warning() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let closed = format!("vpc = \"http://{}\"", closed.expect("a free port"));
        let block =
            cloud.provider_block_with_vpc("").replace(&format!("vpc = \"{}\"", cloud.emulator().endpoint()), &closed);
        let workspace = Workspace::new(terraform).with_provider(&block);
        let two = connection("one", (VPC, SUBNET), "queues = [\"q1\"]")
            + &connection("two", (OTHER_VPC, OTHER_SUBNET), "queues = [\"q2\"]");
        expect(&plan(&workspace, &two), &[(WARNING, &["Networks Were Not Checked", "connection refused"])]);
    });
}

/// Requests with rejected credentials would lock the access key.
#[test]
fn rejected_credentials_are_not_used_again() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        cloud.fault("*:refuse=401,APIGW.0301,Incorrect IAM authentication information: verify aksk signature fail");
        let found = plan(&workspace, &connection("test", (VPC, SUBNET), "queues = [\"q1\"]"));
        assert!(found.len() == 1 && found[0].is_error, "{found:#?}");
        assert_eq!((count(&cloud, &VPC_OPERATIONS), count(&cloud, &["ListQueues"])), (0, 1));
    });
}

/// `plan_checks = false`, no address of the VPC service, and an empty one.
#[test]
fn checks_can_be_off() {
    for_one_terraform(|terraform| {
        let cloud = start();
        // It would be an error.
        let wrong = connection("test", (VPC, OTHER_SUBNET), "queues = [\"q1\"]");
        let off = Workspace::new(terraform).with_provider(&cloud.provider_block_with_vpc("plan_checks = false"));
        expect(&plan(&off, &wrong), &[]);
        assert_eq!(cloud.requests().len(), 0);
        // Keys of an emulator must not reach the public cloud.
        expect(&plan(&cloud.workspace(terraform), &wrong), &[]);
        let names: Vec<_> = cloud.requests().iter().filter_map(|request| request.operation).collect();
        assert_eq!(names, ["ListQueues", "ListEnhancedConnections"]);
    });
}
