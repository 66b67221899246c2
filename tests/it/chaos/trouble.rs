//! The kinds of trouble that a cloud makes, each as one thing that can be brought on and ended.

use std::time::Duration;

use terraform_provider_dli::emulator::{Clock, Fault, Limit, Quirk, Trouble};
use time::OffsetDateTime;

use super::cloud::Cloud;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Late,
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
    pub(super) const ALL: [Self; 18] = [
        Self::Late,
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

    /// Those that befall single requests.
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
            Self::Throttled => "HTTP 429 APIGW.0308, although nobody asked too often",
            Self::Limited => "the gateway has a request limit, and is asked too often",
            Self::Internal => "HTTP 500 DLI.0999",
            Self::Unavailable => "HTTP 503 from the gateway",
            Self::Forbidden => "HTTP 403 DLI.0003",
            Self::Soft => "HTTP 200 with is_success: false",
            Self::Cut => "not done, and the connection ends without an answer",
            Self::Lost => "done, and the connection ends without an answer",
            Self::CutAnswer => "done, and the connection ends in the middle of the answer",
            Self::Half => "done, and the answer is half of its JSON",
            Self::Garbled => "done, and the answer is no JSON",
            Self::StaleShow => "what shows one thing is 3 seconds old, and an answer is lost",
            Self::StaleList => "what lists things is 3 seconds old, and an answer is lost",
            Self::SlowBinding => "bindings take 6 seconds to settle, and an answer is lost",
            Self::SlowDeletion => "deleted connections stay ACTIVE for 6 seconds, and an answer is lost",
            Self::Skewed => "the service's clock is 5 minutes ahead, and an answer is lost",
            Self::GoneOtherwise => "what was deleted is HTTP 400 DLI.0001, and an answer is lost",
        }
    }

    /// Whether nobody should have to do anything about it: it passes by itself, or only looks as if something failed.
    pub(super) fn passes(self) -> bool {
        !matches!(self, Self::Forbidden | Self::Soft | Self::Half | Self::Garbled)
    }

    /// What befalls a request of this operation.
    pub(super) fn fault(self, operation: &str) -> Option<Fault> {
        let refuse = |status, code: &str, text: &str| Some(Fault::refuse(operation, status, code, text));
        let fault = |trouble| Some(Fault::new(operation, trouble));
        let span = Duration::from_millis(800);
        match self {
            Self::Limited => None,
            Self::Late => fault(Trouble::Delay { at_least: span, at_most: span }),
            Self::Throttled => Some(Fault::throttle(operation)),
            Self::Internal => refuse(500, "DLI.0999", "Internal error"),
            Self::Unavailable => refuse(503, "APIGW.0201", "Backend unavailable"),
            Self::Forbidden => refuse(403, "DLI.0003", "Permission denied"),
            Self::Soft => fault(Trouble::FailSoftly { text: "the service is busy".to_owned() }),
            Self::Cut => fault(Trouble::CutRequest),
            Self::CutAnswer => fault(Trouble::CutAnswer),
            Self::Half => fault(Trouble::TruncateAnswer),
            Self::Garbled => fault(Trouble::GarbleAnswer),
            _ => fault(Trouble::LoseAnswer),
        }
    }

    /// Brings it on; where it befalls single requests, one of this operation.
    pub(super) fn bring(self, cloud: &Cloud, operation: &str) {
        let emulator = cloud.emulator();
        let inject = |fault| emulator.inject(fault).expect("it can happen");
        let (slow, old) = (Duration::from_millis(600), Duration::from_millis(300));
        match self {
            Self::Limited => emulator.set_limit(Some(Limit { requests: 3, period: Duration::from_secs(1) })),
            Self::StaleShow => inject(Fault::new("Show*", Trouble::Stale(old))),
            Self::StaleList => inject(Fault::new("List*", Trouble::Stale(old))),
            Self::SlowBinding => emulator.set_binding_delay(slow),
            Self::SlowDeletion => emulator.set_delete_delay(slow),
            _ => {}
        }
        self.fault(operation).into_iter().for_each(|fault| inject(fault.times(1)));
    }

    /// The clock of a cloud that is to have this trouble. It stays as it is: no clock goes backwards.
    pub(super) fn clock(self) -> Ahead {
        Ahead(if self == Self::Skewed { Duration::from_mins(5) } else { Duration::ZERO })
    }

    /// How a cloud that is to have this trouble differs from its pages, from the start.
    pub(super) fn quirk(self) -> Option<Quirk> {
        (self == Self::GoneOtherwise).then_some(Quirk::GoneAsDli0001)
    }

    /// Ends all of them.
    pub(super) fn end(cloud: &Cloud) {
        let emulator = cloud.emulator();
        emulator.clear_faults();
        emulator.set_limit(None);
        emulator.set_binding_delay(Duration::ZERO);
        emulator.set_delete_delay(Duration::ZERO);
    }
}

/// The machine's clock, but ahead of it.
#[derive(Debug)]
pub(super) struct Ahead(pub(super) Duration);

impl Clock for Ahead {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.0
    }
}
