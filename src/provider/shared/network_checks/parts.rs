//! The checks of a planned binding and a planned route of a connection that exists.

use std::sync::Arc;

use super::cache::{Declaration, Ends};
use super::connection::routes_of;
use super::finding::Finding;
use super::reader::{NetworkReader, not_checked};
use super::target::Target;
use super::{pairs, rules};
use crate::dli::rules::network;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::path::Path;
use crate::framework::value::Value;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::operation::{OperationContext, Result};
use crate::provider::shared::plan_checks::PlanChecker;
use crate::provider::shared::project_lists::bound_targets;
use crate::provider::shared::run_state::RunState;

/// Checks the network of a queue or pool that a plan binds to a connection; `path` is the attribute that names it.
pub(crate) async fn check_binding(
    checker: &PlanChecker,
    connection: &str,
    name: BindingTarget,
    path: &Path,
) -> Diagnostics {
    let mut report = Diagnostics::new();
    let Some(ends) = ends(checker, connection).await else { return report };
    let (own, object) = declare((&ends.name, connection), &name, true);
    let scope = (&*checker.context.run_state, checker.context.project.id());
    let mut findings = pairs::check(Some(checker), scope, (&ends.vpc, &object), own, &mut report).await;
    let target = checker.inventory(std::slice::from_ref(&name), &mut report).await.target(&name);
    for (route, cidr) in &ends.routes {
        findings.extend(rules::check_route(route, *cidr, None, std::slice::from_ref(&target)));
    }
    if let Some(reader) = NetworkReader::new(&checker.context) {
        match check_range(&reader, &ends, &target).await {
            Ok(found) => findings.extend(found),
            Err(error) => report.extend(not_checked(error)),
        }
        report.extend(reader.warnings());
    }
    report.extend(findings.iter().map(|finding| finding.diagnostic(path.clone())));
    report
}

/// Compares a binding that does not change with new ones of the configuration. Sends no request.
pub(crate) async fn check_unchanged_binding(
    run_state: &RunState,
    planned: &Value,
    name: BindingTarget,
    path: &Path,
) -> Diagnostics {
    let text = |name: &str| planned.get(name).as_str();
    let mut report = Diagnostics::new();
    let Some((project, connection)) = text("project_id").zip(text("connection_id")) else { return report };
    run_state.networks.declared.declare_unchanged(project, connection, name.clone());
    let Some((connection_name, vpc)) = run_state.known_vpc(project, connection).await else { return report };
    let (own, object) = declare((&connection_name, connection), &name, false);
    let findings = pairs::check(None, (run_state, project), (&vpc, &object), own, &mut report).await;
    report.extend(findings.iter().map(|finding| finding.diagnostic(path.clone())));
    report
}

/// What a separate binding declares, and a text that identifies the binding.
fn declare((name, id): (&str, &str), target: &BindingTarget, is_new: bool) -> (Declaration, String) {
    let declaration = Declaration {
        connection: format!("the connection {name:?} ({id})"),
        id: Some(id.to_ascii_lowercase()),
        targets: [(target.clone(), is_new)].into(),
        owns: (false, false),
    };
    (declaration, format!("{id}/{target}"))
}

async fn check_range(reader: &NetworkReader<'_>, ends: &Ends, target: &Target) -> Result<Option<Finding>> {
    // The service has accepted the IDs of the connection, which may belong to another project.
    match reader.find_subnet_in_vpc(&ends.vpc, &ends.subnet, &mut Vec::new()).await? {
        Some(subnet) => reader.check_range(target, &subnet).await,
        None => Ok(None),
    }
}

/// Checks the network of a new or changed route against the queues and pools of its connection.
pub(crate) async fn check_route(checker: &PlanChecker, connection: &str, name: &str, cidr: &str) -> Diagnostics {
    let mut report = Diagnostics::new();
    let Some(cidr) = network(cidr) else { return report };
    let Some(ends) = ends(checker, connection).await else { return report };
    let mut names = checker.context.run_state.networks.declared.of_connection(checker.context.project.id(), connection);
    names.extend(ends.bound.iter().cloned());
    let names: Vec<_> = names.into_iter().collect();
    let inventory = checker.inventory(&names, &mut report).await;
    let targets: Vec<_> = names.iter().map(|name| inventory.target(name)).collect();
    let findings = rules::check_route(name, cidr, ends.has_ipv6, &targets);
    report.extend(findings.map(|finding| finding.diagnostic(Path::attribute("cidr"))));
    report
}

/// The VPC and the subnet of a connection; `None` if they cannot be read, or the VPC service is unknown.
async fn ends(checker: &PlanChecker, id: &str) -> Option<Arc<Ends>> {
    let OperationContext { project, run_state, .. } = &checker.context;
    project.vpc().filter(|_| !checker.is_rejected())?;
    let request = async {
        let connection = checker.current_connection(id).await.ok_or(())?;
        Ok::<_, ()>(Arc::new(Ends {
            routes: routes_of(&connection),
            bound: bound_targets(&connection),
            name: connection.name.clone(),
            vpc: connection.dest_vpc_id.clone(),
            subnet: connection.dest_network_id.clone(),
            has_ipv6: connection.ipv6_enable,
        }))
    };
    run_state.networks.connections.get_if(project.id(), id, |_, _| true, Box::pin(request)).await.ok()
}
