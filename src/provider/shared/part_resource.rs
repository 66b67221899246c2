//! A resource that manages one part of a connection: one binding, one route or one privilege.
//!
//! Such a resource is not authoritative: it ignores the other parts of the connection. When the connection is deleted,
//! its parts are gone too.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::operation::{OperationContext, report};
use super::run_state::PartKey;
use super::{connection_part, location, operation};
use crate::dli::rules::{CONNECTION_ID, Rule};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, FromValue, IntoValue};
use crate::framework::path::Path;
use crate::framework::plan_modifier::USE_STATE_FOR_UNKNOWN;
use crate::framework::resource::{
    CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, ReadRequest, Resource, ResponseState, UpdateRequest,
};
use crate::framework::schema::{Attribute, BlockBody, Schema};
use crate::framework::timeouts::{Operation, Timeouts};
use crate::framework::validator::Validator;
use crate::framework::value::Value;
use crate::model;
use crate::provider::provider_data::ProviderData;

/// Default timeout of each operation.
const TIMEOUT: Duration = Duration::from_mins(20);

/// Names and texts of one kind of part.
pub(crate) struct PartTexts {
    /// The resource type.
    pub(crate) type_name: &'static str,
    pub(crate) description: &'static str,
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
}

/// The result of a search for a part.
pub(crate) struct Lookup<T> {
    /// Identifies the part among all resources of a run.
    pub(crate) key: PartKey,
    /// The part; `None` if it is missing.
    pub(crate) found: Option<T>,
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
    /// Interval between reads while a part is being removed.
    const POLL_INTERVAL: Duration = Duration::from_secs(1);

    fn attributes() -> Vec<Attribute>;

    fn validators() -> Vec<Arc<dyn Validator>> {
        Vec::new()
    }

    /// The part that an import ID names behind the connection; `None` if the ID has another form.
    fn from_import_id(text: &str) -> Option<Self>;

    fn name(&self) -> &str;

    /// The ID of the part, behind the connection's.
    fn id(&self) -> String {
        self.name().to_owned()
    }

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
    fn adopt(&self, id: &str, found: &Self::Found) -> Result<Diagnostic, Diagnostics>;

    /// Whether `planned` needs requests. Other changes are written to the state only.
    fn is_changed(&self, _planned: &Self) -> bool {
        false
    }

    /// Changes the part in place.
    async fn update(
        &self,
        _context: &OperationContext,
        _planned: &Part<Self>,
        _response: &mut ResponseState,
    ) -> operation::Result<()> {
        Ok(())
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
    async fn check_plan(_provider_data: &ProviderData, _request: ModifyPlanRequest<'_>) -> Diagnostics {
        Diagnostics::new()
    }
}

model! {
    /// The attributes that every part has.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct CommonAttributes {
        region: Computed<String>,
        project_id: Computed<String>,
        pub(crate) connection_id: String,
        timeouts: Timeouts,
        id: Computed<String>,
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
        for (name, attribute) in self.common.into_value().as_map().into_iter().flatten() {
            value.set_attribute(name, attribute.clone());
        }
        value
    }
}

impl<P: ConnectionPart> Part<P> {
    fn from_state(state: &Value) -> Result<Self, Diagnostics> {
        let part: Self = connection_part::from_state(state)?;
        connection_part::check_state(&part.common.connection_id)?;
        if part.own.name().is_empty() {
            return Err(connection_part::damaged(&format!("the {} has no name.", P::TEXTS.noun), Path::root()).into());
        }
        Ok(part)
    }

    fn set_computed(&mut self, context: &OperationContext, found: Option<P::Found>) {
        let common = &mut self.common;
        location::fill_location(&mut common.region, &mut common.project_id, context);
        common.id = Computed(Some(format!("{}/{}", common.connection_id, self.own.id())));
        self.own.set_computed(found);
    }

