//! The operations of the VPC service: v1 and, for VPCs, v3. Networks are declared without requests.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::network_details::{SubnetSettings, VpcSettings, subnet_v1, vpc_v1, vpc_v3};
use super::networks::Networks;
use super::{
    api_error::ApiError, network_limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse,
};
use crate::dli::rules;
use crate::dli::vpc::{RouteTableShown, Subnet, Vpc};

/// Maximum size of a page, and its default (documented).
const MAX_PAGE: usize = 2000;
/// The value of a filter for all enterprise projects that the caller may use (documented).
const ALL_ENTERPRISE_PROJECTS: &str = "all_granted_eps";
/// Codes of invalid parameters of VPCs and subnets.
const VPC_CODE: &str = "VPC.0101";
const SUBNET_CODE: &str = "VPC.0201";

/// The version of an operation on VPCs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V3,
}

pub(super) fn list_vpcs(
    service: &ProjectService<'_>,
    request: &ApiRequest,
    version: Version,
) -> Result<ApiResponse, ApiError> {
    let networks = &service.project.networks;
    let is_wanted = |vpc: &&Vpc| is_wanted_vpc(version, request, networks, vpc);
    let vpcs = page(request, networks.vpcs.iter().filter(is_wanted).collect(), |vpc| &vpc.id)?;
    let vpcs: Vec<_> = vpcs.into_iter().map(|vpc| vpc_row(version, networks, vpc, request)).collect();
    Ok(ApiResponse::ok(&json!({ "vpcs": vpcs })))
}

pub(super) fn show_vpc(
    service: &ProjectService<'_>,
    request: &ApiRequest,
    version: Version,
) -> Result<ApiResponse, ApiError> {
    let id = request.segment("vpc_id");
    if !rules::VPC_ID.allows(id) {
        return Err(ApiError::new(400, VPC_CODE, "getVpc error vpcId is invalid"));
    }
    let networks = &service.project.networks;
    let vpc = networks.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?;
    Ok(ApiResponse::ok(&json!({ "vpc": vpc_row(version, networks, vpc, request) })))
}

pub(super) fn list_subnets(service: &ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (networks, vpc) = (&service.project.networks, request.parameter("vpc_id"));
    let is_wanted = |subnet: &&Subnet| vpc.is_none_or(|vpc| subnet.vpc_id.eq_ignore_ascii_case(vpc));
    let subnets = page(request, networks.subnets.iter().filter(is_wanted).collect(), |subnet| &subnet.id)?;
    let subnets: Vec<_> = subnets.into_iter().map(|subnet| subnet_row(networks, subnet, request)).collect();
    Ok(ApiResponse::ok(&json!({ "subnets": subnets })))
}

pub(super) fn show_subnet(service: &ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let id = request.segment("subnet_id");
    if !rules::NETWORK_ID.allows(id) {
        return Err(ApiError::new(400, SUBNET_CODE, "Subnet ID is invalid."));
    }
    let networks = &service.project.networks;
    let subnet = networks.subnet(id).ok_or_else(ApiError::no_subnet)?;
    Ok(ApiResponse::ok(&json!({ "subnet": subnet_row(networks, subnet, request) })))
}

pub(super) fn list_route_tables(service: &ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (id, vpc, subnet) = (request.parameter("id"), request.parameter("vpc_id"), request.parameter("subnet_id"));
    let mut tables: Vec<_> = service.project.networks.route_tables().collect();
    tables.retain(|table| {
        id.is_none_or(|id| table.id.eq_ignore_ascii_case(id))
            && vpc.is_none_or(|vpc| table.vpc_id.eq_ignore_ascii_case(vpc))
            && subnet.is_none_or(|id| table.subnets.iter().any(|subnet| subnet.id.eq_ignore_ascii_case(id)))
    });
    let routetables = page(request, tables.iter().collect(), |table| &table.id)?;
    Ok(ApiResponse::ok(&json!({ "routetables": routetables })))
}

pub(super) fn show_route_table(service: &ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let id = request.segment("routetable_id");
    let routetable = service.project.networks.route_tables().find(|table| table.id.eq_ignore_ascii_case(id));
    let routetable = routetable.ok_or_else(|| ApiError::no_route_table(id))?;
    Ok(ApiResponse::ok(&RouteTableShown { routetable }))
}

#[derive(Deserialize)]
struct VpcBody {
    vpc: VpcSettings,
}

#[derive(Deserialize)]
struct SubnetBody {
    subnet: SubnetSettings,
}

pub(super) fn create_vpc(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let VpcBody { vpc: settings } = request.json_or(VPC_CODE)?;
    let vpc = Vpc { id: Uuid::new_v4().to_string(), ..Vpc::default() };
    save_vpc(service, request, vpc, settings, true)
}

pub(super) fn update_vpc(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let VpcBody { vpc: settings } = request.json_or(VPC_CODE)?;
    let id = request.segment("vpc_id");
    let vpc = service.networks().vpc(id).ok_or_else(|| ApiError::no_vpc(id))?.clone();
    save_vpc(service, request, vpc, settings, false)
}

/// Applies the settings to a VPC, saves it with its details and returns it.
fn save_vpc(
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
    vpc: Vpc,
    mut settings: VpcSettings,
    is_new: bool,
) -> Result<ApiResponse, ApiError> {
    let id = vpc.id.clone();
    let name = settings.name.take().unwrap_or(vpc.name);
    let vpc = Vpc { name, cidr: settings.cidr.take().unwrap_or(vpc.cidr), ..vpc };
    network_limits::name(VPC_CODE, &vpc.name, 0)?;
    let mut details = service.project.networks.vpc_details(&id);
    details.apply(settings, is_new, service.now)?;
    let networks = service.networks();
    networks.put_vpc(vpc)?;
    *networks.vpc_details_mut(&id)? = details;
    let vpc = networks.vpc(&id).ok_or_else(|| ApiError::no_vpc(&id))?;
    Ok(ApiResponse::ok(&json!({ "vpc": vpc_row(Version::V1, networks, vpc, request) })))
}

