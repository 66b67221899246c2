//! What a check of the network found, as data, and its texts.

use std::net::IpAddr;

use ipnet::IpNet;

use super::target::{Target, TargetName};
use crate::framework::diagnostic::{Diagnostic, Severity};
use crate::framework::path::Path;

/// Whether an object is certainly missing or may be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// The object does not exist in the project.
    Certain,
    /// The object does not exist, or belongs to another project, or the caller may not see it.
    Possible,
}

/// A contradiction between a connection and the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    VpcMissing {
        vpc: String,
        absence: Absence,
    },
    SubnetMissing {
        subnet: String,
        absence: Absence,
    },
    /// The subnet is in another VPC.
    SubnetElsewhere {
        subnet: String,
        vpc: String,
        actual: String,
    },
    /// The ID of the IPv4 or IPv6 range of a subnet instead of its network.
    NotANetworkId {
        given: String,
        network: String,
        name: String,
    },
    RouteTableMissing {
        table: String,
        absence: Absence,
    },
    RouteTableElsewhere {
        table: String,
        vpc: String,
        actual: String,
    },
    /// The subnet has another route table.
    RouteTableNotOfSubnet {
        table: String,
        subnet: String,
    },
    /// The project has no such queue or pool.
    TargetMissing {
        target: TargetName,
    },
    /// The network of a target overlaps that of the subnet.
    OverlapsSubnet {
        target: Target,
        network: IpNet,
        subnet: String,
        other: IpNet,
    },
    /// The network of a target overlaps one of the VPC's networks, but not the subnet.
    InVpc {
        target: Target,
        network: IpNet,
        vpc: String,
        other: IpNet,
    },
    /// The networks of two targets that are bound to the same VPC overlap.
    TargetsOverlap {
        target: Target,
        network: IpNet,
        other: Bound,
        vpc: String,
    },
    /// A route leads to addresses of a target's own network.
    RouteOverlapsTarget {
        route: String,
        cidr: IpNet,
        target: Target,
        network: IpNet,
    },
    /// An IPv6 route, but sides without IPv6.
    RouteNeedsIpv6 {
        route: String,
        cidr: IpNet,
        without: Vec<String>,
    },
    /// Host addresses without a route.
    HostsOutside {
        count: usize,
        examples: Vec<(String, IpAddr)>,
        ranges: Vec<IpNet>,
    },
}

/// A target that is bound to a VPC, or that a configuration declares for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) target: Target,
    /// The connection, in words.
    pub(crate) connection: String,
    /// Whether the configuration declares it.
    pub(crate) is_declared: bool,
}

