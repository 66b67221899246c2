//! What a connection is bound to, seen from what is declared.
//!
//! Binding a queue that lives in an elastic resource pool binds the pool: the service then reports the pool and never the
//! queue. Only the list of queues tells which pool a queue lives in, and it is asked only where a declared queue is not
//! among the reported ones while pools are.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    client::Project,
    dli::wire,
    provider::shared::{
        operation::{OperationContext, OperationError},
        run_state::PartKey,
    },
};

/// What a peering is made for; names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::provider) enum BindingTarget {
    /// A queue that lives in no pool.
    Queue(String),
    /// An elastic resource pool.
    Pool(String),
}

impl BindingTarget {
    /// The name.
    pub(in crate::provider) fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Pool(name) => name,
        }
    }

    /// Its peering, where there is one.
    pub(in crate::provider) fn peering<'a>(&self, shown: &'a wire::Connection) -> Option<&'a wire::Binding> {
        let peerings = match self {
            Self::Queue(_) => &shown.available_queue_info,
            Self::Pool(_) => &shown.elastic_resource_pools,
        };
        peerings.iter().find(|peering| peering.name.eq_ignore_ascii_case(self.name()))
    }

    /// Whether it has a peering that works, or is going to.
    fn is_bound(&self, shown: &wire::Connection) -> bool {
        self.peering(shown).is_some_and(|peering| !peering.has_status(wire::BINDING_FAILED))
    }
}

impl From<&BindingTarget> for PartKey {
    fn from(target: &BindingTarget) -> Self {
        match target {
            BindingTarget::Queue(name) => Self::Queue(name.clone()),
            BindingTarget::Pool(name) => Self::Pool(name.clone()),
        }
    }
}

/// Queues and pools that a configuration or a state names.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::provider) struct DeclaredTargets<'a> {
    pub(in crate::provider) queues: Option<&'a BTreeSet<String>>,
    pub(in crate::provider) pools: Option<&'a BTreeSet<String>>,
}

impl DeclaredTargets<'_> {
    /// Whether anything is declared.
    pub(in crate::provider) fn is_any(self) -> bool {
        self.queues.into_iter().chain(self.pools).any(|names| !names.is_empty())
    }
}

/// The pool of each queue that lives in one, asked for when it is needed; names in lower case.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct PoolOfQueue(Option<BTreeMap<String, String>>);

impl PoolOfQueue {
    /// Asks for the pools of those `declared` queues that `shown` does not report.
    pub(in crate::provider) async fn ask(
        &mut self,
        context: &OperationContext,
        shown: &wire::Connection,
        declared: &[Option<&BTreeSet<String>>],
    ) -> Result<(), OperationError> {
        let unreported = |name: &String| !BindingTarget::Queue(name.to_ascii_lowercase()).is_reported(shown);
        if self.0.is_none()
            && !shown.elastic_resource_pools.is_empty()
            && declared.iter().copied().flatten().flatten().any(unreported)
        {
            self.0 = Some(context.read(pools_of_queues(&context.project)).await?);
        }
        Ok(())
    }

    /// The same for targets, outside a session's time: what is not known yet is asked for.
    pub(in crate::provider) async fn known(
        &self,
        project: &Project,
        shown: &wire::Connection,
        targets: &BTreeSet<BindingTarget>,
    ) -> Result<Self, crate::client::Error> {
        let open = |target: &BindingTarget| matches!(target, BindingTarget::Queue(_)) && !target.is_reported(shown);
        if self.0.is_none() && !shown.elastic_resource_pools.is_empty() && targets.iter().any(open) {
            return Ok(Self(Some(pools_of_queues(project).await?)));
        }
        Ok(self.clone())
    }

    /// Is to be asked for again: a queue may be too new to have been listed.
    pub(in crate::provider) fn forget(&mut self) {
        self.0 = None;
    }

    /// What the peering of a queue is made for.
    pub(in crate::provider) fn of(&self, shown: &wire::Connection, queue: &str) -> BindingTarget {
        let name = queue.to_ascii_lowercase();
        let own = BindingTarget::Queue(name.clone());
        match self.0.as_ref().and_then(|pool_of_queue| pool_of_queue.get(&name)) {
            Some(pool) if !own.is_reported(shown) => BindingTarget::Pool(pool.clone()),
            _ => own,
        }
    }

    /// The same target, as it is known by now: what was taken for a queue of its own may have turned out to live in a pool.
    pub(in crate::provider) fn resolved(&self, shown: &wire::Connection, target: &BindingTarget) -> BindingTarget {
        match target {
            BindingTarget::Queue(name) => self.of(shown, name),
            BindingTarget::Pool(_) => target.clone(),
        }
    }

    /// All that is declared.
    pub(in crate::provider) fn targets(
        &self,
        shown: &wire::Connection,
        declared: DeclaredTargets<'_>,
    ) -> BTreeSet<BindingTarget> {
        let queues = declared.queues.into_iter().flatten().map(|queue| self.of(shown, queue));
        let pools = declared.pools.into_iter().flatten().map(|pool| BindingTarget::Pool(pool.to_ascii_lowercase()));
        queues.chain(pools).collect()
    }

    /// The bound queues: declared ones in their spelling, and others that are reported. What has FAILED is not bound: it
    /// has to be bound again.
    pub(in crate::provider) fn queues(
        &self,
        shown: &wire::Connection,
        declared: DeclaredTargets<'_>,
    ) -> BTreeSet<String> {
        let bound = |queue: &&String| self.of(shown, queue).is_bound(shown);
        let mut queues: BTreeSet<String> = declared.queues.into_iter().flatten().filter(bound).cloned().collect();
        let known: BTreeSet<String> =
            declared.queues.into_iter().flatten().map(|name| name.to_ascii_lowercase()).collect();
        let reported =
            shown.available_queue_info.iter().map(|peering| BindingTarget::Queue(peering.name.to_ascii_lowercase()));
        let others = reported.filter(|target| target.is_bound(shown) && !known.contains(target.name()));
        queues.extend(others.map(|target| target.name().to_owned()));
        queues
    }

    /// The bound pools: declared ones, and others that are not there for a declared queue.
    pub(in crate::provider) fn pools(
        &self,
        shown: &wire::Connection,
        declared: DeclaredTargets<'_>,
    ) -> BTreeSet<String> {
        let for_queues = self.targets(shown, DeclaredTargets { pools: None, ..declared });
        let listed = self.targets(shown, DeclaredTargets { queues: None, ..declared });
        let reported =
            shown.elastic_resource_pools.iter().map(|peering| BindingTarget::Pool(peering.name.to_ascii_lowercase()));
        let ours =
            reported.filter(|pool| pool.is_bound(shown) && (listed.contains(pool) || !for_queues.contains(pool)));
        ours.map(|pool| pool.name().to_owned()).collect()
    }
}

impl BindingTarget {
    fn is_reported(&self, shown: &wire::Connection) -> bool {
        self.peering(shown).is_some()
    }
}

async fn pools_of_queues(project: &Project) -> Result<BTreeMap<String, String>, crate::client::Error> {
    let lower = |name: &String| name.to_ascii_lowercase();
    let queues = project.list_queues().await?.into_iter();
    let pooled = queues.filter(|queue| !queue.elastic_resource_pool_name.is_empty());
    Ok(pooled.map(|queue| (lower(&queue.queue_name), lower(&queue.elastic_resource_pool_name))).collect())
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
    fn what_is_bound_is_told_in_the_words_of_the_declaration() {
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
