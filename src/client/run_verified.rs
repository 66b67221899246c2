//! Writes that are verified before they are repeated.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    error::Error,
    host_limits::HostLimiter,
    project::Project,
    retry::{RetryPolicy, RetryState},
};

impl Project {
    /// Retries transient failures until `deadline` or until `cancel` is triggered. Both also end the wait for a permit.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant, cancel: &CancellationToken) -> Self {
        Self { retry_policy: Some(RetryPolicy::new(deadline, cancel)), ..self }
    }

    /// Runs a write that is not idempotent, such as adding a route. When its outcome is unknown, `is_done` reads whether
    /// it took effect, and the write is repeated only if it did not.
    pub async fn run_verified<A, D>(&self, attempt: impl Fn() -> A, is_done: impl Fn() -> D) -> Result<(), Error>
    where
        A: Future<Output = Result<(), Error>>,
        D: Future<Output = Result<bool, Error>>,
    {
        let limiter = self.limiter();
        let mut state = RetryState::new(&self.client.host_limits, &limiter, self.retry_policy.as_ref());
        loop {
            // Boxed, like the check below: every step of every resource contains this future.
            let error = match state.outcome(true, Box::pin(attempt())).await? {
                Ok(()) => {
                    state.succeed();
                    return Ok(());
                }
                Err(error) => error,
            };
            if self.retry_policy.as_ref().is_some_and(|retry_policy| Instant::now() >= retry_policy.write_deadline()) {
                return Err(state.give_up(error));
            }
            if !error.may_have_taken_effect() {
                let earlier = state.last.take();
                let error = state.give_up(error);
                let Some(earlier) = earlier else { return Err(error) };
                // "Already exists" may be the late effect of an earlier attempt, and reads may lag, too.
                let mut delays = self.consistency_delays().into_iter();
                loop {
                    match (self.verify_in_time(&is_done).await, delays.next(), &self.retry_policy) {
                        (Some(Ok(true)), ..) => return Ok(()),
                        (Some(Ok(false)), Some(delay), Some(retry_policy))
                            if retry_policy.within(sleep(delay)).await.is_some() => {}
                        (Some(Ok(false)), ..) => return Err(error),
                        (Some(Err(look)), ..) => return Err(verification_failed(look, state.wrap(earlier))),
                        (None, ..) => return Err(state.wrap(earlier)),
                    }
                }
            }
            tracing::info!(%error, "checking whether the write took effect");
            let again = state.prepare_retry(error, true).await;
            match self.verify_in_time(&is_done).await {
                Some(Ok(true)) => {
                    state.succeed();
                    return Ok(());
                }
                Some(Ok(false)) => {
                    again?;
                    state.open = false;
                }
                Some(Err(look)) => return Err(verification_failed(look, state.open_end(again))),
                None => return Err(state.open_end(again)),
            }
        }
    }

    /// Returns whether calls are waiting for the rate limiter.
    pub fn is_throttled(&self) -> bool {
        self.limiter().has_waiters()
    }

    /// Verifies within the write deadline; `None` when the time runs out.
    async fn verify_in_time<D: Future<Output = Result<bool, Error>>>(
        &self,
        is_done: &impl Fn() -> D,
    ) -> Option<Result<bool, Error>> {
        let looks = Box::pin(self.verify(is_done));
        match &self.retry_policy {
            Some(retry_policy) => retry_policy.until(retry_policy.write_deadline(), looks).await,
            None => Some(looks.await),
        }
    }

    /// Runs `is_done`; "not found" is retried, because a new object may not be readable yet.
    async fn verify<D: Future<Output = Result<bool, Error>>>(&self, is_done: &impl Fn() -> D) -> Result<bool, Error> {
        let mut delays = self.consistency_delays().into_iter();
        loop {
            match (is_done().await, delays.next(), &self.retry_policy) {
                (Err(look), Some(delay), Some(retry_policy))
                    if look.is_not_found() && retry_policy.within(sleep(delay)).await.is_some() => {}
                (outcome, ..) => return outcome,
            }
        }
    }

    pub(super) fn limiter(&self) -> Arc<HostLimiter> {
        self.client.host_limits.limiter(&self.endpoint.host())
    }
}

/// Picks the error to return when verification fails: "not found", or else the write whose outcome is unknown.
fn verification_failed(look: Error, open: Error) -> Error {
    if look.is_not_found() {
        return look;
    }
    tracing::info!(error = %look, "could not check whether the write took effect");
    open
}
