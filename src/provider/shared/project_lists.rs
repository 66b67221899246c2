//! Lists of a project that one run reads once: its queues, its elastic resource pools and what its connections bind.
//!
//! | call | size |
//! |---|---|
//! | `GET /v1.0/{project}/queues`, `/v3/{project}/elastic-resource-pools` | the whole list |
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | pages of at most 1,000 connections and 16 MiB |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::network_checks::target::{Inventory, TargetName};
use super::operation::{OperationContext, OperationError, Result};
use super::run_state::{BoundConnection, CachedList, ConnectionSurvey, Location};
use crate::client::ListedConnection;
use crate::dli::wire::{self, Pool, Queue};

/// Maximum time for a response of the service to a plan check.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum age of a list in which a name is missing. Older lists are read again, and every list once the run applies:
/// another resource may have created the name meanwhile.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Maximum age of lists that networks are compared with: the same apply may replace a queue or pool.
pub(super) const NETWORKS_MAX_AGE: Duration = Duration::from_secs(30);

/// Reads the queues by name in lower case.
async fn read_queues(context: &OperationContext, limit: Duration) -> Result<BTreeMap<String, Queue>> {
    let read = Box::pin(context.read(context.project.list_queues()));
    context.with_short_timeout(limit, read).await.map(|queues| by_name(queues, |queue| &queue.queue_name))
}

/// Reads the elastic resource pools by name in lower case.
async fn read_pools(context: &OperationContext, limit: Duration) -> Result<BTreeMap<String, Pool>> {
    let read = Box::pin(context.read(context.project.list_pools()));
    context.with_short_timeout(limit, read).await.map(|pools| by_name(pools, |pool| &pool.name))
}

/// Reads the connections page by page, each within the limit, and keeps their names and bindings only.
async fn read_survey(context: &OperationContext, limit: Duration) -> Result<ConnectionSurvey> {
    let (mut survey, mut offset) = (ConnectionSurvey::default(), 0);
    loop {
        let read = Box::pin(context.read(context.project.list_active_connections(offset)));
        let page = context.with_short_timeout(limit, read).await?;
        offset += page.len();
        if !add(&mut survey, page) {
            return Ok(survey);
        }
    }
}

/// A list that the run shares; `None` if the service does not return it. Only the first caller gets the error.
pub(super) type Shared<T> = (Option<Arc<T>>, Option<OperationError>);

/// Returns the queues. Reads them again if the list is older than `max_age`, or not complete and not recent.
pub(super) async fn queues(
    context: &OperationContext,
    limit: Duration,
    max_age: Option<Duration>,
    is_complete: impl Fn(&BTreeMap<String, Queue>) -> bool,
) -> Shared<BTreeMap<String, Queue>> {
    shared(context, &context.run_state.queues, max_age, is_complete, || read_queues(context, limit)).await
}

/// Returns the elastic resource pools, like [`queues`].
pub(super) async fn pools(
    context: &OperationContext,
    limit: Duration,
    max_age: Option<Duration>,
    is_complete: impl Fn(&BTreeMap<String, Pool>) -> bool,
) -> Shared<BTreeMap<String, Pool>> {
    shared(context, &context.run_state.pools, max_age, is_complete, || read_pools(context, limit)).await
}

/// Returns the connections and their bindings, like [`queues`].
pub(super) async fn connections(
    context: &OperationContext,
    limit: Duration,
    max_age: Option<Duration>,
) -> Shared<ConnectionSurvey> {
    let list = &context.run_state.connections;
    shared(context, list, max_age, |_| true, || read_survey(context, limit)).await
}

async fn shared<T, F: Future<Output = Result<T>>>(
    context: &OperationContext,
    list: &CachedList<T>,
    max_age: Option<Duration>,
    is_complete: impl Fn(&T) -> bool,
    read: impl Fn() -> F,
) -> Shared<T> {
    let location = location(context);
    let (found, error) = list.get(&location, max_age, read()).await;
    if found.as_deref().is_none_or(is_complete) {
        return (found, error);
    }
    let max_age = if context.run_state.applies.load(Ordering::Relaxed) { Duration::ZERO } else { MAX_AGE };
    list.get(&location, Some(max_age), read()).await
}

