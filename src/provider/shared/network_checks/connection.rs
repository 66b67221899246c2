//! The check of a planned connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::cache::Declaration;
use super::finding::{Finding, Kind, Subject};
use super::reader::{NetworkReader, not_checked};
use super::target::{Inventory, Target};
use super::{pairs, rules};
use crate::dli::rules::{NETWORK_ID, ROUTE_TABLE_ID, Rule, VPC_ID, network};
use crate::dli::vpc::Subnet;
use crate::dli::wire;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::path::{Path, Step};
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::operation::Result;
use crate::provider::shared::plan_checks::PlanChecker;

/// What a plan creates or changes of a connection; everything, if it creates the connection.
struct Changes<'a> {
    is_new: bool,
    /// All declared targets, and whether they are new.
    targets: BTreeMap<BindingTarget, bool>,
    /// All routes with a valid CIDR, and whether they are new.
    routes: Vec<(&'a str, IpNet, bool)>,
    /// The new host records.
    hosts: Vec<(&'a str, IpAddr)>,
    /// The route table, if it is new.
    route_table: Option<&'a str>,
}

impl<'a> Changes<'a> {
    fn of(prior: &'a Value, planned: &'a Value) -> Self {
        let targets = |name: &str, target: fn(&str) -> BindingTarget| {
            let is_new = |text: &str| !prior.get(name).strings().any(|old| old.eq_ignore_ascii_case(text));
            planned.get(name).strings().map(|text| (target(text), is_new(text))).collect::<Vec<_>>()
        };
        let queues = targets("queues", BindingTarget::queue).into_iter();
        let routes = planned.get("routes").entries().filter_map(|(name, cidr)| {
            let before = prior.get("routes").get(name).as_str().and_then(network);
            let cidr = network(cidr.as_str()?)?;
            Some((name.as_str(), cidr, before != Some(cidr)))
        });
        let (before, after) = (prior.get("hosts"), planned.get("hosts"));
        // Equal maps of 20,000 records usually share their entries.
        let after = if before == after { None } else { after.as_map() };
        let hosts = after.into_iter().flatten().filter(|(name, address)| before.get(name) != *address);
        let hosts = hosts.filter_map(|(name, address)| Some((name.as_str(), address.as_str()?.parse().ok()?)));
        let route_table = planned.get("routetable_id").as_str();
        Self {
            is_new: prior.is_null(),
            targets: queues.chain(targets("elastic_resource_pools", BindingTarget::pool)).collect(),
            routes: routes.collect(),
            hosts: hosts.collect(),
            route_table: route_table.filter(|id| prior.get("routetable_id").as_str() != Some(*id)),
        }
    }

    fn has_new_targets(&self) -> bool {
        self.targets.values().any(|is_new| *is_new)
    }

    fn has_new_routes(&self) -> bool {
        self.routes.iter().any(|(_, _, is_new)| *is_new)
    }

    fn is_any(&self) -> bool {
        let is_any = self.has_new_targets() || self.has_new_routes();
        self.is_new || is_any || !self.hosts.is_empty() || self.route_table.is_some()
    }
}

/// Checks what a plan creates or changes of a connection.
pub(crate) async fn check_connection(
    provider_data: &ProviderData,
    config: &Value,
    (prior, planned): (&Value, &Value),
    stop: &CancellationToken,
) -> Diagnostics {
    let (changes, mut report) = (Changes::of(prior, planned), Diagnostics::new());
    let mut checker = None;
    if changes.is_any() {
        checker = PlanChecker::open(provider_data, config, planned, stop, &mut report).await;
    }
    let checker = checker.filter(|checker| checker.context.project.vpc().is_some() && !checker.is_rejected());
    let run_state = provider_data.run_state();
    let mut findings = Vec::new();
    if let Some(vpc) = planned.get("dest_vpc_id").as_str() {
        let text = |name: &str| planned.get(name).as_str().map(str::to_owned);
        let (id, name) = (prior.get("id").as_str(), text("name").unwrap_or_default());
        let own = Declaration {
            connection: format!("the connection {name:?}"),
            id: id.map(str::to_owned),
            targets: changes.targets.clone(),
            owns: (!planned.get("queues").is_null(), !planned.get("elastic_resource_pools").is_null()),
        };
        let project = checker.as_ref().map(|checker| checker.context.project.id());
        let project = project.or(planned.get("project_id").as_str());
        let scope = (&*run_state, project.unwrap_or_default());
        let object = id.unwrap_or(&name);
        findings.extend(pairs::check(checker.as_ref(), scope, (vpc, object), own, &mut report).await);
    }
    if let Some(checker) = &checker {
        let check = check_networks(checker, &changes, (prior, planned), &mut findings, &mut report);
        if let Err(error) = Box::pin(check).await {
            report.extend(not_checked(error));
        }
    }
    report.extend(findings.iter().map(|finding| finding.diagnostic(path(finding, planned))));
    report
}

/// The attribute that a finding is about.
fn path(finding: &Finding, planned: &Value) -> Path {
    let element = |attribute: &str, name: &str| {
        let spelling = planned.get(attribute).strings().find(|text| text.eq_ignore_ascii_case(name));
        let path = Path::attribute(attribute);
        spelling.map_or(path.clone(), |spelling| path.step(Step::Element(spelling.into())))
    };
    match &finding.subject {
        Subject::Object(Kind::Vpc) => Path::attribute("dest_vpc_id"),
        Subject::Object(Kind::Subnet) => Path::attribute("dest_network_id"),
        Subject::Object(Kind::RouteTable) => Path::attribute("routetable_id"),
        Subject::Target(BindingTarget::Queue(name)) => element("queues", name),
        Subject::Target(BindingTarget::Pool(name)) => element("elastic_resource_pools", name),
        Subject::Route(name) => Path::attribute("routes").key(name),
        Subject::Hosts => Path::attribute("hosts"),
    }
}

async fn check_networks(
    checker: &PlanChecker,
    changes: &Changes<'_>,
    (prior, planned): (&Value, &Value),
    findings: &mut Vec<Finding>,
    report: &mut Diagnostics,
) -> Result<()> {
    let Some(reader) = NetworkReader::new(&checker.context) else { return Ok(()) };
    let names: Vec<_> = changes.targets.keys().cloned().collect();
    let needs_targets = changes.has_new_targets() || changes.has_new_routes();
    let inventory = if needs_targets { checker.inventory(&names, report).await } else { Inventory::default() };
    let targets: Vec<_> = changes.targets.iter().map(|(name, is_new)| (inventory.target(name), *is_new)).collect();

    let id = |name: &str, rule: &Rule| planned.get(name).as_str().filter(|id| rule.allows(id));
    let ids = id("dest_vpc_id", &VPC_ID).zip(id("dest_network_id", &NETWORK_ID));
    let needs_subnet = changes.is_new || changes.has_new_targets() || !changes.hosts.is_empty();
    let mut subnet = None;
    if let Some((vpc, network)) = ids {
        if needs_subnet {
            // The service has accepted the IDs of an existing connection, which never change.
            let mut accepted = Vec::new();
            subnet =
                reader.find_subnet_in_vpc(vpc, network, if changes.is_new { findings } else { &mut accepted }).await?;
        }
        if let Some(table) = changes.route_table.filter(|table| ROUTE_TABLE_ID.allows(table)) {
            findings.extend(reader.check_route_table(table, vpc, network).await?);
        }
    }
    if let Some(subnet) = &subnet {
        for (target, _) in targets.iter().filter(|(_, is_new)| *is_new) {
            findings.extend(reader.check_range(target, subnet).await?);
        }
        findings.extend(check_hosts(checker, &reader, changes, (prior, planned), subnet).await?);
    }
    let subnet_has_ipv6 = match prior.get("ipv6_enable") {
        Value::Bool(enabled) => Some(*enabled),
        _ => subnet.as_ref().and_then(|subnet| subnet.ipv6_enable),
    };
    let unmanaged = planned.get("routes").is_null().then(|| prior.get("id").as_str()).flatten();
    let routes = match unmanaged.filter(|_| changes.has_new_targets()) {
        Some(id) => checker.current_connection(id).await.map(|connection| routes_of(&connection)).unwrap_or_default(),
        None => Vec::new(),
    };
    let declared = changes.routes.iter().map(|(name, cidr, is_new)| (*name, *cidr, *is_new));
    let routes = declared.chain(routes.iter().map(|(name, cidr)| (name.as_str(), *cidr, false)));
    findings.extend(check_routes(routes, &targets, subnet_has_ipv6));
    report.extend(reader.warnings());
    Ok(())
}

/// The routes of a connection by name.
pub(crate) fn routes_of(connection: &wire::Connection) -> Vec<(String, IpNet)> {
    let routes = connection.routes.iter();
    routes.filter_map(|route| Some((route.name.clone(), network(&route.cidr)?))).collect()
}

/// New routes with all targets, and all routes with new targets.
fn check_routes<'a>(
    routes: impl Iterator<Item = (&'a str, IpNet, bool)>,
    targets: &[(Target, bool)],
    subnet_has_ipv6: Option<bool>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, cidr, is_new) in routes {
        let concerned = targets.iter().filter(|(_, is_new_target)| is_new || *is_new_target);
        let concerned: Vec<_> = concerned.map(|(target, _)| target.clone()).collect();
        findings.extend(rules::check_route(name, cidr, subnet_has_ipv6.filter(|_| is_new), &concerned));
    }
    findings
}

