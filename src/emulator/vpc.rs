//! The operations of the VPC service: v1 and, for VPCs, v3. Networks are declared without requests.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{api_error::ApiError, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::operation::Operation;
use crate::dli::rules;
use crate::dli::vpc::{RouteTable, RouteTableShown, Subnet, SubnetList, SubnetShown, Vpc, VpcShown};

/// Maximum size of a page, and its default (documented).
const MAX_PAGE: usize = 2000;

pub(super) fn run(
    operation: Operation,
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    match operation {
        Operation::CreateVpc => return create_vpc(service, request),
        Operation::UpdateVpc => return update_vpc(service, request),
        Operation::DeleteVpc => {
            return service.remove_vpc(request.segment("vpc_id")).map(|()| ApiResponse::no_content());
        }
        Operation::CreateSubnet => return create_subnet(service, request),
        Operation::UpdateSubnet => return update_subnet(service, request),
        Operation::DeleteSubnet => return delete_subnet(service, request),
        _ => {}
    }
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

/// The writable fields of a VPC or subnet. A missing field of an update stays as it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    cidr: Option<String>,
    gateway_ip: Option<String>,
    vpc_id: Option<String>,
    ipv6_enable: bool,
}

#[derive(Deserialize)]
struct VpcBody {
    vpc: Fields,
}

#[derive(Deserialize)]
struct SubnetBody {
    subnet: Fields,
}

fn create_vpc(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let VpcBody { vpc: Fields { name, cidr, .. } } = request.json()?;
    let id = Uuid::new_v4().to_string();
    let (name, cidr) = (name.unwrap_or_default(), cidr.unwrap_or_default());
    service.put_vpc(Vpc { id: id.clone(), name, cidr, ..Vpc::default() })?;
    shown_vpc(service, &id)
}

fn update_vpc(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (VpcBody { vpc: Fields { name, cidr, .. } }, id) = (request.json()?, request.segment("vpc_id"));
    let vpc = service.project.networks.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?.clone();
    let (name, cidr) = (name.unwrap_or(vpc.name), cidr.unwrap_or(vpc.cidr));
    service.put_vpc(Vpc { name, cidr, ..vpc })?;
    shown_vpc(service, id)
}

fn shown_vpc(service: &ProjectService<'_>, id: &str) -> Result<ApiResponse, ApiError> {
    let vpc = service.project.networks.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?;
    Ok(ApiResponse::ok(&json!({ "vpc": of_version(Operation::ShowVpc, vpc) })))
}

/// An IPv6 subnet gets the first free network of the documentation's range (an inference).
fn create_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let SubnetBody { subnet: Fields { name, cidr, gateway_ip, vpc_id, ipv6_enable } } = request.json()?;
    let networks: Vec<_> =
        service.project.networks.subnets.iter().filter_map(|subnet| subnet.cidr_v6.as_deref()).collect();
    let mut candidates = (0..=u16::MAX).map(|number| format!("2001:db8:{number:x}::/64"));
    let free = candidates.find(|cidr| !networks.contains(&cidr.as_str()));
    let id = Uuid::new_v4().to_string();
    service.put_subnet(Subnet {
        id: id.clone(),
        name: name.unwrap_or_default(),
        cidr: cidr.unwrap_or_default(),
        gateway_ip: gateway_ip.unwrap_or_default(),
        vpc_id: vpc_id.unwrap_or_default(),
        cidr_v6: free.filter(|_| ipv6_enable),
        ..Subnet::default()
    })?;
    let subnet = service.project.networks.subnet(&id).ok_or_else(ApiError::no_subnet)?.clone();
    Ok(ApiResponse::ok(&SubnetShown { subnet }))
}

/// Only the name can change. The response has the ID and the status (documented).
fn update_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let SubnetBody { subnet: Fields { name, .. } } = request.json()?;
    let subnet = subnet_of_vpc(service, request)?.clone();
    let shown = json!({ "subnet": { "id": subnet.id, "status": subnet.status } });
    service.put_subnet(Subnet { name: name.unwrap_or_else(|| subnet.name.clone()), ..subnet })?;
    Ok(ApiResponse::ok(&shown))
}

fn delete_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let id = subnet_of_vpc(service, request)?.id.clone();
    service.remove_subnet(&id).map(|()| ApiResponse::no_content())
}

/// The subnet of a path, which must be in the VPC of the path.
fn subnet_of_vpc<'a>(service: &'a ProjectService<'_>, request: &ApiRequest) -> Result<&'a Subnet, ApiError> {
    let (vpc, id) = (request.segment("vpc_id"), request.segment("subnet_id"));
    let subnet = service.project.networks.subnet(id).ok_or_else(ApiError::no_subnet)?;
    let text = "Subnet does not belong to the VPC.";
    if subnet.vpc_id.eq_ignore_ascii_case(vpc) { Ok(subnet) } else { Err(ApiError::vpc(400, "VPC.0207", text)) }
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

impl ProjectService<'_> {
    /// Adds a VPC with a default route table, or replaces one. Its networks must contain its subnets.
    pub fn put_vpc(&mut self, vpc: Vpc) -> Result<(), ApiError> {
        self.project.networks.put_vpc(vpc)
    }

    /// Removes a VPC without subnets.
    pub fn remove_vpc(&mut self, id: &str) -> Result<(), ApiError> {
        self.project.networks.remove_vpc(id)
    }

    /// Adds or replaces a subnet. Its network must be in a network of the VPC and overlap no other subnet there. A
    /// subnet that changes its VPC leaves its route table.
    pub fn put_subnet(&mut self, subnet: Subnet) -> Result<(), ApiError> {
        self.project.networks.put_subnet(subnet)
    }

    /// Removes a subnet. Connections to it remain.
    pub fn remove_subnet(&mut self, id: &str) -> Result<(), ApiError> {
        self.project.networks.remove_subnet(id)
    }

    /// Adds or replaces a route table. Its subnets leave other route tables. A default route table cannot be replaced.
    pub fn put_route_table(&mut self, table: RouteTable) -> Result<(), ApiError> {
        self.project.networks.put_route_table(table)
    }

    /// Removes a route table that is not the default one. Its subnets get the default one.
    pub fn remove_route_table(&mut self, id: &str) -> Result<(), ApiError> {
        self.project.networks.remove_route_table(id)
    }
}
