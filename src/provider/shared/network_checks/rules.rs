//! The rules of networks. Pure.
//!
//! Sources: DLI User Guide, "Creating an Enhanced Datasource Connection" and "Adding a Route" (the networks of a queue
//! and a data source must not overlap; IPv6 must be enabled on both sides); DLI FAQ on conflicting networks of two
//! queues; VPC User Guide, "VPC Peering Connections" (overlapping VPCs); DLI API Reference, "Modifying the CIDR Block of
//! a Queue".

use std::net::IpAddr;

use ipnet::IpNet;

use super::finding::{Bound, Finding, Kind, Subject};
use super::target::Target;
use crate::dli::rules::{self, overlap};
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::path::Path;
use crate::framework::value::Value;

/// Number of hosts that a finding names.
const EXAMPLES: usize = 3;
/// How to avoid that the network of a pool, or of a queue outside of any pool, overlaps a subnet.
const OTHER_POOL: &str = "The network of a pool cannot be changed: use another subnet, or a pool with another network.";
const OTHER_QUEUE: &str = "Use another subnet, or a queue with another network. The network of this queue can be changed \
                           (API UpdateQueueCidr) while no job runs on the queue and no connection binds it.";
/// The network of a queue or pool that the same plan replaces is that of the old one.
const REPLACED: &str = "If this plan replaces the queue or pool, apply the replacement first: terraform apply \
                        -target=ADDRESS.";

/// The network of a target must be outside of the subnet, and should be outside of the VPC.
pub(crate) fn check_range(target: &Target, subnet: &Subnet, vpc: Option<&Vpc>) -> Option<Finding> {
    let (subject, network) = (Subject::Target(target.name.clone()), target.network?);
    if let Some(other) = subnet.networks().find(|other| overlap(&network, other)) {
        let text = format!(
            "The network {network} of the {target} overlaps the network {other} of the subnet {}. The binding would \
             fail. {} {REPLACED}\n\nDocument: DLI User Guide, \"Creating an Enhanced Datasource Connection\".",
            label(&subnet.id, &subnet.name),
            if target.bound.is_pool() { OTHER_POOL } else { OTHER_QUEUE }
        );
        return Some(Finding::error(subject, "Network Overlaps the Subnet", text));
    }
    let vpc = vpc?;
    let other = vpc.networks().find(|other| overlap(&network, other))?;
    let text = format!(
        "The network {network} of the {target} overlaps the network {other} of the VPC {}, but not the subnet. The \
         connection might then reach the subnet but not the rest of the VPC. To avoid this, use a queue or pool whose \
         network is outside of the VPC.",
        label(&vpc.id, &vpc.name)
    );
    Some(Finding::warning(subject, "Network Overlaps the VPC", text))
}

/// The networks of two targets of one VPC must not overlap. A target does not conflict with itself.
pub(crate) fn check_pair(target: &Target, other: &Bound, vpc: &str) -> Option<Finding> {
    let (network, theirs) = (target.network?, other.target.network?);
    if target.bound == other.target.bound || !overlap(&network, &theirs) {
        return None;
    }
    let (uses, note) = if other.is_declared {
        ("is declared for", "")
    } else {
        ("is bound to", " Ignore this if this plan unbinds it.")
    };
    let text = format!(
        "The network {network} of the {target} overlaps the network {theirs} of the {}, which {uses} the VPC {vpc} \
         through {}. Only one of the two can be reached from the VPC, and the second binding fails.\n\nConnect one of \
         them to another VPC, or use a queue or pool with another network. {REPLACED}{note}",
        other.target, other.connection
    );
    let finding = if other.is_declared { Finding::error } else { Finding::warning };
    Some(finding(Subject::Target(target.name.clone()), "Networks Overlap Each Other", text))
}

/// Compares a route with the targets of its connection and, unless `None`, with the IPv6 support of the subnet.
pub(crate) fn check_route(
    route: &str,
    cidr: IpNet,
    subnet_has_ipv6: Option<bool>,
    targets: &[Target],
) -> impl Iterator<Item = Finding> + use<> {
    let overlap = check_route_range(route, cidr, targets);
    overlap.into_iter().chain(check_ipv6(route, cidr, subnet_has_ipv6, targets))
}

