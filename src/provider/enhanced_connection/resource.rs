//! `dli_enhanced_connection`: joins DLI queues and elastic resource pools to a subnet of a VPC, with host records,
//! routes and tags.
//!
//! `{c}` is `/v2.0/{project}/datasource/enhanced-connections/{id}`.
//!
//! | call | when |
//! |---|---|
//! | `POST   /v2.0/{project}/datasource/enhanced-connections` | create |
//! | `GET    /v2.0/{project}/datasource/enhanced-connections` | create, import by name, plan of a create |
//! | `GET    {c}` | create, read, update, delete, import; repeated while bindings are created |
//! | `PUT    {c}` | update of `hosts` |
//! | `POST   {c}/associate-queue`, `{c}/disassociate-queue` | update of `queues`, `elastic_resource_pools` |
//! | `POST   /v3/{project}/datasource/enhanced-connections/{id}/routes` (or v2.0) | create and update of `routes` |
//! | `DELETE /v3/{project}/datasource/enhanced-connections/{id}/routes/{name}` (or v2.0) | update of `routes` |
//! | `DELETE {c}` | delete, repeated while bindings are created |
//! | `GET    /v1.0/{project}/queues` | if a declared queue may be in a bound pool; plan of new `queues` |
//! | `GET    /v3/{project}/elastic-resource-pools` | plan of new `elastic_resource_pools` |
//! | calls of `network_checks` | plan of a create, or of new queues, pools, routes or hosts |
//! | `GET    /v3/{project}/dli_enhanced_datasource/{id}/tags` | read and update if tags are managed, import |
//! | `POST   /v3/{project}/dli_enhanced_datasource/{id}/tags/{create,delete}` | update of tags |
//!
//! A collection that is not set, or no longer set, is neither read nor changed. One that is set is authoritative.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::create_once::NOTHING_CREATED;
use super::model::{Connection, Scope};
use super::modify_plan::{IMPORTED, MOVED};
use super::reconcile::Reconciler;
use super::refresh::{POLL_INTERVAL, check_identity, deleted_since_plan, find_by_name, refresh};
use super::{create_once, modify_plan, move_state, schema, state_upgrade};
use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, FromValue, IntoValue};
use crate::framework::path::Path;
use crate::framework::resource::{
    CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, MoveSources, ReadRequest, Resource, ResponseState,
    UpdateRequest,
};
use crate::framework::schema::Schema;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::binding_target::bindings;
use crate::provider::shared::client_kind::ClientKind;
use crate::provider::shared::operation::{self, OperationContext, OperationError, report};
use crate::provider::shared::shared_reads::Sharing;
use crate::provider::shared::{connection_part, location};

#[derive(Debug)]
pub(in crate::provider) struct EnhancedConnection(pub(in crate::provider) Arc<ProviderData>);

impl EnhancedConnection {
    /// Begins an operation on a connection of the plan or the state.
    async fn begin(
        &self,
        connection: &Connection,
        timeout: Duration,
        stop: &CancellationToken,
    ) -> Result<OperationContext, OperationError> {
        let context = self.0.begin(connection.location(), timeout, stop).await?;
        Ok(context.subject(connection.subject()))
    }

    /// Creates a connection. `created` is its ID as soon as it exists.
    async fn create_connection(
        &self,
        planned: &Connection,
        stop: &CancellationToken,
        created: &mut Option<String>,
        response: &mut ResponseState,
    ) -> Result<(), OperationError> {
        let context = &self.begin(planned, planned.timeouts.create(schema::CREATE), stop).await?;
        let tag_policy = &self.0.tag_policy();
        let tags = tag_policy.all(planned.tags.as_ref());
        self.0.run_state().mark_applying();
        let create = create_once::run(context, &self.0, planned, &tags, response);
        let create_once::Created { id, is_found, is_earlier } = create.await?;
        *created = Some(id.clone());
        let note = match context.run_state.client {
            ClientKind::Terraform => format!(
                "The connection exists (ID {id}) and is in the state. Do not simply apply again: Terraform has marked \
                 it as tainted and would replace it. To keep it, fix the cause, run terraform untaint ADDRESS, then \
                 apply: only the missing parts are added."
            ),
            client @ ClientKind::Pulumi => format!(
                "The connection exists (ID {id}), but Pulumi records nothing about a failed create. Fix the cause and \
                 run pulumi up again in this directory: the provider finds the connection in its journal, takes it \
                 over and adds the missing parts. In another directory, import it first: {}",
                client.import(&id)
            ),
        };
        let mut now = Connection {
            id: Computed(Some(id.clone())),
            tags_all: Computed(Some(tags)),
            routes: planned.routes.as_ref().map(|_| BTreeMap::new()),
            ..planned.clone()
        };
        location::fill_location(&mut now.region, &mut now.project_id, context);
        // The connection exists, so the state must contain it even if a later step fails.
        response.set_state(now.clone());
        let mut guard = None;
        if is_found {
            tracing::info!(id, "{}", if is_earlier { "adopted" } else { "found the result of a lost response" });
            now.routes.clone_from(&planned.routes);
            let read = report(create_once::SUMMARY, &note, async {
                guard = Some(connection_part::lock(context, &self.0, &id).await?);
                let found = refresh(context, now, tag_policy, Scope::Declared).await?;
                Ok(found.ok_or_else(|| deleted_since_plan(create_once::SUMMARY, &id))?)
            });
            (now, _) = read.await?;
            response.set_state(now.clone());
        }
        let texts = (create_once::SUMMARY, note);
        let mut reconciler = Reconciler::new(context, tag_policy, planned, now, response, texts);
        if is_found {
            reconciler.reconcile().await?;
        } else if planned.routes.as_ref().is_some_and(|routes| !routes.is_empty()) {
            reconciler.routes(&[]).await;
        }
        drop(guard);
        Ok(reconciler.finish(planned.waits() && planned.declared().is_any(), "Created", true).await?)
    }
}

