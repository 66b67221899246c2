//! Creating, changing and deleting queues, and their properties.
//!
//! A new queue is usable at once, because the API has no field for its creation state.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::details::{QueueDetails, ScalingPolicy};
use super::{
    api_error::ApiError, binding_state::target_of, limits, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::rules;
use crate::dli::wire::{Pool, Queue, Tag};

/// Longest description.
const MAX_DESCRIPTION: usize = 128;
/// Properties that a queue can have (documented).
const PROPERTIES: [&str; 6] = [
    "computeEngine.maxInstance",
    "computeEngine.maxPrefetchInstance",
    "computeEngine.spark.nativeEnabled",
    "job.maxConcurrent",
    "job.saveJobResultToJobBucket",
    "network.cidrInVpc",
];

/// The body of "create a queue".
#[derive(Deserialize)]
struct NewQueue {
    queue_name: String,
    queue_type: Option<String>,
    description: Option<String>,
    cu_count: i64,
    charging_mode: Option<i64>,
    enterprise_project_id: Option<String>,
    platform: Option<String>,
    resource_mode: Option<i64>,
    feature: Option<String>,
    elastic_resource_pool_name: Option<String>,
    engine: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// Creates a queue. Its name is stored in lower case.
pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let request: NewQueue = request.json()?;
    let name = request.queue_name.to_ascii_lowercase();
    limits::text("queue_name", &rules::QUEUE_NAME, &name)?;
    let kind = request.queue_type.unwrap_or_else(|| "sql".to_owned());
    if !["sql", "general"].contains(&kind.as_str()) {
        return Err(limits::invalid("queue_type", kind, "sql or general"));
    }
    let description = request.description.unwrap_or_default();
    if description.chars().count() > MAX_DESCRIPTION {
        return Err(limits::invalid("description", "it is too long", "at most 128 characters"));
    }
    limits::charging_mode(request.charging_mode)?;
    let mode = request.resource_mode.unwrap_or(0);
    if ![0, 1].contains(&mode) {
        return Err(limits::invalid("resource_mode", mode, "0 (shared) or 1 (dedicated)"));
    }
    limits::tags(&request.tags)?;
    let pool_name = request.elastic_resource_pool_name.unwrap_or_default();
    let count = request.cu_count;
    let step = if pool_name.is_empty() { 16 } else { 4 };
    if count <= 0 || count % step != 0 {
        return Err(limits::invalid("cu_count", count, &format!("a multiple of {step}")));
    }
    if let Some(same) = service.project.queue(&name) {
        return Err(ApiError::already_exists(format!("Queue {} already exists", same.queue_name)));
    }
    let mut queue = Queue {
        queue_name: name.clone(),
        queue_type: kind,
        charging_mode: 1,
        resource_mode: mode,
        create_time: service.now,
        cu_count: count,
        owner: "emulator".to_owned(),
        description,
        ..Queue::default()
    };
    if !pool_name.is_empty() {
        let pool = service.available_pool(&pool_name)?;
        service.check_pool_size(&pool, &name, &[ScalingPolicy::whole_day(count)])?;
        queue =
            Queue { resource_mode: 1, cidr_in_vpc: pool.cidr_in_vpc, elastic_resource_pool_name: pool.name, ..queue };
    }
    let default = QueueDetails::of(&queue);
    let details = QueueDetails {
        enterprise_project_id: request.enterprise_project_id.unwrap_or(default.enterprise_project_id),
        platform: request.platform.unwrap_or(default.platform),
        feature: request.feature.unwrap_or(default.feature),
        engine: request.engine.unwrap_or(default.engine),
        resource_id: uuid::Uuid::new_v4().to_string(),
        tags: request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        ..default
    };
    service.project.put_queue(queue)?;
    service.project.queue_details.insert(name.clone(), details);
    Ok(ApiResponse::success_with(&json!({ "queue_name": name })))
}

/// Restarts or scales a queue outside of pools. A scaled queue has its new size at once.
pub(super) fn act(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Action {
        action: String,
        cu_count: Option<i64>,
    }
    let Action { action, cu_count } = request.json()?;
    let queue = service.unpooled_mut(request.segment("queue_name"))?;
    let step = || {
        let count = cu_count.filter(|count| *count > 0 && count % 16 == 0);
        count.ok_or_else(|| limits::invalid("cu_count", cu_count.unwrap_or_default(), "a multiple of 16"))
    };
    match action.as_str() {
        "restart" if queue.queue_type == "sql" => {}
        "restart" => {
            return Err(ApiError::unsupported(format!(
                "Queue {} is no SQL queue; it cannot restart",
                queue.queue_name
            )));
        }
        "scale_out" => queue.cu_count += step()?,
        "scale_in" if queue.cu_count - step()? >= 16 => queue.cu_count -= step()?,
        "scale_in" => return Err(limits::invalid("cu_count", cu_count.unwrap_or_default(), "at least 16 CUs remain")),
        other => return Err(limits::invalid("action", other, "restart, scale_out or scale_in")),
    }
    let queue_name = &queue.queue_name;
    Ok(ApiResponse::success_with(&json!({ "queue_name": queue_name, "result": true })))
}

/// Changes the network of a queue, which must have no binding (documented).
pub(super) fn update_cidr(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Network {
        cidr_in_vpc: String,
    }
    let Network { cidr_in_vpc } = request.json()?;
    if rules::network(&cidr_in_vpc).is_none() {
        return Err(limits::invalid("cidr_in_vpc", &cidr_in_vpc, "a network"));
    }
    let queue = service.unpooled_mut(request.segment("queue_name"))?.clone();
    let (target, name) = target_of(&queue);
    let mut records = service.project.connections.iter();
    if let Some(bound) = records.find(|record| record.peerings.iter().any(|peering| peering.is_to(target, name))) {
        return Err(ApiError::unsupported(format!("Queue {name} is bound to the connection {}", bound.name)));
    }
    service.unpooled_mut(&queue.queue_name)?.cidr_in_vpc = cidr_in_vpc;
    Ok(ApiResponse::success(""))
}

pub(super) fn list_properties(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (offset, limit) = request.page(100)?;
    let name = request.segment("queue_name");
    let queue = service.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?;
    let details = service.project.details_of(queue);
    let page = details.properties.iter().skip(offset).take(limit);
    let properties: Vec<_> = page.map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let count = details.properties.len();
    Ok(ApiResponse::success_with(&json!({ "properties": properties, "count": count })))
}

/// Adds or replaces properties. Values are numbers or texts, and texts in the list.
pub(super) fn set_properties(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Properties {
        properties: BTreeMap<String, Value>,
    }
    let Properties { properties } = request.json()?;
    let mut new = BTreeMap::new();
    for (key, value) in properties {
        if !PROPERTIES.contains(&key.as_str()) {
            return Err(limits::invalid("properties", key, &PROPERTIES.join(", ")));
        }
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            other => return Err(limits::invalid(&key, other, "a number or a text")),
        };
        new.insert(key, text);
    }
    service.queue_details_mut(request.segment("queue_name"))?.properties.extend(new);
    Ok(ApiResponse::success(""))
}

