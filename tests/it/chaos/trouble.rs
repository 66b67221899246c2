//! The kinds of trouble that a cloud makes, each as one thing that can be brought on and ended.

use std::time::Duration;

use terraform_provider_dli::client::Timeouts;
use terraform_provider_dli::emulator::{Clock, Fault, FaultKind, Limit, LoggedRequest, Quirk};
use time::OffsetDateTime;

use super::clock::FACTOR;
use super::cloud::Cloud;
use super::matrix::Phase;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Late,
    Slow,
    Throttled,
    Limited,
    Internal,
    Unavailable,
    Forbidden,
    Soft,
    Cut,
    Lost,
    CutAnswer,
    Half,
    Garbled,
    StaleShow,
    StaleList,
    SlowBinding,
    SlowDeletion,
    Skewed,
    GoneOtherwise,
}

impl Kind {
    pub(super) const ALL: [Self; 19] = [
        Self::Late,
        Self::Slow,
        Self::Throttled,
        Self::Limited,
        Self::Internal,
        Self::Unavailable,
        Self::Forbidden,
        Self::Soft,
        Self::Cut,
        Self::Lost,
        Self::CutAnswer,
        Self::Half,
        Self::Garbled,
        Self::StaleShow,
        Self::StaleList,
        Self::SlowBinding,
        Self::SlowDeletion,
        Self::Skewed,
        Self::GoneOtherwise,
    ];

    /// Those that befall single requests, but for the one that takes long.
    pub(super) const OF_REQUESTS: [Self; 11] = [
        Self::Late,
        Self::Throttled,
        Self::Internal,
        Self::Unavailable,
        Self::Forbidden,
        Self::Soft,
        Self::Cut,
        Self::Lost,
        Self::CutAnswer,
        Self::Half,
        Self::Garbled,
    ];

