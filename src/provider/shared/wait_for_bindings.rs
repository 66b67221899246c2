//! Waits until bindings are ACTIVE. The service responds before it has created a binding.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::binding_target::BindingTarget;
use super::operation::{OperationContext, OperationError};
use super::pool_of_queue::{DeclaredTargets, PoolOfQueue};
use super::{connection_part, error_detail};
use crate::dli::error_catalog::KnownError;
use crate::dli::wire::{self, Binding};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;

/// Interval between reads, during the first minute and afterwards. A binding of a new queue takes 5 to 10 minutes.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
const FIRST_PERIOD: Duration = Duration::from_mins(1);
/// How long the service may still show the status of a binding from before it was bound again.
const MAX_STALENESS: Duration = Duration::from_mins(1);
/// Interval between reads of the pools that queues belong to.
const POOLS_INTERVAL: Duration = Duration::from_secs(30);

/// The state note of an interrupted wait.
pub(crate) const WAIT_INTERRUPTED: &str = "The provider has sent all requests and saved the result in the state. The \
                                           service is still creating the bindings; the next plan or apply shows their \
                                           status.";

/// Changes of the bindings before the wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed<'a> {
    /// Bindings as they were before they were bound again.
    pub(crate) before: &'a BTreeMap<BindingTarget, Binding>,
    /// Targets that were unbound.
    pub(crate) ended: &'a BTreeSet<BindingTarget>,
}

/// Why a wait ended without success.
#[derive(Debug, derive_more::From)]
pub(crate) enum WaitError {
    /// These bindings of the connection have failed.
    Failed { connection: String, bindings: Vec<Binding> },
    /// The connection was deleted.
    Gone,
    /// A read failed, or the wait was interrupted or took too long.
    #[from]
    Operation(OperationError),
}

/// Waits until all declared targets are ACTIVE and all unbound ones are gone, and returns the connection.
pub(crate) async fn until_active(
    context: &OperationContext,
    id: &str,
    declared: DeclaredTargets<'_>,
    pool_of_queue: &mut PoolOfQueue,
    Changed { before, ended }: Changed<'_>,
) -> Result<Arc<wire::Connection>, WaitError> {
    let start = Instant::now();
    let mut pools_read = start;
    loop {
        let shown = connection_part::find_connection(context, id).await?.ok_or(WaitError::Gone)?;
        pool_of_queue.ask(context, &shown, &[declared.queues]).await?;
        let targets = pool_of_queue.targets(&shown, declared);
        let is_stale = |target: &BindingTarget, peering: &Binding| {
            before.get(target) == Some(peering) && start.elapsed() < MAX_STALENESS
        };
        let bindings: Vec<Binding> = targets
            .iter()
            .filter_map(|target| Some((target, target.peering(&shown)?)))
            .filter(|(target, peering)| peering.has_status(wire::BINDING_FAILED) && !is_stale(target, peering))
            .map(|(_, peering)| peering.clone())
            .collect();
        if !bindings.is_empty() {
            return Err(WaitError::Failed { connection: shown.name.clone(), bindings });
        }
        let mut pending = pending(&targets, &shown);
        if !pending.is_empty() && pools_read.elapsed() > POOLS_INTERVAL {
            pool_of_queue.forget();
            pools_read = Instant::now();
        }
        let ending = ended.iter().filter(|target| !targets.contains(target) && target.peering(&shown).is_some());
        pending.extend(ending.map(|target| format!("{} (still bound)", target.name())));
        if pending.is_empty() {
            return Ok(shown);
        }
        let waiting = pending.join(", ");
        let interval = if start.elapsed() < FIRST_PERIOD { POLL_INTERVALS.0 } else { POLL_INTERVALS.1 };
        context.pause(interval, || format!("The binding of {waiting}")).await?;
    }
}

/// Lists the targets that are not ACTIVE, each with its status.
fn pending(targets: &BTreeSet<BindingTarget>, shown: &wire::Connection) -> Vec<String> {
    let state = |target: &BindingTarget| match target.peering(shown) {
        Some(peering) if peering.has_status(wire::BINDING_ACTIVE) => None,
        Some(peering) => Some(format!("{} ({})", target.name(), peering.status)),
        None => Some(format!("{} (not reported yet)", target.name())),
    };
    targets.iter().filter_map(state).collect()
}

/// One error for each failed binding.
pub(crate) fn failure_errors(connection: &str, failed: &[Binding], state_note: &str) -> Diagnostics {
    failed.iter().map(|binding| Diagnostic::error("Binding Failed", text(connection, binding, state_note))).collect()
}

/// A warning about a failed binding that a read has found.
pub(crate) fn failure_warning(connection: &str, failed: &Binding) -> Diagnostic {
    let again = "The service does not retry. If the binding is declared, the next apply binds it again. Otherwise it \
                 does no harm and disappears with the connection.";
    let path = Path::attribute("bindings").key(&failed.name);
    Diagnostic::warning("Binding Failed", text(connection, failed, again)).at(path)
}

/// Describes a failed binding, with the reason that the service gives and the usual cause.
fn text(connection: &str, Binding { name, err_msg, .. }: &Binding, state_note: &str) -> String {
    let reason =
        if err_msg.is_empty() { ", without a reason from the service".to_owned() } else { format!(": {err_msg}") };
    let object = error_detail::object(&format!("binding of {name} to the enhanced connection {connection:?}"));
    let facts = object.into_iter().chain([format!("Status: FAILED{reason}")]).collect::<Vec<_>>().join("\n");
    error_detail::compose(&facts, KnownError::for_binding(err_msg), false, state_note)
}