pub(super) fn delete_properties(
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<String>,
    }
    let Keys { keys } = request.json()?;
    let details = service.queue_details_mut(request.segment("queue_name"))?;
    details.properties.retain(|key, _| !keys.contains(key));
    Ok(ApiResponse::success(""))
}

impl ProjectService<'_> {
    /// A queue outside of pools, for an operation that pools do not support (documented).
    fn unpooled_mut(&mut self, name: &str) -> Result<&mut Queue, ApiError> {
        let mut queues = self.project.queues.iter_mut();
        let queue = queues.find(|queue| queue.queue_name.eq_ignore_ascii_case(name));
        let queue = queue.ok_or_else(|| ApiError::not_found("queue", name))?;
        match queue.elastic_resource_pool_name.as_str() {
            "" => Ok(queue),
            pool => Err(ApiError::unsupported(format!("Queue {name} is in the elastic resource pool {pool}"))),
        }
    }

    /// The details of a queue for a change.
    pub(super) fn queue_details_mut(&mut self, name: &str) -> Result<&mut QueueDetails, ApiError> {
        let queue = self.project.queue(name).ok_or_else(|| ApiError::not_found("queue", name))?.clone();
        Ok(self.project.queue_details.entry(queue.queue_name.clone()).or_insert_with(|| QueueDetails::of(&queue)))
    }

    /// A pool that can be changed.
    pub(super) fn available_pool(&self, name: &str) -> Result<Pool, ApiError> {
        let name = name.to_ascii_lowercase();
        let pool = self.project.pool(&name).ok_or_else(|| ApiError::not_found("elastic resource pool", &name))?;
        if pool.status != "AVAILABLE" {
            return Err(ApiError::unsupported(format!("Elastic resource pool {name} is {}", pool.status)));
        }
        Ok(pool)
    }
}
