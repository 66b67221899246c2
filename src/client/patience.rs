//! Repeating what failed for a passing reason: how long, how soon, and what may be repeated at all.
//!
//! What the service surely did not do (no connection, refused for being too many) may be repeated always; the rest only
//! where doing it twice is the same as doing it once. Where it is not, [`Project::ensure`] looks before it repeats. Every
//! repetition is signed anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Project, error::Error};

/// First and longest pause between two attempts; each pause doubles the one before, plus up to as much again by chance.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Attempts to reach a host that has never answered: a wrong name will not get better.
const CONNECT_ATTEMPTS: usize = 3;

/// How long calls may be repeated, and what ends the waiting.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    deadline: Instant,
    stop: CancellationToken,
    /// Whether the host has answered since.
    reached: Arc<AtomicBool>,
}

impl Patience {
    pub(super) fn new(deadline: Instant, stop: &CancellationToken) -> Self {
        Self { deadline, stop: stop.clone(), reached: Arc::default() }
    }

    /// Asks again what changes nothing and failed for a passing reason.
    pub(super) async fn repeat<T, F: Future<Output = Result<T, Error>>>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut retry = Retry::new(Some(self));
        loop {
            match ask().await {
                Err(error) if error.is_transient() && retry.pause(&error).await => {}
                outcome => return outcome,
            }
        }
    }

    /// The host has answered, whatever it said.
    pub(super) fn reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }
}

impl Project {
    /// Calls that fail for a passing reason are repeated until `deadline`, or until `stop` is triggered.
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
        let mut retry = Retry::new(self.patience.as_ref());
        let mut open = false;
        loop {
            let error = match attempt().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !error.may_have_taken_effect() {
                // "Exists already" may be the late effect of an earlier attempt.
                return if open && is_done().await? { Ok(()) } else { Err(error) };
            }
            open = true;
            let again = error.is_transient() && retry.pause(&error).await;
            if is_done().await? {
                tracing::info!(%error, "the call took effect although its answer says otherwise");
                return Ok(());
            }
            if !again {
                return Err(error);
            }
        }
    }
}

/// The attempts of one call.
pub(super) struct Retry<'a> {
    patience: Option<&'a Patience>,
    pauses: ExponentialBackoff,
    unreached: usize,
}

impl<'a> Retry<'a> {
    pub(super) fn new(patience: Option<&'a Patience>) -> Self {
        let (first, longest) = PAUSES;
        let pauses =
            ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().with_jitter();
        Self { patience, pauses: pauses.build(), unreached: 0 }
    }

