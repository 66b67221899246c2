//! The behavior of a running emulator, as far as tests and the control API can change it.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;
use time::OffsetDateTime;

use super::{
    binding_state::{BindingOutcomes, ServiceBehavior},
    clock::Clock,
    faults::{FaultError, Faults},
    metadata::Metadata,
    settings::Settings,
    throttle::Throttle,
};

/// The behavior of an emulator. A reset restores a clone of the initial one.
#[derive(Debug, Clone)]
pub(super) struct Behavior {
    pub(super) service: ServiceBehavior,
    /// Delay of every response.
    pub(super) latency: Duration,
    /// Difference between the emulator's clock and the correct time, positive or negative.
    pub(super) clock_skew: time::Duration,
    /// Offset of the emulator's time from its clock.
    pub(super) time_offset: Duration,
    pub(super) metadata: Metadata,
    pub(super) throttle: Throttle,
    pub(super) faults: Faults,
    /// Random numbers for the order of lists.
    pub(super) rng: Rng,
}

impl Behavior {
    /// The initial behavior of an emulator with these settings.
    pub(super) fn new(settings: &Settings) -> Result<Self, FaultError> {
        let outcomes =
            BindingOutcomes { delay: settings.binding_delay, failing: settings.failing.clone(), next: VecDeque::new() };
        Ok(Self {
            service: ServiceBehavior { outcomes, quirks: settings.quirks.clone(), delete_delay: settings.delete_delay },
            latency: settings.latency,
            clock_skew: settings.clock_skew,
            time_offset: Duration::ZERO,
            metadata: settings.metadata,
            throttle: Throttle::new(settings.limit),
            faults: Faults::new(&settings.faults)?,
            rng: Rng::with_seed(settings.seed),
        })
    }

    /// The emulator's clock as clients see it.
    pub(super) fn now(&self, clock: &dyn Clock) -> OffsetDateTime {
        clock.now().saturating_add(self.clock_skew)
    }

    /// The time that decides about bindings, deletions and expiry.
    pub(super) fn time(&self, clock: &dyn Clock) -> OffsetDateTime {
        let offset = time::Duration::try_from(self.time_offset).unwrap_or(time::Duration::MAX);
        self.now(clock).saturating_add(offset)
    }

    /// Moves the emulator's time forward.
    pub(super) fn advance(&mut self, span: Duration) {
        self.time_offset = self.time_offset.saturating_add(span);
    }
}
