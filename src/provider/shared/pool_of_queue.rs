//! What the service binds for the queues and pools of a configuration.
//!
//! If a queue belongs to an elastic resource pool, the service binds the pool and reports only the pool. The pool of a
//! queue is in the list of queues. The provider reads this list only if the service reports pools, but not a declared
//! queue.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::{Error, Project};
use crate::dli::wire;
use crate::provider::shared::binding_target::BindingTarget;
use crate::provider::shared::operation::{self, OperationContext};

/// Queues and pools of a configuration or a state.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DeclaredTargets<'a> {
    pub(crate) queues: Option<&'a BTreeSet<String>>,
    pub(crate) pools: Option<&'a BTreeSet<String>>,
}

impl DeclaredTargets<'_> {
    pub(crate) fn is_any(self) -> bool {
        self.queues.into_iter().chain(self.pools).any(|names| !names.is_empty())
    }
}

/// The pool of each queue that belongs to one, read on demand; names in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct PoolOfQueue(Option<BTreeMap<String, String>>);

impl PoolOfQueue {
    /// Reads the map if the service does not report a `declared` queue.
    pub(crate) async fn ask(
        &mut self,
        context: &OperationContext,
        shown: &wire::Connection,
        declared: &[Option<&BTreeSet<String>>],
    ) -> operation::Result<()> {
        let targets = declared.iter().copied().flatten().flatten().map(|name| BindingTarget::queue(name)).collect();
        if self.is_complete(shown, &targets) {
            return Ok(());
        }
        let read = async { context.project.list_queues().await.map(pools_of_queues) };
        let pools = context.read_shared(&context.run_state.shared_reads.pools_of_queues, "", read).await?;
        *self = Self(Some(pools));
        Ok(())
    }

    /// Whether the service reports every queue of `targets`, or the map is known.
    fn is_complete(&self, shown: &wire::Connection, targets: &BTreeSet<BindingTarget>) -> bool {
        let missing =
            |target: &BindingTarget| matches!(target, BindingTarget::Queue(_)) && target.peering(shown).is_none();
        self.0.is_some() || shown.elastic_resource_pools.is_empty() || !targets.iter().any(missing)
    }

    /// Returns the map. Reads it first if the service does not report a queue of `targets`.
    pub(crate) async fn known(
        &self,
        project: &Project,
        shown: &wire::Connection,
        targets: &BTreeSet<BindingTarget>,
    ) -> Result<Self, Error> {
        if self.is_complete(shown, targets) {
            return Ok(self.clone());
        }
        project.list_queues().await.map(|queues| Self(Some(pools_of_queues(queues))))
    }

    /// Makes the next call read the map again, because the list may have lacked a new queue.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Returns the target that the service binds for a queue: its pool, or the queue itself.
    pub(crate) fn of(&self, shown: &wire::Connection, queue: &str) -> BindingTarget {
        let own = BindingTarget::queue(queue);
        match self.0.as_ref().and_then(|pools| pools.get(own.name())) {
            Some(pool) if own.peering(shown).is_none() => BindingTarget::Pool(pool.clone()),
            _ => own,
        }
    }

    /// Returns the pool if the target is a queue in a pool, otherwise the target.
    pub(crate) fn resolved(&self, shown: &wire::Connection, target: &BindingTarget) -> BindingTarget {
        match target {
            BindingTarget::Queue(name) => self.of(shown, name),
            BindingTarget::Pool(_) => target.clone(),
        }
    }

    /// Returns the targets that the service binds for all declared names.
    pub(crate) fn targets(&self, shown: &wire::Connection, declared: DeclaredTargets<'_>) -> BTreeSet<BindingTarget> {
        let queues = declared.queues.into_iter().flatten().map(|queue| self.of(shown, queue));
        let pools = declared.pools.into_iter().flatten().map(|pool| BindingTarget::pool(pool));
        queues.chain(pools).collect()
    }

    /// Returns the bound queues; declared queues keep their spelling. A FAILED queue is not bound.
    pub(crate) fn queues(
        &self,
        shown: &wire::Connection,
        DeclaredTargets { queues: declared, .. }: DeclaredTargets<'_>,
    ) -> BTreeSet<String> {
        let bound = declared.into_iter().flatten().filter(|queue| self.of(shown, queue).is_bound(shown)).cloned();
        let declared: BTreeSet<_> = declared.into_iter().flatten().map(|name| BindingTarget::queue(name)).collect();
        let reported = shown.available_queue_info.iter().map(|binding| BindingTarget::queue(&binding.name));
        let others = reported.filter(|target| target.is_bound(shown) && !declared.contains(target));
        bound.chain(others.map(|target| target.name().to_owned())).collect()
    }

    /// Returns the bound pools, except undeclared pools that a declared queue belongs to.
    pub(crate) fn pools(&self, shown: &wire::Connection, declared: DeclaredTargets<'_>) -> BTreeSet<String> {
        let of_queues = self.targets(shown, DeclaredTargets { pools: None, ..declared });
        let of_pools = self.targets(shown, DeclaredTargets { queues: None, ..declared });
        let reported = shown.elastic_resource_pools.iter().map(|binding| BindingTarget::pool(&binding.name));
        let pools =
            reported.filter(|pool| pool.is_bound(shown) && (of_pools.contains(pool) || !of_queues.contains(pool)));
        pools.map(|pool| pool.name().to_owned()).collect()
    }
}

/// The pool of each queue that belongs to one; names in lower case.
fn pools_of_queues(queues: Vec<wire::Queue>) -> BTreeMap<String, String> {
    let lower = |name: &String| name.to_ascii_lowercase();
    let pooled = queues.into_iter().filter(|queue| !queue.elastic_resource_pool_name.is_empty());
    pooled.map(|queue| (lower(&queue.queue_name), lower(&queue.elastic_resource_pool_name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(names: &[(&str, &str)]) -> Vec<wire::Binding> {
        let binding = |(name, status): &(&str, &str)| wire::Binding {
            name: (*name).to_owned(),
            status: (*status).to_owned(),
            ..wire::Binding::default()
        };
        names.iter().map(binding).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn bound_names_follow_the_declaration() {
        let shown = wire::Connection {
            available_queue_info: bindings(&[("q1", "ACTIVE"), ("other", "CREATING"), ("broken", "FAILED")]),
            elastic_resource_pools: bindings(&[("pool1", "ACTIVE"), ("pool2", "ACTIVE"), ("pool3", "FAILED")]),
            ..wire::Connection::default()
        };
        let pool_of_queue = [("inside", "pool1"), ("elsewhere", "pool9"), ("unlucky", "pool3")];
        let pool_of_queue =
            PoolOfQueue(Some(pool_of_queue.map(|(queue, pool)| (queue.to_owned(), pool.to_owned())).into()));
        let queues = set(&["Q1", "Inside", "elsewhere", "unlucky", "broken", "gone"]);
        let declared = DeclaredTargets { queues: Some(&queues), pools: None };
        assert_eq!(pool_of_queue.queues(&shown, declared), set(&["Q1", "Inside", "other"]));
        assert_eq!(pool_of_queue.pools(&shown, declared), set(&["pool2"]));
        let pools = set(&["pool1"]);
        assert_eq!(
            pool_of_queue.pools(&shown, DeclaredTargets { pools: Some(&pools), ..declared }),
            set(&["pool1", "pool2"])
        );
        assert_eq!(pool_of_queue.queues(&shown, DeclaredTargets::default()), set(&["q1", "other"]));
        assert_eq!(pool_of_queue.pools(&shown, DeclaredTargets::default()), set(&["pool1", "pool2"]));
    }
}
