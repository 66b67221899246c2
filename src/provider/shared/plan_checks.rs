//! What a plan asks the service about names, once per run for all resources: is there such a queue or pool, may it be
//! bound, is the name of a new connection free.
//!
//! Nothing is asked without credentials or with `plan_checks = false`, and a service that does not answer costs a warning,
//! not the plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::provider::{
    enhanced_connection::creation_journal::CreationJournal,
    provider_data::ProviderData,
    shared::operation::{OperationContext, OperationError},
    shared::run_state::{Answers, Place, RunState},
};
use crate::{
    client::{ConnectionFilter, Error},
    dli::wire::{self, Queue},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
        value::Value,
    },
};

/// How long the service may take to answer.
const LIMIT: Duration = Duration::from_secs(15);

/// How long all may wait for their turns with a gateway that throttles.
const PATIENCE: Duration = Duration::from_mins(10);

/// A list in which something is missing is asked for again when it is older than this; the plan of many resources is over
/// before. Once the run applies, any list is too old: others may have made what was missing a moment ago.
const FRESH: Duration = Duration::from_secs(5);

const NOT_ASKED: &str = "The plan continues without this check; the apply will report what is wrong. To plan without asking \
                         the service, set plan_checks = false in the provider block.";

const REFUSED: &str = "Nothing was changed. The plan stops here, because an apply would fail too. To plan without asking the \
                       service, set plan_checks = false in the provider block.";

const MISSING: &str = "No Such Queue";

const MADE_LATER: &str = "If the same configuration creates it, refer to an attribute that is known only after its creation \
                          (such as its ID) instead of the name, or set plan_checks = false in the provider block. The \
                          latter also lets a destroy pass.";

/// Names that are new in a plan, and where they stand.
pub(in crate::provider) struct PlanChecker {
    run_state: Arc<RunState>,
    place: Place,
    context: OperationContext,
}

impl PlanChecker {
    /// A checker about the place of a planned object; `None` where nothing can or should be asked.
    pub(in crate::provider) async fn open(
        provider_data: &ProviderData,
        config: &Value,
        planned: &Value,
        stop: &CancellationToken,
    ) -> Option<Self> {
        let text = |name: &str| planned.get(name).as_str().map(str::to_owned);
        let place = (text("region"), text("project_id"));
        // Where an unknown place is, nobody can say yet; the one of the provider it need not be.
        let unknown = |name: &str| config.get(name).is_unknown();
        if unknown("region") || unknown("project_id") || !provider_data.may_ask().await {
            return None;
        }
        let context = provider_data.begin((place.0.as_deref(), place.1.as_deref()), PATIENCE, stop);
        let context = timeout(LIMIT, context).await.ok()?.ok()?;
        Some(Self { run_state: provider_data.run_state(), place, context })
    }

    /// A call whose answer is not worth a long wait.
    async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, OperationError> {
        self.context.with_short_timeout(LIMIT, Box::pin(self.context.read(call))).await
    }

    /// Each queue that is not there or may not be bound.
    pub(in crate::provider) async fn check_queues(&self, wanted: &[(Path, String)]) -> Diagnostics {
        let ask = || async {
            let queues = self.read(self.context.project.list_queues()).await?;
            Ok(queues.into_iter().map(|queue| (queue.queue_name.to_ascii_lowercase(), queue)).collect())
        };
        let missing =
            |queues: &BTreeMap<String, Queue>, name: &String| !queues.contains_key(&name.to_ascii_lowercase());
        let answers = &self.run_state.queues;
        let (queues, mut report) = self.ask(answers, "Queues Were Not Checked", wanted, ask, missing).await;
        for (queues, (path, name)) in queues.iter().flat_map(|queues| wanted.iter().map(move |w| (queues, w))) {
            let bindable = queues.values().filter(|queue| queue.may_be_bound()).map(|queue| &queue.queue_name);
            let error = match queues.get(&name.to_ascii_lowercase()) {
                None => {
                    Some((MISSING, format!("there is no queue named {name:?} in the project; {}", known(bindable))))
                }
                Some(queue) if !queue.may_be_bound() => {
                    Some(("Queue Cannot Be Bound", format!("{name:?} is {}", describe_queue(queue))))
                }
                Some(_) => None,
            };
            if let Some((summary, error)) = error {
                let made_later = if summary == MISSING { format!("\n\n{MADE_LATER}") } else { String::new() };
                let text = format!(
                    "{path}: {error}.\n\nAllowed: dedicated queues, yearly/monthly queues, and queues in an elastic resource \
                     pool.\nDocument: DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter \
                     queues.{made_later}"
                );
                report.push(Diagnostic::error(summary, text).at(path.clone()));
            }
        }
        report
    }

