//! The resource as a struct, and a look at its connection.

use std::collections::BTreeSet;

use super::schema::{POOL, QUEUE};
use crate::{
    dli::wire::{self, Binding, QueueNames},
    framework::{diagnostic::Diagnostics, model::Computed, path::Path, timeouts::Timeouts, value::Value},
    model,
    provider::{
        enhanced_connection::model::{Peering, peering},
        shared::binding_target::{BindingTarget, PoolOfQueue},
        shared::connection_part,
        shared::location,
        shared::operation::{OperationContext, OperationError},
        shared::wait_for_bindings,
    },
};

model! {
    #[derive(Debug, Clone, Default)]
    pub(super) struct Bound {
        pub(super) region: Computed<String>,
        pub(super) project_id: Computed<String>,
        pub(super) connection_id: String,
        pub(super) queue: Option<String>,
        pub(super) elastic_resource_pool: Option<String>,
        pub(super) wait_for_bindings: Option<bool>,
        pub(super) timeouts: Timeouts,
        pub(super) id: Computed<String>,
        pub(super) status: Computed<String>,
        pub(super) peer_id: Computed<String>,
        pub(super) error: Computed<String>,
        pub(super) updated_at: Computed<String>,
    }
}

impl Bound {
    /// What the state holds. One that names neither a queue nor a pool was damaged, and would be taken for gone.
    pub(super) fn from_state(state: &Value) -> Result<Self, Diagnostics> {
        let bound: Self = connection_part::from_state(state)?;
        if bound.name().is_empty() {
            let fact = format!("one of {QUEUE} and {POOL} should be set, but none is.");
            return Err(connection_part::damaged(&fact, Path::attribute(QUEUE)).into());
        }
        Ok(bound)
    }

    /// As messages name it.
    pub(super) fn subject(&self) -> String {
        format!("binding of the {} to the connection {}", self.what(), self.connection_id)
    }

    /// Its region and project, as far as they are known.
    pub(super) fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    /// The name, as it is written.
    pub(super) fn name(&self) -> &str {
        self.queue.as_deref().or(self.elastic_resource_pool.as_deref()).unwrap_or_default()
    }

    /// What it is, in words.
    pub(super) fn what(&self) -> String {
        let kind = if self.queue.is_some() { "queue" } else { "elastic resource pool" };
        format!("{kind} {}", self.name())
    }

    /// The names as the calls want them.
    pub(super) fn names(&self) -> QueueNames {
        QueueNames {
            queues: self.queue.iter().cloned().collect(),
            elastic_resource_pools: self.elastic_resource_pool.iter().cloned().collect(),
        }
    }

    /// What the peering is made for, as far as is known by now.
    pub(super) fn target(&self, pool_of_queue: &PoolOfQueue, shown: &wire::Connection) -> BindingTarget {
        match &self.queue {
            Some(queue) => pool_of_queue.of(shown, queue),
            None => BindingTarget::Pool(self.name().to_ascii_lowercase()),
        }
    }

    /// Takes over what the provider decides.
    pub(super) fn observe(&mut self, context: &OperationContext, shown: Option<&Binding>) {
        location::fill_location(&mut self.region, &mut self.project_id, context);
        let kind = if self.queue.is_some() { QUEUE } else { POOL };
        let id = format!("{}/{kind}/{}", self.connection_id, self.name().to_ascii_lowercase());
        self.id = Computed(Some(id));
        let Peering { status, peer_id, error, updated_at } = shown.map(peering).unwrap_or_default();
        self.status = Computed(status);
        self.peer_id = Computed(peer_id);
        self.error = Computed(error);
        self.updated_at = Computed(updated_at);
    }
}

/// A look at the connection, with where the queue lives.
pub(super) struct Look {
    pub(super) shown: wire::Connection,
    pub(super) pool_of_queue: PoolOfQueue,
}

impl Look {
    /// `None` where the connection is gone.
    pub(super) async fn at(context: &OperationContext, bound: &Bound) -> Result<Option<Self>, OperationError> {
        let Some(shown) = connection_part::find_connection(context, &bound.connection_id).await? else {
            return Ok(None);
        };
        let mut pool_of_queue = PoolOfQueue::default();
        pool_of_queue.ask(context, &shown, &[set(bound.queue.as_ref()).as_ref()]).await?;
        Ok(Some(Self { shown, pool_of_queue }))
    }

    /// The same of a binding that Terraform holds: where it seems to be missing, it is looked for again.
    pub(super) async fn at_held(context: &OperationContext, bound: &Bound) -> Result<Option<Self>, OperationError> {
        let is_missing = |look: &Option<Self>| look.as_ref().is_some_and(|look| look.peering(bound).is_none());
        connection_part::read_until(context, || Self::at(context, bound), is_missing).await
    }

    pub(super) fn target(&self, bound: &Bound) -> BindingTarget {
        bound.target(&self.pool_of_queue, &self.shown)
    }

    pub(super) fn peering(&self, bound: &Bound) -> Option<&Binding> {
        self.target(bound).peering(&self.shown)
    }

    /// A warning where it came to nothing.
    pub(super) fn failures(&self, bound: &Bound) -> Diagnostics {
        let failed = self.peering(bound).filter(|peering| peering.has_status(wire::BINDING_FAILED));
        let warnings = wait_for_bindings::failure_warnings(&self.shown.name, failed.map_or(&[], std::slice::from_ref));
        warnings.into_iter().map(|warning| warning.at(Path::root())).collect()
    }
}

pub(super) fn set(name: Option<&String>) -> Option<BTreeSet<String>> {
    name.map(|name| BTreeSet::from([name.clone()]))
}
