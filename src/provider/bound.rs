//! What a connection is bound to, seen from what is declared.
//!
//! Binding a queue that lives in an elastic resource pool binds the pool: the service then reports the pool and never the
//! queue. Only the list of queues tells which pool a queue lives in, and it is asked only where a declared queue is not
//! among the reported ones while pools are.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    client::Project,
    dli::wire,
    provider::session::{Fault, Session},
};

/// What a peering is made for; names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A queue that lives in no pool.
    Queue(String),
    /// An elastic resource pool.
    Pool(String),
}

impl Target {
    /// The name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Pool(name) => name,
        }
    }

    /// Its peering, where there is one.
    pub(super) fn peering<'a>(&self, shown: &'a wire::Connection) -> Option<&'a wire::Binding> {
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

/// Queues and pools that a configuration or a state names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Declared<'a> {
    pub(super) queues: Option<&'a BTreeSet<String>>,
    pub(super) pools: Option<&'a BTreeSet<String>>,
}

impl Declared<'_> {
    /// Whether anything is declared.
    pub(super) fn is_any(self) -> bool {
        self.queues.into_iter().chain(self.pools).any(|names| !names.is_empty())
    }
}

/// The pool of each queue that lives in one, asked for when it is needed; names in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Homes(Option<BTreeMap<String, String>>);

impl Homes {
    /// Asks for the pools of those `declared` queues that `shown` does not report.
    pub(super) async fn ask(
        &mut self,
        session: &Session,
        shown: &wire::Connection,
        declared: &[Option<&BTreeSet<String>>],
    ) -> Result<(), Fault> {
        let unreported = |name: &String| !Target::Queue(name.to_ascii_lowercase()).is_reported(shown);
        if self.0.is_none()
            && !shown.elastic_resource_pools.is_empty()
            && declared.iter().copied().flatten().flatten().any(unreported)
        {
            self.0 = Some(session.read(homes(&session.project)).await?);
        }
        Ok(())
    }

    /// The same for targets, outside a session's time: what is not known yet is asked for.
    pub(super) async fn known(
        &self,
        project: &Project,
        shown: &wire::Connection,
        targets: &BTreeSet<Target>,
    ) -> Result<Self, crate::client::Error> {
        let open = |target: &Target| matches!(target, Target::Queue(_)) && !target.is_reported(shown);
        if self.0.is_none() && !shown.elastic_resource_pools.is_empty() && targets.iter().any(open) {
            return Ok(Self(Some(homes(project).await?)));
        }
        Ok(self.clone())
    }

    /// Is to be asked for again: a queue may be too new to have been listed.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// What the peering of a queue is made for.
    pub(super) fn of(&self, shown: &wire::Connection, queue: &str) -> Target {
        let name = queue.to_ascii_lowercase();
        let own = Target::Queue(name.clone());
        match self.0.as_ref().and_then(|homes| homes.get(&name)) {
            Some(pool) if !own.is_reported(shown) => Target::Pool(pool.clone()),
            _ => own,
        }
    }

    /// The same target, as it is known by now: what was taken for a queue of its own may have turned out to live in a pool.
    pub(super) fn resolved(&self, shown: &wire::Connection, target: &Target) -> Target {
        match target {
            Target::Queue(name) => self.of(shown, name),
            Target::Pool(_) => target.clone(),
        }
    }

    /// All that is declared.
    pub(super) fn targets(&self, shown: &wire::Connection, declared: Declared<'_>) -> BTreeSet<Target> {
        let queues = declared.queues.into_iter().flatten().map(|queue| self.of(shown, queue));
        let pools = declared.pools.into_iter().flatten().map(|pool| Target::Pool(pool.to_ascii_lowercase()));
        queues.chain(pools).collect()
    }

    /// The bound queues: declared ones in their spelling, and others that are reported. What has FAILED is not bound: it
    /// has to be bound again.
    pub(super) fn queues(&self, shown: &wire::Connection, declared: Declared<'_>) -> BTreeSet<String> {
        let bound = |queue: &&String| self.of(shown, queue).is_bound(shown);
        let mut queues: BTreeSet<String> = declared.queues.into_iter().flatten().filter(bound).cloned().collect();
        let known: BTreeSet<String> =
            declared.queues.into_iter().flatten().map(|name| name.to_ascii_lowercase()).collect();
        let reported =
            shown.available_queue_info.iter().map(|peering| Target::Queue(peering.name.to_ascii_lowercase()));
        let others = reported.filter(|target| target.is_bound(shown) && !known.contains(target.name()));
        queues.extend(others.map(|target| target.name().to_owned()));
        queues
    }

    /// The bound pools: declared ones, and others that are not there for a declared queue.
    pub(super) fn pools(&self, shown: &wire::Connection, declared: Declared<'_>) -> BTreeSet<String> {
        let for_queues = self.targets(shown, Declared { pools: None, ..declared });
        let listed = self.targets(shown, Declared { queues: None, ..declared });
        let reported =
            shown.elastic_resource_pools.iter().map(|peering| Target::Pool(peering.name.to_ascii_lowercase()));
        let ours =
            reported.filter(|pool| pool.is_bound(shown) && (listed.contains(pool) || !for_queues.contains(pool)));
        ours.map(|pool| pool.name().to_owned()).collect()
    }
}

impl Target {
    fn is_reported(&self, shown: &wire::Connection) -> bool {
        self.peering(shown).is_some()
    }
}

async fn homes(project: &Project) -> Result<BTreeMap<String, String>, crate::client::Error> {
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
        let homes = [("inside", "pool1"), ("elsewhere", "pool9"), ("unlucky", "pool3")];
        let homes = Homes(Some(homes.map(|(queue, pool)| (queue.to_owned(), pool.to_owned())).into()));
        let queues = set(&["Q1", "Inside", "elsewhere", "unlucky", "broken", "gone"]);
        let declared = Declared { queues: Some(&queues), pools: None };
        assert_eq!(homes.queues(&shown, declared), set(&["Q1", "Inside", "other"]));
        assert_eq!(homes.pools(&shown, declared), set(&["pool2"]));
        let pools = set(&["pool1"]);
        assert_eq!(homes.pools(&shown, Declared { pools: Some(&pools), ..declared }), set(&["pool1", "pool2"]));
        assert_eq!(homes.queues(&shown, Declared::default()), set(&["q1", "other"]));
        assert_eq!(homes.pools(&shown, Declared::default()), set(&["pool1", "pool2"]));
    }
}
