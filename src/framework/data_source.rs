//! What a kind of data source implements.
//!
//! It looks at things that Terraform does not manage, so it has one call. It must not change anything: core reads it
//! again whenever it likes, during a plan too.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{diagnostic::Diagnostics, resource::ResponseState, schema::Schema, value::Value};

/// A kind of data source.
#[async_trait]
pub trait DataSource: Send + Sync {
    /// Its type name, the provider's prefix included: `dli_queues`.
    fn type_name(&self) -> &'static str;

    /// Its schema. Its version means nothing: what is read is never upgraded.
    fn schema(&self) -> Schema;

    /// Looks, and saves all that the schema has; what is configured is saved as it is configured. `response` starts
    /// with nothing saved. Nothing found is an error, unless the answer is a collection.
    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;
}

/// A call to read a data source.
#[derive(Debug, Clone, Copy)]
pub struct DataRequest<'a> {
    /// The configuration, wholly known and valid, with defaults in place.
    pub config: &'a Value,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}
