//! Connections and their host records.

use serde_json::json;

use super::{
    api_error::ApiError, details::has_tags, project::Record, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::wire::{ConnectionList, Outcome, STATUS_ACTIVE, STATUS_DELETED};

const DEFAULT_LIMIT: usize = 100;

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let connection_id = service.create(request.json()?)?;
    let created = ApiResponse::success_with(&json!({ "connection_id": connection_id }));
    Ok(ApiResponse { status: 201, ..created })
}

pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    service.connection(request.segment("connection_id")).map(|connection| ApiResponse::success_with(&connection))
}

pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let status = request.parameter("status").map(|text| {
        let known = [STATUS_ACTIVE, STATUS_DELETED].into_iter().find(|status| status.eq_ignore_ascii_case(text));
        let invalid = || format!("The parameter status is invalid: {text:?} is neither ACTIVE nor DELETED");
        known.ok_or_else(|| ApiError::invalid_parameter(invalid()))
    });
    let (name, status, tags) = (request.parameter("name"), status.transpose()?, request.tag_filter()?);
    let (offset, limit) = service.page(request, DEFAULT_LIMIT)?;
    let meets = |record: &&Record| {
        name.is_none_or(|name| record.name == name)
            && status.is_none_or(|status| record.status(service.now) == status)
            && has_tags(&record.tags, &tags)
    };
    let found = service.project.connections.iter().filter(meets);
    let page = found.skip(offset).take(limit).map(|record| record.to_wire(service.now));
    let connections: Vec<_> = page.collect();
    // The documents define it as the number returned.
    let count = i64::try_from(connections.len()).unwrap_or(i64::MAX);
    Ok(ApiResponse::ok(&ConnectionList { outcome: Outcome::success(""), count, connections }))
}
