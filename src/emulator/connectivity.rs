//! Connectivity tests of a queue.
//!
//! The emulator has no network. The result is an inference: a bound queue reaches every address, and the host names
//! in the connection's records.

use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::json;

use super::binding_state::{Peering, target_of};
use super::{
    api_error::ApiError, project::Task, project_service::ProjectService, request::ApiRequest, response::ApiResponse,
};
use crate::dli::wire::{BINDING_ACTIVE, Host};

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct NewTask {
        address: String,
    }
    let NewTask { address } = request.json()?;
    let host = host(&address)?;
    let name = request.segment("queue_name");
    let queue = service.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
    let (target, bound) = target_of(queue);
    let is_active = |peering: &Peering| peering.is_to(target, bound) && peering.status(service.now) == BINDING_ACTIVE;
    let has_host = |hosts: &[Host]| host.is_none_or(|host| hosts.iter().any(|record| record.name == host));
    let mut records = service.project.connections.iter();
    let reachable = records.any(|record| record.peerings.iter().any(is_active) && has_host(&record.hosts));
    let queue = queue.queue_name.clone();
    let task_id = service.project.tasks.add(Task { queue, reachable });
    Ok(ApiResponse::ok(&json!({ "is_success": true, "message": "", "task_id": task_id })))
}

/// Only `REACHABLE` is documented; the other value is an inference.
pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (name, id) = (request.segment("queue_name"), request.segment("task_id"));
    let task = id.parse().ok().and_then(|id| service.project.tasks.get(id));
    let task = task.filter(|task| task.queue.eq_ignore_ascii_case(name));
    let task = task.ok_or_else(|| ApiError::not_found("connectivity task", id))?;
    let connectivity = if task.reachable { "REACHABLE" } else { "UNREACHABLE" };
    Ok(ApiResponse::ok(&json!({ "is_success": true, "message": "", "connectivity": connectivity })))
}

/// The domain name of an address; `None` for an IP address, such as `10.0.0.1:80` or `[2001:db8::1]:80`.
fn host(address: &str) -> Result<Option<&str>, ApiError> {
    let is_domain = |host: &str| {
        (1..=255).contains(&host.len())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && host.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    if address.parse::<SocketAddr>().is_ok() {
        return Ok(None);
    }
    match address.rsplit_once(':') {
        Some((host, port)) if is_domain(host) && port.parse::<u16>().is_ok() => Ok(Some(host)),
        _ => Err(ApiError::parameter(format!("The parameter address is invalid: {address:?} is not host:port"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented forms.
    #[test]
    fn address_is_host_and_port() {
        for numbers in ["10.0.0.1:80", "[2001:db8::1]:0", "10.0.0.1:65535"] {
            assert_eq!(host(numbers), Ok(None), "{numbers}");
        }
        let long = format!("{}:80", "a".repeat(255));
        for (name, found) in [("example.com:80", "example.com"), (&long, &long[..255])] {
            assert_eq!(host(name), Ok(Some(found)));
        }
        let longer = format!("{}:80", "a".repeat(256));
        for wrong in ["", "10.0.0.1", "10.0.0.1:65536", "10.0.0.256:1", "2001:db8::1:80", "a b:80", ":80", &longer] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
