//! One operation under way: in whose project, until when, and what ends it early.
//!
//! A read ends at once when the practitioner interrupts or the operation's time is up. A write that is under way gets
//! [`WRITE_GRACE`], because its answer says what exists; one that is not under way yet is not begun.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{provider_data::ProviderData, shared::error_detail};
use crate::{
    client::{Error, ErrorKind, Project, WRITE_GRACE},
    dli::error_code,
    framework::diagnostic::{Diagnostic, Diagnostics},
};

/// One operation under way.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) project: Project,
    /// What it is about, for messages.
    about: String,
    limit: Duration,
    deadline: Instant,
    stop: CancellationToken,
}

/// Why a part of an operation came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The service, or the way to it.
    Call {
        /// What it was about, for messages.
        about: String,
        /// What happened.
        error: Error,
    },
    /// The practitioner interrupted. Whether a write that was under way took effect is open.
    Interrupted {
        /// What it was about, for messages.
        about: String,
        /// Whether a write was under way.
        writing: bool,
    },
    /// The time was up. Whether a write that was under way took effect is open.
    TimedOut {
        /// What it was about, for messages.
        about: String,
        /// The time there was.
        limit: Duration,
        /// Whether a write was under way.
        writing: bool,
        /// What was waited for; empty where it was a call.
        awaited: String,
        /// What the latest attempt that ended came to, where there was one.
        said: Option<Box<Error>>,
    },
    /// It has been put into words where more was known.
    Told(Diagnostics),
}

impl Session {
    /// Begins an operation that may take as long as `limit`. Asks for the project where its id is not given.
    pub(super) async fn open(
        provider_data: &ProviderData,
        (region, project_id): (Option<&str>, Option<&str>),
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Self, Fault> {
        let client = provider_data.client().map_err(Fault::Told)?;
        let deadline = Instant::now() + limit;
        let awaited = || "The search for the project".to_owned();
        let late = |said| Fault::TimedOut { about: String::new(), limit, writing: false, awaited: awaited(), said };
        let project = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Fault::Interrupted { about: String::new(), writing: false }),
            opened = client.open((region, project_id), deadline, stop) => opened.map_err(|error| {
                if is_late(&error, deadline) { late(Some(Box::new(error))) } else { error.into() }
            })?,
            () = tokio::time::sleep_until(deadline) => return Err(late(None)),
        };
        Ok(Self { project, about: String::new(), limit, deadline, stop: stop.clone() })
    }

    /// What an interruption by the practitioner triggers.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The same, and messages say what it is about, such as `enhanced connection "test"`.
    pub(super) fn about(self, about: String) -> Self {
        Self { about, ..self }
    }

    /// A call that changes nothing.
    pub(super) async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(self.interrupted(false)),
            outcome = call => outcome.map_err(|error| self.ended(error)),
            () = tokio::time::sleep_until(self.deadline) => Err(self.timed_out(String::new(), false)),
        }
    }

    /// The same for a moment only: its answer is not worth a long wait. Where the gateway throttles and all wait for their
    /// turns, that wait does not count.
    pub(super) async fn briefly<T>(
        &self,
        moment: Duration,
        read: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
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
        let (about, awaited) = (self.about.clone(), String::new());
        Err(Fault::TimedOut { about, limit: moment, writing: false, awaited, said: None })
    }

    /// A call that changes something.
    pub(super) async fn write<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
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
            fault = end => Err(fault),
        }
    }

    /// Waits a while for something, which is named in case the time is up before.
    pub(super) async fn pause(&self, pause: Duration, awaited: impl FnOnce() -> String) -> Result<(), Fault> {
        let until = (Instant::now() + pause).min(self.deadline);
        if self.stop.run_until_cancelled(tokio::time::sleep_until(until)).await.is_none() {
            return Err(self.interrupted(false));
        }
        if until == self.deadline { Err(self.timed_out(awaited(), false)) } else { Ok(()) }
    }

    /// Whether there is time and leave to begin anything.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.stop.is_cancelled() {
            return Err(self.interrupted(false));
        }
        if Instant::now() >= self.deadline { Err(self.timed_out(String::new(), false)) } else { Ok(()) }
    }

    /// Why a call failed: where it is only that there was no time for one more attempt, that is told first.
    fn ended(&self, error: Error) -> Fault {
        let writing = error.may_have_taken_effect();
        // It was waiting for its turn, the first one or the next.
        let waited = !writing && matches!(error.kind(), ErrorKind::QueuedTooLong | ErrorKind::Throttled { .. });
        if waited && self.stop.is_cancelled() {
            return self.interrupted(false);
        }
        let about = self.about.clone();
        if !is_late(&error, self.deadline) {
            return Fault::Call { about, error };
        }
        Fault::TimedOut { about, limit: self.limit, writing, awaited: String::new(), said: Some(Box::new(error)) }
    }

    fn interrupted(&self, writing: bool) -> Fault {
        Fault::Interrupted { about: self.about.clone(), writing }
    }

    fn timed_out(&self, awaited: String, writing: bool) -> Fault {
        Fault::TimedOut { about: self.about.clone(), limit: self.limit, writing, awaited, said: None }
    }
}

