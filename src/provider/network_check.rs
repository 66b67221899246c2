//! Data source `dli_network_check`: the findings of network checks, for `check` blocks.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}` | if `connection_id` is set |
//! | `GET /v1/{project}/subnets`, `/v3/{project}/vpc/vpcs/{id}` of the VPC service | always |
//! | `GET /v1.0/{project}/queues`, `/v3/{project}/elastic-resource-pools` | if a queue, a pool is checked |
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | if a queue or pool is checked |
//!
//! All instances of a run share these requests until the run changes an object. Unlike in a plan, a failed request is
//! an error, and what is missing is requested again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;

use crate::dli::rules as limits;
use crate::dli::vpc::Subnet;
use crate::dli::wire;
use crate::framework::data_source::{DataRequest, DataSource};
use crate::framework::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::framework::path::Path;
use crate::framework::resource::ResponseState;
use crate::framework::schema::{Attribute, Nesting, Schema};
use crate::framework::types::Type;
use crate::framework::validator::{Validator, ValuesAre};
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::binding_target::{BindingTarget, bindings};
use crate::provider::shared::data_source::{open, report, state, text};
use crate::provider::shared::network_checks::{Bound, Finding, Inventory, NetworkReader, Target, routes_of, rules};
use crate::provider::shared::operation::{OperationContext, Result};
use crate::provider::shared::plan_checks::describe_queue;
use crate::provider::shared::project_lists::{self, Purpose};
use crate::provider::shared::validators::{ExactlyOneOf, MatchesRule};
use crate::provider::shared::{connection_part, location};

const SUMMARY: &str = "Could Not Check the Network";

const CONNECTION: &str = "connection_id";
const VPC: &str = "dest_vpc_id";
const SUBNET: &str = "dest_network_id";

#[derive(Debug)]
pub(in crate::provider) struct NetworkCheckDataSource(pub(in crate::provider) Arc<ProviderData>);

/// What is checked.
struct Checked {
    vpc: Option<String>,
    subnet: String,
    targets: BTreeSet<BindingTarget>,
    connection: Option<Arc<wire::Connection>>,
}

#[async_trait]
impl DataSource for NetworkCheckDataSource {
    fn type_name(&self) -> &'static str {
        "dli_network_check"
    }

    fn schema(&self) -> Schema {
        let names = |name, noun: &str| {
            Attribute::new(name, Type::set(Type::String))
                .description(format!("Names of {noun} to check, in addition to those that the connection binds."))
        };
        let mut attributes = vec![
            Attribute::string(CONNECTION).validator(MatchesRule(&[limits::CONNECTION_ID])).description(
                "ID of the connection to check, with its bindings, routes and hosts. Exactly one of `connection_id` \
                 and `dest_network_id` must be set.",
            ),
            Attribute::string(SUBNET)
                .validator(MatchesRule(&[limits::NETWORK_ID]))
                .description("Network ID of the subnet to check, without a connection."),
            Attribute::string(VPC).validator(MatchesRule(&[limits::VPC_ID])).description(
                "ID of the VPC that contains the subnet `dest_network_id`. Default: the VPC of the subnet.",
            ),
            names("queues", "queues").validator(ValuesAre(MatchesRule(&[limits::QUEUE_NAME]))),
            names("elastic_resource_pools", "elastic resource pools")
                .validator(ValuesAre(MatchesRule(&[limits::POOL_NAME]))),
        ];
        attributes.extend(location::data_source_attributes());
        let finding = vec![
            Attribute::string("severity").computed().description("`error` or `warning`."),
            Attribute::string("summary").computed().description("Title, such as `Network Overlaps the Subnet`."),
            Attribute::string("detail").computed().description("The objects, their networks, and what to do."),
        ];
        attributes.extend([
            Attribute::bool("ok").computed().description("Whether no finding has the severity `error`."),
            Attribute::nested("findings", Nesting::List, finding)
                .computed()
                .description("What was found, errors first. Empty if everything fits."),
        ]);
        let description = "Runs the network checks of a plan on an existing connection, or on a subnet with queues and \
                           pools, and checks whether these queues can be bound. A finding is a result, not an error, \
                           so test `ok` or `findings` in a `check` block or a postcondition. Declare the data source outside of the `check` block: inside, every \
                           plan shows changes. It does not depend on `plan_checks` and needs read access to the VPC \
                           service.";
        let validators: Vec<Arc<dyn Validator>> =
            vec![Arc::new(ExactlyOneOf(&[CONNECTION, SUBNET])), Arc::new(vpc_of_subnet)];
        Schema { validators, ..Schema::new(description, attributes) }
    }

    async fn read(
        &self,
        request: DataRequest<'_>,
        response: &mut ResponseState,
    ) -> std::result::Result<(), Diagnostics> {
        report(SUMMARY, async {
            let context = open(&self.0, &request).await?;
            let Some(reader) = NetworkReader::strict(&context) else {
                let text = "The address of the VPC service is unknown: endpoints.dli is not an address that Huawei \
                            Cloud publishes for a region.\n\nSet endpoints.vpc in the provider block.";
                return Err(Diagnostic::error(SUMMARY, text).into());
            };
            let checked = checked(&context, request.config).await?;
            let mut findings = find(&context, &reader, &checked).await?;
            findings.sort_by(|a, b| (a.severity, &a.summary, &a.detail).cmp(&(b.severity, &b.summary, &b.detail)));
            let is_ok = findings.iter().all(|finding| finding.severity != Severity::Error);
            let row = |Finding { severity, summary, detail, .. }| {
                let severity = if severity == Severity::Error { "error" } else { "warning" };
                Value::map([("severity", severity.into()), ("summary", summary.into()), ("detail", detail.into())])
            };
            let rows = findings.into_iter().map(row).collect();
            let found = Value::map([("ok", is_ok.into()), ("findings", Value::List(rows))]);
            response.set_state(state(request.config, &context, found));
            Ok(())
        })
        .await
    }
}

