//! Routes of a connection, under the current (v3) and the former (v2.0) path.

use serde::Deserialize;

use super::{api_error::ApiError, limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::{rules, wire::Route};

pub(super) fn create(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Deserialize)]
    struct NewRoute {
        name: String,
        cidr: String,
    }
    let NewRoute { name, cidr } = request.json()?;
    service.add_route(request.segment("connection_id"), &name, &cidr)?;
    Ok(ApiResponse::success(""))
}

impl ProjectService<'_> {
    /// Adds a route. Name and network must be unique within the connection.
    ///
    /// The network is stored as given. The documented example has no prefix length, so a single address is accepted.
    /// Accepting host bits and IPv6 is an inference, as are the error codes.
    pub fn add_route(&mut self, id: &str, name: &str, cidr: &str) -> Result<(), ApiError> {
        limits::text("name", &rules::ROUTE_NAME, name)?;
        let Some(network) = rules::network(cidr) else {
            let shown: String = cidr.chars().take(80).collect();
            return Err(ApiError::invalid_parameter(format!("The parameter cidr is invalid: {shown:?} is no network")));
        };
        let create_time = self.now;
        let routes = &mut self.usable_mut(id)?.routes;
        if routes.iter().any(|route| route.name == name) {
            return Err(ApiError::already_exists(format!("Route {name} already exists")));
        }
        if let Some(same) = routes.iter().find(|route| rules::network(&route.cidr) == Some(network)) {
            let text = format!("The CIDR {cidr} is already that of the route {}", same.name);
            return Err(ApiError::already_exists(text));
        }
        routes.push(Route { name: name.to_owned(), cidr: cidr.to_owned(), create_time });
        Ok(())
    }

    /// Deletes a route. The error for a missing route is an inference.
    pub fn delete_route(&mut self, id: &str, name: &str) -> Result<(), ApiError> {
        let routes = &mut self.usable_mut(id)?.routes;
        let at = routes.iter().position(|route| route.name == name);
        routes.remove(at.ok_or_else(|| ApiError::not_found("route", name))?);
        Ok(())
    }
}
