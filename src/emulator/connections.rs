//! Operations: create, list, show and delete connections, and replace host records.

use serde::Serialize;

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler, tag_filter},
    project::Record,
    project_service::ProjectService,
};
use crate::dli::{
    operation::Operation,
    wire::{
        Connection, ConnectionCreated, ConnectionList, CreateConnection, Outcome, ReplaceHosts, STATUS_ACTIVE,
        STATUS_DELETED,
    },
};

pub(super) const OPERATIONS: &[(Operation, Handler)] = &[
    (Operation::CreateConnection, create),
    (Operation::ListConnections, list),
    (Operation::ShowConnection, show),
    (Operation::DeleteConnection, delete),
    (Operation::ReplaceHosts, update),
];

/// Default page size of the list.
const PAGE: usize = 100;

fn create(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let connection_id = service.create(call.json::<CreateConnection>()?)?;
    Ok(ApiResponse::json(201, &ConnectionCreated { outcome: Outcome::success(""), connection_id }))
}

fn show(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    #[derive(Serialize)]
    struct Shown {
        #[serde(flatten)]
        outcome: Outcome,
        #[serde(flatten)]
        connection: Connection,
    }
    let connection = service.connection(call.segment("connection_id"))?;
    Ok(ApiResponse::ok(&Shown { outcome: Outcome::success(""), connection }))
}

fn list(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    let filter = Filter::read(call)?;
    let most = match call.number("limit")?.unwrap_or(PAGE) {
        0 => usize::MAX,
        most => most,
    };
    let offset = call.number("offset")?.unwrap_or(0);
    let page = service.records().iter().filter(|record| filter.meets(record, service.now)).skip(offset).take(most);
    let connections: Vec<_> = page.map(|record| record.to_wire(service.now)).collect();
    // The documents define it as the number returned.
    let count = i64::try_from(connections.len()).unwrap_or(i64::MAX);
    Ok(ApiResponse::ok(&ConnectionList { outcome: Outcome::success(""), count, connections }))
}

fn delete(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.delete(call.segment("connection_id"))?;
    Ok(ApiResponse::ok(&Outcome::success("Deleted")))
}

fn update(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.replace_hosts(call.segment("connection_id"), call.json::<ReplaceHosts>()?.hosts)?;
    Ok(ApiResponse::ok(&Outcome::success("")))
}

/// The filter of the list.
struct Filter<'a> {
    name: Option<&'a str>,
    status: Option<&'static str>,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn read(call: &'a ApiRequest<'_>) -> Result<Self, ApiError> {
        let status = match call.parameter("status") {
            None => None,
            Some(text) if text.eq_ignore_ascii_case(STATUS_ACTIVE) => Some(STATUS_ACTIVE),
            Some(text) if text.eq_ignore_ascii_case(STATUS_DELETED) => Some(STATUS_DELETED),
            Some(text) => {
                return Err(ApiError::parameter(format!(
                    "The parameter status is invalid: {text:?} is neither ACTIVE nor DELETED"
                )));
            }
        };
        let tags = call.parameter("tags").map(tag_filter).transpose()?.unwrap_or_default();
        Ok(Self { name: call.parameter("name"), status, tags })
    }

    fn meets(&self, record: &Record, now: i64) -> bool {
        self.name.is_none_or(|name| record.name == name)
            && self.status.is_none_or(|status| record.status(now) == status)
            && self.tags.iter().all(|(key, value)| record.tags.get(*key).is_some_and(|held| held == value))
    }
}
