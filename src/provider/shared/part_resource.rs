//! A resource that manages one part of a connection, such as one route or one privilege.
//!
//! Such a resource is not authoritative: it ignores the other parts of the connection. When the connection is deleted,
//! its parts are gone too.

use std::{fmt::Debug, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    connection_part, location,
    operation::{OperationContext, OperationError, report},
    run_state::PartKey,
};
use crate::{
    dli::rules::{CONNECTION_ID, Rule},
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        model::{FromValue, IntoValue},
        path::Path,
        resource::{
            CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState,
            UpdateRequest,
        },
        schema::Schema,
        timeouts::Timeouts,
        value::Value,
    },
    provider::provider_data::ProviderData,
};

/// Default timeout of each operation.
pub(in crate::provider) const TIMEOUT: Duration = Duration::from_mins(20);
/// Interval between checks whether a removed part is still listed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Names and texts of one kind of part.
pub(in crate::provider) struct PartTexts {
    /// The resource type.
    pub(in crate::provider) type_name: &'static str,
    /// The noun, in lower case.
    pub(in crate::provider) noun: &'static str,
    /// Error summaries of create and delete.
    pub(in crate::provider) create_summary: &'static str,
    pub(in crate::provider) delete_summary: &'static str,
    /// The state after a failed create.
    pub(in crate::provider) create_note: &'static str,
    /// Form of the import ID, and the rules for its second segment.
    pub(in crate::provider) import_format: &'static str,
    pub(in crate::provider) import_rules: &'static [Rule],
}

/// The result of a search for a part.
pub(in crate::provider) enum Lookup<T> {
    NoConnection,
    Missing,
    Found(T),
}

/// One part of a connection, as a model of its resource.
#[async_trait]
pub(in crate::provider) trait ConnectionPart:
    FromValue + IntoValue + Clone + Debug + Send + Sync + 'static
{
    /// The part as the service returns it.
    type Found: Send + Sync;

    const TEXTS: PartTexts;

    fn schema() -> Schema;

    /// The part that an import ID names.
    fn from_import_id(connection_id: &str, name: &str) -> Self;

    fn connection_id(&self) -> &str;

    fn location(&self) -> (Option<&str>, Option<&str>);

    fn timeouts(&self) -> &Timeouts;

    /// The object of error messages.
    fn subject(&self) -> String;

    /// Identifies the part among all resources of a run.
    fn key(&self, found: Option<&Self::Found>) -> PartKey;

    /// Sets the computed attributes; `found` is `None` for a new part.
    fn set_computed(&mut self, context: &OperationContext, found: Option<Self::Found>);

    async fn find(&self, context: &OperationContext) -> Result<Lookup<Self::Found>, OperationError>;

    async fn create(&self, context: &OperationContext) -> Result<(), OperationError>;

    async fn delete(&self, context: &OperationContext, found: &Self::Found) -> Result<(), OperationError>;

    /// Adopts an existing part at create: the warning, or why it cannot be adopted.
    fn adopt(&self, found: &Self::Found) -> Result<Diagnostic, Diagnostics>;

    /// A warning if `found` has replaced the part of the state and must not be deleted.
    fn foreign(&self, _found: &Self::Found) -> Option<Diagnostic> {
        None
    }

    /// Checks a plan against other resources.
    fn check_plan(_provider_data: &ProviderData, _planned: &Value) -> Diagnostics {
        Diagnostics::new()
    }

    /// By default, changes only the state: every other change replaces the part.
    async fn update(
        _provider_data: &ProviderData,
        request: UpdateRequest<'_>,
        response: &mut ResponseState,
    ) -> Result<(), Diagnostics> {
        response.set_state(request.planned.clone());
        Ok(())
    }
}

/// Implements [`Resource`] for a part of a connection.
#[derive(Debug)]
pub(in crate::provider) struct PartResource<P> {
    provider_data: Arc<ProviderData>,
    part: PhantomData<fn() -> P>,
}

impl<P: ConnectionPart> PartResource<P> {
    pub(in crate::provider) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data, part: PhantomData }
    }

    async fn begin(
        &self,
        part: &P,
        timeout: Duration,
        stop: &tokio_util::sync::CancellationToken,
    ) -> Result<OperationContext, OperationError> {
        let context = self.provider_data.begin(part.location(), timeout, stop).await?;
        Ok(context.subject(part.subject()))
    }
}

/// Reads a part of the state from the configuration's model, and checks its connection ID.
pub(in crate::provider) fn from_state<P: ConnectionPart>(state: &Value) -> Result<P, Diagnostics> {
    let part: P = connection_part::from_state(state)?;
    connection_part::check_state(part.connection_id())?;
    Ok(part)
}

