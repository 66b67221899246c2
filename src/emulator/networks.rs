//! The VPCs, subnets and route tables of a project.
//!
//! The emulator's DLI accepts any VPC and subnet, so that a configuration with made-up IDs works. Its VPC service
//! serves only the declared networks. A provider uses it only if `endpoints.vpc` is set.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::api_error::ApiError;
use super::network_details::{SubnetDetails, VpcDetails};
use crate::dli::rules;
use crate::dli::vpc::{RouteTable, SUBNET_ACTIVE, Subnet, SubnetId, Vpc};

/// The networks of one project, in order of creation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Networks {
    pub(super) vpcs: Vec<Vpc>,
    pub(super) subnets: Vec<Subnet>,
    /// A default route table has no subnets here: it applies to those without another one.
    route_tables: Vec<RouteTable>,
    /// Details by VPC ID. A VPC without an entry has the default details.
    vpc_details: BTreeMap<String, VpcDetails>,
    /// Details by subnet ID. A subnet without an entry has the default details.
    subnet_details: BTreeMap<String, SubnetDetails>,
}

impl Networks {
    /// The networks of a new project: the VPC and the subnet of the documents' example, which overlap no queue.
    pub(super) fn seeded() -> Self {
        let vpc = Vpc {
            id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
            name: "vpc-default".to_owned(),
            cidr: "192.168.0.0/16".to_owned(),
            ..Vpc::default()
        };
        let subnet = Subnet {
            id: "78f2562a-36e4-4b39-95b9-f5aab22e1281".to_owned(),
            name: "subnet-default".to_owned(),
            cidr: "192.168.0.0/24".to_owned(),
            vpc_id: vpc.id.clone(),
            neutron_subnet_id: "6dcda7c9-b3b8-4b5a-a1e2-9b6d2ea1f6b4".to_owned(),
            ..Subnet::default()
        };
        let route_table = RouteTable {
            id: "05250d93-d3ad-4d71-8d1b-2ea86ea9e0ff".to_owned(),
            name: "rtb-default".to_owned(),
            default: Some(true),
            vpc_id: vpc.id.clone(),
            ..RouteTable::default()
        };
        Self {
            vpcs: vec![complete_vpc(vpc)],
            subnets: vec![complete_subnet(subnet)],
            route_tables: vec![route_table],
            ..Self::default()
        }
    }

