//! Repeating what failed for a passing reason: what may be repeated at all, until when, and what is told in the end.
//!
//! What the service surely did not do (no connection, refused for being too many) may be repeated always; the rest only
//! where doing it twice is the same as doing it once. Where it is not, [`Project::ensure`] looks before it repeats. What
//! kind a failure is says [`kind`](super::kind), how soon the next attempt comes [`schedule`], how often the process may
//! repeat [`budget`](super::budget), and when a throttled host is asked again [`pacer`](super::pacer). Every repetition
//! is signed anew.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    Project,
    budget::Budget,
    error::Error,
    kind::Kind,
    operation::Operation,
    pacer::Turn,
    schedule,
    traffic::{Lane, Traffic},
};

/// Attempts to reach a host that has never answered: a wrong name will not get better.
const CONNECT_ATTEMPTS: u32 = 3;

/// Pauses between the looks for what was done and is refused because it was done.
const LOOKS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(2)];

/// How long a write that is under way may still take once its time is up: its answer says what exists.
pub const GRACE: Duration = Duration::from_millis(3500);

/// How long calls may wait and be repeated, and what ends that.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    deadline: Instant,
    stop: CancellationToken,
    /// Between 0 and 1.
    chance: fn() -> f64,
}

impl Patience {
    pub(super) fn new(deadline: Instant, stop: &CancellationToken) -> Self {
        Self { deadline, stop: stop.clone(), chance: fastrand::f64 }
    }

    fn lasts(&self) -> bool {
        !self.stop.is_cancelled() && Instant::now() < self.deadline
    }

    /// What comes of it in time. What is there already is had even if there is no time.
    pub(super) async fn within<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = what => Some(outcome),
            () = self.stop.cancelled() => None,
            () = sleep_until(self.deadline) => None,
        }
    }

    /// What comes of something that is under way, until its very end. An interruption is not looked at: whoever made the
    /// call does.
    async fn until<T>(&self, end: Instant, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            outcome = what => Some(outcome),
            () = sleep_until(end) => None,
        }
    }

    /// When not even a write that is under way has time.
    fn end(&self) -> Instant {
        self.deadline + GRACE
    }

    /// Asks the identity service again what changes nothing and failed for a passing reason. What is `known` by then is not
    /// asked for, and takes no turn.
    pub(super) async fn repeat<T, K: Future<Output = Option<T>>, F: Future<Output = Result<T, Error>>>(
        &self,
        traffic: &Traffic,
        known: impl Fn() -> K,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        const SERVICE: &str = "the identity service";
        if let Some(answer) = known().await {
            return Ok(answer);
        }
        let lane = traffic.lane(SERVICE);
        let mut attempts = Attempts::new(traffic, &lane, Some(self));
        loop {
            let turn = attempts.turn(Operation::ListProjects, SERVICE).await?;
            // Who waited before has asked meanwhile.
            if let Some(answer) = known().await {
                lane.give_back(turn);
                attempts.succeed();
                return Ok(answer);
            }
            let outcome = attempts.outcome(false, ask()).await?;
            lane.learn(turn, outcome.as_ref().err().map(said));
            match outcome {
                Ok(answer) => {
                    attempts.succeed();
                    return Ok(answer);
                }
                Err(error) => {
                    let kind = match said(&error).kind() {
                        throttled @ Kind::Throttled { .. } => throttled,
                        _ => error.kind(),
                    };
                    attempts.again_after(kind, error, true).await?;
                }
            }
        }
    }
}

/// What the identity service itself said, to whoever asked first.
fn said(error: &Error) -> &Error {
    match error {
        Error::Identity(shared) => said(shared),
        error => error,
    }
}

impl Project {
    /// Calls that fail for a passing reason are repeated until `deadline`, or until `stop` is triggered; both end the
    /// waiting for a turn, too.
    #[must_use]
    pub fn patient(self, deadline: Instant, stop: &CancellationToken) -> Self {
        Self { patience: Some(Patience::new(deadline, stop)), ..self }
    }

