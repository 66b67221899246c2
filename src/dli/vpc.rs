//! Responses of the VPC service, with the field names of its documents. Decoding is as lenient as in
//! [`wire`](super::wire).
//!
//! Source: VPC API Reference, "VPC", "Subnet" and "Route Table". A subnet has three IDs: that of its network (`id`, also
//! `neutron_network_id`), which DLI expects, and those of its IPv4 and IPv6 ranges.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::rules;
use super::wire::{lenient_bool, or_default};

/// `status` of a subnet that works.
pub const SUBNET_ACTIVE: &str = "ACTIVE";

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// UUID.
    pub id: String,
    /// Name; not unique.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// IPv4 network; may be empty.
    #[serde(default, deserialize_with = "or_default")]
    pub cidr: String,
    /// Secondary IPv4 networks. Only v3 returns them.
    #[serde(default, deserialize_with = "or_default")]
    pub extend_cidrs: Vec<String>,
    /// `CREATING` or `OK` (v1), `PENDING` or `ACTIVE` (v3).
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
}

impl Vpc {
    /// Its networks, the primary one first. A text that is not a network is left out.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> {
        std::iter::once(&self.cidr).chain(&self.extend_cidrs).filter_map(|cidr| rules::network(cidr))
    }
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// ID of the network, a UUID: the `dest_network_id` of a connection.
    pub id: String,
    /// Name; not unique.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// IPv4 network.
    #[serde(default, deserialize_with = "or_default")]
    pub cidr: String,
    /// Address of the gateway.
    #[serde(default, deserialize_with = "or_default")]
    pub gateway_ip: String,
    /// Whether the subnet has an IPv6 network.
    #[serde(default, deserialize_with = "lenient_bool", skip_serializing_if = "Option::is_none")]
    pub ipv6_enable: Option<bool>,
    /// IPv6 network; missing without IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_v6: Option<String>,
    /// The VPC that contains it.
    #[serde(default, deserialize_with = "or_default")]
    pub vpc_id: String,
    /// `ACTIVE`, `UNKNOWN` or `ERROR`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The same as `id`.
    #[serde(default, deserialize_with = "or_default")]
    pub neutron_network_id: String,
    /// ID of the IPv4 range ("IPv4 subnet ID"), which DLI does not accept.
    #[serde(default, deserialize_with = "or_default")]
    pub neutron_subnet_id: String,
    /// ID of the IPv6 range; missing without IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neutron_subnet_id_v6: Option<String>,
}

impl Subnet {
    /// Its networks, IPv4 first. A text that is not a network is left out.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> {
        std::iter::once(&self.cidr).chain(&self.cidr_v6).filter_map(|cidr| rules::network(cidr))
    }
}

/// A route table of a VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// UUID.
    pub id: String,
    /// Name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// Whether it is the default route table, which the VPC's subnets have unless they have another one.
    #[serde(default, deserialize_with = "lenient_bool", skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// The VPC that contains it.
    #[serde(default, deserialize_with = "or_default")]
    pub vpc_id: String,
    /// The subnets that it applies to.
    #[serde(default, deserialize_with = "or_default")]
    pub subnets: Vec<SubnetId>,
}

/// A subnet in [`RouteTable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetId {
    /// ID of the network.
    pub id: String,
}

/// Response to "show a VPC".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcShown {
    /// The VPC.
    pub vpc: Vpc,
}

/// Response to "show a subnet".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetShown {
    /// The subnet.
    pub subnet: Subnet,
}

/// Response to "list subnets".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetList {
    /// The subnets of this page.
    #[serde(default, deserialize_with = "or_default")]
    pub subnets: Vec<Subnet>,
}

/// Response to "show a route table".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableShown {
    /// The route table.
    pub routetable: RouteTable,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of the documented example responses.
    #[test]
    fn subnet_and_vpc_are_read() {
        let text = r#"{"subnet":{"id":"4779ab1c","name":"subnet","cidr":"192.168.20.0/24","dnsList":["1.2.3.4"],"status":"UNKNOWN","vpc_id":"3ec3b33f","ipv6_enable":true,"gateway_ip":"192.168.20.1","dhcp_enable":true,"neutron_network_id":"4779ab1c","neutron_subnet_id":"213cb9d3","cidr_v6":"2001:db8:a583::/64","availability_zone":null}}"#;
        let SubnetShown { subnet } = serde_json::from_str(text).expect("a subnet");
        assert_eq!((subnet.ipv6_enable, subnet.neutron_subnet_id.as_str()), (Some(true), "213cb9d3"));
        let networks: Vec<_> = subnet.networks().map(|network| network.to_string()).collect();
        assert_eq!(networks, ["192.168.20.0/24", "2001:db8:a583::/64"]);

        let text = r#"{"request_id":"7","vpc":{"id":"99d9d709","cidr":"10.0.0.0/8","extend_cidrs":["23.8.0.0/16"],"cloud_resources":[{"resource_type":"routetable","resource_count":1}],"tags":[]}}"#;
        let VpcShown { vpc } = serde_json::from_str(text).expect("a VPC");
        let networks: Vec<_> = vpc.networks().map(|network| network.to_string()).collect();
        assert_eq!(networks, ["10.0.0.0/8", "23.8.0.0/16"]);
    }
}
