//! Creates a part of a connection while other resources of the run may still hold its name or network.
//!
//! Terraform changes resources in no particular order. If two routes swap their networks, or a renamed route keeps its
//! network, the service rejects a route until the other one is removed.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::part::{ConnectionPart, Holder, Lookup, Part, PartTexts};
use crate::framework::diagnostic::Diagnostic;
use crate::framework::resource::ResponseState;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::operation::{OperationContext, OperationError};
use crate::provider::shared::{connection_part, operation};

/// The state after an update that changed nothing.
pub(super) const UNCHANGED: &str = "The state was not changed. Fix the cause and apply again.";

/// How a part came into being.
pub(super) enum Placed<T> {
    /// It existed before.
    Adopted(T),
    /// It was created; the part that had failed before, if there was one.
    Created(Option<T>),
}

/// Why a part was neither created nor adopted.
pub(super) struct PlaceError {
    pub(super) error: OperationError,
    /// A paragraph about the part that is in the way.
    note: Option<String>,
}

impl From<OperationError> for PlaceError {
    fn from(error: OperationError) -> Self {
        Self { error, note: None }
    }
}

impl PlaceError {
    /// Adds its paragraph to a state note.
    pub(super) fn note(&self, state_note: &str) -> String {
        [Some(state_note), self.note.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }
}

/// Creates the part, or adopts it if it exists.
///
/// Another part may have its name or network. A resource of this run may be about to give that part up, so this
/// waits for a limited time, without the write lock.
pub(super) async fn place<P: ConnectionPart>(
    provider_data: &ProviderData,
    context: &OperationContext,
    Part { common, own }: &Part<P>,
    response: &mut ResponseState,
) -> Result<Placed<P::Found>, PlaceError> {
    let PartTexts { create_summary: summary, noun, .. } = P::TEXTS;
    let id = &common.connection_id;
    let run_state = &context.run_state;
    let mut wait = RemovalWait::new(context);
    loop {
        let guard = connection_part::lock(context, provider_data, id).await?;
        let Some(Lookup { key, found, holder }) = own.find(context, id).await? else {
            return Err(OperationError::from(connection_part::no_connection(summary, id)).into());
        };
        if found.is_some() && run_state.is_removed(id, &key) {
            drop(guard);
            context.pause(P::POLL_INTERVAL, || format!("The removal of the old {noun}")).await?;
            continue;
        }
        let (existing, failed) = match found {
            Some(found) if P::failure(&found).is_none() => (Some(found), None),
            failed => (None, failed),
        };
        let (adoption, holder) = match &existing {
            Some(found) => {
                let subject = format!("{noun} {:?}", own.name());
                (Some(own.adopt(id, found)), Some(Holder { key: key.clone(), subject, id: own.id() }))
            }
            None => (None, holder),
        };
        if let (Some(Ok(warning)), Some(found)) = (&adoption, existing) {
            response.add_warning(warning.clone());
            tracing::info!(connection_id = id, name = own.name(), "adopted");
            run_state.mark_in_use(id, &key);
            return Ok(Placed::Adopted(found));
        }
        let is_in_use = holder.as_ref().is_some_and(|holder| run_state.is_in_use(id, &holder.key));
        if let Some(holder) = holder.as_ref().filter(|_| !is_in_use && !wait.is_over()) {
            drop(guard);
            wait.pause(&holder.subject).await?;
            continue;
        }
        let note = holder.as_ref().map(|holder| wait.note(noun, id, holder, is_in_use));
        let error = match adoption {
            Some(Err(mut mismatch)) => {
                mismatch.detail = [Some(mismatch.detail), note].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
                return Err(OperationError::from(mismatch).into());
            }
            _ => match own.create(context, id, failed.as_ref()).await {
                Ok(()) => {
                    run_state.mark_in_use(id, &key);
                    return Ok(Placed::Created(failed));
                }
                Err(error) => error,
            },
        };
        // The service may reject the part while it still removes another.
        if !(note.is_none() && error.is_refused() && run_state.has_removed_like(id, &key) && !wait.is_over()) {
            return Err(PlaceError { error, note });
        }
        drop(guard);
        tracing::info!(id, ?error, "rejected after the removal of another {noun}; retrying");
        wait.pause(&format!("old {noun}")).await?;
    }
}

/// Removes the part and creates it as planned, unless it already is as planned.
pub(super) async fn recreate<P: ConnectionPart>(
    provider_data: &ProviderData,
    context: &OperationContext,
    summary: &str,
    planned: &Part<P>,
    response: &mut ResponseState,
) -> operation::Result<()> {
    let (noun, id) = (P::TEXTS.noun, &planned.common.connection_id);
    let guard = connection_part::lock(context, provider_data, id).await?;
    let Some(Lookup { key, found, holder }) = planned.own.find(context, id).await? else {
        return Err(connection_part::no_connection(summary, id).into());
    };
    let run_state = &context.run_state;
    if let Some(found) = found {
        if planned.own.adopt(id, &found).is_ok() {
            return Ok(());
        }
        if let Some(holder) = holder.filter(|holder| run_state.is_in_use(id, &holder.key)) {
            let note = RemovalWait::new(context).note(noun, id, &holder, true);
            return Err(Diagnostic::error(summary, format!("{note}\n\n{UNCHANGED}")).into());
        }
        planned.own.delete(context, id, &found).await?;
        run_state.mark_removed(id, &key);
    }
    drop(guard);
    let Err(failure) = place(provider_data, context, planned, response).await else { return Ok(()) };
    let begin = format!("A change removes the {noun} and adds it again. The old {noun} was removed, and the ");
    let note = if failure.error.may_have_taken_effect() {
        response.set_state(planned.clone());
        begin + "state holds the new one in case it exists. The next apply adds it if it is missing."
    } else {
        format!("{begin}new one does not exist. Fix the cause and apply again: the {noun} will be added.")
    };
    let note = failure.note(&note);
    Err(failure.error.into_errors(summary, &note).into())
}

/// A wait, of limited length, for resources of the same run to give up parts of a connection.
struct RemovalWait<'a> {
    context: &'a OperationContext,
    removals: watch::Receiver<usize>,
    limit: Duration,
    end: Instant,
}

