//! Ends the process on the client's Shutdown call, on a signal, or when the client has exited.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Interval of the check for the parent process. Linux's parent-death signal follows the parent's thread, and Go moves
/// work between threads.
#[cfg(unix)]
const PARENT_CHECK: Duration = Duration::from_millis(500);

/// Returns a unique key of the parent process, which all plugins of a run share.
#[cfg(unix)]
pub fn parent_process_key() -> Option<String> {
    let process = std::os::unix::process::parent_id();
    let (boot, start) = boot_and_start(process).unwrap_or_default();
    Some(format!("{boot}/{process}/{start}"))
}

/// Returns the arguments of the parent process; empty if they are unknown.
#[cfg(unix)]
pub fn parent_arguments() -> Vec<String> {
    let file = format!("/proc/{}/cmdline", std::os::unix::process::parent_id());
    let line = std::fs::read(file).unwrap_or_default();
    let arguments = line.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
    arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// Returns no arguments: only Unix identifies the parent process.
#[cfg(not(unix))]
pub fn parent_arguments() -> Vec<String> {
    Vec::new()
}

/// Whether the process with a key of [`parent_process_key`] still runs; `false` if that is unknown.
pub fn is_process_running(key: &str) -> bool {
    let process = key.split('/').nth(1).and_then(|process| process.parse().ok());
    let Some((process, (boot, start))) = process.and_then(|process| Some((process, boot_and_start(process)?))) else {
        return false;
    };
    key == format!("{boot}/{process}/{start}")
}

/// ID of the system's boot and start time of a running process; `None` if there is no such process, or outside Linux.
fn boot_and_start(process: u32) -> Option<(String, String)> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // A program's name may contain spaces and parentheses. The state is the first field after it, the start time the
    // 20th.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_running = !matches!(*fields.first()?, "Z" | "X");
    is_running.then_some((boot.trim().to_owned(), (*fields.get(19)?).to_owned()))
}

/// Returns `None`: only Unix identifies the parent process.
#[cfg(not(unix))]
pub fn parent_process_key() -> Option<String> {
    None
}

/// A request to shut down, shared by all parts of the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Shutdown {
    end: CancellationToken,
    by_client: Arc<AtomicBool>,
}

impl Shutdown {
    pub(super) fn request(&self) {
        self.end.cancel();
    }

    /// Requests the shutdown on behalf of the client.
    pub(super) fn request_by_client(&self) {
        self.by_client.store(true, Ordering::Release);
        self.request();
    }

    pub(super) fn requested_by_client(&self) -> bool {
        self.by_client.load(Ordering::Acquire)
    }

    /// Resolves once the shutdown is requested, or at once if it was already.
    pub(super) fn requested(&self) -> WaitForCancellationFutureOwned {
        self.end.clone().cancelled_owned()
    }
}

/// The cause of a shutdown without a Shutdown call.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub(super) enum ShutdownCause {
    /// SIGINT, or Ctrl-C where there are no signals; in debug mode only.
    #[display("interrupted")]
    Interrupt,
    #[cfg(unix)]
    #[display("terminated")]
    Terminate,
    #[cfg(unix)]
    #[display("the client exited")]
    ParentGone,
}

impl ShutdownCause {
    /// Returns whether the client may still wait for responses.
    pub(super) fn client_is_waiting(self) -> bool {
        match self {
            Self::Interrupt => false,
            #[cfg(unix)]
            Self::Terminate => true,
            #[cfg(unix)]
            Self::ParentGone => false,
        }
    }
}

/// Watches signals and the parent process.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct ShutdownWatcher {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    parent: u32,
    debug: bool,
}

#[cfg(unix)]
impl ShutdownWatcher {
    /// Installs the signal handlers. Call this before the handshake.
    ///
    /// Ctrl-C reaches the whole process group, but the client passes an interrupt on through `StopProvider`, so the
    /// process must survive it. SIGHUP is inherited, so that `nohup` works.
    pub(super) fn begin(debug: bool) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            parent: std::os::unix::process::parent_id(),
            debug,
        })
    }

    /// Resolves when the process has to end. In debug mode an interrupt ends it and the parent may exit.
    pub(super) async fn end(mut self) -> ShutdownCause {
        let mut check = tokio::time::interval(PARENT_CHECK);
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return ShutdownCause::Terminate,
                _ = self.interrupt.recv() => {
                    if self.debug {
                        return ShutdownCause::Interrupt;
                    }
                    tracing::debug!("ignoring interrupt; the client handles it");
                }
                _ = check.tick(), if !self.debug => {
                    if std::os::unix::process::parent_id() != self.parent {
                        return ShutdownCause::ParentGone;
                    }
                }
            }
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct ShutdownWatcher {
    debug: bool,
}

#[cfg(not(unix))]
impl ShutdownWatcher {
    #[expect(clippy::unnecessary_wraps, reason = "registering fails on Unix")]
    pub(super) fn begin(debug: bool) -> io::Result<Self> {
        Ok(Self { debug })
    }

    /// Resolves on Ctrl-C in debug mode. Otherwise the client ends the process.
    pub(super) async fn end(self) -> ShutdownCause {
        loop {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            if self.debug {
                return ShutdownCause::Interrupt;
            }
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn process_runs_until_it_is_reaped_or_dead() {
        let parent = parent_process_key().expect("Linux names the parent");
        assert!(is_process_running(&parent));
        assert!(!is_process_running(&format!("{parent}0")), "another start time");
        assert!(!is_process_running("") && !is_process_running("6e1a/x/1"));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep exists");
        let (boot, start) = boot_and_start(child.id()).expect("it runs");
        let key = format!("{boot}/{}/{start}", child.id());
        assert!(is_process_running(&key));
        child.kill().expect("it runs");
        // A killed process stays in the process table until it is waited for.
        while is_process_running(&key) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        child.wait().expect("it was killed");
        assert!(!is_process_running(&key));
    }
}
