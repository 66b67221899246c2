//! `dli_enhanced_connection_route`: one route of a connection, for teams that own the network behind it and not the
//! connection.
//!
//! | call | when |
//! |---|---|
//! | `GET    /v2.0/{project}/datasource/enhanced-connections/{id}` | create, read, update, delete, import |
//! | `POST   /v3/{project}/datasource/enhanced-connections/{id}/routes` (or v2.0) | create, update |
//! | `DELETE /v3/{project}/datasource/enhanced-connections/{id}/routes/{name}` (or v2.0) | update, delete |
//!
//! No call changes a route: another CIDR means that it is removed and added again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    enhanced_connection::schema::USE_STATE_FOR_UNKNOWN,
    provider_data::ProviderData,
    shared::connection_part,
    shared::location,
    shared::operation::{OperationContext, OperationError},
    shared::ownership::Part,
    shared::run_state::PartKey,
    shared::validators::{MatchesRule, NotReserved},
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
        plan_modifier::RequiresReplace,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState,
            UpdateRequest,
        },
        schema::{Attribute, BlockBody, Schema},
        timeouts::{Operation, Timeouts},
        value::Value,
    },
    model,
};

/// How long each operation may take where the configuration does not say.
const LIMIT: Duration = Duration::from_mins(20);

/// From one look to the next whether what was removed is still shown.
const PAUSE: Duration = Duration::from_secs(1);

/// The kind of resource.
#[derive(Debug)]
pub(super) struct EnhancedConnectionRoute {
    provider_data: Arc<ProviderData>,
}

impl EnhancedConnectionRoute {
    pub(super) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data }
    }
}

model! {
    #[derive(Debug, Clone, Default)]
    struct Route {
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
    /// As messages name it.
    fn subject(&self) -> String {
        format!("route {:?} of the connection {}", self.name, self.connection_id)
    }

    /// Its region and project, as far as they are known.
    fn location(&self) -> (Option<&str>, Option<&str>) {
        (self.region.0.as_deref(), self.project_id.0.as_deref())
    }

    /// Takes over what the provider decides.
    fn settle(&mut self, context: &OperationContext) {
        location::fill_location(&mut self.region, &mut self.project_id, context);
        self.id = Computed(Some(format!("{}/{}", self.connection_id, self.name)));
    }

    /// Where the route of this name leads: in the spelling that is known, else in the form that a configuration may have.
    fn cidr_in(&self, shown: &wire::Connection) -> Option<String> {
        let cidr = &find(shown, &self.name)?.cidr;
        let canonical = || rules::network(cidr).map_or_else(|| cidr.clone(), |network| network.to_string());
        Some(if same_network(&self.cidr, cidr) { self.cidr.clone() } else { canonical() })
    }
}

/// The route of this name; the service may keep another case.
fn find<'a>(shown: &'a wire::Connection, name: &str) -> Option<&'a wire::Route> {
    let exact = shown.routes.iter().find(|route| route.name == name);
    exact.or_else(|| shown.routes.iter().find(|route| route.name.eq_ignore_ascii_case(name)))
}

/// The connection with what Terraform holds, as `is_held` knows it, or surely without it; `None` where the connection is
/// gone.
async fn look(
    context: &OperationContext,
    route: &Route,
    is_held: impl Fn(&wire::Route) -> bool,
) -> Result<Option<wire::Connection>, OperationError> {
    let lacks = |shown: &wire::Connection| !find(shown, &route.name).is_some_and(&is_held);
    let is_missing = |shown: &Option<wire::Connection>| shown.as_ref().is_some_and(lacks);
    connection_part::read_until(context, || connection_part::find_connection(context, &route.connection_id), is_missing)
        .await
}