/// Reads the model from a state, and checks its ID.
fn from_state(state: &Value) -> Result<Connection, Diagnostics> {
    let connection: Connection = connection_part::from_state(state)?;
    connection_part::check_state(connection.id())?;
    Ok(connection)
}

#[async_trait]
impl Resource for EnhancedConnection {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn identity_schema(&self) -> Option<Schema> {
        Some(schema::identity())
    }

    fn import_id(&self, identity: &Value) -> String {
        format!("{}{}", identity.get("id").as_str().unwrap_or_default(), location::import_suffix(identity))
    }

    fn prior_schema_type(&self, version: i64) -> Option<Type> {
        (version == 0).then(|| schema::schema().ty())
    }

    fn upgrade_state(&self, _: i64, state: Value) -> Result<Value, Diagnostics> {
        Ok(state_upgrade::from_version_0(state))
    }

    fn move_sources(&self) -> Option<MoveSources> {
        Some(move_state::sources())
    }

    fn move_state(&self, source: &Value, response: &mut ResponseState) -> Result<(), Diagnostics> {
        move_state::move_state(source, response)
    }

    fn omit_defaults(&self, config: &mut Value) {
        location::omit_defaults(&self.0, config);
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        Box::pin(modify_plan::modify(&self.0, request)).await
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let planned = Connection::from_value(request.planned, &Path::root())?;
        let mut created = None;
        let create = self.create_connection(&planned, request.stop, &mut created, response);
        let result = report(create_once::SUMMARY, NOTHING_CREATED, create).await;
        // If the client cancels the call, this line is not reached.
        let is_kept = result.is_ok() || self.0.run_state().client.keeps_failed_creates();
        if let Some(id) = created.filter(|_| is_kept) {
            self.0.creation_journal.record_response(&id, request.stop);
        }
        result
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let known = from_state(request.state)?;
        report("Could Not Read the Enhanced Connection", "The state was not changed.", async {
            let context = self.begin(&known, known.timeouts.read(schema::READ), request.stop).await?;
            let mut context = context.with_sharing(Sharing::Lists);
            let tag_policy = &self.0.tag_policy();
            let mut found = refresh(&context, known.clone(), tag_policy, Scope::Declared).await;
            let is_confirmed = context.listed_fields().is_none_or(|fields| known.is_confirmed_by(fields));
            if context.has_used_list() && !(is_confirmed && is_unchanged(&found, &known)) {
                // The list may be outdated, or lack what was added elsewhere.
                context = context.with_sharing(Sharing::Objects);
                found = refresh(&context, known, tag_policy, Scope::Declared).await;
            }
            match found? {
                Some((mut connection, warnings)) => {
                    if request.private == MOVED {
                        connection.tags = tag_policy.without_defaults(connection.tags);
                    }
                    let Connection { name, .. } = &connection;
                    self.0.creation_journal.confirm(context.project.id(), name, connection.id());
                    response.add_warning(warnings);
                    response.set_state(connection);
                }
                None => response.remove_resource(),
            }
            Ok(())
        })
        .await
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Change the Enhanced Connection";
        const STATE_NOTE: &str = "The state contains what was done so far. Fix the cause and apply again: only the \
                                  remaining changes are made.";
        let prior = from_state(request.prior)?;
        let planned = Connection::from_value(request.planned, &Path::root())?;
        report(SUMMARY, STATE_NOTE, async {
            let context = self.begin(&prior, planned.timeouts.update(schema::UPDATE), request.stop).await?;
            let tag_policy = self.0.tag_policy();
            let guard = connection_part::lock(&context, &self.0, prior.id()).await?;
            let now = Connection {
                wait_for_bindings: planned.wait_for_bindings,
                timeouts: planned.timeouts.clone(),
                routetable_id: planned.routetable_id.clone(),
                ..prior
            };
            let texts = (SUMMARY, STATE_NOTE.to_owned());
            let mut reconciler = Reconciler::new(&context, &tag_policy, &planned, now, response, texts);
            let wait = reconciler.reconcile().await?;
            drop(guard);
            if planned.routetable_id.is_some() {
                // It changes in place only after an import, which cannot read it. No request sets it.
                reconciler.response.set_attribute("routetable_id", planned.routetable_id.clone());
                reconciler.response.set_private(&[]);
            } else if reconciler.response.private() == MOVED {
                // The tags in the state are those of the configuration from now on.
                reconciler.response.set_private(IMPORTED);
            }
            Ok(reconciler.finish(wait, "Changed", !request.planned.is_wholly_known()).await?)
        })
        .await
    }

