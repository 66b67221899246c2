//! The retry loop of every call.
//!
//! A call that was certainly not executed is always retried. If its outcome is unknown, its [`OnUnknownOutcome`]
//! decides. Every attempt has its own signature.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::error::Error;
use super::error_kind::ErrorKind;
use super::host_limits::{HostLimiter, HostLimits};
use super::retry_budget::RetryBudget;
use crate::dli::operation::Operation;

/// Maximum connection attempts to a host that has never responded; its name may be wrong.
const CONNECT_ATTEMPTS: u32 = 3;

/// Extra time for the response of a write that is in flight at its deadline.
pub const WRITE_GRACE: Duration = Duration::from_millis(3500);

/// How long calls are retried and what cancels them.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    deadline: Instant,
    cancel: CancellationToken,
    /// Between 0 and 1.
    jitter: fn() -> f64,
}

impl RetryPolicy {
    pub(super) fn new(deadline: Instant, cancel: &CancellationToken) -> Self {
        Self { deadline, cancel: cancel.clone(), jitter: fastrand::f64 }
    }

    fn lasts(&self) -> bool {
        !self.cancel.is_cancelled() && Instant::now() < self.deadline
    }

    /// Runs a future until the deadline or cancellation. A future that is ready always completes.
    async fn within<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = future => Some(outcome),
            () = self.cancel.cancelled() => None,
            () = sleep_until(self.deadline) => None,
        }
    }

    /// The deadline of a write that is in flight.
    fn write_deadline(&self) -> Instant {
        self.deadline + WRITE_GRACE
    }
}

/// What to do when the outcome of an attempt is unknown.
#[derive(Clone, Copy)]
pub(super) enum OnUnknownOutcome<'a> {
    Repeat,
    Fail,
    /// Repeat the call if the check finds that it had no effect.
    Verify(Check<'a>),
}

/// Reads whether a write took effect.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    pub(super) is_done: &'a (dyn Fn() -> BoxFuture<'a, Result<bool, Error>> + Sync),
    /// Delays between reads, because reads may lag behind writes.
    pub(super) delays: [Duration; 3],
}

impl Check<'_> {
    /// Reads once; "not found" is retried, because a new object may not be readable yet.
    async fn read(&self, policy: Option<&RetryPolicy>) -> Result<bool, Error> {
        let mut delays = self.delays.into_iter();
        loop {
            match ((self.is_done)().await, delays.next(), policy) {
                (Err(error), Some(delay), Some(policy))
                    if error.is_not_found() && policy.within(sleep(delay)).await.is_some() => {}
                (outcome, ..) => return outcome,
            }
        }
    }
}

/// A call with its attempts.
pub(super) struct Retry<'a> {
    limits: &'a HostLimits,
    limiter: Arc<HostLimiter>,
    /// `None` allows one attempt.
    policy: Option<&'a RetryPolicy>,
    operation: Operation,
    host: &'a str,
    began: Instant,
    attempts: u32,
    /// Failed attempts that were not throttled.
    failures: u32,
    /// Attempts without a connection, to a host that never responded.
    connect_failures: u32,
    /// Tokens taken from the retry budget.
    tokens: u32,
    /// Whether an attempt may have taken effect.
    open: bool,
    /// Error of the latest attempt, while another one is due.
    last: Option<Error>,
    /// Error of the latest attempt that may take effect late.
    uncertain: Option<Error>,
}

impl<'a> Retry<'a> {
    pub(super) fn new(
        limits: &'a HostLimits,
        policy: Option<&'a RetryPolicy>,
        operation: Operation,
        host: &'a str,
    ) -> Self {
        Self {
            limits,
            limiter: limits.limiter(host),
            policy,
            operation,
            host,
            began: Instant::now(),
            attempts: 0,
            failures: 0,
            connect_failures: 0,
            tokens: 0,
            open: false,
            last: None,
            uncertain: None,
        }
    }

