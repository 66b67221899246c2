//! `dli_enhanced_connection_route`: one route of a connection whose other routes are managed elsewhere.
//!
//! | call | when |
//! |---|---|
//! | `GET    /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, update, delete, import |
//! | `POST   /v3/{project}/datasource/enhanced-connections/{id}/routes` (or v2.0) | create, update |
//! | `DELETE /v3/{project}/datasource/enhanced-connections/{id}/routes/{name}` (or v2.0) | update, delete |
//!
//! The API cannot change a route. An update of `cidr` removes the route and adds it again.

use async_trait::async_trait;

use super::{
    provider_data::ProviderData,
    shared::{
        connection_part, location,
        operation::{OperationContext, OperationError, report},
        ownership::Part,
        part_resource::{ConnectionPart, Lookup, PartResource, PartTexts, TIMEOUT, from_state},
        run_state::PartKey,
        semantic_equality,
        validators::{MatchesRule, NotReserved},
    },
};
use crate::{
    dli::{
        rules::{self, same_network},
        wire,
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::{Computed, FromValue},
        path::Path,
        plan_modifier::{RequiresReplace, USE_STATE_FOR_UNKNOWN},
        resource::{ResponseState, UpdateRequest},
        schema::{Attribute, BlockBody, Schema},
        timeouts::{Operation, Timeouts},
        value::Value,
    },
    model,
};

pub(super) type EnhancedConnectionRoute = PartResource<Route>;

model! {
    #[derive(Debug, Clone, Default)]
    pub(super) struct Route {
        region: Computed<String>,
        project_id: Computed<String>,
        connection_id: String,
        name: String,
        cidr: String,
        timeouts: Timeouts,
        id: Computed<String>,
    }
}

impl Route {
    fn is_same_network(&self, found: &wire::Route) -> bool {
        same_network(&self.cidr, &found.cidr)
    }

    /// The CIDR of `found`: in the spelling of the configuration, else in canonical form.
    fn cidr_of(&self, found: &wire::Route) -> String {
        if self.is_same_network(found) {
            return self.cidr.clone();
        }
        rules::network(&found.cidr).map_or_else(|| found.cidr.clone(), |network| network.to_string())
    }

    async fn change(
        &self,
        context: &OperationContext,
        planned: &Self,
        response: &mut ResponseState,
    ) -> Result<(), OperationError> {
        const STATE_IF_UNKNOWN: &str = "A route is changed by removing it and adding it again: it was removed, and the state holds the new one in \
             case it exists. The next apply adds it where it is missing.";
        const STATE_IF_REMOVED: &str = "A route is changed by removing it and adding it again: it was removed, and does not exist now. Fix the cause \
             and apply again: the route will be added.";
        match self.find(context).await? {
            Lookup::NoConnection => {
                return Err(connection_part::no_connection(UPDATE_SUMMARY, &self.connection_id).into());
            }
            Lookup::Found(found) if planned.is_same_network(&found) => return Ok(()),
            Lookup::Found(found) => self.delete(context, &found).await?,
            Lookup::Missing => {}
        }
        let Err(error) = planned.create(context).await else { return Ok(()) };
        let may_exist = error.may_have_taken_effect();
        if may_exist {
            response.set_state(planned.clone());
        }
        Err(error.into_errors(UPDATE_SUMMARY, if may_exist { STATE_IF_UNKNOWN } else { STATE_IF_REMOVED }).into())
    }
}

