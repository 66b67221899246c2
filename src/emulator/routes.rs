//! Operations: add and delete routes, under the current (v3) and the former (v2.0) path.

use serde::Deserialize;

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Handler},
    project_service::ProjectService,
};
use crate::dli::{operation::Operation, wire::Outcome};

pub(super) const OPERATIONS: &[(Operation, Handler)] = &[
    (Operation::CreateRoute, create),
    (Operation::DeleteRoute, delete),
    (Operation::CreateRouteV2, create),
    (Operation::DeleteRouteV2, delete),
];

fn create(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct NewRoute {
        name: String,
        cidr: String,
    }
    let NewRoute { name, cidr } = call.json()?;
    service.add_route(call.segment("connection_id"), &name, &cidr)?;
    Ok(ApiResponse::ok(&Outcome::success("")))
}

fn delete(service: &mut ProjectService<'_>, call: &ApiRequest<'_>) -> Result<ApiResponse, ApiError> {
    service.delete_route(call.segment("connection_id"), call.segment("name"))?;
    Ok(ApiResponse::ok(&Outcome::success("Deleted")))
}
