//! Plan checks of networks: each rule on both sides of its boundary, and their number of requests.
//!
//! The emulator's project has the VPC 192.168.0.0/16 of the documents' example with the subnet 192.168.0.0/24.

mod bindings;
mod cost;
mod places;
mod ranges;
mod routes;

use terraform_provider_dli::dli::vpc::{Subnet, Vpc};
use terraform_provider_dli::dli::wire::Pool;

use super::harness::{Cloud, Diagnostic, PROJECT, Workspace};
use super::terraform::Terraform;

const VPC: &str = "22094d8f-c310-4621-913d-4c4d655d8495";
const SUBNET: &str = "78f2562a-36e4-4b39-95b9-f5aab22e1281";
/// A VPC with the networks 172.16.0.0/16 and 10.8.0.0/16, and its subnet 172.16.1.0/24.
const OTHER_VPC: &str = "3ec3b33f-ac1c-4630-ad1c-7dba1ed79d85";
const OTHER_SUBNET: &str = "4779ab1c-7c1a-44b1-a02e-93dfc361b32d";
/// Neither a VPC nor a subnet nor a route table.
const NOTHING: &str = "00000000-0000-4000-8000-000000000000";

/// An emulator with the other VPC.
fn start() -> Cloud {
    let cloud = Cloud::start();
    let vpc = Vpc {
        id: OTHER_VPC.to_owned(),
        name: "other".to_owned(),
        cidr: "172.16.0.0/16".to_owned(),
        extend_cidrs: vec!["10.8.0.0/16".to_owned()],
        ..Vpc::default()
    };
    cloud.edit(|project| project.networks().put_vpc(vpc));
    put_subnet(&cloud, OTHER_SUBNET, OTHER_VPC, "172.16.1.0/24");
    cloud
}

fn put_subnet(cloud: &Cloud, id: &str, vpc: &str, cidr: &str) {
    let [id, vpc_id, cidr] = [id, vpc, cidr].map(str::to_owned);
    let subnet = Subnet { name: format!("subnet of {cidr}"), id, vpc_id, cidr, ..Subnet::default() };
    cloud.edit(|project| project.networks().put_subnet(subnet));
}

/// Adds or replaces a pool with this network.
fn put_pool(cloud: &Cloud, name: &str, cidr: &str) {
    let first = cloud.emulator().pools(PROJECT).remove(0);
    let pool = Pool { name: name.to_owned(), cidr_in_vpc: cidr.to_owned(), ..first };
    cloud.edit(|project| project.put_pool(pool));
}

fn workspace(cloud: &Cloud, terraform: &Terraform) -> Workspace {
    Workspace::new(terraform).with_provider(&cloud.provider_block_with_vpc(""))
}

/// A connection with this label and name to the subnet.
fn connection(label: &str, (vpc, subnet): (&str, &str), attributes: &str) -> String {
    format!(
        "resource \"dli_enhanced_connection\" {label:?} {{\n  name = {label:?}\n  dest_vpc_id = {vpc:?}\n  \
         dest_network_id = {subnet:?}\n  {attributes}\n}}\n"
    )
}

/// Plans, and returns the errors and warnings.
#[track_caller]
fn plan(workspace: &Workspace, configuration: &str) -> Vec<Diagnostic> {
    workspace.configure(configuration);
    let planned = workspace.run(&["plan", "-json"]);
    let diagnostics = planned.diagnostics();
    let has_errors = diagnostics.iter().any(|diagnostic| diagnostic.is_error);
    planned.expect_code(i32::from(has_errors));
    diagnostics
}

/// Requires one error or warning for each entry: whether it is an error, and what its text contains.
#[track_caller]
fn expect(diagnostics: &[Diagnostic], expected: &[(bool, &[&str])]) {
    assert_eq!(diagnostics.len(), expected.len(), "{diagnostics:#?}");
    for (is_error, words) in expected {
        let is_it =
            |found: &&Diagnostic| found.is_error == *is_error && words.iter().all(|word| found.text.contains(word));
        assert_eq!(diagnostics.iter().filter(is_it).count(), 1, "{is_error} {words:?}: {diagnostics:#?}");
    }
}

/// The number of requests for these operations.
fn count(cloud: &Cloud, operations: &[&str]) -> usize {
    let is_one = |name: Option<&str>| name.is_some_and(|name| operations.contains(&name));
    cloud.requests().iter().filter(|request| is_one(request.operation)).count()
}

const VPC_OPERATIONS: [&str; 5] = ["ListSubnets", "ShowSubnet", "ShowVpcV3", "ShowVpc", "ShowRouteTable"];
const ERROR: bool = true;
const WARNING: bool = false;
