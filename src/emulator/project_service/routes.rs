//! The routes of connections.

use super::ProjectService;
use crate::{
    dli::{rules, wire::Route},
    emulator::{api_error::ApiError, limits},
};

impl ProjectService<'_> {
    /// Adds a route; name and network are those of no other route of the connection.
    ///
    /// The network is kept as it was given. The page's own example has no prefix length, so one address alone is
    /// taken; that host bits and IPv6 on any connection are taken, too, is an inference, as are the codes of refusals.
    pub fn add_route(&mut self, id: &str, name: &str, cidr: &str) -> Result<(), ApiError> {
        limits::text("name", &rules::ROUTE_NAME, name)?;
        let Some(network) = rules::network(cidr) else {
            let shown: String = cidr.chars().take(80).collect();
            return Err(ApiError::parameter(format!("The parameter cidr is invalid: {shown:?} is no network")));
        };
        let now = self.now;
        let record = self.record_mut(id)?;
        if record.routes.iter().any(|route| route.name == name) {
            return Err(ApiError::taken(format!("Route {name} already exists")));
        }
        if let Some(same) = record.routes.iter().find(|route| rules::network(&route.cidr) == Some(network)) {
            return Err(ApiError::taken(format!("The CIDR {cidr} is already that of the route {}", same.name)));
        }
        record.routes.push(Route { name: name.to_owned(), cidr: cidr.to_owned(), create_time: now });
        Ok(())
    }

    /// Deletes a route. That one which is not there is refused, and how, is an inference.
    pub fn delete_route(&mut self, id: &str, name: &str) -> Result<(), ApiError> {
        let routes = &mut self.record_mut(id)?.routes;
        let at = routes.iter().position(|route| route.name == name).ok_or_else(|| ApiError::no_such("route", name))?;
        routes.remove(at);
        Ok(())
    }
}