/// `dest_vpc_id` belongs to `dest_network_id`.
fn vpc_of_subnet(path: &Path, value: &Value, report: &mut Diagnostics) {
    if !value.get(VPC).is_null() && !value.get(CONNECTION).is_null() {
        let path = path.field(VPC);
        let text = format!(
            "{path} cannot be used with {CONNECTION}: the connection defines the VPC.\n\nRemove {path}, or use \
             {SUBNET}."
        );
        report.push(Diagnostic::error(format!("Only One of {CONNECTION} and {VPC} Can Be Set"), text).at(path));
    }
}

/// Reads the connection, if there is one.
async fn checked(context: &OperationContext, config: &Value) -> Result<Checked> {
    let mut targets: BTreeSet<_> = config.get("queues").strings().map(BindingTarget::queue).collect();
    targets.extend(config.get("elastic_resource_pools").strings().map(BindingTarget::pool));
    let Some(id) = text(config, CONNECTION) else {
        let subnet = text(config, SUBNET).unwrap_or_default().to_owned();
        return Ok(Checked { vpc: text(config, VPC).map(str::to_owned), subnet, targets, connection: None });
    };
    let Some(connection) = connection_part::find_connection(context, id).await? else {
        return Err(connection_part::no_connection(SUMMARY, id).into());
    };
    // The reason of a failed binding may be the network.
    targets.extend(bindings(&connection).map(|(target, _)| target));
    let (vpc, subnet) = (Some(connection.dest_vpc_id.clone()), connection.dest_network_id.clone());
    Ok(Checked { vpc, subnet, targets, connection: Some(connection) })
}