#[async_trait]
impl Resource for EnhancedConnectionRoute {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection_route"
    }

    fn schema(&self) -> Schema {
        schema()
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let ModifyPlanRequest { config, planned, .. } = request;
        location::fill_planned(&self.provider_data, config, planned);
        let known = planned.get("connection_id").as_str().zip(planned.get("name").as_str());
        let claim = known.map(|(connection, name)| {
            self.provider_data.ownership_conflicts().declare_one(connection, Part::Routes, name)
        });
        Ok(claim.unwrap_or_default())
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Add the Route";
        const STATE_NOTE: &str = "The state holds no route. The next apply adds it, or takes it over if it exists.";
        let mut route = Route::from_value(request.planned, &Path::root())?;
        let limit = route.timeouts.create(LIMIT);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = OperationContext::open(&self.provider_data, route.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(route.subject());
        let id = &route.connection_id;
        let _guard = connection_part::lock(&context, &self.provider_data, id).await.map_err(to_errors)?;
        let run_state = self.provider_data.run_state();
        let shown = loop {
            let Some(shown) = connection_part::find_connection(&context, id).await.map_err(to_errors)? else {
                return Err(connection_part::no_connection(SUMMARY, id));
            };
            let is_removed = |there: &wire::Route| run_state.is_removed(id, PartKey::Route(there.name.clone()));
            if !find(&shown, &route.name).is_some_and(is_removed) {
                break shown;
            }
            context.pause(PAUSE, || "The removal of the old route".to_owned()).await.map_err(to_errors)?;
        };
        match route.cidr_in(&shown) {
            None => {
                if let Err(error) = add(&context, &route).await {
                    route.settle(&context);
                    return Err(connection_part::create_failed(error, (SUMMARY, STATE_NOTE), route, response));
                }
            }
            Some(there) if there == route.cidr => response.add_warning(already_there(&route)),
            Some(there) => return Err(leads_elsewhere(&route, &there).into()),
        }
        let kept = find(&shown, &route.name).map(|there| there.name.clone());
        for name in kept.into_iter().chain([route.name.clone()]) {
            run_state.mark_in_use(id, PartKey::Route(name));
        }
        route.settle(&context);
        response.set_state(route);
        Ok(())
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut route: Route = connection_part::from_state(request.state)?;
        connection_part::check_state(&route.connection_id)?;
        let limit = route.timeouts.read(LIMIT);
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Read the Route", "The state was not changed.");
        let context = OperationContext::open(&self.provider_data, route.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(route.subject());
        let shown = look(&context, &route, |_| true).await.map_err(to_errors)?;
        match shown.and_then(|shown| route.cidr_in(&shown)) {
            Some(cidr) => {
                route.cidr = cidr;
                route.settle(&context);
                response.set_state(route);
            }
            None => response.remove_resource(),
        }
        Ok(())
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Change the Route";
        const STATE_NOTE: &str = "The state was not changed. Fix the cause and apply again.";
        const PERHAPS: &str = "A route is changed by removing it and adding it again: it was removed, and the state holds the \
                               new one in case it exists. The next apply adds it where it is missing.";
        const REMOVED: &str = "A route is changed by removing it and adding it again: it was removed, and does not exist \
                               now. Fix the cause and apply again: the route will be added.";
        let prior: Route = connection_part::from_state(request.prior)?;
        connection_part::check_state(&prior.connection_id)?;
        let planned = Route::from_value(request.planned, &Path::root())?;
        if !same_network(&prior.cidr, &planned.cidr) {
            let limit = planned.timeouts.update(LIMIT);
            let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
            let context = OperationContext::open(&self.provider_data, prior.location(), limit, request.stop)
                .await
                .map_err(to_errors)?
                .subject(prior.subject());
            let id = &planned.connection_id;
            let _guard = connection_part::lock(&context, &self.provider_data, id).await.map_err(to_errors)?;
            let Some(shown) = connection_part::find_connection(&context, id).await.map_err(to_errors)? else {
                return Err(connection_part::no_connection(SUMMARY, id));
            };
            let there = planned.cidr_in(&shown);
            if there.as_ref() != Some(&planned.cidr) {
                if let Some(there) = find(&shown, &planned.name) {
                    remove(&context, id, there).await.map_err(to_errors)?;
                }
                if let Err(error) = add(&context, &planned).await {
                    let open = error.may_have_taken_effect();
                    if open {
                        response.set_state(planned);
                    }
                    return Err(error.into_errors(SUMMARY, if open { PERHAPS } else { REMOVED }));
                }
            }
        }
        response.set_state(planned);
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const STATE_NOTE: &str =
            "The route is still in the state. Run the same command again (terraform destroy, or apply).";
        let route: Route = connection_part::from_state(request.prior)?;
        connection_part::check_state(&route.connection_id)?;
        let limit = route.timeouts.delete(LIMIT);
        let to_errors = |error: OperationError| error.into_errors("Could Not Remove the Route", STATE_NOTE);
        let context = OperationContext::open(&self.provider_data, route.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(route.subject());
        let _guard =
            connection_part::lock(&context, &self.provider_data, &route.connection_id).await.map_err(to_errors)?;
        let is_ours = |there: &wire::Route| same_network(&there.cidr, &route.cidr);
        let shown = look(&context, &route, is_ours).await.map_err(to_errors)?;
        if let Some(there) = shown.as_ref().and_then(|shown| find(shown, &route.name)) {
            if !is_ours(there) {
                response.add_warning(not_ours(&route, &there.cidr));
                return Ok(());
            }
            // Created before this one is destroyed.
            if self.provider_data.run_state().is_in_use(&route.connection_id, PartKey::Route(there.name.clone())) {
                tracing::info!(id = route.connection_id, "not removed: another resource of this run relies on it");
                return Ok(());
            }
            remove(&context, &route.connection_id, there).await.map_err(to_errors)?;
            self.provider_data.run_state().mark_removed(&route.connection_id, PartKey::Route(there.name.clone()));
        }
        Ok(())
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const FORMS: &str = "CONNECTION_ID/NAME";
        let (object, region, project_id) = location::parse_import_id(request.id);
        let Some((connection_id, name)) = object.split_once('/') else {
            return Err(connection_part::invalid_import(request.id, FORMS));
        };
        let words: [(&str, &[rules::Rule]); 2] =
            [(connection_id, &[rules::CONNECTION_ID]), (name, &[rules::ROUTE_NAME])];
        connection_part::check_import(request.id, FORMS, &words)?;
        let to_errors =
            |error: OperationError| error.into_errors("Could Not Import the Route", "Nothing was imported.");
        let context = OperationContext::open(&self.provider_data, (region, project_id), LIMIT, request.stop)
            .await
            .map_err(to_errors)?;
        let (connection_id, name) = (connection_id.to_owned(), name.to_owned());
        let mut route = Route { connection_id, name, ..Route::default() };
        let shown = connection_part::find_connection(&context, &route.connection_id).await.map_err(to_errors)?;
        let Some(cidr) = shown.and_then(|shown| route.cidr_in(&shown)) else {
            let what = format!("route {} of an enhanced connection {}", route.name, route.connection_id);
            return Err(connection_part::not_found(&what, "Route"));
        };
        route.cidr = cidr;
        route.settle(&context);
        response.set_state(route);
        Ok(())
    }
}

async fn add(context: &OperationContext, route: &Route) -> Result<(), OperationError> {
    let (project, Route { connection_id: id, name, cidr, .. }) = (&context.project, route);
    let is_there = || async move {
        let shown = project.show_connection(id).await?;
        Ok(find(&shown, name).is_some_and(|there| same_network(&there.cidr, cidr)))
    };
    context.write(project.run_verified(|| project.create_route(id, name, cidr), is_there)).await
}

/// Removes what is there. A route of its name that leads elsewhere is another one, which somebody added meanwhile.
async fn remove(context: &OperationContext, id: &str, there: &wire::Route) -> Result<(), OperationError> {
    let (project, wire::Route { name, cidr, .. }) = (&context.project, there);
    let is_gone = || async move {
        let shown = project.show_connection(id).await?;
        Ok(!find(&shown, name).is_some_and(|there| same_network(&there.cidr, cidr)))
    };
    match context.write(project.run_verified(|| project.delete_route(id, name), is_gone)).await {
        // What is gone already needs no removing.
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

fn already_there(route: &Route) -> Diagnostic {
    let Route { connection_id, name, cidr, .. } = route;
    let text = format!(
        "The connection {connection_id} already has the route {name} to {cidr}: added by somebody else, or by an earlier apply \
         whose answer was lost. It is taken over, and destroying this resource removes it."
    );
    Diagnostic::warning("Route Already Exists", text).at(Path::attribute("name"))
}

fn not_ours(route: &Route, there: &str) -> Diagnostic {
    let Route { connection_id, name, cidr, .. } = route;
    let text = format!(
        "The connection {connection_id} has a route {name} to {there}. The one of the state led to {cidr}, and is gone: somebody \
         else removed it and added the other, which was left as it is. If nobody needs it, remove it by hand."
    );
    Diagnostic::warning("Another Route of This Name Left in Place", text)
}

fn leads_elsewhere(route: &Route, there: &str) -> Diagnostic {
    let Route { connection_id, name, cidr, .. } = route;
    let text = format!(
        "The connection {connection_id} already has a route {name}, and it leads to {there}, not to {cidr}. Nothing was \
         changed.\n\nChoose another name, or import the existing route and apply again: terraform import ADDRESS \
         {connection_id}/{name}"
    );
    Diagnostic::error("Route Leads Elsewhere", text).at(Path::attribute("cidr"))
}

fn same_cidr(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| same_network(a, b))
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
            .semantic_equality(same_cidr)
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
    let blocks = vec![Timeouts::block(&operations.map(|operation| (operation, LIMIT)))];
    Schema { body: BlockBody { attributes, blocks, description, ..BlockBody::default() }, ..Schema::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documents' own example of a route, `127.0.0.0`, has no prefix length.
    #[test]
    fn another_spelling_is_not_another_route() {
        let route = |name: &str, cidr: &str| wire::Route { name: name.into(), cidr: cidr.into(), create_time: 0 };
        let routes = vec![route("R", "127.0.0.0"), route("r", "10.0.0.0/8"), route("six", "2407:c080::/32")];
        let shown = wire::Connection { routes, ..wire::Connection::default() };
        let read =
            |name: &str, cidr: &str| Route { name: name.into(), cidr: cidr.into(), ..Route::default() }.cidr_in(&shown);
        assert_eq!(read("R", "").as_deref(), Some("127.0.0.0/32"));
        assert_eq!(read("r", "10.0.0.0/9").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(read("SIX", "2407:C080:0::/32").as_deref(), Some("2407:C080:0::/32"));
        assert_eq!(read("none", "10.0.0.0/8"), None);
    }
}
