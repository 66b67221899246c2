//! The states of a binding: CREATING, then ACTIVE or FAILED.
//!
//! The outcome is decided when the binding is created. The state at a given time follows from timestamps alone, so
//! reading never changes it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::quirks::Quirks;
use crate::dli::wire::{self, Binding};

/// The behavior of the service that settings and tests can change.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceBehavior {
    pub(super) outcomes: BindingOutcomes,
    pub(super) quirks: Quirks,
    /// How long a deleted connection stays ACTIVE.
    pub(super) delete_delay: Duration,
}

/// Outcomes of bindings that are created from now on.
#[derive(Debug, Clone, Default)]
pub(super) struct BindingOutcomes {
    /// How long a binding stays CREATING.
    pub(super) delay: Duration,
    /// Names of queues and pools whose bindings become FAILED, with their `err_msg`.
    pub(super) failing: BTreeMap<String, String>,
    /// Outcomes of the next bindings, whatever their names: `err_msg`, or `None` for ACTIVE.
    pub(super) next: VecDeque<Option<String>>,
}

impl BindingOutcomes {
    /// Sets the outcome of new bindings with this name, or of the next binding if there is no name.
    pub(super) fn set(&mut self, name: Option<&str>, failure: Option<String>) {
        match (name.map(str::to_ascii_lowercase), failure) {
            (None, failure) => self.next.push_back(failure),
            (Some(name), Some(text)) => drop(self.failing.insert(name, text)),
            (Some(name), None) => drop(self.failing.remove(&name)),
        }
    }

    /// The outcome of a new binding. A one-time outcome is consumed.
    fn draw(&mut self, name: &str) -> Option<String> {
        self.next.pop_front().unwrap_or_else(|| self.failing.get(name).cloned())
    }
}

/// The kind of object that a connection is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// A queue outside any pool.
    Queue,
    Pool,
}

/// State of a binding at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindingState {
    Creating,
    Active,
    Failed,
}

/// The peering between a connection and a queue or pool. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peering {
    pub(super) target: Target,
    pub(super) name: String,
    peer_id: String,
    /// Requested when the connection was created.
    pub(super) made_at_creation: bool,
    bound_at: i64,
    settles_at: i64,
    /// `err_msg` of a binding that becomes FAILED.
    failure: Option<String>,
}

impl Peering {
    /// Creates a binding at `now`.
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

    /// Ends the CREATING state at `now` with this `err_msg`, or as ACTIVE if `None`.
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

    /// The binding as the API returns it.
    pub(super) fn to_wire(&self, now: i64) -> Binding {
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

/// Adds a duration to a time in milliseconds.
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
    fn binding_settles_after_delay() {
        let shown = |peering: &Peering, now| {
            let binding = peering.to_wire(now);
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
