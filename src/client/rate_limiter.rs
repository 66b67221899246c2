//! A client-side rate limiter for one host. Pure: time and the random number are arguments.
//!
//! All calls pass until the gateway throttles one. The response names the limit and its period, and from then on no
//! more calls are sent within any such period. A call counts from its response, or from `SLOW` after it was sent: by
//! then the gateway has counted it, so network delay cannot move an extra call into a window.
//!
//! Other clients may share the limit. An unexpected throttling response lowers `our_limit`; every period without one
//! raises it again. If our own calls do not explain the response, or it names no limit, backpressure applies: single
//! calls probe the gateway at growing intervals until one passes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff;
use crate::dli::rate_limit::RateLimit;

/// A call counts at the latest this long after it was sent.
const SLOW: Duration = Duration::from_millis(100);
/// Maximum number of counted calls. Higher limits are not enforced here.
const MAX_RECENT: usize = 10_000;

/// Recent calls to one host and the known limits.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    /// By period: a user, an API and an address may each have a limit.
    windows: BTreeMap<Duration, Window>,
    /// When each recent call counts, in order.
    recent: VecDeque<Instant>,
    backpressure: Option<Backpressure>,
}

#[derive(Debug)]
struct Window {
    calls: u32,
    /// Calls that this process allows itself, at least 1.
    our_limit: u32,
    /// When `our_limit` last changed.
    since: Instant,
}

#[derive(Debug)]
struct Backpressure {
    since: Instant,
    refusals: u32,
    interval: Duration,
    next: Instant,
}

/// Permission to send one call now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permit {
    at: Instant,
}

impl RateLimiter {
    /// Grants a permit, or returns when to ask again.
    pub(super) fn take(&mut self, now: Instant) -> Result<Permit, Instant> {
        for (period, window) in &mut self.windows {
            window.grow(*period, now);
        }
        let windows = self.windows.iter().filter_map(|(period, window)| window.free(*period, &self.recent));
        let gate = self.backpressure.as_ref().map(|backpressure| backpressure.next);
        if let Some(next) = windows.chain(gate).max().filter(|next| *next > now) {
            return Err(next);
        }
        if let Some(backpressure) = &mut self.backpressure {
            backpressure.next = now + backpressure.interval;
        }
        // A slow call's entry may have been dropped before its response.
        let surplus = (self.recent.len() + 1).saturating_sub(MAX_RECENT);
        self.recent.drain(..surplus);
        self.recent.push_back(now + SLOW);
        Ok(Permit { at: now })
    }

    pub(super) fn passed(&mut self, permit: Permit, now: Instant) {
        self.backpressure.take_if(|backpressure| permit.at >= backpressure.since);
        self.forget(permit);
        let at = now.min(permit.at + SLOW);
        self.recent.insert(self.recent.partition_point(|recent| *recent <= at), at);
    }

    /// The known limit with the longest period.
    pub(super) fn limit(&self) -> Option<RateLimit> {
        self.windows.iter().next_back().map(|(period, window)| RateLimit { calls: window.calls, period: *period })
    }

    /// Records a throttled call. `limit` and `wait` are what the response states; `jitter` is between 0 and 1.
    pub(super) fn throttled(
        &mut self,
        permit: Permit,
        now: Instant,
        limit: Option<RateLimit>,
        wait: Option<Duration>,
        jitter: f64,
    ) {
        self.forget(permit);
        let explained = limit.is_some_and(|limit| self.record_limit(permit, now, limit));
        let refusals = match &self.backpressure {
            // It was sent before the backpressure began.
            Some(backpressure) if permit.at < backpressure.since => return,
            Some(backpressure) => backpressure.refusals + 1,
            None if explained && wait.is_none() => return,
            None => 1,
        };
        // Half jitter keeps the probes apart.
        let interval = backoff::delay(refusals, 0.5 + jitter / 2.0);
        let interval = limit.map_or(interval, |limit| interval.min(limit.period));
        let next = now + wait.map_or(interval, backoff::capped_retry_after);
        self.backpressure = Some(Backpressure { since: now, refusals, interval, next });
    }

    /// Records a limit; returns whether our own calls have used it up.
    fn record_limit(&mut self, permit: Permit, now: Instant, limit: RateLimit) -> bool {
        let window = Window { calls: limit.calls, our_limit: limit.calls, since: now };
        match self.windows.get_mut(&limit.period).filter(|window| window.calls == limit.calls) {
            // A throttled probe says nothing new.
            Some(window) if self.backpressure.is_none() && permit.at >= window.since => window.shrink(now),
            Some(_) => {}
            None => {
                tracing::info!("the gateway allows {limit}; limiting the call rate");
                self.windows.insert(limit.period, window);
            }
        }
        self.windows[&limit.period].free(limit.period, &self.recent).is_some_and(|free| free > now)
    }

