//! Waiting until bindings work: the service answers before a peering stands, and says only later whether it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    bound::{Declared, Homes, Target},
    session::{Fault, Session},
    shared::error_detail,
    small,
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
pub(super) const UNAWAITED: &str = "Everything was requested and is in the state. The service is still creating the bindings; \
                                    the next plan or apply shows their status.";

/// After how long it is asked anew which pool a queue lives in.
const AGAIN: Duration = Duration::from_secs(30);

/// What was done to the bindings just before the waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed<'a> {
    /// Peerings from before they were bound again.
    pub(super) before: &'a BTreeMap<Target, Binding>,
    /// What was unbound.
    pub(super) ended: &'a BTreeSet<Target>,
}

/// Why the bindings do not all work.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// These came to nothing.
    Failed(Vec<Binding>),
    /// The connection is no longer there.
    Gone,
    /// It could not be seen, or there was no time.
    Fault(Fault),
}

/// Waits until all that is declared is ACTIVE and what was unbound is gone, and shows the connection as it is then.
pub(super) async fn until_active(
    session: &Session,
    id: &str,
    declared: Declared<'_>,
    homes: &mut Homes,
    Changed { before, ended }: Changed<'_>,
) -> Result<wire::Connection, Unsettled> {
    let began = Instant::now();
    let mut asked = began;
    let mut told = String::new();
    loop {
        let shown = small::shown(session, id).await.map_err(Unsettled::Fault)?.ok_or(Unsettled::Gone)?;
        homes.ask(session, &shown, &[declared.queues]).await.map_err(Unsettled::Fault)?;
        let targets = homes.targets(&shown, declared);
        let is_stale =
            |target: &Target, peering: &Binding| before.get(target) == Some(peering) && began.elapsed() < STALE;
        let failed: Vec<Binding> = targets
            .iter()
            .filter_map(|target| Some((target, target.peering(&shown)?)))
            .filter(|(target, peering)| peering.has_status(wire::BINDING_FAILED) && !is_stale(target, peering))
            .map(|(_, peering)| peering.clone())
            .collect();
        if !failed.is_empty() {
            return Err(Unsettled::Failed(failed));
        }
        let mut open = open(&targets, &shown);
        if !open.is_empty() && asked.elapsed() > AGAIN {
            homes.forget();
            asked = Instant::now();
        }
        let ending = ended.iter().filter(|target| !targets.contains(target) && target.peering(&shown).is_some());
        open.extend(ending.map(|target| format!("{} (still bound)", target.name())));
        if open.is_empty() {
            return Ok(shown);
        }
        let waiting = open.join(", ");
        if waiting != told {
            tracing::info!(id, seconds = began.elapsed().as_secs(), "waiting for bindings: {waiting}");
            told.clone_from(&waiting);
        }
        let pause = if began.elapsed() < LONG { PAUSES.0 } else { PAUSES.1 };
        session.pause(pause, || format!("The binding of {waiting}")).await.map_err(Unsettled::Fault)?;
    }
}

/// What is not ACTIVE yet, each with its state.
fn open(targets: &BTreeSet<Target>, shown: &wire::Connection) -> Vec<String> {
    let state = |target: &Target| match target.peering(shown) {
        Some(peering) if peering.has_status(wire::BINDING_ACTIVE) => None,
        Some(peering) => Some(format!("{} ({})", target.name(), peering.status)),
        None => Some(format!("{} (not there yet)", target.name())),
    };
    targets.iter().filter_map(state).collect()
}

/// One error for each binding that came to nothing.
pub(super) fn failures(connection: &str, failed: &[Binding], holds: &str) -> Diagnostics {
    failed.iter().map(|binding| Diagnostic::error("Binding Failed", text(connection, binding, holds))).collect()
}

/// Bindings that came to nothing, found in a look at the connection: no call failed, and nobody would hear of it.
pub(super) fn found(connection: &str, failed: &[Binding]) -> Diagnostics {
    let again = "The service does not try again by itself. If the binding is declared, the next apply binds it again; if it is \
                 not, it does no harm, and disappears with the connection.";
    let warning = |binding: &Binding| {
        Diagnostic::warning("Binding Failed", text(connection, binding, again))
            .at(Path::attribute("bindings").key(&binding.name))
    };
    failed.iter().map(warning).collect()
}

/// What failed, the service's own words, what usually causes it, and what helps.
fn text(connection: &str, Binding { name, err_msg, .. }: &Binding, holds: &str) -> String {
    let reason = if err_msg.is_empty() { "the service gives no reason" } else { err_msg };
    let object = error_detail::object(&format!("binding of {name} to the enhanced connection {connection:?}"));
    let facts = object.into_iter().chain([format!("Status: FAILED: {reason}")]).collect::<Vec<_>>().join("\n");
    error_detail::compose(&facts, KnownError::for_binding(err_msg), false, holds)
}
