//! The list resource trait. `terraform query` (1.14) lists existing objects; older versions and OpenTofu ignore it.

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::{diagnostic::Diagnostics, schema::Schema, value::Value};

/// Lists the objects of a resource type that exist, whether Terraform manages them or not.
#[async_trait]
pub trait ListResource: Send + Sync {
    /// Returns the name of a resource type that has an identity.
    fn type_name(&self) -> &'static str;

    /// Returns the schema of the `config` block. Its attributes are required or optional.
    fn schema(&self) -> Schema;

    /// Sends the objects until `results` accepts no more.
    async fn list(&self, request: ListRequest<'_>, results: &mut ListResults) -> Result<(), Diagnostics>;
}

/// The request of [`ListResource::list`].
#[derive(Debug, Clone, Copy)]
pub struct ListRequest<'a> {
    /// Valid, wholly known configuration.
    pub config: &'a Value,
    /// Whether each result needs its resource object.
    pub include_resource: bool,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// An object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    /// Display name.
    pub display_name: String,
    /// The identity, with all attributes that are known.
    pub identity: Value,
    /// The state as an import would read it; null if it is not included.
    pub resource: Value,
}

/// An event of the result stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEvent {
    /// An object.
    Item(ListItem),
    /// Warnings, or the error that ends the list.
    Diagnostics(Diagnostics),
}

/// The sink for results; it enforces the limit.
#[derive(Debug)]
pub struct ListResults {
    events: Sender<ListEvent>,
    remaining: i64,
}

impl ListResults {
    /// Creates a sink that accepts at most `limit` objects.
    pub fn new(events: Sender<ListEvent>, limit: i64) -> Self {
        Self { events, remaining: limit }
    }

    /// Whether the client can receive more objects: the limit is not reached and the call is open.
    pub fn wants_more(&self) -> bool {
        self.remaining > 0 && !self.events.is_closed()
    }

    /// Sends an object; waits if the buffer is full. Returns whether more are wanted.
    pub async fn send(&mut self, item: ListItem) -> bool {
        if self.wants_more() {
            self.remaining -= 1;
            self.push(ListEvent::Item(item)).await;
        }
        self.wants_more()
    }

    /// Sends warnings; the list continues.
    pub async fn warn(&mut self, warnings: Diagnostics) {
        if warnings.iter().next().is_some() {
            self.push(ListEvent::Diagnostics(warnings)).await;
        }
    }

    async fn push(&self, event: ListEvent) {
        // The receiver is gone if the client has ended the call.
        let _ = self.events.send(event).await;
    }
}
