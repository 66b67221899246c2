//! Reads facts about networks, each once per run.

use std::sync::Arc;

use parking_lot::Mutex;

use super::cache::{NetworkCache, Outcomes, ReadOutcome};
use super::finding::{Absence, Finding, Kind};
use super::rules;
use super::target::Target;
use crate::client::{Error, VpcService};
use crate::dli::error_code;
use crate::dli::vpc::{Subnet, Vpc};
use crate::framework::diagnostic::Diagnostics;
use crate::provider::shared::operation::{OperationContext, OperationError, Result};
use crate::provider::shared::project_lists::TIMEOUT;

/// Reads the networks of one project.
pub(crate) struct NetworkReader<'a> {
    context: &'a OperationContext,
    service: VpcService<'a>,
    /// The responses that reads of the run share.
    cache: &'a NetworkCache,
    /// Whether errors are returned; otherwise the object counts as unknown.
    is_strict: bool,
    /// The first error of the run.
    failure: Mutex<Option<OperationError>>,
}

impl<'a> NetworkReader<'a> {
    /// Returns a reader for a plan; `None` if the address of the VPC service is unknown.
    pub(crate) fn new(context: &'a OperationContext) -> Option<Self> {
        let service = context.project.vpc()?;
        Some(Self { context, service, cache: &context.run_state.networks, is_strict: false, failure: Mutex::default() })
    }

    /// Returns a reader for a data source: what it cannot read is an error, and what is missing is read again.
    pub(crate) fn strict(context: &'a OperationContext) -> Option<Self> {
        Self::new(context).map(|reader| Self { is_strict: true, ..reader })
    }

    /// Warns about the run's first failed read, if it was a read of this reader.
    pub(super) fn warnings(self) -> Diagnostics {
        self.failure.into_inner().map(not_checked).unwrap_or_default()
    }

    async fn vpc(&self, id: &str) -> Result<ReadOutcome<Arc<Vpc>>> {
        self.get(Kind::Vpc, &self.cache.vpcs, id, self.service.show_vpc(id)).await
    }

    async fn subnet(&self, id: &str) -> Result<ReadOutcome<Arc<Subnet>>> {
        self.get(Kind::Subnet, &self.cache.subnets, id, self.service.show_subnet(id)).await
    }

    async fn get<T>(
        &self,
        kind: Kind,
        outcomes: &Outcomes<Arc<T>>,
        id: &str,
        call: impl Future<Output = std::result::Result<T, Error>>,
    ) -> Result<ReadOutcome<Arc<T>>> {
        let (cache, project) = (self.cache, self.context.project.id());
        let is_applying = self.context.run_state.is_applying();
        let read = async {
            match self.context.with_short_timeout(TIMEOUT, Box::pin(self.context.read(call))).await {
                Ok(object) => Ok(ReadOutcome::Found(Arc::new(object))),
                Err(error) if error.has_code(error_code::VPC_RESOURCE_NOT_VISIBLE) => Ok(ReadOutcome::Hidden),
                Err(error) if error.is_not_found() => Ok(ReadOutcome::Missing),
                Err(error) => Err(error),
            }
        };
        let if_found = self.is_strict || is_applying;
        let is_usable = |_, kept: &ReadOutcome<_>| kept.may_be_reused(if_found);
        if self.is_strict {
            if is_applying {
                return read.await;
            }
            return outcomes.get_if(project, id, is_usable, Box::pin(read)).await;
        }
        let request = async {
            // Another read may have failed meanwhile.
            if cache.is_refused(project, kind) {
                return Ok(ReadOutcome::Unknown);
            }
            Ok(read.await.unwrap_or_else(|error| {
                // The service rejects reads of one kind of objects, or does not respond at all.
                let all = [Kind::Vpc, Kind::Subnet, Kind::RouteTable];
                cache.refuse(project, if error.is_refused() { std::slice::from_ref(&kind) } else { &all });
                tracing::debug!(?error, "the networks are not checked");
                if cache.warn_once() {
                    *self.failure.lock() = Some(error);
                }
                ReadOutcome::Unknown
            }))
        };
        outcomes.get_if(project, id, is_usable, Box::pin(request)).await
    }

