//! Operations: list and show queues. The two spell their keys differently.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler, tag_filter},
    project_service::ProjectService,
};
use crate::dli::{operation::Operation, wire::Queue};

pub(super) const OPERATIONS: &[(Operation, Handler)] = &[(Operation::ListQueues, list), (Operation::ShowQueue, show)];

fn list(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let kind = call.parameter("queue_type").unwrap_or("sql");
    if !["sql", "general", "all"].contains(&kind) {
        return Err(ApiError::parameter(format!("The parameter queue_type is invalid: {kind:?}")));
    }
    // The emulator's queues have no tags.
    let tagged = call.parameter("tags").map(tag_filter).transpose()?.is_some();
    let charged = call.parameter("with-charge-info").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let size = call.number("page-size")?.filter(|size| *size > 0).unwrap_or(usize::MAX);
    let page = call.number("current-page")?.unwrap_or(1);

    let mut queues: Vec<&Queue> = service.project.queues.iter().collect();
    queues.retain(|queue| !tagged && (kind == "all" || queue.queue_type == kind));
    queues.sort_by(|left, right| left.queue_name.cmp(&right.queue_name));
    match call.parameter("order").unwrap_or("queue_name_asc") {
        "queue_name_asc" => {}
        "cu_asc" => queues.sort_by_key(|queue| queue.cu_count),
        "cu_desc" => queues.sort_by_key(|queue| Reverse(queue.cu_count)),
        "queue_name_desc" => queues.reverse(),
        other => return Err(ApiError::parameter(format!("The parameter order is invalid: {other:?}"))),
    }
    let skipped = size.saturating_mul(page.saturating_sub(1));
    let queues: Vec<_> = queues.into_iter().skip(skipped).take(size).map(|queue| listed(queue, charged)).collect();
    Ok(ApiResponse::ok(&json!({ "is_success": true, "message": "", "queues": queues })))
}

/// The code `DLI.0002` for a missing queue is an inference from the documentation of jobs.
fn show(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let name = call.segment("queue_name");
    let queue = service.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
    Ok(ApiResponse::ok(&json!({
        "is_success": true,
        "message": "",
        "queueName": queue.queue_name,
        "queueType": queue.queue_type,
        "description": queue.description,
        "owner": queue.owner,
        "cuCount": queue.cu_count,
        "chargingMode": queue.charging_mode,
        "resource_mode": queue.resource_mode,
        "elastic_resource_pool_name": queue.elastic_resource_pool_name,
        "create_time": queue.create_time,
    })))
}

fn listed(queue: &Queue, charged: bool) -> Value {
    let mut row = json!({
        "queue_name": queue.queue_name,
        "queue_type": queue.queue_type,
        "description": queue.description,
        "owner": queue.owner,
        "cu_count": queue.cu_count,
        "resource_mode": queue.resource_mode,
        "elastic_resource_pool_name": queue.elastic_resource_pool_name,
        "cidr_in_vpc": queue.cidr_in_vpc,
        "create_time": queue.create_time,
    });
    if charged && let Some(row) = row.as_object_mut() {
        row.insert("charging_mode".to_owned(), queue.charging_mode.into());
    }
    row
}
