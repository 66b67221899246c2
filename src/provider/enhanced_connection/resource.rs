//! `dli_enhanced_connection`: joins DLI queues and elastic resource pools to a subnet of a VPC, with host records, routes
//! and tags.
//!
//! `{c}` is `/v2.0/{project}/datasource/enhanced-connections/{id}`.
//!
//! | call | when |
//! |---|---|
//! | `POST   /v2.0/{project}/datasource/enhanced-connections` | create |
//! | `GET    /v2.0/{project}/datasource/enhanced-connections` | import by name, plan of a create |
//! | `GET    {c}` | create, read, update, delete (before it, too), import; again and again while bindings are made |
//! | `PUT    {c}` | update of `hosts` |
//! | `POST   {c}/associate-queue`, `{c}/disassociate-queue` | update of `queues`, `elastic_resource_pools` |
//! | `POST   /v3/{project}/datasource/enhanced-connections/{id}/routes` (or v2.0) | create and update of `routes` |
//! | `DELETE /v3/{project}/datasource/enhanced-connections/{id}/routes/{name}` (or v2.0) | update of `routes` |
//! | `DELETE {c}` | delete, again while bindings are being made |
//! | `GET    /v1.0/{project}/queues` | where a declared queue may live in a bound pool; plan of new `queues` |
//! | `GET    /v3/{project}/elastic-resource-pools` | plan of new `elastic_resource_pools` |
//! | `GET    /v3/{project}/dli_enhanced_datasource/{id}/tags` | read and update where tags are managed, import |
//! | `POST   /v3/{project}/dli_enhanced_datasource/{id}/tags/{create,delete}` | update of tags |
//!
//! What is declared is owned: an optional collection that is not set is neither read nor touched; one that is set is
//! authoritative; one that is taken out of the configuration has what it held removed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    create_once::{self, CreateOutcome},
    creation_journal::ResponseSent,
    model::{self, Connection, RemoteState},
    modify_plan::{self, IMPORTED},
    reconcile::Reconciler,
    schema, state_upgrade,
};
use crate::provider::{
    provider_data::ProviderData,
    shared::binding_target::PoolOfQueue,
    shared::connection_part,
    shared::location,
    shared::operation::{OperationContext, OperationError},
    shared::tags::TagPolicy,
};
use crate::{
    client::ConnectionFilter,
    dli::{rules, wire},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::{Computed, FromValue},
        path::Path,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState,
            UpdateRequest,
        },
        schema::Schema,
        types::Type,
        value::Value,
    },
};

/// From one try to delete to the next, and from one look to the next whether it is deleted.
pub(super) const PAUSE: Duration = Duration::from_secs(2);
/// How long a last look may take, which only tells what is known or comes with the next refresh.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// The kind of resource.
#[derive(Debug)]
pub(in crate::provider) struct EnhancedConnection {
    provider_data: Arc<ProviderData>,
}

