//! Runs a command beside the emulator, passes signals on to it, and returns its exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::process::{Child, Command, ExitStatus};

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
    let mut child = command.spawn().map_err(failed)?;
    let status = wait(&mut child, signals).await.map_err(failed)?;
    Ok(exit_code(status))
}

#[cfg(unix)]
pub(crate) use unix::Signals;
#[cfg(unix)]
use unix::{exit_code, wait};

#[cfg(unix)]
mod unix {
    use std::fs::{self, File};
    use std::os::unix::process::ExitStatusExt as _;

    use rustix::io::retry_on_intr;
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
    use rustix::termios::tcgetpgrp;
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::{Child, ExitStatus, io};

    const FORWARDED: [Signal; 6] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

    /// The signals that this process receives from now on.
    pub(crate) struct Signals(UnboundedReceiver<Signal>);

    impl Signals {
        /// Registers the handlers. They must exist before the command starts.
        pub(crate) fn register() -> io::Result<Self> {
            let (sender, receiver) = unbounded_channel();
            let ignored = ignored_signals();
            for number in FORWARDED {
                // A signal that is ignored, such as SIGHUP under nohup, stays ignored, also in the command.
                if ignored >> (number.as_raw() - 1) & 1 == 0 {
                    listen(number, sender.clone())?;
                }
            }
            Ok(Self(receiver))
        }
    }

    fn listen(number: Signal, sender: UnboundedSender<Signal>) -> io::Result<()> {
        let mut arrivals = signal(SignalKind::from_raw(number.as_raw()))?;
        tokio::spawn(async move { while arrivals.recv().await.is_some() && sender.send(number).is_ok() {} });
        Ok(())
    }

    /// The mask of ignored signals; zero where there is no `/proc`.
    fn ignored_signals() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    /// Waits until the command ends, and forwards signals until then.
    pub(super) async fn wait(child: &mut Child, Signals(mut signals): Signals) -> io::Result<ExitStatus> {
        let process = Pid::from_child(child);
        // Does not reap the process, so that its number cannot belong to another one when a signal is sent.
        let end = move || retry_on_intr(|| waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let mut ended = tokio::task::spawn_blocking(end);
        loop {
            tokio::select! {
                _ = &mut ended => return child.wait(),
                Some(number) = signals.recv() => {
                    let sent_by_terminal = [Signal::INT, Signal::QUIT].contains(&number) && is_in_foreground();
                    if !sent_by_terminal {
                        // It fails only if the command has ended.
                        let _ = kill_process(process, number);
                    }
                }
            }
        }
    }

    /// Whether Ctrl-C in the terminal reaches this process group, and so the command too. Terraform, for example,
    /// aborts at once on a second SIGINT.
    fn is_in_foreground() -> bool {
        let group = File::open("/dev/tty").and_then(|terminal| Ok(tcgetpgrp(terminal)?));
        group.is_ok_and(|group| group == getpgrp())
    }

    pub(super) fn exit_code(status: ExitStatus) -> u8 {
        let code = status.code().or_else(|| status.signal().map(|number| 128 + number));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}

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
async fn wait(child: &mut Child, _: Signals) -> io::Result<ExitStatus> {
    // The runtime has other threads that serve requests.
    tokio::task::block_in_place(|| child.wait())
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
