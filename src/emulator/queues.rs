//! Queues and quotas. The list of queues and "show" spell their keys differently.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{
    api_error::ApiError, details::has_tags, project::Project, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::wire::Queue;

pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let kind = request.parameter("queue_type").unwrap_or("sql");
    if !["sql", "general", "all"].contains(&kind) {
        return Err(ApiError::invalid_parameter(format!("The parameter queue_type is invalid: {kind:?}")));
    }
    let tags = request.tag_filter()?;
    let charged = request.parameter("with-charge-info").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let size = request.number("page-size")?.filter(|size| *size > 0).unwrap_or(usize::MAX);
    let page = request.number("current-page")?.unwrap_or(1);

    let mut queues: Vec<&Queue> = service.project.queues.iter().collect();
    queues.retain(|queue| {
        (kind == "all" || queue.queue_type == kind) && has_tags(&service.project.details_of(queue).tags, &tags)
    });
    queues.sort_by(|left, right| left.queue_name.cmp(&right.queue_name));
    match request.parameter("order").unwrap_or("queue_name_asc") {
        "queue_name_asc" => {}
        "cu_asc" => queues.sort_by_key(|queue| queue.cu_count),
        "cu_desc" => queues.sort_by_key(|queue| Reverse(queue.cu_count)),
        "queue_name_desc" => queues.reverse(),
        other => return Err(ApiError::invalid_parameter(format!("The parameter order is invalid: {other:?}"))),
    }
    let skipped = size.saturating_mul(page.saturating_sub(1));
    let queues: Vec<_> =
        queues.into_iter().skip(skipped).take(size).map(|queue| listed(service.project, queue, charged)).collect();
    Ok(ApiResponse::success_with(&json!({ "queues": queues })))
}

/// The code `DLI.0002` for a missing queue is an inference from the documentation of jobs.
pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let name = request.segment("queue_name");
    let queue = service.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
    Ok(ApiResponse::success_with(&json!({ "queueName": queue.queue_name,
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

fn listed(project: &Project, queue: &Queue, with_charge_info: bool) -> Value {
    let mut row = json!(queue);
    let details = project.details_of(queue);
    for (key, value) in [
        ("resource_id", &details.resource_id),
        ("enterprise_project_id", &details.enterprise_project_id),
        ("platform", &details.platform),
        ("feature", &details.feature),
        ("engine", &details.engine),
    ] {
        row[key] = json!(value);
    }
    if let Some(fields) = row.as_object_mut().filter(|_| !with_charge_info) {
        fields.remove("charging_mode");
    }
    row
}

/// The quotas of a project. The figures are the emulator's own. There is no quota for connections.
pub(super) fn quotas(service: &ProjectService<'_>) -> ApiResponse {
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
    ApiResponse::ok(&json!({ "is_success": true, "quotas": { "resources": resources } }))
}

impl ProjectService<'_> {
    /// Adds or replaces a queue. The name is stored in lower case.
    pub fn put_queue(&mut self, queue: Queue) -> Result<(), ApiError> {
        self.project.put_queue(queue)
    }

    /// Removes a queue. Its bindings remain; the documents do not say what happens to them.
    pub fn remove_queue(&mut self, name: &str) -> Result<(), ApiError> {
        let name = self.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?.queue_name.clone();
        self.project.queues.retain(|queue| queue.queue_name != name);
        self.project.queue_details.remove(&name);
        Ok(())
    }
}
