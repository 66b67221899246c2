//! The resource model, and a snapshot of its connection.

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
    pub(super) struct BindingModel {
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

impl BindingModel {
    /// Reads the state; a damaged state that names neither a queue nor a pool is an error.
    pub(super) fn from_state(state: &Value) -> Result<Self, Diagnostics> {
        let bound: Self = connection_part::from_state(state)?;
        connection_part::check_state(&bound.connection_id)?;
        if bound.name().is_empty() {
            let fact = format!("one of {QUEUE} and {POOL} should be set, but none is.");
            return Err(connection_part::damaged(&fact, Path::attribute(QUEUE)).into());
        }
        Ok(bound)
    }

    /// The object of error messages.
    pub(super) fn subject(&self) -> String {
        format!("binding of the {} to the connection {}", self.target_name(), self.connection_id)
    }

    pub(super) fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    /// The name of the queue or pool.
    pub(super) fn name(&self) -> &str {
        self.queue.as_deref().or(self.elastic_resource_pool.as_deref()).unwrap_or_default()
    }

    /// Kind and name of the target, for messages.
    pub(super) fn target_name(&self) -> String {
        let kind = if self.queue.is_some() { "queue" } else { "elastic resource pool" };
        format!("{kind} {}", self.name())
    }

    /// The request body of bind and unbind.
    pub(super) fn names(&self) -> QueueNames {
        QueueNames {
            queues: self.queue.iter().cloned().collect(),
            elastic_resource_pools: self.elastic_resource_pool.iter().cloned().collect(),
        }
    }

    /// The target of the peering, as far as it is known.
    pub(super) fn target(&self, pool_of_queue: &PoolOfQueue, shown: &wire::Connection) -> BindingTarget {
        match &self.queue {
            Some(queue) => pool_of_queue.of(shown, queue),
            None => BindingTarget::Pool(self.name().to_ascii_lowercase()),
        }
    }

    /// Sets the computed attributes.
    pub(super) fn set_computed(&mut self, context: &OperationContext, shown: Option<&Binding>) {
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

/// The connection at one point in time, with the pool of the queue.
pub(super) struct Snapshot {
    pub(super) shown: wire::Connection,
    pub(super) pool_of_queue: PoolOfQueue,
}

impl Snapshot {
    /// Reads the connection; `None` if it is gone.
    pub(super) async fn read(context: &OperationContext, bound: &BindingModel) -> Result<Option<Self>, OperationError> {
        let Some(shown) = connection_part::find_connection(context, &bound.connection_id).await? else {
            return Ok(None);
        };
        let mut pool_of_queue = PoolOfQueue::default();
        pool_of_queue.ask(context, &shown, &[set(bound.queue.as_ref()).as_ref()]).await?;
        Ok(Some(Self { shown, pool_of_queue }))
    }

    /// Reads a binding that the state holds; repeats the read while it is missing.
    pub(super) async fn read_held(
        context: &OperationContext,
        bound: &BindingModel,
    ) -> Result<Option<Self>, OperationError> {
        let is_missing =
            |snapshot: &Option<Self>| snapshot.as_ref().is_some_and(|snapshot| snapshot.peering(bound).is_none());
        connection_part::read_until(context, || Self::read(context, bound), is_missing).await
    }

    pub(super) fn target(&self, bound: &BindingModel) -> BindingTarget {
        bound.target(&self.pool_of_queue, &self.shown)
    }

    pub(super) fn peering(&self, bound: &BindingModel) -> Option<&Binding> {
        self.target(bound).peering(&self.shown)
    }

    /// A warning if the binding has FAILED.
    pub(super) fn failures(&self, bound: &BindingModel) -> Diagnostics {
        let failed = self.peering(bound).filter(|peering| peering.has_status(wire::BINDING_FAILED));
        let warnings = wait_for_bindings::failure_warnings(&self.shown.name, failed.map_or(&[], std::slice::from_ref));
        warnings.into_iter().map(|warning| warning.at(Path::root())).collect()
    }
}

pub(super) fn set(name: Option<&String>) -> Option<BTreeSet<String>> {
    name.map(|name| BTreeSet::from([name.clone()]))
}
