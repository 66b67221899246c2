//! `dli_enhanced_connection_route`: one route of a connection whose other routes are managed elsewhere.
//!
//! | call | when |
//! |---|---|
//! | `GET    /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, update, delete, import |
//! | `POST   /v3/{project}/datasource/enhanced-connections/{id}/routes` (or v2.0) | create, update |
//! | `DELETE /v3/{project}/datasource/enhanced-connections/{id}/routes/{name}` (or v2.0) | update, delete |
//! | calls of `network_checks` | plan of a new or changed route |
//!
//! The API cannot change a route. An update of `cidr` removes the route and adds it again. A create or update waits for
//! a limited time while another route has the same name or network: the same apply may remove that route.

use async_trait::async_trait;

use super::provider_data::ProviderData;
use super::shared::client_kind::ClientKind;
use super::shared::operation::OperationContext;
use super::shared::part_resource::{ConnectionPart, Deletion, Holder, ListedPart, Lookup, PartResource, PartTexts};
use super::shared::plan_checks::PlanChecker;
use super::shared::run_state::PartKey;
use super::shared::validators::MatchesRule;
use super::shared::{connection_part, declared_parts, network_checks, operation, semantic_equality};
use crate::dli::rules::same_network;
use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::plan_modifier::RequiresReplace;
use crate::framework::resource::ModifyPlanRequest;
use crate::framework::schema::Attribute;
use crate::framework::value::Value;
use crate::model;

pub(super) type EnhancedConnectionRoute = PartResource<Route>;

model! {
    #[derive(Debug, Clone)]
    pub(super) struct Route {
        name: String,
        cidr: String,
    }
}

impl Route {
    fn is_same_network(&self, found: &wire::Route) -> bool {
        same_network(&self.cidr, &found.cidr)
    }

    /// Returns the CIDR of `found` in the spelling of the configuration, else in canonical form.
    fn cidr_of(&self, found: &wire::Route) -> String {
        if self.is_same_network(found) {
            return self.cidr.clone();
        }
        rules::network(&found.cidr).map_or_else(|| found.cidr.clone(), |network| network.to_string())
    }
}

/// Finds a route by name; an exact match takes precedence over a match in another case.
fn find<'a>(connection: &'a wire::Connection, name: &str) -> Option<&'a wire::Route> {
    let exact = connection.routes.iter().find(|route| route.name == name);
    exact.or_else(|| connection.routes.iter().find(|route| route.name.eq_ignore_ascii_case(name)))
}

#[async_trait]
impl ConnectionPart for Route {
    type Found = wire::Route;

    const TEXTS: PartTexts = PartTexts {
        type_name: "dli_enhanced_connection_route",
        description: "One route of an enhanced datasource connection. Other routes of the connection are not changed. \
                      Use it for a connection that does not set `routes`.",
        list_description: "Lists the routes of enhanced connections.",
        noun: "route",
        create_summary: "Could Not Add the Route",
        create_note: "Nothing was recorded in the state. The next apply adds the route, or adopts it if it exists.",
        update_summary: Some("Could Not Change the Route"),
        delete_summary: "Could Not Remove the Route",
        import_format: "CONNECTION_ID/NAME",
        import_rules: &[rules::ROUTE_NAME],
        identity: &[("name", "Name of the route.")],
    };

    fn attributes() -> Vec<Attribute> {
        vec![
            Attribute::string("name")
                .required()
                .validator(MatchesRule(&[rules::ROUTE_NAME]))
                .plan_modifier(RequiresReplace)
                .description(
                    "Name of the route, unique within the connection: 1 to 64 letters, digits, `_` or `-`. Changing it \
                     replaces the route.",
                ),
            Attribute::string("cidr")
                .required()
                .validator(MatchesRule(&[rules::ROUTE_CIDR]))
                .semantic_equality(semantic_equality::same_network)
                .description(
                    "Destination network, IPv4 or IPv6, such as `192.168.2.0/24`. It must be unique within the \
                     connection. Changing it removes the route and adds it again.",
                ),
        ]
    }

