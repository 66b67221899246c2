//! Checks of names in a plan: whether queues and pools exist and may be bound, and whether a new name is free.
//!
//! The provider reads each list once per run for all resources. It reads nothing without credentials or with
//! `plan_checks = false`. If the service does not respond, the plan shows a warning and continues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::client::Error;
use crate::dli::wire::{self, Queue};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::value::Value;
use crate::provider::enhanced_connection::creation_journal::CreationJournal;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::network_checks::target::Inventory;
use crate::provider::shared::operation::{self, OperationContext, OperationError};
use crate::provider::shared::overlap;
use crate::provider::shared::project_lists::{self, Purpose, TIMEOUT};
use crate::provider::shared::run_state::{ConnectionSurvey, RunState};

/// Maximum time for all requests while the gateway throttles.
const THROTTLED_TIMEOUT: Duration = Duration::from_mins(10);

const QUEUES_NOT_CHECKED: &str = "Queues Were Not Checked";
const NAMES_NOT_CHECKED: &str = "Connection Names Were Not Checked";
const PLAN_NOT_CHECKED: &str = "The Plan Was Not Checked";
const POOLS_NOT_CHECKED: &str = "Elastic Resource Pools Were Not Checked";

const NOT_CHECKED: &str = "The plan continues without this check. If there is a problem, the apply reports it. To plan \
                           without these checks, set plan_checks = false in the provider block.";

const REJECTED: &str = "Nothing was changed. The plan stops here, because an apply would fail too. To plan without \
                        these checks, set plan_checks = false in the provider block.";

const NOT_FOUND: &str = "\n\nIf the same configuration creates it first, ignore this warning; add depends_on if \
                         nothing else makes Terraform create it first. Otherwise the apply will fail: correct the \
                         name.";

/// Checks the names of one planned object.
pub(crate) struct PlanChecker {
    pub(in crate::provider) context: OperationContext,
}

impl PlanChecker {
    /// Returns a checker for the location of a planned object; `None` if the plan cannot or should not be checked. The
    /// first failure of a run to find the project is reported.
    pub(crate) async fn open(
        provider_data: &ProviderData,
        config: &Value,
        planned: &Value,
        stop: &CancellationToken,
        report: &mut Diagnostics,
    ) -> Option<Self> {
        Self::try_open(provider_data, config, planned, stop).await.unwrap_or_else(|error| {
            let run_state = provider_data.run_state();
            if !run_state.mark_unchecked() {
                report_failure(&run_state, error, PLAN_NOT_CHECKED, report);
            }
            None
        })
    }