    /// Makes a call that cannot simply be repeated, such as adding a route: where its outcome is open, `is_done` looks
    /// whether it took effect, and only what did not is done again.
    pub async fn ensure<A, D>(&self, attempt: impl Fn() -> A, is_done: impl Fn() -> D) -> Result<(), Error>
    where
        A: Future<Output = Result<(), Error>>,
        D: Future<Output = Result<bool, Error>>,
    {
        let lane = self.lane();
        let mut attempts = Attempts::new(&self.client.traffic, &lane, self.patience.as_ref());
        loop {
            // Boxed, like the look below: it lies within every step of every resource.
            let error = match attempts.outcome(true, Box::pin(attempt())).await? {
                Ok(()) => {
                    attempts.succeed();
                    return Ok(());
                }
                Err(error) => error,
            };
            if self.patience.as_ref().is_some_and(|patience| Instant::now() >= patience.end()) {
                return Err(attempts.end(error));
            }
            if !error.may_have_taken_effect() {
                let earlier = attempts.last.take();
                let error = attempts.end(error);
                let Some(earlier) = earlier else { return Err(error) };
                // "Exists already" may be the late effect of an earlier attempt, and what shows it may be late, too.
                let mut pauses = LOOKS.into_iter();
                loop {
                    match (self.seen(&is_done).await, pauses.next(), &self.patience) {
                        (Some(Ok(true)), ..) => return Ok(()),
                        (Some(Ok(false)), Some(pause), Some(patience))
                            if patience.within(tokio::time::sleep(pause)).await.is_some() => {}
                        (Some(Ok(false)), ..) => return Err(error),
                        (Some(Err(look)), ..) => return Err(unseen(look, attempts.wrap(earlier))),
                        (None, ..) => return Err(attempts.wrap(earlier)),
                    }
                }
            }
            tracing::info!(%error, "it is looked whether the call took effect");
            let again = attempts.again(error, true).await;
            match self.seen(&is_done).await {
                Some(Ok(true)) => {
                    attempts.succeed();
                    return Ok(());
                }
                Some(Ok(false)) => {
                    again?;
                    attempts.open = false;
                }
                Some(Err(look)) => return Err(unseen(look, attempts.open_end(again))),
                None => return Err(attempts.open_end(again)),
            }
        }
    }

    /// Whether calls wait for their turn with the gateway: what takes long now says nothing of the service.
    pub fn is_throttled(&self) -> bool {
        self.lane().is_busy()
    }

    /// A look; `None` where there is no more time for it. That there is nothing to look at is believed only after some
    /// looks: it may have been made a moment ago.
    async fn seen<D: Future<Output = Result<bool, Error>>>(
        &self,
        is_done: &impl Fn() -> D,
    ) -> Option<Result<bool, Error>> {
        let looks = Box::pin(self.looks(is_done));
        match &self.patience {
            Some(patience) => patience.until(patience.end(), looks).await,
            None => Some(looks.await),
        }
    }

    async fn looks<D: Future<Output = Result<bool, Error>>>(&self, is_done: &impl Fn() -> D) -> Result<bool, Error> {
        let mut pauses = LOOKS.into_iter();
        loop {
            match (is_done().await, pauses.next(), &self.patience) {
                (Err(look), Some(pause), Some(patience))
                    if look.is_not_found() && patience.within(tokio::time::sleep(pause)).await.is_some() => {}
                (outcome, ..) => return outcome,
            }
        }
    }

    pub(super) fn lane(&self) -> Arc<Lane> {
        self.client.traffic.lane(&self.endpoint.host())
    }
}

/// What is told where the look failed, too: that the object is gone says more than the open attempt; nothing else does.
fn unseen(look: Error, open: Error) -> Error {
    if look.is_not_found() {
        return look;
    }
    tracing::info!(error = %look, "whether the call took effect could not be seen");
    open
}