impl<'a> RemovalWait<'a> {
    fn new(context: &'a OperationContext) -> Self {
        let limit = context.project.max_removal_wait();
        Self { context, removals: context.run_state.removals(), limit, end: Instant::now() + limit }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Waits for the next removal, or for a tenth of the limit. A removal restarts the limit.
    async fn pause(&mut self, subject: &str) -> operation::Result<()> {
        let pause = self.context.pause(self.limit / 10, || format!("The removal of the {subject}"));
        tokio::select! {
            paused = pause => paused,
            _ = self.removals.changed() => {
                self.end = Instant::now() + self.limit;
                Ok(())
            }
        }
    }

    /// Explains what is in the way.
    fn note(&self, noun: &str, id: &str, Holder { subject, id: part, .. }: &Holder, is_in_use: bool) -> String {
        if is_in_use {
            return format!(
                "Another resource of this run manages the {subject}, and only one of the two can exist. Remove one of \
                 them from the configuration."
            );
        }
        let limit = humantime::format_duration(self.limit);
        format!(
            "The {subject} is in the way. The provider waited {limit} for another resource of this run to change or \
             remove it.\n\nIf this plan does so, apply again: Terraform had not reached that resource, for example \
             because -parallelism=1 allows one operation at a time. If this {noun} replaces it and has \
             create_before_destroy, Terraform removes the old one only after this one exists: change its name and \
             network together, or remove create_before_destroy.\n\nOtherwise choose another name or network, or import \
             the existing {noun}: terraform import ADDRESS {id}/{part}"
        )
    }
}
