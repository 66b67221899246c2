//! Elastic resource pools.

use serde_json::{Value, json};

use super::{
    api_error::ApiError, details::has_tags, project::Project, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::wire::Pool;

const DEFAULT_LIMIT: usize = 100;
const STATES: [&str; 4] = ["AVAILABLE", "SCALING", "CREATING", "FAILED"];

/// Lists pools whose name contains the filter. "count" is the number on all pages (documented); rejecting a limit of
/// 0 is an inference.
pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let status = request.parameter("status");
    if let Some(other) = status.filter(|status| !STATES.iter().any(|state| state.eq_ignore_ascii_case(status))) {
        return Err(ApiError::invalid_parameter(format!("The parameter status is invalid: {other:?}")));
    }
    let tags = request.tag_filter()?;
    let name = request.parameter("name").unwrap_or_default();
    let (offset, limit) = page(request)?;

    let mut pools: Vec<(usize, Pool)> = (0..).zip(service.project.filled_pools()).collect();
    pools.retain(|(_, pool)| {
        pool.name.contains(name)
            && status.is_none_or(|status| pool.status.eq_ignore_ascii_case(status))
            && has_tags(&service.project.details_of_pool(pool).tags, &tags)
    });
    let count = i64::try_from(pools.len()).unwrap_or(i64::MAX);
    let page = pools.into_iter().skip(offset).take(limit);
    let rows: Vec<_> = page.map(|(number, pool)| listed(service.project, number, &pool)).collect();
    Ok(ApiResponse::success_with(&json!({ "count": count, "elastic_resource_pools": rows })))
}

pub(super) fn queues(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let name = request.segment("name");
    let pool = service.project.pool(name).ok_or_else(|| ApiError::not_found("elastic resource pool", name))?;
    let wanted = request.parameter("queue_name");
    let (offset, limit) = page(request)?;

    let mut queues: Vec<_> = service.project.queues.iter().collect();
    queues.retain(|queue| {
        queue.elastic_resource_pool_name == pool.name
            && wanted.is_none_or(|name| queue.queue_name.eq_ignore_ascii_case(name))
    });
    let count = queues.len();
    let page = queues.into_iter().skip(offset).take(limit).map(|queue| {
        json!({
            "queue_name": queue.queue_name,
            "queue_type": queue.queue_type,
            "owner": queue.owner,
            "create_time": queue.create_time,
            "enterprise_project_id": service.project.details_of(queue).enterprise_project_id,
            "engine": service.project.details_of(queue).engine,
            "queue_scaling_policies": service.project.details_of(queue).scaling_policies,
        })
    });
    let queues: Vec<_> = page.collect();
    Ok(ApiResponse::success_with(&json!({ "queues": queues, "count": count })))
}

/// A row of the list. `prepay_cu` is 0, because every pool is billed per use. The documents do not list the values of
/// `manager`, the type of the pool; this one is an inference.
fn listed(project: &Project, number: usize, pool: &Pool) -> Value {
    let details = project.details_of_pool(pool);
    let mut row = json!(pool);
    row["id"] = json!(number + 1);
    row["resource_id"] = json!(details.resource_id);
    row["enterprise_project_id"] = json!(details.enterprise_project_id);
    row["label"] = json!(details.label);
    row["ipv6_enable"] = json!(pool.ipv6_enable.unwrap_or_default());
    row["manager"] = json!("common");
    row["current_cu"] = json!(pool.actual_cu);
    row["prepay_cu"] = json!(0);
    row["update_time"] = json!(pool.create_time);
    row
}

fn page(request: &ApiRequest) -> Result<(usize, usize), ApiError> {
    if request.number("limit")? == Some(0) {
        return Err(ApiError::invalid_parameter("The parameter limit is invalid: 0"));
    }
    request.page(DEFAULT_LIMIT)
}

impl ProjectService<'_> {
    /// Adds or replaces an elastic resource pool. Its queue list is ignored because it is derived from the queues.
    pub fn put_pool(&mut self, pool: Pool) -> Result<(), ApiError> {
        self.project.put_pool(pool)
    }

    /// Removes an elastic resource pool without queues.
    pub fn remove_pool(&mut self, name: &str) -> Result<(), ApiError> {
        let pool = self.project.pool(name).ok_or_else(|| ApiError::not_found("elastic resource pool", name))?;
        if let Some(queue) = pool.queues.first() {
            return Err(ApiError::unsupported(format!("Elastic resource pool {name} holds the queue {queue}")));
        }
        self.project.pools.retain(|pool| pool.name != name);
        self.project.pool_details.remove(name);
        Ok(())
    }
}
