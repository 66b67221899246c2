//! The tags of VPCs and subnets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::network_details::Tags;
use super::networks::Networks;
use super::{
    api_error::ApiError, network_limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse,
};
use crate::dli::operation::Operation;
use crate::dli::rules;
use crate::dli::wire::Tag;

/// Runs a tag operation. Deleting a missing tag fails only in the operation for a single key (documented).
pub(super) fn run(
    operation: Operation,
    service: &mut ProjectService<'_>,
    request: &ApiRequest,
) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct One {
        tag: Tag,
    }
    #[derive(Deserialize)]
    struct Several {
        action: String,
        tags: Vec<Tag>,
    }
    let networks = &mut service.project.networks;
    match operation {
        Operation::ListVpcTags => return Ok(all(networks.vpcs.iter().map(|vpc| networks.vpc_details(&vpc.id).tags))),
        Operation::ListSubnetTags => {
            return Ok(all(networks.subnets.iter().map(|subnet| networks.subnet_details(&subnet.id).tags)));
        }
        _ => {}
    }
    let tags = tags_mut(networks, request)?;
    match operation {
        Operation::ShowVpcTags | Operation::ShowSubnetTags => {
            let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            return Ok(ApiResponse::ok(&json!({ "tags": tags })));
        }
        Operation::CreateVpcTag | Operation::CreateSubnetTag => add(tags, vec![json::<One>(request)?.tag])?,
        Operation::DeleteVpcTag | Operation::DeleteSubnetTag => {
            let key = request.segment("key");
            tags.remove(key).ok_or_else(|| {
                // The documents state the status only; the code is an inference.
                ApiError::new(404, "VPC.1801", format!("The tag key {key} does not exist"))
            })?;
        }
        _ => {
            let Several { action, tags: changed } = json(request)?;
            match action.as_str() {
                "create" => add(tags, changed)?,
                "delete" if changed.iter().any(|tag| tag.key.is_empty()) => {
                    return Err(network_limits::tag_error("Tag key can not be null"));
                }
                "delete" => tags.retain(|key, _| changed.iter().all(|tag| tag.key != *key)),
                _ => return Err(network_limits::tag_error("action is invalid.")),
            }
        }
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

fn json<T: serde::de::DeserializeOwned>(request: &ApiRequest) -> Result<T, ApiError> {
    request.json().map_err(|error| network_limits::tag_error(error.text))
}

/// The tags of the VPC or subnet of the path.
fn tags_mut<'a>(networks: &'a mut Networks, request: &ApiRequest) -> Result<&'a mut Tags, ApiError> {
    let (vpc, subnet) = (request.segment("vpc_id"), request.segment("subnet_id"));
    let id = if subnet.is_empty() { vpc } else { subnet };
    if !rules::VPC_ID.allows(id) {
        return Err(network_limits::tag_error("resource id is invalid"));
    }
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
