//! Connectivity tests of a queue.
//!
//! The emulator has no network. The result is an inference: a bound queue reaches every address, and the host names
//! in the connection's records.

use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::json;

use super::binding_state::{Peering, target_of};
use super::clock::after;
use super::{
    api_error::ApiError, project::Task, project_service::ProjectService, request::ApiRequest, response::ApiResponse,
};
use crate::dli::rules;
use crate::dli::wire::{BINDING_ACTIVE, Host};

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct NewTask {
        address: String,
    }
    let NewTask { address } = request.json()?;
    let invalid =
        || ApiError::invalid_parameter(format!("The parameter address is invalid: {address:?} is not host:port"));
    let host = rules::host_of_address(&address).ok_or_else(invalid)?;
    let name = request.segment("queue_name");
    let queue = service.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
    let (target, bound) = target_of(queue);
    let is_active = |peering: &Peering| peering.is_to(target, bound) && peering.status(service.now) == BINDING_ACTIVE;
    let is_number = address.parse::<SocketAddr>().is_ok();
    let has_host = |hosts: &[Host]| is_number || hosts.iter().any(|record| record.name == host);
    let mut records = service.project.connections.iter();
    let reachable = records.any(|record| record.peerings.iter().any(is_active) && has_host(&record.hosts));
    let queue = queue.queue_name.clone();
    let ends_at = after(service.now, service.behavior.settings.connectivity_delay);
    let task_id = service.project.tasks.add(Task { queue, reachable, ends_at });
    Ok(ApiResponse::success_with(&json!({ "task_id": task_id })))
}

/// Only `REACHABLE` is documented; the other values are inferences.
pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (name, id) = (request.segment("queue_name"), request.segment("task_id"));
    let task = id.parse().ok().and_then(|id| service.project.tasks.get(id));
    let task = task.filter(|task| task.queue.eq_ignore_ascii_case(name));
    let task = task.ok_or_else(|| ApiError::not_found("connectivity task", id))?;
    let connectivity = match task.reachable {
        _ if service.now < task.ends_at => "RUNNING",
        true => "REACHABLE",
        false => "UNREACHABLE",
    };
    Ok(ApiResponse::success_with(&json!({ "connectivity": connectivity })))
}
