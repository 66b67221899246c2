//! Something that is asked for once and kept: by the first who needs it, while all others wait for that answer.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::client::{error::Error, kind::Kind};

/// How long what is still good is used after it could not be renewed, before that is tried again.
const RENEWAL_PAUSE: Duration = Duration::minutes(1);

/// One such thing.
#[derive(Debug)]
pub(in crate::client) struct Cell<T> {
    state: Mutex<State<T>>,
    /// How often it was asked for in vain. Whoever waited meanwhile gets that failure instead of asking once more: fifty
    /// who wait would ask fifty times, one after the other.
    failures: AtomicU64,
}

#[derive(Debug)]
struct State<T> {
    kept: Option<Kept<T>>,
    failure: Option<Arc<Error>>,
    /// Whether it was ever got.
    ever: bool,
}

/// What was got.
#[derive(Debug)]
pub(in crate::client) struct Kept<T> {
    pub(in crate::client) value: T,
    /// When to ask anew; `None` is never.
    pub(in crate::client) renew: Option<OffsetDateTime>,
    /// When it is of no use any more; `None` is never.
    pub(in crate::client) expires: Option<OffsetDateTime>,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { kept: None, failure: None, ever: false }), failures: AtomicU64::new(0) }
    }
}

impl<T: Clone> Cell<T> {
    /// What is kept, or else what `ask` gets. A failure is an [`Error::Identity`].
    pub(in crate::client) async fn get(
        &self,
        now: OffsetDateTime,
        ask: impl Future<Output = Result<Kept<T>, Error>>,
    ) -> Result<T, Error> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(kept) = &state.kept
            && kept.renew.is_none_or(|renew| now < renew)
        {
            return Ok(kept.value.clone());
        }
        if let Some(failure) = &state.failure
            && self.failures.load(Ordering::Acquire) > failures
        {
            return Err(Error::Identity(Arc::clone(failure)));
        }
        match ask.await {
            Ok(kept) => {
                let value = kept.value.clone();
                *state = State { kept: Some(kept), failure: None, ever: true };
                Ok(value)
            }
            Err(error) => {
                if let Some(kept) = &mut state.kept
                    && kept.expires.is_none_or(|expires| now < expires)
                {
                    tracing::warn!(%error, "what proves who calls could not be renewed; it is used while it lasts");
                    kept.renew = Some(now + RENEWAL_PAUSE);
                    return Ok(kept.value.clone());
                }
                let error = match error {
                    Error::Identity(error) => error,
                    error => Arc::new(error),
                };
                state.kept = None;
                state.failure = Some(Arc::clone(&error));
                self.failures.fetch_add(1, Ordering::Release);
                Err(Error::Identity(error))
            }
        }
    }

    /// What is kept, where there is no need to ask; while somebody else asks, it waits for that.
    pub(in crate::client) async fn known(&self, now: OffsetDateTime) -> Option<T> {
        let state = self.state.lock().await;
        let kept = state.kept.as_ref().filter(|kept| kept.renew.is_none_or(|renew| now < renew))?;
        Some(kept.value.clone())
    }

    /// Gives up what is kept, where it is this; whoever comes next asks anew.
    pub(in crate::client) async fn forget(&self, is_it: impl FnOnce(&T) -> bool) {
        let mut state = self.state.lock().await;
        if state.kept.as_ref().is_some_and(|kept| is_it(&kept.value)) {
            state.kept = None;
        }
    }

    /// Why it was not got, where it was asked for last by somebody who was not believed.
    pub(in crate::client) async fn refusal(&self) -> Option<Arc<Error>> {
        self.state.lock().await.failure.clone().filter(|failure| failure.kind() == Kind::Credentials)
    }

    /// Why it was not got, where it was asked for and never got.
    pub(in crate::client) async fn failure(&self) -> Option<Arc<Error>> {
        let state = self.state.lock().await;
        state.failure.clone().filter(|_| !state.ever)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use time::macros::datetime;

    use super::*;
    use crate::client::config::ConfigError;

    const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn kept(value: usize, minutes: i64) -> Kept<usize> {
        let end = NOW + Duration::minutes(minutes);
        Kept { value, renew: Some(end - Duration::minutes(5)), expires: Some(end) }
    }

    fn failure() -> Error {
        ConfigError::Text { setting: "token", problem: "is empty" }.into()
    }

    /// Fifty at once: one asks, after all have come, and the others get what it got.
    #[tokio::test]
    async fn many_at_once_ask_once_and_get_the_same() {
        for succeeds in [true, false] {
            let (cell, asked) = (Cell::default(), AtomicUsize::new(0));
            let ask = || async {
                asked.fetch_add(1, Ordering::SeqCst);
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                if succeeds { Ok(kept(7, 60)) } else { Err(failure()) }
            };
            let all = futures_util::future::join_all((0..50).map(|_| cell.get(NOW, ask()))).await;
            assert_eq!(asked.load(Ordering::SeqCst), 1);
            for got in all {
                match got {
                    Ok(value) => assert!(succeeds && value == 7),
                    Err(error) => assert!(!succeeds && error.to_string() == "token is empty"),
                }
            }
            // Who comes later asks again after a failure, and only then.
            let _ = cell.get(NOW, ask()).await;
            assert_eq!(asked.load(Ordering::SeqCst), if succeeds { 1 } else { 2 });
        }
    }

    #[tokio::test]
    async fn it_is_renewed_in_time_and_used_to_its_end_where_that_fails() {
        let cell = Cell::default();
        let at = |minutes| NOW + Duration::minutes(minutes);
        assert_eq!(cell.get(NOW, async { Ok(kept(1, 60)) }).await.expect("got"), 1);
        assert_eq!(cell.get(at(54), async { panic!("it is good") }).await.expect("kept"), 1);
        assert_eq!(cell.get(at(55), async { Err(failure()) }).await.expect("still good"), 1);
        assert_eq!(cell.get(at(55), async { panic!("not so soon again") }).await.expect("still good"), 1);
        assert_eq!(cell.get(at(56), async { Ok(kept(2, 120)) }).await.expect("renewed"), 2);
        assert!(cell.get(at(121), async { Err(failure()) }).await.is_err());
    }

    #[tokio::test]
    async fn only_what_was_refused_is_forgotten() {
        let cell = Cell::default();
        assert_eq!(cell.known(NOW).await, None);
        cell.get(NOW, async { Ok(kept(1, 60)) }).await.expect("got");
        assert_eq!((cell.known(NOW).await, cell.known(NOW + Duration::hours(1)).await), (Some(1), None));
        cell.forget(|value| *value == 9).await;
        assert_eq!(cell.get(NOW, async { panic!("it is kept") }).await.expect("kept"), 1);
        cell.forget(|value| *value == 1).await;
        assert_eq!(cell.get(NOW, async { Ok(kept(2, 60)) }).await.expect("asked anew"), 2);
    }
}