    async fn delete(&self, request: DeleteRequest<'_>, _: &mut ResponseState) -> Result<(), Diagnostics> {
        const SUMMARY: &str = "Could Not Delete the Enhanced Connection";
        const STATE_NOTE: &str =
            "The connection is still in the state. Run the same command again (terraform destroy, or apply).";
        let known = from_state(request.prior)?;
        let id = known.id();
        report(SUMMARY, STATE_NOTE, async {
            let context = self.begin(&known, known.timeouts.delete(schema::DELETE), request.stop).await?;
            let guard = connection_part::lock(&context, &self.0, id).await?;
            self.0.creation_journal.confirm(context.project.id(), &known.name, id);
            // A connection that is not found is deleted all the same: it may appear late.
            if let Some(shown) = connection_part::find_connection(&context, id).await? {
                check_identity(&known, &shown)?;
            }
            let mut is_last_attempt = false;
            loop {
                let error = match context.write(context.project.delete_connection(id)).await {
                    Ok(()) => break,
                    // "Not found" may mean another object.
                    Err(error) if error.is_not_found() => {
                        let find = || connection_part::find_connection_once(&context, id);
                        let found = connection_part::read_until(&context, find, Option::is_some).await?;
                        return if found.is_none() { Ok(()) } else { Err(error) };
                    }
                    // The service cannot delete a connection while it creates a binding.
                    Err(error) if error.may_mean_not_yet() && !is_last_attempt => error,
                    Err(error) => return Err(error),
                };
                // The binding may have become ready since the response.
                is_last_attempt = !is_creating_binding(&context, id).await;
                if !is_last_attempt {
                    tracing::info!(id, ?error, "a binding is still being created; retrying the deletion");
                    context.pause(POLL_INTERVAL, || "The creation of the connection".to_owned()).await?;
                }
            }
            drop(guard);
            while connection_part::find_connection_once(&context, id).await?.is_some() {
                context.pause(POLL_INTERVAL, || "The deletion of the connection".to_owned()).await?;
            }
            Ok(())
        })
        .await
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let (object, region, project_id) = location::parse_import_id(request.id)
            .map_err(|problem| connection_part::invalid(request.id, "ID or as name:NAME", &problem))?;
        let name = object.strip_prefix("name:");
        let rule = if name.is_some() { rules::CONNECTION_NAME } else { rules::CONNECTION_ID };
        let value = name.unwrap_or(object);
        if let Some(violation) = rule.violation(value) {
            let is_name = name.is_none() && rules::CONNECTION_NAME.allows(object);
            let hint = if is_name { format!(" To import by name, write name:{object}.") } else { String::new() };
            let text = format!(
                "The import ID {:?} does not name a connection: {value:?} {violation}; allowed: {}.{hint}\n\nWrite it \
                 as ID or as name:NAME, followed by @REGION or @REGION/PROJECT_ID if these differ from the provider's. \
                 The console and the data source dli_enhanced_connections show the IDs and names.",
                request.id, rule.expected
            );
            return Err(Diagnostic::error("Invalid Import ID", text).into());
        }
        report("Could Not Import the Enhanced Connection", "Nothing was imported.", async {
            let location = (region, project_id);
            let context = self.0.begin(location, schema::READ, request.stop).await?;
            let id = match name {
                Some(name) => {
                    let named =
                        find_by_name(&context, name, Path::root(), "Import the one you mean by its ID.").await?;
                    named.ok_or_else(|| no_connection_named(name))?.id
                }
                None => object.to_ascii_lowercase(),
            };
            let known = Connection { id: Computed(Some(id)), ..Connection::default() };
            let found = refresh(&context, known, &self.0.tag_policy(), Scope::Everything).await?;
            let (connection, warnings) = found.ok_or_else(|| {
                connection_part::not_found(&format!("enhanced connection {object}"), "Enhanced Connection")
            })?;
            response.add_warning(warnings);
            response.set_state(connection);
            response.set_private(IMPORTED);
            Ok(())
        })
        .await
    }
}

/// Whether a refresh has found the connection as it was known.
fn is_unchanged(found: &operation::Result<Option<(Connection, Diagnostics)>>, known: &Connection) -> bool {
    matches!(found, Ok(Some((connection, _))) if connection.clone().into_value() == known.clone().into_value())
}

/// Whether one of its bindings is CREATING.
async fn is_creating_binding(context: &OperationContext, id: &str) -> bool {
    let Ok(shown) = context.read(context.project.show_connection(id)).await else { return false };
    bindings(&shown).any(|(_, binding)| binding.has_status(wire::BINDING_CREATING))
}

fn no_connection_named(name: &str) -> Diagnostics {
    let text = format!(
        "There is no enhanced connection named {name:?} in this project. Names must match exactly, including case. \
         {}",
        connection_part::IMPORT_LOCATION
    );
    Diagnostic::error("Enhanced Connection Not Found", text).into()
}