/// Whether the connection leads to the addresses of new host records.
async fn check_hosts(
    checker: &PlanChecker,
    reader: &NetworkReader<'_>,
    changes: &Changes<'_>,
    (prior, planned): (&Value, &Value),
    subnet: &Subnet,
) -> Result<Option<Finding>> {
    let hosts = || changes.hosts.iter().copied();
    let mut ranges: Vec<_> = subnet.networks().collect();
    if !planned.get("routes").is_wholly_known() {
        return Ok(None);
    }
    match prior.get("id").as_str().filter(|_| planned.get("routes").is_null()) {
        None => ranges.extend(changes.routes.iter().map(|(_, cidr, _)| *cidr)),
        // Other resources may manage the routes.
        Some(_) if rules::check_hosts(hosts(), &ranges).is_none() => return Ok(None),
        Some(id) => match checker.current_connection(id).await {
            Some(connection) => ranges.extend(routes_of(&connection).into_iter().map(|(_, cidr)| cidr)),
            None => return Ok(None),
        },
    }
    if rules::check_hosts(hosts(), &ranges).is_none() {
        return Ok(None);
    }
    let Some(vpc) = reader.visible_vpc(&subnet.vpc_id).await? else { return Ok(None) };
    ranges.extend(vpc.networks());
    Ok(rules::check_hosts(hosts(), &ranges))
}
