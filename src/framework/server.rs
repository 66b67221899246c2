//! Serves a provider: one file for each operation of Terraform core, over decoded values.

mod action;
mod apply;
mod data;
mod function;
mod generate;
mod identity;
mod import;
mod list_resource;
mod move_state;
mod plan;
mod read;
mod registry;
#[cfg(test)]
mod testing;
mod upgrade;

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    action::Action,
    data_source::DataSource,
    diagnostic::{Diagnostic, Diagnostics},
    function::Function,
    identity::Identity,
    list_resource::ListResource,
    provider::Provider,
    resource::{MoveSources, Resource},
    schema::Schema,
    types::Type,
    validate,
    value::Value,
};

pub use self::{
    apply::{ResourceChange, ResourceResponse},
    move_state::MoveSource,
    plan::PlanResourceChangeResponse,
    registry::{Registry, not_in_provider},
};

/// Serves the operations of a provider.
#[derive(derive_more::Debug)]
#[debug("Server {{ resources: {resources:?}, data_sources: {data_sources:?}, actions: {actions:?}, .. }}")]
pub struct Server {
    provider: Box<dyn Provider>,
    schema: Schema,
    ty: Type,
    /// The resource types.
    pub resources: Registry<dyn Resource>,
    identities: BTreeMap<&'static str, Identity>,
    /// The data sources.
    pub data_sources: Registry<dyn DataSource>,
    /// The list resources by resource type.
    pub list_resources: Registry<dyn ListResource>,
    functions: Vec<Function>,
    /// The actions.
    pub actions: Registry<dyn Action>,
    stop: Mutex<CancellationToken>,
}

impl Server {
    /// Creates a server for a provider.
    pub fn new(provider: impl Provider + 'static) -> Self {
        let resources = provider.resources();
        let identities =
            resources.iter().filter_map(|of| Some((of.type_name(), Identity::new(of.identity_schema()?)))).collect();
        let schema = provider.schema();
        Self {
            ty: schema.ty(),
            schema,
            resources: Registry::new("resource type", resources, |of| (of.type_name(), of.schema())),
            data_sources: Registry::new("data source", provider.data_sources(), |of| (of.type_name(), of.schema())),
            list_resources: Registry::new("list resource", provider.list_resources(), |of| {
                (of.type_name(), of.schema())
            }),
            functions: provider.functions(),
            actions: Registry::new("action", provider.actions(), |of| (of.type_name(), of.schema())),
            identities,
            provider: Box::new(provider),
            stop: Mutex::default(),
        }
    }

    /// Returns the schema of the provider block.
    pub fn provider_schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the type of the provider block.
    pub fn provider_type(&self) -> &Type {
        &self.ty
    }

    /// Validates a provider block, offline.
    pub fn validate_provider(&self, config: &Value) -> Diagnostics {
        validate::validate(&self.schema, config)
    }

    /// Passes on the version that the client reports, before [`Server::configure`].
    pub fn set_client_version(&self, version: &str) {
        self.provider.set_client_version(version);
    }

    /// Configures the provider, offline.
    pub async fn configure(&self, config: &Value) -> Diagnostics {
        // In debug mode the configuration may not have been validated.
        let report = validate::validate(&self.schema, config);
        if report.has_errors() {
            return report;
        }
        catch_panic(self.provider.configure(config)).await.unwrap_or_else(|errors| errors)
    }

    /// Cancels the running operations; later ones are not affected.
    pub fn stop(&self) {
        std::mem::take(&mut *self.stop.lock()).cancel();
    }

    fn stop_token(&self) -> CancellationToken {
        self.stop.lock().clone()
    }
}

/// Runs provider code and turns a panic into an error. A failure always contains an error.
async fn catch_panic<T>(call: impl Future<Output = Result<T, Diagnostics>>) -> Result<T, Diagnostics> {
    let result = AssertUnwindSafe(call).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into())).map_err(|mut failure| {
        if !failure.has_errors() {
            failure.push(Diagnostic::bug("The call failed without an error."));
        }
        failure
    })
}

/// Returns the error for a caught panic.
pub fn panicked(panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Diagnostic::bug(format!("The provider panicked: {}.", text.unwrap_or("no message")))
}
