//! What a provider implements.

use std::sync::Arc;

use async_trait::async_trait;

use super::{data_source::DataSource, diagnostic::Diagnostics, resource::Resource, schema::Schema, value::Value};

/// A provider: its own configuration and the kinds of resources and data sources it has.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The schema of the provider block.
    fn schema(&self) -> Schema;

    /// Takes the configuration in. It may hold unknowns during a plan, and it may come again: in debug mode one process
    /// serves all provider blocks, and the last one counts. Warnings are the `Ok` value.
    async fn configure(&self, config: &Value) -> Result<Diagnostics, Diagnostics>;

    /// All kinds of resources.
    fn resources(&self) -> Vec<Arc<dyn Resource>>;

    /// All kinds of data sources.
    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        Vec::new()
    }
}