/// Finds a part that the state holds; repeats the search while it is missing or `is_foreign`.
async fn find_held<P: ConnectionPart>(
    context: &OperationContext,
    part: &P,
    is_foreign: impl Fn(&P::Found) -> bool,
) -> Result<Option<P::Found>, OperationError> {
    let is_missing = |lookup: &Lookup<P::Found>| match lookup {
        Lookup::NoConnection => false,
        Lookup::Missing => true,
        Lookup::Found(found) => is_foreign(found),
    };
    Ok(match connection_part::read_until(context, || part.find(context), is_missing).await? {
        Lookup::Found(found) => Some(found),
        Lookup::NoConnection | Lookup::Missing => None,
    })
}

fn title(noun: &str) -> String {
    noun[..1].to_ascii_uppercase() + &noun[1..]
}

#[async_trait]
impl<P: ConnectionPart> Resource for PartResource<P> {
    fn type_name(&self) -> &'static str {
        P::TEXTS.type_name
    }

    fn schema(&self) -> Schema {
        P::schema()
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        location::fill_planned(&self.provider_data, request.config, request.planned);
        Ok(P::check_plan(&self.provider_data, request.planned))
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { create_summary: summary, create_note: note, noun, .. } = P::TEXTS;
        let mut part = P::from_value(request.planned, &Path::root())?;
        report(summary, note, async {
            let context = self.begin(&part, part.timeouts().create(TIMEOUT), request.stop).await?;
            let id = part.connection_id().to_owned();
            let _guard = connection_part::lock(&context, &self.provider_data, &id).await?;
            let run_state = self.provider_data.run_state();
            let found = loop {
                match part.find(&context).await? {
                    Lookup::NoConnection => return Err(connection_part::no_connection(summary, &id).into()),
                    Lookup::Missing => break None,
                    Lookup::Found(found) if !run_state.is_removed(&id, part.key(Some(&found))) => break Some(found),
                    Lookup::Found(_) => {
                        context.pause(POLL_INTERVAL, || format!("The removal of the old {noun}")).await?;
                    }
                }
            };
            if let Some(found) = &found {
                response.add_warning(part.adopt(found)?);
                run_state.mark_in_use(&id, part.key(Some(found)));
            } else if let Err(error) = part.create(&context).await {
                part.set_computed(&context, None);
                return Err(connection_part::create_failed(error, (summary, note), part, response).into());
            }
            run_state.mark_in_use(&id, part.key(None));
            part.set_computed(&context, found);
            response.set_state(part);
            Ok(())
        })
        .await
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut part: P = from_state(request.state)?;
        let summary = format!("Could Not Read the {}", title(P::TEXTS.noun));
        report(&summary, "The state was not changed.", async {
            let context = self.begin(&part, part.timeouts().read(TIMEOUT), request.stop).await?;
            match find_held(&context, &part, |_| false).await? {
                Some(found) => {
                    part.set_computed(&context, Some(found));
                    response.set_state(part);
                }
                None => response.remove_resource(),
            }
            Ok(())
        })
        .await
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        P::update(&self.provider_data, request, response).await
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let part: P = from_state(request.prior)?;
        let noun = P::TEXTS.noun;
        let note =
            format!("The {noun} is still in the state. Run the same command again (terraform destroy, or apply).");
        report(P::TEXTS.delete_summary, &note, async {
            let context = self.begin(&part, part.timeouts().delete(TIMEOUT), request.stop).await?;
            let id = part.connection_id();
            let _guard = connection_part::lock(&context, &self.provider_data, id).await?;
            let is_foreign = |found: &P::Found| part.foreign(found).is_some();
            let Some(found) = find_held(&context, &part, is_foreign).await? else { return Ok(()) };
            if let Some(warning) = part.foreign(&found) {
                response.add_warning(warning);
                return Ok(());
            }
            let run_state = self.provider_data.run_state();
            // With create_before_destroy, the new resource has already adopted this part.
            if run_state.is_in_use(id, part.key(Some(&found))) {
                tracing::info!(id, "{noun} not removed: another resource of this run uses it");
                return Ok(());
            }
            part.delete(&context, &found).await?;
            run_state.mark_removed(id, part.key(Some(&found)));
            Ok(())
        })
        .await
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { noun, import_format, import_rules, .. } = P::TEXTS;
        let (object, region, project_id) = location::parse_import_id(request.id);
        let Some((connection_id, name)) = object.split_once('/') else {
            return Err(connection_part::invalid_import(request.id, import_format));
        };
        let segments = [(connection_id, &[CONNECTION_ID][..]), (name, import_rules)];
        connection_part::check_import(request.id, import_format, &segments)?;
        report(&format!("Could Not Import the {}", title(noun)), "Nothing was imported.", async {
            let location = (region, project_id);
            let context = self.provider_data.begin(location, TIMEOUT, request.stop).await?;
            let mut part = P::from_import_id(connection_id, name);
            let Lookup::Found(found) = part.find(&context).await? else {
                return Err(connection_part::not_found(&part.subject(), &title(noun)).into());
            };
            part.set_computed(&context, Some(found));
            response.set_state(part);
            Ok(())
        })
        .await
    }
}