    fn listed(shown: &wire::Connection, _: Vec<wire::Privilege>) -> Vec<ListedPart<Self>> {
        let listed = shown.routes.iter().map(|route| ListedPart {
            part: Self { name: route.name.clone(), cidr: String::new() },
            found: route.clone(),
            display_name: format!("{} to {}", route.name, route.cidr),
        });
        listed.collect()
    }

    fn from_import_id(id: &str) -> Option<Self> {
        Some(Self { name: id.to_owned(), cidr: String::new() })
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn identity(value: &Value) -> Option<String> {
        Some(declared_parts::route(value.get("name").as_str()?, value.get("cidr").as_str()?))
    }

    async fn exists(checker: &PlanChecker, connection: &str, planned: &Value) -> bool {
        let (name, cidr) = (planned.get("name").as_str(), planned.get("cidr").as_str());
        let Some((name, cidr)) = name.zip(cidr) else { return false };
        let shown = checker.connection(connection).await;
        shown.and_then(|shown| find(&shown, name).map(|route| same_network(cidr, &route.cidr))).unwrap_or_default()
    }

    fn subject(&self, connection_id: &str) -> String {
        format!("route {:?} of the connection {connection_id}", self.name)
    }

    fn set_computed(&mut self, found: Option<Self::Found>) {
        if let Some(found) = found {
            self.cidr = self.cidr_of(&found);
        }
    }

    async fn find(&self, context: &OperationContext, id: &str) -> operation::Result<Option<Lookup<Self::Found>>> {
        let Some(connection) = connection_part::find_connection(context, id).await? else { return Ok(None) };
        let found = find(&connection, &self.name).cloned();
        let name = found.as_ref().map_or(&self.name, |found| &found.name);
        let holder = connection.routes.iter().find(|route| route.name != *name && self.is_same_network(route));
        let holder = holder.map(|wire::Route { name, cidr, .. }| Holder {
            key: PartKey::Route(name.clone()),
            subject: format!("route {name:?} to the same network ({cidr})"),
            id: name.clone(),
        });
        Ok(Some(Lookup { key: PartKey::Route(name.clone()), found, holder }))
    }

    async fn create(&self, context: &OperationContext, id: &str, _: Option<&Self::Found>) -> operation::Result<()> {
        let (project, Self { name, cidr }) = (&context.project, self);
        let exists = || async move {
            let connection = project.show_connection(id).await?;
            Ok(find(&connection, name).is_some_and(|found| self.is_same_network(found)))
        };
        context.write(project.create_route(id, name, cidr).verified(exists)).await
    }

    fn adopt(&self, connection_id: &str, found: &Self::Found) -> Result<Diagnostic, Diagnostic> {
        let Self { name, cidr } = self;
        if self.is_same_network(found) {
            let text = format!(
                "The connection {connection_id} already has the route {name} to {cidr}. It was added outside of this \
                 resource, or by an earlier apply whose response was lost. This resource adopts the route, and \
                 destroying the resource removes it."
            );
            return Ok(Diagnostic::warning("Route Already Exists", text).at(Path::attribute("name")));
        }
        let text = format!(
            "The connection {connection_id} already has a route {name}, and it leads to {}, not to {cidr}.",
            self.cidr_of(found)
        );
        Err(Diagnostic::error("Route Leads Elsewhere", text).at(Path::attribute("cidr")))
    }

    fn is_changed(&self, planned: &Self) -> bool {
        !same_network(&self.cidr, &planned.cidr)
    }

    async fn delete(&self, context: &OperationContext, id: &str, found: &Self::Found) -> operation::Result<Deletion> {
        let (project, wire::Route { name, cidr, .. }) = (&context.project, found);
        // A route of the same name with another CIDR was added meanwhile.
        let is_gone = || async move {
            let connection = project.show_connection(id).await?;
            Ok(!find(&connection, name).is_some_and(|found| same_network(&found.cidr, cidr)))
        };
        match context.write(project.delete_route(id, name).verified(is_gone)).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(Deletion::Done),
        }
    }

    fn foreign(&self, connection_id: &str, found: &Self::Found) -> Option<Diagnostic> {
        let text = format!(
            "The connection {connection_id} has a route {} to {}. The route of the state led to {}, and was replaced \
             outside of Terraform. The existing route was not removed. If it is not needed, remove it by hand.",
            self.name, found.cidr, self.cidr
        );
        let warning = || Diagnostic::warning("Another Route of This Name Left in Place", text);
        (!self.is_same_network(found)).then(warning)
    }

