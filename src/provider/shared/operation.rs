//! One operation of a resource or data source: its project, its deadline, and its errors.
//!
//! A read ends as soon as Terraform is interrupted or the deadline has passed. A write in flight may go on for
//! [`WRITE_GRACE`], because its response says what exists. No new write is sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::{result::Result as StdResult, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::provider::shared::{
    error_detail,
    run_state::RunState,
    shared_reads::{Objects, Sharing},
};
use crate::{
    client::{Client, Error, ErrorKind, Project, WRITE_GRACE},
    dli::{error_code, wire::ConnectionFields},
    framework::diagnostic::{Diagnostic, Diagnostics},
};

/// A running operation.
#[derive(Debug)]
pub(crate) struct OperationContext {
    pub(crate) project: Project,
    pub(in crate::provider) run_state: Arc<RunState>,
    sharing: Sharing,
    /// Whether a read of this operation has used a shared list.
    has_used_list: AtomicBool,
    /// The fields of the connection in that list.
    listed_fields: Mutex<Option<ConnectionFields>>,
    limits: Limits,
    wait_log: Mutex<WaitLog>,
}

/// The latest log line about a wait.
#[derive(Debug, Default)]
struct WaitLog {
    waiting_for: String,
    since: Option<Instant>,
    /// When the latest line was written.
    at: Option<Instant>,
}

/// How often a wait is logged.
const WAIT_LOG_INTERVAL: Duration = Duration::from_secs(15);

impl WaitLog {
    /// Writes a line when a wait begins, when its text changes, and while it lasts.
    fn record(&mut self, subject: &str, waiting_for: &str) {
        let now = Instant::now();
        let is_same = self.waiting_for == waiting_for;
        if waiting_for.is_empty() || is_same && self.at.is_some_and(|at| now < at + WAIT_LOG_INTERVAL) {
            return;
        }
        let since = *self.since.get_or_insert(now);
        tracing::info!(subject, seconds = (now - since).as_secs(), waiting_for, "waiting");
        (self.waiting_for, self.at) = (waiting_for.to_owned(), Some(now));
    }
}

/// What ends an operation early.
#[derive(Debug, Clone)]
struct Limits {
    /// The object of error messages.
    subject: String,
    timeout: Duration,
    deadline: Instant,
    stop: CancellationToken,
    run_state: Arc<RunState>,
}

/// Why a step of an operation failed.
#[derive(Debug, derive_more::From)]
pub(crate) enum OperationError {
    /// A request failed.
    Call { subject: String, error: Error, run_state: Arc<RunState> },
    /// Terraform was interrupted.
    Interrupted {
        subject: String,
        /// Whether a write was in flight, whose outcome is unknown.
        writing: bool,
    },
    /// The deadline has passed.
    TimedOut {
        subject: String,
        limit: Duration,
        /// Whether a write was in flight, whose outcome is unknown.
        writing: bool,
        /// What the operation waited for; empty for a request.
        waiting_for: String,
        /// The error of the last attempt that ended.
        last_error: Option<Box<Error>>,
    },
    /// The step has described its error itself.
    #[from(Diagnostics, Diagnostic)]
    Reported(Diagnostics),
}

/// The result of a step of an operation.
pub(crate) type Result<T> = StdResult<T, OperationError>;

/// Runs an operation. Its error becomes diagnostics with this summary and state note.
///
/// The operation's future is boxed, so that the caller's stays small.
pub(crate) fn report<T>(
    summary: &str,
    state_note: &str,
    operation: impl Future<Output = Result<T>>,
) -> impl Future<Output = StdResult<T, Diagnostics>> {
    let operation = Box::pin(operation);
    async move { operation.await.map_err(|error| error.into_errors(summary, state_note)) }
}

