//! Limits that all calls of the process share: one rate limiter per host and one retry budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::credentials::shared;
use super::error::Error;
use super::error_kind::ErrorKind;
use super::fifo_gate::FifoGate;
use super::rate_limiter::{Permit, RateLimiter};
use super::retry_budget::RetryBudget;
use crate::dli::rate_limit::RateLimit;

#[derive(Debug, Default)]
pub(super) struct HostLimits {
    pub(super) retry_budget: FifoGate<RetryBudget>,
    limiters: Mutex<BTreeMap<String, Arc<HostLimiter>>>,
}

impl HostLimits {
    /// The limiter of a host (with its port).
    pub(super) fn limiter(&self, host: &str) -> Arc<HostLimiter> {
        shared(&self.limiters, host.to_owned())
    }
}

#[derive(Debug, Default)]
pub(super) struct HostLimiter {
    gate: FifoGate<RateLimiter>,
    answered: AtomicBool,
}

impl HostLimiter {
    /// Waits for permission to send one call.
    pub(super) async fn acquire_permit(&self) -> Permit {
        self.gate.take(RateLimiter::take).await
    }

    pub(super) fn release(&self, permit: Permit) {
        self.gate.update(|rate_limiter, _| rate_limiter.forget(permit));
    }

    pub(super) fn record_outcome(&self, permit: Permit, failure: Option<&Error>) {
        let is_sent = failure.is_none_or(Error::is_sent);
        if is_sent {
            self.answered.store(true, Ordering::Relaxed);
        }
        self.gate.update(|rate_limiter, now| match failure {
            _ if !is_sent => rate_limiter.forget(permit),
            Some(error) if error.own_kind == ErrorKind::Throttled => {
                let limit = RateLimit::find(&error.message);
                rate_limiter.throttled(permit, now, limit, error.retry_after, fastrand::f64());
            }
            _ => rate_limiter.passed(permit, now),
        });
    }

    /// The rate limit of the gateway, if known.
    pub(super) fn limit(&self) -> Option<RateLimit> {
        self.gate.update(|rate_limiter, _| rate_limiter.limit())
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.gate.has_waiters()
    }

    /// Whether the host ever responded.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, time::Duration};

    use http::StatusCode;
    use tokio::{
        sync::Semaphore,
        task::JoinSet,
        time::{Instant, sleep},
    };

    use super::*;
    use crate::client::Operation;

    /// How a gateway counts calls.
    #[derive(Debug, Clone, Copy)]
    enum Counting {
        /// In fixed windows; the first began this long before the test.
        Windows(Duration),
        /// In a sliding window.
        Sliding,
        /// With a token bucket.
        Bucket,
    }

    struct Gateway {
        counting: Counting,
        limit: RateLimit,
        start: Instant,
        counted: VecDeque<Instant>,
        refused: usize,
    }

    impl Gateway {
        fn new(counting: Counting, limit: RateLimit) -> Self {
            Self { counting, limit, start: Instant::now(), counted: VecDeque::new(), refused: 0 }
        }

        fn lets_pass(&mut self, now: Instant) -> bool {
            let RateLimit { calls, period } = self.limit;
            let most = usize::try_from(calls).expect("few");
            let window =
                |at: Instant, age: Duration| (at.duration_since(self.start) + age).as_nanos() / period.as_nanos();
            let used = match self.counting {
                Counting::Windows(age) => {
                    self.counted.iter().filter(|at| window(**at, age) == window(now, age)).count()
                }
                Counting::Sliding => self.counted.iter().filter(|at| **at + period > now).count(),
                Counting::Bucket => {
                    let piece = period / calls;
                    let empty = self.counted.iter().fold(self.start, |full, at| full.max(*at) + piece);
                    let missing = empty.saturating_duration_since(now).as_nanos().div_ceil(piece.as_nanos());
                    usize::try_from(missing).expect("few")
                }
            };
            let passes = used < most;
            if passes {
                self.counted.push_back(now);
            } else {
                self.refused += 1;
            }
            passes
        }
    }

    fn refusal(limit: RateLimit) -> Error {
        let RateLimit { calls, period } = limit;
        let message = format!("policy user over ratelimit,limit:{calls},time:{} second", period.as_secs());
        let code = Some("APIGW.0308".to_owned());
        Error::reported(Operation::ShowConnection, StatusCode::TOO_MANY_REQUESTS, code, message)
    }