    pub(super) fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.id.eq_ignore_ascii_case(id))
    }

    pub(super) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id.eq_ignore_ascii_case(id))
    }

    /// The details of a VPC.
    pub(super) fn vpc_details(&self, id: &str) -> VpcDetails {
        self.vpc_details.get(&id.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    /// The details of a subnet.
    pub(super) fn subnet_details(&self, id: &str) -> SubnetDetails {
        self.subnet_details.get(&id.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    /// The details of a VPC for a change.
    pub(super) fn vpc_details_mut(&mut self, id: &str) -> Result<&mut VpcDetails, ApiError> {
        let id = self.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?.id.clone();
        Ok(self.vpc_details.entry(id).or_default())
    }

    /// The details of a subnet for a change.
    pub(super) fn subnet_details_mut(&mut self, id: &str) -> Result<&mut SubnetDetails, ApiError> {
        let id = self.subnet(id).ok_or_else(ApiError::no_subnet)?.id.clone();
        Ok(self.subnet_details.entry(id).or_default())
    }

    /// The route tables with their subnets.
    pub(super) fn route_tables(&self) -> impl Iterator<Item = RouteTable> {
        let has_own = |subnet: &Subnet| {
            self.route_tables.iter().any(|table| table.subnets.iter().any(|associated| associated.id == subnet.id))
        };
        self.route_tables.iter().map(move |table| {
            if table.default != Some(true) {
                return table.clone();
            }
            let subnets = self.subnets.iter().filter(|subnet| subnet.vpc_id == table.vpc_id && !has_own(subnet));
            RouteTable { subnets: subnets.map(|subnet| SubnetId { id: subnet.id.clone() }).collect(), ..table.clone() }
        })
    }
}

/// Fills in what the service sets.
fn complete_vpc(vpc: Vpc) -> Vpc {
    let status = if vpc.status.is_empty() { "OK".to_owned() } else { vpc.status };
    Vpc { id: vpc.id.to_ascii_lowercase(), status, ..vpc }
}

/// Fills in what the service sets.
fn complete_subnet(subnet: Subnet) -> Subnet {
    let id = subnet.id.to_ascii_lowercase();
    let or = |text: String, default: String| if text.is_empty() { default } else { text };
    let gateway = rules::network(&subnet.cidr).and_then(|network| network.hosts().next());
    Subnet {
        neutron_network_id: id.clone(),
        neutron_subnet_id: or(subnet.neutron_subnet_id, Uuid::new_v4().to_string()),
        gateway_ip: or(subnet.gateway_ip, gateway.map(|address| address.to_string()).unwrap_or_default()),
        status: or(subnet.status, SUBNET_ACTIVE.to_owned()),
        ipv6_enable: Some(subnet.ipv6_enable.unwrap_or(subnet.cidr_v6.is_some())),
        neutron_subnet_id_v6: subnet
            .neutron_subnet_id_v6
            .or_else(|| subnet.cidr_v6.as_ref().map(|_| Uuid::new_v4().to_string())),
        vpc_id: subnet.vpc_id.to_ascii_lowercase(),
        id,
        ..subnet
    }
}

fn network(cidr: &str) -> Result<IpNet, ApiError> {
    rules::network(cidr).ok_or_else(|| ApiError::new(400, "VPC.0212", format!("The cidr {cidr:?} is not valid")))
}

/// Replaces the object with the same ID in its place, so that pages by marker stay complete, or adds it at the end.
fn put<T>(objects: &mut Vec<T>, object: T, id: fn(&T) -> &String) {
    match objects.iter_mut().find(|other| id(other) == id(&object)) {
        Some(other) => *other = object,
        None => objects.push(object),
    }
}

fn check_id(id: &str) -> Result<(), ApiError> {
    if rules::VPC_ID.allows(id) { Ok(()) } else { Err(ApiError::new(400, "VPC.0101", format!("{id:?} is no UUID"))) }
}

impl Networks {
    /// Adds a VPC with a default route table, or replaces one in its place of the order. Its networks must contain its
    /// subnets; the error for others is an inference.
    pub fn put_vpc(&mut self, vpc: Vpc) -> Result<(), ApiError> {
        check_id(&vpc.id)?;
        for cidr in std::iter::once(&vpc.cidr).chain(&vpc.extend_cidrs) {
            network(cidr)?;
        }
        let vpc = complete_vpc(vpc);
        for subnet in self.subnets.iter().filter(|subnet| subnet.vpc_id == vpc.id) {
            let cidr = network(&subnet.cidr)?;
            if !vpc.networks().any(|network| network.contains(&cidr)) {
                let text = format!("Subnet {} ({cidr}) is not in the range of VPC.", subnet.id);
                return Err(ApiError::new(400, "VPC.0203", text));
            }
        }
        if self.vpc(&vpc.id).is_none() {
            self.route_tables.push(RouteTable {
                id: Uuid::new_v4().to_string(),
                name: format!("rtb-{}", vpc.name),
                default: Some(true),
                vpc_id: vpc.id.clone(),
                ..RouteTable::default()
            });
        }
        put(&mut self.vpcs, vpc, |vpc| &vpc.id);
        Ok(())
    }

    /// Removes a VPC without subnets. The error for one with subnets is an inference.
    pub fn remove_vpc(&mut self, id: &str) -> Result<(), ApiError> {
        let vpc = self.vpc(id).ok_or_else(|| ApiError::no_vpc(id))?.id.clone();
        if let Some(subnet) = self.subnets.iter().find(|subnet| subnet.vpc_id == vpc) {
            return Err(ApiError::new(409, "VPC.0103", format!("VPC {id} contains the subnet {}", subnet.id)));
        }
        self.vpcs.retain(|other| other.id != vpc);
        self.vpc_details.remove(&vpc);
        self.route_tables.retain(|table| table.vpc_id != vpc);
        Ok(())
    }

    /// Adds a subnet, or replaces one in its place of the order. Its network must be in a network of the VPC and
    /// overlap no other subnet there. A subnet that changes its VPC leaves its route table.
    pub fn put_subnet(&mut self, subnet: Subnet) -> Result<(), ApiError> {
        check_id(&subnet.id)?;
        let cidr = network(&subnet.cidr)?;
        let subnet = complete_subnet(subnet);
        let vpc = self.vpc(&subnet.vpc_id).ok_or_else(|| ApiError::no_vpc(&subnet.vpc_id))?;
        if !vpc.networks().any(|network| network.contains(&cidr)) {
            return Err(ApiError::new(400, "VPC.0203", "Subnet is not in the range of VPC."));
        }
        let others = self.subnets.iter().filter(|other| other.vpc_id == subnet.vpc_id && other.id != subnet.id);
        if others.flat_map(Subnet::networks).any(|other| other.contains(&cidr) || cidr.contains(&other)) {
            let text = "The subnet has already existed in the VPC, or has been in conflict with the VPC subnet.";
            return Err(ApiError::new(400, "VPC.0204", text));
        }
        let other_tables = self.route_tables.iter_mut().filter(|table| table.vpc_id != subnet.vpc_id);
        other_tables.for_each(|table| table.subnets.retain(|associated| associated.id != subnet.id));
        put(&mut self.subnets, subnet, |subnet| &subnet.id);
        Ok(())
    }

    /// Removes a subnet. Connections to it remain.
    pub fn remove_subnet(&mut self, id: &str) -> Result<(), ApiError> {
        let subnet = self.subnet(id).ok_or_else(ApiError::no_subnet)?.id.clone();
        self.subnets.retain(|other| other.id != subnet);
        self.subnet_details.remove(&subnet);
        self.route_tables.iter_mut().for_each(|table| table.subnets.retain(|associated| associated.id != subnet));
        Ok(())
    }

    /// Adds a route table, or replaces one in its place of the order. Its subnets leave other route tables. A default
    /// route table cannot be replaced; the error is an inference.
    pub fn put_route_table(&mut self, table: RouteTable) -> Result<(), ApiError> {
        check_id(&table.id)?;
        let vpc = self.vpc(&table.vpc_id).ok_or_else(|| ApiError::no_vpc(&table.vpc_id))?.id.clone();
        let mut subnets = Vec::new();
        for SubnetId { id } in &table.subnets {
            let subnet = self.subnet(id).ok_or_else(ApiError::no_subnet)?;
            if subnet.vpc_id != vpc {
                return Err(ApiError::new(400, "VPC.0207", "Subnet does not belong to the VPC."));
            }
            subnets.push(SubnetId { id: subnet.id.clone() });
        }
        let id = table.id.to_ascii_lowercase();
        if self.route_tables.iter().any(|other| other.id == id && other.default == Some(true)) {
            let text = format!("Route table {id} is the default route table of its VPC and cannot be replaced");
            return Err(ApiError::new(409, "VPC.2703", text));
        }
        for other in &mut self.route_tables {
            other.subnets.retain(|associated| !subnets.contains(associated));
        }
        let table = RouteTable { id, default: Some(false), vpc_id: vpc, subnets, ..table };
        put(&mut self.route_tables, table, |table| &table.id);
        Ok(())
    }

    /// Removes a route table that is not the default one. Its subnets get the default one.
    pub fn remove_route_table(&mut self, id: &str) -> Result<(), ApiError> {
        let tables = &mut self.route_tables;
        let is_it = |table: &RouteTable| table.id.eq_ignore_ascii_case(id) && table.default != Some(true);
        let at = tables.iter().position(is_it).ok_or_else(|| ApiError::no_route_table(id))?;
        tables.remove(at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default route table applies to every subnet of its VPC without another one.
    #[test]
    fn subnet_has_one_route_table() {
        let mut networks = Networks::seeded();
        let tables = |networks: &Networks| -> Vec<_> {
            networks.route_tables().map(|table| (table.name, table.subnets.len())).collect()
        };
        assert_eq!(tables(&networks), [("rtb-default".to_owned(), 1)]);
        let subnets = vec![SubnetId { id: networks.subnets[0].id.clone() }];
        let own = RouteTable { id: "own".into(), name: "own".into(), subnets, ..networks.route_tables[0].clone() };
        networks.route_tables.push(RouteTable { default: Some(false), ..own });
        assert_eq!(tables(&networks), [("rtb-default".to_owned(), 0), ("own".to_owned(), 1)]);
    }
}
