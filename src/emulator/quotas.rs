//! Operation: show quotas. There is no quota for connections.

use serde_json::{Value, json};

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler},
    project_service::ProjectService,
};
use crate::dli::operation::Operation;

pub(super) const OPERATIONS: &[(Operation, Handler)] = &[(Operation::ShowQuota, show)];

/// The quotas of objects that the emulator has. The figures are the emulator's own.
#[expect(clippy::unnecessary_wraps, reason = "an operation may be refused; this one never is")]
fn show(service: &mut ProjectService<'_>, _: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let resource = |kind: &str, quota: i64, used: i64| -> Value {
        json!({ "type": kind, "min": 0, "max": quota, "quota": quota, "used": used })
    };
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    let project = &service.project;
    let units = project.queues.iter().map(|queue| queue.cu_count).sum();
    let resources = [
        resource("CU", 1024, units),
        resource("QUEUE", 64, count(project.queues.len())),
        resource("ELASTIC_RESOURCE_POOL", 16, count(project.pools.len())),
    ];
    Ok(ApiResponse::ok(&json!({ "is_success": true, "quotas": { "resources": resources } })))
}
