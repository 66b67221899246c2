//! The gRPC service with its 36 RPCs: each decodes, calls the framework and encodes, the larger ones in modules.

use std::sync::Arc;

use tonic::{Request, Response, Streaming};

use super::action::{self, ActionEvents};
use super::list::{self, ListEvents};
use super::response::{OneMessage, Reply, one_message, respond, span, unsupported, validate};
use super::tfplugin6::provider_server::Provider;
use super::{dynamic, encode, function, provider, resource, tfplugin6 as wire};
use crate::framework::server::{self, Server};

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
        provider::metadata(&self.0).await
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Reply<wire::get_provider_schema::Response> {
        provider::schema(&self.0).await
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
        resource::upgrade_state(&self.0, request.into_inner()).await
    }

    async fn upgrade_resource_identity(
        &self,
        request: Request<wire::upgrade_resource_identity::Request>,
    ) -> Reply<wire::upgrade_resource_identity::Response> {
        resource::upgrade_identity(&self.0, request.into_inner()).await
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Reply<wire::read_resource::Response> {
        resource::read(&self.0, request.into_inner()).await
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Reply<wire::plan_resource_change::Response> {
        resource::plan(&self.0, request.into_inner()).await
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Reply<wire::apply_resource_change::Response> {
        resource::apply(&self.0, request.into_inner()).await
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Reply<wire::import_resource_state::Response> {
        resource::import(&self.0, request.into_inner()).await
    }

    async fn move_resource_state(
        &self,
        request: Request<wire::move_resource_state::Request>,
    ) -> Reply<wire::move_resource_state::Response> {
        resource::move_state(&self.0, request.into_inner()).await
    }

    async fn generate_resource_config(
        &self,
        request: Request<wire::generate_resource_config::Request>,
    ) -> Reply<wire::generate_resource_config::Response> {
        resource::generate_config(&self.0, request.into_inner()).await
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
