//! A resource that manages one part of a connection: one binding, one route or one privilege.
//!
//! Such a resource is not authoritative: it ignores the other parts of the connection. When the connection is deleted,
//! its parts are gone too.

mod list;
mod part;
mod placement;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::part::{CommonAttributes, TIMEOUT};
pub(crate) use self::part::{ConnectionPart, Deletion, Holder, ListedPart, Lookup, Part, PartTexts};
use self::placement::{Placed, UNCHANGED};
use super::client_kind::ClientKind;
use super::declared_parts;
use super::error_detail::capitalized;
use super::operation::{OperationContext, report};
use super::overlap::{self, Overlap};
use super::plan_checks::PlanChecker;
use super::run_state::PartKey;
use super::shared_reads::Sharing;
use super::validators::MatchesRule;
use super::{connection_part, location, moved, operation};
use crate::dli::rules::CONNECTION_ID;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::{Computed, FromValue, IntoValue};
use crate::framework::path::Path;
use crate::framework::plan_modifier::USE_STATE_FOR_UNKNOWN;
use crate::framework::resource::{
    CreateRequest, DeleteRequest, ImportRequest, ModifyPlanRequest, MoveSources, ReadRequest, Resource, ResponseState,
    UpdateRequest,
};
use crate::framework::schema::{Attribute, BlockBody, Schema};
use crate::framework::timeouts::Timeouts;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;

const MAY_EXIST_UNRECORDED: &str = "The object may exist, and Pulumi records nothing about a failed create. Run pulumi \
                                    up again: the provider adopts what exists, and creates it otherwise.";
const MAY_EXIST: &str = "The state holds the object in case it exists, and Terraform marks it as tainted: the next \
                         apply removes what exists and creates the object again. To keep what exists, run terraform \
                         untaint ADDRESS, then apply: this creates only what is missing.";

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

    /// Warns if another resource declares or removes the part, or if it exists outside of the state.
    async fn check_declaration(&self, request: ModifyPlanRequest<'_>) -> Diagnostics {
        let ModifyPlanRequest { prior, config, private, planned, replace, stop } = request;
        let run_state = self.provider_data.run_state();
        let parts = &run_state.declared_parts;
        // Pulumi plans a resource several times.
        let is_counted = run_state.client == ClientKind::Terraform;
        let (old, part) = (identify::<P>(prior), identify::<P>(planned));
        let is_known = !prior.is_null() || part.as_ref().is_some_and(|part| parts.is_held(part));
        // Terraform plans a replacement again without its state, and shows only the errors of that plan.
        if prior.is_null() && !private.is_empty() && is_known {
            return Diagnostics::new();
        }
        let mut overlaps = Vec::new();
        if let Some(part) = &part {
            if !prior.is_null() {
                parts.hold(part);
            }
            if is_counted {
                overlaps = parts.declare(part, old.as_deref());
            }
        }
        // A replaced connection takes all its parts with it.
        let connection = prior.get("connection_id").as_str().unwrap_or_default();
        if let Some(old) = old.filter(|old| part.as_ref() != Some(old))
            && !replace.is_empty()
            && !run_state.is_replaced(connection)
        {
            if is_counted {
                let (removal, found) = parts.remove(&old);
                *private = removal.into_bytes();
                overlaps.extend(found);
            } else if parts.has_pool(&old) {
                overlaps.push((old, Overlap::PoolRemoved));
            }
        }
        let Some(part) = part.filter(|_| overlaps.is_empty()) else { return overlap::report(overlaps) };
        let connection = planned.get("connection_id").as_str().unwrap_or_default();
        if is_known {
            return Diagnostics::new();
        }
        let mut report = Diagnostics::new();
        match PlanChecker::open(&self.provider_data, config, planned, stop, &mut report).await {
            Some(checker) if P::exists(&checker, connection, planned).await => {
                let text = format!(
                    "The {part} exists already. Applying this plan adopts it, and destroying the resource removes \
                     it. If another configuration manages it, do not declare it here."
                );
                Diagnostic::warning(format!("{} Will Be Adopted", capitalized(P::TEXTS.noun)), text).into()
            }
            _ => report,
        }
    }
}

/// Identifies a part of a known connection, in words.
fn identify<P: ConnectionPart>(value: &Value) -> Option<String> {
    Some(declared_parts::part_of(&P::identity(value)?, value.get("connection_id").as_str()?))
}