    /// Runs the call until it succeeds or finally fails. Returns `None` if a check found its effect. A value that is
    /// `known` by the time that a request may be sent is returned instead.
    pub(super) async fn run<T, K: Future<Output = Option<T>>, A: Future<Output = Result<T, Error>>>(
        mut self,
        on_unknown: OnUnknownOutcome<'_>,
        known: impl Fn() -> K,
        attempt: impl Fn() -> A,
    ) -> Result<Option<T>, Error> {
        loop {
            let Some(permit) = self.within(self.limiter.acquire_permit()).await else {
                return self.end_of_queue(on_unknown).await.map(|()| None);
            };
            if let Some(value) = known().await {
                self.limiter.release(permit);
                self.refund();
                return Ok(Some(value));
            }
            let outcome = self.in_time(attempt()).await?;
            self.limiter.record_outcome(permit, outcome.as_ref().err());
            let error = match outcome {
                Ok(value) => {
                    self.refund();
                    return Ok(Some(value));
                }
                Err(error) => error,
            };
            self.attempts += error.attempts;
            self.open |= error.may_have_taken_effect();
            let is_done = match on_unknown {
                OnUnknownOutcome::Repeat => self.prepare_retry(error, true).await.map(|()| false)?,
                OnUnknownOutcome::Fail => self.prepare_retry(error, false).await.map(|()| false)?,
                OnUnknownOutcome::Verify(check) => self.verify(error, check).await?,
            };
            if is_done {
                self.refund();
                return Ok(None);
            }
        }
    }

    /// Ends a call that no longer may wait for the rate limiter. Returns `Ok` if a check found its effect.
    async fn end_of_queue(&mut self, on_unknown: OnUnknownOutcome<'_>) -> Result<(), Error> {
        let queued = || Error::queued_too_long(self.operation, self.host, self.limiter.limit());
        let error = self.last.take().unwrap_or_else(queued);
        match (on_unknown, self.uncertain.take()) {
            (OnUnknownOutcome::Verify(check), Some(uncertain)) => {
                let error = self.finish(error);
                self.verify_late_effect(error, uncertain, check).await
            }
            _ => Err(self.finish(error)),
        }
    }

