//! Waiting until bindings work: the service answers before a peering stands, and says only later whether it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::provider::{
    shared::binding_target::{BindingTarget, DeclaredTargets, PoolOfQueue},
    shared::connection_part,
    shared::error_detail,
    shared::operation::{OperationContext, OperationError},
};
use crate::{
    dli::{
        error_catalog::KnownError,
        wire::{self, Binding},
    },
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::Path,
    },
};

/// From one look to the next, at first and once it takes long. (A new queue takes 5 to 10 minutes.)
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// When it takes long.
const LONG: Duration = Duration::from_mins(1);
/// How long what had FAILED before it was bound again may still be shown as it was.
const STALE: Duration = Duration::from_mins(1);

/// What Terraform holds where an interruption ended the waiting.
pub(in crate::provider) const WAIT_INTERRUPTED: &str = "Everything was requested and is in the state. The service is still creating the bindings; \
                                    the next plan or apply shows their status.";

/// After how long it is asked anew which pool a queue lives in.
const AGAIN: Duration = Duration::from_secs(30);

/// What was done to the bindings just before the waiting.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider) struct Changed<'a> {
    /// Peerings from before they were bound again.
    pub(in crate::provider) before: &'a BTreeMap<BindingTarget, Binding>,
    /// What was unbound.
    pub(in crate::provider) ended: &'a BTreeSet<BindingTarget>,
}

/// Why the bindings do not all work.
#[derive(Debug)]
pub(in crate::provider) enum WaitError {
    /// These came to nothing.
    Failed(Vec<Binding>),
    /// The connection is no longer there.
    Gone,
    /// It could not be seen, or there was no time.
    Operation(OperationError),
}

/// Waits until all that is declared is ACTIVE and what was unbound is gone, and shows the connection as it is then.
pub(in crate::provider) async fn until_active(
    context: &OperationContext,
    id: &str,
    declared: DeclaredTargets<'_>,
    pool_of_queue: &mut PoolOfQueue,
    Changed { before, ended }: Changed<'_>,
) -> Result<wire::Connection, WaitError> {
    let began = Instant::now();
    let mut asked = began;
    let mut logged = String::new();
    loop {
        let shown = connection_part::find_connection(context, id)
            .await
            .map_err(WaitError::Operation)?
            .ok_or(WaitError::Gone)?;
        pool_of_queue.ask(context, &shown, &[declared.queues]).await.map_err(WaitError::Operation)?;
        let targets = pool_of_queue.targets(&shown, declared);
        let is_stale =
            |target: &BindingTarget, peering: &Binding| before.get(target) == Some(peering) && began.elapsed() < STALE;
        let failed: Vec<Binding> = targets
            .iter()
            .filter_map(|target| Some((target, target.peering(&shown)?)))
            .filter(|(target, peering)| peering.has_status(wire::BINDING_FAILED) && !is_stale(target, peering))
            .map(|(_, peering)| peering.clone())
            .collect();
        if !failed.is_empty() {
            return Err(WaitError::Failed(failed));
        }
        let mut open = open(&targets, &shown);
        if !open.is_empty() && asked.elapsed() > AGAIN {
            pool_of_queue.forget();
            asked = Instant::now();
        }
        let ending = ended.iter().filter(|target| !targets.contains(target) && target.peering(&shown).is_some());
        open.extend(ending.map(|target| format!("{} (still bound)", target.name())));
        if open.is_empty() {
            return Ok(shown);
        }
        let waiting = open.join(", ");
        if waiting != logged {
            tracing::info!(id, seconds = began.elapsed().as_secs(), "waiting for bindings: {waiting}");
            logged.clone_from(&waiting);
        }
        let pause = if began.elapsed() < LONG { PAUSES.0 } else { PAUSES.1 };
        context.pause(pause, || format!("The binding of {waiting}")).await.map_err(WaitError::Operation)?;
    }
}

/// What is not ACTIVE yet, each with its state.
fn open(targets: &BTreeSet<BindingTarget>, shown: &wire::Connection) -> Vec<String> {
    let state = |target: &BindingTarget| match target.peering(shown) {
        Some(peering) if peering.has_status(wire::BINDING_ACTIVE) => None,
        Some(peering) => Some(format!("{} ({})", target.name(), peering.status)),
        None => Some(format!("{} (not there yet)", target.name())),
    };
    targets.iter().filter_map(state).collect()
}

/// One error for each binding that came to nothing.
pub(in crate::provider) fn failure_errors(connection: &str, failed: &[Binding], state_note: &str) -> Diagnostics {
    failed.iter().map(|binding| Diagnostic::error("Binding Failed", text(connection, binding, state_note))).collect()
}

/// Bindings that came to nothing, found in a look at the connection: no call failed, and nobody would hear of it.
pub(in crate::provider) fn failure_warnings(connection: &str, failed: &[Binding]) -> Diagnostics {
    let again = "The service does not try again by itself. If the binding is declared, the next apply binds it again; if it is \
                 not, it does no harm, and disappears with the connection.";
    let warning = |binding: &Binding| {
        Diagnostic::warning("Binding Failed", text(connection, binding, again))
            .at(Path::attribute("bindings").key(&binding.name))
    };
    failed.iter().map(warning).collect()
}

/// What failed, the service's own words, what usually causes it, and what helps.
fn text(connection: &str, Binding { name, err_msg, .. }: &Binding, state_note: &str) -> String {
    let reason = if err_msg.is_empty() { "the service gives no reason" } else { err_msg };
    let object = error_detail::object(&format!("binding of {name} to the enhanced connection {connection:?}"));
    let facts = object.into_iter().chain([format!("Status: FAILED: {reason}")]).collect::<Vec<_>>().join("\n");
    error_detail::compose(&facts, KnownError::for_binding(err_msg), false, state_note)
}