    async fn check_plan(provider_data: &ProviderData, request: &ModifyPlanRequest<'_>) -> Diagnostics {
        let ModifyPlanRequest { prior, config, planned, replace, stop, .. } = request;
        let (mut report, run_state) = (Diagnostics::new(), provider_data.run_state());
        if let Some((id, name)) = planned.get("connection_id").as_str().zip(planned.get("name").as_str()) {
            report.extend(run_state.ownership_conflicts.declare_one(id, "routes", name));
        }
        let [before, after] = [*prior, &**planned].map(|value| value.get("cidr"));
        report.extend(network_checks::rules::check_reserved(Path::attribute("cidr"), before, after));
        let text = |name: &str| planned.get(name).as_str();
        let is_new = before.as_str().and_then(rules::network) != after.as_str().and_then(rules::network);
        if let Some(((id, name), cidr)) = text("connection_id").zip(text("name")).zip(text("cidr"))
            && is_new
            && let Some(checker) = PlanChecker::open(provider_data, config, planned, stop, &mut report).await
        {
            report.extend(Box::pin(network_checks::check_route(&checker, id, name, cidr)).await);
        }
        // Pulumi plans a resource several times.
        if run_state.client == ClientKind::Terraform
            && let Some(((id, name), cidr)) = text("connection_id").zip(text("name")).zip(text("cidr"))
            && let Some((other, network)) = run_state.declared_parts.declare_route(id, name, cidr)
        {
            report.push(duplicate((name, cidr), (&other, &network), id));
        }
        let is_kept = ["connection_id", "cidr"].iter().all(|name| prior.get(name) == planned.get(name));
        if is_kept && !replace.is_empty() && run_state.client == ClientKind::Pulumi {
            report.push(kept_network(after));
        }
        report
    }
}

/// The error about two resources for routes with the same name or network.
fn duplicate((name, cidr): (&str, &str), (other, network): (&str, &str), connection: &str) -> Diagnostic {
    let attribute = if name == other { "name" } else { "cidr" };
    let text = format!(
        "{attribute}: another resource declares the route {other:?} to {network}, and this one the route {name:?} to \
         {cidr}, both of the connection {connection}.\n\nAllowed: each name and each CIDR once in a connection. Remove \
         one of the resources, or change its {attribute}.\nDocument: DLI User Guide, \"Adding a Route\"."
    );
    Diagnostic::error("Route Declared Twice", text).at(Path::attribute(attribute))
}

/// A warning about a replacement that keeps the network. Terraform creates the new route first only with
/// `create_before_destroy`, which a plan does not show.
fn kept_network(cidr: &Value) -> Diagnostic {
    let text = format!(
        "The replacement keeps the network {}. Pulumi creates the new route before it deletes the old one, and a \
         connection has one route to a network.\n\nChange the network together with the name, or set \
         deleteBeforeReplace in the options of the resource.",
        cidr.as_str().unwrap_or_default()
    );
    Diagnostic::warning("Network Held by the Replaced Route", text).at(Path::attribute("cidr"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The API reference's example, `127.0.0.0`, has no prefix length.
    #[test]
    fn cidr_spelling_does_not_change_the_route() {
        let route = |name: &str, cidr: &str| wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 };
        let routes = vec![route("R", "127.0.0.0"), route("r", "10.0.0.0/8"), route("six", "2407:c080::/32")];
        let shown = wire::Connection { routes, ..wire::Connection::default() };
        let read = |name: &str, cidr: &str| {
            let route = Route { name: name.into(), cidr: cidr.into() };
            find(&shown, name).map(|found| route.cidr_of(found))
        };
        assert_eq!(read("R", "").as_deref(), Some("127.0.0.0/32"));
        assert_eq!(read("r", "10.0.0.0/9").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(read("SIX", "2407:C080:0::/32").as_deref(), Some("2407:C080:0::/32"));
        assert_eq!(read("none", "10.0.0.0/8"), None);
    }
}