impl EnhancedConnection {
    pub(in crate::provider) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data }
    }

    async fn create_connection(
        &self,
        request: CreateRequest<'_>,
        response: &mut ResponseState,
        sent: &ResponseSent,
    ) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Create the Enhanced Connection";
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let limit = planned.timeouts.create(schema::CREATE);
        let context = self
            .provider_data
            .begin(planned.location(), limit, request.stop)
            .await
            .map_err(|error| error.into_errors(SUMMARY, "Nothing was created."))?
            .subject(planned.subject());
        let tag_policy = self.provider_data.tag_policy();
        let tags = tag_policy.all(planned.tags.as_ref());

        self.provider_data.run_state().mark_applying();
        let (made, warnings) = create_once::run(&context, &self.provider_data, &planned, &tags, SUMMARY, sent).await?;
        response.add_warning(warnings);
        let (id, found, noted) = match made {
            CreateOutcome::Answered(id) => (id, false, None),
            CreateOutcome::Found(shown) => (shown.id, true, None),
            CreateOutcome::Earlier(shown, noted) => {
                response.add_warning(taken_over(&shown));
                (shown.id, true, Some(noted))
            }
        };
        let mut now = Connection { id: Computed(Some(id.clone())), tags_all: Computed(Some(tags)), ..planned.clone() };
        location::fill_location(&mut now.region, &mut now.project_id, &context);
        now.routes = planned.routes.as_ref().map(|_| BTreeMap::new());
        // From here on the connection exists, and whatever goes wrong, Terraform knows it.
        response.set_state(now.clone());
        let state_note = format!(
            "The connection exists (ID {id}) and is in the state as it is now. Do not simply apply again: Terraform has marked \
             it as tainted and would replace it. To keep it: fix the cause, run terraform untaint ADDRESS, then apply; only \
             what is missing is done."
        );
        let wait = planned.waits() && planned.declared().is_any();
        if found {
            // How far it came is not known: it is brought to the plan from what is there.
            let to_errors = |error: OperationError| error.into_errors(SUMMARY, &state_note);
            let _guard = connection_part::lock(&context, &self.provider_data, &id).await.map_err(to_errors)?;
            let known = Connection { routes: planned.routes.clone(), ..now };
            let known = match &noted {
                Some(noted) => create_once::as_noted(known, noted),
                None => known,
            };
            let looked = refresh(&context, known, &tag_policy, Scope::Declared);
            let Some((there, _)) = looked.await.map_err(to_errors)? else { return Err(gone(SUMMARY, &id)) };
            response.set_state(there.clone());
            let mut reconciler =
                Reconciler::new(&context, &tag_policy, &planned, there.clone(), response, (SUMMARY, state_note));
            reconciler.reconcile(&there).await?;
            return finish(reconciler, wait, "Created", true).await;
        }
        let mut reconciler = Reconciler::new(&context, &tag_policy, &planned, now, response, (SUMMARY, state_note));
        if planned.routes.as_ref().is_some_and(|routes| !routes.is_empty()) {
            let outcome = reconciler.routes(Some(&BTreeMap::new()), &[]).await;
            reconciler.step("Routes", outcome);
        }
        finish(reconciler, wait, "Created", true).await
    }
}

#[async_trait]
impl Resource for EnhancedConnection {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn prior_schema_type(&self, version: i64) -> Option<Type> {
        (version == 0).then(|| schema::schema().ty())
    }

