//! The life of one binding: CREATING, then ACTIVE or FAILED.
//!
//! What will become of a binding is settled when it is made (or by a test's hand); what it is at a given time follows from timestamps
//! alone. Reading it, never or a thousand times, changes nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::quirks::Quirks;
use crate::dli::wire::{self, Binding};

/// How the service behaves from now on, as far as the documents leave it open or a test wants it otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Behavior {
    pub(super) outcomes: BindingOutcomes,
    pub(super) quirks: Quirks,
    /// How long a deleted connection stays ACTIVE.
    pub(super) delete_delay: Duration,
}

/// What awaits bindings that are made from now on.
#[derive(Debug, Clone, Default)]
pub(super) struct BindingOutcomes {
    /// How long a binding stays CREATING.
    pub(super) delay: Duration,
    /// Names of queues and pools whose bindings end FAILED, with their `err_msg`.
    pub(super) failing: BTreeMap<String, String>,
    /// What the next bindings come to, whatever their names, each once: `err_msg`, or `None` for ACTIVE.
    pub(super) next: VecDeque<Option<String>>,
}

impl BindingOutcomes {
    /// What a new binding of that name comes to; a fate that holds once is used up.
    fn draw(&mut self, name: &str) -> Option<String> {
        self.next.pop_front().unwrap_or_else(|| self.failing.get(name).cloned())
    }
}

/// What a connection is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// A queue that lives in no pool.
    Queue,
    /// An elastic resource pool.
    Pool,
}

/// State of a binding at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindingState {
    Creating,
    Active,
    Failed,
}

/// The peering between a connection and one queue or pool. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peering {
    pub(super) target: Target,
    pub(super) name: String,
    peer_id: String,
    /// Asked for in the request that created the connection.
    pub(super) made_at_creation: bool,
    bound_at: i64,
    settles_at: i64,
    /// `err_msg` of a binding that ends FAILED.
    failure: Option<String>,
}

impl Peering {
    /// Begins at `now`.
    pub(super) fn begin(
        target: Target,
        name: String,
        peer_id: String,
        now: i64,
        outcomes: &mut BindingOutcomes,
    ) -> Self {
        let failure = outcomes.draw(&name);
        let settles_at = after(now, outcomes.delay);
        Self { target, name, peer_id, made_at_creation: false, bound_at: now, settles_at, failure }
    }

    /// Ends the wait at `now`, with this `err_msg` or none.
    pub(super) fn settle(&mut self, now: i64, failure: Option<String>) {
        self.settles_at = now;
        self.failure = failure;
    }

    pub(super) fn state(&self, now: i64) -> BindingState {
        match &self.failure {
            _ if now < self.settles_at => BindingState::Creating,
            Some(_) => BindingState::Failed,
            None => BindingState::Active,
        }
    }

    /// As "show" and "list" return it.
    pub(super) fn shown(&self, now: i64) -> Binding {
        let state = self.state(now);
        let (status, update_time) = match state {
            BindingState::Creating => (wire::BINDING_CREATING, self.bound_at),
            BindingState::Active => (wire::BINDING_ACTIVE, self.settles_at),
            BindingState::Failed => (wire::BINDING_FAILED, self.settles_at),
        };
        let err_msg = self.failure.clone().filter(|_| state == BindingState::Failed).unwrap_or_default();
        Binding {
            peer_id: self.peer_id.clone(),
            name: self.name.clone(),
            status: status.to_owned(),
            err_msg,
            update_time,
        }
    }
}

/// A time, and a span later; both in milliseconds.
pub(super) fn after(now: i64, span: Duration) -> i64 {
    now.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peering(delay: u64, failure: Option<&str>) -> Peering {
        let failing = failure.map(|text| ("q1".to_owned(), text.to_owned())).into_iter().collect();
        let mut outcomes =
            BindingOutcomes { delay: Duration::from_millis(delay), failing, ..BindingOutcomes::default() };
        Peering::begin(Target::Queue, "q1".to_owned(), "peer".to_owned(), 1_000, &mut outcomes)
    }

    #[test]
    fn a_binding_settles_when_its_time_has_come() {
        let shown = |peering: &Peering, now| {
            let binding = peering.shown(now);
            (binding.status, binding.err_msg, binding.update_time)
        };
        let text = |status: &str, message: &str, time| (status.to_owned(), message.to_owned(), time);
        let good = peering(500, None);
        assert_eq!(shown(&good, 1_000), text("CREATING", "", 1_000));
        assert_eq!(shown(&good, 1_499), text("CREATING", "", 1_000));
        assert_eq!(shown(&good, 1_500), text("ACTIVE", "", 1_500));
        assert_eq!(shown(&good, 9_999), text("ACTIVE", "", 1_500));
        let bad = peering(500, Some("Failed to get subnet"));
        assert_eq!(shown(&bad, 1_499), text("CREATING", "", 1_000));
        assert_eq!(shown(&bad, 1_500), text("FAILED", "Failed to get subnet", 1_500));
        assert_eq!(peering(0, None).state(1_000), BindingState::Active);
    }
}