    /// As [`PlanChecker::open`], without a report.
    pub(crate) async fn try_open(
        provider_data: &ProviderData,
        config: &Value,
        planned: &Value,
        stop: &CancellationToken,
    ) -> operation::Result<Option<Self>> {
        // An unknown location need not be the provider's.
        let is_unknown = ["region", "project_id"].iter().any(|name| config.get(name).is_unknown());
        if is_unknown || !provider_data.can_check_plans().await {
            return Ok(None);
        }
        let (region, project_id) = (planned.get("region").as_str(), planned.get("project_id").as_str());
        let opening = provider_data.begin((region, project_id), THROTTLED_TIMEOUT, stop);
        let context = timeout(TIMEOUT, opening).await.unwrap_or_else(|_| Err(not_found_in_time().into()))?;
        Ok(Some(Self { context }))
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> operation::Result<T> {
        self.context.with_short_timeout(TIMEOUT, Box::pin(self.context.read(call))).await
    }

    /// Reports each queue that cannot be bound, and warns about each one that does not exist. Records the pools that an
    /// existing connection binds for the others.
    pub(crate) async fn check_queues(&self, connection: Option<&str>, wanted: &[(Path, String)]) -> Diagnostics {
        // Repeated requests with rejected credentials would lock the access key.
        if wanted.is_empty() || self.is_rejected() {
            return Diagnostics::new();
        }
        let mut report = Diagnostics::new();
        let queues = project_lists::queues(&self.context, Purpose::Names, |names| has_all(names, wanted)).await;
        let Some(queues) = self.checked(queues, QUEUES_NOT_CHECKED, &mut report) else { return report };
        for (path, name) in wanted {
            const ALLOWED: &str = "Allowed: dedicated queues, yearly/monthly queues, and queues in an elastic resource \
                                   pool.\nDocument: DLI API Reference, \"Creating an Enhanced Datasource \
                                   Connection\", request parameter queues.";
            let problem = match queues.get(&name.to_ascii_lowercase()) {
                Some(queue) if queue.may_be_bound() => {
                    let pool = Some(&queue.elastic_resource_pool_name).filter(|pool| !pool.is_empty());
                    if let Some((connection, pool)) = connection.zip(pool) {
                        let overlaps = self.context.run_state.declared_parts.bind_pool_of(connection, name, pool);
                        report.extend(overlap::report(overlaps));
                    }
                    continue;
                }
                Some(queue) => {
                    let text = format!("{path}: {name:?} is {}.\n\n{ALLOWED}", describe_queue(queue));
                    Diagnostic::error("Queue Cannot Be Bound", text)
                }
                None => {
                    let bindable = queues.values().filter(|queue| queue.may_be_bound()).map(|queue| &queue.queue_name);
                    let existing = existing(bindable);
                    let text = format!(
                        "{path}: there is no queue named {name:?} in the project; {existing}.{NOT_FOUND}\n\n{ALLOWED}"
                    );
                    Diagnostic::warning("Queue Not Found", text)
                }
            };
            report.push(problem.at(path.clone()));
        }
        report
    }

    /// Warns about each elastic resource pool that does not exist.
    pub(crate) async fn check_pools(&self, wanted: &[(Path, String)]) -> Diagnostics {
        if wanted.is_empty() || self.is_rejected() {
            return Diagnostics::new();
        }
        let mut report = Diagnostics::new();
        let pools = project_lists::pools(&self.context, Purpose::Names, |names| has_all(names, wanted)).await;
        let Some(pools) = self.checked(pools, POOLS_NOT_CHECKED, &mut report) else { return report };
        for (path, name) in wanted.iter().filter(|(_, name)| !pools.contains_key(&name.to_ascii_lowercase())) {
            let text = format!(
                "{path}: there is no elastic resource pool named {name:?} in the project; \
                 {}.{NOT_FOUND}\n\nAllowed: the name of an elastic resource pool.\nDocument: DLI API Reference, \
                 \"Listing All Elastic Resource Pools\".",
                existing(pools.values().map(|pool| &pool.name))
            );
            report.push(Diagnostic::warning("Elastic Resource Pool Not Found", text).at(path.clone()));
        }
        report
    }

    /// Warns if another connection has the name of a new one. A connection that an earlier run may have created for it
    /// is not reported, and neither is one of the state: this plan replaces it. Once the run changes objects, the name
    /// may be free.
    pub(crate) async fn check_name(&self, name: &str, journal: &CreationJournal) -> Diagnostics {
        let mut report = Diagnostics::new();
        let Some(survey) = self.survey(NAMES_NOT_CHECKED, &mut report).await else { return report };
        let OperationContext { project, run_state, .. } = &self.context;
        let ids = survey.ids.get(name).into_iter().flatten();
        let entry = journal.find(project.id(), name).ok().flatten();
        let entry = entry.filter(|entry| journal.may_adopt(entry));
        let is_ours = |id: &String| entry.as_ref().is_some_and(|entry| entry.may_have_created(id));
        let is_in_state = |id: &String| journal.is_in_state(project.id(), name, id);
        let others = ids.filter(|id| !run_state.is_replaced(id) && !is_ours(id) && !is_in_state(id));
        let others: Vec<_> = others.map(String::as_str).collect();
        if !others.is_empty() {
            let text = format!(
                "An enhanced connection named {name:?} already exists: {}. The service may reject a second \
                 one.\n\nChoose another name, or import the existing one: {}",
                others.join(", "),
                run_state.client.import(others[0])
            );
            report.push(Diagnostic::warning("Connection Name Is Taken", text).at(Path::attribute("name")));
        }
        report
    }

    /// Whether the service has rejected the credentials. Repeated requests with them would lock the access key.
    pub(super) fn is_rejected(&self) -> bool {
        self.context.run_state.rejected.load(Ordering::Relaxed)
    }

    /// Returns a connection, from a shared response until the run changes objects. `None` if it cannot be read.
    pub(super) async fn current_connection(&self, id: &str) -> Option<Arc<wire::Connection>> {
        if self.is_rejected() || !self.context.run_state.is_applying() {
            return self.connection(id).await;
        }
        self.read(self.context.project.show_connection(id)).await.ok().map(Arc::new)
    }

    /// Returns the connections of the project, read once per run. `None` once the run changes objects. The warning
    /// about an error has this summary.
    pub(super) async fn survey(&self, summary: &str, report: &mut Diagnostics) -> Option<Arc<ConnectionSurvey>> {
        if self.is_rejected() || self.context.run_state.is_applying() {
            return None;
        }
        self.checked(project_lists::connections(&self.context, Purpose::Names).await, summary, report)
    }

    /// Returns the queues and pools of the project, as far as these targets need them, read once per run.
    pub(super) async fn inventory(&self, names: &[BindingTarget], report: &mut Diagnostics) -> Inventory {
        let mut inventory = Inventory::default();
        if self.is_rejected() {
            return inventory;
        }
        if names.iter().any(|name| !name.is_pool()) {
            let queues = project_lists::queues(&self.context, Purpose::Networks, |_| true).await;
            inventory.queues = self.checked(queues, QUEUES_NOT_CHECKED, report);
        }
        if names.iter().any(|name| name.is_pool() || inventory.is_pooled(name)) {
            let pools = project_lists::pools(&self.context, Purpose::Networks, |_| true).await;
            inventory.pools = self.checked(pools, POOLS_NOT_CHECKED, report);
        }
        inventory
    }

    /// Returns a connection, from a shared response. `None` if it cannot be read, or once the run changes objects.
    pub(crate) async fn connection(&self, id: &str) -> Option<Arc<wire::Connection>> {
        let (project, shared) = (&self.context.project, &self.context.run_state.shared_reads);
        let request = async { project.show_connection(id).await.map(Arc::new) };
        self.read_shared(shared.connections.get(project.id(), id, request)).await
    }

    /// Returns the privileges on a connection, like [`PlanChecker::connection`].
    pub(crate) async fn privileges(&self, id: &str) -> Option<Vec<wire::Privilege>> {
        let (project, shared) = (&self.context.project, &self.context.run_state.shared_reads);
        self.read_shared(shared.privileges.get(project.id(), id, project.list_privileges(id))).await
    }

    async fn read_shared<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        if self.is_rejected() || self.context.run_state.is_applying() {
            return None;
        }
        let not_checked = |error: &_| tracing::debug!(?error, "the plan does not check for existing parts");
        self.read(call).await.inspect_err(not_checked).ok()
    }

