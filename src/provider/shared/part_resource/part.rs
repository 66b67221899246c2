//! One kind of part of a connection, as data and as a trait.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::dli::rules::Rule;
use crate::dli::wire;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, FromValue, IntoValue};
use crate::framework::path::Path;
use crate::framework::resource::{ModifyPlanRequest, MoveSources, ResponseState};
use crate::framework::schema::Attribute;
use crate::framework::timeouts::Timeouts;
use crate::framework::validator::Validator;
use crate::framework::value::Value;
use crate::model;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::operation::OperationContext;
use crate::provider::shared::plan_checks::PlanChecker;
use crate::provider::shared::run_state::PartKey;
use crate::provider::shared::{connection_part, location, operation};

/// Default timeout of each operation.
pub(super) const TIMEOUT: Duration = Duration::from_mins(20);

/// Names and texts of one kind of part.
pub(crate) struct PartTexts {
    /// The resource type.
    pub(crate) type_name: &'static str,
    pub(crate) description: &'static str,
    /// Description of the list for `terraform query`.
    pub(crate) list_description: &'static str,
    /// The noun, in lower case.
    pub(crate) noun: &'static str,
    pub(crate) create_summary: &'static str,
    /// The state after a failed create.
    pub(crate) create_note: &'static str,
    /// Error summary of an update; `None` if every change of the part replaces it.
    pub(crate) update_summary: Option<&'static str>,
    pub(crate) delete_summary: &'static str,
    /// Form of the import ID, and the rules for the name in it.
    pub(crate) import_format: &'static str,
    pub(crate) import_rules: &'static [Rule],
    /// The attributes, beside those that every part has, that name the part in its identity. Exactly one is set.
    pub(crate) identity: &'static [(&'static str, &'static str)],
}

/// The result of a search for a part.
pub(crate) struct Lookup<T> {
    /// Identifies the part among all resources of a run.
    pub(crate) key: PartKey,
    /// The part; `None` if it is missing.
    pub(crate) found: Option<T>,
    /// Another part of the connection that keeps this one from being created.
    pub(crate) holder: Option<Holder>,
}

/// A part that a connection has, for a list.
pub(crate) struct ListedPart<P: ConnectionPart> {
    pub(crate) part: P,
    pub(crate) found: P::Found,
    /// The display name, behind the connection's.
    pub(crate) display_name: String,
}

/// A part that has the name or network that another part needs.
pub(crate) struct Holder {
    pub(crate) key: PartKey,
    /// Noun and name, for messages.
    pub(crate) subject: String,
    /// The part of the import ID behind the connection's.
    pub(crate) id: String,
}

/// How far a delete request got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletion {
    Done,
    /// The service removes the part after its response.
    Accepted,
    /// The service cannot remove the part yet.
    NotYet,
}

