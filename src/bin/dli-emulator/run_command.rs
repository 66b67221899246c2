//! Runs a command beside the emulator, passes signals on to it, and returns its exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::process::Command;
#[cfg(not(unix))]
use std::process::{Child, ExitStatus};

/// Exit code if the emulator itself fails, as with `timeout` and `docker run`.
pub(crate) const EMULATOR_FAILED: u8 = 125;

/// The command cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {program:?}")]
pub(crate) struct RunError {
    program: OsString,
    source: io::Error,
}

impl RunError {
    /// The exit code that a shell has in this case.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.source.kind() == ErrorKind::NotFound { 127 } else { 126 }
    }
}

/// Runs a program until it ends and returns its exit code: 128 + N if signal N ended it, as in a shell.
///
/// Sets these environment variables, and removes those without a value.
pub(crate) async fn run(
    signals: Signals,
    command: (&OsString, &[OsString]),
    environment: BTreeMap<String, Option<String>>,
) -> Result<u8, RunError> {
    let (program, arguments) = command;
    let failed = |source| RunError { program: program.clone(), source };
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    prepare(&mut command);
    let mut child = command.spawn().map_err(failed)?;
    let status = wait(&mut child, signals).await.map_err(failed)?;
    Ok(exit_code(status))
}

#[cfg(unix)]
#[path = "job.rs"]
mod job;

#[cfg(unix)]
pub(crate) use job::Signals;
#[cfg(unix)]
use job::{exit_code, prepare, wait};

/// Ignores Ctrl-C, which also reaches the command, so that the emulator stops after the command.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "registering fails on Unix")]
    pub(crate) fn register() -> io::Result<Self> {
        tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
        Ok(Self)
    }
}

#[cfg(not(unix))]
fn prepare(_: &mut Command) {}

#[cfg(not(unix))]
async fn wait(child: &mut Child, _: Signals) -> io::Result<ExitStatus> {
    // The runtime has other threads that serve requests.
    tokio::task::block_in_place(|| child.wait())
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
