//! Operations: bind and unbind queues and pools.

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler},
    project_service::ProjectService,
};
use crate::dli::{
    operation::Operation,
    wire::{Outcome, QueueNames},
};

pub(super) const OPERATIONS: &[(Operation, Handler)] =
    &[(Operation::Bind, associate), (Operation::Unbind, disassociate)];

fn associate(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let names: QueueNames = call.json()?;
    service.bind(call.segment("connection_id"), &names)?;
    Ok(ApiResponse::ok(&Outcome::success(format!("associated peer connection for queues: {{{}}}.", joined(&names)))))
}

fn disassociate(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let names: QueueNames = call.json()?;
    service.unbind(call.segment("connection_id"), &names)?;
    Ok(ApiResponse::ok(&Outcome::success(format!("Disassociated peer connection for queues:{{{}}}.", joined(&names)))))
}

/// The names as in the documented messages. Including pools is an inference.
fn joined(names: &QueueNames) -> String {
    names.queues.iter().chain(&names.elastic_resource_pools).map(String::as_str).collect::<Vec<_>>().join(",")
}
