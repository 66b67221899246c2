//! Connections and their host records.

use serde::Serialize;

use super::{
    api_error::ApiError, details::has_tags, project::Record, project_service::ProjectService, request::ApiRequest,
    response::ApiResponse,
};
use crate::dli::wire::{Connection, ConnectionCreated, ConnectionList, Outcome, STATUS_ACTIVE, STATUS_DELETED};

const DEFAULT_LIMIT: usize = 100;

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let connection_id = service.create(request.json()?)?;
    Ok(ApiResponse::json(201, &ConnectionCreated { outcome: Outcome::success(""), connection_id }))
}

pub(super) fn show(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Serialize)]
    struct Shown {
        #[serde(flatten)]
        outcome: Outcome,
        #[serde(flatten)]
        connection: Connection,
    }
    let connection = service.connection(request.segment("connection_id"))?;
    Ok(ApiResponse::ok(&Shown { outcome: Outcome::success(""), connection }))
}

pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let filter = Filter::read(request)?;
    let (offset, limit) = service.page(request, DEFAULT_LIMIT)?;
    let found = service.project.connections.iter().filter(|record| filter.meets(record, service.now));
    let page = found.skip(offset).take(limit).map(|record| record.to_wire(service.now));
    let connections: Vec<_> = page.collect();
    // The documents define it as the number returned.
    let count = i64::try_from(connections.len()).unwrap_or(i64::MAX);
    Ok(ApiResponse::ok(&ConnectionList { outcome: Outcome::success(""), count, connections }))
}

struct Filter<'a> {
    name: Option<&'a str>,
    status: Option<&'static str>,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn read(request: &'a ApiRequest) -> Result<Self, ApiError> {
        let status = match request.parameter("status") {
            None => None,
            Some(text) if text.eq_ignore_ascii_case(STATUS_ACTIVE) => Some(STATUS_ACTIVE),
            Some(text) if text.eq_ignore_ascii_case(STATUS_DELETED) => Some(STATUS_DELETED),
            Some(text) => {
                return Err(ApiError::parameter(format!(
                    "The parameter status is invalid: {text:?} is neither ACTIVE nor DELETED"
                )));
            }
        };
        let tags = request.tag_filter()?;
        Ok(Self { name: request.parameter("name"), status, tags })
    }

    fn meets(&self, record: &Record, now: i64) -> bool {
        self.name.is_none_or(|name| record.name == name)
            && self.status.is_none_or(|status| record.status(now) == status)
            && has_tags(&record.tags, &self.tags)
    }
}
