//! Reads facts about networks: each once per run for plans, or anew for a data source.

use std::sync::Arc;

use parking_lot::Mutex;

use super::cache::{Answers, Kind, Lookup, NetworkCache};
use super::finding::{Absence, Finding};
use super::rules;
use crate::client::{Error, VpcService};
use crate::dli::error_code;
use crate::dli::vpc::{RouteTable, Subnet, Vpc};
use crate::provider::shared::operation::{OperationContext, OperationError, Result};
use crate::provider::shared::plan_checks::TIMEOUT;

/// Reads the networks of one project.
pub(crate) struct NetworkReader<'a> {
    context: &'a OperationContext,
    service: VpcService<'a>,
    /// `None` to read anew. Then errors are returned; otherwise they count as "unknown".
    cache: Option<&'a NetworkCache>,
    /// The first error of the run.
    failure: Mutex<Option<OperationError>>,
}

impl<'a> NetworkReader<'a> {
    /// Returns a reader; `None` if the address of the VPC service is unknown.
    pub(crate) fn new(context: &'a OperationContext, cache: Option<&'a NetworkCache>) -> Option<Self> {
        let service = context.project.vpc()?;
        Some(Self { context, service, cache, failure: Mutex::default() })
    }

    /// The error of the run's first failed read, if it was a read of this reader.
    pub(crate) fn into_failure(self) -> Option<OperationError> {
        self.failure.into_inner()
    }

    pub(crate) async fn vpc(&self, id: &str) -> Result<Lookup<Arc<Vpc>>> {
        self.get(Kind::Vpc, |cache| &cache.vpcs, id, self.service.show_vpc(id)).await
    }

    pub(crate) async fn subnet(&self, id: &str) -> Result<Lookup<Arc<Subnet>>> {
        self.get(Kind::Subnet, |cache| &cache.subnets, id, self.service.show_subnet(id)).await
    }

    pub(crate) async fn subnets_of_vpc(&self, vpc: &str) -> Result<Lookup<Arc<Vec<Subnet>>>> {
        self.get(Kind::Subnet, |cache| &cache.subnets_of_vpc, vpc, self.service.list_subnets(vpc)).await
    }

    pub(crate) async fn route_table(&self, id: &str) -> Result<Lookup<Arc<RouteTable>>> {
        self.get(Kind::RouteTable, |cache| &cache.route_tables, id, self.service.show_route_table(id)).await
    }

    async fn get<T>(
        &self,
        kind: Kind,
        answers: fn(&NetworkCache) -> &Answers<Arc<T>>,
        id: &str,
        call: impl Future<Output = std::result::Result<T, Error>>,
    ) -> Result<Lookup<Arc<T>>> {
        let project = self.context.project.id();
        let read = async {
            match self.context.with_short_timeout(TIMEOUT, Box::pin(self.context.read(call))).await {
                Ok(object) => Ok(Lookup::Found(Arc::new(object))),
                Err(error) if error.has_code(error_code::VPC_RESOURCE_NOT_VISIBLE) => Ok(Lookup::Hidden),
                Err(error) if error.is_not_found() => Ok(Lookup::Missing),
                Err(error) => Err(error),
            }
        };
        let Some(cache) = self.cache else { return read.await };
        let ask = async {
            // Another read may have failed meanwhile.
            if cache.is_refused(project, kind) {
                return Lookup::Unknown;
            }
            read.await.unwrap_or_else(|error| {
                // The service refuses one kind of objects, or does not answer at all.
                let all = [Kind::Vpc, Kind::Subnet, Kind::RouteTable];
                cache.refuse(project, if error.is_refused() { std::slice::from_ref(&kind) } else { &all });
                tracing::debug!(?error, "the networks are not checked");
                if cache.warn_once() {
                    *self.failure.lock() = Some(error);
                }
                Lookup::Unknown
            })
        };
        Ok(answers(cache).get(project, id, Box::pin(ask)).await)
    }

