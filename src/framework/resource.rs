//! What a kind of resource implements.
//!
//! The mandatory surface is small: a name, a schema and the four calls. Everything else has a default.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    model::IntoValue,
    path::Path,
    schema::Schema,
    types::Type,
    value::Value,
};

/// A kind of managed resource.
#[async_trait]
pub trait Resource: Send + Sync {
    /// Its type name, the provider's prefix included: `dli_enhanced_connection`.
    fn type_name(&self) -> &'static str;

    /// Its schema.
    fn schema(&self) -> Schema;

    /// Adds to a plan what the schema cannot say. Core plans twice and insists on the same answer, so this depends on
    /// nothing that changes between the two. Not called for a plan to destroy.
    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let _ = request;
        Ok(Diagnostics::new())
    }

    /// Makes the object. `response` starts with nothing saved.
    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Looks at the object. `response` starts with the state as it is.
    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Changes the object. `response` starts with the prior state.
    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Removes the object. `response` starts with the prior state; success forgets it.
    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Finds an object that Terraform does not manage yet, and saves it whole.
    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let _ = (request, response);
        let text = format!("Resources of type {} cannot be imported.", self.type_name());
        Err(Diagnostic::error("Import Not Supported", text).into())
    }

    /// The type that state of an older schema version had; `None` where there was no such version.
    fn prior_schema_type(&self, version: i64) -> Option<Type> {
        let _ = version;
        None
    }

    /// Turns state of an older schema version, of the type that [`Resource::prior_schema_type`] gave, into today's.
    fn upgrade_state(&self, version: i64, state: Value) -> Result<Value, Diagnostics> {
        let _ = state;
        Err(Diagnostic::bug(format!("State of version {version} cannot be upgraded.")).into())
    }
}

/// What a call leaves behind, filled in as things happen: it outlives an error, a panic or an interruption of the call,
/// so what was done is in the state whatever comes next.
#[derive(Debug, Clone, Default)]
pub struct ResponseState {
    state: Value,
    private: Vec<u8>,
    warnings: Diagnostics,
}

impl ResponseState {
    /// Starts from a state, null for nothing, and from what was noted beside it.
    pub fn new(state: Value, private: Vec<u8>) -> Self {
        Self { state, private, warnings: Diagnostics::new() }
    }

    /// This is how the object is now.
    pub fn set_state(&mut self, state: impl IntoValue) {
        self.state = state.into_value();
    }

    /// The object does not exist.
    pub fn remove_resource(&mut self) {
        self.state = Value::Null;
    }

    /// Keeps bytes beside the state that only this resource reads, until others take their place.
    pub fn set_private(&mut self, private: &[u8]) {
        private.clone_into(&mut self.private);
    }

    /// Something the practitioner should know, although the call goes on.
    pub fn add_warning(&mut self, warnings: impl Into<Diagnostics>) {
        self.warnings.extend(warnings.into());
    }

    /// The saved state, what was noted beside it, and the warnings.
    pub(super) fn into_parts(self) -> (Value, Vec<u8>, Diagnostics) {
        (self.state, self.private, self.warnings)
    }
}

/// A plan to create or update.
#[derive(Debug)]
pub struct ModifyPlanRequest<'a> {
    /// The state; null on create.
    pub prior: &'a Value,
    /// The configuration; may hold unknowns.
    pub config: &'a Value,
    /// What was noted beside the state; empty where nothing was.
    pub private: &'a [u8],
    /// The plan so far, to be changed in place where the provider decides.
    pub planned: &'a mut Value,
    /// Attributes whose change replaces the object, so far.
    pub replace: &'a mut Vec<Path>,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// A call to create.
#[derive(Debug, Clone, Copy)]
pub struct CreateRequest<'a> {
    /// The plan; unknown where the provider decides.
    pub planned: &'a Value,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// A call to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The state.
    pub state: &'a Value,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// A call to update.
#[derive(Debug, Clone, Copy)]
pub struct UpdateRequest<'a> {
    /// The state before.
    pub prior: &'a Value,
    /// The plan; unknown where the provider decides.
    pub planned: &'a Value,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// A call to delete.
#[derive(Debug, Clone, Copy)]
pub struct DeleteRequest<'a> {
    /// The state before.
    pub prior: &'a Value,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// A call to import.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// What the practitioner wrote as the id.
    pub id: &'a str,
    /// Triggered when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}
