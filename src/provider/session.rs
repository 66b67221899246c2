//! One operation under way: in whose project, until when, and what ends it early.
//!
//! A read ends at once when the practitioner interrupts or the operation's time is up. A write that is under way gets
//! [`GRACE`], because its answer says what exists; one that is not under way yet is not begun.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{account::Account, failure};
use crate::{
    client::{Error, Kind, Project},
    dli::code,
    framework::diagnostic::{Diagnostic, Diagnostics},
};

/// How long a write may still take once the operation is to end.
const GRACE: Duration = Duration::from_millis(3500);

/// One operation under way.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) project: Project,
    limit: Duration,
    deadline: Instant,
    stop: CancellationToken,
}

/// Why a part of an operation came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The service, or the way to it.
    Call(Error),
    /// The practitioner interrupted. Whether a write that was under way took effect is open.
    Interrupted {
        /// Whether a write was under way.
        writing: bool,
    },
    /// The time was up. Whether a write that was under way took effect is open.
    TimedOut {
        /// The time there was.
        limit: Duration,
        /// Whether a write was under way.
        writing: bool,
        /// What was waited for; empty where it was a call.
        awaited: String,
    },
    /// It has been put into words where more was known.
    Told(Diagnostics),
}

impl Session {
    /// Begins an operation that may take as long as `limit`. Asks for the project where its id is not given.
    pub(super) async fn open(
        account: &Account,
        (region, project_id): (Option<&str>, Option<&str>),
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Self, Fault> {
        let client = account.client().map_err(Fault::Told)?;
        let deadline = Instant::now() + limit;
        let project = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Fault::Interrupted { writing: false }),
            opened = client.open((region, project_id), deadline, stop) => opened?,
            () = tokio::time::sleep_until(deadline) => {
                return Err(Fault::TimedOut { limit, writing: false, awaited: "The look for the project".to_owned() });
            }
        };
        Ok(Self { project, limit, deadline, stop: stop.clone() })
    }

    /// A call that changes nothing.
    pub(super) async fn read<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Fault::Interrupted { writing: false }),
            outcome = call => outcome.map_err(Fault::Call),
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
        let late = || Fault::TimedOut { limit: moment, writing: false, awaited: String::new() };
        let mut read = std::pin::pin!(read);
        loop {
            match tokio::time::timeout(moment, &mut read).await {
                Ok(outcome) => return outcome,
                Err(_) if self.project.is_throttled() => {}
                Err(_) => return Err(late()),
            }
        }
    }

    /// A call that changes something.
    pub(super) async fn write<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
        self.check()?;
        let end = async {
            let ended = self.stop.run_until_cancelled(tokio::time::sleep_until(self.deadline)).await;
            tokio::time::sleep(GRACE).await;
            match ended {
                None => Fault::Interrupted { writing: true },
                Some(()) => self.timed_out(String::new(), true),
            }
        };
        tokio::select! {
            biased;
            outcome = call => outcome.map_err(|error| match error.kind() {
                // It was still waiting for its turn.
                Kind::Unsent if self.stop.is_cancelled() => Fault::Interrupted { writing: false },
                _ => Fault::Call(error),
            }),
            fault = end => Err(fault),
        }
    }

    /// Waits a while for something, which is named in case the time is up before.
    pub(super) async fn pause(&self, pause: Duration, awaited: impl FnOnce() -> String) -> Result<(), Fault> {
        let until = (Instant::now() + pause).min(self.deadline);
        if self.stop.run_until_cancelled(tokio::time::sleep_until(until)).await.is_none() {
            return Err(Fault::Interrupted { writing: false });
        }
        if until == self.deadline { Err(self.timed_out(awaited(), false)) } else { Ok(()) }
    }

    /// Whether there is time and leave to begin anything.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.stop.is_cancelled() {
            return Err(Fault::Interrupted { writing: false });
        }
        if Instant::now() >= self.deadline { Err(self.timed_out(String::new(), false)) } else { Ok(()) }
    }

    fn timed_out(&self, awaited: String, writing: bool) -> Fault {
        Fault::TimedOut { limit: self.limit, writing, awaited }
    }
}

impl Fault {
    /// Whether the service says that the object is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_not_found())
    }

    /// Whether the region does not have the call.
    pub(super) fn is_not_published(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_not_published())
    }

    /// Whether the same call may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_transient())
    }

    /// Whether the service says this.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Call(error) if error.api().is_some_and(|error| error.code.as_deref() == Some(code)))
    }

    /// Whether the service refuses in one of the ways in which it may say "not yet" (which one, is not documented).
    pub(super) fn may_mean_not_yet(&self) -> bool {
        const NOT_YET: [&str; 4] =
            [code::NOT_SUPPORTED, code::SYSTEM_RESTRICTION, code::RESOURCE_UNAVAILABLE, code::SERVER_FAULT];
        let Self::Call(error) = self else { return false };
        error.api().and_then(|error| error.code.as_deref()).is_some_and(|code| NOT_YET.contains(&code))
    }

    /// Whether a write may have done its work all the same.
    pub(super) fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Call(error) => error.may_have_taken_effect(),
            Self::Interrupted { writing } | Self::TimedOut { writing, .. } => *writing,
            Self::Told(_) => false,
        }
    }

    /// An error. `summary` says what could not be done, `holds` what Terraform now holds and what to do.
    pub(super) fn tell(self, summary: &str, holds: &str) -> Diagnostics {
        let sent = if self.may_have_taken_effect() {
            "\n\nThe request was sent, and the service may have carried it out all the same."
        } else {
            ""
        };
        match self {
            Self::Call(error) => failure::call(summary, &error, holds).into(),
            Self::Interrupted { .. } => {
                let text = format!("The run was interrupted.{sent}\n\n{holds}");
                Diagnostic::error(format!("Interrupted: {summary}"), text).into()
            }
            Self::TimedOut { limit, awaited, .. } => {
                let what = if awaited.is_empty() { "It is".to_owned() } else { format!("{awaited} is") };
                let text = format!(
                    "{what} not done after {}.{sent}\n\n{holds}\n\nThe timeouts block of the resource sets how long it may \
                     take.",
                    humantime::format_duration(limit)
                );
                Diagnostic::error(format!("Timed Out: {summary}"), text).into()
            }
            Self::Told(diagnostics) => diagnostics,
        }
    }

    /// The same as a warning: the work was done, and what is missing comes with the next refresh.
    pub(super) fn warn(self, summary: &str, holds: &str) -> Diagnostics {
        match self {
            Self::Call(error) => failure::aside(summary, &error, holds).into(),
            Self::Interrupted { .. } => {
                Diagnostic::warning(summary, format!("The run was interrupted.\n\n{holds}")).into()
            }
            Self::TimedOut { limit, .. } => {
                let limit = humantime::format_duration(limit);
                let text = format!("The service gave no usable answer within {limit}.\n\n{holds}");
                Diagnostic::warning(summary, text).into()
            }
            Self::Told(diagnostics) => diagnostics.into_iter().map(Diagnostic::into_warning).collect(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Diagnostics> for Fault {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Told(diagnostics)
    }
}
