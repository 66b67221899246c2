//! The gateway's request limit per user.
//!
//! As in the gateway, periods are fixed windows of the clock. Rejected requests and logins do not count.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use time::OffsetDateTime;

use super::{api_error::ApiError, caller::Identity, durations};
use crate::dli::error_code;

/// A number of requests per period, written as `5/1s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, derive_more::Display)]
#[display("{requests}/{}", durations::format(*period))]
pub struct Limit {
    /// Requests accepted in each period.
    pub requests: u32,
    /// Length of the period in whole seconds, at least 1.
    pub period: Duration,
}

/// The text is not a valid limit.
#[derive(Debug, thiserror::Error)]
#[error("invalid limit {0:?}; expected REQUESTS/TIME in whole seconds, such as 5/1s or 200/5m")]
pub struct LimitSyntax(String);

impl FromStr for Limit {
    type Err = LimitSyntax;

    fn from_str(text: &str) -> Result<Self, LimitSyntax> {
        let read = || {
            let (requests, period) = text.split_once('/')?;
            let (requests, period) = (requests.parse().ok()?, durations::parse(period).ok()?);
            let whole = requests > 0 && period.as_secs() > 0 && period.subsec_nanos() == 0;
            whole.then_some(Self { requests, period })
        };
        read().ok_or_else(|| LimitSyntax(text.to_owned()))
    }
}

impl Limit {
    /// The gateway's throttling error, with the text observed in production (units in the singular).
    pub(super) fn throttling_error(self) -> ApiError {
        let seconds = self.period.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let unit = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
        let (length, unit) = unit.expect("all whole numbers are multiples of one");
        let (limit, time) = (self.requests, seconds / length);
        ApiError {
            status: 429,
            code: error_code::THROTTLED.into(),
            text: format!(
                "The throttling threshold has been reached: policy user over ratelimit,limit:{limit},time:{time} {unit}"
            ),
        }
    }
}

/// The window of each user's last request and the number of requests accepted in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Throttle(BTreeMap<Identity, (i64, u32)>);

impl Throttle {
    pub(super) fn admit(&mut self, limit: Limit, user: &Identity, now: OffsetDateTime) -> Result<(), ApiError> {
        let length = i64::try_from(limit.period.as_secs()).unwrap_or(i64::MAX);
        let window = now.unix_timestamp().div_euclid(length);
        let (last, count) = self.0.entry(user.clone()).or_insert((window, 0));
        if *last != window {
            (*last, *count) = (window, 0);
        }
        if *count == limit.requests {
            return Err(limit.throttling_error());
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// Observed texts; `limit:200,time:5 minute` is from a public report.
    #[test]
    fn limit_is_parsed_and_reported() {
        for (text, expected) in [
            ("5/1s", "limit:5,time:1 second"),
            ("200/5m", "limit:200,time:5 minute"),
            ("9/90s", "limit:9,time:90 second"),
            ("1/2h", "limit:1,time:2 hour"),
        ] {
            let limit: Limit = text.parse().expect("a limit");
            assert!(
                limit.throttling_error().text.ends_with(&format!("over ratelimit,{expected}")),
                "{}",
                limit.throttling_error().text
            );
            assert_eq!(limit.to_string().parse::<Limit>().expect("it is read back"), limit);
        }
        for text in ["", "5", "5/", "/1s", "0/1s", "5/0s", "5/500ms", "-1/1s"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn each_user_has_a_separate_window() {
        let (limit, mut throttle) = ("2/5s".parse().expect("a limit"), Throttle::default());
        let start = datetime!(2026-01-01 00:00:00 UTC);
        let [one, other] = ["a", "b"].map(|name| Identity::User(name.to_owned()));
        let mut at =
            |user: &Identity, seconds| throttle.admit(limit, user, start + Duration::from_secs(seconds)).is_ok();
        assert_eq!([at(&one, 3), at(&one, 4), at(&one, 4), at(&other, 4)], [true, true, false, true]);
        assert_eq!([at(&one, 5), at(&one, 9), at(&one, 9), at(&one, 10)], [true, true, false, true]);
    }
}
