//! A cache that loads a value once and shares it with concurrent callers.

use std::sync::atomic::{AtomicU64, Ordering};

use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::client::{error::Error, error_kind::ErrorKind};

/// Delay before renewal is tried again while the current value is still valid.
const RENEWAL_PAUSE: Duration = Duration::minutes(1);

/// A cached value that expires.
#[derive(Debug)]
pub(in crate::client) struct ExpiringCache<T> {
    state: Mutex<State<T>>,
    /// Number of failed loads. Callers that waited during a failed load share its error instead of loading again.
    failures: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    cached: Option<Cached<T>>,
    failure: Option<Error>,
    /// Whether a load ever succeeded.
    ever: bool,
}

/// A loaded value with its times.
#[derive(Debug)]
pub(in crate::client) struct Cached<T> {
    pub(in crate::client) value: T,
    /// When to renew it; `None` is never.
    pub(in crate::client) renew: Option<OffsetDateTime>,
    /// When it expires; `None` is never.
    pub(in crate::client) expires: Option<OffsetDateTime>,
}

impl<T> Default for ExpiringCache<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { cached: None, failure: None, ever: false }), failures: AtomicU64::new(0) }
    }
}

impl<T: Clone> ExpiringCache<T> {
    /// Returns the cached value or loads it. A failed load prevents the caller's request, and is marked so.
    pub(in crate::client) async fn get(
        &self,
        now: OffsetDateTime,
        ask: impl Future<Output = Result<Cached<T>, Error>>,
    ) -> Result<T, Error> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(cached) = &state.cached
            && cached.renew.is_none_or(|renew| now < renew)
        {
            return Ok(cached.value.clone());
        }
        if let Some(failure) = &state.failure
            && self.failures.load(Ordering::Acquire) > failures
        {
            return Err(failure.clone().preliminary());
        }
        match ask.await {
            Ok(cached) => {
                let value = cached.value.clone();
                *state = State { cached: Some(cached), failure: None, ever: true };
                Ok(value)
            }
            Err(error) => {
                if let Some(cached) = &mut state.cached
                    && cached.expires.is_none_or(|expires| now < expires)
                {
                    tracing::warn!(
                        %error,
                        "credentials could not be refreshed; using the current ones until they expire"
                    );
                    cached.renew = Some(now + RENEWAL_PAUSE);
                    return Ok(cached.value.clone());
                }
                state.cached = None;
                state.failure = Some(error.clone());
                self.failures.fetch_add(1, Ordering::Release);
                Err(error.preliminary())
            }
        }
    }

    /// Returns the cached value if it needs no renewal; waits for a load that is running.
    pub(in crate::client) async fn known(&self, now: OffsetDateTime) -> Option<T> {
        let state = self.state.lock().await;
        let cached = state.cached.as_ref().filter(|cached| cached.renew.is_none_or(|renew| now < renew))?;
        Some(cached.value.clone())
    }

    /// Drops the cached value if it matches; the next caller loads it again.
    pub(in crate::client) async fn forget(&self, matches: impl FnOnce(&T) -> bool) {
        let mut state = self.state.lock().await;
        if state.cached.as_ref().is_some_and(|cached| matches(&cached.value)) {
            state.cached = None;
        }
    }

    /// The latest failure, if credentials were rejected.
    pub(in crate::client) async fn refusal(&self) -> Option<Error> {
        self.state.lock().await.failure.clone().filter(|failure| failure.kind() == ErrorKind::Credentials)
    }

    /// The latest failure, if no load ever succeeded.
    pub(in crate::client) async fn failure(&self) -> Option<Error> {
        let state = self.state.lock().await;
        state.failure.clone().filter(|_| !state.ever)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use time::macros::datetime;

    use super::*;
    use crate::client::config_error::ConfigError;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn cached(value: usize, minutes: i64) -> Cached<usize> {
        let end = NOW + Duration::minutes(minutes);
        Cached { value, renew: Some(end - Duration::minutes(5)), expires: Some(end) }
    }

    fn failure() -> Error {
        ConfigError::Text { setting: "token", problem: "is empty" }.into()
    }

    /// Of fifty callers one loads the value and the others share its outcome.
    #[tokio::test]
    async fn concurrent_callers_share_one_load() {
        for succeeds in [true, false] {
            let (cache, asked) = (ExpiringCache::default(), AtomicUsize::new(0));
            let ask = || async {
                asked.fetch_add(1, Ordering::SeqCst);
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                if succeeds { Ok(cached(7, 60)) } else { Err(failure()) }
            };
            let all = futures_util::future::join_all((0..50).map(|_| cache.get(NOW, ask()))).await;
            assert_eq!(asked.load(Ordering::SeqCst), 1);
            for got in all {
                match got {
                    Ok(value) => assert!(succeeds && value == 7),
                    Err(error) => assert!(!succeeds && error.to_string() == "token is empty"),
                }
            }
            // A later caller loads again only after a failure.
            let _ = cache.get(NOW, ask()).await;
            assert_eq!(asked.load(Ordering::SeqCst), if succeeds { 1 } else { 2 });
        }
    }

    #[tokio::test]
    async fn failed_renewal_keeps_the_value_until_expiry() {
        let cache = ExpiringCache::default();
        let at = |minutes| NOW + Duration::minutes(minutes);
        assert_eq!(cache.get(NOW, async { Ok(cached(1, 60)) }).await.expect("got"), 1);
        assert_eq!(cache.get(at(54), async { panic!("still valid") }).await.expect("kept"), 1);
        assert_eq!(cache.get(at(55), async { Err(failure()) }).await.expect("still good"), 1);
        assert_eq!(cache.get(at(55), async { panic!("no renewal so soon") }).await.expect("still good"), 1);
        assert_eq!(cache.get(at(56), async { Ok(cached(2, 120)) }).await.expect("renewed"), 2);
        assert!(cache.get(at(121), async { Err(failure()) }).await.is_err());
    }

    #[tokio::test]
    async fn only_the_matching_value_is_forgotten() {
        let cache = ExpiringCache::default();
        assert_eq!(cache.known(NOW).await, None);
        cache.get(NOW, async { Ok(cached(1, 60)) }).await.expect("got");
        assert_eq!((cache.known(NOW).await, cache.known(NOW + Duration::hours(1)).await), (Some(1), None));
        cache.forget(|value| *value == 9).await;
        assert_eq!(cache.get(NOW, async { panic!("still cached") }).await.expect("kept"), 1);
        cache.forget(|value| *value == 1).await;
        assert_eq!(cache.get(NOW, async { Ok(cached(2, 60)) }).await.expect("loaded again"), 2);
    }
}
