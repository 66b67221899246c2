//! Lists of a project that one run reads once: its queues, its elastic resource pools and what its connections bind.
//!
//! | call | size |
//! |---|---|
//! | `GET /v1.0/{project}/queues`, `/v3/{project}/elastic-resource-pools` | the whole list |
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | pages of at most 1,000 connections and 16 MiB |

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::binding_target::{BindingTarget, bindings};
use super::data_source;
use super::network_checks::target::Inventory;
use super::operation::{OperationContext, Result};
use super::run_state::{BoundConnection, ConnectionSurvey, ProjectLists};
use crate::client::ListedConnection;
use crate::dli::wire::{self, Pool, Queue};

/// Maximum time for a response of the service to a plan check.
pub(in crate::provider) const TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum age of a list in which a name is missing. Older lists are read again, and every list once the run applies:
/// another resource may have created the name meanwhile.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Maximum age of lists that networks are compared with: the same apply may replace a queue or pool.
const NETWORKS_MAX_AGE: Duration = Duration::from_secs(30);

/// Maximum number of connections on a page.
pub(super) const MAX_PAGE: usize = 1000;

/// What needs a list. After an error, the lists of plan checks are not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Purpose {
    /// A plan check of names.
    Names,
    /// A plan check of networks.
    Networks,
    /// A data source, which fails without the list.
    DataSource,
}

impl Purpose {
    /// Maximum time for a response.
    fn limit(self) -> Duration {
        match self {
            Self::Names | Self::Networks => TIMEOUT,
            Self::DataSource => data_source::READ,
        }
    }

    fn max_age(self, is_applying: bool) -> Option<Duration> {
        match self {
            Self::Names => None,
            Self::DataSource if is_applying => Some(Duration::ZERO),
            Self::Networks | Self::DataSource => Some(NETWORKS_MAX_AGE),
        }
    }
}

/// Returns the queues by name in lower case. Reads them again if the list is too old, or not complete and not recent.
/// `None` if another caller got the error.
pub(super) async fn queues(
    context: &OperationContext,
    purpose: Purpose,
    is_complete: impl Fn(&BTreeMap<String, Queue>) -> bool,
) -> Result<Option<Arc<BTreeMap<String, Queue>>>> {
    let read = || async {
        let read = Box::pin(context.read(context.project.list_queues()));
        context.with_short_timeout(purpose.limit(), read).await.map(|queues| by_name(queues, |queue| &queue.queue_name))
    };
    shared(context, &context.run_state.queues, purpose, is_complete, read).await
}

/// Returns the elastic resource pools by name in lower case, like [`queues`].
pub(super) async fn pools(
    context: &OperationContext,
    purpose: Purpose,
    is_complete: impl Fn(&BTreeMap<String, Pool>) -> bool,
) -> Result<Option<Arc<BTreeMap<String, Pool>>>> {
    let read = || async {
        let read = Box::pin(context.read(context.project.list_pools()));
        context.with_short_timeout(purpose.limit(), read).await.map(|pools| by_name(pools, |pool| &pool.name))
    };
    shared(context, &context.run_state.pools, purpose, is_complete, read).await
}

/// Returns the names and bindings of the connections, like [`queues`].
pub(in crate::provider) async fn connections(
    context: &OperationContext,
    purpose: Purpose,
) -> Result<Option<Arc<ConnectionSurvey>>> {
    let read = || read_survey(context, purpose.limit());
    shared(context, &context.run_state.connections, purpose, |_| true, read).await
}

/// How many pages without a new connection end the list. A server may ignore the offset.
const MAX_REPEATED: usize = 8;

/// Reads the connections page by page, each within the limit, and keeps their names and bindings only.
async fn read_survey(context: &OperationContext, limit: Duration) -> Result<ConnectionSurvey> {
    let (mut survey, mut offset, mut size) = (ConnectionSurvey::default(), 0, MAX_PAGE);
    let mut repeated = 0;
    loop {
        let read = Box::pin(context.read(context.project.list_active_connections(offset, size)));
        let page = match context.with_short_timeout(limit, read).await {
            // A page of connections with many hosts.
            Err(error) if error.called().is_some_and(|error| error.is_too_large) && size > 1 => {
                size = (size / 4).max(1);
                continue;
            }
            page => page?,
        };
        offset += page.len();
        let is_empty = page.is_empty();
        repeated = if add(&mut survey, page) { 0 } else { repeated + 1 };
        // A small page can repeat what is known although others follow.
        if is_empty || (repeated > 0 && size == MAX_PAGE) || repeated == MAX_REPEATED {
            return Ok(survey);
        }
        // The next connections may be smaller. From here on, at most one of two requests fails.
        size = (size * 4).min(MAX_PAGE);
    }
}

/// Returns a list that the run shares.
async fn shared<T, F: Future<Output = Result<T>>>(
    context: &OperationContext,
    lists: &ProjectLists<T>,
    purpose: Purpose,
    is_complete: impl Fn(&T) -> bool,
    read: impl Fn() -> F,
) -> Result<Option<Arc<T>>> {
    let is_applying = context.run_state.is_applying();
    let max_age = purpose.max_age(is_applying);
    let found = read_if_older(max_age, context, lists, purpose, read()).await?;
    if found.as_deref().is_none_or(is_complete) || max_age == Some(Duration::ZERO) {
        return Ok(found);
    }
    let max_age = if is_applying { Duration::ZERO } else { MAX_AGE };
    read_if_older(Some(max_age), context, lists, purpose, read()).await
}

async fn read_if_older<T>(
    max_age: Option<Duration>,
    context: &OperationContext,
    lists: &ProjectLists<T>,
    purpose: Purpose,
    read: impl Future<Output = Result<T>>,
) -> Result<Option<Arc<T>>> {
    let asked = Instant::now();
    let is_usable = |sent: Instant, list: &Option<Arc<T>>| match list {
        // A request that began while this caller waited is new enough, however long it took.
        Some(_) => sent >= asked || max_age.is_none_or(|max_age| sent.elapsed() < max_age),
        None => purpose != Purpose::DataSource,
    };
    let mut failure = None;
    let request = async {
        let list = read.await.map_err(|error| failure = Some(error));
        Ok::<_, Infallible>(list.ok().map(Arc::new))
    };
    let Ok(list) = lists.get_if(context.project.id(), "", is_usable, request).await;
    failure.map_or(Ok(list), Err)
}

/// Returns the queues and pools for a data source. Shares the lists of the run until it changes objects.
pub(in crate::provider) async fn inventory(
    context: &OperationContext,
    wanted: &BTreeSet<BindingTarget>,
) -> Result<Inventory> {
    let queues = queues(context, Purpose::DataSource, |queues| {
        wanted.iter().all(|target| target.is_pool() || queues.contains_key(target.name()))
    });
    let pools = pools(context, Purpose::DataSource, |pools| {
        wanted.iter().all(|target| !target.is_pool() || pools.contains_key(target.name()))
    });
    Ok(Inventory { queues: queues.await?, pools: pools.await? })
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
pub(super) fn bound_targets(connection: &wire::Connection) -> Vec<BindingTarget> {
    let working = bindings(connection).filter(|(_, binding)| !binding.has_status(wire::BINDING_FAILED));
    working.map(|(target, _)| target).collect()
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
