//! The rules of networks. Pure.
//!
//! Sources: DLI User Guide, "Creating an Enhanced Datasource Connection" and "Adding a Route" (the networks of a queue
//! and a data source must not overlap; IPv6 must be enabled on both sides); DLI FAQ on conflicting networks of two
//! queues; VPC User Guide, "VPC Peering Connections" (overlapping VPCs).

use std::net::IpAddr;

use ipnet::IpNet;

use super::finding::{Bound, Finding};
use super::target::Target;
use crate::dli::vpc::{RouteTable, Subnet, Vpc};

/// Number of hosts that a finding names.
const EXAMPLES: usize = 3;

/// Whether two networks share an address. One contains the other, or they are disjoint.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The network of a target must be outside of the subnet, and should be outside of the VPC.
pub(crate) fn check_range(target: &Target, subnet: &Subnet, vpc: Option<&Vpc>) -> Option<Finding> {
    let (target, network) = (target.clone(), target.network?);
    if let Some(other) = subnet.networks().find(|other| overlap(&network, other)) {
        let subnet = label(&subnet.id, &subnet.name);
        return Some(Finding::OverlapsSubnet { target, network, subnet, other });
    }
    let vpc = vpc?;
    let other = vpc.networks().find(|other| overlap(&network, other))?;
    Some(Finding::InVpc { target, network, vpc: label(&vpc.id, &vpc.name), other })
}

/// The networks of two targets of one VPC must not overlap. A target does not conflict with itself.
pub(crate) fn check_pair(target: &Target, other: &Bound, vpc: &str) -> Option<Finding> {
    let (network, theirs) = (target.network?, other.target.network?);
    let conflicts = target.bound != other.target.bound && overlap(&network, &theirs);
    let finding =
        || Finding::TargetsOverlap { target: target.clone(), network, other: other.clone(), vpc: vpc.to_owned() };
    conflicts.then(finding)
}

/// A route should not lead to the network of a target. A default route contains every network on purpose.
pub(crate) fn check_route(route: &str, cidr: IpNet, targets: &[Target]) -> Option<Finding> {
    let overlapping = |target: &&Target| target.network.is_some_and(|network| overlap(&network, &cidr));
    let target = targets.iter().find(overlapping).filter(|_| cidr.prefix_len() > 0)?;
    Some(Finding::RouteOverlapsTarget {
        route: route.to_owned(),
        cidr,
        target: target.clone(),
        network: target.network?,
    })
}

/// An IPv6 route needs IPv6 in the subnet and in every pool. `None` means unknown.
pub(crate) fn check_ipv6(
    route: &str,
    cidr: IpNet,
    subnet_has_ipv6: Option<bool>,
    targets: &[Target],
) -> Option<Finding> {
    if cidr.addr().is_ipv4() {
        return None;
    }
    let subnet = (subnet_has_ipv6 == Some(false)).then(|| "the subnet".to_owned());
    let targets = targets.iter().filter(|target| target.has_ipv6 == Some(false)).map(|target| format!("the {target}"));
    let without: Vec<_> = subnet.into_iter().chain(targets).collect();
    (!without.is_empty()).then(|| Finding::RouteNeedsIpv6 { route: route.to_owned(), cidr, without })
}

/// The addresses of hosts should be in a network that the connection leads to.
pub(crate) fn check_hosts<'a>(hosts: impl Iterator<Item = (&'a str, IpAddr)>, ranges: Vec<IpNet>) -> Option<Finding> {
    let outside = hosts.filter(|(_, address)| !ranges.iter().any(|range| range.contains(address)));
    let (mut count, mut examples) = (0, Vec::new());
    for (name, address) in outside {
        count += 1;
        if examples.len() < EXAMPLES {
            examples.push((name.to_owned(), address));
        }
    }
    (count > 0).then_some(Finding::HostsOutside { count, examples, ranges })
}

/// A route table must be one of the VPC, and should be that of the subnet.
pub(crate) fn check_route_table(table: &RouteTable, vpc: &str, subnet: &str) -> Option<Finding> {
    let id = table.id.clone();
    if !table.vpc_id.eq_ignore_ascii_case(vpc) {
        return Some(Finding::RouteTableElsewhere { table: id, vpc: vpc.to_owned(), actual: table.vpc_id.clone() });
    }
    let is_associated = table.subnets.iter().any(|associated| associated.id.eq_ignore_ascii_case(subnet));
    (!is_associated).then(|| Finding::RouteTableNotOfSubnet { table: id, subnet: subnet.to_owned() })
}

