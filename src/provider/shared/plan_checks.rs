//! Checks of names in a plan: whether queues and pools exist and may be bound, and whether a new name is free.
//!
//! The provider reads each list once per run for all resources. It reads nothing without credentials or with
//! `plan_checks = false`. If the service does not answer, the plan shows a warning and continues.

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
use crate::provider::shared::network_checks::target::{Inventory, TargetName};
use crate::provider::shared::operation::{self, OperationContext, OperationError};
use crate::provider::shared::project_lists::{self, NETWORKS_MAX_AGE, TIMEOUT};
use crate::provider::shared::run_state::{ConnectionSurvey, Location, RunState};

/// Maximum time for all requests while the gateway throttles.
const THROTTLED_TIMEOUT: Duration = Duration::from_mins(10);

const QUEUES_NOT_CHECKED: &str = "Queues Were Not Checked";
const NAMES_NOT_CHECKED: &str = "Connection Names Were Not Checked";
const POOLS_NOT_CHECKED: &str = "Elastic Resource Pools Were Not Checked";

const NOT_CHECKED: &str = "The plan continues without this check; the apply will report what is wrong. To plan without \
                           these checks, set plan_checks = false in the provider block.";

const REJECTED: &str = "Nothing was changed. The plan stops here, because an apply would fail too. To plan without \
                        these checks, set plan_checks = false in the provider block.";

const NOT_FOUND: &str = "\n\nIf the same configuration creates it first, ignore this warning; add depends_on if \
                         nothing else makes Terraform create it first. Otherwise the apply will fail: correct the \
                         name.";

/// Checks the names of one planned object.
pub(crate) struct PlanChecker {
    run_state: Arc<RunState>,
    context: OperationContext,
}