pub(super) fn create_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let SubnetBody { subnet: mut settings } = request.json_or(SUBNET_CODE)?;
    let subnet = Subnet {
        id: Uuid::new_v4().to_string(),
        cidr: settings.cidr.take().unwrap_or_default(),
        gateway_ip: settings.gateway_ip.take().unwrap_or_default(),
        vpc_id: settings.vpc_id.take().unwrap_or_default(),
        cidr_v6: free_ipv6_network(service).filter(|_| settings.ipv6_enable == Some(true)),
        ..Subnet::default()
    };
    let id = subnet.id.clone();
    save_subnet(service, subnet, settings, true)?;
    let networks = &service.project.networks;
    let subnet = networks.subnet(&id).ok_or_else(ApiError::no_subnet)?;
    Ok(ApiResponse::ok(&json!({ "subnet": subnet_row(networks, subnet, request) })))
}

/// The response has the ID and the status only (documented). IPv6 can be enabled but not disabled (an inference).
pub(super) fn update_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let SubnetBody { subnet: settings } = request.json_or(SUBNET_CODE)?;
    let subnet = subnet_of_vpc(service, request)?.clone();
    let shown = json!({ "subnet": { "id": subnet.id, "status": subnet.status } });
    let cidr_v6 = match settings.ipv6_enable {
        Some(false) if subnet.cidr_v6.is_some() => {
            return Err(ApiError::new(400, SUBNET_CODE, "IPv6 of a subnet cannot be disabled"));
        }
        Some(true) => subnet.cidr_v6.or_else(|| free_ipv6_network(service)),
        _ => subnet.cidr_v6,
    };
    save_subnet(service, Subnet { ipv6_enable: Some(cidr_v6.is_some()), cidr_v6, ..subnet }, settings, false)?;
    Ok(ApiResponse::ok(&shown))
}

/// Applies the settings to a subnet and saves it with its details.
fn save_subnet(
    service: &mut ProjectService<'_>,
    subnet: Subnet,
    mut settings: SubnetSettings,
    is_new: bool,
) -> Result<(), ApiError> {
    let subnet = Subnet { name: settings.name.take().unwrap_or(subnet.name), ..subnet };
    network_limits::name(SUBNET_CODE, &subnet.name, 1)?;
    let id = subnet.id.clone();
    let mut details = service.project.networks.subnet_details(&id);
    details.apply(settings, is_new, service.now)?;
    let networks = service.networks();
    networks.put_subnet(subnet)?;
    *networks.subnet_details_mut(&id)? = details;
    Ok(())
}

/// The first network of the documentation's range that no subnet has (an inference).
fn free_ipv6_network(service: &ProjectService<'_>) -> Option<String> {
    let networks: Vec<_> =
        service.project.networks.subnets.iter().filter_map(|subnet| subnet.cidr_v6.as_deref()).collect();
    let mut candidates = (0..=u16::MAX).map(|number| format!("2001:db8:{number:x}::/64"));
    candidates.find(|cidr| !networks.contains(&cidr.as_str()))
}

pub(super) fn delete_subnet(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let id = subnet_of_vpc(service, request)?.id.clone();
    service.networks().remove_subnet(&id).map(|()| ApiResponse::no_content())
}

/// The subnet of a path, which must be in the VPC of the path.
fn subnet_of_vpc<'a>(service: &'a ProjectService<'_>, request: &ApiRequest) -> Result<&'a Subnet, ApiError> {
    let (vpc, id) = (request.segment("vpc_id"), request.segment("subnet_id"));
    let subnet = service.project.networks.subnet(id).ok_or_else(ApiError::no_subnet)?;
    let text = "Subnet does not belong to the VPC.";
    if subnet.vpc_id.eq_ignore_ascii_case(vpc) { Ok(subnet) } else { Err(ApiError::new(400, "VPC.0207", text)) }
}

/// Whether a VPC passes the filters of a list, which each version has (documented). Values of one filter are
/// alternatives.
fn is_wanted_vpc(version: Version, request: &ApiRequest, networks: &Networks, vpc: &Vpc) -> bool {
    let passes = |name: &str, is_value: &dyn Fn(&str) -> bool| {
        let mut values = request.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value).peekable();
        values.peek().is_none() || values.any(|value| is_value(value))
    };
    let of_version = if version == Version::V3 {
        passes("name", &|name| vpc.name == name) && passes("cidr", &|cidr| vpc.cidr == cidr)
    } else {
        let project = networks.vpc_details(&vpc.id).enterprise_project_id;
        passes("enterprise_project_id", &|id| id == ALL_ENTERPRISE_PROJECTS || project == id)
    };
    of_version && passes("id", &|id| vpc.id.eq_ignore_ascii_case(id))
}

fn vpc_row(version: Version, networks: &Networks, vpc: &Vpc, request: &ApiRequest) -> Value {
    let show = match version {
        Version::V1 => vpc_v1,
        Version::V3 => vpc_v3,
    };
    show(vpc, &networks.vpc_details(&vpc.id), request.segment("project_id"))
}

fn subnet_row(networks: &Networks, subnet: &Subnet, request: &ApiRequest) -> Value {
    subnet_v1(subnet, &networks.subnet_details(&subnet.id), request.segment("project_id"))
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
    /// The VPCs, subnets and route tables.
    pub fn networks(&mut self) -> &mut Networks {
        &mut self.project.networks
    }
}