    /// Each elastic resource pool that is not there.
    pub(in crate::provider) async fn check_pools(&self, wanted: &[(Path, String)]) -> Diagnostics {
        let ask = || async {
            let pools = self.read(self.context.project.list_pools()).await?;
            Ok(pools.into_iter().map(|pool| pool.name.to_ascii_lowercase()).collect())
        };
        let missing = |pools: &BTreeSet<String>, name: &String| !pools.contains(&name.to_ascii_lowercase());
        let answers = &self.run_state.pools;
        let (pools, mut report) =
            self.ask(answers, "Elastic Resource Pools Were Not Checked", wanted, ask, missing).await;
        let Some(pools) = pools else { return report };
        for (path, name) in wanted.iter().filter(|(_, name)| missing(&pools, name)) {
            let text = format!(
                "{path}: there is no elastic resource pool named {name:?} in the project; {}.\n\nAllowed: the name of an \
                 elastic resource pool.\nDocument: DLI API Reference, \"Listing All Elastic Resource Pools\".\n\n{MADE_LATER}",
                known(pools.iter())
            );
            report.push(Diagnostic::error("No Such Elastic Resource Pool", text).at(path.clone()));
        }
        report
    }

    /// A warning where another connection has the name of one that is to be created, and no earlier run may have made it.
    pub(in crate::provider) async fn check_name(&self, name: &str, journal: &CreationJournal) -> Diagnostics {
        if self.run_state.refused.load(Ordering::Relaxed) {
            return Diagnostics::new();
        }
        let ask = async {
            let filter = ConnectionFilter { status: Some(wire::STATUS_ACTIVE), ..ConnectionFilter::default() };
            let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for connection in self.read(self.context.project.list_connections(&filter)).await? {
                if !connection.is_deleted() {
                    holders.entry(connection.name).or_default().push(connection.id);
                }
            }
            Ok(holders)
        };
        let (holders, error) = self.run_state.names.get(&self.place, None, ask).await;
        let mut report =
            error.map(|error| self.unchecked(error, "Connection Names Were Not Checked")).unwrap_or_default();
        let holders = holders.iter().filter_map(|holders| holders.get(name)).flatten();
        let noted = journal.find(self.context.project.id(), name).ok().flatten();
        let noted = noted.filter(|noted| !noted.acknowledged && !journal.is_concurrent(noted));
        let ours = |id: &String| noted.as_ref().is_some_and(|noted| noted.may_have_created(id));
        let others = holders.filter(|id| !self.run_state.is_replaced(id) && !ours(id));
        let others: Vec<_> = others.map(String::as_str).collect();
        if !others.is_empty() {
            let text = format!(
                "An enhanced connection named {name:?} already exists: {}. The service may refuse a second one.\n\nIf it is the \
                 one that this plan replaces, nothing is wrong (if it is tainted, terraform untaint ADDRESS keeps it). \
                 Otherwise choose another name, or import the existing one: terraform import ADDRESS {}",
                others.join(", "),
                others[0]
            );
            report.push(Diagnostic::warning("Connection Name Is Taken", text).at(Path::attribute("name")));
        }
        report
    }

    /// The answer; where it lacks a wanted name and is not fresh, it is asked for again.
    async fn ask<T, F: Future<Output = Result<T, OperationError>>>(
        &self,
        answers: &Answers<T>,
        summary: &str,
        wanted: &[(Path, String)],
        ask: impl Fn() -> F,
        missing: impl Fn(&T, &String) -> bool,
    ) -> (Option<Arc<T>>, Diagnostics) {
        // Five refusals in a row would lock the key.
        if wanted.is_empty() || self.run_state.refused.load(Ordering::Relaxed) {
            return (None, Diagnostics::new());
        }
        let (mut answer, mut error) = answers.get(&self.place, None, ask()).await;
        let oldest = if self.run_state.applies.load(Ordering::Relaxed) { Duration::ZERO } else { FRESH };
        if answer.as_ref().is_some_and(|answer| wanted.iter().any(|(_, name)| missing(answer, name))) {
            (answer, error) = answers.get(&self.place, Some(oldest), ask()).await;
        }
        (answer, error.map(|error| self.unchecked(error, summary)).unwrap_or_default())
    }

    /// What could not be asked is a warning, because the apply will find out; refused credentials are an error, once,
    /// because it would get no further.
    fn unchecked(&self, error: OperationError, summary: &str) -> Diagnostics {
        if !error.is_of_credentials() {
            return error.warn(summary, NOT_ASKED);
        }
        if self.run_state.refused.swap(true, Ordering::Relaxed) {
            return Diagnostics::new();
        }
        error.into_errors("The Credentials Are Refused", REFUSED)
    }
}

/// What a queue is, in the words of the documents.
pub(in crate::provider) fn describe_queue(queue: &Queue) -> String {
    if queue.queue_name.eq_ignore_ascii_case("default") {
        return "the default queue, which is never bound".to_owned();
    }
    let billing = if queue.charging_mode == 2 { "yearly/monthly" } else { "pay-per-use" };
    format!("a shared queue ({billing}, in no elastic resource pool)")
}

/// Some names that are there.
fn known<'a>(names: impl Iterator<Item = &'a String>) -> String {
    const SHOWN: usize = 10;
    let names: Vec<_> = names.map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        _ if names.is_empty() => "it has none that can be bound".to_owned(),
        0 => format!("it has {}", names.join(", ")),
        more => format!("it has {} and {more} more", names[..SHOWN].join(", ")),
    }
}