    /// Finds the subnet in its VPC, with one call if it is there. Adds what is wrong with the two IDs.
    pub(crate) async fn find_subnet_in_vpc(
        &self,
        vpc: &str,
        id: &str,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Arc<Subnet>>> {
        let list = self.service.list_subnets(vpc);
        let listed = match self.get(Kind::Subnet, &self.cache.subnets_of_vpc, vpc, list).await? {
            ReadOutcome::Found(listed) => listed,
            ReadOutcome::Missing | ReadOutcome::Hidden => Arc::default(),
            ReadOutcome::Unknown => return Ok(None),
        };
        if let Some(subnet) = listed.iter().find(|subnet| subnet.id.eq_ignore_ascii_case(id)) {
            return Ok(Some(Arc::new(subnet.clone())));
        }
        if let Some(finding) = rules::check_network_id(id, &listed) {
            findings.push(finding);
            return Ok(None);
        }
        let found = self.subnet(id).await?;
        let is_in_vpc = matches!(&found, ReadOutcome::Found(subnet) if subnet.vpc_id.eq_ignore_ascii_case(vpc));
        // A VPC without subnets may be one that does not exist.
        if listed.is_empty() {
            let absence = self.vpc(vpc).await?.absence();
            // A subnet that names a VPC which is not visible: the VPC is shared.
            let absence = absence.map(|absence| if is_in_vpc { Absence::Possible } else { absence });
            findings.extend(absence.map(|absence| Finding::missing(Kind::Vpc, vpc, absence)));
        }
        findings.extend(found.absence().map(|absence| Finding::missing(Kind::Subnet, id, absence)));
        let Some(subnet) = found.found() else { return Ok(None) };
        if is_in_vpc {
            return Ok(Some(subnet));
        }
        findings.push(rules::subnet_elsewhere(id, vpc, &subnet.vpc_id));
        Ok(None)
    }

    /// Finds a subnet whose VPC is not given. Adds that it does not exist.
    pub(crate) async fn find_subnet(&self, id: &str, findings: &mut Vec<Finding>) -> Result<Option<Arc<Subnet>>> {
        let found = self.subnet(id).await?;
        findings.extend(found.absence().map(|absence| Finding::missing(Kind::Subnet, id, absence)));
        Ok(found.found())
    }

    /// Checks a route table against the VPC and the subnet. Whether it exists is certain only if the VPC is visible.
    pub(super) async fn check_route_table(&self, id: &str, vpc: &str, subnet: &str) -> Result<Option<Finding>> {
        let missing = |absence| Some(Finding::missing(Kind::RouteTable, id, absence));
        let show = self.service.show_route_table(id);
        Ok(match self.get(Kind::RouteTable, &self.cache.route_tables, id, show).await? {
            ReadOutcome::Found(table) => rules::check_route_table(&table, vpc, subnet),
            ReadOutcome::Missing if self.visible_vpc(vpc).await?.is_some() => missing(Absence::Certain),
            ReadOutcome::Missing | ReadOutcome::Hidden => missing(Absence::Possible),
            ReadOutcome::Unknown => None,
        })
    }

    /// Compares the network of a target with the subnet, and with the VPC if the service shows it.
    pub(super) async fn check_range(&self, target: &Target, subnet: &Subnet) -> Result<Option<Finding>> {
        let found = rules::check_range(target, subnet, None);
        if found.is_some() || target.network.is_none() {
            return Ok(found);
        }
        let vpc = self.visible_vpc(&subnet.vpc_id).await?;
        Ok(rules::check_range(target, subnet, vpc.as_deref()))
    }

    /// The VPC, if the service shows it.
    pub(crate) async fn visible_vpc(&self, id: &str) -> Result<Option<Arc<Vpc>>> {
        Ok(self.vpc(id).await?.found())
    }
}

/// The warning about networks that were not checked.
pub(super) fn not_checked(error: OperationError) -> Diagnostics {
    let text = "The plan continues without checks of VPCs, subnets and route tables, so some mistakes appear only in \
                the apply or later. The checks need the IAM actions vpc:vpcs:get, vpc:subnets:get and \
                vpc:routeTables:get. To plan without these checks, set plan_checks = false in the provider block.";
    error.warn("Networks Were Not Checked", text)
}