    /// Runs a future within the policy's limits, if there are any.
    async fn within<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        match self.policy {
            Some(policy) => policy.within(future).await,
            None => Some(future.await),
        }
    }

    /// Runs an attempt. If the time runs out during a repetition, returns the error of the earlier attempt; a write may
    /// have taken effect.
    async fn in_time<T>(&mut self, attempt: impl Future<Output = T>) -> Result<T, Error> {
        let Some(policy) = self.policy.filter(|_| self.attempts > 0) else { return Ok(attempt.await) };
        let is_write = self.operation.is_write();
        let end = if is_write { policy.write_deadline() } else { policy.deadline };
        if let Ok(outcome) = timeout_at(end, attempt).await {
            return Ok(outcome);
        }
        self.attempts += 1;
        self.open |= is_write;
        let earlier = self.last.take().or(self.uncertain.take()).expect("an earlier attempt failed");
        Err(self.finish(earlier))
    }

    /// Waits until the next attempt, or returns the final error. A call whose outcome is unknown must be `repeatable`.
    async fn prepare_retry(&mut self, error: Error, repeatable: bool) -> Result<(), Error> {
        let again = match (error.kind(), self.policy) {
            // The rate limiter delays it.
            (ErrorKind::Throttled, Some(policy)) => policy.lasts(),
            (ErrorKind::ConnectFailed | ErrorKind::TransientNotApplied, Some(policy)) => {
                self.pause(&error, policy).await
            }
            (ErrorKind::OutcomeUnknown, Some(policy)) => {
                (repeatable || !error.may_have_taken_effect()) && self.pause(&error, policy).await
            }
            _ => false,
        };
        if !again {
            return Err(self.finish(error));
        }
        self.last = Some(error);
        Ok(())
    }

    async fn pause(&mut self, error: &Error, policy: &RetryPolicy) -> bool {
        self.connect_failures += u32::from(error.kind() == ErrorKind::ConnectFailed && !self.limiter.has_answered());
        self.failures += 1;
        let asked = error.retry_after.map(backoff::capped_retry_after);
        let pause = asked.unwrap_or_default() + backoff::delay(self.failures, (policy.jitter)());
        let end = Instant::now() + pause;
        if self.connect_failures >= CONNECT_ATTEMPTS || end >= policy.deadline || !policy.lasts() {
            return false;
        }
        tracing::warn!(%error, milliseconds = pause.as_millis(), "transient failure; retrying");
        let waited = policy.within(async {
            sleep_until(end).await;
            self.limits.retry_budget.take(RetryBudget::take).await;
        });
        let waited = waited.await.is_some();
        self.tokens += u32::from(waited);
        waited
    }

    /// Prepares the next attempt of a write that must be verified first. Returns whether the write took effect.
    async fn verify(&mut self, error: Error, check: Check<'_>) -> Result<bool, Error> {
        if self.policy.is_some_and(|policy| Instant::now() >= policy.write_deadline()) {
            return Err(self.finish(error));
        }
        if !error.may_have_taken_effect() {
            let Err(error) = self.prepare_retry(error, false).await else { return Ok(false) };
            let Some(uncertain) = self.uncertain.take() else { return Err(error) };
            return self.verify_late_effect(error, uncertain, check).await.map(|()| true);
        }
        tracing::info!(%error, "checking whether the write took effect");
        let again = self.prepare_retry(error, true).await;
        match self.read(check).await {
            Some(Ok(true)) => Ok(true),
            Some(Ok(false)) => {
                again?;
                self.open = false;
                self.uncertain = self.last.take();
                Ok(false)
            }
            Some(Err(failure)) => Err(verification_failed(failure, self.end(again))),
            None => Err(self.end(again)),
        }
    }

    /// The error of a write that is not repeated because it could not be verified.
    fn end(&mut self, again: Result<(), Error>) -> Error {
        again.err().unwrap_or_else(|| {
            let uncertain = self.last.take().expect("another attempt is due");
            self.finish(uncertain)
        })
    }

    /// Handles an error that follows an attempt with an unknown outcome: "already exists" may be the late effect of
    /// that attempt, and reads may lag too.
    async fn verify_late_effect(&self, error: Error, uncertain: Error, check: Check<'_>) -> Result<(), Error> {
        let mut delays = check.delays.into_iter();
        loop {
            match (self.read(check).await, delays.next(), self.policy) {
                (Some(Ok(true)), ..) => return Ok(()),
                (Some(Ok(false)), Some(delay), Some(policy)) if policy.within(sleep(delay)).await.is_some() => {}
                (Some(Ok(false)), ..) => return Err(error),
                (Some(Err(failure)), ..) => return Err(verification_failed(failure, self.finish(uncertain))),
                (None, ..) => return Err(self.finish(uncertain)),
            }
        }
    }

    /// Runs a check until the write deadline; `None` when the time runs out.
    async fn read(&self, check: Check<'_>) -> Option<Result<bool, Error>> {
        match self.policy {
            Some(policy) => timeout_at(policy.write_deadline(), check.read(self.policy)).await.ok(),
            None => Some(check.read(None).await),
        }
    }

    /// Refunds the retry tokens of a call that succeeded.
    fn refund(&self) {
        if self.tokens > 0 {
            self.limits.retry_budget.update(|retry_budget, now| retry_budget.refund(self.tokens, now));
        }
    }

    /// Adds the number of attempts and the elapsed time to the final error.
    fn finish(&self, error: Error) -> Error {
        if self.attempts < 2 {
            return error;
        }
        Error { attempts: self.attempts, elapsed: self.began.elapsed(), open: self.open, ..error }
    }
}

