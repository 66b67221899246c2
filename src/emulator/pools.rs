//! Operations: list elastic resource pools and the queues of a pool.

use serde_json::json;

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler, tag_filter},
    project_service::ProjectService,
};
use crate::dli::{
    operation::Operation,
    wire::{Outcome, Pool, PoolList, Queue},
};

pub(super) const OPERATIONS: &[(Operation, Handler)] =
    &[(Operation::ListPools, list), (Operation::ListPoolQueues, queues)];

/// Default page size.
const PAGE: usize = 100;
const STATES: [&str; 4] = ["AVAILABLE", "SCALING", "CREATING", "FAILED"];

/// Lists pools whose name contains the filter. "count" is the number on all pages (documented); rejecting a limit of
/// 0 is an inference.
fn list(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let status = call.parameter("status");
    if let Some(other) = status.filter(|status| !STATES.iter().any(|state| state.eq_ignore_ascii_case(status))) {
        return Err(ApiError::parameter(format!("The parameter status is invalid: {other:?}")));
    }
    // The emulator's pools have no tags.
    let tagged = call.parameter("tags").map(tag_filter).transpose()?.is_some();
    let name = call.parameter("name").unwrap_or_default();
    let (offset, most) = page(call)?;

    let mut pools: Vec<Pool> = service.project.filled_pools().collect();
    pools.retain(|pool| {
        !tagged && pool.name.contains(name) && status.is_none_or(|status| pool.status.eq_ignore_ascii_case(status))
    });
    let count = i64::try_from(pools.len()).unwrap_or(i64::MAX);
    let elastic_resource_pools = pools.into_iter().skip(offset).take(most).collect();
    Ok(ApiResponse::ok(&PoolList { outcome: Outcome::success(""), count, elastic_resource_pools }))
}

fn queues(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let name = call.segment("name");
    let pool = service.project.pool(name).ok_or_else(|| ApiError::not_found("elastic resource pool", name))?;
    let wanted = call.parameter("queue_name");
    let (offset, most) = page(call)?;

    let mut queues: Vec<_> =
        service.project.queues.iter().filter(|queue| queue.elastic_resource_pool_name == pool.name).collect();
    queues.retain(|queue| wanted.is_none_or(|name| queue.queue_name.eq_ignore_ascii_case(name)));
    let count = queues.len();
    let row = |queue: &Queue| {
        json!({
            "queue_name": queue.queue_name,
            "queue_type": queue.queue_type,
            "owner": queue.owner,
            "create_time": queue.create_time,
        })
    };
    let queues: Vec<_> = queues.into_iter().skip(offset).take(most).map(row).collect();
    Ok(ApiResponse::ok(&json!({ "is_success": true, "message": "", "queues": queues, "count": count })))
}

fn page(call: &ApiRequest<'_>) -> Result<(usize, usize), ApiError> {
    let most = call.number("limit")?.unwrap_or(PAGE);
    if most == 0 {
        return Err(ApiError::parameter("The parameter limit is invalid: 0"));
    }
    Ok((call.number("offset")?.unwrap_or(0), most))
}