impl PlanChecker {
    /// Returns a checker for the location of a planned object; `None` if the plan cannot or should not be checked.
    pub(crate) async fn open(
        provider_data: &ProviderData,
        config: &Value,
        planned: &Value,
        stop: &CancellationToken,
    ) -> Option<Self> {
        // An unknown location need not be the provider's.
        let is_unknown = ["region", "project_id"].iter().any(|name| config.get(name).is_unknown());
        if is_unknown || !provider_data.can_check_plans().await {
            return None;
        }
        let (region, project_id) = (planned.get("region").as_str(), planned.get("project_id").as_str());
        let context = provider_data.begin((region, project_id), THROTTLED_TIMEOUT, stop);
        let context = timeout(TIMEOUT, context).await.ok()?.ok()?;
        Some(Self { run_state: provider_data.run_state(), context })
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> operation::Result<T> {
        self.context.with_short_timeout(TIMEOUT, Box::pin(self.context.read(call))).await
    }

    /// Reports each queue that cannot be bound, and warns about each one that does not exist.
    pub(crate) async fn check_queues(&self, wanted: &[(Path, String)]) -> Diagnostics {
        // Repeated requests with rejected credentials would lock the access key.
        if wanted.is_empty() || self.is_rejected() {
            return Diagnostics::new();
        }
        let (queues, error) = project_lists::queues(&self.context, TIMEOUT, None, |names| has_all(names, wanted)).await;
        let mut report = self.unchecked(error, QUEUES_NOT_CHECKED);
        let Some(queues) = queues else { return report };
        for (path, name) in wanted {
            const ALLOWED: &str = "Allowed: dedicated queues, yearly/monthly queues, and queues in an elastic resource \
                                   pool.\nDocument: DLI API Reference, \"Creating an Enhanced Datasource \
                                   Connection\", request parameter queues.";
            let problem = match queues.get(&name.to_ascii_lowercase()) {
                Some(queue) if queue.may_be_bound() => continue,
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
        let (pools, error) = project_lists::pools(&self.context, TIMEOUT, None, |names| has_all(names, wanted)).await;
        let mut report = self.unchecked(error, POOLS_NOT_CHECKED);
        let Some(pools) = pools else { return report };
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
        if self.is_rejected() || self.run_state.applies.load(Ordering::Relaxed) {
            return Diagnostics::new();
        }
        let mut report = Diagnostics::new();
        let survey = self.survey(NAMES_NOT_CHECKED, &mut report).await;
        let ids = survey.iter().filter_map(|survey| survey.ids.get(name)).flatten();
        let entry = journal.find(self.context.project.id(), name).ok().flatten();
        let entry = entry.filter(|entry| journal.may_adopt(entry));
        let is_ours = |id: &String| entry.as_ref().is_some_and(|entry| entry.may_have_created(id));
        let is_in_state = |id: &String| journal.is_in_state(self.context.project.id(), name, id);
        let others = ids.filter(|id| !self.run_state.is_replaced(id) && !is_ours(id) && !is_in_state(id));
        let others: Vec<_> = others.map(String::as_str).collect();
        if !others.is_empty() {
            let text = format!(
                "An enhanced connection named {name:?} already exists: {}. The service may refuse a second \
                 one.\n\nChoose another name, or import the existing one: {}",
                others.join(", "),
                self.run_state.client.import(others[0])
            );
            report.push(Diagnostic::warning("Connection Name Is Taken", text).at(Path::attribute("name")));
        }
        report
    }

    /// The ID of the project.
    pub(super) fn project(&self) -> &str {
        self.context.project.id()
    }

    /// Whether the service has rejected the credentials. Repeated requests with them would lock the access key.
    pub(super) fn is_rejected(&self) -> bool {
        self.run_state.rejected.load(Ordering::Relaxed)
    }

    /// The region and project of its lists.
    pub(super) fn location(&self) -> Location {
        project_lists::location(&self.context)
    }

    pub(super) fn context(&self) -> &OperationContext {
        &self.context
    }

    pub(super) fn run_state(&self) -> &RunState {
        &self.run_state
    }

    /// Returns a connection, from a shared response until the run changes objects. `None` if it cannot be read.
    pub(super) async fn current_connection(&self, id: &str) -> Option<Arc<wire::Connection>> {
        if self.is_rejected() || !self.run_state.applies.load(Ordering::Relaxed) {
            return self.connection(id).await;
        }
        self.read(self.context.project.show_connection(id)).await.ok().map(Arc::new)
    }

    /// Returns the connections of the project, read once per run. `None` once the run changes objects. The warning
    /// about an error has this summary.
    pub(super) async fn survey(&self, summary: &str, report: &mut Diagnostics) -> Option<Arc<ConnectionSurvey>> {
        if self.is_rejected() || self.run_state.applies.load(Ordering::Relaxed) {
            return None;
        }
        let (survey, error) = project_lists::connections(&self.context, TIMEOUT, None).await;
        report.extend(self.unchecked(error, summary));
        survey
    }

    /// Returns the queues and pools of the project, as far as these targets need them, read once per run.
    pub(super) async fn inventory(&self, names: &[TargetName], report: &mut Diagnostics) -> Inventory {
        let mut inventory = Inventory::default();
        if self.is_rejected() {
            return inventory;
        }
        let max_age = Some(NETWORKS_MAX_AGE);
        if names.iter().any(|name| !name.is_pool()) {
            let (queues, error) = project_lists::queues(&self.context, TIMEOUT, max_age, |_| true).await;
            report.extend(self.unchecked(error, QUEUES_NOT_CHECKED));
            inventory.queues = queues;
        }
        if names.iter().any(|name| name.is_pool() || inventory.is_pooled(name)) {
            let (pools, error) = project_lists::pools(&self.context, TIMEOUT, max_age, |_| true).await;
            report.extend(self.unchecked(error, POOLS_NOT_CHECKED));
            inventory.pools = pools;
        }
        inventory
    }

    /// Returns a connection, from a shared response. `None` if it cannot be read, or once the run changes objects.
    pub(crate) async fn connection(&self, id: &str) -> Option<Arc<wire::Connection>> {
        let (project, shared) = (&self.context.project, &self.run_state.shared_reads);
        let request = async { project.show_connection(id).await.map(Arc::new) };
        self.read_shared(shared.connections.get(project.id(), id, request)).await
    }

    /// Returns the privileges on a connection, like [`PlanChecker::connection`].
    pub(crate) async fn privileges(&self, id: &str) -> Option<Vec<wire::Privilege>> {
        let (project, shared) = (&self.context.project, &self.run_state.shared_reads);
        self.read_shared(shared.privileges.get(project.id(), id, project.list_privileges(id))).await
    }

    async fn read_shared<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
        if self.is_rejected() || self.run_state.applies.load(Ordering::Relaxed) {
            return None;
        }
        let not_checked = |error: &_| tracing::debug!(?error, "the plan does not check for existing parts");
        self.read(call).await.inspect_err(not_checked).ok()
    }

    /// Converts the error of a read to a warning. Rejected credentials are an error, once, because an apply would fail.
    pub(super) fn unchecked(&self, error: Option<OperationError>, summary: &str) -> Diagnostics {
        match error {
            None => Diagnostics::new(),
            Some(error) if !error.is_of_credentials() => error.warn(summary, NOT_CHECKED),
            Some(_) if self.run_state.rejected.swap(true, Ordering::Relaxed) => Diagnostics::new(),
            Some(error) => error.into_errors("The Credentials Are Refused", REJECTED),
        }
    }
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
    const SHOWN: usize = 10;
    let names: Vec<_> = names.map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        _ if names.is_empty() => "it has none that can be bound".to_owned(),
        0 => format!("it has {}", names.join(", ")),
        more => format!("it has {} and {more} more", names[..SHOWN].join(", ")),
    }
}
