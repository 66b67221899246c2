//! The command as a job with a process group of its own: it receives each signal of the emulator once, and the terminal
//! when it uses it.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use std::{io, iter};

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Masked};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process_group, waitid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

const FORWARDED: [Signal; 8] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP, Signal::USR1, Signal::USR2, Signal::WINCH];

/// `timeout` sends its signal to the process and to its group, so two equal signals within this time are one.
const SAME_SIGNAL: Duration = Duration::from_millis(50);

/// The pause before a job that uses the terminal in the background is continued without it.
const BACKGROUND_PAUSE: Duration = Duration::from_secs(1);

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

/// Puts the command into a process group of its own, so that a signal to the emulator's group reaches it only by
/// [`wait`]. Terraform, for example, aborts at once on a second SIGINT.
pub(super) fn prepare(command: &mut Command) {
    command.process_group(0);
}

/// Waits until the command ends, and forwards signals until then.
pub(super) async fn wait(child: &mut Child, Signals(mut signals): Signals) -> io::Result<ExitStatus> {
    // A process without a terminal cannot open it.
    let mut job = Job { group: Pid::from_child(child), terminal: File::open("/dev/tty").ok(), used_terminal: false };
    let mut last = None;
    let mut change = job.change();
    loop {
        tokio::select! {
            changed = &mut change => match changed?? {
                Some(number) => {
                    job.stopped(number).await;
                    change = job.change();
                }
                None => break,
            },
            Some(number) = signals.recv() => {
                let arrived = (number, Instant::now());
                if !is_repeated(last, arrived) {
                    job.send(number);
                }
                last = Some(arrived);
            }
        }
    }
    job.take_terminal();
    child.wait()
}

/// Whether a signal is the copy of the one before it that was sent to the group.
fn is_repeated(last: Option<(Signal, Instant)>, (number, at): (Signal, Instant)) -> bool {
    last.is_some_and(|(other, before)| other == number && at - before < SAME_SIGNAL)
}

pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|number| 128 + number));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The process group of the command.
struct Job {
    group: Pid,
    /// The terminal of the session, if there is one.
    terminal: Option<File>,
    /// Whether the command has used the terminal.
    used_terminal: bool,
}

impl Job {
    /// Waits until the command ends, or until the returned signal stops it.
    fn change(&self) -> JoinHandle<io::Result<Option<Signal>>> {
        let process = self.group;
        let wait = move |options| retry_on_intr(|| waitid(WaitId::Pid(process), options));
        spawn_blocking(move || {
            // Does not reap the process, so that its number cannot belong to another one when a signal is sent.
            let status = wait(WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT)?;
            let stopped = status.and_then(|status| status.stopping_signal());
            if stopped.is_some() {
                wait(WaitIdOptions::STOPPED | WaitIdOptions::NOHANG)?;
            }
            Ok(stopped.map(|number| Signal::from_named_raw(number).unwrap_or(Signal::STOP)))
        })
    }

    fn send(&self, number: Signal) {
        // It fails only if the command has ended.
        let _ = kill_process_group(self.group, number);
    }

    /// Continues a command that stopped because it uses the terminal, which it gets. The emulator's group stops with a
    /// command that Ctrl-Z stopped, and the command continues after it.
    async fn stopped(&mut self, number: Signal) {
        let needs_terminal = [Signal::TTIN, Signal::TTOU].contains(&number);
        if !needs_terminal && number != Signal::TSTP {
            return;
        }
        self.used_terminal |= needs_terminal;
        if !(needs_terminal && self.give_terminal()) {
            // Unlike SIGTSTP, this signal has no handler here. The system ignores it if no shell could continue us.
            let _ = kill_process_group(getpgrp(), Signal::TTIN);
            if !(self.used_terminal && self.give_terminal()) && needs_terminal {
                sleep(BACKGROUND_PAUSE).await;
            }
        }
        self.send(Signal::CONT);
    }

    /// Makes the command's group the foreground group, if ours is. The command gets the terminal only when it uses it,
    /// because another program may read the keyboard until then, such as `less` at the end of a pipe.
    fn give_terminal(&self) -> bool {
        self.change_foreground(getpgrp(), self.group)
    }

    /// Makes our group the foreground group, if the command's is.
    fn take_terminal(&self) {
        self.change_foreground(self.group, getpgrp());
    }

    fn change_foreground(&self, from: Pid, to: Pid) -> bool {
        let Some(terminal) = &self.terminal else { return false };
        // The system stops a background process that changes the foreground group, unless this signal is blocked.
        let blocked: SigSet = iter::once(Masked::SIGTTOU).collect();
        let Ok(mask) = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK) else { return false };
        let is_changed = tcgetpgrp(terminal) == Ok(from) && tcsetpgrp(terminal, to).is_ok();
        let _ = mask.thread_set_mask();
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `timeout` sends both copies at once. Two presses of Ctrl-C are further apart.
    #[test]
    fn signal_and_its_copy_count_once() {
        let now = Instant::now();
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        assert!(!is_repeated(None, (Signal::INT, now)));
        assert!(is_repeated(Some((Signal::INT, now)), (Signal::INT, after(1))));
        assert!(!is_repeated(Some((Signal::INT, now)), (Signal::TERM, after(1))));
        assert!(!is_repeated(Some((Signal::INT, now)), (Signal::INT, after(100))));
    }
}
