//! The rate limit in a throttling response. The service does not publish its limits; only the message states them: "The
//! throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute".

use std::time::Duration;

/// The longest accepted period.
const LONGEST_PERIOD: Duration = Duration::from_hours(24);

/// The number of calls that the gateway allows one caller in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, derive_more::Display)]
#[display("{calls} {} in {}", if *calls == 1 { "call" } else { "calls" }, humantime::format_duration(*period))]
pub struct RateLimit {
    /// Calls in one period; at least 1.
    pub calls: u32,
    /// From a millisecond to a day.
    pub period: Duration,
}

impl RateLimit {
    /// Parses a throttling message; `None` without two valid figures.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (calls, rest) = text.match_indices("limit:").find_map(|(at, word)| number(&text[at + word.len()..]))?;
        let (amount, rest) = rest.match_indices("time:").find_map(|(at, word)| number(&rest[at + word.len()..]))?;
        let unit = rest.trim_start();
        let unit = &unit[..unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len())];

        let calls = calls.parse().ok().filter(|calls| *calls > 0)?;
        let period = humantime::parse_duration(&format!("{amount}{unit}")).ok()?;
        let accepted = Duration::from_millis(1)..=LONGEST_PERIOD;
        accepted.contains(&period).then_some(Self { calls, period })
    }
}

/// Splits `text` after its leading digits; `None` without digits.
fn number(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(u32, u64)> {
        RateLimit::find(text)
            .map(|limit| (limit.calls, u64::try_from(limit.period.as_millis()).expect("at most a day")))
    }

    /// Users reported the first form; the same gateway may use the others.
    #[test]
    fn limit_is_parsed_from_the_message() {
        let policy = "The throttling threshold has been reached: policy user over ratelimit";
        for (figures, calls, milliseconds) in [
            ("limit:200,time:5 minute", 200, 300_000),
            ("limit:5,time:1 second", 5, 1000),
            ("limit:5,time:2 seconds", 5, 2000),
            ("limit: 10 , time: 5 minutes.", 10, 300_000),
            ("Limit:6000,Time:1minute", 6000, 60_000),
            ("limit:1,time:1 hour", 1, 3_600_000),
            ("limit:7,time:1 day;request_id:limit:8", 7, 86_400_000),
            ("limit:7,time:3 s", 7, 3000),
            ("limit:7,time:500 ms", 7, 500),
        ] {
            assert_eq!(found(&format!("{policy},{figures}")), Some((calls, milliseconds)), "{figures}");
        }
    }

    #[test]
    fn invalid_messages_have_no_limit() {
        for text in [
            "",
            "Too many requests",
            "policy user over ratelimit,limit:XX,time:1 second",
            "limit:5",
            "limit:5,time:",
            "limit:5,time:1",
            "limit:5,time:one second",
            "limit:0,time:1 second",
            "limit:-5,time:1 second",
            "limit:5,time:0 second",
            "limit:5,time:25 hours",
            "limit:5,time:1 fortnight",
            "limit:99999999999,time:1 second",
            "limit:5,time:99999999999999999999999 second",
            "time:1 second,limit:5",
            "limit:5,time:1 ſecond",
            "limit:٥,time:1 second",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn limit_is_displayed_in_words() {
        let text = |calls, seconds| RateLimit { calls, period: Duration::from_secs(seconds) }.to_string();
        assert_eq!(text(200, 300), "200 calls in 5m");
        assert_eq!(text(1, 1), "1 call in 1s");
    }
}
