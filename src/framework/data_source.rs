//! The data source trait.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{diagnostic::Diagnostics, resource::ResponseState, schema::Schema, value::Value};

/// A data source. Reading must not change anything: Terraform reads at any time, during a plan too.
#[async_trait]
pub trait DataSource: Send + Sync {
    /// Returns the type name with the provider's prefix, such as `dli_queues`.
    fn type_name(&self) -> &'static str;

    /// Returns the schema. Its version is not used.
    fn schema(&self) -> Schema;

    /// Reads the data source and sets the whole state; configured values stay as configured.
    ///
    /// No match is an error unless the result is a collection. `response` starts without a state.
    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;
}

/// The request of [`DataSource::read`].
#[derive(Debug, Clone, Copy)]
pub struct DataRequest<'a> {
    /// Valid, wholly known configuration with defaults applied.
    pub config: &'a Value,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}
