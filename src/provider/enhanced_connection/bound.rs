//! Which queues a connection has bound, where some of them live in an elastic resource pool.
//!
//! Binding a queue that lives in a pool binds the pool: the service then reports the pool and never the queue. Only the
//! list of queues tells which pool a queue lives in, and it is asked only where a declared queue is not among the
//! reported ones while pools are.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    client::{Error, Project},
    dli::wire,
};

/// The pool of each queue that was asked for and lives in one; names in lower case.
#[derive(Debug, Default)]
pub(super) struct Pooled(BTreeMap<String, String>);

impl Pooled {
    /// Asks for the pools of those `declared` queues that `shown` does not report.
    pub(super) async fn of(
        project: &Project<'_>,
        shown: &wire::Connection,
        declared: impl IntoIterator<Item = &String>,
    ) -> Result<Self, Error> {
        let reported = names(&shown.available_queue_info);
        let open: BTreeSet<String> = declared
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .filter(|name| !reported.contains(name))
            .collect();
        if open.is_empty() || shown.elastic_resource_pools.is_empty() {
            return Ok(Self::default());
        }
        let queues = project.list_queues().await?;
        let pooled = queues
            .into_iter()
            .map(|queue| (queue.queue_name.to_ascii_lowercase(), queue.elastic_resource_pool_name.to_ascii_lowercase()))
            .filter(|(queue, pool)| open.contains(queue) && !pool.is_empty());
        Ok(Self(pooled.collect()))
    }

    /// The pool that a queue lives in, in lower case.
    pub(super) fn pool_of(&self, queue: &str) -> Option<&str> {
        self.0.get(&queue.to_ascii_lowercase()).map(String::as_str)
    }

    /// The bound queues: those that are reported, and declared ones whose pool is. A declared one keeps its spelling.
    pub(super) fn queues_of(&self, shown: &wire::Connection, declared: Option<&BTreeSet<String>>) -> BTreeSet<String> {
        let mut queues = names(&shown.available_queue_info);
        let pools = names(&shown.elastic_resource_pools);
        for queue in declared.into_iter().flatten() {
            let reported = queues.remove(&queue.to_ascii_lowercase());
            if reported || self.pool_of(queue).is_some_and(|pool| pools.contains(pool)) {
                queues.insert(queue.clone());
            }
        }
        queues
    }
}

fn names(bindings: &[wire::Binding]) -> BTreeSet<String> {
    bindings.iter().map(|binding| binding.name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(names: &[&str]) -> Vec<wire::Binding> {
        names.iter().map(|name| wire::Binding { name: (*name).to_owned(), ..wire::Binding::default() }).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_declared_queue_keeps_its_spelling_and_may_live_in_a_bound_pool() {
        let shown = wire::Connection {
            available_queue_info: bindings(&["q1", "other"]),
            elastic_resource_pools: bindings(&["pool1"]),
            ..wire::Connection::default()
        };
        let pooled = Pooled(BTreeMap::from([("inside".into(), "pool1".into()), ("elsewhere".into(), "pool2".into())]));
        let declared = set(&["Q1", "Inside", "elsewhere", "gone"]);
        assert_eq!(pooled.queues_of(&shown, Some(&declared)), set(&["Q1", "Inside", "other"]));
        assert_eq!(pooled.queues_of(&shown, None), set(&["q1", "other"]));
    }
}