/// The region and project of the lists.
pub(super) fn location(context: &OperationContext) -> Location {
    (context.project.region().map(str::to_owned), Some(context.project.id().to_owned()))
}

/// Returns the queues and pools for a data source, which fails without them. Shares the lists of the run until it
/// changes objects.
pub(in crate::provider) async fn inventory(
    context: &OperationContext,
    limit: Duration,
    wanted: &BTreeSet<TargetName>,
) -> Result<Inventory> {
    let has_queues = |queues: &BTreeMap<String, Queue>| {
        !wanted.iter().any(|name| matches!(name, TargetName::Queue(queue) if !queues.contains_key(queue)))
    };
    let has_pools = |pools: &BTreeMap<String, Pool>| {
        !wanted.iter().any(|name| matches!(name, TargetName::Pool(pool) if !pools.contains_key(pool)))
    };
    let max_age = Some(NETWORKS_MAX_AGE);
    let queues = queues(context, limit, max_age, has_queues);
    let queues = required(context, queues, || read_queues(context, limit)).await?;
    let pools = pools(context, limit, max_age, has_pools);
    let pools = required(context, pools, || read_pools(context, limit)).await?;
    Ok(Inventory { queues: Some(queues), pools: Some(pools) })
}

/// Returns the connections and their bindings for a data source, like [`inventory`].
pub(in crate::provider) async fn survey(context: &OperationContext, limit: Duration) -> Result<Arc<ConnectionSurvey>> {
    let connections = connections(context, limit, Some(NETWORKS_MAX_AGE));
    required(context, connections, || read_survey(context, limit)).await
}

/// Returns a shared list, or reads one if the run changes objects or another caller has the error.
async fn required<T, F: Future<Output = Result<T>>>(
    context: &OperationContext,
    list: impl Future<Output = Shared<T>>,
    read: impl FnOnce() -> F,
) -> Result<Arc<T>> {
    if context.run_state.applies.load(Ordering::Relaxed) {
        return read().await.map(Arc::new);
    }
    match list.await {
        (Some(list), _) => Ok(list),
        (None, Some(error)) => Err(error),
        (None, None) => read().await.map(Arc::new),
    }
}

/// Objects by their names in lower case.
fn by_name<T>(objects: Vec<T>, name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    objects.into_iter().map(|object| (name(&object).to_ascii_lowercase(), object)).collect()
}

/// Adds a page. Returns whether the survey lacked one of its connections; otherwise the page was the last one.
fn add(survey: &mut ConnectionSurvey, page: Vec<ListedConnection>) -> bool {
    let mut has_new = false;
    let connections = page.into_iter().map(|listed| listed.connection);
    for connection in connections.filter(|connection| !connection.is_deleted()) {
        let ids = survey.ids.entry(connection.name.clone()).or_default();
        // A page repeats connections if one before it was deleted or created meanwhile.
        if ids.contains(&connection.id) {
            continue;
        }
        has_new = true;
        let targets = bound_targets(&connection);
        let wire::Connection { id, name, dest_vpc_id: vpc, .. } = connection;
        ids.push(id.clone());
        if !targets.is_empty() {
            survey.bound.push(BoundConnection { id, name, vpc, targets });
        }
    }
    has_new
}

/// The targets of the bindings that have not failed.
pub(super) fn bound_targets(connection: &wire::Connection) -> Vec<TargetName> {
    let works = |binding: &&wire::Binding| !binding.has_status(wire::BINDING_FAILED);
    let queues = connection.available_queue_info.iter().filter(works).map(|queue| TargetName::queue(&queue.name));
    let pools = connection.elastic_resource_pools.iter().filter(works).map(|pool| TargetName::pool(&pool.name));
    queues.chain(pools).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that ignores the offset returns the first page again and again.
    #[test]
    fn repeated_page_is_the_last_one() {
        let page = || {
            let connection = |id: &str| wire::Connection { id: id.to_owned(), ..wire::Connection::default() };
            ["a", "b"].map(|id| ListedConnection { connection: connection(id), ..ListedConnection::default() }).to_vec()
        };
        let mut survey = ConnectionSurvey::default();
        assert!(add(&mut survey, page()));
        assert!(!add(&mut survey, page()));
        assert!(!add(&mut survey, Vec::new()));
        assert_eq!(survey.ids[""], ["a", "b"]);
    }
}
