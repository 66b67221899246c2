//! What a test may change about a running emulator, beside the contents of its projects.

use std::time::Duration;

use super::{
    Emulator,
    faults::{Fault, FaultError, Faults},
    metadata::Metadata,
    quirks::Quirk,
    shared::{Shared, lock},
    snapshot::SnapshotError,
    throttle::{Limit, Throttle},
};

impl Emulator {
    /// Changes the latency of every answer that has not begun to wait.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Changes how long bindings that are made from now on stay CREATING.
    pub fn set_binding_delay(&self, delay: Duration) {
        self.shared.set_binding_delay(delay);
    }

    /// Changes how long connections that are deleted from now on stay ACTIVE.
    pub fn set_delete_delay(&self, delay: Duration) {
        self.shared.set_delete_delay(delay);
    }

    /// Lets the bindings of a queue or pool that are made from now on end FAILED with this `err_msg`, or ACTIVE again.
    pub fn set_fate(&self, name: &str, failure: Option<&str>) {
        self.shared.set_fate(name, failure);
    }

    /// Lets one binding, the next that has no such fate yet, end FAILED with this `err_msg`, or ACTIVE, whatever its
    /// name. Fates that were given before it are used up before it.
    pub fn set_next_fate(&self, failure: Option<&str>) {
        self.shared.set_next_fate(failure);
    }

    /// Moves the emulator's time forward, on top of its clock: bindings settle, deletions end. Signatures are still
    /// judged by the clock itself, which is the one that clients see.
    pub fn advance(&self, span: Duration) {
        self.shared.advance(span);
    }

    /// Brings a trouble on, after those that there are.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.shared.faults).inject(fault)
    }

    /// Ends all troubles.
    pub fn clear_faults(&self) {
        *lock(&self.shared.faults) = Faults::default();
    }

    /// Changes how often one user may ask; what was asked so far is forgotten.
    pub fn set_limit(&self, limit: Option<Limit>) {
        *lock(&self.shared.throttle) = Throttle::new(limit);
    }

    /// Sets the emulator's clock ahead of the right time, or behind where it is negative: signatures are judged by it,
    /// and the `Date` of answers follows it.
    pub fn set_clock_skew(&self, skew: time::Duration) {
        *lock(&self.shared.skew) = skew;
    }

    /// Takes back all tokens and temporary keys that were handed out, as if they had expired.
    pub fn revoke_credentials(&self) {
        lock(&self.shared.directory).revoke();
    }

    /// Changes how long lives what is handed out from now on; as documented where it is `None`.
    pub fn set_credential_lifetime(&self, lifetime: Option<Duration>) {
        lock(&self.shared.directory).people.lifetime = lifetime;
    }

    /// Changes which metadata service there is.
    pub fn set_metadata(&self, metadata: Metadata) {
        *lock(&self.shared.metadata) = metadata;
    }

    /// Switches these quirks on, and all others off.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.shared.set_quirks(quirks);
    }

    /// Goes back to the start: no connections, the stock of queues, the settings, no log. Requests are numbered on. An
    /// error is that of the state file.
    pub fn reset(&self) -> Result<(), SnapshotError> {
        let change = self.shared.reset();
        self.shared.keep(change)
    }
}

impl Shared {
    pub(super) fn set_binding_delay(&self, delay: Duration) {
        lock(&self.state).manner.fate.delay = delay;
    }

    pub(super) fn set_delete_delay(&self, delay: Duration) {
        lock(&self.state).manner.delete_delay = delay;
    }

    pub(super) fn set_fate(&self, name: &str, failure: Option<&str>) {
        let name = name.to_ascii_lowercase();
        let failing = &mut lock(&self.state).manner.fate.failing;
        match failure {
            Some(text) => failing.insert(name, text.to_owned()),
            None => failing.remove(&name),
        };
    }

    pub(super) fn set_next_fate(&self, failure: Option<&str>) {
        lock(&self.state).manner.fate.next.push_back(failure.map(str::to_owned));
    }

    pub(super) fn advance(&self, span: Duration) {
        let mut ahead = lock(&self.ahead);
        *ahead = ahead.saturating_add(span);
    }

    pub(super) fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        lock(&self.state).manner.quirks = quirks.into_iter().collect();
    }
}