    /// Finds the subnet in its VPC, with one call if it is there. Adds what is wrong with the two IDs.
    pub(crate) async fn place(&self, vpc: &str, id: &str, findings: &mut Vec<Finding>) -> Result<Option<Arc<Subnet>>> {
        let listed = match self.subnets_of_vpc(vpc).await? {
            Lookup::Found(listed) => listed,
            Lookup::Missing | Lookup::Hidden => Arc::default(),
            Lookup::Unknown => return Ok(None),
        };
        if let Some(subnet) = listed.iter().find(|subnet| subnet.id.eq_ignore_ascii_case(id)) {
            return Ok(Some(Arc::new(subnet.clone())));
        }
        if let Some(finding) = rules::check_network_id(id, &listed) {
            findings.push(finding);
            return Ok(None);
        }
        let found = self.subnet(id).await?;
        let is_in_vpc = matches!(&found, Lookup::Found(subnet) if subnet.vpc_id.eq_ignore_ascii_case(vpc));
        // A VPC without subnets may be one that does not exist.
        let vpc_absence = match if listed.is_empty() { self.vpc(vpc).await? } else { Lookup::Unknown } {
            // A subnet that names a VPC which is not visible: the VPC is shared.
            Lookup::Missing if !is_in_vpc => Some(Absence::Certain),
            Lookup::Missing | Lookup::Hidden => Some(Absence::Possible),
            Lookup::Found(_) | Lookup::Unknown => None,
        };
        findings.extend(vpc_absence.map(|absence| Finding::VpcMissing { vpc: vpc.to_owned(), absence }));
        let (subnet, vpc) = (id.to_owned(), vpc.to_owned());
        findings.extend(match &found {
            Lookup::Found(found) if !is_in_vpc => {
                Some(Finding::SubnetElsewhere { subnet, vpc, actual: found.vpc_id.clone() })
            }
            Lookup::Missing => Some(Finding::SubnetMissing { subnet, absence: Absence::Certain }),
            Lookup::Hidden => Some(Finding::SubnetMissing { subnet, absence: Absence::Possible }),
            Lookup::Found(_) | Lookup::Unknown => None,
        });
        match found {
            Lookup::Found(subnet) if is_in_vpc => Ok(Some(subnet)),
            _ => Ok(None),
        }
    }

    /// Finds a subnet whose VPC is not given. Adds that it does not exist.
    pub(crate) async fn find_subnet(&self, id: &str, findings: &mut Vec<Finding>) -> Result<Option<Arc<Subnet>>> {
        let absence = match self.subnet(id).await? {
            Lookup::Found(subnet) => return Ok(Some(subnet)),
            Lookup::Missing => Absence::Certain,
            Lookup::Hidden => Absence::Possible,
            Lookup::Unknown => return Ok(None),
        };
        findings.push(Finding::SubnetMissing { subnet: id.to_owned(), absence });
        Ok(None)
    }

    /// Checks a route table against the VPC and the subnet. Whether it exists is certain only if the VPC is visible.
    pub(crate) async fn check_route_table(&self, id: &str, vpc: &str, subnet: &str) -> Result<Option<Finding>> {
        let missing = |absence| Some(Finding::RouteTableMissing { table: id.to_owned(), absence });
        Ok(match self.route_table(id).await? {
            Lookup::Found(table) => rules::check_route_table(&table, vpc, subnet),
            Lookup::Missing if self.visible_vpc(vpc).await?.is_some() => missing(Absence::Certain),
            Lookup::Missing | Lookup::Hidden => missing(Absence::Possible),
            Lookup::Unknown => None,
        })
    }

    /// The VPC, if the service shows it.
    pub(crate) async fn visible_vpc(&self, id: &str) -> Result<Option<Arc<Vpc>>> {
        Ok(match self.vpc(id).await? {
            Lookup::Found(vpc) => Some(vpc),
            _ => None,
        })
    }
}
