//! State of one run, shared by all resources of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Mutex as Lock, OwnedMutexGuard, watch};

use super::binding_target::BindingTarget;
use super::client_kind::ClientKind;
use super::declared_parts::DeclaredParts;
use super::network_checks::cache::NetworkCache;
use super::network_checks::target::Inventory;
use super::ownership::OwnershipConflicts;
use super::shared_reads::{Objects, SharedReads};
use crate::dli::wire::{Pool, Queue};
use crate::framework::diagnostic::Diagnostic;

/// Whether a connection was confirmed to be missing; locked while a read confirms it.
type Confirmation = Arc<Lock<bool>>;

/// A list of each project, read once for all resources; `None` if the service does not return it.
pub(super) type ProjectLists<T> = Objects<Option<Arc<T>>>;

/// What the resources of one run know together.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    pub(crate) client: ClientKind,
    /// Parts that two resources of the plan declare.
    pub(in crate::provider) ownership_conflicts: OwnershipConflicts,
    /// Parts that the plans declare or remove.
    pub(in crate::provider) declared_parts: DeclaredParts,
    /// Queues by name in lower case.
    pub(super) queues: ProjectLists<BTreeMap<String, Queue>>,
    /// Elastic resource pools by name in lower case.
    pub(super) pools: ProjectLists<BTreeMap<String, Pool>>,
    pub(super) connections: ProjectLists<ConnectionSurvey>,
    pub(super) networks: NetworkCache,
    /// Warnings about FAILED bindings that the last read found, by connection ID and name of the target.
    failed_bindings: Mutex<BTreeMap<(String, String), Diagnostic>>,
    /// IDs of connections that this run replaces.
    replaced: Mutex<BTreeSet<String>>,
    /// Whether this run refreshes resources. An apply does not.
    pub(super) refreshes: AtomicBool,
    /// Whether this run has begun to change objects.
    applies: AtomicBool,
    /// Whether the service has rejected the credentials, and an error has said so.
    pub(super) rejected: AtomicBool,
    /// Whether a plan check did not find its project, and a diagnostic has said so.
    unchecked: AtomicBool,
    /// Causes that were described in an error (`true`) or in a warning, which Terraform may not show.
    causes: Mutex<BTreeSet<(bool, String)>>,
    /// Whether a warning has said that there are no credentials.
    without_credentials: AtomicBool,
    /// Parts that this run created, adopted or removed, by connection ID in lower case.
    parts: Mutex<BTreeMap<(String, PartKey), PartUse>>,
    /// Counts the removals.
    removals: watch::Sender<usize>,
    pub(super) shared_reads: SharedReads,
    /// By project and connection ID.
    missing: Mutex<BTreeMap<(String, String), Confirmation>>,
}

/// Identifies a part of a connection among the resources of a run.
///
/// Two resources with the same key manage the same part, for example with `create_before_destroy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartKey {
    /// Name of the queue, in lower case.
    Queue(String),
    /// Name of the elastic resource pool, in lower case.
    Pool(String),
    /// Name of the route.
    Route(String),
    /// ID of the project that may bind, in lower case.
    Privilege(String),
}

