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
#[cfg(test)]
mod testing;
mod upgrade;

use std::{any::Any, collections::BTreeMap, fmt, panic::AssertUnwindSafe, sync::Arc};

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
    apply::{ApplyResourceChangeRequest, ResourceResponse},
    move_state::MoveSource,
    plan::{PlanResourceChangeRequest, PlanResourceChangeResponse},
};

/// Serves the operations of a provider.
pub struct Server {
    provider: Box<dyn Provider>,
    schema: Schema,
    ty: Type,
    resources: BTreeMap<&'static str, Registered<dyn Resource>>,
    identities: BTreeMap<&'static str, Identity>,
    data_sources: BTreeMap<&'static str, Registered<dyn DataSource>>,
    list_resources: BTreeMap<&'static str, Registered<dyn ListResource>>,
    functions: Vec<Function>,
    actions: BTreeMap<&'static str, Registered<dyn Action>>,
    stop: Mutex<CancellationToken>,
}

/// A resource type, data source or action with its schema and type, which are built once.
struct Registered<T: ?Sized> {
    implementation: Arc<T>,
    schema: Schema,
    ty: Type,
}

impl<T: ?Sized> Registered<T> {
    fn new(implementation: Arc<T>, schema: Schema) -> Self {
        Self { implementation, ty: schema.ty(), schema }
    }
}

impl Server {
    /// Creates a server for a provider.
    pub fn new(provider: impl Provider + 'static) -> Self {
        let resources = provider.resources();
        let identity = |kind: &Arc<dyn Resource>| Some((kind.type_name(), Identity::new(kind.identity_schema()?)));
        let identities = resources.iter().filter_map(identity).collect();
        let resources = resources.into_iter();
        let data_sources = provider.data_sources().into_iter();
        let list_resources = provider.list_resources().into_iter();
        let actions = provider.actions().into_iter();
        let schema = provider.schema();
        Self {
            ty: schema.ty(),
            schema,
            resources: resources.map(|kind| (kind.type_name(), Registered::new(kind.clone(), kind.schema()))).collect(),
            data_sources: data_sources
                .map(|kind| (kind.type_name(), Registered::new(kind.clone(), kind.schema())))
                .collect(),
            list_resources: list_resources
                .map(|kind| (kind.type_name(), Registered::new(kind.clone(), kind.schema())))
                .collect(),
            functions: provider.functions(),
            actions: actions.map(|kind| (kind.type_name(), Registered::new(kind.clone(), kind.schema()))).collect(),
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

    /// Returns the schemas of all resource types by name.
    pub fn resource_schemas(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.resources.iter().map(|(name, registered)| (*name, &registered.schema))
    }

    /// Returns the schema of a resource type.
    pub fn resource_schema(&self, type_name: &str) -> Result<&Schema, Diagnostics> {
        self.registered(type_name).map(|registered| &registered.schema)
    }

    /// Returns the type of the values of a resource type.
    pub fn resource_type(&self, type_name: &str) -> Result<&Type, Diagnostics> {
        self.registered(type_name).map(|registered| &registered.ty)
    }

    fn registered(&self, type_name: &str) -> Result<&Registered<dyn Resource>, Diagnostics> {
        known(&self.resources, "resource type", type_name)
    }

    /// Validates a provider block, offline.
    pub fn validate_provider(&self, config: &Value) -> Diagnostics {
        validate::validate(&self.schema, config)
    }

    /// Validates a resource block, offline.
    pub fn validate_resource(&self, type_name: &str, config: &Value) -> Diagnostics {
        self.resource_schema(type_name).map_or_else(|unknown| unknown, |schema| validate::validate(schema, config))
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

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("resources", &self.resources.keys())
            .field("data_sources", &self.data_sources.keys())
            .field("actions", &self.actions.keys())
            .finish_non_exhaustive()
    }
}

/// Looks up a type by name. Core requests only types of the schema.
fn known<'a, T>(all: &'a BTreeMap<&'static str, T>, kind: &str, name: &str) -> Result<&'a T, Diagnostics> {
    all.get(name).ok_or_else(|| not_in_provider(kind, name))
}

/// Returns the error for a type that this provider does not have.
pub fn not_in_provider(kind: &str, name: &str) -> Diagnostics {
    Diagnostic::error("Not in This Provider", format!("This provider has no {kind} {name:?}.")).into()
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
