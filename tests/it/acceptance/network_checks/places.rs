//! VPC, subnet and route table: whether they exist and belong together.

use terraform_provider_dli::dli::vpc::{RouteTable, SubnetId};

use super::{
    ERROR, NOTHING, OTHER_SUBNET, OTHER_VPC, SUBNET, VPC, VPC_OPERATIONS, WARNING, connection, count, expect, plan,
    start, workspace,
};
use crate::acceptance::harness::{for_each_terraform, for_one_terraform};

#[test]
fn subnet_must_be_in_the_vpc() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let plan = |vpc: &str, subnet: &str| plan(&workspace, &connection("test", (vpc, subnet), ""));
        for (vpc, subnet) in [(VPC, SUBNET), (OTHER_VPC, OTHER_SUBNET)] {
            expect(&plan(vpc, subnet), &[]);
            expect(&plan(&vpc.to_uppercase(), &subnet.to_uppercase()), &[]);
        }
        assert_eq!(count(&cloud, &["ListSubnets"]), 4);
        assert_eq!(count(&cloud, &VPC_OPERATIONS), 4, "one request each");

        let missing = (ERROR, &["Subnet Does Not Exist", "dest_network_id", NOTHING, "plan_checks = false"][..]);
        expect(&plan(VPC, NOTHING), &[missing]);
        let elsewhere: &[&str] = &["Subnet in Another VPC", "dest_network_id", OTHER_SUBNET, OTHER_VPC, VPC];
        expect(&plan(VPC, OTHER_SUBNET), &[(ERROR, elsewhere)]);
        let no_vpc = (ERROR, &["VPC Does Not Exist", "dest_vpc_id", NOTHING][..]);
        expect(&plan(NOTHING, NOTHING), &[no_vpc, missing]);
        expect(&plan(NOTHING, SUBNET), &[no_vpc, (ERROR, &["Subnet in Another VPC", VPC])]);
        assert!(cloud.changes().is_empty());
    });
}

/// The usual mistake: the ID of the IPv4 range in place of that of the network.
#[test]
fn id_of_the_address_range_names_the_network_id() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let shown = cloud.emulator().subnets(crate::acceptance::harness::PROJECT);
        let seeded = shown.iter().find(|subnet| subnet.id == SUBNET).expect("the seeded subnet");
        assert_ne!(seeded.neutron_subnet_id, SUBNET);
        let diagnostics = plan(&workspace, &connection("test", (VPC, &seeded.neutron_subnet_id), ""));
        let words = ["Not the Network ID of the Subnet", "dest_network_id", &seeded.neutron_subnet_id, SUBNET];
        expect(&diagnostics, &[(ERROR, &words)]);
    });
}

/// An answer that is not certain is a warning.
#[test]
fn hidden_or_shared_network_is_a_warning() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        cloud.fault("ShowSubnet:refuse=404,VPC.2204,Query subnet by id fail");
        let hidden = plan(&workspace, &connection("test", (VPC, NOTHING), ""));
        expect(&hidden, &[(WARNING, &["Subnet Not Found", "dest_network_id", NOTHING, "another project"])]);
        cloud.emulator().clear_faults();

        // The subnet names a VPC that the project does not have.
        cloud.fault("ListSubnets:refuse=404,VPC.0003,VPC does not exist");
        cloud.fault("ShowVpcV3:refuse=404,VPC.0003,VPC does not exist");
        let shared = plan(&workspace, &connection("test", (VPC, SUBNET), ""));
        let vpc_warning = (WARNING, &["VPC Not Found", "dest_vpc_id", VPC, "shares it"][..]);
        expect(&shared, &[vpc_warning]);
        // Its route table is hidden, too.
        let table = format!("routetable_id = {NOTHING:?}");
        let shared = plan(&workspace, &connection("test", (VPC, SUBNET), &table));
        expect(&shared, &[vpc_warning, (WARNING, &["Route Table Not Found", "routetable_id", NOTHING])]);
    });
}

