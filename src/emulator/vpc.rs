//! The operations of the VPC service: v1 and, for VPCs, v3. Networks are declared without requests.

use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::networks::{complete_subnet, complete_vpc};
use super::{api_error::ApiError, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::operation::Operation;
use crate::dli::rules;
use crate::dli::vpc::{RouteTable, RouteTableShown, Subnet, SubnetId, SubnetList, SubnetShown, Vpc, VpcShown};

/// Maximum size of a page, and its default (documented).
const MAX_PAGE: usize = 2000;

pub(super) fn run(
    operation: Operation,
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    let networks = &service.project.networks;
    match operation {
        Operation::ListVpcs | Operation::ListVpcsV3 => {
            let ids: Vec<_> = request.query.iter().filter(|(key, _)| key == "id").map(|(_, id)| id).collect();
            let is_wanted = |vpc: &&Vpc| ids.is_empty() || ids.iter().any(|id| vpc.id.eq_ignore_ascii_case(id));
            let vpcs = page(request, networks.vpcs.iter().filter(is_wanted).collect(), |vpc| &vpc.id)?;
            let vpcs: Vec<_> = vpcs.into_iter().map(|vpc| of_version(operation, vpc)).collect();
            Ok(ApiResponse::ok(&json!({ "vpcs": vpcs })))
        }
        Operation::ShowVpc | Operation::ShowVpcV3 => {
            let id = request.segment("vpc_id");
            if !rules::VPC_ID.allows(id) {
                return Err(ApiError::vpc(400, "VPC.0101", "getVpc error vpcId is invalid"));
            }
            let vpc = networks.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?;
            Ok(ApiResponse::ok(&json!({ "vpc": of_version(operation, vpc) })))
        }
        Operation::ListSubnets => {
            let vpc = request.parameter("vpc_id");
            let is_wanted = |subnet: &&Subnet| vpc.is_none_or(|vpc| subnet.vpc_id.eq_ignore_ascii_case(vpc));
            let subnets: Vec<_> = networks.subnets.iter().filter(is_wanted).collect();
            let subnets = page(request, subnets, |subnet| &subnet.id)?.into_iter().cloned().collect();
            Ok(ApiResponse::ok(&SubnetList { subnets }))
        }
        Operation::ShowSubnet => {
            let id = request.segment("subnet_id");
            if !rules::NETWORK_ID.allows(id) {
                return Err(ApiError::vpc(400, "VPC.0201", "Subnet ID is invalid."));
            }
            let subnet = networks.subnet(id).ok_or_else(ApiError::no_subnet)?.clone();
            Ok(ApiResponse::ok(&SubnetShown { subnet }))
        }
        Operation::ListRouteTables => {
            let (id, vpc, subnet) =
                (request.parameter("id"), request.parameter("vpc_id"), request.parameter("subnet_id"));
            let mut tables: Vec<_> = networks.route_tables().collect();
            tables.retain(|table| {
                id.is_none_or(|id| table.id.eq_ignore_ascii_case(id))
                    && vpc.is_none_or(|vpc| table.vpc_id.eq_ignore_ascii_case(vpc))
                    && subnet.is_none_or(|id| table.subnets.iter().any(|subnet| subnet.id.eq_ignore_ascii_case(id)))
            });
            let routetables = page(request, tables.iter().collect(), |table| &table.id)?;
            Ok(ApiResponse::ok(&json!({ "routetables": routetables })))
        }
        Operation::ShowRouteTable => {
            let id = request.segment("routetable_id");
            let routetable = networks.route_tables().find(|table| table.id.eq_ignore_ascii_case(id));
            let routetable = routetable.ok_or_else(|| ApiError::no_route_table(id))?;
            Ok(ApiResponse::ok(&RouteTableShown { routetable }))
        }
        _ => Err(ApiError::not_published()),
    }
}

/// A VPC as the version of the API shows it: v1 has no secondary networks.
fn of_version(operation: Operation, vpc: &Vpc) -> Value {
    let mut shown = json!(VpcShown { vpc: vpc.clone() })["vpc"].take();
    let is_v3 = [Operation::ShowVpcV3, Operation::ListVpcsV3].contains(&operation);
    if let Some(fields) = shown.as_object_mut().filter(|_| !is_v3) {
        fields.remove("extend_cidrs");
    }
    shown
}

/// The requested page: `limit` objects after the one with the ID `marker`. An unknown marker counts as the end (an
/// inference).
fn page<'a, T>(request: &ApiRequest, mut all: Vec<&'a T>, id: impl Fn(&T) -> &str) -> Result<Vec<&'a T>, ApiError> {
    let limit = request.number("limit")?.unwrap_or(MAX_PAGE).min(MAX_PAGE);
    if let Some(marker) = request.parameter("marker") {
        let skipped = all.iter().position(|object| id(object) == marker).map_or(all.len(), |at| at + 1);
        all.drain(..skipped);
    }
    all.truncate(limit);
    Ok(all)
}

fn network(cidr: &str) -> Result<IpNet, ApiError> {
    rules::network(cidr).ok_or_else(|| ApiError::vpc(400, "VPC.0212", format!("The cidr {cidr:?} is not valid")))
}