/// Whether a call failed for want of time alone. (The texts about throttling speak of the time themselves.)
fn is_late(error: &Error, deadline: Instant) -> bool {
    Instant::now() >= deadline
        && matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::TransientNotApplied | ErrorKind::ConnectFailed)
}

impl Fault {
    /// What a call came to, where it is one that failed.
    pub(super) fn called(&self) -> Option<&Error> {
        match self {
            Self::Call { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the service says that the object is not there.
    pub(super) fn is_not_found(&self) -> bool {
        self.called().is_some_and(Error::is_not_found)
    }

    /// Whether the region does not have the call.
    pub(super) fn is_not_published(&self) -> bool {
        self.called().is_some_and(Error::is_not_published)
    }

    /// Whether the service does not accept the credentials.
    pub(super) fn is_of_credentials(&self) -> bool {
        self.called().is_some_and(|error| error.kind() == ErrorKind::Credentials)
    }

    /// Whether the same call may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        self.called().is_some_and(Error::is_transient)
    }

    /// Whether the service refuses, and will do so again, for who calls or for what is asked.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.called().map(Error::kind), Some(ErrorKind::Refused | ErrorKind::NotPublished))
    }

    /// Whether the service says this.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.called().and_then(Error::api).is_some_and(|error| error.code.as_deref() == Some(code))
    }

    /// Whether the service refuses in one of the ways in which it may say "not yet" (which one, is not documented).
    pub(super) fn may_mean_not_yet(&self) -> bool {
        const NOT_YET: [&str; 4] = [
            error_code::NOT_SUPPORTED,
            error_code::SYSTEM_RESTRICTION,
            error_code::RESOURCE_UNAVAILABLE,
            error_code::SERVER_FAULT,
        ];
        let code = self.called().and_then(Error::api).and_then(|error| error.code.as_deref());
        code.is_some_and(|code| NOT_YET.contains(&code))
    }

    /// Whether a write may have done its work all the same.
    pub(super) fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Call { error, .. } => error.may_have_taken_effect(),
            Self::Interrupted { writing, .. } | Self::TimedOut { writing, .. } => *writing,
            Self::Told(_) => false,
        }
    }

    /// Whether the service may be at work on it still.
    pub(super) fn may_be_under_way(&self) -> bool {
        self.called().is_some_and(Error::may_be_under_way)
    }

    /// An error. `summary` says what could not be done, `holds` what Terraform now holds and how it goes on.
    pub(super) fn tell(self, summary: &str, holds: &str) -> Diagnostics {
        let open = self.may_have_taken_effect();
        let ended = |about: &str, what: &str| {
            let facts = error_detail::object(about).into_iter().chain([what.to_owned()]).collect::<Vec<_>>().join("\n");
            error_detail::compose(&facts, None, open, holds)
        };
        let (summary, text) = match self {
            Self::Call { about, error } => (summary.to_owned(), error_detail::describe(&about, &error, holds)),
            Self::Interrupted { about, .. } => {
                let text = ended(&about, "The run was interrupted.");
                // How to go on, and what to do before, may stand there already.
                let again = if holds.contains("again") { "" } else { "\n\nWhat to do: Run the same command again." };
                (format!("Interrupted: {summary}"), text + again)
            }
            Self::TimedOut { about, limit, awaited, said, .. } => {
                let limit = humantime::format_duration(limit);
                let what =
                    if awaited.is_empty() { "Not finished".to_owned() } else { format!("{awaited} did not finish") };
                let what = format!("{what} within {limit}.");
                let more = "If it only needs more time, raise the limit in the timeouts block.";
                let text = match said {
                    None => format!("{}\n\nWhat to do: {more}", ended(&about, &what)),
                    Some(error) => {
                        format!("{}\n\n{more}", error_detail::describe_timeout(&about, &what, &error, holds))
                    }
                };
                (format!("Timed Out: {summary}"), text)
            }
            Self::Told(diagnostics) => return diagnostics,
        };
        Diagnostic::error(summary, text).into()
    }

    /// The same as a warning: the work was done, and what is missing comes with the next refresh.
    pub(super) fn warn(self, summary: &str, holds: &str) -> Diagnostics {
        let text = match self {
            Self::Call { about, error } => error_detail::describe(&about, &error, holds),
            Self::Interrupted { .. } => format!("The run was interrupted.\n\n{holds}"),
            Self::TimedOut { about, limit, said, .. } => {
                let what = format!("The service gave no usable answer within {}.", humantime::format_duration(limit));
                match said {
                    None => format!("{what}\n\n{holds}"),
                    Some(error) => error_detail::describe_timeout(&about, &what, &error, holds),
                }
            }
            Self::Told(diagnostics) => return diagnostics.into_iter().map(Diagnostic::into_warning).collect(),
        };
        Diagnostic::warning(summary, text).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Call { about: String::new(), error }
    }
}

impl From<Diagnostics> for Fault {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Told(diagnostics)
    }
}
