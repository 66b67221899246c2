//! The resource trait, its requests and its response.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::model::IntoValue;
use super::path::Path;
use super::schema::Schema;
use super::types::Type;
use super::value::Value;

/// A managed resource type. Name, schema, create, read, update and delete are mandatory.
#[async_trait]
pub trait Resource: Send + Sync {
    /// Returns the type name with the provider's prefix, such as `dli_enhanced_connection`.
    fn type_name(&self) -> &'static str;

    /// Returns the schema.
    fn schema(&self) -> Schema;

    /// Returns the identity schema; `None` if the resource has no identity.
    ///
    /// Its attributes are strings, and attributes of the state with the same names supply their values.
    fn identity_schema(&self) -> Option<Schema> {
        None
    }

    /// Returns the import ID of the object with this identity, which is valid.
    fn import_id(&self, identity: &Value) -> String {
        let _ = identity;
        String::new()
    }

    /// Sets optional attributes of a generated configuration to null if they have the value that they would have anyway.
    fn omit_defaults(&self, config: &mut Value) {
        let _ = config;
    }

    /// Adjusts the plan of a create or update.
    ///
    /// Terraform plans twice and requires equal results, so this must depend on nothing that changes in between.
    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let _ = request;
        Ok(Diagnostics::new())
    }

    /// Returns warnings about a planned deletion. `private` is what [`Resource::delete`] finds in its response.
    fn plan_destroy(&self, prior: &Value, private: &mut Vec<u8>) -> Diagnostics {
        let _ = (prior, private);
        Diagnostics::new()
    }

    /// Creates the object. `response` starts without a state.
    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Reads the object. `response` starts with the current state.
    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Updates the object. `response` starts with the prior state.
    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Deletes the object. `response` starts with the prior state; success removes it.
    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics>;

    /// Imports an existing object and sets its whole state.
    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let _ = (request, response);
        let text = format!("Resources of type {} cannot be imported.", self.type_name());
        Err(Diagnostic::error("Import Not Supported", text).into())
    }

    /// Returns the type of state of an older schema version, if that version existed.
    fn prior_schema_type(&self, version: i64) -> Option<Type> {
        let _ = version;
        None
    }

    /// Upgrades state of an older schema version, which has the type of [`Resource::prior_schema_type`].
    fn upgrade_state(&self, version: i64, state: Value) -> Result<Value, Diagnostics> {
        let _ = state;
        Err(Diagnostic::bug(format!("State of version {version} cannot be upgraded.")).into())
    }

    /// Returns the states of other resource types that [`Resource::move_state`] converts.
    fn move_sources(&self) -> Option<MoveSources> {
        None
    }

    /// Converts a state of [`Resource::move_sources`] to a state of this resource type, for a `moved` block.
    ///
    /// Runs before the provider is configured, possibly more than once, so it must be pure. `response` starts without
    /// a state.
    fn move_state(&self, source: &Value, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let _ = (source, response);
        Err(Diagnostic::bug(format!("No state can be moved to {}.", self.type_name())).into())
    }
}

/// The states of other resource types that can be moved to a resource type.
#[derive(Debug, Clone)]
pub struct MoveSources {
    /// Types of the providers, in any namespace and on any registry host.
    pub providers: &'static [&'static str],
    /// Name of the resource type, which is `PROVIDER_NAME` in each provider.
    pub type_name: &'static str,
    /// The only schema version.
    pub version: i64,
    /// Type of the states. Attributes that a state lacks are null, others are ignored.
    pub ty: Type,
}

/// The response state, updated as the operation proceeds.
///
/// It survives an error, a panic or an interruption, so the state contains everything done so far.
#[derive(Debug, Clone, Default)]
pub struct ResponseState {
    state: Value,
    private: Vec<u8>,
    warnings: Diagnostics,
}

impl ResponseState {
    /// Creates a response from a state, null for none, and private data.
    pub fn new(state: Value, private: Vec<u8>) -> Self {
        Self { state, private, warnings: Diagnostics::new() }
    }

    /// The state so far; null if there is none.
    pub fn state(&self) -> &Value {
        &self.state
    }

    /// Sets the state.
    pub fn set_state(&mut self, state: impl IntoValue) {
        self.state = state.into_value();
    }

    /// Sets one attribute of the state.
    pub fn set_attribute(&mut self, name: &str, value: impl IntoValue) {
        self.state.set_attribute(name, value.into_value());
    }

    /// Removes the resource from the state.
    pub fn remove_resource(&mut self) {
        self.state = Value::Null;
    }

    /// The private data so far.
    pub fn private(&self) -> &[u8] {
        &self.private
    }

    /// Sets the private data, which Terraform stores beside the state.
    pub fn set_private(&mut self, private: &[u8]) {
        private.clone_into(&mut self.private);
    }

    /// Adds warnings; the operation continues.
    pub fn add_warning(&mut self, warnings: impl Into<Diagnostics>) {
        self.warnings.extend(warnings.into());
    }

    pub(super) fn into_parts(self) -> (Value, Vec<u8>, Diagnostics) {
        (self.state, self.private, self.warnings)
    }
}

/// The request of [`Resource::modify_plan`].
#[derive(Debug)]
pub struct ModifyPlanRequest<'a> {
    /// The prior state; null on create.
    pub prior: &'a Value,
    /// The configuration; may contain unknowns.
    pub config: &'a Value,
    /// Private data; empty if there is none. The update, or the deletion of a replaced object, finds what is set here.
    /// Terraform plans a replacement again without its state, and with this private data.
    pub private: &'a mut Vec<u8>,
    /// The plan so far; computed values may be changed in place.
    pub planned: &'a mut Value,
    /// Attributes whose change requires replacement.
    pub replace: &'a mut Vec<Path>,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// The request of [`Resource::create`].
#[derive(Debug, Clone, Copy)]
pub struct CreateRequest<'a> {
    /// The plan; computed values may be unknown.
    pub planned: &'a Value,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// The request of [`Resource::read`].
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The state.
    pub state: &'a Value,
    /// Private data; empty if there is none.
    pub private: &'a [u8],
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// The request of [`Resource::update`].
#[derive(Debug, Clone, Copy)]
pub struct UpdateRequest<'a> {
    /// The prior state.
    pub prior: &'a Value,
    /// The plan; computed values may be unknown.
    pub planned: &'a Value,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// The request of [`Resource::delete`].
#[derive(Debug, Clone, Copy)]
pub struct DeleteRequest<'a> {
    /// The prior state.
    pub prior: &'a Value,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}

/// The request of [`Resource::import`].
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The import ID.
    pub id: &'a str,
    /// Cancelled when the practitioner interrupts.
    pub stop: &'a CancellationToken,
}
