//! The provider trait.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    action::Action, data_source::DataSource, diagnostic::Diagnostics, function::Function, list_resource::ListResource,
    resource::Resource, schema::Schema, value::Value,
};

/// A provider: its schema, configuration, resources, data sources, functions and actions.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Returns the schema of the provider block.
    fn schema(&self) -> Schema;

    /// Receives the version that the client reports, such as `1.11.4`, before [`Provider::configure`].
    fn set_client_version(&self, version: &str) {
        let _ = version;
    }

    /// Configures the provider and returns warnings.
    ///
    /// The configuration may contain unknowns during a plan. In debug mode one process serves all provider blocks, so
    /// this may be called again; the last call wins.
    async fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics>;

    /// Returns all resource types.
    fn resources(&self) -> Vec<Arc<dyn Resource>>;

    /// Returns all data sources.
    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        Vec::new()
    }

    /// Returns all list resources.
    fn list_resources(&self) -> Vec<Arc<dyn ListResource>> {
        Vec::new()
    }

    /// Returns all functions.
    fn functions(&self) -> Vec<Function> {
        Vec::new()
    }

    /// Returns all actions.
    fn actions(&self) -> Vec<Arc<dyn Action>> {
        Vec::new()
    }
}
