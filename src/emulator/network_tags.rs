//! The tags of VPCs and subnets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::network_details::Tags;
use super::{
    api_error::ApiError,
    network_limits::{self, TAG_CODE},
    project_service::ProjectService,
    request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::rules;
use crate::dli::wire::Tag;

/// The tags of all VPCs.
pub(super) fn list_of_vpcs(service: &ProjectService<'_>) -> ApiResponse {
    let networks = &service.project.networks;
    all(networks.vpcs.iter().map(|vpc| networks.vpc_details(&vpc.id).tags))
}

/// The tags of all subnets.
pub(super) fn list_of_subnets(service: &ProjectService<'_>) -> ApiResponse {
    let networks = &service.project.networks;
    all(networks.subnets.iter().map(|subnet| networks.subnet_details(&subnet.id).tags))
}

pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let tags = tags_mut(service, request)?.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    Ok(ApiResponse::ok(&json!({ "tags": tags.collect::<Vec<_>>() })))
}

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct One {
        tag: Tag,
    }
    let tags = tags_mut(service, request)?;
    add(tags, vec![request.json_or::<One>(TAG_CODE)?.tag])?;
    Ok(ApiResponse::no_content())
}

/// Deletes the tag of a key. Only this operation fails if there is none (documented).
pub(super) fn delete(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let key = request.segment("key");
    // The documents state the status only; the code is an inference.
    let missing = || ApiError::new(404, TAG_CODE, format!("The tag key {key} does not exist"));
    tags_mut(service, request)?.remove(key).ok_or_else(missing)?;
    Ok(ApiResponse::no_content())
}

/// Adds or deletes several tags.
pub(super) fn change(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct Several {
        action: String,
        tags: Vec<Tag>,
    }
    let tags = tags_mut(service, request)?;
    let Several { action, tags: changed } = request.json_or(TAG_CODE)?;
    match action.as_str() {
        "create" => add(tags, changed)?,
        "delete" if changed.iter().any(|tag| tag.key.is_empty()) => {
            return Err(network_limits::tag_error("Tag key can not be null"));
        }
        "delete" => tags.retain(|key, _| changed.iter().all(|tag| tag.key != *key)),
        _ => return Err(network_limits::tag_error("action is invalid.")),
    }
    Ok(ApiResponse::no_content())
}

/// Whether a body asks to delete tags. Two operations share the path.
pub(super) fn is_delete_action(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Action {
        action: String,
    }
    serde_json::from_slice::<Action>(body).is_ok_and(|Action { action }| action == "delete")
}

/// The tags of the VPC or subnet of the path.
fn tags_mut<'a>(service: &'a mut ProjectService<'_>, request: &ApiRequest) -> Result<&'a mut Tags, ApiError> {
    let (vpc, subnet) = (request.segment("vpc_id"), request.segment("subnet_id"));
    let id = if subnet.is_empty() { vpc } else { subnet };
    if !rules::VPC_ID.allows(id) {
        return Err(network_limits::tag_error("resource id is invalid"));
    }
    let networks = &mut service.project.networks;
    if subnet.is_empty() {
        networks.vpc_details_mut(vpc).map(|details| &mut details.tags)
    } else {
        networks.subnet_details_mut(subnet).map(|details| &mut details.tags)
    }
}

/// Adds tags. The value of an existing key is replaced (documented).
fn add(tags: &mut Tags, new: Vec<Tag>) -> Result<(), ApiError> {
    network_limits::tags(new.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))?;
    let mut changed = tags.clone();
    changed.extend(new.into_iter().map(|tag| (tag.key, tag.value)));
    network_limits::tag_count(changed.len())?;
    *tags = changed;
    Ok(())
}

/// The keys in use with their values.
fn all(tags: impl Iterator<Item = Tags>) -> ApiResponse {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (key, value) in tags.flatten() {
        values.entry(key).or_default().insert(value);
    }
    let tags: Vec<_> = values.iter().map(|(key, values)| json!({ "key": key, "values": values })).collect();
    ApiResponse::ok(&json!({ "tags": tags }))
}