/// Recognizes an ID of an address range where the ID of a network is needed.
pub(crate) fn check_network_id(given: &str, subnets: &[Subnet]) -> Option<Finding> {
    let is_range = |subnet: &&Subnet| {
        let ids = std::iter::once(&subnet.neutron_subnet_id).chain(&subnet.neutron_subnet_id_v6);
        ids.into_iter().any(|id| id.eq_ignore_ascii_case(given))
    };
    subnets.iter().find(is_range).map(|subnet| Finding::NotANetworkId {
        given: given.to_owned(),
        network: subnet.id.clone(),
        name: subnet.name.clone(),
    })
}

/// An ID with the name, if it has one.
fn label(id: &str, name: &str) -> String {
    if name.is_empty() { id.to_owned() } else { format!("{name:?} ({id})") }
}

#[cfg(test)]
mod tests {
    use super::super::target::TargetName;
    use super::*;
    use crate::dli::vpc::SubnetId;
    use crate::framework::diagnostic::Severity;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a network")
    }

    fn target(name: &str, network: &str) -> Target {
        let name = TargetName::pool(name);
        Target { bound: name.clone(), name, network: Some(net(network)), has_ipv6: None }
    }

    fn subnet(cidr: &str) -> Subnet {
        Subnet { id: "s".into(), cidr: cidr.into(), vpc_id: "v".into(), ..Subnet::default() }
    }

    /// Both sides of each boundary; expected values from Python's `ipaddress.ip_network.overlaps`.
    #[test]
    fn networks_overlap_if_one_contains_the_other() {
        for (a, b, expected) in [
            ("10.0.0.0/16", "10.0.255.0/24", true),
            ("10.0.0.0/16", "10.1.0.0/24", false),
            ("10.0.255.255/32", "10.0.0.0/16", true),
            ("172.16.0.0/12", "172.31.255.0/24", true),
            ("172.16.0.0/12", "172.32.0.0/24", false),
            ("0.0.0.0/0", "192.168.0.0/24", true),
            ("2001:db8::/32", "2001:db8:ffff::/48", true),
            ("2001:db8::/32", "2001:db9::/48", false),
            ("0.0.0.0/0", "::/0", false),
        ] {
            assert_eq!((overlap(&net(a), &net(b)), overlap(&net(b), &net(a))), (expected, expected), "{a} {b}");
        }
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
            check_range(&target("p", network), &subnet("192.168.0.0/24"), Some(&vpc)).map(|found| found.severity())
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
        assert_eq!(found.map(|found| found.severity()), Some(Severity::Error));
    }

    #[test]
    fn pair_conflicts_unless_it_is_one_target() {
        let bound = |name: &str, network: &str, is_declared| Bound {
            target: target(name, network),
            connection: "the connection \"c\"".into(),
            is_declared,
        };
        let found = |other: Bound| {
            check_pair(&target("p", "10.1.0.0/16"), &other, "v").map(|found| (found.severity(), found.detail()))
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
        let found = |cidr: &str| check_route("r", net(cidr), &targets).is_some();
        assert!(found("10.0.0.0/8") && found("10.30.0.0/18") && found("10.30.63.0/24"));
        assert!(!found("10.30.64.0/18") && !found("10.29.0.0/16") && !found("0.0.0.0/0"));
    }

    #[test]
    fn ipv6_route_needs_both_sides() {
        let with = |has_ipv6| Target { has_ipv6, ..target("p", "10.1.0.0/16") };
        let found = |cidr: &str, subnet, target| match check_ipv6("r", net(cidr), subnet, &[with(target)]) {
            Some(Finding::RouteNeedsIpv6 { without, .. }) => without.len(),
            _ => 0,
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
            check_hosts(hosts, ranges.clone())
        };
        assert_eq!(hosts(&["192.168.0.1", "192.168.255.255", "10.1.0.0", "10.1.0.3"]), None);
        let outside = ["10.1.0.4", "192.167.255.255", "192.169.0.0", "10.0.255.255", "192.168.0.1"];
        match hosts(&outside) {
            Some(found @ Finding::HostsOutside { count: 4, .. }) => {
                let text = found.detail();
                assert!(text.contains("10.1.0.4") && text.contains(" and 1 more") && text.contains("10.1.0.0/30"));
            }
            other => panic!("{other:?}"),
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
        let severity = |table: &RouteTable| check_route_table(table, "v", "s").map(|found| found.severity());
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
            assert!(found.severity() == Severity::Error && found.detail().contains("network ID: net"), "{found:?}");
        }
        assert_eq!(check_network_id("net", &subnets), None);
    }
}
