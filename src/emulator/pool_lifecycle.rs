//! Creating, changing and deleting elastic resource pools, and the scaling policies of their queues.
//!
//! A new pool is available at once. A new size also takes effect at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::details::{PoolDetails, ScalingPolicy, check_policies};
use super::project::seeded_pool;
use super::{api_error::ApiError, limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::rules;
use crate::dli::wire::{Pool, Tag};

/// Longest description.
const MAX_DESCRIPTION: usize = 256;
/// Network of a pool without one (documented).
const DEFAULT_NETWORK: &str = "172.16.0.0/12";

/// The body of "create an elastic resource pool".
#[derive(Deserialize)]
struct NewPool {
    elastic_resource_pool_name: String,
    description: Option<String>,
    cidr_in_vpc: Option<String>,
    max_cu: i64,
    min_cu: i64,
    charging_mode: Option<i64>,
    enterprise_project_id: Option<String>,
    #[serde(default)]
    label: BTreeMap<String, String>,
    ipv6_enable: Option<bool>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// The body of "update an elastic resource pool".
#[derive(Deserialize)]
struct PoolChange {
    description: Option<String>,
    max_cu: Option<i64>,
    min_cu: Option<i64>,
}

/// Creates a pool. Its name is stored in lower case.
pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let request: NewPool = request.json()?;
    let name = request.elastic_resource_pool_name.to_ascii_lowercase();
    limits::text("elastic_resource_pool_name", &rules::POOL_NAME, &name)?;
    let description = request.description.unwrap_or_default();
    check_description(&description)?;
    check_size(request.min_cu, request.max_cu, &request.label)?;
    limits::tags(&request.tags)?;
    limits::charging_mode(request.charging_mode)?;
    let cidr_in_vpc = request.cidr_in_vpc.unwrap_or_else(|| DEFAULT_NETWORK.to_owned());
    if rules::network(&cidr_in_vpc).is_none() {
        return Err(ApiError::invalid_parameter(format!("The parameter cidr_in_vpc is invalid: {cidr_in_vpc:?}")));
    }
    if service.project.pool(&name).is_some() {
        return Err(ApiError::already_exists(format!("Elastic resource pool {name} already exists")));
    }
    let pool = Pool {
        name: name.clone(),
        description,
        cidr_in_vpc,
        min_cu: request.min_cu,
        max_cu: request.max_cu,
        actual_cu: request.min_cu,
        create_time: service.now,
        ipv6_enable: Some(request.ipv6_enable.unwrap_or_default()),
        ..seeded_pool()
    };
    let default = PoolDetails::of(&pool);
    let details = PoolDetails {
        resource_id: uuid::Uuid::new_v4().to_string(),
        enterprise_project_id: request.enterprise_project_id.unwrap_or(default.enterprise_project_id),
        label: request.label,
        tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
    };
    service.project.put_pool(pool)?;
    service.project.pool_details.insert(name.clone(), details);
    Ok(named(&name))
}

/// Changes description and size. The minimum must not exceed the current size, and the maximum must suffice for
/// each queue (documented).
pub(super) fn update(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let change: PoolChange = request.json()?;
    let name = request.segment("name").to_ascii_lowercase();
    let pool = service.available_pool(&name)?;
    let label = service.project.pool_details.get(&name).map(|details| details.label.clone()).unwrap_or_default();
    let (min_cu, max_cu) = (change.min_cu.unwrap_or(pool.min_cu), change.max_cu.unwrap_or(pool.max_cu));
    check_size(min_cu, max_cu, &label)?;
    let description = change.description.unwrap_or_else(|| pool.description.clone());
    check_description(&description)?;
    if min_cu > pool.actual_cu {
        let actual = pool.actual_cu;
        return Err(ApiError::invalid_parameter(format!("min_cu {min_cu} exceeds the current size of {actual} CUs")));
    }
    let changed = Pool { description, min_cu, max_cu, actual_cu: pool.actual_cu.min(max_cu), ..pool };
    service.check_pool_size(&changed, "", &[])?;
    let mut pools = service.project.pools.iter_mut();
    if let Some(pool) = pools.find(|pool| pool.name == name) {
        *pool = Pool { queues: Vec::new(), ..changed };
    }
    Ok(named(&name))
}

fn named(name: &str) -> ApiResponse {
    ApiResponse::success_with(&json!({ "elastic_resource_pool_name": name }))
}

/// Moves a dedicated queue into a pool. The queue cannot leave the pool again.
pub(super) fn add_queue(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Added {
        queue_name: String,
    }
    let Added { queue_name } = request.json()?;
    let pool = service.available_pool(request.segment("name"))?;
    let found = service.project.queue(&queue_name).ok_or_else(|| ApiError::not_found("queue", &queue_name))?.clone();
    if !found.elastic_resource_pool_name.is_empty() || found.resource_mode != 1 {
        return Err(ApiError::unsupported(format!("Queue {queue_name} is no dedicated queue outside of pools")));
    }
    let policies = vec![ScalingPolicy::whole_day(found.cu_count)];
    service.check_pool_size(&pool, &found.queue_name, &policies)?;
    service.queue_details_mut(&queue_name)?.scaling_policies = policies;
    let mut queues = service.project.queues.iter_mut();
    if let Some(queue) = queues.find(|queue| queue.queue_name == found.queue_name) {
        queue.elastic_resource_pool_name = pool.name;
        queue.cidr_in_vpc = pool.cidr_in_vpc;
    }
    Ok(ApiResponse::success(""))
}

/// Replaces the scaling policies of a queue.
pub(super) fn set_policies(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Policies {
        queue_scaling_policies: Vec<ScalingPolicy>,
    }
    let Policies { queue_scaling_policies: policies } = request.json()?;
    let (pool, queue) = (service.available_pool(request.segment("name"))?, request.segment("queue_name"));
    let found = service.project.queue(queue).filter(|queue| queue.elastic_resource_pool_name == pool.name);
    let name = found.ok_or_else(|| ApiError::not_found("queue", queue))?.queue_name.clone();
    check_policies(&policies)?;
    service.check_pool_size(&pool, &name, &policies)?;
    service.queue_details_mut(&name)?.scaling_policies = policies;
    Ok(ApiResponse::success(""))
}

/// Checks the size of a pool by its edition (documented).
fn check_size(min: i64, max: i64, label: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let is_basic = label.get("spec").is_some_and(|spec| spec == "basic");
    let range = if is_basic { 16..=64 } else { 64..=32_000 };
    if min > max || [min, max].iter().any(|cus| cus % 16 != 0 || !range.contains(cus)) {
        let (least, most) = (range.start(), range.end());
        return Err(ApiError::invalid_parameter(format!(
            "The parameters min_cu {min} and max_cu {max} are invalid; allowed: ordered multiples of 16 from {least} \
             to {most}"
        )));
    }
    Ok(())
}

fn check_description(description: &str) -> Result<(), ApiError> {
    if description.chars().count() <= MAX_DESCRIPTION {
        return Ok(());
    }
    Err(ApiError::invalid_parameter("The parameter description is invalid: it has more than 256 characters"))
}

impl ProjectService<'_> {
    /// Checks that the pool is large enough: its maximum for each queue, and its minimum for the sum of the minima
    /// (documented). `changed` is the queue with the given policies in place of its own.
    pub(super) fn check_pool_size(
        &self,
        pool: &Pool,
        changed: &str,
        policies: &[ScalingPolicy],
    ) -> Result<(), ApiError> {
        let others = pool.queues.iter().filter(|name| *name != changed).filter_map(|name| self.project.queue(name));
        let others = others.map(|queue| self.project.details_of(queue).scaling_policies);
        let all: Vec<_> = others.chain([policies.to_vec()]).collect();
        if let Some(policy) = all.iter().flatten().find(|policy| policy.max_cu > pool.max_cu) {
            let (needed, max) = (policy.max_cu, pool.max_cu);
            return Err(ApiError::invalid_parameter(format!(
                "A queue may have {needed} CUs, and the pool at most {max}"
            )));
        }
        let sum: i64 = all.iter().map(|policies| policies.iter().map(|policy| policy.min_cu).max().unwrap_or(0)).sum();
        if sum > pool.min_cu {
            let min = pool.min_cu;
            let text = format!("The queues have at least {sum} CUs in all, and the pool has a minimum of {min}");
            return Err(ApiError::invalid_parameter(text));
        }
        Ok(())
    }
}
