//! The gRPC service with its 36 RPCs: each decodes, calls the framework and encodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::{Request, Response, Streaming};

use super::action::{self, ActionEvents};
use super::list::{self, ListEvents};
use super::response::{OneMessage, Reply, one_message, respond, span, unsupported, validate};
use super::tfplugin6::provider_server::Provider;
use super::{dynamic, encode, function, json, tfplugin6 as wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::server::{self, Registry, Server};
use crate::framework::value::Value;

/// The provider service.
#[derive(Debug, Clone)]
pub struct Service(Arc<Server>);

impl Service {
    /// Creates the service of a server.
    pub fn new(server: Server) -> Self {
        Self(Arc::new(server))
    }

    /// Cancels the running operations.
    pub fn interrupt(&self) {
        self.0.stop();
    }
}

#[tonic::async_trait]
impl Provider for Service {
    async fn get_metadata(&self, _: Request<wire::get_metadata::Request>) -> Reply<wire::get_metadata::Response> {
        respond("GetMetadata", "", async {
            Ok(wire::get_metadata::Response {
                server_capabilities: Some(capabilities()),
                resources: (self.0.resources.schemas())
                    .map(|(name, _)| wire::get_metadata::ResourceMetadata { type_name: name.to_owned() })
                    .collect(),
                data_sources: (self.0.data_sources.schemas())
                    .map(|(name, _)| wire::get_metadata::DataSourceMetadata { type_name: name.to_owned() })
                    .collect(),
                functions: (self.0.functions().iter())
                    .map(|function| wire::get_metadata::FunctionMetadata { name: function.name.to_owned() })
                    .collect(),
                list_resources: (self.0.list_resources.schemas())
                    .map(|(name, _)| wire::get_metadata::ListResourceMetadata { type_name: name.to_owned() })
                    .collect(),
                actions: (self.0.actions.schemas())
                    .map(|(name, _)| wire::get_metadata::ActionMetadata { type_name: name.to_owned() })
                    .collect(),
                ..wire::get_metadata::Response::default()
            })
        })
        .await
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Reply<wire::get_provider_schema::Response> {
        respond("GetProviderSchema", "", async {
            Ok(wire::get_provider_schema::Response {
                provider: Some(encode::schema(self.0.provider_schema())),
                resource_schemas: schemas(&self.0.resources),
                data_source_schemas: schemas(&self.0.data_sources),
                list_resource_schemas: schemas(&self.0.list_resources),
                functions: function::signatures(&self.0),
                action_schemas: schemas(&self.0.actions)
                    .into_iter()
                    .map(|(name, schema)| (name, wire::ActionSchema { schema: Some(schema) }))
                    .collect(),
                server_capabilities: Some(capabilities()),
                ..wire::get_provider_schema::Response::default()
            })
        })
        .await
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Reply<wire::get_resource_identity_schemas::Response> {
        respond("GetResourceIdentitySchemas", "", async {
            let schemas = self.0.identity_schemas();
            let identity_schemas = schemas.map(|(name, schema)| (name.to_owned(), encode::identity_schema(schema)));
            Ok(wire::get_resource_identity_schemas::Response {
                identity_schemas: identity_schemas.collect(),
                diagnostics: Vec::new(),
            })
        })
        .await
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Reply<wire::validate_provider_config::Response> {
        let request = request.into_inner();
        respond("ValidateProviderConfig", "", async {
            let config = dynamic::decode(request.config.as_ref(), self.0.provider_type())?;
            let diagnostics = encode::diagnostics(self.0.validate_provider(&config));
            Ok(wire::validate_provider_config::Response { diagnostics })
        })
        .await
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Reply<wire::configure_provider::Response> {
        let request = request.into_inner();
        respond("ConfigureProvider", "", async {
            let config = dynamic::decode(request.config.as_ref(), self.0.provider_type())?;
            self.0.set_client_version(&request.terraform_version);
            let diagnostics = encode::diagnostics(self.0.configure(&config).await);
            Ok(wire::configure_provider::Response { diagnostics })
        })
        .await
    }

    async fn stop_provider(&self, _: Request<wire::stop_provider::Request>) -> Reply<wire::stop_provider::Response> {
        span("StopProvider", "").in_scope(|| tracing::info!("stop requested; cancelling running operations"));
        self.0.stop();
        Ok(Response::new(wire::stop_provider::Response::default()))
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Reply<wire::validate_resource_config::Response> {
        let request = request.into_inner();
        validate("ValidateResourceConfig", &self.0.resources, &request.type_name, request.config.as_ref()).await
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Reply<wire::upgrade_resource_state::Response> {
        let request = request.into_inner();
        respond("UpgradeResourceState", &request.type_name, async {
            let raw = request.raw_state.unwrap_or_default();
            if !raw.flatmap.is_empty() {
                let text =
                    "The state was written by a Terraform older than 0.12. No version of this provider did that.";
                return Err(Diagnostic::error("State Too Old", text).into());
            }
            let ty = self.0.state_type(&request.type_name, request.version)?;
            let stored = json::decode(&raw.json, &ty)?;
            let upgraded = self.0.upgrade_state(&request.type_name, request.version, stored)?;
            let upgraded_state = dynamic::encode(&upgraded);
            Ok(wire::upgrade_resource_state::Response { upgraded_state, diagnostics: Vec::new() })
        })
        .await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Reply<wire::upgrade_resource_identity::Response> {
        let request = request.into_inner();
        respond("UpgradeResourceIdentity", &request.type_name, async {
            let ty = self.0.stored_identity_type(&request.type_name, request.version)?;
            let stored = json::decode(&request.raw_identity.unwrap_or_default().json, ty)?;
            let upgraded_identity = encode::identity(&stored);
            Ok(wire::upgrade_resource_identity::Response { upgraded_identity, diagnostics: Vec::new() })
        })
        .await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Reply<wire::read_resource::Response> {
        let wire::read_resource::Request { type_name, current_state, private, current_identity, .. } =
            request.into_inner();
        respond("ReadResource", &type_name, async {
            let state = read_value(&self.0, &type_name, current_state.as_ref())?;
            let identity = read_identity(&self.0, &type_name, current_identity.as_ref())?;
            let outcome = self.0.read(&type_name, state.clone(), private, identity).await;
            Ok(wire::read_resource::Response {
                new_state: dynamic::encode_change(&outcome.state, &state, current_state),
                diagnostics: encode::diagnostics(outcome.diagnostics),
                // Core keeps only the private data of the response.
                private: outcome.private,
                new_identity: encode::identity(&outcome.identity),
                deferred: None,
            })
        })
        .await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Reply<wire::plan_resource_change::Response> {
        let request = request.into_inner();
        respond("PlanResourceChange", &request.type_name, async {
            let ty = self.0.resources.ty(&request.type_name)?;
            let (before, proposed) = (request.prior_state, request.proposed_new_state);
            let [prior, planned] = dynamic::decode_both(before.as_ref(), proposed, ty)?;
            let plan = server::ResourceChange {
                prior: prior.clone(),
                planned,
                config: dynamic::take(request.config, ty)?,
                private: request.prior_private,
                identity: read_identity(&self.0, &request.type_name, request.prior_identity.as_ref())?,
                type_name: request.type_name.clone(),
            };
            let outcome = self.0.plan(plan).await;
            Ok(wire::plan_resource_change::Response {
                planned_state: dynamic::encode_change(&outcome.planned, &prior, before),
                requires_replace: outcome.replace.iter().map(encode::path).collect(),
                planned_private: outcome.private,
                diagnostics: encode::diagnostics(outcome.diagnostics),
                planned_identity: encode::identity(&outcome.identity),
                ..wire::plan_resource_change::Response::default()
            })
        })
        .await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Reply<wire::apply_resource_change::Response> {
        let request = request.into_inner();
        respond("ApplyResourceChange", &request.type_name, async {
            let ty = self.0.resources.ty(&request.type_name)?;
            let apply = server::ResourceChange {
                prior: dynamic::take(request.prior_state, ty)?,
                planned: dynamic::take(request.planned_state, ty)?,
                config: dynamic::take(request.config, ty)?,
                private: request.planned_private,
                identity: read_identity(&self.0, &request.type_name, request.planned_identity.as_ref())?,
                type_name: request.type_name.clone(),
            };
            let outcome = self.0.apply(apply).await;
            Ok(wire::apply_resource_change::Response {
                new_state: dynamic::encode(&outcome.state),
                private: outcome.private,
                diagnostics: encode::diagnostics(outcome.diagnostics),
                new_identity: encode::identity(&outcome.identity),
                ..wire::apply_resource_change::Response::default()
            })
        })
        .await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Reply<wire::import_resource_state::Response> {
        let wire::import_resource_state::Request { type_name, id, identity, .. } = request.into_inner();
        respond("ImportResourceState", &type_name, async {
            let identity = read_identity(&self.0, &type_name, identity.as_ref())?;
            let outcome = self.0.import(&type_name, &id, &identity).await;
            let imported = wire::import_resource_state::ImportedResource {
                type_name: type_name.clone(),
                state: dynamic::encode(&outcome.state),
                private: outcome.private,
                identity: encode::identity(&outcome.identity),
            };
            Ok(wire::import_resource_state::Response {
                imported_resources: if outcome.state.is_null() { Vec::new() } else { vec![imported] },
                diagnostics: encode::diagnostics(outcome.diagnostics),
                deferred: None,
            })
        })
        .await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Reply<wire::move_resource_state::Response> {
        let request = request.into_inner();
        respond("MoveResourceState", &request.target_type_name, async {
            let target = &request.target_type_name;
            let source = server::MoveSource {
                provider_address: &request.source_provider_address,
                type_name: &request.source_type_name,
                version: request.source_schema_version,
            };
            let ty = self.0.move_source_type(target, source)?;
            let state = json::decode(&request.source_state.unwrap_or_default().json, &ty)?;
            let outcome = self.0.move_state(target, &state);
            Ok(wire::move_resource_state::Response {
                // Core expects no state beside errors.
                target_state: (!outcome.state.is_null()).then(|| dynamic::encode(&outcome.state)).flatten(),
                diagnostics: encode::diagnostics(outcome.diagnostics),
                target_private: outcome.private,
                target_identity: encode::identity(&outcome.identity),
            })
        })
        .await
    }

    async fn generate_resource_config(
        &self,
        request: Request<wire::generate_resource_config::Request>,
    ) -> Reply<wire::generate_resource_config::Response> {
        let request = request.into_inner();
        respond("GenerateResourceConfig", &request.type_name, async {
            let state = read_value(&self.0, &request.type_name, request.state.as_ref())?;
            let config = self.0.generate_config(&request.type_name, state)?;
            let config = dynamic::encode(&config);
            Ok(wire::generate_resource_config::Response { config, diagnostics: Vec::new() })
        })
        .await
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Reply<wire::validate_data_resource_config::Response> {
        let request = request.into_inner();
        validate("ValidateDataResourceConfig", &self.0.data_sources, &request.type_name, request.config.as_ref()).await
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Reply<wire::read_data_source::Response> {
        let wire::read_data_source::Request { type_name, config, .. } = request.into_inner();
        respond("ReadDataSource", &type_name, async {
            let config = dynamic::decode(config.as_ref(), self.0.data_sources.ty(&type_name)?)?;
            let outcome = self.0.read_data_source(&type_name, config).await;
            Ok(wire::read_data_source::Response {
                state: dynamic::encode(&outcome.state),
                diagnostics: encode::diagnostics(outcome.diagnostics),
                deferred: None,
            })
        })
        .await
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Reply<wire::validate_ephemeral_resource_config::Response> {
        unsupported("ValidateEphemeralResourceConfig", "ephemeral resource", &request.into_inner().type_name).await
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Reply<wire::open_ephemeral_resource::Response> {
        unsupported("OpenEphemeralResource", "ephemeral resource", &request.into_inner().type_name).await
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Reply<wire::renew_ephemeral_resource::Response> {
        unsupported("RenewEphemeralResource", "ephemeral resource", &request.into_inner().type_name).await
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Reply<wire::close_ephemeral_resource::Response> {
        unsupported("CloseEphemeralResource", "ephemeral resource", &request.into_inner().type_name).await
    }

    async fn validate_list_resource_config(
        &self,
        request: Request<wire::validate_list_resource_config::Request>,
    ) -> Reply<wire::validate_list_resource_config::Response> {
        let request = request.into_inner();
        validate("ValidateListResourceConfig", &self.0.list_resources, &request.type_name, request.config.as_ref())
            .await
    }

    type ListResourceStream = ListEvents;

    async fn list_resource(&self, request: Request<wire::list_resource::Request>) -> Reply<Self::ListResourceStream> {
        Ok(Response::new(list::list(Arc::clone(&self.0), request.into_inner())))
    }

    async fn get_functions(&self, _: Request<wire::get_functions::Request>) -> Reply<wire::get_functions::Response> {
        respond("GetFunctions", "", async {
            let functions = function::signatures(&self.0);
            Ok(wire::get_functions::Response { functions, diagnostics: Vec::new() })
        })
        .await
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Reply<wire::call_function::Response> {
        Ok(Response::new(function::call(&self.0, &request.into_inner())))
    }

    async fn validate_action_config(
        &self,
        request: Request<wire::validate_action_config::Request>,
    ) -> Reply<wire::validate_action_config::Response> {
        let request = request.into_inner();
        validate("ValidateActionConfig", &self.0.actions, &request.type_name, request.config.as_ref()).await
    }

    async fn plan_action(&self, request: Request<wire::plan_action::Request>) -> Reply<wire::plan_action::Response> {
        let request = request.into_inner();
        validate("PlanAction", &self.0.actions, &request.action_type, request.config.as_ref()).await
    }

    type InvokeActionStream = ActionEvents;

    async fn invoke_action(&self, request: Request<wire::invoke_action::Request>) -> Reply<Self::InvokeActionStream> {
        Ok(Response::new(action::invoke(Arc::clone(&self.0), request.into_inner())))
    }

    async fn validate_state_store_config(
        &self,
        request: Request<wire::validate_state_store::Request>,
    ) -> Reply<wire::validate_state_store::Response> {
        unsupported("ValidateStateStoreConfig", "state store", &request.into_inner().type_name).await
    }

    async fn configure_state_store(
        &self,
        request: Request<wire::configure_state_store::Request>,
    ) -> Reply<wire::configure_state_store::Response> {
        unsupported("ConfigureStateStore", "state store", &request.into_inner().type_name).await
    }

    type ReadStateBytesStream = OneMessage<wire::read_state_bytes::Response>;

    async fn read_state_bytes(
        &self,
        request: Request<wire::read_state_bytes::Request>,
    ) -> Reply<Self::ReadStateBytesStream> {
        let diagnostics = encode::diagnostics(server::not_in_provider("state store", &request.into_inner().type_name));
        Ok(one_message(wire::read_state_bytes::Response { diagnostics, ..wire::read_state_bytes::Response::default() }))
    }

    async fn write_state_bytes(
        &self,
        _: Request<Streaming<wire::write_state_bytes::RequestChunk>>,
    ) -> Reply<wire::write_state_bytes::Response> {
        unsupported("WriteStateBytes", "state store", "").await
    }

    async fn lock_state(&self, request: Request<wire::lock_state::Request>) -> Reply<wire::lock_state::Response> {
        unsupported("LockState", "state store", &request.into_inner().type_name).await
    }

    async fn unlock_state(&self, request: Request<wire::unlock_state::Request>) -> Reply<wire::unlock_state::Response> {
        unsupported("UnlockState", "state store", &request.into_inner().type_name).await
    }

    async fn get_states(&self, request: Request<wire::get_states::Request>) -> Reply<wire::get_states::Response> {
        unsupported("GetStates", "state store", &request.into_inner().type_name).await
    }

    async fn delete_state(&self, request: Request<wire::delete_state::Request>) -> Reply<wire::delete_state::Response> {
        unsupported("DeleteState", "state store", &request.into_inner().type_name).await
    }
}

fn schemas<T: ?Sized>(types: &Registry<T>) -> BTreeMap<String, wire::Schema> {
    types.schemas().map(|(name, schema)| (name.to_owned(), encode::schema(schema))).collect()
}

fn capabilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        // Core reuses the schema of one process for later processes of the same command.
        get_provider_schema_optional: true,
        // Core requests the configuration of an imported object instead of deriving it from the state.
        generate_resource_config: true,
        // Core plans deletions, too.
        plan_destroy: true,
        // Core lets `moved` blocks name other resource types.
        move_resource_state: true,
    }
}

/// Decodes an identity; null if there is none or the resource type has none.
fn read_identity(
    server: &Server,
    type_name: &str,
    identity: Option<&wire::ResourceIdentityData>,
) -> Result<Value, Diagnostics> {
    let data = identity.and_then(|identity| identity.identity_data.as_ref());
    Ok(server.identity_type(type_name).map(|ty| dynamic::decode(data, ty)).transpose()?.unwrap_or_default())
}

fn read_value(server: &Server, type_name: &str, value: Option<&wire::DynamicValue>) -> Result<Value, Diagnostics> {
    Ok(dynamic::decode(value, server.resources.ty(type_name)?)?)
}