fn check_id(id: &str) -> Result<(), ApiError> {
    if rules::VPC_ID.allows(id) { Ok(()) } else { Err(ApiError::vpc(400, "VPC.0101", format!("{id:?} is no UUID"))) }
}

impl ProjectService<'_> {
    /// Adds or replaces a VPC. A new one gets a default route table.
    pub fn put_vpc(&mut self, vpc: Vpc) -> Result<(), ApiError> {
        check_id(&vpc.id)?;
        for cidr in std::iter::once(&vpc.cidr).chain(&vpc.extend_cidrs) {
            network(cidr)?;
        }
        let (networks, vpc) = (&mut self.project.networks, complete_vpc(vpc));
        if networks.vpc(&vpc.id).is_none() {
            networks.route_tables.push(RouteTable {
                id: Uuid::new_v4().to_string(),
                name: format!("rtb-{}", vpc.name),
                default: Some(true),
                vpc_id: vpc.id.clone(),
                ..RouteTable::default()
            });
        }
        networks.vpcs.retain(|other| other.id != vpc.id);
        networks.vpcs.push(vpc);
        Ok(())
    }

    /// Removes a VPC without subnets. The error for one with subnets is an inference.
    pub fn remove_vpc(&mut self, id: &str) -> Result<(), ApiError> {
        let networks = &mut self.project.networks;
        let vpc = networks.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?.id.clone();
        if let Some(subnet) = networks.subnets.iter().find(|subnet| subnet.vpc_id == vpc) {
            return Err(ApiError::vpc(409, "VPC.0103", format!("VPC {id} contains the subnet {}", subnet.id)));
        }
        networks.vpcs.retain(|other| other.id != vpc);
        networks.route_tables.retain(|table| table.vpc_id != vpc);
        Ok(())
    }

    /// Adds or replaces a subnet. Its network must be in a network of the VPC and overlap no other subnet there.
    pub fn put_subnet(&mut self, subnet: Subnet) -> Result<(), ApiError> {
        check_id(&subnet.id)?;
        let (networks, cidr) = (&mut self.project.networks, network(&subnet.cidr)?);
        let subnet = complete_subnet(subnet);
        let vpc = networks.vpc(&subnet.vpc_id).ok_or_else(|| ApiError::no_vpc(&subnet.vpc_id))?;
        if !vpc.networks().any(|network| network.contains(&cidr)) {
            return Err(ApiError::vpc(400, "VPC.0203", "Subnet is not in the range of VPC."));
        }
        let others = networks.subnets.iter().filter(|other| other.vpc_id == subnet.vpc_id && other.id != subnet.id);
        if others.flat_map(Subnet::networks).any(|other| other.contains(&cidr) || cidr.contains(&other)) {
            let text = "The subnet has already existed in the VPC, or has been in conflict with the VPC subnet.";
            return Err(ApiError::vpc(400, "VPC.0204", text));
        }
        networks.subnets.retain(|other| other.id != subnet.id);
        networks.subnets.push(subnet);
        Ok(())
    }

    /// Removes a subnet. Connections to it remain.
    pub fn remove_subnet(&mut self, id: &str) -> Result<(), ApiError> {
        let networks = &mut self.project.networks;
        let subnet = networks.subnet(id).ok_or_else(ApiError::no_subnet)?.id.clone();
        networks.subnets.retain(|other| other.id != subnet);
        networks.route_tables.iter_mut().for_each(|table| table.subnets.retain(|associated| associated.id != subnet));
        Ok(())
    }

    /// Adds or replaces a route table that is not the default one. Its subnets leave other route tables.
    pub fn put_route_table(&mut self, table: RouteTable) -> Result<(), ApiError> {
        check_id(&table.id)?;
        let networks = &mut self.project.networks;
        let vpc = networks.vpc(&table.vpc_id).ok_or_else(|| ApiError::no_vpc(&table.vpc_id))?.id.clone();
        let mut subnets = Vec::new();
        for SubnetId { id } in &table.subnets {
            let subnet = networks.subnet(id).ok_or_else(ApiError::no_subnet)?;
            if subnet.vpc_id != vpc {
                return Err(ApiError::vpc(400, "VPC.0207", "Subnet does not belong to the VPC."));
            }
            subnets.push(SubnetId { id: subnet.id.clone() });
        }
        let id = table.id.to_ascii_lowercase();
        networks.route_tables.retain(|other| other.id != id);
        for other in &mut networks.route_tables {
            other.subnets.retain(|associated| !subnets.contains(associated));
        }
        let default = Some(false);
        networks.route_tables.push(RouteTable { id, default, vpc_id: vpc, subnets, ..table });
        Ok(())
    }

    /// Removes a route table that is not the default one. Its subnets get the default one.
    pub fn remove_route_table(&mut self, id: &str) -> Result<(), ApiError> {
        let tables = &mut self.project.networks.route_tables;
        let is_it = |table: &RouteTable| table.id.eq_ignore_ascii_case(id) && table.default != Some(true);
        let at = tables.iter().position(is_it).ok_or_else(|| ApiError::no_route_table(id))?;
        tables.remove(at);
        Ok(())
    }
}