impl OperationContext {
    /// Begins an operation that may take as long as `timeout`. Looks the project up if its ID is not given.
    pub(crate) async fn open(
        client: Client,
        run_state: Arc<RunState>,
        location: (Option<&str>, Option<&str>),
        timeout: Duration,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let deadline = Instant::now() + timeout;
        let (subject, stop) = (String::new(), stop.clone());
        let limits = Limits { subject, timeout, deadline, stop, run_state: Arc::clone(&run_state) };
        let project = limits.read("The search for the project", client.open(location, deadline, &limits.stop)).await?;
        let (has_used_list, listed_fields, wait_log) = Default::default();
        let sharing = Sharing::None;
        Ok(Self { project, run_state, sharing, has_used_list, listed_fields, limits, wait_log })
    }

    /// Lets the reads of this operation share responses with others.
    pub(crate) fn with_sharing(self, sharing: Sharing) -> Self {
        if sharing == Sharing::Lists {
            self.run_state.refreshes.store(true, Ordering::Relaxed);
        }
        Self { sharing, has_used_list: AtomicBool::default(), listed_fields: Mutex::default(), ..self }
    }

    /// Which responses the reads share: none before the first refresh of a resource, because the run may be an apply,
    /// and none once the run changes objects.
    pub(super) fn sharing(&self) -> Sharing {
        let is_refresh = self.run_state.refreshes.load(Ordering::Relaxed) && !self.run_state.is_applying();
        if is_refresh { self.sharing } else { Sharing::None }
    }

    /// Records that a read has used a shared list, and the fields of a connection in it.
    pub(super) fn mark_listed(&self, fields: Option<ConnectionFields>) {
        self.has_used_list.store(true, Ordering::Relaxed);
        if fields.is_some() {
            *self.listed_fields.lock() = fields;
        }
    }

    /// Whether a read of this operation has used a shared list, which may be outdated.
    pub(crate) fn has_used_list(&self) -> bool {
        self.has_used_list.load(Ordering::Relaxed)
    }

    /// The fields of the connection in the list, if a read of this operation has used one.
    pub(crate) fn listed_fields(&self) -> Option<ConnectionFields> {
        *self.listed_fields.lock()
    }

    /// Sets the object of error messages, such as `enhanced connection "test"`.
    pub(crate) fn subject(self, subject: String) -> Self {
        Self { limits: Limits { subject, ..self.limits }, ..self }
    }

    /// Runs a request that changes nothing.
    pub(crate) async fn read<T>(&self, call: impl Future<Output = StdResult<T, Error>>) -> Result<T> {
        self.limits.read("", call).await
    }

    /// Runs a read whose response other reads of the run may have received, if this operation shares its reads.
    pub(super) async fn read_shared<T: Clone>(
        &self,
        objects: &Objects<T>,
        id: &str,
        call: impl Future<Output = StdResult<T, Error>>,
    ) -> Result<T> {
        match self.sharing() {
            Sharing::None => self.read(call).await,
            Sharing::Objects | Sharing::Lists => self.read(objects.get(self.project.id(), id, call)).await,
        }
    }

    /// Runs a read that is not worth a long wait. Time during which the gateway throttles does not count.
    pub(crate) async fn with_short_timeout<T>(
        &self,
        limit: Duration,
        read: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        const PARTS: u32 = 20;
        let mut read = std::pin::pin!(read);
        let mut left = PARTS;
        while left > 0 {
            match timeout(limit / PARTS, &mut read).await {
                Ok(outcome) => return outcome,
                Err(_) if self.project.is_throttled() => {}
                Err(_) => left -= 1,
            }
        }
        Err(Limits { timeout: limit, ..self.limits.clone() }.timed_out("", false, None))
    }

    /// Runs a request that changes something.
    pub(crate) async fn write<T>(&self, call: impl Future<Output = StdResult<T, Error>>) -> Result<T> {
        self.check()?;
        let end = async {
            let ended = self.limits.stop.run_until_cancelled(sleep_until(self.limits.deadline)).await;
            sleep(WRITE_GRACE).await;
            match ended {
                None => self.limits.interrupted(true),
                Some(()) => self.limits.timed_out("", true, None),
            }
        };
        tokio::select! {
            biased;
            outcome = call => outcome.map_err(|error| self.limits.error("", error)),
            error = end => Err(error),
        }
    }