    /// Reports the error of a read.
    fn checked<T>(&self, list: operation::Result<Option<T>>, summary: &str, report: &mut Diagnostics) -> Option<T> {
        list.unwrap_or_else(|error| {
            report_failure(&self.context.run_state, error, summary, report);
            None
        })
    }
}

/// Reports the error of a read as a warning. Rejected credentials are an error, once, because an apply would fail.
fn report_failure(run_state: &RunState, error: OperationError, summary: &str, report: &mut Diagnostics) {
    if !error.is_of_credentials() {
        report.extend(error.warn(summary, NOT_CHECKED));
    } else if !run_state.rejected.swap(true, Ordering::Relaxed) {
        report.extend(error.into_errors("The Credentials Are Rejected", REJECTED));
    }
}

fn not_found_in_time() -> Diagnostic {
    let text = format!(
        "The project was not found within {}: IAM or the metadata service did not respond.\n\n{NOT_CHECKED}",
        humantime::format_duration(TIMEOUT)
    );
    Diagnostic::error(PLAN_NOT_CHECKED, text)
}

/// Whether a list by name in lower case has all of these names.
fn has_all<T>(list: &BTreeMap<String, T>, wanted: &[(Path, String)]) -> bool {
    wanted.iter().all(|(_, name)| list.contains_key(&name.to_ascii_lowercase()))
}

/// Describes a queue that cannot be bound, in the words of the documents.
pub(crate) fn describe_queue(queue: &Queue) -> String {
    if queue.queue_name.eq_ignore_ascii_case("default") {
        return "the default queue, which is never bound".to_owned();
    }
    let billing = if queue.charging_mode == 2 { "yearly/monthly" } else { "pay-per-use" };
    format!("a shared queue ({billing}, in no elastic resource pool)")
}

/// Lists some existing names, as the end of a sentence.
fn existing<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() { "it has none that can be bound".to_owned() } else { format!("it has {}", listed(&names)) }
}

/// Lists names; of many, the first ten.
pub(crate) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    match names.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