    /// Waits for the time of the next attempt; false where there is to be none.
    pub(super) async fn pause(&mut self, error: &Error) -> bool {
        let (Some(Patience { deadline, stop, reached }), Some(pause)) = (self.patience, self.pauses.next()) else {
            return false;
        };
        let never_reached = error.is_unreached() && !reached.load(Ordering::Relaxed);
        self.unreached += usize::from(never_reached);
        if self.unreached >= CONNECT_ATTEMPTS || Instant::now() + pause >= *deadline {
            return false;
        }
        tracing::warn!(%error, milliseconds = pause.as_millis(), "failed for a passing reason; trying again");
        stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::client::{
        Client, Operation,
        test_server::{ID, Server, answer, config},
    };

    const MINUTE: Duration = Duration::from_mins(1);
    const FAULT: &str = r#"{"error_code":"DLI.0999","error_msg":"Internal error"}"#;

    /// A server that answers so, `faults` times, and then with success.
    async fn failing(faults: usize, status: u16, body: &'static str) -> Server {
        let count = Arc::new(AtomicUsize::new(0));
        Server::answering(move || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if number < faults { answer(status, body) } else { answer(200, r#"{"is_success":true}"#) }
        })
        .await
    }

    async fn delete(server: &Server, patience: Duration, stop: &CancellationToken) -> Result<(), Error> {
        let client = Client::new(config(server.address)).expect("in order");
        let project = client.project(None, None).expect("complete").patient(Instant::now() + patience, stop);
        project.delete_connection(ID).await
    }

    #[tokio::test]
    async fn a_passing_fault_is_not_seen_and_a_lasting_refusal_is_seen_at_once() {
        let go_on = CancellationToken::new();
        for (status, body) in [(500, "{}"), (400, FAULT), (429, "{}"), (504, "")] {
            let server = failing(2, status, body).await;
            delete(&server, MINUTE, &go_on).await.expect("the third attempt succeeds");
            assert_eq!(server.unseen(), 3, "{status}");
        }
        let server = failing(2, 400, r#"{"error_code":"DLI.0007","error_msg":"no"}"#).await;
        delete(&server, MINUTE, &go_on).await.expect_err("refused");
        assert_eq!(server.unseen(), 1);
    }

    #[tokio::test]
    async fn the_deadline_and_an_interruption_end_it() {
        let server = failing(9, 500, "{}").await;
        delete(&server, Duration::from_millis(100), &CancellationToken::new()).await.expect_err("no time");
        assert_eq!(server.unseen(), 1);

        let stop = CancellationToken::new();
        stop.cancel();
        delete(&server, MINUTE, &stop).await.expect_err("interrupted");
        assert_eq!(server.unseen(), 2);
    }

    /// Binding twice is not the same as binding once: only what surely was not done is repeated by itself.
    #[tokio::test]
    async fn what_cannot_be_repeated_is_looked_at_first() {
        use crate::dli::wire::QueueNames;
        for (status, attempts) in [(500, 1), (429, 2)] {
            let server = failing(1, status, "{}").await;
            let client = Client::new(config(server.address)).expect("in order");
            let stop = CancellationToken::new();
            let project = client.project(None, None).expect("complete").patient(Instant::now() + MINUTE, &stop);
            let bound = project.bind(ID, &QueueNames::default()).await;
            assert_eq!((bound.is_ok(), server.unseen()), (status == 429, attempts), "{status}");
        }

        for (took_effect, attempts) in [(true, 1), (false, 2)] {
            let server = failing(1, 500, "{}").await;
            let client = Client::new(config(server.address)).expect("in order");
            let stop = CancellationToken::new();
            let project = client.project(None, None).expect("complete").patient(Instant::now() + MINUTE, &stop);
            let names = QueueNames::default();
            project.ensure(|| project.bind(ID, &names), || async move { Ok(took_effect) }).await.expect("done");
            assert_eq!(server.unseen(), attempts);
        }
    }

    /// The first attempt took effect after the look; "exists already" is its success.
    #[tokio::test]
    async fn a_refusal_after_an_open_attempt_is_looked_at() {
        use crate::dli::wire::QueueNames;
        for late_effect in [true, false] {
            let count = Arc::new(AtomicUsize::new(0));
            let server = Server::answering(move || match count.fetch_add(1, Ordering::SeqCst) {
                0 => answer(504, ""),
                _ => answer(400, r#"{"error_code":"DLI.0006","error_msg":"exists"}"#),
            });
            let server = server.await;
            let client = Client::new(config(server.address)).expect("in order");
            let stop = CancellationToken::new();
            let project = client.project(None, None).expect("complete").patient(Instant::now() + MINUTE, &stop);
            let (names, looks) = (QueueNames::default(), AtomicUsize::new(0));
            let look = || {
                let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
                std::future::ready(Ok(late_effect && !first))
            };
            let done = project.ensure(|| project.bind(ID, &names), look).await;
            assert_eq!((done.is_ok(), looks.into_inner()), (late_effect, 2));
        }
    }

    /// A host that has answered once is only away for a moment.
    #[tokio::test]
    async fn a_host_that_has_answered_is_waited_for() {
        let server = failing(0, 200, "{}").await;
        let client = Client::new(config(server.address)).expect("in order");
        let stop = CancellationToken::new();
        let unreached = || {
            let project = client.project(None, None).expect("complete");
            project.patient(Instant::now() + MINUTE, &stop)
        };
        let away =
            Error::Connect { operation: Operation::ShowConnection, host: String::new(), source: no_source().await };
        let attempts = async |project: &Project| {
            let mut retry = Retry::new(project.patience.as_ref());
            let mut attempts = 1;
            while attempts < CONNECT_ATTEMPTS + 1 && retry.pause(&away).await {
                attempts += 1;
            }
            attempts
        };
        assert_eq!(attempts(&unreached()).await, CONNECT_ATTEMPTS);
        let reached = unreached();
        reached.delete_connection(ID).await.expect("it answers");
        assert_eq!(attempts(&reached).await, CONNECT_ATTEMPTS + 1);
    }

    /// Some error of the HTTP layer.
    async fn no_source() -> reqwest::Error {
        reqwest::Client::new().get("nothing").send().await.expect_err("it is no address")
    }
}
