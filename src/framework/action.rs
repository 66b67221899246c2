//! The action trait. Terraform 1.14 and newer invoke actions; older versions and OpenTofu ignore them.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{diagnostic::Diagnostics, schema::Schema, value::Value};

/// An action: an operation that Terraform invokes without a state, by a trigger or by `terraform apply -invoke`.
#[async_trait]
pub trait Action: Send + Sync {
    /// Returns the type name with the provider's prefix, such as `dli_connectivity_test`.
    fn type_name(&self) -> &'static str;

    /// Returns the schema. Its attributes are required or optional, because an action has no result.
    fn schema(&self) -> Schema;

    /// Runs the action and returns warnings. Terraform sets no deadline, so an action needs its own.
    async fn invoke(&self, request: InvokeRequest<'_>) -> Result<Diagnostics, Diagnostics>;
}

/// The request of [`Action::invoke`].
#[derive(Debug, Clone, Copy)]
pub struct InvokeRequest<'a> {
    /// Valid, wholly known configuration.
    pub config: &'a Value,
    /// Receives the messages that Terraform prints while the action runs.
    pub progress: &'a Progress,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// Where an action sends its progress messages.
#[derive(derive_more::Debug)]
#[debug("Progress {{ .. }}")]
pub struct Progress(Box<dyn Fn(String) + Send + Sync>);

impl Progress {
    /// Creates a progress that passes each message on.
    pub fn new(send: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends a message, which Terraform prints at once on a line of its own.
    pub fn send(&self, message: impl Into<String>) {
        (self.0)(message.into());
    }
}
