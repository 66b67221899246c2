//! State of one run, shared by all resources of the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex as Lock, time::Instant};

use crate::dli::wire::Queue;

/// Region and project, as far as they are named.
pub(super) type Place = (Option<String>, Option<String>);

/// What has been asked so far.
#[derive(Debug, Default)]
pub(in crate::provider) struct RunState {
    pub(super) queues: Answers<BTreeMap<String, Queue>>,
    pub(super) pools: Answers<BTreeSet<String>>,
    pub(super) names: Answers<BTreeMap<String, Vec<String>>>,
    /// Ids of connections that this run replaces.
    leaving: Mutex<BTreeSet<String>>,
    /// Whether this run has begun to change things.
    pub(super) applies: AtomicBool,
    /// Whether the service has refused the credentials, and somebody was told.
    pub(super) refused: AtomicBool,
    /// What resources that this run has made rely on, by connection.
    taken: Mutex<BTreeSet<(String, PartKey)>>,
    /// What resources that this run has destroyed had, by connection.
    ended: Mutex<BTreeSet<(String, PartKey)>>,
}

/// Identifies a part of a connection among the resources of a run.
///
/// Two resources with the same key manage the same part, for example with `create_before_destroy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::provider) enum PartKey {
    /// Name of the queue, in lower case.
    Queue(String),
    /// Name of the elastic resource pool, in lower case.
    Pool(String),
    /// Name of the route.
    Route(String),
    /// ID of the project that may bind, in lower case.
    Privilege(String),
}

impl RunState {
    /// The run changes things from now on.
    pub(in crate::provider) fn mark_applying(&self) {
        self.applies.store(true, Ordering::Relaxed);
    }

    /// A resource that this run has made relies on this.
    pub(in crate::provider) fn mark_in_use(&self, connection: &str, part: PartKey) {
        let connection = connection.to_ascii_lowercase();
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert((connection, part));
    }

    /// Whether a resource that this run has made relies on this.
    pub(in crate::provider) fn is_in_use(&self, connection: &str, part: PartKey) -> bool {
        let wanted = (connection.to_ascii_lowercase(), part);
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).contains(&wanted)
    }

    /// This run has ended this.
    pub(in crate::provider) fn mark_removed(&self, connection: &str, part: PartKey) {
        let connection = connection.to_ascii_lowercase();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert((connection, part));
    }

    /// Whether this run has ended this, and no resource has made it anew since: it may be shown a while longer, which is no
    /// reason to take it over.
    pub(in crate::provider) fn is_removed(&self, connection: &str, part: PartKey) -> bool {
        let ended = (connection.to_ascii_lowercase(), part);
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains(&ended)
            && !self.is_in_use(connection, ended.1)
    }

    /// A connection is going to be replaced: its name will be free.
    pub(in crate::provider) fn mark_replaced(&self, id: &str) {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    /// Whether a connection is going to be replaced.
    pub(super) fn is_replaced(&self, id: &str) -> bool {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

/// An answer of the service, or that there was none, and when it came.
type Answer<T> = (Instant, Option<Arc<T>>);

/// One checker, asked once for each place.
#[derive(Debug)]
pub(super) struct Answers<T>(Lock<BTreeMap<Place, Answer<T>>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Lock::default())
    }
}

impl<T> Answers<T> {
    /// The answer, which is asked for where there is none or it is older than it may be. `None` where the service did
    /// not answer; the reason comes with the first attempt only.
    pub(super) async fn get<E>(
        &self,
        place: &Place,
        oldest: Option<Duration>,
        ask: impl Future<Output = Result<T, E>>,
    ) -> (Option<Arc<T>>, Option<E>) {
        let mut answers = self.0.lock().await;
        if let Some((at, answer)) = answers.get(place)
            && (answer.is_none() || oldest.is_none_or(|oldest| at.elapsed() < oldest))
        {
            return (answer.clone(), None);
        }
        let (answer, error) = match ask.await {
            Ok(answer) => (Some(Arc::new(answer)), None),
            Err(error) => (None, Some(error)),
        };
        answers.insert(place.clone(), (Instant::now(), answer.clone()));
        (answer, error)
    }
}