    /// Finds a part that the state holds; repeats the search while it is missing or `is_foreign`.
    async fn find_held(
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

/// Implements [`Resource`] for a part of a connection.
#[derive(Debug)]
pub(crate) struct PartResource<P> {
    provider_data: Arc<ProviderData>,
    part: PhantomData<fn() -> P>,
}

impl<P: ConnectionPart> PartResource<P> {
    pub(crate) fn new(provider_data: Arc<ProviderData>) -> Self {
        Self { provider_data, part: PhantomData }
    }

    async fn begin(
        &self,
        Part { common, own }: &Part<P>,
        timeout: Duration,
        stop: &CancellationToken,
    ) -> operation::Result<OperationContext> {
        let location = (common.region.0.as_deref(), common.project_id.0.as_deref());
        let context = self.provider_data.begin(location, timeout, stop).await?;
        Ok(context.subject(own.subject(&common.connection_id)))
    }
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
        let id = format!("Import ID of this resource: `{}`.", P::TEXTS.import_format.replace(" or ", "` or `"));
        let id = Attribute::string("id").computed().plan_modifier(USE_STATE_FOR_UNKNOWN).description(id);
        let mut attributes = vec![connection_part::connection_id(), id];
        attributes.extend(P::attributes());
        attributes.extend(location::resource_attributes());
        let mut timeouts = vec![(Operation::Create, TIMEOUT), (Operation::Read, P::READ_TIMEOUT)];
        timeouts.extend(P::TEXTS.update_summary.map(|_| (Operation::Update, TIMEOUT)));
        timeouts.push((Operation::Delete, TIMEOUT));
        let (blocks, description) = (vec![Timeouts::block(&timeouts)], P::TEXTS.description.to_owned());
        let body = BlockBody { attributes, blocks, description, ..BlockBody::default() };
        Schema { body, validators: P::validators(), ..Schema::default() }
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        location::fill_planned(&self.provider_data, request.config, request.planned);
        let report = P::check_plan(&self.provider_data, request).await;
        if report.has_errors() { Err(report) } else { Ok(report) }
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { create_summary: summary, create_note: note, noun, .. } = P::TEXTS;
        let mut part = Part::<P>::from_value(request.planned, &Path::root())?;
        report(summary, note, async {
            let context = self.begin(&part, part.common.timeouts.create(TIMEOUT), request.stop).await?;
            let id = &part.common.connection_id.clone();
            let guard = connection_part::lock(&context, &self.provider_data, id).await?;
            let run_state = self.provider_data.run_state();
            let Lookup { key, found } = loop {
                match part.own.find(&context, id).await? {
                    None => return Err(connection_part::no_connection(summary, id).into()),
                    Some(lookup) if lookup.found.is_none() || !run_state.is_removed(id, &lookup.key) => break lookup,
                    Some(_) => context.pause(P::POLL_INTERVAL, || format!("The removal of the old {noun}")).await?,
                }
            };
            let (adopted, failed) = match found {
                Some(found) if P::failure(&found).is_none() => (Some(found), None),
                failed => (None, failed),
            };
            if let Some(found) = &adopted {
                response.add_warning(part.own.adopt(id, found)?);
                tracing::info!(connection_id = id, name = part.own.name(), "adopted");
            } else if let Err(error) = part.own.create(&context, id, failed.as_ref()).await {
                part.set_computed(&context, None);
                return Err(connection_part::create_failed(error, (summary, note), part, response).into());
            }
            run_state.mark_in_use(id, &key);
            drop(guard);
            // The part exists from now on, so the state holds it before any later error.
            part.set_computed(&context, adopted);
            response.set_state(part.clone());
            if let Some(found) = part.own.wait(&context, id, failed.as_ref(), response).await? {
                part.set_computed(&context, Some(found));
                response.set_state(part);
            }
            Ok(())
        })
        .await
    }

    async fn read(&self, request: ReadRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let mut part = Part::<P>::from_state(request.state)?;
        let summary = format!("Could Not Read the {}", title(P::TEXTS.noun));
        report(&summary, "The state was not changed.", async {
            let context = self.begin(&part, part.common.timeouts.read(P::READ_TIMEOUT), request.stop).await?;
            let lookup = part.find_held(&context, |_| false).await?;
            let found = lookup.and_then(|lookup| lookup.found);
            match (found.as_ref().and_then(P::failure), found) {
                (None, Some(found)) => {
                    part.set_computed(&context, Some(found));
                    response.set_state(part);
                }
                (failure, _) => {
                    response.add_warning(failure.into_iter().collect::<Diagnostics>());
                    response.remove_resource();
                }
            }
            Ok(())
        })
        .await
    }

    async fn update(&self, request: UpdateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let prior = Part::<P>::from_state(request.prior)?;
        let planned = Part::<P>::from_value(request.planned, &Path::root())?;
        if let Some(summary) = P::TEXTS.update_summary.filter(|_| prior.own.is_changed(&planned.own)) {
            report(summary, "The state was not changed. Fix the cause and apply again.", async {
                let context = self.begin(&prior, planned.common.timeouts.update(TIMEOUT), request.stop).await?;
                let _guard = connection_part::lock(&context, &self.provider_data, &prior.common.connection_id).await?;
                prior.own.update(&context, &planned, response).await
            })
            .await?;
        }
        response.set_state(planned);
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let part = Part::<P>::from_state(request.prior)?;
        let PartTexts { delete_summary, noun, .. } = P::TEXTS;
        let note =
            format!("The {noun} is still in the state. Run the same command again (terraform destroy, or apply).");
        report(delete_summary, &note, async {
            let context = self.begin(&part, part.common.timeouts.delete(TIMEOUT), request.stop).await?;
            let (own, id) = (&part.own, &part.common.connection_id);
            let mut guard = Some(connection_part::lock(&context, &self.provider_data, id).await?);
            let run_state = self.provider_data.run_state();
            let mut removed = None;
            loop {
                let lookup = if guard.is_some() {
                    part.find_held(&context, |found| own.foreign(id, found).is_some()).await?
                } else {
                    own.find(&context, id).await?
                };
                let Some(Lookup { key, found: Some(found) }) = lookup else { break };
                if P::failure(&found).is_some() {
                    response.add_warning(left_behind(noun, &own.subject(id)));
                    return Ok(());
                }
                if let Some(warning) = own.foreign(id, &found) {
                    response.add_warning(warning);
                    return Ok(());
                }
                // With create_before_destroy, the new resource has already adopted this part.
                if run_state.is_in_use(id, &key) {
                    tracing::info!(id, "{noun} not removed: another resource of this run uses it");
                    break;
                }
                if guard.is_some() {
                    let deletion = own.delete(&context, id, &found).await?;
                    if deletion != Deletion::NotYet {
                        run_state.mark_removed(id, &key);
                        if deletion == Deletion::Done {
                            return Ok(());
                        }
                        (removed, guard) = (Some(found), None);
                        continue;
                    }
                }
                context.pause(P::POLL_INTERVAL, || format!("The removal of the {noun}")).await?;
            }
            let warning = removed.and_then(|found| own.removed(id, &found));
            response.add_warning(warning.into_iter().collect::<Diagnostics>());
            Ok(())
        })
        .await
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { noun, import_format, import_rules, .. } = P::TEXTS;
        let (object, region, project_id) = location::parse_import_id(request.id);
        let parts = object.split_once('/').and_then(|(connection, id)| Some((connection, P::from_import_id(id)?)));
        let Some((connection_id, own)) = parts else {
            return Err(connection_part::invalid_import(request.id, import_format));
        };
        let segments = [(connection_id, &[CONNECTION_ID][..]), (own.name(), import_rules)];
        connection_part::check_import(request.id, import_format, &segments)?;
        report(&format!("Could Not Import the {}", title(noun)), "Nothing was imported.", async {
            let context = self.provider_data.begin((region, project_id), P::READ_TIMEOUT, request.stop).await?;
            let Some(Lookup { found: Some(found), .. }) = own.find(&context, connection_id).await? else {
                return Err(connection_part::not_found(&own.subject(connection_id), &title(noun)).into());
            };
            let connection_id = connection_id.to_owned();
            let mut part = Part { common: CommonAttributes { connection_id, ..CommonAttributes::default() }, own };
            part.set_computed(&context, Some(found));
            response.set_state(part);
            Ok(())
        })
        .await
    }
}

fn left_behind(noun: &str, subject: &str) -> Diagnostic {
    let text = format!(
        "The {subject} is FAILED, and the service does not remove a failed {noun}. It does no harm and disappears with \
         the connection."
    );
    Diagnostic::warning(format!("Failed {} Left Behind", title(noun)), text)
}