/// A route should not lead to the network of a target. A default route contains every network on purpose.
fn check_route_range(route: &str, cidr: IpNet, targets: &[Target]) -> Option<Finding> {
    let overlapping = |target: &Target| Some((target.clone(), target.network.filter(|it| overlap(it, &cidr))?));
    let (target, network) = targets.iter().find_map(overlapping).filter(|_| cidr.prefix_len() > 0)?;
    let text = format!(
        "The network {cidr} of the route {route:?} overlaps the network {network} of the {target}. The route has no \
         effect for addresses in that network. Remove the route, or use another network."
    );
    Some(Finding::warning(Subject::Route(route.to_owned()), "Route Overlaps a Bound Network", text))
}

/// Warns if a plan changes the network of a route to one that the cloud uses itself. Such a route is allowed.
pub(crate) fn check_reserved(path: Path, prior: &Value, planned: &Value) -> Option<Diagnostic> {
    let network = planned.as_str().filter(|_| prior != planned).and_then(rules::network)?;
    let overlaps = |reserved: &&&str| rules::network(reserved).is_some_and(|reserved| overlap(&reserved, &network));
    // A default route contains every network on purpose.
    let reserved = rules::RESERVED_ROUTES.iter().rev().find(overlaps).filter(|_| network.prefix_len() > 0)?;
    let detail = format!(
        "{path}: {network} overlaps {reserved}, which the cloud uses for its own services; traffic to them may be \
         lost.\n\nDocument: DLI User Guide, \"Adding a Route\"."
    );
    Some(Diagnostic::warning("Route to a Reserved Network", detail).at(path))
}

/// An IPv6 route needs IPv6 in the subnet and in every pool. `None` means unknown.
fn check_ipv6(route: &str, cidr: IpNet, subnet_has_ipv6: Option<bool>, targets: &[Target]) -> Option<Finding> {
    if cidr.addr().is_ipv4() {
        return None;
    }
    let subnet = (subnet_has_ipv6 == Some(false)).then(|| "the subnet".to_owned());
    let targets = targets.iter().filter(|target| target.has_ipv6 == Some(false)).map(|target| format!("the {target}"));
    let without: Vec<_> = subnet.into_iter().chain(targets).collect();
    if without.is_empty() {
        return None;
    }
    let text = format!(
        "The route {route:?} leads to the IPv6 network {cidr}, but IPv6 is not enabled for {}. The route has no effect \
         unless the subnet and the queue or pool have IPv6. Enable IPv6 there, or remove the route.",
        without.join(" and for ")
    );
    Some(Finding::warning(Subject::Route(route.to_owned()), "IPv6 Route Without IPv6", text))
}

/// The addresses of hosts should be in a network that the connection leads to.
pub(crate) fn check_hosts<'a>(hosts: impl Iterator<Item = (&'a str, IpAddr)>, ranges: &[IpNet]) -> Option<Finding> {
    let outside: Vec<_> = hosts.filter(|(_, address)| !ranges.iter().any(|range| range.contains(address))).collect();
    let have = match outside.len() {
        0 => return None,
        1 => "address has no route",
        _ => "addresses have no route",
    };
    let shown: Vec<_> = outside.iter().take(EXAMPLES).map(|(name, address)| format!("{name} ({address})")).collect();
    let more = outside.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let ranges: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    let text = format!(
        "{} host {have}: {}{more}. They are outside of the networks that the connection leads to: {}. Correct them, or \
         add routes. Ignore this if other resources add the routes.",
        outside.len(),
        shown.join(", "),
        ranges.join(", ")
    );
    Some(Finding::warning(Subject::Hosts, "Host Addresses Outside of the Connection", text))
}

/// A route table must be one of the VPC, and should be that of the subnet.
pub(crate) fn check_route_table(table: &RouteTable, vpc: &str, subnet: &str) -> Option<Finding> {
    let RouteTable { id, vpc_id: actual, subnets, .. } = table;
    let subject = Subject::Object(Kind::RouteTable);
    if !actual.eq_ignore_ascii_case(vpc) {
        let text = format!(
            "The route table {id} belongs to the VPC {actual}, not to the VPC {vpc}. Use a route table of the VPC \
             {vpc}."
        );
        return Some(Finding::error(subject, "Route Table of Another VPC", text));
    }
    if subnets.iter().any(|associated| associated.id.eq_ignore_ascii_case(subnet)) {
        return None;
    }
    let text = format!(
        "The route table {id} is not associated with the subnet {subnet}, so routes in it do not apply to the subnet. \
         Use the route table of the subnet, or associate this one with it."
    );
    Some(Finding::warning(subject, "Route Table Not Associated With the Subnet", text))
}

