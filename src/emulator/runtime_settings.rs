//! Changes to the behavior of a running emulator.

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
    /// Sets the delay of every response.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.state.latency) = latency;
    }

    /// Sets how long new bindings stay CREATING.
    pub fn set_binding_delay(&self, delay: Duration) {
        self.state.set_binding_delay(delay);
    }

    /// Sets how long newly deleted connections stay ACTIVE.
    pub fn set_delete_delay(&self, delay: Duration) {
        self.state.set_delete_delay(delay);
    }

    /// Makes new bindings of a queue or pool become FAILED with this `err_msg`, or ACTIVE if `None`.
    pub fn set_binding_outcome(&self, name: &str, failure: Option<&str>) {
        self.state.set_binding_outcome(name, failure);
    }

    /// Sets the outcome of one binding, whatever its name: FAILED with this `err_msg`, or ACTIVE if `None`. Several
    /// outcomes are used in order.
    pub fn set_next_binding_outcome(&self, failure: Option<&str>) {
        self.state.set_next_binding_outcome(failure);
    }

    /// Advances the emulator's time: bindings settle, deletions end. The signature check still uses the clock.
    pub fn advance(&self, span: Duration) {
        self.state.advance(span);
    }

    /// Adds a fault after the existing ones.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.state.faults).inject(fault)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        *lock(&self.state.faults) = Faults::default();
    }

    /// Sets the request limit per user and restarts the count.
    pub fn set_limit(&self, limit: Option<Limit>) {
        *lock(&self.state.throttle) = Throttle::new(limit);
    }

    /// Sets the difference between the emulator's clock and the correct time. It affects signature checks and the
    /// `Date` header.
    pub fn set_clock_skew(&self, skew: time::Duration) {
        *lock(&self.state.skew) = skew;
    }

    /// Revokes all issued tokens and temporary keys.
    pub fn revoke_credentials(&self) {
        lock(&self.state.credentials).revoke();
    }

    /// Sets the lifetime of credentials issued from now on; the documented lifetime if `None`.
    pub fn set_credential_lifetime(&self, lifetime: Option<Duration>) {
        lock(&self.state.credentials).iam_account.lifetime = lifetime;
    }

    /// Sets the version of the metadata service.
    pub fn set_metadata(&self, metadata: Metadata) {
        *lock(&self.state.metadata) = metadata;
    }

    /// Replaces the active quirks.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.state.set_quirks(quirks);
    }

    /// Restores the initial state and settings and clears the log. Request numbers continue. Fails if the state file
    /// cannot be written.
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
