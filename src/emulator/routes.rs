//! Operations: add and delete routes, under the current (v3) and the former (v2.0) path.

use serde::Deserialize;

use super::{
    api_error::ApiError,
    operation::{ApiRequest, ApiResponse, Operation},
    project_service::ProjectService,
};
use crate::dli::wire::Outcome;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRouteToEnhancedConnection",
        method: "POST",
        pattern: "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
        run: create,
    },
    Operation {
        name: "DeleteRouteFromEnhancedConnection",
        method: "DELETE",
        pattern: "/v3/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
        run: delete,
    },
    Operation {
        name: "CreateEnhancedConnectionRoutes",
        method: "POST",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes",
        run: create,
    },
    Operation {
        name: "DeleteEnhancedConnectionRoutes",
        method: "DELETE",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}/routes/{name}",
        run: delete,
    },
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
