//! The local clock and the offset of the service's clock.
//!
//! The gateway rejects a signature that is 15 minutes off. The `Date` of that response corrects the clock.

use std::sync::atomic::{AtomicI64, Ordering};

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc2822};

use super::{config::Clock, error::Error};
use crate::dli::signature::parse_date;

/// A larger offset is taken as the cause of a rejection. The gateway allows 15 minutes.
const MAX_TRUSTED_OFFSET: Duration = Duration::minutes(5);

/// Precedes the service's time in the gateway's message about an expired signature.
const SERVER_TIME: &str = "server time:";

/// Both clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    local: Clock,
    /// Offset of the service's clock, in milliseconds.
    offset: AtomicI64,
    /// Offset used for signatures, in milliseconds.
    skew: AtomicI64,
}

impl Clocks {
    pub(super) fn new(local: Clock) -> Self {
        Self { local, offset: AtomicI64::new(0), skew: AtomicI64::new(0) }
    }

    /// The service's time by its latest `Date` header, late by up to a second and the network delay. Before the first
    /// response it is the local time.
    pub(super) fn now(&self) -> OffsetDateTime {
        (self.local)().saturating_add(Duration::milliseconds(self.offset.load(Ordering::Relaxed)))
    }

    pub(super) fn skew(&self) -> Duration {
        Duration::milliseconds(self.skew.load(Ordering::Relaxed))
    }

    /// The date for a signature.
    pub(super) fn signing(&self, skew: Duration) -> OffsetDateTime {
        (self.local)().saturating_add(skew)
    }

    pub(super) fn observe_date(&self, date: &str) {
        if let Ok(time) = OffsetDateTime::parse(date, &Rfc2822) {
            self.set(time);
        }
    }

    fn set(&self, time: OffsetDateTime) {
        let offset = (time - (self.local)()).whole_milliseconds();
        self.offset.store(i64::try_from(offset).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Returns whether a request with this skew may have been rejected for its date, and adjusts the skew if so.
    pub(super) fn corrects(&self, refusal: &Error, skew: Duration) -> bool {
        let stated = refusal.message.split_once(SERVER_TIME).and_then(|(_, rest)| parse_date(rest.get(..16)?));
        if let Some(time) = stated {
            self.set(time);
        }
        let offset = self.offset.load(Ordering::Relaxed);
        let off = (Duration::milliseconds(offset) - skew).abs();
        let is_for_date = off > if stated.is_some() { Duration::SECOND } else { MAX_TRUSTED_OFFSET };
        if is_for_date {
            tracing::warn!(seconds = offset / 1000, "the local clock is wrong; signing with the service's time");
            self.skew.store(offset, Ordering::Relaxed);
        }
        is_for_date
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use time::macros::datetime;

    use super::*;
    use crate::client::Operation;

    fn clocks() -> Clocks {
        Clocks::new(|| datetime!(2026-01-01 12:00 UTC))
    }

    fn refusal(message: &str) -> Error {
        let code = Some("APIGW.0301".into());
        Error::reported(Operation::ShowConnection, StatusCode::UNAUTHORIZED, code, message.into())
    }

    #[test]
    fn server_time_is_used_only_after_a_rejection() {
        let clocks = clocks();
        assert_eq!(clocks.now(), datetime!(2026-01-01 12:00 UTC));
        clocks.observe_date("Thu, 01 Jan 2026 12:40:00 GMT");
        assert_eq!(clocks.now(), datetime!(2026-01-01 12:40 UTC));
        clocks.observe_date("yesterday");
        assert_eq!(clocks.now(), datetime!(2026-01-01 12:40 UTC));
        assert_eq!(clocks.signing(clocks.skew()), datetime!(2026-01-01 12:00 UTC));
        assert!(clocks.corrects(&refusal("Incorrect IAM authentication information"), Duration::ZERO));
        assert_eq!(clocks.signing(clocks.skew()), datetime!(2026-01-01 12:40 UTC));
    }

    /// The message of the gateway, without a `Date` header.
    #[test]
    fn rejection_message_corrects_the_clock() {
        let clocks = clocks();
        let words = "Incorrect IAM authentication information: signature expired, signature \
                     time:20260101T120000Z,server time:20260101T122500Z";
        assert!(clocks.corrects(&refusal(words), Duration::ZERO));
        let corrected = clocks.skew();
        assert_eq!(clocks.signing(corrected), datetime!(2026-01-01 12:25 UTC));
        // A request dated by that time was rejected for another reason.
        assert!(!clocks.corrects(&refusal(words), corrected));
        // Every other request in flight is signed again too.
        assert!(clocks.corrects(&refusal(words), Duration::ZERO));
    }

    /// A later time cannot be represented.
    #[test]
    fn last_representable_date_does_not_overflow() {
        static SECONDS: AtomicI64 = AtomicI64::new(0);
        let clocks = Clocks::new(|| {
            datetime!(2026-01-01 12:00 UTC) + Duration::seconds(SECONDS.fetch_add(1, Ordering::Relaxed))
        });
        clocks.observe_date("Fri, 31 Dec 9999 23:59:59 GMT");
        assert!(clocks.corrects(&refusal("Incorrect IAM authentication information"), Duration::ZERO));
        let last = datetime!(9999-12-31 23:59:59 UTC);
        assert!(clocks.now() >= last && clocks.signing(clocks.skew()) >= last);
    }

    #[test]
    fn correct_clock_is_not_corrected() {
        let clocks = clocks();
        clocks.observe_date("Thu, 01 Jan 2026 12:04:00 GMT");
        assert!(!clocks.corrects(&refusal("verify aksk signature fail"), Duration::ZERO));
        for odd in ["server time:", "server time:2026", "server time:größe größe größe"] {
            assert!(!clocks.corrects(&refusal(odd), Duration::ZERO), "{odd}");
        }
    }
}
