//! One operation under way: in whose project, until when, and what ends it early.
//!
//! A read ends at once when the practitioner interrupts or the operation's time is up. A write that is under way gets
//! [`WRITE_GRACE`], because its answer says what exists; one that is not under way yet is not begun.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::provider::shared::error_detail;
use crate::{
    client::{Client, Error, ErrorKind, Project, WRITE_GRACE},
    dli::error_code,
    framework::diagnostic::{Diagnostic, Diagnostics},
};

/// One operation under way.
#[derive(Debug)]
pub(in crate::provider) struct OperationContext {
    pub(in crate::provider) project: Project,
    /// What it is about, for messages.
    subject: String,
    limit: Duration,
    deadline: Instant,
    stop: CancellationToken,
}

/// Why a part of an operation came to nothing.
#[derive(Debug)]
pub(in crate::provider) enum OperationError {
    /// The service, or the way to it.
    Call {
        /// What it was about, for messages.
        subject: String,
        /// What happened.
        error: Error,
    },
    /// The practitioner interrupted. Whether a write that was under way took effect is open.
    Interrupted {
        /// What it was about, for messages.
        subject: String,
        /// Whether a write was under way.
        writing: bool,
    },
    /// The time was up. Whether a write that was under way took effect is open.
    TimedOut {
        /// What it was about, for messages.
        subject: String,
        /// The time there was.
        limit: Duration,
        /// Whether a write was under way.
        writing: bool,
        /// What was waited for; empty where it was a call.
        waiting_for: String,
        /// What the latest attempt that ended came to, where there was one.
        last_error: Option<Box<Error>>,
    },
    /// It has been put into words where more was known.
    Reported(Diagnostics),
}

/// Runs an operation. Its error becomes diagnostics with this summary and state note.
///
/// The operation's future is boxed, so that the caller's stays small.
pub(in crate::provider) fn report<T>(
    summary: &str,
    state_note: &str,
    operation: impl Future<Output = Result<T, OperationError>>,
) -> impl Future<Output = Result<T, Diagnostics>> {
    let operation = Box::pin(operation);
    async move { operation.await.map_err(|error| error.into_errors(summary, state_note)) }
}

impl OperationContext {
    /// Begins an operation that may take as long as `limit`. Looks the project up if its ID is not given.
    pub(in crate::provider) async fn open(
        client: Client,
        (region, project_id): (Option<&str>, Option<&str>),
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Self, OperationError> {
        let deadline = Instant::now() + limit;
        let waiting_for = || "The search for the project".to_owned();
        let late = |last_error| OperationError::TimedOut {
            subject: String::new(),
            limit,
            writing: false,
            waiting_for: waiting_for(),
            last_error,
        };
        let project = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(OperationError::Interrupted { subject: String::new(), writing: false }),
            opened = client.open((region, project_id), deadline, stop) => opened.map_err(|error| {
                if is_late(&error, deadline) { late(Some(Box::new(error))) } else { error.into() }
            })?,
            () = tokio::time::sleep_until(deadline) => return Err(late(None)),
        };
        Ok(Self { project, subject: String::new(), limit, deadline, stop: stop.clone() })
    }

    /// The same, and messages say what it is about, such as `enhanced connection "test"`.
    pub(in crate::provider) fn subject(self, subject: String) -> Self {
        Self { subject, ..self }
    }