/// The service has accepted the VPC of an existing connection. It may belong to another project, which shares the VPC
/// or the connection.
#[test]
fn network_of_an_existing_connection_is_accepted() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let with = |attributes: &str| connection("test", (VPC, SUBNET), attributes);
        workspace.configure(&with("hosts = { a = \"192.168.0.1\" }"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        for operation in ["ListSubnets", "ShowSubnet", "ShowVpcV3"] {
            cloud.fault(&format!("{operation}:refuse=404,VPC.0003,VPC does not exist"));
        }
        let binding = "resource \"dli_enhanced_connection_binding\" \"q1\" {\n  connection_id = \
                       dli_enhanced_connection.test.id\n  queue = \"q1\"\n}\n";
        let changed = with("hosts = { a = \"192.168.0.1\", b = \"192.168.0.2\" }") + binding;
        expect(&plan(&workspace, &changed), &[]);
        assert!(count(&cloud, &["ShowSubnet"]) > 0, "the check has asked");
        // Another connection to that network is new.
        let new = changed + &connection("new", (VPC, SUBNET), "");
        let missing = [(ERROR, &["VPC Does Not Exist"][..]), (ERROR, &["Subnet Does Not Exist"])];
        expect(&plan(&workspace, &new), &missing);
    });
}

#[test]
fn route_table_must_be_that_of_the_subnet() {
    const TABLE: &str = "0b1c1f0e-6f6e-4f57-8b3a-0d9a4f0f0003";
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        let plan = || {
            let table = format!("routetable_id = {TABLE:?}");
            plan(&workspace, &connection("test", (VPC, SUBNET), &table))
        };
        let put = |vpc: &str, subnets: &[&str]| {
            let subnets = subnets.iter().map(|id| SubnetId { id: (*id).to_owned() }).collect();
            let table = RouteTable { id: TABLE.into(), vpc_id: vpc.into(), subnets, ..RouteTable::default() };
            cloud.edit(|project| project.networks().put_route_table(table));
        };
        expect(&plan(), &[(ERROR, &["Route Table Does Not Exist", "routetable_id", TABLE])]);
        put(OTHER_VPC, &[]);
        expect(&plan(), &[(ERROR, &["Route Table of Another VPC", "routetable_id", OTHER_VPC, VPC])]);
        put(VPC, &[]);
        expect(&plan(), &[(WARNING, &["Route Table Not Associated", "routetable_id", SUBNET])]);
        put(VPC, &[SUBNET]);
        expect(&plan(), &[]);
    });
}

/// A subnet that the same run creates has no ID yet when the plan is made.
#[test]
fn unknown_subnet_is_checked_at_apply() {
    let later = |subnet: &str| {
        let source = format!("resource \"terraform_data\" \"subnet\" {{\n  input = {subnet:?}\n}}\n");
        let known = connection("test", (VPC, "SUBNET"), "");
        source + &known.replace("\"SUBNET\"", "terraform_data.subnet.output")
    };
    for_each_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        expect(&plan(&workspace, &later(OTHER_SUBNET)), &[]);
        assert_eq!(count(&cloud, &VPC_OPERATIONS), 0);
        let applied = workspace.run(&["apply", "-json", "-auto-approve"]).expect_code(1);
        let error = applied.error_of("dli_enhanced_connection.test");
        assert!(error.contains("Subnet in Another VPC") && error.contains(OTHER_VPC), "{error}");
        assert!(cloud.connections().is_empty() && cloud.changes().is_empty(), "nothing was sent");
        let created = ("dli_enhanced_connection.test", "create");
        workspace.step(&later(SUBNET), &[("terraform_data.subnet", "update"), created]);
        workspace.destroy();
        cloud.expect_empty();
    });
}

/// Another object of the same apply may have created what an earlier read did not find.
#[test]
fn apply_reads_missing_networks_again() {
    for_one_terraform(|terraform| {
        let cloud = start();
        let workspace = workspace(&cloud, terraform);
        // The plan does not find the VPC, and neither does the first connection of the apply.
        for operation in ["ListSubnets", "ShowVpcV3"] {
            cloud.fault(&format!("{operation}:refuse=404,VPC.0003,VPC does not exist*2"));
        }
        let after = "depends_on = [dli_enhanced_connection.first]";
        let first = connection("first", (VPC, SUBNET), "");
        workspace.configure(&(first + &connection("second", (VPC, SUBNET), after)));
        let planned = workspace.run(&["plan", "-json", "-out=saved.tfplan"]).expect_code(0).diagnostics();
        assert_eq!((count(&cloud, &["ListSubnets"]), count(&cloud, &["ShowVpcV3"])), (1, 1), "the plan shares a read");
        assert!(planned.iter().all(|warning| warning.text.contains("VPC Not Found")), "{planned:#?}");
        assert_eq!(planned.len(), 2, "{planned:#?}");
        let applied = workspace.run(&["apply", "-json", "saved.tfplan"]).expect_code(0).diagnostics();
        expect(&applied, &[(WARNING, &["VPC Not Found"])]);
        assert_eq!(applied[0].address, "dli_enhanced_connection.first");
    });
}
