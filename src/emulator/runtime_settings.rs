//! Changes to the behavior of a running emulator.

use std::time::Duration;

use super::{
    Emulator,
    faults::{Fault, FaultError, Faults},
    lock::lock,
    metadata::Metadata,
    quirks::Quirk,
    snapshot::SnapshotError,
    throttle::{Limit, Throttle},
};

impl Emulator {
    /// Sets the delay of every response.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.state.world).behavior.latency = latency;
    }

    /// Sets how long new bindings stay CREATING.
    pub fn set_binding_delay(&self, delay: Duration) {
        lock(&self.state.world).behavior.service.outcomes.delay = delay;
    }

    /// Sets how long newly deleted connections stay ACTIVE.
    pub fn set_delete_delay(&self, delay: Duration) {
        lock(&self.state.world).behavior.service.delete_delay = delay;
    }

    /// Makes new bindings of a queue or pool become FAILED with this `err_msg`, or ACTIVE if `None`.
    pub fn set_binding_outcome(&self, name: &str, failure: Option<&str>) {
        lock(&self.state.world).behavior.service.outcomes.set(Some(name), failure.map(str::to_owned));
    }

    /// Sets the outcome of one binding, whatever its name: FAILED with this `err_msg`, or ACTIVE if `None`. Several
    /// outcomes are used in order.
    pub fn set_next_binding_outcome(&self, failure: Option<&str>) {
        lock(&self.state.world).behavior.service.outcomes.set(None, failure.map(str::to_owned));
    }

    /// Advances the emulator's time: bindings settle, deletions end. The signature check still uses the clock.
    pub fn advance(&self, span: Duration) {
        lock(&self.state.world).behavior.advance(span);
    }

    /// Adds a fault after the existing ones.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.state.world).behavior.faults.inject(fault)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        lock(&self.state.world).behavior.faults = Faults::default();
    }

    /// Sets the request limit per user and restarts the count.
    pub fn set_limit(&self, limit: Option<Limit>) {
        lock(&self.state.world).behavior.throttle = Throttle::new(limit);
    }

    /// Sets the difference between the emulator's clock and the correct time. It affects signature checks and the
    /// `Date` header.
    pub fn set_clock_skew(&self, skew: time::Duration) {
        lock(&self.state.world).behavior.clock_skew = skew;
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
        lock(&self.state.world).behavior.metadata = metadata;
    }

    /// Replaces the active quirks.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        lock(&self.state.world).behavior.service.quirks = quirks.into_iter().collect();
    }

    /// Restores the initial state and settings and clears the log. Request numbers continue. Fails if the state file
    /// cannot be written.
    pub fn reset(&self) -> Result<(), SnapshotError> {
        let change = self.state.reset();
        self.state.persist(change)
    }
}