    /// A call that changes nothing.
    pub(in crate::provider) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, OperationError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.interrupted(false)),
            outcome = call => outcome.map_err(|error| self.ended(error)),
            () = tokio::time::sleep_until(self.deadline) => Err(self.timed_out(String::new(), false)),
        }
    }

    /// The same for a moment only: its answer is not worth a long wait. Where the gateway throttles and all wait for their
    /// turns, that wait does not count.
    pub(in crate::provider) async fn with_short_timeout<T>(
        &self,
        moment: Duration,
        read: impl Future<Output = Result<T, OperationError>>,
    ) -> Result<T, OperationError> {
        // Whose turn comes last waits in a line that nobody else is in, so that the line is looked at often.
        const PARTS: u32 = 20;
        let part = moment / PARTS;
        let (mut read, mut left) = (std::pin::pin!(read), PARTS);
        while left > 0 {
            match tokio::time::timeout(part, &mut read).await {
                Ok(outcome) => return outcome,
                Err(_) if self.project.is_throttled() => {}
                Err(_) => left -= 1,
            }
        }
        let (subject, waiting_for) = (self.subject.clone(), String::new());
        Err(OperationError::TimedOut { subject, limit: moment, writing: false, waiting_for, last_error: None })
    }

    /// A call that changes something.
    pub(in crate::provider) async fn write<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, OperationError> {
        self.check()?;
        let end = async {
            let ended = self.stop.run_until_cancelled(tokio::time::sleep_until(self.deadline)).await;
            tokio::time::sleep(WRITE_GRACE).await;
            match ended {
                None => self.interrupted(true),
                Some(()) => self.timed_out(String::new(), true),
            }
        };
        tokio::select! {
            biased;
            outcome = call => outcome.map_err(|error| self.ended(error)),
            error = end => Err(error),
        }
    }

    /// Waits a while for something, which is named in case the time is up before.
    pub(in crate::provider) async fn pause(
        &self,
        pause: Duration,
        waiting_for: impl FnOnce() -> String,
    ) -> Result<(), OperationError> {
        let until = (Instant::now() + pause).min(self.deadline);
        if self.stop.run_until_cancelled(tokio::time::sleep_until(until)).await.is_none() {
            return Err(self.interrupted(false));
        }
        if until == self.deadline { Err(self.timed_out(waiting_for(), false)) } else { Ok(()) }
    }

    /// Whether there is time and leave to begin anything.
    pub(in crate::provider) fn check(&self) -> Result<(), OperationError> {
        if self.stop.is_cancelled() {
            return Err(self.interrupted(false));
        }
        if Instant::now() >= self.deadline { Err(self.timed_out(String::new(), false)) } else { Ok(()) }
    }

    /// Why a call failed: where it is only that there was no time for one more attempt, that is told first.
    fn ended(&self, error: Error) -> OperationError {
        let writing = error.may_have_taken_effect();
        // It was waiting for its turn, the first one or the next.
        let waited = !writing && matches!(error.kind(), ErrorKind::QueuedTooLong | ErrorKind::Throttled);
        if waited && self.stop.is_cancelled() {
            return self.interrupted(false);
        }
        let subject = self.subject.clone();
        if !is_late(&error, self.deadline) {
            return OperationError::Call { subject, error };
        }
        OperationError::TimedOut {
            subject,
            limit: self.limit,
            writing,
            waiting_for: String::new(),
            last_error: Some(Box::new(error)),
        }
    }

    fn interrupted(&self, writing: bool) -> OperationError {
        OperationError::Interrupted { subject: self.subject.clone(), writing }
    }

    fn timed_out(&self, waiting_for: String, writing: bool) -> OperationError {
        OperationError::TimedOut {
            subject: self.subject.clone(),
            limit: self.limit,
            writing,
            waiting_for,
            last_error: None,
        }
    }
}

/// Whether a call failed for want of time alone. (The texts about throttling speak of the time themselves.)
fn is_late(error: &Error, deadline: Instant) -> bool {
    Instant::now() >= deadline
        && matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::TransientNotApplied | ErrorKind::ConnectFailed)
}

