//! A queue or elastic resource pool that a connection can bind.

use crate::dli::wire;

/// A queue or pool by its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, derive_more::Display)]
pub(crate) enum BindingTarget {
    #[display("queue {_0:?}")]
    Queue(String),
    #[display("elastic resource pool {_0:?}")]
    Pool(String),
}

impl BindingTarget {
    pub(crate) fn queue(name: &str) -> Self {
        Self::Queue(name.to_ascii_lowercase())
    }

    pub(crate) fn pool(name: &str) -> Self {
        Self::Pool(name.to_ascii_lowercase())
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Pool(name) => name,
        }
    }

    pub(crate) fn is_pool(&self) -> bool {
        matches!(self, Self::Pool(_))
    }

    /// Returns the binding of this target, if it has one. `shown` is the connection as the service returned it.
    pub(crate) fn peering<'a>(&self, shown: &'a wire::Connection) -> Option<&'a wire::Binding> {
        let bindings = match self {
            Self::Queue(_) => &shown.available_queue_info,
            Self::Pool(_) => &shown.elastic_resource_pools,
        };
        bindings.iter().find(|binding| binding.name.eq_ignore_ascii_case(self.name()))
    }

    /// Whether the target has a binding that has not failed.
    pub(crate) fn is_bound(&self, shown: &wire::Connection) -> bool {
        self.peering(shown).is_some_and(|binding| !binding.has_status(wire::BINDING_FAILED))
    }
}

/// The bindings of a connection with their targets, queues first.
pub(crate) fn bindings(shown: &wire::Connection) -> impl Iterator<Item = (BindingTarget, &wire::Binding)> {
    let queues = shown.available_queue_info.iter().map(|binding| (BindingTarget::queue(&binding.name), binding));
    let pools = shown.elastic_resource_pools.iter().map(|binding| (BindingTarget::pool(&binding.name), binding));
    queues.chain(pools)
}
