//! Retries of transient failures.
//!
//! A call that was certainly not executed is always retried; otherwise only an idempotent call is. A write that is not
//! idempotent is verified first, in `run_verified.rs`. Every attempt is signed anew.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    backoff,
    error::Error,
    error_kind::ErrorKind,
    host_limits::{HostLimiter, HostLimits},
    rate_limiter::Permit,
    retry_budget::RetryBudget,
};
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
    pub(super) async fn within<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = what => Some(outcome),
            () = self.cancel.cancelled() => None,
            () = sleep_until(self.deadline) => None,
        }
    }

    /// Runs a future until `end`, regardless of cancellation.
    pub(super) async fn until<T>(&self, end: Instant, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = what => Some(outcome),
            () = sleep_until(end) => None,
        }
    }

    /// The deadline of a write that is in flight.
    pub(super) fn write_deadline(&self) -> Instant {
        self.deadline + WRITE_GRACE
    }

    /// Runs a read of the identity service with retries. A value that is `known` meanwhile is returned without a request.
    pub(super) async fn repeat<T, K: Future<Output = Option<T>>, F: Future<Output = Result<T, Error>>>(
        &self,
        host_limits: &HostLimits,
        known: impl Fn() -> K,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        const SERVICE: &str = "the identity service";
        if let Some(response) = known().await {
            return Ok(response);
        }
        let limiter = host_limits.limiter(SERVICE);
        let mut state = RetryState::new(host_limits, &limiter, Some(self));
        loop {
            let permit = state.acquire_permit(Operation::ListProjects, SERVICE).await?;
            // An earlier waiter may have loaded it.
            if let Some(response) = known().await {
                limiter.release(permit);
                state.succeed();
                return Ok(response);
            }
            let outcome = state.outcome(false, ask()).await?;
            limiter.record_outcome(permit, outcome.as_ref().err().map(said));
            match outcome {
                Ok(response) => {
                    state.succeed();
                    return Ok(response);
                }
                Err(error) => {
                    let kind = match said(&error).kind() {
                        throttled @ ErrorKind::Throttled { .. } => throttled,
                        _ => error.kind(),
                    };
                    state.prepare_retry_as(kind, error, true).await?;
                }
            }
        }
    }
}

/// The error of the identity service itself.
fn said(error: &Error) -> &Error {
    match error {
        Error::Identity(shared) => said(shared),
        error => error,
    }
}

/// The attempts of one call.
pub(super) struct RetryState<'a> {
    host_limits: &'a HostLimits,
    limiter: &'a HostLimiter,
    /// `None` allows one attempt.
    retry_policy: Option<&'a RetryPolicy>,
    began: Instant,
    made: u32,
    /// Failed attempts that were not throttled.
    failures: u32,
    /// Attempts without a connection, to a host that never responded.
    connect_failures: u32,
    /// Tokens taken from the retry budget.
    tokens: u32,
    /// Whether an attempt may have taken effect.
    pub(super) open: bool,
    /// Error of the latest attempt, while another one is due.
    pub(super) last: Option<Error>,
}

impl<'a> RetryState<'a> {
    pub(super) fn new(
        host_limits: &'a HostLimits,
        limiter: &'a HostLimiter,
        retry_policy: Option<&'a RetryPolicy>,
    ) -> Self {
        Self {
            host_limits,
            limiter,
            retry_policy,
            began: Instant::now(),
            made: 0,
            failures: 0,
            connect_failures: 0,
            tokens: 0,
            open: false,
            last: None,
        }
    }

    /// Waits for permission to send.
    pub(super) async fn acquire_permit(&mut self, operation: Operation, host: &str) -> Result<Permit, Error> {
        let permit = match self.retry_policy {
            Some(retry_policy) => retry_policy.within(self.limiter.acquire_permit()).await,
            None => Some(self.limiter.acquire_permit().await),
        };
        permit.ok_or_else(|| match self.last.take() {
            Some(last) => self.wrap(last),
            None => Error::QueuedTooLong {
                operation,
                host: host.to_owned(),
                waited: self.began.elapsed(),
                limit: self.limiter.limit(),
            },
        })
    }