/// A subnet must be in the VPC of the connection, not in another one.
pub(super) fn subnet_elsewhere(id: &str, vpc: &str, actual: &str) -> Finding {
    let text = format!(
        "The subnet {id} is in the VPC {actual}, not in the VPC {vpc}. Use that VPC, or a subnet of the VPC {vpc}."
    );
    Finding::error(Subject::Object(Kind::Subnet), "Subnet in Another VPC", text)
}

/// Recognizes an ID of an address range where the ID of a network is needed.
pub(crate) fn check_network_id(given: &str, subnets: &[Subnet]) -> Option<Finding> {
    let is_range = |subnet: &&Subnet| {
        let ids = std::iter::once(&subnet.neutron_subnet_id).chain(&subnet.neutron_subnet_id_v6);
        ids.into_iter().any(|id| id.eq_ignore_ascii_case(given))
    };
    let Subnet { id: network, name, .. } = subnets.iter().find(is_range)?;
    let text = format!(
        "{given} is the ID of an address range of the subnet {name:?} (\"IPv4 subnet ID\" in the console, \
         neutron_subnet_id in the API). DLI needs its network ID: {network}"
    );
    Some(Finding::error(Subject::Object(Kind::Subnet), "Not the Network ID of the Subnet", text))
}

/// An ID with the name, if it has one.
fn label(id: &str, name: &str) -> String {
    if name.is_empty() { id.to_owned() } else { format!("{name:?} ({id})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dli::vpc::SubnetId;
    use crate::framework::diagnostic::Severity;
    use crate::provider::shared::binding_target::BindingTarget;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a network")
    }

    fn target(name: &str, network: &str) -> Target {
        let name = BindingTarget::pool(name);
        Target { bound: name.clone(), name, network: Some(net(network)), has_ipv6: None }
    }

    fn subnet(cidr: &str) -> Subnet {
        Subnet { id: "s".into(), cidr: cidr.into(), vpc_id: "v".into(), ..Subnet::default() }
    }

    #[test]
    fn range_is_an_error_in_the_subnet_and_a_warning_in_the_vpc() {
        let vpc = Vpc {
            id: "v".into(),
            cidr: "192.168.0.0/16".into(),
            extend_cidrs: vec!["10.8.0.0/16".into()],
            ..Vpc::default()
        };
        let found = |network: &str| {
            check_range(&target("p", network), &subnet("192.168.0.0/24"), Some(&vpc)).map(|found| found.severity)
        };
        for network in ["192.168.0.0/18", "192.168.0.128/25", "192.168.0.0/24", "192.0.0.0/8"] {
            assert_eq!(found(network), Some(Severity::Error), "{network}");
        }
        for network in ["192.168.1.0/24", "192.168.128.0/17", "10.8.255.0/24", "10.0.0.0/8"] {
            assert_eq!(found(network), Some(Severity::Warning), "{network}");
        }
        for network in ["192.169.0.0/24", "10.9.0.0/16", "172.16.0.0/12"] {
            assert_eq!(found(network), None, "{network}");
        }
        let unknown = Target { network: None, ..target("p", "192.168.0.0/24") };
        assert_eq!(check_range(&unknown, &subnet("192.168.0.0/24"), Some(&vpc)), None);
        // A pool that was created without a network gets 172.16.0.0/12.
        let found = check_range(&target("p", "172.16.0.0/12"), &subnet("172.31.0.0/24"), None);
        assert_eq!(found.map(|found| found.severity), Some(Severity::Error));
    }

    #[test]
    fn pair_conflicts_unless_it_is_one_target() {
        let bound = |name: &str, network: &str, is_declared| Bound {
            target: target(name, network),
            connection: "the connection \"c\"".into(),
            is_declared,
        };
        let found = |other: Bound| {
            check_pair(&target("p", "10.1.0.0/16"), &other, "v").map(|found| (found.severity, found.detail))
        };
        let (severity, text) = found(bound("other", "10.1.128.0/17", true)).expect("they overlap");
        assert_eq!(severity, Severity::Error);
        for expected in ["10.1.0.0/16", "\"p\"", "10.1.128.0/17", "\"other\"", "the connection \"c\""] {
            assert!(text.contains(expected), "missing {expected:?}: {text}");
        }
        let by_others = found(bound("other", "10.0.0.0/8", false));
        assert_eq!(by_others.map(|found| found.0), Some(Severity::Warning));
        assert_eq!(found(bound("p", "10.1.0.0/16", true)), None);
        assert_eq!(found(bound("other", "10.2.0.0/16", true)), None);
    }

    #[test]
    fn route_overlaps_a_target() {
        let targets = [target("p", "10.30.0.0/18")];
        let found = |cidr: &str| check_route("r", net(cidr), None, &targets).next().is_some();
        assert!(found("10.0.0.0/8") && found("10.30.0.0/18") && found("10.30.63.0/24"));
        assert!(!found("10.30.64.0/18") && !found("10.29.0.0/16") && !found("0.0.0.0/0"));
    }

    #[test]
    fn ipv6_route_needs_both_sides() {
        let with = |has_ipv6| Target { has_ipv6, ..target("p", "10.1.0.0/16") };
        let found = |cidr: &str, subnet, target| {
            let finding = check_ipv6("r", net(cidr), subnet, &[with(target)]);
            finding.map_or(0, |found| found.detail.matches(" for ").count())
        };
        assert_eq!(found("2001:db8::/32", Some(true), Some(true)), 0);
        assert_eq!(found("2001:db8::/32", Some(false), Some(true)), 1);
        assert_eq!(found("2001:db8::/32", Some(true), Some(false)), 1);
        assert_eq!(found("2001:db8::/32", Some(false), Some(false)), 2);
        assert_eq!(found("2001:db8::/32", None, None), 0);
        assert_eq!(found("10.2.0.0/16", Some(false), Some(false)), 0);
    }

    /// The last and the first address of each range, by hand.
    #[test]
    fn hosts_outside_are_summed_up() {
        let ranges = ["192.168.0.0/24", "192.168.0.0/16", "10.1.0.0/30"].map(net).to_vec();
        let hosts = |addresses: &[&'static str]| -> Option<Finding> {
            let hosts = addresses.iter().map(|address| (*address, address.parse().expect("an address")));
            check_hosts(hosts, &ranges)
        };
        assert_eq!(hosts(&["192.168.0.1", "192.168.255.255", "10.1.0.0", "10.1.0.3"]), None);
        let outside = ["10.1.0.4", "192.167.255.255", "192.169.0.0", "10.0.255.255", "192.168.0.1"];
        let text = hosts(&outside).expect("four are outside").detail;
        for expected in ["4 host addresses", "10.1.0.4", " and 1 more", "10.1.0.0/30"] {
            assert!(text.contains(expected), "missing {expected:?}: {text}");
        }
    }

    #[test]
    fn route_table_belongs_to_vpc_and_subnet() {
        let table = |vpc: &str, subnet: &str| RouteTable {
            id: "t".into(),
            vpc_id: vpc.into(),
            subnets: vec![SubnetId { id: subnet.into() }],
            ..RouteTable::default()
        };
        let severity = |table: &RouteTable| check_route_table(table, "v", "s").map(|found| found.severity);
        assert_eq!(severity(&table("V", "S")), None);
        assert_eq!(severity(&table("v", "other")), Some(Severity::Warning));
        assert_eq!(severity(&table("other", "s")), Some(Severity::Error));
    }

    #[test]
    fn id_of_a_range_names_the_network_id() {
        let subnets = [Subnet {
            id: "net".into(),
            neutron_subnet_id: "range".into(),
            neutron_subnet_id_v6: Some("range6".into()),
            ..Subnet::default()
        }];
        for given in ["RANGE", "range6"] {
            let found = check_network_id(given, &subnets).expect("a range");
            assert!(found.severity == Severity::Error && found.detail.contains("network ID: net"), "{found:?}");
        }
        assert_eq!(check_network_id("net", &subnets), None);
    }
}