async fn find(context: &OperationContext, reader: &NetworkReader<'_>, checked: &Checked) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let subnet = match &checked.vpc {
        Some(vpc) => reader.find_subnet_in_vpc(vpc, &checked.subnet, &mut findings).await?,
        None => reader.find_subnet(&checked.subnet, &mut findings).await?,
    };
    let (targets, inventory) = targets(context, checked, &mut findings).await?;
    if let Some(subnet) = &subnet {
        let vpc = reader.visible_vpc(&subnet.vpc_id).await?;
        findings.extend(targets.iter().filter_map(|target| rules::check_range(target, subnet, vpc.as_deref())));
        if let Some(connection) = &checked.connection {
            let ranges = subnet.networks().chain(vpc.iter().flat_map(|vpc| vpc.networks()));
            findings.extend(check_connection(connection, subnet, &targets, ranges.collect()));
        }
    }
    let vpc = checked.vpc.as_deref().or(subnet.as_ref().map(|subnet| subnet.vpc_id.as_str()));
    if let Some(vpc) = vpc.filter(|_| targets.iter().any(|target| target.network.is_some())) {
        findings.extend(check_pairs(context, checked, (vpc, &targets), inventory).await?);
    }
    Ok(findings)
}

/// Reads the networks of the targets. One that does not exist is a finding.
async fn targets(
    context: &OperationContext,
    checked: &Checked,
    findings: &mut Vec<Finding>,
) -> Result<(Vec<Target>, Inventory)> {
    if checked.targets.is_empty() {
        return Ok((Vec::new(), Inventory::default()));
    }
    // Both lists, because other connections bind both kinds.
    let inventory = project_lists::inventory(context, &checked.targets).await?;
    let missing = checked.targets.iter().filter(|name| !inventory.has(name));
    findings.extend(missing.map(Finding::target_missing));
    findings.extend(checked.targets.iter().filter_map(|name| never_bound(checked, &inventory, name)));
    Ok((checked.targets.iter().map(|name| inventory.target(name)).collect(), inventory))
}

/// The finding about a queue of a kind that the service never binds, unless the connection binds it.
fn never_bound(checked: &Checked, inventory: &Inventory, target: &BindingTarget) -> Option<Finding> {
    let BindingTarget::Queue(name) = target else { return None };
    let queue = inventory.queues.as_ref()?.get(name).filter(|queue| !queue.may_be_bound())?;
    let is_bound = checked.connection.as_ref().is_some_and(|connection| target.peering(connection).is_some());
    (!is_bound).then(|| Finding::never_bound(target, &describe_queue(queue)))
}

fn check_connection(
    connection: &wire::Connection,
    subnet: &Subnet,
    targets: &[Target],
    mut ranges: Vec<IpNet>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, cidr) in routes_of(connection) {
        ranges.push(cidr);
        findings.extend(rules::check_route(&name, cidr, subnet.ipv6_enable, targets));
    }
    let hosts = connection.hosts.iter().filter_map(|host| Some((host.name.as_str(), host.ip.parse::<IpAddr>().ok()?)));
    let mut hosts: Vec<_> = hosts.collect();
    hosts.sort_unstable();
    ranges.sort_unstable();
    findings.extend(rules::check_hosts(hosts.into_iter(), &ranges));
    findings
}

/// Compares the targets with each other, and with what other connections bind to the VPC.
async fn check_pairs(
    context: &OperationContext,
    checked: &Checked,
    (vpc, targets): (&str, &[Target]),
    inventory: Inventory,
) -> Result<Vec<Finding>> {
    let own = checked.connection.as_ref().map(|connection| connection.id.as_str());
    let bound = |target: Target, connection: String, is_declared| Bound { target, connection, is_declared };
    let mut findings = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let with_itself = |other: &Target| bound(other.clone(), "this data source".to_owned(), true);
        findings.extend(targets[..at].iter().filter_map(|other| rules::check_pair(target, &with_itself(other), vpc)));
    }
    let survey = project_lists::connections(context, Purpose::DataSource).await?;
    let others = survey.iter().flat_map(|survey| survey.bound_to(vpc));
    for connection in others.filter(|connection| Some(connection.id.as_str()) != own) {
        let text = format!("the connection {:?} ({})", connection.name, connection.id);
        let others: Vec<_> =
            connection.targets.iter().map(|name| bound(inventory.target(name), text.clone(), false)).collect();
        let pairs = targets.iter().flat_map(|target| others.iter().map(move |other| (target, other)));
        findings.extend(pairs.filter_map(|(target, other)| rules::check_pair(target, other, vpc)));
    }
    Ok(findings)
}