const UPDATE_SUMMARY: &str = "Could Not Change the Route";

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
        noun: "route",
        create_summary: "Could Not Add the Route",
        delete_summary: "Could Not Remove the Route",
        create_note: "The state holds no route. The next apply adds it, or takes it over if it exists.",
        import_format: "CONNECTION_ID/NAME",
        import_rules: &[rules::ROUTE_NAME],
    };

    fn schema() -> Schema {
        schema()
    }

    fn from_import_id(connection_id: &str, name: &str) -> Self {
        Self { connection_id: connection_id.to_owned(), name: name.to_owned(), ..Self::default() }
    }

    fn connection_id(&self) -> &str {
        &self.connection_id
    }

    fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    fn subject(&self) -> String {
        format!("route {:?} of the connection {}", self.name, self.connection_id)
    }

    fn key(&self, found: Option<&wire::Route>) -> PartKey {
        PartKey::Route(found.map_or(&self.name, |found| &found.name).clone())
    }

    fn set_computed(&mut self, context: &OperationContext, found: Option<wire::Route>) {
        location::fill_location(&mut self.region, &mut self.project_id, context);
        self.id = Computed(Some(format!("{}/{}", self.connection_id, self.name)));
        if let Some(found) = found {
            self.cidr = self.cidr_of(&found);
        }
    }

    async fn find(&self, context: &OperationContext) -> Result<Lookup<wire::Route>, OperationError> {
        let connection = connection_part::find_connection(context, &self.connection_id).await?;
        let Some(connection) = connection else { return Ok(Lookup::NoConnection) };
        Ok(find(&connection, &self.name).map_or(Lookup::Missing, |found| Lookup::Found(found.clone())))
    }

    async fn create(&self, context: &OperationContext) -> Result<(), OperationError> {
        let (project, Self { connection_id: id, name, cidr, .. }) = (&context.project, self);
        let exists = || async move {
            let connection = project.show_connection(id).await?;
            Ok(find(&connection, name).is_some_and(|found| same_network(&found.cidr, cidr)))
        };
        context.write(project.run_verified(|| project.create_route(id, name, cidr), exists)).await
    }

    async fn delete(&self, context: &OperationContext, found: &wire::Route) -> Result<(), OperationError> {
        let (project, id, wire::Route { name, cidr, .. }) = (&context.project, &self.connection_id, found);
        // A route of the same name with another CIDR was added meanwhile.
        let is_gone = || async move {
            let connection = project.show_connection(id).await?;
            Ok(!find(&connection, name).is_some_and(|found| same_network(&found.cidr, cidr)))
        };
        match context.write(project.run_verified(|| project.delete_route(id, name), is_gone)).await {
            Err(error) if error.is_not_found() => Ok(()),
            outcome => outcome,
        }
    }

    fn adopt(&self, found: &wire::Route) -> Result<Diagnostic, Diagnostics> {
        let Self { connection_id, name, cidr, .. } = self;
        if self.is_same_network(found) {
            let text = format!(
                "The connection {connection_id} already has the route {name} to {cidr}: added by somebody else, or by an \
                 earlier apply whose answer was lost. It is taken over, and destroying this resource removes it."
            );
            return Ok(Diagnostic::warning("Route Already Exists", text).at(Path::attribute("name")));
        }
        let text = format!(
            "The connection {connection_id} already has a route {name}, and it leads to {}, not to {cidr}. Nothing was \
             changed.\n\nChoose another name, or import the existing route and apply again: terraform import ADDRESS \
             {connection_id}/{name}",
            self.cidr_of(found)
        );
        Err(Diagnostic::error("Route Leads Elsewhere", text).at(Path::attribute("cidr")).into())
    }

    fn foreign(&self, found: &wire::Route) -> Option<Diagnostic> {
        let Self { connection_id, name, cidr, .. } = self;
        let text = format!(
            "The connection {connection_id} has a route {name} to {}. The one of the state led to {cidr}, and is gone: \
             somebody else removed it and added the other, which was left as it is. If nobody needs it, remove it by hand.",
            found.cidr
        );
        let warning = || Diagnostic::warning("Another Route of This Name Left in Place", text);
        (!self.is_same_network(found)).then(warning)
    }

    fn check_plan(provider_data: &ProviderData, planned: &Value) -> Diagnostics {
        let known = planned.get("connection_id").as_str().zip(planned.get("name").as_str());
        let conflicts = provider_data.ownership_conflicts();
        known.map(|(id, name)| conflicts.declare_one(id, Part::Routes, name)).unwrap_or_default()
    }

    async fn update(
        provider_data: &ProviderData,
        request: UpdateRequest<'_>,
        response: &mut ResponseState,
    ) -> Result<(), Diagnostics> {
        let prior: Self = from_state(request.prior)?;
        let planned = Self::from_value(request.planned, &Path::root())?;
        if !same_network(&prior.cidr, &planned.cidr) {
            report(UPDATE_SUMMARY, "The state was not changed. Fix the cause and apply again.", async {
                let timeout = planned.timeouts.update(TIMEOUT);
                let context = provider_data.begin(prior.location(), timeout, request.stop).await?;
                let context = context.subject(prior.subject());
                let _guard = connection_part::lock(&context, provider_data, &planned.connection_id).await?;
                prior.change(&context, &planned, response).await
            })
            .await?;
        }
        response.set_state(planned);
        Ok(())
    }
}

fn schema() -> Schema {
    let mut attributes = vec![
        connection_part::connection_id(),
        Attribute::string("name").required().validator(MatchesRule(&[rules::ROUTE_NAME])).plan_modifier(RequiresReplace).description(
            "Name of the route, unique within the connection: 1 to 64 letters, digits, `_` or `-`. Changing it replaces the \
             route.",
        ),
        Attribute::string("cidr")
            .required()
            .validator(MatchesRule(&[rules::ROUTE_CIDR]))
            .validator(NotReserved)
            .semantic_equality(semantic_equality::same_network)
            .description(
                "The network that it leads to, IPv4 or IPv6, such as `192.168.2.0/24`. No two routes of a connection have \
                 the same. Where it changes, the route is removed and added again.",
            ),
    ];
    attributes.extend(location::resource_attributes());
    attributes.push(
        Attribute::string("id").computed().plan_modifier(USE_STATE_FOR_UNKNOWN).description("`CONNECTION_ID/NAME`."),
    );
    let description =
        "One route of an enhanced datasource connection. Other routes of the connection are not touched. For a \
                       connection that does not declare `routes` itself."
            .to_owned();
    let operations = [Operation::Create, Operation::Read, Operation::Update, Operation::Delete];
    let blocks = vec![Timeouts::block(&operations.map(|operation| (operation, TIMEOUT)))];
    Schema { body: BlockBody { attributes, blocks, description, ..BlockBody::default() }, ..Schema::default() }
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
            let route = Route { cidr: cidr.into(), ..Route::default() };
            find(&shown, name).map(|found| route.cidr_of(found))
        };
        assert_eq!(read("R", "").as_deref(), Some("127.0.0.0/32"));
        assert_eq!(read("r", "10.0.0.0/9").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(read("SIX", "2407:C080:0::/32").as_deref(), Some("2407:C080:0::/32"));
        assert_eq!(read("none", "10.0.0.0/8"), None);
    }
}