    /// Waits for `pause`. The log and a timeout error name what the operation is `waiting_for`.
    pub(crate) async fn pause(&self, pause: Duration, waiting_for: impl FnOnce() -> String) -> Result<()> {
        let waiting_for = waiting_for();
        self.log_wait(&waiting_for);
        let until = (Instant::now() + pause).min(self.limits.deadline);
        if self.limits.stop.run_until_cancelled(sleep_until(until)).await.is_none() {
            return Err(self.limits.interrupted(false));
        }
        if until == self.limits.deadline { Err(self.limits.timed_out(&waiting_for, false, None)) } else { Ok(()) }
    }

    /// Logs what the operation waits for.
    pub(crate) fn log_wait(&self, waiting_for: &str) {
        self.wait_log.lock().record(&self.limits.subject, waiting_for);
    }

    /// Fails if Terraform was interrupted or the deadline has passed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.limits.stop.is_cancelled() {
            return Err(self.limits.interrupted(false));
        }
        if Instant::now() >= self.limits.deadline { Err(self.limits.timed_out("", false, None)) } else { Ok(()) }
    }
}

impl Limits {
    async fn read<T>(&self, waiting_for: &str, call: impl Future<Output = StdResult<T, Error>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.interrupted(false)),
            outcome = call => outcome.map_err(|error| self.error(waiting_for, error)),
            () = sleep_until(self.deadline) => Err(self.timed_out(waiting_for, false, None)),
        }
    }

    /// Converts the error of a request. If only the time for another attempt was missing, it is a timeout.
    fn error(&self, waiting_for: &str, error: Error) -> OperationError {
        let writing = error.may_have_taken_effect();
        let was_queued = !writing && matches!(error.kind(), ErrorKind::QueuedTooLong | ErrorKind::Throttled);
        if was_queued && self.stop.is_cancelled() {
            return self.interrupted(false);
        }
        // The texts about throttling mention the deadline themselves.
        let is_retried = matches!(
            error.kind(),
            ErrorKind::OutcomeUnknown | ErrorKind::TransientNotApplied | ErrorKind::ConnectFailed
        );
        if is_retried && Instant::now() >= self.deadline {
            return self.timed_out(waiting_for, writing, Some(error));
        }
        OperationError::Call { subject: self.subject.clone(), error, run_state: Arc::clone(&self.run_state) }
    }

    fn interrupted(&self, writing: bool) -> OperationError {
        OperationError::Interrupted { subject: self.subject.clone(), writing }
    }

    fn timed_out(&self, waiting_for: &str, writing: bool, last_error: Option<Error>) -> OperationError {
        OperationError::TimedOut {
            subject: self.subject.clone(),
            limit: self.timeout,
            writing,
            waiting_for: waiting_for.to_owned(),
            last_error: last_error.map(Box::new),
        }
    }
}

impl OperationError {
    /// The error of a failed request.
    pub(crate) fn called(&self) -> Option<&Error> {
        match self {
            Self::Call { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the object does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.called().is_some_and(Error::is_not_found)
    }

    /// Whether the region does not offer the API.
    pub(crate) fn is_not_published(&self) -> bool {
        self.called().is_some_and(Error::is_not_published)
    }

    /// Whether the service rejects the credentials.
    pub(crate) fn is_of_credentials(&self) -> bool {
        self.called().is_some_and(|error| error.kind() == ErrorKind::Credentials)
    }

    /// Whether the service rejects the request, and will reject it again.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.called().map(Error::kind), Some(ErrorKind::Refused | ErrorKind::NotPublished))
    }

    /// Whether the response has this error code.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.called().is_some_and(|error| error.code.as_deref() == Some(code))
    }

    /// Whether the error may mean that the object is not ready yet. The documents do not name the code.
    pub(crate) fn may_mean_not_yet(&self) -> bool {
        let codes = [
            error_code::NOT_SUPPORTED,
            error_code::SYSTEM_RESTRICTION,
            error_code::RESOURCE_UNAVAILABLE,
            error_code::SERVER_FAULT,
        ];
        codes.into_iter().any(|code| self.has_code(code))
    }