impl From<&BindingTarget> for PartKey {
    fn from(target: &BindingTarget) -> Self {
        match target {
            BindingTarget::Queue(name) => Self::Queue(name.clone()),
            BindingTarget::Pool(name) => Self::Pool(name.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartUse {
    InUse,
    Removed,
}

impl RunState {
    /// Starts a run. Its plans write to `directory` which parts stay.
    pub(crate) fn new(client: ClientKind, directory: Option<PathBuf>) -> Self {
        Self { client, declared_parts: DeclaredParts::new(directory), ..Self::default() }
    }

    /// Keeps warnings about FAILED bindings, each with the name of its target. The plan shows those of bindings that it
    /// does not recreate.
    pub(crate) fn keep_failed_bindings(&self, connection: &str, warnings: Vec<(String, Diagnostic)>) {
        let connection = connection.to_ascii_lowercase();
        let key = |name: String| (connection.clone(), name.to_ascii_lowercase());
        let mut kept = self.failed_bindings.lock();
        kept.retain(|(of, _), _| *of != connection);
        kept.extend(warnings.into_iter().map(|(name, warning)| (key(name), warning)));
    }

    /// Returns the warnings about FAILED bindings of a connection that a plan leaves as they are, by name of the
    /// target.
    pub(crate) fn take_failed_bindings(&self, connection: &str, is_left: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let connection = connection.to_ascii_lowercase();
        let of_connection = |key: &(String, String), _: &mut Diagnostic| key.0 == connection;
        let taken = self.failed_bindings.lock().extract_if(.., of_connection).collect::<Vec<_>>();
        taken.into_iter().filter(|((_, name), _)| is_left(name)).map(|(_, warning)| warning).collect()
    }

    /// Records that the run changes objects from now on.
    pub(crate) fn mark_applying(&self) {
        self.applies.store(true, Ordering::Relaxed);
        self.declared_parts.mark_applying();
    }

    /// Whether the run has begun to change objects.
    pub(super) fn is_applying(&self) -> bool {
        self.applies.load(Ordering::Relaxed)
    }

    /// Records that a resource of this run created or adopted a part.
    pub(crate) fn mark_in_use(&self, connection: &str, part: &PartKey) {
        self.mark(connection, part, PartUse::InUse);
    }

    /// Whether a resource of this run created or adopted a part.
    pub(crate) fn is_in_use(&self, connection: &str, part: &PartKey) -> bool {
        self.part_use(connection, part) == Some(PartUse::InUse)
    }

    /// Records that this run removed a part.
    pub(crate) fn mark_removed(&self, connection: &str, part: &PartKey) {
        self.mark(connection, part, PartUse::Removed);
        self.removals.send_modify(|count| *count += 1);
    }

    /// Signals each removal from now on.
    pub(crate) fn removals(&self) -> watch::Receiver<usize> {
        self.removals.subscribe()
    }

    /// Whether this run removed a part of the same kind from the connection.
    pub(crate) fn has_removed_like(&self, connection: &str, part: &PartKey) -> bool {
        let connection = connection.to_ascii_lowercase();
        self.parts.lock().iter().any(|((id, other), part_use)| {
            *id == connection && *part_use == PartUse::Removed && discriminant(other) == discriminant(part)
        })
    }

    /// Whether this run removed a part and has not created it again. The service may still return such a part for a
    /// while, and it must not be adopted.
    pub(crate) fn is_removed(&self, connection: &str, part: &PartKey) -> bool {
        self.part_use(connection, part) == Some(PartUse::Removed)
    }

    fn mark(&self, connection: &str, part: &PartKey, part_use: PartUse) {
        let key = (connection.to_ascii_lowercase(), part.clone());
        self.parts.lock().insert(key, part_use);
    }

    fn part_use(&self, connection: &str, part: &PartKey) -> Option<PartUse> {
        let key = (connection.to_ascii_lowercase(), part.clone());
        self.parts.lock().get(&key).copied()
    }

    /// Records that a plan check did not find its project; returns whether one was recorded before.
    pub(super) fn mark_unchecked(&self) -> bool {
        self.unchecked.swap(true, Ordering::Relaxed)
    }

    /// Records the cause of an error or warning; returns whether it must be described.
    pub(super) fn is_first(&self, is_error: bool, cause: String) -> bool {
        let mut causes = self.causes.lock();
        let was_error = causes.contains(&(true, cause.clone()));
        causes.insert((is_error, cause)) && !was_error
    }

    /// Records the warning about missing credentials; returns whether it was given before.
    pub(in crate::provider) fn warn_once(&self) -> bool {
        self.without_credentials.swap(true, Ordering::Relaxed)
    }

    /// Name and VPC of a connection that binds something, if the run has read the connections.
    pub(super) async fn known_vpc(&self, project: &str, connection: &str) -> Option<(String, String)> {
        let survey = self.connections.known(project, "").await??;
        let found = survey.bound.iter().find(|bound| bound.id.eq_ignore_ascii_case(connection))?;
        Some((found.name.clone(), found.vpc.clone()))
    }

    /// The queues and pools, as far as the run has read them.
    pub(super) async fn known_inventory(&self, project: &str) -> Inventory {
        let (queues, pools) = (self.queues.known(project, "").await, self.pools.known(project, "").await);
        Inventory { queues: queues.flatten(), pools: pools.flatten() }
    }

    /// Records that this run replaces a connection, so that its name becomes free.
    pub(crate) fn mark_replaced(&self, id: &str) {
        self.replaced.lock().insert(id.to_owned());
    }

    /// Whether this run replaces a connection.
    pub(super) fn is_replaced(&self, id: &str) -> bool {
        self.replaced.lock().contains(id)
    }

    /// Waits until no other read is confirming that this connection is missing. The guard holds whether one has.
    ///
    /// `None` once the run changes objects: earlier reads are outdated.
    pub(super) async fn confirm_missing(&self, project: &str, connection: &str) -> Option<OwnedMutexGuard<bool>> {
        let key = (project.to_owned(), connection.to_ascii_lowercase());
        let lock = self.missing.lock().entry(key).or_default().clone();
        let confirmed = lock.lock_owned().await;
        (!self.is_applying()).then_some(confirmed)
    }

    /// Withdraws the confirmation that a connection is missing, because a read has returned the connection.
    pub(super) fn revoke_missing(&self, project: &str, connection: &str) {
        self.missing.lock().remove(&(project.to_owned(), connection.to_ascii_lowercase()));
    }
}

/// What plan checks need of the connections of a project.
#[derive(Debug, Default)]
pub(in crate::provider) struct ConnectionSurvey {
    /// IDs by name.
    pub(super) ids: BTreeMap<String, Vec<String>>,
    /// Connections with bindings.
    pub(super) bound: Vec<BoundConnection>,
}

/// A connection and what it binds, without failed bindings.
#[derive(Debug)]
pub(in crate::provider) struct BoundConnection {
    pub(in crate::provider) id: String,
    pub(in crate::provider) name: String,
    pub(super) vpc: String,
    pub(in crate::provider) targets: Vec<BindingTarget>,
}

impl ConnectionSurvey {
    /// The connections that bind something to a VPC.
    pub(in crate::provider) fn bound_to(&self, vpc: &str) -> impl Iterator<Item = &BoundConnection> {
        self.bound.iter().filter(move |connection| connection.vpc.eq_ignore_ascii_case(vpc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn found_connection_withdraws_the_confirmation() {
        let run_state = RunState::default();
        *run_state.confirm_missing("48cc", "2A62").await.expect("the run changes nothing") = true;
        assert!(*run_state.confirm_missing("48cc", "2a62").await.expect("the run changes nothing"));
        run_state.revoke_missing("48cc", "2a62");
        assert!(!*run_state.confirm_missing("48cc", "2a62").await.expect("the run changes nothing"));
    }
}