/// Picks the error to return when verification fails: "not found", or else the write whose outcome is unknown.
fn verification_failed(failure: Error, uncertain: Error) -> Error {
    if failure.is_not_found() {
        return failure;
    }
    tracing::info!(error = %failure, "could not check whether the write took effect");
    uncertain
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::response::Response;
    use http::{HeaderValue, StatusCode};
    use parking_lot::Mutex;

    use super::*;
    use crate::{
        client::{
            Client, Project,
            test_server::{ID, Server, config, response},
        },
        dli::wire::QueueNames,
    };

    const MINUTE: Duration = Duration::from_mins(1);
    const FAULT: &str = r#"{"error_code":"DLI.0999","error_msg":"Internal error"}"#;

    /// A server that responds with this fault `faults` times, and then with success.
    async fn failing(faults: usize, status: u16, body: &'static str) -> Server {
        failing_so(faults, move || response(status, body)).await
    }

    async fn failing_so(faults: usize, fault: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Server {
        let count = Arc::new(AtomicUsize::new(0));
        Server::answering(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if number < faults { fault() } else { response(200, r#"{"is_success":true}"#) }
        })
        .await
    }

    /// `jitter` sets the delays: 0 is none, 1 is the ceiling.
    fn with_deadline(
        server: &Server,
        retry_policy: Duration,
        cancel: &CancellationToken,
        jitter: fn() -> f64,
    ) -> Project {
        let client = Client::new(config(server.address)).expect("valid configuration");
        let retry_policy = RetryPolicy { deadline: Instant::now() + retry_policy, cancel: cancel.clone(), jitter };
        Project { retry_policy: Some(retry_policy), ..client.project(None, None).expect("complete settings") }
    }

    fn limiter(project: &Project) -> Arc<HostLimiter> {
        project.client.host_limits.limiter(&project.endpoint.host())
    }

    fn at_once(server: &Server) -> Project {
        with_deadline(server, MINUTE, &CancellationToken::new(), || 0.0)
    }

    #[tokio::test]
    async fn faults_are_retried_and_rejections_are_not() {
        for (status, body) in [(500, "{}"), (400, FAULT), (429, "{}"), (504, "")] {
            let server = failing(2, status, body).await;
            at_once(&server).delete_connection(ID).await.expect("the third attempt succeeds");
            assert_eq!(server.unseen(), 3, "{status}");
        }
        let server = failing(2, 400, r#"{"error_code":"DLI.0007","error_msg":"no"}"#).await;
        at_once(&server).delete_connection(ID).await.expect_err("refused");
        assert_eq!(server.unseen(), 1);
    }

    #[tokio::test]
    async fn deadline_and_cancellation_end_retries() {
        let server = failing(9, 500, "{}").await;
        let cancel = CancellationToken::new();
        let short = with_deadline(&server, Duration::from_millis(900), &cancel, || 1.0);
        short.delete_connection(ID).await.expect_err("the pause is a second");
        assert_eq!(server.unseen(), 1);
        cancel.cancel();
        with_deadline(&server, MINUTE, &cancel, || 0.0).delete_connection(ID).await.expect_err("interrupted");
        assert_eq!(server.unseen(), 2);
    }

    /// Neither sends another request, whatever the limit allows.
    #[tokio::test]
    async fn throttled_call_ends_at_deadline_or_cancel() {
        let server = failing(99, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let project = with_deadline(&server, Duration::from_millis(1500), &CancellationToken::new(), || 1.0);
        let error = project.delete_connection(ID).await.expect_err("an hour is too long");
        assert!(error.kind() == ErrorKind::Throttled, "{error:?}");
        assert!((1..5).contains(&server.unseen()), "{}", server.unseen());

        let cancel = CancellationToken::new();
        let project = with_deadline(&server, MINUTE, &cancel, || 1.0);
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            cancel.cancel();
            Instant::now()
        };
        let (outcome, stopped) = tokio::join!(project.delete_connection(ID), stopping);
        outcome.expect_err("interrupted");
        assert!(stopped.elapsed() < Duration::from_secs(5));
    }

    /// A creation is recognized later by this time, so the wait for the rate limiter must precede it.
    #[tokio::test]
    async fn on_send_runs_right_before_each_attempt() {
        let server = failing(1, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:300 ms"}"#).await;
        let sent = Mutex::new(Vec::new());
        let on_send = |_| {
            sent.lock().push((Instant::now(), server.unseen()));
            Ok(())
        };
        let creation = crate::dli::wire::CreateConnection::default();
        // The second response has no id.
        at_once(&server).create_connection(&creation, &on_send).await.expect_err("there is no id");
        let sent = sent.into_inner();
        let [(first, 0), (second, 1)] = sent[..] else { panic!("one call before each request: {sent:?}") };
        assert!(second - first >= Duration::from_millis(250), "{sent:?}");
    }

    #[tokio::test]
    async fn error_of_on_send_prevents_the_attempt() {
        let server = failing(1, 500, "{}").await;
        let creation = crate::dli::wire::CreateConnection::default();
        let on_send = |_| Err("another run creates it".to_owned());
        let error = at_once(&server).create_connection(&creation, &on_send).await.expect_err("it is not sent");
        assert_eq!(
            (error.kind(), error.may_have_taken_effect(), server.unseen()),
            (ErrorKind::InvalidRequest, false, 0)
        );
        assert!(error.to_string().contains("another run creates it"), "{error}");
    }

    /// A call that only waited had no effect.
    #[tokio::test]
    async fn queued_call_is_not_sent_after_its_deadline() {
        let server = failing(1, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let cancel = CancellationToken::new();
        let project = with_deadline(&server, Duration::from_millis(50), &cancel, || 1.0);
        project.delete_connection(ID).await.expect_err("no time");
        limiter(&project).acquire_permit().await;
        let other = Project {
            retry_policy: Some(RetryPolicy {
                deadline: Instant::now() + Duration::from_millis(50),
                cancel,
                jitter: || 1.0,
            }),
            ..Client { inner: Arc::clone(&project.client) }.project(None, None).expect("complete settings")
        };
        let error = other.delete_connection(ID).await.expect_err("no permit");
        assert_eq!(
            (error.kind(), error.may_have_taken_effect(), server.unseen()),
            (ErrorKind::QueuedTooLong, false, 1)
        );
        let text = error.to_string();
        let reason = format!("not sent: the gateway of {} allows only 1 call in 1h, and the call was", server.address);
        assert!(text.starts_with(&format!("DeleteEnhancedConnection: {reason} still waiting when")), "{text}");
    }

    /// The limiter learns the limit and no retry token is taken. Callers that waited use the value of the first.
    #[tokio::test]
    async fn identity_rate_limit_is_respected() {
        let host_limits = HostLimits::default();
        let retry_policy =
            RetryPolicy { jitter: || 0.0, ..RetryPolicy::new(Instant::now() + MINUTE, &CancellationToken::new()) };
        host_limits.retry_budget.update(|retry_budget, now| while retry_budget.take(now).is_ok() {});
        let (asked, found) = (AtomicUsize::new(0), std::sync::OnceLock::new());
        let ask = async || {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                let (_, refused) = crate::client::test_server::exchange(
                    429,
                    r#"{"error_code":"APIGW.0308","error_msg":"limit:100,time:10 ms"}"#,
                    async |project| project.delete_connection(ID).await,
                )
                .await;
                return Err(refused.expect_err("one too many"));
            }
            found.set("p").map_err(|_| unreachable!("it is set once"))
        };
        let known = || std::future::ready(found.get().copied());
        let began = Instant::now();
        let host = "the identity service";
        let one = || {
            let retry = Retry::new(&host_limits, Some(&retry_policy), Operation::ListProjects, host);
            retry.run(OnUnknownOutcome::Repeat, known, || async { ask().await.map(|()| "p") })
        };
        let all = futures_util::future::join_all((0..5).map(|_| one())).await;
        assert!(all.into_iter().all(|found| found.is_ok_and(|id| id == Some("p"))));
        let limit = host_limits.limiter(host).limit().expect("a known limit");
        assert_eq!((limit.calls, limit.period), (100, Duration::from_millis(10)));
        assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn final_error_counts_the_attempts() {
        // Two immediate retries; the third would be too late.
        static CHANCES: AtomicUsize = AtomicUsize::new(0);
        let jitter = || if CHANCES.fetch_add(1, Ordering::SeqCst) < 2 { 0.0 } else { 1.0 };
        let server = failing(9, 503, "{}").await;
        let project = with_deadline(&server, Duration::from_secs(3), &CancellationToken::new(), jitter);
        let error = project.delete_connection(ID).await.expect_err("no time for more");
        assert_eq!((error.attempts, server.unseen()), (3, 3));
        let text = error.to_string();
        let expected = "DeleteEnhancedConnection: HTTP 503 Service Unavailable: the response is not in the service's \
                        format; it begins with \"{}\"; tried 3 times in ";
        assert!(text.starts_with(expected), "{text}");
        assert!(error.may_have_taken_effect());
    }

    /// The last rejection does not describe the attempt before it.
    #[tokio::test]
    async fn uncertain_attempt_stays_uncertain() {
        let count = Arc::new(AtomicUsize::new(0));
        let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
            0 => response(504, ""),
            _ => response(400, r#"{"error_code":"DLI.0007","error_msg":"no"}"#),
        });
        let server = server.await;
        let error = at_once(&server).delete_connection(ID).await.expect_err("refused");
        assert_eq!((error.kind(), error.may_have_taken_effect()), (ErrorKind::Refused, true));
    }

    #[tokio::test]
    async fn retry_after_is_honored() {
        let asks = || {
            let mut response = response(503, "{}");
            response.headers_mut().insert("retry-after", HeaderValue::from_static("2"));
            response
        };
        let server = failing_so(1, asks).await;
        let began = Instant::now();
        at_once(&server).delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() >= Duration::from_secs(2));
        // A wait beyond the deadline is not started.
        let server = failing_so(1, asks).await;
        let project = with_deadline(&server, Duration::from_secs(1), &CancellationToken::new(), || 0.0);
        project.delete_connection(ID).await.expect_err("no time");
        assert_eq!(server.unseen(), 1);
    }

    /// An empty budget delays a retry, success refunds its tokens, and throttled calls need none.
    #[tokio::test]
    async fn retries_take_tokens_from_the_budget() {
        let server = failing(2, 500, "{}").await;
        let project = at_once(&server);
        let left = |project: &Project| {
            project.client.host_limits.retry_budget.update(|retry_budget, now| {
                let mut left = 0;
                while retry_budget.take(now).is_ok() {
                    left += 1;
                }
                retry_budget.refund(left, now);
                left
            })
        };
        let full = left(&project);
        project.delete_connection(ID).await.expect("the third attempt succeeds");
        assert_eq!(left(&project), full);

        let server = failing(1, 500, "{}").await;
        let project = at_once(&server);
        project.client.host_limits.retry_budget.update(|retry_budget, now| while retry_budget.take(now).is_ok() {});
        let began = Instant::now();
        project.delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());

        let server = failing(1, 429, r#"{"error_msg":"limit:100,time:10 ms"}"#).await;
        let project = at_once(&server);
        project.client.host_limits.retry_budget.update(|retry_budget, now| while retry_budget.take(now).is_ok() {});
        let began = Instant::now();
        project.delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    }

    /// Binding is not idempotent: only a call that had no effect is repeated without a check.
    #[tokio::test]
    async fn unsafe_write_is_verified_before_a_retry() {
        for (status, attempts) in [(500, 1), (429, 2)] {
            let server = failing(1, status, "{}").await;
            let bound = at_once(&server).bind(ID, &QueueNames::default()).send().await;
            assert_eq!((bound.is_ok(), server.unseen()), (status == 429, attempts), "{status}");
        }
        for (took_effect, attempts) in [(true, 1), (false, 2)] {
            let server = failing(1, 500, "{}").await;
            let (project, names) = (at_once(&server), QueueNames::default());
            project.bind(ID, &names).verified(|| async move { Ok(took_effect) }).await.expect("done");
            assert_eq!(server.unseen(), attempts);
        }
    }

    /// The first attempt took effect after the check; "exists already" means success.
    #[tokio::test]
    async fn rejection_after_uncertain_attempt_is_verified() {
        for late_effect in [true, false] {
            let count = Arc::new(AtomicUsize::new(0));
            let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
                0 => response(504, ""),
                _ => response(400, r#"{"error_code":"DLI.0006","error_msg":"exists"}"#),
            });
            let server = server.await;
            let (project, names, checks) = (at_once(&server), QueueNames::default(), AtomicUsize::new(0));
            let check = || {
                let first = checks.fetch_add(1, Ordering::SeqCst) == 0;
                std::future::ready(Ok(late_effect && !first))
            };
            let done = project.bind(ID, &names).verified(check).await;
            // Reads may lag, so the check is repeated for some seconds before the rejection is returned.
            let expected = if late_effect { 2 } else { 5 };
            assert_eq!((done.is_ok(), checks.into_inner()), (late_effect, expected));
            if let Err(error) = done {
                assert_eq!((error.attempts, error.may_have_taken_effect()), (2, false), "{error:?}");
            }
        }
    }

    /// Throttling between the two does not hide that the first attempt may have taken effect.
    #[tokio::test]
    async fn throttling_keeps_an_attempt_uncertain() {
        let count = Arc::new(AtomicUsize::new(0));
        let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
            0 => response(504, ""),
            1 => response(429, r#"{"error_msg":"limit:100,time:10 ms"}"#),
            _ => response(400, r#"{"error_code":"DLI.0006","error_msg":"exists"}"#),
        });
        let server = server.await;
        let (project, names, checks) = (at_once(&server), QueueNames::default(), AtomicUsize::new(0));
        let is_done = || std::future::ready(Ok(checks.fetch_add(1, Ordering::SeqCst) > 0));
        project.bind(ID, &names).verified(is_done).await.expect("the first attempt took effect late");
        assert_eq!((server.unseen(), checks.into_inner()), (3, 2));
    }

    /// Only "not found" decides the outcome of a failed check.
    #[tokio::test]
    async fn failed_check_leaves_the_outcome_unknown() {
        for (status, open) in [(500, true), (400, false)] {
            let server = failing(1, 502, "").await;
            let gone = failing(9, status, r#"{"error_code":"DLI.0002","error_msg":"gone"}"#).await;
            let (project, names) = (at_once(&server), QueueNames::default());
            let client = Client::new(config(gone.address)).expect("valid configuration");
            let other = client.project(None, None).expect("complete settings");
            let check = || async { other.delete_connection(ID).await.map(|()| true) };
            let error = project.bind(ID, &names).verified(check).await.expect_err("the check fails");
            assert_eq!((error.may_have_taken_effect(), error.is_not_found()), (open, !open), "{error:?}");
            assert_eq!(server.unseen(), 1);
        }
    }

    /// A write may receive its response shortly after the deadline.
    #[tokio::test(start_paused = true)]
    async fn hanging_retry_returns_the_earlier_error() {
        let limits = HostLimits::default();
        for (operation, is_write) in [(Operation::ShowConnection, false), (Operation::Bind, true)] {
            let run = async |failures: usize| {
                let retry_policy = RetryPolicy::new(Instant::now() + MINUTE, &CancellationToken::new());
                let retry = Retry::new(&limits, Some(&retry_policy), operation, "host");
                let count = AtomicUsize::new(0);
                let attempt = || async {
                    if count.fetch_add(1, Ordering::SeqCst) >= failures {
                        std::future::pending::<()>().await;
                    }
                    Err::<(), _>(maintenance(operation))
                };
                retry.run(OnUnknownOutcome::Repeat, || std::future::ready(None), attempt).await
            };
            let alone = tokio::time::timeout(MINUTE * 2, run(0)).await;
            assert!(alone.is_err(), "there is no earlier error");

            let began = Instant::now();
            let error = run(1).await.expect_err("the second attempt never ends");
            let end = if is_write { MINUTE + WRITE_GRACE } else { MINUTE };
            let elapsed = began.elapsed();
            assert!(elapsed >= end && elapsed < end + Duration::from_millis(10), "{elapsed:?}");
            assert_eq!((error.attempts, error.may_have_taken_effect()), (2, is_write));
            assert_eq!(error.message, "maintenance in region");
        }
    }

    fn maintenance(operation: Operation) -> Error {
        Error::reported(operation, StatusCode::SERVICE_UNAVAILABLE, None, "maintenance in region".to_owned())
    }

    /// A host that responded before is probably back soon.
    #[tokio::test(start_paused = true)]
    async fn host_that_has_answered_is_waited_for() {
        let limits = HostLimits::default();
        let attempts = async || {
            let retry_policy = RetryPolicy::new(Instant::now() + MINUTE, &CancellationToken::new());
            let retry = Retry::new(&limits, Some(&retry_policy), Operation::Bind, "host");
            let attempt = || {
                let error = Error::new(Operation::Bind, ErrorKind::ConnectFailed, String::new());
                std::future::ready(Err::<(), _>(error))
            };
            let outcome = retry.run(OnUnknownOutcome::Fail, || std::future::ready(None), attempt).await;
            outcome.expect_err("there is no connection").attempts
        };
        assert_eq!(attempts().await, CONNECT_ATTEMPTS);
        let limiter = limits.limiter("host");
        limiter.record_outcome(limiter.acquire_permit().await, None);
        assert!(attempts().await > CONNECT_ATTEMPTS);
    }
}
