//! Fault scenarios: each can be injected into the emulator and cleared.

use std::time::Duration;

use terraform_provider_dli::client::Timeouts;
use terraform_provider_dli::emulator::{Clock, Fault, FaultKind, Limit, LoggedRequest, Quirk};
use time::OffsetDateTime;

use super::clock::FACTOR;
use super::cloud::Cloud;
use super::matrix::Phase;

/// A fault scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scenario {
    Delay,
    Timeout,
    Throttled,
    RateLimit,
    InternalError,
    Unavailable,
    Forbidden,
    SoftFailure,
    CutRequest,
    LostResponse,
    CutResponse,
    TruncatedResponse,
    InvalidResponse,
    StaleShow,
    StaleList,
    SlowBinding,
    SlowDelete,
    ClockSkew,
    GoneAsDli0001,
}

impl Scenario {
    pub(super) const ALL: [Self; 19] = [
        Self::Delay,
        Self::Timeout,
        Self::Throttled,
        Self::RateLimit,
        Self::InternalError,
        Self::Unavailable,
        Self::Forbidden,
        Self::SoftFailure,
        Self::CutRequest,
        Self::LostResponse,
        Self::CutResponse,
        Self::TruncatedResponse,
        Self::InvalidResponse,
        Self::StaleShow,
        Self::StaleList,
        Self::SlowBinding,
        Self::SlowDelete,
        Self::ClockSkew,
        Self::GoneAsDli0001,
    ];

    /// Scenarios that affect single requests, except the timeout.
    pub(super) const PER_REQUEST: [Self; 11] = [
        Self::Delay,
        Self::Throttled,
        Self::InternalError,
        Self::Unavailable,
        Self::Forbidden,
        Self::SoftFailure,
        Self::CutRequest,
        Self::LostResponse,
        Self::CutResponse,
        Self::TruncatedResponse,
        Self::InvalidResponse,
    ];

