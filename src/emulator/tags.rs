//! Operations: list, add and remove tags of connections.

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler},
    project_service::ProjectService,
};
use crate::dli::{
    operation::Operation,
    wire::{Tag, TagChange, TagList},
};

pub(super) const OPERATIONS: &[(Operation, Handler)] =
    &[(Operation::ListTags, list), (Operation::CreateTags, create), (Operation::DeleteTags, delete)];

fn list(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let offset = call.number("offset")?.unwrap_or(0);
    let most = call.number("limit")?.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let all = service.tags(call.segment("connection_id"))?;
    let page = all.iter().skip(offset).take(most);
    let tags = page.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    Ok(ApiResponse::ok(&TagList { tags, count: i64::try_from(all.len()).unwrap_or(i64::MAX) }))
}

fn create(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.put_tags(call.segment("connection_id"), call.json::<TagChange>()?.tags)?;
    Ok(ApiResponse::no_content())
}

fn delete(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.remove_tags(call.segment("connection_id"), &call.json::<TagChange>()?.tags)?;
    Ok(ApiResponse::no_content())
}
