//! What a test may change about a running emulator, beside the contents of its projects.

use std::time::Duration;

use super::{
    Emulator,
    faults::{Fault, FaultError, Faults},
    lock::lock,
    metadata::Metadata,
    quirks::Quirk,
    snapshot::SnapshotError,
    state::AppState,
    throttle::{Limit, Throttle},
};

impl Emulator {
    /// Changes the latency of every answer that has not begun to wait.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.state.latency) = latency;
    }

    /// Changes how long bindings that are made from now on stay CREATING.
    pub fn set_binding_delay(&self, delay: Duration) {
        self.state.set_binding_delay(delay);
    }

    /// Changes how long connections that are deleted from now on stay ACTIVE.
    pub fn set_delete_delay(&self, delay: Duration) {
        self.state.set_delete_delay(delay);
    }

    /// Lets the bindings of a queue or pool that are made from now on end FAILED with this `err_msg`, or ACTIVE again.
    pub fn set_binding_outcome(&self, name: &str, failure: Option<&str>) {
        self.state.set_binding_outcome(name, failure);
    }

    /// Lets one binding, the next that has no such fate yet, end FAILED with this `err_msg`, or ACTIVE, whatever its
    /// name. Fates that were given before it are used up before it.
    pub fn set_next_binding_outcome(&self, failure: Option<&str>) {
        self.state.set_next_binding_outcome(failure);
    }

    /// Moves the emulator's time forward, on top of its clock: bindings settle, deletions end. Signatures are still
    /// judged by the clock itself, which is the one that clients see.
    pub fn advance(&self, span: Duration) {
        self.state.advance(span);
    }

    /// Brings a trouble on, after those that there are.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.state.faults).inject(fault)
    }

    /// Ends all troubles.
    pub fn clear_faults(&self) {
        *lock(&self.state.faults) = Faults::default();
    }

    /// Changes how often one user may ask; what was asked so far is forgotten.
    pub fn set_limit(&self, limit: Option<Limit>) {
        *lock(&self.state.throttle) = Throttle::new(limit);
    }

    /// Sets the emulator's clock ahead of the right time, or behind where it is negative: signatures are judged by it,
    /// and the `Date` of answers follows it.
    pub fn set_clock_skew(&self, skew: time::Duration) {
        *lock(&self.state.skew) = skew;
    }

    /// Takes back all tokens and temporary keys that were handed out, as if they had expired.
    pub fn revoke_credentials(&self) {
        lock(&self.state.credentials).revoke();
    }

    /// Changes how long lives what is handed out from now on; as documented where it is `None`.
    pub fn set_credential_lifetime(&self, lifetime: Option<Duration>) {
        lock(&self.state.credentials).iam_account.lifetime = lifetime;
    }

    /// Changes which metadata service there is.
    pub fn set_metadata(&self, metadata: Metadata) {
        *lock(&self.state.metadata) = metadata;
    }

    /// Switches these quirks on, and all others off.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.state.set_quirks(quirks);
    }

    /// Goes back to the start: no connections, the stock of queues, the settings, no log. Requests are numbered on. An
    /// error is that of the state file.
    pub fn reset(&self) -> Result<(), SnapshotError> {
        let change = self.state.reset();
        self.state.keep(change)
    }
}

impl AppState {
    pub(super) fn set_binding_delay(&self, delay: Duration) {
        lock(&self.world).behavior.outcomes.delay = delay;
    }

    pub(super) fn set_delete_delay(&self, delay: Duration) {
        lock(&self.world).behavior.delete_delay = delay;
    }

    pub(super) fn set_binding_outcome(&self, name: &str, failure: Option<&str>) {
        let name = name.to_ascii_lowercase();
        let failing = &mut lock(&self.world).behavior.outcomes.failing;
        match failure {
            Some(text) => failing.insert(name, text.to_owned()),
            None => failing.remove(&name),
        };
    }

    pub(super) fn set_next_binding_outcome(&self, failure: Option<&str>) {
        lock(&self.world).behavior.outcomes.next.push_back(failure.map(str::to_owned));
    }

    pub(super) fn advance(&self, span: Duration) {
        let mut ahead = lock(&self.ahead);
        *ahead = ahead.saturating_add(span);
    }

    pub(super) fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        lock(&self.world).behavior.quirks = quirks.into_iter().collect();
    }
}
