//! Bindings of queues and elastic resource pools.

use super::ProjectService;
use crate::{
    dli::{
        rules,
        wire::{Queue, QueueNames},
    },
    emulator::{
        api_error::ApiError,
        binding_state::{BindingState, Target},
        limits,
    },
};

impl ProjectService<'_> {
    /// Creates bindings. Existing bindings are kept and failed ones are recreated (both inferences).
    pub fn bind(&mut self, id: &str, names: &QueueNames) -> Result<(), ApiError> {
        let targets = self.bindable(names)?;
        let at = self.position_mut(id)?;
        self.project.connections[at].bind(targets, self.now, &mut self.behavior.outcomes);
        Ok(())
    }

    /// Removes bindings. A FAILED binding cannot be removed (documented). Missing bindings are ignored, and a queue
    /// in a pool stands for the pool (both inferences).
    pub fn unbind(&mut self, id: &str, names: &QueueNames) -> Result<(), ApiError> {
        let bound = self.record_mut(id)?.peerings.clone();
        let mut ending = Vec::new();
        for name in &names.queues {
            let queue = self.project.queue(name);
            let target = queue.map_or_else(|| (Target::Queue, name.to_ascii_lowercase()), binding_target);
            ending.push((target, queue.is_some(), "queue"));
        }
        for name in &names.elastic_resource_pools {
            ending.push(((Target::Pool, name.clone()), self.project.pool(name).is_some(), "elastic resource pool"));
        }
        for ((target, name), known, kind) in &ending {
            match bound.iter().find(|peering| peering.target == *target && peering.name == *name) {
                Some(peering) if peering.state(self.now) == BindingState::Failed => {
                    return Err(ApiError::unsupported(format!(
                        "The binding of {name} has failed and cannot be unbound"
                    )));
                }
                None if !known => return Err(ApiError::not_found(kind, name)),
                Some(_) | None => {}
            }
        }
        self.record_mut(id)?.peerings.retain(|peering| {
            !ending.iter().any(|((target, name), ..)| peering.target == *target && peering.name == *name)
        });
        Ok(())
    }

    /// Settles a binding at once: FAILED with this `err_msg`, or ACTIVE if `None`.
    pub fn settle(&mut self, id: &str, name: &str, failure: Option<&str>) -> Result<(), ApiError> {
        let now = self.now;
        let mut bound = self.record_mut(id)?.peerings.iter_mut();
        let peering = bound.find(|peering| peering.name == name).ok_or_else(|| ApiError::not_found("binding", name))?;
        peering.settle(now, failure.map(str::to_owned));
        Ok(())
    }

    /// The targets of the names. Fails unless all of them can be bound.
    pub(super) fn bindable(&self, names: &QueueNames) -> Result<Vec<(Target, String)>, ApiError> {
        let mut targets = Vec::new();
        for name in &names.queues {
            limits::text("queues", &rules::QUEUE_NAME, name)?;
            let queue = self.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
            if !queue.may_be_bound() {
                return Err(ApiError::unsupported(format!(
                    "Datasource connections cannot be created for the queue {}: it is a shared queue",
                    queue.queue_name
                )));
            }
            targets.push(binding_target(queue));
        }
        for name in &names.elastic_resource_pools {
            if self.project.pool(name).is_none() {
                return Err(ApiError::not_found("elastic resource pool", name));
            }
            targets.push((Target::Pool, name.clone()));
        }
        Ok(targets)
    }
}

/// The binding target of a queue. For a queue in a pool it is the pool.
fn binding_target(queue: &Queue) -> (Target, String) {
    match queue.elastic_resource_pool_name.as_str() {
        "" => (Target::Queue, queue.queue_name.clone()),
        pool => (Target::Pool, pool.to_owned()),
    }
}