    /// Drops the entry of a call that was not sent, or that counts from its response.
    pub(super) fn forget(&mut self, permit: Permit) {
        if let Ok(index) = self.recent.binary_search(&(permit.at + SLOW)) {
            self.recent.remove(index);
        }
    }
}

impl Window {
    /// When the next call fits into the window; `None` is now.
    fn free(&self, period: Duration, recent: &VecDeque<Instant>) -> Option<Instant> {
        let before = recent.len().checked_sub(usize::try_from(self.our_limit).ok()?)?;
        Some(*recent.get(before)? + period)
    }

    fn shrink(&mut self, now: Instant) {
        self.our_limit = (self.our_limit - (self.our_limit / 4).max(1)).max(1);
        self.since = now;
    }

    /// Raises `our_limit` by a tenth for each period without throttling.
    fn grow(&mut self, period: Duration, now: Instant) {
        while self.our_limit < self.calls && now >= self.since + period {
            self.our_limit = (self.our_limit + (self.calls / 10).max(1)).min(self.calls);
            self.since += period;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { calls: 5, period: Duration::from_secs(1) };

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A rate limiter whose sixth call of six was throttled, each with an immediate response.
    fn throttled_once(start: Instant) -> RateLimiter {
        let mut rate_limiter = RateLimiter::default();
        for _ in 0..5 {
            let permit = rate_limiter.take(start).expect("no limit applies");
            rate_limiter.passed(permit, start);
        }
        let sixth = rate_limiter.take(start).expect("no limit applies");
        rate_limiter.throttled(sixth, start, Some(LIMIT), None, 1.0);
        rate_limiter
    }

    /// Number of permits available now, each with an immediate response.
    fn burst(rate_limiter: &mut RateLimiter, now: Instant) -> usize {
        let mut permits = 0;
        while let (Ok(permit), true) = (rate_limiter.take(now), permits < 1000) {
            rate_limiter.passed(permit, now);
            permits += 1;
        }
        permits
    }

    #[test]
    fn calls_pass_until_one_is_throttled() {
        assert_eq!(burst(&mut RateLimiter::default(), Instant::now()), 1000);
    }

    #[test]
    fn calls_before_the_throttling_count() {
        let start = Instant::now();
        let mut rate_limiter = throttled_once(start);
        assert_eq!(rate_limiter.take(start + ms(1)).map(|_| ()), Err(start + ms(1000)));
        assert_eq!(burst(&mut rate_limiter, start + ms(999)), 0);
        assert_eq!(burst(&mut rate_limiter, start + ms(1000)), 5);
        assert_eq!(burst(&mut rate_limiter, start + ms(1999)), 0);
        assert_eq!(burst(&mut rate_limiter, start + ms(2000)), 5);
        assert_eq!(rate_limiter.limit(), Some(LIMIT));
    }

    /// The gateway counts a call at some time between request and response.
    #[test]
    fn call_counts_from_its_response_or_when_slow() {
        let start = Instant::now();
        for (answered, recent) in [(0, 0), (40, 40), (100, 100), (700, 100)] {
            let mut rate_limiter = throttled_once(start);
            let permits: Vec<_> = (0..5).map(|_| rate_limiter.take(start + ms(1000)).expect("a new period")).collect();
            for permit in permits {
                rate_limiter.passed(permit, start + ms(1000 + answered));
            }
            let next = rate_limiter.take(start + ms(1900)).map(|_| ());
            assert_eq!(next, Err(start + ms(2000 + recent)), "{answered}");
        }
        // A call that was not sent does not count.
        let mut rate_limiter = throttled_once(start);
        let permits: Vec<_> = (0..5).map(|_| rate_limiter.take(start + ms(1000)).expect("a new period")).collect();
        for permit in permits {
            rate_limiter.forget(permit);
        }
        assert_eq!(burst(&mut rate_limiter, start + ms(1200)), 5);
    }

    #[test]
    fn two_limits_apply_together() {
        let start = Instant::now();
        let mut rate_limiter = throttled_once(start);
        let minute = RateLimit { calls: 8, period: Duration::from_mins(1) };
        assert_eq!(burst(&mut rate_limiter, start + ms(1000)), 5);
        let permit = rate_limiter.take(start + ms(2000)).expect("a new period");
        rate_limiter.throttled(permit, start + ms(2000), Some(minute), None, 1.0);
        // Ten calls count in this minute. After three have left it, eight count, five of them in one second.
        assert_eq!(burst(&mut rate_limiter, start + ms(59_999)), 0);
        assert_eq!(burst(&mut rate_limiter, start + ms(60_000)), 3);
        assert_eq!(burst(&mut rate_limiter, start + ms(61_000)), 5);
        assert_eq!(burst(&mut rate_limiter, start + ms(62_000)), 0);
    }

    /// Other clients use the same limit: our calls do not explain the response, so single calls probe.
    #[test]
    fn probe_intervals_grow() {
        let start = Instant::now();
        let limit = RateLimit { calls: 200, period: Duration::from_mins(5) };
        let mut rate_limiter = RateLimiter::default();
        let permit = rate_limiter.take(start).expect("no limit applies");
        rate_limiter.throttled(permit, start, Some(limit), None, 1.0);
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 20, 20] {
            let Err(next) = rate_limiter.take(now + ms(1)) else { panic!("backpressure applies") };
            assert_eq!(next - now, Duration::from_secs(seconds));
            let permit = rate_limiter.take(next).expect("a probe");
            rate_limiter.take(next).expect_err("a single probe");
            now = next + ms(1);
            rate_limiter.throttled(permit, now, Some(limit), None, 1.0);
        }
        let Err(next) = rate_limiter.take(now) else { panic!("backpressure applies") };
        let permit = rate_limiter.take(next).expect("a probe");
        rate_limiter.passed(permit, next + ms(1));
        assert_eq!(burst(&mut rate_limiter, next + ms(1)), 199);
    }

    #[test]
    fn calls_in_flight_do_not_extend_backpressure() {
        let start = Instant::now();
        let mut rate_limiter = RateLimiter::default();
        let permits: Vec<_> = (0..50).map(|_| rate_limiter.take(start).expect("no limit applies")).collect();
        let mut permits = permits.into_iter();
        let passes = permits.next_back().expect("there are fifty");
        for permit in permits {
            rate_limiter.throttled(permit, start + ms(1), None, None, 1.0);
        }
        rate_limiter.passed(passes, start + ms(2));
        assert_eq!(rate_limiter.take(start + ms(3)).map(|_| ()), Err(start + ms(1001)));
    }

    #[test]
    fn retry_after_is_honored_and_capped() {
        let start = Instant::now();
        for (asked, cached) in [(7, 7), (3600, 60)] {
            for limit in [None, Some(LIMIT)] {
                let mut rate_limiter = RateLimiter::default();
                let permit = rate_limiter.take(start).expect("no limit applies");
                rate_limiter.throttled(permit, start, limit, Some(Duration::from_secs(asked)), 1.0);
                assert_eq!(rate_limiter.take(start).map(|_| ()), Err(start + Duration::from_secs(cached)));
            }
        }
    }

    /// With a limit of 20, throttling at the allowed rate lowers it by a quarter; each period without raises it by a
    /// tenth.
    #[test]
    fn our_limit_shrinks_and_recovers() {
        let start = Instant::now();
        let limit = RateLimit { calls: 20, period: Duration::from_secs(1) };
        let mut rate_limiter = RateLimiter::default();
        burst_of(&mut rate_limiter, start, 20);
        let permit = rate_limiter.take(start).expect("no limit applies");
        rate_limiter.throttled(permit, start, Some(limit), None, 1.0);

        let second = start + ms(1000);
        burst_of(&mut rate_limiter, second, 19);
        let permit = rate_limiter.take(second).expect("the twentieth");
        rate_limiter.throttled(permit, second, Some(limit), None, 1.0);
        let shares: Vec<_> = (2..7).map(|number| burst(&mut rate_limiter, start + ms(number * 1000))).collect();
        assert_eq!(shares, [17, 19, 20, 20, 20]);
    }

    /// The entry of the slow call is dropped; its response still counts.
    #[test]
    fn slow_responses_do_not_grow_the_count() {
        let start = Instant::now();
        let mut rate_limiter = RateLimiter::default();
        let slow = rate_limiter.take(start).expect("no limit applies");
        burst_of(&mut rate_limiter, start + SLOW * 2, MAX_RECENT);
        rate_limiter.passed(slow, start + SLOW * 3);
        burst_of(&mut rate_limiter, start + SLOW * 4, MAX_RECENT);
        assert_eq!(rate_limiter.recent.len(), MAX_RECENT);
    }

    fn burst_of(rate_limiter: &mut RateLimiter, now: Instant, calls: usize) {
        for _ in 0..calls {
            let permit = rate_limiter.take(now).expect("a permit");
            rate_limiter.passed(permit, now);
        }
    }
}