impl OperationError {
    /// What a call came to, where it is one that failed.
    pub(in crate::provider) fn called(&self) -> Option<&Error> {
        match self {
            Self::Call { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the service says that the object is not there.
    pub(in crate::provider) fn is_not_found(&self) -> bool {
        self.called().is_some_and(Error::is_not_found)
    }

    /// Whether the region does not have the call.
    pub(in crate::provider) fn is_not_published(&self) -> bool {
        self.called().is_some_and(Error::is_not_published)
    }

    /// Whether the service does not accept the credentials.
    pub(in crate::provider) fn is_of_credentials(&self) -> bool {
        self.called().is_some_and(|error| error.kind() == ErrorKind::Credentials)
    }

    /// Whether the same call may succeed a moment later.
    pub(in crate::provider) fn is_transient(&self) -> bool {
        self.called().is_some_and(Error::is_transient)
    }

    /// Whether the service refuses, and will do so again, for who calls or for what is asked.
    pub(in crate::provider) fn is_refused(&self) -> bool {
        matches!(self.called().map(Error::kind), Some(ErrorKind::Refused | ErrorKind::NotPublished))
    }

    /// Whether the service says this.
    pub(in crate::provider) fn has_code(&self, code: &str) -> bool {
        self.called().is_some_and(|error| error.code.as_deref() == Some(code))
    }

    /// Whether the service refuses in one of the ways in which it may say "not yet" (which one, is not documented).
    pub(in crate::provider) fn may_mean_not_yet(&self) -> bool {
        const NOT_YET: [&str; 4] = [
            error_code::NOT_SUPPORTED,
            error_code::SYSTEM_RESTRICTION,
            error_code::RESOURCE_UNAVAILABLE,
            error_code::SERVER_FAULT,
        ];
        let code = self.called().and_then(|error| error.code.as_deref());
        code.is_some_and(|code| NOT_YET.contains(&code))
    }

    /// Whether a write may have done its work all the same.
    pub(in crate::provider) fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Call { error, .. } => error.may_have_taken_effect(),
            Self::Interrupted { writing, .. } | Self::TimedOut { writing, .. } => *writing,
            Self::Reported(_) => false,
        }
    }

    /// Whether the service may be at work on it still.
    pub(in crate::provider) fn may_be_under_way(&self) -> bool {
        self.called().is_some_and(Error::may_be_under_way)
    }

    /// An error. `summary` says what could not be done, `state_note` what Terraform now holds and how it goes on.
    pub(in crate::provider) fn into_errors(self, summary: &str, state_note: &str) -> Diagnostics {
        let open = self.may_have_taken_effect();
        let ended = |subject: &str, what: &str| {
            let facts =
                error_detail::object(subject).into_iter().chain([what.to_owned()]).collect::<Vec<_>>().join("\n");
            error_detail::compose(&facts, None, open, state_note)
        };
        let (summary, text) = match self {
            Self::Call { subject, error } => (summary.to_owned(), error_detail::describe(&subject, &error, state_note)),
            Self::Interrupted { subject, .. } => {
                let text = ended(&subject, "The run was interrupted.");
                // How to go on, and what to do before, may stand there already.
                let again =
                    if state_note.contains("again") { "" } else { "\n\nWhat to do: Run the same command again." };
                (format!("Interrupted: {summary}"), text + again)
            }
            Self::TimedOut { subject, limit, waiting_for, last_error, .. } => {
                let limit = humantime::format_duration(limit);
                let what = if waiting_for.is_empty() {
                    "Not finished".to_owned()
                } else {
                    format!("{waiting_for} did not finish")
                };
                let what = format!("{what} within {limit}.");
                let more = "If it only needs more time, raise the limit in the timeouts block.";
                let text = match last_error {
                    None => format!("{}\n\nWhat to do: {more}", ended(&subject, &what)),
                    Some(error) => {
                        format!("{}\n\n{more}", error_detail::describe_timeout(&subject, &what, &error, state_note))
                    }
                };
                (format!("Timed Out: {summary}"), text)
            }
            Self::Reported(diagnostics) => return diagnostics,
        };
        Diagnostic::error(summary, text).into()
    }

    /// The same as a warning: the work was done, and what is missing comes with the next refresh.
    pub(in crate::provider) fn warn(self, summary: &str, state_note: &str) -> Diagnostics {
        let text = match self {
            Self::Call { subject, error } => error_detail::describe(&subject, &error, state_note),
            Self::Interrupted { .. } => format!("The run was interrupted.\n\n{state_note}"),
            Self::TimedOut { subject, limit, last_error, .. } => {
                let what = format!("The service gave no usable answer within {}.", humantime::format_duration(limit));
                match last_error {
                    None => format!("{what}\n\n{state_note}"),
                    Some(error) => error_detail::describe_timeout(&subject, &what, &error, state_note),
                }
            }
            Self::Reported(diagnostics) => return diagnostics.into_iter().map(Diagnostic::into_warning).collect(),
        };
        Diagnostic::warning(summary, text).into()
    }
}

impl From<Error> for OperationError {
    fn from(error: Error) -> Self {
        Self::Call { subject: String::new(), error }
    }
}

impl From<Diagnostics> for OperationError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Reported(diagnostics)
    }
}
