//! Routes of a connection.

use super::ProjectService;
use crate::{
    dli::{rules, wire::Route},
    emulator::{api_error::ApiError, limits},
};

impl ProjectService<'_> {
    /// Adds a route. Name and network must be unique within the connection.
    ///
    /// The network is stored as given. The documented example has no prefix length, so a single address is accepted.
    /// Accepting host bits and IPv6 is an inference, as are the error codes.
    pub fn add_route(&mut self, id: &str, name: &str, cidr: &str) -> Result<(), ApiError> {
        limits::text("name", &rules::ROUTE_NAME, name)?;
        let Some(network) = rules::network(cidr) else {
            let shown: String = cidr.chars().take(80).collect();
            return Err(ApiError::parameter(format!("The parameter cidr is invalid: {shown:?} is no network")));
        };
        let now = self.now;
        let record = self.record_mut(id)?;
        if record.routes.iter().any(|route| route.name == name) {
            return Err(ApiError::already_exists(format!("Route {name} already exists")));
        }
        if let Some(same) = record.routes.iter().find(|route| rules::network(&route.cidr) == Some(network)) {
            return Err(ApiError::already_exists(format!(
                "The CIDR {cidr} is already that of the route {}",
                same.name
            )));
        }
        record.routes.push(Route { name: name.to_owned(), cidr: cidr.to_owned(), create_time: now });
        Ok(())
    }

    /// Deletes a route. The error for a missing route is an inference.
    pub fn delete_route(&mut self, id: &str, name: &str) -> Result<(), ApiError> {
        let routes = &mut self.record_mut(id)?.routes;
        let at =
            routes.iter().position(|route| route.name == name).ok_or_else(|| ApiError::not_found("route", name))?;
        routes.remove(at);
        Ok(())
    }
}
