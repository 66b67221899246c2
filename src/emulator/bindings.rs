//! Bindings of queues and elastic resource pools.

use std::mem;

use super::binding_state::{Peering, Target, target_of};
use super::{
    api_error::ApiError, clock::after, limits, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::rules;
use crate::dli::wire::{BINDING_FAILED, QueueNames};

pub(super) fn associate(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let names = request.json()?;
    service.bind(request.segment("connection_id"), &names)?;
    Ok(ApiResponse::success(format!("associated peer connection for queues: {{{}}}.", joined(&names))))
}

pub(super) fn disassociate(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let names = request.json()?;
    service.unbind(request.segment("connection_id"), &names)?;
    Ok(ApiResponse::success(format!("Disassociated peer connection for queues:{{{}}}.", joined(&names))))
}

/// The names as in the documented messages. Including pools is an inference.
fn joined(names: &QueueNames) -> String {
    [&*names.queues, &*names.elastic_resource_pools].concat().join(",")
}

impl ProjectService<'_> {
    /// Creates bindings. Existing bindings are kept and failed ones are recreated (both inferences).
    pub fn bind(&mut self, id: &str, names: &QueueNames) -> Result<(), ApiError> {
        let targets = self.bindable(names)?;
        let mut peerings = mem::take(&mut self.usable_mut(id)?.peerings);
        self.add_peerings(&mut peerings, targets);
        self.usable_mut(id)?.peerings = peerings;
        Ok(())
    }

    /// Adds the targets that are not bound yet or whose binding has failed.
    pub(super) fn add_peerings(&mut self, peerings: &mut Vec<Peering>, targets: Vec<(Target, String)>) {
        let now = self.now;
        for (target, name) in targets {
            let is_bound = |peering: &Peering| peering.is_to(target, &name) && peering.status(now) != BINDING_FAILED;
            if peerings.iter().any(is_bound) {
                continue;
            }
            peerings.retain(|peering| !peering.is_to(target, &name));
            let failure = self.behavior.draw_outcome(&name);
            peerings.push(Peering::new(target, name, now, after(now, self.binding_delay), failure));
        }
    }

    /// Removes bindings. A FAILED binding cannot be removed (documented). Missing bindings are ignored, and a queue
    /// in a pool stands for the pool (both inferences).
    pub fn unbind(&mut self, id: &str, names: &QueueNames) -> Result<(), ApiError> {
        let now = self.now;
        let bound = self.usable_mut(id)?.peerings.clone();
        let mut remaining = bound.clone();
        let mut remove = |(target, name): (Target, &str), is_known: bool, kind: &str| {
            match bound.iter().find(|peering| peering.is_to(target, name)) {
                Some(peering) if peering.status(now) == BINDING_FAILED => {
                    let text = format!("The binding of {name} has failed and cannot be unbound");
                    return Err(ApiError::unsupported(text));
                }
                None if !is_known => return Err(ApiError::not_found(kind, name)),
                _ => {}
            }
            remaining.retain(|peering| !peering.is_to(target, name));
            Ok(())
        };
        for name in &names.queues {
            let queue = self.project.queue(name);
            let name = name.to_ascii_lowercase();
            remove(queue.map_or((Target::Queue, &name), target_of), queue.is_some(), "queue")?;
        }
        for name in &names.elastic_resource_pools {
            remove((Target::Pool, name), self.project.pool(name).is_some(), "elastic resource pool")?;
        }
        self.usable_mut(id)?.peerings = remaining;
        Ok(())
    }

    /// Sets the result of a binding at once: FAILED with this `err_msg`, or ACTIVE if `None`.
    pub fn set_binding_result(&mut self, id: &str, name: &str, failure: Option<&str>) -> Result<(), ApiError> {
        let now = self.now;
        let mut peerings = self.usable_mut(id)?.peerings.iter_mut();
        let peering = peerings.find(|peering| peering.name == name);
        peering.ok_or_else(|| ApiError::not_found("binding", name))?.settle(now, failure.map(str::to_owned));
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
            let (target, name) = target_of(queue);
            targets.push((target, name.to_owned()));
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