    /// Whether a failed write may have taken effect.
    pub(crate) fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Call { error, .. } => error.may_have_taken_effect(),
            Self::Interrupted { writing, .. } | Self::TimedOut { writing, .. } => *writing,
            Self::Reported(_) => false,
        }
    }

    /// Converts to errors. `summary` says what failed, `state_note` what the state holds and how to go on.
    pub(crate) fn into_errors(self, summary: &str, state_note: &str) -> Diagnostics {
        let open = self.may_have_taken_effect();
        let compose = |subject: &str, what: &str| {
            let facts: Vec<_> = error_detail::object(subject).into_iter().chain([what.to_owned()]).collect();
            error_detail::compose(&facts.join("\n"), None, open, state_note)
        };
        let (prefix, text) = match self {
            Self::Reported(diagnostics) => return diagnostics,
            Self::Call { subject, error, run_state } => {
                ("", describe_once(&run_state, true, (&subject, &error), state_note))
            }
            Self::Interrupted { subject, .. } => {
                let text = compose(&subject, "The run was interrupted.");
                let says_again = state_note.contains("again");
                let again = if says_again { "" } else { "\n\nWhat to do: Run the same command again." };
                ("Interrupted: ", text + again)
            }
            Self::TimedOut { subject, limit, waiting_for, last_error, .. } => {
                let what =
                    if waiting_for.is_empty() { "Not finished" } else { &format!("{waiting_for} did not finish") };
                let what = format!("{what} within {}.", humantime::format_duration(limit));
                let action = "If it only needs more time, raise the limit in the timeouts block.";
                let text = match last_error {
                    None => format!("{}\n\nWhat to do: {action}", compose(&subject, &what)),
                    Some(error) => {
                        format!("{}\n\n{action}", error_detail::describe_timeout(&subject, &what, &error, state_note))
                    }
                };
                ("Timed Out: ", text)
            }
        };
        Diagnostic::error(format!("{prefix}{summary}"), text).into()
    }

    /// Converts to errors like [`OperationError::into_errors`]. `advice` also says what to do about the cause.
    pub(crate) fn into_errors_with_advice(self, summary: &str, advice: &str) -> Diagnostics {
        match self {
            Self::Call { subject, error, .. } => {
                Diagnostic::error(summary, error_detail::describe_with_advice(&subject, &error, advice)).into()
            }
            other => other.into_errors(summary, advice),
        }
    }

    /// Converts to warnings, for a step whose result is not needed.
    pub(crate) fn warn(self, summary: &str, state_note: &str) -> Diagnostics {
        let text = match self {
            Self::Reported(diagnostics) => return diagnostics.into_iter().map(Diagnostic::into_warning).collect(),
            Self::Call { subject, error, run_state } => {
                describe_once(&run_state, false, (&subject, &error), state_note)
            }
            Self::Interrupted { .. } => format!("The run was interrupted.\n\n{state_note}"),
            Self::TimedOut { subject, limit, last_error, .. } => {
                let what = format!("The service did not respond within {}.", humantime::format_duration(limit));
                timeout_text(&subject, &what, last_error.as_deref(), state_note)
            }
        };
        Diagnostic::warning(summary, text).into()
    }
}

/// Describes a failed call: what it means and what to do only once for each cause in a run.
fn describe_once(run_state: &RunState, is_error: bool, (subject, error): (&str, &Error), state_note: &str) -> String {
    if run_state.is_first(is_error, error.summary()) {
        error_detail::describe(subject, error, state_note)
    } else {
        error_detail::describe_again(subject, error, state_note)
    }
}

/// Describes a timeout, as `what` says, with the error of the last attempt.
pub(crate) fn timeout_text(subject: &str, what: &str, last: Option<&Error>, state_note: &str) -> String {
    match last {
        None => format!("{what}\n\n{state_note}"),
        Some(error) => error_detail::describe_timeout(subject, what, error, state_note),
    }
}