/// The attributes of one kind of part, beside those that every part has. `id` is the ID of the connection.
#[async_trait]
pub(crate) trait ConnectionPart: FromValue + IntoValue + Clone + Debug + Send + Sync + 'static {
    /// The part as the service returns it.
    type Found: Send + Sync;

    const TEXTS: PartTexts;
    /// Default timeout of read.
    const READ_TIMEOUT: Duration = TIMEOUT;
    /// Whether a list needs the privileges of a connection, which are read for one connection at a time.
    const LISTS_PRIVILEGES: bool = false;
    /// Interval between reads while a part is being removed.
    const POLL_INTERVAL: Duration = Duration::from_secs(1);

    fn attributes() -> Vec<Attribute>;

    fn validators() -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// The parts of a connection with these privileges.
    fn listed(shown: &wire::Connection, privileges: Vec<wire::Privilege>) -> Vec<ListedPart<Self>>;

    /// The part that an import ID names behind the connection; `None` if the ID has another form.
    fn from_import_id(text: &str) -> Option<Self>;

    /// The states of other resource types that [`ConnectionPart::from_source`] takes; `id` and `connection_id` are
    /// among their attributes.
    fn move_sources() -> Option<MoveSources> {
        None
    }

    /// The part of such a state.
    fn from_source(_source: &Value) -> Result<Self, Diagnostics> {
        Err(Diagnostic::bug(format!("No state can be moved to {}.", Self::TEXTS.type_name)).into())
    }

    fn name(&self) -> &str;

    /// The ID of the part, behind the connection's.
    fn id(&self) -> String {
        self.name().to_owned()
    }

    /// Identifies the part within its connection, in words. `None` if a value is unknown.
    fn identity(value: &Value) -> Option<String>;

    /// Whether the part exists, for a plan.
    async fn exists(checker: &PlanChecker, connection: &str, planned: &Value) -> bool;

    /// The object of error messages.
    fn subject(&self, id: &str) -> String;

    /// Sets the computed attributes; `found` is `None` for a new part.
    fn set_computed(&mut self, found: Option<Self::Found>);

    /// Searches the part; `None` if the connection is gone.
    async fn find(&self, context: &OperationContext, id: &str) -> operation::Result<Option<Lookup<Self::Found>>>;

    /// A warning if the service has given up on a part. Such a part counts as missing.
    fn failure(_found: &Self::Found) -> Option<Diagnostic> {
        None
    }

    /// Creates the part; `old` is a part that exists but has failed.
    async fn create(&self, context: &OperationContext, id: &str, old: Option<&Self::Found>) -> operation::Result<()>;

    /// Waits until a part that was created or adopted works, and returns it if it was read.
    async fn wait(
        &self,
        _context: &OperationContext,
        _id: &str,
        _failed: Option<&Self::Found>,
        _response: &mut ResponseState,
    ) -> operation::Result<Option<Self::Found>> {
        Ok(None)
    }

    /// Adopts an existing part at create: the warning, or why it cannot be adopted.
    fn adopt(&self, id: &str, found: &Self::Found) -> Result<Diagnostic, Diagnostic>;

    /// Whether `planned` needs requests: the part is removed and created again. Other changes are written to the state
    /// only.
    fn is_changed(&self, _planned: &Self) -> bool {
        false
    }

    async fn delete(&self, context: &OperationContext, id: &str, found: &Self::Found) -> operation::Result<Deletion>;

    /// A warning if `found` has replaced the part of the state and must not be deleted.
    fn foreign(&self, _id: &str, _found: &Self::Found) -> Option<Diagnostic> {
        None
    }

    /// A warning about what else the removal of an [accepted](Deletion::Accepted) part means.
    fn removed(&self, _id: &str, _found: &Self::Found) -> Option<Diagnostic> {
        None
    }

    /// Checks a plan against other resources and the service.
    async fn check_plan(_provider_data: &ProviderData, _request: &ModifyPlanRequest<'_>) -> Diagnostics {
        Diagnostics::new()
    }
}

model! {
    /// The attributes that every part has.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct CommonAttributes {
        pub(crate) region: Computed<String>,
        pub(crate) project_id: Computed<String>,
        pub(crate) connection_id: String,
        pub(crate) timeouts: Timeouts,
        pub(crate) id: Computed<String>,
    }
}

/// A part with all its attributes.
#[derive(Debug, Clone)]
pub(crate) struct Part<P> {
    pub(crate) common: CommonAttributes,
    pub(crate) own: P,
}

impl<P: FromValue> FromValue for Part<P> {
    fn from_value(value: &Value, path: &Path) -> Result<Self, Diagnostics> {
        Ok(Self { common: CommonAttributes::from_value(value, path)?, own: P::from_value(value, path)? })
    }
}

impl<P: IntoValue> IntoValue for Part<P> {
    fn into_value(self) -> Value {
        let mut value = self.own.into_value();
        for (name, attribute) in self.common.into_value().entries() {
            value.set_attribute(name, attribute.clone());
        }
        value
    }
}

impl<P: ConnectionPart> Part<P> {
    pub(super) fn from_state(state: &Value) -> Result<Self, Diagnostics> {
        let part: Self = connection_part::from_state(state)?;
        connection_part::check_state(&part.common.connection_id)?;
        if part.own.name().is_empty() {
            return Err(connection_part::damaged(&format!("the {} has no name.", P::TEXTS.noun), Path::root()).into());
        }
        Ok(part)
    }

    pub(super) fn set_computed(&mut self, context: &OperationContext, found: Option<P::Found>) {
        let common = &mut self.common;
        location::fill_location(&mut common.region, &mut common.project_id, context);
        self.set_id();
        self.own.set_computed(found);
    }

    pub(super) fn set_id(&mut self) {
        self.common.id = Computed(Some(format!("{}/{}", self.common.connection_id, self.own.id())));
    }

    /// Finds a part that the state holds; repeats the search while it is missing or `is_foreign`.
    pub(super) async fn find_held(
        &self,
        context: &OperationContext,
        is_foreign: impl Fn(&P::Found) -> bool,
    ) -> operation::Result<Option<Lookup<P::Found>>> {
        let is_missing = |lookup: &Option<Lookup<P::Found>>| {
            lookup.as_ref().is_some_and(|lookup| lookup.found.as_ref().is_none_or(&is_foreign))
        };
        connection_part::read_until(context, || self.own.find(context, &self.common.connection_id), is_missing).await
    }
}