    fn upgrade_state(&self, _: i64, state: Value) -> Result<Value, Diagnostics> {
        Ok(state_upgrade::from_0(state))
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        modify_plan::modify(&self.provider_data, request).await
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let sent = ResponseSent::default();
        let result = self.create_connection(request, response, &sent).await;
        // A call that the client cancels is dropped before this point.
        sent.set();
        result
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Read the Enhanced Connection";
        const STATE_NOTE: &str = "The state was not changed.";
        let known: Connection = connection_part::from_state(request.state)?;
        connection_part::check_state(known.id())?;
        let limit = known.timeouts.read(schema::READ);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = self
            .provider_data
            .begin(known.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(known.subject());
        match refresh(&context, known, &self.provider_data.tag_policy(), Scope::Declared).await.map_err(to_errors)? {
            Some((connection, warnings)) => {
                self.provider_data.creation_journal().confirm(context.project.id(), &connection.name, connection.id());
                response.add_warning(warnings);
                response.set_state(connection);
            }
            None => response.remove_resource(),
        }
        Ok(())
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Change the Enhanced Connection";
        const STATE_NOTE: &str =
            "The state holds what has been done so far. Fix the cause and apply again: only the rest is done.";
        let prior: Connection = connection_part::from_state(request.prior)?;
        connection_part::check_state(prior.id())?;
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let limit = planned.timeouts.update(schema::UPDATE);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = self
            .provider_data
            .begin(prior.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(prior.subject());
        let tag_policy = self.provider_data.tag_policy();
        let guard = connection_part::lock(&context, &self.provider_data, prior.id()).await.map_err(to_errors)?;

        let now = Connection {
            wait_for_bindings: planned.wait_for_bindings,
            timeouts: planned.timeouts.clone(),
            // It changes in place only where an import is told of it, and then there is nothing to send.
            routetable_id: planned.routetable_id.clone(),
            ..prior.clone()
        };
        let mut reconciler =
            Reconciler::new(&context, &tag_policy, &planned, now, response, (SUMMARY, STATE_NOTE.to_owned()));
        let wait = reconciler.reconcile(&prior).await?;
        drop(guard);
        if planned.routetable_id.is_some() {
            reconciler.save(|_| {});
            reconciler.response.set_private(&[]);
        }
        let open = !request.planned.is_wholly_known();
        finish(reconciler, wait, "Changed", open).await
    }

    async fn delete(&self, request: DeleteRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Delete the Enhanced Connection";
        const STATE_NOTE: &str =
            "The connection is still in the state. Run the same command again (terraform destroy, or apply).";
        let known: Connection = connection_part::from_state(request.prior)?;
        connection_part::check_state(known.id())?;
        let limit = known.timeouts.delete(schema::DELETE);
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context = self
            .provider_data
            .begin(known.location(), limit, request.stop)
            .await
            .map_err(to_errors)?
            .subject(known.subject());
        let guard = connection_part::lock(&context, &self.provider_data, known.id()).await.map_err(to_errors)?;
        self.provider_data.creation_journal().confirm(context.project.id(), &known.name, known.id());
        // What is not shown may be shown late: it is deleted all the same.
        if let Some(shown) = connection_part::find_connection(&context, known.id()).await.map_err(to_errors)? {
            same_connection(&known, &shown)?;
        }
        let mut settled = false;
        loop {
            let error = match context.write(context.project.delete_connection(known.id())).await {
                Ok(()) => break,
                // What is gone already needs no deleting; but the service may mean something else that it did not find.
                Err(error) if error.is_not_found() => {
                    return if connection_part::becomes_gone(&context, known.id()).await.map_err(to_errors)? {
                        Ok(())
                    } else {
                        Err(to_errors(error))
                    };
                }
                Err(error) => error,
            };
            // A connection that is still being created cannot be deleted.
            if settled || !error.may_mean_not_yet() {
                return Err(to_errors(error));
            }
            // It may have settled between the refusal and this look: then the next answer counts.
            settled = !is_settling(&context, known.id()).await;
            if settled {
                continue;
            }
            tracing::info!(
                id = known.id(),
                ?error,
                "the connection is still being created; deleting it again in a moment"
            );
            context.pause(PAUSE, || "The creation of the connection".to_owned()).await.map_err(to_errors)?;
        }
        drop(guard);
        while connection_part::find_connection_once(&context, known.id()).await.map_err(to_errors)?.is_some() {
            tracing::info!(id = known.id(), "waiting until the service says DELETED");
            context.pause(PAUSE, || "The deletion of the connection".to_owned()).await.map_err(to_errors)?;
        }
        Ok(())
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Import the Enhanced Connection";
        const STATE_NOTE: &str = "Nothing was imported.";
        let (object, region, project_id) = location::parse_import_id(request.id);
        let name = object.strip_prefix("name:");
        if let Some((rule, broken)) = match name {
            Some(name) => rules::CONNECTION_NAME.violation(name).map(|broken| (rules::CONNECTION_NAME, broken)),
            None => rules::CONNECTION_ID.violation(object).map(|broken| (rules::CONNECTION_ID, broken)),
        } {
            let by_name = name.is_none() && rules::CONNECTION_NAME.allows(object);
            let hint = if by_name { format!(" To import by name, write name:{object}.") } else { String::new() };
            let text = format!(
                "The import ID {:?} does not name a connection: {:?} {broken}; allowed: {}.{hint}\n\nWrite it as ID or as \
                 name:NAME, followed by @REGION or @REGION/PROJECT_ID if these differ from the provider's. The console \
                 and the data source dli_enhanced_connections show both.",
                request.id,
                name.unwrap_or(object),
                rule.expected
            );
            return Err(Diagnostic::error("Invalid Import ID", text).into());
        }
        let to_errors = |error: OperationError| error.into_errors(SUMMARY, STATE_NOTE);
        let context =
            self.provider_data.begin((region, project_id), schema::READ, request.stop).await.map_err(to_errors)?;
        let id = match name {
            Some(name) => id_of(&context, name).await.map_err(to_errors)?,
            None => object.to_owned(),
        };
        let asked = Connection { id: Computed(Some(id)), ..Connection::default() };
        let looked =
            refresh(&context, asked, &self.provider_data.tag_policy(), Scope::Everything).await.map_err(to_errors)?;
        let Some((connection, warnings)) = looked else {
            return Err(connection_part::not_found(&format!("enhanced connection {object}"), "Enhanced Connection"));
        };
        response.add_warning(warnings);
        response.set_state(connection);
        response.set_private(IMPORTED);
        Ok(())
    }
}

/// Ends a create or an update: waits where that is wanted, looks where something is open, and leaves the state as the
/// plan has it, or where something failed as the connection is.
async fn finish(mut reconciler: Reconciler<'_>, wait: bool, done: &str, open: bool) -> Result<(), Diagnostics> {
    let mut shown = None;
    let failed = reconciler.faults.has_errors();
    if wait && !failed {
        shown = reconciler.wait().await;
    } else if open && !failed {
        match reconciler.context.with_short_timeout(LAST_LOOK, connection_part::find_connection(reconciler.context, reconciler.now.id())).await {
            Ok(seen) => shown = seen,
            Err(error) => reconciler.response.add_warning(error.warn(
                &format!("{done}, but Not Read Back"),
                "Everything was done and is in the state. What the service adds (such as the status) is read at the next plan or \
                 apply.",
            )),
        }
    }
    if reconciler.faults.has_errors() {
        // The truth, as far as it can be had in a moment; else what the steps have saved.
        let asked = reconciler.now.clone();
        let late = tokio::time::timeout(LAST_LOOK, reconciler.context.project.show_connection(asked.id())).await;
        if let Ok(Ok(shown)) = late
            && !shown.is_deleted()
            && reconciler.pool_of_queue.ask(reconciler.context, &shown, &[asked.queues.as_ref()]).await.is_ok()
        {
            let mut now = asked;
            let (pool_of_queue, tag_policy) = (&reconciler.pool_of_queue, reconciler.tag_policy);
            now.apply_remote(RemoteState { shown: &shown, tags: None, pool_of_queue, tag_policy, everything: false });
            reconciler.response.set_state(now);
        }
        return Err(reconciler.faults);
    }
    let mut state = reconciler.planned.clone();
    state.id.clone_from(&reconciler.now.id);
    // Where it is, is what was planned: an update may be the first to say it.
    state.region.0 = state.region.0.take().or_else(|| reconciler.now.region.0.clone());
    state.project_id.0 = state.project_id.0.take().or_else(|| reconciler.now.project_id.0.clone());
    state.tags_all.0 = Some(reconciler.tag_policy.all(state.tags.as_ref()));
    if let Some(shown) = shown {
        state.apply_computed(&shown);
        if !wait {
            reconciler.response.add_warning(state.failures(&shown, &reconciler.pool_of_queue));
        }
    }
    reconciler.response.set_state(state);
    Ok(())
}

/// Which collections to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Those that are declared.
    Declared,
    /// All that the connection has.
    Everything,
}

/// Looks at a connection; `None` where it is gone.
async fn refresh(
    context: &OperationContext,
    known: Connection,
    tag_policy: &TagPolicy,
    scope: Scope,
) -> Result<Option<(Connection, Diagnostics)>, OperationError> {
    let Some(shown) = connection_part::find_connection(context, known.id()).await? else { return Ok(None) };
    same_connection(&known, &shown)?;
    let mut warnings = Diagnostics::new();
    let everything = scope == Scope::Everything;
    let mut tags = None;
    if everything || known.tags.is_some() || !tag_policy.defaults.is_empty() || !known.owned_tags().is_empty() {
        match context.read(context.project.list_tags(known.id())).await {
            Ok(listed) => tags = Some(listed.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if error.is_not_published() => {
                if !everything {
                    warnings.extend(error.warn("Tags Cannot Be Read", TAGS_NOT_PUBLISHED));
                }
            }
            Err(error) => return Err(error),
        }
    }
    let mut pool_of_queue = PoolOfQueue::default();
    pool_of_queue.ask(context, &shown, &[known.queues.as_ref()]).await?;
    let mut connection = known;
    let seen =
        RemoteState { shown: &shown, tags: tags.as_ref(), pool_of_queue: &pool_of_queue, tag_policy, everything };
    warnings.extend(connection.apply_remote(seen));
    location::fill_location(&mut connection.region, &mut connection.project_id, context);
    Ok(Some((connection, warnings)))
}

/// No call can rename a connection, or move it to another VPC or subnet: where the state tells these otherwise, its ID is
/// another connection's, and what is done to that is done to somebody else. What an answer leaves out tells nothing.
pub(super) fn same_connection(known: &Connection, shown: &wire::Connection) -> Result<(), Diagnostics> {
    let facts = [
        ("name", &known.name, &shown.name),
        ("dest_vpc_id", &known.dest_vpc_id, &shown.dest_vpc_id),
        ("dest_network_id", &known.dest_network_id, &shown.dest_network_id),
    ];
    let differs = |(_, known, shown): &&(_, &String, &String)| {
        !known.is_empty() && !shown.is_empty() && !known.eq_ignore_ascii_case(shown)
    };
    let Some((fact, ours, theirs)) = facts.iter().find(differs) else { return Ok(()) };
    let text = format!(
        "According to the state, the connection {} has the {fact} {ours:?}; the service says {theirs:?}, and nothing can \
         change that. So the ID in the state is not that of this connection: the state was damaged or edited by hand. Nothing \
         was changed.\n\nRestore the state from a backup (terraform.tfstate.backup), or remove the resource from it and import \
         the right connection: terraform state rm ADDRESS, then terraform import ADDRESS ID.",
        known.id()
    );
    Err(Diagnostic::error("The State Names Another Connection", text).at(Path::attribute("id")).into())
}

const TAGS_NOT_PUBLISHED: &str = "The tag API is not published in this region. The state keeps the tags that it has.";

/// The id of the one connection that has this name.
async fn id_of(context: &OperationContext, name: &str) -> Result<String, OperationError> {
    let filter =
        ConnectionFilter { name: Some(name), status: Some(wire::STATUS_ACTIVE), ..ConnectionFilter::default() };
    let mut named = context.read(context.project.list_connections(&filter)).await?;
    named.retain(|connection| connection.name == name && !connection.is_deleted());
    match named.len() {
        1 => Ok(named.remove(0).id),
        0 => {
            let text = format!(
                "There is no enhanced connection named {name:?} in this project. Names must match exactly, including case. Also \
                 check region and project_id of the provider."
            );
            Err(OperationError::Reported(Diagnostic::error("Enhanced Connection Not Found", text).into()))
        }
        count => {
            let ids: Vec<_> = named.iter().map(|connection| connection.id.as_str()).collect();
            let text = format!(
                "There are {count} enhanced connections named {name:?}: {}. Import the one you mean by its ID.",
                ids.join(", ")
            );
            Err(OperationError::Reported(Diagnostic::error("Name Is Not Unique", text).into()))
        }
    }
}

/// Whether any of its bindings is still being made.
async fn is_settling(context: &OperationContext, id: &str) -> bool {
    let Ok(shown) = context.read(context.project.show_connection(id)).await else { return false };
    let mut bindings = shown.available_queue_info.iter().chain(&shown.elastic_resource_pools);
    bindings.any(|binding| binding.has_status(wire::BINDING_CREATING))
}

/// What an earlier run has made.
fn taken_over(shown: &wire::Connection) -> Diagnostic {
    let wire::Connection { name, id, create_time, .. } = shown;
    let created = model::timestamp(*create_time).map(|time| format!(", created {time}")).unwrap_or_default();
    let text = format!(
        "An earlier run was stopped before it could tell Terraform that it had created the connection {name:?} \
         ({id}{created}). This connection is now in the state and is changed to match the configuration; no second one was \
         created."
    );
    Diagnostic::warning("Connection of an Earlier Run Taken Over", text).at(Path::attribute("name"))
}

pub(super) fn gone(summary: &str, id: &str) -> Diagnostics {
    let text = format!(
        "The connection {id} was deleted by someone else since the plan was made. Plan again: it will be created again."
    );
    Diagnostic::error(format!("{summary}: Gone"), text).into()
}

/// What to do where a connection may exist that Terraform does not know. `unkept` is why the next run will not know of it
/// either.
pub(super) fn advice_for_unknown_outcome(name: &str, unkept: Option<&str>) -> String {
    let unknown = "The state holds no connection, but one may exist.";
    let import = format!(
        "look for the name in the console. A connection that this run created (see its time of creation) can be imported: \
         terraform import ADDRESS name:{name}"
    );
    match unkept {
        Some(why) => format!(
            "{unknown} No note of it could be left in Terraform's data directory ({why}), so before you apply again, {import}"
        ),
        None => format!(
            "{unknown} Apply again from this directory: if this run created an enhanced connection named {name:?}, the next \
             one finds it by the note left in Terraform's data directory and takes it over; otherwise it creates one.\n\nIf \
             the directory is gone by then, {import}"
        ),
    }
}

/// The same where something has its name, of which nothing proves that it is this run's.
pub(super) fn advice_for_candidates(there: &[wire::Connection]) -> String {
    let (which, id) = if let [one] = there { ("it", one.id.as_str()) } else { ("one of them", "ID") };
    format!(
        "The state holds no connection. This run may have created {which}, but nothing proves it, so none was taken over. If \
         {which} is yours (see the time of creation), import it: terraform import ADDRESS {id}. Otherwise choose another name."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_leaves_out_does_not_tell_of_another_connection() {
        let known = || Connection {
            id: Computed(Some("2a62".to_owned())),
            name: "test".to_owned(),
            dest_vpc_id: "v".to_owned(),
            dest_network_id: "n".to_owned(),
            ..Connection::default()
        };
        let shown = |name: &str, vpc: &str, network: &str| wire::Connection {
            name: name.to_owned(),
            dest_vpc_id: vpc.to_owned(),
            dest_network_id: network.to_owned(),
            ..wire::Connection::default()
        };
        for (name, vpc, network) in [("test", "v", "n"), ("TEST", "V", "N"), ("", "", "")] {
            assert!(same_connection(&known(), &shown(name, vpc, network)).is_ok(), "{name} {vpc} {network}");
        }
        for (name, vpc, network) in [("other", "v", "n"), ("test", "w", "n"), ("test", "v", "m")] {
            assert!(same_connection(&known(), &shown(name, vpc, network)).is_err(), "{name} {vpc} {network}");
        }
        assert!(
            same_connection(&Connection::default(), &shown("test", "v", "n")).is_ok(),
            "an import knows nothing yet"
        );
    }
}
