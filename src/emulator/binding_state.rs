//! The states of a binding: CREATING, then ACTIVE or FAILED.
//!
//! The outcome is decided when the binding is created. The state at a given time follows from timestamps alone, so
//! reading never changes it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dli::wire::{BINDING_ACTIVE, BINDING_CREATING, BINDING_FAILED, Binding, Queue};

/// The kind of object that a connection is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// A queue outside any pool.
    Queue,
    Pool,
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
    /// Creates a binding at `bound_at` that becomes FAILED with this `err_msg`, or ACTIVE if `None`.
    pub(super) fn new(target: Target, name: String, bound_at: i64, settles_at: i64, failure: Option<String>) -> Self {
        let peer_id = Uuid::new_v4().to_string();
        Self { target, name, peer_id, made_at_creation: false, bound_at, settles_at, failure }
    }

    pub(super) fn is_to(&self, target: Target, name: &str) -> bool {
        self.target == target && self.name == name
    }

    /// Ends the CREATING state at `now` with this `err_msg`, or as ACTIVE if `None`.
    pub(super) fn settle(&mut self, now: i64, failure: Option<String>) {
        self.settles_at = now;
        self.failure = failure;
    }

    pub(super) fn status(&self, now: i64) -> &'static str {
        match &self.failure {
            _ if now < self.settles_at => BINDING_CREATING,
            Some(_) => BINDING_FAILED,
            None => BINDING_ACTIVE,
        }
    }

    pub(super) fn to_wire(&self, now: i64) -> Binding {
        let status = self.status(now);
        Binding {
            peer_id: self.peer_id.clone(),
            name: self.name.clone(),
            status: status.to_owned(),
            err_msg: self.failure.clone().filter(|_| status == BINDING_FAILED).unwrap_or_default(),
            update_time: if status == BINDING_CREATING { self.bound_at } else { self.settles_at },
        }
    }
}

/// The binding target of a queue. For a queue in a pool it is the pool.
pub(super) fn target_of(queue: &Queue) -> (Target, &str) {
    match queue.elastic_resource_pool_name.as_str() {
        "" => (Target::Queue, &queue.queue_name),
        pool => (Target::Pool, pool),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peering(delay: i64, failure: Option<&str>) -> Peering {
        Peering::new(Target::Queue, "q1".to_owned(), 1_000, 1_000 + delay, failure.map(str::to_owned))
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
        assert_eq!(peering(0, None).status(1_000), BINDING_ACTIVE);
    }
}
