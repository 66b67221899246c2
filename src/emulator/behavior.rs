//! The behavior of a running emulator, which tests and the control API can change.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::faults::{FaultError, Faults};
use super::throttle::{Limit, Throttle};
use super::{api_error::ApiError, caller::Identity, clock::later, quirks::Quirk, settings::Settings};

/// The outcome of new bindings with this name, or of the next binding if there is no name: FAILED with `err_msg`, or
/// ACTIVE if it is `None`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    pub(super) name: Option<String>,
    pub(super) err_msg: Option<String>,
}

/// The behavior of an emulator. A reset restores a clone of the initial one.
#[derive(Debug, Clone)]
pub(super) struct Behavior {
    pub(super) settings: Settings,
    /// Outcomes of the next bindings, whatever their names: `err_msg`, or `None` for ACTIVE.
    next_outcomes: VecDeque<Option<String>>,
    /// Offset of the emulator's time from its clock.
    pub(super) time_offset: Duration,
    pub(super) throttle: Throttle,
    pub(super) faults: Faults,
    /// Random numbers for the order of lists.
    pub(super) rng: Rng,
}

impl Behavior {
    /// The initial behavior of an emulator with these settings.
    pub(super) fn new(settings: Settings) -> Result<Self, FaultError> {
        Ok(Self {
            next_outcomes: VecDeque::new(),
            time_offset: Duration::ZERO,
            throttle: Throttle::default(),
            faults: Faults::new(&settings.faults)?,
            rng: Rng::with_seed(settings.seed),
            settings,
        })
    }

    /// The emulator's clock as clients see it.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.settings.clock.now().saturating_add(self.settings.clock_skew)
    }

    /// The time that decides about bindings, deletions and expiry.
    pub(super) fn time(&self) -> OffsetDateTime {
        later(self.now(), self.time_offset)
    }

    pub(super) fn set_limit(&mut self, limit: Option<Limit>) {
        self.settings.limit = limit;
        self.throttle = Throttle::default();
    }

    /// Counts a request against the request limit, or rejects it.
    pub(super) fn admit(&mut self, user: &Identity) -> Result<(), ApiError> {
        let now = self.now();
        self.settings.limit.map_or(Ok(()), |limit| self.throttle.admit(limit, user, now))
    }

    pub(super) fn advance(&mut self, span: Duration) {
        self.time_offset = self.time_offset.saturating_add(span);
    }

    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.settings.quirks.contains(&quirk)
    }

    /// Sets the outcome of new bindings with this name, or of the next binding if there is no name: FAILED with this
    /// `err_msg`, or ACTIVE if `None`.
    pub(super) fn set_outcome(&mut self, name: Option<&str>, failure: Option<String>) {
        let Some(name) = name.map(str::to_ascii_lowercase) else { return self.next_outcomes.push_back(failure) };
        self.settings.failing.retain(|(failing, _)| *failing != name);
        self.settings.failing.extend(failure.map(|text| (name, text)));
    }

    /// The outcomes by name, then those of the next bindings in order.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let named = self.settings.failing.iter();
        let named = named.map(|(name, text)| Outcome { name: Some(name.clone()), err_msg: Some(text.clone()) });
        let next = self.next_outcomes.iter().map(|err_msg| Outcome { name: None, err_msg: err_msg.clone() });
        named.chain(next).collect()
    }

    pub(super) fn clear_outcomes(&mut self) {
        self.settings.failing.clear();
        self.next_outcomes.clear();
    }

    /// The `err_msg` of a new binding, if it becomes FAILED. A one-time outcome is consumed.
    pub(super) fn draw_outcome(&mut self, name: &str) -> Option<String> {
        let mut failing = self.settings.failing.iter().rev();
        let by_name = || failing.find(|(failing, _)| failing == name).map(|(_, text)| text.clone());
        self.next_outcomes.pop_front().unwrap_or_else(by_name)
    }
}