/// An attribute of the resource as one of its identity.
fn identity_attribute(attribute: Attribute, description: &str) -> Attribute {
    Attribute { plan_modifiers: Vec::new(), ..attribute.description(description) }
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
        let mut timeouts = vec![("create", TIMEOUT), ("read", P::READ_TIMEOUT)];
        timeouts.extend(P::TEXTS.update_summary.map(|_| ("update", TIMEOUT)));
        timeouts.push(("delete", TIMEOUT));
        let (blocks, description) = (vec![Timeouts::block(&timeouts)], P::TEXTS.description.to_owned());
        let body = BlockBody { attributes, blocks, description, ..BlockBody::default() };
        Schema { body, validators: P::validators(), ..Schema::default() }
    }

    fn identity_schema(&self) -> Option<Schema> {
        let connection_id = connection_part::connection_id().validator(MatchesRule(&[CONNECTION_ID]));
        let mut attributes = vec![identity_attribute(connection_id, "ID of the enhanced connection.")];
        let own = P::attributes().into_iter().filter_map(|attribute| {
            let (_, description) = P::TEXTS.identity.iter().find(|(name, _)| *name == attribute.name)?;
            Some(identity_attribute(attribute, description))
        });
        attributes.extend(own);
        attributes.extend(location::identity_attributes());
        Some(Schema { validators: P::validators(), ..Schema::new("", attributes) })
    }

    fn import_id(&self, identity: &Value) -> String {
        let mut names = P::TEXTS.identity.iter().map(|(name, _)| *name);
        let part = names.find_map(|name| Some((name, identity.get(name).as_str()?)));
        let (kind, name) = part.unwrap_or_default();
        let kind = if P::TEXTS.identity.len() > 1 { format!("{kind}/") } else { String::new() };
        let connection = identity.get("connection_id").as_str().unwrap_or_default();
        format!("{connection}/{kind}{name}{}", location::import_suffix(identity))
    }

    fn move_sources(&self) -> Option<MoveSources> {
        P::move_sources()
    }

    fn move_state(&self, source: &Value, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let common = CommonAttributes {
            region: Computed(moved::text(source, "region")),
            connection_id: moved::connection_id(source, "connection_id")?,
            ..CommonAttributes::default()
        };
        let mut part = Part { common, own: P::from_source(source)? };
        part.set_id();
        response.set_state(part);
        Ok(())
    }

    fn omit_defaults(&self, config: &mut Value) {
        location::omit_defaults(&self.provider_data, config);
    }

    async fn modify_plan(&self, request: ModifyPlanRequest<'_>) -> Result<Diagnostics, Diagnostics> {
        let mut report = location::plan(&self.provider_data, request.prior, request.config, request.planned).await;
        report.extend(P::check_plan(&self.provider_data, &request).await);
        report.extend(self.check_declaration(request).await);
        if report.has_errors() { Err(report) } else { Ok(report) }
    }

    fn plan_destroy(&self, prior: &Value, private: &mut Vec<u8>) -> Diagnostics {
        let Some(part) = identify::<P>(prior) else { return Diagnostics::new() };
        let run_state = self.provider_data.run_state();
        let (removal, overlaps) = run_state.declared_parts.remove(&part);
        *private = removal.into_bytes();
        overlap::report(overlaps)
    }

    async fn create(&self, request: CreateRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { create_summary: summary, create_note: note, .. } = P::TEXTS;
        let mut part = Part::<P>::from_value(request.planned, &Path::root())?;
        report(summary, note, async {
            let context = self.begin(&part, part.common.timeouts.create(TIMEOUT), request.stop).await?;
            let id = &part.common.connection_id.clone();
            let (adopted, failed) = match placement::place(&self.provider_data, &context, &part, response).await {
                Ok(Placed::Adopted(found)) => (Some(found), None),
                Ok(Placed::Created(failed)) => (None, failed),
                Err(failure) if !failure.error.may_have_taken_effect() => {
                    let note = failure.note(note);
                    return Err(failure.error.into_errors(summary, &note).into());
                }
                // The state holds the part as it is planned, so that it can be removed if it exists.
                Err(failure) => {
                    part.set_computed(&context, None);
                    response.set_state(part);
                    let keeps = context.run_state.client.keeps_failed_creates();
                    let note = if keeps { MAY_EXIST } else { MAY_EXIST_UNRECORDED };
                    return Err(failure.error.into_errors(summary, note).into());
                }
            };
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
        let summary = format!("Could Not Read the {}", capitalized(P::TEXTS.noun));
        report(&summary, "The state was not changed.", async {
            let context = self.begin(&part, part.common.timeouts.read(P::READ_TIMEOUT), request.stop).await?;
            let identity = identify::<P>(request.state);
            if let Some(identity) = &identity {
                context.run_state.declared_parts.mark_read(identity);
            }
            let context = context.with_sharing(Sharing::Lists);
            let Some(shared) = part.own.find(&context, &part.common.connection_id).await? else {
                response.remove_resource();
                return Ok(());
            };
            if let (PartKey::Pool(pool), Some(identity)) = (&shared.key, &identity) {
                let pool = declared_parts::part_of(&declared_parts::pool(pool), &part.common.connection_id);
                response.add_warning(overlap::report(context.run_state.declared_parts.bind_pool(identity, &pool)));
            }
            if let Some(found) = shared.found
                && P::failure(&found).is_none()
            {
                let mut read = part.clone();
                read.set_computed(&context, Some(found));
                if read.clone().into_value() == *request.state {
                    response.set_state(read);
                    return Ok(());
                }
            }
            // Shared responses may be outdated, so they only confirm the state.
            let context = context.with_sharing(Sharing::None);
            let lookup = part.find_held(&context, |_| false).await?;
            let found = lookup.and_then(|lookup| lookup.found);
            match (found.as_ref().and_then(P::failure), found) {
                (None, Some(found)) => {
                    part.set_computed(&context, Some(found));
                    response.set_state(part);
                }
                (failure, _) => {
                    // The plan recreates it. An apply that does not wait does not report it.
                    let failure = failure.filter(|_| request.state.get("wait_for_bindings") == &Value::Bool(false));
                    response.add_warning(failure);
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
            report(summary, UNCHANGED, async {
                let context = self.begin(&prior, planned.common.timeouts.update(TIMEOUT), request.stop).await?;
                placement::recreate(&self.provider_data, &context, summary, &planned, response).await
            })
            .await?;
        }
        response.set_state(planned);
        Ok(())
    }

    async fn delete(&self, request: DeleteRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let removal = response.private().to_owned();
        // If the removal fails, its ID is of no use in the state.
        response.set_private(&[]);
        let part = Part::<P>::from_state(request.prior)?;
        let PartTexts { delete_summary, noun, .. } = P::TEXTS;
        let note =
            format!("The {noun} is still in the state. Run the same command again (terraform destroy, or apply).");
        if let Some(part) = identify::<P>(request.prior) {
            let run_state = self.provider_data.run_state();
            run_state.mark_applying();
            let is_kept = run_state.declared_parts.take_kept(&part, &removal);
            let is_kept = is_kept.map_err(|error| overlap::cannot_read_record(&part, &error))?;
            if is_kept {
                response.add_warning(overlap::kept(&part));
                return Ok(());
            }
        }
        report(delete_summary, &note, async {
            let context = self.begin(&part, part.common.timeouts.delete(TIMEOUT), request.stop).await?;
            let (own, id) = (&part.own, &part.common.connection_id);
            let mut guard = Some(connection_part::lock(&context, &self.provider_data, id).await?);
            let run_state = &context.run_state;
            let mut removed = None;
            loop {
                let lookup = if guard.is_some() {
                    part.find_held(&context, |found| own.foreign(id, found).is_some()).await?
                } else {
                    own.find(&context, id).await?
                };
                let Some(Lookup { key, found: Some(found), .. }) = lookup else { break };
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
            response.add_warning(removed.and_then(|found| own.removed(id, &found)));
            Ok(())
        })
        .await
    }

    async fn import(&self, request: ImportRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let PartTexts { noun, import_format, import_rules, .. } = P::TEXTS;
        let (object, region, project_id) = location::parse_import_id(request.id)
            .map_err(|problem| connection_part::invalid(request.id, import_format, &problem))?;
        let parts = object
            .split_once('/')
            .and_then(|(connection, id)| Some((connection.to_ascii_lowercase(), P::from_import_id(id)?)));
        let Some((connection_id, own)) = parts else {
            return Err(connection_part::invalid(request.id, import_format, "does not have the right form."));
        };
        let connection_id = &connection_id;
        let segments = [(connection_id.as_str(), &[CONNECTION_ID][..]), (own.name(), import_rules)];
        connection_part::check_import(request.id, import_format, &segments)?;
        report(&format!("Could Not Import the {}", capitalized(noun)), "Nothing was imported.", async {
            let context = self.provider_data.begin((region, project_id), P::READ_TIMEOUT, request.stop).await?;
            let Some(Lookup { found: Some(found), .. }) = own.find(&context, connection_id).await? else {
                return Err(connection_part::not_found(&own.subject(connection_id), &capitalized(noun)).into());
            };
            let connection_id = connection_id.clone();
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
    Diagnostic::warning(format!("Failed {} Left Behind", capitalized(noun)), text)
}
