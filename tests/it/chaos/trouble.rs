//! The kinds of trouble that a cloud makes, each as one thing that can be brought on and ended.

use std::time::Duration;

use terraform_provider_dli::emulator::{Clock, Fault, Quirk, Trouble};
use time::OffsetDateTime;

use super::cloud::Cloud;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Late,
    Throttled,
    Internal,
    Unavailable,
    Soft,
    Lost,
    Truncated,
    SlowBinding,
    SlowDeletion,
    SkewedAndLost,
    GoneOtherwise,
    Forbidden,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Late,
        Self::Throttled,
        Self::Internal,
        Self::Unavailable,
        Self::Soft,
        Self::Lost,
        Self::Truncated,
        Self::SlowBinding,
        Self::SlowDeletion,
        Self::SkewedAndLost,
        Self::GoneOtherwise,
        Self::Forbidden,
    ];

    /// Those that befall single requests; the worst twice.
    pub(super) const OF_REQUESTS: [Self; 9] = [
        Self::Late,
        Self::Throttled,
        Self::Internal,
        Self::Unavailable,
        Self::Soft,
        Self::Lost,
        Self::Lost,
        Self::Truncated,
        Self::Forbidden,
    ];

    /// A word for the head of a column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Throttled => "429",
            Self::Internal => "500",
            Self::Unavailable => "503",
            Self::Soft => "soft",
            Self::Lost => "lost",
            Self::Truncated => "half",
            Self::SlowBinding => "bind…",
            Self::SlowDeletion => "delete…",
            Self::SkewedAndLost => "skew+lost",
            Self::GoneOtherwise => "gone=400",
            Self::Forbidden => "403",
        }
    }

    /// What it is.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Late => "the answer comes 8 seconds late",
            Self::Throttled => "HTTP 429 in the gateway's words",
            Self::Internal => "HTTP 500 DLI.0999",
            Self::Unavailable => "HTTP 503 from the gateway",
            Self::Soft => "HTTP 200 with is_success: false",
            Self::Lost => "done, and the connection ends without an answer",
            Self::Truncated => "done, and the answer is half of its JSON",
            Self::SlowBinding => "bindings take 6 seconds to settle",
            Self::SlowDeletion => "deleted connections stay ACTIVE for 6 seconds",
            Self::SkewedAndLost => "the service's clock is 5 minutes ahead, and an answer is lost",
            Self::GoneOtherwise => "what was deleted is HTTP 400 DLI.0001, and an answer is lost",
            Self::Forbidden => "HTTP 403 DLI.0003",
        }
    }

    /// The trouble of one request, where it is one.
    fn trouble(self) -> Option<Fault> {
        let refuse = |status, code: &str, text: &str| Fault::refuse("*", status, code, text);
        let span = Duration::from_millis(800);
        Some(match self {
            Self::Late => Fault::new("*", Trouble::Delay { at_least: span, at_most: span, seed: 0 }),
            Self::Throttled => Fault::throttle("*"),
            Self::Internal => refuse(500, "DLI.0999", "Internal error"),
            Self::Unavailable => refuse(503, "APIGW.0201", "Backend unavailable"),
            Self::Soft => Fault::new("*", Trouble::FailSoftly { text: "the service is busy".to_owned() }),
            Self::Lost | Self::SkewedAndLost | Self::GoneOtherwise => Fault::new("*", Trouble::LoseAnswer),
            Self::Truncated => Fault::new("*", Trouble::TruncateAnswer),
            Self::Forbidden => refuse(403, "DLI.0003", "Permission denied"),
            Self::SlowBinding | Self::SlowDeletion => return None,
        })
    }

    /// Brings it on; where it befalls requests, those of this operation.
    pub(super) fn bring(self, cloud: &Cloud, operation: &str, times: u32) {
        let span = Duration::from_millis(600);
        match self {
            Self::SlowBinding => cloud.emulator().set_binding_delay(span),
            Self::SlowDeletion => cloud.emulator().set_delete_delay(span),
            Self::GoneOtherwise => cloud.emulator().set_quirks([Quirk::GoneAsDli0001]),
            _ => {}
        }
        if let Some(fault) = self.trouble() {
            let fault = Fault { operation: operation.to_owned(), ..fault };
            cloud.emulator().inject(fault.times(times)).expect("it can happen");
        }
    }

    /// The clock of a cloud that is to have this trouble. It stays as it is: no clock goes backwards.
    pub(super) fn clock(self) -> Ahead {
        Ahead(if self == Self::SkewedAndLost { Duration::from_mins(5) } else { Duration::ZERO })
    }

    /// Ends it, and all others.
    pub(super) fn end(cloud: &Cloud) {
        let emulator = cloud.emulator();
        emulator.clear_faults();
        emulator.set_binding_delay(Duration::ZERO);
        emulator.set_delete_delay(Duration::ZERO);
    }
}

/// The machine's clock, but ahead of it.
#[derive(Debug)]
pub(super) struct Ahead(Duration);

impl Clock for Ahead {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.0
    }
}