    /// Runs an attempt. If the time runs out during a retry, returns the error of the earlier attempt; a write may have taken
    /// effect.
    pub(super) async fn outcome<T>(&mut self, is_write: bool, attempt: impl Future<Output = T>) -> Result<T, Error> {
        let Some(retry_policy) = self.retry_policy.filter(|_| self.last.is_some()) else { return Ok(attempt.await) };
        let end = if is_write { retry_policy.write_deadline() } else { retry_policy.deadline };
        if let Some(outcome) = retry_policy.until(end, attempt).await {
            return Ok(outcome);
        }
        self.made += 1;
        self.open |= is_write;
        Err(self.open_end(Ok(())))
    }

    /// The error of a call whose outcome is unknown.
    pub(super) fn open_end(&mut self, again: Result<(), Error>) -> Error {
        if let Err(error) = again {
            return error;
        }
        let latest = self.last.take().expect("it is kept for the next attempt");
        self.wrap(latest)
    }

    /// Waits until the next attempt, or returns the final error. A call that is not `repeatable` is retried only if this
    /// attempt certainly had no effect.
    pub(super) async fn prepare_retry(&mut self, error: Error, repeatable: bool) -> Result<(), Error> {
        self.prepare_retry_as(error.kind(), error, repeatable).await
    }

    async fn prepare_retry_as(&mut self, kind: ErrorKind, error: Error, repeatable: bool) -> Result<(), Error> {
        let again = match (kind, self.retry_policy) {
            // The rate limiter delays it.
            (ErrorKind::Throttled { .. }, Some(retry_policy)) => retry_policy.lasts(),
            (ErrorKind::ConnectFailed | ErrorKind::TransientNotApplied, Some(retry_policy)) => {
                self.pause(&error, retry_policy).await
            }
            (ErrorKind::OutcomeUnknown, Some(retry_policy)) => {
                (repeatable || !error.may_have_taken_effect()) && self.pause(&error, retry_policy).await
            }
            _ => false,
        };
        if !again {
            return Err(self.give_up(error));
        }
        self.count(&error);
        self.last = Some(error);
        Ok(())
    }

    /// Refunds the retry tokens of a call that succeeded.
    pub(super) fn succeed(&self) {
        if self.tokens > 0 {
            self.host_limits.retry_budget.update(|retry_budget, now| retry_budget.refund(self.tokens, now));
        }
    }

    async fn pause(&mut self, error: &Error, retry_policy: &RetryPolicy) -> bool {
        self.connect_failures += u32::from(error.kind() == ErrorKind::ConnectFailed && !self.limiter.has_answered());
        self.failures += 1;
        let asked = error.api().and_then(|error| error.retry_after).map(backoff::capped_retry_after);
        let pause = asked.unwrap_or_default() + backoff::delay(self.failures, (retry_policy.jitter)());
        let until = Instant::now() + pause;
        if self.connect_failures >= CONNECT_ATTEMPTS || until >= retry_policy.deadline || !retry_policy.lasts() {
            return false;
        }
        tracing::warn!(%error, milliseconds = pause.as_millis(), "transient failure; retrying");
        let waited = retry_policy.within(async {
            sleep_until(until).await;
            self.host_limits.retry_budget.take(RetryBudget::take).await;
        });
        let waited = waited.await.is_some();
        self.tokens += u32::from(waited);
        waited
    }

    /// Returns the final error.
    pub(super) fn give_up(&mut self, error: Error) -> Error {
        self.count(&error);
        self.wrap(error)
    }

    fn count(&mut self, error: &Error) {
        self.made += error.attempts();
        self.open |= error.may_have_taken_effect();
    }

