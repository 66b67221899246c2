//! The networks of queues and pools against those of the subnet and the VPC. Both sides of each boundary.

use terraform_provider_dli::dli::wire::Queue;

use super::{
    ERROR, OTHER_SUBNET, OTHER_VPC, SUBNET, VPC, WARNING, connection, expect, plan, put_pool, put_subnet, start,
    workspace,
};
use crate::acceptance::harness::{PROJECT, for_one_terraform};

/// 192.168.0.0/24 is the subnet in the VPC 192.168.0.0/16.
#[test]
fn network_of_a_pool_is_outside_of_the_subnet() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let configuration = connection("test", (VPC, SUBNET), "elastic_resource_pools = [\"pool_a\"]");
        for cidr in ["192.168.0.0/18", "192.168.0.0/24", "192.168.0.192/26", "192.0.0.0/8"] {
            put_pool(&cloud, "pool_a", cidr);
            let words =
                ["Network Overlaps the Subnet", "elastic_resource_pools[\"pool_a\"]", cidr, "192.168.0.0/24", SUBNET];
            expect(&plan(&workspace, &configuration), &[(ERROR, &words)]);
        }
        for cidr in ["192.168.1.0/24", "192.168.192.0/18"] {
            put_pool(&cloud, "pool_a", cidr);
            let words = ["Network Overlaps the VPC", "elastic_resource_pools[\"pool_a\"]", cidr, "192.168.0.0/16", VPC];
            expect(&plan(&workspace, &configuration), &[(WARNING, &words)]);
        }
        for cidr in ["192.169.0.0/18", "192.167.255.0/24", ""] {
            put_pool(&cloud, "pool_a", cidr);
            expect(&plan(&workspace, &configuration), &[]);
        }
    });
}

/// 10.8.0.0/16 is a secondary network of the other VPC. A region without version 3 does not show it.
#[test]
fn secondary_network_of_the_vpc_counts() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let configuration = connection("test", (OTHER_VPC, OTHER_SUBNET), "elastic_resource_pools = [\"pool_a\"]");
        put_pool(&cloud, "pool_a", "10.8.255.0/24");
        let words = ["Network Overlaps the VPC", "10.8.255.0/24", "10.8.0.0/16"];
        expect(&plan(&workspace, &configuration), &[(WARNING, &words)]);
        cloud.emulator().set_quirks([terraform_provider_dli::emulator::Quirk::NoV3Vpcs]);
        expect(&plan(&workspace, &configuration), &[]);
        cloud.emulator().set_quirks([]);
        put_pool(&cloud, "pool_a", "10.9.0.0/24");
        expect(&plan(&workspace, &configuration), &[]);
    });
}

/// Of a queue in a pool, the network of the pool counts.
#[test]
fn queue_has_its_own_network_or_that_of_its_pool() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let first = cloud.emulator().queues(PROJECT).into_iter().find(|queue| queue.queue_name == "q1").expect("q1");
        let put_queue = |pool: &str, cidr: &str| {
            let queue = Queue {
                queue_name: "queue_a".into(),
                elastic_resource_pool_name: pool.into(),
                cidr_in_vpc: cidr.into(),
                ..first.clone()
            };
            cloud.edit(|project| project.put_queue(queue));
        };
        let configuration = connection("test", (VPC, SUBNET), "queues = [\"Queue_A\"]");
        put_queue("", "192.168.0.0/20");
        let words = [
            "Network Overlaps the Subnet",
            "queues[\"Queue_A\"]",
            "192.168.0.0/20",
            "queue \"queue_a\"",
            "The network of this queue can be changed (API UpdateQueueCidr)",
        ];
        expect(&plan(&workspace, &configuration), &[(ERROR, &words)]);
        put_queue("", "10.1.0.0/20");
        expect(&plan(&workspace, &configuration), &[]);
        put_pool(&cloud, "pool_a", "192.168.0.0/18");
        put_queue("pool_a", "10.1.0.0/20");
        let words = [
            "Network Overlaps the Subnet",
            "192.168.0.0/18",
            "of the elastic resource pool \"pool_a\"",
            "The network of a pool cannot be changed",
        ];
        expect(&plan(&workspace, &configuration), &[(ERROR, &words)]);
    });
}

/// Only what changes is checked: a binding that works is not.
#[test]
fn unchanged_pools_are_not_checked() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let pools = |names: &str| connection("test", (VPC, SUBNET), &format!("elastic_resource_pools = [{names}]"));
        workspace.configure(&pools("\"pool1\""));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        put_pool(&cloud, "pool_b", "192.168.0.0/24");
        // The subnet was replaced by one that overlaps the bound pool.
        put_subnet(&cloud, SUBNET, VPC, "192.168.9.0/24");
        put_pool(&cloud, "pool1", "192.168.9.0/24");
        expect(&plan(&workspace, &pools("\"pool1\"")), &[]);
        let added = plan(&workspace, &pools("\"pool1\", \"pool2\""));
        expect(&added, &[]);
        let words = ["Network Overlaps the VPC", "pool_b"];
        expect(&plan(&workspace, &pools("\"pool1\", \"pool_b\"")), &[(WARNING, &words)]);
    });
}