    /// A word for the head of a column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Throttled => "429",
            Self::Limited => "limit",
            Self::Internal => "500",
            Self::Unavailable => "503",
            Self::Forbidden => "403",
            Self::Soft => "soft",
            Self::Cut => "cut",
            Self::Lost => "lost",
            Self::CutAnswer => "cut2",
            Self::Half => "half",
            Self::Garbled => "garbled",
            Self::StaleShow => "show-",
            Self::StaleList => "list-",
            Self::SlowBinding => "bind+",
            Self::SlowDeletion => "delete+",
            Self::Skewed => "clock",
            Self::GoneOtherwise => "gone",
        }
    }

    /// What it is.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Late => "the answer comes 8 seconds late",
            Self::Slow => "done, and the answer comes when the provider no longer waits for it",
            Self::Throttled => "HTTP 429 APIGW.0308, although nobody asked too often",
            Self::Limited => "the gateway's request limit is met in this apply, by whichever operations come too soon",
            Self::Internal => "HTTP 500 DLI.0999",
            Self::Unavailable => "HTTP 503 from the gateway",
            Self::Forbidden => "HTTP 403 DLI.0003",
            Self::Soft => "HTTP 200 with is_success: false",
            Self::Cut => "not done, and the connection ends without an answer",
            Self::Lost => "done, and the connection ends without an answer",
            Self::CutAnswer => "done, and the connection ends in the middle of the answer",
            Self::Half => "done, and the answer is half of its JSON",
            Self::Garbled => "done, and the answer is no JSON",
            Self::StaleShow => "what shows one thing is 6 seconds old, and not as it is now; and an answer is lost",
            Self::StaleList => {
                "what lists things is 6 seconds old, and not as it is now; and an answer is lost, a creation's too"
            }
            Self::SlowBinding => "bindings take 8 seconds, and are seen CREATING; and an answer is lost",
            Self::SlowDeletion => {
                "deleted connections stay ACTIVE for 8 seconds, and are seen so; and an answer is lost"
            }
            Self::Skewed => {
                "the service's clock is 20 minutes ahead: HTTP 401 for the first signatures of each process, whichever operations \
                 these are; and an answer is lost"
            }
            Self::GoneOtherwise => "what was deleted is HTTP 400 DLI.0001, and is seen so; and an answer is lost",
        }
    }

    /// Whether nobody should have to do anything about it: it passes by itself, or only looks as if something failed.
    pub(super) fn passes(self) -> bool {
        !matches!(self, Self::Forbidden | Self::Soft | Self::Half | Self::Garbled)
    }

    /// Whether requests of the operation can meet it in this apply: where nothing is bound, deleted or listed, nothing of
    /// that can be slow, gone or old.
    pub(super) fn befalls(self, operation: &str, phase: Phase) -> bool {
        if is_of_identity(operation) {
            return self == Self::Slow || self == Self::Skewed || Self::OF_REQUESTS.contains(&self);
        }
        match self {
            Self::SlowBinding | Self::StaleList => phase != Phase::Destroy,
            Self::SlowDeletion | Self::GoneOtherwise => phase != Phase::Make,
            _ => true,
        }
    }

    /// What befalls a request of this operation.
    pub(super) fn fault(self, operation: &str) -> Option<Fault> {
        let refuse = |status, code: &str, text: &str| Some(Fault::refuse(operation, status, code, text));
        let fault = |trouble| Some(Fault::new(operation, trouble));
        let late = |span| fault(FaultKind::Delay { at_least: span, at_most: span });
        match self {
            Self::Limited => None,
            Self::Late => late(Duration::from_millis(800)),
            Self::Slow => late((Timeouts::default().request + Duration::from_secs(5)) / FACTOR),
            Self::Throttled => Some(Fault::throttle(operation)),
            Self::Internal => refuse(500, "DLI.0999", "Internal error"),
            Self::Unavailable => refuse(503, "APIGW.0201", "Backend unavailable"),
            Self::Forbidden => refuse(403, "DLI.0003", "Permission denied"),
            Self::Soft => fault(FaultKind::FailSoftly { text: "the service is busy".to_owned() }),
            Self::Cut => fault(FaultKind::CutRequest),
            Self::CutAnswer => fault(FaultKind::CutAnswer),
            Self::Half => fault(FaultKind::TruncateAnswer),
            Self::Garbled => fault(FaultKind::GarbleAnswer),
            _ => fault(FaultKind::LoseAnswer),
        }
    }

    /// What was not met by the requests of an apply, where it befell this operation in it.
    pub(super) fn unmet(self, operation: &str, requests: &[LoggedRequest]) -> Option<String> {
        let of_it: Vec<_> = requests.iter().filter(|request| request.operation == Some(operation)).collect();
        let is_struck = match self.fault(operation).map(|fault| fault.kind) {
            None => !of_it.is_empty(),
            Some(FaultKind::Delay { at_least, .. }) => {
                of_it.iter().any(|request| request.fault_effect.delay >= at_least)
            }
            Some(trouble) => of_it.iter().any(|request| request.fault_effect.fault.as_ref() == Some(&trouble)),
        };
        let goes_with_it = requests.iter().any(|request| {
            let named = |part: &str| request.operation.is_some_and(|operation| operation.starts_with(part));
            match self {
                Self::Limited => request.status == 429,
                Self::StaleShow => named("Show") && request.fault_effect.is_stale,
                Self::StaleList => named("List") && request.fault_effect.is_stale,
                Self::SlowBinding => request.fault_effect.shows_creating_binding,
                Self::SlowDeletion => request.fault_effect.shows_deleting,
                Self::Skewed => is_for_the_date(request),
                Self::GoneOtherwise => named("Show") && request.code.as_deref() == Some("DLI.0001"),
                _ => true,
            }
        });
        let not = |what: &str| Some(format!("not met: {what}"));
        match (is_struck, goes_with_it) {
            (true, true) => None,
            (true, false) => not(self.meaning()),
            (false, _) => not(&format!("nothing befell {operation}")),
        }
    }

    /// Brings it on; where it befalls single requests, one of this operation.
    pub(super) fn bring(self, cloud: &Cloud, operation: &str) {
        let emulator = cloud.emulator();
        let inject = |fault| emulator.inject(fault).expect("it can happen");
        let (slow, old) = (Duration::from_millis(800), Duration::from_millis(600));
        match self {
            Self::Limited => emulator.set_limit(Some(Limit { requests: 3, period: Duration::from_secs(1) })),
            Self::StaleShow => inject(Fault::new("Show*", FaultKind::Stale(old))),
            Self::StaleList => {
                inject(Fault::new("List*", FaultKind::Stale(old)));
                if operation != CREATION {
                    inject(Fault::new(CREATION, FaultKind::LoseAnswer).times(1));
                }
            }
            Self::Skewed => emulator.set_clock_skew(SKEW),
            Self::SlowBinding => emulator.set_binding_delay(slow),
            Self::SlowDeletion => emulator.set_delete_delay(slow),
            _ => {}
        }
        self.fault(operation).into_iter().for_each(|fault| inject(fault.times(1)));
    }

    /// How a cloud that is to have this trouble differs from its pages, from the start.
    pub(super) fn quirk(self) -> Option<Quirk> {
        (self == Self::GoneOtherwise).then_some(Quirk::GoneAsDli0001)
    }

    /// Ends all of them. A clock that is ahead stays so: no clock goes backwards.
    pub(super) fn end(cloud: &Cloud) {
        let emulator = cloud.emulator();
        emulator.clear_faults();
        emulator.set_limit(None);
        emulator.set_binding_delay(Duration::ZERO);
        emulator.set_delete_delay(Duration::ZERO);
    }
}

const CREATION: &str = "CreateEnhancedConnection";

/// More than the gateway bears, which is 15 minutes.
const SKEW: time::Duration = time::Duration::minutes(20);

/// Whether an operation is not the service's, but hands out what proves who calls, or finds the project.
pub(super) fn is_of_identity(operation: &str) -> bool {
    operation.starts_with("Keystone") || operation.starts_with("CreateTemporaryAccessKey")
}

/// Whether the gateway refused a signature for its date.
pub(super) fn is_for_the_date(request: &LoggedRequest) -> bool {
    request.status == 401 && request.error.as_ref().is_some_and(|error| error.contains("signature expired"))
}

/// The machine's clock, but ahead of it.
#[derive(Debug)]
pub(super) struct Ahead(pub(super) Duration);

impl Clock for Ahead {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.0
    }
}