/// The attempts of one call.
pub(super) struct Attempts<'a> {
    traffic: &'a Traffic,
    lane: &'a Lane,
    /// Where there is none, there is one attempt.
    patience: Option<&'a Patience>,
    began: Instant,
    made: u32,
    /// Those that were not throttled.
    failures: u32,
    /// Those that came to no connection, with a host that never answered.
    unreached: u32,
    /// Pieces of the budget.
    borrowed: u32,
    /// Whether one of them may have taken effect.
    open: bool,
    /// What the latest one came to, where there is to be another.
    last: Option<Error>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(traffic: &'a Traffic, lane: &'a Lane, patience: Option<&'a Patience>) -> Self {
        Self {
            traffic,
            lane,
            patience,
            began: Instant::now(),
            made: 0,
            failures: 0,
            unreached: 0,
            borrowed: 0,
            open: false,
            last: None,
        }
    }

    /// Waits for leave to send.
    pub(super) async fn turn(&mut self, operation: Operation, host: &str) -> Result<Turn, Error> {
        let turn = match self.patience {
            Some(patience) => patience.within(self.lane.turn()).await,
            None => Some(self.lane.turn().await),
        };
        turn.ok_or_else(|| match self.last.take() {
            Some(last) => self.wrap(last),
            None => Error::Unsent {
                operation,
                host: host.to_owned(),
                waited: self.began.elapsed(),
                limit: self.lane.limit(),
            },
        })
    }

    /// What an attempt comes to. Where an earlier one failed and the time runs out before this one ends, what the earlier
    /// one came to is told: whoever waits for the call does not know of it. This one may have taken effect, if it is a
    /// write.
    pub(super) async fn outcome<T>(&mut self, is_write: bool, attempt: impl Future<Output = T>) -> Result<T, Error> {
        let Some(patience) = self.patience.filter(|_| self.last.is_some()) else { return Ok(attempt.await) };
        let end = if is_write { patience.end() } else { patience.deadline };
        if let Some(outcome) = patience.until(end, attempt).await {
            return Ok(outcome);
        }
        self.made += 1;
        self.open |= is_write;
        Err(self.open_end(Ok(())))
    }

    /// What is told where it is not known what came of a call: what ended the attempts, or what the latest one came to.
    fn open_end(&mut self, again: Result<(), Error>) -> Error {
        if let Err(error) = again {
            return error;
        }
        let latest = self.last.take().expect("it is kept for the next attempt");
        self.wrap(latest)
    }

    /// Waits for the time of the next attempt; an error where there is to be none. A call that is not `repeatable` is
    /// repeated where this one surely came to nothing.
    pub(super) async fn again(&mut self, error: Error, repeatable: bool) -> Result<(), Error> {
        self.again_after(error.kind(), error, repeatable).await
    }

    async fn again_after(&mut self, kind: Kind, error: Error, repeatable: bool) -> Result<(), Error> {
        let again = match (kind, self.patience) {
            // The lane keeps it waiting.
            (Kind::Throttled { .. }, Some(patience)) => patience.lasts(),
            (Kind::Unreached | Kind::Passing, Some(patience)) => self.pause(&error, patience).await,
            (Kind::Open, Some(patience)) => {
                (repeatable || !error.may_have_taken_effect()) && self.pause(&error, patience).await
            }
            _ => false,
        };
        if !again {
            return Err(self.end(error));
        }
        self.count(&error);
        self.last = Some(error);
        Ok(())
    }

    /// The call succeeded: what its repetitions took from the budget is there for others.
    pub(super) fn succeed(&self) {
        if self.borrowed > 0 {
            self.traffic.budget.tell(|budget, now| budget.give_back(self.borrowed, now));
        }
    }

    async fn pause(&mut self, error: &Error, patience: &Patience) -> bool {
        self.unreached += u32::from(error.kind() == Kind::Unreached && !self.lane.has_answered());
        self.failures += 1;
        let asked = error.api().and_then(|error| error.retry_after).map(schedule::granted);
        let pause = asked.unwrap_or_default() + schedule::pause(self.failures, (patience.chance)());
        let until = Instant::now() + pause;
        if self.unreached >= CONNECT_ATTEMPTS || until >= patience.deadline || !patience.lasts() {
            return false;
        }
        tracing::warn!(%error, milliseconds = pause.as_millis(), "failed for a passing reason; trying again");
        let waited = patience.within(async {
            sleep_until(until).await;
            self.traffic.budget.take(Budget::take).await;
        });
        let waited = waited.await.is_some();
        self.borrowed += u32::from(waited);
        waited
    }

    /// The last attempt came to this.
    fn end(&mut self, error: Error) -> Error {
        self.count(&error);
        self.wrap(error)
    }

    fn count(&mut self, error: &Error) {
        self.made += error.attempts();
        self.open |= error.may_have_taken_effect();
    }

    /// Tells with the latest error how often it was tried, and over how long.
    fn wrap(&self, error: Error) -> Error {
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::response::Response;
    use http::HeaderValue;

    use super::*;
    use crate::{
        client::{
            ApiError, Client,
            test_server::{ID, Server, answer, config},
        },
        dli::wire::QueueNames,
    };

    const MINUTE: Duration = Duration::from_mins(1);
    const FAULT: &str = r#"{"error_code":"DLI.0999","error_msg":"Internal error"}"#;

    /// A server that answers so, `faults` times, and then with success.
    async fn failing(faults: usize, status: u16, body: &'static str) -> Server {
        failing_so(faults, move || answer(status, body)).await
    }

    async fn failing_so(faults: usize, fault: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Server {
        let count = Arc::new(AtomicUsize::new(0));
        Server::answering(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if number < faults { fault() } else { answer(200, r#"{"is_success":true}"#) }
        })
        .await
    }

    /// Pauses last as long as `chance` says: none at all, or their ceiling.
    fn patient(server: &Server, patience: Duration, stop: &CancellationToken, chance: fn() -> f64) -> Project {
        let client = Client::new(config(server.address)).expect("in order");
        let patience = Patience { deadline: Instant::now() + patience, stop: stop.clone(), chance };
        Project { patience: Some(patience), ..client.project(None, None).expect("complete") }
    }

    fn at_once(server: &Server) -> Project {
        patient(server, MINUTE, &CancellationToken::new(), || 0.0)
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
        let stop = CancellationToken::new();
        let short = patient(&server, Duration::from_millis(900), &stop, || 1.0);
        short.delete_connection(ID).await.expect_err("the pause is a second");
        assert_eq!(server.unseen(), 1);
        stop.cancel();
        patient(&server, MINUTE, &stop, || 0.0).delete_connection(ID).await.expect_err("interrupted");
        assert_eq!(server.unseen(), 2);
    }

    /// Neither asks again, whatever a limit allows.
    #[tokio::test]
    async fn a_throttled_call_ends_with_its_time_or_an_interruption() {
        let server = failing(99, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let project = patient(&server, Duration::from_millis(1500), &CancellationToken::new(), || 1.0);
        let error = project.delete_connection(ID).await.expect_err("an hour is too long");
        assert!(matches!(error.kind(), Kind::Throttled { limit: Some(_), .. }), "{error:?}");
        assert!((1..5).contains(&server.unseen()), "{}", server.unseen());

        let stop = CancellationToken::new();
        let project = patient(&server, MINUTE, &stop, || 1.0);
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.cancel();
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
        let sending = |_| told.lock().expect("no panic").push((Instant::now(), server.unseen()));
        let creation = crate::dli::wire::CreateConnection::default();
        // The second answer is no id.
        at_once(&server).create_connection(&creation, &sending).await.expect_err("there is no id");
        let told = told.into_inner().expect("no panic");
        let [(first, 0), (second, 1)] = told[..] else { panic!("one before each request: {told:?}") };
        assert!(second - first >= Duration::from_millis(250), "{told:?}");
    }

    /// What only waited for its turn is not told as something that may have happened.
    #[tokio::test]
    async fn a_call_that_waited_in_vain_was_not_sent() {
        let server = failing(1, 429, r#"{"error_code":"APIGW.0308","error_msg":"limit:1,time:1 hour"}"#).await;
        let stop = CancellationToken::new();
        let project = patient(&server, Duration::from_millis(50), &stop, || 1.0);
        project.delete_connection(ID).await.expect_err("no time");
        project.lane().turn().await;
        let other = Project {
            patience: Some(Patience { deadline: Instant::now() + Duration::from_millis(50), stop, chance: || 1.0 }),
            ..Client { inner: Arc::clone(&project.client) }.project(None, None).expect("complete")
        };
        let error = other.delete_connection(ID).await.expect_err("no turn");
        assert_eq!((error.kind(), error.may_have_taken_effect(), server.unseen()), (Kind::Unsent, false, 1));
        let text = error.to_string();
        assert!(text.starts_with("DeleteEnhancedConnection: not sent: its turn did not come within "), "{text}");
        let limit = format!("ms; the gateway of {} limits the calls to 1 call in 1h", server.address);
        assert!(text.ends_with(&limit), "{text}");
    }

    /// The refusal arrives as one of who calls; it teaches the limit all the same, and takes nothing from the budget. Who
    /// waited meanwhile need not ask.
    #[tokio::test]
    async fn the_identity_service_teaches_its_limit() {
        let traffic = Traffic::default();
        let patience = Patience { chance: || 0.0, ..Patience::new(Instant::now() + MINUTE, &CancellationToken::new()) };
        traffic.budget.tell(|budget, now| while budget.take(now).is_ok() {});
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
        let one = || patience.repeat(&traffic, known, || async { ask().await.map(|()| "p") });
        let all = futures_util::future::join_all((0..5).map(|_| one())).await;
        assert!(all.into_iter().all(|found| found.is_ok_and(|id| id == "p")));
        let limit = traffic.lane("the identity service").limit().expect("it was told");
        assert_eq!((limit.calls, limit.period), (100, Duration::from_millis(10)));
        assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn the_end_tells_how_often_it_was_tried() {
        // Two repetitions at once; the third would come too late.
        static CHANCES: AtomicUsize = AtomicUsize::new(0);
        let chance = || if CHANCES.fetch_add(1, Ordering::SeqCst) < 2 { 0.0 } else { 1.0 };
        let server = failing(9, 503, "{}").await;
        let project = patient(&server, Duration::from_secs(3), &CancellationToken::new(), chance);
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
            0 => answer(504, ""),
            _ => answer(400, r#"{"error_code":"DLI.0007","error_msg":"no"}"#),
        });
        let server = server.await;
        let error = at_once(&server).delete_connection(ID).await.expect_err("refused");
        assert_eq!((error.kind(), error.may_have_taken_effect()), (Kind::Refused, true));
    }

    #[tokio::test]
    async fn the_wait_that_a_server_asks_for_is_kept() {
        let asks = || {
            let mut answer = answer(503, "{}");
            answer.headers_mut().insert("retry-after", HeaderValue::from_static("2"));
            answer
        };
        let server = failing_so(1, asks).await;
        let began = Instant::now();
        at_once(&server).delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() >= Duration::from_secs(2));
        // Longer than there is time: it is not waited for.
        let server = failing_so(1, asks).await;
        let project = patient(&server, Duration::from_secs(1), &CancellationToken::new(), || 0.0);
        project.delete_connection(ID).await.expect_err("no time");
        assert_eq!(server.unseen(), 1);
    }

    /// An empty budget keeps a repetition waiting; a success gives its piece back, and throttled calls need none.
    #[tokio::test]
    async fn repetitions_draw_from_the_budget() {
        let server = failing(2, 500, "{}").await;
        let project = at_once(&server);
        let left = |project: &Project| {
            project.client.traffic.budget.tell(|budget, now| {
                let mut left = 0;
                while budget.take(now).is_ok() {
                    left += 1;
                }
                budget.give_back(left, now);
                left
            })
        };
        let full = left(&project);
        project.delete_connection(ID).await.expect("the third attempt succeeds");
        assert_eq!(left(&project), full);

        let server = failing(1, 500, "{}").await;
        let project = at_once(&server);
        project.client.traffic.budget.tell(|budget, now| while budget.take(now).is_ok() {});
        let began = Instant::now();
        project.delete_connection(ID).await.expect("the second attempt succeeds");
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());

        let server = failing(1, 429, r#"{"error_msg":"limit:100,time:10 ms"}"#).await;
        let project = at_once(&server);
        project.client.traffic.budget.tell(|budget, now| while budget.take(now).is_ok() {});
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
            project.ensure(|| project.bind(ID, &names), || async move { Ok(took_effect) }).await.expect("done");
            assert_eq!(server.unseen(), attempts);
        }
    }

    /// The first attempt took effect after the look; "exists already" is its success.
    #[tokio::test]
    async fn a_refusal_after_an_open_attempt_is_looked_at() {
        for late_effect in [true, false] {
            let count = Arc::new(AtomicUsize::new(0));
            let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
                0 => answer(504, ""),
                _ => answer(400, r#"{"error_code":"DLI.0006","error_msg":"exists"}"#),
            });
            let server = server.await;
            let (project, names, looks) = (at_once(&server), QueueNames::default(), AtomicUsize::new(0));
            let look = || {
                let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
                std::future::ready(Ok(late_effect && !first))
            };
            let done = project.ensure(|| project.bind(ID, &names), look).await;
            // What shows the effect may be late: it is looked for some seconds before the refusal is believed.
            let looked = if late_effect { 2 } else { 2 + LOOKS.len() };
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
            let error = project.ensure(|| project.bind(ID, &names), look).await.expect_err("it cannot be seen");
            assert_eq!((error.may_have_taken_effect(), error.is_not_found()), (open, !open), "{error:?}");
            assert_eq!(server.unseen(), 1);
        }
    }

    /// What an earlier attempt came to is not lost where the next one hangs; a write may still be answered a moment later.
    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_does_not_hide_what_the_one_before_it_came_to() {
        let nowhere = ([127, 0, 0, 1], 9).into();
        let project = Client::new(config(nowhere)).expect("in order").project(None, None).expect("complete");
        let lane = project.lane();
        for (operation, is_write) in [(Operation::ShowConnection, false), (Operation::Bind, true)] {
            let patience = Patience::new(Instant::now() + MINUTE, &CancellationToken::new());
            let mut attempts = Attempts::new(&project.client.traffic, &lane, Some(&patience));
            let hangs = std::future::pending::<()>();
            let alone = tokio::time::timeout(MINUTE * 2, attempts.outcome(is_write, hangs)).await;
            assert!(alone.is_err(), "without an earlier attempt there is nothing to tell");

            let began = Instant::now();
            let patience = Patience::new(began + MINUTE, &CancellationToken::new());
            let mut attempts = Attempts::new(&project.client.traffic, &lane, Some(&patience));
            let refused = ApiError { operation, ..maintenance() };
            attempts.again(Error::Api(refused), true).await.expect("there is time");
            let error = attempts.outcome(is_write, std::future::pending::<()>()).await.expect_err("it never ends");
            let end = if is_write { MINUTE + GRACE } else { MINUTE };
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
        let project = project.patient(Instant::now() + MINUTE, &CancellationToken::new());
        let source = || async { reqwest::Client::new().get("nothing").send().await.expect_err("it is no address") };
        let attempts = async || {
            let lane = project.lane();
            let mut attempts = Attempts::new(&project.client.traffic, &lane, project.patience.as_ref());
            for number in 1..=CONNECT_ATTEMPTS {
                let error = Error::Connect { operation: Operation::Bind, host: String::new(), source: source().await };
                if let Err(error) = attempts.again(error, false).await {
                    assert_eq!(error.attempts(), number);
                    return number;
                }
            }
            CONNECT_ATTEMPTS + 1
        };
        assert_eq!(attempts().await, CONNECT_ATTEMPTS);
        let lane = project.lane();
        lane.learn(lane.turn().await, None);
        assert_eq!(attempts().await, CONNECT_ATTEMPTS + 1);
    }
}