    /// Adds the number of attempts and the elapsed time to an error.
    pub(super) fn wrap(&self, error: Error) -> Error {
        if self.made < 2 {
            return error;
        }
        let last = match error {
            Error::Repeated { last, .. } => last,
            error => Box::new(error),
        };
        Error::Repeated { attempts: self.made, elapsed: self.began.elapsed(), open: self.open, last }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::response::Response;
    use http::HeaderValue;

    use super::*;
    use crate::{
        client::{
            ApiError, Client, Project,
            test_server::{ID, Server, config, response},
        },
        dli::wire::QueueNames,
    };

    const MINUTE: Duration = Duration::from_mins(1);
    const FAULT: &str = r#"{"error_code":"DLI.0999","error_msg":"Internal error"}"#;

    /// A server that answers so, `faults` times, and then with success.
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

    /// Pauses last as long as `jitter` says: none at all, or their ceiling.
    fn with_deadline(
        server: &Server,
        retry_policy: Duration,
        cancel: &CancellationToken,
        jitter: fn() -> f64,
    ) -> Project {
        let client = Client::new(config(server.address)).expect("in order");
        let retry_policy = RetryPolicy { deadline: Instant::now() + retry_policy, cancel: cancel.clone(), jitter };
        Project { retry_policy: Some(retry_policy), ..client.project(None, None).expect("complete") }
    }

    fn at_once(server: &Server) -> Project {
        with_deadline(server, MINUTE, &CancellationToken::new(), || 0.0)
    }

    #[tokio::test]
    async fn a_passing_fault_is_not_seen_and_a_lasting_refusal_is_seen_at_once() {
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
    async fn the_deadline_and_an_interruption_end_it() {
        let server = failing(9, 500, "{}").await;
        let cancel = CancellationToken::new();
        let short = with_deadline(&server, Duration::from_millis(900), &cancel, || 1.0);
        short.delete_connection(ID).await.expect_err("the pause is a second");
        assert_eq!(server.unseen(), 1);
        cancel.cancel();
        with_deadline(&server, MINUTE, &cancel, || 0.0).delete_connection(ID).await.expect_err("interrupted");
        assert_eq!(server.unseen(), 2);
    }

    /// Neither asks again, whatever a limit allows.
    #[tokio::test]
    async fn a_throttled_call_ends_with_its_time_or_an_interruption() {
        let server = failing(99, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let project = with_deadline(&server, Duration::from_millis(1500), &CancellationToken::new(), || 1.0);
        let error = project.delete_connection(ID).await.expect_err("an hour is too long");
        assert!(matches!(error.kind(), ErrorKind::Throttled { limit: Some(_), .. }), "{error:?}");
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

    /// By what it is told, a creation is recognised later: the wait for a turn must lie before it.
    #[tokio::test]
    async fn each_attempt_is_told_of_when_it_leaves() {
        let server = failing(1, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:300 ms"}"#).await;
        let told = std::sync::Mutex::new(Vec::new());
        let on_send = |_| told.lock().expect("no panic").push((Instant::now(), server.unseen()));
        let creation = crate::dli::wire::CreateConnection::default();
        // The second answer is no id.
        at_once(&server).create_connection(&creation, &on_send).await.expect_err("there is no id");
        let told = told.into_inner().expect("no panic");
        let [(first, 0), (second, 1)] = told[..] else { panic!("one before each request: {told:?}") };
        assert!(second - first >= Duration::from_millis(250), "{told:?}");
    }

    /// What only waited for its turn is not told as something that may have happened.
    #[tokio::test]
    async fn a_call_that_waited_in_vain_was_not_sent() {
        let server = failing(1, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let cancel = CancellationToken::new();
        let project = with_deadline(&server, Duration::from_millis(50), &cancel, || 1.0);
        project.delete_connection(ID).await.expect_err("no time");
        project.limiter().acquire_permit().await;
        let other = Project {
            retry_policy: Some(RetryPolicy {
                deadline: Instant::now() + Duration::from_millis(50),
                cancel,
                jitter: || 1.0,
            }),
            ..Client { inner: Arc::clone(&project.client) }.project(None, None).expect("complete")
        };
        let error = other.delete_connection(ID).await.expect_err("no turn");
        assert_eq!(
            (error.kind(), error.may_have_taken_effect(), server.unseen()),
            (ErrorKind::QueuedTooLong, false, 1)
        );
        let text = error.to_string();
        assert!(text.starts_with("DeleteEnhancedConnection: not sent: its turn did not come within "), "{text}");
        let limit = format!("ms; the gateway of {} limits the calls to 1 call in 1h", server.address);
        assert!(text.ends_with(&limit), "{text}");
    }

    /// The refusal arrives as one of who calls; it teaches the limit all the same, and takes nothing from the budget. Who
    /// waited meanwhile need not ask.
    #[tokio::test]
    async fn the_identity_service_teaches_its_limit() {
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
                return Err(Error::Identity(Arc::new(refused.expect_err("one too many"))));
            }
            found.set("p").map_err(|_| unreachable!("it is known by now"))
        };
        let known = || std::future::ready(found.get().copied());
        let began = Instant::now();
        let one = || retry_policy.repeat(&host_limits, known, || async { ask().await.map(|()| "p") });
        let all = futures_util::future::join_all((0..5).map(|_| one())).await;
        assert!(all.into_iter().all(|found| found.is_ok_and(|id| id == "p")));
        let limit = host_limits.limiter("the identity service").limit().expect("it was told");
        assert_eq!((limit.calls, limit.period), (100, Duration::from_millis(10)));
        assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn the_end_tells_how_often_it_was_tried() {
        // Two repetitions at once; the third would come too late.
        static CHANCES: AtomicUsize = AtomicUsize::new(0);
        let jitter = || if CHANCES.fetch_add(1, Ordering::SeqCst) < 2 { 0.0 } else { 1.0 };
        let server = failing(9, 503, "{}").await;
        let project = with_deadline(&server, Duration::from_secs(3), &CancellationToken::new(), jitter);
        let error = project.delete_connection(ID).await.expect_err("no time for more");
        assert_eq!((error.attempts(), server.unseen()), (3, 3));
        let text = error.with_causes();
        assert!(text.starts_with("tried 3 times in "), "{text}");
        assert!(text.ends_with("s; last: DeleteEnhancedConnection: HTTP 503 Service Unavailable: the answer is not in the service's format; it begins with \"{}\""), "{text}");
        assert_eq!(
            (error.status(), error.operation()),
            (Some(http::StatusCode::SERVICE_UNAVAILABLE), Some(Operation::DeleteConnection))
        );
        assert!(error.may_have_taken_effect());
    }

    /// The refusal that comes last says nothing of the attempt before it.
    #[tokio::test]
    async fn an_open_attempt_stays_open() {
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
    async fn the_wait_that_a_server_asks_for_is_kept() {
        let asks = || {
            let mut response = response(503, "{}");
            response.headers_mut().insert("retry-after", HeaderValue::from_static("2"));
            response
        };
        let server = failing_so(1, asks).await;
        let began = Instant::now();
        at_once(&server).delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() >= Duration::from_secs(2));
        // Longer than there is time: it is not waited for.
        let server = failing_so(1, asks).await;
        let project = with_deadline(&server, Duration::from_secs(1), &CancellationToken::new(), || 0.0);
        project.delete_connection(ID).await.expect_err("no time");
        assert_eq!(server.unseen(), 1);
    }

    /// An empty budget keeps a repetition waiting; a success gives its piece back, and throttled calls need none.
    #[tokio::test]
    async fn repetitions_draw_from_the_budget() {
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

    /// Binding twice is not the same as binding once: only what surely was not done is repeated by itself.
    #[tokio::test]
    async fn what_cannot_be_repeated_is_looked_at_first() {
        for (status, attempts) in [(500, 1), (429, 2)] {
            let server = failing(1, status, "{}").await;
            let bound = at_once(&server).bind(ID, &QueueNames::default()).await;
            assert_eq!((bound.is_ok(), server.unseen()), (status == 429, attempts), "{status}");
        }
        for (took_effect, attempts) in [(true, 1), (false, 2)] {
            let server = failing(1, 500, "{}").await;
            let (project, names) = (at_once(&server), QueueNames::default());
            project.run_verified(|| project.bind(ID, &names), || async move { Ok(took_effect) }).await.expect("done");
            assert_eq!(server.unseen(), attempts);
        }
    }

    /// The first attempt took effect after the look; "exists already" is its success.
    #[tokio::test]
    async fn a_refusal_after_an_open_attempt_is_looked_at() {
        for late_effect in [true, false] {
            let count = Arc::new(AtomicUsize::new(0));
            let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
                0 => response(504, ""),
                _ => response(400, r#"{"error_code":"DLI.0006","error_msg":"exists"}"#),
            });
            let server = server.await;
            let (project, names, looks) = (at_once(&server), QueueNames::default(), AtomicUsize::new(0));
            let look = || {
                let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
                std::future::ready(Ok(late_effect && !first))
            };
            let done = project.run_verified(|| project.bind(ID, &names), look).await;
            // What shows the effect may be late: it is looked for some seconds before the refusal is believed.
            let looked = if late_effect { 2 } else { 5 };
            assert_eq!((done.is_ok(), looks.into_inner()), (late_effect, looked));
            if let Err(error) = done {
                assert_eq!((error.attempts(), error.may_have_taken_effect()), (2, false), "{error:?}");
            }
        }
    }

    /// What could not be seen stays open; that the object is gone settles it.
    #[tokio::test]
    async fn a_look_that_fails_leaves_it_open() {
        for (look, open) in [(500, true), (400, false)] {
            let server = failing(1, 502, "").await;
            let gone = failing(9, look, r#"{"error_code":"DLI.0002","error_msg":"gone"}"#).await;
            let (project, names) = (at_once(&server), QueueNames::default());
            let client = Client::new(config(gone.address)).expect("in order");
            let looking = client.project(None, None).expect("complete");
            let look = || async { looking.delete_connection(ID).await.map(|()| true) };
            let error = project.run_verified(|| project.bind(ID, &names), look).await.expect_err("it cannot be seen");
            assert_eq!((error.may_have_taken_effect(), error.is_not_found()), (open, !open), "{error:?}");
            assert_eq!(server.unseen(), 1);
        }
    }

    /// What an earlier attempt came to is not lost where the next one hangs; a write may still be answered a moment later.
    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_does_not_hide_what_the_one_before_it_came_to() {
        let nowhere = ([127, 0, 0, 1], 9).into();
        let project = Client::new(config(nowhere)).expect("in order").project(None, None).expect("complete");
        let limiter = project.limiter();
        for (operation, is_write) in [(Operation::ShowConnection, false), (Operation::Bind, true)] {
            let retry_policy = RetryPolicy::new(Instant::now() + MINUTE, &CancellationToken::new());
            let mut state = RetryState::new(&project.client.host_limits, &limiter, Some(&retry_policy));
            let hangs = std::future::pending::<()>();
            let alone = tokio::time::timeout(MINUTE * 2, state.outcome(is_write, hangs)).await;
            assert!(alone.is_err(), "without an earlier attempt there is nothing to tell");

            let began = Instant::now();
            let retry_policy = RetryPolicy::new(began + MINUTE, &CancellationToken::new());
            let mut state = RetryState::new(&project.client.host_limits, &limiter, Some(&retry_policy));
            let refused = ApiError { operation, ..maintenance() };
            state.prepare_retry(Error::Api(refused), true).await.expect("there is time");
            let error = state.outcome(is_write, std::future::pending::<()>()).await.expect_err("it never ends");
            let end = if is_write { MINUTE + WRITE_GRACE } else { MINUTE };
            assert!(
                began.elapsed() >= end && began.elapsed() < end + Duration::from_millis(10),
                "{:?}",
                began.elapsed()
            );
            assert_eq!((error.attempts(), error.may_have_taken_effect()), (2, is_write));
            assert_eq!(error.api().map(|error| error.message.as_str()), Some("maintenance in region"));
        }
    }

    fn maintenance() -> ApiError {
        ApiError {
            operation: Operation::Bind,
            status: http::StatusCode::SERVICE_UNAVAILABLE,
            code: None,
            message: "maintenance in region".to_owned(),
            request_id: Some("5f6d2a".to_owned()),
            caller: None,
            retry_after: None,
        }
    }

    /// A host that has answered once is only away for a moment.
    #[tokio::test(start_paused = true)]
    async fn a_host_that_has_answered_is_waited_for() {
        let nowhere = ([127, 0, 0, 1], 9).into();
        let project = Client::new(config(nowhere)).expect("in order").project(None, None).expect("complete");
        let project = project.with_deadline(Instant::now() + MINUTE, &CancellationToken::new());
        let source = || async { reqwest::Client::new().get("nothing").send().await.expect_err("it is no address") };
        let attempts = async || {
            let limiter = project.limiter();
            let mut state = RetryState::new(&project.client.host_limits, &limiter, project.retry_policy.as_ref());
            for number in 1..=CONNECT_ATTEMPTS {
                let error = Error::Connect { operation: Operation::Bind, host: String::new(), source: source().await };
                if let Err(error) = state.prepare_retry(error, false).await {
                    assert_eq!(error.attempts(), number);
                    return number;
                }
            }
            CONNECT_ATTEMPTS + 1
        };
        assert_eq!(attempts().await, CONNECT_ATTEMPTS);
        let limiter = project.limiter();
        limiter.record_outcome(limiter.acquire_permit().await, None);
        assert_eq!(attempts().await, CONNECT_ATTEMPTS + 1);
    }
}