/// The argument that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    Vpc,
    Subnet,
    RouteTable,
    Target(&'a TargetName),
    Route(&'a str),
    Hosts,
}

/// The end of each text about an object that may be hidden.
const POSSIBLE: &str = "The VPC may belong to another project or account that shares it, or the credentials may lack \
                        the permission to see it. Otherwise correct the ID.";
/// The network of a queue or pool that the same plan replaces is that of the old one.
const REPLACED: &str = "If this plan replaces the queue or pool, apply the replacement first: terraform apply \
                        -target=ADDRESS.";
/// The documents that state the rules of networks.
const OVERLAP_RULE: &str = "Document: DLI User Guide, \"Creating an Enhanced Datasource Connection\".";

impl Finding {
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::VpcMissing { absence, .. }
            | Self::SubnetMissing { absence, .. }
            | Self::RouteTableMissing { absence, .. } => match absence {
                Absence::Certain => Severity::Error,
                Absence::Possible => Severity::Warning,
            },
            Self::TargetsOverlap { other: Bound { is_declared, .. }, .. } if !is_declared => Severity::Warning,
            Self::SubnetElsewhere { .. }
            | Self::NotANetworkId { .. }
            | Self::RouteTableElsewhere { .. }
            | Self::OverlapsSubnet { .. }
            | Self::TargetsOverlap { .. } => Severity::Error,
            Self::RouteTableNotOfSubnet { .. }
            | Self::TargetMissing { .. }
            | Self::InVpc { .. }
            | Self::RouteOverlapsTarget { .. }
            | Self::RouteNeedsIpv6 { .. }
            | Self::HostsOutside { .. } => Severity::Warning,
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::VpcMissing { .. } => Subject::Vpc,
            Self::SubnetMissing { .. } | Self::SubnetElsewhere { .. } | Self::NotANetworkId { .. } => Subject::Subnet,
            Self::RouteTableMissing { .. } | Self::RouteTableElsewhere { .. } | Self::RouteTableNotOfSubnet { .. } => {
                Subject::RouteTable
            }
            Self::OverlapsSubnet { target, .. } | Self::InVpc { target, .. } | Self::TargetsOverlap { target, .. } => {
                Subject::Target(&target.name)
            }
            Self::TargetMissing { target } => Subject::Target(target),
            Self::RouteOverlapsTarget { route, .. } | Self::RouteNeedsIpv6 { route, .. } => Subject::Route(route),
            Self::HostsOutside { .. } => Subject::Hosts,
        }
    }

    pub(crate) fn summary(&self) -> &'static str {
        match self {
            Self::VpcMissing { absence: Absence::Certain, .. } => "VPC Does Not Exist",
            Self::VpcMissing { .. } => "VPC Not Found",
            Self::SubnetMissing { absence: Absence::Certain, .. } => "Subnet Does Not Exist",
            Self::SubnetMissing { .. } => "Subnet Not Found",
            Self::SubnetElsewhere { .. } => "Subnet in Another VPC",
            Self::NotANetworkId { .. } => "Not the Network ID of the Subnet",
            Self::RouteTableMissing { absence: Absence::Certain, .. } => "Route Table Does Not Exist",
            Self::RouteTableMissing { .. } => "Route Table Not Found",
            Self::RouteTableElsewhere { .. } => "Route Table of Another VPC",
            Self::RouteTableNotOfSubnet { .. } => "Route Table Not Associated With the Subnet",
            Self::TargetMissing { .. } => "Queue or Pool Not Found",
            Self::OverlapsSubnet { .. } => "Network Overlaps the Subnet",
            Self::InVpc { .. } => "Network Overlaps the VPC",
            Self::TargetsOverlap { .. } => "Networks Overlap Each Other",
            Self::RouteOverlapsTarget { .. } => "Route Overlaps a Bound Network",
            Self::RouteNeedsIpv6 { .. } => "IPv6 Route Without IPv6",
            Self::HostsOutside { .. } => "Host Addresses Outside of the Connection",
        }
    }

    /// The facts and what to do.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::VpcMissing { vpc, absence: Absence::Certain } => {
                format!("There is no VPC {vpc} in the project. Correct the ID, the region or the project.")
            }
            Self::VpcMissing { vpc, .. } => format!("The project has no visible VPC {vpc}. {POSSIBLE}"),
            Self::SubnetMissing { subnet, absence: Absence::Certain } => {
                format!("There is no subnet {subnet} in the project. Correct the ID, the region or the project.")
            }
            Self::SubnetMissing { subnet, .. } => format!("The project has no visible subnet {subnet}. {POSSIBLE}"),
            Self::SubnetElsewhere { subnet, vpc, actual } => format!(
                "The subnet {subnet} is in the VPC {actual}, not in the VPC {vpc}. Use that VPC, or a subnet of the \
                 VPC {vpc}."
            ),
            Self::NotANetworkId { given, network, name } => format!(
                "{given} is the ID of an address range of the subnet {name:?} (\"IPv4 subnet ID\" in the console, \
                 neutron_subnet_id in the API). DLI needs its network ID: {network}"
            ),
            Self::RouteTableMissing { table, absence: Absence::Certain } => {
                format!("There is no route table {table} in the project. Correct the ID, the region or the project.")
            }
            Self::RouteTableMissing { table, .. } => {
                format!("The project has no visible route table {table}. {POSSIBLE}")
            }
            Self::RouteTableElsewhere { table, vpc, actual } => format!(
                "The route table {table} belongs to the VPC {actual}, not to the VPC {vpc}. Use a route table of the \
                 VPC {vpc}."
            ),
            Self::RouteTableNotOfSubnet { table, subnet } => format!(
                "The route table {table} is not associated with the subnet {subnet}, so routes in it do not apply to \
                 the subnet. Use the route table of the subnet, or associate this one with it."
            ),
            Self::TargetMissing { target } => {
                format!("The project has no {target}, so its network was not checked. Correct the name.")
            }
            Self::OverlapsSubnet { target, network, subnet, other } => format!(
                "The network {network} of the {target} overlaps the network {other} of the subnet {subnet}. The \
                 binding would fail. The network of a queue or pool cannot be changed: use another subnet, or a queue \
                 or pool with another network. {REPLACED}\n\n{OVERLAP_RULE}"
            ),
            Self::InVpc { target, network, vpc, other } => format!(
                "The network {network} of the {target} overlaps the network {other} of the VPC {vpc}, but not the \
                 subnet. The connection might then reach the subnet but not the rest of the VPC. To avoid this, use a \
                 queue or pool whose network is outside of the VPC."
            ),
            Self::TargetsOverlap { target, network, other, vpc } => format!(
                "The network {network} of the {target} overlaps the network {} of the {}, which {} the VPC {vpc} \
                 through {}. Only one of the two can be reached from the VPC, and the second binding fails.\n\nConnect \
                 one of them to another VPC, or use a queue or pool with another network. {REPLACED}{}",
                other.target.network.map(|network| network.to_string()).unwrap_or_default(),
                other.target,
                if other.is_declared { "is declared for" } else { "is bound to" },
                other.connection,
                if other.is_declared { "" } else { " Ignore this if this plan unbinds it." }
            ),
            Self::RouteOverlapsTarget { route, cidr, target, network } => format!(
                "The network {cidr} of the route {route:?} overlaps the network {network} of the {target}. The route \
                 has no effect for addresses in that network. Remove the route, or use another network."
            ),
            Self::RouteNeedsIpv6 { route, cidr, without } => format!(
                "The route {route:?} leads to the IPv6 network {cidr}, but IPv6 is not enabled for {}. The route has \
                 no effect unless the subnet and the queue or pool have IPv6. Enable IPv6 there, or remove the route.",
                without.join(" and for ")
            ),
            Self::HostsOutside { count, examples, ranges } => hosts_outside(*count, examples, ranges),
        }
    }

    /// As a diagnostic at `path`, with `note` at its end.
    pub(crate) fn diagnostic(&self, path: Path, note: &str) -> Diagnostic {
        let text = format!("{path}: {}\n\n{note}", self.detail());
        let diagnostic = Diagnostic::error(self.summary(), text.trim_end());
        let diagnostic = if self.severity() == Severity::Error { diagnostic } else { diagnostic.into_warning() };
        diagnostic.at(path)
    }
}

fn hosts_outside(count: usize, examples: &[(String, IpAddr)], ranges: &[IpNet]) -> String {
    let shown: Vec<_> = examples.iter().map(|(name, address)| format!("{name} ({address})")).collect();
    let more = count.saturating_sub(examples.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    format!(
        "{count} host {}: {}{more}. They are outside of the networks that the connection leads to: {}. Correct them, \
         or add routes. Ignore this if other resources add the routes.",
        if count == 1 { "address has no route" } else { "addresses have no route" },
        shown.join(", "),
        ranges.join(", ")
    )
}