    /// Runs `resources` of three calls each, 50 at a time. Returns the time and the number of throttled calls.
    async fn apply(gateway: Arc<Mutex<Gateway>>, resources: usize, latency: fn() -> Duration) -> (Duration, usize) {
        let start = Instant::now();
        let before = gateway.lock().refused;
        let (limiter, parallelism) = (Arc::new(HostLimiter::default()), Arc::new(Semaphore::new(50)));
        let mut all = JoinSet::new();
        for _ in 0..resources {
            let (limiter, parallelism, gateway) =
                (Arc::clone(&limiter), Arc::clone(&parallelism), Arc::clone(&gateway));
            all.spawn(async move {
                let _permit = parallelism.acquire().await;
                for _ in 0..3 {
                    loop {
                        let permit = limiter.acquire_permit().await;
                        sleep(latency()).await;
                        let (passes, limit) = {
                            let mut gateway = gateway.lock();
                            (gateway.lets_pass(Instant::now()), gateway.limit)
                        };
                        sleep(latency()).await;
                        limiter.record_outcome(permit, (!passes).then(|| refusal(limit)).as_ref());
                        if passes {
                            break;
                        }
                    }
                }
            });
        }
        all.join_all().await;
        let refused = gateway.lock().refused - before;
        (start.elapsed(), refused)
    }

    fn near() -> Duration {
        Duration::from_micros(fastrand::u64(100..5_000))
    }

    /// Random latency, up to 80 ms for a round trip.
    fn far() -> Duration {
        Duration::from_micros(fastrand::u64(10_000..40_000))
    }

    /// Only calls of the first burst are throttled, and almost no time is lost.
    #[tokio::test(start_paused = true)]
    async fn hundred_resources_run_at_the_allowed_rate() {
        fastrand::seed(1);
        let limit = RateLimit { calls: 5, period: Duration::from_secs(1) };
        let ideal = Duration::from_mins(1);
        let windows = [0, 300, 990].map(|age| Counting::Windows(Duration::from_millis(age)));
        for counting in windows.into_iter().chain([Counting::Sliding, Counting::Bucket]) {
            for (latency, slack) in [(near as fn() -> _, 1.05), (far, 1.15)] {
                let gateway = Arc::new(Mutex::new(Gateway::new(counting, limit)));
                let (time, refused) = apply(gateway, 100, latency).await;
                assert!(time < ideal.mul_f64(slack), "{counting:?}: {time:?}");
                assert!(refused <= 50, "{counting:?}: {refused}");
            }
        }
    }

    /// An earlier process has used up the limit of five minutes: some calls are throttled, and all pass in the end.
    #[tokio::test(start_paused = true)]
    async fn exhausted_limit_is_waited_for() {
        fastrand::seed(1);
        let limit = RateLimit { calls: 200, period: Duration::from_mins(5) };
        let gateway = Arc::new(Mutex::new(Gateway::new(Counting::Windows(Duration::ZERO), limit)));
        while gateway.lock().lets_pass(Instant::now()) {}
        let (time, refused) = apply(gateway, 60, near).await;
        let minutes = time.as_secs_f64() / 60.0;
        assert!((5.0..5.4).contains(&minutes), "{time:?}");
        // The first burst, and then the probes. With the shortest of all pauses (half of 1, 2, 4, 8, 16 and then
        // always 20 seconds) there are 5 in the first 15.5 seconds and one in each further 10: 34 in the five minutes.
        assert!(refused <= 50 + 34, "{refused}");
    }

    /// Two processes of the same caller do not know of each other.
    #[tokio::test(start_paused = true)]
    async fn limit_is_shared_with_other_processes() {
        fastrand::seed(1);
        let limit = RateLimit { calls: 5, period: Duration::from_secs(1) };
        for counting in [Counting::Windows(Duration::from_millis(500)), Counting::Sliding, Counting::Bucket] {
            let gateway = Arc::new(Mutex::new(Gateway::new(counting, limit)));
            let both = tokio::join!(apply(Arc::clone(&gateway), 50, near), apply(Arc::clone(&gateway), 50, far));
            let ((one, _), (other, _)) = both;
            let refused = gateway.lock().refused;
            assert!(one.max(other) < Duration::from_secs(90), "{counting:?}: {one:?} {other:?}");
            assert!(refused < 300, "{counting:?}: {refused}");
        }
    }

    #[test]
    fn each_host_has_its_own_limiter() {
        let host_limits = HostLimits::default();
        assert!(Arc::ptr_eq(&host_limits.limiter("a:443"), &host_limits.limiter("a:443")));
        assert!(!Arc::ptr_eq(&host_limits.limiter("a:443"), &host_limits.limiter("b:443")));
    }
}
