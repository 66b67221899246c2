//! The checks of a planned binding and a planned route of a connection that exists.

use std::sync::Arc;

use super::cache::{Declaration, Ends, ReadOutcome, Reuse};
use super::connection::{NOT_CHECKED, NOT_CHECKED_SUMMARY, note, routes_of};
use super::finding::Finding;
use super::reader::NetworkReader;
use super::target::{Target, TargetName};
use super::{pairs, rules};
use crate::dli::rules::network;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::path::Path;
use crate::framework::value::Value;
use crate::provider::shared::operation::Result;
use crate::provider::shared::plan_checks::PlanChecker;
use crate::provider::shared::project_lists::bound_targets;
use crate::provider::shared::run_state::RunState;

/// Checks the network of a queue or pool that a plan binds to a connection; `path` is the attribute that names it.
pub(crate) async fn check_binding(
    checker: &PlanChecker,
    connection: &str,
    name: TargetName,
    path: &Path,
) -> Diagnostics {
    let mut report = Diagnostics::new();
    let Some(ends) = ends(checker, connection).await else { return report };
    let own = Declaration {
        connection: format!("the connection {:?} ({connection})", ends.name),
        id: Some(connection.to_ascii_lowercase()),
        targets: [(name.clone(), true)].into(),
        owns: (false, false),
    };
    let location = checker.location();
    let scope = (checker.run_state(), &location, checker.project());
    let object = format!("{connection}/{name}");
    let mut findings = pairs::check(Some(checker), scope, (&ends.vpc, &object), own, &mut report).await;
    let target = checker.inventory(std::slice::from_ref(&name), &mut report).await.target(&name);
    findings.extend(ends.routes.iter().flat_map(|(route, cidr)| {
        let targets = std::slice::from_ref(&target);
        [rules::check_route(route, *cidr, targets), rules::check_ipv6(route, *cidr, None, targets)]
            .into_iter()
            .flatten()
    }));
    if let Some(reader) = NetworkReader::new(checker.context()) {
        if let Err(error) = check_range(&reader, &ends, &target, &mut findings).await {
            report.extend(error.warn(NOT_CHECKED_SUMMARY, NOT_CHECKED));
        }
        report.extend(reader.into_failure().into_iter().flat_map(|error| error.warn(NOT_CHECKED_SUMMARY, NOT_CHECKED)));
    }
    report.extend(findings.iter().map(|finding| finding.diagnostic(path.clone(), note(finding))));
    report
}

/// Compares a binding that does not change with new ones of the configuration. Sends no request.
pub(crate) async fn check_unchanged_binding(
    run_state: &RunState,
    planned: &Value,
    name: TargetName,
    path: &Path,
) -> Diagnostics {
    let text = |name: &str| planned.get(name).as_str().map(str::to_owned);
    let (mut report, location) = (Diagnostics::new(), (text("region"), text("project_id")));
    let Some((project, connection)) = location.1.clone().zip(text("connection_id")) else { return report };
    run_state.networks.declared.declare_unchanged(&project, &connection, name.clone());
    let Some((connection_name, vpc)) = run_state.known_vpc(&location, &connection).await else { return report };
    let own = Declaration {
        connection: format!("the connection {connection_name:?} ({connection})"),
        id: Some(connection.to_ascii_lowercase()),
        targets: [(name.clone(), false)].into(),
        owns: (false, false),
    };
    let object = format!("{connection}/{name}");
    let findings = pairs::check(None, (run_state, &location, &project), (&vpc, &object), own, &mut report).await;
    report.extend(findings.iter().map(|finding| finding.diagnostic(path.clone(), note(finding))));
    report
}

async fn check_range(
    reader: &NetworkReader<'_>,
    ends: &Ends,
    target: &Target,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    // The service has accepted the IDs of the connection, which may belong to another project.
    let Some(subnet) = reader.find_subnet_in_vpc(&ends.vpc, &ends.subnet, &mut Vec::new()).await? else {
        return Ok(());
    };
    let found = match rules::check_range(target, &subnet, None) {
        None if target.network.is_some() => {
            let vpc = reader.visible_vpc(&subnet.vpc_id).await?;
            vpc.and_then(|vpc| rules::check_range(target, &subnet, Some(&vpc)))
        }
        found => found,
    };
    findings.extend(found);
    Ok(())
}

/// Checks the network of a new or changed route against the queues and pools of its connection.
pub(crate) async fn check_route(checker: &PlanChecker, connection: &str, name: &str, cidr: &str) -> Diagnostics {
    let mut report = Diagnostics::new();
    let Some(cidr) = network(cidr) else { return report };
    let Some(ends) = ends(checker, connection).await else { return report };
    let mut names = checker.run_state().networks.declared.of_connection(checker.project(), connection);
    names.extend(ends.bound.iter().cloned());
    let names: Vec<_> = names.into_iter().collect();
    let inventory = checker.inventory(&names, &mut report).await;
    let targets: Vec<_> = names.iter().map(|name| inventory.target(name)).collect();
    let findings = [rules::check_route(name, cidr, &targets), rules::check_ipv6(name, cidr, ends.has_ipv6, &targets)];
    let path = Path::attribute("cidr");
    report.extend(findings.iter().flatten().map(|finding| finding.diagnostic(path.clone(), note(finding))));
    report
}

/// The VPC and the subnet of a connection; `None` if they cannot be read, or the VPC service is unknown.
async fn ends(checker: &PlanChecker, id: &str) -> Option<Arc<Ends>> {
    checker.context().project.vpc().filter(|_| !checker.is_rejected())?;
    let request = async {
        let Some(connection) = checker.current_connection(id).await else { return Err(()) };
        Ok(ReadOutcome::Found(Arc::new(Ends {
            routes: routes_of(&connection),
            bound: bound_targets(&connection),
            name: connection.name.clone(),
            vpc: connection.dest_vpc_id.clone(),
            subnet: connection.dest_network_id.clone(),
            has_ipv6: connection.ipv6_enable,
        })))
    };
    let connections = &checker.run_state().networks.connections;
    let is_usable = |_, kept: &_| Reuse::Found.accepts(kept);
    match connections.get_if(checker.project(), id, is_usable, Box::pin(request)).await {
        Ok(ReadOutcome::Found(ends)) => Some(ends),
        _ => None,
    }
}