    /// The column header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delay => "late",
            Self::Timeout => "slow",
            Self::Throttled => "429",
            Self::RateLimit => "limit",
            Self::InternalError => "500",
            Self::Unavailable => "503",
            Self::Forbidden => "403",
            Self::SoftFailure => "soft",
            Self::CutRequest => "cut",
            Self::LostResponse => "lost",
            Self::CutResponse => "cut2",
            Self::TruncatedResponse => "half",
            Self::InvalidResponse => "garbled",
            Self::StaleShow => "show-",
            Self::StaleList => "list-",
            Self::SlowBinding => "bind+",
            Self::SlowDelete => "delete+",
            Self::ClockSkew => "clock",
            Self::GoneAsDli0001 => "gone",
        }
    }

    /// The description in the legend.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Delay => "the response is 8 seconds late",
            Self::Timeout => "done; the response comes after the request timeout",
            Self::Throttled => "HTTP 429 APIGW.0308 below the rate limit",
            Self::RateLimit => "the gateway's rate limit rejects some requests of this apply",
            Self::InternalError => "HTTP 500 DLI.0999",
            Self::Unavailable => "HTTP 503 from the gateway",
            Self::Forbidden => "HTTP 403 DLI.0003",
            Self::SoftFailure => "HTTP 200 with is_success: false",
            Self::CutRequest => "not done; the connection closes without a response",
            Self::LostResponse => "done; the connection closes without a response",
            Self::CutResponse => "done; the connection closes in the middle of the response",
            Self::TruncatedResponse => "done; the response is truncated JSON",
            Self::InvalidResponse => "done; the response is not JSON",
            Self::StaleShow => "reads of one object are 6 seconds old and outdated; one response is lost",
            Self::StaleList => "lists are 6 seconds old and outdated; one response is lost, as is one of a creation",
            Self::SlowBinding => "bindings are CREATING for 8 seconds; one response is lost",
            Self::SlowDelete => "deleted connections stay ACTIVE for 8 seconds; one response is lost",
            Self::ClockSkew => {
                "the service's clock is 20 minutes fast: HTTP 401 for the first signatures of each process; one \
                 response is lost"
            }
            Self::GoneAsDli0001 => "deleted objects are HTTP 400 DLI.0001; one response is lost",
        }
    }

    /// Whether the provider must succeed without an error: the fault is transient or only hides a success.
    pub(super) fn is_transient(self) -> bool {
        !matches!(self, Self::Forbidden | Self::SoftFailure | Self::TruncatedResponse | Self::InvalidResponse)
    }

    /// Whether the operation can meet the fault in this apply. A slow binding, for example, requires an apply that
    /// binds.
    pub(super) fn applies_to(self, operation: &str, phase: Phase) -> bool {
        if is_identity_operation(operation) {
            return self == Self::Timeout || self == Self::ClockSkew || Self::PER_REQUEST.contains(&self);
        }
        match self {
            Self::SlowBinding | Self::StaleList => phase != Phase::Destroy,
            Self::SlowDelete | Self::GoneAsDli0001 => phase != Phase::Create,
            _ => true,
        }
    }

    /// The fault for one request of this operation.
    pub(super) fn fault(self, operation: &str) -> Option<Fault> {
        let refuse = |status, code: &str, text: &str| Some(Fault::refuse(operation, status, code, text));
        let fault = |kind| Some(Fault::new(operation, kind));
        let late = |span| fault(FaultKind::Delay { at_least: span, at_most: span });
        match self {
            Self::RateLimit => None,
            Self::Delay => late(Duration::from_secs(8) / FACTOR),
            Self::Timeout => late((Timeouts::default().request + Duration::from_secs(5)) / FACTOR),
            Self::Throttled => Some(Fault::throttle(operation)),
            Self::InternalError => refuse(500, "DLI.0999", "Internal error"),
            Self::Unavailable => refuse(503, "APIGW.0201", "Backend unavailable"),
            Self::Forbidden => refuse(403, "DLI.0003", "Permission denied"),
            Self::SoftFailure => fault(FaultKind::FailSoftly { text: "the service is busy".to_owned() }),
            Self::CutRequest => fault(FaultKind::CutRequest),
            Self::CutResponse => fault(FaultKind::CutAnswer),
            Self::TruncatedResponse => fault(FaultKind::TruncateAnswer),
            Self::InvalidResponse => fault(FaultKind::GarbleAnswer),
            _ => fault(FaultKind::LoseAnswer),
        }
    }

    /// Describes the effect of the fault that these requests of an apply do not show.
    pub(super) fn missing_effect(self, operation: &str, requests: &[LoggedRequest]) -> Option<String> {
        let of_it: Vec<_> = requests.iter().filter(|request| request.operation == Some(operation)).collect();
        let is_met = match self.fault(operation).map(|fault| fault.kind) {
            None => !of_it.is_empty(),
            Some(FaultKind::Delay { at_least, .. }) => {
                of_it.iter().any(|request| request.fault_effect.delay >= at_least)
            }
            Some(kind) => of_it.iter().any(|request| request.fault_effect.fault.as_ref() == Some(&kind)),
        };
        let has_side_effect = requests.iter().any(|request| {
            let named = |part: &str| request.operation.is_some_and(|operation| operation.starts_with(part));
            match self {
                Self::RateLimit => request.status == 429,
                Self::StaleShow => named("Show") && request.fault_effect.is_stale,
                Self::StaleList => named("List") && request.fault_effect.is_stale,
                Self::SlowBinding => request.fault_effect.shows_creating_binding,
                Self::SlowDelete => request.fault_effect.shows_deleting,
                Self::ClockSkew => has_expired_signature(request),
                Self::GoneAsDli0001 => named("Show") && request.code.as_deref() == Some("DLI.0001"),
                _ => true,
            }
        });
        let missing = |what: &str| Some(format!("not in the request log: {what}"));
        match (is_met, has_side_effect) {
            (true, true) => None,
            (true, false) => missing(self.description()),
            (false, _) => missing(&format!("a fault of {operation}")),
        }
    }

    /// Injects the fault, for one request of this operation if it affects single requests.
    pub(super) fn inject(self, cloud: &Cloud, operation: &str) {
        let emulator = cloud.emulator();
        let inject = |fault| emulator.inject(fault).expect("a valid fault");
        let (slow, old) = (Duration::from_secs(8) / FACTOR, Duration::from_secs(6) / FACTOR);
        match self {
            Self::RateLimit => emulator.set_limit(Some(Limit { requests: 6, period: Duration::from_secs(1) })),
            Self::StaleShow => inject(Fault::new("Show*", FaultKind::Stale(old))),
            Self::StaleList => {
                inject(Fault::new("List*", FaultKind::Stale(old)));
                if operation != CREATION {
                    inject(Fault::new(CREATION, FaultKind::LoseAnswer).times(1));
                }
            }
            Self::ClockSkew => emulator.set_clock_skew(SKEW),
            Self::SlowBinding => emulator.set_binding_delay(slow),
            Self::SlowDelete => emulator.set_delete_delay(slow),
            _ => {}
        }
        self.fault(operation).into_iter().for_each(|fault| inject(fault.times(1)));
    }

    /// The quirk that the emulator needs from the start.
    pub(super) fn quirk(self) -> Option<Quirk> {
        (self == Self::GoneAsDli0001).then_some(Quirk::GoneAsDli0001)
    }

    /// Clears all faults except the clock skew, because a real clock does not go backwards.
    pub(super) fn clear(cloud: &Cloud) {
        let emulator = cloud.emulator();
        emulator.clear_faults();
        emulator.set_limit(None);
        emulator.set_binding_delay(Duration::ZERO);
        emulator.set_delete_delay(Duration::ZERO);
    }
}

const CREATION: &str = "CreateEnhancedConnection";

/// More than the gateway's tolerance of 15 minutes.
const SKEW: time::Duration = time::Duration::minutes(20);

/// Whether this operation of IAM provides credentials or finds the project.
pub(super) fn is_identity_operation(operation: &str) -> bool {
    operation.starts_with("Keystone") || operation.starts_with("CreateTemporaryAccessKey")
}

/// Whether the gateway rejected the date of the signature.
pub(super) fn has_expired_signature(request: &LoggedRequest) -> bool {
    request.status == 401 && request.error.as_ref().is_some_and(|error| error.contains("signature expired"))
}

/// The system clock plus an offset.
#[derive(Debug)]
pub(super) struct FastClock(pub(super) Duration);

impl Clock for FastClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.0
    }
}
